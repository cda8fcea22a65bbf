"""TCP segments to connections to analyzers.

What may live here: which segment belongs to which connection, which side opened it, when it begins and ends, and how
long it is kept.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterable

from ..model import Event
from ..options import Options
from ..streams import Analyzer
from .flows import connection, idle_limits, next_sweep
from .headers import Segment
from .stream import Overflow, Stream

__all__ = ["Connections"]

# Ports, sequence and acknowledgment number, data offset, flags.
_TCP_HEADER = struct.Struct("!4sIIBB6x")
_FIN, _SYN, _RST, _ACK = 0x01, 0x02, 0x04, 0x10

# A SYN with another sequence number on a connection that has been silent this long opens a new one.
_REUSE_AFTER = 5.0
# How long what is left of a finished connection absorbs the packets that come late.
_LINGER = 60.0


class _Side:
    """One side of a connection, as sender: its stream, and the connection."""

    __slots__ = ("flow", "peer", "stream")

    flow: _Flow
    peer: _Side

    def __init__(self) -> None:
        self.stream = Stream()


class _Flow:
    """One TCP connection.

    Attributes:
        keys: of its two sides in the table.
        first: the side that sent its first packet.
        originator: the side that opened it; while no SYN has been seen, the first one.
        opened: whether a SYN has been seen.
        analyzer: None before there are data, and once it has nothing more to say.
        closed: whether it has been closed or reset.
        done: whether it has nothing more to say.
    """

    __slots__ = (
        "analyzer",
        "closed",
        "done",
        "first",
        "keys",
        "last_time",
        "opened",
        "originator",
        "start_time",
    )

    def __init__(self, first: _Side, keys: tuple[bytes, bytes], ts: float) -> None:
        self.first = first
        self.keys = keys
        self.start_time = ts
        self.last_time = ts
        self.originator = first
        self.opened = False
        self.analyzer: Analyzer | None = None
        self.closed = False
        self.done = False


class Connections:
    """The connections of a capture, in the order of its packets.

    Args:
        options: what the caller has chosen.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._sides: dict[bytes, _Side] = {}
        self._lingering: deque[tuple[float, _Flow]] = deque()
        self._next_sweep = 0.0

    def segment(self, segment: Segment, ts: float, events: list[Event]) -> None:
        """Take a TCP segment.

        Args:
            segment: the segment.
            ts: when it was captured, in seconds since the epoch.
            events: the list that the events that are complete with it are appended to.
        """
        _, source, destination, buffer, start, end = segment
        if end - start < _TCP_HEADER.size:
            return
        ports, seq, ack, offset, flags = _TCP_HEADER.unpack_from(buffer, start)
        payload = start + (offset >> 4) * 4
        if payload < start + _TCP_HEADER.size:
            return
        if ts >= self._next_sweep:
            events += self._sweep(ts)
        key = source + destination + ports
        side = self._sides.get(key)
        has_data = payload < end and not flags & _RST
        if flags & _SYN:
            side, ended = self._synchronize(side, key, segment, seq, ack, flags, ts)
            events += ended
            seq = (seq + 1) & 0xFFFFFFFF
        elif side is None:
            if not has_data:
                return
            side = self._open(key, segment, ts)
        flow = side.flow
        if flow.done:
            if flags & (_RST | _FIN):
                self._close(flow, ts)
            return
        flow.last_time = ts
        stream, peer = side.stream, side.peer.stream
        if flags & _ACK and ack != peer.next_seq and not flags & _RST:
            missed = peer.acknowledge(ack)
            if missed:
                self._deliver(side.peer, missed, ts, events)
        if has_data or flags & _FIN:
            data = buffer[payload:end] if has_data else b""
            bare_ack = flags == _ACK
            if not flags & _FIN and stream.takes(seq, data, bare_ack=bare_ack):
                analyzer = flow.analyzer
                if analyzer is None:
                    self._deliver(side, [data], ts, events)
                else:
                    events += analyzer.deliver(data, side is flow.originator, ts)
                    if analyzer.finished:
                        self._done(flow)
                return
            try:
                chunks = stream.segment(seq, data, bool(flags & _FIN), bare_ack=bare_ack)
            except Overflow:
                self._lose(side, ts, events)
            else:
                if chunks:
                    self._deliver(side, chunks, ts, events)
        if flags & _RST:
            self._close(flow, ts)
        elif stream.fin is not None and stream.whole and peer.whole and not flow.done:
            events += self._finish(flow, ts)
            self._close(flow, ts)

    def end(self) -> Iterable[Event]:
        """Take note that the capture is over. What a connection that is open then was in the middle of, nobody knows to
        be missing.
        """
        for flow in {side.flow: None for side in self._sides.values()}:
            streams = (flow.first.stream, flow.first.peer.stream)
            is_open = not flow.closed and all(stream.fin is None for stream in streams)
            yield from self._finish(flow, flow.last_time, is_open=is_open)
        self._sides.clear()
        self._lingering.clear()

    # Beginning

    def _synchronize(
        self,
        side: _Side | None,
        key: bytes,
        segment: Segment,
        seq: int,
        ack: int,
        flags: int,
        ts: float,
    ) -> tuple[_Side, list[Event]]:
        ended: list[Event] = []
        if side is not None and self._is_reuse(side, seq, flags, ts):
            ended = self._drop(side.flow)
            side = None
        if side is None:
            side = self._open(key, segment, ts)
        flow = side.flow
        if not flow.opened and flow.analyzer is None:
            flow.opened = True
            flow.originator = side.peer if flags & _ACK else side
        side.stream.synchronize(seq + 1)
        if flags & _ACK and side.peer.stream.next_seq is None:
            side.peer.stream.synchronize(ack)
        return side, ended

    def _is_reuse(self, side: _Side, seq: int, flags: int, ts: float) -> bool:
        """Whether a SYN opens a new connection between the same ports."""
        flow = side.flow
        if flags & _ACK and flow.originator is side.peer and not side.stream.started:
            return False  # the answer to the SYN that was seen
        same = side.stream.next_seq is not None and not _differs(side.stream, seq)
        if flow.closed:
            return flow.done or side.stream.started or side.peer.stream.started or not same
        if not side.stream.started and not side.peer.stream.started:
            return False
        return not same and not flags & _ACK and (flow.done or ts - flow.last_time > _REUSE_AFTER)

    def _open(self, key: bytes, segment: Segment, ts: float) -> _Side:
        ports = segment.buffer[segment.start : segment.start + 4]
        reverse = segment.destination + segment.source + ports[2:] + ports[:2]
        side, peer = _Side(), _Side()
        side.peer, peer.peer = peer, side
        side.flow = peer.flow = _Flow(side, (key, reverse), ts)
        self._sides[key] = side
        self._sides[reverse] = peer
        return side

    # Data

    def _deliver(
        self, side: _Side, chunks: list[bytes | int], ts: float, events: list[Event]
    ) -> None:
        flow = side.flow
        if flow.done:
            return
        analyzer = self._analyzer_of(flow)
        is_orig = side is flow.originator
        for chunk in chunks:
            if isinstance(chunk, int):
                events += analyzer.gap(is_orig, chunk, ts)
            else:
                events += analyzer.deliver(chunk, is_orig, ts)
        if analyzer.finished:
            self._done(flow)

    def _analyzer_of(self, flow: _Flow) -> Analyzer:
        if flow.analyzer is None:
            key = flow.keys[0] if flow.originator is flow.first else flow.keys[1]
            flow.analyzer = Analyzer(
                connection("tcp", key, flow.start_time),
                originator_is_guess=not flow.opened,
                options=self._options,
            )
        return flow.analyzer

    def _lose(self, side: _Side, ts: float, events: list[Event]) -> None:
        flow = side.flow
        side.stream = Stream()
        analyzer = self._analyzer_of(flow)
        events += analyzer.lose(side is flow.originator, "too much data out of order", ts)
        if analyzer.finished:
            self._done(flow)

    # Ending

    def _done(self, flow: _Flow) -> None:
        """Keep of a connection only that it was there."""
        flow.done = True
        flow.analyzer = None

    def _close(self, flow: _Flow, ts: float) -> None:
        if not flow.closed:
            flow.closed = True
            self._lingering.append((ts, flow))

    def _finish(self, flow: _Flow, ts: float, *, is_open: bool = False) -> list[Event]:
        """The events that were waiting for data that will not come; with `is_open`, that are not known not to come."""
        events: list[Event] = []
        for side in (flow.first, flow.first.peer):
            chunks = side.stream.finish()
            if chunks:
                self._deliver(side, chunks, ts, events)
        if flow.analyzer is not None and not is_open:
            events += flow.analyzer.end(ts)
        self._done(flow)
        return events

    def _drop(self, flow: _Flow) -> list[Event]:
        events = [] if flow.done else self._finish(flow, flow.last_time)
        for key in flow.keys:
            side = self._sides.get(key)
            if side is not None and side.flow is flow:
                del self._sides[key]
        return events

    def _sweep(self, ts: float) -> list[Event]:
        """Drop what has been finished or silent for long, at a cost that is a part of each packet's."""
        events: list[Event] = []
        while self._lingering and ts - self._lingering[0][0] > _LINGER:
            events += self._drop(self._lingering.popleft()[1])
        flows = {side.flow: None for side in self._sides.values()}
        self._next_sweep = next_sweep(ts, len(flows))
        with_data, without = idle_limits(len(flows))
        for flow in flows:
            started = flow.first.stream.started or flow.first.peer.stream.started
            if ts - flow.last_time > (with_data if started else without):
                events += self._drop(flow)
        return events


def _differs(stream: Stream, seq: int) -> bool:
    """Whether a SYN with this sequence number is not the one that opened the direction."""
    assert stream.next_seq is not None
    return (seq + 1 + stream.position - stream.next_seq) & 0xFFFFFFFF != 0
