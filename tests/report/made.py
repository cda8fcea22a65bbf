"""Captures to make reports of, for what no stack says: hostile names, malformed messages."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

import events
import tlsgrammar
from events.output.report import Report, found_in
from events.testing.captures import Ends, packets, write

from ..helpers.certificates import self_signed
from ..helpers.streams import client_hello, record, server_hello

DATA = Path(__file__).parent.parent / "data"

HOSTILE = "<script>document.title='hurt'</script><img src=x onerror=document.title='hurt'>"
TURNED = "\u202egnp.exe\u2066\x00\x1b[31m"


@cache
def hostile_certificate() -> bytes:
    """A certificate whose names are markup, and turn the order of characters."""
    name = x509.Name(
        [
            x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, HOSTILE[:64]),
            x509.NameAttribute(x509.NameOID.COMMON_NAME, f"</script>{TURNED}"),
        ]
    )
    made, _ = self_signed(name, 10)
    der: bytes = made.public_bytes(Encoding.DER)
    return der


def hostile(path: Path) -> Path:
    """A capture of a connection in which every text is hostile."""
    name, protocol = HOSTILE.encode(), HOSTILE.encode() + TURNED.encode()
    server_name = tlsgrammar.build(
        tlsgrammar.extensions.ServerNameList,
        {"server_name_list": [{"name_type": 0, "name": name}]},
    )
    protocols = tlsgrammar.build(
        tlsgrammar.extensions.ProtocolNameList, {"protocol_name_list": [protocol]}
    )
    certificate = tlsgrammar.build(
        tlsgrammar.Handshake,
        {
            "msg_type": "certificate",
            "body": {"certificate_list": [hostile_certificate()]},
        },
        version="TLSv12",
    )
    chunks = [
        (True, record("handshake", client_hello((0, server_name), (16, protocols)))),
        (False, record("handshake", server_hello((16, protocols)) + certificate)),
        (False, record("alert", b"\x02\x28")),
    ]
    return write(path, packets(chunks, start=1_770_000_000.0))


def malformed(path: Path) -> Path:
    """A capture of two connections: extensions end early in the one, a message in the other."""
    broken = client_hello((10, b"\x00\x06\x00\x17"), (11, b"\x01\x00"))
    short = server_hello()[:-1]
    first = [
        (True, record("handshake", broken)),
        (False, record("handshake", server_hello())),
    ]
    second = [
        (True, record("handshake", client_hello())),
        (False, record("handshake", short[:1] + (len(short) - 4).to_bytes(3, "big") + short[4:])),
    ]
    return write(
        path,
        [
            *packets(first, ends=Ends(orig_p=50000)),
            *packets(second, ends=Ends(orig_p=50001), start=1_700_000_001.0),
        ],
    )


def report_of(*paths: Path, details: int = 200, **options: object) -> Report:
    """The report of captures."""
    report = Report([str(path) for path in paths], details=details)
    for path in paths:
        raised = events.read_capture(path, wanted=Report.wanted, **options)  # type: ignore[call-overload]
        for found in found_in(str(path), raised, details):
            report.add(found)
    return report
