"""TLS behind a cleartext start: where it is found, what it takes, and that other protocols raise nothing."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import events
from events import Analyzer, Event, ProtocolViolation
from events.testing.captures import Chunk, packets, payloads, write
from tlsgrammar.framing import ClientHelloSearch
from tlsgrammar.framing import search as search_module

from .helpers.streams import sslv2_client_hello

DATA = Path(__file__).parent / "data"


def said(name: str) -> list[Chunk]:
    return payloads(DATA / f"{name}.pcap")


TLS = said("tls12-ecdhe-rsa")
HELLO = TLS[0][1]

CLEARTEXT: dict[str, list[Chunk]] = {
    "SMTP": [
        (False, b"220 mail.example ESMTP\r\n"),
        (True, b"EHLO client\r\n"),
        (False, b"250-mail.example\r\n250 STARTTLS\r\n"),
        (True, b"STARTTLS\r\n"),
        (False, b"220 Ready to start TLS\r\n"),
    ],
    "IMAP": [(False, b"* OK\r\n"), (True, b"a STARTTLS\r\n"), (False, b"a OK begin\r\n")],
    "POP3": [(False, b"+OK\r\n"), (True, b"STLS\r\n"), (False, b"+OK begin\r\n")],
    "FTP": [(False, b"220 ftp\r\n"), (True, b"AUTH TLS\r\n"), (False, b"234 go\r\n")],
    "XMPP": [
        (True, b"<stream:stream>"),
        (False, b"<stream:features><starttls/>"),
        (True, b"<starttls/>"),
        (False, b"<proceed/>"),
    ],
    "LDAP": [
        (True, bytes.fromhex("301d02010177188016312e332e362e312e342e312e313436362e3230303337")),
        (False, bytes.fromhex("300c02010178070a010004000400")),
    ],
    "NNTP": [(False, b"200 news\r\n"), (True, b"STARTTLS\r\n"), (False, b"382 go\r\n")],
    "Sieve": [(False, b'"STARTTLS"\r\nOK\r\n'), (True, b"STARTTLS\r\n"), (False, b"OK\r\n")],
    "PostgreSQL": [(True, bytes.fromhex("0000000804d2162f")), (False, b"S")],
    "MySQL": [
        (False, bytes.fromhex("4a0000000a382e302e333600") + bytes(66)),
        (True, bytes.fromhex("200000010dae7f00ffffff00ff") + bytes(23)),
    ],
    "RDP": [
        (True, bytes.fromhex("030000130ee000000000000100080003000000")),
        (False, bytes.fromhex("030000130ed000001234000209080001000000")),
    ],
    "HTTP CONNECT": [
        (True, b"CONNECT server.example:443 HTTP/1.1\r\n\r\n"),
        (False, b"HTTP/1.1 200 OK\r\n\r\n"),
    ],
    "SOCKS 4": [
        (True, bytes.fromhex("040101bbc6336402") + b"me\0"),
        (False, bytes.fromhex("005a000000000000")),
    ],
    "SOCKS 5": [
        (True, bytes.fromhex("050100")),
        (False, bytes.fromhex("0500")),
        (True, bytes.fromhex("0501000301780050")),
        (False, bytes.fromhex("05000001000000000000")),
    ],
    "PROXY v1": [(True, b"PROXY TCP4 192.0.2.1 198.51.100.2 49152 443\r\n")],
    "PROXY v2": [
        (True, bytes.fromhex("0d0a0d0a000d0a515549540a2111000cc0000201c6336402c00001bb")),
    ],
}


def analyze(chunks: Iterable[Chunk], **options: object) -> list[Event]:
    options.setdefault("disable_analyzer_after_detection", False)
    analyzer = Analyzer(**options)  # type: ignore[arg-type]
    out = [event for is_orig, data in chunks for event in analyzer.deliver(data, is_orig)]
    return out + analyzer.end()


def plain(found: Iterable[Event]) -> list[bytes]:
    return [events.json_line(event) for event in found]


@pytest.mark.parametrize("protocol", CLEARTEXT)
def test_the_events_are_those_of_the_tls_behind_it(protocol: str) -> None:
    assert plain(analyze(CLEARTEXT[protocol] + TLS)) == plain(analyze(TLS))


@pytest.mark.parametrize("protocol", CLEARTEXT)
def test_the_cleartext_alone_raises_nothing(protocol: str) -> None:
    assert analyze(CLEARTEXT[protocol] * 3) == []


@pytest.mark.parametrize("protocol", CLEARTEXT)
@pytest.mark.parametrize("mss", [1460, 90])
def test_in_a_capture(protocol: str, mss: int, tmp_path: Path) -> None:
    path = write(tmp_path / "cleartext.pcap", packets(CLEARTEXT[protocol] + TLS, mss=mss))
    found = list(events.read_capture(path, disable_analyzer_after_detection=False))
    assert [e.name for e in found] == [e.name for e in analyze(TLS)]


@pytest.mark.parametrize("name", ["starttls-smtp", "proxy-connect"])
def test_real_sessions(name: str) -> None:
    found = list(events.read_capture(DATA / f"{name}.pcap", disable_analyzer_after_detection=False))
    kinds = [event.name for event in found]
    assert kinds.count("ssl_established") == 1
    assert kinds.count("ssl_client_hello") == 1
    assert "protocol_violation" not in kinds
    assert [e.names for e in found if isinstance(e, events.SslExtensionServerName)] == [
        [b"server.example"]
    ]


def test_the_other_direction_begins_after_the_client_hello() -> None:
    start = CLEARTEXT["SMTP"]
    found = analyze([*start, (True, HELLO), (False, b"550 I know no TLS\r\n")])
    assert isinstance(found[-1], ProtocolViolation)
    assert found[-1].offset == sum(len(data) for is_orig, data in start if not is_orig)


def test_offsets_count_from_the_start_of_the_direction() -> None:
    start = CLEARTEXT["SMTP"]
    before = sum(len(data) for is_orig, data in start if is_orig)
    found = analyze([*start, (True, HELLO), (True, b"\x16\x05\x05\0\0")])
    assert isinstance(found[-1], ProtocolViolation)
    assert found[-1].offset == before + len(HELLO) + 1


def test_a_client_hello_in_several_segments_and_records() -> None:
    body = HELLO[5:]
    parts = [body[:50], body[50:51], body[51:]]
    records = b"".join(b"\x16\x03\x01" + len(p).to_bytes(2, "big") + p for p in parts)
    start = CLEARTEXT["POP3"]
    for size in (1, 7, 100):
        pieces = [(True, records[at : at + size]) for at in range(0, len(records), size)]
        assert plain(analyze([*start, *pieces, *TLS[1:]])) == plain(analyze(TLS))


def test_what_only_looks_like_a_client_hello_does_not_hide_the_real_one() -> None:
    decoy = HELLO[:9] + bytes(len(HELLO) - 9)
    half = HELLO[: len(HELLO) // 2]
    start = [*CLEARTEXT["SMTP"], (True, decoy), (True, half)]
    assert plain(analyze([*start, *TLS])) == plain(analyze(TLS))


def test_not_in_the_middle_of_a_segment() -> None:
    assert analyze([*CLEARTEXT["SMTP"], (True, b"DATA\r\n" + HELLO), *TLS[1:]]) == []


def test_from_the_side_that_did_not_open_the_connection() -> None:
    flipped = [(not is_orig, data) for is_orig, data in TLS]
    start = [(not is_orig, data) for is_orig, data in CLEARTEXT["SMTP"]]
    for chunks in (flipped, start + flipped):
        found = analyze(chunks, wanted=events.known_events())
        assert [e.name for e in found] == [
            e.name for e in analyze(TLS, wanted=events.known_events())
        ]
        hellos = [e for e in found if isinstance(e, events.SslHandshakeMessage) and e.msg_type < 3]
        assert [(e.msg_type, e.is_orig) for e in hellos] == [(1, False), (2, True)]
        algorithms = [e for e in found if isinstance(e, events.SslExtensionSignatureAlgorithm)]
        assert [e.is_client for e in algorithms] == [True]


@pytest.mark.parametrize(("before", "is_found"), [(99, True), (100, False)])
def test_the_limit(before: int, is_found: bool) -> None:
    start = [(True, b"x" * before), (False, b"ok")]
    found = analyze([*start, *TLS], search_limit=100)
    assert bool(found) is is_found


def test_the_limit_by_default() -> None:
    start = [(False, b"ok"), *[(True, b"x" * 1024)] * 64]
    assert analyze([*start, *TLS]) == []
    assert analyze([*start[:-1], *TLS]) != []


def test_no_search() -> None:
    assert analyze([*CLEARTEXT["SMTP"], *TLS], search_limit=0) == []


def test_beyond_the_limit_the_analyzer_has_finished() -> None:
    analyzer = Analyzer(search_limit=1000)
    analyzer.deliver(b"a" * 1000, True)
    assert not analyzer.finished
    analyzer.deliver(b"a" * 1000, False)
    assert analyzer.finished


def test_a_gap_in_the_cleartext() -> None:
    analyzer = Analyzer(disable_analyzer_after_detection=False)
    found = []
    for is_orig, data in CLEARTEXT["SMTP"]:
        found += analyzer.deliver(data, is_orig)
    found += analyzer.gap(True, 10) + analyzer.gap(False, 300)
    for is_orig, data in TLS:
        found += analyzer.deliver(data, is_orig)
    assert plain(found) == plain(analyze(TLS))


def test_a_binary_protocol_that_begins_like_ssl_2() -> None:
    start = [(True, b"\x80\x05\x01hello"), (False, b"\x80\x05\x04hello")]
    assert plain(analyze([*start, *TLS])) == plain(analyze(TLS))


@given(st.lists(st.tuples(st.booleans(), st.binary(min_size=1, max_size=60)), max_size=8))
def test_any_bytes_raise_no_event_that_is_not_tls(chunks: list[Chunk]) -> None:
    found = analyze([(is_orig, b"A" + data) for is_orig, data in chunks])
    assert found == []


@given(cuts=st.lists(st.integers(1, len(HELLO) - 1), max_size=5), seed=st.integers(0, 99))
def test_any_cut_of_the_client_hello(cuts: list[int], seed: int) -> None:
    edges = sorted({0, len(HELLO), *cuts})
    pieces = [(True, HELLO[a:b]) for a, b in itertools.pairwise(edges)]
    start = random.Random(seed).choice(list(CLEARTEXT.values()))
    assert plain(analyze([*start, *pieces, *TLS[1:]])) == plain(analyze(TLS))


def record(fragment: bytes) -> bytes:
    return b"\x16\x03\x01" + len(fragment).to_bytes(2, "big") + fragment


def client_hello(extensions: bytes, claimed: int | None = None) -> bytes:
    """A ClientHello in a record; its list of extensions claims to be as long as it is, if not said otherwise."""
    length = len(extensions) if claimed is None else claimed
    body = b"\3\3" + bytes(32) + b"\0" + b"\0\2\x13\1" + b"\1\0"
    body += length.to_bytes(2, "big") + extensions
    return record(b"\1" + len(body).to_bytes(3, "big") + body)


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often the search has read the header of a record or extension."""
    counts: Counter[str] = Counter()

    def counting(name: str, read: Any) -> Any:
        def counted(data: bytes, at: int) -> Any:
            counts[name] += 1
            return read(data, at)

        return counted

    for name in ("_record_header", "_extension_start"):
        monkeypatch.setattr(search_module, name, counting(name, getattr(search_module, name)))
    return counts


