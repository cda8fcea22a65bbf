"""Pictures of structures: what a page is told of the fields of one, and of what is wrong."""

from __future__ import annotations

import base64
import html
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tlsgrammar
from tlsgrammar.language.strategies import values
from tlsgrammar.picture import Fields, Picture, structure_page

from ..helpers.streams import client_hello


def flat(fields: Any) -> Iterator[Any]:
    for field in fields:
        yield field
        yield from flat(field[-1])


def told(picture: Picture, fields: Fields) -> dict[str, tuple[int, int, str, str]]:
    """Where fields are, their values and references, by their names; of several of a name the last."""
    return {
        fields.texts[name]: (start, end, fields.texts[value], fields.texts[reference])
        for name, start, end, _, value, reference, _ in flat(picture.fields)
    }


def picture_of(name: str, data: bytes, **context: Any) -> tuple[Picture, Fields]:
    fields = Fields()
    return fields.picture(name, getattr(tlsgrammar, name), data, **context), fields


def test_a_field_has_its_bytes_its_value_and_its_document() -> None:
    picture, fields = picture_of("Alert", b"\x02\x28")
    assert base64.b64decode(picture.data) == b"\x02\x28"
    assert told(picture, fields) == {
        "Alert": (0, 2, "fatal", "RFC 8446 section 6"),
        "level": (0, 1, "fatal (2)", "RFC 8446 section 6"),
        "description": (1, 2, "handshake_failure (40)", "RFC 8446 section 6"),
    }
    declared = [fields.texts[field[3]] for field in flat(picture.fields)]
    assert declared == ["Alert;", "AlertLevel level;", "AlertDescription description;"]
    assert not picture.wrong


def test_what_stands_in_a_structure_may_have_another_document() -> None:
    picture, fields = picture_of("Handshake", client_hello((16, b"\x00\x03\x02h2")))
    found = told(picture, fields)
    assert found["legacy_version"][3] == "RFC 8446 section 4.1.2"
    assert found["protocol_name_list"][3] == "RFC 7301 section 3.1"
    assert found["[0]"][2] == "6832 'h2'"


def test_an_element_of_a_list_says_what_it_is() -> None:
    picture, fields = picture_of("Handshake", client_hello((16, b"\x00\x03\x02h2"), (35, b"")))
    elements = [fields.texts[f[4]] for f in flat(picture.fields) if fields.texts[f[0]] == "[1]"]
    assert elements == ["session_ticket"]


def test_behind_a_malformed_body_the_rest_is_shown() -> None:
    hello = client_hello((10, b"\x00\x06\x00\x17"), (16, b"\x00\x03\x02h2"))
    picture, fields = picture_of("Handshake", hello)
    assert "protocol_name_list" in told(picture, fields)
    [(offset, path, reason)] = picture.wrong
    assert hello[:offset].endswith(b"\x00\x06\x00\x17"), "it ends there"
    assert path == "ClientHello.extensions[0].body.named_group_list"
    assert "6 bytes expected" in reason


def test_what_was_not_read_to_its_end_has_none() -> None:
    picture, _ = picture_of("Handshake", client_hello()[:20])
    assert picture.fields[0][2] == -1
    assert picture.wrong


def test_what_is_very_long_is_shown_in_part() -> None:
    fields = Fields(limit=100)
    picture = fields.picture("Handshake", tlsgrammar.Handshake, client_hello((35, bytes(1000))))
    assert (len(base64.b64decode(picture.data)), picture.size > 1000) == (100, True)


@pytest.mark.parametrize("name", ["ClientHello", "ServerHello", "CertificateRequest", "Alert"])
@given(data=st.data())
def test_every_field_stands_in_what_it_is_a_part_of(name: str, data: st.DataObject) -> None:
    schema = getattr(tlsgrammar, name)
    raw = tlsgrammar.build(schema, data.draw(values(schema)))
    at = data.draw(st.integers(0, max(0, len(raw) - 1)))
    raw = raw[:at] + data.draw(st.binary(max_size=2)) + raw[at:]
    picture, _ = picture_of(name, raw)

    def check(field: Any, begin: int, end: int) -> None:
        start, stop = field[1], field[2] if field[2] >= 0 else end
        assert begin <= start <= stop <= end
        for child in field[-1]:
            check(child, start, stop)

    for field in picture.fields:
        check(field, 0, len(raw))
    assert json.loads(json.dumps(picture))[1] == len(raw)


# Pages


def test_a_page_holds_all_that_it_needs() -> None:
    picture, fields = picture_of("Alert", b"\x02\x28")
    page = structure_page("an alert", "2 bytes", picture, fields)
    assert "default-src 'none'" in html.unescape(page)
    for word in ("src=", "@import", "url(", "fetch(", "XMLHttpRequest"):
        assert word not in page
    assert page.count("<script") == 2
    assert page.count("</script>") == 2


def test_markup_in_data_is_no_markup() -> None:
    fields = Fields()
    picture = fields.picture("</script><!--<script>", tlsgrammar.Alert, b"\x02\x28")
    page = structure_page("<b>&", "<i>", picture, fields)
    assert "<title>&lt;b&gt;&amp;</title>" in page
    assert page.count("</script>") == 2
    assert "<!--" not in page


def parse(*words: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "tlsgrammar", "parse", *words], capture_output=True, check=False
    )


@pytest.mark.parametrize("words", [("Alert", "0228"), ("15 03 03 00 02 02 28",)])
def test_the_command(words: tuple[str, ...], tmp_path: Path) -> None:
    path = tmp_path / "alert.html"
    result = parse("--html", str(path), *words)
    assert (result.returncode, result.stderr) == (0, b"")
    assert "handshake_failure (40)" in path.read_text()


def test_the_command_and_malformed_bytes(tmp_path: Path) -> None:
    """They are in the page, and are told of."""
    path = tmp_path / "page.html"
    result = parse("--html", str(path), "ClientHello", "0303")
    assert result.returncode == 1
    assert b"ends early" in result.stderr
    assert "ends early" in path.read_text()


def test_a_page_that_cannot_be_written(tmp_path: Path) -> None:
    result = parse("--html", str(tmp_path), "Alert", "0228")
    assert result.returncode == 1
    assert result.stderr == f"tlsgrammar: {tmp_path}: Is a directory\n".encode()
