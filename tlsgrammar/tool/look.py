"""What bytes are that nobody has told the structure of, and all that is in them: records, messages, bodies.

What may live here: telling what bytes begin with, and following them from one layer into the next.

The traps: a handshake message may stand in several records, so that its fields do not stand where they stand in it. And
once there is a ChangeCipherSpec, records may be encrypted: what is not a message then is none, and nothing is wrong
with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from construct import Construct, Struct

from .. import sslv2
from ..dtls import (
    DTLSCiphertext,
    DTLSHandshake,
    DTLSHandshakeHeader,
    DTLSPlaintext,
    DTLSRecordStart,
)
from ..framing import (
    HandshakeFragments,
    HandshakeMessage,
    HandshakeReader,
    Protocol,
    Record,
    RecordReader,
    read_records,
    recognise,
)
from ..framing.packets import read_packets
from ..handshake import (
    ClientHello,
    Handshake,
    HandshakeHeader,
    ServerHello,
    negotiated_version,
)
from ..language import GrammarError, read, remaining
from ..language.api import NO_PARAMETERS, parse_at
from ..language.compiler import fields
from ..language.presentation import Structure
from ..language.shape import Repeat, shape
from ..language.tree import Node, follow
from ..names import ContentType, HandshakeType
from ..quic import PACKETS, LongHeader, OneRTTPacket
from ..record import Alert, RecordHeader, TLSPlaintext
from ..registry import CONTENT_TYPE, DEFAULT, Registry
from ..versions import DTLS10, DTLS12, is_supported

__all__ = ["Look"]

_handshake_header = fields(HandshakeHeader)
_fragment_header = fields(DTLSHandshakeHeader)
_record_start = fields(DTLSRecordStart)
_HEADER_SIZE = HandshakeHeader.sizeof()
_CONTENT_TYPES = {*ContentType}
_SSLV2 = "SSL 2.0 records"
_SSLV2_RECORD = Struct("header" / sslv2.RecordHeader, "content" / remaining())

# A message that claims to be longer than this, and is not, is none.
_SENSIBLE_LENGTH = 2**17

# The length in the header of a record is one of two bytes.
_LONGEST_RECORD = 2**16 + RecordHeader.sizeof()


class Look:
    """What bytes look like.

    Attributes:
        kind: in words.
        nodes: gives the tree of one piece of them after the other.
        errors: all that was found wrong so far.
    """

    def __init__(self, data: bytes, context: dict[str, Any], registry: Registry = DEFAULT) -> None:
        self.data = data
        self.context = dict(context)
        self.errors: list[GrammarError] = []
        self._registry = registry
        self._encrypted = False
        self._record_version: int | None = None
        self.kind = ""
        self._follow: Callable[[], Iterator[Node]] = self._nothing
        for kind, is_it, follow_it in (
            ("TLS records", self._is_tls, self._tls),
            (_SSLV2, self._is_sslv2, self._tls),
            ("DTLS records", self._is_dtls, self._dtls),
            ("QUIC packets", self._is_quic, self._quic),
            ("DTLS handshake messages", self._is_dtls_handshake, self._dtls_messages),
            ("handshake messages", self._is_handshake, self._messages),
            (
                "a ClientHello",
                self._is_client_hello,
                lambda: self._body("ClientHello", ClientHello),
            ),
            (
                "a ServerHello",
                self._is_server_hello,
                lambda: self._body("ServerHello", ServerHello),
            ),
            ("an alert", self._is_alert, lambda: self._body("Alert", Alert)),
        ):
            if is_it():
                self.kind, self._follow = kind, follow_it
                break

    def nodes(self) -> Iterator[Node]:
        """The trees of the pieces, in order."""
        return self._follow()

    def _nothing(self) -> Iterator[Node]:
        yield from ()

    # What it is

    def _is_tls(self) -> bool:
        return recognise(self.data, is_orig=True, peer=None) is Protocol.TLS

    def _is_sslv2(self) -> bool:
        if Protocol.SSLV2 not in (
            recognise(self.data, is_orig=True, peer=None),
            recognise(self.data, is_orig=False, peer=Protocol.SSLV2),
        ):
            return False
        reader = RecordReader(Protocol.SSLV2)
        reader.feed(self.data[:_LONGEST_RECORD])
        record = reader.next()
        if record is None or record.fragment is None:
            return False
        value, defects = read(sslv2.Message, record.fragment)
        return not defects and value["msg_type"] in sslv2.MESSAGES

    def _is_dtls(self) -> bool:
        if len(self.data) < DTLSRecordStart.sizeof():
            return False
        content_type, version = _record_start(self.data, 0)
        if content_type in _CONTENT_TYPES:
            return version in (DTLS10, DTLS12)
        records, error = read_records(self.data, unified=True)
        if not records or error is not None:
            return False
        # Without a length, any bytes would do.
        value, _ = parse_at(DTLSCiphertext, self.data, 0, NO_PARAMETERS)
        return bool(value["unified_hdr"]["length_present"])

    def _is_quic(self) -> bool:
        packets = read_packets(self.data)
        return bool(packets) and packets[0].type is not None

    def _is_handshake(self) -> bool:
        return self._holds_messages(self.data, _SENSIBLE_LENGTH)

    def _holds_messages(self, data: bytes, may_lack: int = 0) -> bool:
        """Whether bytes are handshake messages of known types, the last of which may lack some."""
        at = length = 0
        while at + _HEADER_SIZE <= len(data):
            msg_type, length = _handshake_header(data, at)
            if msg_type not in self._registry.messages:
                return False
            at += _HEADER_SIZE + length
        return at > 0 and (at == len(data) or (at > len(data) and length < may_lack))

    def _is_dtls_handshake(self) -> bool:
        data, at, size = self.data, 0, DTLSHandshakeHeader.sizeof()
        while at + size <= len(data):
            msg_type, length, _, start, taken = _fragment_header(data, at)
            if msg_type not in self._registry.messages or start + taken > length:
                return False
            at += size + taken
        return at == len(data) > 0

    def _is_client_hello(self) -> bool:
        for dtls in (False, True):
            value, defects = read(ClientHello, self.data, **{**self.context, "dtls": dtls})
            if value is not None and not defects and is_supported(value["legacy_version"]):
                self.context["dtls"] = dtls
                return True
        return False

    def _is_server_hello(self) -> bool:
        value, defects = read(ServerHello, self.data, **self.context)
        return value is not None and not defects and is_supported(value["legacy_version"])

    def _is_alert(self) -> bool:
        value, defects = read(Alert, self.data)
        return value is not None and not defects and value["level"] in (1, 2)

    # What is in it

    def _body(self, name: str, schema: Construct) -> Iterator[Node]:
        node, errors = follow(name, schema, self.data, **self.context)
        self._note(errors, None)
        yield node

    def _tls(self) -> Iterator[Node]:
        handshake = HandshakeReader()
        at = 0
        while at < len(self.data):
            is_sslv2 = self._is_sslv2_at(at)
            reader = RecordReader(Protocol.SSLV2 if is_sslv2 else Protocol.TLS, at)
            reader.feed(self.data[at : at + _LONGEST_RECORD])
            try:
                record = reader.next()
            except GrammarError as error:
                self.errors.append(error)
                return
            end = len(self.data) if record is None else reader.offset
            if is_sslv2:
                yield from self._sslv2_record(at, end, record)
            else:
                yield self._tls_record(at, end, record, handshake)
            at = end
        if handshake.pending and not self.errors:
            self._ends_within("Handshake")

    def _is_sslv2_at(self, at: int) -> bool:
        if self.kind != _SSLV2:
            return False
        head = self.data[at : at + RecordHeader.sizeof()]
        return recognise(head, is_orig=True, peer=None) is not Protocol.TLS

    def _sslv2_record(self, at: int, end: int, record: Record | None) -> Iterator[Node]:
        node, errors = follow("RecordHeader", _SSLV2_RECORD, self.data[at:end])
        self._note(errors, at.__add__)
        if node.children:
            node.children[0].name = "RecordHeader"
            yield _moved(node.children[0], at.__add__)
        if record is None or record.fragment is None:
            self._ends_within("RecordHeader")
            return
        begin = record.fragment_offset
        node, errors = follow("Message", sslv2.Message, record.fragment, **self.context)
        self._note(errors, begin.__add__)
        yield _moved(node, begin.__add__)

    def _tls_record(
        self, at: int, end: int, record: Record | None, handshake: HandshakeReader
    ) -> Node:
        node, errors = follow("TLSPlaintext", TLSPlaintext, self.data[at:end])
        _moved(node, at.__add__)
        begin = at + RecordHeader.sizeof()
        content = self.data[begin:end]
        content_type, fragment = node.children[0].value, node.children[-1]
        self._record_version = None if record is None else record.version
        if content_type == ContentType.handshake:
            _put(fragment, self._messages_in(content, begin, handshake, whole=record is not None))
        elif record is not None:
            _put(fragment, self._content(content_type, content, begin, "stream"))
        self._note(errors, at.__add__)
        return node

    def _messages_in(
        self, content: bytes, begin: int, reader: HandshakeReader, *, whole: bool
    ) -> list[Node]:
        """The trees of the messages that are whole with the content of a record; where the record is not, of the
        last one too.
        """
        if self._encrypted and not reader.pending and not self._holds_messages(content):
            return []
        reader.feed(content, begin)
        nodes = []
        try:
            while (message := reader.next()) is not None:
                nodes.append(self._message(message))
        except GrammarError as error:
            self.errors.append(error)
            reader.drop()
        if not whole and 0 < reader.pending <= len(content):
            rest = len(content) - reader.pending
            nodes.append(self._partial(content[rest:], begin + rest))
        return nodes

    def _partial(self, data: bytes, begin: int) -> Node:
        """A message that ends early, with as much of its body as there is."""
        node, _ = follow("Handshake", Handshake, data, **self._context_of_messages())
        if len(data) > _HEADER_SIZE:
            msg_type, _ = _handshake_header(data, 0)
            entry = self._registry.messages.get(msg_type)
            if entry is not None:
                [schema] = entry.schemas.values()
                body, _ = follow("body", schema, data[_HEADER_SIZE:], **self._context_of_messages())
                node.children[-1].children = _moved(body, _HEADER_SIZE.__add__).children
        return _moved(node, begin.__add__)

    def _message(self, message: HandshakeMessage) -> Node:
        node, errors = follow("Handshake", Handshake, message.data, **self._context_of_messages())
        self._note(errors, message.offset)
        self._learn(node.value)
        return _moved(node, message.offset)

    def _context_of_messages(self) -> dict[str, Any]:
        """Where nobody has settled a version, that of the record is the best guess."""
        return {"version": self._record_version, **self.context}

    def _learn(self, message: Any) -> None:
        """Take from a ServerHello what the layout of later messages depends on."""
        if message is None or message["msg_type"] != HandshakeType.server_hello:
            return
        hello = message["body"]
        if hello is not None:
            self.context.setdefault("version", negotiated_version(hello))
            self.context.setdefault("cipher_suite", hello["cipher_suite"])

    def _content(self, content_type: int, content: bytes, begin: int, where: str) -> list[Node]:
        """The tree of what a record holds that is not handshake messages."""
        schema = self._registry.schema(CONTENT_TYPE, content_type, where)
        if schema is None:
            return []
        is_alert = content_type == ContentType.alert and len(content) == Alert.sizeof()
        if content_type == ContentType.change_cipher_spec:
            self._encrypted = True
        elif self._encrypted and not is_alert:
            return []
        known = self._registry.content_types[content_type].name
        name = schema.title if isinstance(schema, Structure) else known
        node, errors = follow(name, schema, content, **self.context)
        self._note(errors, begin.__add__)
        _moved(node, begin.__add__)
        # A list without a name of its own tells nothing beside its elements.
        return node.children if isinstance(shape(schema), Repeat) and node.children else [node]

    def _messages(self) -> Iterator[Node]:
        reader = HandshakeReader()
        reader.feed(self.data, 0)
        while (message := reader.next()) is not None:
            yield self._message(message)
        if reader.pending:
            begin = len(self.data) - reader.pending
            yield self._partial(self.data[begin:], begin)
            self._ends_within("Handshake")

    def _ends_within(self, path: str) -> None:
        self.errors.append(GrammarError("ends early", len(self.data), path, ends_early=True))

    # Datagrams

    def _dtls(self) -> Iterator[Node]:
        self.context["dtls"] = True
        messages = HandshakeFragments()
        records, error = read_records(self.data, unified=True)
        at = 0
        for record in records:
            end = record.fragment_offset + len(record.fragment)
            node = self._dtls_record(at, end)
            self._record_version = record.version
            if record.epoch == 0:
                content, begin = record.fragment, record.fragment_offset
                if record.type == ContentType.handshake:
                    inside = self._fragments(content, begin, messages)
                else:
                    inside = self._content(record.type, content, begin, "datagram")
                _put(node.children[-1], inside)
            yield node
            at = end
        if error is not None:
            self.errors.append(error)
            yield self._dtls_record(at, len(self.data))

    def _quic(self) -> Iterator[Node]:
        """The packets of a datagram. Their content is protected; what follows the last one is one with a short header, or
        padding.
        """
        end = 0
        for packet in read_packets(self.data):
            schema = LongHeader if packet.type is None else PACKETS[packet.type]
            assert isinstance(schema, Structure)
            node, errors = follow(schema.title, schema, self.data[packet.start : packet.end])
            self._note(errors, packet.start.__add__)
            yield _moved(node, packet.start.__add__)
            end = packet.end
        rest = self.data[end:]
        if rest:
            is_padding = not rest.strip(b"\0")
            name, schema = (
                ("padding", remaining()) if is_padding else ("OneRTTPacket", OneRTTPacket)
            )
            node, errors = follow(name, schema, rest, **self.context)
            self._note(errors, end.__add__)
            yield _moved(node, end.__add__)

    def _dtls_record(self, at: int, end: int) -> Node:
        if self.data[at] in _CONTENT_TYPES:
            node, _ = follow("DTLSPlaintext", DTLSPlaintext, self.data[at:end])
        else:
            node, _ = follow("DTLSCiphertext", DTLSCiphertext, self.data[at:end])
        return _moved(node, at.__add__)

    def _dtls_messages(self) -> Iterator[Node]:
        self.context["dtls"] = True
        yield from self._fragments(self.data, 0, HandshakeFragments())

    def _fragments(self, content: bytes, begin: int, reader: HandshakeFragments) -> list[Node]:
        """The trees of the fragments in a record; in the one that makes a message whole, that of its body."""
        nodes = []
        at = 0
        while at < len(content):
            try:
                _, end = parse_at(DTLSHandshake, content, at, NO_PARAMETERS)
            except GrammarError:
                end = len(content)
            node, errors = follow("DTLSHandshake", DTLSHandshake, content[at:end])
            start = begin + at
            self._note(errors, start.__add__)
            _moved(node, start.__add__)
            nodes.append(node)
            if not errors:
                messages, wrong = reader.read(content[at:end], start)
                self.errors += wrong
                for message in messages:
                    _put(node.children[-1], self._message(message).children[-1].children)
            at = end
        return nodes

    def _note(self, errors: list[GrammarError], where: Callable[[int], int] | None) -> None:
        """Note what is wrong, with where it stands in the whole."""
        for error in errors:
            offset = error.offset if where is None else where(error.offset)
            self.errors.append(GrammarError(error.reason, offset, error.path, error.ends_early))


def _moved(node: Node, where: Callable[[int], int]) -> Node:
    """A tree, which stands elsewhere than it was followed."""
    node.start = where(node.start)
    node.end = None if node.end is None else where(node.end)
    for child in node.children:
        _moved(child, where)
    return node


def _put(node: Node, inside: list[Node]) -> None:
    """Show in a field what is in its bytes, in their place."""
    if inside:
        node.children = inside
        node.value = [child.value for child in inside]
