"""Key logs: `events.KeyLog`, whatever its lines, and in whatever pieces they come.

A piece is a line, as it was written (even kinds) or damaged (odd ones); it is followed by the end of a line.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from random import Random

from events import KeyLog
from events.secrets.lines import LABELS, Lines

from ..oracles import EXCEPTIONS, LINEAR, Broken, check_work, random_of, same
from ..pieces import Piece, join, split
from ..target import Target

__all__ = ["TARGET"]

FOUND = "a secret of a well-formed line is found, whatever the other lines are"
CUT = "the same secrets and complaints, however the bytes are cut"
SECRET = "nothing that follows a label is told of"

WELL_FORMED, DAMAGED = range(2)


# Inputs


def _inputs(random: Random) -> Iterator[bytes]:
    labels = sorted(LABELS)
    while True:
        pieces: list[Piece] = []
        words: list[str] = []
        for _ in range(random.choice((1, 2, 4, 8))):
            label = random.choice(labels)
            size, sizes = LABELS[label]
            key, secret = random.randbytes(size), random.randbytes(random.choice(sizes))
            line = f"{label} {key.hex()} {secret.hex()}".encode()
            if random.random() < 0.4:
                pieces.append((WELL_FORMED, line))
            else:
                line, what = _damaged(line, random)
                words.append(what)
                pieces.append((DAMAGED, line))
        yield join("; ".join(words), pieces)


_MORE = (b" ", b"\t", b"\r", b"#", b"\0", b"\xef\xbb\xbf", b"\xff", b"0x", b"g", b"\x0b", b"\x85")


def _damaged(line: bytes, random: Random) -> tuple[bytes, str]:
    at = random.randrange(len(line) + 1)
    way = random.randrange(8)
    if way == 0:
        return line[:at], f"cut at {at}"
    if way == 1:
        more = random.choice(_MORE)
        return line[:at] + more + line[at:], f"{more!r} at {at}"
    if way == 2:
        return line[:at] + line[at + 1 :], f"less at {at}"
    if way == 3:
        return line[:at] + random.randbytes(4) + line[at:], f"anything at {at}"
    if way == 4:
        return b"#" + line, "a comment"
    if way == 5:
        return line * random.choice((2, 10, 100)), "again and again"
    if way == 6:
        return line + b" " + line, "another behind it"
    return random.choice((b"\x1f\x8b", b"\xff\xfe", b"\xef\xbb\xbf", b"\n\r\r\n")) + line, "a mark"


# What must hold


def _check(data: bytes, thoroughly: bool) -> None:
    _, pieces = split(data)
    text = b"".join([line + b"\n" for _, line in pieces])
    whole = _read([text])
    secrets = whole[0]
    # What begins as another kind of file is none.
    if not any(told.startswith("it is no key log") for told in whole[1]):
        last: dict[tuple[bytes, str], bytes] = {}
        for kind, line in pieces:
            if kind == WELL_FORMED:
                name, number, value = line.decode().split()
                last[bytes.fromhex(number), name] = bytes.fromhex(value)
        for (key, label), secret in last.items():
            same(FOUND, (key, label, secret) in secrets, True)
    random = random_of(data)
    places = sorted(random.choices(range(len(text) + 1), k=random.choice((1, 2, 6))))
    if thoroughly and len(text) < 2000:
        places = list(range(len(text)))
    cut = [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]
    for one, other in zip(_read(cut), whole, strict=True):
        same(CUT, one, other)
    for told in whole[1]:
        _check_told(told, secrets)
    if thoroughly:
        log = KeyLog(on_error=lambda told: _check_told(told, secrets))
        log.add(text)
        log.end()
        for key, label, _ in secrets:
            same(FOUND, log.find(key, label) is not None, True)
        _check_told(repr(log), secrets)
        check_work(partial(_read, [text]), len(text), for_each_byte=2, once=2000)


_Secrets = list[tuple[bytes, str, bytes]]


def _read(pieces: list[bytes]) -> tuple[_Secrets, list[str]]:
    secrets: _Secrets = []
    told: list[str] = []
    lines = Lines(lambda key, label, secret: secrets.append((key, label, secret)), told.append)
    for piece in pieces:
        lines.feed(piece)
    lines.finish()
    return secrets, told


def _check_told(told: str, secrets: _Secrets) -> None:
    for key, _, secret in secrets:
        if key.hex() in told or secret.hex() in told:
            raise Broken(SECRET, told)
    if not told.isprintable():
        raise Broken(SECRET, f"it is no line of text: {told!r}")


TARGET = Target(
    "keylogs",
    "key logs: any lines, in any pieces",
    {
        EXCEPTIONS: "always",
        FOUND: "always",
        CUT: "always",
        SECRET: "always",
        LINEAR: "rarely",
    },
    _inputs,
    _check,
    rarely=200,
)
