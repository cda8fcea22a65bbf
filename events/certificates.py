"""Reading X.509 certificates; and the compressed ones of TLS (RFC 8879), unpacked.

What may live here: the names of what is in the fields of a certificate, and how the fields are had from as much of a
damaged one as is left. The library cryptography reads them. Which fields there are is for `certificate`, which messages
hold certificates for `mapping`.
"""

from __future__ import annotations

import importlib.util
import re
import warnings
import zlib
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from itertools import chain
from typing import Any, NamedTuple

from .certificate import CertificateInfo
from .zstd import load_zstd

__all__ = [
    "MAXIMUM_UNPACKED",
    "CertificateError",
    "decompressed",
    "read_certificate",
    "why_certificates_cannot_be_read",
]

# Identical certificates are read once, so many of the last ones, if they are not longer than so many bytes.
_CACHED = 256
_CACHED_LENGTH = 4096

# A part of a damaged certificate, in bytes, which is taken apart further: that takes 20 µs for every two bytes at worst.
_TAKEN_APART = 2**14

_EXPONENT = 4096  # bits of the exponent of an RSA key: Python does not print integers of any length

MAXIMUM_UNPACKED = 2**20  # what compressed certificates unpack to, in bytes
_WINDOW_LOG = 23  # of zstd: the 8 MB that every decoder should have (RFC 8878 section 3.1.1.1.2)

_NO_WARNINGS = ("ignore", None, Warning, re.compile(re.escape(__name__) + r"\Z"), 0)


class CertificateError(ValueError):
    """A certificate cannot be read. Its text says why, in words that follow the name of the certificate's source."""


def read_certificate(der: bytes) -> CertificateInfo:
    """Read a certificate.

    What cannot be read of it is None or empty in the result, and all the rest is there: a version or a key that is not
    known, a time in no calendar, an extension with something else in it. Bytes behind it are not looked at.

    Args:
        der: the certificate in DER (RFC 5280 section 4.1), or a SubjectPublicKeyInfo (RFC 7250 section 3).

    Raises:
        CertificateError: nothing of it can be read.
        ImportError: the library that reads it is not installed.
    """
    return _read_again(der) if len(der) <= _CACHED_LENGTH else _read(der)


def _read(der: bytes) -> CertificateInfo:
    x509 = _library()
    # It warns of what does not follow RFC 5280, as if its caller could help it. The filter is for calls from here only,
    # and whoever has used `warnings.catch_warnings` has taken it away.
    if warnings.filters[:1] != [_NO_WARNINGS]:
        warnings.filterwarnings("ignore", module=_NO_WARNINGS[3].pattern)
    fields: dict[str, Any] = {}
    pieces: Mapping[str, bytes] | None = None
    whole = _attempt(x509.load_der_x509_certificate, der)
    for piece, read in _READERS:
        found = _attempt(read, whole) if whole is not None else None
        if found is None:
            if pieces is None:
                pieces = _pieces(der)
            found = _salvaged(piece, read, pieces)
        fields |= found
    if fields.keys() <= {"version"}:  # which is 1 where there is none
        raise CertificateError("nothing in it can be read as a part of a certificate")
    return CertificateInfo(**fields)


_read_again = lru_cache(_CACHED)(_read)


@cache
def _library() -> Any:
    """What reads certificates; imported when it is first needed.

    Raises:
        ImportError: it is not installed.
    """
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives.asymmetric import ec, rsa  # noqa: F401
    except ImportError as error:
        missing = isinstance(error, ModuleNotFoundError) and error.name == "cryptography"
        why = "is not installed; pip install cryptography" if missing else f"does not load: {error}"
        raise ImportError(
            f"certificates were skipped because the library cryptography {why}", name="cryptography"
        ) from None
    return x509


def why_certificates_cannot_be_read() -> str:
    """Why none can be read, in words; empty where they can be. It does not import what reads them."""
    if importlib.util.find_spec("cryptography") is not None:
        return ""
    return "certificates are not read, because the library cryptography is not installed; pip install cryptography"


def _attempt(function: Callable[..., Any], *arguments: Any) -> Any:
    """What a function of cryptography gives; None where it raises something."""
    try:
        return function(*arguments)
    except (
        Exception
    ):  # ValueError, TypeError, UnsupportedAlgorithm, InvalidVersion, DuplicateExtension, ...
        return None
    except BaseException as error:
        # A bug of cryptography, whose class cannot be imported.
        if type(error).__name__ != "PanicException":
            raise
        return None


# What is read of a certificate that cryptography has loaded

_Fields = dict[str, Any]
_Attribute = tuple[str, str | bytes]
"""Its object identifier, and its text; or its value in DER, where that is no text or of an unknown type."""


def _version(certificate: Any) -> _Fields:
    return {"version": certificate.version.value + 1}


def _serial(certificate: Any) -> _Fields:
    number = certificate.serial_number
    digits = f"{abs(number):X}"
    return {"serial": "-" * (number < 0) + "0" * (len(digits) % 2) + digits}


def _signature(certificate: Any) -> _Fields:
    oid = certificate.signature_algorithm_oid.dotted_string
    return {"sig_alg": _ALGORITHMS.get(oid, oid)}


