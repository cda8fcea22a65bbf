"""One connection: the bytes of somebody who means ill, and what one connection may cost."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import events
from events import Analyzer, Event, ProtocolViolation
from events.testing.captures import Chunk, payloads

from ..helpers.streams import sslv2_client_hello

TLS = payloads(Path(__file__).parents[1] / "data" / "tls12-ecdhe-rsa.pcap")
HELLO = TLS[0][1]


def record(content_type: int, fragment: bytes, version: int = 0x0301) -> bytes:
    return (
        bytes([content_type])
        + version.to_bytes(2, "big")
        + len(fragment).to_bytes(2, "big")
        + fragment
    )


def in_records_of_one_byte(message: bytes) -> bytes:
    return b"".join(record(22, message[at : at + 1]) for at in range(len(message)))


def names(found: list[Event]) -> Counter[str]:
    return Counter(event.name for event in found)


def violations(found: list[Event]) -> list[ProtocolViolation]:
    return [event for event in found if isinstance(event, ProtocolViolation)]


# No number of anything in one delivery recurses, or costs more than in proportion.

MANY = {
    "SSL 2.0 CLIENT-HELLOs": sslv2_client_hello(0x0002, [0x010080]) * 5_000,
    "CLIENT-HELLOs of nine bytes": bytes.fromhex("8009010002000000000000") * 5_000,
    "ClientHellos": HELLO * 2_000,
    "empty records": record(22, b"") * 50_000,
    "empty records, then a ClientHello": record(22, b"") * 50_000 + HELLO,
    "records of one byte": record(22, b"\1") * 50_000,
    "alerts": HELLO + record(21, b"\1\0" * 8_000) * 4,
    "messages in one record": HELLO + record(22, b"\0\0\0\0" * 4_000) * 4,
    "records of unknown types": HELLO + record(29, b"x") * 20_000,
    "ChangeCipherSpecs": HELLO + record(20, b"\1") * 20_000,
}


@pytest.mark.parametrize("which", MANY)
@pytest.mark.parametrize("is_orig", [True, False])
def test_many_of_anything_in_one_delivery(which: str, is_orig: bool) -> None:
    data = MANY[which]
    at_once = Analyzer(disable_analyzer_after_detection=False)
    found = at_once.deliver(data, is_orig) + at_once.end()
    in_pieces = Analyzer(disable_analyzer_after_detection=False)
    pieces = [data[at : at + 1_000] for at in range(0, len(data), 1_000)]
    assert (
        found
        == [e for piece in pieces for e in in_pieces.deliver(piece, is_orig)] + in_pieces.end()
    )


def test_only_the_first_client_hello_of_ssl_2_decides_what_follows() -> None:
    hello = sslv2_client_hello(0x0301, [0x010080])
    found = Analyzer().deliver(hello * 500, is_orig=True)
    assert names(found) == {"ssl_client_hello": 500}


# Memory


def held_by(chunks: list[Chunk], **options: int) -> tuple[int, Analyzer]:
    """How many bytes of memory an analyzer has taken after it was given some bytes, and the analyzer."""
    analyzer = Analyzer(disable_analyzer_after_detection=False, **options)  # type: ignore[arg-type]
    tracemalloc.start()
    try:
        for is_orig, data in chunks:
            for at in range(0, len(data), 1460):
                analyzer.deliver(data[at : at + 1460], is_orig)
        return tracemalloc.get_traced_memory()[0], analyzer
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("size", [5_000, 50_000])
def test_a_message_in_records_of_one_byte_takes_three_bytes_for_each_at_most(size: int) -> None:
    message = b"\x0b" + size.to_bytes(3, "big") + bytes(size - 1)
    wire = in_records_of_one_byte(message)
    Analyzer().deliver(HELLO + wire[:12], True)  # what is made once
    held, analyzer = held_by([(True, HELLO + wire)])
    assert held <= 3 * len(wire) + 20_000
    assert analyzer.held <= held + 1_000


def test_what_one_connection_may_hold_is_limited() -> None:
    message = b"\x0b\x0f\xff\xff" + bytes(2**20 - 2)
    wire = in_records_of_one_byte(message)
    analyzer = Analyzer(connection_limit=1_000_000)
    found = analyzer.deliver(HELLO + wire, True)
    assert analyzer.held == 0
    [violation] = violations(found)
    assert violation.reason == "more than 1000000 bytes would be held for this connection"
    assert violation.offset < 1_000_000
    # The other direction is read on.
    assert "ssl_server_hello" in names(analyzer.deliver(TLS[1][1], False))


def test_what_one_flow_of_dtls_may_hold_is_limited() -> None:
    """First fragments of messages of which the others never come; the oldest message gives way."""

    def fragment(seq: int) -> bytes:
        header = b"\x0b\x00\x40\x00" + seq.to_bytes(2, "big") + b"\0\0\0" + b"\0\x10\0"
        content = header + bytes(4096)
        return b"\x16\xfe\xfd" + bytes(8) + len(content).to_bytes(2, "big") + content

    analyzer = events.DatagramAnalyzer(connection_limit=100_000)
    found = [e for seq in range(100) for e in analyzer.deliver(fragment(seq), True)]
    assert analyzer.held <= 50_000
    lost = violations(found)
    assert 85 < len(lost) < 100
    assert {v.reason for v in lost} == {"too many fragments of messages that do not become whole"}


def test_the_longest_message_is_an_option() -> None:
    message = b"\x63\x00\x27\x10" + bytes(10_000)
    for limit, lost in ((10_000, []), (9_999, [len(HELLO) + 6])):
        found = Analyzer(handshake_limit=limit).deliver(HELLO + record(22, message), True)
        assert [violation.offset for violation in violations(found)] == []
        analyzer = Analyzer(handshake_limit=limit)
        parts = HELLO + record(22, message[:5_000]) + record(22, message[5_000:])
        found = analyzer.deliver(parts, True)
        assert [violation.offset for violation in violations(found)] == lost


@given(st.lists(st.integers(1, 40), min_size=1, max_size=30), st.integers(1, 5))
def test_offsets_in_messages_of_many_fragments(sizes: list[int], count: int) -> None:
    """Where a byte of a message stood, whatever the records it came in."""
    from tlsgrammar.framing import HandshakeReader

    messages = [b"\x63" + size.to_bytes(3, "big") + bytes(size) for size in sizes * count]
    stream = b"".join(messages)
    reader = HandshakeReader()
    where: list[int] = []
    at = offset = 0
    found = []
    for index in range(10**6):
        if at >= len(stream):
            break
        size = sizes[index % len(sizes)]
        offset += 5  # a header
        fragment = stream[at : at + size]
        reader.feed(fragment, offset)
        where += range(offset, offset + len(fragment))
        offset += len(fragment)
        at += size
        while (message := reader.next()) is not None:
            found.append(message)
    assert [message.data for message in found] == messages
    position = 0
    for message in found:
        assert [message.offset(i) for i in range(len(message.data))] == where[
            position : position + len(message.data)
        ]
        position += len(message.data)


# Offsets


@pytest.mark.parametrize("size", [1, 3, 7, 9, 16, 1000])
def test_offsets_count_what_was_given_up_however_it_was_cut(size: int) -> None:
    """The client's first 20 bytes are a record, and nothing; then they are missing, and reading begins again."""
    garbage = record(23, b"x" * 4) + b"this is none"
    analyzer = Analyzer(disable_analyzer_after_detection=False)
    found = analyzer.deliver(TLS[1][1], False)
    for at in range(0, len(garbage), size):
        found += analyzer.deliver(garbage[at : at + size], True)
    found += analyzer.lose(True, "the rest")
    assert analyzer._originator.arrived == len(garbage)
    assert [(v.is_orig, v.offset) for v in violations(found)][:1] == [(True, 10)]


