"""Change sources by one token at random, and say which test fails: `python -m mutants --number 120 --seed 1`.

What may live here: the command. The same seed chooses the same mutations of the same sources. Mutations that
`equivalent.toml` has are not tried: it says why they change nothing.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from .mutations import Mutation, mutations
from .trial import Copy

__all__ = ["Place", "main", "places"]

_HERE = Path(__file__).parent
_ROOT = _HERE.parent


class Place(NamedTuple):
    """A mutation, and the source that it is of."""

    path: str
    source: str
    mutation: Mutation

    @property
    def name(self) -> str:
        return f"{self.path}:{self.mutation.line(self.source)}"

    @property
    def lines(self) -> tuple[str, str]:
        """The line before and after."""
        return self.mutation.before_and_after(self.source)

    def is_meant_by(self, entry: dict[str, str]) -> bool:
        """Whether an entry of `equivalent.toml` is about it."""
        lines = ["", *self.source.splitlines()]
        behind = lines[self.mutation.line(self.source) - 1].strip()
        return (
            entry["file"] == self.path
            and (entry["line"], entry["becomes"]) == self.lines
            and entry.get("behind", behind) == behind
        )

    @property
    def shown(self) -> str:
        before, after = self.lines
        return f"{self.name}\n    - {before}\n    + {after}"


def main(arguments: list[str] | None = None) -> int:
    """Returns: the exit status, 1 where mutants survive."""
    options = _parser().parse_args(arguments)
    root: Path = options.root
    tests: dict[str, list[str]] = _table(options.tests)
    equivalent = _table(options.equivalent).get("equivalent", [])
    chosen = [
        each
        for each in places(root, tests)
        if options.only is None or _is_of(options.only, each.name)
    ]
    if options.number is not None:
        chosen = _draw(chosen, options.number, options.seed)
    if options.list:
        for place in chosen:
            print(place.shown)
        return 0
    counts = {"killed": 0, "survived": 0, "equivalent": 0}
    killers: dict[str, None] = {}
    with tempfile.TemporaryDirectory() as folder:
        copy = Copy(root, Path(folder) / "copy")
        for place in chosen:
            killer = None
            if any(map(place.is_meant_by, equivalent)):
                outcome = "equivalent"
            else:
                own = tests[place.path]
                killer = copy.killer(place.path, place.mutation, own)
                if killer is None and options.all:
                    killer = copy.killer(place.path, place.mutation, _others(root, own))
                outcome = "survived" if killer is None else "killed"
            counts[outcome] += 1
            print(f"{outcome}: {place.shown}", flush=True)
            if killer is not None:
                killers[killer] = None
                print(f"    by {killer}", flush=True)
        if killers:
            copy.check(list(killers))
    told = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
    print(f"{len(chosen)} mutants: {told}")
    return 1 if counts["survived"] else 0


def places(root: Path, paths: Iterable[str]) -> Iterator[Place]:
    """All mutations of some sources."""
    for path in paths:
        source = (root / path).read_text()
        for mutation in mutations(source):
            yield Place(path, source, mutation)


def _draw(among: list[Place], number: int, seed: int) -> list[Place]:
    """So many of them, of different tokens: each token is as likely as any other."""
    of_token: dict[tuple[str, int], list[Place]] = {}
    for place in among:
        of_token.setdefault((place.path, place.mutation.start), []).append(place)
    rng = random.Random(seed)
    tokens = rng.sample(sorted(of_token), min(number, len(of_token)))
    return [rng.choice(of_token[token]) for token in tokens]


def _is_of(wanted: str, name: str) -> bool:
    """Whether the name of a line is what is wanted, or in the file or folder that is."""
    return name == wanted or name.startswith((f"{wanted}:", f"{wanted.rstrip('/')}/"))


def _others(root: Path, tests: list[str]) -> list[str]:
    """All files of tests but some."""
    files = [path.relative_to(root).as_posix() for path in root.glob("tests/**/test_*.py")]
    return sorted(set(files) - set(tests))


def _table(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m mutants", description=__doc__)
    parser.add_argument("--number", type=int, help="of mutants; all if it is not given")
    parser.add_argument("--seed", type=int, default=0, help="what they are drawn by")
    parser.add_argument("--only", help="mutate this folder, file, or line: PATH or PATH:LINE")
    parser.add_argument("--list", action="store_true", help="say what would be tried")
    parser.add_argument(
        "--all", action="store_true", help="run all tests on what the tests of its module pass"
    )
    parser.add_argument("--root", type=Path, default=_ROOT, help="what is copied")
    parser.add_argument(
        "--tests", type=Path, default=_HERE / "tests.toml", help="what is mutated, and its tests"
    )
    parser.add_argument("--equivalent", type=Path, default=_HERE / "equivalent.toml")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
