"""Record protection: records and keys in, what they hold out.

What may live here: how each kind of cipher protects a record, in each version (RFC 5246 section 6.2.3, RFC 7366,
RFC 8446 section 5.2, RFC 9147 section 4). Where the parts of a record stand is for `tlsgrammar.framing`; which keys are
used when, and which number a record has, for `streams` and `datagrams`.
"""

from __future__ import annotations

import hmac
from typing import NamedTuple, Protocol

from cryptography.exceptions import InvalidTag

from tlsgrammar.framing import DatagramRecord
from tlsgrammar.framing.protected import (
    ProtectedRecord,
    additional_data,
    block_content,
    inner_plaintext,
    nonce,
    record_header,
    split,
    unmasked_header,
    whole_number,
)
from tlsgrammar.versions import DTLS12, TLS10, TLS12

from . import ciphers, schedule
from .ciphers import Unsupported
from .suites import AEAD, BLOCK, Suite

__all__ = [
    "Agreed",
    "Content",
    "DatagramProtection",
    "Protection",
    "Unsupported",
    "Version",
    "tls12",
    "tls13",
]


class Content(NamedTuple):
    """What a record holds.

    Attributes:
        type: its content type.
        data: its bytes.
        offset: where they stand in the direction, or would if they were not encrypted.
    """

    type: int
    data: bytes
    offset: int


class Version(NamedTuple):
    """What of a negotiated version matters here.

    Attributes:
        number: it.
        is_tls13: whether it is TLS 1.3 or DTLS 1.3, or a draft of it.
        prefix: what stands in front of labels in its key schedule.
        update: the label of the next secret.
        authenticates_header: whether the header of a record is authenticated with it; not in early drafts.
    """

    number: int
    is_tls13: bool
    prefix: str = schedule.TLS13
    update: str = "traffic upd"
    authenticates_header: bool = True

    @classmethod
    def of(cls, number: int, is_tls13: bool, dtls: bool = False) -> Version:
        """That of a version as negotiated."""
        if dtls and is_tls13:
            return cls(number, True, schedule.DTLS13)
        draft = number & 0xFF if number >> 8 == 0x7F else 0xFF
        if draft < 20:  # draft-ietf-tls-tls13-19 section 7.1 and 7.2
            return cls(number, is_tls13, schedule.EARLY_DRAFTS, "application traffic secret", False)
        return cls(number, is_tls13, authenticates_header=draft >= 25)


class Protection(Protocol):
    """What protects the records of one side, with one set of keys."""

    @property
    def cost(self) -> int:
        """How many times as long as AES-GCM it takes for each byte, about."""

    def open(self, record: ProtectedRecord, number: int) -> Content | None:
        """What a record holds, with a sequence number; None where it does not authenticate."""

    @property
    def ready(self) -> bool:
        """Whether the next record can be opened; not where it takes something of one that is missing."""

    def pass_by(self, length: int, tail: bytes) -> None:
        """Take note that a record has gone by, opened or not.

        Args:
            length: of its fragment.
            tail: the last bytes of that, as many as there are; all of it will do.
        """

    def lose(self) -> None:
        """Take note that nobody knows how many bytes of records have gone by."""


class _Stateless:
    """What protects each record by itself."""

    cost = 1
    ready = True

    def pass_by(self, length: int, tail: bytes) -> None:
        pass

    def lose(self) -> None:
        pass


class _Aead13(_Stateless):
    """An AEAD, in TLS 1.3 (RFC 8446 section 5.2)."""

    def __init__(self, suite: Suite, key: bytes, iv: bytes, version: Version) -> None:
        self._aead = ciphers.aead(suite.cipher, key)
        self._iv = iv
        self._authenticates_header = version.authenticates_header
        self.cost = suite.cipher.cost

    def open(self, record: ProtectedRecord, number: int) -> Content | None:
        header = None
        if self._authenticates_header:
            header = record_header(record.type, record.version, len(record.fragment))
        return self.open_with(header, record, number)

    def open_with(
        self, header: bytes | None, record: ProtectedRecord, number: int
    ) -> Content | None:
        """What a record with a header holds, in DTLS 1.3 one that is unmasked."""
        try:
            plaintext = self._aead.decrypt(nonce(self._iv, number), record.fragment, header)
        except (InvalidTag, ValueError):  # the latter where it is too short
            return None
        inner = inner_plaintext(plaintext)
        return None if inner is None else Content(*inner, record.offset)


