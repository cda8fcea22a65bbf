"""Conversations as captures: what two sides say to each other, as TCP segments in Ethernet frames.

Test data and benchmarks are made with it from what real TLS stacks said.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import dpkt

Chunk = tuple[bool, bytes]
"""Whether the originator says it, and what it says."""

Packet = tuple[float, bytes]
"""A time in seconds since the epoch, and an Ethernet frame."""


class Ends(NamedTuple):
    """The addresses of a conversation; from the blocks for documentation (RFC 5737, RFC 3849)."""

    orig_h: str = "192.0.2.1"
    orig_p: int = 49152
    resp_h: str = "198.51.100.2"
    resp_p: int = 443


def frame(ends: Ends, is_orig: bool, seq: int, ack: int, flags: int, data: bytes = b"") -> bytes:
    """One TCP segment in an Ethernet frame."""
    sport, dport = (ends.orig_p, ends.resp_p) if is_orig else (ends.resp_p, ends.orig_p)
    segment = dpkt.tcp.TCP(
        sport=sport,
        dport=dport,
        seq=seq & 0xFFFFFFFF,
        ack=ack & 0xFFFFFFFF,
        flags=flags,
        win=65535,
        data=data,
    )
    return _in_ethernet(ends, is_orig, dpkt.ip.IP_PROTO_TCP, segment)


def datagram_frame(ends: Ends, is_orig: bool, data: bytes) -> bytes:
    """One UDP datagram in an Ethernet frame."""
    sport, dport = (ends.orig_p, ends.resp_p) if is_orig else (ends.resp_p, ends.orig_p)
    datagram = dpkt.udp.UDP(sport=sport, dport=dport, data=data, ulen=8 + len(data))
    return _in_ethernet(ends, is_orig, dpkt.ip.IP_PROTO_UDP, datagram)


def _in_ethernet(ends: Ends, is_orig: bool, protocol: int, data: dpkt.Packet) -> bytes:
    hosts = (ends.orig_h, ends.resp_h) if is_orig else (ends.resp_h, ends.orig_h)
    source, destination = (ipaddress.ip_address(host) for host in hosts)
    if source.version == 4:
        ip = dpkt.ip.IP(src=source.packed, dst=destination.packed, p=protocol, data=data)
        kind = dpkt.ethernet.ETH_TYPE_IP
    else:
        ip = dpkt.ip6.IP6(
            src=source.packed,
            dst=destination.packed,
            nxt=protocol,
            hlim=64,
            plen=len(data),
            data=data,
        )
        kind = dpkt.ethernet.ETH_TYPE_IP6
    macs = [b"\x02\0\0\0\0\x01", b"\x02\0\0\0\0\x02"]
    src, dst = macs if is_orig else macs[::-1]
    return bytes(dpkt.ethernet.Ethernet(src=src, dst=dst, type=kind, data=ip))


def datagrams(
    chunks: Iterable[Chunk],
    *,
    ends: Ends | None = None,
    start: float = 1_700_000_000.0,
    step: float = 0.001,
) -> list[Packet]:
    """The packets of a flow of datagrams; the arguments are those of `packets`."""
    ends = ends or Ends()
    return [
        (start + index * step, datagram_frame(ends, is_orig, data))
        for index, (is_orig, data) in enumerate(chunks)
    ]


def packets(
    chunks: Iterable[Chunk],
    *,
    ends: Ends | None = None,
    start: float = 1_700_000_000.0,
    step: float = 0.001,
    mss: int = 1460,
    isn: Sequence[int] = (1000, 5000),
    syn: bool = True,
    fin: bool = True,
    acknowledge: bool = True,
) -> list[Packet]:
    """The packets of a conversation: the handshake of TCP, each chunk in segments of at most `mss` bytes,
    which the other side acknowledges, and the end.

    Args:
        chunks: what the two sides say, in order.
        ends: who they are.
        start: the time of the first packet; each other comes `step` seconds later.
        mss: the largest payload of a segment, in bytes.
        isn: the initial sequence numbers of the originator and the responder.
        syn, fin: whether the conversation is begun and ended properly.
        acknowledge: whether each chunk is acknowledged at once, and not only by what is said next.
    """
    ends = ends or Ends()
    out: list[Packet] = []
    seq = {True: isn[0], False: isn[1]}

    def send(is_orig: bool, flags: int, data: bytes = b"") -> None:
        ack = seq[not is_orig] if flags & dpkt.tcp.TH_ACK else 0
        out.append((start + len(out) * step, frame(ends, is_orig, seq[is_orig], ack, flags, data)))
        seq[is_orig] += len(data) + bool(flags & (dpkt.tcp.TH_SYN | dpkt.tcp.TH_FIN))

    ack_flag = dpkt.tcp.TH_ACK
    if syn:
        send(True, dpkt.tcp.TH_SYN)
        send(False, dpkt.tcp.TH_SYN | ack_flag)
        send(True, ack_flag)
    else:
        seq = {True: isn[0] + 1, False: isn[1] + 1}
    for is_orig, data in chunks:
        for at in range(0, len(data), mss):
            send(is_orig, ack_flag | dpkt.tcp.TH_PUSH, data[at : at + mss])
        if acknowledge:
            send(not is_orig, ack_flag)
    if fin:
        send(True, dpkt.tcp.TH_FIN | ack_flag)
        send(False, dpkt.tcp.TH_FIN | ack_flag)
        send(True, ack_flag)
    return out


def write(path: Path, captured: Iterable[Packet], linktype: int = dpkt.pcap.DLT_EN10MB) -> Path:
    """Write packets as a pcap file."""
    with path.open("wb") as file:
        writer = dpkt.pcap.Writer(file, snaplen=2**18, linktype=linktype)
        for ts, data in captured:
            writer.writepkt(data, ts=ts)
    return path


def payloads(path: Path) -> list[Chunk]:
    """What the two sides of the one conversation in a capture said, segment by segment or datagram by datagram."""
    chunks: list[Chunk] = []
    first = None
    with path.open("rb") as file:
        for _, data in dpkt.pcap.Reader(file):
            transport = dpkt.ethernet.Ethernet(data).data.data
            first = first or transport.sport
            if transport.data:
                chunks.append((transport.sport == first, bytes(transport.data)))
    return chunks
