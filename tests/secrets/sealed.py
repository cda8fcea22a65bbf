"""Connections that no stack would make: hellos, and what seals records with secrets that are known.

What is sealed stands where the grammar says, and the keys come from the key schedule of the library. So these tests hold
what the two do together; that each is right is shown by what real stacks have sealed.
"""

from __future__ import annotations

import hmac
import random
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import pytest
from cryptography.hazmat.decrepit.ciphers.algorithms import ARC4
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

import tlsgrammar
from events import Event, KeyLog, ProtocolViolation, SslHandshakeMessage
from events.secrets import ciphers, schedule
from events.secrets.records import Version, tls12, tls13
from events.secrets.suites import suite
from tlsgrammar.framing.protected import ProtectedRecord, additional_data, nonce, record_header
from tlsgrammar.names import CIPHER_SUITES, CONTENT_TYPES
from tlsgrammar.registry import DEFAULT
from tlsgrammar.versions import TLS10, TLS12, TLS13

from .connections import Piece

CLIENT_RANDOM, SERVER_RANDOM = bytes(range(32)), bytes(range(32, 64))
MASTER = b"M" * 48
SECRETS = {
    "CLIENT_EARLY_TRAFFIC_SECRET": b"E" * 32,
    "CLIENT_HANDSHAKE_TRAFFIC_SECRET": b"c" * 32,
    "SERVER_HANDSHAKE_TRAFFIC_SECRET": b"s" * 32,
    "CLIENT_TRAFFIC_SECRET_0": b"C" * 32,
    "SERVER_TRAFFIC_SECRET_0": b"S" * 32,
}
LINES = [
    *(f"{label} {CLIENT_RANDOM.hex()} {secret.hex()}" for label, secret in SECRETS.items()),
    f"CLIENT_RANDOM {CLIENT_RANDOM.hex()} {MASTER.hex()}",
]
"""The key log of every connection that is made here."""

HEADER_SIZE = 5
CHANGE = tlsgrammar.build(
    tlsgrammar.TLSPlaintext,
    {"type": "change_cipher_spec", "legacy_record_version": TLS12, "fragment": b"\1"},
)


# What is not sealed


def handshake(msg_type: str, body: Any, version: int = TLS13) -> bytes:
    """A handshake message; its body is a value, or the bytes of one."""
    if not isinstance(body, bytes):
        given = {"msg_type": msg_type, "body": body}
        return tlsgrammar.build(tlsgrammar.Handshake, given, version=version, cipher_suite=0x1301)
    code = tlsgrammar.names.HandshakeType[msg_type].value
    return bytes([code]) + len(body).to_bytes(3, "big") + body


def records(content_type: str, data: bytes, version: int = TLS12) -> bytes:
    """Records of at most 2^14 bytes each, in the clear or as they are sealed."""
    return b"".join(
        tlsgrammar.build(
            tlsgrammar.TLSPlaintext,
            {
                "type": content_type,
                "legacy_record_version": version,
                "fragment": data[at : at + 2**14],
            },
        )
        for at in range(0, len(data), 2**14)
    )


def junk(size: int, version: int = TLS12) -> bytes:
    """A record of application data that nothing opens."""
    return records("application_data", random.Random(size).randbytes(size), version)


def client_hello(
    suites: Sequence[int],
    *,
    is_tls13: bool = True,
    early_data: bool = False,
    client_random: bytes = CLIENT_RANDOM,
) -> bytes:
    """A ClientHello, with the least that a version needs."""
    extensions: list[dict[str, Any]] = []
    if is_tls13:
        extensions.append({"extension_type": "supported_versions", "body": {"versions": [TLS13]}})
    if early_data:
        extensions.append({"extension_type": "early_data", "extension_data": b""})
    body = {
        "legacy_version": TLS12,
        "random": _random(client_random),
        "legacy_session_id": b"",
        "cipher_suites": suites,
        "legacy_compression_methods": [0],
        "extensions": extensions,
    }
    return handshake("client_hello", body)


