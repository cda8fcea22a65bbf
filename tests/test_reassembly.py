"""TCP connections in a capture: which flags and numbers of a segment say what, and when a hole is given up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import dpkt
import pytest

import events
from events import Event, ProtocolViolation
from events.testing.captures import Chunk, Ends, Packet, frame, packets, payloads, write

from .helpers.streams import names, of, record

DATA = Path(__file__).parent / "data"
TLS = payloads(DATA / "tls12-ecdhe-rsa.pcap")
HELLO, FLIGHT = TLS[0][1], TLS[1][1]
START = 1_700_000_000.0
FIN, SYN, RST, PSH, ACK = (
    dpkt.tcp.TH_FIN,
    dpkt.tcp.TH_SYN,
    dpkt.tcp.TH_RST,
    dpkt.tcp.TH_PUSH,
    dpkt.tcp.TH_ACK,
)
CLIENT, SERVER = 1001, 5001  # the sequence numbers of the first bytes
CLIENT_NEXT = CLIENT + len(HELLO)
SERVER_NEXT = SERVER + len(FLIGHT)
ALERT = record("alert", b"\x01\x5a")

Read = Callable[..., list[Event]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def run(captured: list[Packet], **options: object) -> list[Event]:
        options.setdefault("disable_analyzer_after_detection", False)
        path = write(tmp_path / "made.pcap", captured)
        return list(events.read_capture(path, **options))  # type: ignore[call-overload]

    return run


def client(ts: float, seq: int, ack: int, flags: int, data: bytes = b"") -> Packet:
    return START + ts, frame(Ends(), True, seq, ack, flags, data)


def server(ts: float, seq: int, ack: int, flags: int, data: bytes = b"") -> Packet:
    return START + ts, frame(Ends(), False, seq, ack, flags, data)


OPENING = [
    client(0.0, CLIENT - 1, 0, SYN),
    server(0.1, SERVER - 1, CLIENT, SYN | ACK),
    client(0.2, CLIENT, SERVER, ACK),
    client(0.3, CLIENT, SERVER, ACK | PSH, HELLO),
]
# Of what the server sends then, the first ten bytes are missing.
WITH_A_HOLE = [*OPENING, server(0.4, SERVER + 10, CLIENT_NEXT, ACK, FLIGHT[10:])]


def last_two(found: list[Event]) -> list[str]:
    return names(found)[-2:]


# What an ACK says


def test_an_ack_that_is_seen_for_a_second_says_what_is_missing(read: Read) -> None:
    """The other side has it. So it will not come again."""
    acks = [client(ts, CLIENT_NEXT, SERVER_NEXT, ACK) for ts in (0.5, 2.5)]
    found = read([*WITH_A_HOLE, *acks, client(3.0, CLIENT_NEXT, SERVER_NEXT, ACK, ALERT)])
    assert last_two(found) == ["protocol_violation", "ssl_alert"]
    [violation] = of(ProtocolViolation, found)
    assert (violation.is_orig, violation.offset) == (False, 0)
    assert violation.ts == pytest.approx(START + 2.5)


@pytest.mark.parametrize(
    ("flags", "seq"),
    [(PSH, CLIENT_NEXT), (SYN | ACK, CLIENT - 1), (SYN, CLIENT - 1), (0, CLIENT_NEXT)],
    ids=["no ACK", "SYN and ACK", "SYN", "no flag"],
)
def test_what_is_no_ack_of_this_connection_says_nothing(read: Read, flags: int, seq: int) -> None:
    """The number in a segment without the flag means nothing; that of a SYN may be of another connection."""
    segments = [client(ts, seq, SERVER_NEXT, flags) for ts in (0.5, 2.5, 2.6)]
    last = client(3.0, CLIENT_NEXT, SERVER, ACK, ALERT)
    found = read([*WITH_A_HOLE, *segments, last])
    assert last_two(found) == ["ssl_alert", "protocol_violation"]


def test_an_ack_with_a_reset_says_nothing(read: Read) -> None:
    segments = [client(ts, CLIENT_NEXT, SERVER_NEXT, RST | ACK) for ts in (0.5, 2.5, 2.6)]
    last = client(3.0, CLIENT_NEXT, SERVER, ACK, ALERT)
    found = read([*WITH_A_HOLE, *segments, last])
    assert last_two(found) == ["ssl_alert", "protocol_violation"]


def test_an_ack_of_what_has_come_says_nothing(read: Read) -> None:
    acks = [client(0.5 + ts, CLIENT_NEXT, SERVER, ACK) for ts in range(60)]
    filled = server(70.0, SERVER, CLIENT_NEXT, ACK, FLIGHT[:10])
    found = read([*WITH_A_HOLE, *acks, filled])
    assert not of(ProtocolViolation, found)
    assert "ssl_server_hello" in names(found)


def test_an_ack_with_data_says_what_is_missing_before_they_are_read(read: Read) -> None:
    segments = [
        client(0.5, CLIENT_NEXT, SERVER_NEXT, ACK),
        client(2.5, CLIENT_NEXT, SERVER_NEXT, ACK | PSH, ALERT),
    ]
    assert last_two(read([*WITH_A_HOLE, *segments])) == ["protocol_violation", "ssl_alert"]


def test_what_was_missing_is_no_part_once_it_has_been_given_up(read: Read) -> None:
    acks = [client(ts, CLIENT_NEXT, SERVER_NEXT, ACK) for ts in (0.5, 2.5)]
    late = server(3.0, SERVER, CLIENT_NEXT, ACK, FLIGHT[:10])
    found = read([*WITH_A_HOLE, *acks, late])
    assert "ssl_server_hello" not in names(found)
    assert len(of(ProtocolViolation, found)) == 1


# The header


@pytest.mark.parametrize("words", range(16))
def test_the_data_offset(read: Read, words: int) -> None:
    """Less than five words are no header; what they say beyond the segment is none either."""
    ts, data = OPENING[-1]
    options = max(words - 5, 0) * 4
    segment = bytearray(data[34:54]) + b"\x01" * options + HELLO
    segment[12] = words << 4
    ip = bytearray(data[14:34])
    ip[2:4] = (20 + len(segment)).to_bytes(2, "big")
    found = read([*OPENING[:-1], (ts, data[:14] + bytes(ip) + bytes(segment))])
    assert ("ssl_client_hello" in names(found)) == (words >= 5)


@pytest.mark.parametrize("size", range(21))
def test_a_header_that_is_cut_is_none(read: Read, size: int) -> None:
    """Nor does it do anything to the connection."""
    ts, data = OPENING[-1]
    cut = (ts, data[: 34 + size])
    assert read([*OPENING[:-1], cut, OPENING[-1]]) == read(OPENING)


def test_data_with_a_reset_are_not_read(read: Read) -> None:
    """They say why, in words (RFC 9293 section 3.10.7)."""
    reset = client(0.5, CLIENT_NEXT, SERVER, RST | ACK, ALERT)
    assert read([*OPENING, reset]) == read(OPENING)


def test_data_with_a_syn_begin_behind_it(read: Read) -> None:
    """TCP Fast Open (RFC 7413)."""
    fast = [
        client(0.0, CLIENT - 1, 0, SYN, HELLO),
        server(0.1, SERVER - 1, CLIENT_NEXT, SYN | ACK),
        server(0.2, SERVER, CLIENT_NEXT, ACK, FLIGHT),
    ]
    slow = [*OPENING, server(0.4, SERVER, CLIENT_NEXT, ACK, FLIGHT)]
    assert names(read(fast)) == names(read(slow))


# The end


def closed(first: bool, last_ack: bool = True) -> list[Packet]:
    """FINs of both sides, after what the server has said."""
    sides = {True: (client, CLIENT_NEXT, SERVER_NEXT), False: (server, SERVER_NEXT, CLIENT_NEXT)}
    (one, seq, ack), (other, other_seq, other_ack) = sides[first], sides[not first]
    return [
        one(0.5, seq, ack, FIN | ACK),
        other(0.6, other_seq, other_ack + 1, FIN | ACK),
        *([one(0.7, seq + 1, ack + 1, ACK)] if last_ack else []),
    ]


SAID = [*OPENING, server(0.4, SERVER, CLIENT_NEXT, ACK, FLIGHT)]
REMOVED = {"connection_state_remove", "ssl_alert", "ssl_server_hello"}


@pytest.mark.parametrize("first", [True, False], ids=["client", "server"])
def test_a_connection_ends_with_the_last_fin_that_is_acknowledged(read: Read, first: bool) -> None:
    other = packets([(True, HELLO)], ends=Ends(orig_p=2), start=START + 10)
    found = read([*SAID, *closed(first), *other], wanted=REMOVED)
    assert [(event.name, event.c.orig_p) for event in found[:2]] == [
        ("ssl_server_hello", 49152),
        ("connection_state_remove", 49152),
    ]
    assert found[1].ts == pytest.approx(START + 0.7)


@pytest.mark.parametrize("first", [True, False], ids=["client", "server"])
def test_data_after_fins_that_are_not_acknowledged_go_on(read: Read, first: bool) -> None:
    """One of them was made up."""
    fins = closed(first, last_ack=False)
    goes_on = client(0.8, CLIENT_NEXT, SERVER_NEXT, ACK, ALERT)
    assert "ssl_alert" in names(read([*SAID, *fins, goes_on]))


def test_data_after_the_end_are_nothing(read: Read) -> None:
    late = client(0.8, CLIENT_NEXT, SERVER_NEXT, ACK, ALERT)
    assert read([*SAID, *closed(True), late]) == read([*SAID, *closed(True)])


def test_a_reset_ends_nothing_that_goes_on(read: Read) -> None:
    """Somebody made it up. Without more bytes, the connection is over in a minute."""
    reset = server(0.5, SERVER_NEXT, 0, RST)
    goes_on = client(0.8, CLIENT_NEXT, SERVER_NEXT, ACK, ALERT)
    assert names(read([*SAID, reset, goes_on])) == names(read([*SAID, goes_on]))
    later = [
        packet
        for ts in (30.0, 62.0)
        for packet in packets([(True, HELLO)], ends=Ends(orig_p=2), start=START + ts)
    ]
    found = read([*SAID, reset, *later], wanted=REMOVED)
    removed = [event.c.orig_p for event in found if event.name == "connection_state_remove"]
    assert removed == [2, 49152, 2]


# Another connection between the same ports

AGAIN: list[Chunk] = [(True, HELLO), (False, FLIGHT)]


def uids(found: list[Event]) -> int:
    return len({event.c.uid for event in found})


@pytest.mark.parametrize(("silent", "connections"), [(4.0, 1), (7.0, 2)])
def test_a_syn_after_a_silence_opens_another_connection(
    read: Read, silent: float, connections: int
) -> None:
    """Of more than five seconds. Before that it is not believed without an answer."""
    bare_syn = client(silent + 0.4, 90_000, 0, SYN)
    rest = client(silent + 0.5, CLIENT_NEXT, SERVER_NEXT, ACK, ALERT)
    found = read([*SAID, bare_syn, rest])
    assert ("ssl_alert" in names(found)) == (connections == 1)


@pytest.mark.parametrize("isn", [(70_000, 90_000), (CLIENT, SERVER), (CLIENT - 2, SERVER - 2)])
@pytest.mark.parametrize("answer", ["SYN and ACK", "bytes"])
def test_a_syn_that_is_answered_opens_another_connection(
    read: Read, answer: str, isn: tuple[int, int]
) -> None:
    """With other numbers, however near they are."""
    second = packets(AGAIN, start=START + 1.0, isn=isn, fin=False)
    if answer == "bytes":
        del second[1:3]
    found = read([*SAID, *second])
    assert uids(found) == 2
    assert names(found) == names(read(SAID)) * 2
    assert {event.c.orig_p for event in found} == {49152}
    assert {event.c.start_time for event in found} == {START, START + 1.0}


def test_a_syn_with_the_numbers_of_the_connection_is_a_copy(read: Read) -> None:
    assert read([*SAID, OPENING[0], OPENING[1]]) == read(SAID)


def test_the_other_side_may_open_the_next_connection(read: Read) -> None:
    turned = Ends("198.51.100.2", 443, "192.0.2.1", 49152)
    second = packets(AGAIN, ends=turned, start=START + 1.0, isn=(70_000, 90_000), fin=False)
    found = read([*SAID, *second])
    assert [event.c.orig_p for event in found if event.name == "ssl_client_hello"] == [49152, 443]


def test_a_connection_that_begins_with_the_answer_to_its_syn(read: Read) -> None:
    """It tells where both sides begin: so what comes out of order waits."""
    half = len(HELLO) // 2
    late = [
        OPENING[1],
        client(0.3, CLIENT + half, SERVER, ACK, HELLO[half:]),
        client(0.4, CLIENT, SERVER, ACK, HELLO[:half]),
        server(0.5, SERVER + 10, CLIENT_NEXT, ACK, FLIGHT[10:]),
        server(0.6, SERVER, CLIENT_NEXT, ACK, FLIGHT[:10]),
    ]
    found = read(late)
    assert names(found) == names(read(SAID))
    assert {event.c.orig_p for event in found} == {49152}


@pytest.mark.parametrize("fins", [0, 1, 2])
def test_what_is_missing_at_the_end_of_the_capture(read: Read, fins: int) -> None:
    """Nobody knows that it is, unless one side has ended."""
    last_bytes = 5
    chunks = [*OPENING, server(0.4, SERVER, CLIENT_NEXT, ACK, FLIGHT[:-last_bytes])]
    ends = [
        client(0.5, CLIENT_NEXT, SERVER_NEXT - last_bytes, FIN | ACK),
        server(0.6, SERVER_NEXT - last_bytes, CLIENT_NEXT + 1, FIN | ACK),
    ]
    found = read([*chunks, *ends[:fins]])
    assert len(of(ProtocolViolation, found)) == (1 if fins else 0)
