"""Make the captures in this folder: handshakes between real TLS stacks on this machine.

    python -m tests.data.make [NAME...]

Needs the programs `openssl` and `gnutls-serv`/`gnutls-cli` (Debian: openssl, gnutls-bin), and aiosmtpd and proxy.py
(PyPI). A relay on loopback between client and server writes down what each says; the captures hold that, as TCP segments
between addresses for documentation. The randoms and keys are new in each run: the tests look at what does
not change.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from events.testing.captures import Chunk, packets, write

HERE = Path(__file__).parent
PSK = ["-psk", "1a2b3c4d", "-psk_identity", "client"]
OLD = "ALL:COMPLEMENTOFALL:eNULL:@SECLEVEL=0"


class Run(NamedTuple):
    """One capture.

    Attributes:
        server, client: the commands; {} stands for the port, and they are run in a folder with
            rsa.crt, rsa.key, ec.crt, ec.key, dh.pem, ocsp.der and session files.
        before: another client that is run first, whose conversation is not kept.
    """

    server: Sequence[str]
    client: Sequence[str]
    before: Sequence[str] = ()


def s_server(*options: str, key: str = "rsa") -> list[str]:
    return [
        "openssl",
        "s_server",
        "-accept",
        "{}",
        "-cert",
        f"{key}.crt",
        "-key",
        f"{key}.key",
        "-quiet",
        "-cipher",
        OLD,
        *options,
    ]


def s_client(*options: str) -> list[str]:
    return [
        "openssl",
        "s_client",
        "-connect",
        "127.0.0.1:{}",
        "-servername",
        "server.example",
        "-cipher",
        OLD,
        *options,
    ]


def gnutls(*options: str, priority: str) -> tuple[list[str], list[str]]:
    server = [
        "gnutls-serv",
        "--port",
        "{}",
        "--echo",
        "--x509certfile",
        "rsa.crt",
        "--x509keyfile",
        "rsa.key",
        "--priority",
        priority,
    ]
    client = [
        "gnutls-cli",
        "--port",
        "{}",
        "--insecure",
        "--no-ca-verification",
        "--sni-hostname",
        "server.example",
        "--priority",
        priority,
        *options,
        "127.0.0.1",
    ]
    return server, client


RUNS = {
    "tls10-dhe-rsa": Run(
        s_server("-tls1", "-dhparam", "dh.pem"),
        s_client("-tls1", "-cipher", "DHE-RSA-AES128-SHA:@SECLEVEL=0"),
    ),
    "tls11-rsa": Run(s_server("-tls1_1"), s_client("-tls1_1", "-cipher", "AES256-SHA:@SECLEVEL=0")),
    "tls12-ecdhe-rsa": Run(
        s_server("-tls1_2", "-alpn", "h2,http/1.1"),
        s_client("-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256", "-alpn", "h2,http/1.1"),
    ),
    "tls12-ecdhe-ecdsa": Run(
        s_server("-tls1_2", key="ec"),
        s_client("-tls1_2", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305"),
    ),
    "tls12-resumed": Run(
        s_server("-tls1_2"),
        s_client("-tls1_2", "-sess_in", "tls12.session"),
        s_client("-tls1_2", "-sess_out", "tls12.session"),
    ),
    "tls12-client-auth": Run(
        s_server("-tls1_2", "-Verify", "1", "-CAfile", "ec.crt"),
        s_client("-tls1_2", "-cert", "ec.crt", "-key", "ec.key"),
    ),
    "tls12-ocsp": Run(
        s_server("-tls1_2", "-status_file", "ocsp.der"), s_client("-tls1_2", "-status")
    ),
    "tls12-dh-anon": Run(
        s_server("-tls1_2", "-dhparam", "dh.pem"),
        s_client("-tls1_2", "-cipher", "ADH-AES128-SHA:@SECLEVEL=0"),
    ),
    "tls12-ecdh-anon": Run(
        s_server("-tls1_2"), s_client("-tls1_2", "-cipher", "AECDH-AES128-SHA:@SECLEVEL=0")
    ),
    "tls12-psk": Run(
        s_server("-tls1_2", *PSK, "-psk_hint", "hint"),
        s_client("-tls1_2", "-cipher", "PSK-AES128-CBC-SHA", *PSK),
    ),
    "tls12-rsa-psk": Run(
        s_server("-tls1_2", *PSK, "-psk_hint", "hint"),
        s_client("-tls1_2", "-cipher", "RSA-PSK-AES128-CBC-SHA", *PSK),
    ),
    "tls12-dhe-psk": Run(
        s_server("-tls1_2", "-dhparam", "dh.pem", *PSK, "-psk_hint", "hint"),
        s_client("-tls1_2", "-cipher", "DHE-PSK-AES128-CBC-SHA", *PSK),
    ),
    "tls12-ecdhe-psk": Run(
        s_server("-tls1_2", *PSK, "-psk_hint", "hint"),
        s_client("-tls1_2", "-cipher", "ECDHE-PSK-AES128-CBC-SHA", *PSK),
    ),
    "tls12-small-fragments": Run(
        s_server("-tls1_2", "-max_send_frag", "512"), s_client("-tls1_2", "-max_send_frag", "512")
    ),
    "tls12-no-common-cipher": Run(
        s_server("-tls1_2", "-cipher", "AES128-SHA256"),
        s_client("-tls1_2", "-cipher", "AES256-SHA"),
    ),
    "tls12-rare-extensions": Run(
        s_server("-tls1_2", "-nextprotoneg", "h2,http/1.1"),
        s_client("-tls1_2", "-nextprotoneg", "h2", "-maxfraglen", "1024", "-status"),
    ),
    # OpenSSL's server does not like it over TCP, and says so.
    "tls12-use-srtp": Run(
        s_server("-tls1_2", "-use_srtp", "SRTP_AES128_CM_SHA1_80"),
        s_client("-tls1_2", "-use_srtp", "SRTP_AES128_CM_SHA1_80:SRTP_AES128_CM_SHA1_32"),
    ),
    "tls13-rare-extensions": Run(
        s_server("-tls1_3"),
        s_client("-tls1_3", "-requestCAfile", "ec.crt", "-enable_pha", "-status"),
    ),
    "tls13": Run(s_server("-tls1_3", "-alpn", "h2"), s_client("-tls1_3", "-alpn", "h2,http/1.1")),
    "tls13-hello-retry": Run(
        s_server("-tls1_3", "-groups", "P-384"), s_client("-tls1_3", "-groups", "X25519:P-384")
    ),
    "tls13-early-data": Run(
        s_server("-tls1_3", "-early_data"),
        s_client("-tls1_3", "-sess_in", "tls13.session", "-early_data", "rsa.crt"),
        s_client("-tls1_3", "-sess_out", "tls13.session"),
    ),
    "tls13-client-auth": Run(
        s_server("-tls1_3", "-Verify", "1", "-CAfile", "ec.crt"),
        s_client("-tls1_3", "-cert", "ec.crt", "-key", "ec.key"),
    ),
    # What stands before TLS: SMTP with a server of its own (aiosmtpd), and a proxy (proxy.py).
    "starttls-smtp": Run(
        [
            *(sys.executable, "-m", "aiosmtpd", "-n", "-l", "127.0.0.1:{}"),
            *("--tlscert", "rsa.crt", "--tlskey", "rsa.key"),
        ],
        s_client("-starttls", "smtp"),
    ),
    "proxy-connect": Run(
        [
            "sh",
            "-c",
            "openssl s_server -accept 44330 -cert rsa.crt -key rsa.key -quiet & exec "
            f"{sys.executable} -m proxy --hostname 127.0.0.1 --port {{}}",
        ],
        [
            *("openssl", "s_client", "-proxy", "127.0.0.1:{}", "-connect", "127.0.0.1:44330"),
            *("-servername", "server.example"),
        ],
    ),
    "gnutls-tls10": Run(
        *gnutls(priority="NORMAL:-VERS-ALL:+VERS-TLS1.0:+SHA1:%VERIFY_ALLOW_SIGN_WITH_SHA1")
    ),
    "gnutls-tls12-dhe": Run(*gnutls(priority="NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+DHE-RSA")),
    "gnutls-tls13": Run(*gnutls("--alpn", "h2", priority="NORMAL:-VERS-ALL:+VERS-TLS1.3")),
}


def prepare(folder: Path) -> None:
    """Keys, certificates, DH parameters and an OCSP response for the servers."""

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    for name, key in (("rsa", ["rsa:2048"]), ("ec", ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"])):
        openssl(
            "req", "-x509", "-nodes", "-newkey", *key, "-keyout", f"{name}.key", "-out", f"{name}.crt",
            "-subj", "/CN=server.example", "-days", "3650", "-addext", "subjectAltName=DNS:server.example",
        )  # fmt: skip
    openssl("dhparam", "-dsaparam", "-out", "dh.pem", "1024")
    (folder / "index.txt").write_text("V\t350101000000Z\t\t01\tunknown\t/CN=server.example\n")
    openssl("ocsp", "-issuer", "ec.crt", "-serial", "1", "-reqout", "request.der")
    openssl(
        "ocsp", "-index", "index.txt", "-CA", "ec.crt", "-rsigner", "ec.crt", "-rkey", "ec.key",
        "-reqin", "request.der", "-respout", "ocsp.der", "-ndays", "3650",
    )  # fmt: skip


def relay(port: int, chunks: list[Chunk]) -> tuple[socket.socket, threading.Thread]:
    """A relay in front of a server that writes down what passes; its listening socket and its thread."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(10)

    def serve() -> None:
        client, _ = listener.accept()
        server = socket.create_connection(("127.0.0.1", port))
        lock = threading.Lock()

        def pump(source: socket.socket, sink: socket.socket, is_orig: bool) -> None:
            with contextlib.suppress(OSError):
                while data := source.recv(65536):
                    with lock:
                        chunks.append((is_orig, data))
                    sink.sendall(data)
            with contextlib.suppress(OSError):
                sink.shutdown(socket.SHUT_WR)

        threads = [
            threading.Thread(target=pump, args=arguments, daemon=True)
            for arguments in ((client, server, True), (server, client, False))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    return listener, thread


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def wait_for(port: int) -> None:
    for _ in range(100):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.05)
    raise TimeoutError(f"no server on port {port}")


