"""`python -m tlsgrammar`, the examples, and packages that bring extensions along."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
import venv
import zipfile
from pathlib import Path

import pytest

import tlsgrammar

from .test_grammar import HELLO

ROOT = Path(__file__).parent.parent


def run(*arguments: str, stdin: bytes = b"", python: str = sys.executable) -> tuple[int, str, str]:
    result = subprocess.run(
        [python, *arguments], input=stdin, capture_output=True, check=False, cwd=ROOT
    )
    return result.returncode, result.stdout.decode(errors="replace"), result.stderr.decode()


def tool(*arguments: str, stdin: bytes = b"") -> tuple[int, str, str]:
    return run("-m", "tlsgrammar", *arguments, stdin=stdin)


def test_extensions() -> None:
    status, out, _ = tool("extensions")
    assert status == 0
    assert re.search(
        r"^0 +server_name +CH,SH,EE +RFC 6066 section 3 +ssl_extension_server_name$", out, re.M
    )
    assert re.search(r"^51 +key_share +CH,SH,HRR +RFC 8446 section 4.2.8$", out, re.M)
    assert re.search(r"^29 +pwd_protect +no schema: bytes$", out, re.M)


def test_names() -> None:
    status, out, _ = tool("names", "cipher_suites")
    assert status == 0
    assert re.search(r"^0x1301 +4865 +TLS_AES_128_GCM_SHA256$", out, re.M)


def test_parse() -> None:
    data = tlsgrammar.build(tlsgrammar.Handshake, {"msg_type": "client_hello", "body": HELLO})
    status, out, err = tool("parse", "Handshake", "-", stdin=data)
    assert (status, err) == (0, "")
    lines = [line.split(maxsplit=1) for line in out.splitlines()]
    assert ["0", "msg_type: client_hello (1)"] in lines
    assert ["39", "cipher_suites: TLS_AES_128_GCM_SHA256 (4865), GREASE-0x1a1a (6682)"] in lines
    # the offset of a name is that of its length
    assert [str(data.index(b"a.example") - 2), "name: 612e6578616d706c65 'a.example'"] in lines
    assert [str(data.index(b"grease") - 2), "extension_data: 677265617365 'grease'"] in lines


def test_parse_needs_context() -> None:
    status, out, _ = tool(
        *("parse", "ServerKeyExchange", "03001d20" + "11" * 32 + "080400021234"),
        *("--cipher-suite", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "--version", "TLSv12"),
    )
    assert status == 0
    assert "namedcurve: x25519 (29)" in out
    assert "signature: 1234" in out


def test_parse_shows_what_it_could_read() -> None:
    status, out, err = tool("parse", "Alert", "02")
    assert status == 1
    assert out.splitlines() == [
        "     0  Alert",
        "     0    level: fatal (2)",
        "     1    description",
    ]
    assert err == "tlsgrammar: Alert.description, offset 1: ends early: expected 1, found 0\n"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (
            ("parse", "ClientHelo", "00"),
            "no structure is named 'ClientHelo'; did you mean ClientHello",
        ),
        (
            ("names", "cipher_suits"),
            "no registry is named 'cipher_suits'; did you mean cipher_suites",
        ),
        (
            ("parse", "Alert", "zz"),
            "'zz' is neither hexadecimal nor a file: No such file or directory",
        ),
        (("parse", "Alert", "022800"), "offset 2: 1 bytes left over"),
        (("parse", "Alert", "0228", "--version", "TLS"), "no protocol version is named 'TLS'"),
        (("build", "Alert", "/nonexistent"), "/nonexistent: No such file or directory"),
    ],
)
def test_what_a_user_gets_wrong(arguments: tuple[str, ...], problem: str) -> None:
    status, _, err = tool(*arguments)
    assert status == 1
    assert err.startswith("tlsgrammar: ")
    assert problem in err
    assert err.count("\n") == 1


def test_build(tmp_path: Path) -> None:
    value = json.loads(json.dumps(HELLO, default=lambda data: "0x" + data.hex()))
    path = tmp_path / "hello.json"
    path.write_text(json.dumps(value))
    result = subprocess.run(
        [sys.executable, "-m", "tlsgrammar", "build", "ClientHello", str(path)],
        capture_output=True,
        check=True,
    )
    assert result.stdout == tlsgrammar.build(tlsgrammar.ClientHello, HELLO)
    path.write_text('{"level": "fatal"}')
    status, _, err = tool("build", "Alert", str(path))
    assert (status, err) == (
        1,
        "tlsgrammar: Alert.description, offset 1: no value for the field 'description'\n",
    )
    path.write_text("{")
    assert tool("build", "Alert", str(path))[2].startswith(f"tlsgrammar: {path}: not JSON")


def test_the_example_of_an_extension() -> None:
    status, out, err = run("examples/extension.py")
    assert (status, err) == (0, "")
    assert "ssl_extension_greeting is_orig=true words=[68656c6c6f,776f726c64]" in out
    assert "ssl_extension is_orig=true code=greeting val=01" in out


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl program")
def test_a_real_server_accepts_the_client_hello_of_the_example(tmp_path: Path) -> None:
    subprocess.run(
        "openssl req -x509 -nodes -newkey rsa:2048 -keyout key.pem -out cert.pem -subj /CN=localhost",
        shell=True,
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = str(probe.getsockname()[1])
    command = f"openssl s_server -accept {port} -key key.pem -cert cert.pem -alpn h2 -tls1_2 -quiet"
    server = subprocess.Popen(command.split(), cwd=tmp_path, stdin=subprocess.PIPE)
    try:
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", int(port))).close()
                break
            except OSError:
                time.sleep(0.05)
        status, out, err = run("examples/client_hello.py", "127.0.0.1", port)
    finally:
        server.kill()
        server.wait()
    assert (status, err) == (0, "")
    assert "cipher=TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256" in out
    assert "protocols=[h2]" in out
    assert "ssl_server_curve curve=x25519" in out
    assert out.splitlines()[-1].endswith("msg_type=server_hello_done length=0")


PLUGIN = """
from construct import Struct
from tlsgrammar.language import uint8
import events

