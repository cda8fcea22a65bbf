"""What the commands read and print."""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

__all__ = ["Problem", "bytes_from", "bytes_of_hex", "meant", "table"]


class Problem(Exception):
    """Something the user got wrong, or that is wrong with the bytes; one line each.

    Attributes:
        lines: they.
    """

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


def meant(kind: str, name: str, known: Iterable[str]) -> Problem:
    """The problem that there is nothing of a name, with what may be meant."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=3)
    hint = f"did you mean {' or '.join(close)}?" if close else "there are: " + ", ".join(known)
    return Problem(f"no {kind} is named {name!r}; {hint}")


def table(rows: Sequence[Sequence[str]]) -> Iterable[str]:
    """Rows with their columns under each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


# What stands between digits, or before them: `16 03`, `16:03`, `0x16, 0x03`, `\x16\x03`.
_BETWEEN = re.compile(r"\\x|\b0x|[\s:,]+")


def bytes_of_hex(text: str) -> bytes | None:
    """The bytes that hexadecimal digits stand for; None where the text is something else.

    Raises:
        Problem: there is a digit too many.
    """
    digits = _BETWEEN.sub("", text)
    if not digits or re.search(r"[^0-9a-fA-F]", digits):
        return None
    if len(digits) % 2:
        raise Problem(f"{len(digits)} hexadecimal digits: that is half a byte too many")
    return bytes.fromhex(digits)


def bytes_from(source: str) -> bytes:
    """The bytes of a source: hexadecimal digits; or a file, or `-` for standard input, with those or with the bytes.

    Raises:
        Problem: it is neither.
    """
    found = bytes_of_hex(source)
    if found is not None:
        return found
    try:
        data = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    except (OSError, ValueError) as error:
        shown = repr(source) if len(source) <= 60 else f"{source[:60]!r}..."
        reason = getattr(error, "strerror", None) or str(error)
        raise Problem(f"{shown} is neither hexadecimal nor a file: {reason}") from None
    try:
        return bytes_of_hex(data.decode("ascii")) or data
    except UnicodeDecodeError:
        return data
