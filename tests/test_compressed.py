"""Compressed captures: read as what was compressed, from files and pipes, in bounded memory, as far as they go."""

from __future__ import annotations

import gzip
import lzma
import os
import random
import subprocess
import sys
import threading
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events import CaptureError
from events.capture import compressed
from events.capture.files import open_capture
from events.capture.sources import PIECE
from events.testing.captures import packets, payloads

from .helpers.capture_files import (
    enhanced_packet,
    frames_of,
    interface,
    pcap,
    pcapng,
    section,
    unknown,
)
from .helpers.pcapng import drained, made

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

DATA = Path(__file__).parent / "data"
CAPTURED = packets(payloads(DATA / "tls12-ecdhe-rsa.pcap"))
FRAMES = [frame for _, frame in CAPTURED]
Make = Callable[..., bytes]
Compress = Callable[[bytes], bytes]
COMPRESSIONS: dict[str, Compress] = {
    "gzip": gzip.compress,
    "xz": lzma.compress,
    "zstd": zstd.compress,
}
KINDS: dict[str, Make] = {"pcap": pcap, "pcapng": pcapng}


@pytest.fixture(params=COMPRESSIONS)
def name(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Make:
    return KINDS[request.param]


def bare(found: list[tuple[int, float, bytes]]) -> list[bytes]:
    return [frame for _, _, frame in found]


def test_what_was_compressed(tmp_path: Path, name: str, kind: Make) -> None:
    expected = frames_of(made(tmp_path, kind(CAPTURED)))
    assert len(expected) == len(CAPTURED)
    assert frames_of(made(tmp_path, COMPRESSIONS[name](kind(CAPTURED)))) == expected


def test_standard_input(tmp_path: Path, name: str, kind: Make) -> None:
    data = COMPRESSIONS[name](kind(CAPTURED))
    command = [sys.executable, "-m", "events", "--event", "ssl_client_hello"]
    piped = subprocess.run([*command, "-"], input=data, capture_output=True, check=True)
    path = made(tmp_path, data)
    read = subprocess.run([*command, str(path)], capture_output=True, check=True)
    assert piped.stdout == read.stdout
    assert piped.stdout.count(b"ssl_client_hello") == 1
    assert piped.stderr == read.stderr == b""


def test_a_live_pipe_does_not_wait(kind: Make) -> None:
    """Each packet is given out before the next one has arrived."""
    compressor = zlib.compressobj(wbits=31)
    reading, writing = os.pipe()

    def send(data: bytes) -> None:
        os.write(writing, compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH))

    whole = [kind(CAPTURED[:count]) for count in range(4)]
    send(whole[1])
    late = threading.Timer(20, os.close, [writing])  # then it waits no more, and fails
    late.start()
    batches = open_capture(f"/dev/fd/{reading}").batches
    for count in (1, 2, 3):
        assert [frame for _, frame in next(batches)[1]] == [FRAMES[count - 1]]
        if count < 3:
            send(whole[count + 1][len(whole[count]) :])
    late.cancel()
    os.close(writing)
    with pytest.raises(CaptureError, match="the gzip data are truncated"):
        next(batches)
    os.close(reading)


@pytest.mark.parametrize("size", [7, 100, 5000])
def test_members_streams_and_frames_are_read_on(
    tmp_path: Path, name: str, kind: Make, size: int
) -> None:
    compress, whole = COMPRESSIONS[name], kind(CAPTURED)
    pieces = [compress(whole[at : at + size]) for at in range(0, len(whole), size)]
    assert bare(frames_of(made(tmp_path, *pieces))) == FRAMES
    assert bare(frames_of(made(tmp_path, *pieces, compress(b"")))) == FRAMES


@pytest.mark.parametrize("padded", ["gzip", "xz"])
def test_padding(tmp_path: Path, padded: str) -> None:
    compress, whole = COMPRESSIONS[padded], pcapng(CAPTURED)
    parts = [compress(whole[:1000]), bytes(2 * PIECE + 4), compress(whole[1000:]), bytes(8)]
    assert bare(frames_of(made(tmp_path, *parts))) == FRAMES


def test_frames_of_zstd_that_are_to_be_skipped(tmp_path: Path) -> None:
    skipped = b"\x5f\x2a\x4d\x18\x04\0\0\0meta"
    parts = [skipped, zstd.compress(pcapng(CAPTURED)), skipped]
    assert bare(frames_of(made(tmp_path, *parts))) == FRAMES


def test_something_else_follows(tmp_path: Path, name: str, kind: Make) -> None:
    whole = kind(CAPTURED)
    found, reason = drained(made(tmp_path, COMPRESSIONS[name](whole), b"something else"))
    assert bare(found) == FRAMES
    what = "packet" if kind is pcap else "block"
    assert reason == (
        f"the {what} at offset {len(whole)} of the decompressed data cannot be read: "
        f"what follows the {name} data is no such data"
    )


