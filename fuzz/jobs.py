"""Targets by name, in processes of their own: several at a time.

What may live here: what a process is told, and what it gives back. It is imported by each of them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from .loop import Report, run
from .targets import TARGETS

__all__ = ["Order", "carry_out"]


class Order(NamedTuple):
    """What is to be done with each target.

    Attributes:
        seed, inputs, minutes, folder: as of `loop.run`.
    """

    seed: int
    inputs: int | None
    minutes: float | None
    folder: Path | None

    def feed(self, name: str) -> Report:
        """Feed a target; failures are told of as they come."""
        return run(
            TARGETS[name],
            seed=self.seed,
            inputs=self.inputs,
            minutes=self.minutes,
            folder=self.folder,
            tell=partial(print, file=sys.stderr, flush=True),
        )


def carry_out(order: Order, names: Sequence[str], jobs: int) -> Iterator[Report]:
    """Feed some targets, so many at a time; the reports as they come."""
    if jobs <= 1:
        yield from map(order.feed, names)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as executor:
        for done in as_completed([executor.submit(order.feed, name) for name in names]):
            yield done.result()
