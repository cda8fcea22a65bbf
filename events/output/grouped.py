"""Events as text for people at a terminal: each connection is a heading, and its events stand below it.

What may live here: headings, and how lines fit into a terminal. How a value is written stands in `text`. Text is ASCII, or cut
like it, so that a character is as wide as another.

    192.0.2.1:49152 > 198.51.100.2:443  CLxw6g2QHD7hNJVTjf  tcp  2023-11-14T22:13:20.000000Z
      +0.003000 ssl_extension_server_name is_orig=true names=[server.example]
      +0.003000 ssl_client_hello version=TLSv12 possible_ts=1893498123 client_random=6b1f02a0… session_id=
                  ciphers=[TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384…
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from functools import partial

from tlsgrammar.registry import DEFAULT, Registry
from tlsgrammar.tool.one_line import on_one_line

from ..model import Connection, Event, ProtocolViolation, ReporterError, SslAlert, address
from .colors import BOLD, CYAN, RED, painted
from .text import parameter_texts, time_text

__all__ = ["Grouped"]

_BAD = (ProtocolViolation, ReporterError, SslAlert)
# Bytes are cut to so many digits before anything else is cut; anything else to so many characters before an event gets more
# than a line: more than the name of any cipher suite has.
_DIGITS = 8
_LONG = 16  # fewer digits are cut to no fewer
_CHARACTERS = 48
# Of so many connections it is known that they have had a heading; others have it again.
_MANY = 10_000
_HEXADECIMAL = frozenset("0123456789abcdef")


class Grouped:
    """Makes the lines of events. A heading says when a connection began; where its events go on after those of another, a
    shorter one says which one it is.

    Args:
        width: of the terminal, in characters; None where nothing has to be cut.
        color: whether headings, names of events, and what is bad have colors.
        extensions: the registry that has the names; the default registry where it is None.
    """

    def __init__(
        self, *, width: int | None, color: bool = False, extensions: Registry | None = None
    ) -> None:
        self._width = width
        self._color = color
        self._extensions = extensions
        self._last: Connection | None = None
        # The connections that have had a heading, and when they began; the oldest first.
        self._begun: dict[Connection, float | None] = {}
        self._new: list[Connection] = []  # of the events that are being written

    def lines(self, events: Iterable[Event], file: str | None = None) -> bytes:
        """The lines of events, and the headings that they need.

        Args:
            events: they.
            file: what a heading says that its capture is.
        """
        last = self._last
        self._new = []
        try:
            return "".join([self._lines_of(event, file) for event in events]).encode(
                errors="backslashreplace"
            )
        except BaseException:
            # Their headings will not be printed.
            self._last = last
            for c in self._new:
                self._begun.pop(c, None)
            raise

    def _lines_of(self, event: Event, file: str | None) -> str:
        registry = DEFAULT if self._extensions is None else self._extensions
        # Before the heading: it may raise an exception, if it is a plug-in's.
        texts = parameter_texts(event, registry)
        c = event.c
        heading = ""
        if c != self._last:
            heading = self._heading(c, event.ts, file)
            self._last = c
        return heading + self._line(event, texts, self._begun[c])

    def _heading(self, c: Connection, ts: float | None, file: str | None) -> str:
        ends = f"{address(c.orig_h, c.orig_p)} > {address(c.resp_h, c.resp_p)}"
        parts = [ends, c.uid or "-"]
        if c not in self._begun:
            began = ts if c.start_time is None else c.start_time
            self._begun[c] = began
            self._new.append(c)
            if len(self._begun) > _MANY:
                del self._begun[next(iter(self._begun))]
            parts = [ends, c.uid or "-", c.proto or "-", time_text(began)]
            if file is not None:
                parts.append(file)
        text = _cut(on_one_line("  ".join(parts)), self._width)
        return f"{painted(text, BOLD if self._color else '')}\n"

    def _line(self, event: Event, parameters: Sequence[str], began: float | None) -> str:
        before, name = f"  {_since(began, event.ts)} ", event.name
        texts = [on_one_line(text) for text in parameters]
        indent = " " * (len(before) + 2)
        first, *more = _lines(f"{before}{name}", texts, indent, self._width)
        if self._color:
            color = RED if isinstance(event, _BAD) else CYAN
            end = len(before) + len(name)
            first = f"{before}{painted(first[len(before) : end], color)}{first[end:]}"
        return "".join([f"{line}\n" for line in (first, *more)])


def _since(began: float | None, ts: float | None) -> str:
    return "-" if began is None or ts is None else f"{ts - began:+.6f}"


def _lines(head: str, parameters: Sequence[str], indent: str, width: int | None) -> list[str]:
    """An event on one line, if that can be; else the parameters for which there is no room stand on lines of their own."""
    pairs = [parameter.partition("=") for parameter in parameters]
    fields = [f" {field}=" for field, _, _ in pairs]
    texts: Sequence[str] = [text for _, _, text in pairs]
    if width is not None:
        texts = _fitting(texts, width - len(head) - sum(map(len, fields)))
    lines = [head]
    for field, text in zip(fields, texts, strict=True):
        needed = len(field) + len(text)
        # What does not fit on a line anyway may as well begin on this one.
        if width is not None and len(lines[-1]) + min(needed, width // 2) > width:
            lines[-1] = _cut(lines[-1], width)
            lines.append(indent + field.lstrip() + text)
        else:
            lines[-1] += field + text
    lines[-1] = _cut(lines[-1], width)
    return lines


def _fitting(texts: Sequence[str], room: int) -> Sequence[str]:
    """Texts that take no more room together, if that can be: bytes give way before others, the longest first."""
    if sum(map(len, texts)) <= room:
        return texts
    leasts = [_DIGITS + 1 if _is_long_hexadecimal(text) else len(text) for text in texts]
    if _length(texts, leasts, 0) > room:
        texts = _cut_to(texts, leasts)
        leasts = [min(len(text), _CHARACTERS) for text in texts]
        if _length(texts, leasts, 0) > room:
            return texts
    # As long as the longest may be: the last length with which all of them fit.
    lengths = range(1 + max(map(len, texts)))
    limit = bisect_right(lengths, room, key=partial(_length, texts, leasts)) - 1
    return _cut_to(texts, [max(limit, least) for least in leasts])


def _cut_to(texts: Sequence[str], widths: Sequence[int]) -> Sequence[str]:
    return [_cut(*each) for each in zip(texts, widths, strict=True)]


def _is_long_hexadecimal(text: str) -> bool:
    return len(text) > _LONG and _HEXADECIMAL.issuperset(text)


def _length(texts: Sequence[str], leasts: Sequence[int], limit: int) -> int:
    return sum(min(len(text), max(limit, least)) for text, least in zip(texts, leasts, strict=True))


def _cut(text: str, width: int | None) -> str:
    return text if width is None or len(text) <= width else text[: max(width - 1, 0)] + "…"
