"""Every way that construct 2.10 has to declare something, and ours: as values of `SHAPES`, by a name for each.

Each stands in a structure with fields around it, so that what it takes too much or too little shows. `Wanted` is the
structure that somebody wants to hear of, wherever a construct can hold a structure.
"""

from __future__ import annotations

from typing import Any

import construct as c
from construct import Construct, Struct, this

from tlsgrammar.language import (
    block,
    enumeration,
    if_present,
    message,
    opaque,
    optional_length,
    remaining,
    repeated,
    structure,
    uint8,
    uint16,
    uint24,
    uint48,
    uint64,
    varint,
    vector,
)
from tlsgrammar.names import ALERT_LEVELS, QUIC_FRAME_TYPES, QUIC_TRANSPORT_PARAMETERS

__all__ = ["FIELDS", "SHAPES", "Wanted"]

Wanted = structure("Wanted", "these tests", "x" / uint8)


class Doubled(c.Adapter):  # type: ignore[misc]
    """An adapter of a user's own."""

    def _decode(self, obj: int, context: Any, path: str) -> int:
        return obj * 2

    def _encode(self, obj: int, context: Any, path: str) -> int:
        return obj // 2


class Swapped(c.Adapter):  # type: ignore[misc]
    """An adapter that makes something else of a structure."""

    def _decode(self, obj: Any, context: Any, path: str) -> tuple[int]:
        return (obj.x,)

    def _encode(self, obj: Any, context: Any, path: str) -> dict[str, int]:
        return {"x": obj[0]}


class Odd(c.Validator):  # type: ignore[misc]
    """A validator of a user's own."""

    def _validate(self, obj: int, context: Any, path: str) -> bool:
        return obj % 2 == 1


class Marked(c.Subconstruct):  # type: ignore[misc]
    """A Subconstruct that parses as its part does."""


class Threes(Construct):  # type: ignore[misc]
    """A construct of which nothing is known."""

    def _parse(self, stream: Any, context: Any, path: str) -> bytes:
        data: bytes = stream.read(3)
        return data

    def _build(self, obj: bytes, stream: Any, context: Any, path: str) -> bytes:
        stream.write(obj)
        return obj


class OwnStruct(c.Struct):  # type: ignore[misc]
    """A Struct that parses in a way of its own."""

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        stream.read(1)
        return super()._parse(stream, context, path)

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        stream.write(b"!")
        return super()._build(obj, stream, context, path)


def _node() -> Construct:
    return Node


Node = Struct("x" / uint8, "more" / vector(c.LazyBound(_node), 0, 255))

_SUM = (lambda data: bytes([sum(data) % 256]), lambda context: context.data)

