"""The rows: one class for each of Zeek's logs.

What may live here: their shape, and nothing of how they come about. The names in logs and JSON are Zeek's (`id.orig_h`);
the attributes are called `orig_h`, as those of a `Connection`.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

import msgspec

from ..dataclass_fields import FIELDS, DataclassFields
from ..meanings import SecondsSinceEpoch, Text

__all__ = ["CertificateRow", "ConnectionRow", "QuicRow", "Row"]

Seconds = Annotated[float, SecondsSinceEpoch]

Words = Annotated[str, Text]
"""What was bytes on the wire, with the escapes of `Text`."""

_ENDS = {
    "orig_h": "id.orig_h",
    "orig_p": "id.orig_p",
    "resp_h": "id.resp_h",
    "resp_p": "id.resp_p",
}


class Row(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What all rows have in common.

    Attributes:
        log: the name of the log whose rows these are (of the class).
    """

    __dataclass_fields__: ClassVar[DataclassFields] = FIELDS
    log: ClassVar[str] = ""


class ConnectionRow(Row, frozen=True, gc=False, rename=_ENDS):
    """A TLS connection: a row of ssl.log, and some fields of ours after those of Zeek.

    Attributes:
        ts: the time of its first event, in seconds since the epoch; None where the bytes came without times.
        uid, orig_h, orig_p, resp_h, resp_p: the connection, as in `Connection`.
        version: the negotiated version, such as `TLSv12`; None where there is no ServerHello.
        cipher: the negotiated cipher suite, by its registered name.
        curve: the group of the key exchange, by its registered name; None where there is none.
        server_name: the first name that the client asks for (SNI).
        resumed: whether a session or a pre-shared key was resumed.
        last_alert: the description of the last alert, by name.
        next_protocol: the protocol that the server chose (ALPN).
        established: whether `ssl_established` was raised.
        ssl_history: what was sent, a letter each, in upper case from the client; 100 at most.
        cert_chain_fps, client_cert_chain_fps: the SHA-256 of each certificate of the server, of the client, in hexadecimal.
        sni_matches_cert: whether the server's certificate is for `server_name`; None where either is missing.
        proto: `tcp` or `udp`.
        ja3, ja3s, ja4: fingerprints of the hellos; None where one was not seen.
        client_versions: the versions that the client offers, in its order.
        subject, issuer: of the server's first certificate.
        not_valid_after: when that expires, in seconds since the epoch.
        file: the capture; None where there is none.
        violations: how many `protocol_violation` there were.
    """

    log: ClassVar[str] = "ssl"
    ts: Seconds | None = None
    uid: str | None = None
    orig_h: str | None = None
    orig_p: int | None = None
    resp_h: str | None = None
    resp_p: int | None = None
    version: str | None = None
    cipher: str | None = None
    curve: str | None = None
    server_name: Words | None = None
    resumed: bool = False
    last_alert: str | None = None
    next_protocol: Words | None = None
    established: bool = False
    ssl_history: str = ""
    cert_chain_fps: tuple[str, ...] = ()
    client_cert_chain_fps: tuple[str, ...] = ()
    sni_matches_cert: bool | None = None
    proto: str | None = None
    ja3: str | None = None
    ja3s: str | None = None
    ja4: str | None = None
    client_versions: tuple[str, ...] = ()
    subject: str | None = None
    issuer: str | None = None
    not_valid_after: Seconds | None = None
    file: str | None = None
    violations: int = 0


class QuicRow(Row, frozen=True, gc=False, rename=_ENDS):
    """A QUIC connection: a row of quic.log. A Retry ends one and begins another.

    Attributes:
        ts: the time of its first event, in seconds since the epoch; None where the bytes came without times.
        uid, orig_h, orig_p, resp_h, resp_p: the connection, as in `Connection`.
        version: `1`, `quicv2`, `draft-29`, `mvfst (faceb002)`; `unknown-` and the hexadecimal number of others.
        client_initial_dcid: the Destination Connection ID of the client's first Initial packet, in hexadecimal.
        client_scid, server_scid: the Source Connection IDs, likewise; `(empty)` where one has no bytes.
        server_name: the first name that the client asks for (SNI).
        client_protocol: the first protocol that the client offers (ALPN).
        history: what was sent, a letter each, in upper case from the client; 100 at most.
        file: the capture; None where there is none.
    """

    log: ClassVar[str] = "quic"
    ts: Seconds | None = None
    uid: str | None = None
    orig_h: str | None = None
    orig_p: int | None = None
    resp_h: str | None = None
    resp_p: int | None = None
    version: str | None = None
    client_initial_dcid: str | None = None
    client_scid: str | None = None
    server_scid: str | None = None
    server_name: Words | None = None
    client_protocol: Words | None = None
    history: str = ""
    file: str | None = None


class CertificateRow(
    Row,
    frozen=True,
    gc=False,
    rename={
        **{
            name: f"certificate.{name}"
            for name in (
                *("version", "serial", "subject", "issuer", "not_valid_before", "not_valid_after"),
                *("key_alg", "sig_alg", "key_type", "key_length", "exponent", "curve"),
            )
        },
        **{f"san_{kind}": f"san.{kind}" for kind in ("dns", "uri", "email", "ip")},
        "ca": "basic_constraints.ca",
        "path_len": "basic_constraints.path_len",
    },
):
    """A certificate, the first time that it is seen: a row of x509.log.

    Attributes:
        ts: when it was seen, in seconds since the epoch; None where the bytes came without times.
        fingerprint: its SHA-256, in hexadecimal.
        version, serial, subject, issuer, not_valid_before, not_valid_after, key_alg, sig_alg, key_type, key_length, exponent,
            curve, san_dns, san_uri, san_email, san_ip, ca, path_len: what stands in it, as in `CertificateInfo`.
        host_cert: whether it is a server's own.
        client_cert: whether it is a client's own.
        file: the capture; None where there is none.
    """

    log: ClassVar[str] = "x509"
    ts: Seconds | None = None
    fingerprint: str = ""
    version: int | None = None
    serial: str | None = None
    subject: str | None = None
    issuer: str | None = None
    not_valid_before: Seconds | None = None
    not_valid_after: Seconds | None = None
    key_alg: str | None = None
    sig_alg: str | None = None
    key_type: str | None = None
    key_length: int | None = None
    exponent: str | None = None
    curve: str | None = None
    san_dns: tuple[str, ...] = ()
    san_uri: tuple[str, ...] = ()
    san_email: tuple[str, ...] = ()
    san_ip: tuple[str, ...] = ()
    ca: bool | None = None
    path_len: int | None = None
    host_cert: bool = False
    client_cert: bool = False
    file: str | None = None
