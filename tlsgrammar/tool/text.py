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


# A line of a dump, as xxd, hexdump -C, od -A x -t x1, tcpdump -x and Wireshark print it: the offset, the bytes, and what
# they are as text. The offset alone might be bytes; so it has a colon, many digits or much room behind it.
_DUMPED = re.compile(r"\s*(?:0x)?([0-9a-fA-F]{4,8}(?=:|\s\s|\s*$)|[0-9a-fA-F]{6,8}):?(?:\s+(.*))?")
_GROUP = re.compile(r"[ \t]{0,2}((?:[0-9a-fA-F]{2})+)(?![0-9a-zA-Z])")
_LINE = 16


def _bytes_of_dump(text: str) -> bytes | None:
    """The bytes of a dump with an offset before each line; None where the text is something else.

    The trap: what stands to the right as text may look like bytes. The offset of the next line says how many there
    are; a last line has no more than the others.
    """
    found = [(_DUMPED.fullmatch(line), line.strip()) for line in text.splitlines() if line.strip()]
    data = b""
    size, again = _LINE, False
    for index, (line, written) in enumerate(found):
        if written == "*" and data:
            again = True  # the line before it, once more and once more
            continue
        if line is None:
            return None
        offset = int(line[1], 16)
        if again:
            while len(data) < offset:
                data += data[-size:]
            again = False
        if offset != len(data):
            return None
        following = next((f for f, _ in found[index + 1 :] if f is not None), None)
        if following is not None and found[index + 1][1] != "*":
            size = int(following[1], 16) - offset
        data += _bytes_of_line(line[2] or "", size)
    return data or None


def _bytes_of_line(text: str, count: int) -> bytes:
    """The first bytes of a line, so many at most: up to a wide gap, or to what is not hexadecimal."""
    data, at = b"", 0
    while len(data) < count:
        group = _GROUP.match(text, at)
        if group is None:
            break
        data += bytes.fromhex(group[1])
        at = group.end()
    return data[:count]


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
        raise Problem(f"an odd number of hexadecimal digits: {len(digits)}")
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
        text = data.decode("ascii")
    except UnicodeDecodeError:
        return data
    found = bytes_of_hex(text)
    if found is None and text.strip() and all(c.isprintable() or c.isspace() for c in text):
        line = next(line for line in text.splitlines() if line.strip())
        raise Problem(
            f"neither bytes nor hexadecimal digits, nor a dump of such: {line.strip()[:60]!r}"
        )
    return data if found is None else found
