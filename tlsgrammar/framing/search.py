"""Where TLS begins in a stream that begins as something else (STARTTLS, proxies).

What belongs here: the one rule by which it is found, whatever protocol stands before it.
"""

from __future__ import annotations

from ..handshake import Handshake
from ..language import GrammarError, read
from ..names import ContentType, HandshakeType
from ..versions import is_supported
from .streams import HandshakeReader, Protocol, RecordReader

__all__ = ["DEFAULT_SEARCH_LIMIT", "ClientHelloSearch"]

DEFAULT_SEARCH_LIMIT = 2**16
"""How far into a direction a ClientHello is looked for, in bytes."""


_MAXIMUM_DECOYS = 64
"""So many beginnings of one direction that look like a ClientHello's, and are none after all, end the search: each takes
time."""


class ClientHelloSearch:
    """Looks in one direction of a stream for a whole, well-formed ClientHello that begins where a segment does.

    Args:
        limit: where in the direction it begins at the latest, in bytes.

    Attributes:
        offset: how many bytes of the direction have been looked at; once it is found, where it begins.
    """

    __slots__ = ("_candidate", "_decoys", "_limit", "offset")

    def __init__(self, limit: int = DEFAULT_SEARCH_LIMIT) -> None:
        self.offset = 0
        self._limit = limit
        self._decoys = 0
        self._candidate: _Candidate | None = None

    @property
    def over(self) -> bool:
        """Whether nothing can be found any more."""
        return self._candidate is None and self.offset >= self._limit

    def feed(self, segment: bytes) -> bytes | None:
        """Take the next segment of the direction.

        Returns:
            What there is of the direction from the ClientHello on; None where it has not been found.
        """
        begin = self.offset
        self.offset += len(segment)
        candidate = self._candidate
        if candidate is None:
            if begin >= self._limit or segment[:1] != _FIRST_BYTE:
                return None
            candidate = self._candidate = _Candidate()
        verdict = candidate.feed(segment)
        while verdict is False:
            candidate = self._candidate = self._next_candidate(candidate)
            if candidate is None:
                return None
            verdict = candidate.judge(bytes(candidate.data))
        if verdict is None:
            return None
        self.offset -= len(candidate.data)
        return bytes(candidate.data)

    def _next_candidate(self, last: _Candidate) -> _Candidate | None:
        """What begins with the next segment that has been taken; None where no such may be a ClientHello."""
        if last.is_decoy:
            self._decoys += 1
            if self._decoys >= _MAXIMUM_DECOYS:
                self._limit = 0
        begin = self.offset - len(last.data)
        for at in last.begins[1:]:
            head = last.data[at : at + _ENOUGH]
            if begin + at < self._limit and _may_begin_client_hello(head):
                return last.rest(at)
        return None

    def gap(self, length: int) -> None:
        """Take note of bytes that are missing from the direction."""
        self._candidate = None
        self.offset += length


class _Candidate:
    """Bytes that may be a ClientHello, in one record or several.

    Attributes:
        data: they.
        begins: where segments begin in them.
        is_decoy: whether they look like a ClientHello so far; where they are none, that took time.
    """

    __slots__ = ("_messages", "_records", "begins", "data", "is_decoy")

    def __init__(self) -> None:
        self.data = bytearray()
        self.begins: list[int] = []
        self.is_decoy = False
        self._records = RecordReader(Protocol.TLS)
        self._messages = HandshakeReader()

    def rest(self, at: int) -> _Candidate:
        """What begins with one of its segments, not judged yet."""
        rest = _Candidate()
        rest.data = self.data[at:]
        rest.begins = [begin - at for begin in self.begins if begin >= at]
        return rest

    def feed(self, segment: bytes) -> bool | None:
        """Take the next segment; whether they are a ClientHello, None where more bytes are needed to tell."""
        self.begins.append(len(self.data))
        self.data += segment
        return self.judge(segment)

    def judge(self, new: bytes) -> bool | None:
        """Whether they are a ClientHello.

        Args:
            new: those of the bytes that have not been judged before.
        """
        if not _may_begin_client_hello(self.data[:_ENOUGH]):
            return False
        self.is_decoy = len(self.data) >= _ENOUGH
        self._records.feed(new)
        try:
            while (record := self._records.next()) is not None:
                if record.type != ContentType.handshake or not record.fragment:
                    return False
                self._messages.feed(record.fragment, record.fragment_offset)
                if self._messages.begins_hello() is False:
                    return False
                message = self._messages.next()
                if message is not None:
                    return _is_client_hello(message.data)
        except GrammarError:
            return False
        return None


_FIRST_BYTE = bytes([ContentType.handshake])

# As many bytes as tell. Of a record's header the type and the first half of the version, and of a message's the type.
_ENOUGH = 6
_BEGINNING = ((0, ContentType.handshake), (1, 3), (5, HandshakeType.client_hello))


def _may_begin_client_hello(head: bytearray) -> bool:
    """Whether the first bytes of a direction may be those of a record with a ClientHello."""
    return all(head[at] == byte for at, byte in _BEGINNING if at < len(head))


def _is_client_hello(data: bytes) -> bool:
    value, defects = read(Handshake, data)
    if value is None or any(defect.ends_early for defect in defects) or value["body"] is None:
        return False
    return value["msg_type"] == HandshakeType.client_hello and is_supported(
        value["body"]["legacy_version"]
    )
