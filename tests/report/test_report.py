"""The report of captures: which connections it shows, and what of them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import construct
import pytest

import events
from events.output.report import Found, Report, found_in
from events.testing.captures import Ends, datagrams, packets, payloads, write
from tlsgrammar.registry import DEFAULT

from ..helpers.streams import client_hello, record, server_hello
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
    assert ("note", None, "both sides encrypt from here on (ssl_established)") in steps


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
    _, _, _, _, about, picture, wrong, certificates = next(
        step for step in data["steps"][str(at)] if step[3] == "certificate"
    )
    assert "in a record of" in about
    assert data["pictures"][picture][2]
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
        (step[3], path, reason)
        for steps in found["steps"].values()
        for step in steps
        if len(step) > 5 and step[5] is not None
        for _, path, reason in found["pictures"][step[5]][3]
    ]
    assert sorted((label, path) for label, path, _ in wrong) == [
        ("client_hello", "ClientHello.extensions[0].body.named_group_list"),
        ("server_hello", "ServerHello.extensions"),
    ]
    assert all(reason.startswith("ends early") for _, _, reason in wrong)


def wrong_in(data: Any, at: int = 0) -> list[tuple[str, str]]:
    """What is wrong, and the label of the step that it stands at; the kind `wrong` stands alone."""
    found = []
    for kind, _, _, label, _, *more in data["steps"][str(at)]:
        if kind == "wrong":
            found.append(("", label))
        picture = more[0] if more else None
        if picture is not None:
            found += [(label, reason) for _, _, reason in data["pictures"][picture][3]]
        found += [(label, text) for text in (more[1] if len(more) > 1 else [])]
    return found


def of_chunks(path: Path, chunks: list[tuple[bool, bytes]], **options: Any) -> Any:
    return data_of(report_of(write(path, packets(chunks)), **options).html())


def test_a_message_that_is_split_over_records_is_malformed_itself(tmp_path: Path) -> None:
    hello = client_hello((10, b"\x00\x06\x00\x17"))
    pieces = [hello[at : at + 7] for at in range(0, len(hello), 7)]
    chunks = [(True, record("handshake", piece)) for piece in pieces]
    chunks.append((False, record("handshake", server_hello())))
    [(label, reason)] = wrong_in(of_chunks(tmp_path / "split.pcap", chunks))
    assert label == "client_hello"
    assert reason.startswith("ends early")


def test_a_record_that_is_wrong_is_no_fault_of_the_message_before_it(tmp_path: Path) -> None:
    hello = record("handshake", client_hello())
    chunks = [
        (True, hello + b"\x63\x03\x03\x00\x02xx"),
        (False, record("handshake", server_hello())),
    ]
    [(label, text)] = wrong_in(of_chunks(tmp_path / "record.pcap", chunks))
    assert label == ""
    assert f"byte {len(hello)}: TLSPlaintext.type: unknown content type 99" in text


def test_what_is_wrong_with_fragments_is_shown(tmp_path: Path) -> None:
    chunks = payloads(DATA / "dtls" / "dtls12-openssl.pcap")

    def of_record(content: bytes) -> bytes:
        head = b"\x16\xfe\xfd" + bytes(7) + b"\x05"
        return head + len(content).to_bytes(2, "big") + content

    bad = [
        (True, of_record(bytes.fromhex("0b0000100000090000000000ffff") + b"abc")),
        (False, of_record(bytes.fromhex("0b000010000009000008000010") + bytes(16))),
    ]
    path = write(tmp_path / "dtls.pcap", datagrams([*chunks[:2], *bad, *chunks[2:]]))
    data = data_of(report_of(path).html())
    [row] = rows_of(data)
    assert row["violations"] >= 2
    assert len(wrong_in(data)) >= row["violations"]


def test_violations_after_the_row_count(tmp_path: Path) -> None:
    chunks = [
        *payloads(DATA / "tls12-ecdhe-rsa.pcap"),
        (True, b"\x99" * 7),
        (False, b"\x16\x03\x03\xff\xff"),
    ]
    data = of_chunks(tmp_path / "late.pcap", chunks, disable_analyzer_after_detection=False)
    [row] = rows_of(data)
    assert row["violations"] == 2
    assert len(wrong_in(data)) == 2


def test_two_alerts_in_a_record_are_both_told_of(tmp_path: Path) -> None:
    chunks = [
        (True, record("handshake", client_hello())),
        (False, record("alert", b"\x02\x28\x01\x00")),
    ]
    steps = steps_of(of_chunks(tmp_path / "alerts.pcap", chunks))
    assert steps[1][2] == "fatal: handshake_failure, warning: close_notify"


def test_a_hello_retry_request_is_called_so() -> None:
    labels = [label for _, _, label in steps_of(report("tls13-hello-retry.pcap"))]
    assert labels[1] == "server_hello (HelloRetryRequest)"
    assert labels.count("server_hello") == 1


def test_a_compressed_certificate_and_what_it_holds() -> None:
    data = report(
        "secrets/openssl35.pcapng.gz", details=1000, disable_analyzer_after_detection=False
    )
    steps = [step for several in data["steps"].values() for step in several]
    labels = {(step[3], step[4].partition(",")[0]) for step in steps}
    assert ("compressed_certificate", "Handshake") in labels
    assert ("Certificate", "") in labels


def test_numbers_that_json_does_not_have() -> None:
    path = DATA / "tls13.pcap"
    for ts in (float("nan"), float("inf")):
        analyzer = events.Analyzer(events.Connection("C1", "tcp"), wanted=Report.wanted)
        raised = [e for side, d in payloads(path) for e in analyzer.deliver(d, side, ts)]
        report = Report([str(path)])
        for found in found_in(str(path), raised):
            report.add(found)
        [row] = rows_of(data_of(report.html()))
        assert row["ts"] is None


class Unshown:
    def __str__(self) -> str:
        raise RuntimeError("hurt")


def test_a_value_that_cannot_be_shown_costs_itself(tmp_path: Path) -> None:
    """Numbers may be longer than Python prints; and a schema of a user's own may parse to anything."""
    registry = DEFAULT.copy()
    registry.register(
        0x7777, name="big", schema=construct.Struct("n" / construct.BytesInteger(3000))
    )
    unshown = construct.ExprAdapter(construct.Byte, lambda obj, _: Unshown(), lambda obj, _: 1)
    registry.register(0x7778, name="odd", schema=construct.Struct("o" / unshown))
    hello = client_hello((0x7777, b"\xff" * 3000), (0x7778, b"\x01"))
    chunks = [(True, record("handshake", hello)), (False, record("handshake", server_hello()))]
    page = events.report.html(write(tmp_path / "own.pcap", packets(chunks)), extensions=registry)
    assert "(Unshown that cannot be shown: RuntimeError)" in data_of(page)["texts"]


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