def test_truncated(tmp_path: Path, name: str, kind: Make) -> None:
    """All that can be decompressed is read, and then the offset is that of what is not whole."""
    captured = CAPTURED * 100
    data = COMPRESSIONS[name](kind(captured))
    frames = FRAMES * 100
    for size in range(0, len(data), max(len(data) // 12, 1)):
        found, reason = drained(made(tmp_path, data[:size]))
        assert reason is not None
        assert bare(found) == frames[: len(found)]
        if reason not in ("the file is empty", "neither a pcap nor a pcapng file"):
            assert f"the {name} data are truncated" in reason
    found, reason = drained(made(tmp_path, data[:-1]))
    # zstd gives nothing of a block before all of it is there.
    assert bare(found) == (frames[: len(found)] if name == "zstd" else frames)
    assert len(found) > 100
    assert reason is not None
    at = len(kind(captured[: len(found)]))
    assert f"at offset {at} of the decompressed data cannot be read" in reason


# Frames that cannot be compressed; and how many of them may be lost before corrupt data.
NOISE = [random.Random(index).randbytes(1000) for index in range(1000)]
LOST = {"gzip": 3, "xz": 70, "zstd": 140}  # 1 KB of the file, a chunk of 64 KB, a block of 128 KB


def noise(name: str) -> bytearray:
    whole = pcapng([(1.0, frame) for frame in NOISE])
    if name == "zstd":
        options: dict[int, int] = {zstd.CompressionParameter.checksum_flag: 1}
        return bytearray(zstd.compress(whole, options=options))
    return bytearray(COMPRESSIONS[name](whole))


def test_corrupt(tmp_path: Path, name: str) -> None:
    """What stands before it is read, but for a little."""
    data = noise(name)
    at = len(data) // 2
    data[at : at + 4000] = bytes(4000)
    found, reason = drained(made(tmp_path, bytes(data)))
    assert reason is not None
    sound = bare(found)[: len(NOISE) // 2 - 20]
    assert len(sound) >= len(NOISE) // 2 - 20 - LOST[name]
    assert sound == NOISE[: len(sound)]


def test_the_last_check_is_made(tmp_path: Path, name: str) -> None:
    data = noise(name)
    data[{"gzip": -6, "zstd": -2, "xz": -20}[name]] ^= 1
    found, reason = drained(made(tmp_path, bytes(data)))
    assert bare(found) == NOISE[: len(found)]
    assert len(found) >= len(NOISE) - LOST[name]
    assert reason is not None
    assert f"the {name} data cannot be decompressed: " in reason


def test_nothing_was_compressed(tmp_path: Path, name: str) -> None:
    compress = COMPRESSIONS[name]
    for data, reason in (
        (b"", "the decompressed file is empty"),
        (b"nothing that is known", "neither a pcap nor a pcapng file"),
        (compress(pcapng(CAPTURED)), "neither a pcap nor a pcapng file"),
    ):
        with pytest.raises(CaptureError) as error:
            open_capture(made(tmp_path, compress(data)))
        assert error.value.reason == reason


def test_a_bomb_does_not_swell(tmp_path: Path, name: str) -> None:
    """Half a gigabyte of zero bytes, in blocks that are skipped."""
    zeros = unknown(0x7777, bytes(2**20))
    parts = [COMPRESSIONS[name](section() + interface()), *[COMPRESSIONS[name](zeros * 8)] * 64]
    path = made(tmp_path, *parts, COMPRESSIONS[name](enhanced_packet(1, b"last")))
    assert path.stat().st_size < 10_000_000
    tracemalloc.start()
    try:
        assert bare(frames_of(path)) == [b"last"]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16_000_000


def test_pieces_are_bounded(name: str) -> None:
    data = [COMPRESSIONS[name](bytes(10_000_000))]
    read = compressed.decompressed(name, b"", lambda: data.pop() if data else b"")
    sizes = []
    while piece := read():
        sizes.append(len(piece))
    assert sum(sizes) == 10_000_000
    assert max(sizes) <= 2 * PIECE


def test_what_would_need_too_much_memory(tmp_path: Path) -> None:
    dictionary = {"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 2**28}
    huge = {
        "xz": lzma.compress(pcapng(CAPTURED), filters=[dictionary]),
        "zstd": _with_a_window_of(31),
    }
    for name, data in huge.items():
        with pytest.raises(CaptureError, match=f"the {name} data cannot be decompressed: .*emory"):
            frames_of(made(tmp_path, data))


def _with_a_window_of(log: int) -> bytes:
    """A frame of zstd with one empty block (RFC 8878 section 3.1.1)."""
    window = bytes([(log - 10) << 3])
    return b"\x28\xb5\x2f\xfd" + b"\x00" + window + b"\x01\x00\x00"


def test_without_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("compression", "compression.zstd", "backports", "backports.zstd"):
        monkeypatch.setitem(sys.modules, module, None)
    path = made(tmp_path, zstd.compress(pcapng(CAPTURED)))
    with pytest.raises(CaptureError, match=r"compressed with zstd, .*pip install backports.zstd"):
        open_capture(path)


def test_libraries_are_imported_where_they_are_needed(tmp_path: Path) -> None:
    path = made(tmp_path, gzip.compress(pcapng(CAPTURED)))
    script = f"""
import sys, events
list(events.read_capture({str(path)!r}))
print([name for name in sys.modules if name in ("lzma", "backports.zstd", "compression.zstd", "pcapy")])
"""
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert result.stdout == b"[]\n"


def test_progress_is_that_of_the_compressed_file(tmp_path: Path, name: str) -> None:
    path = made(tmp_path, COMPRESSIONS[name](pcapng(CAPTURED * 100)))
    read_so_far: list[int] = []
    list(open_capture(path, read_so_far.append).batches)
    assert sum(read_so_far) == path.stat().st_size


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzzed") / "file"


@pytest.mark.parametrize("compression", COMPRESSIONS)
@given(data=st.data())
def test_nothing_but_a_capture_error_is_raised(
    compression: str, path: Path, data: st.DataObject
) -> None:
    whole = bytearray(COMPRESSIONS[compression](pcapng(CAPTURED)))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(whole) - 1))
        whole[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    path.write_bytes(bytes(whole))
    drained(path)
