"""The command line, as a user runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import events
from events.testing.captures import packets, payloads, write
from tlsgrammar import __version__

from .helpers.command import DATA, TLS12, TLS13, objects, run, without_uids


def test_text() -> None:
    result = run(TLS12)
    assert (result.returncode, result.stderr) == (0, b"")
    lines = result.stdout.decode().splitlines()
    hello = next(line for line in lines if " ssl_client_hello " in line)
    assert "192.0.2.1:49152 > 198.51.100.2:443" in hello
    assert "version=TLSv12" in hello
    assert "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256" in hello
    assert any("ssl_extension_server_name is_orig=true names=[server.example]" in x for x in lines)
    assert lines[-1].endswith("content_type=handshake length=40")
    assert lines[-2].endswith("ssl_established")


def test_json_contract() -> None:
    result = run("--format", "json", TLS12)
    head = ["ts", "uid", "proto", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "event"]
    parameters = {
        kind.name: [field for field in kind.__struct_fields__ if field not in ("c", "ts")]
        for kind in events.DOCUMENTED
    }
    for line in objects(result.stdout):
        assert list(line) == head + parameters[str(line["event"])]
    by_name = {str(line["event"]): line for line in objects(result.stdout)}
    assert by_name["ssl_extension_server_name"]["names"] == ["server.example"]
    assert len(str(by_name["ssl_client_hello"]["client_random"])) == 56
    assert by_name["ssl_client_hello"]["session_id"] == ""
    assert isinstance(by_name["ssl_client_hello"]["ts"], float)
    assert by_name["ssl_alert" if "ssl_alert" in by_name else "ssl_server_curve"]["curve"] == 29
    assert run("--format", "json", TLS12).stdout == result.stdout


def test_text_that_is_not_printable() -> None:
    event = events.SslExtensionServerName(events.Connection(), True, [b"a\\b\x00\xff\"'\x7f"])
    assert json.loads(events.json_line(event))["names"] == ["a\\\\b\\x00\\xff\"'\\x7f"]


def test_event_filter() -> None:
    result = run(
        "--event", "ssl_alert", "--event", "ssl_established", "--format", "json", TLS12, TLS13
    )
    assert [line["event"] for line in objects(result.stdout)] == ["ssl_established"] * 2


def test_all_events() -> None:
    names = [line["event"] for line in objects(run("--format", "json", TLS13).stdout)]
    everything = [
        line["event"] for line in objects(run("--all-events", "--format", "json", TLS13).stdout)
    ]
    assert {"ssl_extension_key_share", "ssl_plaintext_data"} <= set(everything) - set(names)
    on_request = {event.name for event in (*events.MODERN, *events.ROWS, *events.STRUCTURES)}
    assert [name for name in everything if name not in on_request] == names
    text = run("--all-events", str(DATA / "tls13-early-data.pcap")).stdout.decode()
    assert "signature_algorithms=[ecdsa_secp256r1_sha256," in text
    assert "versions=[TLSv13]" in text
    assert "identities=[{identity=" in text
    assert run("--all-events", "--event", "ssl_alert", TLS13).returncode == 2


def test_datagrams() -> None:
    lines = objects(run("--format", "json", str(DATA / "dtls" / "dtls13-wolfssl.pcap")).stdout)
    assert {line["proto"] for line in lines} == {"udp"}
    assert lines[-2]["event"] == "ssl_established"


def test_search_limit() -> None:
    path = str(DATA / "starttls-smtp.pcap")
    assert b"ssl_client_hello" in run(path).stdout
    for jobs in ("1", "2"):
        result = run("--search-limit", "0", "-j", jobs, path, path)
        assert (result.returncode, result.stdout) == (0, b"")


def test_disable_analyzer_after_detection() -> None:
    default = run(TLS12).stdout.splitlines()
    assert run("--disable-analyzer-after-detection", TLS12).stdout.splitlines() == default
    full = run("--no-disable-analyzer-after-detection", TLS12).stdout.splitlines()
    assert full[: len(default)] == default
    assert len(full) > len(default)


def test_standard_input() -> None:
    assert run("-", stdin=Path(TLS12).read_bytes()).stdout == run(TLS12).stdout


def test_version_and_help() -> None:
    assert run("--version").stdout.decode() == f"tls-events {__version__}\n"
    text = run("--help").stdout.decode()
    assert "example: tls-events" in text


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--event", "no_such_event", TLS12),
        ("--format", "xml", TLS12),
        ("--search-limit", "-1", TLS12),
        ("--search-limit", "many", TLS12),
        ("-j", "0", TLS12),
        ("--names", TLS12),
        ("--format", "parquet", TLS12),
        ("-j", "-1", TLS12),
    ],
)
def test_wrong_usage(arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert result.returncode == 2
    assert b"usage: tls-events" in result.stderr


def test_files_that_cannot_be_read_are_one_line_each(tmp_path: Path) -> None:
    empty, foreign, cut = (tmp_path / name for name in ("empty", "foreign", "cut"))
    empty.write_bytes(b"")
    foreign.write_bytes(b"no capture")
    cut.write_bytes(Path(TLS12).read_bytes()[:-10])
    result = run("missing", str(empty), str(foreign), str(cut), TLS13)
    assert result.returncode == 1
    lines = result.stderr.decode().splitlines()
    assert lines[:3] == [
        "tls-events: missing: No such file or directory",
        f"tls-events: {empty}: the file is empty",
        f"tls-events: {foreign}: neither a pcap nor a pcapng file",
    ]
    assert lines[3].startswith(f"tls-events: {cut}: the packet at offset ")
    assert len(lines) == 4
    # Of several captures each has uids of its own.
    several, one, other = map(without_uids, (result.stdout, run(TLS12).stdout, run(TLS13).stdout))
    assert several == one + other


def test_several_captures_are_told_apart() -> None:
    """Those of the tests hold the same ports, at the same time."""
    lines = objects(run("--format", "json", TLS12, TLS13).stdout)
    assert {str(line["file"]): str(line["uid"]) for line in lines}.keys() == {TLS12, TLS13}
    assert len({line["uid"] for line in lines}) == 2
    assert "file" not in objects(run("--format", "json", TLS13).stdout)[0]


def test_names_beside_numbers() -> None:
    hello = objects(run("--format", "json", "--names", "--event", "ssl_client_hello", TLS12).stdout)
    assert (hello[0]["version"], hello[0]["version_name"]) == (771, "TLSv12")
    numbers, names = hello[0]["ciphers"], hello[0]["ciphers_name"]
    assert isinstance(numbers, list)
    assert isinstance(names, list)
    assert len(numbers) == len(names)
    assert "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256" in names
    assert "possible_ts_name" not in hello[0]


def test_a_reader_of_the_list_that_has_seen_enough() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "events", "--list-events"]
    result = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (result.returncode, result.stderr) == (0, b"")


def test_events_are_listed_with_their_meanings() -> None:
    result = run("--list-events")
    assert result.returncode == 0
    lines = dict(line.split(None, 1) for line in result.stdout.decode().splitlines())
    assert lines.keys() == set(events.known_events())
    assert lines["ssl_established"] == "The handshake is over: both directions are encrypted"


def test_a_closed_pipe_is_no_error(tmp_path: Path) -> None:
    chunks = payloads(Path(TLS12))
    many = [p for i in range(300) for p in packets(chunks, start=1e9 + i * 100, isn=(i, i))]
    big = write(tmp_path / "big.pcap", many)
    command = f"{sys.executable} -m events {big} | head -1; exit ${{PIPESTATUS[0]}}"
    result = subprocess.run(["bash", "-c", command], capture_output=True, check=False)
    assert (result.returncode, result.stderr) == (0, b"")
    assert len(result.stdout.splitlines()) == 1


def test_events_that_cannot_be_written_are_said() -> None:
    for jobs in ("1", "2"):
        command = [sys.executable, "-m", "events", "-j", jobs, TLS12, TLS12]
        with open("/dev/full", "w") as full:
            result = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)
        assert (result.returncode, result.stderr) == (
            1,
            b"tls-events: the events cannot be written: No space left on device\n",
        )
    command = ["bash", "-c", f"{sys.executable} -m events {TLS12} >&-"]
    closed = subprocess.run(command, capture_output=True, check=False)
    assert (closed.returncode, closed.stderr) == (
        1,
        b"tls-events: the events cannot be written: standard output is closed\n",
    )


def test_a_misspelt_event_is_an_error() -> None:
    result = run("--event", "ssl_clienthello", TLS12)
    assert result.returncode == 2
    assert b"'ssl_clienthello'; did you mean 'ssl_client_hello'?" in result.stderr


def test_an_interrupt_ends_it_with_one_line() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "events", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(Path(TLS12).read_bytes())
    process.stdin.flush()
    assert b"ssl_" in process.stdout.readline()  # events come while the pipe is open
    process.send_signal(signal.SIGINT)
    process.wait(10)
    assert process.stderr is not None
    assert (process.returncode, process.stderr.read()) == (130, b"tls-events: ended by SIGINT\n")
    process.stdin.close()


def test_without_the_library_that_reads_captures(tmp_path: Path) -> None:
    (tmp_path / "pcapy.py").write_text("raise ImportError('not installed')")
    result = subprocess.run(
        [sys.executable, "-m", "events", TLS12],
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    assert result.returncode == 1
    assert result.stderr.decode() == (
        "tls-events: reading pcap needs pcapy-ng: pip install pcapy-ng\n"
    )


def test_the_grammar_and_the_analyzer_need_nothing_else() -> None:
    """Importing them imports construct and msgspec, no library for captures or the command line."""
    script = "import sys, tlsgrammar, events; print('pcapy' in sys.modules, 'tqdm' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert result.stdout == b"False False\n"
