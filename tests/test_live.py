"""Live capture: on the loopback interface, of a network namespace where that can be had.

Real packets and real processes. The time limits only catch what hangs.
"""

from __future__ import annotations

import ctypes
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import events

from .helpers.documents import ALL_BLOCKS, BLOCKS
from .helpers.network import Network, a_network, until_capturing
from .helpers.processes import LIMIT, until

if sys.platform != "linux":
    pytest.skip("captures on Linux", allow_module_level=True)

PORT = (
    20_000 + os.getpid() % 10_000
)  # where there is no network of our own, tests that run beside have another
ONLY_OURS = ("-f", f"port {PORT}")
EVENTS = (sys.executable, "-m", "events")
CONNECTIONS = (
    sys.executable,
    "-c",
    "from tlsgrammar_commands import tls_connections; tls_connections()",
)


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with a_network() as network:
        yield network


@contextmanager
def capturing(
    network: Network, *command: str, stdout: int = subprocess.PIPE
) -> Iterator[subprocess.Popen[bytes]]:
    """A command that captures, from when it does."""
    with subprocess.Popen(
        network.command(*command), stdout=stdout, stderr=subprocess.PIPE
    ) as process:
        try:
            until_capturing(process.pid)
            yield process
        finally:
            process.kill()


def shake_hands(network: Network, count: int) -> None:
    arguments = ("-m", "tests.helpers.handshakes", str(count), str(PORT))
    done = network.run(sys.executable, *arguments)
    assert (done.returncode, done.stderr) == (0, b"")


def ended(
    process: subprocess.Popen[bytes], number: signal.Signals = signal.SIGINT
) -> tuple[int, bytes, str]:
    """The status of a command that a signal ends, and what it prints on standard output and on standard error."""
    process.send_signal(number)
    output, errors = process.communicate(timeout=LIMIT)
    return process.returncode, output, errors.decode()


def objects(output: bytes) -> list[dict[str, object]]:
    return [json.loads(line) for line in output.splitlines()]


# Packets as they come


def test_a_thousand_handshakes_in_a_row(network: Network) -> None:
    """None is missed."""
    asked = ("--event", "ssl_extension_server_name", "--event", "ssl_established")
    # Into a file, so that nobody need read along.
    with (
        open(os.memfd_create("lines"), "w+b") as lines,
        capturing(
            network,
            *EVENTS,
            "-i",
            "lo",
            *ONLY_OURS,
            *asked,
            "--format",
            "json",
            stdout=lines.fileno(),
        ) as process,
    ):
        shake_hands(network, 1000)
        status, _, errors = ended(process)
        lines.seek(0)
        found = objects(lines.read())
    names = [line["names"] for line in found if "names" in line]
    assert names == [[f"host{index}.example"] for index in range(1000)]
    assert sum(line["event"] == "ssl_established" for line in found) == 1000
    assert status == 0
    assert errors.startswith("tls-events: ")
    assert errors.endswith(" packets, 0 dropped by the kernel\n")


def test_a_line_comes_soon_after_its_packet(network: Network) -> None:
    """Within half a second, where the machine is not busy with something else."""
    hello = ("--event", "ssl_client_hello", "--format", "json")
    with capturing(network, *EVENTS, "-i", "lo", *ONLY_OURS, *hello) as process:
        assert process.stdout is not None
        late = []
        for _ in range(5):
            shake_hands(network, 1)
            line = json.loads(process.stdout.readline())
            late.append(time.time() - line["ts"])
    # What is measured has the end of the other program in it.
    assert min(late) < 0.5


def test_any_is_all_interfaces(network: Network) -> None:
    """Its frames have a link layer of their own."""
    with capturing(network, *CONNECTIONS, "-i", "any", *ONLY_OURS) as process:
        assert process.stdout is not None
        shake_hands(network, 1)
        assert process.stdout.readline().split()[:2] == [b"CLIENT", b"SERVER"]
        line = process.stdout.readline()
        assert b"host0.example" in line
        assert b"TLSv13" in line
        assert ended(process)[::2][0] == 0


