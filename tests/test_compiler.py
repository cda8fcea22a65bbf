"""Compiled schemas against interpreted ones: the same values, and the same errors at the same places."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import construct
import pytest
from construct import (
    Adapter,
    Computed,
    Construct,
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
    this,
)
from hypothesis import given
from hypothesis import strategies as st

import tlsgrammar
from tlsgrammar.extensions import DEFAULT, Extension
from tlsgrammar.language import block, opaque, repeated, uint8, uint16, uint24, uint32, vector
from tlsgrammar.language.compiler import GIVES_UP, fields
from tlsgrammar.language.strategies import values
from tlsgrammar.registry import EXTENSION

from .helpers.compiled import assert_compiled, assert_same, changed
from .helpers.structures import ALGORITHMS, CAPTURES, SCHEMAS, messages

KEY_EXCHANGES = {
    f"{name} {algorithm}": (getattr(tlsgrammar, name), {"cipher_suite": code})
    for name in ("ServerKeyExchange", "ClientKeyExchange")
    for algorithm, code in ALGORITHMS.items()
}
BODIES = {
    f"{extension.name} in {message}": (Extension(message), {"code": extension.code})
    for extension in DEFAULT.extensions.values()
    for message in extension.schemas
}


@pytest.mark.parametrize("name", SCHEMAS)
@given(data=st.data())
def test_every_schema(name: str, data: st.DataObject) -> None:
    schema = SCHEMAS[name]
    context = {"version": data.draw(st.sampled_from([0x0300, 0x0301, 0x0303, 0x0304]))}
    built = tlsgrammar.build(schema, data.draw(values(schema, **context)), **context)
    assert_compiled(schema, built, **context)
    assert_same(schema, built, **context)
    assert_same(schema, changed(data.draw, built), **context)


@pytest.mark.parametrize("name", KEY_EXCHANGES)
@given(data=st.data())
def test_key_exchanges(name: str, data: st.DataObject) -> None:
    schema, context = KEY_EXCHANGES[name]
    built = tlsgrammar.build(schema, data.draw(values(schema, **context)), **context)
    assert_compiled(schema, built, **context)
    assert_same(schema, built, **context)
    assert_same(schema, changed(data.draw, built), **context)


@pytest.mark.parametrize("name", BODIES)
@given(data=st.data())
def test_extensions(name: str, data: st.DataObject) -> None:
    schema, options = BODIES[name]
    body = DEFAULT.schema(EXTENSION, options["code"], name.rpartition(" in ")[2])
    assert body is not None
    value = {"extension_type": options["code"], "body": data.draw(values(body))}
    built = tlsgrammar.build(schema, value)
    assert_compiled(schema, built)
    assert_same(schema, built)
    assert_same(schema, changed(data.draw, built))


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.stem)
def test_real_messages(capture: Path) -> None:
    for data, context in messages(capture):
        assert_compiled(tlsgrammar.Handshake, data, **context)
        assert_same(tlsgrammar.Handshake, data, **context)
        for end in range(0, len(data), 7):
            assert_same(tlsgrammar.Handshake, data[:end], **context)


class Doubled(Adapter):  # type: ignore[misc]
    """An adapter of a user's own."""

    def _decode(self, obj: int, context: Any, path: str) -> int:
        return obj * 2

    def _encode(self, obj: int, context: Any, path: str) -> int:
        return obj // 2


Inner = Struct(
    "count" / uint8,
    "items" / construct.Array(this.count, uint16),
    "where" / Tell,
    "outer" / Computed(lambda this: this._.kind + 1),
)

