"""What a sender may do to who decrypts: the work and the memory stay in proportion to what arrives, a record that is none
costs itself, and no message says what the handshake did not.
"""

from __future__ import annotations

import random
import tracemalloc
import zlib

import brotli
import pytest

import events
from events import Analyzer, KeyLog, certificates
from events.secrets.suites import suite
from tlsgrammar.names import CIPHER_SUITES
from tlsgrammar.registry import DEFAULT

from .connections import Piece, connections, decrypted, is_all, read
from .connections import key_log as key_log_of
from .sealed import (
    CHANGE,
    EXTENSIONS,
    HELLOS,
    KINDS,
    Sealer13,
    client_hello,
    counted,
    damaged,
    established,
    established13,
    handshake,
    hellos12,
    junk,
    key_log,
    missing,
    numbered,
    records,
    server_hello,
    told,
)

MIB = 2**20


# Bombs


def compressed_certificate(size: int, algorithm: str) -> bytes:
    """A message that unpacks to so many bytes."""
    entry = {"cert_data": bytes(size - 9), "extensions": []}
    certificate = {"certificate_request_context": b"", "certificate_list": [entry]}
    body = handshake("certificate", certificate)[4:]
    assert len(body) == size
    packed = brotli.compress(body, quality=1) if algorithm == "brotli" else zlib.compress(body)
    value = {
        "algorithm": algorithm,
        "uncompressed_length": size,
        "compressed_certificate_message": packed,
    }
    return handshake("compressed_certificate", value)


