"""One TCP connection: bytes of both directions in, events out.

What may live here: where TLS begins in a stream and where its records do, and what becomes of data that cannot
be read. Sans-I/O: no files, no clocks.

How far the reading of a direction is stands in `_Direction.reading`; the tables at the end say who takes what in which
state.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple, Unpack

from tlsgrammar import GrammarError, read, sslv2
from tlsgrammar.framing import (
    ENOUGH_TO_TELL,
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
from tlsgrammar.versions import SSL20, SSL30, TLS10, TLS11, TLS12

from .conversation import Conversation, Fact, Side, State, Transport
from .model import Connection, Event
from .options import Choices, Options, chosen

if TYPE_CHECKING:  # most begin as TLS, and have no secrets
    from tlsgrammar.framing.resync import RecordSearch
    from tlsgrammar.framing.search import ClientHelloSearch

    from .secrets.records import Content
    from .secrets.streams import Opened, StreamOpener

__all__ = ["Analyzer"]

_APPLICATION_DATA = ContentType.application_data.value
_ALERT = ContentType.alert.value
_CHANGE_CIPHER_SPEC = ContentType.change_cipher_spec.value
_HANDSHAKE = ContentType.handshake.value
_SSLV2_FRAMED = {SSL20, SSL30, TLS10, TLS11, TLS12}

_TRANSPORT = Transport("stream", dtls=False, type_path="TLSPlaintext.type")


class _Reading(enum.IntEnum):
    """How far the reading of a direction is."""

    BEGINNING = 0  # what it is is not known; its bytes are collected
    SEARCHING = 1  # it does not begin as TLS, and a ClientHello is looked for
    TLS = 2  # its records are read
    SSLV2 = 3  # its records are read
    AFTER_HELLO = 4  # it began with a CLIENT-HELLO in the framing of SSL 2.0; what it goes on with is not known
    ENDED = 5  # nothing more of it can be read
    LOST = 6  # bytes are missing, and the next record is looked for that its keys open


# What is held for a message before it is asked how much the connection holds in all, in bytes.
_MUCH = 2**16

# So many places are tried for the next record after bytes that are missing.
_MAXIMUM_CANDIDATES = 1024

# What directions have that are in another state: a connection that waits keeps nothing.
_NOTHING_TO_READ = RecordReader(Protocol.TLS)


class _Lost(NamedTuple):
    """Why nothing of a direction can be read, which is of interest once the other one turns out to be TLS.

    Attributes:
        offset: where that is.
        reason: in words.
        if_more: whether it is, only if more comes: that nothing has come may be all there is.
    """

    offset: int
    reason: str
    if_more: bool


class _Direction(Side):
    """What is known of the bytes that one side sends.

    Attributes:
        reading: how far their reading is.
        protocol: what they have been recognised as; None before.
        head: those that have been collected to find that out.
        cuts: where in them segments begin, but for the first.
        offset: how many came before what is collected, searched or read as records; or have come, once nothing of it
            is read.
        lost: why nothing of it can be read, if nobody has been told.
        heard_of: whether anything of it has been read that means anything.
        records: what reads them as records, in the states of `_OF_RECORDS`.
        search: what looks for a ClientHello in them, where they are searched.
        resync: what looks for a record in them, where they are lost.
        handshake: what reads messages that do not each stand alone in a record; None while none is begun.
        decrypted: likewise, of what was encrypted.
        unread: whether it has been told that records could not be opened although there are secrets.
    """

    __slots__ = (
        "cuts",
        "decrypted",
        "handshake",
        "head",
        "heard_of",
        "lost",
        "offset",
        "protocol",
        "reading",
        "records",
        "resync",
        "search",
        "unread",
    )

    def __init__(self, is_orig: bool) -> None:
        super().__init__(is_orig)
        self.reading = _Reading.BEGINNING
        self.protocol: Protocol | None = None
        self.head = b""
        self.cuts: tuple[int, ...] = ()
        self.offset = 0
        self.lost: _Lost | None = None
        self.heard_of = False
        self.records: RecordReader = _NOTHING_TO_READ
        self.search: ClientHelloSearch | None = None
        self.handshake: HandshakeReader | None = None
        self.decrypted: HandshakeReader | None = None
        self.resync: RecordSearch | None = None
        self.unread = False

    @property
    def arrived(self) -> int:
        """How many bytes have come."""
        if self.reading in _OF_RECORDS:
            return self.records.arrived
        if self.search is not None:
            return self.search.offset
        if self.resync is not None:
            return self.resync.arrived
        return self.offset + len(self.head)

    @property
    def held(self) -> int:
        """How many bytes of memory are held, about."""
        readers = (self.handshake, self.decrypted)
        messages = sum([reader.held for reader in readers if reader is not None])
        searched = 0 if self.search is None else self.search.held
        lost = 0 if self.resync is None else self.resync.held
        return len(self.head) + self.records.held + searched + messages + lost

    def read_records(self, protocol: Protocol, data: bytes) -> None:
        """Read records from here on."""
        self.protocol = protocol
        self.reading = _Reading.TLS if protocol is Protocol.TLS else _Reading.SSLV2
        self.records = RecordReader(protocol, self.offset)
        self.records.feed(data)
        self.head = b""

    def begin_again(self) -> None:
        """Read on as if nothing had come before."""
        self.offset = self.arrived
        self.head = b""
        self.cuts = ()
        self.search = None
        self.lost = None
        self.protocol = None
        self.reading = _Reading.BEGINNING

    def end(self) -> None:
        """Read nothing more."""
        self.offset = self.arrived
        self.reading = _Reading.ENDED
        self.records = _NOTHING_TO_READ
        self.search = None
        self.handshake = None
        self.decrypted = None
        self.resync = None
        self.head = b""
        self.cuts = ()


class Analyzer:
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
        originator_is_guess: whether nobody knows who opened the connection. The TLS client is taken for the originator
            then, once what is sent tells which that is: `c` and the `is_orig` of events change sides; the `is_orig` of
            what is delivered keeps its meaning.
        options: an `Options`. Alternatively pass its attributes as keywords, not both.
        disable_analyzer_after_detection, wanted, extensions, secrets, search_limit, handshake_limit, connection_limit:
            attributes of `Options`.

    Attributes:
        c: the connection.
        finished: whether nothing more will be raised.
        held: how many bytes of memory are held for what has not arrived whole, about.
    """

    __slots__ = ("_conversation", "_may_tell", "_opener", "_options", "_originator", "_responder")

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
        # Whether the first bytes of a direction are still to tell who the originator is.
        self._may_tell = originator_is_guess
        # As the caller calls them.
        self._responder, self._originator = _Direction(False), _Direction(True)
        self._conversation = Conversation(
            c, (self._responder, self._originator), _TRANSPORT, options, originator_is_guess
        )
        self._opener: StreamOpener | None = None  # once there are secrets and an encrypted record

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
    def waits_for_secrets(self) -> bool:
        """Whether nothing more will be raised unless secrets come, which they may yet."""
        return self._conversation.silent

    def is_silent(self, is_orig: bool) -> bool:
        """Whether nothing has been read of a direction that means anything.

        Args:
            is_orig: whether it is the originator's.
        """
        return not (self._originator if is_orig else self._responder).heard_of

    @property
    def held(self) -> int:
        """How many bytes of memory are held for what has not arrived whole, about."""
        waiting = 0 if self._opener is None else self._opener.held
        return self._originator.held + self._responder.held + waiting + self._conversation.held

    def deliver(self, data: bytes, is_orig: bool, ts: float | None = None) -> list[Event]:
        """Take the next bytes of a direction.

        Args:
            data: the bytes.
            is_orig: whether the originator sent them.
            ts: when they arrived, in seconds since the epoch.

        Returns:
            The events that they completed, in order.
        """
        conversation = self._conversation
        if conversation.state is State.FINISHED or not data:
            return []
        direction = self._originator if is_orig else self._responder
        if type(data) is not bytes:
            data = bytes(data)  # what is kept of it must not change
        conversation.ts = ts
        if direction.reading in _OF_RECORDS:
            if self._opener is not None and not direction.records.keep:
                direction.records.keep = self._opener.wants(conversation.is_client(direction))
            if direction.records.feed(data):
                self._read(direction)
        else:
            _TAKES[direction.reading](self, direction, data)
            self._read(direction)
        return conversation.taken()

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
        if self.finished or length <= 0:
            return []
        self._conversation.ts = ts
        _MISSES[direction.reading](self, direction, length)
        self._read(direction)
        return self._conversation.taken()

    def lose(self, is_orig: bool, reason: str, ts: float | None = None) -> list[Event]:
        """Give up on a direction whose next bytes nobody can provide.

        Args:
            is_orig: whether it is the originator's.
            reason: why, in words.
            ts: when that became known.
        """
        direction = self._originator if is_orig else self._responder
        if self.finished or direction.reading is _Reading.ENDED:
            return []
        self._conversation.ts = ts
        if direction.reading is _Reading.BEGINNING and direction.head:
            self._recognise(direction, last=True)
        if direction.reading in _OF_RECORDS:
            self._conversation.violation(direction, direction.records.offset, reason)
        elif self._peer(direction).reading in _OF_RECORDS:
            self._conversation.violation(direction, direction.arrived, reason)
        else:
            direction.lost = _Lost(direction.arrived, reason, if_more=False)
        self._end(direction)
        return self._conversation.taken()

    def begin_again(self, is_orig: bool, ts: float | None = None) -> list[Event]:
        """Take note that a direction begins with its next bytes: what came before was no part of it.

        Args:
            is_orig: whether it is the originator's.
            ts: when that became known.
        """
        direction = self._originator if is_orig else self._responder
        if direction.heard_of:
            return self.lose(is_orig, "its bytes do not go on from those before", ts)
        direction.begin_again()
        return []

    def give_up(self, reason: str, ts: float | None = None) -> list[Event]:
        """Give up on the connection.

        Args:
            reason: why, in words.
            ts: when.

        Returns:
            A `ProtocolViolation`, if there was something to be read.
        """
        conversation = self._conversation
        conversation.ts = ts
        for direction in (self._originator, self._responder):
            if direction.heard_of and direction.reading in _OF_RECORDS and not self.finished:
                conversation.violation(direction, direction.arrived, reason)
                conversation.finish()
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
        """Take note that the connection is over.

        Returns:
            The events that were waiting for more; and a `ProtocolViolation` for each direction that ends within a
            record or message.
        """
        conversation = self._conversation
        if self.finished:
            return []
        late = self.catch_up(ts)
        conversation.ts = ts
        for direction in (self._originator, self._responder):
            if direction.reading is _Reading.BEGINNING:
                self._recognise(direction, last=True)
            elif direction.resync is not None:
                direction.resync.waits = False
                self._try_candidates(direction, direction.resync)
            self._read(direction)
        for direction in (self._originator, self._responder):
            if direction.reading in _OF_RECORDS and conversation.state is not State.BEGINNING:
                pending = direction.records.pending
                if not pending and direction.handshake is not None and direction.handshake.pending:
                    pending = "a handshake message"
                if pending:
                    reason = f"the data ends in the middle of {pending}"
                    conversation.violation(direction, direction.records.offset, reason)
            self._interrupt_decrypted(direction, direction.arrived)
        conversation.finish()
        return late + conversation.taken()

    def _peer(self, direction: _Direction) -> _Direction:
        return self._responder if direction is self._originator else self._originator

    def _end(self, direction: _Direction) -> None:
        direction.end()
        self._finish_search()

    def _read_records(self, direction: _Direction, protocol: Protocol, data: bytes) -> None:
        direction.read_records(protocol, data)
        has_secrets = self._conversation.secrets is not None and protocol is Protocol.TLS
        direction.records.keep = direction.records.wants_tail = has_secrets

    # Where TLS begins

    def _collect(self, direction: _Direction, data: bytes) -> None:
        if direction.head:
            direction.cuts += (len(direction.head),)
            data = direction.head + data
        direction.head = data
        self._recognise(direction)

    def _recognise(self, direction: _Direction, last: bool = False) -> None:
        """Find out what a direction is by what has been collected of it, once that is enough, or with `last` all."""
        head, peer = direction.head, self._peer(direction)
        if direction.reading is _Reading.AFTER_HELLO:
            protocol = recognise_after_client_hello(head, peer=peer.protocol)
        else:
            if self._may_tell:
                if len(head) < ENOUGH_TO_TELL and not last:
                    return
                self._tell_originator(direction)
            protocol = recognise(head, is_orig=direction.is_orig, peer=peer.protocol)
            if protocol is Protocol.SSLV2 and direction.is_orig:
                protocol = _sslv2_or_other(head, last)
        if protocol is None:
            return
        if protocol is not Protocol.OTHER:
            if protocol is Protocol.TLS and peer.protocol is Protocol.OTHER:
                is_client = client_or_server(head)
                if is_client is not None:
                    self._conversation.settle_originator(direction, is_originator=is_client)
                self._begin_again(peer)
            # Once it has raised events, nothing changes sides.
            self._conversation.settle_originator(direction, is_originator=direction.is_orig)
            if peer.lost is not None and not peer.lost.if_more:
                self._report_lost(peer)
            self._read_records(direction, protocol, head)
        else:
            cuts, offset = direction.cuts, direction.offset
            direction.protocol = protocol
            direction.cuts = ()
            self._begin_search(direction)
            # TLS may begin where a segment does.
            for begin, end in pairwise((0, *cuts, len(head))):
                if direction.reading is _Reading.SEARCHING:
                    self._look_for_client_hello(direction, head[begin:end])
                elif direction.reading in _OF_RECORDS:
                    direction.records.feed(head[begin:end])
            if (
                peer.protocol in (Protocol.TLS, Protocol.SSLV2)
                and direction.reading not in _OF_RECORDS
            ):
                reason = "neither TLS nor SSL, which the other side speaks"
                self._conversation.violation(direction, offset, reason)
                self._end(direction)

    def _tell_originator(self, direction: _Direction) -> None:
        """Tell who the originator is by the first bytes of a direction. What has come in the other one before was too
        little for that; it is looked at now, because it came first.
        """
        self._may_tell = False
        is_client = client_or_server(direction.head)
        if is_client is not None:
            self._conversation.settle_originator(direction, is_originator=is_client)
        peer = self._peer(direction)
        if peer.reading is _Reading.BEGINNING and peer.head:
            self._recognise(peer)

    def _begin_search(self, direction: _Direction) -> None:
        """Look for TLS further on in a direction that does not begin with it, if somebody wants that."""
        limit = self._options.search_limit
        if limit <= 0:
            self._end(direction)
            return
        from tlsgrammar.framing.search import ClientHelloSearch

        direction.head = b""
        direction.records = _NOTHING_TO_READ
        direction.reading = _Reading.SEARCHING
        direction.search = ClientHelloSearch(limit, direction.offset)

    def _begin_again(self, direction: _Direction) -> None:
        """Read a direction as if nothing had come before, because the other one turns out to be TLS."""
        self._report_given_up(direction)
        direction.begin_again()

    def _report_given_up(self, direction: _Direction) -> None:
        search = direction.search
        if search is not None and search.given_up:
            reason = (
                f"{search.given_up} places before it, where a ClientHello may begin, were given up"
            )
            self._conversation.violation(direction, search.offset, reason)

    def _look_for_client_hello(self, direction: _Direction, data: bytes) -> None:
        search = direction.search
        assert search is not None
        was_over = search.over
        found = search.feed(data)
        if found is not None:
            self._conversation.settle_originator(direction, is_originator=True)
            self._report_given_up(direction)
            direction.offset = search.offset
            direction.search = None
            peer = self._peer(direction)
            if peer.protocol is not Protocol.TLS:
                self._begin_again(peer)
            self._read_records(direction, Protocol.TLS, found)
        elif search.over and not was_over:
            self._finish_search()

    def _finish_search(self) -> None:
        """Take note of it where neither direction can turn out to be TLS any more."""
        if all(
            d.reading is _Reading.ENDED or (d.search is not None and d.search.over)
            for d in (self._originator, self._responder)
        ):
            self._conversation.finish()

    def _pass_by(self, direction: _Direction, data: bytes) -> None:
        direction.offset += len(data)
        if self._peer(direction).reading in _OF_RECORDS:
            self._report_lost(direction)

    def _report_lost(self, direction: _Direction) -> None:
        lost, direction.lost = direction.lost, None
        if lost is not None:
            self._conversation.violation(direction, lost.offset, lost.reason)

    # Gaps

    def _miss_beginning(self, direction: _Direction, length: int) -> None:
        if direction.head and self._may_tell:
            self._recognise(direction, last=True)
            if direction.reading is not _Reading.BEGINNING:
                _MISSES[direction.reading](self, direction, length)
                return
        direction.lost = _Lost(0, f"its first {length} bytes are missing", if_more=True)
        self._end(direction)
        direction.offset += length

    def _miss_passed_by(self, direction: _Direction, length: int) -> None:
        direction.offset += length

    def _miss_searched(self, direction: _Direction, length: int) -> None:
        assert direction.search is not None
        direction.search.gap(length)
        self._finish_search()

    def _miss_in_records(self, direction: _Direction, length: int) -> None:
        records = direction.records
        if not records.gap(length):
            reason = f"{length} bytes are missing"
            self._conversation.violation(direction, records.offset, reason)
            if self._may_be_found_again(direction):
                self._lose_records(direction, length)
            else:
                self._end(direction)
                direction.offset += length

    def _miss_lost(self, direction: _Direction, length: int) -> None:
        assert direction.resync is not None
        direction.resync.gap(length)
        self._opening().lose(self._conversation.is_client(direction), length)

    # Records

    def _read(self, direction: _Direction) -> None:
        """Read the records that have arrived."""
        conversation = self._conversation
        while direction.reading in _OF_RECORDS and conversation.state is not State.FINISHED:
            try:
                record = direction.records.next()
            except GrammarError as error:
                conversation.violation(direction, error.offset, error.reason, error.path)
                self._end(direction)
                return
            if record is None:
                return
            if not record.length:
                continue
            if direction.reading is _Reading.TLS:
                self._tls_record(direction, record)
            else:
                self._sslv2_record(direction, record)

    def _tls_record(self, direction: _Direction, record: Record) -> None:
        conversation = self._conversation
        content_type = record.type
        if not direction.encrypts:
            if conversation.state is State.BEGINNING and not _may_be_read(direction, record):
                return
            # An alert that comes before anything else may be of another connection.
            if content_type != _ALERT:
                direction.heard_of = True
            if content_type == _APPLICATION_DATA:
                conversation.note(direction, Fact.APPLICATION_DATA)
                if direction.encrypts:
                    self._interrupt_handshake(direction, record, "application data")
                    _pass_over(direction)
        if direction.encrypts and not self._is_plain_after_all(direction, record):
            if conversation.state is State.TLS13:
                conversation.probable_handshake_message(direction, record.length)
            conversation.encrypted_record(direction, content_type, record.length)
            if conversation.secrets is not None and conversation.state is not State.FINISHED:
                self._open(direction, record)
            return
        if content_type == _HANDSHAKE:
            self._handshake(direction, record)
        else:
            fragment = record.fragment or b""
            if content_type == _CHANGE_CIPHER_SPEC:
                self._interrupt_handshake(direction, record, "a ChangeCipherSpec")
            conversation.content(
                direction, content_type, fragment, record.offset, record.fragment_offset
            )
            if content_type == _CHANGE_CIPHER_SPEC:
                conversation.note(direction, Fact.CHANGE_CIPHER_SPEC)
                if conversation.secrets is not None:
                    self._keys_change(direction)
                if direction.encrypts and conversation.state is not State.OFFERED:
                    _pass_over(direction)
        if conversation.walker.wants_plaintext_data:
            conversation.plaintext_record(direction, record.version, content_type, record.length)
        if direction.reading is _Reading.ENDED:  # after the last event of its record
            self._finish_search()

    def _is_plain_after_all(self, direction: _Direction, record: Record) -> bool:
        """Whether a ChangeCipherSpec did not begin encryption, but came with a HelloRetryRequest that is captured later:
        a ClientHello follows it (RFC 8446 appendix D.4).
        """
        fragment = record.fragment
        if (
            self._conversation.state is not State.OFFERED
            or record.type != _HANDSHAKE
            or not fragment
            or not begins_hello(fragment)
            or sole_message(fragment, record.fragment_offset) is None
        ):
            return False
        direction.encrypts = False
        return True

    # Content of records before encryption

    def _interrupt_handshake(self, direction: _Direction, record: Record, by: str) -> None:
        lost = direction.handshake.pending if direction.handshake is not None else 0
        if lost:
            reason = f"{by} within a handshake message, of which {lost} bytes are lost"
            self._conversation.violation(direction, record.offset, reason)
            direction.handshake = None

    def _handshake(self, direction: _Direction, record: Record) -> None:
        conversation = self._conversation
        fragment = record.fragment or b""
        messages = direction.handshake
        if messages is None:
            message = sole_message(fragment, record.fragment_offset)
            if message is not None and (
                conversation.state is not State.BEGINNING or begins_hello(fragment)
            ):
                conversation.message(direction, message)
                return
            messages = direction.handshake = HandshakeReader(self._options.handshake_limit)
        messages.feed(fragment, record.fragment_offset)
        while conversation.state is not State.FINISHED:
            if conversation.state is State.BEGINNING and messages.begins_hello() is False:
                # Nothing but a hello can be told from encrypted data.
                messages.drop()
            try:
                message = messages.next()
            except GrammarError as error:
                conversation.violation(direction, error.offset, error.reason, error.path)
                direction.end()
                return
            if message is None:
                if not messages.pending:
                    direction.handshake = None
                elif messages.held > _MUCH and self.held > self._options.connection_limit:
                    limit = self._options.connection_limit
                    reason = f"more than {limit} bytes would be held for this connection"
                    conversation.violation(direction, direction.records.offset, reason)
                    direction.end()
                return
            if conversation.message(direction, message) is None and messages.pending:
                # Where it says that it ends cannot be trusted.
                reason = f"{messages.pending} bytes behind a malformed message are lost"
                end = message.offset(len(message.data) - 1) + 1
                conversation.violation(direction, end, reason)
                messages.drop()

    # What is encrypted, with the secrets

    def _opening(self) -> StreamOpener:
        """What opens records."""
        if self._opener is None:
            from .secrets.streams import StreamOpener

            secrets = self._conversation.secrets
            assert secrets is not None
            self._opener = StreamOpener(secrets)
        return self._opener

    def _keys_change(self, direction: _Direction) -> None:
        """Take note of a ChangeCipherSpec."""
        self._opening().change_cipher_spec(self._conversation.is_client(direction))

    def _open(self, direction: _Direction, record: Record) -> None:
        """Open an encrypted record, and those that have waited for the same secrets; read what they hold."""
        opener = self._opening()
        is_client = self._conversation.is_client(direction)
        records = direction.records
        fragment = record.fragment
        if fragment is None and records.keep:
            fragment = records.passed
        tail = records.tail if records.tail_offset == record.fragment_offset else b""
        protected = None
        if fragment is not None:
            from tlsgrammar.framing.protected import ProtectedRecord

            protected = ProtectedRecord(
                record.type, record.version, fragment, record.fragment_offset
            )
        for opened in opener.take(is_client, protected, record.length, tail):
            self._opened(opened)
        records.keep = opener.wants(is_client)
        self._tell_unsupported(direction, record)
        if self._conversation.silent and not opener.waits:
            self._conversation.give_up_waiting()
            self._opener = None
            self._originator.end()
            self._responder.end()

    def _tell_unsupported(self, direction: _Direction, record: Record) -> None:
        secrets = self._conversation.secrets
        assert secrets is not None
        if secrets.unsupported and not direction.unread and secrets.known():
            self._conversation.violation(direction, record.offset, secrets.unsupported)
            self._originator.unread = self._responder.unread = True

    def _opened(self, opened: Opened) -> None:
        one, other = self._originator, self._responder
        direction = one if self._conversation.is_client(one) is opened.is_client else other
        content = opened.content
        if content is None:
            self._interrupt_decrypted(direction, opened.record.offset)
            if not direction.unread:
                direction.unread = True
                reason = "a record does not authenticate with the secrets that there are"
                self._conversation.violation(direction, opened.record.offset, reason)
        elif content.type == _HANDSHAKE:
            self._decrypted_handshake(direction, content)
        else:
            self._interrupt_decrypted(direction, content.offset)
            self._conversation.decrypted_content(direction, content)
            if content.type == _CHANGE_CIPHER_SPEC:
                self._keys_change(direction)

    def _interrupt_decrypted(self, direction: _Direction, offset: int) -> None:
        messages, direction.decrypted = direction.decrypted, None
        if messages is not None and messages.pending:
            reason = f"{messages.pending} bytes of an encrypted handshake message are lost"
            self._conversation.violation(direction, offset, reason)

    def _decrypted_handshake(self, direction: _Direction, content: Content) -> None:
        conversation = self._conversation
        messages = direction.decrypted
        if messages is None:
            messages = direction.decrypted = HandshakeReader(self._options.handshake_limit)
        messages.feed(content.data, content.offset)
        while True:
            try:
                message = messages.next()
            except GrammarError as error:
                conversation.violation(direction, error.offset, error.reason, error.path)
                direction.decrypted = None
                return
            if message is None:
                break
            msg_type, whole = conversation.decrypted_message(direction, message)
            self._opening().message(conversation.is_client(direction), msg_type)
            if not whole and messages.pending:
                self._interrupt_decrypted(direction, message.offset(len(message.data) - 1) + 1)
                return
        if not messages.pending:
            direction.decrypted = None
        elif self.held > self._options.connection_limit:
            self._interrupt_decrypted(direction, content.offset)

    def _may_be_found_again(self, direction: _Direction) -> bool:
        """Whether records can be told by what opens them, in a direction of which bytes are missing."""
        secrets = self._conversation.secrets
        return (
            secrets is not None
            and direction.encrypts
            and direction.reading is _Reading.TLS
            and secrets.known()
        )

    def _lose_records(self, direction: _Direction, length: int) -> None:
        """Look for the next record, in a direction of which bytes are missing."""
        from tlsgrammar.framing.resync import RecordSearch

        self._interrupt_decrypted(direction, direction.records.offset)
        self._opening().lose(self._conversation.is_client(direction), length)
        direction.end()
        direction.offset += length
        direction.reading = _Reading.LOST
        direction.resync = RecordSearch(direction.offset)

    def _find_record(self, direction: _Direction, data: bytes) -> None:
        search = direction.resync
        assert search is not None
        search.feed(data)
        is_client = self._conversation.is_client(direction)
        self._opening().earn(is_client, len(data))
        self._try_candidates(direction, search)

    def _try_candidates(self, direction: _Direction, search: RecordSearch) -> None:
        from tlsgrammar.framing.protected import ProtectedRecord

        conversation = self._conversation
        is_client = conversation.is_client(direction)
        while (candidate := search.next()) is not None:
            record = ProtectedRecord(
                candidate.type, candidate.version, candidate.fragment, candidate.offset
            )
            opened = self._opening().find(is_client, record, candidate.before)
            if opened is not None:
                direction.resync = None
                direction.offset = candidate.offset + len(candidate.fragment)
                self._read_records(direction, Protocol.TLS, search.rest(candidate))
                direction.records.pass_over = True
                conversation.encrypted_record(direction, candidate.type, len(candidate.fragment))
                self._opened(opened)
                return
            if search.candidates > _MAXIMUM_CANDIDATES:
                self._end(direction)
                return

    # SSL 2.0

    def _sslv2_record(self, direction: _Direction, record: Record) -> None:
        conversation = self._conversation
        if direction.encrypts:
            conversation.encrypted_record(direction, record.type, record.length)
            return
        direction.heard_of = True
        fragment = record.fragment or b""
        message = conversation.structure(
            direction, sslv2.Message, "SSL 2.0", fragment, record.fragment_offset
        )
        if message is None:
            return
        msg_type = message["msg_type"]
        if msg_type == sslv2.CLIENT_HELLO:
            if conversation.state is not State.BEGINNING:
                return
            conversation.note(direction, Fact.HELLO)
            peer = self._peer(direction)
            if peer.protocol is Protocol.OTHER:
                self._begin_again(peer)
            self._recognise_again(direction)
        elif msg_type == sslv2.CLIENT_MASTER_KEY:
            conversation.note(direction, Fact.CLIENT_MASTER_KEY)
            self._pass_over_both()
        elif msg_type == sslv2.SERVER_HELLO:
            if message["body"]["session_id_hit"]:
                conversation.note(direction, Fact.SESSION_ID_HIT)
                self._pass_over_both()
        elif msg_type not in sslv2.MESSAGES:
            reason = f"unknown message type {msg_type}"
            conversation.violation(direction, record.offset, reason)

    def _recognise_again(self, direction: _Direction) -> None:
        """Find out what follows a CLIENT-HELLO in the framing of SSL 2.0: SSL 2.0 or TLS, as the server decides."""
        direction.offset = direction.records.offset
        direction.head = direction.records.rest()
        direction.records = _NOTHING_TO_READ
        direction.reading = _Reading.AFTER_HELLO
        if direction.head:
            self._recognise(direction)

    def _pass_over_both(self) -> None:
        for each in (self._originator, self._responder):
            _pass_over(each)


