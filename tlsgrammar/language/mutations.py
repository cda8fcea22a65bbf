r"""Broken variants of the values of any schema, each with what was done to it in words.

What may live here: changing bytes by what the schema says they are. What is of interest in one protocol, and in no other,
is given by whoever asks.

The plan: the bytes are followed once (`tree`), which says where each field stands, where each list has its elements, and
which number counts the bytes of what. A change is a few patches of the bytes, each inside a field. So whatever the change
is, the lengths around it can be corrected, or left as they are, or all but the innermost corrected: a reader that believes
one length too many is found by one of the three. `_KINDS` has the changes that there are.

The traps. A length that does not say what stands behind it is none, for what decides for it may be unknown: a field is
taken for what its bytes agree with. Fields may have no bytes of their own, within bits or what is compressed. What is
corrected may not have room for it; then there is no such variant.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random
from typing import Any, NamedTuple

from construct import Construct

from .api import NO_PARAMETERS, build, parse_at
from .errors import GrammarError
from .expressions import field_of_this
from .names import Names
from .presentation import Structure, counted
from .shape import (
    Adapted,
    Choice,
    Constant,
    Maybe,
    Named,
    Number,
    Open,
    Raw,
    Repeat,
    Shape,
    Sized,
    Text,
    bare,
    parts,
    shape,
    taken_apart,
)
from .tree import Node, follow, told

__all__ = ["Mutation", "of"]

_VALUES = 16
"""So many values are drawn where none is given."""

_LONGEST = 2**17
"""No variant is longer, in bytes, or eight times as long as the value."""

_TIMES = (2, 3, 40, 1000)
"""How often something is repeated that is repeated, and how deep it is nested."""

_MORE = (1, 2, 3, 255)
"""How many bytes are added."""

Interesting = Callable[[Number], Mapping[int, str]]
"""Gives numbers that are of interest in the place of one, and what each is, in words."""


class Mutation(NamedTuple):
    """A broken variant of a value.

    Attributes:
        data: its bytes.
        what: was done, in words.
        path: where, such as `ClientHello.extensions[3].body`; of the first change, where there are several.
    """

    data: bytes
    what: str
    path: str

    def __str__(self) -> str:
        return f"{self.path}: {self.what}"


def of(
    schema: Construct,
    value: Any = None,
    *,
    seed: int = 0,
    count: int | None = None,
    changes: int = 1,
    interesting: Interesting = lambda number: {},
    **context: Any,
) -> Iterator[Mutation]:
    r"""Broken variants of a value, one after the other, as they are asked for.

        >>> from itertools import islice
        >>> from tlsgrammar.language import opaque, structure, uint8
        >>> Greeting = structure("Greeting", "", "kind" / uint8, "words" / opaque(0, 255))
        >>> for mutation in of(Greeting, {"kind": 1, "words": b"hi"}, count=3):
        ...     print(mutation.data, mutation)
        b'\x01\xffhi' Greeting.words: length says 255, and 2 bytes follow
        b'\x02hi' Greeting: without kind
        b'\x80\x02hi' Greeting.kind: is 0x80

    Args:
        schema: any construct.
        value: a value of it, as `build` takes it, or its bytes. Bytes that do not follow the schema are changed as far as
            they can be read. Where it is None, some values are drawn, which needs hypothesis (the extra `testing`).
        seed: of the random numbers; the same seed gives the same variants, of values that are drawn with the same version of
            hypothesis.
        count: how many there are; without end where it is None.
        changes: how many changes each has at most.
        interesting: gives numbers to try in the place of one, beyond those that its schema tells.
        context: as for `parse`.

    Returns:
        An iterator. No variant has the bytes of the value that it was made of; that it cannot be read is not promised.

    Raises:
        GrammarError: the value cannot be built.
        TypeError: the schema is no construct, no values of it can be drawn, or as of `parse`.
        ValueError: `changes` is less than 1, or as of `parse`.
        ImportError: there is no value, and hypothesis is not installed.
    """
    if not isinstance(schema, Construct):
        raise TypeError(f"{schema!r} is not a construct")
    if changes < 1:
        raise ValueError(f"changes= must be at least 1, not {changes!r}")
    if value is None:
        values = _drawn(schema, seed, context)
    elif isinstance(value, bytes | bytearray | memoryview):
        values = [bytes(value)]
    else:
        values = [build(schema, value, **context)]
    found = _endless(schema, values, Random(seed), changes, interesting, context)
    return itertools.islice(found, count)


def _drawn(schema: Construct, seed: int, context: Mapping[str, Any]) -> list[bytes]:
    """The bytes of some values of a schema, the same for the same seed."""
    import hypothesis

    from .strategies import check_drawable, values

    check_drawable(schema)
    drawn: list[bytes] = []

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=_VALUES,
        database=None,
        deadline=None,
        derandomize=False,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(values(schema, **context))
    def draw(value: Any) -> None:
        drawn.append(build(schema, value, **context))

    draw()
    return sorted({*drawn}, key=drawn.index)


def _endless(
    schema: Construct,
    values: Sequence[bytes],
    random: Random,
    changes: int,
    interesting: Interesting,
    context: Mapping[str, Any],
) -> Iterator[Mutation]:
    layouts: dict[int, _Layout] = {}
    while True:
        index = random.randrange(len(values))
        layout = layouts.get(index)
        if layout is None:
            with taken_apart():
                layout = layouts[index] = _Layout(schema, values[index], interesting, context)
        several = [
            change
            for _ in range(random.randint(1, changes))
            if (change := random.choice(_KINDS)(layout, random)) is not None
        ]
        data = layout.changed(several)
        if data is not None:
            path, what = several[0].path, several[0].what
            more = "".join([f"; {other.path}: {other.what}" for other in several[1:]])
            yield Mutation(data, what + more, path)


# What the bytes are


class _Field(NamedTuple):
    """A field, an element, or the whole.

    Attributes:
        path: where it stands in the grammar.
        start, end: where it stands in the bytes.
        content: where what it holds begins, behind its length.
        around: the index of what it stands in; -1 for the whole.
        number: what it is, if it is a number.
        elements: where the elements of it begin and end, if it is a list.
        element: what each of them is, if they are numbers.
        fields: where the fields of it begin and end, and their names, if it is a structure.
    """

    path: str
    start: int
    end: int
    content: int
    around: int
    number: Number | None
    elements: tuple[tuple[int, int], ...]
    element: Number | None
    fields: tuple[tuple[int, int, str], ...]


class _Length(NamedTuple):
    """A number that counts what a field holds.

    Attributes:
        path: that of the number.
        start, end: where it stands in the bytes.
        schema: its construct.
        said: what it is.
        field: the index of the field.
        bytes: whether it counts bytes, and not elements.
    """

    path: str
    start: int
    end: int
    schema: Construct
    said: int
    field: int
    bytes: bool


class _Patch(NamedTuple):
    """Bytes that take the place of others.

    Attributes:
        start, end: where the others stand.
        data: the bytes.
        field: the index of the innermost field whose length counts them; -1 where none does.
        elements: how many elements more the field has with it.
    """

    start: int
    end: int
    data: bytes
    field: int
    elements: int = 0


class _Change(NamedTuple):
    """A change of the bytes.

    Attributes:
        patches: of them.
        what: was done, in words.
        path: where.
        corrected: which lengths around it are corrected: `all`, `none`, or `outer`, which are all but the innermost.
    """

    patches: tuple[_Patch, ...]
    what: str
    path: str
    corrected: str = "all"


class _Layout:
    """What the bytes of a value are.

    Args:
        schema: its schema.
        data: the bytes.
        interesting: as of `of`.
        context: as for `parse`.

    Attributes:
        data: the bytes.
        fields: all fields that have bytes, the whole first, each before those in it.
        lengths: the lengths in them, in the order of the fields that they count.
        numbers, lists, structures, holders: the fields that are such: holders have something in them.
        interesting: as of `of`.
    """

    def __init__(
        self,
        schema: Construct,
        data: bytes,
        interesting: Interesting,
        context: Mapping[str, Any],
    ) -> None:
        self.data = data
        self.interesting = interesting
        self.fields: list[_Field] = []
        self.lengths: list[_Length] = []
        name = schema.title if isinstance(schema, Structure) else schema.name
        root, _ = follow(name or type(bare(schema)).__name__, schema, data, **context)
        root.end = len(data)
        self._add(root, root.name, -1)
        self.numbers = [each for each in self.fields if each.number is not None]
        self.lists = [each for each in self.fields if each.elements]
        self.structures = [each for each in self.fields if len(each.fields) > 1]
        self.holders = [each for each in self.fields if each.content < each.end]
        self._counted = {each.field for each in self.lengths}
        self._indexes = {id(each): index for index, each in enumerate(self.fields)}

    def index(self, field: _Field) -> int:
        """Where a field stands among the others."""
        return self._indexes[id(field)]

    def _add(self, node: Node, path: str, around: int) -> int:
        assert node.end is not None
        index = len(self.fields)
        lengths, content, number, element = self._taken_for(node)
        children = [each for each in told(node) if not _is_peeked(each)]
        for child in children:
            if child.end is None:  # where reading it came to an end
                child.end = node.end
        elements = [(each.start, each.end) for each in children if each.name.startswith("[")]
        if element is not None and element.size and not elements:
            starts = range(content, node.end - element.size + 1, element.size)
            elements = [(at, at + element.size) for at in starts]
        named = [
            (each.start, each.end, each.name)
            for each in children
            if each.end is not None and each.start < each.end and not each.name.startswith("[")
        ]
        field = _Field(
            *(path, node.start, node.end, content, around, number),
            tuple((start, end) for start, end in elements if end is not None and start < end),
            element,
            tuple(named),
        )
        self.fields.append(field)
        for start, end, schema, said in lengths:
            self.lengths.append(
                _Length(f"{path}, its length", start, end, schema, said, index, True)
            )
        beside = {each.name: each for each in children}
        if node.structure is not None and node.structure.name:
            path = node.structure.name  # as the paths of errors begin
        for child in children:
            if child.end is None or child.start == child.end:
                continue
            dot = "" if child.name.startswith("[") else "."
            inner = self._add(child, f"{path}{dot}{child.name}", index)
            self._add_length_beside(child, inner, beside, path)
        return index

    def _add_length_beside(
        self, node: Node, index: int, beside: Mapping[str, Node], path: str
    ) -> None:
        """The length of a field, where that is another field."""
        for of in map(shape, _alternatives(node.schema)):
            function = of.count if isinstance(of, Repeat) else getattr(of, "length", None)
            by = beside.get(field_of_this(function) or "") if callable(function) else None
            if by is not None and by.end is not None and isinstance(by.value, int):
                self.lengths.append(
                    _Length(
                        *(f"{path}.{by.name}", by.start, by.end, by.schema, int(by.value)),
                        *(index, not isinstance(of, Repeat)),
                    )
                )
                return

    def _taken_for(
        self, node: Node
    ) -> tuple[list[tuple[int, int, Construct, int]], int, Number | None, Number | None]:
        """What the bytes of a field agree with: its lengths, where what it holds begins, the number that it is, and the
        number that each of its elements is.
        """
        assert node.end is not None
        lengths: list[tuple[int, int, Construct, int]] = []
        number: Number | None = None
        element: Number | None = None
        content = node.start
        for schema in _alternatives(node.schema):
            of = shape(schema)
            field = _lengthfield(of)
            if field is not None and not lengths:
                found = _read(field, self.data, node.start)
                if found is not None and found[0] == node.end - found[1]:
                    lengths.append((node.start, found[1], field, found[0]))
                    content = found[1]
            if isinstance(of, Number) and number is None and node.start < node.end:
                if of.size in (None, node.end - node.start):
                    number = of
            elif isinstance(of, Repeat) and element is None:
                each = map(shape, _alternatives(of.part))
                element = next((of for of in each if isinstance(of, Number)), None)
        return lengths, content, number, element

    # What becomes of the bytes

    def changed(self, changes: Sequence[_Change]) -> bytes | None:
        """The bytes with some changes; None where they are the same, are too long, exclude each other, or where a length has
        no room for what it has to say.
        """
        patches = sorted([patch for change in changes for patch in change.patches])
        if any(one.end > other.start for one, other in itertools.pairwise(patches)):
            return None
        for change in changes:
            corrections = self._corrections(change, patches)
            if corrections is None:
                return None
            patches = sorted([*patches, *corrections])
            if any(one.end > other.start for one, other in itertools.pairwise(patches)):
                return None
        pieces: list[bytes] = []
        at = 0
        for patch in patches:
            pieces += (self.data[at : patch.start], patch.data)
            at = patch.end
        pieces.append(self.data[at:])
        data = b"".join(pieces)
        too_long = len(data) > max(_LONGEST, 8 * len(self.data))
        return None if too_long or data == self.data or not changes else data

    def _corrections(self, change: _Change, others: Sequence[_Patch]) -> list[_Patch] | None:
        """What makes the lengths around a change right; None where one has no room for it."""
        if change.corrected == "none":
            return []
        more: dict[int, int] = {}
        for patch in change.patches:
            self._count(patch, more)
        elements = {patch.field: patch.elements for patch in change.patches if patch.elements}
        made: list[_Patch] = []
        keep_innermost = change.corrected == "outer"
        for length in reversed(self.lengths):  # the inner ones first
            delta = (more if length.bytes else elements).get(length.field, 0)
            if not delta:
                continue
            if keep_innermost:
                keep_innermost = False
                continue
            if any(each.start < length.end and length.start < each.end for each in others):
                continue
            data = _built(length.schema, length.said + delta)
            if data is None:
                return None
            patch = _Patch(length.start, length.end, data, self.fields[length.field].around)
            made.append(patch)
            self._count(patch, more)
        return made

    def _count(self, patch: _Patch, more: dict[int, int]) -> None:
        """Count how many bytes the fields around a patch have more with it."""
        delta = len(patch.data) - (patch.end - patch.start)
        index = patch.field if delta else -1
        while index >= 0:
            more[index] = more.get(index, 0) + delta
            index = self.fields[index].around

    def is_counted(self, index: int) -> bool:
        """Whether a length counts what a field holds, or something that it stands in."""
        while index >= 0 and index not in self._counted:
            index = self.fields[index].around
        return index >= 0

    def field_at(self, at: int) -> int:
        """The index of the innermost field that a byte is in, and whose length, if any, it does not stand in."""
        found = 0
        for index, field in enumerate(self.fields):
            if field.content <= at < field.end and field.start <= at:
                found = index
        return found


def _is_peeked(node: Node) -> bool:
    """Whether the bytes of a field are those of another too."""
    of = shape(bare(node.schema))
    while isinstance(of, Named):
        of = shape(of.part)
    return isinstance(of, Maybe) and of.when == "peek"


def _alternatives(schema: Construct) -> Iterator[Construct]:
    """What the bytes of a field may follow: it, and what it is behind its names and adapters, or one of its cases."""
    of = shape(schema)
    yield schema
    if isinstance(of, Named | Adapted | Text | Constant | Sized) or (
        isinstance(of, Maybe) and of.when != "peek"
    ):
        yield from _alternatives(of.part)
    elif isinstance(of, Choice):
        for case in parts(schema):
            yield from _alternatives(case)


def _lengthfield(of: Shape) -> Construct | None:
    """The construct of the length that stands before something."""
    if isinstance(of, Open):
        return None if of.data is None else _lengthfield(shape(of.data))
    return of.lengthfield if isinstance(of, Raw | Repeat | Sized) else None


def _read(schema: Construct, data: bytes, at: int) -> tuple[int, int] | None:
    """The number that stands somewhere, and where it ends; None where there is none."""
    try:
        value, end = parse_at(schema, data, at, NO_PARAMETERS)
    except GrammarError:
        return None
    return (int(value), end) if isinstance(value, int) else None


def _built(schema: Construct, value: int) -> bytes | None:
    """The bytes of a number; None where it has no room."""
    try:
        return build(schema, value)
    except GrammarError:
        return None


# The changes


def _correcting(change: _Change, layout: _Layout, random: Random) -> _Change:
    """A change of the size, with any of the lengths around it corrected."""
    if not any(layout.is_counted(patch.field) for patch in change.patches):
        return change
    corrected, words = random.choice(_CORRECTED)
    return change._replace(corrected=corrected, what=change.what + words)


_CORRECTED = (
    ("all", ""),
    ("all", ""),
    ("outer", ", and its own length is not corrected"),
    ("none", ", and no length is corrected"),
)


def _a_length(layout: _Layout, random: Random) -> _Change | None:
    """A length says something else."""
    if not layout.lengths:
        return None
    length = random.choice(layout.lengths)
    size = length.end - length.start
    most = 256**size - 1
    said = random.choice(
        (length.said - 1, length.said + 1, 0, most, length.said // 2, random.randrange(most + 1))
    )
    field = layout.fields[length.field]
    data = _built(length.schema, said)
    if data is None:
        # No value of the number, and bytes all the same.
        data = (said % (most + 1)).to_bytes(size, "big")
    there = (
        f"{counted(length.said)} follow{'s' if length.said == 1 else ''}"
        if length.bytes
        else f"there are {length.said} elements"
    )
    patch = _Patch(length.start, length.end, data, field.around)
    path = field.path if length.path.startswith(field.path) else length.path
    return _Change((patch,), f"length says {said}, and {there}", path)


def _a_number(layout: _Layout, random: Random) -> _Change | None:
    """A number is another: at its bounds, unknown, or of interest."""
    if not layout.numbers:
        return None
    field = random.choice(layout.numbers)
    assert field.number is not None
    found = _other_number(field.number, field.end - field.start, layout, random)
    patch = _Patch(field.start, field.end, found[0], field.around)
    return _Change((patch,), f"is {found[1]}", field.path)


def _other_number(of: Number, size: int, layout: _Layout, random: Random) -> tuple[bytes, str]:
    """The bytes of a number, and what it is, in words."""
    most = 256**size - 1
    told_of = layout.interesting(of)
    candidates: Sequence[int] = (0, 1, most, most - 1, most // 2, most // 2 + 1)
    if told_of and random.random() < 0.4:
        candidates = tuple(told_of)
    elif of.names and random.random() < 0.5:
        candidates = _codes(of.names)
    elif random.random() < 0.3:
        candidates = (random.randrange(most + 1),)
    number = random.choice(candidates) & most
    words = told_of.get(number) or ("" if of.names is None else of.names.name(number))
    data = number.to_bytes(size, "little" if of.swapped else "big")
    return data, f"{number:#x} ({words})" if words else f"{number:#x}"


_codes_of: dict[Names, tuple[int, ...]] = {}


def _codes(names: Names) -> tuple[int, ...]:
    found = _codes_of.get(names)
    if found is None:
        found = _codes_of[names] = tuple(names)
    return found


def _an_element_that_is_a_number(layout: _Layout, random: Random) -> _Change | None:
    """An element of a list of code points is another."""
    if not layout.lists:
        return None
    field = random.choice(layout.lists)
    at = random.randrange(len(field.elements))
    start, end = field.elements[at]
    if field.element is None:
        return None
    data, words = _other_number(field.element, end - start, layout, random)
    patch = _Patch(start, end, data, layout.index(field))
    return _Change((patch,), f"element {at} is {words}", field.path)


def _order(layout: _Layout, random: Random) -> _Change | None:
    """The elements of a list stand in another order."""
    lists = [field for field in layout.lists if len(field.elements) > 1]
    if not lists:
        return None
    field = random.choice(lists)
    pieces = [layout.data[start:end] for start, end in field.elements]
    begin, end = field.elements[0][0], field.elements[-1][1]
    way = random.randrange(3)
    if way == 0:
        one, other = sorted(random.sample(range(len(pieces)), 2))
        pieces[one], pieces[other] = pieces[other], pieces[one]
        what = f"the elements {one} and {other} swapped"
    elif way == 1:
        pieces.reverse()
        what = "the elements reversed"
    else:
        at = random.randrange(1, len(pieces))
        pieces.insert(0, pieces.pop(at))
        what = f"the element {at} first"
    patch = _Patch(begin, end, b"".join(pieces), layout.index(field))
    return _Change((patch,), what, field.path)


def _elements(layout: _Layout, random: Random) -> _Change | None:
    """There are other elements in a list: one is missing, or there again and again."""
    if not layout.lists:
        return None
    field = random.choice(layout.lists)
    at = random.randrange(len(field.elements))
    start, end = field.elements[at]
    index = layout.index(field)
    way = random.randrange(4)
    if way == 0:
        change = _Change(
            (_Patch(start, end, b"", index, -1),), f"without the element {at}", field.path
        )
    elif way == 1:
        whole = (field.elements[0][0], field.elements[-1][1])
        change = _Change(
            (_Patch(*whole, b"", index, -len(field.elements)),), "without any element", field.path
        )
    else:
        times = random.choice(_TIMES) if way == 3 else 2
        patch = _Patch(end, end, layout.data[start:end] * (times - 1), index, times - 1)
        often = "twice" if times == 2 else f"{times} times"
        change = _Change((patch,), f"{often} the element {at}", field.path)
    return _correcting(change, layout, random)


def _fields(layout: _Layout, random: Random) -> _Change | None:
    """The fields of a structure stand in another order, or one is missing, or there twice."""
    if not layout.structures:
        return None
    field = random.choice(layout.structures)
    index = layout.index(field)
    at = random.randrange(len(field.fields) - 1)
    (start, middle, one), (after, end, other) = field.fields[at], field.fields[at + 1]
    data = layout.data
    way = random.randrange(3)
    if way == 0 and middle <= after:
        swapped = data[after:end] + data[middle:after] + data[start:middle]
        return _Change(
            (_Patch(start, end, swapped, index),), f"{one} and {other} swapped", field.path
        )
    if way == 1:
        change = _Change((_Patch(start, middle, b"", index),), f"without {one}", field.path)
    else:
        change = _Change(
            (_Patch(middle, middle, data[start:middle], index),), f"{one} twice", field.path
        )
    return _correcting(change, layout, random)


def _nesting(layout: _Layout, random: Random) -> _Change | None:
    """What a field holds is a structure that it stands in, again and again."""
    if not layout.holders:
        return None
    field = random.choice(layout.holders)
    around = field
    for _ in range(random.randint(1, 4)):
        if around.around < 0:
            break
        around = layout.fields[around.around]
    before = layout.data[around.start : field.content]
    after = layout.data[field.end : around.end]
    times = random.choice(_TIMES)
    if times * (len(before) + len(after)) > _LONGEST:
        return None
    inner = layout.data[field.content : field.end]
    nested = before * times + inner + after * times
    patch = _Patch(field.content, field.end, nested, layout.index(field))
    change = _Change((patch,), f"holds {around.path}, {times} deep", field.path)
    return _correcting(change, layout, random)


def _an_end(layout: _Layout, random: Random) -> _Change | None:
    """A structure ends early, or more follows at its end."""
    field = random.choice(layout.fields)
    index = layout.index(field)
    way = random.randrange(3)
    size = field.end - field.content
    if way == 0:
        more = random.choice(_MORE)
        patch = _Patch(field.end, field.end, random.randbytes(more), index)
        change = _Change((patch,), f"{counted(more)} more at its end", field.path)
    elif way == 1 and size:
        kept = random.randrange(size)
        patch = _Patch(field.content + kept, field.end, b"", index)
        change = _Change((patch,), f"ends after {kept} of {counted(size)}", field.path)
    else:
        at = random.choice((field.start, field.content, field.end, max(field.end - 1, field.start)))
        patch = _Patch(at, len(layout.data), b"", -1)
        where = (
            f"everything ends after {at - field.start} of its {counted(field.end - field.start)}"
        )
        return _Change((patch,), where, field.path, "none")
    return _correcting(change, layout, random)


def _bytes(layout: _Layout, random: Random) -> _Change | None:
    """Bytes are others, whatever they are."""
    data = layout.data
    at = random.randrange(len(data) + 1)
    size = min(random.choice((1, 1, 1, 2, 4, 16)), len(data) - at)
    index = layout.field_at(at)
    field = layout.fields[index]
    where = f"at offset {at}"
    way = random.randrange(5) if size else 4
    if way == 0:
        bit = random.randrange(8)
        patch = _Patch(at, at + 1, bytes([data[at] ^ 1 << bit]), index)
        return _Change((patch,), f"bit {bit} flipped {where}", field.path)
    if way == 1:
        new = random.choice((bytes(size), b"\xff" * size, random.randbytes(size)))
        patch = _Patch(at, at + size, new, index)
        return _Change((patch,), f"{new.hex()} in the place of {counted(size)} {where}", field.path)
    if way == 2:
        change = _Change(
            (_Patch(at, at + size, b"", index),), f"without {counted(size)} {where}", field.path
        )
    elif way == 3:
        patch = _Patch(at, at, data[at : at + size], index)
        change = _Change((patch,), f"{counted(size)} twice {where}", field.path)
    else:
        new = random.randbytes(random.choice(_MORE))
        change = _Change(
            (_Patch(at, at, new, index),), f"{counted(len(new))} more {where}", field.path
        )
    return _correcting(change, layout, random)


_KINDS: tuple[Callable[[_Layout, Random], _Change | None], ...] = (
    _a_length,
    _a_number,
    _an_element_that_is_a_number,
    _order,
    _elements,
    _fields,
    _nesting,
    _an_end,
    _bytes,
)
