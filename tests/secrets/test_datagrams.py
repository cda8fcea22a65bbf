"""What opens records in datagrams: whatever is lost, repeated or out of order, whenever the secrets come."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

import events
from events import DatagramAnalyzer, Event, KeyLog, ProtocolViolation, SslHandshakeMessage
from events.secrets.keylog import Label
from events.testing.captures import Chunk
from tlsgrammar.framing import read_records
from tlsgrammar.names import ContentType, HandshakeType

from .connections import (
    ALL_EVENTS,
    Connection,
    connections,
    decrypted,
    is_all,
    is_part_of,
    key_log,
)

STACKS = ["wolfssl", "openssl3", "gnutls"]
HELLOS = (HandshakeType.client_hello, HandshakeType.server_hello)
KEY_UPDATES = [
    "DTLSv13 key updates cscs AES128-GCM-SHA256",
    "DTLSv13 key updates cscs CHACHA20-POLY1305-SHA256",
    "DTLSv13 key updates cscs SHA384-SHA384",
    "DTLSv13 connection ids and key updates AES128-CCM-SHA256",
]
PLAIN = "DTLSv12 ECDHE-ECDSA-AES256-GCM-SHA384"
Record = tuple[bool, bytes]
"""A record of application data: whether the client sent it, and what it holds."""


@cache
def secrets(stack: str) -> KeyLog:
    """The key log of a stack, that has seen all connections, as some resume others."""
    log = KeyLog(key_log(stack).splitlines())
    for connection in connections(stack).values():
        if connection.proto == "udp":
            read(connection.chunks, log)
    return log


def over_datagrams(stack: str) -> Iterator[Connection]:
    secrets(stack)
    for each in connections(stack).values():
        if each.proto == "udp":
            yield each


def read(chunks: Iterable[Chunk], log: KeyLog | None, *, ends_early: bool = True) -> list[Event]:
    """The events of a flow."""
    return [event for some in one_by_one(chunks, log, ends_early=ends_early) for event in some]


def one_by_one(
    chunks: Iterable[Chunk], log: KeyLog | None, *, ends_early: bool = True
) -> Iterator[list[Event]]:
    """The events of each datagram, and those of the end."""
    analyzer = DatagramAnalyzer(
        secrets=log, wanted=ALL_EVENTS, disable_analyzer_after_detection=ends_early
    )
    for is_client, datagram in chunks:
        yield analyzer.deliver(datagram, is_client)
    yield analyzer.end()


def records_in(raised: Iterable[Event]) -> list[Record]:
    return [(e.is_orig, e.data) for e in raised if isinstance(e, events.SslDecryptedData)]


def messages_in(raised: Iterable[Event]) -> list[tuple[bool, int]]:
    return [(e.is_orig, e.msg_type) for e in raised if isinstance(e, SslHandshakeMessage)]


def violations(raised: Iterable[Event]) -> list[ProtocolViolation]:
    return [each for each in raised if isinstance(each, ProtocolViolation)]


class Flow:
    """A connection, and what each of its datagrams holds.

    Attributes:
        chunks: its datagrams.
        records: the application data in each of them.
        needed: those without which others cannot be read: they hold a hello, or a part of one.
    """

    def __init__(self, stack: str, connection: Connection) -> None:
        self.chunks = connection.chunks
        each = list(one_by_one(self.chunks, secrets(stack)))
        self.records = [records_in(some) for some in each[:-1]]
        self.needed = {
            at
            for at, (_, datagram) in enumerate(self.chunks)
            if holds_hello(datagram)
            or any(msg_type in HELLOS for _, msg_type in messages_in(each[at]))
        }

    def without(self, lost: set[int]) -> tuple[list[Chunk], list[Record]]:
        """The datagrams but for some, and the application data in them."""
        left = [at for at in range(len(self.chunks)) if at not in lost]
        chunks = [self.chunks[at] for at in left]
        return chunks, [record for at in left for record in self.records[at]]


def holds_hello(datagram: bytes) -> bool:
    """Whether a datagram holds a hello that is not encrypted, or a part of one."""
    records, _ = read_records(datagram)
    return any(
        record.type == ContentType.handshake and not record.epoch and record.fragment[0] in HELLOS
        for record in records
    )


@cache
def flow(stack: str, name: str) -> Flow:
    return Flow(stack, connections(stack)[name])


def flows(stack: str) -> Iterator[tuple[str, Flow]]:
    for connection in over_datagrams(stack):
        yield connection.name, flow(stack, connection.name)


def records_in_all(each: Flow, end: int) -> list[Record]:
    return [record for records in each.records[:end] for record in records]


# Whole


@pytest.mark.parametrize("stack", STACKS)
def test_everything_of_the_corpus_is_read(stack: str) -> None:
    for connection in over_datagrams(stack):
        raised = read(connection.chunks, secrets(stack))
        assert is_all(decrypted(raised, True), connection.client_data), connection.name
        assert is_all(decrypted(raised, False), connection.server_data), connection.name
        assert not violations(raised), connection.name


def encrypted_messages(chunks: list[Chunk], stack: str) -> Counter[tuple[bool, int]]:
    """How often each message comes that is not read without secrets."""
    raised, base = (read(chunks, log, ends_early=False) for log in (secrets(stack), None))
    return Counter(messages_in(raised)) - Counter(messages_in(base))


# Lost


@pytest.mark.parametrize("stack", STACKS)
def test_a_datagram_that_is_lost_costs_what_is_in_it(stack: str) -> None:
    """Any of them but a hello, also one that changes the keys."""
    for name, each in flows(stack):
        for lost in set(range(len(each.chunks))) - each.needed:
            chunks, records = each.without({lost})
            raised = read(chunks, secrets(stack))
            assert records_in(raised) == records, (name, lost)
            assert is_part_of(read(chunks, None), raised), (name, lost)


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_many_datagrams_are_lost(stack: str, share: float) -> None:
    chosen = random.Random(f"{stack} {share}")
    for name, each in flows(stack):
        if "key updates" in name and share > 0.5:
            continue  # more than five epochs may be lost at once
        lost = {at for at in range(len(each.chunks)) if chosen.random() < share}
        chunks, records = each.without(lost - each.needed)
        assert records_in(read(chunks, secrets(stack))) == records, name


@pytest.mark.parametrize("stack", STACKS)
def test_nothing_is_left_of_the_handshake_but_the_hellos(stack: str) -> None:
    for name, each in flows(stack):
        handshake = {at for at, records in enumerate(each.records) if not records}
        chunks, records = each.without(handshake - each.needed)
        assert records_in(read(chunks, secrets(stack))) == records, name


# Repeated


@pytest.mark.parametrize("stack", STACKS)
def test_datagrams_that_come_twice(stack: str) -> None:
    """What is encrypted in them is told once."""
    for name, each in flows(stack):
        twice = [chunk for chunk in each.chunks for _ in range(2)]
        raised = read(twice, secrets(stack))
        assert records_in(raised) == records_in_all(each, len(each.chunks)), name
        once = encrypted_messages(each.chunks, stack)
        assert encrypted_messages(twice, stack) == once, name
        assert not violations(raised), name


# Out of order


@pytest.mark.parametrize("stack", STACKS)
def test_two_datagrams_change_places(stack: str) -> None:
    """But not an encrypted ServerHello with the ClientHello that it answers."""
    for name, each in flows(stack):
        expected = Counter(record for records in each.records for record in records)
        for at in range(1, len(each.chunks) - 1):
            if {at, at + 1} <= each.needed:
                continue
            one, other = each.chunks[at : at + 2]
            chunks = [*each.chunks[:at], other, one, *each.chunks[at + 2 :]]
            raised = read(chunks, secrets(stack))
            assert Counter(records_in(raised)) == expected, (name, at)


@pytest.mark.parametrize("stack", STACKS)
def test_all_datagrams_behind_the_hellos_are_shuffled(stack: str) -> None:
    """Of connections with one handshake: there are few epochs then, and each record says which it is of."""
    chosen = random.Random(stack)
    for name, each in flows(stack):
        if "renegotiation" in name or "key updates" in name:
            continue
        begin = max(each.needed) + 1
        rest = list(range(begin, len(each.chunks)))
        chosen.shuffle(rest)
        raised = read([each.chunks[at] for at in [*range(begin), *rest]], secrets(stack))
        assert records_in(raised)[len(records_in_all(each, begin)) :] == [
            record for at in rest for record in each.records[at]
        ], name
        assert not violations(raised), name


@pytest.mark.parametrize("stack", STACKS)
def test_datagrams_that_are_encrypted_come_before_the_hello_that_tells_their_keys(
    stack: str,
) -> None:
    """They wait for it. Those with a connection id do not, as nothing tells how long it is."""
    for name, each in flows(stack):
        if "renegotiation" in name or "connection id" in name:
            continue
        of_server = [at for at in each.needed if not each.chunks[at][0]]
        begin, end = min(each.needed) + 1, max(each.needed) + 1
        if "DTLSv13" in name or len(of_server) != 1:
            continue  # a record under a unified header is none as long as the version is not known
        late = list(range(end, len(each.chunks)))
        order = [*range(begin), *late[:3], *range(begin, end), *late[3:]]
        chunks = [each.chunks[at] for at in order]
        raised = read(chunks, secrets(stack), ends_early=False)
        assert Counter(records_in(raised)) == Counter(records_in_all(each, len(each.chunks))), name


# Several records in a datagram


def coalesced(each: Flow, *, also_hellos: bool) -> list[Chunk]:
    """What a side sends without an answer, in one datagram."""
    out: list[Chunk] = []
    for at, (is_client, data) in enumerate(each.chunks):
        behind_hello = at - 1 in each.needed
        if out and out[-1][0] is is_client and (also_hellos or not behind_hello):
            out[-1] = is_client, out[-1][1] + data
        else:
            out.append((is_client, data))
    return out


@pytest.mark.parametrize("stack", STACKS)
def test_many_records_in_a_datagram(stack: str) -> None:
    for name, each in flows(stack):
        raised = read(coalesced(each, also_hellos=False), secrets(stack))
        assert records_in(raised) == records_in_all(each, len(each.chunks)), name
        assert not violations(raised), name


# Epochs


@pytest.mark.parametrize("name", KEY_UPDATES)
def test_every_key_update_is_lost(name: str) -> None:
    """A record says two bits of its epoch, so that the keys are found without the message that changes them."""
    each = flow("wolfssl", name)
    some = list(one_by_one(each.chunks, secrets("wolfssl")))
    updates = {
        at
        for at, raised in enumerate(some[:-1])
        if any(msg_type == HandshakeType.key_update for _, msg_type in messages_in(raised))
    }
    assert len(updates) >= 4
    chunks, records = each.without(updates)
    assert records_in(read(chunks, secrets("wolfssl"))) == records


@pytest.mark.parametrize("name", KEY_UPDATES)
def test_records_of_the_epoch_before_come_late(name: str) -> None:
    each = flow("wolfssl", name)
    for at, records in enumerate(each.records):
        if records:
            for places in range(1, 6):
                order = [*range(at), *range(at + 1, at + 1 + places), at]
                order = [o for o in order if o < len(each.chunks)]
                order += [o for o in range(len(each.chunks)) if o not in order]
                raised = read([each.chunks[o] for o in order], secrets("wolfssl"))
                assert Counter(records_in(raised)) == Counter(
                    records_in_all(each, len(each.chunks))
                ), (at, places)


# Secrets that come late


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("before_end", [1, 2, 4, 8, 100])
def test_secrets_come_while_a_connection_runs(stack: str, before_end: int) -> None:
    """What came before them has been held."""
    lines = key_log(stack)
    for name, each in flows(stack):
        # The secret of a connection before may be needed; without secrets, early data are not known to be records; and
        # more is not held than most handshakes take.
        if "resumed" in name or "early data" in name or "renegotiation to other" in name:
            continue
        growing = KeyLog()
        # Without secrets it would be read no further than to the end of the handshake.
        analyzer = DatagramAnalyzer(
            secrets=growing, wanted=ALL_EVENTS, disable_analyzer_after_detection=False
        )
        raised: list[Event] = []
        for at, (is_client, datagram) in enumerate(each.chunks):
            if at == max(len(each.chunks) - before_end, 0):
                growing.add(lines)
            raised += analyzer.deliver(datagram, is_client)
        raised += analyzer.end()
        assert records_in(raised) == records_in_all(each, len(each.chunks)), name
        assert not violations(raised), name


def test_what_is_held_is_bounded() -> None:
    """Also where the secrets never come."""
    [is_client, datagram] = flow("openssl3", PLAIN).chunks[-1]
    growing = KeyLog()
    analyzers = []
    for _ in range(300):
        analyzer = DatagramAnalyzer(secrets=growing, disable_analyzer_after_detection=False)
        for each in flow("openssl3", PLAIN).chunks:
            analyzer.deliver(each[1], each[0])
        analyzers.append(analyzer)
    waiting = [analyzer for analyzer in analyzers if analyzer.held]
    assert len(waiting) == 256
    most = 0
    for _ in range(1000):
        analyzers[-1].deliver(datagram, is_client)
        most = max(most, analyzers[-1].held)
    assert 0 < most < 2**16
    assert not analyzers[-1].held


# Secrets that are of no use


def changed_secrets(lines: str) -> KeyLog:
    return KeyLog(
        [
            " ".join([label, key, secret[::-1]])
            for label, key, secret in map(str.split, lines.splitlines())
        ]
    )


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("ends_early", [True, False])
def test_a_wrong_key_log_changes_no_event(stack: str, ends_early: bool) -> None:
    wrong = changed_secrets(key_log(stack))
    for connection in over_datagrams(stack):
        raised = read(connection.chunks, wrong, ends_early=ends_early)
        base = read(connection.chunks, None, ends_early=ends_early)
        assert is_part_of(base, raised), connection.name
        found = violations(raised)
        assert {each.reason for each in found} == {
            "a record does not authenticate with the secrets that there are"
        }, connection.name
        assert len(found) == 2, connection.name
        assert not records_in(raised), connection.name


@pytest.mark.parametrize("stack", STACKS)
def test_another_key_log_changes_nothing(stack: str) -> None:
    other = KeyLog(key_log("openssl35").splitlines())
    for connection in over_datagrams(stack):
        assert read(connection.chunks, other) == read(connection.chunks, None), connection.name


@pytest.mark.parametrize(
    "left_out",
    [
        Label.CLIENT_HANDSHAKE,
        Label.SERVER_HANDSHAKE,
        Label.CLIENT_APPLICATION,
        Label.SERVER_APPLICATION,
    ],
)
def test_some_secrets_are_missing(left_out: str) -> None:
    """Each secret opens what it is for, and nothing is said of what it is not for."""
    lines = [line for line in key_log("wolfssl").splitlines() if line.split()[0] != left_out]
    log = KeyLog(lines)
    for connection in over_datagrams("wolfssl"):
        if connection.version != "DTLSv13" or "post-handshake" in connection.name:
            continue  # there the client has a second Finished
        raised = read(connection.chunks, log)
        known = [
            label != left_out for label in (Label.CLIENT_APPLICATION, Label.SERVER_APPLICATION)
        ]
        name = connection.name
        if "early data" not in name:
            assert is_all(decrypted(raised, True), connection.client_data) is known[0], name
        assert is_all(decrypted(raised, False), connection.server_data) is known[1], name
        of_server = (False, HandshakeType.encrypted_extensions) in messages_in(raised)
        assert of_server is (left_out != Label.SERVER_HANDSHAKE), name
        of_client = (True, HandshakeType.finished) in messages_in(raised)
        assert of_client is (left_out != Label.CLIENT_HANDSHAKE), name
        assert not violations(raised), name


# Anything else


@pytest.mark.parametrize("stack", STACKS)
def test_nothing_raises(stack: str) -> None:
    """Datagrams that are changed, cut, lost, doubled or out of order raise no exception, and the events without secrets."""
    chosen = random.Random(stack)
    for connection in over_datagrams(stack):
        chunks: list[Chunk] = []
        for is_client, data in connection.chunks:
            match chosen.randrange(10):
                case 0:
                    at = chosen.randrange(len(data))
                    changed = bytes([data[at] ^ 1 << chosen.randrange(8)])
                    chunks.append((is_client, data[:at] + changed + data[at + 1 :]))
                case 1:
                    chunks.append((is_client, data[: chosen.randrange(len(data))]))
                case 2:
                    pass
                case 3:
                    chunks += [(is_client, data)] * 2
                case 4:
                    chunks.insert(chosen.randrange(len(chunks) + 1), (is_client, data))
                case _:
                    chunks.append((is_client, data))
        raised = read(chunks, secrets(stack))
        assert is_part_of(read(chunks, None), raised), connection.name
        assert not [each for each in raised if isinstance(each, events.ReporterError)]


NAMES = {
    "wolfssl": ["DTLSv13 connection id of both", "DTLSv12 connection id of both"],
    "openssl3": [PLAIN],
}


@given(data=st.data())
@pytest.mark.parametrize(("stack", "name"), [(s, n) for s, names in NAMES.items() for n in names])
def test_any_records_after_the_hellos(stack: str, name: str, data: st.DataObject) -> None:
    each = flow(stack, name)
    hellos = each.chunks[: max(each.needed) + 1]
    old = st.builds(
        lambda kind, epoch, number, fragment: (
            bytes([kind, 0xFE, 0xFD])
            + epoch.to_bytes(2, "big")
            + number.to_bytes(6, "big")
            + len(fragment).to_bytes(2, "big")
            + fragment
        ),
        st.sampled_from([20, 21, 22, 23]),
        st.integers(0, 3),
        st.integers(0, 2**48 - 1),
        st.binary(max_size=60),
    )
    unified = st.builds(
        lambda first, rest: bytes([0x20 | first]) + rest,
        st.integers(0, 31),
        st.binary(max_size=60),
    )
    chunk = st.tuples(st.booleans(), st.one_of(old, unified, st.binary(max_size=60)))
    rest = data.draw(st.lists(chunk, max_size=8))
    chunks = [*hellos, *rest]
    raised = read(chunks, secrets(stack))
    assert is_part_of(read(chunks, None), raised)
    # And what is real is read behind it.
    later = each.chunks[len(hellos) :]
    raised = read([*chunks, *later], secrets(stack))
    behind = [record for records in each.records[len(hellos) :] for record in records]
    assert records_in(raised)[-len(behind) :] == behind


# Records behind the hello that says how they are to be read


def one_hello(each: Flow) -> Flow:
    """A connection as it is where the server asks for no second ClientHello."""
    retry = min(at for at in each.needed if not each.chunks[at][0])
    assert any(each.chunks[at][0] for at in each.needed if at > retry)
    made = Flow.__new__(Flow)
    made.chunks, made.records = each.chunks[retry + 1 :], each.records[retry + 1 :]
    made.needed = {at - retry - 1 for at in each.needed if at > retry}
    return made


@pytest.mark.parametrize(
    "name",
    [
        "DTLSv13 TLS13-AES128-GCM-SHA256",
        "DTLSv13 external psk",
        "DTLSv13 connection id of both",
        "DTLSv13 connection id of the client",
    ],
)
def test_what_a_server_sends_in_the_datagram_of_its_hello(name: str) -> None:
    """Its EncryptedExtensions may stand there, and only the hello says that they are DTLS 1.3, and how long a connection
    id is.
    """
    whole = one_hello(flow("wolfssl", name))
    chunks = coalesced(whole, also_hellos=True)
    raised = read(chunks, secrets("wolfssl"))
    apart = read(whole.chunks, secrets("wolfssl"))
    assert not violations(raised)
    assert messages_in(raised) == messages_in(apart)
    assert records_in(raised) == records_in(apart)


def test_early_data_in_the_datagram_of_the_client_hello() -> None:
    each = flow("wolfssl", "DTLSv13 early data refused")
    raised = read(coalesced(each, also_hellos=True), secrets("wolfssl"))
    assert records_in(raised) == records_in_all(each, len(each.chunks))
