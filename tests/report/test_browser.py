"""Reports in a browser: Chromium, without a window."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .made import DATA, HOSTILE, hostile, malformed, report_of

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")

CAPTURES: dict[str, Path | Callable[[Path], Path]] = {
    "TLS 1.2": DATA / "tls12-client-auth.pcap",
    "TLS 1.3 with secrets": DATA / "secrets" / "programs.pcapng.gz",
    "DTLS": DATA / "dtls" / "dtls12-gnutls-fragments.pcap",
    "QUIC": DATA / "quic" / "aioquic-v1.pcap",
    "ECH": DATA / "modern-ech.pcap",
    "post-quantum": DATA / "modern-x25519mlkem768.pcap",
    "malformed": malformed,
    "hostile": hostile,
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        # Without the sandbox, which wants namespaces that a container may not have.
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("reports")
    made = {}
    for name, capture in CAPTURES.items():
        path = capture if isinstance(capture, Path) else capture(folder / f"<b>{name}\u202e.pcap")
        made[name] = folder / f"{name}.html"
        made[name].write_text(report_of(path).html(), encoding="utf-8")
    return made


class Opened:
    """A page, and what went wrong in it.

    Attributes:
        page: it.
        wrong: messages on its console, exceptions, and requests other than for itself.
    """

    def __init__(self, browser: Any, path: Path, **options: Any) -> None:
        self.wrong: list[str] = []
        self.page = browser.new_page(**options)
        self.page.on("console", lambda message: self.wrong.append(message.text))
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("dialog", lambda dialog: self.wrong.append(dialog.message))
        self.page.on("request", self._requested)
        self.url = path.as_uri()
        self.page.goto(self.url)

    def _requested(self, request: Any) -> None:
        if request.url != self.url and not request.url.startswith("data:"):
            self.wrong.append(request.url)

    def open(self, connections: int = 2, steps: int = 40) -> None:
        """Open the first connections, and their first steps."""
        for selector, count in (("button.open", connections), ("summary", steps)):
            self.page.evaluate(
                "([selector, count]) => [...document.querySelectorAll(selector)].slice(0, count).forEach((x) => x.click())",
                [selector, count],
            )
        self.page.locator(".structure").first.wait_for()


@pytest.mark.parametrize("name", CAPTURES)
def test_a_report_opens_without_errors_and_asks_for_nothing(
    name: str, browser: Any, reports: dict[str, Path]
) -> None:
    opened = Opened(browser, reports[name])
    opened.open()
    assert opened.page.locator("tbody tr").count() > 1
    assert opened.page.locator(".structure").count() > 0
    assert opened.wrong == []
    opened.page.close()


@pytest.mark.parametrize(("width", "scheme"), [(1300, "light"), (400, "dark")])
@pytest.mark.parametrize("name", CAPTURES)
def test_axe_finds_no_serious_fault(
    name: str, width: int, scheme: str, browser: Any, reports: dict[str, Path]
) -> None:
    opened = Opened(
        browser,
        reports[name],
        color_scheme=scheme,
        viewport={"width": width, "height": 900},
        bypass_csp=True,  # what looks is a script
    )
    opened.open(connections=1, steps=4)  # it looks at the contrast of every byte
    # Looking at the contrast of thousands of bytes takes long; those of two lines are like the others.
    most = {"exclude": [[".bytes .line:nth-child(n + 3)"]]}
    found = axe.Axe().run(opened.page, context=most).response["violations"]
    faults = [
        (fault["id"], fault["nodes"][0]["html"])
        for fault in found
        if fault["impact"] in ("serious", "critical")
    ]
    assert faults == []
    opened.page.close()


@pytest.mark.parametrize("width", [1300, 400])
def test_nothing_is_wider_than_the_window(
    width: int, browser: Any, reports: dict[str, Path]
) -> None:
    for path in reports.values():
        opened = Opened(browser, path, viewport={"width": width, "height": 900})
        opened.open()
        wide = opened.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, path.name
        opened.page.close()


TIMELINE = """[...document.querySelectorAll('.timeline rect')].reduce((a, b) => a + +b.getAttribute('height'), 0)"""


def test_charts_filter_the_list(browser: Any, reports: dict[str, Path]) -> None:
    page = Opened(browser, reports["TLS 1.3 with secrets"]).page
    rows = page.locator("tbody tr")
    everything = rows.count()
    bar = page.locator('button.bar[data-filter="Version:TLSv13"]')
    counted = int(bar.locator(".count").inner_text())
    assert 0 < counted < everything
    heights = page.evaluate(TIMELINE)
    bar.click()
    assert rows.count() == counted
    assert page.evaluate(TIMELINE) < heights
    assert bar.get_attribute("aria-pressed") == "true"
    assert page.get_by_role("status").inner_text() == f"{counted} of {everything} connections"
    # The chart itself goes on to have the others, so that they can be added.
    page.locator('button.bar[data-filter="Version:TLSv12"]').click()
    assert rows.count() > counted
    page.get_by_role("button", name="Show all").click()
    assert rows.count() == everything
    page.get_by_role("searchbox").fill("TLSv12")
    assert 0 < rows.count() < everything
    page.close()


def test_the_list_is_sorted(browser: Any, reports: dict[str, Path]) -> None:
    page = Opened(browser, reports["TLS 1.3 with secrets"]).page
    heading = page.locator("th", has_text="Cipher suite")
    for direction in ("ascending", "descending"):
        heading.get_by_role("button").click()
        assert heading.get_attribute("aria-sort") == direction
        at = page.locator("th").all_inner_texts().index("Cipher suite")
        column = [x for x in page.locator(f"tbody td:nth-child({at + 1})").all_inner_texts() if x]
        assert column == sorted(column, reverse=direction == "descending")
    page.close()


def open_hello(page: Any) -> Any:
    page.locator("button.open").first.click()
    page.locator("summary", has_text="client_hello").first.click()
    structure = page.locator(".structure").first
    structure.wait_for()  # a browser tells of what was opened a little later
    return structure


def marked(structure: Any) -> list[int]:
    return [int(x.get_attribute("data-at")) for x in structure.locator(".cells .marked").all()]


def test_pointing_at_a_field_marks_its_bytes_and_the_other_way_round(
    browser: Any, reports: dict[str, Path]
) -> None:
    page = Opened(browser, reports["TLS 1.2"]).page
    structure = open_hello(page)
    assert len(marked(structure)) == structure.locator(".cells [data-at]").count()
    structure.locator(".field", has_text="legacy_version").last.hover()
    assert marked(structure) == [4, 5]
    about = structure.locator(".about").inner_text()
    for words in ("legacy_version", "ProtocolVersion", "TLSv12 (771)", "RFC 8446 section 4.1.2"):
        assert words in about
    structure.locator('.cells [data-at="7"]').hover()
    assert structure.locator(".field.marked .name").all_inner_texts() == ["gmt_unix_time"]
    assert marked(structure) == [6, 7, 8, 9]
    link = structure.locator(".about a")
    assert link.get_attribute("href").startswith("https://www.rfc-editor.org/rfc/rfc")
    page.close()


def test_the_keyboard_reaches_everything(browser: Any, reports: dict[str, Path]) -> None:
    page = Opened(browser, reports["TLS 1.2"]).page
    page.locator("button.open").first.focus()
    page.keyboard.press("Enter")
    page.locator("summary").first.focus()
    page.keyboard.press("Enter")
    structure = page.locator(".structure").first
    structure.wait_for()
    page.keyboard.press("Tab")
    for _ in range(2):
        page.keyboard.press("ArrowDown")
    name = structure.locator(".field.marked .name")
    assert name.all_inner_texts() == ["length"]
    assert marked(structure) == [1, 2, 3]
    page.keyboard.press("Home")
    page.keyboard.press("ArrowLeft")
    assert structure.get_by_role("treeitem").first.get_attribute("aria-expanded") == "false"
    page.keyboard.press("ArrowDown")
    assert name.all_inner_texts() == ["Handshake"]
    page.keyboard.press("Tab")
    for key in ("ArrowRight", "ArrowRight", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    assert name.all_inner_texts() == ["legacy_version"]
    page.close()


def test_a_click_opens_a_field_and_another_closes_it(
    browser: Any, reports: dict[str, Path]
) -> None:
    page = Opened(browser, reports["TLS 1.2"]).page
    structure = open_hello(page)
    item = structure.get_by_role("treeitem", name="[0] server_name").first
    for opened in ("true", "false", "true"):
        item.locator(".field").first.click()
        assert item.get_attribute("aria-expanded") == opened
    page.close()


def test_each_connection_is_in_one_bar_of_the_timeline(
    browser: Any, reports: dict[str, Path]
) -> None:
    page = Opened(browser, reports["TLS 1.3 with secrets"]).page
    rows = page.locator("tbody tr")
    everything = rows.count()
    lower, upper = page.locator(".timeline input").all()
    counted = 0
    for at in range(60):
        for slider in (lower, upper):
            slider.fill(str(at))
            slider.dispatch_event("change")
        counted += rows.count()
    assert counted == everything
    assert lower.input_value() == upper.input_value() == "59"
    page.get_by_role("button", name="Show all").click()
    assert rows.count() == everything
    page.close()


def test_what_was_malformed_is_marked(browser: Any, reports: dict[str, Path]) -> None:
    page = Opened(browser, reports["malformed"]).page
    page.get_by_role("searchbox").fill("50000")
    structure = open_hello(page)
    broken = structure.locator(".field.broken")
    assert broken.locator(".name").all_inner_texts() == ["extension_data"]
    assert broken.is_visible()
    wrong = [x.inner_text() for x in structure.locator(".cells .wrong").all()]
    assert wrong == ["00", "04", "00", "06", "00", "17"]
    detail = page.locator("td.detail").inner_text()
    assert "ClientHello.extensions[0].body.named_group_list: ends early" in detail
    page.close()


def test_what_is_hostile_shows_as_text(browser: Any, reports: dict[str, Path]) -> None:
    opened = Opened(browser, reports["hostile"])
    opened.open()
    page = opened.page
    assert page.title() != "hurt"
    assert page.locator("img").count() == 0
    assert page.locator("main script, table script").count() == 0
    text = page.locator("body").inner_text()
    assert HOSTILE in text
    assert "<b>hostile\\u202e.pcap" in text
    assert not set("\u202e\u2066\x00\x1b") & set(text)
    assert opened.wrong == []
    page.close()


def test_ten_thousand_connections(browser: Any, tmp_path: Path) -> None:
    """They are listed a hundred at a time, and filtered all at once."""
    report = report_of(DATA / "tls12-ecdhe-rsa.pcap")
    row = report._rows[0]
    report._rows = [list(row) for _ in range(10_000)]
    path = tmp_path / "many.html"
    path.write_text(report.html(), encoding="utf-8")
    page = Opened(browser, path).page
    assert page.locator("tbody tr").count() == 100
    assert page.get_by_role("status").inner_text() == "10,000 connections"
    page.get_by_role("button", name="Next").click()
    assert "101 to 200 of 10,000" in page.locator("nav.pages").inner_text()
    page.close()
