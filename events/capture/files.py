"""Packets of a capture file (pcap or pcapng), through libpcap."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

__all__ = ["Capture", "CaptureError", "open_capture"]

# Packets are read and decoded so many at a time: enough that each step stays in the processor's cache for a
# while, few enough that what the step before made is still there.
_BATCH = 256
_META = struct.Struct("=4I")
_GZIP = b"\x1f\x8b"


class CaptureError(Exception):
    """A capture that cannot be read, or not to its end.

    Attributes:
        path: the file.
        reason: what is wrong with it.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason

    def __reduce__(self) -> tuple[type[CaptureError], tuple[str, str]]:
        return type(self), (self.path, self.reason)


Packet = tuple[float, bytes]


class Capture(NamedTuple):
    """An open capture file.

    Attributes:
        link_type: the LINKTYPE_ value of its frames.
        batches: lists of packets: pairs of a time, in seconds since the epoch, and a frame. Iterating over
            them raises CaptureError where the file breaks off.
    """

    link_type: int
    batches: Iterator[list[Packet]]


def open_capture(
    path: str | os.PathLike[str], progress: Callable[[int], None] | None = None
) -> Capture:
    """Open a capture file; `-` is standard input.

    Args:
        path: the file.
        progress: called now and then with the number of bytes that were read since.

    Raises:
        CaptureError: there is no such file, or it is no capture.
        ImportError: the library that reads captures is not installed.
    """
    name = os.fspath(path)
    reader = _open(name)
    # A pipe may be live: no packet waits there for others.
    batches = _batches(name, reader, progress) if os.path.isfile(name) else _single(name, reader)
    return Capture(reader.datalink(), batches)


def _open(name: str) -> Any:
    try:
        import pcapy
    except ImportError:
        raise ImportError(
            "reading captures needs pcapy-ng: pip install 'tlsgrammar[cli]'"
        ) from None
    if name != "-" and os.path.isdir(name):
        raise CaptureError(name, "is a directory")
    try:
        return pcapy.open_offline(name)
    except pcapy.PcapError as error:
        raise CaptureError(name, _reason(name, error)) from None


def _reason(name: str, error: Exception) -> str:
    reason = str(error).removeprefix(f"{name}: ")
    if "only got 0" in reason and "file header" in reason:
        return "the file is empty"
    if "unknown file format" in reason:
        if name != "-" and _begins_with(name, _GZIP):
            return "is compressed; try: zcat FILE | tls-events -"
        return "neither a pcap nor a pcapng file"
    return reason


def _begins_with(name: str, magic: bytes) -> bool:
    with open(name, "rb") as file:
        return file.read(len(magic)) == magic


def _batches(
    name: str, reader: Any, progress: Callable[[int], None] | None
) -> Iterator[list[Packet]]:
    import pcapy

    count = 0
    try:
        while True:
            data, meta = reader.next_batch(_BATCH)
            if not meta:
                return
            yield [
                (seconds + microseconds / 1_000_000, data[offset : offset + length])
                for seconds, microseconds, offset, length in _META.iter_unpack(meta)
            ]
            count += len(meta) // _META.size
            if progress is not None:
                progress(len(data) + len(meta))
    except pcapy.PcapError:
        # The packets of the batch before the one that is broken off are lost with it: read on one by
        # one from where the last batch ended.
        again = _single(name, _open(name))
        for _ in range(count):
            next(again)
        yield from again


def _single(name: str, reader: Any) -> Iterator[list[Packet]]:
    import pcapy

    while True:
        try:
            header, data = reader.next()
        except pcapy.PcapError as error:
            raise CaptureError(name, _reason(name, error)) from None
        if header is None:
            return
        seconds, microseconds = header.getts()
        yield [(seconds + microseconds / 1_000_000, data)]
