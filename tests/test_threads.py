"""Registering while other threads analyse: what they read is as it was before, or as it is after."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from construct import Construct, Struct

import events
import tlsgrammar
from tlsgrammar import Registry, names
from tlsgrammar.extensions import DEFAULT
from tlsgrammar.key_exchange import key_exchange_algorithm
from tlsgrammar.language import uint8, uint16
from tlsgrammar.language.names import Names
from tlsgrammar.registry import EXTENSION

from .helpers.streams import client_hello, record, server_hello

PRIVATE = [0xF100 + index for index in range(20)]
BYTES = Struct("a" / uint8, "b" / uint8)
WORD = Struct("c" / uint16)
CHUNKS = [
    (True, record("handshake", client_hello(*((code, b"\1\2") for code in PRIVATE)))),
    (False, record("handshake", server_hello())),
]


@pytest.fixture
def impatient() -> Iterator[None]:
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def together(*functions: Callable[[], None]) -> list[BaseException]:
    """Call functions, each in a thread; what they raised."""
    raised: list[BaseException] = []
    begin = threading.Barrier(len(functions))

    def run(function: Callable[[], None]) -> None:
        begin.wait()
        try:
            function()
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=run, args=(function,)) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return raised


@pytest.mark.usefixtures("impatient")
def test_registering_while_others_analyse() -> None:
    mine = DEFAULT.copy()
    wanted = events.known_events()
    found: list[events.Event] = []
    open_ones: list[events.Analyzer] = []
    registering = threading.Event()

    def analyze() -> None:
        index = 0
        while not registering.is_set():
            index += 1
            # Each other choice of events has a walk of its own, which the registry knows of.
            choice = {"ssl_extension", "reporter_error", wanted[index % len(wanted)]}
            analyzer = events.Analyzer(extensions=mine, wanted=choice)
            open_ones.append(analyzer)
            for is_orig, data in CHUNKS:
                found.extend(analyzer.deliver(data, is_orig))

    def register() -> None:
        try:
            for index in range(400):
                code = PRIVATE[index % len(PRIVATE)]
                schema = BYTES if index % 3 else WORD
                mine.register(code, f"private {code}", schema, replace=True)
                mine.register_name(names.SUPPORTED_GROUPS, code, f"g{code}", replace=True)
                mine.register_cipher_suite(code, f"TLS_DHE_RSA_{code}", replace=True)
                repr(mine)
                mine.copy()
        finally:
            registering.set()

    assert not together(register, analyze, analyze, analyze)
    assert not [event for event in found if event.name == "reporter_error"]
    assert found


@pytest.mark.usefixtures("impatient")
def test_several_register_at_once() -> None:
    mine = DEFAULT.copy()
    made = [Names(f"names {index}", 4, dict) for index in range(4)]

    def register(own: int) -> Callable[[], None]:
        def register_some() -> None:
            for index in range(100):
                code = 0xF000 + 100 * own + index
                mine.register(code, f"private {code}", BYTES)
                mine.register_name(made[own], index, f"name {index}")
                mine.attach((EXTENSION, code), own, "a thread")
                mine.register_key_exchange(f"kx{code}", server=BYTES, signed=True)

        return register_some

    assert not together(*map(register, range(4)))
    for code in range(0xF000, 0xF000 + 400):
        assert mine.extensions[code].name == f"private {code}"
        assert len(mine.attached((EXTENSION, code))) == 1
        assert mine.is_signed(f"kx{code}")
    assert all(len(mine.added_names(names)) == 100 for names in made)


class Interrupted(Registry):
    """A registry that another thread changes right after something has been looked up in it."""

    interrupt: Callable[[], Any] | None = None

    def _interrupted(self) -> None:
        interrupt, self.interrupt = self.interrupt, None
        if interrupt is not None:
            interrupt()

    def schema(self, kind: str, code: Any, where: str) -> Construct | None:
        found = super().schema(kind, code, where)
        if code == PRIVATE[0]:
            self._interrupted()
        return found

    def key_exchange_of(self, cipher_suite: int) -> str | None:
        found = super().key_exchange_of(cipher_suite)
        self._interrupted()
        return found

    def name_of(self, of: Names, code: int) -> str:
        found = super().name_of(of, code)
        if of is names.HANDSHAKE_TYPES:
            self._interrupted()
        return found


@pytest.fixture
def interrupted() -> Interrupted:
    made = Interrupted()
    DEFAULT.copy_to(made)
    return made


def test_a_parser_of_what_holds_no_more_is_not_kept(interrupted: Interrupted) -> None:
    interrupted.register(PRIVATE[0], "private", BYTES)
    interrupted.interrupt = lambda: interrupted.register(PRIVATE[0], "private", WORD, replace=True)
    hello = client_hello((PRIVATE[0], b"\1\2"))
    tlsgrammar.read(tlsgrammar.Handshake, hello, extensions=interrupted)
    value = tlsgrammar.parse(tlsgrammar.Handshake, hello, extensions=interrupted)
    assert value.body.extensions[0].body == {"c": 0x0102}


def test_the_algorithm_of_a_suite_that_is_another_now_is_not_kept(interrupted: Interrupted) -> None:
    interrupted.register_cipher_suite(0xF100, "TLS_OURS", key_exchange="rsa")
    interrupted.interrupt = lambda: interrupted.register_cipher_suite(
        0xF100, "TLS_OURS", key_exchange="dhe_rsa", replace=True
    )
    key_exchange_algorithm(0xF100, interrupted)
    assert key_exchange_algorithm(0xF100, interrupted) == "dhe_rsa"


def test_a_name_that_is_another_now_is_not_kept(interrupted: Interrupted) -> None:
    interrupted.interrupt = lambda: interrupted.register_message(
        1, "renamed_hello", BYTES, replace=True
    )
    walker = events.walk.walker(None, interrupted)
    walker.message_name(1)
    assert walker.message_name(1) == "renamed_hello"


def test_a_walk_over_what_holds_no_more_is_not_kept(interrupted: Interrupted) -> None:
    class Heard(events.Event, frozen=True):
        name = "private_heard"
        c: events.Connection

    interrupted.register(PRIVATE[0], "private", BYTES)

    def change() -> None:
        @events.raises(Heard, WORD, registry=interrupted)
        def heard(body: Any, at: events.Occasion) -> Heard:
            return Heard(at.c)

        interrupted.register(PRIVATE[0], "private", WORD, replace=True)

    chunk = record("handshake", client_hello((PRIVATE[0], b"\1\2")))
    analyzers = [events.Analyzer(extensions=interrupted) for _ in range(2)]
    # The parser is known, so that the next to look is the walk.
    tlsgrammar.parse(tlsgrammar.Handshake, chunk[5:], extensions=interrupted)
    interrupted.interrupt = change
    analyzers[0].deliver(chunk, is_orig=True)
    found = [event.name for event in analyzers[1].deliver(chunk, is_orig=True)]
    assert "private_heard" in found
