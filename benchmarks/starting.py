"""What it costs to start: the command on a small capture against what it is made with, and on none against Python."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from .pairs import Pair, processes

__all__ = ["Start", "starts"]

_DATA = Path(__file__).parent.parent / "tests" / "data"
_CAPTURE = _DATA / "tls13.pcap"
_HEADER = 24  # the bytes of a pcap before its first packet
# As the script does that an installer makes.
_COMMAND = [sys.executable, "-c", "from tlsgrammar_commands import tls_events; tls_events()"]
_LIBRARIES = "import construct, msgspec, pcapy"

# Bytecode is not compiled at each start anywhere but where somebody has asked for it.
_NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"


class Start(NamedTuple):
    """A row.

    Attributes:
        what: was started.
        against: what else was.
        pair: their times.
        peak: of the memory of the first, in megabytes.
        target: for the ratio; empty where there is none.
    """

    what: str
    against: str
    pair: Pair
    peak: float
    target: str


def starts(runs: int) -> Iterator[Start]:
    """Take the times, in so many pairs; those of a start are short, so that many of them cost little."""
    with tempfile.TemporaryDirectory() as folder, _bytecode_is_kept():
        empty = Path(folder) / "empty.pcap"
        empty.write_bytes(_CAPTURE.read_bytes()[:_HEADER])
        for what, arguments, code, target in (
            ("tls-events, a connection of TLS 1.3", [str(_CAPTURE)], _LIBRARIES, "1.2"),
            ("tls-events, a capture without packets", [str(empty)], "pass", ""),
            ("tls-events --version", ["--version"], "pass", ""),
        ):
            # Both write their bytecode in a first run, which is not counted.
            pair, peak = processes([*_COMMAND, *arguments], [sys.executable, "-c", code], runs)
            yield Start(what, f"python -c '{code}'", pair, peak, target)


@contextlib.contextmanager
def _bytecode_is_kept() -> Iterator[None]:
    """Start processes that write their bytecode, whatever the environment says."""
    before = os.environ.pop(_NO_BYTECODE, None)
    try:
        yield
    finally:
        if before is not None:
            os.environ[_NO_BYTECODE] = before
