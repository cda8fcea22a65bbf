"""Whatever IANA can add to, a plug-in package can: a message, a content type, a key exchange with its suite, a name."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import dpkt
import pytest
from construct import Struct

import events
import tlsgrammar
from events.testing.captures import Ends, datagrams, packets, write
from tlsgrammar import GrammarError, Registry, names
from tlsgrammar.language import opaque, uint8, uint16
from tlsgrammar.registry import DEFAULT

from .helpers.streams import client_hello, message, record, server_hello

ROOT = Path(__file__).parent.parent

# Each is all that a user writes: fifteen lines at most.

MESSAGE = """
from construct import Struct
from tlsgrammar.language import uint16
import events

Greeting = Struct("warmth" / uint16)

class SslGreeting(events.Event, frozen=True):
    name = "ssl_greeting"
    c: events.Connection
    warmth: int

def register(registry):
    registry.register_message(200, "greeting", Greeting, reference="our own")
    events.raises(SslGreeting, Greeting, registry=registry)(lambda body, at: SslGreeting(at.c, body.warmth))
"""

CONTENT_TYPE = """
from construct import Struct
from tlsgrammar.language import uint8
import events

Pulse = Struct("rate" / uint8)

class SslPulse(events.Event, frozen=True):
    name = "ssl_pulse"
    c: events.Connection
    rate: int

def register(registry):
    registry.register_content_type(30, "pulse", Pulse, reference="our own")
    events.raises(SslPulse, Pulse, registry=registry)(lambda body, at: SslPulse(at.c, body.rate))
"""

KEY_EXCHANGE = """
from construct import Struct
from tlsgrammar.language import opaque
import events

KEM = Struct("encapsulated" / opaque(1, 2**16 - 1))

class SslKem(events.Event, frozen=True):
    name = "ssl_kem"
    c: events.Connection
    size: int

def register(registry):
    registry.register_key_exchange("kem_rsa", server=KEM, client=KEM, signed=True)
    registry.register_cipher_suite(0xFFA0, "TLS_KEM_RSA_WITH_AES_128_GCM_SHA256")
    events.raises(SslKem, KEM, registry=registry)(lambda kem, at: SslKem(at.c, len(kem.encapsulated)))
"""

NAME = """
from tlsgrammar import names

def register(registry):
    registry.register_name(names.SUPPORTED_GROUPS, 0x6666, "ourGroup")
