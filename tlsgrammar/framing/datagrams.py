"""Where records stand in a datagram, and handshake messages put together from fragments.

What belongs here: cutting datagrams into DTLS records, and telling datagrams that hold none. What the cut pieces
mean is for others.
"""

from __future__ import annotations

from typing import NamedTuple

from construct import Container

from ..dtls import DTLSCiphertext, DTLSHandshakeHeader, DTLSPlaintext, DTLSRecordStart
from ..extensions import ProtocolVersion
from ..handshake import HandshakeHeader, Random
from ..language import GrammarError
from ..language.api import parameters, parse_at
from ..language.compiler import fields
from ..names import ContentType, HandshakeType
from ..registry import DEFAULT, Registry
from ..versions import DTLS10, DTLS12
from .pieces import Piece, Pieces
from .streams import MAXIMUM_HANDSHAKE_LENGTH, SENT_BY_SERVER, HandshakeMessage

__all__ = [
    "DatagramRecord",
    "HandshakeFragments",
    "client_random",
    "is_dtls",
    "may_be_dtls",
    "read_records",
    "sent_by_server",
]

_CONTENT_TYPES = {member.value for member in ContentType}
_VERSIONS = (DTLS10, DTLS12)
_UNIFIED = 0b001

_record_start = fields(DTLSRecordStart)
_RECORD_START_SIZE = DTLSRecordStart.sizeof()
_fragment_header = fields(DTLSHandshakeHeader)
_FRAGMENT_HEADER_SIZE = DTLSHandshakeHeader.sizeof()
_MESSAGE_HEADER_SIZE = HandshakeHeader.sizeof()
# A ClientHello begins with these.
_VERSION_SIZE = ProtocolVersion.sizeof()
_RANDOM_SIZE = Random.sizeof()


class DatagramRecord(NamedTuple):
    """One record of a datagram.

    Attributes:
        type: its content type; 23 under a unified header, which hides it.
        version: the version in its header; DTLS 1.2 under a unified header, which has none.
        epoch: 0 where it is not encrypted.
        fragment: its content.
        offset: where in the datagram it begins.
        fragment_offset: where in the datagram its content begins.
        sequence_number: its number; under a unified header a part of it, which is protected.
        sequence_number_size: how many bytes of it are in the header.
        cid: the connection id in the header; None where it has none.
        unified: whether the header is a unified one.
        datagram: what it stands in.
    """

    type: int
    version: int
    epoch: int
    fragment: bytes
    offset: int
    fragment_offset: int
    sequence_number: int
    sequence_number_size: int
    cid: bytes | None
    unified: bool
    datagram: bytes

    @property
    def header(self) -> bytes:
        """Its header, as it is on the wire."""
        return self.datagram[self.offset : self.fragment_offset]


def read_records(
    datagram: bytes,
    *,
    start: int = 0,
    cid_length: int | None = None,
    unified: bool = False,
    registry: Registry = DEFAULT,
) -> tuple[list[DatagramRecord], GrammarError | None]:
    """The DTLS records of a datagram.

    Args:
        datagram: its payload.
        start: where in it the first of them begins.
        cid_length: of the connection ids that its receiver chose, in bytes; None where it chose none.
        unified: whether there may be unified headers, those of DTLS 1.3.
        registry: that of the content types.

    Returns:
        The records, and what is wrong with the bytes behind them, if there are such. Without any record the
        datagram is something else.
    """
    records: list[DatagramRecord] = []
    params = parameters({"cid_length": cid_length, "extensions": registry})
    at = start
    while at < len(datagram):
        try:
            record, at = _read_record(datagram, at, unified, params)
        except GrammarError as error:
            return records, error
        records.append(record)
    return records, None


def has_early_data_behind_hello(datagram: bytes, at: int) -> bool:
    """Whether what cannot be read in a datagram may be early data of DTLS 1.3 behind its ClientHello, which says that there
    is some.

    Args:
        datagram: its payload.
        at: where what cannot be read begins.
    """
    return (
        datagram[at : at + 1] != b""
        and datagram[at] >> 5 == _UNIFIED
        and client_random(datagram) is not None
    )


