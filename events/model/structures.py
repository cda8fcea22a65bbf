"""The event of a structure's bytes, for whoever shows them.

What may live here: its shape. It is raised where it is asked for by name, like those of `later`.
"""

from __future__ import annotations

from typing import ClassVar

from ..meanings import CipherSuite, Version
from .connection import Connection, Event

__all__ = ["STRUCTURES", "SslStructure"]


class SslStructure(Event, frozen=True):
    """The bytes of a structure that was read, and what its layout depends on. It comes before the events of the structure.

    `tlsgrammar.parse` and `tlsgrammar.language.tree.follow` take the last four attributes that are not None as keywords.

    Attributes:
        is_orig: whether the originator sent it.
        structure: what it is: `Handshake`, whatever it came in; `DTLSHandshake`, the fragments in a record of DTLS;
            `Certificate`, what a CompressedCertificate was unpacked to; the name of the content type of a record, such as
            `alert`; `SSL 2.0`; of QUIC the packet, such as `InitialPacket`, whose content is protected.
        data: its bytes.
        offset: where they begin in the direction; those of a handshake message may have others between them.
        is_encrypted: whether they were encrypted, and opened with secrets.
        version: the negotiated version, where it was known.
        cipher_suite: the negotiated cipher suite, likewise.
        dtls: whether a ClientHello is that of DTLS.
        certificate_type: the type of the sender's certificate, where it is no X.509 certificate.
    """

    name: ClassVar[str] = "ssl_structure"
    c: Connection
    is_orig: bool
    structure: str
    data: bytes
    offset: int
    is_encrypted: bool
    version: Version | None
    cipher_suite: CipherSuite | None
    dtls: bool
    certificate_type: int | None


STRUCTURES: tuple[type[Event], ...] = (SslStructure,)
"""It alone."""
