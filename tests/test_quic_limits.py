"""QUIC: CRYPTO data against a model, and how much is held of what, to the last one."""

from __future__ import annotations

import itertools
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

import events
import tlsgrammar
from events import QuicAnalyzer
from events.quic import _Crypto
from events.secrets.initial import ConnectionKeys, initial_keys
from tlsgrammar import GrammarError, quic
from tlsgrammar.framing import HandshakeMessage, Piece

from .helpers.quic import CLIENT_CID, analyze, crypto, initial
from .helpers.streams import client_hello, message, names, server_hello

ALL = frozenset(events.known_events())
MESSAGES = [message(1, b"hello"), message(14, b""), message(11, b"abcdefgh"), message(20, b"x")]
DATA = b"".join(MESSAGES)


# CRYPTO data


@given(
    st.permutations(range(8)),
    st.lists(st.integers(1, len(DATA) - 1), min_size=7, max_size=7, unique=True),
    st.lists(st.integers(0, 5), min_size=8, max_size=8),
)
def test_crypto_data_in_any_order(order: list[int], cuts: list[int], more: list[int]) -> None:
    """Pieces that overlap, too. Each byte was found where its first copy stood."""
    bounds = list(pairwise([0, *sorted(cuts), len(DATA)]))
    taken = _Crypto(2**20)
    found: list[HandshakeMessage] = []
    places: dict[int, int] = {}
    for number, index in enumerate([*order, *order]):
        start, end = bounds[index]
        end = min(end + more[index], len(DATA))
        offset = 1000 * (number + 1)
        for at in range(start, end):
            places.setdefault(at, offset + at - start)
        found += taken.take(Piece(start, DATA[start:end], offset))
        position = next(at for at in itertools.count() if at not in places)
        assert taken.position == position
    assert [each.data for each in found] == MESSAGES
    stood = [each.offset(at) for each in found for at in range(len(each.data))]
    assert stood == [places[at] for at in range(len(DATA))]
    assert taken.held == 0
    assert taken.missing(True) == ""


def test_what_is_held_of_crypto_data() -> None:
    taken = _Crypto(2**20)
    assert list(taken.take(Piece(10, b"abc"))) == []
    assert taken.held == 3 + 200
    assert list(taken.take(Piece(20, b"d"))) == []
    assert taken.held == 4 + 2 * 200
    assert list(taken.take(Piece(0, MESSAGES[2][:5]))) == []
    assert taken.held == 4 + 2 * 200 + 5 + 12


@pytest.mark.parametrize(("end", "may_be"), [(2**62 - 1, True), (2**62, False)])
def test_where_crypto_data_end_at_the_latest(end: int, may_be: bool) -> None:
    """RFC 9000 section 19.6."""
    taken = _Crypto(2**20)
    if may_be:
        assert list(taken.take(Piece(end - 1, b"x"))) == []
        assert len(taken.pieces) == 1
        return
    with pytest.raises(GrammarError, match="behind 2\\^62-1"):
        list(taken.take(Piece(end - 1, b"x", 77)))
    assert taken.lost
    assert list(taken.take(Piece(0, MESSAGES[0]))) == []
    assert (taken.position, taken.held, taken.missing(True)) == (0, 0, "")


def test_so_many_bytes_may_come_too_early() -> None:
    taken = _Crypto(2**20)
    assert list(taken.take(Piece(1, bytes(2**16)))) == []
    with pytest.raises(GrammarError, match="more than 65536 bytes or 1024 pieces"):
        list(taken.take(Piece(2**17, b"x")))
    assert taken.held == 0


def test_so_many_pieces_may_come_too_early() -> None:
    taken = _Crypto(2**20)
    for index in range(1024):
        assert list(taken.take(Piece(2 * index + 1, b"x"))) == []
    with pytest.raises(GrammarError, match="more than 65536 bytes or 1024 pieces"):
        list(taken.take(Piece(4000, b"x")))


def test_what_is_missing_in_words() -> None:
    taken = _Crypto(2**20)
    assert taken.missing(False) == ""
    assert taken.missing(True) == "the CRYPTO data with its hello are missing"
    assert [each.data for each in taken.take(Piece(0, MESSAGES[0]))] == [MESSAGES[0]]
    assert taken.missing(True) == taken.missing(False) == ""
    assert list(taken.take(Piece(9, MESSAGES[1][:2]))) == []
    assert taken.missing(False) == "CRYPTO data end in the middle of a handshake message"
    assert list(taken.take(Piece(15, b"x"))) == []
    assert taken.missing(False) == "4 bytes of CRYPTO data are missing"
    taken.lost = True
    assert taken.missing(True) == ""


