"""Schemas as straight-line Python that says what is wrong: the fast way through malformed bytes.

What may live here: what compiled code does where bytes do not follow the schema, for a caller who asked for what can be
read.

The goal: what the schema itself gives for malformed bytes (the value, and each defect with its reason, offset and path),
at a small multiple of the cost of well-formed ones. An attacker decides what is malformed, and where.

The plan: a second way to compile, beside the fast one. Where that one gives up, this one either notes what is wrong and
goes on as the construct in `presentation` does, or raises the `GrammarError` that the construct would. So the texts stand
in two places, and the tests hold them against each other. Whatever else a parser raises does not say where, so that the
schema itself is asked: for the body of an extension alone, where it was raised in one, else for all the bytes.

The traps. Nothing may be noted that the schema would not have come to: so the order of what is checked is that of the
constructs. A defect in a body costs the body and does not end the message, so that `ends_early` is not said outside. An
error that is kept may not keep the frames that it came by.
"""

from __future__ import annotations

import os
from typing import Any

import construct
from construct import Construct, Container, Renamed

from .compiler import (
    Deviation,
    Emitter,
    How,
    Parser,
    Place,
    ReadsAround,
    by_itself,
    compiled_alone,
    fixed,
    joined,
)
from .errors import GrammarError
from .guard import guarded
from .open_types import nests
from .presentation import (
    Block,
    Opaque,
    Remaining,
    Repeated,
    Structure,
    Vector,
    Window,
    after_the_body_of,
    announced,
    deeper,
    left_over,
    odd_bytes,
    out_of_bounds,
    parse_whole,
    short,
    unknown,
    wide_varint,
    without_streams,
)
from .shape import Choice, Maybe, Named, Number, Open, Raw, Repeat, Sized, fixed_size, shape

__all__ = ["salvaged"]


def salvaged(schema: Construct, data: bytes, params: Container) -> tuple[Any] | None:
    """The value of what can be read, in a tuple; None where only the schema itself can say what is wrong.

    Args:
        schema: the schema.
        data: the bytes of the whole structure.
        params: the context, which is for this alone. Its list `defects` takes what is wrong.
    """
    defects: list[GrammarError] = params["defects"]
    try:
        parser = compiled_alone(schema, _SALVAGING)
        value, end = parser(data, 0, len(data), 0, params, _BEGINNING, defects)
        if end != len(data):
            if isinstance(shape(schema), Choice | Open):
                return None  # the path has the name of what was chosen
            path = (_BEGINNING, schema.name) if schema.name else _BEGINNING
            _note(defects, path, end, left_over(len(data) - end))
    except GrammarError as error:
        defects.append(_freed(error))
        value = None
    except Exception as error:  # as where the fast way gives up, in `api`
        _raise_fault(error)
        return None
    return (value,)


_BEGINNING = "(parsing)"
_STRICT = bool(os.environ.get("TLSGRAMMAR_STRICT"))


def _raise_fault(error: Exception) -> None:
    """In strict mode, raise what only a fault of this module can have raised; it would cost but time, and hide."""
    if _STRICT and isinstance(error, (NameError, AttributeError)):
        traceback = error.__traceback__
        while traceback is not None and traceback.tb_next is not None:
            traceback = traceback.tb_next
        if traceback is not None and traceback.tb_frame.f_code.co_filename.startswith("<compiled"):
            raise error


# What the parsers call


def _freed(error: GrammarError) -> GrammarError:
    """An error that does not keep what it came by."""
    error.__traceback__ = error.__context__ = error.__cause__ = None
    return error


def _rendered(path: Any) -> str:
    """`render_path` of a path as `joined` takes it."""
    shown = ""
    while type(path) is tuple:
        path, step = path
        if type(step) is not str:
            shown = f"[{step if type(step) is int else len(step)}]{shown}"
        elif step[0].isupper():
            return step + shown
        else:
            shown = f".{step}{shown}"
    return shown.partition(".")[2]  # without the indexes of what is parsed itself


def _error(path: Any, offset: int, reason: str, ends_early: bool = False) -> GrammarError:
    return GrammarError(reason, offset, _rendered(path), ends_early)


def _note(
    defects: list[GrammarError] | None,
    path: Any,
    offset: int,
    reason: str,
    ends_early: bool = False,
) -> None:
    """Note a defect; raise it where the bytes are but tried."""
    error = GrammarError(reason, offset, _rendered(path), ends_early)
    if defects is None:
        raise error
    defects.append(error)


