"""A network to capture on: a network namespace of its own where that can be had, else the loopback interface of the machine.

What may live here: that, and what runs in it. A namespace is held by a process that waits, and is gone with it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from .processes import LIMIT, sleeps, until

# Brings the loopback interface up, as `ip link set lo up` does where there is ip, and holds the namespace.
_HOLD = """
import fcntl, socket, struct, sys
up = struct.pack("16sh22x", b"lo", 0x1 | 0x40)  # IFF_UP, IFF_RUNNING
fcntl.ioctl(socket.socket(), 0x8914, up)  # SIOCSIFFLAGS
print("up", flush=True)
sys.stdin.read()
"""


class Network(NamedTuple):
    """Where commands run.

    Attributes:
        enter: the beginning of the command line of whatever runs in it.
        is_own: whether nobody else is in it.
    """

    enter: list[str]
    is_own: bool

    def command(self, *arguments: str) -> list[str]:
        """The command line of a command in it."""
        return [*self.enter, *arguments]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        """Run a command in it to its end."""
        return subprocess.run(
            self.command(*arguments), capture_output=True, check=False, timeout=LIMIT
        )


@contextmanager
def a_network() -> Iterator[Network]:
    """A network; tests that need one are skipped where packets cannot be captured."""
    if sys.platform != "linux":
        pytest.skip("captures on Linux")
    pytest.importorskip("pcapy", reason="needs pcapy-ng")
    with _namespace() as network:
        if network is not None:
            yield network
            return
    if not _may_capture():
        pytest.skip("may neither make a network namespace nor capture")
    yield Network([], False)


@contextmanager
def _namespace() -> Iterator[Network | None]:
    if not (shutil.which("unshare") and shutil.which("nsenter")):
        yield None
        return
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    holder = subprocess.Popen(
        ["unshare", *user, "--net", sys.executable, "-c", _HOLD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    try:
        if holder.stdout.readline() != b"up\n":
            yield None
            return
        also = ["--user", "--preserve-credentials"] if user else []
        yield Network(["nsenter", "--target", str(holder.pid), "--net", *also], True)
    finally:
        with suppress(BrokenPipeError):
            holder.stdin.close()
        holder.stdout.close()
        holder.wait(LIMIT)


def _may_capture() -> bool:
    import pcapy

    reader = pcapy.create("lo")
    may: bool = reader.activate() >= 0
    return may


def until_capturing(process: int) -> None:
    """Wait until a process has opened an interface, and waits for packets."""
    until(lambda: _packet_sockets(process) and sleeps(process))


def _packet_sockets(process: int) -> bool:
    """Whether a process has a packet socket: one of those that its network knows."""
    known = {
        line.split()[-1] for line in Path(f"/proc/{process}/net/packet").read_text().splitlines()
    }
    sockets = set()
    for file in Path(f"/proc/{process}/fd").iterdir():
        with suppress(OSError):
            sockets.add(os.readlink(file).removeprefix("socket:[").removesuffix("]"))
    return bool(known & sockets)
