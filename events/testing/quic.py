"""QUIC connections by aioquic, whose two sides talk in memory.

Test data and benchmarks are made with it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .captures import Chunk

CLIENT, SERVER = ("192.0.2.1", 49152), ("198.51.100.2", 443)


def configurations(**options: Any) -> tuple[Any, Any]:
    """Those of a client, and of a server that has no certificate yet (`load_cert_chain`), which the client does not look at;
    the options are for both.
    """
    from aioquic.quic.configuration import QuicConfiguration

    client = QuicConfiguration(is_client=True, alpn_protocols=["h3"], **options)
    client.server_name = "server.example"
    client.verify_mode = 0
    server = QuicConfiguration(is_client=False, alpn_protocols=["h3"], **options)
    return client, server


def talk(
    client: Any,
    server: Any,
    *,
    retry: bool = False,
    ticket: Any = None,
    on_ticket: Callable[[Any], None] | None = None,
    tickets: dict[bytes, Any] | None = None,
    early: bytes = b"",
    answer_size: int = 0,
    rounds: int = 12,
) -> list[Chunk]:
    """What a client and a server say to each other: the handshake, a line from the client, the answer, and the end.

    Args:
        client, server: their configurations.
        retry: whether the server asks the client for a token first.
        ticket: a session ticket for the client, which sends `early` with it.
        on_ticket: told of the ticket that the client gets.
        tickets: those that the server knows.
        early: what the client sends before the handshake is over.
        answer_size: how many bytes the server answers.
        rounds: how often each side speaks at most.
    """
    from aioquic._buffer import Buffer
    from aioquic.quic.connection import QuicConnection
    from aioquic.quic.packet import (
        encode_quic_retry,
        encode_quic_version_negotiation,
        pull_quic_header,
    )

    tickets = {} if tickets is None else tickets
    if ticket is not None:
        client.session_ticket = ticket
    ours = QuicConnection(configuration=client, session_ticket_handler=on_ticket)
    theirs: Any = None
    chunks: list[Chunk] = []
    now = 0.0
    ours.connect(SERVER, now=now)
    if early:
        ours.send_stream_data(0, early)
    retried = False
    said = False
    for _ in range(rounds):
        now += 0.01
        for data, _address in ours.datagrams_to_send(now):
            chunks.append((True, data))
            if theirs is None:
                header = pull_quic_header(Buffer(data=data), host_cid_length=8)
                if header.version not in server.supported_versions:
                    answer = encode_quic_version_negotiation(
                        source_cid=header.destination_cid,
                        destination_cid=header.source_cid,
                        supported_versions=server.supported_versions,
                    )
                    chunks.append((False, answer))
                    ours.receive_datagram(answer, SERVER, now)
                    continue
                original = header.destination_cid
                source = None
                if retry and not retried:
                    retried = True
                    source = bytes(range(8))
                    answer = encode_quic_retry(
                        version=header.version or 0,
                        source_cid=source,
                        destination_cid=header.source_cid,
                        original_destination_cid=original,
                        retry_token=b"a token of the server's",
                    )
                    first = original
                    chunks.append((False, answer))
                    ours.receive_datagram(answer, SERVER, now)
                    continue
                theirs = QuicConnection(
                    configuration=server,
                    original_destination_connection_id=first if retried else original,
                    retry_source_connection_id=original if retried else None,
                    session_ticket_handler=lambda each: tickets.update({each.ticket: each}),
                    session_ticket_fetcher=tickets.get,
                )
            theirs.receive_datagram(data, CLIENT, now)
        if theirs is not None:
            for data, _address in theirs.datagrams_to_send(now):
                chunks.append((False, data))
                ours.receive_datagram(data, SERVER, now)
        if not said and ours._handshake_complete:
            said = True
            ours.send_stream_data(ours.get_next_available_stream_id(), b"hello\n")
            if answer_size:
                theirs.send_stream_data(theirs.get_next_available_stream_id(), bytes(answer_size))
        timer = ours.get_timer()
        if timer is not None and timer <= now:
            ours.handle_timer(now)
    ours.close()
    chunks += [(True, data) for data, _ in ours.datagrams_to_send(now)]
    return chunks
