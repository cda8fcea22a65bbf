"""The lots that the flows of a capture fall into.

What may live here: which lot a flow is in.

Goal: several processes can share a capture, and give together what one process gives. So nothing that becomes of a flow may
depend on the flows that another process has. Plan: each flow falls into one of so many lots, by who talks to whom; a limit
on the number of flows holds within a lot, and a process that shares a capture has whole lots. Trap: the lot has to come out
the same in every process and for both directions, and evenly for ports that a system gives out in order, or of which it
gives out the even ones.
"""

from __future__ import annotations

from zlib import crc32

__all__ = ["LOTS", "lot_of"]

LOTS = 64
"""How many there are; so many processes can share a capture."""


def lot_of(key: bytes) -> int:
    """The lot of a flow, from 0; the same for both directions.

    Args:
        key: the addresses of both sides, then their ports, as they stand in headers.
    """
    ports = len(key) - 4
    source = key[: ports // 2] + key[ports : ports + 2]
    destination = key[ports // 2 : ports] + key[ports + 2 :]
    return (crc32(source) ^ crc32(destination)) % LOTS
