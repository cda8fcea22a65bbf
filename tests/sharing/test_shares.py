"""The shares of a capture, put together, are what one process gives: the same events, in the same order."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import events
from events import CaptureError, CertificateRow, ConnectionRow, Event, KeyLog, QuicRow, Row
from events.capture import merged as merging
from events.capture import shares
from events.capture.folds import EVENTS
from events.capture.lots import LOTS, lot_of
from events.capture.merged import Told, merged
from events.capture.rows import rows_made
from events.capture.shares import Piece, share_of
from events.capture.workers import CannotTravelError
from events.rows.rows import events_of
from events.secrets import keylog
from events.testing.captures import Ends, datagrams, frame, packets, payloads, write
from tests.helpers.capture_files import pcapng, secrets

from .crowd import DATA, crowd, shared

CAPTURES = sorted(path for path in DATA.rglob("*.pcap*") if path.is_file())
ALL: dict[str, Any] = {
    "wanted": events.known_events(),
    "disable_analyzer_after_detection": False,
}


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most captures of the tests would be one piece."""
    monkeypatch.setattr(shares, "_PIECE", 11)


def outcome(found: object) -> tuple[list[Event], str | None]:
    """The events of a capture, and what ends it."""
    taken: list[Event] = []
    try:
        for event in found:  # type: ignore[attr-defined]
            taken.append(event)
    except CaptureError as error:
        return taken, str(error)
    return taken, None


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: str(path.relative_to(DATA)))
@pytest.mark.filterwarnings("ignore::events.NotRead")
def test_every_capture_that_there_is(path: Path) -> None:
    one = outcome(events.read_capture(path, **ALL))
    for count in (2, 5):
        assert outcome(shared(path, count, **ALL)) == one


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("count", [2, 3, LOTS])
def test_many_at_once(tmp_path: Path, seed: int, count: int) -> None:
    """Streams, datagrams, tunnels, fragments; those that are silent for long, and packets of wrong times."""
    path = write(tmp_path / "crowd.pcap", crowd(40, seed))
    alone: list[str] = []
    assert list(shared(path, count, alone=alone.append, **ALL)) == list(
        events.read_capture(path, **ALL)
    )
    assert alone == []


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 2**32), count=st.integers(2, 9), silent=st.integers(0, 3 * LOTS))
def test_how_many_are_remembered_does_not_depend_on_the_others(
    tmp_path: Path, seed: int, count: int, silent: int
) -> None:
    path = write(tmp_path / "crowd.pcap", crowd(25, seed))
    one = list(events.read_capture(path, silent_limit=silent))
    assert list(shared(path, count, silent_limit=silent)) == one


@pytest.mark.parametrize("ng", [False, True])
def test_where_the_file_breaks_off(tmp_path: Path, ng: bool) -> None:
    whole = tmp_path / "whole"
    captured = crowd(20, 1)
    if ng:
        whole.write_bytes(pcapng(captured))
    else:
        write(whole, captured)
    cut = tmp_path / "cut"
    cut.write_bytes(whole.read_bytes()[:-3])
    one = outcome(events.read_capture(cut))
    assert one[1] is not None
    assert one[0]
    assert outcome(shared(cut, 3)) == one


def test_a_filter(tmp_path: Path) -> None:
    path = write(tmp_path / "crowd.pcap", crowd(30, 2))
    one = list(events.read_capture(path, filter="tcp and ip6"))
    assert list(shared(path, 4, filter="tcp and ip6")) == one
    assert {e.c.proto for e in one} == {"tcp"}


@pytest.mark.parametrize("length", [0, 13, 14, 15, 20, 22, 23, 24, 26, 30, 37, 38, 40, 54])
def test_frames_that_are_cut(tmp_path: Path, length: int) -> None:
    captured = [
        (ts, data[:length] if i % 7 == 3 else data) for i, (ts, data) in enumerate(crowd(15, 6))
    ]
    path = write(tmp_path / "cut.pcap", captured)
    assert list(shared(path, 3, **ALL)) == list(events.read_capture(path, **ALL))


