"""The record layer (RFC 8446 section 5) and the content that is not handshake messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from construct import Container, Default, Peek, Struct, Subconstruct, Tell, this

from . import names
from .extensions import ProtocolVersion
from .language import (
    Bytes,
    GrammarError,
    enumeration,
    message,
    opaque,
    remaining,
    repeated,
    structure,
    uint8,
    uint16,
    uint64,
)
from .language.presentation import Output, position, render_path
from .language.shape import Around, Shape, least_size
from .registry import DEFAULT

__all__ = [
    "AdditionalData",
    "Alert",
    "Alerts",
    "ApplicationData",
    "ChangeCipherSpec",
    "HeartbeatMessage",
    "RecordHeader",
    "RecordStart",
    "TLSCiphertext",
    "TLSInnerPlaintext",
    "TLSPlaintext",
]

ContentType = enumeration(uint8, names.CONTENT_TYPES)

# A record of any version, encrypted or not, has this shape; an encrypted one of TLS 1.2 may be 2048 bytes
# longer than 2^14 (RFC 5246 section 6.2.3).
TLSPlaintext = message(
    "TLSPlaintext",
    "RFC 8446 section 5.1",
    "type" / ContentType,
    "legacy_record_version" / ProtocolVersion,
    "length" / Peek(uint16),
    "fragment" / opaque(0, 2**14 + 2048),
)

# The part of it that tells a record from other data.
RecordStart = structure(
    "RecordStart",
    "RFC 8446 section 5.1",
    "type" / uint8,
    "legacy_record_version" / uint16,
)

# The part of a record before its fragment.
RecordHeader = structure(
    "RecordHeader",
    "RFC 8446 section 5.1",
    "type" / uint8,
    "legacy_record_version" / uint16,
    "length" / uint16,
)

# The whole of what an encrypted record of TLS 1.3 shows.
TLSCiphertext = message(
    "TLSCiphertext",
    "RFC 8446 section 5.2",
    "opaque_type" / ContentType,
    "legacy_record_version" / ProtocolVersion,
    "length" / Peek(uint16),
    "encrypted_record" / opaque(0, 2**14 + 256),
)


class _UpToType(Subconstruct):  # type: ignore[misc]
    """A structure that ends with a type that is not zero, and zeros. So it is found from its end how long the content
    before the type is: `content_length` in the context.
    """

    _part_names = ("subcon",)

    def _shape(self) -> Shape:
        return Around(self.subcon, least=least_size(self.subcon))

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        start = stream.tell()
        length = len(stream.read().rstrip(b"\0")) - 1
        stream.seek(start)
        if length < 0:
            reason = "there is no content type: all bytes are zero"
            raise GrammarError(reason, position(stream), render_path(path))
        inner = Container(context, content_length=length)
        return self.subcon._parsereport(stream, inner, path)

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        inner = Output(position(stream))
        content = obj.get("content") if isinstance(obj, Mapping) else None
        length = len(content) if isinstance(content, (bytes, bytearray)) else 0
        built = self.subcon._build(obj, inner, Container(context, content_length=length), path)
        data = inner.getvalue()
        if len(data.rstrip(b"\0")) != length + 1:
            reason = "the type is zero, or what follows it is not"
            raise GrammarError(reason, position(stream) + length, render_path(path))
        stream.write(data)
        return built


# What is encrypted in a TLSCiphertext.
TLSInnerPlaintext = message(
    "TLSInnerPlaintext",
    "RFC 8446 section 5.2",
    _UpToType(
        Struct(
            "content" / Bytes(this._.content_length),
            "type" / ContentType,
            "zeros" / Default(remaining(), b""),
        )
    ),
)

# What is authenticated beside the fragment of a record up to TLS 1.2, by an AEAD or by what precedes the fragment under a
# MAC (section 6.2.3.1).
AdditionalData = structure(
    "AdditionalData",
    "RFC 5246 section 6.2.3.3",
    "seq_num" / uint64,
    "type" / uint8,
    "version" / uint16,
    "length" / uint16,
)

ChangeCipherSpec = message("ChangeCipherSpec", "RFC 5246 section 7.1", "type" / uint8)

Alert = message(
    "Alert",
    "RFC 8446 section 6",
    "level" / enumeration(uint8, names.ALERT_LEVELS),
    "description" / enumeration(uint8, names.ALERT_DESCRIPTIONS),
)

# A record can hold more than one, up to TLS 1.2 (RFC 5246 section 6.2.1).
Alerts = repeated(Alert)

# How much is padding only the sender knows: a payload that is shorter than announced takes all that is
# there. `length`, of the whole message, is not on the wire.
HeartbeatMessage = message(
    "HeartbeatMessage",
    "RFC 6520 section 4",
    "type" / enumeration(uint8, names.HEARTBEAT_MESSAGE_TYPES),
    "payload_length" / uint16,
    "payload" / remaining(this.payload_length),
    "padding" / remaining(),
    "length" / Tell,
)

ApplicationData = remaining()

for _type, _schema, _reference in (
    (names.ContentType.change_cipher_spec, ChangeCipherSpec, "RFC 5246 section 7.1"),
    (names.ContentType.alert, Alerts, "RFC 8446 section 6"),
    (names.ContentType.heartbeat, HeartbeatMessage, "RFC 6520 section 4"),
):
    DEFAULT.register_content_type(_type.value, _type.name, _schema, reference=_reference)
