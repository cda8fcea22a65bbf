"""pcapng, read whole: what each block says, damage, and lengths that lie; pcap as our own reader reads it."""

from __future__ import annotations

import contextlib
import os
import shutil
import struct
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pcapy
import pytest
from hypothesis import given
from hypothesis import strategies as st

import events
from events import CaptureError, Event
from events.capture import files
from events.capture.files import open_capture
from events.capture.pcapng import (
    BIG_ENDIAN,
    LITTLE_ENDIAN,
    MAXIMUM_BLOCK,
    MAXIMUM_SECRETS,
    Blocks,
)
from events.capture.sources import PIECE
from events.testing.captures import Packet, packets, payloads
from tlsgrammar.language import GrammarError, build, parse

from .helpers.capture_files import (
    enhanced_packet,
    frames_of,
    interface,
    obsolete_packet,
    pcap,
    pcapng,
    secrets,
    section,
    simple_packet,
    unknown,
)
from .helpers.pcapng import drained, made

DATA = Path(__file__).parent / "data"
Make = Callable[..., bytes]
ORDERS = {"little": LITTLE_ENDIAN, "big": BIG_ENDIAN}


def conversation(start: float = 1_700_000_000.0) -> list[Packet]:
    return packets(payloads(DATA / "tls12-ecdhe-rsa.pcap"), start=start)


def read(path: Path) -> list[Event]:
    return list(events.read_capture(path))


@pytest.fixture(params=ORDERS)
def blocks(request: pytest.FixtureRequest) -> Blocks:
    return ORDERS[request.param]


# What blocks say


def test_the_events_of_pcapng_are_those_of_pcap(tmp_path: Path, blocks: Blocks) -> None:
    expected = read(made(tmp_path, pcap(conversation())))
    assert len(expected) > 10
    assert read(made(tmp_path, pcapng(conversation(), blocks))) == expected


def test_packets_and_times_are_those_of_libpcap(tmp_path: Path, blocks: Blocks) -> None:
    path = made(tmp_path, pcapng(conversation(1_699_999_999.123456), blocks))
    reader = pcapy.open_offline(str(path))
    expected = []
    while (packet := reader.next())[0] is not None:
        seconds, microseconds = packet[0].getts()
        expected.append((1, seconds + microseconds / 1_000_000, packet[1]))
    assert len(expected) > 10
    assert frames_of(path) == expected


@pytest.mark.parametrize(
    ("tsresol", "tsoffset", "ticks", "ts"),
    [
        (None, None, 1_700_000_000_123_456, 1_700_000_000.123456),
        (9, None, 1_700_000_000_123_456_789, 1_700_000_000.123456789),
        (0, None, 1_700_000_000, 1_700_000_000.0),
        (0x80, None, 1_700_000_000, 1_700_000_000.0),
        (0x94, None, 1_700_000_000 << 20 | 1 << 19, 1_700_000_000.5),
        (6, 1_700_000_000, 250_000, 1_700_000_000.25),
        (0x8A, -1_000, 1_700_001_000 << 10, 1_700_000_000.0),
        (127, None, 2**64 - 1, 0.0),
        (0xFF, 7, 2**64 - 1, 7.0),
    ],
)
@pytest.mark.parametrize("packet", [enhanced_packet, obsolete_packet])
def test_times(
    tmp_path: Path,
    blocks: Blocks,
    tsresol: int | None,
    tsoffset: int | None,
    ticks: int,
    ts: float,
    packet: Make,
) -> None:
    described = interface(tsresol=tsresol, tsoffset=tsoffset, blocks=blocks)
    path = made(tmp_path, section(blocks), described, packet(ticks, b"frame", blocks=blocks))
    [(_, found, frame)] = frames_of(path)
    assert found == pytest.approx(ts, rel=1e-15, abs=1e-9)
    assert frame == b"frame"


