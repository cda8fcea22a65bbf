"""The command `tls-events FILE...`, also `python -m events`.

What may live here: how the events of captures are printed.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from tlsgrammar import load_extensions
from tlsgrammar.language.open_types import nearest
from tlsgrammar.tool.console import Console, run

from ..model import Event, ReporterError
from ..not_read import NotRead
from ..walk import event_classes, known_events
from .common import (
    Failures,
    Reader,
    add_color_option,
    add_reading_options,
    check_reading_options,
    in_color,
    list_interfaces,
    quick_formatter,
    tell_warnings,
    told_of_output,
)

if TYPE_CHECKING:  # most read one capture in this process
    from ..capture.folds import Made
    from ..capture.shares import Fold

__all__ = ["main"]

# So many events are written at once.
_MANY = 256


def _parser() -> argparse.ArgumentParser:
    known = known_events()
    parser = argparse.ArgumentParser(
        prog="tls-events",
        formatter_class=quick_formatter,
        description="Print the SSL/TLS events of captures, with the names and parameters of Zeek.",
        epilog="example: tls-events --event ssl_client_hello --format json capture.pcapng",
    )
    add_reading_options(parser)
    parser.add_argument(
        "--format",
        choices=("text", "json", "parquet"),
        default="text",
        help="text is for people, json has an object for each event, parquet a file for each kind of event "
        "(default: text)",
    )
    parser.add_argument(
        "-o", "--output", metavar="FOLDER", help="with --format parquet, the folder of its files"
    )
    parser.add_argument(
        "--group",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="in text, a heading for each connection and its events below it, cut to the width of the terminal "
        "(default: in a terminal, and with --color always; else a line for each event)",
    )
    add_color_option(parser, "text with headings has colors")
    parser.add_argument(
        "--names", action="store_true", help="in JSON, the name of each number beside it"
    )
    parser.add_argument(
        "--list-events", action=_ListEvents, help="list all events with their meanings"
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--event",
        action="append",
        metavar="NAME",
        type=partial(_known_event, known=known),
        help="print only this event; can be given more than once (see --list-events)",
    )
    which.add_argument(
        "--all-events",
        action="store_true",
        help="also print the events that are raised on request only: those that Zeek has added since the documented "
        "seventeen, those of QUIC, and ours",
    )
    parser.formatter_class = argparse.HelpFormatter
    return parser


class _ListEvents(argparse.Action):
    """Print the events with the first sentence of what is said of each, and exit."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{**options, "nargs": 0})

    def __call__(self, *_: object) -> None:
        raise _ListAsked


class _ListAsked(Exception):
    """The list of events is asked for, and nothing else."""


def _list() -> bytes:
    classes = event_classes()
    width = max(map(len, classes))
    lines = [f"{name:{width}}  {_first_sentence(kind)}" for name, kind in classes.items()]
    return "".join([f"{line.rstrip()}\n" for line in lines]).encode()


