"""Certificates: every field as OpenSSL prints it, all that is left of damaged ones, and never another exception."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import os
import random
import re
import shutil
import subprocess
import sys
import tracemalloc
import warnings
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import brotli
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa, x25519
from hypothesis import example, given
from hypothesis import strategies as st

import events.certificates
from events.certificate import CertificateInfo
from events.certificates import CertificateError, decompressed, read_certificate

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

needs_openssl = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="the command openssl is not installed"
)


# Certificates that are made


def element(tag: int, *content: bytes) -> bytes:
    """An element of DER."""
    joined = b"".join(content)
    length = len(joined)
    if length < 0x80:
        return bytes((tag, length)) + joined
    return bytes((tag, 0x82)) + length.to_bytes(2, "big") + joined


def sequence(*content: bytes) -> bytes:
    return element(0x30, *content)


def oid(dotted: str) -> bytes:
    return x509.Name(
        [x509.NameAttribute(x509.ObjectIdentifier(dotted), "x", _validate=False)]
    ).public_bytes()[6:-3]


def attribute(tag: int, value: bytes, kind: str = "2.5.4.3") -> bytes:
    return element(0x31, sequence(oid(kind), element(tag, value)))


def extension(kind: str, *value: bytes) -> bytes:
    return sequence(oid(kind), element(0x04, *value))


def extensions(*each: bytes) -> bytes:
    return element(0xA3, sequence(*each))


ED25519 = sequence(oid("1.3.101.112"))
FROM, TO = element(0x17, b"240101000000Z"), element(0x17, b"250101000000Z")
SAN, CONSTRAINTS = "2.5.29.17", "2.5.29.19"
PIECES = {
    "version": element(0xA0, b"\x02\x01\x02"),
    "serial": b"\x02\x01\x01",
    "signature": ED25519,
    "issuer": sequence(attribute(0x0C, b"authority")),
    "validity": sequence(FROM, TO),
    "subject": sequence(attribute(0x0C, b"subject")),
    "key": sequence(ED25519, element(0x03, bytes(33))),
    "extensions": extensions(extension(CONSTRAINTS, sequence(b"\x01\x01\xff"))),
}
MADE = CertificateInfo(
    version=3,
    serial="01",
    subject="CN=subject",
    issuer="CN=authority",
    cn="subject",
    not_valid_before=1704067200,
    not_valid_after=1735689600,
    key_alg="ED25519",
    sig_alg="ED25519",
    key_type="ed25519",
    key_length=256,
    ca=True,
)


def certificate(**pieces: bytes) -> bytes:
    """One of bytes, with what is wanted in it."""
    found = PIECES | pieces
    return sequence(sequence(*found.values()), found["signature"], element(0x03, bytes(1 + 64)))


def fields(**pieces: bytes) -> dict[str, Any]:
    """The fields that differ from those of `MADE`."""
    read = read_certificate(certificate(**pieces))
    return {
        name: getattr(read, name)
        for name in CertificateInfo.__struct_fields__
        if getattr(read, name) != getattr(MADE, name)
    }


def test_all_that_a_certificate_says() -> None:
    assert read_certificate(certificate()) == MADE


# Those of cryptography, as OpenSSL prints them


def at(year: int, month: int = 1, day: int = 1) -> datetime.datetime:
    return datetime.datetime(year, month, day, 1, 2, 3)


_BEGIN, _END = at(2024), at(2034)
NAME = x509.Name(
    [
        x509.NameAttribute(x509.NameOID.COUNTRY_NAME, "DE"),
        x509.NameAttribute(x509.NameOID.DOMAIN_COMPONENT, "example"),
        x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, 'Müller, "Söhne" + <Co>; \\ #1'),
        x509.NameAttribute(x509.NameOID.EMAIL_ADDRESS, "a@example.com"),
        x509.NameAttribute(x509.NameOID.COMMON_NAME, "#first"),
        x509.NameAttribute(x509.NameOID.COMMON_NAME, " last "),
        x509.NameAttribute(x509.ObjectIdentifier("1.2.3.4.5"), "unknown"),
    ]
)


def signed(
    key: Any = None,
    *added: tuple[x509.ExtensionType, bool],
    public: Any = None,
    subject: x509.Name = NAME,
    serial: int = 0xABCDE,
    begin: datetime.datetime = _BEGIN,
    end: datetime.datetime = _END,
    **options: Any,
) -> bytes:
    key = key or _elliptic(ec.SECP256R1)
    without_hash = isinstance(key, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey) or hasattr(
        key, "private_bytes_raw"
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(NAME)
        .public_key(public or key.public_key())
        .serial_number(serial)
        .not_valid_before(begin)
        .not_valid_after(end)
    )
    for each, critical in added:
        builder = builder.add_extension(each, critical)
    made = builder.sign(key, None if without_hash else hashes.SHA256(), **options)
    return made.public_bytes(serialization.Encoding.DER)


@cache
def _elliptic(curve: type[ec.EllipticCurve]) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(curve())


@cache
def _rsa(exponent: int = 65537, bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(exponent, bits)


def _pss() -> bytes:
    options = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
    return signed(_rsa(), rsa_padding=options)


SANS = x509.SubjectAlternativeName(
    [
        x509.DNSName("a.example"),
        x509.DNSName("xn--mller-kva.example"),
        x509.DNSName("*.example"),
        x509.RFC822Name("a@example.com"),
        x509.UniformResourceIdentifier("https://a.example/?a=b"),
        x509.IPAddress(ipaddress.ip_address("192.0.2.1")),
        x509.IPAddress(ipaddress.ip_address("2001:db8::1")),
        x509.DirectoryName(NAME),
        x509.RegisteredID(x509.ObjectIdentifier("1.2.3.4")),
        x509.OtherName(x509.ObjectIdentifier("1.2.3.4"), b"\x0c\x01x"),
    ]
)

OF_CRYPTOGRAPHY: dict[str, Callable[[], bytes]] = {
    "RSA": lambda: signed(_rsa()),
    "RSA with the exponent 3": lambda: signed(_rsa(3)),
    "RSA-PSS": _pss,
    "DSA": lambda: signed(dsa.generate_private_key(2048)),
    "P-256": lambda: signed(_elliptic(ec.SECP256R1)),
    "P-384": lambda: signed(_elliptic(ec.SECP384R1)),
    "P-521": lambda: signed(_elliptic(ec.SECP521R1)),
    "secp256k1": lambda: signed(_elliptic(ec.SECP256K1)),
    "brainpool": lambda: signed(_elliptic(ec.BrainpoolP256R1)),
    "Ed25519": lambda: signed(ed25519.Ed25519PrivateKey.generate()),
    "Ed448": lambda: signed(ed448.Ed448PrivateKey.generate()),
    "X25519": lambda: signed(public=x25519.X25519PrivateKey.generate().public_key()),
    "names of all kinds": lambda: signed(None, (SANS, False)),
    "an authority": lambda: signed(None, (x509.BasicConstraints(True, None), True)),
    "an authority with a path length": lambda: signed(None, (x509.BasicConstraints(True, 0), True)),
    "no authority": lambda: signed(None, (x509.BasicConstraints(False, None), True)),
    "an unknown critical extension": lambda: signed(
        None,
        (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\xff"), True),
        (SANS, True),
    ),
    "an empty subject": lambda: signed(subject=x509.Name([])),
    "several values in one": lambda: signed(
        subject=x509.Name([x509.RelativeDistinguishedName([*NAME][:1] + [*NAME][-2:-1])])
    ),
    "a long serial": lambda: signed(serial=2**158 + 1),
    "beyond 2050": lambda: signed(end=at(2051)),
    "to the end of time": lambda: signed(end=at(9999, 12, 31)),
    "before 1970": lambda: signed(begin=at(1951)),
}


def openssl(*arguments: str, data: bytes = b"") -> str:
    return openssl_bytes(*arguments, data=data).decode("latin-1")


def openssl_bytes(*arguments: str, data: bytes = b"") -> bytes:
    done = subprocess.run(["openssl", *arguments], input=data, capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"this openssl cannot do it: {done.stderr.decode('latin-1')[:200]}")
    return done.stdout


def assert_as_openssl_says(der: bytes) -> CertificateInfo:
    """What is read of a certificate is what `openssl x509` prints."""
    found = read_certificate(der)
    text = openssl("x509", "-inform", "DER", "-noout", "-text", "-nameopt", "RFC2253", data=der)
    options = ("-serial", "-subject", "-issuer", "-startdate", "-enddate", "-nameopt", "RFC2253")
    lines = openssl("x509", "-inform", "DER", "-noout", *options, data=der).splitlines()
    said = dict(line.split("=", 1) for line in lines)
    assert said["serial"] == found.serial
    assert said["subject"] == found.subject
    assert said["issuer"] == found.issuer
    for name, value in (
        ("notBefore", found.not_valid_before),
        ("notAfter", found.not_valid_after),
    ):
        assert value is not None
        time = datetime.datetime.strptime(said[name], "%b %d %H:%M:%S %Y GMT")
        assert (time - datetime.datetime(1970, 1, 1)).total_seconds() == value

    def stated(pattern: str) -> str | None:
        match = re.search(pattern, text)
        return match[1].strip() if match else None

    assert stated(r"Version: (\d+)") == f"{found.version}"
    assert stated(r"Signature Algorithm: (.*)") == found.sig_alg
    assert stated(r"Public Key Algorithm: (.*)") == found.key_alg
    length = stated(r"Public-Key: \((\d+) bit")
    assert length is None or int(length) == found.key_length
    assert stated(r"ASN1 OID: (.*)") == found.curve
    exponent = stated(r"Exponent: (\d+)")
    assert exponent == (f"{found.exponent}" if found.exponent is not None else None)
    names = stated(r"Subject Alternative Name:[^\n]*\n([^\n]*)") or ""
    assert re.findall(r"DNS:([^,\n]*)", names) == found.san_dns
    assert re.findall(r"URI:([^,\n]*)", names) == found.san_uri
    assert re.findall(r"email:([^,\n]*)", names) == found.san_email
    addresses = [ipaddress.ip_address(x) for x in re.findall(r"IP Address:([^,\n]*)", names)]
    assert [f"{address}" for address in addresses] == found.san_ip
    constraints = stated(r"Basic Constraints:[^\n]*\n([^\n]*)")
    ca = None if constraints is None else "CA:TRUE" in constraints
    assert ca == found.ca
    path = re.search(r"pathlen:(\d+)", constraints or "")
    assert (int(path[1]) if path else None) == found.path_len
    return found


@needs_openssl
@pytest.mark.parametrize("which", OF_CRYPTOGRAPHY)
def test_certificates_of_cryptography(which: str) -> None:
    assert_as_openssl_says(OF_CRYPTOGRAPHY[which]())


def test_names_of_all_kinds() -> None:
    found = read_certificate(signed(None, (SANS, False)))
    assert found.san_dns == ["a.example", "xn--mller-kva.example", "*.example"]
    assert found.san_email == ["a@example.com"]
    assert found.san_uri == ["https://a.example/?a=b"]
    assert found.san_ip == ["192.0.2.1", "2001:db8::1"]


def test_the_order_and_the_form_of_a_name() -> None:
    found = read_certificate(signed())
    assert found.subject == (
        r"1.2.3.4.5=#0C07756E6B6E6F776E,CN=\ last\ ,CN=\#first,emailAddress=a@example.com,"
        r"O=M\C3\BCller\, \"S\C3\B6hne\" \+ \<Co\>\; \\ #1,DC=example,C=DE"
    )
    assert found.cn == " last "


def test_times_are_seconds() -> None:
    found = read_certificate(signed(begin=at(1951), end=at(9999, 12, 31)))
    assert (found.not_valid_before, found.not_valid_after) == (-599612277, 253402218123)
    assert "9999-12-31T01:02:03Z" in repr(found)


def test_ml_dsa() -> None:
    mldsa = pytest.importorskip(
        "cryptography.hazmat.primitives.asymmetric.mldsa", reason="cryptography has no ML-DSA"
    )
    try:
        key = mldsa.MLDSA65PrivateKey.generate()
        der = signed(key)
    except Exception as error:  # UnsupportedAlgorithm, TypeError
        pytest.skip(f"cryptography cannot sign with ML-DSA: {error}")
    found = read_certificate(der)
    assert (found.key_alg, found.sig_alg) == ("ML-DSA-65", "ML-DSA-65")
    assert (found.key_type, found.key_length) == ("ml-dsa", 1952 * 8)


# Those of the command openssl


def of_openssl(tmp_path: Path, key: list[str], *arguments: str, subject: str = "/CN=a") -> bytes:
    key_file = tmp_path / "key.pem"
    key_file.write_bytes(openssl_bytes(*key))
    command = ["req", "-x509", "-new", "-key", f"{key_file}", "-subj", subject, "-outform", "DER"]
    return openssl_bytes(*command, *arguments)


EC = ["ecparam", "-genkey", "-noout", "-name"]

OF_OPENSSL = {
    "RSA": ["genrsa", "2048"],
    "a weak RSA key": ["genrsa", "512"],
    "an RSA-PSS key": ["genpkey", "-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048"],
    "P-256": [*EC, "prime256v1"],
    "P-192": [*EC, "prime192v1"],
    "P-521": [*EC, "secp521r1"],
    "a curve that cryptography does not know": [*EC, "secp112r1"],
    "another one": [*EC, "brainpoolP320t1"],
    "a binary curve": [*EC, "sect283k1"],
    "Ed25519": ["genpkey", "-algorithm", "ED25519"],
    "Ed448": ["genpkey", "-algorithm", "ED448"],
    "ML-DSA": ["genpkey", "-algorithm", "ML-DSA-44"],
}


@needs_openssl
@pytest.mark.parametrize("which", OF_OPENSSL)
def test_keys_of_openssl(tmp_path: Path, which: str) -> None:
    assert_as_openssl_says(of_openssl(tmp_path, OF_OPENSSL[which]))


@needs_openssl
def test_a_curve_with_explicit_parameters(tmp_path: Path) -> None:
    der = of_openssl(tmp_path, [*EC, "secp384r1", "-param_enc", "explicit"])
    found = read_certificate(der)
    assert (found.key_alg, found.key_type, found.key_length) == ("id-ecPublicKey", "ecdsa", 384)
    assert found.cn == "a"


@needs_openssl
@pytest.mark.parametrize("kind", ["utf8only", "nombstr", "pkix", "default"])
def test_names_of_openssl(tmp_path: Path, kind: str) -> None:
    config = tmp_path / "openssl.cnf"
    config.write_text(
        f"[req]\nstring_mask={kind}\ndistinguished_name=name\n[name]\n", encoding="ascii"
    )
    subject = "/C=DE/O=Müller/OU=a+CN=b/UID=c/serialNumber=1/street=d/GN=e/jurisdictionC=DE/CN=Ü"
    options = ("-utf8", "-config", f"{config}", "-days", "10")
    found = assert_as_openssl_says(
        of_openssl(tmp_path, [*EC, "prime256v1"], *options, subject=subject)
    )
    assert found.cn == "Ü"


NAMES = {
    "UTF8String": (0x0C, "Ü, +"),
    "PrintableString": (0x13, "abc"),
    "IA5String": (0x16, "a@b"),
    "T61String": (0x14, "Ü"),
    "BMPString": (0x1E, "Ü"),
    "UniversalString": (0x1C, "Ü"),
    "control characters": (0x0C, "a\0b\n\x7f"),
    "a long one": (0x0C, "a" * 1000),
    "an empty one": (0x0C, ""),
    "a space": (0x0C, " "),
}


@needs_openssl
@pytest.mark.parametrize("which", NAMES)
def test_names_of_many_types(which: str) -> None:
    tag, text = NAMES[which]
    encoding = {0x0C: "utf-8", 0x1E: "utf-16-be", 0x1C: "utf-32-be"}.get(tag, "latin-1")
    der = certificate(subject=sequence(attribute(tag, text.encode(encoding))))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert assert_as_openssl_says(der).cn == text


@pytest.mark.parametrize(
    "make",
    [
        lambda: ec.generate_private_key(ec.SECP384R1()),
        ed25519.Ed25519PrivateKey.generate,
        lambda: rsa.generate_private_key(65537, 2048),
    ],
    ids=["ecdsa", "ed25519", "rsa"],
)
def test_a_raw_public_key_has_what_a_certificate_says_of_its_key(make: Callable[[], Any]) -> None:
    """RFC 7250 section 3."""
    der = (
        make()
        .public_key()
        .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    whole = read_certificate(certificate(key=der))
    of_key = ("key_alg", "key_type", "key_length", "exponent", "curve")
    expected = CertificateInfo(**{name: getattr(whole, name) for name in of_key})
    assert read_certificate(der) == expected
    assert expected.key_length


def test_version_1() -> None:
    assert fields(version=b"", extensions=b"") == {"version": 1, "ca": None}


# Those with something wrong in them


@pytest.mark.parametrize(
    ("number", "serial"), [(-1, "-01"), (0, "00"), (-4096, "-1000"), (2**320, "01" + "00" * 40)]
)
def test_serials(number: int, serial: str) -> None:
    data = number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True)
    der = certificate(serial=element(0x02, data))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_certificate(der).serial == serial
    if shutil.which("openssl"):
        assert f"serial={serial}" in openssl(
            "x509", "-inform", "DER", "-noout", "-serial", data=der
        ).replace("\\\n", "")


DAMAGED: dict[str, tuple[dict[str, bytes], dict[str, Any]]] = {
    "an unknown version": ({"version": element(0xA0, b"\x02\x01\x08")}, {"version": None}),
    "no serial number": ({"serial": b"\x02\x00"}, {"serial": None}),
    "a month that there is not": (
        {"validity": sequence(FROM, element(0x17, b"251301000000Z"))},
        {"not_valid_after": None},
    ),
    "the year 0": (
        {"validity": sequence(element(0x18, b"00000101000000Z"), TO)},
        {"not_valid_before": None},
    ),
    "one time only": ({"validity": sequence(FROM)}, {"not_valid_after": None}),
    "a name that is not UTF-8": (
        {"subject": sequence(attribute(0x0C, b"a", "2.5.4.10"), attribute(0x0C, b"\xff"))},
        {"subject": "CN=#0C01FF,O=a", "cn": None},
    ),
    "a name that is no name": ({"issuer": b"\x05\x00"}, {"issuer": None}),
    "a key of an unknown type": (
        {"key": sequence(sequence(oid("1.2.3.4")), element(0x03, bytes(33)))},
        {"key_alg": "1.2.3.4", "key_type": None, "key_length": None},
    ),
    "a curve of an unknown name": (
        {"key": sequence(sequence(oid("1.2.840.10045.2.1"), oid("1.2.3.4")), element(0x03, b"\0"))},
        {"key_alg": "id-ecPublicKey", "key_type": "ecdsa", "key_length": None, "curve": "1.2.3.4"},
    ),
    "a point that is not on its curve": (
        {
            "key": sequence(
                sequence(oid("1.2.840.10045.2.1"), oid("1.2.840.10045.3.1.7")),
                element(0x03, b"\0\x04" + bytes(64)),
            )
        },
        {
            "key_alg": "id-ecPublicKey",
            "key_type": "ecdsa",
            "curve": "prime256v1",
        },
    ),
    "an RSA key that proves nothing": (
        {
            "key": sequence(
                sequence(oid("1.2.840.113549.1.1.1"), b"\x05\x00"),
                element(0x03, b"\0" + sequence(b"\x02\x02\x01\x01", b"\x02\x01\x01")),
            )
        },
        {"key_alg": "rsaEncryption", "key_type": "rsa", "key_length": 9, "exponent": 1},
    ),
    "a signature of an unknown algorithm": (
        {"signature": sequence(oid("1.2.3.4"))},
        {"sig_alg": "1.2.3.4"},
    ),
    "an extension that cannot be read": (
        {
            "extensions": extensions(
                extension(CONSTRAINTS, b"\xff"), extension(SAN, sequence(b"\x82\x01a"))
            )
        },
        {"ca": None, "san_dns": ["a"]},
    ),
    "extensions twice": (
        {
            "extensions": extensions(
                extension(SAN, sequence(b"\x82\x01a")),
                extension(CONSTRAINTS, sequence(b"\x01\x01\xff")),
                extension(SAN, sequence(b"\x82\x01b")),
                extension(CONSTRAINTS, sequence()),
            )
        },
        {"san_dns": ["a", "b"]},
    ),
    "an address of five bytes": (
        {
            "extensions": extensions(
                extension(SAN, sequence(b"\x82\x01a", b"\x87\x05abcde", b"\x82\x01b"))
            )
        },
        {"ca": None, "san_dns": ["a", "b"]},
    ),
    "a DNS name that is not ASCII": (
        {"extensions": extensions(extension(SAN, sequence(b"\x82\x01\xfc", b"\x82\x01b")))},
        {"ca": None, "san_dns": ["ü", "b"]},
    ),
    "no DNS names": ({"extensions": extensions(extension(SAN, sequence()))}, {"ca": None}),
    "an empty DNS name": (
        {"extensions": extensions(extension(SAN, sequence(b"\x82\x00")))},
        {"ca": None, "san_dns": [""]},
    ),
    "what should be left out, as authorities have encoded it": (
        {"extensions": extensions(extension(CONSTRAINTS, sequence(b"\x01\x01\x00")))},
        {"ca": False},
    ),
    "true as BER may have it": (
        {
            "extensions": extensions(
                extension(CONSTRAINTS, sequence(b"\x01\x01\x01", b"\x02\x01\x02"))
            )
        },
        {"path_len": 2},
    ),
    "not critical, as it should not be said": (
        {
            "extensions": extensions(
                sequence(
                    oid(CONSTRAINTS), b"\x01\x01\x00", element(0x04, sequence(b"\x01\x01\xff"))
                )
            )
        },
        {},
    ),
    "no extensions": ({"extensions": b"\xa3\x00"}, {"ca": None}),
}


@pytest.mark.parametrize("which", DAMAGED)
def test_the_rest_of_what_is_damaged(which: str) -> None:
    pieces, differences = DAMAGED[which]
    assert fields(**pieces) == differences


def test_all_that_is_whole_is_read_when_one_piece_is_not() -> None:
    """What is read of pieces is what is read of the whole."""
    for make in OF_CRYPTOGRAPHY.values():
        der = make()
        other = der.replace(PIECES["version"], element(0xA0, b"\x02\x01\x09"), 1)
        assert other != der
        whole = read_certificate(der)
        assert read_certificate(other) == replaced(whole, version=None)


def replaced(found: CertificateInfo, **changes: Any) -> CertificateInfo:
    values = {name: getattr(found, name) for name in CertificateInfo.__struct_fields__}
    return CertificateInfo(**values | changes)


def test_what_follows_a_certificate_is_not_looked_at() -> None:
    assert read_certificate(certificate() + b"rubbish") == MADE


@pytest.mark.parametrize(
    ("der", "reason"),
    [
        (b"", "it is no SEQUENCE in DER"),
        (b"-----BEGIN CERTIFICATE-----", "it is no SEQUENCE in DER"),
        (certificate()[:-1], "it is cut off"),
        (b"\x30", "it is cut off"),
        (sequence(), "it does not begin with a TBSCertificate"),
        (sequence(sequence()), "nothing in it can be read as a part of a certificate"),
    ],
)
def test_what_is_no_certificate(der: bytes, reason: str) -> None:
    with pytest.raises(CertificateError, match=f"^{reason}$"):
        read_certificate(der)


def test_a_bug_of_the_library_is_no_exception(monkeypatch: pytest.MonkeyPatch) -> None:
    panic = type("PanicException", (BaseException,), {})

    def raises(*arguments: Any) -> Any:
        raise panic

    monkeypatch.setattr(events.certificates._library(), "load_der_x509_certificate", raises)
    found = read_certificate(certificate(serial=b"\x02\x01\x07"))
    assert (found.serial, found.key_type) == (None, "ed25519")


def test_who_wants_to_stop_can(monkeypatch: pytest.MonkeyPatch) -> None:
    def raises(*arguments: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(events.certificates._library(), "load_der_x509_certificate", raises)
    with pytest.raises(KeyboardInterrupt):
        read_certificate(certificate(serial=b"\x02\x01\x08"))


@cache
def real() -> list[bytes]:
    """Certificates to damage."""
    kinds = ("RSA", "RSA-PSS", "P-256", "Ed25519", "names of all kinds", "an authority")
    return [certificate(), *(OF_CRYPTOGRAPHY[kind]() for kind in kinds)]


def read_or_error(der: bytes) -> CertificateInfo | None:
    """What `read_certificate` may do, and nothing else."""
    try:
        found = read_certificate(der)
    except CertificateError:
        return None
    assert isinstance(found, CertificateInfo)
    assert repr(found)
    return found


def mutated(der: bytes, random: random.Random) -> bytes:
    """A certificate with one to three things changed."""
    data = bytearray(der)
    for _ in range(random.randint(1, 3)):
        place = random.randrange(len(data) + 1)
        kind = random.randrange(5)
        if kind == 0 and place < len(data):
            data[place] ^= 1 << random.randrange(8)
        elif kind == 1 and place < len(data):
            data[place] = random.randrange(256)
        elif kind == 2:
            data[place:place] = random.randbytes(random.randint(1, 4))
        elif kind == 3:
            del data[place : place + random.randint(1, 4)]
        elif not random.randrange(4):
            del data[place:]
    return bytes(data)


@given(st.randoms(use_true_random=False), st.integers(0, 6))
def test_no_mutation_raises_anything_else(random: random.Random, which: int) -> None:
    read_or_error(mutated(real()[which], random))


@given(st.binary(max_size=300))
@example(b"\x30\x80\x00\x00")
@example(b"\x30\x84\xff\xff\xff\xff")
@example(b"\x30" * 10_000)
@example(sequence(sequence(b"\x30" * 9_000)))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    read_or_error(data)
    read_or_error(sequence(data))
    read_or_error(sequence(sequence(data)))


def test_a_certificate_is_read_once() -> None:
    der = certificate(serial=b"\x02\x01\x09")
    assert read_certificate(der) is read_certificate(bytes(bytearray(der)))


def test_it_is_shown_without_what_is_not_there() -> None:
    assert repr(read_certificate(sequence(sequence(b"\x02\x01\x01")))) == (
        "CertificateInfo(version=1, serial='01')"
    )


def test_the_library_is_loaded_with_the_first_certificate() -> None:
    code = "import sys, events, events.certificates; sys.exit('cryptography' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    code = """
