"""Extensions with which a client names itself otherwise than by a certificate."""

from __future__ import annotations

from ..language import Empty, opaque, structure
from .extension import register

__all__ = ["SRPExtension"]

_IN_HELLOS = ("client_hello", "server_hello")

SRPExtension = structure("SRPExtension", "RFC 5054 section 2.8.1", "srp_I" / opaque(1, 2**8 - 1))

register(12, "srp", {"client_hello": SRPExtension}, reference="RFC 5054 section 2.8.1")

# draft-balfanz-tls-channelid-01 section 3; the earlier code point is the one of its first draft
register(
    30032,
    "channel_id",
    dict.fromkeys(_IN_HELLOS, Empty),
    reference="draft-balfanz-tls-channelid-01 section 3",
)
register(
    30031,
    "channel_id_draft",
    dict.fromkeys(_IN_HELLOS, Empty),
    reference="draft-balfanz-tls-channelid-00 section 3",
)
register(
    13175,
    "origin_bound_certificates",
    dict.fromkeys(_IN_HELLOS, Empty),
    reference="draft-balfanz-tls-obc-01 section 3",
)
register(
    13180,
    "encrypted_client_certificates",
    dict.fromkeys(_IN_HELLOS, Empty),
    reference="draft-agl-tls-encryptedclientcerts-00 section 3",
)
