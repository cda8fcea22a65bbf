"""Captures in which many talk at once: what several processes may share."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import dpkt

from events import CaptureError, Event, Options
from events.capture.folds import EVENTS, Made
from events.capture.merged import Told, merged
from events.capture.shares import share_of
from events.testing.captures import (
    Chunk,
    Ends,
    Packet,
    datagrams,
    packets,
    payloads,
)

__all__ = ["DATA", "crowd", "shared", "talks"]

DATA = Path(__file__).parents[1] / "data"
_STREAMS = sorted([*DATA.glob("*.pcap")])
_DATAGRAMS = sorted([*(DATA / "dtls").glob("*.pcap"), *(DATA / "quic").glob("*.pcap")])


def talks(count: int, seed: int) -> Iterator[list[Packet]]:
    """So many conversations of streams and datagrams, drawn from those of real stacks."""
    drawn = random.Random(seed)
    for index in range(count):
        ends = Ends(
            orig_h=drawn.choice(["192.0.2.7", "2001:db8::7"]),
            orig_p=1024 + 2 * index,
            resp_h="198.51.100.2",
        )
        if ":" in ends.orig_h:
            ends = ends._replace(resp_h="2001:db8::2")
        start = 1e9 + drawn.random() * drawn.choice([1, 1, 1, 200, 4000])
        step = drawn.choice([0.001, 0.001, 0.1, 80.0])
        if drawn.random() < 0.6:
            said = payloads(drawn.choice(_STREAMS))
            yield packets(
                _cut(said, drawn),
                ends=ends,
                start=start,
                step=step,
                isn=(drawn.getrandbits(32), drawn.getrandbits(32)),
                syn=drawn.random() < 0.8,
                fin=drawn.random() < 0.6,
            )
        else:
            said = payloads(drawn.choice(_DATAGRAMS))
            yield datagrams(_cut(said, drawn), ends=ends, start=start, step=step)


def _cut(said: list[Chunk], drawn: random.Random) -> list[Chunk]:
    """Some conversations break off, and some lack something."""
    if drawn.random() < 0.3:
        said = said[: drawn.randint(1, len(said))]
    if drawn.random() < 0.2:
        said = [chunk for chunk in said if drawn.random() < 0.9]
    return said


def crowd(count: int, seed: int) -> list[Packet]:
    """The packets of so many conversations as they come, some of them in tunnels, in fragments, or at wrong times."""
    drawn = random.Random(seed)
    found: list[Packet] = []
    for talk in talks(count, seed):
        wrap = drawn.choice([_as_it_is, _as_it_is, _as_it_is, _in_vlan, _in_gre, _in_fragments])
        for ts, frame in talk:
            found += [(ts, wrapped) for wrapped in wrap(frame)]
    found.sort(key=lambda packet: packet[0])
    for _ in range(len(found) // 50):
        at = drawn.randrange(len(found))
        found[at] = (found[at][0] + drawn.choice([-50_000.0, 0.5, 300.0]), found[at][1])
    return found


def _as_it_is(frame: bytes) -> Sequence[bytes]:
    return (frame,)


def _in_vlan(frame: bytes) -> Sequence[bytes]:
    return (frame[:12] + b"\x81\x00\x00\x05" + frame[12:],)


def _in_gre(frame: bytes) -> Sequence[bytes]:
    gre = b"\0\0" + frame[12:14]
    return (_ipv4(47, gre + frame[14:]),)


def _in_fragments(frame: bytes) -> Sequence[bytes]:
    if frame[12:14] != b"\x08\x00":
        return (frame,)
    first, rest = frame[34:42], frame[42:]
    head = bytearray(frame[:34])
    head[18:20] = struct.pack("!H", zlib.crc32(frame) & 0xFFFF)
    return (
        _fragment(head, 0x2000, first),
        _fragment(head, 1, rest),
    )


def _fragment(head: bytearray, offset: int, data: bytes) -> bytes:
    head[16:18] = struct.pack("!H", 20 + len(data))
    head[20:22] = struct.pack("!H", offset)
    return bytes(head) + data


def _ipv4(protocol: int, data: bytes) -> bytes:
    ip = dpkt.ip.IP(src=bytes(4), dst=bytes([1] * 4), p=protocol, data=data, len=20 + len(data))
    return bytes(dpkt.ethernet.Ethernet(data=bytes(ip), type=dpkt.ethernet.ETH_TYPE_IP))


def shared(
    path: Path,
    count: int,
    made: Made = EVENTS,
    alone: Callable[[str], None] | None = None,
    **choices: Any,
) -> Iterator[Event]:
    """What is made of a capture that is read in so many shares, all of them here."""
    name = str(path)
    assert made.fold is not None
    options = Options(**choices)
    task = partial(share_of, name, made.fold)
    told = Told(_raise, alone=alone)
    return merged(
        name,
        [task(Options(**choices), index, count) for index in range(count)],
        partial(task, options, 0, 1),
        made.join(name),
        options.memory_limit,
        told,
    )


def _raise(message: str) -> None:
    raise CaptureError("", message)
