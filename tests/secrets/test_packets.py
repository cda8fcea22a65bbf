"""What opens QUIC's Handshake and 1-RTT packets: whatever is lost or out of order, whenever the secrets come.

Of what they hold only CRYPTO frames are read, which most have none of, so that the packets themselves are counted here.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from functools import cache
from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

import events
from events import Event, KeyLog, ProtocolViolation, SslHandshakeMessage
from events.quic import QuicAnalyzer
from events.secrets import packets
from events.secrets.agreement import APPLICATION, Secrets, TrafficSecrets
from events.secrets.packets import PacketOpener, Payload
from events.secrets.records import Version
from events.secrets.suites import suite
from events.testing.captures import Chunk
from tlsgrammar import quic
from tlsgrammar.framing.packets import Packet, read_packets, short_packet
from tlsgrammar.names import HandshakeType as Type
from tlsgrammar.quic import PacketType
from tlsgrammar.registry import DEFAULT
from tlsgrammar.versions import TLS13

from .connections import ALL_EVENTS, connections, is_part_of, key_log

STACK = "aioquic"
CLIENT, SERVER = True, False
NAMES = list(connections(STACK))
KEY_UPDATES = [name for name in NAMES if "key updates" in name]
MANY_KEY_UPDATES = [name for name in KEY_UPDATES if "cscs" in name]
FLIGHT = [Type.encrypted_extensions, Type.certificate, Type.certificate_verify, Type.finished]


class Opened(NamedTuple):
    """What has become of a packet.

    Attributes:
        is_client: whether the client sent it.
        type: Handshake or 1-RTT.
        data: its bytes.
        known: whether its secret is.
        payload: what it holds; None where it does not authenticate.
    """

    is_client: bool
    type: PacketType | None
    data: bytes
    known: bool
    payload: bytes | None


class Reading(NamedTuple):
    """The events of a connection, and what has become of its packets."""

    events: list[Event]
    packets: list[Opened]

    @property
    def opened(self) -> Counter[tuple[bool, PacketType | None, bytes]]:
        """The packets that have been opened."""
        return Counter(
            (each.is_client, each.type, each.data)
            for each in self.packets
            if each.payload is not None
        )

    @property
    def messages(self) -> list[tuple[bool, int]]:
        """The handshake messages, encrypted or not."""
        return [
            (each.is_orig, each.msg_type)
            for each in self.events
            if isinstance(each, SslHandshakeMessage)
        ]

    @property
    def violations(self) -> list[str]:
        return [each.reason for each in self.events if isinstance(each, ProtocolViolation)]


def read(
    chunks: Iterable[Chunk], secrets: KeyLog | None, *, late: int | None = None, lines: str = ""
) -> Reading:
    """Read a connection; before a datagram that comes late enough, the lines are added to its secrets."""
    found: list[Opened] = []

    class Listens(PacketOpener):
        def open(
            self, is_client: bool, packet: Packet, version: int
        ) -> tuple[bool, Payload | None]:
            known, payload = super().open(is_client, packet, version)
            data = packet.data[packet.start : packet.end]
            found.append(Opened(is_client, packet.type, data, known, payload and payload.data))
            return known, payload

    raised: list[Event] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packets, "PacketOpener", Listens)
        analyzer = QuicAnalyzer(
            secrets=secrets, wanted=ALL_EVENTS, disable_analyzer_after_detection=late is None
        )
        for at, (is_client, datagram) in enumerate(chunks):
            if at == late and secrets is not None:
                secrets.add(lines)
            raised += analyzer.deliver(datagram, is_client)
        raised += analyzer.end()
    return Reading(raised, found)


@cache
def log() -> KeyLog:
    return KeyLog(key_log(STACK).splitlines())


def chunks_of(name: str) -> list[Chunk]:
    return connections(STACK)[name].chunks


@cache
def whole(name: str) -> Reading:
    """A connection of which nothing is missing."""
    return read(chunks_of(name), log())


def needed(name: str) -> set[int]:
    """The datagrams with a hello, or what comes before one; those that follow tell nothing without them."""
    last = 0
    for at, (_, datagram) in enumerate(chunks_of(name)):
        if any(
            p.type in (PacketType.INITIAL, PacketType.RETRY, None) for p in read_packets(datagram)
        ):
            last = at
    return set(range(last + 1))


# The keys


class Known(Secrets):
    """Secrets of which one is known: that of the client's application data."""

    def __init__(self, secret: bytes, cipher_suite: int) -> None:
        super().__init__(KeyLog(), DEFAULT, dtls=False)
        self.version, self.suite = Version.of(TLS13, True), suite(cipher_suite)
        self._secret = secret

    def traffic_secret(self, is_client: bool, level: int) -> bytes | None:
        return self._secret if is_client and level == APPLICATION else None


