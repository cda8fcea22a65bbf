"""The lines of a key log (RFC 9850 section 3): bytes in any pieces in, secrets out.

What may live here: what a line may be, and what is said of one that cannot be read. A message has labels and numbers of
lines in it, and nothing of what follows a label.
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["LABELS", "Label", "Lines"]


class Label:
    """The labels of the secrets that are used (RFC 9850 section 3); that of a whole pre-master secret is older."""

    MASTER_SECRET = "CLIENT_RANDOM"
    CLIENT_EARLY = "CLIENT_EARLY_TRAFFIC_SECRET"
    CLIENT_HANDSHAKE = "CLIENT_HANDSHAKE_TRAFFIC_SECRET"
    SERVER_HANDSHAKE = "SERVER_HANDSHAKE_TRAFFIC_SECRET"
    CLIENT_APPLICATION = "CLIENT_TRAFFIC_SECRET_0"
    SERVER_APPLICATION = "SERVER_TRAFFIC_SECRET_0"
    PRE_MASTER_SECRET = "RSA"


# How long the first number of a line is, in bytes, and the secret: a master secret has 48 bytes (RFC 5246 section 8.1), a
# secret of TLS 1.3 is as long as a hash.
_RANDOM, _ENCRYPTED = 32, 8
_MASTER, _HASHES = (48,), (32, 48, 64)
LABELS: dict[str, tuple[int, tuple[int, ...]]] = {
    Label.MASTER_SECRET: (_RANDOM, _MASTER),
    Label.CLIENT_EARLY: (_RANDOM, _HASHES),
    Label.CLIENT_HANDSHAKE: (_RANDOM, _HASHES),
    Label.SERVER_HANDSHAKE: (_RANDOM, _HASHES),
    Label.CLIENT_APPLICATION: (_RANDOM, _HASHES),
    Label.SERVER_APPLICATION: (_RANDOM, _HASHES),
    Label.PRE_MASTER_SECRET: (_ENCRYPTED, _MASTER),
}
# A dictionary gives back the label itself, so that not each line has a string of its own.
_SAME = {label: label for label in LABELS}

_LONG = 1024  # no line that can be read has as many bytes
_TOLD = 100  # so many lines that cannot be read are told of, and then that there are more
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# What files begin with that are no text.
_OTHER_FILES = {
    b"\x1f\x8b": "it is compressed by gzip; unpack it first",
    b"\x28\xb5\x2f\xfd": "it is compressed by zstd; unpack it first",
    b"\xfd7zXZ": "it is compressed by xz; unpack it first",
    b"\xff\xfe": "it is encoded in UTF-16; a key log is ASCII",
    b"\xfe\xff": "it is encoded in UTF-16; a key log is ASCII",
    b"\x0a\x0d\x0d\x0a": "it is a pcapng file; the secrets in one are used where it is read as a capture",
    b"\xd4\xc3\xb2\xa1": "it is a capture",
    b"\xa1\xb2\xc3\xd4": "it is a capture",
    b"\x4d\x3c\xb2\xa1": "it is a capture",
    b"\xa1\xb2\x3c\x4d": "it is a capture",
}
_MARKS = (_BYTE_ORDER_MARK, *_OTHER_FILES)


class Lines:
    """Reads the lines of one key log.

    Args:
        take: given each secret: what it is found by, its label, and itself.
        tell: told, in words, what cannot be read.
    """

    __slots__ = (
        "_bad",
        "_begins",
        "_finished",
        "_is_other",
        "_number",
        "_tail",
        "_take",
        "_tell",
        "_too_long",
    )

    def __init__(
        self, take: Callable[[bytes, str, bytes], None], tell: Callable[[str], None]
    ) -> None:
        self._take = take
        self._tell = tell
        self._bad = 0
        self._finished = b""  # the tail of which that has been said
        self.begin_again()

    def begin_again(self) -> None:
        """Take note that what comes next is the beginning of a file."""
        self._number = 0
        self._begins = True
        self._is_other = False
        # What has come of a line whose end has not; and whether it is too long to be read.
        self._tail = b""
        self._too_long = False

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        data = self._tail + data
        if self._begins:
            if not self._begin(data):
                return
            data = data.removeprefix(_BYTE_ORDER_MARK)
        if self._is_other:
            return
        *lines, self._tail = data.split(b"\n")
        for line in lines:
            self._number += 1
            self._line(line)
        if len(self._tail) > _LONG:
            self._too_long, self._tail = True, self._tail[:_LONG]

    def _begin(self, data: bytes) -> bool:
        """Look at the first bytes; whether there are enough."""
        if any(len(data) < len(mark) and mark.startswith(data) for mark in _MARKS):
            self._tail = data
            return False
        self._begins = False
        for magic, what in _OTHER_FILES.items():
            if data.startswith(magic):
                self._is_other, self._tail = True, b""
                self._tell(f"it is no key log: {what}")
                break
        return True

    def look_at_tail(self) -> None:
        """Take the secret of the last line, which may be whole though its end has not come."""
        if not self._too_long and not self._is_other:
            self._entry(self._tail)

    @property
    def is_in_line(self) -> bool:
        """Whether the end of the last line has not come."""
        return bool(self._tail)

    def finish(self) -> None:
        """Say what the last line lacks, if nothing more comes; once."""
        if self._tail and self._tail != self._finished and not self._is_other:
            self._finished = self._tail
            self._number += 1
            self._line(self._tail)
            self._number -= 1

    def _line(self, line: bytes) -> None:
        is_too_long = self._too_long or len(line) > _LONG
        self._too_long = False
        if is_too_long:
            wrong = "" if line.lstrip().startswith(b"#") else "it is too long"
        else:
            wrong = self._entry(line)
        if wrong:
            self._bad += 1
            if self._bad < _TOLD:
                self._tell(f"line {self._number} cannot be read: {wrong}")
            elif self._bad == _TOLD:
                self._tell(
                    f"line {self._number} cannot be read either; others are not told of any more"
                )

    def _entry(self, line: bytes) -> str:
        """Take the secret of a line; what is wrong with it, in words, or nothing."""
        parts = line.split()
        if not parts or parts[0].startswith(b"#"):
            return ""
        label = parts[0].decode("latin-1")
        sizes = LABELS.get(label)
        if sizes is None:
            # New ones are invented.
            is_label = label.replace("_", "").isalnum()
            return "" if is_label else "it does not begin with a label"
        if len(parts) != 3:
            return f"{label} takes two numbers in hexadecimal"
        key, secret = map(_number, parts[1:])
        if key is None or secret is None:
            return f"what follows {label} is not hexadecimal"
        if len(key) != sizes[0] or len(secret) not in sizes[1]:
            return f"what follows {label} is too long or too short"
        self._take(key, _SAME[label], secret)
        return ""


def _number(digits: bytes) -> bytes | None:
    # The exception would hold the secret.
    try:
        return bytes.fromhex(digits.decode("latin-1"))
    except ValueError:
        return None
