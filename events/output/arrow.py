"""Events and rows as tables of Arrow, and as files of Parquet. Public as `events.arrow`; needs pyarrow (extra `arrow`).

    >>> import events
    >>> hello = events.SslExtensionServerName(c=events.Connection(uid="C1"), is_orig=True, names=[b"a.example"])
    >>> [batch] = events.arrow.batches([hello])
    >>> batch.column("uid").to_pylist(), batch.column("names").to_pylist()
    (['C1'], [['a.example']])

What may live here: these formats. The types follow from the declarations of the classes; tables say which type is which.

Columns are made one at a time, for many items at once; a value on its own is looked at only where a column does not take
them all. No value raises. One that does not fit what is declared is null: an integer beyond 64 bits (a code point beyond
32), a time in no year from 1 to 9999, a value of another type. What has no type of Arrow, such as a mapping, is JSON in a
column of strings.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from itertools import accumulate, islice
from operator import attrgetter
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple, Self

import msgspec

from ..declarations import Declared
from ..meanings import AnySize, NameOf, NameOfCipher, SecondsSinceEpoch, Text
from ..model import Event
from ..rows import ConnectionRow, Row
from .columns import columns
from .json import json_of

try:
    import pyarrow
    import pyarrow.compute
    import pyarrow.parquet
except ImportError as error:
    raise ImportError("events.arrow needs the library pyarrow; pip install pyarrow") from error

__all__ = ["ParquetFolder", "batches", "record_batch", "schema", "tables", "write_rows"]

_TIME = pyarrow.timestamp("us", tz="UTC")

_TYPES: dict[type, pyarrow.DataType] = {
    bool: pyarrow.bool_(),
    int: pyarrow.int64(),
    float: pyarrow.float64(),
    str: pyarrow.string(),
    bytes: pyarrow.binary(),
    bytearray: pyarrow.binary(),
    memoryview: pyarrow.binary(),
}

# Integers whose meaning says more. Code points have 32 bits at most, those of QUIC.
_TYPES_OF_MEANINGS: dict[type, pyarrow.DataType] = {
    AnySize: pyarrow.string(),
    NameOf: pyarrow.uint32(),
    NameOfCipher: pyarrow.uint32(),
}

_PORT = pyarrow.uint16()

# Declared as integers, as so many others are.
_PORTS = ("orig_p", "resp_p")


# The columns


class _Column(NamedTuple):
    """A column: its name, its type, how its values are taken from items, and what makes an array of them; and whether they
    are taken from the connections of the items instead.
    """

    name: str
    type: pyarrow.DataType
    take: Callable[[Any], Any]
    make: Callable[[Sequence[Any]], pyarrow.Array]
    of_connection: bool = False


class _Kind(NamedTuple):
    """A type, and what makes an array of values."""

    type: pyarrow.DataType
    make: Callable[[Sequence[Any]], pyarrow.Array]


# The connection stands in columns of its own, named as in the other formats.
_OF_CONNECTION = (
    ("uid", "uid", pyarrow.string()),
    ("proto", "proto", pyarrow.string()),
    ("id.orig_h", "orig_h", pyarrow.string()),
    ("id.orig_p", "orig_p", _PORT),
    ("id.resp_h", "resp_h", pyarrow.string()),
    ("id.resp_p", "resp_p", _PORT),
    ("start_time", "start_time", _TIME),
)


@cache
def _columns(kind: type[Event | Row]) -> tuple[_Column, ...]:
    found: list[_Column] = []
    for attribute, name, declared in columns(kind):
        if attribute == "c" and issubclass(kind, Event):
            for own, of, arrow_type in _OF_CONNECTION:
                found.append(_Column(own, arrow_type, attrgetter(of), _maker(arrow_type), True))
            continue
        of_column = _kind(declared, ())
        if attribute == "ts":
            of_column = _Kind(_TIME, _times)
        elif attribute in _PORTS and issubclass(kind, Row):
            of_column = _Kind(_PORT, _maker(_PORT))
        # A parameter of a user's event may be named as one of the connection's.
        taken = {column.name for column in found}
        while name in taken:
            name += "_"
        found.append(_Column(name, of_column.type, attrgetter(attribute), of_column.make))
    return tuple(found)


def _kind(declared: Declared, within: tuple[type, ...]) -> _Kind:
    """The type of a column.

    Args:
        declared: what is declared of its values.
        within: the structs that it is a part of. One that holds others of its kind is JSON: Arrow has no such type.
    """
    kind, meaning = declared.kind_of_some, declared.meaning
    if declared.item is not None and _is_list(kind):
        item = _kind(declared.item, within)
        of_list = pyarrow.list_(item.type)
        return _Kind(of_list, partial(_lists, of_list, item.make))
    if _has_fields(kind) and kind not in within:
        fields = [(name, of, _kind(each, (*within, kind))) for of, name, each in columns(kind)]
        of_struct = pyarrow.struct([(name, of_field.type) for name, _, of_field in fields])
        parts = [(attrgetter(of), of_field.make) for _, of, of_field in fields]
        return _Kind(of_struct, partial(_structs, of_struct, parts))
    arrow_type = next((_TYPES[base] for base in kind.__mro__ if base in _TYPES), None)
    if arrow_type is None:
        return _Kind(pyarrow.string(), partial(_json, declared))
    if isinstance(meaning, SecondsSinceEpoch):
        return _Kind(_TIME, _times)
    if isinstance(meaning, Text) and arrow_type == pyarrow.binary():
        return _Kind(pyarrow.string(), partial(_texts, meaning))
    if arrow_type == pyarrow.int64():
        arrow_type = _TYPES_OF_MEANINGS.get(type(meaning), arrow_type)
    return _Kind(arrow_type, _maker(arrow_type))


def _is_list(kind: type) -> bool:
    return issubclass(kind, Collection) and not issubclass(kind, Mapping | str | bytes)


def _has_fields(kind: type) -> bool:
    is_struct = issubclass(kind, msgspec.Struct) or hasattr(kind, "__dataclass_fields__")
    return is_struct and bool(columns(kind))  # Parquet has no structs without fields


def _maker(of: pyarrow.DataType) -> Callable[[Sequence[Any]], pyarrow.Array]:
    return _times if of == _TIME else partial(_plain, of)


# What makes arrays

# What pyarrow raises where it cannot make an array of values; its own exceptions are ValueErrors and TypeErrors.
_DOES_NOT_FIT = (ValueError, TypeError, OverflowError, AttributeError, NotImplementedError)


def _plain(of: pyarrow.DataType, values: Sequence[Any]) -> pyarrow.Array:
    try:
        return pyarrow.array(values, of)
    except _DOES_NOT_FIT:
        return pyarrow.array([_fitting(of, value) for value in values], of)


def _fitting(of: pyarrow.DataType, value: Any) -> Any:
    """A value as a column takes it; None where it does not."""
    if of == pyarrow.string() and value is not None:
        if not isinstance(value, str):
            return _json_or_none(Declared(), value)
        return str.encode(value, errors="backslashreplace").decode()  # lone surrogates
    if isinstance(value, int) and pyarrow.types.is_integer(of):
        value = int(value)  # not a bool, nor of another class of integers
    try:
        return pyarrow.scalar(value, of).as_py()
    except _DOES_NOT_FIT:
        return None


def _json(declared: Declared, values: Sequence[Any]) -> pyarrow.Array:
    return pyarrow.array([_json_or_none(declared, value) for value in values], pyarrow.string())


def _json_or_none(declared: Declared, value: Any) -> str | None:
    if value is None:
        return None
    try:
        return json_of(value, declared)
    except Exception:  # an object of a user's may do anything as it is looked at
        return None


def _texts(meaning: Text, values: Sequence[Any]) -> pyarrow.Array:
    words = meaning.words
    return pyarrow.array([words(value) for value in values], pyarrow.string())


# The first microsecond of year 1, and the last of year 9999.
_EARLIEST, _LATEST = -62_135_596_800_000_000, 253_402_300_799_999_999


def _times(values: Sequence[Any]) -> pyarrow.Array:
    """Seconds since the epoch as times. A float has microseconds until the year 2255."""
    compute = pyarrow.compute
    try:
        seconds = pyarrow.array(values, pyarrow.float64())
    except _DOES_NOT_FIT:
        seconds = pyarrow.array([_seconds(value) for value in values], pyarrow.float64())
    micros = compute.round(compute.multiply(seconds, 1e6))
    try:
        whole = micros.cast(pyarrow.int64())
    except _DOES_NOT_FIT:  # no numbers are among them, or infinite ones
        whole = None
    if whole is None or not _all_known(compute.min_max(whole)):
        some = [each if _is_known(each) else None for each in micros.to_pylist()]
        whole = pyarrow.array(some, pyarrow.float64()).cast(pyarrow.int64())
    return whole.view(_TIME)


def _all_known(ends: pyarrow.StructScalar) -> bool:
    return all(each is None or _is_known(each) for each in ends.as_py().values())


def _is_known(micros: float | None) -> bool:
    return micros is not None and _EARLIEST <= micros <= _LATEST


def _seconds(value: Any) -> float | None:
    try:
        return float(value) if isinstance(value, int | float) else None
    except OverflowError:
        return None


def _lists(
    of: pyarrow.DataType, make: Callable[[Sequence[Any]], pyarrow.Array], values: Sequence[Any]
) -> pyarrow.Array:
    """Lists, as one array of all of their items and where each of them begins."""
    try:
        items = [item for value in values if value is not None for item in value]
        lengths = [0 if value is None else len(value) for value in values]
    except TypeError:
        return _lists(of, make, [_list_or_none(value) for value in values])
    begins: list[int | None] = [0, *accumulate(lengths)]
    for index, value in enumerate(values):
        if value is None:  # so says Arrow that there is none
            begins[index] = None
    begins = pyarrow.array(begins, pyarrow.int32())
    return pyarrow.ListArray.from_arrays(begins, make(items), type=of)


def _list_or_none(value: Any) -> list[Any] | None:
    try:
        return list(value) if _is_list(type(value)) else None
    except Exception:  # a collection of a user's
        return None


def _structs(
    of: pyarrow.DataType,
    parts: Sequence[tuple[Callable[[Any], Any], Callable[[Sequence[Any]], pyarrow.Array]]],
    values: Sequence[Any],
) -> pyarrow.Array:
    """Structs, as an array of each of their fields."""
    try:
        arrays = [
            make([None if value is None else take(value) for value in values])
            for take, make in parts
        ]
    except AttributeError:
        take_all = [take for take, _ in parts]
        return _structs(of, parts, [value if _has(value, take_all) else None for value in values])
    missing = pyarrow.array([value is None for value in values], pyarrow.bool_())
    return pyarrow.StructArray.from_arrays(arrays, fields=list(of), mask=missing)


def _has(value: Any, take_all: Iterable[Callable[[Any], Any]]) -> bool:
    try:
        for take in take_all:
            take(value)
    except AttributeError:
        return False
    return True


# Batches


@cache
def _schema(kind: type[Event | Row]) -> pyarrow.Schema:
    return pyarrow.schema([(column.name, column.type) for column in _columns(kind)])


def schema(kind: type[Event | Row]) -> pyarrow.Schema:
    """The schema of a class of events or rows: `ts`, of an event the columns of its connection (`uid`, `proto`, `id.orig_h`,
    `id.orig_p`, `id.resp_h`, `id.resp_p`, `start_time`), then its parameters.

    Times are `timestamp[us, UTC]`, code points `uint32`, ports `uint16`, other integers `int64`; bytes are `binary`, those
    that are text (`Text`) are strings with its escapes; structs are structs.
    """
    return _schema(kind)


def record_batch(kind: type[Event | Row], items: Iterable[Event | Row]) -> pyarrow.RecordBatch:
    """Events or rows of one class as a batch. No column of it may have more than 2 GB.

    Args:
        kind: the class.
        items: they; none is fine.

    Raises:
        TypeError: one is of another class.
    """
    items = items if isinstance(items, list) else list(items)
    for other in {type(item) for item in items} - {kind}:
        raise TypeError(
            f"a batch of {kind.__name__} takes no {other.__name__}; tables() and ParquetFolder take any"
        )
    connections, places = (
        _runs(_taken(attrgetter("c"), items)) if issubclass(kind, Event) else ([], None)
    )
    arrays = []
    for column in _columns(kind):
        values = _taken(column.take, connections if column.of_connection else items)
        array = column.make(values)
        is_short = column.of_connection and places is not None
        arrays.append(array.take(places) if is_short else array)
    return pyarrow.RecordBatch.from_arrays(arrays, schema=schema(kind))


def _runs(connections: list[Any]) -> tuple[list[Any], pyarrow.Array | None]:
    """Connections without those that are the one before, and the places of all among them; events come so. None where
    it would not pay.
    """
    some: list[Any] = []
    places: list[int] = []
    last = None
    place = -1
    for c in connections:
        if c is not last or place < 0:
            some.append(c)
            last = c
            place += 1
        places.append(place)
    if len(some) * 4 > len(connections) * 3:
        return connections, None
    return some, pyarrow.array(places, pyarrow.int32())


def _taken(take: Callable[[Any], Any], items: list[Any]) -> list[Any]:
    try:
        return list(map(take, items))
    except AttributeError:  # a `c` that is no connection
        return [take(item) if _has(item, [take]) else None for item in items]


def batches(items: Iterable[Event | Row], *, size: int = 10_000) -> Iterator[pyarrow.RecordBatch]:
    """Events or rows of one class as batches, as they come; none where there are none.

    Args:
        items: they. `wanted=` of whatever reads captures selects events.
        size: how many a batch has at most.

    Raises:
        TypeError: they are of several classes.
    """
    kind: type[Event | Row] | None = None
    for some in _groups(items, size):
        kind = kind or type(some[0])
        yield record_batch(kind, some)


def _groups(items: Iterable[Event | Row], size: int) -> Iterator[list[Event | Row]]:
    """Items, so many at a time. Those that come before an exception come before it here too."""
    iterator = iter(items)
    error = None
    while error is None:
        some: list[Event | Row] = []
        try:
            for item in islice(iterator, size):
                some.append(item)
        except BaseException as raised:
            error = raised
        if not some:
            break
        yield some
    if error is not None:
        raise error


def tables(items: Iterable[Event | Row], *, size: int = 10_000) -> dict[str, pyarrow.Table]:
    """Events or rows of any classes as tables in memory, by the name of the event (`ssl_client_hello`) or log (`ssl`).

    Args:
        items: they.
        size: how many a batch of a table has at most.
    """
    waiting: dict[type[Event | Row], list[Event | Row]] = {}
    made: dict[type[Event | Row], list[pyarrow.RecordBatch]] = defaultdict(list)
    for item in items:
        some = waiting.setdefault(type(item), [])
        some.append(item)
        if len(some) >= size:
            made[type(item)].append(record_batch(type(item), some))
            some.clear()
    found: dict[str, pyarrow.Table] = {}
    for kind, some in waiting.items():
        rest = [record_batch(kind, some)] if some else []
        name = _unique(_name(kind), found)
        found[name] = pyarrow.Table.from_batches([*made[kind], *rest], schema(kind))
    return found


def _name(kind: type[Event | Row]) -> str:
    name = kind.name if issubclass(kind, Event) else kind.log
    return name or kind.__name__


def _unique(name: str, taken: Collection[str]) -> str:
    """A name that is not taken yet: two classes may say that they have the same."""
    others = (f"{name}-{number}" for number in range(2, len(taken) + 3))
    return next(each for each in (name, *others) if each not in taken)


# Parquet

# So many items are made a batch at a time: small enough that the objects of Python are soon gone.
_AT_ONCE = 2000

# All batches that are held may have so many bytes.
_HELD = 64 * 2**20


class _File:
    """A file of Parquet of one class, which is being written. Batches wait until they are a row group together."""

    def __init__(self, path: str | os.PathLike[str], kind: type[Event | Row]) -> None:
        self._path = os.fspath(path)
        self._waiting: list[pyarrow.RecordBatch] = []
        self._schema = schema(kind)
        # A file of Python's: pyarrow's own errors name no file.
        self._file: BinaryIO = open(path, "wb")  # noqa: SIM115
        self._writer = pyarrow.parquet.ParquetWriter(self._file, self._schema, compression="zstd")
        self.rows = 0
        self.bytes = 0

    def add(self, batch: pyarrow.RecordBatch) -> None:
        self._waiting.append(batch)
        self.rows += batch.num_rows
        self.bytes += batch.nbytes

    def flush(self) -> None:
        """Write what waits."""
        some = self._waiting[:]
        self._waiting.clear()
        self.rows = self.bytes = 0
        if some and self._writer.is_open:  # it is not where writing has failed
            table = pyarrow.Table.from_batches(some, self._schema)
            with self._names_the_file():
                self._writer.write_table(table, row_group_size=table.num_rows)

    def close(self) -> None:
        with self._names_the_file():
            self.flush()
            self._writer.close()
            self._file.close()

    @contextlib.contextmanager
    def _names_the_file(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            # Nothing can be written any more, and nobody is to try as the objects are deleted.
            self._writer.is_open = False
            with contextlib.suppress(OSError):
                self._file.close()
            if error.filename is not None:
                raise
            code = error.errno or errno.EIO
            raise OSError(code, os.strerror(code), self._path) from error


class ParquetFolder:
    """Writes events and rows of any classes as Parquet: a file for each class in a folder, `ssl_client_hello.parquet`.

        with events.arrow.ParquetFolder("out") as folder:
            folder.write(events.read_capture("capture.pcap"))

    Memory is bounded, however many there are. What came before an exception in the block is written all the same; the files
    can be read once the block is over. Files of the same names are written anew, and others are left.

    Args:
        path: the folder, which is made where it is missing.
        size: how many items a row group has at most; fewer where many bytes are held.

    Raises:
        OSError: a file cannot be written, which it names.
    """

    def __init__(self, path: str | os.PathLike[str], *, size: int = 100_000) -> None:
        self.path = Path(path)
        self.path.mkdir(parents=True, exist_ok=True)
        self._size = size
        self._at_once = min(size, _AT_ONCE)
        self._waiting: dict[type[Event | Row], list[Event | Row]] = {}
        self._files: dict[type[Event | Row], _File] = {}
        self._names: set[str] = set()

    def write(self, items: Iterable[Event | Row]) -> None:
        """Write events or rows; some of them later."""
        waiting, at_once = self._waiting, self._at_once
        for item in items:
            kind = type(item)
            some = waiting.get(kind)
            if some is None:
                some = waiting[kind] = []
                self._files[kind] = self._open(kind)
            some.append(item)
            if len(some) >= at_once:
                self._take(kind)

    def close(self) -> None:
        """Write what waits, and close the files; all of them, also where one of them cannot be written."""
        failed: OSError | None = None
        for kind, file in self._files.items():
            try:
                self._take(kind)
                file.close()
            except OSError as error:
                failed = failed or error
        self._files.clear()
        self._waiting.clear()
        if failed is not None:
            raise failed

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # One error of a disk that is full is enough.
        with (
            contextlib.suppress(OSError) if isinstance(error, OSError) else contextlib.nullcontext()
        ):
            self.close()

    def _open(self, kind: type[Event | Row]) -> _File:
        # No name leads out of the folder.
        name = _unique(re.sub(r"[^\w-]+", "_", _name(kind)), self._names)
        self._names.add(name)
        return _File(self.path / f"{name}.parquet", kind)

    def _take(self, kind: type[Event | Row]) -> None:
        """Take what waits of a class into its file, which writes it where it is enough."""
        some, file = self._waiting[kind], self._files[kind]
        if some:
            file.add(record_batch(kind, some))
            some.clear()
        if file.rows >= self._size:
            file.flush()
        elif sum(each.bytes for each in self._files.values()) > _HELD:
            for each in self._files.values():
                each.flush()


def write_rows(
    path: str | os.PathLike[str],
    rows: Iterable[Event | Row],
    kind: type[Event | Row] = ConnectionRow,
    *,
    size: int = 100_000,
) -> None:
    """Write rows of one class as a file of Parquet, as they come; what came before an exception too.

    Args:
        path: the file, which is written anew.
        rows: they. No rows make a file without rows.
        kind: their class; one of events will do.
        size: how many a row group has at most.

    Raises:
        OSError: the file cannot be written, which it names.
        TypeError: a row is of another class.
    """
    file = _File(path, kind)
    try:
        for some in _groups(rows, min(size, _AT_ONCE)):
            file.add(record_batch(kind, some))
            if file.rows >= size or file.bytes > _HELD:
                file.flush()
    except OSError:
        with contextlib.suppress(OSError):
            file.close()
        raise
    except BaseException:
        file.close()
        raise
    file.close()
