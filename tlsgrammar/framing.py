"""Where records and handshake messages begin and end in the bytes of one direction of a stream.

What belongs here: cutting bytes that arrive in any pieces into whole records, and the handshake data
of records into whole messages; and recognising what a stream is by its first bytes. What the cut
pieces mean is for others.
"""

from __future__ import annotations

import enum
from bisect import bisect_right
from collections.abc import Callable
from typing import NamedTuple

from . import sslv2
from .compiler import compiled, layout
from .errors import GrammarError
from .handshake import HandshakeHeader
from .names import ContentType, HandshakeType
from .record import RecordHeader
from .versions import SSL20, SSL30, TLS12

__all__ = [
    "HandshakeMessage",
    "HandshakeReader",
    "Protocol",
    "Record",
    "RecordReader",
    "client_or_server",
    "recognise",
    "recognise_after_client_hello",
]

MAXIMUM_HANDSHAKE_LENGTH = 2**20
"""A handshake message that claims more bytes than this is not waited for."""

_RECORD_HEADER_SIZE = RecordHeader.sizeof()
_HANDSHAKE_HEADER_SIZE = HandshakeHeader.sizeof()
_record_header = layout(RecordHeader).unpack_from
_handshake_header = compiled(HandshakeHeader)
_APPLICATION_DATA = ContentType.application_data.value


class Protocol(enum.Enum):
    """What the first bytes of a direction are."""

    TLS = "SSL 3.0 to TLS 1.3"
    SSLV2 = "SSL 2.0"
    OTHER = "neither"


def recognise(head: bytes | bytearray, *, is_orig: bool, peer: Protocol | None) -> Protocol | None:
    """What a direction is by its first bytes; None where more are needed.

    Args:
        head: the first bytes.
        is_orig: whether it is the originator's direction.
        peer: what the other direction has been recognised as, if it has.
    """
    if not head:
        return None
    high_bit = head[0] & 0x80
    sslv2_types = (sslv2.CLIENT_HELLO,) if is_orig else (sslv2.SERVER_HELLO, sslv2.ERROR)
    may_be_sslv2 = bool(high_bit) and (is_orig or peer is Protocol.SSLV2)
    may_be_tls = 20 <= head[0] <= 30 or peer is Protocol.TLS
    if not may_be_tls and not may_be_sslv2:
        return Protocol.OTHER
    if len(head) < 3:
        return None
    if may_be_tls and SSL30 <= int.from_bytes(head[1:3], "big") <= TLS12:
        return Protocol.TLS
    if may_be_sslv2 and head[2] in sslv2_types:
        return Protocol.SSLV2
    return Protocol.OTHER


def recognise_after_client_hello(
    head: bytes | bytearray, *, peer: Protocol | None
) -> Protocol | None:
    """What the originator speaks after a CLIENT-HELLO in SSL 2.0 framing, which may have offered SSL 3.0
    or TLS; None where more bytes are needed.

    Args:
        head: the bytes after the CLIENT-HELLO.
        peer: what the other direction has been recognised as, if it has.
    """
    if peer is not None:
        return peer
    if len(head) < 3:
        return None
    if recognise(head, is_orig=True, peer=None) is Protocol.TLS:
        return Protocol.TLS
    return Protocol.SSLV2


_SENT_BY_CLIENT = {
    HandshakeType.client_hello,
    HandshakeType.client_key_exchange,
    HandshakeType.certificate_verify,
}
_SENT_BY_SERVER = {
    HandshakeType.hello_request,
    HandshakeType.server_hello,
    HandshakeType.new_session_ticket,
    HandshakeType.server_key_exchange,
    HandshakeType.certificate_request,
    HandshakeType.server_hello_done,
    HandshakeType.certificate_status,
}


