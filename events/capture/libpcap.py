"""libpcap, by way of pcapy-ng.

What may live here: importing it where it is needed, and taking packets from it. What is opened with it is for others.
"""

from __future__ import annotations

import struct
from typing import Any

from .packets import Packet

__all__ = ["SNAP_LEN", "libpcap", "packets_of"]

SNAP_LEN = 2**18
"""So many bytes of each packet are captured, unless somebody asks for fewer: all."""


# Of each packet in a batch: seconds, microseconds, where its bytes begin, how many there are.
_META = struct.Struct("=4I")


def libpcap(who_needs: str) -> Any:
    """The library.

    Args:
        who_needs: who needs it, in words, such as `filters need`.

    Raises:
        ImportError: pcapy-ng is not installed.
    """
    try:
        import pcapy
    except ImportError:
        raise ImportError(f"{who_needs} pcapy-ng: pip install pcapy-ng") from None
    return pcapy


def packets_of(data: bytes, meta: bytes) -> list[Packet]:
    """The packets of a batch, as `next_batch` of a reader gives it."""
    return [
        (seconds + microseconds / 1_000_000, data[offset : offset + length])
        for seconds, microseconds, offset, length in _META.iter_unpack(meta)
    ]
