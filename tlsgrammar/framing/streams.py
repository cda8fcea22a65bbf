"""Where records and handshake messages begin and end in the bytes of one direction of a stream.

What belongs here: cutting bytes that arrive in any pieces into whole records, and the handshake data
of records into whole messages; and recognising what a stream is by its first bytes. What the cut
pieces mean is for others.
"""

from __future__ import annotations

import enum
from array import array
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import NamedTuple

from .. import sslv2
from ..handshake import HandshakeHeader
from ..language import GrammarError
from ..language.api import NO_PARAMETERS, parse_at
from ..language.compiler import fields
from ..names import ContentType, HandshakeType
from ..record import RecordHeader, RecordStart
from ..versions import SSL20, SSL30, TLS12

__all__ = [
    "DEFAULT_SEARCH_LIMIT",
    "ENOUGH_TO_TELL",
    "MAXIMUM_HANDSHAKE_LENGTH",
    "SENT_BY_SERVER",
    "HandshakeMessage",
    "HandshakeReader",
    "Protocol",
    "Record",
    "RecordReader",
    "begins_hello",
    "client_or_server",
    "recognise",
    "recognise_after_client_hello",
    "sole_message",
]

MAXIMUM_HANDSHAKE_LENGTH = 2**20
"""A handshake message that claims more bytes than this is not waited for."""

DEFAULT_SEARCH_LIMIT = 2**16
"""How far into a direction that does not begin as TLS a ClientHello is looked for, in bytes."""

_RECORD_HEADER_SIZE = RecordHeader.sizeof()
_HANDSHAKE_HEADER_SIZE = HandshakeHeader.sizeof()
_RECORD_START_SIZE = RecordStart.sizeof()
_record_start = fields(RecordStart)
_record_header = fields(RecordHeader)
_sslv2_start = fields(sslv2.RecordStart)
_handshake_header = fields(HandshakeHeader)
_APPLICATION_DATA = ContentType.application_data.value
_HELLOS = (HandshakeType.client_hello.value, HandshakeType.server_hello.value)


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
    may_be_tls = 20 <= head[0] <= 30 or peer is Protocol.TLS
    may_be_sslv2 = sslv2.may_begin_message(head[0]) and (is_orig or peer is Protocol.SSLV2)
    if not may_be_tls and not may_be_sslv2:
        return Protocol.OTHER
    if len(head) < _RECORD_START_SIZE:
        return None
    if may_be_tls:
        _, version = _record_start(head, 0)
        if SSL30 <= version <= TLS12:
            return Protocol.TLS
    if may_be_sslv2:
        _, msg_type = _sslv2_start(head, 0)
        if msg_type in (_SSLV2_FROM_CLIENT if is_orig else _SSLV2_FROM_SERVER):
            return Protocol.SSLV2
    return Protocol.OTHER


_SSLV2_FROM_CLIENT = (sslv2.CLIENT_HELLO,)
_SSLV2_FROM_SERVER = (sslv2.SERVER_HELLO, sslv2.ERROR)


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
    if len(head) < _RECORD_START_SIZE:
        return None
    if recognise(head, is_orig=True, peer=None) is Protocol.TLS:
        return Protocol.TLS
    return Protocol.SSLV2


_SENT_BY_CLIENT = {
    HandshakeType.client_hello,
    HandshakeType.client_key_exchange,
    HandshakeType.certificate_verify,
}
SENT_BY_SERVER = {
    HandshakeType.hello_request,
    HandshakeType.server_hello,
    HandshakeType.new_session_ticket,
    HandshakeType.server_key_exchange,
    HandshakeType.certificate_request,
    HandshakeType.server_hello_done,
    HandshakeType.certificate_status,
}
"""The messages that only servers send."""


ENOUGH_TO_TELL = _RECORD_HEADER_SIZE + 1
"""So many bytes of a direction tell whether it is the client's or the server's, where they do at all."""


