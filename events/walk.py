"""Walking a parsed structure: inner before outer, in the order of the wire.

What may live here: the call that says which function raises an event on which structure, and the generic walk that calls
them. The functions themselves stand in `mapping`.

A schema and its value have the same shape, so that the schema tells the walk where in the value the structures are that
somebody wants to hear of. What nobody wants is not walked.

The plan: for each schema one function, a visit, made when the schema is first met and kept as long as the registry stays
as it is. The traps: a visit has to decide for the cases that the parser decided for, from the value alone, so that it
makes the context again, field by field as the parser did, where an expression reads more than a field beside it; and a
structure may contain itself, so that whether anybody wants what it holds is found out before the visits of what it
holds are made.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from types import FunctionType
from typing import Any, NamedTuple, TypeGuard

import msgspec
from construct import Construct

from tlsgrammar.framing import HandshakeMessage
from tlsgrammar.language.expressions import Reads, field_of_this, reading
from tlsgrammar.language.open_types import nearest
from tlsgrammar.language.shape import (
    Adapted,
    Around,
    Choice,
    Constant,
    Deferred,
    Focus,
    Maybe,
    Named,
    Open,
    Record,
    Repeat,
    Row,
    Shape,
    Sized,
    bare,
    may_stop,
    shape,
    taken_apart,
)
from tlsgrammar.language.sight import Hidden, hidden, inner, which
from tlsgrammar.names import HANDSHAKE_TYPES
from tlsgrammar.registry import DEFAULT, EXTENSION, Registry

from .model import (
    DOCUMENTED,
    MODERN,
    OWN,
    QUIC,
    ROWS,
    SECRETS,
    STRUCTURES,
    Connection,
    Event,
    ReporterError,
    SslDecryptedData,
    SslEncryptedData,
    SslPlaintextData,
    SslStructure,
)

__all__ = [
    "Function",
    "Occasion",
    "Walker",
    "check_wanted",
    "event_classes",
    "hear",
    "known_events",
    "raises",
    "walker",
]


class Occasion(NamedTuple):
    """Where and when a structure was seen.

    Attributes:
        c: the connection.
        is_orig: whether the originator sent it.
        ts: when the data that completed it arrived, in seconds since the epoch.
        malformed: whether the message that it is a part of ended before its own lengths say.
        is_client: whether the TLS client (nearly always the originator) sent it.
        message: the name of the handshake message that it is a part of, such as `client_hello`; or that of the content
            type of the record, such as `alert`; or of the packet of QUIC, such as `InitialPacket`.
        packet: the packet of QUIC that a frame stands in; None for anything else.
        within: the bytes of the handshake message that it is a part of; None for anything else.
    """

    c: Connection
    is_orig: bool
    ts: float | None
    malformed: bool
    is_client: bool
    message: str
    packet: Any = None
    within: HandshakeMessage | None = None

    @property
    def offset(self) -> int:
        """Where the handshake message begins, in bytes from the start of the direction; 0 where it is in none."""
        return 0 if self.within is None else self.within.offset(0)


Raised = Event | Iterable[Event] | None
Function = Callable[[Any, Occasion], Raised]

# Takes the structure, the structure around it, the context that both were parsed with, the occasion, and the list
# to append events to.
Visit = Callable[[Any, Any, Any, Occasion, list[Event]], None]


class _Row(NamedTuple):
    """A function, and the class of the events that it raises."""

    event: type[Event]
    function: Function


def raises(
    event: type[Event],
    *on: Construct,
    on_extension: int | str | None = None,
    registry: Registry = DEFAULT,
) -> Callable[[Function], Function]:
    """Decorate a function that turns a parsed structure into events.

    The function is called as `function(structure, occasion)`, and returns an event, several, or None. An event without a
    time takes that of the occasion. Where the function raises an exception, its event is lost and `reporter_error`
    raised in its stead.

    Args:
        event: the class of the events, for callers who ask for some events only.
        on: the schemas of the structures.
        on_extension: instead, an extension, by its code point or name; the structure is its body, in
            whatever message.
        registry: that of the structures. What is parsed with another registry does not raise the event.

    Raises:
        TypeError: neither or both are given, a schema is not a construct, or the event is not a class of events with a
            name and the parameter `c`.
        ValueError: no such extension is registered; an event of the library has the name of the event; or a structure stands somewhere where it cannot be told from its
            value, so that its event would be missing.
    """
    if bool(on) == (on_extension is not None):
        raise TypeError("raises() takes either schemas or on_extension=")
    _check_event(event)
    for schema in on:
        if not isinstance(schema, Construct):
            raise TypeError(f"raises() takes constructs, not {schema!r}")
    code = None if on_extension is None else registry.code(on_extension)
    # Those of the library itself are seen, which takes time to find out at each start; a test holds it.
    unseen = _hidden_of(registry) if on and registry.has_entered(_OWN) else {}
    for schema in on:
        if bare(schema) in unseen:
            path, why = unseen[bare(schema)]
            raise ValueError(
                f"{event.name} would be missing: {_called(schema)} stands in {path}, inside {why}"
            )

    def decorate(function: Function) -> Function:
        to = [bare(schema) for schema in on] if code is None else [(EXTENSION, code)]
        hear(event, to, function, registry)
        return function

    return decorate


def hear(event: type[Event], to: Iterable[Any], function: Function, registry: Registry) -> None:
    """Have a function raise an event on structures or entries of a registry, unless it does already.

    Args:
        event: the class of the events.
        to: schemas; or open types with the code points of entries.
        function: as for `raises`.
        registry: that of the structures.
    """
    row = _Row(event, function)
    for key in to:
        if not any(_same(attached.thing, row) for attached in registry.attached(key)):
            registry.attach(key, row, event.name)


_OWN = "events.mapping.tls"


def _called(schema: Construct) -> str:
    return getattr(schema, "title", None) or schema.name or repr(schema)


def _check_event(event: object) -> None:
    if not (isinstance(event, type) and issubclass(event, Event)):
        raise TypeError(f"raises() takes a subclass of events.Event, not {event!r}")
    if not isinstance(event.name, str) or not event.name:
        raise TypeError(f"{event.__name__} has no name: give it one, as name = 'ssl_something'")
    listed = _LISTED.get(event.name)
    if listed is not None and listed is not event:
        raise ValueError(f"{event.name} is the name of an event of the library; take another")
    if not all(part.isidentifier() for part in event.name.split("::")):
        raise ValueError(f"{event.name!r} is no name of an event: take letters, digits and _")
    if "c" not in event.__struct_fields__:
        raise TypeError(f"{event.__name__} has no parameter c, the connection")


def _same(thing: object, row: _Row) -> bool:
    """Whether a row says what another does: the same function, or one of the same code and data, as a plug-in makes that
    is loaded again.
    """
    if not _is_row(thing) or thing.event.name != row.event.name:
        return False
    one, other = thing.function, row.function
    if one is other:
        return True
    if not (isinstance(one, FunctionType) and isinstance(other, FunctionType)):
        return False
    return one.__code__ is other.__code__ and _data_of(one) == _data_of(other)


def _data_of(function: Any) -> tuple[Any, ...]:
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    kept = [x for x in cells if not isinstance(x, Registry) and not isinstance(x, type)]
    return function.__defaults__, function.__kwdefaults__, kept


def _hidden_of(registry: Registry) -> dict[Construct, Hidden]:
    """The constructs in the structures of a registry that a walk cannot see."""
    table = registry.derived.setdefault("hidden", {})
    found: dict[Construct, Hidden] | None = table.get("all")
    if found is None:
        since = registry.generation
        found = hidden(_roots(registry), registry)
        registry.keep(table, "all", found, since)
    return found


def _roots(registry: Registry) -> Iterable[tuple[str, Construct]]:
    for entries in (
        registry.extensions,
        registry.messages,
        registry.content_types,
        registry.key_exchanges,
    ):
        for entry in entries.values():
            for schema in entry.schemas.values():
                yield entry.name, schema


def known_events(registry: Registry = DEFAULT) -> list[str]:
    """The names of all events: the documented ones, `protocol_violation`, `reporter_error`, those that came later, and
    those of a user's own.
    """
    return list(event_classes(registry))


def event_classes(registry: Registry = DEFAULT) -> dict[str, type[Event]]:
    """The classes of all events, by their names, in the order of `known_events`."""
    rows = [attached.thing for _, attached in registry.attachments() if _is_row(attached.thing)]
    own = {row.event.name: row.event for row in rows if row.event.name not in _LISTED}
    return {**_LISTED, **dict(sorted(own.items()))}


_ALL: tuple[type[Event], ...] = (
    *(*DOCUMENTED, *OWN, *MODERN, *QUIC),
    *(*SECRETS, *ROWS, *STRUCTURES),
)
_LISTED = {event.name: event for event in _ALL}
_ON_REQUEST = frozenset((*MODERN, *QUIC, *SECRETS, *ROWS, *STRUCTURES))


def check_wanted(
    wanted: Collection[str] | None, registry: Registry | None
) -> frozenset[str] | None:
    """The names of events that are asked for, once it is sure that there are such.

    Raises:
        ValueError: an event is not known.
        TypeError: it is a string, and not several.
    """
    if wanted is None:
        return None
    if isinstance(wanted, (str, bytes)):
        raise TypeError(
            f"wanted= takes a collection of event names, such as [{wanted!r}], not a string"
        )
    asked = frozenset(wanted)
    known = known_events(DEFAULT if registry is None else registry)
    for name in asked:
        if not isinstance(name, str):
            raise TypeError(
                f"wanted= takes event names, not classes such as {name!r}; use its name"
            )
        if name not in known:
            raise ValueError(f"no event is named {name!r}{nearest(str(name), known)}")
    return asked


def _is_row(thing: object) -> TypeGuard[_Row]:
    return isinstance(thing, _Row)


def _unknown(*_: Any) -> None:
    """Stands for a visit that is not known yet; None is known to have nothing to do."""


_UNKNOWN: Visit = _unknown


class Walker:
    """The walk over structures for a set of events.

    Args:
        wanted: the names of the events that are asked for; all but those that are raised on
            request only where it is None.
        registry: that of the structures.

    Attributes:
        wants_decrypted_data, wants_encrypted_data, wants_plaintext_data, wants_structures: whether the events of those names
            are asked for, which each record asks, or each structure.
    """

    def __init__(self, wanted: Collection[str] | None = None, registry: Registry = DEFAULT) -> None:
        self._wanted = wanted
        self._registry = registry
        self._wants: dict[type[Event], bool] = {}
        self._visits: dict[Any, Visit | None] = {}
        self._roots: dict[Construct, Visit | None] = {}
        self._heard: dict[Construct, bool] = {}
        self._scoped: dict[Construct, bool] = {}
        registry.tell(self)
        self._message_names: dict[int, str] = registry.derived.setdefault("message names", {})
        self.wants_decrypted_data = self.wants(SslDecryptedData)
        self.wants_encrypted_data = self.wants(SslEncryptedData)
        self.wants_plaintext_data = self.wants(SslPlaintextData)
        self.wants_structures = self.wants(SslStructure)

    def forget(self) -> None:
        """Find out anew who wants to hear of what: the registry has changed."""
        # Replaced, so that what another thread is about to keep of before is kept where nobody looks.
        self._visits = {}
        self._roots = {}
        self._heard = {}
        self._scoped = {}

    def wants(self, event: type[Event]) -> bool:
        """Whether the events of a class are asked for."""
        wanted = self._wants.get(event)
        if wanted is None:
            wanted = (
                event not in _ON_REQUEST if self._wanted is None else event.name in self._wanted
            )
            self._wants[event] = wanted
        return wanted

    def visit(self, schema: Construct) -> Visit | None:
        """What finds the events of a structure and of all that it contains; None where there are none to find.
        It takes what the schema parsed to, the structure around it, the context that it was parsed with, the
        occasion on which it was met, and the list that the events are appended to.
        """
        roots = self._roots
        visit = roots.get(schema, _UNKNOWN)
        if visit is _UNKNOWN:
            with taken_apart():
                visit = roots[schema] = self._visit(schema)
        return visit

    def message_name(self, msg_type: int) -> str:
        """The name of a handshake message, by its type."""
        name = self._message_names.get(msg_type)
        if name is None:
            since = self._registry.generation
            name = self._registry.name_of(HANDSHAKE_TYPES, msg_type)
            self._registry.keep(self._message_names, msg_type, name, since)
        return name

    # Whether anybody wants what a schema holds

    def _functions(self, key: Any) -> tuple[Function, ...]:
        """The functions that want to hear of a structure, or of an entry of the registry."""
        rows = (attached.thing for attached in self._registry.attached(key))
        return tuple(row.function for row in rows if _is_row(row) and self.wants(row.event))

    def _raising(self, functions: tuple[Function, ...]) -> RaiseEvents:
        return _raising(functions, self.wants)

    def _is_heard(self, schema: Construct) -> bool:
        """Whether somebody wants to hear of a structure, or of one that it contains."""
        return self._holds(schema, self._is_heard_itself, self._heard, self._heard)

    def _reads_scope(self, schema: Construct) -> bool:
        """Whether what decides for something that is heard in a structure reads more than fields beside it."""
        return self._holds(schema, self._is_scope_read, self._scoped, self._heard)

    def _is_scope_read(self, schema: Construct) -> bool:
        return _is_scope_read(schema) and self._is_heard(schema)

    def _holds(
        self,
        schema: Construct,
        found: Callable[[Construct], bool],
        known: dict[Construct, bool],
        matters: Mapping[Construct, bool],
    ) -> bool:
        """Whether something is true of a construct or of one that it contains, where a registry may let it contain
        itself.

        Args:
            schema: the construct.
            found: whether it is true of one.
            known: of which it is known whether it is true of them or of what they contain; what is found is added.
            matters: those that do not matter have False here.
        """
        answer = known.get(schema)
        if answer is not None:
            return answer
        waiting, seen = [schema], {which(schema): schema}
        while waiting:
            part = waiting.pop()
            try:
                if known.get(part) or found(part) or len(seen) > _MAXIMUM_SEEN:
                    known[schema] = True
                    return True
                for x in map(bare, inner(part, self._registry)):
                    key = which(x)
                    if key not in seen:
                        seen[key] = x
                        if known.get(x) is not False and matters.get(x) is not False:
                            waiting.append(x)
            except (
                Exception
            ):  # of the function of a LazyBound: whether it is so is seen when it is met
                known[schema] = True
                return True
        known.update(dict.fromkeys(seen.values(), False))
        return False

    def _is_heard_itself(self, schema: Construct) -> bool:
        if self._functions(schema):
            return True
        of = shape(schema)
        if not isinstance(of, Open):
            return False
        kind = of.choice.kind
        return any(self._functions((kind, code)) for code in self._registry.entries(kind))

    # Visits

    def _visit(self, schema: Construct) -> Visit | None:
        schema = bare(schema)
        visits = self._visits
        visit = visits.get(schema, _UNKNOWN)
        if visit is _UNKNOWN:
            visit = self._inner_visit(schema) if self._is_heard(schema) else None
            visits[schema] = visit
        return visit

    def _inner_visit(self, schema: Construct) -> Visit | None:
        functions = self._functions(schema)
        of = shape(schema)
        if isinstance(of, Record) and of.scope:
            return self._struct_visit(schema, of, functions)
        make = _INNER.get(type(of))
        visit = make(self, of) if make is not None else None
        return _with(visit, self._raising(functions)) if functions else visit

    def _struct_visit(
        self, schema: Construct, of: Record, functions: tuple[Function, ...]
    ) -> Visit | None:
        # Of two fields of one name the value holds the last.
        last = {key: field for key, field in zip(of.keys, of.fields, strict=True) if key}
        visits = [(key, self._visit(field)) for key, field in last.items()]
        if not functions and not any(visit_field for _, visit_field in visits):
            return None
        raise_events = self._raising(functions) if functions else None
        fields = [(key, found) for key, found in visits if found is not None]
        # Where nobody hears of its fields, nothing has to be decided in it.
        if fields and self._reads_scope(schema):
            return _in_scope(visits, raise_events)
        whole = not any(map(may_stop, of.fields))

        def visit(
            value: Any, around: Any, params: Any, occasion: Occasion, raised: list[Event]
        ) -> None:
            if value is None:
                return
            for name, visit_field in fields if whole else [f for f in fields if f[0] in value]:
                visit_field(value[name], value, params, occasion, raised)
            if raise_events is not None:
                raise_events(value, occasion, raised)

        return visit

    def _same_visit(self, of: Any) -> Visit | None:
        return self._visit(of.part)

    def _adapted_visit(self, of: Adapted) -> Visit | None:
        return self._visit(of.part) if of.same else None

    def _kept_visit(self, of: Record) -> Visit | None:
        """The visit of a record whose parts see what is around it."""
        visits = [
            (key, found)
            for key, field in zip(of.keys, of.fields, strict=True)
            if (found := self._visit(field)) is not None
        ]

        def visit(
            value: Any, around: Any, params: Any, occasion: Occasion, raised: list[Event]
        ) -> None:
            if value is not None:
                for key, visit_part in visits:
                    visit_part(value[key], around, params, occasion, raised)

        return visit if visits else None

    def _row_visit(self, of: Row) -> Visit | None:
        visits = [(field.name, self._visit(field)) for field in of.fields]

        def visit(
            value: Any, around: Any, params: Any, occasion: Occasion, raised: list[Event]
        ) -> None:
            scope = _Scope(around, params)
            for (name, visit_part), item in zip(visits, value or (), strict=False):
                if visit_part is not None:
                    visit_part(item, scope, params, occasion, raised)
                if name:
                    scope[name] = item

        return visit

    def _focus_visit(self, of: Focus) -> Visit | None:
        names = [field.name for field in of.fields]
        if not isinstance(of.name, str) or of.name not in names:
            return None
        visit_part = self._visit(of.fields[names.index(of.name)])

        def visit(
            value: Any, around: Any, params: Any, occasion: Occasion, raised: list[Event]
        ) -> None:
            if value is not None and visit_part is not None:
                visit_part(value, _Scope(around, params), params, occasion, raised)

        return visit

    def _list_visit(self, of: Repeat) -> Visit | None:
        visit_item = self._visit(of.part)
        if visit_item is None:
            return None
        indexed = self._reads_scope(of.part)

        def visit(
            value: Any, around: Any, params: Any, occasion: Occasion, raised: list[Event]
        ) -> None:
            for index, item in enumerate(value or ()):
                if indexed and isinstance(around, _Scope):
                    around["_index"] = index
                visit_item(item, around, params, occasion, raised)

        return visit

    def _choice_visit(self, of: Choice) -> Visit | None:
        cases = {key: self._visit(case) for key, case in of.cases.items()}
        otherwise = self._visit(of.default)
        evaluate = _evaluation(of.key)
        if of.truth:
            return _branch_visit(lambda *where: bool(evaluate(*where)), cases, otherwise)
        return _branch_visit(evaluate, cases, otherwise)

    def _deferred_visit(self, of: Deferred) -> Visit | None:
        def visit(
            value: Any, around: Any, params: Any, occasion: Occasion, raised: list[Event]
        ) -> None:
            visit_part = self._visit(of.function())
            if visit_part is not None:
                visit_part(value, around, params, occasion, raised)

        return visit

    def _open_visit(self, of: Open) -> Visit | None:
        choice = of.choice
        where_of = _evaluation(choice.where)

        def visit_of(code: Any, where: str) -> Visit | None:
            schema = choice.look_up(self._registry, code, where)
            return self._entry_visit(choice.kind, code, schema)

        field = field_of_this(choice.key)
        if field is not None and not callable(choice.where):
            visits = _Visits(lambda code: visit_of(code, choice.where))
            return _field_visit(field, visits)
        code_of = _evaluation(choice.key)

        def visit(
            value: Any, around: Any, params: Any, occasion: Occasion, raised: list[Event]
        ) -> None:
            if value is not None:
                visit_part = visit_of(code_of(around, params), where_of(around, params))
                if visit_part is not None:
                    visit_part(value, around, params, occasion, raised)

        return visit

    def _entry_visit(self, kind: str, code: Any, schema: Construct) -> Visit | None:
        visit = self._visit(schema)
        functions = self._functions((kind, code))
        return _with(visit, self._raising(functions)) if functions else visit


_MAXIMUM_KEPT = 4096
# More constructs than any grammar has: those of a function that makes other ones each time it is called.
_MAXIMUM_SEEN = 5_000


class _Visits(dict[Any, Visit | None]):
    """The visits of what code points stand for, each made when it is first met."""

    def __init__(self, make: Callable[[Any], Visit | None]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, code: Any) -> Visit | None:
        with taken_apart():
            visit = self._make(code)
        if len(self) < _MAXIMUM_KEPT:
            self[code] = visit
        return visit


def _field_visit(field: str, visits: Mapping[Any, Visit | None]) -> Visit:
    """The visit of what a field beside it decides for."""

    def visit(
        value: Any, around: Any, params: Any, occasion: Occasion, raised: list[Event]
    ) -> None:
        if value is not None:
            visit_case = visits[around[field]]
            if visit_case is not None:
                visit_case(value, around, params, occasion, raised)

    return visit


_INNER: dict[type[Shape], Callable[[Walker, Any], Visit | None]] = {
    Named: Walker._same_visit,
    Sized: Walker._same_visit,
    Around: Walker._same_visit,
    Maybe: Walker._same_visit,
    Constant: Walker._same_visit,
    Adapted: Walker._adapted_visit,
    Record: Walker._kept_visit,
    Row: Walker._row_visit,
    Focus: Walker._focus_visit,
    Repeat: Walker._list_visit,
    Choice: Walker._choice_visit,
    Deferred: Walker._deferred_visit,
    Open: Walker._open_visit,
}


# Calling functions


RaiseEvents = Callable[[Any, Occasion, list[Event]], None]


def _raising(functions: tuple[Function, ...], wants: Callable[[type[Event]], bool]) -> RaiseEvents:
    """What calls functions, and takes the events that they return; and says where they fail, if that is wanted."""
    report = wants(ReporterError)

    def one(value: Any, occasion: Occasion, raised: list[Event]) -> None:
        try:
            result = first(value, occasion)
            if isinstance(result, Event):
                if result.ts is None and occasion.ts is not None:
                    result = _timed(result, occasion)
                raised.append(result)
            elif result is not None:
                raised.extend(_several(result, occasion, wants))
        except Exception as error:  # a user's function may raise anything
            if report:
                raised.append(reporter_error(first, error, occasion))

    def several(value: Any, occasion: Occasion, raised: list[Event]) -> None:
        for each in each_one:
            each(value, occasion, raised)

    first, *others = functions
    # Nearly every structure has one; a loop over it would be felt.
    each_one = [one, *(_raising((function,), wants) for function in others)]
    return several if others else one


def _several(result: Any, occasion: Occasion, wants: Callable[[type[Event]], bool]) -> list[Event]:
    """Those of several events that are asked for; they need not be of one class."""
    if not isinstance(result, Iterable) or isinstance(result, (str, bytes)):
        raise TypeError(f"an event function returns events, not {result!r}")
    found = []
    for event in result:
        if not isinstance(event, Event):
            raise TypeError(f"an event function returns events, not {event!r}")
        if wants(type(event)):
            found.append(_timed(event, occasion) if event.ts is None else event)
    return found


def _timed(event: Event, occasion: Occasion) -> Event:
    return event if occasion.ts is None else msgspec.structs.replace(event, ts=occasion.ts)


def reporter_error(function: Any, error: Exception, occasion: Occasion) -> ReporterError:
    """What becomes of an exception in a function that raises events: where in it, and which."""
    code = getattr(function, "__code__", None)
    traceback = error.__traceback__
    # Where what it returned is at fault, it is not in the traceback.
    location = f"{code.co_filename}, line {code.co_firstlineno}" if code is not None else ""
    while traceback is not None:
        frame = traceback.tb_frame.f_code
        if frame is code or code is None:
            location = f"{frame.co_filename}, line {traceback.tb_lineno}"
        traceback = traceback.tb_next
    name = getattr(function, "__name__", type(function).__name__)
    return ReporterError(occasion.c, f"{name}: {_said(error)}", location, ts=occasion.ts)


def schema_error(error: Exception, occasion: Occasion) -> ReporterError:
    """What becomes of an exception in a function of a schema, once its structure is parsed: it was given what it reads
    then, and is not given all of that now.
    """
    location, traceback = "", error.__traceback__
    while traceback is not None:
        file = traceback.tb_frame.f_code.co_filename
        if file != __file__ or not location:
            location = f"{file}, line {traceback.tb_lineno}"
        traceback = traceback.tb_next
    message = (
        f"events of this {occasion.message} may be missing: "
        f"which case was parsed cannot be told from the value: {_said(error)}"
    )
    return ReporterError(occasion.c, message, location, ts=occasion.ts)


def _said(error: Exception) -> str:
    try:
        what = str(error)
    except Exception:  # an exception of a user's own, which may fail at that too
        what = "(it does not say what)"
    return f"{type(error).__name__}: {what}"


def _in_scope(visits: list[tuple[str, Visit | None]], raise_events: RaiseEvents | None) -> Visit:
    """The visit of a structure in which something reads more than the fields beside it."""

    def visit(
        value: Any, around: Any, params: Any, occasion: Occasion, raised: list[Event]
    ) -> None:
        if value is None:
            return
        scope = _Scope(around, params)
        for name, visit_field in visits:
            if name not in value:
                break  # the structure ended before it
            if visit_field is not None:
                visit_field(value[name], scope, params, occasion, raised)
            scope[name] = value[name]
        if raise_events is not None:
            raise_events(value, occasion, raised)

    return visit


def _with(visit_inner: Visit | None, raise_events: RaiseEvents) -> Visit:
    """The visit of something that is no Struct, and that functions want to hear of."""

    def visit(
        value: Any, around: Any, params: Any, occasion: Occasion, raised: list[Event]
    ) -> None:
        if value is None:
            return
        if visit_inner is not None:
            visit_inner(value, around, params, occasion, raised)
        raise_events(value, occasion, raised)

    return visit


# Deciding as the parser decided

Evaluation = Callable[[Any, Any], Any]
"""What a choice decides by, from the structure around it and what the parser was told."""


def _evaluation(function: Any) -> Evaluation:
    name = field_of_this(function)
    if name is not None:
        return lambda around, params: around[name]
    if not callable(function):
        return lambda around, params: function
    if reading(function) is Reads.PARAMS:
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
        visit_case = cases.get(evaluate(around, params), otherwise)
        if visit_case is not None:
            visit_case(value, around, params, occasion, raised)

    return visit


def _is_scope_read(schema: Construct) -> bool:
    """Whether a construct decides by more than fields of the structure around it and what the parser was told."""
    of = shape(schema)
    match of:
        case Choice(key=key):
            return reading(key) is Reads.CONTEXT
        case Open(choice=choice):
            return Reads.CONTEXT in (reading(choice.key), reading(choice.where))
    return isinstance(of, Deferred)


def walker(wanted: frozenset[str] | None, registry: Registry) -> Walker:
    """The walk for a set of events, which all connections share."""
    walkers: dict[frozenset[str] | None, Walker] = registry.derived.setdefault("walkers", {})
    known = walkers.get(wanted)
    if known is None:
        if len(walkers) >= _MAXIMUM_WALKERS:
            walkers.clear()  # what analyzers use stays with them
        known = walkers[wanted] = Walker(wanted, registry)
    return known


_MAXIMUM_WALKERS = 64


class _Scope(dict[str, Any]):
    """The fields of a structure that are parsed already, as the expressions of its schema see them: with the structure
    around it as `_`, and what the parser was told as `_params`.
    """

    __slots__ = ()

    def __init__(self, around: Any, params: Any) -> None:
        super().__init__()
        self["_"] = around
        self["_params"] = params
        self["_root"] = around["_root"] if isinstance(around, _Scope) else self
        self["_index"] = around.get("_index") if isinstance(around, _Scope) else None
        self["_parsing"], self["_building"], self["_sizing"] = True, False, False

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None
