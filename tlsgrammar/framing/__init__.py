"""Bytes in any pieces to whole records and messages: in streams, in datagrams, and behind a cleartext start.

What may live here: where records and messages begin and end, and telling them from other things. What they mean is for
others.
"""

from typing import TYPE_CHECKING

from .pieces import Piece, Pieces
from .streams import (
    DEFAULT_SEARCH_LIMIT,
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

if TYPE_CHECKING:
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
    from .search import ClientHelloSearch

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


def __getattr__(name: str) -> object:
    # Most captures have no DTLS, and begin as TLS.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    module = ".search" if name == "ClientHelloSearch" else ".datagrams"
    return getattr(import_module(module, __name__), name)
