"""Write the table of `docs/decryption.md`: which cipher suite which stack here negotiates, and whether it is read.

    python -m tests.secrets.table

Every connection that `tests.stacks` can make is made, read with its key log, and compared with what went in.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from events import Analyzer, DatagramAnalyzer, Event, KeyLog, QuicAnalyzer, SslHandshakeMessage
from tlsgrammar.names import HandshakeType

from ..stacks import STACKS
from ..stacks.talk import Talk
from .connections import decrypted

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "decryption.md"
BEGIN = "<!-- written by python -m tests.secrets.table -->\n"
VERSIONS = [
    *("TLSv10", "TLSv11", "TLSv12", "TLSv13"),
    *("DTLSv10", "DTLSv12", "DTLSv13"),
    *("QUICv1", "QUICv2"),
]
LETTERS = {
    "openssl3": "O",
    "openssl35": "O",
    "openssl4": "P",
    "gnutls": "G",
    "wolfssl": "W",
    "aioquic": "A",
    "programs": "B",
}


def is_read(talk: Talk, secrets: KeyLog) -> bool:
    """Whether all application data come out, or, in QUIC, the handshake to its end.

    Args:
        talk: a connection.
        secrets: those of it and of all before it, one of which it may resume.
    """
    wanted = ["ssl_decrypted_data", "ssl_handshake_message"]
    analyzer: Analyzer | DatagramAnalyzer | QuicAnalyzer
    if talk.version.startswith("QUIC"):
        analyzer = QuicAnalyzer(secrets=secrets, wanted=wanted)
    elif talk.proto == "udp":
        analyzer = DatagramAnalyzer(secrets=secrets, wanted=wanted)
    else:
        analyzer = Analyzer(secrets=secrets, wanted=wanted)
    events: list[Event] = []
    for is_client, data in talk.chunks:
        events += analyzer.deliver(data, is_client)
    if talk.version.startswith("QUIC"):
        finished = HandshakeType.finished
        ends = [each for each in events if isinstance(each, SslHandshakeMessage)]
        return {each.is_orig for each in ends if each.msg_type == finished} == {True, False}
    came = decrypted(events, True), decrypted(events, False)
    return came == (talk.client_data, talk.server_data)


def table() -> str:
    """The table, in Markdown."""
    read: dict[tuple[str, str], set[str]] = defaultdict(set)
    unread: dict[tuple[str, str], set[str]] = defaultdict(set)
    connections = 0
    for name, make in STACKS.items():
        secrets = KeyLog()
        for made in make():
            talk = made.talk
            if talk is None:
                continue
            secrets.add(talk.keylog)
            connections += 1
            key = talk.cipher_suite, talk.version
            (read if is_read(talk, secrets) else unread)[key].add(LETTERS[name])
    suites = sorted({suite for suite, _ in {**read, **unread}})
    lines = [
        f"{connections} connections, {len(suites)} cipher suites.",
        "",
        f"| cipher suite | {' | '.join(VERSIONS)} |",
        f"| --- |{' --- |' * len(VERSIONS)}",
    ]
    for suite in suites:
        cells = []
        for version in VERSIONS:
            good, bad = read[suite, version], unread[suite, version]
            cells.append(" ".join([*sorted(good), *(f"**not {each}**" for each in sorted(bad))]))
        lines.append(f"| {suite} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    before, _, _ = DOCUMENT.read_text().partition(BEGIN)
    DOCUMENT.write_text(before + BEGIN + "\n" + table())


if __name__ == "__main__":
    main()
