"""QUIC between two UDP ports: datagrams of both directions in, events out.

What may live here: which packets belong to which connection, and what becomes of the TLS in their CRYPTO frames. Sans-I/O:
no files, no clocks.

The only proof that a datagram is QUIC is that an Initial packet in it authenticates with the keys that follow from its own
connection id: its sender is the client, and a connection begins. Everything else belongs to a connection by its
connection ids, and an Initial packet only if it authenticates with the keys of the connection too.

The traps. Packets come out of order, so that what cannot be opened yet is held, a few datagrams. After a Retry, or in
another version, the client begins again, with other keys and a ClientHello from its beginning; what it sent before may
come later, and belongs to the attempt before. Many clients have an empty connection id, which tells nothing. A server may answer in another version (RFC 9368), whose keys follow from the
same connection id. What is left of a connection that is over has to be told from the beginning of a new one. And whoever
sends a packet decides what it costs to try it, so that tries are counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, Unpack

import msgspec

from tlsgrammar.framing import HandshakeMessage, HandshakeReader, Piece, Pieces, sole_message
from tlsgrammar.framing.packets import Packet, read_frames, read_packets, short_packet
from tlsgrammar.language import GrammarError
from tlsgrammar.quic import (
    PACKETS,
    Frame,
    FrameType,
    LongHeader,
    PacketType,
    is_long_header,
    is_short_header,
)

from .conversation import Conversation, Fact, Side, State, Transport
from .mapping import quic as mapping
from .model import Connection, Event, QUICShortHeaderPacket, QUICUnreadPacket
from .options import Choices, Options, chosen
from .uids import uid

if TYPE_CHECKING:  # it needs a library that others can do without
    from .secrets.initial import ConnectionKeys, InitialKeys
    from .secrets.packets import PacketOpener, Payload

__all__ = ["QuicAnalyzer"]

_TRANSPORT = Transport("stream", dtls=False, type_path="")

# How often it is tried to open the packets of one datagram, with what it takes to make keys. There are few in real ones.
_MAXIMUM_TRIES = 16
# How many versions there may be in one attempt: that of the client, and one that the server chooses instead.
_MAXIMUM_VERSIONS = 3
# A connection that has been silent this long gives way to others, in seconds.
_SILENT = 30.0
# What is held at most: datagrams that cannot be opened yet; packets that wait for secrets; of a direction, CRYPTO data that come too early, in bytes and
# in pieces; connections that are not over, their connection ids and their attempts; and what is known of those that are.
_MAXIMUM_HELD = 4
_MAXIMUM_WAITING = 16
_MAXIMUM_CRYPTO = 2**16
_MAXIMUM_PIECES = 1024
_MAXIMUM_CONNECTIONS = 256
_MAXIMUM_CIDS = 16
_MAXIMUM_ATTEMPTS = 4
_MAXIMUM_OVER = 64
# What a connection takes, about, in bytes of memory; and what is held for a message before it is asked what all hold.
_SIZE = 5_000
_PIECE_SIZE = 200
_MUCH = 2**14
_COUNTED_EVERY = 2**12  # bytes of a direction
# Where CRYPTO data end at the latest (RFC 9000 section 19.6).
_END_OF_CRYPTO = 2**62 - 1

# The frames that an Initial packet may hold (RFC 9000 section 17.2.2); others are an error of the sender's.
_ALLOWED = frozenset(
    {
        FrameType.PADDING,
        FrameType.PING,
        FrameType.ACK,
        FrameType.ACK_ECN,
        FrameType.CRYPTO,
        FrameType.CONNECTION_CLOSE,
    }
)


class _Crypto:
    """CRYPTO data of one side, from their beginning.

    Attributes:
        limit: how long a handshake message may be, in bytes.
        position: how many bytes have been read.
        pieces: those that come later.
        messages: reads the messages in them.
        lost: whether nothing more can be read of them, or it has been told what is missing.
    """

    __slots__ = ("limit", "lost", "messages", "pieces", "position")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.position = 0
        self.pieces = Pieces()
        self.messages = HandshakeReader(limit)
        self.lost = False

    def take(self, piece: Piece) -> Iterator[HandshakeMessage]:
        """Take a piece; the messages that are whole with it.

        Raises:
            GrammarError: a message claims too many bytes, or too much has come too early. Nothing more can be read.
        """
        if self.lost or piece.end <= self.position:
            return
        try:
            if piece.end > _END_OF_CRYPTO:
                raise GrammarError("CRYPTO data behind 2^62-1", piece.offset)
            if piece.start == self.position and not self.pieces and not self.messages.pending:
                # Nearly all ServerHellos, and most ClientHellos, come whole.
                sole = sole_message(piece.data, piece.offset)
                if sole is not None:
                    self.position = piece.end
                    yield sole
                    return
            if piece.start < self.position:
                piece = piece.part(self.position, piece.end)
            self.pieces.add(piece)
            for each in self.pieces.take_from(self.position):
                self.position = each.end
                self.messages.feed(each.data, each.offset)
            if self.pieces.held > _MAXIMUM_CRYPTO or len(self.pieces) > _MAXIMUM_PIECES:
                raise GrammarError(
                    f"more than {_MAXIMUM_CRYPTO} bytes or {_MAXIMUM_PIECES} pieces of CRYPTO data "
                    "out of order",
                    piece.offset,
                )
            while (message := self.messages.next()) is not None:
                yield message
        except GrammarError:
            self.lost = True
            self.pieces = Pieces()
            raise

    @property
    def held(self) -> int:
        """How many bytes of memory are held, about."""
        return self.pieces.held + _PIECE_SIZE * len(self.pieces) + self.messages.held

    def missing(self, established: bool) -> str:
        """What is missing of messages that have begun, in words; empty where nothing is.

        Args:
            established: whether the handshake is over, so that there has been a message.
        """
        if self.lost:
            return ""
        if self.pieces:
            first = self.pieces.pieces[0].start
            return f"{first - self.position} bytes of CRYPTO data are missing"
        if self.messages.pending:
            return "CRYPTO data end in the middle of a handshake message"
        return (
            "the CRYPTO data with its hello are missing"
            if established and not self.position
            else ""
        )


class _Attempt:
    """A client's attempt at a connection: the first, or one after a Retry, or in another version.

    Args:
        limit: how long a handshake message may be, in bytes.

    Attributes:
        cid: the connection id that its keys follow from.
        token: what the client was given to show.
        version: the one that the client tries; None before it has.
        refused: those that it has tried before, whose packets are of another attempt.
        keys: those of each version that has been met.
        crypto: what the client sends in it.
    """

    __slots__ = ("cid", "crypto", "keys", "refused", "token", "version")

    def __init__(
        self,
        limit: int,
        cid: bytes,
        token: bytes,
        version: int | None = None,
        refused: frozenset[int] = frozenset(),
    ) -> None:
        self.cid = cid
        self.token = token
        self.version = version
        self.refused = refused
        self.keys: dict[int, ConnectionKeys] = {}
        self.crypto = _Crypto(limit)


class _Endpoint(Side):
    """What is known of one side of a connection.

    Attributes:
        label: whether the caller calls it the originator.
        cid: the connection id that it has chosen for itself.
        short_packets: how many packets with a short header it has sent, where they are counted.
    """

    __slots__ = ("cid", "label", "short_packets")

    def __init__(self, label: bool) -> None:
        super().__init__(label)
        self.label = label
        self.cid = b""
        self.short_packets = 0


_Key = tuple[bool, bytes]
"""Whether the caller calls a sender the originator, and the connection id that it sends to."""


class _Encrypted:
    """What of a connection is encrypted with secrets of TLS.

    Args:
        opener: what opens its packets.
        limit: how long a handshake message may be, in bytes.

    Attributes:
        cryptos: the CRYPTO data that are sent in Handshake and in 1-RTT packets, by whether the client sends them.
        held: packets that wait for their secret.
        holds: whether any may.
        tried_with: what was known when they were tried last.
        unread: the sides of which it has been told that something cannot be read.
    """

    __slots__ = ("cryptos", "held", "holds", "opener", "tried_with", "unread")

    def __init__(self, opener: PacketOpener, limit: int) -> None:
        self.opener = opener
        self.cryptos = {
            (is_client, kind): _Crypto(limit)
            for is_client in (True, False)
            for kind in (PacketType.HANDSHAKE, PacketType.ONE_RTT)
        }
        self.held: list[_Waiting] = []
        self.holds = True
        self.tried_with: object = None
        self.unread: set[bool] = set()

    @property
    def size(self) -> int:
        """How many bytes of memory are held, about."""
        cryptos = sum([crypto.held for crypto in self.cryptos.values()])
        return cryptos + sum([len(each.packet.data) for each in self.held])

    def let_go(self) -> None:
        """Hold nothing, from now on."""
        self.held = []
        self.holds = False


class _Waiting(NamedTuple):
    """A packet that waits for its secret, and what it stands in."""

    packet: Packet
    datagram: _Datagram
    version: int


class _Connection:
    """One connection.

    Args:
        limit: how long a handshake message may be, in bytes.

    Attributes:
        conversation: that of the TLS in it.
        client, server: its sides.
        attempts: those of the client, the last one last.
        crypto: what the server sends.
        answered: whether an Initial of the server has been read.
        encrypted: what of it is encrypted with secrets; None where nobody has any.
        known: what its packets are known by.
        last_time: when the last of its packets came.
        version: of QUIC, of the last packet that said it.
    """

    __slots__ = (
        "answered",
        "attempts",
        "client",
        "conversation",
        "crypto",
        "encrypted",
        "known",
        "last_time",
        "server",
        "version",
    )

    def __init__(
        self, limit: int, conversation: Conversation, client: _Endpoint, server: _Endpoint
    ) -> None:
        self.conversation = conversation
        self.client = client
        self.server = server
        self.attempts: list[_Attempt] = []
        self.crypto = _Crypto(limit)
        self.answered = False
        self.known: list[_Key] = []
        self.last_time: float | None = None
        self.version = 0
        self.encrypted: _Encrypted | None = None
        if conversation.secrets is not None:
            from .secrets.packets import PacketOpener

            self.encrypted = _Encrypted(PacketOpener(conversation.secrets), limit)

    @property
    def held(self) -> int:
        """How many bytes of memory are held, about."""
        cryptos = (self.crypto, *(attempt.crypto for attempt in self.attempts))
        encrypted = 0 if self.encrypted is None else self.encrypted.size
        return _SIZE + encrypted + sum([crypto.held for crypto in cryptos])

    def sender(self, label: bool) -> _Endpoint:
        """The side that the caller calls so."""
        return self.client if self.client.label is label else self.server

    def begin(self, attempt: _Attempt) -> None:
        """Take note that the client begins, or begins again."""
        self.attempts = [*self.attempts[1 - _MAXIMUM_ATTEMPTS :], attempt]

    def keys(
        self, attempt: _Attempt, version: int, label: bool, tries: _Tries
    ) -> InitialKeys | None:
        """What protects the Initial packets that a side sends in an attempt and a version."""
        both = attempt.keys.get(version)
        if both is None:
            if version in attempt.refused or len(attempt.keys) >= _MAXIMUM_VERSIONS:
                return None
            tries.left -= 1
            both = _protection().initial_keys(version, attempt.cid)
            if both is None:
                return None
            attempt.keys[version] = both
        return both.client if self.client.label is label else both.server


class _Datagram(NamedTuple):
    """A datagram, who sent it, where it stands in the direction, and when it came."""

    data: bytes
    label: bool
    base: int
    ts: float | None


class _Tries:
    """How often it may still be tried to open a packet of a datagram."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = _MAXIMUM_TRIES

    def open(self, keys: InitialKeys | None, packet: Packet) -> tuple[bytes, int] | None:
        if keys is None or self.left <= 0:
            return None
        self.left -= 1
        return keys.open(packet)


