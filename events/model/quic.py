"""The events of QUIC itself, with the names and parameters that Zeek has.

What may live here: one class for each. They are raised where they are asked for by name, like those of `later`.
"""

from __future__ import annotations

from typing import ClassVar

from ..meanings import QuicErrorCode, QuicVersion, TextBytes
from .connection import Connection, Event

__all__ = [
    "QUIC",
    "QUICConnectionCloseFrame",
    "QUICHandshakePacket",
    "QUICInitialPacket",
    "QUICRetryPacket",
    "QUICUnhandledVersion",
    "QUICZeroRTTPacket",
]


class QUICInitialPacket(Event, frozen=True):
    """An Initial packet that authenticates.

    Attributes:
        is_orig: whether the originator sent it.
        version: of QUIC.
        dcid, scid: the connection ids in its header: of its destination, of its source.
    """

    name: ClassVar[str] = "QUIC::initial_packet"
    c: Connection
    is_orig: bool
    version: QuicVersion
    dcid: bytes
    scid: bytes


class QUICHandshakePacket(Event, frozen=True):
    """A Handshake packet of a known connection; its content is encrypted.

    Attributes:
        is_orig, version, dcid, scid: as of `QUICInitialPacket`.
    """

    name: ClassVar[str] = "QUIC::handshake_packet"
    c: Connection
    is_orig: bool
    version: QuicVersion
    dcid: bytes
    scid: bytes


class QUICZeroRTTPacket(Event, frozen=True):
    """A 0-RTT packet of a known connection; its content is encrypted.

    Attributes:
        is_orig, version, dcid, scid: as of `QUICInitialPacket`.
    """

    name: ClassVar[str] = "QUIC::zero_rtt_packet"
    c: Connection
    is_orig: bool
    version: QuicVersion
    dcid: bytes
    scid: bytes


class QUICRetryPacket(Event, frozen=True):
    """A Retry packet of a known connection.

    Attributes:
        is_orig, version, dcid, scid: as of `QUICInitialPacket`.
        retry_token: the token the client must return in its next Initial packet.
        retry_integrity_tag: what proves that the server has received the client's Initial.
    """

    name: ClassVar[str] = "QUIC::retry_packet"
    c: Connection
    is_orig: bool
    version: QuicVersion
    dcid: bytes
    scid: bytes
    retry_token: bytes
    retry_integrity_tag: bytes


class QUICConnectionCloseFrame(Event, frozen=True):
    """A CONNECTION_CLOSE frame in an Initial packet.

    Attributes:
        is_orig, version, dcid, scid: as of `QUICInitialPacket`, of the packet that it is in.
        error_code: the reason as a code (RFC 9000 section 20.1).
        reason_phrase: the reason as text; may be empty.
    """

    name: ClassVar[str] = "QUIC::connection_close_frame"
    c: Connection
    is_orig: bool
    version: QuicVersion
    dcid: bytes
    scid: bytes
    error_code: QuicErrorCode
    reason_phrase: TextBytes


class QUICUnhandledVersion(Event, frozen=True):
    """A packet of a version of QUIC that is not known, in a flow that is known as QUIC.

    Attributes:
        is_orig, version, dcid, scid: as of `QUICInitialPacket`.
    """

    name: ClassVar[str] = "QUIC::unhandled_version"
    c: Connection
    is_orig: bool
    version: QuicVersion
    dcid: bytes
    scid: bytes


QUIC: tuple[type[Event], ...] = (
    QUICInitialPacket,
    QUICHandshakePacket,
    QUICZeroRTTPacket,
    QUICRetryPacket,
    QUICConnectionCloseFrame,
    QUICUnhandledVersion,
)
"""The events of QUIC."""
