"""The events that a row per connection needs beside Zeek's SSL/TLS events.

What may live here: their shape. They are raised where they are asked for by name, like those of `later`.
"""

from __future__ import annotations

from typing import ClassVar

from ..meanings import QuicVersion
from .connection import Connection, Event

__all__ = [
    "ROWS",
    "ConnectionStateRemove",
    "QUICShortHeaderPacket",
    "QUICUnreadPacket",
    "SslClientFingerprints",
    "SslExtensionSessionTicket",
    "SslSecretsKnown",
    "SslServerFingerprint",
]


class SslClientFingerprints(Event, frozen=True):
    """The fingerprints of a ClientHello.

    Attributes:
        is_orig: whether the originator sent it.
        ja3, ja4: as `events.ja3` and `events.ja4` have them.
    """

    name: ClassVar[str] = "ssl_client_fingerprints"
    c: Connection
    is_orig: bool
    ja3: str
    ja4: str


class SslServerFingerprint(Event, frozen=True):
    """The fingerprint of a ServerHello or HelloRetryRequest.

    Attributes:
        is_orig: whether the originator sent it.
        ja3s: as `events.ja3s` has it.
    """

    name: ClassVar[str] = "ssl_server_fingerprint"
    c: Connection
    is_orig: bool
    ja3s: str


class SslExtensionSessionTicket(Event, frozen=True):
    """The session_ticket extension of a ClientHello (RFC 5077 section 3.2).

    Attributes:
        is_client: whether the TLS client sent it.
        ticket: the ticket that the client offers; empty where it has none.
    """

    name: ClassVar[str] = "ssl_extension_session_ticket"
    c: Connection
    is_client: bool
    ticket: bytes


class SslSecretsKnown(Event, frozen=True):
    """What follows `ssl_established` is read too, to the end of the connection: its secrets are known. It comes just before
    that event.
    """

    name: ClassVar[str] = "ssl_secrets_known"
    c: Connection


class ConnectionStateRemove(Event, frozen=True):
    """A connection is over: closed, silent for long, or given up. It is the last event of the connection.

    Zeek has an event of this name for every connection. Here it is raised for those in which TLS was found, if
    nothing else has said that they are over: `disable_analyzer_after_detection` ends a connection with `ssl_established`.
    Nor is it raised for what is open when a capture ends.
    """

    name: ClassVar[str] = "connection_state_remove"
    c: Connection


class QUICShortHeaderPacket(Event, frozen=True):
    """A packet with a short header (1-RTT): the first, second, fourth, eighth and so on of a side.

    Attributes:
        is_orig: whether the originator sent it.
        count: which one it is, from 1.
    """

    name: ClassVar[str] = "QUIC::short_header_packet"
    c: Connection
    is_orig: bool
    count: int


class QUICUnreadPacket(Event, frozen=True):
    """An Initial packet with the connection id of a known connection, which its keys do not open.

    Attributes:
        is_orig, version, dcid, scid: as of `QUICInitialPacket`.
    """

    name: ClassVar[str] = "QUIC::unread_packet"
    c: Connection
    is_orig: bool
    version: QuicVersion
    dcid: bytes
    scid: bytes


ROWS: tuple[type[Event], ...] = (
    SslClientFingerprints,
    SslServerFingerprint,
    SslExtensionSessionTicket,
    SslSecretsKnown,
    ConnectionStateRemove,
    QUICShortHeaderPacket,
    QUICUnreadPacket,
)
"""They."""
