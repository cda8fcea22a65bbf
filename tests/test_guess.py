"""Who the originator is where nobody saw the connection being opened: the TLS client, whoever is heard first."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import pytest

from events import Analyzer, Connection, Event, SslAlert
from events.testing.captures import Chunk
from tlsgrammar.framing import ENOUGH_TO_TELL, client_or_server

from .helpers.streams import (
    HELLOS,
    SSL_2,
    message,
    names,
    record,
    said,
)

KNOWN = Connection(orig_h="client", orig_p=1, resp_h="server", resp_p=2)
GUESSED = Connection(orig_h="server", orig_p=2, resp_h="client", resp_p=1)
TLS = said("tls12-ecdhe-rsa")


def analyze(chunks: Iterable[Chunk], *, guess: bool, swapped: bool = False) -> list[Event]:
    """The events of a conversation. If it is swapped, the client's bytes are delivered as the responder's."""
    analyzer = Analyzer(
        GUESSED if swapped else KNOWN,
        originator_is_guess=guess,
        disable_analyzer_after_detection=False,
    )
    out = [
        event
        for is_client, data in chunks
        for event in analyzer.deliver(data, is_client is not swapped)
    ]
    return out + analyzer.end()


def without_violations(found: list[Event]) -> list[Event]:
    return [event for event in found if event.name != "protocol_violation"]


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("chunks", [TLS, SSL_2, HELLOS], ids=["TLS", "SSL 2.0", "hellos"])
def test_the_client_is_the_originator(chunks: list[Chunk], swapped: bool) -> None:
    expected = analyze(chunks, guess=False)
    assert analyze(chunks, guess=True, swapped=swapped) == expected
    assert {event.c for event in expected} == {KNOWN}


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("size", range(1, 12))
def test_the_first_bytes_tell_however_they_are_cut(size: int, swapped: bool) -> None:
    """The server's come first; they are too few to tell, or just enough."""
    (_, hello), (_, answer) = HELLOS
    chunks = [(False, answer[:size]), (True, hello), (False, answer[size:])]
    expected = analyze(HELLOS, guess=False)
    assert analyze(chunks, guess=True, swapped=swapped) == expected
    bytewise = [(side, data[at : at + 1]) for side, data in HELLOS for at in range(len(data))]
    assert analyze(bytewise, guess=True, swapped=swapped) == expected


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("side", [True, False], ids=["client", "server"])
def test_one_side_alone_tells(side: bool, swapped: bool) -> None:
    chunks = [chunk for chunk in HELLOS if chunk[0] is side]
    found = analyze(chunks, guess=True, swapped=swapped)
    assert found == analyze(chunks, guess=False)
    assert {event.c for event in found} == {KNOWN}


@pytest.mark.parametrize("swapped", [False, True])
def test_what_does_not_tell_leaves_the_sides_as_they_were(swapped: bool) -> None:
    alert = [(False, record("alert", b"\x02\x28"))]
    c = GUESSED if swapped else KNOWN
    assert analyze(alert, guess=True, swapped=swapped) == [SslAlert(c, swapped, 2, 40)]


SWAPPED_ALERT = SslAlert(GUESSED, True, 2, 40)


@pytest.mark.parametrize("size", range(1, 7))
def test_what_is_too_short_to_tell_is_read_at_the_end(size: int) -> None:
    """Of a direction that ends before it tells, its few bytes are not lost: they may be of a record that goes on."""
    alert = record("alert", b"\x02\x28")
    whole = [(False, alert[:size]), (False, alert[size:])]
    assert analyze(whole, guess=True, swapped=True) == [SWAPPED_ALERT]
    assert without_violations(analyze(whole[:1], guess=True, swapped=True)) == []


def test_once_events_have_been_raised_nothing_changes_sides() -> None:
    """An alert tells nothing; it has been raised. So whoever sent it stays what it was."""
    alert = (False, record("alert", b"\x01\x00"))
    found = analyze([alert, *HELLOS], guess=True, swapped=True)
    assert {event.c for event in found} == {GUESSED}
    assert names(found)[0] == "ssl_alert"


def test_what_tells() -> None:
    """A record with a message that one side only sends, from its sixth byte on."""
    assert ENOUGH_TO_TELL == 6
    sent_by_client, sent_by_server, sent_by_both = (1, 15, 16), (0, 2, 4, 12, 13, 14, 22), (11, 20)
    sent: dict[int, bool | None] = {
        **dict.fromkeys(sent_by_client, True),
        **dict.fromkeys(sent_by_server, False),
        **dict.fromkeys(sent_by_both),
    }
    for msg_type, is_client in sent.items():
        head = record("handshake", message(msg_type, b"x"))
        assert client_or_server(head[:6]) is is_client
        assert client_or_server(head) is is_client
        assert client_or_server(head[:5]) is None
    assert client_or_server(record("data", message(1, b""))) is None
    assert client_or_server(b"\x80\x2e\x01\x00\x02\x00") is True
    assert client_or_server(b"\x80\x2e\x04\x00\x02\x00") is False
    assert client_or_server(b"\x80\x2e\x02\x00\x02\x00") is None
    assert client_or_server(b"GET / HTTP/1.1") is None


def test_the_ends_are_those_of_the_events() -> None:
    """Of the analyzer too."""
    analyzer = Analyzer(GUESSED, originator_is_guess=True)
    assert analyzer.c == GUESSED
    analyzer.deliver(HELLOS[0][1], False)
    assert analyzer.c == msgspec.structs.replace(KNOWN, uid=analyzer.c.uid)
