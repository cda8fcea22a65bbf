"""Where TLS begins in a stream that begins as something else (STARTTLS, proxies).

What belongs here: the one rule by which it is found, whatever protocol stands before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from heapq import heappop, heappush

from construct import Struct

from ..handshake import ClientHello, HandshakeHeader
from ..language import if_present, opaque, uint16
from ..language.api import NO_PARAMETERS, well_formed_at
from ..language.compiler import fields
from ..names import ContentType, HandshakeType
from ..record import RecordHeader
from ..versions import SSL30, TLS12, is_supported
from .streams import DEFAULT_SEARCH_LIMIT

__all__ = ["ClientHelloSearch"]

_MAXIMUM_CANDIDATES = 1024
"""So many beginnings are followed at once."""

_JUDGED_PER_BYTE = 8
_JUDGED_AT_FIRST = 2**16
"""How many bytes of whole candidates are looked at, for each byte of the direction and to begin with."""

# A ClientHello but for what its extensions hold. A message with one of those malformed is a ClientHello all the same, and
# to look into thousands of them takes time.
_Outline = Struct(
    *(field for field in ClientHello.subcon.subcons if field.name != "extensions"),
    "extensions" / if_present(opaque(0, 2**16 - 1)),
)
_extension_start = fields(Struct("extension_type" / uint16, "length" / uint16))
_EXTENSION_START_SIZE = 4

_record_header = fields(RecordHeader)
_RECORD_HEADER_SIZE = RecordHeader.sizeof()
_handshake_header = fields(HandshakeHeader)
_HANDSHAKE_HEADER_SIZE = HandshakeHeader.sizeof()
_HANDSHAKE = ContentType.handshake.value
_CLIENT_HELLO = HandshakeType.client_hello.value
_FIRST_BYTE = bytes([_HANDSHAKE])
_LENGTHS = range(2**16)  # of a message that may be a ClientHello


class ClientHelloSearch:
    """Looks in one direction of a stream for a whole, well-formed ClientHello that begins where a segment does.

    The goal is that nothing in front of the ClientHello hides it, and that looking costs the same for each byte, whatever
    stands there. So every beginning that may be one is followed, all side by side, and the first that becomes whole wins.

    The plan: of a candidate only the headers of its records are read. Where the next one stands is known from the last, so
    nothing is done before it has arrived. Candidates whose next records begin at the same byte go on together, as one
    chain: however many they are, each header is read once.

    The traps: candidates may stand in each other by the hundred, and share their bytes; so whole ones are looked at only
    as long as that is in proportion to the bytes that there are. What is given up is counted.

    Args:
        limit: where in the direction it begins at the latest, in bytes.
        offset: how many bytes of the direction came before what is searched.

    Attributes:
        offset: how many bytes of the direction have been looked at; once it is found, where it begins.
        given_up: how many beginnings have been given up although they may have been it.
    """

    __slots__ = (
        "_base",
        "_chains",
        "_data",
        "_due",
        "_judged",
        "_limit",
        "_live",
        "given_up",
        "offset",
    )

    def __init__(self, limit: int = DEFAULT_SEARCH_LIMIT, offset: int = 0) -> None:
        self.offset = offset
        self.given_up = 0
        self._limit = limit
        self._judged = 0
        # What is kept of the direction, from the first candidate on, and where that is.
        self._data = bytearray()
        self._base = 0
        # Where candidates begin that have not turned out to be none, in order; and the chain that each goes on with.
        self._live: dict[int, _Chain] = {}
        # By where their next record begins; and what has to have arrived before that is looked at.
        self._chains: dict[int, _Chain] = {}
        self._due: list[tuple[int, int]] = []

    @property
    def over(self) -> bool:
        """Whether nothing can be found any more."""
        return not self._live and self.offset >= self._limit

    @property
    def held(self) -> int:
        """How many bytes of memory are held, about."""
        return (
            len(self._data)
            + _CANDIDATE_SIZE * max(len(self._live), len(self._chains))
            + _DUE_SIZE * len(self._due)
        )

    def feed(self, segment: bytes) -> bytes | None:
        """Take the next segment of the direction.

        Returns:
            What there is of the direction from the ClientHello on; None where it has not been found.
        """
        begin = self.offset
        self.offset += len(segment)
        if begin < self._limit and segment[:1] == _FIRST_BYTE:
            self._follow(begin)
        elif not self._live:
            return None
        self._data += segment
        while self._due and self._due[0][0] <= self.offset:
            found = self._go_on(heappop(self._due)[1])
            if found is not None:
                data = bytes(self._data[found - self._base :])
                self._drop_all()
                self.offset = found
                return data
        self._forget()
        return None

    def gap(self, length: int) -> None:
        """Take note of bytes that are missing from the direction."""
        self._drop_all()
        self.offset += length

    def _follow(self, begin: int) -> None:
        live = self._live
        if not live:
            self._base = begin
        elif len(live) >= _MAXIMUM_CANDIDATES:
            self._give_up(next(iter(live)))
        chain = self._chains.get(begin)
        if chain is None:
            chain = self._chains[begin] = _Chain(begin)
            heappush(self._due, (begin + _RECORD_HEADER_SIZE + 1, begin))
        live[begin] = chain
        chain.live += 1
        chain.young[begin] = (chain.taken, b"")

    def _give_up(self, begin: int) -> None:
        """Follow a candidate no longer, and its chain neither where it was the last of it."""
        chain = self._live.pop(begin)
        chain.live -= 1
        if not chain.live and self._chains.get(chain.at) is chain:
            del self._chains[chain.at]
        self.given_up += 1

    def _go_on(self, at: int) -> int | None:
        """Go on with the chain whose next record begins at `at`, and of which more has arrived.

        Returns:
            Where the ClientHello begins that is whole with it.
        """
        chain = self._chains.pop(at, None)
        if chain is None:  # of candidates that were all given up
            return None
        data, start = self._data, at - self._base
        content_type, version, length = _record_header(data, start)
        if content_type != _HANDSHAKE or not SSL30 <= version <= TLS12 or not length:
            self._end(chain.candidates())
            return None
        first = start + _RECORD_HEADER_SIZE
        end = at + _RECORD_HEADER_SIZE + length
        if end > self.offset:
            if at in chain.young and len(data) > first and data[first] != _CLIENT_HELLO:
                # Nearly all that look like a record and are none end here.
                del chain.young[at]
                self._end([at])
            self._wait(chain, at, end)
            return None
        chain.take(data, first, length, self._end)
        while chain.ends and chain.ends[0][0] <= chain.taken:
            size, begin = chain.ends[0][2], heappop(chain.ends)[1]
            if begin in self._live and self._is_client_hello(begin, end, size):
                return begin
            self._end([begin])
        beside = self._chains.get(end)
        if beside is None:
            self._wait(chain, end, end + _RECORD_HEADER_SIZE)
        else:
            joined = self._chains[end] = beside.joined(chain, self._live)
            joined.at = end
        return None

    def _wait(self, chain: _Chain, at: int, due: int) -> None:
        if chain.live:
            chain.at = at
            self._chains[at] = chain
            heappush(self._due, (due, at))

    def _is_client_hello(self, begin: int, end: int, size: int) -> bool:
        """Whether the whole message of a candidate is a ClientHello.

        Args:
            begin, end: where its records do.
            size: the length of the message, with its header.
        """
        wire = end - begin
        if self._judged + wire > _JUDGED_PER_BYTE * self.offset + _JUDGED_AT_FIRST:
            self.given_up += 1
            return False
        self._judged += wire
        message = bytearray()
        at = begin - self._base
        while len(message) < size:
            _, _, length = _record_header(self._data, at)
            at += _RECORD_HEADER_SIZE
            message += self._data[at : at + length]
            at += length
        return _is_client_hello(bytes(message[:size]))

    def _end(self, candidates: Iterable[int]) -> None:
        for begin in candidates:
            chain = self._live.pop(begin, None)
            if chain is not None:
                chain.live -= 1

    def _forget(self) -> None:
        """Keep no bytes that no candidate needs."""
        if not self._live:
            self._drop_all()
            return
        oldest = next(iter(self._live))
        if oldest > self._base:
            del self._data[: oldest - self._base]
            self._base = oldest

    def _drop_all(self) -> None:
        self._live.clear()
        self._chains.clear()
        self._due.clear()
        self._data.clear()


class _Chain:
    """Records of which each begins where the last one ends, and the candidates that go on with them.

    Attributes:
        at: where the next one begins.
        live: how many of the candidates have not been given up.
        taken: how many bytes of handshake data the records have held.
        young: the candidates of whose message less than the header has come, by where they begin: how much had been taken
            before it, and what has come of it.
        ends: the others, in a heap: how much will have been taken once it is whole, where it begins, and how long the
            message is.
    """

    __slots__ = ("at", "ends", "live", "taken", "young")

    def __init__(self, at: int) -> None:
        self.at = at
        self.live = 0
        self.taken = 0
        self.young: dict[int, tuple[int, bytes]] = {}
        self.ends: list[tuple[int, int, int]] = []

    def candidates(self) -> list[int]:
        return [*self.young, *(begin for _, begin, _ in self.ends)]

    def take(
        self, data: bytearray, first: int, length: int, end: Callable[[Iterable[int]], None]
    ) -> None:
        """Take the fragment of the next record; `end` is told the candidates that are none."""
        for begin, (before, head) in list(self.young.items()):
            missing = _HANDSHAKE_HEADER_SIZE - len(head)
            head += data[first : first + min(length, missing)]
            if head[0] == _CLIENT_HELLO and len(head) < _HANDSHAKE_HEADER_SIZE:
                self.young[begin] = (before, head)
                continue
            del self.young[begin]
            if head[0] != _CLIENT_HELLO or _handshake_header(head, 0)[1] not in _LENGTHS:
                end([begin])
                continue
            size = _HANDSHAKE_HEADER_SIZE + _handshake_header(head, 0)[1]
            heappush(self.ends, (before + size, begin, size))
        self.taken += length

    def joined(self, other: _Chain, live: dict[int, _Chain]) -> _Chain:
        """The candidates of both, whose next record is the same; `live` has the chain of each."""
        if len(other.young) + len(other.ends) > len(self.young) + len(self.ends):
            return other.joined(self, live)
        for begin in other.candidates():
            if begin in live:
                live[begin] = self
        self.live += other.live
        ahead = self.taken - other.taken
        for begin, (before, head) in other.young.items():
            self.young[begin] = (before + ahead, head)
        for end, begin, size in other.ends:
            heappush(self.ends, (end + ahead, begin, size))
        return self


# What is kept of a candidate besides its bytes, and of what is due, about.
_CANDIDATE_SIZE = 600
_DUE_SIZE = 130


def _is_client_hello(message: bytes) -> bool:
    """Whether a handshake message of that type is a well-formed ClientHello, whatever its extensions hold."""
    outline = well_formed_at(_Outline, message, _HANDSHAKE_HEADER_SIZE, NO_PARAMETERS)
    if outline is None:
        return False
    hello, end = outline
    if end != len(message) or not is_supported(hello["legacy_version"]):
        return False
    extensions = hello["extensions"] or b""
    at = 0
    while len(extensions) - at >= _EXTENSION_START_SIZE:
        at += _EXTENSION_START_SIZE + _extension_start(extensions, at)[1]
    return at == len(extensions)
