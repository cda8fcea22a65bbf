"""What is said over TCP, in captures of the test data and made by hand; and the events of it."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import tlsgrammar
from events import (
    Analyzer,
    Event,
)
from events.testing.captures import Chunk, payloads
from tlsgrammar import sslv2

DATA = Path(__file__).parent.parent / "data"


# But for those that begin as something else, where a beginning is that of a segment.
CAPTURES = sorted(
    path.stem for path in DATA.glob("*.pcap") if not path.stem.startswith(("starttls", "proxy"))
)


def said(name: str) -> list[Chunk]:
    """What was said in a capture of the test data."""
    return payloads(DATA / f"{name}.pcap")


def analyze(chunks: list[Chunk], *, end: bool = True, **options: object) -> list[Event]:
    """The events of a conversation."""
    options.setdefault("disable_analyzer_after_detection", False)
    analyzer = Analyzer(**options)  # type: ignore[arg-type]
    out = [event for is_orig, data in chunks for event in analyzer.deliver(data, is_orig)]
    return out + (analyzer.end() if end else [])


E = TypeVar("E", bound=Event)


def of(kind: type[E], found: list[Event]) -> list[E]:
    return [event for event in found if isinstance(event, kind)]


def names(found: list[Event]) -> list[str]:
    return [event.name for event in found]


CONTENT_TYPES = {
    "ccs": 20,
    "alert": 21,
    "handshake": 22,
    "data": 23,
    "heartbeat": 24,
    "unknown": 99,
}


def record(content_type: str, fragment: bytes) -> bytes:
    """A TLS record."""
    return tlsgrammar.build(
        tlsgrammar.TLSPlaintext,
        {
            "type": CONTENT_TYPES[content_type],
            "legacy_record_version": 0x0303,
            "fragment": fragment,
        },
    )


def client_hello(*extensions: tuple[int, bytes], **fields: object) -> bytes:
    """A ClientHello message."""
    hello = {
        "legacy_version": 0x0303,
        "random": {"gmt_unix_time": 1, "random_bytes": bytes(range(28))},
        "legacy_session_id": b"",
        "cipher_suites": [0xC02F, 0x1301],
        "legacy_compression_methods": [0],
        "extensions": [
            {"extension_type": code, "extension_data": data} for code, data in extensions
        ],
        **fields,
    }
    return tlsgrammar.build(tlsgrammar.Handshake, {"msg_type": "client_hello", "body": hello})


def server_hello(*extensions: tuple[int, bytes], **fields: object) -> bytes:
    """A ServerHello message."""
    hello = {
        "legacy_version": 0x0303,
        "random": {"gmt_unix_time": 2, "random_bytes": bytes(range(28))},
        "legacy_session_id_echo": b"",
        "cipher_suite": 0xC02F,
        "legacy_compression_method": 0,
        "extensions": [
            {"extension_type": code, "extension_data": data} for code, data in extensions
        ],
        **fields,
    }
    return tlsgrammar.build(tlsgrammar.Handshake, {"msg_type": "server_hello", "body": hello})


def message(msg_type: int, body: bytes) -> bytes:
    return bytes([msg_type]) + len(body).to_bytes(3, "big") + body


HELLOS: list[Chunk] = [
    (True, record("handshake", client_hello())),
    (False, record("handshake", server_hello())),
]


def sslv2_record(msg_type: int, schema: object, value: dict[str, object]) -> bytes:
    body = bytes([msg_type]) + tlsgrammar.build(schema, value)
    return (0x8000 | len(body)).to_bytes(2, "big") + body


def sslv2_client_hello(version: int, ciphers: list[int]) -> bytes:
    value = {"version": version, "cipher_specs": ciphers, "session_id": b"", "challenge": b"c" * 16}
    return sslv2_record(1, sslv2.ClientHello, value)


def sslv2_server_hello(hit: int) -> bytes:
    return sslv2_record(
        4,
        sslv2.ServerHello,
        {
            "session_id_hit": hit,
            "certificate_type": 1,
            "server_version": 2,
            "certificate": b"certificate",
            "cipher_specs": [0x010080],
            "connection_id": b"i" * 16,
        },
    )


MASTER_KEY = sslv2_record(
    2,
    sslv2.ClientMasterKey,
    {"cipher_kind": 0x010080, "clear_key": b"", "encrypted_key": b"k" * 64, "key_arg": b""},
)


SSL_2: list[Chunk] = [
    (True, sslv2_client_hello(2, [0x010080, 0x0700C0])),
    (False, sslv2_server_hello(0)),
    (True, MASTER_KEY),
    (False, b"\x80\x05vwxyz"),
    (True, b"\x00\x05\x02vwxyz"),
]
