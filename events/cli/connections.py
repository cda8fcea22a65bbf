"""The command `tls-connections FILE...`.

What may live here: how the rows of the connections in captures are printed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any

import msgspec

from tlsgrammar import load_extensions
from tlsgrammar.tool.console import Console, leave, run

from ..model import Event
from ..rows import ConnectionRow, Row
from ..rows.captures import rows_of
from ..rows.rows import events_of
from .common import (
    Choices,
    Failures,
    add_reading_options,
    choices_of,
    read,
    tell_of_secrets,
    tell_warnings,
)

__all__ = ["main", "run_process"]

_MANY = 256  # so many rows are written at once
_FORMATS = ("table", "json", "csv", "zeek", "parquet")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tls-connections",
        description="Print a row for each TLS connection in captures: the fields of Zeek's ssl.log, and some more.",
        epilog="example: tls-connections --format json capture.pcapng",
    )
    add_reading_options(parser)
    parser.add_argument(
        "--format",
        choices=_FORMATS,
        default="table",
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
        "--wide", action="store_true", help="a table with more columns, in which nothing is cut"
    )
    parser.add_argument(
        "--color",
        choices=("auto", "always", "never"),
        default="auto",
        help="whether a table has weak connections in red (default: auto, in a terminal)",
    )
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


def run_process() -> None:
    """Run the command and end the process."""
    import gc

    gc.freeze()
    gc.set_threshold(10_000)
    leave(main())


def _main(arguments: Sequence[str] | None, console: Console) -> None:
    failed = Failures(console)
    for problem in load_extensions():
        failed(problem)
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.format == "parquet" and options.output is None:
        parser.error("--format parquet takes -o FILE")
    if options.output is not None and options.format not in ("zeek", "parquet"):
        parser.error(f"--format {options.format} takes no -o; redirect the output")
    tell_warnings(failed)
    choices = choices_of(options, failed)
    used = _WRITE[options.format](options, choices, console, failed)
    tell_of_secrets(options, choices["secrets"], used, console)


Write = Callable[[argparse.Namespace, Choices, Console, Failures], bool]
"""Writes the rows of captures; whether the secrets were of use in another process."""


def _read_rows(
    options: argparse.Namespace,
    choices: Choices,
    console: Console,
    failed: Failures,
    take: Callable[[Any], None],
    kinds: Sequence[type[Row]] = (ConnectionRow,),
) -> bool:
    through = partial(rows_of, kinds=kinds)
    return read(options, through, choices, take, console, failed, events_of(kinds))


def _lines(
    path: str, events: Iterator[Event], encode: Callable[[list[ConnectionRow]], bytes]
) -> Iterator[bytes]:
    """The rows of a capture as lines, so many in each piece; each at once where they come from a live capture."""
    rows = rows_of(path, events, (ConnectionRow,))
    many = _MANY if os.path.isfile(path) else 1
    while some := list(islice(rows, many)):
        yield encode(some)  # type: ignore[arg-type]


_encode = msgspec.json.Encoder().encode_lines


def _write_json(
    options: argparse.Namespace, choices: Choices, console: Console, failed: Failures
) -> bool:
    through = partial(_lines, encode=_encode)
    take = partial(_write, console=console)
    return read(options, through, choices, take, console, failed, events_of((ConnectionRow,)))


def _write(piece: bytes, console: Console) -> None:
    console.write(piece)
    if sys.stdout.isatty():
        console.flush()


def _write_table(
    options: argparse.Namespace, choices: Choices, console: Console, failed: Failures
) -> bool:
    from ..output.table import Table

    is_terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if is_terminal else None
    color = options.color == "always" or (
        options.color == "auto" and is_terminal and "NO_COLOR" not in os.environ
    )
    table = Table(width=width, wide=options.wide, color=color)
    is_live = not all(map(os.path.isfile, options.files))

    def take(row: ConnectionRow) -> None:
        console.write(table.take(row, at_once=is_live))
        if is_live:
            console.flush()

    used = _read_rows(options, choices, console, failed, take)
    console.write(table.end())
    return used


def _write_csv(
    options: argparse.Namespace, choices: Choices, console: Console, failed: Failures
) -> bool:
    from ..output.separated import header, lines

    console.write(header(ConnectionRow))
    take = partial(_write, console=console)
    wanted = events_of((ConnectionRow,))
    return read(options, partial(_lines, encode=lines), choices, take, console, failed, wanted)


def _write_zeek(
    options: argparse.Namespace, choices: Choices, console: Console, failed: Failures
) -> bool:

    raise NotImplementedError


def _write_parquet(
    options: argparse.Namespace, choices: Choices, console: Console, failed: Failures
) -> bool:
    raise NotImplementedError


_WRITE: dict[str, Write] = {
    "table": _write_table,
    "json": _write_json,
    "csv": _write_csv,
    "zeek": _write_zeek,
    "parquet": _write_parquet,
}
