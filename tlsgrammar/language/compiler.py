"""Schemas as straight-line Python: the fast way through well-formed bytes.

What may live here: turning a schema, by its shape, into a function over a buffer with an offset. Layouts stay where
they are declared; what constructs are made of is for `shape` to know.

The goal: the value that the schema itself parses, at the speed of a parser written by hand. The plan: one function for
each schema, into which all is written that is known when it is compiled: fields of fixed size are unpacked together, a
field that is read by another is a variable, and a context is made only where something reads one. What is decided by
the bytes (cases, extensions) is another function, compiled when it is first met. A construct that has no short way is
parsed by itself, in its place.

The traps. The function knows only the happy path: whatever is wrong with the bytes makes it give up, by an exception,
and the caller has the schema itself parse them again, which knows what is wrong and where. So it may not give up on
bytes that follow the schema (slow), nor take any that do not (wrong), nor catch what `Optional` or `Peek` would not.
Fields of the same name stand in different structures: `this.x` is the variable only where `x` is a field of this
structure, and a context that anything reads has to be that of the innermost structure around it. What a registry has
for a code point is not known when the structure around it is compiled, and may read that structure all the same: then
the parser stops, and another one takes its place which makes every context.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import construct
from construct import Construct, ConstructError, Container, ListContainer

from .expressions import Reads, field_of_this, levels_of_this, operands, reading
from .guard import guarded
from .open_types import OpenChoice, OpenTypes, nests, registry_of
from .presentation import Window, deeper, wide_varint, without_streams
from .shape import (
    Adapted,
    Around,
    Boolean,
    Check,
    Choice,
    Computed,
    Constant,
    Deferred,
    Float,
    Focus,
    Maybe,
    Named,
    Nothing,
    Number,
    Open,
    Raw,
    Record,
    Repeat,
    Row,
    Shape,
    Sized,
    Stop,
    Tell,
    Text,
    Unknown,
    functions,
    least_size,
    may_stop,
    parts,
    shape,
    taken_apart,
)

__all__ = [
    "FAST",
    "GIVES_UP",
    "Deviation",
    "Emitter",
    "How",
    "NotAtHand",
    "Parser",
    "Place",
    "ReadsAround",
    "by_itself",
    "compiled",
    "compiled_alone",
    "fields",
    "fixed",
    "innermost",
    "is_compiled",
    "joined",
]

Parser = Callable[..., tuple[Any, int]]
"""A compiled schema: takes the data, where the structure begins in them, where at the latest it ends, where
what encloses it begins, and the context (and what `How` adds); returns the value and where it ended. Raises any
exception where the data do not follow the schema."""

_MAXIMUM_KEPT = 4096


class Deviation(ConstructError):  # type: ignore[misc]
    """The bytes do not follow the schema; the schema itself says how."""


GIVES_UP = (ConstructError, IndexError, struct.error)
"""By what a compiled parser gives up, other than by an exception of a function in the schema: by what constructs
raise, and at the end of the data."""


class _TooDeep(Exception):
    """A schema is nested deeper than Python's source can be."""


class ReadsAround(Exception):
    """What a registry has for a code point reads a structure around it, whose context was not made."""


class _NotAtHandError(BaseException):
    """A function reads of its context what construct alone can put there: the stream, the constructs of the structure.

    Nothing that it is called by may take it for an error of its own.
    """


class NotAtHand(Exception):
    """The same, once it has left the parser: only the schema itself can parse this."""


