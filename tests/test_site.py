"""The site of the documentation: what is made from the code is all there, and every link holds."""

from __future__ import annotations

import inspect
import posixpath
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

import events
from events.model import Event
from tlsgrammar.catalogue import ALIASES
from tlsgrammar.language.declaration import declaration
from website import event_pages, grammar
from website.diagram import diagram
from website.imports import BOXES, ROWS, Box, WrongDirectionError, arrows, check, implied, imports
from website.links import BrokenLinkError, with_links, with_sections
from website.markdown import escaped, linked_documents, relative
from website.structures import PAGES, Structures

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def structures() -> Structures:
    return Structures()


# The grammar


def test_every_structure_is_on_one_page(structures: Structures) -> None:
    on_pages = Counter(listed.schema for page in PAGES for listed in structures.on(page))
    assert on_pages == Counter(dict.fromkeys(structures.catalogue.structures.values(), 1))


def test_every_name_of_a_structure_leads_to_it(structures: Structures) -> None:
    for name, schema in structures.catalogue.structures.items():
        assert structures.by_name[name].schema is schema


def test_a_structure_stands_under_the_name_of_its_document(structures: Structures) -> None:
    assert structures.by_name["client_hello"].name == "ClientHello"
    assert structures.by_name["CLIENT-HELLO"].name == "sslv2.ClientHello"


def test_no_two_structures_of_a_page_have_the_same_name(structures: Structures) -> None:
    targets = Counter(listed.target for listed in structures.listed.values())
    assert max(targets.values()) == 1


def test_a_page_declares_each_structure_as_the_command_does(structures: Structures) -> None:
    for path in PAGES:
        text = re.sub(r"<[^>]*>", "", grammar.page(structures, path))
        text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
        for listed in structures.on(path):
            assert declaration(listed.schema, structures.catalogue.titles) in text


def test_a_declaration_links_the_structures_that_it_names(structures: Structures) -> None:
    page = grammar.page(structures, "grammar/handshake.md")
    assert '<a href="#Random">Random</a> random;' in page
    assert '<a href="extensions/groups.html#NamedGroupList">NamedGroupList</a>' in page
    assert '<a href="#ClientHelloExtension">Extension</a> extensions' in page


def test_a_page_has_code_points_documents_and_events(structures: Structures) -> None:
    page = grammar.page(structures, "grammar/extensions/naming.md")
    _, _, section = page.partition("## ServerNameList")
    section, _, _ = section.partition("\n## ")
    assert "extension 0 `server_name`" in section
    assert "https://www.rfc-editor.org/rfc/rfc6066#section-3" in section
    assert "[`ssl_extension_server_name`](../../events.md#ssl_extension_server_name)" in section


def test_other_names_are_listed(structures: Structures) -> None:
    index = grammar.index(structures)
    for name in ALIASES:
        assert f"| {escaped(name)} |" in index


# The events


def test_every_event_is_described_once(structures: Structures) -> None:
    page = event_pages.page(structures)
    described = Counter(re.findall(r"^### .* \{: #(.*) \}$", page, re.MULTILINE))
    known = events.known_events()
    assert [described[name] for name in known] == [1] * len(known)
    assert {each.name for group in event_pages.groups() for each in group.classes} == {*known}


def _kinds() -> list[type[Event]]:
    return [kind for group in event_pages.groups() for kind in group.classes]


@pytest.mark.parametrize("kind", _kinds(), ids=lambda kind: kind.name)
def test_every_parameter_of_an_event_is_said_to_mean_something(kind: type[Event]) -> None:
    said = event_pages.attributes(inspect.cleandoc(kind.__doc__ or ""))
    assert {*said} == {*kind.__struct_fields__} - {"c", "ts"}
    assert all(said.values())


def test_events_link_what_they_are_raised_on(structures: Structures) -> None:
    page = event_pages.page(structures)
    assert "`events.SslAlert`, raised on [Alert](grammar/record.md#Alert)" in page
    assert "raised on extension 0 `server_name`" in page


# The imports

# Who may import whom, in a row: each those that come after it.
WALL = (
    ("cli",),
    ("output", "rows", "capture"),
    ("streams", "datagrams", "quic"),
    ("conversation",),
    ("mapping",),
    ("model",),
)


