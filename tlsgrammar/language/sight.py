"""What of a schema can be seen from the value that it parsed to.

What may live here: finding structures in schemas, and telling those that a walk over a value cannot find.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from construct import Construct

from .open_types import OpenTypes
from .shape import (
    Adapted,
    Deferred,
    Focus,
    Open,
    Record,
    Repeat,
    Sealed,
    Select,
    Text,
    Unknown,
    bare,
    parts,
    shape,
)

__all__ = ["Hidden", "blindness", "hidden", "inner"]

Hidden = tuple[str, str]
"""Where something stands that cannot be seen, and why not."""


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
        found = [x for x in vars(schema).values() if isinstance(x, Construct)]
        several = [x for x in vars(schema).values() if isinstance(x, list)]
        found += [x for held in several for x in held if isinstance(x, Construct)]
    return found or [part for part in [getattr(of, "part", None)] if part is not None]


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
        case Unknown():
            return "nothing is known of it"
    return ""


def hidden(roots: Iterable[tuple[str, Construct]], registry: OpenTypes) -> dict[Construct, Hidden]:
    """The constructs in some schemas that stand where a walk over the value cannot see them.

    Args:
        roots: the schemas, each with what to call it.
        registry: that of the open types in them.
    """
    found: dict[Construct, Hidden] = {}
    for path, schema in roots:
        for part, hiding in _hidden(schema, path, registry, None, set()):
            found.setdefault(part, hiding)
    return found


def _hidden(
    schema: Construct,
    path: str,
    registry: OpenTypes,
    hiding: Hidden | None,
    seen: set[tuple[Construct, bool]],
) -> Iterator[tuple[Construct, Hidden]]:
    if schema.name:
        path = f"{path}.{schema.name}"
    schema = bare(schema)
    if (schema, hiding is not None) in seen:
        return
    seen.add((schema, hiding is not None))
    if hiding is not None:
        yield schema, hiding
    else:
        why = blindness(schema)
        if why:
            hiding = (path, f"{type(schema).__name__}: {why}")
    if isinstance(shape(schema), Open):
        return  # what a registry has is a root of its own
    for part in inner(schema, registry):
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
