"""Key schedules: what secrets are made into (RFC 5246 section 5 and 6.3, RFC 7627, RFC 8446 section 7).

What may live here: those functions of bytes, without a connection.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from tlsgrammar import build
from tlsgrammar.key_schedule import HkdfLabel
from tlsgrammar.versions import has_signature_algorithm

__all__ = [
    "DTLS13",
    "EARLY_DRAFTS",
    "TLS13",
    "KeyBlock",
    "expand_label",
    "extended_master_secret",
    "key_block",
    "master_secret",
    "prf",
]

# By the name that a cipher suite has for it.
HASHES: dict[str, Any] = {
    "SHA256": hashes.SHA256,
    "SHA384": hashes.SHA384,
    "SHA512": hashes.SHA512,
    "SM3": hashes.SM3,
}

MASTER_SECRET_SIZE = 48

TLS13 = "tls13 "
DTLS13 = "dtls13"
EARLY_DRAFTS = "TLS 1.3, "
"""What stands in front of labels: of TLS 1.3, of DTLS 1.3 (RFC 9147 section 5.9), and of the drafts of TLS 1.3 up to 19."""


@lru_cache(maxsize=256)
def _info(label: str, context: bytes, length: int) -> bytes:
    value = {"length": length, "label": label.encode(), "context": context}
    return build(HkdfLabel, value)


def expand_label(
    hash_name: str, secret: bytes, label: str, length: int, *, prefix: str = TLS13
) -> bytes:
    """HKDF-Expand-Label without a context (RFC 8446 section 7.1).

    Args:
        hash_name: one of `HASHES`.
        secret: what is expanded.
        label: without what stands in front of it.
        length: how many bytes are wanted.
        prefix: what stands in front of the label.
    """
    info = _info(prefix + label, b"", length)
    return HKDFExpand(HASHES[hash_name](), length, info).derive(secret)


def _p_hash(name: str, secret: bytes, seed: bytes, length: int) -> bytes:
    """P_hash (RFC 5246 section 5)."""
    out = b""
    a = seed
    while len(out) < length:
        a = hmac.digest(secret, a, name)
        out += hmac.digest(secret, a + seed, name)
    return out[:length]


def prf(
    version: int, hash_name: str, secret: bytes, label: bytes, seed: bytes, length: int
) -> bytes:
    """The pseudorandom function of TLS up to 1.2 (RFC 5246 section 5, RFC 2246 section 5).

    Args:
        version: as negotiated.
        hash_name: that of the cipher suite; before TLS 1.2 there is no choice.
        secret, label, seed: as there.
        length: how many bytes are wanted.
    """
    if has_signature_algorithm(version):  # since TLS 1.2
        return _p_hash(hash_name.lower(), secret, label + seed, length)
    half = (len(secret) + 1) // 2
    md5 = _p_hash("md5", secret[:half], label + seed, length)
    sha1 = _p_hash("sha1", secret[len(secret) - half :], label + seed, length)
    return bytes(a ^ b for a, b in zip(md5, sha1, strict=True))


def master_secret(
    version: int,
    hash_name: str,
    pre_master_secret: bytes,
    client_random: bytes,
    server_random: bytes,
) -> bytes:
    """The master secret of a pre-master secret (RFC 5246 section 8.1)."""
    seed = client_random + server_random
    return prf(version, hash_name, pre_master_secret, b"master secret", seed, MASTER_SECRET_SIZE)


def extended_master_secret(
    version: int, hash_name: str, pre_master_secret: bytes, messages: Iterable[bytes]
) -> bytes:
    """The same where the handshake goes into it (RFC 7627 section 4).

    Args:
        version, hash_name: as for `prf`.
        pre_master_secret: it.
        messages: of the handshake, up to the ClientKeyExchange.
    """
    import hashlib

    data = b"".join(messages)
    if has_signature_algorithm(version):
        session_hash = hashlib.new(hash_name.lower(), data).digest()
    else:
        session_hash = hashlib.md5(data).digest() + hashlib.sha1(data).digest()
    label = b"extended master secret"
    return prf(version, hash_name, pre_master_secret, label, session_hash, MASTER_SECRET_SIZE)


class KeyBlock(NamedTuple):
    """What one side has of a key block (RFC 5246 section 6.3)."""

    mac_key: bytes
    key: bytes
    iv: bytes


def key_block(
    version: int,
    hash_name: str,
    master: bytes,
    client_random: bytes,
    server_random: bytes,
    sizes: tuple[int, int, int],
) -> tuple[KeyBlock, KeyBlock]:
    """What the client and the server have of the key block of a master secret (RFC 5246 section 6.3).

    Args:
        version, hash_name: as for `prf`.
        master: the master secret.
        client_random, server_random: of the hellos.
        sizes: how many bytes each has for a MAC key, a key and an IV.
    """
    seed = server_random + client_random
    block = prf(version, hash_name, master, b"key expansion", seed, 2 * sum(sizes))
    parts: list[bytes] = []
    at = 0
    for size in sizes:
        for _ in range(2):
            parts.append(block[at : at + size])
            at += size
    return KeyBlock(*parts[0::2]), KeyBlock(*parts[1::2])
