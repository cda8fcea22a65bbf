"""Captures as bytes: pcapng built with the schemas that read it, and pcap."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from events.capture.files import open_capture
from events.capture.pcapng import (
    BYTE_ORDER_MAGIC,
    LITTLE_ENDIAN,
    Blocks,
    BlockType,
    OptionCode,
)
from events.testing.captures import Packet
from tlsgrammar.language import build

__all__ = [
    "enhanced_packet",
    "frames_of",
    "interface",
    "obsolete_packet",
    "pcap",
    "pcapng",
    "secrets",
    "section",
    "simple_packet",
    "unknown",
]


def _block(blocks: Blocks, block_type: int, body: Any) -> bytes:
    return build(blocks.Block, {"block_type": block_type, "block_body": body})


def section(blocks: Blocks = LITTLE_ENDIAN, minor_version: int = 0) -> bytes:
    """A Section Header Block."""
    body = {
        "byte_order_magic": BYTE_ORDER_MAGIC,
        "major_version": 1,
        "minor_version": minor_version,
        "section_length": -1,
        "options": [{"option_code": 4, "option_value": b"tests"}],
    }
    return _block(blocks, BlockType.SECTION_HEADER, body)


def interface(
    link_type: int = 1,
    snap_len: int = 0,
    tsresol: int | None = None,
    tsoffset: int | None = None,
    blocks: Blocks = LITTLE_ENDIAN,
) -> bytes:
    """An Interface Description Block."""
    options: list[dict[str, Any]] = [{"option_code": 2, "option_value": b"eth0"}]
    if tsresol is not None:
        options.append({"option_code": OptionCode.IF_TSRESOL, "option_value": bytes([tsresol])})
    if tsoffset is not None:
        value = build(blocks.if_tsoffset, tsoffset)
        options.append({"option_code": OptionCode.IF_TSOFFSET, "option_value": value})
    options.append({"option_code": OptionCode.END_OF_OPTIONS, "option_value": b""})
    body = {"link_type": link_type, "reserved": 0, "snap_len": snap_len, "options": options}
    return _block(blocks, BlockType.INTERFACE_DESCRIPTION, body)


def enhanced_packet(
    ticks: int,
    data: bytes,
    interface_id: int = 0,
    options: Sequence[dict[str, Any]] = (),
    blocks: Blocks = LITTLE_ENDIAN,
) -> bytes:
    """An Enhanced Packet Block; its time in the units of its interface."""
    body = {
        "interface_id": interface_id,
        "timestamp_upper": ticks >> 32,
        "timestamp_lower": ticks & 0xFFFFFFFF,
        "original_packet_length": len(data),
        "packet_data": data,
        "options": list(options),
    }
    return _block(blocks, BlockType.ENHANCED_PACKET, body)


def obsolete_packet(
    ticks: int, data: bytes, interface_id: int = 0, blocks: Blocks = LITTLE_ENDIAN
) -> bytes:
    """A Packet Block, which is obsolete."""
    body = {
        "interface_id": interface_id,
        "drops_count": 0,
        "timestamp_upper": ticks >> 32,
        "timestamp_lower": ticks & 0xFFFFFFFF,
        "original_packet_length": len(data),
        "packet_data": data,
        "options": [],
    }
    return _block(blocks, BlockType.PACKET, body)


def simple_packet(
    data: bytes, original_length: int | None = None, blocks: Blocks = LITTLE_ENDIAN
) -> bytes:
    """A Simple Packet Block."""
    body = {
        "original_packet_length": len(data) if original_length is None else original_length,
        "packet_data": data + bytes(-len(data) % 4),
    }
    return _block(blocks, BlockType.SIMPLE_PACKET, body)


def secrets(data: bytes, secrets_type: int = 0x544C534B, blocks: Blocks = LITTLE_ENDIAN) -> bytes:
    """A Decryption Secrets Block; without a type, of a TLS Key Log."""
    body = {"secrets_type": secrets_type, "secrets_data": data, "options": []}
    return _block(blocks, BlockType.DECRYPTION_SECRETS, body)


def unknown(block_type: int, data: bytes, blocks: Blocks = LITTLE_ENDIAN) -> bytes:
    """A block that nobody has heard of."""
    return _block(blocks, block_type, data + bytes(-len(data) % 4))


def pcapng(captured: Iterable[Packet], blocks: Blocks = LITTLE_ENDIAN) -> bytes:
    """Packets as a pcapng file with one Ethernet interface, in microseconds."""
    parts = [section(blocks), interface(blocks=blocks)]
    parts += [enhanced_packet(round(ts * 10**6), data, blocks=blocks) for ts, data in captured]
    return b"".join(parts)


def pcap(
    captured: Iterable[Packet], order: str = "<", *, nanoseconds: bool = False, link_type: int = 1
) -> bytes:
    """Packets as a pcap file."""
    magic, units = (0xA1B23C4D, 10**9) if nanoseconds else (0xA1B2C3D4, 10**6)
    parts = [struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, 2**18, link_type)]
    for ts, data in captured:
        seconds, fraction = divmod(round(ts * 10**6), 10**6)
        fraction *= units // 10**6
        parts += [struct.pack(f"{order}4I", seconds, fraction, len(data), len(data)), data]
    return b"".join(parts)


def frames_of(path: str | bytes | Path) -> list[tuple[int, float, bytes]]:
    """The link type, the time and the bytes of each packet in a file."""
    return [
        (link_type, ts, frame)
        for link_type, batch in open_capture(path).batches
        for ts, frame in batch
    ]
