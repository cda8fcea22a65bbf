"""Whether a certificate is for a host: a table, and the command openssl as the oracle of it."""

from __future__ import annotations

import datetime
import ipaddress
import shutil
import subprocess
from collections.abc import Sequence

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding

from events import (
    CertificateInfo,
    SslExtensionServerName,
    X509Certificate,
)
from events.certificates import read_certificate
from events.rows.hosts import is_for

from .made import CLIENT, SERVER, C, client_hello, row_of

KEY = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))

# DNS names of the certificate, a host that it is for, and one that it is not for.
NAMES = [
    ("a.example", "a.example", "b.example"),
    ("A.Example", "a.EXAMPLE", "a.example.other"),
    ("a.example b.example", "b.example", "example"),
    ("localhost", "localhost", "local"),
    ("a_b.example", "a_b.example", "ab.example"),
    ("192.0.2.1", "192.0.2.1", "192.0.2.10"),
    # A wildcard stands for one label, of one character at least, in front of at least two others.
    ("*.a.example", "w.a.example", "a.example"),
    ("*.a.example", "W.A.EXAMPLE", "x.w.a.example"),
    ("*.a.example", "w-x.a.example", "_x.a.example"),
    ("*.a.example", "*.a.example", "w.a.example."),
    ("*.example", "*.example", "a.example"),
    ("*", "*", "a"),
    # Only in the first label, and at one end of it.
    ("w*.a.example", "www.a.example", "a.a.example"),
    ("w*.a.example", "w.a.example", "x.w.a.example"),
    ("*w.a.example", "ww.a.example", "wa.a.example"),
    ("w*w.a.example", "w*w.a.example", "www.a.example"),
    ("**.a.example", "**.a.example", "ww.a.example"),
    ("w.*.example", "w.*.example", "w.a.example"),
    ("*.*.example", "*.*.example", "w.a.example"),
    # What is behind it is a name of letters, digits and hyphens.
    ("*.a_b.example", "*.a_b.example", "w.a_b.example"),
    ("*.a.example.", "*.a.example.", "w.a.example."),
    ("*.-a.example", "*.-a.example", "w.-a.example"),
    # International names, as they stand in DNS.
    ("xn--bcher-kva.example", "xn--bcher-kva.example", "bcher-kva.example"),
    ("*.xn--bcher-kva.example", "w.xn--bcher-kva.example", "xn--bcher-kva.example"),
    ("*.a.example", "xn--bcher-kva.a.example", "xn--bcher-kva.w.a.example"),
    ("x*.a.example", "xa.a.example", "xn--bcher-kva.a.example"),
    ("xn--*.a.example", "xn--*.a.example", "xn--bcher-kva.a.example"),
]

# Common names, DNS names, addresses, a host, and whether the certificate is for it.
COMMON_NAMES = [
    (["a.example"], [], [], "a.example", True),
    (["*.a.example"], [], [], "w.a.example", True),
    (["b.example", "a.example"], [], [], "a.example", True),
    (["a.example"], ["b.example"], [], "a.example", False),
    (["a.example"], ["b.example"], [], "b.example", True),
    # Addresses are no DNS names, and leave the common name as it is.
    (["a.example"], [], ["192.0.2.1"], "a.example", True),
    (["a.example"], [], ["192.0.2.1"], "192.0.2.1", False),
    ([], [], ["192.0.2.1"], "192.0.2.1", False),
    (["192.0.2.1"], [], [], "192.0.2.1", True),
    ([], [], [], "a.example", False),
]


def made(cns: Sequence[str], names: Sequence[str], addresses: Sequence[str]) -> x509.Certificate:
    """A certificate with these names."""
    attributes = [x509.NameAttribute(x509.NameOID.COMMON_NAME, cn) for cn in cns]
    subject = x509.Name(attributes or [x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "o")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(KEY.public_key())
        .serial_number(1)
        .not_valid_before(datetime.datetime(2026, 1, 1))
        .not_valid_after(datetime.datetime(2027, 1, 1))
    )
    alternative: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
    alternative += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
    if alternative:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternative), critical=False)
    return builder.sign(KEY, None)


def check(certificate: x509.Certificate, host: str, expected: bool) -> None:
    """Read here, and by OpenSSL, a certificate is for a host or not."""
    assert is_for(read_certificate(certificate.public_bytes(Encoding.DER)), host) is expected
    if shutil.which("openssl") is None:
        pytest.skip("the command openssl is not installed: there is nothing to compare with")
    result = subprocess.run(
        ["openssl", "x509", "-noout", "-checkhost", host],
        input=certificate.public_bytes(Encoding.PEM),
        capture_output=True,
        check=False,
    )
    assert (b"does match" in result.stdout) is expected


@pytest.mark.parametrize(("names", "host", "other"), NAMES)
def test_dns_names(names: str, host: str, other: str) -> None:
    certificate = made([], names.split(), [])
    check(certificate, host, True)
    check(certificate, other, False)


@pytest.mark.parametrize(("cns", "names", "addresses", "host", "expected"), COMMON_NAMES)
def test_a_common_name_counts_where_there_are_no_dns_names(
    cns: list[str], names: list[str], addresses: list[str], host: str, expected: bool
) -> None:
    check(made(cns, names, addresses), host, expected)


def test_a_host_without_a_name_has_no_certificate() -> None:
    assert not is_for(CertificateInfo(san_dns=[""]), "")
    assert not is_for(CertificateInfo(), "a.example")


@pytest.mark.parametrize(
    ("asked_for", "certificates", "expected"),
    [
        (b"a.example", [("a.example", SERVER)], True),
        (b"b.example", [("a.example", SERVER)], False),
        (b"a.example", [("b.example", SERVER), ("a.example", SERVER)], False),
        (b"a.example", [("a.example", CLIENT)], None),
        (b"a.example", [], None),
        (None, [("a.example", SERVER)], None),
    ],
)
def test_the_first_certificate_of_the_server_is_for_the_server_name(
    asked_for: bytes | None, certificates: list[tuple[str, bool]], expected: bool | None
) -> None:
    """A row says so; None where either is missing."""
    name = [] if asked_for is None else [SslExtensionServerName(C, CLIENT, [asked_for])]
    sent = [
        X509Certificate(C, is_orig, index, CertificateInfo(san_dns=[dns]), dns.encode())
        for index, (dns, is_orig) in enumerate(certificates)
    ]
    assert row_of(*name, *client_hello(), *sent).sni_matches_cert is expected
