"""Run the benchmarks, print the table, and write it to `RESULTS.md` beside this file.

    python -m benchmarks.make_captures
    python -m benchmarks [--runs N] [--only WORD]

Every figure is taken in one run on one machine, ours and theirs in turn; a ratio is the median of those of the
pairs. Needs the extras `bench` and `cli`, and tshark.
"""

from __future__ import annotations

import argparse
import os
import platform
import shlex
import shutil
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import NamedTuple

import events
import tlsgrammar

from .connections import write_larger
from .make_captures import DEFAULT_FOLDER, contexts, talk
from .pairs import Pair, finish, peak_of_all, processes
from .parsing import against_handwritten, against_peers
from .sharing import shared_time
from .starting import starts

RESULTS = Path(__file__).parent / "RESULTS.md"
HANDSHAKES, BULK, QUIC, SECRETS = (
    DEFAULT_FOLDER / f"{name}.pcap" for name in ("handshakes", "bulk", "quic", "secrets")
)
# As the scripts do that an installer makes.
_COMMAND = "import tlsgrammar_commands as commands; commands."
TLS_EVENTS = [sys.executable, "-c", f"{_COMMAND}tls_events()", "--format", "json"]
TLS_CONNECTIONS = [sys.executable, "-c", f"{_COMMAND}tls_connections()"]
_HANDSHAKE_TYPES = ["-Y", "tls.handshake", "-T", "fields", "-e", "tls.handshake.type"]
MODES = {
    "default": [],
    "all records to the end": ["--no-disable-analyzer-after-detection"],
}


class Row(NamedTuple):
    """One line of the table."""

    what: str
    against: str
    figure: str
    target: str


def _parsing(runs: int) -> Iterator[Row]:
    for what, pair in against_handwritten():
        yield Row(f"parse a {what}", "hand-written", _times(pair, 1e6, "us"), "1.5")
    for name, pair in against_peers():
        yield Row("parse a ClientHello", name, _times(pair, 1e6, "us"), "1")


def _captures(runs: int) -> Iterator[Row]:
    tshark = shutil.which("tshark")
    if tshark is None:
        print("benchmarks: no tshark here, its rows are left out", file=sys.stderr)
        return
    fields = _HANDSHAKE_TYPES
    for capture, target in ((HANDSHAKES, "0.7"), (BULK, "0.3")):
        for mode, options in MODES.items():
            pair, peak = processes(
                [*TLS_EVENTS, *options, str(capture)], [tshark, "-r", str(capture), *fields], runs
            )
            what = f"{capture.stem}, {mode}; our peak {peak:.0f} MB"
            yield Row(what, _tshark_version(), _times(pair, 1, "s"), target)
    keylog = SECRETS.with_suffix(".log")
    command = [*TLS_EVENTS, "--keylog", str(keylog), "--event", "ssl_decrypted_data"]
    data = ["-o", f"tls.keylog_file:{keylog}", "-Y", "tls.app_data", "-T", "fields"]
    # tshark prints what it decrypts as `data.data`, where no other protocol takes it.
    reader = [tshark, "-r", str(SECRETS), *data, "-e", "data.data", "-e", "http.file_data"]
    pair, peak = processes([*command, str(SECRETS)], reader, runs)
    what = f"bulk decryption, AES-128-GCM, to hexadecimal; our peak {peak:.0f} MB"
    yield Row(what, _tshark_version(), _times(pair, 1, "s"), "1")
    command = [*TLS_EVENTS, "--keylog", str(keylog), str(SECRETS)]
    handshakes = ["-o", f"tls.keylog_file:{keylog}", *fields]
    pair, peak = processes(command, [tshark, "-r", str(SECRETS), *handshakes], runs)
    what = f"bulk decryption, AES-128-GCM, handshakes printed; our peak {peak:.0f} MB"
    yield Row(what, _tshark_version(), _times(pair, 1, "s"), "1")
    command = [*TLS_EVENTS, "--all-events", str(QUIC)]
    pair, peak = processes(command, [tshark, "-r", str(QUIC), "-Y", "quic", *fields[2:]], runs)
    what = f"QUIC handshakes, all events; our peak {peak:.0f} MB"
    yield Row(what, _tshark_version(), _times(pair, 1, "s"), "0.5")


# The fields of a row, as far as tshark has them.
_FIELDS_OF_ROW = [
    "frame.time_epoch",
    "ip.src",
    "tcp.srcport",
    "ip.dst",
    "tcp.dstport",
    "tls.handshake.type",
    "tls.handshake.version",
    "tls.handshake.ciphersuite",
    "tls.handshake.extensions_key_share_group",
    "tls.handshake.server_named_curve",
    "tls.handshake.extensions_server_name",
    "tls.handshake.extensions_alpn_str",
    "tls.handshake.session_id",
    "tls.alert_message.desc",
    "tls.record.content_type",
    "tls.handshake.ja3",
    "tls.handshake.ja3s",
    "tls.handshake.extensions.supported_version",
    "x509af.notAfter",
    "x509sat.uTF8String",
    "x509ce.dNSName",
]


