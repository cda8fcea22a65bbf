"""Handshake and one schema for each handshake message (RFC 8446 section 4 and appendix B.3).

What belongs here: the messages, as RFC 8446 declares them, and as RFC 5246 does where they differ up
to TLS 1.2. Those of the key exchange are in `key_exchange`, extensions in `extensions`.
"""

from __future__ import annotations

from typing import Any

from construct import Default, If, IfThenElse, Peek, Switch, this

from . import names
from .extensions import (
    SUPPORTED_VERSIONS,
    DistinguishedName,
    Extension,
    OCSPResponse,
    ProtocolVersion,
)
from .extensions.records import CONNECTION_ID
from .extensions.signatures import SignatureScheme
from .key_exchange import (
    ClientKeyExchange,
    DigitallySigned,
    ServerKeyExchange,
    names_signature_algorithm,
)
from .language import (
    Bytes,
    Empty,
    block,
    enumeration,
    if_present,
    message,
    opaque,
    reads,
    remaining,
    structure,
    uint8,
    uint16,
    uint24,
    uint32,
    vector,
)
from .language.compiler import packer
from .language.open_types import OpenChoice
from .language.parameters import declare_parameter
from .names import CertificateStatusType, HandshakeType
from .registry import DEFAULT, MESSAGE
from .versions import by_version, is_early_tls13_draft

__all__ = [
    "Certificate",
    "CertificateExtension",
    "CertificateRequest",
    "CertificateRequestExtension",
    "CertificateRequestTLS12",
    "CertificateStatus",
    "CertificateURL",
    "CertificateVerify",
    "CipherSuite",
    "ClientHello",
    "ClientHelloExtension",
    "CompressedCertificate",
    "EncodedClientHelloInner",
    "EncryptedExtensions",
    "EncryptedExtensionsExtension",
    "EndOfEarlyData",
    "Finished",
    "Handshake",
    "HandshakeHeader",
    "HelloRequest",
    "HelloRetryRequest",
    "HelloRetryRequestExtension",
    "HelloVerifyRequest",
    "KeyUpdate",
    "MessageHash",
    "NewSessionTicket",
    "NewSessionTicketExtension",
    "NewSessionTicketTLS12",
    "NewSessionTicketTLS13",
    "NextProtocol",
    "Random",
    "ServerHello",
    "ServerHelloDone",
    "ServerHelloExtension",
    "SupplementalData",
    "SupplementalDataEntry",
    "URLAndHash",
    "extension_data",
    "has_extension",
    "is_hello_retry_request",
    "negotiated_version",
    "offered_connection_id",
    "random_of",
]

CipherSuite = enumeration(uint16, names.CIPHER_SUITES)
CompressionMethod = enumeration(uint8, names.COMPRESSION_METHODS)


declare_parameter("dtls", bool)


@reads("params")
def _in_dtls(context: Any) -> bool:
    return bool(context["_params"].get("dtls"))


# 32 opaque bytes in RFC 8446.
Random = structure(
    "Random",
    "RFC 5246 section 7.4.1.2",
    "gmt_unix_time" / uint32,
    "random_bytes" / Bytes(28),
)

HelloRequest = message("HelloRequest", "RFC 5246 section 7.4.1.1", Empty)

ClientHelloExtension = Extension("client_hello")

# There has to be a cipher suite and a compression method; hellos without are met, and they can be read.
ClientHello = message(
    "ClientHello",
    "RFC 8446 section 4.1.2",
    "legacy_version" / ProtocolVersion,
    "random" / Random,
    "legacy_session_id" / opaque(0, 32),
    # RFC 6347 section 4.2.1, RFC 9147 section 5.3
    "cookie" / If(_in_dtls, Default(opaque(0, 2**8 - 1), b"")),
    "cipher_suites" / vector(CipherSuite, 0, 2**16 - 2),
    "legacy_compression_methods" / vector(CompressionMethod, 0, 2**8 - 1),
    "extensions" / if_present(vector(ClientHelloExtension, 0, 2**16 - 1, salvage=True)),
)

