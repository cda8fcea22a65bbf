"""Many captures at once: the same events in the same order, whatever reads them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path

import pytest

import events
from events import CaptureError, read_capture, read_captures

from .helpers.command import run

CAPTURES = sorted((Path(__file__).parent / "data").glob("*.pcap"))


@pytest.fixture(params=[None, ThreadPoolExecutor, ProcessPoolExecutor, events.Workers])
def executor(request: pytest.FixtureRequest) -> Iterator[Executor | None]:
    with request.param(2) if request.param else nullcontext() as executor:
        yield executor


def test_in_the_order_of_the_captures(executor: Executor | None) -> None:
    expected = [event for path in CAPTURES for event in read_capture(path, uid_seed=str(path))]
    assert list(read_captures(CAPTURES, executor=executor, ahead=3)) == expected
    lines = list(read_captures(CAPTURES, executor=executor, make=events.json_line))
    assert lines == [events.json_line(event) for event in expected]


def test_a_capture_that_fails_does_not_stop_the_others(
    executor: Executor | None, tmp_path: Path
) -> None:
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(CAPTURES[0].read_bytes()[:-1])
    paths = [CAPTURES[0], tmp_path / "missing", cut, CAPTURES[1]]
    errors: list[CaptureError] = []
    found = list(read_captures(paths, executor=executor, on_error=errors.append))
    assert [error.path for error in errors] == [str(tmp_path / "missing"), str(cut)]
    assert found[-1] == list(read_capture(CAPTURES[1], uid_seed=str(CAPTURES[1])))[-1]
    assert len(found) > len(list(read_capture(CAPTURES[1]))) + len(list(read_capture(CAPTURES[0])))
    with pytest.raises(ExceptionGroup) as group:
        list(read_captures(paths, executor=executor))
    assert [str(error) for error in group.value.exceptions] == [str(error) for error in errors]


def test_an_executor_is_not_given_more_than_it_is_asked_for() -> None:
    submitted = 0

    class Counting(ThreadPoolExecutor):
        def submit(self, *arguments: object, **options: object) -> object:  # type: ignore[override]
            nonlocal submitted
            submitted += 1
            return super().submit(*arguments, **options)  # type: ignore[arg-type]

    next(iter(read_captures(CAPTURES, executor=Counting(1), ahead=2)))
    assert submitted == 3


def test_what_is_made_of_whole_captures(tmp_path: Path) -> None:
    broken = tmp_path / "broken.pcap"
    broken.write_bytes(CAPTURES[0].read_bytes()[:-5])
    paths = [CAPTURES[0], broken, CAPTURES[1]]
    problems: list[CaptureError] = []
    made = list(read_captures(paths, make_all=events.json_lines, on_error=problems.append))
    assert [problem.path for problem in problems] == [str(broken)]
    assert made[0] == b"".join(
        events.json_line(e) + b"\n" for e in read_capture(CAPTURES[0], uid_seed=str(CAPTURES[0]))
    )
    assert made[1]
    assert len(made) == 3
    with ThreadPoolExecutor(2) as executor:
        again = read_captures(
            paths, executor=executor, make_all=events.json_lines, on_error=problems.append
        )
        assert list(again) == made
    with pytest.raises(TypeError, match="either make= or make_all="):
        read_captures(paths, make=events.json_line, make_all=events.json_lines)  # type: ignore[call-overload]


def test_jobs_on_the_command_line(tmp_path: Path) -> None:
    files = [*map(str, CAPTURES[:3]), str(tmp_path / "missing"), *map(str, CAPTURES[3:])]
    one = run("--format", "json", *files)
    two = run("--format", "json", "-j", "2", *files)
    assert two.stdout == one.stdout
    assert (two.returncode, two.stderr) == (1, one.stderr)
    assert (
        run("-j", "2", CAPTURES[0].as_posix(), "-", stdin=CAPTURES[1].read_bytes()).returncode == 0
    )


def test_on_a_dask_cluster() -> None:
    """Two worker processes on loopback."""
    distributed = pytest.importorskip("distributed", reason="needs dask.distributed (extra dask)")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        lines = list(read_captures(CAPTURES, executor=client.get_executor(), make=events.json_line))
    assert lines == [
        events.json_line(e) for path in CAPTURES for e in read_capture(path, uid_seed=str(path))
    ]