def test_the_boxes_stand_in_the_order_in_which_they_may_import() -> None:
    height = {box.name: index for index, row in enumerate(ROWS) for box in row}
    for above, below in pairwise(WALL):
        assert max(height[name] for name in above) < min(height[name] for name in below)
    assert [box.name for box in ROWS[-1]] == ["language"]
    packages = [box.package for row in ROWS for box in row]
    assert packages == sorted(packages)  # events is above tlsgrammar


def test_no_import_goes_against_the_wall() -> None:
    found = {(one.name, other.name) for one, other in arrows()}
    rank = {name: index for index, names in enumerate(WALL) for name in names}
    for one, other in found:
        if one in rank and other in rank:
            assert rank[one] <= rank[other], f"{one} imports {other}"
    # That there are arrows at all.
    chain = ["cli", "capture", "streams", "conversation", "mapping", "model"]
    assert found.issuperset(pairwise(chain[:5]))
    assert ("mapping", "model") in found


def test_tlsgrammar_knows_nothing_of_events_and_the_language_nothing_of_tls() -> None:
    for module, imported in imports():
        if module.startswith("tlsgrammar"):
            assert not imported.startswith("events")
        if module.startswith("tlsgrammar.language"):
            assert imported.startswith("tlsgrammar.language")


def test_every_module_has_a_box() -> None:
    modules = {".".join(each.split(".")[:2]) for pair in imports() for each in pair}
    assert modules - {"events", "tlsgrammar"} <= {*BOXES}


def test_an_arrow_that_goes_up_is_refused() -> None:
    boxes = {box.name: box for row in ROWS for box in row}
    up = {(boxes["model"], boxes["capture"]): frozenset({("events.model.own", "events.capture")})}
    with pytest.raises(
        WrongDirectionError, match=r"model must not import capture: events\.model\.own"
    ):
        check(up)


def test_an_import_that_goes_up_is_named_although_it_makes_others_come_back() -> None:
    boxes = {box.name: box for row in ROWS for box in row}
    capture, rows, model = boxes["capture"], boxes["rows"], boxes["model"]
    some = frozenset({("events.a", "events.b")})
    with pytest.raises(WrongDirectionError, match="model must not import capture"):
        check({(capture, rows): some, (rows, model): some, (model, capture): some})


def test_arrows_of_one_row_that_come_back_are_refused() -> None:
    boxes = {box.name: box for row in ROWS for box in row}
    one, other = boxes["streams"], boxes["quic"]
    by = frozenset({("events.streams", "events.quic")})
    check({(one, other): by})
    with pytest.raises(WrongDirectionError):
        check({(one, other): by, (other, one): by})


def test_only_arrows_that_a_longer_way_implies_are_left_out() -> None:
    a, b, c = (Box(name, "", (name,)) for name in "abc")
    assert implied({(a, b): 0, (b, c): 0, (a, c): 0}) == {(a, c)}
    assert implied({(a, b): 0, (a, c): 0}) == frozenset()


def test_the_picture_has_every_box() -> None:
    svg = diagram()
    for row in ROWS:
        for box in row:
            assert f">{box.name}</text>" in svg


# Links


def test_links_between_documents_hold_in_the_repository() -> None:
    files = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "benchmarks").glob("*.md")]
    for file in files:
        for target in re.findall(r"\]\((?!https?:)([^()#\s]+)(?:#[^()\s]*)?\)", file.read_text()):
            assert (file.parent / target).exists(), f"{file.name}: {target}"


def test_links_of_a_document_are_mended_for_the_site() -> None:
    text = "[a](scaling.md#how) [b](../benchmarks/RESULTS.md) [c](../README.md#the-events) [d](https://e.f)"
    assert with_links(text, "docs/x.md", "x.md", lambda _: True) == (
        "[a](scaling.md#how) [b](speed.md) [c](events.md) [d](https://e.f)"
    )
    assert with_links("[a](docs/limits.md)", "SECURITY.md", "security.md", lambda _: True) == (
        "[a](limits.md)"
    )


def test_a_link_that_leads_nowhere_is_refused() -> None:
    with pytest.raises(BrokenLinkError, match=r"docs/x\.md: nowhere\.md is no page"):
        with_links("[a](nowhere.md)", "docs/x.md", "x.md", lambda _: False)


def test_links_in_code_stay() -> None:
    text = "```python\nvalue[0](nowhere)\n```\n"
    assert with_links(text, "docs/x.md", "x.md", lambda _: False) == text