def test_what_may_be_a_client_hello_is_not_waited_for_without_end() -> None:
    search = ClientHelloSearch()
    # A record's worth of nothing, again and again.
    piece = HELLO[:9] + bytes(16)
    for _ in range(20_000):
        assert search.feed(piece) is None
    assert search.over
    assert search.held == 0


@pytest.mark.parametrize(
    "decoy", ["1603ff000001", "160301000401ffffff", "160301400001003ffc", "1603010001"]
)
def test_beginnings_in_beginnings_cost_no_more_than_their_bytes(
    decoy: str, work: Counter[str]
) -> None:
    """Every byte is a segment, in what claims to be a long ClientHello, and nearly every one may begin another."""
    search = ClientHelloSearch()
    feed = HELLO[:5] + b"\x01\0\xff\xf0" + bytes.fromhex(decoy) * 20_000
    assert all(search.feed(feed[at : at + 1]) is None for at in range(len(feed)))
    assert search.over
    assert work["_record_header"] < len(feed)


def test_records_of_one_byte_cost_no_more_than_their_bytes(work: Counter[str]) -> None:
    """Each is a segment, and may begin a ClientHello."""
    search = ClientHelloSearch()
    segments = [record(b"\1")] * 100_000
    assert all(search.feed(segment) is None for segment in segments)
    assert work["_record_header"] < len(segments)
    assert search.held < 2**20


