"""The bytes of a file or pipe, as they come.

What may live here: reading, and nothing about what is read. A live pipe is not kept waiting: whatever has arrived is
given out.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Callable

__all__ = ["PIECE", "START", "File", "Read", "SourceError", "filled"]

PIECE = 2**16
"""So many bytes are read at a time: they hold enough packets that each step of the work stays in the processor's cache for
a while, and few enough that what the step before has made is still there."""

START = 6
"""So many bytes tell what a file is: the longest that any begins with is that of xz."""

Read = Callable[[], bytes]
"""Gives the bytes that come next: some, as soon as there are any; none at the end. Raises SourceError."""


class SourceError(Exception):
    """Nothing more can be read. The message says why."""


class File:
    """A file, open; `-` is standard input.

    Attributes:
        is_regular: whether it is a file proper, and no pipe, terminal or the like.

    Raises:
        SourceError: it cannot be opened.
    """

    def __init__(self, name: str) -> None:
        try:
            # A pipe that is opened for reading waits here for whoever writes into it.
            self._raw = io.FileIO(0, closefd=False) if name == "-" else io.FileIO(name)
            self._at_first = os.fstat(self._raw.fileno())
        except IsADirectoryError:
            raise SourceError("is a directory") from None
        except OSError as error:
            raise SourceError(error.strerror or str(error)) from None
        except ValueError as error:  # a zero byte in the name
            raise SourceError(str(error)) from None
        self.is_regular = stat.S_ISREG(self._at_first.st_mode)
        self._progress: Callable[[int], None] | None = None
        self._count = 0

    def read(self) -> bytes:
        """The bytes that come next; see `Read`."""
        try:
            piece = self._raw.read(PIECE)
            while piece is None:  # a pipe that whoever made it has told not to wait
                import select

                select.select([self._raw], [], [])
                piece = self._raw.read(PIECE)
        except IsADirectoryError:
            raise SourceError("is a directory") from None
        except OSError as error:
            raise SourceError(error.strerror or str(error)) from None
        if not piece:
            self.must_be_whole()
        self._count += len(piece)
        if self._progress is not None:
            self._progress(len(piece))
        return piece

    def report(self, progress: Callable[[int], None] | None) -> None:
        """Have `progress` called with the number of bytes that were read: so far, and each time."""
        self._progress = progress
        if progress is not None:
            progress(self._count)

    def rewind(self) -> None:
        """Go back to the beginning of a regular file."""
        self._raw.seek(0)

    def must_be_whole(self) -> None:
        """That a file has not been cut since it was opened.

        Raises:
            SourceError: it has been.
        """
        if self.is_regular:
            size = os.fstat(self._raw.fileno()).st_size
            if size < self._at_first.st_size:
                raise SourceError(
                    f"the file was cut to {size} of its {self._at_first.st_size} bytes while it was read"
                )

    def close(self) -> None:
        """Close it, but not standard input."""
        self._raw.close()


def filled(read: Read, rest: bytes, needed: int) -> bytes:
    """What has been read and not used, with what comes next; at least so many bytes, unless they end before.

    Raises:
        SourceError: so many cannot be read.
    """
    pieces = [rest]
    size = len(rest)
    while piece := read():
        pieces.append(piece)
        size += len(piece)
        if size >= needed:
            break
    return b"".join(pieces)
