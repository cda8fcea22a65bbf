"""The zstd of Python's own standard library, or of backports.zstd for older ones.

What may live here: which of them there is. What is decompressed with it, and how much memory that may take, is for those who
ask. Neither is imported before somebody asks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

__all__ = ["Decompressor", "load_zstd"]


class Decompressor(Protocol):
    """Of one stream, frame or member: what `lzma` and `zstd` have."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


def load_zstd(window_log: int) -> tuple[Callable[[], Decompressor], type[Exception]]:
    """What makes a decompressor of zstd, and the exception that it raises.

    Args:
        window_log: the logarithm to the base 2 of the memory, in bytes, that data may ask for to be decompressed.

    Raises:
        ImportError: the library is not installed.
    """
    try:
        from compression import zstd  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        from backports import zstd
    options = {zstd.DecompressionParameter.window_log_max: window_log}
    return lambda: zstd.ZstdDecompressor(options=options), zstd.ZstdError
