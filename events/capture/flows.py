"""Who talks to whom, under which name, and how long that is kept: what TCP connections and UDP flows have in common."""

from __future__ import annotations

import struct
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, Generic, TypeVar

from ..model import Connection
from ..uids import uid

__all__ = ["Kept", "Known", "connection"]

# Where there are more of a kind, memory asks that they are kept for less long.
_CROWD = 100_000


class Known:
    """What is kept for some time after it was last heard of.

    Attributes:
        kept: those that it is kept among.
        seen: when it was last heard of, by the clock of the capture.
    """

    __slots__ = ("kept", "seen")

    kept: Kept[Any]
    seen: float

    def move_to(self, kept: Kept[Any], now: float) -> None:
        """Keep it among others, because it has been heard of."""
        del self.kept[self]
        self.begin_in(kept, now)

    def begin_in(self, kept: Kept[Any], now: float) -> None:
        """Keep it from now on."""
        self.kept = kept
        self.seen = now
        kept[self] = None


K = TypeVar("K", bound=Known)


class Kept(OrderedDict[K, None], Generic[K]):
    """What is kept for some time after it was last heard of: what has been silent longest comes first, so that no other
    need be looked at to find what has waited long enough.

    Args:
        idle: for how many seconds it is kept.
        in_a_crowd: for how many, where there are more than 100,000.
        maximum: how many are kept, at least one; None for any number.
    """

    def __init__(self, idle: float, in_a_crowd: float, maximum: int | None = None) -> None:
        super().__init__()
        self._idle = idle
        self._in_a_crowd = in_a_crowd
        self._maximum = None if maximum is None else max(maximum, 1)

    def expired(self, now: float) -> Iterator[K]:
        """Those that have waited long enough, which whoever asks takes away."""
        while self:
            first = next(iter(self))
            idle = self._idle if len(self) < _CROWD else self._in_a_crowd
            if now - first.seen <= idle:
                return
            yield first

    @property
    def one_too_many(self) -> K | None:
        """The one that has been silent longest, where there are more than are kept."""
        if self._maximum is None or len(self) <= self._maximum:
            return None
        return next(iter(self))


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
