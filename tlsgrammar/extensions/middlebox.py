"""TLMSP: TLS with middleboxes that both sides know of (ETSI TS 103 523-2)."""

from __future__ import annotations

from construct import If, PrefixedArray, this

from ..language import opaque, structure, uint8, uint32, vector
from .extension import register

__all__ = ["TLMSPClientHello", "TLMSPServerHello"]

_CLAUSE = "ETSI TS 103 523-2 clause 4.3.5"

TLMSPVersion = structure("TLMSPVersion", _CLAUSE, "major" / uint8, "minor" / uint8)

Address = structure("Address", _CLAUSE, "address_type" / uint8, "address" / opaque(0, 2**16 - 1))

ContextAccess = structure("ContextAccess", _CLAUSE, "context_id" / uint8, "authorization" / uint8)

MiddleboxInfo = structure(
    "MiddleboxInfo",
    _CLAUSE,
    "middlebox_id" / uint8,
    "address" / Address,
    "inserted" / uint8,
    "transparent" / uint8,
    "ticket" / opaque(0, 2**16 - 1),
    "contexts" / PrefixedArray(uint8, ContextAccess),
)

_MiddleboxList = vector(MiddleboxInfo, 0, 2**16 - 1)

TLMSPClientHello = structure(
    "TLMSPClientHello",
    _CLAUSE,
    "version" / TLMSPVersion,
    "client_address" / Address,
    "server_address" / Address,
    "client_discovery_ack" / uint8,
    "middleboxes" / _MiddleboxList,
    "session_id" / If(this.client_discovery_ack == 1, uint32),
    "hash" / If(this.client_discovery_ack == 1, opaque(0, 2**8 - 1)),
    "discovered_middleboxes" / If(this.client_discovery_ack == 1, _MiddleboxList),
)

TLMSPServerHello = structure(
    "TLMSPServerHello",
    _CLAUSE,
    "version" / TLMSPVersion,
    "session_id" / uint32,
    "client_address" / Address,
    "server_address" / Address,
    "middleboxes" / _MiddleboxList,
)

register(
    36,
    "TLMSP",
    {"client_hello": TLMSPClientHello, "server_hello": TLMSPServerHello},
    reference=_CLAUSE,
)
