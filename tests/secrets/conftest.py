"""What tests of decryption listen to."""

from __future__ import annotations

from typing import Any

import pytest

from events import conversation
from events.conversation import Conversation
from tlsgrammar.framing import HandshakeMessage

from .connections import Decrypted


@pytest.fixture
def messages(monkeypatch: pytest.MonkeyPatch) -> list[Decrypted]:
    """The handshake messages that are decrypted from here on."""
    found: list[Decrypted] = []
    read = Conversation.decrypted_message

    def listen(self: Conversation, side: Any, message: HandshakeMessage) -> Any:
        params = self._decrypted_params or self._params
        context = {key: params[key] for key in ("version", "cipher_suite", "dtls")}
        found.append(Decrypted(self.is_client(side), message.data, context))
        return read(self, side, message)

    monkeypatch.setattr(conversation.Conversation, "decrypted_message", listen)
    return found
