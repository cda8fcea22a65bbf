"""A page that holds all that it needs: its style, its script and its data.

What may live here: putting the parts of a page together. Nothing in it is requested from anywhere, and a
Content-Security-Policy says so to the browser: it runs the one script and takes the one style of the page, by their hashes.

What stands in captures is hostile. The template engine escapes what stands in the markup; the data stand in an element whose
content is no markup, without any `<` that could end it; and the scripts make nothing but text of them.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, NamedTuple

from ..tool.one_line import on_one_line
from .fields import Fields, Picture

__all__ = ["Page", "page", "structure_page"]

_PARTS = "tlsgrammar.picture"
_POLICY = (
    "default-src 'none'; script-src 'sha256-{script}'; style-src 'sha256-{style}'; img-src data:; "
    "base-uri 'none'; form-action 'none'"
)


class Page(NamedTuple):
    """What a page is made of: files in the folder `parts` of a package each, of which the first one that has it is taken.

    Attributes:
        template: the markup, a template of Jinja that extends `page.html`.
        styles, scripts: those of the page, one after the other.
        packages: the packages, but for this one, which is the last.
    """

    template: str
    styles: Sequence[str] = ("page.css",)
    scripts: Sequence[str] = ("elements.js", "fields.js")
    packages: Sequence[str] = ()


_STRUCTURE = Page("structure.html", scripts=("elements.js", "fields.js", "structure.js"))


def page(of: Page, title: str, data: Any, **values: Any) -> str:
    """A page of HTML.

    Args:
        of: what it is made of.
        title: what it is called; what cannot be seen of it is escaped.
        data: what its scripts find as `DATA`: anything that JSON can hold.
        values: what its template takes besides.

    Raises:
        ImportError: Jinja is not installed.
    """
    from markupsafe import Markup

    from .. import __version__

    loaded = _loader(tuple(of.packages))
    style = _joined(loaded, of.styles)
    script = _joined(loaded, of.scripts)
    # An element with a script ends with the first `</script`, or does not where a comment begins in it.
    written = json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    text: str = loaded.get_template(of.template).render(
        title=on_one_line(title),
        version=__version__,
        policy=_POLICY.format(script=_hash(script), style=_hash(style)),
        style=Markup(style),
        script=Markup(script),
        data=Markup(written),
        **values,
    )
    return text


def structure_page(title: str, about: str, picture: Picture, texts: Fields) -> str:
    """The page of one structure.

    Args:
        title: what it is called.
        about: what it is, in words.
        picture: the structure.
        texts: what has made the picture.

    Raises:
        ImportError: Jinja is not installed.
    """
    data = {"picture": picture, "texts": texts.texts, "label": title}
    return page(_STRUCTURE, title, data, about=about)


@cache
def _loader(packages: tuple[str, ...]) -> Any:
    try:
        import jinja2
    except ModuleNotFoundError as error:
        raise ImportError(
            "pages are made by the library Jinja2, which is not installed; pip install Jinja2",
            name=error.name,
        ) from None
    loaders = [jinja2.PackageLoader(package, "parts") for package in (*packages, _PARTS)]
    return jinja2.Environment(
        loader=jinja2.ChoiceLoader(loaders),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )


def _joined(environment: Any, parts: Iterable[str]) -> str:
    sources = [environment.loader.get_source(environment, part)[0] for part in parts]
    return "\n".join(sources)


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
