"""Files that are written whole, or not at all.

What may live here: that, for the commands of this package and of others.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from typing import IO

__all__ = ["replaced", "same_file"]


@contextlib.contextmanager
def replaced(path: str) -> Iterator[IO[str]]:
    """A file to write text to, which takes the place of another once all of it has been written.

    Args:
        path: where it is to be. What is there and is no file, such as a pipe, is written to as it is.

    Raises:
        OSError: it cannot be written. What was there stays.
    """
    if not path:
        raise FileNotFoundError(2, os.strerror(2), path)
    if os.path.exists(path) and not os.path.isfile(path):
        with open(path, "w", encoding="utf-8") as there:
            yield there
        return
    target = os.path.realpath(path)  # of a link, what it leads to
    folder, name = os.path.split(target)
    try:
        descriptor, beside = tempfile.mkstemp(prefix=f".{name[:100]}.", dir=folder, text=True)
    except OSError as error:
        error.filename = path
        raise
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            yield file
        os.chmod(beside, _mode(target))
        os.replace(beside, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(beside)
        raise


def _mode(path: str) -> int:
    """The permissions of a file; where there is none yet, those of a new one."""
    with contextlib.suppress(OSError):
        return os.stat(path).st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def same_file(path: str, others: Iterable[str]) -> str | None:
    """The one of some files that a path leads to, whatever it is called; None where it is none of them."""
    for other in others:
        with contextlib.suppress(OSError):
            if os.path.samefile(path, other):
                return other
    return None
