"""Make the captures in the folder `secrets`: connections whose secrets are known, between real stacks on this machine.

    python -m tests.data.make_secrets [STACK...]

`tests.stacks` makes the connections. A capture has those of a stack, each from a client port of its own, and in front of
them the secrets of all of them. The file beside it has an object a line for each connection: its port, what it is, and the
length and the hash of the application data that either side sent.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from events.testing.captures import Ends, Packet, datagrams, packets

from ..helpers.capture_files import enhanced_packet, interface, secrets, section
from ..stacks import STACKS
from ..stacks.talk import Made, Talk

FOLDER = Path(__file__).parent / "secrets"
FIRST_PORT = 20_000
LIKE_OTHERS = {
    "openssl4": ("TLSv10", "TLSv11", "DTLSv10", "DTLSv12"),
    "gnutls": ("TLSv11", "DTLSv10"),
    "wolfssl": ("TLSv10", "TLSv11", "DTLSv10"),
}
"""Where a stack says nothing with its suites that another has not said."""

RARE = ("SEED_CBC_SHA", "IDEA_CBC_SHA", "RC4_128_MD5")
MOST = 100_000
"""How many bytes of a connection are kept at most."""


def captured(talk: Talk, port: int) -> list[Packet]:
    """The packets of a connection; each connection begins a second after the one before."""
    start = 1_700_000_000.0 + port - FIRST_PORT
    ends = Ends(orig_p=port)
    if talk.proto == "udp":
        return datagrams(talk.chunks, ends=ends, start=start)
    return packets(talk.chunks, ends=ends, start=start, step=0.0005, acknowledge=False)


def capture(talks: Iterable[Talk]) -> bytes:
    """A capture of them, with their secrets in front."""
    talks = list(talks)
    parts = [section(), secrets("".join(talk.keylog for talk in talks).encode()), interface()]
    for port, talk in enumerate(talks, FIRST_PORT):
        parts += [enhanced_packet(round(ts * 10**6), data) for ts, data in captured(talk, port)]
    return b"".join(parts)


def described(talk: Talk, port: int) -> dict[str, Any]:
    def of(data: bytes) -> dict[str, Any]:
        return {"length": len(data), "sha256": hashlib.sha256(data).hexdigest()}

    return {
        "port": port,
        "name": talk.name,
        "stack": talk.stack,
        "version": talk.version,
        "cipher_suite": talk.cipher_suite,
        "client_data": of(talk.client_data),
        "server_data": of(talk.server_data),
    }


def kept(name: str, made: Iterable[Made]) -> Iterator[Talk]:
    """What is worth its place: each way of protection and each exchange of keys in each version, and with one stack every
    suite of TLS 1.2; nothing that is long.
    """
    seen: set[tuple[str, ...]] = set()
    for each in made:
        talk = each.talk
        if talk is None or sum(len(data) for _, data in talk.chunks) > MOST:
            continue
        exchange, _, protection = talk.cipher_suite.partition("_WITH_")
        variant = "no encrypt-then-mac" in talk.name
        kinds = {(talk.version, exchange), (talk.version, protection, str(variant))}
        is_full = name == "openssl3" and talk.version == "TLSv12"
        is_like_others = talk.version in LIKE_OTHERS.get(name, ()) and protection not in RARE
        if each.plain and (kinds <= seen or is_like_others) and not is_full:
            continue
        seen |= kinds
        yield talk


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name in sys.argv[1:] or list(STACKS):
        talks = list(kept(name, STACKS[name]()))
        if not talks:
            print(f"{name}: left out, there is no such stack here")
            continue
        data = gzip.compress(capture(talks), 9, mtime=0)
        (FOLDER / f"{name}.pcapng.gz").write_bytes(data)
        lines = [json.dumps(described(talk, port)) for port, talk in enumerate(talks, FIRST_PORT)]
        (FOLDER / f"{name}.json").write_text("".join(f"{line}\n" for line in lines))
        print(f"{name}: {len(talks)} connections, {len(data)} bytes")


if __name__ == "__main__":
    main()
