"""Which structure of TLS raises which event.

What may live here: that table. Each function takes a parsed structure and returns the event that Zeek documents for it: the event, the structure, and between them what becomes of the fields. Those on records, whatever they hold, are missing (`ssl_established`, `ssl_encrypted_data`, `ssl_plaintext_data`,
`ssl_probable_encrypted_handshake_message`): the conversation raises them, which knows what is encrypted.
"""

from __future__ import annotations

from typing import Any

from tlsgrammar import (
    Alert,
    CertificateStatus,
    ChangeCipherSpec,
    ClientHello,
    Handshake,
    HeartbeatMessage,
    ServerDHParams,
    ServerECDHParams,
    ServerHello,
    ServerKeyExchange,
    SupportedVersions,
    sslv2,
)
from tlsgrammar.extensions.certificates import SignedCertificateTimestamp
from tlsgrammar.extensions.ech import ECHClientHello
from tlsgrammar.extensions.groups import (
    KeyShareClientHello,
    KeyShareHelloRetryRequest,
    KeyShareServerHello,
)
from tlsgrammar.extensions.negotiation import SelectedVersion
from tlsgrammar.extensions.psk import (
    OfferedPsks,
    PskKeyExchangeModes,
    SelectedPsk,
    SessionTicket,
)
from tlsgrammar.handshake import (
    CertificateExtension,
    CertificateRequestExtension,
    CertificateRequestTLS12,
    CertificateTLS12,
    CertificateTLS13,
    ClientHelloExtension,
    EncryptedExtensionsExtension,
    HelloRetryRequestExtension,
    NewSessionTicketExtension,
    NewSessionTicketTLS12,
    RawPublicKeyTLS12,
    ServerHelloExtension,
)
from tlsgrammar.key_exchange import (
    ClientDiffieHellmanPublic,
    ClientECDiffieHellmanPublic,
    EncryptedPreMasterSecret,
)
from tlsgrammar.names import (
    AlertLevel,
    CertificateStatusType,
    ECHClientHelloType,
    NameType,
    SCTVersion,
)
from tlsgrammar.registry import DEFAULT

from ..model import (
    Event,
    ProtocolViolation,
    PSKIdentity,
    SignatureAndHashAlgorithm,
    SslAlert,
    SslCertificateRequest,
    SslChangeCipherSpec,
    SslClientFingerprints,
    SslClientHello,
    SslDhClientParams,
    SslDhServerParams,
    SslEcdhClientParams,
    SslEcdhServerParams,
    SslExtension,
    SslExtensionApplicationLayerProtocolNegotiation,
    SslExtensionConnectionId,
    SslExtensionEcPointFormats,
    SslExtensionEllipticCurves,
    SslExtensionEncryptedClientHello,
    SslExtensionKeyShare,
    SslExtensionPreSharedKeyClientHello,
    SslExtensionPreSharedKeyServerHello,
    SslExtensionPskKeyExchangeModes,
    SslExtensionServerName,
    SslExtensionSessionTicket,
    SslExtensionSignatureAlgorithm,
    SslExtensionSignatureAlgorithmsCert,
    SslExtensionSignedCertificateTimestamp,
    SslExtensionSupportedVersions,
    SslHandshakeMessage,
    SslHeartbeat,
    SslRsaClientPms,
    SslServerCurve,
    SslServerFingerprint,
    SslServerHello,
    SslServerSignature,
    SslSessionTicketHandshake,
    SslStapledOcsp,
    X509Certificate,
)
from ..walk import Occasion, raises

# Extensions


@raises(SslExtensionServerName, on_extension="server_name")
def ssl_extension_server_name(body: Any, at: Occasion) -> SslExtensionServerName:
    names = [
        entry["name"]
        for entry in body["server_name_list"]
        if entry["name_type"] == NameType.host_name
    ]
    return SslExtensionServerName(at.c, at.is_orig, names, ts=at.ts)