class _NotAtHand:
    """Stands in a context for what is not at hand."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)  # of Python, and not of a stream
        raise _NotAtHandError(name)

    def __getitem__(self, key: Any) -> Any:
        raise _NotAtHandError

    def __iter__(self) -> Any:
        raise _NotAtHandError

    def __len__(self) -> int:
        raise _NotAtHandError

    def __bool__(self) -> bool:
        raise _NotAtHandError

    def __contains__(self, key: Any) -> bool:
        raise _NotAtHandError


# In a tuple, because whoever inspects a module asks all that is in it for attributes.
_INSTEAD = (_NotAtHand(),)


_readers: dict[tuple[Construct, bool], bool] = {}  # what _reads_context has found


class How:
    """A way to compile schemas, and the parsers that are compiled so.

    Args:
        emitter: the class of what writes their source.
        by_itself: what parses a construct that is not known here.
        contexts: the same, where the context of every structure is made, for what is looked up in a registry, and not
            only of those in which something is known to read it; None for one that does so itself.
    """

    __slots__ = ("alone", "by_itself", "contexts", "emitter", "parsers")

    def __init__(
        self, emitter: type[Emitter], by_itself: Parser, contexts: How | None = None
    ) -> None:
        self.emitter = emitter
        self.by_itself = by_itself
        self.contexts = contexts
        self.parsers: dict[Construct, Parser] = {}
        self.alone: dict[Construct, Parser] = {}

    @property
    def in_contexts(self) -> How:
        """The same, making all contexts."""
        return self.contexts or self


def compiled(schema: Construct, how: How | None = None) -> Parser:
    """The parser of a schema, which is compiled at its first use.

    Args:
        schema: the schema.
        how: the way; the fast one where it is None.
    """
    how = how or FAST
    known = how.parsers
    parser = known.get(schema)
    if parser is None:
        with _one_at_a_time, taken_apart():
            if len(known) >= _MAXIMUM_KEPT:  # of a program that makes schemas as it runs
                known.clear()
                _readers.clear()
            try:
                parser = how.emitter(how).compile(schema)
            except _TooDeep:
                parser = _interpreter(schema, how)
            known[schema] = parser
    return parser


def compiled_alone(schema: Construct, how: How | None = None) -> Parser:
    """The parser of a schema that stands in no other, so that the context that it is given may be shared."""
    how = how or FAST
    parser = how.alone.get(schema)
    if parser is None:
        with _one_at_a_time, taken_apart():
            if len(how.alone) >= _MAXIMUM_KEPT:
                how.alone.clear()
            parser = compiled(schema, how)
            if _reads_context(schema, False):
                parser = _in_own_context(parser)
            if nests(schema):
                parser = _or_in_contexts(parser, schema, how)
            how.alone[schema] = parser
    return parser


# What is found out about a schema while it is compiled is not for another thread before it is all known.
_one_at_a_time = threading.RLock()


def _or_in_contexts(parser: Parser, schema: Construct, how: How) -> Parser:
    """A parser that begins again, with all contexts, where something that it meets reads one that it has not made; and
    begins so the next time.
    """
    in_contexts: Parser | None = None  # few schemas ever need it

    def parse_or_in_contexts(
        data: bytes | bytearray, p: int, end: int, start: int, context: Any, *more: Any
    ) -> tuple[Any, int]:
        nonlocal in_contexts
        # In nearly all programs, nothing in a registry reads what is around it.
        if in_contexts is None or schema not in _meets_readers(context["_params"]["extensions"]):
            try:
                return parser(data, p, end, start, context, *more)
            except ReadsAround:
                _meets_readers(context["_params"]["extensions"])[schema] = True
                if in_contexts is None:
                    in_contexts = _in_own_context(compiled(schema, how.in_contexts))
        return in_contexts(data, p, end, start, context, *more)

    return parse_or_in_contexts


def _meets_readers(registry: OpenTypes | None) -> dict[Construct, bool]:
    """The schemas in which something from a registry, the default one where it is None, reads what is around it."""
    return (registry or _default()).derived.setdefault("meets readers", {})


def _in_own_context(parser: Parser) -> Parser:
    """A parser that leaves nothing in the context that it is given: not for the next one, nor for another thread."""

    def parse_in_own_context(
        data: bytes | bytearray, p: int, end: int, start: int, context: Any, *more: Any
    ) -> tuple[Any, int]:
        own = Container(context)
        own["_params"] = own
        try:
            return parser(data, p, end, start, own, *more)
        except _NotAtHandError as error:
            raise NotAtHand(*error.args) from None

    return parse_in_own_context


def is_compiled(schema: Construct) -> bool:
    """Whether a construct is written out where it stands, and not parsed by itself."""
    return _emit_of(schema) is not None


def by_itself(
    schema: Construct,
    data: bytes | bytearray,
    p: int,
    end: int,
    start: int,
    context: Any,
    path: str = "(parsing)",
) -> tuple[Any, int]:
    """Parse a construct that is not known here."""
    window = Window(data, start, start, end)
    window.seek(p - start)
    try:
        value = schema._parsereport(window, context, path)
    except construct.StopFieldError as error:
        raise Deviation("what is parsed by itself ends the structure around it") from error
    if window.tell() > window.size:
        raise Deviation("it moves behind the end")
    return without_streams(value), start + window.tell()


def _nothing(
    data: bytes | bytearray, p: int, end: int, start: int, context: Any, *more: Any
) -> tuple[None, int]:
    """The parser of what is not there."""
    return None, p


def _interpreter(schema: Construct, how: How) -> Parser:
    watched = guarded(schema)

    def parser(
        data: bytes | bytearray, p: int, end: int, start: int, context: Any, *more: Any
    ) -> tuple[Any, int]:
        return how.by_itself(watched, data, p, end, start, context, *more)

    return parser


def _context(around: Any) -> Container:
    """The context of a structure, as construct's own Struct makes it."""
    context = Container()
    context["_"] = around
    context["_params"] = around["_params"]
    context["_root"] = around.get("_root", context)
    context["_parsing"] = True
    context["_building"] = False
    context["_sizing"] = False
    context["_subcons"] = _INSTEAD[0]
    context["_io"] = _INSTEAD[0]
    context["_index"] = around.get("_index")
    return context


class _Layouts(dict[int, struct.Struct]):
    """How integers of one size are laid out in so many bytes."""

    def __init__(self, code: str) -> None:
        super().__init__()
        self._code = code
        self._size = struct.calcsize(">" + code)

    def __missing__(self, length: int) -> struct.Struct:
        count, rest = divmod(length, self._size)
        if rest:
            raise Deviation
        layout = struct.Struct(f">{count}{self._code}")
        if length < _LONG:
            self[length] = layout
        return layout


# A vector of more bytes than this is met too rarely to keep its layout.
_LONG = 4096
_INTEGERS = {code: _Layouts(code) for code in "bhHlLqQefd"}


class _Cases(dict[Any, Parser]):
    """The parsers of the cases of a choice, each compiled when it is first met."""

    def __init__(self, choice: Choice, how: How) -> None:
        super().__init__()
        self._choice = choice
        self._how = how

    def __missing__(self, key: Any) -> Parser:
        case = self._choice.cases.get(key)
        if case is None:
            # Not kept under its key: there is no end of keys.
            return compiled(self._choice.default, self._how)
        parser = self[key] = compiled(case, self._how)
        return parser


class _LookedUp(NamedTuple):
    """How what stands in an open type is looked up.

    Attributes:
        choice, where: in the registry.
        body: whether it brings along the bytes that it stands in.
        how: the way to compile it.
    """

    choice: OpenChoice
    where: str
    body: bool
    how: How


class _Opened(dict[Any, Parser | None]):
    """The parsers of what a registry has for the code points of an open type; of what it has not, that of the default,
    or None where there is nothing to parse then.
    """

    def __init__(self, registry: OpenTypes, by: _LookedUp) -> None:
        super().__init__()
        self._kind = None if by.body else by.choice.kind  # by way of which its depth is counted
        self._registry = registry
        self._by = by

    def __missing__(self, code: Any) -> Parser | None:
        with _one_at_a_time, taken_apart():
            return self._compile(code)

    def schema(self, code: Any) -> Construct:
        """The schema of a code point."""
        return self._by.choice.look_up(self._registry, code, self._by.where)

    def _compile(self, code: Any) -> Parser | None:
        choice, _, body, how = self._by
        since = self._registry.generation
        schema = self.schema(code)
        if how.contexts is not None and schema is not choice.default and _reaches_out(schema, 0):
            raise ReadsAround
        parser = None if schema is construct.Pass else compiled(schema, how)
        if (
            parser is not None
            and not isinstance(shape(schema), Record)
            and _reads_context(schema, False)
        ):
            parser = _in_copied_context(parser)  # a list leaves there how many elements it has had
        if parser is not None and nests(schema, self._kind) and schema is not choice.default:
            parser = _limited(parser)
        if parser is not None and body:
            known = self._registry.entries(choice.kind).get(code)
            parser = how.emitter.of_body(parser, schema, "" if known is None else known.name)
        if len(self) < _MAXIMUM_KEPT:
            self._registry.keep(self, code, parser, since)
        return parser


def _opened(registry: OpenTypes | None, by: _LookedUp) -> _Opened:
    """The parsers of an open type in a registry; in the default one where it is None."""
    registry = registry or _default()
    opened = registry.derived.get(by)
    if opened is None:
        opened = registry.derived[by] = _Opened(registry, by)
    return opened  # type: ignore[return-value]


