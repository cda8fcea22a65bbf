"""How long connections and flows are kept, how much they hold, and which of them give way."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import dpkt
import pytest

from events import Event, Options, ProtocolViolation
from events.capture import connections, datagrams, flows
from events.capture.clock import Clock
from events.capture.connections import Connections
from events.capture.datagrams import DatagramFlows
from events.capture.headers import Decoder
from events.capture.lots import LOTS
from events.testing.captures import Ends, datagram_frame, frame, payloads

from .helpers.streams import names

DATA = Path(__file__).parent / "data"
TLS = payloads(DATA / "tls12-ecdhe-rsa.pcap")
DTLS = payloads(DATA / "dtls" / "dtls12-openssl.pcap")
QUIC = payloads(sorted((DATA / "quic").glob("*.pcap"))[0])
HELLO = TLS[0][1]
FIN, SYN, RST, ACK = dpkt.tcp.TH_FIN, dpkt.tcp.TH_SYN, dpkt.tcp.TH_RST, dpkt.tcp.TH_ACK


@pytest.fixture(autouse=True)
def one_lot(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that is counted here is in one lot."""
    for module in (connections, datagrams):
        monkeypatch.setattr(module, "lot_of", lambda key: 5)


class Tcp:
    """Connections, their clock, and the packets of several clients, told apart by their ports."""

    def __init__(self, **choices: object) -> None:
        self.clock = Clock()
        self.kept = Connections(Options(**choices), self.clock)  # type: ignore[arg-type]
        self.events: list[Event] = []
        self._decode = Decoder(1).decode

    def send(self, port: int, is_orig: bool, seq: int, flags: int, data: bytes = b"") -> None:
        raw = frame(Ends(orig_p=port), is_orig, seq, 5001 if is_orig else 1001, flags, data)
        segment = self._decode(raw, self.clock.now)
        assert segment is not None
        self.kept.segment(segment, self.clock.now, self.events)

    def silent(self, port: int) -> None:
        self.send(port, True, 1000, SYN)

    def speaking(self, port: int) -> None:
        self.silent(port)
        self.send(port, True, 1001, ACK, HELLO)

    def over(self, port: int) -> None:
        self.speaking(port)
        self.send(port, True, 1001 + len(HELLO), RST)

    def after(self, seconds: float) -> int:
        """How many are kept, so long after now."""
        self.clock.now += seconds
        self.events += [event for _, late in self.kept.expired() for event in late]
        return len(self.kept)


class Udp:
    """Likewise, flows."""

    def __init__(self, on_missing: Callable[[str], None] = pytest.fail, **choices: object) -> None:
        self.clock = Clock()
        options = Options(**choices)  # type: ignore[arg-type]
        self.kept = DatagramFlows(options, self.clock, on_missing)
        self.events: list[Event] = []
        self._decode = Decoder(1).decode

    def send(self, port: int, data: bytes, is_orig: bool = True) -> None:
        segment = self._decode(datagram_frame(Ends(orig_p=port), is_orig, data), 0.0)
        assert segment is not None
        self.kept.datagram(segment, self.clock.now, self.events)

    def unknown(self, port: int) -> None:
        self.send(port, b"what is it?")

    def speaking(self, port: int) -> None:
        self.send(port, DTLS[0][1])

    def after(self, seconds: float) -> int:
        self.clock.now += seconds
        self.events += [event for _, late in self.kept.expired() for event in late]
        return len(self.kept)


