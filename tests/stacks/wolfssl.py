"""Connections between two sides of wolfSSL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from . import libwolfssl
from .libwolfssl import Context, Endpoint
from .talk import Made, NotPossibleError, Pair, Talk, Wire, attempt, words

LONG = 200_000
NEW = ("TLSv13", "DTLSv13")


class Both:
    """A client and a server, and what is common to their connections.

    Args:
        version: of the protocol.
        client, server: options of their `Context`.
        both: options for both.
    """

    def __init__(
        self,
        version: str,
        client: dict[str, Any] | None = None,
        server: dict[str, Any] | None = None,
        **both: Any,
    ) -> None:
        self.proto = "udp" if version.startswith("D") else "tcp"
        self.client = Context(True, version, **{**both, **(client or {})})
        self.server = Context(False, version, **{"certificate": "ec", **both, **(server or {})})

    def pair(
        self,
        *,
        wire: Wire | None = None,
        session: int | None = None,
        cids: tuple[bytes | None, bytes | None] = (None, None),
        piece: int = 2**14,
        **options: Any,
    ) -> tuple[Pair, Endpoint, Endpoint]:
        wire = wire or Wire()
        self.client.keylog.clear()
        client = Endpoint(self.client, wire, session, cid=cids[0], **options)
        server = Endpoint(self.server, wire, cid=cids[1], **options)
        return Pair(client, server, wire, 1000 if self.proto == "udp" else piece), client, server

    def end(self, pair: Pair, name: str, messages: Sequence[str] = ()) -> Talk:
        return pair.end(
            name, libwolfssl.stack(), self.client.keylog, proto=self.proto, messages=messages
        )


def simple(
    name: str,
    version: str,
    size: int = 0,
    *,
    client: dict[str, Any] | None = None,
    server: dict[str, Any] | None = None,
    both: dict[str, Any] | None = None,
    **options: Any,
) -> Talk:
    made = Both(version, client, server, **(both or {}))
    pair, _, _ = made.pair(**options)
    return made.end(pair.handshake().chat(name, size), name)


def _certificate(iana: str) -> str:
    if "_ECDH_RSA_" in iana:
        return "mixed"
    return "rsa" if "_RSA_" in iana else "ec"


def all_suites() -> Iterator[Made]:
    """Each suite in each version; those with CBC without encrypt-then-MAC too."""
    stack = libwolfssl.stack()
    for version in libwolfssl.METHODS:
        for ciphers, iana in libwolfssl.suites():
            if ciphers.startswith("TLS13-") != (version in NEW):
                continue
            # It takes those with an AEAD in some older versions too, where nobody says what they are.
            is_aead = any(mode in iana for mode in ("_GCM_", "_CCM", "POLY1305"))
            if is_aead and version in ("TLSv10", "TLSv11", "DTLSv10"):
                continue
            if version.startswith("D") and "_RC4_" in iana:
                continue
            both = {
                "ciphers": ciphers,
                "psk": "PSK" in ciphers,
                "anonymous": "anon" in iana,
                "certificate": _certificate(iana),
            }
            if "PSK" in ciphers or "anon" in iana:
                both["certificate"] = ""
            client = {"certificate": ""}
            name = f"{version} {ciphers}"
            case = partial(simple, name, version, both=both, client=client)
            yield from attempt(name, stack, version, case, True)
            if "_CBC_" in iana:
                name += " no encrypt-then-mac"
                case = partial(simple, name, version, both={**both, "etm": False}, client=client)
                yield from attempt(name, stack, version, case, True)


def resumed(name: str, version: str, **options: Any) -> list[Talk]:
    """The second of two connections. Up to TLS 1.2, wolfSSL logs no secret of it: it has the master secret of the first,
    which is given with it.
    """
    both = Both(version, **options)
    pair, first, _ = both.pair()
    before = f"{name}, the first"
    pair.handshake().chat(before)
    session = first.session()
    talk = both.end(pair, before)
    pair, second, _ = both.pair(session=session)
    pair.handshake().chat(name)
    if not second.resumed():
        raise NotPossibleError("not resumed")
    again = both.end(pair, name)
    return [again] if again.keylog else [talk, again]


def early(name: str, version: str, refused: bool = False, **options: Any) -> Talk:
    both = Both(version, server={"early": 2**12}, **options)
    pair, first, _ = both.pair()
    pair.handshake().chat("the first")
    session = first.session()
    both.end(pair, "the first")
    pair, client, server = both.pair(session=session)
    said = words(True, f"early data of {name}")
    client.write_early(said)
    pair.said[True] += said
    if refused:
        pair.refused += said
    else:
        server.skip_cookie()
        heard = server.read_early()
        if heard != said:
            raise NotPossibleError("not taken")
        pair.heard[False] += heard
    pair.handshake().chat(name)
    return both.end(pair, name, [] if refused else ["EndOfEarlyData"])


def renegotiated(name: str, version: str, asks: str, **options: Any) -> Talk:
    """New handshakes, with something said in between; `asks` is who asks for each, by c and s."""
    both = Both(version, **options)
    pair, client, server = both.pair(renegotiates=True)
    pair.handshake().chat(name)
    for number, who in enumerate(asks):
        (client if who == "c" else server).renegotiate()
        pair.pump()
        pair.chat(f"{name}, after {number + 1}")
    return both.end(pair, name, ["ClientHello", "ServerHello", "Finished"])


def updated(
    name: str, version: str, updates: str, cids: Any = (None, None), **options: Any
) -> Talk:
    """Updates of keys by client and server, by c and s; the other side follows."""
    both = Both(version, **options)
    pair, client, server = both.pair(cids=cids)
    pair.handshake().chat(name)
    for number, who in enumerate(updates):
        (client if who == "c" else server).update_keys()
        pair.pump()
        pair.chat(f"{name}, after {number + 1}")
    return both.end(pair, name, ["KeyUpdate"])


def authenticated(name: str, version: str, key: str, later: bool = False) -> Talk:
    """The client has a certificate, for which the server asks in the handshake, or later."""
    both = Both(version, {"certificate": key, "later": later}, {"verify": key})
    pair, _, server = both.pair()
    pair.handshake().chat(name)
    if later:
        server.ask_for_certificate()
        pair.pump()
        pair.chat(f"{name}, afterwards")
    return both.end(pair, name, ["CertificateRequest", "Certificate"] if later else [])


def datagrams(
    name: str,
    version: str,
    mtu: int = 1200,
    lost: Sequence[int] = (),
    late: Sequence[int] = (),
    cids: tuple[bytes | None, bytes | None] = (None, None),
    **options: Any,
) -> Talk:
    """DTLS where not every datagram arrives, or not in order."""
    both = Both(version, **options)
    pair, _, _ = both.pair(wire=Wire(lost, late), mtu=mtu, cids=cids)
    pair.handshake()
    for number in range(6):
        pair.chat(f"{name}, line {number}")
    return both.end(pair, name)


def cases() -> Iterator[Made]:
    """What is not about suites."""

    def case(make: Any, name: str, version: str, *args: Any, **options: Any) -> list[Made]:
        name = f"{version} {name}"
        made = partial(make, name, version, *args, **options)
        return attempt(name, libwolfssl.stack(), version, made)

    for version in ("TLSv12", "DTLSv12"):
        yield from case(simple, "no extended master secret", version, both={"ems": False})
        yield from case(resumed, "resumed by session id", version)
        yield from case(resumed, "resumed by ticket", version, tickets=True)
        yield from case(renegotiated, "renegotiation by the client", version, "c")
        yield from case(renegotiated, "renegotiation by the server", version, "s")
    for version in ("TLSv12", "TLSv13", "DTLSv12", "DTLSv13"):
        for key in ("rsa", "ec"):
            yield from case(authenticated, f"client certificate {key}", version, key)
    for version in NEW:
        yield from case(authenticated, "post-handshake authentication", version, "ec", True)
        for suite in (
            *("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305-SHA256"),
            *("AES128-CCM-SHA256", "AES128-CCM-8-SHA256", "SHA256-SHA256", "SHA384-SHA384"),
        ):
            ciphers = f"TLS13-{suite}"
            yield from case(resumed, f"resumed {suite}", version, ciphers=ciphers)
            yield from case(early, f"early data {suite}", version, ciphers=ciphers)
            for updates in ("c", "s", "cscs") if suite == "AES128-GCM-SHA256" else ("cscs",):
                name = f"key updates {updates} {suite}"
                yield from case(updated, name, version, updates, ciphers=ciphers)
        yield from case(early, "early data refused", version, True)
        yield from case(simple, "external psk", version, both={"psk": True})
        retry = {"groups": [libwolfssl.P384]}
        yield from case(simple, "hello retry", version, server=retry)
    for version in ("DTLSv12", "DTLSv13"):
        for name, cids in (
            ("of both", (b"client", b"server id")),
            ("of the server", (b"", b"one")),
            ("of the client", (b"another", b"")),
        ):
            yield from case(simple, f"connection id {name}", version, cids=cids)
        ids = b"client", b"server id"
        yield from case(datagrams, "connection ids and loss", version, cids=ids, lost=[3, 5])
        for suite in (
            "ECDHE-ECDSA-CHACHA20-POLY1305",
            "ECDHE-ECDSA-AES128-SHA",
            "ECDHE-ECDSA-NULL-SHA",
        ):
            if version == "DTLSv12":
                for etm in (True, False):
                    name = f"connection id {suite}{'' if etm else ' no encrypt-then-mac'}"
                    both = {"ciphers": suite, "etm": etm}
                    yield from case(simple, name, version, cids=ids, both=both)
        if version == "DTLSv13":
            for suite in ("CHACHA20-POLY1305-SHA256", "AES128-CCM-SHA256", "SHA256-SHA256"):
                ciphers = f"TLS13-{suite}"
                name = f"connection ids and key updates {suite}"
                yield from case(updated, name, version, "cs", ids, ciphers=ciphers)
        yield from case(datagrams, "small datagrams", version, 300)
        yield from case(datagrams, "loss", version, lost=[1, 3, 6])
        yield from case(datagrams, "loss of small datagrams", version, 300, lost=[4, 7, 12])
        yield from case(datagrams, "out of order", version, late=[3, 8, 10, 13])
    yield from case(simple, "small records", "TLSv12", 3000, fragment=1)
    yield from case(simple, "small records", "TLSv13", 3000, fragment=1)
    for version in ("TLSv12", "TLSv13"):
        yield from case(simple, "pieces of a byte", version, 40, piece=1)
        yield from case(simple, "long", version, LONG)


def make() -> Iterator[Made]:
    """All connections."""
    if libwolfssl.library() is None:
        return
    yield from all_suites()
    yield from cases()
