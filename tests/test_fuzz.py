"""The fuzzing itself: what was found stays mended, targets find nothing in a few inputs, and oracles find what is broken."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import pytest

import events
import tlsgrammar
from events.capture.connections import Connections
from events.capture.headers import Decoder, Segment
from events.secrets.lines import Lines
from fuzz import corpus, loop, oracles
from fuzz.__main__ import main
from fuzz.loop import judge, made, run
from fuzz.oracles import Broken, check_memory, check_work, same
from fuzz.pieces import join, split
from fuzz.target import Target
from fuzz.targets import (
    TARGETS,
    captures,
    connections,
    datagrams,
    decrypted,
    headers,
    keylogs,
    quic,
    streams,
    structures,
)
from tlsgrammar import GrammarError
from tlsgrammar.language import api

ROOT = Path(__file__).parent.parent


def fuzz(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command. It counts work, of which strict mode does more."""
    usual = {name: value for name, value in os.environ.items() if name != "TLSGRAMMAR_STRICT"}
    return subprocess.run(
        [sys.executable, "-m", "fuzz", *arguments],
        cwd=ROOT,
        env=usual,
        capture_output=True,
        text=True,
        check=False,
    )


# What is found


@pytest.mark.parametrize("name", sorted({path.name for path in corpus.FOLDER.iterdir()}))
def test_what_was_found_stays_mended(name: str) -> None:
    found = [str(path) for path in corpus.files(name)]
    result = fuzz(name, "--replay", *found)
    assert (result.stderr, result.returncode) == ("", 0), result.stdout
    assert result.stdout == f"{len(found)} replayed, 0 broken\n"


def test_some_was_found() -> None:
    assert {path.name for path in corpus.FOLDER.iterdir()} <= {*TARGETS}
    assert len([*corpus.files("structures")]) >= 3


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_finds_nothing(name: str, tmp_path: Path) -> None:
    result = fuzz(name, "--inputs", "400", "--corpus", str(tmp_path))
    assert result.returncode == 0, result.stderr
    assert f"{name}: 400 inputs" in result.stdout


def test_several_at_a_time(tmp_path: Path) -> None:
    result = fuzz("all", "--inputs", "3", "--jobs", "2", "-o", str(tmp_path))
    assert result.returncode == 0, result.stderr
    assert sorted(line.partition(":")[0] for line in result.stdout.splitlines()[:-1]) == sorted(
        TARGETS
    )
    assert result.stdout.splitlines()[-1] == f"{3 * len(TARGETS)} inputs in all"


@pytest.mark.parametrize("name", TARGETS)
def test_a_seed_makes_the_same_inputs_again(name: str) -> None:
    target = TARGETS[name]
    one, again, other = (
        list(islice(made(target, seed, block), 20)) for seed, block in ((1, 2), (1, 2), (1, 3))
    )
    assert one == again
    assert one != other


# Oracles that find what is broken


def raising(*_: object, **__: object) -> Any:
    raise KeyError("nobody expects this")


def of_last(kind: type[Any], change: Callable[..., Any], method: str) -> type[Any]:
    """A class with another method, which is given what the usual one returns."""

    def changed(self: Any, *arguments: Any, **named: Any) -> Any:
        return change(getattr(kind, method)(self, *arguments, **named), *arguments)

    return type(kind.__name__, (kind,), {method: changed})


class Swollen(events.Analyzer):
    @property
    def held(self) -> int:
        return 2**30


class SwollenDatagrams(events.DatagramAnalyzer):
    @property
    def held(self) -> int:
        return 2**30


class SwollenQuic(events.QuicAnalyzer):
    @property
    def held(self) -> int:
        return 2**30


def _shorter(found: bytes, *_: object) -> bytes:
    return found[:-1]


def _forgetting(found: list[Any], data: bytes, *_: object) -> list[Any]:
    return found if len(data) > 9 else []


def _endless(found: list[Any], *_: object) -> list[Any]:
    return [*found, "more"]


def _read_nothing(*_: object, **__: object) -> Any:
    return None, [GrammarError("nothing", 10**6)]


def _read_all(*_: object, **__: object) -> Any:
    return None, []


def _too_far(found: Segment | None, *_: object) -> Segment | None:
    return found and found._replace(end=len(found.buffer) + 1)


class Blabbing(Lines):
    def _entry(self, line: bytes) -> str:
        return super()._entry(line) and line.decode("latin-1").upper()


class Deaf(Lines):
    """Takes what comes first only."""

    def feed(self, data: bytes) -> None:
        if self._begins:
            super().feed(data)


