"""UDP datagrams to flows to analyzers.

What may live here: which datagram belongs to which flow, what reads it, and how long a flow is kept.

UDP knows no end of a connection. So a ClientHello of DTLS with another random than the last begins another one, once the
handshake is over; before that, the client tries again. (For QUIC, its analyzer knows.)
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

import msgspec

from tlsgrammar import Registry
from tlsgrammar.names import ContentType
from tlsgrammar.registry import DEFAULT

from ..model import Connection, Event
from ..options import Options
from ..uids import uid
from .clock import Clock
from .flows import Kept, Known, connection
from .headers import Segment
from .lots import LOTS, lot_of

__all__ = ["DatagramFlows"]

_UDP_HEADER = struct.Struct("!4sH2x")
_UDP_HEADER_SIZE = _UDP_HEADER.size


class _Analyzer(Protocol):
    """What reads the datagrams of a flow.

    Attributes:
        idle: whether it reads nothing but the beginning of something new, which has a first byte of 128 or more.
        offsets: how many bytes the responder and the originator have sent.
    """

    idle: bool
    offsets: list[int]

    @property
    def finished(self) -> bool: ...

    @property
    def held(self) -> int: ...

    def deliver(
        self, datagram: bytes, is_orig: bool, ts: float | None = None, missing: int = 0
    ) -> list[Event]: ...

    def give_up(self, reason: str, ts: float | None = None) -> list[Event]: ...

    def catch_up(self, ts: float | None = None) -> list[Event]: ...

    def end(self, ts: float | None = None) -> list[Event]: ...


class _Reader(NamedTuple):
    """One of the protocols that datagrams may be.

    Attributes:
        first_bytes: what their first byte may be (RFC 7983, RFC 9443).
        begins: whether a datagram is one that a flow is known by; takes the registry too.
        analyzer: makes what reads the datagrams of a flow. Takes the connection, whether its first datagram is the first
            of the flow, and what the caller has chosen.
    """

    first_bytes: range
    begins: Callable[[bytes, Registry], bool]
    analyzer: Callable[[Connection, bool, Options], _Analyzer]


def _dtls(c: Connection, is_first: bool, options: Options) -> _Analyzer:
    from ..datagrams import DatagramAnalyzer  # here, because many captures have none

    return DatagramAnalyzer(c, originator_is_guess=is_first, options=options)


def _quic(c: Connection, is_first: bool, options: Options) -> _Analyzer:
    from ..quic import QuicAnalyzer  # likewise

    return QuicAnalyzer(c, options=options)


def _is_dtls(datagram: bytes, registry: Registry) -> bool:
    from tlsgrammar.framing.datagrams import is_dtls  # likewise

    return is_dtls(datagram, registry)


def _is_quic(datagram: bytes, registry: Registry) -> bool:
    from tlsgrammar.framing.packets import is_quic  # likewise

    return is_quic(datagram)


_READERS = (
    _Reader(range(20, 64), _is_dtls, _dtls),
    # Long headers have the first two bits set.
    _Reader(range(192, 256), _is_quic, _quic),
)
_DTLS, _QUIC = range(len(_READERS))
_HANDSHAKE = ContentType.handshake.value
_LONG_HEADERS = 128  # and the first bytes from there on
# Which of them reads a datagram, by its first byte. In a flow that is known as QUIC, it may be anything (RFC 9287).
_BY_FIRST_BYTE = [
    next((i for i, reader in enumerate(_READERS) if byte in reader.first_bytes), _QUIC)
    for byte in range(256)
]


# For how long a flow is kept after its last datagram, in seconds; likewise where there are very many: one in which there is
# something that can be read, and one in which nothing is known.
_OF_INTEREST = (3600.0, 600.0)
_UNKNOWN = (150.0, 10.0)

# What a flow takes, and what reads it, about, in bytes of memory.
_SIZE = 800
_ANALYZER_SIZE = 2_000


class _Flow(Known):
    """One UDP flow.

    Attributes:
        first: the key of the direction that its first datagram was sent in.
        analyzers: what reads its datagrams, one for each of `_READERS`: None where none of its protocol has been seen,
            _DONE once it has nothing more to say.
        keys: of both directions.
        random: that of the last ClientHello of DTLS.
    """

    __slots__ = ("analyzers", "first", "keys", "last_time", "random", "start_time")

    def __init__(self, first: bytes, reverse: bytes, ts: float, place: int) -> None:
        self.first = first
        self.lot = lot_of(first)
        self.place = place
        self.keys = (first, reverse)
        self.random: bytes | None = None
        self.start_time = ts
        self.last_time = ts
        self.analyzers: list[_Analyzer | None] = _NOTHING

    @property
    def held(self) -> int:
        """How many bytes of memory it holds besides what each takes, about."""
        return sum(
            [
                _ANALYZER_SIZE + analyzer.held
                for analyzer in self.analyzers
                if analyzer is not None and analyzer is not _DONE
            ]
        )

    @property
    def known(self) -> bool:
        """Whether anything has been seen in it that can be read."""
        return self.analyzers is not _NOTHING


_NOTHING: list[_Analyzer | None] = [None] * len(_READERS)


class _Done:
    """Reads what is left of a flow that has nothing more to say."""

    idle = True
    finished = True
    held = 0

    def __init__(self) -> None:
        self.offsets = [0, 0]

    def deliver(
        self, datagram: bytes, is_orig: bool, ts: float | None = None, missing: int = 0
    ) -> list[Event]:
        return []

    def give_up(self, reason: str, ts: float | None = None) -> list[Event]:
        return []

    def catch_up(self, ts: float | None = None) -> list[Event]:
        return []

    def end(self, ts: float | None = None) -> list[Event]:
        return []


_DONE = _Done()


class DatagramFlows:
    """The UDP flows of a capture, in the order of its packets.

    Args:
        options: what the caller has chosen.
        clock: the time of the capture.
        on_missing: told once, in words, what cannot be read because a library is not installed.
    """

    def __init__(self, options: Options, clock: Clock, on_missing: Callable[[str], None]) -> None:
        self._options = options
        self._clock = clock
        self._on_missing = on_missing
        self._registry = DEFAULT if options.extensions is None else options.extensions
        # By the keys of both directions.
        self._flows: dict[bytes, _Flow] = {}
        self._of_interest: Kept[_Flow] = Kept(*_OF_INTEREST)
        self._unknown: Kept[_Flow] = Kept(*_UNKNOWN, options.silent_limit)
        # Both; those first that are missed least.
        self._kept = (self._unknown, self._of_interest)
        # Those of _READERS that cannot be made.
        self._missing: set[int] = set()

    def __len__(self) -> int:
        return sum(map(len, self._kept))

    def datagram(self, segment: Segment, ts: float, events: list[Event]) -> None:
        """Take a UDP datagram.

        Args:
            segment: the datagram, with its header.
            ts: when it was captured, in seconds since the epoch.
            events: the list that the events that are complete with it are appended to.
        """
        _, source, destination, buffer, start, end = segment
        payload = start + _UDP_HEADER_SIZE
        if payload >= end:
            return
        ports, length = _UDP_HEADER.unpack_from(buffer, start)
        key = source + destination + ports
        flow = self._flows.get(key)
        is_first = flow is None
        if flow is None:
            flow = self._open(key, destination + source + ports[2:] + ports[:2], ts)
        elif flow.seen != self._clock.now:
            flow.move_to(flow.kept, self._clock.now)
        flow.last_time = ts
        missing = length - (end - start)
        if missing < 0 and length > _UDP_HEADER_SIZE:
            end = start + length
        first_byte = buffer[payload]
        index = _BY_FIRST_BYTE[first_byte]
        analyzer = flow.analyzers[index]
        if analyzer is not None and index == _DTLS and first_byte == _HANDSHAKE:
            datagram = buffer[payload:end]
            analyzer = self._unless_again(flow, datagram, key == flow.first, analyzer, events)
            is_first |= analyzer is None
        if analyzer is not None and analyzer.idle and first_byte < _LONG_HEADERS:
            # Nearly all datagrams of QUIC are these.
            analyzer.offsets[key == flow.first] += end - payload
            return
        datagram = buffer[payload:end]
        if analyzer is None:
            analyzer = self._begin(index, flow, datagram, is_first)
            if analyzer is None:
                index = _QUIC
                analyzer = flow.analyzers[index]
                if analyzer is None:
                    return
        events += analyzer.deliver(datagram, key == flow.first, ts, max(missing, 0))
        if analyzer.finished:
            flow.analyzers[index] = _DONE

    def expired(self) -> Iterator[tuple[int, list[Event]]]:
        """Drop what has not been heard of for long.

        Returns:
            The events that were waiting for more, each time with a number that says whose come first.
        """
        now = self._clock.now
        for index, kept in enumerate(self._kept):
            for flow in kept.expired(now):
                events: list[Event] = []
                for analyzer in flow.analyzers:
                    if analyzer is not None:
                        events += analyzer.end(flow.last_time)
                self._forget(flow)
                yield index * LOTS + flow.lot, events

    def held(self) -> int:
        """How many bytes of memory the flows take, about; it takes a look at each."""
        return _SIZE * len(self) + sum([flow.held for flow in self._of_interest])

    def give_way(self, reason: str, events: list[Event]) -> int:
        """Give up the flow that has been silent longest.

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
                for analyzer in flow.analyzers:
                    if analyzer is not None:
                        events += analyzer.give_up(reason, flow.last_time)
                self._forget(flow)
                return size
        return 0

    def _open(self, key: bytes, reverse: bytes, ts: float) -> _Flow:
        flow = self._flows[key] = self._flows[reverse] = _Flow(key, reverse, ts, self._clock.place)
        flow.begin_in(self._unknown, self._clock.now)
        too_many = self._unknown.one_too_many(flow.lot)
        if too_many is not None:
            self._forget(too_many)
        return flow

    def _forget(self, flow: _Flow) -> None:
        flow.kept.remove(flow)
        flow.analyzers = _NOTHING
        for key in flow.keys:
            self._flows.pop(key, None)  # both are the same where a port talks to itself

    def _unless_again(
        self,
        flow: _Flow,
        datagram: bytes,
        is_orig: bool,
        analyzer: _Analyzer,
        events: list[Event],
    ) -> _Analyzer | None:
        """What reads a datagram with handshake messages: None where another handshake begins with it."""
        from tlsgrammar.framing.datagrams import client_random

        random = client_random(datagram)
        if random is None or random == flow.random:
            return analyzer
        known, flow.random = flow.random, random
        from ..datagrams import DatagramAnalyzer

        if isinstance(analyzer, DatagramAnalyzer) and not analyzer.established:
            if known is not None and not analyzer.answered:
                analyzer.begin_again(is_orig)
            return analyzer
        events += analyzer.end(flow.last_time)
        flow.start_time = flow.last_time
        return None

    def _begin(self, index: int, flow: _Flow, datagram: bytes, is_first: bool) -> _Analyzer | None:
        """What reads the datagrams of a flow from this one on; None where that is none to know it by."""
        reader = _READERS[index]
        if (
            datagram[0] not in reader.first_bytes
            or index in self._missing
            or not reader.begins(datagram, self._registry)
        ):
            return None
        c = connection("udp", flow.first, flow.start_time, self._options.uid_seed)
        if flow.known and c.uid is not None:  # there is another protocol, which has that name
            c = msgspec.structs.replace(c, uid=uid(f"{c.uid} {index}".encode()))
        try:
            analyzer = reader.analyzer(c, is_first, self._options)
        except ImportError as error:
            self._missing.add(index)
            self._on_missing(str(error))
            return None
        if not flow.known:
            flow.analyzers = list(_NOTHING)
            flow.move_to(self._of_interest, self._clock.now)
        flow.analyzers[index] = analyzer
        if index == _DTLS:
            from tlsgrammar.framing.datagrams import client_random

            flow.random = client_random(datagram)
        return analyzer

    def end(self) -> Iterator[tuple[int, list[Event]]]:
        """Take note that the capture is over. What a flow was in the middle of then, nobody knows to be missing.

        Returns:
            The events of each flow, in the order in which they began, with the place where it did.
        """
        if self._options.key_log is not None:
            for flow in {flow: None for flow in self._flows.values() if flow.known}:
                events: list[Event] = []
                for analyzer in flow.analyzers:
                    if analyzer is not None:
                        events += analyzer.catch_up(flow.last_time)
                yield flow.place, events
        self._flows.clear()
        for kept in self._kept:
            kept.clear()
