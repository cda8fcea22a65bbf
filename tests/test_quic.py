"""QUIC: the vectors of the RFCs, real connections by three stacks, and what becomes of packets that are lost, come twice,
late, or are not QUIC.
"""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import dpkt
import msgspec
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given, settings
from hypothesis import strategies as st

import events
import tlsgrammar
from events import ProtocolViolation, QuicAnalyzer
from events.secrets.initial import ConnectionKeys, InitialKeys, initial_keys, is_answer_to
from events.testing.captures import Chunk, Ends, datagrams, payloads, write
from events.testing.quic import talk
from tlsgrammar import GrammarError, names, quic
from tlsgrammar.framing.packets import read_frames, read_packets, truncated_packet_number
from tlsgrammar.language.strategies import values

from .helpers.quic import CLIENT_CID, analyze, configurations, crypto, initial
from .helpers.streams import client_hello

ROOT = Path(__file__).parent.parent
DATA = Path(__file__).parent / "data" / "quic"
CAPTURES = sorted(DATA.glob("*.pcap"))
ALL = frozenset(events.known_events())


def said(name: str) -> list[Chunk]:
    return payloads(DATA / f"{name}.pcap")


def of_tls(found: Iterable[events.Event]) -> list[events.Event]:
    """The events of messages; not those of packets, nor of what becomes of the connection."""
    left_out = ("QUIC::", "ssl_established", "protocol_violation")
    return [
        event
        for event in found
        if not event.name.startswith(left_out)
        and not (isinstance(event, events.SslStructure) and event.structure.endswith("Packet"))
    ]


def without_names(found: Iterable[events.Event]) -> list[str]:
    """Events of messages in words, without the name of their connection, which is made from what was seen first."""
    return [repr(msgspec.structs.replace(e, c=events.Connection())) for e in of_tls(found)]


def named(found: Iterable[events.Event], name: str) -> list[Any]:
    return [event for event in found if event.name == name]


# Vectors


def test_the_client_initial_of_rfc_9001_appendix_a2() -> None:
    crypto = bytes.fromhex(
        "060040f1010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e868"
        "04fe3a47f06a2b69484c00000413011302010000c000000010000e00000b6578"
        "616d706c652e636f6dff01000100000a00080006001d00170018001000070005"
        "04616c706e000500050100000000003300260024001d00209370b2c9caa47fba"
        "baf4559fedba753de171fa71f50f1ce15d43e994ec74d748002b000302030400"
        "0d0010000e0403050306030203080408050806002d00020101001c0002400100"
        "3900320408ffffffffffffffff05048000ffff07048000ffff08011001048000"
        "75300901100f088394c8f03e51570806048000ffff"
    )
    keys = initial_keys(quic.VERSION_1, CLIENT_CID)
    assert keys is not None
    fields = {
        "version": 1,
        "destination_connection_id": CLIENT_CID,
        "source_connection_id": b"",
        "token": b"",
    }
    packet = keys.client.seal(fields, 2, crypto.ljust(1162, b"\0"))
    assert len(packet) == 1200
    assert packet[:22].hex() == "c000000001088394c8f03e5157080000449e7b9aec34"
    [event] = named(analyze([(True, packet)]), "ssl_extension_server_name")
    assert event.names == [b"example.com"]


def test_the_server_initial_of_rfc_9001_appendix_a3() -> None:
    packet = bytes.fromhex(
        "cf000000010008f067a5502a4262b5004075c0d95a482cd0991cd25b0aac406a"
        "5816b6394100f37a1c69797554780bb38cc5a99f5ede4cf73c3ec2493a1839b3"
        "dbcba3f6ea46c5b7684df3548e7ddeb9c3bf9c73cc3f3bded74b562bfb19fb84"
        "022f8ef4cdd93795d77d06edbb7aaf2f58891850abbdca3d20398c276456cbc4"
        "2158407dd074ee"
    )
    keys = initial_keys(quic.VERSION_1, CLIENT_CID)
    assert keys is not None
    [read] = read_packets(packet)
    opened = keys.server.open(read)
    assert opened is not None
    assert opened[0].hex().startswith("02000000000600405a020000560303eefce7f7b37ba1d1632e")
    assert [frame["type"] for _, _, frame in read_frames(opened[0])] == [2, 6]


