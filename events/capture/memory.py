"""What all connections of a capture hold together, and who gives way where that is too much."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ..model import Event

__all__ = ["NEARLY", "Memory"]

# What a packet may add to what is held: so much for each of its bytes, about, and a connection.
_PER_BYTE = 4
_PER_FLOW = 2_000

# Where nearly as much is held as is allowed, less of it is left: so there is always a part of it that has to come anew before
# there is a look at all connections again.
NEARLY = 15 / 16
_LEFT = 7 / 8


class _Holder(Protocol):
    """Connections, or flows."""

    def __len__(self) -> int: ...

    def held(self) -> int: ...

    def give_way(self, reason: str, events: list[Event]) -> int: ...


class Memory:
    """Keeps what is held within a limit.

    The goal is that nothing is counted with each packet. The plan: what is held grows by no more than the packets that
    came, times a constant; so it is counted only where with that it may have passed the limit.

    Args:
        limit: how many bytes may be held.
        holders: who holds them.

    Attributes:
        has_given_up: whether anything had to be given up.
    """

    def __init__(self, limit: int, holders: Sequence[_Holder]) -> None:
        self.has_given_up = False
        self._limit = limit
        self._holders = holders
        self._reason = f"more than {limit} bytes would be held for all connections"
        # What was held when it was last counted, how many held it, and how many bytes have come since.
        self._held = 0
        self._count = 0
        self._since = 0

    def take(self, size: int, events: list[Event]) -> None:
        """Take note of packets that have been read.

        Args:
            size: how many bytes they have.
            events: the list that the events are appended to that say what was given up.
        """
        self._since += size
        if self.most > self._limit:
            self._settle(events)

    @property
    def most(self) -> int:
        """How many bytes are held at most."""
        new = max(sum(map(len, self._holders)) - self._count, 0)
        return self._held + _PER_BYTE * self._since + _PER_FLOW * new

    def count(self) -> None:
        """Count what is held, so that it is known better how many bytes those are at most."""
        self._remember([holder.held() for holder in self._holders])

    def _settle(self, events: list[Event]) -> None:
        held = [holder.held() for holder in self._holders]
        if sum(held) > self._limit * NEARLY:
            self.has_given_up = True
            while sum(held) > self._limit * _LEFT:
                most = max(held)
                index = held.index(most)
                given_up = self._holders[index].give_way(self._reason, events)
                # Where there is nothing to give up any more, it was an estimate.
                held[index] = most - given_up if given_up else 0
        self._remember(held)

    def _remember(self, held: list[int]) -> None:
        self._since = 0
        self._held = sum(held)
        self._count = sum(map(len, self._holders))
