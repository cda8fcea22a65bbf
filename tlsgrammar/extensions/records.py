"""Extensions that change how records and transcripts are made, and what else a session carries."""

from __future__ import annotations

from construct import Struct

from .. import names
from ..language import Empty, enumeration, opaque, remaining, uint8, uint16, vector
from .extension import register

__all__ = [
    "ConnectionId",
    "HeartbeatExtension",
    "MaxFragmentLength",
    "RecordSizeLimit",
    "RenegotiationInfo",
    "TokenBindingParameters",
    "UseSRTPData",
]

_IN_HELLOS = ("client_hello", "server_hello")
_IN_ALL_HELLOS = ("client_hello", "server_hello", "encrypted_extensions")

# RFC 6066 section 4
MaxFragmentLength = Struct(
    "max_fragment_length" / enumeration(uint8, names.MAX_FRAGMENT_LENGTHS),
)

register(
    1,
    "max_fragment_length",
    dict.fromkeys(_IN_ALL_HELLOS, MaxFragmentLength),
    reference="RFC 6066 section 4",
)

register(4, "truncated_hmac", dict.fromkeys(_IN_HELLOS, Empty), reference="RFC 6066 section 7")

# RFC 5764 section 4.1.1
UseSRTPData = Struct(
    "SRTPProtectionProfiles"
    / vector(enumeration(uint16, names.SRTP_PROTECTION_PROFILES), 2, 2**16 - 1),
    "srtp_mki" / opaque(0, 255),
)

register(
    14,
    "use_srtp",
    dict.fromkeys(_IN_ALL_HELLOS, UseSRTPData),
    reference="RFC 5764 section 4.1.1",
)

# RFC 6520 section 2
HeartbeatExtension = Struct("mode" / enumeration(uint8, names.HEARTBEAT_MODES))

register(
    15,
    "heartbeat",
    dict.fromkeys(_IN_ALL_HELLOS, HeartbeatExtension),
    reference="RFC 6520 section 2",
)

# RFC 7685 section 3: zeros
Padding = Struct("padding" / remaining())

register(21, "padding", {"client_hello": Padding}, reference="RFC 7685 section 3")
register(35655, "padding_draft", {"client_hello": Padding}, reference="draft-agl-tls-padding-03")

register(22, "encrypt_then_mac", dict.fromkeys(_IN_HELLOS, Empty), reference="RFC 7366 section 2")
register(
    23,
    "extended_master_secret",
    dict.fromkeys(_IN_HELLOS, Empty),
    reference="RFC 7627 section 5.1",
)

# RFC 8472 section 2
TokenBindingParameters = Struct(
    "token_binding_version" / Struct("major" / uint8, "minor" / uint8),
    "key_parameters_list"
    / vector(enumeration(uint8, names.TOKEN_BINDING_KEY_PARAMETERS), 1, 2**8 - 1),
)

register(
    24,
    "token_binding",
    dict.fromkeys(_IN_ALL_HELLOS, TokenBindingParameters),
    reference="RFC 8472 section 2",
)

# RFC 8449 section 4
RecordSizeLimit = Struct("record_size_limit" / uint16)

register(
    28,
    "record_size_limit",
    dict.fromkeys(_IN_ALL_HELLOS, RecordSizeLimit),
    reference="RFC 8449 section 4",
)

# RFC 8870 section 5.2.2
EKTCipherType = uint8
_SelectedEKTCipher = Struct("selected_cipher" / EKTCipherType)

register(
    39,
    "supported_ekt_ciphers",
    {
        "client_hello": Struct("supported_ciphers" / vector(EKTCipherType, 1, 254)),
        "server_hello": _SelectedEKTCipher,
        "encrypted_extensions": _SelectedEKTCipher,
    },
    reference="RFC 8870 section 5.2.2",
)

# RFC 9146 section 3
ConnectionId = Struct("cid" / opaque(0, 2**8 - 1))

CONNECTION_ID = 54

register(
    CONNECTION_ID,
    "connection_id",
    dict.fromkeys(_IN_HELLOS, ConnectionId),
    reference="RFC 9146 section 3",
)
register(
    53,
    "connection_id_deprecated",
    dict.fromkeys(_IN_HELLOS, ConnectionId),
    reference="draft-ietf-tls-dtls-connection-id-07 section 3",
)

# RFC 8844 section 3.2 and 4.2
register(
    55,
    "external_id_hash",
    dict.fromkeys(_IN_ALL_HELLOS, Struct("binding_hash" / opaque(0, 32))),
    reference="RFC 8844 section 3.2",
)
register(
    56,
    "external_session_id",
    dict.fromkeys(_IN_ALL_HELLOS, Struct("session_id" / opaque(20, 255))),
    reference="RFC 8844 section 4.2",
)

register(61, "rrc", dict.fromkeys(_IN_HELLOS, Empty), reference="draft-ietf-tls-dtls-rrc section 3")

# draft-ietf-tls-tlsflags section 2: a bit for each flag, the lowest first
TLSFlags = Struct("flags" / opaque(0, 255))

register(62, "tls_flags", TLSFlags, reference="draft-ietf-tls-tlsflags section 2")

# RFC 5746 section 3.2
RenegotiationInfo = Struct("renegotiated_connection" / opaque(0, 255))

register(
    65281,
    "renegotiation_info",
    dict.fromkeys(_IN_HELLOS, RenegotiationInfo),
    reference="RFC 5746 section 3.2",
)
