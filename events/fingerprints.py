"""Fingerprints of hellos: JA3, JA3S and JA4.

What may live here: functions from a parsed hello to a fingerprint. They know no connection. JA3 is the work of John Althouse,
Jeff Atkinson and Josh Atkins at Salesforce; JA4, of John Althouse at FoxIO, who license JA4 itself under BSD-3-Clause.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, NamedTuple

from tlsgrammar.versions import DTLS10, DTLS12, DTLS13, SSL20, SSL30, TLS10, TLS11, TLS12, TLS13

__all__ = ["is_grease", "ja3", "ja3s", "ja4", "ja4_r", "ja4_ro"]

_SERVER_NAME, _GROUPS, _POINT_FORMATS, _SIGNATURES, _ALPN, _VERSIONS = 0, 10, 11, 13, 16, 43
_QUIC = {57, 0xFFA5}  # quic_transport_parameters, and those of the drafts

# RFC 8701: values that mean nothing, which a client picks anew each time.
_GREASE = frozenset(0x0A0A + 0x1010 * index for index in range(16))
_GREASE_PROTOCOLS = frozenset(code.to_bytes(2, "big") for code in _GREASE)

# The oldest first, so that the place says which of two is higher; and how JA4 writes each.
_VERSION_NAMES = {
    SSL20: "s2",
    SSL30: "s3",
    TLS10: "10",
    TLS11: "11",
    TLS12: "12",
    TLS13: "13",
    DTLS10: "d1",
    DTLS12: "d2",
    DTLS13: "d3",
}
_AGES = {version: age for age, version in enumerate(_VERSION_NAMES)}
_NOTHING = "000000000000"


def ja3(client_hello: Any) -> str:
    """The JA3 fingerprint of a client: an MD5, in hexadecimal.

    Args:
        client_hello: a parsed `tlsgrammar.ClientHello`.
    """
    extensions = _without_grease(each["extension_type"] for each in _extensions(client_hello))
    fields = (
        (client_hello["legacy_version"],),
        _without_grease(client_hello["cipher_suites"]),
        extensions,
        _without_grease(_listed(client_hello, _GROUPS, "named_group_list")),
        _listed(client_hello, _POINT_FORMATS, "ec_point_format_list"),
    )
    return _md5(fields)


def ja3s(server_hello: Any) -> str:
    """The JA3S fingerprint of what a server answers: an MD5, in hexadecimal.

    Args:
        server_hello: a parsed `tlsgrammar.ServerHello`.
    """
    extensions = [each["extension_type"] for each in _extensions(server_hello)]
    cipher_suite = server_hello["cipher_suite"]
    fields = (
        (server_hello["legacy_version"],),
        () if cipher_suite is None else (cipher_suite,),
        extensions,
    )
    return _md5(fields)


def ja4(client_hello: Any) -> str:
    """The JA4 fingerprint of a client, such as `t13d1516h2_8daaf6152771_e5627efa2ab1`.

    What the client speaks over is told by the hello itself: QUIC by its transport parameters, DTLS by its version.

    Args:
        client_hello: a parsed `tlsgrammar.ClientHello`.
    """
    parts = _parts(client_hello)
    ciphers = ",".join(sorted(parts.cipher_suites))
    rest = _sorted_extensions(parts)
    return f"{parts.head}_{_hash(ciphers)}_{_hash(rest)}"


def ja4_r(client_hello: Any) -> str:
    """JA4 before it is hashed: cipher suites and extensions in full, sorted.

    Args:
        client_hello: a parsed `tlsgrammar.ClientHello`.
    """
    parts = _parts(client_hello)
    return f"{parts.head}_{','.join(sorted(parts.cipher_suites))}_{_sorted_extensions(parts)}"


def ja4_ro(client_hello: Any) -> str:
    """JA4 before it is hashed, in the order of the client, with the extensions server_name and ALPN.

    Args:
        client_hello: a parsed `tlsgrammar.ClientHello`.
    """
    parts = _parts(client_hello)
    rest = _with_signatures(parts.extensions, parts.signatures)
    return f"{parts.head}_{','.join(parts.cipher_suites)}_{rest}"


class _Parts(NamedTuple):
    """What JA4 is made of.

    Attributes:
        head: its first part, which people can read.
        cipher_suites, extensions, signatures: each four hexadecimal digits, in the order of the client.
    """

    head: str
    cipher_suites: list[str]
    extensions: list[str]
    signatures: list[str]


_LEFT_OUT = {f"{_SERVER_NAME:04x}", f"{_ALPN:04x}"}


def _parts(hello: Any) -> _Parts:
    cipher_suites = _without_grease(hello["cipher_suites"])
    extensions = _without_grease(each["extension_type"] for each in _extensions(hello))
    versions = _without_grease(_listed(hello, _VERSIONS, "versions"))
    highest = max(versions, key=_age) if versions else hello["legacy_version"]
    head = "".join(
        (
            "q" if not _QUIC.isdisjoint(extensions) else "d" if _is_dtls(hello) else "t",
            _VERSION_NAMES.get(highest, "00"),
            "d" if _SERVER_NAME in extensions else "i",
            f"{min(len(cipher_suites), 99):02}",
            f"{min(len(extensions), 99):02}",
            _ends(_listed(hello, _ALPN, "protocol_name_list")),
        )
    )
    signatures = _without_grease(_listed(hello, _SIGNATURES, "supported_signature_algorithms"))
    return _Parts(head, _hex(cipher_suites), _hex(extensions), _hex(signatures))


def _is_dtls(hello: Any) -> bool:
    return bool(hello["legacy_version"] >> 8 == DTLS10 >> 8)


def _age(version: int) -> tuple[int, int]:
    """What versions are compared by: those without a name in JA4, such as drafts, come after the others."""
    return _AGES.get(version, len(_AGES)), version


def _ends(protocols: Iterable[bytes]) -> str:
    """The first and the last character of the first protocol; or those of its hexadecimal digits."""
    first = next((each for each in protocols if each not in _GREASE_PROTOCOLS), b"")
    if not first:
        return "00"
    ends = first[:1] + first[-1:]
    if ends.isalnum():  # in ASCII
        return ends.decode()
    digits = first.hex()
    return digits[0] + digits[-1]


def _sorted_extensions(parts: _Parts) -> str:
    kept = sorted(each for each in parts.extensions if each not in _LEFT_OUT)
    return _with_signatures(kept, parts.signatures)


def _with_signatures(extensions: list[str], signatures: list[str]) -> str:
    joined = ",".join(extensions)
    return f"{joined}_{','.join(signatures)}" if signatures else joined


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12] if text else _NOTHING


def _md5(fields: Iterable[Iterable[int]]) -> str:
    text = ",".join(["-".join(map(str, field)) for field in fields])
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _hex(codes: Iterable[int]) -> list[str]:
    return [f"{code:04x}" for code in codes]


def is_grease(code: int) -> bool:
    """Whether a code point of two bytes means nothing (RFC 8701)."""
    return code in _GREASE


def _without_grease(codes: Iterable[int]) -> list[int]:
    return [code for code in codes if code not in _GREASE]


def _extensions(hello: Any) -> Iterable[Any]:
    return hello["extensions"] or ()


def _listed(hello: Any, code: int, field: str) -> Iterable[Any]:
    """The list in an extension; empty where the hello has no such extension, or one that cannot be read."""
    for each in _extensions(hello):
        if each["extension_type"] == code:
            body = each["body"]
            return () if body is None else body[field] or ()
    return ()
