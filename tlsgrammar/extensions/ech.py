"""Extensions that hide the server's name: Encrypted Client Hello (RFC 9849) and the drafts before it."""

from __future__ import annotations

from construct import Struct, Switch, this

from .. import names
from ..language import (
    Bytes,
    Empty,
    block,
    enumeration,
    opaque,
    remaining,
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

# RFC 9849 section 4
HpkeSymmetricCipherSuite = Struct(
    "kdf_id" / enumeration(uint16, names.HPKE_KDFS),
    "aead_id" / enumeration(uint16, names.HPKE_AEADS),
)

HpkeKeyConfig = Struct(
    "config_id" / uint8,
    "kem_id" / enumeration(uint16, names.HPKE_KEMS),
    "public_key" / opaque(1, 2**16 - 1),
    "cipher_suites" / vector(HpkeSymmetricCipherSuite, 4, 2**16 - 4),
)

ECHConfigExtension = Struct(
    "type" / uint16,
    "data" / opaque(0, 2**16 - 1),
)

ECHConfigContents = Struct(
    "key_config" / HpkeKeyConfig,
    "maximum_name_length" / uint8,
    "public_name" / opaque(1, 255),
    "extensions" / vector(ECHConfigExtension, 0, 2**16 - 1),
)

ECH_VERSION = 0xFE0D

ECHConfig = Struct(
    "version" / uint16,
    "contents"
    / block(uint16, Switch(this.version, {ECH_VERSION: ECHConfigContents}, default=remaining())),
)

ECHConfigList = Struct("configs" / vector(ECHConfig, 4, 2**16 - 1))

# RFC 9849 section 5
_Outer = Struct(
    "cipher_suite" / HpkeSymmetricCipherSuite,
    "config_id" / uint8,
    "enc" / opaque(0, 2**16 - 1),
    "payload" / opaque(1, 2**16 - 1),
)

ECHClientHello = Struct(
    "type" / enumeration(uint8, names.ECH_CLIENT_HELLO_TYPES),
    "ech"
    / Switch(
        this.type,
        {ECHClientHelloType.outer: _Outer, ECHClientHelloType.inner: Empty},
        default=remaining(),
    ),
)

register(
    65037,
    "encrypted_client_hello",
    {
        "client_hello": ECHClientHello,
        "encrypted_extensions": Struct("retry_configs" / vector(ECHConfig, 4, 2**16 - 1)),
        "hello_retry_request": Struct("confirmation" / Bytes(8)),
    },
    reference="RFC 9849 section 5",
)

# RFC 9849 section 5.1
OuterExtensions = Struct(
    "outer_extensions" / vector(enumeration(uint16, names.EXTENSION_TYPES), 2, 254),
)

register(
    64768,
    "ech_outer_extensions",
    {"client_hello": OuterExtensions},
    reference="RFC 9849 section 5.1",
)

# draft-ietf-tls-esni-06 section 5
ClientEncryptedSNI = Struct(
    "suite" / enumeration(uint16, names.CIPHER_SUITES),
    "key_share" / KeyShareEntry,
    "record_digest" / opaque(0, 2**16 - 1),
    "encrypted_sni" / opaque(0, 2**16 - 1),
)

register(
    65486,
    "encrypted_server_name",
    {"client_hello": ClientEncryptedSNI, "encrypted_extensions": Struct("nonce" / Bytes(16))},
    reference="draft-ietf-tls-esni-06 section 5",
)