# What is encrypted in the payload of an ECHClientHello. The ClientHello has no session id, and `ech_outer_extensions`
# stands for extensions of the outer one.
EncodedClientHelloInner = message(
    "EncodedClientHelloInner",
    "RFC 9849 section 5.1",
    "client_hello" / ClientHello,
    "zeros" / remaining(),
)

# RFC 8446 section 4.1.3: the SHA-256 of "HelloRetryRequest", in the shape of a Random
_HELLO_RETRY_REQUEST = (
    0xCF21AD74,
    bytes.fromhex("e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c"),
)


@reads("fields")
def _is_hello_retry_request(this: Any) -> bool:
    random = this["random"]
    return (random["gmt_unix_time"], random["random_bytes"]) == _HELLO_RETRY_REQUEST


@reads("fields")
def _has_legacy_fields(this: Any) -> bool:
    version = this["legacy_version"]
    return not (isinstance(version, int) and is_early_tls13_draft(version))


ServerHelloExtension = Extension("server_hello")
HelloRetryRequestExtension = Extension("hello_retry_request")

# A HelloRetryRequest is one too (section 4.1.4). The drafts of TLS 1.3 up to 21 have neither session id nor
# compression method.
ServerHello = message(
    "ServerHello",
    "RFC 8446 section 4.1.3",
    "legacy_version" / ProtocolVersion,
    "random" / Random,
    "legacy_session_id_echo" / If(_has_legacy_fields, opaque(0, 32)),
    "cipher_suite" / CipherSuite,
    "legacy_compression_method" / If(_has_legacy_fields, CompressionMethod),
    "extensions"
    / if_present(
        IfThenElse(
            _is_hello_retry_request,
            vector(HelloRetryRequestExtension, 0, 2**16 - 1),
            vector(ServerHelloExtension, 0, 2**16 - 1),
        )
    ),
)

_DRAFT_18 = 0x7F12


@reads("fields")
def _has_cipher_suite(this: Any) -> bool:
    version = this["server_version"]
    return not (isinstance(version, int) and 0x7F00 <= version <= _DRAFT_18)


# Without the cipher suite up to draft 18.
HelloRetryRequest = message(
    "HelloRetryRequest",
    "draft-ietf-tls-tls13-21 section 4.1.4",
    "server_version" / ProtocolVersion,
    "cipher_suite" / If(_has_cipher_suite, CipherSuite),
    "extensions" / vector(HelloRetryRequestExtension, 0, 2**16 - 1),
)

HelloVerifyRequest = message(
    "HelloVerifyRequest",
    "RFC 6347 section 4.2.1",
    "server_version" / ProtocolVersion,
    "cookie" / opaque(0, 2**8 - 1),
)

NewSessionTicketTLS12 = structure(
    "NewSessionTicketTLS12",
    "RFC 5077 section 3.3",
    "ticket_lifetime_hint" / uint32,
    "ticket" / opaque(0, 2**16 - 1),
)

NewSessionTicketExtension = Extension("new_session_ticket")

NewSessionTicketTLS13 = structure(
    "NewSessionTicketTLS13",
    "RFC 8446 section 4.6.1",
    "ticket_lifetime" / uint32,
    "ticket_age_add" / uint32,
    "ticket_nonce" / opaque(0, 255),
    "ticket" / opaque(1, 2**16 - 1),
    "extensions" / vector(NewSessionTicketExtension, 0, 2**16 - 2),
)

NewSessionTicket = message(
    "NewSessionTicket",
    "RFC 8446 section 4.6.1, RFC 5077 section 3.3",
    by_version(tls12=NewSessionTicketTLS12, tls13=NewSessionTicketTLS13),
)

EndOfEarlyData = message("EndOfEarlyData", "RFC 8446 section 4.5", Empty)

