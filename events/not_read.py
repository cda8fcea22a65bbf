"""What was not read, although it may be of interest.

What may live here: the warning that says so.
"""

from __future__ import annotations

__all__ = ["NotRead"]


class NotRead(UserWarning):
    """Part of what was given was skipped: a library is not installed, the link type of an interface cannot be read, or a
    line of a key log.
    """
