"""The secrets of a capture that several processes share.

What may live here: what a process knows of others' connections, and would have to. There are two such things: a session may
be resumed by a connection of another process than the one that remembers it; and where very many connections wait for their
secrets, the first of all of them gives way. Each process tells of both, and whoever puts together what they give sees
whether it would have been the same in one.
"""

from __future__ import annotations

from collections.abc import Iterable

from .keylog import KeyLog, Waiting, session_digest

__all__ = ["SharedKeyLog"]


class SharedKeyLog(KeyLog):
    """The secrets of the connections that one process has of a capture.

    Args:
        also, name, on_error: as of `KeyLog`.

    Attributes:
        remembered: the digests of the sessions that have been remembered; whoever has told of them clears it.
        missed: those of the sessions that were asked for and not remembered here, likewise.
        waits: how many have begun to wait for their secrets.
    """

    def __init__(self, source: Iterable[str] = (), **others: object) -> None:
        super().__init__(source, **others)  # type: ignore[arg-type]
        self.remembered: list[bytes] = []
        self.missed: list[bytes] = []
        self.waits = 0
        self._generation = 0

    @property
    def came_late(self) -> bool:
        """Whether there are secrets that came when somebody waited."""
        return self.waits > 0 and self.generation != self._generation

    def remember(self, session: bytes, client_random: bytes) -> None:
        """See `KeyLog`."""
        super().remember(session, client_random)
        if session:
            self.remembered.append(session_digest(session))

    def resumed(self, session: bytes) -> bytes | None:
        """See `KeyLog`."""
        found = super().resumed(session)
        if found is None and session:
            self.missed.append(session_digest(session))
        return found

    def may_wait(self, waiting: Waiting) -> None:
        """See `KeyLog`."""
        if not self.waits:
            self._generation = self.generation
        self.waits += 1
        super().may_wait(waiting)