def server_hello(code: int, version: int = TLS13) -> bytes:
    """A ServerHello that chooses a suite and a version."""
    extensions: list[dict[str, Any]] = []
    if version == TLS13:
        body = {"selected_version": TLS13}
        extensions.append({"extension_type": "supported_versions", "body": body})
    value = {
        "legacy_version": min(version, TLS12),
        "random": _random(SERVER_RANDOM),
        "legacy_session_id_echo": b"",
        "cipher_suite": code,
        "legacy_compression_method": 0,
        "extensions": extensions,
    }
    return handshake("server_hello", value)


def _random(data: bytes) -> dict[str, Any]:
    return {"gmt_unix_time": int.from_bytes(data[:4], "big"), "random_bytes": data[4:]}


# What seals


class Sealer(Protocol):
    """What seals the records of one side, one after the other."""

    def __call__(self, content_type: str, data: bytes) -> bytes:
        """The next record."""


class Sealer13:
    """Seals in TLS 1.3.

    Args:
        label: of the secret that it seals with.
        name: of the cipher suite.
        secret: another than that of the key log.
    """

    def __init__(
        self, label: str, name: str = "TLS_AES_128_GCM_SHA256", secret: bytes = b""
    ) -> None:
        self._suite = _suite(name)
        self._secret = secret or SECRETS[label]
        self._begin()

    def _begin(self) -> None:
        cipher = self._suite.cipher
        key, self._iv = (
            schedule.expand_label(self._suite.prf, self._secret, of, size)
            for of, size in (("key", cipher.key_size), ("iv", cipher.nonce_size))
        )
        self._aead = ciphers.aead(cipher, key)
        self._number = 0

    def update(self) -> bytes:
        """A KeyUpdate; what comes next is sealed with the next keys."""
        sealed = self("handshake", handshake("key_update", {"request_update": 0}))
        self._secret = schedule.expand_label(
            self._suite.prf, self._secret, "traffic upd", len(self._secret)
        )
        self._begin()
        return sealed

    def __call__(self, content_type: str, data: bytes) -> bytes:
        value = {"content": data, "type": content_type}
        inner = tlsgrammar.build(tlsgrammar.TLSInnerPlaintext, value)
        header = record_header(CONTENT_TYPES_BY_NAME["application_data"], TLS12, len(inner) + 16)
        made = nonce(self._iv, self._number)
        self._number += 1
        return header + self._aead.encrypt(made, inner, header)


class _UpTo12(ABC):
    """Seals with the master secret, up to TLS 1.2; how, is for those that inherit from it."""

    def __init__(self, name: str, is_client: bool, version: int = TLS12) -> None:
        self._suite = _suite(name)
        self._version = version
        cipher = self._suite.cipher
        client, server = schedule.key_block(
            version,
            self._suite.prf,
            MASTER,
            CLIENT_RANDOM,
            SERVER_RANDOM,
            (self._suite.mac_size, cipher.key_size, cipher.iv_size),
        )
        self._keys = client if is_client else server
        self._number = 0
        self._begin()

    def __call__(self, content_type: str, data: bytes) -> bytes:
        record = ProtectedRecord(CONTENT_TYPES_BY_NAME[content_type], self._version, b"")
        sealed = self._seal(data, additional_data(record, self._number, len(data)))
        self._number += 1
        value = {
            "type": content_type,
            "legacy_record_version": self._version,
            "fragment": sealed,
        }
        return tlsgrammar.build(tlsgrammar.TLSPlaintext, value)

    @abstractmethod
    def _begin(self) -> None:
        """Make what seals, from the keys."""

    @abstractmethod
    def _seal(self, data: bytes, beside: bytes) -> bytes:
        """What stands in a record; what is authenticated beside it is given."""

    def _with_mac(self, data: bytes, beside: bytes) -> bytes:
        return data + hmac.digest(self._keys.mac_key, beside + data, "sha1")


