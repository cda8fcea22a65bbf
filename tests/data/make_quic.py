"""Make the captures in the folder `quic`: QUIC connections between real stacks on this machine.

    python -m tests.data.make_quic [NAME...]

Needs aioquic (PyPI), whose two sides talk in memory; `gtlsclient` and `gtlsserver` of ngtcp2 (Debian: ngtcp2-client,
ngtcp2-server); and `chromium`. Those talk through a relay on loopback that writes down each datagram.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from events.testing.captures import Chunk, datagrams, write
from events.testing.quic import talk

from ..helpers.certificates import certificate
from ..helpers.quic import configurations
from .make import HERE, prepare
from .make_datagrams import Run, free_port, record, relay

VERSION_1, VERSION_2 = 0x00000001, 0x6B3343CF


def aioquic(version: int, **options: Any) -> list[Chunk]:
    client, server = configurations()
    client.original_version = version
    client.supported_versions = server.supported_versions = [version]
    return talk(client, server, **options)


def version_negotiation() -> list[Chunk]:
    client, server = configurations()
    client.original_version = VERSION_2
    client.supported_versions = [VERSION_2, VERSION_1]
    server.supported_versions = [VERSION_1]
    return talk(client, server)


def early_data() -> list[Chunk]:
    """Two connections, of which the second resumes the first."""
    found: list[Any] = []
    known: dict[bytes, Any] = {}
    first = talk(*configurations(), on_ticket=found.append, tickets=known)
    return first + talk(*configurations(), ticket=found[0], tickets=known, early=b"early")


def ngtcp2(server: str = "", client: str = "") -> Callable[[], list[Chunk]]:
    def made() -> list[Chunk]:
        with tempfile.TemporaryDirectory() as temporary:
            keys = Path(temporary)
            prepare(keys)
            commands = (
                f"/usr/sbin/gtlsserver -q {server} 127.0.0.1 {{}} ec.key ec.crt".split(),
                f"gtlsclient -q {client} --exit-on-all-streams-close 127.0.0.1 {{}} "
                "https://server.example/".split(),
            )
            return record(Run(*commands), keys)

    return made


def chromium() -> list[Chunk]:
    """Chromium, which is made to speak QUIC with a server of aioquic's."""
    import base64
    import hashlib

    from aioquic.asyncio.server import serve
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    port = free_port()
    _, server = configurations()

    def run() -> None:
        async def forever() -> None:
            await serve("127.0.0.1", port, configuration=server)
            await asyncio.Event().wait()

        asyncio.run(forever())

    threading.Thread(target=run, daemon=True).start()
    time.sleep(1)
    chunks: list[Chunk] = []
    stop = threading.Event()
    front = relay(port, (), chunks, stop)
    made, _ = certificate()
    public = made.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    pin = base64.b64encode(hashlib.sha256(public).digest()).decode()
    with tempfile.TemporaryDirectory() as profile:
        command = [
            *(
                "chromium",
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                f"--user-data-dir={profile}",
            ),
            *("--enable-quic", f"--origin-to-force-quic-on=server.example:{front}"),
            f"--host-resolver-rules=MAP server.example:{front} 127.0.0.1:{front}",
            f"--ignore-certificate-errors-spki-list={pin}",
            *("--timeout=4000", "--dump-dom", f"https://server.example:{front}/"),
        ]
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(command, timeout=15, capture_output=True, check=False)
    stop.set()
    return chunks


RUNS: dict[str, Callable[[], list[Chunk]]] = {
    "aioquic-v1": lambda: aioquic(VERSION_1),
    "aioquic-v2": lambda: aioquic(VERSION_2),
    "aioquic-retry": lambda: aioquic(VERSION_1, retry=True),
    "aioquic-v2-retry": lambda: aioquic(VERSION_2, retry=True),
    "aioquic-version-negotiation": version_negotiation,
    "aioquic-early-data": early_data,
    "ngtcp2": ngtcp2(),
    "ngtcp2-retry": ngtcp2("--validate-addr"),
    "ngtcp2-hello-retry": ngtcp2("--groups=-GROUP-ALL:+GROUP-SECP384R1", ""),
    "chromium": chromium,
}


def main() -> None:
    for name in sys.argv[1:] or list(RUNS):
        chunks = RUNS[name]()
        write(HERE / "quic" / f"{name}.pcap", datagrams(chunks))
        print(f"{name}: {len(chunks)} datagrams")


if __name__ == "__main__":
    main()