@raises(SslExtensionEllipticCurves, on_extension="supported_groups")
def ssl_extension_elliptic_curves(body: Any, at: Occasion) -> SslExtensionEllipticCurves:
    return SslExtensionEllipticCurves(at.c, at.is_orig, body["named_group_list"], ts=at.ts)


@raises(SslExtensionEcPointFormats, on_extension="ec_point_formats")
def ssl_extension_ec_point_formats(body: Any, at: Occasion) -> SslExtensionEcPointFormats:
    return SslExtensionEcPointFormats(at.c, at.is_orig, body["ec_point_format_list"], ts=at.ts)


@raises(
    SslExtensionApplicationLayerProtocolNegotiation,
    on_extension="application_layer_protocol_negotiation",
)
def ssl_extension_application_layer_protocol_negotiation(
    body: Any, at: Occasion
) -> SslExtensionApplicationLayerProtocolNegotiation:
    return SslExtensionApplicationLayerProtocolNegotiation(
        at.c, at.is_orig, body["protocol_name_list"], ts=at.ts
    )


@raises(
    SslExtension,
    ClientHelloExtension,
    ServerHelloExtension,
    HelloRetryRequestExtension,
    EncryptedExtensionsExtension,
    CertificateExtension,
    CertificateRequestExtension,
    NewSessionTicketExtension,
)
def ssl_extension(extension: Any, at: Occasion) -> SslExtension:
    return SslExtension(
        at.c, at.is_orig, extension["extension_type"], extension["extension_data"], ts=at.ts
    )


# Extensions: what came later


def _algorithm(scheme: int) -> SignatureAndHashAlgorithm:
    return SignatureAndHashAlgorithm(*divmod(scheme, 256))


# Where the version knows no algorithms, the reference has these.
_NO_ALGORITHM = SignatureAndHashAlgorithm(256, 256)


@raises(SslExtensionSignatureAlgorithm, on_extension="signature_algorithms")
def ssl_extension_signature_algorithm(body: Any, at: Occasion) -> SslExtensionSignatureAlgorithm:
    algorithms = [_algorithm(scheme) for scheme in body["supported_signature_algorithms"]]
    return SslExtensionSignatureAlgorithm(at.c, at.is_client, algorithms, ts=at.ts)


@raises(SslExtensionSignatureAlgorithmsCert, on_extension="signature_algorithms_cert")
def ssl_extension_signature_algorithms_cert(
    body: Any, at: Occasion
) -> SslExtensionSignatureAlgorithmsCert:
    return SslExtensionSignatureAlgorithmsCert(
        at.c, at.is_client, body["supported_signature_algorithms"], ts=at.ts
    )


@raises(SslExtensionKeyShare, KeyShareClientHello)
def ssl_extension_key_share_client_hello(body: Any, at: Occasion) -> SslExtensionKeyShare:
    groups = [share["group"] for share in body["client_shares"]]
    return SslExtensionKeyShare(at.c, at.is_client, groups, ts=at.ts)


@raises(SslExtensionKeyShare, KeyShareServerHello)
def ssl_extension_key_share_server_hello(body: Any, at: Occasion) -> SslExtensionKeyShare:
    return SslExtensionKeyShare(at.c, at.is_client, [body["server_share"]["group"]], ts=at.ts)


@raises(SslExtensionKeyShare, KeyShareHelloRetryRequest)
def ssl_extension_key_share_hello_retry_request(body: Any, at: Occasion) -> SslExtensionKeyShare:
    return SslExtensionKeyShare(at.c, at.is_client, [body["selected_group"]], ts=at.ts)


@raises(SslExtensionPreSharedKeyClientHello, OfferedPsks)
def ssl_extension_pre_shared_key_client_hello(
    body: Any, at: Occasion
) -> SslExtensionPreSharedKeyClientHello:
    identities = [
        PSKIdentity(psk["identity"], psk["obfuscated_ticket_age"]) for psk in body["identities"]
    ]
    return SslExtensionPreSharedKeyClientHello(
        at.c, at.is_client, identities, body["binders"], ts=at.ts
    )


