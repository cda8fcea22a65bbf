"""Extensions that other installed packages bring along, by entry points of the group `tlsgrammar.extensions`.

An entry point names a function that is called with the registry to fill, or a module whose import does all
that there is to do.
"""

from __future__ import annotations

import importlib.machinery
import os
import sys
from collections.abc import Iterator

from .registry import DEFAULT, Registry

__all__ = ["GROUP", "PluginError", "load_extensions"]

GROUP = "tlsgrammar.extensions"


class PluginError(Exception):
    """An entry point that could not be loaded.

    Attributes:
        name: of the entry point.
        value: what it refers to.
        reason: what went wrong, in words.
    """

    def __init__(self, name: str, value: str, reason: str) -> None:
        super().__init__(f"extensions of {name!r} ({value}) cannot be loaded: {reason}")
        self.name = name
        self.value = value
        self.reason = reason


def load_extensions(registry: Registry = DEFAULT) -> list[PluginError]:
    """Fill a registry with the extensions of all installed packages. What is there already is not loaded again.

    Returns:
        An error for each entry point that could not be loaded; the others are.
    """
    if all(registry.has_entered(value) for value in _installed()):
        return []
    import importlib.metadata  # here, because few programs need it and it takes long

    errors = []
    for entry_point in importlib.metadata.entry_points(group=GROUP):
        if not registry.enter(entry_point.value):
            continue
        try:
            loaded = entry_point.load()
            if callable(loaded):
                loaded(registry)
        except Exception as error:  # somebody else's code, which may raise anything
            errors.append(PluginError(entry_point.name, entry_point.value, str(error)))
    return errors


def _installed() -> Iterator[str]:
    """What the entry points of the group refer to, by a look at the files where nearly all packages have theirs
    (packaging.python.org/specifications/entry-points), which takes a tenth of the time. Where there may be
    packages in other places, one that nobody can have loaded before.
    """
    finders = [f for f in sys.meta_path if hasattr(f, "find_distributions")]
    if finders != [importlib.machinery.PathFinder]:
        yield ""
    for directory in sys.path:
        try:
            entries = os.listdir(directory or os.curdir)
        except NotADirectoryError:
            yield ""  # a zip file
            continue
        except OSError:
            continue
        for entry in entries:
            if entry.endswith((".dist-info", ".egg-info")):
                yield from _values(os.path.join(directory, entry, "entry_points.txt"))


def _values(path: str) -> Iterator[str]:
    try:
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
    except OSError:
        return  # a package without entry points
    group = ""
    for line in lines:
        if line.startswith("["):
            group = line.strip()
        elif group == f"[{GROUP}]" and "=" in line:
            yield line.partition("=")[2].strip()
