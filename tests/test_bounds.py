"""What compiled code takes and what it gives up on, at the bounds of lengths, counts and values.

What it takes it reads as the schema does; what it gives up on is an error of the schema too.
"""

from __future__ import annotations

from typing import NamedTuple

import construct
import pytest
from construct import (
    Bytes,
    Check,
    Computed,
    Const,
    Construct,
    FixedSized,
    GreedyBytes,
    Struct,
    this,
)

import tlsgrammar
from tlsgrammar.extensions import DEFAULT, Extension
from tlsgrammar.language import api, block, opaque, repeated, uint8, uint16, uint24, varint, vector
from tlsgrammar.language.compiler import GIVES_UP, compiled

from .helpers.compiled import assert_compiled, assert_same


class Case(NamedTuple):
    """A schema; bytes, in hexadecimal, that it has, and such that it has not."""

    schema: Construct
    takes: list[str]
    gives_up: list[str]


N = "n" / uint8
CASES: dict[str, Case] = {
    "bytes by an expression": Case(
        Struct(N, "x" / Bytes(this.n - 4), "rest" / GreedyBytes),
        ["04", "0461", "0561", "056162"],
        ["03", "0361", "00616263", "05", "0661"],
    ),
    "a part by an expression": Case(
        Struct(N, "x" / FixedSized(this.n - 4, GreedyBytes), "rest" / GreedyBytes),
        ["04", "0461", "0561", "056162"],
        ["03", "0361", "00616263", "05", "0661"],
    ),
    "a count by an expression": Case(
        Struct(N, "x" / construct.Array(this.n - 4, uint16), "rest" / GreedyBytes),
        ["04", "0461", "056162", "05616263"],
        ["03", "036162", "0561", "06616263"],
    ),
    "opaque with bounds": Case(
        opaque(2, 4), ["026162", "0461626364"], ["0161", "056162636465", "0261", "03616263 64"]
    ),
    "opaque with no bound but its length's": Case(opaque(0, 255), ["00", "0161"], ["", "01"]),
    "a long one": Case(
        opaque(1, 0x102), ["000161", "0102" + "61" * 0x102], ["0000", "0103" + "61" * 0x103, "00"]
    ),
    "a list with bounds": Case(
        vector(uint16, 2, 4),
        ["026162", "0461626364"],
        ["00", "0161", "03616263", "06616263646566", "0261"],
    ),
    "a list of what has no fixed size": Case(
        vector(opaque(1, 2), 2, 6),
        ["020161", "06026162026364"],
        ["0102", "03016101", "020261", "0401610261"],
    ),
    "a list of nothing": Case(repeated(Struct()), [""], ["00"]),
    "a block": Case(
        block(uint8, Struct("a" / uint16)), ["026162"], ["0161", "03616263", "0261", "02616263"]
    ),
    "a number of three bytes": Case(uint24, ["010203"], ["0102", ""]),
    "fields of fixed size": Case(Struct("a" / uint8, "b" / uint24), ["01020304"], ["010203", ""]),
    "a constant": Case(Const(7, uint8), ["07"], ["06", ""]),
    "a check": Case(Struct(N, Check(this.n < 4)), ["03"], ["04"]),
    "a flag": Case(construct.Flag, ["00", "01", "02"], [""]),
    "bits": Case(construct.BitStruct("a" / construct.Nibble, "b" / construct.Nibble), ["12"], [""]),
    "a number of another size": Case(construct.BytesInteger(5), ["0102030405"], ["01020304"]),
    "a signed one": Case(construct.BytesInteger(3, signed=True), ["ff0203", "7f0203"], ["0102"]),
    "all of it": Case(Struct("x" / GreedyBytes), ["", "61"], []),
    "what is being done": Case(
        Struct(
            N,
            "inner"
            / Struct(
                "x" / Computed(lambda this: (this._parsing, this._building, this._sizing)),
                "y" / Computed(lambda this: (this._root.n, this._.n, this._index)),
            ),
        ),
        ["07"],
        [""],
    ),
    "a sum": Case(Struct(N, "s" / Computed(this.n + 1)), ["01"], [""]),
}


def runs(schema: Construct, data: bytes) -> bool:
    """Whether compiled code takes bytes, all of them."""
    try:
        _, end = compiled(schema)(data, 0, len(data), 0, api.parameters({}))
    except GIVES_UP:
        return False
    return bool(end == len(data))


@pytest.mark.parametrize("name", CASES)
def test_what_fits_is_taken_and_nothing_else(name: str) -> None:
    schema, takes, gives_up = CASES[name]
    for data in map(bytes.fromhex, takes):
        assert_compiled(schema, data)
        assert_same(schema, data)
        assert tlsgrammar.parse(schema, data) == schema.parse(data)
    for data in map(bytes.fromhex, gives_up):
        assert not runs(schema, data)
        assert_same(schema, data)
        with pytest.raises(tlsgrammar.GrammarError):
            tlsgrammar.parse(schema, data)


@pytest.mark.parametrize("name", CASES)
def test_what_stands_in_the_middle_of_a_buffer_is_read_alike(name: str) -> None:
    """As far as it goes, and not into what is behind it."""
    schema, takes, gives_up = CASES[name]
    parse = compiled(schema)
    for data in map(bytes.fromhex, takes):
        around = b"\x01\x02" + data + b"\x02\x01\x00"
        value, end = parse(around, 2, 2 + len(data), 2, api.parameters({}))
        assert (repr(value), end) == (repr(tlsgrammar.parse(schema, data)), 2 + len(data))
    for data in map(bytes.fromhex, gives_up):
        around = b"\x01\x02" + data + b"\x02\x01\x00"
        try:
            _, end = parse(around, 2, 2 + len(data), 2, api.parameters({}))
        except GIVES_UP:
            continue
        assert end != 2 + len(data)


VARINTS = {
    "25": 37,
    "3f": 63,
    "7bbd": 15293,
    "9d7f3e7d": 494878333,
    "c2197c5eff14e88c": 151288809941952652,
}


@pytest.mark.parametrize("data", VARINTS)
def test_integers_of_quic(data: str) -> None:
    """RFC 9000 appendix A.1; and each cut by a byte."""
    whole = bytes.fromhex(data)
    assert tlsgrammar.parse(varint, whole) == VARINTS[data]
    assert_compiled(varint, whole)
    assert not runs(varint, whole[:-1])
    assert not runs(varint, whole + b"\0")


def test_an_entry_without_a_body_is_compiled() -> None:
    """A registry says that there is none; what stands there all the same is left over."""
    mine = DEFAULT.copy()
    mine.register(0xFE00, "nothing", construct.Pass)
    empty, not_empty = b"\xfe\x00\x00\x00", b"\xfe\x00\x00\x01x"
    schema = Extension("client_hello")
    assert_compiled(schema, empty, extensions=mine)
    assert tlsgrammar.parse(schema, empty, extensions=mine).body is None
    for data in (empty, not_empty):
        assert_same(schema, data, extensions=mine)
