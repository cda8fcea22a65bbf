"""What a page is told of a structure: its bytes, its fields with their places, and what was wrong.

What may live here: making that of a tree (`language.tree`). It is made of lists and numbers, so that it is small as JSON:
texts, of which most stand in many structures, are numbers too, and stand once in `Fields.texts`.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, NamedTuple

from construct import Construct

from ..catalogue import reference_of
from ..language import GrammarError
from ..language.declaration import field_declaration
from ..language.open_types import OpenTypes
from ..language.shape import Number, bare, shape
from ..language.tree import Node, follow, told, value_text
from ..registry import DEFAULT, Registry

__all__ = ["Field", "Fields", "Picture"]

Field = list[Any]
"""A field as a page is told it: `[name, start, end, declaration, value, reference, children]`. Name, declaration, value and
reference are numbers of texts; start and end count the bytes of the structure, and end is -1 where the field was not read to its
end. Children are fields."""


_FIELD_SIZE = 30  # as JSON, about


class Picture(NamedTuple):
    """A structure as a page is told it.

    Attributes:
        data: its bytes, in Base64; only the first of them, where it has very many.
        size: how many bytes it has.
        fields: what they hold, the outermost first.
        wrong: what is wrong: where in the bytes, where in the grammar, and why.
    """

    data: str
    size: int
    fields: Sequence[Field]
    wrong: Sequence[tuple[int, str, str]]


class Fields:
    """Makes pictures that share their texts.

    Args:
        registry: has the names.
        limit: so many bytes of a structure are shown at most, and the fields in them.

    Attributes:
        texts: all texts, by number.
        size: how long all of it will be as JSON, about.
    """

    def __init__(self, registry: Registry = DEFAULT, *, limit: int = 1 << 16) -> None:
        self._registry: OpenTypes = registry
        self._context = {} if registry is DEFAULT else {"extensions": registry}
        self._limit = limit
        self.texts: list[str] = []
        self.size = 0
        self._numbers: dict[str, int] = {}
        self._declared: dict[tuple[Construct, str], tuple[int, str]] = {}

    def number(self, text: str) -> int:
        """The number of a text."""
        known = self._numbers.get(text)
        if known is None:
            known = self._numbers[text] = len(self.texts)
            self.texts.append(text)
            self.size += len(text) + 3
        return known

    def picture(self, name: str, schema: Construct, data: bytes, **context: Any) -> Picture:
        """The picture of a structure.

        Args:
            name: what to call it.
            schema, data, context: as for `tlsgrammar.parse`.
        """
        node, wrong = follow(name, schema, data, **context, **self._context)
        return self.drawn([node], data, wrong)

    def drawn(
        self,
        nodes: Sequence[Node],
        data: bytes,
        wrong: Sequence[GrammarError] = (),
        *,
        size: int | None = None,
    ) -> Picture:
        """The picture of trees that have been followed.

        Args:
            nodes: the trees.
            data: their bytes.
            wrong: what is wrong with them.
            size: how many bytes there are in all; those that are given, where it is None.
        """
        shown = base64.b64encode(data[: self._limit]).decode()
        told_of = [(error.offset, error.path, error.reason) for error in wrong]
        self.size += len(shown) + sum([len(path) + len(reason) for _, path, reason in told_of])
        return Picture(
            shown,
            len(data) if size is None else size,
            [self._field(node, "") for node in nodes if node.start <= self._limit],
            told_of,
        )

    def _field(self, node: Node, outer: str) -> Field:
        declaration, reference = self._declaration(node, outer)
        children = [
            self._field(child, reference)
            for child in told(node)
            if child.start <= self._limit and (child.end != child.start or child.value is not None)
        ]
        self.size += _FIELD_SIZE
        value = ""
        if node.end is not None and (not children or not isinstance(node.value, dict | list)):
            value = value_text(node, self._registry)
        elif children and not node.name[:1].islower():
            value = self._summary(node)
        return [
            self.number(node.name),
            node.start,
            -1 if node.end is None else node.end,
            declaration,
            self.number(value),
            self.number(reference),
            children,
        ]

    def _declaration(self, node: Node, outer: str) -> tuple[int, str]:
        """The number of the declaration of a field, and the document that defines it: that of what it stands in, where it does
        not say.
        """
        is_field = node.name[:1].islower()
        schema = node.schema
        if node.structure is not None and not reference_of(schema):
            schema = node.structure
        key = (schema, node.name if is_field else "")
        known = self._declared.get(key)
        if known is None:
            declaration = field_declaration(*key, self._registry)
            known = (self.number(declaration), reference_of(schema))
            self._declared[key] = known
        return known[0], known[1] or outer

    def _summary(self, node: Node) -> str:
        """What tells a structure from others in a list: the name of the code point that it begins with."""
        first = told(node)[0]
        of = shape(bare(first.schema))
        if first.end is None or not isinstance(of, Number) or of.names is None:
            return ""
        return self._registry.name_of(of.names, first.value)
