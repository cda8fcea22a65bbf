"""The registry of extensions, and the schemas of their bodies, grouped by what they are for.

Every module registers what it declares, with the call that users make: `register`.
"""

from ..registry import DEFAULT, MESSAGES
from . import (
    certificates,
    ech,
    groups,
    identity,
    middlebox,
    naming,
    negotiation,
    psk,
    quic,
    records,
)
from .certificates import DistinguishedName, OCSPResponse
from .extension import Extension, ExtensionType, register
from .groups import ECPointFormat, ECPointFormatList, NamedGroup, NamedGroupList
from .naming import HostName, ProtocolName, ProtocolNameList, ServerName, ServerNameList
from .negotiation import SUPPORTED_VERSIONS, ProtocolVersion, SelectedVersion, SupportedVersions
from .signatures import SignatureScheme

__all__ = [
    "DEFAULT",
    "MESSAGES",
    "SUPPORTED_VERSIONS",
    "DistinguishedName",
    "ECPointFormat",
    "ECPointFormatList",
    "Extension",
    "ExtensionType",
    "HostName",
    "NamedGroup",
    "NamedGroupList",
    "OCSPResponse",
    "ProtocolName",
    "ProtocolNameList",
    "ProtocolVersion",
    "SelectedVersion",
    "ServerName",
    "ServerNameList",
    "SignatureScheme",
    "SupportedVersions",
    "certificates",
    "ech",
    "groups",
    "identity",
    "middlebox",
    "naming",
    "negotiation",
    "psk",
    "quic",
    "records",
    "register",
]
