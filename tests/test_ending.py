"""Whatever ends a command, it ends: all of its processes, with what was complete printed, one line, and a status.

Real processes and real signals. A capture that is a FIFO holds a process where the test wants it, so that nothing depends on
speed; the time limits only catch what hangs.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from events.testing.captures import packets, payloads, write

from .helpers.command import DATA, TLS12, TLS13, run, without_uids
from .helpers.processes import LIMIT, processes, sleeps, until

if sys.platform != "linux":
    pytest.skip("looks at processes in /proc", allow_module_level=True)

JOBS = pytest.mark.parametrize("jobs", ["1", "2"])


def readers(session: int, path: str) -> list[int]:
    """The processes of a session that have a file open."""
    found = []
    for process in processes(session):
        with suppress(OSError):
            files = map(os.readlink, Path(f"/proc/{process}/fd").iterdir())
            if path in files:
                found.append(process)
    return found


@contextmanager
def command(
    *arguments: str,
    module: str = "events",
    redirect: str = "",
    before: str = "",
    stdout: int = subprocess.PIPE,
) -> Iterator[subprocess.Popen[bytes]]:
    """A command in a session of its own, of which nothing may be left at the end."""
    line = [
        "bash",
        "-c",
        f'{before} exec "$@" {redirect}',
        "-",
        sys.executable,
        "-m",
        module,
        *arguments,
    ]
    with subprocess.Popen(
        line,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env={**os.environ, "PYTHONUNBUFFERED": ""},
    ) as process:
        try:
            yield process
            process.wait(LIMIT)
            until(lambda: not processes(process.pid))
        finally:
            for left in processes(process.pid):
                os.kill(left, signal.SIGKILL)


def told(process: subprocess.Popen[bytes]) -> tuple[int, bytes, bytes]:
    """The status of a command, and what it printed on standard output and on standard error."""
    output, errors = process.communicate(timeout=LIMIT)
    return process.returncode, output, errors


@pytest.fixture
def big(tmp_path: Path) -> str:
    """A capture with more events than a pipe holds."""
    chunks = payloads(Path(TLS12))
    many = [p for i in range(300) for p in packets(chunks, start=1e9 + i * 100, isn=(i, i))]
    return str(write(tmp_path / "big.pcap", many))


@pytest.fixture
def fifo(tmp_path: Path) -> str:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    return str(path)


@contextmanager
def held(path: str) -> Iterator[None]:
    """Once a process reads a FIFO: it waits for what does not come."""
    end = time.monotonic() + LIMIT
    while True:
        try:
            fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
            break
        except OSError as error:
            if error.errno != errno.ENXIO or time.monotonic() > end:  # nobody reads yet
                raise
            time.sleep(0.01)
    try:
        yield
    finally:
        os.close(fd)


# Standard output


@JOBS
def test_a_full_disk(big: str, jobs: str) -> None:
    with command("-j", jobs, *[big] * 4, redirect=">/dev/full") as process:
        assert told(process) == (
            1,
            b"",
            b"tls-events: the events cannot be written: No space left on device\n",
        )


@JOBS
def test_a_reader_that_has_seen_enough(big: str, jobs: str) -> None:
    with command("-j", jobs, *[big] * 4) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert (process.wait(LIMIT), process.stderr.read()) == (0, b"")


def test_a_reader_that_is_slow_and_output_that_does_not_wait(big: str) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with command(big, stdout=writer) as process:
        os.close(writer)
        until(lambda: sleeps(process.pid))
        with open(reader, "rb") as file:
            output = file.read()
        assert process.wait(LIMIT) == 0
    assert output == run(big).stdout


@JOBS
def test_closed_output(big: str, jobs: str) -> None:
    with command("-j", jobs, big, big, redirect=">&-") as process:
        line = b"tls-events: the events cannot be written: standard output is closed\n"
        assert told(process) == (1, b"", line)


@JOBS
@pytest.mark.parametrize("redirect", ["2>&-", "2>/dev/full", "<&- 2>&-"])
def test_nobody_to_tell(jobs: str, redirect: str) -> None:
    """What would be said on standard error does not get among the events, nor into a file that is opened as 2."""
    with command("-j", jobs, TLS12, "missing", TLS13, redirect=redirect) as process:
        assert told(process) == (1, run(TLS12, TLS13).stdout, b"")


def test_all_closed() -> None:
    with command("-j", "2", TLS12, TLS13, redirect="<&- >&- 2>&-") as process:
        assert told(process) == (1, b"", b"")


@pytest.mark.parametrize("arguments", [["events", "--version"], ["tlsgrammar", "--help"]])
def test_usage_that_cannot_be_written(arguments: list[str]) -> None:
    with command(*arguments[1:], module=arguments[0], redirect=">/dev/full") as process:
        status, _, errors = told(process)
    assert (status, errors.count(b"\n")) == (1, 1)
    assert errors.endswith(b": No space left on device\n")


# Signals

SIGNALS = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])


def line_of(program: str, number: signal.Signals) -> bytes:
    return f"{program}: ended by {number.name}\n".encode()


@JOBS
@SIGNALS
def test_a_signal(fifo: str, jobs: str, number: signal.Signals) -> None:
    with command("-j", jobs, TLS12, fifo, fifo, TLS13) as process, held(fifo):
        until(lambda: sleeps(process.pid))
        process.send_signal(number)
        status, output, errors = told(process)
    assert (status, errors) == (128 + number, line_of("tls-events", number))
    # In the order of the files; with several processes it may not have been read yet.
    whole = without_uids(run(TLS12).stdout)
    assert without_uids(output) in ((whole,) if jobs == "1" else (whole, b""))


@SIGNALS
def test_a_signal_to_all(fifo: str, number: signal.Signals) -> None:
    """As a terminal sends it."""
    with command("-j", "2", fifo, fifo) as process, held(fifo):
        os.killpg(process.pid, number)
        status, output, errors = told(process)
    lines = errors.splitlines(keepends=True)
    if number == signal.SIGINT:
        assert (status, output, errors) == (130, b"", line_of("tls-events", number))
    else:
        # The processes may die of it before this one has taken it.
        assert (status, output) == (128 + number, b"")
        assert lines[-1] == line_of("tls-events", number)


def test_a_signal_that_is_to_be_ignored(fifo: str) -> None:
    with command(fifo, TLS13, before="trap '' HUP;") as process:
        with held(fifo):
            until(lambda: sleeps(process.pid))
            process.send_signal(signal.SIGHUP)
        assert without_uids(told(process)[1]) == without_uids(run(TLS13).stdout)


@JOBS
@SIGNALS
def test_a_signal_while_nobody_reads(big: str, jobs: str, number: signal.Signals) -> None:
    """Such as a pager that shows the first page."""
    reader, writer = os.pipe()
    size = fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    with command("-j", jobs, *[big] * 3, stdout=writer) as process:
        os.close(writer)
        waiting = bytearray(4)

        def full() -> bool:
            fcntl.ioctl(reader, termios.FIONREAD, waiting)
            return int.from_bytes(waiting, sys.byteorder) == size

        until(full)
        process.send_signal(number)
        assert process.wait(LIMIT) == 128 + number
    os.close(reader)


@SIGNALS
def test_lines_are_written_whole(big: str, number: signal.Signals) -> None:
    with command(*[big] * 20) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        process.send_signal(number)
        rest = process.stdout.read()
        assert process.wait(LIMIT) == 128 + number
    whole = without_uids(run(big).stdout).splitlines(keepends=True)
    lines = without_uids(first + rest).splitlines(keepends=True)
    assert lines == (whole * 20)[: len(lines)]


def test_the_parent_is_killed(fifo: str) -> None:
    """Its processes end too, also while they wait for a file in libpcap."""
    with command("-j", "3", *[fifo] * 4) as process, held(fifo):
        until(lambda: len(processes(process.pid)) == 4)
        process.kill()
        process.wait(LIMIT)
        until(lambda: not processes(process.pid))


# A worker that dies


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_a_killed_worker_costs_its_file(fifo: str, number: signal.Signals) -> None:
    files = sorted(map(str, DATA.glob("*.pcap")))
    with command("-j", "2", *files[:3], fifo, *files[3:]) as process:
        with held(fifo):
            until(lambda: readers(process.pid, fifo))
            [victim] = readers(process.pid, fifo)
            os.kill(victim, number)
        result = told(process)
    line = f"tls-events: {fifo}: the process that read it was killed by {number.name}; its events are lost\n"
    assert result == (1, run(*files).stdout, line.encode())


def test_all_workers_are_killed(fifo: str) -> None:
    """Those that wait for work too: others take their place."""
    files = [TLS12, fifo, *[TLS13] * 30]
    with command("-j", "3", *files) as process:
        with held(fifo):
            for worker in set(processes(process.pid)) - {process.pid}:
                os.kill(worker, signal.SIGKILL)
        status, output, errors = told(process)
    assert status == 1
    assert len(errors.splitlines()) in (1, 2, 3)  # for the files that were being read
    assert all(b"was killed by SIGKILL" in line for line in errors.splitlines())
    assert output.count(b"ssl_established") == len(files) - len(errors.splitlines())


# File names


@JOBS
def test_a_file_name_that_is_not_utf8(tmp_path: Path, jobs: str) -> None:
    directory = os.fsencode(tmp_path) + b"/\xff\xfe"
    os.mkdir(directory)
    result = run("-j", jobs, TLS12, os.fsdecode(directory), str(tmp_path / "two\nlines"))
    assert result.returncode == 1
    assert without_uids(result.stdout) == without_uids(run(TLS12).stdout)
    assert result.stderr.decode().splitlines() == [
        f"tls-events: {tmp_path}/\\xff\\xfe: is a directory",
        f"tls-events: {tmp_path}/two\\nlines: No such file or directory",
    ]


# The other command


@SIGNALS
def test_the_tool_and_a_signal(fifo: str, number: signal.Signals) -> None:
    with command("parse", fifo, module="tlsgrammar") as process, held(fifo):
        until(lambda: sleeps(process.pid))
        process.send_signal(number)
        assert told(process) == (128 + number, b"", line_of("tlsgrammar", number))


def test_the_tool_and_a_reader_that_has_seen_enough() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    for arguments in (
        ["names", "cipher_suites"],
        ["build", "Alert", '{"level": 1, "description": 0}'],
        ["--help"],
    ):
        with command(*arguments, module="tlsgrammar", stdout=writer) as process:
            assert told(process)[::2] == (0, b"")
    os.close(writer)


@pytest.mark.parametrize(
    "arguments",
    [
        ["names", "cipher_suites"],
        ["build", "Alert", '{"level": 1, "description": 0}'],
        ["show", "ClientHello"],
    ],
)
def test_the_tool_and_a_full_disk(arguments: list[str]) -> None:
    with command(*arguments, module="tlsgrammar", redirect=">/dev/full") as process:
        assert told(process) == (1, b"", b"tlsgrammar: cannot write: No space left on device\n")


@pytest.mark.parametrize("redirect", ["2>&-", "2>/dev/full"])
def test_the_tool_and_nobody_to_tell(redirect: str) -> None:
    with command("names", "no such", module="tlsgrammar", redirect=redirect) as process:
        assert told(process) == (1, b"", b"")


def test_the_tool_and_words_that_are_not_utf8() -> None:
    for arguments in (
        ["parse", "\udcff"],
        ["names", "\udcff"],
        ["show", "\udcff"],
        ["build", "Alert", "\udcff"],
        ["build", "\udcff", "{}"],
    ):
        with command(*arguments, module="tlsgrammar") as process:
            status, _, errors = told(process)
        # All names have the empty word in them, which is what is left of these.
        assert status == (0 if arguments[0] == "names" else 1)
        assert errors.count(b"\n") == status


# A bad plug-in

BAD = """
from typing import Annotated
import events
from tlsgrammar import Alert

