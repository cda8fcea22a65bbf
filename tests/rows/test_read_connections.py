"""Rows of captures: the same on any executor, up to any damage, and as soon as they are complete."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import msgspec
import pytest

import events
from events import (
    CaptureError,
    CertificateRow,
    ConnectionRow,
    QuicRow,
    Rows,
    read_captures,
    read_connections,
)
from events.testing.captures import Ends, packets, write
from tlsgrammar import Registry, names
from tlsgrammar.registry import DEFAULT

from ..helpers.streams import said
from .made import DATA

CAPTURES = [
    *sorted(DATA.glob("tls12*.pcap")),
    DATA / "quic" / "aioquic-retry.pcap",
    DATA / "dtls" / "dtls12-openssl.pcap",
    DATA / "secrets" / "programs.pcapng.gz",
    DATA / "tls12-ecdhe-rsa.pcap",
]
KINDS: list[type[events.Row]] = [ConnectionRow, QuicRow, CertificateRow]


@pytest.fixture(params=[None, ThreadPoolExecutor, events.Workers])
def executor(request: pytest.FixtureRequest) -> Iterator[Executor | None]:
    with request.param(2) if request.param else nullcontext() as executor:
        yield executor


def without_uid(row: Any) -> Any:
    """A row but for the name of its connection, which among several captures is another."""
    return msgspec.structs.replace(row, uid=None) if hasattr(row, "uid") else row


def many(tmp_path: Path, count: int) -> Path:
    """A capture of many connections, one after the other."""
    chunks = said("tls12-ecdhe-rsa")
    captured = [
        packet
        for index in range(count)
        for packet in packets(chunks, ends=Ends(orig_p=10_000 + index), start=1000.0 + index)
    ]
    return write(tmp_path / "many.pcap", captured)


@pytest.mark.parametrize("kinds", [[ConnectionRow], [CertificateRow], KINDS])
def test_rows_are_in_the_order_of_the_captures_whatever_reads_them(
    executor: Executor | None, kinds: list[Any]
) -> None:
    alone = [row for path in CAPTURES for row in read_connections(path, kinds=kinds)]
    found = list(read_connections(CAPTURES, kinds=kinds, executor=executor))
    assert list(map(without_uid, found)) == list(map(without_uid, alone))
    assert found == list(read_connections(CAPTURES, kinds=kinds))


def test_rows_are_those_of_the_events() -> None:
    """What `Rows` makes of `read_captures` is what `read_connections` gives, but for the file."""
    rows = Rows(KINDS)
    path = DATA / "tls12-client-auth.pcap"
    raised = read_captures([path], wanted=rows.wanted)
    made = [row for event in raised for row in rows.take(event)] + rows.end()
    found = [msgspec.structs.replace(row, file=None) for row in read_connections(path, kinds=KINDS)]
    assert made == found
    everything = read_captures([path], wanted=events.known_events())
    again = Rows(KINDS)
    assert [row for event in everything for row in again.take(event)] + again.end() == made


def test_a_damaged_capture_has_rows_up_to_the_damage(
    executor: Executor | None, tmp_path: Path
) -> None:
    """Then the error is told of, and the next capture is read."""
    whole = many(tmp_path, 3)
    rows = list(read_connections(whole))
    assert [row.established for row in rows] == [True, True, True]
    data = whole.read_bytes()
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(data[: len(data) // 2])
    paths = [cut, tmp_path / "missing.pcap", whole]
    errors: list[CaptureError] = []
    found = list(read_connections(paths, executor=executor, on_error=errors.append))
    assert [error.path for error in errors] == [str(cut), str(tmp_path / "missing.pcap")]
    assert [row.file for row in found] == [str(cut)] * 2 + [str(whole)] * 3
    assert found[0].ssl_history == rows[0].ssl_history
    assert found[0].established
    assert not found[1].established
    assert rows[1].ssl_history.startswith(found[1].ssl_history)
    assert list(map(without_uid, found[2:])) == list(map(without_uid, rows))
    with pytest.raises(ExceptionGroup) as group:
        list(read_connections(paths, executor=executor))
    assert [str(error) for error in group.value.exceptions] == [str(error) for error in errors]


def test_the_error_comes_after_the_rows(tmp_path: Path) -> None:
    cut = tmp_path / "cut.pcap"
    cut.write_bytes((DATA / "tls12-ecdhe-rsa.pcap").read_bytes()[:-1])
    told: list[str] = []
    for row in read_connections(cut, on_error=lambda error: told.append("error")):
        told.append(row.ssl_history)
    assert told == ["CsxknGIti", "error"]


def test_a_row_is_given_out_once_it_is_complete(tmp_path: Path) -> None:
    """Not only when the capture has been read."""
    read: list[int] = []
    path = many(tmp_path, 500)
    rows = read_connections(path, progress=read.append)
    next(rows)
    assert sum(read) < path.stat().st_size
    assert len(list(rows)) == 499


def of_tests() -> Registry:
    """A registry with another name for a cipher suite."""
    registry = DEFAULT.copy()
    registry.register_name(names.SUPPORTED_GROUPS, 0x001D, "curve of ours", replace=True)
    return registry


def test_names_are_those_of_the_registry(executor: Executor | None) -> None:
    path = DATA / "tls13.pcap"
    [row] = read_connections(path, extensions=of_tests, executor=executor)
    [usual] = read_connections(path)
    assert (row.curve, usual.curve) == ("curve of ours", "x25519")


def test_options_are_those_of_captures() -> None:
    path = DATA / "starttls-smtp.pcap"
    assert len(list(read_connections(path))) == 1
    assert list(read_connections(path, search_limit=0)) == []
    with pytest.raises(ValueError, match="must be 0 or more"):
        read_connections(path, search_limit=-1)
    with pytest.raises(TypeError, match="a registry does not travel"):
        read_connections(path, extensions=DEFAULT, executor=ThreadPoolExecutor(1))


def test_rows_are_small_and_travel() -> None:
    """By pickle, and as JSON with the names of Zeek."""
    [row] = read_connections(DATA / "tls13.pcap")
    assert pickle.loads(pickle.dumps(row)) == row
    fields = msgspec.json.decode(msgspec.json.encode(row))
    assert {"ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p"} <= set(fields)
    assert msgspec.json.decode(msgspec.json.encode(row), type=ConnectionRow) == row
