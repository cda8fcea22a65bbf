"""Which structure raises which event.

Each function takes a parsed structure and returns the event that Zeek documents for it. It reads as a
table: the event, the structure, and between them what becomes of the fields. No state, no I/O, no bytes.
`ssl_established` and `ssl_encrypted_data` are missing: they are raised on records that nobody can read,
by the analyzer, which knows when.
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
    sslv2,
)
from tlsgrammar.extensions import DEFAULT
from tlsgrammar.handshake import (
    ClientHelloExtension,
    HelloRetryRequestExtension,
    NewSessionTicketTLS12,
    ServerHelloExtension,
)
from tlsgrammar.names import AlertLevel, CertificateStatusType, NameType

from .model import (
    SslAlert,
    SslChangeCipherSpec,
    SslClientHello,
    SslDhServerParams,
    SslExtension,
    SslExtensionApplicationLayerProtocolNegotiation,
    SslExtensionEcPointFormats,
    SslExtensionEllipticCurves,
    SslExtensionServerName,
    SslHandshakeMessage,
    SslHeartbeat,
    SslServerCurve,
    SslServerHello,
    SslSessionTicketHandshake,
    SslStapledOcsp,
)
from .walk import Occasion, raises

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


@raises(SslExtension, ClientHelloExtension, ServerHelloExtension, HelloRetryRequestExtension)
def ssl_extension(extension: Any, at: Occasion) -> SslExtension:
    return SslExtension(
        at.c, at.is_orig, extension["extension_type"], extension["extension_data"], ts=at.ts
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


@raises(SslServerCurve, ServerECDHParams)
def ssl_server_curve(params: Any, at: Occasion) -> SslServerCurve | None:
    curve = params["curve_params"]["namedcurve"]
    return None if curve is None else SslServerCurve(at.c, curve, ts=at.ts)


@raises(SslDhServerParams, ServerDHParams)
def ssl_dh_server_params(params: Any, at: Occasion) -> SslDhServerParams:
    return SslDhServerParams(at.c, params["dh_p"], params["dh_g"], params["dh_Ys"], ts=at.ts)


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


@raises(SslAlert, sslv2.Error)
def ssl_alert_sslv2(error: Any, at: Occasion) -> SslAlert:
    return SslAlert(at.c, at.is_orig, AlertLevel.fatal.value, error["error_code"], ts=at.ts)


# This module is itself an entry point: there is nothing more to load.
DEFAULT.enter(__name__)
