"""What an event looks like in text and in JSON is said by its declaration, whatever its parameters are named.

The classes have the parameters of programs that use the library: nothing in them is known to it.
"""

from __future__ import annotations

import enum
import json
import math
import re
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import msgspec
import pytest
from construct import Container, ListContainer
from hypothesis import example, given
from hypothesis import strategies as st

import events
from events import (
    DOCUMENTED,
    MODERN,
    Connection,
    Event,
    PSKIdentity,
    SecondsSinceEpoch,
    SignatureAndHashAlgorithm,
    SslAlert,
    SslClientHello,
    SslExtension,
    SslExtensionServerName,
    SslExtensionSignatureAlgorithm,
    SslExtensionSignedCertificateTimestamp,
    SslHandshakeMessage,
    SslServerHello,
    Text,
    json_line,
    json_lines,
    text_line,
    text_lines,
)
from tlsgrammar import names
from tlsgrammar.language import uint16
from tlsgrammar.registry import DEFAULT, Registry

C = Connection(
    uid="CHhAvVGS1DHFjwGM9",
    proto="tcp",
    orig_h="192.0.2.1",
    orig_p=49152,
    resp_h="198.51.100.2",
    resp_p=443,
)


class Undeclared(Event, frozen=True):
    """One with the names of parameters of the library, which it says nothing of."""

    name: ClassVar[str] = "undeclared"
    c: Connection
    level: int
    version: int
    names: list[bytes]
    possible_ts: int


class DeclaredEvent(Event, frozen=True):
    """One that says what it means, under names that say nothing."""

    name: ClassVar[str] = "declared"
    c: Connection
    x: Annotated[int, names.ALERT_LEVELS] = 2
    several: list[Annotated[int, names.SUPPORTED_GROUPS]] = msgspec.field(default_factory=list)
    all_of_them: Annotated[list[int], names.SUPPORTED_GROUPS] = msgspec.field(default_factory=list)
    perhaps: Annotated[int, names.ALERT_LEVELS] | None = None
    by_word: dict[str, Annotated[int, names.ALERT_LEVELS]] = msgspec.field(default_factory=dict)
    word: Annotated[bytes, Text] = b""
    since: Annotated[float, SecondsSinceEpoch] = 0


class Anything(Event, frozen=True):
    """One that holds whatever a schema parses to."""

    name: ClassVar[str] = "anything"
    c: Connection
    value: Any


class Narrow(Event, frozen=True):
    """One whose values are not what it declares."""

    name: ClassVar[str] = "narrow"
    c: Connection
    number: int
    numbers: list[int]
    data: bytes
    flag: bool


class Unresolvable(Event, frozen=True):
    """One that is declared with what is there for type checkers only."""

    name: ClassVar[str] = "unresolvable"
    c: Connection
    number: OnlyForTypeCheckers  # type: ignore[name-defined]  # noqa: F821
    level: Annotated[int, names.ALERT_LEVELS]


class Inner(msgspec.Struct, frozen=True):
    data: bytes
    level: Annotated[int, names.ALERT_LEVELS]


@dataclass
class Plain:
    data: bytes
    level: Annotated[int, names.ALERT_LEVELS]


class Colour(enum.Enum):
    RED = "red"


def text(event: Event, **options: Any) -> str:
    """The part of a line that is the event's own."""
    line = text_line(event, **options).decode()
    return line[line.index(event.name) + len(event.name) :].strip()


def of_json(event: Event) -> dict[str, Any]:
    """The parameters in JSON."""
    line: dict[str, Any] = json.loads(json_line(event))
    return {key: x for key, x in line.items() if key in event.__struct_fields__ and key != "ts"}


# Declarations


def test_what_is_not_declared_is_printed_as_it_is() -> None:
    event = Undeclared(Connection(), 2, 0x0303, [b"a.example"], 86400)
    assert text(event) == "level=2 version=771 names=[612e6578616d706c65] possible_ts=86400"
    assert of_json(event)["names"] == ["612e6578616d706c65"]


def test_what_is_declared_is_printed_by_its_meaning() -> None:
    event = DeclaredEvent(
        Connection(),
        several=[29],
        all_of_them=[30],
        perhaps=1,
        by_word={"a": 1},
        word=b"a b\\\0",
        since=86400,
    )
    assert text(event) == (
        "x=fatal several=[x25519] all_of_them=[x448] perhaps=warning by_word={a=warning} "
        r'word="a b\\\x00" since=1970-01-02T00:00:00Z'
    )
    assert of_json(event) == {
        "x": 2,
        "several": [29],
        "all_of_them": [30],
        "perhaps": 1,
        "by_word": {"a": 1},
        "word": r"a b\\\x00",
        "since": 86400,
    }


