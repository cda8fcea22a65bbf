"""Who talks to whom, under which name, and how long that is kept: what TCP connections and UDP flows have in common."""

from __future__ import annotations

import struct
from collections import OrderedDict
from collections.abc import Iterator
from itertools import chain, count
from operator import itemgetter
from typing import Any, Generic, TypeVar

from ..model import Connection
from ..uids import uid
from .lots import LOTS

__all__ = ["Kept", "Known", "connection"]

# Where there are more of a kind, memory asks that they are kept for less long: of all lots together, if they are even.
_CROWD = 100_000 // LOTS

# What times are told apart by when there is a look at what has waited long enough: it may come too early, never too late.
_MARGIN = 1.0


class Known:
    """What is kept for some time after it was last heard of.

    Attributes:
        kept: those that it is kept among.
        lot: the one that it is in.
        place: where in the capture it began; see `Clock.place`.
        seen: when it was last heard of, by the clock of the capture.
    """

    __slots__ = ("kept", "lot", "place", "seen")

    kept: Kept[Any]
    lot: int
    place: int
    seen: float

    def move_to(self, kept: Kept[Any], now: float) -> None:
        """Keep it among others, because it has been heard of."""
        self.kept.remove(self)
        self.begin_in(kept, now)

    def begin_in(self, kept: Kept[Any], now: float) -> None:
        """Keep it from now on."""
        self.kept = kept
        self.seen = now
        kept.add(self)


K = TypeVar("K", bound=Known)


class Kept(Generic[K]):
    """What is kept for some time after it was last heard of: in each lot, what has been silent longest comes first, so that
    no other need be looked at to find what has waited long enough.

    Args:
        idle: for how many seconds it is kept.
        in_a_crowd: for how many, where there are more than 100,000.
        maximum: how many are kept, about, at least one of each lot; None for any number.
    """

    def __init__(self, idle: float, in_a_crowd: float, maximum: int | None = None) -> None:
        self._idle = idle
        self._in_a_crowd = in_a_crowd
        self._maximum = None if maximum is None else max(maximum // LOTS, 1)
        # Each with a number that is greater than those before it.
        self._lots: list[OrderedDict[K, int]] = [OrderedDict() for _ in range(LOTS)]
        self._count = 0
        self._numbers = count()
        # Before then, nothing has waited long enough.
        self._from = 0.0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[K]:
        return chain.from_iterable(self._lots)

    def add(self, known: K) -> None:
        """Keep something, as what has been heard of last."""
        lot = self._lots[known.lot]
        lot[known] = next(self._numbers)
        self._count += 1
        if len(lot) == _CROWD:
            self._from = 0.0

    def remove(self, known: K) -> None:
        """Keep it no longer."""
        del self._lots[known.lot][known]
        self._count -= 1

    def clear(self) -> None:
        """Keep nothing any more."""
        for lot in self._lots:
            lot.clear()
        self._count = 0

    def expired(self, now: float) -> Iterator[K]:
        """Those that have waited long enough, lot by lot, which whoever asks takes away."""
        if now < self._from:
            return
        following = now + self._in_a_crowd
        for lot in self._lots:
            while lot:
                first = next(iter(lot))
                idle = self._idle if len(lot) < _CROWD else self._in_a_crowd
                if now - first.seen <= idle:
                    following = min(following, first.seen + idle)
                    break
                yield first
        self._from = following - _MARGIN

    def one_too_many(self, lot: int) -> K | None:
        """The one of a lot that has been silent longest, where there are more in it than are kept."""
        of_lot = self._lots[lot]
        if self._maximum is None or len(of_lot) <= self._maximum:
            return None
        return next(iter(of_lot))

    @property
    def oldest(self) -> K | None:
        """The one that has been silent longest; None where there is none."""
        firsts = [next(iter(lot.items())) for lot in self._lots if lot]
        return min(firsts, key=itemgetter(1))[0] if firsts else None


_PORTS = struct.Struct("!HH")
_TIME = struct.Struct("!d")


def connection(proto: str, key: bytes, start_time: float, seed: str) -> Connection:
    """The connection that packets belong to.

    Args:
        proto: `tcp` or `udp`.
        key: the addresses of the originator and of the responder, and their ports, as they stand in headers.
        start_time: of the first packet, in seconds since the epoch.
        seed: what its uid is made of besides these.
    """
    size = (len(key) - _PORTS.size) // 2
    orig_p, resp_p = _PORTS.unpack_from(key, 2 * size)
    made_of = proto.encode() + key + _TIME.pack(start_time)
    if seed:
        made_of += seed.encode(errors="surrogateescape")
    return Connection(
        uid=uid(made_of),
        proto=proto,
        orig_h=_address(key[:size]),
        orig_p=orig_p,
        resp_h=_address(key[size : 2 * size]),
        resp_p=resp_p,
        start_time=start_time,
    )


def _address(packed: bytes) -> str:
    if len(packed) == 4:
        return ".".join(map(str, packed))  # as ipaddress does, in a fraction of the time
    import ipaddress  # here, because many captures have no IPv6

    return str(ipaddress.ip_address(packed))
