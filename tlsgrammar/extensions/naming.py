"""Extensions that say who is talked to, and in which application protocol."""

from __future__ import annotations

from construct import GreedyBytes, Switch, this

from .. import names
from ..language import (
    Empty,
    enumeration,
    if_present,
    opaque,
    remaining,
    repeated,
    structure,
    uint8,
    vector,
)
from ..names import NameType
from .extension import register

__all__ = [
    "ApplicationSettingsSupport",
    "HostName",
    "NextProtocolNegotiation",
    "ProtocolName",
    "ProtocolNameList",
    "ServerName",
    "ServerNameList",
]

# RFC 6066 section 3
HostName = opaque(1, 2**16 - 1)

ServerName = structure(
    "ServerName",
    "RFC 6066 section 3",
    "name_type" / enumeration(uint8, names.NAME_TYPES),
    # A name of another type has no known length: what follows it in the list belongs to it.
    "name" / Switch(this.name_type, {NameType.host_name: HostName}, default=GreedyBytes),
)

ServerNameList = structure(
    "ServerNameList",
    "RFC 6066 section 3",
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

ProtocolNameList = structure(
    "ProtocolNameList",
    "RFC 7301 section 3.1",
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

# The server's names, one after the other.
NextProtocolNegotiation = structure(
    "NextProtocolNegotiation",
    "draft-agl-tls-nextprotoneg-04 section 3",
    "protocols" / repeated(ProtocolName),
)

register(
    13172,
    "next_protocol_negotiation",
    {"client_hello": Empty, "server_hello": NextProtocolNegotiation},
    reference="draft-agl-tls-nextprotoneg-04 section 3",
)

ApplicationSettingsSupport = structure(
    "ApplicationSettingsSupport",
    "draft-vvv-tls-alps-01 section 4",
    "supported_protocols" / vector(ProtocolName, 2, 2**16 - 1),
)

ApplicationSettings = structure(
    "ApplicationSettings", "draft-vvv-tls-alps-01 section 4", "settings" / remaining()
)

for _code, _name in (
    (17613, "application_layer_protocol_settings"),
    (17513, "old_application_layer_protocol_settings"),
):
    register(
        _code,
        _name,
        {
            "client_hello": ApplicationSettingsSupport,
            "encrypted_extensions": ApplicationSettings,
        },
        reference="draft-vvv-tls-alps-01 section 4",
    )
