"""What the functions of a context read: `this.name`, comparisons of such, and functions that declare it.

What belongs here: telling how much of a context a function needs, so that nobody makes more of one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from construct.expr import BinExpr, Path

__all__ = ["field_of_this", "reads", "reads_fields", "reads_params"]

F = TypeVar("F", bound=Callable[..., Any])


def reads(what: str) -> Callable[[F], F]:
    """Declare what a function of the context reads, so that it need not be given a whole context: `fields` of
    the structure that it is in and nothing else, or `params` (`context["_params"]`).
    """

    def declare(function: F) -> F:
        function.reads = what  # type: ignore[attr-defined]
        return function

    return declare


def field_of_this(function: Any) -> str | None:
    """The name of the field, for an expression that is `this.name`; None for any other."""
    if not isinstance(function, Path):
        return None
    parent = function._Path__parent
    if parent is None or parent._Path__parent is not None or repr(parent) != "this":
        return None
    name: str = function.__getfield__()
    return name


def reads_fields(function: Any) -> bool:
    """Whether a function of the context, or a constant in its place, reads nothing but fields of the structure
    that it is in.
    """
    if not callable(function) or field_of_this(function) is not None:
        return True
    if isinstance(function, BinExpr):
        return reads_fields(function.lhs) and reads_fields(function.rhs)
    return getattr(function, "reads", None) == "fields"


def reads_params(function: Any) -> bool:
    """Whether a function of the context reads nothing but what the parser was told."""
    return getattr(function, "reads", None) == "params"