def client_or_server(head: bytes | bytearray) -> bool | None:
    """Whether a direction with these first bytes is the TLS client's (True) or the server's (False);
    None where they do not tell.
    """
    if len(head) < ENOUGH_TO_TELL:
        return None
    if sslv2.may_begin_message(head[0]):
        _, msg_type = _sslv2_start(head, 0)
        return {sslv2.CLIENT_HELLO: True, sslv2.SERVER_HELLO: False}.get(msg_type)
    if recognise(head, is_orig=True, peer=None) is not Protocol.TLS:
        return None
    if head[0] != ContentType.handshake:
        return None
    msg_type = head[ENOUGH_TO_TELL - 1]
    if msg_type in _SENT_BY_CLIENT:
        return True
    return False if msg_type in SENT_BY_SERVER else None


class Record(NamedTuple):
    """One record.

    Attributes:
        type: its content type; 0 in SSL 2.0, which has none.
        version: the version in its header.
        length: of its fragment, in bytes, with the padding that SSL 2.0 may add to it.
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


# What a NamedTuple does when it is called, without the call.
_tuple = tuple.__new__

_TAIL = 64

# A header: the type, version and length of a record, the header's own size, and how much of the length is padding.
_Header = tuple[int, int, int, int, int]


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
    return content_type, version, length, _RECORD_HEADER_SIZE, 0


def _sslv2_header(data: bytes | bytearray, at: int, offset: int) -> _Header | None:
    try:
        header, end = parse_at(sslv2.RecordHeader, data, at, NO_PARAMETERS)
    except GrammarError:
        return None  # any bytes are a header, if there are enough
    length, padding = header["length"], header["padding"] or 0
    if padding > length:
        raise GrammarError(
            f"{padding} bytes of padding in a record of {length}",
            offset + 2,
            "RecordHeader.padding",
        )
    return 0, SSL20, length, end - at, padding


class RecordReader:
    """The records of one direction of a stream, from bytes that are cut in any way.

    Attributes:
        pass_over: whether the fragments of the records that follow are of no interest: encrypted.
            Those of application_data records never are.
        keep: whether those fragments are wanted all the same, as `passed`: somebody may have the keys.
        passed: the fragment of the last record, where it was passed over and kept; None where it was neither, or bytes
            of it are missing.
        wants_tail: whether `tail` is wanted.
        tail: the last bytes of a fragment that has not come whole, as many as are known, up to 64.
        tail_offset: where that fragment begins in the direction.
    """

    __slots__ = (
        "_at",
        "_base",
        "_data",
        "_gapped",
        "_header",
        "_missing",
        "_read_header",
        "keep",
        "pass_over",
        "passed",
        "tail",
        "tail_offset",
        "wants_tail",
    )

    def __init__(self, protocol: Protocol, offset: int = 0) -> None:
        self.pass_over = False
        self.keep = False
        self.passed: bytes | None = None
        self.tail = b""
        self.tail_offset = -1
        self.wants_tail = False
        self._gapped = False  # whether bytes are missing of the record that has been begun
        self._read_header: Callable[[bytes | bytearray, int, int], _Header | None] = (
            _sslv2_header if protocol is Protocol.SSLV2 else _tls_header
        )
        # What has arrived, how much of it has been taken, and where in the direction it begins.
        self._data: bytes | bytearray = b""
        self._at = 0
        self._base = offset
        # The header of the record that has been begun, and what is missing of a fragment that is passed over.
        self._header: _Header | None = None
        self._missing: int | None = None

    @property
    def offset(self) -> int:
        """How many bytes have been taken, in bytes from the start of the direction; those of a record that is passed over
        are, kept or not.
        """
        header = self._header
        if header is not None and (self.pass_over or header[0] == _APPLICATION_DATA):
            return self.arrived
        return self._base + self._at

    @property
    def arrived(self) -> int:
        """How many bytes have arrived, likewise."""
        return self._base + len(self._data)

    @property
    def held(self) -> int:
        """How many bytes of memory are held, about."""
        return len(self._data)

    def feed(self, data: bytes | bytearray) -> bool:
        """Take the next bytes of the direction.

        Returns:
            Whether they may have completed a record.
        """
        if self._at == len(self._data):
            self._base += self._at
            self._at = 0
            if self._missing is not None and len(data) < self._missing:
                self._missing -= len(data)
                self._base += len(data)
                self._data = b""
                if self._gapped and self.wants_tail:
                    self.tail = bytes((self.tail + data)[-_TAIL:])
                return False
            self._data = data
            return True
        # Only a bytearray grows without being copied.
        if not isinstance(self._data, bytearray):
            self._data = bytearray(self._data)
        del self._data[: self._at]
        self._base += self._at
        self._at = 0
        self._data += data
        return True

    def next(self) -> Record | None:
        """The next record, None where it has not arrived whole.

        Raises:
            GrammarError: the bytes that should be a record's header are not.
        """
        data = self._data
        at = self._at
        header = self._header
        if header is not None:
            return self._next_in_parts(header, at)
        if at == len(data):
            self._base += at
            self._data, self._at = b"", 0  # a connection that waits keeps nothing
            return None
        header = self._read_header(data, at, self._base + at)
        if header is None:
            return None
        content_type, version, length, size, padding = header
        start = at + size
        end = start + length
        if end > len(data):
            return self._next_in_parts(header, start)
        self._at = end
        fragment = None
        if self.pass_over or content_type == _APPLICATION_DATA:
            if self.keep:
                self.passed = bytes(data[start:end])
        else:
            fragment = bytes(data[start : end - padding])
        offset = self._base + at
        return _tuple(Record, (content_type, version, length, fragment, offset, offset + size))

    def _next_in_parts(self, header: _Header, at: int) -> Record | None:
        """The next record, of which there is its header, and its fragment has not arrived whole before."""
        content_type, version, length, size, padding = header
        passed_over = self.pass_over or content_type == _APPLICATION_DATA
        if self._header is None:
            self._header = header
            self._at = at
            self.passed = None
            self.tail = b""
            if passed_over and not self.keep:
                self._missing = length
        left = len(self._data) - self._at
        fragment = None
        if self._missing is not None:
            taken = min(self._missing, left)
            self._missing -= taken
            self._at += taken
            if taken and self.wants_tail:
                last = self._data[max(self._at - min(taken, _TAIL), 0) : self._at]
                self.tail = bytes(((self.tail if self._gapped else b"") + last)[-_TAIL:])
            if self._missing:
                return None
            self._missing = None
            self._gapped = False
            if self.wants_tail:
                self.tail_offset = self._base + self._at - length
        else:
            if left < length:
                return None
            fragment = bytes(self._data[self._at : self._at + length - padding])
            self._at += length
            if passed_over:
                self.passed, fragment = fragment, None
        self._header = None
        fragment_offset = self.offset - length
        return Record(
            content_type, version, length, fragment, fragment_offset - size, fragment_offset
        )

    def gap(self, length: int) -> bool:
        """Take note of bytes that are missing from the direction.

        Returns:
            Whether reading can go on after them: they lie within a fragment that is passed over.
        """
        if self._missing is None:
            header = self._header
            if header is None or not (self.pass_over or header[0] == _APPLICATION_DATA):
                return False
            # What has been kept of it is of no use.
            missing = header[2] - (len(self._data) - self._at)
            if missing < length:
                return False
            self._base += len(self._data)
            self._data, self._at = b"", 0
            self._missing = missing
        if self._missing < length:
            return False
        self._missing -= length
        self._base += length
        self._gapped = True
        self.tail = b""
        return True

    def rest(self) -> bytes:
        """The bytes that have arrived after the last record, which are taken away."""
        rest = bytes(self._data[self._at :])
        self._base += self._at
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
        start: its position in the handshake data that it was cut from.
        positions: where pieces of those data begin, each of which stood in one place in the direction.
        offsets: where each of these pieces stood.
    """

    data: bytes
    start: int
    positions: Sequence[int]
    offsets: Sequence[int]

    def offset(self, position: int) -> int:
        """The offset in the direction of a byte of the message."""
        position += self.start
        piece = bisect_right(self.positions, position) - 1
        return self.offsets[piece] + position - self.positions[piece]


