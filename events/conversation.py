"""One TLS conversation: whole messages, other content and facts about records in, events out.

What may live here: what each input means, whatever it came in. A conversation knows no transport. Where messages begin
and end and what is encrypted is for those who feed it: `streams`, `datagrams`, `quic`. They call it and it never calls
them. Sans-I/O: no files, no clocks.

How far a conversation is stands in its `state`, and how far a side is in `Side.encrypts`. Two tables say what changes
them: `_NEXT` has the state that a fact leads to, `_ENCRYPTS` the facts after which the side that they are about encrypts.
What is in neither table changes nothing.
"""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from construct import Construct, Container

from tlsgrammar import Certificate, Handshake, Registry
from tlsgrammar.framing import HandshakeMessage
from tlsgrammar.handshake import RAW_PUBLIC_KEY, certificate_type, negotiated_version
from tlsgrammar.language.api import parameters, reader
from tlsgrammar.language.errors import summary
from tlsgrammar.names import CONTENT_TYPES, VERSIONS, ContentType, HandshakeType
from tlsgrammar.registry import CONTENT_TYPE, DEFAULT
from tlsgrammar.versions import is_supported, is_tls13

from .mapping import tls as _tls  # noqa: F401  (fills the table that the walker reads)
from .model import (
    Connection,
    ConnectionStateRemove,
    Event,
    ProtocolViolation,
    SslDecryptedData,
    SslEncryptedData,
    SslEstablished,
    SslPlaintextData,
    SslProbableEncryptedHandshakeMessage,
    SslSecretsKnown,
    SslStructure,
)
from .options import Options
from .walk import Occasion, schema_error, walker

if TYPE_CHECKING:  # most have no secrets
    from .secrets.agreement import Secrets
    from .secrets.records import Content

__all__ = ["Conversation", "Fact", "Side", "State", "Transport"]


class State(enum.IntEnum):  # whose hash takes no time, other than that of an Enum
    """How far a conversation is."""

    BEGINNING = 0  # no hello has been seen
    OFFERED = 1  # a hello has, but no version been negotiated
    TLS12 = 2  # one has: TLS 1.2 at most
    TLS13 = 3
    ESTABLISHED = 4
    FINISHED = 5  # nothing more will be raised


class Fact(enum.IntEnum):
    """What is known of a side from now on."""

    HELLO = enum.auto()  # it has sent a hello, whatever that says
    SERVER_HELLO_TLS12 = enum.auto()  # or of a version before
    SERVER_HELLO_TLS13 = enum.auto()
    CHANGE_CIPHER_SPEC = enum.auto()  # has been read
    APPLICATION_DATA = (
        enum.auto()
    )  # a record of that type begins, before anything says that the side encrypts
    LATER_EPOCH = enum.auto()  # a record of an epoch that is not 0, in DTLS
    CLIENT_MASTER_KEY = enum.auto()  # has been read, in SSL 2.0
    SESSION_ID_HIT = (
        enum.auto()
    )  # has been read in a SERVER-HELLO of SSL 2.0, so that no key follows
    ENCRYPTED_RECORD = enum.auto()  # begins, and both sides encrypt
    HANDSHAKE_PACKET = enum.auto()  # of QUIC
    CLIENT_1RTT_PACKET = enum.auto()  # of QUIC, after Handshake packets of both sides


_S, _F = State, Fact
_HANDSHAKE = (_S.BEGINNING, _S.OFFERED, _S.TLS12, _S.TLS13)

_NEXT: dict[tuple[State, Fact], State] = {
    (_S.BEGINNING, _F.HELLO): _S.OFFERED,
    **{(state, _F.SERVER_HELLO_TLS12): _S.TLS12 for state in _HANDSHAKE},
    **{(state, _F.SERVER_HELLO_TLS13): _S.TLS13 for state in _HANDSHAKE},
    **{
        (state, fact): _S.ESTABLISHED
        for state in _HANDSHAKE
        for fact in (_F.ENCRYPTED_RECORD, _F.CLIENT_MASTER_KEY, _F.CLIENT_1RTT_PACKET)
        if state is not _S.BEGINNING  # nothing is established without a hello
    },
}

