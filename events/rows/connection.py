"""How a row of ssl.log comes of events.

What may live here: what each event adds to the row of its connection. When a row is complete is for `rows`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from tlsgrammar import Registry, names
from tlsgrammar.language.names import Names
from tlsgrammar.names import HandshakeType
from tlsgrammar.versions import DTLS13, SSL20, TLS13

from ..certificate import CertificateInfo
from ..fingerprints import is_grease
from ..model import (
    Connection,
    Event,
    ProtocolViolation,
    SslAlert,
    SslChangeCipherSpec,
    SslClientFingerprints,
    SslClientHello,
    SslEstablished,
    SslExtensionApplicationLayerProtocolNegotiation,
    SslExtensionKeyShare,
    SslExtensionPreSharedKeyServerHello,
    SslExtensionServerName,
    SslExtensionSessionTicket,
    SslExtensionSupportedVersions,
    SslHandshakeMessage,
    SslHeartbeat,
    SslSecretsKnown,
    SslServerCurve,
    SslServerFingerprint,
    SslServerHello,
    X509Certificate,
)
from .history import ALERT, CHANGE_CIPHER_SPEC, HEARTBEAT, HELLO_RETRY_REQUEST, MESSAGES, OTHER
from .hosts import is_for
from .model import ConnectionRow
from .names import named, text, version_name

__all__ = ["HEARS", "OpenConnection"]

_MAXIMUM_HISTORY = 100
_MAXIMUM_CHAIN = 100  # certificates of one side

_CLIENT_HELLO = HandshakeType.client_hello.value
_SERVER_HELLO = HandshakeType.server_hello.value
_CLIENT_KEY_EXCHANGE = HandshakeType.client_key_exchange.value

# The Random of a HelloRetryRequest (RFC 8446 section 4.1.3), behind its first four bytes.
_RETRY = (
    0xCF21AD74,
    bytes.fromhex("e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c"),
)


class OpenConnection:
    """What is known of a connection so far.

    Attributes:
        c: the connection.
        ts: the time of its first event.
        client_is_orig: whether the originator is the client; that is so until a hello says otherwise.
        established: whether `ssl_established` was raised.
        is_read: whether its secrets are known, so that it goes on when it is established.
        place: where its first event stands; see `Rows.place`.
        told: the type of the message whose hello stands in the history already; None where there is none.
        whole_chains: the sides whose Certificate message is over.
    """

    __slots__ = (
        "c",
        "certificates",
        "chains",
        "cipher",
        "client_is_orig",
        "client_versions",
        "curve",
        "established",
        "has_client_hello",
        "has_client_key_exchange",
        "history",
        "is_read",
        "ja3",
        "ja3s",
        "ja4",
        "last_alert",
        "offers_ticket",
        "place",
        "protocols",
        "resumed",
        "server_names",
        "session_id",
        "told",
        "ts",
        "version",
        "violations",
        "whole_chains",
    )

    def __init__(self, c: Connection, ts: float | None, place: int = 0) -> None:
        self.c = c
        self.place = place
        self.ts = ts
        self.client_is_orig = True
        self.version: int | None = None
        self.cipher: int | None = None
        self.curve: int | None = None
        self.server_names: dict[bool, bytes] = {}
        self.protocols: dict[bool, bytes] = {}
        self.session_id = b""
        self.has_client_hello = False
        self.offers_ticket = False
        self.has_client_key_exchange = False
        self.resumed = False
        self.last_alert: int | None = None
        self.established = False
        self.is_read = False
        self.history = ""
        self.told: int | None = None
        self.client_versions: list[int] = []
        self.chains: dict[bool, list[str]] = {}
        self.whole_chains: set[bool] = set()
        self.certificates: dict[bool, CertificateInfo | None] = {}
        self.ja3: str | None = None
        self.ja3s: str | None = None
        self.ja4: str | None = None
        self.violations = 0

    def tell(self, letter: str, is_orig: bool) -> None:
        """Put a letter into the history."""
        if len(self.history) < _MAXIMUM_HISTORY:
            self.history += letter.upper() if is_orig is self.client_is_orig else letter

    def row(self, registry: Registry, file: str | None) -> ConnectionRow:
        """The row, as far as it is known."""
        c, client = self.c, self.client_is_orig
        server_name = self.server_names.get(client)
        host = None if server_name is None else text(server_name)
        next_protocol = self.protocols.get(not client)
        certificate = self.certificates.get(not client)
        matches = None if host is None or certificate is None else is_for(certificate, host)
        return ConnectionRow(
            ts=self.ts,
            uid=c.uid,
            orig_h=c.orig_h,
            orig_p=c.orig_p,
            resp_h=c.resp_h,
            resp_p=c.resp_p,
            version=None if self.version is None else version_name(registry, self.version),
            cipher=None if self.cipher is None else _cipher(registry, self.cipher),
            curve=_named(registry, names.SUPPORTED_GROUPS, self.curve),
            server_name=host,
            resumed=self.resumed,
            last_alert=_named(registry, self._alerts, self.last_alert),
            next_protocol=None if next_protocol is None else text(next_protocol),
            established=self.established,
            ssl_history=self.history,
            cert_chain_fps=tuple(self.chains.get(not client, ())),
            client_cert_chain_fps=tuple(self.chains.get(client, ())),
            sni_matches_cert=matches,
            proto=c.proto,
            ja3=self.ja3,
            ja3s=self.ja3s,
            ja4=self.ja4,
            client_versions=tuple([version_name(registry, each) for each in self.client_versions]),
            subject=None if certificate is None else certificate.subject,
            issuer=None if certificate is None else certificate.issuer,
            not_valid_after=None if certificate is None else certificate.not_valid_after,
            file=file,
            violations=self.violations,
        )

    @property
    def _alerts(self) -> Names:
        """What alerts are called; those of SSL 2.0 are its errors."""
        client_version = self.client_versions[0] if self.client_versions else None
        version = client_version if self.version is None else self.version
        return names.SSLV2_ERRORS if version == SSL20 else names.ALERT_DESCRIPTIONS


def _named(registry: Registry, of: Names, code: int | None) -> str | None:
    return None if code is None else named(registry, of, code)


def _cipher(registry: Registry, cipher: int) -> str:
    """By its name; the cipher kinds of SSL 2.0 have 24 bits (RFC 5246 appendix E.2)."""
    of = names.CIPHER_SUITES if cipher < 2**16 else names.SSLV2_CIPHER_KINDS
    return named(registry, of, cipher)


# What each event adds. A hello's extensions come before it, and it before its `ssl_handshake_message`.


def _client_hello(of: OpenConnection, event: SslClientHello) -> None:
    of.tell(MESSAGES[_CLIENT_HELLO], of.client_is_orig)
    of.told = _CLIENT_HELLO
    if not of.has_client_hello:
        of.has_client_hello = True
        of.session_id = event.session_id
        of.client_versions = of.client_versions or [event.version]


def _server_hello(of: OpenConnection, event: SslServerHello) -> None:
    is_retry = (event.possible_ts, event.server_random) == _RETRY
    of.tell(HELLO_RETRY_REQUEST if is_retry else MESSAGES[_SERVER_HELLO], not of.client_is_orig)
    of.told = _SERVER_HELLO
    of.cipher = event.cipher
    if of.version is None:  # supported_versions counts, where there is one
        of.version = event.version
    if event.session_id and event.session_id == of.session_id and not _is_tls13(of.version):
        of.resumed = True


def _is_tls13(version: int) -> bool:
    return version in (TLS13, DTLS13) or version >> 8 == 0x7F  # the drafts


def _handshake_message(of: OpenConnection, event: SslHandshakeMessage) -> None:
    msg_type = event.msg_type
    told, of.told = of.told, None
    if msg_type == _CLIENT_HELLO:
        of.client_is_orig = event.is_orig
    elif msg_type == _SERVER_HELLO:
        of.client_is_orig = not event.is_orig
    elif msg_type == _CLIENT_KEY_EXCHANGE:
        of.has_client_key_exchange = True
    if msg_type != told:
        of.tell(MESSAGES.get(msg_type, OTHER), event.is_orig)


def _change_cipher_spec(of: OpenConnection, event: SslChangeCipherSpec) -> None:
    of.tell(CHANGE_CIPHER_SPEC, event.is_orig)
    if event.is_orig is of.client_is_orig and of.offers_ticket and not of.session_id:
        of.resumed |= not of.has_client_key_exchange


def _heartbeat(of: OpenConnection, event: SslHeartbeat) -> None:
    of.tell(HEARTBEAT, event.is_orig)


def _alert(of: OpenConnection, event: SslAlert) -> None:
    of.tell(ALERT, event.is_orig)
    of.last_alert = event.desc


def _server_name(of: OpenConnection, event: SslExtensionServerName) -> None:
    if event.names:
        of.server_names.setdefault(event.is_orig, event.names[0])


def _protocols(of: OpenConnection, event: SslExtensionApplicationLayerProtocolNegotiation) -> None:
    if event.protocols:
        of.protocols[event.is_orig] = event.protocols[0]


def _supported_versions(of: OpenConnection, event: SslExtensionSupportedVersions) -> None:
    if not event.is_client:
        of.version = event.versions[0] if event.versions else of.version
    elif not of.has_client_hello:
        of.client_versions = [each for each in event.versions if not is_grease(each)]


def _key_share(of: OpenConnection, event: SslExtensionKeyShare) -> None:
    if not event.is_client and event.curves:
        of.curve = event.curves[0]


def _server_curve(of: OpenConnection, event: SslServerCurve) -> None:
    of.curve = event.curve


def _pre_shared_key(of: OpenConnection, event: SslExtensionPreSharedKeyServerHello) -> None:
    of.resumed = True


def _session_ticket(of: OpenConnection, event: SslExtensionSessionTicket) -> None:
    of.offers_ticket |= bool(event.ticket)


def _certificate(of: OpenConnection, event: X509Certificate) -> None:
    chain = of.chains.setdefault(event.is_orig, [])
    if event.index == 0 and chain:
        of.whole_chains.add(event.is_orig)  # this is another Certificate message
    if event.is_orig in of.whole_chains or len(chain) >= _MAXIMUM_CHAIN:
        return
    if event.index == 0:
        of.certificates[event.is_orig] = event.certificate
    chain.append(hashlib.sha256(event.der).hexdigest())


def _client_fingerprints(of: OpenConnection, event: SslClientFingerprints) -> None:
    of.ja3, of.ja4 = of.ja3 or event.ja3, of.ja4 or event.ja4


def _server_fingerprint(of: OpenConnection, event: SslServerFingerprint) -> None:
    of.ja3s = event.ja3s


def _secrets_known(of: OpenConnection, event: SslSecretsKnown) -> None:
    of.is_read = True


def _established(of: OpenConnection, event: SslEstablished) -> None:
    of.established = True


def _violation(of: OpenConnection, event: ProtocolViolation) -> None:
    of.violations += 1


HEARS: dict[type[Event], Callable[[OpenConnection, Any], None]] = {
    SslClientHello: _client_hello,
    SslServerHello: _server_hello,
    SslHandshakeMessage: _handshake_message,
    SslChangeCipherSpec: _change_cipher_spec,
    SslHeartbeat: _heartbeat,
    SslAlert: _alert,
    SslExtensionServerName: _server_name,
    SslExtensionApplicationLayerProtocolNegotiation: _protocols,
    SslExtensionSupportedVersions: _supported_versions,
    SslExtensionKeyShare: _key_share,
    SslServerCurve: _server_curve,
    SslExtensionPreSharedKeyServerHello: _pre_shared_key,
    SslExtensionSessionTicket: _session_ticket,
    X509Certificate: _certificate,
    SslClientFingerprints: _client_fingerprints,
    SslServerFingerprint: _server_fingerprint,
    SslSecretsKnown: _secrets_known,
    SslEstablished: _established,
    ProtocolViolation: _violation,
}
"""What an event adds to the row of its connection."""
