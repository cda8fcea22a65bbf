"""Every code block of the documents runs as it stands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path

import pytest

from .helpers.documents import BLOCKS, ROOT


@pytest.mark.parametrize(("language", "code"), BLOCKS)
def test_code_block(language: str, code: str, tmp_path: Path) -> None:
    for each in ROOT.iterdir():  # what is there is found, and what is written stays here
        (tmp_path / each.name).symlink_to(each)
    if "distributed" in code:
        pytest.importorskip("distributed", reason="needs dask.distributed (extra dask)")
    for name in ("pandas", "duckdb", "pyarrow"):
        if name in code:
            pytest.importorskip(name, reason=f"needs {name}")
    if language == "toml":
        assert tomllib.loads(code)
        return
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    interpreters = {"python": [sys.executable, "-c"], "sh": ["bash", "-euo", "pipefail", "-c"]}
    result = subprocess.run(
        [*interpreters[language], code],
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr


# What a block of code prints is indented below it.
SHOWN = [
    pytest.param(code, shown, id=f"tutorial.md:{index}")
    for index, (code, shown) in enumerate(
        re.findall(
            r"^```sh\n((?:(?!```).*\n)+)```\n\n((?: {4}.*\n)+)",
            (ROOT / "docs" / "tutorial.md").read_text(),
            re.MULTILINE,
        )
    )
]


@pytest.mark.parametrize(("code", "shown"), SHOWN)
def test_output_that_is_shown_is_printed(code: str, shown: str) -> None:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    printed = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", code],
        cwd=ROOT,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    lines = "\n".join(line.rstrip() for line in printed.splitlines())
    assert textwrap.dedent(shown).rstrip() in lines


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_an_example_with_processes_runs_as_a_program(method: str, tmp_path: Path) -> None:
    """However processes are started: they import the program again."""
    [code] = [code for _, code in (each.values for each in BLOCKS) if "with Workers()" in str(code)]
    program = tmp_path / "program.py"
    program.write_text(
        f"import multiprocessing\n\nmultiprocessing.set_start_method({method!r}, force=True)\n{code}"
    )
    result = subprocess.run(
        [sys.executable, str(program)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.count("ssl_client_hello") >= 5


def test_each_recipe_is_short() -> None:
    """Five lines at most, without the empty ones."""
    for each in BLOCKS:
        _, code = each.values
        if str(each.id).startswith("recipes.md"):
            assert len([line for line in str(code).splitlines() if line]) <= 5, code
