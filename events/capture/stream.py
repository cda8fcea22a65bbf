"""TCP reassembly of one direction: segments in, bytes in sequence and gaps out (RFC 9293 section 3.4)."""

from __future__ import annotations

from tlsgrammar.framing.pieces import Piece, Pieces

__all__ = ["Overflow", "Stream"]

MAXIMUM_PENDING = 4 * 2**20
"""Out-of-order data that are held for one direction, in bytes."""

# So that a list of one-byte pieces does not get slow to keep in order.
_MAXIMUM_PIECES = 2**16

_PADDING = bytes(6)


class Overflow(Exception):
    """More out-of-order data than are held."""


# What nearly all streams have: what comes is in order.
_NOTHING_WAITS = Pieces()

Chunk = bytes | int
"""Bytes that come next in a direction, or the number of those that are missing."""


class Stream:
    """The bytes of one direction, in sequence. Where copies of a byte differ, the first to arrive stands.

    Attributes:
        next_seq: the sequence number of the next byte; None before anything is known of it.
        position: how many bytes came before it.
        fin: the position at which the direction ends, if that is known.
    """

    __slots__ = ("_pending", "fin", "next_seq", "position")

    def __init__(self) -> None:
        self.next_seq: int | None = None
        self.position = 0
        self.fin: int | None = None
        # What waits for what comes before it. Doubtful is what may be padding that a middlebox counted in.
        self._pending = _NOTHING_WAITS

    @property
    def started(self) -> bool:
        """Whether data of the direction have been seen."""
        return self.position > 0 or bool(self._pending)

    @property
    def whole(self) -> bool:
        """Whether all bytes up to the end of the direction have been seen."""
        return self.fin is not None and self.position >= self.fin

    def synchronize(self, seq: int) -> None:
        """Take the sequence number of the first byte from a SYN, if no data came before it."""
        if not self.started:
            self.next_seq = seq & 0xFFFFFFFF

    def takes(self, seq: int, data: bytes, *, bare_ack: bool) -> bool:
        """Take the data of a segment, where they are simply what comes next; False where `segment` has to look
        at it.

        Args:
            seq: its sequence number.
            data: its payload.
            bare_ack: whether ACK is the only flag that it has.
        """
        if seq != self.next_seq or self._pending or self.fin is not None:
            return False
        if bare_ack and data == _PADDING:
            return False
        count = len(data)
        self.position += count
        self.next_seq = (seq + count) & 0xFFFFFFFF
        return True

    def segment(self, seq: int, data: bytes, fin: bool, *, bare_ack: bool) -> list[Chunk]:
        """Take a segment.

        Args:
            seq: its sequence number.
            data: its payload.
            fin: whether it ends the direction.
            bare_ack: whether ACK is the only flag that it has.

        Returns:
            What comes next in the direction and is known now.

        Raises:
            Overflow: the hole before it has been open for too much data.
        """
        if self.next_seq is None:
            self.next_seq = seq
        start = self.position + _distance(self.next_seq, seq)
        end = start + len(data)
        if fin and self.fin is None and end >= self.position:
            self.fin = end
            self._forget_padding_after(end)
        doubtful = bare_ack and data == _PADDING
        if self.fin is not None and end > self.fin:
            # Nothing comes after the end.
            data = data[: max(self.fin - start, 0)]
            end = start + len(data)
        if end <= self.position:
            return []
        if start < self.position:
            data = data[self.position - start :]
            start = self.position
        if start == self.position and not self._pending and not doubtful:
            self._advance(len(data))
            return [data]
        self._hold(Piece(start, data, doubtful=doubtful))
        return self._drain(self.position)

    def acknowledge(self, ack: int) -> list[Chunk]:
        """Take note that the other side has received what comes before a sequence number: what of it
        has not been seen is a gap.

        Returns:
            What comes next in the direction and is known now.
        """
        if self.next_seq is None:
            return []
        limit = self.position + _distance(self.next_seq, ack)
        if limit <= self.position:
            return []
        if self.fin is not None:
            limit = min(limit, self.fin)
        elif not self._pending and limit == self.position + 1:
            # As likely the FIN, which takes a sequence number.
            return []
        return self._drain(limit)

    def finish(self) -> list[Chunk]:
        """Take note that nothing more comes: all holes are gaps."""
        return self._drain(self._pending.pieces[-1].end) if self._pending else []

    def _forget_padding_after(self, position: int) -> None:
        for piece in self._pending.take(len(self._pending)):
            if not (piece.doubtful and piece.end > position):
                self._pending.add(piece)

    def _advance(self, count: int) -> None:
        assert self.next_seq is not None
        self.position += count
        self.next_seq = (self.next_seq + count) & 0xFFFFFFFF

    def _drain(self, limit: int) -> list[Chunk]:
        """What comes next, with what is missing up to `limit` as gaps."""
        chunks: list[Chunk] = []
        taken = 0
        pending = self._pending.pieces
        while True:
            piece = pending[taken] if taken < len(pending) else None
            if piece is not None and piece.start == self.position:
                if (
                    piece.doubtful
                    and piece.end > limit
                    and not (taken + 1 < len(pending) and pending[taken + 1].start == piece.end)
                ):
                    break
                chunks.append(piece.data)
                self._advance(len(piece.data))
                taken += 1
                continue
            gap = min(limit, piece.start if piece is not None else limit) - self.position
            if gap <= 0:
                break
            chunks.append(gap)
            self._advance(gap)
        self._pending.take(taken)
        return chunks

    def _hold(self, new: Piece) -> None:
        if self._pending is _NOTHING_WAITS:
            self._pending = Pieces()
        pending = self._pending
        pending.add(new)
        if pending.held > MAXIMUM_PENDING or len(pending) > _MAXIMUM_PIECES:
            raise Overflow


def _distance(origin: int, seq: int) -> int:
    """How far a sequence number lies after another, negative if before, across the wrap."""
    distance = (seq - origin) & 0xFFFFFFFF
    return distance - 0x1_0000_0000 if distance >= 0x8000_0000 else distance
