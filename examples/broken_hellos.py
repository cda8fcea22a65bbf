"""Send a hundred broken variants of a ClientHello to a server, and print how it answers each.

    python examples/broken_hellos.py [HOST PORT]

Without an address, a server of OpenSSL is started on the loopback interface; that needs the openssl program. Send them to
servers of your own only.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator

from client_hello import client_hello

import events
import tlsgrammar

COUNT = 100
PATIENCE = 0.2  # seconds
HEADER_SIZE = 5


def answer(address: tuple[str, int], data: bytes) -> str:
    """What a server answers to some bytes: an alert, a ServerHello, the end of the connection, or nothing in time."""
    analyzer = events.Analyzer()
    with socket.create_connection(address, timeout=PATIENCE) as connection:
        try:
            connection.sendall(data)
            while received := connection.recv(65536):
                for event in analyzer.deliver(received, is_orig=False):
                    if isinstance(event, events.SslAlert):
                        name = tlsgrammar.names.ALERT_DESCRIPTIONS.name(event.desc)
                        return f"alert {name}"
                    if isinstance(event, events.SslServerHello):
                        return "ServerHello"
        except TimeoutError:
            return "nothing in time"
        except ConnectionError:
            return "reset"
    return "closed"


@contextlib.contextmanager
def server() -> Iterator[tuple[str, int]]:
    """A server of OpenSSL, with a certificate that it has made for itself; its address."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        host, port = probe.getsockname()
    with tempfile.TemporaryDirectory() as folder:
        request = (
            "req -x509 -nodes -newkey rsa:2048 -keyout key.pem -out cert.pem -subj /CN=localhost"
        )
        quiet = {"cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run(["openssl", *request.split()], check=True, **quiet)
        serve = f"s_server -accept {port} -key key.pem -cert cert.pem -quiet"
        process = subprocess.Popen(["openssl", *serve.split()], stdin=subprocess.PIPE, **quiet)
        try:
            for _ in range(100):
                with contextlib.suppress(OSError):
                    socket.create_connection((host, port)).close()
                    break
                time.sleep(0.05)
            yield host, port
        finally:
            process.kill()
            process.wait()


def main(address: tuple[str, int]) -> None:
    """Send the variants, and print a line for each and a count of the answers."""
    record = client_hello("server.example")
    message = record[HEADER_SIZE:]
    counts: Counter[str] = Counter()
    for mutation in tlsgrammar.mutations.of(tlsgrammar.Handshake, message, count=COUNT):
        # What is broken is the message: the record around it is as long as it is.
        fragment = mutation.data[: 2**14]
        wire = record[:3] + len(fragment).to_bytes(2, "big") + fragment
        found = answer(address, wire)
        counts[found] += 1
        print(f"{found:<28} {mutation}")
    print()
    for found, count in counts.most_common():
        print(f"{count:4} {found}")


if __name__ == "__main__":
    if len(sys.argv) == 3:
        main((sys.argv[1], int(sys.argv[2])))
    elif len(sys.argv) != 1:
        sys.exit(__doc__)
    elif shutil.which("openssl") is None:
        sys.exit("there is no openssl program: give the address of a server")
    else:
        with server() as started:
            main(started)
