"""Connections between two sides of OpenSSL 4, which comes with the package cryptography; by pyOpenSSL."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from functools import cache, partial
from typing import Any

from OpenSSL import SSL
from OpenSSL._util import ffi, lib

from . import keys
from .talk import Made, NotPossibleError, Pair, Talk, Wire, attempt, suite_names, words

VERSIONS = {
    "TLSv10": 0x0301,
    "TLSv11": 0x0302,
    "TLSv12": 0x0303,
    "TLSv13": 0x0304,
    "DTLSv10": 0xFEFF,
    "DTLSv12": 0xFEFD,
}
ALL = "ALL:COMPLEMENTOFALL"
PSK = bytes.fromhex("1a2b3c4d" * 8)
LONG = 200_000
MORE = {
    "IDEA-CBC-SHA": 0x0007,
    "SEED-SHA": 0x0096,
    "DHE-DSS-SEED-SHA": 0x0099,
    "DHE-RSA-SEED-SHA": 0x009A,
    "ADH-SEED-SHA": 0x009B,
}
"""The suites that the program openssl may not know."""


@cache
def suites() -> dict[str, tuple[int, str]]:
    """The numbers of the cipher suites, and the algorithms, by their names in OpenSSL."""
    shown = subprocess.run(
        ["openssl", "ciphers", "-V", "-psk", "-srp", f"{ALL}:@SECLEVEL=0"],
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    found = {name: (code, "CBC") for name, code in MORE.items()}
    for line in shown.splitlines():
        code, _, name, _, algorithms = line.split(None, 4)
        found[name] = (int(code.replace(",0x", ""), 16), algorithms)
    return found


def stack() -> str:
    version = SSL.OpenSSL_version(SSL.OPENSSL_VERSION).decode()
    return f"{' '.join(version.split()[:2])} (pyOpenSSL)"


@ffi.callback(
    "unsigned int(SSL *, const char *, char *, unsigned int, unsigned char *, unsigned int)"
)  # type: ignore[untyped-decorator]
def _psk_client(ssl: Any, hint: Any, identity: Any, size: int, psk: Any, most: int) -> int:
    ffi.memmove(identity, b"client\0", 7)
    ffi.memmove(psk, PSK, len(PSK))
    return len(PSK)


@ffi.callback("unsigned int(SSL *, const char *, unsigned char *, unsigned int)")  # type: ignore[untyped-decorator]
def _psk_server(ssl: Any, identity: Any, psk: Any, most: int) -> int:
    ffi.memmove(psk, PSK, len(PSK))
    return len(PSK)


def context(
    is_client: bool,
    version: str,
    keylog: list[str],
    *,
    ciphers: str = ALL,
    suites: str = "",
    certificates: Sequence[str] = (),
    options: int = 0,
    psk: bool = False,
    groups: str = "",
    verify: int = 0,
    early: int = 0,
) -> SSL.Context:
    """The context of one side; the options are those of `libssl.Context`."""
    made = SSL.Context(SSL.DTLS_METHOD if version.startswith("D") else SSL.TLS_METHOD)
    made.set_min_proto_version(VERSIONS[version])
    made.set_max_proto_version(VERSIONS[version])
    made.set_cipher_list(f"{ciphers}:@SECLEVEL=0".encode())
    if suites:
        made.set_tls13_ciphersuites(suites.encode())
    if options:
        made.set_options(options)
    for name in certificates:
        made.use_certificate_file(str(keys.folder() / f"{name}.crt"))
        made.use_privatekey_file(str(keys.folder() / f"{name}.key"))
    if groups:
        lib.SSL_CTX_set1_curves_list(made._context, groups.encode())
    if psk and is_client:
        lib.SSL_CTX_set_psk_client_callback(made._context, _psk_client)
    elif psk:
        lib.SSL_CTX_set_psk_server_callback(made._context, _psk_server)
    made.set_verify(verify, lambda *_: True)
    made.set_session_id(b"tests")
    made.set_session_cache_mode(SSL.SESS_CACHE_BOTH)
    if not is_client:
        made.load_tmp_dh(str(keys.dh()).encode())
        lib.SSL_CTX_set_max_early_data(made._context, early)
    made.set_keylog_callback(lambda connection, line: keylog.append(line.decode()))
    return made


class Endpoint:
    """One side of a connection; an `End`."""

    def __init__(self, made: SSL.Context, wire: Wire, is_client: bool, session: Any = None) -> None:
        self.wire, self.is_client = wire, is_client
        self.connection = SSL.Connection(made, None)
        self._is_datagrams = lib.SSL_version(self.connection._ssl) >= 0xFE00
        if self._is_datagrams:
            self.connection.set_options(SSL.OP_NO_QUERY_MTU)
            self.connection.set_ciphertext_mtu(1200)
        if session is not None:
            self.connection.set_session(session)
        if is_client:
            self.connection.set_connect_state()
        else:
            self.connection.set_accept_state()

    def _out(self) -> None:
        """Put what is to be sent on the wire; a datagram for each record of DTLS."""
        data = b""
        try:
            while True:
                data += self.connection.bio_read(65536)
        except SSL.WantReadError:
            pass
        while data:
            end = len(data)
            if self._is_datagrams:
                end = 13 + int.from_bytes(data[11:13], "big")
            self.wire.send(self.is_client, data[:end])
            data = data[end:]

    def _go(self, call: Any) -> Any:
        """Call something with all that has arrived, datagram by datagram; what came of it, or nothing."""
        while True:
            try:
                found = call()
            except SSL.WantReadError:
                found = None
            except SSL.ZeroReturnError:
                return None
            except SSL.Error as error:
                reason = error.args[0][-1][-1] if error.args and error.args[0] else repr(error)
                raise NotPossibleError(str(reason)) from None
            finally:
                self._out()
            if found is not None or not self.wire.waiting(self.is_client):
                return found
            self.connection.bio_write(self.wire.receive(self.is_client))

    def handshake(self) -> bool:
        def call() -> bool:
            self.connection.do_handshake()
            return True

        return bool(self._go(call))

    def write(self, data: bytes) -> None:
        assert self.connection.send(data) == len(data)
        self._out()

    def read(self) -> bytes:
        data = b""
        while found := self._go(lambda: self.connection.recv(2**14)):
            data += found
        return data

    def close(self) -> None:
        self.connection.shutdown()
        self._out()

    def timeout(self) -> None:
        """Nothing is lost here."""

    def version(self) -> str:
        number = lib.SSL_version(self.connection._ssl)
        return next(name for name, known in VERSIONS.items() if known == number)

    def cipher_suite(self) -> str:
        return suite_names()[suites()[str(self.connection.get_cipher_name())][0]]

    def renegotiate(self) -> None:
        if not self.connection.renegotiate():
            raise NotPossibleError("renegotiation")
        self.handshake()

    def write_early(self, data: bytes) -> None:
        written = ffi.new("size_t *")
        done = lib.SSL_write_early_data(self.connection._ssl, data, len(data), written)
        if done != 1 or written[0] != len(data):
            raise NotPossibleError("early data")
        self._out()

    def read_early(self) -> bytes:
        buffer, size, data = ffi.new("char[]", 2**14), ffi.new("size_t *"), b""
        self.connection.bio_write(self.wire.receive(self.is_client))
        while lib.SSL_read_early_data(self.connection._ssl, buffer, 2**14, size) == 1:
            data += bytes(ffi.buffer(buffer, size[0]))
        self._out()
        return data


class Both:
    """A client and a server; the arguments are those of `openssl3.Both`."""

    def __init__(
        self,
        version: str,
        client: dict[str, Any] | None = None,
        server: dict[str, Any] | None = None,
        **both: Any,
    ) -> None:
        self.proto = "udp" if version.startswith("D") else "tcp"
        self.keylog: list[str] = []
        self.client = context(True, version, self.keylog, **{**both, **(client or {})})
        options = {"certificates": ("dss", "ec", "rsa"), "psk": True, **both, **(server or {})}
        self.server = context(False, version, [], **options)

    def pair(self, session: Any = None, piece: int = 2**14) -> tuple[Pair, Endpoint, Endpoint]:
        self.keylog.clear()
        wire = Wire()
        client = Endpoint(self.client, wire, True, session)
        server = Endpoint(self.server, wire, False)
        return Pair(client, server, wire, 1000 if self.proto == "udp" else piece), client, server

    def end(self, pair: Pair, name: str, messages: Sequence[str] = ()) -> Talk:
        return pair.end(name, stack(), self.keylog, proto=self.proto, messages=messages)


def simple(name: str, version: str, size: int = 0, piece: int = 2**14, **options: Any) -> Talk:
    both = Both(version, **options)
    pair, _, _ = both.pair(piece=piece)
    return both.end(pair.handshake().chat(name, size), name)


def all_suites() -> Iterator[Made]:
    """Each suite in each version."""
    probe = SSL.Context(SSL.TLS_METHOD)
    probe.set_cipher_list(f"{ALL}:@SECLEVEL=0".encode())
    for version in VERSIONS:
        for cipher in SSL.Connection(probe, None).get_cipher_list():
            _, algorithms = suites()[cipher]
            is_new = cipher.startswith("TLS_")
            # Without a password there is no SRP.
            if is_new != (version == "TLSv13") or "SRP" in cipher:
                continue
            is_cbc = not any(mode in algorithms for mode in ("GCM", "CCM", "CHACHA"))
            needs_new = not is_cbc or (
                cipher.endswith(("SHA256", "SHA384")) and "PSK" not in cipher
            )
            if version in ("TLSv10", "TLSv11", "DTLSv10") and needs_new and not is_new:
                continue
            name = f"{version} {cipher}"
            client = {"suites": cipher} if is_new else {"ciphers": cipher, "psk": True}
            case = partial(simple, name, version, client=client)
            yield from attempt(name, stack(), version, case, True)


def resumed(name: str, version: str, **options: Any) -> Talk:
    """The second of two connections."""
    both = Both(version, **options)
    pair, first, _ = both.pair()
    pair.handshake().chat("the first")
    session = first.connection.get_session()
    both.end(pair, "the first")
    pair, second, _ = both.pair(session)
    pair.handshake().chat(name)
    if not lib.SSL_session_reused(second.connection._ssl):
        raise NotPossibleError("not resumed")
    return both.end(pair, name)


def early(name: str, refused: bool = False, **options: Any) -> Talk:
    both = Both("TLSv13", server={"early": 2**14, "psk": False}, **options)
    pair, first, _ = both.pair()
    pair.handshake().chat("the first")
    session = first.connection.get_session()
    both.end(pair, "the first")
    pair, client, server = both.pair(session)
    said = words(True, f"early data of {name}")
    client.write_early(said)
    pair.said[True] += said
    if refused:
        pair.refused += said
    else:
        pair.heard[False] += server.read_early()
    pair.handshake().chat(name)
    return both.end(pair, name, [] if refused else ["EndOfEarlyData"])


def renegotiated(name: str, version: str, times: int, **options: Any) -> Talk:
    """The server asks for new handshakes; a client of this stack may not."""
    both = Both(version, **options)
    pair, _, server = both.pair()
    pair.handshake().chat(name)
    for number in range(times):
        server.renegotiate()
        pair.pump()
        pair.chat(f"{name}, after {number + 1}")
    return both.end(pair, name, ["ClientHello", "ServerHello", "Finished"])


def authenticated(name: str, version: str, key: str, later: bool = False) -> Talk:
    """The client has a certificate, for which the server asks in the handshake, or later."""
    asks = SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT
    both = Both(
        version,
        {"certificates": [key], "verify": SSL.VERIFY_PEER},
        {"verify": 0 if later else asks, "psk": False},
    )
    pair, client, server = both.pair()
    if later:
        lib.SSL_set_post_handshake_auth(client.connection._ssl, 1)
    pair.handshake().chat(name)
    if later:
        server.connection.set_verify(asks, lambda *_: True)
        if not lib.SSL_verify_client_post_handshake(server.connection._ssl):
            raise NotPossibleError("post-handshake authentication")
        server.handshake()
        pair.pump()
        pair.chat(f"{name}, afterwards")
    return both.end(pair, name, ["CertificateRequest", "Certificate"] if later else [])


def cases() -> Iterator[Made]:
    """What is not about suites."""

    def case(make: Any, name: str, version: str, *args: Any, **options: Any) -> list[Made]:
        name = f"{version} {name}"
        return attempt(name, stack(), version, partial(make, name, version, *args, **options))

    def new(make: Any, name: str, *args: Any, **options: Any) -> list[Made]:
        name = f"TLSv13 {name}"
        return attempt(name, stack(), "TLSv13", partial(make, name, *args, **options))

    for version in ("TLSv10", "TLSv11", "TLSv12", "DTLSv10", "DTLSv12"):
        yield from case(resumed, "resumed by session id", version, options=SSL.OP_NO_TICKET)
        yield from case(resumed, "resumed by ticket", version)
        yield from case(renegotiated, "renegotiation by the server", version, 1)
        yield from case(renegotiated, "three renegotiations by the server", version, 3)
        yield from case(authenticated, "client certificate rsa", version, "rsa")
        yield from case(authenticated, "client certificate ec", version, "ec")
    for suite in ("AES_128_GCM_SHA256", "AES_256_GCM_SHA384", "CHACHA20_POLY1305_SHA256"):
        wanted = f"TLS_{suite}"
        yield from case(resumed, f"resumed {wanted}", "TLSv13", suites=wanted, psk=False)
        yield from new(early, f"early data {wanted}", suites=wanted)
    yield from new(early, "early data refused", True)
    yield from case(simple, "external psk", "TLSv13", psk=True)
    yield from case(simple, "hello retry", "TLSv13", server={"groups": "P-384"})
    yield from case(simple, "X25519MLKEM768", "TLSv13", groups="X25519MLKEM768")
    for key in ("rsa", "ec"):
        yield from case(authenticated, f"client certificate {key}", "TLSv13", key)
        yield from case(authenticated, f"post-handshake authentication {key}", "TLSv13", key, True)
    no_empty = SSL.OP_DONT_INSERT_EMPTY_FRAGMENTS
    cbc = {"ciphers": "AES128-SHA"}
    yield from case(simple, "no empty records", "TLSv10", client=cbc, options=no_empty)
    for version, client in (
        ("TLSv10", cbc),
        ("TLSv12", {"ciphers": "ECDHE-ECDSA-AES128-GCM-SHA256"}),
        ("TLSv13", {"suites": "TLS_AES_128_GCM_SHA256"}),
    ):
        yield from case(simple, "pieces of a byte", version, 40, 1, client=client)
        yield from case(simple, "long", version, LONG, client=client)


def make() -> Iterator[Made]:
    """All connections."""
    yield from all_suites()
    yield from cases()