import sys
sys.modules["cryptography"] = None
from events.certificates import read_certificate
try:
    read_certificate(b"")
except ImportError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == (
        "certificates were skipped because the library cryptography is not installed; "
        "pip install cryptography\n"
    )


# Compressed certificates

COMPRESS: dict[int, Callable[[bytes], bytes]] = {
    1: zlib.compress,
    2: brotli.compress,
    3: zstd.compress,
}
NAME_OF = {1: "zlib", 2: "brotli", 3: "zstd"}
MIB = 2**20
BODY = bytes(range(256)) * 8


@pytest.fixture(params=COMPRESS)
def algorithm(request: pytest.FixtureRequest) -> int:
    found: int = request.param
    return found


@pytest.mark.parametrize("body", [BODY, b"", b"a", bytes(MIB), os.urandom(100_000)])
def test_what_was_compressed(algorithm: int, body: bytes) -> None:
    assert decompressed(algorithm, COMPRESS[algorithm](body), len(body)) == body


@pytest.mark.parametrize(
    ("length", "reason"),
    [
        (2047, "more than the 2047 bytes come out that should"),
        (0, "more than the 0 bytes come out that should"),
        (2049, "2048 bytes come out instead of the 2049 that should"),
        (MIB + 1, "1048577 bytes would come out, and no more than 1048576 may"),
        (-1, "-1 bytes would come out, and no more than 1048576 may"),
    ],
)
def test_another_length_comes_out(algorithm: int, length: int, reason: str) -> None:
    with pytest.raises(CertificateError, match=f"^{reason}$"):
        decompressed(algorithm, COMPRESS[algorithm](BODY), length)


