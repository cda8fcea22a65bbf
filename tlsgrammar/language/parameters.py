"""What a caller may tell a parser beyond the bytes: the parameters of a context.

What may live here: which parameters there are, and what may be given for them. A schema reads them as
`context._params.name`. A schema may read parameters that nobody has declared, too; a name that is nearly one of those
declared is taken for a slip.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from .names import Names
from .open_types import OpenTypes, nearest, registry_of

__all__ = ["declare_parameter", "given"]

_declared: dict[str, Names | type | None] = {"extensions": None}

_OF_TYPE = {bool: "True or False", int: "a number"}

# What people write instead, who know it from elsewhere.
_MEANT = {
    "cipher": "cipher_suite",
    "ciphersuite": "cipher_suite",
    "datagrams": "dtls",
    "registry": "extensions",
    "suite": "cipher_suite",
    "tls_version": "version",
}


def declare_parameter(name: str, values: Names | type | None = None) -> None:
    """Make a parameter known.

    Args:
        name: its name, as a keyword of `parse`.
        values: their type; or the names of code points, which may be given instead of them.
    """
    global _declared
    _declared = {
        **_declared,
        name: values,
    }  # another thread may be looking for a name in the old one
    _check_names.cache_clear()


def given(context: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as a schema reads them: with code points in the place of names.

    Raises:
        TypeError: a name is nearly that of a parameter; or what is given is neither a code point nor a name, nor a
            registry where one is expected.
        ValueError: a code point has not the name that is given.
    """
    _check_names(frozenset(context))
    registry = context.get("extensions")
    if registry is not None and not isinstance(registry, OpenTypes):
        raise TypeError(f"extensions= takes a Registry, not {registry!r}")
    found = dict(context)
    for name, value in context.items():
        names = _declared.get(name)
        if names is None or value is None:
            continue
        if isinstance(names, type):
            if type(value) is not names or (isinstance(value, int) and value < 0):
                raise TypeError(f"{name}= takes {_OF_TYPE[names]}, not {value!r}")
            continue
        if isinstance(value, int) and not isinstance(value, bool):
            if not 0 <= value < 16**names.digits:
                raise ValueError(f"{name}: {value} is not the code point of a {names.title}")
        elif isinstance(value, str):
            try:
                found[name] = registry_of({"_params": context}).code_of(names, value)
            except KeyError as error:
                raise ValueError(f"{name}: {error.args[0]}") from None
        else:
            raise TypeError(f"{name}= takes a code point or its name, not {value!r}")
    return found


@lru_cache(maxsize=256)
def _check_names(names: frozenset[str]) -> None:
    unknown = names - _declared.keys()
    if not unknown:
        return
    import difflib  # here, because few give others

    for name in unknown:
        if _MEANT.get(name) in _declared:
            raise TypeError(f"there is no parameter {name!r}; did you mean {_MEANT[name]!r}?")
        if difflib.get_close_matches(name.lower(), _declared, n=1, cutoff=_NEARLY):
            raise TypeError(f"there is no parameter {name!r}{nearest(name.lower(), _declared)}")


# As `ciphersuite` is to `cipher_suite`, and `extension` to `extensions`; but not `ions`.
_NEARLY = 0.85
