"""Attributes and parameters that a docstring describes together, one by one: `orig_h, orig_p: address and port`.

What may live here: that, as an extension of griffe, which reads docstrings for mkdocstrings and knows one name a line.
"""

from __future__ import annotations

import re
from typing import Any

from griffe import Docstring, Extension, Object

__all__ = ["SharedNames", "one_by_one"]

_SHARED = re.compile(
    r"^(?P<indent> {4})(?P<names>\w+(?:,\s+\w+)+):(?P<text>(?: .*)?(?:\n {5,}\S.*)*)", re.MULTILINE
)


def one_by_one(docstring: str) -> str:
    """A docstring in which each name has what is said of several."""

    def each(found: re.Match[str]) -> str:
        names = re.split(r",\s+", found["names"])
        return "\n".join(f"{found['indent']}{name}:{found['text']}" for name in names)

    return _SHARED.sub(each, docstring)


class SharedNames(Extension):
    """The extension."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Called for each object that is read."""
        if isinstance(obj.docstring, Docstring):
            obj.docstring.value = one_by_one(obj.docstring.value)
