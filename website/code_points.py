"""The page with what is registered: content types, handshake messages, extensions, key exchanges.

What may live here: the tables of a registry, as a page.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tlsgrammar.language.open_types import Entry

from .markdown import code, escaped, link, linked_documents, relative, table
from .structures import KINDS, Structures

__all__ = ["PATH", "page"]

PATH = "grammar/code-points.md"

_HEAD = """# Code points

What each code point stands for, and which [events](../events.md) are raised on it. All are registered by the public calls, as
[yours](../extending.md) are. What has no entry keeps its bytes.
"""


def page(structures: Structures) -> str:
    """A table for each kind of what is registered."""
    written = [_HEAD]
    for kind, (title, _) in KINDS.items():
        written.append(f"## {title}\n")
        entries = structures.registry.entries(kind)
        is_numbered = any(isinstance(key, int) for key in entries)
        head = ("code", "name", "structure", "defined in", "events")
        rows = [_row(structures, kind, entries[key]) for key in sorted(entries)]
        start = 0 if is_numbered else 1
        written.append(table(head[start:], [row[start:] for row in rows]))
    return "\n".join(written)


def _row(structures: Structures, kind: str, entry: Entry) -> tuple[str, ...]:
    events = dict.fromkeys(_events(structures, kind, entry))
    target = relative("events.md", PATH)
    return (
        str(entry.code),
        code(entry.name),
        "<br>".join(_schemas(structures, entry)),
        linked_documents(entry.reference),
        ", ".join(link(code(name), f"{target}#{name}") for name in events),
    )


def _schemas(structures: Structures, entry: Entry) -> Iterator[str]:
    wheres: dict[Any, list[str]] = {}
    for where, schema in entry.schemas.items():
        wheres.setdefault(schema, []).append(where)
    for schema, several in wheres.items():
        listed = structures.listed[schema]
        where = f" in {', '.join(several)}" if len(wheres) > 1 else ""
        yield link(escaped(listed.name), relative(listed.target, PATH)) + escaped(where)


def _events(structures: Structures, kind: str, entry: Entry) -> Iterator[str]:
    registry = structures.registry
    for to in ((kind, entry.code), *entry.schemas.values()):
        yield from (attached.label for attached in registry.attached(to))
