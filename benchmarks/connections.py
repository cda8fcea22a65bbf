"""Many connections: what each keeps in memory, and whether the cost of an event grows with their number.

    python -m benchmarks.connections memory CAPTURE COUNT
    python -m benchmarks.connections time CAPTURE

Each figure is taken in a process of its own: the first prints bytes per connection that has been established,
while all of them are open; the second prints seconds and the number of events.
"""

from __future__ import annotations

import itertools
import struct
import sys
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import events
from events.capture.clock import Clock
from events.capture.connections import Connections
from events.capture.files import open_capture
from events.capture.headers import Decoder
from events.model import Event

__all__ = ["write_larger"]

_RECORD_HEADER = struct.Struct("<IIII")
_IPV4_SOURCE = 14 + 12
_IPV4_DESTINATION = 14 + 16
_FIN = 0x01


def write_larger(capture: Path, larger: Path, times: int) -> None:
    """Write a capture with the connections of another, many times over, one after the other in time and each
    time between other hosts. Both are little-endian pcap files of Ethernet frames with IPv4.
    """
    data = capture.read_bytes()
    packets = []
    at = 24
    while at < len(data):
        seconds, microseconds, length, original = _RECORD_HEADER.unpack_from(data, at)
        at += _RECORD_HEADER.size
        packets.append((seconds, microseconds, original, data[at : at + length]))
        at += length
    span = packets[-1][0] - packets[0][0] + 1
    with larger.open("wb") as file:
        file.write(data[:24])
        for index in range(times):
            for seconds, microseconds, original, frame in packets:
                size = len(frame)
                file.write(
                    _RECORD_HEADER.pack(seconds + index * span, microseconds, size, original)
                )
                file.write(_elsewhere(frame, index))


def _elsewhere(frame: bytes, index: int) -> bytes:
    """A frame between hosts with other addresses."""
    moved = bytearray(frame)
    for at in (_IPV4_SOURCE, _IPV4_DESTINATION):
        moved[at] = (moved[at] + index) & 0xFF
        moved[at + 1] = (moved[at + 1] + (index >> 8)) & 0xFF
    return bytes(moved)


def _first_connection(capture: str) -> Iterator[tuple[float, bytes]]:
    """The frames of the first connection, without those that close it."""
    ports: set[bytes] | None = None
    batches = (batch for _, batch in open_capture(capture).batches)
    for ts, frame in itertools.chain.from_iterable(batches):
        own = {frame[34:36], frame[36:38]}
        if own == (ports := ports or own) and not frame[47] & _FIN:
            yield ts, frame


def _bytes_per_connection(capture: str, count: int, disable: bool) -> float:
    frames = list(_first_connection(capture))
    decode = Decoder(1).decode
    options = events.Options(disable_analyzer_after_detection=disable)
    connections = Connections(options, Clock())
    raised: list[Event] = []

    def open_one(index: int) -> None:
        for ts, frame in frames:
            moved = frame[:_IPV4_SOURCE] + _addresses(frame, index) + frame[_IPV4_SOURCE + 8 :]
            segment = decode(moved, ts)
            if segment is not None:
                connections.segment(segment, ts, raised)
        raised.clear()

    open_one(0)  # what is made once is not counted
    tracemalloc.start()
    for index in range(1, count + 1):
        open_one(index)
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return taken / count


def _addresses(frame: bytes, index: int) -> bytes:
    """Source and destination, moved to other networks, the same for both directions of a connection."""
    pair = frame[_IPV4_SOURCE : _IPV4_SOURCE + 8]
    return bytes(
        [
            *_moved(pair[:4], index),
            *_moved(pair[4:], index),
        ]
    )


def _moved(address: bytes, index: int) -> bytes:
    return (int.from_bytes(address, "big") ^ index << 8).to_bytes(4, "big")


def main() -> None:
    what, capture, *rest = sys.argv[1:]
    if what == "memory":
        for disable in (True, False):
            print(_bytes_per_connection(capture, int(rest[0]), disable))
    else:
        begin = time.process_time()
        count = sum(1 for _ in map(events.json_line, events.read_capture(capture)))
        print(time.process_time() - begin, count)


if __name__ == "__main__":
    main()