def test_one_failure_is_not_paid_for_by_all_around_it(work: Counter[str]) -> None:
    """ClientHellos in each other, each in a segment of its own, whose lists of extensions end in the same one, which is
    broken: with 14,000 malformed extensions, of which the last is cut short.
    """
    tail = b"\0\x0a\0\0" * 14_000 + b"\0\x0a\0\1"
    heads: list[bytes] = []
    for _ in range(63):
        # One extension holds the heads of those inside; those of the tail come after it.
        covered = b"".join(heads)
        extensions = b"\xff\0" + len(covered).to_bytes(2, "big") + covered + tail
        whole = client_hello(extensions)
        heads.insert(0, whole[: len(whole) - len(covered) - len(tail)])
    segments = [*heads, tail]
    search = ClientHelloSearch(2**17)
    assert all(search.feed(segment) is None for segment in segments)
    assert search.given_up
    size = sum(map(len, segments))
    assert work["_extension_start"] < 3 * size
    assert work["_record_header"] < size


def test_what_claims_to_be_longer_hides_nothing() -> None:
    decoy = b"\x16\x03\x01\x40\x00\x01\x00\x3f\xfc" + bytes(50)
    start = [*CLEARTEXT["SMTP"], (True, decoy)]
    assert plain(analyze([*start, *TLS])) == plain(analyze(TLS))


