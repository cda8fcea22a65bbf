"""wolfSSL in memory: its library, by ctypes. It is the one stack here that has DTLS 1.3, and connection ids.

The library is the one in the build folder that the environment variable WOLFSSL names, as in `tests.data.make_datagrams`;
`CONFIGURE` is what it wants.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import time
import weakref
from collections.abc import Sequence
from ctypes import CFUNCTYPE, byref, c_char_p, c_int, c_uint, c_void_p
from functools import cache
from pathlib import Path
from typing import Any

from . import keys
from .talk import NotPossibleError, Wire, suite_names

CONFIGURE = """
./configure --enable-shared --disable-examples --enable-dtls --enable-dtls13 --enable-dtlscid --enable-dtls-mtu
    --enable-dtls-frag-ch --enable-hrrcookie --enable-opensslextra --enable-psk --enable-session-ticket
    --enable-secure-renegotiation --enable-postauth --enable-aesccm --enable-camellia --enable-des3 --enable-arc4
    --enable-nullcipher --enable-tlsv10 --enable-oldtls --enable-anon --enable-earlydata --enable-maxfragment
    CPPFLAGS="-DWOLFSSL_STATIC_RSA -DWOLFSSL_STATIC_DH -DWOLFSSL_STATIC_PSK -DHAVE_SECRET_CALLBACK -DWOLFSSL_DES_ECB
        -DWOLFSSL_ALLOW_TLSV10 -DWOLFSSL_DTLS13_NO_HRR_ON_RESUME"