def _read_record(
    datagram: bytes, at: int, unified: bool, params: Container
) -> tuple[DatagramRecord, int]:
    has_cid = params["cid_length"] is not None
    if unified and datagram[at] >> 5 == _UNIFIED:
        value, end = parse_at(DTLSCiphertext, datagram, at, params)
        header = value["unified_hdr"]
        if header["connection_id_present"] and not has_cid:
            raise GrammarError("a connection id, which was not negotiated", at, "DTLSCiphertext")
        fragment = value["encrypted_record"]
        # Of the epoch there are two bits; 0 is never encrypted.
        epoch = header["epoch"] or 4
        content_type, version = ContentType.application_data.value, DTLS12
        size = 2 if header["sequence_number_is_uint16"] else 1
        cid = value["connection_id"]
    else:
        unified = False
        content_type = datagram[at]
        if (
            content_type not in _CONTENT_TYPES
            and content_type not in params["extensions"].content_types
        ):
            raise GrammarError("no DTLS record", at, "DTLSPlaintext.type")
        if len(datagram) - at >= _RECORD_START_SIZE:
            _, version = _record_start(datagram, at)
            if version not in _VERSIONS:
                reason = f"no DTLS record: its version is 0x{version:04x}"
                raise GrammarError(reason, at + 1, "DTLSPlaintext.version")
        value, end = parse_at(DTLSPlaintext, datagram, at, params)
        content_type, version, epoch = value["type"], value["version"], value["epoch"]
        if content_type == ContentType.tls12_cid and not has_cid:
            raise GrammarError("a connection id, which was not negotiated", at, "DTLSPlaintext.cid")
        fragment = value["fragment"]
        size = 6
        cid = value["cid"]
    return DatagramRecord(
        content_type,
        version,
        epoch,
        fragment,
        at,
        end - len(fragment),
        value["sequence_number"],
        size,
        cid,
        unified,
        datagram,
    ), end


def may_be_dtls(first_byte: int) -> bool:
    """Whether a datagram with this first byte may hold DTLS records (RFC 9147 section 4.1, RFC 7983)."""
    return 20 <= first_byte < 64


def is_dtls(datagram: bytes, registry: Registry = DEFAULT) -> bool:
    """Whether a datagram holds well-formed DTLS records, of content types that a registry has, and nothing else but early
    data.
    """
    if not may_be_dtls(datagram[0]):
        return False
    records, error = read_records(datagram, registry=registry)
    return bool(records) and (error is None or has_early_data_behind_hello(datagram, error.offset))


_SENT_BY_SERVER = SENT_BY_SERVER | {HandshakeType.hello_verify_request}


def sent_by_server(datagram: bytes) -> bool:
    """Whether a datagram holds a handshake message that only servers send."""
    if not may_be_dtls(datagram[0]):
        return False
    records, _ = read_records(datagram)
    return any(
        record.type == ContentType.handshake
        and record.epoch == 0
        and len(record.fragment) >= _FRAGMENT_HEADER_SIZE
        and record.fragment[0] in _SENT_BY_SERVER
        for record in records
    )


def client_random(datagram: bytes) -> bytes | None:
    """The random of the ClientHello that a datagram begins with, or with the first fragment of it; None where it begins
    with something else, or is encrypted. All ClientHellos of one handshake have the same.
    """
    records, _ = read_records(datagram)
    if not records or records[0].type != ContentType.handshake or records[0].epoch:
        return None
    content = records[0].fragment
    if len(content) < _FRAGMENT_HEADER_SIZE:
        return None
    msg_type, _, _, start, _ = _fragment_header(content, 0)
    if msg_type != HandshakeType.client_hello or start:
        return None
    random = content[_FRAGMENT_HEADER_SIZE + _VERSION_SIZE :][:_RANDOM_SIZE]
    return random if len(random) == _RANDOM_SIZE else None


class _Unfinished(NamedTuple):
    """A message of which there are some fragments."""

    header: bytes
    header_offset: int
    fragments: Pieces

    def message(self) -> HandshakeMessage:
        """The message, of which all fragments are there."""
        size = len(self.header)
        pieces = self.fragments.pieces
        positions = [0, *(size + piece.start for piece in pieces)]
        offsets = [self.header_offset, *(piece.offset for piece in pieces)]
        return HandshakeMessage(
            self.header + b"".join(piece.data for piece in pieces), 0, positions, offsets
        )


# What is kept of a direction at most: bytes of memory for messages that are unfinished, and which messages have been put
# together.
_MAXIMUM_HELD = 4 * 2**20
_MAXIMUM_FINISHED = 256
# What is held of a fragment besides its bytes, about.
_FRAGMENT_SIZE = 300
_KEY_SIZE = 110  # likewise, of which one was put together


