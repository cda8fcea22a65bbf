"""The command line: `tls-events FILE...`, also `python -m events`."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence

from tlsgrammar import __version__, load_extensions

from .capture import CaptureError, read_capture
from .output import FORMATS
from .walk import known_events

__all__ = ["main"]

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
        "files", nargs="+", metavar="FILE", help="a pcap or pcapng file; - is standard input"
    )
    parser.add_argument(
        "--format", choices=FORMATS, default="text", help="how to print an event (default: text)"
    )
    parser.add_argument(
        "--event",
        action="append",
        metavar="NAME",
        choices=known,
        help="print only this event; can be given more than once. Names: " + ", ".join(known),
    )
    parser.add_argument(
        "--disable-analyzer-after-detection",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="end with a connection once ssl_established has been raised (default: yes)",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: the command line after the program's name; that of the process where it is None.

    Returns:
        The exit status: 0; 1 where a file could not be read to its end; 2 for wrong usage.
    """
    for problem in load_extensions():
        print(f"tls-events: {problem}", file=sys.stderr)
    options = _parser().parse_args(arguments)
    wanted = None if options.event is None else frozenset(options.event)
    encode = FORMATS[options.format]
    status = 0
    try:
        for path in options.files:
            try:
                with _progress(path) as progress:
                    events = read_capture(
                        path,
                        disable_analyzer_after_detection=options.disable_analyzer_after_detection,
                        wanted=wanted,
                        progress=progress,
                    )
                    _print((encode(event) for event in events), path)
            except (CaptureError, ImportError) as error:
                sys.stdout.buffer.flush()
                print(f"tls-events: {error}", file=sys.stderr)
                status = 1
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # Whoever read the output has seen enough. What is still buffered must not be tried again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return status


def _print(lines: Iterable[bytes], path: str) -> None:
    output = sys.stdout.buffer
    # Whoever reads along with a live capture wants to see each event at once; so does a person.
    at_once = not os.path.isfile(path) or sys.stdout.isatty()
    for line in lines:
        output.write(line + b"\n")
        if at_once:
            output.flush()


@contextlib.contextmanager
def _progress(path: str) -> Iterator[Callable[[int], None] | None]:
    """A progress bar on standard error for a long file, if somebody is there to see it."""
    size = os.path.getsize(path) if os.path.isfile(path) else 0
    if size < _LONG or not sys.stderr.isatty() or sys.stdout.isatty():
        yield None
        return
    from tqdm import tqdm

    with tqdm(
        total=size, unit="B", unit_scale=True, desc=os.path.basename(path), leave=False
    ) as bar:
        yield bar.update