def test_a_document_has_sections_of_others() -> None:
    readme = "# A\n\n## Design\n\nThis [way](docs/a.md).\n\n## More\n\nNo.\n"
    text = "Before\n<!-- from README.md: Design -->\nSee there.\n<!-- to here -->\nAfter"
    made = with_sections(text, "x.md", lambda _: readme, lambda section, _: section.upper())
    assert made == "Before\nTHIS [WAY](DOCS/A.MD).\nAfter"
    with pytest.raises(BrokenLinkError, match=r"x\.md: README\.md has no section Design"):
        with_sections(text, "x.md", lambda _: "", lambda section, _: section)


def test_documents_are_linked() -> None:
    assert linked_documents("RFC 5246 section 4.7, RFC 9147") == (
        "[RFC 5246 section 4.7](https://www.rfc-editor.org/rfc/rfc5246#section-4.7), "
        "[RFC 9147](https://www.rfc-editor.org/rfc/rfc9147)"
    )
    assert linked_documents("ETSI TS 103 523-2 clause 4.3.5") == "ETSI TS 103 523-2 clause 4.3.5"


def test_ways_between_pages() -> None:
    assert relative("events.md#a", "grammar/x.md") == "../events.md#a"
    assert relative("grammar/x.md#a", "grammar/x.md") == "#a"


# The site itself


class Built(NamedTuple):
    """A page as it was built.

    Attributes:
        ids: what can be linked in it.
        links: where it leads.
        loaded: what a browser asks for to show it.
    """

    ids: set[str]
    links: list[str]
    loaded: list[str]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.built = Built(set(), [], [])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value for name, value in attrs if value is not None}
        if "id" in given:
            self.built.ids.add(given["id"])
        if tag == "a" and "href" in given:
            self.built.links.append(given["href"])
        elif tag != "a":
            self.built.loaded.extend(given[x] for x in ("src", "href", "srcset") if x in given)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("mkdocs", reason="needs mkdocs (extra docs)")
    pytest.importorskip("mkdocstrings", reason="needs mkdocstrings (extra docs)")
    pytest.importorskip("material", reason="needs mkdocs-material (extra docs)")
    folder = tmp_path_factory.mktemp("site")
    # Not -q: warnings would not be counted then.
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", str(folder)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> Mapping[str, Built]:
    return {path.relative_to(site).as_posix(): _read(path) for path in site.rglob("*.html")}


def _read(path: Path) -> Built:
    reader = _Reader()
    reader.feed(path.read_text())
    return reader.built


def test_no_link_of_the_site_is_broken(site: Path, pages: Mapping[str, Built]) -> None:
    broken = [
        (page, link)
        for page, built in pages.items()
        if page != "404.html"  # it is shown anywhere: its links begin at the top
        for link in built.links
        if not link.startswith(("https:", "http:")) and not _holds(link, page, site, pages)
    ]
    assert broken == []
    assert sum(len(built.links) for built in pages.values()) > 1000


def _holds(link: str, page: str, site: Path, pages: Mapping[str, Built]) -> bool:
    path, _, anchor = link.partition("#")
    target = posixpath.normpath(posixpath.join(posixpath.dirname(page), path)) if path else page
    if target not in pages:
        return (site / target).is_file()
    return anchor in ("", *pages[target].ids)


def test_the_site_asks_nothing_of_the_network(site: Path, pages: Mapping[str, Built]) -> None:
    elsewhere = [
        x for built in pages.values() for x in built.loaded if re.match(r"(https?:)?//", x)
    ]
    assert elsewhere == []
    for path in site.rglob("*.css"):
        assert not re.search(r"(url\(|@import)\s*[\"']?(https?:)?//", path.read_text()), path


def test_every_structure_and_event_can_be_linked(
    structures: Structures, pages: Mapping[str, Built]
) -> None:
    for listed in structures.listed.values():
        assert listed.name in pages[listed.page.replace(".md", ".html")].ids
    assert {*events.known_events()} <= pages["events.html"].ids


def test_every_public_name_has_a_place_in_the_reference(pages: Mapping[str, Built]) -> None:
    for name in _described_in_the_reference():
        assert name in pages[f"reference/{name.partition('.')[0]}.html"].ids


def _described_in_the_reference() -> Iterator[str]:
    yield from ("events.Analyzer", "events.read_capture", "events.Workers", "events.Options")
    yield from ("tlsgrammar.parse", "tlsgrammar.build", "tlsgrammar.read", "tlsgrammar.Registry")
