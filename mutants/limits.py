"""What tests may take on a mutant, and which of them is running: a plug-in for pytest, `-p mutants.limits`.

What may live here: that. A mutant may wait for ever, or ask for all memory.
"""

from __future__ import annotations

import faulthandler
import resource
import signal
from collections.abc import Generator
from pathlib import Path

import pytest

__all__ = ["RUNNING"]

RUNNING = ".running-test"
"""The file that names the test that runs, or else the last one that ran; in the folder where pytest was started."""

# For one test: of the processor, of which ours take less than five; and for one that waits.
_SECONDS_OF_CPU = 30
_SECONDS = 120
_MEMORY = 8 * 2**30


def pytest_configure() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    _running(item.config, item.nodeid)
    faulthandler.dump_traceback_later(_SECONDS, exit=True)
    signal.setitimer(signal.ITIMER_PROF, _SECONDS_OF_CPU)
    try:
        return (yield)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        faulthandler.cancel_dump_traceback_later()


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if report.failed and collector.nodeid:
        _running(collector.config, collector.nodeid)
    return report


def _running(config: pytest.Config, test: str) -> None:
    folder: Path = config.invocation_params.dir
    (folder / RUNNING).write_text(test)


def pytest_sessionfinish() -> None:
    # Threads and processes that tests have left behind may keep this one from ending.
    faulthandler.dump_traceback_later(_SECONDS, exit=True)
