"""Extensions of resumption and pre-shared keys: tickets, early data, cookies."""

from __future__ import annotations

from .. import names
from ..language import (
    Empty,
    enumeration,
    if_present,
    opaque,
    remaining,
    structure,
    uint8,
    uint16,
    uint32,
    vector,
)
from .extension import register

__all__ = [
    "ClientTicketRequest",
    "Cookie",
    "EarlyDataIndication",
    "OfferedPsks",
    "PinningTicketClient",
    "PinningTicketServer",
    "PskIdentity",
    "PskKeyExchangeModes",
    "SelectedPsk",
    "ServerTicketRequestHint",
    "SessionTicket",
]

# The ticket itself, without a length.
SessionTicket = structure("SessionTicket", "RFC 5077 section 3.2", "ticket" / remaining())

register(
    35,
    "session_ticket",
    {"client_hello": SessionTicket, "server_hello": Empty},
    reference="RFC 5077 section 3.2",
)

PskIdentity = structure(
    "PskIdentity",
    "RFC 8446 section 4.2.11",
    "identity" / opaque(1, 2**16 - 1),
    "obfuscated_ticket_age" / uint32,
)

PskBinderEntry = opaque(32, 255)

OfferedPsks = structure(
    "OfferedPsks",
    "RFC 8446 section 4.2.11",
    "identities" / vector(PskIdentity, 7, 2**16 - 1),
    "binders" / vector(PskBinderEntry, 33, 2**16 - 1),
)

SelectedPsk = structure("SelectedPsk", "RFC 8446 section 4.2.11", "selected_identity" / uint16)

register(
    41,
    "pre_shared_key",
    {"client_hello": OfferedPsks, "server_hello": SelectedPsk},
    reference="RFC 8446 section 4.2.11",
)

EarlyDataIndication = structure(
    "EarlyDataIndication", "RFC 8446 section 4.2.10", "max_early_data_size" / uint32
)

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

Cookie = structure("Cookie", "RFC 8446 section 4.2.2", "cookie" / opaque(1, 2**16 - 1))

register(
    44,
    "cookie",
    {"client_hello": Cookie, "hello_retry_request": Cookie},
    reference="RFC 8446 section 4.2.2",
)

PskKeyExchangeModes = structure(
    "PskKeyExchangeModes",
    "RFC 8446 section 4.2.9",
    "ke_modes" / vector(enumeration(uint8, names.PSK_KEY_EXCHANGE_MODES), 1, 255),
)

register(
    45,
    "psk_key_exchange_modes",
    {"client_hello": PskKeyExchangeModes},
    reference="RFC 8446 section 4.2.9",
)

register(
    33,
    "tls_cert_with_extern_psk",
    {"client_hello": Empty, "server_hello": Empty},
    reference="RFC 8773 section 4",
)

ClientTicketRequest = structure(
    "ClientTicketRequest",
    "RFC 9149 section 2",
    "new_session_count" / uint8,
    "resumption_count" / uint8,
)

ServerTicketRequestHint = structure(
    "ServerTicketRequestHint", "RFC 9149 section 2", "expected_count" / uint8
)

register(
    58,
    "ticket_request",
    {
        "client_hello": ClientTicketRequest,
        "encrypted_extensions": ServerTicketRequestHint,
    },
    reference="RFC 9149 section 2",
)

# A client without a ticket sends it empty.
PinningTicketClient = structure(
    "PinningTicketClient", "RFC 8672 section 3", "ticket" / if_present(opaque(0, 2**16 - 1))
)
PinningTicketServer = structure(
    "PinningTicketServer",
    "RFC 8672 section 3",
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
