"""Extensions of resumption and pre-shared keys: tickets, early data, cookies."""

from __future__ import annotations

from construct import Struct

from .. import names
from ..language import (
    Empty,
    enumeration,
    if_present,
    opaque,
    remaining,
    uint8,
    uint16,
    uint32,
    vector,
)
from .extension import register

__all__ = [
    "Cookie",
    "EarlyDataIndication",
    "OfferedPsks",
    "PinningTicketClient",
    "PinningTicketServer",
    "PskIdentity",
    "PskKeyExchangeModes",
    "SelectedPsk",
    "TicketRequestContents",
]

# RFC 5077 section 3.2: the ticket itself, without a length
SessionTicket = Struct("ticket" / remaining())

register(
    35,
    "session_ticket",
    {"client_hello": SessionTicket, "server_hello": Empty},
    reference="RFC 5077 section 3.2",
)

# RFC 8446 section 4.2.11
PskIdentity = Struct(
    "identity" / opaque(1, 2**16 - 1),
    "obfuscated_ticket_age" / uint32,
)

PskBinderEntry = opaque(32, 255)

OfferedPsks = Struct(
    "identities" / vector(PskIdentity, 7, 2**16 - 1),
    "binders" / vector(PskBinderEntry, 33, 2**16 - 1),
)

SelectedPsk = Struct("selected_identity" / uint16)

register(
    41,
    "pre_shared_key",
    {"client_hello": OfferedPsks, "server_hello": SelectedPsk},
    reference="RFC 8446 section 4.2.11",
)

# RFC 8446 section 4.2.10
EarlyDataIndication = Struct("max_early_data_size" / uint32)

register(
    42,
    "early_data",
    {
        "client_hello": Empty,
        "encrypted_extensions": Empty,
        "new_session_ticket": EarlyDataIndication,
    },
    reference="RFC 8446 section 4.2.10",
)

# draft-ietf-tls-tls13-19 section 4.6.1; early_data has it since
register(
    46,
    "ticket_early_data_info",
    {"new_session_ticket": EarlyDataIndication},
    reference="draft-ietf-tls-tls13-19 section 4.6.1",
)

# RFC 8446 section 4.2.2
Cookie = Struct("cookie" / opaque(1, 2**16 - 1))

register(
    44,
    "cookie",
    {"client_hello": Cookie, "hello_retry_request": Cookie},
    reference="RFC 8446 section 4.2.2",
)

# RFC 8446 section 4.2.9
PskKeyExchangeModes = Struct(
    "ke_modes" / vector(enumeration(uint8, names.PSK_KEY_EXCHANGE_MODES), 1, 255),
)

register(
    45,
    "psk_key_exchange_modes",
    {"client_hello": PskKeyExchangeModes},
    reference="RFC 8446 section 4.2.9",
)

# RFC 8773 section 4
register(
    33,
    "tls_cert_with_extern_psk",
    {"client_hello": Empty, "server_hello": Empty},
    reference="RFC 8773 section 4",
)

# RFC 9149 section 2
TicketRequestContents = Struct(
    "new_session_count" / uint8,
    "resumption_count" / uint8,
)

register(
    58,
    "ticket_request",
    {
        "client_hello": TicketRequestContents,
        "encrypted_extensions": Struct("expected_count" / uint8),
    },
    reference="RFC 9149 section 2",
)

# RFC 8672 section 3: a client without a ticket sends it empty
PinningTicketClient = Struct("ticket" / if_present(opaque(0, 2**16 - 1)))
PinningTicketServer = Struct(
    "proof" / opaque(0, 2**8 - 1),
    "ticket" / opaque(0, 2**16 - 1),
    "lifetime" / uint32,
)

register(
    32,
    "ticket_pinning",
    {"client_hello": PinningTicketClient, "encrypted_extensions": PinningTicketServer},
    reference="RFC 8672 section 3",
)
