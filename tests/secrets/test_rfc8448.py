"""The traces of RFC 8448, whose bytes and secrets everybody knows: each record holds what is written there."""

from __future__ import annotations

import hashlib
import hmac
from typing import NamedTuple

import pytest

import tlsgrammar
from events import (
    Event,
    KeyLog,
    ProtocolViolation,
    SslAlert,
    SslDecryptedData,
    SslHandshakeMessage,
    X509Certificate,
)
from events.secrets.schedule import expand_label
from tlsgrammar.names import ContentType
from tlsgrammar.names import HandshakeType as Type

from ..helpers.rfc8448 import MESSAGES
from .connections import Decrypted, decrypted, is_part_of, read
from .rfc8448 import TRACES, Trace, TrafficSecret

SECTIONS = sorted(TRACES)
CLIENT, SERVER = True, False
FIFTY = bytes(range(50))
HASH = "SHA256"  # all of them negotiate TLS_AES_128_GCM_SHA256


class Contents(NamedTuple):
    """What a trace holds.

    Attributes:
        hellos: the messages that are not encrypted: who sends each, its type, and the length of its body.
        encrypted: those that are.
        data: the application data of the client and of the server.
    """

    hellos: list[tuple[bool, int, int]]
    encrypted: list[tuple[bool, int, int]]
    data: tuple[bytes, bytes] = (b"", b"")


def server_flight(encrypted_extensions: int) -> list[tuple[bool, int, int]]:
    """With a certificate of RSA, which is the same in all traces."""
    return [
        (SERVER, Type.encrypted_extensions, encrypted_extensions),
        (SERVER, Type.certificate, 441),
        (SERVER, Type.certificate_verify, 132),
        (SERVER, Type.finished, 32),
    ]


FINISHED = (CLIENT, Type.finished, 32)
CONTENTS = {
    3: Contents(
        [(CLIENT, Type.client_hello, 192), (SERVER, Type.server_hello, 86)],
        [*server_flight(36), FINISHED, (SERVER, Type.new_session_ticket, 201)],
        (FIFTY, FIFTY),
    ),
    4: Contents(
        [(CLIENT, Type.client_hello, 508), (SERVER, Type.server_hello, 92)],
        [
            (SERVER, Type.encrypted_extensions, 40),
            (SERVER, Type.finished, 32),
            (CLIENT, Type.end_of_early_data, 0),
            FINISHED,
        ],
        (b"ABCDEF" + FIFTY, FIFTY),
    ),
    5: Contents(
        [
            (CLIENT, Type.client_hello, 176),
            (SERVER, Type.server_hello, 172),  # a HelloRetryRequest
            (CLIENT, Type.client_hello, 508),
            (SERVER, Type.server_hello, 119),
        ],
        [*server_flight(24), FINISHED],
    ),
    6: Contents(
        [(CLIENT, Type.client_hello, 188), (SERVER, Type.server_hello, 86)],
        [
            (SERVER, Type.encrypted_extensions, 36),
            (SERVER, Type.certificate_request, 39),
            (SERVER, Type.certificate, 315),
            (SERVER, Type.certificate_verify, 75),
            (SERVER, Type.finished, 32),
            (CLIENT, Type.certificate, 447),
            (CLIENT, Type.certificate_verify, 132),
            FINISHED,
        ],
    ),
    7: Contents(
        [(CLIENT, Type.client_hello, 220), (SERVER, Type.server_hello, 118)],
        [*server_flight(36), FINISHED],
    ),
}


def events_of(trace: Trace, *labels: str) -> list[Event]:
    """The events of a trace, with all its secrets or with some."""
    lines = [line for line in trace.key_log if not labels or line.split()[0] in labels]
    return read(trace.records, KeyLog(lines))


def messages_in(raised: list[Event]) -> list[tuple[bool, int, int]]:
    return [
        (each.is_orig, each.msg_type, each.length)
        for each in raised
        if isinstance(each, SslHandshakeMessage)
    ]


# The key schedule


@pytest.mark.parametrize(
    "traffic",
    [
        pytest.param(each, id=f"{section} {each.label}")
        for section, trace in TRACES.items()
        for each in trace.secrets
    ],
)
def test_keys_follow_from_a_traffic_secret(traffic: TrafficSecret) -> None:
    assert expand_label(HASH, traffic.secret, "key", 16) == traffic.key
    assert expand_label(HASH, traffic.secret, "iv", 12) == traffic.iv


# What the records hold


@pytest.mark.parametrize("section", SECTIONS)
def test_every_message_is_read(section: int) -> None:
    contents = CONTENTS[section]
    raised = events_of(TRACES[section])
    assert messages_in(raised) == contents.hellos + contents.encrypted
    assert not [each for each in raised if isinstance(each, ProtocolViolation)]


@pytest.mark.parametrize("section", SECTIONS)
def test_every_byte_of_application_data_is_read(section: int) -> None:
    """Early data too, which comes first."""
    raised = events_of(TRACES[section])
    assert (decrypted(raised, CLIENT), decrypted(raised, SERVER)) == CONTENTS[section].data


def test_each_record_of_application_data_is_an_event() -> None:
    data = [each for each in events_of(TRACES[4]) if isinstance(each, SslDecryptedData)]
    assert [(each.is_orig, each.data) for each in data] == [
        (CLIENT, b"ABCDEF"),
        (CLIENT, FIFTY),
        (SERVER, FIFTY),
    ]
    assert {each.content_type for each in data} == {ContentType.application_data}


