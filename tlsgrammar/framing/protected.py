"""Where the parts of a protected record stand: nonces, padding, authentication codes, the content type inside; and what
is authenticated with it.

What may live here: that layout, for every version (RFC 5246 section 6.2.3, RFC 7366, RFC 8446 section 5.2, RFC 9146
section 5, RFC 9147 section 4). Keys, and what is done with them, are for others.
"""

from __future__ import annotations

from typing import NamedTuple

from ..dtls import ConnectionIdAdditionalData
from ..language import build
from ..language.compiler import packer
from ..record import AdditionalData, RecordHeader

__all__ = [
    "ProtectedRecord",
    "additional_data",
    "block_content",
    "dtls_number",
    "inner_plaintext",
    "nonce",
    "record_header",
    "split",
    "unmasked_header",
    "whole_number",
]

record_header = packer(RecordHeader)
"""The header of a record, from its type, version and length."""

_additional_data = packer(AdditionalData)
_SEQUENCE_NUMBER_BITS = 48  # of a record of DTLS; 16 of its epoch stand before them


class ProtectedRecord(NamedTuple):
    """A record whose fragment is protected, as it was on the wire.

    Attributes:
        type: its content type.
        version: the one in its header.
        fragment: what is protected.
        offset: where that stands in the direction.
        cid: the connection id in its header (RFC 9146); None without one.
    """

    type: int
    version: int
    fragment: bytes
    offset: int = 0
    cid: bytes | None = None


def additional_data(record: ProtectedRecord, number: int, length: int) -> bytes:
    """What is authenticated beside the content of a record up to TLS 1.2, and what stands before it where a MAC is made.

    Args:
        record: the record.
        number: its sequence number; in DTLS with the epoch before it, as `dtls_number` makes it.
        length: of what is authenticated, in bytes.
    """
    if record.cid is None:
        return _additional_data(number, record.type, record.version, length)
    value = {
        "version": record.version,
        "epoch_and_sequence_number": number,
        "cid": record.cid,
        "length_of_DTLSInnerPlaintext": length,
    }
    return build(ConnectionIdAdditionalData, value)


def dtls_number(epoch: int, sequence_number: int) -> int:
    """What DTLS up to 1.2 has for a sequence number: that of the record, with its epoch before it."""
    return epoch << _SEQUENCE_NUMBER_BITS | sequence_number


def nonce(iv: bytes, number: int) -> bytes:
    """The nonce of a record, from the IV of its keys and its number (RFC 8446 section 5.3, RFC 7905 section 2)."""
    return (int.from_bytes(iv, "big") ^ number).to_bytes(len(iv), "big")


def split(fragment: bytes, first: int, last: int = 0) -> tuple[bytes, bytes, bytes] | None:
    """Its first bytes, those between, and its last ones; None where there are not as many.

    Args:
        fragment: of a record, such as one with an explicit nonce before and a MAC behind what is encrypted.
        first, last: how many are taken from its beginning and its end.
    """
    end = len(fragment) - last
    if end < first:
        return None
    return fragment[:first], fragment[first:end], fragment[end:]


def block_content(plaintext: bytes) -> bytes | None:
    """What a decrypted GenericBlockCipher holds in front of its padding (RFC 5246 section 6.2.3.2); None where that is
    not padding.
    """
    if not plaintext:
        return None
    length = plaintext[-1] + 1
    if not plaintext.endswith(plaintext[-1:] * length):
        return None
    return plaintext[:-length]


def inner_plaintext(plaintext: bytes) -> tuple[int, bytes] | None:
    """The type and the content of a TLSInnerPlaintext (RFC 8446 section 5.2); None where there is no type."""
    content = plaintext.rstrip(b"\0")
    return (content[-1], content[:-1]) if content else None


def unmasked_header(header: bytes, cid: bytes, size: int, mask: bytes) -> tuple[bytes, int]:
    """A unified header without what hides its sequence number, and that (RFC 9147 section 4.2.3).

    Args:
        header: it.
        cid: the connection id in it.
        size: of the sequence number in it, in bytes.
        mask: what hides that, at least as long.
    """
    begin = 1 + len(cid)
    end = begin + size
    plain = bytes(a ^ b for a, b in zip(header[begin:end], mask, strict=False))
    return header[:begin] + plain + header[end:], int.from_bytes(plain, "big")


def whole_number(truncated: int, bits: int, expected: int) -> int:
    """A number of which only the lowest bits are sent: the one that is nearest to what is expected (RFC 9000 appendix A.3,
    RFC 9147 section 4.2.2).

    Args:
        truncated: its lowest bits.
        bits: how many those are.
        expected: the number that comes next, if none is lost.
    """
    window = 1 << bits
    candidate = (expected & ~(window - 1)) | truncated
    if candidate + window // 2 <= expected and candidate < _END_OF_NUMBERS - window:
        return candidate + window
    if candidate > expected + window // 2 and candidate >= window:
        return candidate - window
    return candidate


_END_OF_NUMBERS = 2**62
