"""Every structure that the grammar knows, by the name that its document gives it.

What may live here: finding the structures in the modules that declare them, and the names that documents use for
what is called otherwise there. For tools: a program that knows which structure it wants imports that.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import NamedTuple

import construct
from construct import Construct

from . import (
    dtls,
    extensions,
    handshake,
    key_exchange,
    key_schedule,
    language,
    names,
    quic,
    record,
    sslv2,
)
from .extensions import Extension
from .language.declaration import type_name
from .language.names import Names
from .language.presentation import Structure
from .language.shape import Named, Number, parts, shape
from .registry import DEFAULT, MESSAGES, Registry

__all__ = ["ALIASES", "Alias", "Catalogue", "NotFound", "reference_of"]

_MODULES: tuple[ModuleType, ...] = (
    *(record, handshake, key_exchange, dtls, quic, key_schedule, extensions),
    *(x for x in vars(extensions).values() if isinstance(x, ModuleType)),
)

# Structures of these have names that others have too.
_APART: Mapping[str, ModuleType] = {"sslv2": sslv2}


class Alias(NamedTuple):
    """Another name.

    Attributes:
        of: what it is the name of; the first is meant where there can only be one.
        why: they are called otherwise, in words.
    """

    of: tuple[str, ...]
    why: str


_BY_MESSAGE = "one structure for each message that it stands in"
_EMPTY = "it has no content"
_RENAMED = "TLS 1.3 calls it so"
_ENCRYPTED = "encrypted records have the layout of others"

ALIASES: Mapping[str, Alias] = {
    # RFC 8446
    "PreSharedKeyExtension": Alias(("OfferedPsks", "SelectedPsk"), _BY_MESSAGE),
    "PostHandshakeAuth": Alias(("Empty",), _EMPTY),
    "KeyUpdateRequest": Alias(("KeyUpdate",), "a byte of this structure"),
    "UncompressedPointRepresentation": Alias(
        ("KeyShareEntry",), "its key_exchange, which the group has the layout of"
    ),
    # RFC 5246 and before
    "ASN.1Cert": Alias(("ASN1Cert",), "no Python name can have a dot"),
    "SignatureAndHashAlgorithm": Alias(("SignatureScheme",), _RENAMED),
    "HashAlgorithm": Alias(("SignatureScheme",), "its first byte up to TLS 1.2"),
    "SignatureAlgorithm": Alias(("SignatureScheme",), "its second byte up to TLS 1.2"),
    "digitally-signed": Alias(("DigitallySigned",), "no Python name can have a hyphen"),
    "Signature": Alias(("DigitallySigned",), "TLS 1.2 calls it so"),
    "TLSCompressed": Alias(("TLSPlaintext",), _ENCRYPTED),
    "GenericStreamCipher": Alias(("TLSPlaintext",), _ENCRYPTED),
    "GenericBlockCipher": Alias(("TLSPlaintext",), _ENCRYPTED),
    "GenericAEADCipher": Alias(("TLSPlaintext",), _ENCRYPTED),
    # RFC 4492 and RFC 8422
    "NamedCurve": Alias(("NamedGroup",), _RENAMED),
    "NamedCurveList": Alias(("NamedGroupList",), _RENAMED),
    "EllipticCurveList": Alias(("NamedGroupList",), _RENAMED),
    "ECBasisType": Alias(("ExplicitChar2",), "a byte of this structure"),
    # RFC 6066
    "CertChainType": Alias(("CertificateURL",), "a byte of this structure"),
    "Extensions": Alias(("OCSPStatusRequest",), "its request_extensions"),
    "ResponderID": Alias(("OCSPStatusRequest",), "an element of its responder_id_list"),
    # RFC 6347 and RFC 9147
    "DTLSCompressed": Alias(("DTLSPlaintext",), _ENCRYPTED),
    "DTLSInnerPlaintext": Alias(("TLSInnerPlaintext",), "it has the same layout"),
    "unified_hdr": Alias(("UnifiedHeader",), "names of structures begin with a capital letter"),
    "ConnectionIdUsage": Alias(("NewConnectionId",), "a byte of this structure"),
    # RFC 6962
    "SerializedSCT": Alias(("SignedCertificateTimestamp",), "behind its length"),
    "LogID": Alias(("SignedCertificateTimestampV1",), "its id"),
    "CtExtensions": Alias(("SignedCertificateTimestampV1",), "its extensions"),
    # RFC 7250, RFC 6091
    "ClientCertTypeExtension": Alias(
        ("OfferedCertificateTypes", "SelectedCertificateType"), _BY_MESSAGE
    ),
    "ServerCertTypeExtension": Alias(
        ("OfferedCertificateTypes", "SelectedCertificateType"), _BY_MESSAGE
    ),
    "CertificateTypeExtension": Alias(
        ("OfferedCertificateTypes", "SelectedCertificateType"), _BY_MESSAGE
    ),
    # others
    "EKTCipher": Alias(("SupportedEKTCiphers", "SelectedEKTCipher"), _BY_MESSAGE),
    "PinningTicketExtension": Alias(("PinningTicketClient", "PinningTicketServer"), _BY_MESSAGE),
    "TicketRequestContents": Alias(("ClientTicketRequest", "ServerTicketRequestHint"), _BY_MESSAGE),
    "ClientHelloOuterAAD": Alias(("ClientHello",), "with zeros for the payload of its extension"),
    "FlagExtensions": Alias(("TLSFlags",), "the extension is called so"),
    "DnssecChainExtension": Alias(("DnssecChain", "DnssecChainRequest"), _BY_MESSAGE),
}
"""The names of documents for what is called otherwise here, and why."""

_CODE_POINTS: Mapping[Names, str] = {
    names.EC_CURVE_TYPES: "ECCurveType",
    names.ECH_CLIENT_HELLO_TYPES: "ECHClientHelloType",
    names.PSK_KEY_EXCHANGE_MODES: "PskKeyExchangeMode",
    names.AUTHZ_DATA_FORMATS: "AuthzDataFormat",
    names.VERSIONED_TRANS_TYPES: "VersionedTransType",
    names.HPKE_KEMS: "HpkeKemId",
    names.HPKE_KDFS: "HpkeKdfId",
    names.HPKE_AEADS: "HpkeAeadId",
    names.QUIC_TRANSPORT_PARAMETERS: "TransportParameterId",
}
"""The names of documents for types of code points that are not made from those of the code points."""


class NotFound(LookupError):
    """There is no structure of a name; `str()` says which may be meant."""


class Catalogue:
    """The structures of the library, and those of a registry.

    Args:
        registry: what is registered in it can be found too.

    Attributes:
        structures: all of them, by name: those of SSL 2.0 as `sslv2.ClientHello`; what is registered also by the name
            of its code point, as `client_hello`, and as `key_share.server_hello` where it differs by where it stands.
        titles: the names of those that carry none themselves, for `declaration`.
    """

    def __init__(self, registry: Registry = DEFAULT) -> None:
        self.structures: dict[str, Construct] = {"Empty": language.Empty}
        for name, schema in _declared():
            self.structures.setdefault(name, schema)
        for message in MESSAGES:
            name = "".join(word.capitalize() for word in message.split("_")) + "Extension"
            self.structures.setdefault(name, Extension(message))
        self.structures.setdefault("Extension", self.structures["ClientHelloExtension"])
        self.titles: dict[Construct, str] = {}
        for name, schema in self.structures.items():
            if not isinstance(schema, Structure) and schema not in _BUILTIN:
                self.titles.setdefault(schema, name.rpartition(".")[2])
        registered = dict(_registered(registry))
        seen: set[Construct] = set()
        for schema in (*self.structures.copy().values(), *registered.values()):
            self._add_parts(schema, seen)
        for name, schema in registered.items():
            self.structures.setdefault(name, schema)

    def _add_parts(self, schema: Construct, seen: set[Construct]) -> None:
        """Add what a structure is made of, as far as that has names."""
        if schema in seen:
            return
        seen.add(schema)
        if isinstance(schema, Structure):
            self.structures.setdefault(schema.title, schema)
        of = shape(schema)
        if isinstance(of, Number) and of.names is not None and schema not in self.titles:
            title = _CODE_POINTS.get(of.names) or type_name(of.names)
            self.titles[schema] = title
            self.structures.setdefault(title, schema)
        for part in parts(schema):
            self._add_parts(part, seen)

    def find(self, name: str) -> tuple[str, Construct]:
        """A structure by its name, or by another that documents have for it.

        Returns:
            The name that it has here, and its schema.

        Raises:
            NotFound: there is none.
        """
        alias = ALIASES.get(name)
        if name not in self.structures and alias is not None:
            name = alias.of[0]
        if name not in self.structures:
            raise NotFound(
                f"no structure is named {name!r}{_hint(name, {*self.structures, *ALIASES})}"
            )
        return name, self.structures[name]


def _hint(name: str, known: set[str]) -> str:
    """What may have been meant: what differs in capitals only, or what is near."""
    same = [other for other in sorted(known) if other.casefold() == name.casefold()]
    if same:
        return f"; did you mean {' or '.join(map(repr, same))}?"
    folded: dict[str, list[str]] = {}
    for other in sorted(known):
        folded.setdefault(other.casefold(), []).append(other)
    close = difflib.get_close_matches(name.casefold(), folded, n=3)
    meant = [other for each in close for other in folded[each]]
    return f"; did you mean {' or '.join(map(repr, meant))}?" if meant else ""


def reference_of(schema: Construct) -> str:
    """The document that defines a structure; empty where the structure does not say."""
    of: Construct | None = schema
    while of is not None:
        if isinstance(of, Structure):
            return of.reference
        named = shape(of)
        of = named.part if isinstance(named, Named) else None
    return ""


_BUILTIN = {
    *(x for x in vars(construct).values() if isinstance(x, Construct)),
    *(x for x in vars(language).values() if isinstance(x, Construct) and x is not language.Empty),
}


def _declared() -> Iterator[tuple[str, Construct]]:
    """What the modules declare, by the names that it has there."""
    for module in _MODULES:
        for name, schema in _constructs(module):
            yield name, schema
    for prefix, module in _APART.items():
        for name, schema in _constructs(module):
            if isinstance(schema, Structure) or name in module.__all__:
                yield f"{prefix}.{name}", schema


def _constructs(module: ModuleType) -> Iterator[tuple[str, Construct]]:
    """The constructs that a module declares or that it has from another that does."""
    for name, schema in vars(module).items():
        given = getattr(language, name, None) is schema or getattr(construct, name, None) is schema
        if isinstance(schema, Construct) and not name.startswith("_") and not given:
            yield name, schema


def _registered(registry: Registry) -> Iterator[tuple[str, Construct]]:
    """What is registered, by the names of the code points."""
    for entries in (
        *(registry.messages, registry.extensions),
        *(registry.content_types, registry.key_exchanges),
    ):
        for entry in entries.values():
            for where, schema in entry.schemas.items():
                if len(set(entry.schemas.values())) > 1:
                    yield f"{entry.name}.{where}", schema
            yield entry.name, next(iter(entry.schemas.values()))
