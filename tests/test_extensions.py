"""The extensions that come with the library: each in every message that it may stand in."""

from __future__ import annotations

from typing import Any

import pytest
from construct import Struct
from hypothesis import given
from hypothesis import strategies as st

import events
import tlsgrammar
from tlsgrammar import GrammarError, names
from tlsgrammar.extensions import DEFAULT, MESSAGES, Extension
from tlsgrammar.language import Bytes, uint8, varint, vector
from tlsgrammar.language.strategies import values
from tlsgrammar.registry import EXTENSION

from .helpers.streams import analyze, client_hello, record

WHERE = [
    pytest.param(extension.code, message, id=f"{extension.name} in {message}")
    for extension in DEFAULT.extensions.values()
    for message in extension.schemas
]


@pytest.mark.parametrize(("code", "message"), WHERE)
@given(data=st.data())
def test_round_trip(code: int, message: str, data: st.DataObject) -> None:
    schema = DEFAULT.schema(EXTENSION, code, message)
    assert schema is not None
    body = data.draw(values(schema))
    extension = Extension(message)
    built = tlsgrammar.build(extension, {"extension_type": code, "body": body})
    parsed = tlsgrammar.parse(extension, built)
    assert parsed.extension_data == built[4:]
    del parsed["extension_data"]
    assert tlsgrammar.build(extension, parsed) == built


@pytest.mark.parametrize(("code", "message"), WHERE)
@given(data=st.binary(max_size=80))
def test_bytes_that_no_one_made(code: int, message: str, data: bytes) -> None:
    """Whatever the body: read() keeps the bytes, and what parse() accepts it builds again."""
    extension = Extension(message)
    raw = tlsgrammar.build(extension, {"extension_type": code, "extension_data": data})
    value, defects = tlsgrammar.read(extension, raw)
    assert value.extension_data == data
    assert not any(defect.ends_early for defect in defects)
    if not defects:
        del value["extension_data"]
        assert tlsgrammar.build(extension, value) == raw


def test_what_has_no_schema() -> None:
    """A list to keep short: formats that are not public, or that nobody could say for sure."""
    assert {
        names.EXTENSION_TYPES[code]
        for code in names.EXTENSION_TYPES
        if code not in DEFAULT.extensions
    } == {
        "tls_lts",
        "pwd_protect",
        "pwd_clear",
        "password_salt",
        "TLMSP_proxying",
        "TLMSP_delegate",
        "sequence_number_encryption_algorithms",
        "server_padding",
        "short_record_header",
    }


def test_every_extension_says_where_it_is_defined() -> None:
    assert all(extension.reference for extension in DEFAULT.extensions.values())
    assert all(set(extension.schemas) <= set(MESSAGES) for extension in DEFAULT.extensions.values())


@given(st.integers(0, 2**62 - 1))
def test_variable_length_integers(number: int) -> None:
    assert tlsgrammar.parse(varint, tlsgrammar.build(varint, number)) == number


@pytest.mark.parametrize(
    ("data", "number"),
    [
        # RFC 9000 appendix A.1
        ("c2197c5eff14e88c", 151_288_809_941_952_652),
        ("9d7f3e7d", 494_878_333),
        ("7bbd", 15_293),
        ("25", 37),
        # more bytes than it needs
        ("4025", 37),
        ("80000025", 37),
    ],
)
def test_variable_length_integers_of_the_rfc(data: str, number: int) -> None:
    parsed = tlsgrammar.parse(varint, bytes.fromhex(data))
    assert parsed == number
    assert tlsgrammar.build(varint, parsed).hex() == data


def test_a_body_in_the_wrong_message_keeps_its_bytes() -> None:
    early_data = {"extension_type": "early_data", "extension_data": b"\0\0\0\1"}
    raw = tlsgrammar.build(Extension("server_hello"), early_data)
    assert tlsgrammar.parse(Extension("server_hello"), raw).body is None
    assert tlsgrammar.parse(Extension("new_session_ticket"), raw).body.max_early_data_size == 1


def test_signed_certificate_timestamps_down_to_the_signature() -> None:
    sct = {
        "version": "v1",
        "sct": {
            "id": bytes(32),
            "timestamp": 1_700_000_000_000,
            "extensions": b"",
            "algorithm": "ecdsa_secp256r1_sha256",
            "signature": b"signed",
        },
    }
    value = {"extension_type": 18, "body": {"sct_list": [sct]}}
    raw = tlsgrammar.build(Extension("server_hello"), value)
    [parsed] = tlsgrammar.parse(Extension("server_hello"), raw).body.sct_list
    assert parsed.sct.timestamp == 1_700_000_000_000
    assert parsed.sct.signature == b"signed"


