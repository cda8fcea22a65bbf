"""Opening an interface: its packets as they come, and how many were lost.

What may live here: what libpcap is asked for, and when packets are given out. What becomes of them is the same as with those
of files.

Goal: packets are given out within a tenth of a second, an idle interface costs nothing, and a capture ends soon after it is
asked to, with all that had arrived by then.

Plan: libpcap never waits. What has arrived is read until there is no more; then we wait for its file descriptor, for a
short time. Where nothing comes, a packet without bytes is given out each second. It is no packet to those who decode it, but
it has a time, so that whatever waits for time to pass hears of it.

Traps: libpcap may wait for the first packet for ever, whatever its timeout is. The loopback interface shows each packet twice
to the kernel, and once to us: so the packets are counted here, and only those that were dropped are counted by the kernel.
"""

from __future__ import annotations

import os
import shlex
import socket
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

from .filters import does_not_compile
from .libpcap import SNAP_LEN, libpcap, packets_of
from .packets import Batch, Capture, CaptureError

__all__ = ["Interface", "Statistics", "list_interfaces", "open_interface"]

_WHO_NEEDS = "live capture needs"
# So much the kernel keeps of what has not been read: some seconds of a busy link, in bytes.
_BUFFER = 32 * 2**20
# Packets wait in the kernel for others to come with them for so long, in seconds, and we for them.
_TOGETHER = 0.05
_WAIT = 0.1
# After so many seconds without packets those who wait for time to pass are told of it.
_TICK = 1.0
# A capture that is asked to end reads what has arrived by then, but for no longer than this, in seconds.
_PATIENCE = 1.0
_BATCH = 256

# What libpcap returns where it cannot open an interface (pcap/pcap.h).
_NO_SUCH_DEVICE, _NOT_PERMITTED, _IS_DOWN, _NO_PROMISCUOUS_MODE = -5, -8, -9, -11
# Of more interfaces than these only the first are named.
_MANY = 12


class Statistics(NamedTuple):
    """How many packets there were.

    Attributes:
        packets: that were read.
        dropped: that the kernel dropped, because they were not read soon enough.
        dropped_by_interface: that the interface or its driver dropped, where they say so.
    """

    packets: int
    dropped: int
    dropped_by_interface: int

    def __str__(self) -> str:
        noun = "packet" if self.packets == 1 else "packets"
        line = f"{self.packets:,} {noun}, {self.dropped:,} dropped by the kernel"
        if self.dropped_by_interface:
            line += f", {self.dropped_by_interface:,} by the interface"
        return line


def list_interfaces() -> list[str]:
    """The names of the interfaces that `capture_live` may be asked for, in libpcap's order; `any` is all of them.

    Raises:
        CaptureError: the system does not tell.
        ImportError: pcapy-ng is not installed.
    """
    pcapy = libpcap(_WHO_NEEDS)
    try:
        return list(pcapy.findalldevs())
    except pcapy.PcapError as error:
        raise CaptureError("interfaces", str(error)) from None


class Interface(Capture):
    """An interface, open. Its batches end when it is asked to.

    Attributes:
        statistics: of the packets so far.
    """

    __slots__ = ("_count", "_dropped", "_name", "_packets", "_reader", "_stop", "_stop_ts")

    def __init__(self, name: str, reader: Any, count: int | None, duration: float | None) -> None:
        super().__init__(self._end, reader.datalink())
        self._name = name
        self._reader = reader
        self._count = count
        self._packets = 0
        self._dropped = (0, 0)
        # When it ends, by the clock that never jumps, and by that which packets have their times from.
        self._stop = self._stop_ts = float("inf")
        if duration is not None:
            self._stop, self._stop_ts = time.monotonic() + duration, time.time() + duration
        self.batches = self._to_the_end()

    @property
    def statistics(self) -> Statistics:
        if self._reader is not None:
            _, *dropped = self._reader.stats()
            self._dropped = tuple(dropped)
        return Statistics(self._packets, *self._dropped)

    def stop(self) -> None:
        """Ask it to end, from a signal handler or another thread: with the packets that have arrived by now."""
        self._stop_ts = min(self._stop_ts, time.time())
        self._stop = min(self._stop, time.monotonic())

    def _end(self) -> None:
        if self._reader is not None:
            _ = self.statistics  # the last ones
            self._reader.close()
            self._reader = None

    def _to_the_end(self) -> Iterator[Batch]:
        import pcapy

        try:
            yield from self._arriving()
        except pcapy.PcapError as error:
            raise CaptureError(self._name, str(error)) from None
        finally:
            self._end()

    def _arriving(self) -> Iterator[Batch]:
        read = self._reader.next_batch
        link_type = self._reader.datalink()
        wait = _waiting_for(self._reader.getfd())
        heard = time.monotonic()
        while True:
            left = _BATCH if self._count is None else min(self._count - self._packets, _BATCH)
            if left <= 0:
                return
            data, meta = read(left)
            now = time.monotonic()
            if meta:
                batch = packets_of(data, meta)
                ends = now > self._stop + _PATIENCE or batch[-1][0] > self._stop_ts
                if ends:
                    batch = [packet for packet in batch if packet[0] <= self._stop_ts]
                self._packets += len(batch)
                yield link_type, batch
                if ends:
                    return
                heard = now
                continue
            if now > self._stop + _WAIT:
                return
            if now - heard >= _TICK:
                heard = now
                yield link_type, [(time.time(), b"")]
            wait()