EncryptedExtensionsExtension = Extension("encrypted_extensions")

EncryptedExtensions = message(
    "EncryptedExtensions",
    "RFC 8446 section 4.3.1",
    "extensions" / vector(EncryptedExtensionsExtension, 0, 2**16 - 1),
)

# RFC 5246 section 7.4.2
ASN1Cert = opaque(1, 2**24 - 1)

CertificateTLS12 = structure(
    "CertificateTLS12",
    "RFC 5246 section 7.4.2",
    "certificate_list" / vector(ASN1Cert, 0, 2**24 - 1),
)

declare_parameter("certificate_type", names.CERTIFICATE_TYPES)

RAW_PUBLIC_KEY = 2


@reads("params")
def _has_raw_public_key(context: Any) -> bool:
    return bool(context["_params"].get("certificate_type") == RAW_PUBLIC_KEY)


# It stands in the place of the whole list, up to TLS 1.2; in TLS 1.3 in that of the first certificate.
RawPublicKeyTLS12 = structure(
    "RawPublicKeyTLS12",
    "RFC 7250 section 3",
    "ASN1_subjectPublicKeyInfo" / opaque(1, 2**24 - 1),
)

CertificateExtension = Extension("certificate")

CertificateEntry = structure(
    "CertificateEntry",
    "RFC 8446 section 4.4.2",
    "cert_data" / opaque(1, 2**24 - 1),
    "extensions" / vector(CertificateExtension, 0, 2**16 - 1),
)

CertificateTLS13 = structure(
    "CertificateTLS13",
    "RFC 8446 section 4.4.2",
    "certificate_request_context" / opaque(0, 2**8 - 1),
    "certificate_list" / vector(CertificateEntry, 0, 2**24 - 1),
)

Certificate = message(
    "Certificate",
    "RFC 8446 section 4.4.2, RFC 5246 section 7.4.2, RFC 7250 section 3",
    by_version(
        tls12=IfThenElse(_has_raw_public_key, RawPublicKeyTLS12, CertificateTLS12),
        tls13=CertificateTLS13,
    ),
)

# The signature algorithms are new in TLS 1.2.
CertificateRequestTLS12 = structure(
    "CertificateRequestTLS12",
    "RFC 5246 section 7.4.4",
    "certificate_types" / vector(enumeration(uint8, names.CLIENT_CERTIFICATE_TYPES), 1, 2**8 - 1),
    "supported_signature_algorithms"
    / If(
        names_signature_algorithm,
        vector(SignatureScheme, 2, 2**16 - 2),
    ),
    "certificate_authorities" / vector(DistinguishedName, 0, 2**16 - 1),
)

CertificateRequestExtension = Extension("certificate_request")

CertificateRequestTLS13 = structure(
    "CertificateRequestTLS13",
    "RFC 8446 section 4.3.2",
    "certificate_request_context" / opaque(0, 2**8 - 1),
    "extensions" / vector(CertificateRequestExtension, 2, 2**16 - 1),
)

CertificateRequest = message(
    "CertificateRequest",
    "RFC 8446 section 4.3.2, RFC 5246 section 7.4.4",
    by_version(tls12=CertificateRequestTLS12, tls13=CertificateRequestTLS13),
)

ServerHelloDone = message("ServerHelloDone", "RFC 5246 section 7.4.5", Empty)

CertificateVerify = message(
    "CertificateVerify", "RFC 8446 section 4.4.3, RFC 5246 section 7.4.8", DigitallySigned
)

# As long as the hash of the cipher suite; 12 bytes in TLS up to 1.2, 36 in SSL 3.0.
Finished = message("Finished", "RFC 8446 section 4.4.4", "verify_data" / remaining())

URLAndHash = structure(
    "URLAndHash",
    "RFC 6066 section 5",
    "url" / opaque(1, 2**16 - 1),
    "padding" / uint8,
    "sha1_hash" / Bytes(20),
)

