"""Extensions that say who is talked to, and in which application protocol."""

from __future__ import annotations

from construct import GreedyBytes, Struct, Switch, this

from .. import names
from ..names import NameType
from ..presentation import enumeration, if_present, opaque, uint8, vector
from .registry import register

__all__ = ["HostName", "ProtocolName", "ProtocolNameList", "ServerName", "ServerNameList"]

# RFC 6066 section 3
HostName = opaque(1, 2**16 - 1)

ServerName = Struct(
    "name_type" / enumeration(uint8, names.NAME_TYPES),
    # A name of another type has no known length: what follows it in the list belongs to it.
    "name" / Switch(this.name_type, {NameType.host_name: HostName}, default=GreedyBytes),
)

ServerNameList = Struct(
    "server_name_list" / vector(ServerName, 1, 2**16 - 1),
)

register(
    0,
    "server_name",
    {
        "client_hello": ServerNameList,
        # Empty by the RFC; servers that repeat the list are met.
        "server_hello": if_present(ServerNameList),
        "encrypted_extensions": if_present(ServerNameList),
    },
    reference="RFC 6066 section 3",
)

# RFC 7301 section 3.1
ProtocolName = opaque(1, 2**8 - 1)

ProtocolNameList = Struct(
    "protocol_name_list" / vector(ProtocolName, 2, 2**16 - 1),
)

register(
    16,
    "application_layer_protocol_negotiation",
    {
        "client_hello": ProtocolNameList,
        "server_hello": ProtocolNameList,
        "encrypted_extensions": ProtocolNameList,
    },
    reference="RFC 7301 section 3.1",
)
