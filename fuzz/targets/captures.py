"""Captures: `events.read_capture` and what opens files, whatever is in them.

An input is the file itself.
"""

from __future__ import annotations

import gzip
import itertools
import lzma
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from random import Random
from typing import Any

from construct import Bytes, Int32ul, Struct, this

from events import CaptureError, Event, NotRead, Options, read_capture
from events.capture.files import open_capture
from events.capture.folds import EVENTS
from events.capture.merged import Told, merged
from events.capture.pcapng import BIG_ENDIAN, LITTLE_ENDIAN
from events.capture.shares import share_of
from events.testing.captures import Ends, datagrams, packets
from tests.helpers.capture_files import enhanced_packet, interface, pcap, secrets, section

from ..oracles import EXCEPTIONS, LINEAR, Broken, check_work, random_of, same
from ..target import Target
from . import recorded

__all__ = ["TARGET"]

ALIKE = "the same packets, whoever reads them: libpcap, or what reads compressed files"
SHARED = "the shares of several processes together are what one process gives"
CUT_OFF = "of a file that is cut off, the packets before that are read"
ONE_LINE = "what is wrong with a file is told in one line"

# A packet of pcap in the order of bytes that most machines have.
_PCAP_PACKET = Struct(
    "seconds" / Int32ul,
    "fraction" / Int32ul,
    "captured" / Int32ul,
    "original" / Int32ul,
    "data" / Bytes(this.captured),
)


# Inputs


@cache
def _frames() -> Sequence[list[tuple[float, bytes]]]:
    """The packets of a few short connections."""
    streams = [each for each in recorded.conversations() if sum(len(d) for _, d in each) < 1300]
    flows = [each[:4] for each in recorded.conversations("dtls")]
    said = [packets(each, ends=Ends(orig_p=50000 + i)) for i, each in enumerate(streams)]
    sent = [datagrams(each, ends=Ends(orig_p=40000 + i)) for i, each in enumerate(flows)]
    return [*said, *sent]


def _inputs(random: Random) -> Iterator[bytes]:
    broken = recorded.Broken(random)
    while True:
        frames = list(random.choice(_frames()))
        del frames[random.choice((3, 6, 12, len(frames))) :]
        parts, schema = _parts(frames, random)
        # So that mutations of the same packets go on, and not all begin anew.
        for _ in range(20):
            changed = list(parts)
            for _ in range(random.choice((1, 1, 2))):
                at = random.randrange(len(parts))
                if schema is None or at == 0 or len(parts[at]) > 4000:
                    changed[at] = _damaged(parts[at], random)
                else:
                    changed[at] = broken.variant(schema, parts[at]).data
            if random.random() < 0.1:
                one, other = random.randrange(len(parts)), random.randrange(len(parts))
                changed[one], changed[other] = changed[other], changed[one]
            data = b"".join(changed)
            yield _compressed(data, random) if random.random() < 0.05 else data


def _parts(frames: list[tuple[float, bytes]], random: Random) -> tuple[list[bytes], Any]:
    """A file in parts: its headers, and its packets; and the schema of a packet."""
    if random.random() < 0.5:
        order = random.choice("<<<>")
        link_type = random.choice((1, 1, 1, 1, 101, 113, 276, 7))
        data = pcap(frames, order, nanoseconds=random.random() < 0.3, link_type=link_type)
        ends = itertools.accumulate([24, *(16 + len(frame) for _, frame in frames)])
        starts = [0, *ends]
        parts = [data[a:b] for a, b in itertools.pairwise(starts)]
        return parts, _PCAP_PACKET if order == "<" else None
    blocks = random.choice((LITTLE_ENDIAN, LITTLE_ENDIAN, BIG_ENDIAN))
    each = [enhanced_packet(round(ts * 10**6), frame, blocks=blocks) for ts, frame in frames]
    resolution = random.choice((None, 6, 9, 0x8A))
    key_log = secrets(b"CLIENT_RANDOM " + b"00" * 32 + b" " + b"11" * 48 + b"\n", blocks=blocks)
    more = [key_log] if random.random() < 0.3 else []
    described = interface(tsresol=resolution, blocks=blocks)
    return [section(blocks), described, *more, *each], blocks.Block


