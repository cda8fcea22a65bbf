"""SSL 2.0: records and messages ("The SSL Protocol", Netscape 1995; RFC 6101 appendix E; RFC 5246
appendix E.2 for the CLIENT-HELLO that offers SSL 3.0 or TLS).

Lists have their lengths at the front of a message here, all together, and no bounds.
"""

from __future__ import annotations

from construct import (
    BitsInteger,
    BitStruct,
    Default,
    Flag,
    If,
    IfThenElse,
    Rebuild,
    Switch,
    len_,
    this,
)

from . import names
from .extensions import ProtocolVersion
from .language import (
    Bytes,
    block,
    enumeration,
    message,
    remaining,
    repeated,
    structure,
    uint8,
    uint16,
    uint24,
)

__all__ = [
    "CipherKind",
    "ClientHello",
    "ClientMasterKey",
    "Error",
    "Message",
    "RecordHeader",
    "RecordStart",
    "ServerHello",
    "may_begin_message",
]

ERROR = 0
CLIENT_HELLO = 1
CLIENT_MASTER_KEY = 2
SERVER_HELLO = 4

# Two bytes; or three, where the content is padded. `length` counts the padding, at the end of the content.
RecordHeader = structure(
    "RecordHeader",
    'The SSL Protocol (1995), "SSL Record Header Format"',
    BitStruct(
        "has_two_bytes" / Default(Flag, True),
        "is_escape" / If(~this.has_two_bytes, Default(Flag, False)),
        "length" / IfThenElse(this.has_two_bytes, BitsInteger(15), BitsInteger(14)),
        "padding" / If(~this.has_two_bytes, Default(BitsInteger(8), 0)),
    ),
)

# The first bytes of a record that holds a message and no padding.
RecordStart = structure(
    "RecordStart",
    'The SSL Protocol (1995), "SSL Record Header Format"',
    "header" / uint16,
    "msg_type" / uint8,
)


def may_begin_message(first_byte: int) -> bool:
    """Whether a record with this first byte may hold a message that is not encrypted: such are not padded, so that
    their headers have two bytes.
    """
    return first_byte >= 0x80


# A TLS cipher suite stands here with a zero byte before it (RFC 5246 appendix E.2).
CipherKind = enumeration(uint24, names.SSLV2_CIPHER_KINDS)

ClientHello = message(
    "CLIENT-HELLO",
    'The SSL Protocol (1995), "CLIENT-HELLO"; RFC 5246 appendix E.2',
    "version" / ProtocolVersion,
    "cipher_specs_length" / Rebuild(uint16, len_(this.cipher_specs) * CipherKind.sizeof()),
    "session_id_length" / Rebuild(uint16, len_(this.session_id)),
    "challenge_length" / Rebuild(uint16, len_(this.challenge)),
    "cipher_specs" / block(this.cipher_specs_length, repeated(CipherKind)),
    "session_id" / Bytes(this.session_id_length),
    "challenge" / Bytes(this.challenge_length),
)

ServerHello = message(
    "SERVER-HELLO",
    'The SSL Protocol (1995), "SERVER-HELLO"',
    "session_id_hit" / uint8,
    "certificate_type" / uint8,
    "server_version" / ProtocolVersion,
    "certificate_length" / Rebuild(uint16, len_(this.certificate)),
    "cipher_specs_length" / Rebuild(uint16, len_(this.cipher_specs) * CipherKind.sizeof()),
    "connection_id_length" / Rebuild(uint16, len_(this.connection_id)),
    "certificate" / Bytes(this.certificate_length),
    "cipher_specs" / block(this.cipher_specs_length, repeated(CipherKind)),
    "connection_id" / Bytes(this.connection_id_length),
)

ClientMasterKey = message(
    "CLIENT-MASTER-KEY",
    'The SSL Protocol (1995), "CLIENT-MASTER-KEY"',
    "cipher_kind" / CipherKind,
    "clear_key_length" / Rebuild(uint16, len_(this.clear_key)),
    "encrypted_key_length" / Rebuild(uint16, len_(this.encrypted_key)),
    "key_arg_length" / Rebuild(uint16, len_(this.key_arg)),
    "clear_key" / Bytes(this.clear_key_length),
    "encrypted_key" / Bytes(this.encrypted_key_length),
    "key_arg" / Bytes(this.key_arg_length),
)

Error = message(
    "ERROR",
    'The SSL Protocol (1995), "ERROR"',
    "error_code" / enumeration(uint16, names.SSLV2_ERRORS),
)

MESSAGES = {
    ERROR: Error,
    CLIENT_HELLO: ClientHello,
    CLIENT_MASTER_KEY: ClientMasterKey,
    SERVER_HELLO: ServerHello,
}

# The messages that are not encrypted; any other keeps its bytes.
Message = message(
    "Message",
    'The SSL Protocol (1995), "SSL Handshake Protocol"',
    "msg_type" / uint8,
    "body" / Switch(this.msg_type, MESSAGES, default=remaining()),
)