def test_many_decoys_hide_nothing() -> None:
    """Each of them is a whole message, in a record that begins where a segment does."""
    decoy = HELLO[:9] + bytes(len(HELLO) - 9)
    start = [*CLEARTEXT["SMTP"], *[(True, decoy)] * 200]
    assert plain(analyze([*start, *TLS])) == plain(analyze(TLS))


def test_unfinished_decoys_hide_nothing() -> None:
    decoys = [(True, b"\x16\x03\x01\x3f" + bytes([i]) + b"\x01\x00\x3e\x00") for i in range(250)]
    start = [*CLEARTEXT["SMTP"], *decoys]
    assert plain(analyze([*start, *TLS])) == plain(analyze(TLS))


def test_decoys_in_the_client_hello_hide_nothing() -> None:
    """Each segment of it but the first is one, of which none becomes whole before it."""
    decoy = b"\x16\x03\x01\x3f\x00\x01\x00\x3e\x00"
    padding = decoy * 500
    hello = client_hello(b"\0\x15" + len(padding).to_bytes(2, "big") + padding)
    at = len(hello) - len(padding)
    segments = [hello[:at], *[decoy] * 500]
    chunks = [*CLEARTEXT["SMTP"], *((True, segment) for segment in segments)]
    assert plain(analyze(chunks)) == plain(analyze([(True, hello)]))


def test_what_is_given_up_is_reported_where_tls_is_found() -> None:
    """More are followed at once than there is place for: the oldest gives way."""
    decoys = [(True, b"\x16\x03\x01\x3f\x00\x01\x00\x3e\x00")] * 1030
    found = analyze([*CLEARTEXT["SMTP"], *decoys, *TLS])
    before = sum(len(data) for is_orig, data in CLEARTEXT["SMTP"] + decoys if is_orig)
    assert isinstance(found[0], ProtocolViolation)
    assert (found[0].offset, found[0].is_orig) == (before, True)
    assert found[0].reason == "7 places before it, where a ClientHello may begin, were given up"
    assert plain(found[1:]) == plain(analyze(TLS))
    assert analyze([*CLEARTEXT["SMTP"], *decoys]) == []


