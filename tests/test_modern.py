"""The events that Zeek has added since the documented seventeen: on real handshakes where a stack says it, on bytes
that are made where none does.
"""

from __future__ import annotations

import json
from typing import Any, TypeVar

import pytest

import events
from events import DOCUMENTED, MODERN, Event, SignatureAndHashAlgorithm, json_line
from tlsgrammar.names import SUPPORTED_GROUPS, ContentType

from .helpers.datagrams import analyze as analyze_datagrams
from .helpers.datagrams import said as said_in_datagrams
from .helpers.streams import analyze, client_hello, record, said, server_hello

ALL = events.known_events()
E = TypeVar("E", bound=Event)

X25519, P384 = SUPPORTED_GROUPS.code("x25519"), SUPPORTED_GROUPS.code("secp384r1")


def only(kind: type[E], name: str) -> list[E]:
    """The events of a class on a capture, where no other is asked for."""
    found: list[Any] = analyze(said(name), wanted={kind.name}, end=False)
    assert all(type(event) is kind for event in found)
    return found


def test_the_names_are_those_of_the_reference() -> None:
    assert sorted(event.name for event in MODERN) == [
        "ssl_certificate_request",
        "ssl_dh_client_params",
        "ssl_ecdh_client_params",
        "ssl_ecdh_server_params",
        "ssl_extension_connection_id",
        "ssl_extension_encrypted_client_hello",
        "ssl_extension_key_share",
        "ssl_extension_pre_shared_key_client_hello",
        "ssl_extension_pre_shared_key_server_hello",
        "ssl_extension_psk_key_exchange_modes",
        "ssl_extension_signature_algorithm",
        "ssl_extension_signature_algorithms_cert",
        "ssl_extension_signed_certificate_timestamp",
        "ssl_extension_supported_versions",
        "ssl_plaintext_data",
        "ssl_probable_encrypted_handshake_message",
        "ssl_rsa_client_pms",
        "ssl_server_signature",
    ]
    assert len(DOCUMENTED) == 17
    assert set(ALL) >= {event.name for event in (*DOCUMENTED, *MODERN)} | {"protocol_violation"}


@pytest.mark.parametrize("name", ["tls12-client-auth", "tls13-early-data", "modern-ech"])
def test_they_come_where_they_are_asked_for_and_leave_the_others_as_they_are(name: str) -> None:
    default, everything = analyze(said(name)), analyze(said(name), wanted=ALL)
    modern = {event.name for event in MODERN}
    on_request = modern | {
        event.name for event in (*events.SECRETS, *events.ROWS, *events.STRUCTURES)
    }
    assert not on_request & {event.name for event in default}
    assert [event for event in everything if event.name not in on_request] == default
    assert modern & {event.name for event in everything}


def test_the_specialised_event_stands_before_ssl_extension() -> None:
    found = analyze(said("tls13"), wanted=ALL)
    shares = [i for i, e in enumerate(found) if isinstance(e, events.SslExtensionKeyShare)]
    assert [found[i + 1].code for i in shares] == [51, 51]  # type: ignore[attr-defined]


def test_signature_algorithms() -> None:
    (event,) = only(events.SslExtensionSignatureAlgorithm, "tls12-ecdhe-rsa")
    assert event.is_client
    assert SignatureAndHashAlgorithm(4, 3) in event.signature_algorithms
    line = json.loads(json_line(event))
    assert {"HashAlgorithm": 4, "SignatureAlgorithm": 3} in line["signature_algorithms"]


def test_signature_algorithms_cert() -> None:
    hello = client_hello((50, bytes.fromhex("000404030804")))
    (event,) = analyze(
        [(True, record("handshake", hello))], wanted={"ssl_extension_signature_algorithms_cert"}
    )
    assert isinstance(event, events.SslExtensionSignatureAlgorithmsCert)
    assert (event.is_client, event.signature_schemes) == (True, [0x0403, 0x0804])


