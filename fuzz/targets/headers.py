"""The headers around TCP and UDP: `Decoder`, for any frames of any link type, in tunnels and in fragments.

A piece is a frame; its kind is the place of its link type among all.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from functools import partial
from random import Random

from events.capture.headers import LINK_TYPES, TCP, UDP, Decoder, Segment

from ..oracles import EXCEPTIONS, LINEAR, MEMORY, Broken, check_work, same
from ..pieces import join, split
from ..target import Target

__all__ = ["TARGET"]

INSIDE = "a segment is inside the bytes that it is said to be in"
WHOLE = "a frame that is well-formed has its segment, in whatever it is wrapped"
APART = "frames of other packets change nothing"

_LINKS = sorted(LINK_TYPES)
_FRAGMENTS = 2**24 + 2**20  # what may be held of packets that are not whole, and one more packet

# What all well-formed frames carry: from and to these ports.
_TCP = (
    struct.pack("!HHIIBBHHH", 49152, 443, 1, 2, 0x50, 0x18, 0xFFFF, 0, 0)
    + b"\x15\x03\x03\0\x02\x01\0"
)
_UDP = struct.pack("!HHHH", 49152, 443, 15, 0) + b"payload"
_MAC = bytes(12)


def _ipv4(protocol: int, data: bytes, fragment: int = 0) -> bytes:
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(data), 7, fragment, 64, protocol, 0)
    return head + b"\xc0\0\x02\x01\xc6\x33\x64\x02" + data


def _ipv6(protocol: int, data: bytes) -> bytes:
    return struct.pack("!IHBB", 0x60000000, len(data), protocol, 64) + bytes(32) + data


def _udp(port: int, data: bytes) -> bytes:
    return struct.pack("!HHHH", 49152, port, 8 + len(data), 0) + data


def _ethernet(kind: int, data: bytes) -> bytes:
    return _MAC + kind.to_bytes(2, "big") + data


# What carries an IPv4 packet as an IPv4 packet.
_TUNNELS: tuple[Callable[[bytes], bytes], ...] = (
    lambda ip: _ipv4(4, ip),
    lambda ip: _ipv4(47, b"\0\0\x08\0" + ip),
    lambda ip: _ipv4(47, b"\xb0\0\x08\0" + bytes(12) + ip),
    lambda ip: _ipv4(47, b"\x30\x01\x88\x0b\0\0\0\0\0\0\0\1" + b"\xff\x03\0\x21" + ip),
    lambda ip: _ipv4(47, b"\x10\0\x88\xbe" + bytes(4) + bytes(8) + _ethernet(0x0800, ip)),
    lambda ip: _ipv4(137, b"\0\0\1\x40" + ip),
    lambda ip: _ipv4(17, _udp(4789, b"\x08\0\0\0\0\0\1\0" + _ethernet(0x0800, ip))),
    lambda ip: _ipv4(17, _udp(6081, b"\1\0\x65\x58\0\0\0\0" + bytes(4) + _ethernet(0x0800, ip))),
    lambda ip: _ipv4(17, _udp(2152, b"\x30\xff\0\0\0\0\0\1" + ip)),
    lambda ip: _ipv4(17, _udp(2152, b"\x34\xff\0\0\0\0\0\1" + b"\0\0\0\x85\1\0\0\0" + ip)),
    lambda ip: _ipv4(41, _ipv6(4, ip)),
    lambda ip: _ipv4(41, _ipv6(0, b"\x3c\0" + bytes(6) + b"\x04\0" + bytes(6) + ip)),
)

# What carries an IPv4 packet in a frame of a link type.
_FRAMES: tuple[tuple[int, Callable[[bytes], bytes]], ...] = (
    (0, lambda ip: b"\2\0\0\0" + ip),
    (1, lambda ip: _ethernet(0x0800, ip)),
    (1, lambda ip: _ethernet(0x8100, b"\0\7\x88\xa8\0\1\x08\0" + ip)),
    (1, lambda ip: _ethernet(0x8847, b"\0\1\0\x40\0\1\1\x40" + ip)),
    (1, lambda ip: _ethernet(0x8847, b"\0\1\1\x40\0\0\0\0" + _ethernet(0x0800, ip))),
    (
        1,
        lambda ip: _ethernet(
            0x8864, b"\x11\0\0\1" + (2 + len(ip)).to_bytes(2, "big") + b"\0\x21" + ip
        ),
    ),
    (1, lambda ip: _ethernet(8 + len(ip), b"\xaa\xaa\x03\0\0\0\x08\0" + ip)),
    (9, lambda ip: b"\xff\x03\0\x21" + ip),
    (12, lambda ip: ip),
    (101, lambda ip: ip),
    (113, lambda ip: bytes(14) + b"\x08\0" + ip),
    (228, lambda ip: ip),
    (276, lambda ip: b"\x08\0" + bytes(18) + ip),
)


# Inputs


def _inputs(random: Random) -> Iterator[bytes]:
    while True:
        ip = random.choice((_ipv4(TCP, _TCP), _ipv4(UDP, _UDP)))
        if random.random() < 0.3:
            ip = random.choice((_ipv4(17, _UDP[:8], 0x2000), _ipv4(17, _UDP[8:], 1)))
        words = [f"{len(ip)} bytes of IP"]
        for _ in range(random.choice((0, 0, 1, 1, 2, 7, 12))):
            ip = random.choice(_TUNNELS)(ip)
        link, wrap = random.choice(_FRAMES)
        frame = wrap(ip)
        pieces = []
        for _ in range(random.choice((1, 2, 4))):
            data = bytearray(frame)
            for _ in range(random.choice((0, 1, 1, 2, 4))):
                words.append(_broken(data, random))
            other = random.choice(_LINKS) if random.random() < 0.1 else link
            pieces.append((_LINKS.index(other), bytes(data)))
        yield join("; ".join(words), pieces)


_VALUES = (0, 1, 4, 5, 6, 17, 40, 41, 44, 47, 50, 51, 60, 0x45, 0x60, 0x7F, 0x80, 0xFF)


def _broken(data: bytearray, random: Random) -> str:
    """Break a frame, and say how; its head is more often broken than what it carries."""
    at = int(len(data) * random.random() ** 2)
    way = random.randrange(5)
    if way == 0:
        del data[at:]
        return f"cut at {at}"
    if way == 1:
        data[at:at] = random.randbytes(random.choice((1, 2, 4, 8)))
        return f"more at {at}"
    if way == 2:
        del data[at : at + random.choice((1, 2, 4))]
        return f"less at {at}"
    if at < len(data):
        data[at] = random.choice(_VALUES) if way == 3 else data[at] ^ 1 << random.randrange(8)
    return f"another byte at {at}"


# What must hold


def _check(data: bytes, thoroughly: bool) -> None:
    _, pieces = split(data)
    decoders: dict[int, Decoder] = {}
    for ts, (kind, frame) in enumerate(pieces):
        link = _LINKS[kind % len(_LINKS)]
        decoder = decoders.get(link)
        if decoder is None:
            decoder = decoders[link] = Decoder(link)
        _check_segment(decoder.decode(frame, float(ts)))
        if decoder._fragments._held > _FRAGMENTS:
            raise Broken(MEMORY, f"{decoder._fragments._held:,} bytes of fragments are held")
    if thoroughly:
        # What was damaged before changes nothing for what is well-formed.
        random = Random(len(data))
        for link, wrap in _FRAMES:
            decoder = decoders.get(link) or Decoder(link)
            for tunnel in random.sample(_TUNNELS, 3):
                found = decoder.decode(wrap(tunnel(_ipv4(TCP, _TCP))), 99.0)
                inside = found and found.buffer[found.start : found.end]
                same(WHOLE, inside, _TCP)
        size = sum(len(frame) for _, frame in pieces)
        again = partial(_decode_all, pieces)
        check_work(again, size, for_each_byte=20, once=2000)


def _decode_all(pieces: list[tuple[int, bytes]]) -> None:
    for kind, frame in pieces:
        Decoder(_LINKS[kind % len(_LINKS)]).decode(frame, 0.0)


def _check_segment(found: Segment | None) -> None:
    if found is None:
        return
    if found.protocol not in (TCP, UDP) or len(found.source) != len(found.destination):
        raise Broken(INSIDE, f"{found.protocol} from {found.source.hex()}")
    if len(found.source) not in (4, 16):
        raise Broken(INSIDE, f"from {found.source.hex()}")
    if not found.start <= found.end <= len(found.buffer):
        raise Broken(INSIDE, f"from {found.start} to {found.end} of {len(found.buffer)}")


TARGET = Target(
    "headers",
    "frames of every link type, with tunnels and fragments in them",
    {
        EXCEPTIONS: "always",
        INSIDE: "always",
        MEMORY: "always",
        WHOLE: "rarely",
        LINEAR: "rarely",
    },
    _inputs,
    _check,
    rarely=200,
)
