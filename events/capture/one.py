"""One capture: packets to connections to events."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Unpack

from ..model import Event
from ..options import Choices, Options, chosen
from .clock import Clock
from .connections import Connections
from .datagrams import DatagramFlows
from .files import Capture, CaptureError, open_capture
from .headers import LINK_TYPES, TCP, Decoder
from .memory import Memory

__all__ = ["NotRead", "read_capture"]


def read_capture(
    path: str | os.PathLike[str],
    *,
    progress: Callable[[int], None] | None = None,
    options: Options | None = None,
    **choices: Unpack[Choices],
) -> Iterator[Event]:
    """The events of the TLS, DTLS and QUIC connections in a capture, in the order of its packets.

    Every TCP stream and UDP flow is looked at, whatever its ports; anything else produces no events. Where the library
    that QUIC needs is not installed, there is a `NotRead` warning instead of its events. The file is read as the iterator is, so that it may be a pipe, or larger than the memory.

    Args:
        path: a pcap or pcapng file; `-` is standard input.
        progress: called now and then with the number of bytes that were read since.
        options: an `Options`. Alternatively pass its attributes as keywords, not both.
        disable_analyzer_after_detection, wanted, extensions, search_limit: attributes of `Options`.

    Raises:
        CaptureError: there is no such file, or it is no capture. By the iterator: the file breaks off,
            after the events that could be read.
        ValueError: an event in `wanted` is not known.
        ImportError: the library that reads captures is not installed.
    """
    options = chosen(None, options, choices)
    capture = open_capture(path, progress)
    if capture.link_type not in LINK_TYPES:
        known = ", ".join(sorted({name for name, _ in LINK_TYPES.values()}))
        raise CaptureError(
            os.fspath(path), f"its link type {capture.link_type} cannot be read; these can: {known}"
        )
    return chain.from_iterable(_events(capture, options))


def _warn(message: str) -> None:
    warnings.warn(message, NotRead, stacklevel=1)


class NotRead(UserWarning):
    """Part of a capture was skipped because a library is not installed."""


def _events(capture: Capture, options: Options) -> Iterator[Iterable[Event]]:
    """The events of a capture, so many at a time as its packets come."""
    clock = Clock()
    connections = Connections(options, clock)
    flows = DatagramFlows(options, clock, _warn)
    memory = Memory(options.memory_limit, (connections, flows))
    decode = Decoder(capture.link_type).decode
    take_segment, take_datagram = connections.segment, flows.datagram
    events: list[Event] = []
    try:
        for batch in capture.batches:
            for segment, ts in [(decode(frame, ts), ts) for ts, frame in batch]:
                if not clock.begin <= ts < clock.end and clock.tick(ts):
                    connections.expire(events)
                    flows.expire(events)
                if segment is None:
                    continue
                if segment[0] == TCP:
                    take_segment(segment, ts, events)
                else:
                    take_datagram(segment, ts, events)
            memory.take(batch, events)
            if events:
                yield events
                events = []
    except CaptureError:
        yield connections.end()
        flows.end()
        raise
    yield connections.end()
    flows.end()
