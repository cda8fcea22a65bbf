"""Key schedules: vectors that others have published, and what holds for any bytes."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.secrets import schedule
from events.secrets.schedule import DTLS13, EARLY_DRAFTS, HASHES, TLS13, expand_label, prf
from tlsgrammar.versions import DTLS10, DTLS12, TLS10, TLS11, TLS12

# TLS 1.2: https://mailarchive.ietf.org/arch/msg/tls/fzVCzk-z3FShgGJ6DOXqM1ydxms


@pytest.mark.parametrize(
    ("hash_name", "secret", "seed", "expected"),
    [
        (
            "SHA256",
            "9bbe436ba940f017b17652849a71db35",
            "a0ba9f936cda311827a6f796ffd5198c",
            "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791"
            "e90d35c9c9a46b4e14baf9af0fa022f7077def17abfd3797c0564bab4fbc91666e9def9b"
            "97fce34f796789baa48082d122ee42c5a72e5a5110fff70187347b66",
        ),
        (
            "SHA384",
            "b80b733d6ceefcdc71566ea48e5567df",
            "cd665cf6a8447dd6ff8b27555edb7465",
            "7b0c18e9ced410ed1804f2cfa34a336a1c14dffb4900bb5fd7942107e81c83cde9ca0faa"
            "60be9fe34f82b1233c9146a0e534cb400fed2700884f9dc236f80edd8bfa961144c9e8d7"
            "92eca722a7b32fc3d416d473ebc2c5fd4abfdad05d9184259b5bf8cd4d90fa0d31e2dec4"
            "79e4f1a26066f2eea9a69236a3e52655c9e9aee691c8f3a26854308d5eaa3be85e099070"
            "3d73e56f",
        ),
    ],
    ids=["SHA256", "SHA384"],
)
@pytest.mark.parametrize("version", [TLS12, DTLS12])
def test_the_prf_since_tls12(
    version: int, hash_name: str, secret: str, seed: str, expected: str
) -> None:
    wanted = bytes.fromhex(expected)
    made = prf(
        version,
        hash_name,
        bytes.fromhex(secret),
        b"test label",
        bytes.fromhex(seed),
        len(wanted),
    )
    assert made == wanted


# NIST's CAVS of key derivation, as OpenSSL has them


def test_the_master_secret_of_tls12() -> None:
    made = schedule.master_secret(
        TLS12,
        "SHA256",
        bytes.fromhex(
            "f8938ecc9edebc5030c0c6a441e213cd24e6f770a50dda07876f8d55da062bcadb386b41"
            "1fd4fe4313a604fce6c17fbc"
        ),
        bytes.fromhex("36c129d01a3200894b9179faac589d9835d58775f9b5ea3587cb8fd0364cae8c"),
        bytes.fromhex("f6c9575ed7ddd73e1f7d16eca115415812a43c2b747daaaae043abfb50053fce"),
    )
    assert made.hex() == (
        "202c88c00f84a17a20027079604787461176455539e705be730890602c289a5001e34eeb3a043e5d52a65e66"
        "125188bf"
    )


def test_the_key_block_of_tls12() -> None:
    client, server = schedule.key_block(
        TLS12,
        "SHA256",
        bytes.fromhex(
            "202c88c00f84a17a20027079604787461176455539e705be730890602c289a5001e34eeb"
            "3a043e5d52a65e66125188bf"
        ),
        bytes.fromhex("62e1fd91f23f558a605f28478c58cf72637b89784d959df7e946d3f07bd1b616"),
        bytes.fromhex("ae6c806f8ad4d80784549dff28a4b58fd837681a51d928c3e30ee5ff14f39868"),
        (32, 16, 16),
    )
    assert [part.hex() for part in (client.mac_key, server.mac_key)] == [
        "d06139889fffac1e3a71865f504aa5d0d2a2e89506c6f2279b670c3e1b74f531",
        "016a2530c51a3a0f7e1d6590d0f0566b2f387f8d11fd4f731cdd572d2eae927f",
    ]
    assert [part.hex() for part in (client.key, server.key, client.iv, server.iv)] == [
        "6f2f81410b25e6960be68985add6c384",
        "45ad9f8c64bf8068bf9a6679485d966f",
        "1ad6f68b43495b10a683755ea2b858d7",
        "0ccac7ec8b053c6bd41ca299d4e51928",
    ]


BEFORE_TLS12 = pytest.mark.parametrize("version", [TLS10, TLS11, DTLS10])


@BEFORE_TLS12
def test_the_master_secret_before_tls12(version: int) -> None:
    made = schedule.master_secret(
        version,
        "SHA256",  # which says nothing there
        bytes.fromhex(
            "bded7fa5c1699c010be23dd06ada3a48349f21e5f86263d512c0c5cc379f0e780ec55d98"
            "44b2f1db02a96453513568d0"
        ),
        bytes.fromhex("e5acaf549cd25c22d964c0d930fa4b5261d2507fad84c33715b7b9a864020693"),
        bytes.fromhex("135e4d557fdf3aa6406d82975d5c606a9734c9334b42136e96990fbd5358cdb2"),
    )
    assert made.hex() == (
        "2f6962dfbc744c4b2138bb6b3d33054c5ecc14f24851d9896395a44ab3964efc2090c5bf51a0891209f46c1e"
        "1e998f62"
    )


@BEFORE_TLS12
def test_the_key_block_before_tls12(version: int) -> None:
    client, server = schedule.key_block(
        version,
        "SHA256",
        bytes.fromhex(
            "2f6962dfbc744c4b2138bb6b3d33054c5ecc14f24851d9896395a44ab3964efc2090c5bf"
            "51a0891209f46c1e1e998f62"
        ),
        bytes.fromhex("d58a7b1cd4fedaa232159df652ce188f9d997e061b9bf48e83b62990440931f6"),
        bytes.fromhex("67267e650eb32444119d222a368c191af3082888dc35afe8368e638c828874be"),
        (20, 16, 16),
    )
    assert b"".join((client.mac_key, server.mac_key, client.key, server.key)).hex() == (
        "3088825988e77fce68d19f756e18e43eb7fe672433504feaf99b3c503d9091b164f166db301d70c9"
        "fc0870b4a94563907bee1a61fb786cb717576890bcc51cb9ead97e01d0a2fea9"
    )
    assert (client.iv + server.iv).hex() == (
        "9c953377b195205ff07b369589178796edc963fd80fdbe518a2fc1c35c18ae8d"
    )


# The PRF, whatever goes in

VERSIONS = st.sampled_from([TLS10, TLS11, TLS12, DTLS10, DTLS12])
PRF_HASHES = st.sampled_from(["SHA256", "SHA384"])


@given(
    version=VERSIONS,
    hash_name=PRF_HASHES,
    secret=st.binary(max_size=65),
    seed=st.binary(max_size=70),
    lengths=st.tuples(st.integers(0, 200), st.integers(0, 200)),
)
def test_a_shorter_output_begins_a_longer_one(
    version: int, hash_name: str, secret: bytes, seed: bytes, lengths: tuple[int, int]
) -> None:
    short, long = sorted(lengths)
    whole = prf(version, hash_name, secret, b"label", seed, long)
    assert len(whole) == long
    assert prf(version, hash_name, secret, b"label", seed, short) == whole[:short]


@given(
    version=VERSIONS,
    hash_name=PRF_HASHES,
    label=st.binary(max_size=20),
    seed=st.binary(max_size=20),
    at=st.integers(0, 40),
)
def test_label_and_seed_are_one(
    version: int, hash_name: str, label: bytes, seed: bytes, at: int
) -> None:
    """RFC 5246 section 5: they are concatenated."""
    both = label + seed
    made = prf(version, hash_name, b"secret", label, seed, 48)
    assert prf(version, hash_name, b"secret", both[:at], both[at:], 48) == made


@given(
    hash_name=PRF_HASHES,
    sizes=st.tuples(st.integers(0, 48), st.integers(0, 32), st.integers(0, 16)),
)
def test_a_key_block_is_cut_in_its_order(hash_name: str, sizes: tuple[int, int, int]) -> None:
    """RFC 5246 section 6.3: the MAC keys of both, the keys of both, the IVs of both."""
    master, client_random, server_random = b"m" * 48, b"c" * 32, b"s" * 32
    client, server = schedule.key_block(
        TLS12, hash_name, master, client_random, server_random, sizes
    )
    assert tuple(map(len, client)) == tuple(map(len, server)) == sizes
    whole = prf(
        TLS12, hash_name, master, b"key expansion", server_random + client_random, 2 * sum(sizes)
    )
    assert b"".join(a + b for a, b in zip(client, server, strict=True)) == whole


@given(
    version=VERSIONS,
    hash_name=PRF_HASHES,
    messages=st.lists(st.binary(max_size=30), max_size=5),
)
def test_an_extended_master_secret_is_of_the_hash_of_all_messages(
    version: int, hash_name: str, messages: list[bytes]
) -> None:
    """RFC 7627 section 4; before TLS 1.2 the hash is MD5 and SHA-1 (RFC 2246 section 7.4.9)."""
    transcript = b"".join(messages)
    if version in (TLS12, DTLS12):
        session_hash = hashlib.new(hash_name, transcript).digest()
    else:
        session_hash = hashlib.md5(transcript).digest() + hashlib.sha1(transcript).digest()
    made = schedule.extended_master_secret(version, hash_name, b"p" * 48, messages)
    label = b"extended master secret"
    assert made == prf(version, hash_name, b"p" * 48, label, session_hash, 48)
    assert len(made) == schedule.MASTER_SECRET_SIZE


# TLS 1.3. RFC 8448 has more: `test_rfc8448`.

SECRET = bytes.fromhex("9ac312a7f877468ebe69422748ad00a15443f18203a07d6060f688f30f21632b")


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("quic key", "c6d98ff3441c3fe1b2182094f69caa2ed4b716b65488960a7a984979fb23e1c8"),
        ("quic iv", "e0459b3474bdd0e44a41c144"),
        ("quic hp", "25a282b9e82f06f21f488917a4fc8f1b73573685608597d0efcb076b0ab7a7a4"),
        ("quic ku", "1223504755036d556342ee9361d253421a826c9ecdf3c7148684b36b714881f9"),
        ("quicv2 iv", "a6b5bc6ab7dafce30ffff5dd"),
    ],
)
def test_the_labels_of_rfc_9001_and_9369_appendix_a5(label: str, expected: str) -> None:
    wanted = bytes.fromhex(expected)
    assert expand_label("SHA256", SECRET, label, len(wanted)) == wanted


@given(
    hash_name=st.sampled_from(["SHA256", "SHA384", "SHA512"]),
    prefix=st.sampled_from([TLS13, DTLS13, EARLY_DRAFTS]),
    label=st.text("abcdefghijklmnopqrstuvwxyz ", min_size=1, max_size=20),
    secret=st.binary(min_size=32, max_size=64),
    length=st.integers(1, 255),
)
def test_a_label_is_expanded_as_the_rfc_says(
    hash_name: str, prefix: str, label: str, secret: bytes, length: int
) -> None:
    """RFC 8446 section 7.1, RFC 9147 section 5.9, RFC 5869 section 2.3."""
    whole = (prefix + label).encode()
    info = length.to_bytes(2, "big") + bytes([len(whole)]) + whole + b"\0"
    out = block = b""
    for count in range(1, 256):
        block = hmac.digest(secret, block + info + bytes([count]), hash_name)
        out += block
        if len(out) >= length:
            break
    assert expand_label(hash_name, secret, label, length, prefix=prefix) == out[:length]


@pytest.mark.parametrize("hash_name", HASHES)
def test_every_hash_can_be_had(hash_name: str) -> None:
    size = HASHES[hash_name].digest_size
    assert len(expand_label(hash_name, bytes(size), "key", size)) == size
