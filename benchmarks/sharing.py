"""What it costs to share a capture: each process looks at all packets, and analyses some."""

from __future__ import annotations

import gc
import time
from functools import partial
from pathlib import Path

import events
from events.capture.folds import of_each
from events.capture.shares import share_of

__all__ = ["shared_time"]


def shared_time(capture: Path, count: int, runs: int = 3) -> float:
    """The processor time of the first of so many shares of a capture, to lines of JSON, in seconds; the least of some runs."""
    begin = of_each(events.json_line).fold
    assert begin is not None
    threshold = gc.get_threshold()
    gc.set_threshold(10_000)  # as the commands do
    try:
        return min(_once(partial(share_of, str(capture), begin), count) for _ in range(runs))
    finally:
        gc.set_threshold(*threshold)


def _once(share: partial[object], count: int) -> float:
    begin = time.process_time()
    for _ in share(events.Options(), 0, count):  # type: ignore[attr-defined]
        pass
    return time.process_time() - begin