# What makes one process read it all


def test_all_together_hold_too_much(tmp_path: Path) -> None:
    """No share alone does."""
    hello = payloads(DATA / "tls12-ecdhe-rsa.pcap")[0]
    certificate = (False, b"\x16\x03\x03\x40\x00\x0b\x00\xff\xff" + bytes(16_000))
    talks = [
        packets([hello, certificate], ends=Ends(orig_p=2000 + i), start=i * 0.001, fin=False)
        for i in range(60)
    ]
    path = write(tmp_path / "held.pcap", [packet for talk in talks for packet in talk])
    alone: list[str] = []
    one = list(events.read_capture(path, memory_limit=1_000_000))
    assert any("would be held for all connections" in getattr(e, "reason", "") for e in one)
    assert list(shared(path, 3, alone=alone.append, memory_limit=1_000_000)) == one
    [why] = alone
    assert "memory_limit" in why
    assert list(shared(path, 3, alone=alone.append)) == list(events.read_capture(path))
    assert len(alone) == 1


def test_a_session_that_another_share_remembers(tmp_path: Path) -> None:
    """Its key log has no line for the connection that resumes it."""
    path = DATA / "secrets" / "gnutls.pcapng.gz"
    alone: list[str] = []
    one = list(events.read_capture(path, wanted=ALL["wanted"]))
    assert list(shared(path, 5, alone=alone.append, wanted=ALL["wanted"])) == one
    assert [why for why in alone if "resumed" in why] == alone != []


def test_more_sessions_than_one_process_remembers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (keylog, merging):
        monkeypatch.setattr(module, "SESSIONS", 3)
    path = DATA / "secrets" / "openssl3.pcapng.gz"
    alone: list[str] = []
    one = list(events.read_capture(path, wanted=ALL["wanted"]))
    assert list(shared(path, 5, alone=alone.append, wanted=ALL["wanted"])) == one
    assert len(alone) == 1


def test_secrets_that_come_late_for_very_many(tmp_path: Path) -> None:
    """Who began to wait first may not wait any longer, of all that wait."""
    said = payloads(DATA / "tls13.pcap")
    talks = [
        packets(said, ends=Ends(orig_p=2000 + i), start=i * 0.01, fin=False) for i in range(200)
    ]
    first = pcapng([packet for talk in talks for packet in talk])
    line = f"SERVER_TRAFFIC_SECRET_0 {'00' * 32} {'11' * 32}\n".encode()
    later = pcapng(packets(said, ends=Ends(orig_p=5000), start=1e3))
    path = tmp_path / "late.pcapng"
    path.write_bytes(first + secrets(line) + later)
    alone: list[str] = []
    one = list(events.read_capture(path, secrets=KeyLog()))
    assert list(shared(path, 2, alone=alone.append, secrets=KeyLog())) == one
    assert alone == [
        "it is read by one process, because very many connections wait for their secrets"
    ]


def test_a_link_type_that_cannot_be_read(tmp_path: Path) -> None:
    path = write(tmp_path / "crowd.pcap", crowd(10, 3), linktype=147)
    with pytest.raises(CaptureError, match="link type 147 cannot be read"):
        list(shared(path, 2))


def test_a_file_that_grows_while_it_is_read(tmp_path: Path) -> None:
    """One share sees less of it than another."""
    captured = crowd(20, 5)
    short = write(tmp_path / "short.pcap", captured[:-40])
    whole = write(tmp_path / "whole.pcap", captured)
    assert EVENTS.fold is not None
    shares_of = [
        share_of(str(path), EVENTS.fold, events.Options(), index, 2)
        for index, path in enumerate((short, whole))
    ]
    again = partial(share_of, str(whole), EVENTS.fold, events.Options(), 0, 1)
    alone: list[str] = []
    told = Told(alone.append, alone=alone.append)
    found = merged("it", shares_of, again, EVENTS.join("it"), 2**29, told)
    assert list(found) == list(events.read_capture(whole))
    assert alone == ["it is read by one process, because the file changes while it is read"]