@pytest.mark.parametrize("section", SECTIONS)
def test_both_sides_close(section: int) -> None:
    raised = events_of(TRACES[section])
    alerts = [each for each in raised if isinstance(each, SslAlert)]
    warning, close_notify = 1, 0
    assert [(each.is_orig, each.level, each.desc) for each in alerts] == [
        (CLIENT, warning, close_notify),
        (SERVER, warning, close_notify),
    ]
    assert alerts[-1] in raised[-2:]


@pytest.mark.parametrize("section", SECTIONS)
def test_certificates_are_read(section: int) -> None:
    raised = events_of(TRACES[section])
    found = [each for each in raised if isinstance(each, X509Certificate)]
    names = [(each.is_orig, each.certificate and each.certificate.subject) for each in found]
    assert names == {
        4: [],
        6: [(SERVER, "CN=ecdsa256"), (CLIENT, "CN=client")],
    }.get(section, [(SERVER, "CN=rsa")])


@pytest.mark.parametrize("section", SECTIONS)
def test_messages_are_built_again(section: int, messages: list[Decrypted]) -> None:
    """They are read without a defect, and build(parse(x)) == x."""
    events_of(TRACES[section])
    assert [(each.is_client, each.data[0], len(each.data) - 4) for each in messages] == CONTENTS[
        section
    ].encrypted
    for _, data, context in messages:
        value, defects = tlsgrammar.read(tlsgrammar.Handshake, data, **context)
        assert not defects
        assert tlsgrammar.build(tlsgrammar.Handshake, value, **context) == data


@pytest.mark.parametrize("section", SECTIONS)
def test_every_finished_is_of_the_messages_before_it(
    section: int, messages: list[Decrypted]
) -> None:
    """RFC 8446 section 4.4.4: its verify_data is made of all of them, so that each byte of what is decrypted is right."""
    trace = TRACES[section]
    events_of(trace)
    secrets = {each.label: each.secret for each in trace.secrets}
    transcript = [record[5:] for _, record in trace.records if record[0] == ContentType.handshake]
    if (
        section == 5
    ):  # RFC 8446 section 4.4.1: a HelloRetryRequest stands behind the hash of what it answers
        of_first = hashlib.sha256(transcript[0]).digest()
        transcript[0] = bytes([Type.message_hash, 0, 0, len(of_first)]) + of_first
    finished = 0
    for is_client, data, _ in messages:
        if data[0] == Type.finished:
            side = "CLIENT" if is_client else "SERVER"
            secret = secrets[f"{side}_HANDSHAKE_TRAFFIC_SECRET"]
            key = expand_label(HASH, secret, "finished", 32)
            so_far = hashlib.sha256(b"".join(transcript)).digest()
            assert data[4:] == hmac.digest(key, so_far, "sha256")
            finished += 1
        transcript.append(data)
    assert finished == 2


@pytest.mark.parametrize("section", SECTIONS)
def test_the_grammar_is_tested_with_these_messages(section: int, messages: list[Decrypted]) -> None:
    """Where it has them from, none is encrypted; here they are opened, and authenticate."""
    trace = TRACES[section]
    events_of(trace)
    hellos = [(side, data[5:]) for side, data in trace.records if data[0] == ContentType.handshake]
    opened = [(each.is_client, each.data) for each in messages]
    assert [(each.is_client, each.data) for each in MESSAGES[section]] == hellos + opened


# However they come


@pytest.mark.parametrize("section", SECTIONS)
def test_bytes_one_by_one(section: int) -> None:
    trace = TRACES[section]
    single = [(side, data[at : at + 1]) for side, data in trace.records for at in range(len(data))]
    assert read(single, KeyLog(trace.key_log)) == events_of(trace)


@pytest.mark.parametrize("section", SECTIONS)
def test_events_without_secrets_come_with_them_too(section: int) -> None:
    trace = TRACES[section]
    base = read(trace.records, None)
    assert messages_in(base) == CONTENTS[section].hellos
    assert is_part_of(base, events_of(trace))


@pytest.mark.parametrize("section", SECTIONS)
def test_one_log_for_all_of_them(section: int) -> None:
    """Secrets of other connections are of no use, and do no harm."""
    everything = [line for trace in TRACES.values() for line in trace.key_log]
    assert read(TRACES[section].records, KeyLog(everything)) == events_of(TRACES[section])


@pytest.mark.parametrize(
    ("section", "label"),
    [(section, each.label) for section, trace in TRACES.items() for each in trace.secrets],
)
def test_one_secret_opens_what_it_is_for(section: int, label: str) -> None:
    """And nothing is said against what it is not for."""
    contents = CONTENTS[section]
    raised = events_of(TRACES[section], label)
    side = label.startswith("CLIENT")
    early = contents.data[0][:6] if section == 4 else b""
    match label.split("_", 1)[1]:
        case "EARLY_TRAFFIC_SECRET":
            data = early
            expected = [each for each in contents.encrypted if each[1] == Type.end_of_early_data]
        case "HANDSHAKE_TRAFFIC_SECRET":
            data = b""
            after = (Type.end_of_early_data, Type.new_session_ticket)
            expected = [e for e in contents.encrypted if e[0] is side and e[1] not in after]
        case _:
            data = contents.data[not side]
            data = data[len(early) :] if side else data
            ticket = Type.new_session_ticket
            expected = [e for e in contents.encrypted if e[0] is side and e[1] == ticket]
    assert messages_in(raised) == contents.hellos + expected
    assert decrypted(raised, side) == data
    assert not decrypted(raised, not side)
    assert not [each for each in raised if isinstance(each, ProtocolViolation)]