def test_a_number_of_packets(network: Network) -> None:
    with capturing(network, *EVENTS, "-i", "lo", *ONLY_OURS, "-c", "4") as process:
        shake_hands(network, 1)
        output, errors = process.communicate(timeout=LIMIT)
    # The fourth has the ClientHello.
    assert b" ssl_client_hello " in output
    assert b" ssl_server_hello " not in output
    assert (process.returncode, errors) == (
        0,
        b"tls-events: 4 packets, 0 dropped by the kernel\n",
    )


def test_a_filter(network: Network) -> None:
    with capturing(network, *EVENTS, "-i", "lo", "-f", f"port {PORT + 1}") as process:
        shake_hands(network, 1)
        assert ended(process) == (0, b"", "tls-events: 0 packets, 0 dropped by the kernel\n")


def test_logs_grow_while_it_captures(network: Network, tmp_path: Path) -> None:
    to_logs = ("--format", "zeek", "-o", str(tmp_path))
    with capturing(network, *CONNECTIONS, "-i", "lo", *ONLY_OURS, *to_logs) as process:
        shake_hands(network, 1)
        until(lambda: b"host0.example" in (tmp_path / "ssl.log").read_bytes())
        assert ended(process)[0] == 0
    assert (tmp_path / "ssl.log").read_bytes().splitlines()[-1].startswith(b"#close")


# Time without packets


def test_an_idle_interface_costs_nothing(network: Network) -> None:
    with capturing(network, *EVENTS, "-i", "lo", "-f", f"port {PORT + 1}") as process:
        before = seconds_of_processor(process.pid)
        time.sleep(2)
        assert seconds_of_processor(process.pid) - before < 0.5


def seconds_of_processor(process: int) -> float:
    stat = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")


def test_time_passes_without_packets(network: Network) -> None:
    """Whatever waits for it hears of it: a packet without bytes comes each second."""
    script = """
from events.capture.live import open_interface
interface = open_interface("lo", expression="port 9", duration=2.5)
ticks = [packet for _, batch in interface.batches for packet in batch]
assert 1 <= len(ticks) <= 2, ticks
assert all(frame == b"" for _, frame in ticks)
assert interface.statistics == (0, 0, 0)
"""
    done = network.run(sys.executable, "-c", script)
    assert (done.returncode, done.stderr) == (0, b"")


# How it ends


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 0), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
@pytest.mark.parametrize("command", [EVENTS, CONNECTIONS])
def test_a_signal_while_no_packet_comes(
    network: Network, command: tuple[str, ...], number: signal.Signals, status: int
) -> None:
    with capturing(network, *command, "-i", "lo", "-f", f"port {PORT + 1}") as process:
        found, _, errors = ended(process, number)
    program = "tls-events" if command is EVENTS else "tls-connections"
    assert (found, errors) == (status, f"{program}: 0 packets, 0 dropped by the kernel\n")


def test_what_has_arrived_is_printed(network: Network) -> None:
    """Also what the kernel had not given out yet."""
    json_lines = ("--event", "ssl_established", "--format", "json")
    with capturing(network, *EVENTS, "-i", "lo", *ONLY_OURS, *json_lines) as process:
        shake_hands(network, 20)
        _, output, _ = ended(process)
    assert len(objects(output)) == 20


