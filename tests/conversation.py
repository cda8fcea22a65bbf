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
    source, sport, destination, dport = ends if is_orig else (*ends[2:], *ends[:2])
    tcp = dpkt.tcp.TCP(
        sport=sport,
        dport=dport,
        seq=seq & 0xFFFFFFFF,
        ack=ack & 0xFFFFFFFF,
        flags=flags,
        win=65535,
        data=data,
    )
    addresses = [ipaddress.ip_address(address) for address in (source, destination)]
    if addresses[0].version == 4:
        ip = dpkt.ip.IP(
            src=addresses[0].packed, dst=addresses[1].packed, p=dpkt.ip.IP_PROTO_TCP, data=tcp
        )
        kind = dpkt.ethernet.ETH_TYPE_IP
    else:
        ip = dpkt.ip6.IP6(
            src=addresses[0].packed,
            dst=addresses[1].packed,
            nxt=dpkt.ip.IP_PROTO_TCP,
            hlim=64,
            plen=len(tcp),
            data=tcp,
        )
        kind = dpkt.ethernet.ETH_TYPE_IP6
    macs = [b"\x02\0\0\0\0\x01", b"\x02\0\0\0\0\x02"]
    src, dst = macs if is_orig else macs[::-1]
    return bytes(dpkt.ethernet.Ethernet(src=src, dst=dst, type=kind, data=ip))


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
    """What the two sides of the one conversation in a capture said, segment by segment."""
    chunks: list[Chunk] = []
    first = None
    with path.open("rb") as file:
        for _, data in dpkt.pcap.Reader(file):
            tcp = dpkt.ethernet.Ethernet(data).data.data
            first = first or tcp.sport
            if tcp.data:
                chunks.append((tcp.sport == first, bytes(tcp.data)))
    return chunks
