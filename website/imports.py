"""Which module imports which, and what may import what.

What may live here: the boxes that the architecture is drawn with, the directions in which they may import, and the imports
as they are. How they are drawn is for `diagram`.

An import counts wherever it stands, also in a function; only those for type checkers do not.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

__all__ = [
    "BOXES",
    "ROWS",
    "Box",
    "WrongDirectionError",
    "arrows",
    "check",
    "imports",
    "implied",
]

_ROOT = Path(__file__).parent.parent
_PACKAGES = ("events", "tlsgrammar")

# They import what is under them, for others. They are not drawn.
_FACADES = frozenset(_PACKAGES)

_LANGUAGE = "tlsgrammar.language"


class Box(NamedTuple):
    """Modules that are drawn as one.

    Attributes:
        name: what stands in the box.
        what: they do, in a few words.
        modules: they, with all that is inside them.
        column: where it stands in its row, from 0; half columns are between two.
    """

    name: str
    what: str
    modules: tuple[str, ...]
    column: float = 1

    @property
    def package(self) -> str:
        """The one that it is in."""
        return self.modules[0].partition(".")[0]


ROWS: tuple[tuple[Box, ...], ...] = (
    (
        Box("cli", "the commands", ("events.cli", "events.__main__"), 1.5),
        Box("testing", "captures for tests", ("events.testing",), 3),
    ),
    (
        Box("capture", "packets to connections", ("events.capture",), 1),
        Box("rows", "a row per connection", ("events.rows",), 2),
        Box("output", "text, JSON, tables", ("events.output", "events.arrow", "events.report"), 3),
    ),
    (
        Box("streams", "TLS in TCP", ("events.streams",), 0),
        Box("datagrams", "DTLS", ("events.datagrams",), 1),
        Box("quic", "TLS in QUIC", ("events.quic",), 2),
    ),
    (Box("conversation", "one TLS conversation", ("events.conversation",)),),
    (
        Box("options", "what callers choose", ("events.options",), 0),
        Box("mapping", "structures to events", ("events.mapping",), 1),
    ),
    (
        Box("secrets", "the only cryptography", ("events.secrets", "events.not_read"), 0),
        Box("walk", "innermost first", ("events.walk",), 1),
        Box("fingerprints", "JA3 and JA4", ("events.fingerprints",), 3),
    ),
    (Box("model", "a class for each event", ("events.model",)),),
    (
        Box(
            "certificates",
            "what one says",
            ("events.certificate", "events.certificates", "events.zstd"),
        ),
    ),
    (
        Box(
            "meanings",
            "what fields mean",
            (
                *("events.meanings", "events.declarations", "events.shown"),
                *("events.dataclass_fields", "events.uids"),
            ),
        ),
    ),
    (Box("__main__", "python -m tlsgrammar", ("tlsgrammar.__main__",)),),
    (
        Box("tool", "its commands, consoles", ("tlsgrammar.tool",), 1),
        Box("picture", "fields beside bytes", ("tlsgrammar.picture",), 2),
    ),
    (
        Box("framing", "pieces to messages", ("tlsgrammar.framing",), 0),
        Box("catalogue", "every structure", ("tlsgrammar.catalogue",), 1),
        Box("plugins", "of other packages", ("tlsgrammar.plugins",), 2),
        Box("mutations", "broken variants", ("tlsgrammar.mutations",), 3),
    ),
    (
        Box(
            "structures",
            "a module per document",
            (
                *("tlsgrammar.record", "tlsgrammar.handshake", "tlsgrammar.key_exchange"),
                *("tlsgrammar.dtls", "tlsgrammar.quic", "tlsgrammar.sslv2"),
                "tlsgrammar.key_schedule",
            ),
        ),
    ),
    (Box("extensions", "by what they are for", ("tlsgrammar.extensions",)),),
    (
        Box(
            "registry",
            "what IANA can add to",
            ("tlsgrammar.registry", "tlsgrammar.names", "tlsgrammar.versions"),
        ),
    ),
    (Box("language", "knows nothing of TLS", (_LANGUAGE,)),),
)
"""The boxes, from top to bottom: what is above may import what is below, and nothing else may, but for boxes of one row."""

BOXES: Mapping[str, Box] = {module: box for row in ROWS for box in row for module in box.modules}
"""The box of each module."""


class WrongDirectionError(Exception):
    """A module imports one that it must not, or has no place."""


def imports() -> Iterator[tuple[str, str]]:
    """Each import of one module by another, of the packages here."""
    files = {_name(path): path for package in _PACKAGES for path in (_ROOT / package).rglob("*.py")}
    for name, path in sorted(files.items()):
        base = name if path.name == "__init__.py" else name.rpartition(".")[0]
        for imported in _imported(ast.parse(path.read_text()), base):
            module = _module(imported, files)
            if module:
                yield name, module


def _module(name: str, known: Collection[str]) -> str:
    """The module that a full name is in; empty for one of another package."""
    while name and name not in known:
        name = name.rpartition(".")[0]
    return name


def _name(path: Path) -> str:
    parts = path.relative_to(_ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def _imported(tree: ast.AST, base: str) -> Iterator[str]:
    """The full names of what is imported; of those that are no modules, too."""
    for node in ast.iter_child_nodes(tree):
        if (
            isinstance(node, ast.If)
            and isinstance(node.test, ast.Name)
            and node.test.id == "TYPE_CHECKING"
        ):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            around = base.split(".")[: len(base.split(".")) + 1 - node.level] if node.level else []
            module = ".".join([*around, *filter(None, [node.module])])
            yield from (f"{module}.{alias.name}" for alias in node.names)
        yield from _imported(node, base)


def arrows() -> Mapping[tuple[Box, Box], frozenset[tuple[str, str]]]:
    """Which box imports which, and by which imports.

    Raises:
        WrongDirectionError: an import goes against the direction, or a module has no box.
    """
    found: dict[tuple[Box, Box], set[tuple[str, str]]] = {}
    for module, imported in imports():
        _check_packages(module, imported)
        if module in _FACADES or imported in _FACADES:
            continue
        one, other = _box(module), _box(imported)
        if one is not other:
            found.setdefault((one, other), set()).add((module, imported))
    checked = {arrow: frozenset(by) for arrow, by in found.items()}
    check(checked)
    return checked


def _box(module: str) -> Box:
    around = ".".join(module.split(".")[:2])
    if around not in BOXES:
        raise WrongDirectionError(f"{around} has no place in website/imports.py")
    return BOXES[around]


def _check_packages(module: str, imported: str) -> None:
    """Check the borders that hold for facades too."""
    is_wrong = (
        module.partition(".")[0] == "tlsgrammar" and imported.partition(".")[0] == "events"
    ) or (module.startswith(_LANGUAGE) and not imported.startswith(_LANGUAGE))
    if is_wrong:
        raise WrongDirectionError(f"{module} must not import {imported}")


def check(found: Mapping[tuple[Box, Box], frozenset[tuple[str, str]]]) -> None:
    """Check that arrows go down, or to one side without coming back.

    Raises:
        WrongDirectionError: one does not.
    """
    height = {box: index for index, row in enumerate(ROWS) for box in row}
    up = [(one, other) for one, other in found if height[one] > height[other]]
    back = [
        (one, other)
        for one, other in found
        if height[one] == height[other] and _leads(found, other, one)
    ]
    for one, other in (*up, *back):
        several = ", ".join(
            f"{module} imports {name}" for module, name in sorted(found[one, other])
        )
        raise WrongDirectionError(f"{one.name} must not import {other.name}: {several}")


def implied(found: Mapping[tuple[Box, Box], object]) -> frozenset[tuple[Box, Box]]:
    """The arrows that say nothing new: a longer way leads to the same box."""
    return frozenset(
        (one, other)
        for one, other in found
        if any(a is one and b is not other and _leads(found, b, other) for a, b in found)
    )


def _leads(found: Mapping[tuple[Box, Box], object], start: Box, end: Box) -> bool:
    """Whether arrows lead from one box to another."""
    waiting, seen = [start], {start}
    while waiting:
        here = waiting.pop()
        for one, other in found:
            if one is here and other not in seen:
                waiting.append(other)
                seen.add(other)
    return end in seen - {start}
