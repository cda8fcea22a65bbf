"""The protection of QUIC's Initial packets, whose keys follow from a connection id on the wire (RFC 9001 section 5,
RFC 9369 section 3.3); and the tag of Retry packets.

What may live here: those keys and what is done with them. Which bytes of a packet are protected is for
`tlsgrammar.framing`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from tlsgrammar import GrammarError, build
from tlsgrammar.framing.packets import Packet, read_packets, truncated_packet_number
from tlsgrammar.key_schedule import HkdfLabel
from tlsgrammar.quic import (
    VERSION_2,
    InitialPacket,
    PacketType,
    RetryPseudoPacket,
    long_packet_type,
)

__all__ = ["ConnectionKeys", "InitialKeys", "initial_keys", "is_answer_to"]

_VERSIONS_1 = {0x00000001, 0xFF000021, 0xFF000022}
_DRAFTS_29_TO_32 = set(range(0xFF00001D, 0xFF000021))
_DRAFTS_23_TO_28 = {*range(0xFF000017, 0xFF00001D), *range(0xFACEB002, 0xFACEB014)}
_DRAFT_22 = {0xFF000016, 0xFACEB001}

_SALTS: dict[int, bytes] = {
    **dict.fromkeys(_VERSIONS_1, bytes.fromhex("38762cf7f55934b34d179ae6a4c80cadccbb7f0a")),
    VERSION_2: bytes.fromhex("0dede3def700a6db819381be6e269dcbf9bd2ed9"),
    **dict.fromkeys(_DRAFTS_29_TO_32, bytes.fromhex("afbfec289993d24c9e9786f19c6111e04390a899")),
    **dict.fromkeys(_DRAFTS_23_TO_28, bytes.fromhex("c3eef712c72ebb5a11a7d2432bb46365bef9f502")),
    **dict.fromkeys(_DRAFT_22, bytes.fromhex("7fbcdb0e7c66bbe9193a96cd21519ebd7a02644a")),
}


class _RetryKey(NamedTuple):
    key: bytes
    nonce: bytes


# RFC 9001 section 5.8, RFC 9369 section 3.3.3, and the drafts. Before draft 25 there was no tag.
_RETRY_KEYS: dict[int, _RetryKey] = {
    **dict.fromkeys(
        _VERSIONS_1,
        _RetryKey(
            bytes.fromhex("be0c690b9f66575a1d766b54e368c84e"),
            bytes.fromhex("461599d35d632bf2239825bb"),
        ),
    ),
    VERSION_2: _RetryKey(
        bytes.fromhex("8fb4b01b56ac48e260fbcbcead7ccc92"),
        bytes.fromhex("d86969bc2d7c6d9990efb04a"),
    ),
    **dict.fromkeys(
        _DRAFTS_29_TO_32,
        _RetryKey(
            bytes.fromhex("ccce187ed09a09d05728155a6cb96be1"),
            bytes.fromhex("e54930f97f2136f0530a8c1c"),
        ),
    ),
    **dict.fromkeys(
        range(0xFF000019, 0xFF00001D),
        _RetryKey(
            bytes.fromhex("4d32ecdb2a2133c841e4043df27d4430"),
            bytes.fromhex("4d1611d05513a552c587d575"),
        ),
    ),
}

_TAG_SIZE = 16
_NUMBER_SIZE = 4

_HASH = hashes.SHA256()
_SECRET_SIZE, _KEY_SIZE, _IV_SIZE = 32, 16, 12
_MASK_SIZE = 5


class _Label(NamedTuple):
    """The length and the label of what HKDF-Expand-Label makes (RFC 8446 section 7.1), without a context."""

    length: int
    info: bytes

    def expand(self, secret: bytes) -> bytes:
        return HKDFExpand(_HASH, self.length, self.info).derive(secret)


def _label(label: str, length: int) -> _Label:
    value = {"length": length, "label": b"tls13 " + label.encode(), "context": b""}
    return _Label(length, build(HkdfLabel, value))


_CLIENT, _SERVER = (_label(f"{side} in", _SECRET_SIZE) for side in ("client", "server"))
# For key, iv and header protection.
_LABELS_1, _LABELS_2 = (
    tuple(
        _label(f"{prefix} {what}", length)
        for what, length in (("key", _KEY_SIZE), ("iv", _IV_SIZE), ("hp", _KEY_SIZE))
    )
    for prefix in ("quic", "quicv2")
)


@lru_cache(maxsize=256)
def _header_cipher(key: bytes) -> CipherContext:
    """What encrypts a block (RFC 9001 section 5.4.3), whatever came before it. It takes time to make, and much more memory
    than its key, so that the last ones are kept.
    """
    return Cipher(algorithms.AES(key), modes.ECB()).encryptor()


class InitialKeys:
    """What protects the Initial packets that one side sends.

    Attributes:
        expected: the packet number that comes next, if none is lost.
    """

    __slots__ = ("_header", "_iv", "_key", "expected")

    def __init__(self, secret: bytes, version: int) -> None:
        key, iv, header = _LABELS_2 if version == VERSION_2 else _LABELS_1
        self._key = key.expand(secret)
        self._iv = int.from_bytes(iv.expand(secret), "big")
        self._header = header.expand(secret)
        self.expected = 0

    def _mask(self, sample: bytes) -> bytes:
        return _header_cipher(self._header).update(sample)[:_MASK_SIZE]

    def _nonce(self, number: int) -> bytes:
        return (self._iv ^ number).to_bytes(_IV_SIZE, "big")

    def open(self, packet: Packet) -> tuple[bytes, int] | None:
        """The payload of a packet, and where in the datagram it stands; None where the packet does not authenticate."""
        sample = packet.sample
        if len(sample) < _KEY_SIZE:
            return None
        header, size = packet.unmasked(self._mask(sample))
        number = truncated_packet_number(header, size, self.expected)
        begin = packet.protected + size
        try:
            payload = AESGCM(self._key).decrypt(
                self._nonce(number), packet.data[begin : packet.end], header
            )
        except InvalidTag:
            return None
        self.expected = max(self.expected, number + 1)
        return payload, begin

    def seal(self, fields: Mapping[str, Any], number: int, payload: bytes) -> bytes:
        """An Initial packet with protection: the inverse of `open`.

        Args:
            fields: the header fields of `InitialPacket`, except `first_byte`.
            number: the packet number, which takes four bytes.
            payload: its frames.

        Raises:
            GrammarError: a field is missing, or does not fit.
        """
        if "version" not in fields:
            raise GrammarError("no value for the field 'version'", 0, "InitialPacket.version")
        version = fields["version"]
        first_byte = {
            "fixed_bit": 1,
            "long_packet_type": long_packet_type(PacketType.INITIAL, version),
            "type_specific_bits": _NUMBER_SIZE - 1,
        }
        plain = number.to_bytes(_NUMBER_SIZE, "big") + payload + bytes(_TAG_SIZE)
        whole = build(InitialPacket, {**fields, "first_byte": first_byte, "protected": plain})
        [packet] = read_packets(whole)
        header, _ = packet.unmasked(bytes(_MASK_SIZE))
        sealed = AESGCM(self._key).encrypt(self._nonce(number), payload, header)
        packet = packet._replace(data=header + sealed)
        masked, _ = packet.unmasked(self._mask(packet.sample), known=_NUMBER_SIZE)
        return masked + sealed


class ConnectionKeys:
    """What protects the Initial packets of both sides of a connection.

    Args:
        secret: the one that both follow from.
        version: of QUIC.
    """

    __slots__ = ("_secret", "_server", "_version", "client")

    def __init__(self, secret: bytes, version: int) -> None:
        self._secret = secret
        self._version = version
        self.client = InitialKeys(_CLIENT.expand(secret), version)
        self._server: InitialKeys | None = None

    @property
    def server(self) -> InitialKeys:
        """Those of the server; made when they are needed, because most datagrams that are tried are not QUIC."""
        if self._server is None:
            self._server = InitialKeys(_SERVER.expand(self._secret), self._version)
        return self._server


def initial_keys(version: int, connection_id: bytes) -> ConnectionKeys | None:
    """What protects the Initial packets of a connection; None for a version that is not known.

    Args:
        version: of QUIC.
        connection_id: the Destination Connection ID of the client's first Initial packet, or of the first after a Retry.
    """
    salt = _SALTS.get(version)
    if salt is None:
        return None
    extract = hmac.HMAC(salt, _HASH)
    extract.update(connection_id)
    return ConnectionKeys(extract.finalize(), version)


def is_answer_to(retry: Packet, connection_id: bytes) -> bool:
    """Whether a Retry packet answers an Initial packet that had a Destination Connection ID. Always
    true for versions without an integrity tag.
    """
    keys = _RETRY_KEYS.get(retry.value["version"])
    if keys is None:
        return True
    tag = retry.value["retry_integrity_tag"]
    pseudo = build(
        RetryPseudoPacket,
        {
            "original_destination_connection_id": connection_id,
            "retry_packet": retry.data[retry.start : retry.end - len(tag)],
        },
    )
    try:
        AESGCM(keys.key).decrypt(keys.nonce, tag, pseudo)
    except InvalidTag:
        return False
    return True