def test_a_connection_that_is_open_has_its_row(network: Network) -> None:
    script = f"""
import socket, subprocess, sys
from tests.helpers.handshakes import contexts
client, _ = contexts()
listening = socket.create_server(("127.0.0.1", {PORT}))
connected = socket.create_connection(listening.getsockname())
connected.setblocking(False)
tls = client.wrap_socket(connected, server_hostname="open.example", do_handshake_on_connect=False)
try:
    tls.do_handshake()
except OSError:
    pass  # the ClientHello is sent
print("open", flush=True)
sys.stdin.read()
"""
    with (
        capturing(network, *CONNECTIONS, "-i", "lo", *ONLY_OURS) as process,
        subprocess.Popen(
            network.command(sys.executable, "-c", script),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as client,
    ):
        assert client.stdout is not None
        assert client.stdout.readline() == b"open\n"
        _, output, _ = ended(process)
        client.communicate()
    assert b"open.example" in output
    assert b"not established" in output


def test_a_second_signal_ends_it_where_nobody_reads(network: Network) -> None:
    """Such as a pager that shows the first page; without one it would take a little longer."""
    reader, writer = os.pipe()
    with capturing(
        network, *EVENTS, "-i", "lo", *ONLY_OURS, "--all-events", stdout=writer
    ) as process:
        os.close(writer)
        shake_hands(network, 50)  # more than a pipe holds
        process.send_signal(signal.SIGINT)
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        assert process.wait(LIMIT) == 130
    os.close(reader)


def test_a_reader_that_has_seen_enough(network: Network) -> None:
    with capturing(network, *EVENTS, "-i", "lo", *ONLY_OURS) as process:
        assert process.stdout is not None
        shake_hands(network, 1)
        process.stdout.readline()
        process.stdout.close()
        shake_hands(network, 1)
        assert process.wait(LIMIT) == 0
        assert process.stderr is not None
        assert process.stderr.read() == b""


def test_an_interface_that_goes_down(network: Network) -> None:
    ip = shutil.which("ip")
    if not network.is_own or ip is None:
        pytest.skip("needs a network namespace, and ip")
    for peer in ("add tlsgrammar0 type veth peer name tlsgrammar1", "set tlsgrammar0 up"):
        made = network.run(ip, "link", *peer.split())
        if made.returncode:
            pytest.skip("the interface cannot be made here")
    with capturing(network, *EVENTS, "-i", "tlsgrammar0") as process:
        network.run(ip, "link", "set", "tlsgrammar0", "down")
        _, errors = process.communicate(timeout=LIMIT)
    assert process.returncode == 1
    first, second = errors.decode().splitlines()
    assert first == "tls-events: tlsgrammar0: The interface went down"
    assert second.endswith(" packets, 0 dropped by the kernel")
    again = network.run(*EVENTS, "-i", "tlsgrammar0")
    assert again.returncode == 1
    assert again.stderr == b"tls-events: tlsgrammar0: the interface is down\n"


# What cannot be captured from


def test_an_unknown_interface(network: Network) -> None:
    done = network.run(*EVENTS, "-i", "eth9")
    assert done.returncode == 1
    [line] = done.stderr.decode().splitlines()
    assert line.startswith("tls-events: eth9: there is no such interface; there are ")
    assert "lo" in line
    assert "any" in line


@pytest.mark.parametrize("name", ["", "a\0b", "\udcff", "x" * 1000])
def test_a_name_that_no_interface_has(network: Network, name: str) -> None:
    with pytest.raises(events.CaptureError):
        events.capture_live(name)


def without_permission() -> None:
    """In a new process: it may not capture, whoever it is."""
    cap_net_raw, drop = 13, 24
    ctypes.CDLL(None).prctl(drop, cap_net_raw)


def denied(*arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [*EVENTS, *arguments],
        capture_output=True,
        check=False,
        preexec_fn=without_permission,
        timeout=LIMIT,
    )
    return done.returncode, done.stderr.decode()


def test_without_the_permission() -> None:
    """One line says what to do; and whoever may not capture is told of a name that there is not."""
    status, line = denied("-i", "lo")
    assert status == 1
    assert line == (
        "tls-events: lo: this user may not capture; sudo setcap cap_net_raw=ep "
        f"{os.path.realpath(sys.executable)} lets this Python capture; or pipe a capture in: "
        "dumpcap -i lo -w - | tls-events -\n"
    )
    status, line = denied("-i", "eth9")
    assert status == 1
    assert line.startswith("tls-events: eth9: there is no such interface; there are ")


def test_a_filter_that_does_not_compile(network: Network) -> None:
    done = network.run(*EVENTS, "-i", "lo", "-f", "port nowhere")
    assert (done.returncode, done.stderr) == (
        1,
        b"tls-events: lo: the filter 'port nowhere' does not compile: unknown port 'nowhere'\n",
    )


def test_without_the_library(tmp_path: Path) -> None:
    (tmp_path / "pcapy.py").write_text("raise ImportError('not installed')")
    for arguments in (["-i", "lo"], ["--list-interfaces"]):
        result = subprocess.run(
            [*EVENTS, *arguments],
            capture_output=True,
            check=False,
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
        )
        assert (result.returncode, result.stderr) == (
            1,
            b"tls-events: live capture needs pcapy-ng: pip install pcapy-ng\n",
        )


@pytest.mark.parametrize("command", [EVENTS, CONNECTIONS])
@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["-i", "lo", "file"], "takes no files"),
        (["-i", "lo", "-i", "any"], "-i takes one interface"),
        (["-c", "1", "file"], "-c goes with -i"),
        (["--no-promiscuous", "file"], "--promiscuous goes with -i"),
        (["-i", "lo", "-c", "0"], "not a number of packets"),
        ([], "FILE, or -i INTERFACE"),
    ],
)
def test_wrong_usage(command: tuple[str, ...], arguments: list[str], what: str) -> None:
    done = subprocess.run([*command, *arguments], capture_output=True, check=False)
    assert done.returncode == 2
    assert what in done.stderr.decode()


