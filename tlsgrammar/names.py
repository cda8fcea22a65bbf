"""Code point <-> name, for every registry that the structures and the events refer to.

What belongs here: the registries, each as one mapping. A name comes from the IANA registry, or from the
document that registered the code point; what has neither, such as a private experiment, has no name. Most are
read from the tables in `tlsgrammar/registries`, when they are first asked.

    >>> CIPHER_SUITES.name(0x1301), CIPHER_SUITES.name(0xfafa), CIPHER_SUITES.name(0x4321)
    ('TLS_AES_128_GCM_SHA256', 'GREASE-0xfafa', 'unknown-0x4321')
    >>> SUPPORTED_GROUPS.code('x25519')
    29
"""

from __future__ import annotations

import enum
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, cast

from .language.names import Names

if TYPE_CHECKING:
    from importlib.abc import ResourceLoader

__all__ = [
    "ALERT_DESCRIPTIONS",
    "ALERT_LEVELS",
    "AUTHZ_DATA_FORMATS",
    "CACHED_INFORMATION_TYPES",
    "CERTIFICATE_COMPRESSION_ALGORITHMS",
    "CERTIFICATE_STATUS_TYPES",
    "CERTIFICATE_TYPES",
    "CIPHER_SUITES",
    "CLIENT_CERTIFICATE_TYPES",
    "COMPRESSION_METHODS",
    "CONTENT_TYPES",
    "ECH_CLIENT_HELLO_TYPES",
    "EC_CURVE_TYPES",
    "EC_POINT_FORMATS",
    "EXTENSION_TYPES",
    "HANDSHAKE_TYPES",
    "HEARTBEAT_MESSAGE_TYPES",
    "HEARTBEAT_MODES",
    "HPKE_AEADS",
    "HPKE_KDFS",
    "HPKE_KEMS",
    "IDENTIFIER_TYPES",
    "MAX_FRAGMENT_LENGTHS",
    "NAME_TYPES",
    "PSK_KEY_EXCHANGE_MODES",
    "QUIC_ERROR_CODES",
    "QUIC_FRAME_TYPES",
    "QUIC_TRANSPORT_PARAMETERS",
    "QUIC_VERSIONS",
    "SCT_VERSIONS",
    "SIGNATURE_SCHEMES",
    "SRTP_PROTECTION_PROFILES",
    "SSLV2_CIPHER_KINDS",
    "SSLV2_ERRORS",
    "SUPPORTED_GROUPS",
    "TOKEN_BINDING_KEY_PARAMETERS",
    "VERSIONED_TRANS_TYPES",
    "VERSIONS",
    "AlertLevel",
    "CertificateStatusType",
    "ContentType",
    "ECCurveType",
    "ECHClientHelloType",
    "HandshakeType",
    "HeartbeatMessageType",
    "NameType",
    "SCTVersion",
    "cipher_name",
]


class ContentType(enum.IntEnum):
    """The content types that the library has to know. `CONTENT_TYPES` has the names of all.

    RFC 8446 section 5.1; heartbeat: RFC 6520 section 3; tls12_cid: RFC 9146 section 3; ACK: RFC 9147 section 7.
    """

    change_cipher_spec = 20
    alert = 21
    handshake = 22
    application_data = 23
    heartbeat = 24
    tls12_cid = 25
    ack = 26


class HandshakeType(enum.IntEnum):
    """The handshake types that the library has to know. `HANDSHAKE_TYPES` has the names of all.

    RFC 8446 section 4, with the types that only older versions and other RFCs have.
    """

    hello_request = 0
    client_hello = 1
    server_hello = 2
    hello_verify_request = 3
    new_session_ticket = 4
    end_of_early_data = 5
    hello_retry_request = 6
    encrypted_extensions = 8
    certificate = 11
    server_key_exchange = 12
    certificate_request = 13
    server_hello_done = 14
    certificate_verify = 15
    client_key_exchange = 16
    finished = 20
    certificate_url = 21
    certificate_status = 22
    supplemental_data = 23
    key_update = 24
    compressed_certificate = 25
    next_protocol = 67
    message_hash = 254


class AlertLevel(enum.IntEnum):
    """RFC 8446 section 6."""

    warning = 1
    fatal = 2


class HeartbeatMessageType(enum.IntEnum):
    """RFC 6520 section 3."""

    heartbeat_request = 1
    heartbeat_response = 2


