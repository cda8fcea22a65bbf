"""The headers around TCP and UDP: link layers, IP, and tunnels.

What belongs here: finding the innermost transport header in a frame, as positions in a buffer. Nothing is
checked that need not be to find it: a frame that cannot be read is not an IP packet.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import NamedTuple

from .fragments import Fragments

__all__ = ["LINK_TYPES", "TCP", "UDP", "Decoder", "Segment"]

TCP = 6
UDP = 17

_IPV4, _IPV6 = 0x0800, 0x86DD
# Of nearly all frames: EtherType, then of IPv4 version and header length, total length, flags and fragment
# offset, protocol, source and destination.
_ETHERNET_IPV4 = struct.Struct("!12xHBxH2xHxB2x4s4s")
_PLAIN_IPV4 = 0x45  # a header without options

# What a NamedTuple does when it is called, without the call.
_segment = tuple.__new__

_LINKTYPE_ETHERNET = 1
_ETHERNET = 0x6558  # "transparent Ethernet bridging"
_MAXIMUM_DEPTH = 8


class Segment(NamedTuple):
    """A TCP segment or UDP datagram.

    Attributes:
        protocol: `TCP` or `UDP`.
        source, destination: the addresses, 4 or 16 bytes.
        buffer: what it is a part of.
        start, end: where in the buffer it begins, with its header, and ends.
    """

    protocol: int
    source: bytes
    destination: bytes
    buffer: bytes
    start: int
    end: int


def _uint16(buffer: bytes, at: int) -> int:
    return buffer[at] << 8 | buffer[at + 1]


def _ip_version(buffer: bytes, at: int) -> int:
    return {4: _IPV4, 6: _IPV6}.get(buffer[at] >> 4, 0)


# Where the network layer begins in a frame of a link type, and its EtherType. LINKTYPE_ values:
# tcpdump.org/linktypes.html.
_Link = Callable[[bytes], tuple[int, int]]

# Protocol families of BSD's loopback: IPv6 differs from system to system.
_FAMILIES = {2: _IPV4, 10: _IPV6, 24: _IPV6, 28: _IPV6, 30: _IPV6}


def _null(frame: bytes) -> tuple[int, int]:
    # In the byte order of the machine that captured.
    family = frame[0] or frame[3]
    return 4, _FAMILIES.get(family, 0)


def _ppp(frame: bytes) -> tuple[int, int]:
    at = 2 if frame[:2] == b"\xff\x03" else 0
    return at + 2, _PPP_PROTOCOLS.get(_uint16(frame, at), 0)


_PPP_PROTOCOLS = {0x0021: _IPV4, 0x0057: _IPV6}

LINK_TYPES: dict[int, tuple[str, _Link]] = {
    0: ("BSD loopback", _null),
    1: ("Ethernet", lambda frame: (12, -1)),
    9: ("PPP", _ppp),
    12: ("raw IP", lambda frame: (0, _ip_version(frame, 0))),
    14: ("raw IP", lambda frame: (0, _ip_version(frame, 0))),
    101: ("raw IP", lambda frame: (0, _ip_version(frame, 0))),
    108: ("OpenBSD loopback", _null),
    113: ("Linux cooked v1", lambda frame: (16, _uint16(frame, 14))),
    228: ("raw IPv4", lambda frame: (0, _IPV4)),
    229: ("raw IPv6", lambda frame: (0, _IPV6)),
    276: ("Linux cooked v2", lambda frame: (20, _uint16(frame, 0))),
}
"""The link types that can be read: their names, and how."""

_VLAN_TAGS = {0x8100, 0x88A8, 0x9100, 0x9200}
_MPLS = {0x8847, 0x8848}
_PPPOE_SESSION = 0x8864
_ERSPAN = {0x88BE: 8, 0x22EB: 12}

_IPV6_EXTENSION_HEADERS = {0, 43, 60, 135}
_FRAGMENT, _AUTHENTICATION = 44, 51


class Decoder:
    """Finds the transport segment in frames of one link type. It keeps IP fragments until they are whole.

    Attributes:
        key_of: finds in a frame that is TCP in IPv4 and no more than that, as nearly all are, the addresses and then the ports;
            of any other it gives nothing. It takes a fraction of the time.

    Raises:
        KeyError: the link type is not in `LINK_TYPES`.
    """

    def __init__(self, link_type: int) -> None:
        self._link = LINK_TYPES[link_type][1]
        self.key_of = _key_in_ethernet if link_type == _LINKTYPE_ETHERNET else _no_key
        self._fragments = Fragments()

    def decode(self, frame: bytes, ts: float) -> Segment | None:
        """The innermost TCP or UDP segment of a frame that came at `ts`; None where there is none, or where
        it is a fragment of a packet that is not whole yet.
        """
        try:
            at, ethertype = self._link(frame)
            if ethertype < 0:
                if len(frame) >= _ETHERNET_IPV4.size:
                    ethertype, header, total, fragment, protocol, source, destination = (
                        _ETHERNET_IPV4.unpack_from(frame)
                    )
                    if (
                        ethertype == _IPV4
                        and header == _PLAIN_IPV4
                        and total >= 28
                        and not fragment & 0x3FFF
                    ):
                        end = min(len(frame), 14 + total)
                        if protocol == TCP:
                            return _segment(Segment, (TCP, source, destination, frame, 34, end))
                        return self._transport(frame, 34, end, protocol, source, destination, ts, 0)
                at, ethertype = _ethernet(frame, 0)
            return self._network(frame, at, len(frame), ethertype, ts, 0)
        except IndexError:
            return None

    def _network(
        self, buffer: bytes, at: int, end: int, ethertype: int, ts: float, depth: int
    ) -> Segment | None:
        if depth > _MAXIMUM_DEPTH:
            return None
        while True:
            if ethertype == _IPV4:
                return self._ipv4(buffer, at, end, ts, depth)
            if ethertype == _IPV6:
                return self._ipv6(buffer, at, end, ts, depth)
            if ethertype in _VLAN_TAGS:
                at, ethertype = _length_or_type(buffer, at + 2)
            elif ethertype == _PPPOE_SESSION:
                # The length counts the PPP protocol field too.
                end = min(end, at + 6 + _uint16(buffer, at + 4))
                at, ethertype = at + 8, _PPP_PROTOCOLS.get(_uint16(buffer, at + 6), 0)
            elif ethertype in _MPLS:
                while not buffer[at + 2] & 1:
                    at += 4
                at += 4
                ethertype = _ip_version(buffer, at)
                if not ethertype and not buffer[at] >> 4:
                    # A pseudowire: a control word, then Ethernet (RFC 4448 section 4.6).
                    at, ethertype = at + 4, _ETHERNET
            elif ethertype == _ETHERNET:
                at, ethertype = _ethernet(buffer, at)
            else:
                return None

    def _ipv4(self, buffer: bytes, at: int, end: int, ts: float, depth: int) -> Segment | None:
        header = (buffer[at] & 0x0F) * 4
        # 0 where the network card cuts the packet into segments and fills it in later.
        total = _uint16(buffer, at + 2) or end - at
        if buffer[at] >> 4 != 4 or header < 20 or total < header:
            return None
        end = min(end, at + total)
        start = at + header
        if start > end:
            return None
        protocol = buffer[at + 9]
        source, destination = buffer[at + 12 : at + 16], buffer[at + 16 : at + 20]
        fragment = _uint16(buffer, at + 6) & 0x3FFF
        if fragment:
            key = source + destination + buffer[at + 4 : at + 6] + bytes([protocol])
            whole = self._fragments.add(
                source, key, (fragment & 0x1FFF) * 8, not fragment & 0x2000, buffer[start:end], ts
            )
            if whole is None:
                return None
            buffer, start, end = whole, 0, len(whole)
        return self._transport(buffer, start, end, protocol, source, destination, ts, depth)

    def _ipv6(self, buffer: bytes, at: int, end: int, ts: float, depth: int) -> Segment | None:
        if buffer[at] >> 4 != 6:
            return None
        start = at + 40
        payload = _uint16(buffer, at + 4)
        if payload:
            end = min(end, start + payload)
        if start > end:
            return None
        protocol = buffer[at + 6]
        source, destination = buffer[at + 8 : at + 24], buffer[at + 24 : start]
        while True:
            if protocol in _IPV6_EXTENSION_HEADERS:
                protocol, start = buffer[start], start + 8 + buffer[start + 1] * 8
            elif protocol == _AUTHENTICATION:
                protocol, start = buffer[start], start + 8 + buffer[start + 1] * 4
            elif protocol == _FRAGMENT:
                field = _uint16(buffer, start + 2)
                key = source + destination + buffer[start + 4 : start + 8]
                protocol, start = buffer[start], start + 8
                if field & 0xFFF9:
                    whole = self._fragments.add(
                        source, key, field & 0xFFF8, not field & 1, buffer[start:end], ts
                    )
                    if whole is None:
                        return None
                    buffer, start, end = whole, 0, len(whole)
            else:
                break
        return self._transport(buffer, start, end, protocol, source, destination, ts, depth)

    def _transport(
        self,
        buffer: bytes,
        start: int,
        end: int,
        protocol: int,
        source: bytes,
        destination: bytes,
        ts: float,
        depth: int,
    ) -> Segment | None:
        if start > end:  # the extension headers of IPv6 say that they go on behind it
            return None
        if protocol == TCP:
            return Segment(TCP, source, destination, buffer, start, end)
        inner = None
        if protocol == UDP:
            inner = _udp_tunnel(buffer, start, end)
        elif protocol in _IP_TUNNELS:
            inner = _IP_TUNNELS[protocol](buffer, start)
        if inner is not None:
            segment = self._network(buffer, inner[0], end, inner[1], ts, depth + 1)
            if segment is not None:
                return segment
        return Segment(UDP, source, destination, buffer, start, end) if protocol == UDP else None


# Where the header of IPv4 has no options, and the packet is no fragment.
_UNBROKEN = {b"\0\0", b"\x40\0"}


def _key_in_ethernet(frame: bytes) -> bytes:
    is_plain = frame[12:15] == b"\x08\x00\x45" and frame[20:22] in _UNBROKEN
    return frame[26:38] if is_plain and frame[23:24] == b"\x06" else b""


def _no_key(frame: bytes) -> bytes:
    return b""


def _length_or_type(buffer: bytes, at: int) -> tuple[int, int]:
    """What follows an EtherType field, which in IEEE 802.3 is a length with LLC and SNAP behind it."""
    value = _uint16(buffer, at)
    if value < 0x0600 and buffer[at + 2 : at + 5] == b"\xaa\xaa\x03":
        return at + 10, _uint16(buffer, at + 8)
    return at + 2, value


def _ethernet(buffer: bytes, at: int) -> tuple[int, int]:
    return _length_or_type(buffer, at + 12)


def _gre(buffer: bytes, at: int) -> tuple[int, int]:
    flags, version = buffer[at], buffer[at + 1] & 0x07
    ethertype = _uint16(buffer, at + 2)
    inner = at + 4 + sum(4 for bit in (0x80, 0x20, 0x10) if flags & bit)
    if version == 1:  # PPTP (RFC 2637): an acknowledgment number, then PPP
        inner += 4 if buffer[at + 1] & 0x80 else 0
        skip, ethertype = _ppp(buffer[inner : inner + 4])
        return inner + skip, ethertype
    if ethertype in _ERSPAN:
        # Without a sequence number there is no ERSPAN header (type I).
        return inner + (_ERSPAN[ethertype] if flags & 0x10 else 0), _ETHERNET
    return inner, ethertype


_IP_TUNNELS: dict[int, Callable[[bytes, int], tuple[int, int]]] = {
    4: lambda buffer, at: (at, _IPV4),
    41: lambda buffer, at: (at, _IPV6),
    47: _gre,
    137: lambda buffer, at: (at, 0x8847),
}


def _vxlan(buffer: bytes, at: int) -> tuple[int, int] | None:
    return (at + 8, _ETHERNET) if buffer[at] == 0x08 else None


def _geneve(buffer: bytes, at: int) -> tuple[int, int] | None:
    if buffer[at] >> 6:
        return None
    return at + 8 + (buffer[at] & 0x3F) * 4, _uint16(buffer, at + 2)


def _gtp_u(buffer: bytes, at: int) -> tuple[int, int] | None:
    if buffer[at] & 0xF0 != 0x30 or buffer[at + 1] != 0xFF:
        return None
    flags, at = buffer[at], at + 8
    if flags & 0x07:
        following, at = buffer[at + 3], at + 4
        while flags & 0x04 and following:
            size = buffer[at] * 4
            if not size:
                return None
            following, at = buffer[at + size - 1], at + size
    return at, _ip_version(buffer, at)


# By the port that either side uses.
_UDP_TUNNELS: dict[int, Callable[[bytes, int], tuple[int, int] | None]] = {
    4789: _vxlan,
    8472: _vxlan,
    6081: _geneve,
    2152: _gtp_u,
}


def _udp_tunnel(buffer: bytes, at: int, end: int) -> tuple[int, int] | None:
    """Where a tunnel over UDP begins, judged by port and header; None where it is none."""
    if at + 16 > end:
        return None
    tunnel = _UDP_TUNNELS.get(_uint16(buffer, at + 2)) or _UDP_TUNNELS.get(_uint16(buffer, at))
    return tunnel(buffer, at + 8) if tunnel is not None else None