class SslExtensionBrought(events.Event, frozen=True):
    name = "ssl_extension_brought"
    c: events.Connection
    is_orig: bool
    value: int

def register(registry):
    registry.register(0xFE77, "brought_along", Struct("value" / uint8), reference="the package")

    @events.raises(SslExtensionBrought, on_extension="brought_along", registry=registry)
    def ssl_extension_brought(body, at):
        return SslExtensionBrought(at.c, at.is_orig, body.value, ts=at.ts)
"""


def wheel(path: Path, name: str, module: str, target: str) -> Path:
    """A wheel of one module with an entry point for extensions."""
    info = f"{name}-1.0.dist-info"
    files = {
        f"{name}.py": module,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[tlsgrammar.extensions]\n{name} = {target}\n",
    }
    record = "".join(f"{file},,\n" for file in [*files, f"{info}/RECORD"])
    archive = path / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(archive, "w") as out:
        for file, text in {**files, f"{info}/RECORD": record}.items():
            out.writestr(file, text)
    return archive


def test_packages_bring_extensions_along(tmp_path: Path) -> None:
    """Installed in a fresh environment, which sees the libraries of this one."""
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=True)
    python = str(environment / "bin" / "python")
    site = next((environment / "lib").glob("python*/site-packages"))
    (site / "this.pth").write_text(f"{sysconfig.get_path('purelib')}\n{ROOT}\n")
    wheels = [
        wheel(tmp_path, "brought", PLUGIN, "brought:register"),
        wheel(tmp_path, "broken", "", "broken:no_such_function"),
    ]
    for each in wheels:
        pip = [python, "-m", "pip", "install", "-q", "--no-index", "--no-deps", str(each)]
        subprocess.run(pip, check=True, capture_output=True)

    status, out, err = run("-m", "tlsgrammar", "extensions", python=python)
    assert status == 0
    assert re.search(r"^65143 +brought_along .* the package +ssl_extension_brought$", out, re.M)
    assert err.startswith(
        "tlsgrammar: extensions of 'broken' (broken:no_such_function) cannot be loaded"
    )
    assert err.count("\n") == 1

    status, out, _ = run("-m", "events", "--help", python=python)
    assert "ssl_extension_brought" in out

    script = (
        "import tlsgrammar; [error] = tlsgrammar.load_extensions(); "
        "assert [e.name for e in tlsgrammar.load_extensions()] == []; "
        "print(error.name, tlsgrammar.extensions.DEFAULT.name(0xFE77))"
    )
    assert run("-c", script, python=python) == (0, "broken brought_along\n", "")