class QuicAnalyzer:
    """The events of QUIC between two UDP ports, and of the TLS in it.

    Datagrams go in as they arrive, in any order, lost or repeated; each call returns the events that it completed.
    Datagrams that are not QUIC raise nothing. No bytes raise an exception. There may be several connections, one after
    the other or at once: each has a `Connection` of its own, whose originator is the client.

    Args:
        c: the two endpoints; the `is_orig` of what is delivered refers to its originator. A connection after the first
            has a uid of its own; without one here, each has.
        options: an `Options`. Alternatively pass its attributes as keywords, not both.
        disable_analyzer_after_detection, wanted, extensions, secrets, handshake_limit, connection_limit: attributes of
            `Options`. The events of `events.QUIC` are raised where they are asked for.

    Attributes:
        finished: always False, because another connection may begin.
        held: how many bytes of memory are held, about.
        idle: whether there is no connection now, so that nothing but a long header can begin something.
        offsets: how many bytes the responder and the originator have sent, as the caller calls them.

    Raises:
        ImportError: the library cryptography is not installed.
    """

    __slots__ = (
        "_by_key",
        "_c",
        "_connections",
        "_count",
        "_counted_at",
        "_counts_short",
        "_held",
        "_last",
        "_options",
        "_over",
        "_tried",
        "_waiting",
        "idle",
        "offsets",
    )

    finished = False

    def __init__(
        self,
        c: Connection | None = None,
        *,
        options: Options | None = None,
        **choices: Unpack[Choices],
    ) -> None:
        options = chosen(c, options, choices)
        _protection()
        self._options = options
        self._counts_short = options.names is not None and (
            QUICShortHeaderPacket.name in options.names
        )
        self._c = Connection() if c is None else c
        self._count = 0
        self._counted_at = 0
        self.idle = True
        self.offsets = [0, 0]
        self._connections: list[_Connection] = []
        # Those that are over unless their secrets come: they are kept apart, so that they change nothing of the others.
        self._waiting: list[_Connection] = []
        self._by_key: dict[_Key, list[_Connection]] = {}
        self._held: list[_Datagram] = []
        self._tried: tuple[tuple[int, bytes], ConnectionKeys | None] | None = None
        # What the packets of a client are known by whose connection is over.
        self._over: tuple[_Key, ...] = ()
        # Of the connection that was over last: its name and its originator.
        self._last: tuple[Connection, bool] | None = None

    def __repr__(self) -> str:
        ends = self._c.ends or self._c.uid or ""
        known = f"{self._count} connections" if self._count else "no connection yet"
        return f"<{' '.join(filter(None, ('QuicAnalyzer', ends)))}: {known}>"

    @property
    def held(self) -> int:
        """How many bytes of memory are held, about."""
        connections = sum([each.held for each in (*self._connections, *self._waiting)])
        return connections + sum([len(datagram.data) for datagram in self._held])

    def deliver(
        self, datagram: bytes, is_orig: bool, ts: float | None = None, missing: int = 0
    ) -> list[Event]:
        """Take a datagram.

        Args:
            datagram: its payload.
            is_orig: whether the originator sent it, as the caller calls the sides.
            ts: when it arrived, in seconds since the epoch.
            missing: how many bytes it had more, which were not captured.

        Returns:
            The events that it completed, in order. The offset of a `ProtocolViolation` counts the bytes of all datagrams
            of the direction.
        """
        if not datagram:
            return []
        base = self.offsets[is_orig]
        self.offsets[is_orig] += len(datagram)
        if self.idle and not is_long_header(datagram[0]):
            return []
        out: list[Event] = []
        if missing:
            reason = f"{missing} bytes of a datagram were not captured"
            self._report(reason, is_orig, base + len(datagram), ts, out)
        if not self._read(_Datagram(bytes(datagram), is_orig, base, ts), out):
            return out
        # With the keys of the new connection, something that came before it may be opened.
        held, self._held = self._held, []
        for each in held:
            self._read(each, out)
        return out

    def catch_up(self, ts: float | None = None) -> list[Event]:
        """Read what has waited for secrets that have come since. Delivering more does so by itself.

        Args:
            ts: when.
        """
        out: list[Event] = []
        for connection in (*self._connections, *self._waiting):
            connection.conversation.ts = ts
            self._open_held(connection)
            out += connection.conversation.taken()
        return out

    def end(self, ts: float | None = None) -> list[Event]:
        """Take note that no more datagrams come.

        Returns:
            A `ProtocolViolation` for each direction of a connection with a message that is not whole.
        """
        out = self.catch_up(ts)
        for connection in self._connections:
            connection.conversation.ts = ts
            self._report_missing(connection)
            connection.conversation.finish()
            out += connection.conversation.taken()
        self._connections = []
        self._give_up_waiting()
        self._by_key = {}
        self._held = []
        return out

    def give_up(self, reason: str, ts: float | None = None) -> list[Event]:
        """Give up on the connections.

        Args:
            reason: why, in words.
            ts: when.

        Returns:
            A `ProtocolViolation` for each of which something was still to be read.
        """
        out: list[Event] = []
        self._report(reason, True, self.offsets[True], ts, out)
        for connection in self._connections:
            connection.conversation.finish()
            out += connection.conversation.taken()
        self._connections.clear()
        self.end(ts)
        return out

    def _report(
        self, reason: str, label: bool, offset: int, ts: float | None, out: list[Event]
    ) -> None:
        """Report what is lost of the connections whose handshake is not over."""
        for connection in self._connections:
            conversation = connection.conversation
            if conversation.state is not State.ESTABLISHED:
                conversation.ts = ts
                conversation.violation(connection.sender(label), offset, reason)
                out += conversation.taken()

    # Packets

    def _read(self, datagram: _Datagram, out: list[Event]) -> bool:
        """Read the packets of a datagram; whether a connection has begun with one of them."""
        label = datagram.label
        began = False
        last: _Connection | None = None
        tries = _Tries()
        packets = read_packets(datagram.data)
        for packet in packets:
            if packet.type is PacketType.INITIAL:
                connection, new = self._initial(packet, datagram, tries, out)
                began |= new
            elif packet.type is PacketType.RETRY:
                connection = self._retry(packet, label, tries)
            else:
                connection = last or self._belongs_to(packet, label)
                if connection is None and packet.type is None:
                    self._unknown_version(packet, datagram, out)
                elif connection is None and packet.type is PacketType.ZERO_RTT:
                    self._hold(datagram)
            if connection is None:
                if self._waiting and packet.type is PacketType.HANDSHAKE:
                    self._open_of_waiting(packet, datagram, out)
                continue
            last = connection
            if packet.type is not PacketType.INITIAL:
                self._note(packet, connection, datagram)
                out += connection.conversation.taken()
        end = packets[-1].end if packets else 0
        if end < len(datagram.data) and 0 < datagram.data[end] < 0x80:  # not padding
            if self._counts_short:
                self._count_short(datagram, end, last, out)
            self._one_rtt(datagram.data[end:], datagram, last, out)
            if self._options.secrets is not None:
                self._open_one_rtt(datagram, end, last, out)
        return began

    def _known(self, packet: Packet, label: bool) -> list[_Connection]:
        """The connections of which it is known that packets of theirs have such a Destination Connection ID, the likeliest
        first: one whose sender has that id too, and the newest.
        """
        known = self._by_key.get((label, packet.value["destination_connection_id"]), [])
        if len(known) < 2:
            return known
        cid = packet.value["source_connection_id"]
        newest = known[: -_MAXIMUM_TRIES - 1 : -1]
        same = [each for each in newest if each.sender(label).cid == cid]
        return same or newest

    def _of_sender(self, packet: Packet, label: bool) -> list[_Connection]:
        """The connections whose sender has such a Source Connection ID; its peer may have chosen another one since, in a
        packet that was not seen.
        """
        cid = packet.value["source_connection_id"]
        return [each for each in reversed(self._connections) if each.sender(label).cid == cid]

    def _belongs_to(self, packet: Packet, label: bool) -> _Connection | None:
        """The connection that a packet which cannot be opened belongs to; None where none does, or several may."""
        to, cid = packet.value["destination_connection_id"], packet.value["source_connection_id"]
        if self._is_late(packet, label):
            return None
        for each in self._known(packet, label):
            sender = each.sender(label)
            has_chosen = sender is each.client or each.answered
            if sender.cid == cid if has_chosen else to:
                return each
        several = self._of_sender(packet, label)
        if len(several) != 1 or not (cid or len(self._connections) == 1):
            return None
        [only] = several
        return only if only.sender(label) is only.client or only.answered else None

    def _is_late(self, packet: Packet, label: bool) -> bool:
        """Whether a packet is what is left of a connection that is over."""
        to, cid = packet.value["destination_connection_id"], packet.value["source_connection_id"]
        return (label, to) in self._over or (not label, cid) in self._over

    def _note(self, packet: Packet, connection: _Connection, datagram: _Datagram) -> None:
        """Raise the event of a packet that cannot be opened, or need not be."""
        conversation = connection.conversation
        conversation.ts = datagram.ts
        side = connection.sender(datagram.label)
        if packet.type is PacketType.HANDSHAKE:
            conversation.note(side, Fact.HANDSHAKE_PACKET)
        _hear_of(packet, conversation, side, datagram)
        if packet.type is PacketType.HANDSHAKE and connection.encrypted is not None:
            connection.version = packet.value["version"]
            self._open(_Waiting(packet, datagram, connection.version), connection)

    def _initial(
        self, packet: Packet, datagram: _Datagram, tries: _Tries, out: list[Event]
    ) -> tuple[_Connection | None, bool]:
        """Read an Initial packet: the connection that it belongs to, and whether that begins with it."""
        label, version = datagram.label, packet.value["version"]
        cid, token = packet.value["destination_connection_id"], packet.value["token"]
        connection = self._open_with(self._known(packet, label), packet, datagram, tries, out)
        if connection is not None:
            return connection, False
        if self._is_late(packet, label) or tries.left <= 0:
            return None, False
        keys = self._keys_of(version, cid)
        opened = None if keys is None else tries.open(keys.client, packet)
        if opened is None or keys is None:
            others = self._of_sender(packet, label)
            connection = self._open_with(others, packet, datagram, tries, out)
            if connection is None:
                self._hold(datagram)
                for each in self._known(packet, label)[:1]:
                    self._unread(packet, each, datagram, out)
            return connection, False
        attempt = _Attempt(self._options.handshake_limit, cid, token, version)
        attempt.keys[version] = keys
        self._tried = None
        again = self._begins_again(packet, label)
        connection = again or self._begin(label, cid, self._first_time(datagram, keys))
        connection.begin(attempt)
        self._know(connection, label, cid)
        self._opened(packet, opened, connection, attempt, datagram, out)
        return connection, again is None

    def _unread(
        self, packet: Packet, connection: _Connection, datagram: _Datagram, out: list[Event]
    ) -> None:
        """Tell of an Initial packet that nothing opens, although a connection has its connection id."""
        conversation, value = connection.conversation, packet.value
        conversation.ts = datagram.ts
        is_orig = connection.sender(datagram.label).is_orig
        to, cid = value["destination_connection_id"], value["source_connection_id"]
        conversation.raise_event(
            QUICUnreadPacket(conversation.c, is_orig, value["version"], to, cid, ts=datagram.ts)
        )
        out += conversation.taken()

    def _open_with(
        self,
        connections: list[_Connection],
        packet: Packet,
        datagram: _Datagram,
        tries: _Tries,
        out: list[Event],
    ) -> _Connection | None:
        """Read an Initial packet of one of some connections; None where it is of none of them."""
        label, version = datagram.label, packet.value["version"]
        for connection in connections:
            for attempt in reversed(connection.attempts):
                if tries.left <= 0:
                    return None
                opened = tries.open(connection.keys(attempt, version, label, tries), packet)
                if opened is None:
                    continue
                if connection.client.label is label and not connection.answered:
                    attempt = _of_version(connection, attempt, version)
                self._opened(packet, opened, connection, attempt, datagram, out)
                return connection
        return None

    def _keys_of(self, version: int, cid: bytes) -> ConnectionKeys | None:
        """What protects the Initial packets of a connection that may begin. Those of the last one are kept: what is not
        QUIC, or not the beginning, is tried again and again.
        """
        if self._tried is None or self._tried[0] != (version, cid):
            self._tried = ((version, cid), _protection().initial_keys(version, cid))
        return self._tried[1]

    def _hold(self, datagram: _Datagram) -> None:
        """Hold a datagram that can be opened once a connection has begun, perhaps."""
        if not self._held or self._held[-1] is not datagram:
            self._held = [*self._held[1 - _MAXIMUM_HELD :], datagram]

    def _first_time(self, datagram: _Datagram, keys: ConnectionKeys) -> float | None:
        """When a connection began: with the first datagram of its client that can be opened, or with one before it that
        is held.
        """
        times = [datagram.ts]
        tries = _Tries()
        [first, *_] = read_packets(datagram.data)
        for held in self._held:
            of_client = held.label is datagram.label
            for packet in read_packets(held.data):
                if packet.type is PacketType.INITIAL:
                    its = tries.open(keys.client if of_client else keys.server, packet) is not None
                else:
                    its = of_client and _destination(packet) == _destination(first)
                if its:
                    times.append(held.ts)
        return min((time for time in times if time is not None), default=None)

    def _begin(self, label: bool, cid: bytes, ts: float | None) -> _Connection:
        """A new connection.

        Args:
            label: whether the caller calls its client the originator.
            cid: the connection id that its keys follow from.
            ts: when it began.
        """
        self._give_up_waiting()  # what comes next is not theirs
        c = self._c
        if c.uid is None:
            c = msgspec.structs.replace(c, uid=uid(cid))
        elif self._count:
            c = msgspec.structs.replace(c, uid=uid(f"{c.uid} {self._count}".encode()))
        if ts is not None:
            c = msgspec.structs.replace(c, start_time=ts)
        self._count += 1
        client, server = _Endpoint(label), _Endpoint(not label)
        sides = (server, client) if label else (client, server)
        conversation = Conversation(c, sides, _TRANSPORT, self._options, originator_is_guess=True)
        mapping.fill(conversation.registry)
        conversation.settle_originator(client, is_originator=True)
        connection = _Connection(self._options.handshake_limit, conversation, client, server)
        self._connections.append(connection)
        self.idle = False
        return connection

    def _begins_again(self, packet: Packet, label: bool) -> _Connection | None:
        """The connection that goes on with a packet whose keys are new, because the server has asked for that by a Retry
        which was not seen: the client has a token now, and has not changed its own connection id.
        """
        token = packet.value["token"]
        if not token:
            return None
        for connection in reversed(self._connections):
            client = connection.client
            if (
                client.label is label
                and client.cid == packet.value["source_connection_id"]
                and not connection.answered
                and all(attempt.token != token for attempt in connection.attempts)
                # An empty id tells nothing; a client that had no token has one from the server, most likely.
                and (client.cid or not any(attempt.token for attempt in connection.attempts))
            ):
                return connection
        return None

    def _know(self, connection: _Connection, label: bool, cid: bytes) -> None:
        """Take note that one side of a connection sends to a connection id."""
        key = (label, cid)
        if key not in connection.known and len(connection.known) < _MAXIMUM_CIDS:
            connection.known.append(key)
            self._by_key.setdefault(key, []).append(connection)

    def _forget(self, connection: _Connection, over: bool) -> None:
        """Keep nothing of a connection; with `over`, but what its client's packets are known by."""
        self._connections.remove(connection)
        self.idle = not self._connections and not self._waiting
        self._last = (connection.conversation.c, connection.client.label)
        for key in connection.known:
            several = self._by_key[key]
            several.remove(connection)
            if not several:
                del self._by_key[key]
            if over and key[1] and key[0] is connection.client.label:
                self._over = (*self._over, key)[-_MAXIMUM_OVER:]

    def _retry(self, packet: Packet, label: bool, tries: _Tries) -> _Connection | None:
        """The connection that begins again by a Retry packet, with another connection id."""
        for connection in self._known(packet, label):
            if connection.server.label is not label or connection.answered or tries.left <= 0:
                continue
            tries.left -= 1
            if _protection().is_answer_to(packet, connection.attempts[-1].cid):
                cid, token = packet.value["source_connection_id"], packet.value["retry_token"]
                connection.begin(_Attempt(self._options.handshake_limit, cid, token))
                self._know(connection, connection.client.label, cid)
                return connection
        return None

    def _unknown_version(self, packet: Packet, datagram: _Datagram, out: list[Event]) -> None:
        """Raise the event of a packet of a version that is not known, in a flow that has had connections."""
        if self._connections:
            self._note(packet, self._connections[-1], datagram)
            out += self._connections[-1].conversation.taken()
        elif self._last is not None:
            c, client_label = self._last
            sides = (Side(False), Side(True))
            conversation = Conversation(c, sides, _TRANSPORT, self._options)
            conversation.ts = datagram.ts
            _hear_of(packet, conversation, sides[datagram.label is client_label], datagram)
            out += conversation.taken()

    def _count_short(
        self, datagram: _Datagram, start: int, last: _Connection | None, out: list[Event]
    ) -> None:
        """Tell of the first, second, fourth, eighth ... packet with a short header that a side sends."""
        among = self._connections if last is None else [last]
        for connection in among:
            cid = connection.sender(not datagram.label).cid
            if len(among) == 1 or (cid and datagram.data.startswith(cid, start + 1)):
                sender, conversation = connection.sender(datagram.label), connection.conversation
                sender.short_packets = count = sender.short_packets + 1
                if not count & (count - 1):
                    conversation.raise_event(
                        QUICShortHeaderPacket(conversation.c, sender.is_orig, count, ts=datagram.ts)
                    )
                    out += conversation.taken()
                return

    def _one_rtt(
        self, packet: bytes, datagram: _Datagram, last: _Connection | None, out: list[Event]
    ) -> None:
        """Take note of a packet with a short header: the handshake of the client that sends it is over.

        Args:
            packet: the packet.
            datagram: what it stands in.
            last: the connection of what stands before it there.
            out: takes the events.
        """
        among = self._connections if last is None else [last]
        for connection in among:
            client, server = connection.client, connection.server
            if client.label is not datagram.label or not (client.encrypts and server.encrypts):
                continue
            # The length of its connection id is not in it. The client may have taken another one since; where there is
            # one connection only, there is no doubt. The Fixed Bit may be anything (RFC 9287), but then it may be
            # something else.
            expected = bool(server.cid) and packet.startswith(server.cid, 1)
            if not expected and (
                len(among) > 1
                or not is_short_header(packet[0])
                or any(
                    cid and label is datagram.label and packet.startswith(cid, 1)
                    for label, cid in self._over
                )
            ):
                continue
            conversation = connection.conversation
            if conversation.state is State.ESTABLISHED:
                return
            conversation.ts = datagram.ts
            self._report_missing(connection, established=True)
            conversation.note(client, Fact.CLIENT_1RTT_PACKET)
            out += conversation.taken()
            if conversation.state is State.FINISHED:
                self._forget(connection, over=True)
            elif conversation.silent:
                self._waiting.append(connection)
                self._forget(connection, over=True)
            return

    # What is encrypted, with the secrets

    def _open_one_rtt(
        self, datagram: _Datagram, start: int, last: _Connection | None, out: list[Event]
    ) -> None:
        """Open a packet with a short header.

        Args:
            datagram: what it stands in.
            start: where it begins there.
            last: the connection of what stands before it there.
            out: takes the events.
        """
        among = [*self._waiting, *self._connections] if last is None else [last]
        begin = start + 1
        for connection in among[: -_MAXIMUM_TRIES - 1 : -1]:
            cid = connection.sender(not datagram.label).cid
            if connection.encrypted is None or not connection.version:
                continue
            if len(among) > 1 and not datagram.data.startswith(cid, begin):
                continue
            packet = short_packet(datagram.data, start, len(cid))
            connection.conversation.ts = datagram.ts
            belongs = self._open(_Waiting(packet, datagram, connection.version), connection)
            out += connection.conversation.taken()
            if belongs:
                return

    def _open_of_waiting(self, packet: Packet, datagram: _Datagram, out: list[Event]) -> None:
        """Open a Handshake packet that is of none of the connections, but of one that waits for its secrets."""
        to, cid = packet.value["destination_connection_id"], packet.value["source_connection_id"]
        for connection in reversed(self._waiting):
            sender = connection.sender(datagram.label)
            if sender.cid == cid and (cid or (datagram.label, to) in connection.known):
                connection.conversation.ts = datagram.ts
                connection.version = packet.value["version"]
                self._open(_Waiting(packet, datagram, connection.version), connection)
                out += connection.conversation.taken()
                return

    def _open(self, waiting: _Waiting, connection: _Connection) -> bool:
        """Open a packet, and those that have waited for the same secrets; whether it belongs to the connection."""
        self._open_held(connection)
        encrypted = connection.encrypted
        assert encrypted is not None
        belongs = self._open_one(waiting, connection, encrypted)
        if connection.conversation.silent and not encrypted.holds:
            self._give_up_waiting(connection)
        return belongs

    def _give_up_waiting(self, only: _Connection | None = None) -> None:
        """Keep nothing of the connections that wait for their secrets.

        Args:
            only: one of them, if not all.
        """
        for each in list(self._waiting) if only is None else [only]:
            each.conversation.give_up_waiting()
            self._waiting.remove(each)
        self.idle = not self._connections and not self._waiting

    def _go_on(self, connection: _Connection) -> None:
        """Take note that the secrets have come that a connection has waited for."""
        self._waiting.remove(connection)
        self._connections.append(connection)
        self._over = tuple(key for key in self._over if key not in connection.known)
        for key in connection.known:
            self._by_key.setdefault(key, []).append(connection)

    def _open_held(self, connection: _Connection) -> None:
        """Open the packets that have waited for secrets, if those have come."""
        encrypted, conversation = connection.encrypted, connection.conversation
        if encrypted is None or not conversation.is_heard_again():
            return
        if connection in self._waiting:
            self._go_on(connection)
        if not encrypted.held:
            return
        assert conversation.secrets is not None
        known_now = conversation.secrets.known_now
        if encrypted.tried_with == known_now:
            return
        encrypted.tried_with = known_now
        held, encrypted.held = encrypted.held, []
        for each in held:
            self._open_one(each, connection, encrypted)

    def _open_one(self, waiting: _Waiting, connection: _Connection, encrypted: _Encrypted) -> bool:
        packet, datagram, version = waiting
        conversation = connection.conversation
        secrets = conversation.secrets
        assert secrets is not None
        side = connection.sender(datagram.label)
        is_client = side is connection.client
        known, payload = encrypted.opener.open(is_client, packet, version)
        if payload is not None:
            self._read_frames(payload, packet, datagram, connection, encrypted)
            return True
        if known:
            # Nothing but its keys says that a packet with a short header belongs here.
            if packet.type is PacketType.HANDSHAKE and is_client not in encrypted.unread:
                encrypted.unread.add(is_client)
                reason = "a packet does not authenticate with the secrets that there are"
                conversation.violation(side, datagram.base + packet.start, reason)
            return False
        if secrets.unsupported and secrets.known() and is_client not in encrypted.unread:
            encrypted.unread |= {True, False}
            conversation.violation(side, datagram.base + packet.start, secrets.unsupported)
        elif encrypted.holds and not secrets.unsupported:
            if not encrypted.held:
                secrets.keylog.may_wait(encrypted)
            encrypted.held.append(waiting)
            if len(encrypted.held) > _MAXIMUM_WAITING:
                encrypted.let_go()
        return False

    def _read_frames(
        self,
        payload: Payload,
        packet: Packet,
        datagram: _Datagram,
        connection: _Connection,
        encrypted: _Encrypted,
    ) -> None:
        """Read the CRYPTO frames of an opened packet."""
        conversation = connection.conversation
        side = connection.sender(datagram.label)
        is_client = side is connection.client
        assert packet.type is not None
        crypto = encrypted.cryptos[is_client, packet.type]
        offset = datagram.base + payload.offset
        # Frames in packets with a short header stand in nothing that could be told with them.
        is_heard = packet.value is not None and conversation.walker.visit(Frame) is not None
        try:
            for _, end, frame in read_frames(payload.data):
                if frame["type"] == FrameType.CRYPTO:
                    data = frame["frame"]["crypto_data"]
                    piece = Piece(frame["frame"]["offset"], data, offset + end - len(data))
                    _read_crypto(conversation, side, crypto, piece, decrypted=True)
                if is_heard:
                    conversation.hear(Frame, frame, side, "HandshakePacket", packet=packet.value)
        except GrammarError as error:
            # Extensions may have frames that are not known; that is told once.
            if is_client not in encrypted.unread:
                encrypted.unread.add(is_client)
                conversation.violation(side, offset + error.offset, error.reason, error.path)

    # The content of Initial packets

    def _opened(
        self,
        packet: Packet,
        opened: tuple[bytes, int],
        connection: _Connection,
        attempt: _Attempt,
        datagram: _Datagram,
        out: list[Event],
    ) -> None:
        conversation = connection.conversation
        conversation.ts = connection.last_time = datagram.ts
        side, peer = connection.sender(datagram.label), connection.sender(not datagram.label)
        side.cid = packet.value["source_connection_id"]
        connection.version = packet.value["version"]
        self._know(connection, peer.label, side.cid)
        if side is connection.server:
            connection.answered = True
        crypto = connection.crypto if side is connection.server else attempt.crypto
        _hear_of(packet, conversation, side, datagram)
        payload, begin = opened
        offset = datagram.base + begin
        frames_are_heard = conversation.walker.visit(Frame) is not None
        try:
            for at, end, frame in read_frames(payload):
                kind = frame["type"]
                if kind not in _ALLOWED:
                    reason = f"frame type 0x{kind:02x} is not allowed in an Initial packet"
                    conversation.violation(side, offset + at, reason, "Frame.type")
                    break
                if kind == FrameType.CRYPTO:
                    data = frame["frame"]["crypto_data"]
                    piece = Piece(frame["frame"]["offset"], data, offset + end - len(data))
                    _read_crypto(conversation, side, crypto, piece)
                if frames_are_heard:
                    conversation.hear(Frame, frame, side, "InitialPacket", packet=packet.value)
        except GrammarError as error:
            conversation.violation(side, offset + error.offset, error.reason, error.path)
        if len(self._connections) > _MAXIMUM_CONNECTIONS and connection is self._connections[-1]:
            self._evict(f"more than {_MAXIMUM_CONNECTIONS} connections at once", datagram.ts, out)
        limit = self._options.connection_limit
        if crypto.held > min(_MUCH, limit) and datagram.base - self._counted_at >= _COUNTED_EVERY:
            self._counted_at = datagram.base
            if self.held > limit:
                self._give_up_waiting()
            if self.held > limit:
                self._evict(f"more than {limit} bytes would be held", datagram.ts, out)
        out += conversation.taken()

    def _evict(self, why: str, ts: float | None, out: list[Event]) -> None:
        """Give up a connection, because there are too many, or they hold too much: one whose handshake is over, or else
        the oldest.
        """
        established = State.ESTABLISHED
        chosen_one = next(
            (each for each in self._connections if each.conversation.state is established),
            self._connections[0],
        )
        conversation, last = chosen_one.conversation, chosen_one.last_time
        is_silent = ts is not None and last is not None and ts - last > _SILENT
        if conversation.state is not established and is_silent:
            self._report_missing(chosen_one)
        elif conversation.state is not established:
            reason = f"{why}: nothing more of this one is read"
            client = chosen_one.client
            conversation.violation(client, self.offsets[client.label], reason)
        conversation.finish()
        out += conversation.taken()
        self._forget(chosen_one, over=False)

    def _report_missing(self, connection: _Connection, *, established: bool = False) -> None:
        """Say what is missing of messages that have begun, once."""
        last = connection.attempts[-1].crypto
        of_client = [attempt.crypto for attempt in connection.attempts]
        begun = [
            *((connection.client, each) for each in of_client),
            (connection.server, connection.crypto),
        ]
        for side, crypto in begun:
            missing = crypto.missing(established and (crypto is last or side is connection.server))
            self._report_lost(connection, side, crypto, missing)
        if connection.encrypted is not None and not established:
            for (is_client, _), crypto in connection.encrypted.cryptos.items():
                side = connection.client if is_client else connection.server
                self._report_lost(connection, side, crypto, crypto.missing(False))

    def _report_lost(
        self, connection: _Connection, side: _Endpoint, crypto: _Crypto, missing: str
    ) -> None:
        if missing:
            crypto.lost = True
            connection.conversation.violation(side, self.offsets[side.label], missing)


