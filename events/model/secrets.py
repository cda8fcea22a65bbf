"""The events of what is decrypted, and of certificates. They are ours: Zeek has none of these names.

What may live here: their shape. They are raised where they are asked for by name, like those of `later`.
"""

from __future__ import annotations

from typing import ClassVar

from ..meanings import ContentType
from .connection import Connection, Event

__all__ = ["SECRETS", "SslDecryptedData"]


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


SECRETS: tuple[type[Event], ...] = (SslDecryptedData,)
"""They."""
