"""Rows as Zeek's own logs, and as comma-separated values: what is written is read back, whatever a server is called.

Logs are read by a reader that knows nothing but the format, and refuses what is not in it; and by zat, where that is
installed (extra `interop`).
"""

from __future__ import annotations

import csv
import io
import re
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from events import CertificateRow, ConnectionRow, QuicRow, Row, Text, read_connections
from events.output import separated, zeek

DATA = Path(__file__).parent / "data"
OPENED, CLOSED = datetime(2026, 1, 2, 3, 4, 5), datetime(2026, 1, 2, 3, 4, 6)

# As Zeek 6 has them.
ZEEK_SSL = """
ts time, uid string, id.orig_h addr, id.orig_p port, id.resp_h addr, id.resp_p port, version string, cipher string,
curve string, server_name string, resumed bool, last_alert string, next_protocol string, established bool,
ssl_history string, cert_chain_fps vector[string], client_cert_chain_fps vector[string], sni_matches_cert bool
"""
ZEEK_QUIC = """
ts time, uid string, id.orig_h addr, id.orig_p port, id.resp_h addr, id.resp_p port, version string,
client_initial_dcid string, client_scid string, server_scid string, server_name string, client_protocol string,
history string
"""
ZEEK_X509 = """
ts time, fingerprint string, certificate.version count, certificate.serial string, certificate.subject string,
certificate.issuer string, certificate.not_valid_before time, certificate.not_valid_after time,
certificate.key_alg string, certificate.sig_alg string, certificate.key_type string, certificate.key_length count,
certificate.exponent string, certificate.curve string, san.dns vector[string], san.uri vector[string],
san.email vector[string], san.ip vector[addr], basic_constraints.ca bool, basic_constraints.path_len count,
host_cert bool, client_cert bool
"""
OURS_SSL = """
proto enum, ja3 string, ja3s string, ja4 string, client_versions vector[string], subject string, issuer string,
not_valid_after time, file string, violations count
"""


def fields(text: str) -> list[tuple[str, str]]:
    return [(name, of) for name, of in (field.split() for field in text.split(","))]


# A reader of the format


class Log(NamedTuple):
    path: str
    opened: str
    closed: str
    fields: list[tuple[str, str]]
    lines: list[dict[str, Any]]


def read(data: bytes) -> Log:
    """Read a log, strictly."""
    assert data.endswith(b"\n")
    lines = data[:-1].decode("ascii").split("\n")
    assert all(character.isprintable() or character == "\t" for line in lines for character in line)
    assert lines[:4] == [
        "#separator \\x09",
        "#set_separator\t,",
        "#empty_field\t(empty)",
        "#unset_field\t-",
    ]
    heads = [line.split("\t") for line in lines[4:8]]
    assert [head[0] for head in heads] == ["#path", "#open", "#fields", "#types"]
    [path], [opened], names, types = (head[1:] for head in heads)
    close, closed = lines[-1].split("\t")
    assert close == "#close"
    typed = list(zip(names, types, strict=True))
    return Log(path, opened, closed, typed, [_line(line, typed) for line in lines[8:-1]])


def _line(line: str, typed: list[tuple[str, str]]) -> dict[str, Any]:
    assert not line.startswith("#")
    values = line.split("\t")
    return {name: _value(of, text) for (name, of), text in zip(typed, values, strict=True)}


def _value(of: str, text: str) -> Any:
    if text == "-":
        return None
    if of.startswith("vector["):
        if text == "(empty)":
            return []
        return [_value(of[len("vector[") : -1], item) for item in text.split(",")]
    if of in ("count", "port"):
        assert re.fullmatch("[0-9]+", text)
        return int(text)
    if of == "bool":
        return {"T": True, "F": False}[text]
    if of == "time":
        assert re.fullmatch(r"-?[0-9]+\.[0-9]{6}", text)
        return float(text)
    assert of in ("string", "addr", "enum")
    return "" if text == "(empty)" else _unescaped(text)


def _unescaped(text: str) -> str:
    assert "\\" not in re.sub(r"\\x[0-9a-f]{2}", "", text)
    data = re.sub(
        r"\\x([0-9a-f]{2})", lambda found: bytes.fromhex(found[1]).decode("latin-1"), text
    )
    return data.encode("latin-1").decode("utf-8", "surrogateescape")


def log(kind: type[Row], rows: list[Any]) -> bytes:
    return zeek.header(kind, OPENED) + zeek.lines(rows) + zeek.end(CLOSED)


def written(row: Row) -> dict[str, Any]:
    [line] = read(log(type(row), [row])).lines
    return line


# The header


