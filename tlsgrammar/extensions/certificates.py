"""Extensions about certificates: which kinds, which authorities, their status, and proofs beside them."""

from __future__ import annotations

from construct import Switch, this

from .. import names
from ..language import (
    Bytes,
    Empty,
    block,
    enumeration,
    opaque,
    remaining,
    structure,
    uint8,
    uint16,
    uint64,
    vector,
)
from ..names import CertificateStatusType, SCTVersion
from .extension import register
from .signatures import SignatureScheme

__all__ = [
    "AuthzFormatList",
    "CachedInformation",
    "CertificateAuthoritiesExtension",
    "CertificateStatusRequest",
    "CertificateStatusRequestListV2",
    "CertificateType",
    "DistinguishedName",
    "OCSPResponse",
    "OCSPStatusRequest",
    "OIDFilterExtension",
    "SignedCertificateTimestamp",
    "SignedCertificateTimestampList",
    "TransItemList",
    "TrustedAuthorities",
    "UserMappingTypeList",
]

register(
    2,
    "client_certificate_url",
    {"client_hello": Empty, "server_hello": Empty},
    reference="RFC 6066 section 5",
)

# RFC 5246 section 7.4.4
DistinguishedName = opaque(1, 2**16 - 1)

TrustedAuthority = structure(
    "TrustedAuthority",
    "RFC 6066 section 6",
    "identifier_type" / enumeration(uint8, names.IDENTIFIER_TYPES),
    "identifier"
    / Switch(
        this.identifier_type,
        {0: Empty, 1: Bytes(20), 2: DistinguishedName, 3: Bytes(20)},
        # One of another type has no known length: what follows it in the list belongs to it.
        default=remaining(),
    ),
)

TrustedAuthorities = structure(
    "TrustedAuthorities",
    "RFC 6066 section 6",
    "trusted_authorities_list" / vector(TrustedAuthority, 0, 2**16 - 1),
)

register(
    3,
    "trusted_ca_keys",
    {"client_hello": TrustedAuthorities, "server_hello": Empty},
    reference="RFC 6066 section 6",
)

OCSPStatusRequest = structure(
    "OCSPStatusRequest",
    "RFC 6066 section 8",
    "responder_id_list" / vector(opaque(1, 2**16 - 1), 0, 2**16 - 1),
    "request_extensions" / opaque(0, 2**16 - 1),
)

CertificateStatusRequest = structure(
    "CertificateStatusRequest",
    "RFC 6066 section 8",
    "status_type" / enumeration(uint8, names.CERTIFICATE_STATUS_TYPES),
    "request"
    / Switch(
        this.status_type, {CertificateStatusType.ocsp: OCSPStatusRequest}, default=remaining()
    ),
)

OCSPResponse = opaque(1, 2**24 - 1)

# The body of a CertificateStatus.
CertificateEntryStatus = structure(
    "CertificateEntryStatus",
    "RFC 8446 section 4.4.2.1",
    "status_type" / enumeration(uint8, names.CERTIFICATE_STATUS_TYPES),
    "response"
    / Switch(this.status_type, {CertificateStatusType.ocsp: OCSPResponse}, default=remaining()),
)

register(
    5,
    "status_request",
    {
        "client_hello": CertificateStatusRequest,
        "server_hello": Empty,
        "certificate_request": Empty,
        "certificate": CertificateEntryStatus,
    },
    reference="RFC 6066 section 8, RFC 8446 section 4.4.2.1",
)

CertificateStatusRequestItemV2 = structure(
    "CertificateStatusRequestItemV2",
    "RFC 6961 section 2.2",
    "status_type" / enumeration(uint8, names.CERTIFICATE_STATUS_TYPES),
    "request"
    / block(
        uint16,
        Switch(
            this.status_type,
            {
                CertificateStatusType.ocsp: OCSPStatusRequest,
                CertificateStatusType.ocsp_multi: OCSPStatusRequest,
            },
            default=remaining(),
        ),
    ),
)

CertificateStatusRequestListV2 = structure(
    "CertificateStatusRequestListV2",
    "RFC 6961 section 2.2",
    "certificate_status_req_list" / vector(CertificateStatusRequestItemV2, 1, 2**16 - 1),
)

