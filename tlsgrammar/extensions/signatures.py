"""Extensions about signatures: which algorithms a side can verify, and what stands signed for others."""

from __future__ import annotations

from .. import names
from ..language import enumeration, opaque, structure, uint16, uint32, vector
from .extension import register

__all__ = ["Credential", "DelegatedCredential", "SignatureScheme", "SignatureSchemeList"]

# RFC 8446 section 4.2.3; the two bytes of a SignatureAndHashAlgorithm in TLS 1.2
SignatureScheme = enumeration(uint16, names.SIGNATURE_SCHEMES)

SignatureSchemeList = structure(
    "SignatureSchemeList",
    "RFC 8446 section 4.2.3",
    "supported_signature_algorithms" / vector(SignatureScheme, 2, 2**16 - 2),
)

register(
    13,
    "signature_algorithms",
    {"client_hello": SignatureSchemeList, "certificate_request": SignatureSchemeList},
    reference="RFC 8446 section 4.2.3",
)

register(
    50,
    "signature_algorithms_cert",
    {"client_hello": SignatureSchemeList, "certificate_request": SignatureSchemeList},
    reference="RFC 8446 section 4.2.3",
)

Credential = structure(
    "Credential",
    "RFC 9345 section 4",
    "valid_time" / uint32,
    "dc_cert_verify_algorithm" / SignatureScheme,
    "ASN1_subjectPublicKeyInfo" / opaque(1, 2**24 - 1),
)

DelegatedCredential = structure(
    "DelegatedCredential",
    "RFC 9345 section 4",
    "cred" / Credential,
    "algorithm" / SignatureScheme,
    "signature" / opaque(1, 2**16 - 1),
)

register(
    34,
    "delegated_credential",
    {
        "client_hello": SignatureSchemeList,
        "certificate_request": SignatureSchemeList,
        "certificate": DelegatedCredential,
    },
    reference="RFC 9345 section 4.1",
)