def _default() -> OpenTypes:
    return registry_of({"_params": {}})  # type: ignore[no-any-return]


def _in_copied_context(parser: Parser) -> Parser:
    """A parser that leaves nothing in the context of the structure around it."""

    def parse_in_copied_context(
        data: bytes | bytearray, p: int, end: int, start: int, context: Any, *more: Any
    ) -> tuple[Any, int]:
        return parser(data, p, end, start, Container(context), *more)

    return parse_in_copied_context


def _limited(parser: Parser) -> Parser:
    """A parser that gives up where it stands too deep in itself."""

    def limited(
        data: bytes | bytearray, p: int, end: int, start: int, context: Any, *more: Any
    ) -> tuple[Any, int]:
        path = joined(more[0]) if more else ""
        return parser(data, p, end, start, deeper(context, Window(b"", p), path), *more)

    return limited


def _deferred(function: Callable[[], Construct], how: How) -> Parser:
    """The parser of what a function gives; as a rule it is the same each time."""
    last: list[Any] = [None, None]

    def parser(
        data: bytes | bytearray, p: int, end: int, start: int, context: Any, *more: Any
    ) -> tuple[Any, int]:
        schema = function()
        if last[0] is None:
            last[:] = [schema, _limited(compiled(schema, how))]
        if last[0] is schema:
            return last[1](data, p, end, start, context, *more)  # type: ignore[no-any-return]
        inside = deeper(context, Window(b"", p), joined(more[0]) if more else "")
        return how.by_itself(guarded(schema), data, p, end, start, inside, *more)

    return parser


def joined(path: Any) -> str:
    """A path as construct writes it: from one that is kept as pairs of a path and a step, which is a name, the index of
    an element, or the list of those before it.
    """
    steps = []
    while type(path) is tuple:
        path, step = path
        if type(step) is str:
            steps.append(f" -> {step}")
        else:
            steps.append(f"[{step if type(step) is int else len(step)}]")
    return path + "".join(reversed(steps))  # type: ignore[no-any-return]


class Place(NamedTuple):
    """Where in the source of a parser a construct is parsed.

    Attributes:
        end: an expression for where in the data what encloses it ends.
        context: the variable with the context.
        fields: the variables of the fields before it in its structure, by name; and of the structure.
        start: the variable with where in the data what encloses it begins.
        indexed: whether somebody may read from the context how many elements a list has had.
        path: an expression for where in the grammar it is, as `joined` takes it, for those who say so.
    """

    end: str
    context: str
    fields: dict[str, str]
    start: str
    indexed: bool
    path: str = "path"


# So deep may loops and the like stand in each other: Python allows twenty.
_DEEPEST = 16


