"""What is weak about a connection, as its row tells.

What may live here: a table of what is weak, in a word, with the document that says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from .model import ConnectionRow

__all__ = ["WEAKNESSES", "Weakness", "weaknesses"]


class Weakness(NamedTuple):
    """Something that is weak.

    Attributes:
        word: it, for people.
        source: the document that advises against it.
        is_in: whether a connection has it.
    """

    word: str
    source: str
    is_in: Callable[[ConnectionRow], bool]


def _version(*names: str) -> Callable[[ConnectionRow], bool]:
    return lambda row: row.version in names


def _cipher(pattern: str) -> Callable[[ConnectionRow], bool]:
    search = re.compile(pattern).search
    return lambda row: row.cipher is not None and search(row.cipher) is not None


# Key exchanges in which the secret of a session follows from a key that is used for many.
_STATIC = "RSA|RSA_PSK|PSK|DH_RSA|DH_DSS|ECDH_RSA|ECDH_ECDSA|KRB5|GOSTR34\\w+"
_is_static = _cipher(rf"^(TLS_({_STATIC})(_EXPORT\d*)?_WITH|SSLv20_)")


def _has_no_forward_secrecy(row: ConnectionRow) -> bool:
    # In TLS 1.3 a pre-shared key without a group has none.
    is_tls13 = row.version in ("TLSv13", "DTLSv13")
    return _is_static(row) or (is_tls13 and row.resumed and row.curve is None)


def _is_expired(row: ConnectionRow) -> bool:
    return row.not_valid_after is not None and row.ts is not None and row.ts > row.not_valid_after


WEAKNESSES: tuple[Weakness, ...] = (
    Weakness("SSLv2", "RFC 6176", _version("SSLv2")),
    Weakness("SSLv3", "RFC 7568", _version("SSLv3")),
    Weakness("TLSv10", "RFC 8996", _version("TLSv10")),
    Weakness("TLSv11", "RFC 8996", _version("TLSv11")),
    Weakness("DTLSv10", "RFC 8996", _version("DTLSv10")),
    Weakness("NULL", "RFC 9325 section 4.1", _cipher("_WITH_NULL_|^TLS_SHA(256|384)_")),
    Weakness("export", "RFC 9325 section 4.1", _cipher("_EXPORT")),
    Weakness("anonymous", "RFC 9325 section 4.1", _cipher("_anon_")),
    Weakness("RC4", "RFC 7465", _cipher("_RC4_")),
    Weakness("RC2", "RFC 9325 section 4.1", _cipher("_RC2_")),
    Weakness("DES", "RFC 5469", _cipher("_DES40?_(?!192)|_DES_64_")),
    Weakness("3DES", "RFC 9325 section 4.1, CVE-2016-2183", _cipher("_3DES_|_DES_192_EDE3_")),
    Weakness("IDEA", "RFC 5469", _cipher("_IDEA_")),
    Weakness("MD5", "RFC 6151", _cipher("_MD5$")),
    Weakness("no forward secrecy", "RFC 9325 section 4.1", _has_no_forward_secrecy),
    Weakness("certificate expired", "RFC 5280 section 4.1.2.5", _is_expired),
)
"""What is weak, the worst first."""


def weaknesses(row: ConnectionRow) -> list[str]:
    """What is weak about a connection, in words, the worst first; empty where nothing is known to be.

    Args:
        row: its row.
    """
    return [each.word for each in WEAKNESSES if each.is_in(row)]
