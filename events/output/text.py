"""Events as lines of text, for people.

What may live here: how a value is written as text. What it means is said by the declaration of its event.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from datetime import UTC, datetime
from functools import cache
from typing import Any

from tlsgrammar.registry import DEFAULT, Registry
from tlsgrammar.tool.one_line import on_one_line

from ..declarations import Declared, has_names, named_items, parameters
from ..meanings import PossibleTime
from ..model import Event, address
from .digits import MANY_BITS

__all__ = ["parameter_texts", "text_line", "text_lines", "time_text"]

_BYTES = (bytes, bytearray, memoryview)
_LISTS = (list, tuple, Set)
_BOOLEANS = {True: "true", False: "false"}


def _readable(value: Any, declared: Declared, registry: Registry) -> str:
    """A value as people read it."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return _BOOLEANS[value]
    if isinstance(value, _LISTS):
        of_items = declared.of_items
        return "[" + ",".join([_readable(item, of_items, registry) for item in value]) + "]"
    text = declared.meaning.words(value, registry) if declared.meaning is not None else None
    if text is None:
        if isinstance(value, int):
            return _digits(value)
        if isinstance(value, _BYTES):
            return value.hex()
        if has_names(value):
            items = named_items(value, declared)
            return "{" + ",".join([f"{k}={_readable(x, of, registry)}" for k, x, of in items]) + "}"
        text = f"{value}"
    return f'"{text}"' if " " in text else text


def _digits(value: int) -> str:
    return f"{value:d}" if value.bit_length() <= MANY_BITS else f"{value:#x}"


def time_text(ts: float | None) -> str:
    """A time in seconds since the epoch as people read it."""
    if ts is None:
        return "-"
    try:
        time = datetime.fromtimestamp(ts, UTC).replace(tzinfo=None)
    except (ValueError, OverflowError, OSError):  # in no year from 1 to 9999, or no number
        return _digits(ts) if isinstance(ts, int) else str(ts)
    return time.isoformat(timespec="microseconds") + "Z"


def parameter_texts(event: Event, registry: Registry) -> list[str]:
    """The parameters of an event as people read them, each as `name=value`. There may be line ends in them."""
    all_of_them, possible_times = _parameters(type(event))
    texts = [
        f"{field}={_readable(getattr(event, field), declared, registry)}"
        for field, declared in all_of_them
    ]
    for index, field, meaning in possible_times:
        words = meaning.words_at(event.ts, getattr(event, field), registry)
        if words is not None:
            texts[index] = f"{field}={words}"
    return texts


@cache
def _parameters(
    kind: type,
) -> tuple[list[tuple[str, Declared]], list[tuple[int, str, PossibleTime]]]:
    """The parameters of a class of events; and where among them those stand that are times if they are near that of the
    event.
    """
    of_kind = parameters(kind)
    return of_kind, [
        (index, field, declared.meaning)
        for index, (field, declared) in enumerate(of_kind)
        if isinstance(declared.meaning, PossibleTime)
    ]


def text_line(event: Event, *, extensions: Registry | None = None) -> bytes:
    """An event as a line for people, with names instead of numbers, without the end of the line.

    What a number means is said by the declaration of the event, such as `Annotated[int, names.ALERT_LEVELS]`; one of
    which nothing is said is printed as it is. Bytes are lowercase hexadecimal, unless they are declared as `Text`. What
    is not printable in text is escaped. `-` is what is not known. A time that is in no year from 1 to 9999, or no number, is
    printed as the number that it is; so is `possible_ts`, unless it is within a day of the time of its event.

    Args:
        event: the event.
        extensions: the registry that has the names; the default registry where it is None.
    """
    return _line(event, DEFAULT if extensions is None else extensions)


def _line(event: Event, registry: Registry) -> bytes:
    c = event.c
    written = " ".join(parameter_texts(event, registry))
    line = (
        f"{time_text(event.ts)} {c.uid or '-'} {address(c.orig_h, c.orig_p)} > {address(c.resp_h, c.resp_p)} "
        f"{event.name} {written}"
    )
    return on_one_line(line.rstrip()).encode()


def text_lines(events: Iterable[Event], *, extensions: Registry | None = None) -> bytes:
    """Several events as `text_line` prints them, each with the end of its line."""
    registry = DEFAULT if extensions is None else extensions
    return b"".join([_line(event, registry) + b"\n" for event in events])