class Emitter:
    """Writes the source of one parser, in which `p` is the offset in `data`."""

    arguments = "data, p, end, start, context"

    def __init__(self, how: How) -> None:
        self._how = how
        self._contexts = how.contexts is None
        self._lines: list[str] = []
        self._depth = 1
        self._names: dict[str, Any] = {
            "Container": Container,
            "Deviation": Deviation,
            "ExplicitError": construct.ExplicitError,
            "GIVES_UP": GIVES_UP,
            "ListContainer": ListContainer,
            "ReadsAround": ReadsAround,
            "StopFieldError": construct.StopFieldError,
            "by_itself": how.by_itself,
            "wide_varint": wide_varint,
            "make_context": _context,
            "integers": _INTEGERS,
            "nothing": _nothing,
            "opened": _opened,
        }
        self._count = 0
        # The variables with the parsers of open types, by how those are looked up.
        self._opened: dict[_LookedUp, str] = {}

    @staticmethod
    def of_body(parser: Parser, schema: Construct, name: str) -> Parser:
        """What is called where a body is parsed that a registry has a schema for, in the place of its parser.

        Args:
            parser: that.
            schema: the schema.
            name: that of its entry.
        """
        return parser

    def compile(self, schema: Construct) -> Parser:
        indexed = self._contexts or _reads_context(schema, False)
        value = self._emit(schema, Place("end", "context", {}, "start", indexed))
        self._find_opened(0, self._opened)
        return self._function(self.arguments, f"{value}, p", schema)

    def _find_opened(self, line: int, which: Iterable[_LookedUp]) -> None:
        """Write before a line how the parsers of open types are found, once for all that is behind it."""
        found = []
        for by in which:
            # The table of the default registry is at hand: it is emptied, but never another one.
            default = self._constant(_opened(None, by))
            found += [
                'r = context["_params"]["extensions"]',
                f"{self._opened[by]} = {default} if r is None else opened(r, {self._constant(by)})",
            ]
        self._lines[line:line] = [" " * self._depth + text for text in found]

    def _function(self, arguments: str, value: str, schema: Construct) -> Callable[..., Any]:
        source = "\n".join([f"def parser({arguments}):", *self._lines, f" return {value}"])
        exec(
            compile(source, f"<compiled {type(schema).__name__} {schema.name}>", "exec"),
            self._names,
        )
        function: Callable[..., Any] = self._names["parser"]
        return function

    # Writing

    def _line(self, text: str) -> None:
        self._lines.append(" " * self._depth + text)

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise _TooDeep

    def _call(self, parser: str, at: Place, *before: str) -> str:
        """The call of another parser, or of what takes something before that."""
        arguments = ("data", "p", at.end, at.start, at.context, *self._more(at))
        return f"{parser}({', '.join((*before, *arguments))})"

    def _more(self, at: Place) -> tuple[str, ...]:
        """What is handed on besides."""
        return ()

    def _variable(self) -> str:
        self._count += 1
        return f"v{self._count}"

    def _constant(self, value: Any) -> str:
        if type(value) in (int, str, bytes, bool, type(None)):
            return repr(value)
        self._count += 1
        name = f"k{self._count}"
        self._names[name] = value
        return name

    def _must(self, condition: str) -> None:
        self._line(f"if not ({condition}): raise Deviation")

    # Constructs

    def _emit(self, schema: Construct, at: Place) -> str:
        """Write how a construct is parsed at a place; an expression for its value."""
        emit = _emit_of(schema)
        if emit is None:
            return self._unknown(schema, at)
        return getattr(self, emit)(schema, shape(schema), at)  # type: ignore[no-any-return]

    def _unknown(self, schema: Construct, at: Place) -> str:
        value, constant = self._variable(), self._constant(guarded(schema))
        self._line(f"{value}, p = {self._call('by_itself', at, constant)}")
        return value

    def _fixed_run(
        self, schemas: list[Construct], at: Place, named: list[Construct] | None = None
    ) -> list[str]:
        """Several integers and bytes of fixed sizes in one go; the expressions of their values.

        Args:
            schemas: the constructs of those.
            at: where the first stands.
            named: those that they are parsed in the name of, where they are others.
        """
        layout = ">"
        size = 0
        values, targets = [], []
        for schema in schemas:
            code, length = fixed(schema)
            size += length
            if code in _IN_TWO_PARTS:
                high, low = self._variable(), self._variable()
                targets += [high, low]
                values.append(f"({high} << {_IN_TWO_PARTS[code]} | {low})")
            else:
                targets.append(self._variable())
                values.append(targets[-1])
            layout += code
        self._must_fit(size, schemas, named or schemas, at)
        if layout == ">B":
            self._line(f"{targets[0]} = data[p]")
        else:
            unpack = self._constant(struct.Struct(layout).unpack_from)
            self._line(f"{', '.join(targets)}, = {unpack}(data, p)")
        self._line(f"p += {size}")
        return values

    def _must_fit(
        self, size: int, schemas: list[Construct], named: list[Construct], at: Place
    ) -> None:
        self._must(f"p + {size} <= {at.end}")

    def _number(self, schema: Construct, of: Any, at: Place) -> str:
        if fixed(schema)[0]:
            return self._fixed_run([schema], at)[0]
        value = self._variable()
        if of.varint:
            self._must(f"p < {at.end}")
            self._line(f"{value} = data[p]")
            self._line(f"if {value} < 64: p += 1")
            self._line(f"else: {value}, p = wide_varint(data, p, {at.end})")
            self._must_be_known(value, of)
            return value
        order = "little" if of.swapped else "big"
        self._must(f"p + {of.size} <= {at.end}")
        self._line(
            f"{value} = int.from_bytes(data[p:p + {of.size}], {order!r}, signed={bool(of.signed)})"
        )
        self._line(f"p += {of.size}")
        self._must_be_known(value, of)
        return value

    def _must_be_known(self, value: str, of: Number) -> None:
        if of.closed:
            self._must(f"{value} in {self._constant(of.names)}")

    def _bits(self, schema: Construct, of: Around, at: Place) -> str:
        value, bits = self._variable(), self._variable()
        assert of.size is not None
        self._must(f"p + {of.size} <= {at.end}")
        taken = "data[p]" if of.size == 1 else f"int.from_bytes(data[p:p + {of.size}], 'big')"
        self._line(f"{bits} = {taken}")
        self._line(f"p += {of.size}")
        self._line(f"{value} = Container()")
        left = 8 * of.size
        for field, width, shown in _bit_fields(of) or ():
            left -= width
            one = f"{bits} >> {left} & {(1 << width) - 1}"
            if isinstance(shown, Constant):
                self._must(f"{one} == {self._constant(shown.value)}")
            if field.name:
                kept = f"{one} != 0" if isinstance(shown, Boolean) else one
                self._line(f"{value}[{field.name!r}] = {kept}")
        return value

    def _boolean(self, schema: Construct, of: Any, at: Place) -> str:
        value = self._variable()
        self._must(f"p < {at.end}")
        self._line(f"{value} = data[p] != 0")
        self._line("p += 1")
        return value

    def _named(self, schema: Construct, of: Any, at: Place) -> str:
        return self._emit(of.part, at)

    def _named_place(self, schema: Construct, at: Place) -> Place:
        """The place of what a construct names, where it is emitted without that."""
        return at

    def _item_place(self, index: str, at: Place) -> Place:
        """The place of an element; `index` is a variable with its index, or with the elements before it."""
        return at

    def _adapted(self, schema: Construct, of: Any, at: Place) -> str:
        inner = self._emit(of.part, at)
        value, constant = self._variable(), self._constant(schema._decode)
        self._line(f'{value} = {constant}({inner}, {at.context}, "(parsing)")')
        return value

    def _fixed_value(self, schema: Construct, of: Any, at: Place) -> str:
        value = self._emit(of.part, at)
        self._must(f"{value} == {self._constant(of.value)}")
        return value

    def _nothing(self, schema: Construct, of: Any, at: Place) -> str:
        return "None"

    def _tell(self, schema: Construct, of: Any, at: Place) -> str:
        value = self._variable()
        self._line(f"{value} = p - {at.start}")
        return value

    def _computed(self, schema: Construct, of: Any, at: Place) -> str:
        return self._expression(of.function, at)

    def _check(self, schema: Construct, of: Any, at: Place) -> str:
        self._must(self._expression(of.function, at))
        return "None"

    def _stop(self, schema: Construct, of: Any, at: Place) -> str:
        self._line(f"if {self._expression(of.function, at)}: raise StopFieldError")
        return "None"

    # Structures

    def _struct(self, schema: Construct, of: Any, at: Place) -> str:
        value = self._variable()
        self._line(f"{value} = Container()")
        if any(map(may_stop, of.fields)):
            self._line("try:")
            self._deeper()
            self._fields(of.fields, at, value)
            self._line("pass")
            self._depth -= 1
            self._line("except StopFieldError: pass")
        else:
            self._fields(of.fields, at, value)
        return value

    def _focus(self, schema: Construct, of: Any, at: Place) -> str:
        return self._fields(of.fields, at, None)[of.name]

    def _fields(
        self, schemas: tuple[Construct, ...], at: Place, value: str | None
    ) -> dict[str, str]:
        """Write how the fields of a structure are parsed; the variables with their values.

        Args:
            schemas: the fields.
            at: where the structure stands.
            value: the variable with the structure, which takes the fields.
        """
        own_context = at.context
        own_fields = {} if value is None else {_WHOLE: value}
        whole = value is not None
        needs_context = (
            self._contexts
            or any(_reads_context(field, whole) for field in schemas)
            or (not whole and any(_reads_whole(field) for field in schemas))
        )
        if needs_context:
            own_context = self._variable()
            self._line(f"{own_context} = make_context({at.context})")
        run: list[Construct] = []
        named: list[Construct] = []

        def finish_run() -> str:
            """Parse what of fixed size stands before something else; the expression of the last of it."""
            expressions = self._fixed_run(run, at, named) if run else [""]
            for field, expression in zip(run, expressions, strict=False):
                store(field, expression)
            run.clear()
            named.clear()
            return expressions[-1]

        def store(field: Construct, expression: str) -> None:
            if not field.name:
                return
            variable = expression
            if not expression.isidentifier():
                variable = self._variable()
                self._line(f"{variable} = {expression}")
            own_fields[field.name] = variable
            if value is not None:
                self._line(f"{value}[{field.name!r}] = {variable}")
            if needs_context:
                self._line(f"{own_context}[{field.name!r}] = {variable}")

        inside = at._replace(context=own_context, fields=own_fields, indexed=needs_context)
        waiting = list(reversed(schemas))
        while waiting:
            field = waiting.pop()
            if fixed(field)[0]:
                run.append(field)
                named.append(field)
            elif waiting and (shared := _shared_length(field, waiting[-1])) is not None:
                # The length before both is read once, with the fields before it.
                following = waiting.pop()
                run.append(shared)
                named.append(following)
                length = finish_run()
                behind = self._named_place(following, inside)
                limit = self._limit_of(following, length, behind)
                peeked = shape(innermost(field))
                assert isinstance(peeked, Maybe)
                if isinstance(shape(innermost(peeked.part)), Raw):
                    data = self._variable()
                    self._line(f"{data} = data[p:{limit}]")
                    store(field, data)
                else:
                    store(field, length)
                store(following, self._behind_length(following, limit, behind))
            else:
                finish_run()
                store(field, self._emit(field, inside))
        finish_run()
        own_fields.pop(_WHOLE, None)
        return own_fields

    def _behind_length(self, schema: Construct, limit: str, at: Place) -> str:
        """Write how something is parsed whose length has been read already."""
        inner = innermost(schema)
        of = shape(inner)
        if isinstance(of, Open):
            return self._opened_body(of, limit, at)
        if isinstance(of, Raw):
            return self._slice(limit)
        assert isinstance(of, Sized)
        return self._in_block(inner, of, limit, at)

    def _limit_of(self, schema: Construct, length: str, at: Place) -> str:
        """Write where something ends whose length has been read already."""
        inner = innermost(schema)
        of = shape(inner)
        if isinstance(of, Raw):
            return self._within(inner, of, length, at)
        if isinstance(of, Open):
            assert of.data is not None
            inner = of.data
        return self._limit(inner, length, at)

    # Lengths

    def _length(self, field: Construct, at: Place) -> str:
        """The length before something, in a variable; whether it was there shows in what follows."""
        length = self._variable()
        size = fixed(field)[1]
        parts = [f"data[p + {i}] << {8 * (size - 1 - i)}" for i in range(size - 1)]
        parts.append(f"data[p + {size - 1}]" if size > 1 else "data[p]")
        self._line(f"{length} = {' | '.join(parts)}")
        self._line(f"p += {size}")
        return length

    def _bounds(self, length: str, of: Raw | Repeat) -> None:
        if of.minimum > 0:
            self._must(f"{length} >= {of.minimum}")
        assert of.lengthfield is not None
        if of.maximum is not None and of.maximum < 256 ** least_size(of.lengthfield) - 1:
            self._must(f"{length} <= {of.maximum}")

    def _within(self, schema: Construct, of: Raw | Repeat, length: str, at: Place) -> str:
        """Where something ends that has bounds, in a variable."""
        self._bounds(length, of)
        return self._limit(schema, length, at)

    def _limit(self, schema: Construct, length: str, at: Place) -> str:
        limit = self._variable()
        self._line(f"{limit} = p + {length}")
        self._must(f"{limit} <= {at.end}")
        return limit

    def _limit_by_expression(self, schema: Construct, expression: str, at: Place) -> str:
        length = self._variable()
        self._line(f"{length} = {expression}")
        self._must(f"{length} >= 0")
        return self._limit(schema, length, at)

    def _slice(self, limit: str) -> str:
        value = self._variable()
        self._line(f"{value} = data[p:{limit}]")
        self._line(f"p = {limit}")
        return value

    def _raw(self, schema: Construct, of: Any, at: Place) -> str:
        if fixed(schema)[0]:
            return self._fixed_run([schema], at)[0]
        if of.lengthfield is not None:
            return self._slice(self._within(schema, of, self._length(of.lengthfield, at), at))
        if of.length is None:
            if of.spare:
                limit = self._variable()
                self._line(f"{limit} = {at.end} - {of.spare}")
                self._must(f"p <= {limit}")
                return self._slice(limit)
            return self._slice(at.end)
        expression = self._expression(of.length, at)
        return self._slice(self._limit_by_expression(schema, expression, at))

    def _sized(self, schema: Construct, of: Any, at: Place) -> str:
        if of.lengthfield is None:
            limit = self._limit_by_expression(schema, self._expression(of.length, at), at)
        elif fixed(of.lengthfield)[0]:
            limit = self._limit(schema, self._length(of.lengthfield, at), at)
        else:
            limit = self._limit_by_expression(schema, self._emit(of.lengthfield, at), at)
        return self._in_block(schema, of, limit, at)

    def _in_block(self, schema: Construct, of: Sized, limit: str, at: Place) -> str:
        if not of.filled:
            # What is not filled is one of construct's, in which positions count from further out.
            value = self._emit(of.part, at._replace(end=limit))
            if not value.isidentifier():
                kept = self._variable()
                self._line(f"{kept} = {value}")
                value = kept
            self._line(f"p = {limit}")
            return value
        begin = self._variable()
        self._line(f"{begin} = p")
        value = self._emit(of.part, at._replace(end=limit, start=begin))
        self._must(f"p == {limit}")
        return value

    # Lists

    def _repeat(self, schema: Construct, of: Any, at: Place) -> str:
        if of.ends == "count":
            return self._counted(of, at)
        if of.ends == "end":
            return self._items(schema, of, f"({at.end} - p)", at)
        length = self._length(of.lengthfield, at)
        limit = self._within(schema, of, length, at)
        begin = self._variable()
        self._line(f"{begin} = p")
        return self._items(schema, of, length, at._replace(end=limit, start=begin))

    def _items(self, schema: Construct, of: Repeat, length: str, at: Place) -> str:
        value = self._variable()
        code = fixed(of.part)[0]
        if code == "B":
            self._line(f"{value} = ListContainer(data[p:{at.end}])")
            self._line(f"p = {at.end}")
        elif len(code) == 1:
            self._line(
                f"{value} = ListContainer(integers[{code!r}][{length}].unpack_from(data, p))"
            )
            self._line(f"p = {at.end}")
        else:
            self._line(f"{value} = ListContainer()")
            self._line(f"while p < {at.end}:")
            self._deeper()
            begin = None if least_size(of.part) else self._variable()
            if begin is not None:
                self._line(f"{begin} = p")
            if at.indexed:
                self._line(f"{at.context}['_index'] = len({value})")
            self._line(f"{value}.append({self._emit(of.part, self._item_place(value, at))})")
            if begin is not None:
                self._must(f"{begin} < p")
            self._depth -= 1
            self._must(f"p == {at.end}")
            return value
        if at.indexed:
            self._line(f"if {value}: {at.context}['_index'] = len({value}) - 1")
        return value

    def _counted(self, of: Repeat, at: Place) -> str:
        value, count, index = self._variable(), self._variable(), self._variable()
        self._line(f"{count} = {self._expression(of.count, at)}")
        self._must(f"{count} >= 0")
        self._line(f"{value} = ListContainer()")
        self._line(f"for {index} in range({count}):")
        self._deeper()
        if at.indexed:
            self._line(f"{at.context}['_index'] = {index}")
        self._line(f"{value}.append({self._emit(of.part, self._item_place(index, at))})")
        self._depth -= 1
        return value

    # One of several

    def _maybe(self, schema: Construct, of: Any, at: Place) -> str:
        return getattr(self, _MAYBE[of.when])(of, at)  # type: ignore[no-any-return]

    def _if_left(self, of: Maybe, at: Place) -> str:
        value = self._variable()
        self._line(f"{value} = None")
        self._line(f"if p < {at.end}:")
        self._deeper()
        self._line(f"{value} = {self._emit(of.part, at)}")
        self._depth -= 1
        return value

    def _try(self, of: Maybe, at: Place, *otherwise: str) -> str:
        begin, value = self._variable(), self._variable()
        self._line(f"{begin} = p")
        self._line("try:")
        self._deeper()
        first, outside = len(self._lines), self._opened
        self._opened = dict(outside)
        self._line(f"{value} = {self._emit(of.part, at)}")
        self._find_opened(first, self._opened.keys() - outside.keys())
        self._opened = outside
        self._depth -= 1
        for line in otherwise:
            self._line(line.format(value=value, begin=begin))
        return f"{value} {begin}"

    def _if_fits(self, of: Maybe, at: Place) -> str:
        return self._try(
            of,
            at,
            "except (ExplicitError, ReadsAround): raise",
            "except Exception: {value} = None; p = {begin}",
        ).split()[0]

    def _peeked(self, of: Maybe, at: Place) -> str:
        value, begin = self._try(
            of, at, "except ExplicitError: raise", "except GIVES_UP: {value} = None"
        ).split()
        self._line(f"p = {begin}")
        return value

    def _optional_length(self, of: Maybe, at: Place) -> str:
        value = self._variable()
        left = f"{at.end} - p - 2"
        self._line(f"{value} = data[p] << 8 | data[p + 1] if {left} >= 0 else None")
        self._line(f"if {value} == {left}: p += 2")
        self._line(f"else: {value} = None")
        return value

    def _choice(self, schema: Construct, of: Any, at: Place) -> str:
        if of.truth:
            return self._if_then_else(of, at)
        value = self._variable()
        key = self._expression(of.key, at)
        cases = self._constant(_Cases(of, self._how))
        self._line(f"{value}, p = {self._call(f'{cases}[{key}]', at)}")
        return value

    def _if_then_else(self, of: Choice, at: Place) -> str:
        value = self._variable()
        self._line(f"if {self._expression(of.key, at)}:")
        for keyword, branch in (("", of.cases[True]), ("else:", of.default)):
            if keyword:
                self._line(keyword)
            self._deeper()
            begin, outside = len(self._lines), self._opened
            self._opened = dict(outside)
            self._line(f"{value} = {self._emit(branch, at)}")
            self._find_opened(begin, self._opened.keys() - outside.keys())
            self._opened = outside
            self._depth -= 1
        return value

    def _deferred(self, schema: Construct, of: Any, at: Place) -> str:
        value, parser = self._variable(), self._constant(_deferred(of.function, self._how))
        self._line(f"{value}, p = {self._call(parser, at)}")
        return value

    # Open types

    def _parsers_of(self, of: Open, at: Place) -> str:
        """The variable with the parsers of an open type; set once where it is known beforehand where it stands."""
        choice = of.choice
        by = _LookedUp(choice, choice.where, of.data is not None, self._how)
        if callable(choice.where):
            parsers = self._variable()
            where = self._expression(choice.where, at)
            registry = 'context["_params"]["extensions"]'
            self._line(
                f"{parsers} = opened({registry}, {self._constant(by)}._replace(where={where}))"
            )
            return parsers
        if by not in self._opened:
            self._opened[by] = self._variable()
        return self._opened[by]

    def _open(self, schema: Construct, of: Any, at: Place) -> str:
        if of.data is not None:
            data = shape(of.data)
            assert isinstance(data, Raw)
            assert data.lengthfield is not None
            length = self._length(data.lengthfield, at)
            return self._opened_body(of, self._within(of.data, data, length, at), at)
        value = self._variable()
        parsers, code = self._parsers_of(of, at), self._expression(of.choice.key, at)
        parser = f"{parsers}[{code}]"
        if of.choice.default is construct.Pass:
            parser = f"({parser} or nothing)"
        self._line(f"{value}, p = {self._call(parser, at)}")
        return value

    def _opened_body(self, of: Open, limit: str, at: Place) -> str:
        value, parser = self._variable(), self._variable()
        parsers, code = self._parsers_of(of, at), self._expression(of.choice.key, at)
        self._line(f"{parser} = {parsers}[{code}]")
        self._line(f"if {parser} is None:")
        self._line(f" {value} = None; p = {limit}")
        self._line("else:")
        self._line(f" {value}, p = {self._call(parser, at._replace(end=limit, start='p'))}")
        self._must(f"p == {limit}")
        return value

    # Functions of the context

    def _expression(self, function: Any, at: Place) -> str:
        """What a function of the context gives: inline, where it only reads fields that are at hand."""
        inline = self._inline(function, at.fields)
        if inline is not None:
            return inline
        # One that is not at hand is in no structure around this one either, whatever has its name there.
        at_hand = reading(function) <= Reads.FIELDS and _WHOLE in at.fields
        return f"{self._constant(function)}({at.fields[_WHOLE] if at_hand else at.context})"

    def _inline(self, function: Any, fields: dict[str, str]) -> str | None:
        if not callable(function):
            return self._constant(function)
        name = field_of_this(function)
        if name is not None:
            return fields.get(name)
        inside = operands(function)
        if inside is None:
            return None
        written = [self._inline(operand, fields) for operand in inside]
        if None in written:
            return None
        operation = (
            getattr(function, "op", None) if not _is_call(function) else function._FuncPath__func
        )
        return f"{self._constant(operation)}({', '.join(filter(None, written))})"