OF_A_USERS_OWN: dict[str, Construct] = {
    "adapter": Struct("a" / Doubled(uint8), "b" / uint8),
    "array": Struct("kind" / uint8, "inner" / Inner),
    "switch on a parent": Struct(
        "kind" / uint8,
        "list"
        / vector(Struct("x" / Switch(this._.kind, {1: uint8, 2: uint16}, default=uint24)), 0, 99),
    ),
    "tell in a switch": Struct(
        "k" / uint8, "x" / Switch(this.k, {1: Struct("a" / uint8, "t" / Tell)}, default=Tell)
    ),
    "tell in a block": Struct("k" / uint8, "x" / block(uint8, Struct("a" / uint8, "t" / Tell))),
    "tell in a list": Struct(
        "a" / uint8,
        "list" / vector(Struct("x" / uint8, "t" / Tell), 0, 99),
        "rest" / repeated(Tell),
    ),
    "tell to the end": Struct("a" / uint8, "list" / repeated(Struct("x" / uint16, "t" / Tell))),
    "a field of the structure around": Struct(
        "x" / uint8, "y" / Struct("z" / construct.Bytes(this.x))
    ),
    "the same, computed": Struct(
        "x" / uint8, "f" / Computed(lambda this: 1), "y" / Struct("z" / Computed(this.x + 1))
    ),
    "index": Struct("list" / vector(Struct("i" / Computed(this._index), "x" / uint8), 0, 99)),
    "optional": Struct("a" / construct.Optional(uint16), "b" / construct.GreedyBytes),
    "greedy range": Struct("a" / construct.GreedyRange(uint16), "b" / construct.GreedyBytes),
    "little-endian": Struct(
        "a" / construct.Int16ul, "b" / construct.Int32sb, "c" / construct.Float32b
    ),
    "stop": Struct("a" / uint8, construct.StopIf(this.a == 1), "b" / uint8),
    "const": Struct(construct.Const(b"\x01"), "a" / construct.Const(7, uint8)),
    "unnamed": Struct(uint8, "a" / uint16, construct.Padding(1)),
    "hook": Struct("a" / uint8 * (lambda obj, context: None), "b" / uint8),
    "root": Struct("a" / uint8, "b" / Struct("c" / construct.Bytes(this._root.a))),
    "function that raises": Struct("a" / uint8, "b" / Computed(lambda this: 1 // this.a)),
    "repeated": repeated(Struct("a" / opaque(1, 3))),
    "no size": repeated(Struct()),
    "signed": Struct("a" / construct.BytesInteger(3, signed=True), "b" / construct.BytesInteger(2)),
    "bits": Struct("a" / construct.BitStruct("x" / construct.Nibble, "y" / construct.Nibble)),
    "checked": Struct("a" / uint8, construct.Check(this.a != 3)),
}


@pytest.mark.parametrize("name", OF_A_USERS_OWN)
@given(data=st.binary(max_size=12))
def test_schemas_of_a_users_own(name: str, data: bytes) -> None:
    assert_same(OF_A_USERS_OWN[name], data)


def test_an_extension_of_a_users_own_is_compiled_when_it_is_registered() -> None:
    mine = DEFAULT.copy()
    data = tlsgrammar.build(
        Extension("client_hello"), {"extension_type": 0xFE00, "extension_data": b"\x07"}
    )
    assert tlsgrammar.parse(Extension("client_hello"), data, extensions=mine).body is None
    mine.register(0xFE00, "mine", Struct("value" / uint8))
    assert tlsgrammar.parse(Extension("client_hello"), data, extensions=mine).body.value == 7
    assert_compiled(Extension("client_hello"), data, extensions=mine)
    mine.register(0xFE00, "mine", Struct("half" / Doubled(uint8)), replace=True)
    assert tlsgrammar.parse(Extension("client_hello"), data, extensions=mine).body.half == 14


def test_fields_of_the_same_name_in_different_structures() -> None:
    """A case of a Switch that reads a field of its own structure, under one that has a field of that name."""
    inner = Struct(
        "k" / uint8,
        "x" / Switch(this.k, {1: Switch(this.k, {1: uint8}, default=uint16)}, default=uint24),
    )
    schema = Struct(
        "k" / uint8,
        "inner" / inner,
        "list" / vector(Switch(this.k, {1: uint8}, default=uint16), 0, 9),
    )
    for outer in range(3):
        for own in range(3):
            assert_same(schema, bytes([outer, own, 9, 8, 7, 2, 5, 6]))
            assert_same(schema, bytes([outer, own, 9, 2, 5, 6]))


@pytest.mark.parametrize(
    "schema",
    [
        Struct("a" / Int8ub, "b" / Int16ul, "c" / Int32ul, "d" / Int64sl),
        Struct("a" / Int8ub, "b" / Int16ub, "c" / Int32ub, "d" / Int64sb),
        Struct("a" / Int8ub, "b" / uint24, "c" / Rebuild(uint32, 0)),
    ],
)
def test_fields_are_those_of_the_schema(schema: Construct) -> None:
    data = bytes(range(200, 200 + schema.sizeof()))
    parsed = schema.parse(data)
    assert fields(schema)(b"xy" + data, 2) == tuple(parsed[each.name] for each in schema.subcons)
    with pytest.raises(GIVES_UP):
        fields(schema)(data, 1)
