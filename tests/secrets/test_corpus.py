"""Connections of real stacks: what comes out is what went in, and nothing else changes."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest

import events
from events import Event, read_capture, read_captures
from tlsgrammar.names import HandshakeType

from .connections import ALL_EVENTS, FOLDER, decrypted, is_part_of

STACKS = sorted(path.stem for path in FOLDER.glob("*.json"))
BASE = sorted(ALL_EVENTS - {each.name for each in events.SECRETS})


def described(stack: str) -> Iterator[dict[str, Any]]:
    return map(json.loads, (FOLDER / f"{stack}.json").read_text().splitlines())


def by_port(raised: Iterator[Event]) -> dict[int | None, list[Event]]:
    found: dict[int | None, list[Event]] = defaultdict(list)
    for event in raised:
        found[event.c.orig_p].append(event)
    return found


def of(stack: str, **options: Any) -> dict[int | None, list[Event]]:
    """The events of each connection, by the port of its client."""
    return by_port(read_capture(FOLDER / f"{stack}.pcapng.gz", wanted=ALL_EVENTS, **options))


@pytest.mark.parametrize("stack", STACKS)
def test_what_comes_out_is_what_went_in(stack: str) -> None:
    raised = of(stack)
    for each in described(stack):
        of_it = raised[each["port"]]
        wrong = [event for event in of_it if isinstance(event, events.model.OWN)]
        assert not wrong, each["name"]
        if each["version"].startswith("QUIC"):
            continue
        for is_client, side in ((True, "client_data"), (False, "server_data")):
            data = decrypted(of_it, is_client)
            went_in = each[side]
            assert len(data) == went_in["length"], each["name"]
            assert hashlib.sha256(data).hexdigest() == went_in["sha256"], each["name"]


@pytest.mark.parametrize("stack", STACKS)
def test_every_handshake_is_read_to_its_end(stack: str) -> None:
    """Both sides send a Finished; in TLS 1.3 there are EncryptedExtensions, and a certificate is verified."""
    raised = of(stack)
    for each in described(stack):
        messages = [
            (event.is_orig, HandshakeType(event.msg_type))
            for event in raised[each["port"]]
            if isinstance(event, events.SslHandshakeMessage)
        ]
        types = {msg_type for _, msg_type in messages}
        for is_client in (True, False):
            assert (is_client, HandshakeType.finished) in messages, each["name"]
        if each["version"].endswith(("v13", "QUICv1", "QUICv2")):
            assert HandshakeType.encrypted_extensions in types, each["name"]
            has_certificate = {HandshakeType.certificate, HandshakeType.compressed_certificate}
            assert not types & has_certificate or HandshakeType.certificate_verify in types


@pytest.mark.parametrize("ends_early", [True, False])
@pytest.mark.parametrize("stack", STACKS)
def test_events_without_secrets_come_with_them_too(stack: str, ends_early: bool) -> None:
    """They are the same, in the same order."""
    with_secrets = of(stack, disable_analyzer_after_detection=ends_early)
    without = of(stack, disable_analyzer_after_detection=ends_early, embedded_secrets=False)
    assert without.keys() == with_secrets.keys()
    for port, base in without.items():
        assert not any(isinstance(event, events.SslDecryptedData) for event in base)
        assert is_part_of(base, with_secrets[port])


def test_workers_read_the_same() -> None:
    paths = [FOLDER / f"{stack}.pcapng.gz" for stack in ("openssl35", "programs")]
    wanted = sorted(ALL_EVENTS)
    alone = list(read_captures(paths, wanted=wanted, make=events.json_line))
    with events.Workers(2) as executor:
        together = list(
            read_captures(paths, wanted=wanted, executor=executor, make=events.json_line)
        )
    assert alone == together
    assert any(b'"ssl_decrypted_data"' in line for line in alone)
