"""Every structure is found by the name that its document gives it."""

from __future__ import annotations

import subprocess
import sys

import pytest
from construct import Struct

import tlsgrammar
from tlsgrammar import sslv2
from tlsgrammar.catalogue import ALIASES, Catalogue, NotFound, reference_of
from tlsgrammar.extensions import DEFAULT
from tlsgrammar.language import structure, uint8
from tlsgrammar.language.declaration import declaration
from tlsgrammar.language.strategies import check_drawable

CATALOGUE = Catalogue()

# The structures of the documents, and the types that have names in them.
BY_DOCUMENT = {
    "RFC 8446": """
        ContentType TLSPlaintext TLSInnerPlaintext TLSCiphertext AlertLevel AlertDescription Alert
        HandshakeType Handshake ProtocolVersion Random CipherSuite ClientHello ServerHello Extension
        ExtensionType KeyShareEntry KeyShareClientHello KeyShareHelloRetryRequest KeyShareServerHello
        UncompressedPointRepresentation PskKeyExchangeMode PskKeyExchangeModes Empty
        EarlyDataIndication PskIdentity PskBinderEntry OfferedPsks PreSharedKeyExtension
        SupportedVersions Cookie SignatureScheme SignatureSchemeList NamedGroup NamedGroupList
        DistinguishedName CertificateAuthoritiesExtension OIDFilter OIDFilterExtension
        PostHandshakeAuth EncryptedExtensions CertificateRequest CertificateType CertificateEntry
        Certificate CertificateVerify Finished NewSessionTicket EndOfEarlyData KeyUpdateRequest
        KeyUpdate HkdfLabel HelloRetryRequest
        """,
    "RFC 5246": """
        ProtocolVersion ContentType TLSPlaintext TLSCompressed TLSCiphertext GenericStreamCipher
        GenericBlockCipher GenericAEADCipher ChangeCipherSpec AlertLevel AlertDescription Alert
        HandshakeType Handshake HelloRequest Random CompressionMethod ClientHello ServerHello
        Extension ExtensionType HashAlgorithm SignatureAlgorithm SignatureAndHashAlgorithm
        ASN.1Cert Certificate ServerDHParams ServerKeyExchange ClientCertificateType
        DistinguishedName CertificateRequest ServerHelloDone ClientKeyExchange PreMasterSecret
        EncryptedPreMasterSecret ClientDiffieHellmanPublic CertificateVerify Finished
        digitally-signed
        """,
    "RFC 6066": """
        NameType ServerName HostName ServerNameList CertChainType CertificateURL URLAndHash MaxFragmentLength
        TrustedAuthorities TrustedAuthority IdentifierType CertificateStatusType
        CertificateStatusRequest OCSPStatusRequest ResponderID Extensions CertificateStatus
        OCSPResponse
        """,
    "RFC 7301": "ProtocolName ProtocolNameList",
    "RFC 4492": "EllipticCurveList ECCurve ECBasisType NamedCurve",
    "RFC 8422": """
        NamedCurve NamedCurveList ECPointFormat ECPointFormatList ECCurveType ECPoint ECParameters
        ServerECDHParams ClientECDiffieHellmanPublic
        """,
    "RFC 5077": "NewSessionTicket SessionTicket",
    "RFC 6347": "DTLSPlaintext DTLSCompressed DTLSCiphertext HelloVerifyRequest",
    "RFC 9147": """
        DTLSPlaintext DTLSInnerPlaintext DTLSCiphertext unified_hdr RecordNumber ACK
        RequestConnectionId NewConnectionId ConnectionIdUsage
        """,
    "RFC 9146": "ConnectionId",
    "RFC 9000": "TransportParameters TransportParameter PreferredAddress",
    "RFC 9368": "VersionInformation",
    "RFC 9849": """
        HpkeKdfId HpkeAeadId HpkeKemId HpkeSymmetricCipherSuite HpkeKeyConfig ECHConfigContents
        ECHConfig ECHConfigList ECHConfigExtension ECHClientHelloType ECHClientHello
        ECHEncryptedExtensions ECHHelloRetryRequest EncodedClientHelloInner OuterExtensions
        ClientHelloOuterAAD
        """,
    "RFC 9345": "Credential DelegatedCredential",
    "RFC 8879": """
        CertificateCompressionAlgorithm CertificateCompressionAlgorithms CompressedCertificate
        """,
    "RFC 8472": "TB_ProtocolVersion TokenBindingKeyParameters TokenBindingParameters",
    "RFC 6962": """
        SerializedSCT SignedCertificateTimestampList SignedCertificateTimestamp LogID CtExtensions
        """,
    "RFC 9162": "TransItem TransItemList SctExtension SignedCertificateTimestampDataV2",
    "RFC 9149": "ClientTicketRequest ServerTicketRequestHint",
    "RFC 6520": "HeartbeatMode HeartbeatExtension HeartbeatMessageType HeartbeatMessage",
    "RFC 7924": "CachedInformationType CachedObject CachedInformation",
    "RFC 7250": "ClientCertTypeExtension ServerCertTypeExtension",
    "RFC 5746": "RenegotiationInfo",
    "RFC 5764": "SRTPProtectionProfile UseSRTPData",
    "RFC 4680": "SupplementalData SupplementalDataEntry",
    "RFC 5054": "ServerSRPParams ClientSRPParams",
    "The SSL Protocol": "CLIENT-HELLO SERVER-HELLO CLIENT-MASTER-KEY ERROR",
}