@pytest.mark.parametrize(
    ("version", "packet"),
    [
        (1, "ff000000010008f067a5502a4262b5746f6b656e04a265ba2eff4d829058fb3f0f2496ba"),
        (2, "cf6b3343cf0008f067a5502a4262b5746f6b656ec8646ce8bfe33952d955543665dcc7b6"),
    ],
    ids=["RFC 9001 appendix A.4", "RFC 9369 appendix A.4"],
)
def test_the_retry_packets_of_the_appendices(version: int, packet: str) -> None:
    [retry] = read_packets(bytes.fromhex(packet))
    assert retry.type is quic.PacketType.RETRY
    assert retry.value["retry_token"] == b"token"
    assert is_answer_to(retry, CLIENT_CID)
    assert not is_answer_to(retry, CLIENT_CID[::-1])


def test_the_keys_of_rfc_9369_appendix_a1() -> None:
    """Header protection by what it makes of a sample: a block of AES with the key of the appendix."""
    keys = initial_keys(quic.VERSION_2, CLIENT_CID)
    assert keys is not None
    for ours, iv, header in zip(
        (keys.client, keys.server),
        ("91f73e2351d8fa91660e909f", "dd13c276499c0249d3310652"),
        ("45b95e15235d6f45a6b19cbcb0294ba9", "edf6d05c83121201b436e16877593c3a"),
        strict=True,
    ):
        assert ours._iv.to_bytes(12, "big").hex() == iv
        cipher = Cipher(algorithms.AES(bytes.fromhex(header)), modes.ECB())
        assert ours._mask(bytes(range(16))) == cipher.encryptor().update(bytes(range(16)))[:5]


@pytest.mark.parametrize(
    ("expected", "truncated", "size", "number"),
    [
        (0xA82F30EB, 0x9B32, 2, 0xA82F9B32),
        (0, 5, 1, 5),
        (0x100, 0xFF, 1, 0xFF),
        (0xFF, 0, 1, 0x100),
    ],
)
def test_packet_numbers(expected: int, truncated: int, size: int, number: int) -> None:
    """RFC 9000 appendix A.3."""
    header = b"head" + truncated.to_bytes(size, "big")
    assert truncated_packet_number(header, size, expected) == number


# Structures


@pytest.mark.parametrize(
    "name",
    [
        n
        for n in quic.__all__
        if isinstance(getattr(quic, n), tlsgrammar.language.presentation.Structure)
    ],
)
def test_structures_are_built_and_parsed(name: str) -> None:
    schema = getattr(quic, name)

    @settings(max_examples=40)
    @given(values(schema, cid_length=4))
    def check(value: Any) -> None:
        data = tlsgrammar.build(schema, value, cid_length=4)
        assert (
            tlsgrammar.build(schema, tlsgrammar.parse(schema, data, cid_length=4), cid_length=4)
            == data
        )

    check()


def test_every_frame_type_has_a_schema() -> None:
    assert set(names.QUIC_FRAME_TYPES) == set(quic._FRAMES)
    with pytest.raises(GrammarError, match=r"unknown QUIC frame type 0x21"):
        tlsgrammar.parse(quic.Frame, b"\x21")


# Connections


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_real_connections(path: Path) -> None:
    found = list(events.read_capture(path, wanted=ALL))
    several = {"chromium": 3, "aioquic-early-data": 2}.get(path.stem, 1)
    assert len({event.c.uid for event in found}) == several
    assert len(named(found, "ssl_established")) == several
    assert not named(found, "protocol_violation")
    assert {event.c.proto for event in found} == {"udp"}
    for uid in {event.c.uid for event in found}:
        of_one = [event for event in found if event.c.uid == uid]
        hellos = [e.msg_type for e in named(of_one, "ssl_handshake_message")]
        again = "retry" in path.stem or "negotiation" in path.stem
        one_more = [1, 2] if "hello" in path.stem else [1]
        assert hellos == [*(one_more if again else []), 1, 2]
        assert of_one[-1].name == "ssl_established"
        assert of_one[0].c.start_time == of_one[0].ts
    versions = {event.version for event in named(found, "QUIC::initial_packet")}
    assert versions >= {quic.VERSION_2 if "v2" in path.stem else quic.VERSION_1}


def test_what_chromium_sends() -> None:
    """ClientHellos with a post-quantum key share, in pieces over several packets, in any order."""
    found = list(events.read_capture(DATA / "chromium.pcap", wanted=ALL))
    shares = named(found, "ssl_extension_key_share")
    assert [0x11EC in event.curves for event in shares if event.is_client] == [True] * 3
    crypto = 0
    for is_orig, data in said("chromium"):
        if is_orig and read_packets(data):
            crypto += 1
    assert crypto > 3


