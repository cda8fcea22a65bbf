"""Captures as tasks for other processes: a capture each, or a share of one.

What may live here: what is handed to an executor, and in which order what it makes is given out. Where several processes read
one capture, `merged` puts their shares together.
"""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from tlsgrammar import Registry, load_extensions
from tlsgrammar.registry import DEFAULT

from ..not_read import NotRead
from ..options import Options
from .folds import Made, Through
from .merged import Told, close_all, merged, submitted
from .one import read_capture
from .packets import CaptureError
from .readable import Readable, options_of, what_is_known
from .shares import Fold, Piece, share_of
from .workers import WorkerDiedError

if TYPE_CHECKING:
    from .many import WorkerChoices

__all__ = ["Elsewhere", "Tasks", "UnknownInWorkerError"]

# What is made of a capture, of each of its events or of all, and what ended it.
_Result = tuple[list[Any], CaptureError | None]


class UnknownInWorkerError(Exception):
    """A process that reads captures does not know what is registered in the process that asked it to."""


_made: dict[Callable[[], Registry], Registry] = {}


class _Begun(NamedTuple):
    """A capture that is being read.

    Attributes:
        made: what is made of it.
        end: ends the tasks.
    """

    made: Iterator[Any]
    end: Callable[[], object]


class Elsewhere(NamedTuple):
    """What another process has to be told to read captures.

    Attributes:
        choices: those of the caller.
        several: whether there are several captures.
        made_by: makes the registry; None for the default one.
        known: what is registered, in words.
    """

    choices: WorkerChoices
    several: bool
    made_by: Callable[[], Registry] | None
    known: frozenset[str]

    def options(self, path: str) -> Options:
        """The options to read a capture with, in a process that may not have registered what the one that asks has.

        Raises:
            UnknownInWorkerError: it has not, and nothing can be done.
        """
        registry = None
        if self.made_by is not None:
            if self.made_by not in _made:
                _made[self.made_by] = self.made_by()
            registry = _made[self.made_by]
        unknown = self.known - what_is_known(registry or DEFAULT)
        if unknown and registry is None:
            load_extensions()
            unknown = self.known - what_is_known(DEFAULT)
        if unknown:
            raise UnknownInWorkerError(
                f"not known to the process that reads {path}: {', '.join(sorted(unknown))}; register it in a package "
                f"with an entry point, or give extensions= a function that makes the registry"
            )
        return options_of(path, Options(extensions=registry, **self.choices), self.several)


def _read_whole(path: str, through: Through, elsewhere: Elsewhere) -> _Result:
    """The task: what is made of one capture, and the error that ended it."""
    capture = Readable(path, partial(read_capture, path, options=elsewhere.options(path)))
    made = list(through(path, iter(capture)))
    return made, capture.error


def _read_share(
    index: int,
    count: int,
    path: str,
    begin: Callable[[str, Callable[[str], None]], Fold],
    elsewhere: Elsewhere,
) -> Iterator[Piece]:
    """The task, where a capture is divided: what is made of one share."""
    return share_of(path, begin, elsewhere.options(path), index, count)


class Tasks(NamedTuple):
    """Gives captures to an executor.

    Attributes:
        executor: it.
        made: what to make of the captures.
        options: those of the caller.
        elsewhere: what its processes are told.
        told: what to tell of captures that are divided.
        shares: into how many a capture is divided, 0 where it is not; None where none is.
    """

    executor: Executor
    made: Made
    options: Options
    elsewhere: Elsewhere
    told: Told | None
    shares: Callable[[str], int] | None

    def in_order(self, paths: Iterable[str], ahead: int) -> Iterator[Iterator[Any]]:
        """What is made of captures, one after the other; so many are read ahead of the one that is given out."""
        waiting: deque[_Begun] = deque()
        try:
            for path in paths:
                try:
                    begun = self._begin(path)
                except Exception as error:
                    # Such as that it is broken. What it had finished by then is given out first.
                    begun = _Begun(_noted(path, _raising(error)), _nothing)
                waiting.append(begun)
                if len(waiting) > ahead:
                    yield waiting.popleft().made
            while waiting:
                yield waiting.popleft().made
        finally:
            for begun in waiting:
                begun.end()

    def _begin(self, path: str) -> _Begun:
        """Have a capture read."""
        count = 0 if self.shares is None else self.shares(path)
        if count and self.made.fold is not None:
            return self._shared(path, count, self.made.fold)
        future = self.executor.submit(_read_whole, path, self.made.through, self.elsewhere)
        return _Begun(_noted(path, _of_future(path, future)), future.cancel)

    def _shared(
        self, path: str, count: int, begin: Callable[[str, Callable[[str], None]], Fold]
    ) -> _Begun:
        task = partial(_read_share, path=path, begin=begin, elsewhere=self.elsewhere)
        shares = submitted(self.executor, task, count)
        options = options_of(path, self.options, self.elsewhere.several)
        alone = partial(share_of, path, begin, options, 0, 1)
        told = Told(_warn) if self.told is None else self.told
        made = merged(path, shares, alone, self.made.join(path), options.memory_limit, told)
        return _Begun(_noted(path, made), partial(close_all, shares))


def _warn(message: str) -> None:
    warnings.warn(message, NotRead, stacklevel=1)


def _nothing() -> None:
    pass


def _raising(error: Exception) -> Iterator[Any]:
    raise error
    yield


def _noted(path: str, made: Iterator[Any]) -> Iterator[Any]:
    """What is made of a capture; an exception that is not the capture's says which one it was."""
    try:
        yield from made
    except CaptureError:
        raise
    except Exception as error:
        error.add_note(f"This came of reading {path}; all that is before it has been given out.")
        raise


def _of_future(path: str, future: Future[_Result]) -> Iterator[Any]:
    try:
        made, error = future.result()
    except MemoryError:
        raise CaptureError(path, "there is not enough memory for it; its events are lost") from None
    except Exception as error:
        if isinstance(error, WorkerDiedError):
            reason = f"the process that read it {error.how}; its events are lost"
            raise CaptureError(path, reason) from None
        raise
    yield from made
    if error is not None:
        raise error
