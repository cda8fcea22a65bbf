"""What all connections of a capture hold together, and who gives way where that is too much."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ..model import Event
from .files import Packet

__all__ = ["Memory"]

# What a packet may add to what is held: so much for each of its bytes, about, and a connection.
_PER_BYTE = 4
_PER_FLOW = 2_000

# Where nearly as much is held as is allowed, less of it is left: so there is always a part of it that has to come anew before
# there is a look at all connections again.
_NEARLY = 15 / 16
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
    """

    def __init__(self, limit: int, holders: Sequence[_Holder]) -> None:
        self._limit = limit
        self._holders = holders
        self._reason = f"more than {limit} bytes would be held for all connections"
        # What was held when it was last counted, how many held it, and how many bytes have come since.
        self._held = 0
        self._count = 0
        self._since = 0

    def take(self, batch: Sequence[Packet], events: list[Event]) -> None:
        """Take note of packets that have been read.

        Args:
            batch: they.
            events: the list that the events are appended to that say what was given up.
        """
        self._since += sum([len(frame) for _, frame in batch])
        new = max(sum(map(len, self._holders)) - self._count, 0)
        if self._held + _PER_BYTE * self._since + _PER_FLOW * new > self._limit:
            self._settle(events)

    def _settle(self, events: list[Event]) -> None:
        self._since = 0
        held = [holder.held() for holder in self._holders]
        if sum(held) > self._limit * _NEARLY:
            while sum(held) > self._limit * _LEFT:
                most = max(held)
                index = held.index(most)
                given_up = self._holders[index].give_way(self._reason, events)
                # Where there is nothing to give up any more, it was an estimate.
                held[index] = most - given_up if given_up else 0
        self._held = sum(held)
        self._count = sum(map(len, self._holders))
