"""One capture on executors, and on the command line: the same, byte for byte, whoever reads it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import pytest

import events
import tlsgrammar.names
from events import CaptureError, Event, Workers
from events.capture.files import open_capture
from events.cli import common
from events.testing.captures import Ends, packets, payloads, write
from tests.helpers.capture_files import pcapng, secrets
from tests.helpers.command import run
from tlsgrammar import Registry
from tlsgrammar.registry import DEFAULT

from .crowd import DATA, crowd


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Many pieces of very many packets."""
    folder = tmp_path_factory.mktemp("capture")
    captured = sorted([packet for seed in range(4) for packet in crowd(50, seed)])
    return str(write(folder / "crowd.pcap", captured))


@pytest.fixture(params=[ThreadPoolExecutor, ProcessPoolExecutor, Workers])
def executor(request: pytest.FixtureRequest) -> Iterator[Executor]:
    with request.param(3) as executor:
        yield executor


def test_the_same_events(executor: Executor, capture: str) -> None:
    one = list(events.read_capture(capture))
    assert list(events.read_capture(capture, executor=executor)) == one
    assert list(events.read_capture(capture, executor=executor, shares=2)) == one


def test_the_same_rows(executor: Executor, capture: str) -> None:
    one = list(events.read_connections(capture))
    assert list(events.read_connections(capture, executor=executor)) == one


def test_with_secrets(executor: Executor) -> None:
    path = DATA / "secrets" / "openssl3.pcapng.gz"
    one = list(events.read_capture(path, wanted=events.known_events()))
    assert any(event.name == "ssl_decrypted_data" for event in one)
    found = events.read_capture(path, wanted=events.known_events(), executor=executor)
    assert list(found) == one


def registry() -> Registry:
    """One in which a cipher suite has a name of its own."""
    made = DEFAULT.copy()
    made.register_name(tlsgrammar.names.CIPHER_SUITES, 0xC02F, "OURS", replace=True)
    return made


def test_a_registry_of_ones_own(executor: Executor, capture: str) -> None:
    one = list(events.read_capture(capture, extensions=registry()))
    assert list(events.read_capture(capture, executor=executor, extensions=registry)) == one
    with pytest.raises(TypeError, match="a registry does not travel"):
        events.read_capture(capture, executor=executor, extensions=registry())  # type: ignore[call-overload]


def test_what_is_wrong_is_told_at_once(executor: Executor, tmp_path: Path) -> None:
    path = tmp_path / "capture"
    with pytest.raises(CaptureError, match="No such file"):
        events.read_capture(path, executor=executor)
    path.write_bytes(b"what is this")
    with pytest.raises(CaptureError, match="neither a pcap nor a pcapng"):
        events.read_capture(path, executor=executor)
    with pytest.raises(ValueError, match="shares= must be 1 or more"):
        events.read_capture(path, executor=executor, shares=0)
    with pytest.raises(TypeError, match="shares= takes a number"):
        events.read_capture(path, executor=executor, shares="2")  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="takes no options="):
        events.read_capture(path, executor=executor, options=events.Options())  # type: ignore[call-overload]
    with pytest.raises(ValueError, match="no event is named"):
        events.read_capture(path, executor=executor, wanted={"ssl_hello"})


