"""UDP datagrams to flows to analyzers.

What may live here: which datagram belongs to which flow, what reads it, and how long a flow is kept.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from tlsgrammar.framing import is_dtls, may_be_dtls
from tlsgrammar.registry import DEFAULT

from ..datagrams import DatagramAnalyzer
from ..model import Event
from ..options import Options
from .flows import connection, idle_limits, next_sweep
from .headers import Segment

__all__ = ["DatagramFlows"]

_UDP_HEADER = struct.Struct("!4sH2x")


class _Flow:
    """One UDP flow.

    Attributes:
        first: the key of the direction that its first datagram was sent in.
        analyzer: None where no DTLS has been seen, and once it has nothing more to say.
        done: whether it has nothing more to say.
    """

    __slots__ = ("analyzer", "done", "first", "last_time", "start_time")

    def __init__(self, first: bytes, ts: float) -> None:
        self.first = first
        self.start_time = ts
        self.last_time = ts
        self.analyzer: DatagramAnalyzer | None = None
        self.done = False


class DatagramFlows:
    """The UDP flows of a capture, in the order of its packets.

    Args:
        options: what the caller has chosen.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._registry = DEFAULT if options.extensions is None else options.extensions
        # By the keys of both directions.
        self._flows: dict[bytes, _Flow] = {}
        self._next_sweep = 0.0

    def datagram(self, segment: Segment, ts: float, events: list[Event]) -> None:
        """Take a UDP datagram.

        Args:
            segment: the datagram, with its header.
            ts: when it was captured, in seconds since the epoch.
            events: the list that the events that are complete with it are appended to.
        """
        _, source, destination, buffer, start, end = segment
        payload = start + _UDP_HEADER.size
        if payload >= end:
            return
        if ts >= self._next_sweep:
            self._sweep(ts, events)
        ports, length = _UDP_HEADER.unpack_from(buffer, start)
        if length > _UDP_HEADER.size:
            end = min(end, start + length)
        key = source + destination + ports
        flow = self._flows.get(key)
        is_first = flow is None
        if flow is None:
            reverse = destination + source + ports[2:] + ports[:2]
            flow = self._flows[key] = self._flows[reverse] = _Flow(key, ts)
        flow.last_time = ts
        if flow.done or not may_be_dtls(buffer[payload]):
            return
        datagram = buffer[payload:end]
        if flow.analyzer is None:
            if not is_dtls(datagram, self._registry):
                return
            flow.analyzer = DatagramAnalyzer(
                connection("udp", flow.first, flow.start_time),
                originator_is_guess=is_first,
                options=self._options,
            )
        events += flow.analyzer.deliver(datagram, key == flow.first, ts)
        if flow.analyzer.finished:
            flow.done = True
            flow.analyzer = None

    def end(self) -> Iterator[Event]:
        """Take note that the capture is over."""
        for flow in {id(flow): flow for flow in self._flows.values()}.values():
            if flow.analyzer is not None:
                yield from flow.analyzer.end(flow.last_time)
        self._flows.clear()

    def _sweep(self, ts: float, events: list[Event]) -> None:
        """Drop what has been silent for long, at a cost that is a part of each packet's."""
        count = len(self._flows) // 2
        self._next_sweep = next_sweep(ts, count)
        with_dtls, without = idle_limits(count)
        for key, flow in list(self._flows.items()):
            was_dtls = flow.done or flow.analyzer is not None
            if ts - flow.last_time > (with_dtls if was_dtls else without):
                if flow.analyzer is not None:
                    events += flow.analyzer.end(flow.last_time)
                    flow.analyzer = None
                del self._flows[key]