def _is_call(expression: Any) -> bool:
    return isinstance(expression, construct.expr.FuncPath)


_WHOLE = ""  # among the variables of fields, the one of the structure itself

# Integers that struct has no code for, as two that it has: by how many bits the first is shifted.
_IN_TWO_PARTS = {"BH": 16, "HL": 32}
_TWO_PARTS = {3: "BH", 6: "HL"}


def fixed(schema: Construct) -> tuple[str, int]:
    """The code for struct of something of fixed size, and that size; ("", 0) for anything else."""
    if schema.parsed is not None:
        return "", 0
    match shape(schema):
        case Named(part=part):
            return fixed(part)
        case Number(closed=True):
            return "", 0
        case Number(size=int(size), code="", signed=False, swapped=False) if size in _TWO_PARTS:
            return (_TWO_PARTS[size], size) if _in_bytes(schema) else ("", 0)
        case Number(size=int(size), code=code) | Float(size=size, code=code) if code:
            return code, size
        case Raw(length=int(length)) if length > 0:
            return f"{length}s", length
    return "", 0


def _in_bytes(schema: Construct) -> bool:
    """Whether an integer counts its size in bytes and not in bits."""
    return not isinstance(innermost(schema), construct.BitsInteger)


def innermost(schema: Construct) -> Construct:
    """A construct without what only names it."""
    while isinstance(of := shape(schema), Named) and schema.parsed is None:
        schema = of.part
    return schema


