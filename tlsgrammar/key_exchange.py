"""ServerKeyExchange and ClientKeyExchange, by key exchange algorithm (RFC 5246 section 7.4.3 and 7.4.7).

What belongs here: the parameters of each key exchange, the two messages, and how the algorithm follows
from the name of the negotiated cipher suite.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from construct import Computed, Construct, If, Struct, Switch, this

from . import names
from .errors import GrammarError
from .expressions import reads
from .extensions import NamedGroup, SignatureScheme
from .names import ECCurveType
from .presentation import (
    enumeration,
    if_present,
    opaque,
    position,
    remaining,
    remaining_size,
    render_path,
    uint8,
    uint16,
)
from .versions import SSL30, has_signature_algorithm, version_of

__all__ = [
    "ClientDiffieHellmanPublic",
    "ClientECDiffieHellmanPublic",
    "ClientKeyExchange",
    "ClientSRPParams",
    "DigitallySigned",
    "ECParameters",
    "ECPoint",
    "EncryptedPreMasterSecret",
    "OptionalLength",
    "ServerDHParams",
    "ServerECDHParams",
    "ServerKeyExchange",
    "ServerRSAParams",
    "ServerSRPParams",
    "SignatureScheme",
    "key_exchange_algorithm",
    "names_signature_algorithm",
]

_CIPHER_SUITE_NAME = re.compile(r"(?:OLD_)?TLS_(.+?)(?:_FIPS)?_WITH_")


@lru_cache(maxsize=1024)
def key_exchange_algorithm(cipher_suite: int | None) -> str | None:
    """The key exchange algorithm that the name of a cipher suite begins with, such as `ecdhe_rsa`.

    None where there is no suite, where its name is not known, or where it names no key exchange
    (as in TLS 1.3).
    """
    if cipher_suite is None:
        return None
    match = _CIPHER_SUITE_NAME.match(names.CIPHER_SUITES.name(cipher_suite))
    return match[1].lower().replace("_export1024", "_export") if match else None


@reads("params")
def _algorithm(context: Any) -> str | None:
    return key_exchange_algorithm(context["_params"].get("cipher_suite"))


@reads("params")
def names_signature_algorithm(context: Any) -> bool:
    """Whether signatures name their algorithm in the version of a context."""
    return has_signature_algorithm(version_of(context))


# RFC 5246 section 4.7; without the algorithm before TLS 1.2 (RFC 4346 section 4.7)
DigitallySigned = Struct(
    "algorithm" / If(names_signature_algorithm, SignatureScheme),
    "signature" / opaque(0, 2**16 - 1),
)

# RFC 5246 section 7.4.3
ServerDHParams = Struct(
    "dh_p" / opaque(1, 2**16 - 1),
    "dh_g" / opaque(1, 2**16 - 1),
    "dh_Ys" / opaque(1, 2**16 - 1),
)

# RFC 2246 section 7.4.3, for the export suites
ServerRSAParams = Struct(
    "rsa_modulus" / opaque(1, 2**16 - 1),
    "rsa_exponent" / opaque(1, 2**16 - 1),
)

# RFC 5054 section 2.8.2
ServerSRPParams = Struct(
    "srp_N" / opaque(1, 2**16 - 1),
    "srp_g" / opaque(1, 2**16 - 1),
    "srp_s" / opaque(1, 2**8 - 1),
    "srp_B" / opaque(1, 2**16 - 1),
)

# RFC 8422 section 5.4
ECPoint = Struct("point" / opaque(1, 2**8 - 1))

# RFC 4492 section 5.4
_ECCurve = Struct("a" / opaque(1, 2**8 - 1), "b" / opaque(1, 2**8 - 1))

_ExplicitPrime = Struct(
    "prime_p" / opaque(1, 2**8 - 1),
    "curve" / _ECCurve,
    "base" / ECPoint,
    "order" / opaque(1, 2**8 - 1),
    "cofactor" / opaque(1, 2**8 - 1),
)

_EC_TRINOMIAL, _EC_PENTANOMIAL = 1, 2

_ExplicitChar2 = Struct(
    "m" / uint16,
    "basis" / uint8,
    "k" / If(this.basis == _EC_TRINOMIAL, opaque(1, 2**8 - 1)),
    "k1" / If(this.basis == _EC_PENTANOMIAL, opaque(1, 2**8 - 1)),
    "k2" / If(this.basis == _EC_PENTANOMIAL, opaque(1, 2**8 - 1)),
    "k3" / If(this.basis == _EC_PENTANOMIAL, opaque(1, 2**8 - 1)),
    "curve" / _ECCurve,
    "base" / ECPoint,
    "order" / opaque(1, 2**8 - 1),
    "cofactor" / opaque(1, 2**8 - 1),
)

# RFC 8422 section 5.4; the explicit curves: RFC 4492 section 5.4
ECParameters = Struct(
    "curve_type" / enumeration(uint8, names.EC_CURVE_TYPES),
    "namedcurve" / If(this.curve_type == ECCurveType.named_curve, NamedGroup),
    "explicit_prime" / If(this.curve_type == ECCurveType.explicit_prime, _ExplicitPrime),
    "explicit_char2" / If(this.curve_type == ECCurveType.explicit_char2, _ExplicitChar2),
)

ServerECDHParams = Struct(
    "curve_params" / ECParameters,
    "public" / ECPoint,
)

_SERVER_PARAMS: dict[str, Construct] = {
    # RFC 5246 section 7.4.3
    "dhe_dss": ServerDHParams,
    "dhe_rsa": ServerDHParams,
    "dh_anon": ServerDHParams,
    # RFC 2246 appendix A.4.3
    "rsa_export": ServerRSAParams,
    "dhe_dss_export": ServerDHParams,
    "dhe_rsa_export": ServerDHParams,
    "dh_anon_export": ServerDHParams,
    # RFC 8422 section 5.4
    "ecdhe_ecdsa": ServerECDHParams,
    "ecdhe_rsa": ServerECDHParams,
    "ecdh_anon": ServerECDHParams,
    # RFC 4279 section 2 to 4, RFC 5489 section 2
    "psk": Struct(),
    "rsa_psk": Struct(),
    "dhe_psk": ServerDHParams,
    "ecdhe_psk": ServerECDHParams,
    # RFC 5054 section 2.5.3
    "srp_sha": ServerSRPParams,
    "srp_sha_dss": ServerSRPParams,
    "srp_sha_rsa": ServerSRPParams,
}


# The parameters of all others are signed.
_UNSIGNED = {
    "dh_anon",
    "dh_anon_export",
    "ecdh_anon",
    "psk",
    "rsa_psk",
    "dhe_psk",
    "ecdhe_psk",
    "srp_sha",
}


@reads("fields")
def _has_identity(this: Any) -> bool:
    return this["algorithm"] is not None and this["algorithm"].endswith("psk")


@reads("fields")
def _is_signed(this: Any) -> bool:
    return this["algorithm"] in _SERVER_PARAMS.keys() - _UNSIGNED


# Needs `cipher_suite` and `version` in the context. Of an algorithm that is not known, or that has no
# ServerKeyExchange, `params` are the bytes.
ServerKeyExchange = "ServerKeyExchange" / Struct(
    "algorithm" / Computed(_algorithm),
    # RFC 4279 section 2
    "psk_identity_hint" / If(_has_identity, opaque(0, 2**16 - 1)),
    "params" / Switch(this.algorithm, _SERVER_PARAMS, default=remaining()),
    "signed_params" / If(_is_signed, DigitallySigned),
)


class OptionalLength(Construct):  # type: ignore[misc]
    """The length of what follows, which SSL 3.0 leaves out (RFC 5246 section 7.4.7.1).

    Parsed: None where the next two bytes are not that length. Built: from the length; where that is
    None, left out in SSL 3.0 and made from `follows`, the name of the field after it, otherwise.
    """

    def __init__(self, follows: str) -> None:
        super().__init__()
        self.follows = follows
        self.flagbuildnone = True

    def _parse(self, stream: Any, context: Any, path: str) -> int | None:
        left = remaining_size(stream)
        start = stream.tell()
        if left >= 2:
            length: int = uint16._parsereport(stream, context, path)
            if length == left - 2:
                return length
            stream.seek(start)
        return None

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        length = len(context[self.follows])
        if obj not in (None, length):
            raise GrammarError(
                f"{obj} announced, but {self.follows} has {length} bytes",
                position(stream),
                render_path(path),
            )
        if obj is not None or version_of(context) != SSL30:
            uint16._build(length, stream, context, path)
        return obj


# RFC 5246 section 7.4.7.1
EncryptedPreMasterSecret = Struct(
    "length" / OptionalLength("pre_master_secret"),
    "pre_master_secret" / remaining(),
)

# RFC 5246 section 7.4.7.2: nothing where the client's certificate holds the value
ClientDiffieHellmanPublic = Struct("dh_Yc" / if_present(opaque(1, 2**16 - 1)))

# RFC 8422 section 5.7
ClientECDiffieHellmanPublic = Struct("ecdh_Yc" / if_present(ECPoint))

# RFC 5054 section 2.8.2
ClientSRPParams = Struct("srp_A" / opaque(1, 2**16 - 1))

_CLIENT_PARAMS: dict[str, Construct] = {
    # RFC 5246 section 7.4.7
    "rsa": EncryptedPreMasterSecret,
    "rsa_export": EncryptedPreMasterSecret,
    "dhe_dss": ClientDiffieHellmanPublic,
    "dhe_rsa": ClientDiffieHellmanPublic,
    "dh_dss": ClientDiffieHellmanPublic,
    "dh_rsa": ClientDiffieHellmanPublic,
    "dh_anon": ClientDiffieHellmanPublic,
    "dhe_dss_export": ClientDiffieHellmanPublic,
    "dhe_rsa_export": ClientDiffieHellmanPublic,
    "dh_dss_export": ClientDiffieHellmanPublic,
    "dh_rsa_export": ClientDiffieHellmanPublic,
    "dh_anon_export": ClientDiffieHellmanPublic,
    # RFC 8422 section 5.7
    "ecdhe_ecdsa": ClientECDiffieHellmanPublic,
    "ecdhe_rsa": ClientECDiffieHellmanPublic,
    "ecdh_ecdsa": ClientECDiffieHellmanPublic,
    "ecdh_rsa": ClientECDiffieHellmanPublic,
    "ecdh_anon": ClientECDiffieHellmanPublic,
    # RFC 4279 section 2 to 4, RFC 5489 section 2
    "psk": Struct(),
    "rsa_psk": EncryptedPreMasterSecret,
    "dhe_psk": ClientDiffieHellmanPublic,
    "ecdhe_psk": ClientECDiffieHellmanPublic,
    # RFC 5054 section 2.5.4
    "srp_sha": ClientSRPParams,
    "srp_sha_dss": ClientSRPParams,
    "srp_sha_rsa": ClientSRPParams,
}

# Needs `cipher_suite` and `version` in the context. Of an algorithm that is not known `exchange_keys`
# are the bytes.
ClientKeyExchange = "ClientKeyExchange" / Struct(
    "algorithm" / Computed(_algorithm),
    # RFC 4279 section 2
    "psk_identity" / If(_has_identity, opaque(0, 2**16 - 1)),
    "exchange_keys" / Switch(this.algorithm, _CLIENT_PARAMS, default=remaining()),
)
