"""What malformed extensions cost, and how often they are reported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import construct
import pytest
from construct import Struct
from hypothesis import given
from hypothesis import strategies as st

import events
import tlsgrammar
from events import Event, ProtocolViolation
from events.secrets.initial import initial_keys
from tlsgrammar import GrammarError, quic
from tlsgrammar.extensions import DEFAULT
from tlsgrammar.language import api, block, opaque, remaining, repeated, uint8, uint16, vector
from tlsgrammar.language.errors import summary

from .helpers import datagrams
from .helpers import quic as quic_packets
from .helpers.compiled import assert_same
from .helpers.malformed import in_records
from .helpers.streams import client_hello

Extension = tuple[int, bytes]

VALID: dict[int, bytes] = {
    0: bytes.fromhex("0005000002aabb"),
    10: bytes.fromhex("0002001d"),
    13: bytes.fromhex("00020403"),
    16: bytes.fromhex("0003026832"),
    23: b"",
    43: bytes.fromhex("020304"),
    51: bytes.fromhex("0006001d0002aabb"),
    0x39: bytes.fromhex("0101050f0100"),
}
"""Bodies that follow their schemas, by extension."""

OF_ONE_TYPE: dict[str, tuple[int, str]] = {
    "a list that overruns": (10, "00ff001d"),
    "an odd list": (10, "0003001d00"),
    "a list of too few": (10, "0000"),
    "bytes left over": (10, "0002001d00"),
    "an empty body": (10, ""),
    "a body that should be empty": (23, "00"),
    "an element that overruns": (16, "0003056832"),
    "an empty element": (16, "0003000100"),
    "a structure that overruns": (51, "0006001d000aaabb"),
    "a byte missing": (43, "0203"),
    "a varint that overruns": (0x39, "01ff"),
}

KNOWN = sorted(DEFAULT.extensions)


def several(make: Callable[[int], Extension], count: int) -> list[Extension]:
    return [make(index) for index in range(count)]


def analyze(message: bytes) -> list[Event]:
    return events.Analyzer().deliver(in_records(message), is_orig=True)


def violations(found: Iterable[Event]) -> list[ProtocolViolation]:
    return [event for event in found if isinstance(event, ProtocolViolation)]


def test_valid_bodies_are() -> None:
    _, defects = tlsgrammar.read(tlsgrammar.Handshake, client_hello(*VALID.items()))
    assert not defects


# How often


@pytest.mark.parametrize("name", OF_ONE_TYPE)
def test_a_kind_of_defect_is_said_once_and_then_counted(name: str) -> None:
    code, body = OF_ONE_TYPE[name]
    one = violations(analyze(client_hello((code, bytes.fromhex(body)))))
    assert one
    found = analyze(client_hello(*[(code, bytes.fromhex(body))] * 3000))
    many = violations(found)
    assert len(many) == 2 * len(one)
    assert many[: len(one)] == one
    for first, rest in zip(one, many[len(one) :], strict=True):
        assert (
            rest.reason == f"and 2,999 more like this, of which this is the first: {first.reason}"
        )
        assert rest.path == first.path.replace("[0]", "[1]", 1)
        assert rest.offset == first.offset + 4 + len(body) // 2
    assert Counter(event.name for event in found)["ssl_extension"] == 3000


def test_two_of_a_kind_are_both_said() -> None:
    found = violations(analyze(client_hello((10, b"\0"), (10, b"\0"))))
    assert [x.path for x in found] == [
        f"ClientHello.extensions[{index}].body.named_group_list" for index in (0, 1)
    ]
    assert found[0].reason == found[1].reason


def test_well_formed_extensions_among_malformed_ones_raise_their_events() -> None:
    extensions = [(10, b"\0"), (10, VALID[10]), (16, VALID[16]), (16, b"\0\1")] * 500
    found = Counter(event.name for event in analyze(client_hello(*extensions)))
    assert found["ssl_extension"] == 2000
    assert found["ssl_extension_elliptic_curves"] == 500
    assert found["ssl_extension_application_layer_protocol_negotiation"] == 500
    assert found["protocol_violation"] == 4
    assert found["ssl_client_hello"] == 1


def test_over_datagrams_too() -> None:
    body = datagrams.hello_body("client_hello", *[(10, b"\0")] * 2000)
    fragments = [
        datagrams.record("handshake", datagrams.fragment(1, body, at, min(at + 1000, len(body))))
        for at in range(0, len(body), 1000)
    ]
    found = datagrams.analyze((True, x) for x in fragments)
    assert Counter(event.name for event in found)["ssl_extension"] == 2000
    assert [x.reason[:20] for x in violations(found)] == [
        "ends early: expected",
        "and 1,999 more like ",
    ]


def test_in_quic_too() -> None:
    hello = client_hello(*[(10, b"\0")] * 1500)
    both = initial_keys(quic.VERSION_1, quic_packets.CLIENT_CID)
    assert both is not None
    packets = [
        quic_packets.initial(quic_packets.crypto(at, hello[at : at + 1000]), both.client, number)
        for number, at in enumerate(range(0, len(hello), 1000))
    ]
    found = quic_packets.analyze([(True, packet) for packet in packets])
    assert Counter(event.name for event in found)["ssl_extension"] == 1500
    assert [x.reason[:20] for x in violations(found)] == [
        "ends early: expected",
        "and 1,499 more like ",
    ]


def test_there_is_an_end_to_kinds() -> None:
    """Also where the reasons have in them what was sent."""
    defects = [GrammarError(f"no {'x' * index}", index, "Hello.words[0]") for index in range(3000)]
    found = summary(defects)
    assert found[:64] == defects[:64]
    [rest] = found[64:]
    assert (
        rest.reason
        == f"and 2,936 more of other kinds, of which this is the first: {defects[64].reason}"
    )
    assert (rest.offset, rest.path) == (64, "Hello.words[0]")


def test_numbers_do_not_make_a_kind() -> None:
    defects = [
        GrammarError(
            f"unknown word 0x{index:x}, of {index}", index, f"Hello.words[{index}].x[{index}].y"
        )
        for index in range(100)
    ]
    assert len(summary(defects)) == 2


def test_read_says_everything() -> None:
    hello = client_hello(*[(10, b"\0")] * 100)
    _, defects = tlsgrammar.read(tlsgrammar.Handshake, hello)
    assert [d.path for d in defects] == [
        f"ClientHello.extensions[{index}].body.named_group_list" for index in range(100)
    ]


# What they cost

COUNT_WORK = """
import json, sys
import events, tlsgrammar
from tests.helpers.malformed import in_records
from tests.helpers.streams import client_hello

