"""What cipher suites are made of, as their names say: those of the registry, and those that are added to it."""

from __future__ import annotations

import re

import pytest

from events import KeyLog, ProtocolViolation
from events.secrets.suites import AEAD, BLOCK, CIPHERS, STREAM, Kind, suite
from events.testing.captures import Chunk
from tlsgrammar.names import CIPHER_SUITES
from tlsgrammar.registry import DEFAULT

from .connections import connections, decrypted, is_all, key_log, read

SUITES = {
    code: name
    for code in range(2**16)
    if (name := CIPHER_SUITES.name(code)).startswith(("TLS_", "OLD_TLS_"))
}


def code_of(name: str) -> int:
    code = CIPHER_SUITES.code(name)
    assert code is not None
    return code


@pytest.mark.parametrize(
    ("name", "algorithm", "mode", "kind", "key_size", "mac", "prf", "is_tls13"),
    [
        ("TLS_AES_128_GCM_SHA256", "AES", "GCM", AEAD, 16, "", "SHA256", True),
        ("TLS_AES_256_GCM_SHA384", "AES", "GCM", AEAD, 32, "", "SHA384", True),
        ("TLS_CHACHA20_POLY1305_SHA256", "ChaCha20", "Poly1305", AEAD, 32, "", "SHA256", True),
        ("TLS_AES_128_CCM_8_SHA256", "AES", "CCM", AEAD, 16, "", "SHA256", True),
        ("TLS_SM4_GCM_SM3", "SM4", "GCM", AEAD, 16, "", "SM3", True),
        ("TLS_SHA384_SHA384", "HMAC", "SHA384", AEAD, 48, "", "SHA384", True),
        ("TLS_RSA_WITH_AES_128_CBC_SHA", "AES", "CBC", BLOCK, 16, "SHA", "SHA256", False),
        (
            "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384",
            "AES",
            "CBC",
            BLOCK,
            32,
            "SHA384",
            "SHA384",
            False,
        ),
        ("TLS_RSA_WITH_AES_128_CBC_SHA256", "AES", "CBC", BLOCK, 16, "SHA256", "SHA256", False),
        ("TLS_RSA_WITH_3DES_EDE_CBC_SHA", "TripleDES", "CBC", BLOCK, 24, "SHA", "SHA256", False),
        ("TLS_RSA_WITH_RC4_128_MD5", "ARC4", "", STREAM, 16, "MD5", "SHA256", False),
        ("TLS_RSA_WITH_NULL_SHA", "", "", STREAM, 0, "SHA", "SHA256", False),
        ("TLS_PSK_WITH_AES_256_CCM_8", "AES", "CCM", AEAD, 32, "", "SHA256", False),  # RFC 6655
        ("TLS_PSK_WITH_CAMELLIA_256_GCM_SHA384", "Camellia", "GCM", AEAD, 32, "", "SHA384", False),
    ],
)
def test_a_suite_is_made_of_what_its_name_says(
    name: str,
    algorithm: str,
    mode: str,
    kind: Kind,
    key_size: int,
    mac: str,
    prf: str,
    is_tls13: bool,
) -> None:
    found = suite(code_of(name))
    assert found is not None
    cipher = found.cipher
    assert (cipher.algorithm, cipher.mode, cipher.kind) == (algorithm, mode, kind)
    assert (cipher.key_size, found.mac, found.prf) == (key_size, mac, prf)
    assert found.tls13 is is_tls13


def test_the_tag_is_shorter_where_the_name_says_so() -> None:
    for name, size in (("TLS_AES_128_CCM_SHA256", 16), ("TLS_AES_128_CCM_8_SHA256", 8)):
        found = suite(code_of(name))
        assert found is not None
        assert found.cipher.tag_size == size


# Why a suite of the registry is not known: what stands in its name (docs/decryption.md)
NOT_READ = re.compile(
    r"EXPORT|_DES_CBC|_RC2_|_RMD$|GOST|28147|SALSA20|AEGIS|SM4_CCM|FORTEZZA_CBC"
    r"|_SCSV$|^TLS_NULL_WITH_NULL_NULL$"
    r"|^TLS_(ECDHE|ECC|IBSDH|IBC|RSA)_SM4_"  # TLCP, another protocol (GB/T 38636)
)


def test_every_suite_is_known_or_it_is_said_why_not() -> None:
    for code, name in SUITES.items():
        assert (suite(code) is None) is bool(NOT_READ.search(name)), name


