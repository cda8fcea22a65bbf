"""The pages of the API: what is public, with its docstrings.

What may live here: which names are on which page, and in what order. mkdocstrings writes what stands under each.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from types import ModuleType

from construct import Construct

import events
import events.arrow
import events.rows
import tlsgrammar
import tlsgrammar.framing
import tlsgrammar.language
import tlsgrammar.language.strategies
import tlsgrammar.mutations
from events.model import Event

from . import code_points, event_pages, names, structures
from .markdown import code, link, relative
from .structures import Structures

__all__ = ["PAGES", "page"]

PAGES: Mapping[str, ModuleType] = {
    f"reference/{module.__name__}.md": module
    for module in (
        *(events, events.rows, events.arrow, tlsgrammar, tlsgrammar.language),
        *(tlsgrammar.language.strategies, tlsgrammar.mutations, tlsgrammar.framing),
    )
}
"""The pages, and the module that each is about."""

# Where modules are described that others name.
_MODULES: Mapping[ModuleType, str] = {
    tlsgrammar.extensions: code_points.PATH,
    tlsgrammar.names: names.PATH,
    **{module: path for pages in (structures.PAGES, PAGES) for path, module in pages.items()},
}

_INTERNAL = {"members": "false", "show_root_toc_entry": "false", "show_root_heading": "false"}


def page(known: Structures, path: str) -> str:
    """The page of a module: what is public in it."""
    module = PAGES[path]
    name = module.__name__
    written = [f"# {name}\n", _directive(name, _INTERNAL)]
    elsewhere: dict[str, list[str]] = {}
    for public in sorted(module.__all__, key=str.casefold):
        thing = getattr(module, public)
        found = _elsewhere(known, thing, path)
        if found is None:
            written.append(_directive(f"{name}.{public}", {}))
        else:
            kind, target = found
            elsewhere.setdefault(kind, []).append(
                link(code(public), target) if target else code(public)
            )
    written += [f"## {kind}\n\n{', '.join(links)}\n" for kind, links in elsewhere.items()]
    return "\n".join(written)


def _directive(name: str, options: Mapping[str, str]) -> str:
    lines = [f"::: {name}\n", *(f"      {key}: {value}\n" for key, value in options.items())]
    if options:
        lines.insert(1, "    options:\n")
    return "".join(lines)


def _elsewhere(known: Structures, thing: object, path: str) -> tuple[str, str] | None:
    """What is not described here: what it is, and where it stands; None for what is."""
    if isinstance(thing, ModuleType):
        target = _MODULES.get(thing, "")
        return "Modules", relative(target, path) if target else ""
    if isinstance(thing, Construct):
        listed = known.listed.get(thing)
        target = listed.target if listed else ""
        return "Structures", relative(target, path) if target else ""
    if inspect.isclass(thing) and issubclass(thing, Event) and thing is not Event:
        return "Events", relative(f"{event_pages.PATH}#{thing.name}", path)
    if isinstance(thing, tuple) and thing in [group.classes for group in event_pages.groups()]:
        name = next(group.name for group in event_pages.groups() if group.classes is thing)
        return "Lists of events", relative(f"{event_pages.PATH}#{name}", path)
    if not getattr(thing, "__module__", "").startswith(("events", "tlsgrammar")):
        return "Values", ""
    if not inspect.isroutine(thing) and not inspect.isclass(thing):
        return "Values", ""
    return None