@pytest.mark.parametrize("size", [1, 4, 11, 1000])
def test_offsets_behind_a_beginning_that_was_given_up(size: int) -> None:
    """Neither what the client says first nor what it says later is TLS, which the server speaks: it is told where."""
    before, after = b"hello, who is there?", b"nothing"
    for limit in (0, 2**16):
        analyzer = Analyzer(search_limit=limit)
        for at in range(0, len(before), size):
            analyzer.deliver(before[at : at + size], True)
        found = analyzer.deliver(TLS[1][1], False)
        found += analyzer.deliver(after, True)
        assert [(v.is_orig, v.offset) for v in violations(found)] == [(True, len(before))]


@pytest.mark.parametrize("size", [1, 13, 1000])
def test_offsets_after_a_hello_in_the_framing_of_ssl_2(size: int) -> None:
    hello = sslv2_client_hello(0x0301, [0x010080])
    analyzer = Analyzer()
    analyzer.deliver(hello, True)
    found = analyzer.deliver(TLS[1][1], False)
    data = b"\x16\x09\x09 this is no record"
    for at in range(0, len(data), size):
        found += analyzer.deliver(data[at : at + size], True)
    assert [v.offset for v in violations(found) if v.is_orig] == [len(hello) + 1]
    assert analyzer._originator.arrived == len(hello) + len(data)