class _Aead12(_Stateless):
    """An AEAD, up to TLS 1.2 (RFC 5246 section 6.2.3.3, RFC 7905)."""

    def __init__(self, suite: Suite, key: bytes, iv: bytes) -> None:
        self._aead = ciphers.aead(suite.cipher, key)
        self._iv = iv
        self._explicit_size = suite.cipher.explicit_size
        self._tag_size = suite.cipher.tag_size
        self.cost = suite.cipher.cost

    def open(self, record: ProtectedRecord, number: int) -> Content | None:
        parts = split(record.fragment, self._explicit_size, self._tag_size)
        if parts is None:
            return None
        explicit, encrypted, tag = parts
        made = self._iv + explicit if explicit else nonce(self._iv or bytes(8), number)
        beside = additional_data(record, number, len(encrypted))
        try:
            plaintext = self._aead.decrypt(made, encrypted + tag, beside)
        except (InvalidTag, ValueError):
            return None
        return _content(record, plaintext, len(explicit))


class _Macs:
    """Where a MAC authenticates records."""

    def __init__(self, mac: str, key: bytes, size: int) -> None:
        self._key = key
        self._hash = {"SHA": "sha1"}.get(mac, mac.lower())
        self.size = size

    def authenticates(self, mac: bytes, record: ProtectedRecord, number: int, data: bytes) -> bool:
        beside = additional_data(record, number, len(data))
        made = hmac.digest(self._key, beside + data, self._hash)
        return hmac.compare_digest(made[: self.size], mac)


class _Stream:
    """A stream cipher, or none, and a MAC (RFC 5246 section 6.2.3.1)."""

    def __init__(self, suite: Suite, key: bytes, macs: _Macs) -> None:
        self.cost = suite.cipher.cost
        self.ready = True
        self._update = ciphers.rc4(key) if suite.cipher.algorithm else None
        self._macs = macs
        # The stream goes on: a record is decrypted once, with however many numbers it is tried.
        self._last: tuple[ProtectedRecord, bytes] | None = None

    def open(self, record: ProtectedRecord, number: int) -> Content | None:
        plaintext = record.fragment
        if self._update is not None:
            if self._last is None or self._last[0] is not record:
                self._last = record, self._update(plaintext)
            plaintext = self._last[1]
        parts = split(plaintext, 0, self._macs.size)
        if parts is None:
            return None
        _, data, mac = parts
        if not self._macs.authenticates(mac, record, number, data):
            return None
        return _content(record, data, 0)

    def pass_by(self, length: int, tail: bytes) -> None:
        if self._update is not None and self._last is None:
            while length > 0:
                self._update(bytes(min(length, _PIECE)))
                length -= _PIECE
        self._last = None

    def lose(self) -> None:
        self.ready = self._update is None


_PIECE = 2**16


class _Block:
    """A block cipher in CBC mode and a MAC, over what is encrypted or over that which is to be (RFC 5246 section 6.2.3.2,
    RFC 7366). Up to TLS 1.0 the last block of a record is the IV of the next one.
    """

    def __init__(
        self, suite: Suite, keys: schedule.KeyBlock, macs: _Macs, *, implicit: bool, etm: bool
    ) -> None:
        self._algorithm = suite.cipher.algorithm
        self._size = suite.cipher.iv_size
        self._key = keys.key
        self._iv: bytes | None = keys.iv
        self._implicit = implicit
        self._macs = macs
        self._etm = etm
        self.cost = suite.cipher.cost
        # A record is decrypted once, with however many numbers it is tried.
        self._last: tuple[ProtectedRecord, bytes | None, bytes] | None = None
        ciphers.cbc(self._algorithm, self._key, bytes(self._size))

    def open(self, record: ProtectedRecord, number: int) -> Content | None:
        encrypted = record.fragment
        mac = b""
        if self._etm:
            parts = split(encrypted, 0, self._macs.size)
            if parts is None:
                return None
            _, encrypted, mac = parts
            if not self._macs.authenticates(mac, record, number, encrypted):
                return None
        iv = self._iv if self._implicit else b""
        parts = split(encrypted, 0 if self._implicit else self._size)
        if parts is None or iv is None:
            return None
        explicit, blocks, _ = parts
        if len(blocks) % self._size:
            return None
        data = self._decrypted(record, iv or explicit, blocks)
        if data is None:
            return None
        if not self._etm:
            parts = split(data, 0, self._macs.size)
            if parts is None:
                return None
            _, data, mac = parts
            if not self._macs.authenticates(mac, record, number, data):
                return None
        return _content(record, data, len(explicit))

    def _decrypted(self, record: ProtectedRecord, iv: bytes, blocks: bytes) -> bytes | None:
        """The content of its blocks, without the padding; None where that is malformed."""
        last = self._last
        if last is None or last[0] is not record or last[2] != iv:
            decrypt = ciphers.cbc(self._algorithm, self._key, iv)
            last = self._last = record, block_content(decrypt(blocks)), iv
        return last[1]

    @property
    def ready(self) -> bool:
        return self._iv is not None

    def lose(self) -> None:
        if self._implicit:
            self._iv = None

    def pass_by(self, length: int, tail: bytes) -> None:
        self._last = None
        if self._implicit:
            parts = split(tail, 0, self._macs.size if self._etm else 0)
            parts = None if parts is None else split(parts[1], 0, self._size)
            self._iv = None if parts is None else parts[2]


