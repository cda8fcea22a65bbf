"""What is shown of one connection: what each side sent, in order.

What may live here: collecting that from events. How it is drawn is for `drawing`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from tlsgrammar import Handshake, Registry, names, read
from tlsgrammar.names import SIGNATURE_SCHEMES, HandshakeType

from ...certificate import CertificateInfo
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
    SslServerSignature,
    SslStructure,
    X509Certificate,
)

__all__ = [
    "HEARS",
    "Encrypted",
    "Ladder",
    "Note",
    "Plain",
    "Seen",
    "Step",
    "body_of",
    "in_words",
    "layout_of",
]

# So many steps are kept of a connection, and so many bytes of its structures and of its application data.
_MAXIMUM_STEPS = 500
_MAXIMUM_BYTES = 2**17
_MAXIMUM_DATA = 2**10
_STEP_SIZE = 400
# So much is told of one structure.
_MAXIMUM_WRONG = 50
_MAXIMUM_CERTIFICATES = 20
_CERTIFICATE_SIZE = 1000
_MAXIMUM_LABEL = 200

# What a violation is about that is about no structure of a step, by the beginning of its path.
_NO_STEP = frozenset(
    {
        *("TLSPlaintext", "TLSCiphertext", "TLSInnerPlaintext", "RecordHeader"),
        *("DTLSPlaintext", "DTLSCiphertext", "DTLSRecordStart", "UnifiedHeader", "Frame"),
    }
)
_TOO_LONG = "Handshake.length"  # of a message that is not read at all
_OF_FRAGMENTS = ("DTLSHandshake", "DTLSHandshakeHeader")


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
        record: the length of the record that hid it, where it is the first in that; 0 where nobody knows.
        label: what it is called, beside its kind.
        wrong: what is malformed in it, or what else was wrong while it was read.
        more_wrong: how much more of that there was.
        certificates: what the certificates in it say.
        more_certificates: how many more there are.
    """

    of: SslStructure
    record: int = 0
    label: str = ""
    wrong: list[ProtocolViolation] = []
    more_wrong: int = 0
    certificates: list[CertificateInfo | None] = []
    more_certificates: int = 0


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


def layout_of(structure: SslStructure) -> dict[str, Any]:
    """What `tlsgrammar.parse` takes for a structure besides its bytes."""
    layout = {
        "version": structure.version,
        "cipher_suite": structure.cipher_suite,
        "dtls": structure.dtls,
        "certificate_type": structure.certificate_type,
    }
    return {name: value for name, value in layout.items() if value is not None}


def body_of(message: SslStructure, registry: Registry) -> Any:
    """The body of a handshake message, as far as it can be read; it may be anything, where a registry has a schema of its own."""
    value, _ = read(Handshake, message.data, **layout_of(message), extensions=registry)
    return value["body"]


