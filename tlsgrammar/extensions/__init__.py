"""The registry of extensions, and the schemas of their bodies, grouped by what they are for."""

from .groups import ECPointFormat, ECPointFormatList, NamedGroup, NamedGroupList
from .naming import HostName, ProtocolName, ProtocolNameList, ServerName, ServerNameList
from .negotiation import SUPPORTED_VERSIONS, ProtocolVersion, SelectedVersion, SupportedVersions
from .registry import (
    DEFAULT,
    MESSAGES,
    Extension,
    ExtensionBody,
    ExtensionRegistry,
    ExtensionType,
    register,
)

__all__ = [
    "DEFAULT",
    "MESSAGES",
    "SUPPORTED_VERSIONS",
    "ECPointFormat",
    "ECPointFormatList",
    "Extension",
    "ExtensionBody",
    "ExtensionRegistry",
    "ExtensionType",
    "HostName",
    "NamedGroup",
    "NamedGroupList",
    "ProtocolName",
    "ProtocolNameList",
    "ProtocolVersion",
    "SelectedVersion",
    "ServerName",
    "ServerNameList",
    "SupportedVersions",
    "register",
]