@raises(SslExtensionPreSharedKeyServerHello, SelectedPsk)
def ssl_extension_pre_shared_key_server_hello(
    body: Any, at: Occasion
) -> SslExtensionPreSharedKeyServerHello:
    return SslExtensionPreSharedKeyServerHello(
        at.c, at.is_client, body["selected_identity"], ts=at.ts
    )


@raises(SslExtensionSignedCertificateTimestamp, SignedCertificateTimestamp)
def ssl_extension_signed_certificate_timestamp(
    timestamp: Any, at: Occasion
) -> SslExtensionSignedCertificateTimestamp | None:
    if timestamp["version"] != SCTVersion.v1:
        return None
    sct = timestamp["sct"]
    return SslExtensionSignedCertificateTimestamp(
        at.c,
        at.is_client,
        timestamp["version"],
        sct["id"],
        sct["timestamp"],
        _algorithm(sct["algorithm"]),
        sct["signature"],
        ts=at.ts,
    )


@raises(SslExtensionSessionTicket, SessionTicket)
def ssl_extension_session_ticket(ticket: Any, at: Occasion) -> SslExtensionSessionTicket:
    return SslExtensionSessionTicket(at.c, at.is_client, ticket["ticket"], ts=at.ts)


@raises(SslExtensionSupportedVersions, SupportedVersions)
def ssl_extension_supported_versions(body: Any, at: Occasion) -> SslExtensionSupportedVersions:
    return SslExtensionSupportedVersions(at.c, at.is_client, body["versions"], ts=at.ts)


@raises(SslExtensionSupportedVersions, SelectedVersion)
def ssl_extension_supported_versions_selected(
    body: Any, at: Occasion
) -> SslExtensionSupportedVersions:
    return SslExtensionSupportedVersions(at.c, at.is_client, [body["selected_version"]], ts=at.ts)


@raises(SslExtensionPskKeyExchangeModes, PskKeyExchangeModes)
def ssl_extension_psk_key_exchange_modes(
    body: Any, at: Occasion
) -> SslExtensionPskKeyExchangeModes:
    return SslExtensionPskKeyExchangeModes(at.c, at.is_client, body["ke_modes"], ts=at.ts)


@raises(SslExtensionConnectionId, on_extension="connection_id")
def ssl_extension_connection_id(body: Any, at: Occasion) -> SslExtensionConnectionId:
    return SslExtensionConnectionId(at.c, at.is_client, body["cid"], ts=at.ts)


@raises(SslExtensionEncryptedClientHello, ECHClientHello)
def ssl_extension_encrypted_client_hello(
    body: Any, at: Occasion
) -> SslExtensionEncryptedClientHello | None:
    if body["type"] != ECHClientHelloType.outer:
        return None
    outer = body["ech"]
    return SslExtensionEncryptedClientHello(
        at.c,
        at.is_client,
        outer["cipher_suite"]["kdf_id"],
        outer["cipher_suite"]["aead_id"],
        outer["config_id"],
        outer["enc"],
        len(outer["payload"]),
        ts=at.ts,
    )


# Handshake messages


@raises(SslClientHello, ClientHello)
def ssl_client_hello(hello: Any, at: Occasion) -> SslClientHello | None:
    if at.malformed:
        return None
    return SslClientHello(
        at.c,
        hello["legacy_version"],
        hello["random"]["gmt_unix_time"],
        hello["random"]["random_bytes"],
        hello["legacy_session_id"],
        hello["cipher_suites"],
        ts=at.ts,
    )


@raises(SslClientFingerprints, ClientHello)
def ssl_client_fingerprints(hello: Any, at: Occasion) -> SslClientFingerprints | None:
    if at.malformed:
        return None
    from ..fingerprints import ja3_and_ja4  # here, because few ask for it

    return SslClientFingerprints(at.c, at.is_orig, *ja3_and_ja4(hello), ts=at.ts)