def test_a_page_is_bounded(tmp_path: Path) -> None:
    """Also where each structure has as many fields as it can have, or they are all the same."""
    exts = [(0x7000 + at % 0x800, b"") for at in range(8000)]
    for distinct in (True, False):
        captured = []
        for at in range(20):
            body = {"gmt_unix_time": at if distinct else 1, "random_bytes": bytes(28)}
            chunk = (True, record_of_any_size(client_hello(*exts, random=body)))
            captured += packets([chunk], ends=Ends(orig_p=10_000 + at), start=1e9 + at)
        page = report_of(write(tmp_path / "large.pcap", captured)).html()
        assert len(page) < 12_000_000


def record_of_any_size(message: bytes) -> bytes:
    return b"".join(
        record("handshake", message[at : at + 16000]) for at in range(0, len(message), 16000)
    )


def test_violations_go_first_in_whatever_capture_they_are(tmp_path: Path) -> None:
    sound = many(tmp_path / "sound.pcap", 30, 0)
    wrong = many(tmp_path / "wrong.pcap", 10, 10)
    for paths in ([sound, wrong], [wrong, sound]):
        data = data_of(events.report.html(paths, details=20))
        rows = rows_of(data)
        shown = [rows[int(at)]["violations"] > 0 for at in data["steps"]]
        assert (len(shown), sum(shown)) == (20, 10)


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
    command = [sys.executable, "-c", "from tlsgrammar_commands import tls_connections as r; r()"]
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


@pytest.mark.parametrize("kind", ["itself", "a link", "the key log"])
def test_a_report_is_not_written_over_what_it_is_made_of(kind: str, tmp_path: Path) -> None:
    capture, keys, link = tmp_path / "a.pcap", tmp_path / "keys.log", tmp_path / "link"
    capture.write_bytes((DATA / "tls13.pcap").read_bytes())
    keys.write_text("# none\n")
    link.symlink_to(capture)
    path = {"itself": capture, "a link": link, "the key log": keys}[kind]
    before = path.read_bytes()
    result = run("--html", str(path), "--keylog", str(keys), str(capture))
    assert result.returncode == 1
    assert b"would be written over" in result.stderr
    assert path.read_bytes() == before


def test_a_report_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("the old one")
    result = run("--html", str(path), str(tmp_path / "none.pcap"))
    assert result.returncode == 1
    assert b"it is not written, because nothing could be read" in result.stderr
    assert path.read_text() == "the old one"
    assert [each.name for each in tmp_path.iterdir()] == ["report.html"]
    assert run("--html", str(path), str(DATA / "tls13.pcap")).returncode == 0
    assert path.read_text().startswith("<!doctype html>")
    nameless = run("--html", "", str(DATA / "tls13.pcap"))
    assert nameless.returncode == 1
    assert nameless.stderr == b"tls-connections: : No such file or directory\n"


def test_what_is_hostile_is_no_markup(tmp_path: Path) -> None:
    page = report_of(hostile(tmp_path / "<b>&.pcap")).html()
    assert "<b>" not in page
    assert page.count("<script") == page.count("</script>") == 2
    assert "<img" not in page
