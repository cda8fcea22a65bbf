"""Opening a capture: pcap or pcapng, compressed or not, a file or a pipe.

What may live here: finding out what a file is, and who reads it. libpcap reads files of pcap; what it cannot open is for
`pcap` and `pcapng`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

from .libpcap import libpcap, packets_of
from .packets import Batch, Capture, CaptureError, Damaged, Packet
from .pcap import HEADER_SIZE, MAGIC_NUMBERS, Header, header_of, packets
from .sources import START, File, Read, SourceError, filled

__all__ = ["Capture", "CaptureError", "Packet", "open_capture"]

# Packets are read and decoded so many at a time: enough that each step stays in the processor's cache for a
# while, few enough that what the step before made is still there.
_BATCH = 256
_PCAPNG = b"\x0a\x0d\x0d\x0a"  # a Section Header Block, in either byte order


def open_capture(
    path: str | bytes | os.PathLike[str] | os.PathLike[bytes],
    progress: Callable[[int], None] | None = None,
) -> Capture:
    """Open a capture; `-` is standard input.

    Args:
        path: the file: pcap or pcapng; compressed by gzip, xz or zstd, or not.
        progress: called now and then with the number of bytes of the file that were read since.

    Raises:
        CaptureError: there is no such file, it is no capture, or the library that decompresses it is not installed.
        ImportError: the library that reads files of pcap is not installed.
    """
    name = os.fsdecode(path)
    try:
        file = File(name)
    except SourceError as error:
        raise CaptureError(name, str(error)) from None
    try:
        return _open(name, file, progress)
    except SourceError as error:
        file.close()
        raise CaptureError(name, str(error)) from None
    except BaseException:
        file.close()
        raise


def _open(name: str, file: File, progress: Callable[[int], None] | None) -> Capture:
    read: Read = file.read
    where = ""
    data = filled(read, b"", START)
    if not data:
        raise SourceError("the file is empty")
    compression = None
    if not _is_capture(data):
        from .compressed import compression_of, decompressed

        compression = compression_of(data)
    if compression is not None:
        read = decompressed(compression, data, read)
        where = " of the decompressed data"
        data = filled(read, b"", START)
        if not data:
            raise SourceError("the decompressed file is empty")
    if not _is_capture(data):
        raise SourceError("neither a pcap nor a pcapng file")
    if data.startswith(_PCAPNG):
        from .pcapng import PcapngReader

        capture = Capture(file.close)
        batches = PcapngReader(capture, data, read).batches()
    else:
        if len(data) < HEADER_SIZE:
            data = filled(read, data, HEADER_SIZE)
        try:
            header = header_of(data)
        except Damaged as error:
            raise CaptureError(name, _described(error, where)) from None
        capture = Capture(file.close, header.link_type)
        library = _libpcap(name) if compression is None and file.is_regular else None
        if library is not None:
            batches = _by_libpcap(library, file, header, progress)
            progress = None  # libpcap reads it all once more
        else:
            batches = packets(header, data, read)
    file.report(progress)
    capture.batches = _to_the_end(name, file, batches, where)
    return capture


def _is_capture(data: bytes) -> bool:
    return data[:4] in MAGIC_NUMBERS or data.startswith(_PCAPNG)


def _described(error: Damaged, where: str) -> str:
    return f"the {error.what} at offset {error.offset}{where} {error.reason}"


def _to_the_end(name: str, file: File, batches: Iterator[Batch], where: str) -> Iterator[Batch]:
    """Batches, and one kind of error."""
    try:
        yield from batches
    except Damaged as error:
        raise CaptureError(name, _described(error, where)) from None
    except SourceError as error:
        raise CaptureError(name, str(error)) from None
    finally:
        file.close()


def _libpcap(name: str) -> Any:
    """What reads a file of pcap through libpcap; None where it cannot."""
    if name == "-":
        return None  # of which the beginning has been read
    pcapy = libpcap("reading pcap needs")
    try:
        return pcapy.open_offline(name)
    except UnicodeEncodeError:  # it takes names in UTF-8 only
        return None
    except pcapy.PcapError:
        return None


def _by_libpcap(
    library: Any, file: File, header: Header, progress: Callable[[int], None] | None
) -> Iterator[Batch]:
    import pcapy

    count = 0
    try:
        while True:
            data, meta = library.next_batch(_BATCH)
            if not meta:
                break
            batch = packets_of(data, meta)
            yield header.link_type, batch
            count += len(batch)
            if progress is not None:
                progress(len(data) + len(meta))
    except pcapy.PcapError:
        # The packets of the batch before the one that is broken off are lost with it, and libpcap does not say where
        # that is.
        yield from _again(file, header, count)
    else:
        file.must_be_whole()


def _again(file: File, header: Header, count: int) -> Iterator[Batch]:
    """The packets of a file of pcap from the beginning, but so many of them."""
    file.rewind()
    for link_type, batch in packets(header, filled(file.read, b"", HEADER_SIZE), file.read):
        if count < len(batch):
            yield link_type, batch[count:]
        count = max(count - len(batch), 0)
