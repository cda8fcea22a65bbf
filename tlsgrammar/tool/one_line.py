"""Text that stays on its line, and can be seen."""

from __future__ import annotations

__all__ = ["on_one_line"]


def on_one_line(text: str) -> str:
    """Text with escapes for control characters, and whatever else would break a line or cannot be seen. Lone surrogates
    that stand for bytes, such as a file name may have that is not UTF-8, are escaped as these bytes.
    """
    if text.isprintable():
        return text
    return "".join([x if x.isprintable() else _escaped(x) for x in text])


def _escaped(character: str) -> str:
    if "\udc80" <= character <= "\udcff":
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")
