"""Messages in which something is wrong."""

from __future__ import annotations

from .streams import record


def in_records(message: bytes) -> bytes:
    return b"".join(
        record("handshake", message[at : at + 2**14]) for at in range(0, len(message), 2**14)
    )