def test_a_declaration_that_cannot_be_looked_up_says_nothing() -> None:
    assert text(Unresolvable(Connection(), 2, 2)) == "number=2 level=fatal"


def test_the_parameters_of_the_library_are_declared_like_those_of_anybody() -> None:
    """No two that are named alike mean alike for that: `version` is of TLS here and of a timestamp there."""
    pair = SignatureAndHashAlgorithm(4, 3)
    assert text(SslAlert(C, True, 2, 40)) == "is_orig=true level=fatal desc=handshake_failure"
    assert "version=v1 " in text(
        SslExtensionSignedCertificateTimestamp(C, False, 0, b"", 0, pair, b"")
    )
    assert text(SslExtensionSignatureAlgorithm(C, True, [pair])) == (
        "is_client=true signature_algorithms=[ecdsa_secp256r1_sha256]"
    )
    assert text(SslExtensionServerName(C, True, [b"a.example"])) == (
        "is_orig=true names=[a.example]"
    )


@pytest.mark.parametrize("kind", [*DOCUMENTED, *MODERN, DeclaredEvent])
def test_declarations_are_types_to_msgspec_too(kind: type[Event]) -> None:
    assert msgspec.inspect.type_info(kind)


def test_ciphers_have_16_bits_or_24() -> None:
    hello = SslClientHello(C, 2, 0, b"", b"", [0x1301, 0x010080, 0x2A2A])
    expected = "[TLS_AES_128_GCM_SHA256,SSLv20_CK_RC4_128_WITH_MD5,GREASE-0x2a2a]"
    assert text(hello).endswith(f"ciphers={expected}")


# Registries


def test_a_registry_of_ones_own_has_its_own_names() -> None:
    registry = DEFAULT.copy()
    registry.register(0xFE01, "greeting", uint16)
    registry.register_message(99, "greeting_message", uint16)
    registry.register_cipher_suite(0xFE42, "TLS_GREETING_WITH_NULL_SHA")
    extension = SslExtension(C, True, 0xFE01, b"")
    message = SslHandshakeMessage(C, True, 99, 0)
    hello = SslServerHello(C, 0x0303, 0, b"", b"", 0xFE42, 0)
    assert "code=greeting " in text(extension, extensions=registry)
    assert "msg_type=greeting_message " in text(message, extensions=registry)
    assert "cipher=TLS_GREETING_WITH_NULL_SHA " in text(hello, extensions=registry)
    assert text_lines([extension], extensions=registry) == (
        text_line(extension, extensions=registry) + b"\n"
    )
    assert "code=unknown-0xfe01 " in text(extension)


# Values of any kind


DEEP = Container(
    data=b"\xff\x00",
    rows=ListContainer([b"\x01", Container(inner=b"\x02", _io="what construct keeps")]),
    _io="what construct keeps",
    pair=(b"\x03", None),
    mapping={b"\x04": {"x": bytearray(b"\x05")}},
    struct=Inner(b"\x06", 2),
    plain=Plain(b"\x07", 1),
    number=1.5,
)


def test_any_value_is_printed_on_one_line() -> None:
    assert text(Anything(Connection(), DEEP)) == (
        "value={data=ff00,rows=[01,{inner=02}],pair=[03,-],mapping={04={x=05}},"
        "struct={data=06,level=fatal},plain={data=07,level=warning},number=1.5}"
    )


def test_any_value_is_json_with_bytes_in_hexadecimal_at_any_depth() -> None:
    assert of_json(Anything(Connection(), DEEP)) == {
        "value": {
            "data": "ff00",
            "rows": ["01", {"inner": "02"}],
            "pair": ["03", None],
            "mapping": {"04": {"x": "05"}},
            "struct": {"data": "06", "level": 2},
            "plain": {"data": "07", "level": 1},
            "number": 1.5,
        }
    }


@pytest.mark.parametrize(
    ("value", "in_text", "in_json"),
    [
        (None, "-", None),
        (True, "true", True),
        ([], "[]", []),
        ("", "", ""),
        ({}, "{}", {}),
        (2**70, str(2**70), 2**70),
        (names.AlertLevel.fatal, "2", 2),
        (Colour.RED, "Colour.RED", "red"),
        ({3}, "[3]", [3]),
        (memoryview(b"\xab"), "ab", "ab"),
        ({(1, 2): b"\x01"}, "{(1, 2)=01}", {"(1, 2)": "01"}),
        ("a b", '"a b"', "a b"),
        ("é", "é", "é"),
        ("\ud800", r"\ud800", r"\ud800"),
        (object, "\"<class 'object'>\"", "<class 'object'>"),
    ],
)
def test_values_of_any_type(value: Any, in_text: str, in_json: Any) -> None:
    event = Anything(Connection(), value)
    assert text(event) == f"value={in_text}"
    assert of_json(event) == {"value": in_json}


