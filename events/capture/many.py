"""Many captures: one task for each, on any executor, their events in the order of the captures."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar, overload

from tlsgrammar.search import DEFAULT_SEARCH_LIMIT

from ..model import Event
from .files import CaptureError
from .one import read_capture

if TYPE_CHECKING:  # not needed to read one capture, and slow to import
    from concurrent.futures import Executor, Future

__all__ = ["read_captures"]

T = TypeVar("T")

# How many captures are read ahead of the one whose events are given out: enough to keep a machine busy, few
# enough that their results fit in memory.
_AHEAD = 2 * (os.cpu_count() or 1)


@overload
def read_captures(
    paths: Iterable[str | os.PathLike[str]],
    *,
    executor: Executor | None = ...,
    make: None = ...,
    on_error: Callable[[CaptureError], None] | None = ...,
    ahead: int = ...,
    disable_analyzer_after_detection: bool = ...,
    wanted: Collection[str] | None = ...,
    search_limit: int = ...,
) -> Iterator[Event]: ...


@overload
def read_captures(
    paths: Iterable[str | os.PathLike[str]],
    *,
    executor: Executor | None = ...,
    make: Callable[[Event], T],
    on_error: Callable[[CaptureError], None] | None = ...,
    ahead: int = ...,
    disable_analyzer_after_detection: bool = ...,
    wanted: Collection[str] | None = ...,
    search_limit: int = ...,
) -> Iterator[T]: ...


def read_captures(
    paths: Iterable[str | os.PathLike[str]],
    *,
    executor: Executor | None = None,
    make: Callable[[Event], Any] | None = None,
    on_error: Callable[[CaptureError], None] | None = None,
    ahead: int = _AHEAD,
    disable_analyzer_after_detection: bool = True,
    wanted: Collection[str] | None = None,
    search_limit: int = DEFAULT_SEARCH_LIMIT,
) -> Iterator[Any]:
    """The events of many captures: those of the first, then those of the second, and so on.

    Args:
        paths: the capture files.
        executor: what reads them, one task for each: a `ProcessPoolExecutor`, or that of a cluster. They are
            read here, one after the other, where it is None. What tasks take and give has to be picklable.
        make: what to make of each event, where it is read; such as `json_line`, so that lines travel and not
            events. The events themselves are given out where it is None.
        on_error: called with each capture that could not be read to its end, after the events that could be.
        ahead: how many captures may be read ahead of the one whose events are given out.
        disable_analyzer_after_detection, wanted, search_limit: as for `Analyzer`.

    Raises:
        ExceptionGroup: of the CaptureErrors, after all events; only where `on_error` is None.
    """
    errors: list[CaptureError] = []
    report = on_error or errors.append
    options = {
        "disable_analyzer_after_detection": disable_analyzer_after_detection,
        "wanted": None if wanted is None else frozenset(wanted),
        "search_limit": search_limit,
    }
    if executor is None:
        for path in paths:
            try:
                for event in read_capture(path, **options):  # type: ignore[arg-type]
                    yield event if make is None else make(event)
            except CaptureError as error:
                report(error)
    else:
        for made, problem in _in_order(executor, paths, make, options, ahead):
            yield from made
            if problem is not None:
                report(problem)
    if errors:
        raise ExceptionGroup("captures that could not be read to their end", errors)


def _in_order(
    executor: Executor,
    paths: Iterable[str | os.PathLike[str]],
    make: Callable[[Event], Any] | None,
    options: dict[str, Any],
    ahead: int,
) -> Iterator[tuple[list[Any], CaptureError | None]]:
    waiting: deque[Future[tuple[list[Any], CaptureError | None]]] = deque()
    try:
        for path in paths:
            waiting.append(executor.submit(_read_one, os.fspath(path), make, options))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


def _read_one(
    path: str, make: Callable[[Event], Any] | None, options: dict[str, Any]
) -> tuple[list[Any], CaptureError | None]:
    """The task: all that is made of one capture, and the error that ended it."""
    made: list[Any] = []
    try:
        for event in read_capture(path, **options):
            made.append(event if make is None else make(event))
    except CaptureError as error:
        return made, error
    return made, None
