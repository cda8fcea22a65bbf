"""What is fuzzed: a module for each kind of input, and all of them in `TARGETS`."""

from __future__ import annotations

from collections.abc import Mapping

from ..target import Target
from . import (
    captures,
    connections,
    datagrams,
    decrypted,
    headers,
    keylogs,
    quic,
    streams,
    structures,
)

__all__ = ["TARGETS"]

TARGETS: Mapping[str, Target] = {
    module.TARGET.name: module.TARGET
    for module in (
        structures,
        streams,
        decrypted,
        datagrams,
        quic,
        connections,
        captures,
        headers,
        keylogs,
    )
}
