"""Text for people at a terminal: a heading for each connection, and its events below it."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import pytest

from events import (
    Connection,
    Event,
    ProtocolViolation,
    SslAlert,
    SslClientHello,
    SslEstablished,
    SslExtension,
    SslExtensionServerName,
)
from events.output.grouped import Grouped
from events.testing.captures import Ends, packets, payloads, write

from .helpers.command import DATA, TLS12, TLS13, run

C = Connection("Cone", "tcp", "192.0.2.1", 49152, "198.51.100.2", 443, 1_700_000_000.0)
OTHER = Connection("Cother", "tcp", "192.0.2.1", 49153, "198.51.100.2", 443, 1_700_000_001.0)
ENDS = "192.0.2.1:49152 > 198.51.100.2:443"


def lines(grouped: Grouped, *events: Event, file: str | None = None) -> list[str]:
    return grouped.lines(events, file).decode().splitlines()


def established(c: Connection, after: float) -> Event:
    return SslEstablished(c, ts=(c.start_time or 0) + after)


# Headings


def test_a_connection_is_a_heading() -> None:
    """Times are relative to its start."""
    found = lines(
        Grouped(width=None), SslAlert(C, True, 2, 40, ts=1_700_000_000.25), established(C, 61)
    )
    assert found == [
        f"{ENDS}  Cone  tcp  2023-11-14T22:13:20.000000Z",
        "  +0.250000 ssl_alert is_orig=true level=fatal desc=handshake_failure",
        "  +61.000000 ssl_established",
    ]


def test_connections_that_take_turns() -> None:
    """Where one goes on, a short heading says which one it is; also where its events come later."""
    grouped = Grouped(width=None)
    first = lines(grouped, established(C, 1), established(OTHER, 1), established(C, 2))
    assert [line for line in first if not line.startswith(" ")] == [
        f"{ENDS}  Cone  tcp  2023-11-14T22:13:20.000000Z",
        "192.0.2.1:49153 > 198.51.100.2:443  Cother  tcp  2023-11-14T22:13:21.000000Z",
        f"{ENDS}  Cone",
    ]
    assert lines(grouped, established(C, 3)) == ["  +3.000000 ssl_established"]
    assert lines(grouped, established(OTHER, 3))[0] == "192.0.2.1:49153 > 198.51.100.2:443  Cother"


def test_of_several_captures_a_heading_says_which_one_it_is() -> None:
    [heading, _] = lines(Grouped(width=None), established(C, 1), file="a\nb.pcap")
    assert heading.endswith("Z  a\\nb.pcap")


def test_what_is_not_known() -> None:
    """Bytes that come from no network may have no times either."""
    assert lines(Grouped(width=None), SslEstablished(Connection())) == [
        "- > -  -  -  -",
        "  - ssl_established",
    ]
    without_start = C.__class__(uid="C", orig_h="::1", orig_p=1, resp_h="::2", resp_p=2)
    assert lines(Grouped(width=None), SslEstablished(without_start, ts=1.5)) == [
        "[::1]:1 > [::2]:2  C  -  1970-01-01T00:00:01.500000Z",
        "  +0.000000 ssl_established",
    ]


class Unprintable(Event, frozen=True):
    name: ClassVar[str] = "unprintable"
    c: Connection
    value: Any


class Raises:
    def __str__(self) -> str:
        raise ZeroDivisionError


def test_an_event_that_cannot_be_printed_costs_no_heading() -> None:
    """Whoever prints asks again for each of the others."""
    grouped = Grouped(width=None)
    with pytest.raises(ZeroDivisionError):
        grouped.lines([established(C, 1), Unprintable(OTHER, Raises())])
    assert len(lines(grouped, established(C, 1))) == 2
    assert lines(grouped, established(OTHER, 1))[0].endswith(
        "  Cother  tcp  2023-11-14T22:13:21.000000Z"
    )


# What fits


HELLO = SslClientHello(
    C, 0x0303, 1, bytes(28), bytes(32), [0x1301, 0x1302, 0x1303, 0xC02F], ts=1_700_000_000.5
)


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100, 120, 160, 200, 400])
def test_lines_fit_into_a_terminal(width: int) -> None:
    grouped = Grouped(width=width)
    every = [
        HELLO,
        SslExtension(C, True, 0, b"\xab" * 1000, ts=1_700_000_000.5),
        established(OTHER, 1),
    ]
    assert max(map(len, lines(grouped, *every))) <= width


def test_bytes_give_way_before_names() -> None:
    _, line = lines(Grouped(width=180), HELLO)
    assert (
        "client_random=00000000… session_id=00000000… ciphers=[TLS_AES_128_GCM_SHA256,TLS" in line
    )
    _, line = lines(Grouped(width=320), HELLO)
    assert line.endswith("TLS_CHACHA20_POLY1305_SHA256,TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]")


def test_names_have_lines_of_their_own_where_there_is_no_room() -> None:
    assert lines(Grouped(width=80), HELLO)[1:] == [
        "  +0.500000 ssl_client_hello version=TLSv12 possible_ts=1",
        "              client_random=00000000… session_id=00000000…",
        "              ciphers=[TLS_AES_128_GCM_SHA256,TLS_AES_256_GCM_SHA384,TLS_CHACHA…",
    ]


def test_short_bytes_are_whole() -> None:
    event = SslExtension(C, True, 0, bytes(8), ts=1_700_000_000.5)
    assert lines(Grouped(width=60), event)[-1].endswith("val=0000000000000000")


def test_nothing_is_cut_without_a_width() -> None:
    _, line = lines(Grouped(width=None), HELLO, file=None)
    assert "…" not in line
    assert len(line) > 250


@pytest.mark.parametrize("character", ["\n", "\x1b", "\u202e", "\x9b"])
def test_characters_that_cannot_be_seen_are_escaped(character: str) -> None:
    of_plugin = Unprintable(Connection(uid=f"C{character}"), f"x{character}y", ts=1.0)
    for line in lines(Grouped(width=40), of_plugin):
        assert line.isprintable()
    name = SslExtensionServerName(C, True, [f"a{character}b".encode()], ts=1.0)
    assert all(line.isprintable() for line in lines(Grouped(width=80), name))


# Colors


def test_colors() -> None:
    grouped = Grouped(width=80, color=True)
    violation = ProtocolViolation(C, True, 0, "Alert", "wrong", ts=1_700_000_000.0)
    heading, good, bad, worse = lines(
        grouped, established(C, 1), SslAlert(C, True, 2, 40, ts=1.0), violation
    )
    assert heading.startswith(f"\x1b[1m{ENDS}")
    assert heading.endswith("\x1b[0m")
    assert good == "  +1.000000 \x1b[36mssl_established\x1b[0m"
    assert "\x1b[31mssl_alert\x1b[0m" in bad
    assert "\x1b[31mprotocol_violation\x1b[0m" in worse


def test_colors_take_no_room() -> None:
    plain, colored = (Grouped(width=60, color=color) for color in (False, True))
    without = [re.sub("\x1b\\[\\d+m", "", line) for line in lines(colored, HELLO)]
    assert without == lines(plain, HELLO)


# The command


def in_terminal(columns: int, *arguments: str, **environment: str) -> list[str]:
    """The lines that it prints into a terminal that is so wide."""
    ours, theirs = pty.openpty()
    env = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm", **environment}
    env.pop("NO_COLOR", None) if "NO_COLOR" not in environment else None
    command = [sys.executable, "-m", "events", *arguments]
    with subprocess.Popen(command, stdout=theirs, env=env) as process:
        os.close(theirs)
        with open(ours, "rb", buffering=0) as terminal:
            output = b"".join(_pieces(terminal))
    assert process.returncode == 0
    return output.decode().splitlines()


def _pieces(terminal: Any) -> Iterable[bytes]:
    while True:
        try:
            piece = terminal.read(65536)
        except OSError:  # its end, on Linux
            return
        if not piece:
            return
        yield piece


def test_a_terminal_has_headings_and_a_pipe_has_not() -> None:
    found = in_terminal(100, TLS12)
    assert found[0].startswith(f"\x1b[1m{ENDS}  C")
    assert sum("192.0.2.1" in line for line in found) == 1
    assert max(len(re.sub("\x1b\\[\\d+m", "", line)) for line in found) <= 100
    assert any("…" in line for line in found)
    piped = run(TLS12).stdout.decode()
    assert all(ENDS in line for line in piped.splitlines())
    assert not any(sign in piped for sign in ("…", "\x1b"))


def test_what_is_asked_for_comes_before_what_output_is() -> None:
    assert in_terminal(100, "--no-group", TLS12) == run(TLS12).stdout.decode().splitlines()
    grouped = run("--group", TLS12).stdout.decode().splitlines()
    assert [ENDS in line for line in grouped] == [True] + [False] * (len(grouped) - 1)
    assert "…" not in "".join(grouped)  # a pipe has no width
    colored = run("--color", "always", TLS12).stdout.decode()
    assert colored.startswith(f"\x1b[1m{ENDS}")


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        ((), {"NO_COLOR": "1"}),
        ((), {"TERM": "dumb"}),
        (("--color", "never"), {}),
        (("--no-group",), {}),
        (("--format", "json"), {}),
    ],
)
def test_no_colors(arguments: tuple[str, ...], environment: dict[str, str]) -> None:
    assert "\x1b" not in "".join(in_terminal(100, *arguments, TLS12, **environment))


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_several_captures(jobs: str) -> None:
    found = run("--group", "-j", jobs, TLS12, TLS13).stdout.decode().splitlines()
    headings = [line for line in found if not line.startswith(" ")]
    assert [heading.rpartition("  ")[2] for heading in headings] == [TLS12, TLS13]


def test_connections_that_take_turns_in_a_capture(tmp_path: Path) -> None:
    chunks = payloads(Path(TLS12))
    one, other = (packets(chunks, ends=Ends(orig_p=port)) for port in (1, 2))
    mixed = [packet for pair in zip(one, other, strict=True) for packet in pair]
    found = run("--group", str(write(tmp_path / "mixed.pcap", mixed))).stdout.decode().splitlines()
    headings = [line for line in found if not line.startswith(" ")]
    assert sum("tcp" in line for line in headings) == 2
    assert len(headings) > 4
    assert all(one != other for one, other in pairwise(headings))


def test_wrong_usage() -> None:
    assert run("--format", "json", "--group", TLS12).returncode == 2
    assert run("--color", "sometimes", str(DATA / "tls13.pcap")).returncode == 2
