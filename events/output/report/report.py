"""The report of captures: which connections it shows, and its page.

What may live here: events in, a page out, whatever feeds it; and what is kept of the captures for that, within bounds.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain, islice
from typing import Any, NamedTuple

import msgspec

from tlsgrammar import Registry
from tlsgrammar.language.shape import taken_apart
from tlsgrammar.picture import Page, page
from tlsgrammar.registry import DEFAULT

from ...model import ConnectionStateRemove, Event
from ...options import DEFAULT_DETAILS
from ...rows import ConnectionRow, Rows, weaknesses
from ...rows.rows import events_of
from .drawing import Drawing
from .ladder import HEARS, Ladder, Seen

__all__ = ["Found", "Report", "found_in"]

# So many connections are listed. So many are followed at once, which take so many bytes; and so many are
# known to be left out.
_MAXIMUM_ROWS = 100_000
_MAXIMUM_HEARD = 10_000
_MAXIMUM_HELD = 2**28
_MAXIMUM_LEFT_OUT = 100_000

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


def found_in(
    path: str,
    events: Iterable[Event],
    details: int = DEFAULT_DETAILS,
    registry: Registry | None = None,
) -> Iterator[Found]:
    """The connections that are found in a capture, each once its row is complete; those that may be shown in detail at the end.

    Args:
        path: of the capture.
        events: those of `Report.wanted`.
        details: so many of which something is malformed may be shown in detail, and so many others: the first ones.
        registry: has the names; the default one where it is None.
    """
    registry = DEFAULT if registry is None else registry
    rows = Rows((ConnectionRow,), extensions=registry, file=_shown(path))
    ladders = _Ladders(details, registry)
    for event in events:
        ladder = ladders.of(event.c.uid)
        ladders.take(event)
        for row in rows.take(event):
            if isinstance(row, ConnectionRow):
                own = row.uid == event.c.uid  # its ladder may just have been forgotten
                yield from ladders.complete(row, ladder if own else ladders.of(row.uid))
    for row in rows.end():
        if isinstance(row, ConnectionRow):
            yield from ladders.complete(row, ladders.of(row.uid))
    yield from ladders.end()


class _Ladders:
    """The ladders of the connections of a capture: those that go on, and those that have their row and may be shown."""

    def __init__(self, details: int, registry: Registry) -> None:
        self._details = details
        self._registry = registry
        # Those that are heard of, by the name of the connection; and how many bytes they take.
        self._heard: dict[str, Ladder] = {}
        self._held = 0
        # The connections that are not followed, the oldest first.
        self._left_out: dict[str, None] = {}
        # Those that have their row: of which something is malformed so far, and others.
        self._wrong: list[tuple[ConnectionRow, Ladder]] = []
        self._sound: list[tuple[ConnectionRow, Ladder]] = []

    def take(self, event: Event) -> None:
        hear = HEARS.get(type(event))
        uid = event.c.uid
        if hear is None or uid is None:
            return
        if uid not in self._left_out:
            ladder = self._heard.get(uid) or self._begin(uid, event)
            if ladder is not None:
                before = ladder.size
                hear(ladder, event)
                self._held += ladder.size - before
                if self._held > _MAXIMUM_HELD:
                    self._leave_out(uid)
        if type(event) is ConnectionStateRemove:  # the name may be that of another one later
            self._left_out.pop(uid, None)
            self._forget(uid)

    def _begin(self, uid: str, event: Event) -> Ladder | None:
        if len(self._heard) >= _MAXIMUM_HEARD:
            self._leave_out(uid)
            return None
        ladder = self._heard[uid] = Ladder(self._registry, event.ts)
        self._held += ladder.size
        return ladder

    def _leave_out(self, uid: str) -> None:
        self._forget(uid)
        self._left_out[uid] = None
        if len(self._left_out) > _MAXIMUM_LEFT_OUT:
            del self._left_out[next(iter(self._left_out))]

    def _forget(self, uid: str) -> Ladder | None:
        ladder = self._heard.pop(uid, None)
        self._held -= 0 if ladder is None else ladder.size
        return ladder

    def complete(self, row: ConnectionRow, ladder: Ladder | None) -> Iterator[Found]:
        """Take a row, and the ladder of its connection."""
        if ladder is None:
            yield Found(row, None, None)
            return
        among = self._wrong if ladder.violations else self._sound
        if len(among) < self._details:
            among.append((row, ladder))
        else:
            yield Found(row, None, ladder.signature)
            if row.uid in self._heard:
                self._leave_out(row.uid)

    def of(self, uid: str | None) -> Ladder | None:
        """That of a connection."""
        return None if uid is None else self._heard.get(uid)

    def end(self) -> Iterator[Found]:
        for row, ladder in (*self._wrong, *self._sound):
            if ladder.violations > row.violations:  # there were some after the row
                row = msgspec.structs.replace(row, violations=ladder.violations)
            yield Found(row, ladder.seen(), ladder.signature)


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

    wanted = events_of((ConnectionRow,)) | {kind.name for kind in HEARS}

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
        # What may be shown in detail, by the number of the row: of which something is malformed, and others.
        self._wrong: dict[int, Seen] = {}
        self._sound: dict[int, Seen] = {}
        self._left_out = 0

    def add(self, found: Found) -> None:
        """Take a connection."""
        row = found.row
        if len(self._rows) >= _MAXIMUM_ROWS and found.seen is None:
            self._left_out += 1
            return
        among = self._wrong if row.violations else self._sound
        if found.seen is not None and len(among) < self._details:
            among[len(self._rows)] = found.seen
        weak = weaknesses(row)
        values = (*msgspec.structs.astuple(row), found.signature, weak)
        self._rows.append([self._told(value) for value in values])

    def _told(self, value: Any) -> Any:
        """A value as the page is told it: a text is the number that it has among all."""
        if isinstance(value, str):
            return self._drawing.fields.number(value)
        if isinstance(value, list | tuple):
            return [self._told(each) for each in value]
        if isinstance(value, float) and not math.isfinite(value):
            return None  # JSON has no such numbers
        return value

    def _in_detail(self) -> Iterator[tuple[int, Seen]]:
        """Half of them may be those of which something is malformed; or more, where there are not enough others."""
        of_wrong = max(self._details // 2, self._details - len(self._sound))
        wrong = islice(self._wrong.items(), of_wrong)
        of_sound = self._details - min(of_wrong, len(self._wrong))
        return chain(wrong, islice(self._sound.items(), of_sound))

    @property
    def count(self) -> int:
        """How many connections there are."""
        return len(self._rows) + self._left_out

    def html(self) -> str:
        """The page.

        Raises:
            ImportError: Jinja2 is not installed.
        """
        with taken_apart():  # hundreds of structures have the same schemas
            steps = {at: self._drawing.steps(seen) for at, seen in self._in_detail()}
        data = {
            "fields": _FIELDS,
            "numbers": _NUMBERS,
            "rows": self._rows,
            "steps": steps,
            "pictures": self._drawing.pictures,
            "texts": self._drawing.fields.texts,
        }
        return page(
            _PAGE,
            f"TLS connections of {_files_in_words(self._files)}",
            data,
            made=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
            count=self.count,
            listed=len(self._rows),
            details=len(steps),
        )


_FIELDS = (*ConnectionRow.__struct_fields__, "signature", "weaknesses")
_NUMBERS = ("ts", "orig_p", "resp_p", "not_valid_after", "violations")
"""The fields that are numbers; others are texts, or true or false."""


def _files_in_words(files: Sequence[str]) -> str:
    names = [os.path.basename(file) for file in files]
    return ", ".join(names) if len(names) <= 3 else f"{len(names)} captures"
