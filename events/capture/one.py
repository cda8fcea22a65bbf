"""One capture: packets to connections to events."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Unpack

from ..certificates import why_certificates_cannot_be_read
from ..model import Event, X509Certificate
from ..not_read import NotRead
from ..options import Choices, Options, chosen
from .clock import Clock
from .connections import Connections
from .datagrams import DatagramFlows
from .embedded import Embedded
from .files import CaptureError, Packet, open_capture
from .frames import Decode, check_link_type, frames
from .headers import TCP
from .memory import Memory

__all__ = ["read_capture"]


def read_capture(
    path: str | bytes | os.PathLike[str] | os.PathLike[bytes],
    *,
    progress: Callable[[int], None] | None = None,
    options: Options | None = None,
    **choices: Unpack[Choices],
) -> Iterator[Event]:
    """The events of the TLS, DTLS and QUIC connections in a capture, in the order of its packets.

    Every TCP stream and UDP flow is looked at, whatever its ports; anything else produces no events. Where the library
    that QUIC needs is not installed, or the link type of an interface cannot be read, there is a `NotRead` warning
    instead of its events. The file is read as the iterator is, so that it may be a pipe, or larger than the memory.

    Args:
        path: a pcap or pcapng file, compressed (gzip, xz, zstd) or not; `-` is standard input.
        progress: called now and then with the number of bytes of the file that were read since.
        options: an `Options`. Alternatively pass its attributes as keywords, not both.
        disable_analyzer_after_detection, wanted, extensions, secrets, embedded_secrets, search_limit and the other limits:
            attributes of `Options`.

    Raises:
        CaptureError: there is no such file, or it is no capture. By the iterator: the file breaks off, after the
            events that could be read; or no interface has a link type that can be read.
        ValueError: an event in `wanted` is not known.
        OSError: `secrets` is the path of a file that cannot be opened.
        ImportError: the library that reads files of pcap is not installed; or there are secrets, and cryptography is not.
    """
    options = chosen(None, options, choices)
    capture = open_capture(path, progress)
    name = os.fsdecode(path)
    check_link_type(name, capture)
    if options.names is not None and X509Certificate.name in options.names:
        why = why_certificates_cannot_be_read()
        if why:
            _warn(f"{name}: {why}")
    embedded = Embedded(name, capture, options, _warn)
    return chain.from_iterable(_events(frames(name, capture, _warn), embedded))


def _warn(message: str) -> None:
    warnings.warn(message, NotRead, stacklevel=1)


def _events(
    captured: Iterator[tuple[Decode, list[Packet]]], embedded: Embedded
) -> Iterator[Iterable[Event]]:
    """The events of a capture, so many at a time as its packets come."""
    options = embedded.options
    clock = Clock()
    connections = Connections(options, clock)
    flows = DatagramFlows(options, clock, _warn)
    memory = Memory(options.memory_limit, (connections, flows))
    take_segment, take_datagram = connections.segment, flows.datagram
    events: list[Event] = []
    try:
        for decode, batch in captured:
            embedded.take()
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
        yield from (connections.end(), flows.end())
        embedded.end()
        raise
    yield from (connections.end(), flows.end())
    embedded.end()
