"""Long transfers over TLS by Python's ssl, whose two sides talk in memory; with their key log."""

from __future__ import annotations

import contextlib
import ssl
import tempfile
from functools import cache
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from events.testing.captures import Chunk

from ..helpers.certificates import certificate

SEGMENT = 1460


class Long(NamedTuple):
    """A transfer.

    Attributes:
        chunks: what was on the wire, as segments.
        key_log: its lines.
        request, answer: the application data. The answer counts its own words, so that what is missing of it shows.
    """

    chunks: list[Chunk]
    key_log: list[str]
    request: bytes
    answer: bytes


def counted(size: int) -> bytes:
    """So many bytes, every eight of which say where they are."""
    return b"".join(b"%07d " % at for at in range(0, size, 8))[:size]


@cache
def transfer(version: str = "TLSv1_3", ciphers: str = "", size: int = 300_000) -> Long:
    """A transfer of so many bytes from the server.

    Args:
        version: one of `ssl.TLSVersion`.
        ciphers: those of OpenSSL that may be used; of TLS 1.3 all.
        size: of the answer.
    """
    made, key = certificate()
    with tempfile.TemporaryDirectory() as folder:
        log, pem = Path(folder) / "log", Path(folder) / "pem"
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        pem.write_bytes(made.public_bytes(Encoding.PEM) + private)
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(pem)
        client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
        for context in (client, server):
            context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
            if ciphers:
                context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
        client.keylog_filename = str(log)
        request, answer = b"GET / HTTP/1.1\r\n\r\n", counted(size)
        chunks = _talk(client, server, request, answer)
        return Long(chunks, log.read_text().splitlines(), request, answer)


def _talk(
    client: ssl.SSLContext, server: ssl.SSLContext, request: bytes, answer: bytes
) -> list[Chunk]:
    received = {side: ssl.MemoryBIO() for side in (True, False)}
    sent = {side: ssl.MemoryBIO() for side in (True, False)}
    sides = {
        True: client.wrap_bio(received[True], sent[True], server_hostname="server.example"),
        False: server.wrap_bio(received[False], sent[False], server_side=True),
    }
    chunks: list[Chunk] = []

    def flush(side: bool) -> None:
        data = sent[side].read()
        received[not side].write(data)
        chunks.extend((side, data[at : at + SEGMENT]) for at in range(0, len(data), SEGMENT))

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
    sides[True].write(request)
    flush(True)
    sides[False].write(answer)
    flush(False)
    for side in (True, False):
        try:
            while sides[side].read(2**16):
                pass
        except ssl.SSLWantReadError:
            pass
        with contextlib.suppress(ssl.SSLError):
            sides[side].unwrap()
        flush(side)
    return chunks
