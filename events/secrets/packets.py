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
        # By level; those after this one are made where it does not open a packet.
        self._keys = {level: _Keys(suite, secret, self._prefix)}
        self._expected = 0

    def open(self, packet: Packet) -> Payload | None:
        """What a packet holds; None where it does not authenticate."""
        sample = packet.sample
        if len(sample) < SAMPLE_SIZE:
            return None
        header, size = packet.unmasked(self._mask(sample))
        number = truncated_packet_number(header, size, self._expected)
        for level in self._may_be(packet, header, number):
            keys = self._of(level)
            opened = None if keys is None else keys.open(packet, header, size, number)
            if opened is not None:
                self._expected = max(self._expected, number + 1)
                if level > self._level:
                    self._reach(level)
                return opened
        return None

    def _reach(self, level: int) -> None:
        """Go on to a level; packets of those before it may come late."""
        for skipped in range(self._level + 1, level):
            self._of(skipped)
        self._level = level
        self._traffic.reach(level)
        self._keys = {at: keys for at, keys in self._keys.items() if at >= level - 2}

    def _may_be(self, packet: Packet, header: bytes, number: int) -> list[int]:
        """The levels whose keys a packet may have, the likeliest first. It says one bit of how often they have been
        updated; where all packets with some keys are missing, they are those after the next.
        """
        level = self._level
        if packet.type is not PacketType.ONE_RTT:
            return [level]
        later = number >= self._expected
        if bool(key_phase(header)) is bool((level - APPLICATION) % 2):
            return [level, level + 2 if later else level - 2]
        if later:
            return [level + 1, level - 1, level + 3]
        return [level - 1, level + 1]

    def _of(self, level: int) -> _Keys | None:
        """The keys of a level; None where they are not known, or have been forgotten."""
        keys = self._keys.get(level)
        if keys is None and level > self._level:
            secret = self._traffic.of(level)
            if secret is not None:
                keys = self._keys[level] = _Keys(self._suite, secret, self._prefix)
        return keys


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
