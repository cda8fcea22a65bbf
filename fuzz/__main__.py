"""Fuzz a target, or all of them: `python -m fuzz TARGET --minutes 10`; see `python -m fuzz --help`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from . import corpus
from .jobs import Order, carry_out
from .loop import Report, judge
from .target import Target
from .targets import TARGETS

ALL = "all"


def main(arguments: list[str] | None = None) -> int:
    """The command; its exit status is 1 where something is broken."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("target", nargs="?", choices=[*TARGETS, ALL], help="what is fuzzed")
    parser.add_argument("--list", action="store_true", help="say which targets there are, and end")
    parser.add_argument("--minutes", type=float, metavar="N", help="end after so many, each target")
    parser.add_argument("--inputs", type=int, metavar="N", help="end after so many, each target")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the inputs")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="targets at a time")
    parser.add_argument(
        "--replay", nargs="+", type=Path, metavar="FILE", help="judge the inputs in some files"
    )
    parser.add_argument(
        *("--corpus", "-o"),
        type=Path,
        default=corpus.FOLDER,
        metavar="FOLDER",
        help="where inputs are kept that break something",
    )
    given = parser.parse_args(arguments)
    if given.list:
        for target in TARGETS.values():
            print(f"{target.name}: {target.what}")
            for oracle, when in target.oracles.items():
                print(f"    {when}: {oracle}")
        return 0
    if given.target is None:
        parser.error("which target? --list says which there are")
    if given.replay is not None:
        if given.target == ALL:
            parser.error("--replay takes one target")
        return _replay(TARGETS[given.target], given.replay)
    if given.minutes is None and given.inputs is None:
        parser.error("for how long? give --minutes or --inputs")
    names = [*TARGETS] if given.target == ALL else [given.target]
    order = Order(given.seed, given.inputs, given.minutes, given.corpus)
    reports: list[Report] = []
    for report in carry_out(order, names, given.jobs):
        reports.append(report)
        print(report, flush=True)
    print(f"{sum(report.inputs for report in reports):,} inputs in all")
    return any(report.failures for report in reports)


def _replay(target: Target, paths: Sequence[Path]) -> int:
    broken = 0
    for path in paths:
        failure = judge(target, path.read_bytes(), thoroughly=True)
        if failure is not None:
            broken += 1
            print(failure._replace(path=path))
    print(f"{len(paths)} replayed, {broken} broken")
    return broken > 0


if __name__ == "__main__":
    sys.exit(main())
