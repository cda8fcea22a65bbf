"""What a protocol version means for the layout of structures.

What belongs here: questions about a version number that schemas and their users ask. A version is
the two-byte number of the wire: 0x0300 is SSL 3.0, 0x0303 TLS 1.2, 0x0304 TLS 1.3.
"""

from __future__ import annotations

from typing import Any

from construct import Construct, IfThenElse

from .language import reads, remaining
from .language.parameters import declare_parameter
from .names import VERSIONS

__all__ = [
    *("SSL20", "SSL30", "TLS10", "TLS11", "TLS12", "TLS13"),
    *(
        "by_version",
        "cid_length",
        "has_signature_algorithm",
        "in_tls13",
        "is_supported",
        "is_tls13",
        "version_of",
    ),
]

SSL20 = 0x0002
SSL30 = 0x0300
TLS10 = 0x0301
TLS11 = 0x0302
TLS12 = 0x0303
TLS13 = 0x0304
DTLS10 = 0xFEFF
DTLS12 = 0xFEFD
DTLS13 = 0xFEFC


def is_tls13(version: int | None) -> bool:
    """Whether a negotiated version is TLS 1.3: the standard, a draft of it (0x7fNN, RFC 8446
    section 4.2.1 of the drafts), or an experiment before it (0x7eNN).
    """
    return version is not None and (version in (TLS13, DTLS13) or version >> 8 in (0x7E, 0x7F))


def has_signature_algorithm(version: int | None) -> bool:
    """Whether a signature names its algorithm: since TLS 1.2 (RFC 5246 section 4.7), and where nothing
    is known of the version.
    """
    return version is None or version in (TLS12, DTLS12) or is_tls13(version)


def is_early_tls13_draft(version: int) -> bool:
    """Whether a ServerHello of this version is one of the drafts up to 21 of TLS 1.3, which have no
    session id and no compression method.
    """
    return version == TLS13 or 0x7F00 <= version <= 0x7F15


def is_supported(version: int) -> bool:
    """Whether a hello may have this version: SSL 3.0 to TLS 1.2, DTLS, or a TLS 1.3 of some kind."""
    return SSL30 <= version <= TLS12 or version in (DTLS10, DTLS12) or is_tls13(version)


declare_parameter("version", VERSIONS)


def version_of(context: Any) -> int | None:
    """The negotiated version in the context that a schema is parsed or built with, if any."""
    version: int | None = context["_params"].get("version")
    return version


declare_parameter("cid_length", int)


@reads("params")
def cid_length(context: Any) -> int:
    """How long the connection ids are that the receiver of a DTLS record or a QUIC packet chose; 0 where nothing is
    known of it.
    """
    length: int = context["_params"].get("cid_length") or 0
    return length


@reads("params")
def in_tls13(context: Any) -> bool:
    """Whether a schema is parsed or built as of TLS 1.3; not where nothing is known of the version."""
    return is_tls13(version_of(context))


def by_version(tls12: Construct | None = None, tls13: Construct | None = None) -> Construct:
    """One schema for TLS 1.3 and one for what came before; the bytes, where there is none."""
    return IfThenElse(in_tls13, tls13 or remaining(), tls12 or remaining())
