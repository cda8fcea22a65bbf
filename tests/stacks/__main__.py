"""What the stacks of this machine could be made to say, and what not.

python -m tests.stacks [STACK...]
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict

from . import STACKS
from .talk import Made


def show(made: list[Made]) -> None:
    """Print how many connections there are by version, and those that could not be made."""
    counts: Counter[str] = Counter()
    missing: defaultdict[str, list[str]] = defaultdict(list)
    for each in made:
        if each.talk is not None:
            counts[each.version] += 1
        else:
            missing[each.version].append(f"{each.name}: {each.why}")
    for version in counts | dict.fromkeys(missing, 0):
        print(f"  {version}: {counts[version]} made, {len(missing[version])} not possible")
        for line in missing[version]:
            print(f"    {line}")


def main() -> None:
    for name in sys.argv[1:] or list(STACKS):
        made = list(STACKS[name]())
        if not made:
            print(f"{name}: not here")
            continue
        print(f"{name} ({', '.join(dict.fromkeys(each.stack for each in made))})")
        show(made)


if __name__ == "__main__":
    main()
