"""What was ever found: a folder for each target, a file for each input.

What may live here: where the files are, and what they are called. The name is that of the contents, so that what is found
twice is kept once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

__all__ = ["FOLDER", "add", "files"]

FOLDER = Path(__file__).parent / "corpus"


def add(target: str, data: bytes, folder: Path = FOLDER) -> Path:
    """Keep an input, and say where."""
    place = folder / target
    place.mkdir(parents=True, exist_ok=True)
    path = place / hashlib.sha256(data).hexdigest()[:16]
    path.write_bytes(data)
    return path


def files(target: str, folder: Path = FOLDER) -> Iterator[Path]:
    """The inputs that were kept for a target, in a fixed order."""
    yield from sorted((folder / target).glob("*"))