CertificateURL = message(
    "CertificateURL",
    "RFC 6066 section 5",
    "type" / uint8,
    "url_and_hash_list" / vector(URLAndHash, 1, 2**16 - 1),
)

OCSPResponseList = structure(
    "OCSPResponseList",
    "RFC 6961 section 2.2",
    "ocsp_response_list" / vector(opaque(0, 2**24 - 1), 1, 2**24 - 1),
)

CertificateStatus = message(
    "CertificateStatus",
    "RFC 6066 section 8, RFC 6961 section 2.2",
    "status_type" / enumeration(uint8, names.CERTIFICATE_STATUS_TYPES),
    "response"
    / Switch(
        this.status_type,
        {
            CertificateStatusType.ocsp: OCSPResponse,
            CertificateStatusType.ocsp_multi: OCSPResponseList,
        },
        default=remaining(),
    ),
)

SupplementalDataEntry = structure(
    "SupplementalDataEntry",
    "RFC 4680 section 2",
    "supp_data_type" / uint16,
    "supp_data" / opaque(0, 2**16 - 1),
)

SupplementalData = message(
    "SupplementalData",
    "RFC 4680 section 2",
    "supp_data" / vector(SupplementalDataEntry, 1, 2**24 - 1),
)

KeyUpdate = message("KeyUpdate", "RFC 8446 section 4.6.3", "request_update" / uint8)

CompressedCertificate = message(
    "CompressedCertificate",
    "RFC 8879 section 4",
    "algorithm" / enumeration(uint16, names.CERTIFICATE_COMPRESSION_ALGORITHMS),
    "uncompressed_length" / uint24,
    "compressed_certificate_message" / opaque(1, 2**24 - 1),
)

NextProtocol = message(
    "NextProtocol",
    "draft-agl-tls-nextprotoneg-04 section 3",
    "selected_protocol" / opaque(0, 2**8 - 1),
    "padding" / opaque(0, 2**8 - 1),
)

MessageHash = message("MessageHash", "RFC 8446 section 4.4.1", "hash" / remaining())


def _body_of(hello: Any, extension_type: int) -> Any:
    """The body of an extension of a parsed hello; None where there is none, or it cannot be read."""
    for extension in hello["extensions"] or ():
        if extension["extension_type"] == extension_type and extension["body"] is not None:
            return extension["body"]
    return None


def negotiated_version(hello: Any) -> int:
    """The version that a parsed ServerHello or HelloRetryRequest settles: the one of its
    supported_versions (RFC 8446 section 4.2.1), or its own.
    """
    body = _body_of(hello, SUPPORTED_VERSIONS)
    if body is not None:
        selected: int = body["selected_version"]
        return selected
    version: int = hello["legacy_version"] if "legacy_version" in hello else hello["server_version"]
    return version


def offered_connection_id(hello: Any) -> bytes | None:
    """The connection id that the sender of a parsed hello wants to receive (RFC 9146 section 3); None where it
    wants none.
    """
    body = _body_of(hello, CONNECTION_ID)
    cid: bytes | None = None if body is None else body["cid"]
    return cid


def extension_data(hello: Any, extension_type: int) -> bytes | None:
    """The bytes of an extension of a parsed hello; None where it has none of that type."""
    for each in hello["extensions"] or ():
        if each["extension_type"] == extension_type:
            data: bytes = each["extension_data"]
            return data
    return None


_CERTIFICATE_TYPES = {True: 19, False: 20}


def certificate_type(hello: Any, of_client: bool) -> int | None:
    """The type of the certificate that a side will send (RFC 7250 section 4), by a parsed ServerHello; None where it says
    nothing of it.
    """
    for each in hello["extensions"] or ():
        if each["extension_type"] == _CERTIFICATE_TYPES[of_client] and each["body"] is not None:
            chosen: int = each["body"]["certificate_type"]
            return chosen
    return None


