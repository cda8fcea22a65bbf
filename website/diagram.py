"""The picture of what imports what, as SVG: `python -m website.diagram > architecture.svg`.

What may live here: where boxes and arrows are drawn. Which there are is for `imports`. Colours are those of the page that
the picture stands in, so that it is read on a light and on a dark one.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator
from html import escape
from typing import NamedTuple

from .imports import ROWS, Box, arrows, implied
from .markdown import code, escaped, table

__all__ = ["diagram", "listed"]

# In pixels.
_WIDTH, _HEIGHT = 168, 46
_COLUMN, _ROW = 200, 88
_MARGIN = 24
_FRAME = 34  # between the boxes of two packages
_CLEAR = 10  # between an arrow and a box that it passes

_STYLE = """
.box rect{fill:var(--md-code-bg-color,#f5f5f5);stroke:var(--md-default-fg-color--light,#777)}
.box text{fill:var(--md-default-fg-color,#222);font:600 14px sans-serif;text-anchor:middle}
.box .what{font:12px sans-serif;opacity:.75}
.frame rect{fill:none;stroke:var(--md-default-fg-color--lighter,#bbb);stroke-dasharray:4 4}
.frame text{fill:var(--md-default-fg-color--light,#777);font:600 13px sans-serif}
.arrow{fill:none;stroke:var(--md-typeset-a-color,#4051b5);stroke-width:1.5}
.all{stroke-width:4}
marker path{fill:var(--md-typeset-a-color,#4051b5)}
"""


class _Place(NamedTuple):
    """Where a box stands: its middle, and its upper edge."""

    x: float
    y: float

    @property
    def bottom(self) -> float:
        return self.y + _HEIGHT


class _Point(NamedTuple):
    x: float
    y: float


def diagram() -> str:
    """The picture. Raises what `imports.arrows` raises."""
    found = arrows()
    drawn = [arrow for arrow in found if arrow not in implied(found)]
    places = _places()
    width = _MARGIN * 2 + _COLUMN * 4
    height = max(place.bottom for place in places.values()) + 2 * _MARGIN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height:g}" role="img" '
        'aria-label="Which module imports which">',
        f"<style>{''.join(_STYLE.splitlines())}</style>",
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8z"/></marker></defs>',
        *(_frame(package, places, width) for package in ("events", "tlsgrammar")),
        *(_arrow(one, other, places) for one, other in drawn if one.package == other.package),
        *_between(found, places),
        *(_box(box, place) for box, place in places.items()),
        "</svg>",
    ]
    return "\n".join(lines)


def _places() -> dict[Box, _Place]:
    places = {}
    top = _MARGIN * 2.0
    package = ROWS[0][0].package
    for row in ROWS:
        if row[0].package != package:
            package = row[0].package
            top += _FRAME + _MARGIN
        for box in row:
            places[box] = _Place(_MARGIN + _COLUMN * (box.column + 0.5), top)
        top += _ROW
    return places


def _frame(package: str, places: dict[Box, _Place], width: float) -> str:
    inside = [place for box, place in places.items() if box.package == package]
    top = min(place.y for place in inside) - _MARGIN
    height = max(place.bottom for place in inside) + _MARGIN - top
    return (
        f'<g class="frame"><rect x="{_MARGIN / 2:g}" y="{top:g}" width="{width - _MARGIN:g}" height="{height:g}" rx="8"/>'
        f'<text x="{_MARGIN}" y="{top + 19:g}">{package}</text></g>'
    )


def _box(box: Box, place: _Place) -> str:
    return (
        f'<g class="box"><title>{escape(", ".join(box.modules))}</title>'
        f'<rect x="{place.x - _WIDTH / 2:g}" y="{place.y:g}" width="{_WIDTH}" height="{_HEIGHT}" rx="6"/>'
        f'<text x="{place.x:g}" y="{place.y + 19:g}">{escape(box.name)}</text>'
        f'<text class="what" x="{place.x:g}" y="{place.y + 36:g}">{escape(box.what)}</text></g>'
    )


def _arrow(one: Box, other: Box, places: dict[Box, _Place]) -> str:
    start, end = places[one], places[other]
    if start.y == end.y:
        side = _WIDTH / 2 if end.x > start.x else -_WIDTH / 2
        middle = start.y + _HEIGHT / 2
        return _path(f"M{start.x + side:g} {middle:g}L{end.x - side:g} {middle:g}")
    # Several that leave or reach a box do so at places of their own.
    lean = max(-1, min(1, (end.x - start.x) / _COLUMN)) * _WIDTH / 4
    points = [_Point(start.x + lean, start.bottom), *_past(start, end, places.values())]
    points.append(_Point(end.x - lean, end.y))
    path = f"M{points[0].x:g} {points[0].y:g}"
    for before, after in itertools.pairwise(points):
        bend = (before.y + after.y) / 2
        path += f"C{before.x:g} {bend:g} {after.x:g} {bend:g} {after.x:g} {after.y:g}"
    return _path(path)


def _path(path: str, kind: str = "arrow") -> str:
    return f'<path class="{kind}" marker-end="url(#head)" d="{path}"/>'


def _past(start: _Place, end: _Place, places: Collection[_Place]) -> Iterator[_Point]:
    """The way past the boxes of the rows between, with as few bends as they allow."""
    reach = _WIDTH / 2 + _CLEAR
    x = start.x
    for y in sorted({place.y for place in places if start.y < place.y < end.y}):
        here = [place.x for place in places if place.y == y]
        ways = [x, *(other + side for other in here for side in (-reach, reach))]
        free = [way for way in ways if all(abs(way - other) >= reach for other in here)]
        _, _, x = min((abs(way - x), abs(way - end.x), way) for way in free)
        yield _Point(x, y - _CLEAR)
        yield _Point(x, y + _HEIGHT + _CLEAR)


def _between(found: Collection[tuple[Box, Box]], places: dict[Box, _Place]) -> Iterator[str]:
    """One arrow for all that `events` imports of `tlsgrammar`: nearly every module of it imports some."""
    if any(one.package != other.package for one, other in found):
        last = max(place.bottom for box, place in places.items() if box.package == "events")
        first = min(place.y for box, place in places.items() if box.package == "tlsgrammar")
        x = _MARGIN + _COLUMN * 1.5
        yield _path(f"M{x:g} {last + _MARGIN:g}L{x:g} {first - _MARGIN - 2:g}", "arrow all")


def listed() -> str:
    """The arrows as a table, those that are not drawn too."""
    found = arrows()
    rows = []
    for box in (box for row in ROWS for box in row):
        several = sorted(
            {other.name for one, other in found if one is box and one.package == other.package}
        )
        below = sorted(
            {other.name for one, other in found if one is box and one.package != other.package}
        )
        modules = ", ".join(map(code, box.modules))
        rows.append((escaped(box.name), modules, ", ".join(several), ", ".join(below)))
    head = ("box", "modules", "imports of its package", "imports of tlsgrammar")
    return table(head, rows)


if __name__ == "__main__":
    print(diagram())