def begins_hello(head: bytes) -> bool | None:
    """Whether handshake data with these first bytes begin with a ClientHello or ServerHello, and are hardly an
    encrypted message that happens to look so; None where more bytes are needed to tell.
    """
    if not head:
        return None
    if head[0] not in _HELLOS:
        return False
    if len(head) < _HANDSHAKE_HEADER_SIZE:
        return None
    _, length = _handshake_header(head, 0)
    return length < 2**16


def sole_message(fragment: bytes, offset: int) -> HandshakeMessage | None:
    """The handshake message that is all that a record holds, as nearly all are sent; None where it holds more,
    or less.

    Args:
        fragment: the fragment of the record.
        offset: where it stands in the direction.
    """
    if len(fragment) < _HANDSHAKE_HEADER_SIZE:
        return None
    _, length = _handshake_header(fragment, 0)
    if len(fragment) != _HANDSHAKE_HEADER_SIZE + length:
        return None
    return _tuple(HandshakeMessage, (fragment, 0, _FROM_THE_START, (offset,)))


_FROM_THE_START = (0,)


class HandshakeReader:
    """The handshake messages of one direction, from the fragments of its handshake records.

    Args:
        limit: how long a message may be, in bytes; one that claims more is not waited for.
    """

    __slots__ = ("_at", "_data", "_limit", "_offsets", "_positions")

    def __init__(self, limit: int = MAXIMUM_HANDSHAKE_LENGTH) -> None:
        self._limit = limit
        # What has been taken, and how much of it has been given out.
        self._data: bytes | bytearray = b""
        self._at = 0
        # Where each fragment begins in them, and where it stood. In arrays, because fragments may be a byte long.
        self._positions: Sequence[int] = _FROM_THE_START
        self._offsets: Sequence[int] = ()

    def feed(self, fragment: bytes, offset: int) -> None:
        """Take the fragment of a handshake record, which stands at `offset` in the direction."""
        if self._at == len(self._data):
            self._data = fragment
            self._at = 0
            self._positions, self._offsets = _FROM_THE_START, (offset,)
            return
        # The messages that were given out hold on to these as they were.
        if self._at or not isinstance(self._offsets, array):
            at = self._at
            rest = bisect_right(self._positions, at)
            first = self._offsets[rest - 1] + at - self._positions[rest - 1]
            self._positions = array("I", [0, *(each - at for each in self._positions[rest:])])
            self._offsets = array("Q", [first, *self._offsets[rest:]])
            self._data = bytearray(self._data[at:])
            self._at = 0
        assert isinstance(self._positions, array)
        assert isinstance(self._data, bytearray)
        self._positions.append(len(self._data))
        self._offsets.append(offset)
        self._data += fragment

    @property
    def held(self) -> int:
        """How many bytes of memory are held, about."""
        return len(self._data) + 12 * len(self._offsets)

    @property
    def pending(self) -> int:
        """How many bytes have been taken of the next message."""
        return len(self._data) - self._at

    def begins_hello(self, fragment: bytes = b"") -> bool | None:
        """Whether what has been taken begins with a hello, as the function of that name says.

        Args:
            fragment: what may be taken next.
        """
        head = bytes(self._data[self._at : self._at + _HANDSHAKE_HEADER_SIZE])
        return begins_hello(head + fragment[:_HANDSHAKE_HEADER_SIZE])

    def next(self) -> HandshakeMessage | None:
        """The next message, None where it has not arrived whole.

        Raises:
            GrammarError: the message claims to be longer than is sensible.
        """
        data = self._data
        at = self._at
        if len(data) - at < _HANDSHAKE_HEADER_SIZE:
            return None
        _, length = _handshake_header(data, at)
        end = at + _HANDSHAKE_HEADER_SIZE + length
        if end > len(data):
            if length > self._limit:
                raise GrammarError(
                    f"a message of {length} bytes, more than the {self._limit} that are waited for",
                    HandshakeMessage(b"", at, self._positions, self._offsets).offset(1),
                    "Handshake.length",
                )
            return None
        message = HandshakeMessage(bytes(data[at:end]), at, self._positions, self._offsets)
        if end == len(data):
            self.drop()  # a connection that waits keeps nothing
        else:
            self._at = end
        return message

    def drop(self) -> None:
        """Forget what has been taken of the next message."""
        self._data, self._at = b"", 0
        self._positions, self._offsets = _FROM_THE_START, ()
