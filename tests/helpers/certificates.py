"""Certificates that tests make for themselves."""

from __future__ import annotations

import datetime
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec


def self_signed(name: x509.Name, days: int, *extensions: x509.ExtensionType) -> tuple[Any, Any]:
    """A certificate of a name by itself, valid from the beginning of 2026; and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    begin = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begin)
        .not_valid_after(begin + datetime.timedelta(days=days))
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(key, hashes.SHA256()), key


@cache
def certificate() -> tuple[Any, Any]:
    """A certificate for server.example, and its key."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "server.example")])
    return self_signed(name, 3650, x509.SubjectAlternativeName([x509.DNSName("server.example")]))
