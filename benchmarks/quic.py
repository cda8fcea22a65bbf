"""What QUIC costs: an Initial packet on top of the handshake message in it, and a packet of an established connection
against one of TLS.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import events
from events.capture.clock import Clock
from events.capture.connections import Connections
from events.capture.datagrams import DatagramFlows
from events.capture.headers import Decoder, Segment
from events.model import Event
from events.secrets.initial import initial_keys
from events.testing.captures import Chunk, Packet, datagrams, packets
from events.testing.quic import talk
from tlsgrammar.framing import sole_message
from tlsgrammar.framing.packets import read_frames, read_packets

from .make_captures import quic_configurations
from .pairs import Pair, calls

__all__ = ["against_its_message", "against_tls"]

_OPTIONS = events.Options()


def _talk() -> list[Chunk]:
    with tempfile.TemporaryDirectory() as folder:
        return talk(*quic_configurations(Path(folder)))


def against_its_message() -> Pair:
    """An Initial packet with a ClientHello and its keys, and that ClientHello in a record."""
    _, datagram = _talk()[0]
    [packet] = read_packets(datagram)
    keys = initial_keys(packet.value["version"], packet.value["destination_connection_id"])
    assert keys is not None
    opened = keys.client.open(packet)
    assert opened is not None
    hello = next(
        frame["frame"]["crypto_data"]
        for _, _, frame in read_frames(opened[0])
        if "crypto_data" in (frame["frame"] or ())
    )
    assert sole_message(hello, 0) is not None
    record = b"\x16\x03\x01" + len(hello).to_bytes(2, "big") + hello
    return calls(
        lambda: events.QuicAnalyzer(options=_OPTIONS).deliver(datagram, True, 1.0),
        lambda: events.Analyzer(options=_OPTIONS).deliver(record, True, 1.0),
    )


def against_tls(tls: list[Chunk]) -> Pair:
    """A packet of an established connection of QUIC, and one of TLS, from the segment or datagram on.

    Args:
        tls: what the two sides of a connection of TLS said.
    """
    quic = _talk()
    clock = Clock()
    flows, connections = DatagramFlows(_OPTIONS, clock, print), Connections(_OPTIONS, clock)
    *_, datagram = _taken(datagrams(quic), flows.datagram)
    *_, segment = _taken(
        packets([*tls, (False, b"\x17\x03\x03\x04\x00" + bytes(1024))], fin=False),
        connections.segment,
    )
    raised: list[Event] = []
    return calls(
        lambda: flows.datagram(datagram, 2e9, raised),
        lambda: connections.segment(segment, 2e9, raised),
    )


def _taken(captured: list[Packet], take: Callable[..., Any]) -> list[Segment]:
    decoder = Decoder(1)
    segments = []
    for ts, frame in captured:
        segment = decoder.decode(frame, ts)
        if segment is not None:
            take(segment, 2e9, [])
            segments.append(segment)
    return segments
