"""A row of ssl.log: each field by its rule, on what real stacks said, and on events that are made where none says it; and
when a row is complete.
"""

from __future__ import annotations

import hashlib
import json
import tracemalloc
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

import events
from events import (
    Analyzer,
    Connection,
    ConnectionRow,
    ConnectionStateRemove,
    Event,
    Rows,
    SslAlert,
    SslChangeCipherSpec,
    SslEstablished,
    SslExtensionApplicationLayerProtocolNegotiation,
    SslExtensionKeyShare,
    SslExtensionPreSharedKeyServerHello,
    SslExtensionServerName,
    SslExtensionSessionTicket,
    SslHeartbeat,
    SslServerCurve,
    read_capture,
    read_connections,
)
from events.rows import rows as rows_module
from events.rows.history import MESSAGES
from events.testing.captures import Chunk, Ends, packets, write
from tlsgrammar import sslv2
from tlsgrammar.names import ALERT_DESCRIPTIONS, SUPPORTED_GROUPS, HandshakeType

from ..helpers.streams import CAPTURES, SSL_2, record, said, sslv2_client_hello, sslv2_record
from ..helpers.streams import client_hello as client_hello_bytes
from ..helpers.streams import server_hello as server_hello_bytes
from .made import (
    CLIENT,
    DATA,
    SERVER,
    C,
    all_rows,
    client_hello,
    message,
    row,
    row_of,
    server_hello,
    supported_versions,
)

SECRETS = DATA / "secrets"
STACKS = sorted(path.stem for path in SECRETS.glob("*.json"))


@cache
def described(stack: str) -> dict[int, dict[str, Any]]:
    """What is known of the connections of a stack, by the port of the client."""
    lines = map(json.loads, (SECRETS / f"{stack}.json").read_text().splitlines())
    return {each["port"]: each for each in lines}


@cache
def rows_of_stack(stack: str, with_secrets: bool = True) -> list[tuple[str, ConnectionRow]]:
    """The rows of its connections, and what these are called."""
    path = SECRETS / f"{stack}.pcapng.gz"
    found = read_connections(path, embedded_secrets=with_secrets)
    return [(described(stack)[each.orig_p or 0]["name"], each) for each in found]


def named(stack: str, name: str, with_secrets: bool = True) -> ConnectionRow:
    """The row of a connection of the corpus, by its name."""
    [found] = [each for known, each in rows_of_stack(stack, with_secrets) if known == name]
    return found


def rows_of_bytes(chunks: Iterable[Chunk], **options: Any) -> list[ConnectionRow]:
    """The rows of a stream."""
    rows = Rows()
    analyzer = Analyzer(wanted=rows.wanted, **options)
    found: list[Any] = []
    for is_orig, data in chunks:
        for event in analyzer.deliver(data, is_orig):
            found += rows.take(event)
    for event in analyzer.end():
        found += rows.take(event)
    return found + rows.end()


# Whole rows


def test_a_row_of_tls_12() -> None:
    found = row("tls12-ecdhe-rsa")
    assert found == ConnectionRow(
        ts=found.ts,
        uid=found.uid,
        orig_h="192.0.2.1",
        orig_p=found.orig_p,
        resp_h="198.51.100.2",
        resp_p=443,
        version="TLSv12",
        cipher="TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        curve="x25519",
        server_name="server.example",
        resumed=False,
        last_alert=None,
        next_protocol="h2",
        established=True,
        ssl_history="CsxknGIti",
        cert_chain_fps=found.cert_chain_fps,
        client_cert_chain_fps=(),
        sni_matches_cert=True,
        proto="tcp",
        ja3=found.ja3,
        ja3s=found.ja3s,
        ja4="t12d0208h2_b06afd972a5c_3c5a66c06c35",
        client_versions=("TLSv12",),
        subject="CN=server.example",
        issuer="CN=server.example",
        not_valid_after=found.not_valid_after,
        file=str(DATA / "tls12-ecdhe-rsa.pcap"),
        violations=0,
    )


def test_what_a_row_has_from_its_events() -> None:
    """Its time is that of the first event; the certificate and the fingerprints are those of the events."""
    path = DATA / "tls12-ecdhe-rsa.pcap"
    found = row("tls12-ecdhe-rsa")
    raised = list(read_capture(path, wanted=Rows().wanted))
    assert (found.ts, found.uid) == (raised[0].ts, raised[0].c.uid)
    [certificate] = [each for each in raised if isinstance(each, events.X509Certificate)]
    assert certificate.certificate is not None
    assert found.cert_chain_fps == (hashlib.sha256(certificate.der).hexdigest(),)
    assert found.not_valid_after == certificate.certificate.not_valid_after
    [client] = [each for each in raised if isinstance(each, events.SslClientFingerprints)]
    [server] = [each for each in raised if isinstance(each, events.SslServerFingerprint)]
    assert (found.ja3, found.ja3s, found.ja4) == (client.ja3, server.ja3s, client.ja4)


