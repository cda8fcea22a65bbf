"""A parsed structure as a tree for people: names, values, and where in the bytes each field stands.

What may live here: following a parse field by field, and printing what was followed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import construct
from construct import Construct, Renamed, Subconstruct

from .api import interpreted, parameters
from .errors import GrammarError
from .guard import MAXIMUM_KEPT, guarded, watched
from .open_types import OpenChoice, OpenTypes, registry_of
from .parameters import given
from .presentation import Repeated, Structure, deeper, position
from .shape import (
    Adapted,
    Around,
    Choice,
    Deferred,
    Maybe,
    Named,
    Number,
    Open,
    Raw,
    Record,
    Repeat,
    Sealed,
    Select,
    Text,
    Unknown,
    bare,
    shape,
    with_parts,
)

__all__ = ["Node", "follow", "render", "told", "value_text"]

_SHOWN = 32
"""How many bytes of a value are printed."""


@dataclass
class Node:
    """A field that was parsed, or was being parsed when an error ended the parse.

    Attributes:
        name: of the field, or `[3]` for an element of a list.
        schema: its schema.
        start, end: where it stands in the bytes; `end` is None where it was not read to its end. Both are those of
            what it stands in where it has no bytes of its own: within bits, or decompressed.
        value: what it was parsed to.
        children: the fields and elements that it is made of.
        structure: the structure that it turned out to be, where its schema leaves that open; None where nothing tells.
    """

    name: str
    schema: Construct
    start: int
    end: int | None = None
    value: Any = None
    children: list[Node] = field(default_factory=list)
    structure: Construct | None = None


class _Trail:
    """Where a parse is: the nodes that it is in, and whether in the bytes themselves."""

    def __init__(self, root: Node) -> None:
        self.nodes = [root]
        self.elsewhere = 0

    def position(self, stream: Any) -> int:
        return self.nodes[-1].start if self.elsewhere else position(stream)


# That of the parse that is followed now. What is compressed is parsed in a context of its own, which could not say.
_trail: ContextVar[_Trail] = ContextVar("trail")


class _Around(Subconstruct):  # type: ignore[misc]
    """Something around a copy of a construct, under its name.

    Attributes:
        told: the construct, where it is told of.
    """

    def __init__(self, subcon: Construct, told: Construct = None) -> None:
        super().__init__(subcon)
        self.name = subcon.name
        self.told = told


class _Followed(_Around):
    """A field or an element whose parse leaves a node behind."""

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        trail = _trail.get()
        around = trail.nodes[-1]
        node = Node(self.name or f"[{len(around.children)}]", self.told, trail.position(stream))
        around.children.append(node)
        trail.nodes.append(node)
        try:
            node.value = self.subcon._parsereport(stream, context, path)
        finally:
            trail.nodes.pop()
        # Bits have no bytes of their own: theirs are those of what they stand in.
        end = node.start if trail.elsewhere else position(stream)
        if node.end is None or end > node.start or node.value is None:
            node.end = end
        return node.value


class _Peeked(_Around):
    """Something whose bytes another field takes. They are its own too, for whoever looks at it."""

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        value = self.subcon._parsereport(stream, context, path)
        trail = _trail.get()
        trail.nodes[-1].end = trail.position(stream)
        return value


class _Noted(_Around):
    """A structure with a name, which says what the field is that it is parsed in."""

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        _trail.get().nodes[-1].structure = self.told
        return self.subcon._parsereport(stream, context, path)


class _Elsewhere(_Around):
    """Something that does not stand in the bytes that are followed."""

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        trail = _trail.get()
        trail.elsewhere += 1
        try:
            return self.subcon._parsereport(stream, context, path)
        finally:
            trail.elsewhere -= 1


class _Back(_Around):
    """Something that may not fit: what was followed of it then is forgotten."""

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        children = _trail.get().nodes[-1].children
        count = len(children)
        try:
            return self.subcon._parsereport(stream, context, path)
        except Exception:
            del children[count:]
            raise


class _FollowedChoice(OpenChoice):
    def schema(self, context: Any) -> Construct:
        found = super().schema(context)
        return found if found is self.default else _followed(found)


class _FollowedBound(construct.LazyBound):  # type: ignore[misc]
    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        schema = _followed(self.subconfunc())
        return schema._parsereport(stream, deeper(context, stream, path), path)


@lru_cache(maxsize=MAXIMUM_KEPT)
def _followed(schema: Construct) -> Construct:
    """A copy of a schema whose fields and elements are followed; it is made at its first use."""
    copied = _copy(schema)
    return _Noted(copied, schema) if isinstance(schema, Structure) else copied


def _copy(schema: Construct) -> Construct:
    of = shape(schema)
    clone: Any
    if isinstance(schema, Renamed) and schema.name and schema.name[:1].islower():
        inner = watched(schema, with_parts(schema, _followed))
        return _Followed(inner, schema)
    if isinstance(of, Deferred):
        clone = object.__new__(_FollowedBound)
    elif isinstance(of, Open) and of.choice is schema:
        clone = object.__new__(_FollowedChoice)
    else:
        if isinstance(of, Repeat):
            if _is_code(of.part):
                return guarded(schema)  # a list of code points is printed as one
            copied = with_parts(
                schema,
                lambda part: _Followed(_followed(part), part) if part is of.part else part,
            )
            if isinstance(schema, Repeated):
                copied.itemsize = schema.itemsize  # the copy cannot tell
            return watched(schema, copied)
        if isinstance(of, Around) and of.elsewhere:
            return watched(schema, with_parts(schema, lambda part: _Elsewhere(_followed(part))))
        if isinstance(of, Maybe) and of.when == "peek":
            return with_parts(schema, lambda part: _Back(_Peeked(_followed(part))))
        if isinstance(of, Maybe | Select):
            return with_parts(schema, lambda part: _Back(_followed(part)))
        if isinstance(of, Sealed | Adapted | Text | Unknown):
            return guarded(schema)
        if isinstance(of, Record):
            return watched(schema, with_parts(schema, _field))
        return watched(schema, with_parts(schema, _followed))
    clone.__dict__.update(vars(schema))
    return clone


def _field(part: Construct) -> Construct:
    """A part of a structure: whatever has a name there is a field, but for structures, which bring theirs along."""
    if isinstance(part, Renamed) and not isinstance(part, Structure) and part.name:
        return _Followed(watched(part, with_parts(part, _followed)), part)
    return _followed(part)


def _is_code(schema: Construct) -> bool:
    of = shape(schema)
    while isinstance(of, Named):
        of = shape(of.part)
    return isinstance(of, Number)


def follow(
    name: str, schema: Construct, data: bytes, **context: Any
) -> tuple[Node, list[GrammarError]]:
    """Parse, and see where each field stands.

    Args:
        name: what to call the whole.
        schema, data, context: as for `tlsgrammar.parse`.

    Returns:
        The tree of what could be parsed, and all that is wrong, as `tlsgrammar.read` says it: what is malformed in a body
        costs that body, anything else ends the parse.
    """
    root = Node(name, schema, 0)
    defects: list[GrammarError] = []
    params = parameters({**given(context), "defects": defects})
    token = _trail.set(_Trail(root))
    try:
        root.value, error = interpreted(_named(name, _followed(bare(schema))), data, params)
    finally:
        _trail.reset(token)
    if error is None:
        root.end = len(data)
    else:
        defects.append(error)
    return root, defects


@lru_cache(maxsize=256)
def _named(name: str, schema: Construct) -> Construct:
    return Renamed(schema, newname=name)


def render(node: Node, depth: int = 0, **context: Any) -> Iterator[str]:
    """The lines of a tree: the offset of each field, its name, and its value with the name of that.

    Args:
        node: the tree.
        depth: how far its lines are indented.
        context: as for `tlsgrammar.parse`; its registry has the names.
    """
    registry = registry_of({"_params": context})
    yield from _lines(node, depth, registry)


def _lines(node: Node, depth: int, registry: OpenTypes) -> Iterator[str]:
    if node.end == node.start and node.value is None:
        return
    text = f"{node.start:6}  {'  ' * depth}{node.name}"
    lines = [line for child in told(node) for line in _lines(child, depth + 1, registry)]
    if not lines or not isinstance(node.value, (dict, list, type(None))):
        text += f": {value_text(node, registry)}" if node.end is not None else ""
    yield text
    yield from lines


def value_text(node: Node, registry: OpenTypes) -> str:
    """The value of a field that was read to its end, with its name, as people read it. It may be anything, where the schema is a
    user's own.
    """
    try:
        return _value(bare(node.schema), node.value, registry)
    except Exception as error:  # whatever its `str` raises
        return f"({type(node.value).__name__} that cannot be shown: {type(error).__name__})"


def told(node: Node) -> list[Node]:
    """The children of a node that tell something: where a body was given, not its bytes too."""
    for child in node.children:
        of = shape(bare(child.schema))
        if isinstance(of, Open) and of.given is not None:
            untold = of.given if child.value is not None else child.name
            return [other for other in node.children if other.name != untold]
    return node.children


def _value(schema: Construct, value: Any, registry: OpenTypes) -> str:
    of = shape(schema)
    while isinstance(of, Named | Maybe | Choice):
        of = shape(of.part if not isinstance(of, Choice) else next(iter(of.cases.values())))
    if isinstance(value, list):
        element = of.part if isinstance(of, Repeat) else schema
        return ", ".join(_value(element, item, registry) for item in value) or "(empty)"
    if isinstance(of, Number) and of.names is not None and isinstance(value, int):
        return f"{registry.name_of(of.names, value)} ({int(value)})"
    if isinstance(value, bytes):
        shown = value[:_SHOWN].hex()
        text = value.decode("ascii") if value.isascii() and value else ""
        more = f"... ({len(value)} bytes)" if len(value) > _SHOWN else ""
        return f"{shown}{more}" + (f" {text!r}" if text.isprintable() and text and not more else "")
    if isinstance(value, dict):
        return (
            str(value) if value and not isinstance(of, Raw) and len(str(value)) < 200 else "(empty)"
        )
    return f"{value:#x}" if isinstance(value, int) and value.bit_length() > 64 else str(value)
