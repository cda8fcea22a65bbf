"""The SSL/TLS events of Zeek (formerly Bro), from bytes or from captures.

>>> import events
>>> alert = events.Analyzer().deliver(bytes.fromhex("15030100020228"), is_orig=True)[0]
>>> alert.name, alert.is_orig, alert.level, alert.desc
('ssl_alert', True, 2, 40)
"""

from .analyzer import Analyzer
from .capture import CaptureError, read_capture, read_captures
from .datagrams import DatagramAnalyzer
from .model import (
    DOCUMENTED,
    Connection,
    Event,
    ProtocolViolation,
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
from .output import json_line, text_line
from .walk import Occasion, raises

__all__ = [
    "DOCUMENTED",
    "Analyzer",
    "CaptureError",
    "Connection",
    "DatagramAnalyzer",
    "Event",
    "Occasion",
    "ProtocolViolation",
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
    "json_line",
    "raises",
    "read_capture",
    "read_captures",
    "text_line",
]
