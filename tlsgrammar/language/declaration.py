"""A schema as its document would declare it: in the presentation language of RFC 8446 section 3.

What may live here: the text of a declaration, by the shape of the schema. It is for people and for help(); nothing
reads it back.

    struct {
        ProtocolVersion legacy_version;
        Random random;
        opaque legacy_session_id<0..32>;
        opaque cookie<0..2^8-1>;  /* if in dtls */
        ...
    } ClientHello;

What the presentation language cannot say stands in comments. Beyond it are `[rest]`, for all bytes to the end of what
encloses a field, and the conditions, which are Python's.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, NamedTuple

import construct
from construct import Construct

from .names import Names
from .open_types import OpenTypes, registry_of
from .presentation import Structure
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
    Sealed,
    Select,
    Shape,
    Sized,
    Stop,
    Tell,
    Text,
    Unknown,
    shape,
)

__all__ = ["declaration", "field_declaration", "type_name"]

_INDENT = "    "
_REST = "[rest]"
_NOTHING = "struct {}"

_WIDTH = 90

_LISTED = 16
"""So many names of an enumeration are listed."""


class _Type(NamedTuple):
    """What is written before the name of a field, and after it.

    Attributes:
        base: before the name; empty for what takes no bytes.
        suffix: after it: how many there are.
        notes: what the language has no words for.
    """

    base: str
    suffix: str = ""
    notes: tuple[str, ...] = ()

    def noted(self, *notes: str) -> _Type:
        return self._replace(notes=(*self.notes, *notes))

    def named(self, name: str) -> str:
        """The declaration of a field."""
        if not self.base:
            return _comment(
                (f"{name}: {'; '.join(self.notes)}" if name else "; ".join(self.notes),)
            )
        declared = f"{self.base} {name}" if name else self.base
        comment = f"  {_comment(self.notes)}" if self.notes else ""
        return f"{declared}{self.suffix};{comment}"


def declaration(
    schema: Construct,
    titles: Mapping[Construct, str] | None = None,
    registry: OpenTypes | None = None,
) -> str:
    """The declaration of a schema.

    Args:
        schema: any construct.
        titles: names of constructs that carry none themselves: of enumerations, and of opaque vectors.
        registry: what open types are looked up in; the default one where it is not given.

    Returns:
        Its lines. Other structures that have a name stand in it by that; those that have none are written out.
    """
    return _Writer(titles or {}, registry).whole(schema)


def field_declaration(schema: Construct, name: str = "", registry: OpenTypes | None = None) -> str:
    """The declaration of a field, in one line.

    Args:
        schema: its schema.
        name: what it is called.
        registry: as for `declaration`.

    Returns:
        Such as `opaque legacy_session_id<0..32>;`. What has no name of its own and takes several lines is left out.
    """
    declared = _Writer({}, registry).of(schema).named(name)
    head, more, _ = declared.partition("\n")
    return f"{head} ... }}{f' {name}' if name else ''};" if more else head


class _Writer:
    """Writes declarations with the same names.

    Attributes:
        titles, registry: as for `declaration`.
        around: the structures that are being written.
        codes: the names of the code points in the fields of the innermost of them.
    """

    def __init__(self, titles: Mapping[Construct, str], registry: OpenTypes | None) -> None:
        self.titles = titles
        self.registry: OpenTypes = registry_of({"_params": {"extensions": registry}})
        self.around: list[Construct] = []
        self.codes: Mapping[str, Names] = {}

    def whole(self, schema: Construct) -> str:
        title = self.titles.get(schema, "")
        body = schema
        while isinstance(body, construct.Renamed):
            title = title or self.titles.get(body, "") or getattr(body, "title", "") or ""
            body = body.subcon
        title = title or self.titles.get(body, "")
        of = shape(body)
        if isinstance(of, Number) and of.names is not None:
            return f"{_enum(of, of.names, self.registry)} {title or type_name(of.names)};"
        written = self._inside(body, of)
        if isinstance(schema, Structure) and not written.base.startswith("struct {"):
            written = _Type(_braced("struct", [written.named("")]))
        return written.named(title)

    def of(self, schema: Construct) -> _Type:
        """What a construct is declared as where it stands in another."""
        title = self.titles.get(schema)
        if title is None and isinstance(schema, Structure):
            title = schema.title
        if title is not None:
            return _Type(title)
        return self._inside(schema, shape(schema))

    def _inside(self, schema: Construct, of: Shape) -> _Type:
        if schema in self.around:
            return _Type("...", notes=("what it stands in",))
        self.around.append(schema)
        try:
            return _WRITTEN[type(of)](self, schema, of)
        finally:
            self.around.pop()

    def fields(self, fields: Collection[Construct]) -> list[str]:
        """The declarations of the fields of a structure."""
        outside, self.codes = self.codes, {f.name: n for f in fields if (n := _names(f))}
        try:
            return [self.of(field).named(field.name or "") for field in fields]
        finally:
            self.codes = outside

    # Leaves

    def number(self, schema: Construct, of: Number) -> _Type:
        return _Type(_number(of) if of.names is None else type_name(of.names))

    def float(self, schema: Construct, of: Float) -> _Type:
        return _Type(f"float{8 * of.size}")

    def boolean(self, schema: Construct, of: Boolean) -> _Type:
        return _Type("boolean")

    def raw(self, schema: Construct, of: Raw) -> _Type:
        if of.lengthfield is not None:
            return _Type("opaque", self._bounds(of.lengthfield, of.minimum, of.maximum))
        return _Type("opaque", _REST if of.length is None else f"[{_expression(of.length)}]")

    def text(self, schema: Construct, of: Text) -> _Type:
        return self.of(of.part).noted(f"text in {of.encoding}")

    def constant(self, schema: Construct, of: Constant) -> _Type:
        part = self.of(of.part)
        return part._replace(suffix=f"{part.suffix} = {_constant(of.value)}")

    def _bounds(self, lengthfield: Construct, minimum: int, maximum: int | None) -> str:
        if maximum is None:
            length = shape(lengthfield)
            while isinstance(length, Named):
                length = shape(length.part)
            maximum = length.maximum if isinstance(length, Number) else None
        return f"<{_bound(minimum)}..{'' if maximum is None else _bound(maximum)}>"

    # Without bytes

    def nothing(self, schema: Construct, of: Nothing) -> _Type:
        return _Type(_NOTHING)

    def tell(self, schema: Construct, of: Tell) -> _Type:
        return _Type("", notes=("how many bytes come before this",))

    def computed(self, schema: Construct, of: Computed) -> _Type:
        return _Type("", notes=(f"computed by {_expression(of.function)}",))

    def check(self, schema: Construct, of: Check) -> _Type:
        return _Type("", notes=(f"has to be: {_expression(of.function)}",))

    def stop(self, schema: Construct, of: Stop) -> _Type:
        return _Type("", notes=(f"ends here if {_expression(of.function)}",))

    # What the part is

    def named(self, schema: Construct, of: Named) -> _Type:
        return self.of(of.part)

    def adapted(self, schema: Construct, of: Adapted) -> _Type:
        part = self.of(of.part)
        if of.values is not None:
            return part.noted("one of " + ", ".join(map(str, of.values)))
        return part if of.same else part.noted(*_way_of(schema))

    def around_it(self, schema: Construct, of: Around) -> _Type:
        part = self.of(of.part)
        if part.base == _NOTHING:
            return _Type("", notes=_way_of(schema) or ("nothing",))
        return part if of.elsewhere else part.noted(*_way_of(schema))

    def sized(self, schema: Construct, of: Sized) -> _Type:
        part = self.of(of.part)
        if of.lengthfield is not None:
            if part.suffix == _REST:
                return part._replace(suffix=self._bounds(of.lengthfield, 0, None))
            return part.noted(f"behind its length, a {self.of(of.lengthfield).base}")
        length = _expression(of.length)
        if part.suffix == _REST:
            return part._replace(suffix=f"[{length}]")
        return part.noted(f"in {length} bytes")

    def maybe(self, schema: Construct, of: Maybe) -> _Type:
        return self.of(of.part).noted(_MAYBE[of.when])

    def deferred(self, schema: Construct, of: Deferred) -> _Type:
        return self.of(of.function())

    # Several

    def record(self, schema: Construct, of: Record) -> _Type:
        notes = ("all begin at the same byte",) if of.overlay else ()
        return _Type(_braced("struct", self.fields(of.fields)), notes=notes)

    def row(self, schema: Construct, of: Row) -> _Type:
        return _Type(_braced("struct", self.fields(of.fields)), notes=("a list of these",))

    def focus(self, schema: Construct, of: Focus) -> _Type:
        notes = (f"the value is {_expression(of.name)}",)
        return _Type(_braced("struct", self.fields(of.fields)), notes=notes)

    def repeat(self, schema: Construct, of: Repeat) -> _Type:
        part = self.of(of.part)
        notes = tuple(f"each {note}" for note in part.notes)
        if of.lengthfield is not None:
            suffix = self._bounds(of.lengthfield, of.minimum, of.maximum)
        elif of.ends == "count":
            suffix = f"[{_expression(of.count)}]"
            notes = (*notes, "so many elements, not bytes")
        else:
            suffix = _REST
            notes = (*notes, *_ENDS[of.ends])
        return _Type(part.base + part.suffix, suffix, notes)

    # One of several

    def choice(self, schema: Construct, of: Choice) -> _Type:
        if of.truth:
            return self._condition(of)
        names = self.codes.get(_field(of.key) or "")
        cases = [(self._label(key, names), self.of(case)) for key, case in of.cases.items()]
        return self._select(_expression(of.key), cases, self.of(of.default))

    def _condition(self, of: Choice) -> _Type:
        condition = _expression(of.key)
        yes, no = self.of(of.cases[True]), self.of(of.default)
        if yes == no:
            return yes
        if no.base == _NOTHING and yes.base:
            return yes.noted(
                f"if {condition.replace('_', ' ') if condition.isidentifier() else condition}"
            )
        return self._select(condition, [("true", yes), ("false", no)], None)

    def open(self, schema: Construct, of: Open) -> _Type:
        choice = of.choice
        names = self.codes.get(_field(choice.key) or "")
        cases = []
        for code, entry in sorted(self.registry.entries(choice.kind).items()):
            for where, found in entry.schemas.items():
                if callable(choice.where) or where == choice.where:
                    label = (
                        entry.name
                        if names is None or isinstance(code, str)
                        else self._label(code, names)
                    )
                    cases.append((label, self.of(found)))
        selected = self._select(_expression(choice.key), cases, self.of(choice.default))
        if of.given is not None:
            return selected.noted(f"in {of.given}")
        return selected

    def select(self, schema: Construct, of: Select) -> _Type:
        cases = [("fits", self.of(field)) for field in of.fields]
        return self._select("the first that fits", cases, None)

    def _label(self, key: Any, names: Names | None) -> str:
        if isinstance(key, int) and names is not None:
            return self.registry.name_of(names, key)
        return _constant(key)

    def _select(self, key: str, cases: Iterable[tuple[str, _Type]], default: _Type | None) -> _Type:
        labels: dict[_Type, list[str]] = {}
        for label, case in cases:
            labels.setdefault(case, []).append(label)
        lines = []
        for case, several in labels.items():
            head = textwrap.wrap(f"case {', '.join(dict.fromkeys(several))}:", _WIDTH)
            lines.append(f"\n{_INDENT}".join(head) + f" {case.named('')}")
        if default is not None:
            lines.append(f"default: {default.named('')}")
        return _Type(_braced(f"select ({key})", lines))

    # What cannot be seen into

    def sealed(self, schema: Construct, of: Sealed) -> _Type:
        return _Type(type(schema).__name__, notes=(of.why,))

    def unknown(self, schema: Construct, of: Unknown) -> _Type:
        return _Type(type(schema).__name__)


_WRITTEN: dict[type[Shape], Callable[[_Writer, Construct, Any], _Type]] = {
    Number: _Writer.number,
    Float: _Writer.float,
    Boolean: _Writer.boolean,
    Raw: _Writer.raw,
    Text: _Writer.text,
    Constant: _Writer.constant,
    Nothing: _Writer.nothing,
    Tell: _Writer.tell,
    Computed: _Writer.computed,
    Check: _Writer.check,
    Stop: _Writer.stop,
    Named: _Writer.named,
    Adapted: _Writer.adapted,
    Around: _Writer.around_it,
    Sized: _Writer.sized,
    Maybe: _Writer.maybe,
    Deferred: _Writer.deferred,
    Record: _Writer.record,
    Row: _Writer.row,
    Focus: _Writer.focus,
    Repeat: _Writer.repeat,
    Choice: _Writer.choice,
    Open: _Writer.open,
    Select: _Writer.select,
    Sealed: _Writer.sealed,
    Unknown: _Writer.unknown,
}

_MAYBE = {
    "left": "may be missing",
    "fits": "may be missing",
    "peek": "peeked at, not consumed",
    "length": "some leave it out",
}

_ENDS = {
    "end": (),
    "length": (),
    "misfit": ("as long as they fit",),
    "predicate": ("up to the last",),
}


# Text


def _braced(head: str, lines: Iterable[str]) -> str:
    inside = [f"{_INDENT}{line}" for text in lines for line in text.split("\n")]
    return "\n".join([f"{head} {{", *inside, "}"]) if inside else f"{head} {{}}"


def _comment(notes: Iterable[str]) -> str:
    return f"/* {'; '.join(notes)} */"


def _way_of(schema: Construct) -> tuple[str, ...]:
    """The name of a class, for what it does in its own way."""
    name = type(schema).__name__
    return () if name.startswith("_") else (name,)


def _number(of: Number) -> str:
    if of.size is None:
        return "varint"
    bits = (of.maximum - of.minimum).bit_length()
    return f"{'int' if of.signed else 'uint'}{bits}{'le' if of.swapped else ''}"


def type_name(names: Names) -> str:
    """The name of the type of code points: `CipherSuite`, for the names of a `cipher suite`."""
    words = re.sub(r"[^\w ]", "", names.title).split()
    return "".join(word[:1].upper() + word[1:] for word in words)


def _enum(of: Number, names: Names, registry: OpenTypes) -> str:
    codes = sorted({*names, *registry.added_names(names)})
    listed = [f"{registry.name_of(names, code)}({code})," for code in codes[:_LISTED]]
    lines = textwrap.wrap(" ".join(listed), _WIDTH)
    if len(codes) > len(listed):
        lines.append(f"/* and {len(codes) - len(listed)} more, */")
    lines.append(f"({of.maximum})")
    return _braced("enum", lines)


def _names(schema: Construct) -> Names | None:
    of = shape(schema)
    while isinstance(of, Named):
        of = shape(of.part)
    return of.names if isinstance(of, Number) else None


def _bound(size: int) -> str:
    """A number of bytes, as RFCs write it: 32, 2^16-1, 2^14+256."""
    if size < 255:
        return str(size)
    above = 1 << size.bit_length()
    if above - size <= 16:
        return f"2^{size.bit_length()}-{above - size}"
    below = above >> 1
    if size == below:
        return f"2^{size.bit_length() - 1}"
    if size % 256 == 0:
        return f"2^{size.bit_length() - 1}+{size - below}"
    return str(size)


def _constant(value: Any) -> str:
    if isinstance(value, int):
        name = getattr(value, "name", None)
        return str(name or (value if value < 256 else f"{value:#06x}"))
    return f"0x{value.hex()}" if isinstance(value, bytes) and value else str(value)


def _expression(function: Any) -> str:
    """A function of the context, or a constant: `this.length`, `this.basis == 1`, the name of a function."""
    if not callable(function):
        return _constant(function)
    if not isinstance(function, construct.expr.ExprMixin):
        name = str(getattr(function, "__name__", type(function).__name__)).strip("_")
        return "a function" if name == "<lambda>" else name
    text = re.sub(r"\['(\w+)'\]", r".\1", repr(function))
    text = re.sub(r"<\w+\.(\w+): [^>]*>", r"\1", text)
    return re.sub(r"^\((.*)\)$", r"\1", text)


def _field(function: Any) -> str | None:
    match = re.fullmatch(r"this\.(\w+)", _expression(function))
    return match[1] if match else None