class SCTVersion(enum.IntEnum):
    """RFC 6962 section 3.2."""

    v1 = 0


class NameType(enum.IntEnum):
    """RFC 6066 section 3."""

    host_name = 0


class ECCurveType(enum.IntEnum):
    """RFC 8422 section 5.4; the explicit ones: RFC 4492 section 5.4."""

    explicit_prime = 1
    explicit_char2 = 2
    named_curve = 3


class CertificateStatusType(enum.IntEnum):
    """RFC 6066 section 8 and RFC 6961 section 2.2."""

    ocsp = 1
    ocsp_multi = 2


class ECHClientHelloType(enum.IntEnum):
    """RFC 9849 section 5."""

    outer = 0
    inner = 1


def _grease16(code: int) -> bool:
    return code & 0x0F0F == 0x0A0A and code >> 8 == code & 0xFF


def _grease8(code: int) -> bool:
    return code in (0x0B, 0x2A, 0x49, 0x68, 0x87, 0xA6, 0xC5, 0xE4)


def _table(filename: str) -> Callable[[], Mapping[int, str]]:
    def load() -> Mapping[int, str]:
        # As `pkgutil.get_data` has it, which takes time to import.
        loader = cast("ResourceLoader | None", __spec__.loader)
        assert loader is not None
        data = loader.get_data(os.path.join(os.path.dirname(__file__), "registries", filename))
        rows = (line.split(",") for line in data.decode().splitlines()[1:])
        return {int(code, 0): name for code, name, *_ in rows}

    return load


def _enum(enumeration: type[enum.IntEnum]) -> Callable[[], Mapping[int, str]]:
    return lambda: {member.value: member.name for member in enumeration}