def test_simple_packets(tmp_path: Path, blocks: Blocks) -> None:
    """Their length is bounded by the snapshot length; their time is that of the packet before."""
    path = made(
        tmp_path,
        section(blocks),
        interface(snap_len=10, blocks=blocks),
        simple_packet(b"first", blocks=blocks),
        enhanced_packet(7_000_000, b"second", blocks=blocks),
        simple_packet(b"0123456789", 1500, blocks=blocks),
        section(blocks),
        interface(blocks=blocks),
        simple_packet(b"0123456789ab", blocks=blocks),
    )
    assert frames_of(path) == [
        (1, 0.0, b"first"),
        (1, 7.0, b"second"),
        (1, 7.0, b"0123456789"),
        (1, 7.0, b"0123456789ab"),
    ]


def test_sections_have_their_own_byte_order_and_interfaces(tmp_path: Path) -> None:
    path = made(
        tmp_path,
        section(LITTLE_ENDIAN),
        interface(1, tsresol=9),
        enhanced_packet(10**9, b"one"),
        section(BIG_ENDIAN, minor_version=2),
        interface(101, blocks=BIG_ENDIAN),
        enhanced_packet(2 * 10**6, b"two", blocks=BIG_ENDIAN),
        section(LITTLE_ENDIAN),
        interface(101),
        interface(1),
        enhanced_packet(3 * 10**6, b"three", 1),
    )
    assert frames_of(path) == [(1, 1.0, b"one"), (101, 2.0, b"two"), (1, 3.0, b"three")]


def test_unknown_blocks_and_options_are_skipped(tmp_path: Path, blocks: Blocks) -> None:
    comment = {"option_code": 1, "option_value": b"a comment"}
    custom = {"option_code": 0xFF01, "option_value": b"\xff" * 70}
    path = made(
        tmp_path,
        section(blocks),
        unknown(0x7777, b"before the interface", blocks),
        interface(blocks=blocks),
        enhanced_packet(1, b"one", options=[comment, custom], blocks=blocks),
        unknown(0x80000001, b"", blocks),
        unknown(4, bytes(3 * PIECE), blocks),
        enhanced_packet(2, b"", blocks=blocks),
        unknown(5, b"statistics", blocks),
    )
    assert [frame for _, _, frame in frames_of(path)] == [b"one", b""]


def test_tshark_sees_the_same(tmp_path: Path) -> None:
    tshark = shutil.which("tshark")
    if tshark is None:
        pytest.skip("tshark is not installed")
    captured = conversation()
    parts = []
    for blocks in (LITTLE_ENDIAN, BIG_ENDIAN):
        parts += [
            section(blocks),
            interface(tsresol=9, blocks=blocks),
            interface(101, tsresol=0x94, tsoffset=1_600_000_000, blocks=blocks),
            interface(113, snap_len=100, blocks=blocks),
        ]
        for index, (ts, frame) in enumerate(captured):
            seconds = int(ts)
            parts += [
                enhanced_packet(seconds * 10**9 + index, frame, 0, blocks=blocks),
                enhanced_packet(100_000_000 + index << 20, frame[14:], 1, blocks=blocks),
                obsolete_packet(seconds * 10**6 + index, frame[: 50 + index], 2, blocks=blocks),
                unknown(0x7777, frame, blocks),
            ]
    path = made(tmp_path, *parts)
    fields = ["-T", "fields", "-e", "frame.time_epoch", "-e", "frame.cap_len"]
    shown = subprocess.run(
        [tshark, "-r", str(path), *fields], capture_output=True, text=True, check=True
    )
    expected = [
        (float(ts), int(length)) for ts, length in map(str.split, shown.stdout.splitlines())
    ]
    assert len(expected) == 6 * len(captured)
    assert [(ts, len(frame)) for _, ts, frame in frames_of(path)] == expected


def test_what_editcap_writes(tmp_path: Path) -> None:
    editcap = shutil.which("editcap")
    if editcap is None:
        pytest.skip("editcap is not installed")
    for path in sorted(DATA.glob("*.pcap")):
        subprocess.run([editcap, "-F", "pcapng", path, tmp_path / "made.pcapng"], check=True)
        assert frames_of(tmp_path / "made.pcapng") == frames_of(path)


