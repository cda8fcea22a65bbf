"""Walking a parsed structure: inner before outer, in the order of the wire.

What belongs here: the registry of which function raises an event on which structure, and the generic
walk that calls them. The functions themselves stand in `mapping`.

A schema and its value have the same shape, so that the schema tells the walk where in the value the
structures are that somebody wants to hear of. What nobody wants is not walked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple, TypeGuard

from construct import Construct, IfThenElse, Rebuild, Struct, Subconstruct, Switch

from tlsgrammar.expressions import field_of_this, reads_fields, reads_params
from tlsgrammar.extensions import DEFAULT, ExtensionBody, ExtensionRegistry
from tlsgrammar.presentation import Block, IfPresent, Repeated, bare

from .model import DOCUMENTED, Connection, Event, ProtocolViolation, SslEncryptedData
from .modern import MODERN, SslPlaintextData

__all__ = ["Occasion", "Walker", "known_events", "raises", "walker"]


class Occasion(NamedTuple):
    """On which occasion a structure was met.

    Attributes:
        c: the connection.
        is_orig: whether the originator sent it.
        ts: when the data that completed it arrived, in seconds since the epoch.
        malformed: whether the message that it is a part of ended before its own lengths say.
        is_client: whether the TLS client sent it, which is nearly always the originator.
    """

    c: Connection
    is_orig: bool
    ts: float | None
    malformed: bool
    is_client: bool


Raised = Event | Iterable[Event] | None
Function = Callable[[Any, Occasion], Raised]

# Takes the structure, the structure around it, the context that both were parsed with, the occasion, and the list
# to append events to.
Visit = Callable[[Any, Any, Any, Occasion, list[Event]], None]


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
    """The names of all events: the documented ones, `protocol_violation`, those that came later, and those of
    a user's own.
    """
    rows = [row for on_structure in _ON_STRUCTURE.values() for row in on_structure]
    for extension in registry:
        things = (attached.thing for attached in registry.attached(extension.code))
        rows += [thing for thing in things if _is_row(thing)]
    listed: tuple[type[Event], ...] = (*DOCUMENTED, ProtocolViolation, *MODERN)
    names = [event.name for event in listed]
    return names + sorted({row.event.name for row in rows} - set(names))


def _is_row(thing: object) -> TypeGuard[_Row]:
    return isinstance(thing, _Row)


def _unknown(*_: Any) -> None:
    """Stands for a visit that is not known yet; None is known to have nothing to do."""


_UNKNOWN: Visit = _unknown


class Walker:
    """The walk over structures for a set of events.

    Args:
        wanted: the names of the events that are asked for; all but those of `MODERN` where it is None.
        registry: that of the extensions.

    Attributes:
        wants_encrypted_data, wants_plaintext_data: whether the events of those names are asked for, which
            each record asks.
    """

    def __init__(
        self, wanted: Collection[str] | None = None, registry: ExtensionRegistry = DEFAULT
    ) -> None:
        self._wanted = wanted
        self._registry = registry
        self._wants: dict[type[Event], bool] = {}
        self._visits: dict[Construct, Visit | None] = {}
        self._roots: dict[Construct, Visit | None] = {}
        self._asking: set[str] = set()
        self.wants_encrypted_data = self.wants(SslEncryptedData)
        self.wants_plaintext_data = self.wants(SslPlaintextData)

    def wants(self, event: type[Event]) -> bool:
        """Whether the events of a class are asked for."""
        wanted = self._wants.get(event)
        if wanted is None:
            wanted = event not in MODERN if self._wanted is None else event.name in self._wanted
            self._wants[event] = wanted
        return wanted

    def visit(self, schema: Construct) -> Visit | None:
        """What finds the events of a structure and of all that it contains; None where there are none to find.
        It takes what the schema parsed to, the structure around it, the context that it was parsed with, the
        occasion on which it was met, and the list that the events are appended to.
        """
        visit = self._roots.get(schema, _UNKNOWN)
        if visit is _UNKNOWN:
            visit = self._roots[schema] = self._visit(schema)
        return visit

    def _visit(self, schema: Construct) -> Visit | None:
        schema = bare(schema)
        if schema not in self._visits:
            self._visits[schema] = self._inner_visit(schema, _ON_STRUCTURE.get(schema, ()))
        return self._visits[schema]

    def _functions(self, rows: Iterable[_Row]) -> tuple[Function, ...]:
        return tuple(row.function for row in rows if self.wants(row.event))

    def _inner_visit(self, schema: Construct, rows: Iterable[_Row]) -> Visit | None:
        functions = self._functions(rows)
        if isinstance(schema, Struct):
            return self._struct_visit(schema, functions)
        inner = None
        if isinstance(schema, Repeated):
            inner = _list_visit(self._visit(schema.subcon))
        elif isinstance(schema, ExtensionBody):
            inner = self._body_visit(schema.message)
        elif isinstance(schema, Switch):
            cases = {key: self._visit(case) for key, case in schema.cases.items()}
            inner = _branch_visit(_evaluation(schema.keyfunc), cases, self._visit(schema.default))
        elif isinstance(schema, IfThenElse):
            cases = {True: self._visit(schema.thensubcon), False: self._visit(schema.elsesubcon)}
            evaluate = _evaluation(schema.condfunc)
            inner = _branch_visit(lambda *where: bool(evaluate(*where)), cases, None)
        elif isinstance(schema, (Block, IfPresent, Rebuild)):
            inner = self._visit(schema.subcon)
        return _with(inner, functions) if functions else inner

    def _struct_visit(self, schema: Construct, functions: tuple[Function, ...]) -> Visit | None:
        fields = [
            (field.name, inner)
            for field in schema.subcons
            if field.name and (inner := self._visit(field)) is not None
        ]
        if not fields and not functions:
            return None
        needs_scope = any(_reads_scope(field) for field in schema.subcons)
        raise_events = _raising(functions) if functions else None

        def visit(
            value: Any, around: Any, params: Any, occasion: Occasion, raised: list[Event]
        ) -> None:
            if value is None:
                return
            scope = _Scope(value, around, params) if needs_scope else value
            for name, visit_field in fields:
                visit_field(value[name], scope, params, occasion, raised)
            if raise_events is not None:
                raise_events(value, occasion, raised)

        return visit

    def _body_visit(self, message: str) -> Visit | None:
        """The visit of the body of an extension in a message."""
        # A body may itself hold extensions, in which the answer is not known yet.
        if message not in self._asking:
            self._asking.add(message)
            heard = any(self._extension_visit(e.code, message) for e in self._registry)
            self._asking.discard(message)
            if not heard:
                return None
        visits: dict[int, Visit | None] = {}

        def visit(
            value: Any, around: Any, params: Any, occasion: Occasion, raised: list[Event]
        ) -> None:
            if value is None:
                return
            code = around["extension_type"]
            if code not in visits:
                visits[code] = self._extension_visit(code, message)
            inner = visits[code]
            if inner is not None:
                inner(value, around, params, occasion, raised)

        return visit

    def _extension_visit(self, code: int, message: str) -> Visit | None:
        schema = self._registry.schema(code, message)
        inner = None if schema is None else self._visit(schema)
        attached = (a.thing for a in self._registry.attached(code))
        functions = self._functions(thing for thing in attached if _is_row(thing))
        return _with(inner, functions) if functions else inner


def _raising(functions: tuple[Function, ...]) -> Callable[[Any, Occasion, list[Event]], None]:
    """What calls functions, and takes the events that they return."""

    def one(value: Any, occasion: Occasion, raised: list[Event]) -> None:
        result = first(value, occasion)
        if isinstance(result, Event):
            raised.append(result)
        elif result is not None:
            raised.extend(result)

    def several(value: Any, occasion: Occasion, raised: list[Event]) -> None:
        for each in each_one:
            each(value, occasion, raised)

    first, *others = functions
    # Nearly every structure has one; a loop over it would be felt.
    each_one = [one, *(_raising((function,)) for function in others)]
    return several if others else one


def _with(inner: Visit | None, functions: tuple[Function, ...]) -> Visit:
    """The visit of something that is no Struct, and that functions want to hear of."""
    raise_events = _raising(functions)

    def visit(
        value: Any, around: Any, params: Any, occasion: Occasion, raised: list[Event]
    ) -> None:
        if value is None:
            return
        if inner is not None:
            inner(value, around, params, occasion, raised)
        raise_events(value, occasion, raised)

    return visit


def _list_visit(inner: Visit | None) -> Visit | None:
    if inner is None:
        return None

    def visit(
        value: Any, around: Any, params: Any, occasion: Occasion, raised: list[Event]
    ) -> None:
        for item in value or ():
            inner(item, around, params, occasion, raised)

    return visit


Evaluation = Callable[[Any, Any], Any]
"""What a Switch or IfThenElse decides by, from the structure around it and what the parser was told."""


def _evaluation(function: Any) -> Evaluation:
    name = field_of_this(function)
    if name is not None:
        return lambda around, params: around[name]
    if not callable(function):
        return lambda around, params: function
    if reads_params(function):
        return lambda around, params: function(params)
    return lambda around, params: function(around)


def _branch_visit(
    evaluate: Evaluation, cases: Mapping[Any, Visit | None], otherwise: Visit | None
) -> Visit | None:
    if otherwise is None and not any(cases.values()):
        return None

    def visit(
        value: Any, around: Any, params: Any, occasion: Occasion, raised: list[Event]
    ) -> None:
        if value is None:
            return
        inner = cases.get(evaluate(around, params), otherwise)
        if inner is not None:
            inner(value, around, params, occasion, raised)

    return visit


def _reads_scope(schema: Construct) -> bool:
    """Whether a schema decides by more than fields of the structure around it and what the parser was told."""
    if isinstance(schema, Struct):
        return any(_reads_scope(field) for field in schema.subcons)
    if isinstance(schema, Subconstruct):
        return _reads_scope(schema.subcon)
    if isinstance(schema, Switch):
        function, branches = schema.keyfunc, [*schema.cases.values(), schema.default]
    elif isinstance(schema, IfThenElse):
        function, branches = schema.condfunc, [schema.thensubcon, schema.elsesubcon]
    else:
        return False
    if not reads_fields(function) and not reads_params(function):
        return True
    return any(_reads_scope(branch) for branch in branches)


@lru_cache(maxsize=16)
def walker(wanted: frozenset[str] | None, registry: ExtensionRegistry) -> Walker:
    """The walk for a set of events, which all connections share."""
    return Walker(wanted, registry)


class _Scope(dict[str, Any]):
    """The fields of a structure, as the expressions of its schema see them: with the structure around it
    as `_`, and what the parser was told as `_params`.
    """

    __slots__ = ()

    def __init__(self, value: Any, around: Any, params: Any) -> None:
        super().__init__(value)
        self["_"] = around
        self["_params"] = params

    def __getattr__(self, name: str) -> Any:
        return self[name]
