"""What opens records in streams: however they are cut, whatever is missing, whenever the secrets come."""

from __future__ import annotations

import random
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

import events
from events import Event, KeyLog, ProtocolViolation, SslHandshakeMessage
from events.testing.captures import Chunk

from .connections import (
    ALL_EVENTS,
    Piece,
    connections,
    decrypted,
    is_all,
    is_part_of,
    key_log,
    read,
)
from .long import SEGMENT, Long, transfer

TRANSFERS = {
    "TLS 1.3": ("TLSv1_3", ""),
    "AES-GCM": ("TLSv1_2", "ECDHE-ECDSA-AES128-GCM-SHA256"),
    "ChaCha20": ("TLSv1_2", "ECDHE-ECDSA-CHACHA20-POLY1305"),
    "CBC": ("TLSv1_2", "ECDHE-ECDSA-AES128-SHA"),
    "CBC with implicit IVs": ("TLSv1", "ECDHE-ECDSA-AES128-SHA"),
}
RECORD = 2**14


def names_of(events_: list[Event]) -> list[int]:
    return [each.msg_type for each in events_ if isinstance(each, SslHandshakeMessage)]


def violations(raised: list[Event]) -> list[ProtocolViolation]:
    return [each for each in raised if isinstance(each, ProtocolViolation)]


def lost(chunks: list[Chunk], missing: set[int]) -> list[Piece]:
    """Chunks of which some are missing, by their numbers; neighbours are one gap."""
    out: list[Piece] = []
    for (side, is_missing), group in groupby(
        enumerate(chunks), key=lambda each: (each[1][0], each[0] in missing)
    ):
        several = [data for _, (_, data) in group]
        if is_missing:
            out.append((side, sum(map(len, several))))
        else:
            out += [(side, data) for data in several]
    return out


def intact(data: bytes, went_in: bytes) -> bool:
    """Whether data are what went in, but for whole records that are missing, and in order."""
    at = 0
    for begin in range(0, len(data), 8):
        word = data[begin : begin + 8]
        found = went_in.find(word, at)
        if found < 0:
            return False
        at = found + len(word)
    return True


@pytest.mark.parametrize("name", TRANSFERS)
def test_a_transfer(name: str) -> None:
    talk = transfer(*TRANSFERS[name])
    raised = read(talk.chunks, KeyLog(talk.key_log))
    assert decrypted(raised, True) == talk.request
    assert decrypted(raised, False) == talk.answer
    assert not violations(raised)


@pytest.mark.parametrize("name", TRANSFERS)
def test_bytes_one_by_one(name: str) -> None:
    talk = transfer(*TRANSFERS[name], size=20_000)
    single = [(side, data[at : at + 1]) for side, data in talk.chunks for at in range(len(data))]
    assert read(single, KeyLog(talk.key_log)) == read(talk.chunks, KeyLog(talk.key_log))


@pytest.mark.parametrize("name", TRANSFERS)
def test_a_segment_is_missing(name: str) -> None:
    """It costs the records that it has a part of; with implicit IVs, also the next one where the IV is missing."""
    talk = transfer(*TRANSFERS[name], size=100_000)
    of_answer = [
        number
        for number, (side, data) in enumerate(talk.chunks)
        if not side and len(data) == SEGMENT
    ]
    base = read(talk.chunks, None)
    for number in of_answer[1:]:
        chunks = lost(talk.chunks, {number})
        raised = read(chunks, KeyLog(talk.key_log))
        data = decrypted(raised, False)
        assert len(talk.answer) - len(data) <= 2 * RECORD, number
        assert intact(data, talk.answer), number
        assert decrypted(raised, True) == talk.request
        assert is_part_of(read(chunks, None), raised)
        assert all("missing" in each.reason for each in violations(raised)), number
    assert is_part_of(base, read(talk.chunks, KeyLog(talk.key_log)))