def test_the_events_of_packets() -> None:
    found = list(events.read_capture(DATA / "aioquic-retry.pcap", wanted=ALL))
    first, second, third, _ = named(found, "QUIC::initial_packet")
    [retry] = named(found, "QUIC::retry_packet")
    assert (first.is_orig, retry.is_orig, second.is_orig, third.is_orig) == (
        True,
        False,
        True,
        False,
    )
    assert retry.retry_token == b"a token of the server's"
    assert len(retry.retry_integrity_tag) == 16
    assert second.dcid == retry.scid != first.dcid
    assert retry.dcid == first.scid == third.dcid
    [early] = named(
        events.read_capture(DATA / "aioquic-early-data.pcap", wanted=ALL), "QUIC::zero_rtt_packet"
    )
    assert early.is_orig


def test_events_of_packets_are_asked_for() -> None:
    found = list(events.read_capture(DATA / "aioquic-v1.pcap"))
    assert named(found, "ssl_client_hello")
    assert not [event for event in found if event.name.startswith("QUIC::")]
    found = list(events.read_capture(DATA / "aioquic-v1.pcap", wanted={"QUIC::initial_packet"}))
    assert {event.name for event in found} == {"QUIC::initial_packet"}


def test_nothing_more_is_raised_once_it_is_established() -> None:
    for disable in (True, False):
        found = analyze(said("aioquic-v1"), wanted=ALL, disable_analyzer_after_detection=disable)
        assert len(named(found, "ssl_established")) == 1
        again = analyze(
            [*said("aioquic-v1")] * 2, wanted=ALL, disable_analyzer_after_detection=disable
        )
        assert of_tls(again) == of_tls(found)


# Packets that are lost, come late, or twice


@given(st.permutations(range(7)))
def test_in_any_order(order: list[int]) -> None:
    chunks = said("aioquic-v1")
    found = without_names(analyze([chunks[i] for i in order]))
    assert sorted(found) == sorted(without_names(analyze(chunks)))


@given(st.randoms(use_true_random=False))
def test_hellos_over_several_packets_in_any_order(shuffler: random.Random) -> None:
    chunks = said("chromium")[:12]
    shuffled = [chunk for chunk in chunks for _ in range(shuffler.choice((1, 2)))]
    shuffler.shuffle(shuffled)
    everything = analyze(shuffled)
    found = of_tls(everything)
    # What comes after the handshake is over comes too late.
    assert named(found, "ssl_client_hello") or named(everything, "protocol_violation")
    assert {*without_names(found)} <= {*without_names(analyze(chunks))}


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_what_comes_twice_is_read_once(path: Path) -> None:
    chunks = payloads(path)
    twice = [chunk for chunk in chunks for _ in range(2)]
    assert of_tls(analyze(twice)) == of_tls(analyze(chunks))


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_what_is_lost_costs_what_is_in_it(path: Path) -> None:
    chunks = payloads(path)
    whole = {*without_names(analyze(chunks))}
    for lost in range(len(chunks)):
        rest = chunks[:lost] + chunks[lost + 1 :]
        assert {*without_names(analyze(rest))} <= whole


def test_a_retry_that_is_lost_is_guessed() -> None:
    chunks = [
        c for c in said("aioquic-retry") if read_packets(c[1]) and read_packets(c[1])[0].type != 3
    ]
    found = analyze(chunks, wanted=ALL)
    assert len({id(event.c) for event in found}) == 1
    assert [e.msg_type for e in named(found, "ssl_handshake_message")] == [1, 1, 2]


def test_a_retry_with_a_wrong_tag_is_none() -> None:
    chunks = [
        (
            is_orig,
            data[:-1] + bytes([data[-1] ^ 1])
            if read_packets(data) and read_packets(data)[0].type == 3
            else data,
        )
        for is_orig, data in said("aioquic-retry")
    ]
    assert not named(analyze(chunks, wanted=ALL), "QUIC::retry_packet")


def test_several_connections_at_once() -> None:
    """On one pair of ports: their datagrams in turn."""
    one, other = (talk(*configurations()) for _ in range(2))
    both = [chunk for pair in zip(one, other, strict=False) for chunk in pair]
    found = analyze(both, c=events.Connection(uid="C1"), wanted=ALL)
    uids = {event.c.uid for event in found}
    assert len(uids) == 2
    for chunks, uid in ((one, "C1"), (other, (uids - {"C1"}).pop())):
        mine = [event for event in found if event.c.uid == uid]
        assert [e.name for e in mine] == [e.name for e in analyze(chunks, wanted=ALL)]
        hello, expected = (
            named(mine, "ssl_client_hello")[0],
            named(analyze(chunks), "ssl_client_hello")[0],
        )
        assert hello.client_random == expected.client_random


