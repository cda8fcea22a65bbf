"""Colors of a terminal.

What may live here: which there are. Whether output has any is decided by who writes it.
"""

from __future__ import annotations

__all__ = ["BOLD", "CYAN", "RED", "painted"]

BOLD, CYAN, RED = "\x1b[1m", "\x1b[36m", "\x1b[31m"
_PLAIN = "\x1b[0m"


def painted(text: str, color: str) -> str:
    """Text in a color, or as it is where that is empty."""
    return f"{color}{text}{_PLAIN}" if color else text
