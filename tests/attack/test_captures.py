"""Captures: floods, packets that contradict each other, in the wrong order, or with any time."""

from __future__ import annotations

import itertools
import random
import tracemalloc
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import dpkt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import events
from events import Event, Options, ProtocolViolation
from events.capture.clock import Clock
from events.capture.connections import Connections
from events.capture.datagrams import DatagramFlows
from events.capture.fragments import Fragments
from events.capture.headers import TCP, Decoder
from events.capture.lots import LOTS
from events.capture.memory import Memory
from events.testing.captures import (
    Chunk,
    Ends,
    Packet,
    datagram_frame,
    datagrams,
    frame,
    packets,
    payloads,
)
from events.testing.captures import write as write_capture
from tlsgrammar.framing import ClientHelloSearch, Piece, Pieces

DATA = Path(__file__).parents[1] / "data"
TLS = payloads(DATA / "tls12-ecdhe-rsa.pcap")
TLS13 = payloads(DATA / "tls13.pcap")
DTLS = payloads(DATA / "dtls" / "dtls12-openssl.pcap")
HELLO = TLS[0][1]

FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10
CLIENT, SERVER = 1000, 5000  # the initial sequence numbers of `packets`


class Capture:
    """Packets to events, one by one."""

    def __init__(self, **choices: object) -> None:
        choices.setdefault("disable_analyzer_after_detection", False)
        options = Options(**choices)  # type: ignore[arg-type]
        self.clock = Clock()
        self.connections = Connections(options, self.clock)
        self.flows = DatagramFlows(options, self.clock, pytest.fail)
        self._memory = Memory(options.memory_limit, (self.connections, self.flows))
        self._decoder = Decoder(1)

    def take(self, batch: Iterable[Packet]) -> list[Event]:
        found: list[Event] = []
        for ts, data in batch:
            segment = self._decoder.decode(data, ts)
            assert segment is not None
            if not self.clock.begin <= ts < self.clock.end and self.clock.tick(ts):
                for _, late in itertools.chain(self.connections.expired(), self.flows.expired()):
                    found += late
            family = self.connections.segment if segment.protocol == TCP else self.flows.datagram
            family(segment, ts, found)
            self._memory.take(len(data), found)
        return found

    def end(self) -> list[Event]:
        of_each = itertools.chain(self.connections.end(), self.flows.end())
        return [event for _, found in of_each for event in found]


def read(batch: Iterable[Packet], **choices: object) -> list[Event]:
    capture = Capture(**choices)
    return capture.take(batch) + capture.end()


def names(found: Iterable[Event]) -> list[str]:
    return [event.name for event in found]


def reasons(found: Iterable[Event]) -> list[str]:
    return [event.reason for event in found if isinstance(event, ProtocolViolation)]


def at(ts: float, *frames: bytes, step: float = 0.0001) -> list[Packet]:
    return [(ts + index * step, data) for index, data in enumerate(frames)]


WHOLE = packets(TLS)
EXPECTED = names(read(WHOLE))
START = WHOLE[0][0]


# Floods


@pytest.mark.parametrize("rate", [10, 5_000, 10**6])
@pytest.mark.parametrize("kind", ["SYN", "SYN, answered by RST", "datagram", "one byte"])
def test_what_says_nothing_is_remembered_up_to_a_number(rate: int, kind: str) -> None:
    capture = Capture(silent_limit=500)
    capture.take(packets(TLS[:2], fin=False))
    held = 0
    for index in range(5_000):
        ends = Ends(orig_h=f"192.0.2.{index // 50 % 250}", orig_p=1024 + index % 60_000)
        ts = START + 1 + index / rate
        if kind == "datagram":
            capture.take(at(ts, datagram_frame(ends, True, b"what")))
        else:
            capture.take(at(ts, frame(ends, True, 1, 0, SYN)))
        if kind == "SYN, answered by RST":
            capture.take(at(ts, frame(ends, False, 0, 2, RST | ACK)))
        if kind == "one byte":
            capture.take(at(ts, frame(ends, True, 2, 0, ACK, b"x"), frame(ends, True, 3, 0, RST)))
        held = max(held, len(capture.connections), len(capture.flows))
    assert held <= 502
    assert len(capture.connections._sides) <= 2 * 502
    assert len(capture.flows._flows) <= 2 * 502
    # The connection that was open before is, still.
    rest = packets(TLS, fin=False)[len(packets(TLS[:2], fin=False)) :]
    assert "ssl_established" in names(capture.take((ts, data) for _, data in rest))