def test_a_message_that_is_begun_is_not_read_as_another_that_stands_alone() -> None:
    """What comes next looks like a whole message, but is the rest of one."""
    inner = message(14, b"")
    outer = message(11, inner)
    taken = _Crypto(2**20)
    assert list(taken.take(Piece(0, outer[:4]))) == []
    assert [each.data for each in taken.take(Piece(4, outer[4:]))] == [outer]
    waits = _Crypto(2**20)
    assert list(waits.take(Piece(9, b"abc"))) == []
    assert [each.data for each in waits.take(Piece(0, inner))] == [inner]
    assert len(waits.pieces) == 1


# What is held of a flow


def of_version(version: int, cid: bytes) -> ConnectionKeys:
    keys = initial_keys(version, cid)
    assert keys is not None
    return keys


def hello(cid: bytes = CLIENT_CID, number: int = 0, version: int = 1) -> bytes:
    """An Initial packet of a client with a whole ClientHello."""
    fields = {
        "version": version,
        "destination_connection_id": cid,
        "source_connection_id": b"client",
        "token": b"",
    }
    return of_version(version, cid).client.seal(fields, number, crypto(0, client_hello()))


def answer(number: int = 0, source: bytes = b"server", cid: bytes = CLIENT_CID) -> bytes:
    """One of the server of a client that has begun with a connection id."""
    fields = {
        "version": 1,
        "destination_connection_id": b"client",
        "source_connection_id": source,
        "token": b"",
    }
    return of_version(1, cid).server.seal(fields, number, crypto(0, server_hello()))


def long_packet(packet_type: str, cid: bytes, source: bytes, rest: bytes = bytes(40)) -> bytes:
    """A packet that nobody opens here."""
    schema = {"0-RTT": quic.ZeroRTTPacket, "Handshake": quic.HandshakePacket}[packet_type]
    bits = {"0-RTT": 0b11010000, "Handshake": 0b11100000}[packet_type]
    head = bytes([bits]) + (1).to_bytes(4, "big")
    ids = bytes([len(cid)]) + cid + bytes([len(source)]) + source
    data = head + ids + (0x4000 | len(rest)).to_bytes(2, "big") + rest
    assert tlsgrammar.parse(schema, data).destination_connection_id == cid
    return data


def test_so_many_datagrams_are_held_until_their_connection_begins() -> None:
    """The last ones."""
    early = [long_packet("0-RTT", CLIENT_CID, b"client", bytes([at] * 40)) for at in range(6)]
    for count in range(7):
        chunks = [(True, data) for data in early[:count]]
        found = analyze([*chunks, (True, hello())], wanted=ALL)
        assert names(found).count("QUIC::zero_rtt_packet") == min(count, 4)


def test_a_datagram_with_two_packets_is_held_once() -> None:
    early = long_packet("0-RTT", CLIENT_CID, b"client")
    chunks = [(True, early + early) for _ in range(4)]
    found = analyze([*chunks, (True, hello())], wanted=ALL)
    assert names(found).count("QUIC::zero_rtt_packet") == 8


def test_how_many_connections_there_may_be_at_once() -> None:
    """The oldest gives way to the 257th, and says so."""
    analyzer = QuicAnalyzer(wanted=ALL)
    for index in range(256):
        cid = b"connection" + index.to_bytes(4, "big")
        assert "protocol_violation" not in names(analyzer.deliver(hello(cid), True, 1.0))
    found = analyzer.deliver(hello(b"one too many"), True, 2.0)
    [violation] = [each for each in found if isinstance(each, events.ProtocolViolation)]
    assert violation.reason.startswith("more than 256 connections at once")
    assert violation.is_orig
    assert len(analyzer._connections) == 256


@pytest.mark.parametrize(("silent", "told"), [(30.0, True), (30.5, False)])
def test_who_has_been_silent_gives_way_without_a_word(silent: float, told: bool) -> None:
    """After half a minute nobody waits for it."""
    analyzer = QuicAnalyzer(wanted=ALL)
    for index in range(256):
        cid = b"connection" + index.to_bytes(4, "big")
        analyzer.deliver(hello(cid), True, 1.0)
    found = analyzer.deliver(hello(b"one too many"), True, 1.0 + silent)
    assert ("protocol_violation" in names(found)) == told


