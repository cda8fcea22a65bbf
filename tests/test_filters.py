"""Filters of libpcap for files: whatever their format, they see each frame from the outside."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

import events
from events import CaptureError, Event, read_capture
from events.testing.captures import Packet, packets, payloads

from .helpers.capture_files import enhanced_packet, interface, pcap, pcapng, section
from .helpers.command import DATA, TLS12, TLS13, objects, run

pytest.importorskip("pcapy", reason="needs pcapy-ng")


def conversation() -> list[Packet]:
    return packets(payloads(Path(TLS12)))


def in_frames(link_layer: Callable[[bytes], bytes]) -> list[Packet]:
    """The conversation in frames of another link layer, which is made of its IP packets."""
    return [(ts, link_layer(frame[14:])) for ts, frame in conversation()]


def read(path: Path, expression: str | None = None) -> list[Event]:
    return list(read_capture(path, filter=expression))


def made(folder: Path, data: bytes) -> Path:
    path = folder / "capture"
    path.write_bytes(data)
    return path


FORMATS: dict[str, Callable[[Iterable[Packet]], bytes]] = {
    "pcap": pcap,
    "pcapng": pcapng,
    "compressed": lambda captured: gzip.compress(pcap(captured)),
}


@pytest.mark.parametrize("form", FORMATS)
def test_a_filter(tmp_path: Path, form: str) -> None:
    path = made(tmp_path, FORMATS[form](conversation()))
    everything = read(path)
    assert everything
    assert read(path, "tcp port 443 and host 192.0.2.1") == everything
    assert read(path, "port 444") == []
    # Half of a conversation.
    assert {event.name for event in read(path, "dst port 443")} >= {"ssl_client_hello"}
    assert "ssl_server_hello" not in {event.name for event in read(path, "dst port 443")}


@pytest.mark.parametrize(
    ("link_type", "link_layer"),
    [
        (0, lambda ip: struct.pack("=I", 2) + ip),
        (12, lambda ip: ip),
        (14, lambda ip: ip),
        (101, lambda ip: ip),
        (108, lambda ip: struct.pack("!I", 2) + ip),
        (113, lambda ip: bytes(14) + b"\x08\x00" + ip),
        (228, lambda ip: ip),
        (276, lambda ip: b"\x08\x00" + bytes(18) + ip),
    ],
)
def test_link_types(tmp_path: Path, link_type: int, link_layer: Callable[[bytes], bytes]) -> None:
    path = made(tmp_path, pcap(in_frames(link_layer), link_type=link_type))
    everything = read(path)
    assert everything
    assert read(path, "port 443") == everything
    assert read(path, "port 444") == []


def test_link_types_that_differ(tmp_path: Path) -> None:
    """Each has the filter compiled for it; frames that cannot be read at all are told of as without a filter."""
    parts = [section(), interface(1), interface(101), interface(147)]
    for index, (ts, frame) in enumerate(conversation()):
        data = (frame, frame[14:])[index % 2]
        parts += [
            enhanced_packet(round(ts * 10**6), data, index % 2),
            enhanced_packet(round(ts * 10**6), b"\xff" * 60, 2),
        ]
    path = made(tmp_path, b"".join(parts))
    with pytest.warns(events.NotRead, match="link type 147 cannot be read"):
        everything = read(path)
    with pytest.warns(events.NotRead, match="link type 147 cannot be read"):
        assert read(path, "port 443") == everything
    with (
        pytest.warns(events.NotRead),
        pytest.raises(CaptureError, match=r"does not compile.*link type 101"),
    ):
        read(path, "ether host 02:00:00:00:00:01")


def test_it_sees_the_outermost_header(tmp_path: Path) -> None:
    tagged = [(ts, frame[:12] + b"\x81\0\0\x07" + frame[12:]) for ts, frame in conversation()]
    path = made(tmp_path, pcap(tagged))
    assert read(path)
    assert read(path, "port 443") == []
    assert read(path, "port 443 or (vlan and port 443)") == read(path)


def test_a_file_that_breaks_off(tmp_path: Path) -> None:
    """What passes is the same, whoever reads the packets before the damage."""
    captured = conversation()
    half = read(made(tmp_path, pcap(captured)), "dst port 443")
    path = made(tmp_path, pcap(captured) + b"\xff" * 10)
    found: list[Event] = []
    with pytest.raises(CaptureError, match="is truncated"):
        found.extend(read_capture(path, filter="dst port 443"))
    assert found == half


@pytest.mark.parametrize("expression", ["port nowhere", "port", "a\0b", "\udcff"])
def test_a_filter_that_does_not_compile(expression: str) -> None:
    with pytest.raises(CaptureError, match="does not compile"):
        read_capture(TLS12, filter=expression)


def test_what_is_no_filter() -> None:
    with pytest.raises(TypeError, match="filter= takes text"):
        read_capture(TLS12, filter=443)  # type: ignore[call-overload]


def test_all_that_reads_captures_takes_one() -> None:
    assert not list(events.read_captures([TLS12, TLS13], filter="port 444"))
    assert not list(events.read_connections([TLS12, TLS13], filter="port 444"))
    assert len(list(events.read_connections([TLS12, TLS13], filter="port 443"))) == 2


# The command


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_the_command(jobs: str) -> None:
    files = sorted(map(str, DATA.glob("tls13*.pcap")))
    whole = run("-j", jobs, *files)
    assert run("-j", jobs, "-f", "port 443", *files).stdout == whole.stdout
    nothing = run("-j", jobs, "-f", "port 444", *files)
    assert (nothing.returncode, nothing.stdout, nothing.stderr) == (0, b"", b"")


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_the_command_and_a_filter_that_does_not_compile(jobs: str) -> None:
    """It is told of once, and not of each file."""
    result = run("-j", jobs, "-f", "port nowhere", TLS12, TLS13)
    assert (result.returncode, result.stdout, result.stderr) == (
        1,
        b"",
        b"tls-events: the filter 'port nowhere' does not compile: unknown port 'nowhere'\n",
    )


def test_standard_input() -> None:
    piped = run("-f", "port 443", "--format", "json", "-", stdin=Path(TLS12).read_bytes())
    assert objects(piped.stdout) == objects(run("--format", "json", TLS12).stdout)
