"""DTLS: records of every shape, messages from fragments in any order, what was lost and sent again, and what stands
between; on what real stacks said, and on bytes made with the grammar for what they do not say.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import events
import tlsgrammar
from events import DatagramAnalyzer, Event, ProtocolViolation
from events.testing.captures import Chunk, Ends, datagram_frame, datagrams, write
from tlsgrammar import dtls
from tlsgrammar.framing import is_dtls, read_records
from tlsgrammar.names import ContentType

from .helpers.datagrams import DATA, analyze, fragment, hello_body, record, said

CAPTURES = sorted(path.stem for path in DATA.glob("*.pcap"))
ALL = events.known_events()

STUN = bytes.fromhex("000100002112a442") + bytes(12)
TURN = bytes.fromhex("40000004") + bytes(4)
RTP = bytes.fromhex("8060000000000001deadbeef") + bytes(160)


def names(found: Iterable[Event]) -> list[str]:
    return [event.name for event in found]


def count(found: Iterable[Event], name: str) -> int:
    return names(found).count(name)


# Bytes that are made


def whole(msg_type: int, body: bytes, seq: int = 0) -> bytes:
    return record("handshake", fragment(msg_type, body, 0, len(body), seq))


SUPPORTED_DTLS13 = (43, bytes.fromhex("02fefc"))
SELECTED_DTLS13 = (43, bytes.fromhex("fefc"))


# What real stacks said


@pytest.mark.parametrize("name", CAPTURES)
def test_a_real_handshake_is_established_once_and_read_without_violation(name: str) -> None:
    found = analyze(said(name))
    assert count(found, "ssl_established") == 1
    assert count(found, "protocol_violation") == 0
    assert count(found, "ssl_client_hello") >= 1
    assert count(found, "ssl_server_hello") >= 1
    established = names(found).index("ssl_established")
    assert found[established + 1].name == "ssl_encrypted_data"


@pytest.mark.parametrize("name", [n for n in CAPTURES if not n.startswith("dtls13")])
def test_up_to_dtls_1_2_both_change_to_encryption(name: str) -> None:
    found = analyze(said(name))
    sides = [e.is_orig for e in found if isinstance(e, events.SslChangeCipherSpec)]
    assert set(sides) == {True, False}
    assert count(found, "ssl_server_curve") == 1
    assert {e.version for e in found if isinstance(e, events.SslServerHello)} == {
        0xFEFF if name.startswith("dtls10") else 0xFEFD
    }


@pytest.mark.parametrize("name", [n for n in CAPTURES if n.startswith("dtls13")])
def test_dtls_1_3(name: str) -> None:
    found = analyze(said(name), wanted=ALL)
    versions = [e.versions for e in found if isinstance(e, events.SslExtensionSupportedVersions)]
    assert [0xFEFC] in versions
    encrypted = [e for e in found if isinstance(e, events.SslEncryptedData)]
    assert {e.content_type for e in encrypted} == {23}
    assert {e.is_orig for e in encrypted} == {True, False}
    assert count(found, "ssl_probable_encrypted_handshake_message") == 0
    # The HelloRetryRequest is a ServerHello too.
    assert count(found, "ssl_server_hello") >= 2


def test_connection_ids_of_dtls_1_3() -> None:
    found = analyze(said("dtls13-wolfssl-cid"), wanted=ALL)
    cids = [e.cid for e in found if isinstance(e, events.SslExtensionConnectionId)]
    assert cids == [b"id", b"id", b"id"]
    without = analyze(said("dtls13-wolfssl"))
    assert count(found, "ssl_encrypted_data") == count(without, "ssl_encrypted_data")


def test_a_client_says_hello_again_with_the_cookie() -> None:
    found = analyze(said("dtls12-openssl-cookie"))
    types = [e.msg_type for e in found if isinstance(e, events.SslHandshakeMessage)]
    assert types[:4] == [1, 3, 1, 2]
    hellos = [e for e in found if isinstance(e, events.SslClientHello)]
    assert hellos[0].client_random == hellos[1].client_random


def test_what_was_sent_again_is_reported_again_where_it_is_whole() -> None:
    found = analyze(said("dtls12-gnutls-loss"))
    types = [
        e.msg_type for e in found if isinstance(e, events.SslHandshakeMessage) and not e.is_orig
    ]
    # The server's flight was sent three times: the certificate in fragments, the rest whole.
    assert types.count(2) == 3
    assert types.count(11) == 1
    assert types.count(14) == 3


@pytest.mark.parametrize("name", CAPTURES)
def test_the_default_mode_ends_with_the_record_that_establishes(name: str) -> None:
    whole_events = analyze(said(name))
    found = analyze(said(name), disable_analyzer_after_detection=True)
    assert found == whole_events[: names(whole_events).index("ssl_established") + 2]


@pytest.mark.parametrize("name", ["dtls12-openssl-fragments", "dtls12-gnutls-fragments"])
def test_datagrams_of_a_flight_in_any_order(name: str) -> None:
    chunks = said(name)
    flights: list[list[Chunk]] = []
    for chunk in chunks:
        if not flights or flights[-1][0][0] != chunk[0]:
            flights.append([])
        flights[-1].append(chunk)
    # What a ServerKeyExchange holds is not known before the ServerHello.
    wanted = {event.name for event in events.DOCUMENTED} - {"ssl_server_curve"}
    expected = sorted(map(events.json_line, analyze(chunks, wanted=wanted)))
    # The last two flights change to encryption, which is an order.
    for seed in range(20):
        shuffled = [random.Random(seed).sample(f, len(f)) for f in flights[:-3]] + flights[-3:]
        found = analyze([chunk for flight in shuffled for chunk in flight], wanted=wanted)
        assert sorted(map(events.json_line, found)) == expected


@pytest.mark.parametrize("name", CAPTURES)
def test_other_datagrams_in_between_change_nothing(name: str) -> None:
    chunks = said(name)
    between = [
        piece
        for index, chunk in enumerate(chunks)
        for piece in (((index % 2) == 0, (STUN, TURN, RTP)[index % 3]), chunk)
    ]
    assert [events.json_line(e) for e in analyze(between)] == [
        events.json_line(e) for e in analyze(chunks)
    ]


@pytest.mark.parametrize("name", CAPTURES)
def test_any_loss_raises_nothing_that_did_not_happen(name: str) -> None:
    chunks = said(name)
    everything = {
        events.json_line(e) for e in analyze(chunks) if not isinstance(e, ProtocolViolation)
    }
    for lost in range(len(chunks)):
        found = analyze(chunks[:lost] + chunks[lost + 1 :])
        assert {
            events.json_line(e) for e in found if not isinstance(e, ProtocolViolation)
        } <= everything


@pytest.mark.parametrize("name", CAPTURES)
def test_a_capture(name: str) -> None:
    found = list(events.read_capture(DATA / f"{name}.pcap", disable_analyzer_after_detection=False))
    assert names(found) == names(analyze(said(name)))
    assert {(e.c.proto, e.c.orig_h, e.c.orig_p) for e in found} == {("udp", "192.0.2.1", 49152)}


# What is made


BODY = hello_body("client_hello", (0, bytes.fromhex("0008000005612e62 2e63".replace(" ", ""))))


@given(
    cuts=st.lists(st.integers(0, len(BODY)), max_size=8),
    order=st.randoms(use_true_random=False),
    together=st.booleans(),
)
def test_fragments_of_any_size_in_any_order(
    cuts: list[int], order: random.Random, together: bool
) -> None:
    edges = sorted({0, len(BODY), *cuts})
    pieces = [fragment(1, BODY, a, b) for a, b in itertools.pairwise(edges)]
    # Some overlap, some come twice.
    pieces += [fragment(1, BODY, max(a - 3, 0), min(a + 5, len(BODY))) for a in cuts]
    order.shuffle(pieces)
    content = (
        [record("handshake", b"".join(pieces))]
        if together
        else [record("handshake", p) for p in pieces]
    )
    found = analyze((True, data) for data in content)
    hellos = count(found, "ssl_client_hello")
    # Once from fragments; and once for each time that it came whole.
    wholes = sum(len(piece) == 12 + len(BODY) for piece in pieces)
    assert hellos in {wholes, wholes + 1} - {0}
    assert analyze([(True, whole(1, BODY))])[:4] == found[:4]


def test_a_message_whole_again_raises_again_and_its_fragments_do_not() -> None:
    first, second = fragment(1, BODY, 0, 20), fragment(1, BODY, 20, len(BODY))
    chunks = [(True, record("handshake", piece)) for piece in (second, first, first, second)]
    assert count(analyze(chunks), "ssl_client_hello") == 1
    assert count(analyze([*chunks, (True, whole(1, BODY))]), "ssl_client_hello") == 2


def test_a_message_is_reported_without_waiting_for_the_one_before_it() -> None:
    found = analyze([(False, whole(2, hello_body("server_hello"), seq=5))])
    assert names(found)[-2:] == ["ssl_server_hello", "ssl_handshake_message"]


def test_several_records_and_messages_in_a_datagram() -> None:
    both = fragment(2, hello_body("server_hello"), 0, 999) + fragment(14, b"", 0, 0, seq=1)
    datagram = record("handshake", both) + record("alert", b"\x01\x00")
    assert names(analyze([(False, datagram)])) == [
        "ssl_server_hello",
        "ssl_handshake_message",
        "ssl_handshake_message",
        "ssl_alert",
    ]


def test_an_empty_record_says_nothing() -> None:
    assert analyze([(True, record("handshake", b"") + record("alert", b"", epoch=1))]) == []


def test_established_needs_a_change_from_both_sides() -> None:
    hellos = [(True, whole(1, BODY)), (False, whole(2, hello_body("server_hello")))]
    ccs, data = record("change_cipher_spec", b"\x01"), record("handshake", b"x" * 40, epoch=1)
    found = analyze([*hellos, (True, ccs + data), (False, data), (False, ccs), (True, data)])
    assert names(found)[-6:] == [
        "ssl_change_cipher_spec",
        "ssl_encrypted_data",
        "ssl_encrypted_data",
        "ssl_change_cipher_spec",
        "ssl_established",
        "ssl_encrypted_data",
    ]


def unified(payload: bytes, *, cid: bytes = b"", short: bool = False, length: bool = True) -> bytes:
    value = {
        "unified_hdr": {
            "connection_id_present": bool(cid),
            "sequence_number_is_uint16": not short,
            "length_present": length,
            "epoch": 2,
        },
        "connection_id": cid,
        "sequence_number": 9,
        "encrypted_record": payload,
    }
    return tlsgrammar.build(dtls.DTLSCiphertext, value, cid_length=len(cid))


@pytest.mark.parametrize("short", [False, True])
@pytest.mark.parametrize("cid", [b"", b"\xaa\xbb\xcc"])
def test_unified_headers(short: bool, cid: bytes) -> None:
    own = (54, bytes([len(cid)]) + cid)
    other = (54, b"\x00")
    hellos = [
        (True, whole(1, hello_body("client_hello", SUPPORTED_DTLS13, own))),
        (False, whole(2, hello_body("server_hello", SELECTED_DTLS13, other))),
    ]
    datagram = unified(bytes(40), cid=cid, short=short) + unified(
        bytes(33), cid=cid, short=short, length=False
    )
    found = analyze([*hellos, (False, datagram), (True, unified(bytes(20)))])
    encrypted = [e for e in found if isinstance(e, events.SslEncryptedData)]
    assert [(e.is_orig, e.content_type, e.length) for e in encrypted] == [
        (False, 23, 40),
        (False, 23, 33),
        (True, 23, 20),
    ]
    assert names(found)[-2:] == ["ssl_established", "ssl_encrypted_data"]


def test_a_unified_header_before_dtls_1_3_is_no_dtls() -> None:
    hellos = [(True, whole(1, BODY)), (False, whole(2, hello_body("server_hello")))]
    assert analyze([*hellos, (False, unified(bytes(40)))]) == analyze(hellos)


def test_connection_ids_of_dtls_1_2() -> None:
    hellos = [
        (True, whole(1, hello_body("client_hello", (54, b"\x02AB")))),
        (False, whole(2, hello_body("server_hello", (54, b"\x03XYZ")))),
    ]

    def with_cid(cid: bytes) -> bytes:
        value = {
            "type": "tls12_cid",
            "version": 0xFEFD,
            "epoch": 1,
            "sequence_number": 1,
            "cid": cid,
            "fragment": bytes(50),
        }
        return tlsgrammar.build(dtls.DTLSPlaintext, value, cid_length=len(cid))

    ccs = record("change_cipher_spec", b"\x01")
    found = analyze([*hellos, (True, ccs + with_cid(b"XYZ")), (False, ccs + with_cid(b"AB") * 2)])
    encrypted = [e for e in found if isinstance(e, events.SslEncryptedData)]
    assert [(e.is_orig, e.content_type, e.length) for e in encrypted] == [
        (True, 25, 50),
        (False, 25, 50),
        (False, 25, 50),
    ]


def test_a_client_hello_without_a_cookie_field_is_malformed() -> None:
    value = tlsgrammar.parse(tlsgrammar.ClientHello, BODY, dtls=True)
    assert value.cookie == b"biscuit"
    assert tlsgrammar.build(tlsgrammar.ClientHello, value, dtls=True) == BODY
    with pytest.raises(tlsgrammar.GrammarError, match=r"ClientHello\.cookie, offset 35: nothing"):
        tlsgrammar.build(tlsgrammar.ClientHello, value)
    over_a_stream = tlsgrammar.build(tlsgrammar.ClientHello, {**value, "cookie": None})
    assert len(over_a_stream) == len(BODY) - 8
    assert tlsgrammar.parse(tlsgrammar.ClientHello, over_a_stream).cookie is None


# What is wrong


def test_what_follows_a_record_and_is_none_is_reported_with_its_offset() -> None:
    hello = whole(1, BODY)
    found = analyze([(True, hello), (True, hello + b"\x16\xfe\xfd")])
    assert isinstance(found[-1], ProtocolViolation)
    assert found[-1].offset >= 2 * len(hello)


@pytest.mark.parametrize(
    ("piece", "reason"),
    [
        (fragment(1, BODY, 0, 20)[:-3], "announced"),
        (fragment(1, BODY, 0, 20)[:7], "within a header"),
        (
            fragment(1, BODY, 0, 20)[:1] + b"\0\0\x05" + fragment(1, BODY, 0, 20)[4:],
            "of a message of",
        ),
        (b"\x01\x20\x00\x00" + fragment(1, BODY, 0, 20)[4:], "waited for"),
    ],
)
def test_a_broken_fragment(piece: bytes, reason: str) -> None:
    # The record after it is read all the same.
    found = analyze([(True, record("handshake", piece)), (True, whole(1, BODY))])
    assert isinstance(found[0], ProtocolViolation)
    assert reason in found[0].reason
    assert count(found, "ssl_client_hello") == 1


def test_a_malformed_message_costs_itself() -> None:
    found = analyze(
        [(True, record("handshake", fragment(1, BODY[:30], 0, 30) + fragment(14, b"", 0, 0, 1)))]
    )
    assert names(found) == [
        "ssl_handshake_message",
        "protocol_violation",
        "ssl_handshake_message",
    ]


def test_messages_that_never_become_whole_are_reported() -> None:
    chunks = [(True, record("handshake", fragment(1, BODY, 0, 20)))]
    found = analyze(chunks)
    assert [e.name for e in found] == ["protocol_violation"]


def test_fragments_without_end_do_not_grow_the_memory() -> None:
    analyzer = DatagramAnalyzer()
    body = bytes(2**18)
    lost = 0
    for seq in range(60000 // 12):
        piece = fragment(11, body, 0, 1200, seq)
        lost += count(analyzer.deliver(record("handshake", piece), False), "protocol_violation")
    assert lost > 0
    assert analyzer._responder.fragments._held <= 2**22 + 1200


@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=80)), max_size=6))
def test_any_bytes(chunks: list[Chunk]) -> None:
    analyze(chunks, wanted=ALL)


@given(st.data())
def test_any_damage(data: st.DataObject) -> None:
    chunks = said(data.draw(st.sampled_from(CAPTURES)))
    for _ in range(data.draw(st.integers(1, 4))):
        index = data.draw(st.integers(0, len(chunks) - 1))
        is_orig, payload = chunks[index]
        at = data.draw(st.integers(0, len(payload) - 1))
        byte = data.draw(st.binary(min_size=1, max_size=3))
        chunks[index] = (is_orig, payload[:at] + byte + payload[at + 1 :])
    analyze(chunks, wanted=ALL)


@pytest.mark.parametrize("datagram", [STUN, TURN, RTP, b"\x16", b"\x17\xfe\xfd" + bytes(8)])
def test_what_is_no_dtls(datagram: bytes) -> None:
    assert not is_dtls(datagram)
    assert analyze([(True, datagram)] * 3) == []


def test_records_read_back() -> None:
    datagram = record("alert", b"\x02\x28", version=0xFEFF) + record("handshake", b"abc", epoch=3)
    records, error = read_records(datagram)
    assert error is None
    assert [(r.type, r.version, r.epoch, r.fragment) for r in records] == [
        (ContentType.alert, 0xFEFF, 0, b"\x02\x28"),
        (ContentType.handshake, 0xFEFD, 3, b"abc"),
    ]
    assert [datagram[r.fragment_offset :][:2] for r in records] == [b"\x02\x28", b"ab"]


# In captures


def test_the_first_datagram_tells_the_originator(tmp_path: Path) -> None:
    hellos = [(True, whole(1, BODY)), (False, whole(2, hello_body("server_hello")))]
    ends = Ends(orig_p=1111, resp_p=2222)
    for chunks, originator in (
        (hellos, 1111),
        (hellos[::-1], 1111),
        ([(False, STUN), *hellos], 2222),
    ):
        path = write(tmp_path / "flow.pcap", datagrams(chunks, ends=ends))
        found = list(events.read_capture(path))
        assert {e.c.orig_p for e in found} == {originator}
        assert count(found, "ssl_client_hello") == 1


def test_flows_are_told_apart_and_other_udp_raises_nothing(tmp_path: Path) -> None:
    chunks = said("dtls12-openssl")
    one = datagrams(chunks)
    other = datagrams(chunks, ends=Ends(orig_h="2001:db8::1", resp_h="2001:db8::2"))
    dns = [
        (
            1.7e9 + i,
            datagram_frame(Ends(orig_p=5000 + i, resp_p=53), True, bytes([20 + i % 40] * 30)),
        )
        for i in range(200)
    ]
    path = write(tmp_path / "mixed.pcap", sorted(one + other + dns))
    found = list(events.read_capture(path))
    alone = names(events.read_capture(write(tmp_path / "one.pcap", one)))
    for host in ("192.0.2.1", "2001:db8::1"):
        assert names(e for e in found if e.c.orig_h == host) == alone
    assert {e.c.orig_h for e in found} == {"192.0.2.1", "2001:db8::1"}


def test_udp_padding_is_not_read(tmp_path: Path) -> None:
    frames = [(ts, data + b"\x16\xfe\xfd" * 5) for ts, data in datagrams(said("dtls12-openssl"))]
    found = list(events.read_capture(write(tmp_path / "padded.pcap", frames)))
    assert count(found, "protocol_violation") == 0
    assert count(found, "ssl_established") == 1


def test_old_flows_are_dropped() -> None:
    from events.capture.clock import Clock
    from events.capture.datagrams import DatagramFlows
    from events.capture.headers import Decoder

    clock = Clock()
    flows = DatagramFlows(events.Options(), clock, pytest.fail)
    decoder = Decoder(1)
    for index in range(5000):
        ts = index * 10.0
        frame = datagram_frame(Ends(orig_p=1024 + index), True, b"what is this")
        segment = decoder.decode(frame, ts)
        assert segment is not None
        if clock.tick(ts):
            assert not any(found for _, found in flows.expired())
        flows.datagram(segment, ts, [])
    assert len(flows._flows) < 100