def test_the_search_behind_a_hello_in_the_framing_of_ssl_2_counts_it() -> None:
    """What looks like a hello of SSL 2.0 is none; the ClientHello comes behind it."""
    start = b"\x80\x05\x01hello" + b"\x80"
    analyzer = Analyzer(disable_analyzer_after_detection=False)
    found = analyzer.deliver(start, True)
    found += analyzer.deliver(HELLO + b"\x16\x05\x05\0\0", True)
    assert [v.offset for v in violations(found)] == [len(start) + len(HELLO) + 1]


# Where the capture begins in the middle

CCS = record(20, b"\1", 0x0303)
FINISHED = record(22, b"\xd3" * 40, 0x0303)
DATA = record(23, b"\x55" * 99, 0x0303)


@pytest.mark.parametrize("is_orig", [True, False])
@pytest.mark.parametrize("size", [1, 5, 6, 7, 1000])
def test_a_direction_that_begins_with_a_change_cipher_spec(is_orig: bool, size: int) -> None:
    analyzer = Analyzer(disable_analyzer_after_detection=False)
    wire = CCS + FINISHED + DATA
    found = [
        e
        for at in range(0, len(wire), size)
        for e in analyzer.deliver(wire[at : at + size], is_orig)
    ]
    assert [type(event) for event in found] == [
        events.SslChangeCipherSpec,
        events.SslEncryptedData,
        events.SslEncryptedData,
    ]
    assert [e.content_type for e in found if isinstance(e, events.SslEncryptedData)] == [22, 23]


def test_nothing_is_established_without_a_hello() -> None:
    analyzer = Analyzer(disable_analyzer_after_detection=False)
    found = analyzer.deliver(CCS + FINISHED, True) + analyzer.deliver(CCS + FINISHED + DATA, False)
    assert names(found) == {"ssl_change_cipher_spec": 2, "ssl_encrypted_data": 3}


def test_a_change_cipher_spec_that_does_not_begin_the_direction_is_not_believed() -> None:
    analyzer = Analyzer(disable_analyzer_after_detection=False)
    assert analyzer.deliver(DATA + CCS + FINISHED, True) == []
    assert Analyzer().deliver(record(20, b"\1\1", 0x0303) + FINISHED, True) == []


# A direction that is lost leaves the other


@pytest.mark.parametrize("lost", [True, False])
def test_the_direction_that_is_well_is_read(lost: bool) -> None:
    analyzer = Analyzer()
    found = analyzer.lose(lost, "too much data out of order")
    found += [
        e for is_orig, data in TLS if is_orig is not lost for e in analyzer.deliver(data, is_orig)
    ]
    assert ("ssl_server_hello" if lost else "ssl_client_hello") in names(found)