def test_the_client_is_the_originator() -> None:
    """Whoever the caller takes for it."""
    ends = events.Connection("C1", "udp", "192.0.2.1", 49152, "198.51.100.2", 443)
    swapped = [(not is_orig, data) for is_orig, data in said("aioquic-v1")]
    found = analyze(swapped, c=ends, wanted=ALL)
    assert {(e.c.orig_p, e.c.resp_p) for e in found} == {(443, 49152)}
    assert [e.is_orig for e in named(found, "ssl_handshake_message")] == [True, False]


def test_a_server_that_comes_before_its_client() -> None:
    chunks = said("aioquic-v1")
    found = analyze([chunks[1], chunks[0], *chunks[2:]])
    assert [e.msg_type for e in named(found, "ssl_handshake_message")] == [1, 2]


# Who begins again, and who is who: each was found by trying


def of_version(version: int, cid: bytes = CLIENT_CID) -> ConnectionKeys:
    keys = initial_keys(version, cid)
    assert keys is not None
    return keys


def of_server(
    payload: bytes, keys: ConnectionKeys, dcid: bytes = b"client", scid: bytes = b"server"
) -> bytes:
    fields = {
        "version": 1,
        "destination_connection_id": dcid,
        "source_connection_id": scid,
        "token": b"",
    }
    return keys.server.seal(fields, 0, payload)


def version_negotiation(*versions: int) -> bytes:
    return tlsgrammar.build(
        quic.VersionNegotiationPacket,
        {
            "first_byte": {"fixed_bit": 1, "long_packet_type": 0, "type_specific_bits": 0},
            "destination_connection_id": b"client",
            "source_connection_id": CLIENT_CID,
            "supported_versions": list(versions),
        },
    )


def uids(found: Iterable[events.Event]) -> set[int]:
    return {id(event.c) for event in found}


def test_what_was_sent_before_a_retry_comes_after_it() -> None:
    chunks = said("aioquic-retry")
    late = analyze([chunks[0], chunks[1], chunks[0], *chunks[2:]])
    assert of_tls(late) == of_tls(analyze(chunks))
    assert len(uids(late)) == 1


def test_a_client_hello_with_a_retry_between_its_pieces() -> None:
    retry = said("aioquic-retry")[1][1]
    first = said("aioquic-retry")[0][1]
    cid = read_packets(first)[0].value["destination_connection_id"]
    scid = read_packets(first)[0].value["source_connection_id"]
    keys = of_version(1, cid)
    fields = {
        "version": 1,
        "destination_connection_id": cid,
        "source_connection_id": scid,
        "token": b"",
    }
    pieces = [
        keys.client.seal(fields, number, crypto(at, HELLO[at : at + 30]))
        for number, at in enumerate((0, 30))
    ]
    found = analyze([(True, pieces[0]), (False, retry), (True, pieces[1])])
    assert [event.name for event in of_tls(found)] == ["ssl_client_hello", "ssl_handshake_message"]
    assert len(uids(found)) == 1


def test_only_one_side_is_captured() -> None:
    """Packets to the id that the server has chosen belong to the connection by that of the client."""
    client = [chunk for chunk in said("ngtcp2-hello-retry") if chunk[0]]
    found = analyze(client)
    assert [event.msg_type for event in named(found, "ssl_handshake_message")] == [1, 1]
    close = initial(b"\x1c\x0a\x00\x00", cid=CLIENT_CID)
    keys = of_version(1)
    fields = {
        "version": 1,
        "destination_connection_id": b"of the server",
        "source_connection_id": b"client",
        "token": b"",
    }
    close = keys.client.seal(fields, 1, b"\x1c\x0a\x00\x00")
    found = analyze([(True, initial(crypto(0, HELLO))), (True, close)], wanted=ALL)
    [event] = named(found, "QUIC::connection_close_frame")
    assert event.error_code == 0x0A


@pytest.mark.parametrize("lost", [0, 1])
def test_a_hole_is_told_when_the_handshake_is_over(lost: int) -> None:
    chunks = said("chromium")[:12]
    found = analyze(chunks[:lost] + chunks[lost + 1 :])
    assert named(found, "ssl_established")
    if not named(found, "ssl_client_hello"):
        assert any("CRYPTO data" in event.reason for event in named(found, "protocol_violation"))


def test_two_versions_do_not_make_one_client_hello() -> None:
    draft = 0xFF00001D
    other = HELLO[:6] + b"\xee" * 32 + HELLO[38:]
    fields = {
        "version": draft,
        "destination_connection_id": CLIENT_CID,
        "source_connection_id": b"client",
        "token": b"",
    }
    chunks = [
        (True, initial(crypto(0, HELLO[:20]))),
        (False, version_negotiation(draft)),
        (True, initial(crypto(20, HELLO[20:]), number=1)),
        (
            True,
            of_version(draft).client.seal(
                fields, 2, crypto(0, other[:20]) + crypto(20, other[20:])
            ),
        ),
    ]
    hellos = named(analyze(chunks), "ssl_client_hello")
    assert [hello.client_random[:4] for hello in hellos] == [HELLO[10:14], b"\xee" * 4]


