r"""Rows as comma-separated values (RFC 4180), for spreadsheets and whatever else reads them.

    >>> from events import ConnectionRow
    >>> row = ConnectionRow(server_name="a.example", client_versions=("TLSv13", "TLSv12"))
    >>> header(ConnectionRow)[:32]
    b'ts,uid,id.orig_h,id.orig_p,id.re'
    >>> b",a.example," in lines([row]) and b",TLSv13;TLSv12," in lines([row])
    True

What may live here: that format. What is not known is empty, booleans are `true` and `false`, times are seconds since the
epoch. The items of a list stand in one field with semicolons between them; a semicolon in one of them is `\x3b`, and a
backslash `\x5c`. It is not for spreadsheets alone, so that a value which begins with `=` stays as it is.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterable
from functools import cache
from typing import TYPE_CHECKING, Any

from ..declarations import Declared
from ..meanings import SecondsSinceEpoch
from .columns import columns

if TYPE_CHECKING:
    from ..rows import Row

__all__ = ["header", "lines"]

_BOOLEANS = {True: "true", False: "false"}
_IN_LIST = str.maketrans({";": "\\x3b", "\\": "\\x5c"})


def header(kind: type[Row]) -> bytes:
    """The line with the names of the fields, which are those of Zeek's logs.

    Args:
        kind: the class of the rows.
    """
    return _lines([[column.name for column in columns(kind)]])


def lines(rows: Iterable[Row]) -> bytes:
    """The lines of rows of one class, each with its end."""
    return _lines([[write(row) for write in _writers(type(row))] for row in rows])


def _lines(table: Iterable[list[str]]) -> bytes:
    file = io.StringIO(newline="")
    # Before Python 3.13, csv does not quote a carriage return, which ends a line for whoever reads it.
    cells = [[cell.replace("\r", "\\x0d") for cell in row] for row in table]
    csv.writer(file, lineterminator="\n").writerows(cells)
    # A lone surrogate, which has no UTF-8, may stand in the name of a file.
    return file.getvalue().encode(errors="backslashreplace")


@cache
def _writers(kind: type[Row]) -> list[Callable[[Row], str]]:
    return [_writer(column.attribute, column.declared) for column in columns(kind)]


def _writer(attribute: str, declared: Declared) -> Callable[[Row], str]:
    write = _value(declared)

    def written(row: Row) -> str:
        value = getattr(row, attribute)
        return "" if value is None else write(value)

    return written


def _value(declared: Declared) -> Callable[[Any], str]:
    if isinstance(declared.meaning, SecondsSinceEpoch):
        return _time
    if declared.item is not None:
        return _list
    return _BOOLEANS.__getitem__ if declared.kind_of_some is bool else str


def _time(value: float) -> str:
    return f"{value:.6f}" if math.isfinite(value) else ""


def _list(values: Iterable[object]) -> str:
    return ";".join([str(value).translate(_IN_LIST) for value in values])
