"""Files of pcap where libpcap does not read them: the fields of their headers, and their bounds."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import pytest

from events.capture.packets import Damaged
from events.capture.pcap import MAGIC_NUMBERS, header_of, layout_of, packets

BIG, LITTLE = b"\xa1\xb2\xc3\xd4", b"\xd4\xc3\xb2\xa1"
BIG_NANO, LITTLE_NANO = b"\xa1\xb2\x3c\x4d", b"\x4d\x3c\xb2\xa1"
MODIFIED = b"\xa1\xb2\xcd\x34"
MAXIMUM = 2**18


def order(magic: bytes) -> str:
    return ">" if magic[0] == 0xA1 else "<"


def file_header(magic: bytes, snap_len: int = 65535, link_type: int = 1, major: int = 2) -> bytes:
    return magic + struct.pack(order(magic) + "HHiIII", major, 4, 0, 0, snap_len, link_type)


def record(magic: bytes, seconds: int, fraction: int, data: bytes, original: int = 9999) -> bytes:
    fields = struct.pack(order(magic) + "IIII", seconds, fraction, len(data), original)
    return fields + (bytes(8) if magic in (MODIFIED, MODIFIED[::-1]) else b"") + data


def read(data: bytes, first: int = 24) -> tuple[list[tuple[float, bytes]], Damaged | None]:
    """The packets of a file of which so many bytes come first and the others one by one; and what is wrong."""
    rest: Iterator[bytes] = (data[at : at + 1] for at in range(first, len(data)))
    found: list[tuple[float, bytes]] = []
    try:
        for _, batch in packets(header_of(data[:first]), data[:first], lambda: next(rest, b"")):
            found += batch
    except Damaged as error:
        return found, error
    return found, None


@pytest.mark.parametrize("magic", sorted(MAGIC_NUMBERS), ids=bytes.hex)
def test_each_layout(magic: bytes) -> None:
    """Big-endian and little-endian, with microseconds and nanoseconds, and that of old Linux."""
    per_microsecond = 1000 if magic in (BIG_NANO, LITTLE_NANO) else 1
    fraction = 123_456 * per_microsecond
    data = file_header(magic, link_type=0x10071) + record(magic, 7, fraction, b"frame")
    data += record(magic, 8, 0, b"")
    of = header_of(data)
    assert (of.link_type, of.snap_len) == (0x0071, 65535)
    assert of.layout is layout_of(magic)
    for first in range(24, len(data) + 1):
        assert read(data, first) == ([(7.123456, b"frame"), (8.0, b"")], None)


def test_a_file_without_packets() -> None:
    assert read(file_header(BIG)) == ([], None)
    with pytest.raises(Damaged, match="truncated"):
        header_of(file_header(BIG)[:23])


@pytest.mark.parametrize("major", [1, 3, 543])
def test_versions(major: int) -> None:
    with pytest.raises(Damaged, match=f"version {major}.4, which cannot be read"):
        header_of(file_header(LITTLE, major=major))


@pytest.mark.parametrize(
    ("said", "taken"), [(0, MAXIMUM), (1, 1), (MAXIMUM, MAXIMUM), (MAXIMUM + 1, MAXIMUM)]
)
def test_snapshot_lengths(said: int, taken: int) -> None:
    assert header_of(file_header(BIG, snap_len=said)).snap_len == taken


def test_a_packet_is_no_longer_than_the_snapshot_length() -> None:
    """And what comes behind it stands where it stands."""
    data = (
        file_header(BIG, snap_len=4) + record(BIG, 1, 0, b"long frame") + record(BIG, 2, 0, b"abcd")
    )
    assert read(data) == ([(1.0, b"long"), (2.0, b"abcd")], None)


@pytest.mark.parametrize(("size", "may_be"), [(MAXIMUM, True), (MAXIMUM + 1, False)])
def test_the_longest_packet(size: int, may_be: bool) -> None:
    data = file_header(BIG) + record(BIG, 1, 0, b"abc") + record(BIG, 2, 0, bytes(size))
    found, error = read(data, len(data))
    if may_be:
        assert [(ts, len(frame)) for ts, frame in found] == [(1.0, 3), (2.0, 65535)]
        assert error is None
        return
    assert found == [(1.0, b"abc")]
    assert error is not None
    assert error.args == ("packet", 24 + 19, f"is damaged: no packet has {size} bytes")


@pytest.mark.parametrize("missing", [1, 5, 20])
def test_a_packet_that_is_not_whole(missing: int) -> None:
    data = file_header(BIG) + record(BIG, 1, 0, b"abc") + record(BIG, 2, 0, b"frame")
    found, error = read(data[:-missing])
    assert found == [(1.0, b"abc")]
    # Its length is known once its header is there.
    needed = 16 + 5 if missing <= 5 else 16
    there = 21 - missing
    assert error is not None
    assert error.args == ("packet", 43, f"is truncated: {there} of its {needed} bytes are there")
