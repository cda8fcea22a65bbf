"""Putting IP fragments together (RFC 791 section 3.2, RFC 8200 section 4.5)."""

from __future__ import annotations

from collections import OrderedDict

from tlsgrammar.framing.pieces import Piece, Pieces

__all__ = ["Fragments"]

# How many packets are kept of which not all fragments have come: of all senders, and of each.
_MAXIMUM_PACKETS = 4096
_MAXIMUM_OF_ONE = 64
# What they hold together at most, and what a fragment holds besides its data, in bytes of memory, about.
_MAXIMUM_HELD = 16 * 2**20
_FRAGMENT_SIZE = 200
_MAXIMUM_SIZE = 2**16
_TIMEOUT = 60.0  # seconds (RFC 8200 section 4.5)


class _Packet:
    __slots__ = ("first", "length", "pieces", "source")

    def __init__(self, source: bytes, ts: float) -> None:
        self.source = source
        self.first = ts
        self.length: int | None = None
        self.pieces = Pieces()

    @property
    def held(self) -> int:
        return self.pieces.held + _FRAGMENT_SIZE * (len(self.pieces) + 1)


class Fragments:
    """Packets of which not all fragments have come: a bounded number, each for a bounded time.

    Where there are too many, the oldest gives way: of the sender that sends more than others, where there is one. So a
    sender of fragments that never become whole does not keep out those of others.
    """

    def __init__(self) -> None:
        self._packets: OrderedDict[bytes, _Packet] = OrderedDict()
        self._of_source: dict[bytes, dict[bytes, None]] = {}
        self._held = 0

    def add(
        self, source: bytes, key: bytes, offset: int, last: bool, data: bytes, ts: float
    ) -> bytes | None:
        """Take a fragment.

        Args:
            source: who sent it.
            key: what the fragments of one packet have in common.
            offset: where its data belong in the packet, in bytes.
            last: whether no fragment comes after it.
            data: its data.
            ts: when it came, in seconds.

        Returns:
            The data of the packet if it is whole with this fragment. Where fragments overlap, the first
            copy of a byte to arrive stands.
        """
        if offset + len(data) > _MAXIMUM_SIZE:
            return None
        packet = self._packets.get(key)
        if packet is not None and ts - packet.first > _TIMEOUT:
            self._remove(key)
            packet = None
        if packet is None:
            packet = self._begin(source, key, ts)
        held = packet.held
        pieces = packet.pieces
        pieces.add(Piece(offset, data))
        if last and packet.length is None:
            packet.length = offset + len(data)
        if packet.length is not None:
            pieces.cut(packet.length)
        self._held += packet.held - held
        if pieces.held == packet.length:
            self._remove(key)
            return b"".join([piece.data for piece in pieces.pieces])
        while self._held > _MAXIMUM_HELD:
            self._remove(next(iter(self._packets)))
        return None

    def _begin(self, source: bytes, key: bytes, ts: float) -> _Packet:
        own = self._of_source.get(source, {})
        if len(own) >= _MAXIMUM_OF_ONE:
            self._remove(next(iter(own)))
        elif len(self._packets) >= _MAXIMUM_PACKETS:
            self._remove(next(iter(self._packets)))
        packet = self._packets[key] = _Packet(source, ts)
        self._of_source.setdefault(source, {})[key] = None
        self._held += packet.held
        return packet

    def _remove(self, key: bytes) -> None:
        packet = self._packets.pop(key)
        own = self._of_source[packet.source]
        del own[key]
        if not own:
            del self._of_source[packet.source]
        self._held -= packet.held
