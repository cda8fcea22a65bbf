"""Ciphers: vectors that others have published, from `vectors.txt`; and what holds for any bytes."""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from events.secrets import ciphers, suites
from events.secrets.ciphers import SAMPLE_SIZE, Unsupported
from events.secrets.suites import AEAD, BLOCK, CIPHERS, Cipher, Kind

OLD = "OLD_CHACHA20_POLY1305"


def cipher_of(name: str) -> Cipher:
    """What stands for a cipher in `vectors.txt`."""
    if name != OLD:
        return CIPHERS[name]
    found = suites.suite(0xCC13)  # OLD_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256
    assert found is not None
    return found.cipher


class Vector(NamedTuple):
    """What a cipher makes of a plaintext; the tag of an AEAD is at the end of the ciphertext."""

    cipher: Cipher
    key: bytes
    nonce: bytes
    associated_data: bytes
    plaintext: bytes
    ciphertext: bytes


def _read() -> Iterator[tuple[str, Vector]]:
    text = Path(__file__).with_name("vectors.txt").read_text()
    for part in text.rstrip("\n").split("\n\n"):
        title, *values = part.split("\n  ")
        name, _ = title.split(" ", 1)
        yield title, Vector(cipher_of(name), *[bytes.fromhex(v.strip("-\n")) for v in values])


VECTORS = list(_read())


def vectors(kind: Kind) -> pytest.MarkDecorator:
    chosen = [pytest.param(v, id=title) for title, v in VECTORS if v.cipher.kind is kind]
    return pytest.mark.parametrize("vector", chosen)


def test_there_is_a_vector_for_every_cipher() -> None:
    """But for those that encrypt nothing."""
    without = {name for name, each in CIPHERS.items() if each.algorithm in ("", "HMAC")}
    known = {title.split(" ", 1)[0] for title, _ in VECTORS}
    assert known == {*CIPHERS, OLD} - without == {*CIPHERS, OLD} - {"NULL", "SHA256", "SHA384"}


# AEADs


@vectors(AEAD)
def test_an_aead_opens_and_seals(vector: Vector) -> None:
    cipher, key, nonce, beside, plaintext, ciphertext = vector
    assert len(key) == cipher.key_size
    assert len(ciphertext) == len(plaintext) + cipher.tag_size
    aead = ciphers.aead(cipher, key)
    assert aead.decrypt(nonce, ciphertext, beside) == plaintext
    assert aead.encrypt(nonce, plaintext, beside) == ciphertext
    if not beside:
        assert aead.decrypt(nonce, ciphertext, None) == plaintext


@vectors(AEAD)
def test_an_aead_opens_nothing_that_has_changed(vector: Vector) -> None:
    cipher, key, nonce, beside, _, ciphertext = vector
    aead = ciphers.aead(cipher, key)
    for at in range(len(ciphertext)):
        changed = bytearray(ciphertext)
        changed[at] ^= 1 << at % 8
        with pytest.raises(InvalidTag):
            aead.decrypt(nonce, bytes(changed), beside)
    with pytest.raises(InvalidTag):
        aead.decrypt(nonce, ciphertext, beside + b"\0")
    other = bytes([nonce[0] ^ 1]) + nonce[1:]
    with pytest.raises(InvalidTag):
        aead.decrypt(other, ciphertext, beside)


AEADS = [name for name, each in CIPHERS.items() if each.kind is AEAD] + [OLD]


def nonce_size(name: str) -> int:
    return 8 if name == OLD else cipher_of(name).nonce_size


@given(data=st.data())
@pytest.mark.parametrize("name", AEADS)
def test_what_is_sealed_is_opened(name: str, data: st.DataObject) -> None:
    cipher = cipher_of(name)
    key, nonce = (
        data.draw(st.binary(min_size=size, max_size=size))
        for size in (cipher.key_size, nonce_size(name))
    )
    plaintext, beside = data.draw(st.binary(max_size=100)), data.draw(st.binary(max_size=40))
    aead = ciphers.aead(cipher, key)
    sealed = aead.encrypt(nonce, plaintext, beside)
    assert len(sealed) == len(plaintext) + cipher.tag_size
    assert aead.decrypt(nonce, sealed, beside) == plaintext


@pytest.mark.parametrize("name", AEADS)
def test_what_is_shorter_than_a_tag_is_not_opened(name: str) -> None:
    """Those who open a record pass over these exceptions."""
    cipher = cipher_of(name)
    aead = ciphers.aead(cipher, bytes(cipher.key_size))
    for size in range(cipher.tag_size):
        with pytest.raises((InvalidTag, ValueError)):
            aead.decrypt(bytes(nonce_size(name)), bytes(size), b"")


def gcm(key: bytes) -> ciphers.AEAD:
    """That which is put together here, of which the library has only the cipher."""
    return ciphers._GCM(ciphers.ecb("AES", key))


