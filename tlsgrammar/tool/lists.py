"""What is registered, and what code points are named."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from construct import Construct

from .. import names
from ..language import Names
from ..language.open_types import Entry
from ..language.shape import Choice, Maybe, Named, Raw, Repeat, parts, shape
from ..registry import CONTENT_TYPE, DEFAULT, EXTENSION, KEY_EXCHANGE, MESSAGE, Registry
from .text import Problem, meant, table

__all__ = ["code_points", "content_types", "extensions", "key_exchanges", "messages"]

ABBREVIATIONS = {
    "client_hello": "CH",
    "server_hello": "SH",
    "hello_retry_request": "HRR",
    "encrypted_extensions": "EE",
    "certificate": "CT",
    "certificate_request": "CR",
    "new_session_ticket": "NST",
}

_Row = tuple[str, ...]


def extensions(registry: Registry = DEFAULT) -> Iterable[str]:
    """The lines about all extensions."""
    rows: list[_Row] = [("code", "name", "messages", "defined in", "event")]
    for code in sorted({*names.EXTENSION_TYPES, *registry.extensions}):
        known = registry.extensions.get(code)
        if known is not None:
            where = ",".join(
                short for name, short in ABBREVIATIONS.items() if name in known.schemas
            )
            events = _events(registry, EXTENSION, known)
            rows.append((str(code), known.name, where, known.reference, events))
        else:
            rows.append((str(code), registry.name(code), "", "no schema: bytes", ""))
    yield from table(rows)
    yield ""
    yield "Messages, as in RFC 8446 section 4.2: " + ", ".join(
        f"{short} {message}" for message, short in ABBREVIATIONS.items()
    )


def messages(registry: Registry = DEFAULT) -> Iterable[str]:
    """The lines about all handshake messages."""
    rows: list[_Row] = [("code", "name", "versions", "defined in", "event")]
    for code, known in sorted(registry.messages.items()):
        [schema] = known.schemas.values()
        events = _events(registry, MESSAGE, known)
        rows.append((str(code), known.name, _versions(schema), known.reference, events))
    return table(rows)


def content_types(registry: Registry = DEFAULT) -> Iterable[str]:
    """The lines about all content types of records."""
    rows: list[_Row] = [("code", "name", "transports", "defined in", "event")]
    for code in sorted({*names.CONTENT_TYPES, *registry.content_types}):
        known = registry.content_types.get(code)
        if known is not None:
            events = _events(registry, CONTENT_TYPE, known)
            rows.append((str(code), known.name, ",".join(known.schemas), known.reference, events))
        else:
            name = registry.name_of(names.CONTENT_TYPES, code)
            rows.append((str(code), name, "", "read by the record layer", ""))
    return table(rows)


def key_exchanges(registry: Registry = DEFAULT) -> Iterable[str]:
    """The lines about all key exchanges."""
    rows: list[_Row] = [("name", "sides", "has", "defined in", "event")]
    for name, known in sorted(registry.key_exchanges.items()):
        has = [
            word
            for word, it_has in (
                ("signature", registry.is_signed(name)),
                ("identity", registry.has_identity(name)),
            )
            if it_has
        ]
        events = _events(registry, KEY_EXCHANGE, known)
        rows.append((name, ",".join(known.schemas), ",".join(has), known.reference, events))
    return table(rows)


def _versions(schema: Construct) -> str:
    """The versions that a message has a schema of its own for, if it has."""
    of = shape(schema)
    while isinstance(of, Named):
        of = shape(of.part)
    if not isinstance(of, Choice):
        return ""
    by_version = {"tls12": of.default, "tls13": of.cases[True]}
    return ",".join(name for name, case in by_version.items() if not isinstance(shape(case), Raw))


def _events(registry: Registry, kind: str, entry: Entry) -> str:
    """The events that an entry raises, or that the structures raise which it stands for."""
    labels = [attached.label for attached in registry.attached((kind, entry.code))]
    for schema in dict.fromkeys(entry.schemas.values()):
        labels.extend(_labels(registry, schema))
    return ", ".join(dict.fromkeys(labels))


def _labels(registry: Registry, schema: Construct) -> Iterator[str]:
    for attached in registry.attached(schema):
        yield attached.label
    of = shape(schema)
    if isinstance(of, Choice | Named | Repeat | Maybe):
        for part in parts(schema):
            yield from _labels(registry, part)


# Names of code points


def registries(registry: Registry = DEFAULT) -> Mapping[str, Names]:
    """All kinds of code points, by how they are called on the command line."""
    found = {
        name.lower(): x for name in names.__all__ if isinstance(x := getattr(names, name), Names)
    }
    for of in registry.named():
        if of not in found.values():
            found[of.title.replace(" ", "_").lower()] = of
    return found


def code_points(words: list[str], registry: Registry = DEFAULT) -> Iterable[str]:
    """The lines about the code points of a kind, about those that a word is found in, or about both; without any
    words, about the kinds.

    Raises:
        Problem: there is none.
    """
    known = registries(registry)
    if not words:
        return table([(name, str(len(of)), of.title) for name, of in sorted(known.items())])
    kind = words[0].lower().replace("-", "_")
    if kind in known:
        rows = list(_found(known[kind], words[1:], registry))
        if not rows:
            raise Problem(f"no {known[kind].title} has {' '.join(words[1:])!r} in its name")
        return table(rows)
    if len(words) > 1 and not any(_found(of, words, registry) for of in known.values()):
        raise meant("registry", words[0], known)
    every = [
        (name, *row) for name, of in sorted(known.items()) for row in _found(of, words, registry)
    ]
    if not every:
        raise Problem(
            f"no name has {' '.join(words)!r} in it; {meant('registry', words[0], known)}"
        )
    return table(every)


def _found(of: Names, words: list[str], registry: Registry) -> list[_Row]:
    codes = {*of, *registry.added_names(of)}
    if of is names.EXTENSION_TYPES:
        codes |= {*registry.extensions}
    codes.update(code for code in map(_code, words) if code is not None and _is_grease(of, code))
    rows: list[_Row] = []
    for code in sorted(codes):
        name = registry.name_of(of, code)
        if all(_code(word) == code or _folded(word) in _folded(name) for word in words):
            rows.append((f"0x{code:0{of.digits}x}", str(code), name))
    return rows


def _folded(text: str) -> str:
    """Letters and digits, which people remember. MLKEM is found in x25519_ml_kem_768."""
    return re.sub(r"[\W_]", "", text).casefold()


def _is_grease(of: Names, code: int) -> bool:
    return code < 16**of.digits and of.name(code).startswith("GREASE")


def _code(word: str) -> int | None:
    try:
        return int(word, 0)
    except ValueError:
        return None
