"""The open types of TLS: what IANA can add to, and the calls that add to it.

What may live here: the registry and its calls. What comes with the library is registered where it is declared, with the
same calls.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from construct import Construct

from . import names
from .language.names import Names
from .language.open_types import Entry, OpenTypes, changing, nearest, registry_of, use_by_default
from .names import ContentType
from .versions import by_version

__all__ = ["DEFAULT", "MESSAGES", "TRANSPORTS", "Registry", "registry_of"]

MESSAGES = (
    "client_hello",
    "server_hello",
    "hello_retry_request",
    "encrypted_extensions",
    "certificate",
    "certificate_request",
    "new_session_ticket",
)
"""The messages that extensions stand in, named as RFC 8446 section 4.2 does."""

TRANSPORTS = ("stream", "datagram")
"""What records are carried in: TLS in a stream, DTLS in datagrams."""

VERSIONS = ("tls12", "tls13")
"""What the schema of a handshake message may depend on: TLS 1.3 or not (and DTLS 1.3 or not)."""

SIDES = ("server", "client")
"""Whose parameters a key exchange has: in the ServerKeyExchange, and in the ClientKeyExchange."""

EXTENSION = "extension"
MESSAGE = "handshake message"
CONTENT_TYPE = "content type"
KEY_EXCHANGE = "key exchange"

# The records of these are read by the record layer itself.
_OF_THE_RECORD_LAYER = (ContentType.handshake, ContentType.application_data, ContentType.tls12_cid)

Schemas: TypeAlias = "Construct | Mapping[str, Construct]"


class Registry(OpenTypes):
    """What a parser knows of the open types of TLS, by code point: extensions, handshake messages, content types, key
    exchanges, cipher suites, and names.

    What is not registered keeps its bytes. What a code point is registered for in one registry, another does not know.
    """

    def __init__(self) -> None:
        super().__init__()
        # The key exchange of a cipher suite whose name does not tell, and those whose parameters are signed, and that
        # are preceded by an identity.
        self._key_exchanges: dict[int, str] = {}
        self._protections: dict[int, str] = {}
        self._signed: set[str] = set()
        self._with_identity: set[str] = set()

    def copy(self) -> Registry:
        """A registry of the same entries that can be changed by itself."""
        copied = Registry()
        self.copy_to(copied)
        copied._key_exchanges.update(self._key_exchanges)
        copied._protections.update(self._protections)
        copied._signed.update(self._signed)
        copied._with_identity.update(self._with_identity)
        return copied

    # The calls

    def register(
        self, code: int, name: str, schema: Schemas, *, reference: str = "", replace: bool = False
    ) -> None:
        """Make an extension known (RFC 8446 section 4.2).

        Args:
            code: its code point, 0 to 65535.
            name: its name.
            schema: a construct for its body; or, where the body differs, one for each message that it can stand in, by
                the names in `MESSAGES`.
            reference: the document that defines it.
            replace: take the code point and the name from the extensions that hold them, with what was attached to
                those.

        Raises:
            ValueError: the code point is out of range, it or the name is taken, the name or the mapping is empty, or a
                message has no such name.
            TypeError: a schema is not a construct, or the code point not an integer.
        """
        _check_code(EXTENSION, name, code, 2**16)
        entry = Entry(code, name, _by(MESSAGES, schema), reference)
        self.enter_type(EXTENSION, entry, replace=replace, places="message", wheres=MESSAGES)

    def register_message(
        self, code: int, name: str, schema: Schemas, *, reference: str = "", replace: bool = False
    ) -> None:
        """Make a handshake message known (RFC 8446 section 4).

        Args:
            code: its type, 0 to 255.
            name: its name.
            schema: a construct for its body; or one for TLS 1.3, DTLS 1.3 and their drafts (`tls13`) and one for what
                came before (`tls12`), or only one of the two.
            reference, replace: as for `register`.

        Raises:
            ValueError, TypeError: as `register` does.
        """
        _check_code(MESSAGE, name, code, 2**8)
        if isinstance(schema, Mapping):
            for version, body in schema.items():
                if version not in VERSIONS:
                    raise ValueError(
                        f"{MESSAGE} {name!r}: no version {version!r}{nearest(str(version), VERSIONS)}; there are "
                        f"{', '.join(VERSIONS)}"
                    )
                if not isinstance(body, Construct):
                    raise TypeError(
                        f"{MESSAGE} {name!r}: the schema for {version} is not a construct but {body!r}"
                    )
            schemas = {"": by_version(**schema)} if schema else {}
        else:
            schemas = {"": schema}
        self.enter_type(
            MESSAGE,
            Entry(code, name, schemas, reference),
            replace=replace,
            places="version",
            wheres=("",),
        )
        self.add_name(names.HANDSHAKE_TYPES, code, name, replace=True)

    def register_content_type(
        self, code: int, name: str, schema: Schemas, *, reference: str = "", replace: bool = False
    ) -> None:
        """Make a content type of records known (RFC 8446 section 5.1).

        Args:
            code: its code point, 0 to 255; over datagrams those from 20 to 63 can be told from other protocols.
            name: its name.
            schema: a construct for what a record of that type holds, all of it; or one for `stream` (TLS) and one for
                `datagram` (DTLS), or only one of the two.
            reference, replace: as for `register`.

        Raises:
            ValueError, TypeError: as `register` does; and ValueError for the types that the record layer reads itself.
        """
        _check_code(CONTENT_TYPE, name, code, 2**8)
        if code in _OF_THE_RECORD_LAYER:
            raise ValueError(f"{CONTENT_TYPE} {name!r}: {code} is read by the record layer itself")
        entry = Entry(code, name, _by(TRANSPORTS, schema), reference)
        self.enter_type(CONTENT_TYPE, entry, replace=replace, places="transport", wheres=TRANSPORTS)
        self.add_name(names.CONTENT_TYPES, code, name, replace=True)

    def register_key_exchange(
        self,
        name: str,
        *,
        server: Construct | None = None,
        client: Construct | None = None,
        signed: bool = False,
        identity: bool = False,
        reference: str = "",
        replace: bool = False,
    ) -> None:
        """Make a key exchange of TLS up to 1.2 known (RFC 5246 section 7.4.3 and 7.4.7).

        Args:
            name: its name, as the names of its cipher suites have it, in lower case: `dhe_rsa`.
            server, client: the parameters in a ServerKeyExchange and in a ClientKeyExchange; at least one of them.
            signed: whether a signature stands behind those of the server.
            identity: whether an identity hint, and the identity, of a pre-shared key stand before them (RFC 4279
                section 2).
            reference, replace: as for `register`.

        Raises:
            ValueError: the name is taken, empty or not in lower case, or neither has parameters.
            TypeError: the parameters are not a construct.
        """
        given = {side: x for side, x in zip(SIDES, (server, client), strict=True) if x is not None}
        if isinstance(name, str) and name != name.lower():
            raise ValueError(f"key exchange {name!r}: its name is written in lower case")
        entry = Entry(name, name, given, reference)
        with changing:
            self.enter_type(KEY_EXCHANGE, entry, replace=replace, places="side", wheres=SIDES)
            self._signed = (self._signed - {name}) | ({name} if signed else set())
            self._with_identity = (self._with_identity - {name}) | ({name} if identity else set())
            self.changed()

    def register_cipher_suite(
        self,
        code: int,
        name: str,
        *,
        key_exchange: str | None = None,
        protection: str | None = None,
        replace: bool = False,
    ) -> None:
        """Make a cipher suite known.

        Args:
            code: its code point, 0 to 65535.
            name: its name, as `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256`.
            key_exchange: the name of its key exchange, where its own name does not begin with it.
            protection: the name of a known suite that protects records in the same way, where its own name does not say
                how it does: `TLS_AES_128_GCM_SHA256`.
            replace: take the code point and the name from the suites that hold them.

        Raises:
            ValueError: the code point or the name is taken, or no such key exchange or suite is registered.
            TypeError: the code point is not an integer.
        """
        _check_code("cipher suite", name, code, 2**16)
        known = self.key_exchanges
        if key_exchange is not None and key_exchange not in known:
            raise ValueError(
                f"cipher suite {name!r}: no key exchange {key_exchange!r} is registered{nearest(key_exchange, known)}"
            )
        if protection is not None:
            try:
                self.code_of(names.CIPHER_SUITES, protection)
            except KeyError as error:
                raise ValueError(f"cipher suite {name!r}: {error.args[0]}") from None
        with changing:
            self.add_name(names.CIPHER_SUITES, code, name, replace=replace)
            others = {c: of for c, of in self._key_exchanges.items() if c != code}
            self._key_exchanges = others if key_exchange is None else {**others, code: key_exchange}
            others = {c: of for c, of in self._protections.items() if c != code}
            self._protections = others if protection is None else {**others, code: protection}
            self.changed()

    def register_name(self, of: Names, code: int, name: str, *, replace: bool = False) -> None:
        """Give a code point a name, such as a group's (`names.SUPPORTED_GROUPS`).

        Args:
            of: the names that it belongs to, one of `tlsgrammar.names` or of your own.
            code: the code point.
            name: its name.
            replace: rename the code point if it has a name, and take the name if it stands for another.

        Raises:
            ValueError: the code point or the name is taken, or the name is empty.
            TypeError: the code point is not an integer, or `of` are no names.
        """
        if not isinstance(of, Names):
            raise TypeError(f"names of {of!r} cannot be added to; give one of tlsgrammar.names")
        self.add_name(of, code, name, replace=replace)

    # What is known

    @property
    def extensions(self) -> Mapping[int, Entry]:
        """The extensions, by code point."""
        return self.entries(EXTENSION)

    @property
    def messages(self) -> Mapping[int, Entry]:
        """The handshake messages, by type."""
        return self.entries(MESSAGE)

    @property
    def content_types(self) -> Mapping[int, Entry]:
        """The content types that have a schema, by code point."""
        return self.entries(CONTENT_TYPE)

    @property
    def key_exchanges(self) -> Mapping[str, Entry]:
        """The key exchanges, by name."""
        return self.entries(KEY_EXCHANGE)

    def name(self, code: int) -> str:
        """The name of an extension: the registered one, or the one of the IANA registry."""
        entry = self.extensions.get(code)
        return entry.name if entry is not None else self.name_of(names.EXTENSION_TYPES, code)

    def code(self, extension: int | str) -> int:
        """The code point of an extension, given that or its name.

        Raises:
            ValueError: no such extension is registered.
        """
        if isinstance(extension, int):
            if extension in self.extensions:
                return extension
        else:
            for known in self.extensions.values():
                if known.name == extension:
                    return int(known.code)
        hint = nearest(str(extension), (known.name for known in self.extensions.values()))
        raise ValueError(f"no extension {extension!r} is registered{hint}")

    def name_of(self, of: Names, code: int) -> str:
        """The name of a code point, in this registry."""
        if of is names.EXTENSION_TYPES and code in self.extensions:
            return self.extensions[code].name
        return super().name_of(of, code)

    def code_of(self, of: Names, name: str) -> int:
        """The code point of a name, in this registry.

        Raises:
            KeyError: there is no such name.
        """
        if of is names.EXTENSION_TYPES:
            try:
                return self.code(name)
            except ValueError:
                pass
        return super().code_of(of, name)

    def key_exchange_of(self, cipher_suite: int) -> str | None:
        """The key exchange that a cipher suite was registered with, if its name does not tell."""
        return self._key_exchanges.get(cipher_suite)

    def protection_of(self, cipher_suite: int) -> str:
        """The name that says how a cipher suite protects records: its own, or that of the one that it was registered
        with.
        """
        return self._protections.get(cipher_suite) or self.name_of(
            names.CIPHER_SUITES, cipher_suite
        )

    def is_signed(self, key_exchange: str | None) -> bool:
        """Whether a signature stands behind the server's parameters of a key exchange."""
        return key_exchange in self._signed

    def has_identity(self, key_exchange: str | None) -> bool:
        """Whether an identity of a pre-shared key stands before the parameters of a key exchange."""
        return key_exchange in self._with_identity


def _check_code(kind: str, name: object, code: object, limit: int) -> None:
    if type(code) is not int:
        raise TypeError(f"{kind} {name!r}: a code point is an integer, not {code!r}")
    if not 0 <= code < limit:
        raise ValueError(f"{kind} {name!r}: code point {code} is not in 0 to {limit - 1}")


def _by(wheres: tuple[str, ...], schema: Any) -> Mapping[str, Construct]:
    return dict(schema) if isinstance(schema, Mapping) else dict.fromkeys(wheres, schema)


DEFAULT = Registry()
"""The registry that is used where a caller names no other: `extensions=` in the context."""

use_by_default(DEFAULT)