@pytest.mark.parametrize(
    ("kind", "path", "expected"),
    [
        (ConnectionRow, "ssl", fields(ZEEK_SSL) + fields(OURS_SSL)),
        (QuicRow, "quic", [*fields(ZEEK_QUIC), ("file", "string")]),
        (CertificateRow, "x509", [*fields(ZEEK_X509), ("file", "string")]),
    ],
)
def test_the_header_has_the_fields_and_types_of_zeek(
    kind: type[Row], path: str, expected: list[tuple[str, str]]
) -> None:
    empty = read(log(kind, []))
    assert empty == (path, "2026-01-02-03-04-05", "2026-01-02-03-04-06", expected, [])


# The values


def test_a_row() -> None:
    row = ConnectionRow(
        ts=1357328848.54937,
        orig_h="2001:db8::1",
        orig_p=49152,
        resumed=True,
        cert_chain_fps=("aa", "bb"),
        sni_matches_cert=False,
        ssl_history="",
        not_valid_after=-1.0,
        violations=3,
    )
    line = zeek.lines([row])
    assert line.startswith(b"1357328848.549370\t-\t2001:db8::1\t49152\t-\t-\t-\t-\t-\t-\tT\t")
    assert line.endswith(b"\tF\t(empty)\taa,bb\t(empty)\tF" + b"\t-" * 7 + b"\t-1.000000\t-\t3\n")


def test_lists_are_unset_as_in_zeek() -> None:
    """Both chains are set where either is; of the alternative names only those that are there."""
    none = written(ConnectionRow())
    assert (none["cert_chain_fps"], none["client_cert_chain_fps"]) == (None, None)
    one = written(ConnectionRow(client_cert_chain_fps=("aa",)))
    assert (one["cert_chain_fps"], one["client_cert_chain_fps"]) == ([], ["aa"])
    certificate = written(CertificateRow(fingerprint="aa", san_ip=("192.0.2.1", "::1")))
    assert (certificate["san.ip"], certificate["san.dns"]) == (["192.0.2.1", "::1"], None)


def test_a_connection_id_without_bytes_is_empty() -> None:
    line = zeek.lines([QuicRow(client_scid="(empty)", server_scid="c0ffee", history="I")])
    assert b"\t(empty)\tc0ffee\t" in line


@pytest.mark.parametrize("ts", [float("nan"), float("inf")])
def test_a_time_that_is_no_number_is_unset(ts: float) -> None:
    assert written(ConnectionRow(ts=ts))["ts"] is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (b"-", rb"\x2d"),
        (b"(empty)", rb"\x28empty)"),
        (b"", b"(empty)"),
        (b"a,b", b"a,b"),
        (b"--", b"--"),
        (b"a\tb\nc\0", rb"a\x09b\x0ac\x00"),
        (b"a\\b", rb"a\x5cb"),
        (rb"a\x09b", rb"a\x5cx09b"),
        (b"\xff\xc3\xbc", rb"\xff\xc3\xbc"),
        (b'"a', rb"\x22a"),
        (b"#close", rb"\x23close"),
        (b"a b", b"a b"),
    ],
)
def test_names_of_servers_are_escaped_once(name: bytes, expected: bytes) -> None:
    """A row has a name with the escapes of `Text`, on top of which there are no others."""
    row = ConnectionRow(server_name=Text().words(name))
    assert zeek.lines([row]).split(b"\t")[9] == expected


@given(st.binary())
def test_any_name_of_a_server_comes_back(name: bytes) -> None:
    server_name = written(ConnectionRow(server_name=Text().words(name)))["server_name"]
    assert server_name.encode("utf-8", "surrogateescape") == name


@given(st.text(), st.lists(st.text(min_size=1), min_size=1))
@example("-", ["-", "(empty)", ",", "a,b", "\\x2c"])
@example("(empty)", ["#", '"', "\u2028", "\x85"])
@example("\\x2d", ["\udcff"])
def test_any_text_comes_back(subject: str, names: list[str]) -> None:
    line = written(CertificateRow(fingerprint="aa", subject=subject, san_dns=tuple(names)))
    assert (line["certificate.subject"], line["san.dns"]) == (subject, names)


@given(st.text(st.characters(categories=["Cs"]), min_size=1))
def test_any_surrogates_are_written(subject: str) -> None:
    assert written(CertificateRow(fingerprint="aa", subject=subject))["certificate.subject"]


def _captures() -> list[Path]:
    return sorted([*DATA.glob("*.pcap"), *DATA.glob("*/*.pcap")])


def _rows(kind: type[Row]) -> list[Row]:
    return list(read_connections(_captures(), kinds=[kind]))


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value) or None
    return round(value, 6) if isinstance(value, float) else value


