"""What all events have in common, and whom they are about.

What may live here: the class of all events, and that of a connection.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from ..dataclass_fields import FIELDS, DataclassFields
from ..shown import shown

__all__ = ["Connection", "Event", "address"]


class Connection(msgspec.Struct, frozen=True, gc=False):
    """Who talks to whom. All are None where the bytes come from no network.

    Attributes:
        uid: a name for the connection, the same in every run over the same capture.
        proto: `tcp` or `udp`.
        orig_h, orig_p: address and port of the originator, the side that opened the connection.
        resp_h, resp_p: address and port of the responder.
        start_time: of its first packet, in seconds since the epoch.
    """

    __dataclass_fields__: ClassVar[DataclassFields] = FIELDS
    uid: str | None = None
    proto: str | None = None
    orig_h: str | None = None
    orig_p: int | None = None
    resp_h: str | None = None
    resp_p: int | None = None
    start_time: float | None = None

    def __repr__(self) -> str:
        return f"Connection({', '.join(str(x) for x in (self.ends, self.proto, self.uid) if x)})"

    @property
    def ends(self) -> str:
        """Both sides, as `192.0.2.1:49152 > 198.51.100.2:443`; empty where neither is known."""
        if self.orig_h is None and self.resp_h is None:
            return ""
        return f"{address(self.orig_h, self.orig_p)} > {address(self.resp_h, self.resp_p)}"


def address(host: str | None, port: int | None) -> str:
    """An address and port for people; `-` where it is not known."""
    if host is None:
        return "-"
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


# Events are no concern of the garbage collector (gc=False): nothing in them refers back to them.
class _Timed(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    __dataclass_fields__: ClassVar[DataclassFields] = FIELDS
    ts: float | None = None


class Event(_Timed, frozen=True):
    """What all events have in common: the connection `c`, their first parameter, and a time.

    Attributes:
        name: the documented name (of the class).
        c: the connection.
        ts: when the data that completed it arrived, in seconds since the epoch; None where the bytes
            came without times.
    """

    name: ClassVar[str] = ""
    c: Connection

    def __repr__(self) -> str:
        c, ts = self.c, self.ts
        ends = (c.ends or c.uid or "") if isinstance(c, Connection) else repr(c)
        return shown(self, ts="" if ts is None else repr(ts), c=ends)