def test_key_shares_of_all_three_messages() -> None:
    found = only(events.SslExtensionKeyShare, "tls13-hello-retry")
    assert [(e.is_client, e.curves) for e in found] == [
        (True, [X25519]),
        (False, [P384]),
        (True, [P384]),
        (False, [P384]),
    ]


def test_key_share_of_the_drafts() -> None:
    hello = client_hello((40, bytes.fromhex("0005001d0001aa")))
    (event,) = analyze([(True, record("handshake", hello))], wanted={"ssl_extension_key_share"})
    assert isinstance(event, events.SslExtensionKeyShare)
    assert event.curves == [X25519]


def test_pre_shared_keys() -> None:
    (offered,) = only(events.SslExtensionPreSharedKeyClientHello, "tls13-early-data")
    (selected,) = only(events.SslExtensionPreSharedKeyServerHello, "tls13-early-data")
    assert (offered.is_client, selected.is_client) == (True, False)
    assert len(offered.identities) == len(offered.binders) == 1
    assert len(offered.identities[0].identity) >= 32
    assert selected.selected_identity == 0
    line = json.loads(json_line(offered))
    assert line["identities"] == [
        {
            "identity": offered.identities[0].identity.hex(),
            "obfuscated_ticket_age": offered.identities[0].obfuscated_ticket_age,
        }
    ]
    assert line["binders"] == [offered.binders[0].hex()]


def test_psk_key_exchange_modes() -> None:
    (event,) = only(events.SslExtensionPskKeyExchangeModes, "tls13")
    assert (event.is_client, event.modes) == (True, [1])


def test_supported_versions_of_either_side() -> None:
    found = only(events.SslExtensionSupportedVersions, "tls13")
    assert [(e.is_client, e.versions) for e in found] == [(True, [0x0304]), (False, [0x0304])]


def test_signed_certificate_timestamps() -> None:
    sct = "00" + "ab" * 32 + "0000018bcfe56800" + "0000" + "0403" + "0003" + "010203"
    one = bytes.fromhex(sct)
    later_version = b"\x01abc"
    items = b"".join(len(x).to_bytes(2, "big") + x for x in (one, later_version, one))
    hello = server_hello((18, len(items).to_bytes(2, "big") + items))
    found = analyze(
        [(True, record("handshake", client_hello())), (False, record("handshake", hello))],
        wanted={"ssl_extension_signed_certificate_timestamp"},
    )
    assert [event for event in found if isinstance(event, events.SslExtension)] == []
    assert len(found) == 2
    (event, _) = found
    assert isinstance(event, events.SslExtensionSignedCertificateTimestamp)
    assert (event.is_client, event.version, event.logid) == (False, 0, b"\xab" * 32)
    assert event.timestamp == 1_700_000_000_000
    assert event.signature_and_hashalgorithm == SignatureAndHashAlgorithm(4, 3)
    assert event.signature == b"\x01\x02\x03"


def test_connection_ids() -> None:
    found = analyze_datagrams(
        said_in_datagrams("dtls13-wolfssl-cid"), wanted={"ssl_extension_connection_id"}
    )
    assert {(e.is_client, e.cid) for e in found} == {(True, b"id"), (False, b"id")}  # type: ignore[attr-defined]


def test_encrypted_client_hello() -> None:
    (event,) = only(events.SslExtensionEncryptedClientHello, "modern-ech")
    assert (event.is_client, event.kdf_id, event.aead_id) == (True, 1, 1)
    assert len(event.enc) == 32
    assert event.payload_length == 240
    inner = client_hello((65037, b"\x01"))
    assert (
        analyze(
            [(True, record("handshake", inner))], wanted={"ssl_extension_encrypted_client_hello"}
        )
        == []
    )


