"""QUIC with a key log that does not have its secrets: nothing changes, whatever is lost."""

from __future__ import annotations

import pytest

from events import KeyLog, QuicAnalyzer

from .connections import connections


@pytest.mark.parametrize("name", sorted(connections("aioquic")))
def test_any_datagram_but_the_first_may_be_lost(name: str) -> None:
    chunks = connections("aioquic")[name].chunks
    for lost in range(1, len(chunks)):
        kept = [*chunks[:1], *chunks[lost + 1 :]]
        with_log, without = QuicAnalyzer(secrets=KeyLog()), QuicAnalyzer()
        for is_client, data in kept:
            assert with_log.deliver(data, is_client) == without.deliver(data, is_client)
