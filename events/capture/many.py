"""Many captures: one task for each, on any executor, their events in the order of the captures."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar, Unpack, overload

from tlsgrammar import Registry
from tlsgrammar.registry import DEFAULT

from ..model import Event
from ..options import Options
from ..secrets.keylog import KeyLog
from .files import CaptureError
from .folds import EVENTS, Made, Through, of_each
from .one import read_capture
from .readable import Readable, options_of, what_is_known

if TYPE_CHECKING:  # not needed to read one capture, and slow to import
    from concurrent.futures import Executor

    from .merged import Told

__all__ = ["WorkerChoices", "read_captures", "read_through"]

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
    made = EVENTS
    if make is not None:
        made = of_each(make)
    elif make_all is not None:
        made = Made(partial(_all, make_all=make_all))
    return read_through(
        paths,
        made,
        executor=executor,
        on_error=on_error,
        ahead=ahead,
        extensions=extensions,
        **choices,
    )


def _all(
    path: str, events: Iterator[Event], make_all: Callable[[Iterator[Event]], Any]
) -> Iterable[Any]:
    yield make_all(events)


def read_through(
    paths: Iterable[str | os.PathLike[str]],
    made: Made,
    *,
    executor: Executor | None = None,
    on_error: Callable[[CaptureError], None] | None = None,
    progress: Callable[[int], None] | None = None,
    ahead: int = _AHEAD,
    shares: Callable[[str], int] | None = None,
    told: Told | None = None,
    extensions: Registry | Callable[[], Registry] | None = None,
    **choices: Unpack[WorkerChoices],
) -> Iterator[Any]:
    """What is made of captures, of the first, then of the second, and so on. Without an executor each thing is given out
    as soon as it is made.

    Args:
        paths, executor, on_error, ahead, extensions, choices: as for `read_captures`, and so is what is raised.
        made: what to make of a capture.
        progress: as for `read_capture`; not called with an executor.
        shares: into how many shares the executor divides a capture, 0 where it does not; None where it divides none.
        told: what to tell of captures that are divided.
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
        return _here(in_order, made.through, on_error, progress, options, several)
    made_by = extensions if callable(extensions) else None
    known = what_is_known(DEFAULT if registry is None else registry)
    from .tasks import Elsewhere, Tasks

    elsewhere = Elsewhere(choices, several, made_by, known)
    tasks = Tasks(executor, made, options, elsewhere, told, shares)
    return _of_tasks(tasks.in_order(in_order, ahead), on_error)


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
        of_capture = options_of(path, options, several)
        capture = Readable(path, partial(read_capture, path, options=of_capture, progress=progress))
        yield from through(path, iter(capture))
        if capture.error is not None:
            (on_error or errors.append)(capture.error)
    _raise_together(errors)


def _of_tasks(
    results: Iterable[Iterator[Any]], on_error: Callable[[CaptureError], None] | None
) -> Iterator[Any]:
    """What tasks have made of captures."""
    errors: list[CaptureError] = []
    for made in results:
        try:
            yield from made
        except CaptureError as error:
            (on_error or errors.append)(error)
    _raise_together(errors)


def _raise_together(errors: list[CaptureError]) -> None:
    if errors:
        raise ExceptionGroup("captures that could not be read to their end", errors)
