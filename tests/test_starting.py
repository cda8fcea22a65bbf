"""What a run of the command imports: what it uses, and nothing else. And that what comes late is there all the same."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import events
from tlsgrammar_commands import put_off

from .helpers.command import TLS13

# What a run does not use that prints, as text and not in a terminal, the events of one connection of TLS 1.3 in a pcap.
NOT_USED = {
    "one process reads it": (
        *("multiprocessing", "concurrent.futures", "socket", "selectors", "subprocess"),
        *("events.capture.workers", "events.capture.tasks", "events.capture.shares"),
        *("events.capture.merged", "events.capture.shared", "events.capture.folds", "pickle"),
    ),
    "there is one capture": ("events.capture.many", "events.capture.readable"),
    "it is a file, which is not compressed": (
        *("events.capture.live", "events.capture.compressed", "bz2", "lzma", "events.zstd"),
        *("backports", "compression", "tempfile"),
    ),
    "it is no pcapng": ("events.capture.pcapng",),
    "there is no filter": ("events.capture.filters",),
    "there is no UDP": (
        *("events.datagrams", "tlsgrammar.framing.datagrams", "events.quic", "tlsgrammar.quic"),
        *("events.mapping.quic", "tlsgrammar.framing.packets"),
    ),
    "there is no IPv6": ("ipaddress",),
    "there are no secrets": (
        *("events.secrets", "cryptography", "tlsgrammar.framing.protected"),
        *("tlsgrammar.framing.resync", "tlsgrammar.key_schedule"),
    ),
    "nobody asks for certificates": ("events.certificates", "brotli"),
    "nobody asks for fingerprints": ("events.fingerprints",),
    "nobody asks for rows, or for a report": (
        *("events.rows", "events.capture.rows", "events.cli.connections", "events.report"),
        *("jinja2", "tlsgrammar.picture"),
    ),
    "they are printed as text": (
        *("events.output.json", "events.output.arrow", "events.output.grouped", "events.arrow"),
        *("events.output.zeek", "events.output.separated", "events.output.table", "json", "csv"),
        *("pyarrow", "pandas"),
    ),
    "nobody watches": ("tqdm", "shutil"),
    "it begins as TLS": ("tlsgrammar.framing.search",),
    "nothing in it is malformed": ("tlsgrammar.language.salvage", "difflib", "traceback"),
    "no schema is looked at": (
        *("tlsgrammar.catalogue", "tlsgrammar.language.declaration", "tlsgrammar.language.tree"),
        *("tlsgrammar.language.strategies", "hypothesis", "tlsgrammar.tool.look"),
    ),
    "there are no tests": ("events.testing", "dpkt", "unittest", "doctest"),
    "no other package extends it": ("importlib.metadata", "email", "zipfile"),
    "nobody debugs": ("pdb", "inspect", "dis", "ast", "tokenize"),
    "others do the same": ("typing_extensions", "pkgutil", "dataclasses", "importlib.resources"),
}


_TELL = """if True:
    import atexit, sys
    atexit.register(lambda: print(*sys.modules, file=sys.stderr))
