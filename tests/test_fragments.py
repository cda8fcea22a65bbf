"""IP fragments put together, against a model: an array of bytes for each packet, in which the first copy stands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.capture.fragments import Fragments

ONE, OTHER = b"a sender", b"another"
KEY = b"packet"


class Model:
    """A packet of which there are some fragments."""

    def __init__(self, ts: float) -> None:
        self.first = ts
        self.data: dict[int, int] = {}
        self.length: int | None = None

    def add(self, offset: int, last: bool, data: bytes) -> bytes | None:
        for at, byte in enumerate(data, offset):
            self.data.setdefault(at, byte)
        if last and self.length is None:
            self.length = offset + len(data)
        if self.length is None:
            return None
        self.data = {at: byte for at, byte in self.data.items() if at < (self.length or 0)}
        if len(self.data) < self.length:
            return None
        return bytes(self.data[at] for at in range(self.length))


FRAGMENT = st.tuples(
    st.sampled_from([b"x", b"y"]),
    st.integers(0, 3),
    st.booleans(),
    st.binary(max_size=20),
    st.sampled_from([0.0, 0.0, 0.0, 59.0, 61.0]),
)


@given(st.lists(FRAGMENT, max_size=30))
def test_a_packet_is_whole_once_all_its_bytes_have_come(
    added: list[tuple[bytes, int, bool, bytes, float]],
) -> None:
    """Two packets of one sender, whose fragments are mixed; what has waited for a minute is forgotten."""
    fragments = Fragments()
    models: dict[bytes, Model] = {}
    ts = 0.0
    for key, number, last, data, passed in added:
        ts += passed
        if key in models and ts - models[key].first > 60.0:
            del models[key]
        model = models.setdefault(key, Model(ts))
        whole = model.add(8 * number, last, data)
        assert fragments.add(ONE, key, 8 * number, last, data, ts) == whole
        if whole is not None:
            del models[key]
        assert set(fragments._packets) == set(models)
        assert fragments._held == sum(each.held for each in fragments._packets.values())


def test_a_fragment_without_data_adds_nothing() -> None:
    """Though it may say where the packet ends."""
    fragments = Fragments()
    assert fragments.add(ONE, KEY, 0, False, b"", 0.0) is None
    held = fragments._held
    for _ in range(100):
        assert fragments.add(ONE, KEY, 8, False, b"", 0.0) is None
    assert fragments._held == held
    assert fragments.add(ONE, KEY, 8, True, b"", 0.0) is None
    assert fragments.add(ONE, KEY, 0, False, b"8 bytes.", 0.0) == b"8 bytes."
    assert fragments._held == 0


@pytest.mark.parametrize(("waited", "whole"), [(60.0, b"8 bytes.rest"), (60.5, None)])
def test_what_is_not_whole_within_a_minute_is_forgotten(waited: float, whole: bytes | None) -> None:
    """Counted from the first fragment, whenever others come (RFC 8200 section 4.5)."""
    fragments = Fragments()
    assert fragments.add(ONE, KEY, 0, False, b"8 bytes.", 100.0) is None
    assert fragments.add(ONE, KEY, 16, False, b"", 130.0) is None
    assert fragments.add(ONE, KEY, 8, True, b"rest", 100.0 + waited) == whole


@pytest.mark.parametrize(("size", "fits"), [(65536 - 65528, True), (65536 - 65527, False)])
def test_no_packet_is_longer_than_its_length_can_say(size: int, fits: bool) -> None:
    fragments = Fragments()
    assert fragments.add(ONE, KEY, 65528, True, bytes(size), 0.0) is None
    assert len(fragments._packets) == fits


def begin(fragments: Fragments, source: bytes, number: int, size: int = 8) -> None:
    key = source + number.to_bytes(4, "big")
    assert fragments.add(source, key, 0, False, bytes(size), 0.0) is None


def ends(fragments: Fragments, source: bytes, number: int) -> bool:
    """Whether a packet was kept, of which the last fragment comes."""
    key = source + number.to_bytes(4, "big")
    return fragments.add(source, key, 8, True, b"rest", 0.0) is not None


def test_so_many_packets_of_one_sender_are_kept() -> None:
    """The oldest gives way, and none of another sender."""
    fragments = Fragments()
    begin(fragments, OTHER, 0)
    for number in range(65):
        begin(fragments, ONE, number)
    assert [ends(fragments, ONE, number) for number in (1, 64)] == [True, True]
    assert not ends(fragments, ONE, 0)
    assert ends(fragments, OTHER, 0)


def test_so_many_packets_of_all_senders_are_kept() -> None:
    fragments = Fragments()
    for number in range(4097):
        begin(fragments, number.to_bytes(2, "big"), number)
    assert len(fragments._packets) == len(fragments._of_source) == 4096
    assert not ends(fragments, (0).to_bytes(2, "big"), 0)
    assert ends(fragments, (2).to_bytes(2, "big"), 2)


def test_so_many_bytes_are_kept() -> None:
    """The oldest gives way, of whomever it is."""
    fragments = Fragments()
    size = 2**15
    for number in range(600):
        begin(fragments, number.to_bytes(2, "big"), number, size)
        assert fragments._held <= 16 * 2**20
    # What a packet takes besides its data is a part of it.
    assert len(fragments._packets) == 16 * 2**20 // (size + 2 * 200)
    assert b"".join(fragments._packets)[-4:] == (599).to_bytes(4, "big")


def test_just_so_many_bytes_are_kept() -> None:
    fragments = Fragments()
    size = 2**15
    for number in range(512):
        begin(fragments, number.to_bytes(2, "big"), number, size - 2 * 200)
    assert fragments._held == 16 * 2**20
    assert len(fragments._packets) == 512
    begin(fragments, b"more", 0, 1)
    assert len(fragments._packets) == 512


def test_nothing_is_kept_of_senders_that_have_no_packets() -> None:
    fragments = Fragments()
    for number in range(100):
        begin(fragments, number.to_bytes(2, "big"), 0)
        assert ends(fragments, number.to_bytes(2, "big"), 0)
    assert not fragments._packets
    assert not fragments._of_source
    assert fragments._held == 0
