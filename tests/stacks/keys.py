"""Keys and certificates for both sides, in files."""

from __future__ import annotations

import datetime
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

_kept: list[tempfile.TemporaryDirectory[str]] = []


@cache
def folder() -> Path:
    """A folder with a certificate and a key for server.example, of each kind: rsa.crt, rsa.key and so on for ec, dss, and
    mixed, a key of EC that one of RSA has signed. It goes with the process.
    """
    _kept.append(tempfile.TemporaryDirectory())
    made = Path(_kept[-1].name)
    signer = rsa.generate_private_key(65537, 2048)
    _write(made, "rsa", signer)
    _write(made, "mixed", ec.generate_private_key(ec.SECP256R1()), signer)
    _write(made, "ec", ec.generate_private_key(ec.SECP256R1()))
    _write(made, "dss", dsa.generate_private_key(1024))
    return made


@cache
def dh() -> Path:
    """A file with parameters for DHE; small ones, for they stand in every handshake."""
    path = folder() / "dh.pem"
    command = ["openssl", "dhparam", "-dsaparam", "-out", str(path), "1024"]
    subprocess.run(command, check=True, capture_output=True)
    return path


Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | dsa.DSAPrivateKey


def _write(made: Path, name: str, key: Key, signer: Key | None = None) -> None:
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "server.example")])
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=3650))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("server.example")]), False)
        .sign(signer or key, hashes.SHA256())
    )
    (made / f"{name}.crt").write_bytes(certificate.public_bytes(Encoding.PEM))
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (made / f"{name}.key").write_bytes(pem)