def _issuer(certificate: Any) -> _Fields:
    return _issuer_fields(_rdns(certificate.issuer))


def _issuer_fields(rdns: list[list[_Attribute]]) -> _Fields:
    return {"issuer": _distinguished_name(rdns)}


def _subject(certificate: Any) -> _Fields:
    return _subject_fields(_rdns(certificate.subject))


def _subject_fields(rdns: list[list[_Attribute]]) -> _Fields:
    names = [value for oid, value in chain(*rdns) if oid == _COMMON_NAME and isinstance(value, str)]
    return {"subject": _distinguished_name(rdns), "cn": names[-1] if names else None}


def _rdns(name: Any) -> list[list[_Attribute]]:
    return [[_attribute(each) for each in rdn] for rdn in name.rdns]


def _attribute(attribute: Any) -> _Attribute:
    oid, value = attribute.oid.dotted_string, attribute.value
    if oid in _ATTRIBUTES and isinstance(value, str):
        return oid, value
    name = _library().Name([attribute]).public_bytes()
    [[[_, of_it]]] = _attributes(name)
    return oid, of_it.der


_ESCAPED = re.compile(r'^[ #]|[\x00-\x1f"+,;<>\\\x7f-\U0010ffff]| \Z')


def _distinguished_name(rdns: list[list[_Attribute]]) -> str:
    """As OpenSSL prints it with `-nameopt RFC2253`, and Zeek: the last attribute first."""
    return ",".join("+".join(map(_attribute_text, reversed(rdn))) for rdn in reversed(rdns))


def _attribute_text(attribute: _Attribute) -> str:
    oid, value = attribute
    text = f"#{value.hex().upper()}" if isinstance(value, bytes) else _ESCAPED.sub(_escape, value)
    return f"{_ATTRIBUTES.get(oid, oid)}={text}"


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    if " " <= character <= "~":
        return f"\\{character}"
    return "".join(f"\\{byte:02X}" for byte in character.encode("utf-8", "surrogatepass"))


def _not_before(certificate: Any) -> _Fields:
    return {"not_valid_before": int(certificate.not_valid_before_utc.timestamp())}


def _not_after(certificate: Any) -> _Fields:
    return {"not_valid_after": int(certificate.not_valid_after_utc.timestamp())}


def _key(certificate: Any) -> _Fields:
    fields = _key_algorithm(certificate.public_key_algorithm_oid.dotted_string)
    if fields["key_length"] is not None or fields["key_type"] not in _KINDS_APART:
        return fields
    key = certificate.public_key()
    fields["key_length"] = key.key_size
    if fields["key_type"] == "rsa":
        fields["exponent"] = _exponent(key.public_numbers().e)
    elif fields["key_type"] == "ecdsa":
        fields["curve"] = _CURVES_OF_CRYPTOGRAPHY.get(key.curve.name, key.curve.name)
    return fields


def _key_algorithm(oid: str) -> _Fields:
    kind, length = _KEYS.get(oid, (None, None))
    return {"key_alg": _ALGORITHMS.get(oid, oid), "key_type": kind, "key_length": length}


def _exponent(number: int) -> int | None:
    return number if number.bit_length() <= _EXPONENT else None


def _extensions(certificate: Any) -> _Fields:
    """The fields of the extensions; of several basicConstraints the first ones."""
    x509 = _library()
    lists = {
        x509.DNSName: "san_dns",
        x509.IPAddress: "san_ip",
        x509.UniformResourceIdentifier: "san_uri",
        x509.RFC822Name: "san_email",
    }
    fields: _Fields = {}
    for extension in certificate.extensions:
        value = extension.value
        if isinstance(value, x509.SubjectAlternativeName):
            for name in value:
                field = lists.get(type(name))
                if field is not None:
                    fields.setdefault(field, []).append(str(name.value))
        elif isinstance(value, x509.BasicConstraints):
            fields |= {"ca": value.ca, "path_len": value.path_length}
    return fields


_READERS: tuple[tuple[str, Callable[[Any], _Fields]], ...] = (
    ("version", _version),
    ("serial", _serial),
    ("signature", _signature),
    ("issuer", _issuer),
    ("not_before", _not_before),
    ("not_after", _not_after),
    ("subject", _subject),
    ("key", _key),
    ("extensions", _extensions),
)
"""What is read of which piece of a certificate."""


# What is read of one that is damaged: each piece is put into a certificate in which nothing is wrong


class _Element(NamedTuple):
    """An element of DER (X.690 section 8.1).

    Attributes:
        tag: with its class.
        content: what it holds.
    """

    tag: int
    content: bytes

    @property
    def der(self) -> bytes:
        """The whole of it."""
        return _element(self.tag, self.content)


_BOOLEAN, _BIT_STRING, _OCTET_STRING, _OID = 0x01, 0x03, 0x04, 0x06
_UTF8, _UTC_TIME, _SEQUENCE, _SET = 0x0C, 0x17, 0x30, 0x31
_LATIN_1 = {
    0x12,
    0x13,
    0x14,
    0x16,
    0x1A,
    0x1B,
}  # strings of one byte for each character, for OpenSSL