register(
    17,
    "status_request_v2",
    {"client_hello": CertificateStatusRequestListV2, "server_hello": Empty},
    reference="RFC 6961 section 2.2",
)

UserMappingTypeList = structure(
    "UserMappingTypeList", "RFC 4681 section 3", "user_mapping_types" / vector(uint8, 1, 2**8 - 1)
)

register(
    6,
    "user_mapping",
    {"client_hello": UserMappingTypeList, "server_hello": UserMappingTypeList},
    reference="RFC 4681 section 3",
)

AuthzFormatList = structure(
    "AuthzFormatList",
    "RFC 5878 section 2.3",
    "authz_format_list" / vector(enumeration(uint8, names.AUTHZ_DATA_FORMATS), 1, 2**8 - 1),
)

for _code, _name in ((7, "client_authz"), (8, "server_authz")):
    register(
        _code,
        _name,
        {"client_hello": AuthzFormatList, "server_hello": AuthzFormatList},
        reference="RFC 5878 section 2.3",
    )

# RFC 6091 section 3.1, RFC 7250 section 3
CertificateType = enumeration(uint8, names.CERTIFICATE_TYPES)

OfferedCertificateTypes = structure(
    "OfferedCertificateTypes",
    "RFC 7250 section 3",
    "certificate_types" / vector(CertificateType, 1, 2**8 - 1),
)
SelectedCertificateType = structure(
    "SelectedCertificateType", "RFC 7250 section 3", "certificate_type" / CertificateType
)

for _code, _name, _reference in (
    (9, "cert_type", "RFC 6091 section 3.1"),
    (19, "client_certificate_type", "RFC 7250 section 3"),
    (20, "server_certificate_type", "RFC 7250 section 3"),
):
    register(
        _code,
        _name,
        {
            "client_hello": OfferedCertificateTypes,
            "server_hello": SelectedCertificateType,
            "encrypted_extensions": SelectedCertificateType,
        },
        reference=_reference,
    )

SignedCertificateTimestampV1 = structure(
    "SignedCertificateTimestampV1",
    "RFC 6962 section 3.2",
    "id" / Bytes(32),
    "timestamp" / uint64,
    "extensions" / opaque(0, 2**16 - 1),
    "algorithm" / SignatureScheme,
    "signature" / opaque(0, 2**16 - 1),
)

SignedCertificateTimestamp = structure(
    "SignedCertificateTimestamp",
    "RFC 6962 section 3.2",
    "version" / enumeration(uint8, names.SCT_VERSIONS),
    "sct"
    / Switch(
        this.version,
        {SCTVersion.v1: SignedCertificateTimestampV1},
        default=remaining(),
    ),
)

SignedCertificateTimestampList = structure(
    "SignedCertificateTimestampList",
    "RFC 6962 section 3.3",
    "sct_list" / vector(block(uint16, SignedCertificateTimestamp), 1, 2**16 - 1),
)

register(
    18,
    "signed_certificate_timestamp",
    {
        "client_hello": Empty,
        "server_hello": SignedCertificateTimestampList,
        "certificate_request": Empty,
        "certificate": SignedCertificateTimestampList,
    },
    reference="RFC 6962 section 3.3.1, RFC 8446 section 4.4.2.1",
)

SctExtension = structure(
    "SctExtension",
    "RFC 9162 section 4.8",
    "sct_extension_type" / uint16,
    "sct_extension_data" / opaque(0, 2**16 - 1),
)

SignedCertificateTimestampDataV2 = structure(
    "SignedCertificateTimestampDataV2",
    "RFC 9162 section 4.8",
    "log_id" / opaque(2, 127),
    "timestamp" / uint64,
    "sct_extensions" / vector(SctExtension, 0, 2**16 - 1),
    "signature" / opaque(1, 2**16 - 1),
)

TransItem = structure(
    "TransItem",
    "RFC 9162 section 4.5",
    "versioned_type" / enumeration(uint16, names.VERSIONED_TRANS_TYPES),
    "data"
    / Switch(
        this.versioned_type,
        {0x0102: SignedCertificateTimestampDataV2, 0x0103: SignedCertificateTimestampDataV2},
        default=remaining(),
    ),
)

