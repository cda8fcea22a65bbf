"""What mkdocs calls: it is handed the pages that are made.

What may live here: the functions that mkdocs knows by their names, and which page is made by what. mkdocs names their
parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from website import code_points, event_pages, grammar, names, reference
from website.diagram import diagram, listed
from website.imports import WrongDirectionError
from website.links import FILES, BrokenLinkError, with_links, with_sections
from website.structures import PAGES, Structures

__all__ = ["made", "on_config", "on_files", "on_page_markdown"]

_ROOT = Path(__file__).parent.parent

_DIAGRAM = "<!-- diagram -->"
_ARROWS = "<!-- arrows -->"


@cache
def made() -> Mapping[str, Callable[[], str]]:
    """What makes each page that is made, by where it is on the site."""
    structures = Structures()
    return {
        grammar.INDEX: partial(grammar.index, structures),
        **{path: partial(grammar.page, structures, path) for path in PAGES},
        code_points.PATH: partial(code_points.page, structures),
        names.PATH: names.page,
        event_pages.PATH: partial(event_pages.page, structures),
        **{path: partial(reference.page, structures, path) for path in reference.PAGES},
    }


def on_config(config: MkDocsConfig) -> None:
    """Put the pages into the navigation whose number the code decides: of the grammar, and of the API."""
    pages = [(grammar.title_of(module), module, path) for path, module in PAGES.items()]
    sections: dict[str, list[dict[str, Any]]] = {
        "Grammar": [
            {"Every structure": grammar.INDEX},
            {"Code points": code_points.PATH},
            {"Names of code points": names.PATH},
            *({title: path} for title, module, path in pages if not _is_of_extensions(module)),
            {
                "Extensions": [
                    {title: path} for title, module, path in pages if _is_of_extensions(module)
                ]
            },
        ],
        "API": [{module.__name__: path} for path, module in reference.PAGES.items()],
    }
    config.nav = [
        {name: sections[name]} if name in sections else item for name, item in _named(config.nav)
    ]


def _is_of_extensions(module: ModuleType) -> bool:
    return module.__name__.startswith("tlsgrammar.extensions.")


def _named(nav: Any) -> Iterator[tuple[str, Any]]:
    for item in nav:
        [name] = item
        yield name, item


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made, and the files of the repository that are pages too."""
    for path, make in made().items():
        files.append(File.generated(config, path, content=make()))
    for source, path in FILES.items():
        if (_ROOT / source).exists():
            files.append(File.generated(config, path, content=(_ROOT / source).read_text()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Mend the links of a document, and draw the picture where it belongs."""
    path = page.file.src_uri
    if path in made():
        return markdown
    sources = {site: file for file, site in FILES.items()}

    def mend(text: str, source: str) -> str:
        return with_links(text, source, path, lambda target: target in files.src_uris)

    try:
        text = mend(markdown, sources.get(path, f"docs/{path}"))
        text = with_sections(text, path, lambda source: (_ROOT / source).read_text(), mend)
        if _DIAGRAM in text:
            text = text.replace(_DIAGRAM, f'<div class="architecture">{diagram()}</div>')
            text = text.replace(_ARROWS, listed())
    except (BrokenLinkError, WrongDirectionError) as error:
        raise PluginError(str(error)) from error
    return text
