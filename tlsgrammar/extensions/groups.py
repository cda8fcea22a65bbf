"""Extensions that say which groups, and which encodings of their elements, a side can use, and the shares."""

from __future__ import annotations

from construct import Struct

from .. import names
from ..language import enumeration, opaque, uint8, uint16, vector
from .extension import register

__all__ = [
    "ECPointFormat",
    "ECPointFormatList",
    "KeyShareClientHello",
    "KeyShareEntry",
    "KeyShareHelloRetryRequest",
    "KeyShareServerHello",
    "NamedGroup",
    "NamedGroupList",
]

# RFC 8446 section 4.2.7; elliptic_curves until RFC 7919
NamedGroup = enumeration(uint16, names.SUPPORTED_GROUPS)

NamedGroupList = Struct(
    "named_group_list" / vector(NamedGroup, 2, 2**16 - 1),
)

register(
    10,
    "supported_groups",
    {
        "client_hello": NamedGroupList,
        # Servers may not send it in a ServerHello; some old ones do.
        "server_hello": NamedGroupList,
        "encrypted_extensions": NamedGroupList,
    },
    reference="RFC 8446 section 4.2.7",
)

# RFC 8422 section 5.1.2
ECPointFormat = enumeration(uint8, names.EC_POINT_FORMATS)

ECPointFormatList = Struct(
    "ec_point_format_list" / vector(ECPointFormat, 1, 2**8 - 1),
)

register(
    11,
    "ec_point_formats",
    {"client_hello": ECPointFormatList, "server_hello": ECPointFormatList},
    reference="RFC 8422 section 5.1.2",
)

# RFC 8446 section 4.2.8
KeyShareEntry = Struct(
    "group" / NamedGroup,
    "key_exchange" / opaque(1, 2**16 - 1),
)

KeyShareClientHello = Struct("client_shares" / vector(KeyShareEntry, 0, 2**16 - 1))
KeyShareServerHello = Struct("server_share" / KeyShareEntry)
KeyShareHelloRetryRequest = Struct("selected_group" / NamedGroup)

for _code, _name, _reference in (
    (51, "key_share", "RFC 8446 section 4.2.8"),
    (40, "key_share_reserved", "draft-ietf-tls-tls13-22 section 4.2.7"),
):
    register(
        _code,
        _name,
        {
            "client_hello": KeyShareClientHello,
            "server_hello": KeyShareServerHello,
            "hello_retry_request": KeyShareHelloRetryRequest,
        },
        reference=_reference,
    )