def client_or_server(head: bytes | bytearray) -> bool | None:
    """Whether a direction with these first bytes is the TLS client's (True) or the server's (False);
    None where they do not tell.
    """
    size = _RECORD_HEADER_SIZE + 1
    if len(head) >= size and head[0] & 0x80:
        return {sslv2.CLIENT_HELLO: True, sslv2.SERVER_HELLO: False}.get(head[2])
    if len(head) < size or recognise(head, is_orig=True, peer=None) is not Protocol.TLS:
        return None
    if head[0] != ContentType.handshake:
        return None
    msg_type = head[size - 1]
    if msg_type in _SENT_BY_CLIENT:
        return True
    return False if msg_type in _SENT_BY_SERVER else None


class Record(NamedTuple):
    """One record.

    Attributes:
        type: its content type; 0 in SSL 2.0, which has none.
        version: the version in its header.
        length: of its fragment, in bytes.
        fragment: its content; None where that was passed over.
        offset: where it begins, in bytes from the start of the direction.
        fragment_offset: where its fragment begins, likewise.
    """

    type: int
    version: int
    length: int
    fragment: bytes | None
    offset: int
    fragment_offset: int


# A header: the type, version and length of a record, and the header's own size.
_Header = tuple[int, int, int, int]


def _tls_header(data: bytes | bytearray, at: int, offset: int) -> _Header | None:
    if len(data) - at < _RECORD_HEADER_SIZE:
        return None
    content_type, version, length = _record_header(data, at)
    if not SSL30 <= version <= TLS12:
        raise GrammarError(
            f"not a TLS record: its version is 0x{version:04x}",
            offset + 1,
            "TLSPlaintext.legacy_record_version",
        )
    return content_type, version, length, _RECORD_HEADER_SIZE


def _sslv2_header(data: bytes | bytearray, at: int, offset: int) -> _Header | None:
    """Two bytes, the first with its high bit set, and 15 bits of length; or three, with 14 bits of length and
    a byte of padding length ("The SSL Protocol", 1995, "SSL Record Header Format").
    """
    size = 2 if at < len(data) and data[at] & 0x80 else 3
    if len(data) - at < size:
        return None
    length = (data[at] << 8 | data[at + 1]) & (0x7FFF if size == 2 else 0x3FFF)
    return 0, SSL20, length, size


