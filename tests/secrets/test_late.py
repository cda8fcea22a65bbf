"""Secrets that come late: what has come before them is held for a while, and opened as if they had been there."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from events import (
    Analyzer,
    DatagramAnalyzer,
    Event,
    KeyLog,
    QuicAnalyzer,
    SslDecryptedData,
    read_capture,
)
from events.testing.captures import Chunk, Packet, datagrams, packets, write
from events.testing.quic import talk

from ..helpers.certificates import certificate
from ..helpers.quic import configurations
from .connections import ALL_EVENTS, Piece, connections, decrypted, is_part_of, key_log, read
from .long import transfer
from .sealed import (
    CLIENT_RANDOM,
    EXTENSIONS,
    FINISHED,
    HELLOS,
    KINDS,
    LINES,
    SECRETS,
    Sealer13,
    client_hello,
    established,
    handshake,
    message_types,
    numbered,
    records,
    told,
)

GO_ON: dict[str, Any] = {"wanted": ALL_EVENTS, "disable_analyzer_after_detection": False}
MAXIMUM_HELD = 2**14


def read_late(
    pieces: Sequence[Piece], at: int, lines: Iterable[str] = LINES, **options: Any
) -> list[Event]:
    """The events of a stream whose secrets come before a piece, or at its end."""
    secrets = KeyLog()
    analyzer = Analyzer(secrets=secrets, **(GO_ON | options))
    raised: list[Event] = []
    for number, (is_client, data) in enumerate(pieces):
        if number == at:
            secrets.add("\n".join(lines))
        if isinstance(data, int):
            raised += analyzer.gap(is_client, data)
        else:
            raised += analyzer.deliver(data, is_client)
    if at == len(pieces):
        secrets.add("\n".join(lines))
    return raised + analyzer.end()


# Records


@pytest.mark.parametrize("kind", KINDS)
def test_records_that_have_been_held_are_read(kind: str) -> None:
    """Whenever the secrets come, as long as what came before them is not more than is held."""
    made = established(kind)
    pieces = [*made.pieces, *made.answers(20, 96)]
    at_once = read(pieces, KeyLog(LINES), **GO_ON)
    for at in range(1, len(pieces) + 1):
        raised = read_late(pieces, at)
        assert decrypted(raised, False) == decrypted(at_once, False), at
        assert message_types(raised) == message_types(at_once), at
        assert not told(raised), at


@pytest.mark.parametrize("kind", KINDS)
def test_after_more_than_is_held_what_comes_is_read(kind: str) -> None:
    """A stream cipher has gone on meanwhile; and the end of the last record is the IV of the next one."""
    made = established(kind)
    pieces = [*made.pieces, *made.answers(20, 4000)]
    begin = len(made.pieces)
    # With implicit IVs, the first record after the secrets lacks it.
    lacks_one = kind == "CBC with implicit IVs"
    for at in range(begin + 5, begin + 20):
        raised = read_late(pieces, at)
        expected = range(at - begin + lacks_one, 20)
        assert decrypted(raised, False) == b"".join(numbered(of, 4000) for of in expected), at
        assert not told(raised), at


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("begin", [5, 10, 60])
@pytest.mark.parametrize("end", [11, 70, 1000])
def test_bytes_are_missing_among_what_is_held(kind: str, begin: int, end: int) -> None:
    """What was missing of a record is known when those around it are opened."""
    made = established(kind)
    answers = made.answers(20, 96)
    _, second = answers[1]
    assert isinstance(second, bytes)
    end = min(end, len(second))
    if begin >= end:
        return
    parts: list[Piece] = [(False, second[:begin]), (False, end - begin), (False, second[end:])]
    pieces = [*made.pieces, answers[0], *parts, *answers[2:]]
    at_once = read(pieces, KeyLog(LINES), **GO_ON)
    # With implicit IVs, the record behind it is missing too where its own end is.
    first = 3 if kind == "CBC with implicit IVs" and end == len(second) else 2
    assert decrypted(at_once, False) == b"".join(numbered(at, 96) for at in (0, *range(first, 20)))
    for at in (1, 2, 3, *range(len(made.pieces), len(pieces) + 1)):
        raised = read_late(pieces, at)
        assert decrypted(raised, False) == decrypted(at_once, False), at
        assert message_types(raised) == message_types(at_once), at
        assert told(raised) == told(at_once), at


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [1, 7])
def test_cuts_make_no_difference_to_what_is_held(kind: str, size: int) -> None:
    made = established(kind)
    pieces = [*made.pieces, *made.answers(10, 96)]
    cut: list[Piece] = [
        (is_client, data[at : at + size])
        for is_client, data in pieces
        if isinstance(data, bytes)
        for at in range(0, len(data), size)
    ]
    raised = read_late(cut, len(cut))
    assert decrypted(raised, False) == b"".join(numbered(at, 96) for at in range(10))
    assert not told(raised)


# A key log that is written meanwhile


@pytest.mark.parametrize("digits", [0, 1, 2, 40, 62, 63])
def test_a_line_that_is_half_written_is_no_secret(digits: int, tmp_path: Path) -> None:
    """It is looked at whenever a record comes; what stands there then may be the beginning of a secret."""
    path = tmp_path / "keys.log"
    text = "\n".join(LINES) + "\n"
    at = text.index(SECRETS["SERVER_HANDSHAKE_TRAFFIC_SECRET"].hex())
    path.write_text(text[: at + digits])
    secrets = KeyLog(path)
    sealer = Sealer13("SERVER_HANDSHAKE_TRAFFIC_SECRET")
    analyzer = Analyzer(secrets=secrets, **GO_ON)
    pieces: list[Piece] = [*HELLOS, (False, sealer("handshake", EXTENSIONS))]
    raised: list[Event] = []
    for is_client, data in pieces:
        assert isinstance(data, bytes)
        raised += analyzer.deliver(data, is_client)
    path.write_text(text)
    raised += analyzer.deliver(sealer("handshake", FINISHED), False) + analyzer.end()
    assert message_types(raised) == [1, 2, 8, 20]
    assert not told(raised)


@pytest.mark.parametrize("label", ["SERVER_HANDSHAKE_TRAFFIC_SECRET", "SERVER_TRAFFIC_SECRET_0"])
@pytest.mark.parametrize("digits", [63, 64, 65, 95])
def test_the_beginning_of_a_secret_is_no_shorter_one(
    label: str, digits: int, tmp_path: Path
) -> None:
    """Those of SHA-384 have 96 digits; 64 would be those of SHA-256."""
    made = transfer(size=6_000)
    path = tmp_path / "keys.log"
    text = "\n".join(line for line in sorted(made.key_log, key=lambda line: line.startswith(label)))
    assert len(text.split()[-1]) == 96
    path.write_text(text[: len(text) - 96 + digits])
    analyzer = Analyzer(secrets=KeyLog(path), **GO_ON)
    raised = [event for side, data in made.chunks for event in analyzer.deliver(data, side)]
    path.write_text(text)
    raised += analyzer.end()
    assert decrypted(raised, False) == made.answer
    assert not told(raised)


@pytest.mark.parametrize("digits", [0, 63, 64, 65])
def test_the_beginning_of_a_secret_of_early_data(digits: int, tmp_path: Path) -> None:
    """How long it is tells which suites are tried; so what they do not open waits for the rest of it."""
    secret = bytes(range(48))
    line = f"CLIENT_EARLY_TRAFFIC_SECRET {CLIENT_RANDOM.hex()} {secret.hex()}"
    path = tmp_path / "keys.log"
    path.write_text(line[: len(line) - 96 + digits])
    early = Sealer13("CLIENT_EARLY_TRAFFIC_SECRET", "TLS_AES_256_GCM_SHA384", secret)
    hello = records("handshake", client_hello([0x1301, 0x1302], early_data=True))
    analyzer = Analyzer(secrets=KeyLog(path), **GO_ON)
    raised = [*analyzer.deliver(hello + early("application_data", b"one, "), True)]
    path.write_text(line + "\n")
    raised += analyzer.deliver(early("application_data", b"two"), True) + analyzer.end()
    assert decrypted(raised, True) == b"one, two"


# The end


def in_the_middle(kind: str) -> tuple[list[Chunk], Any, list[str]]:
    """A connection that ends in the middle of an encrypted message: what came, what reads it, its key log."""
    if kind == "a stream":
        sealer = Sealer13("SERVER_HANDSHAKE_TRAFFIC_SECRET")
        begun = handshake("certificate", bytes(5000))[:3000]
        pieces = [*HELLOS, (False, sealer("handshake", begun))]
        return [(side, data) for side, data in pieces if isinstance(data, bytes)], Analyzer, LINES
    if kind == "datagrams":
        connection = connections("wolfssl")["DTLSv13 small datagrams"]
        return connection.chunks[:15], DatagramAnalyzer, key_log("wolfssl").splitlines()
    client, server = configurations()
    made, _ = certificate()
    server.certificate_chain = [made] * 6
    client.secrets_log_file = io.StringIO()
    chunks = talk(client, server)[:2]
    return chunks, QuicAnalyzer, client.secrets_log_file.getvalue().splitlines()


ANALYZERS = ["a stream", "datagrams", "QUIC"]


def read_by(made: Any, chunks: Iterable[Chunk], secrets: KeyLog | None) -> tuple[Any, list[Event]]:
    """An analyzer that has read something, and what it has raised so far."""
    analyzer = made(secrets=secrets, **GO_ON)
    return analyzer, [
        event for is_client, data in chunks for event in analyzer.deliver(data, is_client)
    ]


@pytest.mark.parametrize("kind", ANALYZERS)
def test_a_message_that_is_not_whole_at_the_end_is_told_of(kind: str) -> None:
    chunks, made, lines = in_the_middle(kind)
    without, _ = read_by(made, chunks, None)
    assert not told(without.end())
    analyzer, raised = read_by(made, chunks, KeyLog(lines))
    assert not told(raised)
    assert len(told(analyzer.end())) == 1


@pytest.mark.parametrize("kind", ANALYZERS)
def test_secrets_come_before_the_end(kind: str) -> None:
    """Nothing else comes behind them."""
    chunks, made, lines = in_the_middle(kind)
    secrets = KeyLog()
    analyzer, raised = read_by(made, chunks, secrets)
    assert not told(raised)
    secrets.add("\n".join(lines))
    assert len(told(analyzer.end())) == 1


@pytest.mark.parametrize("kind", ANALYZERS)
def test_it_may_catch_up(kind: str) -> None:
    """What has waited is read when that is asked for, once; and the connection goes on."""
    stack, name, made = {
        "a stream": ("openssl35", "", Analyzer),
        "datagrams": ("wolfssl", "DTLSv13 small datagrams", DatagramAnalyzer),
        "QUIC": ("aioquic", "QUICv1 TLS_AES_128_GCM_SHA256", QuicAnalyzer),
    }[kind]
    of_stack = connections(stack)
    connection = (
        of_stack[name]
        if name
        else next(x for x in of_stack.values() if x.proto == "tcp" and x.version == "TLSv13")
    )
    lines = key_log(stack)
    secrets = KeyLog()
    at_once, expected = read_by(made, connection.chunks, KeyLog(lines.splitlines()))
    expected += at_once.end()
    for at in range(1, len(connection.chunks)):
        secrets = KeyLog()
        analyzer, raised = read_by(made, connection.chunks[:at], secrets)
        assert analyzer.catch_up() == []
        secrets.add(lines)
        raised += analyzer.catch_up()
        assert analyzer.catch_up() == []
        for is_client, data in connection.chunks[at:]:
            raised += analyzer.deliver(data, is_client)
        raised += analyzer.end()
        assert analyzer.catch_up() == []
        assert decrypted(raised, True) == decrypted(expected, True), at
        assert decrypted(raised, False) == decrypted(expected, False), at
        assert sorted(message_types(raised)) == sorted(message_types(expected)), at


@pytest.mark.parametrize("name", ["DTLSv13 small datagrams", "QUICv1 TLS_AES_128_GCM_SHA256"])
@pytest.mark.parametrize("label", ["CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0"])
@pytest.mark.parametrize("is_file", [True, False], ids=["a file", "lines"])
def test_one_secret_comes_before_the_end(
    name: str, label: str, is_file: bool, tmp_path: Path
) -> None:
    """The others have been there; so the file is not looked at for the sake of anything else."""
    made, chunks, lines = small(name)
    expected = read_with(made, chunks, KeyLog(lines))
    text = "\n".join(sorted(lines, key=lambda line: line.startswith(label))) + "\n"
    at = text.index(label)
    path = tmp_path / "keys.log"
    path.write_text(text[:at])
    secrets = KeyLog(path) if is_file else KeyLog([text[:at]])
    analyzer = made(secrets=secrets, wanted=ALL_EVENTS)
    raised = [event for side, data in chunks for event in analyzer.deliver(data, side)]
    if is_file:
        path.write_text(text)
    else:
        secrets.add(text[at:])
    raised += analyzer.end()
    assert decrypted(raised, True) == decrypted(expected, True)
    assert decrypted(raised, False) == decrypted(expected, False)
    assert sorted(message_types(raised)) == sorted(message_types(expected))


@pytest.mark.parametrize("label", ["CLIENT_HANDSHAKE", "SERVER_HANDSHAKE"])
def test_a_secret_of_the_handshake_over_datagrams_is_missing(label: str) -> None:
    """Nothing is said of the records that it is for; and they are opened once it comes."""
    made, chunks, lines = small("DTLSv13 small datagrams")
    secrets = KeyLog([line for line in lines if not line.startswith(label)])
    analyzer, raised = read_by(made, chunks, secrets)
    assert not told(raised)
    secrets.add("\n".join(lines))
    raised += analyzer.end()
    expected = read_with(made, chunks, KeyLog(lines))
    assert sorted(message_types(raised)) == sorted(message_types(expected))


# A connection that is over once it is established, unless its secrets come


OF_STREAMS = {
    "TLS 1.3": ("TLSv1_3", ""),
    "AES-GCM": ("TLSv1_2", "ECDHE-ECDSA-AES128-GCM-SHA256"),
    "CBC": ("TLSv1_2", "ECDHE-ECDSA-AES128-SHA"),
    "CBC with implicit IVs": ("TLSv1", "ECDHE-ECDSA-AES128-SHA"),
}
OF_DATAGRAMS: dict[str, tuple[Any, str]] = {
    "DTLSv12 small datagrams": (DatagramAnalyzer, "wolfssl"),
    "DTLSv13 small datagrams": (DatagramAnalyzer, "wolfssl"),
    "QUICv1 TLS_AES_128_GCM_SHA256": (QuicAnalyzer, "aioquic"),
    "QUICv2 TLS_CHACHA20_POLY1305_SHA256": (QuicAnalyzer, "aioquic"),
}


def small(name: str) -> tuple[Any, list[Chunk], list[str]]:
    """A connection of which no more goes by than is held: what reads it, what came, its key log."""
    if name in OF_STREAMS:
        made = transfer(*OF_STREAMS[name], size=6_000)
        return Analyzer, made.chunks, made.key_log
    analyzer, stack = OF_DATAGRAMS[name]
    return analyzer, connections(stack)[name].chunks, key_log(stack).splitlines()


def read_with(
    made: Any, chunks: Sequence[Chunk], secrets: KeyLog | None, **options: Any
) -> list[Event]:
    analyzer = made(secrets=secrets, wanted=ALL_EVENTS, **options)
    raised = [event for side, data in chunks for event in analyzer.deliver(data, side)]
    return raised + list(analyzer.end())


@pytest.mark.parametrize("name", [*OF_STREAMS, *OF_DATAGRAMS])
def test_secrets_come_after_it_is_established(name: str) -> None:
    """With the default options, the rest is read as well."""
    made, chunks, lines = small(name)
    expected = read_with(made, chunks, KeyLog(lines))
    assert 20 in message_types(expected)
    for at in range(1, len(chunks) + 1):
        secrets = KeyLog()
        analyzer = made(secrets=secrets, wanted=ALL_EVENTS)
        raised: list[Event] = []
        for is_client, data in chunks[:at]:
            raised += analyzer.deliver(data, is_client)
        secrets.add("\n".join(lines))
        for is_client, data in chunks[at:]:
            raised += analyzer.deliver(data, is_client)
        raised += analyzer.end()
        assert decrypted(raised, True) == decrypted(expected, True), at
        assert decrypted(raised, False) == decrypted(expected, False), at
        assert sorted(message_types(raised)) == sorted(message_types(expected)), at


def of_another(lines: Iterable[str]) -> list[str]:
    """The secrets of other connections."""
    return [" ".join([x.split()[0], x.split()[1][::-1], x.split()[2]]) for x in lines]


def changed(lines: Iterable[str]) -> list[str]:
    """Secrets that are wrong."""
    return [" ".join([*x.split()[:2], x.split()[2][::-1]]) for x in lines]


@pytest.mark.parametrize("ends_early", [True, False])
@pytest.mark.parametrize("name", [*OF_STREAMS, *OF_DATAGRAMS])
def test_without_its_secrets_nothing_is_another(name: str, ends_early: bool) -> None:
    """That they may yet come is not to be seen."""
    made, chunks, lines = small(name)
    options = {"disable_analyzer_after_detection": ends_early}
    base = read_with(made, chunks, None, **options)
    assert read_with(made, chunks, KeyLog(), **options) == base
    assert read_with(made, chunks, KeyLog(of_another(lines)), **options) == base
    wrong = read_with(made, chunks, KeyLog(changed(lines)), **options)
    assert is_part_of(base, wrong)
    assert not any(isinstance(each, SslDecryptedData) for each in wrong)


def test_of_what_is_more_than_is_held_nothing_is_read() -> None:
    """The connection is over then, if its secrets have not come."""
    made = transfer(size=100_000)
    secrets = KeyLog()
    analyzer = Analyzer(secrets=secrets, wanted=ALL_EVENTS)
    for number, (is_client, data) in enumerate(made.chunks):
        analyzer.deliver(data, is_client)
        if analyzer.finished:
            break
        assert analyzer.held <= 2 * (MAXIMUM_HELD + 2**14 + 2**11), number
    assert analyzer.finished
    assert number < len(made.chunks) / 2
    assert analyzer.held < 2**11
    secrets.add("\n".join(made.key_log))
    assert analyzer.catch_up() == []


# Captures


def captured(name: str) -> tuple[list[Packet], list[str]]:
    """The packets of a connection that does not end, and its key log."""
    made, chunks, lines = small(name)
    return packets(chunks, fin=False) if made is Analyzer else datagrams(chunks), lines


@pytest.mark.parametrize("ends_early", [True, False])
@pytest.mark.parametrize("name", [*OF_STREAMS, *OF_DATAGRAMS])
def test_a_key_log_is_completed_while_a_capture_is_read(
    name: str, ends_early: bool, tmp_path: Path
) -> None:
    """At the end of the capture its secrets are looked for again, for connections that have not ended."""
    sent, lines = captured(name)
    capture = write(tmp_path / "capture.pcap", sent)
    path = tmp_path / "keys.log"
    options: dict[str, Any] = {
        "wanted": ALL_EVENTS,
        "disable_analyzer_after_detection": ends_early,
    }
    path.write_text("\n".join(lines) + "\n")
    expected = list(read_capture(capture, secrets=KeyLog(path), **options))
    path.write_text("")
    reading = iter(read_capture(capture, secrets=KeyLog(path), **options))
    raised = [next(reading)]
    path.write_text("\n".join(lines) + "\n")
    raised += reading
    for is_client in (True, False):
        assert decrypted(raised, is_client) == decrypted(expected, is_client)
    assert 20 in message_types(raised)
    # What was in the clear has been raised meanwhile.
    assert sorted(message_types(raised)) == sorted(message_types(expected))


def test_the_last_line_of_a_key_log_is_told_of_once(tmp_path: Path) -> None:
    """When a capture has been read to its end, nobody writes the rest of it any more."""
    sent, lines = captured("TLS 1.3")
    capture = write(tmp_path / "capture.pcap", sent)
    path = tmp_path / "keys.log"
    path.write_text("\n".join(lines) + "\nCLIENT_RANDOM 00")
    messages: list[str] = []
    log = KeyLog(path, on_error=messages.append)
    reading = iter(read_capture(capture, secrets=log))
    next(reading)
    assert not messages
    for _ in reading:
        pass
    expected = [
        f"{path}: line {len(lines) + 1} cannot be read: CLIENT_RANDOM takes two numbers in hexadecimal"
    ]
    assert messages == expected
    for _ in read_capture(capture, secrets=log):
        pass
    log.end()
    assert messages == expected
