"""SSL 2.0: records and messages ("The SSL Protocol", Netscape 1995; RFC 6101 appendix E; RFC 5246
appendix E.2 for the CLIENT-HELLO that offers SSL 3.0 or TLS).

Lists have their lengths at the front of a message here, all together, and no bounds.
"""

from __future__ import annotations

from construct import Rebuild, Struct, Switch, len_, this

from . import names
from .extensions import ProtocolVersion
from .language import Bytes, block, enumeration, remaining, repeated, uint8, uint16, uint24

__all__ = [
    "CipherKind",
    "ClientHello",
    "ClientMasterKey",
    "Error",
    "Message",
    "ServerHello",
]

ERROR = 0
CLIENT_HELLO = 1
CLIENT_MASTER_KEY = 2
SERVER_HELLO = 4

# A TLS cipher suite stands here with a zero byte before it (RFC 5246 appendix E.2).
CipherKind = enumeration(uint24, names.SSLV2_CIPHER_KINDS)

ClientHello = "CLIENT-HELLO" / Struct(
    "version" / ProtocolVersion,
    "cipher_specs_length" / Rebuild(uint16, len_(this.cipher_specs) * CipherKind.sizeof()),
    "session_id_length" / Rebuild(uint16, len_(this.session_id)),
    "challenge_length" / Rebuild(uint16, len_(this.challenge)),
    "cipher_specs" / block(this.cipher_specs_length, repeated(CipherKind)),
    "session_id" / Bytes(this.session_id_length),
    "challenge" / Bytes(this.challenge_length),
)

ServerHello = "SERVER-HELLO" / Struct(
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

ClientMasterKey = "CLIENT-MASTER-KEY" / Struct(
    "cipher_kind" / CipherKind,
    "clear_key_length" / Rebuild(uint16, len_(this.clear_key)),
    "encrypted_key_length" / Rebuild(uint16, len_(this.encrypted_key)),
    "key_arg_length" / Rebuild(uint16, len_(this.key_arg)),
    "clear_key" / Bytes(this.clear_key_length),
    "encrypted_key" / Bytes(this.encrypted_key_length),
    "key_arg" / Bytes(this.key_arg_length),
)

Error = "ERROR" / Struct("error_code" / enumeration(uint16, names.SSLV2_ERRORS))

MESSAGES = {
    ERROR: Error,
    CLIENT_HELLO: ClientHello,
    CLIENT_MASTER_KEY: ClientMasterKey,
    SERVER_HELLO: ServerHello,
}

# The messages that are not encrypted; any other keeps its bytes.
Message = "Message" / Struct(
    "msg_type" / uint8,
    "body" / Switch(this.msg_type, MESSAGES, default=remaining()),
)
