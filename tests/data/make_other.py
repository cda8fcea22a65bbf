"""Make the captures in the folder `other`: protocols that are not TLS, between real programs.

    python -m tests.data.make_other

HTTP (Python's http.server and http.client), and SMTP with a mail that quotes TLS records (aiosmtpd, PyPI).
"""

from __future__ import annotations

import http.client
import smtplib
import subprocess
import sys

from events.testing.captures import Chunk, packets, payloads, write

from .make import HERE, free_port, relay, wait_for

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


def main() -> None:
    for name, chunks in (("http", http_session()), ("smtp", smtp_session())):
        write(OTHER / f"{name}.pcap", packets(chunks))
        print(f"{name}: {len(chunks)} chunks")


if __name__ == "__main__":
    main()