# Name: version, cipher, curve, resumed, established, history
TABLE = {
    "gnutls-tls10": ("TLSv10", "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", "secp256r1", "CsxkrnXGIti"),
    "tls11-rsa": ("TLSv11", "TLS_RSA_WITH_AES_256_CBC_SHA", None, "CsxnGIti"),
    "tls12-dh-anon": ("TLSv12", "TLS_DH_anon_WITH_AES_128_CBC_SHA", None, "CsknGIti"),
    "tls12-psk": ("TLSv12", "TLS_PSK_WITH_AES_128_CBC_SHA", None, "CsknGIti"),
    "tls12-ocsp": ("TLSv12", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "x25519", "CsxuknGIti"),
    "tls13": ("TLSv13", "TLS_AES_256_GCM_SHA384", "x25519", "CsiI"),
    "tls13-early-data": ("TLSv13", "TLS_AES_256_GCM_SHA384", "x25519", "CIsi"),
    "modern-x25519mlkem768": ("TLSv13", "TLS_AES_256_GCM_SHA384", "X25519MLKEM768", "CsiI"),
    "starttls-smtp": ("TLSv13", "TLS_AES_256_GCM_SHA384", "x25519", "CsiI"),
    "proxy-connect": ("TLSv13", "TLS_AES_256_GCM_SHA384", "x25519", "CsiI"),
    "dtls/dtls10-openssl": (
        "DTLSv10",
        "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
        "x25519",
        "CvCsxknGIti",
    ),
    "dtls/dtls12-openssl": (
        "DTLSv12",
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        "x25519",
        "CvCsxknGIti",
    ),
    "dtls/dtls13-wolfssl": ("DTLSv13", "TLS_AES_128_GCM_SHA256", "secp256r1", "CjCs"),
    "quic/ngtcp2": ("TLSv13", "TLS_AES_128_GCM_SHA256", "x25519", "Cs"),
}


@pytest.mark.parametrize("name", TABLE)
def test_what_was_negotiated_is_in_the_row(name: str) -> None:
    found = row(name)
    assert (found.version, found.cipher, found.curve, found.ssl_history) == TABLE[name]
    assert found.established
    assert found.proto == ("udp" if "/" in name else "tcp")


@pytest.mark.parametrize("stack", STACKS)
def test_what_each_stack_says_that_it_negotiated_is_in_its_row(stack: str) -> None:
    """One row for each connection, with its version and cipher suite."""
    wanted = described(stack)
    assert sorted(row.orig_p or 0 for _, row in rows_of_stack(stack)) == sorted(wanted)
    for name, found in rows_of_stack(stack):
        each = wanted[found.orig_p or 0]
        # GnuTLS has other names for some.
        cipher_suite = each["cipher_suite"].replace("DHE_DSS_RC4", "DHE_DSS_WITH_RC4")
        if cipher_suite.endswith("CCM_8"):
            cipher_suite = cipher_suite.replace("PSK_DHE", "DHE_PSK")
        version = "TLSv13" if each["version"].startswith("QUIC") else each["version"]
        assert (found.version, found.cipher) == (version, cipher_suite), name
        assert (found.established, found.violations) == (True, 0), name


# version, cipher, curve


@pytest.mark.parametrize(
    ("version", "name"),
    [
        (0x0002, "SSLv2"),
        (0x0300, "SSLv3"),
        (0x0301, "TLSv10"),
        (0x0302, "TLSv11"),
        (0x0303, "TLSv12"),
        (0x0304, "TLSv13"),
        (0xFEFF, "DTLSv10"),
        (0xFEFD, "DTLSv12"),
        (0xFEFC, "DTLSv13"),
        (0x7F17, "TLSv13-draft23"),
        (0x7F12, "TLSv13-draft18"),
        (0x7E01, "unknown-32257"),
        (0x0305, "unknown-773"),
        (0x0000, "unknown-0"),
    ],
)
def test_versions_have_the_names_of_zeek(version: int, name: str) -> None:
    assert row_of(*server_hello(version=version)).version == name
    selected = supported_versions(version, is_client=False)
    assert row_of(selected, *server_hello(version=0x0303)).version == name


