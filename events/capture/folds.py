"""What is made of the events of captures, whole or shared.

What may live here: the two sides of it. Of a whole capture something is made of all its events, as they come. Of a share it
is made with places, so that what several processes made can be put in order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from ..model import Event

if TYPE_CHECKING:  # those who share captures have it
    from .shares import Fold

__all__ = ["EVENTS", "Made", "OfLists", "Through", "of_each"]

Through = Callable[[str, Iterator[Event]], Iterable[Any]]
"""What to make of a capture: it takes its path and its events, and what it gives is given out, one by one."""


def _as_they_are(path: str) -> Callable[[list[Any]], Iterable[Any]]:
    return iter


class Made(NamedTuple):
    """What to make of captures; all of it can be pickled.

    Attributes:
        through: makes it of a whole capture.
        fold: begins to make it of a share: takes the path of the capture, and what is told what cannot be made. None where
            it cannot be made of shares.
        join: begins to make, of things that were made of the shares of a capture, in order, what `through` gives; takes the path
            of the capture.
    """

    through: Through
    fold: Callable[[str, Callable[[str], None]], Fold] | None = None
    join: Callable[[str], Callable[[list[Any]], Iterable[Any]]] = _as_they_are


class _Each:
    """Makes something of each event."""

    def __init__(self, make: Callable[[Event], Any] | None) -> None:
        self._make = make

    def take(self, events: list[Event], places: list[int]) -> tuple[list[Any], list[int]]:
        make = self._make
        return ([*events] if make is None else [make(event) for event in events]), [*places]

    def end(self) -> tuple[list[Any], list[int]]:
        return [], []

    def known(self) -> tuple[int, int]:
        return 0, 0


def _whole(path: str, events: Iterator[Event]) -> Iterable[Event]:
    return events


def _whole_of_each(
    path: str, events: Iterator[Event], make: Callable[[Event], Any]
) -> Iterable[Any]:
    return map(make, events)


def _begin(
    path: str, tell: Callable[[str], None], make: Callable[[Event], Any] | None = None
) -> Fold:
    return _Each(make)


EVENTS = Made(_whole, _begin)
"""The events themselves."""


def of_each(make: Callable[[Event], Any]) -> Made:
    """What a function makes of each event."""
    return Made(partial(_whole_of_each, make=make), partial(_begin, make=make))


class OfLists:
    """A fold that makes of a list of events as many things, or fewer.

    Args:
        make: makes them; and gives the numbers of the events that they were made of, or None where it is one of each event.
    """

    def __init__(self, make: Callable[[list[Event]], tuple[list[Any], list[int] | None]]) -> None:
        self._make = make

    def take(self, events: list[Event], places: list[int]) -> tuple[list[Any], list[int]]:
        """See `Fold`."""
        made, numbers = self._make(events)
        return made, [*places] if numbers is None else [places[number] for number in numbers]

    def end(self) -> tuple[list[Any], list[int]]:
        """See `Fold`."""
        return [], []

    def known(self) -> tuple[int, int]:
        """See `Fold`."""
        return 0, 0
