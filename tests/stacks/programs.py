"""Connections of programs that people use, with the secrets that they log themselves (SSLKEYLOGFILE): curl, chromium, and the
clients of OpenSSL, GnuTLS and NSS (which is Firefox's). The server is Python's `ssl`; that of QUIC is aioquic.

A program that is not there is left out.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from events.testing.captures import Chunk

from ..data.make_datagrams import free_port, relay
from ..helpers.certificates import certificate
from ..helpers.quic import configurations
from . import keys
from .talk import Made, Talk, suite_names

SECONDS = 20
"""How long a program may take."""


class Accepted:
    """A connection that a server has had."""

    def __init__(self) -> None:
        self.chunks: list[Chunk] = []
        self.heard = self.said = b""
        self.version = self.cipher = ""

    @property
    def random(self) -> str:
        """That of the ClientHello, behind the headers of record and message, and the version."""
        data = b"".join(data for is_client, data in self.chunks if is_client)
        return data[11:43].hex()


class Server:
    """A server of HTTP that answers everything with the same page, and writes down what passes.

    Args:
        version: the only one of TLS.
        page: what it answers.
        ciphers: a list of OpenSSL's.
    """

    def __init__(self, version: ssl.TLSVersion, page: bytes, ciphers: str = "DEFAULT") -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
        self._context.minimum_version = self._context.maximum_version = version
        self._context.set_alpn_protocols(["http/1.1"])
        folder = keys.folder()
        self._context.load_cert_chain(folder / "ec.crt", folder / "ec.key")
        self._page = page
        self.accepted: list[Accepted] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        one = Accepted()
        self.accepted.append(one)
        came, goes = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = self._context.wrap_bio(came, goes, server_side=True)

        def until(call: Callable[[], Any]) -> Any:
            """Call something until it needs nothing more from the client."""
            while True:
                found = None
                with contextlib.suppress(ssl.SSLWantReadError):
                    found = call() or True
                if data := goes.read():
                    one.chunks.append((False, data))
                    connection.sendall(data)
                if found is not None:
                    return found
                if not (data := connection.recv(65536)):
                    raise ConnectionError
                one.chunks.append((True, data))
                came.write(data)

        connection.settimeout(SECONDS)
        with connection, contextlib.suppress(OSError):
            until(tls.do_handshake)
            one.version = (tls.version() or "").replace("TLSv1.", "TLSv1")
            cipher = tls.cipher()
            assert cipher is not None
            one.cipher = cipher[0]
            while b"\r\n\r\n" not in one.heard:
                one.heard += until(lambda: tls.read(65536))
            head = (
                f"HTTP/1.1 200 OK\r\nContent-Length: {len(self._page)}\r\nConnection: close\r\n\r\n"
            )
            said = head.encode() + self._page
            until(lambda: tls.write(said))
            one.said = said
            # The client says goodbye first, or says nothing.
            with contextlib.suppress(ssl.SSLError):
                until(tls.unwrap)

    def close(self) -> None:
        self._listener.close()


def _suite(cipher: str) -> str:
    """The name at IANA."""
    if cipher.startswith("TLS_"):
        return cipher
    shown = subprocess.run(
        ["openssl", "ciphers", "-V", "ALL:@SECLEVEL=0"], capture_output=True, check=True, text=True
    ).stdout
    codes = {line.split()[2]: line.split()[0] for line in shown.splitlines()}
    return suite_names()[int(codes[cipher].replace(",0x", ""), 16)]


def _public(of: x509.Certificate) -> str:
    """What chromium knows a certificate by."""
    made = of.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(made).digest()).decode()


def chromium(port: int, profile: str, pin: str, *more: str) -> list[str]:
    return [
        *("chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}"),
        f"--host-resolver-rules=MAP server.example:{port} 127.0.0.1:{port}",
        f"--ignore-certificate-errors-spki-list={pin}",
        *more,
        *("--timeout=4000", "--dump-dom", f"https://server.example:{port}/"),
    ]


def commands(port: int, profile: str) -> dict[str, tuple[list[str], bytes]]:
    """The programs, and what is typed into them."""
    pin = _public(x509.load_pem_x509_certificate((keys.folder() / "ec.crt").read_bytes()))
    request = b"GET / HTTP/1.1\r\nHost: server.example\r\n\r\n"
    there = f"127.0.0.1:{port}"
    return {
        "curl": (["curl", "-sk", f"https://{there}/"], b""),
        "chromium": (chromium(port, profile, pin), b""),
        "openssl": (
            [*("openssl", "s_client", "-quiet", "-connect", there), "-keylogfile", "keys.log"],
            request,
        ),
        "gnutls-cli": (
            [*("gnutls-cli", "--insecure", "--no-ca-verification"), "-p", str(port), "127.0.0.1"],
            request,
        ),
        "tstclnt": (["tstclnt", "-D", "-o", "-4", "-h", "127.0.0.1", "-p", str(port)], request),
    }


def _version(program: str) -> str:
    if program == "tstclnt":
        return "NSS"  # which does not say its version
    shown = subprocess.run([program, "version" if program == "openssl" else "--version"], capture_output=True, text=True)  # fmt: skip
    return " ".join(word for word in shown.stdout.split("\n")[0].split()[:2])


def run(command: Sequence[str], said: bytes, folder: str) -> str:
    """Run a program until it is done; the secrets that it has logged."""
    log = Path(folder, "keys.log")
    program = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, "SSLKEYLOGFILE": str(log)},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    assert program.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        program.stdin.write(said)
        program.stdin.flush()
    try:
        program.wait(SECONDS)
    except subprocess.TimeoutExpired:
        program.kill()
        program.wait()
    return log.read_text() if log.exists() else ""


def over_tcp(program: str, version: ssl.TLSVersion) -> Iterator[Made]:
    wanted = version.name.replace("TLSv1_", "TLSv1")
    name = f"{wanted} {program}"
    if shutil.which(program) is None:
        yield Made(name, program, wanted, None, "not there")
        return
    server = Server(version, f"server of {name}, ".encode() * 40)
    stack = f"{_version(program)} and {ssl.OPENSSL_VERSION}"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        command, said = commands(server.port, folder)[program]
        log = run(command, said, folder)
    time.sleep(0.5)
    server.close()
    found = [one for one in server.accepted if one.said]
    if not found:
        yield Made(name, stack, wanted, None, "no connection")
    for number, one in enumerate(found):
        lines = [line for line in log.splitlines() if one.random in line.lower()]
        if not lines:
            yield Made(name, stack, wanted, None, "no secrets in its key log")
            continue
        talk = Talk(
            f"{name} {number}" if number else name,
            stack,
            one.version,
            _suite(one.cipher),
            "tcp",
            one.chunks,
            "".join(f"{line}\n" for line in lines),
            one.heard,
            one.said,
        )
        yield Made(talk.name, stack, wanted, talk)


def over_quic() -> Iterator[Made]:
    """Chromium, which is made to speak QUIC with a server of aioquic's; that never answers a request."""
    from aioquic.asyncio.protocol import QuicConnectionProtocol
    from aioquic.asyncio.server import serve
    from aioquic.quic.events import StreamDataReceived

    name = "QUICv1 chromium"
    if shutil.which("chromium") is None:
        yield Made(name, "chromium", "QUICv1", None, "not there")
        return
    heard: dict[int, bytes] = {}
    suites: list[str] = []

    class Protocol(QuicConnectionProtocol):
        def quic_event_received(self, event: Any) -> None:
            if isinstance(event, StreamDataReceived):
                heard[event.stream_id] = heard.get(event.stream_id, b"") + event.data
                schedule = self._quic.tls.key_schedule
                assert schedule is not None
                suites.append(f"TLS_{schedule.cipher_suite.name}")

    port = free_port()
    _, configuration = configurations()

    def forever() -> None:
        async def main() -> None:
            await serve("127.0.0.1", port, configuration=configuration, create_protocol=Protocol)
            await asyncio.Event().wait()

        asyncio.run(main())

    threading.Thread(target=forever, daemon=True).start()
    time.sleep(1)
    chunks: list[Chunk] = []
    stop = threading.Event()
    front = relay(port, (), chunks, stop)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        more = ["--enable-quic", f"--origin-to-force-quic-on=server.example:{front}"]
        log = run(chromium(front, folder, _public(certificate()[0]), *more), b"", folder)
    stop.set()
    stack = f"{_version('chromium')} and aioquic"
    if not heard:
        yield Made(name, stack, "QUICv1", None, "no connection")
        return
    said = b"".join(heard[stream] for stream in sorted(heard))
    talk = Talk(name, stack, "QUICv1", suites[0], "udp", chunks, log, said, b"")
    yield Made(name, stack, "QUICv1", talk)


def make() -> Iterator[Made]:
    """All connections."""
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        for program in ("curl", "openssl", "gnutls-cli", "tstclnt", "chromium"):
            yield from over_tcp(program, version)
    yield from over_quic()
