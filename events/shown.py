"""Structs as they are shown at a prompt and in tracebacks: short, on one line.

What may live here: the form of a repr. Output that is to be kept is for `output`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Set
from itertools import islice
from typing import Any

import msgspec

from tlsgrammar.registry import DEFAULT

from .declarations import Declared, declared_fields, named_items
from .meanings import Text

__all__ = ["shown"]

# So much of a value is shown.
_BYTES = 16
_ITEMS = 4
_CHARACTERS = 120


def shown(struct: msgspec.Struct, **instead: str) -> str:
    """A struct as `SslAlert(ts=1.5, is_orig=True, level=2 (fatal), desc=40 (handshake_failure))`.

    Args:
        struct: the struct.
        instead: how fields are shown, before all others; an empty string leaves one out.
    """
    fields = {name: text for name, text in instead.items() if text}
    for name, declared in declared_fields(type(struct)).items():
        if name not in instead:
            fields[name] = _value(getattr(struct, name), declared)
    return f"{type(struct).__name__}({_joined(fields)})"


def _joined(fields: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={text}" for name, text in fields.items())


def _value(value: Any, declared: Declared) -> str:
    if isinstance(value, list | tuple | Set):
        return _list(value, declared.of_items)
    words = declared.meaning.words(value, DEFAULT) if declared.meaning is not None else None
    if words is not None and not isinstance(value, bool):
        if isinstance(declared.meaning, Text):
            return repr(_cut(words))
        return f"{value} ({words})" if isinstance(value, int) else words
    if isinstance(value, bytes):
        return _bytes(value)
    if isinstance(value, str):
        return repr(_cut(value))
    if isinstance(value, msgspec.Struct):
        return repr(value) if type(value).__repr__ is not msgspec.Struct.__repr__ else shown(value)
    if isinstance(value, Mapping):
        fields = {name: _value(item, of) for name, item, of in named_items(value, declared)}
        return f"{{{_joined(fields)}}}"
    return _cut(" ".join(repr(value).split()))


def _list(values: Collection[Any], declared: Declared) -> str:
    items = [_value(value, declared) for value in islice(values, _ITEMS)]
    if len(values) > len(items):
        items.append(f"... {len(values)} in all")
    return f"[{', '.join(items)}]"


def _bytes(value: bytes) -> str:
    if len(value) > _BYTES:
        return f"{value[:_BYTES].hex()}... ({len(value)} bytes)"
    return value.hex() or "b''"


def _cut(text: str) -> str:
    return text if len(text) <= _CHARACTERS else text[:_CHARACTERS] + "..."
