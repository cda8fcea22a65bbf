"""TCP segments to connections to analyzers.

What may live here: which segment belongs to which connection, which side opened it, when it begins and ends, and how
long it is kept. That is (what is believed of the bytes of a direction stands in `stream`):

    what comes                            what is believed
    ------------------------------------  -----------------------------------------------------------------------
    a SYN, in a connection without bytes  it opens it, and the side that sent it is the originator
    a SYN, in one that is over, or that   it opens another one between the same ports
    has been silent for 5 s
    a SYN, in any other                   nothing, until it is acknowledged, or bytes follow it that go on from it: then
                                          it has opened another one, when it came
    FINs of both sides, acknowledged      the connection is over; what comes later is nothing
    FINs that are not, a RST              the connection is over in a minute; if bytes come that go on from those before,
                                          it goes on
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from ..model import Event
from ..options import Options
from ..streams import Analyzer
from .clock import Clock
from .flows import Kept, Known, connection
from .headers import Segment
from .lots import LOTS, lot_of
from .stream import BEGINS_HERE, Chunk, Overflow, Stream

__all__ = ["Connections"]

# Ports, sequence and acknowledgment number, data offset, flags.
_TCP_HEADER = struct.Struct("!4sIIBB6x")
_FIN, _SYN, _RST, _ACK = 0x01, 0x02, 0x04, 0x10
_RST_OR_SYN = _RST | _SYN  # what they acknowledge may be of another connection

# A SYN with another sequence number on a connection that has been silent this long opens a new one.
_REUSE_AFTER = 5.0
# For how long a connection is kept after its last packet, in seconds; likewise where there are very many: one with bytes
# (a pause of minutes changes nothing), one without, such as a SYN that nobody answered, and what is left of one that is
# over, which absorbs the packets that come late.
_WITH_BYTES = (3600.0, 600.0)
_WITHOUT = (150.0, 10.0)
_OVER = (60.0, 10.0)

# What a connection takes, and what reads it, about, in bytes of memory.
_SIZE = 1_000
_ANALYZER_SIZE = 1_000
# What is held of it is of interest to all others from here on, likewise.
_MUCH = 2**16


class _Side:
    """One side of a connection, as sender: its key in the table, its stream, the connection and the other side."""

    __slots__ = ("flow", "key", "peer", "stream")

    flow: _Flow
    peer: _Side

    def __init__(self, key: bytes) -> None:
        self.key = key
        self.stream = Stream()


class _Challenge(NamedTuple):
    """A SYN on a connection that goes on, as far as is known.

    Attributes:
        ts: when it came.
        seqs: the sequence numbers of the first bytes of the connection that it may have opened: of the side that sent it,
            and of the other one, where it is known.
    """

    ts: float
    seqs: dict[_Side, int]


class _Flow(Known):
    """One TCP connection.

    Attributes:
        challenge: a SYN that may have opened another one between the same ports.
        first: the side that sent its first packet.
        originator: the side that opened it; while no SYN has been seen, the first one.
        opened: whether a SYN has been seen.
        analyzer: None before there are data, and once it has nothing more to say.
        closed: whether it has been closed or reset.
        done: whether it has nothing more to say.
    """

    __slots__ = (
        "analyzer",
        "challenge",
        "closed",
        "done",
        "first",
        "last_time",
        "opened",
        "originator",
        "start_time",
    )

    def __init__(self, first: _Side, ts: float, place: int) -> None:
        self.first = first
        self.lot = lot_of(first.key)
        self.place = place
        self.start_time = ts
        self.last_time = ts
        self.originator = first
        self.opened = False
        self.analyzer: Analyzer | None = None
        self.closed = False
        self.done = False
        self.challenge: _Challenge | None = None

    @property
    def started(self) -> bool:
        """Whether there have been bytes in it."""
        return self.first.stream.started or self.first.peer.stream.started

    @property
    def is_over(self) -> bool:
        """Whether it has nothing more to say to those who have no secrets."""
        return self.done or (self.analyzer is not None and self.analyzer.waits_for_secrets)

    @property
    def held(self) -> int:
        """How many bytes of memory it holds besides what each takes, about."""
        analyzer = 0 if self.analyzer is None else _ANALYZER_SIZE + self.analyzer.held
        return self.first.stream.held + self.first.peer.stream.held + analyzer


class Connections:
    """The connections of a capture, in the order of its packets.

    Args:
        options: what the caller has chosen.
        clock: the time of the capture.
    """

    def __init__(self, options: Options, clock: Clock) -> None:
        self._options = options
        self._clock = clock
        self._reorder_limit = options.reorder_limit
        self._sides: dict[bytes, _Side] = {}
        self._with_bytes: Kept[_Flow] = Kept(*_WITH_BYTES)
        self._without: Kept[_Flow] = Kept(*_WITHOUT, options.silent_limit)
        self._over: Kept[_Flow] = Kept(*_OVER, options.silent_limit)
        # All of them; those first that are missed least.
        self._kept = (self._over, self._without, self._with_bytes)

    def __len__(self) -> int:
        return sum(map(len, self._kept))

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
        key = source + destination + ports
        side = self._sides.get(key)
        has_data = payload < end and not flags & _RST
        if flags & _SYN:
            side = self._synchronize(side, key, segment, seq, ack, flags, ts, events)
            seq = (seq + 1) & 0xFFFFFFFF
        elif side is None:
            if not has_data:
                return
            side = self._open(key, segment, ts)
        flow = side.flow
        if flow.challenge is not None and has_data:
            side = self._answer(flow, side, key, segment, seq, events)
            flow = side.flow
        if flow.done:
            if flags & (_RST | _FIN):
                self._close(flow, events)
            return
        flow.last_time = ts
        if flow.seen != self._clock.now:
            flow.move_to(flow.kept, self._clock.now)
        stream, peer = side.stream, side.peer.stream
        if flags & _ACK and ack != peer.next_seq and not flags & _RST_OR_SYN:
            missed = peer.acknowledge(ack, self._clock.now)
            if missed:
                self._deliver(side.peer, missed, ts, events)
        if has_data or flags & _FIN:
            data = buffer[payload:end] if has_data else b""
            bare_ack = flags == _ACK
            if not flags & _FIN and stream.takes(seq, data, bare_ack=bare_ack):
                analyzer = flow.analyzer
                if analyzer is None or flow.closed:  # or done with what an ACK has said
                    self._deliver(side, [data], ts, events)
                else:
                    events += analyzer.deliver(data, side is flow.originator, ts)
                    if analyzer.finished:
                        self._done(flow)
                return
            if not flow.done:
                self._segment(side, seq, data, flags, ts, events)
        if flags & _RST:
            self._close(flow, events)
        elif stream.fin is not None and peer.fin is not None and not flow.done:
            if stream.fin_acknowledged and peer.fin_acknowledged and stream.whole and peer.whole:
                self._finish(flow, ts, events)
            self._close(flow, events)

    def expired(self) -> Iterator[tuple[int, list[Event]]]:
        """Drop what has not been heard of for long.

        Returns:
            The events that were waiting for more, each time with a number that says whose come first.
        """
        now = self._clock.now
        for index, kept in enumerate(self._kept):
            for flow in kept.expired(now):
                events: list[Event] = []
                order = index * LOTS + flow.lot
                self._drop(flow, events)
                yield order, events

    def held(self) -> int:
        """How many bytes of memory the connections take, about; it takes a look at each."""
        holding = (self._with_bytes, self._over)
        return _SIZE * len(self) + sum([flow.held for kept in holding for flow in kept])

    def give_way(self, reason: str, events: list[Event]) -> int:
        """Give up the connection that has been silent longest.

        Args:
            reason: why, in words.
            events: the list that the events are appended to that say so.

        Returns:
            How many bytes of memory it took, about; 0 where there is none.
        """
        for kept in self._kept:
            flow = kept.oldest
            if flow is not None:
                size = _SIZE + flow.held
                if flow.analyzer is not None:
                    events += flow.analyzer.give_up(reason, flow.last_time)
                    self._done(flow)
                self._drop(flow, events)
                return size
        return 0

    def end(self) -> Iterator[tuple[int, list[Event]]]:
        """Take note that the capture is over. What a connection that is open then was in the middle of, nobody knows to
        be missing.

        Returns:
            The events of each connection, in the order in which they began, with the place where it did.
        """
        for flow in {side.flow: None for side in self._sides.values()}:
            events: list[Event] = []
            streams = (flow.first.stream, flow.first.peer.stream)
            is_open = not flow.closed and all(stream.fin is None for stream in streams)
            self._finish(flow, flow.last_time, events, is_open=is_open)
            yield flow.place, events
        self._sides.clear()
        for kept in self._kept:
            kept.clear()

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
        events: list[Event],
    ) -> _Side:
        if side is not None and self._is_reuse(side, seq, ack, flags, ts):
            challenge = side.flow.challenge
            self._drop(side.flow, events)
            # The answer to a SYN that has opened a connection.
            if challenge is not None and flags & _ACK:
                side = self._open(key, segment, challenge.ts)
                side.flow.opened = True
                side.flow.originator = side.peer
            else:
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
        return side

    def _is_reuse(self, side: _Side, seq: int, ack: int, flags: int, ts: float) -> bool:
        """Whether a SYN opens a new connection between the same ports; one that may, without more evidence, is a
        challenge from then on.
        """
        flow = side.flow
        if flags & _ACK and flow.originator is side.peer and not side.stream.started:
            return False  # the answer to the SYN that was seen
        same = side.stream.next_seq is not None and not _differs(side.stream, seq)
        if flow.closed:
            return flow.is_over or flow.started or not same
        if same or not flow.started:
            return False
        if not flags & _ACK and (flow.is_over or self._clock.now - flow.seen > _REUSE_AFTER):
            return True
        challenge = flow.challenge
        if challenge is not None and flags & _ACK and challenge.seqs.get(side.peer) == ack:
            return True
        seqs = {side: (seq + 1) & 0xFFFFFFFF}
        if flags & _ACK:
            seqs[side.peer] = ack
        flow.challenge = _Challenge(ts, seqs)
        return False

    def _answer(
        self,
        flow: _Flow,
        side: _Side,
        key: bytes,
        segment: Segment,
        seq: int,
        events: list[Event],
    ) -> _Side:
        """The side whose bytes these are, of the connection that they go on, or of the one that a SYN may have opened."""
        challenge = flow.challenge
        assert challenge is not None
        expected = challenge.seqs.get(side)
        if seq == side.stream.next_seq:
            flow.challenge = None  # it goes on as if there had been none
            return side
        if seq != expected:
            return side
        first, other = next(iter(challenge.seqs)), challenge.seqs.get(side.peer)
        self._drop(flow, events)
        new = self._open(key, segment, challenge.ts)
        new.flow.opened = True
        # A SYN with an ACK was an answer.
        of_syn = new if first is side else new.peer
        new.flow.originator = of_syn.peer if len(challenge.seqs) > 1 else of_syn
        new.stream.synchronize(seq)
        if other is not None:
            new.peer.stream.synchronize(other)
        return new

    def _open(self, key: bytes, segment: Segment, ts: float) -> _Side:
        ports = segment.buffer[segment.start : segment.start + 4]
        reverse = segment.destination + segment.source + ports[2:] + ports[:2]
        side, peer = _Side(key), _Side(reverse)
        side.peer, peer.peer = peer, side
        side.flow = peer.flow = flow = _Flow(side, ts, self._clock.place)
        self._sides[key] = side
        self._sides[reverse] = peer
        flow.begin_in(self._without, self._clock.now)
        too_many = self._without.one_too_many(flow.lot)
        if too_many is not None:
            self._forget(too_many)
        return side

    # Data

    def _segment(
        self, side: _Side, seq: int, data: bytes, flags: int, ts: float, events: list[Event]
    ) -> None:
        """Take data that are not simply what comes next, or a FIN."""
        flow, stream = side.flow, side.stream
        try:
            chunks = stream.segment(
                seq,
                data,
                bool(flags & _FIN),
                bare_ack=flags == _ACK,
                limit=self._reorder_limit,
                unknown=flow.analyzer is None or flow.analyzer.is_silent(side is flow.originator),
            )
        except Overflow:
            self._lose(side, "too much data out of order", ts, events)
            return
        if chunks:
            self._deliver(side, chunks, ts, events)
        elif flow.kept is self._without and (stream.started or stream.held):
            flow.move_to(self._with_bytes, self._clock.now)
        if stream.held > _MUCH and flow.held > self._options.connection_limit:
            limit = self._options.connection_limit
            reason = f"more than {limit} bytes would be held for this connection"
            self._lose(side, reason, ts, events)

    def _deliver(self, side: _Side, chunks: list[Chunk], ts: float, events: list[Event]) -> None:
        flow = side.flow
        if flow.done:
            return
        if flow.closed or flow.kept is self._without:
            flow.closed = False  # it goes on
            flow.move_to(self._with_bytes, self._clock.now)
        analyzer = self._analyzer_of(flow)
        is_orig = side is flow.originator
        for chunk in chunks:
            if chunk is BEGINS_HERE:
                events += analyzer.begin_again(is_orig, ts)
            elif isinstance(chunk, bytes):
                events += analyzer.deliver(chunk, is_orig, ts)
            elif isinstance(chunk, int):
                events += analyzer.gap(is_orig, chunk, ts)
        if analyzer.finished:
            self._done(flow)

    def _analyzer_of(self, flow: _Flow) -> Analyzer:
        if flow.analyzer is None:
            flow.analyzer = Analyzer(
                connection("tcp", flow.originator.key, flow.start_time, self._options.uid_seed),
                originator_is_guess=not flow.opened,
                options=self._options,
            )
        return flow.analyzer

    def _lose(self, side: _Side, reason: str, ts: float, events: list[Event]) -> None:
        flow = side.flow
        side.stream = Stream()
        if flow.done:
            return
        analyzer = self._analyzer_of(flow)
        events += analyzer.lose(side is flow.originator, reason, ts)
        if analyzer.finished:
            self._done(flow)

    # Ending

    def _done(self, flow: _Flow) -> None:
        """Keep of a connection only that it was there."""
        flow.done = True
        flow.analyzer = None

    def _close(self, flow: _Flow, events: list[Event]) -> None:
        if flow.closed:
            return
        flow.closed = True
        if not flow.started and not flow.done:
            self._forget(flow)  # nothing can come late
            return
        flow.move_to(self._over, self._clock.now)
        too_many = self._over.one_too_many(flow.lot)
        if too_many is not None:
            self._drop(too_many, events)

    def _finish(
        self, flow: _Flow, ts: float, events: list[Event], *, is_open: bool = False
    ) -> None:
        """Raise the events that were waiting for data that will not come; with `is_open`, that are not known not to
        come.
        """
        closed = flow.closed
        for side in (flow.first, flow.first.peer):
            chunks = side.stream.finish()
            if chunks:
                self._deliver(side, chunks, ts, events)
        if flow.analyzer is not None:
            events += flow.analyzer.catch_up(ts) if is_open else flow.analyzer.end(ts)
        flow.closed = closed
        self._done(flow)

    def _drop(self, flow: _Flow, events: list[Event]) -> None:
        if not flow.done:
            self._finish(flow, flow.last_time, events)
        self._forget(flow)

    def _forget(self, flow: _Flow) -> None:
        flow.kept.remove(flow)
        one, other = flow.first, flow.first.peer
        for side in (one, other):
            if self._sides.get(side.key) in (one, other):
                del self._sides[side.key]
        # They hold each other, and would wait for the collector.
        del one.flow, one.peer, other.flow, other.peer, flow.first, flow.originator
        flow.challenge = None


def _differs(stream: Stream, seq: int) -> bool:
    """Whether a SYN with this sequence number is not the one that opened the direction."""
    assert stream.next_seq is not None
    return (seq + 1 + stream.position - stream.next_seq) & 0xFFFFFFFF != 0
