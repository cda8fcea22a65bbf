"""Many captures: one task for each, on any executor, their events in the order of the captures."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar, Unpack, overload

import msgspec

from tlsgrammar import Registry, load_extensions
from tlsgrammar.registry import DEFAULT

from ..model import Event
from ..options import Options
from ..secrets.keylog import KeyLog
from ..walk import known_events
from .files import CaptureError
from .one import read_capture

if TYPE_CHECKING:  # not needed to read one capture, and slow to import
    from concurrent.futures import Executor, Future

__all__ = [
    "NO_MEMORY",
    "Readable",
    "UnknownInWorkerError",
    "WorkerChoices",
    "read_captures",
    "read_through",
]

T = TypeVar("T")


class WorkerChoices(TypedDict, total=False):
    """Those of `Choices` that can travel to another process."""

    disable_analyzer_after_detection: bool
    wanted: Collection[str] | None
    secrets: KeyLog | str | os.PathLike[str] | None
    embedded_secrets: bool
    filter: str | None
    search_limit: int
    handshake_limit: int
    reorder_limit: int
    connection_limit: int
    memory_limit: int
    silent_limit: int
    uid_seed: str


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
    extensions: Registry | Callable[[], Registry] | None = ...,
    **choices: Unpack[WorkerChoices],
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
    extensions: Registry | Callable[[], Registry] | None = ...,
    **choices: Unpack[WorkerChoices],
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
    extensions: Registry | Callable[[], Registry] | None = ...,
    **choices: Unpack[WorkerChoices],
) -> Iterator[T]: ...


def read_captures(
    paths: Iterable[str | os.PathLike[str]],
    *,
    executor: Executor | None = None,
    make: Callable[[Event], Any] | None = None,
    make_all: Callable[[Iterator[Event]], Any] | None = None,
    on_error: Callable[[CaptureError], None] | None = None,
    ahead: int = _AHEAD,
    extensions: Registry | Callable[[], Registry] | None = None,
    **choices: Unpack[WorkerChoices],
) -> Iterator[Any]:
    """The events of many captures: those of the first, then those of the second, and so on.

    Args:
        paths: the capture files.
        executor: what reads them, one task for each: `Workers`, a `ProcessPoolExecutor`, or that of a cluster. They
            are read here, one after the other, where it is None. What tasks take and give has to be picklable.
        make: what to make of each event, where it is read; such as `json_line`, so that lines travel and not
            events. The events themselves are given out where it is None.
        make_all: instead, what to make of all events of a capture, where it is read; such as `json_lines`. It
            takes an iterator of them. One thing is given out for each capture, but for those that a process of
            `Workers` died of.
        on_error: called with each capture that could not be read to its end, after the events that could be. That is
            also one that is too large for the memory, and one that a process of `Workers` died of, the events of which
            are lost.
        ahead: how many captures may be read ahead of the one whose events are given out.
        extensions: the registry of extensions and the like; or a function that makes it. With an executor it has to be
            such a function, which each process can import by its name: a registry does not travel.
        disable_analyzer_after_detection, wanted, secrets, embedded_secrets, filter, search_limit and the other limits: attributes
            of `Options`. With an executor, the file of a `KeyLog` is opened by each process; one that has none travels.

    Raises:
        UnknownInWorkerError: by the iterator: a process of the executor does not know what is registered here.
        ValueError: an event in `wanted` is not known.
        ExceptionGroup: of the CaptureErrors, after all events; only where `on_error` is None.
        TypeError: both `make` and `make_all` are given; or a registry, and an executor.
        concurrent.futures.BrokenExecutor: by the iterator: the executor cannot go on, such as a `ProcessPoolExecutor`
            one of whose processes died. As with any other exception of a task (`make` raises one, or returns what
            cannot be pickled), what the captures before it gave has been given out, and a note says which it was.
    """
    if make is not None and make_all is not None:
        raise TypeError("read_captures() takes either make= or make_all=")
    through: Through = _as_they_are
    if make is not None:
        through = partial(_each, make=make)
    elif make_all is not None:
        through = partial(_all, make_all=make_all)
    return read_through(
        paths,
        through,
        executor=executor,
        on_error=on_error,
        ahead=ahead,
        extensions=extensions,
        **choices,
    )


Through = Callable[[str, Iterator[Event]], Iterable[Any]]
"""What to make of a capture: it takes its path and its events, and what it gives is given out, one by one."""


def _as_they_are(path: str, events: Iterator[Event]) -> Iterable[Event]:
    return events


def _each(path: str, events: Iterator[Event], make: Callable[[Event], Any]) -> Iterable[Any]:
    return map(make, events)


def _all(
    path: str, events: Iterator[Event], make_all: Callable[[Iterator[Event]], Any]
) -> Iterable[Any]:
    yield make_all(events)


def read_through(
    paths: Iterable[str | os.PathLike[str]],
    through: Through,
    *,
    executor: Executor | None = None,
    on_error: Callable[[CaptureError], None] | None = None,
    progress: Callable[[int], None] | None = None,
    ahead: int = _AHEAD,
    extensions: Registry | Callable[[], Registry] | None = None,
    **choices: Unpack[WorkerChoices],
) -> Iterator[Any]:
    """What is made of captures, of the first, then of the second, and so on. Without an executor each thing is given out
    as soon as it is made.

    Args:
        paths, executor, on_error, ahead, extensions, choices: as for `read_captures`, and so is what is raised.
        through: what to make of a capture.
        progress: as for `read_capture`; not called with an executor.
    """
    if executor is not None and isinstance(extensions, Registry):
        raise TypeError(
            "a registry does not travel to the processes of an executor; give a function that makes it, "
            "in a module that they can import"
        )
    of_all = map(_as_text, paths)
    first = list(islice(of_all, 2))
    several = len(first) > 1
    in_order = chain(first, of_all)
    registry = extensions() if callable(extensions) else extensions
    options = Options(extensions=registry, **choices)
    if options.key_log is not None:
        choices["secrets"] = options.key_log
    if executor is None:
        return _here(in_order, through, on_error, progress, options, several)
    made_by = extensions if callable(extensions) else None
    known = _what_is_known(DEFAULT if registry is None else registry)
    task = partial(
        _read_in_worker,
        through=through,
        choices=choices,
        several=several,
        made_by=made_by,
        known=known,
    )
    results = _in_order(executor, task, in_order, ahead)
    return _of_tasks(results, on_error)


def _as_text(path: str | os.PathLike[str]) -> str:
    return os.fspath(path)


def _here(
    paths: Iterable[str],
    through: Through,
    on_error: Callable[[CaptureError], None] | None,
    progress: Callable[[int], None] | None,
    options: Options,
    several: bool,
) -> Iterator[Any]:
    """What is made of captures that are read here, however much that is."""
    errors: list[CaptureError] = []
    for path in paths:
        of_capture = _of_capture(path, options, several)
        capture = Readable(path, partial(read_capture, path, options=of_capture, progress=progress))
        yield from through(path, iter(capture))
        if capture.error is not None:
            (on_error or errors.append)(capture.error)
    _raise_together(errors)


def _of_tasks(
    results: Iterable[_Result], on_error: Callable[[CaptureError], None] | None
) -> Iterator[Any]:
    """What tasks have made of captures."""
    errors: list[CaptureError] = []
    for made, error in results:
        yield from made
        if error is not None:
            (on_error or errors.append)(error)
    _raise_together(errors)


def _raise_together(errors: list[CaptureError]) -> None:
    if errors:
        raise ExceptionGroup("captures that could not be read to their end", errors)


# What is made of a capture, of each of its events or of all, and what ended it.
_Result = tuple[list[Any], CaptureError | None]


def _of_capture(path: str, options: Options, several: bool) -> Options:
    """The options of one capture: of several, each has uids of its own."""
    if not several or options.uid_seed:
        return options
    return msgspec.structs.replace(options, uid_seed=path)


NO_MEMORY = "there is not enough memory to read it on"


class Readable:
    """The events of a capture, to its end or to where it breaks off; `error` says why it does.

    Args:
        path: of the capture.
        read: gives its events.
    """

    def __init__(self, path: str, read: Callable[[], Iterator[Event]]) -> None:
        self.error: CaptureError | None = None
        self._path = path
        self._read = read

    def __iter__(self) -> Iterator[Event]:
        try:
            yield from self._read()
        except CaptureError as error:
            self.error = error
        except MemoryError:
            self.error = CaptureError(self._path, NO_MEMORY)


class UnknownInWorkerError(Exception):
    """A process that reads captures does not know what is registered in the process that asked it to."""


def _what_is_known(registry: Registry) -> frozenset[str]:
    """What is registered, in words, and the events that are raised."""
    entries = {f"{kind} {code} {entry.name!r}" for kind, code, entry in registry.everything()}
    return frozenset(entries | {f"event {name}" for name in known_events(registry)})


_made: dict[Callable[[], Registry], Registry] = {}


def _read_in_worker(
    path: str,
    through: Through,
    choices: WorkerChoices,
    several: bool,
    made_by: Callable[[], Registry] | None,
    known: frozenset[str],
) -> _Result:
    """The task, in a process that may not have registered what the one that asks has: what is made of one capture, and
    the error that ended it.
    """
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
    options = Options(extensions=registry, **choices)
    capture = Readable(
        path, partial(read_capture, path, options=_of_capture(path, options, several))
    )
    made = list(through(path, iter(capture)))
    return made, capture.error


def _in_order(
    executor: Executor,
    task: Callable[[str], _Result],
    paths: Iterable[str],
    ahead: int,
) -> Iterator[_Result]:
    from concurrent.futures import Future

    waiting: deque[tuple[str, Future[_Result]]] = deque()
    try:
        for path in paths:
            try:
                future = executor.submit(task, path)
            except Exception as error:
                # Such as that it is broken. What it had finished by then is given out first.
                future = Future()
                future.set_exception(error)
            waiting.append((path, future))
            if len(waiting) > ahead:
                yield _result(*waiting.popleft())
        while waiting:
            yield _result(*waiting.popleft())
    finally:
        for _, future in waiting:
            future.cancel()


def _result(path: str, future: Future[_Result]) -> _Result:
    try:
        return future.result()
    except Exception as error:
        from .workers import WorkerDiedError

        if isinstance(error, WorkerDiedError):
            return [], CaptureError(
                path, f"the process that read it {error.how}; its events are lost"
            )
        if isinstance(error, MemoryError):
            return [], CaptureError(path, "there is not enough memory for it; its events are lost")
        error.add_note(f"This came of reading {path}; all that is before it has been given out.")
        raise
