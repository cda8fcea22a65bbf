"""Rows of connections, as their events come.

What may live here: which events belong to which row, and when a row is complete. What an event adds to a row is said in a
module for each kind of row.

A row of ssl.log or quic.log is complete with `ssl_established`, for nothing follows that belongs into it; or, where
`ssl_secrets_known` has said that more is read, with the end of the connection, which `connection_state_remove` tells.
What is known of connections that have a row is a bounded number of names, so that what follows does not begin another.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator

from tlsgrammar import Registry
from tlsgrammar.names import HandshakeType
from tlsgrammar.registry import DEFAULT

from ..model import (
    Connection,
    ConnectionStateRemove,
    Event,
    QUICRetryPacket,
    SslEstablished,
    SslHandshakeMessage,
    X509Certificate,
)
from .certificate import certificate_row
from .connection import HEARS, OpenConnection
from .model import CertificateRow, ConnectionRow, QuicRow, Row
from .quic import HEARS as QUIC_HEARS
from .quic import OpenQuic

__all__ = ["MAXIMUM_CERTIFICATES", "MAXIMUM_OPEN", "Rows", "events_of"]

_KINDS: dict[type[Row], frozenset[type[Event]]] = {
    ConnectionRow: frozenset((*HEARS, ConnectionStateRemove)),
    QuicRow: frozenset((*QUIC_HEARS, SslEstablished, ConnectionStateRemove)),
    CertificateRow: frozenset((X509Certificate, SslHandshakeMessage, ConnectionStateRemove)),
}

MAXIMUM_OPEN = 100_000
_MAXIMUM_OVER = 2**20  # more connections than a capture holds at once, at their smallest
MAXIMUM_CERTIFICATES = 2**18


def events_of(kinds: Collection[type[Row]]) -> frozenset[str]:
    """The names of the events that rows are made of, for `wanted=`.

    Args:
        kinds: the classes of the rows.

    Raises:
        TypeError: one is no class of rows.
    """
    for kind in kinds:
        if kind not in _KINDS:
            raise TypeError(f"kinds= takes ConnectionRow, QuicRow and CertificateRow, not {kind!r}")
    return frozenset(event.name for kind in kinds for event in _KINDS[kind])


def _key(c: Connection) -> Hashable:
    """What a connection is known by: its uid; or who talks to whom; or, where nothing is known, the object that its
    analyzer has for it.
    """
    return c.uid or (id(c) if c.orig_h is None and c.resp_h is None else c)


class Rows:
    """Makes rows of events, wherever those come from.

        >>> import events
        >>> rows = events.Rows()
        >>> analyzer = events.Analyzer(wanted=rows.wanted)
        >>> for event in analyzer.deliver(bytes.fromhex("15030100020228"), is_orig=False):
        ...     assert not rows.take(event)
        >>> [row] = rows.end()
        >>> row.last_alert, row.ssl_history
        ('handshake_failure', 'l')

    Args:
        kinds: which rows: `ConnectionRow`, `QuicRow`, `CertificateRow`.
        extensions: the registry with the names; the default one where it is None.
        file: what the rows say that their capture is.

    Attributes:
        wanted: the names of the events that the rows are made of, which analyzers have to be asked for. Others change
            nothing.
        place: where the event stands that is taken, as a number. Whoever puts together the rows of several sets it; nobody
            else need.

    Raises:
        TypeError: one of `kinds` is no class of rows.
    """

    def __init__(
        self,
        kinds: Collection[type[Row]] = (ConnectionRow,),
        *,
        extensions: Registry | None = None,
        file: str | None = None,
    ) -> None:
        self.wanted = events_of(kinds)
        self._registry = DEFAULT if extensions is None else extensions
        self._file = file
        self.place = 0
        self._connections = ConnectionRow in kinds
        self._quic = QuicRow in kinds
        self._certificates = CertificateRow in kinds
        self._open: dict[Hashable, OpenConnection] = {}
        self._open_quic: dict[Hashable, OpenQuic] = {}
        # The connections that have their row, and the certificates that do; of each the oldest first.
        self._over: dict[Hashable, Connection] = {}
        self._seen: dict[str, None] = {}
        # The few connections whose client is the responder, for the rows of certificates.
        self._turned: dict[Hashable, None] = {}

    def take(self, event: Event) -> list[Row]:
        """Take an event.

        Returns:
            The rows that it completed; mostly none.
        """
        kind = type(event)
        c = event.c
        key = _key(c)
        out: list[Row] = []
        if kind is ConnectionStateRemove:
            self._complete(key, out)
            self._over.pop(key, None)
            self._turned.pop(key, None)
            return out
        if self._certificates:
            if isinstance(event, X509Certificate):
                self._certificate(key, event, out)
            elif isinstance(event, SslHandshakeMessage):
                self._hear_who_is_the_client(key, event)
        if key in self._over:
            return out
        if self._connections:
            hear = HEARS.get(kind)
            if hear is not None:
                of = self._open.get(key)
                if of is None:
                    of = self._open[key] = OpenConnection(c, event.ts, self.place)
                    self._limit(self._open, out)
                hear(of, event)
        if self._quic:
            self._hear_quic(key, event, out)
        if kind is SslEstablished:
            self._established(key, c, out)
        return out

    def end(self) -> list[Row]:
        """Take note that no more events come.

        Returns:
            The rows of the connections that are still open, in the order in which they began.
        """
        return [row for _, _, rows in self.end_with_places() for row in rows]

    def end_with_places(self) -> Iterator[tuple[bool, int, list[Row]]]:
        """Take note that no more events come.

        Returns:
            The rows of each connection that is still open: whether it has no row of ssl.log, and the place of its first event,
            by which they are in order; and its rows.
        """
        for key in list({**self._open, **self._open_quic}):
            of = self._open.get(key)
            place = (self._open_quic[key] if of is None else of).place
            out: list[Row] = []
            self._complete(key, out)
            yield of is None, place, out

    @property
    def known(self) -> tuple[int, int]:
        """How many connections have no row yet, and how many certificates have been seen."""
        return max(len(self._open), len(self._open_quic)), len(self._seen)

    def _complete(self, key: Hashable, out: list[Row]) -> None:
        """Give the rows of a connection out, as they are."""
        connection = self._open.pop(key, None)
        if connection is not None:
            out.append(connection.row(self._registry, self._file))
        quic = self._open_quic.pop(key, None)
        if quic is not None and quic.is_quic:
            out.append(quic.row(self._file))

    def _established(self, key: Hashable, c: Connection, out: list[Row]) -> None:
        for of in (self._open.get(key), self._open_quic.get(key)):
            if of is not None and of.is_read:
                return
        self._complete(key, out)
        self._over[key] = c
        if len(self._over) > _MAXIMUM_OVER:
            del self._over[next(iter(self._over))]

    def _hear_quic(self, key: Hashable, event: Event, out: list[Row]) -> None:
        kind = type(event)
        hear = QUIC_HEARS.get(kind)
        if hear is None:
            return
        of = self._open_quic.get(key)
        if of is None:
            of = self._open_quic[key] = OpenQuic(event.c, event.ts, self.place)
            self._limit(self._open_quic, out)
        hear(of, event)
        if kind is QUICRetryPacket:
            del self._open_quic[key]
            out.append(of.row(self._file))

    def _hear_who_is_the_client(self, key: Hashable, event: SslHandshakeMessage) -> None:
        is_client_hello = event.msg_type == HandshakeType.client_hello
        if not is_client_hello and event.msg_type != HandshakeType.server_hello:
            return
        if event.is_orig is is_client_hello:
            self._turned.pop(key, None)
        else:
            self._turned[key] = None
            if len(self._turned) > MAXIMUM_OPEN:
                del self._turned[next(iter(self._turned))]

    def _certificate(self, key: Hashable, event: X509Certificate, out: list[Row]) -> None:
        from_client = event.is_orig is not (key in self._turned)
        row = certificate_row(event, from_client=from_client, file=self._file)
        if row.fingerprint not in self._seen:
            self._seen[row.fingerprint] = None
            if len(self._seen) > MAXIMUM_CERTIFICATES:
                del self._seen[next(iter(self._seen))]
            out.append(row)

    def _limit(
        self, among: dict[Hashable, OpenConnection] | dict[Hashable, OpenQuic], out: list[Row]
    ) -> None:
        """Give out the oldest row that is open, where there are too many."""
        if len(among) > MAXIMUM_OPEN:
            self._complete(next(iter(among)), out)
