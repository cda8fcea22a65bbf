"""The grammar as a user meets it: schemas that read like the RFC, and errors that say what and where."""

from __future__ import annotations

import pickle

import construct
import pytest
from construct import Struct, this

import tlsgrammar
from tlsgrammar import GrammarError, Registry, names
from tlsgrammar.extensions import DEFAULT
from tlsgrammar.language import Names, opaque, repeated, uint8, uint16, uint24, uint64, vector

from .helpers.structures import HELLO


def error_of(schema: construct.Construct, data: bytes, **context: object) -> GrammarError:
    with pytest.raises(GrammarError) as caught:
        tlsgrammar.parse(schema, data, **context)
    return caught.value


def test_a_hello_by_names() -> None:
    data = tlsgrammar.build(tlsgrammar.ClientHello, HELLO)
    hello = tlsgrammar.parse(tlsgrammar.ClientHello, data)
    assert hello.cipher_suites == [0x1301, 0x1A1A]
    assert hello.extensions[0].body.server_name_list[0].name == b"a.example"
    assert hello.extensions[0].extension_data == b"\x00\x0c\x00\x00\x09a.example"
    assert hello.extensions[1].body is None
    assert tlsgrammar.ClientHello.build(tlsgrammar.ClientHello.parse(data)) == data


def test_a_changed_body_is_what_is_built() -> None:
    data = tlsgrammar.build(tlsgrammar.ClientHello, HELLO)
    hello = tlsgrammar.parse(tlsgrammar.ClientHello, data)
    hello.extensions[0].body.server_name_list[0].name = b"another.example"
    assert b"\x00\x0fanother.example" in tlsgrammar.build(tlsgrammar.ClientHello, hello)


def test_a_hello_without_extensions_is_not_one_with_none() -> None:
    both: list[list[object] | None] = [None, []]
    for extensions in both:
        data = tlsgrammar.build(tlsgrammar.ClientHello, {**HELLO, "extensions": extensions})
        assert tlsgrammar.parse(tlsgrammar.ClientHello, data).extensions == extensions


@pytest.mark.parametrize(
    ("schema", "data", "offset", "path", "reason"),
    [
        (opaque(2, 4), b"\x01a", 0, "", "1 bytes long, but 2 to 4 are allowed"),
        (opaque(0, 4), b"\x03ab", 3, "", "ends early: 3 bytes expected, 2 found"),
        (opaque(0, 300), b"\x00\x01ab", 3, "", "1 byte left over"),
        (vector(uint16, 0, 8), b"\x03abc", 3, "", "1 byte left over after the last whole element"),
        (vector(uint16, 4, 8), b"\x02ab", 0, "", "2 bytes long, but 4 to 8 are allowed"),
        (Struct("a" / uint8, "b" / uint24), b"\x00\x00", 2, "b", "ends early: expected 3, found 1"),
        (
            Struct("list" / vector(Struct("name" / opaque(1, 9)), 0, 99)),
            b"\x05\x01a\x04bc",
            6,
            "list[1].name",
            "ends early: 4 bytes expected, 2 found",
        ),
    ],
)
def test_errors_say_what_and_where(
    schema: construct.Construct, data: bytes, offset: int, path: str, reason: str
) -> None:
    error = error_of(schema, data)
    assert (error.offset, error.path, error.reason) == (offset, path, reason)


@pytest.mark.parametrize(
    ("schema", "value", "path", "reason"),
    [
        (Struct("a" / opaque(2, 4)), {"a": b"x"}, "a", "1 bytes long, but 2 to 4 are allowed"),
        (Struct("a" / vector(uint16, 0, 2)), {"a": [1, 2]}, "a", "4 bytes long"),
        (Struct("a" / uint8), {"a": 256}, "a", "256"),
        (Struct("a" / uint8), {}, "a", "no value for the field 'a'"),
        (tlsgrammar.Alert, {"level": "deadly", "description": 0}, "Alert.level", "no alert level"),
    ],
)
def test_values_that_do_not_fit(
    schema: construct.Construct, value: object, path: str, reason: str
) -> None:
    with pytest.raises(GrammarError) as caught:
        tlsgrammar.build(schema, value)
    assert reason in caught.value.reason
    assert caught.value.path == path


def test_an_error_inside_a_message() -> None:
    data = tlsgrammar.build(tlsgrammar.Handshake, {"msg_type": "client_hello", "body": HELLO})
    broken = data.replace(b"\x00\x0c\x00\x00\x09a.", b"\x00\x0c\x00\x00\x0aa.")
    error = error_of(tlsgrammar.Handshake, broken)
    assert error.path == "ClientHello.extensions[0].body.server_name_list[0].name"
    assert error.offset == data.index(b"a.example") + len(b"a.example")
    assert str(error) == f"{error.path}, offset {error.offset}: {error.reason}"
    assert pickle.loads(pickle.dumps(error)).__dict__ == error.__dict__


def test_read_gives_what_can_be_read() -> None:
    data = tlsgrammar.build(tlsgrammar.ClientHello, HELLO)
    broken = data.replace(b"\x00\x0c\x00\x00\x09a.", b"\x00\x0c\x00\x00\x0aa.")
    hello, [defect] = tlsgrammar.read(tlsgrammar.ClientHello, broken)
    assert hello.extensions[0].body is None
    assert not defect.ends_early
    hello, [defect] = tlsgrammar.read(tlsgrammar.ClientHello, data[:-1])
    assert [extension.extension_type for extension in hello.extensions] == [0]
    assert defect.ends_early
    assert tlsgrammar.read(tlsgrammar.ClientHello, data) == (
        tlsgrammar.parse(tlsgrammar.ClientHello, data),
        [],
    )


