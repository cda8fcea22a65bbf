"""TCP reassembly of one direction, against a model: an array of bytes in which the first copy stands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.capture.stream import BEGINS_HERE, Chunk, Overflow, Stream

Segments = list[tuple[int, bytes]]

LIMIT = 4 * 2**20


def feed(
    stream: Stream,
    seq: int,
    data: bytes,
    *,
    fin: bool = False,
    bare_ack: bool = False,
    unknown: bool = False,
) -> list[Chunk]:
    return stream.segment(
        seq & 0xFFFFFFFF, data, fin, bare_ack=bare_ack, limit=LIMIT, unknown=unknown
    )


def acknowledged(stream: Stream, ack: int) -> list[Chunk]:
    """What is known once an ACK has been seen, and seen again when nobody waits any more."""
    first = stream.acknowledge(ack, 0.0)
    return first + stream.acknowledge(ack, 2.0)


def joined(chunks: list[Chunk]) -> list[Chunk]:
    """Neighbouring bytes and neighbouring gaps put together."""
    out: list[Chunk] = []
    for chunk in chunks:
        if out and type(out[-1]) is type(chunk):
            out[-1] += chunk  # type: ignore[operator]
        elif chunk:
            out.append(chunk)
    return out


@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.tuples(st.integers(0, 60), st.binary(min_size=1, max_size=20)), max_size=25),
)
def test_the_first_copy_stands_whatever_the_order(isn: int, segments: Segments) -> None:
    stream = Stream()
    stream.synchronize(isn)
    model: dict[int, int] = {}
    given_out = bytearray()
    for at, data in segments:
        for index, byte in enumerate(data, at):
            model.setdefault(index, byte)
        for chunk in feed(stream, isn + at, data):
            assert isinstance(chunk, bytes)
            given_out += chunk
        expected = bytearray()
        while len(expected) in model:
            expected.append(model[len(expected)])
        assert given_out == expected
    end = max(model, default=-1) + 1
    rest = joined([bytes(given_out), *stream.finish()])
    everything: list[Chunk] = []
    for index in range(end):
        everything.append(bytes([model[index]]) if index in model else 1)
    assert rest == joined(everything)
    assert stream.position == end


def test_sequence_numbers_wrap() -> None:
    stream = Stream()
    stream.synchronize(0xFFFFFFFE)
    assert feed(stream, 2, b"efg") == []
    assert feed(stream, 0xFFFFFFFE, b"abcd") == [b"abcd", b"efg"]
    assert stream.next_seq == 5


def test_without_a_syn_the_first_data_begin_the_direction() -> None:
    stream = Stream()
    assert feed(stream, 77, b"abc") == [b"abc"]
    assert feed(stream, 70, b"1234567abcdef") == [b"def"]


def test_the_last_syn_before_data_counts() -> None:
    stream = Stream()
    stream.synchronize(100)
    stream.synchronize(200)
    assert feed(stream, 200, b"a") == [b"a"]
    stream.synchronize(300)
    assert feed(stream, 201, b"b") == [b"b"]


def test_an_acknowledged_hole_is_a_gap() -> None:
    stream = Stream()
    stream.synchronize(0)
    feed(stream, 0, b"ab")
    assert feed(stream, 5, b"fg") == []
    assert acknowledged(stream, 2) == []
    assert acknowledged(stream, 4) == [2]
    assert acknowledged(stream, 7) == [1, b"fg"]
    assert acknowledged(stream, 9) == [2]


def test_an_acknowledged_fin_is_no_gap() -> None:
    stream = Stream()
    stream.synchronize(0)
    feed(stream, 0, b"ab")
    assert acknowledged(stream, 3) == []
    assert feed(stream, 2, b"", fin=True) == []
    assert stream.whole
    assert acknowledged(stream, 3) == []


def test_a_fin_before_the_data_that_come_late() -> None:
    stream = Stream()
    stream.synchronize(0)
    feed(stream, 2, b"cd", fin=True)
    assert not stream.whole
    assert feed(stream, 0, b"ab") == [b"ab", b"cd"]
    assert stream.whole


SIX = bytes(6)


def test_six_zero_bytes_that_other_data_replace_are_padding() -> None:
    stream = Stream()
    stream.synchronize(0)
    assert feed(stream, 0, SIX, bare_ack=True) == []
    assert feed(stream, 0, b"real data") == [b"real data"]


def test_six_zero_bytes_that_data_follow_are_data() -> None:
    stream = Stream()
    stream.synchronize(0)
    feed(stream, 0, SIX, bare_ack=True)
    assert feed(stream, 6, b"more") == [SIX, b"more"]


def test_six_zero_bytes_that_are_acknowledged_are_data() -> None:
    stream = Stream()
    stream.synchronize(0)
    feed(stream, 0, SIX, bare_ack=True)
    assert acknowledged(stream, 6) == [SIX]


def test_six_zero_bytes_at_the_end_are_data() -> None:
    stream = Stream()
    stream.synchronize(0)
    feed(stream, 0, SIX, bare_ack=True)
    assert stream.finish() == [SIX]


@pytest.mark.parametrize(("size", "step"), [(1400, 1401), (1, 2)])
def test_a_hole_that_stays_open_does_not_cost_memory_without_bound(size: int, step: int) -> None:
    stream = Stream()
    stream.synchronize(0)

    def flood() -> None:
        for index in range(100_000):
            feed(stream, 1 + index * step, bytes(size))

    with pytest.raises(Overflow):
        flood()


def test_a_hole_that_was_acknowledged_is_open_for_what_comes_soon() -> None:
    """The capture has the ACK before the data, or the answer before the question."""
    stream = Stream()
    stream.synchronize(0)
    for _ in range(32):
        assert stream.acknowledge(7, 0.5) == []
    assert feed(stream, 0, b"content") == [b"content"]
    assert stream.acknowledge(7, 0.5) == []
    assert stream.acknowledge(10, 0.5) == []


def test_a_hole_is_given_up_after_many_acks() -> None:
    stream = Stream()
    stream.synchronize(0)
    assert feed(stream, 4, b"rest") == []
    for _ in range(32):
        assert stream.acknowledge(8, 0.5) == []
    assert stream.acknowledge(8, 0.5) == [4, b"rest"]


def test_a_hole_is_given_up_where_nothing_more_comes() -> None:
    stream = Stream()
    stream.synchronize(0)
    assert stream.acknowledge(8, 0.5) == []
    assert stream.finish() == [8]


def test_holes_one_after_the_other_are_not_each_waited_for() -> None:
    """Every second segment is missing, and every ACK is there."""
    stream = Stream()
    stream.synchronize(0)
    chunks = []
    for index in range(200):
        chunks += feed(stream, 2 * index + 1, b"x")
        chunks += stream.acknowledge(2 * index + 2, 0.5)
        assert len(stream._pending) <= 40
    assert joined([*chunks, *stream.finish()]) == [1, b"x"] * 200


def test_an_ack_that_no_other_confirms_is_not_believed() -> None:
    """It is for bytes that nobody has sent; those after it are for less."""
    stream = Stream()
    stream.synchronize(0)
    stream.acknowledge(1_000_000, 0.0)
    for _ in range(40):
        assert stream.acknowledge(5, 0.1) in ([], [5])
    assert feed(stream, 5, b"goes on") == [b"goes on"]


def test_a_fin_is_none_where_bytes_come_behind_it() -> None:
    stream = Stream()
    stream.synchronize(0)
    assert feed(stream, 0, b"ab") == [b"ab"]
    assert feed(stream, 2, b"", fin=True) == []
    assert stream.whole
    assert feed(stream, 2, b"cd") == [b"cd"]
    assert not stream.whole
    assert feed(stream, 4, b"ef", fin=True) == [b"ef"]
    assert stream.whole


@pytest.mark.parametrize("far", [10_000_000, -10_000_000, 2**31])
def test_what_is_too_far_from_the_stream_is_none_of_it(far: int) -> None:
    stream = Stream()
    stream.synchronize(100)
    for _ in range(3):
        assert feed(stream, 100 + far, b"stray") == []
    assert feed(stream, 100, b"real") == [b"real"]
    assert feed(stream, 104 + far, b"stray") == []
    assert stream.finish() == []


@pytest.mark.parametrize("far", [10_000_000, -10_000_000, 2**31])
@pytest.mark.parametrize("syn", [True, False])
def test_a_direction_may_begin_with_a_stray_segment(far: int, syn: bool) -> None:
    """While nothing is known of it, it begins with bytes that go on."""
    for confirmed_by in ("bytes", "an ACK"):
        stream = Stream()
        if syn:
            stream.synchronize(0)
        else:
            assert feed(stream, 0, b"stray", unknown=True) == [b"stray"]
        assert feed(stream, far, b"ab", unknown=True) == []
        if confirmed_by == "bytes":
            assert feed(stream, far + 2, b"cd", unknown=True) == [BEGINS_HERE, b"abcd"]
        else:
            assert stream.acknowledge((far + 2) & 0xFFFFFFFF, 0.0) == [BEGINS_HERE, b"ab"]
        assert stream.next_seq is not None
        assert feed(stream, stream.next_seq, b"ef") == [b"ef"]


def test_what_is_too_far_does_not_begin_the_direction_once_it_goes_on() -> None:
    stream = Stream()
    assert feed(stream, 0, b"real", unknown=True) == [b"real"]
    assert feed(stream, 2**30, b"ab", unknown=True) == []
    assert feed(stream, 4, b" goes on", unknown=True) == [b" goes on"]
    assert feed(stream, 2**30 + 2, b"cd", unknown=True) == []


def test_too_much_that_is_too_far_is_reported() -> None:
    """That is how it looks where more was lost than is waited for."""
    stream = Stream()
    stream.synchronize(0)
    for index in range(LIMIT // 1000):
        feed(stream, 10_000_000 + index * 1000, bytes(1000))
    with pytest.raises(Overflow):
        feed(stream, 20_000_000, bytes(1000))


def test_padding_that_is_repeated_is_noted_once() -> None:
    stream = Stream()
    stream.synchronize(0)
    for _ in range(100):
        feed(stream, 10, SIX, bare_ack=True)
    assert len(stream._pending._doubtful) == 1
    assert feed(stream, 10, b"", fin=True) == []
    assert stream._pending._doubtful == []
    assert stream.held == 0