def test_the_versions_that_the_client_offers_are_in_its_order_without_grease() -> None:
    offered = supported_versions(0x1A1A, 0x0303, 0x7F17, 0x0304, is_client=True)
    found = row_of(offered, *client_hello())
    assert found.client_versions == ("TLSv12", "TLSv13-draft23", "TLSv13")
    assert found.version is None
    assert row_of(*client_hello(version=0x0301)).client_versions == ("TLSv10",)


def test_the_cipher_is_named_as_it_is_registered() -> None:
    assert row_of(*server_hello(cipher=0x1301)).cipher == "TLS_AES_128_GCM_SHA256"
    assert row_of(*server_hello(cipher=0x010080)).cipher == "SSLv20_CK_RC4_128_WITH_MD5"
    assert row_of(*server_hello(cipher=0xABCD)).cipher == "unknown-43981"
    assert row_of(*client_hello()).cipher is None


def test_the_curve_is_that_of_the_server() -> None:
    x25519, p256 = SUPPORTED_GROUPS.code("x25519"), SUPPORTED_GROUPS.code("secp256r1")
    offered = SslExtensionKeyShare(C, True, [p256, x25519])
    chosen = SslExtensionKeyShare(C, False, [x25519])
    assert row_of(offered, *client_hello()).curve is None
    assert row_of(offered, *client_hello(), chosen, *server_hello()).curve == "x25519"
    assert row_of(SslServerCurve(C, p256)).curve == "secp256r1"
    assert row_of(SslServerCurve(C, 0xFFAA)).curve == "unknown-65450"


# server_name, next_protocol


def test_the_server_name_is_the_first_of_the_client() -> None:
    names = SslExtensionServerName(C, CLIENT, [b"a.example", b"b.example"])
    again = SslExtensionServerName(C, CLIENT, [b"c.example"])
    acknowledged = SslExtensionServerName(C, SERVER, [])
    of_server = SslExtensionServerName(C, SERVER, [b"d.example"])
    assert row_of(of_server, acknowledged, *client_hello()).server_name is None
    assert row_of(names, *client_hello(), of_server, again).server_name == "a.example"


def test_a_server_name_that_is_no_text_is_escaped() -> None:
    names = SslExtensionServerName(C, CLIENT, [b"\xfc\x00\\.example\n"])
    assert row_of(names).server_name == r"\xfc\x00\\.example\x0a"
    assert row_of(SslExtensionServerName(C, CLIENT, [b""])).server_name == ""


def test_the_next_protocol_is_that_of_the_server() -> None:
    offered = SslExtensionApplicationLayerProtocolNegotiation(C, CLIENT, [b"h2", b"http/1.1"])
    chosen = SslExtensionApplicationLayerProtocolNegotiation(C, SERVER, [b"http/1.1"])
    assert row_of(offered, *client_hello()).next_protocol is None
    assert row_of(offered, *client_hello(), chosen).next_protocol == "http/1.1"


# resumed: the three ways


def test_resumed_where_the_server_returns_the_session_id() -> None:
    hello = client_hello(session_id=b"session")
    assert row_of(*hello, *server_hello(session_id=b"session")).resumed
    assert not row_of(*hello, *server_hello(session_id=b"another")).resumed
    assert not row_of(*hello, *server_hello()).resumed
    assert not row_of(*client_hello(), *server_hello()).resumed


@pytest.mark.parametrize("version", [0x0304, 0xFEFC, 0x7F12])
def test_in_tls_13_the_session_id_is_returned_always(version: int) -> None:
    hello = client_hello(session_id=b"session")
    selected = supported_versions(version, is_client=False)
    assert not row_of(*hello, selected, *server_hello(session_id=b"session")).resumed
    assert not row("tls13").resumed


def test_resumed_where_the_server_takes_the_key_of_the_client() -> None:
    taken = SslExtensionPreSharedKeyServerHello(C, False, 0)
    selected = supported_versions(0x0304, is_client=False)
    assert row_of(*client_hello(), taken, selected, *server_hello()).resumed
    assert row("tls13-early-data").resumed


