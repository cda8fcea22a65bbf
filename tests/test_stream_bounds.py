"""TCP reassembly at its bounds: the last byte, ACK and second that is waited for, and the first that is not."""

from __future__ import annotations

import pytest

from events.capture.stream import BEGINS_HERE, Chunk, Overflow, Stream

LIMIT = 10
WINDOW = 2**20
SIX = bytes(6)


def begun(seq: int = 0) -> Stream:
    stream = Stream()
    stream.synchronize(seq)
    return stream


def feed(
    stream: Stream,
    seq: int,
    data: bytes,
    *,
    fin: bool = False,
    bare_ack: bool = False,
    unknown: bool = False,
    limit: int = LIMIT,
) -> list[Chunk]:
    seq &= 0xFFFFFFFF
    return stream.segment(seq, data, fin, bare_ack=bare_ack, limit=limit, unknown=unknown)


# What is far from the stream


@pytest.mark.parametrize("isn", [0, 2**32 - 5, 2**31])
@pytest.mark.parametrize("distance", [WINDOW + LIMIT, WINDOW + LIMIT + 1])
def test_how_far_away_segments_of_a_stream_may_be(isn: int, distance: int) -> None:
    stream = begun(isn)
    is_far = distance > WINDOW + LIMIT
    assert feed(stream, isn + distance, b"x") == []
    assert stream.finish() == ([] if is_far else [distance, b"x"])
    late = begun(isn)
    assert feed(late, isn - distance, b"x", fin=True) == []
    assert late.fin is None
    assert late._strayed == is_far


def test_so_many_bytes_may_be_far_away() -> None:
    stream = begun()
    assert feed(stream, 2**30, bytes(LIMIT - 1)) == []
    assert feed(stream, 2**30, b"") == []
    assert feed(stream, 2**29, b"x") == []
    with pytest.raises(Overflow):
        feed(stream, 2**30, b"x")


def test_what_is_held_of_what_is_far_away() -> None:
    """The last segment of it, while nothing is known of the direction."""
    stream = begun()
    feed(stream, 2**30, b"abc", unknown=True)
    assert stream.held == 3
    feed(stream, 2**29, b"ab", unknown=True)
    assert stream.held == 2
    feed(stream, 5, b"x")
    assert stream.held == 2 + 1 + 200
    feed(stream, 2**29, b"y")
    assert stream.held == 1 + 200
    assert stream.started


def test_a_stray_segment_is_what_a_silent_direction_begins_with_at_the_end() -> None:
    stream = begun()
    feed(stream, 2**30, b"abc", unknown=True)
    assert stream.finish() == [BEGINS_HERE, b"abc"]
    heard = begun()
    assert feed(heard, 0, b"abc", unknown=True) == [b"abc"]
    feed(heard, 2**30, b"abc", unknown=True)
    assert heard.finish() == []


def test_a_stray_segment_goes_on_only_where_nothing_came_between() -> None:
    stream = begun()
    feed(stream, 2**30, b"ab", unknown=True)
    assert feed(stream, 0, b"real", unknown=True) == [b"real"]
    assert feed(stream, 2**30 + 2, b"cd", unknown=True) == []
    assert stream.acknowledge(2**30 + 2, 0.0) == []
    assert feed(stream, 4, b"!", unknown=True) == [b"!"]
    wrapping = begun()
    feed(wrapping, 2**32 - 2**30 - 1, b"ab", unknown=True)
    assert feed(wrapping, 2**32 - 2**30 + 1, b"cd", unknown=True) == [BEGINS_HERE, b"abcd"]
    assert (wrapping.position, wrapping.next_seq) == (4, 2**32 - 2**30 + 3)


# What waits


def test_so_many_bytes_may_wait() -> None:
    stream = begun()
    assert feed(stream, 1, bytes(LIMIT - 1)) == []
    assert feed(stream, LIMIT + 5, b"x") == []
    assert stream.held == LIMIT + 2 * 200
    with pytest.raises(Overflow):
        feed(stream, LIMIT + 7, b"x")


def test_so_many_pieces_may_wait() -> None:
    stream = begun()
    for index in range(2**16):
        feed(stream, 2 * index + 1, b"x", limit=2**20)
    with pytest.raises(Overflow):
        feed(stream, 2**17 + 1, b"x", limit=2**20)


# ACKs


@pytest.mark.parametrize(("passed", "given_up"), [(1.0, False), (1.01, True), (-1.01, True)])
def test_how_long_a_hole_is_waited_for(passed: float, given_up: bool) -> None:
    stream = begun()
    feed(stream, 4, b"rest")
    assert stream.acknowledge(8, 100.0) == []
    assert stream.acknowledge(8, 100.0 + passed) == ([4, b"rest"] if given_up else [])


def test_a_hole_is_given_up_as_far_as_was_acknowledged_when_the_waiting_began() -> None:
    stream = begun()
    feed(stream, 8, b"rest")
    assert stream.acknowledge(3, 0.0) == []
    assert stream.acknowledge(6, 0.5) == []
    assert stream.acknowledge(6, 1.2) == [3]
    assert stream.acknowledge(12, 1.4) == []
    assert stream.acknowledge(12, 2.5) == [5, b"rest"]
    assert stream.acknowledge(12, 9.0) == []


