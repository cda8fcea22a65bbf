"""Broken variants: what is done to a value, that it is said, and that a seed makes the same ones again."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from itertools import islice

import construct
import pytest
from construct import Int16ul, PrefixedArray, Struct, this

import tlsgrammar
from tlsgrammar import GrammarError, mutations
from tlsgrammar.catalogue import Catalogue
from tlsgrammar.language import block, opaque, remaining, uint8, uint16, varint, vector
from tlsgrammar.language import mutations as any_schema
from tlsgrammar.mutations import Mutation

from .helpers.structures import HELLO

STRUCTURES = Catalogue().structures
HANDSHAKE = {"msg_type": "client_hello", "body": HELLO}
WHOLE = tlsgrammar.build(tlsgrammar.Handshake, HANDSHAKE)


def variants(count: int = 3000, **choices: int) -> list[Mutation]:
    return list(mutations.of(tlsgrammar.Handshake, WHOLE, count=count, **choices))


def said(word: str, path: str = "") -> Mutation:
    """The first variant of which that is said."""
    return next(
        each
        for each in mutations.of(tlsgrammar.Handshake, WHOLE)
        if word in each.what and path in ("", each.path)
    )


# Which there are


def test_a_seed_makes_the_same_variants_again() -> None:
    assert variants(200, seed=4) == variants(200, seed=4)
    assert variants(200, seed=4) != variants(200, seed=5)


def test_no_variant_is_the_value() -> None:
    assert all(each.data != WHOLE for each in variants())


def test_they_are_as_many_as_are_asked_for_and_without_end_otherwise() -> None:
    assert len(variants(7)) == 7
    assert len(list(islice(mutations.of(tlsgrammar.Alert, b"\2\x28"), 5000))) == 5000


def test_nothing_is_made_before_it_is_asked_for() -> None:
    asked: list[object] = []

    def interesting(number: object) -> dict[int, str]:
        asked.append(number)
        return {}

    found = any_schema.of(tlsgrammar.Alert, b"\2\x28", interesting=interesting)
    assert not asked
    list(islice(found, 50))
    assert asked


def test_a_value_and_its_bytes_are_the_same() -> None:
    of_value = list(mutations.of(tlsgrammar.Handshake, HANDSHAKE, count=20))
    assert of_value == variants(20)


def test_of_each_kind_there_are_some_that_cannot_be_read_and_some_that_can() -> None:
    readable = 0
    for each in variants():
        try:
            tlsgrammar.parse(tlsgrammar.Handshake, each.data)
            readable += 1
        except GrammarError:
            pass
    assert 300 < readable < 2700


@pytest.mark.parametrize("name", sorted(STRUCTURES))
def test_every_structure_has_variants_also_of_values_that_are_drawn(name: str) -> None:
    context = {"version": 0x0303, "cipher_suite": 0xC02F}
    found = list(mutations.of(STRUCTURES[name], seed=3, count=30, **context))
    assert len({each.data for each in found}) > 5
    assert all(each.what and each.path for each in found)
    assert found == list(mutations.of(STRUCTURES[name], seed=3, count=30, **context))


def test_several_changes_at_once() -> None:
    found = variants(500, changes=3)
    assert {each.what.count("; ") for each in found} == {0, 1, 2}
    with pytest.raises(ValueError, match="changes= must be at least 1"):
        list(mutations.of(tlsgrammar.Alert, b"\2\x28", changes=0))


# What is done


def test_a_length_that_lies_is_said_with_what_follows() -> None:
    each = said("length says", "ClientHello.cipher_suites")
    assert each.what.endswith(" and 4 bytes follow")
    number = int(each.what.split()[2].rstrip(","))
    at = WHOLE.index(bytes.fromhex("000413011a1a"))
    assert each.data == WHOLE[:at] + number.to_bytes(2, "big") + WHOLE[at + 2 :]


def test_the_lengths_around_a_change_are_corrected() -> None:
    each = said("twice the element 1", "ClientHello.cipher_suites")
    suites = tlsgrammar.parse(tlsgrammar.Handshake, each.data).body.cipher_suites
    assert suites == [0x1301, 0x1A1A, 0x1A1A]


def test_or_they_are_not() -> None:
    none = said("twice the element 0, and no length is corrected", "ClientHello.cipher_suites")
    assert (none.data[:4], len(none.data)) == (WHOLE[:4], len(WHOLE) + 2)
    outer = said("twice the element 0, and its own length", "ClientHello.cipher_suites")
    assert int.from_bytes(outer.data[1:4], "big") == len(WHOLE) - 4 + 2
    assert bytes.fromhex("0004130113011a1a") in outer.data


@pytest.mark.parametrize(
    ("what", "path", "suites"),
    [
        ("the elements 0 and 1 swapped", "ClientHello.cipher_suites", [0x1A1A, 0x1301]),
        ("the elements reversed", "ClientHello.cipher_suites", [0x1A1A, 0x1301]),
        ("without the element 0", "ClientHello.cipher_suites", [0x1A1A]),
        ("element 0 is 0x4a4a (GREASE-0x4a4a)", "ClientHello.cipher_suites", [0x4A4A, 0x1A1A]),
    ],
)
def test_elements_are_others(what: str, path: str, suites: list[int]) -> None:
    found = next(
        each
        for each in mutations.of(tlsgrammar.Handshake, WHOLE)
        if (each.what, each.path) == (what, path)
    )
    assert tlsgrammar.parse(tlsgrammar.Handshake, found.data).body.cipher_suites == suites


def test_versions_are_unknown_ones_and_grease() -> None:
    told = {each.what for each in variants(40_000) if each.path == "ClientHello.legacy_version"}
    assert "is 0x305 (the version after TLS 1.3)" in told
    assert "is 0x2a2a (GREASE-0x2a2a)" in told
    assert "is 0xffff (the last version)" in told


def test_the_language_knows_nothing_of_grease() -> None:
    told = [str(each) for each in any_schema.of(tlsgrammar.Handshake, WHOLE, count=3000)]
    assert not any("the version after" in each for each in told)


def test_structures_stand_in_themselves() -> None:
    each = said("holds ClientHello.extensions, 40 deep", "ClientHello.extensions[0].body")
    assert each.data.count(b"grease") == 41


def test_fields_change_places() -> None:
    each = said("msg_type and body swapped", "Handshake")
    assert each.data == WHOLE[1:] + WHOLE[:1]


def test_everything_ends_early() -> None:
    each = said("everything ends after", "ClientHello.extensions")
    assert WHOLE.startswith(each.data)


# Schemas of any kind

SCHEMAS = {
    "a field that counts bytes": (
        Struct("n" / uint8, "x" / uint8, "data" / construct.Bytes(this.n)),
        b"\x03xabc",
        "twice",
    ),
    "a field that counts elements": (
        Struct("n" / uint8, "items" / construct.Array(this.n, Struct("a" / uint8, "b" / uint8))),
        b"\x02aabb",
        "twice the element 0",
    ),
    "a length that grows": (
        block(varint, Struct("x" / uint8, "rest" / remaining())),
        b"\x3e" + bytes(62),
        "more at its end",
    ),
    "little-endian": (Struct("a" / Int16ul, "b" / opaque(0, 9)), b"\1\0\2hi", "more at its end"),
    "a prefix of construct's": (
        construct.Prefixed(uint16, construct.GreedyRange(Struct("a" / uint8))),
        b"\0\3abc",
        "twice the element 2",
    ),
    "lists in lists": (
        vector(vector(uint16, 0, 99), 0, 99),
        bytes.fromhex("08 04 0001 0002 02 0003".replace(" ", "")),
        "twice the element 1",
    ),
}


@pytest.mark.parametrize("name", SCHEMAS)
def test_corrected_lengths_are_right(name: str) -> None:
    schema, data, word = SCHEMAS[name]
    tlsgrammar.parse(schema, data)
    corrected = [
        each
        for each in islice(any_schema.of(schema, data), 4000)
        if word in each.what and "corrected" not in each.what and len(each.data) > len(data)
    ]
    readable = 0
    for each in corrected:
        try:
            tlsgrammar.parse(schema, each.data)
            readable += 1
        except GrammarError:
            pass
    assert readable > 0


def test_a_length_field_elsewhere_is_made_to_lie() -> None:
    schema, data, _ = SCHEMAS["a field that counts bytes"]
    found = [each for each in any_schema.of(schema, data, count=2000) if "length" in each.what]
    told = {each.data[0] for each in found if each.what.startswith("length says")}
    assert {2, 4, 0, 255} <= told
    schema, data, _ = SCHEMAS["a field that counts elements"]
    assert any(
        "there are 2 elements" in each.what for each in any_schema.of(schema, data, count=500)
    )


def test_a_length_without_room_has_no_variant() -> None:
    schema = Struct("data" / opaque(0, 255))
    data = b"\xff" + bytes(255)
    for each in any_schema.of(schema, data, count=2000):
        if "corrected" not in each.what and "length says" not in each.what:
            assert len(each.data) <= 256 or "trailing" in each.what or each.path == "Struct"


def test_a_counted_list_of_construct() -> None:
    schema = Struct("items" / PrefixedArray(uint8, Struct("a" / uint8)))
    assert len(list(any_schema.of(schema, b"\2ab", count=100))) == 100


def test_bytes_that_do_not_follow_the_schema_are_changed_as_far_as_they_can_be_read() -> None:
    broken = WHOLE[4:50]
    found = list(mutations.of(tlsgrammar.ClientHello, broken, count=300))
    assert any(each.path.startswith("ClientHello.random") for each in found)
    assert any(each.path == "ClientHello.cipher_suites" for each in found)


def test_no_bytes_at_all() -> None:
    found = list(mutations.of(tlsgrammar.language.Empty, b"", count=20))
    assert all(each.data for each in found)


# What is wrong with what is asked for


@pytest.mark.parametrize(
    ("ask", "error"),
    [
        (lambda: mutations.of(tlsgrammar.Alert, {"level": "fatal"}), GrammarError),
        (lambda: mutations.of(len, b""), TypeError),
        (lambda: mutations.of(construct.Pickled), TypeError),
        (lambda: mutations.of(tlsgrammar.Alert, version="TLSv9"), ValueError),
    ],
)
def test_what_is_wrong_is_told(ask: Callable[[], object], error: type[Exception]) -> None:
    with pytest.raises(error):
        list(ask())  # type: ignore[call-overload]


def test_a_given_value_needs_no_hypothesis() -> None:
    program = (
        "import sys; sys.modules['hypothesis'] = None\n"
        "from tlsgrammar import Alert, mutations\n"
        "print(len(list(mutations.of(Alert, b'\\2\\x28', count=9))))\n"
        "try: next(mutations.of(Alert))\n"
        "except ImportError as error: print(error)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ran.stdout.startswith("9\n")
    assert "hypothesis" in ran.stdout


def test_the_library_is_imported_without_them() -> None:
    program = (
        "import sys, tlsgrammar\n"
        "assert 'tlsgrammar.mutations' not in sys.modules\n"
        "assert 'tlsgrammar.language.mutations' not in sys.modules\n"
        "tlsgrammar.mutations.of\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