def test_what_is_kept_is_not_looked_at_for_those_that_go() -> None:
    """A look at each of them would be a cost per packet that grows with their number."""
    looks = 0

    class Counting(OrderedDict[Any, int]):
        def __iter__(self) -> Iterator[Any]:
            nonlocal looks
            looks += 1
            return super().__iter__()

    capture = Capture()
    connections = capture.connections
    connections._without._lots = [Counting() for _ in range(LOTS)]
    for index in range(2_000):
        ends = Ends(orig_p=1024 + index)
        capture.take(at(START + index * 0.01, frame(ends, True, 1, 0, SYN)))
    for index in range(1_000):
        capture.take(at(START + 30 + index, frame(Ends(orig_p=99), True, 1, 0, SYN)))
    assert len(capture.connections) == 1
    # One for each that goes; and one of each lot in each second in which some go, and once in ten seconds before.
    assert looks <= 2_000 + LOTS * (21 + 20)


def test_a_million_syns_take_little_memory() -> None:
    """As many as are remembered take what is allowed for them; the rest take nothing."""
    capture = Capture()
    frames = [frame(Ends(orig_p=1024 + i), True, 1, 0, SYN) for i in range(60_000)]
    capture.take(at(START, *frames[:100]))
    tracemalloc.start()
    capture.take(at(START, *frames[100:20_100]))
    each = tracemalloc.get_traced_memory()[0] / 20_000
    tracemalloc.stop()
    assert each * Options().silent_limit < 150_000_000


def test_all_together_hold_no_more_than_is_allowed() -> None:
    """Connections that each begin a long message: the one that was silent longest gives way, and that is said."""
    certificate = b"\x16\x03\x03\x40\x00\x0b\x00\xff\xff"
    capture = Capture(memory_limit=2_000_000)
    found: list[Event] = []
    for index in range(200):
        chunks: list[Chunk] = [(True, HELLO), (False, certificate + bytes(16_000))]
        start = START + index * 0.001
        found += capture.take(
            packets(chunks, ends=Ends(orig_p=2000 + index), start=start, step=0.0, fin=False)
        )
        assert capture.connections.held() <= 2_100_000
    given_up = [e for e in found if isinstance(e, ProtocolViolation)]
    assert {e.reason for e in given_up} == {
        "more than 2000000 bytes would be held for all connections"
    }
    assert [e.c.orig_p for e in given_up] == list(range(2000, 2000 + len(given_up)))
    assert 60 < len(given_up) < 150


def test_data_out_of_order_are_held_up_to_a_number_of_bytes() -> None:
    flood = [frame(Ends(), True, CLIENT + 3 + 2 * i, 0, ACK, b"x") for i in range(20_000)]
    found = read([*WHOLE[:3], *at(WHOLE[3][0], *flood), *WHOLE[3:]], connection_limit=10**6)
    assert "more than 1000000 bytes would be held for this connection" in reasons(found)
    found = read([*WHOLE[:3], *at(WHOLE[3][0], *flood), *WHOLE[3:]], reorder_limit=10**4)
    assert "too much data out of order" in reasons(found)


# Fragments


def test_fragments_of_others_do_not_evict_those_of_one() -> None:
    fragments = Fragments()
    assert fragments.add(b"me", b"mine", 0, False, b"12345678", 0.0) is None
    for index in range(5_000):
        key = index.to_bytes(4, "big")
        assert fragments.add(b"you", key, 0, False, bytes(8), 0.0) is None
    assert fragments.add(b"me", b"mine", 8, True, b"9", 0.0) == b"123456789"


