"""Key logs: the secrets that endpoints write down (RFC 9850).

What may live here: how a key log is read, and what is kept of it. What is made of secrets is for others. Nothing here is
printed, logged or told of but labels and numbers of lines.
"""

from __future__ import annotations

import hashlib
import os
import stat
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterable
from typing import IO, Any, Protocol, TypeAlias, cast

from ..not_read import NotRead

__all__ = ["KeyLog", "Label"]


class Label:
    """The labels of the secrets that are used (RFC 9850 section 3); that of a whole pre-master secret is older."""

    MASTER_SECRET = "CLIENT_RANDOM"
    CLIENT_EARLY = "CLIENT_EARLY_TRAFFIC_SECRET"
    CLIENT_HANDSHAKE = "CLIENT_HANDSHAKE_TRAFFIC_SECRET"
    SERVER_HANDSHAKE = "SERVER_HANDSHAKE_TRAFFIC_SECRET"
    CLIENT_APPLICATION = "CLIENT_TRAFFIC_SECRET_0"
    SERVER_APPLICATION = "SERVER_TRAFFIC_SECRET_0"
    PRE_MASTER_SECRET = "RSA"


# How long what a secret is found by is, in bytes, and the secret itself: the master secret of TLS 1.2 has 48 (RFC 5246
# section 8.1), the secrets of TLS 1.3 are as long as a hash.
_RANDOM, _ENCRYPTED = 32, 8
_HASH_SIZES = range(16, 65)
_LABELS: dict[str, tuple[int, range]] = {
    Label.MASTER_SECRET: (_RANDOM, range(48, 49)),
    Label.CLIENT_EARLY: (_RANDOM, _HASH_SIZES),
    Label.CLIENT_HANDSHAKE: (_RANDOM, _HASH_SIZES),
    Label.SERVER_HANDSHAKE: (_RANDOM, _HASH_SIZES),
    Label.CLIENT_APPLICATION: (_RANDOM, _HASH_SIZES),
    Label.SERVER_APPLICATION: (_RANDOM, _HASH_SIZES),
    Label.PRE_MASTER_SECRET: (_ENCRYPTED, range(48, 49)),
}

_LONG = 1024  # no line that can be read has as many bytes
_PIECE = 2**20  # so many bytes of a file are read at once
_TOLD = 100  # so many lines that cannot be read are told of, and how many more there are
_SESSIONS = 2**16  # so many sessions are remembered that may be resumed
_WAITING = 256  # so many connections may wait for their secrets at once

Source: TypeAlias = "str | os.PathLike[str] | IO[str] | IO[bytes] | Iterable[str | bytes]"


class Waiting(Protocol):
    """Somebody who holds something until its secrets are known."""

    def let_go(self) -> None:
        """Hold nothing any more."""


