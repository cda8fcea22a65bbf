"""tshark as an oracle: with the same secrets it finds no handshake message, and no byte of application data, that we do
not.
"""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

import pytest

from events import Event, KeyLog, SslDecryptedData, SslHandshakeMessage, read_capture
from events.testing.captures import Ends, packets, write
from tlsgrammar.names import HandshakeType

from .connections import FOLDER
from .long import transfer

STACKS = sorted(path.stem for path in FOLDER.glob("*.json"))

pytestmark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")

_KNOWN = {each.value for each in HandshakeType}

Side = tuple[int, bool]
"""The port of a client, and whether it is the sender."""


def tshark(path: Path, *options: str) -> str:
    result = subprocess.run(
        ["tshark", "-r", str(path), *options], capture_output=True, text=True, check=True
    )
    return result.stdout


def messages_by_tshark(path: Path, *options: str) -> dict[Side, Counter[int]]:
    """The types of the handshake messages that each side sends; in DTLS one for each fragment."""
    names = ["tcp.srcport", "udp.srcport", "tcp.dstport", "udp.dstport"]
    types = ["tls.handshake.type", "dtls.handshake.type", "dtls.handshake.message_seq"]
    fields = [x for name in (*names, *types) for x in ("-e", name)]
    found: dict[Side, Counter[int]] = defaultdict(Counter)
    for line in tshark(path, *options, "-T", "fields", *fields).splitlines():
        tcp_from, udp_from, tcp_to, udp_to, of_tls, of_dtls, seqs = line.split("\t")
        source, destination = int(tcp_from or udp_from), int(tcp_to or udp_to)
        is_client = destination == 443
        several = Counter(map(int, filter(None, of_tls.split(","))))
        # What it cannot decrypt in DTLS it takes for a message of any type and number.
        several |= Counter(
            {
                int(kind)
                for kind, seq in zip(of_dtls.split(","), seqs.split(","), strict=False)
                if kind and int(seq) < 64 and int(kind) in _KNOWN
            }
        )
        side = (source if is_client else destination, is_client)
        if of_dtls:
            found[side] |= several
        else:
            found[side] += several
    return found


def streams_by_tshark(path: Path, *options: str) -> dict[int, set[bytes]]:
    """The application data of both sides of TLS; which side is which it does not always know."""
    ports: dict[str, int] = {}
    fields = ["-e", "tcp.stream", "-e", "tcp.srcport"]
    for line in tshark(path, "-Y", "tcp", "-T", "fields", *fields).splitlines():
        stream, port = line.split("\t")
        ports.setdefault(stream, int(port))
    found: dict[int, set[bytes]] = {}
    streams = list(ports)
    # Many streams in one run.
    for first in range(0, len(streams), 100):
        chosen = streams[first : first + 100]
        follow = [x for each in chosen for x in ("-z", f"follow,tls,raw,{each}")]
        for block in tshark(path, *options, "-q", *follow).split("=" * 67):
            stream_of = re.search(r"^Filter: tcp.stream eq (\d+)$", block, re.MULTILINE)
            if stream_of is not None:
                lines = re.findall(r"^(\t?)([0-9a-f]+)$", block, re.MULTILINE)
                found[ports[stream_of[1]]] = {
                    b"".join(bytes.fromhex(data) for tab, data in lines if tab == side)
                    for side in ("", "\t")
                }
    return found


def datagrams_by_tshark(path: Path, *options: str) -> dict[Side, list[bytes]]:
    """The application data of each side of DTLS, datagram by datagram."""
    found: dict[Side, list[bytes]] = defaultdict(list)
    fields = ["-e", "udp.srcport", "-e", "udp.dstport", "-e", "data.data"]
    for line in tshark(path, *options, "-Y", "dtls", "-T", "fields", *fields).splitlines():
        source, destination, data = line.split("\t")
        is_client = destination == "443"
        port = int(source if is_client else destination)
        found[port, is_client].append(bytes.fromhex(data.replace(",", "")))
    return found


def ours(raised: Iterable[Event]) -> tuple[dict[Side, Counter[int]], dict[Side, bytes]]:
    messages: dict[Side, Counter[int]] = defaultdict(Counter)
    data: dict[Side, bytes] = defaultdict(bytes)
    for event in raised:
        port = event.c.orig_p or 0
        if isinstance(event, SslHandshakeMessage):
            messages[port, event.is_orig][event.msg_type] += 1
        elif isinstance(event, SslDecryptedData):
            data[port, event.is_orig] += event.data
    return messages, data


WANTED = ["ssl_handshake_message", "ssl_decrypted_data"]


def check(path: Path, raised: Iterable[Event], *options: str) -> tuple[int, int]:
    """That tshark finds nothing that is not in events; how many bytes there are, and how many it finds."""
    messages, data = ours(raised)
    for side, theirs in messages_by_tshark(path, *options).items():
        assert theirs <= messages[side], side
    count = 0
    for port, found in streams_by_tshark(path, *options).items():
        sides = [data[port, True], data[port, False]]
        assert all(any(each in side for side in sides) for each in found), port
        count += sum(map(len, found))
    for side, datagrams in datagrams_by_tshark(path, *options).items():
        assert all(each in data[side] for each in datagrams), side
        count += sum(map(len, datagrams))
    return sum(map(len, data.values())), count


@pytest.mark.parametrize("stack", STACKS)
def test_tshark_finds_nothing_that_we_do_not(stack: str, tmp_path: Path) -> None:
    path = tmp_path / f"{stack}.pcapng"
    path.write_bytes(gzip.decompress((FOLDER / f"{stack}.pcapng.gz").read_bytes()))
    total, of_tshark = check(path, read_capture(path, wanted=WANTED))
    print(f"{stack}: {total} bytes, of which tshark finds {of_tshark}")
    assert (of_tshark > 0) is (stack != "aioquic")  # whose data are not in records


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_the_same_with_a_key_log_beside_it(version: str, tmp_path: Path) -> None:
    talk = transfer(version)
    path = write(tmp_path / "long.pcap", packets(talk.chunks, ends=Ends(orig_p=30_000)))
    log = tmp_path / "keys.log"
    log.write_text("\n".join(talk.key_log) + "\n")
    raised = read_capture(path, secrets=KeyLog(log), wanted=WANTED)
    total, of_tshark = check(path, raised, "-o", f"tls.keylog_file:{log}")
    assert total == of_tshark == len(talk.request) + len(talk.answer)