@pytest.mark.parametrize("missing", [(), (1,)])
def test_a_version_negotiation_need_not_be_seen(missing: tuple[int, ...]) -> None:
    chunks = said("aioquic-version-negotiation")
    rest = [chunk for index, chunk in enumerate(chunks) if index not in missing]
    assert len(named(analyze(rest), "ssl_client_hello")) == 2
    assert without_names(analyze([chunks[1], chunks[0], *chunks[2:]])) == without_names(
        analyze(chunks)
    )


def test_late_packets_of_a_connection_are_not_of_the_next() -> None:
    """Though its client has an empty id, as before."""
    chunks = said("chromium")
    late = analyze([*chunks[:13], chunks[4], chunks[5], chunks[9], *chunks[13:23]], wanted=ALL)
    for found in (late, analyze([*chunks[:8], chunks[4], *chunks[8:23]], wanted=ALL)):
        assert len(named(found, "ssl_server_hello")) == len(
            named(analyze(chunks[:23]), "ssl_server_hello")
        )
        assert len(named(found, "ssl_established")) == len(
            named(analyze(chunks[:23]), "ssl_established")
        )


def test_packets_of_one_connection_do_not_establish_another() -> None:
    one, other = (talk(*configurations()) for _ in range(2))
    of_one = [data for is_orig, data in one if is_orig and data[0] < 0x80]
    assert of_one
    # The other one has come as far as Handshake packets of both sides, and no further.
    begun = list(other[:3])
    cut = read_packets(begun[2][1])[-1].end
    begun[2] = (True, begun[2][1][:cut])
    found = analyze([*one, *begun, *((True, data) for data in of_one)])
    assert len(named(found, "ssl_established")) == 1


def test_a_hello_that_is_missing_is_told_when_the_handshake_is_over() -> None:
    chunks = said("aioquic-v1")
    answer = read_packets(chunks[1][1])
    assert answer[0].type is quic.PacketType.INITIAL
    rest = (False, chunks[1][1][answer[0].end :])
    found = analyze([chunks[0], rest, *chunks[2:]])
    if named(found, "ssl_established"):
        assert [e.reason for e in named(found, "protocol_violation")] == [
            "the CRYPTO data with its hello are missing"
        ]


def test_a_hole_is_told_once() -> None:
    chunks = said("chromium")[:12]
    found = analyze(chunks[1:], disable_analyzer_after_detection=False)
    assert len(named(found, "protocol_violation")) <= 1


def test_connections_one_after_the_other_are_not_too_many() -> None:
    def hello(index: int) -> bytes:
        return initial(crypto(0, HELLO), cid=b"%08d" % index)

    analyzer = QuicAnalyzer()
    found = [e for index in range(300) for e in analyzer.deliver(hello(index), True, index * 60.0)]
    assert len(named(found, "ssl_client_hello")) == 300
    assert not named(found, "protocol_violation")


def test_connections_of_clients_with_equal_ids() -> None:
    one, other = of_version(1), of_version(1, b"another1")
    fields = {
        "version": 1,
        "destination_connection_id": b"another1",
        "source_connection_id": b"client",
        "token": b"",
    }
    answer = bytes.fromhex(f"02000026 0303 {'00' * 32} 00 1301 00")
    chunks = [
        (True, initial(crypto(0, HELLO))),
        (True, other.client.seal(fields, 0, crypto(0, HELLO))),
        (False, of_server(crypto(0, answer), one, scid=b"first")),
        (False, of_server(crypto(0, answer), other, scid=b"second")),
    ]
    found = analyze(chunks)
    hellos = named(found, "ssl_server_hello")
    assert len(hellos) == 2
    assert [hello.c for hello in hellos] == [e.c for e in named(found, "ssl_client_hello")]


def test_a_token_of_an_earlier_connection_is_no_retry() -> None:
    other = of_version(1, b"another1")
    fields = {
        "version": 1,
        "destination_connection_id": b"another1",
        "source_connection_id": b"client",
        "token": b"old",
    }
    first = initial(crypto(0, HELLO), token=b"old")
    second = other.client.seal(fields, 0, crypto(0, HELLO))
    assert len(uids(analyze([(True, first), (True, second)]))) == 2


