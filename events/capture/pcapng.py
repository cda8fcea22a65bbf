"""pcapng: its blocks, and a reader of their packets (draft-ietf-opsawg-pcapng).

What may live here: the layouts of the blocks, under the names of the draft, and what a section and its interfaces say
about the packets. Where the bytes come from is for `sources` to know.

The goal of the reader: what libpcap costs for each packet, and nothing lost of what libpcap does not read. The plan: a
loop that knows Enhanced Packet Blocks alone, by the fixed fields that they begin with; any other block ends it, is read
by its schema, and the loop begins again. Each block ends with its length once more. The loop reads that together with
the head of the block behind it; so the data keep the last four bytes of what has been read.

The traps. Every length may lie. A packet is not given out before both lengths of its block agree, and it may not wait
for the block behind it: the capture may be live. A new section has its own byte order, and forgets the interfaces.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple

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
    Pass,
    Rebuild,
    Struct,
    Switch,
    Tell,
    len_,
    this,
)

from tlsgrammar.language import GrammarError, block, parse, remaining, repeated
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
"""No block is longer, in bytes; libpcap and Wireshark draw the same line."""

MAXIMUM_SECRETS = 2**24
"""So many bytes of Decryption Secrets Blocks are kept."""

_SMALLEST_BLOCK = 12
_SMALLEST_SIMPLE_PACKET = 16
_SMALLEST_PACKET = 32  # the obsolete one, and the enhanced one
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
    """The schemas of the blocks in one byte order.

    Attributes:
        Block: any block, with its body by its type; bytes where that is not known.
        BlockHead, EnhancedPacketHead, SimplePacketHead, PacketHead: the fixed fields that blocks begin with, behind the
            length that ends the block before.
    """

    def __init__(self, uint16: Construct, uint32: Construct, int64: Construct) -> None:
        self.uint32 = uint32
        options = _options(uint16, {})
        interface_options = _options(
            uint16,
            {
                OptionCode.END_OF_OPTIONS: Pass,
                OptionCode.IF_TSRESOL: Int8ub,
                OptionCode.IF_TSOFFSET: int64,
            },
        )
        captured = "captured_packet_length" / Rebuild(uint32, len_(this.packet_data))
        original = "original_packet_length" / uint32
        timestamp = ("timestamp_upper" / uint32, "timestamp_lower" / uint32)
        data = "packet_data" / Aligned(4, Bytes(this.captured_packet_length))
        enhanced = ("interface_id" / uint32, *timestamp, captured, original)
        obsolete = (
            "interface_id" / uint16,
            "drops_count" / uint16,
            *timestamp,
            captured,
            original,
        )
        self.SectionHeaderBlock = Struct(
            "byte_order_magic" / uint32,
            Check(this.byte_order_magic == BYTE_ORDER_MAGIC),
            "major_version" / uint16,
            "minor_version" / uint16,
            "section_length" / int64,
            options,
        )
        self.InterfaceDescriptionBlock = Struct(
            "link_type" / uint16,
            "reserved" / uint16,
            "snap_len" / uint32,
            interface_options,
        )
        self.EnhancedPacketBlock = Struct(*enhanced, data, options)
        self.PacketBlock = Struct(*obsolete, data, options)
        self.SimplePacketBlock = Struct(original, "packet_data" / remaining())
        self.DecryptionSecretsBlock = Struct(
            "secrets_type" / uint32,
            "secrets_length" / Rebuild(uint32, len_(this.secrets_data)),
            "secrets_data" / Aligned(4, Bytes(this.secrets_length)),
            options,
        )
        bodies = {
            BlockType.SECTION_HEADER: self.SectionHeaderBlock,
            BlockType.INTERFACE_DESCRIPTION: self.InterfaceDescriptionBlock,
            BlockType.ENHANCED_PACKET: self.EnhancedPacketBlock,
            BlockType.PACKET: self.PacketBlock,
            BlockType.SIMPLE_PACKET: self.SimplePacketBlock,
            BlockType.DECRYPTION_SECRETS: self.DecryptionSecretsBlock,
        }
        total = ExprAdapter(
            uint32, lambda total, _: total - _SMALLEST_BLOCK, lambda body, _: body + _SMALLEST_BLOCK
        )
        self.Block = Struct(
            "_start" / Tell,
            "block_type" / uint32,
            "block_body" / block(total, Switch(this.block_type, bodies, default=remaining())),
            "_end" / Tell,
            "block_total_length" / Rebuild(uint32, this._end - this._start + 4),
            Check(this.block_total_length == this._end - this._start + 4),
        )
        head = (
            "block_total_length_before" / uint32,
            "block_type" / uint32,
            "block_total_length" / uint32,
        )
        self.BlockHead = Struct(*head)
        self.EnhancedPacketHead = Struct(*head, *enhanced)
        self.PacketHead = Struct(*head, *obsolete)
        self.SimplePacketHead = Struct(*head, original)


def _options(uint16: Construct, values: dict[int, Construct]) -> Construct:
    """The options of a block (section 3.5); of those that are not among `values`, bytes."""
    value = Switch(this.option_code, values, default=remaining())
    option = Struct("option_code" / uint16, "option_value" / block(uint16, value))
    return "options" / repeated(Aligned(4, option))


BIG_ENDIAN = Blocks(Int16ub, Int32ub, Int64sb)
LITTLE_ENDIAN = Blocks(Int16ul, Int32ul, Int64sl)


_PACKETS = {BlockType.PACKET, BlockType.SIMPLE_PACKET, BlockType.ENHANCED_PACKET}
_DESCRIPTIONS = _NAMES.keys() - _PACKETS

_Fields = Callable[[bytes | bytearray, int], tuple[int, ...]]


class _Order(NamedTuple):
    """Reading blocks in one byte order.

    Attributes:
        blocks: their schemas.
        length, head, enhanced, packet, simple: the fields of the heads, straight from a buffer; and of a length alone.
    """

    blocks: Blocks
    length: _Fields
    head: _Fields
    enhanced: _Fields
    packet: _Fields
    simple: _Fields


@cache
def _order(blocks: Blocks) -> _Order:
    return _Order(
        blocks,
        fields(Struct("block_total_length" / blocks.uint32)),
        fields(blocks.BlockHead),
        fields(blocks.EnhancedPacketHead),
        fields(blocks.PacketHead),
        fields(blocks.SimplePacketHead),
    )


_ORDERS = {
    BIG_ENDIAN.uint32.build(BYTE_ORDER_MAGIC): BIG_ENDIAN,
    LITTLE_ENDIAN.uint32.build(BYTE_ORDER_MAGIC): LITTLE_ENDIAN,
}

# How far behind the beginning of a block its data begin. A head begins four bytes before the block.
_ENHANCED_DATA = BIG_ENDIAN.EnhancedPacketHead.sizeof() - 4
_PACKET_DATA = BIG_ENDIAN.PacketHead.sizeof() - 4
_SIMPLE_DATA = BIG_ENDIAN.SimplePacketHead.sizeof() - 4


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
        self._order = _order(BIG_ENDIAN)  # until a section says what it is
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
                            found = self._packet(kind, data, p, following, base + p)
                            if found.link_type != link_type:
                                if batch:
                                    ts = batch[-1][0]
                                    yield link_type, batch
                                    batch = []
                                    append = batch.append
                                link_type = found.link_type
                            before_it = batch[-1][0] if batch else ts
                            append((before_it if found.ts is None else found.ts, found.frame))
                        elif kind in _DESCRIPTIONS:
                            self._describe(order, kind, data[p:following], base + p)
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
            blocks = _ORDERS.get(data[p + 8 : p + 12])
            if blocks is None:
                raise Damaged(_NAMES[kind], at, "is damaged: it has no byte-order magic")
            order = _order(blocks)
            total = order.head(data, p - 4)[2]
        if total & 3 or total < _SMALLEST_BLOCK:
            raise _damaged(kind, at, f"{total} is no length of a block")
        if total > MAXIMUM_BLOCK:
            raise _damaged(kind, at, f"no block has {total} bytes")
        return order, kind, total

    def _packet(self, kind: int, data: bytes, p: int, following: int, at: int) -> _Found:
        """The packet in a block.

        Args:
            kind: the type of the block.
            data: what has been read.
            p, following: where the block begins in it, and the next one.
            at: where it begins in the file.
        """
        if kind == BlockType.SIMPLE_PACKET:
            start, index = p + _SIMPLE_DATA, 0
            if start + 4 > following:
                raise _damaged(kind, at, "it is too short")
            high = low = 0
            captured = self._order.simple(data, p - 4)[3]
        else:
            start = p + _PACKET_DATA
            if start + 4 > following:
                raise _damaged(kind, at, "it is too short")
            if kind == BlockType.PACKET:
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
        if start + captured + 4 > following:
            raise _damaged(kind, at, f"a packet of {captured} bytes does not fit into it")
        return _Found(link_type, ts, data[start : start + captured])

    def _describe(self, order: _Order, kind: int, data: bytes, at: int) -> None:
        """Take note of a block that is about packets to come.

        Args:
            order: its byte order.
            kind: its type.
            data: the block.
            at: where it begins in the file.
        """
        try:
            body = parse(order.blocks.Block, data).block_body
        except GrammarError as error:
            raise _damaged(kind, at, str(error)) from None
        if kind == BlockType.SECTION_HEADER:
            version = body.major_version, body.minor_version
            if version not in _VERSIONS:
                raise Damaged(
                    _NAMES[kind], at, "is of version {}.{}, which cannot be read".format(*version)
                )
            self._order, self._interfaces = order, []
        elif kind == BlockType.INTERFACE_DESCRIPTION:
            if len(self._interfaces) == _MAXIMUM_INTERFACES:
                raise _damaged(kind, at, "there are too many interfaces")
            self._interfaces.append(_interface(body))
            self._capture.link_types.add(body.link_type)
        else:
            self._secrets_size += body.secrets_length
            if self._secrets_size > MAXIMUM_SECRETS:
                self._capture.secrets_left_out += 1
            else:
                self._capture.secrets.append((body.secrets_type, bytes(body.secrets_data)))


def _interface(body: Any) -> _Interface:
    per_second, offset = _MICROSECONDS, 0
    for option in body.options:
        if option.option_code == OptionCode.IF_TSRESOL:
            exponent = option.option_value & 0x7F
            per_second = 2**exponent if option.option_value & 0x80 else 10**exponent
        elif option.option_code == OptionCode.IF_TSOFFSET:
            offset = option.option_value
    return _Interface(body.link_type, body.snap_len, per_second, offset * per_second)


def _damaged(kind: int, at: int, why: str) -> Damaged:
    return Damaged(_NAMES.get(kind, "block"), at, f"is damaged: {why}")


def _lengths_differ(kind: int, at: int) -> Damaged:
    return _damaged(kind, at, "the lengths at its beginning and its end differ")
