"""What all connections of a capture hold together: when it is counted, and who gives way."""

from __future__ import annotations

import pytest

from events import Connection, Event, ProtocolViolation
from events.capture.memory import Memory

LIMIT = 16_000


class Holder:
    """Holds so many bytes for each of some connections."""

    def __init__(self, *sizes: int) -> None:
        self.sizes = list(sizes)
        self.counted = 0
        self.reasons: list[str] = []

    def __len__(self) -> int:
        return len(self.sizes)

    def held(self) -> int:
        self.counted += 1
        return sum(self.sizes)

    def give_way(self, reason: str, events: list[Event]) -> int:
        self.reasons.append(reason)
        events.append(ProtocolViolation(Connection(), True, 0, "", reason))
        return self.sizes.pop(0) if self.sizes else 0


def packets(*sizes: int) -> int:
    return sum(sizes)


@pytest.mark.parametrize(("size", "counted"), [(4000, 0), (4001, 1)])
def test_it_is_counted_once_packets_may_have_passed_the_limit(size: int, counted: int) -> None:
    """Each byte may be four that are held."""
    holder = Holder()
    memory = Memory(LIMIT, [holder])
    memory.take(packets(1000, 2000), [])
    assert holder.counted == 0
    memory.take(packets(size - 3000), [])
    assert holder.counted == counted


@pytest.mark.parametrize(("connections", "counted"), [(8, 0), (9, 1)])
def test_it_is_counted_once_connections_may_have_passed_the_limit(
    connections: int, counted: int
) -> None:
    """Each may take 2,000 bytes; those of all kinds together."""
    one, other = Holder(*[0] * (connections - 3)), Holder(0, 0, 0)
    Memory(LIMIT, [one, other]).take(0, [])
    assert one.counted == other.counted == counted


def test_what_was_counted_is_counted_on_from() -> None:
    """The bytes that have come since then, and the connections that are new."""
    holder = Holder(*[1000] * 9)
    memory = Memory(LIMIT, [holder])
    memory.take(0, [])
    assert holder.counted == 1
    memory.take(packets(1750), [])  # 9,000 and 7,000
    assert holder.counted == 1
    memory.take(packets(1), [])
    assert holder.counted == 2
    holder.sizes += [0, 0, 0]
    memory.take(packets(250), [])
    assert holder.counted == 2
    holder.sizes.append(0)
    memory.take(0, [])
    assert holder.counted == 3


def test_connections_that_are_gone_do_not_count_against_packets() -> None:
    holder = Holder(*[1000] * 9)
    memory = Memory(LIMIT, [holder])
    memory.take(0, [])
    del holder.sizes[3:]
    memory.take(packets(1751), [])
    assert holder.counted == 2


@pytest.mark.parametrize(
    ("sizes", "left"),
    [
        ([5000] * 3, 3),  # 15/16 of the limit
        ([1, *[5000] * 3], 2),
        ([1000, *[2000] * 7], 8),
        ([1001, *[2000] * 7], 7),
        ([1000, 2001, *[2000] * 6, 1], 7),
    ],
)
def test_the_oldest_give_way_until_an_eighth_is_left(sizes: list[int], left: int) -> None:
    """Of the limit, once nearly all of it is held."""
    holder = Holder(*sizes)
    memory = Memory(LIMIT, [holder])
    told: list[Event] = []
    memory.take(packets(5000), told)
    assert len(holder) == left
    assert len(told) == len(sizes) - left
    assert set(holder.reasons) <= {"more than 16000 bytes would be held for all connections"}


def test_those_give_way_that_hold_most() -> None:
    one, other = Holder(3000, 3000), Holder(5000, 4000, 2000)
    Memory(LIMIT, [one, other]).take(packets(5000), [])
    assert (one.sizes, other.sizes) == ([3000, 3000], [4000, 2000])
    one, other = Holder(9000, 3000), Holder(5000, 2000)
    Memory(LIMIT, [one, other]).take(packets(5000), [])
    assert (one.sizes, other.sizes) == ([3000], [5000, 2000])


def test_who_has_nothing_to_give_up_does_not_hang() -> None:
    """What was held was an estimate then."""

    class Wrong(Holder):
        def held(self) -> int:
            return 20_000

    holder = Wrong(1000)
    told: list[Event] = []
    Memory(LIMIT, [holder]).take(packets(5000), told)
    assert not holder.sizes
    assert len(holder.reasons) == 2
