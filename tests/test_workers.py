"""Processes that work off tasks: what a `ProcessPoolExecutor` does, and what it does not when one of them dies."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import (
    BrokenExecutor,
    CancelledError,
    Executor,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import pytest

import events
from events import CaptureError, Workers, read_capture, read_captures
from events.capture.workers import WorkerDiedError

from .helpers.processes import LIMIT, ended, until

CAPTURES = sorted((Path(__file__).parent / "data").glob("*.pcap"))[:6]


@pytest.fixture(params=multiprocessing.get_all_start_methods())
def workers(request: pytest.FixtureRequest) -> Iterator[Workers]:
    with Workers(2, multiprocessing.get_context(request.param)) as workers:
        yield workers


class TravelsNot(Exception):
    def __init__(self, one: str, two: str) -> None:
        super().__init__(f"{one} {two}")
        self.lock = threading.Lock()


def square(number: int) -> int:
    return number * number


def raises(kind: type[Exception]) -> None:
    raise kind("on purpose") if kind is not TravelsNot else TravelsNot("on", "purpose")


def kill(number: int) -> None:
    os.kill(os.getpid(), number)
    time.sleep(LIMIT)


def sleep(path: str) -> None:
    Path(path).touch()
    time.sleep(LIMIT)


def touch(path: str) -> None:
    Path(path).touch()
    time.sleep(0.1)


def nothing_that_travels() -> object:
    return threading.Lock()


def test_results_come_as_from_any_executor(workers: Workers) -> None:
    assert list(workers.map(square, range(50))) == [n * n for n in range(50)]
    assert workers.submit(pow, 2, exp=5).result(LIMIT) == 32
    large = workers.submit(bytes, 10_000_000).result(LIMIT)
    assert large == bytes(10_000_000)
    assert {workers.submit(os.getpid).result(LIMIT) for _ in range(5)}.isdisjoint({os.getpid()})


def test_exceptions_come_too(workers: Workers) -> None:
    with pytest.raises(ValueError, match="on purpose") as caught:
        workers.submit(raises, ValueError).result(LIMIT)
    assert "raise kind" in "".join(caught.value.__notes__)
    with pytest.raises(RuntimeError, match="TravelsNot: on purpose"):
        workers.submit(raises, TravelsNot).result(LIMIT)
    with pytest.raises(TypeError, match="cannot pickle"):
        workers.submit(nothing_that_travels).result(LIMIT)
    with pytest.raises(TypeError, match="cannot pickle"):
        workers.submit(id, threading.Lock()).result(LIMIT)
    with pytest.raises(SystemExit):
        workers.submit(sys.exit, 3).result(LIMIT)
    assert workers.submit(square, 3).result(LIMIT) == 9


class Large(int):
    """A number that fills a pipe."""

    def __reduce__(self) -> tuple[object, ...]:
        return _large, (int(self), bytes(200_000))


def _large(number: int, filling: bytes) -> Large:
    return Large(number)


def count_up(path: str, number: int, error: bool = False) -> Iterator[int]:
    """Numbers; the file says how many have been asked for so far."""
    for index in range(number):
        with Path(path).open("ab") as file:
            file.write(b".")
        yield Large(index)
    if error:
        raise ValueError("on purpose")


def test_several_things_come_one_by_one(workers: Workers, tmp_path: Path) -> None:
    """A process is not far ahead of who takes them: what is made does not pile up."""
    path = str(tmp_path / "made")
    numbers = workers.stream(count_up, path, 100)
    assert [next(numbers) for _ in range(10)] == list(range(10))
    time.sleep(0.1)
    assert 10 <= Path(path).stat().st_size < 20
    assert list(numbers) == list(range(10, 100))
    assert next(numbers, None) is None


def test_a_stream_that_is_left_open(tmp_path: Path) -> None:
    """The processes end all the same, and whoever goes on is told that there would have been more."""
    with Workers(2) as workers:
        numbers = workers.stream(count_up, str(tmp_path / "made"), 10**6)
        assert next(numbers) == 0
    with pytest.raises(RuntimeError, match="shut down before all of it was taken"):
        list(numbers)


def test_what_a_stream_ends_with(workers: Workers, tmp_path: Path) -> None:
    numbers = workers.stream(count_up, str(tmp_path / "made"), 3, error=True)
    assert [next(numbers) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="on purpose"):
        next(numbers)
    with pytest.raises(TypeError, match="cannot pickle"):
        list(workers.stream(count_up, threading.Lock(), 3))  # type: ignore[arg-type]
    with pytest.raises(WorkerDiedError, match="was killed by SIGKILL"):
        list(workers.stream(kill_after_one, signal.SIGKILL))
    assert workers.submit(square, 3).result(LIMIT) == 9


def kill_after_one(number: int) -> Iterator[int]:
    yield 1
    kill(number)


def test_more_streams_than_processes(tmp_path: Path) -> None:
    """Whoever takes from all in turn waits for some that wait for the others: those run ahead."""
    with Workers(2) as workers:
        streams = [workers.stream(count_up, str(tmp_path / str(index)), 20) for index in range(5)]
        assert list(zip(*streams, strict=True)) == [(number,) * 5 for number in range(20)]


def test_a_stream_that_nobody_takes_to_its_end(workers: Workers, tmp_path: Path) -> None:
    """Its process ends, and another one is there for the next task; one that has not begun never does."""
    paths = [str(tmp_path / str(index)) for index in range(4)]
    streams = [workers.stream(count_up, path, 10**6) for path in paths]
    assert [next(stream) for stream in streams[:2]] == [0, 0]
    for stream in reversed(streams):
        stream.close()
        assert next(stream, None) is None
    assert workers.submit(square, 4).result(LIMIT) == 16
    assert not any(Path(path).exists() for path in paths[2:])


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_process_that_dies_costs_its_task(workers: Workers, number: signal.Signals) -> None:
    futures = [
        workers.submit(kill, number) if n % 5 == 0 else workers.submit(square, n) for n in range(12)
    ]
    for n, future in enumerate(futures):
        if n % 5:
            assert future.result(LIMIT) == n * n
        else:
            with pytest.raises(WorkerDiedError, match=f"was killed by {number.name}") as caught:
                future.result(LIMIT)
            assert caught.value.exitcode == -number


def test_a_process_that_ends_by_itself(workers: Workers) -> None:
    with pytest.raises(WorkerDiedError, match="ended with exit status 3"):
        workers.submit(os._exit, 3).result(LIMIT)
    # Closed behind its back: its pipe is at its end, though the process is not.
    with pytest.raises(WorkerDiedError):
        workers.submit(os.closerange, 3, 1000).result(LIMIT)
    assert workers.submit(square, 3).result(LIMIT) == 9


def test_one_that_dies_while_it_waits_costs_nothing(workers: Workers) -> None:
    if sys.platform != "linux":
        pytest.skip("looks at processes in /proc")
    for _ in range(3):
        process = workers.submit(os.getpid).result(LIMIT)
        os.kill(process, signal.SIGKILL)
        until(partial(ended, process))
    assert list(workers.map(square, range(10))) == [n * n for n in range(10)]


def test_processes_that_die_as_they_start() -> None:
    """There is no end to what could be tried; three are enough."""
    with Workers(2, initializer=die_in_a_worker) as workers:
        for future in [workers.submit(square, 3) for _ in range(5)]:
            with pytest.raises(BrokenExecutor, match="cannot start: one ended with exit status 7"):
                future.result(LIMIT)
        with pytest.raises(BrokenExecutor, match="cannot start"):
            workers.submit(square, 3)


def die_in_a_worker() -> None:
    os._exit(7)


def test_an_initializer_that_raises() -> None:
    with (
        Workers(2, initializer=raise_in_a_worker) as workers,
        pytest.raises(BrokenExecutor, match="cannot start: ImportError: no such thing"),
    ):
        workers.submit(square, 3).result(LIMIT)


def raise_in_a_worker() -> None:
    raise ImportError("no such thing")


def test_shutdown(workers: Workers) -> None:
    futures = [workers.submit(square, n) for n in range(20)]
    workers.shutdown()
    assert [future.result(0) for future in futures] == [n * n for n in range(20)]
    with pytest.raises(RuntimeError, match="after shutdown"):
        workers.submit(square, 3)
    workers.shutdown()
    assert not multiprocessing.active_children()


def test_kill_workers(workers: Workers, tmp_path: Path) -> None:
    marks = [tmp_path / "a", tmp_path / "b"]
    running = [workers.submit(sleep, str(mark)) for mark in marks]
    waiting = [workers.submit(square, n) for n in range(5)]
    until(lambda: all(mark.exists() for mark in marks))
    workers.kill_workers()
    for future in running:
        with pytest.raises(WorkerDiedError, match="SIGKILL"):
            future.result(LIMIT)
    for other in waiting:
        with pytest.raises(CancelledError):
            other.result(LIMIT)
    assert not multiprocessing.active_children()


def test_left_by_an_exception(tmp_path: Path) -> None:
    workers = Workers(1)
    future = workers.submit(sleep, str(tmp_path / "mark"))
    until((tmp_path / "mark").exists)
    with pytest.raises(ZeroDivisionError), workers:
        raise ZeroDivisionError
    assert isinstance(future.exception(LIMIT), WorkerDiedError)


def test_cancelled_futures(tmp_path: Path) -> None:
    with Workers(1) as workers:
        running = workers.submit(touch, str(tmp_path / "mark"))
        until((tmp_path / "mark").exists)
        waiting = [workers.submit(square, n) for n in range(5)]
        workers.shutdown(cancel_futures=True)
        assert running.result(LIMIT) is None
        assert all(future.cancelled() for future in waiting)


def test_as_many_as_there_are_processors() -> None:
    with Workers() as workers:
        assert workers.submit(square, 3).result(LIMIT) == 9
    with pytest.raises(ValueError, match="at least 1"):
        Workers(0)


SCRIPT = """
import os, sys
from events import Workers
sys.stdout.write("once\\n")  # and not flushed
sys.stderr.write("also")
def work(n):
    print("task", n)
    if n == 2:
        os._exit(1)
