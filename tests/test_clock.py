"""The time of a capture: which times of packets are believed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.capture.clock import Clock

NOON = 1_700_000_000.0


def at(*times: float) -> Clock:
    """A clock that has been told of packets at noon, and so many seconds after it."""
    clock = Clock()
    assert clock.tick(NOON)
    for ts in times:
        clock.tick(NOON + ts)
    return clock


def test_it_begins_with_the_first_packet() -> None:
    clock = Clock()
    assert clock.now == 0.0
    assert clock.tick(NOON)
    assert clock.now == 0.0
    assert (clock.begin, clock.end) == (NOON, NOON + 1.0)


@pytest.mark.parametrize(("step", "passed"), [(0.5, 0.5), (60.0, 60.0), (60.5, 0.0), (-60.0, 0.0)])
def test_a_step_of_up_to_a_minute_is_believed_at_once(step: float, passed: float) -> None:
    clock = at(step)
    assert clock.now == passed
    assert clock.tick(NOON + max(passed, 0.0) + 10.0)
    assert clock.now == passed + 10.0


def test_whether_time_has_passed() -> None:
    clock = at()
    assert clock.tick(NOON + 5)
    assert clock.tick(NOON + 5)
    assert not clock.tick(NOON + 4)
    assert not clock.tick(NOON + 500)
    assert clock.now == 5.0


@pytest.mark.parametrize("jump", [61.0, 1000.0, -61.0, -1000.0])
def test_a_jump_is_believed_once_so_many_packets_agree(jump: float) -> None:
    clock = at()
    for _ in range(31):
        assert not clock.tick(NOON + jump)
    assert clock.now == 0.0
    assert clock.tick(NOON + jump) is (jump > 0)
    assert clock.now == max(jump, 0.0)
    # From there on it goes on.
    assert clock.tick(NOON + jump + 10)
    assert clock.now == max(jump, 0.0) + 10


def test_a_jump_back_does_not_count_when_time_goes_on() -> None:
    """An hour back and an hour on: nothing has passed."""
    clock = at(*[-3600.0] * 32)
    assert clock.now == 0.0
    for _ in range(31):
        assert not clock.tick(NOON)
    clock.tick(NOON)
    assert clock.now == 0.0
    for _ in range(32):
        clock.tick(NOON + 100.0)
    assert clock.now == 100.0


def test_packets_between_that_do_not_agree_begin_the_count_again() -> None:
    clock = at()
    for _ in range(31):
        clock.tick(NOON + 1000.0)
    clock.tick(NOON + 0.5)
    for _ in range(31):
        assert not clock.tick(NOON + 1000.0)
    assert clock.now == 0.5
    assert clock.tick(NOON + 1000.0)
    assert clock.now == 1000.0


def test_a_packet_from_a_little_earlier_begins_the_count_again_too() -> None:
    clock = at()
    for _ in range(31):
        clock.tick(NOON + 1000.0)
    assert not clock.tick(NOON - 0.5)
    assert not clock.tick(NOON + 1000.0)
    assert clock.now == 0.0


@pytest.mark.parametrize(("apart", "agree"), [(60.0, True), (61.0, False), (-60.0, True)])
def test_packets_agree_that_are_within_a_minute(apart: float, agree: bool) -> None:
    """Of the one before, not of the first."""
    clock = at()
    for index in range(31):
        clock.tick(NOON + 10_000.0 + index * apart)
    assert clock.tick(NOON + 10_000.0 + 31 * apart) is agree


def test_what_lies_between_its_bounds_changes_nothing() -> None:
    """So whoever has many packets need not tell of those."""
    for times in ([], [5.0], [5.0, 4.0], [-1000.0] * 32, [1000.0] * 32):
        clock = at(*times)
        before = clock.now
        assert clock.begin <= clock.end
        for ts in (clock.begin, clock.end):
            clock.tick(ts)
        assert clock.now <= before + 1.0


def test_it_is_told_of_all_while_packets_contradict() -> None:
    clock = at(1000.0)
    assert clock.begin == clock.end == NOON


@given(
    st.lists(st.sampled_from([0.0, 0.4, 3.0, 60.0, 61.0, 5000.0, -1.0, -59.0, -70.0]), max_size=200)
)
def test_it_never_goes_back(steps: list[float]) -> None:
    clock = at()
    ts = NOON
    before = 0.0
    for step in steps:
        ts += step
        passed = clock.tick(ts)
        assert clock.now >= before
        assert passed or clock.now == before
        before = clock.now