VERSIONS = Names("protocol version", 4, _table("versions.csv"), _grease16)
CONTENT_TYPES = Names("content type", 2, _table("content_types.csv"))
HANDSHAKE_TYPES = Names("handshake type", 2, _table("handshake_types.csv"))
ALERT_LEVELS = Names("alert level", 2, _enum(AlertLevel))
ALERT_DESCRIPTIONS = Names("alert description", 2, _table("alert_descriptions.csv"))
HEARTBEAT_MESSAGE_TYPES = Names("heartbeat message type", 2, _enum(HeartbeatMessageType))
CIPHER_SUITES = Names("cipher suite", 4, _table("cipher_suites.csv"), _grease16)
EXTENSION_TYPES = Names("extension type", 4, _table("extension_types.csv"), _grease16)
SUPPORTED_GROUPS = Names("group", 4, _table("supported_groups.csv"), _grease16)
EC_POINT_FORMATS = Names("point format", 2, _table("ec_point_formats.csv"))
EC_CURVE_TYPES = Names("curve type", 2, _enum(ECCurveType))
SIGNATURE_SCHEMES = Names("signature scheme", 4, _table("signature_schemes.csv"), _grease16)
NAME_TYPES = Names("name type", 2, _enum(NameType))
CERTIFICATE_STATUS_TYPES = Names("certificate status type", 2, _enum(CertificateStatusType))
CLIENT_CERTIFICATE_TYPES = Names(
    "client certificate type", 2, _table("client_certificate_types.csv")
)
CERTIFICATE_COMPRESSION_ALGORITHMS = Names(
    "certificate compression algorithm", 4, _table("certificate_compression_algorithms.csv")
)
COMPRESSION_METHODS = Names(
    "compression method",
    2,
    # RFC 3749 section 2 and RFC 3943 section 2.
    lambda: {0: "null", 1: "DEFLATE", 64: "LZS"},
)
PSK_KEY_EXCHANGE_MODES = Names(
    "PSK key exchange mode", 2, _table("psk_key_exchange_modes.csv"), _grease8
)
SRTP_PROTECTION_PROFILES = Names(
    "SRTP protection profile", 4, _table("srtp_protection_profiles.csv")
)
MAX_FRAGMENT_LENGTHS = Names("maximum fragment length", 2, _table("max_fragment_lengths.csv"))
ECH_CLIENT_HELLO_TYPES = Names("ECH type", 2, _enum(ECHClientHelloType))
HEARTBEAT_MODES = Names(
    "heartbeat mode",
    2,
    # RFC 6520 section 2.
    lambda: {1: "peer_allowed_to_send", 2: "peer_not_allowed_to_send"},
)
IDENTIFIER_TYPES = Names(
    "identifier type",
    2,
    # RFC 6066 section 6.
    lambda: {0: "pre_agreed", 1: "key_sha1_hash", 2: "x509_name", 3: "cert_sha1_hash"},
)
AUTHZ_DATA_FORMATS = Names(
    "authorization data format",
    2,
    # RFC 5878 section 2.3; RFC 6042 section 2; RFC 7562 section 4.
    lambda: {
        0: "x509_attr_cert",
        1: "saml_assertion",
        2: "x509_attr_cert_url",
        3: "saml_assertion_url",
        64: "keynote_assertion_list",
        65: "keynote_assertion_list_url",
        66: "dtcp_authorization",
    },
)
CERTIFICATE_TYPES = Names(
    "certificate type",
    2,
    # RFC 6091 section 3.1, RFC 7250 section 3, RFC 8902 section 3.
    lambda: {0: "X509", 1: "OpenPGP", 2: "RawPublicKey", 3: "1609Dot2"},
)
CACHED_INFORMATION_TYPES = Names(
    "cached information type",
    2,
    # RFC 7924 section 3.
    lambda: {1: "cert", 2: "cert_req"},
)
SCT_VERSIONS = Names(
    "SCT version",
    2,
    _enum(SCTVersion),
)
VERSIONED_TRANS_TYPES = Names(
    "transparency item type",
    4,
    # RFC 9162 section 4.5.
    lambda: {
        0x0100: "x509_entry_v2",
        0x0101: "precert_entry_v2",
        0x0102: "x509_sct_v2",
        0x0103: "precert_sct_v2",
        0x0104: "signed_tree_head_v2",
        0x0105: "consistency_proof_v2",
        0x0106: "inclusion_proof_v2",
    },
)
TOKEN_BINDING_KEY_PARAMETERS = Names(
    "token binding key parameters",
    2,
    # RFC 8471 section 3.
    lambda: {0: "rsa2048_pkcs1.5", 1: "rsa2048_pss", 2: "ecdsap256"},
)
HPKE_KEMS = Names(
    "HPKE KEM",
    4,
    # RFC 9180 section 7.1.
    lambda: {
        0x0010: "DHKEM(P-256, HKDF-SHA256)",
        0x0011: "DHKEM(P-384, HKDF-SHA384)",
        0x0012: "DHKEM(P-521, HKDF-SHA512)",
        0x0020: "DHKEM(X25519, HKDF-SHA256)",
        0x0021: "DHKEM(X448, HKDF-SHA512)",
    },
)
HPKE_KDFS = Names(
    "HPKE KDF",
    4,
    # RFC 9180 section 7.2.
    lambda: {1: "HKDF-SHA256", 2: "HKDF-SHA384", 3: "HKDF-SHA512"},
)
HPKE_AEADS = Names(
    "HPKE AEAD",
    4,
    # RFC 9180 section 7.3.
    lambda: {1: "AES-128-GCM", 2: "AES-256-GCM", 3: "ChaCha20Poly1305", 0xFFFF: "Export-only"},
)
QUIC_TRANSPORT_PARAMETERS = Names(
    "QUIC transport parameter",
    2,
    # RFC 9000 section 18.2, RFC 9221 section 3, RFC 9287 section 3, RFC 9368 section 3, and drafts.
    lambda: {
        0x00: "original_destination_connection_id",
        0x01: "max_idle_timeout",
        0x02: "stateless_reset_token",
        0x03: "max_udp_payload_size",
        0x04: "initial_max_data",
        0x05: "initial_max_stream_data_bidi_local",
        0x06: "initial_max_stream_data_bidi_remote",
        0x07: "initial_max_stream_data_uni",
        0x08: "initial_max_streams_bidi",
        0x09: "initial_max_streams_uni",
        0x0A: "ack_delay_exponent",
        0x0B: "max_ack_delay",
        0x0C: "disable_active_migration",
        0x0D: "preferred_address",
        0x0E: "active_connection_id_limit",
        0x0F: "initial_source_connection_id",
        0x10: "retry_source_connection_id",
        0x11: "version_information",
        0x20: "max_datagram_frame_size",
        0xBAAD: "disable_1rtt_encryption",
        0x2AB2: "grease_quic_bit",
        0xFF04DE1B: "min_ack_delay",
        0x0F739BBC1B666D0D: "initial_max_path_id",
    },
    lambda code: code % 31 == 27,
)
QUIC_VERSIONS = Names(
    "QUIC version",
    8,
    # RFC 9000 section 15, RFC 9369 section 3; drafts; and Facebook's (mvfst).
    lambda: {
        0x00000001: "1",
        0x6B3343CF: "2",
        **{0xFF000000 + draft: f"draft-{draft}" for draft in range(22, 35)},
        **{0xFACEB000 + number: f"mvfst-{number}" for number in range(1, 20)},
    },
    lambda code: code & 0x0F0F0F0F == 0x0A0A0A0A,
)
QUIC_FRAME_TYPES = Names(
    "QUIC frame type",
    2,
    # RFC 9000 section 19, RFC 9221 section 4. Bits of some types say what stands in the frame.
    lambda: {
        0x00: "PADDING",
        0x01: "PING",
        **dict.fromkeys(range(0x02, 0x04), "ACK"),
        0x04: "RESET_STREAM",
        0x05: "STOP_SENDING",
        0x06: "CRYPTO",
        0x07: "NEW_TOKEN",
        **dict.fromkeys(range(0x08, 0x10), "STREAM"),
        0x10: "MAX_DATA",
        0x11: "MAX_STREAM_DATA",
        **dict.fromkeys(range(0x12, 0x14), "MAX_STREAMS"),
        0x14: "DATA_BLOCKED",
        0x15: "STREAM_DATA_BLOCKED",
        **dict.fromkeys(range(0x16, 0x18), "STREAMS_BLOCKED"),
        0x18: "NEW_CONNECTION_ID",
        0x19: "RETIRE_CONNECTION_ID",
        0x1A: "PATH_CHALLENGE",
        0x1B: "PATH_RESPONSE",
        **dict.fromkeys(range(0x1C, 0x1E), "CONNECTION_CLOSE"),
        0x1E: "HANDSHAKE_DONE",
        **dict.fromkeys(range(0x30, 0x32), "DATAGRAM"),
    },
)
QUIC_ERROR_CODES = Names(
    "QUIC error code",
    2,
    # RFC 9000 section 20.1, RFC 9368 section 4. Those from 0x0100 on are CRYPTO_ERROR, with the description of a TLS
    # alert in the last byte.
    lambda: {
        0x00: "NO_ERROR",
        0x01: "INTERNAL_ERROR",
        0x02: "CONNECTION_REFUSED",
        0x03: "FLOW_CONTROL_ERROR",
        0x04: "STREAM_LIMIT_ERROR",
        0x05: "STREAM_STATE_ERROR",
        0x06: "FINAL_SIZE_ERROR",
        0x07: "FRAME_ENCODING_ERROR",
        0x08: "TRANSPORT_PARAMETER_ERROR",
        0x09: "CONNECTION_ID_LIMIT_ERROR",
        0x0A: "PROTOCOL_VIOLATION",
        0x0B: "INVALID_TOKEN",
        0x0C: "APPLICATION_ERROR",
        0x0D: "CRYPTO_BUFFER_EXCEEDED",
        0x0E: "KEY_UPDATE_ERROR",
        0x0F: "AEAD_LIMIT_REACHED",
        0x10: "NO_VIABLE_PATH",
        0x11: "VERSION_NEGOTIATION_ERROR",
    },
)
SSLV2_CIPHER_KINDS = Names("SSL 2.0 cipher kind", 6, _table("sslv2_cipher_kinds.csv"))
SSLV2_ERRORS = Names(
    "SSL 2.0 error",
    4,
    # "The SSL Protocol" (SSL 2.0), section 2.6, "Error handling".
    lambda: {
        1: "NO-CIPHER-ERROR",
        2: "NO-CERTIFICATE-ERROR",
        4: "BAD-CERTIFICATE-ERROR",
        6: "UNSUPPORTED-CERTIFICATE-TYPE-ERROR",
    },
)


def cipher_name(code: int) -> str:
    """The name of a cipher suite, or of an SSL 2.0 cipher kind, which has 24 bits. A kind that stands for a
    cipher suite has the suite's number (RFC 5246 appendix E.2).
    """
    return (CIPHER_SUITES if code < 2**16 else SSLV2_CIPHER_KINDS).name(code)
