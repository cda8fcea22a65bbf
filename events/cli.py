"""The command line: `tls-events FILE...`, also `python -m events`."""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import TypedDict

from tlsgrammar import __version__, load_extensions
from tlsgrammar.framing import DEFAULT_SEARCH_LIMIT
from tlsgrammar.language.open_types import nearest
from tlsgrammar.tool.console import Console, run

from .capture import CaptureError, read_capture, read_captures
from .model import Event, ReporterError
from .not_read import NotRead
from .output import FORMATS
from .secrets.keylog import KeyLog
from .walk import known_events

__all__ = ["main"]

# So many events are written at once.
_MANY = 256

# A smaller file is read too fast for a progress bar, in bytes.
_LONG = 20_000_000


def _parser() -> argparse.ArgumentParser:
    known = known_events()
    parser = argparse.ArgumentParser(
        prog="tls-events",
        description="Print the SSL/TLS events of captures, with the names and parameters of Zeek.",
        epilog="example: tls-events --event ssl_client_hello --format json capture.pcapng",
    )
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="a pcap or pcapng file, compressed or not; - is standard input",
    )
    parser.add_argument(
        "--format", choices=FORMATS, default="text", help="how to print an event (default: text)"
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--event",
        action="append",
        metavar="NAME",
        type=partial(_known_event, known=known),
        help="print only this event; can be given more than once. Names: " + ", ".join(known),
    )
    which.add_argument(
        "--all-events",
        action="store_true",
        help="also print the events that Zeek has added since the documented seventeen, those of QUIC among them",
    )
    parser.add_argument(
        "--disable-analyzer-after-detection",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="stop analysing a connection after ssl_established (default: yes)",
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
        type=int,
        default=1,
        metavar="N",
        help="read N files at a time (default: 1); the output is the same",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    return parser


def _bytes(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"not a number of bytes: {text!r}")
    return int(text)


def _known_event(name: str, known: list[str]) -> str:
    if name not in known:
        raise argparse.ArgumentTypeError(f"no event is named {name!r}{nearest(name, known)}")
    return name


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: the command line after the program's name; that of the process where it is None.

    Returns:
        The exit status: 0; 1 where a file could not be read to its end, a function of an event failed, extensions
        could not be loaded or the events not written; 2 for wrong usage; 128 and the number of the signal that ended it.
    """
    return run("tls-events", partial(_main, arguments), cannot_write="the events cannot be written")


def _main(arguments: Sequence[str] | None, console: Console) -> None:
    failed = _Failures(console)
    for problem in load_extensions():
        failed(problem)
    options = _parser().parse_args(arguments)
    events = known_events() if options.all_events else options.event
    # Failed functions are told of whatever is printed.
    wanted = None if events is None else frozenset({*events, ReporterError.name})
    lines = FORMATS[options.format]
    if events is not None and ReporterError.name not in events:
        lines = partial(_without_reporter_errors, lines=lines)
    # What is not read for want of a library is told in one line, as other errors are, and once.
    warnings.showwarning = partial(_tell, failed=failed)
    jobs = min(options.jobs, len(options.files))
    secrets = _secrets(options.keylog or (), failed)
    choices = _Choices(
        disable_analyzer_after_detection=options.disable_analyzer_after_detection,
        wanted=wanted,
        secrets=secrets,
        embedded_secrets=options.embedded_secrets,
        search_limit=options.search_limit,
    )
    used_there = False  # whether processes had a use for the secrets
    try:
        # Standard input can only be read here.
        if jobs < 2 or "-" in options.files:
            for path in options.files:
                _print_one(path, choices, lines, console, failed)
        else:
            used_there = _print_several(jobs, options.files, choices, lines, console, failed)
    except ImportError as error:
        failed(error)
    if secrets is not None:
        secrets.end()
        if not (secrets.used or used_there):
            logs = ", ".join(options.keylog)
            console.remark(f"{logs}: no connection in these captures has its secrets there")


class _Choices(TypedDict):
    """What reads captures is asked for, one or several."""

    disable_analyzer_after_detection: bool
    wanted: frozenset[str] | None
    secrets: KeyLog | None
    embedded_secrets: bool
    search_limit: int


def _secrets(paths: Iterable[str], failed: _Failures) -> KeyLog | None:
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


class _Failures:
    """Says on standard error what could not be read, after the events that could be."""

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


def _print_several(
    jobs: int,
    paths: Sequence[str],
    choices: _Choices,
    lines: Callable[[Iterable[Event]], bytes],
    console: Console,
    failed: _Failures,
) -> bool:
    """Print the events of several files, which are read in processes; whether the secrets were of use in one."""
    import multiprocessing
    from concurrent.futures import BrokenExecutor

    from .capture.many import UnknownInWorkerError
    from .capture.workers import Workers

    # What has been imported and registered here the processes then have; here are no threads yet.
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else None)
    try:
        workers = Workers(jobs, context, _begin_worker)
    except OSError as error:
        failed(Exception(f"{jobs} processes cannot be started: {error.strerror}"))
        return False
    used = False
    try:
        printed = read_captures(
            paths,
            executor=workers,
            make_all=partial(_pieces, lines=lines, secrets=choices["secrets"]),
            on_error=failed,
            **choices,
        )
        for pieces, reported, not_read, used_there in printed:
            used |= used_there
            for piece in pieces:
                console.write(piece)
            console.flush()
            for raised in reported:
                failed.of_function(raised)
            for message in not_read:
                failed.once(message)
    except (BrokenExecutor, UnknownInWorkerError) as error:
        failed(error)
    finally:
        workers.kill_workers()
    return used


def _begin_worker() -> None:
    load_extensions()


def _print_one(
    path: str,
    choices: _Choices,
    lines: Callable[[Iterable[Event]], bytes],
    console: Console,
    failed: _Failures,
) -> None:
    # Whoever reads along with a live capture wants to see each event at once; so does a person.
    at_once = not os.path.isfile(path) or sys.stdout.isatty()
    try:
        with _progress(path) as progress:
            events = read_capture(path, progress=progress, **choices)
            _print(events, lines, console, failed, at_once=at_once)
    except (CaptureError, ImportError) as error:
        failed(error)
    except MemoryError:
        failed(CaptureError(path, "there is not enough memory to read it on"))


def _without_reporter_errors(
    events: Iterable[Event], lines: Callable[[Iterable[Event]], bytes]
) -> bytes:
    return lines([event for event in events if type(event) is not ReporterError])


def _tell(
    message: Warning | str, category: type[Warning], *where: object, failed: _Failures
) -> None:
    failed.once(str(message))


def _pieces(
    events: Iterator[Event], lines: Callable[[list[Event]], bytes], secrets: KeyLog | None
) -> tuple[list[bytes], list[ReporterError], list[str], bool]:
    """Events as lines, so many in each piece; an error of each function that failed; what was not read; and whether the
    secrets have been of use in this process.
    """
    reported: dict[str, ReporterError] = {}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", NotRead)
        pieces = _in_pieces(events, lines, reported)
    used = secrets is not None and secrets.used
    return pieces, list(reported.values()), [str(each.message) for each in caught], used


def _in_pieces(
    events: Iterator[Event],
    lines: Callable[[list[Event]], bytes],
    reported: dict[str, ReporterError],
) -> list[bytes]:
    pieces = []
    while some := list(islice(events, _MANY)):
        for error in _reporter_errors(some):
            reported.setdefault(error.message.partition(":")[0], error)
        pieces.append(_lines_of(some, lines, partial(warnings.warn, category=NotRead)))
    return pieces


def _lines_of(
    events: list[Event], lines: Callable[[list[Event]], bytes], tell: Callable[[str], None]
) -> bytes:
    """Events as lines, without those whose values or meanings, which may be a plug-in's, raise as they are printed."""
    try:
        return lines(events)
    except Exception:
        printed = []
        for event in events:
            try:
                printed.append(lines([event]))
            except Exception as error:
                tell(f"{event.name} cannot be printed: {type(error).__name__}: {error}")
        return b"".join(printed)


def _reporter_errors(events: list[Event]) -> list[ReporterError]:
    return [event for event in events if type(event) is ReporterError]


def _print(
    events: Iterable[Event],
    lines: Callable[[list[Event]], bytes],
    console: Console,
    failed: _Failures,
    *,
    at_once: bool,
) -> None:
    """Print events as lines, so many at a time; or, with `at_once`, each as it comes. Take note of functions that
    failed.
    """
    waiting: list[Event] = []
    untold: list[str] = []

    def write() -> None:
        together = _lines_of(waiting, lines, untold.append)
        errors = _reporter_errors(waiting)
        waiting.clear()
        console.write(together)
        for error in errors:
            failed.of_function(error)
        while untold:
            failed.once(untold.pop(0))
        if at_once:
            console.flush()

    try:
        for event in events:
            waiting.append(event)
            if at_once or len(waiting) >= _MANY:
                write()
    finally:
        # Where the iterator ends by an error, what came before it is printed all the same.
        if waiting:
            write()


@contextlib.contextmanager
def _progress(path: str) -> Iterator[Callable[[int], None] | None]:
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