CHACHA20 = 0x1303
SECRET = bytes.fromhex("9ac312a7f877468ebe69422748ad00a15443f18203a07d6060f688f30f21632b")


@pytest.mark.parametrize(
    ("version", "datagram"),
    [
        (quic.VERSION_1, "4cfe4189655e5cd55c41f69080575d7999c25a5bfb"),
        (quic.VERSION_2, "5558b1c60ae7b6b932bc27d786f4bc2bb20f2162ba"),
    ],
    ids=["RFC 9001 appendix A.5", "RFC 9369 appendix A.5"],
)
def test_the_packet_with_a_short_header_of_the_appendices(version: int, datagram: str) -> None:
    """It has no connection id, the number 654360564, of which three bytes are sent, and a PING."""
    known = Known(SECRET, CHACHA20)
    update = "quicv2 ku" if version == quic.VERSION_2 else "quic ku"
    traffic = TrafficSecrets(known, CLIENT, update)
    assert known.suite is not None
    level = packets._Level(known, known.suite, traffic, APPLICATION, version)
    packet = short_packet(bytes.fromhex(datagram), 0, 0)
    assert level.open(packet) is None  # as the first one it would have another number
    level._expected = 654360564
    assert level.open(packet) == Payload(b"\x01", 4)
    assert level._expected == 654360565
    for at in range(21):
        changed = bytearray(packet.data)
        changed[at] ^= 1
        assert level.open(short_packet(bytes(changed), 0, 0)) is None


def test_the_secret_that_follows_in_rfc_9001_appendix_a5() -> None:
    traffic = TrafficSecrets(Known(SECRET, CHACHA20), CLIENT, "quic ku")
    after = traffic.of(APPLICATION + 1)
    assert after is not None
    assert after.hex() == "1223504755036d556342ee9361d253421a826c9ecdf3c7148684b36b714881f9"


@pytest.mark.parametrize("size", range(21))
def test_a_packet_that_is_too_short_is_not_opened(size: int) -> None:
    opener = PacketOpener(Known(SECRET, CHACHA20))
    packet = short_packet(b"\x40" + bytes(size), 0, 0)
    assert opener.open(CLIENT, packet, quic.VERSION_1) == (True, None)
    assert opener.open(SERVER, packet, quic.VERSION_1) == (False, None)


# Whole


@pytest.mark.parametrize("name", NAMES)
def test_every_packet_is_opened(name: str) -> None:
    """Of both kinds, by both sides, whatever the keys have been updated to."""
    reading = whole(name)
    assert all(each.known and each.payload is not None for each in reading.packets)
    kinds = {(each.is_client, each.type) for each in reading.packets}
    for is_client in (CLIENT, SERVER):
        assert (is_client, PacketType.HANDSHAKE) in kinds
        assert (is_client, PacketType.ONE_RTT) in kinds
    short = [each for each in reading.packets if each.type is PacketType.ONE_RTT]
    assert len(short) >= sum(not read_packets(datagram) for _, datagram in chunks_of(name))
    assert not reading.violations


@pytest.mark.parametrize("name", NAMES)
def test_crypto_frames_of_both_levels_are_read(name: str) -> None:
    messages = whole(name).messages
    for each in (
        (SERVER, Type.encrypted_extensions),
        (SERVER, Type.finished),
        (CLIENT, Type.finished),
    ):
        assert messages.count(each) == 1
    assert (SERVER, Type.new_session_ticket) in messages  # from a 1-RTT packet
    with_certificate = (SERVER, Type.certificate) in messages
    assert with_certificate is ((SERVER, Type.certificate_verify) in messages)