def test_resumed_by_a_ticket_without_a_session_id() -> None:
    """The client goes on with a ChangeCipherSpec, without a ClientKeyExchange in front of it."""
    ticket = SslExtensionSessionTicket(C, True, b"ticket")
    changes = SslChangeCipherSpec(C, CLIENT)
    exchange = message("client_key_exchange", CLIENT)
    assert row_of(ticket, *client_hello(), *server_hello(), changes).resumed
    assert not row_of(ticket, *client_hello(), *server_hello()).resumed
    of_server = SslChangeCipherSpec(C, SERVER)
    assert not row_of(ticket, *client_hello(), *server_hello(), of_server).resumed
    assert not row_of(ticket, *client_hello(), *server_hello(), exchange, changes).resumed
    with_id = client_hello(session_id=b"session")
    assert not row_of(ticket, *with_id, *server_hello(), changes).resumed
    empty = SslExtensionSessionTicket(C, True, b"")
    assert not row_of(empty, *client_hello(), *server_hello(), changes).resumed


@pytest.mark.parametrize("stack", STACKS)
def test_what_was_resumed_is_told_of_each_stack(stack: str) -> None:
    """Those that were and only those, but for those of early data, which the server may have refused with its key."""
    for name, found in rows_of_stack(stack):
        if "early data" not in name and "psk" not in name.lower() and stack != "programs":
            assert found.resumed == ("resumed" in name and "first" not in name), name


def test_early_data_and_an_external_key_are_of_a_resumed_session() -> None:
    assert named("gnutls", "TLSv13 early data AES-128-GCM").resumed
    assert named("wolfssl", "TLSv13 external psk").resumed


# last_alert


@pytest.mark.parametrize("code", ALERT_DESCRIPTIONS)
def test_the_last_alert_is_told_by_name(code: int) -> None:
    raised = [SslAlert(C, CLIENT, 1, 0), SslAlert(C, SERVER, 2, code)]
    assert row_of(*raised).last_alert == ALERT_DESCRIPTIONS.name(code)


def test_an_alert_that_is_not_registered_has_its_number() -> None:
    assert row_of(SslAlert(C, CLIENT, 2, 200)).last_alert == "unknown-200"
    assert row_of(*client_hello()).last_alert is None


def test_a_handshake_that_fails() -> None:
    found = row("tls12-no-common-cipher")
    assert (found.established, found.last_alert, found.ssl_history) == (
        False,
        "handshake_failure",
        "Cl",
    )
    assert (found.version, found.cipher, found.server_name) == (None, None, "server.example")


# ssl_history


LETTERS = {
    "hello_request": "H",
    "hello_verify_request": "V",
    "new_session_ticket": "T",
    "end_of_early_data": "E",
    "hello_retry_request": "J",
    "encrypted_extensions": "O",
    "certificate": "X",
    "server_key_exchange": "K",
    "certificate_request": "R",
    "server_hello_done": "N",
    "certificate_verify": "Y",
    "client_key_exchange": "G",
    "finished": "F",
    "certificate_url": "W",
    "certificate_status": "U",
    "supplemental_data": "A",
    "key_update": "P",
    "message_hash": "M",
}


@pytest.mark.parametrize("kind", LETTERS)
def test_each_message_has_a_letter(kind: str) -> None:
    """In upper case from the client."""
    assert row_of(message(kind, CLIENT)).ssl_history == LETTERS[kind]
    assert row_of(message(kind, SERVER)).ssl_history == LETTERS[kind].lower()


def test_other_messages_have_one_letter_for_all() -> None:
    known = {HandshakeType[name].value for name in (*LETTERS, "client_hello", "server_hello")}
    assert set(MESSAGES) == known
    for code in set(range(256)) - known:
        assert row_of(events.SslHandshakeMessage(C, CLIENT, code, 0)).ssl_history == "Z"


def test_hellos_have_one_letter_each_and_the_rest_theirs() -> None:
    found = row_of(
        *client_hello(),
        *server_hello(),
        SslChangeCipherSpec(C, CLIENT),
        SslHeartbeat(C, SERVER, 19, 1, 0, bytes(16)),
        SslAlert(C, CLIENT, 2, 40),
    )
    assert found.ssl_history == "CsIbL"


RETRY = bytes.fromhex("e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")


def test_a_server_hello_that_is_a_hello_retry_request() -> None:
    """It is one by its random (RFC 8446 section 4.1.3)."""
    asks_again = events.SslServerHello(C, 0x0303, 0xCF21AD74, RETRY, b"", 0x1301, 0)
    found = row_of(
        *client_hello(),
        asks_again,
        message("server_hello", SERVER),
        *client_hello(),
        *server_hello(),
    )
    assert found.ssl_history == "CjCs"
    assert row("tls13-hello-retry").ssl_history == "CjiICs"
    assert row("quic/ngtcp2-hello-retry").ssl_history == "CjCs"


