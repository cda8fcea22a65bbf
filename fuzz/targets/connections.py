"""Damage elsewhere: what is damaged in one connection of a capture, or in one extension of a hello, leaves the others as they
are.

The first piece says which of the two it is. Of a capture, the others are TCP segments of a damaged connection, from the sequence
number on, by the side that sends them; the packets of a connection that is well-formed come between them. Of a hello, the others
are the extensions: the code point, and the body; one of them is damaged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from random import Random

import dpkt

import events
import tlsgrammar
from events import Analyzer, Event, Options, SslExtension
from events.capture.clock import Clock
from events.capture.connections import Connections
from events.capture.headers import Decoder
from events.testing.captures import Ends, Packet, frame, packets
from tlsgrammar.extensions import DEFAULT, Extension

from ..oracles import EXCEPTIONS, Broken, same
from ..pieces import Piece, join, split
from ..target import Target
from . import recorded

__all__ = ["TARGET"]

OTHERS = "a connection has its events, whatever another one is"
BODY = "a damaged body costs the event of that extension, and no other"
CARRIED = "a damaged body is in ssl_extension all the same"

RESPONDER, ORIGINATOR, DAMAGED, WELL_FORMED, CAPTURE, HELLO = range(6)

_EXTENSION = Extension("client_hello")
_DAMAGED_ENDS = Ends(orig_h="192.0.2.77", orig_p=50001)


# Inputs


@cache
def _segments() -> list[list[Packet]]:
    """The packets of connections that are damaged."""
    said = [recorded.merged(each)[:4] for each in recorded.conversations()]
    return [packets(each, ends=_DAMAGED_ENDS) for each in said if len(each[0][1]) < 800]


@cache
def _bodies() -> Mapping[int, bytes]:
    """A body for each extension of a ClientHello that comes in the test data."""
    found: dict[int, bytes] = {}
    for conversation in recorded.conversations():
        data = recorded.merged(conversation)[0][1]
        if data[:1] != b"\x16" or data[5:6] != b"\x01":
            continue
        end = 5 + int.from_bytes(data[3:5], "big")
        hello, _ = tlsgrammar.read(tlsgrammar.Handshake, data[5:end])
        for extension in hello.body.extensions or ():
            if extension.extension_type in DEFAULT.extensions:
                found.setdefault(extension.extension_type, extension.extension_data)
    return found


def _inputs(random: Random) -> Iterator[bytes]:
    broken = recorded.Broken(random)
    while True:
        if random.random() < 0.7:
            yield _hello(broken, random)
        else:
            yield _capture(broken, random)


def _hello(broken: recorded.Broken, random: Random) -> bytes:
    bodies = _bodies()
    codes = random.sample(sorted(bodies), random.choice((1, 2, 4, 6)))
    pieces: list[Piece] = [(HELLO, b"")]
    damaged = random.randrange(len(codes))
    words = ""
    for index, code in enumerate(codes):
        extension = code.to_bytes(2, "big") + len(bodies[code]).to_bytes(2, "big") + bodies[code]
        if index != damaged:
            pieces.append((WELL_FORMED, extension[:2] + bodies[code]))
            continue
        mutation = broken.variant(_EXTENSION, extension)
        words = str(mutation)
        pieces.append((DAMAGED, extension[:2] + mutation.data[4:1000]))
    return join(words, pieces)


def _capture(broken: recorded.Broken, random: Random) -> bytes:
    frames = [data[34:] for _, data in random.choice(_segments())]
    pieces: list[Piece] = [(CAPTURE, b"")]
    for data in frames:
        kind = ORIGINATOR if int.from_bytes(data[:2], "big") == _DAMAGED_ENDS.orig_p else RESPONDER
        segment = bytearray(data[4:])
        way = random.randrange(8)
        if way == 0:
            continue
        if way == 1 and len(segment) > 17:
            segment[16:] = broken.variant(tlsgrammar.TLSPlaintext, bytes(segment[16:])).data[:1400]
        if way == 2:
            segment[random.randrange(len(segment))] ^= 1 << random.randrange(8)
        if way == 3:
            segment[:4] = random.randbytes(4)
        if way == 4:
            segment[9] = random.randrange(256)
        if way == 5:
            del segment[random.randrange(len(segment)) :]
        pieces += [(kind, bytes(segment))] * random.choice((1, 1, 1, 2))
    if random.random() < 0.3:
        at = random.randrange(1, len(pieces) + 1)
        pieces[at:] = random.sample(pieces[at:], len(pieces) - at)
    return join("segments", pieces)


# What must hold


@cache
def _well_formed() -> list[Packet]:
    said = recorded.conversations()[0]
    return packets(said, ends=Ends(orig_p=50000), start=1_700_000_000.0)


def _events(captured: list[Packet]) -> list[Event]:
    """The events of TCP packets."""
    clock = Clock()
    connections = Connections(_options(), clock)
    decode = Decoder(1).decode
    found: list[Event] = []
    for ts, data in captured:
        segment = decode(data, ts)
        if not clock.begin <= ts < clock.end and clock.tick(ts):
            found += [event for _, late in connections.expired() for event in late]
        if segment is not None:
            connections.segment(segment, ts, found)
    return found + [event for _, late in connections.end() for event in late]


@cache
def _options() -> Options:
    # What counts packets or bytes of messages may change with them.
    apart = {"ssl_structure", "ssl_client_fingerprints"}
    wanted = [name for name in events.known_events() if name not in apart]
    return Options(wanted=wanted, disable_analyzer_after_detection=False)


@cache
def _expected() -> list[Event]:
    return _events(_well_formed())


def _check(data: bytes, thoroughly: bool) -> None:
    _, pieces = split(data)
    kind = pieces[0][0] if pieces else CAPTURE
    if kind == HELLO:
        _check_hello(pieces[1:])
    else:
        _check_capture(pieces[1:])


def _check_capture(pieces: list[Piece]) -> None:
    ours = _well_formed()
    others: list[Packet] = []
    step = 0.001 * len(ours) / (len(pieces) + 1)
    for index, (kind, segment) in enumerate(pieces):
        base = frame(_DAMAGED_ENDS, bool(kind & 1), 0, 0, 0)
        ip = dpkt.ip.IP(base[14:])
        ip.data = base[34:38] + segment
        ip.len = 20 + len(ip.data)
        others.append((ours[0][0] + step * (index + 0.5), base[:14] + bytes(ip)))
    found = _events(sorted([*ours, *others], key=lambda each: each[0]))
    own = [event for event in found if event.c.orig_p == 50000]
    same(OTHERS, own, _expected())


def _check_hello(pieces: list[Piece]) -> None:
    at = next((i for i, (kind, _) in enumerate(pieces) if kind == DAMAGED), None)
    if at is None or any(len(each) < 2 for _, each in pieces):
        return
    code, body = int.from_bytes(pieces[at][1][:2], "big"), pieces[at][1][2:]
    found = _events_of_hello([each for _, each in pieces])
    without = _events_of_hello([each for i, (_, each) in enumerate(pieces) if i != at])
    left = iter(found)
    for event in without:
        if not any(event == other for other in left):
            raise Broken(BODY, f"{str(event)[:300]} is missing")
    carried = [each for each in found if isinstance(each, SslExtension) and each.code == code]
    same(CARRIED, [each.val for each in carried], [body])


def _events_of_hello(extensions: list[bytes]) -> list[Event]:
    start = _start()
    parts = [each[:2] + (len(each) - 2).to_bytes(2, "big") + each[2:] for each in extensions]
    several = b"".join(parts)
    body = start + len(several).to_bytes(2, "big") + several
    message = b"\x01" + len(body).to_bytes(3, "big") + body
    record = b"\x16\x03\x01" + len(message).to_bytes(2, "big") + message
    found = Analyzer(options=_options()).deliver(record, is_orig=True)
    counts = ("ssl_handshake_message", "ssl_plaintext_data", "protocol_violation")
    return [event for event in found if event.name not in counts]


@cache
def _start() -> bytes:
    """A ClientHello up to its extensions."""
    hello = {
        "legacy_version": 0x0303,
        "random": {"gmt_unix_time": 1, "random_bytes": bytes(28)},
        "legacy_session_id": b"",
        "cipher_suites": [0xC02F, 0x1301],
        "legacy_compression_methods": [0],
        "extensions": None,
    }
    return tlsgrammar.build(tlsgrammar.ClientHello, hello)


TARGET = Target(
    "connections",
    "connections beside a damaged one, and extensions beside a damaged one",
    {EXCEPTIONS: "always", OTHERS: "always", BODY: "always", CARRIED: "always"},
    _inputs,
    _check,
)
