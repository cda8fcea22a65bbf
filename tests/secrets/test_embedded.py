"""The secrets in a capture, where they cannot be used, or not all of them."""

from __future__ import annotations

import importlib.util

import pytest

from events import Options
from events.capture.embedded import Embedded
from events.capture.packets import Capture

KEY_LOG, OTHER = 0x544C534B, 0x57474B4C
LINE = b"CLIENT_RANDOM " + b"00" * 32 + b" " + b"11" * 48


def pcapng(*secrets: tuple[int, bytes], left_out: int = 0) -> Capture:
    capture = Capture(lambda: None)
    capture.secrets = list(secrets)
    capture.secrets_left_out = left_out
    return capture


def told_of(capture: Capture, **choices: object) -> list[str]:
    told: list[str] = []
    options = Options(**choices)  # type: ignore[arg-type]
    embedded = Embedded("name", capture, options, told.append)
    embedded.take()
    assert capture.secrets == []
    embedded.take()
    embedded.end()
    return told


def test_nothing_is_told_where_all_can_be_used() -> None:
    assert told_of(pcapng((KEY_LOG, LINE), (KEY_LOG, LINE), (OTHER, b"?"))) == []


@pytest.mark.parametrize("wanted", [True, False])
def test_without_the_library_it_is_told_once(wanted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """And of key logs only; to nobody who does not want them."""
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "cryptography" else find(name)
    )
    reason = "the library cryptography is not installed; pip install cryptography"
    once = [f"name: secrets were skipped: {reason}"] if wanted else []
    several = pcapng((OTHER, b"?"), (KEY_LOG, LINE), (KEY_LOG, LINE))
    assert told_of(several, embedded_secrets=wanted) == once
    assert told_of(pcapng((OTHER, b"?")), embedded_secrets=wanted) == []


def test_what_is_left_out_is_told_at_the_end() -> None:
    said = "name: secrets were skipped: 2 blocks of them are beyond what is kept"
    assert told_of(pcapng((KEY_LOG, LINE), left_out=2)) == [said]
    assert told_of(pcapng((KEY_LOG, LINE), left_out=2), embedded_secrets=False) == []
