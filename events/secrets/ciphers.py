"""Ciphers, as records and packets use them.

What may live here: what the library cryptography has, under one shape each: AEADs, block ciphers in CBC mode, stream
ciphers. Two things are not in it. ARIA is taken from the OpenSSL that Python itself is linked with, and GCM mode over
other ciphers than AES is put together here from the cipher and GHASH.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from functools import cache
from typing import Any, Protocol

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.decrepit.ciphers import algorithms as decrepit
from cryptography.hazmat.primitives.ciphers import Cipher as _Cipher
from cryptography.hazmat.primitives.ciphers import algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.poly1305 import Poly1305

from .suites import Cipher

__all__ = ["AEAD", "SAMPLE_SIZE", "Unsupported", "aead", "cbc", "ecb", "masks", "rc4"]


class Unsupported(Exception):
    """A cipher that cannot be had here; the message says why."""


class AEAD(Protocol):
    """What opens and seals (RFC 5116)."""

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None, /) -> bytes:
        """The plaintext.

        Raises:
            InvalidTag: it does not authenticate.
        """

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None, /) -> bytes:
        """The inverse of `decrypt`."""


def aead(cipher: Cipher, key: bytes) -> AEAD:
    """What opens with an AEAD.

    Raises:
        Unsupported: it cannot be had here.
    """
    match cipher.algorithm, cipher.mode:
        case "AES", "GCM":
            return AESGCM(key)
        case "AES", "CCM":
            return AESCCM(key, tag_length=cipher.tag_size)
        case "ChaCha20", "Poly1305":
            try:
                return ChaCha20Poly1305(key)
            except UnsupportedAlgorithm as error:  # in a FIPS mode
                raise Unsupported(str(error)) from None
        case "ChaCha20", _:
            return _OldChaCha20(key)
        case "HMAC", name:
            return _Integrity(name.lower(), key)
        case _, "GCM":
            return _GCM(ecb(cipher.algorithm, key))
    raise Unsupported(f"{cipher.algorithm} in mode {cipher.mode}")


def _algorithm(name: str) -> Any:
    """A cipher of cryptography, by name: where it stands has changed from version to version."""
    found = getattr(decrepit, name, None) or getattr(algorithms, name, None)
    if found is None:
        raise Unsupported(f"this version of the library cryptography has no {name}")
    return found


Update = Callable[[bytes], bytes]


def ecb(algorithm: str, key: bytes) -> Update:
    """What encrypts blocks, each by itself.

    Raises:
        Unsupported: it cannot be had here.
    """
    if algorithm == "ARIA":
        return _aria(f"ARIA-{8 * len(key)}-ECB", key, None, encrypt=True)
    try:
        update: Update = _Cipher(_algorithm(algorithm)(key), modes.ECB()).encryptor().update
    except UnsupportedAlgorithm as error:
        raise Unsupported(str(error)) from None
    return update


def cbc(algorithm: str, key: bytes, iv: bytes) -> Update:
    """What decrypts in CBC mode, from an IV on.

    Raises:
        Unsupported: it cannot be had here.
    """
    if algorithm == "ARIA":
        return _aria(f"ARIA-{8 * len(key)}-CBC", key, iv, encrypt=False)
    try:
        made = _Cipher(_algorithm(algorithm)(key), modes.CBC(iv)).decryptor()
    except UnsupportedAlgorithm as error:
        raise Unsupported(str(error)) from None
    update: Update = made.update
    return update


def rc4(key: bytes) -> Update:
    """The stream cipher RC4, which goes on from call to call.

    Raises:
        Unsupported: it cannot be had here.
    """
    try:
        update: Update = _Cipher(_algorithm("ARC4")(key), None).decryptor().update
    except UnsupportedAlgorithm as error:
        raise Unsupported(str(error)) from None
    return update


def masks(algorithm: str, key: bytes) -> Update:
    """What makes the mask of a packet number or sequence number from a sample of 16 bytes (RFC 9001 section 5.4,
    RFC 9147 section 4.2.3).

    Raises:
        Unsupported: it cannot be had here.
    """
    if algorithm == "HMAC":
        return lambda sample: bytes(_BLOCK)  # RFC 9150 section 9
    if algorithm != "ChaCha20":
        return ecb(algorithm, key)
    # The sample is the block counter and the nonce.
    return lambda sample: (
        _Cipher(algorithms.ChaCha20(key, sample), None).encryptor().update(bytes(_BLOCK))
    )


SAMPLE_SIZE = 16


class _Integrity:
    """What is authenticated, and not encrypted (RFC 9150 section 6)."""

    def __init__(self, hash_name: str, key: bytes) -> None:
        self._hash = hash_name
        self._key = key

    def _mac(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes:
        return hmac.digest(self._key, nonce + (associated_data or b"") + data, self._hash)

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None, /) -> bytes:
        size = len(self._key)
        plain, mac = data[:-size], data[-size:]
        if not hmac.compare_digest(mac, self._mac(nonce, plain, associated_data)):
            raise InvalidTag
        return plain

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None, /) -> bytes:
        return data + self._mac(nonce, data, associated_data)


class _OldChaCha20:
    """ChaCha20 and Poly1305 as they were before RFC 7539 (draft-agl-tls-chacha20poly1305-04 section 5): the nonce is the
    number of the record, and nothing is padded.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def _stream(self, nonce: bytes) -> tuple[bytes, Update]:
        """The key of Poly1305, and what encrypts."""
        update = _Cipher(algorithms.ChaCha20(self._key, bytes(8) + nonce), None).encryptor().update
        return update(bytes(64))[:32], update

    def _tag(self, key: bytes, data: bytes, associated_data: bytes) -> bytes:
        parts = [x + len(x).to_bytes(8, "little") for x in (associated_data, data)]
        return Poly1305.generate_tag(key, b"".join(parts))

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None, /) -> bytes:
        key, update = self._stream(nonce)
        encrypted, tag = data[:-_TAG], data[-_TAG:]
        if not hmac.compare_digest(tag, self._tag(key, encrypted, associated_data or b"")):
            raise InvalidTag
        return update(encrypted)

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None, /) -> bytes:
        key, update = self._stream(nonce)
        encrypted = update(data)
        return encrypted + self._tag(key, encrypted, associated_data or b"")


