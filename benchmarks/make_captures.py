"""Make the captures that the benchmarks read, from real handshakes of OpenSSL (through Python's ssl and pyOpenSSL) and of
aioquic.

    python -m benchmarks.make_captures [--connections N] [FOLDER]

`handshakes.pcap`: 2,000 connections, half TLS 1.2 and half TLS 1.3, with SNI and ALPN, 2 KB of data each.
`bulk.pcap`: 300 connections with 300 KB each.
`secrets.pcap`, `secrets.log`: the same with AES-128-GCM in both versions, and their key log.
`quic.pcap`: 2,000 connections of QUIC, with 2 KB of data each.
"""

from __future__ import annotations

import argparse
import contextlib
import ssl
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from events.testing import quic
from events.testing.captures import Chunk, Ends, Packet, datagrams, packets, write

if TYPE_CHECKING:
    from OpenSSL import SSL

DEFAULT_FOLDER = Path(__file__).parent / "captures"


REQUEST = b"GET / HTTP/1.1\r\nHost: server.example\r\n\r\n"
PIECE = 16384


_KEYS = {"rsa": "rsa:2048", "ec": "ec -pkeyopt ec_paramgen_curve:prime256v1"}
"""Kinds of keys, as openssl is asked for them."""


def _key_and_certificate(folder: Path, kind: str = "rsa") -> tuple[Path, Path]:
    key, certificate = folder / f"{kind}-key.pem", folder / f"{kind}-certificate.pem"
    if not key.exists():
        command = (
            f"openssl req -x509 -nodes -newkey {_KEYS[kind]} -days 30 -subj /CN=server.example"
        )
        subprocess.run(
            [*command.split(), "-keyout", str(key), "-out", str(certificate)],
            check=True,
            capture_output=True,
        )
    return key, certificate


def contexts(folder: Path, version: ssl.TLSVersion) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The contexts of a client, and of a server with a new key."""
    key, certificate = _key_and_certificate(folder)
    client, server = (
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER),
    )
    server.load_cert_chain(certificate, key)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    for context in (client, server):
        context.minimum_version = context.maximum_version = version
        context.set_alpn_protocols(["h2", "http/1.1"])
    return client, server


def quic_configurations(folder: Path) -> tuple[Any, Any]:
    """Those of a client of QUIC, and of a server with a key in a folder."""
    key, certificate = _key_and_certificate(folder, "ec")
    client, server = quic.configurations()
    server.load_cert_chain(certificate, key)
    return client, server


def talk(client: ssl.SSLContext, server: ssl.SSLContext, size: int) -> list[Chunk]:
    """What a client and a server say to each other: a handshake, a short request, `size` bytes, the end."""
    received = {side: ssl.MemoryBIO() for side in (True, False)}
    sent = {side: ssl.MemoryBIO() for side in (True, False)}
    sides = {
        True: client.wrap_bio(received[True], sent[True], server_hostname="server.example"),
        False: server.wrap_bio(received[False], sent[False], server_side=True),
    }
    chunks: list[Chunk] = []

    def flush(side: bool) -> None:
        data = sent[side].read()
        if data:
            chunks.append((side, data))
            received[not side].write(data)

    waiting = {True, False}
    while waiting:
        for side in (True, False):
            if side in waiting:
                try:
                    sides[side].do_handshake()
                    waiting.discard(side)
                except ssl.SSLWantReadError:
                    pass
            flush(side)
    sides[True].write(REQUEST)
    flush(True)
    for at in range(0, size, PIECE):
        sides[False].write(bytes(min(PIECE, size - at)))
        flush(False)
    return chunks


def plain(folder: Path, count: int, size: int) -> Iterator[list[Chunk]]:
    """Connections in TLS 1.2 and TLS 1.3 in turn, without their secrets."""
    versions = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
    pairs = [contexts(folder, version) for version in versions]
    for index in range(count):
        yield talk(*pairs[index % 2], size)


def with_secrets(folder: Path, count: int, size: int, keylog: Path) -> Iterator[list[Chunk]]:
    """The same, all with AES-128-GCM, and with a key log. Python's ssl has no choice of cipher suites in TLS 1.3."""
    from OpenSSL import SSL

    key, certificate = _key_and_certificate(folder)
    with keylog.open("wb") as log:

        def pair(version: int) -> tuple[SSL.Context, SSL.Context]:
            client, server = SSL.Context(SSL.TLS_CLIENT_METHOD), SSL.Context(SSL.TLS_SERVER_METHOD)
            server.use_privatekey_file(str(key))
            server.use_certificate_file(str(certificate))
            for context in (client, server):
                context.set_min_proto_version(version)
                context.set_max_proto_version(version)
                context.set_cipher_list(b"ECDHE-RSA-AES128-GCM-SHA256")
                context.set_tls13_ciphersuites(b"TLS_AES_128_GCM_SHA256")
            client.set_keylog_callback(lambda _, line: log.write(line + b"\n"))
            return client, server

        pairs = [pair(SSL.TLS1_2_VERSION), pair(SSL.TLS1_3_VERSION)]
        for index in range(count):
            yield _talk_with_openssl(*pairs[index % 2], size)


