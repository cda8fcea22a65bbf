"""Processes that work off tasks, any of which may die: an executor of `concurrent.futures`.

What may live here: how processes start, are handed tasks, and end. What a task is they do not know.

Goal: a process that dies, of whatever, costs the task that it ran, and nothing else; and no process outlives the one that
started it, however that ends. `ProcessPoolExecutor` cannot do it: one death breaks it, with all tasks that wait; and its
processes share queues, so that one that is killed may take a lock along, for which all others wait for ever. The pools
that replace what has died (pebble, loky) share queues and locks as well.

Plan: nothing is shared. Each process has a pipe, and a thread here at the other end, which hands it one task at a time. The
end of the pipe is the end of the process: its task fails, and the next one gets a new process. The other way round, a
process whose pipe ends has lost its parent, and ends too.

Traps:
- A forked process inherits the pipes of those that were forked before it. Unless it closes them, nobody sees them end. So
  one is started at a time, from the making of its pipe to the closing of the end that it has taken over.
- It also inherits what waits in the standard streams, perhaps locked by a thread that it does not have. It gets new ones.
- A process in a call into C that does not let go of the interpreter (libpcap opening a FIFO) cannot see a pipe end. On
  Linux the kernel kills it.
- It must not take a signal while it still has the handlers of its parent.
"""

from __future__ import annotations

import atexit
import contextlib
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future
from enum import Enum
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from queue import SimpleQueue
from typing import Any, NamedTuple, ParamSpec, TypeVar
from weakref import WeakSet

__all__ = ["CannotTravelError", "Pieces", "WorkerDiedError", "Workers", "packed"]

P = ParamSpec("P")
T = TypeVar("T")

# So many processes in a row may die before they have taken a task.
_STARTS = 3

# How long a process may take to end once it has closed its pipe or was killed, in seconds.
_SOON = 1.0

_STREAMS = (("stdout", 1), ("stderr", 2))
_SIGNALS = {
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
}


class CannotTravelError(Exception):
    """Something that was made by a process cannot be sent to another one."""


class WorkerDiedError(Exception):
    """The process that ran a task ended, by the task or by a signal.

    Attributes:
        exitcode: its exit status, or the negative number of the signal; None where it is not known.
        how: the same in words, such as "was killed by SIGKILL".
    """

    def __init__(self, exitcode: int | None) -> None:
        self.exitcode = exitcode
        self.how = _end(exitcode)
        super().__init__(f"the process that ran the task {self.how}")


def _end(exitcode: int | None) -> str:
    """How a process ended, in words."""
    if exitcode is None:
        return "ended"
    if exitcode >= 0:
        return f"ended with exit status {exitcode}"
    try:
        return f"was killed by {signal.Signals(-exitcode).name}"
    except ValueError:
        return f"was killed by signal {-exitcode}"