"""


@pytest.mark.parametrize("source", [MESSAGE, CONTENT_TYPE, KEY_EXCHANGE, NAME])
def test_what_a_user_writes_is_short(source: str) -> None:
    assert len([line for line in source.splitlines() if line.strip()]) <= 15


def installed(folder: Path, **modules: str) -> dict[str, str]:
    """An environment in which packages with these modules are installed."""
    for name, source in modules.items():
        info = folder / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        entry_point = f"[tlsgrammar.extensions]\n{name} = {name}:register\n"
        (info / "entry_points.txt").write_text(entry_point)
        (folder / f"{name}.py").write_text(source)
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])}


def run(environment: dict[str, str], *arguments: str) -> str:
    result = subprocess.run(
        [sys.executable, "-m", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


def test_a_plug_in_of_each_kind(tmp_path: Path) -> None:
    environment = installed(
        tmp_path, greeting=MESSAGE, pulse=CONTENT_TYPE, kem=KEY_EXCHANGE, group=NAME
    )
    kem = b"\x00\x03abc"
    groups = b"\x00\x02\x66\x66"
    signed = b"\x04\x01\x00\x01s"
    chunks = [
        (True, record("handshake", client_hello((10, groups), cipher_suites=[0xFFA0]))),
        (False, record("handshake", server_hello(cipher_suite=0xFFA0) + message(12, kem + signed))),
        (True, record("handshake", message(200, b"\x00\x07") + message(16, kem))),
        (True, b"\x1e\x03\x03\x00\x01\x48"),
    ]
    path = write(tmp_path / "capture.pcap", packets(chunks))
    printed = run(environment, "events", str(path))
    assert "ciphers=[TLS_KEM_RSA_WITH_AES_128_GCM_SHA256]" in printed
    assert "curves=[ourGroup]" in printed
    assert printed.count("ssl_kem size=3") == 2
    assert "ssl_greeting warmth=7" in printed
    assert "msg_type=greeting length=2" in printed
    assert "ssl_pulse rate=72" in printed
    assert "protocol_violation" not in printed
    every = run(
        environment,
        "events",
        "--event",
        "ssl_server_signature",
        "--event",
        "ssl_plaintext_data",
        str(path),
    )
    assert "ssl_server_signature signature_and_hashalgorithm=rsa_pkcs1_sha256 signature=73" in every
    assert "content_type=pulse" in every

    assert re.search(
        r"greeting .*our own +ssl_greeting", run(environment, "tlsgrammar", "messages")
    )
    assert re.search(r"pulse .*our own +ssl_pulse", run(environment, "tlsgrammar", "content-types"))
    assert re.search(r"kem_rsa .*ssl_kem", run(environment, "tlsgrammar", "key-exchanges"))
    assert "ourGroup" in run(environment, "tlsgrammar", "names", "ourgroup")
    assert "warmth: 7" in run(environment, "tlsgrammar", "parse", "Handshake", "c80000020007")


def test_a_content_type_of_datagrams(tmp_path: Path) -> None:
    environment = installed(tmp_path, pulse=CONTENT_TYPE)
    pulse = bytes.fromhex("1e fefd 0000 000000000001 0001 48")
    path = write(tmp_path / "capture.pcap", datagrams([(True, pulse)], ends=Ends(resp_p=4444)))
    assert "ssl_pulse rate=72" in run(environment, "events", str(path))
    assert dpkt.pcap.Reader(path.open("rb")).datalink() == dpkt.pcap.DLT_EN10MB


def test_a_message_that_only_tls13_has() -> None:
    registry = DEFAULT.copy()
    registry.register_message(201, "modern", {"tls13": Struct("x" / uint16)})
    data = message(201, b"\x00\x07")
    old = tlsgrammar.parse(tlsgrammar.Handshake, data, extensions=registry)
    assert old.body == b"\x00\x07"
    new = tlsgrammar.parse(tlsgrammar.Handshake, data, extensions=registry, version=0x0304)
    assert new.body.x == 7
    assert tlsgrammar.parse(tlsgrammar.Handshake, data, version=0x0304).body == b"\x00\x07"
    built = {"msg_type": "modern", "body": {"x": 7}}
    assert (
        tlsgrammar.build(tlsgrammar.Handshake, built, extensions=registry, version=0x0304) == data
    )


def test_registries_are_apart() -> None:
    mine = DEFAULT.copy()
    mine.register_content_type(30, "pulse", {"stream": Struct("rate" / uint8)})
    mine.register_key_exchange("kem", server=Struct("k" / opaque(1, 255)))
    mine.register_cipher_suite(0xFFA1, "TLS_NEW", key_exchange="kem")
    mine.register_name(names.SUPPORTED_GROUPS, 0x6666, "ourGroup")
    assert mine.name_of(names.SUPPORTED_GROUPS, 0x6666) == "ourGroup"
    assert DEFAULT.name_of(names.SUPPORTED_GROUPS, 0x6666) == "unknown-0x6666"
    assert tlsgrammar.key_exchange_algorithm(0xFFA1, mine) == "kem"
    assert tlsgrammar.key_exchange_algorithm(0xFFA1) is None
    context: dict[str, Any] = {"cipher_suite": 0xFFA1, "extensions": mine}
    assert tlsgrammar.parse(tlsgrammar.ServerKeyExchange, b"\x01k", **context).params.k == b"k"
    pulse = b"\x1e\x03\x03\x00\x01\x48"
    hello = record("handshake", client_hello())
    for registry, unknown in ((mine, False), (None, True)):
        found = events.Analyzer(extensions=registry).deliver(hello + pulse, is_orig=True)
        assert (found[-1].name == "protocol_violation") is unknown


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (
            lambda r: r.register_message(1, "mine", Struct()),
            "handshake message 'mine': code point 1 is held by 'client_h",
        ),
        (lambda r: r.register_message(256, "mine", Struct()), "code point 256 is not in 0 to 255"),
        (
            lambda r: r.register_message(200, "mine", {"tls14": Struct()}),
            "no version 'tls14'; did you mean 'tls1",
        ),
        (lambda r: r.register_message(200, "mine", {}), "there is no schema"),
        (
            lambda r: r.register_content_type(22, "mine", Struct()),
            "22 is read by the record layer itself",
        ),
        (
            lambda r: r.register_content_type(30, "mine", {"datagrams": Struct()}),
            "did you mean 'datagram'",
        ),
        (lambda r: r.register_key_exchange("dhe_rsa", server=Struct()), "is held by 'dhe_rsa'"),
        (lambda r: r.register_key_exchange("mine"), "there is no schema"),
        (
            lambda r: r.register_cipher_suite(0x1301, "TLS_MINE"),
            "is named 'TLS_AES_128_GCM_SHA256'",
        ),
        (
            lambda r: r.register_cipher_suite(0xFFA0, "TLS_X", key_exchange="dhe_rs"),
            "did you mean 'dhe_rsa'",
        ),
        (
            lambda r: r.register_name(names.SUPPORTED_GROUPS, 29, "mine"),
            "code point 29 is named 'x25519'",
        ),
        (
            lambda r: r.register_name(names.SUPPORTED_GROUPS, 7000, "x25519"),
            "the name is held by code point 29",
        ),
        (
            lambda r: r.register_name(names.SUPPORTED_GROUPS, 2**16, "mine"),
            "more than 4 hexadecimal digits",
        ),
    ],
)
def test_what_cannot_be_registered(call: Any, problem: str) -> None:
    registry: Registry = DEFAULT.copy()
    with pytest.raises(ValueError, match=problem):
        call(registry)


def test_what_is_no_name() -> None:
    with pytest.raises(TypeError, match="cannot be added to"):
        DEFAULT.copy().register_name({}, 1, "mine")  # type: ignore[arg-type]
    with pytest.raises(GrammarError, match="did you mean 'TLS_AES_128_GCM_SHA256'"):
        tlsgrammar.build(tlsgrammar.handshake.CipherSuite, "TLS_AES_128_GCM_SHA25")
