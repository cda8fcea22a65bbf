"""quic_transport_parameters (RFC 9000 section 18, RFC 9001 section 8.2)."""

from __future__ import annotations

from construct import Construct, Switch, this

from .. import names
from ..language import (
    Bytes,
    Empty,
    block,
    enumeration,
    opaque,
    remaining,
    repeated,
    structure,
    uint16,
    uint32,
    varint,
)
from .extension import register

__all__ = ["PreferredAddress", "TransportParameter", "TransportParameters"]


PreferredAddress = structure(
    "PreferredAddress",
    "RFC 9000 section 18.2",
    "ipv4_address" / Bytes(4),
    "ipv4_port" / uint16,
    "ipv6_address" / Bytes(16),
    "ipv6_port" / uint16,
    "connection_id" / opaque(0, 255),
    "stateless_reset_token" / Bytes(16),
)

VersionInformation = structure(
    "VersionInformation",
    "RFC 9368 section 3",
    "chosen_version" / uint32,
    "available_versions" / repeated(uint32),
)

_PARAMETERS: dict[int, Construct] = {
    # RFC 9000 section 18.2
    0x00: remaining(),  # original_destination_connection_id
    0x01: varint,  # max_idle_timeout, in milliseconds
    0x02: Bytes(16),  # stateless_reset_token
    0x03: varint,  # max_udp_payload_size
    0x04: varint,  # initial_max_data
    0x05: varint,  # initial_max_stream_data_bidi_local
    0x06: varint,  # initial_max_stream_data_bidi_remote
    0x07: varint,  # initial_max_stream_data_uni
    0x08: varint,  # initial_max_streams_bidi
    0x09: varint,  # initial_max_streams_uni
    0x0A: varint,  # ack_delay_exponent
    0x0B: varint,  # max_ack_delay, in milliseconds
    0x0C: Empty,  # disable_active_migration
    0x0D: PreferredAddress,
    0x0E: varint,  # active_connection_id_limit
    0x0F: remaining(),  # initial_source_connection_id
    0x10: remaining(),  # retry_source_connection_id
    # RFC 9368 section 3
    0x11: VersionInformation,
    # RFC 9221 section 3
    0x20: varint,  # max_datagram_frame_size
    # RFC 9287 section 3
    0x2AB2: Empty,  # grease_quic_bit
    # draft-ietf-quic-multipath
    0x0F739BBC1B666D0D: varint,  # initial_max_path_id
    # draft-ietf-quic-ack-frequency: microseconds
    0xFF04DE1B: varint,  # min_ack_delay
    # draft-banks-quic-disable-1rtt-encryption: none follows
    0xBAAD: Empty,
}

TransportParameter = structure(
    "TransportParameter",
    "RFC 9000 section 18",
    "id" / enumeration(varint, names.QUIC_TRANSPORT_PARAMETERS),
    "value" / block(varint, Switch(this.id, _PARAMETERS, default=remaining())),
)

TransportParameters = structure(
    "TransportParameters", "RFC 9000 section 18", "parameters" / repeated(TransportParameter)
)

for _code, _name, _reference in (
    (57, "quic_transport_parameters", "RFC 9001 section 8.2"),
    (65445, "quic_transport_parameters_draft", "draft-ietf-quic-tls-32 section 8.2"),
):
    register(
        _code,
        _name,
        {"client_hello": TransportParameters, "encrypted_extensions": TransportParameters},
        reference=_reference,
    )
