"""Connections between two sides of a newer OpenSSL than that of the machine, for what is new in it: compressed certificates,
raw public keys, and exchanges of keys by ML-KEM; and the extensions that are sent on request only.

The library is the one that the environment variable LIBSSL names, of OpenSSL 3.5 or later; the package psycopg2-binary
brings one along.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from typing import Any

from . import libssl
from .openssl3 import authenticated, early, resumed, simple
from .talk import Made, attempt

SIGNED = "ECDHE-ECDSA-AES128-GCM-SHA256"
COMPRESSIONS = {1: "zlib", 2: "brotli", 3: "zstd"}


def cases() -> Iterator[Made]:
    stack = libssl.stack()

    def case(make: Any, name: str, *args: Any, **options: Any) -> list[Made]:
        name = f"TLSv13 {name}"
        return attempt(name, stack, "TLSv13", partial(make, name, "TLSv13", *args, **options))

    for number, what in COMPRESSIONS.items():
        name = f"certificates compressed by {what}"
        options = {"compression": number, "groups": "X25519"}
        yield from case(simple, name, psk=False, **options)
        yield from case(authenticated, f"client's too: {name}", "ec", **options)
        yield from case(authenticated, f"after the handshake: {name}", "rsa", True, **options)
    options = {"extensions": True}
    for later in (False, True):
        name = f"all extensions, client's certificate {'later' if later else 'too'}"
        yield from case(authenticated, name, "rsa", later, **options)
        yield from case(authenticated, f"raw public keys: {name}", "ec", later, raw_keys=True)
    yield from case(resumed, "resumed, all extensions", psk=False, **options)
    for version in ("TLSv12", "DTLSv12"):
        name = f"{version} raw public keys, client's too"
        make = partial(authenticated, name, version, "ec", ciphers=SIGNED, raw_keys=True)
        yield from attempt(name, stack, version, make)
    for group in ("X25519MLKEM768", "SecP256r1MLKEM768", "MLKEM512", "SecP384r1MLKEM1024"):
        yield from case(simple, group, psk=False, groups=group)
    # The hello is longer than a packet.
    yield from case(resumed, "resumed, X25519MLKEM768", psk=False, groups="X25519MLKEM768")
    name = "TLSv13 early data"
    yield from attempt(name, stack, "TLSv13", partial(early, name))


def make() -> Iterator[Made]:
    """All connections."""
    if path := os.environ.get("LIBSSL"):
        libssl.use(path)
        try:
            yield from cases()
        finally:
            libssl.use()
