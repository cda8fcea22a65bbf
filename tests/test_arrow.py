"""Events and rows as tables of Arrow and files of Parquet have the values that the objects have, with types, whatever
stands in them; and a DataFrame of the objects themselves has columns.
"""

from __future__ import annotations

import copy
import dataclasses
import enum
import os
import pickle
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import run
from typing import Annotated, Any, ClassVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import events
from events import (
    DOCUMENTED,
    MODERN,
    QUIC,
    ROWS,
    SECRETS,
    STRUCTURES,
    CertificateRow,
    Connection,
    ConnectionRow,
    Event,
    QuicRow,
    Text,
)
from events.declarations import declared_fields
from events.meanings import SecondsSinceEpoch
from events.model import OWN
from tlsgrammar import names

pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
pq = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")

DATA = Path(__file__).parent / "data"
C = Connection(
    uid="C1",
    proto="tcp",
    orig_h="2001:db8::1",
    orig_p=49152,
    resp_h="2001:db8::2",
    resp_p=443,
    start_time=1.25,
)
TIME = pa.timestamp("us", tz="UTC")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
KINDS_OF_ROWS = (ConnectionRow, QuicRow, CertificateRow)


# Those of all events that the library knows.
EVENTS = (*DOCUMENTED, *OWN, *MODERN, *QUIC, *SECRETS, *ROWS, *STRUCTURES)


def types(kind: type[Any]) -> dict[str, Any]:
    return {field.name: field.type for field in events.arrow.schema(kind)}


def values(item: Any) -> dict[str, Any]:
    """What a batch of one item has."""
    [row] = events.arrow.record_batch(type(item), [item]).to_pylist()
    found: dict[str, Any] = row
    return found


# Types


def test_an_event_has_the_types_that_are_declared() -> None:
    assert types(events.SslClientHello) == {
        "ts": TIME,
        "uid": pa.string(),
        "proto": pa.string(),
        "id.orig_h": pa.string(),
        "id.orig_p": pa.uint16(),
        "id.resp_h": pa.string(),
        "id.resp_p": pa.uint16(),
        "start_time": TIME,
        "version": pa.uint32(),
        "possible_ts": TIME,
        "client_random": pa.binary(),
        "session_id": pa.binary(),
        "ciphers": pa.list_(pa.uint32()),
    }


def test_structs_are_structs() -> None:
    psk = types(events.SslExtensionPreSharedKeyClientHello)
    identity = pa.struct([("identity", pa.binary()), ("obfuscated_ticket_age", pa.int64())])
    assert psk["identities"] == pa.list_(identity)
    certificate = types(events.X509Certificate)["certificate"]
    assert certificate.field("san_dns").type == pa.list_(pa.string())
    assert certificate.field("not_valid_after").type == TIME
    assert certificate.field("ca").type == pa.bool_()
    assert certificate.field("exponent").type == pa.string()


def test_rows_have_the_names_of_the_logs() -> None:
    found = types(ConnectionRow)
    assert list(found)[:4] == ["ts", "uid", "id.orig_h", "id.orig_p"]
    assert found["id.orig_p"] == pa.uint16()
    assert found["not_valid_after"] == TIME
    assert found["sni_matches_cert"] == pa.bool_()
    assert found["cert_chain_fps"] == pa.list_(pa.string())
    assert types(CertificateRow)["certificate.not_valid_before"] == TIME
    assert types(CertificateRow)["basic_constraints.path_len"] == pa.int64()


@pytest.mark.parametrize("kind", [*EVENTS, *KINDS_OF_ROWS], ids=lambda kind: kind.__name__)
def test_every_class_has_a_schema_and_an_empty_batch(kind: type[Any], tmp_path: Path) -> None:
    schema = events.arrow.schema(kind)
    batch = events.arrow.record_batch(kind, [])
    assert batch.num_rows == 0
    assert batch.schema == schema
    assert "object" not in str(schema)
    events.arrow.write_rows(tmp_path / "a.parquet", [], kind)
    assert pq.read_schema(tmp_path / "a.parquet").equals(schema)


# Values of captures