@pytest.mark.parametrize("name", TRANSFERS)
def test_cuts_make_no_difference_where_a_segment_is_missing(name: str) -> None:
    """The end of a record of which a part is missing is the IV of the next one; it may come in any pieces."""
    talk = transfer(*TRANSFERS[name], size=50_000)
    of_answer = [
        number
        for number, (side, data) in enumerate(talk.chunks)
        if not side and len(data) == SEGMENT
    ]
    missing = of_answer[5]
    chunks = lost(talk.chunks, {missing})
    single: list[Piece] = []
    for number, (side, data) in enumerate(chunks):
        if number <= missing or isinstance(data, int):
            single.append((side, data))
        else:
            single += [(side, data[at : at + 1]) for at in range(len(data))]
    raised = read(single, KeyLog(talk.key_log))
    assert raised == read(chunks, KeyLog(talk.key_log))
    assert intact(decrypted(raised, False), talk.answer)


@pytest.mark.parametrize("name", TRANSFERS)
def test_much_is_missing(name: str) -> None:
    talk = transfer(*TRANSFERS[name])
    of_answer = [
        number
        for number, (side, data) in enumerate(talk.chunks)
        if not side and len(data) == SEGMENT
    ]
    missing = {*of_answer[20:25], *of_answer[60:130], of_answer[150], *of_answer[170:173]}
    raised = read(lost(talk.chunks, missing), KeyLog(talk.key_log))
    data = decrypted(raised, False)
    assert intact(data, talk.answer)
    # Of each gap the records at its ends are lost too, at most.
    assert len(talk.answer) - len(data) <= len(missing) * SEGMENT + 2 * 4 * RECORD


def test_a_handshake_of_which_a_part_is_missing() -> None:
    """The keys change without the message that says so."""
    talk = transfer()
    flight = [number for number, (side, _) in enumerate(talk.chunks) if not side][1]
    raised = read(lost(talk.chunks, {flight}), KeyLog(talk.key_log))
    assert decrypted(raised, False) == talk.answer
    assert decrypted(raised, True) == talk.request


# Secrets that come late


@pytest.mark.parametrize("name", TRANSFERS)
@pytest.mark.parametrize("after", [1, 2, 3, 4])
def test_secrets_come_while_a_connection_runs(name: str, after: int) -> None:
    """What came before them in the handshake has been held."""
    talk = transfer(*TRANSFERS[name], size=50_000)
    at_once = read(talk.chunks, KeyLog(talk.key_log))
    growing = KeyLog()
    analyzer = events.Analyzer(
        secrets=growing, wanted=ALL_EVENTS, disable_analyzer_after_detection=False
    )
    raised: list[Event] = []
    for number, (is_client, data) in enumerate(talk.chunks):
        if number == after:
            growing.add("\n".join(talk.key_log))
        raised += analyzer.deliver(data, is_client)
    raised += analyzer.end()
    assert decrypted(raised, False) == talk.answer
    assert decrypted(raised, True) == talk.request
    assert sorted(names_of(raised)) == sorted(names_of(at_once))


@pytest.mark.parametrize("name", TRANSFERS)
def test_secrets_come_in_the_middle_of_a_transfer(name: str) -> None:
    talk = transfer(*TRANSFERS[name])
    growing = KeyLog()
    analyzer = events.Analyzer(
        secrets=growing, wanted=ALL_EVENTS, disable_analyzer_after_detection=False
    )
    raised: list[Event] = []
    for number, (is_client, data) in enumerate(talk.chunks):
        if number == 100:
            growing.add("\n".join(talk.key_log))
        raised += analyzer.deliver(data, is_client)
    data = decrypted(raised, False)
    assert len(data) > len(talk.answer) - 100 * SEGMENT - 2 * RECORD
    assert talk.answer.endswith(data)
    assert not violations(raised)


# Secrets that are of no use


def wrong(key_log: list[str]) -> list[str]:
    return [" ".join([*line.split()[:2], line.split()[2][::-1]]) for line in key_log]


@pytest.mark.parametrize("name", TRANSFERS)
@pytest.mark.parametrize("ends_early", [True, False])
def test_a_wrong_key_log_changes_no_event(name: str, ends_early: bool) -> None:
    talk = transfer(*TRANSFERS[name], size=50_000)
    raised = read(
        talk.chunks, KeyLog(wrong(talk.key_log)), disable_analyzer_after_detection=ends_early
    )
    base = read(talk.chunks, None, disable_analyzer_after_detection=ends_early)
    assert is_part_of(base, raised)
    assert [each.reason for each in violations(raised)] == [
        "a record does not authenticate with the secrets that there are"
    ] * 2
    assert not decrypted(raised, True) + decrypted(raised, False)


