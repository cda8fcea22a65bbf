"""Extensions that other installed packages bring along, by entry points of the group `tlsgrammar.extensions`.

An entry point names a function that is called with the registry to fill, or a module whose import does all
that there is to do.
"""

from __future__ import annotations

from .extensions import DEFAULT, ExtensionRegistry

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


def load_extensions(registry: ExtensionRegistry = DEFAULT) -> list[PluginError]:
    """Fill a registry with the extensions of all installed packages. What is there already is not loaded again.

    Returns:
        An error for each entry point that could not be loaded; the others are.
    """
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
