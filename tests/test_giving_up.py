"""What becomes of a direction, or a connection, that somebody gives up; and what it has held."""

from __future__ import annotations

import pytest

from events import Analyzer, ProtocolViolation

from .helpers.streams import HELLOS, client_hello, message, names, of, record, server_hello

(_, HELLO), (_, ANSWER) = HELLOS
WHY = "more came than is held"


def reasons(found: list[ProtocolViolation]) -> list[tuple[bool, int, str]]:
    return [(each.is_orig, each.offset, each.reason) for each in found]


# A direction


@pytest.mark.parametrize("guess", [False, True])
@pytest.mark.parametrize("size", [0, 1, 2, 3, 5, 6, 20])
def test_a_direction_that_is_lost_is_told_of_once(size: int, guess: bool) -> None:
    """Where it has been recognised, at once; else once the other side turns out to be TLS."""
    analyzer = Analyzer(originator_is_guess=guess)
    assert analyzer.deliver(ANSWER[:size], False) == []
    at_once = analyzer.lose(False, WHY)
    later = analyzer.deliver(HELLO, True)
    told = of(ProtocolViolation, at_once), of(ProtocolViolation, later)
    assert [len(each) for each in told] == ([1, 0] if size >= 3 else [0, 1])
    [(is_orig, offset, reason)] = reasons([*told[0], *told[1]])
    assert (is_orig, reason) == (False, WHY)
    assert offset <= size
    assert "ssl_client_hello" in names(later)
    assert analyzer.deliver(ANSWER[size:], False) == []
    assert analyzer.lose(False, WHY) == []


@pytest.mark.parametrize("size", [0, 2, 5, 20, len(ANSWER)])
def test_a_direction_that_is_lost_after_the_other_has_spoken(size: int) -> None:
    analyzer = Analyzer()
    analyzer.deliver(HELLO, True)
    analyzer.deliver(ANSWER[:size], False)
    # The header of a record that is not whole has been read.
    offset = 5 if 5 <= size < len(ANSWER) else size
    assert reasons(of(ProtocolViolation, analyzer.lose(False, WHY))) == [(False, offset, WHY)]


def test_a_direction_of_something_else_is_told_of_to_nobody() -> None:
    analyzer = Analyzer()
    analyzer.deliver(b"GET / HTTP/1.1\r\n\r\n", True)
    assert analyzer.lose(True, WHY) == []
    assert analyzer.deliver(b"HTTP/1.1 200 OK\r\n\r\n", False) == []


def test_a_gap_before_anything_is_told_of_where_more_comes() -> None:
    """That nothing comes may be all that there is."""
    analyzer = Analyzer()
    analyzer.gap(False, 100)
    assert names(analyzer.deliver(HELLO, True)) == ["ssl_client_hello", "ssl_handshake_message"]
    found = of(ProtocolViolation, analyzer.deliver(b"more", False))
    assert reasons(found) == [(False, 0, "its first 100 bytes are missing")]
    assert analyzer.deliver(b"and more", False) == []
    for length in (0, -1):
        assert Analyzer().gap(False, length) == []


def test_a_gap_in_what_is_read_is_told_of_with_its_place() -> None:
    analyzer = Analyzer()
    analyzer.deliver(HELLO, True)
    analyzer.deliver(ANSWER[:20], False)
    found = of(ProtocolViolation, analyzer.gap(False, 7))
    assert reasons(found) == [(False, 5, "7 bytes are missing")]


# A connection


def test_a_connection_of_which_nothing_was_read_is_given_up_without_a_word() -> None:
    for delivered in (b"", b"GET / HTTP/1.1\r\n\r\n", record("data", b"encrypted")):
        analyzer = Analyzer()
        analyzer.deliver(delivered, True)
        assert analyzer.give_up(WHY) == []
        assert analyzer.finished


@pytest.mark.parametrize("side", [True, False])
def test_a_connection_that_is_given_up_is_told_of_once(side: bool) -> None:
    """Of a side that has been read, with how much of it has come."""
    analyzer = Analyzer()
    data = HELLO if side else ANSWER
    analyzer.deliver(data + b"\x16", side)
    assert reasons(of(ProtocolViolation, analyzer.give_up(WHY))) == [(side, len(data) + 1, WHY)]
    assert analyzer.finished
    assert analyzer.give_up(WHY) == []
    both = Analyzer()
    both.deliver(HELLO, True)
    both.deliver(ANSWER, False)
    assert reasons(of(ProtocolViolation, both.give_up(WHY))) == [(True, len(HELLO), WHY)]


# What they hold


def test_what_is_held_is_what_is_not_whole() -> None:
    analyzer = Analyzer()
    assert analyzer.held == 0
    analyzer.deliver(HELLO[:2], True)
    assert analyzer.held == 2
    analyzer.deliver(ANSWER[:1], False)
    assert analyzer.held == 3
    analyzer.deliver(HELLO[2:], True)
    analyzer.deliver(ANSWER[1:], False)
    assert analyzer.held == 0
    analyzer.deliver(record("handshake", message(11, bytes(50))[:30]), False)
    assert analyzer.held == 30 + 12
    analyzer.deliver(record("handshake", message(16, bytes(50))[:20]), True)
    assert analyzer.held == 30 + 12 + 20 + 12


@pytest.mark.parametrize(("size", "much"), [(2**16, False), (2**16 + 1, True)])
def test_what_is_held_for_a_message_is_of_interest_from_64_kb_on(size: int, much: bool) -> None:
    """Then the limit of the connection counts."""
    analyzer = Analyzer(connection_limit=1, disable_analyzer_after_detection=False)
    analyzer.deliver(record("handshake", client_hello()), True)
    analyzer.deliver(record("handshake", server_hello()), False)
    whole = message(11, bytes(2**18))
    # 12 bytes more for each record that it is held of.
    lengths = [16_000] * 4
    lengths.append(size - sum(lengths) - 12 * 5)
    found = []
    for length in lengths:
        found += analyzer.deliver(record("handshake", whole[:length]), False)
        whole = whole[length:]
    told = of(ProtocolViolation, found)
    assert len(told) == much
    for each in told:
        assert each.reason == "more than 1 bytes would be held for this connection"


@pytest.mark.parametrize("limit", [0, 10, 100])
def test_a_connection_is_over_once_neither_side_can_turn_out_to_be_tls(limit: int) -> None:
    """That is as far into each side as a ClientHello is looked for; 0 is nowhere."""
    analyzer = Analyzer(search_limit=limit)
    for is_orig in (True, False):
        assert not analyzer.finished
        analyzer.deliver(b"HELP\n", is_orig)
        assert analyzer.finished is (limit == 0 and not is_orig)
        if limit:
            analyzer.deliver(bytes(limit - 6), is_orig)
            assert not analyzer.finished
            analyzer.deliver(b"\n", is_orig)
            assert analyzer.finished is (not is_orig)
