"""Events that say what an analyzer could not do. They are not Zeek's SSL/TLS events, though it has events of these names.

What may live here: one class for each.
"""

from __future__ import annotations

from typing import ClassVar

from .connection import Connection, Event

__all__ = ["OWN", "ProtocolViolation", "ReporterError"]


class ProtocolViolation(Event, frozen=True):
    """Data that could not be read, or that no peer should have sent. Of defects of one kind in a message (the same path and
    reason, but for the numbers in them) there are two reports at most: the first, and how many more there are.

    Attributes:
        is_orig: whether it is in the originator's direction.
        offset: where, in bytes from the start of the direction.
        path: where in the grammar, such as `ClientHello.extensions[3].body`; empty where it is in no
            structure.
        reason: what is wrong, in words.
    """

    name: ClassVar[str] = "protocol_violation"
    c: Connection
    is_orig: bool
    offset: int
    path: str
    reason: str


class ReporterError(Event, frozen=True):
    """A function that raises events has raised an exception instead, or what was parsed could not be walked.

    Attributes:
        message: the name of the function, and the exception.
        location: the file and the line in the function.
    """

    name: ClassVar[str] = "reporter_error"
    c: Connection
    message: str
    location: str


OWN: tuple[type[Event], ...] = (ProtocolViolation, ReporterError)
"""They: raised unless other events are asked for by name."""
