"""GnuTLS in memory: its library, by ctypes.

All input and output goes through functions of ours, so that each write is a chunk of the `Wire`.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import itertools
import time
import weakref
from ctypes import (
    CFUNCTYPE,
    POINTER,
    byref,
    c_char_p,
    c_int,
    c_size_t,
    c_ssize_t,
    c_uint,
    c_void_p,
)
from functools import cache
from importlib import import_module
from typing import Any, NamedTuple

from . import keys
from .talk import NotPossibleError, Wire, suite_names

VERSIONS = {
    "TLSv10": "TLS1.0",
    "TLSv11": "TLS1.1",
    "TLSv12": "TLS1.2",
    "TLSv13": "TLS1.3",
    "DTLSv10": "DTLS1.0",
    "DTLSv12": "DTLS1.2",
}
ORDER = {2: "TLSv10", 3: "TLSv11", 4: "TLSv12", 5: "TLSv13"}
"""The versions that a suite may ask for, by their numbers in GnuTLS."""

PSK = bytes.fromhex("1a2b3c4d" * 8)

_SERVER, _CLIENT, _DATAGRAM, _NONBLOCK = 1, 2, 4, 8
FORCE_CLIENT_CERT, POST_HANDSHAKE_AUTH, _EARLY = 1 << 9, 1 << 14, 1 << 20
_CERTIFICATE, _ANON, _SRP, _PSK = 1, 2, 3, 4
_AGAIN, _INTERRUPTED, _REHANDSHAKE, _REAUTH, _APPLICATION_DATA = -28, -52, -37, -424, -38
_EAGAIN, _MEDIUM, _PEM = 11, 40, 1


class _Datum(ctypes.Structure):
    _fields_ = (("data", c_void_p), ("size", c_uint))
    buffer: Any = None
    """What holds the data, where they are ours."""


_PUSH = CFUNCTYPE(c_ssize_t, c_void_p, c_void_p, c_size_t)
_TIMEOUT = CFUNCTYPE(c_int, c_void_p, c_uint)
_KEYLOG = CFUNCTYPE(c_int, c_void_p, c_char_p, POINTER(_Datum))
_PSK_FUNCTION = CFUNCTYPE(c_int, c_void_p, c_char_p, POINTER(_Datum))
_SRP_FUNCTION = CFUNCTYPE(
    c_int, c_void_p, c_char_p, POINTER(_Datum), POINTER(_Datum), POINTER(_Datum), POINTER(_Datum)
)
_STORE = CFUNCTYPE(c_int, c_void_p, _Datum, _Datum)
_ADD = CFUNCTYPE(c_int, c_void_p, ctypes.c_long, POINTER(_Datum), POINTER(_Datum))


@cache
def library() -> Any:
    lib: Any = ctypes.CDLL(ctypes.util.find_library("gnutls") or "libgnutls.so.30")
    for name in (
        *("cipher_suite_info", "kx_get_name", "cipher_get_name", "mac_get_name", "strerror"),
        *("check_version", "ciphersuite_get", "protocol_get_name"),
    ):
        getattr(lib, f"gnutls_{name}").restype = c_char_p
    for name in ("record_send", "record_recv", "record_send2", "record_recv_early_data"):
        getattr(lib, f"gnutls_{name}").restype = c_ssize_t
    return lib


def stack() -> str:
    return f"GnuTLS {library().gnutls_check_version(None).decode()}"


class Suite(NamedTuple):
    """A suite of GnuTLS's: its number, and the names of what it is made of; the lowest version that has it."""

    code: int
    kx: str
    cipher: str
    mac: str
    lowest: str


@cache
def suites() -> dict[str, Suite]:
    """All that there are, by their names in GnuTLS."""
    lib = library()
    code = ctypes.create_string_buffer(2)
    kx, cipher, mac, lowest = c_int(), c_int(), c_int(), c_int()
    found: dict[str, Suite] = {}
    for index in itertools.count():
        name = lib.gnutls_cipher_suite_info(
            c_size_t(index), code, byref(kx), byref(cipher), byref(mac), byref(lowest)
        )
        if name is None:
            return found
        key_exchange = lib.gnutls_kx_get_name(kx)
        found[name.decode()] = Suite(
            int.from_bytes(code.raw, "big"),
            key_exchange.decode() if key_exchange else "",
            lib.gnutls_cipher_get_name(cipher).decode(),
            lib.gnutls_mac_get_name(mac).decode(),
            ORDER.get(lowest.value, "TLSv10"),
        )
    raise AssertionError


def check(result: int, what: str) -> None:
    if result < 0:
        raise NotPossibleError(f"{what}: {library().gnutls_strerror(result).decode()}")


def _bytes(datum: Any) -> bytes:
    return ctypes.string_at(datum.data, datum.size)


