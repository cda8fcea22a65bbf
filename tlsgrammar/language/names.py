"""Names of code points, in both directions.

What may live here: how code points and names are looked up. Which there are is for those who declare structures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property

__all__ = ["Names"]


class Names(Mapping[int, str]):
    """Names by code point. `name` and `code` look up either way; iteration gives the code points.

    Attributes:
        title: what the code points are, in the singular.
        digits: how many hexadecimal digits a code point has.
    """

    def __init__(
        self,
        title: str,
        digits: int,
        load: Callable[[], Mapping[int, str]],
        grease: Callable[[int], bool] | None = None,
    ) -> None:
        self.title = title
        self.digits = digits
        self._load = load
        self._grease = grease

    def __repr__(self) -> str:
        return f"<Names of {self.title}>"

    # Two that hold the same names are two all the same: a registry adds names to one of them.
    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other

    @cached_property
    def _names(self) -> Mapping[int, str]:
        return self._load()

    @cached_property
    def _codes(self) -> dict[str, int]:
        # Where a name stands twice, the first code point has it: the later ones are drafts'.
        return {name: code for code, name in reversed(list(self._names.items()))}

    def __getitem__(self, code: int) -> str:
        return self._names[code]

    def __iter__(self) -> Iterator[int]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def name(self, code: int) -> str:
        """The name of a code point; `GREASE-0x2a2a` (RFC 8701) or `unknown-0x1234` without one."""
        known = self._names.get(code)
        if known is not None:
            return known
        kind = "GREASE" if self._grease is not None and self._grease(code) else "unknown"
        return f"{kind}-0x{code:0{self.digits}x}"

    def code(self, name: str) -> int:
        """The code point of a name, as `name` prints it.

        Raises:
            KeyError: there is no such name.
        """
        known = self._codes.get(name)
        if known is not None:
            return known
        kind, _, number = name.partition("-0x")
        if kind in ("GREASE", "unknown"):
            try:
                return int(number, 16)
            except ValueError:
                pass
        raise KeyError(f"no {self.title} is named {name!r}")
