"""What secrets are made of: structures that are hashed or encrypted, and never seen as such (RFC 8446 section 7.1,
RFC 5246 section 7.4.7.1).
"""

from __future__ import annotations

from .extensions import ProtocolVersion
from .language import Bytes, opaque, structure, uint16

__all__ = ["HkdfLabel", "PreMasterSecret"]

HkdfLabel = structure(
    "HkdfLabel",
    "RFC 8446 section 7.1",
    "length" / uint16,
    "label" / opaque(7, 255),
    "context" / opaque(0, 255),
)

PreMasterSecret = structure(
    "PreMasterSecret",
    "RFC 5246 section 7.4.7.1",
    "client_version" / ProtocolVersion,
    "random" / Bytes(46),
)