@raises(SslServerHello, ServerHello)
def ssl_server_hello(hello: Any, at: Occasion) -> SslServerHello:
    return SslServerHello(
        at.c,
        hello["legacy_version"],
        hello["random"]["gmt_unix_time"],
        hello["random"]["random_bytes"],
        hello["legacy_session_id_echo"] or b"",
        hello["cipher_suite"],
        hello["legacy_compression_method"] or 0,
        ts=at.ts,
    )


@raises(SslServerFingerprint, ServerHello)
def ssl_server_fingerprint(hello: Any, at: Occasion) -> SslServerFingerprint:
    from ..fingerprints import ja3s

    return SslServerFingerprint(at.c, at.is_orig, ja3s(hello), ts=at.ts)


@raises(SslServerCurve, ServerECDHParams)
def ssl_server_curve(params: Any, at: Occasion) -> SslServerCurve | None:
    curve = params["curve_params"]["namedcurve"]
    return None if curve is None else SslServerCurve(at.c, curve, ts=at.ts)


@raises(SslEcdhServerParams, ServerECDHParams)
def ssl_ecdh_server_params(params: Any, at: Occasion) -> SslEcdhServerParams | None:
    curve = params["curve_params"]["namedcurve"]
    if curve is None:
        return None
    return SslEcdhServerParams(at.c, curve, params["public"]["point"], ts=at.ts)


@raises(SslDhServerParams, ServerDHParams)
def ssl_dh_server_params(params: Any, at: Occasion) -> SslDhServerParams:
    return SslDhServerParams(at.c, params["dh_p"], params["dh_g"], params["dh_Ys"], ts=at.ts)


@raises(SslServerSignature, ServerKeyExchange)
def ssl_server_signature(message: Any, at: Occasion) -> SslServerSignature | None:
    signed = message["signed_params"]
    # Zeek raises it for suites of DHE and ECDHE: what an RSA_EXPORT suite signs is no such key.
    if signed is None or message["algorithm"] == "rsa_export":
        return None
    scheme = signed["algorithm"]
    algorithm = _NO_ALGORITHM if scheme is None else _algorithm(scheme)
    return SslServerSignature(at.c, algorithm, signed["signature"], ts=at.ts)


@raises(SslEcdhClientParams, ClientECDiffieHellmanPublic)
def ssl_ecdh_client_params(params: Any, at: Occasion) -> SslEcdhClientParams | None:
    if params["ecdh_Yc"] is None:
        return None
    return SslEcdhClientParams(at.c, params["ecdh_Yc"]["point"], ts=at.ts)


@raises(SslDhClientParams, ClientDiffieHellmanPublic)
def ssl_dh_client_params(params: Any, at: Occasion) -> SslDhClientParams | None:
    return None if params["dh_Yc"] is None else SslDhClientParams(at.c, params["dh_Yc"], ts=at.ts)


@raises(SslRsaClientPms, EncryptedPreMasterSecret)
def ssl_rsa_client_pms(params: Any, at: Occasion) -> SslRsaClientPms:
    return SslRsaClientPms(at.c, params["pre_master_secret"], ts=at.ts)


@raises(SslCertificateRequest, CertificateRequestTLS12)
def ssl_certificate_request(request: Any, at: Occasion) -> SslCertificateRequest:
    schemes = request["supported_signature_algorithms"] or ()
    return SslCertificateRequest(
        at.c,
        at.is_client,
        request["certificate_types"],
        [_algorithm(scheme) for scheme in schemes],
        request["certificate_authorities"],
        ts=at.ts,
    )


def _x509_certificate(at: Occasion, index: int, der: bytes, path: str) -> list[Event]:
    from ..certificates import CertificateError, read_certificate  # likewise

    try:
        certificate = read_certificate(der)
    except (CertificateError, ImportError) as error:
        reason = f"the certificate cannot be read: {error}"
        return [
            ProtocolViolation(at.c, at.is_orig, at.offset, path, reason),
            X509Certificate(at.c, at.is_orig, index, None, der),
        ]
    return [X509Certificate(at.c, at.is_orig, index, certificate, der)]


