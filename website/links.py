"""Links of the documents in the repository, on the site.

What may live here: which page of the site a file of the repository is, and the links mended that say so; and what one
document has from another instead of a link. Links are written for readers of the repository: from one file to another.

    <!-- from README.md: Design -->
    [Design](../README.md#design) in the README says it.
    <!-- to here -->
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from typing import TypeAlias

from .markdown import relative

__all__ = ["FILES", "BrokenLinkError", "with_links", "with_sections"]

FILES: Mapping[str, str] = {
    "CHANGELOG.md": "changes.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "benchmarks/RESULTS.md": "speed.md",
}
"""The files outside `docs/` that are pages, and where on the site."""

_SECTIONS: Mapping[str, str] = {
    "README.md": "index.md",
    "README.md#the-events": "events.md",
    "README.md#look-at-bytes": "grammar/index.md",
    "README.md#design": "architecture.md",
    "README.md#speed": "speed.md",
}
"""What stands on a page of the site that is made from the code, or that has a page of its own."""

_DOCS = "docs/"
_LINK = re.compile(r"(\]\()(?!https?:|mailto:|#)([^()\s]+)(\))")
_FENCE = re.compile(r"^(```.*?^```)", re.DOTALL | re.MULTILINE)


_INCLUDED = re.compile(r"<!-- from (\S+): (.+?) -->.*?<!-- to here -->", re.DOTALL)


Mend: TypeAlias = Callable[[str, str], str]


class BrokenLinkError(Exception):
    """A document links to what is no page."""


def with_links(text: str, source: str, page: str, exists: Callable[[str], bool]) -> str:
    """A document with links that hold on the site.

    Args:
        text: Markdown.
        source: its file, from the top of the repository.
        page: where it is, from the top of the site.
        exists: whether there is a page or a file there.

    Raises:
        BrokenLinkError: a link leads nowhere.
    """

    def mended(found: re.Match[str]) -> str:
        path, _, anchor = found[2].partition("#")
        file = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        whole = f"{file}#{anchor}" if anchor else file
        if whole in _SECTIONS:
            target = _SECTIONS[whole]
        elif file.startswith(_DOCS):
            target = whole.removeprefix(_DOCS)
        else:
            target = FILES.get(file, file) + (f"#{anchor}" if anchor else "")
        if not exists(target.partition("#")[0]):
            raise BrokenLinkError(f"{source}: {found[2]} is no page of the site")
        return f"{found[1]}{relative(target, page)}{found[3]}"

    pieces = _FENCE.split(text)
    pieces[::2] = [_LINK.sub(mended, piece) for piece in pieces[::2]]
    return "".join(pieces)


def with_sections(text: str, page: str, read: Callable[[str], str], mend: Mend) -> str:
    """A document with the sections of others in the places that ask for them.

    Args:
        text: Markdown.
        page: where it is, from the top of the site.
        read: gives the text of a file, from the top of the repository.
        mend: mends the links of a text that is from such a file.

    Raises:
        BrokenLinkError: there is no such section.
    """

    def section(found: re.Match[str]) -> str:
        source, heading = found[1], found[2]
        _, _, after = read(source).partition(f"\n## {heading}\n")
        if not after:
            raise BrokenLinkError(f"{page}: {source} has no section {heading}")
        return mend(after.partition("\n## ")[0].strip(), source)

    return _INCLUDED.sub(section, text)
