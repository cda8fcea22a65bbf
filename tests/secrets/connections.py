"""The connections of the corpus: what was on the wire, what went in, and the key log.

Tests read them with whatever they want to do to them first.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import dpkt

from events import Analyzer, Event, KeyLog, SslDecryptedData, known_events
from events.capture.files import open_capture
from events.testing.captures import Chunk

FOLDER = Path(__file__).parent.parent / "data" / "secrets"
ALL_EVENTS = frozenset(known_events())

Piece = tuple[bool, bytes | int]
"""Whether the client sends it, and what it sends; a number stands for bytes that are missing."""


class Connection(NamedTuple):
    """One connection of the corpus.

    Attributes:
        name, version, cipher_suite: what it is.
        proto: `tcp` or `udp`.
        chunks: what each side sent, segment by segment or datagram by datagram.
        client_data, server_data: the length and the SHA-256 of the application data that went in.
    """

    name: str
    version: str
    cipher_suite: str
    proto: str
    chunks: list[Chunk]
    client_data: dict[str, Any]
    server_data: dict[str, Any]


class Decrypted(NamedTuple):
    """A handshake message that was encrypted.

    Attributes:
        is_client: whether the client sent it.
        data: its bytes.
        context: what it is read in.
    """

    is_client: bool
    data: bytes
    context: dict[str, Any]


@cache
def key_log(stack: str) -> str:
    """The key log of all connections of a stack."""
    return _read(stack)[0]


@cache
def connections(stack: str) -> dict[str, Connection]:
    """The connections of a stack, by name."""
    _, chunks, protos = _read(stack)
    described = map(json.loads, (FOLDER / f"{stack}.json").read_text().splitlines())
    return {
        each["name"]: Connection(
            each["name"],
            each["version"],
            each["cipher_suite"],
            protos[each["port"]],
            chunks[each["port"]],
            each["client_data"],
            each["server_data"],
        )
        for each in described
    }


@cache
def _read(stack: str) -> tuple[str, dict[int, list[Chunk]], dict[int, str]]:
    capture = open_capture(FOLDER / f"{stack}.pcapng.gz")
    chunks: dict[int, list[Chunk]] = {}
    protos: dict[int, str] = {}
    for _, batch in capture.batches:
        for _, frame in batch:
            ip = dpkt.ethernet.Ethernet(frame).data
            is_client = ip.data.dport == 443
            port = ip.data.sport if is_client else ip.data.dport
            protos[port] = "tcp" if ip.p == dpkt.ip.IP_PROTO_TCP else "udp"
            if ip.data.data:
                chunks.setdefault(port, []).append((is_client, bytes(ip.data.data)))
    return "".join(data.decode() for _, data in capture.secrets), chunks, protos


def read(
    chunks: Iterable[Piece],
    secrets: KeyLog | None,
    *,
    wanted: Collection[str] = ALL_EVENTS,
    **options: Any,
) -> list[Event]:
    """The events of a stream."""
    analyzer = Analyzer(secrets=secrets, wanted=wanted, **options)
    events: list[Event] = []
    for is_client, data in chunks:
        if isinstance(data, int):
            events += analyzer.gap(is_client, data)
        else:
            events += analyzer.deliver(data, is_client)
    return events + analyzer.end()


def decrypted(events: Iterable[Event], is_client: bool) -> bytes:
    """The application data of one side."""
    return b"".join(
        event.data
        for event in events
        if isinstance(event, SslDecryptedData) and event.is_orig is is_client
    )


def is_all(data: bytes, went_in: dict[str, Any]) -> bool:
    """Whether application data are what went in."""
    return (len(data), hashlib.sha256(data).hexdigest()) == (went_in["length"], went_in["sha256"])


def is_part_of(some: Iterable[Event], events: Iterable[Event]) -> bool:
    """Whether events come among others, in the same order."""
    rest = iter(events)
    return all(any(event == other for other in rest) for event in some)
