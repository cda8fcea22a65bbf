"""The search for a ClientHello, against the plainest way to do it: try each beginning by itself, byte by byte."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlsgrammar.framing import ClientHelloSearch

from .helpers.streams import client_hello, message, record

HELLO = client_hello((0, bytes.fromhex("000e00000b6578616d706c652e636f6d")))
ANOTHER = client_hello(cipher_suites=[0x1301], legacy_session_id=b"\x16\x03\x01")
NO_EXTENSIONS = client_hello(extensions=None)


class Whole(NamedTuple):
    """A candidate that has become whole: where its last record ends, and where it begins."""

    end: int
    begin: int


def whole(data: bytes, begin: int) -> Whole | None:
    """The ClientHello that begins at a place; None where there is none, or it is not whole."""
    at, content = begin, b""
    while True:
        head = data[at : at + 5]
        length = int.from_bytes(head[3:5], "big")
        if (
            len(head) < 5
            or head[0] != 22
            or not 0x0300 <= int.from_bytes(head[1:3], "big") <= 0x0303
        ):
            return None
        if not length or len(data) < at + 5 + length:
            return None
        content += data[at + 5 : at + 5 + length]
        at += 5 + length
        if content[0] != 1:
            return None
        if len(content) >= 4:
            size = 4 + int.from_bytes(content[1:4], "big")
            if len(content) >= size:
                found = content[:size] in (HELLO, ANOTHER, NO_EXTENSIONS)
                return Whole(at, begin) if found else None


def expected(segments: list[bytes], limit: int) -> tuple[int, int] | None:
    """With which segment, and where, a search finds a ClientHello."""
    data, beginnings = b"", []
    for index, segment in enumerate(segments):
        if len(data) < limit and segment[:1] == b"\x16":
            beginnings.append(len(data))
        data += segment
        found = [each for begin in beginnings if (each := whole(data, begin)) is not None]
        if found:
            return index, min(found).begin
    return None


def records(content: bytes, cuts: list[int]) -> bytes:
    """Handshake data in records of such sizes, as far as they go."""
    out = b""
    for size in cuts:
        if content:
            out += record("handshake", content[:size])
            content = content[size:]
    return out + (record("handshake", content) if content else b"")


SIZES = st.lists(st.integers(1, 40), max_size=5)
PARTS = st.one_of(
    st.builds(records, st.sampled_from([HELLO, ANOTHER, NO_EXTENSIONS]), SIZES),
    st.builds(records, st.just(message(14, b"") + HELLO), SIZES),
    st.sampled_from(
        [
            records(HELLO, [])[:20],
            record("handshake", HELLO[:3]),
            record("handshake", HELLO[:30]),
            record("handshake", message(1, b"no hello")),
            record("handshake", HELLO[:4] + bytes(200)),
            record("handshake", b"\x01\x01\x00\x00"),
            record("handshake", b""),
            record("alert", b"\x01\x00"),
            record("handshake", records(HELLO, [])),
            b"\x16\x03\x04\x00\x05",
            b"\x16",
            b"EHLO\r\n",
        ]
    ),
    st.binary(max_size=10),
)


@given(
    st.lists(PARTS, min_size=1, max_size=6),
    st.lists(st.integers(0, 600), max_size=8),
    st.sampled_from([1, 50, 300, 2**16]),
    st.sampled_from([0, 1000]),
)
def test_the_first_that_becomes_whole_is_found(
    parts: list[bytes], cuts: list[int], limit: int, offset: int
) -> None:
    """Segments begin with parts, and at some other places."""
    data = b"".join(parts)
    bounds = {0, len(data), *(min(cut, len(data)) for cut in cuts)}
    at = 0
    for part in parts:
        at += len(part)
        bounds.add(at)
    places = sorted(bounds)
    segments = [data[start:end] for start, end in pairwise(places)]
    search = ClientHelloSearch(offset + limit, offset)
    wanted = expected(segments, limit)
    so_far = 0
    for index, segment in enumerate(segments):
        so_far += len(segment)
        found = search.feed(segment)
        if wanted is None or index < wanted[0]:
            assert found is None
            assert search.offset == offset + so_far
            continue
        begin = wanted[1]
        assert search.offset == offset + begin
        assert found == data[begin:so_far]
        assert search.held == 0
        break
    assert search.given_up == 0


@pytest.mark.parametrize("length", [0xFFFF, 0x10000])
def test_how_long_a_client_hello_may_be(length: int) -> None:
    """One that is longer is none that is waited for."""
    search = ClientHelloSearch()
    assert search.feed(record("handshake", b"\x01" + length.to_bytes(3, "big"))) is None
    assert (search.held > 0) == (length < 2**16)


def test_what_is_held_of_candidates() -> None:
    """Their bytes, from the first on; and about 600 for each, and 130 for what is waited for."""
    search = ClientHelloSearch()
    assert search.feed(b"EHLO\r\n") is None
    assert search.held == 0
    assert search.feed(records(HELLO, [])[:20]) is None
    assert search.held == 20 + 600 + 130
    assert search.feed(records(ANOTHER, [])[:10]) is None
    assert search.held == 30 + 2 * 600 + 2 * 130
    search.gap(100)
    assert (search.held, search.offset) == (0, 136)


def test_so_many_candidates_are_followed() -> None:
    """The oldest is given up for the 1025th."""
    start = record("handshake", HELLO[:4] + bytes(16000))[:9]
    search = ClientHelloSearch(2**20)
    for count in range(1, 1027):
        assert search.feed(start) is None
        assert search.given_up == max(count - 1024, 0)


@pytest.mark.parametrize("size", [1, 300])
def test_until_when_a_search_goes_on(size: int) -> None:
    search = ClientHelloSearch(300)
    assert not search.over
    search.feed(bytes(299))
    assert not search.over
    search.feed(bytes(size))
    assert search.over
    waits = ClientHelloSearch(300)
    waits.feed(bytes(299))
    waits.feed(records(HELLO, [])[:50])
    assert not waits.over
    late = ClientHelloSearch(300)
    late.feed(bytes(300))
    assert late.feed(records(HELLO, [])) is None
    assert late.over


def test_whole_candidates_are_looked_at_in_proportion_to_what_has_come() -> None:
    """Eight bytes for each byte, and 64 KB to begin with. What is not looked at is given up, and counted."""
    end, count = 16_000, 100
    search = ClientHelloSearch()
    judged = given_up = 0
    for begin in range(0, 9 * count, 9):
        # A record in the ones before it, with a message that ends where they do.
        size = end - begin - 5
        head = b"\x16\x03\x03" + size.to_bytes(2, "big") + b"\x01" + (size - 4).to_bytes(3, "big")
        assert search.feed(head) is None
        if judged + end - begin > 8 * end + 2**16:
            given_up += 1
        else:
            judged += end - begin
    assert search.feed(bytes(end - 9 * count - 1)) is None
    assert search.given_up == 0
    assert search.feed(b"\0") is None
    assert search.given_up == given_up
    assert 0 < given_up < count - 5