# GCM over any block cipher (NIST SP 800-38D)

_BLOCK = 16
_TAG = 16
# x^128 + x^7 + x^2 + x + 1, in the order of bits that GCM has.
_REDUCTION = 0xE1 << 120


class _GCM:
    """GCM over a block cipher: counter mode, and GHASH.

    GHASH multiplies in a field of 2^128 elements, a byte at a time, by a table of all bytes times the hash key.
    """

    def __init__(self, encrypt: Update) -> None:
        self._encrypt = encrypt
        self._table = _products(int.from_bytes(encrypt(bytes(_BLOCK)), "big"))

    def _ghash(self, data: bytes) -> int:
        table, reduced = self._table, _reductions()
        y = 0
        for at in range(0, len(data), _BLOCK):
            y ^= int.from_bytes(data[at : at + _BLOCK], "big")
            z = 0
            for _ in range(_BLOCK):
                z = (z >> 8) ^ reduced[z & 0xFF] ^ table[y & 0xFF]
                y >>= 8
            y = z
        return y

    def _crypt(self, nonce: bytes, data: bytes) -> bytes:
        count = -(-len(data) // _BLOCK)
        counters = b"".join(nonce + index.to_bytes(4, "big") for index in range(2, count + 2))
        stream = self._encrypt(counters)[: len(data)]
        mixed = int.from_bytes(data, "big") ^ int.from_bytes(stream, "big")
        return mixed.to_bytes(len(data), "big")

    def _tag(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes:
        sizes = (8 * len(associated_data) << 64 | 8 * len(data)).to_bytes(_BLOCK, "big")
        padded = [part + bytes(-len(part) % _BLOCK) for part in (associated_data, data)]
        hashed = self._ghash(b"".join(padded) + sizes)
        mask = int.from_bytes(self._encrypt(nonce + (1).to_bytes(4, "big")), "big")
        return (hashed ^ mask).to_bytes(_TAG, "big")

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None, /) -> bytes:
        encrypted, tag = data[:-_TAG], data[-_TAG:]
        expected = self._tag(nonce, encrypted, associated_data or b"")
        if not hmac.compare_digest(tag, expected):
            raise InvalidTag
        return self._crypt(nonce, encrypted)

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None, /) -> bytes:
        encrypted = self._crypt(nonce, data)
        return encrypted + self._tag(nonce, encrypted, associated_data or b"")