def _fill(datum: Any, data: bytes) -> None:
    """Give data to GnuTLS, which frees it."""
    address = c_void_p.in_dll(library(), "gnutls_malloc").value
    assert address is not None
    datum.contents.data = CFUNCTYPE(c_void_p, c_size_t)(address)(len(data))
    datum.contents.size = len(data)
    ctypes.memmove(datum.contents.data, data, len(data))


def _datum(data: bytes) -> Any:
    made = _Datum()
    made.buffer = ctypes.create_string_buffer(data, len(data))
    made.data, made.size = ctypes.addressof(made.buffer), len(data)
    return made


_ends: weakref.WeakValueDictionary[int, Endpoint] = weakref.WeakValueDictionary()
_numbers = itertools.count(1)


def _push(number: int, data: int, size: int) -> int:
    end = _ends[number]
    end.wire.send(end.is_client, ctypes.string_at(data, size))
    return size


def _pull(number: int, into: int, size: int) -> int:
    end = _ends[number]
    data = end.wire.receive(end.is_client, size)
    if not data:
        library().gnutls_transport_set_errno(end.pointer, _EAGAIN)
        return -1
    ctypes.memmove(into, data, len(data))
    return len(data)


def _waiting(number: int, millis: int) -> int:
    end = _ends[number]
    return int(end.wire.waiting(end.is_client))


def _psk(session: int, user: bytes, key: Any) -> int:
    _fill(key, PSK)
    return 0


def _srp(session: int, user: bytes, salt: Any, verifier: Any, generator: Any, prime: Any) -> int:
    lib = library()
    salted = b"a salt of ours"
    g, p = (_Datum.in_dll(lib, f"gnutls_srp_1024_group_{name}") for name in ("generator", "prime"))
    made, known = _Datum(), _datum(salted)
    lib.gnutls_srp_verifier(user, b"secret", byref(known), byref(g), byref(p), byref(made))
    for datum, data in (
        *((salt, salted), (verifier, _bytes(made))),
        *((generator, _bytes(g)), (prime, _bytes(p))),
    ):
        _fill(datum, data)
    return 0


def _add(pointer: int, expires: int, key: Any, data: Any) -> int:
    return 0


_FUNCTIONS = _PUSH(_push), _PUSH(_pull), _TIMEOUT(_waiting)
_SECRET, _VERIFIER, _ADDED = _PSK_FUNCTION(_psk), _SRP_FUNCTION(_srp), _ADD(_add)