def test_whoever_is_new_does_not_starve() -> None:
    """Many senders, of each one fragment: those of the last one come together all the same."""
    fragments = Fragments()
    for index in range(20_000):
        key = index.to_bytes(4, "big")
        assert fragments.add(key, key, 0, False, bytes(1000), 0.0) is None
        assert fragments._held < 17 * 2**20
        assert len(fragments._packets) <= 4096
    assert fragments.add(b"me", b"mine", 0, False, b"12345678", 0.0) is None
    assert fragments.add(b"you", b"yours", 0, False, b"x", 0.0) is None
    assert fragments.add(b"me", b"mine", 8, True, b"9", 0.0) == b"123456789"


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 40), st.booleans()),
        max_size=60,
    )
)
def test_fragments_hold_what_they_say(each: list[tuple[int, int, int, bool]]) -> None:
    fragments = Fragments()
    for source, key, offset, last in each:
        sender = bytes([source])
        fragments.add(sender, bytes([source, key]), offset * 8, last, bytes(8 + offset % 3), 0.0)
        assert fragments._held == sum(packet.held for packet in fragments._packets.values())
        keys = {key for own in fragments._of_source.values() for key in own}
        assert keys == set(fragments._packets)


# Time


DAY = 86_400.0


@pytest.mark.parametrize("jump", [DAY, -DAY, 10 * DAY, 1e12, -1e9])
def test_one_packet_with_a_wrong_time_changes_nothing(jump: float) -> None:
    for where in (0, 1, 5, len(WHOLE) - 1):
        other = frame(Ends(orig_p=7), True, 1, 0, SYN)
        wrong = [*WHOLE[:where], (WHOLE[where][0] + jump, other), *WHOLE[where:]]
        assert names(read(wrong)) == EXPECTED
        own = list(WHOLE)
        own[where] = (own[where][0] + jump, own[where][1])
        assert names(read(own)) == EXPECTED


def test_time_that_goes_on_from_a_jump_is_believed() -> None:
    """After ten days that all packets agree on, what was silent is gone; and so it is after ten days back."""
    for jump in (10 * DAY, -10 * DAY):
        capture = Capture()
        capture.take(packets(TLS[:1], fin=False))
        for index in range(6_000):
            capture.take(at(START + jump + index, frame(Ends(orig_p=9), True, index, 0, SYN)))
        assert len(capture.connections) == 1


def test_two_clocks_that_differ_by_days_drop_nothing() -> None:
    """Of two interfaces in one capture."""
    capture = Capture()
    ours = packets(TLS, step=0.2)
    other = frame(Ends(orig_p=7), True, 1, 0, SYN)
    found = []
    for ts, data in ours:
        found += capture.take([(ts, data)])
        for _ in range(20):
            capture.take([(ts + 10 * DAY, other)])
    assert names(found + capture.end()) == EXPECTED


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=60))
def test_the_clock_never_goes_back(times: list[float]) -> None:
    clock = Clock()
    before = 0.0
    for ts in times:
        if not clock.begin <= ts < clock.end:
            assert clock.tick(ts) is (clock.now != before) or clock.now == before
        assert clock.now >= before
        before = clock.now


# The order of packets


def swaps(captured: list[Packet]) -> Iterable[list[Packet]]:
    """A capture with two packets swapped that come one behind the other, whichever."""
    for index in range(len(captured) - 1):
        (one_ts, one), (other_ts, other) = captured[index : index + 2]
        yield [*captured[:index], (one_ts, other), (other_ts, one), *captured[index + 2 :]]


@pytest.mark.parametrize("acknowledge", [True, False])
@pytest.mark.parametrize("chunks", [TLS, TLS13])
def test_two_packets_that_are_swapped_lose_nothing(chunks: list[Chunk], acknowledge: bool) -> None:
    captured = packets(chunks, acknowledge=acknowledge)
    expected = Counter(names(read(captured)))
    for swapped in swaps(captured):
        found = read(swapped)
        assert Counter(names(found)) == expected, reasons(found)


@settings(max_examples=30)
@given(seed=st.integers(0, 10**6), distance=st.integers(1, 12))
def test_packets_that_change_places_within_a_distance_lose_nothing(
    seed: int, distance: int
) -> None:
    shuffle = random.Random(seed)
    captured = packets(TLS, mss=200)
    middle = range(3, len(captured))
    order = [0, 1, 2, *sorted(middle, key=lambda index: index + shuffle.uniform(0, distance))]
    times = [ts for ts, _ in captured]
    found = read([(ts, captured[index][1]) for ts, index in zip(times, order, strict=True)])
    kinds = set(names(found))
    assert "protocol_violation" not in kinds, reasons(found)
    assert {"ssl_client_hello", "ssl_server_hello", "ssl_established"} <= kinds


