"""The grammar: parsing, reading and building every structure of the catalogue.

An input is a line with the name of the structure and what else its layout depends on, and the bytes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from random import Random
from typing import Any

from construct import Construct

import tlsgrammar
from tlsgrammar import GrammarError, mutations
from tlsgrammar.catalogue import Catalogue
from tlsgrammar.extensions import DEFAULT
from tlsgrammar.language import api
from tlsgrammar.language.parameters import given
from tlsgrammar.language.shape import Maybe, Number, Shape, shape
from tlsgrammar.language.sight import inner
from tlsgrammar.language.tree import follow, render

from ..oracles import EXCEPTIONS, LINEAR, Broken, check_work, same
from ..target import Target

__all__ = ["TARGET"]

AGREE = "parse raises where read tells of something, and nowhere else"
AGAIN = "what was parsed is built as it was"
COMPILED = "compiled code says what the schema itself says"
PLACE = "a defect is told of where there are bytes"

# Of one structure after the other so many inputs come, before its values are drawn anew.
_OF_ONE = 500

_SUITES = sorted({0x002F, 0x0033, 0xC02B, 0xC02F, 0x008C, 0x1301, 0x0000})
_CONTEXTS: tuple[dict[str, Any], ...] = (
    {},
    *({"version": version} for version in (0x0300, 0x0301, 0x0303, 0x0304, 0xFEFD, 0xFEFC)),
    *({"version": 0x0303, "cipher_suite": suite} for suite in _SUITES),
    {"dtls": True},
    {"cid_length": 3},
)


@cache
def _structures() -> Mapping[str, Construct]:
    return Catalogue().structures


def _inputs(random: Random) -> Iterator[bytes]:
    structures = _structures()
    names = sorted(structures)
    while True:
        name, context = random.choice(names), random.choice(_CONTEXTS)
        head = f"{name} {json.dumps(context)}\n".encode()
        broken = mutations.of(
            structures[name],
            seed=random.randrange(2**32),
            count=_OF_ONE,
            changes=random.choice((1, 1, 3)),
            **context,
        )
        for mutation in broken:
            yield head + mutation.data


def _check(data: bytes, thoroughly: bool) -> None:
    head, _, data = data.partition(b"\n")
    name, _, told = head.decode().partition(" ")
    schema, context = _structures()[name], json.loads(told)
    value, defects = tlsgrammar.read(schema, data, **context)
    try:
        parsed = tlsgrammar.parse(schema, data, **context)
    except GrammarError as error:
        if not defects:
            raise Broken(AGREE, f"read tells of nothing, parse of: {error}") from None
        defects = [*defects, error]
    else:
        if defects:
            raise Broken(AGREE, f"parse raises nothing, read tells of {defects[0]}")
        _check_built(schema, data, parsed, context)
    for defect in defects:
        if not 0 <= defect.offset <= len(data):
            raise Broken(PLACE, f"{defect} of {len(data)} bytes")
    if thoroughly:
        _check_thoroughly(schema, data, (value, defects), context)


def _check_built(schema: Construct, data: bytes, parsed: Any, context: Mapping[str, Any]) -> None:
    try:
        built = tlsgrammar.build(schema, parsed, **context)
    except GrammarError as error:
        raise Broken(AGAIN, f"it cannot be built: {error}") from None
    if built == data or _holds(schema, _leaves_out_length):
        return  # which is built all the same where the version has it
    if _holds(schema, _is_varint):
        # It may have taken more bytes than it needs (RFC 9000 section 16).
        same(AGAIN, repr(tlsgrammar.parse(schema, built, **context)), repr(parsed))
        return
    at = next((i for i, (a, b) in enumerate(zip(built, data, strict=False)) if a != b), -1)
    raise Broken(AGAIN, f"{built[:200].hex()} is built; they differ at {at}")


def _leaves_out_length(of: Shape) -> bool:
    return isinstance(of, Maybe) and of.when == "length"


def _is_varint(of: Shape) -> bool:
    return isinstance(of, Number) and of.varint


@cache
def _holds(schema: Construct, is_it: Callable[[Shape], bool]) -> bool:
    """Whether there is a part of some shape in a schema."""
    waiting, seen = [schema], {schema}
    while waiting:
        part = waiting.pop()
        if is_it(shape(part)):
            return True
        found = [each for each in inner(part, DEFAULT) if each not in seen]
        seen.update(found)
        waiting += found
    return False


def _check_thoroughly(
    schema: Construct,
    data: bytes,
    found: tuple[Any, list[GrammarError]],
    context: Mapping[str, Any],
) -> None:
    params = api.parameters(given(context))
    value, told = api._interpreted_read(schema, data, params)
    compiled, defects = tlsgrammar.read(schema, data, **context)
    same(COMPILED, repr(compiled), repr(value))
    same(COMPILED, _said(defects), _said(told))
    try:
        api.interpreted(schema, data, api.parameters(params))
    except GrammarError as error:
        raise Broken(EXCEPTIONS, f"where a schema is interpreted: {error}") from None
    root, _ = follow("whole", schema, data, **context)
    for line in render(root, **context):
        if "\n" in line:
            raise Broken(EXCEPTIONS, f"a line of the tree is several: {line!r}")
    check_work(
        lambda: tlsgrammar.read(schema, data, **context), len(data), for_each_byte=150, once=5000
    )


def _said(defects: list[GrammarError]) -> list[Any]:
    return [(each.reason, each.offset, each.path, each.ends_early) for each in defects]


TARGET = Target(
    "structures",
    "parse, read and build, for every structure of the grammar",
    {
        EXCEPTIONS: "always",
        AGREE: "always",
        AGAIN: "always",
        PLACE: "always",
        COMPILED: "rarely",
        LINEAR: "rarely",
    },
    _inputs,
    _check,
    rarely=100,
)
