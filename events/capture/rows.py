"""The rows of captures.

What may live here: that, with all options that captures are read with, on any executor.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Unpack, overload

from tlsgrammar import Registry

from ..model import Event
from ..rows.model import CertificateRow, ConnectionRow, Row
from ..rows.rows import MAXIMUM_CERTIFICATES, Rows, events_of
from .files import CaptureError
from .folds import Made, Through
from .many import WorkerChoices, read_through
from .shares import AFTER_ALL, Fold

if TYPE_CHECKING:
    from concurrent.futures import Executor

__all__ = ["read_connections", "rows_made", "rows_of"]


@overload
def read_connections(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    executor: Executor | None = ...,
    on_error: Callable[[CaptureError], None] | None = ...,
    progress: Callable[[int], None] | None = ...,
    extensions: Registry | Callable[[], Registry] | None = ...,
    **choices: Unpack[WorkerChoices],
) -> Iterator[ConnectionRow]: ...


@overload
def read_connections(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    kinds: Collection[type[Row]],
    executor: Executor | None = ...,
    on_error: Callable[[CaptureError], None] | None = ...,
    progress: Callable[[int], None] | None = ...,
    extensions: Registry | Callable[[], Registry] | None = ...,
    **choices: Unpack[WorkerChoices],
) -> Iterator[Row]: ...


def read_connections(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    kinds: Collection[type[Row]] = (ConnectionRow,),
    executor: Executor | None = None,
    on_error: Callable[[CaptureError], None] | None = None,
    progress: Callable[[int], None] | None = None,
    extensions: Registry | Callable[[], Registry] | None = None,
    **choices: Unpack[WorkerChoices],
) -> Iterator[Row]:
    """The rows of the connections in captures: those of the first capture, then those of the second, and so on.

        >>> import events
        >>> for row in events.read_connections("tests/data/tls13.pcap"):
        ...     print(row.server_name, row.version, row.cipher)
        server.example TLSv13 TLS_AES_256_GCM_SHA384

    A row is given out once it is complete, so that memory is bounded however long a capture is; with an executor that reads
    several captures, once its capture has been read. One capture is shared among its processes, as `read_capture` does.

    Args:
        paths: a capture, or several.
        kinds: which rows: `ConnectionRow`, `QuicRow`, `CertificateRow`.
        executor, on_error, extensions: as for `read_captures`.
        progress: as for `read_capture`; not called with an executor.
        disable_analyzer_after_detection, secrets, embedded_secrets, filter, search_limit and the other limits: attributes of
            `Options`. `wanted` follows from `kinds`.

    Raises:
        TypeError: one of `kinds` is no class of rows, or `wanted` is given.
        ExceptionGroup and others: as `read_captures` does.
    """
    if "wanted" in choices:
        raise TypeError("read_connections() takes kinds=, not wanted=")
    choices["wanted"] = events_of(kinds)
    one = isinstance(paths, str | os.PathLike)
    return read_through(
        [paths] if isinstance(paths, str | os.PathLike) else paths,
        rows_made(kinds, made_by=extensions),
        executor=executor,
        on_error=on_error,
        progress=progress,
        shares=None if executor is None or not one else _shares_of(executor),
        extensions=extensions,
        **choices,
    )


def _shares_of(executor: Executor) -> Callable[[str], int]:
    """Into how many shares one capture is divided."""
    from .merged import number_of_shares
    from .shared import cannot_be_divided

    return lambda path: 0 if cannot_be_divided(path) else number_of_shares(executor, None)


def rows_of(
    path: str,
    events: Iterable[Event],
    kinds: Collection[type[Row]],
    made_by: Registry | Callable[[], Registry] | None = None,
) -> Iterator[Row]:
    """The rows of the events of a capture, as they are complete.

    Args:
        path: of the capture, for the field `file`.
        events: its events.
        kinds: which rows.
        made_by: the registry with the names, or a function that makes it.
    """
    rows = _begun(path, kinds, made_by)
    take = rows.take
    for event in events:
        complete = take(event)
        if complete:
            yield from complete
    yield from rows.end()


def rows_made(
    kinds: Collection[type[Row]],
    *,
    made_by: Registry | Callable[[], Registry] | None = None,
    through: Through | None = None,
    write: Callable[[list[Row]], bytes] | None = None,
) -> Made:
    """Rows, of captures that are read whole or shared.

    Args:
        kinds, made_by: as for `rows_of`.
        through: what to make of a whole capture, where that is not its rows.
        write: makes of each row of a share what travels in its place.
    """
    kinds = tuple(kinds)
    whole = partial(rows_of, kinds=kinds, made_by=made_by) if through is None else through
    begin = partial(_begin, kinds=kinds, made_by=made_by, write=write)
    return Made(whole, begin, _joins_rows if write is None else _joins_lines)


def _begun(
    path: str, kinds: Collection[type[Row]], made_by: Registry | Callable[[], Registry] | None
) -> Rows:
    file = os.fsencode(path).decode(errors="backslashreplace")  # it may not be UTF-8
    return Rows(kinds, extensions=made_by() if callable(made_by) else made_by, file=file)


def _begin(
    path: str,
    tell: Callable[[str], None],
    kinds: Collection[type[Row]],
    made_by: Registry | Callable[[], Registry] | None,
    write: Callable[[list[Row]], bytes] | None,
) -> Fold:
    return _RowsOfShare(_begun(path, kinds, made_by), write)


class _RowsOfShare:
    """The rows of the connections in a share."""

    def __init__(self, rows: Rows, write: Callable[[list[Row]], bytes] | None) -> None:
        self._rows = rows
        self._write = write

    def take(self, events: list[Event], places: list[int]) -> tuple[list[Any], list[int]]:
        made: list[Row] = []
        at: list[int] = []
        rows = self._rows
        for event, rows.place in zip(events, places, strict=True):
            complete = rows.take(event)
            made += complete
            at += [rows.place] * len(complete)
        return self._written(made), at

    def end(self) -> tuple[list[Any], list[int]]:
        made: list[Row] = []
        at: list[int] = []
        for is_last, place, complete in self._rows.end_with_places():
            made += complete
            at += [AFTER_ALL * (2 if is_last else 1) + place] * len(complete)
        return self._written(made), at

    def known(self) -> tuple[int, int]:
        return self._rows.known

    def _written(self, rows: list[Row]) -> list[Any]:
        return rows if self._write is None else [self._write([row]) for row in rows]


def _joins_rows(path: str) -> Callable[[list[Row]], Iterable[Row]]:
    """Lets each certificate have one row, whichever shares it was in."""
    seen: dict[str, None] = {}

    def is_first(row: Row) -> bool:
        if not isinstance(row, CertificateRow):
            return True
        if row.fingerprint in seen:
            return False
        seen[row.fingerprint] = None
        if len(seen) > MAXIMUM_CERTIFICATES:
            del seen[next(iter(seen))]
        return True

    return partial(filter, is_first)


def _joins_lines(path: str) -> Callable[[list[bytes]], Iterable[bytes]]:
    return _in_one


def _in_one(lines: list[bytes]) -> Iterable[bytes]:
    yield b"".join(lines)