@pytest.mark.parametrize(
    ("kind", "seconds", "in_a_crowd"),
    [("speaking", 3600, 600), ("silent", 150, 10), ("over", 60, 10)],
)
def test_how_long_a_connection_is_kept(
    kind: str, seconds: int, in_a_crowd: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After its last packet; less long among very many."""
    for crowd, idle in ((100_000, seconds), (3, in_a_crowd)):
        monkeypatch.setattr(flows, "_CROWD", crowd)
        tcp = Tcp()
        for port in (1, 2, 3):
            getattr(tcp, kind)(port)
        assert tcp.after(idle) == 3
        getattr(tcp, kind)(1)
        # Fewer are no crowd any more.
        assert tcp.after(0.5) == (1 if crowd > 3 else 2)
        assert crowd == flows._CROWD


@pytest.mark.parametrize(
    ("kind", "seconds", "in_a_crowd"), [("speaking", 3600, 600), ("unknown", 150, 10)]
)
def test_how_long_a_flow_is_kept(
    kind: str, seconds: int, in_a_crowd: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for crowd, idle in ((100_000, seconds), (3, in_a_crowd)):
        monkeypatch.setattr(flows, "_CROWD", crowd)
        udp = Udp()
        for port in (1, 2, 3):
            getattr(udp, kind)(port)
        assert udp.after(idle) == 3
        getattr(udp, kind)(1)
        assert udp.after(0.5) == (1 if crowd > 3 else 2)


def test_a_crowd() -> None:
    """In each lot its part of 100,000."""
    assert flows._CROWD == 100_000 // 64 == 100_000 // LOTS


def test_a_connection_that_has_nothing_more_to_say_is_kept_as_long_as_others() -> None:
    """Until it ends; then for a minute."""
    tcp = Tcp()
    established = iter(TLS)
    seqs = {True: 1001, False: 5001}
    tcp.silent(1)
    while "ssl_established" not in names(tcp.events):
        is_orig, data = next(established)
        tcp.send(1, is_orig, seqs[is_orig], ACK, data)
        seqs[is_orig] += len(data)
    said = list(tcp.events)
    assert tcp.after(3000) == 1
    tcp.send(1, True, seqs[True], FIN | ACK)
    assert tcp.after(60) == 1
    assert tcp.after(0.5) == 0
    assert tcp.events == said


def test_how_many_connections_without_bytes_are_kept() -> None:
    tcp = Tcp(silent_limit=3 * LOTS)
    for port in range(1, 6):
        tcp.silent(port)
    assert len(tcp.kept) == 3
    for port in range(10, 15):
        tcp.over(port)
    # Each of these began as one without bytes, which took a place.
    assert len(tcp.kept) == 2 + 3


def test_how_many_flows_without_anything_known_are_kept() -> None:
    udp = Udp(silent_limit=3 * LOTS)
    for port in range(1, 6):
        udp.unknown(port)
    assert len(udp.kept) == 3
    for port in range(10, 15):
        udp.speaking(port)
    assert len(udp.kept) == 2 + 5


# What they hold


def test_what_a_connection_holds() -> None:
    """About: a constant for itself and for what reads it; what waits, piece by piece."""
    tcp = Tcp()
    assert tcp.kept.held() == 0
    tcp.silent(1)
    assert tcp.kept.held() == 1000
    tcp.send(1, True, 1501, ACK, bytes(300))
    assert tcp.kept.held() == 1000 + 300 + 200
    tcp.send(1, True, 2001, ACK, bytes(20))
    assert tcp.kept.held() == 1000 + 300 + 200 + 20 + 200
    tcp.speaking(2)
    assert tcp.kept.held() == 1000 + 300 + 200 + 20 + 200 + 1000 + 1000


def test_what_a_flow_holds() -> None:
    udp = Udp()
    assert udp.kept.held() == 0
    udp.unknown(1)
    assert udp.kept.held() == 800
    udp.speaking(2)
    assert udp.kept.held() == 800 + 800 + 2000


def test_which_connection_gives_way() -> None:
    """One that is over, then one that has said nothing, then the others; of each kind, the one that is silent longest."""
    tcp = Tcp()
    tcp.speaking(1)
    tcp.silent(2)
    tcp.over(3)
    tcp.speaking(4)
    tcp.silent(5)
    sizes = []
    while size := tcp.kept.give_way("no more room", tcp.events):
        sizes.append(size)
    assert sizes == [2000, 1000, 1000, 2000, 2000]
    told = [event.c.orig_p for event in tcp.events if isinstance(event, ProtocolViolation)]
    assert told == [3, 1, 4]
    assert len(tcp.kept) == tcp.kept.held() == 0


def test_which_flow_gives_way() -> None:
    udp = Udp()
    udp.speaking(1)
    udp.unknown(2)
    udp.speaking(3)
    udp.unknown(4)
    sizes = []
    while size := udp.kept.give_way("no more room", udp.events):
        sizes.append(size)
    assert sizes == [800, 800, 2800, 2800]
    told = [event.c.orig_p for event in udp.events if isinstance(event, ProtocolViolation)]
    assert told == [1, 3]


def test_what_cannot_be_read_without_a_library_is_told_of_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever flow it is in; others are read."""
    monkeypatch.setitem(sys.modules, "events.quic", None)  # it cannot be imported
    told: list[str] = []
    udp = Udp(on_missing=told.append)
    for port in (1, 1, 2):
        udp.send(port, QUIC[0][1])
        udp.send(port, b"\x40" + bytes(30))
    assert len(told) == 1
    assert udp.events == []
    udp.speaking(1)
    assert "ssl_client_hello" in names(udp.events)


@pytest.mark.parametrize(("size", "is_much"), [(2**16 - 200, False), (2**16 - 199, True)])
def test_what_a_connection_holds_is_of_interest_from_64_kb_on(size: int, is_much: bool) -> None:
    tcp = Tcp(connection_limit=1)
    tcp.silent(1)
    tcp.send(1, True, 1501, ACK, bytes(size // 2))
    tcp.send(1, True, 1501 + size // 2, ACK, bytes(size - size // 2 - 200))
    [side] = [each for each in tcp.kept._sides.values() if each.flow.first is each]
    assert side.stream.held == (0 if is_much else size + 200)


def test_a_client_hello_with_another_random_begins_another_connection() -> None:
    """Of DTLS, once the handshake before it is over."""
    udp = Udp()
    for is_orig, data in DTLS:
        udp.send(1, data, is_orig)
    udp.clock.now = 2.0
    hello = DTLS[0][1]
    udp.send(1, hello[:30] + bytes([hello[30] ^ 1]) + hello[31:])
    first, *_, last = [event for event in udp.events if event.name == "ssl_client_hello"]
    assert first.c.uid != last.c.uid
    assert (first.c.start_time, last.c.start_time, last.ts) == (0.0, 2.0, 2.0)