class Confused(Connections):
    """Takes all segments for those of one connection."""

    def segment(self, segment: Segment, ts: float, found: list[Any]) -> None:
        super().segment(segment._replace(source=segment.destination), ts, found)


class Careless(events.Analyzer):
    """Loses all extensions of a message with a defect in one."""

    def deliver(self, data: bytes, is_orig: bool, ts: float | None = None) -> list[Any]:
        found = super().deliver(data, is_orig, ts)
        if not any(each.name == "protocol_violation" for each in found):
            return found
        return [each for each in found if not each.name.startswith("ssl_ext")]


def _without_last(path: object) -> tuple[list[Any], bool]:
    found, whole = _packets(path)
    return (found[:-1] if str(path).endswith("packed") else found), whole


_packets: Any = captures._packets

BROKEN: dict[str, tuple[str, Any, str, Any, str]] = {
    "read raises": ("structures", tlsgrammar, "read", raising, oracles.EXCEPTIONS),
    "read tells of nothing": ("structures", tlsgrammar, "read", _read_all, structures.AGREE),
    "read tells of what is nowhere": (
        *("structures", tlsgrammar, "read"),
        *(_read_nothing, structures.AGREE),
    ),
    "another is built": (
        *("structures", tlsgrammar, "build"),
        *(lambda *_, **__: b"another", structures.AGAIN),
    ),
    "the compiler errs": ("structures", api, "_interpreted_read", _read_all, structures.COMPILED),
    "an analyzer raises": (
        *("streams", streams, "Analyzer"),
        *(of_last(events.Analyzer, raising, "deliver"), oracles.EXCEPTIONS),
    ),
    "small pieces are forgotten": (
        *("streams", streams, "Analyzer"),
        *(of_last(events.Analyzer, _forgetting, "deliver"), streams.CUT),
    ),
    "an analyzer swells": ("streams", streams, "Analyzer", Swollen, oracles.MEMORY),
    "it goes on": (
        *("streams", streams, "Analyzer"),
        *(of_last(events.Analyzer, _endless, "end"), streams.OVER),
    ),
    "small pieces are forgotten, and secrets are known": (
        *("decrypted", streams, "Analyzer"),
        *(of_last(events.Analyzer, _forgetting, "deliver"), streams.CUT),
    ),
    "datagrams swell": (
        *("datagrams", datagrams, "DatagramAnalyzer"),
        *(SwollenDatagrams, oracles.MEMORY),
    ),
    "datagrams go on": (
        *("datagrams", datagrams, "DatagramAnalyzer"),
        *(of_last(events.DatagramAnalyzer, _endless, "end"), datagrams.OVER),
    ),
    "QUIC swells": ("quic", quic, "QuicAnalyzer", SwollenQuic, oracles.MEMORY),
    "QUIC raises": (
        *("quic", quic, "QuicAnalyzer"),
        *(of_last(events.QuicAnalyzer, raising, "end"), oracles.EXCEPTIONS),
    ),
    "a segment goes on behind its frame": (
        *("headers", headers, "Decoder"),
        *(of_last(Decoder, _too_far, "decode"), headers.INSIDE),
    ),
    "a message tells of secrets": ("keylogs", keylogs, "Lines", Blabbing, keylogs.SECRET),
    "a key log takes one piece": ("keylogs", keylogs, "Lines", Deaf, keylogs.CUT),
    "packets are lost": ("captures", captures, "_packets", _without_last, captures.ALIKE),
    "captures raise": ("captures", captures, "read_capture", raising, oracles.EXCEPTIONS),
    "connections are mixed up": (
        *("connections", connections, "Connections"),
        *(Confused, connections.OTHERS),
    ),
    "extensions are lost with one": (
        *("connections", connections, "Analyzer"),
        *(Careless, connections.BODY),
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    target, where, attribute, replacement, oracle = BROKEN[name]
    connections._expected()  # of what is not broken
    monkeypatch.setattr(api, "_STRICT", False)  # which would find some of it first
    monkeypatch.setattr(where, attribute, replacement)
    found = run(TARGETS[target], seed=5, inputs=150, folder=None)
    assert oracle in {failure.oracle for failure in found.failures}


def test_what_is_to_be_decrypted_is() -> None:
    some = [split(data)[1] for data in islice(made(TARGETS["decrypted"], 1, 0), 40)]
    found = [
        decrypted._events(
            [piece for piece in pieces if piece[0] != decrypted.LINE],
            [line for kind, line in pieces if kind == decrypted.LINE],
        )
        for pieces in some
    ]
    assert sum(any(each.name == "ssl_decrypted_data" for each in of) for of in found) > 10


def test_every_oracle_that_is_named_is_one() -> None:
    for target in TARGETS.values():
        assert set(target.oracles.values()) <= {"always", "rarely"}
        assert oracles.EXCEPTIONS in target.oracles


def test_work_is_counted() -> None:
    def quadratic(size: int) -> None:
        for _ in range(size):
            for _ in range(size):
                len("")

    check_work(lambda: quadratic(10), 10, for_each_byte=20, once=100)
    with pytest.raises(Broken, match="calls for 100 bytes") as raised:
        check_work(lambda: quadratic(100), 100, for_each_byte=20, once=100)
    assert raised.value.oracle == oracles.LINEAR


def test_memory_is_counted() -> None:
    with check_memory(10_000):
        bytes(20_000)
    kept = []
    with pytest.raises(Broken, match="bytes are kept"), check_memory(10_000):
        kept.append(bytes(20_000))


def test_results_that_differ_are_told_of_where_they_do() -> None:
    same("x", [1, 2], [1, 2])
    with pytest.raises(Broken, match=r"at 1: \[2\] and \[3\]"):
        same("x", [1, 2], [1, 3])
    with pytest.raises(Broken, match=r"at 2: \[\] and \[3\]"):
        same("x", [1, 2], [1, 2, 3])
    with pytest.raises(Broken, match="1 and 2"):
        same("x", 1, 2)


# The loop, the corpus and the command


def _of_numbers(random: Random) -> Iterator[bytes]:
    while True:
        yield bytes([random.randrange(256)])


def _no_sevens(data: bytes, thoroughly: bool) -> None:
    if data[0] % 16 == 7:
        raise Broken("no sevens", f"there is {data[0]}")
    if thoroughly and data[0] == 8:
        raise ZeroDivisionError


SEVENS = Target("sevens", "numbers", {"no sevens": "always"}, _of_numbers, _no_sevens, rarely=1)


def test_a_failure_is_kept_and_told_of_once(tmp_path: Path) -> None:
    told: list[str] = []
    report = run(SEVENS, seed=3, inputs=2000, folder=tmp_path, tell=told.append)
    assert report.inputs == 2000
    assert sorted(each.oracle for each in report.failures) == [oracles.EXCEPTIONS, "no sevens"]
    seven = next(each for each in report.failures if each.oracle == "no sevens")
    assert seven.path is not None
    assert seven.path.parent == tmp_path / "sevens"
    assert seven.path.read_bytes() == seven.data
    assert next(islice(made(SEVENS, 3, seven.block), seven.number, None)) == seven.data
    assert f"seed 3, block 0, input {seven.number}" in str(seven)
    assert f"input: {seven.data.hex()}" in str(seven)
    assert f"python -m fuzz sevens --replay {seven.path}" in str(seven)
    assert [each for each in told if "broken: no sevens" in each] == [str(seven)]
    assert len(list(corpus.files("sevens", tmp_path))) == 2


def test_what_takes_long_is_looked_at_where_it_is_asked_for() -> None:
    rare = SEVENS._replace(rarely=2**40)
    assert judge(rare, b"\x08") is None
    failure = judge(rare, b"\x08", thoroughly=True)
    assert failure is not None
    assert "ZeroDivisionError" in failure.why


def test_what_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    def for_ever(data: bytes, thoroughly: bool) -> None:
        while True:
            pass

    monkeypatch.setattr(loop, "_SECONDS", 0.05)
    report = run(SEVENS._replace(check=for_ever), inputs=1, folder=None)
    assert [each.oracle for each in report.failures] == [loop.ENDS]


def test_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(TARGETS, "sevens", SEVENS)
    assert main(["sevens", "--inputs", "500", "-o", str(tmp_path)]) == 1
    out, err = capsys.readouterr()
    assert out.splitlines()[-1] == "500 inputs in all"
    assert "broken: no sevens" in err
    [path, *_] = corpus.files("sevens", tmp_path)
    assert main(["sevens", "--replay", str(path)]) == 1
    path.write_bytes(b"\1")
    assert main(["sevens", "--replay", str(path)]) == 0
    assert main(["--list"]) == 0
    assert "sevens: numbers\n    always: no sevens\n" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["streams"], ["all", "--replay", "x"], ["nothing"]])
def test_what_the_command_does_not_understand(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main(arguments)
    assert raised.value.code == 2


def test_pieces() -> None:
    pieces = [(0, b"a"), (255, b""), (7, bytes(70_000))]
    assert split(join("some\nwords", pieces)) == ("some words", pieces)
    assert split(b"") == ("", [])
    assert split(b"x\n\x05\0\0") == ("x", [(5, b"")])
    assert split(b"x\n\x05\0\0\x09ab") == ("x", [(5, b"ab")])