class Context:
    """Credentials of one side, and what is common to its connections.

    Args:
        is_client: which side.
        version: the only one.
        priority: what comes behind the version in the priority string; GROUPS stands for the groups.
        certificates: names of `keys`.
        flags: more for gnutls_init.
        verify: whether a server insists on a certificate.
        tickets: whether a server gives tickets.
        early: how much early data a server takes, in bytes.
        psk: whether it has such a secret.
        record: the size of the largest one.
        padding: this much is put behind whatever is sent.
        groups: the only ones.
    """

    def __init__(
        self,
        is_client: bool,
        version: str,
        priority: str,
        *,
        certificates: tuple[str, ...] = (),
        flags: int = 0,
        verify: bool = False,
        tickets: bool = True,
        early: int = 0,
        psk: bool = True,
        record: int = 0,
        padding: int = 0,
        groups: str = "",
    ) -> None:
        lib = library()
        self.is_client, self.version, self.padding, self.record = (
            is_client,
            version,
            padding,
            record,
        )
        self.wanted = priority
        if not groups:
            # A client of TLS 1.3 sends a share of a group of each kind, and those of DHE are large.
            groups = "X25519:SECP384R1" if version == "TLSv13" else "X25519:FFDHE2048:SECP256R1"
        self.groups = groups
        self.verify, self.tickets, self.early, self.psk = verify, tickets, early, psk
        self.keylog: list[str] = []
        self.flags = flags | (_CLIENT if is_client else _SERVER) | _NONBLOCK
        if version.startswith("D"):
            self.flags |= _DATAGRAM
        if early:
            self.flags |= _EARLY
        self.certificate, self.anon, self.srp, self.secret = (c_void_p() for _ in range(4))
        side = "client" if is_client else "server"
        lib.gnutls_certificate_allocate_credentials(byref(self.certificate))
        for kind, where in (("anon", self.anon), ("srp", self.srp), ("psk", self.secret)):
            getattr(lib, f"gnutls_{kind}_allocate_{side}_credentials")(byref(where))
        for name in certificates:
            crt, key = (str(keys.folder() / f"{name}.{ext}").encode() for ext in ("crt", "key"))
            done = lib.gnutls_certificate_set_x509_key_file(self.certificate, crt, key, _PEM)
            check(done, name)
        if is_client:
            lib.gnutls_srp_set_client_credentials(self.srp, b"user", b"secret")
            secret = _datum(PSK)
            lib.gnutls_psk_set_client_credentials(self.secret, b"client", byref(secret), 0)
        else:
            lib.gnutls_srp_set_server_credentials_function(self.srp, _VERIFIER)
            lib.gnutls_psk_set_server_credentials_function(self.secret, _SECRET)
        self.ticket_key, self.replay = _Datum(), c_void_p()
        lib.gnutls_session_ticket_key_generate(byref(self.ticket_key))
        lib.gnutls_anti_replay_init(byref(self.replay))
        lib.gnutls_anti_replay_set_add_function(self.replay, _ADDED)
        self._sessions: dict[bytes, bytes] = {}
        self._log = _KEYLOG(self._note)

    @property
    def priority(self) -> str:
        groups = ":".join(f"+GROUP-{group}" for group in self.groups.split(":"))
        wanted = self.wanted.replace("GROUPS", groups)
        return f"NONE:+VERS-{VERSIONS[self.version]}:{wanted}"

    def refuse(self) -> None:
        """Take no more early data."""
        self.early, self.flags = 0, self.flags & ~_EARLY

    def _note(self, session: int, label: bytes, secret: Any) -> int:
        ours, theirs = _Datum(), _Datum()
        library().gnutls_session_get_random(c_void_p(session), byref(ours), byref(theirs))
        line = f"{label.decode()} {_bytes(ours).hex()} {_bytes(secret.contents).hex()}"
        self.keylog.append(line)
        return 0

    def apply(self, session: c_void_p) -> None:
        """Set up a session."""
        lib = library()
        at = c_char_p()
        done = lib.gnutls_priority_set_direct(session, self.priority.encode(), byref(at))
        check(done, f"priority {self.priority}")
        lib.gnutls_credentials_set(session, _CERTIFICATE, self.certificate)
        lib.gnutls_credentials_set(session, _ANON, self.anon)
        lib.gnutls_credentials_set(session, _SRP, self.srp)
        if self.psk:
            lib.gnutls_credentials_set(session, _PSK, self.secret)
        lib.gnutls_session_set_keylog_function(session, self._log)
        if self.record:
            check(lib.gnutls_record_set_max_size(session, c_size_t(self.record)), "record size")
        if self.is_client:
            lib.gnutls_server_name_set(session, 1, b"server.example", c_size_t(14))
            return
        if self.verify:
            lib.gnutls_certificate_server_set_request(session, 2)
        if self.tickets:
            lib.gnutls_session_ticket_enable_server(session, byref(self.ticket_key))
        else:
            store, retrieve = self._kept()
            lib.gnutls_db_set_store_function(session, store)
            lib.gnutls_db_set_retrieve_function(session, retrieve)
        if self.early:
            lib.gnutls_anti_replay_enable(session, self.replay)
            lib.gnutls_record_set_max_early_data_size(session, c_size_t(self.early))

    def _kept(self) -> tuple[Any, Any]:
        """Functions that keep sessions, and find them again."""
        store = _STORE(self._keep)
        # ctypes has no functions that return a structure.
        ffi = import_module("cffi").FFI()
        ffi.cdef("typedef struct { void *data; unsigned int size; } datum;")

        def find(pointer: Any, key: Any) -> Any:
            found = _Datum()
            if data := self._sessions.get(bytes(ffi.buffer(key.data, key.size))):
                _fill(ctypes.pointer(found), data)
            return ffi.new("datum *", (ffi.cast("void *", found.data or 0), found.size))[0]

        retrieve = ffi.callback("datum(void *, datum)", find)
        self._functions = store, retrieve, ffi
        return store, c_void_p(int(ffi.cast("uintptr_t", retrieve)))

    def _keep(self, pointer: int, key: Any, data: Any) -> int:
        self._sessions[_bytes(key)] = _bytes(data)
        return 0