# ClientHellos of today


@pytest.mark.parametrize("name", ["modern-x25519mlkem768", "modern-ech"])
@pytest.mark.parametrize("mss", [1460, 536, 100])
def test_hellos_of_today_over_several_segments(name: str, mss: int, tmp_path: Path) -> None:
    for start in ([], CLEARTEXT["SMTP"]):
        path = write(tmp_path / "modern.pcap", packets([*start, *said(name)], mss=mss))
        found = list(events.read_capture(path, wanted=events.known_events()))
        shares = [e.curves for e in found if isinstance(e, events.SslExtensionKeyShare)]
        # X25519MLKEM768 and X25519 are offered, the first is chosen.
        assert shares == [[0x11EC, 29], [0x11EC]]
        encrypted = [e for e in found if isinstance(e, events.SslExtensionEncryptedClientHello)]
        if name == "modern-ech":
            assert [(len(e.enc), e.is_client) for e in encrypted] == [(32, True)]
            assert encrypted[0].payload_length > 100
        else:
            assert encrypted == []
        kinds = [e.name for e in found]
        assert kinds.count("ssl_client_hello") == kinds.count("ssl_server_hello") == 1
        assert kinds[-2:] == ["ssl_established", "ssl_encrypted_data"]
        assert "ssl_probable_encrypted_handshake_message" in kinds


def test_a_banner_before_a_client_hello_in_ssl_2_framing() -> None:
    """The server speaks first, in the clear; then the client begins with TLS at its first byte."""
    hello = sslv2_client_hello(0x0303, [0x00C02F])
    answer = next(index for index, (is_orig, _) in enumerate(TLS) if not is_orig)
    chunks = [(True, hello), *TLS[answer:]]
    assert plain(analyze([(False, b"hello, who is there?"), *chunks])) == plain(analyze(chunks))


def test_a_banner_before_a_client_hello() -> None:
    assert plain(analyze([(False, b"hello, who is there?"), *TLS])) == plain(analyze(TLS))


@pytest.mark.parametrize("beginning", [b"\r\n", b"S", b"hello"])
def test_a_short_beginning_of_unknown_sides_hides_nothing(beginning: bytes) -> None:
    for gap in (0, 100):
        analyzer = events.Analyzer(originator_is_guess=True)
        analyzer.deliver(beginning, is_orig=True)
        analyzer.gap(True, gap)
        found = [e for is_orig, data in TLS for e in analyzer.deliver(data, is_orig)]
        assert "ssl_client_hello" in {event.name for event in found}


@pytest.mark.parametrize("protocol", CLEARTEXT)
def test_without_a_syn_the_client_is_the_originator(protocol: str, tmp_path: Path) -> None:
    """Whichever side sent the first packet that was captured."""
    for start in (CLEARTEXT[protocol], CLEARTEXT[protocol][1:]):
        path = write(tmp_path / "late.pcap", packets([*start, *TLS], syn=False))
        found = list(events.read_capture(path, disable_analyzer_after_detection=False))
        assert [e.name for e in found] == [e.name for e in analyze(TLS)]
        assert {(e.c.orig_p, e.c.resp_p) for e in found} == {(49152, 443)}
        hellos = [e for e in found if isinstance(e, events.SslHandshakeMessage) and e.msg_type < 3]
        assert [(e.msg_type, e.is_orig) for e in hellos] == [(1, True), (2, False)]


@pytest.mark.parametrize(
    "path", sorted((DATA / "other").glob("*.pcap")), ids=lambda path: path.stem
)
def test_other_protocols_raise_nothing(path: Path) -> None:
    """HTTP and SMTP that carry TLS records in what they transport, and QUIC."""
    found = list(
        events.read_capture(
            path, wanted=events.known_events(), disable_analyzer_after_detection=False
        )
    )
    assert found == []
