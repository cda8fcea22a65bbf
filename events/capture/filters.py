"""Filters of libpcap for the frames of files: `port 443`, `host 192.0.2.1 and tcp`.

What may live here: which frames of a file pass a filter. That of an interface runs in the kernel.

Traps: pcapy's `compile` reads its error message from memory that it has freed. So a filter is first given to an empty
capture, which says properly what is wrong with it, and compiled once that has taken it.
"""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Iterator
from typing import Any

from .headers import LINK_TYPES
from .libpcap import SNAP_LEN, libpcap
from .packets import Batch, CaptureError

__all__ = ["check_filter", "does_not_compile", "filtered"]

_WHO_NEEDS = "filters need"
# An empty capture: the header of a pcap file with a link type.
_EMPTY = struct.Struct("=IHHiIII")
# libpcap compiles for its own numbers, where they differ from those of files: raw IP.
_DLT = {14: 12, 101: 12}
_NETMASK = 0
_ETHERNET = 1  # of which most captures are


def check_filter(text: str) -> str | None:
    """What is wrong with a filter, in the words of libpcap; None where it compiles for some link type that can be read.

    Raises:
        ImportError: pcapy-ng is not installed.
    """
    problem = _problem(text, _ETHERNET)
    if problem is None or any(_problem(text, link_type) is None for link_type in LINK_TYPES):
        return None
    return problem


def does_not_compile(text: str, reason: str) -> str:
    """What to tell of a filter that libpcap refuses."""
    return f"the filter {text!r} does not compile: {reason}"


def filtered(
    name: str, batches: Iterator[Batch], text: str, link_type: int | None
) -> Iterator[Batch]:
    """The packets that pass a filter. Those of link types that cannot be read pass: nothing is lost by them.

    Args:
        name: of the file.
        batches: its packets.
        text: the filter.
        link_type: that of all frames, where it is known.

    Raises:
        CaptureError: the filter does not compile for frames of the link type; by the iterator, for frames of another one.
        ImportError: pcapy-ng is not installed.
    """
    programs = {} if link_type is None else {link_type: _compiled(name, text, link_type)}
    return _passing(name, batches, text, programs)


def _passing(
    name: str, batches: Iterator[Batch], text: str, programs: dict[int, Any]
) -> Iterator[Batch]:
    for link_type, batch in batches:
        if link_type not in LINK_TYPES:
            yield link_type, batch
            continue
        if link_type not in programs:
            programs[link_type] = _compiled(name, text, link_type)
        passes = programs[link_type].filter
        yield link_type, [packet for packet in batch if passes(packet[1])]


def _compiled(name: str, text: str, link_type: int) -> Any:
    reason = _problem(text, link_type)
    if reason is not None:
        raise CaptureError(
            name, f"{does_not_compile(text, reason)} (for frames of link type {link_type})"
        )
    pcapy = libpcap(_WHO_NEEDS)
    return pcapy.compile(_DLT.get(link_type, link_type), SNAP_LEN, text, 1, _NETMASK)


def _problem(text: str, link_type: int) -> str | None:
    """Why a filter does not compile for a link type; None where it does."""
    pcapy = libpcap(_WHO_NEEDS)
    with tempfile.NamedTemporaryFile(suffix=".pcap") as file:
        link_type = _DLT.get(link_type, link_type)
        file.write(_EMPTY.pack(0xA1B2C3D4, 2, 4, 0, 0, SNAP_LEN, link_type))
        file.flush()
        try:
            pcapy.open_offline(file.name).setfilter(text)
        except (pcapy.PcapError, ValueError) as error:  # such as a zero byte
            return str(error)
    return None
