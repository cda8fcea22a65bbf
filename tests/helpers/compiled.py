"""Whether compiled code and the schema itself say the same."""

from __future__ import annotations

from typing import Any

from construct import (
    Construct,
)
from hypothesis import strategies as st

import tlsgrammar
from tlsgrammar import GrammarError
from tlsgrammar.language import api
from tlsgrammar.language.compiler import compiled


def outcome(
    schema: Construct, data: bytes, interpret: bool, **context: Any
) -> tuple[Any, list[Any]]:
    """What comes of parsing, with all that is said of what is wrong."""
    before, api._INTERPRET = api._INTERPRET, interpret
    try:
        value, defects = tlsgrammar.read(schema, data, **context)
        try:
            strict: Any = tlsgrammar.parse(schema, data, **context)
        except GrammarError as error:
            strict = (error.reason, error.offset, error.path, error.ends_early)
    finally:
        api._INTERPRET = before
    return (value, strict), [(d.reason, d.offset, d.path, d.ends_early) for d in defects]


def assert_same(schema: Construct, data: bytes, **context: Any) -> None:
    fast, slow = (outcome(schema, data, interpret, **context) for interpret in (False, True))
    # Not by ==: nan is not nan, and that of construct's takes time without end on deep values.
    assert repr(fast) == repr(slow)
    assert keys(fast[0][0]) == keys(slow[0][0])


def keys(value: Any) -> Any:
    """The fields of a value, in their order, all the way down: equality does not look at those with an
    underscore, nor at the order.
    """
    if isinstance(value, dict):
        return [type(value), [(key, keys(item)) for key, item in value.items()]]
    if isinstance(value, list):
        return [type(value), [keys(item) for item in value]]
    return type(value)


def assert_compiled(schema: Construct, data: bytes, **context: Any) -> None:
    """That the compiled parser itself takes well-formed bytes, and leaves nothing to the schema."""
    assert compiled(schema)(data, 0, len(data), 0, api.parameters(context))[1] == len(data)


def changed(draw: Any, data: bytes) -> bytes:
    """Bytes with a few of them other, or with an end that is missing or too long."""
    out = bytearray(data)
    for _ in range(draw(st.integers(0, 2))):
        if out:
            out[draw(st.integers(0, len(out) - 1))] = draw(st.integers(0, 255))
    if draw(st.booleans()):
        del out[draw(st.integers(0, len(out))) :]
    if draw(st.integers(0, 3)) == 0:
        out += draw(st.binary(max_size=3))
    return bytes(out)
