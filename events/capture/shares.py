"""One share of a capture: the events of the flows that are in some of its lots, and where in the whole they stand.

What may live here: what a process does that shares a capture with others. How the shares become one again is for `merged`.

Goal: the shares together give what one process gives, in its order, in less time. Plan: each process reads the whole file,
and looks at each packet just long enough to know whose it is; what it cannot tell from the first bytes of a frame it
decodes as any other, fragments and tunnels among it. Time passes with every packet, for everybody. Each event gets a place:
a number by which those of all shares can be sorted. So many packets at a time make a piece, for all shares the same ones.

Traps. What one process does depends on the flows of the others in a few ways, all of which are told with each piece: that
all flows together hold too much, that very many wait for their secrets, that a session is resumed that somebody else
remembers. The numbers of flows are not among them: they are limited within a lot.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import repeat
from typing import Any, NamedTuple, Protocol

from ..model import Event
from ..options import Options
from ..secrets.shared import SharedKeyLog
from .clock import Clock
from .connections import Connections
from .datagrams import DatagramFlows
from .embedded import Embedded
from .frames import frames
from .headers import TCP
from .lots import lot_of
from .memory import Memory
from .opened import opened, tell_of_certificates
from .packets import NO_MEMORY, CaptureError

__all__ = ["AFTER_ALL", "Fold", "Needs", "Piece", "share_of"]

# A piece has so many packets, or as many more as come at once.
_PIECE = 2048

# A place is the number of a packet, and an order among what happens with it: first what has waited long enough, of
# connections and then of flows, lot by lot; then what the packet itself brings.
_ORDERS = 1024
_OF_FLOWS = 512
_OF_PACKET = _ORDERS - 1
# Behind all packets: what connections waited with to the end, and what flows did, in the order in which they began.
_AT_THE_END = 1 << 59
_OF_FLOWS_AT_THE_END = 1 << 58

AFTER_ALL = 1 << 62
"""The place behind all events. To it any other place may be added, or twice that."""


class Fold(Protocol):
    """What is made of the events of a share."""

    def take(self, events: list[Event], places: list[int]) -> tuple[list[Any], list[int]]:
        """Take events, with their places; what is made of them, with the places of that. Both lists may be used again."""

    def end(self) -> tuple[list[Any], list[int]]:
        """What is made at the end."""

    def known(self) -> tuple[int, int]:
        """How many connections have no row yet, and how many certificates have been seen."""


class Needs(NamedTuple):
    """What in one process would depend on the flows of others, as far as a share knows.

    Attributes:
        memory: how many bytes its flows have held at most.
        has_given_up: whether it had to give up one of them.
        waits: how many have begun to wait for their secrets.
        came_late: whether there are secrets that came when somebody waited.
        known: see `Fold`.
        remembered: the digests of the sessions that it remembers, since the last piece.
        missed: those of the sessions that were asked for, and are not remembered, likewise.
    """

    memory: int
    has_given_up: bool
    waits: int = 0
    came_late: bool = False
    known: tuple[int, int] = (0, 0)
    remembered: list[bytes] = []  # noqa: RUF012
    missed: list[bytes] = []  # noqa: RUF012


class Piece(NamedTuple):
    """What a share has made of some packets.

    Attributes:
        packets: how many packets of the capture have been read, those of others among them.
        made: what was made of the events.
        places: of each of them.
        needs: what would depend on others.
        told: what could not be read, in words.
        used: whether the secrets have been of use.
        read: how many bytes of the file have been read since the last piece.
        is_last: whether there are no more packets.
        error: why, where that is not the end of the capture.
    """

    packets: int
    made: list[Any]
    places: list[int]
    needs: Needs
    told: list[str]
    used: bool
    read: int
    is_last: bool = False
    error: CaptureError | None = None


def share_of(
    path: str,
    begin: Callable[[str, Callable[[str], None]], Fold],
    options: Options,
    index: int,
    count: int,
) -> Iterator[Piece]:
    """Read a share of a capture, piece by piece.

    Args:
        path: of the capture.
        begin: makes what takes the events; of the path, and of what is told what cannot be made.
        options: what the caller has chosen.
        index: which share it is, from 0.
        count: how many there are.
    """
    told: list[str] = []
    share = _Share(begin(path, told.append), options, told, count)
    try:
        yield from share.read(path, _Mine(index, count))
    except CaptureError as error:
        yield share.piece(is_last=True, error=error)
    except MemoryError:
        yield share.piece(is_last=True, error=CaptureError(path, NO_MEMORY))


class _Mine(dict[bytes, bool]):
    """Whether the flow with a key is in one of the lots of a share."""

    _MANY = 2**15  # so many are remembered

    def __init__(self, index: int, count: int) -> None:
        self._index = index
        self._count = count

    def __missing__(self, key: bytes) -> bool:
        if len(self) >= self._MANY:
            self.clear()
        mine = self[key] = lot_of(key) % self._count == self._index
        return mine


class _Share:
    """What a share has made since its last piece.

    Args:
        fold: takes the events.
        options: what the caller has chosen.
        told: what could not be read.
        count: how many shares there are.
    """

    def __init__(self, fold: Fold, options: Options, told: list[str], count: int) -> None:
        self._fold = fold
        self._told = told
        # From here on it is worth a look at all flows to know better; one process alone does as it does without shares.
        self._memory_limit = options.memory_limit // (2 * count) if count > 1 else math.inf
        self._options = options
        self._memory: Memory | None = None
        self._packets = 0
        self._made: list[Any] = []
        self._places: list[int] = []
        self._most = 0
        self._read = 0

    def read(self, path: str, is_mine: _Mine) -> Iterator[Piece]:
        """Read a capture to its end."""
        name, capture = opened(path, self._options, self._progress)
        warn = self._told.append
        tell_of_certificates(name, self._options, warn)
        embedded = Embedded(name, capture, self._options, warn, SharedKeyLog)
        self._options = options = embedded.options
        clock = Clock()
        connections = Connections(options, clock)
        flows = DatagramFlows(options, clock, warn)
        self._memory = memory = Memory(options.memory_limit, (connections, flows))
        take_segment, take_datagram = connections.segment, flows.datagram
        events: list[Event] = []
        places: list[int] = []
        packets = 0
        error: CaptureError | None = None

        def add(late: list[Event], place: int) -> None:
            events.extend(late)
            places.extend(repeat(place, len(late)))

        try:
            for decoder, batch in frames(name, capture, warn):
                embedded.take()
                decode, key_of = decoder.decode, decoder.key_of
                size = 0
                for ts, frame in batch:
                    packets += 1
                    if not clock.begin <= ts < clock.end and clock.tick(ts):
                        for order, late in connections.expired():
                            add(late, packets * _ORDERS + order)
                        for order, late in flows.expired():
                            add(late, packets * _ORDERS + _OF_FLOWS + order)
                    key = key_of(frame)
                    if key and not is_mine[key]:
                        continue
                    segment = decode(frame, ts)
                    if segment is None:
                        continue
                    protocol, source, destination, buffer, start, _ = segment
                    if not key and not is_mine[source + destination + buffer[start : start + 4]]:
                        continue
                    size += len(frame)
                    clock.place = packets
                    if protocol == TCP:
                        take_segment(segment, ts, events)
                    else:
                        take_datagram(segment, ts, events)
                    new = len(events) - len(places)
                    if new:
                        places.extend(repeat(packets * _ORDERS + _OF_PACKET, new))
                memory.take(size, events)
                places.extend(repeat(packets * _ORDERS + _OF_PACKET, len(events) - len(places)))
                self._most = max(self._most, memory.most)
                # Now, for events that are kept are looked at by the collector again and again.
                self._take(events, places)
                if packets - self._packets >= _PIECE:
                    self._packets = packets
                    yield self.piece()
        except CaptureError as caught:
            error = caught
        self._packets = packets
        for place, late in connections.end():
            add(late, _AT_THE_END + place)
        for place, late in flows.end():
            add(late, _AT_THE_END + _OF_FLOWS_AT_THE_END + place)
        self._take(events, places)
        embedded.end()
        yield self.piece(is_last=True, error=error)

    def piece(self, *, is_last: bool = False, error: CaptureError | None = None) -> Piece:
        """What has been made since the last piece."""
        if is_last:
            self._add(*self._fold.end())
        key_log = self._options.key_log
        piece = Piece(
            packets=self._packets,
            made=self._made,
            places=self._places,
            needs=self._needs(),
            told=[*self._told],
            used=key_log is not None and key_log.used,
            read=self._read,
            is_last=is_last,
            error=error,
        )
        self._made, self._places, self._read = [], [], 0
        self._told.clear()
        return piece

    def _take(self, events: list[Event], places: list[int]) -> None:
        if events:
            self._add(*self._fold.take(events, places))
            events.clear()
            places.clear()

    def _add(self, made: list[Any], places: list[int]) -> None:
        self._made += made
        self._places += places

    def _progress(self, size: int) -> None:
        self._read += size

    def _needs(self) -> Needs:
        memory = self._memory
        if memory is None:
            return Needs(0, False)
        needs = Needs(self._most, memory.has_given_up, known=self._fold.known())
        if memory.most > self._memory_limit:
            memory.count()
        self._most = memory.most
        key_log = self._options.key_log
        if isinstance(key_log, SharedKeyLog):
            needs = needs._replace(
                waits=key_log.waits,
                came_late=key_log.came_late,
                remembered=[*key_log.remembered],
                missed=[*key_log.missed],
            )
            key_log.remembered.clear()
            key_log.missed.clear()
        return needs
