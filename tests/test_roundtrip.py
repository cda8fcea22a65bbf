"""build(parse(x)) == x: on generated values of every schema, and on every message that real stacks sent."""

from __future__ import annotations

from pathlib import Path

import pytest
from construct import Construct
from hypothesis import given
from hypothesis import strategies as st

import tlsgrammar
from events.testing.captures import payloads
from tlsgrammar import dtls, key_exchange, sslv2
from tlsgrammar.framing import HandshakeReader, Protocol, RecordReader
from tlsgrammar.handshake import negotiated_version
from tlsgrammar.language.strategies import values
from tlsgrammar.names import CIPHER_SUITES, ContentType, HandshakeType

DATA = Path(__file__).parent / "data"
# But for those that begin as something else.
CAPTURES = sorted(
    path for path in DATA.glob("*.pcap") if not path.stem.startswith(("starttls", "proxy"))
)

SCHEMAS = {
    f"{module.__name__}.{name}": schema
    for module in (tlsgrammar, sslv2, dtls)
    for name in module.__all__
    if isinstance(schema := getattr(module, name), Construct)
}

ALGORITHMS = {
    algorithm: code
    for code in CIPHER_SUITES
    if (algorithm := tlsgrammar.key_exchange_algorithm(code))
}


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


def messages(capture: Path) -> list[tuple[bytes, dict[str, int]]]:
    """The unencrypted handshake messages of a capture, each with the context to parse it with."""
    context: dict[str, int] = {}
    records = {side: RecordReader(Protocol.TLS) for side in (True, False)}
    readers = {side: HandshakeReader() for side in (True, False)}
    found = []
    for is_orig, data in payloads(capture):
        records[is_orig].feed(data)
        while record := records[is_orig].next():
            if record.type == ContentType.change_cipher_spec:
                records[is_orig].pass_over = True
            if record.type != ContentType.handshake or record.fragment is None:
                continue
            readers[is_orig].feed(record.fragment, record.offset)
            while message := readers[is_orig].next():
                value = tlsgrammar.parse(tlsgrammar.Handshake, message.data, **context)
                if value.msg_type == HandshakeType.server_hello:
                    context["version"] = negotiated_version(value.body)
                    context["cipher_suite"] = value.body.cipher_suite
                found.append((message.data, dict(context)))
    return found


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
