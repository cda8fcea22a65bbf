"""One of several captures.

What may live here: what whoever reads several needs of each, in this process or in another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from tlsgrammar import Registry

from ..model import Event
from ..options import Options
from ..walk import known_events
from .packets import NO_MEMORY, CaptureError

__all__ = ["Readable", "options_of", "what_is_known"]


def options_of(path: str, options: Options, several: bool) -> Options:
    """The options of one capture: of several, each has uids of its own."""
    if not several or options.uid_seed:
        return options
    return msgspec.structs.replace(options, uid_seed=path)


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


def what_is_known(registry: Registry) -> frozenset[str]:
    """What is registered, in words, and the events that are raised."""
    entries = {f"{kind} {code} {entry.name!r}" for kind, code, entry in registry.everything()}
    return frozenset(entries | {f"event {name}" for name in known_events(registry)})
