"""What a handshake agrees upon that keys depend on, and the secrets that a key log has of it.

What may live here: that, for any transport. What becomes of records is for `streams`, `datagrams` and `packets`. Nothing
here needs the library cryptography before a secret is found.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from tlsgrammar import Registry
from tlsgrammar.handshake import (
    extension_data,
    has_extension,
    is_hello_retry_request,
    negotiated_version,
    random_of,
)
from tlsgrammar.names import CIPHER_SUITES, HandshakeType
from tlsgrammar.versions import is_tls13

from .keylog import KeyLog, Label
from .suites import Suite, hash_size, suite

if TYPE_CHECKING:
    from .records import Agreed, Protection, Version

__all__ = ["APPLICATION", "EARLY", "HANDSHAKE", "Agreement", "Secrets", "TrafficSecrets"]

_EARLY_DATA = 42
_ENCRYPT_THEN_MAC = 22
_TRUNCATED_HMAC = 4
_EXTENDED_MASTER_SECRET = 23
_SESSION_TICKET = 35

_CLIENT_HELLO = HandshakeType.client_hello.value
_SERVER_HELLO = HandshakeType.server_hello.value
_HELLOS = frozenset({_CLIENT_HELLO, _SERVER_HELLO})
_NEW_SESSION_TICKET = HandshakeType.new_session_ticket.value
_CLIENT_KEY_EXCHANGE = HandshakeType.client_key_exchange.value

_FOUND_BY = 8  # so many bytes of an encrypted pre-master secret stand in a key log
_MAXIMUM_TRANSCRIPT = 2**18  # in bytes; of a longer handshake no extended master secret is made

# The keys of TLS 1.3, in their order; those of application data are followed by others (RFC 8446 section 7.2).
EARLY, HANDSHAKE, APPLICATION = range(3)

_LABELS = {
    (True, EARLY): Label.CLIENT_EARLY,
    (True, HANDSHAKE): Label.CLIENT_HANDSHAKE,
    (False, HANDSHAKE): Label.SERVER_HANDSHAKE,
    (True, APPLICATION): Label.CLIENT_APPLICATION,
    (False, APPLICATION): Label.SERVER_APPLICATION,
}


class Secrets:
    """The secrets of one conversation, and what they depend on.

    Args:
        keylog: where they are looked for.
        registry: where the names of cipher suites are.
        dtls: whether it is DTLS.

    Attributes:
        client_random: that of the last ClientHello; None before there is one.
        offers_early_data: whether that offers early data.
        version: what has been negotiated; None before.
        suite: what the negotiated cipher suite is made of; None where that is not known.
        agreement: the last one up to TLS 1.2; None where there is none.
        unsupported: why nothing can be opened although there are secrets, in words; empty where nothing is known to
            stand against it.
    """

    __slots__ = (
        "_arrivals",
        "_dtls",
        "_keylog",
        "_of_handshake_before",
        "_registry",
        "_session_id",
        "_ticket",
        "_transcript",
        "_transcript_size",
        "agreement",
        "client_random",
        "offered",
        "offers_early_data",
        "suite",
        "unsupported",
        "version",
    )

    def __init__(self, keylog: KeyLog, registry: Registry, dtls: bool) -> None:
        self._keylog = keylog
        self._registry = registry
        self._dtls = dtls
        self.client_random: bytes | None = None
        self.offered: tuple[int, ...] = ()
        self.offers_early_data = False
        self.version: Version | None = None
        self.suite: Suite | None = None
        self.agreement: Agreement | None = None
        self.unsupported = ""
        self._arrivals = 0
        self._of_handshake_before = False  # whether there was any secret
        # What the client offers to resume.
        self._session_id = self._ticket = b""
        # The messages of a handshake, as long as they may go into its master secret.
        self._transcript: list[bytes] | None = None
        self._transcript_size = 0

    @property
    def keylog(self) -> KeyLog:
        """Where they are looked for."""
        return self._keylog

    # In

    def message(self, msg_type: int, body: Any, data: bytes) -> None:
        """Take note of a handshake message.

        Args:
            msg_type: its type.
            body: what its body was parsed to.
            data: its bytes.
        """
        if self.version is not None and self.version.is_tls13 and msg_type in _HELLOS:
            return  # TLS 1.3 has no second handshake
        if msg_type == _CLIENT_HELLO:
            self._client_hello(body)
        elif self.client_random is None:
            return
        if self._transcript is not None:
            self._transcript_size += len(data)
            if self._transcript_size > _MAXIMUM_TRANSCRIPT:
                self._transcript = None
            else:
                self._transcript.append(data)
        if msg_type == _SERVER_HELLO:
            self._server_hello(body)
        elif msg_type == _CLIENT_KEY_EXCHANGE and self.agreement is not None:
            keys = body["exchange_keys"]
            encrypted = b""
            if isinstance(keys, dict) and "pre_master_secret" in keys:
                encrypted = keys["pre_master_secret"]
            self.agreement.has_key_exchange(encrypted[:_FOUND_BY], self._transcript)
            self._transcript = None
        elif msg_type == _NEW_SESSION_TICKET and self.agreement is not None and "ticket" in body:
            self._keylog.remember(body["ticket"], self.agreement.session)

    def _client_hello(self, hello: Any) -> None:
        self._of_handshake_before = self.ever_known()
        self.client_random = random_of(hello)
        self._session_id = hello["legacy_session_id"]
        self._ticket = extension_data(hello, _SESSION_TICKET) or b""
        self.offers_early_data = has_extension(hello, _EARLY_DATA)
        self.offered = self._of_tls13(hello["cipher_suites"]) if self.offers_early_data else ()
        # Over datagrams messages are hashed with a header that is not here.
        wanted = self._keylog.has_pre_master_secrets and not self._dtls
        self._transcript = [] if wanted else None
        self._transcript_size = 0

    def _of_tls13(self, codes: Iterable[int]) -> tuple[int, ...]:
        """The cipher suites of TLS 1.3 among those that a client offers, each once."""
        suites = {code: suite(code, self._registry) for code in codes}
        return tuple(code for code, of in suites.items() if of is not None and of.tls13)

    def _server_hello(self, hello: Any) -> None:
        from .records import Agreed, Version

        number = negotiated_version(hello)
        if is_hello_retry_request(hello) or self.client_random is None:
            return
        self.version = Version.of(number, is_tls13(number), self._dtls)
        self.suite = suite(hello["cipher_suite"], self._registry)
        if self.suite is None:
            name = self._registry.name_of(CIPHER_SUITES, hello["cipher_suite"])
            self.unsupported = f"nothing here opens what is encrypted with {name}"
        if self.version.is_tls13 or self.suite is None:
            self.agreement = None
            return
        if hello["legacy_compression_method"]:
            self.unsupported = "nothing here opens what is compressed"
            self.agreement = None
            return
        agreed = Agreed(
            self.client_random,
            random_of(hello),
            has_extension(hello, _ENCRYPT_THEN_MAC),
            has_extension(hello, _TRUNCATED_HMAC),
        )
        extended = has_extension(hello, _EXTENDED_MASTER_SECRET)
        session_id = hello["legacy_session_id_echo"] or b""
        known = None
        if self._keylog.find(self.client_random, Label.MASTER_SECRET) is None:
            known = self._keylog.resumed(session_id) or self._keylog.resumed(self._ticket)
        self.agreement = Agreement(self, self.suite, number, agreed, extended, known)
        if session_id and session_id != self._session_id:
            self._keylog.remember(session_id, self.client_random)

    # Out

    @property
    def held(self) -> int:
        """How many bytes of memory are held, about."""
        return self._transcript_size if self._transcript is not None else 0

    @property
    def known_now(self) -> object:
        """What may open something: it differs whenever that may have changed."""
        return self._keylog.generation, self.version, self.suite, self.agreement

    def known(self) -> bool:
        """Whether there is any secret of the conversation, so far."""
        if self.client_random is None:
            return False
        if self._keylog.knows(self.client_random):
            return True
        return self.agreement is not None and self.agreement.master() is not None

    def ever_known(self) -> bool:
        """Whether there has been any secret of the conversation; a handshake that is renegotiated has others."""
        return self._of_handshake_before or self.known()

    def arrival(self) -> int:
        """A number that is greater each time."""
        self._arrivals += 1
        return self._arrivals

    def find(self, label: str) -> bytes | None:
        """A secret of the conversation; None where there is none, so far."""
        if self.client_random is None:
            return None
        return self._keylog.find(self.client_random, label)

    def traffic_secret(self, is_client: bool, level: int) -> bytes | None:
        """The first secret of a level of TLS 1.3; None where there is none, so far.

        Args:
            is_client: whether it is the client's.
            level: `EARLY`, `HANDSHAKE` or `APPLICATION`.
        """
        label = _LABELS.get((is_client, level))
        secret = None if label is None else self.find(label)
        if secret is None or level == EARLY or self.suite is None:
            return secret
        # Of the last line of a file that grows, perhaps only the beginning is there.
        return secret if len(secret) == hash_size(self.suite.prf) else None

    def suites_of_early_data(self, secret: bytes) -> Iterator[Suite]:
        """The cipher suites that early data may be protected with, which is said in no hello: those that the client offers
        whose hash is as long as the secret.
        """
        for code in self.offered:
            found = suite(code, self._registry)
            if found is not None and hash_size(found.prf) == len(secret):
                yield found


class TrafficSecrets:
    """The traffic secrets of one side of TLS 1.3: by levels, of which `APPLICATION` and those after it each follow from the
    one before (RFC 8446 section 7.2).

    Args:
        secrets: those of the conversation.
        is_client: whose they are.
        update: the label of the next secret.
    """

    __slots__ = ("_is_client", "_last", "_level", "_secrets", "_update")

    def __init__(self, secrets: Secrets, is_client: bool, update: str | None = None) -> None:
        self._secrets = secrets
        self._is_client = is_client
        self._update = update
        # The highest level that has been reached of those that follow from each other, and its secret.
        self._level = APPLICATION
        self._last: bytes | None = None

    def of(self, level: int) -> bytes | None:
        """The secret of a level; None where it is not known, so far, or has been forgotten.

        Args:
            level: it; each step beyond the one that was reached last takes time.
        """
        if level < APPLICATION:
            return self._secrets.traffic_secret(self._is_client, level)
        if self._last is None:
            self._last = self._secrets.traffic_secret(self._is_client, APPLICATION)
        if level < self._level:
            return None
        secret = self._last
        for _ in range(level - self._level):
            secret = self._after(secret)
        return secret

    def reach(self, level: int) -> None:
        """Take note that a level has been reached, so that those before it are of no use."""
        while self._level < level:
            self._last = self._after(self._last)
            self._level += 1

    def _after(self, secret: bytes | None) -> bytes | None:
        from .schedule import expand_label

        suite, version = self._secrets.suite, self._secrets.version
        if secret is None or suite is None or version is None:
            return None
        update = self._update or version.update
        size = hash_size(suite.prf)
        return expand_label(suite.prf, secret, update, size, prefix=version.prefix)


class Agreement:
    """What the hellos of a handshake up to TLS 1.2 have agreed upon, and what protects records by that.

    Attributes:
        session: the random of the client whose connection has its master secret: its own, or, where a session is resumed,
            that of the one before.
    """

    __slots__ = (
        "_agreed",
        "_extended",
        "_master",
        "_pre_master",
        "_protections",
        "_resumed",
        "_secrets",
        "_suite",
        "_transcript",
        "_version",
        "session",
    )

    def __init__(
        self,
        secrets: Secrets,
        found: Suite,
        version: int,
        agreed: Agreed,
        extended: bool,
        resumed: bytes | None,
    ) -> None:
        self.session = resumed or agreed.client_random
        self._resumed = resumed
        self._secrets = secrets
        self._suite = found
        self._version = version
        self._agreed = agreed
        self._extended = extended
        self._pre_master: bytes | None = None
        self._transcript: list[bytes] | None = None
        self._master: bytes | None = None
        self._protections: tuple[Protection, Protection] | None = None

    def has_key_exchange(self, found_by: bytes, transcript: list[bytes] | None) -> None:
        """Take note of a ClientKeyExchange: no session is resumed.

        Args:
            found_by: the first bytes of the pre-master secret, encrypted; none where it is not sent so.
            transcript: the handshake so far; None where it has not been kept.
        """
        self._resumed = None
        self.session = self._agreed.client_random
        self._pre_master = found_by or None
        self._transcript = transcript if self._extended else None

    def master(self) -> bytes | None:
        """The master secret; None where it is not known, so far."""
        if self._master is None:
            keylog, agreed = self._secrets.keylog, self._agreed
            self._master = keylog.find(agreed.client_random, Label.MASTER_SECRET)
            if self._master is None and self._resumed is not None:
                self._master = keylog.find(self._resumed, Label.MASTER_SECRET)
            if self._master is None and self._pre_master is not None:
                secret = keylog.find(self._pre_master, Label.PRE_MASTER_SECRET)
                self._master = None if secret is None else self._made_of(secret)
        return self._master

    def _made_of(self, pre_master_secret: bytes) -> bytes | None:
        from .schedule import extended_master_secret, master_secret

        version, prf, agreed = self._version, self._suite.prf, self._agreed
        if not self._extended:
            return master_secret(
                version, prf, pre_master_secret, agreed.client_random, agreed.server_random
            )
        if self._transcript is None:
            return None
        return extended_master_secret(version, prf, pre_master_secret, self._transcript)

    def protection(self, is_client: bool) -> Protection | None:
        """What protects the records of a side; None while its secret is not known."""
        if self._protections is None:
            master = self.master()
            if master is None or self._secrets.unsupported:
                return None
            from .records import Unsupported, tls12

            try:
                self._protections = tls12(self._suite, master, self._version, self._agreed)
            except Unsupported as error:
                self._secrets.unsupported = f"nothing here opens the records: {error}"
                return None
        client, server = self._protections
        return client if is_client else server