@pytest.mark.parametrize("name", NAMES)
def test_events_without_secrets_come_with_them_too(name: str) -> None:
    assert is_part_of(read(chunks_of(name), None).events, whole(name).events)


# Lost


@pytest.mark.parametrize("name", NAMES)
def test_a_datagram_that_is_lost_costs_the_packets_in_it(name: str) -> None:
    chunks = chunks_of(name)
    for lost in set(range(len(chunks))) - needed(name):
        some = chunks[:lost] + chunks[lost + 1 :]
        reading = read(some, log())
        assert (whole(name).opened - reading.opened).total() == packets_in(name, lost), lost
        assert not reading.opened - whole(name).opened
        assert all(each.payload is not None for each in reading.packets), lost
        assert is_part_of(read(some, None).events, reading.events)


def packets_in(name: str, at: int) -> int:
    """How many Handshake and 1-RTT packets there are in a datagram."""
    _, datagram = chunks_of(name)[at]
    return sum(each.data in datagram for each in whole(name).packets)


@pytest.mark.parametrize("name", MANY_KEY_UPDATES)
def test_many_datagrams_are_lost(name: str) -> None:
    """As long as a packet of each phase survives."""
    chosen = random.Random(name)
    chunks = chunks_of(name)
    for _ in range(20):
        left = [
            chunk
            for at, chunk in enumerate(chunks)
            if at in needed(name) or len(chunk[1]) > 100 or chosen.random() < 0.5
        ]
        reading = read(left, log())
        assert all(each.payload is not None for each in reading.packets)


@pytest.mark.parametrize("name", MANY_KEY_UPDATES)
def test_all_packets_of_a_phase_are_lost(name: str) -> None:
    """The next ones have the same phase bit as those before them, and other keys."""
    chunks = chunks_of(name)
    # A line of the client, in a datagram of its own, begins each phase; with it, it tells that it knows the last one.
    begins = [
        at for at, (_, data) in enumerate(chunks) if len(data) > 100 and at > max(needed(name))
    ]
    begins = [at for at in begins if chunks[at][0]]
    for first, second in pairwise(begins):
        left = chunks[:first] + chunks[second:]
        reading = read(left, log())
        assert all(each.payload is not None for each in reading.packets), first


# Out of order, and repeated


@pytest.mark.parametrize("name", NAMES)
def test_two_datagrams_change_places(name: str) -> None:
    chunks = chunks_of(name)
    for at in range(max(needed(name)) + 1, len(chunks) - 1):
        swapped = [*chunks[:at], chunks[at + 1], chunks[at], *chunks[at + 2 :]]
        reading = read(swapped, log())
        assert reading.opened == whole(name).opened, at
        assert Counter(reading.messages) == Counter(whole(name).messages), at


@pytest.mark.parametrize("name", NAMES)
def test_datagrams_that_come_twice(name: str) -> None:
    """Nothing is told twice of what they hold."""
    reading = read([chunk for chunk in chunks_of(name) for _ in range(2)], log())
    assert all(each.payload is not None for each in reading.packets)
    assert Counter(reading.messages) == Counter(whole(name).messages)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in KEY_UPDATES])
def test_all_datagrams_behind_the_hellos_are_shuffled(name: str) -> None:
    chosen = random.Random(name)
    begin = max(needed(name)) + 1
    rest = chunks_of(name)[begin:]
    chosen.shuffle(rest)
    reading = read(chunks_of(name)[:begin] + rest, log())
    assert reading.opened == whole(name).opened
    assert Counter(reading.messages) == Counter(whole(name).messages)


@pytest.mark.parametrize("name", KEY_UPDATES)
def test_a_packet_of_the_phase_before_comes_late(name: str) -> None:
    chunks = chunks_of(name)
    for at in range(max(needed(name)) + 1, len(chunks)):
        for places in range(1, 5):
            late = [*chunks[:at], *chunks[at + 1 : at + 1 + places], chunks[at]]
            reading = read([*late, *chunks[at + 1 + places :]], log())
            assert reading.opened == whole(name).opened, (at, places)


