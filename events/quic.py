"""QUIC between two UDP ports: datagrams of both directions in, events out.

What may live here: which packets belong to which connection, and what becomes of the TLS in their CRYPTO frames. Sans-I/O:
no files, no clocks.

The only proof that a datagram is QUIC is that an Initial packet in it authenticates with the keys that follow from its own
connection id: its sender is the client, and a connection begins. Everything else belongs to a connection by its
connection ids, and an Initial packet only if it authenticates with the keys of the connection too. The traps: packets
come out of order, so that what cannot be opened yet is held, a few datagrams; a Retry changes the keys, a server may
answer in another version (RFC 9368), whose keys follow from the same connection id; and what is left of a connection that
is over has to be told from the beginning of a new one.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, Unpack

import msgspec

from tlsgrammar.framing import HandshakeReader, Piece, Pieces, sole_message
from tlsgrammar.framing.packets import Packet, read_frames, read_packets
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
from .model import Connection, Event
from .options import Choices, Options
from .uids import uid

if TYPE_CHECKING:  # it needs a library that others can do without
    from .secrets.initial import ConnectionKeys, InitialKeys

__all__ = ["QuicAnalyzer"]

_TRANSPORT = Transport("stream", dtls=False, type_path="")

# What is held at most: datagrams that cannot be opened yet, CRYPTO data of a direction that come too early, in bytes,
# connections that are not over, and what is known of those that are.
_MAXIMUM_HELD = 4
_MAXIMUM_CRYPTO = 2**16
_MAXIMUM_CONNECTIONS = 32
_MAXIMUM_OVER = 64

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


class _Endpoint(Side):
    """What is known of one side of a connection.

    Attributes:
        label: whether the caller calls it the originator.
        cid: the connection id that it has chosen for itself.
        position: how many bytes of its CRYPTO data have been read.
        pieces: those that come later.
        messages: reads the messages in them; None once they cannot be read any more.
    """

    __slots__ = ("cid", "label", "messages", "pieces", "position")

    def __init__(self, label: bool) -> None:
        super().__init__(label)
        self.label = label
        self.cid = b""
        self.begin()

    def begin(self) -> None:
        """Read CRYPTO data from their beginning."""
        self.position = 0
        self.pieces = Pieces()
        self.messages: HandshakeReader | None = HandshakeReader()


class _Connection:
    """One connection.

    Attributes:
        conversation: that of the TLS in it.
        client, server: its sides.
        first_cid: the id that its keys follow from.
        keys: those of each version that has been met.
        answered: whether an Initial of the server has been read.
    """

    __slots__ = ("answered", "client", "conversation", "first_cid", "keys", "server")

    def __init__(self, conversation: Conversation, client: _Endpoint, server: _Endpoint) -> None:
        self.conversation = conversation
        self.client = client
        self.server = server
        self.first_cid = b""
        self.keys: dict[int, ConnectionKeys] = {}
        self.answered = False


class _Datagram(NamedTuple):
    """A datagram, who sent it, where it stands in the direction, and when it came."""

    data: bytes
    label: bool
    base: int
    ts: float | None


class QuicAnalyzer:
    """The events of QUIC between two UDP ports, and of the TLS in it.

    Datagrams go in as they arrive, in any order, lost or repeated; each call returns the events that it completed.
    Datagrams that are not QUIC raise nothing. No bytes raise an exception. There may be several connections, one after
    the other or at once: each has a `Connection` of its own, whose originator is the client.

    Args:
        c: who talks to whom, as the caller calls the sides.
        options: what is chosen, as `Options`; or by its attributes as keywords.
        disable_analyzer_after_detection, wanted, extensions: attributes of `Options`. The events of `events.QUIC` are
            raised where they are asked for.

    Attributes:
        finished: whether nothing more will be raised; there may always be another connection.
        idle: whether there is no connection now, so that nothing but a long header can begin something.
        offsets: how many bytes the responder and the originator have sent, as the caller calls them.

    Raises:
        ImportError: the library cryptography is not installed.
    """

    __slots__ = (
        "_by_cid",
        "_c",
        "_connections",
        "_count",
        "_held",
        "_options",
        "_over",
        "_protection",
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
        if options is None:
            options = Options(**choices)
        self._protection = _protection()
        self._options = options
        self._c = Connection() if c is None else c
        self._count = 0
        self.idle = True
        self.offsets = [0, 0]
        self._connections: list[_Connection] = []
        # By who sends, and the connection id that it sends to.
        self._by_cid: dict[tuple[bool, bytes], _Connection] = {}
        self._held: list[_Datagram] = []
        # Who sent the first packet of a connection that is over, and to which connection id.
        self._over: tuple[tuple[bool, bytes], ...] = ()

    def __repr__(self) -> str:
        ends = self._c.ends or self._c.uid or ""
        known = f"{self._count} connections" if self._count else "no connection yet"
        return f"<{' '.join(filter(None, ('QuicAnalyzer', ends)))}: {known}>"

    def deliver(self, datagram: bytes, is_orig: bool, ts: float | None = None) -> list[Event]:
        """Take a datagram.

        Args:
            datagram: its payload.
            is_orig: whether the originator sent it, as the caller calls the sides.
            ts: when it arrived, in seconds since the epoch.

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
        if not self._read(_Datagram(bytes(datagram), is_orig, base, ts), out):
            return out
        # With the keys of the new connection, something that came before it may be opened.
        held, self._held = self._held, []
        for each in held:
            self._read(each, out)
        return out

    def end(self, ts: float | None = None) -> list[Event]:
        """Take note that no more datagrams come.

        Returns:
            A `ProtocolViolation` for each direction of a connection with a message that is not whole.
        """
        out: list[Event] = []
        for connection in self._connections:
            conversation = connection.conversation
            conversation.ts = ts
            for side in (connection.client, connection.server):
                if side.pieces or (side.messages is not None and side.messages.pending):
                    reason = "the data ends in the middle of a handshake message"
                    conversation.violation(side, self.offsets[side.label], reason)
            out += conversation.taken()
        self._connections = []
        self.idle = True
        self._by_cid = {}
        self._held = []
        return out

    # Packets

    def _read(self, datagram: _Datagram, out: list[Event]) -> bool:
        """Read the packets of a datagram; whether a connection has begun with one of them."""
        label = datagram.label
        began = False
        last: _Connection | None = None
        packets = read_packets(datagram.data)
        for packet in packets:
            if packet.type is PacketType.INITIAL:
                connection, new = self._initial(packet, datagram, out)
                began |= new
            elif packet.type is PacketType.RETRY:
                connection = self._retry(packet, label)
            elif packet.type is PacketType.VERSION_NEGOTIATION:
                self._version_negotiation(packet, label)
                continue
            else:
                connection = last or self._known(packet, label)
                if packet.type is None and connection is None and self._connections:
                    connection = self._connections[-1]
            if connection is None:
                continue
            last = connection
            if packet.type is not PacketType.INITIAL:
                self._note(packet, connection, datagram)
                out += connection.conversation.taken()
        end = packets[-1].end if packets else 0
        if end < len(datagram.data) and 0 < datagram.data[end] < 0x80:  # not padding
            self._one_rtt(datagram.data[end:], datagram, last, out)
        return began

    def _known(self, packet: Packet, label: bool) -> _Connection | None:
        """The connection that a packet belongs to by its connection ids; None where none does, or several may."""
        known = self._by_cid.get((label, packet.value["destination_connection_id"]))
        if known is not None:
            return known
        # Its receiver may have chosen another one since, in a packet that cannot be read.
        cid = packet.value["source_connection_id"]
        found = [each for each in self._connections if _sender(each, label).cid == cid]
        return found[0] if len(found) == 1 else None

    def _note(self, packet: Packet, connection: _Connection, datagram: _Datagram) -> None:
        """Raise the event of a packet that cannot be opened, or need not be."""
        conversation = connection.conversation
        conversation.ts = datagram.ts
        side = _sender(connection, datagram.label)
        if packet.type is PacketType.HANDSHAKE:
            conversation.note(side, Fact.HANDSHAKE_PACKET)
        _hear_of(packet, connection, side)

    def _initial(
        self, packet: Packet, datagram: _Datagram, out: list[Event]
    ) -> tuple[_Connection | None, bool]:
        """Read an Initial packet: the connection that it belongs to, and whether that begins with it."""
        label, cid = datagram.label, packet.value["destination_connection_id"]
        version = packet.value["version"]
        connection = self._by_cid.get((label, cid))
        for each in self._connections if connection and not cid else filter(None, [connection]):
            keys = _keys_of(each, version, label)
            opened = None if keys is None else keys.open(packet)
            if opened is not None:
                self._opened(packet, opened, each, datagram, out)
                return each, False
        if (label, cid) in self._over:
            return None, False
        both = self._protection.initial_keys(version, cid)
        opened = None if both is None else both.client.open(packet)
        if opened is None or both is None:
            if connection is None:
                self._hold(datagram)
            return None, False
        connection = self._restarted(packet, label)
        began = connection is None
        if connection is None:
            connection = self._begin(label, self._first_time(datagram, both))
        self._know(connection, label, cid)
        connection.first_cid = cid
        connection.keys = {version: both}
        self._opened(packet, opened, connection, datagram, out)
        return connection, began

    def _hold(self, datagram: _Datagram) -> None:
        """Hold a datagram that can be opened once a connection has begun, perhaps."""
        if not self._held or self._held[-1] is not datagram:
            self._held = [*self._held[1 - _MAXIMUM_HELD :], datagram]

    def _first_time(self, datagram: _Datagram, keys: ConnectionKeys) -> float | None:
        """When a connection began: with the first datagram of its client that can be opened, or with what its server
        sent, which came before that.
        """
        times = [
            held.ts
            for held in self._held
            if held.label is not datagram.label
            and any(
                p.type is PacketType.INITIAL and keys.server.open(p)
                for p in read_packets(held.data)
            )
        ]
        return min(filter(None, [datagram.ts, *times]), default=None)

    def _begin(self, label: bool, ts: float | None) -> _Connection:
        """A new connection, whose client the caller calls so, and which began at a time."""
        c = self._c
        if self._count and c.uid is not None:
            c = msgspec.structs.replace(c, uid=uid(f"{c.uid} {self._count}".encode()))
        if ts is not None:
            c = msgspec.structs.replace(c, start_time=ts)
        self._count += 1
        client, server = _Endpoint(label), _Endpoint(not label)
        sides = (server, client) if label else (client, server)
        conversation = Conversation(c, sides, _TRANSPORT, self._options, originator_is_guess=True)
        mapping.fill(conversation.registry)
        conversation.settle_originator(client, is_originator=True)
        connection = _Connection(conversation, client, server)
        if len(self._connections) >= _MAXIMUM_CONNECTIONS:
            self._forget(self._connections[0])
        self._connections.append(connection)
        self.idle = False
        return connection

    def _restarted(self, packet: Packet, label: bool) -> _Connection | None:
        """The connection that goes on with a packet whose keys are new, because the server has asked for that by a Retry
        which was not seen: the client has a token, and has not changed its own connection id.
        """
        if not packet.value["token"]:
            return None
        cid = packet.value["source_connection_id"]
        for connection in self._connections:
            client = connection.client
            if client.label is label and client.cid == cid and not connection.answered:
                client.begin()
                return connection
        return None

    def _know(self, connection: _Connection, label: bool, cid: bytes) -> None:
        """Take note that one side of a connection sends to a connection id."""
        self._by_cid[label, cid] = connection

    def _forget(self, connection: _Connection) -> None:
        self._connections.remove(connection)
        self.idle = not self._connections
        for key in [key for key, known in self._by_cid.items() if known is connection]:
            del self._by_cid[key]
            if key[0] is connection.client.label:
                self._over = (*self._over, key)[-_MAXIMUM_OVER:]

    def _retry(self, packet: Packet, label: bool) -> _Connection | None:
        """The connection that begins again by a Retry packet, with another connection id."""
        connection = self._known(packet, label)
        if (
            connection is None
            or connection.server.label is not label
            or connection.answered
            or not self._protection.is_answer_to(packet, connection.first_cid)
        ):
            return None
        cid = packet.value["source_connection_id"]
        connection.first_cid = cid
        connection.keys = {}
        connection.client.begin()
        self._know(connection, connection.client.label, cid)
        return connection

    def _version_negotiation(self, packet: Packet, label: bool) -> None:
        """Take note that a client will begin again, because the server does not know the version (RFC 9000 section 6)."""
        connection = self._known(packet, label)
        if connection is None or connection.server.label is not label or connection.answered:
            return
        if not connection.keys.keys() & {*packet.value["supported_versions"]}:
            connection.keys = {}
            connection.client.begin()

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
            if expected or (len(among) == 1 and is_short_header(packet[0])):
                conversation = connection.conversation
                if conversation.state is State.ESTABLISHED:
                    return
                conversation.ts = datagram.ts
                conversation.note(client, Fact.CLIENT_1RTT_PACKET)
                out += conversation.taken()
                if conversation.state is State.FINISHED:
                    self._forget(connection)
                return

    # The content of Initial packets

    def _opened(
        self,
        packet: Packet,
        opened: tuple[bytes, int],
        connection: _Connection,
        datagram: _Datagram,
        out: list[Event],
    ) -> None:
        conversation = connection.conversation
        conversation.ts = datagram.ts
        side, peer = _sender(connection, datagram.label), _receiver(connection, datagram.label)
        side.cid = packet.value["source_connection_id"]
        self._know(connection, peer.label, side.cid)
        if side is connection.server:
            connection.answered = True
        _hear_of(packet, connection, side)
        payload, begin = opened
        offset = datagram.base + begin
        frames_are_heard = conversation.walker.visit(Frame) is not None
        try:
            for at, end, frame in read_frames(payload):
                kind = frame["type"]
                if kind not in _ALLOWED:
                    reason = f"a frame of type 0x{kind:02x}, which an Initial packet may not hold"
                    conversation.violation(side, offset + at, reason, "Frame.type")
                    break
                if kind == FrameType.CRYPTO:
                    data = frame["frame"]["crypto_data"]
                    piece = Piece(frame["frame"]["offset"], data, offset + end - len(data))
                    _crypto(conversation, side, piece)
                if frames_are_heard:
                    conversation.hear(Frame, frame, side, "InitialPacket", packet=packet.value)
        except GrammarError as error:
            conversation.violation(side, offset + error.offset, error.reason, error.path)
        out += conversation.taken()


