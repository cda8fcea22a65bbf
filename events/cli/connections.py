"""The command `tls-connections FILE...`.

What may live here: how the rows of the connections in captures are printed.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import msgspec

from tlsgrammar import load_extensions
from tlsgrammar.tool.console import Console, run
from tlsgrammar.tool.replaced import replaced, same_file

from ..capture.folds import Made
from ..capture.rows import rows_made, rows_of
from ..model import Event
from ..options import DEFAULT_DETAILS
from ..rows import CertificateRow, ConnectionRow, QuicRow, Row
from ..rows.rows import events_of
from .common import (
    Failures,
    Reader,
    add_color_option,
    add_reading_options,
    check_reading_options,
    in_color,
    list_interfaces,
    number,
    quick_formatter,
    tell_warnings,
    told_of_output,
)

__all__ = ["main"]

_MANY = 256  # so many rows are written at once
_FORMATS = ("table", "json", "csv", "zeek", "parquet")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tls-connections",
        formatter_class=quick_formatter,
        description="Print a row for each TLS connection in captures: the fields of Zeek's ssl.log, and some more.",
        epilog="example: tls-connections --format json capture.pcapng",
    )
    add_reading_options(parser)
    parser.add_argument(
        "--format",
        choices=_FORMATS,
        help="table is for people; json and csv have a line for each connection, zeek is the format of its logs "
        "(default: table)",
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="PATH",
        help="with --format zeek, a folder for ssl.log, quic.log and x509.log; with --format parquet, a file",
    )
    parser.add_argument(
        "--html",
        metavar="FILE",
        help="write a report to look at in a browser: charts, the list of connections, and their messages, each field beside its "
        "bytes; one file that needs nothing else",
    )
    parser.add_argument(
        "--details",
        type=number("connections"),
        metavar="N",
        help=f"with --html, how many connections are shown with their bytes (default: {DEFAULT_DETAILS}); those with violations "
        "go first, up to half of them",
    )
    parser.add_argument(
        "--wide", action="store_true", help="a table with more columns, in which nothing is cut"
    )
    add_color_option(parser, "a table has weak connections in red")
    parser.formatter_class = argparse.HelpFormatter
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: the command line after the program's name; that of the process where it is None.

    Returns:
        The exit status, as that of `tls-events`.
    """
    return run(
        "tls-connections", partial(_main, arguments), cannot_write="the rows cannot be written"
    )


def _main(arguments: Sequence[str] | None, console: Console) -> None:
    failed = Failures(console)
    for problem in load_extensions():
        failed(problem)
    parser = _parser()
    options = parser.parse_args(arguments)
    check_reading_options(parser, options)
    if options.list_interfaces:
        list_interfaces(console, failed)
        return
    if options.html is not None and (options.format or options.output is not None):
        parser.error("--html FILE is an output of its own; it takes no --format and no -o")
    if options.details is not None and options.html is None:
        parser.error("--details goes with --html FILE")
    options.format = options.format or ("html" if options.html is not None else "table")
    if options.format == "parquet" and options.output is None:
        parser.error("--format parquet takes -o FILE")
    if options.output is not None and options.format not in ("zeek", "parquet"):
        parser.error(f"--format {options.format} takes no -o; redirect the output")
    if options.wide and options.format != "table":
        parser.error(f"--format {options.format} takes no --wide")
    tell_warnings(failed)
    reader = Reader(options, console, failed)
    with told_of_output(options.output if options.html is None else options.html, failed):
        _WRITE[options.format](options, reader, console)
    reader.end()


def _rows(reader: Reader, kinds: Sequence[type[Row]]) -> Iterator[Row]:
    return reader.read(rows_made(kinds), events_of(kinds))


def _connections(reader: Reader) -> Iterator[ConnectionRow]:
    kinds = (ConnectionRow,)
    rows: Iterator[ConnectionRow] = reader.read(rows_made(kinds), events_of(kinds))
    return rows


# Lines, which are made where a capture is read


