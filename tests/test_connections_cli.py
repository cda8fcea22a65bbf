"""The command `tls-connections`, as a user runs it."""

from __future__ import annotations

import csv
import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import events

DATA = Path(__file__).parent / "data"
TLS12 = str(DATA / "tls12-ecdhe-rsa.pcap")
TLS13 = str(DATA / "tls13.pcap")
MANY = sorted(map(str, DATA.glob("*.pcap")))
COMMAND = [
    sys.executable,
    "-c",
    "from tlsgrammar_commands import tls_connections; tls_connections()",
]


def run(*arguments: str, stdin: bytes = b"", **options: Any) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*COMMAND, *arguments], input=stdin, capture_output=True, check=False, **options
    )


def objects(output: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


def in_terminal(columns: int, *arguments: str, **environment: str) -> list[str]:
    """The lines that it prints into a terminal that is so wide."""
    ours, theirs = pty.openpty()
    env = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm", **environment}
    env.pop("NO_COLOR", None) if "NO_COLOR" not in environment else None
    with subprocess.Popen([*COMMAND, *arguments], stdout=theirs, env=env) as process:
        os.close(theirs)
        output = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # its end, on Linux
                break
            if not piece:
                break
            output += piece
    os.close(ours)
    assert process.returncode == 0
    return output.decode().splitlines()


# The table


def test_a_table_for_people() -> None:
    result = run(TLS12, TLS13, str(DATA / "tls10-dhe-rsa.pcap"))
    assert (result.returncode, result.stderr) == (0, b"")
    heading, *lines = result.stdout.decode().splitlines()
    assert heading.split() == [
        *("CLIENT", "SERVER", "SERVER", "NAME", "VERSION", "CIPHER", "GROUP", "ALPN", "NOTES")
    ]
    assert len(lines) == 3
    # What stands in a column begins where its title does.
    for title, text in (("SERVER", "198.51.100.2:443"), ("VERSION", "TLSv1"), ("CIPHER", "TLS_")):
        at = heading.index(title)
        assert all(line[at:].startswith(text) for line in lines)
    assert [line[heading.index("NOTES") :] for line in lines] == ["", "", "TLSv10"]


@pytest.mark.parametrize("columns", [60, 80, 100, 120, 200])
def test_it_fits_into_a_terminal(columns: int) -> None:
    lines = in_terminal(columns, *MANY, NO_COLOR="1")
    assert len(lines) == len(MANY) + 1
    assert max(map(len, lines)) <= columns
    assert any("…" in line for line in lines) is (columns < 200)
    assert all("TLSv1" in line or "not e" in line for line in lines[1:])
    # Of an address the port stays, which tells connections apart.
    assert all("49152" in line for line in lines[1:])


def test_wide() -> None:
    """More columns, and nothing is cut, in however narrow a terminal."""
    heading, line = in_terminal(40, "--wide", TLS12)
    assert {"TIME", "UID", "JA4", "HISTORY", "SUBJECT", "EXPIRES"} <= set(heading.split())
    assert "2023-11-14 22:13:20" in line
    assert "CN=server.example" in line
    assert "…" not in line


def test_what_is_weak_is_in_red() -> None:
    weak = str(DATA / "tls10-dhe-rsa.pcap")
    red = "\x1b[31m"
    assert [red in line for line in in_terminal(200, TLS13, weak)] == [False, False, True]
    assert not any(red in line for line in in_terminal(200, TLS13, weak, NO_COLOR="1"))
    assert not any(red in line for line in in_terminal(200, "--color", "never", weak))
    assert red.encode() not in run(weak).stdout
    assert red.encode() in run("--color", "always", weak).stdout


def test_no_connection() -> None:
    result = run(str(DATA / "other" / "http.pcap"))
    assert result.returncode == 0
    assert len(result.stdout.splitlines()) == 1
    assert run("--format", "json", str(DATA / "other" / "http.pcap")).stdout == b""


# For programs


def test_json_is_the_rows() -> None:
    rows = objects(run("--format", "json", TLS12).stdout)
    [row] = events.read_connections(TLS12)
    assert [line["server_name"] for line in rows] == [row.server_name]
    fields = list(rows[0])
    assert fields[:7] == [
        *("ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "version")
    ]
    assert rows[0]["id.resp_p"] == 443
    assert rows[0]["cert_chain_fps"] == list(row.cert_chain_fps)
    assert rows[0]["file"] == TLS12


def test_csv_has_the_same_columns() -> None:
    rows = objects(run("--format", "json", *MANY).stdout)
    table = list(csv.DictReader(run("--format", "csv", *MANY).stdout.decode().splitlines()))
    assert list(table[0]) == list(rows[0])
    assert [line["ja3"] for line in table] == [row["ja3"] or "" for row in rows]


@pytest.mark.parametrize("form", ["table", "json", "csv", "zeek"])
def test_jobs_print_the_same(form: str) -> None:
    one, two = (run("--format", form, *jobs, *MANY) for jobs in ([], ["-j", "2"]))
    assert two.returncode == 0
    without_times = [
        [line for line in each.stdout.splitlines() if not line.startswith((b"#open", b"#close"))]
        for each in (one, two)
    ]
    assert without_times[0] == without_times[1]


def test_standard_input() -> None:
    alone = objects(run("--format", "json", TLS13).stdout)
    piped = objects(run("--format", "json", "-", stdin=Path(TLS13).read_bytes()).stdout)
    for row in (*alone, *piped):
        row.pop("file")
    assert piped == alone


def test_zeek_logs_in_a_folder(tmp_path: Path) -> None:
    quic = str(DATA / "quic" / "aioquic-retry.pcap")
    result = run("--format", "zeek", "-o", str(tmp_path / "logs"), TLS12, quic)
    assert (result.returncode, result.stdout) == (0, b"")
    logs = {path.name: path.read_text().splitlines() for path in (tmp_path / "logs").iterdir()}
    assert logs.keys() == {"ssl.log", "quic.log", "x509.log"}
    counts = {name: sum(not line.startswith("#") for line in log) for name, log in logs.items()}
    assert counts == {"ssl.log": 2, "quic.log": 2, "x509.log": 1}
    assert all(log[-1].startswith("#close\t") for log in logs.values())


def test_parquet(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    path = tmp_path / "connections.parquet"
    assert run("--format", "parquet", "-o", str(path), *MANY).returncode == 0
    table = parquet.read_table(path)
    rows = objects(run("--format", "json", *MANY).stdout)
    assert table.column("ja4").to_pylist() == [row["ja4"] for row in rows]


# With secrets


def test_a_connection_whose_secrets_are_known_is_read_to_its_end() -> None:
    path = str(DATA / "secrets" / "programs.pcapng.gz")
    rows = objects(run("--format", "json", path).stdout)
    tls13 = [row for row in rows if row["version"] == "TLSv13" and row["proto"] == "tcp"]
    assert all(row["ssl_history"].count("f") == 1 for row in tls13)
    full = [row for row in tls13 if not row["resumed"]]
    assert all(row["subject"] == "CN=server.example" for row in full)
    assert all("oxyf" in row["ssl_history"] for row in full)
    without = objects(run("--format", "json", "--no-embedded-secrets", path).stdout)
    assert all(row["subject"] is None for row in without if row["version"] == "TLSv13")


# What goes wrong


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--format", "xml", TLS12),
        ("--format", "parquet", TLS12),
        ("--format", "json", "-o", "somewhere", TLS12),
        ("--format", "json", "--wide", TLS12),
        ("-j", "0", TLS12),
    ],
)
def test_wrong_usage(arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert result.returncode == 2
    assert b"usage: tls-connections" in result.stderr


@pytest.mark.parametrize("form", ["table", "json", "csv", "zeek"])
def test_files_that_cannot_be_read(form: str, tmp_path: Path) -> None:
    """Their rows up to that point are there, and one line says what is wrong."""
    cut = tmp_path / "cut"
    cut.write_bytes(Path(TLS12).read_bytes()[:-10])
    result = run("--format", form, "missing", str(cut), TLS13)
    assert result.returncode == 1
    lines = result.stderr.decode().splitlines()
    assert [line.split(": ")[:2] for line in lines] == [
        ["tls-connections", "missing"],
        ["tls-connections", str(cut)],
    ]
    assert result.stdout.count(b"198.51.100.2") == 2


@pytest.mark.parametrize("form", ["zeek", "parquet"])
def test_output_that_cannot_be_written(form: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    result = run("--format", form, "-o", str(file / "below"), TLS12)
    assert result.returncode == 1
    [line] = result.stderr.decode().splitlines()
    assert line.startswith(f"tls-connections: {file}")


def test_a_full_disk() -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("there is no /dev/full here")
    with open("/dev/full", "wb") as full:
        result = subprocess.run(
            [*COMMAND, "--format", "json", TLS12], stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert result.returncode == 1
    assert result.stderr == (
        b"tls-connections: the rows cannot be written: No space left on device\n"
    )
