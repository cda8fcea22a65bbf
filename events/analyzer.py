"""One connection: bytes of both directions in, events out.

What belongs here: the state of a connection (who has started to encrypt, what was negotiated), the order
of events, and what becomes of data that cannot be read. Sans-I/O: no files, no clocks.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from construct import Construct

from tlsgrammar import (
    Alerts,
    ChangeCipherSpec,
    ExtensionRegistry,
    GrammarError,
    Handshake,
    HeartbeatMessage,
    read,
    sslv2,
)
from tlsgrammar.extensions import DEFAULT
from tlsgrammar.framing import (
    HandshakeMessage,
    HandshakeReader,
    Protocol,
    Record,
    RecordReader,
    recognise,
    recognise_after_client_hello,
)
from tlsgrammar.handshake import negotiated_version
from tlsgrammar.names import ContentType, HandshakeType
from tlsgrammar.versions import SSL20, SSL30, TLS10, TLS11, TLS12, is_supported, is_tls13

from . import mapping  # noqa: F401  (fills the table that the walker reads)
from .model import (
    Connection,
    Event,
    ProtocolViolation,
    SslEncryptedData,
    SslEstablished,
)
from .walk import Occasion, walker

__all__ = ["Analyzer"]

_SSLV2_FRAMED = {SSL20, SSL30, TLS10, TLS11, TLS12}
_SERVER_HELLOS = {HandshakeType.server_hello, HandshakeType.hello_retry_request}


class _Direction:
    """What is known of the bytes that one side sends."""

    __slots__ = (
        "encrypted",
        "ended",
        "handshake",
        "head",
        "is_orig",
        "missing",
        "offset",
        "protocol",
        "records",
    )

    def __init__(self, is_orig: bool) -> None:
        self.is_orig = is_orig
        self.head = bytearray()
        self.offset = 0
        self.missing = 0
        self.protocol: Protocol | None = None
        self.records: RecordReader | None = None
        self.handshake = HandshakeReader()
        self.encrypted = False
        self.ended = False

    def encrypt(self) -> None:
        self.encrypted = True
        if self.records is not None:
            self.records.pass_over = True


class Analyzer:
    """The events of one connection.

    Bytes go in as they arrive, cut in any way; each call returns the events that they completed, in
    order. Bytes that are not TLS raise nothing. No bytes raise an exception.

        >>> from events import Analyzer
        >>> analyzer = Analyzer()
        >>> for event in analyzer.deliver(bytes.fromhex("15030100020228"), is_orig=False):
        ...     print(event.name, event.level, event.desc)
        ssl_alert 2 40

    Args:
        c: the connection that the events are of.
        disable_analyzer_after_detection: raise nothing more once `ssl_established` has been raised and
            the `ssl_encrypted_data` of the record that triggered it.
        wanted: the names of the events that are asked for; all where it is None. Asking for fewer
            costs less.
        extensions: the extensions that are known; those of the default registry where it is None.
    """

    __slots__ = (
        "_context",
        "_directions",
        "_disable",
        "_established",
        "_hello_seen",
        "_out",
        "_ts",
        "_walker",
        "_wanted",
        "c",
        "finished",
    )

    def __init__(
        self,
        c: Connection | None = None,
        *,
        disable_analyzer_after_detection: bool = True,
        wanted: Collection[str] | None = None,
        extensions: ExtensionRegistry | None = None,
    ) -> None:
        self.c = Connection() if c is None else c
        self.finished = False
        self._wanted = None if wanted is None else frozenset(wanted)
        self._walker = walker(self._wanted, DEFAULT if extensions is None else extensions)
        self._disable = disable_analyzer_after_detection
        self._directions = (_Direction(False), _Direction(True))
        self._context: dict[str, Any] = {"extensions": extensions}
        self._hello_seen = False
        self._established = False
        self._out: list[Event] = []
        self._ts: float | None = None

    def deliver(self, data: bytes, is_orig: bool, ts: float | None = None) -> list[Event]:
        """Take the next bytes of a direction.

        Args:
            data: the bytes.
            is_orig: whether the originator sent them.
            ts: when they arrived, in seconds since the epoch.

        Returns:
            The events that they completed, in order.
        """
        direction = self._directions[is_orig]
        if self.finished or not data:
            return []
        if type(data) is not bytes:
            data = bytes(data)  # what is kept of it must not change
        self._ts = ts
        out = self._out = []
        if direction.ended:
            self._report_missing(direction)
        elif direction.records is None:
            self._start(direction, data)
        else:
            direction.records.feed(data)
        if direction.records is not None:
            self._read_records(direction, direction.records)
        return out

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
        direction = self._directions[is_orig]
        if self.finished or direction.ended or length <= 0:
            return []
        self._ts = ts
        out = self._out = []
        records = direction.records
        if records is None:
            direction.missing = length
            self._end(direction)
        elif records.gap(length):
            self._read_records(direction, records)
        else:
            self._violation(direction, records.offset, f"{length} bytes are missing")
            self._end(direction)
        return out

    def lose(self, is_orig: bool, reason: str, ts: float | None = None) -> list[Event]:
        """Give up on a direction whose next bytes nobody can provide.

        Args:
            is_orig: whether it is the originator's.
            reason: why, in words.
            ts: when that became known.
        """
        direction = self._directions[is_orig]
        if self.finished or direction.ended:
            return []
        self._ts = ts
        out = self._out = []
        if any(d.records is not None for d in self._directions):
            offset = direction.offset if direction.records is None else direction.records.offset
            self._violation(direction, offset, reason)
        self._end(direction)
        return out

    def end(self, ts: float | None = None) -> list[Event]:
        """Take note that the connection is over.

        Returns:
            A `ProtocolViolation` for each direction that ends within a record or message.
        """
        if self.finished:
            return []
        self._ts = ts
        out = self._out = []
        for direction in reversed(self._directions):
            records = direction.records
            if direction.ended or records is None or not self._hello_seen:
                continue
            pending = records.pending or (
                "a handshake message" if direction.handshake.pending else ""
            )
            if pending:
                self._violation(direction, records.offset, f"the data end within {pending}")
        self.finished = True
        return out

    def _raise(self, event: Event) -> None:
        if self._wanted is None or event.name in self._wanted:
            self._out.append(event)

    def _violation(self, direction: _Direction, offset: int, reason: str, path: str = "") -> None:
        self._raise(ProtocolViolation(self.c, direction.is_orig, offset, path, reason, ts=self._ts))

    def _give_up(self, direction: _Direction, error: GrammarError) -> None:
        self._violation(direction, error.offset, error.reason, error.path)
        self._end(direction)

    def _end(self, direction: _Direction) -> None:
        direction.ended = True
        direction.records = None
        direction.handshake.drop()
        direction.head.clear()
        if all(d.ended for d in self._directions):
            self.finished = True

    # Where TLS begins

    def _start(self, direction: _Direction, data: bytes) -> None:
        peer = self._directions[not direction.is_orig]
        head = direction.head
        head += data
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
        if protocol is Protocol.TLS and peer.protocol is Protocol.OTHER:
            self._foreign(peer)
        direction.records = RecordReader(protocol, direction.offset)
        direction.records.feed(bytes(head))
        head.clear()

    def _report_missing(self, direction: _Direction) -> None:
        """Report that the beginning of a direction is missing, once it is known to matter."""
        if direction.missing and self._directions[not direction.is_orig].records is not None:
            self._violation(direction, 0, f"its first {direction.missing} bytes are missing")
            direction.missing = 0

    def _foreign(self, direction: _Direction) -> None:
        self._violation(direction, 0, "neither TLS nor SSL, which the other side speaks")

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
        if not self._hello_seen and not self._may_be_hello(direction, record):
            return
        if record.type == ContentType.application_data and not direction.encrypted:
            version = self._context.get("version")
            if version is not None and not is_tls13(version):
                return
            self._interrupt_handshake(direction, record, "application data")
            direction.encrypt()
        if direction.encrypted:
            self._encrypted(direction, record)
            return
        content = _CONTENT.get(record.type)
        if content is None:
            self._violation(
                direction, record.offset, f"unknown content type {record.type}", "TLSPlaintext.type"
            )
        else:
            content(self, direction, record)

    def _may_be_hello(self, direction: _Direction, record: Record) -> bool:
        """Whether a record can be read although no hello has been seen: the capture may have begun in
        the middle of the connection, with encryption on.
        """
        if record.type == ContentType.alert:
            return record.length == 2
        if record.type != ContentType.handshake or record.fragment is None:
            return False
        return direction.handshake.begins_hello(record.fragment) is not False

    def _encrypted(self, direction: _Direction, record: Record) -> None:
        if not self._established and all(d.encrypted for d in self._directions):
            self._establish()
        self._raise(
            SslEncryptedData(self.c, direction.is_orig, record.type, record.length, ts=self._ts)
        )
        if self._established and self._disable:
            self.finished = True

    def _establish(self) -> None:
        self._established = True
        self._raise(SslEstablished(self.c, ts=self._ts))

    # Content of plaintext records

    def _read(self, schema: Construct, direction: _Direction, record: Record) -> Any:
        value, defects = read(schema, record.fragment or b"", **self._context)
        self._report(schema, value, direction)
        for defect in defects:
            offset = record.fragment_offset + defect.offset
            self._violation(direction, offset, defect.reason, defect.path)
        return value

    def _report(
        self, schema: Construct, value: Any, direction: _Direction, malformed: bool = False
    ) -> None:
        occasion = Occasion(self.c, direction.is_orig, self._ts, malformed)
        self._out += self._walker.events(schema, value, self._context, occasion)

    def _alert(self, direction: _Direction, record: Record) -> None:
        self._read(Alerts, direction, record)

    def _heartbeat(self, direction: _Direction, record: Record) -> None:
        self._read(HeartbeatMessage, direction, record)

    def _change_cipher_spec(self, direction: _Direction, record: Record) -> None:
        self._interrupt_handshake(direction, record, "a ChangeCipherSpec")
        self._read(ChangeCipherSpec, direction, record)
        if not is_tls13(self._context.get("version")):
            direction.encrypt()

    def _interrupt_handshake(self, direction: _Direction, record: Record, by: str) -> None:
        lost = direction.handshake.pending
        if lost:
            self._violation(
                direction,
                record.offset,
                f"{by} within a handshake message, of which {lost} bytes are lost",
            )
            direction.handshake.drop()

    def _handshake(self, direction: _Direction, record: Record) -> None:
        messages = direction.handshake
        messages.feed(record.fragment or b"", record.fragment_offset)
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
                return
            value, defects = read(Handshake, message.data, **self._context)
            malformed = any(defect.ends_early for defect in defects)
            self._report(Handshake, value, direction, malformed)
            self._learn(direction, value, message, malformed)
            for defect in defects:
                self._violation(
                    direction, message.offset(defect.offset), defect.reason, defect.path
                )
            if malformed:
                messages.drop()

    def _learn(
        self, direction: _Direction, value: Any, message: HandshakeMessage, malformed: bool
    ) -> None:
        """Take from a hello what the messages after it depend on."""
        from_server = value["msg_type"] in _SERVER_HELLOS
        if not from_server and value["msg_type"] != HandshakeType.client_hello:
            return
        self._hello_seen = True
        hello = value["body"]
        if hello is None or malformed:
            return
        version = negotiated_version(hello) if from_server else hello["legacy_version"]
        if not is_supported(version):
            self._violation(
                direction, message.offset(0), f"a hello of the unknown version 0x{version:04x}"
            )
        if from_server:
            self._context["version"] = version
            if hello["cipher_suite"] is not None:
                self._context["cipher_suite"] = hello["cipher_suite"]

    # SSL 2.0

    def _sslv2_record(self, direction: _Direction, record: Record) -> None:
        if direction.encrypted:
            self._encrypted(direction, record)
            return
        if not self._hello_seen and not self._is_sslv2_hello(record):
            direction.protocol = Protocol.OTHER
            self._end(direction)
            return
        message = self._read(sslv2.Message, direction, record)
        if message is None:
            return
        msg_type = message["msg_type"]
        if msg_type == sslv2.CLIENT_HELLO:
            self._hello_seen = True
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
            for each in self._directions:
                each.encrypt()
            if msg_type == sslv2.CLIENT_MASTER_KEY:
                self._establish()
                self.finished = self._disable
        elif msg_type not in sslv2.MESSAGES:
            self._violation(direction, record.offset, f"unknown message type {msg_type}")

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


_CONTENT: dict[int, Callable[[Analyzer, _Direction, Record], None]] = {
    ContentType.change_cipher_spec: Analyzer._change_cipher_spec,
    ContentType.alert: Analyzer._alert,
    ContentType.handshake: Analyzer._handshake,
    ContentType.heartbeat: Analyzer._heartbeat,
}