class Bad(events.Meaning):
    def words(self, value, registry):
        raise ZeroDivisionError("on purpose")

class BadEvent(events.Event, frozen=True):
    name = "bad"
    c: events.Connection
    level: Annotated[int, Bad]

@events.raises(BadEvent, Alert)
def bad(body, at):
    return BadEvent(at.c, body.level)
"""


@JOBS
def test_a_meaning_that_raises(tmp_path: Path, jobs: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It costs its own event."""
    (tmp_path / "bad_plugin.py").write_text(BAD)
    (tmp_path / "bad-1.dist-info").mkdir()
    (tmp_path / "bad-1.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: bad\nVersion: 1\n"
    )
    (tmp_path / "bad-1.dist-info" / "entry_points.txt").write_text(
        "[tlsgrammar.extensions]\nbad = bad_plugin\n"
    )
    path = write(
        tmp_path / "alert.pcap",
        packets([*payloads(Path(TLS12))[:1], (False, bytes.fromhex("15030300020228"))]),
    )
    without = run(str(path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    result = run("-j", jobs, str(path), str(path))
    assert b"ssl_alert" in without.stdout
    assert result.returncode == 1
    assert without_uids(result.stdout) == without_uids(without.stdout * 2)
    assert result.stderr == b"tls-events: bad cannot be printed: ZeroDivisionError: on purpose\n"
