"""One capture, read by several processes, as if by one.

What may live here: how the shares of a capture become one again, and when that is not what one process would give. How a
share is read is for `shares`, what is made of its events for `folds`.

The plan: the pieces of all shares that have the same number are about the same packets. What was made in them is sorted by
place, and given out; so no more is held than a few pieces. Where the pieces tell of something that would have been otherwise
in one process, which is rare, this process reads the capture once more, alone, and goes on where the shares have been left.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import closing
from typing import Any, NamedTuple

from ..rows.rows import MAXIMUM_CERTIFICATES, MAXIMUM_OPEN
from ..secrets.keylog import SESSIONS, WAITING
from .lots import LOTS
from .memory import NEARLY
from .packets import CaptureError
from .shares import Needs, Piece
from .workers import CannotTravelError, WorkerDiedError, Workers, packed

__all__ = ["Told", "close_all", "merged", "number_of_shares", "submitted"]

# What rows know in one process; see `Fold.known`.
_MAXIMUM_KNOWN = (MAXIMUM_OPEN, MAXIMUM_CERTIFICATES)


class Told(NamedTuple):
    """Who is told what, while shares are read.

    Attributes:
        not_read: what could not be read, in words.
        progress: the number of bytes of the file that have been read since.
        used: that the secrets have been of use.
        alone: why this process reads the capture alone, in words.
    """

    not_read: Callable[[str], None]
    progress: Callable[[int], None] | None = None
    used: Callable[[], None] | None = None
    alone: Callable[[str], None] | None = None


def number_of_shares(executor: Executor, wanted: int | None) -> int:
    """Into how many shares a capture is divided.

    Args:
        executor: what reads them.
        wanted: as many as are asked for; where it is None, as many as the executor has processes, if it says so.

    Raises:
        ValueError: fewer than one are asked for.
        TypeError: it is no number.
    """
    if wanted is not None and (not isinstance(wanted, int) or isinstance(wanted, bool)):
        raise TypeError(f"shares= takes a number, not {wanted!r}")
    if wanted is not None and wanted < 1:
        raise ValueError(f"shares= must be 1 or more, not {wanted}")
    if wanted is None:
        import os

        # ProcessPoolExecutor and ThreadPoolExecutor have no public name for it.
        wanted = getattr(executor, "_max_workers", None) or os.cpu_count() or 1
    if isinstance(executor, Workers):
        wanted = min(
            wanted, executor.count
        )  # the others would run ahead until those have a process
    return min(wanted, LOTS)


def submitted(
    executor: Executor, task: Callable[[int, int], Iterable[Piece]], count: int
) -> list[Iterator[Piece]]:
    """The shares of a capture, as an executor reads them.

    Args:
        executor: reads them.
        task: reads one; takes which it is, from 0, and how many there are.
        count: how many there are.
    """
    if isinstance(executor, Workers):
        return [executor.stream(task, index, count) for index in range(count)]
    futures = [executor.submit(_all_of, task, index, count) for index in range(count)]
    return [_as_it_comes(future.result) for future in futures]


def _all_of(task: Callable[[int, int], Iterable[Piece]], index: int, count: int) -> list[bytes]:
    # Packed each for itself: whoever takes them unpacks no more than one at a time.
    return [packed(piece) for piece in task(index, count)]


def _as_it_comes(result: Callable[[], list[bytes]]) -> Iterator[Piece]:
    pieces = result()
    pieces.reverse()
    while pieces:
        yield pickle.loads(pieces.pop())


def merged(
    path: str,
    shares: Sequence[Iterator[Piece]],
    alone: Callable[[], Iterator[Piece]],
    join: Callable[[list[Any]], Iterable[Any]],
    memory_limit: int,
    told: Told,
) -> Iterator[Any]:
    """What was made of a capture, in the order of one process.

    Args:
        path: of the capture.
        shares: all of them.
        alone: reads the capture as one share.
        join: what to make of what was made of some packets, once it is in order.
        memory_limit: how many bytes all flows may hold.
        told: is told of what comes with the pieces.

    Raises:
        CaptureError: by the iterator: the capture breaks off, or a process has died; after what was made before.
        Exception: by the iterator: likewise, what a share raises.
    """
    tell = _told_once(told)
    given = packets = 0
    others = _Others(memory_limit, len(shares))
    try:
        try:
            for pieces in zip(*shares, strict=True):
                why = others.why_not(pieces)
                if why is not None:
                    break
                tell(pieces)
                given, packets = given + 1, pieces[0].packets
                yield from join(_sorted(pieces))
                if pieces[0].is_last:
                    _raise(pieces[0].error)
                    return
        finally:
            close_all(shares)
    except CannotTravelError as error:
        why = f"what is made of it cannot be sent from one process to another ({error})"
    except WorkerDiedError as error:
        reason = f"a process that read a share of it {error.how}; the events that follow are lost"
        raise CaptureError(path, reason) from None
    if told.alone is not None:
        told.alone(f"it is read by one process, because {why}")
    number = 0
    with closing(alone()) as again:  # type: ignore[type-var]
        for number, piece in enumerate(again, 1):
            if number > given:
                tell((piece,))
                yield from join(piece.made)
            _raise(piece.error)
            if number == given and (piece.is_last or piece.packets != packets):
                number = 0
                break
    if number < given:
        raise CaptureError(path, "it has become another file while it was read")


def close_all(shares: Iterable[Iterator[Piece]]) -> None:
    """Take no more of any share."""
    for share in shares:
        share.close()  # type: ignore[attr-defined]


def _raise(error: CaptureError | None) -> None:
    if error is not None:
        raise error


def _sorted(pieces: Sequence[Piece]) -> list[Any]:
    """What all shares made of the same packets."""
    if len(pieces) == 1:
        return pieces[0].made
    made = [each for piece in pieces for each in piece.made]
    places = [place for piece in pieces for place in piece.places]
    return [made[index] for index in sorted(range(len(made)), key=places.__getitem__)]


def _told_once(told: Told) -> Callable[[Iterable[Piece]], None]:
    """Tells what comes with pieces, of all shares once."""
    known: set[str] = set()

    def tell(pieces: Iterable[Piece]) -> None:
        for index, piece in enumerate(pieces):
            for message in piece.told:
                if message not in known:
                    known.add(message)
                    told.not_read(message)
            if piece.used and told.used is not None:
                told.used()
            if index == 0 and told.progress is not None and piece.read:
                told.progress(piece.read)

    return tell


class _Others:
    """Whether what shares have made is what one process would have made.

    Args:
        memory_limit: how many bytes all flows may hold.
        count: how many shares there are.
    """

    def __init__(self, memory_limit: int, count: int) -> None:
        self._memory_limit = memory_limit
        # By their digests, the sessions that each share remembers.
        self._remembered: list[set[bytes]] = [set() for _ in range(count)]

    def why_not(self, pieces: Sequence[Piece]) -> str | None:
        """Why it is not, in words; None where it is."""
        first = pieces[0]
        if any(
            (piece.packets, piece.is_last, str(piece.error))
            != (first.packets, first.is_last, str(first.error))
            for piece in pieces
        ):
            return "the file changes while it is read"
        needs = [piece.needs for piece in pieces]
        most = sum([each.memory for each in needs])
        if most > self._memory_limit * NEARLY or any(each.has_given_up for each in needs):
            return "its connections may hold more than memory_limit allows for"
        if sum([each.waits for each in needs]) > WAITING and any(each.came_late for each in needs):
            return "very many connections wait for their secrets"
        of_all = (sum(known) for known in zip(*[each.known for each in needs], strict=True))
        if any(known > most for known, most in zip(of_all, _MAXIMUM_KNOWN, strict=True)):
            return "there are very many connections without a row, or certificates"
        if self._is_resumed_elsewhere(needs):
            return "sessions are resumed whose secrets another process has"
        return None

    def _is_resumed_elsewhere(self, needs: Sequence[Needs]) -> bool:
        for own, each in zip(self._remembered, needs, strict=True):
            own.update(each.remembered)
        if sum(map(len, self._remembered)) > SESSIONS:
            return True  # one process forgets some
        return any(
            not other.isdisjoint(each.missed)
            for own, each in zip(self._remembered, needs, strict=True)
            for other in self._remembered
            if each.missed and other is not own
        )
