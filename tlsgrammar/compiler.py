"""Schemas as straight-line Python: the fast way through well-formed bytes.

What belongs here: turning a schema, by its public attributes, into a function over a buffer with an offset.
Layouts stay where they are declared.

The function that comes out knows only the happy path. Whatever is wrong with the bytes makes it give up, by any
exception; the caller then parses them again with the schema itself, which knows what is wrong and where. So
errors, and what can be read in spite of them, are the schema's own in any case. A construct that is not known
here is parsed by itself, in its place.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import construct
from construct import Construct, Container, ListContainer
from construct.expr import BinExpr

from .expressions import field_of_this, reads_fields, reads_params
from .extensions.registry import ExtensionBody, ExtensionRegistry, ExtensionTypeField, registry_of
from .key_exchange import OptionalLength
from .presentation import (
    Block,
    Enumeration,
    IfPresent,
    Opaque,
    Remaining,
    Repeated,
    Vector,
    Window,
    bare,
    without_streams,
)

__all__ = ["Deviation", "Parser", "compiled", "fields"]

Parser = Callable[[bytes | bytearray, int, int, int, Any], tuple[Any, int]]
"""A compiled schema: takes the data, where the structure begins in them, where at the latest it ends, where
what encloses it begins, and the context; returns the value and where it ended. Raises any exception where the
data do not follow the schema."""

_MAXIMUM_KEPT = 4096


class Deviation(Exception):
    """The bytes do not follow the schema; the schema itself says how."""


_parsers: dict[Construct, Parser] = {}
_readers: dict[tuple[Construct, bool], bool] = {}  # what _reads_context has found


def compiled(schema: Construct) -> Parser:
    """The parser of a schema, which is compiled at its first use."""
    parser = _parsers.get(schema)
    if parser is None:
        if len(_parsers) >= _MAXIMUM_KEPT:  # of a program that makes schemas as it runs
            _parsers.clear()
            _readers.clear()
        parser = _parsers[schema] = _Emitter().compile(schema)
    return parser


def _by_itself(
    schema: Construct, data: bytes | bytearray, p: int, end: int, start: int, context: Any
) -> tuple[Any, int]:
    """Parse a construct that is not known here."""
    window = Window(bytes(data[start:end]), start)
    window.seek(p - start)
    value = schema._parsereport(window, context, "(parsing)")
    return without_streams(value), start + window.tell()


def _context(around: Any) -> Container:
    """The context of a structure, as construct's own Struct makes it."""
    context = Container()
    context["_"] = around
    context["_params"] = around["_params"]
    context["_root"] = around.get("_root", context)
    context["_parsing"] = True
    context["_building"] = False
    context["_sizing"] = False
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
_INTEGERS = {code: _Layouts(code) for code in "HLQ"}


class _Bodies(dict[int, Parser | None]):
    """The parsers of the bodies of extensions in a message, by code point; None where there is no schema."""

    def __init__(self, registry: ExtensionRegistry, message: str) -> None:
        super().__init__()
        self._registry = registry
        self._message = message

    def __missing__(self, code: int) -> Parser | None:
        schema = self._registry.schema(code, self._message)
        parser = self[code] = None if schema is None else compiled(schema)
        return parser


def _bodies(context: Any, message: str) -> _Bodies:
    registry = registry_of(context)
    bodies: _Bodies | None = registry.derived.get(message)
    if bodies is None:
        bodies = registry.derived[message] = _Bodies(registry, message)
    return bodies


class _Place(NamedTuple):
    """Where in the source of a parser a construct is parsed.

    Attributes:
        end: an expression for where in the data what encloses it ends.
        context: the variable with the context.
        fields: the variables of the fields before it in its structure, by name; and of the structure.
        start: the variable with where in the data what encloses it begins.
    """

    end: str
    context: str
    fields: dict[str, str]
    start: str