def test_how_many_connection_ids_a_connection_may_have() -> None:
    """One that the client begins with, and those that the two sides choose. Of the 17th on, none is known."""
    analyzer = QuicAnalyzer(wanted=ALL)
    analyzer.deliver(hello(), True, 1.0)
    for number in range(20):
        analyzer.deliver(answer(number, b"server %d" % number), False, 1.0)
    [connection] = analyzer._connections
    assert len(connection.known) == 16
    for number in (0, 13):
        found = analyzer.deliver(long_packet("Handshake", b"server %d" % number, b"client"), True)
        assert names(found).count("QUIC::handshake_packet") == 1


def test_how_many_versions_an_attempt_may_have() -> None:
    """That of the client, and two more: keys are not made for every number that somebody writes."""
    analyzer = QuicAnalyzer(wanted=ALL)
    analyzer.deliver(hello(), True, 1.0)
    [connection] = analyzer._connections
    [attempt] = connection.attempts
    versions = [quic.VERSION_1, quic.VERSION_2, 0xFF000021, 0xFF000022]
    for version in versions[1:]:
        does_not_open = hello(version=version)[:-1] + b"x"
        assert "QUIC::unread_packet" in names(analyzer.deliver(does_not_open, True, 1.0))
    assert list(attempt.keys) == versions[:3]


def test_how_many_attempts_of_a_client_are_kept() -> None:
    """The last four; each is in another version here."""
    analyzer = QuicAnalyzer(wanted=ALL)
    versions = [quic.VERSION_1, quic.VERSION_2, 0xFF000021, 0xFF000022, 0xFF00001D, 0xFF00001E]
    for count, version in enumerate(versions, 1):
        analyzer.deliver(hello(version=version), True, 1.0)
        [connection] = analyzer._connections
        tried = [attempt.version for attempt in connection.attempts]
        assert tried == versions[max(count - 4, 0) : count]


def test_what_is_held_is_counted() -> None:
    analyzer = QuicAnalyzer(wanted=ALL)
    assert analyzer.held == 0
    analyzer.deliver(hello(), True, 1.0)
    assert analyzer.held == 5000
    early = initial(crypto(5000, bytes(300)), number=1)
    analyzer.deliver(early, True, 1.0)
    assert analyzer.held == 5000 + 300 + 200
    zero_rtt = long_packet("0-RTT", b"another", b"unknown")
    analyzer.deliver(zero_rtt, True, 1.0)
    assert analyzer.held == 5000 + 300 + 200 + len(zero_rtt)
    assert analyzer.offsets == [0, len(hello()) + len(early) + len(zero_rtt)]


def test_how_many_packets_of_a_datagram_are_opened() -> None:
    ping = b"\x01" + bytes(20)
    packets = [initial(ping, number=number) for number in range(1, 20)]
    for count in (15, 16, 17, 19):
        chunks = [(True, hello()), (True, b"".join(packets[:count]))]
        found = analyze(chunks, wanted=ALL)
        assert names(found).count("QUIC::initial_packet") == 1 + min(count, 16)


def test_what_is_held_is_tried_again_when_a_connection_begins_and_not_before() -> None:
    """A packet that nothing opens is told of with each try."""
    does_not_open = hello()[:-1] + b"x"
    chunks = [(True, hello()), (True, does_not_open)]
    once = names(analyze(chunks, wanted=ALL)).count("QUIC::unread_packet")
    assert once == 1
    ping = [(True, initial(b"\x01" + bytes(20), number=number)) for number in range(1, 4)]
    assert names(analyze([*chunks, *ping], wanted=ALL)).count("QUIC::unread_packet") == 1
    begins = (True, hello(b"another one"))
    assert names(analyze([*chunks, begins], wanted=ALL)).count("QUIC::unread_packet") == 2


def test_connections_that_are_given_up_end() -> None:
    wanted = {"connection_state_remove", "protocol_violation"}
    analyzer = QuicAnalyzer(wanted=wanted)
    for cid in (b"one of two", b"two of two"):
        analyzer.deliver(hello(cid), True, 1.0)
    size = analyzer.offsets[True]
    found = analyzer.give_up("too much is held", 2.0)
    assert names(found) == ["protocol_violation"] * 2 + ["connection_state_remove"] * 2
    assert {(e.offset, e.is_orig) for e in found if isinstance(e, events.ProtocolViolation)} == {
        (size, True)
    }
    assert analyzer.held == 0
    assert analyzer.idle


