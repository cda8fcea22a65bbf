"""The declaration of a structure as HTML, with a link wherever it names another.

What may live here: how a declaration is coloured and linked. Its text is that of `python -m tlsgrammar show`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape

from tlsgrammar.language.declaration import declaration

from .markdown import relative
from .structures import Listed, Structures

__all__ = ["declared"]

_KEYWORDS = ("struct", "select", "case", "default", "enum", "opaque", "uint")
_TOKEN = re.compile(
    r"(?P<comment>/\*.*?\*/)"
    rf"|\b(?P<keyword>(?:{'|'.join(_KEYWORDS)})(?:8|16|24|32|48|64)?)\b"
    r"|(?P<word>[A-Za-z_](?:[\w-]*\w)?)"
    r"|(?P<number>\b\d+(?:\^\d+)?(?:-1\b|-2\b)?)"
    r"|(?P<other>[^/\w]+|.)",
    re.DOTALL,
)


def declared(structures: Structures, listed: Listed) -> str:
    """The declaration of a structure, as a block of HTML.

    Args:
        structures: all there are.
        listed: the one to declare.
    """
    text = declaration(listed.schema, structures.catalogue.titles, structures.registry)
    named = structures.named_parts(listed.schema)
    written = "".join(_written(found, named, listed) for found in _TOKEN.finditer(text))
    return f'<div class="highlight declared"><pre><code>{written}</code></pre></div>'


def _written(found: re.Match[str], named: Mapping[str, Listed], here: Listed) -> str:
    text = escape(found[0], quote=False)
    match found.lastgroup:
        case "comment":
            return f'<span class="c">{text}</span>'
        case "keyword":
            return f'<span class="k">{text}</span>'
        case "number":
            return f'<span class="mi">{text}</span>'
        case "word" if found[0] in named and named[found[0]].schema is not here.schema:
            target = relative(named[found[0]].target, here.page).replace(".md", ".html")
            return f'<a href="{target}">{text}</a>'
    return text