def _first_sentence(kind: type[Event]) -> str:
    import inspect

    paragraph = inspect.cleandoc(kind.__doc__ or "").partition("\n\n")[0]
    return " ".join(paragraph.split()).partition(". ")[0].rstrip(".")


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
        could not be loaded or the events not written; 2 for wrong usage; 128 and the number of the signal that ended it,
        but for SIGINT in a live capture, which has no other end.
    """
    return run("tls-events", partial(_main, arguments), cannot_write="the events cannot be written")


def _main(arguments: Sequence[str] | None, console: Console) -> None:
    failed = Failures(console)
    for problem in load_extensions():
        failed(problem)
    parser = _parser()
    try:
        options = parser.parse_args(arguments)
    except _ListAsked:
        console.write(_list())
        return
    check_reading_options(parser, options)
    if options.list_interfaces:
        list_interfaces(console, failed)
        return
    if options.group and options.format != "text":
        parser.error(f"--format {options.format} takes no --group")
    if options.names and options.format != "json":
        parser.error(f"--format {options.format} takes no --names")
    if (options.output is None) is (options.format == "parquet"):
        parser.error("--format parquet goes with -o FOLDER")
    events = known_events() if options.all_events else options.event
    # Failed functions are told of whatever is printed.
    wanted = None if events is None else frozenset({*events, ReporterError.name})
    without_errors = events is not None and ReporterError.name not in events
    tell_warnings(failed)
    reader = Reader(options, console, failed)
    printer = _Printer(_writer(options), reader.several, without_errors)
    if options.format == "parquet":
        with told_of_output(options.output, failed):
            _write_parquet(options.output, reader, wanted, failed)
    elif reader.in_processes:
        for printed in reader.read(_printed_by(printer, failed.once), wanted):
            console.write(printed.piece)
            for error in printed.reported:
                failed.of_function(error)
    else:
        for source in reader.sources:
            # Whoever reads along with a live capture wants to see each event at once; so does a person.
            at_once = reader.is_live(source) or sys.stdout.isatty()
            with reader.reading(source, wanted) as found:
                _print(found, partial(printer.lines, source), console, failed, at_once=at_once)
    reader.end()


class _Writer(NamedTuple):
    """What makes lines of events.

    Attributes:
        write: does; it is told the file of the events where there are several.
        each: whether it makes a line of each event, whichever came before.
    """

    write: Callable[[list[Event], str | None], bytes]
    each: bool = True


def _writer(options: argparse.Namespace) -> _Writer:
    if options.format == "json":
        from ..output.json import json_lines

        return _Writer(partial(_json, json_lines, names=options.names))
    is_terminal = sys.stdout.isatty()
    grouped = is_terminal or options.color == "always" if options.group is None else options.group
    if not grouped:
        from ..output.text import text_lines

        return _Writer(partial(_text, text_lines))
    import shutil

    from ..output.grouped import Grouped

    width = shutil.get_terminal_size().columns if is_terminal else None
    return _Writer(Grouped(width=width, color=in_color(options)).lines, each=False)


def _write_parquet(
    folder: str, reader: Reader, wanted: frozenset[str] | None, failed: Failures
) -> None:
    from ..capture.folds import EVENTS, Made
    from ..output.arrow import ParquetFolder

    with ParquetFolder(folder) as written:
        for some in reader.read(Made(_in_batches, EVENTS.fold, _in_one_batch), wanted):
            for error in _reporter_errors(some):
                failed.of_function(error)
            written.write(some)


def _in_batches(path: str, events: Iterator[Event]) -> Iterator[list[Event]]:
    while some := list(islice(events, _MANY)):
        yield some


def _in_one_batch(path: str) -> Callable[[list[Event]], Iterable[list[Event]]]:
    return lambda events: [events]


class _Printer(NamedTuple):
    """How events are printed.

    Attributes:
        writer: makes their lines.
        several: whether there are several captures; then the lines say which one it is.
        without_errors: whether functions that failed are not among the events that are asked for.
    """

    writer: _Writer
    several: bool
    without_errors: bool

    def lines(self, path: str, events: list[Event]) -> bytes:
        """The lines of events of a capture."""
        return self.writer.write(self.printed(events), path if self.several else None)

    def printed(self, events: list[Event]) -> list[Event]:
        """Those that are printed."""
        if self.without_errors:
            return [event for event in events if type(event) is not ReporterError]
        return events


class _Printed(NamedTuple):
    """Events as a process has printed them.

    Attributes:
        piece: their lines.
        reported: the functions that failed.
    """

    piece: bytes
    reported: list[ReporterError]


def _printed(
    path: str, events: Iterator[Event], lines: Callable[[str, list[Event]], bytes]
) -> Iterator[_Printed]:
    """Events as lines, so many in each piece."""
    of_path = partial(lines, path)
    known: set[str] = set()
    while some := list(islice(events, _MANY)):
        failed = []
        for error in _reporter_errors(some):
            function = error.message.partition(":")[0]
            if function not in known:
                known.add(function)
                failed.append(error)
        yield _Printed(_lines_of(some, of_path, partial(warnings.warn, category=NotRead)), failed)


def _printed_by(printer: _Printer, tell: Callable[[str], None]) -> Made:
    """What other processes print."""
    from ..capture.folds import EVENTS, Made

    whole = partial(_printed, lines=printer.lines)
    if printer.writer.each:
        return Made(whole, partial(_begin_lines, printer=printer), _in_one_piece)
    return Made(whole, EVENTS.fold, partial(_printed_here, printer=printer, tell=tell))


def _begin_lines(path: str, tell: Callable[[str], None], printer: _Printer) -> Fold:
    from ..capture.folds import OfLists

    return OfLists(partial(_each_line, lines=partial(printer.lines, path), tell=tell))


def _each_line(
    events: list[Event],
    lines: Callable[[list[Event]], bytes],
    tell: Callable[[str], None],
) -> tuple[list[bytes | ReporterError], list[int] | None]:
    """The line of each event, and the functions that failed."""
    errors = [(at, event) for at, event in enumerate(events) if type(event) is ReporterError]
    try:
        of_all = lines(events).splitlines(keepends=True)
    except Exception:
        of_all = []
    if len(of_all) != len(events):
        of_all = [_lines_of([event], lines, tell) for event in events]
    if not errors:
        return [*of_all], None
    return [*of_all, *[error for _, error in errors]], [
        *range(len(events)),
        *[at for at, _ in errors],
    ]


def _in_one_piece(path: str) -> Callable[[list[bytes | ReporterError]], Iterable[_Printed]]:
    return _together


def _together(printed: list[bytes | ReporterError]) -> Iterable[_Printed]:
    lines = b"".join([each for each in printed if isinstance(each, bytes)])
    yield _Printed(lines, [each for each in printed if isinstance(each, ReporterError)])


def _printed_here(
    path: str, printer: _Printer, tell: Callable[[str], None]
) -> Callable[[list[Event]], Iterable[_Printed]]:
    """Prints events that other processes have found, where a line depends on those before."""

    def printed(events: list[Event]) -> Iterable[_Printed]:
        lines = partial(printer.lines, path)
        yield _Printed(_lines_of(events, lines, tell), _reporter_errors(events))

    return printed


def _text(lines: Callable[[list[Event]], bytes], events: list[Event], file: str | None) -> bytes:
    return lines(events)


def _json(lines: Callable[..., bytes], events: list[Event], file: str | None, names: bool) -> bytes:
    return lines(events, names=names, file=file)


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
    failed: Failures,
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