def test_every_cipher_is_that_of_a_suite_of_its_name() -> None:
    for code, name in SUITES.items():
        found = suite(code)
        if found is None:
            continue
        exchange, with_, rest = name.rpartition("_WITH_")
        rest = rest.removeprefix("OLD_").removeprefix("TLS_")
        names_of_cipher = [each for each in CIPHERS if rest == each or rest.startswith(f"{each}_")]
        longest = max(names_of_cipher, key=len)
        assert found.tls13 is not bool(with_), name
        assert found.hash == rest[len(longest) :].removeprefix("_"), name
        if not exchange.startswith("OLD_TLS_") or found.cipher.algorithm != "ChaCha20":
            assert found.cipher == CIPHERS[longest], name


def test_what_has_no_name_is_not_known() -> None:
    assert suite(None) is None
    assert suite(0xD004) is None
    assert suite(0x0A0A) is None  # GREASE


# Suites that are added

MINE = 0xFF42


@pytest.mark.parametrize("cipher", CIPHERS)
def test_a_suite_that_is_added_is_known_by_its_name(cipher: str) -> None:
    registry = DEFAULT.copy()
    hash_name = "SHA384"
    registry.register_cipher_suite(MINE, f"TLS_MINE_WITH_{cipher}_{hash_name}")
    found = suite(MINE, registry)
    assert found is not None
    assert found.cipher == CIPHERS[cipher]
    assert (found.hash, found.tls13) == (hash_name, False)
    assert suite(MINE) is None  # it is in that registry alone


@pytest.mark.parametrize(
    "name",
    [
        "TLS_MINE",
        "TLS_MINE_WITH_AES_128_GCM_SHA3",
        "TLS_MINE_WITH_AES_512_GCM_SHA256",
        "TLS_MINE_WITH_AES_128_CBC",  # a MAC is needed
        "TLS_MINE_WITH_AES_128_CBC_SM3",
        "MINE_WITH_AES_128_GCM_SHA256",
        "TLS_AES_128_GCM_SHA256_MINE",
    ],
)
def test_a_name_that_says_something_else_says_nothing(name: str) -> None:
    registry = DEFAULT.copy()
    registry.register_cipher_suite(MINE, name)
    assert suite(MINE, registry) is None


def with_suite(chunks: list[Chunk], old: int, new: int) -> list[Chunk]:
    """A connection whose ServerHello names another suite: its records are as they were."""
    out, changed = [], False
    for is_client, data in chunks:
        if not is_client and not changed:
            at = 5 + 4 + 2 + 32  # of the session id in the record
            at += 1 + data[at]
            assert data[at : at + 2] == old.to_bytes(2, "big")
            data, changed = data[:at] + new.to_bytes(2, "big") + data[at + 2 :], True
        out.append((is_client, data))
    return out


@pytest.mark.parametrize(
    "name",
    [
        "TLSv12 ECDHE-RSA-AES128-GCM-SHA256",
        "TLSv12 ECDHE-RSA-AES256-GCM-SHA384",
        "TLSv12 ECDHE-RSA-CHACHA20-POLY1305",
        "TLSv12 ECDHE-ECDSA-AES128-CCM8",
        "TLSv12 ECDHE-RSA-CAMELLIA128-SHA256",
        "TLSv12 ECDHE-ECDSA-AES256-SHA384",
        "TLSv12 ARIA128-GCM-SHA256",
        "TLSv12 NULL-SHA256",
    ],
)
def test_a_connection_with_a_suite_that_is_added_is_read(name: str) -> None:
    connection = connections("openssl3")[name]
    secrets = KeyLog(key_log("openssl3").splitlines())
    code = CIPHER_SUITES.code(connection.cipher_suite)
    assert code is not None
    chunks = with_suite(connection.chunks, code, MINE)
    [unread] = [each for each in read(chunks, secrets) if isinstance(each, ProtocolViolation)]
    assert "unknown-0xff42" in unread.reason
    registry = DEFAULT.copy()
    _, rest = connection.cipher_suite.split("_WITH_")
    registry.register_cipher_suite(MINE, f"TLS_MINE_WITH_{rest}")
    raised = read(chunks, secrets, extensions=registry)
    assert is_all(decrypted(raised, True), connection.client_data)
    assert is_all(decrypted(raised, False), connection.server_data)
    assert not [each for each in raised if isinstance(each, ProtocolViolation)]