class HandshakeFragments:
    """The handshake messages of one direction, from fragments in any order.

    A message that arrives whole in one record is given out each time; one that has been put together from
    fragments is not put together again.

    Args:
        limit: how long a message may be, in bytes.
        held_limit: how many bytes of memory are held for unfinished messages.
    """

    __slots__ = ("_count", "_finished", "_held", "_held_limit", "_limit", "_unfinished")

    def __init__(
        self, limit: int = MAXIMUM_HANDSHAKE_LENGTH, held_limit: int = _MAXIMUM_HELD
    ) -> None:
        self._limit = limit
        self._held_limit = min(held_limit, _MAXIMUM_HELD)
        # How many fragments there are of unfinished messages, and how many bytes.
        self._count = 0
        self._held = 0
        # By message_seq, msg_type and length: a fragment that differs in those belongs to another message.
        self._unfinished: dict[tuple[int, int, int], _Unfinished] = {}
        self._finished: dict[tuple[int, int, int], None] = {}

    @property
    def pending(self) -> int:
        """How many messages are unfinished."""
        return len(self._unfinished)

    @property
    def held(self) -> int:
        """How many bytes of memory are held, about."""
        unfinished = _FRAGMENT_SIZE * (self._count + len(self._unfinished))
        return self._held + unfinished + _KEY_SIZE * len(self._finished)

    def read(
        self, content: bytes, offset: int
    ) -> tuple[list[HandshakeMessage], list[GrammarError]]:
        """Take the content of a handshake record.

        Args:
            content: its fragments.
            offset: where it stands in the direction.

        Returns:
            The messages that are whole with it, in the form that `Handshake` reads: without what is about
            fragments. And what is wrong with the fragments.
        """
        messages: list[HandshakeMessage] = []
        errors: list[GrammarError] = []
        at = 0
        while at < len(content):
            if len(content) - at < _FRAGMENT_HEADER_SIZE:
                errors.append(
                    GrammarError("the record ends within a header", offset + at, "DTLSHandshake")
                )
                break
            msg_type, length, seq, start, size = _fragment_header(content, at)
            body = at + _FRAGMENT_HEADER_SIZE
            end = body + size
            reason = ""
            if end > len(content):
                reason = f"{size} bytes announced, but the record has {len(content) - body}"
            elif start + size > length:
                reason = f"bytes {start} to {start + size} of a message of {length}"
            elif length > self._limit:
                reason = (
                    f"a message of {length} bytes, more than the {self._limit} that are waited for"
                )
            if reason:
                errors.append(GrammarError(reason, offset + at, "DTLSHandshake.fragment"))
                if end > len(content):
                    break
            else:
                header = content[at : at + _MESSAGE_HEADER_SIZE]
                fragment = Piece(start, content[body:end], offset + body)
                key = (seq, msg_type, length)
                message = self._take(key, header, offset + at, fragment)
                if message is not None:
                    messages.append(message)
                elif self.held > self._held_limit and self._unfinished:
                    errors.append(self._forget_oldest())
            at = end
        return messages, errors

    def _forget_oldest(self) -> GrammarError:
        unfinished = self._drop(next(iter(self._unfinished)))
        return GrammarError(
            "too many fragments of messages that do not become whole", unfinished.header_offset
        )

    def _drop(self, key: tuple[int, int, int]) -> _Unfinished:
        unfinished = self._unfinished.pop(key)
        self._count -= len(unfinished.fragments)
        self._held -= unfinished.fragments.held
        return unfinished

    def _take(
        self, key: tuple[int, int, int], header: bytes, offset: int, fragment: Piece
    ) -> HandshakeMessage | None:
        length = key[2]
        if len(fragment.data) == length:
            if key in self._unfinished:
                self._drop(key)
            return HandshakeMessage(
                header + fragment.data, 0, (0, len(header)), (offset, fragment.offset)
            )
        if key in self._finished or not fragment.data:
            return None
        unfinished = self._unfinished.get(key)
        if unfinished is None:
            unfinished = self._unfinished[key] = _Unfinished(header, offset, Pieces())
        pieces = unfinished.fragments
        count, held = len(pieces), pieces.held
        pieces.add(fragment)
        self._count += len(pieces) - count
        self._held += pieces.held - held
        if pieces.held < length:
            return None
        if len(self._finished) >= _MAXIMUM_FINISHED:
            del self._finished[next(iter(self._finished))]
        self._finished[key] = None
        return self._drop(key).message()
