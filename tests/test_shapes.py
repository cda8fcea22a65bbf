"""Whatever a schema can say is understood everywhere, or refused aloud: compiled, heard, followed, and drawn."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import construct
import pytest
from construct import Construct
from hypothesis import given, settings
from hypothesis import strategies as st

import events
import tlsgrammar
from events.walk import Occasion, Walker
from tlsgrammar import Registry
from tlsgrammar.language.api import parameters
from tlsgrammar.language.compiler import is_compiled
from tlsgrammar.language.shape import Adapted, Sealed, Text, Unknown, bare, parts, shape
from tlsgrammar.language.sight import blindness, hidden
from tlsgrammar.language.strategies import check_drawable, undrawable, values
from tlsgrammar.language.tree import Node, follow

from .helpers.compiled import assert_same, changed
from .helpers.shapes import FIELDS, SHAPES, Wanted

# Any object at all may come of these bytes, and they are no test of ours.
NEVER_PARSED = {"Pickled"}
# What these parse to is made when it is asked for, each time anew.
LAZY = {"Lazy", "LazyStruct", "LazyArray"}


def can_be_drawn(schema: Construct) -> bool:
    try:
        check_drawable(schema)
    except TypeError:
        return False
    return True


@pytest.mark.parametrize("name", sorted(SHAPES.keys() - NEVER_PARSED - LAZY))
@settings(max_examples=12)
@given(data=st.data())
def test_compiled_is_as_interpreted(name: str, data: st.DataObject) -> None:
    """On bytes that follow the schema, on some that nearly do, and on any."""
    schema = SHAPES[name]
    assert_same(schema, data.draw(st.binary(max_size=12)))
    if can_be_drawn(schema):
        built = tlsgrammar.build(schema, data.draw(values(schema)))
        assert_same(schema, built)
        assert_same(schema, changed(data.draw, built))


@pytest.mark.parametrize("name", sorted(SHAPES.keys() - NEVER_PARSED))
@settings(max_examples=12)
@given(data=st.data())
def test_drawn_or_refused(name: str, data: st.DataObject) -> None:
    schema = SHAPES[name]
    if not can_be_drawn(schema):
        with pytest.raises(TypeError, match=r"no strategy is known for \w+ at Struct\.field"):
            data.draw(values(schema))
        return
    built = tlsgrammar.build(schema, data.draw(values(schema)))
    parsed = tlsgrammar.parse(schema, built)
    assert tlsgrammar.build(schema, parsed) == built
    assert schema.build(schema.parse(built)) == built


class SslWanted(events.Event, frozen=True):
    """An event for these tests."""

    name = "ssl_wanted"
    c: events.Connection
    x: int


@cache
def registry_that_hears(name: str) -> Registry | None:
    """A registry with a shape in which somebody wants to hear of the wanted structure; None where that is refused."""
    registry = tlsgrammar.registry.DEFAULT.copy()
    registry.register(0xFE00, "shape", SHAPES[name])

    def ssl_wanted(body: Any, at: Occasion) -> SslWanted:
        return SslWanted(at.c, body["x"])

    if bare(Wanted) in hidden([("shape", SHAPES[name])], registry):
        with pytest.raises(
            ValueError, match=r"ssl_wanted would be missing: Wanted stands in shape\.field"
        ):
            events.raises(SslWanted, Wanted, registry=registry)
        return None
    events.raises(SslWanted, Wanted, registry=registry)(ssl_wanted)
    return registry


def wanted_in(value: Any) -> Iterator[int]:
    """The wanted structures in a value, in the order of the wire."""
    if isinstance(value, dict):
        names = {key for key in value if not str(key).startswith("_")}
        if names == {"x"} and isinstance(value["x"], int):
            yield value["x"]
        else:
            for key in value:
                if not str(key).startswith("_"):
                    yield from wanted_in(value[key])
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from wanted_in(item)


# What has an x and nothing else, and is not the wanted structure.
OTHERS = {"NullTerminated structure", "OwnStruct", "Compiled"}


@pytest.mark.parametrize("name", sorted(SHAPES.keys() - NEVER_PARSED - OTHERS))
@settings(max_examples=12)
@given(data=st.data())
def test_heard_or_refused(name: str, data: st.DataObject) -> None:
    schema = SHAPES[name]
    registry = registry_that_hears(name)
    if registry is None or not can_be_drawn(schema):
        return
    built = tlsgrammar.build(schema, data.draw(values(schema)))
    value = tlsgrammar.parse(schema, built, extensions=registry)
    raised: list[events.Event] = []
    visit = Walker(None, registry).visit(schema)
    if visit is not None:
        params = parameters({"extensions": registry})
        occasion = Occasion(events.Connection(), True, None, False, True, "client_hello")
        visit(value, params, params, occasion, raised)
    assert [event.x for event in raised if isinstance(event, SslWanted)] == list(wanted_in(value))


def nodes(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from nodes(child)


@pytest.mark.parametrize("name", sorted(SHAPES.keys() - NEVER_PARSED - LAZY))
@settings(max_examples=12)
@given(data=st.data())
def test_followed(name: str, data: st.DataObject) -> None:
    schema = SHAPES[name]
    raw = data.draw(st.binary(max_size=12))
    if can_be_drawn(schema) and data.draw(st.booleans()):
        raw = tlsgrammar.build(schema, data.draw(values(schema)))
    root, errors = follow("whole", schema, raw)
    if not errors:
        assert root.value == tlsgrammar.parse(schema, raw)
    else:
        with pytest.raises(tlsgrammar.GrammarError):
            tlsgrammar.parse(schema, raw)
    if name in ("Pointer", "Seek"):
        return  # which go anywhere
    for node in nodes(root):
        assert 0 <= node.start <= len(raw)
        assert node.end is None or node.start <= node.end <= len(raw)


def test_all_constructs_are_among_the_shapes() -> None:
    """Every class that construct has for schemas is in one of them, but for those that need other libraries."""
    met: set[type] = set()

    def meet(schema: Construct) -> None:
        met.update(type(schema).__mro__)
        for value in vars(schema).values():
            several = value if isinstance(value, list) else [value]
            several = list(value.values()) if isinstance(value, dict) else several
            for part in several:
                if isinstance(part, Construct) and type(part) not in met | {construct.Renamed}:
                    meet(part)
                elif isinstance(part, construct.Renamed):
                    meet(part.subcon)

    for schema in SHAPES.values():
        meet(schema)
    known = {x for x in vars(construct.core).values() if isinstance(x, type)}
    known |= {type(x) for x in vars(construct.core).values() if isinstance(x, Construct)}
    constructs = {kind for kind in known if issubclass(kind, Construct)}
    without = {kind.__name__ for kind in constructs - met}
    assert without == {
        "CompressedLZ4",  # lz4
        "EncryptedSym",  # cryptography
        "EncryptedSymAead",
        "Numpy",  # numpy
        "TimestampAdapter",  # arrow
    }


# The table of docs/extending.md


def row(name: str, schemas: list[Construct]) -> str:
    """How the constructs of one class are understood."""
    cells = [
        {"short" if is_compiled(x) else "own" for x in schemas},
        {"refused" if blindness(x) else "yes" for x in schemas},
        {
            "whole" if isinstance(shape(x), Adapted | Sealed | Text | Unknown) else "fields"
            for x in schemas
        },
        {"refused" if undrawable(x) else "yes" for x in schemas},
    ]
    return f"| `{name}` | " + " | ".join(" or ".join(sorted(cell)) for cell in cells) + " |"


def table() -> str:
    """A row for each class of constructs, of construct's and of ours."""
    by_class: dict[str, list[Construct]] = {}

    def meet(schema: Construct) -> None:
        schema = bare(schema)
        if type(schema).__module__ != "tests.helpers.shapes":
            known = by_class.setdefault(type(schema).__name__, [])
            if any(schema is other for other in known):
                return
            known.append(schema)
        for part in construct_parts(schema):
            meet(part)

    for field in FIELDS.values():
        meet(field)
    head = "| construct | compiled | heard inside | followed | drawn |\n| --- | --- | --- | --- | --- |"
    rows = [
        row(name, schemas) for name, schemas in sorted(by_class.items(), key=lambda x: x[0].lower())
    ]
    return "\n".join([head, *rows]) + "\n"


def construct_parts(schema: Construct) -> Iterator[Construct]:
    of = shape(schema)
    yield from parts(schema)
    if isinstance(of, Sealed):
        yield from of.parts


def test_the_table_of_the_documents() -> None:
    """Written by `python -m tests.test_shapes`."""
    document = DOCUMENT.read_text()
    assert BEGIN in document
    assert document.split(BEGIN)[1].split(END)[0].strip() == table().strip()


DOCUMENT = Path(__file__).parent.parent / "docs" / "constructs.md"
BEGIN, END = "<!-- table -->", "<!-- end of table -->"

if __name__ == "__main__":
    before, rest = DOCUMENT.read_text().split(BEGIN)
    after = rest.split(END)[1]
    DOCUMENT.write_text(f"{before}{BEGIN}\n{table()}{END}{after}")
