"""What a caller may choose: the same for every analyzer and every way to read captures.

What may live here: the choices, their defaults, and what is wrong with a choice.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TypedDict

import msgspec

from tlsgrammar import Registry
from tlsgrammar.framing import DEFAULT_SEARCH_LIMIT

from .walk import check_wanted

__all__ = ["Choices", "Options"]


class Choices(TypedDict, total=False):
    """The keyword arguments of whatever takes the choices of `Options`."""

    disable_analyzer_after_detection: bool
    wanted: Collection[str] | None
    extensions: Registry | None
    search_limit: int


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller has chosen.

    Attributes:
        disable_analyzer_after_detection: raise nothing more of a connection once `ssl_established` has been raised,
            and the `ssl_encrypted_data` of the record that triggered it.
        wanted: the names of the events that are asked for (`events.known_events()` has all); where it is None, the
            documented seventeen, `protocol_violation`, `reporter_error`, and those of a user's own. Asking for fewer
            costs less.
        extensions: the registry of extensions and the like; the default one where it is None.
        search_limit: where in a direction of a stream that does not begin as TLS its ClientHello begins at the
            latest, in bytes; 0 for streams that begin as TLS only.

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
        """The names in `wanted`, which are known."""
        return self.wanted  # type: ignore[return-value]

    def __post_init__(self) -> None:
        if self.extensions is not None and not isinstance(self.extensions, Registry):
            raise TypeError(f"extensions= takes a Registry, not {self.extensions!r}")
        if not isinstance(self.search_limit, int):
            raise TypeError(f"search_limit= takes a number of bytes, not {self.search_limit!r}")
        if self.search_limit < 0:
            raise ValueError(f"search_limit= takes 0 or more bytes, not {self.search_limit}")
        wanted = check_wanted(self.wanted, self.extensions)
        msgspec.structs.force_setattr(self, "wanted", wanted)