def _from_object(value: Any, of: Any) -> Any:
    """A value of an object as Arrow gives one of its type back."""
    if value is None:
        return None
    if of == TIME:
        return EPOCH + timedelta(microseconds=round(value * 10**6))
    if pa.types.is_list(of):
        return [_from_object(item, of.value_type) for item in value]
    if pa.types.is_struct(of):
        return {each.name: _from_object(getattr(value, each.name), each.type) for each in of}
    if of == pa.string() and isinstance(value, bytes):
        return Text().words(value)
    return str(value) if of == pa.string() else value


def _expected(item: Any) -> dict[str, Any]:
    kind: type[Any] = type(item)
    attributes = dict(zip(kind.__struct_encode_fields__, kind.__struct_fields__, strict=True))
    expected = {}
    for field in events.arrow.schema(kind):
        name = field.name
        of = item if name in attributes else item.c
        attribute = attributes.get(name, name.removeprefix("id."))
        expected[name] = _from_object(getattr(of, attribute), field.type)
    return expected


def all_events() -> Iterator[Event]:
    for path in sorted([*DATA.glob("*.pcap"), *DATA.glob("*/*.pcap"), *DATA.glob("*/*.gz")]):
        yield from events.read_capture(path, wanted=events.known_events())


def test_the_events_of_captures_come_back() -> None:
    by_name: dict[str, list[Event]] = {}
    for event in all_events():
        by_name.setdefault(event.name, []).append(event)
    assert len(by_name) > 30
    tables = events.arrow.tables([each for some in by_name.values() for each in some], size=100)
    assert list(tables) == list(by_name)
    for name, table in tables.items():
        assert table.to_pylist() == [_expected(event) for event in by_name[name]]