def _cut_block(path: Any, size: int, p: int, end: int) -> GrammarError:
    """What `read_block` raises for so many bytes that begin at p."""
    return _error(path, end, short(size, end - p), True)


def _cut_field(path: Any, size: int, p: int, end: int) -> GrammarError:
    """What becomes of what construct's `stream_read` raises."""
    return _error(path, end, f"ends early: expected {size}, found {end - p}", True)


def _cut_run(
    path: Any, fields: tuple[tuple[tuple[str, ...], int], ...], p: int, end: int
) -> GrammarError:
    """The same for the first of several fields, each with its steps and size, that is not whole."""
    for steps, size in fields:
        if p + size > end:
            for step in steps:
                path = (path, step)
            break
        p += size
    return _cut_field(path, size, p, end)


def _varint(data: bytes, p: int, end: int, path: Any) -> tuple[int, int]:
    if p >= end:
        raise _cut_block(path, 1, p, end)
    rest = (1 << (data[p] >> 6)) - 1
    if p + 1 + rest > end:
        raise _cut_block(path, rest, p + 1, end)
    return wide_varint(data, p, end) if rest else (data[p], p + 1)


def _by_itself(
    schema: Construct,
    data: bytes,
    p: int,
    end: int,
    start: int,
    context: Any,
    path: Any,
    defects: list[GrammarError] | None,
) -> tuple[Any, int]:
    """`compiler.by_itself` for one that notes defects, and says where it stands."""
    params = context["_params"]
    outside, params["defects"] = params["defects"], defects
    try:
        return by_itself(schema, data, p, end, start, context, joined(path))
    finally:
        params["defects"] = outside


def _of_body(parser: Parser, schema: Construct, name: str) -> Parser:
    after = after_the_body_of(name)
    is_chosen = isinstance(shape(schema), Choice | Open)
    step = schema.name

    def parse_body(
        data: bytes,
        p: int,
        end: int,
        start: int,
        context: Any,
        path: Any,
        defects: list[GrammarError] | None,
    ) -> tuple[Any, int]:
        if defects is None:
            value, at = parser(data, p, end, start, context, path, None)
            if at != end:
                raise Deviation
            return value, end
        inner: list[GrammarError] = []
        try:
            value, at = parser(data, p, end, start, context, path, inner)
            if at != end:
                if is_chosen or at > end:
                    raise Deviation
                _note(inner, (path, step) if step else path, at, left_over(end - at, after))
        except GrammarError as error:
            inner.append(_freed(error))
            value = None
        except ReadsAround:
            raise
        except Exception as error:  # as above, but of this body alone
            _raise_fault(error)
            value, inner = _interpreted_body(schema, data, p, end, context, joined(path), after)
        # What is wrong inside a body costs the body; the structure around it is sound.
        for defect in inner:
            defect.ends_early = False
        defects += inner
        return value, end

    return parse_body


def _interpreted_body(
    schema: Construct, data: bytes, p: int, end: int, context: Any, path: str, after: str
) -> tuple[Any, list[GrammarError]]:
    """What `OpenBody` does for a caller who asked for what can be read."""
    inner: list[GrammarError] = []
    window = Window(data, p, p, end)
    inside = Container(context)
    inside["_params"] = Container(context["_params"], defects=inner)
    try:
        if nests(schema):
            inside = deeper(inside, window, path)
        return without_streams(parse_whole(guarded(schema), window, inside, path, after)), inner
    except GrammarError as error:
        inner.append(_freed(error))
        return None, inner


# What writes the parsers


def _own_steps(schema: Construct) -> tuple[str, ...]:
    """What a construct that names another adds to the path of that."""
    name = None
    if isinstance(schema, Structure):
        name = schema.title if schema._stands_alone else None
    elif type(schema) is Renamed:
        name = schema.name
    return (name,) if name else ()


def _steps(schema: Construct) -> tuple[str, ...]:
    """What the names of a construct add to the path, down to what they name."""
    steps: tuple[str, ...] = ()
    while isinstance(of := shape(schema), Named):
        steps += _own_steps(schema)
        schema = of.part
    return steps


# By what they say where there are fewer bytes than a length says.
_READ_BLOCKS = (Opaque, Vector, Block)
_READ_FIELDS = (construct.Bytes, construct.Prefixed, construct.FixedSized)


