"""The traces of RFC 8448, from `rfc8448.txt`: records as they were on the wire, traffic secrets, and their keys.

Each record in that file authenticates with the keys there, and each secret follows from the private keys of the RFC and
from the messages; so that no byte is mistyped.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from events.testing.captures import Chunk

_CLIENT_RANDOM = slice(11, 43)  # of the record of a ClientHello


class TrafficSecret(NamedTuple):
    """A traffic secret, and what is expanded from it."""

    label: str
    secret: bytes
    key: bytes
    iv: bytes


class Trace(NamedTuple):
    """A trace.

    Attributes:
        title: of its section.
        secrets: its traffic secrets.
        records: the records, each with whether the client sends it.
    """

    title: str
    secrets: list[TrafficSecret]
    records: list[Chunk]

    @property
    def key_log(self) -> list[str]:
        """The lines that an endpoint would have written down."""
        client_random = self.records[0][1][_CLIENT_RANDOM]
        return [f"{each.label} {client_random.hex()} {each.secret.hex()}" for each in self.secrets]


def _read() -> dict[int, Trace]:
    traces: dict[int, Trace] = {}
    text = Path(__file__).with_name("rfc8448.txt").read_text()
    for part in text.split("\n\n"):
        # What a line is about stands in front of what is indented below it.
        head, *lines = part.replace("\n  ", " ").splitlines()
        section, title = head.split(" ", 1)
        trace = traces[int(section)] = Trace(title, [], [])
        for about, *values in map(str.split, lines):
            if about in ("client", "server"):
                trace.records.append((about == "client", bytes.fromhex("".join(values))))
            else:
                trace.secrets.append(TrafficSecret(about, *map(bytes.fromhex, values)))
    return traces


TRACES = _read()
"""By the section that each is in."""
