"""Many captures: one task for each, on any executor, their events in the order of the captures."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, overload

from tlsgrammar import Registry, load_extensions
from tlsgrammar.framing import DEFAULT_SEARCH_LIMIT
from tlsgrammar.registry import DEFAULT

from ..model import Event
from ..walk import check_wanted, known_events
from .files import CaptureError
from .one import read_capture

if TYPE_CHECKING:  # not needed to read one capture, and slow to import
    from concurrent.futures import Executor, Future

__all__ = ["UnknownInWorkerError", "read_captures"]

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
    make_all: None = ...,
    on_error: Callable[[CaptureError], None] | None = ...,
    ahead: int = ...,
    disable_analyzer_after_detection: bool = ...,
    wanted: Collection[str] | None = ...,
    extensions: Registry | Callable[[], Registry] | None = ...,
    search_limit: int = ...,
) -> Iterator[Event]: ...


@overload
def read_captures(
    paths: Iterable[str | os.PathLike[str]],
    *,
    executor: Executor | None = ...,
    make: Callable[[Event], T],
    make_all: None = ...,
    on_error: Callable[[CaptureError], None] | None = ...,
    ahead: int = ...,
    disable_analyzer_after_detection: bool = ...,
    wanted: Collection[str] | None = ...,
    extensions: Registry | Callable[[], Registry] | None = ...,
    search_limit: int = ...,
) -> Iterator[T]: ...


@overload
def read_captures(
    paths: Iterable[str | os.PathLike[str]],
    *,
    executor: Executor | None = ...,
    make: None = ...,
    make_all: Callable[[Iterator[Event]], T],
    on_error: Callable[[CaptureError], None] | None = ...,
    ahead: int = ...,
    disable_analyzer_after_detection: bool = ...,
    wanted: Collection[str] | None = ...,
    extensions: Registry | Callable[[], Registry] | None = ...,
    search_limit: int = ...,
) -> Iterator[T]: ...


def read_captures(
    paths: Iterable[str | os.PathLike[str]],
    *,
    executor: Executor | None = None,
    make: Callable[[Event], Any] | None = None,
    make_all: Callable[[Iterator[Event]], Any] | None = None,
    on_error: Callable[[CaptureError], None] | None = None,
    ahead: int = _AHEAD,
    disable_analyzer_after_detection: bool = True,
    wanted: Collection[str] | None = None,
    extensions: Registry | Callable[[], Registry] | None = None,
    search_limit: int = DEFAULT_SEARCH_LIMIT,
) -> Iterator[Any]:
    """The events of many captures: those of the first, then those of the second, and so on.

    Args:
        paths: the capture files.
        executor: what reads them, one task for each: a `ProcessPoolExecutor`, or that of a cluster. They are
            read here, one after the other, where it is None. What tasks take and give has to be picklable.
        make: what to make of each event, where it is read; such as `json_line`, so that lines travel and not
            events. The events themselves are given out where it is None.
        make_all: instead, what to make of all events of a capture, where it is read; such as `json_lines`. It
            takes an iterator of them. One thing is given out for each capture.
        on_error: called with each capture that could not be read to its end, after the events that could be.
        ahead: how many captures may be read ahead of the one whose events are given out.
        disable_analyzer_after_detection, wanted, search_limit: as for `Analyzer`.
        extensions: likewise; or a function that makes the registry. With an executor it has to be such a function, which
            each process can import by its name: a registry does not travel.

    Raises:
        UnknownInWorkerError: by the iterator: a process of the executor does not know what is registered here.
        ValueError: an event in `wanted` is not known.
        ExceptionGroup: of the CaptureErrors, after all events; only where `on_error` is None.
        TypeError: both `make` and `make_all` are given; or a registry, and an executor.
    """
    if make is not None and make_all is not None:
        raise TypeError("read_captures() takes either make= or make_all=")
    if executor is not None and isinstance(extensions, Registry):
        raise TypeError(
            "a registry does not travel to the processes of an executor; give a function that makes it, "
            "in a module that they can import"
        )
    registry = extensions() if callable(extensions) else extensions
    check_wanted(wanted, registry)
    options: dict[str, Any] = {
        "disable_analyzer_after_detection": disable_analyzer_after_detection,
        "wanted": None if wanted is None else frozenset(wanted),
        "search_limit": search_limit,
    }
    if executor is None:
        options["extensions"] = registry
        return _read(paths, None, make, make_all, on_error, ahead, options)
    made_by = extensions if callable(extensions) else None
    known = _what_is_known(DEFAULT if registry is None else registry)
    task = partial(_read_in_worker, made_by=made_by, known=known)
    return _read(paths, executor, make, make_all, on_error, ahead, options, task)


def _read(
    paths: Iterable[str | os.PathLike[str]],
    executor: Executor | None,
    make: Callable[[Event], Any] | None,
    make_all: Callable[[Iterator[Event]], Any] | None,
    on_error: Callable[[CaptureError], None] | None,
    ahead: int,
    options: dict[str, Any],
    reader: Callable[..., _Result] | None = None,
) -> Iterator[Any]:
    errors: list[CaptureError] = []
    report = on_error or errors.append
    if executor is None and make_all is None:
        # Each event as it comes, however many there are.
        for path in paths:
            capture = _Capture(os.fspath(path), options)
            yield from capture if make is None else map(make, capture)
            if capture.error is not None:
                report(capture.error)
    else:
        task = partial(reader or _read_one, make=make, make_all=make_all, options=options)
        names = (os.fspath(path) for path in paths)
        results = map(task, names) if executor is None else _in_order(executor, task, names, ahead)
        for made, error in results:
            if make_all is None:
                yield from made
            else:
                yield made
            if error is not None:
                report(error)
    if errors:
        raise ExceptionGroup("captures that could not be read to their end", errors)


_Result = tuple[Any, CaptureError | None]


class _Capture:
    """The events of a capture, to its end or to where it breaks off; `error` says why it does."""

    def __init__(self, path: str, options: dict[str, Any]) -> None:
        self.error: CaptureError | None = None
        self._path = path
        self._options = options

    def __iter__(self) -> Iterator[Event]:
        try:
            yield from read_capture(self._path, **self._options)
        except CaptureError as error:
            self.error = error


def _read_one(
    path: str,
    make: Callable[[Event], Any] | None,
    make_all: Callable[[Iterator[Event]], Any] | None,
    options: dict[str, Any],
) -> _Result:
    """The task: what is made of one capture, and the error that ended it."""
    capture = _Capture(path, options)
    if make_all is not None:
        return make_all(iter(capture)), capture.error
    return list(capture if make is None else map(make, capture)), capture.error


class UnknownInWorkerError(Exception):
    """A process that reads captures does not know what is registered in the process that asked it to."""


def _what_is_known(registry: Registry) -> frozenset[str]:
    """What is registered, in words, and the events that are raised."""
    entries = {f"{kind} {code} {entry.name!r}" for kind, code, entry in registry.everything()}
    return frozenset(entries | {f"event {name}" for name in known_events(registry)})


_made: dict[Callable[[], Registry], Registry] = {}


def _read_in_worker(
    path: str,
    make: Callable[[Event], Any] | None,
    make_all: Callable[[Iterator[Event]], Any] | None,
    options: dict[str, Any],
    made_by: Callable[[], Registry] | None,
    known: frozenset[str],
) -> _Result:
    """The task, in a process that may not have registered what the one that asks has."""
    registry = None
    if made_by is not None:
        if made_by not in _made:
            _made[made_by] = made_by()
        registry = _made[made_by]
    unknown = known - _what_is_known(registry or DEFAULT)
    if unknown and registry is None:
        load_extensions()
        unknown = known - _what_is_known(DEFAULT)
    if unknown:
        raise UnknownInWorkerError(
            f"not known to the process that reads {path}: {', '.join(sorted(unknown))}; register it in a package with "
            f"an entry point, or give extensions= a function that makes the registry"
        )
    return _read_one(path, make, make_all, {**options, "extensions": registry})


def _in_order(
    executor: Executor,
    task: Callable[[str], _Result],
    paths: Iterable[str],
    ahead: int,
) -> Iterator[_Result]:
    waiting: deque[Future[_Result]] = deque()
    try:
        for path in paths:
            waiting.append(executor.submit(task, path))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