def test_after_a_hello_retry_request_the_group_is_the_last_and_the_first_fingerprint_counts() -> (
    None
):
    found = row("tls13-hello-retry")
    path = DATA / "tls13-hello-retry.pcap"
    hellos = list(read_capture(path, wanted={"ssl_client_fingerprints"}))
    answers = list(read_capture(path, wanted={"ssl_server_fingerprint"}))
    assert len(hellos) == len(answers) == 2
    assert (found.ja3, found.curve) == (hellos[0].ja3, "secp384r1")  # type: ignore[attr-defined]
    assert found.ja3s == answers[1].ja3s  # type: ignore[attr-defined]


def test_ssl_2() -> None:
    [found] = rows_of_bytes(SSL_2)
    assert (found.version, found.cipher) == ("SSLv2", "SSLv20_CK_RC4_128_WITH_MD5")
    assert (found.ssl_history, found.established, found.resumed) == ("Cs", True, False)
    assert found.client_versions == ("SSLv2",)
    assert found.cert_chain_fps == (hashlib.sha256(b"certificate").hexdigest(),)
    assert (found.ja3, found.ja4, found.subject) == (None, None, None)


def test_an_error_of_ssl_2() -> None:
    error = sslv2_record(0, sslv2.Error, {"error_code": "NO-CIPHER-ERROR"})
    [found] = rows_of_bytes([SSL_2[0], (False, error)])
    assert (found.ssl_history, found.last_alert, found.established) == (
        "Cl",
        "NO-CIPHER-ERROR",
        False,
    )


def test_a_hello_of_tls_in_the_framing_of_ssl_2() -> None:
    rest = said("tls12-ecdhe-rsa")
    answer = next(index for index, (is_orig, _) in enumerate(rest) if not is_orig)
    [found] = rows_of_bytes([(True, sslv2_client_hello(0x0303, [0x00C02F])), *rest[answer:]])
    assert (found.version, found.ssl_history, found.established) == ("TLSv12", "CsxknGIti", True)
    assert found.client_versions == ("TLSv12",)


def test_the_client_may_be_the_responder() -> None:
    """A hello says who it is; letters, chains and names go by that."""
    chunks = [(not is_orig, data) for is_orig, data in said("tls12-client-auth")]
    [found] = rows_of_bytes(chunks)
    [usual] = rows_of_bytes(said("tls12-client-auth"))
    assert found == usual
    assert found.ssl_history == "CsxkrnXGYIti"
    assert len(found.cert_chain_fps) == len(found.client_cert_chain_fps) == 1
    assert found.cert_chain_fps != found.client_cert_chain_fps


def test_the_answer_of_a_server_alone_says_who_the_client_is() -> None:
    [found] = rows_of_bytes([(not o, data) for o, data in said("tls12-ecdhe-rsa") if not o])
    assert found.ssl_history.startswith("sxkn")
    assert len(found.cert_chain_fps) == 1


def test_a_heartbeat() -> None:
    """That of Heartbleed claims more than it has."""
    chunks = [
        (True, record("handshake", client_hello_bytes())),
        (False, record("handshake", server_hello_bytes())),
        (True, record("heartbeat", b"\x01\x40\x00")),
    ]
    [found] = rows_of_bytes(chunks)
    assert (found.ssl_history, found.violations) == ("CsB", 1)


def test_a_history_has_at_most_100_letters() -> None:
    alerts = [SslAlert(C, SERVER, 1, 0) for _ in range(150)]
    found = row_of(*client_hello(), *alerts, *server_hello())
    assert found.ssl_history == "C" + 99 * "l"
    assert found.version == "TLSv12"


def test_violations_are_counted() -> None:
    assert row("tls12-ecdhe-rsa").violations == 0
    lost = [events.ProtocolViolation(C, SERVER, 0, "", "lost") for _ in range(3)]
    assert row_of(*client_hello(), *lost).violations == 3


# Certificates


def certificate(der: bytes, index: int = 0, is_orig: bool = SERVER, **fields: Any) -> Event:
    info = events.CertificateInfo(**fields) if fields else None
    return events.X509Certificate(C, is_orig, index, info, der)


def sha256(*ders: bytes) -> tuple[str, ...]:
    return tuple(hashlib.sha256(der).hexdigest() for der in ders)