def test_too_many_connections_at_once_are_told() -> None:
    def hello(index: int, at: int) -> bytes:
        cid = b"%08d" % index
        return initial(crypto(at, HELLO[at : at + 30]), number=at, cid=cid)

    count = 300
    found = analyze([(True, hello(index, at)) for at in (0, 30) for index in range(count)])
    told = [e for e in named(found, "protocol_violation") if "connections at once" in e.reason]
    assert len(named(found, "ssl_client_hello")) + len(told) >= count


def test_what_a_datagram_may_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    """In tries to open a packet, whoever sends it."""
    tried = 0
    opens = InitialKeys.open

    def count(self: InitialKeys, packet: Any) -> Any:
        nonlocal tried
        tried += 1
        return opens(self, packet)

    monkeypatch.setattr(InitialKeys, "open", count)
    flood = b"".join(
        b"\xc3\0\0\0\1\1" + bytes([index & 255]) + b"\0\0\x15" + bytes(21) for index in range(2000)
    )
    chunks = [(False, flood)] * 5
    chunks += [(True, initial(crypto(0, HELLO), cid=b"%08d" % index)) for index in range(20)]
    analyze(chunks)
    assert tried < 150 * len(chunks)


def test_pieces_are_bounded_too() -> None:
    keys = of_version(1).client
    pieces = b"".join(crypto(2 * at + 10, b"x") for at in range(100))
    chunks = [(True, initial(pieces, keys, 0))]
    for number in range(1, 12):
        later = b"".join(crypto(2 * at + 10 + 200 * number, b"x") for at in range(100))
        chunks.append((True, initial(later, keys, number)))
    [violation] = analyze(chunks)
    assert isinstance(violation, ProtocolViolation)
    assert "1024 pieces" in violation.reason


def test_nothing_is_wrong_with_what_is_open_when_a_capture_ends(tmp_path: Path) -> None:
    path = write(tmp_path / "cut.pcap", datagrams([(True, initial(crypto(0, HELLO[:30])))]))
    assert list(events.read_capture(path)) == []


def test_a_flow_with_quic_and_dtls_in_it(tmp_path: Path) -> None:
    dtls = payloads(DATA.parent / "dtls" / "dtls12-openssl.pcap")
    chunks = [chunk for pair in zip(said("aioquic-v1"), dtls, strict=False) for chunk in pair]
    path = write(tmp_path / "both.pcap", datagrams(chunks))
    found = list(events.read_capture(path))
    assert len({event.c.uid for event in found}) == 2


# What is not QUIC, and what no client should send


HELLO = client_hello()


@pytest.mark.parametrize(
    ("payload", "path", "reason", "at"),
    [
        (
            b"\x01\x07\x01a",
            "Frame.type",
            "frame type 0x07 is not allowed in an Initial packet",
            1,
        ),
        (b"\x00\x00\x21\x00", "Frame.type", "unknown QUIC frame type 0x21", 2),
        (b"\x06\x00\x7f\xffab", "Frame.frame.crypto_data", "ends early", 58),
    ],
)
def test_frames_that_an_initial_packet_may_not_hold(
    payload: bytes, path: str, reason: str, at: int
) -> None:
    """They cost the rest of that packet."""
    packet = initial(crypto(0, HELLO) + payload + crypto(len(HELLO), HELLO))
    rest = payload + crypto(len(HELLO), HELLO)
    begin = len(packet) - 16 - len(rest)
    found = analyze([(True, b"x" * 10), (True, packet)])
    [violation] = named(found, "protocol_violation")
    assert (violation.path, violation.is_orig) == (path, True)
    assert reason in violation.reason
    assert violation.offset == 10 + begin + at
    assert len(named(found, "ssl_client_hello")) == 1


def test_crypto_data_out_of_order_are_bounded() -> None:
    both = initial_keys(quic.VERSION_1, CLIENT_CID)
    assert both is not None
    packets = [initial(crypto(100_000 + 1000 * i, bytes(1000)), both.client, i) for i in range(80)]
    [violation] = analyze([(True, packet) for packet in packets])
    assert isinstance(violation, ProtocolViolation)
    assert violation.reason.startswith("more than 65536 bytes or 1024 pieces of CRYPTO data")


def test_a_message_that_is_not_whole_at_the_end() -> None:
    [violation] = analyze([(True, initial(crypto(0, HELLO[:30])))])
    assert isinstance(violation, ProtocolViolation)
    assert violation.reason == "CRYPTO data end in the middle of a handshake message"


