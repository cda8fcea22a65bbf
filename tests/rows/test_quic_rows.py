"""A row of quic.log: each field by its rule, on connections of real stacks, and on events that are made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import events
from events import (
    ConnectionRow,
    ConnectionStateRemove,
    Event,
    QUICConnectionCloseFrame,
    QUICHandshakePacket,
    QUICInitialPacket,
    QUICRetryPacket,
    QuicRow,
    QUICShortHeaderPacket,
    QUICUnhandledVersion,
    QUICUnreadPacket,
    QUICZeroRTTPacket,
    Rows,
    SslEstablished,
    SslExtensionApplicationLayerProtocolNegotiation,
    SslExtensionServerName,
    read_capture,
    read_connections,
)
from events.testing.captures import payloads

from .made import CLIENT, DATA, SERVER, C, all_rows, client_hello, quic_rows, server_hello


def initial(
    is_orig: bool = CLIENT, version: int = 1, dcid: bytes = b"\x01", scid: bytes = b"\x02"
) -> QUICInitialPacket:
    return QUICInitialPacket(C, is_orig, version, dcid, scid)


def row_of(*raised: Event) -> QuicRow:
    """The one row of some events."""
    [row] = all_rows(raised, QuicRow)
    assert isinstance(row, QuicRow)
    return row


def test_a_whole_row() -> None:
    [found] = quic_rows("aioquic-v1")
    path = DATA / "quic" / "aioquic-v1.pcap"
    raised: list[Any] = list(read_capture(path, wanted=Rows([QuicRow]).wanted))
    first = next(each for each in raised if isinstance(each, QUICInitialPacket))
    answer = next(
        each for each in raised if isinstance(each, QUICInitialPacket) and not each.is_orig
    )
    assert found == QuicRow(
        ts=raised[0].ts,
        uid=raised[0].c.uid,
        orig_h="192.0.2.1",
        orig_p=first.c.orig_p,
        resp_h="198.51.100.2",
        resp_p=first.c.resp_p,
        version="1",
        client_initial_dcid=first.dcid.hex(),
        client_scid=first.scid.hex(),
        server_scid=answer.scid.hex(),
        server_name="server.example",
        client_protocol="h3",
        history="ISishIHO",
        file=str(path),
    )


# The version and history of each row, and whether the server answered it with an id of its own.
TABLE = {
    "aioquic-v1": [("1", "ISishIHO", True)],
    "aioquic-v2": [("quicv2", "ISishIHO", True)],
    "aioquic-retry": [("1", "ISr", False), ("1", "ISishIHO", True)],
    "aioquic-v2-retry": [("quicv2", "ISr", False), ("quicv2", "ISishIHO", True)],
    "ngtcp2-retry": [("1", "ISr", False), ("1", "ISishoHHO", True)],
    # The client says hello once more, with a version that the server knows.
    "aioquic-version-negotiation": [("1", "ISISishIHO", True)],
    # The second has data behind its first hello.
    "aioquic-early-data": [("1", "ISishIHO", True), ("1", "ISZishIHO", True)],
    "ngtcp2-hello-retry": [("1", "ISisISishoIHO", True)],
    # A hello that takes two packets is complete with the second.
    "chromium": [("1", "IISiIishHO", True), ("1", "IISoIiIishHO", True), ("1", "IISiIishHO", True)],
}


@pytest.mark.parametrize("name", TABLE)
def test_versions_and_histories(name: str) -> None:
    found = quic_rows(name)
    assert [(row.version, row.history, row.server_scid is not None) for row in found] == TABLE[name]


@pytest.mark.parametrize("name", ["aioquic-retry", "aioquic-v2-retry", "ngtcp2-retry"])
def test_a_retry_ends_a_row_and_begins_another(name: str) -> None:
    """The client goes on with the id that the server wants, and with its own; both hellos are of one connection."""
    before, after = quic_rows(name)
    assert before.uid == after.uid
    assert (before.ts or 0) < (after.ts or 0)
    assert before.client_scid == after.client_scid
    assert before.client_initial_dcid != after.client_initial_dcid
    assert before.server_name == after.server_name
    both = read_connections(DATA / "quic" / f"{name}.pcap", kinds=[ConnectionRow, QuicRow])
    assert [type(row) for row in both] == [QuicRow, ConnectionRow, QuicRow]


def test_a_retry_that_nothing_follows_leaves_one_row() -> None:
    retry = QUICRetryPacket(C, SERVER, 1, b"", b"", b"token", bytes(16))
    rows = Rows([QuicRow])
    assert rows.take(initial()) == []
    [found] = rows.take(retry)
    assert isinstance(found, QuicRow)
    assert found.history == "Ir"
    assert rows.end() == []


@pytest.mark.parametrize(
    ("version", "name"),
    [
        (0x00000001, "1"),
        (0x6B3343CF, "quicv2"),
        (0xFF00001D, "draft-29"),
        (0xFF000016, "draft-22"),
        (0xFACEB002, "mvfst (faceb002)"),
        (0x1A2A3A4A, "unknown-1a2a3a4a"),
        (0x00000005, "unknown-00000005"),
    ],
)
def test_versions_have_the_names_of_zeek(version: int, name: str) -> None:
    assert row_of(initial(version=version)).version == name


def test_the_version_that_is_spoken_counts_and_not_one_that_is_unhandled() -> None:
    unhandled = QUICUnhandledVersion(C, CLIENT, 0x1A2A3A4A, b"", b"")
    assert row_of(unhandled).version == "unknown-1a2a3a4a"
    assert row_of(unhandled, initial()).version == "1"
    assert row_of(initial(), unhandled).version == "1"


def test_ids() -> None:
    """The first of each; one without bytes is told from one that was not seen."""
    found = row_of(
        initial(dcid=b"\xab\xcd", scid=b""),
        initial(SERVER, dcid=b"", scid=b"\x0e\x0f"),
        initial(dcid=b"\x0e\x0f", scid=b"other"),
        initial(SERVER, scid=b"other"),
    )
    assert (found.client_initial_dcid, found.client_scid, found.server_scid) == (
        "abcd",
        "(empty)",
        "0e0f",
    )
    assert row_of(initial()).server_scid is None
    assert [row.client_scid for row in quic_rows("chromium")] == ["(empty)"] * 3


def test_names_are_those_of_the_client() -> None:
    found = row_of(
        initial(),
        SslExtensionServerName(C, CLIENT, [b"a.example", b"b.example"]),
        SslExtensionApplicationLayerProtocolNegotiation(C, CLIENT, [b"h3", b"hq-interop"]),
        SslExtensionServerName(C, CLIENT, [b"c.example"]),
        SslExtensionApplicationLayerProtocolNegotiation(C, SERVER, [b"hq-interop"]),
    )
    assert (found.server_name, found.client_protocol) == ("a.example", "h3")
    found = row_of(initial())
    assert (found.server_name, found.client_protocol) == (None, None)


LETTERS: dict[str, Callable[[bool], Event]] = {
    "I": lambda o: initial(o),
    "H": lambda o: QUICHandshakePacket(C, o, 1, b"", b""),
    "Z": lambda o: QUICZeroRTTPacket(C, o, 1, b"", b""),
    "R": lambda o: QUICRetryPacket(C, o, 1, b"", b"", b"", b""),
    "C": lambda o: QUICConnectionCloseFrame(C, o, 1, b"", b"", 0, b""),
    "U": lambda o: QUICUnhandledVersion(C, o, 7, b"", b""),
    "X": lambda o: QUICUnreadPacket(C, o, 1, b"", b""),
    "O": lambda o: QUICShortHeaderPacket(C, o, 1),
}


@pytest.mark.parametrize("letter", LETTERS)
def test_each_packet_has_a_letter(letter: str) -> None:
    """In upper case from the client, which is the originator always."""
    assert row_of(LETTERS[letter](CLIENT)).history == letter
    assert row_of(LETTERS[letter](SERVER)).history == letter.lower()


def test_hellos_have_a_letter_as_they_are_completed() -> None:
    found = row_of(initial(), initial(), *client_hello(), initial(SERVER), *server_hello())
    assert found.history == "IISis"


def test_a_history_has_at_most_100_letters() -> None:
    assert row_of(*[initial()] * 150).history == 100 * "I"


def test_a_row_is_complete_with_ssl_established() -> None:
    rows = Rows([QuicRow])
    assert rows.take(initial()) == []
    [_] = rows.take(SslEstablished(C))
    assert rows.take(initial()) == []
    assert rows.end() == []


def test_a_row_is_complete_with_the_end_of_its_connection() -> None:
    rows = Rows([QuicRow])
    assert rows.take(initial()) == []
    [_] = rows.take(ConnectionStateRemove(C))
    assert rows.end() == []


def test_tls_over_tcp_has_no_row() -> None:
    paths = [DATA / "tls13.pcap", DATA / "dtls" / "dtls12-openssl.pcap"]
    assert list(read_connections(paths, kinds=[QuicRow])) == []
    assert all_rows([*client_hello(), SslEstablished(C)], QuicRow) == []


def test_packets_with_a_short_header_are_told_of_at_powers_of_two() -> None:
    """The analyzer counts them for each side."""
    path = DATA / "quic" / "chromium.pcap"
    wanted = {"QUIC::short_header_packet"}
    raised: list[Any] = list(
        read_capture(path, wanted=wanted, disable_analyzer_after_detection=False)
    )
    sides: dict[tuple[str | None, bool], list[int]] = {}
    for each in raised:
        sides.setdefault((each.c.uid, each.is_orig), []).append(each.count)
    assert len(sides) > 2
    for counts in sides.values():
        assert counts == [2**power for power in range(len(counts))]
    assert max(map(len, sides.values())) > 1


def test_a_packet_that_nothing_opens_is_told_of() -> None:
    """An Initial packet of the client that was damaged on its way."""
    chunks = payloads(DATA / "quic" / "aioquic-v1.pcap")
    rows = Rows([QuicRow])
    analyzer = events.QuicAnalyzer(wanted=rows.wanted)
    found: list[Any] = []
    (from_client, hello), *_ = chunks
    damaged = hello[:100] + bytes([hello[100] ^ 1]) + hello[101:]
    for is_orig, data in [chunks[0], (from_client, damaged), *chunks[1:]]:
        for event in analyzer.deliver(data, is_orig):
            found += rows.take(event)
    found += rows.end()
    assert [row.history[:3] for row in found] == ["ISX"]


def test_a_row_is_the_same_whatever_other_rows_are_asked_for() -> None:
    path = DATA / "secrets" / "aioquic.pcapng.gz"
    alone = list(read_connections(path, kinds=[QuicRow]))
    both = read_connections(path, kinds=[ConnectionRow, QuicRow])
    key = str
    assert sorted(alone, key=key) == sorted(
        (row for row in both if isinstance(row, QuicRow)), key=key
    )
