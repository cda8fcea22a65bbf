"""TLS in streams: `events.Analyzer`, whatever the bytes, and however they are cut.

A piece is what one side sends, or a number of bytes that are missing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache, partial
from random import Random

import events
import tlsgrammar
from events import Analyzer, Event, Options, Rows

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

__all__ = [
    "CUT",
    "OUTPUT",
    "OVER",
    "TARGET",
    "check_output",
    "cut",
    "events_of",
    "merged",
    "rearranged",
    "records_of",
]

CUT = "the same events, however the bytes are cut"
OUTPUT = "each event can be written"
OVER = "nothing is raised once it is over"

RESPONDER, ORIGINATOR, GAP_RESPONDER, GAP_ORIGINATOR, LOST_RESPONDER, LOST_ORIGINATOR = range(6)

_LIMIT = 2**18
"""What a connection may hold, where that is looked at: enough for the longest message of the inputs."""

_SLACK = 2**16  # what may come between two looks at what is held


@cache
def _choices() -> tuple[Options, ...]:
    every = events.known_events()
    return (
        Options(),
        Options(disable_analyzer_after_detection=False, wanted=every),
        Options(search_limit=0, wanted=every),
        Options(
            disable_analyzer_after_detection=False, connection_limit=_LIMIT, handshake_limit=2**16
        ),
    )


# Inputs


def _inputs(random: Random) -> Iterator[bytes]:
    broken = recorded.Broken(random)
    conversations = [recorded.merged(each) for each in recorded.conversations()]
    records = [[(side, records_of(data)) for side, data in each] for each in conversations]
    while True:
        conversation = random.choice(records)
        conversation = conversation[: random.choice((1, 2, 2, 3, len(conversation)))]
        said = [(side, list(several)) for side, several in conversation]
        words: list[str] = []
        for _ in range(random.choice((1, 1, 1, 2, 4))):
            which = random.randrange(len(said))
            at = random.randrange(len(said[which][1]))
            # Of what was recorded, whose mutations have begun.
            said[which][1][at], what = _variant(conversation[which][1][at], broken, random)
            words.append(what)
        pieces: list[Piece] = [(int(side), b"".join(several)) for side, several in said]
        if random.random() < 0.2:
            words.append(rearranged(pieces, random))
        yield join("; ".join(words), pieces)


def records_of(data: bytes) -> list[bytes]:
    """The records of what one side says; what is no record is one piece."""
    found: list[bytes] = []
    at = 0
    while at < len(data):
        end = at + 5 + int.from_bytes(data[at + 3 : at + 5], "big")
        found.append(data[at:end])
        at = end
    return found


def _variant(record: bytes, broken: recorded.Broken, random: Random) -> tuple[bytes, str]:
    """A record with something wrong, as a record or in the message that it holds."""
    if random.random() < 0.3 or record[:1] != b"\x16" or record[9:10] == b"":
        mutation = broken.variant(tlsgrammar.TLSPlaintext, record)
        return mutation.data, str(mutation)
    mutation = broken.variant(tlsgrammar.Handshake, record[5:])
    data = mutation.data
    size = random.choice((2**14, 2**14, 2**14, 100, 9)) if len(data) < 400 else 2**14
    parts = [data[at : at + size] for at in range(0, len(data), size)]
    return b"".join([record[:3] + len(p).to_bytes(2, "big") + p for p in parts]), str(mutation)


def rearranged(pieces: list[Piece], random: Random) -> str:
    """Put pieces into another order, or have some missing; say what was done."""
    at = random.randrange(len(pieces))
    kind, data = pieces[at]
    way = random.randrange(6)
    if way == 0:
        cut = random.randrange(len(data) + 1)
        missing = random.choice((1, 5, 100, len(data) - cut, 2**20))
        gap = (GAP_ORIGINATOR if kind & 1 else GAP_RESPONDER, missing.to_bytes(4, "big"))
        pieces[at : at + 1] = [(kind, data[:cut]), gap, (kind, data[cut + missing :])]
        return f"{missing} bytes are missing"
    if way == 1:
        pieces.insert(at, (kind & 1, random.randbytes(random.choice((1, 4, 40)))))
        return "something else before it"
    if way == 2:
        del pieces[at]
        return "a piece is missing"
    if way == 3:
        pieces.insert(at, pieces[at])
        return "a piece twice"
    if way == 4:
        pieces[at] = (kind ^ 1, data)
        return "a piece of the other side"
    pieces.insert(at, (LOST_ORIGINATOR if random.random() < 0.5 else LOST_RESPONDER, b"why"))
    return "a direction is lost"


# What must hold


def _check(data: bytes, thoroughly: bool) -> None:
    _, pieces = split(data)
    random = random_of(data)
    options = random.choice(_choices())
    guess = random.random() < 0.2
    found = events_of(pieces, options, guess)
    # A ClientHello is looked for where segments begin; so there, how they are cut means something.
    if thoroughly or random.random() < 0.25:
        whole = events_of(merged(pieces), _NO_SEARCH, guess)
        same(CUT, events_of(cut(pieces, random), _NO_SEARCH, guess), whole)
    if thoroughly:
        _check_thoroughly(pieces, options, guess, found)


_NO_SEARCH = Options(search_limit=0, disable_analyzer_after_detection=False)


def events_of(pieces: list[Piece], options: Options, guess: bool) -> list[Event]:
    """The events of some pieces."""
    analyzer = Analyzer(options=options, originator_is_guess=guess)
    found: list[Event] = []
    for kind, data in pieces:
        is_orig = bool(kind & 1)
        way = kind >> 1 & 3
        if way == 0:
            found += analyzer.deliver(data, is_orig)
        elif way == 1:
            found += analyzer.gap(is_orig, int.from_bytes(data[:4], "big"))
        else:
            found += analyzer.lose(is_orig, data.decode("latin-1"))
        if analyzer.held > options.connection_limit + _SLACK:
            raise Broken(MEMORY, f"{analyzer.held:,} bytes are held")
    found += analyzer.end()
    if analyzer.deliver(b"\x16\x03\x01\x00\x01\x01", True) or analyzer.end():
        raise Broken(OVER, "events come after the end")
    return found


def merged(pieces: list[Piece]) -> list[Piece]:
    """The same bytes, with what one side sends without a break in one piece."""
    found: list[Piece] = []
    for kind, data in pieces:
        if found and found[-1][0] == kind and kind in (RESPONDER, ORIGINATOR):
            found[-1] = (kind, found[-1][1] + data)
        else:
            found.append((kind, data))
    return found


def cut(pieces: list[Piece], random: Random) -> list[Piece]:
    """The same bytes in other pieces."""
    found: list[Piece] = []
    for kind, data in merged(pieces):
        if kind not in (RESPONDER, ORIGINATOR):
            found.append((kind, data))
            continue
        if len(data) < 600 and random.random() < 0.2:
            places = list(range(1, len(data)))
        else:
            places = sorted(random.choices(range(len(data) + 1), k=random.choice((1, 2, 6))))
        for begin, end in zip([0, *places], [*places, len(data)], strict=True):
            found.append((kind, data[begin:end]))
    return found


def _check_thoroughly(
    pieces: list[Piece], options: Options, guess: bool, found: list[Event]
) -> None:
    size = sum(len(data) for _, data in pieces)
    again = partial(events_of, pieces, options, guess)
    check_work(again, size, for_each_byte=150, once=20_000)
    check_output(found)
    limited = _choices()[-1]
    analyzer = Analyzer(options=limited)
    many = [piece for piece in pieces if piece[0] in (RESPONDER, ORIGINATOR)]
    times = min(50, 2**21 // (size + 1) + 1)
    with check_memory(3 * _LIMIT + 2**20):
        for kind, data in many * times:
            analyzer.deliver(data, bool(kind & 1))
            if analyzer.held > _LIMIT + _SLACK:
                raise Broken(MEMORY, f"{analyzer.held:,} bytes are held")


def check_output(found: list[Event]) -> None:
    """That events of one connection can be written, and that rows can be made of them."""
    rows = Rows()
    written = [row for event in found for row in rows.take(event)] + rows.end()
    try:
        lines = events.json_lines(found).splitlines()
        for line in lines:
            json.loads(line)
        texts = events.text_lines(found).splitlines()
    except Exception as error:
        raise Broken(OUTPUT, f"{type(error).__name__}: {error}") from error
    if not len(lines) == len(texts) == len(found):
        raise Broken(OUTPUT, f"{len(lines)} and {len(texts)} lines for {len(found)} events")
    if len(written) > 2:
        raise Broken(OUTPUT, f"{len(written)} rows of one connection")


TARGET = Target(
    "streams",
    "TLS in streams: any records and messages, in any pieces, with any of them missing",
    {
        EXCEPTIONS: "always",
        MEMORY: "always",
        OVER: "always",
        CUT: "always",
        OUTPUT: "rarely",
        LINEAR: "rarely",
    },
    _inputs,
    _check,
    rarely=300,
)