# What contradicts itself


def forged(
    flags: int, *, is_orig: bool, after: int, data: bytes = b"", off: int = 0, ahead: int = 0
) -> Packet:
    """A segment at the place where one side is after so many packets, or `off` from it."""
    seq = {True: CLIENT, False: SERVER}
    for _, captured in WHOLE[:after]:
        tcp = dpkt.ethernet.Ethernet(captured).data.data
        side = tcp.sport == Ends().orig_p
        seq[side] = tcp.seq + len(tcp.data) + bool(tcp.flags & (SYN | FIN))
    ack = seq[not is_orig] + ahead if flags & ACK else 0
    return (WHOLE[after][0], frame(Ends(), is_orig, seq[is_orig] + off, ack, flags, data))


FORGED: dict[str, Callable[[bool, int], Packet]] = {
    "a FIN": lambda side, after: forged(FIN | ACK, is_orig=side, after=after),
    "a RST": lambda side, after: forged(RST, is_orig=side, after=after),
    "a SYN": lambda side, after: forged(SYN, is_orig=side, after=after, off=77_777_777),
    "a SYN-ACK": lambda side, after: forged(SYN | ACK, is_orig=side, after=after, off=77_777_777),
    "a SYN with a FIN": lambda side, after: forged(SYN | FIN, is_orig=side, after=after, off=-1),
    "a stray segment": lambda side, after: forged(
        ACK, is_orig=side, after=after, data=b"\x17\x03\x03\0\x10stray", off=-(2**30)
    ),
    "an ACK for what was never sent": lambda side, after: forged(
        ACK, is_orig=side, after=after, ahead=1_000_000
    ),
}


@pytest.mark.parametrize("kind", FORGED)
@pytest.mark.parametrize("side", [True, False])
def test_one_forged_segment_loses_nothing(kind: str, side: bool) -> None:
    for after in range(3, len(WHOLE) - 3):
        wrong = [*WHOLE[:after], FORGED[kind](side, after), *WHOLE[after:]]
        found = read(wrong)
        assert names(found) == EXPECTED, (after, reasons(found))


@pytest.mark.parametrize("kind", ["a FIN", "a RST"])
def test_a_connection_goes_on_for_long_after_a_forged_end(kind: str) -> None:
    for after in range(4, len(WHOLE) - 3):
        later = [(ts + 50.0 * index, data) for index, (ts, data) in enumerate(WHOLE[after:])]
        forgery = FORGED[kind](True, after)
        # Without packets of others, no time would pass.
        other = frame(Ends(orig_p=9), True, 1, 0, SYN)
        clock = [(START + second, other) for second in range(0, 50 * len(later), 5)]
        found = read(sorted([*WHOLE[:after], forgery, *later, *clock]))
        assert names(found) == EXPECTED, (after, reasons(found))


@pytest.mark.parametrize("first", [True, False])
def test_a_stray_segment_before_a_connection_without_a_syn(first: bool) -> None:
    whole = packets(TLS, syn=False)
    expected = names(read(whole))
    for data in (b"x", b"stray", b"\x17\x03\x03\x00\x40" + bytes(64), HELLO[:20]):
        stray = (START - 1, frame(Ends(), first, 2**31 + 5, 0, ACK, data))
        assert names(read([stray, *whole])) == expected, data


def test_data_behind_a_hole_do_not_hide_the_other_direction() -> None:
    """5 MB of a server, whose beginning is missing; then the client's hello."""
    opening, rest = WHOLE[:3], WHOLE[3:]
    flood = [
        frame(Ends(), False, SERVER + 2001 + index * 1000, CLIENT + 1, ACK, bytes(1000))
        for index in range(5_000)
    ]
    found = read([*opening, *at(opening[-1][0], *flood), *rest])
    assert "ssl_client_hello" in names(found)
    assert "too much data out of order" in reasons(found)


# The same ports again