@raises(X509Certificate, CertificateTLS12)
def x509_certificate(message: Any, at: Occasion) -> list[Event]:
    return [
        event
        for index, der in enumerate(message["certificate_list"])
        for event in _x509_certificate(at, index, der, f"Certificate.certificate_list[{index}]")
    ]


@raises(X509Certificate, RawPublicKeyTLS12)
def x509_certificate_raw(message: Any, at: Occasion) -> list[Event]:
    key = message["ASN1_subjectPublicKeyInfo"]
    return _x509_certificate(at, 0, key, "Certificate.ASN1_subjectPublicKeyInfo")


@raises(X509Certificate, CertificateTLS13)
def x509_certificate_tls13(message: Any, at: Occasion) -> list[Event]:
    return [
        event
        for index, entry in enumerate(message["certificate_list"])
        for event in _x509_certificate(
            at, index, entry["cert_data"], f"Certificate.certificate_list[{index}].cert_data"
        )
    ]


@raises(SslStapledOcsp, CertificateStatus)
def ssl_stapled_ocsp(status: Any, at: Occasion) -> SslStapledOcsp | None:
    if status["status_type"] != CertificateStatusType.ocsp or not status["response"]:
        return None
    return SslStapledOcsp(at.c, at.is_orig, status["response"], ts=at.ts)


@raises(SslSessionTicketHandshake, NewSessionTicketTLS12)
def ssl_session_ticket_handshake(message: Any, at: Occasion) -> SslSessionTicketHandshake:
    return SslSessionTicketHandshake(
        at.c, message["ticket_lifetime_hint"], message["ticket"], ts=at.ts
    )


@raises(SslHandshakeMessage, Handshake)
def ssl_handshake_message(message: Any, at: Occasion) -> SslHandshakeMessage:
    return SslHandshakeMessage(at.c, at.is_orig, message["msg_type"], message["length"], ts=at.ts)


# Other content of records


@raises(SslAlert, Alert)
def ssl_alert(alert: Any, at: Occasion) -> SslAlert:
    return SslAlert(at.c, at.is_orig, alert["level"], alert["description"], ts=at.ts)


@raises(SslChangeCipherSpec, ChangeCipherSpec)
def ssl_change_cipher_spec(message: Any, at: Occasion) -> SslChangeCipherSpec:
    return SslChangeCipherSpec(at.c, at.is_orig, ts=at.ts)


@raises(SslHeartbeat, HeartbeatMessage)
def ssl_heartbeat(message: Any, at: Occasion) -> SslHeartbeat:
    return SslHeartbeat(
        at.c,
        at.is_orig,
        message["length"],
        message["type"],
        message["payload_length"],
        message["payload"] + message["padding"],
        ts=at.ts,
    )


# SSL 2.0


@raises(SslClientHello, sslv2.ClientHello)
def ssl_client_hello_sslv2(hello: Any, at: Occasion) -> SslClientHello:
    return SslClientHello(
        at.c,
        hello["version"],
        0,
        hello["challenge"],
        hello["session_id"],
        hello["cipher_specs"],
        ts=at.ts,
    )


@raises(SslServerHello, sslv2.ServerHello)
def ssl_server_hello_sslv2(hello: Any, at: Occasion) -> SslServerHello:
    cipher = hello["cipher_specs"][0] if hello["cipher_specs"] else 0
    return SslServerHello(
        at.c, hello["server_version"], 0, hello["connection_id"], b"", cipher, 0, ts=at.ts
    )


@raises(X509Certificate, sslv2.ServerHello)
def x509_certificate_sslv2(hello: Any, at: Occasion) -> list[Event]:
    der = hello["certificate"]
    return _x509_certificate(at, 0, der, "ServerHello.certificate") if der else []


@raises(SslAlert, sslv2.Error)
def ssl_alert_sslv2(error: Any, at: Occasion) -> SslAlert:
    return SslAlert(at.c, at.is_orig, AlertLevel.fatal.value, error["error_code"], ts=at.ts)


# This module is itself an entry point: there is nothing more to load.
DEFAULT.enter(__name__)
