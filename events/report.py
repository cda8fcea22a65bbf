"""The report of captures, a page of HTML to look at; see `output.report`.

What may live here: its public names, for `events.report`, and reading captures for it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Unpack

from tlsgrammar import Registry
from tlsgrammar.registry import DEFAULT

from .capture.files import CaptureError
from .capture.folds import Made
from .capture.many import WorkerChoices, read_through
from .options import DEFAULT_DETAILS
from .output.report import Found, Report, found_in

if TYPE_CHECKING:
    from concurrent.futures import Executor

__all__ = ["Found", "Report", "found_in", "html"]


def html(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    details: int = DEFAULT_DETAILS,
    executor: Executor | None = None,
    on_error: Callable[[CaptureError], None] | None = None,
    progress: Callable[[int], None] | None = None,
    extensions: Registry | None = None,
    **choices: Unpack[WorkerChoices],
) -> str:
    """The report of captures: one page that needs nothing else.

        >>> import events
        >>> page = events.report.html("tests/data/tls13.pcap")
        >>> page[:15]
        '<!doctype html>'

    Args:
        paths: a capture, or several.
        details: how many connections are shown with their messages and bytes; the others are in the list alone. Those with
            violations go first, up to half of them.
        executor, on_error, extensions: as for `read_captures`.
        progress: as for `read_capture`; not called with an executor.
        disable_analyzer_after_detection, secrets, embedded_secrets, search_limit and the other limits: attributes of
            `Options`. `wanted` follows from what the report shows.

    Raises:
        ImportError: Jinja2 is not installed.
        ExceptionGroup and others: as `read_captures` does.
    """
    several = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    registry = DEFAULT if extensions is None else extensions
    report = Report([os.fspath(path) for path in several], details=details, registry=registry)
    choices["wanted"] = Report.wanted
    for found in read_through(
        several,
        Made(partial(found_in, details=details, registry=extensions)),
        executor=executor,
        on_error=on_error,
        progress=progress,
        extensions=extensions,
        **choices,
    ):
        report.add(found)
    return report.html()
