"""The report of captures: which connections it shows, and what of them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import events
from events.output.report import Found, Report, found_in
from events.testing.captures import Ends, packets, payloads, write

from .made import DATA, hostile, malformed, report_of


def data_of(page: str) -> Any:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def rows_of(data: Any) -> list[dict[str, Any]]:
    """The rows of a report, with texts instead of their numbers."""

    def told(value: Any, field: str) -> Any:
        if isinstance(value, list):
            return [told(each, field) for each in value]
        is_text = isinstance(value, int) and not isinstance(value, bool)
        return data["texts"][value] if is_text and field not in data["numbers"] else value

    return [
        {field: told(value, field) for field, value in zip(data["fields"], row, strict=True)}
        for row in data["rows"]
    ]


def steps_of(data: Any, at: int = 0) -> list[tuple[str, bool | None, str]]:
    return [(kind, is_orig, label) for kind, _, is_orig, label, *_ in data["steps"][str(at)]]


def report(name: str, **options: Any) -> Any:
    return data_of(report_of(DATA / name, **options).html())


def test_a_row_says_what_it_says_elsewhere() -> None:
    [row] = rows_of(report("tls12-ecdhe-rsa.pcap"))
    [expected] = events.read_connections(DATA / "tls12-ecdhe-rsa.pcap")
    for field in expected.__struct_fields__:
        if field != "file":
            value = getattr(expected, field)
            assert row[field] == (list(value) if isinstance(value, tuple) else value), field
    assert row["signature"] == "rsa_pss_rsae_sha256"


def test_the_ladder_of_tls12() -> None:
    steps = steps_of(report("tls12-ecdhe-rsa.pcap"))
    assert [(label, is_orig) for kind, is_orig, label in steps if kind == "structure"] == [
        ("client_hello", True),
        *((label, False) for label in ("server_hello", "certificate", "server_key_exchange")),
        ("server_hello_done", False),
        ("client_key_exchange", True),
        ("change_cipher_spec", True),
        ("new_session_ticket", False),
        ("change_cipher_spec", False),
    ]
    assert ("note", None, "established") in steps


def test_with_secrets_the_ladder_shows_what_is_encrypted() -> None:
    data = report(
        "secrets/programs.pcapng.gz", disable_analyzer_after_detection=False, details=1000
    )
    rows = rows_of(data)
    at = next(at for at, row in enumerate(rows) if row["version"] == "TLSv13")
    steps = steps_of(data, at)
    hidden = [label for kind, _, label in steps if kind == "decrypted"]
    assert hidden[:4] == ["encrypted_extensions", "certificate", "certificate_verify", "finished"]
    assert any(kind == "data" for kind, _, _ in steps)
    assert rows[at]["signature"]
    _, _, _, _, _, picture, wrong, certificates = next(
        step for step in data["steps"][str(at)] if step[3] == "certificate"
    )
    assert picture[2]
    assert not wrong
    assert certificates[0][0][0] == "subject"


def test_fragments_of_dtls_show_as_what_they_are() -> None:
    data = report("dtls/dtls12-gnutls-fragments.pcap")
    labels = [label for _, _, label in steps_of(data)]
    fragments = [label for label in labels if label.startswith("fragments: certificate ")]
    assert len(fragments) > 1
    assert labels.index(fragments[-1]) < labels.index("certificate")
    whole = report("dtls/dtls12-openssl.pcap")
    assert "client_hello" in [label for _, _, label in steps_of(whole)]


def test_packets_of_quic_show_as_what_they_are() -> None:
    labels = [label for _, _, label in steps_of(report("quic/aioquic-v1.pcap"))]
    assert labels[:2] == ["InitialPacket", "client_hello"]
    assert "HandshakePacket" in labels


def test_what_is_malformed_stands_where_it_was(tmp_path: Path) -> None:
    data = report_of(malformed(tmp_path / "malformed.pcap")).html()
    found = data_of(data)
    wrong = [
        step for steps in found["steps"].values() for step in steps if len(step) > 6 and step[6]
    ]
    assert sorted(step[3] for step in wrong) == ["client_hello", "server_hello"]
    for step in wrong:
        assert step[5][3], "the picture says where"
        assert "ends early" in step[6][0]


# Which connections


def many(path: Path, count: int, wrong: int) -> Path:
    """A capture of connections; of the last ones something is malformed."""
    sound = payloads(DATA / "tls12-ecdhe-rsa.pcap")[:2]
    captured = []
    for at in range(count):
        chunks = [(side, bytes(data)) for side, data in sound]
        if at >= count - wrong:
            chunks[0] = (True, chunks[0][1].replace(b"\x00\x0a", b"\x00\x0b", 1))
            chunks.append((True, b"\x16\x03\x03\xff\xff"))
        captured += packets(chunks, ends=Ends(orig_p=10_000 + at), start=1_700_000_000.0 + at)
    return write(path, captured)


def test_the_first_connections_are_shown_in_detail_and_those_with_violations(
    tmp_path: Path,
) -> None:
    path = many(tmp_path / "many.pcap", 30, 10)
    for details, first, wrong in ((0, 0, 0), (6, 3, 3), (28, 18, 10), (100, 20, 10)):
        data = data_of(report_of(path, details=details).html())
        rows = rows_of(data)
        assert len(rows) == 30
        shown = [rows[int(at)] for at in data["steps"]]
        assert len(shown) == min(details, first + wrong)
        assert sum(row["violations"] > 0 for row in shown) == wrong
        ports = sorted(row["orig_p"] for row in shown if not row["violations"])
        assert ports == [10_000 + at for at in range(first)]


def test_what_a_connection_may_show_is_bounded() -> None:
    """Of a long one the beginning is shown, and how much more there is."""
    path = DATA / "tls13.pcap"
    raised = list(events.read_capture(path, wanted=Report.wanted))
    alert = events.SslStructure(
        *(raised[0].c, True, "alert", b"\x01\x00", 0, False, None, None, False, None), ts=1.0
    )
    [found] = found_in(str(path), [*raised, *[alert] * 100_000])
    assert found.seen is not None
    assert len(found.seen.steps) <= 500
    report = Report([str(path)])
    report.add(found)
    page = report.html()
    assert len(page) < 2**20
    assert re.search(r"\d+ more steps are not shown", page)


def test_a_report_of_nothing() -> None:
    data = data_of(Report(["nothing.pcap"]).html())
    assert (data["rows"], data["steps"]) == ([], {})


def test_connections_without_a_name_have_rows() -> None:
    analyzer = events.Analyzer(wanted=Report.wanted)
    raised = [e for side, d in payloads(DATA / "tls13.pcap") for e in analyzer.deliver(d, side)]
    found = list(found_in("", raised))
    assert [(each.row.version, each.seen) for each in found] == [("TLSv13", None)]
    assert isinstance(found[0], Found)


# The command


def run(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-c", "from events.cli.connections import run_process as r; r()"]
    return subprocess.run([*command, *arguments], capture_output=True, check=False)


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_the_command(jobs: str, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    captures = [str(DATA / "tls13.pcap"), str(DATA / "quic" / "aioquic-v1.pcap")]
    result = run("-j", jobs, "--html", str(path), "--details", "1", *captures)
    assert (result.returncode, result.stdout, result.stderr) == (0, b"", b"")
    data = data_of(path.read_text())
    assert [row["file"] for row in rows_of(data)] == captures
    assert list(data["steps"]) == ["0"]


def test_secrets_in_a_report_show_what_they_hide_and_are_not_in_it(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    assert run("--html", str(path), str(DATA / "secrets" / "programs.pcapng.gz")).returncode == 0
    page = path.read_text()
    assert "encrypted_extensions" in page
    from ..secrets.connections import key_log

    for line in key_log("programs").splitlines():
        if line and not line.startswith("#"):
            assert line.split()[-1].lower() not in page.lower()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--html", "x", "--format", "json"], "--html FILE is an output of its own"),
        (["--html", "x", "-o", "y"], "--html FILE is an output of its own"),
        (["--details", "5"], "--details goes with --html FILE"),
        (["--html", "x", "--details", "many"], "not a number of connections: 'many'"),
        (["--html", "x", "--wide"], "takes no --wide"),
    ],
)
def test_what_a_user_gets_wrong(arguments: list[str], message: str) -> None:
    result = run(*arguments, str(DATA / "tls13.pcap"))
    assert result.returncode == 2
    assert message.encode() in result.stderr


def test_a_report_that_cannot_be_written(tmp_path: Path) -> None:
    result = run("--html", str(tmp_path / "no" / "report.html"), str(DATA / "tls13.pcap"))
    assert result.returncode == 1
    expected = f"tls-connections: {tmp_path / 'no' / 'report.html'}: No such file or directory\n"
    assert result.stderr == expected.encode()


def test_what_is_hostile_is_no_markup(tmp_path: Path) -> None:
    page = report_of(hostile(tmp_path / "<b>&.pcap")).html()
    assert "<b>" not in page
    assert page.count("<script") == page.count("</script>") == 2
    assert "<img" not in page
