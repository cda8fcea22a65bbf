"""Compressed bytes, decompressed as they come.

What may live here: which compressions there are, and how each is undone in bounded memory. A bomb comes out in pieces
like anything else; what a stream may ask for to be decompressed is limited by `_WINDOW_LOG` and `_MEMORY`.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from ..zstd import Decompressor, load_zstd
from .sources import PIECE, START, Read, SourceError

__all__ = ["compression_of", "decompressed"]

_WINDOW_LOG = 27  # of zstd: what it reads itself without being told otherwise, 128 MB
_MEMORY = 2**27  # for xz: `xz -9` needs half of it


class _Compression(NamedTuple):
    """One way to compress.

    Attributes:
        name: what it is called.
        magic: what the data begin with.
        load: gives what makes a decompressor, and the exceptions that it raises.
        padded: whether zero bytes may stand between and behind streams.
    """

    name: str
    magic: tuple[bytes, ...]
    load: Callable[[], tuple[Callable[[], Decompressor], tuple[type[Exception], ...]]]
    padded: bool


class _Gzip:
    """`zlib`, as `lzma` and `zstd` are."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        self._full = False

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def needs_input(self) -> bool:
        # What came out may be all that there was room for.
        return not self._full

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        piece = self._zlib.decompress(self._zlib.unconsumed_tail + data, max_length)
        self._full = len(piece) == max_length or bool(self._zlib.unconsumed_tail)
        return piece


def _gzip() -> Any:
    return _Gzip, (zlib.error,)


def _xz() -> Any:
    try:
        import lzma
    except ImportError:
        raise SourceError("is compressed with xz, which this Python was built without") from None

    return lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, _MEMORY), (lzma.LZMAError,)


def _zstd() -> Any:
    try:
        make, error = load_zstd(_WINDOW_LOG)
    except ImportError:
        raise SourceError(
            "is compressed with zstd, which needs backports.zstd: pip install backports.zstd"
        ) from None
    return make, (error,)


_COMPRESSIONS = (
    _Compression("gzip", (b"\x1f\x8b",), _gzip, padded=True),
    _Compression("xz", (b"\xfd7zXZ\0",), _xz, padded=True),
    _Compression(
        "zstd",
        # A frame, or one to be skipped, which may come first (RFC 8878 section 3.1).
        (b"\x28\xb5\x2f\xfd", *(bytes([0x50 + x]) + b"\x2a\x4d\x18" for x in range(16))),
        _zstd,
        padded=False,
    ),
)


def compression_of(start: bytes) -> str | None:
    """The name of what compressed the bytes that begin so; None where nothing did."""
    for each in _COMPRESSIONS:
        if start.startswith(each.magic):
            return each.name
    return None


def decompressed(name: str, start: bytes, read: Read) -> Read:
    """The bytes that were compressed.

    Args:
        name: how; what `compression_of` says.
        start: the compressed bytes that have been read already.
        read: gives the others.

    Raises:
        SourceError: the library that decompresses is not installed.
    """
    [compression] = [each for each in _COMPRESSIONS if each.name == name]
    make, errors = compression.load()
    pieces = _together(_pieces(compression, make, errors, start, read))
    return lambda: next(pieces, b"")


# Where the data are corrupt, what a step would have given is lost: few bytes are given at a time.
_STEP = 1024

_MUST_WAIT = b""
"""Stands between pieces where what comes next has not arrived yet."""


def _together(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Pieces, as many together as make a long one; but none waits for what has not arrived yet."""
    waiting: list[bytes] = []
    size = 0
    try:
        for piece in pieces:
            waiting.append(piece)
            size += len(piece)
            if size and (size >= PIECE or not piece):
                yield b"".join(waiting)
                waiting, size = [], 0
    except SourceError:
        if size:
            yield b"".join(waiting)
        raise
    if size:
        yield b"".join(waiting)


def _pieces(
    compression: _Compression,
    make: Callable[[], Decompressor],
    errors: tuple[type[Exception], ...],
    data: bytes,
    read: Read,
) -> Iterator[bytes]:
    name = compression.name
    at = 0  # what stands before it in the data has been decompressed
    one = make()
    while True:
        step = b""
        if one.needs_input:
            if at == len(data):
                yield _MUST_WAIT
                data, at = read(), 0
                if not data:
                    raise SourceError(f"the {name} data are truncated")
            step = data[at : at + _STEP]
            at += len(step)
        try:
            piece = one.decompress(step, PIECE)
        except errors as error:
            raise SourceError(f"the {name} data cannot be decompressed: {error}") from None
        if piece:
            yield piece
        if not one.eof:
            continue
        # Another stream may follow, or what pads one.
        at -= len(one.unused_data)
        while True:
            while compression.padded and at < len(data) and not data[at]:
                at += 1
            if len(data) - at >= START:
                break
            yield _MUST_WAIT
            more = read()
            if not more:
                break
            data, at = data[at:] + more, 0
        if at == len(data):
            return
        if not data.startswith(compression.magic, at):
            raise SourceError(f"what follows the {name} data is no such data")
        one = make()
