"""The code in the documents."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


# Those that capture are run by the tests of that, where it is allowed, or need other programs.
CAPTURES = re.compile(r"capture_live|-i (?:any|eth0)|setcap")


ALL_BLOCKS = [
    pytest.param(language, code, id=f"{path.name}:{index}")
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    for index, (language, code) in enumerate(
        re.findall(r"^```(\w+)\n(.*?)^```", path.read_text(), re.DOTALL | re.MULTILINE)
    )
    # Those that set up an environment are run by continuous integration, from a clean clone.
    if "pip install" not in code
]


BLOCKS = [each for each in ALL_BLOCKS if not CAPTURES.search(str(each.values[1]))]