def test_chains_of_both_sides() -> None:
    found = row_of(
        *client_hello(),
        certificate(b"a", subject="CN=a", issuer="CN=b", not_valid_after=5),
        certificate(b"b", 1, subject="CN=b"),
        certificate(b"c", is_orig=CLIENT, subject="CN=c"),
    )
    assert found.cert_chain_fps == sha256(b"a", b"b")
    assert found.client_cert_chain_fps == sha256(b"c")
    assert (found.subject, found.issuer, found.not_valid_after) == ("CN=a", "CN=b", 5)


def test_of_certificates_that_come_twice_the_first_count() -> None:
    """As in a renegotiation, or where a message is repeated."""
    first = [certificate(b"a", subject="CN=a"), certificate(b"b", 1)]
    second = [certificate(b"c", subject="CN=c"), certificate(b"d", 1), certificate(b"e", 2)]
    found = row_of(*client_hello(), *first, *second)
    assert (found.cert_chain_fps, found.subject) == (sha256(b"a", b"b"), "CN=a")


def test_a_certificate_that_cannot_be_read_has_a_fingerprint_still() -> None:
    name = SslExtensionServerName(C, CLIENT, [b"a.example"])
    found = row_of(name, *client_hello(), certificate(b"nothing"))
    assert found.cert_chain_fps == sha256(b"nothing")
    assert (found.subject, found.issuer, found.not_valid_after) == (None, None, None)
    assert found.sni_matches_cert is None


@pytest.mark.parametrize("version", ["TLSv12", "DTLSv12"])
def test_raw_public_keys(version: str) -> None:
    """They stand in the place of certificates (RFC 7250), and have no name that could match."""
    found = named("openssl35", f"{version} raw public keys, client's too")
    assert len(found.cert_chain_fps) == len(found.client_cert_chain_fps) == 1
    assert (found.subject, found.issuer, found.not_valid_after) == (None, None, None)
    assert not found.sni_matches_cert


def test_certificates_of_tls_13_take_secrets() -> None:
    name = "TLSv13 raw public keys: all extensions, client's certificate too"
    found = named("openssl35", name)
    assert len(found.cert_chain_fps) == len(found.client_cert_chain_fps) == 1
    without = named("openssl35", name, with_secrets=False)
    assert without.cert_chain_fps == without.client_cert_chain_fps == ()


def test_compressed_certificates_count_too() -> None:
    found = named("openssl35", "TLSv13 client's too: certificates compressed by zlib")
    assert len(found.cert_chain_fps) == len(found.client_cert_chain_fps) == 1
    assert found.subject == "CN=server.example"


def test_a_client_that_is_asked_for_its_certificate_later() -> None:
    found = named("openssl3", "TLSv13 post-handshake authentication rsa")
    assert len(found.client_cert_chain_fps) == 1
    assert found.ssl_history == "CsioxyfIFttrXYFttLl"


# When a row is complete


def test_a_row_is_complete_with_ssl_established() -> None:
    rows = Rows()
    before = [*client_hello(), *server_hello()]
    assert not [row for event in before for row in rows.take(event)]
    [found] = rows.take(SslEstablished(C))
    assert isinstance(found, ConnectionRow)
    assert found.established
    assert rows.end() == []


def test_what_follows_an_established_connection_does_not_begin_another_row() -> None:
    rows = Rows()
    [_] = [row for e in (*client_hello(), SslEstablished(C)) for row in rows.take(e)]
    after = [SslAlert(C, CLIENT, 1, 0), SslEstablished(C), *client_hello()]
    assert not [row for event in after for row in rows.take(event)]
    assert rows.end() == []


@pytest.mark.parametrize("name", CAPTURES)
def test_a_row_is_the_same_where_the_analyzer_goes_on(name: str) -> None:
    assert row(name, disable_analyzer_after_detection=False) == row(name)


def test_a_row_that_is_not_established_is_complete_with_the_end_of_its_connection() -> None:
    rows = Rows()
    assert not [row for event in client_hello() for row in rows.take(event)]
    [found] = rows.take(ConnectionStateRemove(C))
    assert isinstance(found, ConnectionRow)
    assert (found.established, found.ssl_history) == (False, "C")
    assert rows.end() == []


def test_what_is_open_is_given_out_at_the_end_in_the_order_in_which_it_began() -> None:
    others = [Connection(f"C{n}", "tcp", start_time=float(n)) for n in (3, 2, 5)]
    rows = Rows()
    for c in (*others, *others[::-1]):
        for event in client_hello(c=c):
            assert not rows.take(event)
    assert [row.uid for row in rows.end() if isinstance(row, ConnectionRow)] == ["C3", "C2", "C5"]
    assert rows.end() == []


