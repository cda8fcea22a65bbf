"""What reading costs, before anything is decoded: our own readers, and libpcap."""

from __future__ import annotations

import shutil
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pcapy

from events.capture.files import open_capture

from .pairs import Pair, calls

__all__ = ["against_libpcap", "count", "write_pcapng"]

_META = struct.Struct("=4I")


def write_pcapng(path: Path, *captures: Path) -> None:
    """Make a pcapng file of captures, in the order of their packets' times.

    Raises:
        FileNotFoundError: mergecap, which comes with tshark, is not installed.
    """
    mergecap = shutil.which("mergecap")
    if mergecap is None:
        raise FileNotFoundError("mergecap is not installed")
    subprocess.run([mergecap, "-F", "pcapng", "-w", path, *captures], check=True)


def against_libpcap(path: Path) -> Pair:
    """Reading the packets of a pcapng file with one interface, and reading them through libpcap."""
    packets = count(path)
    pair = calls(lambda: count(path), _by_libpcap(path))
    return Pair(pair.ours / packets, pair.theirs / packets, pair.ratio)


def count(path: Path) -> int:
    """How many packets there are in a file."""
    return sum(len(batch) for _, batch in open_capture(path).batches)


def _by_libpcap(path: Path) -> Callable[[], int]:
    """The same, as files of pcap are read."""

    def by_libpcap() -> int:
        reader = pcapy.open_offline(str(path))
        packets = 0
        while True:
            data, meta = reader.next_batch(256)
            if not meta:
                return packets
            batch = [
                (seconds + microseconds / 1_000_000, data[offset : offset + length])
                for seconds, microseconds, offset, length in _META.iter_unpack(meta)
            ]
            packets += len(batch)

    return by_libpcap
