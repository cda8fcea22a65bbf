"""The record layer (RFC 8446 section 5) and the content that is not handshake messages."""

from __future__ import annotations

from construct import Peek, Struct, Tell, this

from . import names
from .extensions import ProtocolVersion
from .language import enumeration, opaque, remaining, repeated, uint8, uint16
from .registry import DEFAULT

__all__ = [
    "Alert",
    "Alerts",
    "ApplicationData",
    "ChangeCipherSpec",
    "HeartbeatMessage",
    "RecordHeader",
    "TLSPlaintext",
]

ContentType = enumeration(uint8, names.CONTENT_TYPES)

# RFC 8446 section 5.1. A record of any version, encrypted or not, has this shape; an encrypted one of
# TLS 1.2 may be 2048 bytes longer than 2^14 (RFC 5246 section 6.2.3).
TLSPlaintext = "TLSPlaintext" / Struct(
    "type" / ContentType,
    "legacy_record_version" / ProtocolVersion,
    "length" / Peek(uint16),
    "fragment" / opaque(0, 2**14 + 2048),
)

# The part of a record before its fragment.
RecordHeader = Struct(
    "type" / uint8,
    "legacy_record_version" / uint16,
    "length" / uint16,
)

# RFC 5246 section 7.1
ChangeCipherSpec = "ChangeCipherSpec" / Struct("type" / uint8)

# RFC 8446 section 6
Alert = "Alert" / Struct(
    "level" / enumeration(uint8, names.ALERT_LEVELS),
    "description" / enumeration(uint8, names.ALERT_DESCRIPTIONS),
)

# A record can hold more than one, up to TLS 1.2 (RFC 5246 section 6.2.1).
Alerts = repeated(Alert)

# RFC 6520 section 4. How much is padding only the sender knows: a payload that is shorter than
# announced takes all that is there. `length`, of the whole message, is not on the wire.
HeartbeatMessage = "HeartbeatMessage" / Struct(
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