class _Salvager(Emitter):
    """Writes the source of one parser, in which `path` is where in the grammar it begins, and `defects` takes what is
    wrong. What it has no text for is written as its base writes it, and gives up.
    """

    arguments = f"{Emitter.arguments}, path, defects"
    of_body = staticmethod(_of_body)

    def __init__(self, how: How) -> None:
        super().__init__(how)
        self._defects = "defects"
        self._names.update(
            GrammarError=GrammarError,
            announced=announced,
            cut_block=_cut_block,
            cut_field=_cut_field,
            cut_run=_cut_run,
            error=_error,
            freed=_freed,
            left_over=left_over,
            note=_note,
            odd_bytes=odd_bytes,
            out_of_bounds=out_of_bounds,
            short=short,
            unknown=unknown,
            varint=_varint,
        )

    def _more(self, at: Place) -> tuple[str, ...]:
        return (at.path, self._defects)

    # Where it is

    def _inside(self, steps: tuple[str, ...], at: Place) -> Place:
        for step in steps:
            at = at._replace(path=f"({at.path}, {step!r})")
        return at

    def _named(self, schema: Construct, of: Any, at: Place) -> str:
        return super()._named(schema, of, self._inside(_own_steps(schema), at))

    def _named_place(self, schema: Construct, at: Place) -> Place:
        return self._inside(_steps(schema), at)

    def _item_place(self, index: str, at: Place) -> Place:
        return at._replace(path=f"({at.path}, {index})")

    # Numbers

    def _must_fit(
        self, size: int, schemas: list[Construct], named: list[Construct], at: Place
    ) -> None:
        fields = tuple(
            (_steps(name), fixed(schema)[1]) for schema, name in zip(schemas, named, strict=True)
        )
        self._line(f"if p + {size} > {at.end}: raise cut_run({at.path}, {fields!r}, p, {at.end})")

    def _must_read(self, size: int, at: Place) -> None:
        self._line(f"if p + {size} > {at.end}: raise cut_field({at.path}, {size}, p, {at.end})")

    def _number(self, schema: Construct, of: Number, at: Place) -> str:
        if fixed(schema)[0]:
            return super()._number(schema, of, at)
        begin, value = self._variable(), self._variable()
        self._line(f"{begin} = p")
        if of.varint:
            self._line(f"{value}, p = varint(data, p, {at.end}, {at.path})")
        else:
            assert of.size is not None
            order = "little" if of.swapped else "big"
            self._must_read(of.size, at)
            taken = f"data[p:p + {of.size}], {order!r}, signed={bool(of.signed)}"
            self._line(f"{value} = int.from_bytes({taken}); p += {of.size}")
        if of.closed:
            names = self._constant(of.names)
            reason = f"unknown({names}, {value})"
            self._line(f"if {value} not in {names}: raise error({at.path}, {begin}, {reason})")
        return value

    # Lengths

    def _length(self, field: Construct, at: Place) -> str:
        size = fixed(field)[1]
        self._must_read(size, at)
        return super()._length(field, at)

    def _within(self, schema: Construct, of: Raw | Repeat, length: str, at: Place) -> str:
        if type(schema) not in (Opaque, Vector):
            return super()._within(schema, of, length, at)
        limit = self._limit(schema, length, at)
        self._note_bounds(schema, length, at)
        return limit

    def _note_bounds(self, schema: Any, length: str, at: Place) -> None:
        """Write the check of a length that has just been read."""
        size = fixed(schema.lengthfield)[1]
        if schema.minimum > 0 or schema.maximum < 256**size - 1:
            reason = f"out_of_bounds({self._constant(schema)}, {length})"
            self._line(
                f"if not {schema.minimum} <= {length} <= {schema.maximum}: "
                f"note({self._defects}, {at.path}, p - {size}, {reason})"
            )

    def _limit(self, schema: Construct, length: str, at: Place) -> str:
        cut = "cut_block" if type(schema) in _READ_BLOCKS else "cut_field"
        if cut == "cut_field" and type(schema) not in _READ_FIELDS:
            return super()._limit(schema, length, at)
        limit = self._variable()
        self._line(f"{limit} = p + {length}")
        self._line(f"if {limit} > {at.end}: raise {cut}({at.path}, {length}, p, {at.end})")
        return limit

    def _raw(self, schema: Construct, of: Raw, at: Place) -> str:
        if type(schema) is not Remaining:
            return super()._raw(schema, of, at)
        limit = self._variable()
        if of.spare:
            self._line(f"{limit} = max({at.end} - {of.spare}, p)")
        elif of.length is None:
            return self._slice(at.end)
        else:
            length = self._variable()
            self._line(f"{length} = {self._expression(of.length, at)}")
            self._must(f"{length} >= 0")
            self._line(f"{limit} = p + {length}")
            self._line(f"if {limit} > {at.end}:")
            reason = f"announced({length}, {at.end} - p)"
            self._line(f" {limit} = {at.end}; note({self._defects}, {at.path}, {limit}, {reason})")
        return self._slice(limit)

    def _in_block(self, schema: Construct, of: Sized, limit: str, at: Place) -> str:
        if type(schema) is not Block:
            return super()._in_block(schema, of, limit, at)
        begin, value = self._variable(), self._variable()
        self._line(f"{begin} = p")
        if of.salvage:
            self._line("try:")
            self._deeper()
        inside = at._replace(end=limit, start=begin)
        self._line(f"{value} = {self._emit(of.part, inside)}")
        self._must(f"p <= {limit}")
        self._line(f"if p != {limit}:")
        path, name = self._variable(), self._name_of(of.part, inside)
        self._line(f" {path} = ({at.path}, {name}) if {name} else {at.path}")
        self._line(f" note({self._defects}, {path}, p, left_over({limit} - p)); p = {limit}")
        if of.salvage:
            self._depth -= 1
            self._salvage(f"defects.append(freed(error)); {value} = None; p = {limit}")
        return value

    def _salvage(self, *lines: str) -> None:
        self._line("except GrammarError as error:")
        for line in (f"if {self._defects} is None: raise", *lines):
            self._line(f" {line}")

    def _try(self, of: Maybe, at: Place, *otherwise: str) -> str:
        outside, self._defects = self._defects, "None"
        tried = super()._try(of, at, *otherwise)
        self._defects = outside
        return tried

    def _name_of(self, schema: Construct, at: Place) -> str:
        """An expression for the name of a construct, or of what it chooses."""
        of = shape(schema)
        if isinstance(of, Open) and of.choice is schema:
            parsers, code = self._parsers_of(of, at), self._expression(of.choice.key, at)
            return f"{parsers}.schema({code}).name"
        if isinstance(of, Choice):
            key = self._expression(of.key, at)
            names = {case: part.name for case, part in of.cases.items()}
            key = f"bool({key})" if of.truth else key
            return f"{self._constant(names)}.get({key}, {of.default.name!r})"
        return repr(schema.name)

    # Lists

    def _repeat(self, schema: Construct, of: Repeat, at: Place) -> str:
        if type(schema) is not Vector or not schema.salvage:
            return super()._repeat(schema, of, at)
        length = self._length(schema.lengthfield, at)
        limit, begin, found = self._variable(), self._variable(), self._variable()
        self._line(f"{limit} = {found} = p + {length}")
        self._line(f"if {found} > {at.end}:")
        reason = f"short({length}, {at.end} - p)"
        self._line(
            f" {limit} = {at.end}; note({self._defects}, {at.path}, {limit}, {reason}, True)"
        )
        self._note_bounds(schema, length, at)
        self._line(f"{begin} = p")
        self._line("try:")
        self._deeper()
        value = self._items(schema, of, f"({limit} - p)", at._replace(end=limit, start=begin))
        self._depth -= 1
        self._salvage(f"p = {limit}", f"if {found} == {limit}: defects.append(freed(error))")
        return value

    def _items(self, schema: Construct, of: Repeat, length: str, at: Place) -> str:
        size = fixed_size(of.part)
        if type(schema) not in (Repeated, Vector) or size in (0, 1, None):
            return super()._items(schema, of, length, at)
        odd, stop = self._variable(), self._variable()
        self._line(f"{odd} = ({at.end} - p) % {size}")
        self._line(f"{stop} = {at.end} - {odd}")
        value = super()._items(schema, of, f"({stop} - p)", at._replace(end=stop))
        self._line(f"if {odd}: note({self._defects}, {at.path}, p, odd_bytes({odd})); p = {at.end}")
        return value


_SALVAGING = How(_Salvager, _by_itself, How(_Salvager, _by_itself))
