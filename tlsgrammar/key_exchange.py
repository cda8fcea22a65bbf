"""ServerKeyExchange and ClientKeyExchange, by key exchange algorithm (RFC 5246 section 7.4.3 and 7.4.7).

What belongs here: the parameters of each key exchange, the two messages, and how the algorithm follows
from the name of the negotiated cipher suite.
"""

from __future__ import annotations

import re
from typing import Any

from construct import Computed, If, this

from . import names
from .extensions import NamedGroup, SignatureScheme
from .language import (
    Empty,
    enumeration,
    if_present,
    message,
    opaque,
    optional_length,
    reads,
    remaining,
    structure,
    uint8,
    uint16,
)
from .language.open_types import OpenChoice
from .language.parameters import declare_parameter
from .names import ECCurveType
from .registry import DEFAULT, KEY_EXCHANGE, Registry, registry_of
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


def key_exchange_algorithm(cipher_suite: int | None, registry: Registry = DEFAULT) -> str | None:
    """The key exchange algorithm of a cipher suite: the one that it was registered with, or the one that its name
    begins with, such as `ecdhe_rsa`.

    None where there is no suite, where its name is not known, or where it names no key exchange
    (as in TLS 1.3).
    """
    if cipher_suite is None:
        return None
    known: dict[int, str | None] = registry.derived.setdefault("key exchange algorithms", {})
    algorithm = known.get(cipher_suite, _UNKNOWN)
    if algorithm is _UNKNOWN:
        since = registry.generation
        algorithm = registry.key_exchange_of(cipher_suite) or _algorithm_by_name(
            registry.name_of(names.CIPHER_SUITES, cipher_suite)
        )
        if len(known) >= _MAXIMUM_KEPT:
            known.clear()
        registry.keep(known, cipher_suite, algorithm, since)
    return algorithm


_UNKNOWN = "unknown"  # which no key exchange is named: another thread may have emptied the table
_MAXIMUM_KEPT = 2**16


def _algorithm_by_name(cipher_suite: str) -> str | None:
    match = _CIPHER_SUITE_NAME.match(cipher_suite)
    return match[1].lower().replace("_export1024", "_export") if match else None


declare_parameter("cipher_suite", names.CIPHER_SUITES)


@reads("params")
def _algorithm(context: Any) -> str | None:
    return key_exchange_algorithm(context["_params"].get("cipher_suite"), registry_of(context))


@reads("params")
def _is_signed(context: Any) -> bool:
    return bool(registry_of(context).is_signed(_algorithm(context)))


@reads("params")
def _has_identity(context: Any) -> bool:
    return bool(registry_of(context).has_identity(_algorithm(context)))


@reads("params")
def names_signature_algorithm(context: Any) -> bool:
    """Whether signatures name their algorithm in the version of a context."""
    return has_signature_algorithm(version_of(context))


# Without the algorithm before TLS 1.2 (RFC 4346 section 4.7).
DigitallySigned = structure(
    "DigitallySigned",
    "RFC 5246 section 4.7",
    "algorithm" / If(names_signature_algorithm, SignatureScheme),
    "signature" / opaque(0, 2**16 - 1),
)

ServerDHParams = structure(
    "ServerDHParams",
    "RFC 5246 section 7.4.3",
    "dh_p" / opaque(1, 2**16 - 1),
    "dh_g" / opaque(1, 2**16 - 1),
    "dh_Ys" / opaque(1, 2**16 - 1),
)

# For the export suites.
ServerRSAParams = structure(
    "ServerRSAParams",
    "RFC 2246 section 7.4.3",
    "rsa_modulus" / opaque(1, 2**16 - 1),
    "rsa_exponent" / opaque(1, 2**16 - 1),
)

ServerSRPParams = structure(
    "ServerSRPParams",
    "RFC 5054 section 2.8.2",
    "srp_N" / opaque(1, 2**16 - 1),
    "srp_g" / opaque(1, 2**16 - 1),
    "srp_s" / opaque(1, 2**8 - 1),
    "srp_B" / opaque(1, 2**16 - 1),
)

ECPoint = structure("ECPoint", "RFC 8422 section 5.4", "point" / opaque(1, 2**8 - 1))

ECCurve = structure(
    "ECCurve", "RFC 4492 section 5.4", "a" / opaque(1, 2**8 - 1), "b" / opaque(1, 2**8 - 1)
)

ExplicitPrime = structure(
    "ExplicitPrime",
    "RFC 4492 section 5.4",
    "prime_p" / opaque(1, 2**8 - 1),
    "curve" / ECCurve,
    "base" / ECPoint,
    "order" / opaque(1, 2**8 - 1),
    "cofactor" / opaque(1, 2**8 - 1),
)

_EC_TRINOMIAL, _EC_PENTANOMIAL = 1, 2

ExplicitChar2 = structure(
    "ExplicitChar2",
    "RFC 4492 section 5.4",
    "m" / uint16,
    "basis" / uint8,
    "k" / If(this.basis == _EC_TRINOMIAL, opaque(1, 2**8 - 1)),
    "k1" / If(this.basis == _EC_PENTANOMIAL, opaque(1, 2**8 - 1)),
    "k2" / If(this.basis == _EC_PENTANOMIAL, opaque(1, 2**8 - 1)),
    "k3" / If(this.basis == _EC_PENTANOMIAL, opaque(1, 2**8 - 1)),
    "curve" / ECCurve,
    "base" / ECPoint,
    "order" / opaque(1, 2**8 - 1),
    "cofactor" / opaque(1, 2**8 - 1),
)

