"""What is said in datagrams, in captures of the test data; and the events of it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import tlsgrammar
from events import DatagramAnalyzer, Event
from events.testing.captures import Chunk, payloads
from tlsgrammar import dtls

DATA = Path(__file__).parent.parent / "data" / "dtls"


def said(name: str) -> list[Chunk]:
    return payloads(DATA / f"{name}.pcap")


def analyze(chunks: Iterable[Chunk], *, end: bool = True, **options: object) -> list[Event]:
    options.setdefault("disable_analyzer_after_detection", False)
    analyzer = DatagramAnalyzer(**options)  # type: ignore[arg-type]
    out = [event for is_orig, data in chunks for event in analyzer.deliver(data, is_orig)]
    return out + (analyzer.end() if end else [])


def record(content_type: str, fragment: bytes, *, epoch: int = 0, version: int = 0xFEFD) -> bytes:
    value = {
        "type": content_type,
        "version": version,
        "epoch": epoch,
        "sequence_number": 7,
        "fragment": fragment,
    }
    return tlsgrammar.build(dtls.DTLSPlaintext, value)


def fragment(msg_type: int, body: bytes, start: int, end: int, seq: int = 0) -> bytes:
    value = {
        "msg_type": msg_type,
        "length": len(body),
        "message_seq": seq,
        "fragment_offset": start,
        "fragment": body[start:end],
    }
    return tlsgrammar.build(dtls.DTLSHandshake, value)


def hello_body(kind: str, *extensions: tuple[int, bytes]) -> bytes:
    common = {
        "random": {"gmt_unix_time": 1, "random_bytes": bytes(range(28))},
        "extensions": [{"extension_type": c, "extension_data": d} for c, d in extensions],
    }
    if kind == "client_hello":
        hello = {
            "legacy_version": 0xFEFD,
            "legacy_session_id": b"",
            "cookie": b"biscuit",
            "cipher_suites": [0xC02B, 0x1301],
            "legacy_compression_methods": [0],
        }
    else:
        hello = {
            "legacy_version": 0xFEFD,
            "legacy_session_id_echo": b"",
            "cipher_suite": 0x1301,
            "legacy_compression_method": 0,
        }
    schema = tlsgrammar.ClientHello if kind == "client_hello" else tlsgrammar.ServerHello
    return tlsgrammar.build(schema, {**common, **hello}, dtls=True)