@pytest.mark.parametrize("kind", [ConnectionRow, QuicRow, CertificateRow])
def test_the_rows_of_captures_come_back(kind: type[Row]) -> None:
    rows = _rows(kind)
    assert rows
    lines = read(log(kind, rows)).lines
    for row, line in zip(rows, lines, strict=True):
        for name, field in zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True):
            expected = _plain(getattr(row, name))
            if expected == "(empty)":
                expected = ""
            assert (line[field] or None) == (expected or None), field


# zat


def test_zat_reads_the_logs_of_captures(tmp_path: Path) -> None:
    reader = pytest.importorskip("zat.log_to_dataframe", reason="zat is not installed")
    rows = _rows(ConnectionRow)
    path = tmp_path / "ssl.log"
    path.write_bytes(log(ConnectionRow, rows))
    frame = reader.LogToDataFrame().create_dataframe(str(path))
    assert len(frame) == len(rows)
    dtypes = frame.dtypes.astype(str)
    assert str(frame.index.dtype).startswith("datetime64")
    assert dtypes["id.orig_p"] == dtypes["id.resp_p"] == "UInt16"
    assert dtypes["resumed"] == dtypes["established"] == dtypes["sni_matches_cert"] == "category"
    assert dtypes["not_valid_after"].startswith("datetime64")
    assert dtypes["violations"] == "UInt64"
    assert list(frame["uid"]) == [row.uid for row in rows if isinstance(row, ConnectionRow)]
    assert list(frame["established"]) == [
        "T" if row.established else "F" for row in rows if isinstance(row, ConnectionRow)
    ]


@pytest.mark.parametrize("kind", [QuicRow, CertificateRow])
def test_zat_reads_the_other_logs(tmp_path: Path, kind: type[Row]) -> None:
    reader = pytest.importorskip("zat.log_to_dataframe", reason="zat is not installed")
    rows = _rows(kind)
    path = tmp_path / "a.log"
    path.write_bytes(log(kind, rows))
    assert len(reader.LogToDataFrame().create_dataframe(str(path))) == len(rows)


def test_no_name_of_a_server_hides_a_row_from_zat(tmp_path: Path) -> None:
    reader = pytest.importorskip("zat.log_to_dataframe", reason="zat is not installed")
    names = [b'"', b"#", b"a#b", b'"\t"', b"\n#close", b"\\", b"-", b"(empty)", b"\r", b"\0", b"a"]
    rows = [
        ConnectionRow(ts=float(index), uid=f"C{index}", server_name=Text().words(name))
        for index, name in enumerate(names)
    ]
    path = tmp_path / "ssl.log"
    path.write_bytes(log(ConnectionRow, rows))
    frame = reader.LogToDataFrame().create_dataframe(str(path))
    assert list(frame["uid"]) == [row.uid for row in rows]
    assert list(frame["server_name"])[-1] == "a"
    assert list(frame["violations"]) == [0] * len(rows)


# Comma-separated values


def _table(kind: type[Row], rows: list[Any]) -> list[dict[str, str]]:
    text = (separated.header(kind) + separated.lines(rows)).decode()
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def test_separated_values() -> None:
    row = ConnectionRow(
        ts=1.5,
        orig_h="192.0.2.1",
        orig_p=1,
        established=True,
        client_versions=("TLSv13", "TLSv12"),
        subject='CN=a "b", c',
    )
    header, line = (separated.header(ConnectionRow) + separated.lines([row])).decode().splitlines()
    assert header.startswith("ts,uid,id.orig_h,id.orig_p,id.resp_h,id.resp_p,version,cipher,curve,")
    assert line.startswith("1.500000,,192.0.2.1,1,,,,,,,false,,,true,,,,,")
    assert line.endswith(',TLSv13;TLSv12,"CN=a ""b"", c",,,,0')


@given(st.text(st.characters(exclude_categories=["Cs"])), st.lists(st.text(), min_size=1))
def test_separated_values_come_back(subject: str, names: list[str]) -> None:
    row = CertificateRow(fingerprint="aa", subject=subject, san_dns=tuple(names))
    [line] = _table(CertificateRow, [row])
    assert line["certificate.subject"] == subject
    items = [
        item.replace("\\x3b", ";").replace("\\x5c", "\\") for item in line["san.dns"].split(";")
    ]
    assert items == names


@pytest.mark.parametrize("kind", [ConnectionRow, QuicRow, CertificateRow])
def test_captures_have_separated_values(kind: type[Row]) -> None:
    rows = _rows(kind)
    table = _table(kind, rows)
    assert [line["file"] for line in table] == [getattr(row, "file") for row in rows]  # noqa: B009
