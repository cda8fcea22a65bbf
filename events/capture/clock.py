"""Capture time, as far as packets agree on it.

What may live here: which times of packets are believed. Events have the times of their packets, whatever those are; what
is believed decides how long something is waited for.
"""

from __future__ import annotations

__all__ = ["Clock"]

# Until packets are so far ahead, in seconds, the clock stands still: what is waited for is waited for in minutes.
_RESOLUTION = 1.0
# A step up to this far ahead is believed at once; one that is longer, or goes back so far, once so many packets in a row
# have a time near it. A single packet may have any.
_JUMP = 60.0
_AGREEING = 32


class Clock:
    """How much time has passed in a capture.

    Capture time may jump: packets are damaged, machines set their clocks, captures are put one behind the other. So a
    jump is believed only when packets agree on it; and it never goes back, so that what is waited for ends.

    Attributes:
        now: how many seconds have passed.
        begin, end: packets with a time from the one up to the other change nothing, and need not be told to `tick`.
        place: which packet of the capture it is that is being taken, counted from 1. Only who shares a capture with others
            sets it.
    """

    __slots__ = ("_agreeing", "_base", "_behind", "_suspect", "begin", "end", "now", "place")

    def __init__(self) -> None:
        self.now = 0.0
        self.begin = self.end = 0.0
        self.place = 0
        # The time that is believed, and one that is not, with how many packets agree on it.
        self._base: float | None = None
        self._suspect = 0.0
        self._agreeing = 0
        # How far time has gone back, which does not count when it goes on; not positive.
        self._behind = 0.0

    def tick(self, ts: float) -> bool:
        """Take the time of a packet; whether time has passed with it."""
        if self._base is None:
            self._believe(ts)
            return True
        passed = ts - self._base
        if -_JUMP <= passed <= _JUMP:
            if passed < 0:
                if self._agreeing:
                    self._believe(self._base)
                return False
            self._believe(ts)
            self.now += passed
            return True
        if self._agreeing and abs(ts - self._suspect) <= _JUMP:
            self._agreeing += 1
        else:
            self._agreeing = 1
        self._suspect = ts
        self.end = self.begin  # those that contradict are of interest too
        if self._agreeing < _AGREEING:
            return False
        self._believe(ts)
        # Where it has gone back before, it only catches up.
        ahead = passed + self._behind
        self._behind = min(ahead, 0.0)
        self.now += max(ahead, 0.0)
        return ahead > 0

    def _believe(self, ts: float) -> None:
        self._base = self.begin = ts
        self.end = ts + _RESOLUTION
        self._agreeing = 0