def test_a_pipe_is_read_here(executor: Executor, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    whole = DATA / "tls13.pcap"
    with subprocess.Popen(["cp", whole, fifo]):
        with pytest.warns(RuntimeWarning, match="is no file that several processes can read"):
            found = events.read_capture(fifo, executor=executor)
        assert list(found) == list(events.read_capture(whole))


def test_where_the_file_breaks_off(executor: Executor, capture: str, tmp_path: Path) -> None:
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(Path(capture).read_bytes()[:-1])
    one: list[Event] = []
    two: list[Event] = []
    for found, taken in (
        (events.read_capture(cut), one),
        (events.read_capture(cut, executor=executor), two),
    ):
        taken += islice(found, len(list(events.read_capture(capture))) - 1)
        with pytest.raises(CaptureError, match="is truncated"):
            taken += list(found)
    assert two == one


def test_progress(executor: Executor, capture: str) -> None:
    sizes: list[int] = []
    list(events.read_capture(capture, executor=executor, progress=sizes.append))
    alone: list[int] = []
    list(events.read_capture(capture, progress=alone.append))
    assert sum(sizes) == sum(alone)
    assert len(sizes) > 1


def test_whoever_wants_no_more_stops_those_who_read(capture: str) -> None:
    with Workers(2) as workers:
        first = next(iter(events.read_capture(capture, executor=workers)))
        assert first == next(iter(events.read_capture(capture)))
        # They are there for others.
        assert workers.submit(pow, 2, 3).result(60) == 8


def test_two_captures_at_once(capture: str) -> None:
    """Taken from in turn, although one alone keeps all processes busy."""
    one = list(events.read_capture(capture))
    with Workers(2) as workers:
        both = [events.read_capture(capture, executor=workers) for _ in range(2)]
        assert list(zip(*both, strict=True)) == list(zip(one, one, strict=True))


def test_other_tasks_while_a_capture_is_shared(capture: str) -> None:
    """Its processes go on with them, however little of it is taken."""
    with Workers(2) as workers:
        first = events.read_capture(capture, executor=workers)
        one = next(first)
        small = DATA / "tls13.pcap"
        assert list(events.read_captures([small], executor=workers)) == list(
            events.read_capture(small)
        )
        assert [one, *first] == list(events.read_capture(capture))


def test_a_process_that_dies_costs_what_follows(capture: str) -> None:
    whole = list(events.read_capture(capture))
    with Workers(2) as workers:
        pids = {workers.submit(os.getpid).result(60) for _ in range(20)}
        found = events.read_capture(capture, executor=workers)
        assert next(found) == whole[0]
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        with pytest.raises(CaptureError, match="was killed by SIGKILL; the events that follow"):
            list(found)


def test_on_a_dask_cluster(capture: str) -> None:
    """Two worker processes on loopback share one capture."""
    distributed = pytest.importorskip("distributed", reason="needs dask.distributed (extra dask)")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        found = list(events.read_capture(capture, executor=client.get_executor(), shares=2))
    assert found == list(events.read_capture(capture))


# On the command line


@pytest.fixture(scope="module")
def very_large(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A capture that is worth sharing."""
    said = payloads(DATA / "tls12-ecdhe-rsa.pcap")
    said += [(False, b"\x17\x03\x03\x40\x00" + bytes(0x4000))] * 2  # as a connection with data
    captured = [
        packet
        for i in range(130)
        for packet in packets(said, ends=Ends(orig_p=1024 + i), start=1e9 + i, isn=(i, i))
    ]
    path = write(tmp_path_factory.mktemp("large") / "large.pcap", captured)
    assert path.stat().st_size > common._WORTH_SHARING
    return str(path)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--format", "json"],
        ["--format", "json", "--names", "--all-events"],
        ["--group", "--color", "always"],
        ["--event", "ssl_established", "--event", "ssl_alert"],
        ["--filter", "tcp", "--search-limit", "0", "--no-disable-analyzer-after-detection"],
    ],
    ids=" ".join,
)
def test_events(very_large: str, arguments: list[str]) -> None:
    one = run(*arguments, very_large)
    two = run(*arguments, "-j", "3", very_large)
    assert (two.stdout, two.stderr, two.returncode) == (one.stdout, one.stderr, 0)
    assert one.stdout


@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_connections(very_large: str, form: str) -> None:
    one, two = (
        subprocess.run(
            [sys.executable, "-c", COMMAND, "--format", form, *jobs, very_large],
            capture_output=True,
            check=True,
        )
        for jobs in ((), ("-j", "2"))
    )
    assert (two.stdout, two.stderr) == (one.stdout, one.stderr)
    assert one.stdout.count(b"\n") >= 130


COMMAND = "from tlsgrammar_commands import tls_connections; tls_connections()"


def test_zeek_logs(very_large: str, tmp_path: Path) -> None:
    for jobs in ("1", "2"):
        folder = str(tmp_path / jobs)
        command = [sys.executable, "-c", COMMAND, "--format", "zeek", "-o", folder, "-j", jobs]
        subprocess.run([*command, very_large], check=True)
    for name in ("ssl.log", "quic.log", "x509.log"):
        one, two = ((tmp_path / jobs / name).read_text() for jobs in ("1", "2"))
        lines = [[line for line in log.splitlines() if line[0] != "#"] for log in (one, two)]
        assert lines[0] == lines[1]
    assert len(lines[0]) == 1  # of the same certificate, each time


def test_parquet(very_large: str, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow (extra arrow)")
    for jobs in ("1", "2"):
        assert run("--format", "parquet", "-o", str(tmp_path / jobs), "-j", jobs, very_large)
    names = sorted(path.name for path in (tmp_path / "1").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "2").iterdir())
    assert len(names) > 5
    for name in names:
        one, two = (parquet.read_table(tmp_path / jobs / name) for jobs in ("1", "2"))
        assert one.equals(two)


def test_decryption(tmp_path: Path) -> None:
    """Secrets in the capture, and in a key log that comes through a pipe."""
    path = DATA / "secrets" / "openssl3.pcapng.gz"
    opened = open_capture(path)
    captured = [packet for _, batch in opened.batches for packet in batch]
    blocks = b"".join(secrets(data) for _, data in opened.secrets)
    packets_alone, head = pcapng(captured * 4), len(pcapng([]))
    large = tmp_path / "large.pcapng"
    large.write_bytes(packets_alone[:head] + blocks + packets_alone[head:])
    arguments = ["--event", "ssl_decrypted_data", "--event", "ssl_secrets_known"]
    one = run(*arguments, str(large))
    assert one.stdout.count(b"ssl_secrets_known") > 10
    two = run(*arguments, "-j", "2", str(large))
    assert (two.stdout, two.stderr) == (one.stdout, one.stderr)
    plain = tmp_path / "plain.pcapng"
    plain.write_bytes(packets_alone)
    keys = tmp_path / "keys"
    keys.write_bytes(b"".join(data for _, data in opened.secrets))
    for jobs in ("1", "2"):
        done = subprocess.run(
            [
                "bash",
                "-c",
                f'exec "{sys.executable}" -m events {" ".join(arguments)} -j {jobs} --keylog <(cat "$0") "$1"',
                str(keys),
                str(plain),
            ],
            capture_output=True,
            check=True,
        )
        assert (done.stdout, done.stderr) == (one.stdout, b"")


def test_large_and_small(very_large: str, tmp_path: Path) -> None:
    """The large one is shared, the small ones are read whole; each has uids of its own."""
    files = [
        str(DATA / "tls13.pcap"),
        very_large,
        str(tmp_path / "missing"),
        str(DATA / "tls10-dhe-rsa.pcap"),
    ]
    for arguments in (["--format", "json"], ["--group"]):
        one = run(*arguments, *files)
        two = run(*arguments, "-j", "2", *files)
        assert (two.stdout, two.stderr, two.returncode) == (one.stdout, one.stderr, 1)


def test_more_processes_than_there_are_shares(very_large: str) -> None:
    two = run("-j", "300", "--event", "ssl_established", very_large)
    assert two.stdout == run("--event", "ssl_established", very_large).stdout
    assert two.stderr == b""


def test_sessions_are_those_of_one_capture(tmp_path: Path) -> None:
    """Whether a process has read another capture before does not matter."""
    opened = open_capture(DATA / "secrets" / "gnutls.pcapng.gz")
    captured = [packet for _, batch in opened.batches for packet in batch]
    keys = tmp_path / "keys"
    keys.write_bytes(b"".join(data for _, data in opened.secrets))
    halves = [captured[: len(captured) // 2], captured[len(captured) // 2 :]]
    files = [str(write(tmp_path / f"{i}.pcap", half)) for i, half in enumerate(halves)]
    arguments = [
        "--keylog",
        str(keys),
        "--event",
        "ssl_decrypted_data",
        "--event",
        "ssl_secrets_known",
    ]
    one = run(*arguments, *files)
    two = run(*arguments, "-j", "2", *files)
    assert one.stdout == two.stdout != b""


def test_standard_input(very_large: str) -> None:
    data = Path(very_large).read_bytes()
    one = run("-", stdin=data)
    two = run("-j", "2", "-", stdin=data)
    assert two.stdout == one.stdout
    assert two.stderr.decode() == (
        "tls-events: -j 2: standard input is no file that several processes can read; one process reads it\n"
    )
    assert two.returncode == 0


@pytest.mark.skipif(sys.platform != "linux", reason="needs the peak of a process as Linux tells it")
def test_the_memory_of_all_processes(very_large: str) -> None:
    """No process holds what another one has made: pieces come and go."""
    done = subprocess.run(
        [sys.executable, "-c", PEAKS, "-j", "2", very_large],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=True,
    )
    own, of_one_child = map(int, done.stderr.split())
    assert own + 2 * of_one_child < 200_000


# ru_maxrss of a process is at first that of the one that it was forked from.
PEAKS = """
import re, resource, sys
from events.cli.events import main
main()
peak = re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1]
print(peak, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
"""
