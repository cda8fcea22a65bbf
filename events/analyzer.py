"""One TCP connection: bytes of both directions in, events out.

What belongs here: where TLS begins in a stream and where its records do, and what becomes of data that cannot
be read. Sans-I/O: no files, no clocks.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from tlsgrammar import (
    GrammarError,
    Registry,
    read,
    sslv2,
)
from tlsgrammar.framing import (
    DEFAULT_SEARCH_LIMIT,
    ClientHelloSearch,
    HandshakeReader,
    Protocol,
    Record,
    RecordReader,
    begins_hello,
    client_or_server,
    recognise,
    recognise_after_client_hello,
    sole_message,
)
from tlsgrammar.names import ContentType
from tlsgrammar.versions import SSL20, SSL30, TLS10, TLS11, TLS12, is_tls13

from .model import Connection, Event
from .modern import SslProbableEncryptedHandshakeMessage
from .session import Session, Side

__all__ = ["Analyzer"]

_APPLICATION_DATA = ContentType.application_data.value
_CHANGE_CIPHER_SPEC = ContentType.change_cipher_spec.value
_HANDSHAKE = ContentType.handshake.value
_SSLV2_FRAMED = {SSL20, SSL30, TLS10, TLS11, TLS12}


class _Direction(Side):
    """What is known of the bytes that one side sends."""

    __slots__ = (
        "ended",
        "handshake",
        "head",
        "missing",
        "offset",
        "protocol",
        "records",
        "search",
    )

    def __init__(self, is_orig: bool) -> None:
        super().__init__(is_orig)
        self.head = b""
        self.offset = 0
        self.missing = 0
        self.protocol: Protocol | None = None
        self.records: RecordReader | None = None
        self.search: ClientHelloSearch | None = None
        self.handshake: HandshakeReader | None = None
        self.ended = False

    def encrypt(self) -> None:
        super().encrypt()
        self.handshake = None
        if self.records is not None:
            self.records.pass_over = True


class Analyzer(Session):
    """The events of one connection.

    Bytes go in as they arrive, cut in any way; each call returns the events that they completed, in
    order. Bytes that are not TLS raise nothing. No bytes raise an exception.

    A stream may begin as something else (STARTTLS, proxies): TLS begins then with a whole ClientHello that stands
    at the beginning of a segment, that is, of what one call delivers.

        >>> from events import Analyzer
        >>> analyzer = Analyzer()
        >>> for event in analyzer.deliver(bytes.fromhex("15030100020228"), is_orig=False):
        ...     print(event.name, event.level, event.desc)
        ssl_alert 2 40

    Args:
        c: the connection that the events are of.
        disable_analyzer_after_detection: raise nothing more once `ssl_established` has been raised and
            the `ssl_encrypted_data` of the record that triggered it.
        wanted: the names of the events that are asked for (`events.known_events()` has all); where it is
            None, the documented seventeen, `protocol_violation`, and those of a user's own. Asking for fewer
            costs less.
        extensions: the extensions that are known; those of the default registry where it is None.
        search_limit: where in a direction the ClientHello begins at the latest, in bytes; 0 for streams that
            begin as TLS only.
        originator_is_guess: whether the sides are to change where, behind a cleartext start, the responder turns
            out to be the TLS client.

    Attributes:
        changed_sides: whether they have: `is_orig` of what is delivered from then on, and `c`, are the other way
            round.
    """

    __slots__ = (
        "_originator",
        "_originator_is_guess",
        "_responder",
        "_search_limit",
        "changed_sides",
    )

    def __init__(
        self,
        c: Connection | None = None,
        *,
        disable_analyzer_after_detection: bool = True,
        wanted: Collection[str] | None = None,
        extensions: Registry | None = None,
        search_limit: int = DEFAULT_SEARCH_LIMIT,
        originator_is_guess: bool = False,
    ) -> None:
        self._search_limit = search_limit
        self._originator_is_guess = originator_is_guess
        self.changed_sides = False
        self._responder, self._originator = _Direction(False), _Direction(True)
        super().__init__(
            c,
            (self._responder, self._originator),
            disable_analyzer_after_detection,
            wanted,
            extensions,
        )

    def deliver(self, data: bytes, is_orig: bool, ts: float | None = None) -> list[Event]:
        """Take the next bytes of a direction.

        Args:
            data: the bytes.
            is_orig: whether the originator sent them.
            ts: when they arrived, in seconds since the epoch.

        Returns:
            The events that they completed, in order.
        """
        direction = self._originator if is_orig else self._responder
        if self.finished or not data:
            return []
        if type(data) is not bytes:
            data = bytes(data)  # what is kept of it must not change
        self._ts = ts
        records = direction.records
        if records is not None:
            if records.feed(data):
                self._read_records(direction, records)
        elif direction.search is not None:
            self._look_for_client_hello(direction, direction.search, data)
        elif direction.ended:
            direction.offset += len(data)
            self._report_missing(direction)
        else:
            self._start(direction, data)
            if direction.records is not None:
                self._read_records(direction, direction.records)
        return self._taken()

    def gap(self, is_orig: bool, length: int, ts: float | None = None) -> list[Event]:
        """Take note that the next bytes of a direction are missing.

        Reading goes on after them where they lie inside an encrypted record; otherwise the direction
        ends here, and the other goes on.

        Args:
            is_orig: whether the originator sent them.
            length: how many bytes are missing.
            ts: when that became known.

        Returns:
            The events that are known to be complete now, in order.
        """
        direction = self._originator if is_orig else self._responder
        if self.finished or direction.ended or length <= 0:
            return []
        self._ts = ts
        records = direction.records
        if direction.search is not None:
            direction.search.gap(length)
            self._finish_search()
        elif records is None:
            direction.missing = length
            direction.offset += len(direction.head) + length
            self._end(direction)
        elif records.gap(length):
            self._read_records(direction, records)
        else:
            self._violation(direction, records.offset, f"{length} bytes are missing")
            self._end(direction)
        return self._taken()

    def lose(self, is_orig: bool, reason: str, ts: float | None = None) -> list[Event]:
        """Give up on a direction whose next bytes nobody can provide.

        Args:
            is_orig: whether it is the originator's.
            reason: why, in words.
            ts: when that became known.
        """
        direction = self._originator if is_orig else self._responder
        if self.finished or direction.ended:
            return []
        self._ts = ts
        if direction.records is not None or self._peer(direction).records is not None:
            offset = direction.offset if direction.records is None else direction.records.offset
            self._violation(direction, offset, reason)
        self._end(direction)
        return self._taken()

    def end(self, ts: float | None = None) -> list[Event]:
        """Take note that the connection is over.

        Returns:
            A `ProtocolViolation` for each direction that ends within a record or message.
        """
        if self.finished:
            return []
        self._ts = ts
        for direction in (self._originator, self._responder):
            records = direction.records
            if direction.ended or records is None or not self._hello_seen:
                continue
            pending = records.pending or (
                "a handshake message"
                if direction.handshake is not None and direction.handshake.pending
                else ""
            )
            if pending:
                self._violation(direction, records.offset, f"the data end within {pending}")
        self.finished = True
        return self._taken()

    def _peer(self, direction: _Direction) -> _Direction:
        return self._responder if direction.is_orig else self._originator

    def _give_up(self, direction: _Direction, error: GrammarError) -> None:
        self._violation(direction, error.offset, error.reason, error.path)
        self._end(direction)

    def _end(self, direction: _Direction) -> None:
        direction.ended = True
        direction.records = None
        direction.search = None
        direction.handshake = None
        direction.head = b""
        self._finish_search()

    # Where TLS begins

    def _start(self, direction: _Direction, data: bytes) -> None:
        peer = self._peer(direction)
        head = direction.head = direction.head + data if direction.head else data
        if direction.protocol is None:
            protocol = recognise(head, is_orig=direction.is_orig, peer=peer.protocol)
        else:
            protocol = recognise_after_client_hello(head, peer=peer.protocol)
        if protocol is None:
            return
        direction.protocol = protocol
        if protocol is Protocol.OTHER:
            if peer.protocol in (Protocol.TLS, Protocol.SSLV2):
                self._foreign(direction)
                self._end(direction)
                return
            search = self._begin_search(direction)
            if search is not None:
                self._look_for_client_hello(direction, search, head)
            return
        if protocol is Protocol.TLS and peer.protocol is Protocol.OTHER:
            is_client = client_or_server(head)
            if self._originator_is_guess and is_client is (not direction.is_orig):
                self._change_sides()
            self._restart(peer)
        direction.records = RecordReader(protocol, direction.offset)
        direction.records.feed(head)
        direction.head = b""

    def _begin_search(self, direction: _Direction) -> ClientHelloSearch | None:
        """Look for TLS further on in a direction that does not begin with it; None where nobody wants that."""
        if self._search_limit <= 0:
            self._end(direction)
            return None
        direction.head = b""
        direction.records = None
        direction.search = ClientHelloSearch(self._search_limit)
        return direction.search

    def _look_for_client_hello(
        self, direction: _Direction, search: ClientHelloSearch, data: bytes
    ) -> None:
        was_over = search.over
        found = search.feed(data)
        if found is None:
            if search.over and not was_over:
                self._finish_search()
            return
        if self._originator_is_guess and not direction.is_orig:
            self._change_sides()
        direction.offset = search.offset
        direction.search = None
        direction.protocol = Protocol.TLS
        self._restart(self._peer(direction))
        direction.records = RecordReader(Protocol.TLS, direction.offset)
        direction.records.feed(found)
        self._read_records(direction, direction.records)

    def _change_sides(self) -> None:
        self.changed_sides = True
        self._originator, self._responder = self._responder, self._originator
        self._originator.is_orig, self._responder.is_orig = True, False
        c = self.c
        self.c = msgspec.structs.replace(
            c, orig_h=c.resp_h, orig_p=c.resp_p, resp_h=c.orig_h, resp_p=c.orig_p
        )

    def _restart(self, direction: _Direction) -> None:
        """Read a direction from its next byte on, because the other has turned out to speak TLS."""
        if direction.search is not None:
            direction.offset = direction.search.offset
            direction.search = None
        direction.offset += len(direction.head)
        direction.head = b""
        direction.missing = 0
        direction.protocol = None
        direction.ended = False

    def _finish_search(self) -> None:
        """Take note of it where neither direction can turn out to be TLS any more."""
        if all(
            d.ended or (d.search is not None and d.search.over)
            for d in (self._originator, self._responder)
        ):
            self.finished = True

    def _report_missing(self, direction: _Direction) -> None:
        """Report that the beginning of a direction is missing, once it is known to matter."""
        if direction.missing and self._peer(direction).records is not None:
            self._violation(direction, 0, f"its first {direction.missing} bytes are missing")
            direction.missing = 0

    def _foreign(self, direction: _Direction) -> None:
        reason = "neither TLS nor SSL, which the other side speaks"
        self._violation(direction, direction.offset, reason)

    # Records

    def _read_records(self, direction: _Direction, records: RecordReader) -> None:
        handle = self._tls_record if direction.protocol is Protocol.TLS else self._sslv2_record
        while direction.records is records and not self.finished:
            try:
                record = records.next()
            except GrammarError as error:
                self._give_up(direction, error)
                return
            if record is None:
                return
            if record.length:
                handle(direction, record)

    def _tls_record(self, direction: _Direction, record: Record) -> None:
        if not direction.encrypted:
            if not self._hello_seen and not self._may_be_hello(direction, record):
                return
            if record.type == _APPLICATION_DATA and (
                self._version is None or is_tls13(self._version)
            ):
                # Early data, or what follows the hellos of TLS 1.3, which hides its messages there.
                self._interrupt_handshake(direction, record, "application data")
                direction.encrypt()
        if direction.encrypted:
            if not self._established and is_tls13(self._version):
                self._probable_handshake_message(direction, record)
            self._encrypted(direction, record.type, record.length)
            return
        if record.type == _HANDSHAKE:
            self._handshake(direction, record)
        else:
            if record.type == _CHANGE_CIPHER_SPEC:
                self._interrupt_handshake(direction, record, "a ChangeCipherSpec")
            fragment = record.fragment or b""
            self._content(direction, record.type, fragment, record.offset, record.fragment_offset)
        if self._walker.wants_plaintext_data:
            self._plaintext(direction, record.version, record.type, record.length)

    def _may_be_hello(self, direction: _Direction, record: Record) -> bool:
        """Whether a record can be read although no hello has been seen: the capture may have begun in
        the middle of the connection, with encryption on.
        """
        if record.type == ContentType.alert:
            return record.length == 2
        if record.type != ContentType.handshake or record.fragment is None:
            return False
        if direction.handshake is None:
            return begins_hello(record.fragment) is not False
        return direction.handshake.begins_hello(record.fragment) is not False

    def _probable_handshake_message(self, direction: _Direction, record: Record) -> None:
        if self._walker.wants(SslProbableEncryptedHandshakeMessage):
            is_client = self._is_client(direction)
            self._out.append(
                SslProbableEncryptedHandshakeMessage(self.c, is_client, record.length, ts=self._ts)
            )

    # Content of records before encryption

    def _interrupt_handshake(self, direction: _Direction, record: Record, by: str) -> None:
        lost = direction.handshake.pending if direction.handshake is not None else 0
        if lost:
            self._violation(
                direction,
                record.offset,
                f"{by} within a handshake message, of which {lost} bytes are lost",
            )
            direction.handshake = None

    def _handshake(self, direction: _Direction, record: Record) -> None:
        fragment = record.fragment or b""
        messages = direction.handshake
        if messages is None:
            message = sole_message(fragment, record.fragment_offset)
            if message is not None and (self._hello_seen or begins_hello(fragment)):
                self._message(direction, message)
                return
            messages = direction.handshake = HandshakeReader()
        messages.feed(fragment, record.fragment_offset)
        while not (self.finished or direction.ended):
            if not self._hello_seen and messages.begins_hello() is False:
                # Nothing but a hello can be told from encrypted data.
                messages.drop()
            try:
                message = messages.next()
            except GrammarError as error:
                self._give_up(direction, error)
                return
            if message is None:
                if not messages.pending:
                    direction.handshake = None
                return
            if not self._message(direction, message):
                messages.drop()

    # SSL 2.0

    def _sslv2_record(self, direction: _Direction, record: Record) -> None:
        if direction.encrypted:
            self._encrypted(direction, record.type, record.length)
            return
        if not self._hello_seen and not self._is_sslv2_hello(record):
            self._turn_to_search(direction)
            return
        message = self._read(
            sslv2.Message, "SSL 2.0", direction, record.fragment or b"", record.fragment_offset
        )
        if message is None:
            return
        msg_type = message["msg_type"]
        if msg_type == sslv2.CLIENT_HELLO:
            self._hello_seen = True
            peer = self._peer(direction)
            if peer.protocol is Protocol.OTHER:
                self._restart(peer)
            # What follows is SSL 2.0 or TLS, as the server decides.
            assert direction.records is not None
            direction.offset = direction.records.offset
            rest = direction.records.rest()
            direction.records = None
            self._start(direction, rest)
            if direction.records is not None:
                self._read_records(direction, direction.records)
        elif msg_type == sslv2.CLIENT_MASTER_KEY or (
            msg_type == sslv2.SERVER_HELLO and message["body"]["session_id_hit"]
        ):
            for each in self._sides:
                each.encrypt()
            if msg_type == sslv2.CLIENT_MASTER_KEY:
                self._establish()
                self.finished = self._disable
        elif msg_type not in sslv2.MESSAGES:
            self._violation(direction, record.offset, f"unknown message type {msg_type}")

    def _turn_to_search(self, direction: _Direction) -> None:
        """Take back that a direction begins as SSL 2.0."""
        assert direction.records is not None
        direction.records.rest()
        taken = direction.records.offset
        direction.protocol = Protocol.OTHER
        search = self._begin_search(direction)
        if search is not None:
            search.gap(taken)
            self._finish_search()

    def _is_sslv2_hello(self, record: Record) -> bool:
        """Whether a record that looks like a CLIENT-HELLO is one, whole and well-formed: two bits and a
        byte alone would find SSL 2.0 in other protocols.
        """
        message, defects = read(sslv2.Message, record.fragment or b"")
        return (
            not defects
            and message["msg_type"] == sslv2.CLIENT_HELLO
            and message["body"]["version"] in _SSLV2_FRAMED
        )
