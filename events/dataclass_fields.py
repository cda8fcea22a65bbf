"""Structs that pandas and polars take for dataclasses, so that a `DataFrame` of them has their fields as columns.

What may live here: that. Libraries look for a mapping in `__dataclass_fields__`, which also makes `dataclasses.asdict` and
the like work; nothing else about a struct is changed, and nothing is computed until somebody looks.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    import dataclasses

__all__ = ["FIELDS", "DataclassFields"]


@cache
def _fields(kind: type[msgspec.Struct]) -> dict[str, dataclasses.Field[Any]]:
    import dataclasses  # here, because few ask for them

    # In the order of a dataclass, those of a base class first: polars counts on it.
    bases = [base for base in reversed(kind.__mro__) if issubclass(base, msgspec.Struct)]
    names = dict.fromkeys(name for base in bases for name in base.__struct_fields__)
    likeness = dataclasses.make_dataclass(kind.__name__, names)
    return {field.name: field for field in dataclasses.fields(likeness)}


class DataclassFields:
    """The attribute `__dataclass_fields__` of a class of structs and of all that come of it."""

    def __get__(
        self, struct: msgspec.Struct | None, kind: type[msgspec.Struct]
    ) -> dict[str, dataclasses.Field[Any]]:
        return _fields(kind)


FIELDS = DataclassFields()
"""It knows of which class it is asked."""
