"""A key log that lacks the secrets of a connection: its events are those that come without any."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events import (
    ROWS,
    Analyzer,
    DatagramAnalyzer,
    Event,
    KeyLog,
    QuicAnalyzer,
    SslClientHello,
    SslEncryptedData,
    SslHandshakeMessage,
    known_events,
    read_capture,
)
from events.testing.captures import Chunk, packets, payloads, write
from events.testing.quic import talk

from ..helpers.quic import configurations
from .connections import connections, key_log, read
from .long import transfer
from .sealed import HELLOS, LINES, client_hello, records, server_hello

QUIC = Path(__file__).parent.parent / "data" / "quic"
OTHERS = [line.replace("0001", "ffff") for line in LINES]
HEARD = frozenset({*known_events(), *(kind.name for kind in ROWS)})


def events_of(
    made: Any, chunks: Sequence[Chunk], secrets: KeyLog | None, **options: Any
) -> list[Event]:
    analyzer = made(secrets=secrets, wanted=HEARD, **options)
    raised = [event for is_orig, data in chunks for event in analyzer.deliver(data, is_orig)]
    return raised + list(analyzer.end())


def is_the_same(made: Any, chunks: Sequence[Chunk]) -> None:
    for ends_early in (True, False):
        options = {"disable_analyzer_after_detection": ends_early}
        base = events_of(made, chunks, None, **options)
        assert events_of(made, chunks, KeyLog(OTHERS), **options) == base, ends_early


# Records


def test_a_hello_behind_early_data_is_not_told_from_what_is_encrypted() -> None:
    """It comes after a HelloRetryRequest; with secrets, also with those that come late, it is read."""
    early = records("application_data", b"early data, as it seems")
    again = records("handshake", client_hello([0x1301]))
    chunks = [
        (True, records("handshake", client_hello([0x1301], early_data=True)) + early),
        (False, records("handshake", server_hello(0x1301))),
        (True, again),
    ]
    is_the_same(Analyzer, chunks)
    at_once = events_of(Analyzer, chunks, KeyLog(LINES))
    assert [each.msg_type for each in at_once if isinstance(each, SslHandshakeMessage)] == [1, 2, 1]
    secrets = KeyLog(OTHERS)
    analyzer = Analyzer(secrets=secrets, wanted=HEARD)
    raised = [event for is_orig, data in chunks for event in analyzer.deliver(data, is_orig)]
    secrets.add("\n".join(LINES))
    raised += analyzer.end()
    assert [each.msg_type for each in raised if isinstance(each, SslHandshakeMessage)] == [1, 2, 1]


@st.composite
def disturbed(draw: st.DrawFn, chunks: Sequence[Chunk]) -> list[Chunk]:
    """Chunks of a connection among which others come again, in any order, or damaged."""
    out: list[Chunk] = []
    for chunk in chunks:
        what = draw(st.sampled_from(["", "", "", "lost", "damaged", "from elsewhere", "turned"]))
        is_orig, data = chunk
        if what == "damaged":
            at = draw(st.integers(0, len(data) - 1))
            chunk = (
                is_orig,
                data[:at] + bytes([data[at] ^ draw(st.integers(1, 255))]) + data[at + 1 :],
            )
        elif what == "from elsewhere":
            out.append(draw(st.sampled_from(chunks)))
        elif what == "turned":
            chunk = (not is_orig, data)
        if what != "lost":
            out.append(chunk)
    return out


STREAMS = [
    transfer(size=3_000).chunks,
    transfer("TLSv1_2", "ECDHE-ECDSA-AES128-GCM-SHA256", size=3_000).chunks,
    [(side, data) for side, data in HELLOS if isinstance(data, bytes)],
]


@pytest.mark.parametrize("chunks", STREAMS, ids=["TLS 1.3", "TLS 1.2", "hellos"])
@given(st.data())
@settings(deadline=None, max_examples=40)
def test_a_stream_in_any_state(chunks: Sequence[Chunk], data: st.DataObject) -> None:
    is_the_same(Analyzer, data.draw(disturbed(chunks)))


# Datagrams


@pytest.mark.parametrize("name", ["DTLSv12 small datagrams", "DTLSv13 small datagrams"])
@given(st.data())
@settings(deadline=None, max_examples=40)
def test_datagrams_in_any_state(name: str, data: st.DataObject) -> None:
    is_the_same(DatagramAnalyzer, data.draw(disturbed(connections("wolfssl")[name].chunks)))


def several() -> list[Chunk]:
    """Two connections of QUIC between the same ports: the one goes on once the other is established."""
    one, two = talk(*configurations()), talk(*configurations())
    begin, end = one[:2], one[2:]
    return [*begin, *two[:2], *end, *two[2:], *one[-2:], *two[-2:]]


@given(st.data())
@settings(deadline=None, max_examples=60)
def test_connections_of_quic_in_any_state(data: st.DataObject) -> None:
    is_the_same(QuicAnalyzer, data.draw(disturbed(several())))


@pytest.mark.parametrize("path", sorted(QUIC.glob("*.pcap")), ids=lambda path: path.stem)
def test_captures_of_quic(path: Path) -> None:
    is_the_same(QuicAnalyzer, payloads(path))


def test_a_version_that_is_not_known_after_a_connection_of_quic() -> None:
    chunks = talk(*configurations())
    unknown = bytes.fromhex("c0 1a2a3a4a 08 0001020304050607 08 0706050403020100".replace(" ", ""))
    chunks += [(True, unknown + bytes(1200)), *chunks[-4:], (False, unknown + bytes(1200))]
    is_the_same(QuicAnalyzer, chunks)
    raised = events_of(QuicAnalyzer, chunks, KeyLog(OTHERS))
    assert [each.name for each in raised].count("QUIC::unhandled_version") == 2


# Captures


def test_ports_that_are_used_again(tmp_path: Path) -> None:
    """Without its secrets a connection is over once it is established, so that a SYN begins another."""
    made = transfer(size=3_000)
    first = list(packets(made.chunks, fin=False))
    begin = first[-1][0] + 1
    # Its SYN is not acknowledged, and its first bytes are those of the connection before.
    second = packets(made.chunks[:1], start=begin, isn=(7_000_000, 9_000_000))
    capture = write(tmp_path / "capture.pcap", [*first, second[0], first[3]])
    base = list(read_capture(capture, wanted=HEARD))
    assert list(read_capture(capture, wanted=HEARD, secrets=KeyLog(OTHERS))) == base


# Some of them


@pytest.mark.parametrize("by", ["client", "server"])
def test_a_connection_is_read_to_its_end_although_a_later_handshake_has_no_secret(by: str) -> None:
    """What is encrypted with the secrets of a renegotiated handshake stays encrypted; and it goes on to be told of."""
    connection = connections("openssl3")[f"TLSv12 renegotiation by the {by}"]
    randoms = [
        each.client_random
        for each in read(connection.chunks, KeyLog(key_log("openssl3").splitlines()))
        if isinstance(each, SslClientHello)
    ]
    lines = [x for x in key_log("openssl3").splitlines() if randoms[0].hex() in x]
    assert len(lines) == 1
    assert len(set(randoms)) == 2
    secrets = KeyLog(lines)
    early = [type(each) for each in read(connection.chunks, secrets)]
    late = read(connection.chunks, secrets, disable_analyzer_after_detection=False)
    assert early == [type(each) for each in late]
    assert early.count(SslEncryptedData) > 10