def _pass_over(direction: _Direction) -> None:
    """Look at no fragment any more: they are encrypted."""
    direction.handshake = None
    if direction.reading in _OF_RECORDS:
        direction.records.pass_over = True


def _may_be_read(direction: _Direction, record: Record) -> bool:
    """Whether a record can be read although no hello has been seen: the capture may have begun in
    the middle of the connection, with encryption on.
    """
    if record.type == ContentType.alert:
        return record.length == 2
    if record.type == _CHANGE_CIPHER_SPEC:
        # What comes before it is not encrypted, but may be missing: it has to begin the direction.
        return record.length == 1 and record.offset == direction.offset
    if record.type != _HANDSHAKE or record.fragment is None:
        return False
    if direction.handshake is None:
        return begins_hello(record.fragment) is not False
    return direction.handshake.begins_hello(record.fragment) is not False


def _sslv2_or_other(head: bytes, last: bool) -> Protocol | None:
    """Whether a direction that looks like SSL 2.0 is that; None where its first record is not whole yet.

    Args:
        head: its first bytes.
        last: whether there are no more.
    """
    records = RecordReader(Protocol.SSLV2)
    records.feed(head)
    record = records.next()
    if record is None:
        return Protocol.OTHER if last else None
    return Protocol.SSLV2 if _is_sslv2_hello(record) else Protocol.OTHER