def test_crypto_data_overlap_and_the_first_copy_stands() -> None:
    both = initial_keys(quic.VERSION_1, CLIENT_CID)
    assert both is not None
    late = initial(
        crypto(10, HELLO[10:30]) + crypto(25, b"\xff" * 10) + crypto(35, HELLO[35:]), both.client, 0
    )
    first = initial(crypto(0, HELLO[:40]), both.client, 1)
    found = analyze([(True, late), (True, first)])
    assert not named(found, "protocol_violation")
    assert len(named(found, "ssl_handshake_message")) == 1


@given(st.binary(max_size=60), st.sampled_from([1, quic.VERSION_2, 0xFF00001D, 0, 7]))
def test_nothing_is_taken_for_quic(rest: bytes, version: int) -> None:
    datagram = b"\xc3" + version.to_bytes(4, "big") + rest
    for data in (datagram, rest, datagram + bytes(1200)):
        assert analyze([(True, data), (False, data)], wanted=ALL) == []


OTHERS = {
    "DNS": bytes(dpkt.dns.DNS(id=0xC300, qd=[dpkt.dns.DNS.Q(name="server.example")])),
    "NTP": b"\xe3\0\x06\xec" + bytes(44),
    "RTP": b"\x80\x6f\0\x01" + bytes(168),
    "STUN": b"\0\x01\0\0\x21\x12\xa4\x42" + bytes(12),
    "SIP": b"OPTIONS sip:a@example.com SIP/2.0\r\n\r\n",
    "Kademlia": b"\xe4\x21" + bytes(range(60)),
    "WireGuard": b"\x01\0\0\0" + bytes(144),
    "a TURN channel": b"\x40\x00\x00\x10" + bytes(16),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_protocols_raise_nothing(name: str, tmp_path: Path) -> None:
    chunks = [(is_orig, OTHERS[name]) for is_orig in (True, False)] * 3
    assert analyze(chunks, wanted=ALL) == []
    path = write(tmp_path / "other.pcap", datagrams(chunks))
    assert list(events.read_capture(path, wanted=ALL)) == []


@pytest.mark.parametrize(
    "path", sorted((DATA.parent / "dtls").glob("*.pcap")), ids=lambda p: p.stem
)
def test_dtls_is_not_quic(path: Path) -> None:
    assert analyze(payloads(path), wanted=ALL) == []


@given(st.sampled_from(CAPTURES), st.randoms(use_true_random=False))
def test_mutated_datagrams(path: Path, chance: random.Random) -> None:
    """No exception, and nothing that was not said."""
    chunks: list[Chunk] = []
    for is_orig, data in payloads(path):
        mutated = bytearray(data)
        for _ in range(chance.choice((0, 0, 1, 3))):
            mutated[chance.randrange(len(mutated))] = chance.randrange(256)
        chunks.append((is_orig, bytes(mutated[: chance.choice((len(mutated), 40))])))
    chance.shuffle(chunks)
    assert {*without_names(analyze(chunks))} <= {*without_names(analyze(payloads(path)))}


# Versions


def test_a_version_that_is_not_known() -> None:
    chunks = said("aioquic-v1")
    header = {
        "first_byte": {"fixed_bit": 1, "long_packet_type": 0, "type_specific_bits": 0},
        "version": 0x1A2A3A4A,
        "destination_connection_id": b"one",
        "source_connection_id": b"other",
    }
    unknown = tlsgrammar.build(quic.LongHeader, header) + bytes(20)
    assert analyze([(True, unknown)], wanted=ALL) == []
    [event] = named(analyze([chunks[0], (True, unknown)], wanted=ALL), "QUIC::unhandled_version")
    assert (event.version, event.dcid, event.scid) == (0x1A2A3A4A, b"one", b"other")


@pytest.mark.parametrize("version", sorted(names.QUIC_VERSIONS))
def test_all_versions(version: int) -> None:
    both = initial_keys(version, CLIENT_CID)
    assert both is not None
    fields = {
        "version": version,
        "destination_connection_id": CLIENT_CID,
        "source_connection_id": b"",
        "token": b"",
    }
    packet = both.client.seal(fields, 0, crypto(0, HELLO))
    assert len(named(analyze([(True, packet)]), "ssl_client_hello")) == 1


def test_a_server_answers_in_another_version() -> None:
    """RFC 9368 section 2.3: the keys follow from the same connection id."""
    both = initial_keys(quic.VERSION_2, CLIENT_CID)
    assert both is not None
    fields = {
        "version": quic.VERSION_2,
        "destination_connection_id": b"client",
        "source_connection_id": b"server",
        "token": b"",
    }
    server_hello = bytes.fromhex(f"02000026 0303 {'00' * 32} 00 1301 00")
    answer = both.server.seal(fields, 0, crypto(0, server_hello))
    found = analyze([(True, initial(crypto(0, HELLO))), (False, answer)], wanted=ALL)
    assert [event.version for event in named(found, "QUIC::initial_packet")] == [1, quic.VERSION_2]
    assert len({id(event.c) for event in found}) == 1
    assert named(found, "ssl_server_hello")


# Captures and the command


def test_a_capture_with_ports_that_are_used_again(tmp_path: Path) -> None:
    one, other = (datagrams(talk(*configurations()), start=1e9 + i) for i in range(2))
    path = write(tmp_path / "two.pcap", [*one, *other])
    found = list(events.read_capture(path))
    assert len({event.c.uid for event in found}) == 2
    assert {event.c.start_time for event in found} == {1e9, 1e9 + 1}
    assert found == list(events.read_capture(path))


def test_ipv6_and_a_flow_with_other_things_in_it(tmp_path: Path) -> None:
    ends = Ends("2001:db8::1", 1024, "2001:db8::2", 4433)
    chunks: list[Chunk] = []
    for chunk in said("aioquic-v1"):
        chunks += [(True, b"\x00\x01stun, perhaps"), chunk, (False, b"\x80rtp, perhaps")]
    path = write(tmp_path / "mixed.pcap", datagrams(chunks, ends=ends))
    found = list(events.read_capture(path))
    assert of_tls(found)[0].c.resp_h == "2001:db8::2"
    assert len(named(found, "ssl_established")) == 1


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_without_the_library(jobs: str, tmp_path: Path) -> None:
    (tmp_path / "cryptography").mkdir()
    stub = "raise ModuleNotFoundError('no', name='cryptography')\n"
    (tmp_path / "cryptography" / "__init__.py").write_text(stub)
    capture = str(DATA / "aioquic-v1.pcap")
    result = subprocess.run(
        [
            sys.executable,
            "-m",
            "events",
            "-j",
            jobs,
            capture,
            str(DATA.parent / "tls13.pcap"),
            capture,
        ],
        capture_output=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    assert result.stderr.decode().splitlines() == [
        "tls-events: QUIC was skipped because the library cryptography is not installed; pip install cryptography"
    ]
    assert result.returncode == 1
    assert b"ssl_established" in result.stdout


@pytest.fixture
def server_port() -> Iterator[int]:
    """A server of aioquic's on loopback."""
    serving = pytest.importorskip("aioquic.asyncio.server", reason="aioquic is not installed")
    _, configuration = configurations()
    ready: list[int] = []
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        server = await serving.serve("127.0.0.1", 0, configuration=configuration)
        ready.append(server._transport.get_extra_info("sockname")[1])
        started.set()

    started = threading.Event()

    def run() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(serve())
        loop.run_forever()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert started.wait(10)
    yield ready[0]
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)


def test_the_example_talks_to_a_real_server(server_port: int) -> None:
    result = subprocess.run(
        [
            sys.executable,
            "examples/quic_client_hello.py",
            "127.0.0.1",
            str(server_port),
            "server.example",
        ],
        capture_output=True,
        check=False,
        cwd=ROOT,
    )
    lines = result.stdout.decode().splitlines()
    assert result.returncode == 0, result.stderr
    assert any("ssl_server_hello" in line for line in lines)
    assert any(
        "ssl_extension_server_name is_orig=true names=[server.example]" in line for line in lines
    )


def test_early_data_before_the_client_hello() -> None:
    """0-RTT packets that come first belong to the connection that begins with the same id."""
    chunks = said("aioquic-early-data")[7:]
    [datagram] = [data for _, data in chunks[:1]]
    packets = read_packets(datagram)
    assert [packet.type for packet in packets] == [
        quic.PacketType.INITIAL,
        quic.PacketType.ZERO_RTT,
    ]
    cut = packets[1].start
    swapped = [(True, datagram[cut:]), (True, datagram[:cut]), *chunks[1:]]
    assert named(analyze(swapped, wanted=ALL), "QUIC::zero_rtt_packet")


def test_options_are_given_once() -> None:
    options: Any = events.Options()
    makes: tuple[Any, ...] = (
        events.Analyzer,
        events.DatagramAnalyzer,
        QuicAnalyzer,
        lambda **choices: events.read_capture(CAPTURES[0], **choices),
    )
    for make in makes:
        with pytest.raises(TypeError, match="options= is given, and so is wanted"):
            make(options=options, wanted=ALL)
        with pytest.raises(TypeError, match="options= takes an Options, not 3"):
            make(options=3)
    for kind in makes[:3]:
        with pytest.raises(TypeError, match="c= takes a Connection, not Options"):
            kind(options)
    with pytest.raises(TypeError, match="takes event names, not classes"):
        events.Options(wanted=events.QUIC)  # type: ignore[arg-type]
