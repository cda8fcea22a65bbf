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
import re
import struct
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any, ClassVar

from construct import (
    Bytes,
    BytesInteger,
    Construct,
    ConstructError,
    Container,
    FormatFieldError,
    Int8ub,
    Int16ub,
    Int24ub,
    Int32ub,
    Int64ub,
    ListContainer,
    Renamed,
    Struct,
    Subconstruct,
)
from construct.lib import HexDisplayedDict, HexDumpDisplayedDict

from .errors import GrammarError
from .names import Names
from .shape import (
    Maybe,
    Named,
    Number,
    Raw,
    Repeat,
    Shape,
    Sized,
    chosen,
    fixed_size,
    least_size,
    shape,
)

__all__ = [
    "Bytes",
    "Empty",
    "block",
    "enumeration",
    "if_present",
    "message",
    "opaque",
    "optional_length",
    "remaining",
    "repeated",
    "structure",
    "uint8",
    "uint16",
    "uint24",
    "uint32",
    "uint48",
    "uint64",
    "varint",
    "vector",
]

MAXIMUM_DEPTH = 32
"""How deep structures may stand in others of their own kind: extensions in extensions, and what a `LazyBound` holds.
Deeper ones are a defect."""

uint8 = Int8ub
uint16 = Int16ub
uint24 = Int24ub
uint32 = Int32ub
uint48 = BytesInteger(6)
uint64 = Int64ub


