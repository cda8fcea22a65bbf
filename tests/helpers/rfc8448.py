"""The handshake messages of RFC 8448, as they are before they are encrypted: `data/rfc8448.txt`.

`tests/secrets` holds them against the records of that document, and its Finished messages against them.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

_FILE = Path(__file__).parents[1] / "data" / "rfc8448.txt"


class Message(NamedTuple):
    """A handshake message.

    Attributes:
        is_client: whether the client sends it.
        name: of its type.
        data: its bytes, with its header.
    """

    is_client: bool
    name: str
    data: bytes


def _read() -> dict[int, list[Message]]:
    sections = {}
    for part in _FILE.read_text().split("\n\n"):
        # What a line is about stands in front of what is indented below it.
        head, *lines = part.replace("\n  ", " ").splitlines()
        sections[int(head.split()[0])] = [
            Message(who == "client", name, bytes.fromhex("".join(data)))
            for who, name, *data in map(str.split, lines)
        ]
    return sections


MESSAGES = _read()
"""By the section that they are in: those that are not encrypted, then the others, each in their order."""