def _shared_length(schema: Construct, following: Construct) -> Construct | None:
    """The construct of the length that two constructs begin with, where the first peeks at it, or at the bytes behind
    it, and the second takes them.
    """
    first, second = innermost(schema), innermost(following)
    if first.parsed is not None or second.parsed is not None:
        return None
    peek, taken = shape(first), shape(second)
    if not isinstance(peek, Maybe) or peek.when != "peek":
        return None
    peeked = shape(innermost(peek.part))
    if isinstance(taken, Sized) and taken.lengthfield is not None and taken.filled:
        same = peek.part is taken.lengthfield
        return taken.lengthfield if same and fixed(taken.lengthfield)[0] else None
    if isinstance(taken, Raw) and taken.lengthfield is not None:
        same = peek.part is taken.lengthfield
        return taken.lengthfield if same and fixed(taken.lengthfield)[0] else None
    if not isinstance(taken, Open) or not isinstance(peeked, Raw) or taken.data is None:
        return None
    same = peeked == shape(taken.data) and peeked.lengthfield is not None and _unbounded(peeked)
    return peeked.lengthfield if same else None


def _unbounded(of: Raw) -> bool:
    assert of.lengthfield is not None
    return of.minimum == 0 and of.maximum == 256 ** least_size(of.lengthfield) - 1


