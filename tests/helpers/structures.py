"""The structures of the grammar, with what they take, and the messages in the captures of the test data."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from construct import Construct

import tlsgrammar
from events.testing.captures import payloads
from tlsgrammar import dtls, extensions, handshake, key_exchange, record, sslv2
from tlsgrammar.framing import HandshakeReader, Protocol, RecordReader
from tlsgrammar.handshake import negotiated_version
from tlsgrammar.names import CIPHER_SUITES, ContentType, HandshakeType

MODULES = [
    *(record, handshake, key_exchange, dtls, sslv2),
    *(x for x in vars(extensions).values() if isinstance(x, ModuleType)),
]


DECLARED = {
    f"{module.__name__}.{name}": schema
    for module in MODULES
    for name, schema in vars(module).items()
    if isinstance(schema, Construct) and not name.startswith("uint")
}


DATA = Path(__file__).parent.parent / "data"


# But for those that begin as something else.
CAPTURES = sorted(
    path for path in DATA.glob("*.pcap") if not path.stem.startswith(("starttls", "proxy"))
)


SCHEMAS = {
    f"{module.__name__}.{name}": schema
    for module in (tlsgrammar, sslv2, dtls)
    for name in module.__all__
    if isinstance(schema := getattr(module, name), Construct)
}


ALGORITHMS = {
    algorithm: code
    for code in CIPHER_SUITES
    if (algorithm := tlsgrammar.key_exchange_algorithm(code))
}


def messages(capture: Path) -> list[tuple[bytes, dict[str, int]]]:
    """The unencrypted handshake messages of a capture, each with the context to parse it with."""
    context: dict[str, int] = {}
    records = {side: RecordReader(Protocol.TLS) for side in (True, False)}
    readers = {side: HandshakeReader() for side in (True, False)}
    found = []
    for is_orig, data in payloads(capture):
        records[is_orig].feed(data)
        while record := records[is_orig].next():
            if record.type == ContentType.change_cipher_spec:
                records[is_orig].pass_over = True
            if record.type != ContentType.handshake or record.fragment is None:
                continue
            readers[is_orig].feed(record.fragment, record.offset)
            while message := readers[is_orig].next():
                value = tlsgrammar.parse(tlsgrammar.Handshake, message.data, **context)
                if value.msg_type == HandshakeType.server_hello:
                    context["version"] = negotiated_version(value.body)
                    context["cipher_suite"] = value.body.cipher_suite
                found.append((message.data, dict(context)))
    return found


HELLO = {
    "legacy_version": "TLSv12",
    "random": {"gmt_unix_time": 0, "random_bytes": bytes(28)},
    "legacy_session_id": b"",
    "cipher_suites": ["TLS_AES_128_GCM_SHA256", 0x1A1A],
    "legacy_compression_methods": ["null"],
    "extensions": [
        {
            "extension_type": "server_name",
            "body": {"server_name_list": [{"name_type": "host_name", "name": b"a.example"}]},
        },
        {"extension_type": 0x0A0A, "extension_data": b"grease"},
    ],
}
