"""Make the captures in the folder `other`: protocols that are neither TLS nor DTLS, between real programs.

    python -m tests.data.make_other

HTTP (Python's http.server and http.client), SMTP with a mail that quotes TLS records (aiosmtpd, PyPI), and QUIC, whose
TLS is inside its own encryption (aioquic, PyPI).
"""

from __future__ import annotations

import http.client
import smtplib
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ..conversation import Chunk, datagrams, packets, payloads, write
from .make import HERE, free_port, prepare, relay, wait_for

OTHER = HERE / "other"


def http_session() -> list[Chunk]:
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)],
        cwd=HERE,
        stderr=subprocess.DEVNULL,
    )
    chunks: list[Chunk] = []
    try:
        wait_for(port)
        listener, thread = relay(port, chunks)
        client = http.client.HTTPConnection("127.0.0.1", listener.getsockname()[1])
        # Captures are full of TLS, which stands in the body here.
        client.request("GET", "/tls13.pcap")
        client.getresponse().read()
        client.close()
        thread.join(5)
    finally:
        server.kill()
        server.wait()
    return chunks


def smtp_session() -> list[Chunk]:
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "aiosmtpd", "-n", "-l", f"127.0.0.1:{port}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    chunks: list[Chunk] = []
    try:
        wait_for(port)
        listener, thread = relay(port, chunks)
        client = smtplib.SMTP("127.0.0.1", listener.getsockname()[1])
        hello = payloads(HERE / "tls13.pcap")[0][1]
        client.sendmail("a@example.com", ["b@example.com"], b"Subject: bytes\r\n\r\n" + hello)
        client.quit()
        thread.join(5)
    finally:
        server.kill()
        server.wait()
    return chunks


def quic_session() -> list[Chunk]:
    from aioquic.quic.configuration import QuicConfiguration
    from aioquic.quic.connection import QuicConnection

    with tempfile.TemporaryDirectory() as temporary:
        prepare(Path(temporary))
        ours = QuicConfiguration(is_client=True, server_name="server.example", verify_mode=False)
        theirs = QuicConfiguration(is_client=False)
        theirs.load_cert_chain(Path(temporary, "ec.crt"), Path(temporary, "ec.key"))
    client = QuicConnection(configuration=ours)
    server = QuicConnection(
        configuration=theirs,
        original_destination_connection_id=client.original_destination_connection_id,
    )
    client.connect(("192.0.2.1", 1), now=time.time())
    chunks: list[Chunk] = []
    sides = {True: client, False: server}
    for _ in range(6):
        for side in (True, False):
            for data, _ in sides[side].datagrams_to_send(now=time.time()):
                chunks.append((side, data))
                sides[not side].receive_datagram(data, ("192.0.2.1", 1), now=time.time())
        client.send_stream_data(0, b"hello, this is the client\n")
    return chunks


def main() -> None:
    for name, chunks in (("http", http_session()), ("smtp", smtp_session())):
        write(OTHER / f"{name}.pcap", packets(chunks))
        print(f"{name}: {len(chunks)} chunks")
    chunks = quic_session()
    write(OTHER / "quic.pcap", datagrams(chunks))
    print(f"quic: {len(chunks)} datagrams")


if __name__ == "__main__":
    main()
