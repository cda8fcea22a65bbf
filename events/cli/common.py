"""What the commands that read captures share: their options, how captures are read, and how failures are told.

What may live here: that, for any command. What a command prints is for its own module.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import multiprocessing
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor
from functools import partial
from typing import Any, NamedTuple, TypedDict

from tlsgrammar import __version__, load_extensions
from tlsgrammar.framing import DEFAULT_SEARCH_LIMIT
from tlsgrammar.tool.console import Console

from ..capture import CaptureError
from ..capture.many import Through, UnknownInWorkerError, read_through
from ..model import Event, ReporterError
from ..not_read import NotRead
from ..secrets.keylog import KeyLog

__all__ = [
    "Choices",
    "Failures",
    "Reader",
    "add_reading_options",
    "progress",
    "tell_warnings",
    "told_of_output",
]

# A smaller file is read too fast for a progress bar, in bytes.
_LONG = 20_000_000


class Choices(TypedDict):
    """What reads captures is asked for."""

    disable_analyzer_after_detection: bool
    secrets: KeyLog | None
    embedded_secrets: bool
    search_limit: int


def add_reading_options(parser: argparse.ArgumentParser) -> None:
    """Add the captures, and the options of how they are read."""
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="a pcap or pcapng file, compressed or not; - is standard input",
    )
    parser.add_argument(
        "--keylog",
        action="append",
        metavar="FILE",
        help="read what is encrypted with the secrets in this key log (SSLKEYLOGFILE); can be given more than once",
    )
    parser.add_argument(
        "--embedded-secrets",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="use the secrets that a pcapng file itself holds (default: yes)",
    )
    parser.add_argument(
        "--disable-analyzer-after-detection",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="stop analysing a connection after ssl_established (default: yes)",
    )
    parser.add_argument(
        "--search-limit",
        type=_bytes,
        default=DEFAULT_SEARCH_LIMIT,
        metavar="BYTES",
        help="how far into a stream that does not begin as TLS a ClientHello is looked for "
        "(default: %(default)s; 0: not at all)",
    )
    parser.add_argument(
        "-j",
        "--jobs",
        type=_jobs,
        default=1,
        metavar="N",
        help="read N files at a time (default: 1); the output is the same",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")


def _bytes(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"not a number of bytes: {text!r}")
    return int(text)


def _jobs(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"not a number of files, 1 or more: {text!r}")
    return int(text)


class Failures:
    """Says on standard error what could not be read, after what could be."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._told: set[str] = set()

    def of_function(self, error: ReporterError) -> None:
        """Take note of a function that failed; it is told once."""
        function = error.message.partition(":")[0]
        self.once(f"{error.message} ({error.location}); its events are missing", function)

    def once(self, message: str, what: str = "") -> None:
        """Tell something once."""
        if (what or message) not in self._told:
            self._told.add(what or message)
            self._console.tell(message)

    def __call__(self, error: Exception) -> None:
        self._console.tell(error)


def _choices_of(options: argparse.Namespace, failed: Failures) -> Choices:
    """What the options of `add_reading_options` ask for."""
    return Choices(
        disable_analyzer_after_detection=options.disable_analyzer_after_detection,
        secrets=_secrets(options.keylog or (), failed),
        embedded_secrets=options.embedded_secrets,
        search_limit=options.search_limit,
    )


def _secrets(paths: Iterable[str], failed: Failures) -> KeyLog | None:
    """The secrets of key logs; None where there are none that can be read."""
    logs = []
    if paths and importlib.util.find_spec("cryptography") is None:
        failed.once(
            "captures are read without secrets, because the library cryptography is not installed; "
            "pip install cryptography"
        )
        return None
    for path in paths:
        try:
            logs.append(KeyLog(path, on_error=failed.once))
        except OSError as error:
            failed.once(f"{path}: {error.strerror}: captures are read without these secrets")
    return KeyLog(also=logs) if logs else None


def tell_warnings(failed: Failures) -> None:
    """From now on, tell what is not read for want of a library in one line, as other errors are, and once."""
    warnings.showwarning = partial(_tell, failed=failed)


def _tell(
    message: Warning | str, category: type[Warning], *where: object, failed: Failures
) -> None:
    failed.once(str(message))


