"""Fingerprints of hellos: JA3, JA3S and JA4.

What may live here: functions from a parsed hello to a fingerprint. They know no connection. JA3 is the work of John Althouse,
Jeff Atkinson and Josh Atkins at Salesforce; JA4, of John Althouse at FoxIO, who license JA4 itself under BSD-3-Clause.

Clients of one kind send the same hello, but for what JA3 and JA4 leave out. So what they take from a hello is collected
first, and fingerprints are kept by that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

from tlsgrammar.versions import DTLS10, DTLS12, DTLS13, SSL20, SSL30, TLS10, TLS11, TLS12, TLS13

__all__ = ["is_grease", "ja3", "ja3_and_ja4", "ja3s", "ja4", "ja4_r", "ja4_ro"]

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
_KEPT = 4096


class _Hello(NamedTuple):
    """What the fingerprints of a client are made of; without GREASE, and in the order of the client."""

    version: int
    cipher_suites: tuple[int, ...]
    extensions: tuple[int, ...]
    groups: tuple[int, ...]
    point_formats: tuple[int, ...]
    signatures: tuple[int, ...]
    versions: tuple[int, ...]
    protocol: bytes


# The extensions that are looked into, and the list in each.
_LISTS = {
    _GROUPS: "named_group_list",
    _POINT_FORMATS: "ec_point_format_list",
    _SIGNATURES: "supported_signature_algorithms",
    _ALPN: "protocol_name_list",
    _VERSIONS: "versions",
}


def _hello(client_hello: Any) -> _Hello:
    lists: dict[int, Iterable[Any]] = {}
    extensions = []
    for extension in client_hello["extensions"] or ():
        code = extension["extension_type"]
        if code not in _GREASE:
            extensions.append(code)
        field = _LISTS.get(code)
        if field is not None and code not in lists:
            body = extension["body"]
            if body is not None:  # it can be read
                lists[code] = body[field] or ()
    protocols = lists.get(_ALPN, ())
    return _Hello(
        client_hello["legacy_version"],
        _without_grease(client_hello["cipher_suites"]),
        tuple(extensions),
        _without_grease(lists.get(_GROUPS, ())),
        tuple(lists.get(_POINT_FORMATS, ())),
        _without_grease(lists.get(_SIGNATURES, ())),
        _without_grease(lists.get(_VERSIONS, ())),
        next((each for each in protocols if each not in _GREASE_PROTOCOLS), b""),
    )


def is_grease(code: int) -> bool:
    """Whether a code point of two bytes means nothing (RFC 8701)."""
    return code in _GREASE


def _without_grease(codes: Iterable[int]) -> tuple[int, ...]:
    return tuple([code for code in codes if code not in _GREASE])


# JA3


def ja3(client_hello: Any) -> str:
    """The JA3 fingerprint of a client: an MD5, in hexadecimal.

    Args:
        client_hello: a parsed `tlsgrammar.ClientHello`.
    """
    return _ja3(_hello(client_hello))


def ja3s(server_hello: Any) -> str:
    """The JA3S fingerprint of what a server answers: an MD5, in hexadecimal.

    Args:
        server_hello: a parsed `tlsgrammar.ServerHello`.
    """
    cipher_suite = server_hello["cipher_suite"]
    extensions = tuple([each["extension_type"] for each in server_hello["extensions"] or ()])
    return _md5(
        (server_hello["legacy_version"],),
        () if cipher_suite is None else (cipher_suite,),
        extensions,
    )


@lru_cache(_KEPT)
def _ja3(hello: _Hello) -> str:
    return _md5(
        (hello.version,),
        hello.cipher_suites,
        hello.extensions,
        hello.groups,
        hello.point_formats,
    )


@lru_cache(_KEPT)
def _md5(*fields: tuple[int, ...]) -> str:
    text = ",".join(["-".join(map(str, field)) for field in fields])
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


# JA4


def ja4(client_hello: Any) -> str:
    """The JA4 fingerprint of a client, such as `t13d1516h2_8daaf6152771_e5627efa2ab1`.

    What the client speaks over is told by the hello itself: QUIC by its transport parameters, DTLS by its version.

    Args:
        client_hello: a parsed `tlsgrammar.ClientHello`.
    """
    return _ja4(_hello(client_hello))


def ja3_and_ja4(client_hello: Any) -> tuple[str, str]:
    """Both fingerprints of a client, for the time of one.

    Args:
        client_hello: a parsed `tlsgrammar.ClientHello`.
    """
    hello = _hello(client_hello)
    return _ja3(hello), _ja4(hello)


def ja4_r(client_hello: Any) -> str:
    """JA4 before it is hashed: cipher suites and extensions in full, sorted.

    Args:
        client_hello: a parsed `tlsgrammar.ClientHello`.
    """
    hello = _hello(client_hello)
    return f"{_head(hello)}_{','.join(_ciphers(hello))}_{_rest(hello)}"


def ja4_ro(client_hello: Any) -> str:
    """JA4 before it is hashed, in the order of the client, with the extensions server_name and ALPN.

    Args:
        client_hello: a parsed `tlsgrammar.ClientHello`.
    """
    hello = _hello(client_hello)
    rest = _with_signatures(_hex(hello.extensions), hello)
    return f"{_head(hello)}_{','.join(_hex(hello.cipher_suites))}_{rest}"


@lru_cache(_KEPT)
def _ja4(hello: _Hello) -> str:
    return f"{_head(hello)}_{_hash(','.join(_ciphers(hello)))}_{_hash(_rest(hello))}"


def _head(hello: _Hello) -> str:
    """The first part, which people can read."""
    is_dtls = hello.version >> 8 == DTLS10 >> 8
    highest = max(hello.versions, key=_age) if hello.versions else hello.version
    return "".join(
        (
            "q" if not _QUIC.isdisjoint(hello.extensions) else "d" if is_dtls else "t",
            _VERSION_NAMES.get(highest, "00"),
            "d" if _SERVER_NAME in hello.extensions else "i",
            f"{min(len(hello.cipher_suites), 99):02}",
            f"{min(len(hello.extensions), 99):02}",
            _ends(hello.protocol),
        )
    )


def _age(version: int) -> tuple[int, int]:
    """What versions are compared by: those without a name in JA4, such as drafts, come after the others."""
    return _AGES.get(version, len(_AGES)), version


def _ends(protocol: bytes) -> str:
    """The first and the last character of a protocol; or those of its hexadecimal digits."""
    if not protocol:
        return "00"
    ends = protocol[:1] + protocol[-1:]
    if ends.isalnum():  # in ASCII
        return ends.decode()
    digits = protocol.hex()
    return digits[0] + digits[-1]


def _ciphers(hello: _Hello) -> list[str]:
    return sorted(_hex(hello.cipher_suites))


def _rest(hello: _Hello) -> str:
    """The sorted extensions, and the signature algorithms."""
    kept = [code for code in hello.extensions if code not in (_SERVER_NAME, _ALPN)]
    return _with_signatures(sorted(_hex(kept)), hello)


def _with_signatures(extensions: list[str], hello: _Hello) -> str:
    joined = ",".join(extensions)
    signatures = ",".join(_hex(hello.signatures))
    return f"{joined}_{signatures}" if signatures else joined


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12] if text else _NOTHING


def _hex(codes: Iterable[int]) -> list[str]:
    return [f"{code:04x}" for code in codes]
