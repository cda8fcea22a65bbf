"""One UDP flow: datagrams of both directions in, events out.

What belongs here: which datagrams are DTLS, and what becomes of their records. Sans-I/O: no files, no clocks.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, ClassVar

from tlsgrammar import Registry
from tlsgrammar.framing import DatagramRecord, HandshakeFragments, read_records
from tlsgrammar.handshake import offered_connection_id
from tlsgrammar.names import ContentType
from tlsgrammar.versions import is_tls13

from .model import Connection, Event
from .session import Session, Side

__all__ = ["DatagramAnalyzer"]


class _Sender(Side):
    """What is known of the datagrams that one side sends.

    Attributes:
        offset: how many bytes they were.
        fragments: its handshake messages.
        cid: the connection id that it wants to receive; None where it has not asked for one.
    """

    __slots__ = ("cid", "fragments", "offset")

    def __init__(self, is_orig: bool) -> None:
        super().__init__(is_orig)
        self.offset = 0
        self.fragments = HandshakeFragments()
        self.cid: bytes | None = None


class DatagramAnalyzer(Session):
    """The events of one flow of datagrams.

    Datagrams go in as they arrive, in any order, lost or repeated; each call returns the events that it
    completed. Datagrams that are not DTLS raise nothing. No bytes raise an exception.

        >>> from events import DatagramAnalyzer
        >>> analyzer = DatagramAnalyzer()
        >>> alert = bytes.fromhex("15 fefd 0000 000000000001 0002 0228")
        >>> for event in analyzer.deliver(alert, is_orig=False):
        ...     print(event.name, event.level, event.desc)
        ssl_alert 2 40

    Args:
        c, disable_analyzer_after_detection, wanted, extensions: as for `Analyzer`.
    """

    __slots__ = ("_originator", "_recognised", "_responder")

    _over_datagrams: ClassVar[bool] = True
    _path_of_type: ClassVar[str] = "DTLSPlaintext.type"
    _transport: ClassVar[str] = "datagram"

    def __init__(
        self,
        c: Connection | None = None,
        *,
        disable_analyzer_after_detection: bool = True,
        wanted: Collection[str] | None = None,
        extensions: Registry | None = None,
    ) -> None:
        self._responder, self._originator = _Sender(False), _Sender(True)
        self._recognised = False
        super().__init__(
            c,
            (self._responder, self._originator),
            disable_analyzer_after_detection,
            wanted,
            extensions,
        )

    def deliver(self, datagram: bytes, is_orig: bool, ts: float | None = None) -> list[Event]:
        """Take a datagram.

        Args:
            datagram: its payload.
            is_orig: whether the originator sent it.
            ts: when it arrived, in seconds since the epoch.

        Returns:
            The events that it completed, in order. The offset of a `ProtocolViolation` counts the bytes of
            all datagrams of the direction.
        """
        if self.finished or not datagram:
            return []
        self._ts = ts
        sender = self._originator if is_orig else self._responder
        base = sender.offset
        sender.offset += len(datagram)
        records, error = read_records(
            bytes(datagram),
            cid_length=self._cid_length(sender),
            unified=is_tls13(self._version),
            registry=self._registry,
        )
        if not records or (error is not None and not self._recognised):
            return []
        self._recognised = True
        for record in records:
            if self.finished:
                break
            if record.fragment:
                self._record(sender, record, base)
        if error is not None and not self.finished:
            self._violation(sender, base + error.offset, error.reason, error.path)
        return self._taken()

    def end(self, ts: float | None = None) -> list[Event]:
        """Take note that no more datagrams come.

        Returns:
            A `ProtocolViolation` for each direction with handshake messages that are not whole.
        """
        if self.finished:
            return []
        self._ts = ts
        for sender in (self._originator, self._responder):
            pending = sender.fragments.pending
            if pending:
                reason = (
                    f"the data end with {pending} handshake messages of which there is only a part"
                )
                self._violation(sender, sender.offset, reason)
        self.finished = True
        return self._taken()

    def _cid_length(self, sender: _Sender) -> int | None:
        """How long the connection ids are that a side sends, if both have said that they know them."""
        receiver = self._responder if sender.is_orig else self._originator
        if receiver.cid is None or sender.cid is None:
            return None
        return len(receiver.cid)

    def _learn(self, side: Side, hello: Any, from_server: bool, offset: int) -> None:
        super()._learn(side, hello, from_server, offset)
        sender = self._originator if side.is_orig else self._responder
        sender.cid = offered_connection_id(hello)

    def _record(self, sender: _Sender, record: DatagramRecord, base: int) -> None:
        size = len(record.fragment)
        if record.epoch:
            if is_tls13(self._version):
                sender.encrypt()
            self._encrypted(sender, record.type, size)
            return
        offset = base + record.fragment_offset
        if record.type == ContentType.handshake:
            self._handshake(sender, record.fragment, offset)
        else:
            self._content(sender, record.type, record.fragment, base + record.offset, offset)
        if self._walker.wants_plaintext_data:
            self._plaintext(sender, record.version, record.type, size)

    def _handshake(self, sender: _Sender, content: bytes, offset: int) -> None:
        messages, errors = sender.fragments.read(content, offset)
        for message in messages:
            self._message(sender, message)
        for error in errors:
            self._violation(sender, error.offset, error.reason, error.path)
