"""`tls-events`, as a user runs it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

DATA = Path(__file__).parent.parent / "data"


TLS12 = str(DATA / "tls12-ecdhe-rsa.pcap")


TLS13 = str(DATA / "tls13.pcap")


def run(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "events", *arguments], input=stdin, capture_output=True, check=False
    )


def without_uids(output: bytes) -> bytes:
    """Lines of text without the uids, which differ where a capture is one of several."""
    return re.sub(rb"^(\S+) C\w+ ", rb"\1 ", output, flags=re.MULTILINE)


def objects(output: bytes) -> list[dict[str, object]]:
    return [json.loads(line) for line in output.splitlines()]
