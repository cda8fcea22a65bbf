"""pcap: its layouts, and a reader of its packets (draft-ietf-opsawg-pcap) for what libpcap cannot open.

What may live here: the layouts, and the reader. It gives the packets that libpcap gives, with the same times.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from construct import (
    Construct,
    Int8ub,
    Int16ub,
    Int16ul,
    Int32sb,
    Int32sl,
    Int32ub,
    Int32ul,
    Struct,
)

from tlsgrammar.language.compiler import fields

from .packets import Batch, Damaged, Packet
from .sources import Read, SourceError, filled

__all__ = ["HEADER_SIZE", "MAGIC_NUMBERS", "Header", "Layout", "header_of", "layout_of", "packets"]

_MAXIMUM_PACKET = 2**18  # libpcap's
_MAJOR_VERSION = 2
_LINK_TYPE = 0xFFFF  # the bits above it are about the frame check sequence


class Layout(NamedTuple):
    """A kind of pcap.

    Attributes:
        FileHeader: what stands at the beginning of the file.
        PacketRecord: what stands before each packet.
        per_microsecond: how many units of a packet's time make a microsecond.
    """

    FileHeader: Construct
    PacketRecord: Construct
    per_microsecond: int


class Header(NamedTuple):
    """What the beginning of a file says about its packets.

    Attributes:
        layout: of what they are.
        link_type: of their frames.
        snap_len: no more of each frame is wanted, in bytes.
    """

    layout: Layout
    link_type: int
    snap_len: int


class _Kind(NamedTuple):
    """What tells one layout from another.

    Attributes:
        swapped: whether its numbers are little-endian.
        per_microsecond: see `Layout`.
        modified: whether it is what patched Linux kernels of the last century wrote; libpcap knows it too.
    """

    swapped: bool
    per_microsecond: int = 1
    modified: bool = False


_KINDS = {
    b"\xa1\xb2\xc3\xd4": _Kind(False),
    b"\xd4\xc3\xb2\xa1": _Kind(True),
    b"\xa1\xb2\x3c\x4d": _Kind(False, 1000),
    b"\x4d\x3c\xb2\xa1": _Kind(True, 1000),
    b"\xa1\xb2\xcd\x34": _Kind(False, modified=True),
    b"\x34\xcd\xb2\xa1": _Kind(True, modified=True),
}

MAGIC_NUMBERS = _KINDS.keys()
"""The four bytes that a file of pcap may begin with."""

HEADER_SIZE = 24
"""The size of a file header, in bytes."""


@cache
def layout_of(magic_number: bytes) -> Layout:
    """The layout of files that begin with these four bytes."""
    swapped, per_microsecond, modified = _KINDS[magic_number]
    uint16, int32, uint32 = (Int16ul, Int32sl, Int32ul) if swapped else (Int16ub, Int32sb, Int32ub)
    file_header = Struct(
        "magic_number" / uint32,
        "major_version" / uint16,
        "minor_version" / uint16,
        "reserved1" / int32,
        "reserved2" / uint32,
        "snap_len" / uint32,
        "link_type" / uint32,
    )
    packet_record = (
        "timestamp_seconds" / uint32,
        "timestamp_fraction" / uint32,
        "captured_packet_length" / uint32,
        "original_packet_length" / uint32,
    )
    more = (
        "interface_index" / uint32,
        "protocol" / uint16,
        "packet_type" / Int8ub,
        "padding" / Int8ub,
    )
    return Layout(file_header, Struct(*packet_record, *(more if modified else ())), per_microsecond)


def header_of(data: bytes) -> Header:
    """What the beginning of a pcap file says, whose first four bytes are among `MAGIC_NUMBERS`.

    Raises:
        Damaged: it cannot be read.
    """
    layout = layout_of(data[:4])
    if len(data) < HEADER_SIZE:
        raise Damaged("file header", 0, "is truncated")
    _, major, minor, _, _, snap_len, link_type = fields(layout.FileHeader)(data, 0)
    if major != _MAJOR_VERSION:
        raise Damaged("file header", 0, f"is of version {major}.{minor}, which cannot be read")
    # Where there is no sensible limit, libpcap takes its own.
    snap_len = min(snap_len or _MAXIMUM_PACKET, _MAXIMUM_PACKET)
    return Header(layout, link_type & _LINK_TYPE, snap_len)


def packets(of: Header, data: bytes, read: Read) -> Iterator[Batch]:
    """The packets of a file.

    Args:
        of: what `header_of` has found.
        data: the bytes that have been read, from the beginning of the file.
        read: gives the others.

    Raises:
        Damaged: by the iterator, after all packets that can be read.
    """
    layout, link_type, snap_len = of
    per_microsecond = layout.per_microsecond
    record = fields(layout.PacketRecord)
    size = layout.PacketRecord.sizeof()
    base, p = 0, HEADER_SIZE  # data begin at base in the file, the next packet at p in data
    while True:
        batch: list[Packet] = []
        append = batch.append
        end = len(data)
        needed = size
        while p + size <= end:
            seconds, fraction, captured, *_ = record(data, p)
            following = p + size + captured
            if following > end:
                needed += captured
                break
            if captured > snap_len:
                if captured > _MAXIMUM_PACKET:
                    needed += captured
                    break
                captured = snap_len
            start = p + size
            append(
                (
                    seconds + fraction // per_microsecond / 1_000_000,
                    data[start : start + captured],
                )
            )
            p = following
        if batch:
            yield link_type, batch
        if needed > size + _MAXIMUM_PACKET:
            raise Damaged("packet", base + p, f"is damaged: no packet has {needed - size} bytes")
        rest = data[p:]
        base, p = base + p, 0
        try:
            data = filled(read, rest, needed)
        except SourceError as error:
            raise Damaged("packet", base, f"cannot be read: {error}") from None
        if len(data) == len(rest):
            if rest:
                missing = f"{len(rest)} of its {needed} bytes are there"
                raise Damaged("packet", base, f"is truncated: {missing}")
            return
