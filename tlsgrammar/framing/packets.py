"""Where packets stand in a datagram of QUIC, and frames in a packet.

What may live here: cutting datagrams into packets and payloads into frames, and which bytes of a packet are protected
(RFC 9001 section 5.4). Keys are for others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from ..language import GrammarError
from ..language.api import NO_PARAMETERS, parse_at
from ..language.compiler import fields
from ..names import QUIC_VERSIONS
from ..quic import (
    PACKETS,
    VERSION_NEGOTIATION,
    Frame,
    LongHeader,
    LongHeaderStart,
    PacketType,
    is_long_header,
    packet_type,
)
from .protected import whole_number

__all__ = [
    "Packet",
    "is_quic",
    "key_phase",
    "read_frames",
    "read_packets",
    "short_packet",
    "truncated_packet_number",
]

_long_header_start = fields(LongHeaderStart)
_START_SIZE = LongHeaderStart.sizeof()

# Header protection (RFC 9001 section 5.4.2): where in the protected bytes the sample begins, and how long it is; how long
# a packet number may be.
_SAMPLE_OFFSET = 4
_SAMPLE_SIZE = 16
_LONG_HEADER_BITS = 0x0F
_SHORT_HEADER_BITS = 0x1F
_KEY_PHASE = 0x04
_PACKET_NUMBER_LENGTH = 0x03


class Packet(NamedTuple):
    """A packet, as it stands in a datagram.

    Attributes:
        type: what it is; None where its version is not known, so that only the parts are known that all versions have.
        value: what it was parsed to: the structure of `quic` for its type, or `LongHeader`; None for one with a short
            header.
        data: the datagram.
        start, end: where it begins and ends there.
        protected: where its protected bytes begin, which are the packet number and the payload.
    """

    type: PacketType | None
    value: Any
    data: bytes
    start: int
    end: int
    protected: int

    @property
    def sample(self) -> bytes:
        """What the mask of its header is made from; fewer than 16 bytes where the packet is too short for any."""
        begin = self.protected + _SAMPLE_OFFSET
        return self.data[begin : min(begin + _SAMPLE_SIZE, self.end)]

    def unmasked(self, mask: bytes, *, known: int | None = None) -> tuple[bytes, int]:
        """Its header without protection, up to the packet number and with it; and how long the packet number is.

        Args:
            mask: what its header is masked with; or, of one without protection, what it is to be masked with.
            known: how long the packet number is, of one without protection.
        """
        bits = _SHORT_HEADER_BITS if self.type is PacketType.ONE_RTT else _LONG_HEADER_BITS
        first = self.data[self.start] ^ mask[0] & bits
        size = known or (first & _PACKET_NUMBER_LENGTH) + 1
        end = self.protected + size
        number = bytes(
            a ^ b for a, b in zip(self.data[self.protected : end], mask[1:], strict=False)
        )
        return bytes([first]) + self.data[self.start + 1 : self.protected] + number, size


def read_packets(datagram: bytes) -> list[Packet]:
    """The packets with long headers that a datagram begins with (RFC 9000 section 12.2).

    What follows a packet whose length is not known, or that is malformed, is not read; nor is what follows the first 64.
    """
    packets: list[Packet] = []
    at = 0
    while (
        len(datagram) - at >= _START_SIZE
        and is_long_header(datagram[at])
        and len(packets) < _MAXIMUM_PACKETS
    ):
        first, version = _long_header_start(datagram, at)
        known = version == VERSION_NEGOTIATION or version in QUIC_VERSIONS
        kind = packet_type(first, version) if known else None
        schema = LongHeader if kind is None else PACKETS[kind]
        try:
            value, end = parse_at(schema, datagram, at, NO_PARAMETERS)
        except GrammarError:
            break
        protected = end - len(value["protected"]) if kind in _PROTECTED else end
        packets.append(Packet(kind, value, datagram, at, end, protected))
        if kind not in _PROTECTED:
            break
        at = end
    return packets


def short_packet(datagram: bytes, start: int, cid_length: int) -> Packet:
    """A packet with a short header, which goes on to the end of the datagram.

    Args:
        datagram: what it stands in.
        start: where it begins there.
        cid_length: of its connection id, which its receiver chose, in bytes.
    """
    return Packet(PacketType.ONE_RTT, None, datagram, start, len(datagram), start + 1 + cid_length)


def key_phase(header: bytes) -> int:
    """The Key Phase of a short header without protection (RFC 9001 section 6)."""
    return header[0] & _KEY_PHASE


def is_quic(datagram: bytes) -> bool:
    """Whether a datagram begins with a long header of a version of QUIC that is known. Other protocols may match as well."""
    if len(datagram) < _START_SIZE or not is_long_header(datagram[0]):
        return False
    _, version = _long_header_start(datagram, 0)
    return version in QUIC_VERSIONS


_PROTECTED = frozenset({PacketType.INITIAL, PacketType.ZERO_RTT, PacketType.HANDSHAKE})


def truncated_packet_number(header: bytes, size: int, expected: int) -> int:
    """The packet number that a header without protection ends with (RFC 9000 appendix A.3).

    Args:
        header: the header.
        size: how many bytes of it are the packet number.
        expected: the number that comes next, if none is lost.
    """
    return whole_number(int.from_bytes(header[-size:], "big"), 8 * size, expected)


# More packets than any sender puts into a datagram.
_MAXIMUM_PACKETS = 64

# PADDING and PING: a type each, and nothing else.
_EMPTY_FRAMES = re.compile(rb"[\x00\x01]+")


def read_frames(payload: bytes) -> Iterator[tuple[int, int, Any]]:
    """The frames of a payload without protection, except PADDING and PING, as (start, end, value).

    Raises:
        GrammarError: the bytes that come next are no frame.
    """
    at = 0
    while True:
        skipped = _EMPTY_FRAMES.match(payload, at)
        begin = at if skipped is None else skipped.end()
        if begin == len(payload):
            return
        frame, at = parse_at(Frame, payload, begin, NO_PARAMETERS)
        yield begin, at, frame
