"""The grammar of what is encrypted, on real bytes: build(parse(x)) == x for every message of the corpus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

import tlsgrammar
from events import read_capture
from tlsgrammar.names import HandshakeType

from .connections import FOLDER, Decrypted

EXPECTED = {
    "gnutls": {"key_update", "certificate_request: 13", "encrypted_extensions: 28"},
    "openssl3": {"key_update", "certificate_request: 13", "end_of_early_data"},
    "openssl35": {
        *(f"encrypted_extensions: {code}" for code in (0, 1, 16, 19, 20, 42)),
        *(f"certificate: {code}" for code in (5, 18)),
        *(f"certificate_request: {code}" for code in (13, 27, 47)),
        "compressed_certificate",
        "new_session_ticket: 42",
    },
    "programs": {"encrypted_extensions: 10", "encrypted_extensions: 16"},
    "wolfssl": {"key_update", "encrypted_extensions: 1"},
}
"""Messages, and their extensions, that are known to be among those of a stack."""

STACKS = sorted(path.stem for path in FOLDER.glob("*.json"))


@pytest.mark.parametrize("stack", STACKS)
def test_messages_are_built_again(stack: str, messages: list[Decrypted]) -> None:
    for _ in read_capture(FOLDER / f"{stack}.pcapng.gz"):
        pass
    kinds: Counter[str] = Counter()
    for _, data, context in messages:
        value, defects = tlsgrammar.read(tlsgrammar.Handshake, data, **context)
        assert not defects
        assert tlsgrammar.build(tlsgrammar.Handshake, value, **context) == data
        name = HandshakeType(value["msg_type"]).name
        kinds[name] += 1
        for extension in extensions_of(value["body"]):
            # A server that has taken the name it was asked for says so by an empty extension.
            assert extension["body"] is not None or not extension["extension_data"]
            kinds[f"{name}: {extension['extension_type']}"] += 1
    assert kinds["finished"] >= 2
    assert EXPECTED.get(stack, set()) <= kinds.keys()


def extensions_of(body: Any) -> Iterator[Any]:
    """The extensions of a message, or of what it holds."""
    if isinstance(body, dict):
        yield from body.get("extensions") or ()
        for entry in body.get("certificate_list") or ():
            if isinstance(entry, dict):
                yield from entry["extensions"]
