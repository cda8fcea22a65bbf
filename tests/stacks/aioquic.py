"""Connections between two sides of aioquic.

The application data of a side is what it sends on its streams, by the numbers of the streams.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Collection, Iterator
from functools import partial
from importlib.metadata import version as version_of
from typing import Any

from aioquic._buffer import Buffer
from aioquic.quic.connection import QuicConnection
from aioquic.quic.events import StreamDataReceived
from aioquic.quic.packet import encode_quic_retry, pull_quic_header
from aioquic.tls import CipherSuite

from events.testing.quic import CLIENT, SERVER

from ..helpers.quic import configurations
from .talk import Made, NotPossibleError, Talk, Wire, attempt, words

VERSIONS = {"QUICv1": 0x00000001, "QUICv2": 0x6B3343CF}
SUITES = {
    "TLS_AES_128_GCM_SHA256": CipherSuite.AES_128_GCM_SHA256,
    "TLS_AES_256_GCM_SHA384": CipherSuite.AES_256_GCM_SHA384,
    "TLS_CHACHA20_POLY1305_SHA256": CipherSuite.CHACHA20_POLY1305_SHA256,
}


def stack() -> str:
    return f"aioquic {version_of('aioquic')}"


class Connection:
    """A client and a server in memory.

    Args:
        version: that the client begins with.
        suite: the only one.
        retry: whether the server asks the client for a token first.
        ticket: a session ticket for the client.
        tickets: those that the server knows.
        lost, late: numbers of datagrams, as for a `Wire`.
        choice: the version that the server likes best, if it is another.
    """

    def __init__(
        self,
        version: str,
        suite: str,
        *,
        retry: bool = False,
        ticket: Any = None,
        tickets: dict[bytes, Any] | None = None,
        lost: Collection[int] = (),
        late: Collection[int] = (),
        choice: str = "",
    ) -> None:
        self.version, self.suite = choice or version, suite
        ours, theirs = configurations(cipher_suites=[SUITES[suite]])
        self.log = io.StringIO()
        ours.secrets_log_file = self.log
        ours.original_version = VERSIONS[version]
        ours.supported_versions = [VERSIONS[version]]
        theirs.supported_versions = list(VERSIONS.values())
        if choice:
            ours.supported_versions = [VERSIONS[choice], VERSIONS[version]]
            theirs.supported_versions = [VERSIONS[choice], VERSIONS[version]]
        ours.session_ticket = ticket
        self.tickets: dict[bytes, Any] = {} if tickets is None else tickets
        self.got_tickets: list[Any] = []
        self.client = QuicConnection(
            configuration=ours, session_ticket_handler=self.got_tickets.append
        )
        self.server: Any = None
        self._server_configuration = theirs
        self._retry, self._now = retry, 0.0
        self._first = self._source = b""
        self.wire = Wire(lost, late)
        self.said: dict[tuple[bool, int], bytes] = {}
        self.heard: dict[tuple[bool, int], bytes] = {}
        self.client.connect(SERVER, now=self._now)

    def say(self, is_client: bool, data: bytes, stream: int = 0) -> None:
        """Send application data."""
        (self.client if is_client else self.server).send_stream_data(stream, data)
        key = is_client, stream
        self.said[key] = self.said.get(key, b"") + data

    def pump(self, rounds: int = 400) -> None:
        """Let both sides talk until they have nothing to say."""
        idle = 0
        for _ in range(rounds):
            before = len(self.wire.chunks)
            self._now += 0.01
            for side in (True, False):
                self._step(side)
            if before != len(self.wire.chunks):
                idle = 0
                continue
            idle += 1
            # Acknowledgements may be late, and what was lost is sent again later.
            for end in filter(None, (self.client, self.server)):
                timer = end.get_timer()
                if timer is not None and timer <= self._now:
                    end.handle_timer(self._now)
            if idle > 40:
                return

    def _step(self, side: bool) -> None:
        end = self.client if side else self.server
        while data := self.wire.receive(side):
            if end is None:
                end = self._accept(data)
            if end is not None:
                end.receive_datagram(data, SERVER if side else CLIENT, self._now)
        if end is None:
            return
        while event := end.next_event():
            if isinstance(event, StreamDataReceived):
                key = not side, event.stream_id
                self.heard[key] = self.heard.get(key, b"") + event.data
        for data, _ in end.datagrams_to_send(self._now):
            self.wire.send(side, data)

    def _accept(self, data: bytes) -> Any:
        header = pull_quic_header(Buffer(data=data), host_cid_length=8)
        if self._retry and not self._source:
            self._first, self._source = header.destination_cid, os.urandom(8)
            answer = encode_quic_retry(
                version=header.version or 0,
                source_cid=self._source,
                destination_cid=header.source_cid,
                original_destination_cid=self._first,
                retry_token=b"a token of the server's",
            )
            self.wire.send(False, answer)
            return None
        self.server = QuicConnection(
            configuration=self._server_configuration,
            original_destination_connection_id=self._first or header.destination_cid,
            retry_source_connection_id=self._source or None,
            session_ticket_handler=lambda each: self.tickets.update({each.ticket: each}),
            session_ticket_fetcher=self.tickets.get,
        )
        return self.server

    def chat(self, name: str, size: int = 0, stream: int = 0) -> Connection:
        """Let both sides say something."""
        for side in (True, False):
            self.say(side, words(side, name, size), stream)
            self.pump()
        return self

    def end(self, name: str) -> Talk:
        self.client.close()
        self.pump(30)
        if self.said != self.heard:
            raise NotPossibleError("not all that was said was heard")
        said = {
            side: b"".join(self.said[key] for key in sorted(self.said) if key[0] is side)
            for side in (True, False)
        }
        return Talk(
            name,
            stack(),
            self.version,
            self.suite,
            "udp",
            list(self.wire.chunks),
            self.log.getvalue(),
            said[True],
            said[False],
            ("EncryptedExtensions", "Finished"),
        )


def simple(name: str, version: str, suite: str, size: int = 0, **options: Any) -> Talk:
    made = Connection(version, suite, **options)
    made.pump()
    return made.chat(name, size).end(name)


def streams(name: str, version: str, suite: str) -> Talk:
    made = Connection(version, suite)
    made.pump()
    for stream in (0, 4, 8):
        made.chat(f"{name}, stream {stream}", stream=stream)
    return made.end(name)


def resumed(
    name: str, version: str, suite: str, *, refused: bool = False, early: bool = True
) -> list[Talk]:
    """Two connections, of which the second resumes the first, with early data or without."""
    before = f"{name}, the first"
    first = Connection(version, suite)
    first.pump()
    talk = first.chat(before).end(before)
    second = Connection(
        version,
        suite,
        ticket=first.got_tickets[0],
        tickets={} if refused else first.tickets,
    )
    if early:
        second.say(True, words(True, f"early data of {name}"))
    second.pump()
    return [talk, second.chat(name).end(name)]


def updated(name: str, version: str, suite: str, updates: str) -> Talk:
    """Updates of keys by client and server, by c and s; the other side follows."""
    made = Connection(version, suite)
    made.pump()
    made.chat(name)
    for number, who in enumerate(updates):
        (made.client if who == "c" else made.server).request_key_update()
        made.chat(f"{name}, after {number + 1}")
    return made.end(name)


def moved(name: str, version: str, suite: str) -> Talk:
    """Both sides take other connection ids."""
    made = Connection(version, suite)
    made.pump()
    made.chat(name)
    for end in (made.client, made.server):
        end.change_connection_id()
        made.chat(f"{name}, afterwards")
    return made.end(name)


def make() -> Iterator[Made]:
    """All connections."""

    def case(make: Callable[..., Any], what: str, version: str, *args: Any, **more: Any) -> Any:
        name = f"{version} {what}"
        return attempt(name, stack(), version, partial(make, name, version, *args, **more))

    for version in VERSIONS:
        for suite in SUITES:
            yield from case(simple, suite, version, suite)
            yield from case(resumed, f"early data {suite}", version, suite)
            yield from case(updated, f"key updates cscs {suite}", version, suite, "cscs")
            if suite != "TLS_AES_128_GCM_SHA256":
                continue
            yield from case(simple, f"retry {suite}", version, suite, retry=True)
            yield from case(simple, f"long {suite}", version, suite, 9_000)
            yield from case(streams, f"streams {suite}", version, suite)
            yield from case(resumed, f"resumed {suite}", version, suite, early=False)
            yield from case(resumed, f"early data refused {suite}", version, suite, refused=True)
            yield from case(moved, f"other connection ids {suite}", version, suite)
        suite = "TLS_AES_128_GCM_SHA256"
        for updates in ("c", "s"):
            yield from case(updated, f"key updates {updates}", version, suite, updates)
        yield from case(simple, "loss", version, suite, 5_000, lost=[1, 4, 9, 12])
        yield from case(simple, "out of order", version, suite, 5_000, late=[2, 5, 9, 12])
    yield from case(simple, "to version 2", "QUICv1", suite, choice="QUICv2")
    yield from case(simple, "to version 1", "QUICv2", suite, choice="QUICv1")