def test_the_interfaces_are_listed(network: Network) -> None:
    for command in (EVENTS, CONNECTIONS):
        done = network.run(*command, "--list-interfaces")
        assert (done.returncode, done.stderr) == (0, b"")
        assert {"lo", "any"} <= set(done.stdout.decode().splitlines())
    assert {"lo", "any"} <= set(events.list_interfaces())


# From Python


# Handshakes while it captures; how it is used, and stopped, is said by each test.
IN_PYTHON = f"""
import threading, events
from tests.helpers.handshakes import shake_hands

def capture_live(**options):
    threading.Timer(0.1, shake_hands, (3, {PORT})).start()
    return events.capture_live("lo", filter="port {PORT}", **options)
"""


def run_in_python(network: Network, script: str) -> None:
    done = network.run(sys.executable, "-c", IN_PYTHON + textwrap.dedent(script))
    assert (done.returncode, done.stderr.decode()) == (0, "")


def test_a_duration(network: Network) -> None:
    script = """
    capture = capture_live(wanted={"ssl_established"}, duration=2)
    found = list(capture)
    assert [event.name for event in found] == ["ssl_established"] * 3, found
    packets, dropped, _ = capture.statistics
    assert packets > 20 and dropped == 0, capture.statistics
    assert list(capture) == []
    """
    run_in_python(network, script)


def test_closing(network: Network) -> None:
    """What comes later is lost; the statistics stay."""
    script = """
    with capture_live(wanted={"ssl_established"}) as capture:
        assert next(capture).name == "ssl_established"
    assert list(capture) == []
    assert capture.statistics.packets > 5, capture.statistics
    capture.close()
    capture.stop()
    """
    run_in_python(network, script)


def test_stopping_from_another_thread(network: Network) -> None:
    script = """
    capture = capture_live(wanted={"ssl_established"})
    threading.Timer(2, capture.stop).start()
    assert len(list(capture)) == 3
    """
    run_in_python(network, script)


def test_rows(network: Network) -> None:
    """They are made of its events as of all others."""
    script = """
    rows = events.Rows()
    with capture_live(wanted=rows.wanted, duration=2) as capture:
        found = [row.server_name for event in capture for row in rows.take(event)]
    assert found == ["host0.example", "host1.example", "host2.example"], found
    """
    run_in_python(network, script)


# The documents


@pytest.mark.parametrize(("language", "code"), [x for x in ALL_BLOCKS if x not in BLOCKS])
def test_code_blocks_that_capture(network: Network, language: str, code: str) -> None:
    """Programs run for a shorter time; of commands it is tried whether they are asked for what there is."""
    if language == "python":
        done = network.run(
            sys.executable, "-c", code.replace("eth0", "lo").replace("duration=60", "duration=0.5")
        )
        assert (done.returncode, done.stderr) == (0, b"")
        return
    for line in code.splitlines():
        program, *arguments = shlex.split(line)
        if program in ("tls-events", "tls-connections") and "-i" in arguments:
            command = EVENTS if program == "tls-events" else CONNECTIONS
            assert network.run(*command, *arguments, "--list-interfaces").returncode == 0, line


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: events.capture_live("lo", count=0),
        lambda: events.capture_live("lo", duration=-1),
        lambda: events.capture_live("lo", duration=float("nan")),
        lambda: events.capture_live("lo", snaplen=0),
        lambda: events.capture_live("lo", wanted={"no_such_event"}),
    ],
)
def test_wrong_values(wrong: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"more than 0|no_such_event"):
        wrong()
