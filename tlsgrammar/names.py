"""Code point <-> name, for every registry that the structures and the events refer to.

What belongs here: the registries, each as one mapping. Most are read from the tables in
`tlsgrammar/registries` (taken from the IANA registries and from what implementations use), when
they are first asked.

    >>> CIPHER_SUITES.name(0x1301), CIPHER_SUITES.name(0xfafa), CIPHER_SUITES.name(0x4321)
    ('TLS_AES_128_GCM_SHA256', 'GREASE-0xfafa', 'unknown-0x4321')
    >>> SUPPORTED_GROUPS.code('x25519')
    29
"""

from __future__ import annotations

import csv
import enum
import importlib.resources
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property

__all__ = [
    "ALERT_DESCRIPTIONS",
    "ALERT_LEVELS",
    "CERTIFICATE_COMPRESSION_ALGORITHMS",
    "CERTIFICATE_STATUS_TYPES",
    "CIPHER_SUITES",
    "CLIENT_CERTIFICATE_TYPES",
    "COMPRESSION_METHODS",
    "CONTENT_TYPES",
    "EC_CURVE_TYPES",
    "EC_POINT_FORMATS",
    "EXTENSION_TYPES",
    "HANDSHAKE_TYPES",
    "HEARTBEAT_MESSAGE_TYPES",
    "NAME_TYPES",
    "SIGNATURE_SCHEMES",
    "SSLV2_CIPHER_KINDS",
    "SSLV2_ERRORS",
    "SUPPORTED_GROUPS",
    "VERSIONS",
    "AlertLevel",
    "CertificateStatusType",
    "ContentType",
    "ECCurveType",
    "HandshakeType",
    "HeartbeatMessageType",
    "NameType",
    "Registry",
    "cipher_name",
]


class ContentType(enum.IntEnum):
    """RFC 8446 section 5.1; heartbeat: RFC 6520 section 3; tls12_cid: RFC 9146 section 3."""

    change_cipher_spec = 20
    alert = 21
    handshake = 22
    application_data = 23
    heartbeat = 24
    tls12_cid = 25


class HandshakeType(enum.IntEnum):
    """RFC 8446 section 4, with the types that only older versions and other RFCs have."""

    hello_request = 0
    client_hello = 1
    server_hello = 2
    hello_verify_request = 3
    new_session_ticket = 4
    end_of_early_data = 5
    hello_retry_request = 6
    encrypted_extensions = 8
    certificate = 11
    server_key_exchange = 12
    certificate_request = 13
    server_hello_done = 14
    certificate_verify = 15
    client_key_exchange = 16
    finished = 20
    certificate_url = 21
    certificate_status = 22
    supplemental_data = 23
    key_update = 24
    compressed_certificate = 25
    next_protocol = 67
    message_hash = 254


class AlertLevel(enum.IntEnum):
    """RFC 8446 section 6."""

    warning = 1
    fatal = 2


class HeartbeatMessageType(enum.IntEnum):
    """RFC 6520 section 3."""

    heartbeat_request = 1
    heartbeat_response = 2


class NameType(enum.IntEnum):
    """RFC 6066 section 3."""

    host_name = 0


class ECCurveType(enum.IntEnum):
    """RFC 8422 section 5.4; the explicit ones: RFC 4492 section 5.4."""

    explicit_prime = 1
    explicit_char2 = 2
    named_curve = 3


class CertificateStatusType(enum.IntEnum):
    """RFC 6066 section 8 and RFC 6961 section 2.2."""

    ocsp = 1
    ocsp_multi = 2


