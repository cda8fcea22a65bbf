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


# A line of a dump as xxd, hexdump -C, tcpdump -X and Wireshark print it: the offset, the bytes, and what they are as text.
_DUMPED = re.compile(
    # The offset alone might be bytes; so it has a colon, many digits or much room behind it.
    r"\s*(?:0x)?([0-9a-fA-F]{4,8}(?=:|\s\s)|[0-9a-fA-F]{6,8}):?\s+"
    r"((?:[0-9a-fA-F]{2}[ \t]{0,2})+)(?:[ \t]{2}.*|[|>].*)?"
)


def _bytes_of_dump(text: str) -> bytes | None:
    """The bytes of a dump with an offset before each line; None where the text is something else."""
    data = b""
    for line in filter(str.strip, text.splitlines()):
        found = _DUMPED.fullmatch(line)
        if found is None or int(found[1], 16) != len(data):
            if data and line.strip().lower().lstrip("0") == f"{len(data):x}":
                break  # hexdump and od end with the offset of the end
            return None
        data += bytes.fromhex(found[2])
    return data or None


def bytes_of_hex(text: str) -> bytes | None:
    """The bytes that hexadecimal digits stand for, or a dump of such; None where the text is something else.

    Raises:
        Problem: there is a digit too many.
    """
    dumped = _bytes_of_dump(text)
    if dumped is not None:
        return dumped
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