def test_an_ack_of_one_byte_more_may_be_of_a_fin() -> None:
    stream = begun()
    feed(stream, 0, b"ab")
    for ts in range(50):
        assert stream.acknowledge(3, float(ts)) == []
    assert stream.finish() == []
    for ts in range(2):
        assert stream.acknowledge(4, 100.0 + 2 * ts) == ([2] if ts else [])
    waiting = begun()
    feed(waiting, 1, b"x")
    assert waiting.acknowledge(1, 0.0) == []
    assert waiting.acknowledge(1, 2.0) == [1, b"x"]


@pytest.mark.parametrize(("ahead", "is_gap"), [(WINDOW, True), (WINDOW + 1, False)])
def test_what_was_acknowledged_is_missing_at_the_end(ahead: int, is_gap: bool) -> None:
    """Not so much of it that the ACK may have been of another connection."""
    stream = begun()
    feed(stream, 0, b"ab")
    assert stream.acknowledge(2 + ahead, 0.0) == []
    assert stream.finish() == ([ahead] if is_gap else [])


def test_an_ack_before_anything_is_known_says_nothing() -> None:
    stream = Stream()
    assert stream.acknowledge(5, 0.0) == stream.acknowledge(5, 2.0) == []
    assert feed(stream, 100, b"x") == [b"x"]


def test_acks_wrap() -> None:
    stream = begun(2**32 - 2)
    feed(stream, 2, b"rest")
    assert stream.acknowledge(6, 0.0) == []
    assert stream.acknowledge(2**32 - 2, 5.0) == []
    assert stream.acknowledge(6, 5.0) == [4, b"rest"]


# FINs


def test_a_fin_is_acknowledged_with_the_number_behind_it() -> None:
    stream = begun()
    feed(stream, 0, b"ab", fin=True)
    assert (stream.fin, stream.whole, stream.fin_acknowledged) == (2, True, False)
    stream.acknowledge(2, 0.0)
    assert not stream.fin_acknowledged
    stream.acknowledge(3, 0.0)
    assert stream.fin_acknowledged


def test_a_fin_that_is_acknowledged_before_its_data_come() -> None:
    """They are waited for as others are, and what is behind it is none."""
    stream = begun()
    feed(stream, 4, b"rest", fin=True)
    assert stream.acknowledge(9, 0.0) == []
    assert stream.fin_acknowledged
    assert not stream.whole
    assert stream.acknowledge(9, 2.0) == [4, b"rest"]
    assert stream.whole
    assert stream.finish() == []


def test_nothing_comes_behind_a_fin() -> None:
    stream = begun()
    feed(stream, 4, b"", fin=True)
    assert feed(stream, 2, b"cdef") == []
    assert feed(stream, 4, b"ef") == []
    assert feed(stream, 0, b"ab") == [b"ab", b"cd"]
    assert stream.whole
    assert feed(stream, 5, b"x") == []
    assert stream.finish() == []


def test_a_fin_in_the_past_is_none() -> None:
    stream = begun()
    feed(stream, 0, b"abcd")
    assert feed(stream, 1, b"b", fin=True) == []
    assert stream.fin is None
    assert feed(stream, 2, b"cd", fin=True) == []
    assert stream.fin == 4


# Padding


@pytest.mark.parametrize("bare_ack", [True, False])
@pytest.mark.parametrize("data", [SIX, bytes(5), bytes(7), b"\0\0\0\0\0\1"])
def test_what_may_be_padding(data: bytes, bare_ack: bool) -> None:
    """Six zero bytes with no flag but ACK."""
    doubtful = bare_ack and data == SIX
    stream = begun()
    assert stream.takes(0, data, bare_ack=bare_ack) is not doubtful
    other = begun()
    assert feed(other, 0, data, bare_ack=bare_ack) == ([] if doubtful else [data])


def test_padding_that_goes_on_is_data_up_to_the_last() -> None:
    stream = begun()
    assert feed(stream, 0, SIX, bare_ack=True) == []
    assert feed(stream, 6, SIX, bare_ack=True, limit=20) == [SIX]
    assert feed(stream, 6, b"ab") == [b"ab"]


def test_padding_behind_a_fin_is_forgotten() -> None:
    stream = begun()
    feed(stream, 10, SIX, bare_ack=True, limit=20)
    assert stream.held == 6 + 200
    feed(stream, 16, b"", fin=True)
    assert stream.held == 6 + 200
    other = begun()
    feed(other, 10, SIX, bare_ack=True, limit=20)
    feed(other, 15, b"", fin=True)
    assert other.held == 0


# The short way


def test_what_is_simply_next_is_taken() -> None:
    stream = begun(2**32 - 2)
    assert not stream.takes(0, b"x", bare_ack=False)
    assert stream.takes(2**32 - 2, b"abc", bare_ack=True)
    assert (stream.position, stream.next_seq) == (3, 1)
    feed(stream, 5, b"x")
    assert not stream.takes(1, b"defg", bare_ack=False)
    closed = begun()
    feed(closed, 0, b"", fin=True)
    assert not closed.takes(0, b"x", bare_ack=False)


def test_the_syn_before_the_last_counts_where_bytes_begin_there() -> None:
    stream = begun(100)
    stream.synchronize(200)
    stream.synchronize(200)
    assert feed(stream, 100, b"") == []
    assert feed(stream, 100, b"x") == [b"x"]
    assert feed(stream, 200, b"y") == []
    late = begun(100)
    late.synchronize(200)
    assert feed(late, 200, b"x") == [b"x"]
    assert feed(late, 100, b"y" * 5) == []
    assert late.next_seq == 201