def _content(record: ProtectedRecord, plaintext: bytes, explicit_size: int) -> Content | None:
    offset = record.offset + explicit_size
    if record.cid is None:
        return Content(record.type, plaintext, offset)
    inner = inner_plaintext(plaintext)  # RFC 9146 section 4
    return None if inner is None else Content(*inner, offset)


def tls13(suite: Suite, secret: bytes, version: Version) -> _Aead13:
    """What protects records with a traffic secret (RFC 8446 section 7.3).

    Raises:
        Unsupported: the cipher cannot be had here, or it is not one of TLS 1.3.
    """
    if not suite.tls13 or suite.prf not in schedule.HASHES:
        raise Unsupported("no cipher of TLS 1.3")
    key, iv = (
        schedule.expand_label(suite.prf, secret, label, length, prefix=version.prefix)
        for label, length in (("key", suite.cipher.key_size), ("iv", suite.cipher.nonce_size))
    )
    return _Aead13(suite, key, iv, version)


class DatagramProtection:
    """What protects records of DTLS 1.3, with one set of keys (RFC 9147 section 4).

    Attributes:
        expected: the sequence number that comes next, if none is lost.
        last_number: that of the record that was opened last.
    """

    def __init__(self, suite: Suite, secret: bytes, version: Version) -> None:
        self._aead = tls13(suite, secret, version)
        key = schedule.expand_label(
            suite.prf, secret, "sn", suite.cipher.key_size, prefix=version.prefix
        )
        self._mask = ciphers.masks(suite.cipher.algorithm, key)
        self.expected = 0
        self.last_number = -1

    def open(self, record: DatagramRecord, offset: int) -> Content | None:
        """What a record under a unified header holds; None where it does not authenticate.

        Args:
            record: it.
            offset: where its fragment stands in the direction.
        """
        sample = record.fragment[: ciphers.SAMPLE_SIZE]
        if len(sample) < ciphers.SAMPLE_SIZE:
            return None
        size = record.sequence_number_size
        header, truncated = unmasked_header(
            record.header, record.cid or b"", size, self._mask(sample)
        )
        number = whole_number(truncated, 8 * size, self.expected)
        protected = ProtectedRecord(record.type, record.version, record.fragment, offset)
        content = self._aead.open_with(header, protected, number)
        if content is not None:
            self.expected = max(self.expected, number + 1)
            self.last_number = number
        return content


class Agreed(NamedTuple):
    """What the hellos of TLS up to 1.2 have agreed upon besides the version and the suite.

    Attributes:
        client_random, server_random: theirs.
        encrypt_then_mac: whether the MAC of a block cipher is over what is encrypted (RFC 7366).
        truncated_hmac: whether MACs are cut (RFC 6066 section 7).
    """

    client_random: bytes
    server_random: bytes
    encrypt_then_mac: bool = False
    truncated_hmac: bool = False


_TRUNCATED_SIZE = 10


def tls12(
    suite: Suite, master: bytes, version: int, agreed: Agreed
) -> tuple[Protection, Protection]:
    """What protects the records of the client and of the server, with a master secret.

    Raises:
        Unsupported: the cipher cannot be had here, or not in that version.
    """
    cipher = suite.cipher
    if suite.tls13 or (cipher.kind is AEAD and version not in (TLS12, DTLS12)):
        raise Unsupported("the cipher suite is not one of the version")
    implicit = cipher.kind is BLOCK and version <= TLS10
    sizes = (suite.mac_size, cipher.key_size, cipher.iv_size)
    sides = schedule.key_block(
        version, suite.prf, master, agreed.client_random, agreed.server_random, sizes
    )
    mac_size = _TRUNCATED_SIZE if agreed.truncated_hmac else suite.mac_size

    def of(keys: schedule.KeyBlock) -> Protection:
        if cipher.kind is AEAD:
            return _Aead12(suite, keys.key, keys.iv)
        macs = _Macs(suite.mac, keys.mac_key, mac_size)
        if cipher.kind is BLOCK:
            return _Block(suite, keys, macs, implicit=implicit, etm=agreed.encrypt_then_mac)
        return _Stream(suite, keys.key, macs)

    client, server = sides
    return of(client), of(server)