ECParameters = structure(
    "ECParameters",
    "RFC 8422 section 5.4, RFC 4492 section 5.4",
    "curve_type" / enumeration(uint8, names.EC_CURVE_TYPES),
    "namedcurve" / If(this.curve_type == ECCurveType.named_curve, NamedGroup),
    "explicit_prime" / If(this.curve_type == ECCurveType.explicit_prime, ExplicitPrime),
    "explicit_char2" / If(this.curve_type == ECCurveType.explicit_char2, ExplicitChar2),
)

ServerECDHParams = structure(
    "ServerECDHParams",
    "RFC 8422 section 5.4",
    "curve_params" / ECParameters,
    "public" / ECPoint,
)

# Needs `cipher_suite` and `version` in the context. Of an algorithm that is not known, or that has no
# ServerKeyExchange, `params` are the bytes.
ServerKeyExchange = message(
    "ServerKeyExchange",
    "RFC 5246 section 7.4.3",
    "algorithm" / Computed(_algorithm),
    # RFC 4279 section 2
    "psk_identity_hint" / If(_has_identity, opaque(0, 2**16 - 1)),
    "params" / OpenChoice(KEY_EXCHANGE, "server", this.algorithm, remaining()),
    "signed_params" / If(_is_signed, DigitallySigned),
)


@reads("params")
def _has_no_length(context: Any) -> bool:
    return version_of(context) == SSL30


EncryptedPreMasterSecret = structure(
    "EncryptedPreMasterSecret",
    "RFC 5246 section 7.4.7.1",
    "length" / optional_length("pre_master_secret", _has_no_length),
    "pre_master_secret" / remaining(),
)

# Nothing where the client's certificate holds the value.
ClientDiffieHellmanPublic = structure(
    "ClientDiffieHellmanPublic",
    "RFC 5246 section 7.4.7.2",
    "dh_Yc" / if_present(opaque(1, 2**16 - 1)),
)

ClientECDiffieHellmanPublic = structure(
    "ClientECDiffieHellmanPublic", "RFC 8422 section 5.7", "ecdh_Yc" / if_present(ECPoint)
)

ClientSRPParams = structure(
    "ClientSRPParams", "RFC 5054 section 2.8.2", "srp_A" / opaque(1, 2**16 - 1)
)

# Needs `cipher_suite` and `version` in the context. Of an algorithm that is not known `exchange_keys`
# are the bytes.
ClientKeyExchange = message(
    "ClientKeyExchange",
    "RFC 5246 section 7.4.7",
    "algorithm" / Computed(_algorithm),
    # RFC 4279 section 2
    "psk_identity" / If(_has_identity, opaque(0, 2**16 - 1)),
    "exchange_keys" / OpenChoice(KEY_EXCHANGE, "client", this.algorithm, remaining()),
)

_DH = (ServerDHParams, ClientDiffieHellmanPublic)
_DH_STATIC = (None, ClientDiffieHellmanPublic)
_EC = (ServerECDHParams, ClientECDiffieHellmanPublic)
_EC_STATIC = (None, ClientECDiffieHellmanPublic)
_SRP = (ServerSRPParams, ClientSRPParams)

_SIGNED, _UNSIGNED = True, False

_TLS = "RFC 5246 section 7.4.3 and 7.4.7"
_EXPORT = "RFC 2246 section 7.4.3 and 7.4.7"
_ECC = "RFC 8422 section 5.4 and 5.7"
_PSK = "RFC 4279 section 2 to 4"
_SRP_RFC = "RFC 5054 section 2.5"

for _name, (_server, _client), _signed, _reference in (
    ("rsa", (None, EncryptedPreMasterSecret), _UNSIGNED, _TLS),
    ("dhe_dss", _DH, _SIGNED, _TLS),
    ("dhe_rsa", _DH, _SIGNED, _TLS),
    ("dh_dss", _DH_STATIC, _UNSIGNED, _TLS),
    ("dh_rsa", _DH_STATIC, _UNSIGNED, _TLS),
    ("dh_anon", _DH, _UNSIGNED, _TLS),
    ("rsa_export", (ServerRSAParams, EncryptedPreMasterSecret), _SIGNED, _EXPORT),
    ("dhe_dss_export", _DH, _SIGNED, _EXPORT),
    ("dhe_rsa_export", _DH, _SIGNED, _EXPORT),
    ("dh_dss_export", _DH_STATIC, _UNSIGNED, _EXPORT),
    ("dh_rsa_export", _DH_STATIC, _UNSIGNED, _EXPORT),
    ("dh_anon_export", _DH, _UNSIGNED, _EXPORT),
    ("ecdhe_ecdsa", _EC, _SIGNED, _ECC),
    ("ecdhe_rsa", _EC, _SIGNED, _ECC),
    ("ecdh_ecdsa", _EC_STATIC, _UNSIGNED, _ECC),
    ("ecdh_rsa", _EC_STATIC, _UNSIGNED, _ECC),
    ("ecdh_anon", _EC, _UNSIGNED, _ECC),
    ("psk", (Empty, Empty), _UNSIGNED, _PSK),
    ("rsa_psk", (Empty, EncryptedPreMasterSecret), _UNSIGNED, _PSK),
    ("dhe_psk", _DH, _UNSIGNED, _PSK),
    ("ecdhe_psk", _EC, _UNSIGNED, "RFC 5489 section 2"),
    ("srp_sha", _SRP, _UNSIGNED, _SRP_RFC),
    ("srp_sha_dss", _SRP, _SIGNED, _SRP_RFC),
    ("srp_sha_rsa", _SRP, _SIGNED, _SRP_RFC),
):
    DEFAULT.register_key_exchange(
        _name,
        server=_server,
        client=_client,
        signed=_signed,
        identity=_name.endswith("psk"),
        reference=_reference,
    )