class Registry(Mapping[int, str]):
    """Names by code point. `name` and `code` look up either way; iteration gives the code points.

    Attributes:
        title: what the code points are, in the singular.
        digits: how many hexadecimal digits a code point has.
    """

    def __init__(
        self,
        title: str,
        digits: int,
        load: Callable[[], Mapping[int, str]],
        grease: Callable[[int], bool] | None = None,
    ) -> None:
        self.title = title
        self.digits = digits
        self._load = load
        self._grease = grease

    @cached_property
    def _names(self) -> Mapping[int, str]:
        return self._load()

    @cached_property
    def _codes(self) -> dict[str, int]:
        # Where a name stands twice, the first code point has it: the later ones are drafts'.
        return {name: code for code, name in reversed(list(self._names.items()))}

    def __getitem__(self, code: int) -> str:
        return self._names[code]

    def __iter__(self) -> Iterator[int]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def name(self, code: int) -> str:
        """The name of a code point; `GREASE-0x2a2a` (RFC 8701) or `unknown-0x1234` without one."""
        known = self._names.get(code)
        if known is not None:
            return known
        kind = "GREASE" if self._grease is not None and self._grease(code) else "unknown"
        return f"{kind}-0x{code:0{self.digits}x}"

    def code(self, name: str) -> int:
        """The code point of a name, as `name` prints it.

        Raises:
            KeyError: the registry has no such name.
        """
        known = self._codes.get(name)
        if known is not None:
            return known
        kind, _, number = name.partition("-0x")
        if kind in ("GREASE", "unknown"):
            try:
                return int(number, 16)
            except ValueError:
                pass
        raise KeyError(f"no {self.title} is named {name!r}")


def _grease16(code: int) -> bool:
    return code & 0x0F0F == 0x0A0A and code >> 8 == code & 0xFF


def _table(filename: str, column: str = "name") -> Callable[[], Mapping[int, str]]:
    def load() -> Mapping[int, str]:
        text = importlib.resources.files(__package__).joinpath("registries", filename).read_text()
        return {
            int(row["code"], 0): row[column] or row["label"].lower().replace(" ", "_")
            for row in csv.DictReader(text.splitlines())
        }

    return load


def _enum(enumeration: type[enum.IntEnum]) -> Callable[[], Mapping[int, str]]:
    return lambda: {member.value: member.name for member in enumeration}


VERSIONS = Registry("protocol version", 4, _table("versions.csv"), _grease16)
CONTENT_TYPES = Registry("content type", 2, _enum(ContentType))
HANDSHAKE_TYPES = Registry("handshake type", 2, _enum(HandshakeType))
ALERT_LEVELS = Registry("alert level", 2, _enum(AlertLevel))
ALERT_DESCRIPTIONS = Registry("alert description", 2, _table("alert_descriptions.csv"))
HEARTBEAT_MESSAGE_TYPES = Registry("heartbeat message type", 2, _enum(HeartbeatMessageType))
CIPHER_SUITES = Registry("cipher suite", 4, _table("cipher_suites.csv"), _grease16)
EXTENSION_TYPES = Registry("extension type", 4, _table("extension_types.csv"), _grease16)
SUPPORTED_GROUPS = Registry("group", 4, _table("supported_groups.csv"), _grease16)
EC_POINT_FORMATS = Registry("point format", 2, _table("ec_point_formats.csv"))
EC_CURVE_TYPES = Registry("curve type", 2, _enum(ECCurveType))
SIGNATURE_SCHEMES = Registry("signature scheme", 4, _table("signature_schemes.csv"), _grease16)
NAME_TYPES = Registry("name type", 2, _enum(NameType))
CERTIFICATE_STATUS_TYPES = Registry("certificate status type", 2, _enum(CertificateStatusType))
CLIENT_CERTIFICATE_TYPES = Registry("client certificate type", 2, _table("certificate_types.csv"))
CERTIFICATE_COMPRESSION_ALGORITHMS = Registry(
    "certificate compression algorithm", 4, _table("certificate_compression_algorithms.csv")
)
COMPRESSION_METHODS = Registry(
    "compression method",
    2,
    # RFC 3749 section 2 and RFC 3943 section 2.
    lambda: {0: "null", 1: "DEFLATE", 64: "LZS"},
)
SSLV2_CIPHER_KINDS = Registry("SSL 2.0 cipher kind", 6, _table("sslv2_cipher_kinds.csv"))
SSLV2_ERRORS = Registry(
    "SSL 2.0 error",
    4,
    # "The SSL Protocol" (SSL 2.0), section 2.6, "Error handling".
    lambda: {
        1: "NO-CIPHER-ERROR",
        2: "NO-CERTIFICATE-ERROR",
        4: "BAD-CERTIFICATE-ERROR",
        6: "UNSUPPORTED-CERTIFICATE-TYPE-ERROR",
    },
)


def cipher_name(code: int) -> str:
    """The name of a cipher suite, or of an SSL 2.0 cipher kind, which has 24 bits. A kind that stands for a
    cipher suite has the suite's number (RFC 5246 appendix E.2).
    """
    return (CIPHER_SUITES if code < 2**16 else SSLV2_CIPHER_KINDS).name(code)