class _Stops(Iterator[Piece]):
    """A share that cannot go on after so many pieces."""

    def __init__(self, share: Iterator[Piece], after: int) -> None:
        self._share = share
        self._left = after

    def __next__(self) -> Piece:
        self._left -= 1
        if self._left < 0:
            raise CannotTravelError("it is a lambda")
        return next(self._share)

    def close(self) -> None:
        """As a generator has it."""


def test_what_cannot_be_sent_is_read_again_by_one(tmp_path: Path) -> None:
    """Nothing is given out twice; and where it is another file by then, that is told."""
    captured = crowd(60, 5)
    whole = write(tmp_path / "whole.pcap", captured)
    short = write(tmp_path / "short.pcap", captured[:30])
    begin = EVENTS.fold
    assert begin is not None

    def read(again: Path) -> Iterator[Event]:
        both = [share_of(str(whole), begin, events.Options(), index, 2) for index in range(2)]
        alone = partial(share_of, str(again), begin, events.Options(), 0, 1)
        return merged(
            "it", [_Stops(each, 1) for each in both], alone, iter, 2**29, Told(pytest.fail)
        )

    one = list(events.read_capture(whole))
    assert list(read(whole)) == one
    for again, why in ((short, "has become another file"), (tmp_path / "gone", "No such file")):
        found, reason = outcome(read(again))
        assert found == one[: len(found)]
        assert 0 < len(found) < len(one)
        assert why in str(reason)


# Rows


@pytest.mark.parametrize("seed", range(4))
def test_rows(tmp_path: Path, seed: int) -> None:
    """Also of those that are open to the end; and of each certificate one, whoever has shown it."""
    path = write(tmp_path / "crowd.pcap", crowd(50, seed))
    kinds: tuple[type[Row], ...] = (ConnectionRow, QuicRow, CertificateRow)
    one = list(events.read_connections(path, kinds=kinds))
    found = shared(path, 4, rows_made(kinds), wanted=events_of(kinds))
    assert list(found) == one  # type: ignore[comparison-overlap]
    assert {type(row) for row in one} == set(kinds)


# Lots


def key(ends: Ends, is_orig: bool) -> bytes:
    """What a flow is known by, in one direction."""
    data = frame(ends, is_orig, 0, 0, 2)
    return data[26:38]


def test_a_flow_is_in_one_lot_whoever_sends() -> None:
    for port in range(1024, 1200):
        ends = Ends(orig_p=port)
        assert lot_of(key(ends, True)) == lot_of(key(ends, False))
    talk = Ends("192.0.2.1", 443, "192.0.2.1", 443)
    assert 0 <= lot_of(key(talk, True)) < LOTS


@pytest.mark.parametrize("step", [1, 2, 64, 256])
@pytest.mark.parametrize("count", [2, 3, 4, 16])
def test_lots_are_even(step: int, count: int) -> None:
    """Some systems give out every other port, and some address every other machine."""
    of_share = [0] * count
    for index in range(0, 40_000, step):
        ends = Ends(orig_h=f"192.0.2.{index // 20_000 * 2}", orig_p=1024 + index % 60_000)
        of_share[lot_of(key(ends, True)) % count] += 1
    most = sum(of_share) / count
    assert max(of_share) < most * 1.2 + 20


def test_datagrams_of_one_port_to_many() -> None:
    talks = [datagrams([(True, b"\0")], ends=Ends(resp_p=port))[0][1] for port in range(2000)]
    of_lot = [lot_of(data[26:38]) for data in talks]
    assert len(set(of_lot)) == LOTS