class Window:
    """A stream over a part of the data that knows where that part begins in the whole; for reading.

    Args:
        data: the data.
        base: where they begin in the whole.
        start, end: the part of them; all of them where `end` is None.
    """

    __slots__ = ("_at", "_data", "_end", "_start", "base")

    def __init__(
        self, data: bytes | bytearray, base: int, start: int = 0, end: int | None = None
    ) -> None:
        self.base = base
        self._data = data
        self._start = self._at = start
        self._end = len(data) if end is None else end

    @property
    def size(self) -> int:
        """How many bytes there are."""
        return self._end - self._start

    def tell(self) -> int:
        """How many bytes come before the next."""
        return self._at - self._start

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to another byte."""
        if whence == io.SEEK_SET and offset < 0:
            raise ValueError(f"there is no byte {offset}")
        begin = (self._start, self._at, self._end)[whence]
        self._at = max(begin + offset, self._start)
        return self._at - self._start

    def read(self, size: int | None = -1) -> bytes:
        """The next bytes, as many as there are."""
        at = self._at
        end = self._end if size is None or size < 0 else min(at + size, self._end)
        self._at = max(at, end)
        return bytes(self._data[at:end])


class Output(io.BytesIO):
    """A stream to build into that knows where it begins in the whole."""

    def __init__(self, base: int) -> None:
        super().__init__()
        self.base = base


def position(stream: Any) -> int:
    """Where a stream stands, in bytes from the start of the data that are parsed."""
    here = int(stream.tell())
    # What construct makes of a part of a stream counts from the beginning of the whole stream.
    while (outer := getattr(stream, "parent_stream", None)) is not None:
        stream = outer
    base: int = getattr(stream, "base", 0)
    return base + here


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
    stream_position, path = getattr(error, "_where", None) or (position(stream), path)
    own_path = getattr(error, "path", None)
    text = str(error).split("\n", 1)[1] if own_path and "\n" in str(error) else str(error)
    if isinstance(error, FormatFieldError) and (given := _GIVEN.match(text)):
        low, high = _range_of(given[1])
        text = f"an integer of {low} to {high} expected, not {given[2]}"
    text = text.replace("given non-bytes value, perhaps unicode?", "bytes expected, not text:")
    if isinstance(error, KeyError):
        text = f"no value for the field {error.args[0]!r}"
    ends_early = "could not read enough bytes" in text or "stream read less than" in text
    if ends_early:
        text = "ends early: " + text.removeprefix("stream read less than specified amount, ")
    if not text:
        text = f"{type(error).__name__} in a function of the schema"
    return GrammarError(text, stream_position, render_path(own_path or path), ends_early)


_GIVEN = re.compile(
    r"struct '[<>=]([bBhHlLqQ])' error during building, given value (.*)", re.DOTALL
)


def _range_of(code: str) -> tuple[int, int]:
    """The integers that a code of `struct` has room for."""
    bits = 8 * struct.calcsize(f">{code}")
    return (0, 2**bits - 1) if code.isupper() else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


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


def out_of_bounds(schema: Opaque | Vector, length: int) -> str:
    """What is wrong with a length; empty where nothing is."""
    if schema.minimum <= length <= schema.maximum:
        return ""
    return f"{length} bytes long, but {schema.minimum} to {schema.maximum} are allowed"


def _write_bounded(
    schema: Opaque | Vector, data: bytes, stream: Any, context: Any, path: str
) -> None:
    problem = out_of_bounds(schema, len(data))
    if problem:
        raise GrammarError(problem, position(stream), render_path(path))
    schema.lengthfield._build(len(data), stream, context, path)
    stream.write(data)


def _as_bytes(value: Any, stream: Any, path: str) -> bytes:
    """Bytes to build; text is taken as UTF-8."""
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    raise misfit("bytes or text", value, stream, path)


def misfit(expected: str, value: Any, stream: Any, path: str) -> GrammarError:
    """The error of a value of a wrong kind, while building."""
    text = repr(value)
    text = text if len(text) <= 60 else f"{text[:60]}..."
    return GrammarError(f"{expected} expected, not {text}", position(stream), render_path(path))


def _inner(stream: Any, lengthfield: Construct | None) -> Output:
    """A stream to build into what stands behind a length."""
    return Output(position(stream) + (0 if lengthfield is None else least_size(lengthfield)))


def deeper(context: Any, stream: Any, path: str) -> Any:
    """The context of a structure that stands in another of its kind.

    Raises:
        GrammarError: it stands deeper than `MAXIMUM_DEPTH`.
    """
    params = context["_params"]
    depth = params.get("_depth", 0) + 1
    if depth > MAXIMUM_DEPTH:
        raise GrammarError(
            f"nested more than {MAXIMUM_DEPTH} deep", position(stream), render_path(path)
        )
    inner = Container(context)
    inner["_params"] = Container(params)
    inner["_params"]["_depth"] = depth
    return inner


def read_block(stream: Any, size: int, path: str) -> bytes:
    """Exactly so many bytes of a stream."""
    data: bytes = stream.read(size)
    if len(data) < size:
        raise GrammarError(short(size, len(data)), position(stream), render_path(path), True)
    return data


# Reasons that `salvage` gives too.


def short(size: int, found: int) -> str:
    """What is wrong where a block of bytes is not whole."""
    return f"ends early: {size} bytes expected, {found} found"


def announced(size: int, found: int) -> str:
    """What is wrong where fewer bytes stand than a field of the structure says."""
    return f"{size} bytes announced, {found} found"


def odd_bytes(count: int) -> str:
    """What is wrong where a list does not end with an element."""
    return f"{counted(count)} left over after the last whole element"


def left_over(count: int, after: str = "") -> str:
    """What is wrong where a structure does not fill its bytes; `after` says what it is, for one that has a name."""
    return f"{counted(count)} left over{after}"


def after_the_body_of(name: str) -> str:
    """What bytes are left over after, in a body."""
    return f" after the body of {name}"


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

    def _shape(self) -> Shape:
        return Raw(None, self.lengthfield, self.minimum, self.maximum)

    def _parse(self, stream: Any, context: Any, path: str) -> bytes:
        start = position(stream)
        length = self.lengthfield._parsereport(stream, context, path)
        data = read_block(stream, length, path)
        problem = out_of_bounds(self, length)
        if problem:
            note(context, start, path, problem)
        return data

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        _write_bounded(self, _as_bytes(obj, stream, path), stream, context, path)
        return obj


class Repeated(Subconstruct):  # type: ignore[misc]
    """One structure after the other, to the end of what encloses them.

    Attributes:
        subcon: the structure.
    """

    def __init__(self, subcon: Construct) -> None:
        super().__init__(subcon)
        self.flagbuildnone = False

    @cached_property
    def itemsize(self) -> int | None:
        """The size of the structure in bytes, where that is fixed."""
        return fixed_size(self.subcon)

    _part_names: ClassVar[tuple[str, ...]] = ("subcon",)

    def _shape(self) -> Shape:
        return Repeat(self.subcon, "end")

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
            note(context, where, path, odd_bytes(odd))

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        if isinstance(obj, (str, Mapping)) or not isinstance(obj, Iterable):
            raise misfit("a list", obj, stream, path)
        # What is read of it later are code points, where names were given.
        built = ListContainer()
        for index, item in enumerate(obj):
            context["_index"] = index
            built.append(self.subcon._build(item, stream, context, f"{path}[{index}]"))
        return built


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

    _part_names: ClassVar[tuple[str, ...]] = ("lengthfield", "subcon")

    def _shape(self) -> Shape:
        return Repeat(self.subcon, "length", None, self.lengthfield, self.minimum, self.maximum)

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
                    short(length, len(data)),
                    ends_early=True,
                )
        else:
            data = read_block(stream, length, path)
        problem = out_of_bounds(self, length)
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
        inner = _inner(stream, self.lengthfield)
        built = super()._build(obj, inner, context, path)
        _write_bounded(self, inner.getvalue(), stream, context, path)
        return built


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

    _part_names: ClassVar[tuple[str, ...]] = ("lengthfield", "subcon")

    def _shape(self) -> Shape:
        length = None if self.lengthfield is not None else self.length
        return Sized(self.subcon, length, self.lengthfield, filled=True, salvage=self.salvage)

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
        inner = _inner(stream, self.lengthfield)
        result = self.subcon._build(obj, inner, context, path)
        data = inner.getvalue()
        if self.lengthfield is not None:
            self.lengthfield._build(len(data), stream, context, path)
        stream.write(data)
        return result


def counted(count: int) -> str:
    """So many bytes, in words."""
    return "1 byte" if count == 1 else f"{count} bytes"


def parse_whole(schema: Construct, window: Window, context: Any, path: str, after: str = "") -> Any:
    """Parse a structure that must fill its window; `after` says what bytes that are left over come after."""
    try:
        value = schema._parsereport(window, context, path)
    except GrammarError:
        raise
    except Exception as error:  # a user's schema may hold any function, and that may raise anything
        raise as_grammar_error(error, window, path) from error
    left = window.size - window.tell()
    if left < 0:
        reason = f"it reads {-left} bytes behind the end"
        raise GrammarError(reason, window.base + window.size, render_path(path), ends_early=True)
    if left:
        name = chosen(schema, context).name
        where = f"{path} -> {name}" if name else path
        note(context, position(window), where, left_over(left, after))
    return value


def without_streams(value: Any) -> Any:
    """A value without the streams that construct leaves in its structures."""
    if isinstance(value, (Container, HexDisplayedDict, HexDumpDisplayedDict)):
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

    _part_names: ClassVar[tuple[str, ...]] = ("subcon",)

    def _shape(self) -> Shape:
        return Maybe(self.subcon, "left")

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        if not remaining_size(stream):
            return None
        return self.subcon._parsereport(stream, context, path)

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        return None if obj is None else self.subcon._build(obj, stream, context, path)


class Remaining(Construct):  # type: ignore[misc]
    """`limit` bytes (an expression over the context), or all that are left where they are fewer; or, without a limit, all
    but the last `but`.
    """

    def __init__(self, limit: Callable[[Any], int] | None = None, but: int = 0) -> None:
        super().__init__()
        self.limit = limit
        self.but = but

    def _shape(self) -> Shape:
        return Raw(self.limit, spare=self.but)

    def _parse(self, stream: Any, context: Any, path: str) -> bytes:
        if self.but:
            return read_block(stream, max(remaining_size(stream) - self.but, 0), path)
        if self.limit is None:
            rest: bytes = stream.read()
            return rest
        limit = self.limit(context)
        data: bytes = stream.read(limit)
        if len(data) < limit:
            note(context, position(stream), path, announced(limit, len(data)))
        return data

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        data = _as_bytes(obj, stream, path)
        limit = None if self.limit is None else self.limit(context)
        if limit is not None and len(data) > limit:
            reason = f"{limit} bytes announced, {len(data)} given"
            raise GrammarError(reason, position(stream), render_path(path))
        stream.write(data)
        return obj


class Enumeration(Subconstruct):  # type: ignore[misc]
    """Code points with names: an integer when parsed; an integer or its name when built.

    Attributes:
        names: the names.
        closed: whether there are no other code points than those with names.
    """

    def __init__(self, subcon: Construct, names: Names, closed: bool = False) -> None:
        super().__init__(subcon)
        self.names = names
        self.closed = closed

    _part_names: ClassVar[tuple[str, ...]] = ("subcon",)

    def _shape(self) -> Shape:
        of = shape(self.subcon)
        if not isinstance(of, Number):
            return Named(self.subcon)
        bounds = (of.size, of.minimum, of.maximum)
        layout = (of.code, of.signed, of.swapped)
        return Number(*bounds, *layout, self.names, self.closed, of.varint)

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        where = position(stream)
        value = self.subcon._parsereport(stream, context, path)
        self._check(value, where, path)
        return value

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        if isinstance(obj, str):
            from .open_types import registry_of  # which is written with this module

            try:
                obj = registry_of(context).code_of(self.names, obj)
            except KeyError as error:
                raise GrammarError(error.args[0], position(stream), render_path(path)) from None
        self._check(obj, position(stream), path)
        return self.subcon._build(obj, stream, context, path)

    def _check(self, value: Any, where: int, path: str) -> None:
        if self.closed and value not in self.names:
            raise GrammarError(unknown(self.names, value), where, render_path(path))


def unknown(names: Names, value: Any) -> str:
    """What is wrong where a code point has no name and should have one."""
    shown = f"0x{value:0{names.digits}x}" if isinstance(value, int) else repr(value)
    return f"unknown {names.title} {shown}"


class OptionalLength(Construct):  # type: ignore[misc]
    """The length of what follows to the end, in two bytes, which some leave out.

    Parsed: None where the next two bytes are not that length. Built: from the length; where that is None, left out or
    made from the field after it.

    Attributes:
        follows: the name of the field after it.
        left_out: a function of the context, which says whether it is left out where nothing is given.
    """

    def __init__(self, follows: str, left_out: Callable[[Any], bool]) -> None:
        super().__init__()
        self.follows = follows
        self.left_out = left_out
        self.flagbuildnone = True

    def _shape(self) -> Shape:
        return Maybe(uint16, "length")

    def _parse(self, stream: Any, context: Any, path: str) -> int | None:
        left = remaining_size(stream)
        start = stream.tell()
        if left >= 2:
            length: int = uint16._parsereport(stream, context, path)
            if length == left - 2:
                return length
            stream.seek(start)
        return None

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        length = len(context[self.follows])
        if obj not in (None, length):
            raise GrammarError(
                f"{obj} announced, but {self.follows} has {length} bytes",
                position(stream),
                render_path(path),
            )
        if obj is not None or not self.left_out(context):
            uint16._build(length, stream, context, path)
        return obj


class Varint(Construct):  # type: ignore[misc]
    """A variable-length integer (RFC 9000 section 16), in as few bytes as hold it.

    Parsed: the integer; where it stood in more bytes than it needs, which the RFC allows, an integer that remembers
    that, so that it is built as it was.
    """

    def _shape(self) -> Shape:
        return Number(None, 0, 2**62 - 1, varint=True)

    def _parse(self, stream: Any, context: Any, path: str) -> int:
        first = read_block(stream, 1, path)
        size = 1 << (first[0] >> 6)
        data = first + read_block(stream, size - 1, path)
        value = int.from_bytes(data, "big") & ((1 << (8 * size - 2)) - 1)
        return value if _varint_size(value) == size else _Wide(value, size)

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        if not isinstance(obj, int) or not 0 <= obj < 2**62:
            raise misfit("an integer of 0 to 2^62-1", obj, stream, path)
        size = obj.size if isinstance(obj, _Wide) else _varint_size(obj)
        stream.write((obj | (size.bit_length() - 1) << (8 * size - 2)).to_bytes(size, "big"))
        return obj


def wide_varint(data: bytes | bytearray, at: int, end: int) -> tuple[int, int]:
    """A `Varint` of more than one byte that stands in a buffer, and where it ends.

    Raises:
        IndexError: it ends behind `end`.
    """
    size = 1 << (data[at] >> 6)
    if at + size > end:
        raise IndexError
    value = int.from_bytes(data[at : at + size], "big") & _MASKS[size]
    return value if value > _NARROWER[size] else _Wide(value, size), at + size


# By how many bytes a Varint takes: the bits of its value, and what would fit in fewer bytes.
_MASKS = {size: (1 << (8 * size - 2)) - 1 for size in (1, 2, 4, 8)}
_NARROWER = {2: _MASKS[1], 4: _MASKS[2], 8: _MASKS[4]}


class _Wide(int):
    """An integer that stood in more bytes than it needs."""

    size: int

    def __new__(cls, value: int, size: int) -> _Wide:
        self = super().__new__(cls, value)
        self.size = size
        return self

    def __reduce__(self) -> tuple[type[_Wide], tuple[int, int]]:
        return type(self), (int(self), self.size)


def _varint_size(value: int) -> int:
    return next(size for size in (1, 2, 4, 8) if value < 1 << (8 * size - 2))


class Structure(Renamed):  # type: ignore[misc]
    """A structure with the name that its document gives it.

    Attributes:
        title: the name.
        reference: the document, and where in it.
    """

    def __init__(
        self, title: str, reference: str, subcon: Construct, *, stands_alone: bool
    ) -> None:
        super().__init__(subcon, title if stands_alone else None)
        self.title = title
        self.reference = reference
        self._stands_alone = stands_alone

    _part_names: ClassVar[tuple[str, ...]] = ("subcon",)

    def _shape(self) -> Shape:
        return Named(self.subcon)

    def __repr__(self) -> str:
        return f"<{self.title}: {self.reference}>"

    @property
    def __doc__(self) -> str:  # type: ignore[override]
        """What `help` shows of it."""
        from .declaration import declaration

        return f"{self.reference}\n\n{declaration(self)}"

    # Only what stands alone begins the path of an error.

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        path = f"{path} -> {self.title}" if self._stands_alone else path
        return self.subcon._parsereport(stream, context, path)

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        path = f"{path} -> {self.title}" if self._stands_alone else path
        return self.subcon._build(obj, stream, context, path)


def structure(name: str, reference: str, *fields: Construct) -> Construct:
    """`struct { ... } name;`: a `Struct` that knows its name and where it is defined.

    Args:
        name: that of the document.
        reference: the document, and where in it.
        fields: its fields, or one construct that is no field and takes their place.
    """
    return Structure(name, reference, _body(fields), stands_alone=False)


def message(name: str, reference: str, *fields: Construct) -> Construct:
    """`structure` for one that stands by itself, such as a record or a message: the paths of errors in it begin with
    its name.
    """
    return Structure(name, reference, _body(fields), stands_alone=True)


def _body(fields: tuple[Construct, ...]) -> Construct:
    return fields[0] if len(fields) == 1 and not fields[0].name else Struct(*fields)


Empty = structure("Empty", "RFC 8446 section 3.6")
"""`struct {} Empty;`"""

varint = Varint()


def optional_length(follows: str, left_out: Callable[[Any], bool]) -> Construct:
    """The length of the field `follows`, which goes on to the end, in two bytes that some leave out.

    Args:
        follows: the name of the field after it.
        left_out: a function of the context, which says whether it is left out where a value does not give it.
    """
    return OptionalLength(follows, left_out)


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


def remaining(limit: Callable[[Any], int] | None = None, *, but: int = 0) -> Construct:
    """The bytes to the end of what encloses them; at most `limit` (an expression) of them, or all but the last `but`,
    which are for the fields that follow.
    """
    return Remaining(limit, but)


def if_present(subcon: Construct) -> Construct:
    """A structure at the end of another, or None where that ended before it."""
    return IfPresent(subcon)


def enumeration(subcon: Construct, names: Names, *, closed: bool = False) -> Construct:
    """Code points with names. Any code point can be parsed and built, named or not; with `closed` only those that are."""
    return Enumeration(subcon, names, closed)