@pytest.mark.parametrize("algorithm", ["zlib", "brotli"])
def test_certificates_unpack_to_no_more_than_a_mebibyte(
    algorithm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of one side together: each message for itself may be small."""
    unpacked: list[int] = []
    unpack = certificates.decompressed

    def listen(algorithm: int, compressed: bytes, length: int) -> bytes:
        data = unpack(algorithm, compressed, length)
        unpacked.append(len(data))
        return data

    monkeypatch.setattr(certificates, "decompressed", listen)
    size = 300_000
    bombs = 20 * compressed_certificate(size, algorithm)
    server = Sealer13("SERVER_HANDSHAKE_TRAFFIC_SECRET")
    client = Sealer13("CLIENT_HANDSHAKE_TRAFFIC_SECRET")
    pieces: list[Piece] = [
        *HELLOS,
        (False, server("handshake", EXTENSIONS + bombs)),
        (True, CHANGE + client("handshake", bombs)),
    ]
    raised = read(pieces, key_log())
    each_side = MIB // size
    assert unpacked == [size] * (2 * each_side)
    refused = [reason for reason in told(raised) if "no more than 1048576 bytes" in reason]
    assert len(refused) == 2 * (20 - each_side)


def test_a_bomb_among_certificates_costs_itself() -> None:
    """What comes behind it is read, if it is small enough."""
    server = Sealer13("SERVER_HANDSHAKE_TRAFFIC_SECRET")
    messages = [compressed_certificate(size, "zlib") for size in (1000, MIB, 1000)]
    raised = read(
        [*HELLOS, (False, server("handshake", EXTENSIONS + b"".join(messages)))], key_log()
    )
    assert len([each for each in raised if isinstance(each, events.X509Certificate)]) == 2


# Early data: no hello says which suite it is protected with


@pytest.mark.parametrize("count", [1, 40])
def test_early_data_is_tried_with_each_suite_once(count: int) -> None:
    """However often the client offers it, and whatever else it offers."""
    offered = [0x1301, 0x1303] * 500 + list(range(0x2000, 0x9000))
    pieces: list[Piece] = [
        (True, records("handshake", client_hello(offered, early_data=True))),
        *[(True, junk(24))] * count,
    ]
    with counted() as work:
        read(pieces, key_log())
    assert work.tries == 2 * count


def test_early_data_is_read_with_the_suite_that_it_is_protected_with() -> None:
    early = Sealer13("CLIENT_EARLY_TRAFFIC_SECRET")
    offered = [0x1303, 0x2000, 0x1301]
    pieces: list[Piece] = [
        (True, records("handshake", client_hello(offered, early_data=True))),
        *((True, early("application_data", numbered(at, 80))) for at in range(10)),
    ]
    with counted() as work:
        raised = read(pieces, key_log())
    assert decrypted(raised, True) == b"".join(numbered(at, 80) for at in range(10))
    # Once it has been found, no other is tried.
    assert work.tries == 11


# Tries after a gap: which record it is, nobody knows

AT_FIRST = 2**27
"""What a direction may spend, in the time that AES-GCM takes for a byte."""
EACH = 8192
"""What a try costs besides its bytes."""
EARNED = 4
"""So many times what opening it once takes, a direction earns with what arrives."""


@pytest.mark.parametrize(
    "name",
    [
        "TLS_RSA_WITH_AES_128_GCM_SHA256",
        "TLS_RSA_WITH_CAMELLIA_128_GCM_SHA256",
        "TLS_RSA_WITH_AES_128_CBC_SHA",
        "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
    ],
)
@pytest.mark.parametrize("headers", [0, 1000])
def test_tries_are_paid_for_by_what_arrives(name: str, headers: int) -> None:
    """Junk that looks like the beginning of records, each as long as can be, and of each it may be any number."""
    found = suite(DEFAULT.code_of(CIPHER_SUITES, name))
    assert found is not None
    header = junk(2**14)[:5]
    data = headers * header + junk(2**14)
    pieces: list[Piece] = [*hellos12(name), (False, CHANGE), (True, CHANGE)]
    pieces += [(False, 50_000), (False, data), (False, junk(2**14))]
    with counted() as work:
        read(pieces, key_log())
    arrived = sum(len(data) for _, data in pieces if isinstance(data, bytes))
    earned = EARNED * (EACH * len(pieces) + arrived * found.cipher.cost)
    assert work.cost + EACH * work.tries <= AT_FIRST + earned


def test_tries_stay_in_proportion_however_much_arrives() -> None:
    """The budget is bounded: what has been earned long before is of no use."""
    talk = established13()
    pieces = [*talk.pieces, *talk.answers(50, 2**14 - 1), (False, 50_000)]
    before = sum(len(data) for _, data in pieces if isinstance(data, bytes))
    costs = []
    for count in (100, 200):
        with counted() as work:
            read([*pieces, *[(False, junk(2**14))] * count], key_log())
        costs.append(work.cost - before)
    # The second half costs what it earns, and what it takes to open each once.
    assert costs[1] - costs[0] <= (EARNED + 1) * 100 * (2**14 + EACH)


def test_tries_of_early_data_are_paid_for_by_what_each_suite_costs() -> None:
    """Of the suites of TLS 1.3 some are much slower than others."""
    found = suite(DEFAULT.code_of(CIPHER_SUITES, "TLS_SM4_GCM_SM3"))
    assert found is not None
    offered = [DEFAULT.code_of(CIPHER_SUITES, "TLS_SM4_GCM_SM3"), 0x1301]
    pieces: list[Piece] = [
        (True, records("handshake", client_hello(offered, early_data=True))),
        (False, records("handshake", server_hello(0x1301))),
        *[(True, junk(2**14))] * 30,
    ]
    with counted() as work:
        read(pieces, key_log())
    arrived = sum(len(data) for _, data in pieces if isinstance(data, bytes))
    at_once = arrived * found.cipher.cost
    assert work.cost + EACH * work.tries <= AT_FIRST + (EARNED + 1) * (EACH * len(pieces) + at_once)


# After a gap, what is no record costs itself


@pytest.mark.parametrize("gap", [1, 20, 60])
def test_a_damaged_record_after_a_gap_costs_itself(gap: int) -> None:
    talk = established13()
    answers = talk.answers(gap + 50, 1000)
    pieces = [*missing(answers[:gap]), damaged(answers[gap]), *answers[gap + 1 :]]
    raised = read([*talk.pieces, *pieces], key_log())
    assert decrypted(raised, False) == b"".join(
        numbered(at, 1000) for at in range(gap + 1, gap + 50)
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_record_costs_itself(kind: str) -> None:
    """With a stream cipher too, which goes on through it; and with the block before it for an IV."""
    talk = established(kind)
    answers = talk.answers(20, 96)
    answers[3] = damaged(answers[3])
    raised = read([*talk.pieces, *answers], key_log())
    assert decrypted(raised, False) == b"".join(numbered(at, 96) for at in range(20) if at != 3)


@pytest.mark.parametrize("kind", ["TLS 1.3", "AES-GCM", "CBC"])
def test_a_false_header_is_passed_over_at_the_end(kind: str) -> None:
    """It says that a long record follows; the rest of that never comes, and what stands there is read all the same."""
    talk = established(kind)
    header = junk(2**14)[:5]
    pieces = [*talk.pieces, (False, 100), (False, header), *talk.answers(50, 100)]
    raised = read(pieces, key_log())
    assert decrypted(raised, False) == b"".join(numbered(at, 100) for at in range(50))


def test_a_false_header_is_passed_over_once_its_record_has_come() -> None:
    talk = established13()
    header = junk(2**14)[:5]
    answers = talk.answers(50, 1000)
    analyzer = Analyzer(secrets=key_log(), wanted=events.known_events())
    raised = []
    for is_client, data in [*talk.pieces, (False, 100), (False, header), *answers]:
        if isinstance(data, int):
            raised += analyzer.gap(is_client, data)
        else:
            raised += analyzer.deliver(data, is_client)
    assert decrypted(raised, False) == b"".join(numbered(at, 1000) for at in range(50))


@pytest.mark.parametrize("updates", [1, 2, 3, 4])
def test_updates_of_keys_are_missing(updates: int) -> None:
    talk = established13()
    gone: list[Piece] = [(False, talk.server.update()) for _ in range(updates)]
    raised = read([*talk.pieces, *missing(gone), *talk.answers(5, 100)], key_log())
    assert decrypted(raised, False) == b"".join(numbered(at, 100) for at in range(5))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [1, 7, 1460])
def test_cuts_make_no_difference_where_bytes_are_missing(kind: str, size: int) -> None:
    talk = established(kind)
    answers = talk.answers(6, 5000)
    _, second = answers[1]
    assert isinstance(second, bytes)
    before: list[Piece] = [answers[0], (False, second[:2000]), (False, 1460)]
    rest = second[3460:] + b"".join(data for _, data in answers[2:] if isinstance(data, bytes))
    whole = read([*talk.pieces, *before, (False, rest)], key_log())
    cut: list[Piece] = [(False, rest[at : at + size]) for at in range(0, len(rest), size)]
    in_pieces = read([*talk.pieces, *before, *cut], key_log())
    assert in_pieces == whole
    # Of the second record the end has come, which is the IV of the third one.
    assert decrypted(whole, False) == b"".join(numbered(at, 5000) for at in range(6) if at != 1)


# Messages that come when none may


@pytest.mark.parametrize("ends_early", [True, False])
@pytest.mark.parametrize("is_sealed", [True, False])
@pytest.mark.parametrize("is_client", [True, False])
def test_a_hello_after_the_handshake_changes_nothing(
    is_client: bool, is_sealed: bool, ends_early: bool
) -> None:
    """It neither makes the keys other ones, nor the version, nor the random by which secrets are found."""
    talk = established13()
    hello = (
        client_hello([0x1303], client_random=bytes(32))
        if is_client
        else server_hello(0x009C, 0x0303)
    )
    sealer = talk.client if is_client else talk.server
    pieces = [*talk.pieces, *talk.answers(2, 100)]
    evil = sealer("handshake", hello) if is_sealed else records("handshake", hello)
    pieces += [(is_client, evil), *talk.answers(5, 100)]
    raised = read(pieces, key_log(), disable_analyzer_after_detection=ends_early)
    assert decrypted(raised, False) == b"".join(numbered(at, 100) for at in (0, 1, *range(5)))
    assert told(raised) == ["a hello after the handshake of TLS 1.3"] * is_sealed


# Memory


def test_what_is_kept_of_a_handshake_counts() -> None:
    """An extended master secret is made of all messages; so they are kept where there may be a pre-master secret."""
    keys = KeyLog([f"RSA {'00' * 8} {'11' * 48}"])
    analyzer = Analyzer(secrets=keys)
    certificate = handshake(
        "certificate", (4000).to_bytes(3, "big") + (3997).to_bytes(3, "big") + bytes(3997)
    )
    for is_client, data in hellos12("TLS_RSA_WITH_AES_128_GCM_SHA256")[:1]:
        assert isinstance(data, bytes)
        analyzer.deliver(data, is_client)
    hello = records("handshake", server_hello(0x009C, 0x0303))
    analyzer.deliver(hello, False)
    held = []
    for _ in range(100):
        analyzer.deliver(records("handshake", certificate), False)
        held.append(analyzer.held)
    assert held[49] >= 50 * len(certificate)
    assert max(held) <= 2**18 + 2**15
    assert held[-1] < 2**15  # of a handshake that is longer, none is made


def test_a_hello_of_many_suites_is_not_kept() -> None:
    """Of those that early data may be protected with, there are a few."""
    offered = list(range(0x2000, 0x9F00))
    data = [
        records("handshake", client_hello(offered, early_data=True, client_random=bytes([n]) * 32))
        for n in range(6)
    ]
    keys = key_log()

    def begun(each: bytes) -> Analyzer:
        analyzer = Analyzer(secrets=keys)
        analyzer.deliver(each, True)
        return analyzer

    begun(data[0])
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        analyzers = [begun(each) for each in data]
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (after - before) / len(analyzers) < 2**14 + max(each.held for each in analyzers)


# Datagrams


@pytest.mark.parametrize("version", ["DTLSv12", "DTLSv13"])
@pytest.mark.parametrize("ends_early", [True, False])
def test_a_datagram_that_is_sent_twice_is_read_once(version: str, ends_early: bool) -> None:
    log = KeyLog(key_log_of("wolfssl").splitlines())
    for connection in connections("wolfssl").values():
        if connection.version != version:
            continue
        analyzer = events.DatagramAnalyzer(
            secrets=log, wanted=events.known_events(), disable_analyzer_after_detection=ends_early
        )
        raised = []
        for is_client, data in connection.chunks:
            raised += analyzer.deliver(data, is_client) + analyzer.deliver(data, is_client)
        assert is_all(decrypted(raised, True), connection.client_data), connection.name
        assert is_all(decrypted(raised, False), connection.server_data), connection.name


def test_a_datagram_that_is_sent_again_late_is_read_once() -> None:
    log = KeyLog(key_log_of("wolfssl").splitlines())
    connection = connections("wolfssl")["DTLSv13 small datagrams"]
    analyzer = events.DatagramAnalyzer(secrets=log, wanted=events.known_events())
    raised = [
        event
        for is_client, data in connection.chunks + connection.chunks[-12:]
        for event in analyzer.deliver(data, is_client)
    ]
    assert is_all(decrypted(raised, True), connection.client_data)
    assert is_all(decrypted(raised, False), connection.server_data)


@pytest.mark.parametrize("is_client", [True, False])
def test_all_datagrams_of_a_side_are_sent_again_at_the_end(is_client: bool) -> None:
    """Whatever keys there are still, what was opened with them is not opened again."""
    log = KeyLog(key_log_of("wolfssl").splitlines())
    again = 0
    for connection in connections("wolfssl").values():
        if connection.version != "DTLSv13":
            continue
        analyzer = events.DatagramAnalyzer(secrets=log, wanted=events.known_events())
        chunks = connection.chunks + [each for each in connection.chunks if each[0] is is_client]
        raised = [event for side, data in chunks for event in analyzer.deliver(data, side)]
        for side, went_in in ((True, connection.client_data), (False, connection.server_data)):
            again += len(decrypted(raised, side)) - went_in["length"]
    assert again == 0


def test_records_that_wait_are_not_tried_at_each_datagram(monkeypatch: pytest.MonkeyPatch) -> None:
    """One secret is missing; the other side's datagrams have nothing to do with it."""
    lines = key_log_of("wolfssl").splitlines()
    keys = KeyLog([line for line in lines if not line.startswith("SERVER_TRAFFIC_SECRET_0")])
    asked = 0
    find = KeyLog.find

    def listen(self: KeyLog, client_random: bytes, label: str) -> bytes | None:
        nonlocal asked
        asked += 1
        return find(self, client_random, label)

    monkeypatch.setattr(KeyLog, "find", listen)
    connection = next(x for x in connections("wolfssl").values() if x.version == "DTLSv13")
    analyzer = events.DatagramAnalyzer(secrets=keys, disable_analyzer_after_detection=False)
    for is_client, data in connection.chunks:
        analyzer.deliver(data, is_client)
    last = dict(connection.chunks)
    chosen = random.Random(1)
    waiting = 0
    while analyzer.held < 31_000:
        analyzer.deliver(last[False][:3] + b"\0\x10" + chosen.randbytes(16), False)
        waiting += 1
    assert waiting > 50
    asked = 0
    for _ in range(100):
        analyzer.deliver(last[True], True)
    assert asked < 1000


# Suites under other names


def test_a_suite_that_is_registered_is_decrypted() -> None:
    """Its name says nothing of how it protects records; so it is said by which suite it does it like."""
    registry = DEFAULT.copy()
    registry.register_cipher_suite(0xFFA0, "TLS_MINE", protection="TLS_AES_128_GCM_SHA256")
    talk = established13()
    hellos: list[Piece] = [
        (True, records("handshake", client_hello([0xFFA0]))),
        (False, records("handshake", server_hello(0xFFA0)) + CHANGE),
    ]
    pieces = [*hellos, *talk.pieces[2:], *talk.answers(5, 100)]
    raised = read(pieces, key_log(), extensions=registry)
    assert decrypted(raised, False) == b"".join(numbered(at, 100) for at in range(5))
    assert not told(raised)
    # Where it is not registered, or only by its name, nothing opens it, and that is said.
    registry = DEFAULT.copy()
    registry.register_cipher_suite(0xFFA0, "TLS_MINE")
    raised = read(pieces, key_log(), extensions=registry)
    assert not decrypted(raised, False)
    assert told(raised) == ["nothing here opens what is encrypted with TLS_MINE"]


def test_early_data_of_a_suite_that_is_registered() -> None:
    registry = DEFAULT.copy()
    registry.register_cipher_suite(0xFFA0, "TLS_MINE", protection="TLS_AES_128_GCM_SHA256")
    early = Sealer13("CLIENT_EARLY_TRAFFIC_SECRET")
    pieces: list[Piece] = [
        (True, records("handshake", client_hello([0xFFA0], early_data=True))),
        (True, early("application_data", b"early")),
    ]
    assert decrypted(read(pieces, key_log(), extensions=registry), True) == b"early"


def test_a_protection_that_is_not_known_is_refused() -> None:
    registry = DEFAULT.copy()
    with pytest.raises(ValueError, match="TLS_AES_128_GCM_SHA256") as error:
        registry.register_cipher_suite(0xFFA0, "TLS_MINE", protection="TLS_AES_128_GCM_SHA265")
    assert "TLS_MINE" in str(error.value)
    # Nothing has been registered: the code point and the name are free.
    registry.register_cipher_suite(0xFFA0, "TLS_MINE")