"""

METHODS = {
    "TLSv10": "TLSv1",
    "TLSv11": "TLSv1_1",
    "TLSv12": "TLSv1_2",
    "TLSv13": "TLSv1_3",
    "DTLSv10": "DTLSv1",
    "DTLSv12": "DTLSv1_2",
    "DTLSv13": "DTLSv1_3",
}
VERSIONS = {
    0x0301: "TLSv10",
    0x0302: "TLSv11",
    0x0303: "TLSv12",
    0x0304: "TLSv13",
    0xFEFF: "DTLSv10",
    0xFEFD: "DTLSv12",
    0xFEFC: "DTLSv13",
}
PSK = bytes.fromhex("1a2b3c4d" * 8)
P256, P384, X25519 = 23, 24, 29
_WANT_READ, _WANT_WRITE, _PEM, _APP_DATA_READY, _ZERO_RETURN = 2, 3, 1, -441, 6

_IO = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_void_p)
_KEYLOG = CFUNCTYPE(None, c_void_p, c_char_p)
_PSK_CLIENT = CFUNCTYPE(c_uint, c_void_p, c_char_p, c_void_p, c_uint, c_void_p, c_uint)
_PSK_SERVER = CFUNCTYPE(c_uint, c_void_p, c_char_p, c_void_p, c_uint)


@cache
def library() -> Any:
    """The functions of wolfSSL, or nothing if there is no such library."""
    path = Path(os.environ.get("WOLFSSL", ""), "src", ".libs", "libwolfssl.so")
    if not os.environ.get("WOLFSSL") or not path.exists():
        return None
    lib: Any = ctypes.CDLL(str(path))
    for name in ("CTX_new", "new", "get1_session", *_methods()):
        getattr(lib, f"wolfSSL_{name}" if "method" not in name else name).restype = c_void_p
    for name in ("lib_version", "ERR_reason_error_string"):
        getattr(lib, f"wolfSSL_{name}").restype = c_char_p
    lib.wolfSSL_Init()
    return lib


def _methods() -> list[str]:
    sides = ("client", "server")
    return [f"wolf{method}_{side}_method" for method in METHODS.values() for side in sides]


def stack() -> str:
    return f"wolfSSL {library().wolfSSL_lib_version().decode()}"


def suites() -> list[tuple[str, str]]:
    """The cipher suites, by their names in wolfSSL and at IANA."""
    lists = []
    for function in ("wolfSSL_get_ciphers", "wolfSSL_get_ciphers_iana"):
        buffer = ctypes.create_string_buffer(2**15)
        getattr(library(), function)(buffer, 2**15)
        lists.append(buffer.value.decode().split(":"))
    # The first has some twice, by another spelling.
    ours = [name for name in lists[0] if not name.endswith(("CCM8", "CCM8-SHA256"))]
    return list(zip(ours, lists[1], strict=True))


def check(result: int, what: str) -> None:
    if result != 1:
        reason = library().wolfSSL_ERR_reason_error_string(result & 0xFFFFFFFF)
        raise NotPossibleError(f"{what}: {reason.decode()}")


_ends: weakref.WeakValueDictionary[int, Endpoint] = weakref.WeakValueDictionary()
_numbers = itertools.count(1)


def _send(ssl: int, data: int, size: int, number: int) -> int:
    end = _ends[number]
    end.wire.send(end.is_client, ctypes.string_at(data, size))
    return size


def _receive(ssl: int, into: int, size: int, number: int) -> int:
    end = _ends[number]
    data = end.wire.receive(end.is_client, size)
    if not data:
        return -2
    ctypes.memmove(into, data, len(data))
    return len(data)


def _psk_client(ssl: int, hint: Any, identity: int, size: int, psk: int, most: int) -> int:
    ctypes.memmove(identity, b"client\0", 7)
    ctypes.memmove(psk, PSK, len(PSK))
    return len(PSK)


def _psk_server(ssl: int, identity: Any, psk: int, most: int) -> int:
    ctypes.memmove(psk, PSK, len(PSK))
    return len(PSK)


def _cookie(ssl: int, into: int, size: int, context: Any) -> int:
    ctypes.memmove(into, bytes(size), size)
    return size


_IN, _OUT, _COOKIE = _IO(_receive), _IO(_send), _IO(_cookie)
_SECRET, _SECRET_FOR = _PSK_CLIENT(_psk_client), _PSK_SERVER(_psk_server)


class Context:
    """What is common to connections of one side.

    Args:
        is_client: which side.
        version: the only one.
        ciphers: a cipher list of wolfSSL's.
        certificate: a name of `keys`, or none.
        psk: whether it has such a secret.
        anonymous: whether it takes suites without authentication.
        etm, ems: whether it offers encrypt-then-MAC, and the extended master secret.
        groups: the only ones, by their numbers.
        verify: the name of the certificate that a server insists on, or none.
        early: how much early data a server takes, in bytes.
        tickets: whether there are tickets up to (D)TLS 1.2.
        later: whether a client lets itself be asked for a certificate after the handshake.
    """

    def __init__(
        self,
        is_client: bool,
        version: str,
        *,
        ciphers: str = "",
        certificate: str = "",
        psk: bool = False,
        anonymous: bool = False,
        etm: bool = True,
        ems: bool = True,
        groups: Sequence[int] = (),
        verify: str = "",
        early: int = 0,
        tickets: bool = False,
        later: bool = False,
    ) -> None:
        lib = library()
        self.is_client, self.version, self.keylog = is_client, version, list[str]()
        method = f"wolf{METHODS[version]}_{'client' if is_client else 'server'}_method"
        self.pointer = ctx = c_void_p(lib.wolfSSL_CTX_new(c_void_p(getattr(lib, method)())))
        if ciphers:
            check(lib.wolfSSL_CTX_set_cipher_list(ctx, ciphers.encode()), ciphers)
        if certificate:
            crt, key = (
                str(keys.folder() / f"{certificate}.{ext}").encode() for ext in ("crt", "key")
            )
            check(lib.wolfSSL_CTX_use_certificate_file(ctx, crt, _PEM), certificate)
            check(lib.wolfSSL_CTX_use_PrivateKey_file(ctx, key, _PEM), certificate)
        if psk and is_client:
            lib.wolfSSL_CTX_set_psk_client_callback(ctx, _SECRET)
        elif psk:
            lib.wolfSSL_CTX_set_psk_server_callback(ctx, _SECRET_FOR)
            lib.wolfSSL_CTX_use_psk_identity_hint(ctx, b"hint")
        if anonymous:
            check(lib.wolfSSL_CTX_allow_anon_cipher(ctx), "anonymous")
        lib.wolfSSL_CTX_AllowEncryptThenMac(ctx, int(etm))
        if not ems:
            lib.wolfSSL_CTX_DisableExtendedMasterSecret(ctx)
        if groups:
            lib.wolfSSL_CTX_set_groups(ctx, (c_int * len(groups))(*groups), len(groups))
        if verify:
            known = str(keys.folder() / f"{verify}.crt").encode()
            check(lib.wolfSSL_CTX_load_verify_locations(ctx, known, None), "certificates")
        lib.wolfSSL_CTX_set_verify(ctx, 3 if verify else 0, None)
        if is_client and tickets:
            lib.wolfSSL_CTX_UseSessionTicket(ctx)
        if is_client and later:
            lib.wolfSSL_CTX_allow_post_handshake_auth(ctx)
        if not is_client:
            lib.wolfSSL_CTX_SetTmpDH_file(ctx, str(keys.dh()).encode(), _PEM)
            lib.wolfSSL_CTX_SetMinDhKey_Sz(ctx, 1024)
            lib.wolfSSL_CTX_set_max_early_data(ctx, early)
            lib.wolfSSL_CTX_SetGenCookie(ctx, _COOKIE)
        else:
            lib.wolfSSL_CTX_SetMinDhKey_Sz(ctx, 1024)
        self._log = _KEYLOG(lambda ssl, line: self.keylog.append(line.decode().strip()))
        lib.wolfSSL_CTX_set_keylog_callback(ctx, self._log)

    def __del__(self) -> None:
        library().wolfSSL_CTX_free(self.pointer)


class Endpoint:
    """One side of a connection; an `End`.

    Args:
        context: of its side.
        wire: what it talks over.
        session: one to resume, as `session` gives it.
        mtu: the largest datagram.
        cid: the connection id that it wants to be sent, or nothing.
        fragment: the most that is put into a record, by its number in the extension max_fragment_length.
        renegotiates: whether it can.
    """

    def __init__(
        self,
        context: Context,
        wire: Wire,
        session: int | None = None,
        *,
        mtu: int = 1200,
        cid: bytes | None = None,
        fragment: int = 0,
        renegotiates: bool = False,
    ) -> None:
        lib = library()
        self.context, self.wire, self.is_client = context, wire, context.is_client
        number = next(_numbers)
        _ends[number] = self
        self.pointer = ssl = c_void_p(lib.wolfSSL_new(context.pointer))
        lib.wolfSSL_SSLSetIORecv(ssl, _IN)
        lib.wolfSSL_SSLSetIOSend(ssl, _OUT)
        lib.wolfSSL_SetIOReadCtx(ssl, c_void_p(number))
        lib.wolfSSL_SetIOWriteCtx(ssl, c_void_p(number))
        if context.version.startswith("D"):
            lib.wolfSSL_dtls_set_using_nonblock(ssl, 1)
            lib.wolfSSL_dtls_set_mtu(ssl, mtu)
            if cid is not None:
                check(lib.wolfSSL_dtls_cid_use(ssl), "connection id")
                check(lib.wolfSSL_dtls_cid_set(ssl, cid, len(cid)), "connection id")
        if fragment and self.is_client:
            check(lib.wolfSSL_UseMaxFragment(ssl, fragment), "fragment")
        if renegotiates:
            check(lib.wolfSSL_UseSecureRenegotiation(ssl), "renegotiation")
        if session is not None:
            check(lib.wolfSSL_set_session(ssl, c_void_p(session)), "session")

    def _retry(self, result: int, what: str) -> None:
        lib = library()
        error = lib.wolfSSL_get_error(self.pointer, result)
        if error not in (_WANT_READ, _WANT_WRITE, _APP_DATA_READY, _ZERO_RETURN, 0):
            reason = lib.wolfSSL_ERR_reason_error_string(ctypes.c_ulong(error & 0xFFFFFFFF))
            raise NotPossibleError(f"{what}: {reason.decode()} ({error})")

    def handshake(self) -> bool:
        lib = library()
        side = "client" if self.is_client else "server"
        call = lib.wolfSSL_connect if self.is_client else lib.wolfSSL_accept
        result: int = call(self.pointer)
        if result != 1:
            self._retry(result, side)
        return result == 1

    def write(self, data: bytes) -> None:
        written = library().wolfSSL_write(self.pointer, data, len(data))
        if written != len(data):
            self._retry(written, "write")
            raise NotPossibleError("write: not all at once")

    def read(self) -> bytes:
        buffer, data = ctypes.create_string_buffer(2**14), b""
        while True:
            size = library().wolfSSL_read(self.pointer, buffer, 2**14)
            if size <= 0:
                self._retry(size, "read")
                return data
            data += buffer.raw[:size]

    def close(self) -> None:
        library().wolfSSL_shutdown(self.pointer)

    def timeout(self) -> None:
        """A while has passed, says the application; with DTLS 1.3 it must be true."""
        if self.context.version.startswith("D"):
            if self.context.version == "DTLSv13" and self.is_client:
                time.sleep(2.1)
            library().wolfSSL_dtls_got_timeout(self.pointer)

    def version(self) -> str:
        return VERSIONS[library().wolfSSL_version(self.pointer)]

    def cipher_suite(self) -> str:
        code = library().wolfSSL_get_current_cipher_suite(self.pointer)
        name = suite_names().get(code)
        if name is None:
            raise NotPossibleError(f"suite {code:#06x} has no name at IANA")
        return name

    def session(self) -> int:
        """The session, to resume it in another connection."""
        found: int = library().wolfSSL_get1_session(self.pointer)
        return found

    def resumed(self) -> bool:
        return bool(library().wolfSSL_session_reused(self.pointer))

    def renegotiate(self) -> None:
        """Ask for a new handshake; one goes on with it by reading."""
        result = library().wolfSSL_Rehandshake(self.pointer)
        if result != 1:
            self._retry(result, "renegotiation")

    def update_keys(self) -> None:
        """Use new keys from now on, and ask the other side for new ones of its own."""
        result = library().wolfSSL_update_keys(self.pointer)
        if result != 1:
            self._retry(result, "key update")

    def ask_for_certificate(self) -> None:
        """After the handshake."""
        check(library().wolfSSL_request_certificate(self.pointer), "post-handshake authentication")

    def skip_cookie(self) -> None:
        """Do not ask for a second hello with a cookie: that would be the end of early data."""
        if self.context.version == "DTLSv13":
            check(library().wolfSSL_dtls13_no_hrr_on_resume(self.pointer, 1), "cookie")

    def write_early(self, data: bytes) -> None:
        written = c_int()
        library().wolfSSL_write_early_data(self.pointer, data, len(data), byref(written))
        if written.value != len(data):
            raise NotPossibleError("early data")

    def read_early(self) -> bytes:
        buffer, size, data = ctypes.create_string_buffer(2**14), c_int(), b""
        # The first call may do no more than answer the hello.
        for _ in range(10):
            size.value = 0
            library().wolfSSL_read_early_data(self.pointer, buffer, 2**14, byref(size))
            data += buffer.raw[: max(size.value, 0)]
        return data

    def __del__(self) -> None:
        library().wolfSSL_free(self.pointer)
