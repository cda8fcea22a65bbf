"""Extensions that settle which protocol version is spoken."""

from __future__ import annotations

from .. import names
from ..language import enumeration, structure, uint16, vector
from .extension import register

__all__ = ["SUPPORTED_VERSIONS", "ProtocolVersion", "SelectedVersion", "SupportedVersions"]

ProtocolVersion = enumeration(uint16, names.VERSIONS)

# One structure there, with a case for each message.
SupportedVersions = structure(
    "SupportedVersions", "RFC 8446 section 4.2.1", "versions" / vector(ProtocolVersion, 2, 254)
)
SelectedVersion = structure(
    "SelectedVersion", "RFC 8446 section 4.2.1", "selected_version" / ProtocolVersion
)

SUPPORTED_VERSIONS = 43

register(
    SUPPORTED_VERSIONS,
    "supported_versions",
    {
        "client_hello": SupportedVersions,
        "server_hello": SelectedVersion,
        "hello_retry_request": SelectedVersion,
    },
    reference="RFC 8446 section 4.2.1",
)