@pytest.mark.parametrize(
    "event",
    [
        Narrow(C, None, None, None, None),  # type: ignore[arg-type]
        Narrow(C, b"\xff", [b"\xff", 1], [b"\xff"], b"\xff"),  # type: ignore[arg-type, list-item]
        Narrow(C, {"a": b"\xff"}, {"b": [b"\xff"]}, "x", 3),  # type: ignore[arg-type]
    ],
)
def test_values_that_are_not_what_is_declared_are_printed_too(event: Narrow) -> None:
    assert "ff" in text(event) or "number=- numbers=- data=- flag=-" in text(event)
    assert not {"/w==", "_w=="} & set(json_line(event).decode().split('"'))
    assert of_json(event) == of_json_by_value(event)


def of_json_by_value(event: Event) -> dict[str, Any]:
    """The parameters, each as that of an event that declares nothing of it."""
    fields = [x for x in event.__struct_fields__ if x not in ("c", "ts")]
    return {x: of_json(Anything(C, getattr(event, x)))["value"] for x in fields}


@pytest.mark.parametrize("character", ["\n", "\r", "\x00", "\x1b", "\x85", "\u2028", "\u202e"])
def test_no_string_breaks_a_line(character: str) -> None:
    event = Anything(
        Connection(uid=f"C{character}"), {f"k{character}": [f"x{character}y"], "z": b"\n"}
    )
    line = text_line(event).decode()
    assert line.isprintable()
    assert character.encode("unicode_escape").decode() in line
    assert len(text_lines([event, event]).splitlines()) == 2
    assert len(json_lines([event, event]).decode().split("\n")) == 3
    assert json.loads(json_line(event))["value"] == {f"k{character}": [f"x{character}y"], "z": "0a"}


@pytest.mark.parametrize("seconds", [2**40, -(2**40), 2**70])
def test_a_time_that_is_in_no_year_is_a_number(seconds: int) -> None:
    hello = SslServerHello(C, 0x0303, seconds, b"", b"", 0x1301, 0)
    assert f"possible_ts={seconds} " in text(hello)
    assert of_json(hello)["possible_ts"] == seconds
    assert text_line(SslAlert(C, True, 2, 40, ts=float(seconds))).startswith(
        f"{float(seconds)} ".encode()
    )


DAY = 24 * 60 * 60
NOON = 1_700_049_600


@pytest.mark.parametrize(
    ("possible_ts", "ts", "printed"),
    [
        (NOON, float(NOON), "2023-11-15T12:00:00Z"),
        (NOON, float(NOON + DAY), "2023-11-15T12:00:00Z"),
        (NOON, float(NOON - DAY), "2023-11-15T12:00:00Z"),
        (NOON, NOON + DAY + 0.5, str(NOON)),
        (NOON, NOON - DAY - 0.5, str(NOON)),
        (0, float(NOON), "0"),
        (2**32 - 1, float(NOON), str(2**32 - 1)),
        (NOON, None, str(NOON)),
        (NOON, float("nan"), str(NOON)),
    ],
)
def test_a_random_number_is_no_time(possible_ts: int, ts: float | None, printed: str) -> None:
    """`possible_ts` is one where it is within a day of the time of its packet."""
    hello = SslServerHello(C, 0x0303, possible_ts, b"", b"", 0x1301, 0, ts=ts)
    assert f" possible_ts={printed} " in text(hello)
    assert of_json(hello)["possible_ts"] == possible_ts


# At a prompt


@pytest.mark.parametrize(
    ("thing", "shown"),
    [
        (
            SslAlert(C, True, 2, 40, ts=1.5),
            "SslAlert(ts=1.5, c=192.0.2.1:49152 > 198.51.100.2:443, is_orig=True, level=2 (fatal), "
            "desc=40 (handshake_failure))",
        ),
        (
            SslAlert(Connection(), True, 2, 40),
            "SslAlert(is_orig=True, level=2 (fatal), desc=40 (handshake_failure))",
        ),
        (
            SslExtension(Connection(uid="C1"), True, 0, bytes(17)),
            "SslExtension(c=C1, is_orig=True, code=0 (server_name), "
            "val=00000000000000000000000000000000... (17 bytes))",
        ),
        (
            SslExtensionServerName(Connection(), True, [b"a.example"] * 5),
            "SslExtensionServerName(is_orig=True, names=['a.example', 'a.example', 'a.example', "
            "'a.example', ... 5 in all])",
        ),
        (
            Anything(Connection(), {"a": b"", "b": PSKIdentity(b"\xab", 1)}),
            "Anything(value={a=b'', b=PSKIdentity(identity=ab, obfuscated_ticket_age=1)})",
        ),
        (C, "Connection(192.0.2.1:49152 > 198.51.100.2:443, tcp, CHhAvVGS1DHFjwGM9)"),
        (Connection(orig_h="2001:db8::1", orig_p=1), "Connection([2001:db8::1]:1 > -)"),
        (Connection(), "Connection()"),
        (events.Analyzer(), "<Analyzer: no hello yet>"),
        (Registry(), "<Registry: empty>"),
    ],
)
def test_shown_at_a_prompt(thing: object, shown: str) -> None:
    assert repr(thing) == shown


