"""A command as a process: what it prints, what it tells, and how it ends.

What may live here: standard output, standard error, signals and the exit status, for the commands of this package and
of others. What is printed they know themselves.

Goal: whatever ends a command, it ends soon, with what was complete printed, at most one line that says why, and a status.

Plan: output is gathered here and written to the file descriptor itself, a whole number of lines at a time. The streams of
the interpreter stay empty, so that neither it, as it exits, nor a forked process writes anything again. A signal that comes
while lines are written waits for them; but not long, for the reader may have stopped reading.

Traps: where standard error is closed, `print(file=sys.stderr)` prints to standard output, and the next file that is
opened becomes standard error. A line that could not be written stays in a stream, and fails again at exit with status 120.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import NoReturn

from .one_line import on_one_line

__all__ = ["CannotWriteError", "Console", "Ended", "leave", "run"]

# So many bytes are written at once.
_MANY = 1 << 16

# A reader that takes nothing for so long, in seconds, will not see what is left when a signal ends the command.
_PATIENCE = 1.0
# A command that was asked to stop by itself ends by the signal if that takes so long.
_PATIENCE_TO_STOP = 3.0

# Those that ask a process to end. A person who presses Ctrl-C knows; of the others somebody may want to read.
_SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]
_CLOSED = "standard output is closed"


class Ended(KeyboardInterrupt):
    """A signal asked the command to end.

    Attributes:
        number: of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


class CannotWriteError(Exception):
    """Standard output takes no more.

    Attributes:
        seen_enough: whether that is because its reader has closed it, such as `head`.
    """

    def __init__(self, reason: str, *, seen_enough: bool = False) -> None:
        super().__init__(reason)
        self.seen_enough = seen_enough


class Console:
    """The standard output and the standard error of a command.

    Args:
        program: its name, with which each line on standard error begins.

    Attributes:
        failed: whether anything has been told on standard error.
    """

    def __init__(self, program: str) -> None:
        self.failed = False
        self._program = program
        self._waiting: list[bytes] = []
        self._size = 0
        self._writing = False
        self._ending = False
        self._signal: int | None = None
        self._stop: Callable[[], None] | None = None
        self._stopped_by: int | None = None

    def write(self, lines: bytes) -> None:
        """Print whole lines, now or later.

        Raises:
            CannotWriteError: standard output takes no more.
        """
        self._waiting.append(lines)
        self._size += len(lines)
        if self._size >= _MANY:
            self.flush()

    def line(self, text: str) -> None:
        """Print a line of text. What the encoding of the output does not have is escaped."""
        self.write(f"{text}\n".encode(_encoding(sys.stdout), "backslashreplace"))

    def flush(self) -> None:
        """Write all that waits.

        Raises:
            CannotWriteError: standard output takes no more.
        """
        if not self._waiting:
            return
        if sys.stdout is None:
            raise CannotWriteError(_CLOSED)
        self._writing = True
        try:
            data = memoryview(b"".join(self._waiting))
            self._discard()
            while data:
                data = data[_write(sys.stdout.fileno(), data) :]
        except OSError as error:
            raise _cannot_write(error) from None
        finally:
            self._writing = False
        self._raise_what_came_meanwhile()

    def tell(self, message: object) -> None:
        """Say on standard error, in one line, what went wrong; after all that was printed before."""
        self.failed = True
        self.remark(message)

    def remark(self, message: object) -> None:
        """Say on standard error, in one line, what may be of interest; after all that was printed before."""
        self.flush()
        _to_standard_error(f"{self._program}: {on_one_line(str(message))}")

    def _discard(self) -> None:
        self._waiting.clear()
        self._size = 0

    def _raise_what_came_meanwhile(self) -> None:
        if self._signal is not None and not self._ending:
            _alarm(0)
            raise Ended(self._signal)

    # Signals

    @contextlib.contextmanager
    def stopped_by_signals(self, stop: Callable[[], None]) -> Iterator[None]:
        """While in it, a signal does not end the command: it has `stop` called, and the command ends by itself, as it does
        without a signal. A second one ends it.

        After SIGINT, with which people end what has no end, the status is what it is without it; after others it says
        which one it was.
        """
        self._stop = stop
        try:
            yield
        finally:
            self._stop = None

    def _take_signal(self, number: int, frame: FrameType | None) -> None:
        if self._ending:
            return  # it will not take long
        stop, self._stop = self._stop, None
        if stop is not None:
            self._stopped_by = number
            _alarm(_PATIENCE_TO_STOP)
            stop()
            return
        self._signal = number
        if self._writing:
            _alarm(_PATIENCE)
        else:
            raise Ended(number)

    def _lose_patience(self, number: int, frame: FrameType | None) -> None:
        raise Ended(self._signal or self._stopped_by or signal.SIGTERM)

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """Signals raise `Ended`, but for those that whoever started the command wants ignored (nohup)."""
        handlers = dict.fromkeys(_SIGNALS, self._take_signal)
        if hasattr(signal, "SIGALRM"):
            handlers[signal.SIGALRM] = self._lose_patience
        before = {}
        try:
            for number, handler in handlers.items():
                if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
                    before[number] = signal.signal(number, handler)
        except ValueError:
            pass  # only the main thread may ask for signals
        try:
            yield
        finally:
            _alarm(0)
            for number, handler_before in before.items():
                signal.signal(number, handler_before)

    def _status(self) -> int:
        if self._stopped_by not in (None, signal.SIGINT):
            return 128 + self._stopped_by
        return 1 if self.failed else 0

    def _end_by(self, number: int) -> int:
        """Print what is complete, as far as somebody reads it, and tell which signal it was."""
        self._ending = True
        self._signal = number
        _alarm(_PATIENCE)
        try:
            with contextlib.suppress(CannotWriteError):
                self.flush()
            self.tell(f"ended by {signal.Signals(number).name}")
        except Ended:
            self._discard()
        _alarm(0)
        return 128 + number


