"""The event streams of the reference analyzers, where they are at hand."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SUITES = ["tls"]


@pytest.mark.skipif(
    "TLSGRAMMAR_CONFORMANCE" not in os.environ,
    reason="the environment variable TLSGRAMMAR_CONFORMANCE does not name the folder of the suites",
)
@pytest.mark.parametrize("suite", SUITES)
def test_conformance(suite: str) -> None:
    check = Path(os.environ["TLSGRAMMAR_CONFORMANCE"]) / "check.py"
    command = [sys.executable, "-m", "events", "--format", "json"]
    result = subprocess.run(
        [
            *(sys.executable, str(check), "--suite", suite, "--show", "10", "--"),
            *(*command, "--no-disable-analyzer-after-detection", "{}"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    print(result.stdout)
    assert result.returncode == 0, result.stdout + result.stderr
