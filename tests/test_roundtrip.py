"""build(parse(x)) == x: on generated values of every schema, and on every message that real stacks sent."""

from __future__ import annotations

from pathlib import Path

import pytest
from construct import Construct
from hypothesis import given
from hypothesis import strategies as st

import tlsgrammar
from tlsgrammar import key_exchange
from tlsgrammar.language.strategies import values
from tlsgrammar.names import HandshakeType

from .helpers.structures import ALGORITHMS, CAPTURES, SCHEMAS, messages


def assert_round_trip(schema: Construct, value: object, **context: object) -> None:
    data = tlsgrammar.build(schema, value, **context)
    parsed = tlsgrammar.parse(schema, data, **context)
    assert tlsgrammar.build(schema, parsed, **context) == data
    # and as an ordinary construct
    assert schema.build(schema.parse(data, **context), **context) == data


@pytest.mark.parametrize("version", [0x0300, 0x0301, 0x0303, 0x0304])
@pytest.mark.parametrize("name", SCHEMAS)
@given(data=st.data())
def test_every_schema(name: str, version: int, data: st.DataObject) -> None:
    value = data.draw(values(SCHEMAS[name], version=version))
    assert_round_trip(SCHEMAS[name], value, version=version)


@given(data=st.data())
def test_hellos_of_datagrams(data: st.DataObject) -> None:
    context = {"dtls": True}
    value = data.draw(values(tlsgrammar.ClientHello, **context))
    assert_round_trip(tlsgrammar.ClientHello, value, **context)
    assert "cookie" in value


@pytest.mark.parametrize("version", [0x0300, 0x0301, 0x0303])
@pytest.mark.parametrize("algorithm", sorted(ALGORITHMS))
@given(data=st.data())
def test_key_exchange_messages(algorithm: str, version: int, data: st.DataObject) -> None:
    context = {"cipher_suite": ALGORITHMS[algorithm], "version": version}
    for schema in (key_exchange.ServerKeyExchange, key_exchange.ClientKeyExchange):
        assert_round_trip(schema, data.draw(values(schema, **context)), **context)


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.stem)
def test_real_messages(capture: Path) -> None:
    found = messages(capture)
    assert found[0][0][0] == HandshakeType.client_hello
    for data, context in found:
        value = tlsgrammar.parse(tlsgrammar.Handshake, data, **context)
        assert tlsgrammar.build(tlsgrammar.Handshake, value, **context) == data
        for extension in value.body.get("extensions") or ():
            if extension.body is not None:
                extension.extension_data = None  # so that the body is what is built
        assert tlsgrammar.build(tlsgrammar.Handshake, value, **context) == data


def test_the_real_messages_are_of_many_types() -> None:
    types = {data[0] for capture in CAPTURES for data, _ in messages(capture)}
    assert types >= {
        HandshakeType.client_hello,
        HandshakeType.server_hello,
        HandshakeType.new_session_ticket,
        HandshakeType.certificate,
        HandshakeType.server_key_exchange,
        HandshakeType.certificate_request,
        HandshakeType.server_hello_done,
        HandshakeType.certificate_verify,
        HandshakeType.client_key_exchange,
        HandshakeType.certificate_status,
    }
