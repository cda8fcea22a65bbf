"""What of a schema can be seen from the value that it parsed to.

What may live here: finding structures in schemas, and telling those that a walk over a value cannot find.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from construct import Construct

from .expressions import Reads, levels_of_this, reading
from .open_types import OpenTypes
from .shape import (
    Adapted,
    Choice,
    Deferred,
    Focus,
    Open,
    Record,
    Repeat,
    Row,
    Sealed,
    Select,
    Text,
    Unknown,
    bare,
    held_constructs,
    kept,
    parts,
    shape,
    taken_apart,
)

__all__ = ["Hidden", "blindness", "hidden", "inner", "which"]

Hidden = tuple[str, str]
"""Where something stands that cannot be seen, and why not."""


@kept
def inner(schema: Construct, registry: OpenTypes) -> list[Construct]:
    """What a construct is made of, with what a function gives or a registry has."""
    of = shape(schema)
    if isinstance(of, Deferred):
        return [of.function()]
    if isinstance(of, Open):
        choice = of.choice
        found = [x for e in registry.entries(choice.kind).values() for x in e.schemas.values()]
        if not callable(choice.where):
            entries = registry.entries(choice.kind).values()
            found = [e.schemas[choice.where] for e in entries if choice.where in e.schemas]
        return [*found, choice.default]
    found = list(parts(schema))
    if isinstance(of, Sealed):
        found = list(of.parts)
    if isinstance(of, Unknown):
        found = held_constructs(schema)
    return found or [part for part in [getattr(of, "part", None)] if part is not None]


def which(schema: Construct) -> Any:
    """What tells a construct from others: of a LazyBound its function, which may give another one each time."""
    of = shape(schema)
    return of.function if isinstance(of, Deferred) else bare(schema)


def blindness(schema: Construct) -> str:
    """Why a walk over a value cannot see what a construct is made of; empty where it can."""
    of = shape(schema)
    match of:
        case Sealed(why=why):
            return why
        case Select():
            return "its value does not say which of them was parsed"
        case Adapted(same=False) | Text():
            return "it makes a value of its own"
        case Record(keys=keys) if len(named := [key for key in keys if key]) > len(set(named)):
            return "two of its fields have the same name"
        case Focus(fields=fields, name=str(name)):
            if any(_decides(field, 0) for field in fields if field.name == name):
                return "what decides for a case is not in its value"
        case Unknown():
            return "nothing is known of it"
    return ""


def _decides(schema: Construct, depth: int) -> bool:
    """Whether a case in a construct is decided for by what stands beside the construct.

    Args:
        schema: the construct, or a part of it.
        depth: how many structures of its own are around the part.
    """
    of = shape(schema)
    key = of.key if isinstance(of, Choice) else of.choice.key if isinstance(of, Open) else None
    if callable(key):
        levels = levels_of_this(key)
        if (
            (levels == depth)
            if levels is not None
            else (not depth and reading(key) not in (Reads.NOTHING, Reads.PARAMS))
        ):
            return True
    inside = depth + 1 if isinstance(of, Record | Row | Focus) else depth
    return any(_decides(part, inside) for part in parts(schema))


def hidden(roots: Iterable[tuple[str, Construct]], registry: OpenTypes) -> dict[Construct, Hidden]:
    """The constructs in some schemas that stand where a walk over the value cannot see them.

    Args:
        roots: the schemas, each with what to call it.
        registry: that of the open types in them.
    """
    found: dict[Construct, Hidden] = {}
    with taken_apart():
        for path, schema in roots:
            for part, hiding in _hidden(schema, path, registry, None, set()):
                found.setdefault(part, hiding)
    return found


def _hidden(
    schema: Construct,
    path: str,
    registry: OpenTypes,
    hiding: Hidden | None,
    seen: set[tuple[Any, bool]],
) -> Iterator[tuple[Construct, Hidden]]:
    if schema.name:
        path = f"{path}.{schema.name}"
    schema = bare(schema)
    if (which(schema), hiding is not None) in seen:
        return
    seen.add((which(schema), hiding is not None))
    if hiding is not None:
        yield schema, hiding
    else:
        why = blindness(schema)
        if why:
            hiding = (path, f"{type(schema).__name__}: {why}")
    if isinstance(shape(schema), Open):
        return  # what a registry has is a root of its own
    try:
        inside = inner(schema, registry)
    except Exception:  # of the function of a LazyBound, which may name what is not there yet
        return
    for part in inside:
        yield from _hidden(part, path, registry, hiding or _left_out(schema, part, path), seen)


def _left_out(schema: Construct, part: Construct, path: str) -> Hidden | None:
    """Where a part stands whose value that of the whole does not hold."""
    of = shape(schema)
    match of:
        case Record(fields=fields, keys=keys):
            # Of two fields of one name the value holds the last.
            held = part in {k: f for k, f in zip(keys, fields, strict=True) if k}.values()
        case Focus(name=name):
            held = isinstance(name, str) and part.name == name
        case Repeat(kept=kept):
            held = kept
        case _:
            held = True
    why = f"{type(schema).__name__}: its value does not hold that of this part"
    return None if held else (path, why)
