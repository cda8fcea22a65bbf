"""Pieces of something that come in any order, overlap and repeat: TCP segments, IP fragments, fragments of DTLS
messages, CRYPTO frames of QUIC.

What may live here: keeping them in order. Where copies of a byte differ, the first to arrive stands. How much is kept, and
what becomes of holes, is for those who know what the pieces are of.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from operator import itemgetter
from typing import NamedTuple

__all__ = ["Piece", "Pieces"]


class Piece(NamedTuple):
    """Bytes, and where they belong.

    Attributes:
        start: where they belong in the whole.
        data: they.
        offset: where they were found, which is for whoever put them here.
        doubtful: whether bytes that come later replace them.
    """

    start: int
    data: bytes
    offset: int = 0
    doubtful: bool = False

    @property
    def end(self) -> int:
        """Where what follows them belongs."""
        return self.start + len(self.data)

    def part(self, start: int, end: int) -> Piece:
        """Those of them that belong between two places."""
        first = start - self.start
        return Piece(start, self.data[first : end - self.start], self.offset + first, self.doubtful)


_start = itemgetter(0)


class Pieces:
    """Pieces in order, without overlap.

    Attributes:
        pieces: they.
        held: how many bytes they are.
    """

    __slots__ = ("_doubtful", "held", "pieces")

    def __init__(self) -> None:
        self.pieces: list[Piece] = []
        self.held = 0
        # Where doubtful pieces began and ended that were added, in order.
        self._doubtful: list[tuple[int, int]] = []

    def __len__(self) -> int:
        return len(self.pieces)

    def add(self, new: Piece) -> None:
        """Take those bytes of a piece that none before it has."""
        pieces = self.pieces
        held = self.held
        index = bisect_left(pieces, new.start, key=_start)
        if index and pieces[index - 1].end > new.start:
            index -= 1
        start = new.start
        while start < new.end:
            following = pieces[index] if index < len(pieces) else None
            if following is not None and following.start < new.end:
                if following.doubtful and not new.doubtful:
                    self.held -= len(following.data)
                    del pieces[index]
                    continue
                end = following.start
            else:
                end = new.end
            if end > start:
                pieces.insert(index, new.part(start, end))
                self.held += end - start
                index += 1
            if following is None:
                break
            start = max(start, following.end)
            index += 1
        if new.doubtful and self.held != held:
            insort(self._doubtful, (new.start, new.end))

    def forget_doubtful(self, position: int) -> None:
        """Take away the doubtful pieces that end behind a place; those before it are not looked at."""
        pieces = self.pieces
        while self._doubtful and self._doubtful[-1][1] > position:
            start, end = self._doubtful.pop()
            index = bisect_left(pieces, start, key=_start)
            while index < len(pieces) and pieces[index].start < end:
                if pieces[index].doubtful:
                    self.held -= len(pieces[index].data)
                    del pieces[index]
                else:
                    index += 1

    def take(self, count: int) -> list[Piece]:
        """Take away so many of the first pieces."""
        taken = self.pieces[:count]
        del self.pieces[:count]
        self.held -= sum(len(piece.data) for piece in taken)
        return taken

    def take_from(self, position: int) -> list[Piece]:
        """Take away what follows a place without a hole."""
        count = 0
        for piece in self.pieces:
            if piece.start != position:
                break
            position = piece.end
            count += 1
        return self.take(count)

    def cut(self, end: int) -> None:
        """Forget what belongs behind a place."""
        while self.pieces and self.pieces[-1].end > end:
            last = self.pieces.pop()
            self.held -= len(last.data)
            if last.start < end:
                self.pieces.append(last.part(last.start, end))
                self.held += end - last.start
