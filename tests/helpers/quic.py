"""Connections of QUIC by aioquic, packets that are made by hand, and the events of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import events
import tlsgrammar
from events import QuicAnalyzer
from events.secrets.initial import InitialKeys, initial_keys
from events.testing.captures import Chunk
from events.testing.quic import configurations as without_certificate
from tlsgrammar import quic

from .certificates import certificate


def configurations(**options: Any) -> tuple[Any, Any]:
    """Those of a client, and of a server with a certificate for server.example; the options are for both."""
    client, server = without_certificate(**options)
    server.certificate, server.private_key = certificate()
    return client, server


def analyze(chunks: Iterable[Chunk], **choices: Any) -> list[events.Event]:
    analyzer = QuicAnalyzer(**choices)
    found = [e for is_orig, data in chunks for e in analyzer.deliver(data, is_orig, 1.0)]
    return found + analyzer.end(2.0)


CLIENT_CID = bytes.fromhex("8394c8f03e515708")


def initial(
    payload: bytes,
    keys: InitialKeys | None = None,
    number: int = 0,
    cid: bytes = CLIENT_CID,
    token: bytes = b"",
) -> bytes:
    if keys is None:
        both = initial_keys(quic.VERSION_1, cid)
        assert both is not None
        keys = both.client
    fields = {
        "version": quic.VERSION_1,
        "destination_connection_id": cid,
        "source_connection_id": b"client",
        "token": token,
    }
    return keys.seal(fields, number, payload)


def crypto(offset: int, data: bytes) -> bytes:
    frame = {"type": "CRYPTO", "frame": {"offset": offset, "crypto_data": data}}
    return tlsgrammar.build(quic.Frame, frame)
