"""Extensions that change how records and transcripts are made, and what else a session carries."""

from __future__ import annotations

from .. import names
from ..language import Empty, enumeration, opaque, remaining, structure, uint8, uint16, vector
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

MaxFragmentLength = structure(
    "MaxFragmentLength",
    "RFC 6066 section 4",
    "max_fragment_length" / enumeration(uint8, names.MAX_FRAGMENT_LENGTHS),
)

register(
    1,
    "max_fragment_length",
    dict.fromkeys(_IN_ALL_HELLOS, MaxFragmentLength),
    reference="RFC 6066 section 4",
)

register(4, "truncated_hmac", dict.fromkeys(_IN_HELLOS, Empty), reference="RFC 6066 section 7")

UseSRTPData = structure(
    "UseSRTPData",
    "RFC 5764 section 4.1.1",
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

HeartbeatExtension = structure(
    "HeartbeatExtension", "RFC 6520 section 2", "mode" / enumeration(uint8, names.HEARTBEAT_MODES)
)

register(
    15,
    "heartbeat",
    dict.fromkeys(_IN_ALL_HELLOS, HeartbeatExtension),
    reference="RFC 6520 section 2",
)

# Zeros.
Padding = structure("Padding", "RFC 7685 section 3", "padding" / remaining())

register(21, "padding", {"client_hello": Padding}, reference="RFC 7685 section 3")
register(35655, "padding_draft", {"client_hello": Padding}, reference="draft-agl-tls-padding-03")

register(22, "encrypt_then_mac", dict.fromkeys(_IN_HELLOS, Empty), reference="RFC 7366 section 2")
register(
    23,
    "extended_master_secret",
    dict.fromkeys(_IN_HELLOS, Empty),
    reference="RFC 7627 section 5.1",
)

TB_ProtocolVersion = structure(
    "TB_ProtocolVersion", "RFC 8472 section 2", "major" / uint8, "minor" / uint8
)

TokenBindingParameters = structure(
    "TokenBindingParameters",
    "RFC 8472 section 2",
    "token_binding_version" / TB_ProtocolVersion,
    "key_parameters_list"
    / vector(enumeration(uint8, names.TOKEN_BINDING_KEY_PARAMETERS), 1, 2**8 - 1),
)

register(
    24,
    "token_binding",
    dict.fromkeys(_IN_ALL_HELLOS, TokenBindingParameters),
    reference="RFC 8472 section 2",
)

RecordSizeLimit = structure("RecordSizeLimit", "RFC 8449 section 4", "record_size_limit" / uint16)

register(
    28,
    "record_size_limit",
    dict.fromkeys(_IN_ALL_HELLOS, RecordSizeLimit),
    reference="RFC 8449 section 4",
)

# RFC 8870 section 5.2.2
EKTCipherType = uint8

SupportedEKTCiphers = structure(
    "SupportedEKTCiphers",
    "RFC 8870 section 5.2.2",
    "supported_ciphers" / vector(EKTCipherType, 1, 254),
)
SelectedEKTCipher = structure(
    "SelectedEKTCipher", "RFC 8870 section 5.2.2", "selected_cipher" / EKTCipherType
)

register(
    39,
    "supported_ekt_ciphers",
    {
        "client_hello": SupportedEKTCiphers,
        "server_hello": SelectedEKTCipher,
        "encrypted_extensions": SelectedEKTCipher,
    },
    reference="RFC 8870 section 5.2.2",
)

ConnectionId = structure("ConnectionId", "RFC 9146 section 3", "cid" / opaque(0, 2**8 - 1))

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

ExternalIdentityHash = structure(
    "ExternalIdentityHash", "RFC 8844 section 3.2", "binding_hash" / opaque(0, 32)
)
ExternalSessionId = structure(
    "ExternalSessionId", "RFC 8844 section 4.2", "session_id" / opaque(20, 255)
)

register(
    55,
    "external_id_hash",
    dict.fromkeys(_IN_ALL_HELLOS, ExternalIdentityHash),
    reference="RFC 8844 section 3.2",
)
register(
    56,
    "external_session_id",
    dict.fromkeys(_IN_ALL_HELLOS, ExternalSessionId),
    reference="RFC 8844 section 4.2",
)

register(61, "rrc", dict.fromkeys(_IN_HELLOS, Empty), reference="draft-ietf-tls-dtls-rrc section 3")

# A bit for each flag, the lowest first.
TLSFlags = structure("TLSFlags", "draft-ietf-tls-tlsflags section 2", "flags" / opaque(0, 255))

register(62, "tls_flags", TLSFlags, reference="draft-ietf-tls-tlsflags section 2")

RenegotiationInfo = structure(
    "RenegotiationInfo", "RFC 5746 section 3.2", "renegotiated_connection" / opaque(0, 255)
)

register(
    65281,
    "renegotiation_info",
    dict.fromkeys(_IN_HELLOS, RenegotiationInfo),
    reference="RFC 5746 section 3.2",
)
