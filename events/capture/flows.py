"""Who talks to whom, under which name, and how long that is kept: what TCP connections and UDP flows have in common."""

from __future__ import annotations

import struct

from ..model import Connection
from ..uids import uid

__all__ = ["connection", "idle_limits", "next_sweep"]

# A connection that has been silent this long is dropped, in seconds; a pause of minutes changes nothing. One in which
# nothing of interest has been seen, such as a SYN that nobody answered, after the second time.
_IDLE = (3600.0, 150.0)
# The same where there are so many connections that memory asks for it.
_CROWD = 100_000
_IDLE_IN_A_CROWD = (600.0, 10.0)
_SWEEP_EVERY = 10.0


def idle_limits(count: int) -> tuple[float, float]:
    """How long what is kept of a connection outlives its last packet, in seconds: where something of interest has
    been seen, and where not.

    Args:
        count: how many connections there are.
    """
    return _IDLE if count < _CROWD else _IDLE_IN_A_CROWD


def next_sweep(ts: float, count: int) -> float:
    """When to look for connections to drop again; a look at each takes time, so the more there are, the less often."""
    return ts + _SWEEP_EVERY + count / 1000


_PORTS = struct.Struct("!HH")
_TIME = struct.Struct("!d")


def connection(proto: str, key: bytes, start_time: float) -> Connection:
    """The connection that packets belong to.

    Args:
        proto: `tcp` or `udp`.
        key: the addresses of the originator and of the responder, and their ports, as they stand in headers.
        start_time: of the first packet, in seconds since the epoch.
    """
    size = (len(key) - _PORTS.size) // 2
    orig_p, resp_p = _PORTS.unpack_from(key, 2 * size)
    seed = proto.encode() + key + _TIME.pack(start_time)
    return Connection(
        uid=uid(seed),
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