def _rows(runs: int) -> Iterator[Row]:
    tshark = shutil.which("tshark")
    with tempfile.TemporaryDirectory() as folder:
        capture = Path(folder) / "handshakes.pcap"
        write_larger(HANDSHAKES, capture, 8)
        rows = [*TLS_CONNECTIONS, "--format", "json", str(capture)]
        if tshark is not None:
            fields = [x for field in _FIELDS_OF_ROW for x in ("-e", field)]
            reader = [tshark, "-r", str(capture), "-Y", "tls", "-T", "fields", *fields]
            pair, peak = processes(rows, reader, max(runs // 3, 1))
            what = f"16,000 connections as rows of JSON; our peak {peak:.0f} MB"
            yield Row(what, _tshark_version(), _times(pair, 1, "s"), "0.5")
        tables = Path(folder) / "tables"
        parquet = [*TLS_EVENTS[:-1], "parquet", "-o", str(tables), str(capture)]
        lines = [*TLS_EVENTS, str(capture)]
        pair, peak = processes(parquet, lines, max(runs // 3, 1))
        what = f"events of 16,000 connections as Parquet; our peak {peak:.0f} MB"
        yield Row(what, "as JSON", _times(pair, 1, "s"), "1.3")
        size = sum(path.stat().st_size for path in tables.iterdir())
        as_json = len(subprocess.run(lines, capture_output=True, check=True).stdout)
        figure = f"{size / as_json:.3f} ({size / 1e6:.1f} MB / {as_json / 1e6:.1f} MB)"
        yield Row("their size", "as JSON", figure, "0.1")


def _report(runs: int) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        html = [*TLS_CONNECTIONS, "--html", str(page), str(HANDSHAKES)]
        rows = [*TLS_CONNECTIONS, "--format", "json", str(HANDSHAKES)]
        pair, peak = processes(html, rows, runs)
        what = f"report of 2,000 connections, 200 in detail; our peak {peak:.0f} MB"
        yield Row(what, "their rows as JSON", _times(pair, 1, "s"), "2")
        yield Row("its size", "", f"{page.stat().st_size / 1e6:.2f} MB", "5 MB")


def _tshark_version() -> str:
    version = subprocess.run(["tshark", "--version"], capture_output=True, text=True, check=True)
    return " ".join(version.stdout.split()[:3]).strip(".")


def _quic(runs: int) -> Iterator[Row]:
    # Here, because a process that is started by one with much in memory counts that as its own peak.
    from .quic import against_its_message, against_tls

    pair = against_its_message()
    more = (pair.ours - pair.theirs) * 1e6
    what = "an Initial packet with its keys, on top of its ClientHello"
    yield Row(what, "", f"{more:.0f} us", "100 us")
    with tempfile.TemporaryDirectory() as folder:
        tls = talk(*contexts(Path(folder), ssl.TLSVersion.TLSv1_3), 1000)
    pair = against_tls(tls)
    yield Row("a packet of an established QUIC connection", "of TLS", _times(pair, 1e6, "us"), "1")


def _many_connections(runs: int) -> Iterator[Row]:
    module = [sys.executable, "-m", "benchmarks.connections"]
    kept = _output([*module, "memory", str(HANDSHAKES), "10000"]).split()
    for mode, figure in zip(MODES, kept, strict=True):
        what = f"memory for each open connection, established, {mode}"
        yield Row(what, "", f"{float(figure):.0f} bytes", "2048")
    with tempfile.TemporaryDirectory() as folder:
        larger = Path(folder) / "larger.pcap"
        write_larger(HANDSHAKES, larger, 25)
        costs: tuple[list[float], list[float]] = ([], [])
        for _ in range(3):
            for costs_of, capture in zip(costs, (HANDSHAKES, larger), strict=True):
                seconds, count = _output([*module, "time", str(capture)]).split()
                costs_of.append(float(seconds) / int(count))
        small, large = (statistics.median(each) for each in costs)
        lines = f"{1 / small:,.0f} a second"
        yield Row("events from read_capture, one core", "", _event_rate(), "150,000")
        yield Row("the same as JSON lines", "", lines, "")
        yield Row(
            "cost of an event, 50,000 connections",
            "2,000 connections",
            f"{large / small:.2f}",
            "1.1",
        )
        write_larger(HANDSHAKES, larger, 50)
        peak = finish([*TLS_EVENTS, str(larger)]).peak
        yield Row("peak, capture of 100,000 connections", "", f"{peak:.0f} MB", "300")
        write_larger(QUIC, larger, 50)
        peak = finish([*TLS_EVENTS, str(larger)]).peak
        yield Row("peak, capture of 100,000 QUIC connections", "", f"{peak:.0f} MB", "300")


def _event_rate() -> str:
    rates = []
    for _ in range(5):
        begin = time.process_time()
        count = sum(1 for _ in events.read_capture(HANDSHAKES))
        rates.append(count / (time.process_time() - begin))
    return f"{statistics.median(rates):,.0f} a second"


def _reading(runs: int) -> Iterator[Row]:
    # Here, as above.
    from .reading import against_libpcap, count, write_pcapng

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "made.pcapng"
        try:
            write_pcapng(path, HANDSHAKES, BULK)
        except FileNotFoundError as error:
            print(f"benchmarks: {error}, its row is left out", file=sys.stderr)
            return
        what = f"read a packet of pcapng, {count(path):,} of mixed size"
        yield Row(what, "libpcap", _times(against_libpcap(path), 1e6, "us"), "1.5")


def _jobs(runs: int) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        copies = []
        for index in range(8):
            copies.append(shutil.copy(HANDSHAKES, Path(folder) / f"{index}.pcap"))
        one, two = ([*TLS_EVENTS, "-j", jobs, *map(str, copies)] for jobs in "12")
        pair, _ = processes(one, two, max(runs // 3, 1))
        yield Row("eight captures, -j 1", "-j 2", _times(pair, 1, "s"), "at least 1.7")
        for copy in copies[1:]:
            Path(copy).unlink()
        yield from _one_capture(runs, Path(folder))


def _one_capture(runs: int, folder: Path) -> Iterator[Row]:
    capture, half = folder / "16000.pcap", folder / "8000.pcap"
    write_larger(HANDSHAKES, capture, 8)
    write_larger(HANDSHAKES, half, 4)
    what = "one capture of 16,000 handshakes"
    one, two = ([*TLS_EVENTS, "-j", jobs, str(capture)] for jobs in "12")
    pair, _ = processes(one, two, runs)
    yield Row(f"{what}, -j 1", "-j 2", _times(pair, 1, "s"), "at least 1.7")
    of_half = shlex.join([*TLS_EVENTS, str(half)])
    pair, _ = processes(one, ["sh", "-c", f"{of_half} & {of_half} & wait"], runs)
    against = "two of 8,000 at once, in processes that know nothing of each other"
    yield Row(f"{what}, -j 1", against, _times(pair, 1, "s"), "")
    tshark = shutil.which("tshark")
    if tshark is not None:
        pair, _ = processes(two, [tshark, "-r", str(capture), *_HANDSHAKE_TYPES], runs)
        yield Row(f"{what}, -j 2", _tshark_version(), _times(pair, 1, "s"), "0.4")
    yield Row(f"{what}, -j 2, peak of all processes", "", f"{peak_of_all(two):.0f} MB", "200")
    of_two, of_one = (shared_time(capture, count) for count in (2, 1))
    figure = f"{2 * of_two / of_one - 1:.3f} ({of_two:.3g} s / {of_one:.3g} s)"
    yield Row("what each process does for the packets of others", "for its own", figure, "")


def _starting(runs: int) -> Iterator[Row]:
    for start in starts(max(runs, 20)):
        what = f"{start.what}; our peak {start.peak:.0f} MB"
        yield Row(what, start.against, _times(start.pair, 1e3, "ms"), start.target)


def _output(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _times(pair: Pair, scale: float, unit: str) -> str:
    return f"{pair.ratio:.3g} ({pair.ours * scale:.3g} {unit} / {pair.theirs * scale:.3g} {unit})"


PARTS: dict[str, Callable[[int], Iterator[Row]]] = {
    "captures": _captures,
    "quic": _quic,
    "connections": _many_connections,
    "rows": _rows,
    "report": _report,
    "jobs": _jobs,
    "reading": _reading,
    "starting": _starting,
    # Last: a process that is started by one with all these libraries in memory counts them as its own peak.
    "parsing": _parsing,
}


def _machine() -> str:
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text().splitlines()
        model = next(
            (x.partition(":")[2].strip() for x in lines if x.startswith("model name")), model
        )
    return (
        f"{os.cpu_count()} cores, {model}; Python {platform.python_version()}, {platform.system()}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--runs", type=int, default=9, help="pairs of processes (default 9)")
    parser.add_argument("--only", choices=PARTS, help="one part, and leave RESULTS.md alone")
    options = parser.parse_args()
    heads = [
        "# Benchmarks",
        "",
        f"tlsgrammar {tlsgrammar.__version__}, {date.today()}; {_machine()}.",
        "Written by `python -m benchmarks`. Below 1: we take less time. In brackets: ours and theirs.",
        "",
        "| what | against | figure | target |",
        "| --- | --- | --- | --- |",
    ]
    print("\n".join(heads), flush=True)
    lines = []
    for name, part in PARTS.items():
        if options.only in (None, name):
            for row in part(options.runs):
                lines.append(f"| {' | '.join(row)} |")
                print(lines[-1], flush=True)
    if options.only is None:
        RESULTS.write_text("\n".join([*heads, *lines]) + "\n")


if __name__ == "__main__":
    main()
