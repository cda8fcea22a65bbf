"""A parsed structure as a tree for people: names, values, and where in the bytes each field stands.

What belongs here: following a parse field by field, and printing what was followed.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from construct import Construct, IfThenElse, Renamed, Struct, Subconstruct, Switch

from .api import interpreted, parameters
from .errors import GrammarError
from .extensions import ExtensionBody
from .presentation import Enumeration, Repeated, position

__all__ = ["Node", "follow", "render"]

_SHOWN = 32
"""How many bytes of a value are printed."""


@dataclass
class Node:
    """A field that was parsed, or was being parsed when an error ended the parse.

    Attributes:
        name: of the field, or `[3]` for an element of a list.
        schema: its schema.
        start, end: where it stands in the bytes; `end` is None where it was not read to its end.
        value: what it was parsed to.
        children: the fields and elements that it is made of.
    """

    name: str
    schema: Construct
    start: int
    end: int | None = None
    value: Any = None
    children: list[Node] = field(default_factory=list)


class _Followed(Subconstruct):  # type: ignore[misc]
    """A field whose parse leaves a node behind."""

    def __init__(self, subcon: Construct, label: str | None, stack: list[Node]) -> None:
        super().__init__(subcon)
        self.name = subcon.name
        self.label = label
        self.stack = stack

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        around = self.stack[-1]
        name = self.label or f"[{len(around.children)}]"
        node = Node(name, self.subcon, position(stream))
        around.children.append(node)
        self.stack.append(node)
        try:
            node.value = self.subcon._parsereport(stream, context, path)
        finally:
            self.stack.pop()
        node.end = position(stream)
        return node.value


class _FollowedBody(ExtensionBody):
    def __init__(self, body: ExtensionBody, stack: list[Node]) -> None:
        super().__init__(body.message)
        self.stack = stack

    def schema(self, context: Any) -> Construct | None:
        schema = super().schema(context)
        return None if schema is None else _followed(schema, self.stack)


def _followed(schema: Construct, stack: list[Node]) -> Construct:
    """A copy of a schema whose fields are followed."""
    if isinstance(schema, ExtensionBody):
        return _FollowedBody(schema, stack)
    if isinstance(schema, Renamed):
        inner = copy.copy(schema)
        inner.subcon = _followed(schema.subcon, stack)
        return _Followed(inner, schema.name, stack)
    clone = copy.copy(schema)
    if isinstance(schema, Struct):
        clone.subcons = [_followed(subcon, stack) for subcon in schema.subcons]
    elif isinstance(schema, Switch):
        clone.cases = {key: _followed(case, stack) for key, case in schema.cases.items()}
        clone.default = _followed(schema.default, stack)
    elif isinstance(schema, IfThenElse):
        clone.thensubcon = _followed(schema.thensubcon, stack)
        clone.elsesubcon = _followed(schema.elsesubcon, stack)
    elif isinstance(schema, Repeated):
        if isinstance(_bare(schema.subcon), Enumeration):
            return schema  # a list of code points is printed as one
        clone.subcon = _Followed(_followed(schema.subcon, stack), None, stack)
    elif isinstance(schema, Subconstruct) and not isinstance(schema, Enumeration):
        clone.subcon = _followed(schema.subcon, stack)
    return clone


def _bare(schema: Construct) -> Construct:
    while isinstance(schema, (Renamed, _Followed)):
        schema = schema.subcon
    return schema


def follow(
    name: str, schema: Construct, data: bytes, **context: Any
) -> tuple[Node, GrammarError | None]:
    """Parse, and see where each field stands.

    Args:
        name: what to call the whole.
        schema, data, context: as for `tlsgrammar.parse`.

    Returns:
        The tree of what was parsed, and the error that ended it, if any.
    """
    root = Node(name, schema, 0)
    stack = [root]
    followed = _followed(_bare(schema), stack)
    root.value, error = interpreted(name / followed, data, parameters(context))
    if error is None:
        root.end = len(data)
    return root, error


def render(node: Node, depth: int = 0) -> Iterator[str]:
    """The lines of a tree: the offset of each field, its name, and its value with the name of that."""
    if node.end == node.start and node.value is None:
        return
    text = f"{node.start:6}  {'  ' * depth}{node.name}"
    lines = [line for child in _told(node) for line in render(child, depth + 1)]
    if not lines or not isinstance(node.value, (dict, list, type(None))):
        text += f": {_value(_bare(node.schema), node.value)}" if node.end is not None else ""
    yield text
    yield from lines


def _told(node: Node) -> list[Node]:
    """The children of a node that tell something: of an extension, either the body or its bytes."""
    body = next((child for child in node.children if child.name == "body"), None)
    untold = "extension_data" if body is not None and body.value is not None else "body"
    if not any(child.name == "extension_data" for child in node.children):
        return node.children
    return [child for child in node.children if child.name != untold]


def _value(schema: Construct, value: Any) -> str:
    while not isinstance(schema, (Enumeration, Repeated)):
        inner = schema.thensubcon if isinstance(schema, IfThenElse) else schema
        inner = inner if inner is not schema else getattr(schema, "subcon", None)
        if inner is None:
            break
        schema = _bare(inner)
    if isinstance(value, list):
        element = _bare(schema.subcon) if isinstance(schema, Repeated) else schema
        return ", ".join(_value(element, item) for item in value) or "(empty)"
    if isinstance(schema, Enumeration) and isinstance(value, int):
        return str(schema.describe(value))
    if isinstance(value, bytes):
        shown = value[:_SHOWN].hex()
        text = value.decode("ascii") if value.isascii() and value else ""
        more = f"... ({len(value)} bytes)" if len(value) > _SHOWN else ""
        return f"{shown}{more}" + (f" {text!r}" if text.isprintable() and text and not more else "")
    if isinstance(value, dict):
        return "(empty)"
    return str(value)
