"""The page of the events: every class of them, from its declaration and its docstring.

What may live here: what a page of events says. Which structure raises which event is for `grammar`.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator, Mapping, Sequence
from types import ModuleType
from typing import NamedTuple

import msgspec

import events.model
from events.declarations import Declared, declared_fields
from events.meanings import Meaning, NameOf, NameOfCipher, SecondsSinceEpoch
from events.model import Event
from tlsgrammar import names as registries
from tlsgrammar.language.names import Names

from . import names
from .grammar import raised_on, written_role
from .markdown import code, escaped, first_sentence, link, relative, table
from .structures import Listed, Role, Structures

__all__ = ["PATH", "Group", "attributes", "groups", "page"]

PATH = "events.md"

_HEAD = """# The events

This page is made from the classes of the events. The first parameter of each is `c`, the [connection](#Connection), and each
has a time, `ts`: when the data that completed it arrived, in seconds since the epoch; None where the bytes came without times.

Without anything else being asked for, the [documented](#documented) events and [what could not be done](#own) are raised. The
others are raised where they are asked for by name: `--event NAME` or `--all-events` on the command line, `wanted=` in Python.
`tls-events --list-events` lists all of them.
"""


class Group(NamedTuple):
    """Events that a module of `events.model` declares.

    Attributes:
        module: it.
        constant: the name of the tuple of the classes, such as `DOCUMENTED`.
        classes: they, in order.
    """

    module: ModuleType
    constant: str
    classes: tuple[type[Event], ...]

    @property
    def name(self) -> str:
        """What the module is called."""
        return self.module.__name__.rpartition(".")[2]


def groups() -> list[Group]:
    """All events, in the order of `events.known_events()`."""
    found = []
    for info in pkgutil.iter_modules(events.model.__path__):
        module = importlib.import_module(f"{events.model.__name__}.{info.name}")
        for constant, classes in vars(module).items():
            if constant.isupper() and isinstance(classes, tuple):
                found.append(Group(module, constant, classes))
    order = {name: index for index, name in enumerate(events.known_events())}
    return sorted(found, key=lambda group: order.get(group.classes[0].name, len(order)))


def page(structures: Structures) -> str:
    """The page of the events."""
    raised = raised_on(structures)
    written = [_HEAD]
    made_of: dict[type, None] = {events.model.Connection: None}
    for group in groups():
        title = first_sentence(group.module.__doc__ or "").partition(", ")[0].rstrip(".")
        written.append(f"## {escaped(title)} {{: #{group.name} }}\n")
        written.append(f"In Python, all of them are `events.{group.constant}`.\n")
        for kind in group.classes:
            written += _event(kind, raised.get(kind.name, ()))
            made_of |= dict.fromkeys(_structs(kind))
    written.append("## What parameters are made of\n")
    for struct in made_of:
        written += [f"### {struct.__name__} {{: #{struct.__name__} }}\n", *_described(struct)]
    return "\n".join(written)


def _event(kind: type[Event], on: Sequence[Listed | Role]) -> Iterator[str]:
    yield f"### {escaped(kind.name)} {{: #{kind.name} }}\n"
    yield f"`events.{kind.__name__}`{_raised(on)}\n"
    yield from _described(kind)


def _raised(on: Sequence[Listed | Role]) -> str:
    several = ", ".join(
        link(escaped(each.name), relative(each.target, PATH))
        if isinstance(each, Listed)
        else written_role(each)
        for each in on
    )
    return f", raised on {several}" if several else ""


def _described(kind: type[msgspec.Struct]) -> Iterator[str]:
    """What the docstring of a class says, and its fields."""
    doc = inspect.cleandoc(kind.__doc__ or "")
    text, _, _ = doc.partition("\nAttributes:\n")
    yield from (escaped(" ".join(paragraph.split())) + "\n" for paragraph in text.split("\n\n"))
    said = attributes(doc)
    rows = [
        (code(name), _type(kind, name, declared), escaped(said.get(name, "")))
        for name, declared in declared_fields(kind).items()
        if not (issubclass(kind, Event) and name in ("c", "ts"))
    ]
    if rows:
        yield table(("parameter" if issubclass(kind, Event) else "field", "type", "meaning"), rows)


def attributes(doc: str) -> Mapping[str, str]:
    """What a docstring says of each attribute; those that are named together are said the same of."""
    _, _, section = doc.partition("Attributes:\n")
    found: dict[str, str] = {}
    for each in filter(None, re.split(r"\n(?= {4}\S)", section.rstrip())):
        head, _, text = each.strip().partition(":")
        for name in re.split(r",\s+", head):
            found[name] = " ".join(text.split())
    return found


def _type(kind: type, name: str, declared: Declared) -> str:
    """The type of a field, with a link to the names that its numbers have, or to what it is made of."""
    of = declared
    written = ""
    while of.item is not None:
        written += f"{of.kind.__name__} of "
        of = of.item
    some = of.kind_of_some
    shown = some.__name__ if some is not object else "any"
    if isinstance(some, type) and issubclass(some, msgspec.Struct):
        shown = link(code(shown), f"#{some.__name__}")
    written += shown
    if of.or_none is not None:
        written += " or None"
    meaning = _words(of.meaning)
    return f"{written}{f', {meaning}' if meaning else ''}"


def _words(meaning: Meaning | None) -> str:
    match meaning:
        case NameOf(of=of):
            return _named(of)
        case NameOfCipher():
            return _named(registries.CIPHER_SUITES)
        case SecondsSinceEpoch():
            return "a time"
    return ""


def _named(of: Names) -> str:
    return link(escaped(of.title), relative(names.target(of), PATH))


def _structs(kind: type[msgspec.Struct]) -> Iterator[type[msgspec.Struct]]:
    """The structs that the parameters of an event are made of."""
    for name, declared in declared_fields(kind).items():
        of = declared
        while of.item is not None:
            of = of.item
        some = of.kind_of_some
        if name != "c" and issubclass(some, msgspec.Struct):
            yield some