def _lines(
    path: str, events: Iterator[Event], encode: Callable[[list[Row]], bytes], is_live: bool
) -> Iterator[bytes]:
    """The rows of a capture as lines, so many in each piece; each at once where they come from a live capture."""
    rows = rows_of(path, events, (ConnectionRow,))
    many = 1 if is_live or not os.path.isfile(path) else _MANY
    while some := list(islice(rows, many)):
        yield encode(some)


def _write_lines(reader: Reader, console: Console, encode: Callable[[list[Row]], bytes]) -> None:
    at_once = sys.stdout.isatty() or reader.any_is_live
    lines = partial(_lines, encode=encode, is_live=reader.options.interface is not None)
    made = rows_made((ConnectionRow,), through=lines, write=encode)
    for piece in reader.read(made, events_of((ConnectionRow,))):
        console.write(piece)
        if at_once:
            console.flush()


_encoder = msgspec.json.Encoder()


def _encode(rows: list[Row]) -> bytes:
    return _encoder.encode_lines(rows)


def _write_json(options: argparse.Namespace, reader: Reader, console: Console) -> None:
    _write_lines(reader, console, _encode)


def _write_csv(options: argparse.Namespace, reader: Reader, console: Console) -> None:
    from ..output.separated import header, lines

    console.write(header(ConnectionRow))
    _write_lines(reader, console, lines)


# Others, which take rows


def _write_table(options: argparse.Namespace, reader: Reader, console: Console) -> None:
    from ..output.table import Table

    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    table = Table(width=width, wide=options.wide, color=in_color(options))
    is_live = reader.any_is_live
    for row in _connections(reader):
        console.write(table.take(row, at_once=is_live))
        if is_live:
            console.flush()
    console.write(table.end())


def _write_zeek(options: argparse.Namespace, reader: Reader, console: Console) -> None:
    from ..output import zeek

    if options.output is None:
        console.write(zeek.header(ConnectionRow, _now()))
        _write_lines(reader, console, zeek.lines)
        console.write(zeek.end(_now()))
        return
    folder = Path(options.output)
    folder.mkdir(parents=True, exist_ok=True)
    kinds: tuple[type[Row], ...] = (ConnectionRow, QuicRow, CertificateRow)
    with contextlib.ExitStack() as opened:
        logs: dict[type[Row], BinaryIO] = {}
        for kind in kinds:
            logs[kind] = opened.enter_context((folder / f"{kind.log}.log").open("wb"))
            logs[kind].write(zeek.header(kind, _now()))
        is_live = reader.any_is_live
        for row in _rows(reader, kinds):
            logs[type(row)].write(zeek.lines((row,)))
            if is_live:
                logs[type(row)].flush()
        for log in logs.values():
            log.write(zeek.end(_now()))


def _now() -> datetime:
    return datetime.now().astimezone()


def _write_parquet(options: argparse.Namespace, reader: Reader, console: Console) -> None:
    from ..output.arrow import write_rows

    write_rows(options.output, _connections(reader))


def _write_html(options: argparse.Namespace, reader: Reader, console: Console) -> None:
    from ..output.report import Report, found_in

    details = DEFAULT_DETAILS if options.details is None else options.details
    report = Report(reader.sources, details=details)
    taken = same_file(options.html, (*options.files, *(options.keylog or ())))
    if taken is not None:
        raise OSError(0, f"it is {taken}, which the report would be written over", options.html)
    # Before the captures are read, which may take long, it is known whether it can be written.
    with replaced(options.html) as file:
        for found in reader.read(Made(partial(found_in, details=details)), Report.wanted):
            report.add(found)
        if console.failed and not report.count:
            raise OSError(0, "it is not written, because nothing could be read", options.html)
        file.write(report.html())


_WRITE: dict[str, Callable[[argparse.Namespace, Reader, Console], None]] = {
    "table": _write_table,
    "json": _write_json,
    "csv": _write_csv,
    "zeek": _write_zeek,
    "parquet": _write_parquet,
    "html": _write_html,
}
"""What writes the rows of captures, by the format."""
