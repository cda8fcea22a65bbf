"""Taking figures as ratios: ours and theirs in turn, so that a machine whose speed drifts does not matter."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

__all__ = ["Finished", "Pair", "calls", "finish", "processes"]


class Pair(NamedTuple):
    """What was measured of both: medians in seconds, and the median of the ratios of the pairs."""

    ours: float
    theirs: float
    ratio: float


class Finished(NamedTuple):
    """A process that has ended.

    Attributes:
        seconds: from its start to its end.
        peak: of its memory, in megabytes.
    """

    seconds: float
    peak: float


def _pair(ours: Sequence[float], theirs: Sequence[float]) -> Pair:
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    return Pair(statistics.median(ours), statistics.median(theirs), statistics.median(ratios))


def calls(ours: Callable[[], Any], theirs: Callable[[], Any], runs: int = 15) -> Pair:
    """The time of one call of each function."""
    number = 1
    while _time(theirs, number) < 0.005:
        number *= 2
    ours_number = 1
    while _time(ours, ours_number) < 0.005:
        ours_number *= 2
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(runs):
        times[0].append(_time(ours, ours_number) / ours_number)
        times[1].append(_time(theirs, number) / number)
    return _pair(*times)


def _time(function: Callable[[], Any], number: int) -> float:
    begin = time.perf_counter()
    for _ in range(number):
        function()
    return time.perf_counter() - begin


def finish(command: Sequence[str]) -> Finished:
    """Run a command to its end, its output thrown away.

    Raises:
        RuntimeError: its exit status is not 0.
    """
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"exit status {process.returncode}: {' '.join(command)}")
    scale = 1e6 if sys.platform == "darwin" else 1e3
    return Finished(seconds, usage.ru_maxrss / scale)


def processes(ours: Sequence[str], theirs: Sequence[str], runs: int) -> tuple[Pair, float]:
    """The time of both commands as whole processes, and the peak of ours in megabytes."""
    finish(ours), finish(theirs)
    times: tuple[list[float], list[float]] = ([], [])
    peak = 0.0
    for _ in range(runs):
        done = finish(ours)
        peak = max(peak, done.peak)
        times[0].append(done.seconds)
        times[1].append(finish(theirs).seconds)
    return _pair(*times), peak
