"""A copy of the sources, in which mutants are tried: the tests run on each until one fails.

What may live here: the copy, running pytest in it, and finding out which test failed. The sources themselves are never
written to.
"""

from __future__ import annotations

import compileall
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from .limits import RUNNING
from .mutations import Mutation

__all__ = ["Copy", "NotPassingError"]

_LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", "__pycache__", ".*_cache", ".hypothesis", "dist", "*.egg-info"
)
_LIMIT = 3600  # seconds, for all tests together
_NO_TESTS = 5  # the exit status of pytest where there are none
_PYTEST = [sys.executable, "-m", "pytest", "-p", "mutants.limits", "-p", "no:cacheprovider"]
_PYTEST += ["-x", "-q", "--tb=short"]


class NotPassingError(Exception):
    """A test fails without a mutation too."""


class Copy:
    """A copy of a tree of sources and tests.

    Args:
        root: the folder that is copied.
        folder: where the copy is made, which does not exist yet.
    """

    def __init__(self, root: Path, folder: Path) -> None:
        self._folder = folder
        shutil.copytree(root, folder, ignore=_LEFT_OUT, symlinks=True)
        compileall.compile_dir(folder, quiet=2)

    def killer(self, path: str, mutation: Mutation, tests: Sequence[str]) -> str | None:
        """The test that fails with a mutation; None where all pass.

        Args:
            path: of the source, from the root.
            mutation: of the source.
            tests: files or tests, in the order in which they run.
        """
        source = self._folder / path
        whole = source.read_text()
        self._write(source, mutation.apply(whole))
        try:
            return self._first_failure(tests)
        finally:
            self._write(source, whole)

    def check(self, tests: Sequence[str]) -> None:
        """That tests pass without a mutation: else they have killed nothing.

        Raises:
            NotPassingError: one does not.
        """
        failing = self._first_failure(tests)
        if failing is not None:
            raise NotPassingError(f"{failing} fails without a mutation:\n{self._output()}")

    def _write(self, source: Path, text: str) -> None:
        source.write_text(text)
        # A compiled file tells sources apart by size and second, which mutants may share.
        for compiled in (source.parent / "__pycache__").glob(f"{source.stem}.*"):
            compiled.unlink()

    def _first_failure(self, tests: Sequence[str]) -> str | None:
        running = self._folder / RUNNING
        running.unlink(missing_ok=True)
        # The tool is not always in the copy.
        python_path = os.pathsep.join(map(str, [self._folder, Path(__file__).parents[1]]))
        with self._output_file.open("w") as output:
            process = subprocess.Popen(
                [*_PYTEST, *tests],
                cwd=self._folder,
                env={**os.environ, "PYTHONPATH": python_path, "PYTHONDONTWRITEBYTECODE": "1"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                status = process.wait(_LIMIT)
            except subprocess.TimeoutExpired:
                status = -1
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)  # and what tests have left behind
                process.wait()
        if status == 0:
            return None
        if status == _NO_TESTS:
            raise NotPassingError(f"there are no tests:\n{self._output()}")
        # Where there is no such file, pytest could not even begin.
        return running.read_text() if running.exists() else tests[0]

    @property
    def _output_file(self) -> Path:
        return self._folder / ".output-of-pytest"

    def _output(self) -> str:
        return self._output_file.read_text(errors="replace")
