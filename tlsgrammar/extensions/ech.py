"""Extensions that hide the server's name: Encrypted Client Hello (RFC 9849) and the drafts before it."""

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
    vector,
)
from ..names import ECHClientHelloType
from .extension import register
from .groups import KeyShareEntry

__all__ = [
    "ECHClientHello",
    "ECHConfig",
    "ECHConfigContents",
    "ECHConfigList",
    "HpkeKeyConfig",
    "HpkeSymmetricCipherSuite",
    "OuterExtensions",
]

HpkeSymmetricCipherSuite = structure(
    "HpkeSymmetricCipherSuite",
    "RFC 9849 section 4",
    "kdf_id" / enumeration(uint16, names.HPKE_KDFS),
    "aead_id" / enumeration(uint16, names.HPKE_AEADS),
)

HpkeKeyConfig = structure(
    "HpkeKeyConfig",
    "RFC 9849 section 4",
    "config_id" / uint8,
    "kem_id" / enumeration(uint16, names.HPKE_KEMS),
    "public_key" / opaque(1, 2**16 - 1),
    "cipher_suites" / vector(HpkeSymmetricCipherSuite, 4, 2**16 - 4),
)

ECHConfigExtension = structure(
    "ECHConfigExtension",
    "RFC 9849 section 4",
    "type" / uint16,
    "data" / opaque(0, 2**16 - 1),
)

ECHConfigContents = structure(
    "ECHConfigContents",
    "RFC 9849 section 4",
    "key_config" / HpkeKeyConfig,
    "maximum_name_length" / uint8,
    "public_name" / opaque(1, 255),
    "extensions" / vector(ECHConfigExtension, 0, 2**16 - 1),
)

ECH_VERSION = 0xFE0D

ECHConfig = structure(
    "ECHConfig",
    "RFC 9849 section 4",
    "version" / uint16,
    "contents"
    / block(uint16, Switch(this.version, {ECH_VERSION: ECHConfigContents}, default=remaining())),
)

ECHConfigList = structure(
    "ECHConfigList", "RFC 9849 section 4", "configs" / vector(ECHConfig, 4, 2**16 - 1)
)

# A case of ECHClientHello, which has no name there.
ECHClientHelloOuter = structure(
    "ECHClientHelloOuter",
    "RFC 9849 section 5",
    "cipher_suite" / HpkeSymmetricCipherSuite,
    "config_id" / uint8,
    "enc" / opaque(0, 2**16 - 1),
    "payload" / opaque(1, 2**16 - 1),
)

ECHClientHello = structure(
    "ECHClientHello",
    "RFC 9849 section 5",
    "type" / enumeration(uint8, names.ECH_CLIENT_HELLO_TYPES),
    "ech"
    / Switch(
        this.type,
        {ECHClientHelloType.outer: ECHClientHelloOuter, ECHClientHelloType.inner: Empty},
        default=remaining(),
    ),
)

ECHEncryptedExtensions = structure(
    "ECHEncryptedExtensions",
    "RFC 9849 section 5",
    "retry_configs" / vector(ECHConfig, 4, 2**16 - 1),
)
ECHHelloRetryRequest = structure(
    "ECHHelloRetryRequest", "RFC 9849 section 5", "confirmation" / Bytes(8)
)

register(
    65037,
    "encrypted_client_hello",
    {
        "client_hello": ECHClientHello,
        "encrypted_extensions": ECHEncryptedExtensions,
        "hello_retry_request": ECHHelloRetryRequest,
    },
    reference="RFC 9849 section 5",
)

OuterExtensions = structure(
    "OuterExtensions",
    "RFC 9849 section 5.1",
    "outer_extensions" / vector(enumeration(uint16, names.EXTENSION_TYPES), 2, 254),
)

register(
    64768,
    "ech_outer_extensions",
    {"client_hello": OuterExtensions},
    reference="RFC 9849 section 5.1",
)

ClientEncryptedSNI = structure(
    "ClientEncryptedSNI",
    "draft-ietf-tls-esni-06 section 5",
    "suite" / enumeration(uint16, names.CIPHER_SUITES),
    "key_share" / KeyShareEntry,
    "record_digest" / opaque(0, 2**16 - 1),
    "encrypted_sni" / opaque(0, 2**16 - 1),
)

ServerEncryptedSNI = structure(
    "ServerEncryptedSNI", "draft-ietf-tls-esni-06 section 5", "nonce" / Bytes(16)
)

register(
    65486,
    "encrypted_server_name",
    {"client_hello": ClientEncryptedSNI, "encrypted_extensions": ServerEncryptedSNI},
    reference="draft-ietf-tls-esni-06 section 5",
)