def _is_sslv2_hello(record: Record) -> bool:
    """Whether a record that looks like a CLIENT-HELLO is one, whole and well-formed: two bits and a
    byte alone would find SSL 2.0 in other protocols.
    """
    message, defects = read(sslv2.Message, record.fragment or b"")
    return (
        not defects
        and message["msg_type"] == sslv2.CLIENT_HELLO
        and message["body"]["version"] in _SSLV2_FRAMED
    )


_OF_RECORDS = frozenset({_Reading.TLS, _Reading.SSLV2})

# Who takes the next bytes of a direction, other than records, which have their own way.
_TAKES: dict[_Reading, Callable[[Analyzer, _Direction, bytes], None]] = {
    _Reading.BEGINNING: Analyzer._collect,
    _Reading.SEARCHING: Analyzer._look_for_client_hello,
    _Reading.AFTER_HELLO: Analyzer._collect,
    _Reading.ENDED: Analyzer._pass_by,
    _Reading.LOST: Analyzer._find_record,
}

# Who takes note that the next bytes are missing.
_MISSES: dict[_Reading, Callable[[Analyzer, _Direction, int], None]] = {
    _Reading.BEGINNING: Analyzer._miss_beginning,
    _Reading.SEARCHING: Analyzer._miss_searched,
    _Reading.TLS: Analyzer._miss_in_records,
    _Reading.SSLV2: Analyzer._miss_in_records,
    _Reading.AFTER_HELLO: Analyzer._miss_beginning,
    _Reading.ENDED: Analyzer._miss_passed_by,
    _Reading.LOST: Analyzer._miss_lost,
}
