"""Captures: the same conversation, however its packets were cut, lost, reordered, wrapped and stored."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import dpkt
import pytest

import events
from events import CaptureError, Event, ProtocolViolation, read_capture
from events.testing.captures import Chunk, Ends, Packet, frame, packets, payloads, write

from .helpers.streams import SSL_2

DATA = Path(__file__).parent / "data"
CAPTURES = sorted(DATA.glob("*.pcap"))
ACK = dpkt.tcp.TH_ACK


def conversation() -> list[Chunk]:
    return payloads(DATA / "tls12-ecdhe-rsa.pcap")


def read(path: Path, **options: object) -> list[Event]:
    options.setdefault("disable_analyzer_after_detection", False)
    return list(read_capture(path, **options))  # type: ignore[call-overload]


def bare(found: list[Event]) -> list[tuple[object, ...]]:
    """Events without their times and connections."""
    return [
        (e.name, *(getattr(e, f) for f in e.__struct_fields__ if f not in ("c", "ts")))
        for e in found
    ]


@pytest.fixture
def events_of(tmp_path: Path) -> Callable[..., list[Event]]:
    def run(captured: list[Packet], linktype: int = dpkt.pcap.DLT_EN10MB) -> list[Event]:
        return read(write(tmp_path / "made.pcap", captured, linktype))

    return run


EventsOf = Callable[..., list[Event]]


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_a_capture_gives_the_events_of_its_bytes(path: Path) -> None:
    analyzer = events.Analyzer(disable_analyzer_after_detection=False)
    expected = [e for is_orig, data in payloads(path) for e in analyzer.deliver(data, is_orig)]
    assert bare(read(path)) == bare(expected + analyzer.end())


def test_connection_and_time(events_of: EventsOf) -> None:
    found = events_of(packets(conversation(), start=1_700_000_000.25))
    c = found[0].c
    assert (c.proto, c.orig_h, c.orig_p) == ("tcp", "192.0.2.1", 49152)
    assert (c.resp_h, c.resp_p) == ("198.51.100.2", 443)
    assert c.start_time == 1_700_000_000.25
    assert found[0].ts == pytest.approx(1_700_000_000.253)
    again = events_of(packets(conversation(), start=1_700_000_000.25))
    other = events_of(packets(conversation(), start=1_700_000_001.25))
    assert again == found
    assert other[0].c.uid != c.uid
    assert len({e.c.uid for e in found}) == 1


@pytest.mark.parametrize("mss", [1, 7, 536, 65000])
def test_segments_of_any_size(events_of: EventsOf, mss: int) -> None:
    assert bare(events_of(packets(conversation(), mss=mss))) == bare(
        events_of(packets(conversation()))
    )


def data_only(captured: list[Packet]) -> tuple[list[Packet], list[Packet], list[Packet]]:
    """A capture in three: what opens the connection, data and acknowledgments, what closes it."""
    return captured[:3], captured[3:-3], captured[-3:]


@pytest.mark.parametrize("seed", range(8))
def test_reordered_and_duplicated(events_of: EventsOf, seed: int) -> None:
    """Segments of a burst in any order, each up to three times."""
    rng = random.Random(seed)
    opening, middle, closing = data_only(packets(conversation(), mss=100))
    shuffled: list[Packet] = []
    burst: list[Packet] = []
    for packet in middle:
        if len(packet[1]) > 54:
            burst += [packet] * rng.choice([1, 1, 2, 3])
            continue
        rng.shuffle(burst)
        shuffled += [*burst, packet]
        burst = []
    found = events_of([*opening, *shuffled, *closing])
    assert bare(found) == bare(events_of(packets(conversation())))


def test_overlapping_segments_the_first_copy_stands(events_of: EventsOf) -> None:
    opening, middle, closing = data_only(packets(conversation(), mss=200))
    changed: list[Packet] = []
    for ts, data in middle:
        eth = dpkt.ethernet.Ethernet(data)
        tcp = eth.data.data
        changed.append((ts, data))
        if len(tcp.data) > 20:
            # A late copy of the second half with other bytes, and twenty made up before it.
            tcp.seq += len(tcp.data) // 2 - 20
            tcp.data = b"\xee" * (len(tcp.data) - len(tcp.data) // 2 + 20)
            eth.data.len = 0
            changed.append((ts, bytes(eth)))
    found = events_of([*opening, *changed, *closing])
    assert bare(found) == bare(events_of(packets(conversation())))


def test_sequence_numbers_wrap(events_of: EventsOf) -> None:
    wrapping = packets(conversation(), isn=(2**32 - 100, 2**32 - 700))
    assert bare(events_of(wrapping)) == bare(events_of(packets(conversation())))


def test_a_lost_segment(events_of: EventsOf) -> None:
    """What came before it is reported, it is itself, and the other direction goes on."""
    whole = packets(conversation(), mss=500)
    server_data = [i for i, (_, data) in enumerate(whole) if len(data) == 554]
    lost = [p for i, p in enumerate(whole) if i != server_data[1]]
    found = events_of(lost)
    [violation] = [e for e in found if isinstance(e, ProtocolViolation)]
    assert (violation.is_orig, violation.reason) == (False, "500 bytes are missing")
    expected = bare(events_of(whole))
    rest = [e for e in bare(found) if e[0] != "protocol_violation"]
    assert ("ssl_change_cipher_spec", True) in rest
    assert ("ssl_change_cipher_spec", False) not in rest
    at = 0
    for event in rest:  # in the same order, nothing new
        at = expected.index(event, at) + 1


def test_a_hole_at_the_end_of_the_capture(events_of: EventsOf) -> None:
    opening, middle, _ = data_only(packets(conversation(), mss=50))
    found = events_of([*opening, middle[0], middle[2]])
    assert [e.name for e in found] == ["protocol_violation"]


def test_without_a_syn_the_client_is_the_originator(events_of: EventsOf) -> None:
    whole = packets(conversation())
    expected = bare(events_of(whole))
    assert bare(events_of(whole[2:])) == expected
    assert bare(events_of(whole[1:])) == expected
    # an acknowledgment of the server, or its first data, came first
    pure_ack = frame(Ends(), False, 5001, 1001, ACK)
    assert bare(events_of([(whole[0][0], pure_ack), *whole[3:]])) == expected
    server_first = events_of(whole[4:])
    assert server_first[0].c.orig_p == 49152
    assert not any(e[1] for e in bare(server_first)[:3])


def test_without_a_syn_bytewise(events_of: EventsOf) -> None:
    whole = packets(conversation(), mss=1, syn=False)
    assert bare(events_of(whole)) == bare(events_of(packets(conversation())))


def test_without_a_syn_the_client_of_ssl_2_is_the_originator(events_of: EventsOf) -> None:
    whole = packets(SSL_2)
    pure_ack = frame(Ends(), False, 5001, 1001, ACK)
    found = events_of([(whole[0][0], pure_ack), *whole[3:]])
    assert bare(found) == bare(events_of(whole))
    assert found[0].name == "ssl_client_hello"


@pytest.mark.parametrize("side", [True, False])
def test_one_direction_alone(events_of: EventsOf, side: bool) -> None:
    port = 49152 if side else 443
    whole = packets(conversation())
    half = [p for p in whole if dpkt.ethernet.Ethernet(p[1]).data.data.sport == port]
    names = [e.name for e in events_of(half)]
    assert ("ssl_client_hello" if side else "ssl_server_hello") in names
    assert "ssl_established" not in names
    assert "ssl_encrypted_data" in names
    assert "protocol_violation" not in names


def test_a_port_that_is_used_again(events_of: EventsOf) -> None:
    first = packets(conversation())
    second = packets(conversation(), start=first[-1][0] + 0.01, isn=(70000, 90000))
    found = events_of(first + second)
    once = bare(events_of(first))
    assert bare(found) == once + once
    assert len({e.c.uid for e in found}) == 2


def test_a_port_that_is_used_again_after_a_silence(events_of: EventsOf) -> None:
    """The end of the first connection is missing from the capture."""
    first = packets(conversation(), fin=False)
    second = packets(conversation(), start=first[-1][0] + 60, isn=(70000, 90000))
    once = bare(events_of(first))
    assert bare(events_of(first + second)) == once + once


def test_a_repeated_syn_changes_nothing(events_of: EventsOf) -> None:
    whole = packets(conversation())
    again = [whole[0], whole[0], whole[1], whole[0], *whole[2:6], whole[0], whole[1], *whole[6:]]
    assert bare(events_of(again)) == bare(events_of(whole))


def test_the_last_syn_before_data_counts(events_of: EventsOf) -> None:
    stale = (1_699_999_999.0, frame(Ends(), True, 999_999, 0, dpkt.tcp.TH_SYN))
    whole = packets(conversation())
    assert bare(events_of([stale, *whole])) == bare(events_of(whole))


def test_a_reset(events_of: EventsOf) -> None:
    whole = packets(conversation(), fin=False)
    reset = (whole[-1][0] + 0.001, frame(Ends(), False, 9000, 0, dpkt.tcp.TH_RST, b"why"))
    assert bare(events_of([*whole, reset])) == bare(events_of(whole))


def test_a_pause_of_minutes(events_of: EventsOf) -> None:
    whole = packets(conversation())
    paused = whole[:6] + [(ts + 1200, data) for ts, data in whole[6:]]
    assert bare(events_of(paused)) == bare(events_of(whole))


def test_connections_interleaved(events_of: EventsOf) -> None:
    runs = [
        packets(conversation(), ends=Ends(orig_p=50000 + i), step=0.001 * (i + 1)) for i in range(5)
    ]
    found = events_of(sorted(packet for run in runs for packet in run))
    for index, run in enumerate(runs):
        own = [e for e in found if e.c.orig_p == 50000 + index]
        assert bare(own) == bare(events_of(run))


def test_what_is_left_of_old_connections_is_dropped() -> None:
    """Memory follows the connections that are open, not the length of the capture."""
    from events.capture.clock import Clock
    from events.capture.connections import Connections
    from events.capture.headers import Decoder

    decoder = Decoder(1)
    clock = Clock()
    connections = Connections(events.Options(), clock)
    client_hello = next(iter(conversation()))
    for index in range(3000):
        ends = Ends(orig_p=1024 + index)
        fin = index % 3 != 0
        for ts, data in packets([client_hello], ends=ends, start=index * 60.0, fin=fin):
            segment = decoder.decode(data, ts)
            assert segment is not None
            if clock.tick(ts):
                list(connections.expired())
            connections.segment(segment, ts, [])
    assert len(connections._sides) < 200


# Around the connection


def ip_of(data: bytes) -> bytes:
    return data[14:]


WRAPPERS: dict[str, tuple[int, Callable[[bytes], bytes]]] = {
    "raw IP": (101, ip_of),
    "raw IPv4": (228, ip_of),
    "BSD loopback": (0, lambda f: struct.pack("<I", 2) + ip_of(f)),
    "BSD loopback, big-endian": (0, lambda f: struct.pack(">I", 2) + ip_of(f)),
    "OpenBSD loopback": (108, lambda f: struct.pack(">I", 2) + ip_of(f)),
    "PPP": (9, lambda f: b"\xff\x03\x00\x21" + ip_of(f)),
    "Linux cooked v1": (113, lambda f: bytes(14) + b"\x08\x00" + ip_of(f)),
    "Linux cooked v2": (276, lambda f: b"\x08\x00" + bytes(18) + ip_of(f)),
    "VLAN": (1, lambda f: f[:12] + b"\x81\x00\x00\x05" + f[12:]),
    "QinQ": (1, lambda f: f[:12] + b"\x88\xa8\x00\x05\x81\x00\x00\x06" + f[12:]),
    "padding": (1, lambda f: f + b"\xaa" * 30),
    "PPPoE": (
        1,
        lambda f: (
            f[:12]
            + b"\x88\x64\x11\x00\x00\x01"
            + struct.pack("!H", len(f) - 14 + 2)
            + b"\x00\x21"
            + ip_of(f)
            + b"\xbb" * 20
        ),
    ),
    "MPLS": (1, lambda f: f[:12] + b"\x88\x47" + b"\x00\x01\x00\xff\x00\x02\x01\xff" + ip_of(f)),
    "SNAP": (1, lambda f: f[:12] + struct.pack("!H", len(f) - 6) + b"\xaa\xaa\x03\0\0\0" + f[12:]),
}


def in_ip(protocol: int, payload: bytes) -> bytes:
    outer = dpkt.ip.IP(src=b"\x0a\0\0\x01", dst=b"\x0a\0\0\x02", p=protocol)
    outer.data = payload
    outer.len = 20 + len(payload)
    return b"\x02" * 12 + b"\x08\x00" + bytes(outer)


def in_udp(port: int, payload: bytes) -> bytes:
    return in_ip(17, struct.pack("!HHHH", 40000, port, 8 + len(payload), 0) + payload)


WRAPPERS |= {
    "IP in IP": (1, lambda f: in_ip(4, ip_of(f))),
    "GRE": (1, lambda f: in_ip(47, b"\x00\x00\x08\x00" + ip_of(f))),
    "GRE with key and sequence number": (
        1,
        lambda f: in_ip(47, b"\x30\x00\x65\x58" + bytes(8) + f),
    ),
    "VXLAN": (1, lambda f: in_udp(4789, b"\x08\0\0\0\0\0\x07\0" + f)),
    "Geneve": (1, lambda f: in_udp(6081, b"\x01\x00\x65\x58\0\0\x07\0" + bytes(4) + f)),
    "GTP-U": (
        1,
        lambda f: in_udp(2152, b"\x30\xff" + struct.pack("!HI", len(f) - 14, 7) + ip_of(f)),
    ),
}


@pytest.mark.parametrize("name", WRAPPERS)
def test_link_layers_and_tunnels(events_of: EventsOf, name: str) -> None:
    linktype, wrap = WRAPPERS[name]
    plain = packets(conversation())
    assert bare(events_of([(ts, wrap(data)) for ts, data in plain], linktype)) == bare(
        events_of(plain)
    )


def test_ipv6(events_of: EventsOf) -> None:
    ends = Ends("2001:db8::1", 49152, "2001:db8::2", 443)
    found = events_of(packets(conversation(), ends=ends))
    assert bare(found) == bare(events_of(packets(conversation())))
    assert found[0].c.orig_h == "2001:db8::1"


def fragmented(data: bytes, size: int) -> list[bytes]:
    """The frame with its IPv4 packet in fragments."""
    eth = dpkt.ethernet.Ethernet(data)
    payload = bytes(eth.data.data)
    out = []
    for at in range(0, len(payload), size):
        piece = payload[at : at + size]
        more = 0x2000 if at + size < len(payload) else 0
        header = bytearray(bytes(eth.data)[:20])
        header[2:4] = struct.pack("!H", 20 + len(piece))
        header[6:8] = struct.pack("!H", more | at // 8)
        out.append(data[:14] + bytes(header) + piece)
    return out


def fragmented6(data: bytes, size: int) -> list[bytes]:
    """The frame with its IPv6 packet in fragments."""
    payload = data[54:]
    out = []
    for at in range(0, len(payload), size):
        piece = payload[at : at + size]
        more = 1 if at + size < len(payload) else 0
        fragment = b"\x06\x00" + struct.pack("!HI", at | more, zlib.crc32(data)) + piece
        header = bytearray(data[:54])
        header[18:20] = struct.pack("!H", len(fragment))
        header[20] = 44
        out.append(bytes(header) + fragment)
    return out


@pytest.mark.parametrize("seed", range(3))
def test_ip_fragments_in_any_order(events_of: EventsOf, seed: int) -> None:
    rng = random.Random(seed)
    whole = packets(conversation())
    ends = Ends("2001:db8::1", 49152, "2001:db8::2", 443)
    for plain, cut in ((whole, fragmented), (packets(conversation(), ends=ends), fragmented6)):
        captured: list[Packet] = []
        for index, (ts, data) in enumerate(plain):
            if cut is fragmented:
                data = data[:18] + struct.pack("!H", index) + data[20:]
            pieces = cut(data, 64)
            pieces += pieces[:1]
            rng.shuffle(pieces)
            captured += [(ts, piece) for piece in pieces]
        found = [e for e in events_of(captured) if not isinstance(e, ProtocolViolation)]
        assert bare(found) == bare(events_of(whole))


def test_padding_that_a_middlebox_counted_in(events_of: EventsOf) -> None:
    """Bare acknowledgments with six zero bytes, which the data that follow replace."""
    whole = packets(conversation())
    padded: list[Packet] = []
    for ts, data in whole:
        eth = dpkt.ethernet.Ethernet(data)
        if eth.data.data.flags == ACK:
            eth.data.data.data = bytes(6)
            eth.data.len = 0
            data = bytes(eth)
        padded.append((ts, data))
    assert bare(events_of(padded)) == bare(events_of(whole))


# Files


def test_frames_cut_short_by_the_snapshot_length(events_of: EventsOf) -> None:
    whole = packets(conversation())
    names = [e.name for e in events_of([(ts, data[:600]) for ts, data in whole])]
    assert "ssl_client_hello" in names
    assert "protocol_violation" in names


def test_pcapng(tmp_path: Path) -> None:
    path = tmp_path / "made.pcapng"
    with path.open("wb") as file:
        writer = dpkt.pcapng.Writer(file)
        for ts, data in packets(conversation()):
            writer.writepkt(data, ts=ts)
    expected = write(tmp_path / "made.pcap", packets(conversation()))
    assert bare(read(path)) == bare(read(expected))


@pytest.mark.parametrize("cut", [1, 40, 700])
def test_a_file_that_breaks_off(tmp_path: Path, cut: int) -> None:
    """The events of what is there, then one error. No packet is lost with the one that is cut."""
    whole = write(tmp_path / "whole.pcap", packets(conversation())).read_bytes()
    path = tmp_path / "cut.pcap"
    path.write_bytes(whole[:-cut])
    found: list[Event] = []
    iterator = read_capture(path, disable_analyzer_after_detection=False)
    with pytest.raises(CaptureError, match="truncated"):
        found.extend(iterator)
    expected = bare(read(tmp_path / "whole.pcap"))
    kept = [e for e in bare(found) if e[0] != "protocol_violation"]
    assert kept == expected[: len(kept)]
    assert len(kept) >= len(expected) - 4


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"certainly not a capture", "neither a pcap nor a pcapng file"),
        (b"\x1f\x8b\x08\x00", "the gzip data are truncated"),
        (b"\xd4\xc3\xb2\xa1\x02\x00", "the file header at offset 0 is truncated"),
        (None, "No such file or directory"),
    ],
)
def test_what_is_no_capture(tmp_path: Path, content: bytes | None, reason: str) -> None:
    path = tmp_path / "file"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CaptureError) as error:
        read_capture(path)
    assert (error.value.path, error.value.reason) == (str(path), reason)


def test_a_directory_is_no_capture(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="is a directory"):
        read_capture(tmp_path)


def test_a_link_type_that_cannot_be_read(tmp_path: Path) -> None:
    path = write(tmp_path / "made.pcap", packets(conversation()), linktype=147)
    with pytest.raises(CaptureError, match=r"link type 147 cannot be read; these can: .*Ethernet"):
        read_capture(path)


def garbage(count: int) -> list[Packet]:
    """Frames of any bytes."""
    rng = random.Random(1)
    return [(float(index), rng.randbytes(rng.randrange(80))) for index in range(count)]


@pytest.mark.parametrize("name", WRAPPERS)
def test_frames_that_are_not_ip_raise_nothing(events_of: EventsOf, name: str) -> None:
    """Nor do they change what others raise."""
    linktype, wrap = WRAPPERS[name]
    made_up = garbage(500)
    assert events_of(made_up, linktype) == []
    whole = [(ts, wrap(data)) for ts, data in packets(conversation())]
    between: list[Packet] = []
    for (_, noise), (ts, data) in zip(made_up, whole, strict=False):
        between += [(ts, noise), (ts, data)]
    assert events_of(between, linktype) == events_of(whole, linktype)


def test_frames_that_are_cut_before_they_come_whole_change_nothing(events_of: EventsOf) -> None:
    """Wherever they are cut: what they have of a segment is the same."""
    rng = random.Random(2)
    whole = packets(conversation(), mss=100)
    with_cut = [
        packet
        for ts, data in whole
        for packet in ((ts, data[: rng.randrange(len(data))]), (ts, data))
    ]
    assert events_of(with_cut) == events_of(whole)


def test_damaged_frames_after_the_end_change_nothing(events_of: EventsOf) -> None:
    """A bit of each is another one. Where it is one of an address or port, it is of another connection."""
    rng = random.Random(3)
    whole = packets(conversation())
    end = whole[-1][0]
    late: list[Packet] = []
    for ts, data in whole:
        changed = bytearray(data)
        changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        late.append((end + ts - whole[0][0], bytes(changed)))
    expected = events_of(whole)
    found = events_of([*whole, *late])
    uid = expected[0].c.uid
    assert [event for event in found if event.c.uid == uid] == expected


def test_too_much_out_of_order_ends_the_direction_alone(events_of: EventsOf) -> None:
    whole = packets(conversation())
    opening, middle = whole[:3], whole[3:]
    flood: list[Packet] = []
    for index in range(4300):
        data = frame(Ends(), False, 7001 + index * 1000, 1001, ACK, bytes(1000))
        flood.append((opening[-1][0], data))
    found = events_of([*opening, *flood, *middle])
    names = [e.name for e in found]
    assert "ssl_client_hello" in names
    assert "ssl_server_hello" not in names


@pytest.mark.parametrize("ends", ["capture", "FIN"])
def test_what_is_open_when_a_capture_ends_is_not_wrong(ends: str, tmp_path: Path) -> None:
    """Nobody knows that anything is missing of a connection that goes on. Of one that is closed, it is."""
    chunks = payloads(DATA / "tls12-ecdhe-rsa.pcap")[:2]
    is_orig, data = chunks[-1]
    chunks[-1] = (is_orig, data[:-10])
    path = write(tmp_path / "cut.pcap", packets(chunks, fin=ends == "FIN"))
    violations = [
        event for event in events.read_capture(path) if isinstance(event, events.ProtocolViolation)
    ]
    assert len(violations) == (1 if ends == "FIN" else 0)


def test_packets_without_bytes_tell_the_time(tmp_path: Path) -> None:
    """As they come from an interface that nothing else comes from: what has been silent for an hour ends."""
    chunks = payloads(DATA / "tls12-ecdhe-rsa.pcap")
    silent = packets(chunks[:1], fin=False)
    end, _ = silent[-1]
    ticks = [(end + 50.0 * index, b"") for index in range(1, 80)]
    later = packets(chunks[:1], ends=Ends(orig_p=2), start=end + 50.0 * 80)
    path = write(tmp_path / "capture.pcap", [*silent, *ticks, *later])
    wanted = {"ssl_client_hello", "connection_state_remove"}
    found = [(event.c.orig_p, event.name) for event in events.read_capture(path, wanted=wanted)]
    assert found == [
        (49152, "ssl_client_hello"),
        (49152, "connection_state_remove"),
        (2, "ssl_client_hello"),
        (2, "connection_state_remove"),
    ]