def test_a_message_type_that_nobody_knows_keeps_its_bytes() -> None:
    data = b"\xc8\x00\x00\x03abc"
    assert tlsgrammar.parse(tlsgrammar.Handshake, data).body == b"abc"


def test_key_exchange_follows_the_name_of_the_cipher_suite() -> None:
    algorithm = tlsgrammar.key_exchange_algorithm
    assert (
        algorithm(names.CIPHER_SUITES.code("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256")) == "ecdhe_rsa"
    )
    assert algorithm(names.CIPHER_SUITES.code("TLS_RSA_EXPORT1024_WITH_RC4_56_SHA")) == "rsa_export"
    assert algorithm(names.CIPHER_SUITES.code("TLS_AES_128_GCM_SHA256")) is None
    assert algorithm(0xABCD) is None
    assert algorithm(None) is None


def test_a_schema_of_a_users_own() -> None:
    schema = Struct("count" / uint8, "items" / construct.Array(this.count, uint64))
    assert tlsgrammar.parse(schema, b"\x01" + bytes(7) + b"\x07")["items"] == [7]
    assert "ends early" in error_of(schema, b"\x02" + bytes(8)).reason


def test_a_function_of_a_users_schema_that_raises() -> None:
    schema = Struct("a" / construct.Computed(lambda this: 1 // 0))
    assert "division" in error_of(schema, b"").reason


def test_a_list_of_nothing_ends() -> None:
    assert "without a size" in error_of(repeated(Struct()), b"abc").reason


# The registry of extensions


def test_an_extension_of_a_users_own_in_a_registry_of_their_own() -> None:
    mine = DEFAULT.copy()
    mine.register(0x0A0A, "mine", Struct("greeting" / opaque(1, 255)), reference="nowhere")
    value = {**HELLO, "extensions": [{"extension_type": 0x0A0A, "body": {"greeting": b"hi"}}]}
    data = tlsgrammar.build(tlsgrammar.ClientHello, value, extensions=mine)
    parsed = tlsgrammar.parse(tlsgrammar.ClientHello, data, extensions=mine)
    assert parsed.extensions[0].body.greeting == b"hi"
    assert tlsgrammar.parse(tlsgrammar.ClientHello, data).extensions[0].body is None
    assert (mine.name(0x0A0A), DEFAULT.name(0x0A0A)) == ("mine", "GREASE-0x0a0a")


def test_registering_what_cannot_be() -> None:
    registry = Registry()
    registry.register(7, "first", uint8)
    with pytest.raises(ValueError, match="'second': code point 7 is held by 'first'"):
        registry.register(7, "second", uint8)
    registry.register(7, "second", uint8, replace=True)
    assert registry.name(7) == "second"
    with pytest.raises(ValueError, match="65536 is not in 0 to 65535"):
        registry.register(65536, "third", uint8)
    with pytest.raises(ValueError, match="no message 'hello'"):
        registry.register(8, "third", {"hello": uint8})
    with pytest.raises(TypeError, match="'third': the schema for client_hello is not a construct"):
        registry.register(8, "third", {"client_hello": "uint8"})


def test_a_body_without_a_schema_cannot_be_built() -> None:
    value = {**HELLO, "extensions": [{"extension_type": 0x0A0A, "body": {"a": 1}}]}
    with pytest.raises(GrammarError, match="extension 2570 has no schema here"):
        tlsgrammar.build(tlsgrammar.ClientHello, value)


# Names


@pytest.mark.parametrize(
    ("registry", "code", "name"),
    [
        (names.CIPHER_SUITES, 0x1301, "TLS_AES_128_GCM_SHA256"),
        (names.CIPHER_SUITES, 0x2A2A, "GREASE-0x2a2a"),
        (names.CIPHER_SUITES, 0x4321, "unknown-0x4321"),
        (names.VERSIONS, 0x0303, "TLSv12"),
        (names.VERSIONS, 0x0305, "unknown-0x0305"),
        (names.ALERT_LEVELS, 2, "fatal"),
        (names.ALERT_DESCRIPTIONS, 40, "handshake_failure"),
        (names.ALERT_DESCRIPTIONS, 109, "missing_extension"),
        (names.ALERT_DESCRIPTIONS, 200, "unknown-0xc8"),
        (names.SUPPORTED_GROUPS, 29, "x25519"),
        (names.EXTENSION_TYPES, 0, "server_name"),
        (names.EC_POINT_FORMATS, 0, "uncompressed"),
        (names.HANDSHAKE_TYPES, 1, "client_hello"),
        (names.SSLV2_CIPHER_KINDS, 0x010080, "SSLv20_CK_RC4_128_WITH_MD5"),
    ],
)
def test_names(registry: Names, code: int, name: str) -> None:
    assert registry.name(code) == name
    assert registry.code(name) == code


def test_every_name_leads_back_to_its_code_point() -> None:
    for attribute in names.__all__:
        registry = getattr(names, attribute)
        if isinstance(registry, Names):
            for code in registry:
                assert registry.name(registry.code(registry.name(code))) == registry.name(code)


def test_no_such_name() -> None:
    with pytest.raises(KeyError, match="no cipher suite is named 'TLS_NONSENSE'"):
        names.CIPHER_SUITES.code("TLS_NONSENSE")
