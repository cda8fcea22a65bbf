"""What may be changed in a source, one token at a time.

What may live here: where the tokens are, and what may stand in their place. What is no code that runs is left alone:
strings (but for those that the compiler writes as code), annotations, decorators, what is for type checkers only; and
asserts, which are tests themselves.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["Mutation", "mutations"]

_OPERATORS: dict[str, tuple[str, ...]] = {
    "<": ("<=", ">"),
    "<=": ("<", ">="),
    ">": (">=", "<"),
    ">=": (">", "<="),
    "==": ("!=",),
    "!=": ("==",),
    "is": ("is not",),
    "is not": ("is",),
    "in": ("not in",),
    "not in": ("in",),
    "and": ("or",),
    "or": ("and",),
    "+": ("-",),
    "-": ("+",),
    "*": ("//",),
    "//": ("*",),
    "/": ("*",),
    "%": ("//",),
    "**": ("*",),
    "<<": (">>",),
    ">>": ("<<",),
    "&": ("|",),
    "|": ("&",),
    "^": ("&",),
    "+=": ("-=",),
    "-=": ("+=",),
    "*=": ("//=",),
    "//=": ("*=",),
    "<<=": (">>=",),
    ">>=": ("<<=",),
    "&=": ("|=",),
    "|=": ("&=",),
    "^=": ("&=",),
}
_FUNCTIONS = {
    "min": "max",
    "max": "min",
    "any": "all",
    "all": "any",
    "bisect_left": "bisect_right",
    "bisect_right": "bisect_left",
}
# Names whose values say which names there are.
_DECLARATIONS = {"__all__", "__slots__"}
# Methods of the compiler that take code as text, and what of it may be changed.
_WRITING = {"_line", "_must"}
_WRITTEN_OPERATOR = re.compile(r"(?<= )(?:[<>=!]=|[<>+-]|[+-]=|and|or|&|\||<<|>>)(?= )")


class Mutation(NamedTuple):
    """One token of a source, and what stands in its place.

    Attributes:
        start, end: where it stands, in characters.
        text: what stands there instead.
    """

    start: int
    end: int
    text: str

    def apply(self, source: str) -> str:
        """The source with it."""
        return source[: self.start] + self.text + source[self.end :]

    def line(self, source: str) -> int:
        """The number of its line, from 1."""
        return source.count("\n", 0, self.start) + 1

    def before_and_after(self, source: str) -> tuple[str, str]:
        """Its line without it and with it."""
        number = self.line(source) - 1
        # What is taken away may leave fewer lines behind it, never before it.
        after = self.apply(source).splitlines()
        return source.splitlines()[number].strip(), after[number].strip()


class _Token(NamedTuple):
    start: int
    end: int
    text: str


def mutations(source: str) -> Iterator[Mutation]:
    """All of them, in no special order."""
    yield from _Source(source).all()


class _Source:
    def __init__(self, source: str) -> None:
        self._source = source
        lines = source.splitlines(keepends=True)
        self._lines = [line.encode() for line in lines]
        self._starts = [0]
        for line in lines:
            self._starts.append(self._starts[-1] + len(line))
        self._tokens = [
            _Token(self._starts[row - 1] + column, self._starts[end_row - 1] + end_column, text)
            for kind, text, (row, column), (end_row, end_column), _ in tokenize.generate_tokens(
                io.StringIO(source).readline
            )
            if kind in (tokenize.OP, tokenize.NAME, tokenize.NUMBER)
        ]

    def all(self) -> Iterator[Mutation]:
        for node in _code(ast.parse(self._source)):
            yield from self._of(node)

    def _of(self, node: ast.AST) -> Iterator[Mutation]:
        match node:
            case ast.Compare():
                for left, right in zip(
                    [node.left, *node.comparators], node.comparators, strict=False
                ):
                    yield from self._operator(self._end(left), self._start(right))
            case ast.BoolOp():
                for left, right in zip(node.values, node.values[1:], strict=False):
                    yield from self._operator(self._end(left), self._start(right))
            case ast.BinOp(left=left, right=right) if not _is_type(node):
                yield from self._operator(self._end(left), self._start(right))
            case ast.AugAssign():
                yield from self._operator(self._end(node.target), self._start(node.value))
            case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
                token = self._tokens_in(self._start(node), self._start(operand))[0]
                behind = 1 if token.text == "not" else 0
                yield Mutation(token.start, token.end + behind, "")
            case ast.Constant(value=bool() as value):
                yield self._whole(node, str(not value))
            case ast.Constant(value=int() | float() as value):
                for other in (value + 1, value - 1):
                    is_hex = isinstance(other, int) and self._text(node).startswith("0x")
                    if other >= 0:
                        yield self._whole(node, f"{other:#x}" if is_hex else str(other))
            case ast.Break():
                yield self._whole(node, "continue")
            case ast.Continue():
                yield self._whole(node, "break")
            case ast.Call(func=ast.Name(id=name) as func) if name in _FUNCTIONS:
                yield self._whole(func, _FUNCTIONS[name])
            case ast.Call(func=ast.Attribute(attr=name), args=arguments) if name in _WRITING:
                for argument in arguments:
                    if isinstance(argument, ast.JoinedStr | ast.Constant):
                        yield from self._written(argument)
            case ast.Slice():
                for bound in (node.lower, node.upper):
                    if isinstance(bound, ast.Name | ast.Constant):
                        yield self._whole(bound, "")
            case ast.Return(value=ast.Name() as returned):
                yield self._whole(returned, "None")

    def _operator(self, start: int, end: int) -> Iterator[Mutation]:
        """What else may stand between two operands."""
        tokens = [token for token in self._tokens_in(start, end) if token.text not in "()"]
        text = " ".join([token.text for token in tokens])
        for other in _OPERATORS.get(text, ()):
            yield Mutation(tokens[0].start, tokens[-1].end, other)

    def _written(self, node: ast.expr) -> Iterator[Mutation]:
        """What else may stand in code that is written as text."""
        begin = self._start(node)
        for found in _WRITTEN_OPERATOR.finditer(self._text(node)):
            for other in _OPERATORS[found[0]]:
                yield Mutation(begin + found.start(), begin + found.end(), other)

    def _whole(self, node: ast.expr | ast.stmt, text: str) -> Mutation:
        return Mutation(self._start(node), self._end(node), text)

    def _tokens_in(self, start: int, end: int) -> list[_Token]:
        return [token for token in self._tokens if start <= token.start and token.end <= end]

    def _text(self, node: ast.expr) -> str:
        return self._source[self._start(node) : self._end(node)]

    def _start(self, node: ast.AST) -> int:
        assert isinstance(node, ast.expr | ast.stmt)
        return self._position(node.lineno, node.col_offset)

    def _end(self, node: ast.AST) -> int:
        assert isinstance(node, ast.expr | ast.stmt)
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self._position(node.end_lineno, node.end_col_offset)

    def _position(self, row: int, column: int) -> int:
        # ast counts bytes.
        return self._starts[row - 1] + len(self._lines[row - 1][:column].decode())


def _code(node: ast.AST) -> Iterator[ast.AST]:
    """A node and what is in it, but for what does not run."""
    yield node
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "type_comment"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not _is_left_alone(child):
                yield from _code(child)


def _is_left_alone(node: ast.AST) -> bool:
    match node:
        case ast.JoinedStr() | ast.Assert():
            return True
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
        case ast.Assign(targets=[ast.Name(id=name)]):
            return name in _DECLARATIONS
    return False


def _is_type(node: ast.BinOp) -> bool:
    """Whether it says `X | None`, which is a type wherever it stands."""
    return any(
        isinstance(side, ast.Constant) and side.value is None for side in (node.left, node.right)
    )
