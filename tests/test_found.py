"""What fuzzing has found: each stays mended."""

from __future__ import annotations

import pytest
from construct import BitsInteger, BitStruct, Bytes, Const, Struct

import tlsgrammar
from events import KeyLog
from events.capture.headers import Decoder
from events.secrets.lines import Lines
from tlsgrammar import GrammarError
from tlsgrammar.catalogue import Catalogue
from tlsgrammar.language.tree import follow, render

# Headers


@pytest.mark.parametrize(
    "frame",
    [
        "45 01 0023 0007 0000 40 11",  # IPv4 that ends before its addresses
        "45 00 0023 0007 0000 40 06 0000 c0000201",
        "60000000 0010 06 40 20010db8",  # IPv6 likewise
        "60000000 0008 00 40" + "00" * 32 + "06ff000000000000",  # an extension header that goes on
    ],
)
def test_a_packet_that_ends_in_its_headers_has_no_segment(frame: str) -> None:
    assert Decoder(101).decode(bytes.fromhex(frame), 0.0) is None


# Key logs

MARK = b"\xef\xbb\xbf"
LINE = f"CLIENT_RANDOM {'00' * 32} {'11' * 48}\n".encode()


def read(*pieces: bytes) -> tuple[list[str], list[str]]:
    labels: list[str] = []
    told: list[str] = []
    lines = Lines(lambda key, label, secret: labels.append(label), told.append)
    for piece in pieces:
        lines.feed(piece)
    lines.finish()
    return labels, told


@pytest.mark.parametrize("at", range(len(MARK) + 2))
def test_a_byte_order_mark_is_one_at_the_beginning_only(at: int) -> None:
    whole = MARK + LINE
    assert read(whole[:at], whole[at:]) == (["CLIENT_RANDOM"], [])
    later = LINE + MARK + LINE
    cut = len(LINE) + at
    wrong = "line 2 cannot be read: it does not begin with a label"
    assert read(later[:cut], later[cut:]) == read(later) == (["CLIENT_RANDOM"], [wrong])


@pytest.mark.parametrize("at", range(1, 6))
def test_what_a_file_begins_with_may_come_in_pieces(at: int) -> None:
    """The first byte of a pcapng is the end of a line too."""
    whole = b"\x0a\x0d\x0d\x0a" + LINE
    labels, told = read(whole[:at], whole[at:])
    assert labels == []
    assert [each.partition(":")[0] for each in told] == ["it is no key log"]


def test_a_key_log_that_begins_with_an_empty_line_is_one() -> None:
    log = KeyLog()
    log.add(b"\n")
    log.add(LINE)
    assert len(log) == 1


# Defects within bits

BITS = BitStruct("fixed" / Const(1, BitsInteger(3)), "rest" / BitsInteger(5))
AROUND = Struct("before" / Bytes(5), "bits" / BITS)


def test_a_defect_within_bits_is_where_they_stand() -> None:
    data = b"12345\x0e"
    _, [defect] = tlsgrammar.read(AROUND, data)
    assert (defect.offset, defect.path) == (5, "bits.fixed")
    with pytest.raises(GrammarError, match="offset 5: parsing expected 1 but parsed 0"):
        tlsgrammar.parse(AROUND, data)
    assert [each.offset for each in follow("whole", AROUND, data)[1]] == [5]


def test_a_value_that_bits_have_no_room_for_is_told_of_where_they_stand() -> None:
    with pytest.raises(GrammarError, match="offset 5: number 77 is out of range"):
        tlsgrammar.build(AROUND, {"before": b"12345", "bits": {"rest": 77}})


# A field whose name begins with a capital letter


def test_every_field_of_a_tree_has_a_line() -> None:
    schema = Catalogue().structures["RawPublicKeyTLS12"]
    node, _ = follow("RawPublicKey", schema, bytes.fromhex("000003aabbcc"))
    assert list(render(node))[1:] == ["     0    ASN1_subjectPublicKeyInfo: aabbcc"]
