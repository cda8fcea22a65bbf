"""Build a ClientHello with chosen extensions, send it to a server, and print what the server answers.

    python examples/client_hello.py HOST PORT [NAME]

Try it with a server of your own:

    openssl req -x509 -nodes -newkey rsa:2048 -keyout key.pem -out cert.pem -subj /CN=localhost
    openssl s_server -accept 4433 -key key.pem -cert cert.pem -alpn h2
"""

from __future__ import annotations

import secrets
import socket
import sys

import events
import tlsgrammar


def client_hello(name: str) -> bytes:
    """A record with a ClientHello for TLS 1.2 that offers a few cipher suites and extensions."""
    hello = {
        "legacy_version": "TLSv12",
        "random": {
            "gmt_unix_time": secrets.randbits(32),
            "random_bytes": secrets.token_bytes(28),
        },
        "legacy_session_id": b"",
        "cipher_suites": [
            "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
            "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        ],
        "legacy_compression_methods": ["null"],
        "extensions": [
            {
                "extension_type": "server_name",
                "body": {"server_name_list": [{"name_type": "host_name", "name": name}]},
            },
            {
                "extension_type": "supported_groups",
                "body": {"named_group_list": ["x25519", "secp256r1"]},
            },
            {
                "extension_type": "ec_point_formats",
                "body": {"ec_point_format_list": ["uncompressed"]},
            },
            {
                "extension_type": "signature_algorithms",
                "body": {
                    "supported_signature_algorithms": [
                        "ecdsa_secp256r1_sha256",
                        "rsa_pkcs1_sha256",
                    ]
                },
            },
            {
                "extension_type": "application_layer_protocol_negotiation",
                "body": {"protocol_name_list": ["h2", "http/1.1"]},
            },
            {"extension_type": "extended_master_secret", "body": {}},
            {
                "extension_type": "renegotiation_info",
                "body": {"renegotiated_connection": b""},
            },
        ],
    }
    message = tlsgrammar.build(tlsgrammar.Handshake, {"msg_type": "client_hello", "body": hello})
    return tlsgrammar.build(
        tlsgrammar.TLSPlaintext,
        {"type": "handshake", "legacy_record_version": "TLSv10", "fragment": message},
    )


def main(host: str, port: str, name: str = "server.example") -> None:
    """Say hello, and print the events of both sides until the server waits for the client."""
    analyzer = events.Analyzer()
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        hello = client_hello(name)
        connection.sendall(hello)
        found = analyzer.deliver(hello, is_orig=True)
        while data := connection.recv(65536):
            found += analyzer.deliver(data, is_orig=False)
            last = found[-1]
            if isinstance(last, events.SslAlert) or (
                isinstance(last, events.SslHandshakeMessage)
                and last.msg_type == tlsgrammar.names.HandshakeType.server_hello_done
            ):
                break
    for event in found:
        print(events.text_line(event).decode())


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    main(*sys.argv[1:])