class _Emitter:
    """Writes the source of one parser, in which `p` is the offset in `data`."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._depth = 1
        self._names: dict[str, Any] = {
            "Container": Container,
            "Deviation": Deviation,
            "ListContainer": ListContainer,
            "bodies": _bodies,
            "by_itself": _by_itself,
            "make_context": _context,
            "integers": _INTEGERS,
        }
        self._count = 0
        self._messages: dict[str, str] = {}

    def compile(self, schema: Construct) -> Parser:
        value = self._emit(schema, _Place("end", "context", {}, "start"))
        self._find_bodies(0, self._messages)
        return self._function("data, p, end, start, context", f"{value}, p", schema)

    def _find_bodies(self, line: int, messages: Iterable[str]) -> None:
        """Write before a line how the parsers of the extensions in some messages are found, once for all of the
        extensions behind it.
        """
        self._lines[line:line] = [
            " " * self._depth + f"{self._messages[message]} = bodies(context, {message!r})"
            for message in messages
        ]

    def _function(self, arguments: str, value: str, schema: Construct) -> Callable[..., Any]:
        source = "\n".join([f"def parser({arguments}):", *self._lines, f" return {value}"])
        exec(compile(source, f"<compiled {schema!r}>", "exec"), self._names)
        function: Callable[..., Any] = self._names["parser"]
        return function

    def _bodies_of(self, message: str) -> str:
        """The variable with the parsers of the extensions in a message, which is set once."""
        if message not in self._messages:
            self._messages[message] = self._variable()
        return self._messages[message]

    # Writing

    def _line(self, text: str) -> None:
        self._lines.append(" " * self._depth + text)

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

    def _emit(self, schema: Construct, at: _Place) -> str:
        """Write how a construct is parsed at a place; an expression for its value."""
        emit = _EMIT.get(type(schema)) if schema.parsed is None else None
        return (emit or _Emitter._unknown)(self, schema, at)

    def _unknown(self, schema: Construct, at: _Place) -> str:
        value, constant = self._variable(), self._constant(schema)
        self._line(
            f"{value}, p = by_itself({constant}, data, p, {at.end}, {at.start}, {at.context})"
        )
        return value

    def _fixed_run(self, schemas: list[Construct], end: str) -> list[str]:
        """Several integers and bytes of fixed sizes in one go; the expressions of their values."""
        layout = ">"
        size = 0
        values, targets = [], []
        for schema in schemas:
            code, length = _fixed(schema)
            size += length
            if code in _IN_TWO_PARTS:
                high, low = self._variable(), self._variable()
                targets += [high, low]
                values.append(f"({high} << {_IN_TWO_PARTS[code]} | {low})")
            else:
                targets.append(self._variable())
                values.append(targets[-1])
            layout += code
        self._must(f"p + {size} <= {end}")
        if layout == ">B":
            self._line(f"{targets[0]} = data[p]")
        else:
            unpack = self._constant(struct.Struct(layout).unpack_from)
            self._line(f"{', '.join(targets)}, = {unpack}(data, p)")
        self._line(f"p += {size}")
        return values

    def _simple(self, schema: Construct, at: _Place) -> str:
        if _fixed(schema)[0]:
            return self._fixed_run([schema], at.end)[0]
        return self._unknown(schema, at)

    def _inner(self, schema: Construct, at: _Place) -> str:
        return self._emit(schema.subcon, at)

    def _nothing(self, schema: Construct, *_: Any) -> str:
        return "None"

    def _struct(self, schema: Construct, at: _Place) -> str:
        value = self._variable()
        own_context = at.context
        own_fields = {_WHOLE: value}
        needs_context = any(_reads_context(subcon) for subcon in schema.subcons)
        self._line(f"{value} = Container()")
        if needs_context:
            own_context = self._variable()
            self._line(f"{own_context} = make_context({at.context})")
        run: list[Construct] = []

        def finish_run() -> str:
            """Parse what of fixed size stands before something else; the expression of the last of it."""
            expressions = self._fixed_run(run, at.end) if run else [""]
            for subcon, expression in zip(run, expressions, strict=False):
                store(subcon, expression)
            run.clear()
            return expressions[-1]

        def store(subcon: Construct, expression: str) -> None:
            if not subcon.name:
                return
            variable = expression
            if not expression.isidentifier():
                variable = self._variable()
                self._line(f"{variable} = {expression}")
            own_fields[subcon.name] = variable
            self._line(f"{value}[{subcon.name!r}] = {variable}")
            if needs_context:
                self._line(f"{own_context}[{subcon.name!r}] = {variable}")

        inside = at._replace(context=own_context, fields=own_fields)
        waiting = list(reversed(schema.subcons))
        while waiting:
            subcon = waiting.pop()
            if _fixed(subcon)[0]:
                run.append(subcon)
            elif waiting and _is_length_before_block(subcon, waiting[-1]):
                # The length that is peeked at is read once, with the fields before it.
                run.append(bare(subcon).subcon)
                length = finish_run()
                block = waiting.pop()
                store(subcon, length)
                limit = self._limit(length, at.end)
                store(block, self._in_block(bare(block), limit, inside))
            elif waiting and _is_data_before_body(subcon, waiting[-1]):
                # Both begin with the same length, which is read once, with the fields before it.
                run.append(_UINT16)
                limit = self._limit(finish_run(), at.end)
                data = self._variable()
                self._line(f"{data} = data[p:{limit}]")
                store(subcon, data)
                body = waiting.pop()
                store(body, self._body(bare(body), limit, inside))
            else:
                finish_run()
                store(subcon, self._emit(subcon, inside))
        finish_run()
        return value

    def _length(self, field: Construct) -> str:
        """The length before something, in a variable; whether it was there shows in what follows."""
        length = self._variable()
        size = _fixed(field)[1]
        parts = [f"data[p + {i}] << {8 * (size - 1 - i)}" for i in range(size - 1)]
        parts.append(f"data[p + {size - 1}]" if size > 1 else "data[p]")
        self._line(f"{length} = {' | '.join(parts)}")
        self._line(f"p += {size}")
        return length

    def _bounds(self, length: str, schema: Construct) -> None:
        if schema.minimum > 0:
            self._must(f"{length} >= {schema.minimum}")
        if schema.maximum < 256 ** schema.lengthfield.sizeof() - 1:
            self._must(f"{length} <= {schema.maximum}")

    def _limit(self, length: str, end: str) -> str:
        limit = self._variable()
        self._line(f"{limit} = p + {length}")
        self._must(f"{limit} <= {end}")
        return limit

    def _limit_by_expression(self, expression: str, end: str) -> str:
        length = self._variable()
        self._line(f"{length} = {expression}")
        self._must(f"{length} >= 0")
        return self._limit(length, end)

    def _opaque(self, schema: Construct, at: _Place) -> str:
        length = self._length(schema.lengthfield)
        self._bounds(length, schema)
        return self._slice(self._limit(length, at.end))

    def _slice(self, limit: str) -> str:
        value = self._variable()
        self._line(f"{value} = data[p:{limit}]")
        self._line(f"p = {limit}")
        return value

    def _vector(self, schema: Construct, at: _Place) -> str:
        length = self._length(schema.lengthfield)
        self._bounds(length, schema)
        limit = self._limit(length, at.end)
        begin = self._variable()
        self._line(f"{begin} = p")
        return self._items(schema, length, at._replace(end=limit, start=begin))

    def _repeated(self, schema: Construct, at: _Place) -> str:
        return self._items(schema, f"({at.end} - p)", at)

    def _items(self, schema: Construct, length: str, at: _Place) -> str:
        value = self._variable()
        code = _fixed(schema.subcon)[0]
        if code == "B":
            self._line(f"{value} = ListContainer(data[p:{at.end}])")
            self._line(f"p = {at.end}")
            return value
        if len(code) == 1:
            self._line(
                f"{value} = ListContainer(integers[{code!r}][{length}].unpack_from(data, p))"
            )
            self._line(f"p = {at.end}")
            return value
        self._line(f"{value} = ListContainer()")
        self._line(f"while p < {at.end}:")
        self._depth += 1
        begin = None if _takes_bytes(schema.subcon) else self._variable()
        if begin is not None:
            self._line(f"{begin} = p")
        if _reads_context(schema.subcon):
            self._line(f"{at.context}['_index'] = len({value})")
        self._line(f"{value}.append({self._emit(schema.subcon, at)})")
        if begin is not None:
            self._must(f"{begin} < p")
        self._depth -= 1
        self._must(f"p == {at.end}")
        return value

    def _block(self, schema: Construct, at: _Place) -> str:
        if schema.lengthfield is None:
            limit = self._limit_by_expression(self._expression(schema.length, at), at.end)
        elif _fixed(schema.lengthfield)[0]:
            limit = self._limit(self._length(schema.lengthfield), at.end)
        else:
            limit = self._limit_by_expression(self._emit(schema.lengthfield, at), at.end)
        return self._in_block(schema, limit, at)

    def _in_block(self, schema: Construct, limit: str, at: _Place) -> str:
        begin = self._variable()
        self._line(f"{begin} = p")
        value = self._emit(schema.subcon, at._replace(end=limit, start=begin))
        self._must(f"p == {limit}")
        return value

    def _if_present(self, schema: Construct, at: _Place) -> str:
        value = self._variable()
        self._line(f"{value} = None")
        self._line(f"if p < {at.end}:")
        self._depth += 1
        self._line(f"{value} = {self._emit(schema.subcon, at)}")
        self._depth -= 1
        return value

    def _remaining(self, schema: Construct, at: _Place) -> str:
        if getattr(schema, "limit", None) is None:
            return self._slice(at.end)
        return self._slice(self._limit_by_expression(self._expression(schema.limit, at), at.end))

    def _bytes(self, schema: Construct, at: _Place) -> str:
        if _fixed(schema)[0]:
            return self._fixed_run([schema], at.end)[0]
        return self._slice(self._limit_by_expression(self._expression(schema.length, at), at.end))

    def _peek(self, schema: Construct, at: _Place) -> str:
        begin = self._variable()
        self._line(f"{begin} = p")
        value = self._emit(schema.subcon, at)
        self._line(f"p = {begin}")
        return value

    def _tell(self, schema: Construct, at: _Place) -> str:
        return f"(p - {at.start})"

    def _computed(self, schema: Construct, at: _Place) -> str:
        return self._expression(schema.func, at)

    def _if_then_else(self, schema: Construct, at: _Place) -> str:
        value = self._variable()
        self._line(f"if {self._expression(schema.condfunc, at)}:")
        for keyword, branch in (("", schema.thensubcon), ("else:", schema.elsesubcon)):
            if keyword:
                self._line(keyword)
            self._depth += 1
            begin, outside = len(self._lines), self._messages
            self._messages = dict(outside)
            self._line(f"{value} = {self._emit(branch, at)}")
            self._find_bodies(begin, self._messages.keys() - outside.keys())
            self._messages = outside
            self._depth -= 1
        return value

    def _switch(self, schema: Construct, at: _Place) -> str:
        value = self._variable()
        key = self._expression(schema.keyfunc, at)
        cases = self._constant(_Cases(schema))
        self._line(f"{value}, p = {cases}[{key}](data, p, {at.end}, {at.start}, {at.context})")
        return value

    def _optional_length(self, schema: Construct, at: _Place) -> str:
        value = self._variable()
        left = f"{at.end} - p - 2"
        self._line(f"{value} = data[p] << 8 | data[p + 1] if {left} >= 0 else None")
        self._line(f"if {value} == {left}: p += 2")
        self._line(f"else: {value} = None")
        return value

    def _extension_body(self, schema: Construct, at: _Place) -> str:
        return self._body(schema, self._limit(self._length(_UINT16), at.end), at)

    def _body(self, schema: Construct, limit: str, at: _Place) -> str:
        value, parser = self._variable(), self._variable()
        code = at.fields["extension_type"]
        self._line(f"{parser} = {self._bodies_of(schema.message)}[{code}]")
        self._line(f"if {parser} is None:")
        self._line(f" {value} = None; p = {limit}")
        self._line("else:")
        self._line(f" {value}, p = {parser}(data, p, {limit}, p, {at.context})")
        self._must(f"p == {limit}")
        return value

    def _expression(self, function: Any, at: _Place) -> str:
        """What a function of the context gives: inline, where it only reads fields that are at hand."""
        inline = _inline(function, at.fields, self._constant)
        if inline is not None:
            return inline
        # One that is not at hand is in no structure around this one either, whatever has its name there.
        at_hand = reads_fields(function) and _WHOLE in at.fields
        return f"{self._constant(function)}({at.fields[_WHOLE] if at_hand else at.context})"


_UINT16 = construct.Int16ub
_WHOLE = ""  # among the variables of fields, the one of the structure itself


class _Cases(dict[Any, Parser]):
    """The parsers of the cases of a Switch, each compiled when it is first met."""

    def __init__(self, schema: Construct) -> None:
        super().__init__()
        self._schema = schema

    def __missing__(self, key: Any) -> Parser:
        case = self._schema.cases.get(key)
        if case is None:
            # Not kept under its key: there is no end of keys.
            return compiled(self._schema.default)
        parser = self[key] = compiled(case)
        return parser


# Integers that struct has no code for, as two that it has: by how many bits the first is shifted.
_IN_TWO_PARTS = {"BH": 16, "HL": 32}


def _fixed(schema: Construct) -> tuple[str, int]:
    """The code for struct of something of fixed size, and that size; ("", 0) for anything else."""
    if schema.parsed is not None:
        return "", 0
    kind = type(schema)
    if kind in (construct.Renamed, Enumeration, ExtensionTypeField, construct.Rebuild):
        return _fixed(schema.subcon)
    if kind is construct.FormatField and schema.fmtstr[0] == ">" and schema.fmtstr[1] in "BHLQ":
        return schema.fmtstr[1], schema.length
    if kind is construct.BytesInteger and not schema.signed and not schema.swapped:
        return {3: ("BH", 3), 6: ("HL", 6)}.get(schema.length, ("", 0))
    if kind is construct.Bytes and isinstance(schema.length, int) and schema.length > 0:
        return f"{schema.length}s", schema.length
    return "", 0


def fields(schema: Construct) -> Callable[[bytes | bytearray, int], tuple[int, ...]]:
    """The values of the fields of a structure, which are all integers, as a function of a buffer and the offset
    of the structure in it.
    """
    codes = [_fixed(field)[0] for field in schema.subcons]
    if all(len(code) == 1 for code in codes):
        return struct.Struct(">" + "".join(codes)).unpack_from
    emitter = _Emitter()
    values = emitter._fixed_run(list(schema.subcons), "len(data)")
    return emitter._function("data, p", f"({', '.join(values)},)", schema)


def _inline(function: Any, fields: dict[str, str], constant: Callable[[Any], str]) -> str | None:
    if not callable(function):
        return constant(function)
    name = field_of_this(function)
    if name is not None:
        return fields.get(name)
    if isinstance(function, BinExpr):
        lhs = _inline(function.lhs, fields, constant)
        rhs = _inline(function.rhs, fields, constant)
        if lhs is not None and rhs is not None:
            return f"{constant(function.op)}({lhs}, {rhs})"
    return None


def _takes_bytes(schema: Construct) -> bool:
    """Whether a value of a schema is for certain not empty on the wire."""
    schema = bare(schema)
    if _fixed(schema)[0] or type(schema) in (Opaque, Vector):
        return True
    return type(schema) is construct.Struct and any(map(_takes_bytes, schema.subcons))


def _is_length_before_block(schema: Construct, following: Construct) -> bool:
    """Whether two constructs are the length of a block, peeked at, and the block."""
    peek, block = bare(schema), bare(following)
    return (
        type(peek) is construct.Peek
        and type(block) is Block
        and peek.subcon is block.lengthfield
        and bool(_fixed(peek.subcon)[0])
    )


def _is_data_before_body(schema: Construct, following: Construct) -> bool:
    """Whether two constructs are the bytes of an extension, peeked at, and its body."""
    peek, body = bare(schema), bare(following)
    if type(peek) is not construct.Peek or type(body) is not ExtensionBody:
        return False
    data = peek.subcon
    return (type(data), data.lengthfield, data.minimum, data.maximum) == (
        Opaque,
        _UINT16,
        0,
        2**16 - 1,
    )


def _functions(schema: Construct) -> list[Any]:
    """The functions of the context that a construct evaluates itself."""
    names = ("func", "condfunc", "keyfunc", "limit")
    found = [getattr(schema, name, None) for name in names]
    if type(schema) in (construct.Bytes, Block):
        found.append(schema.length if not isinstance(schema.length, Construct) else None)
    return [function for function in found if callable(function)]


def _reads_context(schema: Construct, own: bool = True) -> bool:
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
    if type(schema) not in _EMIT or schema.parsed is not None:
        return True
    for function in _functions(schema):
        if not reads_params(function) and not (own and reads_fields(function)):
            return True
    if type(schema) is construct.Struct:
        return any(_reads_context(field) for field in schema.subcons)
    if type(schema) is construct.Switch:
        return any(_reads_context(c, False) for c in (*schema.cases.values(), schema.default))
    if type(schema) is construct.IfThenElse:
        return any(_reads_context(c, own) for c in (schema.thensubcon, schema.elsesubcon))
    inner = (getattr(schema, name, None) for name in ("subcon", "lengthfield"))
    return any(_reads_context(x, own) for x in inner if x is not None)


_EMIT: dict[type[Construct], Callable[..., str]] = {
    construct.Struct: _Emitter._struct,
    construct.Renamed: _Emitter._inner,
    construct.Default: _Emitter._inner,
    construct.Rebuild: _Emitter._inner,
    Enumeration: _Emitter._inner,
    ExtensionTypeField: _Emitter._inner,
    construct.FormatField: _Emitter._simple,
    construct.BytesInteger: _Emitter._simple,
    construct.Bytes: _Emitter._bytes,
    type(construct.GreedyBytes): _Emitter._remaining,
    type(construct.Pass): _Emitter._nothing,
    type(construct.Tell): _Emitter._tell,
    construct.Computed: _Emitter._computed,
    construct.Peek: _Emitter._peek,
    construct.Switch: _Emitter._switch,
    construct.IfThenElse: _Emitter._if_then_else,
    Opaque: _Emitter._opaque,
    Vector: _Emitter._vector,
    Repeated: _Emitter._repeated,
    Block: _Emitter._block,
    IfPresent: _Emitter._if_present,
    Remaining: _Emitter._remaining,
    ExtensionBody: _Emitter._extension_body,
    OptionalLength: _Emitter._optional_length,
}
