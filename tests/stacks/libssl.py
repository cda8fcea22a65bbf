"""OpenSSL's library that this machine has, in memory: its own `libssl`, by ctypes.

What Python's `ssl` cannot be asked for: PSK, SRP, renegotiation, early data, updates of keys, DTLS. All input and output
goes through a BIO of ours, so that each write is a chunk of the `Wire`.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import gc
import itertools
import time
import weakref
from collections.abc import Callable, Sequence
from ctypes import CFUNCTYPE, POINTER, c_char_p, c_int, c_long, c_size_t, c_uint, c_ulong, c_void_p
from functools import cache
from typing import Any

from . import keys
from .talk import NotPossibleError, Wire, suite_names

VERSIONS = {
    "TLSv10": 0x0301,
    "TLSv11": 0x0302,
    "TLSv12": 0x0303,
    "TLSv13": 0x0304,
    "DTLSv10": 0xFEFF,
    "DTLSv12": 0xFEFD,
}
NO_EXTENDED_MASTER_SECRET, NO_TICKET, NO_ENCRYPT_THEN_MAC = 1 << 0, 1 << 14, 1 << 19
ALLOW_CLIENT_RENEGOTIATION, DONT_INSERT_EMPTY_FRAGMENTS = 1 << 8, 1 << 11
NO_RESUMPTION_ON_RENEGOTIATION, NO_QUERY_MTU, NO_ANTI_REPLAY = 1 << 16, 1 << 12, 1 << 24
PSK = bytes.fromhex("1a2b3c4d" * 8)

_SET_DH_AUTO, _SET_GROUPS_LIST, _SET_MTU, _SET_SESS_CACHE_MODE = 118, 92, 17, 44
_SET_MIN, _SET_MAX, _SET_MAX_SEND_FRAGMENT, _SET_SPLIT_SEND_FRAGMENT = 123, 124, 52, 125
_HANDLE_TIMEOUT, _BIO_FLUSH, _BIO_QUERY_MTU = 74, 11, 40
_SET_SERVERNAME_CB, _SET_STATUS_CB, _SET_STATUS_RESPONSE = 53, 63, 71
_SET_HOST_NAME, _SET_STATUS_TYPE, _SET_SIGALGS_LIST = 55, 65, 98
_EXT_CLIENT_HELLO, _EXT_TLS13_CERTIFICATE = 0x80, 0x1000
_WANT_READ, _WANT_WRITE, _ZERO_RETURN = 2, 3, 6
_RETRY_READ = 0x01 | 0x08

_WRITE = CFUNCTYPE(c_int, c_void_p, POINTER(ctypes.c_char), c_int)
_CTRL = CFUNCTYPE(c_long, c_void_p, c_int, c_long, c_void_p)
_KEYLOG = CFUNCTYPE(None, c_void_p, c_char_p)
_TIMER = CFUNCTYPE(c_uint, c_void_p, c_uint)
_PSK_CLIENT = CFUNCTYPE(
    c_uint, c_void_p, c_char_p, POINTER(ctypes.c_char), c_uint, POINTER(ctypes.c_char), c_uint
)
_PSK_SERVER = CFUNCTYPE(c_uint, c_void_p, c_char_p, POINTER(ctypes.c_char), c_uint)
_SRP = CFUNCTYPE(c_int, c_void_p, POINTER(c_int), c_void_p)

_POINTERS = """TLS_client_method TLS_server_method DTLS_client_method DTLS_server_method SSL_CTX_new SSL_new BIO_new
SSL_load_client_CA_file CRYPTO_memdup
BIO_meth_new BIO_get_data SSL_get_current_cipher SSL_get1_session SSL_get0_peer_certificate"""


_other = ""
"""The path of another library, if one is used."""


def use(path: str = "") -> None:
    """Use another library from now on, or that of the machine again."""
    global _other
    # Whatever is left of the one before must be freed by it.
    gc.collect()
    _other = path
    library.cache_clear()
    _method.cache_clear()


@cache
def library() -> Any:
    """The functions of libssl and libcrypto."""
    lib: Any = ctypes.CDLL(_other or ctypes.util.find_library("ssl") or "libssl.so.3")
    for name in _POINTERS.split():
        getattr(lib, name).restype = c_void_p
    lib.SSL_CTX_ctrl.argtypes = lib.SSL_ctrl.argtypes = [c_void_p, c_int, c_long, c_void_p]
    lib.SSL_CTX_ctrl.restype = lib.SSL_ctrl.restype = c_long
    for kind in ("SSL_CTX", "SSL"):
        getattr(lib, f"{kind}_set_options").argtypes = [c_void_p, ctypes.c_uint64]
    lib.OpenSSL_version.restype = c_char_p
    lib.ERR_get_error.restype = c_ulong
    lib.ERR_reason_error_string.argtypes = [c_ulong]
    lib.ERR_reason_error_string.restype = c_char_p
    lib.SSL_CTX_set_block_padding.argtypes = [c_void_p, c_size_t]
    return lib


def stack() -> str:
    """The name of the library, with its version."""
    return " ".join(library().OpenSSL_version(0).decode().split()[:2])


def check(result: int | None, what: str) -> None:
    if not result:
        raise NotPossibleError(f"{what}: {_reason()}")


def _reason() -> str:
    lib, reason = library(), ""
    while code := lib.ERR_get_error():
        found = lib.ERR_reason_error_string(code)
        reason = reason or (found.decode() if found else hex(code))
    return reason or "no reason"


_ends: weakref.WeakValueDictionary[int, Endpoint] = weakref.WeakValueDictionary()
"""Those whose BIO a callback is for, by a number of ours."""

_numbers = itertools.count(1)


def _bio_write(bio: int, data: Any, size: int) -> int:
    end = _ends[library().BIO_get_data(c_void_p(bio))]
    end.wire.send(end.is_client, ctypes.string_at(data, size))
    return size


def _bio_read(bio: int, into: Any, size: int) -> int:
    lib = library()
    end = _ends[lib.BIO_get_data(c_void_p(bio))]
    lib.BIO_clear_flags(c_void_p(bio), 0x0F)
    data = end.wire.receive(end.is_client, size)
    if not data:
        lib.BIO_set_flags(c_void_p(bio), _RETRY_READ)
        return -1
    ctypes.memmove(into, data, len(data))
    return len(data)


def _bio_ctrl(bio: int, command: int, number: int, pointer: Any) -> int:
    return {_BIO_FLUSH: 1, _BIO_QUERY_MTU: 1200}.get(command, 0)


@cache
def _method() -> int:
    lib = library()
    method: int = lib.BIO_meth_new(0x80 | 0x0400, b"wire")
    lib.BIO_meth_set_write(c_void_p(method), _BIO[0])
    lib.BIO_meth_set_read(c_void_p(method), _BIO[1])
    lib.BIO_meth_set_ctrl(c_void_p(method), _BIO[2])
    return method


def _soon(ssl: int, micros: int) -> int:
    # What was lost is sent again after a tenth of a second.
    return 100_000


def _psk_client(ssl: int, hint: Any, identity: Any, size: int, psk: Any, most: int) -> int:
    ctypes.memmove(identity, b"client\0", 7)
    ctypes.memmove(psk, PSK, len(PSK))
    return len(PSK)


def _psk_server(ssl: int, identity: Any, psk: Any, most: int) -> int:
    ctypes.memmove(psk, PSK, len(PSK))
    return len(PSK)


def _srp(ssl: int, alert: Any, argument: Any) -> int:
    found: int = library().SSL_set_srp_server_param_pw(c_void_p(ssl), b"user", b"secret", b"1024")
    # SSL_ERROR_NONE, or SSL3_AL_FATAL.
    return 0 if found > 0 else 2


ALPN = b"http/1.1"
SIGNATURES = b"RSA-PSS+SHA256:ECDSA+SHA256:RSA+SHA256"
# A response that says nothing (RFC 6960 section 4.2.1: malformedRequest), and a timestamp that nobody has signed
# (RFC 6962 section 3.2 and 3.3).
OCSP_RESPONSE = bytes.fromhex("30030a0101")
_ONE_SCT = b"\0" + bytes(range(32)) + (1_700_000_000_000).to_bytes(8, "big") + b"\0\0\4\3\0\4abcd"
SCT = b"".join(len(x).to_bytes(2, "big") for x in (b"  " + _ONE_SCT, _ONE_SCT)) + _ONE_SCT


def _named(ssl: int, alert: Any, argument: Any) -> int:
    return 0  # SSL_TLSEXT_ERR_OK: the name is known, and the server says so


def _status(ssl: int, argument: Any) -> int:
    lib = library()
    # The library frees it.
    copy = lib.CRYPTO_memdup(OCSP_RESPONSE, c_size_t(len(OCSP_RESPONSE)), b"", 0)
    lib.SSL_ctrl(c_void_p(ssl), _SET_STATUS_RESPONSE, len(OCSP_RESPONSE), c_void_p(copy))
    return 0


def _chosen(ssl: int, out: Any, size: Any, offered: Any, length: int, argument: Any) -> int:
    ctypes.cast(out, POINTER(c_char_p))[0] = ALPN
    ctypes.cast(size, POINTER(ctypes.c_ubyte))[0] = len(ALPN)
    return 0


def _any_timestamps(policy: int, timestamps: int, argument: Any) -> int:
    return 1


# They must live as long as the library may call them.
_NAMED, _STATUS = _SRP(_named), CFUNCTYPE(c_int, c_void_p, c_void_p)(_status)
_CHOSEN = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_void_p, c_uint, c_void_p)(_chosen)
_ANY_TIMESTAMPS = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p)(_any_timestamps)
_BIO = _WRITE(_bio_write), _WRITE(_bio_read), _CTRL(_bio_ctrl)
_SOON, _SECRET, _SECRET_FOR, _VERIFIER = (
    _TIMER(_soon), _PSK_CLIENT(_psk_client), _PSK_SERVER(_psk_server), _SRP(_srp),
)  # fmt: skip


class Context:
    """What is common to connections of one side.

    Args:
        is_client: which side.
        version: the only one, by its name here.
        ciphers: a cipher list of OpenSSL's; its suites of TLS 1.3 are in `suites`.
        certificates: names of `keys`.
        options: bits of SSL_OP_*.
        psk, srp: whether it has such a secret.
        groups: their names.
        verify: bits of SSL_VERIFY_*; what the certificate is does not matter.
        early: how much early data a server takes, in bytes.
        padding: records of TLS 1.3 are padded to a multiple of it.
        fragment: the most that is put into a record.
        tickets: how many a server of TLS 1.3 sends.
        compression: the number of what certificates are compressed by.
        extensions: whether it sends, answers and asks for the extensions that it does not send by itself.
        raw_keys: whether certificates are raw public keys (RFC 7250).
    """

    def __init__(
        self,
        is_client: bool,
        version: str,
        *,
        ciphers: str = "ALL:COMPLEMENTOFALL",
        suites: str = "",
        certificates: Sequence[str] = (),
        options: int = 0,
        psk: bool = False,
        srp: bool = False,
        groups: str = "",
        verify: int = 0,
        early: int = 0,
        padding: int = 0,
        fragment: int = 0,
        tickets: int = 2,
        compression: int = 0,
        extensions: bool = False,
        raw_keys: bool = False,
    ) -> None:
        lib = library()
        self.is_client, self.version = is_client, version
        self.extensions, self.raw_keys = extensions, raw_keys
        self.keylog: list[str] = []
        datagrams = version.startswith("D")
        method = f"{'DTLS' if datagrams else 'TLS'}_{'client' if is_client else 'server'}_method"
        self.pointer = ctx = c_void_p(lib.SSL_CTX_new(c_void_p(getattr(lib, method)())))
        for command in (_SET_MIN, _SET_MAX):
            check(lib.SSL_CTX_ctrl(ctx, command, VERSIONS[version], None), "version")
        check(lib.SSL_CTX_set_cipher_list(ctx, f"{ciphers}:@SECLEVEL=0".encode()), ciphers)
        if suites:
            check(lib.SSL_CTX_set_ciphersuites(ctx, suites.encode()), suites)
        lib.SSL_CTX_set_options(ctx, options | (NO_QUERY_MTU if datagrams else 0))
        for name in certificates:
            crt, key = (str(keys.folder() / f"{name}.{ext}").encode() for ext in ("crt", "key"))
            check(lib.SSL_CTX_use_certificate_file(ctx, crt, 1), name)
            check(lib.SSL_CTX_use_PrivateKey_file(ctx, key, 1), name)
        if groups:
            check(lib.SSL_CTX_ctrl(ctx, _SET_GROUPS_LIST, 0, c_char_p(groups.encode())), groups)
        lib.SSL_CTX_ctrl(ctx, _SET_SESS_CACHE_MODE, 3, None)
        lib.SSL_CTX_set_session_id_context(ctx, b"tests", 5)
        self._set_secrets(psk, srp)
        if compression:
            wanted = (c_int * 1)(compression)
            if not hasattr(lib, "SSL_CTX_set1_cert_comp_preference"):
                raise NotPossibleError("it compresses no certificates")
            done = lib.SSL_CTX_set1_cert_comp_preference(ctx, wanted, c_size_t(1))
            check(done, f"compression by {compression}")
            lib.SSL_CTX_compress_certs(ctx, compression)
        if fragment:
            check(lib.SSL_CTX_ctrl(ctx, _SET_MAX_SEND_FRAGMENT, fragment, None), "fragment")
        if padding:
            check(lib.SSL_CTX_set_block_padding(ctx, padding), "padding")
        self._verified = CFUNCTYPE(c_int, c_int, c_void_p)(lambda ok, store: 1)
        lib.SSL_CTX_set_verify(ctx, verify, self._verified)
        if not is_client:
            lib.SSL_CTX_ctrl(ctx, _SET_DH_AUTO, 1, None)
            lib.SSL_CTX_set_max_early_data(ctx, early)
            lib.SSL_CTX_set_recv_max_early_data(ctx, early)
            lib.SSL_CTX_set_num_tickets(ctx, c_size_t(tickets))
        if extensions:
            self._set_extensions()
        # It must live as long as the context.
        self._log = _KEYLOG(lambda ssl, line: self.keylog.append(line.decode()))
        lib.SSL_CTX_set_keylog_callback(ctx, self._log)

    def _set_secrets(self, psk: bool, srp: bool) -> None:
        lib, ctx = library(), self.pointer
        if psk and self.is_client:
            lib.SSL_CTX_set_psk_client_callback(ctx, _SECRET)
        elif psk:
            lib.SSL_CTX_set_psk_server_callback(ctx, _SECRET_FOR)
        if srp and self.is_client:
            check(lib.SSL_CTX_set_srp_username(ctx, b"user"), "srp")
            check(lib.SSL_CTX_set_srp_password(ctx, b"secret"), "srp")
        elif srp:
            check(lib.SSL_CTX_set_srp_username_callback(ctx, _VERIFIER), "srp")

    def _set_extensions(self) -> None:
        lib, ctx = library(), self.pointer
        authorities = c_void_p(lib.SSL_load_client_CA_file(str(keys.folder() / "rsa.crt").encode()))
        lib.SSL_CTX_set0_CA_list(ctx, authorities)
        check(lib.SSL_CTX_ctrl(ctx, _SET_SIGALGS_LIST, 0, c_char_p(SIGNATURES)), "signatures")
        if self.is_client:
            lib.SSL_CTX_set_tlsext_max_fragment_length(ctx, 3)
            protocols = b"".join(bytes([len(each)]) + each for each in (b"h2", ALPN))
            lib.SSL_CTX_set_alpn_protos(ctx, protocols, len(protocols))
            return
        lib.SSL_CTX_callback_ctrl(ctx, _SET_SERVERNAME_CB, _NAMED)
        lib.SSL_CTX_callback_ctrl(ctx, _SET_STATUS_CB, _STATUS)
        lib.SSL_CTX_set_alpn_select_cb(ctx, _CHOSEN, None)
        # For the last one of the certificates.
        context = (_EXT_CLIENT_HELLO | _EXT_TLS13_CERTIFICATE).to_bytes(4, "big")
        timestamps = context + b"\0\x12" + len(SCT).to_bytes(2, "big") + SCT
        done = lib.SSL_CTX_use_serverinfo_ex(ctx, 2, timestamps, c_size_t(len(timestamps)))
        check(done, "timestamps")

    def __del__(self) -> None:
        library().SSL_CTX_free(self.pointer)


class Endpoint:
    """One side of a connection; an `End`.

    Args:
        context: of its side.
        wire: what it talks over.
        session: one to resume, as `session` gives it.
        mtu: the largest datagram.
    """

    def __init__(
        self, context: Context, wire: Wire, session: int | None = None, mtu: int = 1200
    ) -> None:
        lib = library()
        self.context, self.wire, self.is_client = context, wire, context.is_client
        self._number = next(_numbers)
        _ends[self._number] = self
        self.pointer = ssl = c_void_p(lib.SSL_new(context.pointer))
        bio = c_void_p(lib.BIO_new(c_void_p(_method())))
        lib.BIO_set_data(bio, c_void_p(self._number))
        lib.BIO_set_init(bio, 1)
        lib.SSL_set_bio(ssl, bio, bio)
        if context.version.startswith("D"):
            lib.SSL_ctrl(ssl, _SET_MTU, mtu, None)
            lib.DTLS_set_timer_cb(ssl, _SOON)
        if context.is_client:
            lib.SSL_set_connect_state(ssl)
        else:
            lib.SSL_set_accept_state(ssl)
        if session is not None:
            check(lib.SSL_set_session(ssl, c_void_p(session)), "session")
        if context.extensions and context.is_client:
            lib.SSL_ctrl(ssl, _SET_HOST_NAME, 0, c_char_p(b"server.example"))
            lib.SSL_ctrl(ssl, _SET_STATUS_TYPE, 1, None)
            check(lib.SSL_set_ct_validation_callback(ssl, _ANY_TIMESTAMPS, None), "timestamps")
        if context.raw_keys:
            if not hasattr(lib, "SSL_set1_server_cert_type"):
                raise NotPossibleError("it has no raw public keys")
            for side in ("client", "server"):
                function = getattr(lib, f"SSL_set1_{side}_cert_type")
                check(function(ssl, b"\x02", c_size_t(1)), "raw public keys")

    def _retry(self, result: int, what: str) -> None:
        error = library().SSL_get_error(self.pointer, result)
        if error not in (_WANT_READ, _WANT_WRITE, _ZERO_RETURN):
            raise NotPossibleError(f"{what}: {_reason()}")

    def handshake(self) -> bool:
        library().ERR_clear_error()
        result: int = library().SSL_do_handshake(self.pointer)
        if result != 1:
            self._retry(result, "server" if not self.is_client else "client")
        return result == 1

    def write(self, data: bytes) -> None:
        library().ERR_clear_error()
        written = library().SSL_write(self.pointer, data, len(data))
        if written != len(data):
            raise NotPossibleError(f"write: {_reason()}")

    def read(self) -> bytes:
        return self._read_all(lambda buffer: library().SSL_read(self.pointer, buffer, 2**14))

    def _read_all(self, read: Callable[[Any], int]) -> bytes:
        buffer = ctypes.create_string_buffer(2**14)
        data = b""
        while True:
            library().ERR_clear_error()
            size = read(buffer)
            if size <= 0:
                self._retry(size, "read")
                return data
            data += buffer.raw[:size]

    def close(self) -> None:
        library().SSL_shutdown(self.pointer)

    def timeout(self) -> None:
        time.sleep(0.12)
        library().SSL_ctrl(self.pointer, _HANDLE_TIMEOUT, 0, None)

    def version(self) -> str:
        number = library().SSL_version(self.pointer)
        return next(name for name, known in VERSIONS.items() if known == number)

    def cipher_suite(self) -> str:
        lib = library()
        cipher = c_void_p(lib.SSL_get_current_cipher(self.pointer))
        return suite_names()[lib.SSL_CIPHER_get_protocol_id(cipher) & 0xFFFF]

    def session(self) -> int:
        """The session, to resume it in another connection."""
        found: int = library().SSL_get1_session(self.pointer)
        return found

    def resumed(self) -> bool:
        return bool(library().SSL_session_reused(self.pointer))

    def renegotiate(self, ciphers: str = "") -> None:
        """Ask for a new handshake; one goes on with it by reading."""
        lib = library()
        if ciphers:
            self.choose(ciphers)
        check(lib.SSL_renegotiate(self.pointer), "renegotiate")
        self.handshake()

    def choose(self, ciphers: str) -> None:
        """Offer other suites in the next handshake."""
        found = library().SSL_set_cipher_list(self.pointer, f"{ciphers}:@SECLEVEL=0".encode())
        check(found, ciphers)

    def update_keys(self, asks: bool = False) -> None:
        """Use new keys from now on, and ask the other side for new ones of its own, if it should."""
        check(library().SSL_key_update(self.pointer, int(asks)), "key update")
        self.handshake()

    def write_early(self, data: bytes) -> None:
        written = c_size_t()
        done = library().SSL_write_early_data(
            self.pointer, data, c_size_t(len(data)), ctypes.byref(written)
        )
        check(done == 1 and written.value == len(data), "early data")

    def read_early(self) -> bytes:
        """The early data of the client, and answer its hello."""
        lib = library()
        buffer, size, data = ctypes.create_string_buffer(2**14), c_size_t(), b""
        # 0 is an error, that nothing has come yet too; 1 is data, and 2 its end.
        while (
            lib.SSL_read_early_data(self.pointer, buffer, c_size_t(2**14), ctypes.byref(size)) == 1
        ):
            data += buffer.raw[: size.value]
        return data

    def ask_for_certificate(self) -> None:
        """After the handshake."""
        lib = library()
        lib.SSL_set_verify(self.pointer, 3, self.context._verified)
        check(lib.SSL_verify_client_post_handshake(self.pointer), "post-handshake authentication")
        self.handshake()

    def will_authenticate(self) -> None:
        library().SSL_set_post_handshake_auth(self.pointer, 1)

    def __del__(self) -> None:
        library().SSL_free(self.pointer)
        _ends.pop(self._number, None)
