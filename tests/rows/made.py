"""Events that are made by hand, for what no stack says, and the rows that come of them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import events
from events import Connection, ConnectionRow, Event, QuicRow, Rows, SslHandshakeMessage
from tlsgrammar.names import HandshakeType

DATA = Path(__file__).parent.parent / "data"

C = Connection("C1", "tcp", "192.0.2.1", 49152, "198.51.100.2", 443, 1.0)
CLIENT, SERVER = True, False


def client_hello(
    *, session_id: bytes = b"", version: int = 0x0303, is_orig: bool = True, c: Connection = C
) -> list[Event]:
    """A ClientHello: its own event, and that of the message."""
    return [
        events.SslClientHello(c, version, 0, bytes(28), session_id, [0xC02F], ts=1.0),
        message("client_hello", is_orig, c),
    ]


def server_hello(
    *,
    session_id: bytes = b"",
    version: int = 0x0303,
    cipher: int = 0xC02F,
    client_is_orig: bool = True,
    c: Connection = C,
) -> list[Event]:
    """A ServerHello, likewise."""
    return [
        events.SslServerHello(c, version, 0, bytes(28), session_id, cipher, 0, ts=2.0),
        message("server_hello", not client_is_orig, c),
    ]


def message(kind: str, is_orig: bool, c: Connection = C) -> SslHandshakeMessage:
    """A handshake message, by its name."""
    return SslHandshakeMessage(c, is_orig, HandshakeType[kind].value, 0, ts=3.0)


def supported_versions(*versions: int, is_client: bool) -> Event:
    """The extension supported_versions, of either side."""
    return events.SslExtensionSupportedVersions(C, is_client, list(versions))


def all_rows(raised: Iterable[Event], *kinds: type[events.Row]) -> list[Any]:
    """The rows of events, to the end."""
    rows = Rows(kinds or (ConnectionRow,))
    return [row for event in raised for row in rows.take(event)] + rows.end()


def row_of(*raised: Event) -> ConnectionRow:
    """The one row of some events."""
    [row] = all_rows(raised)
    assert isinstance(row, ConnectionRow)
    return row


def row(name: str, **options: Any) -> ConnectionRow:
    """The one row of a capture."""
    found: list[ConnectionRow] = list(events.read_connections(DATA / f"{name}.pcap", **options))
    assert len(found) == 1
    return found[0]


def quic_rows(name: str, **options: Any) -> list[QuicRow]:
    """The rows of quic.log of a capture."""
    found: Any = events.read_connections(DATA / "quic" / f"{name}.pcap", kinds=[QuicRow], **options)
    return list(found)
