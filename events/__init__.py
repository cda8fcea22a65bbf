"""The SSL/TLS events of Zeek (formerly Bro), from bytes or from captures.

>>> import events
>>> alert = events.Analyzer().deliver(bytes.fromhex("15030100020228"), is_orig=True)[0]
>>> alert.name, alert.is_orig, alert.level, alert.desc
('ssl_alert', True, 2, 40)
"""

from typing import TYPE_CHECKING

from .capture import CaptureError, read_capture, read_captures
from .certificates import CertificateInfo
from .datagrams import DatagramAnalyzer
from .meanings import Meaning, SecondsSinceEpoch, Text
from .model import (
    DOCUMENTED,
    MODERN,
    QUIC,
    SECRETS,
    Connection,
    Event,
    ProtocolViolation,
    PSKIdentity,
    QUICConnectionCloseFrame,
    QUICHandshakePacket,
    QUICInitialPacket,
    QUICRetryPacket,
    QUICUnhandledVersion,
    QUICZeroRTTPacket,
    ReporterError,
    SignatureAndHashAlgorithm,
    SslAlert,
    SslCertificateRequest,
    SslChangeCipherSpec,
    SslClientHello,
    SslDecryptedData,
    SslDhClientParams,
    SslDhServerParams,
    SslEcdhClientParams,
    SslEcdhServerParams,
    SslEncryptedData,
    SslEstablished,
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
    SslExtensionSignatureAlgorithm,
    SslExtensionSignatureAlgorithmsCert,
    SslExtensionSignedCertificateTimestamp,
    SslExtensionSupportedVersions,
    SslHandshakeMessage,
    SslHeartbeat,
    SslPlaintextData,
    SslProbableEncryptedHandshakeMessage,
    SslRsaClientPms,
    SslServerCurve,
    SslServerHello,
    SslServerSignature,
    SslSessionTicketHandshake,
    SslStapledOcsp,
    X509Certificate,
)
from .not_read import NotRead
from .options import Options
from .output import json_line, json_lines, text_line, text_lines
from .secrets.keylog import KeyLog
from .streams import Analyzer
from .walk import Occasion, known_events, raises

if TYPE_CHECKING:
    from .capture.workers import Workers
    from .quic import QuicAnalyzer

__all__ = [
    "Analyzer",
    "CaptureError",
    "CertificateInfo",
    "Connection",
    "DOCUMENTED",
    "DatagramAnalyzer",
    "Event",
    "KeyLog",
    "MODERN",
    "Meaning",
    "NotRead",
    "Occasion",
    "Options",
    "PSKIdentity",
    "ProtocolViolation",
    "QUIC",
    "QUICConnectionCloseFrame",
    "QUICHandshakePacket",
    "QUICInitialPacket",
    "QUICRetryPacket",
    "QUICUnhandledVersion",
    "QUICZeroRTTPacket",
    "QuicAnalyzer",
    "ReporterError",
    "SECRETS",
    "SecondsSinceEpoch",
    "SignatureAndHashAlgorithm",
    "SslAlert",
    "SslCertificateRequest",
    "SslChangeCipherSpec",
    "SslClientHello",
    "SslDecryptedData",
    "SslDhClientParams",
    "SslDhServerParams",
    "SslEcdhClientParams",
    "SslEcdhServerParams",
    "SslEncryptedData",
    "SslEstablished",
    "SslExtension",
    "SslExtensionApplicationLayerProtocolNegotiation",
    "SslExtensionConnectionId",
    "SslExtensionEcPointFormats",
    "SslExtensionEllipticCurves",
    "SslExtensionEncryptedClientHello",
    "SslExtensionKeyShare",
    "SslExtensionPreSharedKeyClientHello",
    "SslExtensionPreSharedKeyServerHello",
    "SslExtensionPskKeyExchangeModes",
    "SslExtensionServerName",
    "SslExtensionSignatureAlgorithm",
    "SslExtensionSignatureAlgorithmsCert",
    "SslExtensionSignedCertificateTimestamp",
    "SslExtensionSupportedVersions",
    "SslHandshakeMessage",
    "SslHeartbeat",
    "SslPlaintextData",
    "SslProbableEncryptedHandshakeMessage",
    "SslRsaClientPms",
    "SslServerCurve",
    "SslServerHello",
    "SslServerSignature",
    "SslSessionTicketHandshake",
    "SslStapledOcsp",
    "Text",
    "Workers",
    "X509Certificate",
    "json_line",
    "json_lines",
    "known_events",
    "raises",
    "read_capture",
    "read_captures",
    "text_line",
    "text_lines",
]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> object:
    # These take time to import, and few need them.
    if name == "QuicAnalyzer":
        from .quic import QuicAnalyzer

        return QuicAnalyzer
    if name == "Workers":
        from .capture.workers import Workers

        return Workers
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
