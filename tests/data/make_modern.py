"""Make the captures `modern-*.pcap` in this folder, with the newest of OpenSSL: the one that the cryptography package
brings along (4.0 and later).

    python -m tests.data.make_modern

Needs pyOpenSSL (PyPI). Both sides talk in memory; the captures hold that, as TCP segments between addresses for
documentation.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from events.testing.captures import Chunk, packets, write

from .make import HERE, prepare

# SSL_OP_ECH_GREASE of OpenSSL 4.0: an encrypted_client_hello that no server can tell from a real one.
_ECH_GREASE = 1 << 37

CONTEXTS = {"modern-x25519mlkem768": 0, "modern-ech": _ECH_GREASE}


def talk(folder: Path, options: int) -> list[Chunk]:
    """A handshake, and a line from the client."""
    from OpenSSL import SSL

    contexts = {side: SSL.Context(SSL.TLS_METHOD) for side in (True, False)}
    contexts[False].use_certificate_file(str(folder / "ec.crt"))
    contexts[False].use_privatekey_file(str(folder / "ec.key"))
    contexts[True].set_options(options)
    sides = {side: SSL.Connection(context, None) for side, context in contexts.items()}
    sides[True].set_connect_state()
    sides[True].set_tlsext_host_name(b"server.example")
    sides[False].set_accept_state()
    chunks: list[Chunk] = []

    def pass_on(side: bool) -> None:
        try:
            data = sides[side].bio_read(2**16)
        except SSL.WantReadError:
            return
        chunks.append((side, data))
        sides[not side].bio_write(data)

    waiting = {True, False}
    while waiting:
        for side in (True, False):
            try:
                sides[side].do_handshake()
                waiting.discard(side)
            except SSL.WantReadError:
                pass
            pass_on(side)
    sides[True].send(b"hello, this is the client\n")
    pass_on(True)
    return chunks


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        prepare(folder)
        for name, options in CONTEXTS.items():
            chunks = talk(folder, options)
            write(HERE / f"{name}.pcap", packets(chunks))
            print(f"{name}: {[len(data) for _, data in chunks]} bytes")


if __name__ == "__main__":
    main()