class Endpoint:
    """One side of a connection; an `End`.

    Args:
        context: of its side.
        wire: what it talks over.
        session: the data of one to resume, as `session` gives it.
        mtu: the largest datagram.
    """

    def __init__(self, context: Context, wire: Wire, session: bytes = b"", mtu: int = 1200) -> None:
        lib = library()
        self.context, self.wire, self.is_client = context, wire, context.is_client
        self.pointer = c_void_p()
        self.shaking = False
        """Whether it is at a handshake after the first."""
        self._asking = False
        number = next(_numbers)
        _ends[number] = self
        check(lib.gnutls_init(byref(self.pointer), context.flags), "init")
        context.apply(self.pointer)
        lib.gnutls_transport_set_ptr(self.pointer, c_void_p(number))
        lib.gnutls_transport_set_push_function(self.pointer, _FUNCTIONS[0])
        lib.gnutls_transport_set_pull_function(self.pointer, _FUNCTIONS[1])
        lib.gnutls_transport_set_pull_timeout_function(self.pointer, _FUNCTIONS[2])
        lib.gnutls_handshake_set_timeout(self.pointer, 0)
        if context.version.startswith("D"):
            lib.gnutls_dtls_set_mtu(self.pointer, mtu)
            lib.gnutls_dtls_set_timeouts(self.pointer, 60, 60_000)
        if session:
            done = lib.gnutls_session_set_data(self.pointer, session, c_size_t(len(session)))
            check(done, "session")

    def handshake(self) -> bool:
        lib = library()
        result: int = lib.gnutls_handshake(self.pointer)
        if result < 0 and lib.gnutls_error_is_fatal(result):
            check(result, "client" if self.is_client else "server")
        return result == 0

    def write(self, data: bytes) -> None:
        lib = library()
        at = 0
        while at < len(data):
            rest = data[at:]
            if self.context.padding:
                padding = c_size_t(self.context.padding)
                size = lib.gnutls_record_send2(self.pointer, rest, c_size_t(len(rest)), padding, 0)
            else:
                size = lib.gnutls_record_send(self.pointer, rest, c_size_t(len(rest)))
            check(size, "write")
            at += size

    def read(self) -> bytes:
        lib = library()
        buffer, data = ctypes.create_string_buffer(2**14), b""
        if self._asking:
            self._authenticate()
            return data
        while True:
            if self.shaking:
                result = lib.gnutls_handshake(self.pointer)
                if result < 0 and result != _APPLICATION_DATA:
                    if lib.gnutls_error_is_fatal(result):
                        check(result, "again")
                    return data
                self.shaking = result != 0
            size = lib.gnutls_record_recv(self.pointer, buffer, c_size_t(2**14))
            if size > 0:
                data += buffer.raw[:size]
            elif size == _REHANDSHAKE:
                self.shaking = True
            elif size == _REAUTH:
                check(lib.gnutls_reauth(self.pointer, 0), "post-handshake authentication")
            elif size == 0 or size in (_AGAIN, _INTERRUPTED):
                return data
            elif lib.gnutls_error_is_fatal(int(size)):
                check(int(size), "read")

    def close(self) -> None:
        library().gnutls_bye(self.pointer, 1)

    def timeout(self) -> None:
        time.sleep(0.08)

    def version(self) -> str:
        lib = library()
        name = lib.gnutls_protocol_get_name(lib.gnutls_protocol_get_version(self.pointer)).decode()
        return next(ours for ours, known in VERSIONS.items() if known == name)

    def cipher_suite(self) -> str:
        name = library().gnutls_ciphersuite_get(self.pointer).decode()
        found = suites().get(name)
        return suite_names()[found.code] if found else str(name)

    def session(self) -> bytes:
        """The session, to resume it in another connection."""
        data = _Datum()
        check(library().gnutls_session_get_data2(self.pointer, byref(data)), "session")
        return _bytes(data)

    def resumed(self) -> bool:
        return bool(library().gnutls_session_is_resumed(self.pointer))

    def renegotiate(self, priority: str = "") -> None:
        """Ask for a new handshake; one goes on with it by reading."""
        if priority:
            self.choose(priority)
        if self.is_client:
            self.shaking = True
        else:
            result = library().gnutls_rehandshake(self.pointer)
            if result not in (_AGAIN, _INTERRUPTED):
                check(result, "rehandshake")

    def choose(self, priority: str) -> None:
        """Offer other suites in the next handshake."""
        self.context.wanted = priority
        at = c_char_p()
        wanted = self.context.priority.encode()
        library().gnutls_priority_set_direct(self.pointer, wanted, byref(at))

    def update_keys(self, asks: bool = False) -> None:
        """Use new keys from now on, and ask the other side for new ones of its own, if it should."""
        check(library().gnutls_session_key_update(self.pointer, int(asks)), "key update")

    def write_early(self, data: bytes) -> None:
        done = library().gnutls_record_send_early_data(self.pointer, data, c_size_t(len(data)))
        check(done, "early data")

    def read_early(self) -> bytes:
        """The early data of the client, once the handshake is over."""
        buffer, data = ctypes.create_string_buffer(2**14), b""
        while True:
            size = library().gnutls_record_recv_early_data(self.pointer, buffer, c_size_t(2**14))
            if size <= 0:
                return data
            data += buffer.raw[:size]

    def ask_for_certificate(self) -> None:
        """After the handshake."""
        library().gnutls_certificate_server_set_request(self.pointer, 2)
        self._asking = True
        self._authenticate()

    def _authenticate(self) -> None:
        result = library().gnutls_reauth(self.pointer, 0)
        if result not in (_AGAIN, _INTERRUPTED):
            check(result, "post-handshake authentication")
            self._asking = False

    def __del__(self) -> None:
        library().gnutls_deinit(self.pointer)
