"""That every structure has its name and its reference; and the structures of the record layers that stand alone."""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterator

import pytest
from construct import Construct, Struct

import tlsgrammar
from tlsgrammar import GrammarError, extensions, sslv2
from tlsgrammar.framing import Protocol, RecordReader
from tlsgrammar.language import structure, uint8
from tlsgrammar.language.presentation import Structure
from tlsgrammar.language.shape import Record, parts, shape

from .helpers.structures import DECLARED


def test_the_search_for_anonymous_structures_finds_some() -> None:
    inner = Struct("field" / uint8)
    assert list(anonymous(Struct("inner" / inner))) != []
    assert list(anonymous(structure("Outer", "ours", "inner" / inner))) == [inner]


def anonymous(schema: Construct, named: bool = False) -> Iterator[Construct]:
    """The structures in a schema that have no name of their own."""
    of = shape(schema)
    if isinstance(of, Record) and not named:
        yield schema
    for part in parts(schema):
        # What stands for bits is one structure with what it stands in.
        inside = isinstance(schema, Structure) or (named and not isinstance(of, Record))
        yield from anonymous(part, inside)


@pytest.mark.parametrize("name", DECLARED)
def test_no_structure_is_anonymous(name: str) -> None:
    assert list(anonymous(DECLARED[name])) == []


def test_what_is_registered_has_a_name() -> None:
    default = extensions.DEFAULT
    for entries in (default.extensions, default.messages, default.key_exchanges):
        for entry in entries.values():
            for schema in entry.schemas.values():
                assert list(anonymous(schema)) == [], entry.name


@pytest.mark.parametrize("name", DECLARED)
def test_the_reference_says_where(name: str) -> None:
    schema = DECLARED[name]
    if isinstance(schema, Structure):
        assert re.match(
            r"RFC \d+ (section|appendix) |draft-|ETSI |The SSL Protocol", schema.reference
        )


def test_a_structure_is_known_by_its_name() -> None:
    assert repr(tlsgrammar.ClientHello) == "<ClientHello: RFC 8446 section 4.1.2>"
    assert extensions.psk.ServerTicketRequestHint.title == "ServerTicketRequestHint"


def test_encrypted_records_of_tls13() -> None:
    value = tlsgrammar.parse(tlsgrammar.TLSCiphertext, bytes.fromhex("1703030002abcd"))
    assert (value.opaque_type, value.length, value.encrypted_record) == (23, 2, b"\xab\xcd")
    with pytest.raises(GrammarError, match="16641 bytes long"):
        tlsgrammar.parse(tlsgrammar.TLSCiphertext, b"\x17\x03\x03\x41\x01" + bytes(16641))


@pytest.mark.parametrize(
    ("data", "content", "content_type", "zeros"),
    [
        (b"abc\x17", b"abc", 23, b""),
        (b"a\0c\x16\0\0", b"a\0c", 22, b"\0\0"),
        (b"\0\0\x17", b"\0\0", 23, b""),
        (b"\x15", b"", 21, b""),
    ],
)
def test_inner_plaintext(data: bytes, content: bytes, content_type: int, zeros: bytes) -> None:
    value = tlsgrammar.parse(tlsgrammar.TLSInnerPlaintext, data)
    assert value == {"content": content, "type": content_type, "zeros": zeros}
    assert tlsgrammar.build(tlsgrammar.TLSInnerPlaintext, value) == data
    assert pickle.loads(pickle.dumps(value)) == value


@pytest.mark.parametrize("data", [b"", b"\0\0"])
def test_inner_plaintext_without_a_type(data: bytes) -> None:
    with pytest.raises(GrammarError) as caught:
        tlsgrammar.parse(tlsgrammar.TLSInnerPlaintext, data)
    assert (caught.value.path, caught.value.offset) == ("TLSInnerPlaintext", 0)


@pytest.mark.parametrize(
    "value",
    [
        {"content": b"abc", "type": 0},
        {"content": b"abc", "type": "handshake", "zeros": b"\0\1"},
        {"type": 22},
        {"content": b"abc", "type": 22, "padding": b""},
    ],
)
def test_inner_plaintext_that_would_be_read_otherwise(value: dict[str, object]) -> None:
    with pytest.raises(GrammarError) as caught:
        tlsgrammar.build(tlsgrammar.TLSInnerPlaintext, value)
    assert caught.value.path.startswith("TLSInnerPlaintext")


@pytest.mark.parametrize(
    ("data", "value"),
    [
        ("802e", {"has_two_bytes": True, "is_escape": None, "length": 46, "padding": None}),
        ("ffff", {"has_two_bytes": True, "is_escape": None, "length": 0x7FFF, "padding": None}),
        ("001005", {"has_two_bytes": False, "is_escape": False, "length": 16, "padding": 5}),
        ("7fff00", {"has_two_bytes": False, "is_escape": True, "length": 0x3FFF, "padding": 0}),
    ],
)
def test_record_headers_of_ssl20(data: str, value: dict[str, object]) -> None:
    assert tlsgrammar.parse(sslv2.RecordHeader, bytes.fromhex(data)) == value
    assert tlsgrammar.build(sslv2.RecordHeader, value).hex() == data


@pytest.mark.parametrize("size", [1, 2, 100])
def test_records_of_ssl20_without_their_padding(size: int) -> None:
    reader = RecordReader(Protocol.SSLV2)
    data = b"\x00\x05\x02\x07\x08\x09\x00\x00" + b"\x80\x01\x04" + b"\x40\x01\x01\x00"
    records = []
    for at in range(0, len(data), size):
        reader.feed(data[at : at + size])
        while (found := reader.next()) is not None:
            records.append((found.fragment, found.length, found.offset, found.fragment_offset))
    assert records == [(b"\x07\x08\x09", 5, 0, 3), (b"\x04", 1, 8, 10), (b"", 1, 11, 14)]


def test_a_record_of_ssl20_that_is_less_than_its_padding() -> None:
    reader = RecordReader(Protocol.SSLV2, 100)
    reader.feed(b"\x00\x05\x06" + bytes(5))
    with pytest.raises(GrammarError) as caught:
        reader.next()
    assert (caught.value.path, caught.value.offset) == ("RecordHeader.padding", 102)
