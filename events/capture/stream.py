"""TCP reassembly of one direction: segments in, bytes in sequence and gaps out (RFC 9293 section 3.4).

What may live here: what is believed of segments that contradict each other, or what went before. That is, whatever the
order in which a capture has them:

    what comes                          what is believed
    ----------------------------------  ------------------------------------------------------------------------------
    bytes that have come before         the first copy
    bytes after a hole                  wait, until the hole is filled or given up
    an ACK for what has not come        the hole is given up with the 32nd such ACK after it, or one a second later; no
                                        further than to where that one is for
    a FIN                               the direction ends there, unless there are bytes behind it
    bytes so far from the others that   nothing; but where nothing is known of the direction yet, and they go on, or are
    they can hardly be of the stream    acknowledged, before what is expected does: the direction begins with them
    SYN, before there are bytes         the last one says where the direction begins, or the one before it if bytes come
                                        that begin there
    SYN, after that                     nothing (`connections` decides whether it opens another connection)
"""

from __future__ import annotations

from typing import NamedTuple

from tlsgrammar.framing.pieces import Piece, Pieces

__all__ = ["BEGINS_HERE", "Chunk", "Overflow", "Stream"]

# So that a list of one-byte pieces does not get slow to keep in order.
_MAXIMUM_PIECES = 2**16
# What is held of a piece besides its bytes, about.
_PIECE_SIZE = 200

# A hole that has been acknowledged is open for so many ACKs more, and for so long, in seconds: captures swap packets.
_PATIENCE = 32
_PATIENCE_SECONDS = 1.0

_PADDING = bytes(6)


class Overflow(Exception):
    """More out-of-order data than are held."""


class _BeginsHere:
    """Stands before bytes with which the direction begins: what came before is no part of it."""


BEGINS_HERE = _BeginsHere()

Chunk = bytes | int | _BeginsHere
"""Bytes that come next in a direction, or the number of those that are missing; or `BEGINS_HERE`."""


class _Stray(NamedTuple):
    """Bytes that can hardly be of the stream, and how much of the stream there was when they came."""

    data: bytes
    end_seq: int
    position: int


# What nearly all streams have: what comes is in order.
_NOTHING_WAITS = Pieces()


