"""What the fields of a class are declared to be: their types, and what their values mean.

What may live here: how a declaration is read. Which meanings there are is for `meanings`, what is made of them for
those who print.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin

import msgspec
from construct import Container

from tlsgrammar.language.names import Names

from .meanings import Meaning, NameOf

__all__ = ["NOTHING", "Declared", "declared_fields", "has_names", "named_items", "parameters"]


class Declared(NamedTuple):
    """What is declared of a value.

    Attributes:
        kind: its type, `list` for a `list[int]`; `object` where any of several will do, or nothing is known.
        meaning: what it means; None where nothing is said.
        item: what is declared of each item of a collection, of each value of a mapping; None where nothing is said.
        or_none: the type where None will do too, `str` for a `str | None`, whose `kind` is `object`; None for others.
    """

    kind: type = object
    meaning: Meaning | None = None
    item: Declared | None = None
    or_none: type | None = None

    @property
    def kind_of_some(self) -> type:
        """Its type where it is not None."""
        return self.kind if self.or_none is None else self.or_none

    @property
    def of_items(self) -> Declared:
        """What is declared of the items; where nothing is, they mean what the whole does."""
        return self if self.item is None else self.item

    def with_meaning(self, meaning: Meaning) -> Declared:
        """The same with a meaning, which items have too that have none of their own."""
        item = self.item
        if item is not None and item.meaning is None:
            item = item.with_meaning(meaning)
        return self._replace(meaning=meaning, item=item)


NOTHING = Declared()
"""Nothing is declared."""


@cache
def declared_fields(kind: type) -> Mapping[str, Declared]:
    """The fields of a class of msgspec structs or a dataclass, in order, with what is declared of each."""
    # A struct may look like a dataclass too, to others; it would cost something.
    is_struct = issubclass(kind, msgspec.Struct)
    of_kind = "__struct_fields__" if is_struct else "__dataclass_fields__"
    fields: Iterable[str] = getattr(kind, of_kind, ())
    return {field: _declared(_annotation(kind, field)) for field in fields}


@cache
def parameters(kind: type) -> list[tuple[str, Declared]]:
    """The parameters of a class of events: its fields without the connection and the time."""
    fields = declared_fields(kind).items()
    return [(field, declared) for field, declared in fields if field not in ("c", "ts")]


def has_names(value: Any) -> bool:
    """Whether a value is a structure or a mapping: something that `named_items` can take apart."""
    return isinstance(value, Mapping | msgspec.Struct) or hasattr(value, "__dataclass_fields__")


def named_items(value: Any, declared: Declared) -> Iterator[tuple[str, Any, Declared]]:
    """The names and values of a structure or a mapping, and what is declared of each."""
    if not isinstance(value, Mapping):
        kind: type = type(value)
        for name, of_field in declared_fields(kind).items():
            yield name, getattr(value, name), of_field
        return
    # construct leaves things of its own in what it has parsed, such as the stream.
    hides = isinstance(value, Container)
    for key, item in value.items():
        if not (hides and isinstance(key, str) and key.startswith("_")):
            yield key.hex() if isinstance(key, bytes) else f"{key}", item, declared.of_items


def _annotation(kind: type, field: str) -> Any:
    for each in kind.__mro__:
        try:
            annotations = getattr(each, "__annotations__", {})
        except NameError:  # from Python 3.14 on, where one of them cannot be evaluated
            continue
        if field in annotations:
            return _evaluated(annotations[field], each)
    return object


def _evaluated(annotation: Any, kind: type) -> Any:
    if not isinstance(annotation, str):
        return annotation
    module = sys.modules.get(kind.__module__)
    try:
        # As `typing.get_type_hints` does, a name of the module comes before one of the class: a field may have
        # the name of what its own declaration needs.
        return eval(annotation, dict(vars(kind)), dict(vars(module)) if module else {})
    except (
        Exception
    ):  # an annotation may be anything, and may need what is imported for type checkers only
        return object


def _declared(annotation: Any) -> Declared:
    annotation = getattr(
        annotation, "__value__", annotation
    )  # of `type X = ...`, from Python 3.12 on
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        declared = _declared(arguments[0])
        for meaning in filter(None, map(_meaning, annotation.__metadata__)):
            declared = declared.with_meaning(meaning)
        return declared
    if origin in (Union, types.UnionType):
        some = [argument for argument in arguments if argument is not types.NoneType]
        if len(some) != 1:
            return NOTHING
        declared = _declared(some[0])
        return declared._replace(kind=object, or_none=declared.kind_of_some)
    if isinstance(origin, type) and issubclass(origin, Collection):
        items = [argument for argument in arguments if argument is not ...]
        return Declared(origin, None, _declared(items[-1]) if _is_uniform(origin, items) else None)
    return Declared(annotation) if isinstance(annotation, type) else NOTHING


def _is_uniform(origin: type, items: list[Any]) -> bool:
    return len(items) == (2 if issubclass(origin, Mapping) else 1)


def _meaning(annotation: Any) -> Meaning | None:
    if isinstance(annotation, Names):
        return NameOf(annotation)
    if isinstance(annotation, type) and issubclass(annotation, Meaning):
        return annotation()
    return annotation if isinstance(annotation, Meaning) else None
