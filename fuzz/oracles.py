"""What judges: the error that an oracle raises, and those oracles that several targets have.

What may live here: what holds for whatever reads bytes. What holds for one kind of input is for the module of its target.
"""

from __future__ import annotations

import sys
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from types import FrameType
from typing import Any

__all__ = [
    "EXCEPTIONS",
    "LINEAR",
    "MEMORY",
    "Broken",
    "check_memory",
    "check_work",
    "random_of",
    "same",
]

EXCEPTIONS = "no exception but those that are documented"
LINEAR = "work in proportion to the bytes"
MEMORY = "memory within the limit"


class Broken(Exception):
    """Something that must hold does not.

    Attributes:
        oracle: what must hold.
        why: what is the case instead.
    """

    def __init__(self, oracle: str, why: str) -> None:
        super().__init__(f"{oracle}: {why}")
        self.oracle = oracle
        self.why = why


def random_of(data: bytes) -> Random:
    """Random numbers that are the same for the same input, so that it can be replayed without its seed."""
    return Random(zlib.crc32(data))


def same(oracle: str, one: Any, other: Any) -> None:
    """That two results are the same.

    Raises:
        Broken: they are not; it says where they begin to differ.
    """
    if one == other:
        return
    if isinstance(one, list) and isinstance(other, list):
        at = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), None)
        at = min(len(one), len(other)) if at is None else at
        one, other = one[at : at + 1], other[at : at + 1]
        raise Broken(oracle, f"at {at}: {_short(one)} and {_short(other)}")
    raise Broken(oracle, f"{_short(one)} and {_short(other)}")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 600 else f"{text[:600]}..."


def check_work(run: Callable[[], object], size: int, *, for_each_byte: int, once: int) -> None:
    """That no more is done than in proportion to the bytes. Calls are counted, so that it is the same on every machine.

    Args:
        run: what is done; it has been done once before, so that nothing is imported or compiled any more.
        size: of the input, in bytes.
        for_each_byte: so many calls may there be for each of them.
        once: and so many besides.

    Raises:
        Broken: there are more.
    """
    count = 0

    def counted(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        run()
    finally:
        sys.setprofile(before)
    allowed = once + for_each_byte * size
    if count > allowed:
        raise Broken(LINEAR, f"{count:,} calls for {size:,} bytes; {allowed:,} may be")


def check_memory(limit: int) -> Any:
    """A context in which no more memory may be taken than that and kept.

    Raises:
        Broken: more is, at its end.
    """
    return _kept_within(limit)


@contextmanager
def _kept_within(limit: int) -> Iterator[None]:
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        yield
        kept = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    if kept > limit:
        raise Broken(MEMORY, f"{kept:,} bytes are kept, {limit:,} may be")