"""
_RUN = "from tlsgrammar_commands import tls_events; tls_events()"


def imported(code: str, *arguments: str) -> set[str]:
    """The modules that an interpreter has imported, once it has run some code."""
    command = [sys.executable, "-c", f"{_TELL}\n{code}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(done.stderr.split())


@cache
def of_a_run() -> set[str]:
    # An environment may import anything as its interpreter starts.
    return imported(_RUN, TLS13) - imported("pass")


@pytest.mark.parametrize("why", NOT_USED)
def test_a_run_imports_nothing_that_it_does_not_use(why: str) -> None:
    found = {
        name
        for name in of_a_run()
        for unused in NOT_USED[why]
        if name == unused or name.startswith(f"{unused}.")
    }
    assert not found


def test_what_a_run_does_not_use_is_still_called_so() -> None:
    ours = [x for names in NOT_USED.values() for x in names if x.startswith(("events", "tlsgr"))]
    assert all(importlib.util.find_spec(name) is not None for name in ours)


def test_a_run_imports_what_it_uses() -> None:
    options = ("--format", "json", "--event", "x509_certificate")
    tls12 = TLS13.replace("tls13", "tls12-ecdhe-rsa")
    assert {"events.certificates", "events.output.json"} <= imported(_RUN, *options, tls12)


# The library


def check(code: str) -> None:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stderr, done.returncode) == ("", 0)


def test_the_library_imports_what_it_is_asked_for() -> None:
    late = {"events.streams", "events.capture.one", "events.output.json", "events.secrets"}
    assert not late & imported("import events")


def test_who_imports_the_library_can_copy_the_registry_at_once() -> None:
    check("""if True:
        import events
        from tlsgrammar.registry import DEFAULT

        copied = DEFAULT.copy()
        analyzer = events.Analyzer(extensions=copied)
        [raised] = analyzer.deliver(bytes.fromhex("15030100020228"), is_orig=True)
        assert raised.name == "ssl_alert", raised
    """)


def test_every_name_is_there() -> None:
    assert [name for name in events.__all__ if not hasattr(events, name)] == []
    check("from events import *\nAnalyzer, SslAlert, QuicAnalyzer, Rows, MODERN")


def test_a_type_checker_is_told_of_the_same_names() -> None:
    """A name that only one of both knows is missing for somebody."""
    tree = ast.parse(Path(events.__file__).read_text())
    guarded = [node for node in tree.body if isinstance(node, ast.If)]
    told = {alias.name for alias in _aliases(guarded)} - {"arrow", "report"}
    assert told == set(events.__all__)


def _aliases(nodes: list[ast.If]) -> list[ast.alias]:
    imports = [each for node in nodes for each in node.body if isinstance(each, ast.ImportFrom)]
    return [alias for each in imports for alias in each.names]


def test_what_is_not_there_is_said_to_be_missing() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Analyser'"):
        events.Analyser  # noqa: B018


def test_the_events_of_the_library_come_before_those_of_a_user_who_begins_with_his_own() -> None:
    check("""if True:
        from events import Event, Connection, raises
        from tlsgrammar import Alert

        class Mine(Event, frozen=True):
            name = "ssl_mine"
            c: Connection

        raises(Mine, Alert)(lambda alert, at: Mine(at.c))

        from events import Analyzer
        raised = Analyzer().deliver(bytes.fromhex("15030100020228"), is_orig=True)
        assert [event.name for event in raised] == ["ssl_alert", "ssl_mine"], raised
    """)


# What stands in the place of modules


def test_what_is_put_off_is_imported_once_it_is_used() -> None:
    sys.modules.pop("colorsys", None)
    with put_off("colorsys"):
        import colorsys as later
    assert "colorsys" not in sys.modules
    import colorsys

    assert colorsys is not later
    assert later.rgb_to_hsv is colorsys.rgb_to_hsv


def test_what_is_put_off_can_be_used_at_once() -> None:
    sys.modules.pop("colorsys", None)
    with put_off("colorsys"):
        from colorsys import rgb_to_hsv
    assert sys.modules["colorsys"].rgb_to_hsv is rgb_to_hsv


def test_what_is_imported_already_is_not_put_off() -> None:
    import colorsys

    with put_off("colorsys"):
        assert sys.modules["colorsys"] is colorsys
    assert sys.modules["colorsys"] is colorsys


def test_who_debugs_in_a_command_has_a_debugger() -> None:
    check("""if True:
        from tlsgrammar_commands import import_libraries
        import_libraries()
        import sys
        assert not {"pdb", "inspect", "typing_extensions"} & sys.modules.keys()
        import pdb, inspect, construct.debug, msgspec
        assert construct.debug.pdb is not pdb
        assert construct.debug.pdb.post_mortem is pdb.post_mortem
        assert "typing_extensions" not in sys.modules
    """)
