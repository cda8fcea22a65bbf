"""Make the captures in the folder `dtls`: DTLS handshakes between real stacks on this machine.

    python -m tests.data.make_datagrams [NAME...]

Needs `openssl` and `gnutls-serv`/`gnutls-cli` (Debian: openssl, gnutls-bin); and for DTLS 1.3 the example programs
of wolfSSL, built with `--enable-dtls --enable-dtls13 --enable-dtlscid --enable-dtls-mtu --enable-tls13 --enable-hrrcookie`,
in the folder that the environment variable WOLFSSL names.

A relay on loopback writes down each datagram, and loses some of them after that, so that the captures hold what
was sent again.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from events.testing.captures import Chunk, datagrams, write

from .make import HERE, OLD, gnutls, prepare


class Run(NamedTuple):
    """One capture.

    Attributes:
        server, client: the commands; {} stands for the port.
        lost: which datagrams the relay loses, by their numbers from 0, all of both sides counted.
        folder: where the commands are run; that with the keys where it is None.
    """

    server: Sequence[str]
    client: Sequence[str]
    lost: Collection[int] = ()
    folder: str | None = None


Commands = tuple[list[str], list[str]]
"""That of the server, and that of the client."""


def openssl(version: str, *options: str, listen: bool = False, mtu: int = 0) -> Commands:
    small = ["-mtu", str(mtu)] if mtu else []
    server = [
        "openssl",
        "s_server",
        "-accept",
        "{}",
        "-cert",
        "rsa.crt",
        "-key",
        "rsa.key",
        "-quiet",
    ]
    client = ["openssl", "s_client", "-connect", "127.0.0.1:{}", "-servername", "server.example"]
    common = [version, "-cipher", OLD, *small, *options]
    return [*server, *common, *(["-listen"] if listen else [])], [*client, *common]


def gnutls_udp(priority: str, mtu: int) -> Commands:
    server, client = gnutls(priority=priority)
    more = ["--udp", "--mtu", str(mtu)]
    return [*server, *more], [*client, *more]


def wolfssl(*options: str, mtu: int = 1400) -> Commands:
    server = f"./examples/server/server -u {mtu} -v 4 -p {{}} -d".split()
    client = f"./examples/client/client -u {mtu} -v 4 -p {{}} -d -S server.example".split()
    return [*server, *options], [*client, *options]


WOLFSSL = os.environ.get("WOLFSSL", "")

RUNS = {
    "dtls10-openssl": Run(*openssl("-dtls1", "-cipher", "ECDHE-RSA-AES128-SHA:@SECLEVEL=0")),
    "dtls12-openssl": Run(*openssl("-dtls1_2", "-alpn", "h2")),
    "dtls12-openssl-cookie": Run(*openssl("-dtls1_2", listen=True)),
    "dtls12-openssl-fragments": Run(*openssl("-dtls1_2", mtu=256)),
    "dtls12-openssl-loss": Run(*openssl("-dtls1_2", mtu=256), lost={2, 4, 11, 13}),
    "dtls10-gnutls": Run(
        *gnutls_udp("NORMAL:-VERS-ALL:+VERS-DTLS1.0:+SHA1:%VERIFY_ALLOW_SIGN_WITH_SHA1", 1200)
    ),
    "dtls12-gnutls-fragments": Run(*gnutls_udp("NORMAL:-VERS-ALL:+VERS-DTLS1.2", 300)),
    "dtls12-gnutls-loss": Run(*gnutls_udp("NORMAL:-VERS-ALL:+VERS-DTLS1.2", 300), lost={4, 7}),
    "dtls13-wolfssl": Run(*wolfssl(), folder=WOLFSSL),
    "dtls13-wolfssl-cid": Run(*wolfssl("--cid", "id"), folder=WOLFSSL),
    "dtls13-wolfssl-fragments": Run(*wolfssl(mtu=700), folder=WOLFSSL),
    "dtls13-wolfssl-loss": Run(*wolfssl(), lost={1, 3, 6}, folder=WOLFSSL),
}


def relay(port: int, lost: Collection[int], chunks: list[Chunk], stop: threading.Event) -> int:
    """A relay in front of a server, which runs until `stop` is set; its port."""
    front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    front.bind(("127.0.0.1", 0))
    back = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    back.connect(("127.0.0.1", port))

    def serve() -> None:
        client = None
        while not stop.is_set():
            ready, _, _ = select.select([front, back], [], [], 0.1)
            for source in ready:
                with contextlib.suppress(OSError):
                    data, address = source.recvfrom(65536)
                    client = address if source is front else client
                    chunks.append((source is front, data))
                    if len(chunks) - 1 in lost:
                        continue
                    if source is front:
                        back.send(data)
                    elif client is not None:
                        front.sendto(data, client)

    threading.Thread(target=serve, daemon=True).start()
    own: int = front.getsockname()[1]
    return own


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def record(run: Run, keys: Path) -> list[Chunk]:
    """What client and server say to each other."""
    port = free_port()
    chunks: list[Chunk] = []
    stop = threading.Event()
    folder = run.folder or keys

    def start(command: Sequence[str], to: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [word.replace("{}", str(to)) for word in command],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    server = start(run.server, port)
    try:
        time.sleep(1)
        client = start(run.client, relay(port, run.lost, chunks, stop))
        assert client.stdin is not None
        # Long enough for what was lost to be sent again, more than once.
        time.sleep(4 if run.lost else 1.5)
        with contextlib.suppress(BrokenPipeError):
            client.stdin.write(b"hello, this is the client\n")
            client.stdin.flush()
            time.sleep(0.5)
            client.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            client.wait(2)
        client.kill()
        client.wait()
    finally:
        stop.set()
        server.kill()
        server.wait()
    return chunks


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        keys = Path(temporary)
        prepare(keys)
        for name in sys.argv[1:] or list(RUNS):
            if RUNS[name].folder == "":
                print(f"{name}: left out, WOLFSSL names no folder")
                continue
            chunks = record(RUNS[name], keys)
            write(HERE / "dtls" / f"{name}.pcap", datagrams(chunks))
            print(f"{name}: {len(chunks)} datagrams")


if __name__ == "__main__":
    main()