def _reads_whole(schema: Construct) -> bool:
    """Whether anything in a construct reads the fields of the structure around it otherwise than by expressions."""
    of = shape(schema)
    if any(reading(function) is Reads.FIELDS for function in functions(of)):
        return True
    if isinstance(of, Record) and of.scope:
        return False
    return any(map(_reads_whole, parts(schema)))


def _reads_context(schema: Construct, own: bool) -> bool:
    """Whether anything in a schema reads the context of the structure around it.

    Args:
        schema: the schema.
        own: whether its source stands in that of the structure, where the fields are at hand.
    """
    known = _readers.get((schema, own))
    if known is None:
        _readers[schema, own] = False  # where it contains itself, the rest of it decides
        known = _readers[schema, own] = _finds_reader(schema, own)
    return known


def _finds_reader(schema: Construct, own: bool) -> bool:
    if _emit_of(schema) is None:
        return True
    of = shape(schema)
    if isinstance(of, Adapted):
        return True
    if isinstance(of, Around):
        return False  # its bits are constants and numbers
    for function in functions(of):
        read = reading(function)
        if read is Reads.CONTEXT or (not own and read in (Reads.EXPRESSION, Reads.FIELDS)):
            return True
    if isinstance(of, Record | Focus):
        # What its parts read of their own structure is at hand there.
        return any(_reads_context(field, True) for field in of.fields)
    if isinstance(of, Choice):
        cases = (*of.cases.values(), of.default)
        return any(_reads_context(case, own and of.truth) for case in cases)
    if isinstance(of, Deferred):
        return True
    if isinstance(of, Open):
        choice = of.choice
        both = {reading(choice.key), reading(choice.where)}
        if Reads.CONTEXT in both or (not own and both & {Reads.EXPRESSION, Reads.FIELDS}):
            return True
        return _reads_context(choice.default, False)
    return any(_reads_context(part, own) for part in parts(schema))


def _reaches_out(schema: Construct, depth: int) -> bool:
    """Whether anything in a structure may read what is around that structure, other than what the parser was told.

    Args:
        schema: that of the structure, or of a part of it.
        depth: how many of its own structures are around the part.
    """
    of = shape(schema)
    if schema.parsed is not None or isinstance(of, Unknown | Deferred):
        return True
    if type(schema).__module__.partition(".")[0] not in _OURS:
        return True  # its methods are given the context
    if nests(schema) and _emit_of(schema) is None:
        return True  # what is looked up in it is parsed by itself, and is not asked
    held = [x for name, x in vars(schema).copy().items() if name not in _OF_ALL]
    if isinstance(of, Open):
        held = [of.choice.key, of.choice.where]
    if any(_rises(x, depth) for x in (*held, *functions(of)) if callable(x)):
        return True
    inside = depth + 1 if isinstance(of, Row | Focus) or _is_scope(of) else depth
    around = {*parts(schema), *(x for x in held if isinstance(x, Construct))}
    return any(_reaches_out(part, inside) for part in around)


_OF_ALL = frozenset(dir(Construct))  # what every construct has

# Of the classes of constructs in these packages it is known which functions they call.
_OURS = ("construct", __name__.partition(".")[0])


