"""The loop: inputs to a target, and what becomes of those that break something.

What may live here: seeds, counts, and when to end. Inputs come in blocks, each from a seed of its own: to make one of them
again, those before it in its block are made again, and no others.
"""

from __future__ import annotations

import re
import signal
import time
import traceback
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from types import FrameType
from typing import NamedTuple

from . import corpus
from .oracles import EXCEPTIONS, Broken
from .target import Target

__all__ = ["BLOCK", "ENDS", "Failure", "Report", "judge", "made", "run"]

BLOCK = 10_000
"""So many inputs come from one seed."""

ENDS = "it ends"
"""The oracle of what goes on for ever."""

_SECONDS = 60
_FAILURES = 20  # so many are kept of one run
_TOLD_EVERY = 10.0  # seconds


class Failure(NamedTuple):
    """An input that breaks something.

    Attributes:
        target: that it is for.
        oracle: which one it breaks.
        why: what is the case instead.
        data: it.
        seed, block, number: where it was made; the seed is None where it was replayed.
        path: where it is kept; None where it is not.
    """

    target: str
    oracle: str
    why: str
    data: bytes
    seed: int | None = None
    block: int = 0
    number: int = 0
    path: Path | None = None

    def __str__(self) -> str:
        shown = self.data[:2048].hex() + ("..." if len(self.data) > 2048 else "")
        made = (
            ""
            if self.seed is None
            else f"seed {self.seed}, block {self.block}, input {self.number}"
        )
        again = f"python -m fuzz {self.target} --replay {self.path}" if self.path else ""
        lines = (
            f"{self.target}: broken: {self.oracle}",
            *(f"  {line}" for line in self.why.splitlines()),
            f"  {made}" if made else "",
            f"  input: {shown}",
            f"  replay: {again}" if again else "",
        )
        return "\n".join(line for line in lines if line.strip())

    @property
    def kind(self) -> tuple[str, str]:
        """What is the same of failures that are likely the same one: the oracle, and what is wrong without numbers."""
        return self.oracle, re.sub(r"0x[0-9a-f]+|[0-9a-f]{4,}|\d+", "", self.why)[:160]


class Report(NamedTuple):
    """What became of a run.

    Attributes:
        target: it.
        inputs: how many there were.
        seconds: that it took.
        failures: one of each kind.
    """

    target: str
    inputs: int
    seconds: float
    failures: tuple[Failure, ...]

    def __str__(self) -> str:
        rate = self.inputs / self.seconds if self.seconds else 0.0
        found = len(self.failures)
        broken = f", {found} kinds of failures" if found else ""
        return f"{self.target}: {self.inputs:,} inputs, {rate:,.0f} a second{broken}"


def made(target: Target, seed: int, block: int) -> Iterator[bytes]:
    """The inputs of a block."""
    inputs = target.inputs(Random(f"{target.name} {seed} {block}"))
    for _, data in zip(range(BLOCK), inputs, strict=False):
        yield data


def judge(target: Target, data: bytes, *, thoroughly: bool | None = None) -> Failure | None:
    """Look at one input.

    Args:
        target: that it is for.
        data: it.
        thoroughly: whether what takes long is looked at too; where it is None, the input itself decides.
    """
    if thoroughly is None:
        thoroughly = zlib.crc32(data) % target.rarely == 0
    try:
        target.check(data, thoroughly)
    except Broken as broken:
        return Failure(target.name, broken.oracle, broken.why, data)
    except _EndlessError:
        where = traceback.format_exc().strip().splitlines()[-9:-1]
        return Failure(target.name, ENDS, "\n".join([f"not within {_SECONDS} s", *where]), data)
    except Exception as error:
        where = traceback.format_exc().strip().splitlines()[-9:]
        why = "\n".join([f"{type(error).__name__}: {error}"[:300], *where])
        return Failure(target.name, EXCEPTIONS, why, data)
    return None


def run(
    target: Target,
    *,
    seed: int = 0,
    inputs: int | None = None,
    minutes: float | None = None,
    folder: Path | None = corpus.FOLDER,
    tell: Callable[[str], None] = lambda line: None,
) -> Report:
    """Feed a target.

    Args:
        target: it.
        seed: of the inputs.
        inputs: how many there are.
        minutes: how long it takes; it ends with whichever comes first.
        folder: where inputs are kept that break something; nowhere where it is None.
        tell: told of failures as they come, and now and then how far it is.
    """
    begin = told = time.monotonic()
    found: dict[tuple[str, str], Failure] = {}
    count = block = 0
    over = False
    while not over:
        for number, data in enumerate(made(target, seed, block)):
            with _in_time():
                failure = judge(target, data)
            count += 1
            if failure is not None and failure.kind not in found and len(found) < _FAILURES:
                path = None if folder is None else corpus.add(target.name, data, folder)
                failure = failure._replace(seed=seed, block=block, number=number, path=path)
                found[failure.kind] = failure
                tell(str(failure))
            now = time.monotonic()
            over = count == inputs or (minutes is not None and now - begin > 60 * minutes)
            if now - told > _TOLD_EVERY:
                told = now
                tell(str(Report(target.name, count, now - begin, tuple(found.values()))))
            if over:
                break
        block += 1
    return Report(target.name, count, time.monotonic() - begin, tuple(found.values()))


class _EndlessError(BaseException):
    """What is judged takes too long."""


@contextmanager
def _in_time() -> Iterator[None]:
    """Have whatever runs end, where the system can ring after a time."""
    if not hasattr(signal, "SIGALRM"):
        yield
        return
    signal.signal(signal.SIGALRM, _ring)
    signal.setitimer(signal.ITIMER_REAL, _SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _ring(number: int, frame: FrameType | None) -> None:
    raise _EndlessError
