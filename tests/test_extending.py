"""What users extend the library with, and what they get wrong: each was found by trying."""

from __future__ import annotations

import copy
import gc
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
import weakref
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import construct
import pytest
from construct import Computed, If, LazyBound, Struct, Switch, this
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

import events
import tlsgrammar
from tlsgrammar import GrammarError, Registry
from tlsgrammar.language import (
    MAXIMUM_DEPTH,
    Bytes,
    compiler,
    remaining,
    strategies,
    uint8,
    uint16,
    vector,
)
from tlsgrammar.language.strategies import values
from tlsgrammar.language.tree import follow
from tlsgrammar.registry import DEFAULT

from .helpers.compiled import assert_compiled, assert_same
from .helpers.streams import analyze, client_hello, names, record, said

DATA = Path(__file__).parent / "data"


class SslMine(events.Event, frozen=True):
    """An event for these tests."""

    name = "ssl_mine"
    c: events.Connection
    value: int


def hello_with(body: bytes, code: int = 0xFE00) -> bytes:
    return record("handshake", client_hello((code, body)))


def registry_with(schema: construct.Construct, **options: Any) -> Registry:
    registry = DEFAULT.copy()
    registry.register(0xFE00, "mine", schema, **options)
    return registry


# What schemas read of the structures around them


def test_a_field_further_out_is_that_of_the_structure_around() -> None:
    item = Struct("kind" / uint8, "id" / Switch(this.kind, {1: Bytes(this._.size)}))
    group = Struct("size" / uint8, "any" / Computed(lambda context: 0), "item" / item)
    body = Struct("size" / uint8, "group" / group, "rest" / remaining())
    assert tlsgrammar.parse(body, b"\x03\x01\x01xyz").group.item.id == b"x"
    assert_same(body, b"\x03\x01\x01xyz")
    assert_compiled(body, b"\x03\x01\x01xyz")


def test_a_case_that_a_field_further_out_decides_for_is_heard() -> None:
    inner = Struct("x" / uint8)
    body = Struct("t" / uint8, "inner" / Struct("body" / Switch(this._.t, {1: inner})))
    registry = registry_with(body)

    @events.raises(SslMine, inner, registry=registry)
    def ssl_mine(found: Any, at: events.Occasion) -> SslMine:
        return SslMine(at.c, found.x)

    found = events.Analyzer(extensions=registry).deliver(hello_with(b"\x01\x07"), is_orig=True)
    assert [event.value for event in found if isinstance(event, SslMine)] == [7]


BODIES_THAT_READ_AROUND = {
    "a field of the extension": Struct("code" / Computed(this._.extension_type)),
    "a field of the hello": Struct("version" / Computed(this._._.legacy_version)),
    "a choice": Struct("x" / Switch(this._.extension_type, {0xFE00: uint16}, default=uint8)),
    "an expression": Struct("x" / Bytes(this._.extension_type & 3), "rest" / remaining()),
    "deeper inside": Struct(
        "in" / Struct("x" / If(this._._.extension_type == 0xFE00, uint8)), "y" / uint8
    ),
    "a function": Struct("seen" / Computed(lambda c: sorted(k for k in c._ if k[0] != "_"))),
    "the outermost": Struct("seen" / Computed(lambda c: sorted(k for k in c._root if k[0] != "_"))),
    "without a structure": If(this.extension_type == 0xFE00, uint16),
    "the index": Struct("i" / construct.Index, "r" / remaining()),
    "a copy of the bytes": Struct(
        "rc"
        / construct.Optional(construct.RawCopy(Struct("x" / Computed(this._._.extension_type)))),
        "rest" / remaining(),
    ),
    "bytes of another place": Struct(
        "x"
        / construct.RestreamData(
            Computed(lambda c: bytes([c._.get("extension_type", 7) & 255])), uint8
        ),
        "r" / remaining(),
    ),
    "in a list": vector(Struct("x" / If(this._.extension_type == 0xFE00, uint8)), 0, 255),
    "what may not fit": Struct(
        "may" / construct.Optional(Struct("x" / construct.Const(this._.extension_type & 1, uint8)))
    ),
    "a lazy one": LazyBound(lambda: Struct("code" / Computed(this._.extension_type))),
}


@pytest.mark.parametrize("body", BODIES_THAT_READ_AROUND.values(), ids=BODIES_THAT_READ_AROUND)
@pytest.mark.parametrize("given", [b"", b"\x01", b"\x00\x01", b"\x01\x00\x02\x03"])
def test_a_body_sees_the_structures_around_it(body: construct.Construct, given: bytes) -> None:
    registry = registry_with(body)
    for message in (client_hello((0xFE00, given)), client_hello((0xFE01, given), (0xFE00, given))):
        assert_same(tlsgrammar.Handshake, message, extensions=registry)
        assert_same(tlsgrammar.ClientHello, message[4:], extensions=registry)