def in_words(violation: ProtocolViolation) -> str:
    """A violation, as people read it."""
    path = f"{violation.path}: " if violation.path else ""
    return f"byte {violation.offset}: {path}{violation.reason}"


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
        start: the time that others count from, in seconds since the epoch: that of its first event, as in its row.

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
        # The last structures of each side that are shown: by what they are, the last one last.
        self._last: dict[bool, dict[str, Step]] = {True: {}, False: {}}

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
        step = Step(event, self._take_record(event.is_orig) if event.is_encrypted else 0)
        last = self._last[event.is_orig]
        if not self._add(step, len(event.data)):
            last.clear()
            return
        last.pop(event.structure, None)
        last[event.structure] = step

    def _last_of(self, is_orig: bool, *kinds: str) -> Step | None:
        """The last structure of a side that is shown: of some kinds, or of any."""
        last = self._last[is_orig]
        return next((last[kind] for kind in reversed(last) if not kinds or kind in kinds), None)

    def handshake_message(self, event: SslHandshakeMessage) -> None:
        name = self._registry.name_of(names.HANDSHAKE_TYPES, event.msg_type)
        step = self._last_of(event.is_orig, "Handshake", "SSL 2.0")
        if step is None:
            return
        step.label = name
        if event.msg_type == HandshakeType.certificate_verify and not event.is_orig:
            self.signature = self._signed_with(step.of) or self.signature

    def _signed_with(self, of: SslStructure) -> str | None:
        """The name of the scheme that a CertificateVerify is signed with; None where it cannot be read."""
        try:
            algorithm = body_of(of, self._registry)["algorithm"]
        except (KeyError, TypeError):  # it is malformed, or a registry has another schema for it
            return None
        return None if algorithm is None else self._registry.name_of(SIGNATURE_SCHEMES, algorithm)

    def alert(self, event: SslAlert) -> None:
        level = self._registry.name_of(names.ALERT_LEVELS, event.level)
        what = self._registry.name_of(names.ALERT_DESCRIPTIONS, event.desc)
        step = self._last_of(event.is_orig, "alert")
        if step is not None:
            step.label = ", ".join(filter(None, [step.label, f"{level}: {what}"]))[:_MAXIMUM_LABEL]

    def certificate(self, event: X509Certificate) -> None:
        step = self._last_of(event.is_orig)
        if step is None:
            return
        if len(step.certificates) < _MAXIMUM_CERTIFICATES:
            step.certificates.append(event.certificate)
            self.size += _CERTIFICATE_SIZE
        else:
            step.more_certificates += 1

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
        self._take_record(event.is_orig)
        last = self._steps[-1] if self._steps else None
        if isinstance(last, Plain) and last.is_orig is event.is_orig:
            last.count += 1
            last.size += size
            room = min(_MAXIMUM_DATA - len(last.data), _MAXIMUM_BYTES - self._bytes)
            if room > 0:
                more = event.data[:room]
                last.data += more
                self._bytes += len(more)
                self.size += len(more)
        else:
            data = event.data[:_MAXIMUM_DATA]
            self._add(Plain(event.ts, event.is_orig, 1, size, data), len(data))

    def _take_record(self, is_orig: bool) -> int:
        """The length of the record that has just been opened, which is no step of its own then; 0 where others wait with it."""
        last = self._steps[-1] if self._steps else None
        if not isinstance(last, Encrypted) or (last.is_orig, last.count) != (is_orig, 1):
            return 0
        self._steps.pop()
        self.size -= _STEP_SIZE
        return last.size

    def violation(self, event: ProtocolViolation) -> None:
        self.violations += 1
        step = self._step_of(event)
        if step is None:
            text = in_words(event)
            self._add(Note(event.ts, event.is_orig, text, True), len(text))
        elif len(step.wrong) < _MAXIMUM_WRONG:
            step.wrong.append(event)
            self.size += _STEP_SIZE
        else:
            step.more_wrong += 1

    def _step_of(self, event: ProtocolViolation) -> Step | None:
        """The structure that a violation is about: it comes behind that one, and says where in it. Where it does not say, its
        offset has to be in it.
        """
        about = event.path.partition(".")[0].partition("[")[0]
        if event.path and event.path != _TOO_LONG and about not in _NO_STEP:
            return self._last_of(
                event.is_orig, *(["DTLSHandshake"] if about in _OF_FRAGMENTS else [])
            )
        if event.path:
            return None
        for step in reversed(self._last[event.is_orig].values()):
            if step.of.offset <= event.offset < step.of.offset + len(step.of.data):
                return step
        return None

    def short_header(self, event: QUICShortHeaderPacket) -> None:
        text = f"packet {event.count} with a short header"
        self._add(Note(event.ts, event.is_orig, text))

    def established(self, event: SslEstablished) -> None:
        self._add(Note(event.ts, None, "both sides encrypt from here on (ssl_established)"))

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
    ConnectionStateRemove: Ladder.removed,
}
"""Which events are heard, and what hears them."""
