"""Where the TCP segment or UDP datagram stands in a frame, for each link layer, tunnel and header around it.

Frames are put together from headers whose bytes are written out. What is looked for is `TCP` or `UDP` below: the expected
position is where those bytes stand.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from events.capture.headers import Decoder, Segment

TCP = b"a TCP segment with its header"
# Its ports are none of a tunnel.
UDP = bytes.fromhex("d431 01bb 001c 7e57") + b"datagram of twenty.."

# Addresses: of what is looked for, and of tunnels around it.
A, B = bytes.fromhex("c0000201"), bytes.fromhex("c6336402")
A6, B6 = bytes.fromhex("20010db8") + bytes(range(1, 13)), bytes.fromhex("20010db8") + bytes(12)
OUTER = (bytes.fromhex("0a000001"), bytes.fromhex("0a000002"))

ETHERNET, RAW = 1, 101
IPV4, IPV6, VLAN = 0x0800, 0x86DD, 0x8100
IN_TCP, IN_UDP, ICMP, GRE, IN_IPV4, IN_IPV6, IN_MPLS = 6, 17, 1, 47, 4, 41, 137
FRAGMENT = 44


def uint16(value: int) -> bytes:
    return value.to_bytes(2, "big")


def ethernet(payload: bytes, ethertype: int = IPV4) -> bytes:
    return bytes.fromhex("0201020304050206070809 0a") + uint16(ethertype) + payload


def vlan(payload: bytes, ethertype: int = IPV4, tag: int = VLAN) -> bytes:
    """An Ethernet frame with a tag: the way of all headers but the most usual ones."""
    return ethernet(bytes.fromhex("2064") + uint16(ethertype) + payload, tag)


def ipv4(
    payload: bytes,
    protocol: int = IN_TCP,
    ends: tuple[bytes, bytes] = (A, B),
    *,
    options: bytes = b"",
    total: int | None = None,
    identification: int = 0x1234,
    fragment: int = 0x4000,
) -> bytes:
    """A packet; its fragment field says "don't fragment"."""
    size = 20 + len(options)
    first = bytes([0x40 | size // 4, 0x2E])
    total = size + len(payload) if total is None else total
    numbers = uint16(total) + uint16(identification) + uint16(fragment)
    return first + numbers + bytes([64, protocol, 0xBE, 0xEF]) + b"".join(ends) + options + payload


def ipv6(
    payload: bytes,
    protocol: int = IN_TCP,
    ends: tuple[bytes, bytes] = (A6, B6),
    *,
    length: int | None = None,
) -> bytes:
    size = uint16(len(payload) if length is None else length)
    return bytes.fromhex("6ef12345") + size + bytes([protocol, 64]) + b"".join(ends) + payload


def udp(payload: bytes, destination: int, source: int = 50000, length: int | None = None) -> bytes:
    size = 8 + len(payload) if length is None else length
    return uint16(source) + uint16(destination) + uint16(size) + b"\xbe\xef" + payload


def in_udp(payload: bytes, destination: int, source: int = 50000) -> bytes:
    """A frame with a tunnel over UDP."""
    return ethernet(ipv4(udp(payload, destination, source), IN_UDP, OUTER))


def in_gre(header: str, payload: bytes) -> bytes:
    return ethernet(ipv4(bytes.fromhex(header) + payload, GRE, OUTER))


def decode(frame: bytes, link_type: int = ETHERNET) -> Segment | None:
    return Decoder(link_type).decode(frame, 1.0)


def expected(frame: bytes) -> Segment:
    """What is found in a frame, which has one of the two once."""
    protocol, data = (6, TCP) if TCP in frame else (17, UDP)
    start = frame.index(data)
    ends = (A6, B6) if A6 + B6 in frame else (A, B)
    return Segment(protocol, *ends, frame, start, start + len(data))


# Link layers

LINK_LAYERS: dict[str, tuple[int, bytes]] = {
    "Ethernet": (1, ethernet(ipv4(TCP))),
    "Ethernet, IPv6": (1, ethernet(ipv6(TCP), IPV6)),
    "Ethernet, UDP": (1, ethernet(ipv4(UDP, IN_UDP))),
    "BSD loopback, little-endian": (0, bytes.fromhex("02000000") + ipv4(TCP)),
    "BSD loopback, big-endian": (0, bytes.fromhex("00000002") + ipv4(TCP)),
    "BSD loopback, IPv6 of Linux": (0, bytes.fromhex("0a000000") + ipv6(TCP)),
    "BSD loopback, IPv6 of NetBSD": (0, bytes.fromhex("18000000") + ipv6(TCP)),
    "BSD loopback, IPv6 of FreeBSD": (0, bytes.fromhex("1c000000") + ipv6(TCP)),
    "BSD loopback, IPv6 of macOS": (0, bytes.fromhex("1e000000") + ipv6(TCP)),
    "OpenBSD loopback": (108, bytes.fromhex("00000002") + ipv4(TCP)),
    "PPP": (9, bytes.fromhex("0021") + ipv4(TCP)),
    "PPP in HDLC": (9, bytes.fromhex("ff030021") + ipv4(TCP)),
    "PPP, IPv6": (9, bytes.fromhex("0057") + ipv6(TCP)),
    "raw IP": (101, ipv4(TCP)),
    "raw IP, IPv6": (101, ipv6(TCP)),
    "raw IP of BSD": (12, ipv4(TCP)),
    "raw IP of OpenBSD": (14, ipv6(TCP)),
    "raw IPv4": (228, ipv4(TCP)),
    "raw IPv6": (229, ipv6(TCP)),
    "Linux cooked v1": (113, bytes.fromhex("0000000100060201020304050000 0800") + ipv4(TCP)),
    "Linux cooked v2": (276, bytes.fromhex("86dd00000000000200010006020102030405beef") + ipv6(TCP)),
}


@pytest.mark.parametrize("name", LINK_LAYERS)
def test_link_layers(name: str) -> None:
    link_type, frame = LINK_LAYERS[name]
    assert decode(frame, link_type) == expected(frame)


@pytest.mark.parametrize(
    ("link_type", "frame"),
    [
        (0, bytes.fromhex("07000000") + ipv4(TCP)),
        (9, bytes.fromhex("8021") + ipv4(TCP)),
        (101, b"\x55" + ipv4(TCP)[1:]),
        (228, b"\x65" + ipv4(TCP)[1:]),
        (229, b"\x40" + ipv6(TCP)[1:]),
        (ETHERNET, ethernet(ipv4(TCP), 0x0806)),
        (ETHERNET, ethernet(b"\x65" + ipv4(TCP)[1:])),
        (ETHERNET, ethernet(b"\x45" + ipv6(TCP)[1:], IPV6)),
        (RAW, ethernet(ipv4(TCP))),
        (ETHERNET, ethernet(ipv4(TCP, ICMP))),
        (ETHERNET, vlan(ipv4(TCP, ICMP))),
        (ETHERNET, ethernet(ipv6(TCP, 58), IPV6)),
    ],
    ids=[
        "another family",
        "another protocol of PPP",
        "IP of no version",
        "IPv6 where IPv4 is",
        "IPv4 where IPv6 is",
        "ARP",
        "EtherType of IPv4, version 6",
        "EtherType of IPv6, version 4",
        "Ethernet where raw IP is",
        "ICMP",
        "ICMP behind a tag",
        "ICMPv6",
    ],
)
def test_what_is_neither_tcp_nor_udp(link_type: int, frame: bytes) -> None:
    assert decode(frame, link_type) is None


@pytest.mark.parametrize("name", LINK_LAYERS)
def test_a_frame_that_is_cut_within_its_headers_has_no_byte_of_a_segment(name: str) -> None:
    link_type, frame = LINK_LAYERS[name]
    for size in range(expected(frame).start):
        found = decode(frame[:size], link_type)
        assert found is None or found.start > found.end


def test_a_segment_ends_with_a_frame_that_is_cut() -> None:
    for frame in (ethernet(ipv4(TCP)), vlan(ipv4(TCP)), ethernet(ipv6(TCP), IPV6)):
        whole = expected(frame)
        cut = frame[: whole.end - 9]
        assert decode(cut) == whole._replace(buffer=cut, end=len(cut))


# Between Ethernet and IP

PPPOE = bytes.fromhex("1100 0007")
LLC = bytes.fromhex("aaaa03 000000")

TAGS: dict[str, bytes] = {
    "VLAN": vlan(ipv4(TCP)),
    "VLAN, IPv6": vlan(ipv6(TCP), IPV6),
    "service tag": vlan(ipv4(TCP), tag=0x88A8),
    "QinQ, before it was a standard": vlan(ipv4(TCP), tag=0x9100),
    "another of these": vlan(ipv4(TCP), tag=0x9200),
    "QinQ": vlan(bytes.fromhex("0065 0800") + ipv4(TCP), VLAN, tag=0x88A8),
    "802.3 with SNAP": ethernet(LLC + uint16(IPV4) + ipv4(TCP), 0x0039),
    "802.3 with SNAP, as long as may be": ethernet(LLC + uint16(IPV4) + ipv4(TCP), 0x05FF),
    "802.3 with SNAP behind a tag": vlan(LLC + uint16(IPV6) + ipv6(TCP), 0x004E),
    "MPLS": ethernet(bytes.fromhex("00064140") + ipv4(TCP), 0x8847),
    "MPLS, multicast": ethernet(bytes.fromhex("00064140") + ipv4(TCP), 0x8848),
    "MPLS, IPv6": ethernet(bytes.fromhex("00064140") + ipv6(TCP), 0x8847),
    # The labels before the last have every other bit set in the byte that says which is the last.
    "MPLS, three labels": ethernet(
        bytes.fromhex("0006fe40 0007fe40 00084140") + ipv4(TCP),
        0x8847,
    ),
    "MPLS, pseudowire": ethernet(
        bytes.fromhex("00064140 00001234") + ethernet(ipv4(TCP)),
        0x8847,
    ),
    "MPLS, pseudowire with flags": ethernet(
        bytes.fromhex("00064140 0f001234") + ethernet(ipv4(TCP)),
        0x8847,
    ),
    "PPPoE": ethernet(PPPOE + uint16(len(ipv4(TCP)) + 2) + b"\x00\x21" + ipv4(TCP), 0x8864),
    "PPPoE, IPv6": ethernet(PPPOE + uint16(len(ipv6(TCP)) + 2) + b"\x00\x57" + ipv6(TCP), 0x8864),
}


@pytest.mark.parametrize("name", TAGS)
def test_tags_between_ethernet_and_ip(name: str) -> None:
    frame = TAGS[name]
    assert decode(frame) == expected(frame)


@pytest.mark.parametrize(
    "frame",
    [
        ethernet(LLC + uint16(IPV4) + ipv4(TCP), 0x0600),
        ethernet(bytes.fromhex("424203 000000") + uint16(IPV4) + ipv4(TCP), 0x0039),
        ethernet(PPPOE + uint16(len(ipv4(TCP)) + 2) + b"\xc0\x21" + ipv4(TCP), 0x8864),
        ethernet(PPPOE + uint16(len(ipv4(TCP)) + 2) + b"\x00\x21" + ipv4(TCP), 0x8863),
        ethernet(bytes.fromhex("00064140 50001234") + ethernet(ipv4(TCP)), 0x8847),
        ethernet(bytes.fromhex("00064140 10000021") + ethernet(ipv4(TCP)), 0x8847),
    ],
    ids=[
        "EtherType 0x0600 is no length",
        "LLC of spanning tree",
        "LCP",
        "PPPoE discovery",
        "MPLS, neither IP nor a pseudowire",
        "MPLS, about a pseudowire",
    ],
)
def test_tags_with_something_else_behind_them(frame: bytes) -> None:
    assert decode(frame) is None


@pytest.mark.parametrize("total", [0, 20 + len(TCP) + 40], ids=["no length", "a longer packet"])
def test_pppoe_says_where_the_packet_ends(total: int) -> None:
    """Its length counts the protocol of PPP. What is behind it pads the frame."""
    packet = ipv4(TCP, total=total)
    frame = ethernet(PPPOE + uint16(len(packet) + 2) + b"\x00\x21" + packet + bytes(60), 0x8864)
    assert decode(frame) == expected(frame)


def test_pppoe_that_is_longer_than_its_frame() -> None:
    frame = ethernet(PPPOE + uint16(1400) + b"\x00\x21" + ipv4(TCP, total=0), 0x8864)
    assert decode(frame) == expected(frame)


# IPv4

Around = Callable[[bytes], bytes]
BOTH_WAYS = pytest.mark.parametrize("around", [ethernet, vlan], ids=["Ethernet", "VLAN"])
"""A plain header in plain Ethernet is read in another way than all others."""


@BOTH_WAYS
@pytest.mark.parametrize("protocol", [IN_TCP, IN_UDP])
def test_padding_behind_a_packet_is_not_of_it(around: Around, protocol: int) -> None:
    frame = around(ipv4(TCP if protocol == IN_TCP else UDP, protocol) + bytes(18))
    assert decode(frame) == expected(frame)


@BOTH_WAYS
@pytest.mark.parametrize("size", [4, 20, 40])
def test_options(around: Around, size: int) -> None:
    frame = around(ipv4(TCP, options=bytes(range(1, size + 1))))
    assert decode(frame) == expected(frame)


@BOTH_WAYS
def test_a_total_length_of_nothing_is_filled_in_later(around: Around) -> None:
    """By the network card, which cuts the packet into segments."""
    frame = around(ipv4(TCP, total=0))
    assert decode(frame) == expected(frame)


@BOTH_WAYS
@pytest.mark.parametrize("total", [20, 21, 27, 28, 29])
def test_the_total_length_is_believed(around: Around, total: int) -> None:
    frame = around(ipv4(TCP, total=total))
    segment = expected(frame)
    assert decode(frame) == segment._replace(end=segment.start + total - 20)


@BOTH_WAYS
@pytest.mark.parametrize(
    "packet",
    [
        b"\x44" + ipv4(TCP)[1:],
        ipv4(TCP, total=19),
        ipv4(TCP, total=1),
        ipv4(TCP, total=23, options=bytes(4)),
    ],
    ids=["header of 16 bytes", "total of 19", "total of 1", "total within the options"],
)
def test_lengths_that_no_header_has(around: Around, packet: bytes) -> None:
    assert decode(around(packet)) is None


# Fragments: of IPv4 by the source, destination, protocol and identification; of IPv6 by the first two and the last.

DATA = TCP[:8], TCP[8:24], TCP[24:]
MORE = 0x2000


def in_fragments(
    ends: tuple[bytes, bytes] = (A, B), protocol: int = IN_TCP, identification: int = 0x1234
) -> list[bytes]:
    """Frames whose data stand at 0, 8 and 24."""
    return [
        ethernet(
            ipv4(data, protocol, ends, fragment=fragment, identification=identification),
        )
        for data, fragment in zip(DATA, (MORE, MORE | 1, 3), strict=True)
    ]


def fragment6(data: bytes, field: int, identification: int, protocol: int = IN_TCP) -> bytes:
    return bytes([protocol, 0]) + uint16(field) + identification.to_bytes(4, "big") + data


def in_fragments6(
    ends: tuple[bytes, bytes] = (A6, B6), identification: int = 0x12345678
) -> list[bytes]:
    return [
        ethernet(ipv6(fragment6(data, field, identification), FRAGMENT, ends), IPV6)
        for data, field in zip(DATA, (0 | 1, 8 | 1, 24), strict=True)
    ]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
def test_fragments_in_any_order(order: tuple[int, int, int]) -> None:
    for frames, ends in ((in_fragments(), (A, B)), (in_fragments6(), (A6, B6))):
        decoder = Decoder(ETHERNET)
        found = [decoder.decode(frames[index], 1.0) for index in order]
        assert found == [None, None, Segment(6, *ends, TCP, 0, len(TCP))]


@pytest.mark.parametrize(
    ("ends", "protocol", "identification"),
    [
        ((A, B), IN_TCP, 0x1235),
        ((A, B), IN_TCP, 0x1334),
        ((A, OUTER[0]), IN_TCP, 0x1234),
        ((OUTER[0], B), IN_TCP, 0x1234),
        ((A, B), IN_UDP, 0x1234),
    ],
    ids=["identification", "its first byte", "destination", "source", "protocol"],
)
def test_fragments_of_two_packets_are_told_apart(
    ends: tuple[bytes, bytes], protocol: int, identification: int
) -> None:
    decoder = Decoder(ETHERNET)
    others = in_fragments(ends, protocol, identification)
    for one, another in zip(in_fragments(), others, strict=True):
        last = [decoder.decode(one, 1.0), decoder.decode(another, 1.0)]
    assert last == [
        Segment(6, A, B, TCP, 0, len(TCP)),
        Segment(protocol, *ends, TCP, 0, len(TCP)),
    ]


@pytest.mark.parametrize("byte", range(4))
def test_fragments_of_ipv6_are_told_apart_by_each_byte_of_the_identification(byte: int) -> None:
    decoder = Decoder(ETHERNET)
    other = 0x12345678 ^ 1 << 8 * byte
    for one, another in zip(in_fragments6(), in_fragments6(identification=other), strict=True):
        last = [decoder.decode(one, 1.0), decoder.decode(another, 1.0)]
    assert [segment and segment.buffer for segment in last] == [TCP, TCP]


@pytest.mark.parametrize("ends", [(A6, A6), (B6, B6)], ids=["destination", "source"])
def test_fragments_of_ipv6_are_told_apart_by_their_ends(ends: tuple[bytes, bytes]) -> None:
    decoder = Decoder(ETHERNET)
    for one, another in zip(in_fragments6(), in_fragments6(ends), strict=True):
        last = [decoder.decode(one, 1.0), decoder.decode(another, 1.0)]
    assert last == [Segment(6, *each, TCP, 0, len(TCP)) for each in ((A6, B6), ends)]


def test_the_smallest_fragments_that_there_are() -> None:
    """Of eight bytes, all but the last."""
    for frames in (
        [ethernet(ipv4(TCP[:8], fragment=MORE)), ethernet(ipv4(TCP[8:], fragment=1))],
        [
            ethernet(ipv6(fragment6(TCP[:8], 0 | 1, 7), FRAGMENT), IPV6),
            ethernet(ipv6(fragment6(TCP[8:], 8, 7), FRAGMENT), IPV6),
        ],
    ):
        decoder = Decoder(ETHERNET)
        *_, whole = [decoder.decode(frame, 1.0) for frame in reversed(frames)]
        assert whole is not None
        assert whole.buffer == TCP


def test_a_fragment_of_which_only_the_first_or_the_last_came_is_no_segment() -> None:
    for frames in (in_fragments(), in_fragments6()):
        for frame in frames:
            assert decode(frame) is None


def test_padding_behind_fragments_is_not_of_them() -> None:
    decoder = Decoder(ETHERNET)
    for frames in (in_fragments(), in_fragments6()):
        *_, whole = [decoder.decode(frame + b"\xaa" * 6, 1.0) for frame in frames]
        assert whole is not None
        assert whole.buffer == TCP


def test_a_packet_in_one_fragment_is_whole() -> None:
    """RFC 6946. Bits that are reserved mean nothing."""
    for field in (0, 0b110):
        frame = ethernet(ipv6(fragment6(TCP, field, 7), FRAGMENT), IPV6)
        assert decode(frame) == expected(frame)


def test_headers_behind_the_header_of_a_fragment() -> None:
    """They are a part of the data that are cut."""
    options = bytes([IN_TCP, 1]) + bytes(14)
    whole = options + TCP
    decoder = Decoder(ETHERNET)
    cut = ((whole[:24], 0 | 1), (whole[24:], 24))
    *_, found = [
        decoder.decode(ethernet(ipv6(fragment6(data, field, 7, 60), FRAGMENT), IPV6), 1.0)
        for data, field in cut
    ]
    assert found == Segment(6, A6, B6, whole, 16, len(whole))


def test_a_tunnel_in_fragments() -> None:
    inner = bytes.fromhex("0800000000000700") + ethernet(ipv4(TCP))
    whole = udp(inner, 4789)
    decoder = Decoder(ETHERNET)
    *_, found = [
        decoder.decode(ethernet(ipv4(data, IN_UDP, OUTER, fragment=fragment)), 1.0)
        for data, fragment in ((whole[:40], MORE), (whole[40:], 5))
    ]
    assert found == expected(whole)


# IPv6

EXTENSION_HEADERS: dict[str, tuple[int, bytes]] = {
    "hop by hop": (0, bytes([IN_TCP, 0]) + bytes(6)),
    "routing": (43, bytes([IN_TCP, 2]) + bytes(22)),
    "destination options": (60, bytes([IN_TCP, 1]) + bytes(14)),
    "mobility": (135, bytes([IN_TCP, 1]) + bytes(14)),
    # Its length counts words of four bytes, and leaves out two of them.
    "authentication": (51, bytes([IN_TCP, 4]) + bytes(22)),
    "one behind the other": (
        0,
        bytes([43, 1, *bytes(14), 51, 2, *bytes(22), 60, 4, *bytes(22), IN_TCP, 0, *bytes(6)]),
    ),
}


@pytest.mark.parametrize("name", EXTENSION_HEADERS)
def test_extension_headers(name: str) -> None:
    protocol, headers = EXTENSION_HEADERS[name]
    frame = ethernet(ipv6(headers + TCP, protocol), IPV6)
    assert decode(frame) == expected(frame)


def test_the_payload_length_of_ipv6_is_believed() -> None:
    frame = ethernet(ipv6(TCP) + bytes(9), IPV6)
    assert decode(frame) == expected(frame)
    for length in (1, 20):
        frame = ethernet(ipv6(TCP, length=length), IPV6)
        segment = expected(frame)
        assert decode(frame) == segment._replace(end=segment.start + length)


def test_a_payload_length_of_nothing_is_filled_in_later() -> None:
    """By the network card; or it is a jumbogram, whose length stands in an option."""
    frame = ethernet(ipv6(TCP, length=0), IPV6)
    assert decode(frame) == expected(frame)


# Tunnels

INNER = ethernet(ipv4(TCP))
TUNNELS: dict[str, bytes] = {
    "IPv4 in IPv4": ethernet(ipv4(ipv4(TCP), IN_IPV4, OUTER)),
    "IPv6 in IPv4": ethernet(ipv4(ipv6(TCP), IN_IPV6, OUTER)),
    "IPv4 in IPv6": ethernet(ipv6(ipv4(TCP), IN_IPV4, (B6, A6)), IPV6),
    "MPLS in IP": ethernet(ipv4(bytes.fromhex("00064140") + ipv4(TCP), IN_MPLS, OUTER)),
    "UDP in IPv4 in IPv4": ethernet(ipv4(ipv4(UDP, IN_UDP), IN_IPV4, OUTER)),
    "GRE": in_gre("0000 0800", ipv4(TCP)),
    "GRE, IPv6": in_gre("0000 86dd", ipv6(TCP)),
    "GRE, Ethernet": in_gre("0000 6558", INNER),
    "GRE, MPLS": in_gre("0000 8847 00064140", ipv4(TCP)),
    "GRE with a checksum": in_gre("8000 0800 beef0000", ipv4(TCP)),
    "GRE with a key": in_gre("2000 0800 00000007", ipv4(TCP)),
    "GRE with a sequence number": in_gre("1000 0800 00000007", ipv4(TCP)),
    "GRE with all of them": in_gre("b000 0800 beef0000 00000007 00000008", ipv4(TCP)),
    "GRE with reserved bits": in_gre("0f78 0800", ipv4(TCP)),
    "PPTP": in_gre("2001 880b 00310007", bytes.fromhex("ff030021") + ipv4(TCP)),
    "PPTP with a sequence number": in_gre(
        "3001 880b 00310007 00000008", bytes.fromhex("0021") + ipv4(TCP)
    ),
    "PPTP with an acknowledgment": in_gre(
        "3081 880b 00310007 00000008 00000009", bytes.fromhex("ff030057") + ipv6(TCP)
    ),
    "ERSPAN, type I": in_gre("0000 88be", INNER),
    "ERSPAN, type I, with reserved bits": in_gre("0f00 88be", INNER),
    "ERSPAN, type II": in_gre("1000 88be 00000007 1001000000000000", INNER),
    "ERSPAN, type III": in_gre("1000 22eb 00000007 200100000000000000000000", INNER),
    "VXLAN": in_udp(bytes.fromhex("0800000000000700") + INNER, 4789),
    "VXLAN of Linux": in_udp(bytes.fromhex("0800000000000700") + INNER, 8472),
    "VXLAN, answer": in_udp(bytes.fromhex("0800000000000700") + INNER, 50000, 4789),
    "VXLAN in IPv6": ethernet(
        ipv6(udp(bytes.fromhex("0800000000000700") + INNER, 4789), IN_UDP, (B6, A6)), IPV6
    ),
    "VXLAN, 802.3": in_udp(
        bytes.fromhex("0800000000000700") + ethernet(LLC + uint16(IPV4) + ipv4(TCP), 0x39), 4789
    ),
    "Geneve": in_udp(bytes.fromhex("0000655800000700") + INNER, 6081),
    "Geneve, IPv4": in_udp(bytes.fromhex("0000080000000700") + ipv4(TCP), 6081),
    "Geneve with an option": in_udp(bytes.fromhex("0100655800000700 0102ff00") + INNER, 6081),
    "Geneve with many options": in_udp(
        bytes.fromhex("3f00655800000700") + b"\x45" * 252 + INNER, 6081
    ),
    "GTP-U": in_udp(bytes.fromhex("30ff003100000007") + ipv4(TCP), 2152),
    "GTP-U, IPv6": in_udp(bytes.fromhex("30ff003100000007") + ipv6(TCP), 2152),
    "GTP-U with an N-PDU number": in_udp(
        bytes.fromhex("31ff003100000007 00000785") + ipv4(TCP), 2152
    ),
    "GTP-U with a sequence number": in_udp(
        bytes.fromhex("32ff003100000007 00070085") + ipv4(TCP), 2152
    ),
    "GTP-U with no extension header": in_udp(
        bytes.fromhex("34ff003100000007 00000000") + ipv4(TCP), 2152
    ),
    "GTP-U with extension headers": in_udp(
        bytes.fromhex("34ff003100000007 00000085 01100185 0210010203040500") + ipv4(TCP), 2152
    ),
}


@pytest.mark.parametrize("name", TUNNELS)
def test_tunnels(name: str) -> None:
    frame = TUNNELS[name]
    assert decode(frame) == expected(frame)


NO_TUNNELS: dict[str, bytes] = {
    "VXLAN without an identifier": in_udp(bytes.fromhex("0000000000000700") + INNER, 4789),
    "Geneve, version 1": in_udp(bytes.fromhex("4000655800000700") + INNER, 6081),
    "GTP-U, version 2": in_udp(bytes.fromhex("50ff003100000007") + ipv4(TCP), 2152),
    "GTP prime": in_udp(bytes.fromhex("20ff003100000007") + ipv4(TCP), 2152),
    "GTP-U, an echo": in_udp(bytes.fromhex("3001003100000007") + ipv4(TCP), 2152),
    "GTP-U, an extension header of no length": in_udp(
        bytes.fromhex("34ff003100000007 00000085 00000000") + ipv4(TCP), 2152
    ),
    "GTP-U, neither IPv4 nor IPv6": in_udp(
        bytes.fromhex("30ff003100000007") + b"\x55" + ipv4(TCP)[1:], 2152
    ),
    "VXLAN, ARP": in_udp(bytes.fromhex("0800000000000700") + ethernet(bytes(28), 0x0806), 4789),
    "another port": in_udp(bytes.fromhex("0800000000000700") + INNER, 4788, 4790),
}


@pytest.mark.parametrize("name", NO_TUNNELS)
def test_a_datagram_that_is_no_tunnel_is_itself(name: str) -> None:
    frame = NO_TUNNELS[name]
    assert decode(frame) == Segment(17, *OUTER, frame, 34, len(frame))


@pytest.mark.parametrize(
    "frame",
    [
        in_gre("0000 0806", ipv4(TCP)),
        in_gre("2001 880b 00310007", bytes.fromhex("c021") + ipv4(TCP)),
        ethernet(ipv4(ipv4(TCP, ICMP), IN_IPV4, OUTER)),
        ethernet(ipv4(ipv6(TCP), IN_IPV4, OUTER)),
        ethernet(ipv4(ipv4(TCP), IN_IPV6, OUTER)),
    ],
    ids=["ARP in GRE", "LCP in PPTP", "ICMP", "IPv6 as IPv4", "IPv4 as IPv6"],
)
def test_a_tunnel_of_something_else_is_none(frame: bytes) -> None:
    assert decode(frame) is None


def test_a_tunnel_needs_its_header_and_what_pads_a_frame_is_none_of_it() -> None:
    """The datagram ends within the header; the frame goes on as if it did not."""
    tunnel = bytes.fromhex("0800000000000700") + INNER
    short = udp(tunnel[:7], 4789)
    frame = ethernet(ipv4(short, IN_UDP, OUTER) + tunnel[7:])
    assert decode(frame) == Segment(17, *OUTER, frame, 34, 34 + len(short))


def test_a_header_of_a_tunnel_is_all_that_is_needed() -> None:
    """Then there is nothing in it, and it is no datagram that somebody else would read."""
    frame = in_udp(bytes.fromhex("0800000000000700"), 4789)
    assert decode(frame) is None


@BOTH_WAYS
@pytest.mark.parametrize("outermost", ["IPv4", "UDP"])
def test_eight_tunnels_in_each_other(around: Around, outermost: str) -> None:
    """Nine are too many: somebody makes them up."""
    packet, protocol = TCP, IN_TCP
    frames = []
    for _ in range(10):
        inner = ipv4(packet, protocol, (A, B) if protocol == IN_TCP else OUTER)
        if outermost == "UDP":
            # Geneve, whose payload is an IPv4 packet.
            wrapped, around_inner = udp(bytes.fromhex("0000080000000700") + inner, 6081), IN_UDP
        else:
            wrapped, around_inner = inner, IN_IPV4
        frames.append(around(inner))
        packet, protocol = wrapped, around_inner
    eight, nine = frames[8], frames[9]
    assert decode(eight) == expected(eight)
    if outermost == "UDP":
        start = expected(nine).start - len(ipv4(b"")) - 8 - 8
        assert decode(nine) == Segment(17, *OUTER, nine, start, len(nine))
    else:
        assert decode(nine) is None
