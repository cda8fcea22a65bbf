r"""Broken variants of TLS structures, for tests of what reads TLS.

What may live here: what is of interest in TLS and in no other protocol. How bytes are changed is for `language.mutations`.

    >>> import tlsgrammar
    >>> alert = {"level": "fatal", "description": "handshake_failure"}
    >>> for mutation in tlsgrammar.mutations.of(tlsgrammar.Alert, alert, seed=4, count=3):
    ...     print(mutation.data, mutation)
    b'\x02\x16' Alert.description: is 0x16 (record_overflow)
    b'\x02\x02\x02(' Alert.description: holds Alert, 2 deep
    b'\x02\x02(' Alert: level twice
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from construct import Construct

from .language import mutations as any_schema
from .language.mutations import Mutation
from .language.names import Names
from .language.shape import Number
from .names import VERSIONS

__all__ = ["Mutation", "of"]

_UNKNOWN_VERSIONS: Mapping[int, str] = {
    0x0000: "no version",
    0x0200: "SSL 2.0, as some write it",
    0x0305: "the version after TLS 1.3",
    0x03FF: "TLS 1.254",
    0x0400: "a major version after that of TLS",
    0x7F1C: "draft 28 of TLS 1.3",
    0xFEFB: "the version after DTLS 1.3",
    0xFFFF: "the last version",
}


def of(
    schema: Construct,
    value: Any = None,
    *,
    seed: int = 0,
    count: int | None = None,
    changes: int = 1,
    **context: Any,
) -> Iterator[Mutation]:
    r"""Broken variants of a value, one after the other, as they are asked for.

    Lengths say too much, too little, nothing or all that they can, with the lengths around them corrected or not; code
    points and versions are others, unknown, at their bounds, or GREASE (RFC 8701); elements and fields are swapped, missing, or
    there again; structures stand in themselves, end early, or go on; and bytes are flipped, added and taken away.

        >>> from tlsgrammar import Alert, mutations
        >>> [mutation.what for mutation in mutations.of(Alert, b"\x02\x28", seed=5, count=2)]
        ['0000 in the place of 2 bytes at offset 0', 'without level']

    Args:
        schema: any construct, such as `tlsgrammar.ClientHello`.
        value: a value of it, as `tlsgrammar.build` takes it, or its bytes. Bytes that do not follow the schema are changed as
            far as they can be read. Where it is None, some values are drawn, which needs hypothesis (the extra `testing`).
        seed: of the random numbers; the same seed gives the same variants, of values that are drawn with the same version of
            hypothesis.
        count: how many there are; without end where it is None.
        changes: how many changes each has at most.
        context: as for `tlsgrammar.parse`.

    Returns:
        An iterator. No variant has the bytes of the value that it was made of; but some can be read, such as those with
        another order of extensions.

    Raises:
        GrammarError: the value cannot be built.
        TypeError: the schema is no construct, no values of it can be drawn, or as of `tlsgrammar.parse`.
        ValueError: `changes` is less than 1, or as of `tlsgrammar.parse`.
        ImportError: there is no value, and hypothesis is not installed.
    """
    return any_schema.of(
        schema,
        value,
        seed=seed,
        count=count,
        changes=changes,
        interesting=_interesting,
        **context,
    )


def _interesting(number: Number) -> Mapping[int, str]:
    return {} if number.names is None else _of_names(number.names)


@lru_cache(maxsize=256)
def _of_names(names: Names) -> Mapping[int, str]:
    """Versions that have no name, and GREASE (RFC 8701 section 2) where the code points have any."""
    some = (*range(0x0B, 0x100, 0x1F), *range(0x0A0A, 0x10000, 0x1010))
    named = {code: names.name(code) for code in some if code < 16**names.digits}
    grease = {code: name for code, name in named.items() if name.startswith("GREASE")}
    return {**_UNKNOWN_VERSIONS, **grease} if names is VERSIONS else grease
