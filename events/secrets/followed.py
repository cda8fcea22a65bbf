"""A file that others write while it is read.

What may live here: what has been added to it since it was last looked at. What its bytes mean is for others.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator

__all__ = ["BEGINS_AGAIN", "Followed"]

_PIECE = 2**20  # so many bytes are read at once
_HEAD = 64  # so many of its first bytes are remembered, by which it is known again

BEGINS_AGAIN = b""
"""Stands for it that what comes next is the beginning of a file."""


class Followed:
    """A file that grows, is emptied, rewritten, or replaced by another of its name.

    Args:
        path: its path.

    Attributes:
        over: whether nothing more can come, as of a pipe that has been read to its end.
    """

    __slots__ = ("_head", "_identity", "_modified", "_position", "over", "path")

    def __init__(self, path: str) -> None:
        self.path = path
        self.over = False
        self._identity: tuple[int, int] | None = None
        self._position = 0
        self._modified = 0
        self._head = b""

    def read_on(self) -> Iterator[bytes]:
        """What has come since: bytes, and `BEGINS_AGAIN` in front of those of another file, or of the same from its
        beginning.

        Raises:
            OSError: it cannot be read now; it may be later.
        """
        if self.over:
            return
        status = os.stat(self.path)
        if not stat.S_ISREG(status.st_mode):
            yield from self._read_pipe(status)
            return
        identity = (status.st_dev, status.st_ino)
        same_size = identity == self._identity and status.st_size == self._position
        if same_size and status.st_mtime_ns == self._modified:
            return
        descriptor = _open(self.path)
        try:
            head = os.read(descriptor, _HEAD)
            goes_on = (
                identity == self._identity
                and status.st_size > self._position
                and head.startswith(self._head[: self._position])
            )
            if not goes_on:
                yield BEGINS_AGAIN
                self._position = 0
            self._identity, self._modified, self._head = identity, status.st_mtime_ns, head
            os.lseek(descriptor, self._position, os.SEEK_SET)
            while piece := os.read(descriptor, _PIECE):
                self._position += len(piece)
                yield piece
        finally:
            os.close(descriptor)

    def _read_pipe(self, status: os.stat_result) -> Iterator[bytes]:
        """Read what is not a file of the disk, once."""
        if self._identity is not None:
            self.over = True
            raise OSError(errno.ESPIPE, "it is no file any more", self.path)
        descriptor = _open(self.path)
        self.over = True
        some = False
        try:
            os.set_blocking(descriptor, True)
            while piece := os.read(descriptor, _PIECE):
                some = True
                yield piece
        finally:
            os.close(descriptor)
        if not some:
            raise OSError(errno.EPIPE, "nobody writes into this pipe", self.path)


def _open(path: str) -> int:
    """Open it, without waiting for somebody who writes into a pipe."""
    descriptor = os.open(
        path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    )
    if stat.S_ISDIR(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    return descriptor