@pytest.mark.parametrize("gap", [0.001, 1.0, 4.9, 6.0])
@pytest.mark.parametrize("finishes", [True, False])
def test_the_same_ports_again_without_a_close(gap: float, finishes: bool) -> None:
    first = packets(TLS, fin=False)
    second = packets(TLS, start=first[-1][0] + gap, isn=(900_000, 700_000_000))
    choices = {"disable_analyzer_after_detection": finishes}
    once = names(read(first, **choices))
    for cut in range(4, len(first), 3):
        found = read(first[:cut] + second, **choices)
        assert names(found)[-len(once) :] == once
        assert found[-1].c.start_time == second[0][0]
        assert len({event.c.uid for event in found}) == (1 if len(found) == len(once) else 2)


@pytest.mark.parametrize("lost", [0, 1])
def test_the_same_ports_again_where_half_of_the_opening_is_missing(lost: int) -> None:
    """The SYN, or the answer to it."""
    first = packets(TLS, fin=False)
    second = packets(TLS, start=first[-1][0] + 0.5, isn=(900_000, 700_000_000))
    del second[lost]
    once = names(read(first))
    found = read(first + second)
    assert names(found) == once + once
    assert {event.c.orig_p for event in found} == {Ends().orig_p}


@pytest.mark.parametrize("gap", [0.01, 4.0, 600.0])
@pytest.mark.parametrize("finishes", [True, False])
def test_a_second_handshake_of_dtls_on_the_same_ports(gap: float, finishes: bool) -> None:
    first = datagrams(DTLS)
    again = [(is_orig, other_random(data)) for is_orig, data in DTLS]
    second = datagrams(again, start=first[-1][0] + gap)
    choices = {"disable_analyzer_after_detection": finishes}
    once = names(read(first, **choices))
    found = read(first + second, **choices)
    assert names(found) == once + once
    assert len({event.c.uid for event in found}) == 2
    # A hello that comes late is none of another.
    late = [*first, (first[-1][0] + gap, first[0][1])]
    assert names(read(late, disable_analyzer_after_detection=True)) == names(
        read(first, disable_analyzer_after_detection=True)
    )


def test_a_second_handshake_of_dtls_from_the_other_side() -> None:
    first = datagrams(DTLS)
    again = [(not is_orig, other_random(data)) for is_orig, data in DTLS]
    found = read(first + datagrams(again, start=first[-1][0] + 1))
    hellos = [e for e in found if isinstance(e, events.SslClientHello)]
    assert {(e.c.orig_p, e.c.resp_p) for e in hellos} == {(49152, 443), (443, 49152)}


def other_random(datagram: bytes) -> bytes:
    """A ClientHello with another random; anything else as it is."""
    if datagram[0] == 22 and datagram[3:5] == b"\0\0" and datagram[13] == 1:
        return datagram[:31] + bytes(byte ^ 0x55 for byte in datagram[31:55]) + datagram[55:]
    return datagram


# Datagrams that were cut


@pytest.mark.parametrize("snapshot", [200, 400])
def test_a_datagram_that_was_cut_is_reported(snapshot: int) -> None:
    whole = datagrams(DTLS)
    cut = [(ts, data[:snapshot]) for ts, data in whole]
    lost = [
        (len(data) - snapshot)
        for (_, data), (is_orig, payload) in zip(whole, DTLS, strict=True)
        if len(data) > snapshot
    ]
    assert lost
    told = [reason for reason in reasons(read(cut)) if "captured" in reason]
    assert set(told) <= {f"{missing} bytes of a datagram were not captured" for missing in lost}
    assert told


# A capture that simply ends


@pytest.mark.parametrize("chunks", [TLS, TLS13])
def test_a_capture_that_breaks_off_says_nothing_of_what_comes_next(chunks: list[Chunk]) -> None:
    captured = packets(chunks, mss=100, fin=False)
    for end in range(4, len(captured)):
        assert reasons(read(captured[:end])) == []