@pytest.mark.parametrize("kind", KINDS_OF_ROWS)
def test_the_rows_of_captures_come_back(kind: type[Any], tmp_path: Path) -> None:
    paths = sorted([*DATA.glob("*.pcap"), *DATA.glob("*/*.pcap")])
    rows = list(events.read_connections(paths, kinds=[kind]))
    path = tmp_path / "rows.parquet"
    events.arrow.write_rows(path, iter(rows), kind, size=7)
    assert rows
    assert pq.read_table(path).to_pylist() == [_expected(row) for row in rows]
    assert pq.ParquetFile(path).metadata.num_row_groups == -(-len(rows) // 7)
    assert pq.ParquetFile(path).metadata.row_group(0).column(0).compression == "ZSTD"


@given(st.lists(st.integers(0, 3)))
def test_connections_stay_with_their_events(order: list[int]) -> None:
    """However they come: a connection that is the one before is made a value once only."""
    connections = [Connection(uid=f"C{index}") for index in range(3)]
    some: list[Any] = [*connections, None]
    batch = events.arrow.record_batch(
        events.SslEstablished, [events.SslEstablished(c=some[index]) for index in order]
    )
    uids = [None if index == 3 else f"C{index}" for index in order]
    assert batch.column("uid").to_pylist() == uids


# Values that do not fit


@pytest.mark.parametrize(
    ("ts", "expected"),
    [
        (1700000000.123456, datetime(2023, 11, 14, 22, 13, 20, 123456, tzinfo=UTC)),
        (-1, datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (253402300799, datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (253402300800, None),
        (1e300, None),
        (10**400, None),
        (float("nan"), None),
        (float("-inf"), None),
        ("x", None),
        (None, None),
    ],
)
def test_a_time_that_is_none_is_null(ts: Any, expected: datetime | None) -> None:
    event = events.SslEstablished(c=C, ts=ts)
    assert values(event)["ts"] == expected
    usual = events.SslEstablished(c=C, ts=0.0)
    batch = events.arrow.record_batch(events.SslEstablished, [usual, event, usual])
    assert batch.column("ts").to_pylist() == [EPOCH, expected, EPOCH]


class Level(enum.IntEnum):
    FATAL = 2


class Tree(msgspec.Struct):
    name: str
    below: list[Tree]


class Nothing(msgspec.Struct):
    pass


@dataclass
class Plain:
    data: bytes
    level: Annotated[int, names.ALERT_LEVELS]


class Hostile(list[int]):
    def __iter__(self) -> Iterator[int]:
        raise TypeError("no")

    def __str__(self) -> str:
        raise ValueError("no")


class Users(Event, frozen=True):
    """One with everything that a user may declare, and some names that are taken."""

    name: ClassVar[str] = "../users::event"
    c: Connection
    uid: int = 1
    number: int = 2
    level: Annotated[int, names.ALERT_LEVELS] = 3
    flag: bool = True
    ratio: float = 0.5
    text: str = "a"
    data: bytes = b"\xff"
    word: Annotated[bytes, Text] = b"\xff"
    since: Annotated[float, SecondsSinceEpoch] | None = 1.5
    perhaps: int | None = 4
    levels: frozenset[int] = frozenset([5])
    pairs: tuple[tuple[int, ...], ...] = ((1, 2), ())
    either: int | str = "b"
    enumerated: Level = Level.FATAL
    by_name: dict[str, int] = msgspec.field(default_factory=lambda: {"a": 1})
    tree: Tree = msgspec.field(default_factory=lambda: Tree("a", [Tree("b", [])]))
    plain: Plain = msgspec.field(default_factory=lambda: Plain(b"\1", 2))
    nothing: Nothing = msgspec.field(default_factory=Nothing)
    anything: Any = b"\2"
    unknown: OnlyForTypeCheckers = None  # type: ignore[name-defined]  # noqa: F821


def test_a_users_event_has_columns(tmp_path: Path) -> None:
    found = values(Users(c=C))
    for name in ("ts", "proto", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "start_time"):
        del found[name]
    assert found == {
        "uid": "C1",
        "uid_": 1,
        "number": 2,
        "level": 3,
        "flag": True,
        "ratio": 0.5,
        "text": "a",
        "data": b"\xff",
        "word": "\\xff",
        "since": EPOCH + timedelta(seconds=1.5),
        "perhaps": 4,
        "levels": [5],
        "pairs": [[1, 2], []],
        "either": '"b"',
        "enumerated": 2,
        "by_name": '{"a":1}',
        "tree": {"name": "a", "below": ['{"name":"b","below":[]}']},
        "plain": {"data": b"\1", "level": 2},
        "nothing": "{}",
        "anything": '"02"',
        "unknown": None,
    }
    with events.arrow.ParquetFolder(tmp_path) as folder:
        folder.write([Users(c=C)])
    assert os.listdir(tmp_path) == ["_users_event.parquet"]
    assert pq.read_table(tmp_path / "_users_event.parquet").num_rows == 1


ODD = [
    *(None, True, -1, 2**63, 2**4000, 10**5000, 0.5, float("nan"), 1e300, "x", "\ud800", b"\xff"),
    *(bytearray(b"a"), memoryview(b"b"), [], [1, "a", None], (b"x",), {1: 2}, {"a": b"b"}, {3}),
    *(object(), Hostile([1]), Level.FATAL, Tree("a", []), Plain(b"", 1), C, range(3), int, UTC),
]


@pytest.mark.parametrize("value", ODD, ids=lambda value: type(value).__name__)
def test_no_value_raises(value: Any) -> None:
    """Beside values that are as declared, which stay what they are."""
    usual = Users(c=C)
    odd = Users(**dict.fromkeys(Users.__struct_fields__, value))
    batch = events.arrow.record_batch(Users, [usual, odd, usual])
    batch.validate(full=True)
    first, _, last = batch.to_pylist()
    assert first == last == values(usual)


def test_integers_beyond_64_bits_are_null_and_those_that_may_be_so_large_are_text() -> None:
    assert values(Users(c=C, number=2**63, level=2**32))["number"] is None
    assert values(Users(c=C, number=2**63 - 1))["number"] == 2**63 - 1
    info = events.CertificateInfo(exponent=2**4000 + 1)
    event = events.X509Certificate(c=C, is_orig=False, index=0, certificate=info, der=b"")
    assert values(event)["certificate"]["exponent"] == str(2**4000 + 1)


def test_a_name_on_the_wire_has_the_escapes_of_text() -> None:
    event = events.SslExtensionServerName(c=C, is_orig=True, names=[b"a\0\\", b"\xff", b""])
    assert values(event)["names"] == ["a\\x00\\\\", "\\xff", ""]


# Batches and tables


def hellos(count: int) -> Iterator[Event]:
    return (events.SslEstablished(c=C, ts=float(index)) for index in range(count))


def test_batches_come_as_they_are_full() -> None:
    some = events.arrow.batches(hellos(5), size=2)
    assert [batch.num_rows for batch in some] == [2, 2, 1]
    assert list(events.arrow.batches([])) == []


def test_batches_are_of_one_class() -> None:
    both = [*hellos(1), events.SslChangeCipherSpec(c=C, is_orig=True)]
    with pytest.raises(TypeError, match="SslEstablished takes no SslChangeCipherSpec"):
        list(events.arrow.batches(both))
    assert list(events.arrow.tables(both)) == ["ssl_established", "ssl_change_cipher_spec"]


# Parquet


def test_a_folder_has_a_file_for_each_class(tmp_path: Path) -> None:
    capture = DATA / "quic" / "aioquic-v1.pcap"
    wanted = events.known_events()
    folder = events.arrow.ParquetFolder(tmp_path / "new" / "folder", size=2)
    with folder:
        folder.write(events.read_capture(capture, wanted=wanted))
        folder.write(events.read_connections(capture))
    files = {path.name: pq.ParquetFile(path) for path in folder.path.iterdir()}
    assert {"QUIC_initial_packet.parquet", "ssl_client_hello.parquet", "ssl.parquet"} <= {*files}
    counts: dict[str, int] = {}
    for event in events.read_capture(capture, wanted=wanted):
        counts[event.name.replace("::", "_")] = counts.get(event.name.replace("::", "_"), 0) + 1
    for name, count in counts.items():
        metadata = files[f"{name}.parquet"].metadata
        assert (metadata.num_rows, metadata.num_row_groups) == (count, -(-count // 2))


def test_classes_of_one_name_have_a_file_each(tmp_path: Path) -> None:
    class Other(Event, frozen=True):
        name: ClassVar[str] = "ssl_established"

    with events.arrow.ParquetFolder(tmp_path) as folder:
        folder.write([*hellos(1), Other(c=C)])
    assert sorted(os.listdir(tmp_path)) == ["ssl_established-2.parquet", "ssl_established.parquet"]


def test_what_came_before_an_exception_is_written(tmp_path: Path) -> None:
    def broken() -> Iterator[Event]:
        yield from hellos(3)
        raise events.CaptureError("a.pcap", "it ends here")

    with pytest.raises(events.CaptureError), events.arrow.ParquetFolder(tmp_path) as folder:
        folder.write(broken())
    assert pq.read_table(tmp_path / "ssl_established.parquet").num_rows == 3
    with pytest.raises(events.CaptureError):
        events.arrow.write_rows(tmp_path / "a.parquet", broken(), events.SslEstablished)
    assert pq.read_table(tmp_path / "a.parquet").num_rows == 3


def test_a_row_of_another_class(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="ConnectionRow takes no QuicRow"):
        events.arrow.write_rows(tmp_path / "a.parquet", [QuicRow()])


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        events.arrow.write_rows(tmp_path / "none" / "a.parquet", [])
    assert caught.value.filename == str(tmp_path / "none" / "a.parquet")
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        events.arrow.ParquetFolder(tmp_path / "file")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no disk that is always full")
@pytest.mark.parametrize("count", [1, 50_000])
@pytest.mark.filterwarnings("error")
def test_a_full_disk_is_told_of_once_with_the_file(tmp_path: Path, count: int) -> None:
    path = tmp_path / "ssl_established.parquet"
    path.symlink_to("/dev/full")
    folder = events.arrow.ParquetFolder(tmp_path, size=10_000)
    with pytest.raises(OSError, match="No space left") as caught, folder:
        folder.write([events.SslChangeCipherSpec(c=C, is_orig=True), *hellos(count)])
    assert caught.value.filename == str(path)
    # The other file is complete.
    assert pq.read_table(tmp_path / "ssl_change_cipher_spec.parquet").num_rows == 1
    with pytest.raises(OSError, match="No space left") as caught:
        events.arrow.write_rows(path, hellos(count), events.SslEstablished)
    assert caught.value.filename == str(path)


MANY = """
import resource, sys, events

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

def rows(count):
    for index in range(count):
        yield events.ConnectionRow(
            ts=index / 7, uid=f"C{index:017}", orig_h=f"192.0.2.{index % 256}", orig_p=index % 65536,
            server_name=f"{index}.example", cert_chain_fps=(f"{index:064x}", f"{index % 9:064x}"),
        )

events.arrow.write_rows(sys.argv[1], rows(5_000))
before = peak()
events.arrow.write_rows(sys.argv[1], rows(int(sys.argv[2])))
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is in other units")
def test_many_rows_are_written_in_bounded_memory(tmp_path: Path) -> None:
    """As objects these would be 200 MB."""
    path = tmp_path / "rows.parquet"
    done = run(
        [sys.executable, "-c", MANY, str(path), "200000"],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert int(done.stdout) < 100
    assert pq.ParquetFile(path).metadata.num_rows == 200_000


# Importing


def test_pyarrow_is_imported_by_whom_uses_it() -> None:
    code = (
        "import sys, events; dir(events); assert 'pyarrow' not in sys.modules; events.arrow.batches"
    )
    run([sys.executable, "-c", code], check=True)


def test_without_pyarrow_the_error_says_what_to_install() -> None:
    code = "import sys; sys.modules['pyarrow'] = None; from events import *; import events; events.arrow"
    done = run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "pip install pyarrow" in done.stderr


# DataFrames of the objects themselves


@pytest.mark.parametrize(
    "kind",
    [*EVENTS, *KINDS_OF_ROWS, Connection, events.CertificateInfo],
    ids=lambda kind: kind.__name__,
)
def test_structs_look_like_dataclasses(kind: Any) -> None:
    fields = [field.name for field in dataclasses.fields(kind)]
    assert sorted(fields) == sorted(kind.__struct_fields__)
    assert set(fields) == set(declared_fields(kind))
    assert "ts" not in fields or fields[0] == "ts"


def test_a_struct_is_what_it_was() -> None:
    event = events.SslAlert(c=C, is_orig=True, level=2, desc=40)
    assert dataclasses.asdict(event)["c"]["uid"] == "C1"
    assert dataclasses.replace(event, level=1).level == 1
    assert pickle.loads(pickle.dumps(event)) == event == copy.deepcopy(event)
    assert msgspec.json.encode(C).startswith(b'{"uid":"C1"')
    assert "__dataclass_fields__" not in repr(event)
    assert not hasattr(event, "__dict__")


def _alerts() -> list[Event]:
    return [events.SslAlert(c=C, is_orig=True, level=2, desc=desc) for desc in (40, 42)]


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_data_frame_of_events_and_rows_has_their_columns(library: str) -> None:
    frames = pytest.importorskip(library, reason=f"{library} is not installed")
    frame = frames.DataFrame(_alerts())
    assert list(frame.columns) == ["ts", "c", "is_orig", "level", "desc"]
    assert list(frame["desc"]) == [40, 42]
    assert frame["c"][0]["uid"] == "C1"
    rows = list(events.read_connections(sorted(DATA.glob("*.pcap"))))
    frame = frames.DataFrame(rows)
    assert list(frame["established"]) == [row.established for row in rows]
    assert list(frame["uid"]) == [row.uid for row in rows]


def test_pandas_takes_tables() -> None:
    pytest.importorskip("pandas", reason="pandas is not installed")
    frame = events.arrow.tables(_alerts())["ssl_alert"].to_pandas()
    assert list(frame["desc"]) == [40, 42]
    assert str(frame["start_time"].dtype).startswith("datetime64[us, UTC")


def test_polars_takes_tables() -> None:
    polars = pytest.importorskip("polars", reason="polars is not installed")
    frame = polars.from_arrow(events.arrow.tables(_alerts())["ssl_alert"])
    assert frame.filter(polars.col("desc") == 42).height == 1


def test_duckdb_reads_a_folder(tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb", reason="duckdb is not installed")
    with events.arrow.ParquetFolder(tmp_path) as folder:
        folder.write(events.read_capture(DATA / "tls13.pcap"))
    found = duckdb.sql(
        f"select h.uid, n.names[1] from '{tmp_path}/ssl_server_hello.parquet' h "
        f"join '{tmp_path}/ssl_extension_server_name.parquet' n using (uid)"
    ).fetchall()
    assert [name for _, name in found] == ["server.example"]