def test_truncated(algorithm: int) -> None:
    data = COMPRESS[algorithm](BODY)
    for length in range(len(data)):
        with pytest.raises(CertificateError, match=f"^the {NAME_OF[algorithm]} data are truncated"):
            decompressed(algorithm, data[:length], len(BODY))


def test_rubbish_behind(algorithm: int) -> None:
    with pytest.raises(CertificateError, match=NAME_OF[algorithm]):
        decompressed(algorithm, COMPRESS[algorithm](BODY) + b"x", len(BODY))


def test_corrupt(algorithm: int) -> None:
    reason = f"^the {NAME_OF[algorithm]} data cannot be decompressed: "
    with pytest.raises(CertificateError, match=reason):
        decompressed(algorithm, b"\xff" * 20, 20)


@given(st.sampled_from(sorted(COMPRESS)), st.binary(max_size=60), st.integers(0, 100))
def test_any_bytes(algorithm: int, data: bytes, length: int) -> None:
    with contextlib.suppress(CertificateError):
        assert len(decompressed(algorithm, data, length)) == length


@given(st.sampled_from(sorted(COMPRESS)), st.randoms(use_true_random=False))
def test_any_mutation(algorithm: int, random: random.Random) -> None:
    data = mutated(COMPRESS[algorithm](BODY), random)
    with contextlib.suppress(CertificateError):
        assert len(decompressed(algorithm, data, len(BODY))) == len(BODY)


