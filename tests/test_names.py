"""A name comes from IANA, or from the document that registered the code point; or there is none."""

from __future__ import annotations

import enum
import re

import pytest

from tlsgrammar import Extension, names, parse
from tlsgrammar.language.names import Names
from tlsgrammar.names import ContentType, HandshakeType
from tlsgrammar.registry import DEFAULT

REGISTRIES = {name: x for name in names.__all__ if isinstance(x := getattr(names, name), Names)}


@pytest.mark.parametrize(
    ("registry", "code", "name"),
    [
        (names.SUPPORTED_GROUPS, 0x0022, "GC256A"),
        (names.SUPPORTED_GROUPS, 0x0200, "MLKEM512"),
        (names.SUPPORTED_GROUPS, 0x11EB, "SecP256r1MLKEM768"),
        (names.SUPPORTED_GROUPS, 0x11EC, "X25519MLKEM768"),
        (names.SUPPORTED_GROUPS, 0x6399, "X25519Kyber768Draft00"),
        (names.SIGNATURE_SCHEMES, 0x0600, "anonymous_sha512"),
        (names.SIGNATURE_SCHEMES, 0x0709, "gostr34102012_256a"),
        (names.SIGNATURE_SCHEMES, 0x081A, "ecdsa_brainpoolP256r1tls13_sha256"),
        (names.SIGNATURE_SCHEMES, 0x0911, "slhdsa_sha2_128s"),
        (names.CLIENT_CERTIFICATE_TYPES, 1, "rsa_sign"),
        (names.CLIENT_CERTIFICATE_TYPES, 64, "ecdsa_sign"),
        (names.CIPHER_SUITES, 0x1306, "TLS_AEGIS_256_SHA512"),
        (names.ALERT_DESCRIPTIONS, 1, "end_of_early_data"),
        (names.CONTENT_TYPES, 27, "return_routability_check"),
        (names.HANDSHAKE_TYPES, 26, "ekt_key"),
        (names.PSK_KEY_EXCHANGE_MODES, 1, "psk_dhe_ke"),
        (names.EXTENSION_TYPES, 34, "delegated_credential"),
        (names.EXTENSION_TYPES, 46, "ticket_early_data_info"),
        (names.AUTHZ_DATA_FORMATS, 64, "keynote_assertion_list"),
        (names.VERSIONED_TRANS_TYPES, 0x0102, "x509_sct_v2"),
    ],
)
def test_the_registered_name(registry: Names, code: int, name: str) -> None:
    assert registry.name(code) == name
    assert registry.code(name) == code


@pytest.mark.parametrize(
    ("registry", "code", "printed"),
    [
        (names.SUPPORTED_GROUPS, 0xFE00, "unknown-0xfe00"),  # RFC 8446 section 4.2.7: private use
        (names.SUPPORTED_GROUPS, 0x2F39, "unknown-0x2f39"),
        (names.SIGNATURE_SCHEMES, 0xFEA0, "unknown-0xfea0"),  # RFC 8446 section 4.2.3: private use
        (names.SIGNATURE_SCHEMES, 0x0006, "unknown-0x0006"),
        (names.CLIENT_CERTIFICATE_TYPES, 0, "unknown-0x00"),
        (names.HANDSHAKE_TYPES, 7, "unknown-0x07"),
        (names.CIPHER_SUITES, 0xD004, "unknown-0xd004"),
    ],
)
def test_what_nobody_registered_has_no_name(registry: Names, code: int, printed: str) -> None:
    assert registry.name(code) == printed


@pytest.mark.parametrize("name", REGISTRIES)
def test_names_are_names_and_not_descriptions(name: str) -> None:
    """HPKE's algorithms have parentheses, which IANA's registry writes so."""
    for code, printed in REGISTRIES[name].items():
        assert re.fullmatch(r"[\w.-]+|DHKEM\([\w-]+, [\w-]+\)", printed, re.ASCII), (code, printed)


@pytest.mark.parametrize(
    ("members", "registry"),
    [(ContentType, names.CONTENT_TYPES), (HandshakeType, names.HANDSHAKE_TYPES)],
)
def test_the_enumerations_have_the_names_of_the_registries(
    members: type[enum.IntEnum], registry: Names
) -> None:
    assert {member.value: member.name for member in members}.items() <= registry.items()


def test_extensions_are_registered_by_their_registered_names() -> None:
    """Where two code points share a name, the one of a draft is told apart, so that each can be asked for."""
    for code, entry in DEFAULT.extensions.items():
        name = names.EXTENSION_TYPES[code]
        shared = [other for other, taken in names.EXTENSION_TYPES.items() if taken == name]
        assert entry.name == name or (len(shared) > 1 and entry.name == f"{name}_draft")


def test_transparency_items_have_the_code_points_of_rfc_9162() -> None:
    """RFC 9162 section 4.5: an x509_sct_v2 is 0x0102, where drafts had 3."""
    sct = bytes.fromhex("0102 02abcd 0000000000000001 0000 0001ee")
    item = len(sct).to_bytes(2) + sct
    data = len(item).to_bytes(2) + item
    extension = parse(Extension("server_hello"), b"\x00\x34" + len(data).to_bytes(2) + data)
    (parsed,) = extension.body.trans_item_list
    assert parsed.data.log_id == b"\xab\xcd"
