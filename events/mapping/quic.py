"""Which packet and which frame of QUIC raises which event.

What may live here: that table. Registries are told of it when QUIC is met, because most captures have none.
"""

from __future__ import annotations

from typing import Any

from tlsgrammar import Registry
from tlsgrammar.quic import (
    ConnectionCloseFrame,
    HandshakePacket,
    InitialPacket,
    LongHeader,
    RetryPacket,
    ZeroRTTPacket,
)

from ..model import (
    QUICConnectionCloseFrame,
    QUICHandshakePacket,
    QUICInitialPacket,
    QUICRetryPacket,
    QUICUnhandledVersion,
    QUICZeroRTTPacket,
)
from ..walk import Function, Occasion, hear
from . import tls

__all__ = ["fill"]


def _header(packet: Any) -> tuple[int, bytes, bytes]:
    """What all long headers have."""
    return (
        packet["version"],
        packet["destination_connection_id"],
        packet["source_connection_id"],
    )


def initial_packet(packet: Any, at: Occasion) -> QUICInitialPacket:
    return QUICInitialPacket(at.c, at.is_orig, *_header(packet), ts=at.ts)


def handshake_packet(packet: Any, at: Occasion) -> QUICHandshakePacket:
    return QUICHandshakePacket(at.c, at.is_orig, *_header(packet), ts=at.ts)


def zero_rtt_packet(packet: Any, at: Occasion) -> QUICZeroRTTPacket:
    return QUICZeroRTTPacket(at.c, at.is_orig, *_header(packet), ts=at.ts)


def retry_packet(packet: Any, at: Occasion) -> QUICRetryPacket:
    token, tag = packet["retry_token"], packet["retry_integrity_tag"]
    return QUICRetryPacket(at.c, at.is_orig, *_header(packet), token, tag, ts=at.ts)


def connection_close_frame(frame: Any, at: Occasion) -> QUICConnectionCloseFrame:
    code, phrase = frame["error_code"], frame["reason_phrase"]
    return QUICConnectionCloseFrame(at.c, at.is_orig, *_header(at.packet), code, phrase, ts=at.ts)


def unhandled_version(packet: Any, at: Occasion) -> QUICUnhandledVersion:
    return QUICUnhandledVersion(at.c, at.is_orig, *_header(packet), ts=at.ts)


_TABLE: tuple[tuple[Any, Any, Function], ...] = (
    (QUICInitialPacket, InitialPacket, initial_packet),
    (QUICHandshakePacket, HandshakePacket, handshake_packet),
    (QUICZeroRTTPacket, ZeroRTTPacket, zero_rtt_packet),
    (QUICRetryPacket, RetryPacket, retry_packet),
    (QUICConnectionCloseFrame, ConnectionCloseFrame, connection_close_frame),
    # Of a version that is not known, that is all that can be read.
    (QUICUnhandledVersion, LongHeader, unhandled_version),
)


def fill(registry: Registry) -> None:
    """Have the packets and frames heard of that are read with a registry; one that does not hear of TLS either hears of
    nothing.
    """
    if registry.has_entered(tls.__name__) and registry.enter(__name__):
        for event, schema, function in _TABLE:
            hear(event, (schema,), function, registry)
