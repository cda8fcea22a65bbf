"""TLMSP: TLS with middleboxes that both sides know of (ETSI TS 103 523-2)."""

from __future__ import annotations

from construct import If, PrefixedArray, Struct, this

from ..language import opaque, uint8, uint32, vector
from .extension import register

__all__ = ["TLMSPClientHello", "TLMSPServerHello"]

# ETSI TS 103 523-2 clause 4.3.5
_Version = Struct("major" / uint8, "minor" / uint8)

_Address = Struct("address_type" / uint8, "address" / opaque(0, 2**16 - 1))

_ContextAccess = Struct("context_id" / uint8, "authorization" / uint8)

MiddleboxInfo = Struct(
    "middlebox_id" / uint8,
    "address" / _Address,
    "inserted" / uint8,
    "transparent" / uint8,
    "ticket" / opaque(0, 2**16 - 1),
    "contexts" / PrefixedArray(uint8, _ContextAccess),
)

_MiddleboxList = vector(MiddleboxInfo, 0, 2**16 - 1)

TLMSPClientHello = Struct(
    "version" / _Version,
    "client_address" / _Address,
    "server_address" / _Address,
    "client_discovery_ack" / uint8,
    "middleboxes" / _MiddleboxList,
    "session_id" / If(this.client_discovery_ack == 1, uint32),
    "hash" / If(this.client_discovery_ack == 1, opaque(0, 2**8 - 1)),
    "discovered_middleboxes" / If(this.client_discovery_ack == 1, _MiddleboxList),
)

TLMSPServerHello = Struct(
    "version" / _Version,
    "session_id" / uint32,
    "client_address" / _Address,
    "server_address" / _Address,
    "middleboxes" / _MiddleboxList,
)

register(
    36,
    "TLMSP",
    {"client_hello": TLMSPClientHello, "server_hello": TLMSPServerHello},
    reference="ETSI TS 103 523-2 clause 4.3.5",
)
