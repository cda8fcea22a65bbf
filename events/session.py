"""What the two sides of a connection have come to, and what the content of their records says.

What belongs here: the state that streams and datagrams have in common (who has started to encrypt, what was
negotiated), and what becomes of messages, alerts and the like once they are whole. How the bytes are cut into
records is for `analyzer`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, ClassVar

from construct import Construct, Container

from tlsgrammar import Handshake, Registry
from tlsgrammar.framing import HandshakeMessage
from tlsgrammar.handshake import negotiated_version
from tlsgrammar.language.api import parameters, reader
from tlsgrammar.names import CONTENT_TYPES, VERSIONS, ContentType, HandshakeType
from tlsgrammar.registry import CONTENT_TYPE, DEFAULT
from tlsgrammar.versions import is_supported, is_tls13

from . import mapping  # noqa: F401  (fills the table that the walker reads)
from .model import Connection, Event, ProtocolViolation, SslEncryptedData, SslEstablished
from .modern import SslPlaintextData
from .walk import Occasion, check_wanted, schema_error, walker

__all__ = ["Session", "Side"]

# What a NamedTuple does when it is called, without the call.
_tuple = tuple.__new__

_read_handshake = reader(Handshake)
_APPLICATION_DATA = ContentType.application_data.value
_CHANGE_CIPHER_SPEC = ContentType.change_cipher_spec.value
_CLIENT_HELLO = HandshakeType.client_hello.value
_SERVER_HELLOS = (HandshakeType.server_hello.value, HandshakeType.hello_retry_request.value)


_MAXIMUM_KEPT = 4096


def _parameters(
    registry: Registry,
    version: int | None,
    cipher_suite: int | None,
    dtls: bool,
) -> Container:
    """The context to read structures with, which many connections share."""
    known: dict[Any, Container] = registry.derived.setdefault("parameters", {})
    key = (version, cipher_suite, dtls)
    if key in known:
        return known[key]
    if len(known) >= _MAXIMUM_KEPT:
        known.clear()
    known[key] = made = parameters(
        {
            "extensions": None if registry is DEFAULT else registry,
            "version": version,
            "cipher_suite": cipher_suite,
            "dtls": dtls,
        }
    )
    return made


class Side:
    """What is known of one side of a connection, as sender.

    Attributes:
        is_orig: whether it is the originator.
        encrypted: whether what it sends from here on is encrypted.
    """

    __slots__ = ("encrypted", "is_orig")

    def __init__(self, is_orig: bool) -> None:
        self.is_orig = is_orig
        self.encrypted = False

    def encrypt(self) -> None:
        """Take note that encryption starts here."""
        self.encrypted = True


class Session:
    """What is the same for the analyzers of streams and of datagrams.

    Args:
        sides: the responder and the originator.
        c, disable_analyzer_after_detection, wanted, extensions: as for `Analyzer`.

    Attributes:
        c: the connection.
        finished: whether nothing more will be raised.
    """

    __slots__ = (
        "_cipher_suite",
        "_client_is_orig",
        "_disable",
        "_established",
        "_hello_seen",
        "_out",
        "_params",
        "_registry",
        "_sides",
        "_ts",
        "_version",
        "_walker",
        "c",
        "finished",
    )

    _over_datagrams: ClassVar[bool] = False
    _path_of_type: ClassVar[str] = "TLSPlaintext.type"
    _transport: ClassVar[str] = "stream"

    def __init__(
        self,
        c: Connection | None,
        sides: tuple[Side, Side],
        disable_analyzer_after_detection: bool,
        wanted: Collection[str] | None,
        extensions: Registry | None,
    ) -> None:
        self.c = Connection() if c is None else c
        self.finished = False
        self._registry = DEFAULT if extensions is None else extensions
        self._walker = walker(check_wanted(wanted, extensions), self._registry)
        self._disable = disable_analyzer_after_detection
        self._sides = sides
        self._version: int | None = None
        self._cipher_suite: int | None = None
        self._params = _parameters(self._registry, None, None, self._over_datagrams)
        self._client_is_orig = True
        self._hello_seen = False
        self._established = False
        self._out: list[Event] = []
        self._ts: float | None = None

    def __repr__(self) -> str:
        of = " ".join(filter(None, (type(self).__name__, self.c.ends or self.c.uid)))
        if self._established:
            state = "established"
        elif self._hello_seen:
            state = "in the handshake"
        else:
            state = "no hello yet"
        version = "" if self._version is None else VERSIONS.name(self._version)
        known = filter(None, (version, state, "finished" if self.finished else ""))
        return f"<{of}: {', '.join(known)}>"

    def _taken(self) -> list[Event]:
        """The events that were raised since it was last asked."""
        raised, self._out = self._out, []
        return raised

    def _raise(self, event: Event) -> None:
        if self._walker.wants(type(event)):
            self._out.append(event)

    def _violation(self, side: Side, offset: int, reason: str, path: str = "") -> None:
        self._raise(ProtocolViolation(self.c, side.is_orig, offset, path, reason, ts=self._ts))

    def _read(self, schema: Construct, name: str, side: Side, content: bytes, offset: int) -> Any:
        """Read what a record holds, and raise its events.

        Args:
            schema: its schema.
            name: what it is.
            side: who sent it.
            content: its bytes.
            offset: where they stand in the direction.
        """
        value, defects = reader(schema)(content, self._params)
        self._walk(schema, value, side, name)
        for defect in defects:
            self._violation(side, offset + defect.offset, defect.reason, defect.path)
        return value

    def _content(
        self, side: Side, content_type: int, content: bytes, header_offset: int, offset: int
    ) -> None:
        """Read what a record holds that is no handshake data and not encrypted.

        Args:
            side: who sent it.
            content_type: from its header.
            content: its bytes.
            header_offset: where the record begins in the direction.
            offset: where its content does.
        """
        schema = self._registry.schema(CONTENT_TYPE, content_type, self._transport)
        if schema is not None:
            name = self._registry.name_of(CONTENT_TYPES, content_type)
            self._read(schema, name, side, content, offset)
        elif content_type != _APPLICATION_DATA:
            reason = f"unknown content type {content_type}"
            self._violation(side, header_offset, reason, self._path_of_type)
        if content_type == _CHANGE_CIPHER_SPEC and not is_tls13(self._version):
            side.encrypt()

    def _walk(
        self, schema: Construct, value: Any, side: Side, name: str, malformed: bool = False
    ) -> None:
        visit = self._walker.visit(schema)
        if visit is None:
            return
        is_orig = side.is_orig
        is_client = is_orig == self._client_is_orig
        occasion = _tuple(Occasion, (self.c, is_orig, self._ts, malformed, is_client, name))
        params = self._params
        try:
            visit(value, params, params, occasion, self._out)
        except Exception as error:  # a function in a user's schema does not see all that it saw
            self._raise(schema_error(error, occasion))

    def _message(self, side: Side, message: HandshakeMessage) -> bool:
        """Read a handshake message, and raise its events.

        Returns:
            Whether it ended where it said.
        """
        value, defects = _read_handshake(message.data, self._params)
        malformed = bool(defects) and any(defect.ends_early for defect in defects)
        msg_type = value["msg_type"]
        is_hello = msg_type == _CLIENT_HELLO or msg_type in _SERVER_HELLOS
        if is_hello:
            self._hello_seen = True
            self._client_is_orig = side.is_orig == (msg_type == _CLIENT_HELLO)
        self._walk(Handshake, value, side, self._walker.message_name(msg_type), malformed)
        if is_hello and value["body"] is not None and not malformed:
            try:
                self._learn(side, value["body"], msg_type != _CLIENT_HELLO, message.offset(0))
            except (AttributeError, KeyError, TypeError) as error:
                # A registry may have another schema for a hello, or for what is read of it here.
                reason = f"nothing is learnt from this hello: {type(error).__name__}: {error}"
                self._violation(side, message.offset(0), reason)
        for defect in defects:
            self._violation(side, message.offset(defect.offset), defect.reason, defect.path)
        return not malformed

    def _learn(self, side: Side, hello: Any, from_server: bool, offset: int) -> None:
        """Take from a hello what the messages after it depend on."""
        version = negotiated_version(hello) if from_server else hello["legacy_version"]
        if not is_supported(version):
            self._violation(side, offset, f"a hello of the unknown version 0x{version:04x}")
        if from_server:
            self._version = version
            if hello["cipher_suite"] is not None:
                self._cipher_suite = hello["cipher_suite"]
            self._params = _parameters(
                self._registry, version, self._cipher_suite, self._over_datagrams
            )

    def _is_client(self, side: Side) -> bool:
        return side.is_orig == self._client_is_orig

    def _plaintext(self, side: Side, version: int, content_type: int, length: int) -> None:
        """Raise the event of a record that is not encrypted."""
        is_client = self._is_client(side)
        self._raise(SslPlaintextData(self.c, is_client, version, content_type, length, ts=self._ts))

    def _encrypted(self, side: Side, content_type: int, length: int) -> None:
        """Raise the events of an encrypted record."""
        if not self._established and self._sides[0].encrypted and self._sides[1].encrypted:
            self._establish()
        if self._walker.wants_encrypted_data:
            self._out.append(
                SslEncryptedData(self.c, side.is_orig, content_type, length, ts=self._ts)
            )
        if self._established and self._disable:
            self.finished = True

    def _establish(self) -> None:
        self._established = True
        self._raise(SslEstablished(self.c, ts=self._ts))
