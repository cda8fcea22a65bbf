"""Taking figures as ratios: ours and theirs in turn, so that a machine whose speed drifts does not matter."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["Finished", "Pair", "calls", "finish", "peak_of_all", "processes"]

# As users have it: what is imported has been compiled.
_ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


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
    process = _begin(command)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"exit status {process.returncode}: {' '.join(command)}")
    scale = 1e6 if sys.platform == "darwin" else 1e3
    return Finished(seconds, usage.ru_maxrss / scale)


def _begin(command: Sequence[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=_ENVIRONMENT,
        start_new_session=True,
    )


def peak_of_all(command: Sequence[str]) -> float:
    """The most memory that a command and all processes that it starts hold at one time, in megabytes; on Linux. What several
    share counts once for each.
    """
    process = _begin(command)
    peak = 0
    while process.poll() is None:
        peak = max(peak, sum(_resident(process.pid)))
        time.sleep(0.02)
    return peak / 1e3


def _resident(session: int) -> Iterator[int]:
    """The memory of each process of a session, in kilobytes."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) == session:
                yield int(fields[21]) * os.sysconf("SC_PAGE_SIZE") // 1000
        except OSError:  # it has ended
            continue


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
