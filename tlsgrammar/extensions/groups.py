"""Extensions that say which groups, and which encodings of their elements, a side can use, and the shares."""

from __future__ import annotations

from .. import names
from ..language import enumeration, opaque, structure, uint8, uint16, vector
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

NamedGroupList = structure(
    "NamedGroupList",
    "RFC 8446 section 4.2.7",
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

ECPointFormatList = structure(
    "ECPointFormatList",
    "RFC 8422 section 5.1.2",
    "ec_point_format_list" / vector(ECPointFormat, 1, 2**8 - 1),
)

register(
    11,
    "ec_point_formats",
    {"client_hello": ECPointFormatList, "server_hello": ECPointFormatList},
    reference="RFC 8422 section 5.1.2",
)

KeyShareEntry = structure(
    "KeyShareEntry",
    "RFC 8446 section 4.2.8",
    "group" / NamedGroup,
    "key_exchange" / opaque(1, 2**16 - 1),
)

KeyShareClientHello = structure(
    "KeyShareClientHello",
    "RFC 8446 section 4.2.8",
    "client_shares" / vector(KeyShareEntry, 0, 2**16 - 1),
)
KeyShareServerHello = structure(
    "KeyShareServerHello", "RFC 8446 section 4.2.8", "server_share" / KeyShareEntry
)
KeyShareHelloRetryRequest = structure(
    "KeyShareHelloRetryRequest", "RFC 8446 section 4.2.8", "selected_group" / NamedGroup
)

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
