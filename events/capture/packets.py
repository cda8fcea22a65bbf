"""What a capture is made of, and what may be wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tlsgrammar.tool.one_line import on_one_line

__all__ = ["NO_MEMORY", "Batch", "Capture", "CaptureError", "Damaged", "Packet"]

Packet = tuple[float, bytes]
"""A time, in seconds since the epoch, and a frame."""

Batch = tuple[int, list[Packet]]
"""The LINKTYPE_ value of some frames, and these packets."""


class CaptureError(Exception):
    """A capture that cannot be read, or not to its end. The message is one line, whatever the name of the file.

    Attributes:
        path: the file.
        reason: what is wrong with it, and where.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{on_one_line(path)}: {reason}")
        self.path = path
        self.reason = reason

    def __reduce__(self) -> tuple[type[CaptureError], tuple[str, str]]:
        return type(self), (self.path, self.reason)


NO_MEMORY = "there is not enough memory to read it on"
"""The reason of a `CaptureError`."""


class Damaged(Exception):
    """Bytes of a capture that cannot be read, nor what follows them.

    Attributes:
        what: they should be; a "packet", say.
        offset: where they begin, in what is captured or was decompressed.
        reason: what is wrong, to follow "the packet at offset 24".
    """

    def __init__(self, what: str, offset: int, reason: str) -> None:
        super().__init__(what, offset, reason)
        self.what = what
        self.offset = offset
        self.reason = reason


class Capture:
    """An open capture.

    Attributes:
        batches: its packets, so many at a time. Iterating over them raises CaptureError where the capture breaks off,
            after all packets that can be read.
        link_type: the LINKTYPE_ value of all its frames; None for pcapng, where each interface has its own.
        link_types: those of all interfaces that have been described so far.
        secrets: of each Decryption Secrets Block so far its secrets type and its bytes. A block stands before the packets
            that need it.
        secrets_left_out: how many such blocks are not among `secrets`, because those are many enough.
    """

    __slots__ = ("_close", "batches", "link_type", "link_types", "secrets", "secrets_left_out")

    def __init__(self, close: Callable[[], None], link_type: int | None = None) -> None:
        self.batches: Iterator[Batch] = iter(())
        self.link_type = link_type
        self.link_types: set[int] = set() if link_type is None else {link_type}
        self.secrets: list[tuple[int, bytes]] = []
        self.secrets_left_out = 0
        self._close = close

    def close(self) -> None:
        """Close the file before its end."""
        self._close()

    def __repr__(self) -> str:  # no secrets
        return f"<{type(self).__name__} with the link types {sorted(self.link_types)}>"
