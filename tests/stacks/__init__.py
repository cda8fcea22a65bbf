"""Real TLS connections between stacks on this machine, with their secrets and what they said.

python -m tests.stacks [STACK...]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module

from .talk import Made


def _of(name: str) -> Callable[[], Iterator[Made]]:
    def make() -> Iterator[Made]:
        found: Iterator[Made] = import_module(f"{__name__}.{name}").make()
        return found

    return make


STACKS = {
    name: _of(name)
    for name in ("openssl3", "openssl35", "openssl4", "gnutls", "wolfssl", "aioquic", "programs")
}
"""What makes the connections of each."""