# Anything


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_packets_raise_nothing_and_end(data: st.DataObject) -> None:
    """Segments of one connection with any flags, numbers and bytes, in any order, with any time."""
    seqs = st.sampled_from([CLIENT, CLIENT + 1, SERVER, 0, 2**31, 2**32 - 1])
    segment = st.tuples(
        st.booleans(),
        seqs,
        st.integers(-3000, 3000),
        seqs,
        st.integers(0, 63),
        st.sampled_from(
            [b"", b"x", bytes(6), HELLO, HELLO[:30], HELLO[30:], TLS[1][1], TLS[1][1][:99]]
        ),
        st.sampled_from([0.0, 0.1, 5.1, 61.0, 4000.0, -70.0, DAY]),
    )
    ts = START
    batch = []
    for side, seq, off, ack, flags, payload, passed in data.draw(st.lists(segment, max_size=40)):
        batch.append((ts + passed, frame(Ends(), side, seq + off, ack, flags, payload)))
        ts += 0.01
    capture = Capture()
    capture.take(batch)
    sides = capture.connections._sides
    assert {side.flow for side in sides.values()} == set(
        itertools.chain(
            capture.connections._with_bytes, capture.connections._without, capture.connections._over
        )
    )
    capture.end()
    assert len(capture.connections) == 0


def test_a_capture_in_a_file(tmp_path: Path) -> None:
    """What stands in a file goes the same way."""
    path = write_capture(tmp_path / "swapped.pcap", next(iter(swaps(WHOLE))))
    found = list(events.read_capture(path, disable_analyzer_after_detection=False))
    assert names(found) == EXPECTED


# What a second look found


