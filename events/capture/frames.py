"""The frames of a capture, with what decodes them: each link type has its own decoder, and some have none."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from tlsgrammar.tool.one_line import on_one_line

from .headers import LINK_TYPES, Decoder
from .packets import Capture, CaptureError, Packet

__all__ = ["check_link_type", "frames"]


def check_link_type(name: str, capture: Capture) -> None:
    """That a capture whose frames have all one link type can be read.

    Raises:
        CaptureError: it cannot be; then it is closed.
    """
    if capture.link_type is not None and capture.link_type not in LINK_TYPES:
        capture.close()
        raise CaptureError(name, f"its {_cannot_be_read([capture.link_type])}")


def frames(
    name: str, capture: Capture, warn: Callable[[str], None]
) -> Iterator[tuple[Decoder, list[Packet]]]:
    """The packets whose link type can be read, so many at a time, each with what decodes them.

    Args:
        name: of the file.
        capture: its packets.
        warn: called once where others are skipped, as soon as it is known that there is more than those.

    Raises:
        CaptureError: by the iterator: the capture breaks off, or no interface has a link type that can be read.
    """
    decoders: dict[int, Decoder] = {}
    skipped = told = False
    for link_type, batch in capture.batches:
        decoder = decoders.get(link_type)
        if decoder is not None:
            yield decoder, batch
            continue
        if link_type in LINK_TYPES:
            decoder = decoders[link_type] = Decoder(link_type)
        else:
            skipped = True
        if skipped and not told and _readable(capture):
            told = True
            warn(f"{on_one_line(name)}: skipped, {_cannot_be_read(_unreadable(capture))}")
        if decoder is not None:
            yield decoder, batch
    unreadable = _unreadable(capture)
    if unreadable and not _readable(capture):
        raise CaptureError(name, f"its {_cannot_be_read(unreadable)}")
    if skipped and not told:
        warn(f"{on_one_line(name)}: skipped, {_cannot_be_read(unreadable)}")


def _readable(capture: Capture) -> bool:
    return not LINK_TYPES.keys().isdisjoint(capture.link_types)


def _unreadable(capture: Capture) -> list[int]:
    return sorted(capture.link_types - LINK_TYPES.keys())


# Of more link types than these only the first are named.
_MANY = 8


def _cannot_be_read(link_types: Collection[int]) -> str:
    named = ", ".join(map(str, list(link_types)[:_MANY]))
    more = ", ..." if len(link_types) > _MANY else ""
    known = ", ".join(sorted({name for name, _ in LINK_TYPES.values()}))
    which = "link type" if len(link_types) == 1 else "link types"
    return f"{which} {named}{more} cannot be read; these can: {known}"
