"""Build a QUIC Initial packet with a ClientHello in it, send it to a server, and read what comes back.

    python examples/quic_client_hello.py HOST PORT [SERVER_NAME]

Needs the extra `quic`. Every byte of it is made with the grammar; what answers is read by the analyzer, which knows
nothing of what was sent but its bytes.
"""

from __future__ import annotations

import os
import socket
import sys

import events
import tlsgrammar
from events.secrets.initial import initial_keys
from tlsgrammar import quic

VERSION = quic.VERSION_1
SMALLEST = 1200  # that a server answers, in bytes (RFC 9000 section 14.1)


def client_hello(server_name: str, source_cid: bytes) -> bytes:
    """A ClientHello with a key share that nobody has the key of: it is enough for an answer."""
    extensions = {
        "server_name": {"server_name_list": [{"name_type": 0, "name": server_name.encode()}]},
        "supported_groups": {"named_group_list": ["x25519"]},
        "signature_algorithms": {"supported_signature_algorithms": [0x0403, 0x0804, 0x0401]},
        "application_layer_protocol_negotiation": {"protocol_name_list": [b"h3"]},
        "supported_versions": {"versions": ["TLSv13"]},
        "key_share": {"client_shares": [{"group": "x25519", "key_exchange": os.urandom(32)}]},
        "quic_transport_parameters": {
            "parameters": [{"id": "initial_source_connection_id", "value": source_cid}]
        },
    }
    hello = {
        "legacy_version": "TLSv12",
        "random": {"gmt_unix_time": 0, "random_bytes": os.urandom(28)},
        "legacy_session_id": b"",
        "cipher_suites": ["TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"],
        "legacy_compression_methods": [0],
        "extensions": [{"extension_type": name, "body": body} for name, body in extensions.items()],
    }
    return tlsgrammar.build(tlsgrammar.Handshake, {"msg_type": "client_hello", "body": hello})


def initial_packet(server_name: str) -> bytes:
    """The first datagram of a connection."""
    destination_cid, source_cid = os.urandom(8), os.urandom(8)
    frame = {
        "type": "CRYPTO",
        "frame": {"offset": 0, "crypto_data": client_hello(server_name, source_cid)},
    }
    payload = tlsgrammar.build(quic.Frame, frame).ljust(SMALLEST, b"\0")  # with PADDING
    keys = initial_keys(VERSION, destination_cid)
    assert keys is not None
    fields = {
        "version": VERSION,
        "destination_connection_id": destination_cid,
        "source_connection_id": source_cid,
        "token": b"",
    }
    return keys.client.seal(fields, 0, payload)


def main() -> int:
    host, port = sys.argv[1], int(sys.argv[2])
    server_name = sys.argv[3] if len(sys.argv) > 3 else host
    datagram = initial_packet(server_name)
    analyzer = events.QuicAnalyzer(wanted=events.known_events())
    seen = analyzer.deliver(datagram, is_orig=True)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(3)
        udp.connect((host, port))
        udp.send(datagram)
        while not any(
            event.name in ("ssl_server_hello", "QUIC::connection_close_frame") for event in seen
        ):
            seen += analyzer.deliver(udp.recv(65536), is_orig=False)
    print(events.text_lines(seen).decode(), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