@pytest.mark.parametrize("code", [0, 4, 16384])
def test_an_unknown_algorithm(code: int) -> None:
    with pytest.raises(CertificateError, match=f"^compression algorithm {code} is not known$"):
        decompressed(code, b"", 0)


def bomb(algorithm: int, size: int) -> bytes:
    """So many bytes of zeros, compressed in pieces."""
    piece = bytes(MIB)
    pieces = range(size // MIB)
    one: Any
    if algorithm == 2:
        one = brotli.Compressor(quality=1, lgwin=24)
        return bytes(b"".join(one.process(piece) for _ in pieces) + one.finish())
    one = zlib.compressobj(9) if algorithm == 1 else zstd.ZstdCompressor()
    return bytes(b"".join(one.compress(piece) for _ in pieces) + one.flush())


def test_a_bomb_stops(algorithm: int) -> None:
    data = bomb(algorithm, 256 * MIB)
    tracemalloc.start()
    try:
        with pytest.raises(CertificateError, match=r"^more than"):
            decompressed(algorithm, data, MIB)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5 * MIB


def test_a_window_that_is_too_large_is_not_allocated() -> None:
    options: dict[int, int] = {zstd.CompressionParameter.window_log: 27}
    one = zstd.ZstdCompressor(options=options)
    data = one.compress(BODY) + one.flush()
    with pytest.raises(CertificateError, match=r"^the zstd data cannot be decompressed: .*memory"):
        decompressed(3, data, len(BODY))


@pytest.mark.parametrize(
    ("code", "missing", "package"),
    [(2, "brotli", "Brotli"), (3, "backports.zstd", "backports.zstd")],
)
def test_a_library_that_is_not_installed(
    monkeypatch: pytest.MonkeyPatch, code: int, missing: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    monkeypatch.setitem(sys.modules, "compression", None)
    if "." in missing:
        monkeypatch.delattr("backports.zstd", raising=False)
    with pytest.raises(CertificateError, match=f"needs {package}: pip install '{package}'$"):
        decompressed(code, b"", 0)


def test_brotli_that_cannot_be_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    class Unbounded:
        def process(self, data: bytes) -> bytes:
            raise AssertionError("nothing would stop it")

    monkeypatch.setattr(brotli, "Decompressor", Unbounded)
    with pytest.raises(CertificateError, match=r"needs Brotli>=1\.2: pip install 'Brotli>=1\.2'$"):
        decompressed(2, b"", 0)
