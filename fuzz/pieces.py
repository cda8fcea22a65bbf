"""Inputs of several pieces, as the bytes of one file of the corpus.

A file begins with a line for people. Behind it stands each piece: what kind it is of, in a byte; its length, in three; and its
bytes. What is too short is a piece all the same: any file is an input.
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["Piece", "join", "split"]

Piece = tuple[int, bytes]
"""What kind it is of, which each target says; and its bytes."""

_LONGEST = 2**24 - 1


def join(what: str, pieces: Iterable[Piece]) -> bytes:
    """The bytes of a file.

    Args:
        what: the first line, for people.
        pieces: what stands behind it.
    """
    parts = [what.replace("\n", " ").encode(errors="replace"), b"\n"]
    for kind, data in pieces:
        data = data[:_LONGEST]
        parts += (bytes([kind]), len(data).to_bytes(3, "big"), data)
    return b"".join(parts)


def split(data: bytes) -> tuple[str, list[Piece]]:
    """The first line of a file, and the pieces behind it."""
    line, _, rest = data.partition(b"\n")
    pieces: list[Piece] = []
    at = 0
    while at < len(rest):
        end = at + 4 + int.from_bytes(rest[at + 1 : at + 4], "big")
        pieces.append((rest[at], rest[at + 4 : end]))
        at = end
    return line.decode("utf-8", "replace"), pieces
