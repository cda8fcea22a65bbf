"""The report of captures: which connections it shows, and its page.

What may live here: events in, a page out, whatever feeds it; and what is kept of the captures for that, within bounds.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from tlsgrammar import Registry
from tlsgrammar.language.shape import taken_apart
from tlsgrammar.picture import Page, page
from tlsgrammar.registry import DEFAULT

from ...model import Event
from ...options import DEFAULT_DETAILS
from ...rows import ConnectionRow, Rows, weaknesses
from ...rows.rows import events_of
from .drawing import Drawing
from .ladder import HEARS, Ladder, Seen

__all__ = ["Found", "Report", "found_in"]

# So many connections are listed. Of those that have no row yet, so many are followed at once, which take so many bytes; and so
# many are known to have been left out.
_MAXIMUM_ROWS = 100_000
_MAXIMUM_OPEN = 10_000
_MAXIMUM_HELD = 2**28
_MAXIMUM_OVER = 100_000

_PAGE = Page(
    "report.html",
    styles=("page.css", "report.css"),
    scripts=("elements.js", "fields.js", "ladder.js", "charts.js", "report.js"),
    packages=("events.output.report",),
)


class Found(NamedTuple):
    """A connection that was found in a capture.

    Attributes:
        row: what its row says.
        seen: what each side sent; None where there were too many.
        signature: the name of the scheme that the server signs with; None where it was not seen.
    """

    row: ConnectionRow
    seen: Seen | None
    signature: str | None


WANTED = events_of((ConnectionRow,)) | {kind.name for kind in HEARS}
"""The names of the events that a report is made of."""


def found_in(
    path: str,
    events: Iterable[Event],
    details: int = DEFAULT_DETAILS,
    registry: Registry | None = None,
) -> Iterator[Found]:
    """The connections that are found in a capture, each once its row is complete; those in detail at the end.

    Args:
        path: of the capture.
        events: those of `WANTED`.
        details: how many are kept in detail: half of them are the first ones of which something is malformed, as far as there
            are such, the others the first ones.
        registry: has the names; the default one where it is None.
    """
    registry = DEFAULT if registry is None else registry
    rows = Rows((ConnectionRow,), extensions=registry, file=_shown(path))
    ladders = _Ladders(details, registry)
    for event in events:
        ladders.take(event)
        for row in rows.take(event):
            if isinstance(row, ConnectionRow):
                yield from ladders.complete(row)
    for row in rows.end():
        if isinstance(row, ConnectionRow):
            yield from ladders.complete(row)
    yield from ladders.end()


class _Ladders:
    """The ladders of the connections of a capture: those that go on, and those that are shown."""

    def __init__(self, details: int, registry: Registry) -> None:
        self._details = details
        self._registry = registry
        self._open: dict[str, Ladder] = {}
        self._held = 0
        # Those that are not followed any more, the oldest first.
        self._over: dict[str, None] = {}
        # Those that have their row: of which something is malformed, and others.
        self._wrong: dict[str, tuple[ConnectionRow, Ladder]] = {}
        self._sound: dict[str, tuple[ConnectionRow, Ladder]] = {}

    def take(self, event: Event) -> None:
        hear = HEARS.get(type(event))
        uid = event.c.uid
        if hear is None or uid is None or uid in self._over:
            return
        kept = self._wrong.get(uid) or self._sound.get(uid)
        if kept is not None:
            hear(kept[1], event)
            return
        ladder = self._open.get(uid)
        if ladder is None:
            start = event.ts if event.c.start_time is None else event.c.start_time
            ladder = self._open[uid] = Ladder(self._registry, start)
            self._held += ladder.size
        before = ladder.size
        hear(ladder, event)
        self._held += ladder.size - before
        while len(self._open) > _MAXIMUM_OPEN or self._held > _MAXIMUM_HELD:
            self._leave_out(next(iter(self._open)))

    def _leave_out(self, uid: str) -> None:
        self._close(uid)
        self._over[uid] = None
        if len(self._over) > _MAXIMUM_OVER:
            del self._over[next(iter(self._over))]

    def _close(self, uid: str) -> Ladder | None:
        ladder = self._open.pop(uid, None)
        self._held -= 0 if ladder is None else ladder.size
        return ladder

    def complete(self, row: ConnectionRow) -> Iterator[Found]:
        """Take a row."""
        ladder = None if row.uid is None else self._close(row.uid)
        if ladder is None or row.uid is None:
            yield Found(row, None, None)
            return
        among = self._wrong if ladder.violations else self._sound
        if len(among) < self._details:
            among[row.uid] = (row, ladder)
        else:
            self._leave_out(row.uid)
            yield Found(row, None, ladder.signature)

    def end(self) -> Iterator[Found]:
        wrong, sound = list(self._wrong.values()), list(self._sound.values())
        of_wrong = max(self._details // 2, self._details - len(sound))
        of_sound = self._details - min(of_wrong, len(wrong))
        for several, count in ((wrong, of_wrong), (sound, of_sound)):
            for at, (row, ladder) in enumerate(several):
                yield Found(row, ladder.seen() if at < count else None, ladder.signature)


def _shown(path: str) -> str:
    return os.fsencode(path).decode(errors="backslashreplace")  # it may not be UTF-8


class Report:
    """The page of the connections of captures.

        >>> import events
        >>> from events.output.report import Report, found_in
        >>> path = "tests/data/tls13.pcap"
        >>> report = Report([path])
        >>> for found in found_in(path, events.read_capture(path, wanted=Report.wanted)):
        ...     report.add(found)
        >>> "TLS_AES_256_GCM_SHA384" in report.html()
        True

    Args:
        files: the captures.
        details: how many connections are shown with their bytes.
        registry: has the schemas and the names.

    Attributes:
        wanted: the names of the events that it is made of (of the class).
    """

    wanted = WANTED

    def __init__(
        self,
        files: Sequence[str],
        *,
        details: int = DEFAULT_DETAILS,
        registry: Registry = DEFAULT,
    ) -> None:
        self._files = [_shown(file) for file in files]
        self._details = details
        self._drawing = Drawing(registry)
        self._rows: list[list[Any]] = []
        self._seen: dict[int, Seen] = {}
        self._left_out = 0

    def add(self, found: Found) -> None:
        """Take a connection."""
        row = found.row
        if len(self._rows) >= _MAXIMUM_ROWS and found.seen is None:
            self._left_out += 1
            return
        if found.seen is not None and len(self._seen) < self._details:
            self._seen[len(self._rows)] = found.seen
        weak = weaknesses(row)
        values = (*msgspec.structs.astuple(row), found.signature, weak)
        self._rows.append([self._told(value) for value in values])

    def _told(self, value: Any) -> Any:
        """A value as the page is told it: a text is the number that it has among all."""
        if isinstance(value, str):
            return self._drawing.fields.number(value)
        if isinstance(value, list | tuple):
            return [self._told(each) for each in value]
        return value

    def html(self) -> str:
        """The page.

        Raises:
            ImportError: Jinja2 is not installed.
        """
        with taken_apart():  # hundreds of structures have the same schemas
            steps = {at: self._drawing.steps(seen) for at, seen in self._seen.items()}
        data = {
            "fields": _FIELDS,
            "numbers": _NUMBERS,
            "rows": self._rows,
            "steps": steps,
            "texts": self._drawing.fields.texts,
        }
        count = len(self._rows) + self._left_out
        return page(
            _PAGE,
            f"TLS connections of {_files_in_words(self._files)}",
            data,
            made=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
            count=count,
            listed=len(self._rows),
            details=len(steps),
        )


_FIELDS = (*ConnectionRow.__struct_fields__, "signature", "weaknesses")
_NUMBERS = ("ts", "orig_p", "resp_p", "not_valid_after", "violations")
"""The fields that are numbers; others are texts, or true or false."""


def _files_in_words(files: Sequence[str]) -> str:
    names = [os.path.basename(file) for file in files]
    return ", ".join(names) if len(names) <= 3 else f"{len(names)} captures"
