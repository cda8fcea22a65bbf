"""Make the captures that the benchmarks read, from real handshakes of OpenSSL (through Python's ssl) and of aioquic.

    python -m benchmarks.make_captures [--connections N] [FOLDER]

`handshakes.pcap`: 2,000 connections, half TLS 1.2 and half TLS 1.3, with SNI and ALPN, 2 KB of data each.
`bulk.pcap`: 300 connections with 300 KB each.
`secrets.pcap`, `secrets.log`: the same with TLS_AES_128_GCM_SHA256 and its like of TLS 1.2, and their key log.
`quic.pcap`: 2,000 connections of QUIC, with 2 KB of data each.
"""

from __future__ import annotations

import argparse
import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests import quic
from tests.conversation import Chunk, Ends, Packet, datagrams, packets, write

DEFAULT_FOLDER = Path(__file__).parent / "captures"


def contexts(
    folder: Path, version: ssl.TLSVersion, keylog: Path | None = None
) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The contexts of a client and of a server with a new key; with a key log they use AES-128-GCM up to TLS 1.2."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    if not key.exists():
        command = "openssl req -x509 -nodes -newkey rsa:2048 -days 30 -subj /CN=server.example"
        subprocess.run(
            [*command.split(), "-keyout", str(key), "-out", str(certificate)],
            check=True,
            capture_output=True,
        )
    client, server = (
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER),
    )
    server.load_cert_chain(certificate, key)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    for context in (client, server):
        context.minimum_version = context.maximum_version = version
        context.set_alpn_protocols(["h2", "http/1.1"])
        if keylog is not None:
            context.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")
    if keylog is not None:
        client.keylog_filename = str(keylog)
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
    sides[True].write(b"GET / HTTP/1.1\r\nHost: server.example\r\n\r\n")
    flush(True)
    for at in range(0, size, 16384):
        sides[False].write(bytes(min(16384, size - at)))
        flush(False)
    return chunks


def conversations(
    folder: Path, count: int, size: int, spacing: float, keylog: Path | None = None
) -> Iterator[tuple[float, bytes]]:
    """The packets of `count` connections, of which each begins `spacing` seconds after the one before it."""
    versions = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
    pairs = [contexts(folder, version, keylog) for version in versions]
    held: list[Packet] = []
    for index in range(count):
        start = 1_700_000_000 + index * spacing
        ends = Ends(
            orig_h=f"10.{index >> 16 & 255}.{index >> 8 & 255}.{index & 255}",
            orig_p=1024 + index % 60000,
        )
        chunks = talk(*pairs[index % 2], size)
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


def quic_connections(count: int, spacing: float) -> Iterator[Packet]:
    """The packets of `count` connections of QUIC, one after the other."""
    for index in range(count):
        ends = Ends(
            orig_h=f"10.{index >> 16 & 255}.{index >> 8 & 255}.{index & 255}",
            orig_p=1024 + index % 60000,
        )
        start = 1_700_000_000 + index * spacing
        chunks = quic.talk(*quic.configurations(), answer_size=2_000)
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
            write(path, conversations(Path(temporary), count, size, 0.004))
            print(f"{path}: {count} connections, {path.stat().st_size:,} bytes")
        keylog = options.folder / "secrets.log"
        keylog.unlink(missing_ok=True)
        path = options.folder / "secrets.pcap"
        write(path, conversations(Path(temporary), 300, 300_000, 0.004, keylog))
        print(f"{path}: 300 connections, {path.stat().st_size:,} bytes")
    path = options.folder / "quic.pcap"
    write(path, quic_connections(options.connections, 0.004))
    print(f"{path}: {options.connections} connections, {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
