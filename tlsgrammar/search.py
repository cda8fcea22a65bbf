"""Where TLS begins in a stream that begins as something else (STARTTLS, proxies).

What belongs here: the one rule by which it is found, whatever protocol stands before it.
"""

from __future__ import annotations

from .api import read
from .errors import GrammarError
from .framing import HandshakeReader, Protocol, RecordReader
from .handshake import Handshake
from .names import ContentType, HandshakeType
from .versions import is_supported

__all__ = ["DEFAULT_SEARCH_LIMIT", "ClientHelloSearch"]

DEFAULT_SEARCH_LIMIT = 2**16
"""How far into a direction a ClientHello is looked for, in bytes."""


_MAXIMUM_DECOYS = 64
"""So many messages of one direction that are whole, and no ClientHello after all, end the search: each takes time."""


class ClientHelloSearch:
    """Looks in one direction of a stream for a whole, well-formed ClientHello that begins where a segment does.

    Args:
        limit: where in the direction it begins at the latest, in bytes.

    Attributes:
        offset: how many bytes of the direction have been looked at; once it is found, where it begins.
    """

    __slots__ = ("_begins", "_candidate", "_data", "_decoys", "_limit", "offset")

    def __init__(self, limit: int = DEFAULT_SEARCH_LIMIT) -> None:
        self.offset = 0
        self._limit = limit
        self._decoys = 0
        # What may be the ClientHello, its bytes, and where segments begin in them.
        self._candidate: _Candidate | None = None
        self._data = bytearray()
        self._begins: list[int] = []

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
        if self._candidate is None:
            if begin >= self._limit or segment[:1] != _FIRST_BYTE:
                return None
            self._candidate = _Candidate()
        self._begins.append(len(self._data))
        self._data += segment
        verdict = self._candidate.feed(segment)
        while verdict is False:
            rest = self._next_candidate()
            if rest is None:
                return None
            verdict = self._candidate.feed(rest)
        if verdict is None:
            return None
        found = bytes(self._data)
        self.offset -= len(found)
        return found

    def _next_candidate(self) -> bytes | None:
        """Go on with the next segment that has been taken; its bytes and those after it, None without one."""
        assert self._candidate is not None
        if self._candidate.is_decoy:
            self._decoys += 1
            if self._decoys >= _MAXIMUM_DECOYS:
                self._limit = 0
        begin = self.offset - len(self._data)
        for at in self._begins[1:]:
            if begin + at < self._limit and self._data[at] == ContentType.handshake:
                self._begins = [each - at for each in self._begins if each >= at]
                del self._data[:at]
                self._candidate = _Candidate()
                return bytes(self._data)
        self._drop()
        return None

    def _drop(self) -> None:
        self._candidate = None
        self._data = bytearray()
        self._begins = []

    def gap(self, length: int) -> None:
        """Take note of bytes that are missing from the direction."""
        self._drop()
        self.offset += length


class _Candidate:
    """Bytes that may be a ClientHello, in one record or several.

    Attributes:
        is_decoy: whether they are a whole message, but no ClientHello.
    """

    __slots__ = ("_head", "_messages", "_records", "is_decoy")

    def __init__(self) -> None:
        self.is_decoy = False
        self._head = b""
        self._records = RecordReader(Protocol.TLS)
        self._messages = HandshakeReader()

    def feed(self, data: bytes) -> bool | None:
        """Whether it is one; None where more bytes are needed to tell."""
        self._head += data[: _ENOUGH - len(self._head)]
        if not _may_begin_client_hello(self._head):
            return False
        self._records.feed(data)
        try:
            while (record := self._records.next()) is not None:
                if record.type != ContentType.handshake or not record.fragment:
                    return False
                self._messages.feed(record.fragment, record.fragment_offset)
                if self._messages.begins_hello() is False:
                    return False
                message = self._messages.next()
                if message is not None:
                    self.is_decoy = not _is_client_hello(message.data)
                    return not self.is_decoy
        except GrammarError:
            return False
        return None


_FIRST_BYTE = bytes([ContentType.handshake])

# As much of a direction as has a record's header and a message's.
_ENOUGH = 9
_BEGINNING = (ContentType.handshake, 3, None, None, None, HandshakeType.client_hello)


def _may_begin_client_hello(head: bytes) -> bool:
    """Whether the first bytes of a direction may be those of a record with a ClientHello."""
    return all(
        wanted is None or byte == wanted for byte, wanted in zip(head, _BEGINNING, strict=False)
    )


def _is_client_hello(data: bytes) -> bool:
    value, defects = read(Handshake, data)
    if value is None or any(defect.ends_early for defect in defects) or value["body"] is None:
        return False
    return value["msg_type"] == HandshakeType.client_hello and is_supported(
        value["body"]["legacy_version"]
    )