# Secrets that come late


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("late", range(1, 7))
def test_secrets_come_while_a_connection_runs(name: str, late: int) -> None:
    """What came before them has been held."""
    reading = read(chunks_of(name), KeyLog(), late=late, lines=key_log(STACK))
    assert reading.opened == whole(name).opened
    assert Counter(reading.messages) == Counter(whole(name).messages)
    assert not reading.violations


def test_what_is_held_is_bounded() -> None:
    growing = KeyLog()
    name = NAMES[0]
    analyzers = []
    for _ in range(300):
        analyzer = QuicAnalyzer(secrets=growing, wanted=ALL_EVENTS)
        for is_client, datagram in chunks_of(name):
            analyzer.deliver(datagram, is_client)
        analyzers.append(analyzer)
    held = [analyzer.held for analyzer in analyzers]
    assert sum(size > min(held) for size in held) <= 256
    is_client, datagram = chunks_of(name)[-1]
    for _ in range(1000):
        analyzers[-1].deliver(datagram, is_client)
        assert analyzers[-1].held < 2**16


# Secrets that are of no use


def wrong_secrets() -> KeyLog:
    lines = [line.split() for line in key_log(STACK).splitlines()]
    return KeyLog([f"{label} {key} {secret[::-1]}" for label, key, secret in lines])


@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_key_log_changes_no_event(name: str) -> None:
    """It is told of once for each side: of Handshake packets, which say themselves what they are."""
    reading, base = read(chunks_of(name), wrong_secrets()), read(chunks_of(name), None)
    assert is_part_of(base.events, reading.events)
    assert (
        reading.violations == ["a packet does not authenticate with the secrets that there are"] * 2
    )
    assert reading.messages == base.messages
    assert not reading.opened


@pytest.mark.parametrize("name", NAMES)
def test_another_key_log_changes_nothing(name: str) -> None:
    other = KeyLog(key_log("openssl35").splitlines())
    assert read(chunks_of(name), other).events == read(chunks_of(name), None).events


LABELS = {
    "CLIENT_HANDSHAKE_TRAFFIC_SECRET": (CLIENT, PacketType.HANDSHAKE),
    "SERVER_HANDSHAKE_TRAFFIC_SECRET": (SERVER, PacketType.HANDSHAKE),
    "CLIENT_TRAFFIC_SECRET_0": (CLIENT, PacketType.ONE_RTT),
    "SERVER_TRAFFIC_SECRET_0": (SERVER, PacketType.ONE_RTT),
}


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("name", NAMES)
def test_one_secret_opens_what_it_is_for(name: str, label: str) -> None:
    """And nothing is said against what it is not for."""
    lines = [line for line in key_log(STACK).splitlines() if line.split()[0] == label]
    reading = read(chunks_of(name), KeyLog(lines))
    expected = {each: n for each, n in whole(name).opened.items() if each[:2] == LABELS[label]}
    assert reading.opened == expected
    assert not reading.violations


# Anything else


def test_nothing_raises() -> None:
    """Datagrams that are changed, cut, lost or doubled raise no exception, and the events without secrets."""
    chosen = random.Random(1)
    for name in NAMES * 3:
        chunks: list[Chunk] = []
        for is_client, data in chunks_of(name):
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
                case _:
                    chunks.append((is_client, data))
        raised = read(chunks, log()).events
        assert is_part_of(read(chunks, None).events, raised), name
        assert not [each for each in raised if isinstance(each, events.ReporterError)]


@given(data=st.data())
def test_any_packets_with_short_headers(data: st.DataObject) -> None:
    """They open nothing, and close nothing: what is real is opened behind them."""
    name = data.draw(st.sampled_from(MANY_KEY_UPDATES))
    chunks = chunks_of(name)
    begin = max(needed(name)) + 1
    at = data.draw(st.integers(begin, len(chunks)))
    junk = st.tuples(
        st.booleans(),
        # With the connection id of a real one, so that it is tried.
        st.builds(
            lambda real, first, rest: bytes([0x40 | first]) + real[1:9] + rest,
            st.sampled_from([d for _, d in chunks[begin:]]),
            st.integers(0, 0x3F),
            st.binary(max_size=60),
        ),
    )
    some = data.draw(st.lists(junk, max_size=6))
    reading = read([*chunks[:at], *some, *chunks[at:]], log())
    assert reading.opened == whole(name).opened