def record(run: Run, folder: Path) -> list[Chunk]:
    """What client and server say to each other."""
    port = free_port()
    chunks: list[Chunk] = []
    server = subprocess.Popen(
        [word.replace("{}", str(port)) for word in run.server],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(port)
        for command in filter(None, (run.before, run.client)):
            chunks.clear()
            listener, thread = relay(port, chunks)
            via = str(listener.getsockname()[1])
            client = subprocess.Popen(
                [word.replace("{}", via) for word in command],
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            assert client.stdin is not None
            with contextlib.suppress(BrokenPipeError):
                time.sleep(0.5)
                client.stdin.write(b"hello, this is the client\n")
                client.stdin.flush()
                time.sleep(0.3)
                client.stdin.close()
            try:
                client.wait(3)
            except subprocess.TimeoutExpired:
                client.kill()
            thread.join(5)
            listener.close()
    finally:
        server.kill()
        server.wait()
    return chunks


def main() -> None:
    names = sys.argv[1:] or list(RUNS)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        prepare(folder)
        for name in names:
            chunks = record(RUNS[name], folder)
            write(HERE / f"{name}.pcap", packets(chunks))
            said = [
                sum(len(data) for is_orig, data in chunks if is_orig is side)
                for side in (True, False)
            ]
            print(f"{name}: {said[0]} bytes from the client, {said[1]} from the server")


if __name__ == "__main__":
    main()
