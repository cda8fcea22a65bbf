"""Secrets on the command line, and in captures."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import events
from events import NotRead, read_capture
from events.testing.captures import Packet, packets, write
from tests.helpers.capture_files import enhanced_packet, interface, secrets, section

from .connections import FOLDER
from .long import Long, transfer

PROGRAMS = FOLDER / "programs.pcapng.gz"


def run(*arguments: str | Path) -> tuple[int, list[dict[str, object]], str]:
    result = subprocess.run(
        [sys.executable, "-m", "events", "--format", "json", *map(str, arguments)],
        capture_output=True,
        check=False,
    )
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    return result.returncode, lines, result.stderr.decode()


def names(lines: list[dict[str, object]]) -> Counter[object]:
    return Counter(line["event"] for line in lines)


@pytest.fixture
def talk() -> Long:
    return transfer(size=20_000)


@pytest.fixture
def capture(talk: Long, tmp_path: Path) -> Path:
    return write(tmp_path / "capture.pcap", packets(talk.chunks))


def test_a_key_log(talk: Long, capture: Path, tmp_path: Path) -> None:
    log = tmp_path / "keys.log"
    log.write_text("\n".join(talk.key_log))
    status, lines, errors = run("--keylog", log, "--event", "ssl_decrypted_data", capture)
    assert (status, errors) == (0, "")
    data = {True: "", False: ""}
    for line in lines:
        data[bool(line["is_orig"])] += str(line["data"])
    assert bytes.fromhex(data[True]) == talk.request
    assert bytes.fromhex(data[False]) == talk.answer


def test_several_key_logs_and_files(talk: Long, capture: Path, tmp_path: Path) -> None:
    for number, line in enumerate(talk.key_log):
        (tmp_path / f"{number}.log").write_text(f"{line}\nnonsense\0\n")
    logs = [
        x for number in range(len(talk.key_log)) for x in ("--keylog", tmp_path / f"{number}.log")
    ]
    one = run(*logs, capture, capture)
    two = run("-j", "2", *logs, capture, capture)
    assert one[:2] == two[:2]
    assert one[0] == 1
    # Each line that cannot be read is told once, whoever meets it.
    for _, _, errors in (one, two):
        told = errors.splitlines()
        assert len(told) == len(talk.key_log)
        assert all("line 2 cannot be read: it does not begin with a label" in x for x in told)
    assert names(one[1])["ssl_handshake_message"] > 2 * 4


def test_a_key_log_that_is_not_there(capture: Path, tmp_path: Path) -> None:
    """What can be read without it is."""
    status, lines, errors = run("--keylog", tmp_path / "none", capture)
    assert status == 1
    assert "No such file or directory: captures are read without these secrets" in errors
    assert lines == run(capture)[1]


def test_a_key_log_that_is_cut_off(talk: Long, capture: Path, tmp_path: Path) -> None:
    log = tmp_path / "keys.log"
    log.write_text("\n".join(talk.key_log)[:-1])
    status, lines, errors = run("--keylog", log, "--all-events", capture)
    assert status == 1
    assert errors.count("\n") == 1
    assert f"line {len(talk.key_log)} cannot be read" in errors
    assert names(lines)["ssl_handshake_message"] > 2


def test_secrets_in_the_capture_are_used() -> None:
    status, lines, errors = run("--all-events", PROGRAMS)
    assert (status, errors) == (0, "")
    assert names(lines)["ssl_decrypted_data"]
    status, lines, errors = run("--all-events", "--no-embedded-secrets", PROGRAMS)
    assert (status, errors) == (0, "")
    assert not names(lines)["ssl_decrypted_data"]
    # Those of TLS 1.2 are in the clear.
    assert names(lines)["x509_certificate"]


def pcapng(frames: list[Packet], *blocks: tuple[int, bytes]) -> bytes:
    """Packets, and Decryption Secrets Blocks in front of the packets of these numbers."""
    parts = [section(), interface()]
    for number, (ts, frame) in enumerate(frames):
        parts += [data for at, data in blocks if at == number]
        parts.append(enhanced_packet(round(ts * 10**6), frame))
    return b"".join(parts)


@pytest.mark.parametrize("at", [0, 4, 6])
def test_where_a_block_stands(at: int, talk: Long, tmp_path: Path) -> None:
    frames = packets(talk.chunks)
    path = tmp_path / "capture.pcapng"
    log = "\n".join(talk.key_log).encode()
    path.write_bytes(pcapng(frames, (at, secrets(log)), (at, secrets(b"?", 0x57474B4C))))
    raised = list(read_capture(path, wanted=["ssl_decrypted_data"]))
    assert b"".join(e.data for e in raised if isinstance(e, events.SslDecryptedData)) == (
        talk.request + talk.answer
    )


def test_a_block_that_cannot_be_read(talk: Long, tmp_path: Path) -> None:
    path = tmp_path / "capture.pcapng"
    path.write_bytes(pcapng(packets(talk.chunks), (0, secrets(b"CLIENT_RANDOM 1\n"))))
    with pytest.warns(NotRead, match=r"the secrets in .*capture.pcapng: line 1 cannot be read"):
        with_block = list(read_capture(path))
    assert with_block == list(read_capture(path, embedded_secrets=False))


def test_both_secrets_are_used(talk: Long, tmp_path: Path) -> None:
    """Those of the caller, and those of the capture."""
    path = tmp_path / "capture.pcapng"
    half = len(talk.key_log) // 2
    log = "\n".join(talk.key_log[:half]).encode()
    path.write_bytes(pcapng(packets(talk.chunks), (0, secrets(log))))
    own = events.KeyLog(talk.key_log[half:])
    raised = list(read_capture(path, secrets=own, wanted=["ssl_decrypted_data"]))
    assert sum(len(e.data) for e in raised if isinstance(e, events.SslDecryptedData)) == len(
        talk.request + talk.answer
    )
    assert len(own) == len(talk.key_log) - half