# Interfaces that differ


def mixed(*link_types: int) -> Iterator[bytes]:
    """A conversation whose packets come by Ethernet and raw IP in turn, among frames of other link types."""
    yield section()
    yield interface(1)
    yield interface(101, tsresol=9)
    for link_type in link_types:
        yield interface(link_type)
    for index, (ts, frame) in enumerate(conversation()):
        if index % 2:
            yield enhanced_packet(round(ts * 10**6) * 1000, frame[14:], 1)
        else:
            yield enhanced_packet(round(ts * 10**6), frame, 0)
        for other in range(len(link_types)):
            yield enhanced_packet(round(ts * 10**6), b"\xff" * 60, 2 + other)


def test_link_types_that_differ(tmp_path: Path) -> None:
    expected = read(made(tmp_path, pcap(conversation())))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read(made(tmp_path, *mixed())) == expected


def test_frames_that_cannot_be_read_are_told_of_once(tmp_path: Path) -> None:
    expected = read(made(tmp_path, pcap(conversation())))
    path = made(tmp_path, *mixed(147, 105))
    with pytest.warns(events.NotRead) as told:
        assert read(path) == expected
    [message] = [str(each.message) for each in told]
    assert message.startswith(f"{path}: skipped, link types 105, 147 cannot be read; these can: ")