def test_grease_is_recognised_as_such() -> None:
    assert DEFAULT.name(0x2A2A) == "GREASE-0x2a2a"
    assert DEFAULT.name(0x2A3A) == "unknown-0x2a3a"
    assert names.PSK_KEY_EXCHANGE_MODES.name(0x2A) == "GREASE-0x2a"
    assert names.QUIC_TRANSPORT_PARAMETERS.name(27 + 31 * 5) == "GREASE-0xb6"


# Events of extensions of a user's own


class SslExtensionMine(events.Event, frozen=True):
    """An event for these tests."""

    name = "ssl_extension_mine"
    c: events.Connection
    is_orig: bool
    value: int


def test_registries_do_not_see_each_other() -> None:
    mine, yours = DEFAULT.copy(), DEFAULT.copy()
    for registry in (mine, yours):
        registry.register(0xFE00, "shared code point", Struct("value" / uint8))

    @events.raises(SslExtensionMine, on_extension=0xFE00, registry=mine)
    def ssl_extension_mine(body: Any, at: events.Occasion) -> list[SslExtensionMine]:
        return [SslExtensionMine(at.c, at.is_orig, body.value + i, ts=at.ts) for i in range(2)]

    data = record("handshake", client_hello((0xFE00, b"\x05")))
    found = events.Analyzer(extensions=mine).deliver(data, is_orig=True, ts=1.0)
    assert found[0] == SslExtensionMine(events.Connection(), True, 5, ts=1.0)
    assert [event.name for event in found[1:]] == [
        "ssl_extension_mine",
        "ssl_extension",
        "ssl_client_hello",
        "ssl_handshake_message",
    ]
    for apart in (yours, None):
        other = events.Analyzer(extensions=apart).deliver(data, is_orig=True)
        assert "ssl_extension_mine" not in [event.name for event in other]
    few = events.Analyzer(extensions=mine, wanted={"ssl_extension_mine"})
    assert len(few.deliver(data, is_orig=True)) == 2


def test_a_replaced_extension_does_not_raise_the_event_of_the_former() -> None:
    mine = DEFAULT.copy()
    mine.register(0, "server_name", Struct("something" / uint8), replace=True)
    data = record("handshake", client_hello((0, b"\x05")))
    found = events.Analyzer(extensions=mine).deliver(data, is_orig=True)
    assert [event.name for event in found][:2] == ["ssl_extension", "ssl_client_hello"]


def test_a_name_that_is_taken() -> None:
    with pytest.raises(ValueError, match="'cookie': the name is held by code point 44"):
        DEFAULT.copy().register(0xFE00, "cookie", Struct())


def test_raising_on_what_is_not_there() -> None:
    with pytest.raises(ValueError, match="no extension 'nonsense' is registered"):
        events.raises(SslExtensionMine, on_extension="nonsense")(lambda body, at: None)
    with pytest.raises(TypeError, match="either schemas or on_extension"):
        events.raises(SslExtensionMine)


def test_a_function_in_a_schema_that_raises_is_a_defect() -> None:
    mine = DEFAULT.copy()
    mine.register(
        0xFE00,
        "broken",
        Struct("value" / uint8, "more" / Bytes(lambda this: this.nonsense)),
    )
    hello = client_hello((0xFE00, b"\x05"))
    value, [defect] = tlsgrammar.read(tlsgrammar.Handshake, hello, extensions=mine)
    assert value.body.extensions[0].body is None
    assert "nonsense" in defect.reason
    with pytest.raises(GrammarError):
        tlsgrammar.parse(tlsgrammar.Handshake, hello, extensions=mine)


def test_an_extension_that_holds_extensions() -> None:
    """A structure that contains itself: read, and walked, as deep as it goes."""
    registry = tlsgrammar.extensions.DEFAULT.copy()
    nested = Struct("extensions" / vector(tlsgrammar.Extension("client_hello"), 0, 2**16 - 1))
    registry.register(0xFE77, "nested", nested)

    def bytes_of(depth: int) -> bytes:
        inner = bytes.fromhex("000a0004 0002001d") if depth == 0 else bytes_of(depth - 1)
        if depth:
            inner = b"\xfe\x77" + len(inner).to_bytes(2, "big") + inner
        return len(inner).to_bytes(2, "big") + inner

    hello = client_hello((0xFE77, bytes_of(3)))
    found = analyze([(True, record("handshake", hello))], extensions=registry)
    codes = [e.code for e in found if isinstance(e, events.SslExtension)]
    assert codes == [0xFE77]
    curves = [e.curves for e in found if isinstance(e, events.SslExtensionEllipticCurves)]
    assert curves == [[29]]
    for name in ("ssl_handshake_message", "ssl_extension_connection_id"):
        found = analyze([(True, record("handshake", hello))], extensions=registry, wanted={name})
        assert {event.name for event in found} <= {name}
