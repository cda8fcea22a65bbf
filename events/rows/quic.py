"""How a row of quic.log comes of events.

What may live here: what each event adds to the row of its connection. When a row is complete is for `rows`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..model import (
    Connection,
    Event,
    QUICConnectionCloseFrame,
    QUICHandshakePacket,
    QUICInitialPacket,
    QUICRetryPacket,
    QUICShortHeaderPacket,
    QUICUnhandledVersion,
    QUICUnreadPacket,
    QUICZeroRTTPacket,
    SslClientHello,
    SslExtensionApplicationLayerProtocolNegotiation,
    SslExtensionServerName,
    SslSecretsKnown,
    SslServerHello,
)
from .model import QuicRow
from .names import quic_version, text

__all__ = ["HEARS", "OpenQuic"]

_MAXIMUM_HISTORY = 100


class OpenQuic:
    """What is known of a QUIC connection so far. The originator is the client, always.

    Attributes:
        c: the connection.
        ts: the time of its first event.
        is_read: whether its secrets are known, so that it goes on when it is established.
        place: where its first event stands; see `Rows.place`.
        is_quic: whether a packet of QUIC has been seen; TLS over TCP never has one.
    """

    __slots__ = (
        "c",
        "client_protocol",
        "client_scid",
        "history",
        "initial_dcid",
        "is_quic",
        "is_read",
        "place",
        "server_name",
        "server_scid",
        "ts",
        "version",
    )

    def __init__(self, c: Connection, ts: float | None, place: int = 0) -> None:
        self.c = c
        self.place = place
        self.ts = ts
        self.is_quic = False
        self.is_read = False
        self.version: int | None = None
        self.initial_dcid: bytes | None = None
        self.client_scid: bytes | None = None
        self.server_scid: bytes | None = None
        self.server_name: bytes | None = None
        self.client_protocol: bytes | None = None
        self.history = ""

    def tell(self, letter: str, is_orig: bool) -> None:
        """Put a letter into the history."""
        if len(self.history) < _MAXIMUM_HISTORY:
            self.history += letter.upper() if is_orig else letter

    def row(self, file: str | None) -> QuicRow:
        """The row, as far as it is known."""
        c = self.c
        return QuicRow(
            ts=self.ts,
            uid=c.uid,
            orig_h=c.orig_h,
            orig_p=c.orig_p,
            resp_h=c.resp_h,
            resp_p=c.resp_p,
            version=None if self.version is None else quic_version(self.version),
            client_initial_dcid=_id(self.initial_dcid),
            client_scid=_id(self.client_scid),
            server_scid=_id(self.server_scid),
            server_name=None if self.server_name is None else text(self.server_name),
            client_protocol=None if self.client_protocol is None else text(self.client_protocol),
            history=self.history,
            file=file,
        )


def _id(connection_id: bytes | None) -> str | None:
    return None if connection_id is None else connection_id.hex() or "(empty)"


# What each event adds


def _packet(letter: str) -> Callable[[OpenQuic, Any], None]:
    def hear(of: OpenQuic, event: Any) -> None:
        of.is_quic = True
        of.tell(letter, event.is_orig)

    return hear


def _initial(of: OpenQuic, event: QUICInitialPacket) -> None:
    of.is_quic = True
    of.tell("i", event.is_orig)
    of.version = event.version
    if event.is_orig:
        if of.initial_dcid is None:
            of.initial_dcid = event.dcid
        if of.client_scid is None:
            of.client_scid = event.scid
    elif of.server_scid is None:
        of.server_scid = event.scid


def _unhandled_version(of: OpenQuic, event: QUICUnhandledVersion) -> None:
    of.is_quic = True
    of.tell("u", event.is_orig)
    if of.version is None:
        of.version = event.version


def _client_hello(of: OpenQuic, event: SslClientHello) -> None:
    of.tell("s", True)


def _server_hello(of: OpenQuic, event: SslServerHello) -> None:
    of.tell("s", False)


def _secrets_known(of: OpenQuic, event: SslSecretsKnown) -> None:
    of.is_read = True


def _server_name(of: OpenQuic, event: SslExtensionServerName) -> None:
    if event.is_orig and event.names and of.server_name is None:
        of.server_name = event.names[0]


def _protocols(of: OpenQuic, event: SslExtensionApplicationLayerProtocolNegotiation) -> None:
    if event.is_orig and event.protocols and of.client_protocol is None:
        of.client_protocol = event.protocols[0]


HEARS: dict[type[Event], Callable[[OpenQuic, Any], None]] = {
    QUICInitialPacket: _initial,
    QUICHandshakePacket: _packet("h"),
    QUICZeroRTTPacket: _packet("z"),
    QUICRetryPacket: _packet("r"),
    QUICConnectionCloseFrame: _packet("c"),
    QUICUnhandledVersion: _unhandled_version,
    QUICUnreadPacket: _packet("x"),
    QUICShortHeaderPacket: _packet("o"),
    SslClientHello: _client_hello,
    SslServerHello: _server_hello,
    SslSecretsKnown: _secrets_known,
    SslExtensionServerName: _server_name,
    SslExtensionApplicationLayerProtocolNegotiation: _protocols,
}
"""What an event adds to the row of its connection."""
