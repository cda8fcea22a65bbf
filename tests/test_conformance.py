"""The event streams of the reference analyzers, where they are at hand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from construct import Container

import tlsgrammar
from events import conversation, read_capture
from tlsgrammar.names import HandshakeType

SUITES = ["tls", "wire", "modern"]

pytestmark = pytest.mark.skipif(
    "TLSGRAMMAR_CONFORMANCE" not in os.environ,
    reason="the environment variable TLSGRAMMAR_CONFORMANCE does not name the folder of the suites",
)


@pytest.mark.parametrize("suite", SUITES)
def test_conformance(suite: str) -> None:
    check_suite(suite)


def check_suite(suite: str, *options: str) -> None:
    check = Path(os.environ["TLSGRAMMAR_CONFORMANCE"]) / "check.py"
    command = [sys.executable, "-m", "events", "--format", "json", "--all-events"]
    result = subprocess.run(
        [
            *(sys.executable, str(check), "--suite", suite, *options, "--show", "10", "--"),
            *(*command, "--no-disable-analyzer-after-detection", "{}"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    print(result.stdout)
    assert result.returncode == 0, result.stdout + result.stderr


def test_conformance_of_quic(tmp_path: Path) -> None:
    """Its expected session ids are as they were sent, and not padded to 32 bytes as the others are and as the check has
    them; they are padded here.
    """
    suites = Path(os.environ["TLSGRAMMAR_CONFORMANCE"])
    if not (suites / "quic").is_dir():
        pytest.skip("there is no suite of QUIC")
    (tmp_path / "traces").symlink_to(suites / "traces")
    (tmp_path / "quic").mkdir()
    for path in (suites / "quic").glob("*.jsonl"):
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        for line in lines:
            if "session_id" in line:
                line["session_id"] = line["session_id"].ljust(64, "0")
        (tmp_path / "quic" / path.name).write_text("\n".join(map(json.dumps, lines)))
    check_suite("quic", "--root", str(tmp_path))


BUILT_BACK = {
    HandshakeType.client_hello,
    HandshakeType.server_hello,
    HandshakeType.hello_retry_request,
    HandshakeType.certificate,
}


def test_the_messages_of_all_traces_build_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every hello and certificate, from the parsed bodies of its extensions; but for what was made with defects."""
    defects: dict[str, list[str]] = {}
    known = 0
    trace = Path()

    def read_handshake(
        data: bytes, params: Container
    ) -> tuple[object, list[tlsgrammar.GrammarError]]:
        nonlocal known
        schema = tlsgrammar.Handshake
        context = {name: value for name, value in params.items() if not name.startswith("_")}
        value, found = tlsgrammar.read(schema, data, **context)
        if value.msg_type in BUILT_BACK:
            if found:
                defects.setdefault(trace.stem, []).extend(str(defect) for defect in found)
                return value, found
            assert tlsgrammar.build(schema, value, **context) == data
            copied = tlsgrammar.parse(schema, data, **context)
            for extension in copied.body.get("extensions") or ():
                if extension.body is not None:
                    known += 1
                    del extension["extension_data"]
            assert tlsgrammar.build(schema, copied, **context) == data
        return value, found

    monkeypatch.setattr(conversation, "_read_handshake", read_handshake)
    for path in sorted((Path(os.environ["TLSGRAMMAR_CONFORMANCE"]) / "traces").glob("*.pcap")):
        trace = path
        for _ in read_capture(path):
            pass
    assert known > 500
    # The rest are made up, with bodies that are nothing of what their types say.
    real = {name for name in defects if not name.startswith("edge-")}
    assert real == {"tls1.2-protocol-violation"}, defects
