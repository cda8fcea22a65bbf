"""TLS handshakes by Python's ssl over the loopback interface: `python -m tests.helpers.handshakes 1000`.

What may live here: that, as a command of its own, so that it can run in another network.
"""

from __future__ import annotations

import socket
import ssl
import sys
import tempfile
import threading
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from .certificates import certificate

_HOST = "127.0.0.1"


def contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """That of a client, which trusts everybody, and that of a server."""
    made, key = certificate()
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        pem = Path(folder) / "pem"
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        pem.write_bytes(made.public_bytes(Encoding.PEM) + private)
        server.load_cert_chain(pem)
    return client, server


def shake_hands(count: int, port: int = 0) -> None:
    """So many handshakes in a row; the server of each is named host0.example, host1.example ..."""
    client, server = contexts()
    with socket.create_server((_HOST, port)) as listening:
        answering = threading.Thread(target=_answer, args=(listening, server, count), daemon=True)
        answering.start()
        for index in range(count):
            plain = socket.create_connection(listening.getsockname())
            with client.wrap_socket(plain, server_hostname=f"host{index}.example") as tls:
                tls.sendall(b"x")
                tls.recv(1)
        answering.join()


def _answer(listening: socket.socket, server: ssl.SSLContext, count: int) -> None:
    for _ in range(count):
        plain, _ = listening.accept()
        with server.wrap_socket(plain, server_side=True) as tls:
            tls.sendall(tls.recv(1))


if __name__ == "__main__":
    shake_hands(*map(int, sys.argv[1:]))
