"""The examples that talk to a server."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl program")
def test_a_real_server_is_sent_broken_hellos() -> None:
    result = subprocess.run(
        [sys.executable, "examples/broken_hellos.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")
    lines, _, counts = result.stdout.partition("\n\n")
    assert len(lines.splitlines()) == 100
    answers = {line[5:]: int(line[:4]) for line in counts.splitlines()}
    assert sum(answers.values()) == 100
    assert answers["alert decode_error"] > 0
    assert answers["ServerHello"] > 0
    assert re.search(r"^alert decode_error +ClientHello\S*: length says \d+", lines, re.MULTILINE)


def test_a_wrong_number_of_arguments() -> None:
    command = [sys.executable, "examples/broken_hellos.py", "localhost"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "python examples/broken_hellos.py [HOST PORT]" in result.stderr