def _is_scope(of: Shape) -> bool:
    return isinstance(of, Record) and of.scope


def _rises(function: Any, depth: int) -> bool:
    """Whether a function of the context may read more than so many structures."""
    read = reading(function)
    if read in (Reads.NOTHING, Reads.PARAMS):
        return False
    if read is not Reads.CONTEXT:
        return not depth
    levels = levels_of_this(function)
    if levels is not None:
        return levels >= depth
    inside = operands(function)
    return inside is None or any(_rises(operand, depth) for operand in inside if callable(operand))


FAST = How(Emitter, by_itself, How(Emitter, by_itself))
"""As fast as it goes; what is wrong with the bytes is for the schema itself to say."""


# By which method each is written out; by its name, so that there can be others who write.
_EMIT: dict[type[Shape], str] = {
    Number: "_number",
    Float: "_number",
    Boolean: "_boolean",
    Raw: "_raw",
    Constant: "_fixed_value",
    Nothing: "_nothing",
    Tell: "_tell",
    Computed: "_computed",
    Check: "_check",
    Stop: "_stop",
    Named: "_named",
    Text: "_adapted",
    Adapted: "_adapted",
    Around: "_bits",
    Sized: "_sized",
    Maybe: "_maybe",
    Record: "_struct",
    Focus: "_focus",
    Repeat: "_repeat",
    Choice: "_choice",
    Deferred: "_deferred",
    Open: "_open",
}

_MAYBE: dict[str, str] = {
    "left": "_if_left",
    "fits": "_if_fits",
    "peek": "_peeked",
    "length": "_optional_length",
}


def _emit_of(schema: Construct) -> str | None:
    """What writes out a construct; None for one that is parsed by itself."""
    if schema.parsed is not None:
        return None
    of = shape(schema)
    if may_stop(schema) and not _stops_here(schema):
        return None
    match of:
        case Record(overlay=True) | Record(scope=False):
            return None
        case Number(size=None, varint=varint):
            return _EMIT[Number] if varint else None
        case Around():
            return _EMIT[Around] if _bit_fields(of) is not None else None
        case Number(code=""):
            return _EMIT[Number] if _in_bytes(schema) else None
        case Float(code=""):
            return None
        case Repeat(ends=ends, kept=kept, part=part):
            if ends not in ("count", "end", "length") or not kept:
                return None
            if ends == "count" and not least_size(part):
                return None  # a count alone could keep it busy for long
        case Focus(name=name, fields=fields):
            if not isinstance(name, str) or name not in [field.name for field in fields]:
                return None
        case Record(fields=fields):
            if not all(_stops_here(field) for field in fields if may_stop(field)):
                return None
        case Adapted(part=part):
            if _holds_structures(part):
                return None  # its method may look at what construct alone puts into those
    return _EMIT.get(type(of))


def _bit_fields(
    of: Around,
) -> list[tuple[Construct, int, Number | Boolean | Constant]] | None:
    """The fields of a structure of bits: each with how many bits it takes, and its shape. None where it is made of
    anything else.
    """
    part = shape(innermost(of.part))
    if not of.bits or of.size is None or not isinstance(part, Record) or of.part.parsed is not None:
        return None
    found: list[tuple[Construct, int, Number | Boolean | Constant]] = []
    for field in part.fields:
        if field.parsed is not None:
            return None
        each = shape(innermost(field))
        number = shape(innermost(each.part)) if isinstance(each, Constant) else each
        match number:
            case Number(size=int(size), minimum=0, swapped=False) if not _in_bytes(
                _bare_part(field)
            ):
                found.append((field, size, each))  # type: ignore[arg-type]
            case Boolean() if isinstance(each, Boolean):
                found.append((field, 1, each))
            case _:
                return None
    return found if sum(width for _, width, _ in found) == 8 * of.size else None


def _bare_part(field: Construct) -> Construct:
    """The construct of a number, without names and without the constant that it has to be."""
    inner = innermost(field)
    of = shape(inner)
    return innermost(of.part) if isinstance(of, Constant) else inner


def _stops_here(schema: Construct) -> bool:
    """Whether a construct that may end the structure around it does so without anything between them."""
    match shape(schema):
        case Stop():
            return True
        case Named(part=part):
            return _stops_here(part)
        case Choice(cases=cases, default=default, truth=True):
            return all(_stops_here(x) for x in (*cases.values(), default) if may_stop(x))
    return False


def _holds_structures(schema: Construct) -> bool:
    of = shape(schema)
    if isinstance(of, Record | Open | Deferred):
        return True
    return any(map(_holds_structures, parts(schema)))


# The codes of struct for unsigned integers, by their size.
_CODES = {1: "B", 2: "H", 4: "L", 8: "Q"}


def _swapped_code(field: Construct) -> str:
    """The code for struct of an integer whose bytes are swapped; "" for anything else."""
    inner = innermost(field)
    match shape(inner):
        case Number(size=int(size), swapped=swapped, signed=signed, closed=False) if (
            (swapped or size == 1) and inner.parsed is None and _in_bytes(inner)
        ):
            code = _CODES.get(size, "")
            return code.lower() if signed else code
    return ""


def fields(schema: Construct) -> Callable[[bytes | bytearray, int], tuple[int, ...]]:
    """The values of the fields of a structure, which are all integers in one byte order, as a function of a buffer and
    the offset of the structure in it.
    """
    of = shape(innermost(schema))
    assert isinstance(of, Record)
    codes = [fixed(field)[0] for field in of.fields]
    if all(len(code) == 1 for code in codes):
        return struct.Struct(">" + "".join(codes)).unpack_from
    swapped = [_swapped_code(field) for field in of.fields]
    if all(swapped):
        return struct.Struct("<" + "".join(swapped)).unpack_from
    assert all(codes)
    emitter = Emitter(FAST)
    values = emitter._fixed_run(list(of.fields), Place("len(data)", "", {}, "0", False))
    return emitter._function("data, p", f"({', '.join(values)},)", schema)


def packer(schema: Construct) -> Callable[..., bytes]:
    """The bytes of a structure as a function of the values of its fields: what `build` gives, in a fraction of the time.
    The fields are integers of one, two, four or eight bytes, and bytes of a fixed length.
    """
    of = shape(innermost(schema))
    assert isinstance(of, Record)
    codes = [fixed(field)[0] for field in of.fields]
    assert all(len(code) == 1 or code.endswith("s") for code in codes)
    return struct.Struct(">" + "".join(codes)).pack