def _damaged(data: bytes, random: Random) -> bytes:
    at = random.randrange(len(data) + 1)
    way = random.randrange(4)
    if way == 0:
        return data[:at]
    if way == 1:
        return data[:at] + random.randbytes(random.choice((1, 4, 16))) + data[at:]
    if way == 2:
        return data[:at] + data[at + random.choice((1, 4, 16)) :]
    new = random.choice((b"\0", b"\xff", b"\x7f\xff\xff\xff", random.randbytes(2)))
    return data[:at] + new + data[at + len(new) :]


def _compressed(data: bytes, random: Random) -> bytes:
    """A file that is compressed, with something wrong in it."""
    packed = gzip.compress(data, 1) if random.random() < 0.7 else lzma.compress(data, preset=0)
    return _damaged(packed, random) if random.random() < 0.7 else packed


# What must hold


@cache
def _place() -> Path:
    """A folder for the file that is read, which goes away with the process."""
    memory = Path("/dev/shm")
    _kept.append(tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None))
    return Path(_kept[-1].name)


_kept: list[tempfile.TemporaryDirectory[str]] = []


def _check(data: bytes, thoroughly: bool) -> None:
    path = _place() / "capture"
    path.write_bytes(data)
    found = _events(read_capture, path)
    if thoroughly or random_of(data).random() < 0.1:
        same(SHARED, _events(_by_shares, path), found)
    if thoroughly or random_of(data).random() < 0.2:
        _check_packets(path, data)
    if thoroughly:
        check_work(partial(_events, read_capture, path), len(data), for_each_byte=60, once=30_000)


def _events(read: Callable[[Path], Iterable[Event]], path: Path) -> tuple[list[Event], str]:
    """The events of a file, and why they end."""
    found: list[Event] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotRead)
        try:
            found.extend(read(path))
        except CaptureError as error:
            if not str(error).isprintable():
                raise Broken(ONE_LINE, repr(str(error))) from None
            return found, error.reason
    return found, ""


def _by_shares(path: Path) -> Iterator[Event]:
    """The events of a capture that is shared by three, as if by three processes."""
    assert EVENTS.fold is not None
    task = partial(share_of, str(path), EVENTS.fold, Options())
    shares = [task(index, 3) for index in range(3)]
    alone, told = partial(task, 0, 1), Told(_nothing)
    return merged(str(path), shares, alone, EVENTS.join(str(path)), Options().memory_limit, told)


def _nothing(message: str) -> None:
    pass


_Packets = list[tuple[int, float, bytes]]


def _packets(path: Path) -> tuple[_Packets, bool]:
    """The packets of a file, and whether it is read to its end."""
    found: _Packets = []
    try:
        for link_type, batch in open_capture(path).batches:
            found += [(link_type, ts, frame) for ts, frame in batch]
    except CaptureError:
        return found, False
    return found, True


def _check_packets(path: Path, data: bytes) -> None:
    if data[:2] in (b"\x1f\x8b", b"\xfd7", b"\x28\xb5"):
        return
    found, whole = _packets(path)
    packed = path.with_name("packed")
    packed.write_bytes(gzip.compress(data, 0))
    others, also_whole = _packets(packed)
    _same_packets(ALIKE, others, found)
    same(ALIKE, also_whole, whole)
    path.write_bytes(data[: random_of(data).randrange(len(data) + 1)])
    fewer, _ = _packets(path)
    _same_packets(CUT_OFF, fewer, found[: len(fewer)])
    path.write_bytes(data)


def _same_packets(oracle: str, one: _Packets, other: _Packets) -> None:
    """That packets are the same, but for times that are none."""
    same(
        oracle,
        [(link, frame) for link, _, frame in one],
        [(link, frame) for link, _, frame in other],
    )
    for (_, ts, _), (_, again, _) in zip(one, other, strict=True):
        if ts != again and abs(ts - again) < _BEYOND:
            raise Broken(oracle, f"the times {ts!r} and {again!r}")


# libpcap takes a fraction of a second as a number with a sign, divides it, and takes that as one without: so one of more than
# 2^31 nanoseconds, which no packet has, is another time there.
_BEYOND = 2.1


TARGET = Target(
    "captures",
    "files of pcap and pcapng, compressed or not",
    {
        EXCEPTIONS: "always",
        ONE_LINE: "always",
        ALIKE: "always",
        CUT_OFF: "always",
        SHARED: "always",
        LINEAR: "rarely",
    },
    _inputs,
    _check,
    rarely=300,
)