def _talk_with_openssl(client: SSL.Context, server: SSL.Context, size: int) -> list[Chunk]:
    from OpenSSL import SSL

    sides = {True: SSL.Connection(client, None), False: SSL.Connection(server, None)}
    sides[True].set_connect_state()
    sides[False].set_accept_state()
    chunks: list[Chunk] = []

    def flush(side: bool) -> None:
        with contextlib.suppress(SSL.WantReadError):
            while data := sides[side].bio_read(2**20):
                chunks.append((side, data))
                sides[not side].bio_write(data)

    waiting = {True, False}
    while waiting:
        for side in (True, False):
            if side in waiting:
                with contextlib.suppress(SSL.WantReadError):
                    sides[side].do_handshake()
                    waiting.discard(side)
            flush(side)
    sides[True].send(REQUEST)
    flush(True)
    for at in range(0, size, PIECE):
        sides[False].send(bytes(min(PIECE, size - at)))
        flush(False)
    return chunks


def conversations(talks: Iterable[list[Chunk]], spacing: float) -> Iterator[tuple[float, bytes]]:
    """The packets of connections, of which each begins `spacing` seconds after the one before it."""
    held: list[Packet] = []
    for index, chunks in enumerate(talks):
        start = 1_700_000_000 + index * spacing
        ends = Ends(
            orig_h=f"10.{index >> 16 & 255}.{index >> 8 & 255}.{index & 255}",
            orig_p=1024 + index % 60000,
        )
        held += packets(
            chunks,
            ends=ends,
            start=start,
            isn=(index * 7919, index * 104729),
            acknowledge=False,
        )
        held.sort(key=lambda packet: packet[0])
        ready = 0
        while ready < len(held) and held[ready][0] < start + spacing:
            ready += 1
        yield from held[:ready]
        del held[:ready]
    yield from held


def quic_connections(folder: Path, count: int, spacing: float) -> Iterator[Packet]:
    """The packets of `count` connections of QUIC, one after the other."""
    for index in range(count):
        ends = Ends(
            orig_h=f"10.{index >> 16 & 255}.{index >> 8 & 255}.{index & 255}",
            orig_p=1024 + index % 60000,
        )
        start = 1_700_000_000 + index * spacing
        chunks = quic.talk(*quic_configurations(folder), answer_size=2_000)
        yield from datagrams(chunks, ends=ends, start=start, step=spacing / 20)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=DEFAULT_FOLDER)
    parser.add_argument(
        "--connections",
        type=int,
        default=2000,
        help="of handshakes.pcap (default 2000)",
    )
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        for name, count, size in (
            ("handshakes", options.connections, 2_000),
            ("bulk", 300, 300_000),
        ):
            path = options.folder / f"{name}.pcap"
            write(path, conversations(plain(Path(temporary), count, size), 0.004))
            print(f"{path}: {count} connections, {path.stat().st_size:,} bytes")
        keylog = options.folder / "secrets.log"
        path = options.folder / "secrets.pcap"
        talks = with_secrets(Path(temporary), 300, 300_000, keylog)
        write(path, conversations(talks, 0.004))
        print(f"{path}: 300 connections, {path.stat().st_size:,} bytes")
        path = options.folder / "quic.pcap"
        write(path, quic_connections(Path(temporary), options.connections, 0.004))
    print(f"{path}: {options.connections} connections, {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