def test_a_connection_of_which_nothing_else_is_known_has_no_row() -> None:
    assert all_rows([ConnectionStateRemove(C)]) == []
    assert list(read_connections(DATA / "other" / "http.pcap")) == []


def test_connections_without_a_name_are_told_apart_by_what_is_known_of_them() -> None:
    one, two = Connection(orig_p=1), Connection(orig_p=2)
    raised = [*client_hello(c=one), *client_hello(c=two), *server_hello(c=one)]
    assert [row.ssl_history for row in all_rows(raised)] == ["Cs", "C"]


def test_with_secrets_a_row_goes_on_to_the_end_of_its_connection() -> None:
    name = "TLSv12 ECDHE-RSA-AES128-GCM-SHA256"
    with_secrets = named("openssl3", name)
    assert with_secrets.ssl_history == "CsxknGIFifLl"
    assert with_secrets.last_alert == "close_notify"
    without = named("openssl3", name, with_secrets=False)
    assert (without.ssl_history, without.last_alert) == ("CsxknGIi", None)


def test_with_secrets_a_row_comes_with_the_end_of_the_connection() -> None:
    rows = Rows()
    before = [*client_hello(), *server_hello(), events.SslSecretsKnown(C), SslEstablished(C)]
    after = [message("finished", SERVER), SslAlert(C, CLIENT, 1, 0)]
    assert not [row for event in (*before, *after) for row in rows.take(event)]
    [found] = rows.take(ConnectionStateRemove(C))
    assert isinstance(found, ConnectionRow)
    assert (found.established, found.ssl_history) == (True, "CsfL")


@pytest.mark.parametrize("stack", ["openssl3", "gnutls", "wolfssl"])
def test_early_data_changes_nothing_of_when_a_row_with_secrets_is_complete(stack: str) -> None:
    for name, found in rows_of_stack(stack):
        if name.startswith("TLSv13 early data"):
            assert "f" in found.ssl_history, name


def test_renegotiation() -> None:
    """With secrets all handshakes are in the history; the row says what the first hello said."""
    by_client = named("openssl3", "TLSv12 renegotiation by the client")
    assert by_client.ssl_history == "CsxknGIFtifCsxknGIFtifLl"
    by_server = named("openssl3", "TLSv12 renegotiation by the server")
    assert by_server.ssl_history == "CsxknGIFtifhCsifIFLl"
    assert (by_server.version, len(by_server.cert_chain_fps)) == ("TLSv12", 1)
    without = named("openssl3", "TLSv12 renegotiation by the client", with_secrets=False)
    assert without.ssl_history == "CsxknGIti"


def test_a_connection_that_is_used_again_has_another_row(tmp_path: Path) -> None:
    """The same addresses and ports, once the first connection is over."""
    chunks = said("tls12-ecdhe-rsa")
    ends = Ends()
    twice = [
        *packets(chunks, ends=ends, start=1000.0),
        *packets(chunks, ends=ends, start=2000.0, isn=(70000, 80000)),
    ]
    first, second = read_connections(write(tmp_path / "twice.pcap", twice))
    assert first.uid != second.uid
    assert first.ssl_history == second.ssl_history == "CsxknGIti"
    assert (first.ts or 0) < 2000.0 <= (second.ts or 0)


# Limits


def connection(number: int) -> Connection:
    return Connection(f"C{number}", "tcp", "192.0.2.1", number % 2**16, "198.51.100.2", 443, 1.0)


def test_of_more_than_100_000_open_connections_the_oldest_are_given_out() -> None:
    rows = Rows()
    given: list[Any] = []
    for number in range(100_010):
        given += rows.take(SslAlert(connection(number), SERVER, 2, 40))
    assert [row.uid for row in given] == [f"C{number}" for number in range(10)]
    assert {row.ssl_history for row in given} == {"l"}
    assert len(rows.end()) == 100_000