_ENCRYPTS: frozenset[tuple[State, Fact]] = frozenset(
    {
        # In TLS 1.3 it means nothing.
        *((state, _F.CHANGE_CIPHER_SPEC) for state in (_S.BEGINNING, _S.OFFERED, _S.TLS12)),
        # Early data, where there is no version yet; or TLS 1.3, which hides its messages in records of that type.
        *((state, _F.APPLICATION_DATA) for state in (_S.BEGINNING, _S.OFFERED, _S.TLS13)),
        (_S.TLS13, _F.LATER_EPOCH),
        *((state, _F.HANDSHAKE_PACKET) for state in _HANDSHAKE),
    }
)
_IN_WORDS = {
    State.BEGINNING: "no hello yet",
    State.OFFERED: "in the handshake",
    State.TLS12: "in the handshake",
    State.TLS13: "in the handshake",
    State.ESTABLISHED: "established",
    State.FINISHED: "finished",
}

# After these, both sides encrypt.
_BOTH_ENCRYPT = frozenset({_F.CLIENT_MASTER_KEY, _F.SESSION_ID_HIT})


class Transport(NamedTuple):
    """What of the bytes depends on what they came in.

    Attributes:
        where: where content types stand that have a schema (`Registry.register_content_type`).
        dtls: whether a ClientHello is that of DTLS.
        type_path: where in the grammar the content type of a record stands.
    """

    where: str
    dtls: bool
    type_path: str


class Side:
    """One side of a conversation, as sender.

    Attributes:
        is_orig: whether it is the originator.
        encrypts: whether what it sends from here on is encrypted.
        unpacked: how many bytes its compressed certificates have been unpacked to.
    """

    __slots__ = ("encrypts", "is_orig", "unpacked")

    def __init__(self, is_orig: bool) -> None:
        self.is_orig = is_orig
        self.encrypts = False
        self.unpacked = 0


# What a NamedTuple does when it is called, without the call.
_tuple = tuple.__new__

_NO_EVENTS: Sequence[Event] = ()

_read_handshake = reader(Handshake)
_APPLICATION_DATA = ContentType.application_data.value
_CERTIFICATE = HandshakeType.certificate.value
_CLIENT_HELLO = HandshakeType.client_hello.value
_COMPRESSED_CERTIFICATE = HandshakeType.compressed_certificate.value
_SERVER_HELLO = HandshakeType.server_hello.value
_HELLOS = (HandshakeType.client_hello.value, HandshakeType.server_hello.value)
_SERVER_HELLOS = (HandshakeType.server_hello.value, HandshakeType.hello_retry_request.value)