def has_extension(hello: Any, extension_type: int) -> bool:
    """Whether a parsed hello has an extension, readable or not."""
    return extension_data(hello, extension_type) is not None


_random = packer(Random)


def random_of(hello: Any) -> bytes:
    """The random of a parsed hello, its 32 bytes."""
    random = hello["random"]
    return _random(random["gmt_unix_time"], random["random_bytes"])


def is_hello_retry_request(hello: Any) -> bool:
    """Whether a parsed ServerHello is a HelloRetryRequest (RFC 8446 section 4.1.3), or one of the drafts that was a
    message of its own.
    """
    return "random" not in hello or bool(_is_hello_retry_request(hello))


for _type, _schema, _reference in (
    (HandshakeType.hello_request, HelloRequest, "RFC 5246 section 7.4.1.1"),
    (HandshakeType.client_hello, ClientHello, "RFC 8446 section 4.1.2"),
    (HandshakeType.server_hello, ServerHello, "RFC 8446 section 4.1.3"),
    (HandshakeType.hello_verify_request, HelloVerifyRequest, "RFC 6347 section 4.2.1"),
    (
        HandshakeType.new_session_ticket,
        NewSessionTicket,
        "RFC 8446 section 4.6.1, RFC 5077 section 3.3",
    ),
    (HandshakeType.end_of_early_data, EndOfEarlyData, "RFC 8446 section 4.5"),
    (HandshakeType.hello_retry_request, HelloRetryRequest, "draft-ietf-tls-tls13-21 section 4.1.4"),
    (HandshakeType.encrypted_extensions, EncryptedExtensions, "RFC 8446 section 4.3.1"),
    (HandshakeType.certificate, Certificate, "RFC 8446 section 4.4.2, RFC 5246 section 7.4.2"),
    (HandshakeType.server_key_exchange, ServerKeyExchange, "RFC 5246 section 7.4.3"),
    (
        HandshakeType.certificate_request,
        CertificateRequest,
        "RFC 8446 section 4.3.2, RFC 5246 section 7.4.4",
    ),
    (HandshakeType.server_hello_done, ServerHelloDone, "RFC 5246 section 7.4.5"),
    (
        HandshakeType.certificate_verify,
        CertificateVerify,
        "RFC 8446 section 4.4.3, RFC 5246 section 7.4.8",
    ),
    (HandshakeType.client_key_exchange, ClientKeyExchange, "RFC 5246 section 7.4.7"),
    (HandshakeType.finished, Finished, "RFC 8446 section 4.4.4"),
    (HandshakeType.certificate_url, CertificateURL, "RFC 6066 section 5"),
    (HandshakeType.certificate_status, CertificateStatus, "RFC 6066 section 8"),
    (HandshakeType.supplemental_data, SupplementalData, "RFC 4680 section 2"),
    (HandshakeType.key_update, KeyUpdate, "RFC 8446 section 4.6.3"),
    (HandshakeType.compressed_certificate, CompressedCertificate, "RFC 8879 section 4"),
    (HandshakeType.next_protocol, NextProtocol, "draft-agl-tls-nextprotoneg-04 section 3"),
    (HandshakeType.message_hash, MessageHash, "RFC 8446 section 4.4.1"),
):
    DEFAULT.register_message(_type.value, _type.name, _schema, reference=_reference)

# A message of another type keeps its bytes. What the layout of a body depends on
# comes in the context: `version` (as negotiated; up to TLS 1.2 without it) and `cipher_suite`.
Handshake = message(
    "Handshake",
    "RFC 8446 section 4",
    "msg_type" / enumeration(uint8, names.HANDSHAKE_TYPES),
    "length" / Peek(uint24),
    "body" / block(uint24, OpenChoice(MESSAGE, "", this.msg_type, remaining()), salvage=True),
)

# The part of a message before its body.
HandshakeHeader = structure(
    "HandshakeHeader",
    "RFC 8446 section 4",
    "msg_type" / uint8,
    "length" / uint24,
)
