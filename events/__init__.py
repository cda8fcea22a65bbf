"""The SSL/TLS events of Zeek (formerly Bro), from bytes or from captures.

`Analyzer` takes bytes, `read_capture` takes captures, and both give events:

    >>> import events
    >>> alert = events.Analyzer().deliver(bytes.fromhex("15030100020228"), is_orig=True)[0]
    >>> alert.name, alert.is_orig, alert.level, alert.desc
    ('ssl_alert', True, 2, 40)
"""

from typing import TYPE_CHECKING

from .capture import CaptureError, LiveCapture, capture_live, read_capture, read_captures
from .certificates import CertificateInfo
from .datagrams import DatagramAnalyzer
from .fingerprints import ja3, ja3s, ja4, ja4_r, ja4_ro
from .meanings import Meaning, SecondsSinceEpoch, Text
from .model import (
    DOCUMENTED,
    MODERN,
    QUIC,
    ROWS,
    SECRETS,
    STRUCTURES,
    Connection,
    ConnectionStateRemove,
    Event,
    ProtocolViolation,
    PSKIdentity,
    QUICConnectionCloseFrame,
    QUICHandshakePacket,
    QUICInitialPacket,
    QUICRetryPacket,
    QUICShortHeaderPacket,
    QUICUnhandledVersion,
    QUICUnreadPacket,
    QUICZeroRTTPacket,
    ReporterError,
    SignatureAndHashAlgorithm,
    SslAlert,
    SslCertificateRequest,
    SslChangeCipherSpec,
    SslClientFingerprints,
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
    SslExtensionSessionTicket,
    SslExtensionSignatureAlgorithm,
    SslExtensionSignatureAlgorithmsCert,
    SslExtensionSignedCertificateTimestamp,
    SslExtensionSupportedVersions,
    SslHandshakeMessage,
    SslHeartbeat,
    SslPlaintextData,
    SslProbableEncryptedHandshakeMessage,
    SslRsaClientPms,
    SslSecretsKnown,
    SslServerCurve,
    SslServerFingerprint,
    SslServerHello,
    SslServerSignature,
    SslSessionTicketHandshake,
    SslStapledOcsp,
    SslStructure,
    X509Certificate,
)
from .not_read import NotRead
from .options import Options
from .output import json_line, json_lines, text_line, text_lines
from .secrets.keylog import KeyLog
from .streams import Analyzer
from .walk import Occasion, known_events, raises

if TYPE_CHECKING:
    from . import arrow as arrow
    from . import report as report
    from .capture.live import list_interfaces
    from .capture.rows import read_connections
    from .capture.workers import Workers
    from .quic import QuicAnalyzer
    from .rows import (
        CertificateRow,
        ConnectionRow,
        QuicRow,
        Row,
        Rows,
        weaknesses,
    )

__all__ = [
    "Analyzer",
    "CaptureError",
    "CertificateInfo",
    "CertificateRow",
    "Connection",
    "ConnectionRow",
    "ConnectionStateRemove",
    "DOCUMENTED",
    "DatagramAnalyzer",
    "Event",
    "KeyLog",
    "LiveCapture",
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
    "QUICShortHeaderPacket",
    "QUICUnhandledVersion",
    "QUICUnreadPacket",
    "QUICZeroRTTPacket",
    "QuicAnalyzer",
    "QuicRow",
    "ROWS",
    "ReporterError",
    "Row",
    "Rows",
    "SECRETS",
    "STRUCTURES",
    "SecondsSinceEpoch",
    "SignatureAndHashAlgorithm",
    "SslAlert",
    "SslCertificateRequest",
    "SslChangeCipherSpec",
    "SslClientFingerprints",
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
    "SslExtensionSessionTicket",
    "SslExtensionSignatureAlgorithm",
    "SslExtensionSignatureAlgorithmsCert",
    "SslExtensionSignedCertificateTimestamp",
    "SslExtensionSupportedVersions",
    "SslHandshakeMessage",
    "SslHeartbeat",
    "SslPlaintextData",
    "SslProbableEncryptedHandshakeMessage",
    "SslRsaClientPms",
    "SslSecretsKnown",
    "SslServerCurve",
    "SslServerFingerprint",
    "SslServerHello",
    "SslServerSignature",
    "SslSessionTicketHandshake",
    "SslStapledOcsp",
    "SslStructure",
    "Text",
    "Workers",
    "X509Certificate",
    "capture_live",
    "ja3",
    "ja3s",
    "ja4",
    "ja4_r",
    "ja4_ro",
    "json_line",
    "json_lines",
    "known_events",
    "list_interfaces",
    "raises",
    "read_capture",
    "read_captures",
    "read_connections",
    "text_line",
    "text_lines",
    "weaknesses",
]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_MODULES})


# These take time to import, and few need them.
_LATER = {
    "QuicAnalyzer": ".quic",
    "Workers": ".capture.workers",
    "list_interfaces": ".capture.live",
    "read_connections": ".capture.rows",
    **dict.fromkeys(
        (
            "CertificateRow",
            "ConnectionRow",
            "QuicRow",
            "Row",
            "Rows",
            "weaknesses",
        ),
        ".rows",
    ),
}

# These need libraries that few have: `from events import *` leaves them out.
_MODULES = frozenset({"arrow", "report", "rows"})


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name in _MODULES:
        return import_module(f".{name}", __name__)
    module = _LATER.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(module, __name__), name)
