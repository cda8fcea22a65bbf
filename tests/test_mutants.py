"""The tool that changes single tokens: what it changes, and which test it says has noticed."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path
from typing import Any

import pytest

from mutants.__main__ import main, places
from mutants.mutations import Mutation, mutations
from mutants.trial import Copy, NotPassingError

ROOT = Path(__file__).parent.parent
MUTANTS = ROOT / "mutants"

TOY = '''"""Says whether 1 < 2."""


def is_more(one: int, other: int | None) -> bool:
    """Whether 1 > 2."""
    return one > other
'''
WEAK = """from toy import is_more


def test_is_more() -> None:
    assert is_more(2, 1)
    assert not is_more(1, 2)
"""
STRONG = WEAK + "    assert not is_more(1, 1)\n"
SURVIVES = "toy.py:6\n    - return one > other\n    + return one >= other\n"
IS_KILLED = "toy.py:6\n    - return one > other\n    + return one < other\n"
BY = "    by test_toy.py::test_is_more\n"


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    root = tmp_path / "toy"
    root.mkdir()
    (root / "toy.py").write_text(TOY)
    (root / "test_toy.py").write_text(WEAK)
    (root / "tests.toml").write_text('"toy.py" = ["test_toy.py"]\n')
    (root / "equivalent.toml").write_text("")
    return root


def run(root: Path, *options: str) -> int:
    files = {"root": root, "tests": root / "tests.toml", "equivalent": root / "equivalent.toml"}
    return main([*options, *(f"--{name}={path}" for name, path in files.items())])


def test_a_weak_test_lets_a_mutant_survive(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And the sources themselves are never changed."""
    before = {path: path.read_bytes() for path in toy.rglob("*")}
    assert run(toy) == 1
    assert capsys.readouterr().out == (
        f"survived: {SURVIVES}killed: {IS_KILLED}{BY}"
        "2 mutants: 1 killed, 1 survived, 0 equivalent\n"
    )
    assert {path: path.read_bytes() for path in toy.rglob("*")} == before


def test_a_strong_test_kills_it(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (toy / "test_toy.py").write_text(STRONG)
    assert run(toy, "--only", "toy.py:6") == 0
    assert f"killed: {SURVIVES}{BY}" in capsys.readouterr().out


def test_what_is_known_to_change_nothing_is_counted_apart(
    toy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (toy / "equivalent.toml").write_text(
        "[[equivalent]]\n"
        'file = "toy.py"\n'
        'line = "return one > other"\n'
        'becomes = "return one >= other"\n'
        'why = "nobody compares what is equal"\n'
    )
    assert run(toy) == 0
    told = capsys.readouterr().out
    assert f"equivalent: {SURVIVES}" in told
    assert told.endswith("2 mutants: 1 killed, 0 survived, 1 equivalent\n")


def test_the_same_seed_draws_the_same_mutants(
    toy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a token, one at most."""
    (toy / "toy.py").write_text(TOY + "".join(f"x = y < z{index}\n" for index in range(20)))
    drawn = []
    for seed in (1, 1, 2):
        assert run(toy, "--list", "--number=20", f"--seed={seed}") == 0
        drawn.append(capsys.readouterr().out)
    assert drawn[0] == drawn[1] != drawn[2]
    assert len({line for line in drawn[0].splitlines() if line.startswith("toy.py:")}) == 20
    run(toy, "--list", "--only", "toy.py:6")
    assert capsys.readouterr().out == SURVIVES + IS_KILLED
    run(toy, "--list", "--only", "toy.p")
    assert capsys.readouterr().out == ""


def test_a_test_that_fails_anyway_kills_nothing(toy: Path, tmp_path: Path) -> None:
    (toy / "test_toy.py").write_text(WEAK + "    assert False\n")
    copy = Copy(toy, tmp_path / "copy")
    killer = copy.killer("toy.py", Mutation(0, 0, ""), ["test_toy.py"])
    assert killer == "test_toy.py::test_is_more"
    with pytest.raises(NotPassingError, match="test_is_more fails without a mutation"):
        copy.check([killer])


def test_a_source_that_cannot_be_imported_is_killed(toy: Path, tmp_path: Path) -> None:
    copy = Copy(toy, tmp_path / "copy")
    assert copy.killer("toy.py", Mutation(0, 0, "1 // 0\n"), ["test_toy.py"]) == "test_toy.py"
    assert copy.killer("toy.py", Mutation(0, 0, ""), ["test_toy.py"]) is None


def changes(source: str) -> set[str]:
    found = set()
    for mutation in mutations(source):
        changed = mutation.apply(source)
        ast.parse(changed)
        found.add(changed)
    return found


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a < b", {"a <= b", "a > b"}),
        ("a == b != c", {"a != b != c", "a == b == c"}),
        ("a is not None", {"a is None"}),
        ("a not in b", {"a in b"}),
        ("(a) and (b) and c", {"(a) or (b) and c", "(a) and (b) or c"}),
        ("a + b", {"a - b"}),
        ("a << (b | c)", {"a >> (b | c)", "a << (b & c)"}),
        ("a -= b", {"a += b"}),
        ("not a", {"a"}),
        ("f(-a)", {"f(a)"}),
        ("f(7)", {"f(8)", "f(6)"}),
        ("f(0)", {"f(1)"}),
        ("f(0xFF)", {"f(0x100)", "f(0xfe)"}),
        ("f(True)", {"f(False)"}),
        ("min(a)", {"max(a)"}),
        ("a[b:c.d]", {"a[:c.d]"}),
        ("while a: break", {"while a: continue"}),
        ("def f():\n return a", {"def f():\n return None"}),
        ("é = f('é', a < b)", {"é = f('é', a <= b)", "é = f('é', a > b)"}),
        ("self._must(f'{a} <= b')", {"self._must(f'{a} < b')", "self._must(f'{a} >= b')"}),
    ],
)
def test_what_is_changed(source: str, expected: set[str]) -> None:
    assert changes(source) == expected


@pytest.mark.parametrize(
    "source",
    [
        "'1 < 2'",
        "f'{a + 1} of {b}'",
        "x: int | str = a",
        "def f(a: int | str) -> int | str: pass",
        "A = int | None",
        "assert a < b",
        "@f(1)\ndef g(): pass",
        "if TYPE_CHECKING:\n a = 1",
        "__all__ = [*a[1:]]",
        "return_ = a",
    ],
)
def test_what_is_left_alone(source: str) -> None:
    assert changes(source) == set()


def table(name: str) -> dict[str, Any]:
    return tomllib.loads((MUTANTS / name).read_text())


@pytest.mark.parametrize("each", table("equivalent.toml")["equivalent"], ids=lambda e: e["line"])
def test_what_is_said_to_change_nothing_can_be_changed(each: dict[str, str]) -> None:
    """In one place: else the source has changed, or another place is meant too."""
    assert each["why"]
    meant = [place for place in places(ROOT, [each["file"]]) if place.is_meant_by(each)]
    assert len({place.mutation.start for place in meant}) == 1


def test_all_that_is_mutated_has_tests() -> None:
    for source, tests in table("tests.toml").items():
        for path in (source, *(test.partition("::")[0] for test in tests)):
            assert (ROOT / path).exists(), path
