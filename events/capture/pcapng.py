"""pcapng: its blocks, and a reader of their packets (draft-ietf-opsawg-pcapng).

What may live here: the layouts of the blocks, under the names of the draft, and what a section and its interfaces say
about the packets. Where the bytes come from is for `sources` to know.

The goal of the reader: what libpcap costs for each packet, and nothing lost of what libpcap does not read. The plan: a
loop that knows Enhanced Packet Blocks alone; any other block ends it, and the loop begins again behind that. Of each block
only the fixed fields are read that it begins with, which the compiler takes from its schema; so what stands in comments and
the like costs nothing. Each block ends with its length once more. The loop reads that together with
the head of the block behind it; so the data keep the last four bytes of what has been read.

The traps. Every length may lie. A packet is not given out before both lengths of its block agree, and it may not wait
for the block behind it: the capture may be live. A new section has its own byte order, and forgets the interfaces.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from construct import (
    Aligned,
    Bytes,
    Check,
    Construct,
    ExprAdapter,
    Int8ub,
    Int16ub,
    Int16ul,
    Int32ub,
    Int32ul,
    Int64sb,
    Int64sl,
    Rebuild,
    Struct,
    Switch,
    Tell,
    len_,
    this,
)

from tlsgrammar.language import block, remaining, repeated
from tlsgrammar.language.compiler import fields

from .packets import Batch, Capture, Damaged, Packet
from .sources import Read, SourceError, filled

__all__ = [
    "BIG_ENDIAN",
    "BYTE_ORDER_MAGIC",
    "LITTLE_ENDIAN",
    "MAXIMUM_BLOCK",
    "MAXIMUM_SECRETS",
    "BlockType",
    "Blocks",
    "OptionCode",
    "PcapngReader",
]


class BlockType:
    """The block types that are read (section 11.1 of the draft); others are skipped."""

    SECTION_HEADER = 0x0A0D0D0A
    INTERFACE_DESCRIPTION = 1
    PACKET = 2  # obsolete
    SIMPLE_PACKET = 3
    ENHANCED_PACKET = 6
    DECRYPTION_SECRETS = 10


class OptionCode:
    """The options of an Interface Description Block that matter here (section 4.2)."""

    END_OF_OPTIONS = 0
    IF_TSRESOL = 9
    IF_TSOFFSET = 14


BYTE_ORDER_MAGIC = 0x1A2B3C4D

MAXIMUM_BLOCK = 2**24
"""No block is longer, in bytes; libpcap draws the same line for all link types that can be read here."""

MAXIMUM_SECRETS = 2**24
"""So many bytes of Decryption Secrets Blocks are kept, with what keeping them takes."""

_SMALLEST_BLOCK = 12
_SMALLEST_PACKET = 32  # the obsolete one, and the enhanced one
_OF_EACH_SECRET = 128  # what keeping one takes besides its bytes
_MAXIMUM_INTERFACES = 2**16
_VERSIONS = {(1, 0), (1, 2)}  # section 4.1: the same
_MICROSECONDS = 10**6

_NAMES = {
    BlockType.SECTION_HEADER: "Section Header Block",
    BlockType.INTERFACE_DESCRIPTION: "Interface Description Block",
    BlockType.PACKET: "Packet Block",
    BlockType.SIMPLE_PACKET: "Simple Packet Block",
    BlockType.ENHANCED_PACKET: "Enhanced Packet Block",
    BlockType.DECRYPTION_SECRETS: "Decryption Secrets Block",
}


class Blocks:
    """The schemas of the blocks in one byte order, to build and to parse; and what the reader needs of them.

    Attributes:
        Block: any block, with its body by its type; bytes where that is not known.
        ...Head: the fixed fields that blocks begin with, behind the length that ends the block before.
        OptionHead: those of an option.
        if_tsoffset: the value of that option.
    """

    def __init__(self, uint16: Construct, uint32: Construct, int64: Construct) -> None:
        option_head = (
            "option_code" / uint16,
            "option_length" / Rebuild(uint16, len_(this.option_value)),
        )
        option = Struct(*option_head, "option_value" / Bytes(this.option_length))
        options = "options" / repeated(Aligned(4, option))
        timestamp = ("timestamp_upper" / uint32, "timestamp_lower" / uint32)
        captured = "captured_packet_length" / Rebuild(uint32, len_(this.packet_data))
        original = "original_packet_length" / uint32
        packet_data = "packet_data" / Aligned(4, Bytes(this.captured_packet_length))
        section_header = (
            "byte_order_magic" / uint32,
            "major_version" / uint16,
            "minor_version" / uint16,
        )
        interface_description = (
            "link_type" / uint16,
            "reserved" / uint16,
            "snap_len" / uint32,
        )
        enhanced_packet = ("interface_id" / uint32, *timestamp, captured, original)
        packet = (
            "interface_id" / uint16,
            "drops_count" / uint16,
            *timestamp,
            captured,
            original,
        )
        decryption_secrets = (
            "secrets_type" / uint32,
            "secrets_length" / Rebuild(uint32, len_(this.secrets_data)),
        )
        secrets_data = "secrets_data" / Aligned(4, Bytes(this.secrets_length))
        bodies = {
            BlockType.SECTION_HEADER: Struct(*section_header, "section_length" / int64, options),
            BlockType.INTERFACE_DESCRIPTION: Struct(*interface_description, options),
            BlockType.PACKET: Struct(*packet, packet_data, options),
            BlockType.SIMPLE_PACKET: Struct(original, "packet_data" / remaining()),
            BlockType.ENHANCED_PACKET: Struct(*enhanced_packet, packet_data, options),
            BlockType.DECRYPTION_SECRETS: Struct(*decryption_secrets, secrets_data, options),
        }
        # The length of a block counts its type, its two lengths, and what is between them.
        length = ExprAdapter(
            uint32, lambda total, _: total - _SMALLEST_BLOCK, lambda body, _: body + _SMALLEST_BLOCK
        )
        self.Block = Struct(
            "_start" / Tell,
            "block_type" / uint32,
            "block_body" / block(length, Switch(this.block_type, bodies, default=remaining())),
            "_end" / Tell,
            "block_total_length" / Rebuild(uint32, this._end - this._start + 4),
            Check(this.block_total_length == this._end - this._start + 4),
        )
        head = (
            "block_total_length_before" / uint32,
            "block_type" / uint32,
            "block_total_length" / uint32,
        )
        self.BlockLength = Struct("block_total_length" / uint32)
        self.BlockHead = Struct(*head)
        self.SectionHeaderHead = Struct(*head, *section_header)
        self.InterfaceDescriptionHead = Struct(*head, *interface_description)
        self.PacketHead = Struct(*head, *packet)
        self.SimplePacketHead = Struct(*head, original)
        self.EnhancedPacketHead = Struct(*head, *enhanced_packet)
        self.DecryptionSecretsHead = Struct(*head, *decryption_secrets)
        self.OptionHead = Struct(*option_head)
        self.if_tsoffset = int64


BIG_ENDIAN = Blocks(Int16ub, Int32ub, Int64sb)
LITTLE_ENDIAN = Blocks(Int16ul, Int32ul, Int64sl)


_PACKETS = {BlockType.PACKET, BlockType.SIMPLE_PACKET, BlockType.ENHANCED_PACKET}

# Where the data of blocks begin, whose heads begin four bytes before them; and the options of one.
_ENHANCED_DATA, _PACKET_DATA, _SIMPLE_DATA, _SECRETS_DATA, _INTERFACE_OPTIONS, _SECTION_LENGTH = (
    head.sizeof() - 4
    for head in (
        BIG_ENDIAN.EnhancedPacketHead,
        BIG_ENDIAN.PacketHead,
        BIG_ENDIAN.SimplePacketHead,
        BIG_ENDIAN.DecryptionSecretsHead,
        BIG_ENDIAN.InterfaceDescriptionHead,
        BIG_ENDIAN.SectionHeaderHead,
    )
)

_Fields = Callable[[bytes | bytearray, int], tuple[int, ...]]


class _Order(NamedTuple):
    """What reads blocks in one byte order straight from a buffer: the heads of `Blocks`, and values.

    Attributes:
        magic: the byte-order magic.
        others: see `Blocks`.
    """

    magic: bytes
    length: _Fields
    head: _Fields
    section: _Fields
    interface: _Fields
    packet: _Fields
    simple: _Fields
    enhanced: _Fields
    secrets: _Fields
    option: _Fields
    if_tsoffset: _Fields


def _order(blocks: Blocks, magic: Construct) -> _Order:
    return _Order(
        magic.build(BYTE_ORDER_MAGIC),
        fields(blocks.BlockLength),
        fields(blocks.BlockHead),
        fields(blocks.SectionHeaderHead),
        fields(blocks.InterfaceDescriptionHead),
        fields(blocks.PacketHead),
        fields(blocks.SimplePacketHead),
        fields(blocks.EnhancedPacketHead),
        fields(blocks.DecryptionSecretsHead),
        fields(blocks.OptionHead),
        fields(Struct("if_tsoffset" / blocks.if_tsoffset)),
    )


_BIG = _order(BIG_ENDIAN, Int32ub)
_LITTLE = _order(LITTLE_ENDIAN, Int32ul)


class _Interface(NamedTuple):
    """What an Interface Description Block says about the packets of the interface.

    Attributes:
        link_type: the LINKTYPE_ value of its frames.
        snap_len: no more of each frame was captured, in bytes; 0 where there is no limit.
        per_second: how many units of its timestamps make a second.
        offset: what is added to its timestamps, in these units.
    """

    link_type: int
    snap_len: int
    per_second: int
    offset: int


class _Found(NamedTuple):
    """A packet, outside of the loop for most of them.

    Attributes:
        link_type: the LINKTYPE_ value of the frame.
        ts: its time; None where it has none.
        frame: its bytes.
    """

    link_type: int
    ts: float | None
    frame: bytes


class PcapngReader:
    """The packets of a pcapng file.

    Args:
        capture: is told of link types and secrets.
        data: the bytes that have been read, from the beginning of the file.
        read: gives the others.
    """

    def __init__(self, capture: Capture, data: bytes, read: Read) -> None:
        self._capture = capture
        self._data = data
        self._read = read
        self._order = _BIG  # until a section says what it is
        self._interfaces: list[_Interface] = []
        self._secrets_size = 0

    def batches(self) -> Iterator[Batch]:
        """The packets, so many at a time.

        Raises:
            Damaged: after all packets that can be read.
        """
        # What has been read begins at base in the file; the next block at p in it, behind one of so many bytes.
        data, base, p, size = bytes(4) + self._data, -4, 4, 0
        ts = 0.0
        link_type = -1
        batch: list[Packet] = []
        append = batch.append
        enhanced_packet = BlockType.ENHANCED_PACKET
        while True:
            head, interfaces = self._order.enhanced, self._interfaces
            end = len(data)
            last = end - _ENHANCED_DATA
            current = upper = -1
            per_second = ticks = offset = 0
            while p <= last:
                before, kind, total, interface, high, low, captured, _ = head(data, p - 4)
                if kind != enhanced_packet or before != size:
                    break
                following = p + total
                if following > end or captured + _SMALLEST_PACKET > total or total & 3:
                    break
                if interface != current:
                    if interface >= len(interfaces):
                        break
                    of, _, per_second, offset = interfaces[interface]
                    if of != link_type:
                        if batch:
                            ts = batch[-1][0]
                            yield link_type, batch
                            batch = []
                            append = batch.append
                        link_type = of
                    current, upper = interface, -1
                if high != upper:
                    upper = high
                    ticks = (high << 32) + offset
                start = p + _ENHANCED_DATA
                append(((ticks + low) / per_second, data[start : start + captured]))
                p = following
                size = total
            needed = _SMALLEST_BLOCK
            try:
                if self._order.length(data, p - 4)[0] != size:
                    batch.pop()
                    raise _lengths_differ(enhanced_packet, base + p - size)
                if p + needed <= end:
                    order, kind, needed = self._head(data, p, base + p)
                    following = p + needed
                    if following <= end:
                        if order.length(data, following - 4)[0] != needed:
                            raise _lengths_differ(kind, base + p)
                        if kind in _PACKETS:
                            found = self._packet(kind, data, p, following - 4, base + p)
                            if found.link_type != link_type:
                                if batch:
                                    ts = batch[-1][0]
                                    yield link_type, batch
                                    batch = []
                                    append = batch.append
                                link_type = found.link_type
                            before_it = batch[-1][0] if batch else ts
                            append((before_it if found.ts is None else found.ts, found.frame))
                        elif kind == BlockType.SECTION_HEADER:
                            self._begin_section(order, data, p, following - 4, base + p)
                        elif kind == BlockType.INTERFACE_DESCRIPTION:
                            self._describe_interface(data, p, following - 4, base + p)
                        elif kind == BlockType.DECRYPTION_SECRETS:
                            self._keep_secrets(data, p, following - 4, base + p)
                        p, size = following, needed
                        continue
            except Damaged:
                if batch:
                    yield link_type, batch
                raise
            if batch:
                ts = batch[-1][0]
                yield link_type, batch
                batch = []
                append = batch.append
            rest = data[p - 4 :]
            base, p = base + p - 4, 4
            there = len(rest) - 4
            try:
                data = filled(self._read, rest, 4 + needed)
            except SourceError as error:
                raise Damaged("block", base + 4, f"cannot be read: {error}") from None
            if len(data) == len(rest):
                if there:
                    of_all = f" of its {needed}" if there >= _SMALLEST_BLOCK else ""
                    raise Damaged(
                        "block", base + 4, f"is truncated: {there}{of_all} bytes are there"
                    )
                return

    def _head(self, data: bytes, p: int, at: int) -> tuple[_Order, int, int]:
        """The byte order, type and length of a block of which twelve bytes are there, where they can be right.

        Args:
            data: what has been read.
            p: where the block begins in it.
            at: where it begins in the file.
        """
        order = self._order
        _, kind, total = order.head(data, p - 4)
        if kind == BlockType.SECTION_HEADER:
            found = [each for each in (_BIG, _LITTLE) if data.startswith(each.magic, p + 8)]
            if not found:
                raise _damaged(kind, at, "it has no byte-order magic")
            [order] = found
            _, _, total = order.head(data, p - 4)
        if total & 3 or total < _SMALLEST_BLOCK:
            raise _damaged(kind, at, f"{total} is no length of a block")
        if total > MAXIMUM_BLOCK:
            raise _damaged(kind, at, f"no block has {total} bytes")
        return order, kind, total

    def _packet(self, kind: int, data: bytes, p: int, end: int, at: int) -> _Found:
        """The packet in a block.

        Args:
            kind: the type of the block.
            data: what has been read.
            p, end: where the block begins in it, and where the length at its end does.
            at: where it begins in the file.
        """
        start = p + (_SIMPLE_DATA if kind == BlockType.SIMPLE_PACKET else _PACKET_DATA)
        _must_have_room(kind, start, end, at)
        index = high = low = 0
        if kind == BlockType.SIMPLE_PACKET:
            _, _, _, captured = self._order.simple(data, p - 4)
        elif kind == BlockType.PACKET:
            _, _, _, index, _, high, low, captured, _ = self._order.packet(data, p - 4)
        else:
            _, _, _, index, high, low, captured, _ = self._order.enhanced(data, p - 4)
        if index >= len(self._interfaces):
            raise _damaged(kind, at, f"no interface {index} has been described")
        link_type, snap_len, per_second, offset = self._interfaces[index]
        ts = None
        if kind == BlockType.SIMPLE_PACKET:
            captured = min(captured, snap_len or captured)
        else:
            ts = ((high << 32 | low) + offset) / per_second
        if start + captured > end:
            raise _damaged(kind, at, f"a packet of {captured} bytes does not fit into it")
        return _Found(link_type, ts, data[start : start + captured])

    def _begin_section(self, order: _Order, data: bytes, p: int, end: int, at: int) -> None:
        """Take note of a Section Header Block, in its own byte order; the other arguments are those of `_packet`."""
        kind = BlockType.SECTION_HEADER
        _must_have_room(kind, p + _SECTION_LENGTH + 8, end, at)
        *_, major, minor = order.section(data, p - 4)
        if (major, minor) not in _VERSIONS:
            raise Damaged(_NAMES[kind], at, f"is of version {major}.{minor}, which cannot be read")
        self._order, self._interfaces = order, []

    def _describe_interface(self, data: bytes, p: int, end: int, at: int) -> None:
        """Take note of an Interface Description Block; the arguments are those of `_packet`."""
        kind = BlockType.INTERFACE_DESCRIPTION
        _must_have_room(kind, p + _INTERFACE_OPTIONS, end, at)
        if len(self._interfaces) == _MAXIMUM_INTERFACES:
            raise _damaged(kind, at, "there are too many interfaces")
        *_, link_type, _, snap_len = self._order.interface(data, p - 4)
        per_second, seconds = _MICROSECONDS, 0
        p += _INTERFACE_OPTIONS
        while p < end:
            code, length = self._order.option(data, p)
            p += 4
            if p + length > end:
                raise _damaged(kind, at, f"an option of {length} bytes does not fit into it")
            if code == OptionCode.END_OF_OPTIONS:
                break
            if length != _SIZES.get(code, length):
                raise _damaged(kind, at, f"its option {code} has {length} bytes")
            if code == OptionCode.IF_TSRESOL:
                exponent = data[p] & 0x7F
                per_second = (2 if data[p] & 0x80 else 10) ** exponent
            elif code == OptionCode.IF_TSOFFSET:
                [seconds] = self._order.if_tsoffset(data, p)
            p += length + -length % 4
        self._interfaces.append(_Interface(link_type, snap_len, per_second, seconds * per_second))
        self._capture.link_types.add(link_type)

    def _keep_secrets(self, data: bytes, p: int, end: int, at: int) -> None:
        """Take note of a Decryption Secrets Block; the arguments are those of `_packet`."""
        kind = BlockType.DECRYPTION_SECRETS
        start = p + _SECRETS_DATA
        _must_have_room(kind, start, end, at)
        *_, secrets_type, length = self._order.secrets(data, p - 4)
        if start + length > end:
            raise _damaged(kind, at, f"secrets of {length} bytes do not fit into it")
        self._secrets_size += length + _OF_EACH_SECRET
        if self._secrets_size > MAXIMUM_SECRETS:
            self._capture.secrets_left_out += 1
        else:
            self._capture.secrets.append((secrets_type, data[start : start + length]))


# Of the options that are read.
_SIZES = {
    OptionCode.IF_TSRESOL: Int8ub.sizeof(),
    OptionCode.IF_TSOFFSET: BIG_ENDIAN.if_tsoffset.sizeof(),
}


def _must_have_room(kind: int, start: int, end: int, at: int) -> None:
    if start > end:
        raise _damaged(kind, at, "it is too short")


def _damaged(kind: int, at: int, why: str) -> Damaged:
    return Damaged(_NAMES.get(kind, "block"), at, f"is damaged: {why}")


def _lengths_differ(kind: int, at: int) -> Damaged:
    return _damaged(kind, at, "the lengths at its beginning and its end differ")
