"""What is shown of one connection: what each side sent, in order.

What may live here: collecting that from events. How it is drawn is for `drawing`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from tlsgrammar import Handshake, Registry, names, read
from tlsgrammar.names import SIGNATURE_SCHEMES, HandshakeType

from ...certificates import CertificateInfo
from ...meanings import NameOfSignature
from ...model import (
    ConnectionStateRemove,
    Event,
    ProtocolViolation,
    QUICShortHeaderPacket,
    SslAlert,
    SslDecryptedData,
    SslEncryptedData,
    SslEstablished,
    SslHandshakeMessage,
    SslSecretsKnown,
    SslServerSignature,
    SslStructure,
    X509Certificate,
)

__all__ = ["HEARS", "Encrypted", "Ladder", "Note", "Plain", "Seen", "Step"]

# So many steps are kept of a connection, and so many bytes of its structures and of its application data.
_MAXIMUM_STEPS = 500
_MAXIMUM_BYTES = 2**17
_MAXIMUM_DATA = 2**10
_STEP_SIZE = 400


class Encrypted(msgspec.Struct):
    """Records one behind the other that a side sent, and that are encrypted.

    Attributes:
        ts: when the first of them came, in seconds since the epoch.
        is_orig: whether the originator sent them.
        count: how many.
        size: how many bytes their fragments have.
    """

    ts: float | None
    is_orig: bool
    count: int
    size: int


class Plain(msgspec.Struct):
    """Application data that secrets have opened, of records one behind the other.

    Attributes:
        ts, is_orig, count, size: as of `Encrypted`.
        data: the first bytes of them.
    """

    ts: float | None
    is_orig: bool
    count: int
    size: int
    data: bytes


class Step(msgspec.Struct):
    """A structure.

    Attributes:
        of: its event.
        label: what it is called, beside its kind.
        wrong: what is malformed in it.
        certificates: what the certificates in it say.
    """

    of: SslStructure
    label: str = ""
    wrong: list[ProtocolViolation] = []
    certificates: list[CertificateInfo | None] = []


class Note(NamedTuple):
    """Something that is known, or is wrong, from here on.

    Attributes:
        ts: since when, in seconds since the epoch.
        is_orig: whether it is about what the originator sent; None where it is about both sides.
        text: it, in words.
        is_wrong: whether it is a violation.
    """

    ts: float | None
    is_orig: bool | None
    text: str
    is_wrong: bool = False


class Seen(NamedTuple):
    """What was seen of a connection, for whoever draws it.

    Attributes:
        start: when it began, in seconds since the epoch; None where nobody knows.
        steps: what was sent, in order.
        left_out: how many steps were too many.
    """

    start: float | None
    steps: list[Step | Encrypted | Plain | Note]
    left_out: int


class Ladder:
    """What each side of a connection sent.

    Args:
        registry: has the names.
        start: when the connection began, in seconds since the epoch; None where nobody knows.

    Attributes:
        signature: the name of the scheme that the server signs with; None where it was not seen.
        violations: how many `protocol_violation` there were.
        size: how many bytes of memory it takes, about.
    """

    __slots__ = (
        "_bytes",
        "_last",
        "_left_out",
        "_registry",
        "_start",
        "_steps",
        "signature",
        "size",
        "violations",
    )

    def __init__(self, registry: Registry, start: float | None) -> None:
        self._registry = registry
        self._start = start
        self._steps: list[Step | Encrypted | Plain | Note] = []
        self.signature: str | None = None
        self.violations = 0
        self._left_out = 0
        self.size = _STEP_SIZE
        self._bytes = 0
        # The last structure of each side.
        self._last: dict[bool, Step] = {}

    def seen(self) -> Seen:
        """What has been seen so far."""
        return Seen(self._start, self._steps, self._left_out)

    def _add(self, step: Step | Encrypted | Plain | Note, size: int = 0) -> bool:
        if len(self._steps) >= _MAXIMUM_STEPS or self._bytes + size > _MAXIMUM_BYTES:
            self._left_out += 1
            return False
        self._bytes += size
        self.size += _STEP_SIZE + size
        self._steps.append(step)
        return True

    # What is heard

    def structure(self, event: SslStructure) -> None:
        step = Step(event, wrong=[], certificates=[])
        self._add(step, len(event.data))
        self._last[event.is_orig] = step

    def handshake_message(self, event: SslHandshakeMessage) -> None:
        name = self._registry.name_of(names.HANDSHAKE_TYPES, event.msg_type)
        step = self._last.get(event.is_orig)
        if step is None:
            return
        step.label = name
        if event.msg_type == HandshakeType.certificate_verify and not event.is_orig:
            self.signature = self._signed_with(step.of) or self.signature

    def _signed_with(self, of: SslStructure) -> str | None:
        """The name of the scheme that a CertificateVerify is signed with; None where it cannot be read."""
        value, _ = read(Handshake, of.data, version=of.version, extensions=self._registry)
        try:
            algorithm = value["body"]["algorithm"]
        except (KeyError, TypeError):  # it is malformed, or a registry has another schema for it
            return None
        return None if algorithm is None else self._registry.name_of(SIGNATURE_SCHEMES, algorithm)

    def alert(self, event: SslAlert) -> None:
        level = self._registry.name_of(names.ALERT_LEVELS, event.level)
        what = self._registry.name_of(names.ALERT_DESCRIPTIONS, event.desc)
        step = self._last.get(event.is_orig)
        if step is not None:
            step.label = f"{level}: {what}"

    def certificate(self, event: X509Certificate) -> None:
        step = self._last.get(event.is_orig)
        if step is not None:
            step.certificates.append(event.certificate)

    def signed(self, event: SslServerSignature) -> None:
        if event.signature_and_hashalgorithm.HashAlgorithm == 256:
            return  # before TLS 1.2 it is not said
        self.signature = NameOfSignature().words(event.signature_and_hashalgorithm, self._registry)

    def encrypted(self, event: SslEncryptedData) -> None:
        last = self._steps[-1] if self._steps else None
        if isinstance(last, Encrypted) and last.is_orig is event.is_orig:
            last.count += 1
            last.size += event.length
        else:
            self._add(Encrypted(event.ts, event.is_orig, 1, event.length))

    def decrypted(self, event: SslDecryptedData) -> None:
        size = len(event.data)
        last = self._steps[-1] if self._steps else None
        if (
            isinstance(last, Encrypted)
            and (last.is_orig, last.count) == (event.is_orig, 1)
            and isinstance(before := self._steps[-2] if len(self._steps) > 1 else None, Plain)
            and before.is_orig is event.is_orig
        ):
            self._steps.pop()  # the record that hid them tells nothing more
            last = before
        if isinstance(last, Plain) and last.is_orig is event.is_orig:
            last.count += 1
            last.size += size
            if len(last.data) < _MAXIMUM_DATA:
                last.data += event.data[: _MAXIMUM_DATA - len(last.data)]
        else:
            data = event.data[:_MAXIMUM_DATA]
            self._add(Plain(event.ts, event.is_orig, 1, size, data), len(data))

    def violation(self, event: ProtocolViolation) -> None:
        self.violations += 1
        step = self._last.get(event.is_orig)
        begin = 0 if step is None else step.of.offset
        if step is not None and begin <= event.offset <= begin + len(step.of.data):
            step.wrong.append(event)
        else:
            path = f"{event.path}: " if event.path else ""
            text = f"byte {event.offset}: {path}{event.reason}"
            self._add(Note(event.ts, event.is_orig, text, True), len(text))

    def short_header(self, event: QUICShortHeaderPacket) -> None:
        text = f"packet {event.count} with a short header"
        self._add(Note(event.ts, event.is_orig, text))

    def established(self, event: SslEstablished) -> None:
        self._add(Note(event.ts, None, "established"))

    def secrets_known(self, event: SslSecretsKnown) -> None:
        self._add(Note(event.ts, None, "its secrets are known"))

    def removed(self, event: ConnectionStateRemove) -> None:
        self._add(Note(event.ts, None, "the connection is over"))


HEARS: dict[type[Event], Callable[[Ladder, Any], None]] = {
    SslStructure: Ladder.structure,
    SslHandshakeMessage: Ladder.handshake_message,
    SslAlert: Ladder.alert,
    X509Certificate: Ladder.certificate,
    SslServerSignature: Ladder.signed,
    SslEncryptedData: Ladder.encrypted,
    SslDecryptedData: Ladder.decrypted,
    ProtocolViolation: Ladder.violation,
    QUICShortHeaderPacket: Ladder.short_header,
    SslEstablished: Ladder.established,
    SslSecretsKnown: Ladder.secrets_known,
    ConnectionStateRemove: Ladder.removed,
}
"""Which events are heard, and what hears them."""
