"""What formats with columns share.

What may live here: which columns a class of rows or events has. How a value is written is for each format.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from ..declarations import Declared, declared_fields

__all__ = ["Column", "columns"]


class Column(NamedTuple):
    """A column of a class.

    Attributes:
        attribute: the name of the attribute.
        name: how it is called in what is written, such as `id.orig_h`.
        declared: what is declared of its values.
    """

    attribute: str
    name: str
    declared: Declared


@cache
def columns(kind: type) -> tuple[Column, ...]:
    """The columns of a class of msgspec structs or a dataclass, in the order of its fields; `ts` is the first of all."""
    fields = declared_fields(kind)
    names = getattr(kind, "__struct_encode_fields__", fields)
    named = [
        Column(attribute, name, fields[attribute])
        for attribute, name in zip(fields, names, strict=True)
    ]
    # As it has a default in the class of all, msgspec puts it behind the others.
    return tuple(sorted(named, key=lambda column: column.attribute != "ts"))
