"""QUIC: packets and frames (RFC 9000, RFC 8999, RFC 9221, RFC 9369).

What may live here: the bytes of QUIC as they are on the wire, and once the protection of a packet has been removed; and
which version has which layout. Protection itself (RFC 9001 section 5) takes keys, and is for `events.secrets`. The TLS
messages in CRYPTO frames are those of `handshake`; the transport parameters are an extension.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping

from construct import (
    Array,
    BitsInteger,
    BitStruct,
    Const,
    Construct,
    Flag,
    Rebuild,
    Switch,
    len_,
    this,
)

from . import names
from .language import (
    Bytes,
    Empty,
    block,
    enumeration,
    message,
    opaque,
    remaining,
    repeated,
    structure,
    uint8,
    uint32,
    varint,
)
from .versions import cid_length

__all__ = [
    "PACKETS",
    "VERSION_1",
    "VERSION_2",
    "AckEcnFrame",
    "AckFrame",
    "AckRange",
    "ApplicationCloseFrame",
    "ConnectionCloseFrame",
    "CryptoFrame",
    "DataBlockedFrame",
    "DatagramFrame",
    "DatagramFrameLen",
    "EcnCounts",
    "Frame",
    "FrameType",
    "Frames",
    "HandshakePacket",
    "InitialPacket",
    "LongHeader",
    "MaxDataFrame",
    "MaxStreamDataFrame",
    "MaxStreamsFrame",
    "NewConnectionIdFrame",
    "NewTokenFrame",
    "OneRTTPacket",
    "PacketType",
    "PathChallengeFrame",
    "PathResponseFrame",
    "ResetStreamFrame",
    "RetireConnectionIdFrame",
    "RetryPacket",
    "StatelessReset",
    "StopSendingFrame",
    "StreamDataBlockedFrame",
    "StreamFrame",
    "StreamFrameLen",
    "StreamFrameOff",
    "StreamFrameOffLen",
    "StreamsBlockedFrame",
    "VersionNegotiationPacket",
    "ZeroRTTPacket",
    "long_packet_type",
    "packet_type",
]

QUICVersion = enumeration(uint32, names.QUIC_VERSIONS)

VERSION_NEGOTIATION = 0
VERSION_1 = 0x00000001
VERSION_2 = 0x6B3343CF


# Packets


class PacketType(enum.IntEnum):
    """What a packet is: of one with a long header, its Long Packet Type in version 1."""

    INITIAL = 0
    ZERO_RTT = 1
    HANDSHAKE = 2
    RETRY = 3
    VERSION_NEGOTIATION = 4
    ONE_RTT = 5


def packet_type(first_byte: int, version: int) -> PacketType:
    """What a packet with a long header is.

    Args:
        first_byte: of the packet.
        version: of QUIC, from its header. Version 2 shifts the type numbers by one (RFC 9369 section 3.2).
    """
    if version == VERSION_NEGOTIATION:
        return PacketType.VERSION_NEGOTIATION
    bits = first_byte >> 4 & 3
    return _TYPES[bits - 1 & 3 if version == VERSION_2 else bits]


def long_packet_type(kind: PacketType, version: int) -> int:
    """The Long Packet Type of a packet: the inverse of `packet_type`."""
    bits = _TYPES.index(kind)
    return bits + 1 & 3 if version == VERSION_2 else bits


_TYPES = (PacketType.INITIAL, PacketType.ZERO_RTT, PacketType.HANDSHAKE, PacketType.RETRY)


def is_long_header(first_byte: int) -> bool:
    """Whether a packet with this first byte has a long header (RFC 8999 section 5.1)."""
    return first_byte >= 0x80


def is_short_header(first_byte: int) -> bool:
    """Whether a packet with this first byte has a short header, with the Fixed Bit set (RFC 9000 section 17.3)."""
    return 0x40 <= first_byte < 0x80


# Of a packet that is protected, the last four bits are too; they are Reserved Bits and Packet Number Length.
LongFirstByte = structure(
    "LongFirstByte",
    "RFC 9000 section 17.2",
    BitStruct(
        "header_form" / Const(1, BitsInteger(1)),
        "fixed_bit" / BitsInteger(1),
        "long_packet_type" / BitsInteger(2),
        "type_specific_bits" / BitsInteger(4),
    ),
)

# Of a packet that is protected, the last five bits are too.
ShortFirstByte = structure(
    "ShortFirstByte",
    "RFC 9000 section 17.3.1",
    BitStruct(
        "header_form" / Const(0, BitsInteger(1)),
        "fixed_bit" / Flag,
        "spin_bit" / Flag,
        "reserved_bits" / BitsInteger(2),
        "key_phase" / Flag,
        "packet_number_length" / BitsInteger(2),
    ),
)

ConnectionId = opaque(0, 2**8 - 1)

# What packets of all versions have in common.
LongHeader = structure(
    "LongHeader",
    "RFC 8999 section 5.1",
    "first_byte" / LongFirstByte,
    "version" / QUICVersion,
    "destination_connection_id" / ConnectionId,
    "source_connection_id" / ConnectionId,
)

# The part of it that tells packets from each other.
LongHeaderStart = structure(
    "LongHeaderStart", "RFC 8999 section 5.1", "first_byte" / uint8, "version" / uint32
)

# The protected part is the Packet Number, of as many bytes as the Packet Number Length and one more, and the Packet
# Payload.
InitialPacket = message(
    "InitialPacket",
    "RFC 9000 section 17.2.2",
    "first_byte" / LongFirstByte,
    "version" / QUICVersion,
    "destination_connection_id" / ConnectionId,
    "source_connection_id" / ConnectionId,
    "token" / block(varint, remaining()),
    "protected" / block(varint, remaining()),
)

ZeroRTTPacket = message(
    "ZeroRTTPacket",
    "RFC 9000 section 17.2.3",
    "first_byte" / LongFirstByte,
    "version" / QUICVersion,
    "destination_connection_id" / ConnectionId,
    "source_connection_id" / ConnectionId,
    "protected" / block(varint, remaining()),
)

HandshakePacket = message(
    "HandshakePacket",
    "RFC 9000 section 17.2.4",
    "first_byte" / LongFirstByte,
    "version" / QUICVersion,
    "destination_connection_id" / ConnectionId,
    "source_connection_id" / ConnectionId,
    "protected" / block(varint, remaining()),
)

RetryPacket = message(
    "RetryPacket",
    "RFC 9000 section 17.2.5",
    "first_byte" / LongFirstByte,
    "version" / QUICVersion,
    "destination_connection_id" / ConnectionId,
    "source_connection_id" / ConnectionId,
    "retry_token" / remaining(but=16),
    "retry_integrity_tag" / Bytes(16),
)

# What the integrity tag of a Retry packet authenticates: the packet without the tag, behind the id that it answers.
RetryPseudoPacket = structure(
    "RetryPseudoPacket",
    "RFC 9001 section 5.8",
    "original_destination_connection_id" / ConnectionId,
    "retry_packet" / remaining(),
)

# The connection ids are the other way round than in the packet that it answers, which is of a version that the server
# does not know.
VersionNegotiationPacket = message(
    "VersionNegotiationPacket",
    "RFC 9000 section 17.2.1",
    "first_byte" / LongFirstByte,
    "version" / Const(VERSION_NEGOTIATION, uint32),
    "destination_connection_id" / ConnectionId,
    "source_connection_id" / ConnectionId,
    "supported_versions" / repeated(QUICVersion),
)

# Needs `cid_length` in the context, the length of the connection ids that the receiver chose.
OneRTTPacket = message(
    "OneRTTPacket",
    "RFC 9000 section 17.3.1",
    "first_byte" / ShortFirstByte,
    "destination_connection_id" / Bytes(cid_length),
    "protected" / remaining(),
)

# It looks like a packet with a short header.
StatelessReset = message(
    "StatelessReset",
    "RFC 9000 section 10.3",
    "first_byte"
    / BitStruct("fixed_bits" / Const(0b01, BitsInteger(2)), "unpredictable_bits" / BitsInteger(6)),
    "unpredictable_bits" / remaining(but=16),
    "stateless_reset_token" / Bytes(16),
)

PACKETS: Mapping[PacketType, Construct] = {
    PacketType.INITIAL: InitialPacket,
    PacketType.ZERO_RTT: ZeroRTTPacket,
    PacketType.HANDSHAKE: HandshakePacket,
    PacketType.RETRY: RetryPacket,
    PacketType.VERSION_NEGOTIATION: VersionNegotiationPacket,
}
"""The packets with a long header."""


# Frames (RFC 9000 section 19), behind their type. Where bits of that say what stands in them, there is a structure for
# each way: to read the type would need the context of the structure around.


class FrameType(enum.IntEnum):
    """Frame types that the library itself handles. `names.QUIC_FRAME_TYPES` has the names of all."""

    PADDING = 0x00
    PING = 0x01
    ACK = 0x02
    ACK_ECN = 0x03
    CRYPTO = 0x06
    CONNECTION_CLOSE = 0x1C


AckRange = structure(
    "AckRange", "RFC 9000 section 19.3.1", "gap" / varint, "ack_range_length" / varint
)

EcnCounts = structure(
    "EcnCounts",
    "RFC 9000 section 19.3.2",
    "ect0_count" / varint,
    "ect1_count" / varint,
    "ecn_ce_count" / varint,
)

_ACK = (
    "largest_acknowledged" / varint,
    "ack_delay" / varint,
    "ack_range_count" / Rebuild(varint, len_(this.ack_ranges)),
    "first_ack_range" / varint,
    "ack_ranges" / Array(this.ack_range_count, AckRange),
)

AckFrame = structure("AckFrame", "RFC 9000 section 19.3", *_ACK)

AckEcnFrame = structure("AckEcnFrame", "RFC 9000 section 19.3", *_ACK, "ecn_counts" / EcnCounts)

ResetStreamFrame = structure(
    "ResetStreamFrame",
    "RFC 9000 section 19.4",
    "stream_id" / varint,
    "application_protocol_error_code" / varint,
    "final_size" / varint,
)

StopSendingFrame = structure(
    "StopSendingFrame",
    "RFC 9000 section 19.5",
    "stream_id" / varint,
    "application_protocol_error_code" / varint,
)

CryptoFrame = structure(
    "CryptoFrame",
    "RFC 9000 section 19.6",
    "offset" / varint,
    "crypto_data" / block(varint, remaining()),
)

NewTokenFrame = structure(
    "NewTokenFrame", "RFC 9000 section 19.7", "token" / block(varint, remaining())
)

_DATA_TO_THE_END = "stream_data" / remaining()
_DATA = "stream_data" / block(varint, remaining())

# By the OFF and LEN bits of its type: without the first, the offset is 0; without the second, it goes on to the end of
# the packet. The FIN bit says nothing of the layout.
_STREAM_FRAMES = {
    (bool(off), bool(length)): structure(
        f"StreamFrame{'Off' * off}{'Len' * length}",
        "RFC 9000 section 19.8",
        "stream_id" / varint,
        *(["offset" / varint] if off else []),
        _DATA if length else _DATA_TO_THE_END,
    )
    for off in (0, 1)
    for length in (0, 1)
}
StreamFrame = _STREAM_FRAMES[False, False]
StreamFrameLen = _STREAM_FRAMES[False, True]
StreamFrameOff = _STREAM_FRAMES[True, False]
StreamFrameOffLen = _STREAM_FRAMES[True, True]
_OFF, _LEN = 0x04, 0x02

MaxDataFrame = structure("MaxDataFrame", "RFC 9000 section 19.9", "maximum_data" / varint)

MaxStreamDataFrame = structure(
    "MaxStreamDataFrame",
    "RFC 9000 section 19.10",
    "stream_id" / varint,
    "maximum_stream_data" / varint,
)

MaxStreamsFrame = structure("MaxStreamsFrame", "RFC 9000 section 19.11", "maximum_streams" / varint)

DataBlockedFrame = structure("DataBlockedFrame", "RFC 9000 section 19.12", "maximum_data" / varint)

StreamDataBlockedFrame = structure(
    "StreamDataBlockedFrame",
    "RFC 9000 section 19.13",
    "stream_id" / varint,
    "maximum_stream_data" / varint,
)

StreamsBlockedFrame = structure(
    "StreamsBlockedFrame", "RFC 9000 section 19.14", "maximum_streams" / varint
)

NewConnectionIdFrame = structure(
    "NewConnectionIdFrame",
    "RFC 9000 section 19.15",
    "sequence_number" / varint,
    "retire_prior_to" / varint,
    "connection_id" / opaque(1, 20),
    "stateless_reset_token" / Bytes(16),
)

RetireConnectionIdFrame = structure(
    "RetireConnectionIdFrame", "RFC 9000 section 19.16", "sequence_number" / varint
)

PathChallengeFrame = structure("PathChallengeFrame", "RFC 9000 section 19.17", "data" / Bytes(8))

PathResponseFrame = structure("PathResponseFrame", "RFC 9000 section 19.18", "data" / Bytes(8))

# Of QUIC: with the type of the frame that is at fault.
ConnectionCloseFrame = structure(
    "ConnectionCloseFrame",
    "RFC 9000 section 19.19",
    "error_code" / enumeration(varint, names.QUIC_ERROR_CODES),
    "frame_type" / varint,
    "reason_phrase" / block(varint, remaining()),
)

ApplicationCloseFrame = structure(
    "ApplicationCloseFrame",
    "RFC 9000 section 19.19",
    "error_code" / varint,
    "reason_phrase" / block(varint, remaining()),
)

# It goes on to the end of the packet.
DatagramFrame = structure("DatagramFrame", "RFC 9221 section 4", "datagram_data" / remaining())

DatagramFrameLen = structure(
    "DatagramFrameLen", "RFC 9221 section 4", "datagram_data" / block(varint, remaining())
)

_FRAMES: dict[int, Construct] = {
    0x00: Empty,  # PADDING
    0x01: Empty,  # PING
    0x02: AckFrame,
    0x03: AckEcnFrame,
    0x04: ResetStreamFrame,
    0x05: StopSendingFrame,
    0x06: CryptoFrame,
    0x07: NewTokenFrame,
    **{kind: _STREAM_FRAMES[bool(kind & _OFF), bool(kind & _LEN)] for kind in range(0x08, 0x10)},
    0x10: MaxDataFrame,
    0x11: MaxStreamDataFrame,
    **dict.fromkeys((0x12, 0x13), MaxStreamsFrame),
    0x14: DataBlockedFrame,
    0x15: StreamDataBlockedFrame,
    **dict.fromkeys((0x16, 0x17), StreamsBlockedFrame),
    0x18: NewConnectionIdFrame,
    0x19: RetireConnectionIdFrame,
    0x1A: PathChallengeFrame,
    0x1B: PathResponseFrame,
    0x1C: ConnectionCloseFrame,
    0x1D: ApplicationCloseFrame,
    0x1E: Empty,  # HANDSHAKE_DONE
    0x30: DatagramFrame,
    0x31: DatagramFrameLen,
}

Frame = message(
    "Frame",
    "RFC 9000 section 12.4",
    "type" / enumeration(varint, names.QUIC_FRAME_TYPES, closed=True),
    "frame" / Switch(this.type, _FRAMES),
)

# The Packet Payload of a packet whose protection has been removed.
Frames = message("Frames", "RFC 9000 section 12.4", "frames" / repeated(Frame))
