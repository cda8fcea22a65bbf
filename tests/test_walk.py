"""The walk over what was parsed: whatever a structure stands in, it is heard once, in the order of the wire."""

from __future__ import annotations

from typing import Any, NamedTuple

import construct
import pytest
from construct import Construct, If, IfThenElse, StopIf, Struct, Switch, this

import events
from tlsgrammar.language import block, remaining, repeated, uint8, uint16, vector
from tlsgrammar.registry import DEFAULT

from .helpers.streams import client_hello, record


class SslHeard(events.Event, frozen=True):
    """An event for these tests."""

    name = "ssl_heard"
    c: events.Connection
    value: int


INNER = Struct("value" / uint8)
KIND = "kind" / uint8


class Case(NamedTuple):
    """The body of an extension; bytes of it, and what is heard."""

    schema: Construct
    heard: dict[str, list[int]]


CASES: dict[str, Case] = {
    "itself": Case(INNER, {"07": [7]}),
    "a field": Case(Struct(KIND, "a" / INNER, "b" / INNER), {"010203": [2, 3]}),
    "what is stopped before it": Case(
        Struct(KIND, StopIf(this.kind == 0), "a" / INNER), {"00": [], "0107": [7]}
    ),
    "what is stopped behind it": Case(
        Struct("a" / INNER, StopIf(this.a.value == 0), "b" / INNER), {"00": [0], "0107": [1, 7]}
    ),
    "a list": Case(vector(INNER, 0, 99), {"00": [], "03010203": [1, 2, 3]}),
    "a list to the end": Case(repeated(INNER), {"": [], "0102": [1, 2]}),
    "a list of lists": Case(repeated(vector(INNER, 0, 9)), {"0201020103": [1, 2, 3]}),
    "a block": Case(block(uint8, Struct("a" / INNER)), {"0107": [7]}),
    "what may be there": Case(Struct(KIND, "a" / If(this.kind, INNER)), {"00": [], "0107": [7]}),
    "one of two": Case(
        Struct(KIND, "a" / IfThenElse(this.kind, INNER, Struct("b" / uint16))),
        {"000102": [], "0107": [7]},
    ),
    "one of several": Case(
        Struct(KIND, "a" / Switch(this.kind, {1: INNER, 2: uint8}, default=remaining())),
        {"0107": [7], "0207": [], "03": []},
    ),
    "one of several, deeper": Case(
        Struct(KIND, "a" / Struct("b" / Switch(this._.kind, {1: INNER}, default=uint8))),
        {"0107": [7], "0207": []},
    ),
    "a list in which each decides": Case(
        repeated(Struct(KIND, "a" / Switch(this.kind, {1: INNER}, default=uint8))),
        {"010702080109": [7, 9]},
    ),
    "what is read, not built": Case(
        Struct(
            "in"
            / Struct(
                "a" / If(lambda c: c._parsing and not c._building and not c._sizing, INNER),
                "b" / If(lambda c: c._building or c._sizing or not c._parsing, INNER),
            )
        ),
        {"07": [7]},
    ),
    "a row": Case(construct.Sequence(uint8, INNER, INNER), {"010203": [2, 3]}),
    "an array": Case(construct.Array(2, INNER), {"0102": [1, 2]}),
    "optional": Case(Struct("a" / construct.Optional(INNER)), {"": [], "07": [7]}),
}


@pytest.mark.parametrize(
    ("name", "data"), [(name, data) for name, case in CASES.items() for data in case.heard]
)
def test_what_is_heard(name: str, data: str) -> None:
    schema, heard = CASES[name]
    registry = DEFAULT.copy()
    registry.register(0xFE00, "ours", schema)

    @events.raises(SslHeard, INNER, registry=registry)
    def ssl_heard(found: Any, at: events.Occasion) -> SslHeard:
        return SslHeard(at.c, found.value)

    hello = record("handshake", client_hello((0xFE00, bytes.fromhex(data))))
    found = events.Analyzer(extensions=registry).deliver(hello, is_orig=True)
    assert [event.value for event in found if isinstance(event, SslHeard)] == heard[data]
    wrong = ("reporter_error", "protocol_violation")
    assert not [event for event in found if event.name in wrong]
    # What is inside comes before what it is in.
    order = [event.name for event in found if event.name != "ssl_heard"]
    assert order == ["ssl_extension", "ssl_client_hello", "ssl_handshake_message"]
    assert [event.name for event in found[: len(heard[data])]] == ["ssl_heard"] * len(heard[data])
