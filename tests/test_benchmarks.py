"""That the benchmarks run: they use what is private, and nothing else tells when that changes."""

from __future__ import annotations

from pathlib import Path

import pytest

DATA = Path(__file__).parent / "data"


def test_memory_of_a_connection() -> None:
    from benchmarks import connections

    for disable in (True, False):
        capture = str(DATA / "tls12-ecdhe-rsa.pcap")
        assert 0 < connections._bytes_per_connection(capture, 3, disable) < 20_000


def test_a_packet_of_quic_against_one_of_tls() -> None:
    pytest.importorskip("aioquic")
    from benchmarks import quic
    from events.testing.captures import payloads

    pair = quic.against_tls(payloads(DATA / "tls12-ecdhe-rsa.pcap"))
    assert pair.ours > 0
