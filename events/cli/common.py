"""What the commands that read captures share: their options, how captures are read, and how failures are told.

What may live here: that, for any command. What a command prints is for its own module.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict

from tlsgrammar import __version__, load_extensions
from tlsgrammar.framing import DEFAULT_SEARCH_LIMIT
from tlsgrammar.tool.console import Console

from ..capture.packets import NO_MEMORY, CaptureError
from ..model import Event, ReporterError
from ..not_read import NotRead

if TYPE_CHECKING:
    from ..capture.folds import Made, Through
    from ..capture.one import LiveCapture
    from ..secrets.keylog import KeyLog

__all__ = [
    "Choices",
    "Failures",
    "Reader",
    "add_color_option",
    "add_reading_options",
    "check_reading_options",
    "in_color",
    "list_interfaces",
    "number",
    "quick_formatter",
    "tell_warnings",
    "told_of_output",
]

# A smaller file is read too fast for a progress bar, in bytes.
_LONG = 20_000_000
# One is read before other processes have started.
_WORTH_SHARING = 4_000_000


# As each option is added, argparse has what would be printed of it looked at. By default that asks the terminal for its
# width each time, and imports what can ask.
quick_formatter = partial(argparse.HelpFormatter, width=80)
"""What an `ArgumentParser` formats with until all options are added."""


class Choices(TypedDict):
    """What reads captures is asked for."""

    disable_analyzer_after_detection: bool
    secrets: KeyLog | None
    embedded_secrets: bool
    filter: str | None
    search_limit: int


def add_reading_options(parser: argparse.ArgumentParser) -> None:
    """Add the captures, and the options of how they are read."""
    parser.add_argument(
        "files",
        nargs="*",
        metavar="FILE",
        help="a pcap or pcapng file, compressed or not; - is standard input",
    )
    parser.add_argument(
        "-i",
        "--interface",
        action="append",
        metavar="NAME",
        help="instead of files, capture from this interface until Ctrl-C; any is all of them",
    )
    parser.add_argument(
        "--list-interfaces",
        action="store_true",
        help="list the interfaces that can be captured from, and exit",
    )
    parser.add_argument(
        "-f",
        "--filter",
        metavar="EXPRESSION",
        help="read only packets that pass this filter of libpcap (man pcap-filter), such as 'port 443'",
    )
    parser.add_argument(
        "-c",
        "--count",
        type=number("packets", least=1),
        metavar="N",
        help="with -i, stop after N packets",
    )
    parser.add_argument(
        "--promiscuous",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="with -i, also capture packets that are for other machines (default: yes)",
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
        type=number("bytes"),
        default=DEFAULT_SEARCH_LIMIT,
        metavar="BYTES",
        help="how far into a stream that does not begin as TLS a ClientHello is looked for "
        "(default: %(default)s; 0: not at all)",
    )
    parser.add_argument(
        "-j",
        "--jobs",
        type=number("processes", least=1),
        default=1,
        metavar="N",
        help="read with N processes (default: 1), several files at a time or a large one together; the output is the same",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")


def number(of: str, least: int = 0) -> Callable[[str], int]:
    """The type of an argument that says how many.

    Args:
        of: of what, in words.
        least: the least number that makes sense.
    """

    def taken(text: str) -> int:
        if text.isascii() and text.isdigit() and int(text) >= least:
            return int(text)
        more = f", {least} or more" if least else ""
        raise argparse.ArgumentTypeError(f"not a number of {of}{more}: {text!r}")

    return taken


def check_reading_options(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """That the options of `add_reading_options` go with each other. From then on `interface` is one, or None.

    Raises:
        SystemExit: they do not.
    """
    interfaces = options.interface or []
    if len(interfaces) > 1:
        parser.error("-i takes one interface; -i any captures from all of them")
    if interfaces and options.files:
        parser.error(f"-i {interfaces[0]} captures from an interface, and takes no files")
    if not interfaces and not options.files and not options.list_interfaces:
        parser.error("the following arguments are required: FILE, or -i INTERFACE")
    for option, value in (("-c", options.count), ("--promiscuous", options.promiscuous)):
        if value is not None and not interfaces:
            parser.error(f"{option} goes with -i")
    options.interface = interfaces[0] if interfaces else None


def list_interfaces(console: Console, failed: Failures) -> None:
    """Print the names of the interfaces."""
    from ..capture.live import list_interfaces

    try:
        for name in list_interfaces():
            console.line(name)
    except (CaptureError, ImportError) as error:
        failed(error)


def add_color_option(parser: argparse.ArgumentParser, what: str) -> None:
    """Add `--color`.

    Args:
        parser: that of the command.
        what: has colors, to follow "whether".
    """
    parser.add_argument(
        "--color",
        choices=("auto", "always", "never"),
        default="auto",
        help=f"whether {what} (default: auto, in a terminal)",
    )


def in_color(options: argparse.Namespace) -> bool:
    """Whether standard output has colors, as `add_color_option` and the environment say."""
    if options.color != "auto":
        return bool(options.color == "always")
    has_colors = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    return has_colors and not os.environ.get("NO_COLOR")


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
        filter=options.filter,
        search_limit=options.search_limit,
    )


def _secrets(paths: Iterable[str], failed: Failures) -> KeyLog | None:
    """The secrets of key logs; None where there are none that can be read."""
    if not paths:
        return None
    import importlib.util  # here, because most have no secrets

    from ..secrets.keylog import KeyLog

    logs = []
    if importlib.util.find_spec("cryptography") is None:
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
    """Reads the captures of a command, here or in processes, or an interface, as its options say.

    Args:
        options: those of `add_reading_options`, checked.
        console: is flushed after each capture that a process has read.
        failed: told of what could not be read.

    Attributes:
        sources: what is read: files, or one interface.
    """

    def __init__(self, options: argparse.Namespace, console: Console, failed: Failures) -> None:
        self.options = options
        self.console = console
        self.failed = failed
        self.choices = _choices_of(options, failed)
        self.sources: list[str] = options.files
        self._used_elsewhere = False
        self._shared: set[str] = set()
        self._live: LiveCapture | None = None
        if options.interface is not None:
            self.sources = [options.interface]
        elif options.filter is not None and not _compiles(options.filter, failed):
            self.sources = []
        elif options.jobs > 1:
            self._divide(options.jobs)

    def _divide(self, jobs: int) -> None:
        """Decide which captures are divided: those without which some processes would have nothing to do at the end."""
        from ..capture.shared import cannot_be_divided

        for source in self.sources:
            why = cannot_be_divided(source)
            if why is not None and (source == "-" or not self.several):
                self.console.remark(f"-j {jobs}: {why}; one process reads it")
                return
        sizes = {path: os.path.getsize(path) for path in self.sources if os.path.isfile(path)}
        total = sum([sizes.get(source, 0) for source in self.sources])
        self._shared = {
            path
            for path, size in sizes.items()
            if size >= _WORTH_SHARING and size * 2 * jobs > total
        }

    @property
    def several(self) -> bool:
        """Whether there are several captures."""
        return len(self.sources) > 1

    @property
    def in_processes(self) -> bool:
        """Whether the captures are read in processes; standard input can only be read here."""
        worth_it = self.several or bool(self._shared)
        return worth_it and self.options.jobs > 1 and "-" not in self.sources

    def is_live(self, source: str) -> bool:
        """Whether a capture may go on for long: whoever reads along wants to see what comes of it at once."""
        return self.options.interface is not None or not os.path.isfile(source)

    @property
    def any_is_live(self) -> bool:
        """Whether one of them may."""
        return any(map(self.is_live, self.sources))

    def read(self, made: Made, wanted: frozenset[str] | None) -> Iterator[Any]:
        """What is made of the captures, in their order.

        Args:
            made: what to make of a capture.
            wanted: the names of the events that are asked for.
        """
        if self.in_processes:
            yield from self._read_in_processes(made, wanted)
            return
        from ..capture.readable import Readable

        for source in self.sources:
            with self.reading(source, wanted) as events:
                readable = Readable(source, partial(iter, events))
                yield from made.through(source, iter(readable))
                if readable.error is not None:
                    raise readable.error

    @contextlib.contextmanager
    def reading(self, source: str, wanted: frozenset[str] | None) -> Iterator[Iterator[Event]]:
        """The events of one capture, which is read here. It is told of what cannot be read, also where the events raise it.

        Args:
            source: one of the sources.
            wanted: the names of the events that are asked for.
        """
        opened = False
        try:
            with contextlib.ExitStack() as stack:
                events = self._events_of(source, wanted, stack)
                opened = True
                yield events
        except (CaptureError, ImportError) as error:
            self.failed(error)
        except MemoryError:
            self.failed(CaptureError(source, NO_MEMORY))
        if not opened:
            yield iter(())

    def _events_of(
        self, source: str, wanted: frozenset[str] | None, stack: contextlib.ExitStack
    ) -> Iterator[Event]:
        from ..capture.one import capture_live, read_capture  # here: --version reads nothing

        if self.options.interface is None:
            return read_capture(
                source,
                progress=stack.enter_context(_progress(source)),
                wanted=wanted,
                uid_seed=source if self.several else "",
                **self.choices,
            )
        self._live = stack.enter_context(
            capture_live(
                source,
                promiscuous=self.options.promiscuous is not False,
                count=self.options.count,
                wanted=wanted,
                **self.choices,
            )
        )
        stack.enter_context(self.console.stopped_by_signals(self._live.stop))
        if sys.stderr is not None and sys.stderr.isatty():
            self.console.remark(f"capturing from {source}; Ctrl-C ends it")
        return self._live

    def _read_in_processes(self, made: Made, wanted: frozenset[str] | None) -> Iterator[Any]:
        import multiprocessing
        from concurrent.futures import BrokenExecutor

        from ..capture.folds import Made
        from ..capture.lots import LOTS
        from ..capture.many import read_through
        from ..capture.merged import Told, number_of_shares
        from ..capture.tasks import UnknownInWorkerError
        from ..capture.workers import Workers

        shared = made.fold is not None and bool(self._shared)
        # More have nothing to do.
        most = len(self.sources) + (LOTS * len(self._shared) if shared else 0)
        jobs = min(self.options.jobs, most)
        # What has been imported and registered here the processes then have; here are no threads yet.
        context = multiprocessing.get_context("fork" if sys.platform == "linux" else None)
        try:
            workers = Workers(jobs, context, _begin_worker)
        except OSError as error:
            self.failed(Exception(f"{jobs} processes cannot be started: {error.strerror}"))
            return
        stack = contextlib.ExitStack()
        progress = None if self.several else stack.enter_context(_progress(self.sources[0]))
        try:
            results: Iterator[_Read] = read_through(
                self.sources,
                Made(
                    partial(_in_process, through=made.through, secrets=self.choices["secrets"]),
                    made.fold,
                    partial(_joined, join=made.join),
                ),
                executor=workers,
                on_error=self.failed,
                shares=self._shares_among(number_of_shares(workers, jobs)),
                told=Told(self.failed.once, progress, self._use_elsewhere, self.console.remark),
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
            stack.close()

    def _shares_among(self, count: int) -> Callable[[str], int]:
        return lambda path: count if path in self._shared else 0

    def _use_elsewhere(self) -> None:
        self._used_elsewhere = True

    def end(self) -> None:
        """Say what was wrong with the key logs, whether they were the wrong ones, and how many packets an interface had."""
        self._end_secrets()
        if self._live is not None:
            self.console.remark(self._live.statistics)

    def _end_secrets(self) -> None:
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


def _joined(
    path: str, join: Callable[[str], Callable[[list[Any]], Iterable[Any]]]
) -> Callable[[list[Any]], Iterable[_Read]]:
    made_of = join(path)
    return lambda shared: [_Read(list(made_of(shared)), [], False)]


def _compiles(text: str, failed: Failures) -> bool:
    """Whether a filter for files is one; told once, and not of each file."""
    from ..capture.filters import check_filter, does_not_compile

    try:
        reason = check_filter(text)
    except ImportError as error:
        failed(error)
        return False
    if reason is not None:
        failed(Exception(does_not_compile(text, reason)))
    return reason is None


def _begin_worker() -> None:
    load_extensions()
    # What was there before stays to the end: the collector need not look at it, which would also copy it for each process.
    gc.freeze()


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
