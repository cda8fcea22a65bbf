"""What a structure that does not follow the grammar is reported as."""

from __future__ import annotations

from construct import ConstructError

__all__ = ["GrammarError"]


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
        super().__init__(reason)
        self.reason = reason
        self.offset = offset
        self.path = path
        self.ends_early = ends_early

    def __str__(self) -> str:
        where = f"{self.path}, offset {self.offset}" if self.path else f"offset {self.offset}"
        return f"{where}: {self.reason}"

    def __reduce__(self) -> tuple[type[GrammarError], tuple[str, int, str, bool]]:
        return type(self), (self.reason, self.offset, self.path, self.ends_early)