def test_elliptic_curve_parameters() -> None:
    (server,) = only(events.SslEcdhServerParams, "tls12-ecdhe-rsa")
    (client,) = only(events.SslEcdhClientParams, "tls12-ecdhe-rsa")
    assert server.curve == X25519
    assert len(server.point) == len(client.point) == 32
    for name in ("tls12-ecdhe-psk", "tls12-ecdh-anon", "tls12-ecdhe-ecdsa"):
        assert len(only(events.SslEcdhServerParams, name)) == 1
        assert len(only(events.SslEcdhClientParams, name)) == 1


@pytest.mark.parametrize(
    "name", ["tls10-dhe-rsa", "tls12-dhe-psk", "tls12-dh-anon", "gnutls-tls12-dhe"]
)
def test_diffie_hellman_parameters_of_the_client(name: str) -> None:
    (server,) = only(events.SslDhServerParams, name)
    (client,) = only(events.SslDhClientParams, name)
    assert abs(len(client.Yc) - len(server.p)) <= 2


def test_rsa_pre_master_secret() -> None:
    (event,) = only(events.SslRsaClientPms, "tls11-rsa")
    assert len(event.pms) == 256
    (event,) = only(events.SslRsaClientPms, "tls12-rsa-psk")
    assert len(event.pms) == 256


def test_server_signature() -> None:
    (event,) = only(events.SslServerSignature, "tls12-ecdhe-rsa")
    assert event.signature_and_hashalgorithm != SignatureAndHashAlgorithm(256, 256)
    assert len(event.signature) == 256
    (event,) = only(events.SslServerSignature, "tls10-dhe-rsa")
    assert event.signature_and_hashalgorithm == SignatureAndHashAlgorithm(256, 256)
    assert only(events.SslServerSignature, "tls12-dh-anon") == []


def test_certificate_request() -> None:
    (event,) = only(events.SslCertificateRequest, "tls12-client-auth")
    assert not event.is_client
    assert event.certificate_types
    assert event.supported_signature_algorithms
    assert all(name[0] == 0x30 for name in event.certificate_authorities)
    assert only(events.SslCertificateRequest, "tls13-client-auth") == []


def test_plaintext_data_on_each_record_that_is_not_encrypted() -> None:
    chunks = said("tls12-ecdhe-rsa")
    found = analyze(chunks, wanted=ALL)
    plaintext = [e for e in found if isinstance(e, events.SslPlaintextData)]
    assert {e.record_version for e in plaintext} == {0x0301, 0x0303}
    assert [e.content_type for e in plaintext].count(ContentType.change_cipher_spec) == 2
    encrypted = [e for e in found if isinstance(e, events.SslEncryptedData)]
    total = sum(e.length + 5 for e in plaintext) + sum(e.length + 5 for e in encrypted)
    assert total == sum(len(data) for _, data in chunks)
    first = found.index(plaintext[0])
    assert isinstance(found[first - 1], events.SslHandshakeMessage)


def test_plaintext_data_without_handshake() -> None:
    alert = record("alert", b"\x02\x28")
    wanted = {"ssl_alert", "ssl_plaintext_data", "ssl_encrypted_data", "protocol_violation"}
    found = analyze([(False, alert), (False, record("alert", b""))], wanted=wanted)
    assert [e.name for e in found] == ["ssl_alert", "ssl_plaintext_data"]
    assert found[1].is_client is False  # type: ignore[attr-defined]


def test_probable_encrypted_handshake_messages() -> None:
    found = analyze(said("tls13"), wanted=ALL)
    kinds = [e.name for e in found]
    probable = [i for i, e in enumerate(kinds) if e == "ssl_probable_encrypted_handshake_message"]
    established = kinds.index("ssl_established")
    # The last stands before the record that establishes, the others before theirs.
    assert probable[-1] == established - 1
    assert all(kinds[i + 1] == "ssl_encrypted_data" for i in probable[:-1])
    assert kinds[established + 1 :].count("ssl_probable_encrypted_handshake_message") == 0
    assert "ssl_probable_encrypted_handshake_message" not in [
        e.name for e in analyze(said("tls12-ecdhe-rsa"), wanted=ALL)
    ]
