"""Connections between two real stacks in memory: the wire, the two ends, and what is kept of them.

An end is one side of a connection in some stack. A `Pair` lets two of them talk over a `Wire`, and makes a `Talk` of
it: what was on the wire, the secrets, and the application data that went in and came out.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import cache
from importlib.resources import files
from typing import NamedTuple, Protocol

from events.testing.captures import Chunk


class Talk(NamedTuple):
    """One connection.

    Attributes:
        name: what is particular about it, such as "TLSv12 TLS_RSA_WITH_AES_128_CBC_SHA no encrypt-then-mac".
        stack: the two stacks, or the one that both sides are.
        version: that was negotiated.
        cipher_suite: that was negotiated, by its name at IANA; the last one where there were several.
        proto: "tcp" or "udp".
        chunks: what was on the wire, in order; over udp a datagram each.
        keylog: the lines of SSLKEYLOGFILE of this connection.
        client_data: all application data that the client sent, early data included, whether the server took it or not.
        server_data: likewise.
        messages: names of handshake messages that are known to have been sent encrypted; not all of them.
    """

    name: str
    stack: str
    version: str
    cipher_suite: str
    proto: str
    chunks: list[Chunk]
    keylog: str
    client_data: bytes
    server_data: bytes
    messages: tuple[str, ...] = ()


class NotPossibleError(Exception):
    """The stacks could not agree on it."""


class Made(NamedTuple):
    """A connection that was asked for: what became of it.

    Attributes:
        name, stack, version: what was asked for.
        talk: the connection, if there was one.
        why: what the stacks said otherwise.
        plain: whether there is nothing about it but its suite.
    """

    name: str
    stack: str
    version: str
    talk: Talk | None
    why: str = ""
    plain: bool = False


@cache
def suite_names() -> dict[int, str]:
    """The cipher suites by their numbers."""
    with (files("tlsgrammar") / "registries" / "cipher_suites.csv").open() as file:
        return {int(row["code"], 16): row["name"] for row in csv.DictReader(file)}


def words(is_client: bool, name: str, size: int = 0) -> bytes:
    """What one side says: it differs by side and by connection; twice the name, or `size` bytes."""
    line = f"{'client' if is_client else 'server'} of {name}, ".encode()
    return (line * (size // len(line) + 1))[:size] if size else line * 2


class Wire:
    """What is between two ends. Everything that passes is kept in `chunks`.

    Args:
        lost: the numbers of the chunks, of both sides from 0, that are seen but do not arrive.
        late: those that pass only after the chunk that the same side sends next.
    """

    def __init__(self, lost: Collection[int] = (), late: Collection[int] = ()) -> None:
        self.chunks: list[Chunk] = []
        self._queues: dict[bool, deque[bytes]] = {True: deque(), False: deque()}
        self._held: dict[bool, list[bytes]] = {True: [], False: []}
        self._lost, self._late, self._sent = lost, late, 0

    def send(self, is_client: bool, data: bytes) -> None:
        number = self._sent
        self._sent += 1
        if number in self._late:
            self._held[is_client].append(data)
            return
        self._pass(is_client, data, number)
        for held in self._held[is_client]:
            self._pass(is_client, held)
        self._held[is_client].clear()

    def _pass(self, is_client: bool, data: bytes, number: int = -1) -> None:
        self.chunks.append((is_client, data))
        if number not in self._lost:
            self._queues[is_client].append(data)

    def receive(self, is_client: bool, size: int = 0) -> bytes:
        """The next chunk for a side, or at most `size` bytes of it; nothing if there is none."""
        queue = self._queues[not is_client]
        if not queue:
            return b""
        data = queue.popleft()
        if size and len(data) > size:
            queue.appendleft(data[size:])
            data = data[:size]
        return data

    def waiting(self, is_client: bool) -> bool:
        """Whether there is anything for a side."""
        return bool(self._queues[not is_client])


class End(Protocol):
    """One side of a connection."""

    def handshake(self) -> bool:
        """Go on with the handshake as far as it goes; whether it is over."""

    def write(self, data: bytes) -> None:
        """Send application data."""

    def read(self) -> bytes:
        """Whatever has arrived of application data; other messages are dealt with by the way."""

    def close(self) -> None:
        """Say goodbye."""

    def timeout(self) -> None:
        """A while has passed; send again what may have been lost."""

    def version(self) -> str: ...

    def cipher_suite(self) -> str: ...


class Pair:
    """A client and a server that talk to each other over a wire."""

    def __init__(self, client: End, server: End, wire: Wire, piece: int = 2**14) -> None:
        self.wire = wire
        self.ends: dict[bool, End] = {True: client, False: server}
        self.said = {True: bytearray(), False: bytearray()}
        self.heard = {True: bytearray(), False: bytearray()}
        self.refused = bytearray()
        """Early data that the server did not take."""
        self._piece = piece

    def handshake(self, rounds: int = 60) -> Pair:
        """Let both sides shake hands."""
        done = {True: False, False: False}
        for _ in range(rounds):
            before = len(self.wire.chunks)
            for side in (True, False):
                # Who is done must go on reading: the other one may have missed something.
                if done[side]:
                    self._read(side)
                else:
                    done[side] = self.ends[side].handshake()
            if all(done.values()):
                self.pump()
                return self
            if before == len(self.wire.chunks):
                for end in self.ends.values():
                    end.timeout()
        raise NotPossibleError("the handshake does not end")

    def _read(self, side: bool) -> bytes:
        data = self.ends[side].read()
        self.heard[side] += data
        return data

    def pump(self, rounds: int = 100) -> None:
        """Let both sides read until nothing moves any more."""
        for _ in range(rounds):
            before = len(self.wire.chunks)
            got = [self._read(side) for side in (True, False)]
            if not any(got) and before == len(self.wire.chunks):
                return

    def say(self, is_client: bool, data: bytes) -> None:
        """Let one side send application data, and the other read it."""
        for at in range(0, len(data), self._piece):
            self.ends[is_client].write(data[at : at + self._piece])
            self.said[is_client] += data[at : at + self._piece]
            self.pump()

    def chat(self, name: str, size: int = 0) -> Pair:
        """Let both sides say something."""
        for side in (True, False):
            self.say(side, words(side, name, size))
        return self

    def end(
        self,
        name: str,
        stack: str,
        keylog: Iterable[str],
        *,
        proto: str = "tcp",
        messages: Sequence[str] = (),
    ) -> Talk:
        """Let both sides go, and keep what was said."""
        client, server = self.ends[True], self.ends[False]
        version, cipher_suite = client.version(), client.cipher_suite()
        assert (version, cipher_suite) == (server.version(), server.cipher_suite())
        client.close()
        self.pump()
        server.close()
        self.pump()
        for side in (True, False):
            came = bytes(self.refused if side else b"") + bytes(self.heard[not side])
            assert came == bytes(self.said[side]), f"{name}: not all that was said was heard"
        return Talk(
            name,
            stack,
            version,
            cipher_suite,
            proto,
            list(self.wire.chunks),
            "".join(f"{line}\n" for line in dict.fromkeys(keylog)),
            bytes(self.said[True]),
            bytes(self.said[False]),
            tuple(messages),
        )


Case = Callable[[], Talk | list[Talk]]
"""What makes a connection, or some that belong together."""


def attempt(name: str, stack: str, version: str, case: Case, plain: bool = False) -> list[Made]:
    """Make connections, if the stacks can."""
    try:
        found = case()
    except NotPossibleError as error:
        return [Made(name, stack, version, None, str(error), plain)]
    talks = [found] if isinstance(found, Talk) else found
    return [Made(each.name, stack, version, each, "", plain) for each in talks]
