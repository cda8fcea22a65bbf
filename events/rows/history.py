"""The letters of `ssl_history`, as Zeek has them.

What may live here: which message has which letter. A client's stands in upper case.
"""

from __future__ import annotations

from tlsgrammar.names import HandshakeType

__all__ = ["ALERT", "CHANGE_CIPHER_SPEC", "HEARTBEAT", "HELLO_RETRY_REQUEST", "MESSAGES", "OTHER"]

CHANGE_CIPHER_SPEC = "i"
HEARTBEAT = "b"
ALERT = "l"
HELLO_RETRY_REQUEST = "j"
OTHER = "z"
"""A handshake message that has no letter of its own."""

MESSAGES: dict[int, str] = {
    HandshakeType.hello_request: "h",
    HandshakeType.client_hello: "c",
    HandshakeType.server_hello: "s",
    HandshakeType.hello_verify_request: "v",
    HandshakeType.new_session_ticket: "t",
    HandshakeType.end_of_early_data: "e",
    HandshakeType.hello_retry_request: HELLO_RETRY_REQUEST,
    HandshakeType.encrypted_extensions: "o",
    HandshakeType.certificate: "x",
    HandshakeType.server_key_exchange: "k",
    HandshakeType.certificate_request: "r",
    HandshakeType.server_hello_done: "n",
    HandshakeType.certificate_verify: "y",
    HandshakeType.client_key_exchange: "g",
    HandshakeType.finished: "f",
    HandshakeType.certificate_url: "w",
    HandshakeType.certificate_status: "u",
    HandshakeType.supplemental_data: "a",
    HandshakeType.key_update: "p",
    HandshakeType.message_hash: "m",
}
