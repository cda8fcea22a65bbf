"""Putting IP fragments together (RFC 791 section 3.2, RFC 8200 section 4.5)."""

from __future__ import annotations

from tlsgrammar.framing.pieces import Piece, Pieces

__all__ = ["Fragments"]

_MAXIMUM_PACKETS = 1024
_MAXIMUM_SIZE = 2**16
_TIMEOUT = 60.0  # seconds (RFC 8200 section 4.5)


class _Packet:
    __slots__ = ("first", "length", "pieces")

    def __init__(self, ts: float) -> None:
        self.first = ts
        self.length: int | None = None
        self.pieces = Pieces()


class Fragments:
    """Packets of which not all fragments have come: a bounded number, each for a bounded time."""

    def __init__(self) -> None:
        self._packets: dict[bytes, _Packet] = {}

    def add(self, key: bytes, offset: int, last: bool, data: bytes, ts: float) -> bytes | None:
        """Take a fragment.

        Args:
            key: what the fragments of one packet have in common.
            offset: where its data belong in the packet, in bytes.
            last: whether no fragment comes after it.
            data: its data.
            ts: when it came, in seconds.

        Returns:
            The data of the packet if it is whole with this fragment. Where fragments overlap, the first
            copy of a byte to arrive stands.
        """
        packet = self._packets.get(key)
        if packet is None or ts - packet.first > _TIMEOUT:
            self._packets.pop(key, None)
            if len(self._packets) >= _MAXIMUM_PACKETS:
                del self._packets[next(iter(self._packets))]
            packet = self._packets[key] = _Packet(ts)
        if offset + len(data) > _MAXIMUM_SIZE:
            return None
        packet.pieces.add(Piece(offset, data))
        if last and packet.length is None:
            packet.length = offset + len(data)
        if packet.length is None or not packet.pieces.is_whole(packet.length):
            return None
        del self._packets[key]
        return b"".join(piece.data for piece in packet.pieces.pieces)[: packet.length]
