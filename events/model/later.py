"""The events that Zeek has added since the documented seventeen, with its names and parameters.

What may live here: their shape. They are raised where they are asked for by name (`wanted=`, `--event`,
`--all-events`) and not otherwise.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

import msgspec

from ..dataclass_fields import FIELDS, DataclassFields
from ..meanings import (
    ClientCertificateType,
    ContentType,
    Group,
    HpkeAead,
    HpkeKdf,
    NameOfSignature,
    PskKeyExchangeMode,
    SctVersion,
    SignatureScheme,
    Version,
)
from ..shown import shown
from .connection import Connection, Event

__all__ = [
    "MODERN",
    "PSKIdentity",
    "SignatureAndHashAlgorithm",
    "SslCertificateRequest",
    "SslDhClientParams",
    "SslEcdhClientParams",
    "SslEcdhServerParams",
    "SslExtensionConnectionId",
    "SslExtensionEncryptedClientHello",
    "SslExtensionKeyShare",
    "SslExtensionPreSharedKeyClientHello",
    "SslExtensionPreSharedKeyServerHello",
    "SslExtensionPskKeyExchangeModes",
    "SslExtensionSignatureAlgorithm",
    "SslExtensionSignatureAlgorithmsCert",
    "SslExtensionSignedCertificateTimestamp",
    "SslExtensionSupportedVersions",
    "SslPlaintextData",
    "SslProbableEncryptedHandshakeMessage",
    "SslRsaClientPms",
    "SslServerSignature",
]


class SignatureAndHashAlgorithm(msgspec.Struct, frozen=True):
    """The two bytes of a SignatureAndHashAlgorithm of TLS 1.2, or of a SignatureScheme of TLS 1.3.

    Attributes:
        HashAlgorithm: the first; 256 where the version has none.
        SignatureAlgorithm: the second, likewise.
    """

    __dataclass_fields__: ClassVar[DataclassFields] = FIELDS
    HashAlgorithm: int
    SignatureAlgorithm: int


SignaturePair = Annotated[SignatureAndHashAlgorithm, NameOfSignature]
"""A pair that is read by the name of the SignatureScheme of the same bytes."""


class PSKIdentity(msgspec.Struct, frozen=True):
    """A pre-shared key that a client offers.

    Attributes:
        identity: its name; of a resumption the ticket.
        obfuscated_ticket_age: in milliseconds, with a secret number added.
    """

    __dataclass_fields__: ClassVar[DataclassFields] = FIELDS
    identity: bytes
    obfuscated_ticket_age: int

    __repr__ = shown


class SslExtensionSignatureAlgorithm(Event, frozen=True):
    """The signature_algorithms extension.

    Attributes:
        is_client: whether the TLS client sent it.
        signature_algorithms: in the sender's order.
    """

    name: ClassVar[str] = "ssl_extension_signature_algorithm"
    c: Connection
    is_client: bool
    signature_algorithms: list[SignaturePair]


class SslExtensionSignatureAlgorithmsCert(Event, frozen=True):
    """The signature_algorithms_cert extension.

    Attributes:
        is_client: whether the TLS client sent it.
        signature_schemes: in the sender's order (`names.SIGNATURE_SCHEMES`).
    """

    name: ClassVar[str] = "ssl_extension_signature_algorithms_cert"
    c: Connection
    is_client: bool
    signature_schemes: list[SignatureScheme]


class SslExtensionKeyShare(Event, frozen=True):
    """The key_share extension.

    Attributes:
        is_client: whether the TLS client sent it.
        curves: the groups of the shares (`names.SUPPORTED_GROUPS`); of a server the one that it chose.
    """

    name: ClassVar[str] = "ssl_extension_key_share"
    c: Connection
    is_client: bool
    curves: list[Group]


class SslExtensionPreSharedKeyClientHello(Event, frozen=True):
    """The pre_shared_key extension of a ClientHello.

    Attributes:
        is_client: whether the TLS client sent it.
        identities: the keys that are offered.
        binders: one for each.
    """

    name: ClassVar[str] = "ssl_extension_pre_shared_key_client_hello"
    c: Connection
    is_client: bool
    identities: list[PSKIdentity]
    binders: list[bytes]


class SslExtensionPreSharedKeyServerHello(Event, frozen=True):
    """The pre_shared_key extension of a ServerHello.

    Attributes:
        is_client: whether the TLS client sent it.
        selected_identity: which of the offered keys was chosen, from 0.
    """

    name: ClassVar[str] = "ssl_extension_pre_shared_key_server_hello"
    c: Connection
    is_client: bool
    selected_identity: int


class SslExtensionSignedCertificateTimestamp(Event, frozen=True):
    """One timestamp of the signed_certificate_timestamp extension.

    Attributes:
        is_client: whether the TLS client sent it.
        version: 0 for the only one that there is (`names.SCT_VERSIONS`).
        logid: the log, by the hash of its key.
        timestamp: in milliseconds since the epoch.
        signature_and_hashalgorithm: how the log signs.
        signature: the log's.
    """

    name: ClassVar[str] = "ssl_extension_signed_certificate_timestamp"
    c: Connection
    is_client: bool
    version: SctVersion
    logid: bytes
    timestamp: int
    signature_and_hashalgorithm: SignaturePair
    signature: bytes


class SslExtensionSupportedVersions(Event, frozen=True):
    """The supported_versions extension.

    Attributes:
        is_client: whether the TLS client sent it.
        versions: in the sender's order (`names.VERSIONS`); of a server the one that it chose.
    """

    name: ClassVar[str] = "ssl_extension_supported_versions"
    c: Connection
    is_client: bool
    versions: list[Version]


class SslExtensionPskKeyExchangeModes(Event, frozen=True):
    """The psk_key_exchange_modes extension.

    Attributes:
        is_client: whether the TLS client sent it.
        modes: in the sender's order (`names.PSK_KEY_EXCHANGE_MODES`).
    """

    name: ClassVar[str] = "ssl_extension_psk_key_exchange_modes"
    c: Connection
    is_client: bool
    modes: list[PskKeyExchangeMode]


class SslExtensionConnectionId(Event, frozen=True):
    """The connection_id extension of DTLS.

    Attributes:
        is_client: whether the TLS client sent it.
        cid: the connection id that its sender wants to receive.
    """

    name: ClassVar[str] = "ssl_extension_connection_id"
    c: Connection
    is_client: bool
    cid: bytes


class SslExtensionEncryptedClientHello(Event, frozen=True):
    """The encrypted_client_hello extension of an outer ClientHello.

    Attributes:
        is_client: whether the TLS client sent it.
        kdf_id, aead_id: of HPKE (`names.HPKE_KDFS`, `names.HPKE_AEADS`).
        config_id: of the server's configuration that it is encrypted for.
        enc: the encapsulated key.
        payload_length: of the encrypted ClientHello, in bytes.
    """

    name: ClassVar[str] = "ssl_extension_encrypted_client_hello"
    c: Connection
    is_client: bool
    kdf_id: HpkeKdf
    aead_id: HpkeAead
    config_id: int
    enc: bytes
    payload_length: int


class SslEcdhServerParams(Event, frozen=True):
    """The server's parameters of an ECDHE or ECDH_anon key exchange with a named curve.

    Attributes:
        curve: the group (`names.SUPPORTED_GROUPS`).
        point: the server's public key.
    """

    name: ClassVar[str] = "ssl_ecdh_server_params"
    c: Connection
    curve: Group
    point: bytes


class SslEcdhClientParams(Event, frozen=True):
    """The client's public key of a key exchange with an elliptic curve.

    Attributes:
        point: the key.
    """

    name: ClassVar[str] = "ssl_ecdh_client_params"
    c: Connection
    point: bytes


class SslDhClientParams(Event, frozen=True):
    """The client's public value of a Diffie-Hellman key exchange.

    Attributes:
        Yc: the value.
    """

    name: ClassVar[str] = "ssl_dh_client_params"
    c: Connection
    Yc: bytes


class SslRsaClientPms(Event, frozen=True):
    """The client's part of an RSA key exchange.

    Attributes:
        pms: the encrypted pre-master secret.
    """

    name: ClassVar[str] = "ssl_rsa_client_pms"
    c: Connection
    pms: bytes


class SslServerSignature(Event, frozen=True):
    """The signature of a ServerKeyExchange.

    Attributes:
        signature_and_hashalgorithm: how it is signed.
        signature: the signature.
    """

    name: ClassVar[str] = "ssl_server_signature"
    c: Connection
    signature_and_hashalgorithm: SignaturePair
    signature: bytes


class SslCertificateRequest(Event, frozen=True):
    """A CertificateRequest, up to TLS 1.2.

    Attributes:
        is_client: whether the TLS client sent it.
        certificate_types: the kinds of certificates that will do (`names.CLIENT_CERTIFICATE_TYPES`).
        supported_signature_algorithms: empty up to TLS 1.1.
        certificate_authorities: names of acceptable authorities, each in DER.
    """

    name: ClassVar[str] = "ssl_certificate_request"
    c: Connection
    is_client: bool
    certificate_types: list[ClientCertificateType]
    supported_signature_algorithms: list[SignaturePair]
    certificate_authorities: list[bytes]


class SslPlaintextData(Event, frozen=True):
    """A record that is not encrypted, after the events of what it holds.

    Attributes:
        is_client: whether the TLS client sent it.
        record_version: from its header.
        content_type: from its header (`names.CONTENT_TYPES`).
        length: of the record without its header, in bytes.
    """

    name: ClassVar[str] = "ssl_plaintext_data"
    c: Connection
    is_client: bool
    record_version: Version
    content_type: ContentType
    length: int


class SslProbableEncryptedHandshakeMessage(Event, frozen=True):
    """An encrypted record of TLS 1.3 before the handshake is over.

    Attributes:
        is_client: whether the TLS client sent it.
        length: of the record without its header, in bytes.
    """

    name: ClassVar[str] = "ssl_probable_encrypted_handshake_message"
    c: Connection
    is_client: bool
    length: int


MODERN: tuple[type[Event], ...] = (
    SslCertificateRequest,
    SslDhClientParams,
    SslEcdhClientParams,
    SslEcdhServerParams,
    SslExtensionConnectionId,
    SslExtensionEncryptedClientHello,
    SslExtensionKeyShare,
    SslExtensionPreSharedKeyClientHello,
    SslExtensionPreSharedKeyServerHello,
    SslExtensionPskKeyExchangeModes,
    SslExtensionSignatureAlgorithm,
    SslExtensionSignatureAlgorithmsCert,
    SslExtensionSignedCertificateTimestamp,
    SslExtensionSupportedVersions,
    SslPlaintextData,
    SslProbableEncryptedHandshakeMessage,
    SslRsaClientPms,
    SslServerSignature,
)
"""The events that came after the documented seventeen."""
