"""What a target is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from random import Random
from typing import NamedTuple

__all__ = ["Target"]


class Target(NamedTuple):
    """A kind of input, and what judges it.

    Attributes:
        name: of it.
        what: is fuzzed, in words.
        oracles: what must hold, each with where it is looked at: `always`, or `rarely`.
        inputs: makes inputs, one after the other, from random numbers and nothing else.
        check: judges one; raises `Broken`. Its second argument is whether what takes long is looked at too.
        rarely: of so many inputs, for one.
    """

    name: str
    what: str
    oracles: Mapping[str, str]
    inputs: Callable[[Random], Iterator[bytes]]
    check: Callable[[bytes, bool], None]
    rarely: int = 1000
