"""The seventeen SSL/TLS events that Zeek (formerly Bro) documents, with its names and parameters, in its order.

What may live here: one class for each, and nothing of when it is raised. Numbers are code points as they stand on the
wire. What they mean is said by their declarations (see `meanings`), which all output goes by.
"""

from __future__ import annotations

from typing import ClassVar

from ..meanings import (
    AlertDescription,
    AlertLevel,
    CipherSuite,
    CompressionMethod,
    ContentType,
    ExtensionType,
    Group,
    HandshakeType,
    HeartbeatMessageType,
    PointFormat,
    PossiblyTime,
    TextBytes,
    Version,
)
from .connection import Connection, Event

__all__ = [
    "DOCUMENTED",
    "SslAlert",
    "SslChangeCipherSpec",
    "SslClientHello",
    "SslDhServerParams",
    "SslEncryptedData",
    "SslEstablished",
    "SslExtension",
    "SslExtensionApplicationLayerProtocolNegotiation",
    "SslExtensionEcPointFormats",
    "SslExtensionEllipticCurves",
    "SslExtensionServerName",
    "SslHandshakeMessage",
    "SslHeartbeat",
    "SslServerCurve",
    "SslServerHello",
    "SslSessionTicketHandshake",
    "SslStapledOcsp",
]


class SslAlert(Event, frozen=True):
    """An alert, in the clear or decrypted; or the ERROR of SSL 2.0, as a fatal one.

    Attributes:
        is_orig: whether the originator sent it.
        level: 1 warning, 2 fatal.
        desc: its cause (`names.ALERT_DESCRIPTIONS`; for SSL 2.0 `names.SSLV2_ERRORS`).
    """

    name: ClassVar[str] = "ssl_alert"
    c: Connection
    is_orig: bool
    level: AlertLevel
    desc: AlertDescription


class SslChangeCipherSpec(Event, frozen=True):
    """A ChangeCipherSpec before encryption starts in that direction.

    Attributes:
        is_orig: whether the originator sent it.
    """

    name: ClassVar[str] = "ssl_change_cipher_spec"
    c: Connection
    is_orig: bool


class SslClientHello(Event, frozen=True):
    """A ClientHello, also one in SSL 2.0 framing.

    Attributes:
        version: the version in the message (0x0303 for TLS 1.3).
        possible_ts: the first four bytes of the random, as seconds since the epoch; 0 in SSL 2.0. Most of today's clients and
            servers send something random instead: text has it as a time only within a day of that of the packet.
        client_random: the other 28 bytes; the challenge in SSL 2.0.
        session_id: as sent.
        ciphers: the cipher suites in the client's order; 24 bits wide in SSL 2.0.
    """

    name: ClassVar[str] = "ssl_client_hello"
    c: Connection
    version: Version
    possible_ts: PossiblyTime
    client_random: bytes
    session_id: bytes
    ciphers: list[CipherSuite]


class SslDhServerParams(Event, frozen=True):
    """The server's parameters of a DHE or DH_anon key exchange.

    Attributes:
        p: the prime modulus.
        q: the generator.
        Ys: the server's public value.
    """

    name: ClassVar[str] = "ssl_dh_server_params"
    c: Connection
    p: bytes
    q: bytes
    Ys: bytes


class SslEncryptedData(Event, frozen=True):
    """A record after encryption started in its direction.

    Attributes:
        is_orig: whether the originator sent it.
        content_type: from the record header (`names.CONTENT_TYPES`); 0 in SSL 2.0.
        length: of the record without its header, in bytes.
    """

    name: ClassVar[str] = "ssl_encrypted_data"
    c: Connection
    is_orig: bool
    content_type: ContentType
    length: int


class SslEstablished(Event, frozen=True):
    """The handshake is over: both directions are encrypted."""

    name: ClassVar[str] = "ssl_established"
    c: Connection


class SslExtension(Event, frozen=True):
    """An extension of a hello, or of a message that was decrypted; known or not.

    Attributes:
        is_orig: whether the originator sent it.
        code: its type (`names.EXTENSION_TYPES`).
        val: its body, without type and length.
    """

    name: ClassVar[str] = "ssl_extension"
    c: Connection
    is_orig: bool
    code: ExtensionType
    val: bytes


class SslExtensionApplicationLayerProtocolNegotiation(Event, frozen=True):
    """The application_layer_protocol_negotiation extension.

    Attributes:
        is_orig: whether the originator sent it.
        protocols: the names of the application protocols.
    """

    name: ClassVar[str] = "ssl_extension_application_layer_protocol_negotiation"
    c: Connection
    is_orig: bool
    protocols: list[TextBytes]