FIELDS: dict[str, Construct] = {
    # integers
    "uint8": uint8,
    "uint16": uint16,
    "uint24": uint24,
    "uint48": uint48,
    "uint64": uint64,
    "Int8sb": c.Int8sb,
    "Int16sb": c.Int16sb,
    "Int32sb": c.Int32sb,
    "Int64sb": c.Int64sb,
    "Int16ul": c.Int16ul,
    "Int32ul": c.Int32ul,
    "Int64ul": c.Int64ul,
    "Int16sl": c.Int16sl,
    "Int32sl": c.Int32sl,
    "Int16un": c.Int16un,
    "Int24ul": c.Int24ul,
    "Int24sb": c.Int24sb,
    "Int24sl": c.Int24sl,
    "BytesInteger(5)": c.BytesInteger(5),
    "BytesInteger(2, signed)": c.BytesInteger(2, signed=True),
    "BytesInteger of a length": c.BytesInteger(this.n + 1),
    "FormatField ?": c.FormatField(">", "?"),
    "Float16b": c.Float16b,
    "Float32b": c.Float32b,
    "Float64b": c.Float64b,
    "Float32l": c.Float32l,
    "VarInt": c.VarInt,
    "ZigZag": c.ZigZag,
    "varint": varint,
    "varint with names": enumeration(varint, QUIC_TRANSPORT_PARAMETERS),
    "code points with names only": enumeration(uint8, ALERT_LEVELS, closed=True),
    "varint with names only": enumeration(varint, QUIC_FRAME_TYPES, closed=True),
    "all but the last": Struct("a" / remaining(but=2), "b" / uint16),
    "Flag": c.Flag,
    "enumeration": enumeration(uint8, ALERT_LEVELS),
    "Enum": c.Enum(uint8, one=1, two=2),
    "FlagsEnum": c.FlagsEnum(uint8, one=1, two=2, eight=8),
    "Mapping": c.Mapping(uint8, {"a": 1, "b": 2}),
    # bytes and text
    "Bytes(3)": c.Bytes(3),
    "Bytes(this.n)": c.Bytes(this.n),
    "Bytes of an expression": c.Bytes(this.n * 2 - this.n),
    "Bytes(lambda)": c.Bytes(lambda context: context.n),
    "Bytes of a field further out": Struct("y" / c.Bytes(this._.n)),
    "Bytes of the root's field": Struct("y" / Struct("z" / c.Bytes(this._root.n))),
    "GreedyBytes": c.GreedyBytes,
    "opaque": opaque(0, 9),
    "opaque, bounded": opaque(2, 5),
    "remaining": remaining(),
    "remaining(this.n)": remaining(this.n),
    "PaddedString": c.PaddedString(6, "utf8"),
    "PascalString": c.PascalString(uint8, "utf8"),
    "CString": c.CString("ascii"),
    "GreedyString": c.Prefixed(uint8, c.GreedyString("utf16")),
    # without bytes
    "Pass": c.Pass,
    "Tell": c.Tell,
    "Index": c.Index,
    "Computed": c.Computed(7),
    "Computed of a field": c.Computed(this.n + 1),
    "Computed of fields": c.Computed(lambda context: context.n * 2),
    "Check": c.Check(this.n < 250),
    "Terminated": c.Optional(c.Terminated),
    "Probe": c.If(False, c.Probe()),
    "Seek": c.Seek(1, 1),
    "Error": c.If(this.n == 255, c.Error),
    "Error itself": c.Select(c.Error, uint8),
    # other names, defaults, constants
    "documented": uint8 * "some words",
    "hooked": uint8 * (lambda obj, context: None),
    "named twice": "inner" / ("innermost" / uint8),
    "Default": c.Default(uint8, 5),
    "Rebuild": c.Rebuild(uint8, 5),
    "Rebuild of a length": Struct(
        "size" / c.Rebuild(uint8, c.len_(this.data)), "data" / c.Bytes(this.size)
    ),
    "Const": c.Const(b"\x01"),
    "Const of a number": c.Const(7, uint16),
    # structures
    "Struct": Wanted,
    "Struct of unnamed fields": Struct(c.Const(b"\x00"), "y" / uint8, c.Padding(1)),
    "Struct of a name twice": Struct("x" / uint8, "x" / uint16),
    "message": message("Message", "these tests", "wanted" / Wanted),
    "Sequence": c.Sequence(uint8, Wanted),
    "Sequence that sees itself": c.Sequence("a" / uint8, c.Bytes(this.a)),
    "FocusedSeq": c.FocusedSeq("y", c.Const(b"\x05"), "y" / Wanted),
    "FocusedSeq that sees itself": c.FocusedSeq(
        "y", "size" / c.Rebuild(uint8, c.len_(this.y)), "y" / c.Bytes(this.size)
    ),
    "FocusedSeq by a function": c.FocusedSeq(lambda context: "y", "y" / uint8),
    "BitStruct with a constant": c.BitStruct(
        "a" / c.Const(1, c.BitsInteger(2)), "b" / c.BitsInteger(12), "c" / c.Flag, "d" / c.Bit
    ),
    "BitStruct": c.BitStruct("a" / c.Nibble, "b" / c.Flag, "c" / c.BitsInteger(3)),
    "BitStruct of bytes": c.BitStruct("a" / c.Nibble, "b" / c.Bytewise(c.Bytes(1)), "c" / c.Nibble),
    "Bitwise": c.Bitwise(c.Array(8, c.Bit)),
    "Bitwise, greedy": c.Bitwise(c.GreedyRange(c.Nibble)),
    "AlignedStruct": c.AlignedStruct(2, "a" / uint8, "b" / uint16),
    "Union": c.Union(0, "a" / uint16, "b" / c.Bytes(2)),
    "Union of a structure": c.Union("a", "a" / Wanted, "b" / c.Bytes(1)),
    "RawCopy": c.RawCopy(Wanted),
    "StopIf": Struct("a" / uint8, c.StopIf(this.a == 1), "b" / uint8),
    "StopIf in a choice": Struct("a" / uint8, c.If(this.a > 1, c.StopIf(this.a == 3)), "b" / uint8),
    "StopIf in a list": c.GreedyRange(Struct("a" / uint8, "s" / c.StopIf(this.a == 1))),
    "StopIf of a list": c.FixedSized(
        4, c.GreedyRange(c.FocusedSeq("a", "a" / uint8, c.StopIf(this.a == 0)))
    ),
    "OwnStruct": OwnStruct("x" / uint8),
    "Struct from keywords": Struct(y=uint8, z=uint16),
    # lists
    "Array": c.Array(2, Wanted),
    "Array of integers": c.Array(3, uint16),
    "Array(this.n)": c.Array(this.n, uint8),
    "Array, discarded": c.Array(2, uint8, discard=True),
    "Array of nothing": c.Array(this.n, c.Pass),
    "Array that sees its index": c.Array(3, c.Computed(this._index)),
    "PrefixedArray": c.PrefixedArray(uint8, Wanted),
    "PrefixedArray of integers": c.PrefixedArray(uint8, uint16),
    "GreedyRange": c.GreedyRange(Wanted),
    "GreedyRange of pairs": c.GreedyRange(uint16),
    "RepeatUntil": c.RepeatUntil(lambda x, items, context: x == 0, uint8),
    "RepeatUntil of structures": c.RepeatUntil(lambda x, items, context: len(items) == 2, Wanted),
    "vector": vector(Wanted, 0, 255),
    "vector of integers": vector(uint16, 0, 255),
    "vector of floats": vector(c.Float32b, 0, 255),
    "vector that sees its index": vector(
        Struct("i" / c.Computed(this._index), "x" / uint8), 0, 255
    ),
    "vector of choices": vector(c.If(this.n < 100, uint16), 0, 255),
    "vector of what may be empty": vector(c.Bytes(this.n), 0, 255),
    "repeated": repeated(Wanted),
    "repeated in a block": block(uint8, repeated(Wanted)),
    "GreedyRange in a vector": vector(
        Struct("l" / c.Prefixed(uint8, c.GreedyRange(uint16))), 0, 255
    ),
    # so many bytes
    "block": block(uint8, Wanted),
    "block(this.n)": block(this.n, remaining()),
    "block of a varint": block(varint, remaining()),
    "Prefixed": c.Prefixed(uint8, Wanted),
    "Prefixed, greedy": c.Prefixed(uint16, c.GreedyBytes),
    "Prefixed, with its length": c.Prefixed(uint8, c.GreedyBytes, includelength=True),
    "Prefixed of Tell": c.Prefixed(uint8, Struct("a" / c.Tell, "b" / c.GreedyBytes, "c" / c.Tell)),
    "Prefixed of a VarInt": c.Prefixed(c.VarInt, Wanted),
    "FixedSized": c.FixedSized(4, Wanted),
    "FixedSized(this.n)": c.FixedSized(this.n, c.GreedyBytes),
    "Padded": c.Padded(3, Wanted),
    "Padding": c.Padding(2),
    "Aligned": c.Aligned(4, Wanted),
    "NullTerminated": c.NullTerminated(c.GreedyBytes),
    "NullTerminated structure": c.NullTerminated(Struct("x" / uint8), term=b"\xff"),
    "NullStripped": c.FixedSized(5, c.NullStripped(c.GreedyBytes)),
    "OffsettedEnd": c.OffsettedEnd(-1, c.GreedyBytes),
    # one of several
    "Optional": c.Optional(Wanted),
    "Optional of a number": c.Optional(uint16),
    "if_present": if_present(Wanted),
    "optional_length": block(
        uint8, Struct("l" / optional_length("d", lambda context: False), "d" / remaining())
    ),
    "If": c.If(this.n < 100, Wanted),
    "If of a field further out": Struct("y" / c.If(this._.n == 1, Wanted)),
    "IfThenElse": c.IfThenElse(lambda context: context.n > 100, uint8, Wanted),
    "Switch": c.Switch(this.n, {1: Wanted, 2: uint16}, default=uint8),
    "Switch of a function": c.Switch(lambda context: context["n"] % 2, {0: Wanted}, default=uint24),
    "Switch of a field further out": Struct("y" / c.Switch(this._.n, {1: Wanted}, default=c.Pass)),
    "Switch of names": c.Switch(lambda context: str(context.n), {"1": Wanted}, default=uint8),
    "Select": c.Select(Struct("k" / c.Const(b"\x01"), "y" / uint16), Wanted),
    "Select of numbers": c.Select(uint32 := c.Int32ub, uint8),
    # elsewhere in the bytes
    "Peek": Struct("p" / c.Peek(Wanted), "x" / uint8),
    "Peek too far": Struct("p" / c.Peek(uint64), "x" / uint8),
    "Pointer": c.Pointer(0, Wanted),
    "RestreamData": c.RestreamData(b"\x07", Wanted),
    "Transformed": c.Transformed(Wanted, bytes, 1, bytes, 1),
    "ByteSwapped": c.ByteSwapped(c.Bytes(3)),
    "BitsSwapped": c.BitsSwapped(uint8),
    "ProcessXor": c.FixedSized(2, c.ProcessXor(0x55, c.GreedyBytes)),
    "ProcessRotateLeft": c.FixedSized(2, c.ProcessRotateLeft(4, 1, c.GreedyBytes)),
    "Compressed": c.Prefixed(uint8, c.Compressed(c.GreedyBytes, "zlib")),
    "Compressed structure": c.Prefixed(uint8, c.Compressed(Wanted, "zlib")),
    # adapters and validators
    "an adapter": Doubled(uint8),
    "an adapter of a structure": Swapped(Wanted),
    "a validator": Odd(uint8),
    "OneOf": c.OneOf(uint8, [1, 2, 3]),
    "NoneOf": c.NoneOf(uint8, [1, 2, 3]),
    "ExprAdapter": c.ExprAdapter(uint8, lambda obj, context: obj ^ 1, lambda obj, context: obj ^ 1),
    "ExprSymmetricAdapter": c.ExprSymmetricAdapter(uint8, lambda obj, context: obj ^ 3),
    "ExprValidator": c.ExprValidator(uint8, lambda obj, context: obj < 200),
    "Filter": c.Filter(lambda x, context: x != 0, c.Array(2, c.OneOf(uint8, range(1, 256)))),
    "Slicing": c.Slicing(c.Array(4, uint8), 4, 1, 3, empty=0),
    "Indexing": c.Indexing(c.Array(4, uint8), 4, 2, empty=0),
    "Hex": c.Hex(c.Bytes(2)),
    "Hex of a structure": c.Hex(Wanted),
    "HexDump": c.HexDump(c.Bytes(2)),
    "NamedTuple": c.NamedTuple("pair", "a b", c.Sequence(uint8, uint8)),
    "NamedTuple of a structure": c.NamedTuple("wanted", "x", Struct("x" / uint8)),
    "Checksum": Struct("data" / c.Bytes(2), "sum" / c.Checksum(c.Bytes(1), *_SUM)),
    # later, and of a user's own
    "LazyBound": c.LazyBound(lambda: Wanted),
    "LazyBound of itself": Node,
    "Lazy": c.Lazy(Wanted),
    "LazyStruct": c.LazyStruct("x" / uint8, "y" / Wanted),
    "LazyArray": c.LazyArray(2, Wanted),
    "Compiled": Struct("y" / uint8).compile(),
    "Rebuffered": c.Rebuffered(Wanted),
    "Pickled": c.Pickled,
    "Marked": Marked(Wanted),
    "Threes": Threes(),
}


def _around(name: str, field: Construct) -> Construct:
    return Struct("n" / uint8, "field" / field, "rest" / c.GreedyBytes)


SHAPES: dict[str, Construct] = {name: _around(name, field) for name, field in FIELDS.items()}