def test_memory_is_bounded_however_many_connections_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of those that have a row a bounded number of names is remembered."""
    monkeypatch.setattr(rows_module, "_MAXIMUM_OVER", 1000)

    def establish(numbers: range) -> None:
        for number in numbers:
            assert len(rows.take(SslEstablished(connection(number)))) == 1

    rows = Rows()
    tracemalloc.start()
    try:
        establish(range(2000))
        before, _ = tracemalloc.get_traced_memory()
        establish(range(2000, 12_000))
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 2**16
    assert rows.end() == []


def test_what_one_connection_takes_is_bounded() -> None:
    """However many certificates, names and alerts it has."""
    rows = Rows()

    def repeat(count: int) -> None:
        for _ in range(count):
            for event in (
                *client_hello(session_id=b"session"),
                SslExtensionServerName(C, CLIENT, [b"a.example"]),
                certificate(b"a", subject="CN=a"),
                certificate(b"b", 1),
                supported_versions(0x0304, is_client=True),
                SslAlert(C, SERVER, 1, 0),
            ):
                rows.take(event)

    repeat(100)
    tracemalloc.start()
    try:
        repeat(2000)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 2**16
    [found] = rows.end()
    assert isinstance(found, ConnectionRow)
    assert len(found.cert_chain_fps) == 2


# Whatever comes


EVERYTHING = {
    path: list(
        read_capture(path, wanted=events.known_events(), disable_analyzer_after_detection=False)
    )
    for path in (
        DATA / "tls12-client-auth.pcap",
        DATA / "tls13-early-data.pcap",
        DATA / "quic" / "aioquic-retry.pcap",
        DATA / "dtls" / "dtls12-gnutls-loss.pcap",
    )
}
KINDS = (ConnectionRow, events.QuicRow, events.CertificateRow)


@given(data=st.data())
def test_any_part_of_the_events_in_any_order_makes_rows(data: st.DataObject) -> None:
    raised = EVERYTHING[data.draw(st.sampled_from(sorted(EVERYTHING)))]
    some = data.draw(st.lists(st.sampled_from(raised), max_size=60))
    for kinds in ((ConnectionRow,), KINDS):
        found = all_rows(some, *kinds)
        of_connections = [row for row in found if isinstance(row, ConnectionRow)]
        assert len(of_connections) <= max(1, len({event.c for event in some}))


@given(data=st.data())
def test_a_part_of_the_events_in_their_order_makes_at_most_one_row_of_a_connection(
    data: st.DataObject,
) -> None:
    raised = EVERYTHING[DATA / "tls12-client-auth.pcap"]
    kept = data.draw(st.lists(st.booleans(), min_size=len(raised), max_size=len(raised)))
    found = all_rows(event for event, keep in zip(raised, kept, strict=True) if keep)
    assert len(found) <= 1


DECLARED: list[type[Any]] = [
    *(*events.DOCUMENTED, *events.MODERN, *events.QUIC, *events.SECRETS, *events.ROWS),
    *(events.ProtocolViolation, events.ReporterError),
]
FEW = st.sampled_from([Connection(), C, Connection("C2"), Connection("C3", "udp")])


def declared(kind: type[Any], **known: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Any values of a class, by what its fields are declared to be."""
    hints = get_type_hints(kind)
    names = kind.__struct_fields__
    return st.builds(kind, **{name: st.from_type(hints[name]) for name in names} | known)


CERTIFICATES = declared(events.CertificateInfo)
OF_KIND = {
    kind: declared(kind, c=FEW, certificate=st.none() | CERTIFICATES)
    if kind is events.X509Certificate
    else declared(kind, c=FEW)
    for kind in DECLARED
}


@given(raised=st.lists(st.sampled_from(DECLARED).flatmap(OF_KIND.__getitem__), max_size=12))
def test_any_events_that_are_declared_make_rows(raised: list[Event]) -> None:
    assert all(isinstance(each, KINDS) for each in all_rows(raised, *KINDS))


@pytest.mark.parametrize("is_client", [True, False])
def test_lists_may_be_empty(is_client: bool) -> None:
    empty = [
        events.SslExtensionSupportedVersions(C, is_client, []),
        SslExtensionKeyShare(C, is_client, []),
        SslExtensionServerName(C, is_client, []),
        SslExtensionApplicationLayerProtocolNegotiation(C, is_client, []),
    ]
    found = row_of(*empty, *client_hello(), *server_hello())
    assert (found.version, found.client_versions) == ("TLSv12", ("TLSv12",))


@given(data=st.data())
def test_rows_are_the_same_however_the_bytes_are_cut(data: st.DataObject) -> None:
    chunks = said(data.draw(st.sampled_from(CAPTURES)))
    size = data.draw(st.integers(1, 400))
    cut = [(o, part[at : at + size]) for o, part in chunks for at in range(0, len(part), size)]
    assert rows_of_bytes(cut) == rows_of_bytes(chunks)


def test_kinds_are_classes_of_rows() -> None:
    with pytest.raises(TypeError, match="kinds= takes ConnectionRow, QuicRow and CertificateRow"):
        Rows([SslAlert])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="takes kinds=, not wanted="):
        read_connections([], wanted={"ssl_alert"})
