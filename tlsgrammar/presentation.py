"""The presentation language of TLS (RFC 8446 section 3) as constructs.

What belongs here: the shapes that RFCs declare structures with, and nothing of any one structure.

    RFC                                     here
    uint16 value;                           "value" / uint16
    opaque value[32];                       "value" / Bytes(32)
    opaque value<0..32>;                    "value" / opaque(0, 32)
    NamedGroup values<2..2^16-1>;           "values" / vector(NamedGroup, 2, 2**16 - 1)
    enum { null(0), (255) } Method;         Method = enumeration(uint8, names.COMPRESSION_METHODS)

A value outside its bounds is an error in both directions. While parsing, an error is raised, or,
where the caller asked for what can be read (`tlsgrammar.read`), noted and stepped over if what
follows is still sure.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, TypeVar

from construct import (
    Bytes,
    BytesInteger,
    Construct,
    ConstructError,
    Container,
    Int8ub,
    Int16ub,
    Int24ub,
    Int32ub,
    Int64ub,
    ListContainer,
    Renamed,
    SizeofError,
    Struct,
    Subconstruct,
    Switch,
)

from .errors import GrammarError
from .names import Registry

__all__ = [
    "Bytes",
    "Empty",
    "block",
    "enumeration",
    "if_present",
    "opaque",
    "remaining",
    "repeated",
    "uint8",
    "uint16",
    "uint24",
    "uint32",
    "uint48",
    "uint64",
    "vector",
]

F = TypeVar("F", bound=Callable[..., Any])

uint8 = Int8ub
uint16 = Int16ub
uint24 = Int24ub
uint32 = Int32ub
uint48 = BytesInteger(6)
uint64 = Int64ub

Empty = Struct()
"""`struct {} Empty;` (RFC 8446 section 3.6)"""


class Window(io.BytesIO):
    """A stream over a part of the data that knows where that part begins in the whole."""

    def __init__(self, data: bytes, base: int) -> None:
        super().__init__(data)
        self.base = base
        self.size = len(data)


def position(stream: Any) -> int:
    """Where a stream stands, in bytes from the start of the data that are parsed."""
    base: int = getattr(stream, "base", 0)
    return base + int(stream.tell())


def remaining_size(stream: Any) -> int:
    """How many bytes a stream still holds."""
    here = stream.tell()
    if isinstance(stream, Window):
        return stream.size - int(here)
    end: int = stream.seek(0, io.SEEK_END)
    stream.seek(here)
    return end - int(here)


def render_path(path: str | None) -> str:
    """A construct path, `(parsing) -> ClientHello -> extensions[3]`, with dots.

    The path starts at the innermost structure that the grammar has a name of its own for (names of
    structures begin with a capital letter, names of fields do not).
    """
    steps = (path or "").split(" -> ")[1:]
    for start in range(len(steps) - 1, 0, -1):
        if steps[start][:1].isupper():
            steps = steps[start:]
            break
    return ".".join(steps)


def as_grammar_error(error: Exception, stream: Any, path: str | None) -> GrammarError:
    """What any construct raised, as a GrammarError that says where in the whole data it was."""
    if isinstance(error, GrammarError):
        return error
    own_path = getattr(error, "path", None)
    text = str(error).split("\n", 1)[1] if own_path and "\n" in str(error) else str(error)
    if isinstance(error, KeyError):
        text = f"no value for the field {error.args[0]!r}"
    ends_early = "could not read enough bytes" in text or "stream read less than" in text
    if ends_early:
        text = "ends early: " + text.removeprefix("stream read less than specified amount, ")
    return GrammarError(text, position(stream), render_path(own_path or path), ends_early)


def note(
    context: Any, stream_position: int, path: str, reason: str, ends_early: bool = False
) -> None:
    """Report something wrong that reading can go on after: noted where defects are collected, raised
    where not.
    """
    error = GrammarError(reason, stream_position, render_path(path), ends_early)
    defects = context["_params"].get("defects")
    if defects is None:
        raise error
    defects.append(error)


def _length_field(maximum: int) -> Construct:
    if maximum < 2**8:
        return uint8
    if maximum < 2**16:
        return uint16
    return uint24


def _out_of_bounds(schema: Opaque | Vector, length: int) -> str:
    """What is wrong with a length; empty where nothing is."""
    if schema.minimum <= length <= schema.maximum:
        return ""
    return f"{length} bytes long, but {schema.minimum} to {schema.maximum} are allowed"


def _write_bounded(
    schema: Opaque | Vector, data: bytes, stream: Any, context: Any, path: str
) -> None:
    problem = _out_of_bounds(schema, len(data))
    if problem:
        raise GrammarError(problem, position(stream), render_path(path))
    schema.lengthfield._build(len(data), stream, context, path)
    stream.write(data)


def _as_bytes(value: bytes | str) -> bytes:
    """Bytes to build; text is taken as UTF-8."""
    return value.encode() if isinstance(value, str) else bytes(value)


def read_block(stream: Any, size: int, path: str) -> bytes:
    """Exactly so many bytes of a stream."""
    data: bytes = stream.read(size)
    if len(data) < size:
        raise GrammarError(
            f"ends early: {size} bytes expected, {len(data)} found",
            position(stream),
            render_path(path),
            ends_early=True,
        )
    return data


class Opaque(Construct):  # type: ignore[misc]
    """`opaque value<minimum..maximum>`: bytes, with their length before them.

    Attributes:
        lengthfield: the construct of the length.
        minimum, maximum: how many bytes there may be.
    """

    def __init__(self, minimum: int, maximum: int) -> None:
        super().__init__()
        self.lengthfield = _length_field(maximum)
        self.minimum = minimum
        self.maximum = maximum

    def _parse(self, stream: Any, context: Any, path: str) -> bytes:
        start = position(stream)
        length = self.lengthfield._parsereport(stream, context, path)
        data = read_block(stream, length, path)
        problem = _out_of_bounds(self, length)
        if problem:
            note(context, start, path, problem)
        return data

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        _write_bounded(self, _as_bytes(obj), stream, context, path)
        return obj


class Repeated(Subconstruct):  # type: ignore[misc]
    """One structure after the other, to the end of what encloses them.

    Attributes:
        subcon: the structure.
        itemsize: its size in bytes where that is fixed, else None.
    """

    def __init__(self, subcon: Construct) -> None:
        super().__init__(subcon)
        self.flagbuildnone = False
        try:
            self.itemsize: int | None = subcon.sizeof()
        except SizeofError:
            self.itemsize = None

    def _parse(self, stream: Any, context: Any, path: str) -> ListContainer:
        items = ListContainer()
        self._parse_items(items, stream, context, path)
        return items

    def _parse_items(self, items: ListContainer, stream: Any, context: Any, path: str) -> None:
        left = remaining_size(stream)
        odd = left % self.itemsize if self.itemsize else 0
        while left > odd:
            context["_index"] = len(items)
            items.append(self.subcon._parsereport(stream, context, f"{path}[{len(items)}]"))
            before, left = left, remaining_size(stream)
            if left == before:
                raise GrammarError(
                    "an element without a size in a list", position(stream), render_path(path)
                )
        if odd:
            where = position(stream)
            stream.read(odd)
            note(context, where, path, f"{odd} bytes left over after the last whole element")

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        for index, item in enumerate(obj):
            context["_index"] = index
            self.subcon._build(item, stream, context, f"{path}[{index}]")
        return obj


class Vector(Repeated):
    """`Type values<minimum..maximum>`: elements, with their length in bytes before them.

    Attributes:
        lengthfield: the construct of the length.
        minimum, maximum: how many bytes the elements may take together.
        salvage: whether a list that ends early is worth its whole elements to a reader who asked for
            what can be read.
    """

    def __init__(
        self, subcon: Construct, minimum: int, maximum: int, salvage: bool = False
    ) -> None:
        super().__init__(subcon)
        self.lengthfield = _length_field(maximum)
        self.minimum = minimum
        self.maximum = maximum
        self.salvage = salvage

    def _parse(self, stream: Any, context: Any, path: str) -> ListContainer:
        start = position(stream)
        length = self.lengthfield._parsereport(stream, context, path)
        base = position(stream)
        salvage = self.salvage and context["_params"].get("defects") is not None
        if salvage:
            data = stream.read(length)
            if len(data) < length:
                note(
                    context,
                    base + len(data),
                    path,
                    f"ends early: {length} bytes expected, {len(data)} found",
                    ends_early=True,
                )
        else:
            data = read_block(stream, length, path)
        problem = _out_of_bounds(self, length)
        if problem:
            note(context, start, path, problem)
        window = Window(data, base)
        items = ListContainer()
        try:
            self._parse_items(items, window, context, path)
        except ConstructError as error:
            defect = as_grammar_error(error, window, path)
            if not salvage:
                raise defect from None
            if len(data) == length:
                context["_params"]["defects"].append(defect)
        return items

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        inner = Window(b"", position(stream))
        super()._build(obj, inner, context, path)
        _write_bounded(self, inner.getvalue(), stream, context, path)
        return obj


class Block(Subconstruct):  # type: ignore[misc]
    """A structure in exactly as many bytes as its length says.

    Attributes:
        length: the construct of the length, where it stands before the structure; or an expression
            over the context (`this.length`) where it stands elsewhere.
        subcon: the structure.
        salvage: whether what stands around the structure is worth having without it to a reader who
            asked for what can be read; it is None then.
    """

    def __init__(
        self,
        length: Construct | Callable[[Any], int],
        subcon: Construct,
        salvage: bool = False,
    ) -> None:
        super().__init__(subcon)
        self.salvage = salvage
        self.length = length
        self.lengthfield = length if isinstance(length, Construct) else None

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        if self.lengthfield is not None:
            length = self.lengthfield._parsereport(stream, context, path)
        else:
            length = self.length(context)
        base = position(stream)
        window = Window(read_block(stream, length, path), base)
        try:
            return parse_whole(self.subcon, window, context, path)
        except GrammarError as error:
            defects = context["_params"].get("defects")
            if defects is None or not self.salvage:
                raise
            defects.append(error)
            return None

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        inner = Window(b"", position(stream))
        result = self.subcon._build(obj, inner, context, path)
        data = inner.getvalue()
        if self.lengthfield is not None:
            self.lengthfield._build(len(data), stream, context, path)
        stream.write(data)
        return result


def parse_whole(schema: Construct, window: Window, context: Any, path: str, after: str = "") -> Any:
    """Parse a structure that must fill its window; `after` says what bytes that are left over come after."""
    try:
        value = schema._parsereport(window, context, path)
    except ConstructError as error:
        raise as_grammar_error(error, window, path) from None
    left = window.size - window.tell()
    if left:
        name = chosen(schema, context).name
        where = f"{path} -> {name}" if name else path
        note(context, position(window), where, f"{left} bytes left over{after}")
    return value


def bare(schema: Construct) -> Construct:
    """A construct without the names it was given."""
    while isinstance(schema, Renamed):
        schema = schema.subcon
    return schema


def chosen(schema: Construct, context: Any) -> Construct:
    """What a Switch decides for; any other construct is itself."""
    if not isinstance(schema, Switch):
        return schema
    key = schema.keyfunc(context) if callable(schema.keyfunc) else schema.keyfunc
    return schema.cases.get(key, schema.default)


def without_streams(value: Any) -> Any:
    """A value without the streams that construct leaves in its structures."""
    if isinstance(value, Container):
        value.pop("_io", None)
        for item in value.values():
            without_streams(item)
    elif isinstance(value, list):
        for item in value:
            without_streams(item)
    return value


class IfPresent(Subconstruct):  # type: ignore[misc]
    """A structure that older versions of its message end before: None where nothing is left."""

    def __init__(self, subcon: Construct) -> None:
        super().__init__(subcon)
        self.flagbuildnone = True

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        if not remaining_size(stream):
            return None
        return self.subcon._parsereport(stream, context, path)

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        return None if obj is None else self.subcon._build(obj, stream, context, path)


class Remaining(Construct):  # type: ignore[misc]
    """`limit` bytes (an expression over the context), or all that are left where they are fewer."""

    def __init__(self, limit: Callable[[Any], int] | None = None) -> None:
        super().__init__()
        self.limit = limit

    def _parse(self, stream: Any, context: Any, path: str) -> bytes:
        if self.limit is None:
            rest: bytes = stream.read()
            return rest
        limit = self.limit(context)
        data: bytes = stream.read(limit)
        if len(data) < limit:
            note(context, position(stream), path, f"{limit} bytes announced, {len(data)} found")
        return data

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        stream.write(_as_bytes(obj))
        return obj


class Enumeration(Subconstruct):  # type: ignore[misc]
    """Code points of a registry: an integer when parsed; an integer or its name when built.

    Attributes:
        registry: the names.
    """

    def __init__(self, subcon: Construct, registry: Registry) -> None:
        super().__init__(subcon)
        self.registry = registry

    def describe(self, code: int) -> str:
        """A code point for people: its name and the number."""
        return f"{self.registry.name(code)} ({code})"

    def look_up(self, name: str, context: Any) -> int:
        """The code point of a name; KeyError where there is none."""
        return self.registry.code(name)

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        if isinstance(obj, str):
            try:
                obj = self.look_up(obj, context)
            except KeyError as error:
                raise GrammarError(error.args[0], position(stream), render_path(path)) from None
        return self.subcon._build(obj, stream, context, path)


def opaque(minimum: int, maximum: int) -> Construct:
    """`opaque value<minimum..maximum>` (RFC 8446 section 3.4): bytes behind their length."""
    return Opaque(minimum, maximum)


def vector(subcon: Construct, minimum: int, maximum: int, *, salvage: bool = False) -> Construct:
    """`Type values<minimum..maximum>` (RFC 8446 section 3.4): the bounds are in bytes, as there.

    With `salvage`, `tlsgrammar.read` keeps the whole elements of a list that ends early.
    """
    return Vector(subcon, minimum, maximum, salvage)


def repeated(subcon: Construct) -> Construct:
    """As many of a structure as fill the rest of what encloses them."""
    return Repeated(subcon)


def block(
    length: Construct | Callable[[Any], int], subcon: Construct, *, salvage: bool = False
) -> Construct:
    """A structure in exactly `length` bytes; `length` is a construct before it, or an expression.

    With `salvage`, `tlsgrammar.read` gives None for a structure that cannot be read, and goes on.
    """
    return Block(length, subcon, salvage)


def remaining(limit: Callable[[Any], int] | None = None) -> Construct:
    """The bytes to the end of what encloses them; at most `limit` (an expression) of them."""
    return Remaining(limit)


def if_present(subcon: Construct) -> Construct:
    """A structure at the end of another, or None where that ended before it."""
    return IfPresent(subcon)


def enumeration(subcon: Construct, registry: Registry) -> Construct:
    """Code points with names. Any code point can be parsed and built, named or not."""
    return Enumeration(subcon, registry)