def _products(key: int) -> list[int]:
    """Every byte, as the first one of a block, times the hash key."""
    table = [0] * 256
    bit, value = 0x80, key
    while bit:
        table[bit] = value
        value = value >> 1 ^ (_REDUCTION if value & 1 else 0)
        bit >>= 1
    for byte in range(1, 256):
        low = byte & -byte
        table[byte] = table[low] ^ table[byte ^ low]
    return table


@cache
def _reductions() -> list[int]:
    """What the last byte of a block becomes as the block is multiplied by x^8."""
    table = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = value >> 1 ^ (_REDUCTION if value & 1 else 0)
        table.append(value)
    return table


# ARIA


@cache
def _libcrypto() -> Any:
    """The OpenSSL that Python's own hashes come from.

    Raises:
        Unsupported: it is not to be found.
    """
    try:
        import _hashlib
        import ctypes

        # The symbols of what a library is linked with are found through it.
        library = ctypes.CDLL(_hashlib.__file__)
        for name, result, arguments in (
            ("EVP_get_cipherbyname", "p", "s"),
            ("EVP_CIPHER_CTX_new", "p", ""),
            ("EVP_CIPHER_CTX_free", "", "p"),
            ("EVP_CipherInit_ex", "i", "pppssi"),
            ("EVP_CIPHER_CTX_set_padding", "i", "pi"),
            ("EVP_CipherUpdate", "i", "pspsi"),
        ):
            types = {"p": ctypes.c_void_p, "s": ctypes.c_char_p, "i": ctypes.c_int}
            function = getattr(library, name)
            function.restype = types.get(result)
            function.argtypes = [types[each] for each in arguments]
    except (ImportError, AttributeError, OSError):
        reason = "ARIA needs a Python that is linked with the library OpenSSL"
        raise Unsupported(reason) from None
    return library


class _Context:
    """A cipher context of OpenSSL."""

    def __init__(
        self, library: Any, cipher: Any, key: bytes, iv: bytes | None, encrypt: bool
    ) -> None:
        self._library = library
        self._context = library.EVP_CIPHER_CTX_new()
        if not self._context or not library.EVP_CipherInit_ex(
            self._context, cipher, None, key, iv, encrypt
        ):
            raise Unsupported("OpenSSL cannot begin to use ARIA")
        library.EVP_CIPHER_CTX_set_padding(self._context, 0)

    def __del__(self) -> None:
        self._library.EVP_CIPHER_CTX_free(self._context)

    def update(self, data: bytes) -> bytes:
        import ctypes

        out = ctypes.create_string_buffer(len(data) + _BLOCK)
        size = ctypes.c_int()
        self._library.EVP_CipherUpdate(self._context, out, ctypes.addressof(size), data, len(data))
        return out.raw[: size.value]


def _aria(name: str, key: bytes, iv: bytes | None, *, encrypt: bool) -> Update:
    library = _libcrypto()
    cipher = library.EVP_get_cipherbyname(name.encode())
    if not cipher:
        raise Unsupported("the OpenSSL that Python is linked with has no ARIA")
    return _Context(library, cipher, key, iv, encrypt).update