class Workers(Executor):
    """Like a `ProcessPoolExecutor`; but where one of the processes dies, the future of its task gets a `WorkerDiedError`,
    and a new process takes its place.

    Left by an exception, as a context manager, it kills its processes; they also end when this process does.

    Args:
        max_workers: how many processes there are; one for each processor where it is None.
        mp_context: the context of `multiprocessing` to start them in; the default one where it is None.
        initializer: called by each process as it starts; has to be picklable, unless processes are forked.

    Raises:
        ValueError: `max_workers` is less than one.
        OSError: the processes cannot be started.
    """

    def __init__(
        self,
        max_workers: int | None = None,
        mp_context: BaseContext | None = None,
        initializer: Callable[[], object] | None = None,
    ) -> None:
        count = (os.cpu_count() or 1) if max_workers is None else max_workers
        if count < 1:
            raise ValueError(f"max_workers must be at least 1, and is {count}")
        self._count = count
        self._context = mp_context or multiprocessing.get_context()
        self._initializer = initializer
        self._tasks: SimpleQueue[_Task | None] = SimpleQueue()
        self._starting = threading.Lock()
        self._lock = threading.Lock()  # of what follows; never held for long
        self._workers: set[_Worker] = set()
        self._shut = False
        self._demand = _Demand()
        self._streams: WeakSet[Pieces[Any]] = WeakSet()
        self._broken: str | None = None
        self._deaths = 0  # of processes as they started, in a row
        self._threads: list[threading.Thread] = []
        try:
            # All are forked before there are threads.
            workers = [self._start() for _ in range(count)]
        except BaseException:
            self.kill_workers()
            raise
        atexit.register(self.kill_workers)
        for worker in workers:
            thread = threading.Thread(target=self._serve, args=(worker,), daemon=True)
            thread.start()
            self._threads.append(thread)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """See `concurrent.futures.Executor`.

        Raises:
            BrokenExecutor: the processes die as they start.
            RuntimeError: the executor has been shut down.
        """
        return self._submit(_Task(_Future(self._demand), fn, args, kwargs))

    def stream(
        self, fn: Callable[P, Iterable[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Pieces[T]:
        """Like `submit`, of a function that gives several things: they come one by one, as they are made.

        The process waits where nobody takes them: it is ahead by a few, and by what a pipe holds; further only where somebody
        waits for things that no process has begun with. What nobody has taken to its end ends when the executor is shut down.

        Raises:
            BrokenExecutor: the processes die as they start.
            RuntimeError: the executor has been shut down.
            Exception: by the iterator: what the function raises, or `WorkerDiedError`, after what it has given before.
        """
        pieces: Pieces[T] = Pieces(self._demand)
        self._streams.add(pieces)
        future = self._submit(_Task(pieces.future, fn, args, kwargs, pieces))
        future.add_done_callback(pieces.wake)
        return pieces

    @property
    def count(self) -> int:
        """How many processes there are."""
        return self._count

    def _submit(self, task: _Task) -> Future[Any]:
        with self._lock:
            if self._broken is not None:
                raise BrokenExecutor(self._broken)
            if self._shut:
                raise RuntimeError("cannot schedule new futures after shutdown")
            self._tasks.put(task)
            return task.future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """See `concurrent.futures.Executor`."""
        with self._lock:
            first, self._shut = not self._shut, True
        if cancel_futures:
            self._cancel()
        if first:
            for _ in self._threads:
                self._tasks.put(None)
        if wait:
            self._abandon_streams()
            for thread in self._threads:
                thread.join()
            atexit.unregister(self.kill_workers)

    def kill_workers(self) -> None:
        """End at once: kill the processes, and cancel the tasks that wait. That of one which runs fails."""
        with self._lock:
            self._shut = True
            self._broken = "the processes have been killed"
            for worker in self._workers:
                worker.process.kill()
        self._abandon_streams()
        self._cancel()
        for _ in self._threads:
            self._tasks.put(None)
        until = time.monotonic() + _SOON
        for thread in self._threads:
            thread.join(max(0, until - time.monotonic()))
        atexit.unregister(self.kill_workers)

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        if kind is not None:
            self.kill_workers()
        self.shutdown(wait=kind is None)

    def _abandon_streams(self) -> None:
        for pieces in list(self._streams):
            pieces.abandon()

    def _cancel(self) -> None:
        """Cancel the tasks that wait."""
        ends = 0
        while not self._tasks.empty():
            task = self._tasks.get()
            if task is None:
                ends += 1
            else:
                task.future.cancel()
        for _ in range(ends):
            self._tasks.put(None)

    def _start(self) -> _Worker:
        """Start a process."""
        method = self._context.get_start_method()
        with self._starting, _blocked(method) as mask:
            here, there = self._context.Pipe()
            until, alive = reversed(self._context.Pipe(duplex=False))
            inherited: list[Connection] = []
            if method == "fork":
                with self._lock:
                    inherited = [end for worker in self._workers for end in worker.ends]
                inherited += [here, until]
            process = self._context.Process(  # type: ignore[attr-defined]
                target=_work, args=(there, alive, inherited, mask, self._initializer)
            )
            with there, alive:
                try:
                    process.start()
                except BaseException:
                    here.close()
                    until.close()
                    raise
            worker = _Worker(process, here, until)
            with self._lock:
                self._workers.add(worker)
                if self._broken is not None:
                    process.kill()
        return worker

    def _serve(self, worker: _Worker | None) -> None:
        """Work off tasks with a process at a time; in a thread."""
        while (task := self._tasks.get()) is not None:
            if task.future.set_running_or_notify_cancel():
                worker = self._run(task, worker)
        if worker is not None:
            with contextlib.suppress(OSError):
                worker.connection.send_bytes(b"")
            self._bury(worker, patience=None)

    def _run(self, task: _Task, worker: _Worker | None) -> _Worker | None:
        """Run a task on a process, or on a new one where there is none; the process that is left, if any."""
        try:
            data = pickle.dumps(
                (task.function, task.arguments, task.keywords, task.pieces is not None)
            )
        except Exception as error:
            task.future.set_exception(error)
            return worker
        try:
            worker = self._ready(worker)
        except BrokenExecutor as error:
            task.future.set_exception(error)
            return None
        try:
            worker.connection.send_bytes(data)
            kind, value = _message(worker.receive())
            while kind is _Kind.PIECE:
                assert task.pieces is not None
                if not task.pieces.put(value):
                    worker.process.kill()
                    self._bury(worker)
                    task.future.set_result(None)
                    return None
                kind, value = _message(worker.receive())
        except Exception as error:  # another one is that the answer does not fit into the memory
            died = WorkerDiedError(self._bury(worker))
            ended = isinstance(error, EOFError | OSError)
            task.future.set_exception(died if ended else error)
            return None
        if kind is _Kind.RAISED:
            task.future.set_exception(value)
        else:
            task.future.set_result(value)
        return worker

    def _ready(self, worker: _Worker | None) -> _Worker:
        """A process that can take a task: this one, or a new one where it has died meanwhile.

        Raises:
            BrokenExecutor: new ones die as they start.
        """
        while self._broken is None:
            try:
                if worker is None:
                    worker = self._start()
                if not worker.ready:
                    problem = worker.receive().decode()
                    if problem:
                        self._break(problem)
                        break
                    worker.ready = True
                    self._deaths = 0
                elif worker.has_ended():
                    raise EOFError
                return worker
            except Exception as error:
                how = _words(error) if worker is None else f"one {_end(self._bury(worker))}"
                if worker is None or not worker.ready:
                    self._deaths += 1
                    if self._deaths >= _STARTS:
                        self._break(how)
                worker = None
        if worker is not None:
            worker.process.kill()
            self._bury(worker)
        raise BrokenExecutor(self._broken)

    def _break(self, reason: str) -> None:
        with self._lock:
            if self._broken is None:
                self._broken = f"the processes cannot start: {reason}"

    def _bury(self, worker: _Worker, patience: float | None = _SOON) -> int | None:
        """Wait for the end of a process, and kill it where it does not come; its exit code."""
        if not wait([worker.process.sentinel], patience):
            worker.process.kill()
            wait([worker.process.sentinel])
        with self._lock:
            self._workers.discard(worker)
            worker.process.join()
            for end in worker.ends:
                end.close()
        return worker.process.exitcode


class _Task(NamedTuple):
    future: Future[Any]
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]
    pieces: Pieces[Any] | None = None


# So many things a process may be ahead of who takes them.
_AHEAD = 2


class _Demand:
    """What the streams of an executor know of each other.

    Attributes:
        changed: of anything about them.
        starved: how many tasks are waited for that have no process yet. Those that have one may wait for them in turn, where
            somebody takes from several; so they run ahead then, as far as it takes.
    """

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.starved = 0

    @contextlib.contextmanager
    def of_more(self) -> Iterator[None]:
        """Somebody waits meanwhile for what has no process yet."""
        with self.changed:
            self.starved += 1
            self.changed.notify_all()
        try:
            yield
        finally:
            with self.changed:
                self.starved -= 1


class _Future(Future[T]):
    """What becomes of a task. While somebody waits for one that no process has begun with, streams run ahead."""

    def __init__(self, demand: _Demand) -> None:
        super().__init__()
        self._demand = demand

    def result(self, timeout: float | None = None) -> T:
        if self.running() or self.done():
            return super().result(timeout)
        with self._demand.of_more():
            return super().result(timeout)


class Pieces(Iterator[T]):
    """What a process gives, one by one; see `Workers.stream`.

    Attributes:
        future: is done once there is no more.
    """

    def __init__(self, demand: _Demand) -> None:
        self.future: Future[Any] = Future()
        self._ready: deque[T] = deque()
        self._demand = demand
        self._changed = demand.changed
        self._closed = False
        self._abandoned = False

    def put(self, piece: T) -> bool:
        """Take what a process has given, once there is room; whether anybody wants more."""
        with self._changed:
            self._changed.wait_for(
                lambda: (
                    self._closed
                    or self._abandoned
                    or len(self._ready) < _AHEAD
                    or self._demand.starved
                )
            )
            is_wanted = not self._closed and not self._abandoned
            if is_wanted:
                self._ready.append(piece)
                self._changed.notify_all()
            return is_wanted

    def wake(self, _: object) -> None:
        """Take note that there is no more."""
        with self._changed:
            self._changed.notify_all()

    def __next__(self) -> T:
        with self._changed:
            begun = self.future.running() or self.future.done()
            with contextlib.nullcontext() if begun else self._demand.of_more():
                self._changed.wait_for(lambda: self._ready or self._closed or self.future.done())
            if self._ready and not self._closed:
                piece = self._ready.popleft()
                self._changed.notify_all()
                return piece
        if self._closed:
            raise StopIteration
        self.future.result()
        if self._abandoned:
            raise RuntimeError("the executor was shut down before all of it was taken")
        raise StopIteration

    def abandon(self) -> None:
        """Take no more, because the processes end. Whoever wants more is told."""
        with self._changed:
            self._abandoned = not self.future.done()
            self._changed.notify_all()

    def close(self) -> None:
        """Take no more. A process that is at it ends."""
        self.future.cancel()
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def __del__(self) -> None:
        self.close()


class _Worker:
    """A process, and the pipes to it: one for tasks and results, and one that ends when this process does."""

    def __init__(self, process: BaseProcess, connection: Connection, until: Connection) -> None:
        self.process = process
        self.connection = connection
        self.ends = (connection, until)
        self.ready = False

    def receive(self) -> bytes:
        """What the process sends; EOFError or OSError where it has ended."""
        wait([self.connection, self.process.sentinel])
        if not self.connection.poll():
            raise EOFError
        return self.connection.recv_bytes()

    def has_ended(self) -> bool:
        return bool(wait([self.connection, self.process.sentinel], 0))


class _Kind(Enum):
    """What a process sends of a task."""

    PIECE = 0
    RETURNED = 1
    RAISED = 2


def _message(data: bytes) -> tuple[_Kind, Any]:
    """What a process has sent."""
    try:
        kind, value = pickle.loads(data)
    except Exception as error:
        error.add_note("This came as what the process had sent was unpickled.")
        return _Kind.RAISED, error
    return kind, value


@contextlib.contextmanager
def _blocked(method: str) -> Iterator[set[signal.Signals] | None]:
    """Let signals wait, also in a process that is started meanwhile; those that were let wait before."""
    if sys.platform == "win32" or method == "forkserver":
        # The server would do the same with all that it starts for others.
        yield None
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield {signal.Signals(number) for number in before}
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


# What follows runs in the processes.


def _work(
    connection: Connection,
    alive: Connection,
    inherited: list[Connection],
    mask: set[signal.Signals] | None,
    initializer: Callable[[], object] | None,
) -> None:
    """Take tasks, run them and send what they return, until there are no more."""
    for end in inherited:
        end.close()
    _take_signals(mask)
    _renew_streams()
    _die_with(alive)
    tasks: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_receive, args=(connection, tasks), daemon=True).start()
    problem = ""
    try:
        if initializer is not None:
            initializer()
    except Exception as error:
        problem = _words(error)
    try:
        connection.send_bytes(problem.encode())
        while not problem and (data := tasks.get()):
            for message in _messages(data):
                connection.send_bytes(message)
    except OSError:
        return  # nobody is there to take it


def _messages(data: bytes) -> Iterator[bytes]:
    """Run a task: what it gives meanwhile, and then what it returned or raised."""
    try:
        function, arguments, keywords, in_pieces = pickle.loads(data)
        result = function(*arguments, **keywords)
        if in_pieces:
            for piece in result:
                yield packed((_Kind.PIECE, piece))
            result = None
    except BaseException as error:
        yield _failure(error)
        return
    try:
        last = pickle.dumps((_Kind.RETURNED, result))
    except Exception as error:
        error.add_note("This came as what the task had returned was pickled.")
        last = _failure(error)
    yield last


def packed(piece: object) -> bytes:
    """One of several things, as it travels.

    Raises:
        CannotTravelError: it cannot be pickled.
    """
    try:
        return pickle.dumps(piece)
    except Exception as error:
        raise CannotTravelError(_words(error)) from None


def _failure(error: BaseException) -> bytes:
    error.add_note("In the process:\n" + "".join(traceback.format_tb(error.__traceback__)))
    try:
        data = pickle.dumps((_Kind.RAISED, error))
        pickle.loads(data)
    except Exception:  # it has not been made to travel
        return pickle.dumps((_Kind.RAISED, RuntimeError(_words(error))))
    return data


def _words(error: BaseException) -> str:
    return "".join(traceback.format_exception_only(error)).strip()


def _receive(connection: Connection, tasks: SimpleQueue[bytes]) -> None:
    """Take tasks, in a thread. Whatever is being done meanwhile, nobody will take it once the other end is gone."""
    try:
        while data := connection.recv_bytes():
            tasks.put(data)
        tasks.put(b"")
    except (EOFError, OSError):
        os._exit(1)


def _take_signals(mask: set[signal.Signals] | None) -> None:
    """An interrupt is for the parent, which ends the others. Other signals do what they do to any process."""
    for number in _SIGNALS:
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform != "win32" and mask is not None:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


_inherited: list[object] = []


def _renew_streams() -> None:
    for name, fd in _STREAMS:
        stream = getattr(sys, name)
        try:
            if stream.fileno() != fd:
                continue
        except (AttributeError, OSError, ValueError):
            continue  # there is none, or it is no file
        _inherited.append(stream)  # to be deleted is to be flushed
        new = open(  # noqa: SIM115
            fd, "w", buffering=1, encoding=stream.encoding, errors=stream.errors, closefd=False
        )
        setattr(sys, name, new)


def _die_with(alive: Connection) -> None:
    """Have the kernel kill this process once the other end of a pipe, into which nobody writes, is closed."""
    if sys.platform != "linux":
        return
    import fcntl

    fd = alive.fileno()
    fcntl.fcntl(fd, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_ASYNC)
