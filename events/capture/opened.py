"""Opening a capture as a caller has chosen to read it.

What may live here: what is to be done before the first packet, by whoever reads it.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from tlsgrammar.tool.one_line import on_one_line

from ..model import X509Certificate
from ..options import Options
from .files import Capture, open_capture
from .frames import check_link_type

__all__ = ["opened", "tell_of_certificates"]


def opened(
    path: str | bytes | os.PathLike[str] | os.PathLike[bytes],
    options: Options,
    progress: Callable[[int], None] | None = None,
) -> tuple[str, Capture]:
    """A capture, of which those packets are read that pass the filter; and its name.

    Args:
        path: the file; `-` is standard input.
        options: what the caller has chosen.
        progress: called now and then with the number of bytes of the file that were read since.

    Raises:
        CaptureError, ImportError: as of `read_capture`.
    """
    capture = open_capture(path, progress)
    name = os.fsdecode(path)
    check_link_type(name, capture)
    if options.filter is not None:
        from .filters import filtered

        try:
            capture.batches = filtered(name, capture.batches, options.filter, capture.link_type)
        except BaseException:
            capture.close()
            raise
    return name, capture


def tell_of_certificates(name: str, options: Options, warn: Callable[[str], None]) -> None:
    """Tell of it where certificates are asked for, and cannot be read."""
    if options.names is not None and X509Certificate.name in options.names:
        from ..certificates import why_certificates_cannot_be_read

        why = why_certificates_cannot_be_read()
        if why:
            warn(f"{on_one_line(name)}: {why}")
