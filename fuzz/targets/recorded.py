"""What real stacks said, from the test data; and mutations of it, as they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from construct import Construct

from events.testing.captures import Chunk, payloads
from tlsgrammar import mutations
from tlsgrammar.mutations import Mutation

__all__ = ["DATA", "Broken", "conversations", "merged"]

DATA = Path(__file__).parents[2] / "tests" / "data"


@cache
def conversations(folder: str = "") -> Sequence[list[Chunk]]:
    """What the two sides say in each capture of a folder of the test data."""
    return [payloads(path) for path in sorted((DATA / folder).glob("*.pcap"))]


def merged(chunks: Sequence[Chunk]) -> list[Chunk]:
    """The same, with what one side says without a break in one chunk."""
    found: list[Chunk] = []
    for is_orig, data in chunks:
        if found and found[-1][0] is is_orig:
            found[-1] = (is_orig, found[-1][1] + data)
        else:
            found.append((is_orig, data))
    return found


class Broken:
    """Mutations of structures; those of one that comes again go on where they were.

    Args:
        random: where the seeds come from.
    """

    def __init__(self, random: Random) -> None:
        self._random = random
        self._begun: dict[tuple[Construct, bytes], Iterator[Mutation]] = {}

    def variant(self, schema: Construct, data: bytes, **context: Any) -> Mutation:
        """The next mutation of the bytes of a structure."""
        key = (schema, data)
        found = self._begun.get(key)
        if found is None:
            seed, changes = self._random.randrange(2**32), self._random.choice((1, 1, 2))
            found = mutations.of(schema, data, seed=seed, changes=changes, **context)
            self._begun[key] = found
        return next(found)