class KeyLog:
    """The secrets of connections, from a key log in the format that NSS began (RFC 9850): `SSLKEYLOGFILE`.

    A file may grow while it is in use: what is added to it is read when a secret is asked for that is not there. Lines
    may be added by `add` as well.

        >>> from events import KeyLog
        >>> KeyLog(["# a comment", f"CLIENT_RANDOM {'00' * 32} {'11' * 48}"])
        <KeyLog: 1 secret>

    Args:
        source: the path of a file, an open file, in text or binary mode, or lines.
        also: other key logs, in which is looked for what is not in this one.
        name: what it is called where something is told of it; the path, where there is one.
        on_error: told, in words, of each line that cannot be read, and of a file that no longer can be; `NotRead`
            warnings are given where it is None. Labels that are not known are passed over, for new ones are invented.

    Raises:
        OSError: the file cannot be opened.
        TypeError: the source is nothing of that.
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
        self._name = name
        self._line = 0
        self._bad = 0
        # What has come of a line whose end has not; and whether it is too long to be read.
        self._tail = b""
        self._too_long = False
        self._path: str | None = None
        self._identity: tuple[int, int] | None = None
        self._position = 0
        self._file: IO[Any] | None = None
        self._sessions: dict[bytes, bytes] = {}
        self._waiting: deque[Waiting] = deque()
        self._pre_masters = False
        self._also: tuple[KeyLog, ...] = (also,) if isinstance(also, KeyLog) else tuple(also)
        self._reading = threading.Lock()
        if isinstance(source, str | os.PathLike):
            self._path = os.path.abspath(os.fspath(source))
            self._name = name or str(os.fspath(source))
            self._read_path()
        elif hasattr(source, "read"):
            self._file = cast("IO[Any]", source)
            self._name = name or str(getattr(source, "name", ""))
            self._read_file()
        elif isinstance(source, bytes) or not isinstance(source, Iterable):
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
        own = sum([len(each) for each in self._secrets.values()]) // 2
        return own + sum([len(each) for each in self._also])

    def __bool__(self) -> bool:
        """Always, because more may come."""
        return True

    def __reduce__(self) -> tuple[Any, ...]:
        # A file is opened by the process that takes it, once; secrets are never put into a file.
        secrets = {} if self._path is not None else self._secrets
        return _again, (self._path, secrets, self._pre_masters, self._also)

    # Reading

    def add(self, lines: str | bytes) -> None:
        """Add lines, such as a whole key log.

        Args:
            lines: whole lines; the end of the last one may be missing.
        """
        data = lines.encode(errors="replace") if isinstance(lines, str) else bytes(lines)
        self._take(data + b"\n" if not data.endswith(b"\n") else data)

    def end(self) -> None:
        """Take note that nothing more comes: what the last line lacks is told of."""
        if self._tail or self._too_long:
            self._take(b"\n")
        for other in self._also:
            other.end()

    def find(self, client_random: bytes, label: str) -> bytes | None:
        """A secret; None where there is none, so far.

        Args:
            client_random: of the ClientHello; for `RSA` the first 8 bytes of the encrypted pre-master secret.
            label: one of `Label`.
        """
        known = self._secrets.get(client_random, ())
        if label not in known and self._read_on():
            known = self._secrets.get(client_random, ())
        if label in known:
            secret: bytes = known[known.index(label) + 1]
            return secret
        for other in self._also:
            found = other.find(client_random, label)
            if found is not None:
                return found
        return None

    def knows(self, client_random: bytes) -> bool:
        """Whether there is any secret of a connection, so far."""
        if client_random in self._secrets or (self._read_on() and client_random in self._secrets):
            return True
        return any(other.knows(client_random) for other in self._also)

    @property
    def has_pre_master_secrets(self) -> bool:
        """Whether there are secrets of the kind that is found by what the client sends encrypted."""
        return self._pre_masters or any(other.has_pre_master_secrets for other in self._also)

    @property
    def is_empty(self) -> bool:
        """Whether there is no secret, and no file from which some may come."""
        own = self._secrets or self._path is not None or self._file is not None
        return not own and all(other.is_empty for other in self._also)

    def remember(self, session: bytes, client_random: bytes) -> None:
        """Take note that a session has the master secret of a connection: where it is resumed, not all stacks write that
        down again.

        Args:
            session: its id, or its ticket.
            client_random: of the connection.
        """
        if session and not self.is_empty:
            self._sessions[_digest(session)] = client_random
            if len(self._sessions) > _SESSIONS:
                del self._sessions[next(iter(self._sessions))]

    def resumed(self, session: bytes) -> bytes | None:
        """The random of the client whose connection has the master secret of a session; None where it is not known."""
        return self._sessions.get(_digest(session)) if session else None

    def may_wait(self, waiting: Waiting) -> None:
        """Take note that somebody holds something until its secrets come; whoever began to wait long before may not."""
        if len(self._waiting) >= _WAITING:
            self._waiting.popleft().let_go()
        self._waiting.append(waiting)

    def _read_on(self) -> bool:
        """Read what has been added to the file; whether anything has."""
        if self._path is None and self._file is None:
            return False
        with self._reading:
            try:
                if self._path is not None:
                    return self._read_path()
                return self._file is not None and self._read_file()
            except (OSError, ValueError) as error:
                self._path = self._file = None
                self._tell(f"it cannot be read any more: {error.__class__.__name__}")
        return False

    def _read_path(self) -> bool:
        assert self._path is not None
        status = os.stat(self._path)
        identity = (status.st_dev, status.st_ino)
        if stat.S_ISREG(status.st_mode) and identity == self._identity:
            if status.st_size == self._position:
                return False
            if status.st_size < self._position:  # it was emptied
                self._position = 0
        elif self._identity is not None:  # another file has its name
            self._position = 0
        self._identity = identity
        if self._position == 0:
            self._tail, self._too_long, self._line = b"", False, 0
        with open(self._path, "rb", buffering=0) as file:
            if self._position:
                file.seek(self._position)
            while piece := file.read(_PIECE):
                self._position += len(piece)
                self._take(piece)
        if not stat.S_ISREG(status.st_mode):
            self._path = None  # a pipe can be read once
            self.end()
        self._take_tail()
        return True

    def _read_file(self) -> bool:
        assert self._file is not None
        some = False
        while piece := self._file.read(_PIECE):
            some = True
            self._take(piece.encode(errors="replace") if isinstance(piece, str) else piece)
        self._take_tail()
        return some

    def _take_tail(self) -> None:
        """Take the secret of a line whose end has not come, perhaps because it is the last one of the file."""
        if self._tail and not self._too_long:
            self._entry(self._tail, certain=False)

    def _take(self, data: bytes) -> None:
        """Take bytes of a key log."""
        data = self._tail + data
        *lines, self._tail = data.split(b"\n")
        for line in lines:
            self._line += 1
            if self._too_long or len(line) > _LONG:
                self._too_long = False
                if not line.lstrip().startswith(b"#"):
                    self._bad_line("it is too long")
            else:
                self._entry(line)
        if len(self._tail) > _LONG:
            self._too_long, self._tail = True, b""

    def _entry(self, line: bytes, *, certain: bool = True) -> None:
        """Take a line; where it is not certain that it is whole, what is wrong with it is not told."""
        parts = line.split()
        if not parts or parts[0].startswith(b"#"):
            return
        label = parts[0].decode("latin-1")
        sizes = _LABELS.get(label)
        if sizes is None:
            if certain and not label.replace("_", "").isalnum():
                self._bad_line("it does not begin with a label")
            return
        # The label itself is kept, and not another string of the same letters for each line.
        label = _SAME[label]
        if len(parts) != 3:
            if certain:
                self._bad_line(f"{label} takes two numbers in hexadecimal")
            return
        of_key, of_secret = sizes
        try:
            key, secret = bytes.fromhex(parts[1].decode()), bytes.fromhex(parts[2].decode())
        except ValueError:
            if certain:
                self._bad_line(f"what follows {label} is not hexadecimal")
            return
        if len(key) != of_key or len(secret) not in of_secret:
            if certain:
                self._bad_line(f"what follows {label} is too long or too short")
            return
        self._pre_masters |= label == Label.PRE_MASTER_SECRET
        known = self._secrets.get(key, ())
        if label in known:
            at = known.index(label)
            known = known[:at] + known[at + 2 :]
        self._secrets[key] = (*known, label, secret)

    def _bad_line(self, reason: str) -> None:
        self._bad += 1
        if self._bad < _TOLD:
            self._tell(f"line {self._line} cannot be read: {reason}")
        elif self._bad == _TOLD:
            self._tell(f"line {self._line} cannot be read either; others are not told of any more")

    def _tell(self, reason: str) -> None:
        message = f"{self._name or 'the key log'}: {reason}"
        if self._on_error is not None:
            self._on_error(message)
        else:
            warnings.warn(message, NotRead, stacklevel=2)


def _digest(session: bytes) -> bytes:
    return hashlib.blake2b(session, digest_size=16).digest()


_SAME = {label: label for label in _LABELS}


_of_paths: dict[str, KeyLog] = {}


def _again(
    path: str | None,
    secrets: dict[bytes, tuple[Any, ...]],
    pre_masters: bool,
    also: tuple[KeyLog, ...],
) -> KeyLog:
    """The key log that another process has."""
    if path is None:
        made = KeyLog(also=also)
        made._secrets = secrets
        made._pre_masters = pre_masters
        return made
    if path not in _of_paths:
        # What cannot be read of it has been told there.
        _of_paths[path] = KeyLog(path, on_error=_say_nothing)
    return KeyLog(also=(_of_paths[path], *also))


def _say_nothing(message: str) -> None:
    pass