class Stream:
    """The bytes of one direction, in sequence. Where copies of a byte differ, the first to arrive stands.

    Attributes:
        next_seq: the sequence number of the next byte; None before anything is known of it.
        position: how many bytes came before it.
        fin: the position at which the direction ends, if that is known.
        fin_acknowledged: whether the other side has received that.
    """

    __slots__ = (
        "_acknowledged",
        "_earlier",
        "_pending",
        "_stray",
        "_strayed",
        "fin",
        "fin_acknowledged",
        "next_seq",
        "position",
    )

    def __init__(self) -> None:
        self.next_seq: int | None = None
        self.position = 0
        self.fin: int | None = None
        self.fin_acknowledged = False
        # Where the direction began by a SYN before the last one.
        self._earlier: int | None = None
        # What waits for what comes before it. Doubtful is what may be padding that a middlebox counted in.
        self._pending = _NOTHING_WAITS
        # The positions up to which the other side has received more than has come, and when that was seen.
        self._acknowledged: tuple[tuple[int, float], ...] = ()
        self._stray: _Stray | None = None
        self._strayed = 0

    @property
    def started(self) -> bool:
        """Whether data of the direction have been seen."""
        return self.position > 0 or bool(self._pending)

    @property
    def whole(self) -> bool:
        """Whether all bytes up to the end of the direction have been seen."""
        return self.fin is not None and self.position >= self.fin

    @property
    def held(self) -> int:
        """How many bytes of memory are held, about."""
        stray = 0 if self._stray is None else len(self._stray.data)
        return self._pending.held + _PIECE_SIZE * len(self._pending) + stray

    def synchronize(self, seq: int) -> None:
        """Take the sequence number of the first byte from a SYN, if no data came before it."""
        seq &= 0xFFFFFFFF
        if not self.started and seq != self.next_seq:
            self._earlier, self.next_seq = self.next_seq, seq

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

    def segment(
        self,
        seq: int,
        data: bytes,
        fin: bool,
        *,
        bare_ack: bool,
        limit: int,
        unknown: bool = False,
    ) -> list[Chunk]:
        """Take a segment.

        Args:
            seq: its sequence number.
            data: its payload.
            fin: whether it ends the direction.
            bare_ack: whether ACK is the only flag that it has.
            limit: how many bytes out of order are held. What comes further from what is expected is hardly of the
                stream.
            unknown: whether nothing is known of the direction, so that it may as well begin elsewhere.

        Returns:
            What comes next in the direction and is known now.

        Raises:
            Overflow: the hole before it has been open for too much data.
        """
        if self.next_seq is None or (seq == self._earlier and data and not self.started):
            self.next_seq = seq
        distance = _distance(self.next_seq, seq)
        if abs(distance) > limit + _WINDOW:
            return self._far(seq, data, limit, unknown)
        start = self.position + distance
        end = start + len(data)
        if self.fin is not None and data and start <= self.position and end > self.fin:
            # What was taken for the end was none.
            self.fin = None
        if fin and self.fin is None and end >= self.position:
            self.fin = end
            self._pending.forget_doubtful(end)
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
        self._hold(Piece(start, data, doubtful=doubtful), limit)
        return self._drain(self.position)

    def acknowledge(self, ack: int, ts: float) -> list[Chunk]:
        """Take note that the other side has received what comes before a sequence number: what of it has not been seen
        is a gap, if it does not come soon.

        Args:
            ack: the sequence number.
            ts: when that was seen, in seconds.

        Returns:
            What comes next in the direction and is known now.
        """
        if self.next_seq is None:
            return []
        stray = self._stray
        if stray is not None and stray.end_seq == ack and stray.position == self.position:
            return self._begin_with(stray.data, stray.end_seq)
        limit = self.position + _distance(self.next_seq, ack)
        if limit <= self.position:
            return []
        if self.fin is not None and limit > self.fin:
            self.fin_acknowledged = True
            if self.fin <= self.position:
                return []
        elif not self._pending and limit == self.position + 1:
            # As likely the FIN, which takes a sequence number.
            return []
        waiting = [each for each in self._acknowledged if each[0] > self.position]
        waiting.append((limit, ts))
        passed = 0
        while len(waiting) > _PATIENCE or abs(ts - waiting[0][1]) > _PATIENCE_SECONDS:
            passed = max(passed, waiting.pop(0)[0])
        self._acknowledged = tuple(waiting)  # which is smaller, and most have one
        return self._give_up(min(passed, limit))

    def finish(self) -> list[Chunk]:
        """Take note that nothing more comes: all holes are gaps."""
        chunks: list[Chunk] = []
        if self._stray is not None and not self.started:
            chunks = self._begin_with(self._stray.data, self._stray.end_seq)
        if self._pending:
            chunks += self._drain(self._pending.pieces[-1].end)
        if self._acknowledged:
            acknowledged = self._acknowledged[-1][0]
            # One for much more may have been of another connection.
            if acknowledged - self.position <= _WINDOW:
                chunks += self._give_up(acknowledged)
        return chunks

    def _give_up(self, limit: int) -> list[Chunk]:
        """What comes next, with what is missing of it up to `limit`, which the other side has acknowledged."""
        if self.fin is not None:
            limit = min(limit, self.fin)
        elif not self._pending and limit == self.position + 1:
            # As likely the FIN, which takes a sequence number.
            return []
        return self._drain(limit) if limit > self.position else []

    def _far(self, seq: int, data: bytes, limit: int, unknown: bool) -> list[Chunk]:
        """Take a segment so far from what is expected that it is hardly of the stream."""
        stray = self._stray
        end_seq = (seq + len(data)) & 0xFFFFFFFF
        if not data:
            return []
        if not unknown:
            self._stray = None
        elif stray is not None and stray.position == self.position and stray.end_seq == seq:
            return self._begin_with(stray.data + data, end_seq)
        else:
            self._stray = _Stray(data, end_seq, self.position)
        self._strayed += len(data)
        if self._strayed > limit:
            raise Overflow
        return []

    def _begin_with(self, data: bytes, end_seq: int) -> list[Chunk]:
        """Begin elsewhere: what came before was no part of the direction."""
        self.next_seq = end_seq
        self.position += len(data)
        self.fin = None
        self._pending = _NOTHING_WAITS
        self._acknowledged = ()
        self._stray = None
        return [BEGINS_HERE, data]

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

    def _hold(self, new: Piece, limit: int) -> None:
        if self._pending is _NOTHING_WAITS:
            self._pending = Pieces()
        pending = self._pending
        pending.add(new)
        if pending.held > limit or len(pending) > _MAXIMUM_PIECES:
            raise Overflow


# How far apart the segments of a stream may be that has lost none, at the least, in bytes.
_WINDOW = 2**20


def _distance(origin: int, seq: int) -> int:
    """How far a sequence number lies after another, negative if before, across the wrap."""
    distance = (seq - origin) & 0xFFFFFFFF
    return distance - 0x1_0000_0000 if distance >= 0x8000_0000 else distance
