"""TLS in QUIC: `events.QuicAnalyzer`, whatever the datagrams, and whatever is in Initial packets that authenticate.

A piece is a datagram of one side; or the frames of an Initial packet of one side, which is sealed before it is read; or a part
of a client's CRYPTO data, which is put into such a packet.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import cache, partial
from random import Random

import events
import tlsgrammar
from events import Event, Options, ProtocolViolation, QuicAnalyzer
from events.secrets.initial import ConnectionKeys, initial_keys
from tlsgrammar import quic

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
from .datagrams import rearranged

__all__ = ["TARGET"]

OVER = "nothing is raised once it is over"
CUT = "the same messages, however the CRYPTO data are cut"

RESPONDER, ORIGINATOR, FRAMES_RESPONDER, FRAMES_ORIGINATOR, CRYPTO = range(5)

_LIMIT = 2**19
_SLACK = 2**17
_LONGEST_CRYPTO = 2**13  # any part of it can stand in a datagram
_CID = bytes.fromhex("8394c8f03e515708")


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


@cache
def _keys() -> ConnectionKeys:
    keys = initial_keys(quic.VERSION_1, _CID)
    assert keys is not None
    return keys


def _sealed(payload: bytes, number: int, is_client: bool) -> bytes:
    """An Initial packet with some frames."""
    keys = _keys().client if is_client else _keys().server
    fields = {
        "version": quic.VERSION_1,
        "destination_connection_id": _CID if is_client else b"client",
        "source_connection_id": b"client" if is_client else b"server",
        "token": b"",
    }
    return keys.seal(fields, number, payload)


def _crypto(offset: int, data: bytes) -> bytes:
    frame = {"type": "CRYPTO", "frame": {"offset": offset, "crypto_data": data}}
    return tlsgrammar.build(quic.Frame, frame)


# Inputs


@cache
def _client_hello() -> bytes:
    """A ClientHello, as a message."""
    value = {
        "legacy_version": "TLSv12",
        "random": {"gmt_unix_time": 1, "random_bytes": bytes(range(28))},
        "legacy_session_id": b"",
        "cipher_suites": ["TLS_AES_128_GCM_SHA256", 0x2A2A],
        "legacy_compression_methods": ["null"],
        "extensions": [
            {
                "extension_type": "server_name",
                "body": {"server_name_list": [{"name_type": "host_name", "name": b"a.example"}]},
            },
            {"extension_type": 0x3A3A, "extension_data": b"grease"},
            {"extension_type": "quic_transport_parameters", "extension_data": b"\x01\x02\x40\x64"},
            {"extension_type": "supported_versions", "body": {"versions": ["TLSv13"]}},
        ],
    }
    return tlsgrammar.build(tlsgrammar.Handshake, {"msg_type": "client_hello", "body": value})


def _inputs(random: Random) -> Iterator[bytes]:
    broken = recorded.Broken(random)
    hello = _client_hello()
    conversations = recorded.conversations("quic")
    frames = _crypto(0, hello[:60]) + b"\x01" + _crypto(60, hello[60:]) + bytes(30)
    while True:
        way = random.randrange(3)
        if way == 0:
            pieces: list[Piece] = [(int(side), data) for side, data in random.choice(conversations)]
            del pieces[random.choice((1, 2, 3, 6)) :]
            at = random.randrange(len(pieces))
            kind, data = pieces[at]
            schema = quic.LongHeader if data[:1] >= b"\x80" else quic.OneRTTPacket
            mutation = broken.variant(schema, data)
            pieces[at] = (kind, mutation.data)
            words = str(mutation)
            if random.random() < 0.3:
                words = f"{words}; {rearranged(pieces, at, random)}"
        elif way == 1:
            mutation = broken.variant(quic.Frames, frames)
            pieces = [(FRAMES_ORIGINATOR, mutation.data[:1400])]
            words = str(mutation)
            if random.random() < 0.3:
                pieces.append((FRAMES_RESPONDER, broken.variant(quic.Frames, frames).data[:1400]))
        else:
            mutation = broken.variant(tlsgrammar.Handshake, hello)
            pieces = [(CRYPTO, mutation.data)]
            words = str(mutation)
        yield join(words, pieces)


# What must hold


def _check(data: bytes, thoroughly: bool) -> None:
    _, pieces = split(data)
    random = random_of(data)
    options = random.choice(_choices())
    datagrams = _datagrams(pieces, None)
    found = _events(datagrams, options)
    if any(kind == CRYPTO for kind, _ in pieces) and (thoroughly or random.random() < 0.3):
        cut = _events(_datagrams(pieces, random), options)
        same(CUT, _of_tls(cut), _of_tls(found))
    if not thoroughly:
        return
    size = sum(len(each) for _, each in datagrams)
    check_work(partial(_events, datagrams, options), size, for_each_byte=150, once=20_000)
    analyzer = QuicAnalyzer(options=_choices()[-1])
    times = min(50, 2**20 // (size + 1) + 1)
    with check_memory(3 * _LIMIT + 2**20):
        for is_orig, each in datagrams * times:
            analyzer.deliver(each, is_orig)
            if analyzer.held > _LIMIT + _SLACK:
                raise Broken(MEMORY, f"{analyzer.held:,} bytes are held")


def _datagrams(pieces: list[Piece], random: Random | None) -> list[tuple[bool, bytes]]:
    """What is on the wire; CRYPTO data are cut where there are random numbers for it, and may come in any order."""
    found: list[tuple[bool, bytes]] = []
    for number, (kind, data) in enumerate(pieces):
        if kind in (RESPONDER, ORIGINATOR):
            found.append((bool(kind), data))
        elif kind in (FRAMES_RESPONDER, FRAMES_ORIGINATOR):
            is_client = kind == FRAMES_ORIGINATOR
            found.append((is_client, _sealed(data + bytes(4), number, is_client)))
        elif kind == CRYPTO:
            data = data[:_LONGEST_CRYPTO]
            frames = [_crypto(at, data[at : at + 1200]) for at in range(0, len(data), 1200)]
            if random is not None:
                places = sorted({0, len(data), *random.choices(range(len(data) + 1), k=4)})
                spans = list(itertools.pairwise(places))
                frames = [_crypto(a, data[a:b]) for a, b in spans]
            for index, frame in enumerate(frames):
                found.append((True, _sealed(frame + bytes(4), 100 * number + index, True)))
    return found


def _events(datagrams: list[tuple[bool, bytes]], options: Options) -> list[Event]:
    analyzer = QuicAnalyzer(options=options)
    found: list[Event] = []
    for is_orig, data in datagrams:
        found += analyzer.deliver(data, is_orig)
        if analyzer.held > options.connection_limit + _SLACK:
            raise Broken(MEMORY, f"{analyzer.held:,} bytes are held")
    found += analyzer.end()
    if analyzer.end():
        raise Broken(OVER, "events come after the end")
    return found


def _of_tls(found: list[Event]) -> list[Event]:
    """The events that do not tell of packets, up to the first message that is malformed: where reading goes on behind that is
    where the next frame begins.
    """
    whole = itertools.takewhile(lambda event: not isinstance(event, ProtocolViolation), found)
    return [
        event for event in whole if event.name.startswith("ssl_") and event.name not in _OF_PACKETS
    ]


_OF_PACKETS = ("ssl_plaintext_data", "ssl_structure")


TARGET = Target(
    "quic",
    "TLS in QUIC: any datagrams, any frames, and any messages in them",
    {EXCEPTIONS: "always", MEMORY: "always", OVER: "always", CUT: "always", LINEAR: "rarely"},
    _inputs,
    _check,
    rarely=300,
)
