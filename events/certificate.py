"""What stands in an X.509 certificate, under Zeek's names.

What may live here: the fields. How they are read is for `certificates`, which few need.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

import msgspec

from .dataclass_fields import FIELDS, DataclassFields
from .meanings import AnySize, Time
from .shown import shown

__all__ = ["CertificateInfo"]


class CertificateInfo(msgspec.Struct, frozen=True):
    r"""What stands in a certificate (RFC 5280 section 4), with Zeek's names. What cannot be read is None, or not in a list.
    Of a raw public key in the place of a certificate (RFC 7250) only what says something of a key is there.

    Equal certificates may be one object: its lists are not to be changed.

    Attributes:
        version: 3 for v3.
        serial: the serial number, an even number of hexadecimal digits in upper case; `-` comes before a negative one.
        subject: the name of the holder as a string of RFC 4514: what comes last in the certificate comes first. Like
            OpenSSL and Zeek, it has `\C3\BC` for what is not ASCII, and `#` and the DER for values of unknown types.
        issuer: the name of the authority, likewise.
        cn: the last common name of the subject, which is the most specific; as it is, with nothing escaped.
        not_valid_before: the first second when it is valid, since the epoch.
        not_valid_after: the last one.
        key_alg: the algorithm of its key by OpenSSL's long name, or by its object identifier where that is not known.
        sig_alg: the algorithm that it is signed with, likewise.
        key_type: `rsa`, `dsa`, `ecdsa` or `dh` as in Zeek, or `ed25519`, `ed448`, `x25519`, `x448`, `sm2`, `gost`,
            `ml-dsa`, `slh-dsa`, `ml-kem`; None for others.
        key_length: the size of its key in bits, as OpenSSL counts them; of an elliptic curve, of its order.
        exponent: the public exponent of an RSA key; None, too, where it has more than 4096 bits.
        curve: OpenSSL's short name of the elliptic curve; None where its parameters are explicit.
        san_dns: the DNS names of the subjectAltName extension, in the order of the certificate. An international name is
            in the form that it has there, `xn--...` if it follows the standard.
        san_ip: the IP addresses, likewise.
        san_uri: the URIs, likewise.
        san_email: the mail addresses, likewise.
        ca: whether it is the certificate of an authority; None if there is no basicConstraints extension.
        path_len: how many authorities may stand between it and the last certificate; None where there is no limit.
    """

    __dataclass_fields__: ClassVar[DataclassFields] = FIELDS
    version: int | None = None
    serial: str | None = None
    subject: str | None = None
    issuer: str | None = None
    cn: str | None = None
    not_valid_before: Time | None = None
    not_valid_after: Time | None = None
    key_alg: str | None = None
    sig_alg: str | None = None
    key_type: str | None = None
    key_length: int | None = None
    exponent: Annotated[int, AnySize] | None = None
    curve: str | None = None
    san_dns: list[str] = msgspec.field(default_factory=list)
    san_ip: list[str] = msgspec.field(default_factory=list)
    san_uri: list[str] = msgspec.field(default_factory=list)
    san_email: list[str] = msgspec.field(default_factory=list)
    ca: bool | None = None
    path_len: int | None = None

    def __repr__(self) -> str:
        missing = {name: "" for name in _FIELDS if getattr(self, name) in (None, [])}
        return shown(self, **missing)


_FIELDS = CertificateInfo.__struct_fields__
