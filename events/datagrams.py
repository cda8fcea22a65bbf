"""One UDP flow that may be DTLS: datagrams of both directions in, events out.

What may live here: which datagrams are DTLS, and what becomes of their records. Sans-I/O: no files, no clocks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from tlsgrammar import GrammarError
from tlsgrammar.framing import (
    DatagramRecord,
    HandshakeFragments,
    has_early_data_behind_hello,
    read_records,
    sent_by_server,
)
from tlsgrammar.handshake import offered_connection_id
from tlsgrammar.names import ContentType, HandshakeType
from tlsgrammar.versions import is_tls13

from .conversation import Conversation, Fact, Side, State, Transport
from .model import Connection, Event
from .options import Choices, Options, chosen

if TYPE_CHECKING:  # most have no secrets
    from .secrets.datagrams import DatagramOpener, Opened

__all__ = ["DatagramAnalyzer"]

_TRANSPORT = Transport("datagram", dtls=True, type_path="DTLSPlaintext.type")
_CHANGE_CIPHER_SPEC = ContentType.change_cipher_spec.value
_HANDSHAKE = ContentType.handshake.value
_HELLOS = (HandshakeType.client_hello.value, HandshakeType.server_hello.value)


class _Sender(Side):
    """What is known of the datagrams that one side sends.

    Attributes:
        fragments: its handshake messages.
        cid: the connection id that it wants to receive; None where it has not asked for one.
        decrypted: its encrypted handshake messages, by epoch.
        unread: whether it has been told that records could not be opened although there are secrets.
    """

    __slots__ = ("cid", "decrypted", "fragments", "unread")

    def __init__(self, is_orig: bool, options: Options) -> None:
        super().__init__(is_orig)
        self.fragments = HandshakeFragments(options.handshake_limit, options.connection_limit // 2)
        self.cid: bytes | None = None
        self.decrypted: dict[int, HandshakeFragments] = {}
        self.unread = False

    @property
    def held(self) -> int:
        """How many bytes of memory are held, about."""
        return self.fragments.held + sum([each.held for each in self.decrypted.values()])


class DatagramAnalyzer:
    """The events of DTLS in one flow of datagrams.

    Datagrams go in as they arrive, in any order, lost or repeated; each call returns the events that it
    completed. Datagrams that are not DTLS raise nothing. No bytes raise an exception.

        >>> from events import DatagramAnalyzer
        >>> analyzer = DatagramAnalyzer()
        >>> alert = bytes.fromhex("15 fefd 0000 000000000001 0002 0228")
        >>> for event in analyzer.deliver(alert, is_orig=False):
        ...     print(event.name, event.level, event.desc)
        ssl_alert 2 40

    Args:
        c: the connection that the events are of.
        originator_is_guess: whether nobody knows which side began. It is the one then that sends the first datagram, or
            the other one where that is a server's.
        options: an `Options`. Alternatively pass its attributes as keywords, not both.
        disable_analyzer_after_detection, wanted, extensions, secrets, handshake_limit, connection_limit: attributes of
            `Options`.

    Attributes:
        answered: whether the hello of a server has been read.
        established: whether the handshake is over.
        c: the connection.
        finished: whether nothing more will be raised.
        held: how many bytes of memory are held for what has not arrived whole, about.
        idle: that there is nothing but what it reads.
        offsets: how many bytes the responder and the originator have sent, as the caller calls them.
    """

    __slots__ = (
        "_conversation",
        "_opener",
        "_options",
        "_originator",
        "_recognised",
        "_responder",
        "offsets",
    )

    idle = False

    def __init__(
        self,
        c: Connection | None = None,
        *,
        originator_is_guess: bool = False,
        options: Options | None = None,
        **choices: Unpack[Choices],
    ) -> None:
        options = chosen(c, options, choices)
        self._options = options
        # As the caller calls them.
        self._responder, self._originator = _Sender(False, options), _Sender(True, options)
        self._conversation = Conversation(
            c, (self._responder, self._originator), _TRANSPORT, options, originator_is_guess
        )
        self._recognised = False
        self._opener: DatagramOpener | None = None  # once there are secrets and an encrypted record
        self.offsets = [0, 0]

    def __repr__(self) -> str:
        return self._conversation.shown(self)

    @property
    def c(self) -> Connection:
        """The connection that the events are of."""
        return self._conversation.c

    @property
    def finished(self) -> bool:
        """Whether nothing more will be raised."""
        return self._conversation.state is State.FINISHED

    @property
    def answered(self) -> bool:
        """Whether the hello of a server has been read."""
        return self._conversation.version is not None

    @property
    def established(self) -> bool:
        """Whether the handshake is over."""
        return self._conversation.state in (State.ESTABLISHED, State.FINISHED)

    def begin_again(self, is_orig: bool) -> None:
        """Take note that a side begins its handshake again: what there is of messages of its is of the one before.

        Args:
            is_orig: whether it is the originator.
        """
        (self._originator if is_orig else self._responder).fragments = self._fragments()

    def _fragments(self) -> HandshakeFragments:
        options = self._options
        return HandshakeFragments(options.handshake_limit, options.connection_limit // 2)

    @property
    def held(self) -> int:
        """How many bytes of memory are held for what has not arrived whole, about."""
        waiting = 0 if self._opener is None else self._opener.held
        return self._originator.held + self._responder.held + waiting + self._conversation.held

    def deliver(
        self, datagram: bytes, is_orig: bool, ts: float | None = None, missing: int = 0
    ) -> list[Event]:
        """Take a datagram.

        Args:
            datagram: its payload.
            is_orig: whether the originator sent it.
            ts: when it arrived, in seconds since the epoch.
            missing: how many bytes it had more, which were not captured.

        Returns:
            The events that it completed, in order. The offset of a `ProtocolViolation` counts the bytes of
            all datagrams of the direction.
        """
        conversation = self._conversation
        if conversation.state is State.FINISHED or not datagram:
            return []
        conversation.ts = ts
        datagram = bytes(datagram)
        sender = self._originator if is_orig else self._responder
        if conversation.originator_is_guess:
            is_server = sent_by_server(datagram)
            conversation.settle_originator(sender, is_originator=not is_server)
        base = self.offsets[is_orig]
        self.offsets[is_orig] += len(datagram)
        layout = self._layout(sender)
        records, error = self._cut(datagram, 0, layout)
        if not self._recognised and error is not None and records:
            if not has_early_data_behind_hello(datagram, error.offset):
                return []
            error = None
        if not self._recognised and not records:
            return []
        if not records and not missing:
            return []
        self._recognised = True
        at = 0
        while at < len(records) and not self.finished:
            record = records[at]
            at += 1
            if record.fragment:
                self._record(sender, record, base)
            if not record.epoch and layout != (layout := self._layout(sender)):
                # It was the hello that says how what stands behind it is to be read.
                end = record.fragment_offset + len(record.fragment)
                records, error = self._cut(datagram, end, layout)
                at = 0
        if missing:
            offset = len(datagram) if error is None else error.offset
            error = GrammarError(f"{missing} bytes of a datagram were not captured", offset)
        if error is not None and not self.finished:
            conversation.violation(sender, base + error.offset, error.reason, error.path)
        return conversation.taken()

    def _layout(self, sender: _Sender) -> tuple[int | None, bool]:
        """How long the connection ids are that a side sends, and whether there may be unified headers."""
        unified = is_tls13(self._conversation.version) or self._may_be_early_data
        return self._cid_length(sender), unified

    def _cut(
        self, datagram: bytes, start: int, layout: tuple[int | None, bool]
    ) -> tuple[list[DatagramRecord], GrammarError | None]:
        """The records of a datagram, from where one begins, and what is wrong behind them."""
        cid_length, unified = layout
        return read_records(
            datagram,
            start=start,
            cid_length=cid_length,
            unified=unified,
            registry=self._conversation.registry,
        )

    def give_up(self, reason: str, ts: float | None = None) -> list[Event]:
        """Give up on the flow.

        Args:
            reason: why, in words.
            ts: when.

        Returns:
            A `ProtocolViolation`, if there was something to be read.
        """
        conversation = self._conversation
        conversation.ts = ts
        if self._recognised and not self.finished:
            conversation.violation(self._originator, self.offsets[True], reason)
        conversation.finish()
        return conversation.taken()

    def catch_up(self, ts: float | None = None) -> list[Event]:
        """Read what has waited for secrets that have come since. Delivering more does so by itself.

        Args:
            ts: when.
        """
        conversation = self._conversation
        if self._opener is None or self.finished or not conversation.is_heard_again():
            return []
        conversation.ts = ts
        for opened in self._opener.late():
            self._opened(opened)
        return conversation.taken()

    def end(self, ts: float | None = None) -> list[Event]:
        """Take note that no more datagrams come.

        Returns:
            A `ProtocolViolation` for each direction with handshake messages that are not whole.
        """
        conversation = self._conversation
        if conversation.state is State.FINISHED:
            return []
        late = self.catch_up(ts)
        conversation.ts = ts
        for label, sender in ((True, self._originator), (False, self._responder)):
            encrypted = sum([each.pending for each in sender.decrypted.values()])
            for what, pending in (("", sender.fragments.pending), ("encrypted ", encrypted)):
                if pending:
                    reason = (
                        f"the data ends with {pending} {what}handshake messages that are not whole"
                    )
                    conversation.violation(sender, self.offsets[label], reason)
        conversation.finish()
        return late + conversation.taken()

    @property
    def _may_be_early_data(self) -> bool:
        """Whether records of DTLS 1.3 may come before it is negotiated, which nothing tells but their secret."""
        conversation = self._conversation
        secrets = conversation.secrets
        return (
            secrets is not None
            and conversation.version is None
            and secrets.offers_early_data
            and secrets.known()
        )

    def _cid_length(self, sender: _Sender) -> int | None:
        """How long the connection ids are that a side sends, if both have said that they know them."""
        receiver = self._responder if sender is self._originator else self._originator
        if receiver.cid is None or sender.cid is None:
            return None
        return len(receiver.cid)

    def _record(self, sender: _Sender, record: DatagramRecord, base: int) -> None:
        conversation = self._conversation
        content_type, size = record.type, len(record.fragment)
        if record.epoch:
            conversation.note(sender, Fact.LATER_EPOCH)
            conversation.encrypted_record(sender, content_type, size)
            if conversation.secrets is not None and not self.finished:
                self._open(sender, record, base + record.fragment_offset)
            return
        offset = base + record.fragment_offset
        if content_type == _HANDSHAKE:
            self._handshake(sender, record.fragment, offset)
        else:
            conversation.content(
                sender, content_type, record.fragment, base + record.offset, offset
            )
            if content_type == _CHANGE_CIPHER_SPEC:
                conversation.note(sender, Fact.CHANGE_CIPHER_SPEC)
        if conversation.walker.wants_plaintext_data:
            conversation.plaintext_record(sender, record.version, content_type, size)

    def _handshake(self, sender: _Sender, content: bytes, offset: int) -> None:
        conversation = self._conversation
        if conversation.walker.wants_structures:
            conversation.tell_structure(sender, "DTLSHandshake", content, offset)
        messages, errors = sender.fragments.read(content, offset)
        for message in messages:
            value = conversation.message(sender, message)
            if value is not None and value["msg_type"] in _HELLOS:
                # A HelloRetryRequest has none, and may come late.
                cid = offered_connection_id(value["body"])
                sender.cid = sender.cid if cid is None else cid
        for error in errors:
            conversation.violation(sender, error.offset, error.reason, error.path)

    # What is encrypted, with the secrets

    def _open(self, sender: _Sender, record: DatagramRecord, offset: int) -> None:
        """Open an encrypted record, and those that have waited for the same secrets; read what they hold."""
        conversation = self._conversation
        secrets = conversation.secrets
        assert secrets is not None
        if self._opener is None:
            from .secrets.datagrams import DatagramOpener

            self._opener = DatagramOpener(secrets)
        for opened in self._opener.take(conversation.is_client(sender), record, offset):
            self._opened(opened)
        if secrets.unsupported and not sender.unread and secrets.known():
            conversation.violation(sender, offset, secrets.unsupported)
            self._originator.unread = self._responder.unread = True
        if conversation.silent and not self._opener.waits:
            conversation.give_up_waiting()

    def _opened(self, opened: Opened) -> None:
        conversation = self._conversation
        one, other = self._originator, self._responder
        sender = one if conversation.is_client(one) is opened.is_client else other
        content = opened.content
        if content is None:
            if not sender.unread:
                sender.unread = True
                reason = "a record does not authenticate with the secrets that there are"
                conversation.violation(sender, opened.offset, reason)
        elif content.type != _HANDSHAKE:
            conversation.decrypted_content(sender, content)
        else:
            fragments = sender.decrypted.get(opened.record.epoch)
            if fragments is None:
                fragments = self._fragments()
                # Of the epoch before this one something may come late.
                last = list(sender.decrypted.items())[-1:]
                sender.decrypted = {**dict(last), opened.record.epoch: fragments}
            if conversation.walker.wants_structures:
                conversation.tell_structure(
                    *(sender, "DTLSHandshake", content.data, content.offset), is_encrypted=True
                )
            messages, errors = fragments.read(content.data, content.offset)
            for message in messages:
                conversation.decrypted_message(sender, message)
            for error in errors:
                conversation.violation(sender, error.offset, error.reason, error.path)