@pytest.mark.parametrize(
    ("document", "name"),
    [(document, name) for document, text in BY_DOCUMENT.items() for name in text.split()],
)
def test_the_structures_of_documents(document: str, name: str) -> None:
    _, schema = CATALOGUE.find(name)
    assert declaration(schema, CATALOGUE.titles)


@pytest.mark.parametrize("name", ALIASES)
def test_other_names_lead_somewhere(name: str) -> None:
    assert name not in CATALOGUE.structures
    assert ALIASES[name].why
    for of in ALIASES[name].of:
        assert of in CATALOGUE.structures


def test_what_has_a_name_is_found_under_it() -> None:
    for name, schema in CATALOGUE.structures.items():
        title = getattr(schema, "title", None)
        registered = "." in name or name[:1].islower() or name == "TLMSP"
        assert registered or title in (None, name, "Extension"), (name, title)


def test_the_structures_of_ssl20_stand_apart() -> None:
    assert CATALOGUE.find("sslv2.ClientHello") == ("sslv2.ClientHello", sslv2.ClientHello)
    assert CATALOGUE.find("CLIENT-HELLO")[1] is sslv2.ClientHello
    assert CATALOGUE.find("ClientHello")[1] is tlsgrammar.ClientHello


def test_code_points_are_names_too() -> None:
    assert CATALOGUE.find("client_hello")[1] is tlsgrammar.ClientHello
    assert CATALOGUE.find("key_share.server_hello")[1] is CATALOGUE.find("KeyShareServerHello")[1]
    assert CATALOGUE.find("key_share")[1] is CATALOGUE.find("KeyShareClientHello")[1]
    assert CATALOGUE.find("dhe_rsa.client")[1] is CATALOGUE.find("ClientDiffieHellmanPublic")[1]
    assert "supported_groups.client_hello" not in CATALOGUE.structures


def test_what_is_registered() -> None:
    mine = DEFAULT.copy()
    deep = structure("Deep", "ours", "value" / uint8)
    mine.register(0xFE50, "of_my_own", structure("Mine", "ours", "deep" / deep))
    mine.register_message(250, "my_message", {"tls13": Struct("value" / uint8)})
    catalogue = Catalogue(mine)
    assert catalogue.find("Deep") == ("Deep", deep)
    assert {"of_my_own", "Mine", "my_message"} <= {*catalogue.structures}
    assert not {"of_my_own", "Mine", "Deep", "my_message"} & {*CATALOGUE.structures}


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("clienthello", "did you mean 'ClientHello'?"),
        ("COOKIE", "did you mean 'Cookie' or 'cookie'?"),
        ("KeyShareEntri", "did you mean 'KeyShareEntry'"),
        ("NamedCurv", "did you mean 'NamedCurve'"),
    ],
)
def test_what_may_be_meant(name: str, hint: str) -> None:
    with pytest.raises(NotFound) as caught:
        CATALOGUE.find(name)
    assert str(caught.value).startswith(f"no structure is named {name!r}; {hint}")


def test_nothing_near() -> None:
    with pytest.raises(NotFound, match=r"^no structure is named 'zzz'$"):
        CATALOGUE.find("zzz")


def test_references() -> None:
    assert reference_of(tlsgrammar.ClientHello) == "RFC 8446 section 4.1.2"
    assert reference_of("field" / tlsgrammar.Alert) == "RFC 8446 section 6"
    assert reference_of(uint8) == ""


@pytest.mark.parametrize("name", [x for x in CATALOGUE.structures if "Structure" not in x])
def test_all_are_whole(name: str) -> None:
    check_drawable(CATALOGUE.structures[name])


def test_nobody_pays_for_the_catalogue_who_does_not_ask() -> None:
    script = "import sys, tlsgrammar; assert 'tlsgrammar.catalogue' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)
