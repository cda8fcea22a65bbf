"""What cipher suites are made of: a cipher, and a hash.

What may live here: how that follows from the name of a suite, so that one which is registered by its name is known. The
ciphers themselves are in `ciphers`.
"""

from __future__ import annotations

import enum
import re
from typing import NamedTuple

from tlsgrammar import Registry
from tlsgrammar.registry import DEFAULT

__all__ = ["AEAD", "BLOCK", "CIPHERS", "STREAM", "Cipher", "Kind", "Suite", "hash_size", "suite"]


class Kind(enum.Enum):
    """How a cipher protects records (RFC 5246 section 6.2.3)."""

    STREAM = "stream"
    BLOCK = "block"
    AEAD = "aead"


STREAM, BLOCK, AEAD = Kind.STREAM, Kind.BLOCK, Kind.AEAD


class Cipher(NamedTuple):
    """A cipher of records.

    Attributes:
        algorithm: the block or stream cipher; empty for none.
        mode: `GCM`, `CCM`, `CBC`; empty for what has none.
        kind: how it protects records.
        key_size: of its key, in bytes.
        iv_size: of the part of the nonce or IV that follows from the keys, up to TLS 1.2; of a block cipher its block.
        explicit_size: of the part of the nonce that stands in the record, up to TLS 1.2.
        tag_size: of the authentication tag of an AEAD.
        nonce_size: of the nonce of an AEAD, in TLS 1.3.
        cost: how many times as long as AES-GCM it takes for each byte, with its MAC, about.
    """

    algorithm: str
    mode: str
    kind: Kind
    key_size: int
    iv_size: int = 0
    explicit_size: int = 0
    tag_size: int = 0
    nonce_size: int = 12
    cost: int = 1


def _aead(algorithm: str, mode: str, key_size: int, tag_size: int = 16, cost: int = 1) -> Cipher:
    return Cipher(algorithm, mode, AEAD, key_size, 4, 8, tag_size, cost=cost)  # RFC 5288 section 3


_IN_PYTHON = 800  # GHASH


# By what stands for it in the name of a suite.
CIPHERS: dict[str, Cipher] = {
    "AES_128_GCM": _aead("AES", "GCM", 16),
    "AES_256_GCM": _aead("AES", "GCM", 32),
    "AES_128_CCM": _aead("AES", "CCM", 16, cost=3),
    "AES_256_CCM": _aead("AES", "CCM", 32, cost=3),
    "AES_128_CCM_8": _aead("AES", "CCM", 16, 8, cost=3),
    "AES_256_CCM_8": _aead("AES", "CCM", 32, 8, cost=3),
    "CAMELLIA_128_GCM": _aead("Camellia", "GCM", 16, cost=_IN_PYTHON),
    "CAMELLIA_256_GCM": _aead("Camellia", "GCM", 32, cost=_IN_PYTHON),
    "ARIA_128_GCM": _aead("ARIA", "GCM", 16, cost=_IN_PYTHON),
    "ARIA_256_GCM": _aead("ARIA", "GCM", 32, cost=_IN_PYTHON),
    "SM4_GCM": _aead("SM4", "GCM", 16, cost=_IN_PYTHON),
    "CHACHA20_POLY1305": Cipher("ChaCha20", "Poly1305", AEAD, 32, 12, 0, 16, cost=2),  # RFC 7905
    # Integrity without confidentiality (RFC 9150).
    "SHA256": Cipher("HMAC", "SHA256", AEAD, 32, tag_size=32, nonce_size=32, cost=5),
    "SHA384": Cipher("HMAC", "SHA384", AEAD, 48, tag_size=48, nonce_size=48, cost=5),
    "AES_128_CBC": Cipher("AES", "CBC", BLOCK, 16, 16, cost=10),
    "AES_256_CBC": Cipher("AES", "CBC", BLOCK, 32, 16, cost=10),
    "CAMELLIA_128_CBC": Cipher("Camellia", "CBC", BLOCK, 16, 16, cost=20),
    "CAMELLIA_256_CBC": Cipher("Camellia", "CBC", BLOCK, 32, 16, cost=20),
    "ARIA_128_CBC": Cipher("ARIA", "CBC", BLOCK, 16, 16, cost=40),
    "ARIA_256_CBC": Cipher("ARIA", "CBC", BLOCK, 32, 16, cost=40),
    "SEED_CBC": Cipher("SEED", "CBC", BLOCK, 16, 16, cost=40),
    "SM4_CBC": Cipher("SM4", "CBC", BLOCK, 16, 16, cost=40),
    "3DES_EDE_CBC": Cipher("TripleDES", "CBC", BLOCK, 24, 8, cost=130),
    "IDEA_CBC": Cipher("IDEA", "CBC", BLOCK, 16, 8, cost=40),
    "RC4_128": Cipher("ARC4", "", STREAM, 16, cost=10),
    "NULL": Cipher("", "", STREAM, 0, cost=5),
}

_HASH_SIZES = {"SHA256": 32, "SHA384": 48, "SM3": 32}


def hash_size(name: str) -> int:
    """How long the hash of a key schedule is, in bytes; 0 for one that is not known."""
    return _HASH_SIZES.get(name, 0)


MAC_SIZES = {"MD5": 16, "SHA": 20, "SHA256": 32, "SHA384": 48}


class Suite(NamedTuple):
    """What a cipher suite is made of.

    Attributes:
        cipher: what encrypts records.
        hash: what its name ends with: `SHA256`; empty where that is nothing.
        tls13: whether it is one of TLS 1.3, whose names have no key exchange.
    """

    cipher: Cipher
    hash: str
    tls13: bool

    @property
    def mac(self) -> str:
        """The hash of the MAC of records; empty where an AEAD has its own."""
        return "" if self.cipher.kind is AEAD else self.hash

    @property
    def mac_size(self) -> int:
        """How long that is, in bytes."""
        return MAC_SIZES.get(self.mac, 0)

    @property
    def prf(self) -> str:
        """The hash of the key schedule, since TLS 1.2 (RFC 5246 section 5, RFC 5289 section 3)."""
        return self.hash if self.hash in ("SHA384", "SM3") else "SHA256"


# draft-agl-tls-chacha20poly1305-04: another construction, under names that came to be those of RFC 7905.
_OLD_CHACHA20 = Cipher("ChaCha20", "Poly1305 of the draft", AEAD, 32, 0, 0, 16, cost=5)

_ONE_OF_THEM = "|".join(sorted(CIPHERS, key=len, reverse=True))
_NAME = re.compile(
    rf"(?P<old>OLD_)?TLS_(?P<exchange>.+_WITH_)?(?P<cipher>{_ONE_OF_THEM})(?:_(?P<hash>MD5|SHA|SHA256|SHA384|SM3))?"
)


def suite(code: int | None, registry: Registry = DEFAULT) -> Suite | None:
    """What a cipher suite is made of; None where its name is not known, or says something that is not known here.

    Args:
        code: its code point.
        registry: where its name is.
    """
    if code is None:
        return None
    match = _NAME.fullmatch(registry.protection_of(code))
    if match is None:
        return None
    cipher = CIPHERS[match["cipher"]]
    if match["old"] and cipher.algorithm == "ChaCha20":
        cipher = _OLD_CHACHA20
    found = Suite(cipher, match["hash"] or "", match["exchange"] is None)
    # A stream or block cipher has a MAC.
    return found if cipher.kind is AEAD or found.hash in MAC_SIZES else None