# When a connection began: with its first packet, also with one that could not be told before its hello


@pytest.mark.parametrize(
    ("early", "is_orig", "is_its"),
    [
        (long_packet("0-RTT", CLIENT_CID, b"client"), True, True),
        (long_packet("0-RTT", b"of others", b"client"), True, False),
        (long_packet("0-RTT", CLIENT_CID, b"client"), False, False),
        (answer(), False, True),
        (answer(), True, False),
    ],
    ids=["its 0-RTT", "another's", "of the other side", "its server's answer", "of the wrong side"],
)
def test_when_a_connection_began(early: bytes, is_orig: bool, is_its: bool) -> None:
    analyzer = QuicAnalyzer(wanted=ALL)
    analyzer.deliver(early, is_orig, 1.0)
    found = analyzer.deliver(hello(), True, 2.0)
    assert {event.c.start_time for event in found} == {1.0 if is_its else 2.0}


def test_whose_handshake_packets_are() -> None:
    """Those of the client, by its id; those of the server, once it has answered. Of several connections it must be plain
    which.
    """
    of_client = long_packet("Handshake", b"unknown", b"client")
    of_server = long_packet("Handshake", b"unknown", b"server")

    def heard(*chunks: tuple[bool, bytes]) -> int:
        return names(analyze(chunks, wanted=ALL)).count("QUIC::handshake_packet")

    assert heard((True, hello()), (True, of_client)) == 1
    assert heard((True, hello()), (False, of_server)) == 0
    assert heard((True, hello()), (False, answer()), (False, of_server)) == 1
    assert heard((True, hello()), (False, answer()), (True, of_server)) == 0
    assert heard((True, hello()), (True, hello(b"another one")), (True, of_client)) == 0
    # To an id that is known: of whoever has chosen that sender's own id, or not yet one.
    of_stranger = long_packet("Handshake", CLIENT_CID, b"stranger")
    assert heard((True, hello()), (True, of_stranger)) == 0
    to_client = long_packet("Handshake", b"client", b"server")
    assert heard((True, hello()), (False, to_client)) == 1
    from_another = long_packet("Handshake", b"client", b"another")
    assert heard((True, hello()), (False, answer()), (False, to_client)) == 1
    assert heard((True, hello()), (False, answer()), (False, from_another)) == 0


# Packets with a short header: who sends one has ended its handshake


def encrypting(cid: bytes, server: bytes) -> list[tuple[bool, bytes]]:
    """A connection in which both sides have sent Handshake packets."""
    return [
        (True, hello(cid)),
        (False, answer(0, server, cid)),
        (False, long_packet("Handshake", b"client", server)),
        (True, long_packet("Handshake", server, b"client")),
    ]


def established(*chunks: tuple[bool, bytes]) -> list[float | None]:
    """When the connections began that are established; the n-th datagram comes at n."""
    analyzer = QuicAnalyzer(wanted={"ssl_established"})
    found = [
        event
        for ts, (is_orig, data) in enumerate(chunks)
        for event in analyzer.deliver(data, is_orig, float(ts))
    ]
    return [event.c.start_time for event in found]


ONE, OTHER = encrypting(b"first one", b"server 1"), encrypting(b"other one", b"server 2")
SHORT = b"\x40"


def test_a_short_header_of_the_only_connection_establishes_it() -> None:
    """Whatever its connection id is: the client may have taken another one since."""
    for cid in (b"server 1", b"another "):
        assert established(*ONE, (True, SHORT + cid + bytes(20))) == [0.0]
    assert established(*ONE, (False, SHORT + b"client" + bytes(20))) == []
    assert established(*ONE[:-1], (True, SHORT + b"server 1" + bytes(20))) == []


def test_a_byte_that_no_short_header_has_needs_the_connection_id() -> None:
    """The Fixed Bit may be anything (RFC 9287)."""
    assert established(*ONE, (True, b"\x00" + b"server 1" + bytes(20))) == []  # padding
    assert established(*ONE, (True, b"\x01" + b"server 1" + bytes(20))) == [0.0]
    assert established(*ONE, (True, b"\x01" + b"another " + bytes(20))) == []


