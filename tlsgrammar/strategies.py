"""Hypothesis strategies for the values of any schema, derived from the schema itself.

What belongs here: drawing values that `tlsgrammar.build` accepts, for schemas of this library and for any
that are made of the same constructs. Needs hypothesis (the extra `testing`).
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import construct
from construct import Construct, Container
from hypothesis import strategies as st

from .extensions import ExtensionBody
from .extensions.quic import Varint
from .key_exchange import OptionalLength
from .names import Registry
from .presentation import (
    Block,
    Enumeration,
    IfPresent,
    Opaque,
    Remaining,
    Repeated,
    Vector,
    bare,
    chosen,
)

__all__ = ["values"]

_LONGEST = 40
"""How many bytes are drawn at most beyond those that a schema demands."""

Draw = Callable[[st.SearchStrategy[Any]], Any]


@st.composite
def values(draw: Draw, /, schema: Construct, **context: Any) -> Any:
    """Values of a schema.

    Args:
        draw: given by hypothesis.
        schema: the schema.
        context: as for `tlsgrammar.parse`.

    Raises:
        TypeError: the schema holds a construct that no strategy is known for.
    """
    params = Container(**context)
    params["_params"] = params
    return _value(draw, schema, params)


def _value(draw: Draw, schema: Construct, context: Any) -> Any:
    for kind, strategy in _STRATEGIES:
        if isinstance(schema, kind):
            return strategy(draw, schema, context)
    raise TypeError(f"no strategy is known for {schema!r}")


def _struct(draw: Draw, schema: Construct, context: Any) -> dict[str, Any]:
    scope = Container(_=context, _params=context["_params"])
    lengths = {_length_of(bare(field)) for field in schema.subcons}
    for field in schema.subcons:
        inner = bare(field)
        if isinstance(inner, (construct.Peek, construct.Rebuild, type(construct.Tell))):
            continue
        if field.name in lengths:
            scope[field.name] = draw(st.integers(0, min(_LONGEST, 2 ** (8 * inner.sizeof()) - 1)))
        elif isinstance(inner, ExtensionBody) and inner.schema(scope) is None:
            scope["extension_data"] = _bytes(draw, 0, _LONGEST)
        else:
            scope[field.name] = _value(draw, field, scope)
    return {key: value for key, value in scope.items() if not key.startswith("_")}


def _length_of(schema: Construct) -> str | None:
    """The name of the field that says how long a structure is, for those that another field does."""
    length = getattr(schema, "limit", None) or getattr(schema, "length", None)
    name = getattr(length, "__getfield__", None)
    return name() if name is not None else None


def _bytes(draw: Draw, minimum: int, maximum: int) -> bytes:
    data: bytes = draw(st.binary(min_size=minimum, max_size=min(maximum, minimum + _LONGEST)))
    return data


def _exactly(draw: Draw, length: Any, context: Any) -> bytes:
    if callable(length):
        try:
            length = length(context)
        except KeyError:  # of a field that is rebuilt from this one
            return _bytes(draw, 0, _LONGEST)
    return _bytes(draw, length, length)


def _integer(draw: Draw, schema: Construct, context: Any) -> int:
    number: int = draw(st.integers(0, 2 ** (8 * schema.sizeof()) - 1))
    return number


def _code_point(draw: Draw, schema: Construct, context: Any) -> int:
    registry: Registry = schema.registry
    if draw(st.booleans()):
        number: int = draw(st.sampled_from(sorted(registry)))
        return number
    return int(_value(draw, schema.subcon, context))


def _list(draw: Draw, schema: Construct, context: Any) -> list[Any]:
    minimum, maximum = 0, _LONGEST
    if isinstance(schema, Vector):
        minimum, maximum = schema.minimum, min(schema.maximum, schema.minimum + _LONGEST)
    items: list[Any] = []
    size = 0
    while size < minimum or (size < maximum and draw(st.booleans())):
        item = _value(draw, schema.subcon, context)
        size += len(_built(schema.subcon, item, context))
        if isinstance(schema, Vector) and size > schema.maximum:
            break
        items.append(item)
    return items


def _built(schema: Construct, value: Any, context: Any) -> bytes:
    stream = io.BytesIO()
    scope = Container(
        {**context, "_parsing": False, "_building": True, "_sizing": False, "_root": None}
    )
    schema._build(value, stream, scope, "(building)")
    data: bytes = stream.getvalue()
    return data


def _switch(draw: Draw, schema: Construct, context: Any) -> Any:
    return _value(draw, chosen(schema, context), context)


def _if_then_else(draw: Draw, schema: Construct, context: Any) -> Any:
    condition = schema.condfunc(context) if callable(schema.condfunc) else schema.condfunc
    return _value(draw, schema.thensubcon if condition else schema.elsesubcon, context)


def _if_present(draw: Draw, schema: Construct, context: Any) -> Any:
    return _value(draw, schema.subcon, context) if draw(st.booleans()) else None


def _focused(draw: Draw, schema: Construct, context: Any) -> Any:
    return _value(draw, schema._subcons[schema.parsebuildfrom], context)


def _array(draw: Draw, schema: Construct, context: Any) -> list[Any]:
    count = schema.count
    if callable(count):
        try:
            count = count(context)
        except KeyError:  # of a field that is rebuilt from this one
            count = draw(st.integers(0, 5))
    return [_value(draw, schema.subcon, context) for _ in range(count)]


def _nothing(draw: Draw, schema: Construct, context: Any) -> None:
    return None


# The first that fits: a subclass stands before its base.
_STRATEGIES: list[tuple[Any, Callable[[Draw, Any, Any], Any]]] = [
    (construct.Struct, _struct),
    (Enumeration, _code_point),
    (Repeated, _list),
    (Opaque, lambda draw, schema, context: _bytes(draw, schema.minimum, schema.maximum)),
    (Remaining, lambda draw, schema, context: _exactly(draw, schema.limit, context)
     if schema.limit is not None else _bytes(draw, 0, _LONGEST)),
    (IfPresent, _if_present),
    (ExtensionBody, lambda draw, schema, context: _value(draw, schema.schema(context), context)),
    (OptionalLength, _nothing),
    (construct.Const, lambda draw, schema, context: schema.value),
    ((Block, construct.Renamed, construct.Default, construct.Transformed),
     lambda draw, schema, context: _value(draw, schema.subcon, context)),
    (construct.FocusedSeq, _focused),
    (construct.Array, _array),
    (Varint, lambda draw, schema, context: draw(st.integers(0, 2**62 - 1))),
    (construct.Switch, _switch),
    (construct.IfThenElse, _if_then_else),
    (construct.Computed, lambda draw, schema, context: schema.func(context)),
    (construct.Bytes, lambda draw, schema, context: _exactly(draw, schema.length, context)),
    (type(construct.GreedyBytes), lambda draw, schema, context: _bytes(draw, 0, _LONGEST)),
    ((construct.FormatField, construct.BytesInteger), _integer),
    (construct.BitsInteger, lambda draw, schema, context: draw(st.integers(0, 2**schema.length - 1))),
    (type(construct.Flag), lambda draw, schema, context: draw(st.booleans())),
    (type(construct.Pass), _nothing),
]  # fmt: skip
