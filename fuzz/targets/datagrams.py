"""DTLS in datagrams: `events.DatagramAnalyzer`, whatever they are, in any order, lost or repeated.

A piece is a datagram of one side.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache, partial
from random import Random
from typing import Any

import events
from events import DatagramAnalyzer, Event, Options
from tlsgrammar import dtls

from ..oracles import (
    EXCEPTIONS,
    LINEAR,
    MEMORY,
    Broken,
    check_memory,
    check_work,
    random_of,
    same,
)
from ..pieces import Piece, join, split
from ..target import Target
from . import recorded

__all__ = ["TARGET"]

OVER = "nothing is raised once it is over"
KIND = "the same events, whatever type the bytes have"

RESPONDER, ORIGINATOR = range(2)
CUT_OFF = 2  # of either side: the capture does not have the end of it

_LIMIT = 2**18
_SLACK = 2**16
_HEADER = 13


@cache
def _choices() -> tuple[Options, ...]:
    every = events.known_events()
    return (
        Options(),
        Options(disable_analyzer_after_detection=False, wanted=every),
        Options(
            disable_analyzer_after_detection=False, connection_limit=_LIMIT, handshake_limit=2**16
        ),
    )


# Inputs


def _inputs(random: Random) -> Iterator[bytes]:
    broken = recorded.Broken(random)
    conversations = recorded.conversations("dtls")
    while True:
        conversation = random.choice(conversations)
        pieces: list[Piece] = [(int(side), data) for side, data in conversation]
        del pieces[random.choice((2, 4, 8, len(pieces))) :]
        recorded_ones = {data for _, data in pieces}
        words: list[str] = []
        for _ in range(random.choice((1, 1, 2, 4))):
            at = random.randrange(len(pieces))
            kind, data = pieces[at]
            if random.random() < 0.25:
                words.append(rearranged(pieces, at, random))
                continue
            if data in recorded_ones:  # whose mutations have begun
                data, what = _variant(data, broken, random)
                pieces[at] = (kind, data)
                words.append(what)
        if random.random() < 0.1:
            at = random.randrange(len(pieces))
            kind, data = pieces[at]
            pieces[at] = (kind | CUT_OFF, data[: random.randrange(len(data) + 1)])
            words.append(f"datagram {at} is cut off")
        yield join("; ".join(words), pieces)


def rearranged(pieces: list[Piece], at: int, random: Random) -> str:
    """Put a datagram elsewhere, or away; say what was done."""
    way = random.randrange(4)
    other = random.randrange(len(pieces))
    if way == 0 and len(pieces) > 1:
        del pieces[at]
        return f"datagram {at} is lost"
    if way == 1:
        pieces.insert(other, pieces[at])
        return f"datagram {at} again at {other}"
    if way == 2:
        pieces.insert(other, pieces.pop(at))
        return f"datagram {at} at {other}"
    pieces[at] = (pieces[at][0] ^ 1, pieces[at][1])
    return f"datagram {at} of the other side"


def _variant(datagram: bytes, broken: recorded.Broken, random: Random) -> tuple[bytes, str]:
    """A datagram with something wrong in its first record, or in the message in that."""
    if (datagram[:1] < b"\x40" and datagram[:1] >= b"\x20") or len(datagram) < _HEADER:
        mutation = broken.variant(dtls.DTLSCiphertext, datagram)
        return mutation.data, str(mutation)
    end = _HEADER + int.from_bytes(datagram[11:13], "big")
    record, rest = datagram[:end], datagram[end:]
    if datagram[0] != 22 or datagram[3:5] != b"\0\0" or random.random() < 0.3:
        mutation = broken.variant(dtls.DTLSPlaintext, record)
        return mutation.data + rest, str(mutation)
    mutation = broken.variant(dtls.DTLSHandshake, record[_HEADER:])
    size = (len(mutation.data) & 0xFFFF).to_bytes(2, "big")
    return record[: _HEADER - 2] + size + mutation.data + rest, str(mutation)


# What must hold


def _check(data: bytes, thoroughly: bool) -> None:
    _, pieces = split(data)
    random = random_of(data)
    options = random.choice(_choices())
    guess = random.random() < 0.2
    found = _events(pieces, options, guess)
    if not thoroughly:
        return
    others: list[tuple[int, Any]] = [(kind, bytearray(each)) for kind, each in pieces]
    same(KIND, _events(others, options, guess), found)
    size = sum(len(each) for _, each in pieces)
    check_work(partial(_events, pieces, options, guess), size, for_each_byte=150, once=20_000)
    analyzer = DatagramAnalyzer(options=_choices()[-1])
    times = min(50, 2**21 // (size + 1) + 1)
    with check_memory(3 * _LIMIT + 2**20):
        for kind, each in pieces * times:
            analyzer.deliver(each, bool(kind & 1))
            if analyzer.held > _LIMIT + _SLACK:
                raise Broken(MEMORY, f"{analyzer.held:,} bytes are held")


def _events(pieces: Sequence[tuple[int, Any]], options: Options, guess: bool) -> list[Event]:
    analyzer = DatagramAnalyzer(options=options, originator_is_guess=guess)
    found: list[Event] = []
    for kind, data in pieces:
        missing = 100 if kind & CUT_OFF else 0
        found += analyzer.deliver(data, bool(kind & 1), missing=missing)
        if analyzer.held > options.connection_limit + _SLACK:
            raise Broken(MEMORY, f"{analyzer.held:,} bytes are held")
    found += analyzer.end()
    if analyzer.end():
        raise Broken(OVER, "events come after the end")
    return found


TARGET = Target(
    "datagrams",
    "DTLS: any records and messages, in any order, lost or repeated",
    {EXCEPTIONS: "always", MEMORY: "always", OVER: "always", KIND: "rarely", LINEAR: "rarely"},
    _inputs,
    _check,
    rarely=300,
)