class Conversation:
    """One TLS conversation.

    Args:
        c: the connection that the events are of.
        sides: the responder and the originator.
        transport: what the bytes come in.
        options: what the caller has chosen.
        originator_is_guess: whether the sides may change, as `settle_originator` says.

    Attributes:
        c: the connection.
        state: how far it is.
        version: the negotiated one; None before that is known.
        ts: when what is read now arrived, in seconds since the epoch.
        secrets: what is known of its secrets; None where nobody has any.
        silent: whether nothing more is raised unless its secrets come, which they may yet.
        walker: what knows which events are asked for.
        registry: that of the structures.
    """

    __slots__ = (
        "_before_silence",
        "_begun",
        "_cipher_suite",
        "_client",
        "_decrypted_params",
        "_finishes",
        "_out",
        "_params",
        "_raw_keys",
        "_sides",
        "_transport",
        "c",
        "originator_is_guess",
        "registry",
        "secrets",
        "silent",
        "state",
        "ts",
        "version",
        "walker",
    )

    def __init__(
        self,
        c: Connection | None,
        sides: tuple[Side, Side],
        transport: Transport,
        options: Options,
        originator_is_guess: bool = False,
    ) -> None:
        self.c = Connection() if c is None else c
        self.state = State.BEGINNING
        self.version: int | None = None
        self.ts: float | None = None
        self.registry = DEFAULT if options.extensions is None else options.extensions
        self.walker = walker(options.names, self.registry)
        self.originator_is_guess = originator_is_guess
        self._finishes = options.disable_analyzer_after_detection
        # Whether there has been anything that may raise an event.
        self._begun = False
        self._sides = sides
        self._client = sides[1]
        self._transport = transport
        self._cipher_suite: int | None = None
        self._params = _parameters(self.registry, None, None, transport.dtls)
        # Of what is decrypted, where that has begun another handshake: it changes nothing outside.
        self._decrypted_params: Container | None = None
        # Whose Certificate holds a raw public key: the client's, or not.
        self._raw_keys: tuple[bool, ...] = ()
        self.secrets: Secrets | None = None
        if options.key_log is not None:
            from .secrets.agreement import Secrets

            self.secrets = Secrets(options.key_log, self.registry, transport.dtls)
        self._out: list[Event] = []
        self.silent = False
        self._before_silence: Sequence[Event] = _NO_EVENTS

    def is_client(self, side: Side) -> bool:
        """Whether a side is the TLS client."""
        return side is self._client

    def shown(self, feeder: object) -> str:
        """The repr of who feeds it."""
        of = " ".join(filter(None, (type(feeder).__name__, self.c.ends or self.c.uid)))
        version = "" if self.version is None else VERSIONS.name(self.version)
        return f"<{of}: {', '.join(filter(None, (version, _IN_WORDS[self.state])))}>"

    # Out

    def taken(self) -> list[Event]:
        """The events that were raised since it was last asked."""
        raised, self._out = self._out, []
        if self.silent:
            raised, self._before_silence = list(self._before_silence), _NO_EVENTS
        return raised

    def raise_event(self, event: Event) -> None:
        """Raise an event, if it is asked for."""
        if self.walker.wants(type(event)):
            self._out.append(event)

    def violation(self, side: Side, offset: int, reason: str, path: str = "") -> None:
        """Raise a `protocol_violation`.

        Args:
            side: who sent what is wrong.
            offset: where that stands in the direction.
            reason: what is wrong, in words.
            path: where that stands in the grammar.
        """
        self._begun = True
        self.raise_event(ProtocolViolation(self.c, side.is_orig, offset, path, reason, ts=self.ts))

    @property
    def held(self) -> int:
        """How many bytes of memory are held, about."""
        return 0 if self.secrets is None else self.secrets.held

    # In: who is who, and how far they are

    def settle_originator(self, side: Side, *, is_originator: bool) -> None:
        """Say which side is the originator, from what it has sent. The one place where that is decided: TCP knows it
        from a SYN, and then it is no guess; else it is the TLS client, where that is told by what is sent first; else it
        is whoever sent the first packet, which is what the guess was.
        """
        if self.originator_is_guess and side.is_orig is not is_originator:
            c = self.c
            self.c = msgspec.structs.replace(
                c, orig_h=c.resp_h, orig_p=c.resp_p, resp_h=c.orig_h, resp_p=c.orig_p
            )
            for each in self._sides:
                each.is_orig = not each.is_orig
                if each.is_orig:
                    self._client = each
        self.originator_is_guess = False

    def note(self, side: Side, fact: Fact) -> None:
        """Take note of a fact about a side."""
        state = self.state
        if (state, fact) in _ENCRYPTS:
            side.encrypts = True
        elif fact in _BOTH_ENCRYPT:
            for each in self._sides:
                each.encrypts = True
        following = _NEXT.get((state, fact))
        if following is not None and following is not state:
            self._begun = True
            self.state = following
            if following is State.ESTABLISHED:
                if self._is_open:
                    self.raise_event(SslSecretsKnown(self.c, ts=self.ts))
                self.raise_event(SslEstablished(self.c, ts=self.ts))
                if fact is not Fact.ENCRYPTED_RECORD:
                    self._finish_unless_open()

    @property
    def _is_open(self) -> bool:
        """Whether what is encrypted can be read, so that the conversation goes on."""
        return self.secrets is not None and self.secrets.ever_known()

    def _finish_unless_open(self) -> None:
        """Raise nothing more once it is established, where that is asked for and what is encrypted cannot be read. Where
        its secrets may yet come it is silent: what is raised until then is lost.
        """
        if not self._finishes or self.state is not State.ESTABLISHED or self._is_open:
            return
        if self.secrets is None or self.version is None:
            self.state = State.FINISHED
        elif not self.silent:
            self.silent = True
            self._before_silence, self._out = self._out, []

    def is_heard_again(self) -> bool:
        """Whether its secrets are known; where they have come, it is silent no more."""
        if not self._is_open:
            return False
        if self.silent:
            self.silent = False
            self._out, self._before_silence = list(self._before_silence), _NO_EVENTS
        return True

    def give_up_waiting(self) -> None:
        """Wait for secrets no more."""
        if self.silent:
            self.state = State.FINISHED

    def finish(self) -> None:
        """Take note that nothing more comes, or that nothing more is of interest."""
        if self._begun and self.state is not State.FINISHED:
            self.raise_event(ConnectionStateRemove(self.c, ts=self.ts))
        self.state = State.FINISHED

    # In: what was sent

    def message(self, side: Side, message: HandshakeMessage) -> Any:
        """Read a handshake message, and raise its events.

        Returns:
            What it was parsed to; None where it ended before its own lengths say, so that where it says it ends cannot
            be trusted.
        """
        params = self._params
        if self._raw_keys and message.data[0] == _CERTIFICATE:
            params = self._params_of(side)
        value, defects = _read_handshake(message.data, params)
        malformed = bool(defects) and any(defect.ends_early for defect in defects)
        msg_type = value["msg_type"]
        is_hello = msg_type == _CLIENT_HELLO or msg_type in _SERVER_HELLOS
        if is_hello:
            from_client = msg_type == _CLIENT_HELLO
            self._client = side if from_client else self._peer(side)
            self.note(side, Fact.HELLO)
        name = self.walker.message_name(msg_type)
        if self.walker.wants_structures:
            self.tell_structure(side, "Handshake", message.data, message.offset(0), params)
        self.hear(Handshake, value, side, name, malformed, params=params, within=message)
        if is_hello and value["body"] is not None and not malformed:
            try:
                self._learn(side, value["body"], not from_client, message.offset(0))
            except (AttributeError, KeyError, TypeError) as error:
                # A registry may have another schema for a hello, or for what is read of it here.
                reason = f"nothing is learnt from this hello: {type(error).__name__}: {error}"
                self.violation(side, message.offset(0), reason)
        if self.secrets is not None and not malformed:
            self._tell_secrets(value, message.data)
        for defect in summary(defects) if defects else ():
            self.violation(side, message.offset(defect.offset), defect.reason, defect.path)
        return None if malformed else value

    def _tell_secrets(self, value: Any, data: bytes) -> None:
        assert self.secrets is not None
        if value["body"] is not None:
            # A registry may have another schema for it; where that is a hello, it has been told.
            with contextlib.suppress(AttributeError, KeyError, TypeError):
                self.secrets.message(value["msg_type"], value["body"], data)

    def content(
        self,
        side: Side,
        content_type: int,
        content: bytes,
        header_offset: int,
        offset: int,
        type_path: str = "",
        *,
        is_encrypted: bool = False,
    ) -> None:
        """Read what a record holds that is no handshake data, and raise its events.

        Args:
            side: who sent it.
            content_type: from its header.
            content: its bytes.
            header_offset: where the record begins in the direction.
            offset: where its content does.
            type_path: where in the grammar its type stands; by default in the header.
            is_encrypted: whether it was encrypted.
        """
        self._begun = True
        schema = self.registry.schema(CONTENT_TYPE, content_type, self._transport.where)
        if schema is not None:
            name = self.registry.name_of(CONTENT_TYPES, content_type)
            self.structure(side, schema, name, content, offset, is_encrypted=is_encrypted)
        elif content_type != _APPLICATION_DATA:
            reason = f"unknown content type {content_type}"
            self.violation(side, header_offset, reason, type_path or self._transport.type_path)

    def structure(
        self,
        side: Side,
        schema: Construct,
        name: str,
        content: bytes,
        offset: int,
        *,
        is_encrypted: bool = False,
    ) -> Any:
        """Read any structure, and raise its events.

        Args:
            side: who sent it.
            schema: its schema.
            name: what it is, for those who hear of it.
            content: its bytes.
            offset: where they stand in the direction.
            is_encrypted: whether they were encrypted.

        Returns:
            What it was parsed to; None where nothing of it can be read.
        """
        if self.walker.wants_structures:
            self.tell_structure(side, name, content, offset, is_encrypted=is_encrypted)
        value, defects = reader(schema)(content, self._params)
        self.hear(schema, value, side, name)
        for defect in summary(defects) if defects else ():
            self.violation(side, offset + defect.offset, defect.reason, defect.path)
        return value

    def tell_structure(
        self,
        side: Side,
        structure: str,
        data: bytes,
        offset: int,
        params: Container | None = None,
        *,
        is_encrypted: bool = False,
    ) -> None:
        """Raise the event of a structure's bytes, which somebody wants (`Walker.wants_structures`).

        Args:
            side: who sent it.
            structure: what it is.
            data: its bytes.
            offset: where they begin in the direction.
            params: the context that it is read in; None for that of what is not encrypted.
            is_encrypted: whether they were encrypted.
        """
        of = params or self._params
        layout = (of["version"], of["cipher_suite"], of["dtls"], of["certificate_type"])
        self._out.append(
            SslStructure(
                self.c, side.is_orig, structure, data, offset, is_encrypted, *layout, ts=self.ts
            )
        )

    def plaintext_record(self, side: Side, version: int, content_type: int, length: int) -> None:
        """Raise the event of a record that is not encrypted."""
        is_client = side is self._client
        self.raise_event(
            SslPlaintextData(self.c, is_client, version, content_type, length, ts=self.ts)
        )

    def encrypted_record(self, side: Side, content_type: int, length: int) -> None:
        """Raise the events of an encrypted record."""
        if self.silent and not self.is_heard_again():
            return
        if self.state is not State.ESTABLISHED:
            one, other = self._sides
            if one.encrypts and other.encrypts:
                self.note(side, Fact.ENCRYPTED_RECORD)
        if self.walker.wants_encrypted_data:
            self._out.append(
                SslEncryptedData(self.c, side.is_orig, content_type, length, ts=self.ts)
            )
        self._finish_unless_open()

    def probable_handshake_message(self, side: Side, length: int) -> None:
        """Raise the event of an encrypted record in the handshake of TLS 1.3."""
        is_client = side is self._client
        self.raise_event(
            SslProbableEncryptedHandshakeMessage(self.c, is_client, length, ts=self.ts)
        )

    # In: what was encrypted. It raises events, and changes nothing of what is known of the rest.

    def decrypted_message(self, side: Side, message: HandshakeMessage) -> tuple[int, bool]:
        """Read a handshake message that was encrypted, and raise its events.

        Returns:
            Its type, and whether where it ends can be trusted, as of `message`.
        """
        params = self._decrypted_params or self._params
        value, defects = _read_handshake(message.data, params)
        malformed = bool(defects) and any(defect.ends_early for defect in defects)
        msg_type = value["msg_type"]
        name = self.walker.message_name(msg_type)
        if self.walker.wants_structures:
            offset = message.offset(0)
            self.tell_structure(side, "Handshake", message.data, offset, params, is_encrypted=True)
        if msg_type == _COMPRESSED_CERTIFICATE and value["body"] is not None:
            self._unpack(side, value["body"], name, message, params)
        self.hear(Handshake, value, side, name, malformed, params=params, within=message)
        if msg_type in _HELLOS and self._is_tls13:
            self.violation(side, message.offset(0), "a hello after the handshake of TLS 1.3")
        elif not malformed and value["body"] is not None:
            if msg_type == _SERVER_HELLO:
                self._learn_again(value["body"])
            self._tell_secrets(value, message.data)
        for defect in summary(defects) if defects else ():
            self.violation(side, message.offset(defect.offset), defect.reason, defect.path)
        return msg_type, not malformed

    def decrypted_content(self, side: Side, content: Content) -> None:
        """Read what an encrypted record held that is no handshake data, and raise its events."""
        if content.type == _APPLICATION_DATA:
            if content.data and self.walker.wants_decrypted_data:
                self._out.append(
                    SslDecryptedData(self.c, side.is_orig, content.type, content.data, ts=self.ts)
                )
        elif content.data:
            offset, path = content.offset, "TLSInnerPlaintext.type"
            self.content(side, content.type, content.data, offset, offset, path, is_encrypted=True)

    @property
    def _is_tls13(self) -> bool:
        """Whether the keys of TLS 1.3 have been agreed upon, so that no other hello may come."""
        version = None if self.secrets is None else self.secrets.version
        return version is not None and version.is_tls13

    def _unpack(
        self, side: Side, body: Any, name: str, message: HandshakeMessage, params: Container
    ) -> None:
        """Raise the events of the Certificate that a CompressedCertificate holds."""
        if self.walker.visit(Certificate) is None and not self.walker.wants_structures:
            return
        # Few certificates are compressed, and fewer are asked for.
        from .certificates import MAXIMUM_UNPACKED, CertificateError, decompressed

        try:
            length = body["uncompressed_length"]
            if side.unpacked + length > MAXIMUM_UNPACKED:
                raise CertificateError(
                    f"no more than {MAXIMUM_UNPACKED} bytes of compressed certificates are unpacked for one side"
                )
            side.unpacked += length
            unpacked = decompressed(
                body["algorithm"], body["compressed_certificate_message"], length
            )
        except CertificateError as error:
            path = "CompressedCertificate.compressed_certificate_message"
            self.violation(side, message.offset(0), str(error), path)
            return
        except (AttributeError, KeyError, TypeError):
            return  # a registry has another schema for it
        if self.walker.wants_structures:
            offset = message.offset(0)
            self.tell_structure(side, "Certificate", unpacked, offset, params, is_encrypted=True)
        value, defects = reader(Certificate)(unpacked, params)
        self.hear(Certificate, value, side, name, params=params, within=message)
        for defect in summary(defects) if defects else ():
            self.violation(side, message.offset(0), defect.reason, defect.path)

    def _learn_again(self, hello: Any) -> None:
        """Take from a decrypted ServerHello what the decrypted messages after it depend on."""
        try:
            version, cipher_suite = negotiated_version(hello), hello["cipher_suite"]
        except (AttributeError, KeyError, TypeError):
            return  # a registry has another schema for it
        dtls = self._transport.dtls
        self._decrypted_params = _parameters(self.registry, version, cipher_suite, dtls)

    def _peer(self, side: Side) -> Side:
        one, other = self._sides
        return other if side is one else one

    def hear(
        self,
        schema: Construct,
        value: Any,
        side: Side,
        name: str,
        malformed: bool = False,
        packet: Any = None,
        params: Container | None = None,
        within: HandshakeMessage | None = None,
    ) -> None:
        """Raise the events of a structure that has been parsed.

        Args:
            schema: its schema.
            value: what it was parsed to.
            side: who sent it.
            name: what it is, or is a part of.
            malformed: whether that ended before its own lengths say.
            packet: the packet of QUIC that a frame stands in.
            params: the context that it was parsed in; None for that of what is not encrypted.
            within: the handshake message that it is, or is a part of.
        """
        occasion: Occasion | None = None
        try:
            visit = self.walker.visit(schema)
            if visit is None:
                return
            is_client = side is self._client
            occasion = _tuple(
                Occasion,
                (self.c, side.is_orig, self.ts, malformed, is_client, name, packet, within),
            )
            params = params or self._params
            visit(value, params, params, occasion, self._out)
        except Exception as error:  # a function in a user's schema does not see all that it saw
            if occasion is None:
                occasion = Occasion(self.c, side.is_orig, self.ts, malformed, False, name, packet)
            self.raise_event(schema_error(error, occasion))

    def _learn(self, side: Side, hello: Any, from_server: bool, offset: int) -> None:
        """Take from a hello what the messages after it depend on."""
        version = negotiated_version(hello) if from_server else hello["legacy_version"]
        if not is_supported(version):
            self.violation(side, offset, f"a hello of the unknown version 0x{version:04x}")
        if from_server:
            self.version = version
            if hello["cipher_suite"] is not None:
                self._cipher_suite = hello["cipher_suite"]
            self._params = _parameters(
                self.registry, version, self._cipher_suite, self._transport.dtls
            )
            self._raw_keys = tuple(
                of_client
                for of_client in (True, False)
                if certificate_type(hello, of_client) == RAW_PUBLIC_KEY
            )
            tls13 = is_tls13(version)
            self.note(side, Fact.SERVER_HELLO_TLS13 if tls13 else Fact.SERVER_HELLO_TLS12)

    def _params_of(self, side: Side) -> Container:
        """The context to read the Certificate of a side with."""
        if self.is_client(side) not in self._raw_keys:
            return self._params
        dtls = self._transport.dtls
        return _parameters(self.registry, self.version, self._cipher_suite, dtls, RAW_PUBLIC_KEY)


_MAXIMUM_KEPT = 4096


def _parameters(
    registry: Registry,
    version: int | None,
    cipher_suite: int | None,
    dtls: bool,
    certificate_type: int | None = None,
) -> Container:
    """The context to read structures with, which many connections share."""
    known: dict[Any, Container] = registry.derived.setdefault("parameters", {})
    key = (version, cipher_suite, dtls, certificate_type)
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
            "certificate_type": certificate_type,
        }
    )
    return made
