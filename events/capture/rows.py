"""The rows of captures.

What may live here: that, with all options that captures are read with, on any executor.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Unpack, overload

from tlsgrammar import Registry

from ..model import Event
from ..rows.model import ConnectionRow, Row
from ..rows.rows import Rows, events_of
from .files import CaptureError
from .many import WorkerChoices, read_through

if TYPE_CHECKING:
    from concurrent.futures import Executor

__all__ = ["read_connections", "rows_of"]


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

    A row is given out once it is complete, so that memory is bounded however long a capture is; with an executor, once its
    capture has been read.

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
    return read_through(
        [paths] if isinstance(paths, str | os.PathLike) else paths,
        partial(rows_of, kinds=tuple(kinds), made_by=extensions),
        executor=executor,
        on_error=on_error,
        progress=progress,
        extensions=extensions,
        **choices,
    )


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
    file = os.fsencode(path).decode(errors="backslashreplace")  # it may not be UTF-8
    rows = Rows(kinds, extensions=made_by() if callable(made_by) else made_by, file=file)
    take = rows.take
    for event in events:
        complete = take(event)
        if complete:
            yield from complete
    yield from rows.end()
