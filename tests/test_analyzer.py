"""The analyzer of one connection: each event of the reference on what real stacks said, the same however
the bytes are cut; and what becomes of what cannot be read.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import events
from events import (
    Analyzer,
    Event,
    ProtocolViolation,
    SslAlert,
    SslChangeCipherSpec,
    SslClientHello,
    SslEncryptedData,
    SslEstablished,
    SslExtension,
    SslExtensionServerName,
    SslHandshakeMessage,
    SslHeartbeat,
    SslServerCurve,
    SslServerHello,
)
from events.testing.captures import Chunk
from tlsgrammar import sslv2
from tlsgrammar.names import SUPPORTED_GROUPS

from .helpers.streams import (
    CAPTURES,
    HELLOS,
    SSL_2,
    analyze,
    client_hello,
    message,
    names,
    of,
    record,
    said,
    server_hello,
    sslv2_client_hello,
    sslv2_record,
    sslv2_server_hello,
)

SIDES = (True, False)

# Real handshakes


def test_tls12_in_order() -> None:
    found = analyze(said("tls12-ecdhe-rsa"))
    without_extensions = [name for name in names(found) if not name.startswith("ssl_extension")]
    assert without_extensions == [
        "ssl_client_hello",
        "ssl_handshake_message",
        "ssl_server_hello",
        "ssl_handshake_message",
        "ssl_handshake_message",
        "ssl_server_curve",
        "ssl_handshake_message",
        "ssl_handshake_message",
        "ssl_handshake_message",
        "ssl_change_cipher_spec",
        "ssl_encrypted_data",
        "ssl_session_ticket_handshake",
        "ssl_handshake_message",
        "ssl_change_cipher_spec",
        "ssl_established",
        *["ssl_encrypted_data"] * 4,
    ]
    assert [e.msg_type for e in of(SslHandshakeMessage, found)] == [1, 2, 11, 12, 14, 16, 4]


def test_hellos() -> None:
    found = analyze(said("tls12-ecdhe-rsa"))
    [hello] = of(SslClientHello, found)
    match hello:
        case SslClientHello(version=0x0303, session_id=b"", ciphers=[0xC02F, 0x00FF]):
            assert len(hello.client_random) == 28
        case _:
            pytest.fail(f"not the hello that was sent: {hello}")
    [answer] = of(SslServerHello, found)
    assert (answer.version, answer.cipher, answer.comp_method) == (0x0303, 0xC02F, 0)


def test_extensions_come_before_their_hello_the_specialised_event_first() -> None:
    found = analyze(said("tls12-ecdhe-rsa"))
    before_hello = found[: names(found).index("ssl_client_hello")]
    for special, code in {
        "ssl_extension_server_name": 0,
        "ssl_extension_elliptic_curves": 10,
        "ssl_extension_ec_point_formats": 11,
        "ssl_extension_application_layer_protocol_negotiation": 16,
    }.items():
        at = names(before_hello).index(special)
        following = before_hello[at + 1]
        assert isinstance(following, SslExtension)
        assert following.code == code
    [sni] = of(SslExtensionServerName, found)
    assert (sni.names, sni.is_orig) == ([b"server.example"], True)
    alpn = of(events.SslExtensionApplicationLayerProtocolNegotiation, found)
    assert [(e.is_orig, e.protocols) for e in alpn] == [
        (True, [b"h2", b"http/1.1"]),
        (False, [b"h2"]),
    ]
    curves = of(events.SslExtensionEllipticCurves, found)
    assert SUPPORTED_GROUPS.code("x25519") in curves[0].curves
    formats = of(events.SslExtensionEcPointFormats, found)
    assert [0 in e.point_formats for e in formats] == [True, True]


@pytest.mark.parametrize(
    ("name", "curve"),
    [
        ("tls12-ecdhe-ecdsa", "x25519"),
        ("tls12-ecdh-anon", "x25519"),
        ("tls12-ecdhe-psk", "x25519"),
        ("gnutls-tls10", "secp256r1"),
    ],
)
def test_server_curve(name: str, curve: str) -> None:
    [event] = of(SslServerCurve, analyze(said(name)))
    assert SUPPORTED_GROUPS.name(event.curve) == curve


@pytest.mark.parametrize(
    "name", ["tls10-dhe-rsa", "tls12-dh-anon", "tls12-dhe-psk", "gnutls-tls12-dhe"]
)
def test_dh_server_params(name: str) -> None:
    [event] = of(events.SslDhServerParams, analyze(said(name)))
    assert len(event.p) >= 128
    assert 1 < int.from_bytes(event.Ys, "big") < int.from_bytes(event.p, "big")
    assert len(event.q) <= len(event.p)


@pytest.mark.parametrize("name", ["tls11-rsa", "tls12-psk", "tls12-rsa-psk"])
def test_other_key_exchanges_have_no_parameters(name: str) -> None:
    found = analyze(said(name))
    assert not of(SslServerCurve, found)
    assert not of(events.SslDhServerParams, found)
    assert not of(ProtocolViolation, found)


def test_stapled_ocsp() -> None:
    [event] = of(events.SslStapledOcsp, analyze(said("tls12-ocsp")))
    assert event.is_orig is False
    assert event.response[:2] == b"\x30\x82"  # a SEQUENCE in DER


def test_session_ticket() -> None:
    [event] = of(events.SslSessionTicketHandshake, analyze(said("tls12-ecdhe-rsa")))
    assert event.ticket_lifetime_hint == 7200
    assert len(event.ticket) > 100


def test_alert() -> None:
    found = analyze(said("tls12-no-common-cipher"))
    assert found[-1] == SslAlert(events.Connection(), False, 2, 40)


def test_tls13() -> None:
    found = analyze(said("tls13"))
    assert not of(ProtocolViolation, found)
    assert [e.msg_type for e in of(SslHandshakeMessage, found)] == [1, 2]
    at = names(found).index("ssl_established")
    # just before the client's first encrypted record
    assert found[at + 1].is_orig  # type: ignore[attr-defined]
    assert not any(e.is_orig for e in of(SslEncryptedData, found[:at]))


def test_hello_retry_request_is_a_server_hello() -> None:
    found = analyze(said("tls13-hello-retry"))
    assert [e.msg_type for e in of(SslHandshakeMessage, found)] == [1, 2, 1, 2]
    assert len(of(SslServerHello, found)) == 2


def test_early_data_is_encrypted_before_the_server_answers() -> None:
    found = analyze(said("tls13-early-data"))
    at = names(found).index("ssl_server_hello")
    assert [e.is_orig for e in of(SslEncryptedData, found[:at])] == [True]


def test_resumption_establishes_with_the_clients_finished() -> None:
    found = analyze(said("tls12-resumed"))
    at = names(found).index("ssl_established")
    assert found[at + 1].is_orig  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", CAPTURES)
def test_disable_analyzer_after_detection(name: str) -> None:
    """With it, the events end with the record that establishes; until then they are the same."""
    full, short = analyze(said(name)), analyze(said(name), disable_analyzer_after_detection=True)
    if "ssl_established" not in names(full):
        assert short == full
        return
    at = names(full).index("ssl_established")
    assert short == full[: at + 2]
    assert isinstance(short[-1], SslEncryptedData)


@pytest.mark.parametrize("name", CAPTURES)
def test_one_byte_at_a_time(name: str) -> None:
    whole = said(name)
    bytewise = [(is_orig, data[i : i + 1]) for is_orig, data in whole for i in range(len(data))]
    assert analyze(bytewise) == analyze(whole)


@given(data=st.data())
def test_any_cut(data: st.DataObject) -> None:
    whole = said(data.draw(st.sampled_from(CAPTURES)))
    pieces: list[Chunk] = []
    for is_orig, chunk in whole:
        cuts = sorted(data.draw(st.lists(st.integers(0, len(chunk)), max_size=6)))
        for start, end in zip([0, *cuts], [*cuts, len(chunk)], strict=True):
            pieces.append((is_orig, chunk[start:end]))
    assert analyze(pieces) == analyze(whole)


@given(data=st.data())
def test_any_cut_into_records(data: st.DataObject) -> None:
    """Handshake messages may be cut over records in any way, and share them."""
    hello = client_hello((0, bytes.fromhex("000e00000b6578616d706c652e636f6d")))
    flight = server_hello() + message(11, bytes(3)) + message(14, b"")

    def records(stream: bytes) -> bytes:
        cuts = sorted(set(data.draw(st.lists(st.integers(1, len(stream) - 1), max_size=8))))
        pairs = zip([0, *cuts], [*cuts, len(stream)], strict=True)
        return b"".join(record("handshake", stream[a:b]) for a, b in pairs)

    expected = analyze([(True, record("handshake", hello)), (False, record("handshake", flight))])
    assert analyze([(True, records(hello)), (False, records(flight))]) == expected


@given(data=st.data())
def test_only_what_is_asked_for(data: st.DataObject) -> None:
    chunks = said(data.draw(st.sampled_from(CAPTURES)))
    kinds = [event.name for event in events.DOCUMENTED] + [ProtocolViolation.name]
    wanted = data.draw(st.sets(st.sampled_from(kinds)))
    everything = analyze(chunks)
    assert analyze(chunks, wanted=wanted) == [e for e in everything if e.name in wanted]


@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=60)), max_size=10))
def test_no_made_up_bytes_raise(chunks: list[Chunk]) -> None:
    """And what is wrong with them is told of a place in them."""
    arrived = {
        side: sum(len(data) for is_orig, data in chunks if is_orig is side) for side in SIDES
    }
    for violation in of(ProtocolViolation, analyze(chunks)):
        assert 0 <= violation.offset <= arrived[violation.is_orig]


# Where TLS begins


@pytest.mark.parametrize(
    "chunks",
    [
        [(True, b"GET / HTTP/1.1\r\n\r\n"), (False, b"HTTP/1.1 200 OK\r\n\r\n")],
        [(False, b"SSH-2.0-OpenSSH_9.2\r\n"), (True, b"SSH-2.0-OpenSSH_9.2\r\n")],
        [(True, bytes.fromhex("800c01")), (True, bytes(400))],
        [(True, b"\x16\x03\x09\x00\x05hello")],
        [(True, b"\x16\x03")],
    ],
    ids=["http", "ssh", "almost ssl 2.0", "almost tls", "too short"],
)
def test_what_is_not_tls_raises_nothing(chunks: list[Chunk]) -> None:
    assert analyze(chunks) == []


def test_a_side_that_does_not_speak_tls_is_a_violation() -> None:
    found = analyze([HELLOS[0], (False, b"HTTP/1.1 400 Bad Request\r\n\r\n")])
    [violation] = of(ProtocolViolation, found)
    assert (violation.is_orig, violation.offset) == (False, 0)


def test_a_capture_that_begins_in_mid_connection() -> None:
    """Only alerts of two bytes are read."""
    chunks = [
        (True, record("data", b"encrypted")),
        (False, record("handshake", b"\x8f" * 40)),
        (False, record("alert", b"\x9a" * 24)),
        (True, record("ccs", b"\x01")),
        (True, record("alert", b"\x01\x00")),
    ]
    assert analyze(chunks) == [SslAlert(events.Connection(), True, 1, 0)]


# Records


def test_plaintext_records() -> None:
    heartbeat = record("heartbeat", b"\x01\x40\x00abc")
    found = analyze(
        [
            *HELLOS,
            (False, record("alert", b"\x01\x5a\x02\x28")),
            (True, record("data", b"cleartext")),
            (True, record("handshake", b"")),
            (True, heartbeat),
            (True, record("unknown", b"?")),
            (True, record("ccs", b"\x01\x01")),
            (True, record("handshake", b"encrypted")),
        ]
    )[4:]
    c = events.Connection()
    assert [e for e in found if not isinstance(e, ProtocolViolation)] == [
        SslAlert(c, False, 1, 90),
        SslAlert(c, False, 2, 40),
        SslHeartbeat(c, True, 6, 1, 0x4000, b"abc"),
        SslChangeCipherSpec(c, True),
        SslEncryptedData(c, True, 22, 9),
    ]
    assert [e.reason for e in of(ProtocolViolation, found)] == [
        "16384 bytes announced, 3 found",
        "unknown content type 99",
        "1 byte left over",
    ]


def test_a_record_with_another_version_ends_its_direction() -> None:
    chunks = [*HELLOS, (False, b"\x17\x09\x09\x00\x01x" + record("alert", b"\x02\x28"))]
    found = analyze([*chunks, (True, record("alert", b"\x02\x00"))])
    assert names(found[-2:]) == ["protocol_violation", "ssl_alert"]
    violation = found[-2]
    assert isinstance(violation, ProtocolViolation)
    assert violation.path == "TLSPlaintext.legacy_record_version"
    assert violation.offset == len(HELLOS[1][1]) + 1


def test_a_change_cipher_spec_within_a_message() -> None:
    half = message(11, bytes(100))[:50]
    found = analyze([*HELLOS, (False, record("handshake", half) + record("ccs", b"\x01"))])
    assert names(found[-2:]) == ["protocol_violation", "ssl_change_cipher_spec"]
    assert "50 bytes are lost" in found[-2].reason  # type: ignore[attr-defined]


def test_an_alert_within_a_message_does_not_harm_it() -> None:
    whole = message(11, bytes(3))
    chunks = [
        record("handshake", whole[:5]),
        record("alert", b"\x01\x00"),
        record("handshake", whole[5:]),
    ]
    found = analyze([*HELLOS, (False, b"".join(chunks))])
    assert names(found[-2:]) == ["ssl_alert", "ssl_handshake_message"]


def test_a_message_too_long_to_wait_for_ends_its_direction() -> None:
    huge = b"\x0b\x10\x00\x01" + bytes(100)
    found = analyze([*HELLOS, (False, record("handshake", huge) + record("alert", b"\x02\x28"))])
    [violation] = of(ProtocolViolation, found)
    assert violation.path == "Handshake.length"
    assert not of(SslAlert, found)


# Malformed messages


END = "connection_state_remove"


def test_the_end_of_a_connection_comes_after_all_that_was_heard_of_it() -> None:
    """Also where both directions end within a record."""
    too_long = record("handshake", b"\x0b\xff\xff\xff")
    chunks = [
        (True, record("handshake", client_hello())),
        (False, record("handshake", server_hello())),
        (True, too_long),
        (False, too_long),
    ]
    wanted = {END, "protocol_violation", "ssl_plaintext_data"}
    found = analyze(chunks, wanted=wanted)
    assert names(found)[-4:] == [
        "ssl_plaintext_data",
        "protocol_violation",
        "ssl_plaintext_data",
        END,
    ]
    assert names(found).count(END) == 1


def test_a_connection_of_which_nothing_but_an_alert_was_heard_ends() -> None:
    chunks = [(False, record("alert", b"\x02\x28"))]
    assert names(analyze(chunks, wanted={END, "ssl_alert"})) == ["ssl_alert", END]


def test_a_connection_of_which_nothing_was_heard_does_not_end() -> None:
    assert names(analyze([(True, b"GET / HTTP/1.1\r\n\r\n")], wanted={END})) == []


def test_a_malformed_extension_body_costs_its_event_only() -> None:
    hello = client_hello((10, b"\x00\x06\x00\x17"), (11, b"\x01\x00"))
    found = analyze([(True, record("handshake", hello))])
    assert names(found) == [
        "ssl_extension",
        "ssl_extension_ec_point_formats",
        "ssl_extension",
        "ssl_client_hello",
        "ssl_handshake_message",
        "protocol_violation",
    ]
    violation = found[-1]
    assert isinstance(violation, ProtocolViolation)
    assert violation.path == "ClientHello.extensions[0].body.named_group_list"
    # of the end of the body, in bytes from the start of the direction
    data = record("handshake", hello)
    assert violation.offset == data.index(b"\x00\x06\x00\x17") + 4


def test_bytes_left_over_in_an_extension_body() -> None:
    found = analyze([(True, record("handshake", client_hello((11, b"\x01\x00junk"))))])
    assert names(found) == [
        "ssl_extension_ec_point_formats",
        "ssl_extension",
        "ssl_client_hello",
        "ssl_handshake_message",
        "protocol_violation",
    ]
    assert found[-1].reason == "4 bytes left over after the body of ec_point_formats"  # type: ignore[attr-defined]


def test_bytes_left_over_in_a_message() -> None:
    done = message(14, b"junk")
    found = analyze([*HELLOS, (False, record("handshake", done + message(14, b"")))])[4:]
    assert names(found) == ["ssl_handshake_message", "protocol_violation", "ssl_handshake_message"]
    violation = found[1]
    assert isinstance(violation, ProtocolViolation)
    assert (violation.path, violation.reason) == ("ServerHelloDone", "4 bytes left over")


def test_a_list_with_an_odd_length() -> None:
    found = analyze([(True, record("handshake", client_hello((10, b"\x00\x03\x00\x17\x00"))))])
    [curves] = of(events.SslExtensionEllipticCurves, found)
    assert curves.curves == [23]
    assert len(of(ProtocolViolation, found)) == 1


def test_server_names_of_another_type_are_skipped() -> None:
    body = bytes.fromhex("0010") + b"\x00\x00\x03abc" + b"\x07" + b"whatever!"
    found = analyze([(True, record("handshake", client_hello((0, body))))])
    [sni] = of(SslExtensionServerName, found)
    assert sni.names == [b"abc"]
    assert not of(ProtocolViolation, found)


def test_an_empty_server_name_raises_the_extension_alone() -> None:
    found = analyze([HELLOS[0], (False, record("handshake", server_hello((0, b""))))])
    assert names(found)[2:] == ["ssl_extension", "ssl_server_hello", "ssl_handshake_message"]


def test_a_malformed_client_hello() -> None:
    hello = client_hello((11, b"\x01\x00"), (0, b"abcdef"))
    cut = message(1, hello[4:-3])
    found = analyze(
        [(True, record("handshake", cut + message(14, b"")) + record("alert", b"\x02\x28"))]
    )
    assert names(found) == [
        "ssl_extension_ec_point_formats",
        "ssl_extension",
        "ssl_handshake_message",
        "protocol_violation",
        "protocol_violation",  # for what comes behind it
        "ssl_alert",
    ]


def test_a_malformed_message_costs_the_rest_of_its_record() -> None:
    certificate = message(11, b"\x00\x10\x00\x00\x00\x05abc")
    chunk = record("handshake", certificate + message(14, b"")) + record(
        "handshake", message(14, b"")
    )
    found = analyze([*HELLOS, (False, chunk)])[4:]
    assert names(found) == [
        "ssl_handshake_message",
        "protocol_violation",
        "protocol_violation",
        "ssl_handshake_message",
    ]
    assert isinstance(found[2], ProtocolViolation)
    assert found[2].reason == "4 bytes behind a malformed message are lost"
    assert found[3] == SslHandshakeMessage(events.Connection(), False, 14, 0)


def test_a_hello_of_an_unknown_version() -> None:
    found = analyze([(True, record("handshake", client_hello(legacy_version=0x0505)))])
    assert names(found) == ["ssl_client_hello", "ssl_handshake_message", "protocol_violation"]


def test_no_cipher_suites() -> None:
    hello = client_hello(cipher_suites=[], legacy_compression_methods=[])
    assert names(analyze([(True, record("handshake", hello))])) == [
        "ssl_client_hello",
        "ssl_handshake_message",
    ]


def test_a_server_key_exchange_before_a_server_hello() -> None:
    body = bytes.fromhex("03001d20") + bytes(32)
    found = analyze([HELLOS[0], (False, record("handshake", message(12, body)))])
    assert names(found)[2:] == ["ssl_handshake_message"]


@pytest.mark.parametrize("version", [0x7F12, 0x7F15, 0x0304])
def test_server_hello_of_an_early_draft(version: int) -> None:
    hello = server_hello((43, b"\x7f\x12"), legacy_version=version, cipher_suite=0x1301)
    assert len(hello) == 4 + 2 + 32 + 2 + 2 + 6
    found = analyze([HELLOS[0], (False, record("handshake", hello))])
    [event] = of(SslServerHello, found)
    assert (event.version, event.session_id, event.comp_method) == (version, b"", 0)


def test_hello_retry_request_of_an_early_draft() -> None:
    body = bytes.fromhex("7f12 0006 0028 0002 0017")
    found = analyze([HELLOS[0], (False, record("handshake", message(6, body)))])
    assert names(found)[2:] == ["ssl_extension", "ssl_handshake_message"]


# Gaps


def established() -> list[Chunk]:
    return [
        *HELLOS,
        (True, record("ccs", b"\x01") + record("handshake", b"finished")),
        (False, record("ccs", b"\x01") + record("handshake", b"finished")),
    ]


def test_a_gap_in_an_encrypted_record_is_skipped() -> None:
    analyzer = Analyzer(disable_analyzer_after_detection=False)
    for is_orig, data in established():
        analyzer.deliver(data, is_orig)
    encrypted = record("data", bytes(1000))
    assert analyzer.deliver(encrypted[:300], True) == []
    assert analyzer.gap(True, 400) == []
    [event] = analyzer.deliver(encrypted[700:], True)
    assert event == SslEncryptedData(events.Connection(), True, 23, 1000)


@pytest.mark.parametrize("before", [0, 3, 300])
def test_a_gap_over_a_header_ends_the_direction(before: int) -> None:
    analyzer = Analyzer(disable_analyzer_after_detection=False)
    for is_orig, data in established():
        analyzer.deliver(data, is_orig)
    encrypted = record("data", bytes(1000))
    analyzer.deliver(encrypted[:before], True)
    [violation] = analyzer.gap(True, 1100)
    assert isinstance(violation, ProtocolViolation)
    assert analyzer.deliver(encrypted, True) == []
    assert names(analyzer.deliver(encrypted, False)) == ["ssl_encrypted_data"]


def test_what_the_end_cuts_off_is_reported() -> None:
    found = analyze([HELLOS[0], (False, HELLOS[1][1][:-1])])
    assert [(e.is_orig, e.reason) for e in of(ProtocolViolation, found)] == [
        (False, "the data ends in the middle of a record")
    ]


# SSL 2.0


def test_ssl_2() -> None:
    found = analyze(SSL_2)
    c = events.Connection()
    assert found == [
        SslClientHello(c, 2, 0, b"c" * 16, b"", [0x010080, 0x0700C0]),
        SslServerHello(c, 2, 0, b"i" * 16, b"", 0x010080, 0),
        SslEstablished(c),
        SslEncryptedData(c, False, 0, 5),
        SslEncryptedData(c, True, 0, 5),
    ]


def test_ssl_2_session_id_hit() -> None:
    chunks = [
        (True, sslv2_client_hello(2, [0x010080])),
        (False, sslv2_server_hello(1)),
        (True, b"\x80\x05vwxyz"),
    ]
    assert names(analyze(chunks))[2:] == ["ssl_established", "ssl_encrypted_data"]


def test_ssl_2_error() -> None:
    error = sslv2_record(0, sslv2.Error, {"error_code": "NO-CIPHER-ERROR"})
    found = analyze([(True, sslv2_client_hello(2, [0x010080])), (False, error)])
    assert found[-1] == SslAlert(events.Connection(), False, 2, 1)


def test_a_client_hello_in_ssl_2_framing_that_offers_tls() -> None:
    rest = said("tls12-ecdhe-rsa")
    answer = next(index for index, (is_orig, _) in enumerate(rest) if not is_orig)
    chunks = [(True, sslv2_client_hello(0x0303, [0x00C02F])), *rest[answer:]]
    found = analyze(chunks)
    assert found[0] == SslClientHello(events.Connection(), 0x0303, 0, b"c" * 16, b"", [0x00C02F])
    expected = analyze(rest)
    behind_hello = names(expected).index("ssl_handshake_message") + 1
    assert found[1:] == expected[behind_hello:]
    bytewise = [(is_orig, data[i : i + 1]) for is_orig, data in chunks for i in range(len(data))]
    assert analyze(bytewise) == found


def test_ssl_2_before_the_client_hello_is_whole() -> None:
    """What looks like SSL 2.0 is not taken for it before a whole CLIENT-HELLO says so."""
    [(_, hello), (_, answer), *_] = SSL_2
    assert analyze([(True, hello[:10]), (False, answer)]) == []


@given(data=st.data())
def test_no_bytes_raise(data: st.DataObject) -> None:
    """Real conversations with bytes changed, lost and made up."""
    name = data.draw(st.sampled_from([*CAPTURES, "ssl 2.0"]))
    chunks = SSL_2 if name == "ssl 2.0" else said(name)
    analyzer = Analyzer(disable_analyzer_after_detection=data.draw(st.booleans()))
    found: list[Event] = []
    arrived = dict.fromkeys(SIDES, 0)
    for is_orig, chunk in chunks:
        changed = bytearray(chunk)
        for at in data.draw(st.lists(st.integers(0, len(chunk) - 1), max_size=4)):
            changed[at] = data.draw(st.integers(0, 255))
        if data.draw(st.integers(0, 9)) == 0:
            missing = data.draw(st.integers(1, 5000))
            found += analyzer.gap(is_orig, missing)
            arrived[is_orig] += missing
        if data.draw(st.integers(0, 9)) == 0:
            made_up = data.draw(st.binary(max_size=40))
            found += analyzer.deliver(made_up, is_orig)
            arrived[is_orig] += len(made_up)
        found += analyzer.deliver(bytes(changed), is_orig)
        arrived[is_orig] += len(changed)
    found += analyzer.end()
    for violation in of(ProtocolViolation, found):
        assert 0 <= violation.offset <= arrived[violation.is_orig]
    assert names(found).count("ssl_established") <= 1
    assert analyzer.finished
    assert analyzer.deliver(chunks[0][1], True) == []


@pytest.mark.parametrize(("content", "count"), [("020a02", 1), ("020a0228020102", 3)])
def test_an_odd_byte_behind_alerts_costs_none_of_them(content: str, count: int) -> None:
    data = record("alert", bytes.fromhex(content))
    analyzer = events.Analyzer()
    analyzer.deliver(record("handshake", client_hello()), is_orig=True)
    found = analyzer.deliver(data, is_orig=False)
    assert names(found) == ["ssl_alert"] * count + ["protocol_violation"]
    assert found[-1].reason == "1 byte left over after the last whole element"  # type: ignore[attr-defined]
