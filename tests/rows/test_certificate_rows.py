"""A row of x509.log: a certificate, the first time that it is seen."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import pytest

from events import (
    CertificateInfo,
    CertificateRow,
    ConnectionRow,
    Event,
    Rows,
    SslEstablished,
    X509Certificate,
    read_capture,
    read_connections,
)
from events.rows import rows as rows_module

from .made import CLIENT, DATA, SERVER, C, all_rows, client_hello


def certificate(
    der: bytes, index: int = 0, is_orig: bool = SERVER, info: CertificateInfo | None = None
) -> Event:
    return X509Certificate(C, is_orig, index, info, der, ts=4.0)


def of(name: str) -> list[Any]:
    return list(read_connections(DATA / name, kinds=[CertificateRow]))


def test_every_field_is_what_stands_in_the_certificate() -> None:
    info = CertificateInfo(
        version=3,
        serial="0A",
        subject="CN=a",
        issuer="CN=b",
        cn="a",
        not_valid_before=5,
        not_valid_after=6,
        key_alg="rsaEncryption",
        sig_alg="sha256WithRSAEncryption",
        key_type="rsa",
        key_length=2048,
        exponent=65537,
        curve=None,
        san_dns=["a.example", "*.a.example"],
        san_ip=["192.0.2.1"],
        san_uri=["https://a.example"],
        san_email=["a@a.example"],
        ca=True,
        path_len=0,
    )
    [row] = all_rows([certificate(b"a", info=info)], CertificateRow)
    assert row == CertificateRow(
        ts=4.0,
        fingerprint=hashlib.sha256(b"a").hexdigest(),
        version=3,
        serial="0A",
        subject="CN=a",
        issuer="CN=b",
        not_valid_before=5,
        not_valid_after=6,
        key_alg="rsaEncryption",
        sig_alg="sha256WithRSAEncryption",
        key_type="rsa",
        key_length=2048,
        exponent="65537",
        curve=None,
        san_dns=("a.example", "*.a.example"),
        san_uri=("https://a.example",),
        san_email=("a@a.example",),
        san_ip=("192.0.2.1",),
        ca=True,
        path_len=0,
        host_cert=True,
        client_cert=False,
    )


def test_the_names_in_json_are_those_of_zeek() -> None:
    [row] = all_rows([certificate(b"a")], CertificateRow)
    assert sorted(msgspec.to_builtins(row)) == sorted(
        [
            "ts",
            "fingerprint",
            *(f"certificate.{name}" for name in ("version", "serial", "subject", "issuer")),
            *(f"certificate.{name}" for name in ("not_valid_before", "not_valid_after")),
            *(f"certificate.{name}" for name in ("key_alg", "sig_alg", "key_type", "key_length")),
            *("certificate.exponent", "certificate.curve"),
            *("san.dns", "san.uri", "san.email", "san.ip"),
            *("basic_constraints.ca", "basic_constraints.path_len"),
            *("host_cert", "client_cert", "file"),
        ]
    )


def test_a_certificate_that_cannot_be_read_has_a_row_still() -> None:
    [row] = all_rows([certificate(b"nothing")], CertificateRow)
    digest = hashlib.sha256(b"nothing").hexdigest()
    assert row == CertificateRow(ts=4.0, fingerprint=digest, host_cert=True)


@pytest.mark.parametrize(
    ("index", "is_orig", "host", "client"),
    [(0, SERVER, True, False), (0, CLIENT, False, True), (1, SERVER, False, False)],
)
def test_whose_certificate_it_is(index: int, is_orig: bool, host: bool, client: bool) -> None:
    """Its sender's own is the first of the message; the others are of authorities."""
    [row] = all_rows([certificate(b"a", index, is_orig)], CertificateRow)
    assert (row.host_cert, row.client_cert) == (host, client)


def test_both_sides_of_a_connection() -> None:
    server, client = of("tls12-client-auth.pcap")
    assert (server.host_cert, server.client_cert) == (True, False)
    assert (client.host_cert, client.client_cert) == (False, True)
    assert server.subject == "CN=server.example"
    assert server.san_dns == ("server.example",)
    [connection] = read_connections(DATA / "tls12-client-auth.pcap")
    assert connection.cert_chain_fps == (server.fingerprint,)
    assert connection.client_cert_chain_fps == (client.fingerprint,)


@pytest.mark.parametrize("kinds", [[CertificateRow], [ConnectionRow, CertificateRow]])
def test_whose_it_is_where_the_client_is_the_responder(kinds: list[Any]) -> None:
    """Who is the client is told by the hellos, whatever rows are asked for."""
    [sent] = [
        each
        for each in read_capture(DATA / "tls12-ecdhe-rsa.pcap", wanted={"x509_certificate"})
        if isinstance(each, X509Certificate)
    ]
    moved = msgspec.structs.replace(sent, is_orig=CLIENT, c=C)
    raised = [*client_hello(is_orig=False), moved, SslEstablished(C)]
    rows = Rows(kinds)
    found: list[Any] = [row for event in raised for row in rows.take(event)]
    [row] = [row for row in found if isinstance(row, CertificateRow)]
    assert (row.host_cert, row.client_cert) == (True, False)


def test_a_row_for_each_certificate_the_first_time_that_it_is_seen() -> None:
    raised = [certificate(der, index) for index, der in enumerate((b"a", b"b", b"a", b"c", b"b"))]
    found = all_rows(raised, CertificateRow)
    assert [row.fingerprint for row in found] == [
        hashlib.sha256(der).hexdigest() for der in (b"a", b"b", b"c")
    ]


def test_certificates_are_told_of_after_the_connection_has_its_row() -> None:
    """As where the server asks for one late; with secrets."""
    raised = [*client_hello(), SslEstablished(C), certificate(b"a", is_orig=CLIENT)]
    found = all_rows(raised, ConnectionRow, CertificateRow)
    assert [type(row) for row in found] == [ConnectionRow, CertificateRow]


def test_how_many_certificates_are_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is seen again after too many others has another row."""
    monkeypatch.setattr(rows_module, "MAXIMUM_CERTIFICATES", 2)
    raised = [certificate(der) for der in (b"a", b"b", b"a", b"c", b"c", b"a")]
    assert len(all_rows(raised, CertificateRow)) == 4


def test_certificates_of_tls_13_take_secrets() -> None:
    path = DATA / "secrets" / "programs.pcapng.gz"
    with_secrets = {row.fingerprint for row in of("secrets/programs.pcapng.gz")}
    without: Any = read_connections(path, kinds=[CertificateRow], embedded_secrets=False)
    assert {row.fingerprint for row in without} <= with_secrets
    assert with_secrets


def test_rows_of_one_capture_know_nothing_of_those_of_another() -> None:
    path = DATA / "tls12-ecdhe-rsa.pcap"
    found: Any = list(read_connections([path, path], kinds=[CertificateRow]))
    assert len(found) == 2
    assert found[0] == found[1]
