"""How a row of x509.log comes of an event.

What may live here: that.
"""

from __future__ import annotations

import hashlib

from ..certificate import CertificateInfo
from ..model import X509Certificate
from .model import CertificateRow

__all__ = ["certificate_row"]

_NOTHING = CertificateInfo()


def certificate_row(
    event: X509Certificate, *, from_client: bool, file: str | None
) -> CertificateRow:
    """The row of a certificate.

    Args:
        event: that of the certificate.
        from_client: whether the client sent it.
        file: the capture.
    """
    info = event.certificate or _NOTHING
    is_own = event.index == 0
    return CertificateRow(
        ts=event.ts,
        fingerprint=hashlib.sha256(event.der).hexdigest(),
        version=info.version,
        serial=info.serial,
        subject=info.subject,
        issuer=info.issuer,
        not_valid_before=info.not_valid_before,
        not_valid_after=info.not_valid_after,
        key_alg=info.key_alg,
        sig_alg=info.sig_alg,
        key_type=info.key_type,
        key_length=info.key_length,
        exponent=None if info.exponent is None else str(info.exponent),
        curve=info.curve,
        san_dns=tuple(info.san_dns),
        san_uri=tuple(info.san_uri),
        san_email=tuple(info.san_email),
        san_ip=tuple(info.san_ip),
        ca=info.ca,
        path_len=info.path_len,
        host_cert=is_own and not from_client,
        client_cert=is_own and from_client,
        file=file,
    )