def _sender(connection: _Connection, label: bool) -> _Endpoint:
    return connection.client if connection.client.label is label else connection.server


def _receiver(connection: _Connection, label: bool) -> _Endpoint:
    return connection.server if connection.client.label is label else connection.client


def _keys_of(connection: _Connection, version: int, label: bool) -> InitialKeys | None:
    """What protects the Initial packets that a side sends in a version."""
    both = connection.keys.get(version)
    if both is None:
        both = _protection().initial_keys(version, connection.first_cid)
        if both is None:
            return None
        connection.keys[version] = both
    return both.client if connection.client.label is label else both.server


def _hear_of(packet: Packet, connection: _Connection, side: Side) -> None:
    schema = LongHeader if packet.type is None else PACKETS[packet.type]
    name = getattr(schema, "title", "")
    connection.conversation.hear(schema, packet.value, side, name)


def _crypto(conversation: Conversation, side: _Endpoint, piece: Piece) -> None:
    """Take CRYPTO data, and read the messages that are whole with them."""
    messages = side.messages
    if messages is None or piece.end <= side.position:
        return
    if piece.start == side.position and not side.pieces and not messages.pending:
        # Nearly all ServerHellos, and most ClientHellos, come whole.
        message = sole_message(piece.data, piece.offset)
        if message is not None:
            side.position = piece.end
            conversation.message(side, message)
            return
    if piece.start < side.position:
        piece = piece.part(side.position, piece.end)
    side.pieces.add(piece)
    for each in side.pieces.take_from(side.position):
        side.position = each.end
        messages.feed(each.data, each.offset)
    reason = ""
    try:
        for message in _messages(messages):
            if conversation.message(side, message) is None:
                messages.drop()
    except GrammarError as error:
        conversation.violation(side, error.offset, error.reason, error.path)
        side.messages = None
    if side.pieces.held > _MAXIMUM_CRYPTO:
        reason = f"more than {_MAXIMUM_CRYPTO} bytes of CRYPTO data out of order"
        conversation.violation(side, piece.offset, reason)
        side.messages = None
    if side.messages is None:
        side.pieces = Pieces()


def _messages(reader: HandshakeReader) -> Iterator[Any]:
    while (message := reader.next()) is not None:
        yield message


@cache
def _protection() -> Any:
    """What opens packets; imported when it is first needed.

    Raises:
        ImportError: the library that it needs is not installed.
    """
    try:
        from .secrets import initial
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "cryptography":
            raise
        raise ImportError(
            "QUIC is not read: the library cryptography is not installed; pip install 'tlsgrammar[quic]'",
            name="cryptography",
        ) from None
    return initial
