"""An extension of one's own, with an event of its own: `python examples/extension.py`."""

from __future__ import annotations

from typing import Any, ClassVar

from construct import Struct

import events
import tlsgrammar
from tlsgrammar.language import opaque, uint8, vector

# What the extension holds, as the document that defines it would say:
#
#     struct {
#         uint8 priority;
#         ProtocolWord words<2..2^16-1>;      /* opaque ProtocolWord<1..2^8-1>; */
#     } Greeting;
Greeting = Struct(
    "priority" / uint8,
    "words" / vector(opaque(1, 2**8 - 1), 2, 2**16 - 1),
)
tlsgrammar.extensions.register(0xFE01, "greeting", Greeting, reference="our own")


class SslExtensionGreeting(events.Event, frozen=True):
    """The greeting extension."""

    name: ClassVar[str] = "ssl_extension_greeting"
    c: events.Connection
    is_orig: bool
    words: list[bytes]


@events.raises(SslExtensionGreeting, on_extension="greeting")
def ssl_extension_greeting(body: Any, at: events.Occasion) -> SslExtensionGreeting:
    """The body of the extension, parsed, as an event."""
    return SslExtensionGreeting(at.c, at.is_orig, body.words)


def main() -> None:
    """Build a ClientHello with the extension, and read it back as events."""
    hello = {
        "legacy_version": "TLSv12",
        "random": {"gmt_unix_time": 0, "random_bytes": bytes(28)},
        "legacy_session_id": b"",
        "cipher_suites": ["TLS_AES_128_GCM_SHA256"],
        "legacy_compression_methods": ["null"],
        "extensions": [
            {
                "extension_type": "greeting",
                "body": {"priority": 1, "words": ["hello", "world"]},
            }
        ],
    }
    message = tlsgrammar.build(tlsgrammar.Handshake, {"msg_type": "client_hello", "body": hello})
    record = tlsgrammar.build(
        tlsgrammar.TLSPlaintext,
        {"type": "handshake", "legacy_record_version": "TLSv10", "fragment": message},
    )
    for event in events.Analyzer().deliver(record, is_orig=True):
        print(events.text_line(event).decode())


if __name__ == "__main__":
    main()