def test_nobody_is_told_of_an_interface_without_packets(tmp_path: Path) -> None:
    path = made(tmp_path, section(), interface(1), interface(147), enhanced_packet(1, bytes(60)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read(path) == []


def test_frames_that_cannot_be_read_come_before_others(tmp_path: Path) -> None:
    other = [section(), interface(147), enhanced_packet(1, b"unreadable")]
    expected = read(made(tmp_path, pcap(conversation())))
    path = made(tmp_path, *other, pcapng(conversation()))
    with pytest.warns(events.NotRead, match="link type 147 cannot be read"):
        assert read(path) == expected


def test_no_interface_that_can_be_read(tmp_path: Path) -> None:
    path = made(tmp_path, section(), interface(147), enhanced_packet(1, bytes(60)))
    with pytest.raises(CaptureError, match=r"its link type 147 cannot be read; these can: .*Ether"):
        read(path)


def test_one_link_type_stays_together(tmp_path: Path) -> None:
    """Interfaces that have the same link type, and blocks in between, do not cut batches up."""
    parts = [section(), interface(1), interface(1, tsresol=9)]
    for index in range(300):
        parts += [enhanced_packet(index, bytes(60), index % 2), unknown(0x7777, b"")]
    assert len(list(open_capture(made(tmp_path, *parts)).batches)) == 1


# Secrets


def test_secrets_are_handed_on(tmp_path: Path, blocks: Blocks) -> None:
    path = made(
        tmp_path,
        section(blocks),
        secrets(b"CLIENT_RANDOM 00 11\n", blocks=blocks),
        interface(blocks=blocks),
        enhanced_packet(1, b"frame", blocks=blocks),
        secrets(b"other", 0x57474B4C, blocks=blocks),
    )
    capture = open_capture(path)
    assert len(list(capture.batches)) == 1
    assert capture.secrets == [(0x544C534B, b"CLIENT_RANDOM 00 11\n"), (0x57474B4C, b"other")]
    assert "CLIENT" not in repr(capture) + str(capture)


def test_secrets_are_bounded(tmp_path: Path) -> None:
    many = secrets(bytes(MAXIMUM_SECRETS // 4 - 1000))
    path = made(tmp_path, section(), many * 6, interface(), enhanced_packet(1, b"frame"))
    capture = open_capture(path)
    assert len(list(capture.batches)) == 1
    assert (len(capture.secrets), capture.secrets_left_out) == (4, 2)


# Damage

HEAD = section() + interface()
PACKET = enhanced_packet(1_000_000, b"a frame")


def changed(data: bytes, at: int, value: int, layout: str = "<I") -> bytes:
    return data[:at] + struct.pack(layout, value) + data[at + struct.calcsize(layout) :]


LENGTHS_DIFFER = "is damaged: the lengths at its beginning and its end differ"
DAMAGED = {
    **{
        f"a {name} without room for its fields": (
            changed(unknown(77, bytes(4)), 0, kind),
            name,
            "is damaged: it is too short",
        )
        for name, kind in {
            "Interface Description Block": 1,
            "Packet Block": 2,
            "Decryption Secrets Block": 10,
        }.items()
    },
    "cut in the head": (PACKET[:11], "block", "is truncated: 11 bytes are there"),
    "cut in the data": (PACKET[:35], "block", "is truncated: 35 of its 40 bytes are there"),
    "no multiple of 4": (
        changed(PACKET, 4, 41) + bytes(8),
        "Enhanced Packet Block",
        "is damaged: 41 is no length of a block",
    ),
    "zeros": (bytes(100), "block", "is damaged: 0 is no length of a block"),
    "4 GB": (
        changed(PACKET, 4, 2**32 - 4),
        "Enhanced Packet Block",
        "is damaged: no block has 4294967292 bytes",
    ),
    "4 GB of something unknown": (
        changed(unknown(77, b""), 4, 2**32 - 4),
        "block",
        "is damaged: no block has 4294967292 bytes",
    ),
    "too large": (
        changed(unknown(77, b""), 4, MAXIMUM_BLOCK + 4),
        "block",
        f"is damaged: no block has {MAXIMUM_BLOCK + 4} bytes",
    ),
    "two lengths": (changed(PACKET, 36, 44) + PACKET, "Enhanced Packet Block", LENGTHS_DIFFER),
    "two lengths, at the end": (changed(PACKET, 36, 44), "Enhanced Packet Block", LENGTHS_DIFFER),
    "two lengths of something unknown": (
        changed(unknown(77, b"1234"), 12, 20),
        "block",
        LENGTHS_DIFFER,
    ),
    "a packet that is longer than its block": (
        changed(PACKET, 20, 9),
        "Enhanced Packet Block",
        "is damaged: a packet of 9 bytes does not fit into it",
    ),
    "a packet of 4 GB": (
        changed(PACKET, 20, 2**32 - 1),
        "Enhanced Packet Block",
        "is damaged: a packet of 4294967295 bytes does not fit into it",
    ),
    "a simple packet that is longer than its block": (
        changed(simple_packet(b"1234"), 8, 5),
        "Simple Packet Block",
        "is damaged: a packet of 5 bytes does not fit into it",
    ),
    "an obsolete packet that is longer than its block": (
        changed(obsolete_packet(1, b"1234"), 20, 5),
        "Packet Block",
        "is damaged: a packet of 5 bytes does not fit into it",
    ),
    "an enhanced packet without room for its fields": (
        changed(unknown(77, bytes(16)), 0, 6),
        "Enhanced Packet Block",
        "is damaged: it is too short",
    ),
    "a simple packet without room for its fields": (
        changed(unknown(77, b""), 0, 3),
        "Simple Packet Block",
        "is damaged: it is too short",
    ),
    "an unknown interface": (
        enhanced_packet(1, b"a frame", 1),
        "Enhanced Packet Block",
        "is damaged: no interface 1 has been described",
    ),
    "a simple packet of no interface": (
        section() + simple_packet(b"a frame"),
        "Simple Packet Block",
        "is damaged: no interface 0 has been described",
    ),
    "an option that runs over": (
        changed(interface(), 18, 5000, "<H"),
        "Interface Description Block",
        "is damaged: an option of 5000 bytes does not fit into it",
    ),
    "an if_tsresol of two bytes": (
        changed(interface(tsresol=9), 26, 2, "<H"),
        "Interface Description Block",
        "is damaged: its option 9 has 2 bytes",
    ),
    "no byte-order magic": (
        changed(section(), 8, 0x1A2B3C4E),
        "Section Header Block",
        "is damaged: it has no byte-order magic",
    ),
    "an unknown version": (
        changed(section(), 14, 3, "<H"),
        "Section Header Block",
        "is of version 1.3, which cannot be read",
    ),
    "secrets that are longer than their block": (
        changed(secrets(b"1234"), 12, 5),
        "Decryption Secrets Block",
        "is damaged: secrets of 5 bytes do not fit into it",
    ),
}


@pytest.mark.parametrize("name", DAMAGED)
@pytest.mark.parametrize("count", [0, 1, 3000])
def test_damage(tmp_path: Path, name: str, count: int) -> None:
    """What stands before it, and one error, with the offset."""
    damaged, what, why = DAMAGED[name]
    before = HEAD + PACKET * count
    found, reason = drained(made(tmp_path, before, damaged))
    assert found == [(1, 1.0, b"a frame")] * count
    at = len(before) + damaged.startswith(section()) * len(section())
    assert reason is not None
    assert reason.startswith(f"the {what} at offset {at} {why}")


def test_the_first_block_is_damaged(tmp_path: Path) -> None:
    found, reason = drained(made(tmp_path, changed(section(), 8, 0)))
    assert (found, reason) == (
        [],
        "the Section Header Block at offset 0 is damaged: it has no byte-order magic",
    )


@pytest.mark.parametrize("kind", [pcap, pcapng])
def test_a_file_cut_anywhere(tmp_path: Path, kind: Make) -> None:
    captured = conversation()[:4]
    whole = kind(captured)
    starts = [len(kind(captured[:count])) for count in range(5)]
    frames = [(1, ts, frame) for ts, frame in captured]
    for size in range(starts[0], len(whole) + 1):
        found, reason = drained(made(tmp_path, whole[:size]))
        count = sum(start <= size for start in starts) - 1
        assert [frame for _, _, frame in found] == [frame for _, _, frame in frames[:count]]
        if size in starts:
            assert reason is None
        else:
            assert reason is not None
            assert f"at offset {starts[count]} is truncated" in reason


def test_a_packet_of_4_gb_in_pcap(tmp_path: Path) -> None:
    whole = pcap(conversation())
    lying = struct.pack("<4I", 1, 1, 2**32 - 1, 2**32 - 1)
    found, reason = drained(made(tmp_path, whole, lying, bytes(1000)))
    assert found == [(1, ts, frame) for ts, frame in conversation()]
    assert reason == f"the packet at offset {len(whole)} is damaged: no packet has 4294967295 bytes"


@pytest.mark.parametrize("make", [pcap, pcapng])
@pytest.mark.parametrize("size", [PIECE + 1, PIECE * 3 // 2, 0])
def test_a_file_that_is_cut_while_it_is_read(tmp_path: Path, make: Make, size: int) -> None:
    path = made(tmp_path, make(conversation() * 200))
    assert path.stat().st_size > 4 * PIECE
    batches = open_capture(path).batches
    next(batches)
    os.truncate(path, size)
    with pytest.raises(CaptureError, match=r"was cut to|truncated"):
        list(batches)


# Our own reader of pcap gives what libpcap gives.


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("nanoseconds", [False, True])
def test_pcap_without_libpcap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: str, nanoseconds: bool
) -> None:
    captured = conversation(1_699_999_999.123456)
    path = made(tmp_path, pcap(captured, order, nanoseconds=nanoseconds))
    expected = frames_of(path)
    assert [frame for _, _, frame in expected] == [frame for _, frame in captured]
    assert [ts for _, ts, _ in expected] == pytest.approx([ts for ts, _ in captured], abs=1e-6)
    monkeypatch.setattr(files, "_libpcap", lambda name: None)
    assert frames_of(path) == expected


def test_pcap_of_old_linux_without_libpcap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    header = struct.pack("<IHHiIII", 0xA1B2CD34, 2, 4, 0, 0, 2**18, 1)
    record = struct.pack("<4IIHBB", 7, 250_000, 5, 5, 1, 2048, 0, 0) + b"frame"
    path = made(tmp_path, header, record * 3)
    assert frames_of(path) == [(1, 7.25, b"frame")] * 3
    monkeypatch.setattr(files, "_libpcap", lambda name: None)
    assert frames_of(path) == [(1, 7.25, b"frame")] * 3


def test_a_snapshot_length_that_packets_exceed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = made(tmp_path, changed(pcap([(1.0, b"0123456789"), (2.0, b"01234")]), 16, 6))
    assert frames_of(path) == [(1, 1.0, b"012345"), (1, 2.0, b"01234")]
    monkeypatch.setattr(files, "_libpcap", lambda name: None)
    assert frames_of(path) == [(1, 1.0, b"012345"), (1, 2.0, b"01234")]


# Pipes


@pytest.mark.parametrize("make", [pcap, pcapng])
def test_a_live_pipe_does_not_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Make
) -> None:
    """Each packet is given out before the next one has arrived, and whatever it is cut into."""
    captured = conversation()[:5]
    reading, writing = os.pipe()
    os.set_blocking(reading, False)

    def never(*waiting: object) -> None:
        raise AssertionError("waits for what has not arrived")

    monkeypatch.setattr("select.select", never)
    data = [make(captured[: count + 1])[len(make(captured[:count])) :] for count in range(5)]
    os.write(writing, make([]) + data[0])
    batches = open_capture(f"/dev/fd/{reading}").batches
    for (ts, frame), following in zip(captured, [*data[1:], b""], strict=True):
        assert next(batches) == (1, [(ts, frame)])
        os.write(writing, following)
    os.close(writing)
    assert list(batches) == []
    os.close(reading)


# Names


@pytest.mark.parametrize("make", [pcap, pcapng])
def test_names_that_are_not_utf_8(tmp_path: Path, make: Make) -> None:
    data = make(conversation())
    name = os.fsencode(tmp_path) + b"/\xff\xfe.capture"
    with open(name, "wb") as file:
        file.write(data)
    expected = frames_of(made(tmp_path, data))
    assert frames_of(name) == frames_of(os.fsdecode(name)) == expected
    with open(name, "wb") as file:
        file.write(data[:-1])
    found, reason = drained(name)
    assert found == expected[:-1]
    assert reason is not None
    assert "is truncated" in reason


def test_errors_can_be_printed_whatever_the_name(tmp_path: Path) -> None:
    for name, shown in ((b"\xff.pcap", r"\xff.pcap"), (b"a\nb", r"a\nb")):
        path = os.fsencode(tmp_path) + b"/" + name
        with pytest.raises(CaptureError) as error:
            open_capture(path)
        assert (
            str(error.value).encode().decode() == f"{tmp_path}/{shown}: No such file or directory"
        )
        assert error.value.path == os.fsdecode(path)
        with open(path, "wb") as file:
            file.write(b"".join(mixed(147)))
        with pytest.warns(events.NotRead) as told:
            list(events.read_capture(path))
        assert str(told[0].message).startswith(f"{tmp_path}/{shown}: skipped, link type 147")


def test_the_command_and_a_name_that_is_not_utf_8(tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/\xff.pcap"
    shutil.copy(os.fsencode(DATA / "tls13.pcap"), name)
    command = [os.fsencode(sys.executable), b"-m", b"events", name, name + b".missing"]
    result = subprocess.run(command, capture_output=True, check=False)
    assert result.returncode == 1
    assert b"ssl_client_hello" in result.stdout
    assert result.stderr.endswith(b".missing: No such file or directory\n")
    assert result.stderr.count(b"\n") == 1


def test_a_file_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*where: object, **how: object) -> object:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("events.capture.sources.io.FileIO", refused)
    with pytest.raises(CaptureError, match=r"made: Permission denied$"):
        open_capture(made(tmp_path, pcapng(conversation())))


def test_progress_is_the_size_of_the_file(tmp_path: Path) -> None:
    for data in (pcap(conversation() * 100), pcapng(conversation() * 100)):
        read_so_far: list[int] = []
        path = made(tmp_path, data)
        list(open_capture(path, read_so_far.append).batches)
        assert sum(read_so_far) == pytest.approx(len(data), abs=24)
        assert len(read_so_far) > 3


# Anything


@st.composite
def mutated(draw: st.DrawFn, whole: bytes) -> tuple[bytes, int]:
    """A file in which something was changed; and where the first change is."""
    data = bytearray(whole)
    first = len(data)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data) - 1))
        value = draw(
            st.one_of(
                st.binary(min_size=1, max_size=4),
                st.sampled_from([b"\0\0\0\0", b"\xff\xff\xff\xff", b"\xfc\xff\xff\x7f"]),
            )
        )
        kind = draw(st.sampled_from(["change", "change", "insert", "delete", "cut"]))
        first = min(first, at)
        if kind == "change":
            data[at : at + len(value)] = value
        elif kind == "insert":
            data[at:at] = value
        elif kind == "delete":
            del data[at : at + draw(st.integers(1, 40))]
        else:
            del data[at:]
        if not data:
            break
    return bytes(data), first


PARTS = [
    section(),
    interface(1, tsresol=9),
    interface(101, tsresol=0x94, tsoffset=5),
    *(enhanced_packet(index, bytes(20 + index), index % 2) for index in range(6)),
    secrets(b"secrets"),
    unknown(99, b"unknown"),
    simple_packet(b"simple"),
    obsolete_packet(9, b"obsolete"),
    section(BIG_ENDIAN),
    interface(blocks=BIG_ENDIAN),
    *(enhanced_packet(index, bytes(20 + index), blocks=BIG_ENDIAN) for index in range(6)),
    section(),
]
WHOLE = {
    "pcapng": b"".join(PARTS),
    "pcap": pcap([(float(index), bytes(20 + index)) for index in range(20)]),
    "pcap, big-endian": pcap([(float(index), bytes(20 + index)) for index in range(20)], ">"),
}


def test_the_schemas_parse_what_they_build() -> None:
    blocks = LITTLE_ENDIAN
    for part in PARTS:
        if part == section(BIG_ENDIAN):
            blocks = BIG_ENDIAN
        elif part == section():
            blocks = LITTLE_ENDIAN
        value = parse(blocks.Block, part)
        assert build(blocks.Block, value) == part
        with pytest.raises(GrammarError):
            parse(blocks.Block, changed(part, len(part) - 4, 77))


@pytest.mark.parametrize("name", WHOLE)
@given(data=st.data())
def test_however_it_is_cut_into_pieces(name: str, path: Path, data: st.DataObject) -> None:
    whole, _ = data.draw(st.one_of(mutated(WHOLE[name]), st.just((WHOLE[name], 0))))
    path.write_bytes(whole)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "_libpcap", lambda name: None)
        expected = drained(path)
        patch.setattr("events.capture.sources.PIECE", data.draw(st.integers(1, 100)))
        assert drained(path) == expected


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzzed") / "file"


@pytest.mark.parametrize("name", WHOLE)
@given(data=st.data())
def test_nothing_but_a_capture_error_is_raised(name: str, path: Path, data: st.DataObject) -> None:
    """And what stands before the damage is given out."""
    whole = WHOLE[name]
    damaged, first = data.draw(mutated(whole))
    path.write_bytes(whole)
    expected = frames_of(path)
    path.write_bytes(whole[:first])
    sound, _ = drained(path)
    assert sound == expected[: len(sound)]
    path.write_bytes(damaged)
    found, _ = drained(path)
    assert found[: len(sound)] == sound
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", events.NotRead)
        with contextlib.suppress(CaptureError):
            read(path)
