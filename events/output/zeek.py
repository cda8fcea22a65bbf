r"""Rows as Zeek writes its logs: lines of fields with tabs between them, behind a header that says what they are.

    >>> from datetime import datetime
    >>> from events import ConnectionRow
    >>> row = ConnectionRow(ts=1.5, orig_h="192.0.2.1", server_name="a.example", established=True)
    >>> log = header(ConnectionRow, datetime(2026, 1, 2)) + lines([row]) + end(datetime(2026, 1, 3))
    >>> [line.split("\t")[:4] for line in log.decode().splitlines()[4:-1]]
    ... # doctest: +NORMALIZE_WHITESPACE
    [['#path', 'ssl'], ['#open', '2026-01-02-00-00-00'], ['#fields', 'ts', 'uid', 'id.orig_h'],
     ['#types', 'time', 'string', 'addr'], ['1.500000', '-', '192.0.2.1', '-']]

What may live here: that format. The columns follow from the declarations of the rows; tables say what those do not.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from ..declarations import Declared
from ..meanings import SecondsSinceEpoch, Text
from .columns import columns

if TYPE_CHECKING:
    from ..rows import Row

__all__ = ["end", "header", "lines"]

_UNSET = b"-"
_EMPTY = b"(empty)"

# Zeek's types of what is just text or a number here, and vectors of them.
_TYPES = {
    "orig_h": "addr",
    "orig_p": "port",
    "resp_h": "addr",
    "resp_p": "port",
    "proto": "enum",
    "san_ip": "vector[addr]",
}

_TYPES_OF_KINDS: dict[type, str] = {bool: "bool", int: "count", float: "double"}

# In Zeek, a list is unset where nothing is in it. But of the two chains both are set where either is.
_SET_WITH = {
    "cert_chain_fps": "client_cert_chain_fps",
    "client_cert_chain_fps": "cert_chain_fps",
}

# The rows have `(empty)` here for a connection id without bytes; it cannot be an id itself, which is hexadecimal.
_SAY_EMPTY = frozenset({"client_scid", "server_scid"})


# The header


def header(kind: type[Row], opened: datetime) -> bytes:
    """The header of a log.

    Args:
        kind: the class of its rows.
        opened: when it was opened; as it is, in whatever time zone it has.
    """
    names = [column.name for column in columns(kind)]
    types = [_type(column.attribute, column.declared) for column in columns(kind)]
    parts = [
        ("#set_separator", ","),
        ("#empty_field", _EMPTY.decode()),
        ("#unset_field", _UNSET.decode()),
        ("#path", kind.log),
        ("#open", _moment(opened)),
        ("#fields", *names),
        ("#types", *types),
    ]
    # The separator itself comes behind a space, because nobody knows it yet.
    return "".join(["#separator \\x09\n", *("\t".join(part) + "\n" for part in parts)]).encode()


def end(closed: datetime) -> bytes:
    """The last line of a log.

    Args:
        closed: when it was closed; as it is, in whatever time zone it has.
    """
    return f"#close\t{_moment(closed)}\n".encode()


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d-%H-%M-%S}"


def _type(attribute: str, declared: Declared) -> str:
    of_attribute = _TYPES.get(attribute)
    if of_attribute is not None:
        return of_attribute
    if isinstance(declared.meaning, SecondsSinceEpoch):
        return "time"
    if declared.item is not None:
        return f"vector[{_type('', declared.item)}]"
    return _TYPES_OF_KINDS.get(declared.kind_of_some, "string")


# The lines


def lines(rows: Iterable[Row]) -> bytes:
    """The lines of rows of one class, each with its end."""
    return b"".join([_line(row) for row in rows])


def _line(row: Row) -> bytes:
    return b"\t".join([write(row) for write in _writers(type(row))]) + b"\n"


@cache
def _writers(kind: type[Row]) -> list[Callable[[Row], bytes]]:
    return [_writer(column.attribute, column.declared) for column in columns(kind)]


def _writer(attribute: str, declared: Declared) -> Callable[[Row], bytes]:
    """A function that writes a field."""
    if declared.item is not None:
        other = _SET_WITH.get(attribute, attribute)
        item = partial(_text, escaped=_IN_VECTOR)
        return lambda row: _vector(getattr(row, attribute), getattr(row, other), item)
    write = _WRITERS.get(_type(attribute, declared), _text)
    if attribute in _SAY_EMPTY:
        write = _text_or_empty
    if isinstance(declared.meaning, Text):
        write = _words

    def written(row: Row) -> bytes:
        value = getattr(row, attribute)
        return _UNSET if value is None else write(value)

    return written


def _number(value: int) -> bytes:
    return b"%d" % value


def _bool(value: bool) -> bytes:
    return b"T" if value else b"F"


def _time(value: float) -> bytes:
    return b"%.6f" % value if math.isfinite(value) else _UNSET


def _double(value: float) -> bytes:
    return repr(value).encode()


_WRITERS: dict[str, Callable[[Any], bytes]] = {
    "bool": _bool,
    "count": _number,
    "double": _double,
    "port": _number,
    "time": _time,
}


def _vector(
    values: tuple[Any, ...], others: tuple[Any, ...], write: Callable[[Any], bytes]
) -> bytes:
    if not values:
        return _EMPTY if others else _UNSET
    return b",".join([write(value) for value in values])


# Of what is printable, Zeek escapes only the backslash. We escape the quotation mark and the number sign too: zat reads
# logs with pandas, which takes the one for the begin of a field that goes on over tabs and lines, and the other for the
# begin of a comment, so that the name of a server could hide the rows behind it. Whoever unescapes sees no difference.
_PLAIN = re.compile(rb'[^\x20-\x7e]|[\\"#]')
_IN_VECTOR = re.compile(rb'[^\x20-\x7e]|[\\"#,]')

_HEXADECIMAL = [b"\\x%02x" % byte for byte in range(256)]


def _escape(found: re.Match[bytes]) -> bytes:
    return _HEXADECIMAL[found[0][0]]


def _text(value: str | bytes, escaped: re.Pattern[bytes] = _PLAIN) -> bytes:
    data = value if isinstance(value, bytes) else _utf8(value)
    if not data:
        return _EMPTY
    if data in (_UNSET, _EMPTY):  # it is just called so
        return _HEXADECIMAL[data[0]] + data[1:]
    return escaped.sub(_escape, data)


def _utf8(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")  # the name of a file may be any bytes
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def _text_or_empty(value: str) -> bytes:
    return value.encode() if value == _EMPTY.decode() else _text(value)


_ESCAPE_OF_TEXT = re.compile(rb"\\(?:\\|x([0-9a-f]{2}))")


def _unescape(found: re.Match[bytes]) -> bytes:
    return bytes.fromhex(found[1].decode()) if found[1] else b"\\"


def _words(value: str) -> bytes:
    """What `Text` has escaped, which is escaped once only, as in Zeek."""
    return _text(_ESCAPE_OF_TEXT.sub(_unescape, _utf8(value)))