TransItemList = structure(
    "TransItemList",
    "RFC 9162 section 4.5",
    "trans_item_list" / vector(block(uint16, TransItem), 1, 2**16 - 1),
)

register(
    52,
    "transparency_info",
    {"client_hello": Empty, "server_hello": TransItemList, "certificate": TransItemList},
    reference="RFC 9162 section 6.5",
)

# A client says what it has, a server which of it it will not send.
CachedObject = structure(
    "CachedObject",
    "RFC 7924 section 3",
    "type" / enumeration(uint8, names.CACHED_INFORMATION_TYPES),
    "hash_value" / opaque(1, 255),
)

CachedInformation = structure(
    "CachedInformation", "RFC 7924 section 3", "cached_info" / vector(CachedObject, 1, 2**16 - 1)
)

OmittedInformation = structure(
    "OmittedInformation",
    "RFC 7924 section 3",
    "cached_info" / vector(enumeration(uint8, names.CACHED_INFORMATION_TYPES), 1, 2**16 - 1),
)

register(
    25,
    "cached_info",
    {
        "client_hello": CachedInformation,
        "server_hello": OmittedInformation,
    },
    reference="RFC 7924 section 3",
)

CertificateCompressionAlgorithms = structure(
    "CertificateCompressionAlgorithms",
    "RFC 8879 section 3",
    "algorithms"
    / vector(enumeration(uint16, names.CERTIFICATE_COMPRESSION_ALGORITHMS), 2, 2**8 - 2),
)

register(
    27,
    "compress_certificate",
    {
        "client_hello": CertificateCompressionAlgorithms,
        "certificate_request": CertificateCompressionAlgorithms,
    },
    reference="RFC 8879 section 3",
)

CertificateAuthoritiesExtension = structure(
    "CertificateAuthoritiesExtension",
    "RFC 8446 section 4.2.4",
    "authorities" / vector(DistinguishedName, 3, 2**16 - 1),
)

register(
    47,
    "certificate_authorities",
    {
        "client_hello": CertificateAuthoritiesExtension,
        "certificate_request": CertificateAuthoritiesExtension,
    },
    reference="RFC 8446 section 4.2.4",
)

OIDFilter = structure(
    "OIDFilter",
    "RFC 8446 section 4.2.5",
    "certificate_extension_oid" / opaque(1, 2**8 - 1),
    "certificate_extension_values" / opaque(0, 2**16 - 1),
)

OIDFilterExtension = structure(
    "OIDFilterExtension", "RFC 8446 section 4.2.5", "filters" / vector(OIDFilter, 0, 2**16 - 1)
)

register(
    48,
    "oid_filters",
    {"certificate_request": OIDFilterExtension},
    reference="RFC 8446 section 4.2.5",
)

register(49, "post_handshake_auth", {"client_hello": Empty}, reference="RFC 8446 section 4.2.6")

DnssecChainRequest = structure("DnssecChainRequest", "RFC 9102 section 2.2", "port_number" / uint16)

DnssecChain = structure(
    "DnssecChain",
    "RFC 9102 section 2.2 and 2.3",
    "ext_support_lifetime" / uint16,
    "authentication_chain" / remaining(),
)

register(
    59,
    "dnssec_chain",
    {
        "client_hello": DnssecChainRequest,
        "server_hello": DnssecChain,
        "certificate": DnssecChain,
    },
    reference="RFC 9102 section 2.2",
)

TrustAnchorIDList = structure(
    "TrustAnchorIDList",
    "draft-ietf-tls-trust-anchor-ids section 4",
    "trust_anchor_ids" / vector(opaque(1, 2**8 - 1), 0, 2**16 - 1),
)

register(
    51764,
    "trust_anchors",
    {
        "client_hello": TrustAnchorIDList,
        "encrypted_extensions": TrustAnchorIDList,
        "certificate_request": TrustAnchorIDList,
        "certificate": Empty,
    },
    reference="draft-ietf-tls-trust-anchor-ids section 4",
)
