"""Names for connections, the same in every run over the same packets.

What may live here: how such a name is made.
"""

from __future__ import annotations

import hashlib

__all__ = ["uid"]

# Of bytes, the letters and digits that stand for them.
_LETTERS = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_AS_LETTERS = bytes(_LETTERS[byte % len(_LETTERS)] for byte in range(256))


def uid(seed: bytes) -> str:
    """A name that is made from whatever tells a connection from others."""
    return "C" + hashlib.blake2b(seed, digest_size=16).digest().translate(_AS_LETTERS).decode()
