"""Walking a parsed structure: inner before outer, in the order of the wire.

What belongs here: the registry of which function raises an event on which structure, and the generic
walk that calls them. The functions themselves stand in `mapping`.

A schema and its value have the same shape, so that the schema tells the walk where in the value the
structures are that somebody wants to hear of. What nobody wants is not walked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from construct import Construct, IfThenElse, Rebuild, Struct, Subconstruct, Switch

from tlsgrammar.extensions import DEFAULT, ExtensionBody, ExtensionRegistry
from tlsgrammar.presentation import Block, IfPresent, Repeated, bare

from .model import DOCUMENTED, Connection, Event, ProtocolViolation

__all__ = ["Occasion", "Walker", "known_events", "raises", "walker"]


class Occasion(NamedTuple):
    """On which occasion a structure was met.

    Attributes:
        c: the connection.
        is_orig: whether the originator sent it.
        ts: when the data that completed it arrived, in seconds since the epoch.
        malformed: whether the message that it is a part of ended before its own lengths say.
    """

    c: Connection
    is_orig: bool
    ts: float | None
    malformed: bool = False


Raised = Event | Iterable[Event] | None
Function = Callable[[Any, Occasion], Raised]

# A visit takes the structure, the structure around it, the occasion, and the list to append events to.
Visit = Callable[[Any, Any, Occasion, list[Event]], None]


class _Row(NamedTuple):
    """A function, and the class of the events that it raises."""

    event: type[Event]
    function: Function


_ON_STRUCTURE: dict[Construct, list[_Row]] = {}


def raises(
    event: type[Event],
    *on: Construct,
    on_extension: int | str | None = None,
    registry: ExtensionRegistry = DEFAULT,
) -> Callable[[Function], Function]:
    """Decorate a function that turns a parsed structure into events.

    The function is called as `function(structure, occasion)`, and returns an event, several, or None.

    Args:
        event: the class of the events, for callers who ask for some events only.
        on: the schemas of the structures.
        on_extension: instead, an extension, by its code point or name; the structure is its body, in
            whatever message.
        registry: that of the extension. Another registry's extensions do not raise the event.

    Raises:
        TypeError: neither or both are given.
        ValueError: no extension has that name.
    """
    if bool(on) == (on_extension is not None):
        raise TypeError("raises() takes either schemas or on_extension=")

    def decorate(function: Function) -> Function:
        row = _Row(event, function)
        for schema in on:
            _ON_STRUCTURE.setdefault(bare(schema), []).append(row)
        if on_extension is not None:
            registry.attach(registry.code(on_extension), row, event.name)
        walker.cache_clear()
        return function

    return decorate


def known_events(registry: ExtensionRegistry = DEFAULT) -> list[str]:
    """The names of all events: the documented ones, `protocol_violation`, and those of extensions of a
    user's own.
    """
    rows = [row for rows in _ON_STRUCTURE.values() for row in rows]
    rows += [a.thing for e in registry for a in registry.attached(e.code) if _is_row(a.thing)]
    names = [event.name for event in DOCUMENTED] + [ProtocolViolation.name]
    return names + sorted({row.event.name for row in rows} - set(names))


def _is_row(thing: object) -> bool:
    return isinstance(thing, _Row)


class Walker:
    """The walk over structures for a set of events.

    Args:
        wanted: the names of the events that are asked for; all where it is None.
        registry: that of the extensions.
    """

    def __init__(
        self, wanted: Collection[str] | None = None, registry: ExtensionRegistry = DEFAULT
    ) -> None:
        self._wanted = wanted
        self._registry = registry
        self._visits: dict[Construct, Visit | None] = {}
        self._on_extension: dict[int, Visit | None] = {}

    def events(self, schema: Construct, value: Any, params: Any, occasion: Occasion) -> list[Event]:
        """The events of a structure and of all that it contains.

        Args:
            schema: its schema.
            value: what the schema parsed to.
            params: the context that it was parsed with.
            occasion: on which occasion it was met.
        """
        raised: list[Event] = []
        visit = self._visit(schema)
        if visit is not None:
            visit(value, {"_params": params}, occasion, raised)
        return raised

    def _visit(self, schema: Construct) -> Visit | None:
        schema = bare(schema)
        if schema not in self._visits:
            self._visits[schema] = self._with_rows(
                self._inner_visit(schema), _ON_STRUCTURE.get(schema, ())
            )
        return self._visits[schema]

    def _with_rows(self, inner: Visit | None, rows: Iterable[_Row]) -> Visit | None:
        functions = [
            row.function for row in rows if self._wanted is None or row.event.name in self._wanted
        ]
        if not functions:
            return inner

        def visit(value: Any, around: Any, occasion: Occasion, raised: list[Event]) -> None:
            if value is None:
                return
            if inner is not None:
                inner(value, around, occasion, raised)
            for function in functions:
                result = function(value, occasion)
                if isinstance(result, Event):
                    raised.append(result)
                elif result is not None:
                    raised.extend(result)

        return visit

    def _inner_visit(self, schema: Construct) -> Visit | None:
        if isinstance(schema, Struct):
            return self._struct_visit(schema)
        if isinstance(schema, Repeated):
            return self._list_visit(schema)
        if isinstance(schema, ExtensionBody):
            return self._extension_visit
        if isinstance(schema, Switch):
            cases = {key: self._visit(case) for key, case in schema.cases.items()}
            return _branch_visit(schema.keyfunc, cases, self._visit(schema.default))
        if isinstance(schema, IfThenElse):
            branches = {True: self._visit(schema.thensubcon)}
            otherwise = self._visit(schema.elsesubcon)
            return _branch_visit(_truth(schema.condfunc), branches, otherwise)
        if isinstance(schema, (Block, IfPresent, Rebuild)):
            return self._visit(schema.subcon)
        return None

    def _struct_visit(self, schema: Construct) -> Visit | None:
        fields = [
            (field.name, inner)
            for field in schema.subcons
            if field.name and (inner := self._visit(field)) is not None
        ]
        if not fields:
            return None
        needs_scope = any(_has_branch(field) for field in schema.subcons)

        def visit(value: Any, around: Any, occasion: Occasion, raised: list[Event]) -> None:
            if value is None:
                return
            scope = _Scope(value, around) if needs_scope else value
            for name, visit_field in fields:
                visit_field(value[name], scope, occasion, raised)

        return visit

    def _list_visit(self, schema: Construct) -> Visit | None:
        inner = self._visit(schema.subcon)
        if inner is None:
            return None

        def visit(value: Any, around: Any, occasion: Occasion, raised: list[Event]) -> None:
            for item in value or ():
                inner(item, around, occasion, raised)

        return visit

    def _extension_visit(
        self, value: Any, around: Any, occasion: Occasion, raised: list[Event]
    ) -> None:
        code = around["extension_type"]
        if code not in self._on_extension:
            rows = [a.thing for a in self._registry.attached(code) if _is_row(a.thing)]
            self._on_extension[code] = self._with_rows(None, rows)
        visit = self._on_extension[code]
        if visit is not None:
            visit(value, around, occasion, raised)


def _branch_visit(
    key: Any, cases: Mapping[Any, Visit | None], otherwise: Visit | None
) -> Visit | None:
    if otherwise is None and not any(cases.values()):
        return None

    def visit(value: Any, around: Any, occasion: Occasion, raised: list[Event]) -> None:
        if value is None:
            return
        inner = cases.get(key(around) if callable(key) else key, otherwise)
        if inner is not None:
            inner(value, around, occasion, raised)

    return visit


def _truth(condition: Any) -> Callable[[Any], bool]:
    return lambda around: bool(condition(around) if callable(condition) else condition)


def _has_branch(schema: Construct) -> bool:
    """Whether a schema decides by the structure around it what it is."""
    if isinstance(schema, (Switch, IfThenElse)):
        return True
    if isinstance(schema, Struct):
        return any(_has_branch(field) for field in schema.subcons)
    return isinstance(schema, Subconstruct) and _has_branch(schema.subcon)


@lru_cache(maxsize=16)
def walker(wanted: frozenset[str] | None, registry: ExtensionRegistry) -> Walker:
    """The walk for a set of events, which all connections share."""
    return Walker(wanted, registry)


class _Scope(dict[str, Any]):
    """The fields of a structure, as the expressions of its schema see them: with the structure around it
    as `_`, and what the parser was told as `_params`.
    """

    __slots__ = ()

    def __init__(self, value: Any, around: Any) -> None:
        super().__init__(value)
        self["_"] = around
        self["_params"] = around["_params"]

    def __getattr__(self, name: str) -> Any:
        return self[name]