def _waiting_for(fd: int) -> Callable[[], object]:
    """What waits until there is something to read, or for a short time."""
    if fd < 0:  # a few kinds of interfaces have none
        return partial(time.sleep, _TOGETHER)
    import select

    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return partial(poll.poll, _WAIT * 1000)


def open_interface(
    name: str,
    *,
    expression: str | None = None,
    snaplen: int = SNAP_LEN,
    promiscuous: bool = True,
    count: int | None = None,
    duration: float | None = None,
) -> Interface:
    """Open an interface; `any` is all of them.

    Args:
        name: the interface.
        expression: which packets are captured, in the language of libpcap; all where it is None.
        snaplen: how many bytes of each packet are captured.
        promiscuous: whether packets are captured too that are for other machines.
        count: after how many packets it ends.
        duration: after how many seconds it ends.

    Raises:
        CaptureError: there is no such interface, it may not be captured from, or the filter does not compile. By its
            batches: the interface went down.
        ImportError: pcapy-ng is not installed.
    """
    pcapy = libpcap(_WHO_NEEDS)
    if sys.platform == "win32":
        raise CaptureError(name, f"there is no live capture on Windows; {_piped(name)}")
    try:
        reader = _activated(name, snaplen, promiscuous)
    except (pcapy.PcapError, ValueError) as error:  # such as a zero byte in the name
        raise CaptureError(name, str(error)) from None
    try:
        if expression is not None:
            reader.setfilter(expression)
        reader.setnonblock(1)
    except (pcapy.PcapError, ValueError) as error:
        reader.close()
        raise CaptureError(name, does_not_compile(expression or "", str(error))) from None
    return Interface(name, reader, count, duration)


def _activated(name: str, snaplen: int, promiscuous: bool) -> Any:
    """What libpcap has opened."""
    import pcapy

    reader = pcapy.create(name)
    snaplen = min(snaplen, SNAP_LEN)  # of what is longer, libpcap makes the same
    reader.set_snaplen(snaplen)
    reader.set_promisc(promiscuous)
    reader.set_timeout(int(_TOGETHER * 1000))
    reader.set_buffer_size(_BUFFER)
    status = reader.activate()
    if status >= 0:  # above it is a warning, such as that it has no promiscuous mode
        return reader
    reader.close()
    reason = _REASONS.get(status)
    if reason is not None:
        raise CaptureError(name, reason(name))
    # For anything else it has words, but only here; and it may well do with the buffer that it has if not asked.
    return pcapy.open_live(name, snaplen, promiscuous, int(_TOGETHER * 1000))


def _unknown(name: str) -> str:
    known = list_interfaces()
    more = ", ..." if len(known) > _MANY else ""
    return f"there is no such interface; there are {', '.join(known[:_MANY])}{more}"


def _not_permitted(name: str) -> str:
    # Who may not capture is told so whatever the name is.
    if name not in list_interfaces() and name not in {each for _, each in socket.if_nameindex()}:
        return _unknown(name)
    if sys.platform == "linux":
        python = os.path.realpath(sys.executable)
        how = f"sudo setcap cap_net_raw=ep {shlex.quote(python)} lets this Python capture"
    else:
        how = "run it as root"
    return f"this user may not capture; {how}; {_piped(name)}"


def _piped(name: str) -> str:
    return f"or pipe a capture in: dumpcap -i {shlex.quote(name)} -w - | tls-events -"


def _is_down(name: str) -> str:
    return "the interface is down"


_REASONS: dict[int, Callable[[str], str]] = {
    _NO_SUCH_DEVICE: _unknown,
    _NOT_PERMITTED: _not_permitted,
    _NO_PROMISCUOUS_MODE: _not_permitted,
    _IS_DOWN: _is_down,
}
"""Why an interface cannot be opened, by what libpcap returns."""
