"""The SSL/TLS events of Zeek (formerly Bro), from bytes or from captures.

`Analyzer` takes bytes, `read_capture` takes captures, and both give events:

    >>> import events
    >>> alert = events.Analyzer().deliver(bytes.fromhex("15030100020228"), is_orig=True)[0]
    >>> alert.name, alert.is_orig, alert.level, alert.desc
    ('ssl_alert', True, 2, 40)
"""

from typing import TYPE_CHECKING

# It fills the default registry, before anybody copies that or adds functions of his own.
from .mapping import tls as _tls  # noqa: F401

if TYPE_CHECKING:
    from . import arrow as arrow
    from . import report as report
    from .capture import CaptureError, LiveCapture, capture_live, read_capture, read_captures
    from .capture.live import list_interfaces
    from .capture.rows import read_connections
    from .capture.workers import Workers
    from .certificate import CertificateInfo
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
    from .output.json import json_line, json_lines
    from .output.text import text_line, text_lines
    from .quic import QuicAnalyzer
    from .rows import (
        CertificateRow,
        ConnectionRow,
        QuicRow,
        Row,
        Rows,
        weaknesses,
    )
    from .secrets.keylog import KeyLog
    from .streams import Analyzer
    from .walk import Occasion, known_events, raises

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


# Which module has what. Each is imported when it is first asked for something: nobody needs all of them.
_MODULE_OF = {
    name: module
    for module, names in {
        ".capture.files": ("CaptureError",),
        ".capture.live": ("list_interfaces",),
        ".capture.many": ("read_captures",),
        ".capture.one": ("LiveCapture", "capture_live", "read_capture"),
        ".capture.rows": ("read_connections",),
        ".capture.workers": ("Workers",),
        ".certificate": ("CertificateInfo",),
        ".datagrams": ("DatagramAnalyzer",),
        ".fingerprints": ("ja3", "ja3s", "ja4", "ja4_r", "ja4_ro"),
        ".meanings": ("Meaning", "SecondsSinceEpoch", "Text"),
        ".not_read": ("NotRead",),
        ".options": ("Options",),
        ".output.json": ("json_line", "json_lines"),
        ".output.text": ("text_line", "text_lines"),
        ".quic": ("QuicAnalyzer",),
        ".rows": (*("CertificateRow", "ConnectionRow", "QuicRow", "Row", "Rows", "weaknesses"),),
        ".secrets.keylog": ("KeyLog",),
        ".streams": ("Analyzer",),
        ".walk": ("Occasion", "known_events", "raises"),
    }.items()
    for name in names
}
_OTHERS = ".model"  # has an event or a group of events by every other name

# These need libraries that few have: `from events import *` leaves them out.
_MODULES = frozenset({"arrow", "report", "rows"})


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_MODULES})


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name in _MODULES:
        return import_module(f".{name}", __name__)
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(_MODULE_OF.get(name, _OTHERS), __name__), name)
    globals()[name] = found  # asked for once
    return found
