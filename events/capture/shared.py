"""One capture, on an executor.

What may live here: what is asked of `read_capture` with an executor, and what cannot be divided.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from typing import Any

from tlsgrammar import Registry

from ..model import Event
from ..not_read import NotRead
from ..options import Options
from .folds import EVENTS
from .many import read_through
from .merged import Told, number_of_shares
from .opened import opened
from .packets import CaptureError

__all__ = ["cannot_be_divided", "read_shared"]


def read_shared(
    path: str | bytes | os.PathLike[str] | os.PathLike[bytes],
    executor: Executor,
    shares: int | None,
    progress: Callable[[int], None] | None,
    choices: dict[str, Any],
) -> Iterator[Event]:
    """The events of a capture that an executor divides; see `read_capture`."""
    count = number_of_shares(executor, shares)
    name = os.fsdecode(path)
    extensions = choices.pop("extensions", None)
    if isinstance(extensions, Registry):
        raise TypeError(
            "a registry does not travel to the processes of an executor; give a function that makes it, "
            "in a module that they can import"
        )
    options = Options(extensions=extensions and extensions(), **choices)
    why = cannot_be_divided(name)
    if why is not None:
        from .one import read_capture

        warnings.warn(f"{why}; it is read by one process", RuntimeWarning, stacklevel=3)
        return read_capture(path, progress=progress, options=options)
    opened(name, options)[1].close()
    if options.key_log is not None:
        choices["secrets"] = options.key_log
    return _events_of(name, executor, count, progress, extensions, choices)


def cannot_be_divided(name: str) -> str | None:
    """Why a capture is not read by several processes, in words; None where it is, or cannot be read at all."""
    if name == "-" or (os.path.exists(name) and not os.path.isfile(name)):
        return f"{'standard input' if name == '-' else name} is no file that several processes can read"
    return None


def _events_of(
    name: str,
    executor: Executor,
    count: int,
    progress: Callable[[int], None] | None,
    extensions: Callable[[], Registry] | None,
    choices: dict[str, Any],
) -> Iterator[Event]:
    errors: list[CaptureError] = []
    yield from read_through(
        [name],
        EVENTS,
        executor=executor,
        on_error=errors.append,
        shares=lambda _: count,
        told=Told(_warn, progress),
        extensions=extensions,
        **choices,
    )
    for error in errors:
        raise error


def _warn(message: str) -> None:
    warnings.warn(message, NotRead, stacklevel=1)
