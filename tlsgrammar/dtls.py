"""DTLS: records, and handshake messages in fragments (RFC 6347, RFC 9146, RFC 9147).

What belongs here: what differs from TLS in the bytes. The messages themselves are those of `handshake`.
"""

from __future__ import annotations

from construct import (
    BitsInteger,
    BitStruct,
    Const,
    Default,
    Flag,
    If,
    IfThenElse,
    Peek,
    Rebuild,
    len_,
    this,
)

from . import names
from .extensions import ProtocolVersion
from .language import (
    Bytes,
    enumeration,
    message,
    opaque,
    remaining,
    structure,
    uint8,
    uint16,
    uint24,
    uint48,
    uint64,
    vector,
)
from .names import ContentType
from .registry import DEFAULT
from .versions import cid_length

__all__ = [
    "ACK",
    "ConnectionIdAdditionalData",
    "DTLSCiphertext",
    "DTLSHandshake",
    "DTLSHandshakeHeader",
    "DTLSPlaintext",
    "DTLSRecordStart",
    "NewConnectionId",
    "RecordNumber",
    "RequestConnectionId",
    "UnifiedHeader",
]


# Encrypted records up to DTLS 1.2 have this shape too. Needs `cid_length` in the context, the length of the
# connection ids that the receiver chose.
DTLSPlaintext = message(
    "DTLSPlaintext",
    "RFC 6347 section 4.1, RFC 9146 section 4",
    "type" / enumeration(uint8, names.CONTENT_TYPES),
    "version" / ProtocolVersion,
    "epoch" / uint16,
    "sequence_number" / uint48,
    "cid" / If(this.type == ContentType.tls12_cid, Default(Bytes(cid_length), b"")),
    "length" / Peek(uint16),
    "fragment" / opaque(0, 2**14 + 2048),
)

# The part of it that tells a record from other datagrams.
DTLSRecordStart = structure(
    "DTLSRecordStart",
    "RFC 6347 section 4.1",
    "type" / uint8,
    "version" / uint16,
)

# The first byte of a unified_hdr: 001CSLEE.
UnifiedHeader = structure(
    "UnifiedHeader",
    "RFC 9147 section 4",
    BitStruct(
        "fixed_bits" / Const(0b001, BitsInteger(3)),
        "connection_id_present" / Flag,
        "sequence_number_is_uint16" / Flag,
        "length_present" / Flag,
        "epoch" / BitsInteger(2),
    ),
)

# Needs `cid_length`, as above. The lowest bits of epoch and sequence number only; the latter encrypted.
DTLSCiphertext = message(
    "DTLSCiphertext",
    "RFC 9147 section 4",
    "unified_hdr" / UnifiedHeader,
    "connection_id" / If(this.unified_hdr.connection_id_present, Default(Bytes(cid_length), b"")),
    "sequence_number" / IfThenElse(this.unified_hdr.sequence_number_is_uint16, uint16, uint8),
    "encrypted_record"
    / IfThenElse(this.unified_hdr.length_present, opaque(0, 2**14 + 256), remaining()),
)

# What is authenticated beside the fragment of a record with a connection id. What that holds is in the shape of a
# TLSInnerPlaintext.
ConnectionIdAdditionalData = structure(
    "ConnectionIdAdditionalData",
    "RFC 9146 section 5",
    "seq_num_placeholder" / Const(b"\xff" * 8),
    "tls12_cid" / Const(ContentType.tls12_cid.value, uint8),
    "cid_length" / Rebuild(uint8, len_(this.cid)),
    "tls12_cid_again" / Const(ContentType.tls12_cid.value, uint8),
    "version" / uint16,
    "epoch_and_sequence_number" / uint64,
    "cid" / Bytes(this.cid_length),
    "length_of_DTLSInnerPlaintext" / uint16,
)

# A fragment of a message.
DTLSHandshake = message(
    "DTLSHandshake",
    "RFC 6347 section 4.2.2, RFC 9147 section 5.2",
    "msg_type" / enumeration(uint8, names.HANDSHAKE_TYPES),
    "length" / uint24,
    "message_seq" / uint16,
    "fragment_offset" / uint24,
    "fragment_length" / Peek(uint24),
    "fragment" / opaque(0, 2**24 - 1),
)

# The part of it before the fragment.
DTLSHandshakeHeader = structure(
    "DTLSHandshakeHeader",
    "RFC 6347 section 4.2.2",
    "msg_type" / uint8,
    "length" / uint24,
    "message_seq" / uint16,
    "fragment_offset" / uint24,
    "fragment_length" / uint24,
)

RecordNumber = structure(
    "RecordNumber", "RFC 9147 section 4", "epoch" / uint64, "sequence_number" / uint64
)

ACK = message("ACK", "RFC 9147 section 7", "record_numbers" / vector(RecordNumber, 0, 2**16 - 1))

# The ids stand in a list of their own here; in the extension of that name stands one.
NewConnectionId = message(
    "NewConnectionId",
    "RFC 9147 section 9",
    "cids" / vector(opaque(0, 2**8 - 1), 0, 2**16 - 1),
    "usage" / uint8,
)

RequestConnectionId = message("RequestConnectionId", "RFC 9147 section 9", "num_cids" / uint8)

for _code, _name, _schema in (
    (9, "request_connection_id", RequestConnectionId),
    (10, "new_connection_id", NewConnectionId),
):
    DEFAULT.register_message(_code, _name, {"tls13": _schema}, reference="RFC 9147 section 9")

DEFAULT.register_content_type(
    ContentType.ack.value, ContentType.ack.name, {"datagram": ACK}, reference="RFC 9147 section 7"
)
