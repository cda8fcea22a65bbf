"""Captures at their bounds: the last interface that is kept, and the addresses that a filter takes for a broadcast."""

from __future__ import annotations

from pathlib import Path

import pytest

from events.capture.filters import filtered
from events.testing.captures import Ends, datagram_frame

from .helpers.capture_files import enhanced_packet, interface, section
from .helpers.pcapng import drained, made


@pytest.mark.parametrize("count", [2**16, 2**16 + 1])
def test_how_many_interfaces_a_section_may_have(count: int, tmp_path: Path) -> None:
    """As many as a number of two bytes tells apart."""
    frame = b"frame"
    path = made(tmp_path, section(), interface() * count, enhanced_packet(0, frame))
    found, broken_off = drained(path)
    if count == 2**16:
        assert [each[2] for each in found] == [frame]
        assert broken_off is None
    else:
        assert found == []
        assert broken_off is not None
        assert "there are too many interfaces" in broken_off


def test_which_addresses_are_a_broadcast() -> None:
    """Nobody knows the netmask: so only those of all ones and all zeros."""
    pytest.importorskip("pcapy", reason="needs pcapy-ng")
    hosts = ["255.255.255.255", "255.255.255.254", "0.0.0.0", "0.0.0.1", "192.0.2.255"]
    batch = [(1.0, datagram_frame(Ends(resp_h=host), True, b"?")) for host in hosts]
    passing = [
        frame
        for _, some in filtered("name", iter([(1, batch)]), "ip broadcast", 1)
        for _, frame in some
    ]
    assert passing == [batch[0][1], batch[2][1]]
