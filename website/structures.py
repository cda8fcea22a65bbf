"""Which structures there are, and which page each is on.

What may live here: the catalogue, ordered by pages: one for each module of `tlsgrammar` that declares structures. How a
structure is shown is for `grammar`.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator, Mapping
from functools import cached_property
from types import ModuleType
from typing import Any, NamedTuple

from construct import Construct

from tlsgrammar import (
    dtls,
    extensions,
    handshake,
    key_exchange,
    key_schedule,
    quic,
    record,
    sslv2,
)
from tlsgrammar.catalogue import Catalogue
from tlsgrammar.extensions import extension
from tlsgrammar.language.declaration import type_name
from tlsgrammar.language.names import Names
from tlsgrammar.language.open_types import Entry
from tlsgrammar.language.presentation import Structure
from tlsgrammar.language.shape import Deferred, Named, Number, Open, parts, shape
from tlsgrammar.registry import (
    CONTENT_TYPE,
    DEFAULT,
    EXTENSION,
    KEY_EXCHANGE,
    MESSAGE,
    MESSAGES,
    SIDES,
    TRANSPORTS,
    Registry,
)

__all__ = ["KINDS", "PAGES", "Listed", "Role", "Structures", "names_of"]

# An extension is what it is for, so that its module comes first; then those of what extensions are for.
_MODULES: tuple[ModuleType, ...] = (
    *(record, handshake, key_exchange, dtls, quic, sslv2, key_schedule, extension),
    *(
        module
        for module in vars(extensions).values()
        if isinstance(module, ModuleType)
        and module.__name__.startswith(f"{extensions.__name__}.")
        and module is not extension
    ),
)

KINDS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    CONTENT_TYPE: ("Content types of records", TRANSPORTS),
    MESSAGE: ("Handshake messages", ("",)),
    EXTENSION: ("Extensions", MESSAGES),
    KEY_EXCHANGE: ("Key exchanges", SIDES),
}
"""What IANA can add to: a title for each kind, and where an entry of it may have a schema of its own."""


def _page(module: ModuleType) -> str:
    path = module.__name__.split(".")[1:]
    return f"grammar/{'/'.join(path)}.md"


PAGES: Mapping[str, ModuleType] = {_page(module): module for module in _MODULES}
"""The pages with structures, and the module that each is made from."""


class Role(NamedTuple):
    """What a structure is registered as.

    Attributes:
        kind: such as `extension`.
        entry: of the registry.
        wheres: where it stands as this, where that matters.
    """

    kind: str
    entry: Entry
    wheres: tuple[str, ...]


class Listed(NamedTuple):
    """A structure on a page.

    Attributes:
        name: the one that it stands under.
        others: the other names that it can be found by.
        schema: the structure.
        page: where it stands, from the top of the site.
    """

    name: str
    others: tuple[str, ...]
    schema: Construct
    page: str

    @property
    def target(self) -> str:
        """Where it stands, for links."""
        return f"{self.page}#{self.name}"


class Structures:
    """All structures of the library.

    Args:
        registry: where they are registered.
    """

    def __init__(self, registry: Registry = DEFAULT) -> None:
        self.registry = registry
        self.catalogue = Catalogue(registry)

    @cached_property
    def listed(self) -> Mapping[Construct, Listed]:
        """The structures, in the order of the catalogue."""
        names: dict[Construct, list[str]] = {}
        for name, schema in self.catalogue.structures.items():
            names.setdefault(schema, []).append(name)
        pages = self._pages(names)
        found = {}
        for schema, known in names.items():
            name = next(filter(_is_of_a_document, known), known[0])
            others = tuple(other for other in known if other != name)
            found[schema] = Listed(name, others, schema, pages[schema])
        return found

    @cached_property
    def by_name(self) -> Mapping[str, Listed]:
        """The structures, by all of their names."""
        return {name: each for each in self.listed.values() for name in (each.name, *each.others)}

    def on(self, page: str) -> list[Listed]:
        """The structures on a page: those that the module declares, in its order, then types of code points."""
        order = list(_assigned(PAGES[page]))
        names = vars(PAGES[page])
        place = {id(names[name]): index for index, name in enumerate(order) if name in names}
        here = [each for each in self.listed.values() if each.page == page]

        def order_of(listed: Listed) -> tuple[bool, int]:
            return names_of(listed.schema) is not None, place.get(id(listed.schema), len(place))

        return sorted(here, key=order_of)

    def roles(self, schema: Construct) -> Iterator[Role]:
        """What a structure is registered as."""
        for kind in KINDS:
            for entry in self.registry.entries(kind).values():
                wheres = tuple(where for where, of in entry.schemas.items() if of is schema)
                if wheres:
                    yield Role(kind, entry, wheres if set(wheres) != {""} else ())

    def named_parts(self, schema: Construct) -> Mapping[str, Listed]:
        """The structures that the declaration of one names, by how it names them."""
        found: dict[str, Listed] = {}
        seen: set[int] = set()
        waiting = list(self._parts(schema))
        while waiting:
            part = waiting.pop()
            if id(part) in seen:
                continue
            seen.add(id(part))
            title = self._title(part)
            if title and part in self.listed:
                found.setdefault(title, self.listed[part])
            elif title in self.by_name:
                found.setdefault(title, self.by_name[title])
            else:
                waiting += self._parts(part)
        return found

    def _parts(self, schema: Construct) -> Iterator[Construct]:
        yield from parts(schema)
        of = shape(schema)
        if isinstance(of, Open):
            for entry in self.registry.entries(of.choice.kind).values():
                yield from entry.schemas.values()
        elif isinstance(of, Deferred):
            yield of.function()

    def _title(self, schema: Construct) -> str:
        title = self.catalogue.titles.get(schema)
        if title is None and isinstance(schema, Structure):
            title = schema.title
        if title is None:
            of = shape(schema)
            if isinstance(of, Number) and of.names is not None:
                title = type_name(of.names)
        return title or ""

    def _pages(self, schemas: Mapping[Construct, object]) -> Mapping[Construct, str]:
        """The page of each structure: that of the module that declares it; or that of the first structure that is made
        of it, or that it is made of.
        """
        declared: dict[int, str] = {}
        for page, module in PAGES.items():
            for name in _assigned(module):
                if isinstance(vars(module).get(name), Construct):
                    declared.setdefault(id(vars(module)[name]), page)
        pages = {schema: declared[id(schema)] for schema in schemas if id(schema) in declared}
        for schema in tuple(pages):
            for part in self._unnamed_below(schema):
                if part in schemas:
                    pages.setdefault(part, pages[schema])
        for schema in schemas:
            if schema not in pages:
                inner = (pages[part] for part in self._unnamed_below(schema) if part in pages)
                pages[schema] = next(inner, _page(extension))
        return pages

    def _unnamed_below(self, schema: Construct) -> Iterator[Construct]:
        """What a structure is made of, down to the first that has a name."""
        for part in parts(schema):
            yield part
            if part not in self.catalogue.titles and not isinstance(part, Structure):
                yield from self._unnamed_below(part)


def names_of(schema: Construct) -> Names | None:
    """The names of the code points that a structure is one of; None where it is something else."""
    of: Any = shape(schema)
    while isinstance(of, Named):
        of = shape(of.part)
    return of.names if isinstance(of, Number) else None


def _is_of_a_document(name: str) -> bool:
    """Whether a document calls a structure so; others are names of code points, where it is registered."""
    return name[:1].isupper() or name.startswith("sslv2.")


def _assigned(module: ModuleType) -> Iterator[str]:
    """The names that a module itself gives to something, in order; not those that it imports."""
    for statement in ast.parse(inspect.getsource(module)).body:
        targets = (
            statement.targets
            if isinstance(statement, ast.Assign)
            else [statement.target]
            if isinstance(statement, ast.AnnAssign)
            else []
        )
        for target in targets:
            if isinstance(target, ast.Name) and not target.id.startswith("_"):
                yield target.id