def test_a_body_in_a_body_sees_the_structures_around_it() -> None:
    registry = registry_with(Struct("inner" / tlsgrammar.Extension("client_hello")))
    registry.register(0xFE01, "inner", Struct("around" / Computed(this._._._.extension_type)))
    message = client_hello((0xFE00, b"\xfe\x01\x00\x00"))
    hello = tlsgrammar.parse(tlsgrammar.ClientHello, message[4:], extensions=registry)
    assert hello.extensions[0].body.inner.body.around == 0xFE00
    assert_same(tlsgrammar.ClientHello, message[4:], extensions=registry)


def test_no_body_of_the_library_reads_around() -> None:
    """It would be parsed twice, and the second time with more contexts than it needs."""
    for kind, _, entry in DEFAULT.everything():
        for schema in entry.schemas.values():
            assert not compiler._reaches_out(schema, 0), (kind, entry.name)


def test_a_condition_is_decided_by_what_stood_before_it() -> None:
    inner, other = Struct("x" / uint8), Struct("x" / uint8)
    body = Struct(
        "either" / construct.IfThenElse(lambda c: "later" in c, inner, other),
        "later" / uint8,
        "then" / construct.IfThenElse(lambda c: "later" in c, inner, other),
    )
    registry = registry_with(body)

    @events.raises(SslMine, inner, registry=registry)
    def ssl_mine(found: Any, at: events.Occasion) -> SslMine:
        return SslMine(at.c, found.x)

    found = events.Analyzer(extensions=registry).deliver(hello_with(b"\x01\x02\x03"), is_orig=True)
    assert [event.value for event in found if isinstance(event, SslMine)] == [3]


def test_a_condition_that_cannot_be_decided_again_is_told() -> None:
    inner = Struct("x" / uint8)
    body = Struct("either" / If(lambda c: c._io.tell() == 0, inner))
    registry = registry_with(body)
    events.raises(SslMine, inner, registry=registry)(lambda found, at: SslMine(at.c, found.x))
    found = events.Analyzer(extensions=registry).deliver(hello_with(b"\x01"), is_orig=True)
    (error,) = [event for event in found if isinstance(event, events.ReporterError)]
    assert error.message.startswith("events of this client_hello may be missing")
    assert __file__ in error.location


def test_a_condition_on_a_field_further_out_is_compiled() -> None:
    schema = Struct("k" / uint8, "inner" / Struct("x" / If(this._.k == 1, uint16)))
    for data in (b"\x01\x00\x05", b"\x02"):
        assert_compiled(schema, data)
        assert_same(schema, data)


def test_a_vector_of_what_depends_on_something_is_declared_and_read() -> None:
    schema = Struct("k" / uint8, "inner" / Struct("l" / vector(If(this._.k == 1, uint16), 0, 255)))
    assert tlsgrammar.parse(schema, b"\x01\x04\x00\x01\x00\x02").inner.l == [1, 2]


def test_what_one_parse_leaves_in_its_context_is_not_for_the_next() -> None:
    leaves = vector(Struct("i" / Computed(this._index), "x" / uint8), 0, 255)
    reads = Struct("i" / Computed(lambda context: context._.get("_index")))
    assert [item.i for item in tlsgrammar.parse(leaves, b"\x03abc")] == [0, 1, 2]
    assert tlsgrammar.parse(reads, b"").i is None


# Registries


def test_analyzers_that_exist_follow_what_is_registered() -> None:
    registry = registry_with(Struct("value" / uint8))

    @events.raises(SslMine, on_extension="mine", registry=registry)
    def ssl_mine(body: Any, at: events.Occasion) -> SslMine:
        return SslMine(at.c, body["value"])

    first = events.Analyzer(extensions=registry)
    second = events.Analyzer(extensions=registry)
    assert "ssl_mine" in names(first.deliver(hello_with(b"\x01"), is_orig=True))
    registry.register(0xFE00, "other", Struct("nothing" / uint8), replace=True)
    registry.register(0, "server_name", Struct("something" / uint8), replace=True)
    found = second.deliver(hello_with(b"\x01"), is_orig=True)
    assert names(found) == ["ssl_extension", "ssl_client_hello", "ssl_handshake_message"]
    hello = record("handshake", client_hello((0, b"\x01")))
    assert names(events.Analyzer(extensions=registry).deliver(hello, is_orig=True)) == names(found)


def test_analyzers_that_exist_raise_what_is_asked_for_later() -> None:
    registry = registry_with(Struct("value" / uint8))
    analyzer = events.Analyzer(extensions=registry)
    assert "ssl_mine" not in names(analyzer.deliver(hello_with(b"\x01"), is_orig=True))

    @events.raises(SslMine, on_extension="mine", registry=registry)
    def ssl_mine(body: Any, at: events.Occasion) -> SslMine:
        return SslMine(at.c, body.value)

    assert "ssl_mine" in names(analyzer.deliver(hello_with(b"\x01"), is_orig=True))


