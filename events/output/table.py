"""Rows of connections as a table for people.

What may live here: columns, and how they fit into a terminal. The text of rows is ASCII, or cut like it, so that a
character is as wide as another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from tlsgrammar.tool.one_line import on_one_line

from ..model import address
from ..rows.model import ConnectionRow
from ..rows.weak import weaknesses
from .colors import RED, painted

__all__ = ["Table"]

_FIRST = 500  # so many rows are looked at for the widths of columns
_GAP = "  "
_LEAST = 6  # so narrow is a column at least
_PORT = 6  # so many characters are a colon and a port


class _Column(NamedTuple):
    """A column.

    Attributes:
        title: its name.
        text: what stands in it.
        least: how wide it is at least, where it has to give way.
        wide: whether it is there only where nothing is cut.
        gives_way: which one it is of those that are left out of a terminal that is too narrow; 0 where it is not.
        ends_matter: whether it is cut in the middle, because what stands at its end tells more.
    """

    title: str
    text: Callable[[ConnectionRow], str]
    least: int
    wide: bool = False
    gives_way: int = 0
    ends_matter: bool = False


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    try:
        time = datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return str(seconds)
    return f"{time:%Y-%m-%d %H:%M:%S}"


def _notes(row: ConnectionRow) -> str:
    """What somebody should know: what is weak, and what went wrong."""
    notes = weaknesses(row)
    if not row.established:
        notes.append("not established")
    if row.last_alert not in (None, "close_notify"):
        notes.append(f"alert {row.last_alert}")
    if row.sni_matches_cert is False:
        notes.append("certificate for another name")
    if row.violations:
        notes.append(f"{row.violations} violation{'s' if row.violations > 1 else ''}")
    if row.resumed:
        notes.append("resumed")
    return ", ".join(notes)


_WHOLE = 10**6  # wider than any text

_COLUMNS = (
    _Column("TIME", lambda row: _time(row.ts), 19, wide=True),
    _Column("UID", lambda row: row.uid or "-", 17, wide=True),
    _Column("CLIENT", lambda row: address(row.orig_h, row.orig_p), 21, ends_matter=True),
    _Column(
        "SERVER", lambda row: address(row.resp_h, row.resp_p), 21, gives_way=3, ends_matter=True
    ),
    _Column("SERVER NAME", lambda row: row.server_name or "-", 16),
    _Column("VERSION", lambda row: row.version or "-", _WHOLE),
    _Column("CIPHER", lambda row: row.cipher or "-", 16),
    _Column("GROUP", lambda row: row.curve or "-", 9, gives_way=1),
    _Column("ALPN", lambda row: row.next_protocol or "-", 4, gives_way=2),
    _Column("JA4", lambda row: row.ja4 or "-", 36, wide=True),
    _Column("HISTORY", lambda row: row.ssl_history or "-", 7, wide=True),
    _Column("SUBJECT", lambda row: row.subject or "-", 20, wide=True),
    _Column("EXPIRES", lambda row: _time(row.not_valid_after), 19, wide=True),
    _Column("NOTES", _notes, 12),
)


# In the place of both SERVER and SERVER NAME.
_EITHER = _Column(
    "SERVER", lambda row: row.server_name or address(row.resp_h, row.resp_p), 16, ends_matter=True
)


def _that_fit(limit: int | None) -> list[_Column]:
    """The columns of a terminal of some width."""
    columns = [column for column in _COLUMNS if not column.wide]
    if limit is None:
        return columns
    for column in sorted((each for each in columns if each.gives_way), key=lambda x: x.gives_way):
        if sum([_least(each) + len(_GAP) for each in columns]) - len(_GAP) <= limit:
            break
        at = columns.index(column)
        columns.remove(column)
        if column.title == "SERVER":
            columns[at] = _EITHER
    return columns


def _least(column: _Column) -> int:
    return column.least if column.least < _WHOLE else len("TLSv13")


class Table:
    """Makes the lines of a table of rows. The first rows are waited for: the columns are as wide as they need.

    Args:
        width: of the terminal, in characters; None where nothing has to be cut.
        wide: whether there are more columns, and nothing is cut.
        color: whether a connection with a weakness is in red.
    """

    def __init__(self, *, width: int | None, wide: bool = False, color: bool = False) -> None:
        self._limit = None if wide else width
        self._columns = list(_COLUMNS) if wide else _that_fit(width)
        self._color = color
        self._widths: list[int] | None = None
        self._first: list[ConnectionRow] = []

    def take(self, row: ConnectionRow, *, at_once: bool = False) -> bytes:
        """Take a row.

        Args:
            row: the row.
            at_once: whether not even the first rows are waited for.

        Returns:
            The lines that can be printed now.
        """
        if self._widths is not None:
            return self._line_of(row, self._cells(row))
        self._first.append(row)
        return self.end() if at_once or len(self._first) >= _FIRST else b""

    def end(self) -> bytes:
        """The lines that have waited; the heading, where there is no row at all."""
        if self._widths is not None:
            return b""
        cells = [self._cells(row) for row in self._first]
        self._widths = _widths(self._columns, cells, self._limit)
        titles = [column.title for column in self._columns]
        heading = _line(self._columns, titles, self._widths, self._limit)
        rows = zip(self._first, cells, strict=True)
        return heading + b"".join([self._line_of(row, of) for row, of in rows])

    def _cells(self, row: ConnectionRow) -> list[str]:
        return [on_one_line(column.text(row)) for column in self._columns]

    def _line_of(self, row: ConnectionRow, cells: Sequence[str]) -> bytes:
        assert self._widths is not None
        color = RED if self._color and weaknesses(row) else ""
        return _line(self._columns, cells, self._widths, self._limit, color)


def _widths(
    columns: Sequence[_Column], cells: Sequence[Sequence[str]], limit: int | None
) -> list[int]:
    """How wide the columns are: as what stands in them, or less where the terminal is narrow."""
    several = len(cells) > 1  # of one row nothing can be learnt about those that follow
    widths = [
        max(0 if several else _least(column), len(column.title), *(len(of[at]) for of in cells))
        for at, column in enumerate(columns)
    ]
    if limit is None:
        return widths
    # The widest beyond its least gives way, the last one before the others; if that is not enough, whichever is widest.
    leasts = [min(width, column.least) for width, column in zip(widths, columns, strict=True)]
    too_much = sum(widths) + len(_GAP) * (len(widths) - 1) - limit
    while too_much > 0:
        spare = [width - least for width, least in zip(widths, leasts, strict=True)]
        at = len(spare) - 1 if spare[-1] > 0 else spare.index(max(spare))
        if spare[at] <= 0:
            at = widths.index(max(widths))
            if widths[at] <= _LEAST:
                break
        widths[at] -= 1
        leasts[at] = min(leasts[at], widths[at])
        too_much -= 1
    return widths


def _line(
    columns: Sequence[_Column],
    cells: Sequence[str],
    widths: Sequence[int],
    limit: int | None,
    color: str = "",
) -> bytes:
    if limit is not None:
        cells = [_cut(*each) for each in zip(cells, widths, columns, strict=True)]
    padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=True)]
    return f"{painted(_GAP.join(padded).rstrip(), color)}\n".encode(errors="backslashreplace")


def _cut(text: str, width: int, column: _Column) -> str:
    if len(text) <= width:
        return text
    end = min(_PORT, width // 2) if column.ends_matter else 0
    return f"{text[: width - 1 - end]}…{text[len(text) - end :]}"
