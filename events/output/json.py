"""Events as JSON lines, for programs.

What may live here: how a value is written in JSON. What it means is said by the declaration of its event.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Set
from functools import lru_cache, partial
from typing import Any

import msgspec

from tlsgrammar.registry import DEFAULT, Registry

from ..declarations import NOTHING, Declared, declared_fields, has_names, named_items, parameters
from ..meanings import SecondsSinceEpoch, Text
from ..model import Connection, Event
from .digits import MANY_BITS

__all__ = ["json_line", "json_lines", "json_of"]

_BYTES = (bytes, bytearray, memoryview)
_LISTS = (list, tuple, Set)

_encode = msgspec.json.Encoder().encode


def _json(value: Any) -> str:
    try:
        return _encode(value).decode()
    except ValueError:
        return _encode(_written_out(value)).decode()


def _written_out(value: Any) -> Any:
    """The same, with integers that have more digits than Python writes as hexadecimal."""
    if type(value) is int:
        return value if value.bit_length() <= MANY_BITS else f"{value:#x}"
    if isinstance(value, list):
        return [_written_out(item) for item in value]
    if isinstance(value, dict):
        return {name: _written_out(item) for name, item in value.items()}
    return value


def _plain(declared: Declared, value: Any) -> Any:
    """A value in the types of JSON, whatever it is."""
    kind: type = type(value)
    if value is None or kind is int or kind is bool or kind is float:
        return value
    # The types that are met all the time come before those that are looked for by their base classes.
    if kind is bytes or isinstance(value, _BYTES):
        text = declared.meaning.words(value) if isinstance(declared.meaning, Text) else None
        return value.hex() if text is None else text
    if kind is list or isinstance(value, _LISTS):
        of_items = declared.of_items
        return [_plain(of_items, item) for item in value]
    if isinstance(value, msgspec.Struct):
        fields = declared_fields(kind).items()
        return {name: _plain(of, getattr(value, name)) for name, of in fields}
    if isinstance(value, str):
        # A lone surrogate has no UTF-8.
        return str.encode(value, errors="backslashreplace").decode()
    if has_names(value):
        return {name: _plain(of, item) for name, item, of in named_items(value, declared)}
    if isinstance(value, int | float):
        return int(value) if isinstance(value, int) else float(value)
    try:
        return _plain(declared, msgspec.to_builtins(value, builtin_types=_BYTES))
    except TypeError:  # msgspec does not know its type
        return _plain(declared, str(value))


def json_of(value: Any, declared: Declared) -> str:
    """A value of any type as JSON, as it stands in the line of its event.

    Args:
        value: the value.
        declared: what is declared of it.
    """
    return _json(_plain(declared, value))


def _json_list(value: Any) -> str:
    """A list that is declared to have integers only, as it nearly always has."""
    line = _json(value)
    return _json(_plain(NOTHING, value)) if '"' in line else line


def _json_texts(text: Text, value: Any) -> str:
    """A list that is declared to have bytes only, which are text."""
    words = [text.words(item) for item in value]
    return _json(words if None not in words else _plain(Declared(meaning=text), value))


@lru_cache(maxsize=1024)
def _of_connection(c: Connection) -> str:
    """The part of a line that all events of a connection share."""
    parameters = {
        "uid": c.uid,
        "proto": c.proto,
        "id.orig_h": c.orig_h,
        "id.orig_p": c.orig_p,
        "id.resp_h": c.resp_h,
        "id.resp_p": c.resp_p,
    }
    try:
        return _json(parameters)[1:-1]
    except UnicodeEncodeError:  # a lone surrogate in a name that a caller gave
        return _json(_plain(NOTHING, parameters))[1:-1]


_BOOLEANS = {True: "true", False: "false"}

# How a value is written that is declared as of a type, as a part of an f-string: much faster than to look at each
# value.
_WRITTEN: dict[type, str] = {
    int: "{event.%s:d}",
    bool: "{BOOLEANS[event.%s]}",
    bytes: '"{event.%s.hex()}"',
}


def _written(declared: Declared) -> str | None:
    """How a value is written by what is declared of it; None where it has to be looked at."""
    if isinstance(declared.meaning, Text):
        return None
    if declared.kind is list and declared.item is not None and declared.item.kind is int:
        return "{json_list(event.%s)}"
    return _WRITTEN.get(declared.kind)


_LineFunction = Callable[[Event, str], str]


def _line_function(kind: type[Event], names: Registry | None = None) -> _LineFunction:
    """A function that writes an event of a class behind what is the same for several; with a registry, the name of each
    number beside it.
    """
    line = "{head}{name}"
    known: dict[str, Any] = {
        "BOOLEANS": _BOOLEANS,
        "json": _json,
        "json_list": _json_list,
        "name": _json(kind.name),
    }
    for field, declared in parameters(kind):
        written = _written(declared)
        text = declared.of_items.meaning
        if declared.kind is list and isinstance(text, Text):
            known[f"texts_{field}"] = partial(_json_texts, text)
            written = f"{{texts_{field}(event.%s)}}"
        if written is None:
            known[f"plain_{field}"] = partial(_plain, declared)
            written = f"{{json(plain_{field}(event.%s))}}"
        line += f',"{field}":{written % field}'
        if names is not None and _has_words(declared):
            known[f"words_{field}"] = partial(_words, declared, registry=names)
            line += f',"{field}_name":{{json(words_{field}(event.{field}))}}'
    source = f"lambda event, head: f{line + '}}'!r}"
    function: _LineFunction = eval(source, known)
    return function


class _LineFunctions(dict[type[Event], _LineFunction]):
    """The functions, by class; each is made when it is needed."""

    def __init__(self, names: Registry | None) -> None:
        self._names = names

    def __missing__(self, kind: type[Event]) -> _LineFunction:
        function = self[kind] = _line_function(kind, self._names)
        return function


_functions_with = lru_cache(maxsize=16)(_LineFunctions)


def _has_words(declared: Declared) -> bool:
    """Whether a value, or the items of a list, have names: not times, and not what is text already."""
    meaning = declared.of_items.meaning
    return meaning is not None and not isinstance(meaning, Text | SecondsSinceEpoch)


def _words(declared: Declared, value: Any, *, registry: Registry) -> Any:
    """The name of a number, or those of a list of them."""
    if isinstance(value, _LISTS):
        return [_words(declared.of_items, item, registry=registry) for item in value]
    return None if declared.meaning is None else declared.meaning.words(value, registry)


# Events come in groups of the same connection and time: those of the last one, what stands for the connection,
# and what stands for both.
_last_head: tuple[Connection | None, float | None, str, str] = (None, None, "", "")


def json_line(
    event: Event,
    *,
    names: bool = False,
    file: str | None = None,
    extensions: Registry | None = None,
) -> bytes:
    r"""An event as a JSON object, without the end of the line.

    Its keys are `ts` (seconds since the epoch), `uid`, `proto`, `id.orig_h`, `id.orig_p`, `id.resp_h`,
    `id.resp_p`, `event`, and the documented parameters. Numbers are numbers. Bytes are lowercase hexadecimal, at any
    depth; those that are declared as `Text` (`names` and `protocols` of the library's events) are text, with `\\` for
    a backslash and `\xNN` for what is not printable ASCII. Structures and mappings are objects. What JSON has no
    number for is `null` (NaN and the infinities), or hexadecimal (integers of thousands of digits).

    Args:
        event: the event.
        names: whether the name of each number stands beside it, as `version_name` beside `version`.
        file: the capture that it comes from, which becomes the key `file`; left out where it is None.
        extensions: the registry that has the names; the default registry where it is None.
    """
    return json_lines((event,), names=names, file=file, extensions=extensions)[:-1]


def json_lines(
    events: Iterable[Event],
    *,
    names: bool = False,
    file: str | None = None,
    extensions: Registry | None = None,
) -> bytes:
    """Several events as `json_line` prints them, each with the end of its line; faster than one by one."""
    global _last_head
    c, ts, of_connection, head = _last_head
    of_file = "" if file is None else f'"file":{_json(_plain(NOTHING, file))},'
    if of_file:
        c = None  # a head of its own
    registry = None if not names else DEFAULT if extensions is None else extensions
    functions = _functions_with(registry)
    lines = []
    for event in events:
        if event.c is not c or event.ts != ts:
            if event.c is not c:
                c = event.c
                of_connection = _of_connection(c)
            ts = event.ts
            head = f'{{"ts":{_json(ts)},{of_connection},{of_file}"event":'
        try:
            lines.append(functions[type(event)](event, head))
        except (AttributeError, KeyError, TypeError, ValueError):
            lines.append(_any_line(event, head))
    if not of_file:
        _last_head = (c, ts, of_connection, head)
    lines.append("")
    return "\n".join(lines).encode()


def _any_line(event: Event, head: str) -> str:
    """The line of an event with a value that is not of the type that its class declares."""
    rest = {
        field: _plain(declared, getattr(event, field))
        for field, declared in parameters(type(event))
    }
    return head + _json(event.name) + ("," + _json(rest)[1:] if rest else "}")