@pytest.mark.parametrize("name", TRANSFERS)
def test_another_key_log_changes_nothing(name: str) -> None:
    talk, other = transfer(*TRANSFERS[name], size=50_000), transfer(size=20_000)
    assert read(talk.chunks, KeyLog(other.key_log)) == read(talk.chunks, None)


@pytest.mark.parametrize("left", range(1, 5))
def test_some_secrets_are_missing(left: int) -> None:
    """Each secret opens what it is for, and nothing is said of what it is not for."""
    talk = transfer(size=50_000)
    labels = [
        "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
        "SERVER_HANDSHAKE_TRAFFIC_SECRET",
        "CLIENT_TRAFFIC_SECRET_0",
        "SERVER_TRAFFIC_SECRET_0",
    ]
    del labels[left - 1]
    raised = read(talk.chunks, KeyLog([line for line in talk.key_log if line.split()[0] in labels]))
    assert (decrypted(raised, True) == talk.request) is ("CLIENT_TRAFFIC_SECRET_0" in labels)
    assert (decrypted(raised, False) == talk.answer) is ("SERVER_TRAFFIC_SECRET_0" in labels)
    assert (8 in names_of(raised)) is ("SERVER_HANDSHAKE_TRAFFIC_SECRET" in labels)
    assert not violations(raised)


# Anything else


@pytest.mark.parametrize("stack", ["openssl3", "openssl4", "openssl35", "gnutls", "wolfssl"])
def test_nothing_raises(stack: str) -> None:
    """Connections of which bytes are changed, missing or doubled raise no exception, and the events without secrets."""
    chosen = random.Random(stack)
    log = key_log(stack)
    keys = KeyLog(log.splitlines())
    streams = [each for each in connections(stack).values() if each.proto == "tcp"]
    for connection in chosen.choices(streams, k=150):
        chunks: list[Piece] = []
        for is_client, data in connection.chunks:
            match chosen.randrange(12):
                case 0:
                    at = chosen.randrange(len(data))
                    changed = bytes([data[at] ^ 1 << chosen.randrange(8)])
                    chunks.append((is_client, data[:at] + changed + data[at + 1 :]))
                case 1:
                    chunks.append((is_client, chosen.randrange(1, len(data) + 1)))
                case 2:
                    chunks += [(is_client, data)] * 2
                case _:
                    chunks.append((is_client, data))
        raised = read(chunks, keys)
        assert is_part_of(read(chunks, None), raised), connection.name
        assert not [each for each in raised if isinstance(each, events.ReporterError)]


def test_what_is_held_is_bounded() -> None:
    """Connections without secrets hold a little, and only so many of them do."""
    talk = transfer()
    growing = KeyLog()
    analyzers = []
    for _ in range(300):
        analyzer = events.Analyzer(secrets=growing, disable_analyzer_after_detection=False)
        for is_client, data in talk.chunks[:40]:
            analyzer.deliver(data, is_client)
        analyzers.append(analyzer)
    held = [analyzer.held for analyzer in analyzers]
    assert max(held) < 2**16
    assert sum(size > 2 * RECORD for size in held) <= 256


@given(data=st.data())
def test_any_bytes_after_the_hellos(data: st.DataObject) -> None:
    talk: Long = transfer(size=1_000)
    hellos = talk.chunks[:2]
    rest = data.draw(st.lists(st.tuples(st.booleans(), st.binary(max_size=200)), max_size=6))
    record = st.builds(
        lambda kind, fragment: bytes([kind, 3, 3]) + len(fragment).to_bytes(2, "big") + fragment,
        st.sampled_from([20, 21, 22, 23, 24]),
        st.binary(min_size=1, max_size=60),
    )
    rest += data.draw(st.lists(st.tuples(st.booleans(), record), max_size=6))
    raised = read([*hellos, *rest], KeyLog(talk.key_log))
    assert is_part_of(read([*hellos, *rest], None), raised)


def test_everything_of_the_corpus_is_read() -> None:
    keys = KeyLog(key_log("openssl4").splitlines())
    for connection in connections("openssl4").values():
        if connection.proto == "tcp":
            raised = read(connection.chunks, keys)
            assert is_all(decrypted(raised, True), connection.client_data), connection.name
            assert is_all(decrypted(raised, False), connection.server_data), connection.name