@given(
    key=st.sampled_from([16, 24, 32]).flatmap(lambda n: st.binary(min_size=n, max_size=n)),
    nonce=st.binary(min_size=12, max_size=12),
    plaintext=st.binary(max_size=200),
    beside=st.binary(max_size=100),
)
def test_gcm_is_that_of_the_library(
    key: bytes, nonce: bytes, plaintext: bytes, beside: bytes
) -> None:
    ours, theirs = gcm(key), AESGCM(key)
    sealed = theirs.encrypt(nonce, plaintext, beside)
    assert ours.encrypt(nonce, plaintext, beside) == sealed
    assert ours.decrypt(nonce, sealed, beside) == plaintext
    with pytest.raises(InvalidTag):
        ours.decrypt(nonce, sealed, beside + b"\0")


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 2**14, 2**14 + 256])
def test_gcm_of_records_of_any_size(size: int) -> None:
    key, nonce, beside = bytes(range(16)), bytes(range(12)), bytes(range(13))
    plaintext = bytes(at * at & 0xFF for at in range(size))
    sealed = AESGCM(key).encrypt(nonce, plaintext, beside)
    assert gcm(key).encrypt(nonce, plaintext, beside) == sealed
    assert gcm(key).decrypt(nonce, sealed, beside) == plaintext


@given(nonce=st.binary(min_size=48, max_size=48), data=st.binary(), beside=st.binary(max_size=40))
@pytest.mark.parametrize("name", ["SHA256", "SHA384"])
def test_integrity_without_confidentiality(
    name: str, nonce: bytes, data: bytes, beside: bytes
) -> None:
    """RFC 9150 section 4: the MAC is over the nonce, what is authenticated beside, and the data, which stay as they are."""
    size = CIPHERS[name].key_size
    key = bytes(range(size))
    mac = hmac.digest(key, nonce[:size] + beside + data, name.lower())
    assert ciphers.aead(CIPHERS[name], key).encrypt(nonce[:size], data, beside) == data + mac


# Blocks and streams


@vectors(BLOCK)
def test_a_block_cipher_decrypts(vector: Vector) -> None:
    cipher, key, iv, _, plaintext, ciphertext = vector
    assert (len(key), len(iv)) == (cipher.key_size, cipher.iv_size)
    assert ciphers.cbc(cipher.algorithm, key, iv)(ciphertext) == plaintext
    by_blocks = ciphers.cbc(cipher.algorithm, key, iv)
    size = cipher.iv_size
    parts = [ciphertext[at : at + size] for at in range(0, len(ciphertext), size)]
    assert b"".join(map(by_blocks, parts)) == plaintext


@vectors(BLOCK)
def test_a_block_cipher_encrypts_blocks(vector: Vector) -> None:
    """By which GCM mode is made, and the masks of packet numbers."""
    cipher, key, iv, _, plaintext, ciphertext = vector
    first = bytes(a ^ b for a, b in zip(iv, plaintext, strict=False))
    assert ciphers.ecb(cipher.algorithm, key)(first) == ciphertext[: cipher.iv_size]


@vectors(Kind.STREAM)
def test_a_stream_cipher_goes_on_from_call_to_call(vector: Vector) -> None:
    assert ciphers.rc4(vector.key)(vector.ciphertext) == vector.plaintext
    byte_by_byte = ciphers.rc4(vector.key)
    assert b"".join(byte_by_byte(bytes([b])) for b in vector.ciphertext) == vector.plaintext


# Masks of packet numbers and sequence numbers


def test_the_mask_of_rfc_9001_appendix_a2() -> None:
    hp = bytes.fromhex("9f50449e04a0e810283a1e9933adedd2")
    sample = bytes.fromhex("d1b1c98dd7689fb8ec11d242b123dc9b")
    assert ciphers.masks("AES", hp)(sample)[:5].hex() == "437b9aec36"


def test_the_mask_of_rfc_9001_appendix_a5() -> None:
    hp = bytes.fromhex("25a282b9e82f06f21f488917a4fc8f1b73573685608597d0efcb076b0ab7a7a4")
    sample = bytes.fromhex("5e5cd55c41f69080575d7999c25a5bfb")
    assert ciphers.masks("ChaCha20", hp)(sample)[:5].hex() == "aefefe7d03"


@given(sample=st.binary(min_size=SAMPLE_SIZE, max_size=SAMPLE_SIZE))
def test_each_mask_is_of_its_sample_alone(sample: bytes) -> None:
    for algorithm, size in (("AES", 16), ("AES", 32), ("ChaCha20", 32), ("SM4", 16)):
        mask = ciphers.masks(algorithm, bytes(size))
        made = mask(sample)
        mask(bytes(SAMPLE_SIZE))
        assert mask(sample) == made
    assert not any(
        ciphers.masks("HMAC", bytes(32))(sample)
    )  # RFC 9150 section 9: nothing is hidden


# What there is not


def test_what_cannot_be_had() -> None:
    key = bytes(32)
    with pytest.raises(Unsupported, match="Magma in mode CTR"):
        ciphers.aead(Cipher("Magma", "CTR", AEAD, len(key)), key)
    with pytest.raises(Unsupported, match="has no Magma"):
        ciphers.aead(Cipher("Magma", "GCM", AEAD, len(key)), key)
    with pytest.raises(Unsupported, match="has no Magma"):
        ciphers.masks("Magma", key)
    with pytest.raises(Unsupported, match="has no Magma"):
        ciphers.cbc("Magma", key, bytes(8))
