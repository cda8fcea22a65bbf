"""TLS in streams whose secrets are known: `events.Analyzer` with a key log, whatever becomes of the records.

The pieces are those of `streams`; lines of the key log are among them, which are known from the beginning.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from random import Random

import events
import tlsgrammar
from events import Event, KeyLog, Options
from events.testing.captures import Chunk
from tests.secrets.connections import connections, key_log

from ..oracles import EXCEPTIONS, MEMORY, random_of, same
from ..pieces import Piece, join, split
from ..target import Target
from . import recorded, streams

__all__ = ["TARGET"]

LINE = 128
"""A piece that is a line of the key log."""

_STACKS = ("openssl3", "openssl35", "gnutls", "wolfssl")
_LONGEST = 12_000


@cache
def _conversations() -> Sequence[tuple[list[bytes], list[Chunk]]]:
    """Lines of a key log, and what is said."""
    found: list[tuple[list[bytes], list[Chunk]]] = []
    for stack in _STACKS:
        lines = key_log(stack).encode().splitlines()
        for each in connections(stack).values():
            said = recorded.merged(each.chunks)
            if each.proto != "tcp" or sum(len(data) for _, data in said) > _LONGEST:
                continue
            random = said[0][1][11:43].hex().encode()
            own = [line for line in lines if random in line or line.startswith(b"RSA ")]
            found.append((own[:10], said))
    return found


def _inputs(random: Random) -> Iterator[bytes]:
    broken = recorded.Broken(random)
    split_up = [
        (lines, [(side, streams.records_of(data)) for side, data in said])
        for lines, said in _conversations()
    ]
    while True:
        lines, said = random.choice(split_up)
        # Of some only, whose mutations go on.
        for _ in range(20):
            changed = [(side, list(several)) for side, several in said]
            words: list[str] = []
            for _ in range(random.choice((0, 1, 1, 2))):
                which = random.randrange(len(said))
                at = random.randrange(len(said[which][1]))
                mutation = broken.variant(tlsgrammar.TLSPlaintext, said[which][1][at])
                changed[which][1][at] = mutation.data
                words.append(str(mutation))
            pieces: list[Piece] = [(int(side), b"".join(several)) for side, several in changed]
            if random.random() < 0.3:
                words.append(streams.rearranged(pieces, random))
            known = [line for line in lines if random.random() < 0.95]
            yield join("; ".join(words), [*((LINE, line) for line in known), *pieces])


def _check(data: bytes, thoroughly: bool) -> None:
    _, both = split(data)
    lines = [line for kind, line in both if kind == LINE]
    pieces = [piece for piece in both if piece[0] != LINE]
    random = random_of(data)
    found = _events(pieces, lines)
    if thoroughly or random.random() < 0.25:
        same(
            streams.CUT,
            _events(streams.cut(pieces, random), lines),
            _events(streams.merged(pieces), lines),
        )
    if thoroughly:
        streams.check_output(found)


def _events(pieces: list[Piece], lines: list[bytes]) -> list[Event]:
    # A key log remembers sessions: each run has its own.
    options = Options(
        secrets=KeyLog(lines, on_error=lambda told: None),
        wanted=_every(),
        disable_analyzer_after_detection=False,
        search_limit=0,
    )
    return streams.events_of(pieces, options, guess=False)


@cache
def _every() -> frozenset[str]:
    # Certificates are read by a library, which takes most of the time.
    return frozenset(events.known_events()) - {"x509_certificate"}


TARGET = Target(
    "decrypted",
    "TLS in streams whose secrets are known",
    {
        EXCEPTIONS: "always",
        MEMORY: "always",
        streams.OVER: "always",
        streams.CUT: "always",
        streams.OUTPUT: "rarely",
    },
    _inputs,
    _check,
    rarely=300,
)
