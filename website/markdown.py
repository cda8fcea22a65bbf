"""Text as Markdown.

What may live here: what pages of any kind are put together from. It knows nothing of what they are about.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Sequence

__all__ = ["code", "escaped", "first_sentence", "link", "linked_documents", "relative", "table"]

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|])")
_RFC = re.compile(
    r"RFC (\d+)(?:(?: section| appendix) ([A-Z]?\d*(?:\.\d+)*[A-Z]?(?:\.\d+)*))?(?= |,|;|$)"
)
_DRAFT = re.compile(r"\bdraft-[a-z0-9-]+")


def escaped(text: str) -> str:
    """Text that is shown as it is; what stands between backticks as code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return _SPECIAL.sub(r"\\\1", text)
    return "".join(
        code(part) if index % 2 else _SPECIAL.sub(r"\\\1", part) for index, part in enumerate(parts)
    )


def code(text: str) -> str:
    """Text as code, also in a table."""
    return f"`{text}`" if text and "|" not in text else escaped(text)


def link(text: str, target: str) -> str:
    """A link; the text is Markdown."""
    return f"[{text}]({target})"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of Markdown cells."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(' '.join(cell.split()) for cell in row)} |\n" for row in lines)


def relative(target: str, page: str) -> str:
    """The way from one page to another, both from the top of the site."""
    path, _, anchor = target.partition("#")
    way = posixpath.relpath(path, posixpath.dirname(page)) if path != page else ""
    return f"{way}#{anchor}" if anchor else way


def first_sentence(text: str) -> str:
    """The first sentence of a docstring, on one line."""
    paragraph = " ".join(text.strip().split("\n\n")[0].split())
    return re.split(r"(?<=[.]) (?=[A-Z`])", paragraph)[0]


def linked_documents(reference: str) -> str:
    """The names of documents, each with a link to where it is published, as far as that is known."""
    return _DRAFT.sub(_draft, _RFC.sub(_rfc, escaped(reference)))


def _rfc(found: re.Match[str]) -> str:
    number, section = found[1], found[2]
    kind = "appendix" if section and section[0].isalpha() else "section"
    anchor = f"#{kind}-{section}" if section else ""
    return link(found[0], f"https://www.rfc-editor.org/rfc/rfc{number}{anchor}")


def _draft(found: re.Match[str]) -> str:
    return link(found[0], f"https://datatracker.ietf.org/doc/html/{found[0]}")