def test_a_short_header_of_one_of_two_connections() -> None:
    """It is told by its connection id, and by nothing else."""
    both = [*ONE, *OTHER]
    assert established(*both, (True, SHORT + b"server 1" + bytes(20))) == [0.0]
    assert established(*both, (True, SHORT + b"server 2" + bytes(20))) == [4.0]
    assert established(*both, (True, SHORT + b"another " + bytes(20))) == []


def test_a_short_header_behind_another_packet_is_of_the_same_connection() -> None:
    both = [*ONE, *OTHER]
    handshake = long_packet("Handshake", b"server 2", b"client")
    assert established(*both, (True, handshake + SHORT + b"another " + bytes(20))) == [4.0]


def test_short_headers_are_told_of_at_powers_of_two() -> None:
    analyzer = QuicAnalyzer(wanted={"QUIC::short_header_packet"})
    for is_orig, data in ONE[:2]:
        analyzer.deliver(data, is_orig, 0.0)
    counts = []
    for is_orig in (True, False):
        for _ in range(20):
            found = analyzer.deliver(SHORT + bytes(30), is_orig, 1.0)
            counts += [(e.is_orig, e.count) for e in found]  # type: ignore[attr-defined]
    assert counts == [(side, count) for side in (True, False) for count in (1, 2, 4, 8, 16)]


def test_short_headers_of_one_of_two_connections_are_counted() -> None:
    """By the connection id of whoever they are sent to."""
    analyzer = QuicAnalyzer(wanted={"QUIC::short_header_packet"})
    for is_orig, data in (*ONE[:2], *OTHER[:2]):
        analyzer.deliver(data, is_orig, 0.0)
    uids = []
    for cid in (b"server 1", b"server 2", b"another ", b"client"):
        found = analyzer.deliver(SHORT + cid + bytes(30), True, 1.0)
        uids.append([event.c.uid for event in found])
    assert [len(each) for each in uids] == [1, 1, 0, 0]
    assert uids[0] != uids[1]


def test_a_short_header_after_a_connection_that_is_over() -> None:
    """What comes late of that one does not establish the next; anything else does, where there is one only."""
    over = [*ONE, (True, SHORT + b"server 1" + bytes(20))]
    assert established(*over, *OTHER, (True, SHORT + b"server 1" + bytes(20))) == [0.0]
    assert established(*over, *OTHER, (True, SHORT + b"another " + bytes(20))) == [0.0, 5.0]
    assert established(*over, *OTHER, (True, SHORT + b"server 2" + bytes(20))) == [0.0, 5.0]


def test_connections_that_both_sides_begin() -> None:
    """Each is established by its own client."""
    turned = [(not is_orig, data) for is_orig, data in OTHER]
    both = [*ONE, *turned]
    assert established(*both, (False, SHORT + b"server 2" + bytes(20))) == [4.0]
    assert established(*both, (True, SHORT + b"server 1" + bytes(20))) == [0.0]
    assert established(*both, (True, SHORT + b"server 2" + bytes(20))) == []


def test_a_version_that_is_not_known_is_of_the_last_connection() -> None:
    unknown = b"\xc0" + bytes.fromhex("0a1a2a3a") + b"\x02ab\x02cd" + bytes(30)
    analyzer = QuicAnalyzer(wanted={"QUIC::unhandled_version"})
    for ts, cid in enumerate((b"first one", b"other one")):
        analyzer.deliver(hello(cid), True, float(ts))
    [event] = analyzer.deliver(unknown, True, 5.0)
    assert event.c.start_time == 1.0


# Where CRYPTO data stand


def test_what_is_wrong_with_a_message_is_told_with_its_place() -> None:
    """In the bytes of all datagrams of the direction: here in the second, behind a header, a PING and the head of a frame."""
    too_long = b"\x01\xff\xff\xff"
    payload = b"\x01" + crypto(0, too_long)
    first = long_packet("0-RTT", b"unknown", b"client")
    packet = initial(payload)
    analyzer = QuicAnalyzer(wanted={"protocol_violation"})
    assert analyzer.deliver(first, True) == []
    [violation] = analyzer.deliver(packet, True)
    assert isinstance(violation, events.ProtocolViolation)
    assert violation.path == "Handshake.length"
    data_at = packet_header(packet, payload) + payload.index(too_long)
    assert violation.offset == len(first) + data_at + 1


def packet_header(packet: bytes, payload: bytes) -> int:
    """How long it is: the rest of a packet is its payload, and 16 bytes that authenticate it."""
    return len(packet) - max(len(payload), 4) - 16