def _elements(data: bytes) -> list[_Element]:
    """The elements that follow each other, up to the first that is malformed."""
    found = []
    at = 0
    while at + 2 <= len(data):
        tag, length = data[at], data[at + 1]
        at += 2
        if length >= 0x80:
            size = length & 0x7F
            length = int.from_bytes(data[at : at + size], "big")
            at += size
        if at + length > len(data):
            break
        found.append(_Element(tag, data[at : at + length]))
        at += length
    return found


def _element(tag: int, *content: bytes) -> bytes:
    joined = b"".join(content)
    length = len(joined)
    if length < 0x80:
        return bytes((tag, length)) + joined
    size = (length.bit_length() + 7) // 8
    return bytes((tag, 0x80 | size)) + length.to_bytes(size, "big") + joined


_ED25519 = _element(_SEQUENCE, bytes.fromhex("06032b6570"))
_TIME = _element(_UTC_TIME, b"700101000000Z")
_BLANK = {
    "version": bytes.fromhex("a003020102"),
    "serial": bytes.fromhex("020101"),
    "signature": _ED25519,
    "issuer": _element(_SEQUENCE),
    "not_before": _TIME,
    "not_after": _TIME,
    "subject": _element(_SEQUENCE),
    "key": _element(_SEQUENCE, _ED25519, _element(_BIT_STRING, bytes(33))),
    "extensions": b"",
}
"""The pieces of a certificate in which nothing is wrong, in order (RFC 5280 section 4.1)."""


def _pieces(der: bytes) -> dict[str, bytes]:
    """The pieces of a certificate, as many as there are.

    Raises:
        CertificateError: there are none.
    """
    if der[:1] != bytes((_SEQUENCE,)):
        raise CertificateError("it is no SEQUENCE in DER")
    if not _elements(der):
        raise CertificateError("it is cut off")
    outer = _inside(der)
    if [each.tag for each in outer] == [_SEQUENCE, _BIT_STRING]:
        return {"key": der}  # a raw public key
    if not outer or outer[0].tag != _SEQUENCE:
        raise CertificateError("it does not begin with a TBSCertificate")
    inner = _elements(outer[0].content)
    found = {}
    if inner and inner[0].tag == 0xA0:
        found["version"] = inner.pop(0).der
    else:
        found["version"] = b""  # the default, v1
    names = ("serial", "signature", "issuer", "validity", "subject", "key")
    found |= {name: each.der for name, each in zip(names, inner, strict=False)}
    for each in inner[len(names) :]:
        if each.tag == 0xA3:
            found["extensions"] = each.der
    times = _inside(found.pop("validity", b""))
    found |= {
        name: each.der for name, each in zip(("not_before", "not_after"), times, strict=False)
    }
    if len(outer) > 1:
        found["signature"] = outer[1].der  # the one that counts
    return found


def _alone(**pieces: bytes) -> Any:
    """A certificate with these pieces, in which nothing is wrong apart from them."""
    all_pieces = _BLANK | pieces
    validity = _element(_SEQUENCE, all_pieces["not_before"], all_pieces.pop("not_after"))
    all_pieces["not_before"] = validity
    signed = _element(_SEQUENCE, *all_pieces.values())
    signature = _element(_BIT_STRING, bytes(65))
    whole = _element(_SEQUENCE, signed, all_pieces["signature"], signature)
    return _library().load_der_x509_certificate(whole)


def _inside(der: bytes) -> list[_Element]:
    """The elements inside the first of the elements."""
    return [inner for outer in _elements(der)[:1] for inner in _elements(outer.content)]


def _salvaged(piece: str, read: Callable[[Any], _Fields], pieces: Mapping[str, bytes]) -> _Fields:
    der = pieces.get(piece)
    if der is None:
        return {}
    found: _Fields | None = _attempt(lambda: read(_alone(**{piece: der})))
    if found is None and piece in _TAKERS_APART and len(der) <= _TAKEN_APART:
        found = _attempt(_TAKERS_APART[piece], der)
    return found or {}


