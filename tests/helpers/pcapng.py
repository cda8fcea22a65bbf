"""Captures of pcapng that are made block by block, and reading them."""

from __future__ import annotations

from pathlib import Path

from events import CaptureError
from events.capture.files import open_capture


def made(folder: Path, *parts: bytes) -> Path:
    path = folder / "made"
    path.write_bytes(b"".join(parts))
    return path


def drained(path: str | bytes | Path) -> tuple[list[tuple[int, float, bytes]], str | None]:
    """The packets of a capture, and why it breaks off."""
    found: list[tuple[int, float, bytes]] = []
    try:
        for link_type, batch in open_capture(path).batches:
            found += [(link_type, ts, frame) for ts, frame in batch]
    except CaptureError as error:
        broken_off = error.reason
    else:
        return found, None
    assert "\n" not in broken_off
    return found, broken_off
