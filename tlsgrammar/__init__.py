r"""TLS as construct schemas: bytes to structures and back.

Every structure has the name that its RFC gives it, RFC 8446 first. `parse` and `build` are the way in:

    >>> import tlsgrammar
    >>> tlsgrammar.parse(tlsgrammar.Alert, bytes([2, 40]))
    Container(level=2, description=40)
    >>> tlsgrammar.build(tlsgrammar.Alert, {"level": "fatal", "description": "handshake_failure"})
    b'\x02('
"""

from . import dtls, extensions, names, record, registry, sslv2, versions
from .extensions import (
    ECPointFormat,
    ECPointFormatList,
    Extension,
    HostName,
    NamedGroup,
    NamedGroupList,
    ProtocolName,
    ProtocolNameList,
    ProtocolVersion,
    ServerName,
    ServerNameList,
    SupportedVersions,
)
from .handshake import (
    Certificate,
    CertificateEntry,
    CertificateRequest,
    CertificateStatus,
    CertificateURL,
    CertificateVerify,
    CipherSuite,
    ClientHello,
    CompressedCertificate,
    EncryptedExtensions,
    EndOfEarlyData,
    Finished,
    Handshake,
    HelloRequest,
    HelloRetryRequest,
    HelloVerifyRequest,
    KeyUpdate,
    MessageHash,
    NewSessionTicket,
    NextProtocol,
    Random,
    ServerHello,
    ServerHelloDone,
    SupplementalData,
    URLAndHash,
)
from .key_exchange import (
    ClientKeyExchange,
    DigitallySigned,
    ECParameters,
    ServerDHParams,
    ServerECDHParams,
    ServerKeyExchange,
    ServerRSAParams,
    ServerSRPParams,
    SignatureScheme,
    key_exchange_algorithm,
)
from .language import GrammarError, build, parse, read
from .plugins import PluginError, load_extensions
from .record import (
    Alert,
    Alerts,
    ApplicationData,
    ChangeCipherSpec,
    HeartbeatMessage,
    TLSCiphertext,
    TLSInnerPlaintext,
    TLSPlaintext,
)
from .registry import Registry

__version__ = "0.2.0.dev0"

__all__ = [
    "Alert",
    "Alerts",
    "ApplicationData",
    "Certificate",
    "CertificateEntry",
    "CertificateRequest",
    "CertificateStatus",
    "CertificateURL",
    "CertificateVerify",
    "ChangeCipherSpec",
    "CipherSuite",
    "ClientHello",
    "ClientKeyExchange",
    "CompressedCertificate",
    "DigitallySigned",
    "ECParameters",
    "ECPointFormat",
    "ECPointFormatList",
    "EncryptedExtensions",
    "EndOfEarlyData",
    "Extension",
    "Finished",
    "GrammarError",
    "Handshake",
    "HeartbeatMessage",
    "HelloRequest",
    "HelloRetryRequest",
    "HelloVerifyRequest",
    "HostName",
    "KeyUpdate",
    "MessageHash",
    "NamedGroup",
    "NamedGroupList",
    "NewSessionTicket",
    "NextProtocol",
    "PluginError",
    "ProtocolName",
    "ProtocolNameList",
    "ProtocolVersion",
    "Random",
    "Registry",
    "ServerDHParams",
    "ServerECDHParams",
    "ServerHello",
    "ServerHelloDone",
    "ServerKeyExchange",
    "ServerName",
    "ServerNameList",
    "ServerRSAParams",
    "ServerSRPParams",
    "SignatureScheme",
    "SupplementalData",
    "SupportedVersions",
    "TLSCiphertext",
    "TLSInnerPlaintext",
    "TLSPlaintext",
    "URLAndHash",
    "build",
    "dtls",
    "extensions",
    "key_exchange_algorithm",
    "load_extensions",
    "mutations",
    "names",
    "parse",
    "quic",
    "read",
    "record",
    "registry",
    "sslv2",
    "versions",
]


def __getattr__(name: str) -> object:
    # They take time to import, and few need them.
    if name in ("mutations", "quic"):
        import importlib

        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