class SealerAead(_UpTo12):
    """Seals with AES-GCM, the nonce of which stands in the record in part."""

    def _begin(self) -> None:
        self._aead = ciphers.aead(self._suite.cipher, self._keys.key)

    def _seal(self, data: bytes, beside: bytes) -> bytes:
        explicit = self._number.to_bytes(8, "big")
        return explicit + self._aead.encrypt(self._keys.iv + explicit, data, beside)


class SealerRc4(_UpTo12):
    """Seals with RC4 and a MAC: the stream goes on from record to record."""

    def _begin(self) -> None:
        self._encryptor = Cipher(ARC4(self._keys.key), None).encryptor()

    def _seal(self, data: bytes, beside: bytes) -> bytes:
        return self._encryptor.update(self._with_mac(data, beside))


class SealerCbc(_UpTo12):
    """Seals with AES in CBC mode and a MAC; up to TLS 1.0 the last block of a record is the IV of the next one."""

    def _begin(self) -> None:
        self._iv = self._keys.iv

    def _seal(self, data: bytes, beside: bytes) -> bytes:
        plaintext = self._with_mac(data, beside)
        padding = 16 - len(plaintext) % 16
        plaintext += padding * bytes([padding - 1])
        explicit = b"" if self._version <= TLS10 else self._number.to_bytes(16, "big")
        encryptor = Cipher(AES(self._keys.key), CBC(explicit or self._iv)).encryptor()
        sealed = encryptor.update(plaintext)
        self._iv = sealed[-16:]
        return explicit + sealed


def _suite(name: str) -> Any:
    return suite(DEFAULT.code_of(CIPHER_SUITES, name))


CONTENT_TYPES_BY_NAME = {
    name: DEFAULT.code_of(CONTENT_TYPES, name)
    for name in ("change_cipher_spec", "alert", "handshake", "application_data")
}


# Connections


S = TypeVar("S", bound=Sealer, covariant=True)


class Sealed(NamedTuple, Generic[S]):
    """A connection whose handshake is over.

    Attributes:
        pieces: the handshake, one record in each of what is sealed.
        client, server: what seals what comes next.
    """

    pieces: list[Piece]
    client: S
    server: S

    def answers(self, count: int, size: int) -> list[Piece]:
        """So many records of the server, of so many bytes each, which say which one they are."""
        return [(False, self.server("application_data", numbered(at, size))) for at in range(count)]


