"""Bytes in any pieces to whole records and messages: in streams, in datagrams, and behind a cleartext start.

What may live here: where records and messages begin and end, and telling them from other things. What they mean is for
others.
"""

from .datagrams import (
    DatagramRecord,
    HandshakeFragments,
    client_random,
    has_early_data_behind_hello,
    is_dtls,
    may_be_dtls,
    read_records,
    sent_by_server,
)
from .pieces import Piece, Pieces
from .search import DEFAULT_SEARCH_LIMIT, ClientHelloSearch
from .streams import (
    ENOUGH_TO_TELL,
    MAXIMUM_HANDSHAKE_LENGTH,
    HandshakeMessage,
    HandshakeReader,
    Protocol,
    Record,
    RecordReader,
    begins_hello,
    client_or_server,
    recognise,
    recognise_after_client_hello,
    sole_message,
)

__all__ = [
    "DEFAULT_SEARCH_LIMIT",
    "ENOUGH_TO_TELL",
    "MAXIMUM_HANDSHAKE_LENGTH",
    "ClientHelloSearch",
    "DatagramRecord",
    "HandshakeFragments",
    "HandshakeMessage",
    "HandshakeReader",
    "Piece",
    "Pieces",
    "Protocol",
    "Record",
    "RecordReader",
    "begins_hello",
    "client_random",
    "client_or_server",
    "has_early_data_behind_hello",
    "is_dtls",
    "may_be_dtls",
    "read_records",
    "recognise",
    "recognise_after_client_hello",
    "sent_by_server",
    "sole_message",
]
