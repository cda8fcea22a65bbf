"""Where records, messages and pieces begin and end: against models, for every way to cut what is short.

A model is a list of what went in. After each step all is checked that a reader says of itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlsgrammar import GrammarError
from tlsgrammar.framing import (
    HandshakeMessage,
    HandshakeReader,
    Piece,
    Pieces,
    Protocol,
    Record,
    RecordReader,
    begins_hello,
    sole_message,
)
from tlsgrammar.framing.resync import Candidate, RecordSearch

BASE = 1000  # where in the direction the first byte stands
ALERT, HANDSHAKE, DATA = 21, 22, 23


def tls(content_type: int, fragment: bytes, version: int = 0x0303) -> bytes:
    return (
        bytes([content_type])
        + version.to_bytes(2, "big")
        + len(fragment).to_bytes(2, "big")
        + fragment
    )


def records_of(fragments: list[tuple[int, bytes]], *, pass_over: bool = False) -> list[Record]:
    """What a reader gives out for records of TLS, one behind the other."""
    found = []
    at = BASE
    for content_type, fragment in fragments:
        hidden = pass_over or content_type == DATA
        found.append(
            Record(content_type, 0x0303, len(fragment), None if hidden else fragment, at, at + 5)
        )
        at += 5 + len(fragment)
    return found


def cut(data: bytes, cuts: tuple[int, ...]) -> list[bytes]:
    return [data[start:end] for start, end in pairwise((0, *cuts, len(data)))]


def all_of(reader: RecordReader) -> Iterator[Record]:
    while (record := reader.next()) is not None:
        yield record


# Records

# Of each kind of length: nothing, one byte, some; and what is never looked at between them.
FRAGMENTS = [
    (ALERT, b"\x02\x28"),
    (HANDSHAKE, b""),
    (DATA, b"secret"),
    (HANDSHAKE, b"m"),
    (DATA, b""),
]
STREAM = b"".join(tls(*each) for each in FRAGMENTS)


@pytest.mark.parametrize("pass_over", [False, True], ids=["read", "passed over"])
@pytest.mark.parametrize("keep", [False, True], ids=["thrown away", "kept"])
def test_records_however_they_are_cut(pass_over: bool, keep: bool) -> None:
    expected = records_of(FRAGMENTS, pass_over=pass_over)
    for cuts in combinations(range(1, len(STREAM)), 2):
        reader = RecordReader(Protocol.TLS, BASE)
        reader.pass_over, reader.keep = pass_over, keep
        found: list[Record] = []
        arrived = 0
        for piece in cut(STREAM, cuts):
            arrived += len(piece)
            if not reader.feed(piece):
                assert list(all_of(reader)) == []
            for record in all_of(reader):
                found.append(record)
                if keep and record.fragment is None:
                    assert reader.passed == FRAGMENTS[len(found) - 1][1]
            check_reader(reader, found, expected, arrived, pass_over)
        assert found == expected
        assert (reader.pending, reader.held) == ("", 0)


def check_reader(
    reader: RecordReader, found: list[Record], expected: list[Record], arrived: int, over: bool
) -> None:
    """What a reader says of itself once it has given out all that have arrived."""
    ends = [record.fragment_offset + record.length - BASE for record in expected]
    assert found == expected[: sum(end <= arrived for end in ends)]
    start = ends[len(found) - 1] if found else 0
    begun = arrived - start
    pending = "" if not begun else "a record's header" if begun < 5 else "a record"
    assert reader.pending == pending
    assert reader.arrived == BASE + arrived
    # A header is taken as soon as it is there.
    header = 5 if begun >= 5 else 0
    hidden = header and (over or expected[len(found)].type == DATA)
    assert reader.offset == BASE + (arrived if hidden else start + header)
    if reader.keep or not hidden:
        assert reader.held >= begun - header
    assert reader.held == 0 or pending


@pytest.mark.parametrize("at", range(1, len(STREAM)))
def test_bytes_that_are_no_record_are_told_with_their_place(at: int) -> None:
    """Of the version, which is the second byte."""
    reader = RecordReader(Protocol.TLS, BASE)
    broken = STREAM + b"\x16\x09\x09\x00\x01x"
    reader.feed(broken[:at])
    found = list(all_of(reader))
    reader.feed(broken[at:])
    found += [record for _, record in zip(FRAGMENTS[len(found) :], all_of(reader), strict=False)]
    assert found == records_of(FRAGMENTS)
    with pytest.raises(GrammarError) as error:
        reader.next()
    assert error.value.offset == BASE + len(STREAM) + 1


@pytest.mark.parametrize(
    ("version", "is_one"), [(0x02FF, False), (0x0300, True), (0x0303, True), (0x0304, False)]
)
def test_the_versions_of_records(version: int, is_one: bool) -> None:
    reader = RecordReader(Protocol.TLS)
    reader.feed(tls(ALERT, b"\x01\x00", version))
    if is_one:
        assert reader.next() == Record(ALERT, version, 2, b"\x01\x00", 0, 5)
    else:
        with pytest.raises(GrammarError) as error:
            reader.next()
        assert error.value.offset == 1


@pytest.mark.parametrize("at", range(7, len(STREAM) + 1))
def test_the_rest_is_what_has_come_behind_a_record(at: int) -> None:
    reader = RecordReader(Protocol.TLS, BASE)
    reader.feed(STREAM[:at])
    assert reader.next() == records_of(FRAGMENTS)[0]
    assert reader.rest() == STREAM[7:at]
    assert (reader.arrived, reader.offset, reader.pending) == (BASE + 7, BASE + 7, "")


def test_what_is_fed_later_does_not_change_a_record_that_was_given_out() -> None:
    reader = RecordReader(Protocol.TLS)
    reader.feed(STREAM[:3])
    reader.feed(bytearray(STREAM[3:9]))
    first = reader.next()
    reader.feed(STREAM[9:])
    assert first == Record(ALERT, 0x0303, 2, b"\x02\x28", 0, 5)
    assert first is not None
    assert type(first.fragment) is bytes


# SSL 2.0: headers of two bytes, and of three, where padding is counted.

SSLV2 = b"\x80\x03abc" + b"\x00\x06\x02data" + b"\0\0" + b"\x80\x01z" + b"\x00\x02\x02\0\0"
SSLV2_RECORDS = [
    Record(0, 2, 3, b"abc", BASE, BASE + 2),
    Record(0, 2, 6, b"data", BASE + 5, BASE + 8),
    Record(0, 2, 1, b"z", BASE + 14, BASE + 16),
    Record(0, 2, 2, b"", BASE + 17, BASE + 20),
]


def test_records_of_ssl_2_however_they_are_cut() -> None:
    for cuts in combinations(range(1, len(SSLV2)), 2):
        reader = RecordReader(Protocol.SSLV2, BASE)
        found: list[Record] = []
        for piece in cut(SSLV2, cuts):
            reader.feed(piece)
            found += all_of(reader)
        assert found == SSLV2_RECORDS
        assert reader.arrived == reader.offset == BASE + len(SSLV2)


def test_more_padding_than_there_are_bytes() -> None:
    reader = RecordReader(Protocol.SSLV2, BASE)
    reader.feed(b"\x80\x03abc" + b"\x00\x02\x03\0\0")
    assert reader.next() == SSLV2_RECORDS[0]
    with pytest.raises(GrammarError) as error:
        reader.next()
    assert error.value.offset == BASE + 5 + 2


# Bytes that are missing

LONG = bytes(range(100)) + bytes(100)


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize(("before", "missing"), [(5, 1), (5, 200), (6, 100), (105, 100), (204, 1)])
def test_bytes_may_be_missing_of_a_record_that_is_passed_over(
    keep: bool, before: int, missing: int
) -> None:
    """What has been kept of it is of no use then; its last bytes are."""
    reader = RecordReader(Protocol.TLS, BASE)
    reader.keep = reader.wants_tail = keep
    data = tls(DATA, LONG) + tls(ALERT, b"\x01\x00")
    reader.feed(data[:before])
    assert reader.next() is None
    assert reader.gap(missing)
    assert reader.arrived == BASE + before + missing
    came = data[before + missing :]
    if came[:-7]:
        for at in range(len(came) - 8):
            assert not reader.feed(came[at : at + 1])
        reader.feed(came[-8:-7])
    assert reader.next() == Record(DATA, 0x0303, 200, None, BASE, BASE + 5)
    assert reader.passed is None
    assert reader.tail == (came[:-7][-64:] if keep else b"")
    assert reader.tail_offset == (BASE + 5 if keep else -1)
    reader.feed(came[-7:])
    assert reader.next() == Record(ALERT, 0x0303, 2, b"\x01\x00", BASE + 205, BASE + 210)


@pytest.mark.parametrize(
    ("before", "missing"), [(0, 1), (4, 1), (5, 201), (105, 101), (205, 1), (208, 2)]
)
@pytest.mark.parametrize("keep", [False, True])
def test_bytes_that_are_missing_of_a_header_cannot_be_passed_over(
    keep: bool, before: int, missing: int
) -> None:
    reader = RecordReader(Protocol.TLS, BASE)
    reader.keep = keep
    data = tls(DATA, LONG) + tls(ALERT, b"\x01\x00")
    reader.feed(data[:before])
    list(all_of(reader))
    assert not reader.gap(missing)


def test_bytes_that_are_missing_of_what_is_read_cannot_be_passed_over() -> None:
    reader = RecordReader(Protocol.TLS)
    reader.feed(tls(HANDSHAKE, LONG)[:50])
    assert reader.next() is None
    assert not reader.gap(10)
    reader = RecordReader(Protocol.TLS)
    reader.pass_over = True
    reader.feed(tls(HANDSHAKE, LONG)[:50])
    assert reader.next() is None
    assert reader.gap(10)


# Handshake messages


def message(msg_type: int, body: bytes) -> bytes:
    return bytes([msg_type]) + len(body).to_bytes(3, "big") + body


MESSAGES = [message(1, b"hello"), message(14, b""), message(11, b"abcdefgh"), message(20, b"x")]
HANDSHAKE_DATA = b"".join(MESSAGES)


def test_messages_however_they_are_cut_over_records() -> None:
    """And where in the direction each of their bytes stood."""
    size = len(HANDSHAKE_DATA)
    for cuts in combinations(range(1, size), 3):
        reader = HandshakeReader()
        found: list[HandshakeMessage] = []
        places: list[int] = []
        fed = 0
        for fragment in cut(HANDSHAKE_DATA, cuts):
            offset = BASE + fed * 3 + 5
            places += range(offset, offset + len(fragment))
            reader.feed(fragment, offset)
            fed += len(fragment)
            while (each := reader.next()) is not None:
                found.append(each)
            assert reader.pending == fed - sum(len(each.data) for each in found)
        assert [each.data for each in found] == MESSAGES
        whose = iter(places)
        for each in found:
            stood = [each.offset(position) for position in range(len(each.data))]
            assert stood == [next(whose) for _ in each.data]
        assert reader.held == 0


@given(st.data())
def test_messages_that_are_taken_late(data: st.DataObject) -> None:
    """Several fragments come before anybody asks for messages; and what was given out stays as it was."""
    cuts = sorted(data.draw(st.sets(st.integers(1, len(HANDSHAKE_DATA) - 1))))
    reader = HandshakeReader()
    found: list[HandshakeMessage] = []
    places: list[int] = []
    for fragment in cut(HANDSHAKE_DATA, tuple(cuts)):
        offset = 7 + 2 * len(places)
        places += range(offset, offset + len(fragment))
        reader.feed(fragment, offset)
        for _ in range(data.draw(st.integers(0, 2))):
            each = reader.next()
            if each is not None:
                found.append(each)
    while (each := reader.next()) is not None:
        found.append(each)
    assert [each.data for each in found] == MESSAGES
    stood = [each.offset(position) for each in found for position in range(len(each.data))]
    assert stood == places


def test_what_a_reader_of_messages_holds() -> None:
    reader = HandshakeReader()
    reader.feed(MESSAGES[0][:3], 0)
    assert (reader.pending, reader.held) == (3, 3 + 12)
    reader.feed(MESSAGES[0][3:6], 10)
    assert (reader.pending, reader.held) == (6, 6 + 2 * 12)
    reader.drop()
    assert (reader.pending, reader.held) == (0, 0)
    reader.feed(MESSAGES[1], 20)
    whole = reader.next()
    assert whole is not None
    assert (whole.data, whole.offset(0)) == (MESSAGES[1], 20)


@pytest.mark.parametrize("length", [10, 11])
def test_a_message_that_is_too_long_is_not_waited_for(length: int) -> None:
    """It is told where its length stands, which may be in another record than its type."""
    for at in (1, 2, 4, 5):
        reader = HandshakeReader(limit=10)
        start = MESSAGES[1] + message(11, bytes(length))[:7]
        reader.feed(start[: 4 + at], 100)
        reader.feed(start[4 + at :], 300)
        first = reader.next()
        assert first is not None
        if length == 10:
            assert reader.next() is None
            continue
        with pytest.raises(GrammarError) as error:
            reader.next()
        assert error.value.offset == (300 if at == 1 else 105)


def test_a_message_that_is_too_long_is_taken_where_it_has_come() -> None:
    reader = HandshakeReader(limit=3)
    reader.feed(MESSAGES[0], 0)
    whole = reader.next()
    assert whole is not None
    assert whole.data == MESSAGES[0]


@pytest.mark.parametrize("size", range(3, 7))
def test_a_message_that_is_all_that_a_record_holds(size: int) -> None:
    data = message(20, b"x") + b"y"
    sole = sole_message(data[:size], 77)
    if size != 5:
        assert sole is None
        return
    assert sole is not None
    assert (sole.data, [sole.offset(at) for at in range(5)]) == (data[:5], [77, 78, 79, 80, 81])


def test_a_header_may_be_all_that_a_record_holds() -> None:
    sole = sole_message(message(14, b""), 9)
    assert sole is not None
    assert (sole.data, sole.offset(3)) == (message(14, b""), 12)


@pytest.mark.parametrize(
    ("head", "told"),
    [
        ("", None),
        ("01", None),
        ("0100ff", None),
        ("0100ffff", True),
        ("02000000", True),
        ("0200000000", True),
        ("01010000", False),
        ("03", False),
        ("00", False),
        ("0b000001", False),
    ],
)
def test_what_begins_with_a_hello(head: str, told: bool | None) -> None:
    """One of 64 KB is none: it is encrypted, and happens to look so."""
    data = bytes.fromhex(head)
    assert begins_hello(data) is told
    for at in range(len(data)):
        reader = HandshakeReader()
        reader.feed(MESSAGES[1] + data[:at], 0)
        reader.next()
        assert reader.begins_hello(data[at:]) is told


# Pieces


@given(
    st.lists(st.tuples(st.integers(0, 30), st.binary(max_size=10)), max_size=12),
    st.integers(0, 40),
)
def test_the_first_copy_of_a_byte_stands(added: list[tuple[int, bytes]], end: int) -> None:
    """Each with the place where it was found."""
    pieces = Pieces()
    model: dict[int, tuple[int, int]] = {}
    for number, (start, data) in enumerate(added):
        offset = 1000 * (number + 1)
        pieces.add(Piece(start, data, offset))
        for index, byte in enumerate(data):
            model.setdefault(start + index, (byte, offset + index))
        check_pieces(pieces, model)
    pieces.cut(end)
    check_pieces(pieces, {at: byte for at, byte in model.items() if at < end})


def check_pieces(pieces: Pieces, model: dict[int, tuple[int, int]]) -> None:
    assert {
        piece.start + index: (byte, piece.offset + index)
        for piece in pieces.pieces
        for index, byte in enumerate(piece.data)
    } == model
    assert pieces.held == len(model) == sum(len(piece.data) for piece in pieces.pieces)
    assert all(one.end <= other.start for one, other in pairwise(pieces.pieces))
    assert all(piece.data for piece in pieces.pieces)
    assert len(pieces) == len(pieces.pieces)


@given(st.sets(st.integers(0, 12)), st.integers(0, 12))
def test_what_follows_without_a_hole_is_taken(present: set[int], position: int) -> None:
    """From the beginning of the first piece on, where that is the place; else nothing."""
    pieces = Pieces()
    for at in sorted(present):
        pieces.add(Piece(at, bytes([at])))
    follows = 0
    if present and min(present) == position:
        while position + follows in present:
            follows += 1
    taken = pieces.take_from(position)
    assert b"".join(piece.data for piece in taken) == bytes(range(position, position + follows))
    assert pieces.held == len(present) - follows
    assert [piece.start for piece in pieces.pieces] == sorted(present)[follows:]


# Where a record begins, behind bytes that are missing


def candidates(search: RecordSearch) -> list[Candidate]:
    found = []
    while (candidate := search.next()) is not None:
        found.append(candidate)
    return found


LOST = b"\xee" * 70
FOUND = LOST + tls(DATA, b"opens") + tls(HANDSHAKE, b"z", 0x0301)
FIRST = Candidate(DATA, 0x0303, b"opens", BASE + 75, LOST[-64:])
SECOND = Candidate(HANDSHAKE, 0x0301, b"z", BASE + 85, (LOST + tls(DATA, b"opens"))[-64:])


@pytest.mark.parametrize("at", range(len(FOUND) + 1))
def test_records_are_found_however_the_bytes_are_cut(at: int) -> None:
    search = RecordSearch(BASE)
    search.feed(FOUND[:at])
    found = candidates(search)
    assert found == [
        each for each in (FIRST, SECOND) if each.offset + len(each.fragment) <= BASE + at
    ]
    assert search.arrived == BASE + at
    search.feed(FOUND[at:])
    found += candidates(search)
    assert found == [FIRST, SECOND]
    assert (search.candidates, search.arrived) == (2, BASE + len(FOUND))
    assert search.rest(FIRST) == tls(HANDSHAKE, b"z", 0x0301)
    assert search.rest(SECOND) == b""


def test_no_more_is_kept_than_may_be_asked_for() -> None:
    search = RecordSearch(0)
    for _ in range(100):
        search.feed(bytes(100))
        assert search.next() is None
    assert search.held <= 100 + 64 + 3
    search.feed(tls(DATA, b"opens"))
    candidate = search.next()
    assert candidate == Candidate(DATA, 0x0303, b"opens", 10_005, bytes(64))


def test_a_record_at_the_very_beginning_has_nothing_in_front_of_it() -> None:
    for size in (0, 1, 63, 64, 65):
        search = RecordSearch(BASE)
        search.feed(bytes(range(100, 100 + size)) + tls(DATA, b"opens"))
        [candidate] = candidates(search)
        assert candidate.before == bytes(range(100, 100 + size))[-64:]
        assert candidate.offset == BASE + size + 5


@pytest.mark.parametrize(
    ("length", "is_one"), [(0, False), (1, True), (18432, True), (18433, False)]
)
def test_the_lengths_of_records(length: int, is_one: bool) -> None:
    """RFC 5246 section 6.2.3: up to 2^14 + 2048."""
    search = RecordSearch(0)
    search.feed(tls(DATA, bytes(length)))
    assert len(candidates(search)) == is_one
    assert search.candidates == is_one


def test_a_place_that_is_none_hides_no_record_in_what_it_would_take() -> None:
    search = RecordSearch(0)
    inner = tls(DATA, b"opens")
    search.feed(tls(HANDSHAKE, b"ab" + inner + b"cd"))
    assert [each.fragment for each in candidates(search)] == [b"ab" + inner + b"cd", b"opens"]


def test_a_record_is_waited_for_until_nothing_more_comes() -> None:
    search = RecordSearch(0)
    search.feed(tls(DATA, bytes(50))[:30] + tls(DATA, b"opens"))
    assert search.next() is None
    search.waits = False
    [candidate] = candidates(search)
    assert (candidate.fragment, candidate.offset) == (b"opens", 35)


def test_what_comes_behind_a_gap_is_looked_at_anew() -> None:
    search = RecordSearch(BASE)
    search.feed(FOUND[:72])
    assert search.next() is None
    search.gap(10)
    assert (search.arrived, search.held) == (BASE + 82, 0)
    search.feed(tls(DATA, b"opens"))
    [candidate] = candidates(search)
    assert (candidate.offset, candidate.before) == (BASE + 87, b"")