def _dotted(oid: _Element) -> str:
    """An object identifier in decimal (X.690 section 8.19)."""
    numbers = [0]
    for byte in oid.content:
        numbers[-1] = numbers[-1] << 7 | byte & 0x7F
        if byte < 0x80:
            numbers.append(0)
    two = numbers.pop(0)
    first = min(two // 40, 2)
    return ".".join(map(str, (first, two - 40 * first, *numbers[:-1])))


def _attributes(name: bytes) -> list[list[list[_Element]]]:
    """The type and value of each attribute of each RelativeDistinguishedName (RFC 5280 section 4.1.2.4)."""
    return [
        [_elements(attribute.content) for attribute in _elements(rdn.content)]
        for rdn in _inside(name)
    ]


def _rdns_apart(name: bytes) -> list[list[_Attribute]]:
    if name[:1] != bytes((_SEQUENCE,)):
        raise ValueError
    return [[_attribute_apart(*each) for each in rdn] for rdn in _attributes(name)]


def _attribute_apart(oid: _Element, value: _Element) -> _Attribute:
    values = [value]
    if value.tag in _LATIN_1:
        values.append(_Element(_UTF8, _from_latin_1(value.content)))
    for each in values:
        name = _element(_SEQUENCE, oid.der, each.der)
        for outer in (_SET, _SEQUENCE):
            name = _element(outer, name)
        found = _attempt(lambda name=name: _rdns(_alone(subject=name).subject))
        if found is not None:
            [[attribute]] = found
            return attribute  # type: ignore[no-any-return]
    return _dotted(oid), value.der


def _from_latin_1(data: bytes) -> bytes:
    return data.decode("latin-1").encode()


def _key_apart(key: bytes) -> _Fields:
    """The fields of a key that cryptography refuses, because it is weak, wrong, or on a curve that it does not know."""
    algorithm, bits = _inside(key)
    [oid, *parameters] = _elements(algorithm.content)
    fields = _key_algorithm(_dotted(oid))
    of_kind = _KINDS_APART.get(fields["key_type"])
    if of_kind is not None and fields["key_length"] is None:
        fields |= _attempt(of_kind, parameters, bits.content[1:]) or {}
    return fields


def _rsa_apart(parameters: list[_Element], key: bytes) -> _Fields:
    modulus, exponent = map(_number, _inside(key))
    return {"key_length": modulus.bit_length(), "exponent": _exponent(exponent)}


def _prime_apart(parameters: list[_Element], key: bytes) -> _Fields:
    return {"key_length": _number(_elements(parameters[0].content)[0]).bit_length()}


def _curve_apart(parameters: list[_Element], key: bytes) -> _Fields:
    if parameters[0].tag != _OID:
        order = _elements(parameters[0].content)[4]  # of SpecifiedECDomain (SEC 1 appendix C.2)
        return {"key_length": _number(order).bit_length()}
    oid = _dotted(parameters[0])
    name, length = _CURVES.get(oid, (oid, None))
    return {"key_length": length, "curve": name}


def _number(integer: _Element) -> int:
    return int.from_bytes(integer.content, "big")


def _extensions_apart(extensions: bytes) -> _Fields:
    """The fields of the extensions that can be read. Several of a kind count together, and the first where they differ."""
    fields: _Fields = {}
    [sequence] = _inside(extensions)
    for found in map(_extension_apart, _elements(sequence.content)):
        for field, value in found.items():
            if isinstance(value, list):
                fields.setdefault(field, []).extend(value)
            else:
                fields.setdefault(field, value)
    return fields


def _extension_apart(extension: _Element) -> _Fields:
    found: _Fields | None = _attempt(_one_extension, extension.der)
    parts = _elements(extension.content)
    if found is not None or len(parts) < 2:
        return found or {}
    # Without whether it is critical, which some encode as it should not be.
    oid, value = parts[0].der, parts[-1].content
    if oid == _SUBJECT_ALT_NAME:
        return _alternative_names_apart(value)
    elements = _inside(value)
    is_whole = _element(_SEQUENCE, *(each.der for each in elements)) == value
    if oid == _BASIC_CONSTRAINTS and is_whole:
        value = _element(_SEQUENCE, *_in_der(elements))
    return _attempt(_one_extension, _extension(oid, value)) or {}


def _alternative_names_apart(names: bytes) -> _Fields:
    fields: _Fields = {}
    for name in _inside(names):
        for each in (name, name._replace(content=_from_latin_1(name.content))):
            one = _extension(_SUBJECT_ALT_NAME, _element(_SEQUENCE, each.der))
            found = _attempt(_one_extension, one)
            if found is not None:
                for field, values in found.items():
                    fields.setdefault(field, []).extend(values)
                break
    return fields


def _in_der(elements: list[_Element]) -> list[bytes]:
    """The elements as DER has them, in which a BOOLEAN that is the default, false, is left out: some authorities have
    written them nevertheless (X.690 sections 11.1 and 11.5).
    """
    return [
        _element(_BOOLEAN, b"\xff") if each.tag == _BOOLEAN else each.der
        for each in elements
        if each.tag != _BOOLEAN or any(each.content)
    ]


def _extension(oid: bytes, value: bytes) -> bytes:
    return _element(_SEQUENCE, oid, _element(_OCTET_STRING, value))


def _one_extension(extension: bytes) -> _Fields:
    return _extensions(_alone(extensions=_element(0xA3, _element(_SEQUENCE, extension))))


_TAKERS_APART: dict[str, Callable[[bytes], _Fields]] = {
    "issuer": lambda name: _issuer_fields(_rdns_apart(name)),
    "subject": lambda name: _subject_fields(_rdns_apart(name)),
    "key": _key_apart,
    "extensions": _extensions_apart,
}
"""What reads the pieces that have parts of their own."""

_KINDS_APART: dict[str | None, Callable[[list[_Element], bytes], _Fields]] = {
    "rsa": _rsa_apart,
    "dsa": _prime_apart,
    "dh": _prime_apart,
    "ecdsa": _curve_apart,
}
"""What reads keys, by their types."""

_SUBJECT_ALT_NAME = bytes.fromhex("0603551d11")
_BASIC_CONSTRAINTS = bytes.fromhex("0603551d13")


# Names

_COMMON_NAME = "2.5.4.3"

_ATTRIBUTES: dict[str, str] = {
    "0.9.2342.19200300.100.1.1": "UID",
    "0.9.2342.19200300.100.1.3": "mail",
    "0.9.2342.19200300.100.1.8": "userClass",
    "0.9.2342.19200300.100.1.9": "host",
    "0.9.2342.19200300.100.1.25": "DC",
    "0.9.2342.19200300.100.1.44": "uid",
    "1.2.643.3.131.1.1": "INN",
    "1.2.643.100.1": "OGRN",
    "1.2.643.100.3": "SNILS",
    "1.2.643.100.5": "OGRNIP",
    "1.2.840.113549.1.9.1": "emailAddress",
    "1.2.840.113549.1.9.2": "unstructuredName",
    "1.2.840.113549.1.9.7": "challengePassword",
    "1.2.840.113549.1.9.8": "unstructuredAddress",
    "1.2.840.113549.1.9.20": "friendlyName",
    "1.3.6.1.4.1.311.60.2.1.1": "jurisdictionL",
    "1.3.6.1.4.1.311.60.2.1.2": "jurisdictionST",
    "1.3.6.1.4.1.311.60.2.1.3": "jurisdictionC",
    "2.5.4.3": "CN",
    "2.5.4.4": "SN",
    "2.5.4.5": "serialNumber",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.9": "street",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "2.5.4.12": "title",
    "2.5.4.13": "description",
    "2.5.4.15": "businessCategory",
    "2.5.4.16": "postalAddress",
    "2.5.4.17": "postalCode",
    "2.5.4.18": "postOfficeBox",
    "2.5.4.19": "physicalDeliveryOfficeName",
    "2.5.4.20": "telephoneNumber",
    "2.5.4.41": "name",
    "2.5.4.42": "GN",
    "2.5.4.43": "initials",
    "2.5.4.44": "generationQualifier",
    "2.5.4.45": "x500UniqueIdentifier",
    "2.5.4.46": "dnQualifier",
    "2.5.4.49": "distinguishedName",
    "2.5.4.51": "houseIdentifier",
    "2.5.4.65": "pseudonym",
    "2.5.4.72": "role",
    "2.5.4.97": "organizationIdentifier",
    "2.5.4.98": "c3",
    "2.5.4.99": "n3",
    "2.5.4.100": "dnsName",
}
"""The attributes of names, by OpenSSL's short names."""

_ALGORITHMS: dict[str, str] = {
    "1.2.156.10197.1.301": "sm2",
    "1.2.156.10197.1.501": "SM2-with-SM3",
    "1.2.643.2.2.3": "GOST R 34.11-94 with GOST R 34.10-2001",
    "1.2.643.2.2.4": "GOST R 34.11-94 with GOST R 34.10-94",
    "1.2.643.2.2.19": "GOST R 34.10-2001",
    "1.2.643.2.2.20": "GOST R 34.10-94",
    "1.2.643.2.2.98": "GOST R 34.10-2001 DH",
    "1.2.643.2.2.99": "GOST R 34.10-94 DH",
    "1.2.643.2.9.1.3.3": "GOST R 34.11-94 with GOST R 34.10-94 Cryptocom",
    "1.2.643.2.9.1.3.4": "GOST R 34.11-94 with GOST R 34.10-2001 Cryptocom",
    "1.2.643.7.1.1.1.1": "GOST R 34.10-2012 with 256 bit modulus",
    "1.2.643.7.1.1.1.2": "GOST R 34.10-2012 with 512 bit modulus",
    "1.2.643.7.1.1.3.2": "GOST R 34.10-2012 with GOST R 34.11-2012 (256 bit)",
    "1.2.643.7.1.1.3.3": "GOST R 34.10-2012 with GOST R 34.11-2012 (512 bit)",
    "1.2.840.10040.4.1": "dsaEncryption",
    "1.2.840.10040.4.3": "dsaWithSHA1",
    "1.2.840.10045.2.1": "id-ecPublicKey",
    "1.2.840.10045.4.1": "ecdsa-with-SHA1",
    "1.2.840.10045.4.2": "ecdsa-with-Recommended",
    "1.2.840.10045.4.3": "ecdsa-with-Specified",
    "1.2.840.10045.4.3.1": "ecdsa-with-SHA224",
    "1.2.840.10045.4.3.2": "ecdsa-with-SHA256",
    "1.2.840.10045.4.3.3": "ecdsa-with-SHA384",
    "1.2.840.10045.4.3.4": "ecdsa-with-SHA512",
    "1.2.840.10046.2.1": "X9.42 DH",
    "1.2.840.113549.1.1.1": "rsaEncryption",
    "1.2.840.113549.1.1.2": "md2WithRSAEncryption",
    "1.2.840.113549.1.1.3": "md4WithRSAEncryption",
    "1.2.840.113549.1.1.4": "md5WithRSAEncryption",
    "1.2.840.113549.1.1.5": "sha1WithRSAEncryption",
    "1.2.840.113549.1.1.7": "rsaesOaep",
    "1.2.840.113549.1.1.10": "rsassaPss",
    "1.2.840.113549.1.1.11": "sha256WithRSAEncryption",
    "1.2.840.113549.1.1.12": "sha384WithRSAEncryption",
    "1.2.840.113549.1.1.13": "sha512WithRSAEncryption",
    "1.2.840.113549.1.1.14": "sha224WithRSAEncryption",
    "1.2.840.113549.1.3.1": "dhKeyAgreement",
    "1.3.14.3.2.3": "md5WithRSA",
    "1.3.14.3.2.12": "dsaEncryption-old",
    "1.3.14.3.2.13": "dsaWithSHA",
    "1.3.14.3.2.15": "shaWithRSAEncryption",
    "1.3.14.3.2.27": "dsaWithSHA1-old",
    "1.3.14.3.2.29": "sha1WithRSA",
    "1.3.36.3.3.1.2": "ripemd160WithRSA",
    "1.3.101.110": "X25519",
    "1.3.101.111": "X448",
    "1.3.101.112": "ED25519",
    "1.3.101.113": "ED448",
    "2.5.8.1.1": "rsa",
    "2.5.8.3.100": "mdc2WithRSA",
    "2.16.840.1.101.3.4.3.1": "dsa_with_SHA224",
    "2.16.840.1.101.3.4.3.2": "dsa_with_SHA256",
    "2.16.840.1.101.3.4.3.13": "RSA-SHA3-224",
    "2.16.840.1.101.3.4.3.14": "RSA-SHA3-256",
    "2.16.840.1.101.3.4.3.15": "RSA-SHA3-384",
    "2.16.840.1.101.3.4.3.16": "RSA-SHA3-512",
    "2.16.840.1.101.3.4.3.17": "ML-DSA-44",
    "2.16.840.1.101.3.4.3.18": "ML-DSA-65",
    "2.16.840.1.101.3.4.3.19": "ML-DSA-87",
    "2.16.840.1.101.3.4.3.20": "SLH-DSA-SHA2-128s",
    "2.16.840.1.101.3.4.3.21": "SLH-DSA-SHA2-128f",
    "2.16.840.1.101.3.4.3.22": "SLH-DSA-SHA2-192s",
    "2.16.840.1.101.3.4.3.23": "SLH-DSA-SHA2-192f",
    "2.16.840.1.101.3.4.3.24": "SLH-DSA-SHA2-256s",
    "2.16.840.1.101.3.4.3.25": "SLH-DSA-SHA2-256f",
    "2.16.840.1.101.3.4.3.26": "SLH-DSA-SHAKE-128s",
    "2.16.840.1.101.3.4.3.27": "SLH-DSA-SHAKE-128f",
    "2.16.840.1.101.3.4.3.28": "SLH-DSA-SHAKE-192s",
    "2.16.840.1.101.3.4.3.29": "SLH-DSA-SHAKE-192f",
    "2.16.840.1.101.3.4.3.30": "SLH-DSA-SHAKE-256s",
    "2.16.840.1.101.3.4.3.31": "SLH-DSA-SHAKE-256f",
    "2.16.840.1.101.3.4.4.1": "ML-KEM-512",
    "2.16.840.1.101.3.4.4.2": "ML-KEM-768",
    "2.16.840.1.101.3.4.4.3": "ML-KEM-1024",
}
"""The algorithms of keys and signatures, by OpenSSL's long names."""

_KEYS: dict[str, tuple[str, int | None]] = {
    "1.2.156.10197.1.301": ("sm2", 256),
    "1.2.643.2.2.19": ("gost", 256),
    "1.2.643.2.2.20": ("gost", None),
    "1.2.643.7.1.1.1.1": ("gost", 256),
    "1.2.643.7.1.1.1.2": ("gost", 512),
    "1.2.840.10040.4.1": ("dsa", None),
    "1.2.840.10045.2.1": ("ecdsa", None),
    "1.2.840.10046.2.1": ("dh", None),
    "1.2.840.113549.1.1.1": ("rsa", None),
    "1.2.840.113549.1.1.7": ("rsa", None),
    "1.2.840.113549.1.1.10": ("rsa", None),
    "1.2.840.113549.1.3.1": ("dh", None),
    "1.3.14.3.2.12": ("dsa", None),
    "1.3.101.110": ("x25519", 253),
    "1.3.101.111": ("x448", 448),
    "1.3.101.112": ("ed25519", 256),
    "1.3.101.113": ("ed448", 456),
    "2.5.8.1.1": ("rsa", None),
    "2.16.840.1.101.3.4.3.17": ("ml-dsa", 10496),
    "2.16.840.1.101.3.4.3.18": ("ml-dsa", 15616),
    "2.16.840.1.101.3.4.3.19": ("ml-dsa", 20736),
    "2.16.840.1.101.3.4.3.20": ("slh-dsa", 256),
    "2.16.840.1.101.3.4.3.21": ("slh-dsa", 256),
    "2.16.840.1.101.3.4.3.22": ("slh-dsa", 384),
    "2.16.840.1.101.3.4.3.23": ("slh-dsa", 384),
    "2.16.840.1.101.3.4.3.24": ("slh-dsa", 512),
    "2.16.840.1.101.3.4.3.25": ("slh-dsa", 512),
    "2.16.840.1.101.3.4.3.26": ("slh-dsa", 256),
    "2.16.840.1.101.3.4.3.27": ("slh-dsa", 256),
    "2.16.840.1.101.3.4.3.28": ("slh-dsa", 384),
    "2.16.840.1.101.3.4.3.29": ("slh-dsa", 384),
    "2.16.840.1.101.3.4.3.30": ("slh-dsa", 512),
    "2.16.840.1.101.3.4.3.31": ("slh-dsa", 512),
    "2.16.840.1.101.3.4.4.1": ("ml-kem", 6400),
    "2.16.840.1.101.3.4.4.2": ("ml-kem", 9472),
    "2.16.840.1.101.3.4.4.3": ("ml-kem", 12544),
}
"""The types of the keys of algorithms; and their lengths in bits where one has all keys of the same length."""

_CURVES: dict[str, tuple[str, int | None]] = {
    "1.2.156.10197.1.301": ("SM2", 256),
    "1.2.840.10045.3.0.1": ("c2pnb163v1", 163),
    "1.2.840.10045.3.0.2": ("c2pnb163v2", 162),
    "1.2.840.10045.3.0.3": ("c2pnb163v3", 162),
    "1.2.840.10045.3.0.4": ("c2pnb176v1", 161),
    "1.2.840.10045.3.0.5": ("c2tnb191v1", 191),
    "1.2.840.10045.3.0.6": ("c2tnb191v2", 190),
    "1.2.840.10045.3.0.7": ("c2tnb191v3", 189),
    "1.2.840.10045.3.0.10": ("c2pnb208w1", 193),
    "1.2.840.10045.3.0.11": ("c2tnb239v1", 238),
    "1.2.840.10045.3.0.12": ("c2tnb239v2", 237),
    "1.2.840.10045.3.0.13": ("c2tnb239v3", 236),
    "1.2.840.10045.3.0.16": ("c2pnb272w1", 257),
    "1.2.840.10045.3.0.17": ("c2pnb304w1", 289),
    "1.2.840.10045.3.0.18": ("c2tnb359v1", 353),
    "1.2.840.10045.3.0.19": ("c2pnb368w1", 353),
    "1.2.840.10045.3.0.20": ("c2tnb431r1", 418),
    "1.2.840.10045.3.1.1": ("prime192v1", 192),
    "1.2.840.10045.3.1.2": ("prime192v2", 192),
    "1.2.840.10045.3.1.3": ("prime192v3", 192),
    "1.2.840.10045.3.1.4": ("prime239v1", 239),
    "1.2.840.10045.3.1.5": ("prime239v2", 239),
    "1.2.840.10045.3.1.6": ("prime239v3", 239),
    "1.2.840.10045.3.1.7": ("prime256v1", 256),
    "1.3.36.3.3.2.8.1.1.1": ("brainpoolP160r1", 160),
    "1.3.36.3.3.2.8.1.1.2": ("brainpoolP160t1", 160),
    "1.3.36.3.3.2.8.1.1.3": ("brainpoolP192r1", 192),
    "1.3.36.3.3.2.8.1.1.4": ("brainpoolP192t1", 192),
    "1.3.36.3.3.2.8.1.1.5": ("brainpoolP224r1", 224),
    "1.3.36.3.3.2.8.1.1.6": ("brainpoolP224t1", 224),
    "1.3.36.3.3.2.8.1.1.7": ("brainpoolP256r1", 256),
    "1.3.36.3.3.2.8.1.1.8": ("brainpoolP256t1", 256),
    "1.3.36.3.3.2.8.1.1.9": ("brainpoolP320r1", 320),
    "1.3.36.3.3.2.8.1.1.10": ("brainpoolP320t1", 320),
    "1.3.36.3.3.2.8.1.1.11": ("brainpoolP384r1", 384),
    "1.3.36.3.3.2.8.1.1.12": ("brainpoolP384t1", 384),
    "1.3.36.3.3.2.8.1.1.13": ("brainpoolP512r1", 512),
    "1.3.36.3.3.2.8.1.1.14": ("brainpoolP512t1", 512),
    "1.3.132.0.1": ("sect163k1", 163),
    "1.3.132.0.2": ("sect163r1", 162),
    "1.3.132.0.3": ("sect239k1", 238),
    "1.3.132.0.4": ("sect113r1", 113),
    "1.3.132.0.5": ("sect113r2", 113),
    "1.3.132.0.6": ("secp112r1", 112),
    "1.3.132.0.7": ("secp112r2", 110),
    "1.3.132.0.8": ("secp160r1", 161),
    "1.3.132.0.9": ("secp160k1", 161),
    "1.3.132.0.10": ("secp256k1", 256),
    "1.3.132.0.15": ("sect163r2", 163),
    "1.3.132.0.16": ("sect283k1", 281),
    "1.3.132.0.17": ("sect283r1", 282),
    "1.3.132.0.22": ("sect131r1", 131),
    "1.3.132.0.23": ("sect131r2", 131),
    "1.3.132.0.24": ("sect193r1", 193),
    "1.3.132.0.25": ("sect193r2", 193),
    "1.3.132.0.26": ("sect233k1", 232),
    "1.3.132.0.27": ("sect233r1", 233),
    "1.3.132.0.28": ("secp128r1", 128),
    "1.3.132.0.29": ("secp128r2", 126),
    "1.3.132.0.30": ("secp160r2", 161),
    "1.3.132.0.31": ("secp192k1", 192),
    "1.3.132.0.32": ("secp224k1", 225),
    "1.3.132.0.33": ("secp224r1", 224),
    "1.3.132.0.34": ("secp384r1", 384),
    "1.3.132.0.35": ("secp521r1", 521),
    "1.3.132.0.36": ("sect409k1", 407),
    "1.3.132.0.37": ("sect409r1", 409),
    "1.3.132.0.38": ("sect571k1", 570),
    "1.3.132.0.39": ("sect571r1", 570),
}
"""The elliptic curves, by OpenSSL's short names; and how many bits their orders have."""

_CURVES_OF_CRYPTOGRAPHY = {"secp192r1": "prime192v1", "secp256r1": "prime256v1"}
"""OpenSSL's names where cryptography has others."""


# Compressed certificates


def decompressed(algorithm: int, compressed: bytes, uncompressed_length: int) -> bytes:
    """Unpack what a CompressedCertificate holds (RFC 8879 section 4).

    Args:
        algorithm: 1 for zlib, 2 for brotli, 3 for zstd (`names.CERTIFICATE_COMPRESSION_ALGORITHMS`).
        compressed: the compressed_certificate_message.
        uncompressed_length: how many bytes it says that come out.

    Returns:
        The body of a Certificate message.

    Raises:
        CertificateError: as many bytes do not come out, or they would be more than 1 MiB, or the data are corrupt, or
            something follows them, or what unpacks them is not known or not installed.
    """
    try:
        name, unpack = _UNPACKERS[algorithm]
    except KeyError:
        raise CertificateError(f"compression algorithm {algorithm} is not known") from None
    if not 0 <= uncompressed_length <= MAXIMUM_UNPACKED:
        raise CertificateError(
            f"{uncompressed_length} bytes would come out, and no more than {MAXIMUM_UNPACKED} may"
        )
    found, is_whole, is_all = unpack(compressed, uncompressed_length + 1)
    if len(found) > uncompressed_length:
        raise CertificateError(f"more than the {uncompressed_length} bytes come out that should")
    if not is_whole:
        raise CertificateError(f"the {name} data are truncated")
    if not is_all:
        raise CertificateError(f"something follows the {name} data")
    if len(found) < uncompressed_length:
        raise CertificateError(
            f"{len(found)} bytes come out instead of the {uncompressed_length} that should"
        )
    return found


class _Unpacked(NamedTuple):
    """What came out of compressed data.

    Attributes:
        data: all of it, or at least as much as was asked for.
        is_whole: whether they end where their format says that they do.
        is_all: whether nothing follows.
    """

    data: bytes
    is_whole: bool
    is_all: bool


def _zlib(compressed: bytes, limit: int) -> _Unpacked:
    one = zlib.decompressobj()
    try:
        data = one.decompress(compressed, limit)
    except zlib.error as error:
        raise _corrupt("zlib", error) from None
    return _Unpacked(data, one.eof, not one.unused_data)


def _brotli(compressed: bytes, limit: int) -> _Unpacked:
    try:
        import brotli
    except ImportError:
        raise _not_installed("brotli", "Brotli") from None
    one = brotli.Decompressor()
    try:
        # It stops at the end of a block of memory, so that up to twice the limit may come out.
        data = one.process(compressed, output_buffer_limit=limit)
    except TypeError:  # before 1.2, nothing can stop it
        raise _not_installed("brotli", "Brotli>=1.2") from None
    except brotli.error as error:
        raise _corrupt("brotli", error) from None
    # What follows is an error.
    return _Unpacked(data, one.is_finished(), True)


def _zstd(compressed: bytes, limit: int) -> _Unpacked:
    try:
        make, error_of_zstd = load_zstd(_WINDOW_LOG)
    except ImportError:
        raise _not_installed("zstd", "backports.zstd") from None
    one = make()
    try:
        data = one.decompress(compressed, limit)
    except error_of_zstd as error:
        raise _corrupt("zstd", error) from None
    return _Unpacked(data, one.eof, not one.unused_data)


def _corrupt(name: str, error: Exception) -> CertificateError:
    return CertificateError(f"the {name} data cannot be decompressed: {error}")


def _not_installed(name: str, package: str) -> CertificateError:
    return CertificateError(
        f"it is compressed with {name}, which needs {package}: pip install {package!r}"
    )


_UNPACKERS: dict[int, tuple[str, Callable[[bytes, int], _Unpacked]]] = {
    1: ("zlib", _zlib),
    2: ("brotli", _brotli),
    3: ("zstd", _zstd),
}
"""The algorithms (RFC 8879 section 7.3), and what undoes each: it unpacks so many bytes, or somewhat more, and stops."""
