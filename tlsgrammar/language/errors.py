"""What a structure that does not follow the grammar is reported as."""

from __future__ import annotations

import re
from collections.abc import Iterable

from construct import ConstructError

__all__ = ["GrammarError", "summary"]


class GrammarError(ConstructError):  # type: ignore[misc]
    """Bytes that do not follow the grammar, or a value that it cannot express.

    `tlsgrammar.parse` and `tlsgrammar.build` raise nothing else. It is a construct error as well,
    so that the schemas raise it from their own `.parse` and `.build` too.

    Attributes:
        reason: what was wrong, in words.
        offset: where, in bytes from the start of the data that were parsed (or built so far).
        path: where in the grammar, such as `ClientHello.extensions[3].body`.
        ends_early: whether the structure ended before its own lengths say, so that where it was
            meant to end cannot be trusted.
    """

    def __init__(
        self, reason: str, offset: int = 0, path: str = "", ends_early: bool = False
    ) -> None:
        Exception.__init__(self, reason)  # as ConstructError does; there may be many of them
        self.reason = reason
        self.offset = offset
        self.path = path
        self.ends_early = ends_early

    def __str__(self) -> str:
        where = f"{self.path}, offset {self.offset}" if self.path else f"offset {self.offset}"
        return f"{where}: {self.reason}"

    def __reduce__(self) -> tuple[type[GrammarError], tuple[str, int, str, bool]]:
        return type(self), (self.reason, self.offset, self.path, self.ends_early)


_MAXIMUM_KINDS = 64


def summary(defects: Iterable[GrammarError]) -> list[GrammarError]:
    """Defects of one structure, of which whoever wrote it decides how many there are: the first of each kind, and one
    that says how many more of that kind follow.

    Of one kind are those of the same path and reason, but for the numbers in them. Reasons may have names and bytes in
    them, so there is no end of kinds: behind 64 of them, any other is counted as one of the last.

    Returns:
        At most two for each kind. The second stands where the second defect of the kind did, with its path and offset.
    """
    shown: list[GrammarError] = []
    # By kind: how many there are, and where in the list the second is.
    places: dict[tuple[str, ...], list[int]] = {}
    known: dict[str, str] = {}  # texts without their numbers; most come again and again

    def without_numbers(text: str) -> str:
        found = known.get(text)
        if found is None:
            found = known[text] = _NUMBERS.sub("", text)
        return found

    for defect in defects:
        head, _, tail = defect.path.rpartition("[")  # of all the indexes, the last changes most
        tail = tail.partition("]")[2] if head else tail
        kind: tuple[str, ...]
        kind = (without_numbers(head), without_numbers(tail), without_numbers(defect.reason))
        place = places.get(kind)
        if place is None:
            if len(places) < _MAXIMUM_KINDS:
                places[kind] = [1, -1]
                shown.append(defect)
                continue
            place = places.setdefault((), [0, -1])
        place[0] += 1
        if place[1] < 0:
            place[1] = len(shown)
            shown.append(defect)
    for kind, (count, at) in places.items():
        # Two are as many as one and a count.
        if count > 2 or (not kind and count > 1):
            first = shown[at]
            others = "more like this" if kind else "more of other kinds"
            number = count - 1 if kind else count
            reason = f"and {number:,} {others}, of which this is the first: {first.reason}"
            shown[at] = GrammarError(reason, first.offset, first.path, first.ends_early)
    return shown


_NUMBERS = re.compile("0x[0-9a-f]+|[0-9]+")
