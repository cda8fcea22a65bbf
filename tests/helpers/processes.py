"""Processes, for tests of how they end: what they do, and waiting for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

# Much longer than anything here takes, in seconds.
LIMIT = 60.0


def until(condition: Callable[[], object]) -> None:
    """Wait until something is so."""
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.01)


def processes(session: int) -> list[int]:
    """The processes of a session that have not ended."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            state, _, _, of = _stat(int(entry.name))[:4]
        except OSError:
            continue
        if int(of) == session and state not in "ZX":
            found.append(int(entry.name))
    return found


def sleeps(process: int) -> bool:
    """Whether a process waits for something; not so while it has been woken by what came."""
    return _stat(process)[0] == "S"


def ended(process: int) -> bool:
    """Whether a process has ended with all its threads, though its parent may not have looked yet."""
    try:
        threads = list(Path(f"/proc/{process}/task").iterdir())
        return len(threads) == 1 and _stat(process)[0] in "ZX"
    except OSError:
        return True


def _stat(process: int) -> list[str]:
    # The name, in parentheses, may have anything in it.
    stat = Path(f"/proc/{process}/stat").read_text(errors="replace")
    return stat.rpartition(")")[2].split()
