"""One capture, of a file or of an interface: packets to connections to events."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any, Unpack, cast, overload

from ..model import Event
from ..not_read import NotRead
from ..options import Choices, Options, chosen
from .clock import Clock
from .connections import Connections
from .datagrams import DatagramFlows
from .embedded import Embedded
from .files import Capture, CaptureError, Packet
from .frames import check_link_type, frames
from .headers import TCP, Decoder
from .memory import Memory
from .opened import opened, tell_of_certificates

if TYPE_CHECKING:  # few capture live, or share captures
    from concurrent.futures import Executor

    from tlsgrammar import Registry

    from .live import Interface, Statistics
    from .many import WorkerChoices

__all__ = ["LiveCapture", "capture_live", "read_capture"]


@overload
def read_capture(
    path: str | bytes | os.PathLike[str] | os.PathLike[bytes],
    *,
    progress: Callable[[int], None] | None = ...,
    options: Options | None = ...,
    executor: None = ...,
    **choices: Unpack[Choices],
) -> Iterator[Event]: ...


@overload
def read_capture(
    path: str | os.PathLike[str],
    *,
    progress: Callable[[int], None] | None = ...,
    executor: Executor,
    shares: int | None = ...,
    extensions: Callable[[], Registry] | None = ...,
    **choices: Unpack[WorkerChoices],
) -> Iterator[Event]: ...


def read_capture(
    path: str | bytes | os.PathLike[str] | os.PathLike[bytes],
    *,
    progress: Callable[[int], None] | None = None,
    options: Options | None = None,
    executor: Executor | None = None,
    shares: int | None = None,
    **choices: Any,
) -> Iterator[Event]:
    """The events of the TLS, DTLS and QUIC connections in a capture, in the order of its packets.

    Every TCP stream and UDP flow is looked at, whatever its ports; anything else produces no events. Where the library
    that QUIC needs is not installed, or the link type of an interface cannot be read, there is a `NotRead` warning
    instead of its events. The file is read as the iterator is, so that it may be a pipe, or larger than the memory.

    Args:
        path: a pcap or pcapng file, compressed (gzip, xz, zstd) or not; `-` is standard input.
        progress: called now and then with the number of bytes of the file that were read since.
        options: an `Options`. Alternatively pass its attributes as keywords, not both.
        executor: what reads the capture, each of its processes some of the connections: `Workers`, a `ProcessPoolExecutor`, or
            that of a cluster whose machines all have the file. The events are the same, in the same order; with `Workers` they
            come while the capture is read, otherwise at the end. A pipe is read here, which a `RuntimeWarning` tells.
            See docs/scaling.md.
        shares: among how many processes the connections are divided, at most 64; as many as the executor has, where it says
            so, or this machine has processors.
        disable_analyzer_after_detection, wanted, extensions, secrets, embedded_secrets, filter, search_limit and others: these
            and the other limits are attributes of `Options`. With an executor, `extensions` is a function that makes the
            registry, and none of them stand in `options`.

    Raises:
        CaptureError: there is no such file, it is no capture, or the filter does not compile for its frames. By the iterator:
            the file breaks off, after the events that could be read; no interface has a link type that can be read; or one of
            the processes of `Workers` died.
        ValueError: an event in `wanted` is not known, or `shares` is less than 1.
        TypeError: with an executor, `extensions` is a registry, which does not travel, or `options` is given.
        OSError: `secrets` is the path of a file that cannot be opened.
        ImportError: the library that reads files of pcap is not installed; or there are secrets, and cryptography is not.
    """
    if executor is not None:
        if options is not None:
            raise TypeError("read_capture() takes no options= with an executor=, but keywords")
        from .shared import read_shared

        return read_shared(path, executor, shares, progress, choices)
    options = chosen(None, options, cast("Choices", choices))
    name, capture = opened(path, options, progress)
    return chain.from_iterable(_events_of(name, capture, options))


class LiveCapture(Iterator[Event]):
    """The events of an interface, as they come; see `capture_live`. Use it in a `with`, or close it.

    Args:
        name: of the interface.
        interface: it.
        options: what the caller has chosen.
    """

    def __init__(self, name: str, interface: Interface, options: Options) -> None:
        self._interface = interface
        self._batches = _events_of(name, interface, options)
        self._events = chain.from_iterable(self._batches)

    def __next__(self) -> Event:
        return next(self._events)

    def __enter__(self) -> LiveCapture:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def statistics(self) -> Statistics:
        """How many packets there have been, and how many of them were dropped; also once it is closed."""
        return self._interface.statistics

    def stop(self) -> None:
        """Ask it to end, from a signal handler or another thread. The iterator gives out what has arrived by now, what
        connections that are open have waited with, and ends.
        """
        self._interface.stop()

    def close(self) -> None:
        """End it here and now. What has not been given out is lost."""
        self._events = chain()
        self._batches.close()
        self._interface.close()


def capture_live(
    interface: str,
    *,
    snaplen: int | None = None,
    promiscuous: bool = True,
    count: int | None = None,
    duration: float | None = None,
    options: Options | None = None,
    **choices: Unpack[Choices],
) -> LiveCapture:
    """The events of the TLS, DTLS and QUIC connections that an interface sees, each about a tenth of a second after its
    packet. The iterator waits for packets, and ends when it is asked to.

        import events

        with events.capture_live("eth0", filter="port 443", duration=60) as capture:
            for event in capture:
                print(event.name)
        print(capture.statistics)

    Args:
        interface: its name, one of `list_interfaces()`; `any` is all of them.
        snaplen: how many bytes of each packet are captured; all where it is None. Of a packet that is cut, the rest is
            missing.
        promiscuous: whether packets are captured too that are for other machines.
        count: after how many packets it ends by itself.
        duration: after how many seconds it ends by itself.
        options, and others: as for `read_capture`; `filter` among them.

    Raises:
        CaptureError: there is no such interface, this user may not capture, the filter does not compile, or the link type
            cannot be read. By the iterator: the interface went down, after the events that could be read.
        ValueError, TypeError, OSError: as of `read_capture`; or a number is not positive.
        ImportError: pcapy-ng is not installed; or there are secrets, and cryptography is not.
    """
    from .libpcap import SNAP_LEN
    from .live import open_interface

    options = chosen(None, options, choices)
    for what, number in (("snaplen", snaplen), ("count", count), ("duration", duration)):
        if number is not None and not number > 0:
            raise ValueError(f"{what}= must be more than 0, not {number!r}")
    capture = open_interface(
        interface,
        expression=options.filter,
        snaplen=SNAP_LEN if snaplen is None else snaplen,
        promiscuous=promiscuous,
        count=count,
        duration=duration,
    )
    check_link_type(interface, capture)
    return LiveCapture(interface, capture, options)


def _events_of(
    name: str, capture: Capture, options: Options
) -> Generator[Iterable[Event], None, None]:
    tell_of_certificates(name, options, _warn)
    embedded = Embedded(name, capture, options, _warn)
    return _events(frames(name, capture, _warn), embedded)


def _warn(message: str) -> None:
    warnings.warn(message, NotRead, stacklevel=1)


def _events(
    captured: Iterator[tuple[Decoder, list[Packet]]], embedded: Embedded
) -> Generator[Iterable[Event], None, None]:
    """The events of a capture, so many at a time as its packets come."""
    options = embedded.options
    clock = Clock()
    connections = Connections(options, clock)
    flows = DatagramFlows(options, clock, _warn)
    memory = Memory(options.memory_limit, (connections, flows))
    take_segment, take_datagram = connections.segment, flows.datagram
    events: list[Event] = []
    try:
        for decoder, batch in captured:
            embedded.take()
            decode = decoder.decode
            for segment, ts in [(decode(frame, ts), ts) for ts, frame in batch]:
                if not clock.begin <= ts < clock.end and clock.tick(ts):
                    for _, late in chain(connections.expired(), flows.expired()):
                        events += late
                if segment is None:
                    continue
                if segment[0] == TCP:
                    take_segment(segment, ts, events)
                else:
                    take_datagram(segment, ts, events)
            memory.take(sum([len(frame) for _, frame in batch]), events)
            if events:
                yield events
                events = []
    except CaptureError:
        yield from _at_the_end(connections, flows, embedded)
        raise
    yield from _at_the_end(connections, flows, embedded)


def _at_the_end(
    connections: Connections, flows: DatagramFlows, embedded: Embedded
) -> Iterator[Iterable[Event]]:
    for _, events in chain(connections.end(), flows.end()):
        yield events
    embedded.end()