def test_fins_that_are_none_do_not_look_at_what_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes wait behind a hole; then there is a FIN, a byte at its place, so that it was none, and again."""
    looks = 0
    original = Pieces.add

    def counted(self: Pieces, new: Piece) -> None:
        nonlocal looks
        looks += 1
        original(self, new)

    monkeypatch.setattr(Pieces, "add", counted)
    waiting = [frame(Ends(), True, CLIENT + 5_001 + 2 * i, 0, ACK, b"x") for i in range(2_000)]
    batch = [*WHOLE[:3], *at(WHOLE[3][0], *waiting)]
    for index in range(200):
        batch += at(
            WHOLE[3][0],
            frame(Ends(), True, CLIENT + 1 + index, 0, FIN | ACK),
            frame(Ends(), True, CLIENT + 1 + index, 0, ACK, b"x"),
        )
    capture = Capture()
    capture.take(batch)
    assert looks <= 2_000 + 200


def test_a_hole_in_a_direction_that_is_not_searched() -> None:
    whole = packets([(True, b"abc"), (True, b"lost"), (True, b"defghij")], syn=False, fin=False)
    del whole[2]
    assert read(whole, search_limit=0) == []


def test_just_below_the_limit_there_is_no_look_at_all_connections_each_time() -> None:
    capture = Capture()
    for index in range(300):
        capture.take(packets(TLS[:1], ends=Ends(orig_p=2000 + index), fin=False, start=START))
    held = capture.connections.held()
    counted = 0

    class Counting(Connections):
        def held(self) -> int:
            nonlocal counted
            counted += 1
            return super().held()

    capture.connections.__class__ = Counting
    capture._memory = Memory(held + 1_000, (capture.connections, capture.flows))
    for _ in range(500):
        capture.take(at(START, frame(Ends(orig_p=2299), False, 1, 0, ACK)))
    assert counted <= 5


def test_what_is_far_from_the_stream_is_counted() -> None:
    capture = Capture(memory_limit=4 * 2**20)
    for index in range(200):
        ends = Ends(orig_p=2000 + index)
        stray = frame(ends, True, 2**30, 0, ACK, bytes(60_000))
        capture.take(at(START, frame(ends, True, 1, 0, SYN), stray))
    assert len(capture.connections) < 80


def test_of_beginnings_that_are_given_up_little_is_kept() -> None:
    search = ClientHelloSearch()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(10_000):
        search.feed(b"\x16\x03\x01\xff\xff\x01")
    taken = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert search.given_up == 10_000 - 1024
    assert taken < 3_000_000
    assert taken < 1.2 * search.held


def test_messages_of_dtls_that_were_put_together_are_counted() -> None:
    analyzer = events.DatagramAnalyzer()
    for seq in range(256):
        for start in (0, 1):
            content = b"\x0b\0\0\2" + seq.to_bytes(2, "big") + start.to_bytes(3, "big") + b"\0\0\1x"
            header = b"\x16\xfe\xfd" + bytes(8) + len(content).to_bytes(2, "big")
            analyzer.deliver(header + content, True)
    assert analyzer.held > 256 * 100


def test_a_handshake_of_dtls_after_one_whose_hello_was_not_captured() -> None:
    first = datagrams(DTLS)[
        -(len(DTLS) - next(i for i, (side, _) in enumerate(DTLS) if not side)) :
    ]
    again = datagrams([(side, other_random(data)) for side, data in DTLS], start=first[-1][0] + 100)
    found = read(first + again)
    assert names(found)[-len(names(read(again))) :] == names(read(again))


@pytest.mark.parametrize("place", range(2, 12))
def test_a_hello_retry_request_of_dtls_that_comes_again_late(place: int) -> None:
    """It has no connection id, and says nothing about the one that was negotiated."""
    whole = datagrams(payloads(DATA / "dtls" / "dtls13-wolfssl-cid.pcap"))
    late = [*whole[:place], (whole[place][0], whole[1][1]), *whole[place:]]
    expected = Counter(names(read(whole)))
    found = Counter(names(read(late)))
    assert found["ssl_encrypted_data"] == expected["ssl_encrypted_data"]
    assert found["ssl_established"] == expected["ssl_established"]


def test_two_clocks_in_bursts_drop_nothing() -> None:
    capture = Capture()
    other = frame(Ends(orig_p=7), True, 1, 0, SYN)
    found = []
    for ts, data in packets(TLS, step=0.2):
        found += capture.take([(ts, data)])
        capture.take([(ts + DAY, other)] * 40)
        capture.take([(ts, other)] * 40)
    assert names(found + capture.end()) == EXPECTED


def test_an_alert_of_another_connection_before_the_answer_to_the_syn() -> None:
    stray = frame(Ends(), False, 2**30, 0, ACK, b"\x15\x03\x03\x00\x02\x01\x00")
    found = read([WHOLE[0], (WHOLE[0][0], stray), *WHOLE[1:]])
    assert [name for name in names(found) if name != "ssl_alert"] == EXPECTED


@pytest.mark.parametrize("acknowledge", [True, False])
def test_a_hello_retry_request_that_is_captured_late(acknowledge: bool) -> None:
    """Behind the ChangeCipherSpec and the ClientHello that answer it."""
    whole = packets(payloads(DATA / "tls13-hello-retry.pcap"), acknowledge=acknowledge)
    expected = Counter(names(read(whole)))
    for place, distance in itertools.product(range(3, 9), range(1, 4)):
        late = list(whole)
        late.insert(place + distance, late.pop(place))
        found = Counter(names(read(late)))
        assert found["ssl_client_hello"] == expected["ssl_client_hello"]


@pytest.mark.parametrize("start", ["8050010203040506", "80ff0102"])
def test_what_looks_like_ssl_2_hides_no_client_hello(start: str) -> None:
    whole = packets([(True, bytes.fromhex(start)), *TLS])
    assert Counter(names(read(whole))) == Counter(EXPECTED)


@pytest.mark.parametrize("lost", [1, 200])
def test_a_datagram_that_was_cut_anywhere_is_reported(lost: int) -> None:
    """Also where a record ends."""
    whole = datagrams(DTLS)
    index = max(range(len(whole)), key=lambda i: len(whole[i][1]))
    ts, data = whole[index]
    records = data[42:]
    at_record = 42 + 13 + int.from_bytes(records[11:13], "big")
    for end in (at_record, at_record - lost):
        cut = [*whole[:index], (ts, data[:end]), *whole[index + 1 :]]
        if end < len(data):
            assert f"{len(data) - end} bytes of a datagram were not captured" in reasons(read(cut))


def test_a_client_of_dtls_that_starts_anew_before_it_is_answered() -> None:
    """Its ClientHello comes in fragments, twice, with different randoms: both are read."""
    hello = next(data for side, data in DTLS if side)

    def in_fragments(datagram: bytes) -> list[Chunk]:
        header, body = datagram[13:19], datagram[25:]
        out = []
        for begin in range(0, len(body), 60):
            part = body[begin : begin + 60]
            content = header + begin.to_bytes(3, "big") + len(part).to_bytes(3, "big") + part
            out.append((True, datagram[:11] + len(content).to_bytes(2, "big") + content))
        return out

    chunks = in_fragments(hello) + in_fragments(other_random(hello))
    hellos = [e for e in read(datagrams(chunks)) if isinstance(e, events.SslClientHello)]
    assert len({event.client_random for event in hellos}) == 2
