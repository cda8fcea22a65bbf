"""What a caller may choose: the same for every analyzer and every way to read captures.

What may live here: the choices, their defaults, and what is wrong with a choice.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import TYPE_CHECKING, TypedDict

import msgspec

from tlsgrammar import Registry
from tlsgrammar.framing import DEFAULT_SEARCH_LIMIT, MAXIMUM_HANDSHAKE_LENGTH

from .model import Connection
from .walk import check_wanted

if TYPE_CHECKING:
    from .secrets.keylog import KeyLog

__all__ = ["DEFAULT_DETAILS", "Choices", "Options", "chosen"]

DEFAULT_DETAILS = 200
"""So many connections a report shows with their bytes, where nobody asks for another number."""


class Choices(TypedDict, total=False):
    """The keyword arguments of whatever takes the choices of `Options`."""

    disable_analyzer_after_detection: bool
    wanted: Collection[str] | None
    extensions: Registry | None
    secrets: KeyLog | str | os.PathLike[str] | None
    embedded_secrets: bool
    filter: str | None
    search_limit: int
    handshake_limit: int
    reorder_limit: int
    connection_limit: int
    memory_limit: int
    silent_limit: int
    uid_seed: str


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """Options shared by all analyzers.

    Attributes:
        disable_analyzer_after_detection: raise nothing more of a connection once `ssl_established` has been raised,
            and the `ssl_encrypted_data` of the record that triggered it.
        wanted: the names of the events that are asked for (`events.known_events()` has all); where it is None, the
            documented seventeen, `protocol_violation`, `reporter_error`, and those of a user's own. Asking for fewer
            costs less.
        extensions: the registry of extensions and the like; the default one where it is None.
        secrets: a `KeyLog`, or the path of one, by which encrypted records are read. A connection whose secrets are known
            is read to its end, whatever `disable_analyzer_after_detection` says.
        embedded_secrets: whether the secrets are used that a capture itself holds (Decryption Secrets Blocks of pcapng).
        filter: which packets of a capture are read, in the language of libpcap: `port 443`; all where it is None. It sees
            a frame from the outside, and nothing in tunnels (docs/live.md).
        search_limit: how many bytes into a stream that does not start with TLS to look for a ClientHello; 0 for streams
            that start with TLS only.
        handshake_limit: how long a handshake message may be, in bytes.
        reorder_limit: how many bytes of data that came out of order are held for one direction of a TCP connection.
        connection_limit: how many bytes of memory are held for what has not arrived whole of one connection.
        memory_limit: how many bytes of memory all connections of a capture take together.
        silent_limit: how many TCP connections, and how many UDP flows, are remembered in which nothing of interest was
            sent, or that are over: about, for a 64th of them is counted at a time, and of each at least one is remembered.
        uid_seed: makes the uids of connections differ from those of another capture that holds the same ports and times;
            what reads several captures takes their paths.

    What happens beyond each limit is said in docs/limits.md.

    Raises:
        ValueError: an event in `wanted` is not known, or a limit is negative.
        TypeError: `wanted` is a string and not several, `extensions` is no registry, `secrets` no key log, `filter` no
            text, or a limit no integer.
        OSError: `secrets` is the path of a file that cannot be opened.
        ImportError: there are secrets, and the library cryptography is not installed.
    """

    disable_analyzer_after_detection: bool = True
    wanted: Collection[str] | None = None
    extensions: Registry | None = None
    secrets: KeyLog | str | os.PathLike[str] | None = None
    embedded_secrets: bool = True
    filter: str | None = None
    search_limit: int = DEFAULT_SEARCH_LIMIT
    handshake_limit: int = MAXIMUM_HANDSHAKE_LENGTH
    reorder_limit: int = 4 * 2**20
    connection_limit: int = 32 * 2**20
    memory_limit: int = 512 * 2**20
    silent_limit: int = 100_000
    uid_seed: str = ""

    @property
    def names(self) -> frozenset[str] | None:
        """The validated names; None if `wanted` is None."""
        return self.wanted  # type: ignore[return-value]

    @property
    def key_log(self) -> KeyLog | None:
        """The secrets, once a path has been opened."""
        return self.secrets  # type: ignore[return-value]

    def __post_init__(self) -> None:
        if self.extensions is not None and not isinstance(self.extensions, Registry):
            raise TypeError(f"extensions= takes a Registry, not {self.extensions!r}")
        if self.secrets is not None:
            msgspec.structs.force_setattr(self, "secrets", _key_log(self.secrets))
        if self.filter is not None and not isinstance(self.filter, str):
            raise TypeError(f"filter= takes text, not {self.filter!r}")
        if not isinstance(self.uid_seed, str):
            raise TypeError(f"uid_seed= takes text, not {self.uid_seed!r}")
        for name in _LIMITS:
            limit = getattr(self, name)
            if not isinstance(limit, int) or isinstance(limit, bool):
                raise TypeError(f"{name}= takes a number, not {limit!r}")
            if limit < 0:
                raise ValueError(f"{name}= must be 0 or more, not {limit}")
        wanted = check_wanted(self.wanted, self.extensions)
        msgspec.structs.force_setattr(self, "wanted", wanted)


def _key_log(secrets: object) -> KeyLog:
    import importlib.util  # here, because most have no secrets

    from .secrets.keylog import KeyLog

    if isinstance(secrets, str | os.PathLike):
        secrets = KeyLog(secrets)
    if not isinstance(secrets, KeyLog):
        kind = type(secrets).__name__  # never what it holds
        raise TypeError(
            f"secrets= takes a KeyLog, or the path of a key log, not a value of type {kind}"
        )
    if importlib.util.find_spec("cryptography") is None:
        raise ImportError(
            "to read what is encrypted needs the library cryptography: pip install cryptography",
            name="cryptography",
        )
    return secrets


_LIMITS = [name for name in Options.__struct_fields__ if name.endswith("_limit")]


def chosen(c: object, options: Options | None, choices: Choices) -> Options:
    """The options of an analyzer.

    Args:
        c: its connection.
        options: what was given as `options=`.
        choices: what was given as other keywords.

    Raises:
        TypeError: both are given, or something is not what it should be.
        ValueError: as of `Options`.
    """
    if c is not None and not isinstance(c, Connection):
        raise TypeError(f"c= takes a Connection, not {c!r}")
    if options is None:
        return Options(**choices)
    if not isinstance(options, Options):
        raise TypeError(f"options= takes an Options, not {options!r}")
    if choices:
        raise TypeError(f"options= is given, and so is {', '.join(choices)}")
    return options
