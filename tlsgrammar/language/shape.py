"""What a construct is made of and how it is taken apart: the one place that knows.

What may live here: the shapes that constructs have, which shape each construct of the library construct has, and what
follows from shapes alone (sizes, a copy with other parts). Compiler, walk, tree, strategies and whatever else takes
schemas apart ask `shape` and know nothing of constructs.

The plan: some eighty constructs come in some twenty shapes. A row of `_KNOWN` says for a class of construct's how to
tell the shape of one of its instances, and in which attributes the constructs are that it is made of. A class of our
own, or of a user's, says so itself:

    class Doubled(Subconstruct):
        _part_names = ("subcon",)

        def _shape(self):
            return Adapted(self.subcon)

The traps: a subclass that parses or builds in its own way is none of its base's shape, so that a row holds for those
only which do not. `Renamed` answers for every attribute of what it names, so that classes are asked and not instances.
Constructs compare by identity, but expressions in them compare to yet other expressions.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar, NamedTuple, TypeVar, dataclass_transform

import construct
from construct import Construct, Renamed
from construct.debug import Debugger, Probe

from .names import Names

__all__ = [
    "Adapted",
    "Around",
    "Boolean",
    "Check",
    "Choice",
    "Computed",
    "Constant",
    "Deferred",
    "Float",
    "Focus",
    "Maybe",
    "Named",
    "Nothing",
    "Number",
    "Open",
    "Raw",
    "Record",
    "Repeat",
    "Row",
    "Sealed",
    "Select",
    "Shape",
    "Sized",
    "Stop",
    "Tell",
    "Text",
    "Unknown",
    "bare",
    "chosen",
    "evaluate",
    "fixed_size",
    "functions",
    "held_constructs",
    "kept",
    "least_size",
    "may_stop",
    "parts",
    "shape",
    "taken_apart",
    "with_parts",
]

F = TypeVar("F", bound=Callable[..., Any])

Length = int | Callable[[Any], int]
"""A number, or a function of the context that gives one."""


# The shapes. The attribute `part` is what the value is taken from.


@dataclass_transform(frozen_default=True)
class _Shape:
    """What the shapes have in common: attributes as they are declared, in that order. (`dataclasses` would double the
    time that it takes to import the grammar.)
    """

    _names: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        cls._names = tuple(vars(cls).get("__annotations__", ()))
        type.__setattr__(cls, "__match_args__", cls._names)

    def __init__(self, *values: Any, **named: Any) -> None:
        vars(self).update(zip(self._names, values, strict=False), **named)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and all(
            getattr(self, name) is getattr(other, name)
            or getattr(self, name) == getattr(other, name)
            for name in self._names
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in self._names)
        return f"{type(self).__name__}({shown})"


class Number(_Shape):
    """An integer.

    Attributes:
        size: in bytes (in bits, within bits); None where it differs from one to the next.
        minimum, maximum: the values that it can have.
        code: of `struct`, for one that has such in the order of the network; empty for any other.
        signed, swapped: of one without a code, how its bytes are to be taken.
        names: those of its values, if they have any.
        closed: whether it can have no other values than those with names.
        varint: whether its first two bits say how many bytes it takes (RFC 9000 section 16).
    """

    size: int | None
    minimum: int
    maximum: int
    code: str = ""
    signed: bool = False
    swapped: bool = False
    names: Names | None = None
    closed: bool = False
    varint: bool = False


class Float(_Shape):
    """A floating-point number; `code` as of `Number`."""

    size: int
    code: str


class Boolean(_Shape):
    """A byte that is true where it is not zero."""


class Raw(_Shape):
    """Bytes.

    Attributes:
        length: how many; None for those that a length stands before, or that go on to the end.
        lengthfield: the construct of the length before them, if there is one.
        minimum, maximum: how many there may be.
        spare: of those that go on to the end, how many bytes are left there for what follows.
    """

    length: Length | None = None
    lengthfield: Construct | None = None
    minimum: int = 0
    maximum: int | None = None
    spare: int = 0


class Text(_Shape):
    """Bytes that are decoded."""

    part: Construct
    encoding: str


class Constant(_Shape):
    """Something that has one value only."""

    part: Construct
    value: Any


class Nothing(_Shape):
    """No bytes, and None."""


class Tell(_Shape):
    """No bytes, and where they would stand."""


class Computed(_Shape):
    """No bytes, and what a function of the context gives."""

    function: Any


class Check(_Shape):
    """No bytes, and a function of the context that has to be true."""

    function: Any


class Stop(_Shape):
    """No bytes; where a function of the context is true, the structure around it ends here."""

    function: Any


class Named(_Shape):
    """What the part is, where the part is: another name, another way to build it.

    Attributes:
        value: what is built where nothing is given, for one of which that can be said: a constant, or a function of
            the context.
        rebuilt: whether that is built whatever is given.
    """

    part: Construct
    value: Any = None
    rebuilt: bool = False


class Adapted(_Shape):
    """What a method `_decode` makes of the part's value.

    Attributes:
        same: whether that is but the part's value, after a look at it, or for another display.
        values: those that it can be, or some of them, if that is known.
    """

    part: Construct
    same: bool = False
    values: tuple[Any, ...] | None = None


class Sized(_Shape):
    """What the part is, in so many bytes.

    Attributes:
        length: how many; None where it stands before them.
        lengthfield: the construct of the length before them, if there is one.
        filled: whether the part has to fill them. If not, what it leaves is passed over.
        salvage: whether what stands around it can be read without it.
        padded: whether zeros are written where the part does not fill them.
    """

    part: Construct
    length: Length | None
    lengthfield: Construct | None
    filled: bool
    salvage: bool = False
    padded: bool = False


class Around(_Shape):
    """What the part is, in bytes that are found or changed in a way of its own.

    Attributes:
        elsewhere: whether the part does not stand in the bytes that are parsed: in bits, or decompressed.
        least: how many bytes it takes at least.
        size: how many it takes, where that is fixed.
        apart: whether it can be built and parsed without what stands around it.
        undrawn: why no values of it can be drawn, in words; empty where they can.
        bits: whether the part is made of bits, of which there are `8 * size`, the first one first.
    """

    part: Construct
    elsewhere: bool = False
    least: int = 0
    size: int | None = None
    apart: bool = True
    undrawn: str = ""
    bits: bool = False


class Maybe(_Shape):
    """What the part is, or None.

    Attributes:
        when: `left` where bytes are left, `fits` where they follow the part, `peek` likewise and without taking them.
    """

    part: Construct
    when: str


class Record(_Shape):
    """A mapping of names to the values of the parts, each with a context of its own around it.

    Attributes:
        fields: the parts.
        key: the name by which the value holds each; None where it does not.
        scope: whether the parts see each other in a context.
        overlay: whether all begin at the same byte, and any one of them is enough to build it.
    """

    fields: tuple[Construct, ...]
    keys: tuple[str | None, ...]
    scope: bool = True
    overlay: bool = False


class Row(_Shape):
    """A list of the values of the parts, which see each other in a context."""

    fields: tuple[Construct, ...]


class Focus(_Shape):
    """The value of one of several parts, which see each other in a context.

    Attributes:
        name: of the one, or a function of the context that gives it.
    """

    fields: tuple[Construct, ...]
    name: Any


class Repeat(_Shape):
    """A list of values of the part.

    Attributes:
        ends: with what: `count`, `end` (of the bytes), `length` (that stands before them), `misfit` (the first that
            cannot be read), `predicate`.
        count: how many there are.
        lengthfield: the construct of the length before them.
        minimum, maximum: how many bytes they may take.
        kept: whether the value holds them.
    """

    part: Construct
    ends: str
    count: Length | None = None
    lengthfield: Construct | None = None
    minimum: int = 0
    maximum: int | None = None
    kept: bool = True


class Choice(_Shape):
    """What one of the cases is: that of the value of a function of the context.

    Attributes:
        key: the function, or a constant.
        truth: whether it is only asked whether that is true.
    """

    key: Any
    cases: Mapping[Any, Construct]
    default: Construct
    truth: bool = False


class Select(_Shape):
    """What the first part is that the bytes follow. Its value does not say which."""

    fields: tuple[Construct, ...]


class Deferred(_Shape):
    """What the part is, which a function gives when it is needed: so that it can contain itself."""

    function: Callable[[], Construct]


class Open(_Shape):
    """What a registry has for a code point (see `open_types`).

    Attributes:
        choice: the construct that knows how to look it up.
        data: the construct of the bytes that it stands in, if it brings those along.
        given: the name of the field with those bytes, which may be given in its stead.
    """

    choice: Any
    data: Construct | None = None
    given: str | None = None


class Sealed(_Shape):
    """Something that is made of parts and cannot be seen into.

    Attributes:
        parts: they.
        why: in words.
    """

    parts: tuple[Construct, ...]
    why: str


class Unknown(_Shape):
    """A construct of which nothing is known."""


Shape = (
    Number | Float | Boolean | Raw | Text | Constant | Nothing | Tell | Computed | Check | Stop | Named
    | Adapted | Sized | Around | Maybe | Record | Row | Focus | Repeat | Choice | Select | Deferred | Open
    | Sealed | Unknown
)  # fmt: skip


# Which shape the constructs of construct have


def _format_field(schema: Any) -> Shape:
    order, code = schema.fmtstr
    size = schema.length
    network = order == ">" or size == 1
    if code == "?":
        return Boolean()
    if code in "efd":
        return Float(size, code if network else "")
    bits = 8 * size
    signed = code.islower()
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    return Number(size, low, high, code if network else "", signed, not network)


def _integer(schema: Any, bits_each: int) -> Shape:
    size, signed, swapped = schema.length, schema.signed, schema.swapped
    if not isinstance(size, int) or callable(swapped) or size <= 0:
        return Number(None, 0, 127)  # that much has room in any
    bits = bits_each * size
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    return Number(size, low, high, "", signed, bool(swapped))


def _labelled(schema: Any) -> Shape:
    return Adapted(schema.subcon, values=tuple(schema.encmapping))


def _flags(schema: Any) -> Shape:
    none = dict.fromkeys(schema.flags, False)
    each = [{**none, name: True} for name in schema.flags]
    return Adapted(schema.subcon, values=(none, *each, dict.fromkeys(schema.flags, True)))


def _validated(schema: Any) -> Shape:
    same = type(schema)._decode is construct.Validator._decode
    return Adapted(schema.subcon, same=same)


def _record(schema: Any) -> Shape:
    fields = tuple(schema.subcons)
    return Record(fields, tuple(field.name or None for field in fields))


def _union(schema: Any) -> Shape:
    fields = tuple(schema.subcons)
    return Record(fields, tuple(field.name or None for field in fields), overlay=True)


def _select(schema: Any) -> Shape:
    # Optional is a Select of something and Pass.
    if len(schema.subcons) == 2 and bare(schema.subcons[1]) is construct.Pass:
        return Maybe(schema.subcons[0], "fits")
    return Select(tuple(schema.subcons))


def _array(schema: Any) -> Shape:
    return Repeat(schema.subcon, "count", schema.count, kept=not schema.discard)


def _padded(schema: Any) -> Shape:
    size = schema.length if isinstance(schema.length, int) else None
    return Around(schema.subcon, least=size or 0, size=size)


def _transformed(schema: Any) -> Shape:
    size = schema.decodeamount
    bits = schema.decodefunc is construct.lib.bytes2bits
    return Around(schema.subcon, elsewhere=True, least=size or 0, size=size, bits=bits)


def _prefixed(schema: Any) -> Shape:
    if schema.includelength:
        return Around(schema.subcon, least=least_size(schema.lengthfield))
    return Sized(schema.subcon, None, schema.lengthfield, filled=False)


class _Known(NamedTuple):
    """What is known of a class of constructs.

    Attributes:
        shape: tells the shape of an instance.
        parts: the attributes that hold the constructs which it is made of: one, a list, or a mapping.
    """

    shape: Callable[[Any], Shape]
    parts: tuple[str, ...] = ()


_SUBCON = ("subcon",)
_SUBCONS = ("subcons",)


def _around(**facts: Any) -> _Known:
    return _Known(lambda schema: Around(schema.subcon, **facts), _SUBCON)


def _sealed(why: str, *attributes: str) -> _Known:
    def tell(schema: Any) -> Shape:
        found = [x for name in attributes for x in _constructs(getattr(schema, name))]
        return Sealed(tuple(found), why)

    return _Known(tell, attributes)


_LAZY = "it is parsed when it is asked for"

_KNOWN: dict[type, _Known] = {
    # integers and other numbers
    construct.FormatField: _Known(_format_field),
    construct.BytesInteger: _Known(lambda schema: _integer(schema, 8)),
    construct.BitsInteger: _Known(lambda schema: _integer(schema, 1)),
    type(construct.VarInt): _Known(lambda schema: Number(None, 0, 2**64 - 1)),
    type(construct.ZigZag): _Known(lambda schema: Number(None, -(2**63), 2**63 - 1)),
    type(construct.Flag): _Known(lambda schema: Boolean()),
    # bytes and text
    construct.Bytes: _Known(lambda schema: Raw(schema.length)),
    type(construct.GreedyBytes): _Known(lambda schema: Raw()),
    construct.StringEncoded: _Known(lambda schema: Text(schema.subcon, schema.encoding), _SUBCON),
    # without bytes
    type(construct.Pass): _Known(lambda schema: Nothing()),
    type(construct.Tell): _Known(lambda schema: Tell()),
    type(construct.Index): _Known(lambda schema: Computed(_index)),
    construct.Computed: _Known(lambda schema: Computed(schema.func)),
    construct.Check: _Known(lambda schema: Check(schema.func)),
    construct.StopIf: _Known(lambda schema: Stop(schema.condfunc)),
    type(construct.Terminated): _Known(lambda schema: Around(construct.Pass)),
    construct.Seek: _Known(lambda schema: Sealed((), "it moves through the bytes")),
    type(construct.Error): _Known(lambda schema: Sealed((), "it is always an error")),
    Probe: _Known(lambda schema: Around(construct.Pass)),
    # what the part is
    Renamed: _Known(lambda schema: Named(schema.subcon), _SUBCON),
    construct.Default: _Known(lambda schema: Named(schema.subcon, schema.value), _SUBCON),
    construct.Rebuild: _Known(lambda schema: Named(schema.subcon, schema.func, True), _SUBCON),
    construct.Const: _Known(lambda schema: Constant(schema.subcon, schema.value), _SUBCON),
    construct.Subconstruct: _around(),
    construct.Checksum: _Known(
        lambda schema: Around(schema.checksumfield, least=least_size(schema.checksumfield)),
        ("checksumfield",),
    ),
    construct.Padded: _Known(_padded, _SUBCON),
    construct.Aligned: _Known(
        lambda schema: Around(schema.subcon, least=least_size(schema.subcon)), _SUBCON
    ),
    construct.Pointer: _around(apart=False),
    construct.OffsettedEnd: _around(undrawn="where it ends depends on what follows it"),
    construct.NullTerminated: _Known(
        lambda schema: Around(schema.subcon, least=len(schema.term) if schema.require else 0),
        _SUBCON,
    ),
    construct.NullStripped: _around(),
    construct.RestreamData: _around(elsewhere=True),
    construct.Transformed: _Known(_transformed, _SUBCON),
    construct.Restreamed: _around(elsewhere=True),
    construct.ProcessXor: _around(elsewhere=True),
    construct.ProcessRotateLeft: _around(elsewhere=True),
    construct.Tunnel: _around(elsewhere=True),
    Debugger: _around(),
    construct.Compiled: _Known(lambda schema: Around(schema.defersubcon)),
    construct.FixedSized: _Known(
        lambda schema: Sized(schema.subcon, schema.length, None, filled=False, padded=True), _SUBCON
    ),
    construct.Prefixed: _Known(_prefixed, ("lengthfield", "subcon")),
    construct.Peek: _Known(lambda schema: Maybe(schema.subcon, "peek"), _SUBCON),
    construct.LazyBound: _Known(lambda schema: Deferred(schema.subconfunc)),
    # several
    construct.Struct: _Known(_record, _SUBCONS),
    construct.Union: _Known(_union, _SUBCONS),
    construct.Sequence: _Known(lambda schema: Row(tuple(schema.subcons)), _SUBCONS),
    construct.FocusedSeq: _Known(
        lambda schema: Focus(tuple(schema.subcons), schema.parsebuildfrom), _SUBCONS
    ),
    construct.RawCopy: _Known(
        lambda schema: Record((schema.subcon,), ("value",), scope=False), _SUBCON
    ),
    # one of several
    construct.IfThenElse: _Known(
        lambda schema: Choice(
            schema.condfunc, {True: schema.thensubcon}, schema.elsesubcon, truth=True
        ),
        ("thensubcon", "elsesubcon"),
    ),
    construct.Switch: _Known(
        lambda schema: Choice(schema.keyfunc, schema.cases, schema.default), ("cases", "default")
    ),
    construct.Select: _Known(_select, _SUBCONS),
    # lists
    construct.Array: _Known(_array, _SUBCON),
    construct.GreedyRange: _Known(
        lambda schema: Repeat(schema.subcon, "misfit", kept=not schema.discard), _SUBCON
    ),
    construct.RepeatUntil: _Known(
        lambda schema: Repeat(schema.subcon, "predicate", kept=not schema.discard), _SUBCON
    ),
    # other values
    construct.Adapter: _Known(lambda schema: Adapted(schema.subcon), _SUBCON),
    construct.Enum: _Known(_labelled, _SUBCON),
    construct.FlagsEnum: _Known(_flags, _SUBCON),
    construct.Mapping: _Known(_labelled, _SUBCON),
    construct.Validator: _Known(_validated, _SUBCON),
    construct.Hex: _Known(lambda schema: Adapted(schema.subcon, same=True), _SUBCON),
    construct.HexDump: _Known(lambda schema: Adapted(schema.subcon, same=True), _SUBCON),
    # what cannot be seen into
    construct.Lazy: _sealed(_LAZY, "subcon"),
    construct.LazyStruct: _sealed(_LAZY, "subcons"),
    construct.LazyArray: _sealed(_LAZY, "subcon"),
    construct.Rebuffered: _sealed("it waits for bytes that do not come", "subcon"),
    type(construct.Pickled): _Known(lambda schema: Sealed((), "it can be any object")),
    type(construct.Numpy): _Known(lambda schema: Sealed((), "it can be any array")),
}


def _index(context: Any) -> Any:
    return context.get("_index", None)


_METHODS = {"_parse", "_build", "_parsereport"}
_by_class: dict[type, _Known | None] = {}


def _known(schema: Construct) -> _Known | None:
    """What is known of the class of a construct, or of the next of its bases that it parses and builds as."""
    kind = type(schema)
    try:
        known = _by_class[kind]
    except KeyError:
        known = _by_class[kind] = _known_class(kind)
    return known if known is None or _METHODS.isdisjoint(vars(schema)) else None


def _known_class(kind: type) -> _Known | None:
    for base in kind.__mro__:
        known = _KNOWN.get(base)
        if known is not None:
            if "_stands_in" in vars(kind):
                return known  # of the guard: it parses as what it stands in for
            own = any(getattr(kind, name) is not getattr(base, name) for name in _METHODS)
            return None if own else known
    return None


class _Apart(threading.local):
    """What is known while a schema is taken apart, of each function of constructs what it answered; of each thread."""

    facts: defaultdict[Any, dict[Any, Any]] | None = None


_apart = _Apart()


@contextlib.contextmanager
def taken_apart() -> Iterator[None]:
    """While a schema is taken apart, ask for the facts about each construct once: all of a grammar is met again and again.

    They are forgotten afterwards, because a schema may be changed before it is used next.
    """
    if _apart.facts is not None:
        yield
        return
    _apart.facts = defaultdict(dict)
    try:
        yield
    finally:
        _apart.facts = None


def kept(function: F) -> F:
    """A function of constructs whose answers are kept while `taken_apart`. It takes no keywords."""

    @functools.wraps(function)
    def ask(schema: Construct, *more: Any) -> Any:
        facts = _apart.facts
        if facts is None:
            return function(schema, *more)
        known = facts[function]
        key = (schema, *more) if more else schema
        try:
            return known[key]
        except KeyError:
            pass  # an error of the function is none of this one
        answer = known[key] = function(schema, *more)
        return answer

    return ask  # type: ignore[return-value]


@kept
def shape(schema: Construct) -> Shape:
    """The shape of a construct."""
    own: Callable[[Any], Shape] | None = getattr(type(schema), "_shape", None)
    if own is not None:
        return own(schema)
    known = _known(schema)
    return Unknown() if known is None else known.shape(schema)


# Parts


def _constructs(held: Any) -> list[Construct]:
    """The constructs that an attribute holds."""
    if isinstance(held, Construct):
        return [held]
    if isinstance(held, Mapping):
        return list(held.values())
    return list(held) if isinstance(held, (list, tuple)) else []


def _part_names(schema: Construct) -> tuple[str, ...]:
    own: tuple[str, ...] | None = getattr(type(schema), "_part_names", None)
    if own is not None:
        return own
    known = _known(schema)
    return () if known is None else known.parts


@kept
def parts(schema: Construct) -> tuple[Construct, ...]:
    """The constructs that a construct is made of; of a `Deferred` or `Open` one those that are not looked up."""
    found: list[Construct] = []
    for name in _part_names(schema):
        found += _constructs(getattr(schema, name, None))
    return tuple(found)


def held_constructs(schema: Construct) -> list[Construct]:
    """All constructs that a construct of any class holds on to, wherever."""
    found: list[Construct] = []
    waiting: list[Any] = [*vars(schema).values()]
    for base in type(schema).__mro__:
        if base in _KNOWN:
            waiting += [getattr(schema, name, None) for name in _KNOWN[base].parts]
        elif base not in (Construct, object):
            waiting += vars(base).values()
    while waiting:
        held = waiting.pop()
        if isinstance(held, Construct):
            if held is not schema and held not in found:
                found.append(held)
        elif isinstance(held, Mapping):
            waiting += held.values()
        elif isinstance(held, (list, tuple, set, frozenset)):
            waiting += held
    return found


def with_parts(schema: Construct, replace: Callable[[Construct], Construct]) -> Construct:
    """A copy of a construct with other parts in the place of its own; itself where all stay the same.

    Args:
        schema: the construct.
        replace: gives what stands in the place of a part.
    """
    changed: dict[str, Any] = {}
    for name in _part_names(schema):
        held = getattr(schema, name, None)
        new: Any
        if isinstance(held, Construct):
            new = replace(held)
            same = new is held
        elif isinstance(held, Mapping):
            new = {key: replace(part) for key, part in held.items()}
            same = all(new[key] is part for key, part in held.items())
        elif isinstance(held, (list, tuple)):
            new = [replace(part) for part in held]
            same = all(a is b for a, b in zip(new, held, strict=True))
        else:
            continue
        if not same:
            changed[name] = new
    if not changed:
        return schema
    clone = copy.copy(schema)
    for name, new in changed.items():
        setattr(clone, name, new)
    return clone


def bare(schema: Construct) -> Construct:
    """A construct without the names it was given."""
    while isinstance(schema, Renamed):
        schema = schema.subcon
    return schema


# Functions of the context


def evaluate(function: Any, context: Any) -> Any:
    """What a function of the context, or a constant in its place, gives."""
    return function(context) if callable(function) else function


def functions(of: Shape) -> list[Any]:
    """The functions of the context that a construct of a shape evaluates itself when it parses."""
    found: tuple[Any, ...] = ()
    match of:
        case Computed(function) | Check(function) | Stop(function):
            found = (function,)
        case Raw(length=length) | Sized(length=length):
            found = (length,)
        case Repeat(count=count):
            found = (count,)
        case Choice(key=key):
            found = (key,)
        case Focus(name=name):
            found = (name,)
    return [function for function in found if callable(function)]


def chosen(schema: Construct, context: Any) -> Construct:
    """What a choice decides for; any other construct is itself."""
    of = shape(schema)
    if isinstance(of, Open) and of.choice is schema:
        return of.choice.schema(context)
    if not isinstance(of, Choice):
        return schema
    key = evaluate(of.key, context)
    return of.cases.get(bool(key) if of.truth else key, of.default)


# Sizes


@kept
def least_size(schema: Construct) -> int:
    """How many bytes a construct takes at least, whatever they are."""
    of = shape(schema)
    match of:
        case Number(size=size):
            return 1 if size is None else size
        case Float(size=size):
            return size
        case Boolean():
            return 1
        case Raw(length=length, lengthfield=field, minimum=minimum):
            if field is not None:
                return least_size(field) + minimum
            return length if isinstance(length, int) else 0
        case Constant(part=part) | Named(part=part) | Adapted(part=part) | Text(part=part):
            return least_size(part)
        case Sized(length=length, lengthfield=field):
            if field is not None:
                return least_size(field)
            return length if isinstance(length, int) else 0
        case Around(least=least):
            return least
        case Record(fields=fields, overlay=False) | Row(fields=fields) | Focus(fields=fields):
            return sum(map(least_size, _before_stop(fields)))
        case Repeat(lengthfield=field, minimum=minimum, count=count, part=part):
            if field is not None:
                return least_size(field) + minimum
            return count * least_size(part) if isinstance(count, int) else 0
        case Choice(cases=cases, default=default):
            return min(map(least_size, (*cases.values(), default)))
        case Select(fields=fields):
            return min(map(least_size, fields), default=0)
        case Open(data=data):
            return 0 if data is None else least_size(data)
    return 0


def _before_stop(fields: tuple[Construct, ...]) -> Iterable[Construct]:
    """The fields that are there in any case."""
    for field in fields:
        if may_stop(field):
            return
        yield field


@kept
def may_stop(schema: Construct) -> bool:
    """Whether a construct may end the structure that it stands in (construct's StopIf)."""
    of = shape(schema)
    if isinstance(of, Stop):
        return True
    if isinstance(of, Record | Row) or (isinstance(of, Repeat) and of.ends == "misfit"):
        return False  # they end themselves
    return any(map(may_stop, parts(schema)))


def fixed_size(schema: Construct) -> int | None:
    """How many bytes a construct takes, where they are always as many; None where not."""
    match shape(schema):
        case Number(size=size) | Around(size=size):
            return size
        case Float(size=size):
            return size
        case Boolean():
            return 1
        case Nothing() | Tell() | Computed() | Check():
            return 0
        case Raw(length=length) if isinstance(length, int):
            return length
        case Sized(length=length) if isinstance(length, int):
            return length
        case Constant(part=part) | Named(part=part) | Adapted(part=part) | Text(part=part):
            return fixed_size(part)
        case Record(fields=fields, overlay=False) | Row(fields=fields) | Focus(fields=fields):
            sizes = [None if may_stop(field) else fixed_size(field) for field in fields]
            return None if None in sizes else sum(size for size in sizes if size is not None)
        case Repeat(count=count, part=part) if isinstance(count, int):
            each = fixed_size(part)
            return None if each is None else count * each
        case Choice(cases=cases, default=default):
            each_one = {fixed_size(case) for case in (*cases.values(), default)}
            return each_one.pop() if len(each_one) == 1 else None
    return None
