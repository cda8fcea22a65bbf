"""Key logs: the secrets that endpoints write down (RFC 9850).

What may live here: which secrets there are, and who waits for some. How lines are read is for `lines`, how a file is for
`followed`; what is made of secrets is for others. Nothing here is printed, logged or told of but labels and numbers.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import IO, Any, Protocol, TypeAlias, cast

from ..not_read import NotRead
from .followed import BEGINS_AGAIN, Followed
from .lines import Label, Lines

__all__ = ["SESSIONS", "WAITING", "KeyLog", "Label", "session_digest"]

_PIECE = 2**20  # so many bytes of an open file are read at once
SESSIONS = 2**16
"""So many sessions are remembered that may be resumed."""

WAITING = 256
"""So many may wait for their secrets at once: of TLS, each direction counts."""

Source: TypeAlias = "str | os.PathLike[str] | IO[str] | IO[bytes] | Iterable[str | bytes]"


class Waiting(Protocol):
    """Somebody who holds something until its secrets are known."""

    def let_go(self) -> None:
        """Hold nothing any more."""


class KeyLog:
    """The secrets of connections, from a key log in the format that NSS began (RFC 9850): `SSLKEYLOGFILE`.

    A file may grow while it is in use: what is added to it is read when a secret is asked for that is not there. Lines
    may be added by `add` as well, by any thread.

        >>> from events import KeyLog
        >>> KeyLog(["# a comment", f"CLIENT_RANDOM {'00' * 32} {'11' * 48}"])
        <KeyLog: 1 secret>

    Where it is sent to another process, the secrets of a file stay in the file; those of lines, or of a pipe, go along.

    Args:
        source: the path of a file; an open file, in text or binary mode; lines; or the text of a key log.
        also: other key logs, in which is looked for what is not in this one.
        name: what it is called where something is told of it; the path, where there is one.
        on_error: told, in words, of each line that cannot be read, and of a file that no longer can be; `NotRead`
            warnings are given where it is None. Labels that are not known are passed over, for new ones are invented.

    Raises:
        OSError: the file cannot be opened.
        TypeError: the source is nothing of that.
        ValueError: the source is an open file whose text cannot be decoded.
    """

    def __init__(
        self,
        source: Source = (),
        *,
        also: KeyLog | Iterable[KeyLog] = (),
        name: str = "",
        on_error: Callable[[str], None] | None = None,
    ) -> None:
        self._on_error = on_error
        # By the random of the client: labels and secrets in turn, which takes the least memory.
        self._secrets: dict[bytes, tuple[Any, ...]] = {}
        self._count = 0
        self._changes = 0
        self._added: KeyLog | None = None
        self._name = name
        self._lines = Lines(self._take, self._tell)
        self._followed: Followed | None = None
        self._file: IO[Any] | None = None
        self._sessions: dict[bytes, bytes] = {}
        self._waiting: deque[Waiting] = deque()
        self._pre_masters = False
        self._troubled = False
        self._also: tuple[KeyLog, ...] = (also,) if isinstance(also, KeyLog) else tuple(also)
        self._reading = threading.RLock()  # whoever is told of something may ask
        self._used = False
        if isinstance(source, str) and _is_text(source):
            self.add(source)
        elif isinstance(source, str | os.PathLike):
            path = os.fspath(source)
            self._name = name or path
            self._followed = Followed(os.path.abspath(path) if path else path)
            self._read_followed(self._followed)
        elif hasattr(source, "read"):
            self._file = cast("IO[Any]", source)
            self._name = name or str(getattr(source, "name", ""))
            self._read_file()
        elif isinstance(source, bytes | Mapping) or not isinstance(source, Iterable):
            raise TypeError(f"KeyLog() takes a path, a file or lines, not {type(source).__name__}")
        else:
            for line in source:
                self.add(line)

    def __repr__(self) -> str:
        count = len(self)
        name = f" {self._name}" if self._name else ""
        return f"<KeyLog{name}: {count} secret{'' if count == 1 else 's'}>"

    def __len__(self) -> int:
        """How many secrets there are."""
        return self._count + sum([len(each) for each in self._also])

    def __bool__(self) -> bool:
        """Always, because more may come."""
        return True

    def __reduce__(self) -> tuple[Any, ...]:
        if self._followed is None or self._followed.over:  # a pipe gives its lines once
            return _again, (None, self._secrets, self._count, self._pre_masters, self._also)
        return _again, (self._followed.path, {}, 0, False, self._also)

    # Reading

    def add(self, lines: str | bytes) -> None:
        """Add lines, such as a whole key log.

        Args:
            lines: whole lines; the end of the last one may be missing.

        Raises:
            TypeError: they are neither text nor bytes.
        """
        if not isinstance(lines, str | bytes | bytearray):
            raise TypeError(f"add() takes text or bytes, not {type(lines).__name__}")
        data = lines.encode(errors="replace") if isinstance(lines, str) else bytes(lines)
        if self._followed is not None or self._file is not None:
            # Not among the lines of the file, the last of which may be growing.
            if self._added is None:
                self._added = KeyLog(name=self._name, on_error=self._on_error)
                self._also = (self._added, *self._also)
            self._added.add(data)
            return
        with self._reading:
            self._lines.feed(data if data.endswith(b"\n") else data + b"\n")

    def end(self) -> None:
        """Say what the last line lacks, as if nothing more came. More may come all the same."""
        with self._reading:
            self._lines.finish()
        for other in self._also:
            other.end()

    def find(self, client_random: bytes, label: str) -> bytes | None:
        """A secret; None where there is none, so far.

        Args:
            client_random: of the ClientHello; for `RSA` the first 8 bytes of the encrypted pre-master secret.
            label: one of `Label`.
        """
        found = self._find(client_random, label)
        # Of the last line perhaps only a part has come, which may look like the whole.
        unsure = found is None or self._lines.is_in_line
        if unsure and self._read_on():
            found = self._find(client_random, label)
        if found is not None:
            self._used = True
            return found
        for other in self._also:
            found = other.find(client_random, label)
            if found is not None:
                return found
        return None

    def _find(self, client_random: bytes, label: str) -> bytes | None:
        known = self._secrets.get(client_random, ())
        labels = known[::2]
        return known[2 * labels.index(label) + 1] if label in labels else None

    def knows(self, client_random: bytes) -> bool:
        """Whether there is any secret of a connection, so far."""
        if self.is_empty:
            return False
        if client_random in self._secrets or (self._read_on() and client_random in self._secrets):
            return True
        return any(other.knows(client_random) for other in self._also)

    @property
    def used(self) -> bool:
        """Whether any secret of it has been of use so far, in this process."""
        return self._used or any(other.used for other in self._also)

    @property
    def generation(self) -> int:
        """A number that changes with every secret that is added; a file is looked at for new ones."""
        self._read_on()
        return self._changes + sum([each.generation for each in self._also])

    @property
    def has_pre_master_secrets(self) -> bool:
        """Whether there are secrets of the kind that is found by what the client sends encrypted."""
        return self._pre_masters or any(other.has_pre_master_secrets for other in self._also)

    @property
    def is_empty(self) -> bool:
        """Whether there is no secret, and no file from which some may come."""
        if self._secrets or self._followed is not None or self._file is not None:
            return False
        for other in self._also:  # noqa: SIM110 (for each record, `all` is slow)
            if not other.is_empty:
                return False
        return True

    def remember(self, session: bytes, client_random: bytes) -> None:
        """Take note that a session has the master secret of a connection: where it is resumed, not all stacks write that
        down again.

        Args:
            session: its id, or its ticket.
            client_random: of the connection.
        """
        if session and not self.is_empty:
            with self._reading:
                self._sessions[session_digest(session)] = client_random
                if len(self._sessions) > SESSIONS:
                    del self._sessions[next(iter(self._sessions))]

    def resumed(self, session: bytes) -> bytes | None:
        """The random of the client whose connection has the master secret of a session; None where it is not known."""
        return self._sessions.get(session_digest(session)) if session else None

    def may_wait(self, waiting: Waiting) -> None:
        """Take note that somebody holds something until its secrets come; whoever began to wait long before may not."""
        if len(self._waiting) >= WAITING:
            self._waiting.popleft().let_go()
        self._waiting.append(waiting)

    def _read_on(self) -> bool:
        """Read what has been added to the file; whether anything has."""
        followed, file = self._followed, self._file
        if file is None and (followed is None or followed.over):
            return False
        before = self._changes
        with self._reading:
            try:
                if followed is not None:
                    self._read_followed(followed)
                else:
                    self._read_file()
            except (OSError, ValueError) as error:
                self._file = None
                trouble = type(error).__name__
            else:
                self._troubled = False
                return self._changes != before
        # A file may come back, as where it is replaced.
        if not self._troubled:
            self._troubled = True
            self._tell(f"it cannot be read any more: {trouble}")
        return False

    def _read_followed(self, followed: Followed) -> None:
        some = False
        for piece in followed.read_on():
            if piece is BEGINS_AGAIN:
                self._lines.begin_again()
            else:
                some = True
                self._lines.feed(piece)
        if followed.over:
            self._lines.finish()
        elif some:
            self._lines.look_at_tail()

    def _read_file(self) -> None:
        assert self._file is not None
        some = False
        while piece := _piece(self._file):
            some = True
            self._lines.feed(piece.encode(errors="replace") if isinstance(piece, str) else piece)
        if some:
            self._lines.look_at_tail()

    def _take(self, key: bytes, label: str, secret: bytes) -> None:
        self._pre_masters |= label == Label.PRE_MASTER_SECRET
        known = self._secrets.get(key, ())
        labels = known[::2]
        if label in labels:
            at = 2 * labels.index(label)
            if known[at + 1] == secret:
                return
            known = known[:at] + known[at + 2 :]
            self._count -= 1
        self._secrets[key] = (*known, label, secret)
        self._count += 1
        self._changes += 1

    def _tell(self, reason: str) -> None:
        message = f"{self._name or 'the key log'}: {reason}"
        if self._on_error is not None:
            self._on_error(message)
        else:
            warnings.warn(message, NotRead, stacklevel=2)


# Numbers in hexadecimal, among other words.
_SECRET = re.compile(r"\s[0-9A-Fa-f]{32,}\s*$|\s[0-9A-Fa-f]{32,}\s")


def _is_text(source: str) -> bool:
    """Whether a string is the text of a key log, rather than a path. An error that quotes a path would tell a secret."""
    return "\n" in source or _SECRET.search(source) is not None


def _piece(file: IO[Any]) -> Any:
    """The next piece of an open file; None where it has none now.

    Raises:
        ValueError: it cannot be decoded, or is closed.
    """
    try:
        return file.read(_PIECE)
    except UnicodeDecodeError:
        pass  # which holds what could not be decoded
    raise ValueError("the key log is no text in the encoding of the file; open it in binary mode")


def session_digest(session: bytes) -> bytes:
    """What a session is known by."""
    return hashlib.blake2b(session, digest_size=16).digest()


_of_paths: dict[str, KeyLog] = {}


def _again(
    path: str | None,
    secrets: dict[bytes, tuple[Any, ...]],
    count: int,
    pre_masters: bool,
    also: tuple[KeyLog, ...],
) -> KeyLog:
    """The key log that another process has. What cannot be read of a file has been told where it was opened."""
    if path is None:
        made = KeyLog(also=also)
        made._secrets, made._count, made._pre_masters = secrets, count, pre_masters
        return made
    if path not in _of_paths:
        try:
            _of_paths[path] = KeyLog(path, on_error=_say_nothing)
        except OSError as error:
            reason = (
                f"{path}: it cannot be opened here: {type(error).__name__}; its secrets are missing"
            )
            warnings.warn(reason, NotRead, stacklevel=2)
            return KeyLog(also=also)
    return KeyLog(also=(_of_paths[path], *also))


def _say_nothing(message: str) -> None:
    pass
