"""Where the next record begins in one direction of a stream, after bytes that are missing.

What may live here: which places may be it. Whether one is, only whoever has the keys can tell.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ..language.compiler import fields
from ..record import RecordHeader

__all__ = ["Candidate", "RecordSearch"]

_record_header = fields(RecordHeader)
_RECORD_HEADER_SIZE = RecordHeader.sizeof()
# A content type, a version, and a length of at most 2^14 + 2048 (RFC 5246 section 6.2.3).
_MAY_BEGIN = re.compile(rb"[\x14-\x19]\x03[\x00-\x03][\x00-\x48]", re.DOTALL)
_MAXIMUM_LENGTH = 2**14 + 2048
# So much in front of a record may be asked for.
_BEFORE = 64


class Candidate(NamedTuple):
    """What may be a record.

    Attributes:
        type, version, fragment: of it.
        offset: where its fragment stands in the direction.
        before: the last bytes in front of it, as many as there are.
    """

    type: int
    version: int
    fragment: bytes
    offset: int
    before: bytes


class RecordSearch:
    """Looks for whole records in bytes that may begin in the middle of one.

    Places that look like a header are rare in what is encrypted. So they are tried one after the other; nothing is lost
    while the one that is being waited for turns out to be none.

    Args:
        offset: where in the direction the first byte stands that is fed.

    Attributes:
        candidates: how many there have been.
        waits: whether the rest of a record may come. Once that is unset, a place whose record is not whole is passed over.
    """

    __slots__ = ("_at", "_base", "_data", "candidates", "waits")

    def __init__(self, offset: int) -> None:
        self._data = bytearray()
        self._base = offset
        self._at = 0  # where the next place to look at is
        self.candidates = 0
        self.waits = True

    @property
    def arrived(self) -> int:
        """How many bytes of the direction have come."""
        return self._base + len(self._data)

    @property
    def held(self) -> int:
        """How many bytes of memory are held, about."""
        return len(self._data)

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the direction."""
        done = max(0, self._at - _BEFORE)
        del self._data[:done]
        self._base += done
        self._at -= done
        self._data += data

    def gap(self, length: int) -> None:
        """Take note of bytes that are missing."""
        self._base = self.arrived + length
        self._data.clear()
        self._at = 0

    def next(self) -> Candidate | None:
        """The next whole one; None where it has not arrived."""
        data = self._data
        while True:
            found = _MAY_BEGIN.search(data, self._at)
            if found is None:
                self._at = max(self._at, len(data) - 3)  # the rest of a header may come
                return None
            at = self._at = found.start()
            if len(data) - at < _RECORD_HEADER_SIZE:
                return None  # and no other follows
            content_type, version, length = _record_header(data, at)
            if not length or length > _MAXIMUM_LENGTH:
                self._at += 1
                continue
            begin = at + _RECORD_HEADER_SIZE
            if len(data) - begin < length:
                if self.waits:
                    return None
                self._at += 1
                continue
            self._at += 1
            self.candidates += 1
            return Candidate(
                content_type,
                version,
                bytes(data[begin : begin + length]),
                self._base + begin,
                bytes(data[max(0, at - _BEFORE) : at]),
            )

    def rest(self, candidate: Candidate) -> bytes:
        """What has come behind a candidate."""
        return bytes(self._data[candidate.offset + len(candidate.fragment) - self._base :])