def test_what_is_shown_is_short_and_on_one_line() -> None:
    hello = SslClientHello(C, 0x0303, 0, bytes(28), bytes(32), [0x1301] * 1000)
    error = events.ReporterError(C, "line\n" * 1000, "")
    for event in (hello, error, Anything(C, "x\n" * 1000), Anything(C, [["\n"] * 1000] * 1000)):
        assert len(repr(event)) < 600
        assert repr(event).isprintable()


def test_an_analyzer_shows_how_far_it_has_come() -> None:
    analyzer = events.Analyzer(C)
    ends = "192.0.2.1:49152 > 198.51.100.2:443"
    assert repr(analyzer) == f"<Analyzer {ends}: no hello yet>"
    client_hello = bytes.fromhex(f"160301002d 01000029 0303 {'00' * 32} 00 0002c02f 0100")
    server_hello = bytes.fromhex(f"160303002a 02000026 0303 {'00' * 32} 00 c02f 00")
    analyzer.deliver(client_hello, is_orig=True)
    assert repr(analyzer) == f"<Analyzer {ends}: in the handshake>"
    analyzer.deliver(server_hello, is_orig=False)
    assert repr(analyzer) == f"<Analyzer {ends}: TLSv12, in the handshake>"
    for is_orig in (True, False):
        analyzer.deliver(bytes.fromhex("1403030001 01 1603030001 00"), is_orig)
    assert repr(analyzer) == f"<Analyzer {ends}: TLSv12, finished>"
    assert repr(events.DatagramAnalyzer(C)) == f"<DatagramAnalyzer {ends}: no hello yet>"


def test_a_registry_shows_what_it_has() -> None:
    registry = Registry()
    registry.register(0xFE01, "greeting", uint16)
    registry.register_message(98, "greeting_message", uint16)
    registry.register_message(99, "other_message", uint16)
    assert repr(registry) == "<Registry: 1 extension, 2 handshake messages, 2 names>"
    assert "70 extensions" in repr(DEFAULT)
    assert "names" not in repr(DEFAULT.copy())


# Far more digits than Python writes in decimal.
HUGE = 10**5000


@given(st.floats() | st.integers() | st.integers(-HUGE, HUGE))
@example(float("nan"))
@example(float("inf"))
@example(1e300)
@example(-62135596800)
@example(253402300800)
@example(HUGE)
@example(-HUGE)
def test_any_time_is_printed(ts: float) -> None:
    event = SslAlert(C, True, 2, 40, ts=ts)
    text = text_line(event).decode()
    assert text.isprintable()
    time = text.split(" ")[0]
    written = json.loads(json_line(event), parse_constant=pytest.fail)["ts"]
    number = isinstance(ts, int) or math.isfinite(ts)
    if number and -62135596800 <= ts < 253402300799:
        # A year has four digits.
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", time)
        assert written == ts
    elif not number:
        assert (time, written) == (str(ts), None)
    else:
        assert (int(written, 16) if isinstance(written, str) else written) == ts
        assert "T" in time or (int(time, 0) if isinstance(ts, int) else float(time)) == ts


@given(st.integers(-HUGE, HUGE))
@example(HUGE)
def test_any_integer_is_printed(number: int) -> None:
    event = Undeclared(C, number, number, [], number)
    value = json.loads(json_line(event))["level"]
    assert (int(value, 16) if isinstance(value, str) else value) == number
    word = text_line(event).decode().split("level=")[1].split(" ")[0]
    assert int(word, 0) == number
    declared = DeclaredEvent(C, number, [number], [number], number, {"x": number}, b"", number)
    assert text_line(declared).isascii()
    assert json.loads(json_line(declared))


def test_a_year_has_four_digits() -> None:
    assert text_line(SslAlert(C, True, 2, 40, ts=-62135596800)).startswith(b"0001-01-01T00:00:00.")
    assert SecondsSinceEpoch().words(-62135596800, DEFAULT) == "0001-01-01T00:00:00Z"