class SslExtensionEcPointFormats(Event, frozen=True):
    """The ec_point_formats extension.

    Attributes:
        is_orig: whether the originator sent it.
        point_formats: in the sender's order (`names.EC_POINT_FORMATS`).
    """

    name: ClassVar[str] = "ssl_extension_ec_point_formats"
    c: Connection
    is_orig: bool
    point_formats: list[PointFormat]


class SslExtensionEllipticCurves(Event, frozen=True):
    """The supported_groups extension, which was called elliptic_curves.

    Attributes:
        is_orig: whether the originator sent it.
        curves: the groups in the sender's order (`names.SUPPORTED_GROUPS`).
    """

    name: ClassVar[str] = "ssl_extension_elliptic_curves"
    c: Connection
    is_orig: bool
    curves: list[Group]


class SslExtensionServerName(Event, frozen=True):
    """The server_name extension.

    Attributes:
        is_orig: whether the originator sent it.
        names: the host names.
    """

    name: ClassVar[str] = "ssl_extension_server_name"
    c: Connection
    is_orig: bool
    names: list[TextBytes]


class SslHandshakeMessage(Event, frozen=True):
    """A handshake message, in the clear or decrypted, known or not.

    Attributes:
        is_orig: whether the originator sent it.
        msg_type: its type (`names.HANDSHAKE_TYPES`).
        length: of its body, without the four-byte header, in bytes.
    """

    name: ClassVar[str] = "ssl_handshake_message"
    c: Connection
    is_orig: bool
    msg_type: HandshakeType
    length: int


class SslHeartbeat(Event, frozen=True):
    """A heartbeat message, in the clear or decrypted.

    Attributes:
        is_orig: whether the originator sent it.
        length: of the whole message, in bytes.
        heartbeat_type: 1 request, 2 response.
        payload_length: of the payload, in bytes, as the sender claims.
        payload: what follows that claim, padding included.
    """

    name: ClassVar[str] = "ssl_heartbeat"
    c: Connection
    is_orig: bool
    length: int
    heartbeat_type: HeartbeatMessageType
    payload_length: int
    payload: bytes


class SslServerCurve(Event, frozen=True):
    """The named curve that the server chose for an ECDHE or ECDH_anon key exchange.

    Attributes:
        curve: the group (`names.SUPPORTED_GROUPS`).
    """

    name: ClassVar[str] = "ssl_server_curve"
    c: Connection
    curve: Group


class SslServerHello(Event, frozen=True):
    """A ServerHello or HelloRetryRequest, also one of SSL 2.0.

    Attributes:
        version: the version in the message (0x0303 for TLS 1.3).
        possible_ts: the first four bytes of the random, as seconds since the epoch; 0 in SSL 2.0. Most of today's clients and
            servers send something random instead: text has it as a time only within a day of that of the packet.
        server_random: the other 28 bytes; the connection-id in SSL 2.0.
        session_id: as sent.
        cipher: the cipher suite that the server chose; in SSL 2.0 the first listed, or 0.
        comp_method: the compression method (`names.COMPRESSION_METHODS`).
    """

    name: ClassVar[str] = "ssl_server_hello"
    c: Connection
    version: Version
    possible_ts: PossiblyTime
    server_random: bytes
    session_id: bytes
    cipher: CipherSuite
    comp_method: CompressionMethod


class SslSessionTicketHandshake(Event, frozen=True):
    """A NewSessionTicket, up to TLS 1.2.

    Attributes:
        ticket_lifetime_hint: how long the client should keep it, in seconds.
        ticket: the ticket.
    """

    name: ClassVar[str] = "ssl_session_ticket_handshake"
    c: Connection
    ticket_lifetime_hint: int
    ticket: bytes


class SslStapledOcsp(Event, frozen=True):
    """The OCSP response of a CertificateStatus.

    Attributes:
        is_orig: whether the originator sent it.
        response: in DER.
    """

    name: ClassVar[str] = "ssl_stapled_ocsp"
    c: Connection
    is_orig: bool
    response: bytes


DOCUMENTED: tuple[type[Event], ...] = (
    SslAlert,
    SslChangeCipherSpec,
    SslClientHello,
    SslDhServerParams,
    SslEncryptedData,
    SslEstablished,
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
"""The seventeen documented events."""