def numbered(at: int, size: int) -> bytes:
    """So many bytes that say which record they are of."""
    return (b"%07d " % at * (size // 8 + 1))[:size]


HELLOS: list[Piece] = [
    (True, records("handshake", client_hello([0x1301]))),
    (False, records("handshake", server_hello(0x1301)) + CHANGE),
]
"""Those of TLS 1.3."""

EXTENSIONS = handshake("encrypted_extensions", {"extensions": []})
FINISHED = handshake("finished", b"f" * 32)


def established13() -> Sealed[Sealer13]:
    """A connection of TLS 1.3."""
    server = Sealer13("SERVER_HANDSHAKE_TRAFFIC_SECRET")
    client = Sealer13("CLIENT_HANDSHAKE_TRAFFIC_SECRET")
    pieces: list[Piece] = [
        *HELLOS,
        (False, server("handshake", EXTENSIONS + FINISHED)),
        (True, CHANGE + client("handshake", FINISHED)),
    ]
    return Sealed(pieces, Sealer13("CLIENT_TRAFFIC_SECRET_0"), Sealer13("SERVER_TRAFFIC_SECRET_0"))


_SEALERS: dict[str, tuple[type[_UpTo12], str, int]] = {
    "AES-GCM": (SealerAead, "TLS_RSA_WITH_AES_128_GCM_SHA256", TLS12),
    "RC4": (SealerRc4, "TLS_RSA_WITH_RC4_128_SHA", TLS12),
    "CBC": (SealerCbc, "TLS_RSA_WITH_AES_128_CBC_SHA", TLS12),
    "CBC with implicit IVs": (SealerCbc, "TLS_RSA_WITH_AES_128_CBC_SHA", TLS10),
}
KINDS = ["TLS 1.3", *_SEALERS]


def established(kind: str) -> Sealed[Sealer]:
    """A connection of one of `KINDS`."""
    if kind == "TLS 1.3":
        return established13()
    made, name, version = _SEALERS[kind]
    client, server = made(name, True, version), made(name, False, version)
    finished = handshake("finished", b"v" * 12)
    return Sealed(
        [
            *hellos12(name, version),
            (True, CHANGE + client("handshake", finished)),
            (False, CHANGE + server("handshake", finished)),
        ],
        client,
        server,
    )


def hellos12(name: str, version: int = TLS12) -> list[Piece]:
    """A handshake up to TLS 1.2, up to where something is sealed."""
    code = DEFAULT.code_of(CIPHER_SUITES, name)
    certificate = handshake("certificate", {"certificate_list": []}, TLS12)
    done = handshake("server_hello_done", b"")
    exchange = handshake("client_key_exchange", b"\0\4AAAA")
    return [
        (True, records("handshake", client_hello([code], is_tls13=False))),
        (False, records("handshake", server_hello(code, version) + certificate + done)),
        (True, records("handshake", exchange)),
    ]


# What is seen of them


def told(raised: Iterable[Event]) -> list[str]:
    """What is told of as a violation."""
    return [each.reason for each in raised if isinstance(each, ProtocolViolation)]


def message_types(raised: Iterable[Event]) -> list[int]:
    """Which handshake messages were read."""
    return [each.msg_type for each in raised if isinstance(each, SslHandshakeMessage)]


def damaged(piece: Piece) -> Piece:
    """A record of which the first bit behind the header is another."""
    is_client, data = piece
    assert isinstance(data, bytes)
    changed = bytes([data[HEADER_SIZE] ^ 0x80])
    return is_client, data[:HEADER_SIZE] + changed + data[HEADER_SIZE + 1 :]


def missing(pieces: Iterable[Piece]) -> list[Piece]:
    """Of pieces of one side, what a capture has that has none of them."""
    sides, data = zip(*pieces, strict=True)
    return [(sides[0], sum([each if isinstance(each, int) else len(each) for each in data]))]


# How much work it is


class Work:
    """How much is tried.

    Attributes:
        tries: how often a record was opened with some keys and number, or was not.
        size: how many bytes those had.
        cost: the same, in the time that AES-GCM takes for a byte.
    """

    def __init__(self) -> None:
        self.tries = self.size = self.cost = 0


class _Counted:
    """A protection whose work is counted."""

    def __init__(self, protection: Any, cost: int, work: Work) -> None:
        self._protection, self._cost, self._work = protection, cost, work

    def __getattr__(self, name: str) -> Any:
        return getattr(self._protection, name)

    def open(self, record: ProtectedRecord, number: int) -> Any:
        self._work.tries += 1
        self._work.size += len(record.fragment)
        self._work.cost += len(record.fragment) * self._cost
        return self._protection.open(record, number)


@contextmanager
def counted() -> Iterator[Work]:
    """Count how much is tried, for as long as it is entered."""
    work = Work()

    def of_tls12(suite: Any, *arguments: Any) -> tuple[Any, ...]:
        cost = suite.cipher.cost
        return tuple(_Counted(each, cost, work) for each in tls12(suite, *arguments))

    def of_tls13(suite: Any, secret: bytes, version: Version) -> Any:
        return _Counted(tls13(suite, secret, version), suite.cipher.cost, work)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("events.secrets.records.tls12", of_tls12)
        patch.setattr("events.secrets.streams.tls13", of_tls13)
        yield work


def key_log() -> KeyLog:
    """That of every connection that is made here."""
    return KeyLog(LINES)
