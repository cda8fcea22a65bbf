"""What a caller may choose: the same for every analyzer and every way to read captures.

What may live here: the choices, their defaults, and what is wrong with a choice.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TypedDict

import msgspec

from tlsgrammar import Registry
from tlsgrammar.framing import DEFAULT_SEARCH_LIMIT

from .model import Connection
from .walk import check_wanted

__all__ = ["Choices", "Options", "chosen"]


class Choices(TypedDict, total=False):
    """The keyword arguments of whatever takes the choices of `Options`."""

    disable_analyzer_after_detection: bool
    wanted: Collection[str] | None
    extensions: Registry | None
    search_limit: int


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """Options shared by all analyzers.

    Attributes:
        disable_analyzer_after_detection: raise nothing more of a connection once `ssl_established` has been raised,
            and the `ssl_encrypted_data` of the record that triggered it.
        wanted: the names of the events that are asked for (`events.known_events()` has all); where it is None, the
            documented seventeen, `protocol_violation`, `reporter_error`, and those of a user's own. Asking for fewer
            costs less.
        extensions: the registry of extensions and the like; the default one where it is None.
        search_limit: how many bytes into a stream that does not start with TLS to look for a ClientHello; 0 for streams
            that start with TLS only.

    Raises:
        ValueError: an event in `wanted` is not known, or the limit is negative.
        TypeError: `wanted` is a string and not several, `extensions` is no registry, or the limit no integer.
    """

    disable_analyzer_after_detection: bool = True
    wanted: Collection[str] | None = None
    extensions: Registry | None = None
    search_limit: int = DEFAULT_SEARCH_LIMIT

    @property
    def names(self) -> frozenset[str] | None:
        """The validated names; None if `wanted` is None."""
        return self.wanted  # type: ignore[return-value]

    def __post_init__(self) -> None:
        if self.extensions is not None and not isinstance(self.extensions, Registry):
            raise TypeError(f"extensions= takes a Registry, not {self.extensions!r}")
        if not isinstance(self.search_limit, int):
            raise TypeError(f"search_limit= takes a number of bytes, not {self.search_limit!r}")
        if self.search_limit < 0:
            raise ValueError(f"search_limit= must be 0 or more, not {self.search_limit}")
        wanted = check_wanted(self.wanted, self.extensions)
        msgspec.structs.force_setattr(self, "wanted", wanted)


def chosen(c: object, options: Options | None, choices: Choices) -> Options:
    """The options of an analyzer.

    Args:
        c: its connection.
        options: what was given as `options=`.
        choices: what was given as other keywords.

    Raises:
        TypeError: both are given, or something is not what it should be.
        ValueError: as of `Options`.
    """
    if c is not None and not isinstance(c, Connection):
        raise TypeError(f"c= takes a Connection, not {c!r}")
    if options is None:
        return Options(**choices)
    if not isinstance(options, Options):
        raise TypeError(f"options= takes an Options, not {options!r}")
    if choices:
        raise TypeError(f"options= is given, and so is {', '.join(choices)}")
    return options
