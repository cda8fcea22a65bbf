"""Where records of DTLS and fragments of messages stand in a datagram, byte by byte; and how much is held of the latter."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlsgrammar.framing import (
    DatagramRecord,
    HandshakeFragments,
    HandshakeMessage,
    client_random,
    has_early_data_behind_hello,
    is_dtls,
    may_be_dtls,
    read_records,
    sent_by_server,
)

from .helpers.datagrams import fragment, hello_body

# Records, as bytes: type, version, epoch and sequence number, length
ALERT = bytes.fromhex("15 feff 0000 000000000007 0002 0228")
ENCRYPTED = bytes.fromhex("17 fefd 0001 010203040506 0003 aabbcc")
WITH_ID = bytes.fromhex("19 fefd 0001 000000000009 c1c2 0003 aabbcc")
UNIFIED = bytes.fromhex("2e 0102 0004 aabbccdd")
UNIFIED_SHORT = bytes.fromhex("23 09 aabbccddee")  # to the end of the datagram
UNIFIED_WITH_ID = bytes.fromhex("3c c1c2 0102 0001 aa")
# Such that say that there is an id, which is empty.
WITH_NO_ID = bytes.fromhex("19 fefd 0001 000000000009 0003 aabbcc")
UNIFIED_WITH_NO_ID = bytes.fromhex("3c 0102 0001 aa")


def test_records_with_all_their_fields() -> None:
    datagram = b"??" + ALERT + ENCRYPTED
    records, error = read_records(datagram, start=2)
    assert error is None
    assert records == [
        DatagramRecord(21, 0xFEFF, 0, b"\x02\x28", 2, 15, 7, 6, None, False, datagram),
        DatagramRecord(
            *(23, 0xFEFD, 1, b"\xaa\xbb\xcc", 17, 30, 0x010203040506, 6, None, False, datagram)
        ),
    ]
    assert [each.header for each in records] == [ALERT[:13], ENCRYPTED[:13]]


def test_records_with_connection_ids() -> None:
    records, error = read_records(WITH_ID, cid_length=2)
    assert error is None
    assert records == [
        DatagramRecord(25, 0xFEFD, 1, b"\xaa\xbb\xcc", 0, 15, 9, 6, b"\xc1\xc2", False, WITH_ID)
    ]


def test_unified_headers_with_all_their_fields() -> None:
    datagram = UNIFIED + UNIFIED_WITH_ID + UNIFIED_SHORT
    records, error = read_records(datagram, unified=True, cid_length=2)
    assert error is None
    assert records == [
        DatagramRecord(
            *(23, 0xFEFD, 2, b"\xaa\xbb\xcc\xdd", 0, 5, 0x0102, 2, None, True, datagram)
        ),
        DatagramRecord(*(23, 0xFEFD, 4, b"\xaa", 9, 16, 0x0102, 2, b"\xc1\xc2", True, datagram)),
        DatagramRecord(
            *(23, 0xFEFD, 3, b"\xaa\xbb\xcc\xdd\xee", 17, 19, 9, 1, None, True, datagram)
        ),
    ]


@pytest.mark.parametrize(
    ("datagram", "unified", "cid_length", "offset", "path"),
    [
        (ALERT + WITH_NO_ID, False, None, 15, "DTLSPlaintext.cid"),
        (ALERT + UNIFIED_WITH_NO_ID, True, None, 15, "DTLSCiphertext"),
        (ALERT + b"\x63" + ALERT[1:], False, None, 15, "DTLSPlaintext.type"),
        (ALERT + UNIFIED, False, None, 15, "DTLSPlaintext.type"),
        (ALERT + b"\x15\xfe\xfe" + ALERT[3:], False, None, 16, "DTLSPlaintext.version"),
        (ALERT + b"\x15\x03\x03", False, None, 16, "DTLSPlaintext.version"),
        (ALERT + b"\x15\x03", False, None, 17, "DTLSPlaintext.version"),
        (ALERT + ALERT[:-1], False, None, 29, "DTLSPlaintext.fragment"),
    ],
)
def test_what_is_wrong_behind_a_record(
    datagram: bytes, unified: bool, cid_length: int | None, offset: int, path: str
) -> None:
    records, error = read_records(datagram, unified=unified, cid_length=cid_length)
    assert [each.fragment for each in records] == [b"\x02\x28"]
    assert error is not None
    assert (error.offset, error.path) == (offset, path)


def test_what_the_first_byte_says() -> None:
    """RFC 7983 section 7."""
    assert [byte for byte in range(256) if may_be_dtls(byte)] == list(range(20, 64))
    assert is_dtls(ALERT + ENCRYPTED)
    assert not is_dtls(ALERT + b"\0")
    assert not is_dtls(UNIFIED)


# A ClientHello in a record


def handshake_record(content: bytes, epoch: int = 0, content_type: int = 22) -> bytes:
    head = bytes([content_type]) + bytes.fromhex("fefd") + epoch.to_bytes(2, "big") + bytes(6)
    return head + len(content).to_bytes(2, "big") + content


BODY = hello_body("client_hello")
HELLO = fragment(1, BODY, 0, len(BODY))
RANDOM = BODY[2:34]


def test_the_random_of_a_client_hello() -> None:
    assert client_random(handshake_record(HELLO)) == RANDOM
    assert client_random(handshake_record(HELLO) + ALERT) == RANDOM
    assert client_random(handshake_record(fragment(1, BODY, 0, 34))) == RANDOM
    assert client_random(handshake_record(fragment(1, BODY, 0, 33))) is None
    assert client_random(handshake_record(fragment(1, BODY, 1, 60))) is None
    assert client_random(handshake_record(fragment(2, BODY, 0, 60))) is None
    assert client_random(handshake_record(HELLO, epoch=1)) is None
    assert client_random(handshake_record(HELLO, content_type=23)) is None
    assert client_random(handshake_record(HELLO[:11])) is None
    assert client_random(ALERT + handshake_record(HELLO)) is None
    assert client_random(b"\x16") is None


def test_early_data_behind_a_client_hello() -> None:
    hello = handshake_record(HELLO)
    assert has_early_data_behind_hello(hello + UNIFIED, len(hello))
    assert not has_early_data_behind_hello(hello + ALERT, len(hello))
    assert not has_early_data_behind_hello(hello, len(hello))
    assert not has_early_data_behind_hello(ALERT + UNIFIED, len(ALERT))
    assert is_dtls(hello + UNIFIED)
    assert not is_dtls(ALERT + UNIFIED)
    assert not is_dtls(hello + b"\x63")


@pytest.mark.parametrize(
    ("msg_type", "of_server"),
    [(0, True), (2, True), (3, True), (12, True), (14, True), (1, False), (11, False), (16, False)],
)
def test_what_only_servers_send(msg_type: int, of_server: bool) -> None:
    message = fragment(msg_type, b"body", 0, 4)
    assert sent_by_server(handshake_record(message)) is of_server
    assert sent_by_server(ALERT + handshake_record(message)) is of_server
    assert not sent_by_server(handshake_record(message, epoch=1))
    assert not sent_by_server(handshake_record(message, content_type=21))
    assert not sent_by_server(handshake_record(message[:11]))
    assert sent_by_server(handshake_record(fragment(msg_type, b"", 0, 0))) is of_server
    assert not sent_by_server(b"\x03" + handshake_record(message))


# Fragments


def whole(found: HandshakeMessage) -> tuple[bytes, list[int]]:
    """Its bytes, and where they stood."""
    return found.data, [found.offset(at) for at in range(len(found.data))]


def test_a_message_in_one_fragment_stands_where_it_is() -> None:
    """But for the eight bytes about fragments, which are left out behind the first four."""
    fragments = HandshakeFragments()
    content = fragment(1, b"hello", 0, 5) + fragment(14, b"", 0, 0, seq=1)
    [first, other], errors = fragments.read(content, 100)
    assert errors == []
    assert whole(first) == (b"\x01\0\0\x05hello", [*range(100, 104), *range(112, 117)])
    assert whole(other) == (b"\x0e\0\0\0", [117, 118, 119, 120])
    assert (fragments.pending, fragments.held) == (0, 0)


BYTES = bytes(range(40))


@given(
    st.lists(st.tuples(st.integers(0, 39), st.integers(1, 40)), max_size=12),
    st.booleans(),
)
def test_fragments_in_any_order(pieces: list[tuple[int, int]], together: bool) -> None:
    """However they overlap: each byte was found where its first copy stood."""
    fragments = HandshakeFragments()
    places: dict[int, int] = {}
    found: list[HandshakeMessage] = []
    offset = 1000
    first_header = offset
    pieces = [(start, min(start + size, 40)) for start, size in pieces if start or size < 40]
    contents = [fragment(11, BYTES, start, end, seq=3) for start, end in pieces]
    is_whole = False
    at = offset
    for (start, end), content in zip(pieces, contents, strict=True):
        if not is_whole:
            for index in range(start, end):
                places.setdefault(index, at + 12 + index - start)
            is_whole = len(places) == 40
        at += len(content)
    for content in [b"".join(contents)] if together else contents:
        messages, errors = fragments.read(content, offset)
        offset += len(content)
        found += messages
        assert errors == []
    assert len(found) == is_whole
    assert fragments.pending == (0 if is_whole or not pieces else 1)
    for each in found:
        header = [*range(first_header, first_header + 4)]
        stood = header + [places[index] for index in range(40)]
        assert whole(each) == (b"\x0b\0\0\x28" + BYTES, stood)


def test_messages_are_told_apart_by_number_type_and_length() -> None:
    fragments = HandshakeFragments()
    for seq, msg_type, length in ((0, 1, 4), (1, 1, 4), (0, 2, 4), (0, 1, 5)):
        body = b"abcde"[:length]
        assert fragments.read(fragment(msg_type, body, 0, 2, seq=seq), 0) == ([], [])
    assert fragments.pending == 4
    [message], _ = fragments.read(fragment(1, b"abcd", 2, 4, seq=1), 0)
    assert message.data == b"\x01\0\0\x04abcd"
    assert fragments.pending == 3


def test_what_has_been_put_together_is_not_put_together_again() -> None:
    """Of the last 256; what comes whole is given out each time."""
    fragments = HandshakeFragments()

    def put_together(seq: int) -> int:
        first, _ = fragments.read(fragment(11, b"abcd", 0, 2, seq=seq), 0)
        second, _ = fragments.read(fragment(11, b"abcd", 2, 4, seq=seq), 0)
        return len(first) + len(second)

    assert [put_together(0), put_together(0)] == [1, 0]
    for seq in range(1, 256):
        assert put_together(seq) == 1
    assert put_together(0) == 0
    assert put_together(256) == 1
    assert put_together(1) == 0
    assert put_together(0) == 1
    for _ in range(2):
        messages, _ = fragments.read(fragment(11, b"abcd", 0, 4, seq=5), 0)
        assert len(messages) == 1


@pytest.mark.parametrize(
    ("content", "offset", "path", "reason"),
    [
        (fragment(1, b"ab", 0, 2)[:11], 50, "DTLSHandshake", "the record ends within a header"),
        (
            fragment(1, b"abc", 0, 3)[:-1],
            50,
            "DTLSHandshake.fragment",
            "3 bytes announced, but the record has 2",
        ),
        (
            bytes.fromhex("01 000004 0000 000002 000003 616263"),
            50,
            "DTLSHandshake.fragment",
            "bytes 2 to 5 of a message of 4",
        ),
        (
            bytes.fromhex("01 000401 0000 000000 000001 61"),
            50,
            "DTLSHandshake.fragment",
            "a message of 1025 bytes, more than the 1024 that are waited for",
        ),
    ],
)
def test_what_is_wrong_with_fragments(content: bytes, offset: int, path: str, reason: str) -> None:
    fragments = HandshakeFragments(limit=1024)
    done = fragment(14, b"", 0, 0)
    messages, [error] = fragments.read(done + content, offset - 12)
    assert [each.data for each in messages] == [b"\x0e\0\0\0"]
    assert (error.offset, error.path, error.reason) == (offset, path, reason)


def test_what_stands_behind_a_fragment_that_is_wrong_is_read() -> None:
    """Where it ends is known."""
    wrong = bytes.fromhex("01 000004 0000 000002 000003 616263")
    messages, errors = HandshakeFragments().read(wrong + fragment(14, b"", 0, 0), 0)
    assert [each.data for each in messages] == [b"\x0e\0\0\0"]
    assert len(errors) == 1


def test_fragments_up_to_the_bounds_are_right() -> None:
    fragments = HandshakeFragments(limit=4)
    ends = bytes.fromhex("01 000004 0000 000002 000002 6162")
    assert fragments.read(ends, 0) == ([], [])
    assert fragments.read(fragment(1, b"", 0, 0, seq=9)[:12], 0)[1] == []


def test_what_is_held_of_fragments() -> None:
    fragments = HandshakeFragments()
    fragments.read(fragment(11, BYTES, 0, 2), 0)
    assert fragments.held == 2 + 2 * 300
    fragments.read(fragment(11, BYTES, 10, 15), 0)
    assert fragments.held == 7 + 3 * 300
    fragments.read(fragment(11, BYTES, 10, 15), 0)
    assert fragments.held == 7 + 3 * 300
    fragments.read(fragment(11, BYTES, 2, 40), 0)
    assert fragments.held == 110
    fragments.read(fragment(1, BYTES, 0, 2), 0)
    fragments.read(fragment(1, BYTES, 0, 40), 0)
    assert fragments.held == 110
    fragments.read(fragment(20, b"ab", 0, 0), 0)
    assert fragments.held == 110


@pytest.mark.parametrize(("limit", "gives_way"), [(1203, False), (1202, True)])
def test_the_oldest_message_gives_way_where_too_much_is_held(limit: int, gives_way: bool) -> None:
    """And it is told where it began."""
    fragments = HandshakeFragments(held_limit=limit)
    assert fragments.read(fragment(11, BYTES, 0, 2, seq=0), 1000) == ([], [])
    messages, errors = fragments.read(fragment(11, BYTES, 0, 1, seq=1), 2000)
    assert messages == []
    assert [(each.offset, each.reason) for each in errors] == [
        (1000, "too many fragments of messages that do not become whole")
    ] * gives_way
    assert fragments.held == (601 if gives_way else 1203)


def test_no_more_is_held_than_four_megabytes() -> None:
    """Whatever a caller allows."""
    fragments = HandshakeFragments(limit=2**24, held_limit=2**30)
    body = bytes(2**21)
    assert fragments.read(fragment(11, body, 0, 2**21 - 1, seq=0), 0) == ([], [])
    fits = 2**22 - 2**21 + 1 - 4 * 300
    assert fragments.read(fragment(11, body, 0, fits, seq=1), 0) == ([], [])
    assert fragments.held == 2**22
    assert len(fragments.read(fragment(11, body, fits, fits + 1, seq=1), 0)[1]) == 1
