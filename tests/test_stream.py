"""TCP reassembly of one direction, against a model: an array of bytes in which the first copy stands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.capture.stream import Chunk, Overflow, Stream

Segments = list[tuple[int, bytes]]


def feed(
    stream: Stream, seq: int, data: bytes, *, fin: bool = False, bare_ack: bool = False
) -> list[Chunk]:
    return stream.segment(seq & 0xFFFFFFFF, data, fin, bare_ack=bare_ack)


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
    assert stream.acknowledge(2) == []
    assert stream.acknowledge(4) == [2]
    assert stream.acknowledge(7) == [1, b"fg"]
    assert stream.acknowledge(9) == [2]


def test_an_acknowledged_fin_is_no_gap() -> None:
    stream = Stream()
    stream.synchronize(0)
    feed(stream, 0, b"ab")
    assert stream.acknowledge(3) == []
    assert feed(stream, 2, b"", fin=True) == []
    assert stream.whole
    assert stream.acknowledge(3) == []


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
    assert stream.acknowledge(6) == [SIX]


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