def run(
    program: str, command: Callable[[Console], None], *, cannot_write: str = "cannot write"
) -> int:
    """Run a command to its end, whatever ends it. Exceptions that it does not expect are passed on.

    Args:
        program: its name.
        command: what to do, with a console to print on.
        cannot_write: what to tell where standard output takes no more, before the reason.

    Returns:
        The exit status: 0, also where the reader of standard output has seen enough; 1 where anything was told on
        standard error, or standard output takes no more; 128 and the number of the signal that ended it. A command that
        SIGINT has stopped (`Console.stopped_by_signals`) is not ended by it.
    """
    _fill_gaps()
    console = Console(program)
    with console._signals():
        try:
            if sys.stdout is None:
                raise CannotWriteError(_CLOSED)
            try:
                command(console)
            except SystemExit:
                _flush_stream()  # the usage, which argparse prints
                raise
            console.flush()
            _flush_stream()  # what a plug-in may have printed
        except CannotWriteError as error:
            console._discard()
            if not error.seen_enough:
                console.tell(f"{cannot_write}: {error}")
        except Ended as ended:
            return console._end_by(ended.number)
        except Exception:
            if console._signal is None:
                with contextlib.suppress(CannotWriteError):
                    console.flush()
                raise
            # Such as an error of the progress bar, once its terminal is gone.
            return console._end_by(console._signal)
    return console._status()


def leave(status: int) -> NoReturn:
    """End the process. A signal comes too late to change how."""
    with contextlib.suppress(ValueError):  # not in the main thread
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)
    sys.exit(status)


def _fill_gaps() -> None:
    """Keep the files that are opened later from becoming standard input, output or error."""
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # it gets the lowest number that is free: this one


def _flush_stream() -> None:
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except OSError as error:
        _to_nowhere(sys.stdout.fileno())  # what is left would be tried again at exit
        raise _cannot_write(error) from None


def _cannot_write(error: OSError) -> CannotWriteError:
    # A pipe is broken, the connection of a socket may be reset.
    seen_enough = isinstance(error, BrokenPipeError | ConnectionResetError)
    return CannotWriteError(error.strerror or str(error), seen_enough=seen_enough)


def _write(fd: int, data: memoryview) -> int:
    """Write some of it, and wait where the file is one that does not, as another process may have left it."""
    while True:
        try:
            return os.write(fd, data)
        except BlockingIOError:
            import select

            select.select([], [fd], [])


def _to_standard_error(line: str) -> None:
    if sys.stderr is None:
        return  # nobody is there to tell
    try:
        data = f"{line}\n".encode(_encoding(sys.stderr), "backslashreplace")
        sys.stderr.flush()
        while data:
            data = data[os.write(sys.stderr.fileno(), data) :]
    except OSError:
        _to_nowhere(sys.stderr.fileno())


def _to_nowhere(fd: int) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, fd)
    os.close(nowhere)


def _encoding(stream: object) -> str:
    return getattr(stream, "encoding", None) or "utf-8"


def _alarm(seconds: float) -> None:
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds)