def test_a_structure_is_heard_in_its_registry_only() -> None:
    mine = DEFAULT.copy()

    @events.raises(SslMine, tlsgrammar.Alert, registry=mine)
    def ssl_mine(alert: Any, at: events.Occasion) -> SslMine:
        return SslMine(at.c, alert.description)

    alert = record("alert", b"\x02\x28")
    assert names(events.Analyzer(extensions=mine).deliver(alert, is_orig=True)) == [
        "ssl_alert",
        "ssl_mine",
    ]
    assert names(events.Analyzer().deliver(alert, is_orig=True)) == ["ssl_alert"]


def test_a_plug_in_in_two_registries_raises_its_events_once() -> None:
    def plug_in(registry: Registry) -> None:
        registry.register(0xFE00, "mine", Mine)

        @events.raises(SslMine, Mine, registry=both)
        def ssl_mine(body: Any, at: events.Occasion) -> SslMine:
            return SslMine(at.c, body.value)

    Mine = Struct("value" / uint8)
    both = DEFAULT.copy()
    plug_in(both)
    plug_in(DEFAULT.copy())
    found = events.Analyzer(extensions=both).deliver(hello_with(b"\x05"), is_orig=True)
    assert names(found).count("ssl_mine") == 1


def test_what_is_built_by_name_is_read_by_number() -> None:
    suites = "suites" / vector(tlsgrammar.CipherSuite, 0, 100)
    depends = Struct(suites, "x" / construct.IfThenElse(this.suites[0] == 0x1301, uint16, uint8))
    by_number = tlsgrammar.build(depends, {"suites": [0x1301], "x": 1})
    assert by_number == b"\x00\x02\x13\x01\x00\x01"[1:]
    given = {"suites": ["TLS_AES_128_GCM_SHA256"], "x": 1}
    assert tlsgrammar.build(depends, given) == by_number


def test_what_would_be_missing_is_refused_or_warned_of() -> None:
    inner = Struct("x" / uint8)
    alternatives = construct.Select(Struct("k" / construct.Const(b"k")), inner)
    registry = registry_with(Struct("either" / alternatives))
    with pytest.raises(
        ValueError, match=r"ssl_mine would be missing: .* stands in mine\.either, inside Select"
    ):
        events.raises(SslMine, inner, registry=registry)
    registry = DEFAULT.copy()
    events.raises(SslMine, inner, registry=registry)(lambda body, at: None)
    with pytest.warns(UserWarning, match=r"ssl_mine is not raised in mine\.either"):
        registry.register(0xFE00, "mine", Struct("either" / alternatives))


def test_nothing_of_the_library_would_be_missing() -> None:
    for to, attachment in list(DEFAULT.attachments()):
        if isinstance(to, construct.Construct):
            events.raises(attachment.thing.event, to)


# Structures in structures of their kind


def nested(depth: int) -> bytes:
    body = b"\x00\x00"
    for _ in range(depth):
        inner = b"\xfe\x00" + len(body).to_bytes(2, "big") + body
        body = len(inner).to_bytes(2, "big") + inner
    return body


@pytest.fixture
def nesting() -> Registry:
    return registry_with(
        Struct("extensions" / vector(tlsgrammar.Extension("client_hello"), 0, 2**16 - 1))
    )


def test_extensions_in_extensions_are_read_to_a_documented_depth(nesting: Registry) -> None:
    for depth, deep in ((MAXIMUM_DEPTH - 2, False), (MAXIMUM_DEPTH + 2, True), (200, True)):
        message = client_hello((0xFE00, nested(depth)))
        assert_same(tlsgrammar.Handshake, message, extensions=nesting)
        _, defects = tlsgrammar.read(tlsgrammar.Handshake, message, extensions=nesting)
        assert [defect.reason for defect in defects] == ["nested more than 32 deep"] * deep
        found = analyze([(True, record("handshake", message))], extensions=nesting)
        assert names(found)[:3] == ["ssl_extension", "ssl_client_hello", "ssl_handshake_message"]
        violations = [
            event.reason for event in found if isinstance(event, events.ProtocolViolation)
        ]
        assert violations == ["nested more than 32 deep"] * deep
        _, errors = follow("ClientHello", tlsgrammar.ClientHello, message[4:], extensions=nesting)
        assert [error.reason for error in errors] == ["nested more than 32 deep"] * deep


def test_what_is_bound_later_is_read_to_the_same_depth() -> None:
    Node: construct.Construct = Struct(
        "x" / uint8, "more" / vector(LazyBound(lambda: Node), 0, 255)
    )
    for depth, deep in ((MAXIMUM_DEPTH - 1, False), (MAXIMUM_DEPTH + 1, True), (110, True)):
        data = b"\x00\x00"
        for _ in range(depth):
            data = b"\x01" + bytes([len(data)]) + data
        assert_same(Node, data)
        _, defects = tlsgrammar.read(Node, data)
        assert [defect.reason for defect in defects] == ["nested more than 32 deep"] * deep


@settings(max_examples=20)
@given(data=st.data())
def test_nested_structures_are_drawn(data: st.DataObject) -> None:
    registry = registry_with(
        Struct("extensions" / vector(tlsgrammar.Extension("client_hello"), 0, 2**16 - 1))
    )
    schema = registry.schema("extension", 0xFE00, "client_hello")
    assert schema is not None
    value = data.draw(values(schema, extensions=registry))
    built = tlsgrammar.build(schema, value, extensions=registry)
    assert (
        tlsgrammar.build(
            schema, tlsgrammar.parse(schema, built, extensions=registry), extensions=registry
        )
        == built
    )


