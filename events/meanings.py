"""What the parameters of events mean, for the declarations of the classes.

What may live here: the meanings, and the types that are declared with them. Which parameter has which meaning is for the
declaration of the event alone: its name says nothing.

    level: Annotated[int, names.ALERT_LEVELS]       printed as `fatal`
    level: int                                      printed as `2`
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from tlsgrammar import names
from tlsgrammar.language.names import Names
from tlsgrammar.registry import Registry

__all__ = [
    "AlertDescription",
    "AlertLevel",
    "AnySize",
    "CipherSuite",
    "ClientCertificateType",
    "CompressionMethod",
    "ContentType",
    "ExtensionType",
    "Group",
    "HandshakeType",
    "HeartbeatMessageType",
    "HpkeAead",
    "HpkeKdf",
    "Meaning",
    "NameOf",
    "NameOfCipher",
    "NameOfQuicError",
    "NameOfSignature",
    "PointFormat",
    "PossibleTime",
    "PossiblyTime",
    "PskKeyExchangeMode",
    "QuicErrorCode",
    "QuicVersion",
    "SctVersion",
    "SecondsSinceEpoch",
    "SignatureScheme",
    "Text",
    "TextBytes",
    "Time",
    "Version",
]


class Meaning:
    """What a value means to people. `Annotated[int, SecondsSinceEpoch]` declares it; a list has that of its items.

    Where the annotation is a registry of names (`tlsgrammar.names`), the meaning is `NameOf` them.
    """

    def words(self, value: Any, registry: Registry) -> str | None:
        """The value as people read it.

        Args:
            value: the value.
            registry: the one with the names.

        Returns:
            None where the value does not have this meaning, so that it is printed as it is.
        """
        return None


class NameOf(Meaning):
    """A code point, by its name.

    Args:
        of: the names, one of `tlsgrammar.names` or of your own; an attribute too.
    """

    def __init__(self, of: Names) -> None:
        self.of = of

    def words(self, value: Any, registry: Registry) -> str | None:
        """The name that the registry knows."""
        return registry.name_of(self.of, value) if isinstance(value, int) else None


class NameOfCipher(Meaning):
    """A cipher suite, by its name; or an SSL 2.0 cipher kind, which has 24 bits (RFC 5246 appendix E.2)."""

    def words(self, value: Any, registry: Registry) -> str | None:
        """The name that the registry knows."""
        if not isinstance(value, int):
            return None
        return registry.name_of(
            names.CIPHER_SUITES if value < 2**16 else names.SSLV2_CIPHER_KINDS, value
        )


class NameOfSignature(Meaning):
    """A `SignatureAndHashAlgorithm` (RFC 5246 section 7.4.1.4.1), by the name of the SignatureScheme of the same bytes."""

    def words(self, value: Any, registry: Registry) -> str | None:
        """The name that the registry knows."""
        try:
            code = value.HashAlgorithm << 8 | value.SignatureAlgorithm
        except (AttributeError, TypeError):
            return None
        return registry.name_of(names.SIGNATURE_SCHEMES, code)


class NameOfQuicError(Meaning):
    """An error code of QUIC (RFC 9000 section 20.1). Those from 0x0100 on have the description of a TLS alert in them."""

    def words(self, value: Any, registry: Registry) -> str | None:
        """The name that the registry knows."""
        if not isinstance(value, int):
            return None
        if value >> 8 == 1:
            return f"CRYPTO_ERROR: {registry.name_of(names.ALERT_DESCRIPTIONS, value & 0xFF)}"
        return registry.name_of(names.QUIC_ERROR_CODES, value)


_DAY = 24 * 60 * 60


class SecondsSinceEpoch(Meaning):
    """A number of seconds since the epoch, as a time in UTC."""

    def words(self, value: Any, registry: Registry) -> str | None:
        """The time to the second; None where it is in no year from 1 to 9999."""
        try:
            time = datetime.fromtimestamp(value, UTC).replace(tzinfo=None)
        except (TypeError, ValueError, OverflowError, OSError):
            return None
        return time.isoformat(timespec="seconds") + "Z"


class PossibleTime(SecondsSinceEpoch):
    """What is a time where it is near that of its event, and most likely a random number where it is not."""

    def words(self, value: Any, registry: Registry) -> str | None:
        """Nothing, as the time of its event is not known."""
        return None

    def words_at(self, ts: float | None, value: Any, registry: Registry) -> str | None:
        """The time to the second; None where it is more than a day from `ts`, the time of its event, or that is None."""
        if ts is None or not isinstance(value, int) or not abs(value - ts) <= _DAY:
            return None
        return super().words(value, registry)


class AnySize(Meaning):
    """An integer that may have thousands of bits, for formats whose integers have a size: they have its decimal digits."""


_PRINTABLE = {
    byte: "\\\\" if byte == 0x5C else chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}"
    for byte in range(256)
}


class Text(Meaning):
    r"""Bytes that are text on the wire: a backslash is doubled, and what is not printable ASCII is `\xNN`.

    They are printed so in JSON too, where other bytes are hexadecimal.
    """

    def words(self, value: Any, registry: Registry | None = None) -> str | None:
        """The text."""
        if not isinstance(value, bytes):
            return None
        text = value.decode("latin-1")
        if text.isascii() and text.isprintable() and "\\" not in text:
            return text
        return "".join(_PRINTABLE[byte] for byte in value)


# What the events of the library are declared with.

AlertDescription = Annotated[int, names.ALERT_DESCRIPTIONS]
AlertLevel = Annotated[int, names.ALERT_LEVELS]
CipherSuite = Annotated[int, NameOfCipher]
ClientCertificateType = Annotated[int, names.CLIENT_CERTIFICATE_TYPES]
CompressionMethod = Annotated[int, names.COMPRESSION_METHODS]
ContentType = Annotated[int, names.CONTENT_TYPES]
ExtensionType = Annotated[int, names.EXTENSION_TYPES]
Group = Annotated[int, names.SUPPORTED_GROUPS]
HandshakeType = Annotated[int, names.HANDSHAKE_TYPES]
HeartbeatMessageType = Annotated[int, names.HEARTBEAT_MESSAGE_TYPES]
HpkeAead = Annotated[int, names.HPKE_AEADS]
HpkeKdf = Annotated[int, names.HPKE_KDFS]
PointFormat = Annotated[int, names.EC_POINT_FORMATS]
PossiblyTime = Annotated[int, PossibleTime]
PskKeyExchangeMode = Annotated[int, names.PSK_KEY_EXCHANGE_MODES]
QuicErrorCode = Annotated[int, NameOfQuicError]
QuicVersion = Annotated[int, names.QUIC_VERSIONS]
SctVersion = Annotated[int, names.SCT_VERSIONS]
SignatureScheme = Annotated[int, names.SIGNATURE_SCHEMES]
TextBytes = Annotated[bytes, Text]
Time = Annotated[int, SecondsSinceEpoch]
Version = Annotated[int, names.VERSIONS]
