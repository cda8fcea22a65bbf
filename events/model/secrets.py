"""The events of what is decrypted, and of certificates. They are ours: Zeek has none of these names.

What may live here: their shape. They are raised where they are asked for by name, like those of `later`.
"""

from __future__ import annotations

from typing import ClassVar

from ..certificate import CertificateInfo
from ..meanings import ContentType
from .connection import Connection, Event

__all__ = ["SECRETS", "SslDecryptedData", "X509Certificate"]


class SslDecryptedData(Event, frozen=True):
    """The plaintext of a record of application data, early data included.

    Attributes:
        is_orig: whether the originator sent it.
        content_type: 23, that of application data.
        data: the plaintext; never empty.
    """

    name: ClassVar[str] = "ssl_decrypted_data"
    c: Connection
    is_orig: bool
    content_type: ContentType
    data: bytes


class X509Certificate(Event, frozen=True):
    """A certificate of a Certificate message, compressed or not, or of a SERVER-HELLO of SSL 2.0.

    Attributes:
        is_orig: whether the originator sent it.
        index: which one of the message it is, from 0; the first is the sender's own.
        certificate: what stands in it; None where that cannot be read.
        der: its bytes.
    """

    name: ClassVar[str] = "x509_certificate"
    c: Connection
    is_orig: bool
    index: int
    certificate: CertificateInfo | None
    der: bytes


SECRETS: tuple[type[Event], ...] = (SslDecryptedData, X509Certificate)
"""They."""