class Reader:
    """Reads the captures of a command, here or in processes, as its options say.

    Args:
        options: those of `add_reading_options`.
        console: is flushed after each capture that a process has read.
        failed: told of what could not be read.
    """

    def __init__(self, options: argparse.Namespace, console: Console, failed: Failures) -> None:
        self.options = options
        self.console = console
        self.failed = failed
        self.choices = _choices_of(options, failed)
        self._used_elsewhere = False

    @property
    def several(self) -> bool:
        """Whether there are several captures."""
        return len(self.options.files) > 1

    @property
    def in_processes(self) -> bool:
        """Whether the captures are read in processes; standard input can only be read here."""
        return self.several and self.options.jobs > 1 and "-" not in self.options.files

    def read(self, through: Through, wanted: frozenset[str] | None) -> Iterator[Any]:
        """What is made of the captures, in their order.

        Args:
            through: what to make of a capture.
            wanted: the names of the events that are asked for.
        """
        if self.in_processes:
            yield from self._read_in_processes(through, wanted)
            return
        for path in self.options.files:
            seed = path if self.several else ""
            try:
                with progress(path) as bar:
                    yield from read_through(
                        [path],
                        through,
                        progress=bar,
                        on_error=self.failed,
                        wanted=wanted,
                        uid_seed=seed,
                        **self.choices,
                    )
            except (CaptureError, ImportError) as error:
                self.failed(error)

    def _read_in_processes(self, through: Through, wanted: frozenset[str] | None) -> Iterator[Any]:
        from ..capture.workers import Workers

        jobs = min(self.options.jobs, len(self.options.files))
        # What has been imported and registered here the processes then have; here are no threads yet.
        context = multiprocessing.get_context("fork" if sys.platform == "linux" else None)
        try:
            workers = Workers(jobs, context, _begin_worker)
        except OSError as error:
            self.failed(Exception(f"{jobs} processes cannot be started: {error.strerror}"))
            return
        try:
            results: Iterator[_Read] = read_through(
                self.options.files,
                partial(_in_process, through=through, secrets=self.choices["secrets"]),
                executor=workers,
                on_error=self.failed,
                wanted=wanted,
                **self.choices,
            )
            for result in results:
                self._used_elsewhere |= result.used
                yield from result.made
                self.console.flush()
                for message in result.not_read:
                    self.failed.once(message)
        except (BrokenExecutor, UnknownInWorkerError) as error:
            self.failed(error)
        finally:
            workers.kill_workers()

    def end(self) -> None:
        """Say what was wrong with the key logs, and whether they were the wrong ones."""
        secrets = self.choices["secrets"]
        if secrets is None:
            return
        secrets.end()
        if not (secrets.used or self._used_elsewhere):
            logs = ", ".join(self.options.keylog)
            self.console.remark(f"{logs}: no connection in these captures has its secrets there")


class _Read(NamedTuple):
    """What a process has made of a capture.

    Attributes:
        made: what was asked for.
        not_read: what could not be read, in words.
        used: whether the secrets have been of use in that process.
    """

    made: list[Any]
    not_read: list[str]
    used: bool


def _in_process(
    path: str, events: Iterator[Event], through: Through, secrets: KeyLog | None
) -> Iterator[_Read]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", NotRead)
        made = list(through(path, events))
    used = secrets is not None and secrets.used
    yield _Read(made, [str(each.message) for each in caught], used)


def _begin_worker() -> None:
    load_extensions()


@contextlib.contextmanager
def told_of_output(path: str | None, failed: Failures) -> Iterator[None]:
    """Tell of it in one line where the files of an output cannot be written; standard output is the console's.

    Args:
        path: where they are.
        failed: told of it.
    """
    try:
        yield
    except ImportError as error:
        failed(error)
    except OSError as error:
        if path is None:
            raise
        failed(Exception(f"{error.filename or path}: {error.strerror or error}"))


@contextlib.contextmanager
def progress(path: str) -> Iterator[Callable[[int], None] | None]:
    """A progress bar on standard error for a long file, if somebody is there to see it."""
    size = os.path.getsize(path) if os.path.isfile(path) else 0
    if size < _LONG or sys.stderr is None or not sys.stderr.isatty() or sys.stdout.isatty():
        yield None
        return
    from tqdm import tqdm

    with tqdm(
        total=size, unit="B", unit_scale=True, desc=os.path.basename(path), leave=False
    ) as bar:
        yield bar.update
