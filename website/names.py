"""The page with the names of code points.

What may live here: the tables of `tlsgrammar.names`, as a page, and where each stands on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from tlsgrammar.language.names import Names
from tlsgrammar.tool.lists import registries

from .markdown import code, table

__all__ = ["PATH", "page", "target"]

PATH = "grammar/names.md"


@cache
def _known() -> Mapping[Names, str]:
    return {of: name for name, of in registries().items()}


def target(of: Names) -> str:
    """Where names stand, from the top of the site."""
    return f"{PATH}#{_known()[of]}"


def page() -> str:
    """All names of all code points."""
    written = [
        "# Names of code points\n",
        "From the registries of IANA, or the document that registered the code point. `python -m tlsgrammar names WORD` "
        "looks in all of them, and `tlsgrammar.names` has them in Python.\n",
    ]
    for of, name in sorted(_known().items(), key=lambda item: item[1]):
        written.append(f"## {of.title} {{: #{name} }}\n")
        written.append(f"`tlsgrammar.names.{name.upper()}`\n")
        rows = [
            (f"0x{number:0{of.digits}x}", str(number), code(of[number])) for number in sorted(of)
        ]
        written.append(table(("", "code point", "name"), rows))
    return "\n".join(written)
