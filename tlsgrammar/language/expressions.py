"""What the functions of a context read: `this.name`, what is computed from such, and functions that declare it.

What may live here: telling how much of a context a function needs, so that nobody makes more of one.

A trap: construct's expressions answer every attribute with another expression, and every comparison with one that is
true. So they are told by their type first, and never asked for an attribute of ours.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any, TypeVar

from construct.expr import BinExpr, ExprMixin, FuncPath, Path, UniExpr

__all__ = ["Reads", "field_of_this", "levels_of_this", "operands", "reading", "reads"]

F = TypeVar("F", bound=Callable[..., Any])


class Reads(enum.IntEnum):
    """How much of a context a function reads."""

    NOTHING = 0
    EXPRESSION = (
        1  # fields of the structure that it is in, as an expression that can be written out
    )
    FIELDS = 2  # fields of the structure that it is in
    PARAMS = 3  # what the parser was told, and nothing else
    CONTEXT = 4  # anything


# What construct puts into a context beside the fields.
_SPECIAL = {
    *("_", "_params", "_root", "_parsing", "_building", "_sizing", "_subcons", "_io", "_index")
}
_DECLARED = {"fields": Reads.FIELDS, "params": Reads.PARAMS}


def reads(what: str) -> Callable[[F], F]:
    """Declare what a function of the context reads, so that it need not be given a whole context.

    Args:
        what: `fields` of the structure that it is in and nothing else; or `params` (`context["_params"]`).

    Raises:
        ValueError: it is neither.
    """
    if what not in _DECLARED:
        raise ValueError(f"a function reads 'fields' or 'params', not {what!r}")

    def declare(function: F) -> F:
        function.reads = what  # type: ignore[attr-defined]
        return function

    return declare


def reading(function: Any) -> Reads:
    """How much of a context a function of it reads; or a constant in its place."""
    if not callable(function):
        return Reads.NOTHING
    if not isinstance(function, ExprMixin):
        declared = getattr(function, "reads", None)
        return _DECLARED.get(declared, Reads.CONTEXT) if declared is not None else Reads.CONTEXT
    if isinstance(function, Path):
        return Reads.CONTEXT if field_of_this(function) is None else Reads.EXPRESSION
    inside = operands(function)
    if inside is None:
        return Reads.CONTEXT
    most = max(map(reading, inside))
    return most if most <= Reads.EXPRESSION else Reads.CONTEXT


def operands(expression: Any) -> tuple[Any, ...] | None:
    """What an expression computes with, in the order of `op(...)`; None where it is not known."""
    if type(expression) is BinExpr:
        return expression.lhs, expression.rhs
    if type(expression) is UniExpr:
        return (expression.operand,)
    if type(expression) is FuncPath:
        operand = expression._FuncPath__operand
        return None if operand is None else (operand,)
    return None


def field_of_this(function: Any) -> str | None:
    """The name of the field, for an expression that is `this.name`; None for any other."""
    if type(function) is not Path:
        return None
    parent = function._Path__parent
    if parent is None or parent._Path__parent is not None or function._Path__name != "this":
        return None
    name = function.__getfield__()
    return name if isinstance(name, str) and name not in _SPECIAL else None


def levels_of_this(function: Any) -> int | None:
    """How many structures further out the field stands that an expression such as `this._._.name` reads: here 2.

    None for an expression of another kind, and for what construct itself puts into a context, such as `this._root.name`.
    """
    if type(function) is not Path or function._Path__name != "this":
        return None
    names: list[Any] = []
    while function is not None and function._Path__parent is not None:
        names.append(function.__getfield__())
        function = function._Path__parent
    names.reverse()
    levels = next((i for i, name in enumerate(names) if name != "_"), len(names))
    if levels == len(names) or names[levels] in _SPECIAL:
        return None
    return levels
