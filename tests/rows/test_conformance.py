"""Rows agree with those of the reference, where they are at hand (see `tests/test_conformance.py`)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from events import read_connections


@pytest.mark.skipif(
    "TLSGRAMMAR_CONFORMANCE" not in os.environ,
    reason="the environment variable TLSGRAMMAR_CONFORMANCE does not name the folder of the suites",
)
def test_rows_agree_with_those_of_the_reference(tmp_path: Path) -> None:
    """The check runs a command for each trace; as that takes long to start, the rows are made here, and it prints them."""
    suites = Path(os.environ["TLSGRAMMAR_CONFORMANCE"])
    (tmp_path / "ssl_log").symlink_to(suites / "ssl_log")
    (tmp_path / "traces").mkdir()
    for path in (suites / "traces").glob("*.pcap"):
        lines = map(msgspec.json.encode, read_connections(path))
        (tmp_path / "traces" / path.name).write_bytes(b"\n".join(lines))
    check = [sys.executable, str(suites / "check_log.py"), "--root", str(tmp_path)]
    result = subprocess.run(
        [*check, "--", "cat", "{}"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout == "64 of 64 rows agree\n"