if __name__ == "__main__":
    workers = Workers(2)
    for n in range(4):
        workers.submit(work, n).exception()
    if len(sys.argv) > 1:
        workers.shutdown()
"""


@pytest.mark.parametrize("arguments", [[], ["shutdown"]])
def test_what_waits_to_be_printed_is_printed_once(arguments: list[str]) -> None:
    """A forked process has what waits in the streams of its parent. A program ends that has forgotten `shutdown`."""
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments],
        capture_output=True,
        check=False,
        timeout=LIMIT,
        env={**os.environ, "PYTHONUNBUFFERED": ""},
    )
    assert sorted(result.stdout.split(b"\n")[:-1]) == [b"once", *(b"task %d" % n for n in range(4))]
    assert (result.returncode, result.stderr) == (0, b"also")


# Captures


def deadly(stream: Iterator[events.Event]) -> bytes:
    """Lines; but a capture without events kills the process that reads it."""
    lines = events.json_lines(stream)
    if not lines:
        os.kill(os.getpid(), signal.SIGKILL)
    return lines


def raising(stream: Iterator[events.Event]) -> bytes:
    lines = events.json_lines(stream)
    if not lines:
        raise ZeroDivisionError("nothing")
    return lines


def too_large(stream: Iterator[events.Event]) -> bytes:
    lines = events.json_lines(stream)
    if not lines:
        raise MemoryError
    return lines


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    """Captures; the third has no events."""
    empty = tmp_path / "empty.pcap"
    empty.write_bytes(CAPTURES[0].read_bytes()[:24])
    return [*CAPTURES[:2], empty, *CAPTURES[2:]]


def lines_of(paths: list[Path]) -> list[bytes]:
    return [events.json_lines(read_capture(path, uid_seed=str(path))) for path in paths]


def test_a_capture_that_a_process_dies_of(workers: Workers, paths: list[Path]) -> None:
    errors: list[CaptureError] = []
    found = read_captures(paths, executor=workers, make_all=deadly, on_error=errors.append)
    assert list(found) == lines_of(CAPTURES)
    reason = "the process that read it was killed by SIGKILL; its events are lost"
    assert [(error.path, error.reason) for error in errors] == [(str(paths[2]), reason)]
    with pytest.raises(ExceptionGroup, match="captures that could not be read"):
        list(read_captures(paths, executor=workers, make_all=deadly))


def test_an_executor_that_breaks(paths: list[Path]) -> None:
    """What came before is given out, also where the executor is found broken as it is given the next."""
    with ProcessPoolExecutor(1) as executor:
        for _ in range(2):
            found = read_captures(paths, executor=executor, make_all=deadly)
            given: list[bytes] = []
            with pytest.raises(BrokenExecutor) as caught:
                take(found, given)
            [note] = caught.value.__notes__[-1:]
            if given:
                assert given == lines_of(paths[:2])
                assert str(paths[2]) in note
            else:  # the second time
                assert str(paths[0]) in note


def take(items: Iterator[bytes], into: list[bytes]) -> None:
    """Take what comes, one by one, so that it stays where an exception comes in the end."""
    for item in items:
        into.append(item)


KINDS = pytest.mark.parametrize("kind", [Workers, ProcessPoolExecutor, ThreadPoolExecutor])


@KINDS
def test_an_exception_of_what_is_made(kind: Callable[[int], Executor], paths: list[Path]) -> None:
    given: list[bytes] = []
    with kind(1) as executor:
        found = read_captures(paths, executor=executor, make_all=raising)
        with pytest.raises(ZeroDivisionError) as caught:
            take(found, given)
        assert str(paths[2]) in caught.value.__notes__[-1]
        assert given == lines_of(paths[:2])
        with (
            pytest.raises(TypeError, match="pickle")
            if kind is not ThreadPoolExecutor
            else nullcontext()
        ):
            list(read_captures(paths[:1], executor=executor, make_all=unpicklable))


def unpicklable(stream: Iterator[events.Event]) -> object:
    return threading.Lock()


@KINDS
def test_a_capture_that_is_too_large(kind: Callable[[int], Executor], paths: list[Path]) -> None:
    errors: list[CaptureError] = []
    with kind(2) as executor:
        found = read_captures(paths, executor=executor, make_all=too_large, on_error=errors.append)
        assert list(found) == lines_of(CAPTURES)
    assert [str(error) for error in errors] == [
        f"{paths[2]}: there is not enough memory for it; its events are lost"
    ]
