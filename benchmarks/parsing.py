"""One message at a time: the compiled grammar against hand-written parsers, and against other libraries."""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import tlsgrammar
from tlsgrammar.framing import HandshakeReader, Protocol, RecordReader
from tlsgrammar.names import ContentType, HandshakeType

from . import handwritten
from .make_captures import contexts, talk
from .pairs import Pair, calls

__all__ = ["against_handwritten", "against_peers"]

_VERSIONS = {"TLS 1.2": ssl.TLSVersion.TLSv1_2, "TLS 1.3": ssl.TLSVersion.TLSv1_3}


def _messages(name: str) -> dict[int, bytes]:
    """The unencrypted handshake messages of a conversation of a version, by type."""
    with tempfile.TemporaryDirectory() as folder:
        chunks = talk(*contexts(Path(folder), _VERSIONS[name]), 0)
    records = {side: RecordReader(Protocol.TLS) for side in (True, False)}
    found: dict[int, bytes] = {}
    for side, data in chunks:
        records[side].feed(data)
        while record := records[side].next():
            if record.type == ContentType.change_cipher_spec:
                records[side].pass_over = True
            if record.type == ContentType.handshake and record.fragment is not None:
                reader = HandshakeReader()
                reader.feed(record.fragment, 0)
                while message := reader.next():
                    found[message.data[0]] = message.data
    return found


def against_handwritten() -> Iterator[tuple[str, Pair]]:
    """What is parsed, and the time of it against that of a hand-written parser with the same result."""
    modern, older = _messages("TLS 1.3"), _messages("TLS 1.2")
    cases: list[tuple[str, bytes, Callable[[bytes], Any]]] = [
        ("ClientHello of TLS 1.2", older[HandshakeType.client_hello], handwritten.client_hello),
        ("ClientHello of TLS 1.3", modern[HandshakeType.client_hello], handwritten.client_hello),
        ("ServerHello of TLS 1.2", older[HandshakeType.server_hello], handwritten.server_hello),
        ("ServerHello of TLS 1.3", modern[HandshakeType.server_hello], handwritten.server_hello),
        ("Certificate of TLS 1.2", older[HandshakeType.certificate], handwritten.certificate),
    ]
    for name, data, function in cases:
        if tlsgrammar.parse(tlsgrammar.Handshake, data) != function(data):
            raise RuntimeError(f"the hand-written parser has another result for the {name}")
        yield (
            f"{name}, {len(data)} bytes",
            calls(
                lambda data=data: tlsgrammar.parse(tlsgrammar.Handshake, data),
                lambda data=data, function=function: function(data),
            ),
        )


def against_peers() -> Iterator[tuple[str, Pair]]:
    """A library, and our time for a ClientHello against its."""
    data = _messages("TLS 1.3")[HandshakeType.client_hello]
    for name, function in _peers(data):
        yield (
            f"{name} {version(name)}",
            calls(lambda: tlsgrammar.parse(tlsgrammar.Handshake, data), function, runs=7),
        )


def _peers(data: bytes) -> Iterator[tuple[str, Callable[[], Any]]]:
    import aioquic.buffer
    import aioquic.tls
    import cryptoparser.tls.subprotocol
    import dpkt.ssl
    import scapy.layers.tls.handshake
    import tlslite.messages
    import tlslite.utils.codec

    yield "dpkt", lambda: dpkt.ssl.TLSHandshake(data)
    yield "aioquic", lambda: aioquic.tls.pull_client_hello(aioquic.buffer.Buffer(data=data))

    def tlslite_ng() -> None:
        parser = tlslite.utils.codec.Parser(bytearray(data))
        parser.get(1)
        tlslite.messages.ClientHello().parse(parser)

    yield "tlslite-ng", tlslite_ng
    yield "scapy", lambda: scapy.layers.tls.handshake.TLSClientHello(data)
    hello = cryptoparser.tls.subprotocol.TlsHandshakeClientHello
    yield "cryptoparser", lambda: hello.parse_exact_size(data)