def _destination(packet: Packet) -> Any:
    return packet.value["destination_connection_id"]


def _of_version(connection: _Connection, attempt: _Attempt, version: int) -> _Attempt:
    """The attempt that a packet of the client is of, which its keys open, before the server has answered: another one,
    where it is of another version than the packets before (RFC 9000 section 6). After the answer, that is the one that
    the server has chosen (RFC 9368).
    """
    if attempt.version is None:
        attempt.version = version
    if attempt.version == version:
        return attempt
    again = _Attempt(
        attempt.crypto.limit,
        attempt.cid,
        attempt.token,
        version,
        attempt.refused | {attempt.version},
    )
    again.keys[version] = attempt.keys.pop(version)
    connection.begin(again)
    return again


def _hear_of(packet: Packet, conversation: Conversation, side: Side, datagram: _Datagram) -> None:
    schema = LongHeader if packet.type is None else PACKETS[packet.type]
    name = getattr(schema, "title", "")
    if conversation.walker.wants_structures:
        data, offset = packet.data[packet.start : packet.end], datagram.base + packet.start
        conversation.tell_structure(side, name, data, offset)
    conversation.hear(schema, packet.value, side, name)


def _read_crypto(
    conversation: Conversation,
    side: Side,
    crypto: _Crypto,
    piece: Piece,
    *,
    decrypted: bool = False,
) -> None:
    """Take CRYPTO data, and read the messages that are whole with them."""
    try:
        for message in crypto.take(piece):
            if decrypted:
                _, whole = conversation.decrypted_message(side, message)
            else:
                whole = conversation.message(side, message) is not None
            if not whole and crypto.messages.pending:
                reason = f"{crypto.messages.pending} bytes behind a malformed message are lost"
                end = message.offset(len(message.data) - 1) + 1
                conversation.violation(side, end, reason)
                crypto.messages.drop()
    except GrammarError as error:
        conversation.violation(side, error.offset, error.reason, error.path)


@cache
def _protection() -> Any:
    """What opens packets; imported when it is first needed.

    Raises:
        ImportError: the library that it needs is not installed.
    """
    try:
        from .secrets import initial
    except ImportError as error:
        missing = isinstance(error, ModuleNotFoundError) and error.name == "cryptography"
        why = "is not installed; pip install cryptography" if missing else f"does not load: {error}"
        raise ImportError(
            f"QUIC was skipped because the library cryptography {why}", name="cryptography"
        ) from None
    return initial