def work(function):
    count = 0
    def trace(frame, event, argument):
        nonlocal count
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return trace
    function()
    sys.settrace(trace)
    function()
    sys.settrace(None)
    return count

found = []
for extensions in json.load(sys.stdin):
    hello = client_hello(*((code, bytes.fromhex(body)) for code, body in extensions))
    records = in_records(hello)
    found.append([
        work(lambda: events.Analyzer().deliver(records, is_orig=True)),
        work(lambda: tlsgrammar.read(tlsgrammar.Handshake, hello)),
    ])
print(json.dumps(found))
"""


def work_of(*hellos: list[Extension]) -> list[list[int]]:
    """How many instructions of Python it takes to analyze, and to read, ClientHellos of these extensions, as users have
    it: without the strict mode of these tests.
    """
    environment = {**os.environ, "TLSGRAMMAR_STRICT": "", "TLSGRAMMAR_INTERPRET": ""}
    given = json.dumps([[(code, body.hex()) for code, body in hello] for hello in hellos])
    result = subprocess.run(
        [sys.executable, "-c", COUNT_WORK],
        input=given, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    counts: list[list[int]] = json.loads(result.stdout)
    return counts


MANY = 300


def test_malformed_extensions_of_one_type_cost_at_most_five_times_valid_ones() -> None:
    codes = list(VALID)
    hellos = [[(code, VALID[code])] * MANY for code in codes]
    hellos += [[(code, bytes.fromhex(body))] * MANY for code, body in OF_ONE_TYPE.values()]
    work = work_of(*hellos)
    valid = dict(zip(codes, work, strict=False))
    for (name, (code, _)), costs in zip(OF_ONE_TYPE.items(), work[len(codes) :], strict=True):
        for cost, of_valid in zip(costs, valid[code], strict=True):
            assert cost <= 5 * of_valid, (name, cost / of_valid)


@given(data=st.data())
def test_random_bodies(data: st.DataObject) -> None:
    """Of all extensions, in all messages: compiled code says what the schema itself says."""
    message = data.draw(st.sampled_from(["client_hello", "server_hello", "certificate"]))
    code = data.draw(st.sampled_from(KNOWN))
    body = data.draw(st.binary(max_size=12) | st.lists(st.integers(0, 3), max_size=12).map(bytes))
    extension = {"extension_type": code, "extension_data": body}
    built = tlsgrammar.build(tlsgrammar.extensions.Extension(message), extension)
    assert_same(tlsgrammar.extensions.Extension(message), built)


def test_random_bodies_of_all_types_cost_at_most_five_times_valid_ones() -> None:
    import random

    some = random.Random(11)
    valid = several(lambda i: list(VALID.items())[i % len(VALID)], MANY)
    of_all = several(lambda i: (KNOWN[i % len(KNOWN)], some.randbytes(some.randrange(4, 13))), MANY)
    empty = several(lambda i: (KNOWN[i % len(KNOWN)], b""), MANY)
    one_wrong = [*valid[1:], (10, b"\0")]
    base, *others = work_of(valid, of_all, empty, one_wrong)
    for costs in others:
        for cost, of_valid in zip(costs, base, strict=True):
            assert cost <= 5 * of_valid, cost / of_valid


def test_a_long_body_with_many_defects() -> None:
    """Of which each takes four bytes, and not eight."""
    entry = bytes.fromhex("001d000101")
    shares = (len(entry) * MANY).to_bytes(2, "big") + entry * MANY
    bad = bytes.fromhex("001d0000")
    malformed = (len(bad) * MANY).to_bytes(2, "big") + bad * MANY
    valid, costs = work_of([(51, shares)], [(51, malformed)])
    for cost, of_valid in zip(costs, valid, strict=True):
        assert cost <= 10 * of_valid, cost / of_valid


# What compiled code leaves to the schema


SCHEMAS: dict[str, Any] = {
    "own": Struct("a" / uint8, "words" / construct.GreedyRange(opaque(1, 3)), "rest" / uint8),
    "optional": Struct("x" / construct.Optional(opaque(2, 3)), "y" / repeated(opaque(1, 2))),
    "peeked": Struct("x" / construct.Peek(opaque(2, 3)), "y" / repeated(opaque(0, 2))),
    "selected": Struct("x" / construct.Select(opaque(2, 3), uint16), "y" / repeated(opaque(0, 2))),
    "tried": Struct(
        "x" / construct.Optional(block(uint8, vector(opaque(1, 2), 0, 9, salvage=True), salvage=True)),
        "y" / repeated(uint8),
    ),
    "checked": Struct("a" / uint8, "b" / construct.Check(lambda this: this.a != 3), "c" / uint8),
    "salvaged": Struct("list" / vector(Struct("x" / opaque(1, 2)), 2, 9, salvage=True), "z" / uint16),
    "in blocks": Struct("b" / block(uint8, Struct("x" / uint8), salvage=True), "z" / uint8),
    "announced": Struct("n" / uint8, "x" / remaining(construct.this.n), "y" / repeated(uint16)),
    "spared": Struct("x" / remaining(but=2), "y" / uint16),
    "counted": Struct("n" / uint8, "x" / construct.Array(construct.this.n, opaque(1, 3))),
    "raises": Struct("n" / uint8, "x" / construct.Computed(lambda this: 1 // this.n), "y" / uint8),
}  # fmt: skip


@pytest.mark.parametrize("name", SCHEMAS)
@given(data=st.lists(st.integers(0, 4), max_size=9).map(bytes))
def test_schemas_and_bodies_of_a_users_own(name: str, data: bytes) -> None:
    schema = SCHEMAS[name]
    assert_same(schema, data)
    mine = DEFAULT.copy()
    mine.register(0xFE00, "mine", schema)
    extension = {"extension_type": 0xFE00, "extension_data": data}
    hello = client_hello((0xFE00, data), (10, b"\0"), (0xFE00, data[:3]))
    assert_same(tlsgrammar.Handshake, hello, extensions=mine)
    assert extension["extension_data"] == data


def test_strict_mode_finds_what_is_said_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "_STRICT", True)
    monkeypatch.setattr(api, "_INTERPRET", False)
    monkeypatch.setattr("tlsgrammar.language.salvage.short", lambda size, found: "something else")
    with pytest.raises(api.CompilerError):
        tlsgrammar.read(Struct("a" / opaque(0, 9)), b"\3")