class RecordReader:
    """The records of one direction of a stream, from bytes that are cut in any way.

    Attributes:
        offset: how many bytes have been taken, in bytes from the start of the direction.
        pass_over: whether the fragments of the records that follow are of no interest: encrypted.
            Those of application_data records never are.
    """

    __slots__ = ("_at", "_data", "_header", "_missing", "_read_header", "offset", "pass_over")

    def __init__(self, protocol: Protocol, offset: int = 0) -> None:
        self.offset = offset
        self.pass_over = False
        self._read_header: Callable[[bytes | bytearray, int, int], _Header | None] = (
            _sslv2_header if protocol is Protocol.SSLV2 else _tls_header
        )
        # What has arrived, and how much of it has been taken.
        self._data: bytes | bytearray = b""
        self._at = 0
        # The header of the record that has been begun, and what is missing of a fragment that is passed over.
        self._header: _Header | None = None
        self._missing = 0

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the direction."""
        if self._at == len(self._data):
            if len(data) < self._missing:
                self._missing -= len(data)
                self.offset += len(data)
                return
            self._data = data
        else:
            # Only a bytearray grows without being copied.
            if not isinstance(self._data, bytearray):
                self._data = bytearray(self._data)
            del self._data[: self._at]
            self._data += data
        self._at = 0

    def next(self) -> Record | None:
        """The next record, None where it has not arrived whole.

        Raises:
            GrammarError: the bytes that should be a record's header are not.
        """
        header = self._header
        if header is None:
            header = self._read_header(self._data, self._at, self.offset)
            if header is None:
                return None
            self._header = header
            self._take(header[3])
            if self.pass_over or header[0] == _APPLICATION_DATA:
                self._missing = header[2]
        content_type, version, length, size = header
        left = len(self._data) - self._at
        fragment = None
        if self._missing or self.pass_over or content_type == _APPLICATION_DATA:
            taken = min(self._missing, left)
            self._missing -= taken
            self._take(taken)
            if self._missing:
                return None
        else:
            if left < length:
                return None
            fragment = bytes(self._data[self._at : self._at + length])
            self._take(length)
        self._header = None
        fragment_offset = self.offset - length
        return Record(
            content_type, version, length, fragment, fragment_offset - size, fragment_offset
        )

    def _take(self, count: int) -> None:
        self._at += count
        self.offset += count

    def gap(self, length: int) -> bool:
        """Take note of bytes that are missing from the direction.

        Returns:
            Whether reading can go on after them: they lie within a fragment that is passed over.
        """
        if self._missing < length:
            return False
        self._missing -= length
        self.offset += length
        return True

    def rest(self) -> bytes:
        """The bytes that have arrived after the last record, which are taken away."""
        rest = bytes(self._data[self._at :])
        self._data, self._at = b"", 0
        return rest

    @property
    def pending(self) -> str:
        """What the direction has begun and not finished, in words; empty where that is nothing."""
        if self._header is not None:
            return "a record"
        return "a record's header" if self._at < len(self._data) else ""


class HandshakeMessage(NamedTuple):
    """One handshake message, header and body.

    Attributes:
        data: its bytes.
        spans: where its bytes stood: pairs of a position in `data` and the offset in the direction of
            the bytes from there on.
    """

    data: bytes
    spans: list[tuple[int, int]]

    def offset(self, position: int) -> int:
        """The offset in the direction of a byte of the message."""
        start, offset = self.spans[bisect_right(self.spans, (position, 2**63)) - 1]
        return offset + position - start


class HandshakeReader:
    """The handshake messages of one direction, from the fragments of its handshake records."""

    __slots__ = ("_buffer", "_length", "_spans")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._spans: list[tuple[int, int]] = []
        self._length: int | None = None

    def feed(self, fragment: bytes, offset: int) -> None:
        """Take the fragment of a handshake record, which stands at `offset` in the direction."""
        self._spans.append((len(self._buffer), offset))
        self._buffer += fragment

    @property
    def pending(self) -> int:
        """How many bytes have been taken of the next message."""
        return len(self._buffer)

    def begins_hello(self, fragment: bytes = b"") -> bool | None:
        """Whether what has been taken begins with a ClientHello or ServerHello, and is hardly an encrypted
        message that happens to look so; None where more of its first bytes are needed to tell.

        Args:
            fragment: what may be taken next.
        """
        head = self._buffer[:_HANDSHAKE_HEADER_SIZE] + fragment[:_HANDSHAKE_HEADER_SIZE]
        if not head:
            return None
        if head[0] not in (HandshakeType.client_hello, HandshakeType.server_hello):
            return False
        if len(head) < _HANDSHAKE_HEADER_SIZE:
            return None
        length: int = _handshake_header(head, 0, _HANDSHAKE_HEADER_SIZE, 0, None)[0]["length"]
        return length < 2**16

    def next(self) -> HandshakeMessage | None:
        """The next message, None where it has not arrived whole.

        Raises:
            GrammarError: the message claims to be longer than is sensible.
        """
        if self._length is None:
            if len(self._buffer) < _HANDSHAKE_HEADER_SIZE:
                return None
            header = _handshake_header(self._buffer, 0, _HANDSHAKE_HEADER_SIZE, 0, None)[0]
            if header["length"] > MAXIMUM_HANDSHAKE_LENGTH:
                raise GrammarError(
                    f"a message of {header['length']} bytes, more than the "
                    f"{MAXIMUM_HANDSHAKE_LENGTH} that are waited for",
                    self._spans[0][1] + 1,
                    "Handshake.length",
                )
            self._length = _HANDSHAKE_HEADER_SIZE + header["length"]
        if len(self._buffer) < self._length:
            return None
        size, self._length = self._length, None
        message = HandshakeMessage(bytes(self._buffer[:size]), self._spans)
        del self._buffer[:size]
        self._spans = []
        if self._buffer:
            rest = bisect_right(message.spans, (size, 2**63)) - 1
            self._spans = [(0, message.offset(size))]
            self._spans += [(start - size, at) for start, at in message.spans[rest + 1 :]]
        return message

    def drop(self) -> None:
        """Forget what has been taken of the next message."""
        self._buffer.clear()
        self._spans = []
        self._length = None