def test_a_list_of_elements_without_a_size_ends() -> None:
    for schema in (
        construct.GreedyRange(construct.Pass),
        construct.GreedyRange(construct.GreedyBytes),
        construct.RepeatUntil(lambda x, items, context: False, construct.Pass),
        Struct("n" / construct.Int32ub, "l" / construct.Array(this.n, construct.Pass)),
    ):
        with pytest.raises(GrammarError, match="elements without a size"):
            tlsgrammar.parse(schema, b"\xff\xff\xff\xff")


# Functions that raise events


def broken(registry: Registry) -> None:
    @events.raises(SslMine, on_extension="mine", registry=registry)
    def ssl_mine(body: Any, at: events.Occasion) -> SslMine:
        return SslMine(at.c, 1 // body.value)


def test_an_exception_costs_its_own_event() -> None:
    registry = registry_with(Struct("value" / uint8))
    broken(registry)
    found = events.Analyzer(extensions=registry).deliver(hello_with(b"\x00"), is_orig=True, ts=2.0)
    assert names(found) == [
        "reporter_error",
        "ssl_extension",
        "ssl_client_hello",
        "ssl_handshake_message",
    ]
    [error] = [event for event in found if isinstance(event, events.ReporterError)]
    assert error.message == "ssl_mine: ZeroDivisionError: integer division or modulo by zero"
    assert error.location.startswith(f"{__file__}, line ")
    assert error.ts == 2.0
    few = events.Analyzer(extensions=registry, wanted=["ssl_mine", "reporter_error"])
    assert names(few.deliver(hello_with(b"\x00"), is_orig=True)) == ["reporter_error"]
    none = events.Analyzer(extensions=registry, wanted=["ssl_mine"])
    assert names(none.deliver(hello_with(b"\x00"), is_orig=True)) == []


def test_what_is_no_event_is_an_error_of_its_function() -> None:
    registry = registry_with(Struct("value" / uint8))
    events.raises(SslMine, on_extension="mine", registry=registry)(
        lambda body, at: ["no event"]  # type: ignore[list-item]
    )
    found = events.Analyzer(extensions=registry).deliver(hello_with(b"\x00"), is_orig=True)
    assert names(found)[0] == "reporter_error"


def test_an_event_takes_the_time_of_its_occasion_and_the_name_of_the_message() -> None:
    registry = registry_with(Struct("value" / uint8))
    met = []

    @events.raises(SslMine, on_extension="mine", registry=registry)
    def ssl_mine(body: Any, at: events.Occasion) -> list[SslMine]:
        met.append(at.message)
        return [SslMine(at.c, body.value), SslMine(at.c, 0, ts=1.0)]

    @events.raises(SslMine, tlsgrammar.Alert, registry=registry)
    def ssl_mine_alert(body: Any, at: events.Occasion) -> None:
        met.append(at.message)

    analyzer = events.Analyzer(extensions=registry)
    found = analyzer.deliver(
        hello_with(b"\x05") + record("alert", b"\x02\x28"), is_orig=True, ts=7.0
    )
    assert [event.ts for event in found if isinstance(event, SslMine)] == [7.0, 1.0]
    assert met == ["client_hello", "alert"]


def test_a_function_of_a_schema_that_raises_costs_its_message() -> None:
    registry = DEFAULT.copy()
    registry.register_message(200, "mine", Struct("a" / uint8, "b" / Computed(lambda c: 1 // c.a)))
    broken_message = record("handshake", bytes.fromhex("c800000100"))
    analyzer = events.Analyzer(extensions=registry)
    found = analyzer.deliver(hello_with(b"") + broken_message, is_orig=True)
    assert names(found)[-2:] == ["ssl_handshake_message", "protocol_violation"]


def test_a_hello_of_another_schema_costs_what_is_learnt_from_it() -> None:
    changes: list[Any] = [
        lambda r: r.register(43, "supported_versions", Struct("rest" / remaining()), replace=True),
        lambda r: r.register_message(1, "client_hello", Struct("rest" / remaining()), replace=True),
        lambda r: r.register_message(2, "server_hello", remaining(), replace=True),
    ]
    for change in changes:
        registry = DEFAULT.copy()
        change(registry)
        found = analyze(said("tls13"), extensions=registry)
        reasons = [event.reason for event in found if isinstance(event, events.ProtocolViolation)]
        assert any("nothing is learnt from this hello" in reason for reason in reasons)


def test_an_exception_that_does_not_say_what_it_is() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    def mute(body: Any, at: events.Occasion) -> SslMine:
        raise Mute

    registry = registry_with(Struct("value" / uint8))
    events.raises(SslMine, on_extension="mine", registry=registry)(mute)
    found = events.Analyzer(extensions=registry).deliver(hello_with(b"\x00"), is_orig=True)
    assert names(found)[:2] == ["reporter_error", "ssl_extension"]


def rows(schema: construct.Construct) -> Any:
    """A LazyBound that gives another construct each time."""
    return Struct("n" / uint8, "next" / If(this.n != 0, LazyBound(lambda: rows(schema))))


def test_what_a_function_makes_anew_each_time_is_looked_at_once() -> None:
    inner = Struct("x" / uint8)
    registry = registry_with(LazyBound(lambda: rows(inner)))
    registry.register(0xFE01, "not_there", Struct("x" / LazyBound(lambda: construct.NotThere)))
    registry.register(0xFE02, "other", Struct("inner" / inner))
    events.raises(SslMine, inner, registry=registry)(lambda found, at: SslMine(at.c, found.x))
    hello = record(
        "handshake", client_hello((0xFE00, b"\x01\x00"), (0xFE01, b"\x01"), (0xFE02, b"\x07"))
    )
    found = events.Analyzer(extensions=registry).deliver(hello, is_orig=True)
    assert [event.value for event in found if isinstance(event, SslMine)] == [7]


def test_what_a_list_leaves_in_its_context_is_not_for_others() -> None:
    probe = Struct("i" / Computed(this._index))
    registry = registry_with(construct.GreedyRange(Struct("b" / uint8)))
    message = client_hello((0xFE00, b"\x01\x02\x03"))
    tlsgrammar.parse(tlsgrammar.Handshake, message)
    assert (
        len(
            tlsgrammar.parse(tlsgrammar.Handshake, message, extensions=registry)
            .body.extensions[0]
            .body
        )
        == 3
    )
    assert tlsgrammar.parse(probe, b"").i is None
    assert tlsgrammar.parse(probe, b"", extensions=registry).i is None


STREAM_OF_ALL = this._root._io


@pytest.mark.parametrize(
    "schema",
    [
        Struct(
            "o" / uint8, "p" / construct.Pointer(0, uint8, stream=STREAM_OF_ALL), "r" / remaining()
        ),
        Struct(
            "o" / uint8,
            "in"
            / construct.Optional(Struct("p" / construct.Pointer(0, uint8, stream=STREAM_OF_ALL))),
            "r" / remaining(),
        ),
        Struct(
            "a" / uint8,
            "o" / construct.Optional(If(lambda c: not construct.core.stream_iseof(c._io), uint8)),
            "r" / remaining(),
        ),
        Struct(
            "s"
            / construct.Select(
                Struct("x" / Computed(lambda c: c._._io.tell()), "b" / uint8), uint8
            ),
            "r" / remaining(),
        ),
        Struct("a" / uint8, "n" / Computed(lambda c: len(c._subcons)), "r" / remaining()),
    ],
)
def test_what_construct_alone_puts_into_a_context(schema: construct.Construct) -> None:
    for data in (b"\x01", b"\x01\x02", b"\x01\x02\x03"):
        assert_same(schema, data)


def test_schemas_that_were_parsed_can_be_copied_and_sent() -> None:
    schema = Struct("a" / uint8, "b" / uint8)
    tlsgrammar.parse(schema, b"\x01\x02")
    copied = copy.deepcopy(schema)
    copied.subcons[1] = "b" / construct.Int8sb
    assert tlsgrammar.parse(copied, b"\x01\xff").b == -1
    sent = pickle.loads(pickle.dumps(Struct("a" / construct.Byte)))
    assert tlsgrammar.parse(sent, b"\x05").a == 5


def test_cases_that_are_added_before_they_are_met_are_heard() -> None:
    first, second, other = (Struct("x" / uint8) for _ in range(3))
    cases = {1: first}
    registry = registry_with(Struct("k" / uint8, "x" / Switch(this.k, cases)))
    registry.register(0xFE01, "other", Struct("inner" / other))
    events.raises(SslMine, other, registry=registry)(lambda found, at: SslMine(at.c, 1))
    cases[2] = second
    events.raises(SslMine, second, registry=registry)(lambda found, at: SslMine(at.c, found.x))
    found = events.Analyzer(extensions=registry).deliver(hello_with(b"\x02\x07"), is_orig=True)
    assert [event.value for event in found if isinstance(event, SslMine)] == [7]


class OfSeveral(construct.Construct):  # type: ignore[misc]
    """What holds others in a way of its own."""

    def __init__(self, *held: construct.Construct) -> None:
        super().__init__()
        self.held = ({"some": held},)

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        return [each._parsereport(stream, context, path) for each in self.held[0]["some"]]


class SwitchOfItsOwn(construct.Switch):  # type: ignore[misc]
    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        return super()._parse(stream, context, path)


@pytest.mark.parametrize(
    "schema",
    [
        lambda inner: OfSeveral(uint8, inner),
        lambda inner: Struct("n" / uint8, "x" / SwitchOfItsOwn(this.n, {1: inner})),
        lambda inner: construct.FocusedSeq(
            "x", "tag" / uint8, "x" / Switch(this.tag, {1: inner}, default=uint8)
        ),
        lambda inner: Struct("t" / uint8, "x" / Switch(this.t, {1: inner}), "t" / uint8),
        lambda inner: Struct("n" / uint8, inner),
        lambda inner: construct.FocusedSeq(lambda context: "i", "n" / uint8, "i" / inner),
        lambda inner: construct.Array(2, inner, discard=True),
        lambda inner: OfItsOwn(inner),
        lambda inner: Struct("n" / inner, "n" / uint8),
    ],
)
def test_what_a_value_does_not_hold_is_not_passed_over(schema: Any) -> None:
    inner = Struct("q" / uint8)
    registry = registry_with(schema(inner))
    with pytest.raises(ValueError, match="ssl_mine would be missing"):
        events.raises(SslMine, inner, registry=registry)


class OfItsOwn(construct.Subconstruct):  # type: ignore[misc]
    """What parses in a way of its own."""

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        return self.subcon._parsereport(stream, context, path)


def test_walks_and_registries_that_nobody_uses_are_let_go() -> None:
    known = events.known_events()
    data = record("alert", b"\x02\x28")
    before = len(DEFAULT.derived)
    for first, second in pairwise(known):
        for third in known[:8]:
            events.Analyzer(wanted={first, second, third}).deliver(data, is_orig=True)
    assert len(DEFAULT.derived) - before < 8
    registries = []
    for _ in range(20):
        registry = DEFAULT.copy()
        events.Analyzer(extensions=registry).deliver(data, is_orig=True)
        tlsgrammar.parse(tlsgrammar.Alert, b"\x02\x28", extensions=registry)
        registries.append(weakref.ref(registry))
    del registry
    gc.collect()
    assert [ref for ref in registries if ref() is not None] == []


# Many captures


def made_registry() -> Registry:
    registry = registry_with(Struct("value" / uint8))
    broken(registry)
    return registry


def test_captures_with_a_registry() -> None:
    paths = [DATA / "tls12-rare-extensions.pcap", DATA / "tls13.pcap"]
    want = list(events.read_captures(paths))
    registry = DEFAULT.copy()
    registry.register(0, "server_name", Struct("rest" / remaining()), replace=True)
    without = [event for event in want if event.name != "ssl_extension_server_name"]
    assert list(events.read_captures(paths, extensions=registry)) == without
    assert list(events.read_captures(paths, extensions=made_registry)) == want


def test_a_registry_in_other_processes() -> None:
    paths = [DATA / "tls13.pcap"]
    want = list(events.read_capture(paths[0]))
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as executor:
        assert (
            list(events.read_captures(paths, executor=executor, extensions=made_registry)) == want
        )
        with pytest.raises(TypeError, match="a registry does not travel"):
            events.read_captures(paths, executor=executor, extensions=made_registry())
    script = (
        "import multiprocessing, events, tlsgrammar\n"
        "from concurrent.futures import ProcessPoolExecutor\n"
        "from construct import Struct\n"
        "if __name__ == '__main__':\n"
        "    tlsgrammar.extensions.register(0xFE00, 'mine', Struct())\n"
        "    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context('spawn')) as executor:\n"
        f"        list(events.read_captures([{str(paths[0])!r}], executor=executor))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert "UnknownInWorkerError: not known to the process that reads" in result.stderr
    assert "extension 65024 'mine'" in result.stderr


# Building


HELLO = {
    "legacy_version": "TLSv12",
    "random": {"gmt_unix_time": 0, "random_bytes": bytes(28)},
    "legacy_session_id": b"",
    "cipher_suites": [],
    "legacy_compression_methods": [0],
    "extensions": [],
}
SNI = {"extension_type": "server_name"}


@pytest.mark.parametrize(
    ("change", "path", "offset", "reason"),
    [
        (
            {"extentions": []},
            "ClientHello",
            0,
            "there is no field 'extentions'; did you mean 'extensions'?",
        ),
        (
            {"random": {"gmt_unix_time": 0}},
            "ClientHello.random.random_bytes",
            6,
            "no value for the field",
        ),
        ({"random": 5}, "ClientHello.random", 2, "a mapping of fields to values expected, not 5"),
        ({"random": [1, 2, 3]}, "ClientHello.random", 2, "a mapping of fields to values expected"),
        ({"cipher_suites": 5}, "ClientHello.cipher_suites", 37, "a list expected, not 5"),
        (
            {"cipher_suites": ["TLS_NONE"]},
            "ClientHello.cipher_suites[0]",
            37,
            "no cipher suite is named",
        ),
        (
            {"legacy_session_id": 3},
            "ClientHello.legacy_session_id",
            34,
            "bytes or text expected, not 3",
        ),
        ({"cookie": b"x"}, "ClientHello.cookie", 35, "nothing expected, not b'x'"),
        (
            {
                "extensions": [
                    {**SNI, "body": {"server_name_list": [{"name_type": 0, "nam": b"x"}]}}
                ]
            },
            "ClientHello.extensions[0].body.server_name_list[0]",
            47,
            "there is no field 'nam'; did you mean 'name'?",
        ),
        (
            {"extensions": [{**SNI, "body": {"server_name_list": [{"name_type": 0}]}}]},
            "ClientHello.extensions[0].body.server_name_list[0].name",
            48,
            "no value for the field 'name'",
        ),
        (
            {
                "extensions": [
                    {**SNI, "body": {"server_name_list": [{"name_type": 0, "name": b""}]}}
                ]
            },
            "ClientHello.extensions[0].body.server_name_list[0].name",
            48,
            "0 bytes long",
        ),
    ],
)
def test_a_value_that_does_not_fit(
    change: dict[str, Any], path: str, offset: int, reason: str
) -> None:
    with pytest.raises(GrammarError) as caught:
        tlsgrammar.build(tlsgrammar.ClientHello, {**HELLO, **change})
    assert reason in caught.value.reason
    assert (caught.value.path, caught.value.offset) == (path, offset)


# What is asked for


def test_events_that_are_asked_for_have_to_be_known() -> None:
    for ask in (
        lambda wanted: events.Analyzer(wanted=wanted),
        lambda wanted: events.DatagramAnalyzer(wanted=wanted),
        lambda wanted: events.read_capture(DATA / "tls13.pcap", wanted=wanted),
        lambda wanted: events.read_captures([DATA / "tls13.pcap"], wanted=wanted),
    ):
        with pytest.raises(
            ValueError, match="no event is named 'ssl_clienthello'; did you mean 'ssl_client_hello'"
        ):
            ask(["ssl_clienthello"])
        with pytest.raises(TypeError, match="a collection of event names"):
            ask("ssl_client_hello")


def test_what_raises_takes() -> None:
    class Nameless(events.Event, frozen=True):
        c: events.Connection

    with pytest.raises(TypeError, match="Nameless has no name"):
        events.raises(Nameless, tlsgrammar.Alert)

    class Taken(events.Event, frozen=True):
        name = "ssl_client_hello"
        c: events.Connection

    class Spaced(events.Event, frozen=True):
        name = "ssl client hello"
        c: events.Connection

    with pytest.raises(ValueError, match="ssl_client_hello is the name of an event of the library"):
        events.raises(Taken, tlsgrammar.Alert)
    with pytest.raises(ValueError, match="'ssl client hello' is no name of an event"):
        events.raises(Spaced, tlsgrammar.Alert)
    with pytest.raises(TypeError, match=r"a subclass of events\.Event"):
        events.raises(int, tlsgrammar.Alert)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="takes constructs, not 21"):
        events.raises(SslMine, 21)
    with pytest.raises(ValueError, match="no extension 64206 is registered"):
        events.raises(SslMine, on_extension=64206)
    with pytest.raises(
        ValueError, match="no extension 'server_nam' is registered; did you mean 'server_name'"
    ):
        events.raises(SslMine, on_extension="server_nam")


@pytest.mark.parametrize(
    ("arguments", "error", "problem"),
    [
        ((1.5, "mine", Struct()), TypeError, "a code point is an integer, not 1.5"),
        ((True, "mine", Struct()), TypeError, "a code point is an integer, not True"),
        ((2**16, "mine", Struct()), ValueError, "65536 is not in 0 to 65535"),
        ((0xFE00, "", Struct()), ValueError, "its name is empty"),
        ((0xFE00, 7, Struct()), TypeError, "is not a string but 7"),
        ((0xFE00, "mine", {}), ValueError, "there is no schema"),
        ((0xFE00, "mine", b"no construct"), TypeError, "is not a construct but b'no construct'"),
        ((0xFE00, "mine", {"client_helo": Struct()}), ValueError, "did you mean 'client_hello'"),
        ((0, "mine", Struct()), ValueError, "is held by 'server_name'"),
    ],
)
def test_what_register_takes(arguments: Any, error: type[Exception], problem: str) -> None:
    with pytest.raises(error, match=problem):
        DEFAULT.copy().register(*arguments)


# Strategies


def test_what_stands_around_a_body_is_drawn_with_it() -> None:
    body = Struct("x" / Switch(this._.extension_type, {0xFE00: uint16}, default=uint8))
    with pytest.raises(strategies.NoStrategyError, match="draw the structure that it stands in"):
        find(values(body), lambda value: True)
    registry = registry_with(body)
    found = find(
        values(tlsgrammar.ClientHello, extensions=registry),
        lambda hello: any(e["extension_type"] == 0xFE00 for e in hello["extensions"] or ()),
        settings=settings(phases=[Phase.generate], max_examples=2000),
    )
    assert tlsgrammar.build(tlsgrammar.ClientHello, found, extensions=registry)


@pytest.mark.parametrize(
    ("given", "error", "problem"),
    [
        ({"ciphersuite": 5}, TypeError, "no parameter 'ciphersuite'; did you mean 'cipher_suite'"),
        ({"registry": DEFAULT}, TypeError, "no parameter 'registry'; did you mean 'extensions'"),
        (
            {"version": 70000},
            ValueError,
            "version: 70000 is not the code point of a protocol version",
        ),
        ({"version": True}, TypeError, "version= takes a code point or its name, not True"),
        ({"Version": 5}, TypeError, "no parameter 'Version'; did you mean 'version'"),
        ({"version": "TLS12"}, ValueError, "version: .* 'TLS12'; did you mean 'TLSv12'"),
        ({"version": 1.2}, TypeError, "version= takes a code point or its name, not 1.2"),
        ({"extensions": 3}, TypeError, "extensions= takes a Registry, not 3"),
    ],
)
def test_what_parse_takes(given: Any, error: type[Exception], problem: str) -> None:
    for call in (tlsgrammar.parse, tlsgrammar.read, lambda *a, **k: follow("Alert", *a, **k)):
        with pytest.raises(error, match=problem):
            call(tlsgrammar.Alert, b"\x02\x28", **given)
    with pytest.raises(error, match=problem):
        tlsgrammar.build(tlsgrammar.Alert, {"level": 2, "description": 40}, **given)


def test_parameters_by_name_and_of_ones_own() -> None:
    by_name = {"version": "TLSv12", "cipher_suite": "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"}
    by_code = {"version": 0x0303, "cipher_suite": 0xC02F}
    data = bytes.fromhex("0300174104") + bytes(64) + b"\x04\x01\x00\x02ab"
    schema = tlsgrammar.ServerKeyExchange
    assert tlsgrammar.parse(schema, data, **by_name) == tlsgrammar.parse(schema, data, **by_code)
    assert tlsgrammar.parse(schema, data, **by_name).signed_params.signature == b"ab"
    assert tlsgrammar.parse(Struct("x" / Computed(this._params.mine)), b"", mine=[1]).x == [1]


def test_rare_cases_and_all_extensions_are_met_soon() -> None:
    rare = Struct("k" / uint16, "x" / Switch(this.k, {7: uint8, 9: uint16}, default=remaining()))
    met: Counter[Any] = Counter()
    extensions: set[int] = set()
    with_extensions = 0

    @settings(max_examples=800, database=None)
    @given(values(rare), values(tlsgrammar.ClientHello))
    def draw(value: Any, hello: Any) -> None:
        nonlocal with_extensions
        met[value["k"]] += 1
        with_extensions += bool(hello["extensions"])
        extensions.update(extension["extension_type"] for extension in hello["extensions"] or ())

    draw()
    assert met[7] > 20
    assert met[9] > 20
    assert with_extensions > 400
    registered = {
        code for code, entry in DEFAULT.extensions.items() if "client_hello" in entry.schemas
    }
    # Which ones are left depends on how the version of hypothesis draws integers.
    assert len(registered - extensions) < len(registered) / 10


def test_a_strategy_of_ones_own() -> None:
    class Even(construct.Construct):  # type: ignore[misc]
        def _parse(self, stream: Any, context: Any, path: str) -> int:
            return int(stream.read(1)[0])

        def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
            assert obj % 2 == 0
            stream.write(bytes([obj]))
            return obj

    schema = Struct("x" / Even())
    with pytest.raises(
        TypeError, match=r"no strategy is known for Even at Struct\.x: nothing is known of it"
    ):
        find(values(schema), lambda value: True)
    strategies.register(Even, lambda schema: st.sampled_from([2, 4]))
    assert find(values(schema), lambda value: True)["x"] in (2, 4)


# Threads


def test_many_threads_share_schemas_and_contexts() -> None:
    chunks = said("tls12-ecdhe-rsa")
    want = analyze(chunks)
    got: list[list[events.Event]] = []
    threads = [
        threading.Thread(target=lambda: got.extend(analyze(chunks) for _ in range(20)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [want] * 80


# The command


PLUGIN = """
import events, tlsgrammar
from tlsgrammar.language import uint8
from construct import Struct

class SslMine(events.Event, frozen=True):
    name = "ssl_mine"
    c: events.Connection

def register(registry):
    @events.raises(SslMine, tlsgrammar.ServerHello, registry=registry)
    def ssl_mine(hello, at):
        raise ValueError("no such hello")
"""


@pytest.mark.parametrize(
    "options", [[], ["--event", "ssl_server_hello", "--event", "ssl_mine"], ["-j", "2"]]
)
def test_the_command_tells_of_a_failed_function_once(tmp_path: Path, options: list[str]) -> None:
    info = tmp_path / "mine-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[tlsgrammar.extensions]\nmine = mine:register\n")
    (tmp_path / "mine.py").write_text(PLUGIN)
    paths = [str(DATA / "tls13.pcap"), str(DATA / "tls12-psk.pcap")]
    result = subprocess.run(
        [sys.executable, "-m", "events", *options, *paths],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(DATA.parent.parent)])},
    )
    assert result.returncode == 1
    assert result.stderr == (
        f"tls-events: ssl_mine: ValueError: no such hello ({tmp_path}/mine.py, line 13); its events are missing\n"
    )
    assert result.stdout.count(" ssl_server_hello ") == 2
    assert result.stdout.count(" reporter_error ") == (0 if "--event" in options else 2)
