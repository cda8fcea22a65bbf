"""The protection of QUIC's Handshake and 1-RTT packets, whose keys follow from traffic secrets of TLS (RFC 9001 section 5
and 6, RFC 9369 section 3.3).

What may live here: those keys, and which of them opens a packet. Which bytes of a packet are protected is for
`tlsgrammar.framing`.
"""

from __future__ import annotations

from typing import NamedTuple

from cryptography.exceptions import InvalidTag

from tlsgrammar.framing.packets import Packet, key_phase, truncated_packet_number
from tlsgrammar.framing.protected import nonce
from tlsgrammar.quic import VERSION_2, PacketType

from . import ciphers
from .agreement import APPLICATION, HANDSHAKE, Secrets, TrafficSecrets
from .ciphers import SAMPLE_SIZE, Unsupported
from .schedule import expand_label
from .suites import Suite

__all__ = ["PacketOpener", "Payload"]

_NONCE_SIZE = 12


class Payload(NamedTuple):
    """What a packet holds.

    Attributes:
        data: its frames.
        offset: where they stand in the datagram, or would if they were not encrypted.
    """

    data: bytes
    offset: int


class _Keys:
    """A key and an IV."""

    def __init__(self, suite: Suite, secret: bytes, prefix: str) -> None:
        key = expand_label(suite.prf, secret, f"{prefix} key", suite.cipher.key_size)
        self._iv = expand_label(suite.prf, secret, f"{prefix} iv", _NONCE_SIZE)
        self._aead = ciphers.aead(suite.cipher, key)

    def open(self, packet: Packet, header: bytes, size: int, number: int) -> Payload | None:
        begin = packet.protected + size
        try:
            data = self._aead.decrypt(
                nonce(self._iv, number), packet.data[begin : packet.end], header
            )
        except (InvalidTag, ValueError):
            return None
        return Payload(data, begin)


class _Level:
    """What protects the packets that one side sends with the keys of one level, and with those that follow them."""

    def __init__(
        self, secrets: Secrets, suite: Suite, traffic: TrafficSecrets, level: int, version: int
    ) -> None:
        secret = traffic.of(level)
        assert secret is not None
        self._suite = suite
        self._traffic = traffic
        self._level = level
        self._prefix = "quicv2" if version == VERSION_2 else "quic"
        key = expand_label(suite.prf, secret, f"{self._prefix} hp", suite.cipher.key_size)
        self._mask = ciphers.masks(suite.cipher.algorithm, key)
        self._keys = _Keys(suite, secret, self._prefix)
        self._before: _Keys | None = None
        self._after: _Keys | None = None
        self._phase = 0
        self._expected = 0

    def open(self, packet: Packet) -> Payload | None:
        """What a packet holds; None where it does not authenticate."""
        sample = packet.sample
        if len(sample) < SAMPLE_SIZE:
            return None
        header, size = packet.unmasked(self._mask(sample))
        number = truncated_packet_number(header, size, self._expected)
        if packet.type is PacketType.ONE_RTT and key_phase(header) != self._phase:
            opened = self._open_in_other_phase(packet, header, size, number)
        else:
            opened = self._keys.open(packet, header, size, number)
        if opened is not None:
            self._expected = max(self._expected, number + 1)
        return opened

    def _open_in_other_phase(
        self, packet: Packet, header: bytes, size: int, number: int
    ) -> Payload | None:
        """Open a packet whose keys are those that come next, or those before, as it comes late."""
        if number >= self._expected and self._after is None:
            secret = self._traffic.of(self._level + 1)
            if secret is not None:
                self._after = _Keys(self._suite, secret, self._prefix)
        if self._after is not None:
            opened = self._after.open(packet, header, size, number)
            if opened is not None:
                self._level += 1
                self._traffic.reach(self._level)
                self._before, self._keys, self._after = self._keys, self._after, None
                self._phase = key_phase(header)
                return opened
        return None if self._before is None else self._before.open(packet, header, size, number)


class PacketOpener:
    """Opens the packets of one connection.

    Args:
        secrets: those of its conversation.
    """

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._levels: dict[tuple[bool, int], _Level] = {}

    def open(self, is_client: bool, packet: Packet, version: int) -> tuple[bool, Payload | None]:
        """Whether the secret of a packet is known, and what it holds; None where it does not authenticate.

        Args:
            is_client: whether the client sent it.
            packet: it.
            version: of QUIC.
        """
        number = APPLICATION if packet.type is PacketType.ONE_RTT else HANDSHAKE
        level = self._levels.get((is_client, number))
        if level is None:
            level = self._made(is_client, number, version)
            if level is None:
                return False, None
            self._levels[is_client, number] = level
        return True, level.open(packet)

    def _made(self, is_client: bool, number: int, version: int) -> _Level | None:
        secrets = self._secrets
        if secrets.suite is None or secrets.version is None or secrets.unsupported:
            return None
        update = "quicv2 ku" if version == VERSION_2 else "quic ku"
        traffic = TrafficSecrets(secrets, is_client, update)
        if traffic.of(number) is None:
            return None
        try:
            return _Level(secrets, secrets.suite, traffic, number, version)
        except (Unsupported, ValueError) as error:
            secrets.unsupported = f"nothing here opens the packets: {error}"
            return None
