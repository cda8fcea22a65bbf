"""Code points as logs have them.

What may live here: how a number becomes the word in a row.
"""

from __future__ import annotations

from tlsgrammar import Registry, names
from tlsgrammar.language.names import Names

from ..meanings import Text

__all__ = ["named", "quic_version", "text", "version_name"]

_TEXT = Text()
_QUIC_VERSION_2 = 0x6B3343CF


def text(value: bytes) -> str:
    r"""Bytes that are text on the wire: what is not printable ASCII is `\\xNN`."""
    return _TEXT.words(value) or ""


def named(registry: Registry, of: Names, code: int) -> str:
    """A code point by its registered name; `unknown-` and the decimal number where it has none."""
    name = registry.name_of(of, code)
    return f"unknown-{code}" if name.startswith("unknown-0x") else name


def version_name(registry: Registry, version: int) -> str:
    """A version of TLS, SSL or DTLS: `TLSv12`, `TLSv13-draft23`, `unknown-32257`."""
    if version >> 8 == 0x7F:  # RFC 8446 section 4.2.1 of the drafts
        return f"TLSv13-draft{version & 0xFF}"
    return named(registry, names.VERSIONS, version)


def quic_version(version: int) -> str:
    """A version of QUIC: `1`, `quicv2`, `draft-29`, `mvfst (faceb002)`, `unknown-1a2a3a4a`."""
    if version == _QUIC_VERSION_2:
        return "quicv2"
    if version >> 8 == 0xFACEB0:
        return f"mvfst ({version:08x})"
    name = names.QUIC_VERSIONS.name(version)
    return f"unknown-{version:08x}" if "-0x" in name else name
