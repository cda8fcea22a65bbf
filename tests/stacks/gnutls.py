"""Connections between two sides of GnuTLS."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from . import libgnutls
from .libgnutls import Context, Endpoint, Suite
from .talk import Made, NotPossibleError, Pair, Talk, Wire, attempt, words

CERTIFICATES = ("rsa", "ec", "dss")
COMMON = "+COMP-NULL:GROUPS:+SIGN-ALL:+SIGN-DSA-SHA256:+SIGN-DSA-SHA1:%UNSAFE_RENEGOTIATION"
KX = "+ECDHE-RSA:+ECDHE-ECDSA:+RSA:+DHE-RSA"
LONG = 200_000


def priority(suite: Suite, more: str = "") -> str:
    """The part of a priority string that asks for one suite."""
    kx = f"+{suite.kx}" if suite.kx else KX
    return f"{kx}:+{suite.cipher}:+{suite.mac}:{COMMON}{more}"


def some(cipher: str = "AES-128-GCM", mac: str = "AEAD", more: str = "") -> str:
    return f"{KX}:+{cipher}:+{mac}:{COMMON}{more}"


class Both:
    """A client and a server, and what is common to their connections.

    Args:
        version: of the protocol.
        wanted: the rest of the priority string of both.
        client, server: options of their `Context`.
    """

    def __init__(
        self,
        version: str,
        wanted: str,
        client: dict[str, Any] | None = None,
        server: dict[str, Any] | None = None,
        **both: Any,
    ) -> None:
        self.proto = "udp" if version.startswith("D") else "tcp"
        self.client = Context(True, version, wanted, **{**both, **(client or {})})
        options = {"certificates": CERTIFICATES, **both, **(server or {})}
        self.server = Context(False, version, wanted, **options)

    def pair(
        self,
        *,
        wire: Wire | None = None,
        session: bytes = b"",
        mtu: int = 1200,
        piece: int = 2**14,
    ) -> tuple[Pair, Endpoint, Endpoint]:
        wire = wire or Wire()
        self.client.keylog.clear()
        client = Endpoint(self.client, wire, session, mtu)
        server = Endpoint(self.server, wire, mtu=mtu)
        return Pair(client, server, wire, 1000 if self.proto == "udp" else piece), client, server

    def end(self, pair: Pair, name: str, messages: Sequence[str] = ()) -> Talk:
        return pair.end(
            name, libgnutls.stack(), self.client.keylog, proto=self.proto, messages=messages
        )


def simple(
    name: str, version: str, wanted: str, size: int = 0, piece: int = 2**14, **options: Any
) -> Talk:
    both = Both(version, wanted, **options)
    pair, _, _ = both.pair(piece=piece)
    return both.end(pair.handshake().chat(name, size), name)


def all_suites() -> Iterator[Made]:
    """Each suite in each version; those with CBC without encrypt-then-MAC too."""
    stack = libgnutls.stack()
    for version in libgnutls.VERSIONS:
        for known, suite in libgnutls.suites().items():
            if (suite.lowest == "TLSv13") != (version == "TLSv13"):
                continue
            if suite.lowest == "TLSv12" and version in ("TLSv10", "TLSv11", "DTLSv10"):
                continue
            if version.startswith("D") and suite.cipher == "ARCFOUR-128":
                continue
            name = f"{version} {known}"
            # A client of TLS 1.3 would use a secret that both know instead of the certificate.
            options = {"psk": version != "TLSv13", "tickets": False}
            case = partial(simple, name, version, priority(suite), **options)
            yield from attempt(name, stack, version, case, True)
            if suite.cipher.endswith("CBC"):
                name += " no encrypt-then-mac"
                case = partial(simple, name, version, priority(suite, ":%NO_ETM"), **options)
                yield from attempt(name, stack, version, case, True)


def resumed(name: str, version: str, wanted: str, **options: Any) -> list[Talk]:
    """The second of two connections. Up to TLS 1.2, GnuTLS logs no secret of it: it has the master secret of the first,
    which is given with it.
    """
    both = Both(version, wanted, **options)
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


def early(name: str, wanted: str, refused: str = "") -> Talk:
    """Early data; `refused` is why the server does not take it: "unread" or "retry", or nothing if it does."""
    both = Both("TLSv13", wanted, psk=False, early=2**14)
    pair, first, _ = both.pair()
    pair.handshake().chat("the first")
    session = first.session()
    both.end(pair, "the first")
    if refused == "retry":
        both.server.groups = "SECP384R1"
    elif refused:
        both.server.refuse()
    pair, client, server = both.pair(session=session)
    said = words(True, f"early data of {name}")
    client.write_early(said)
    pair.said[True] += said
    pair.handshake()
    if refused:
        pair.refused += said
    else:
        pair.heard[False] += server.read_early()
    pair.chat(name)
    return both.end(pair, name, ["EndOfEarlyData"] if not refused else [])


def renegotiated(
    name: str, version: str, wanted: str, asks: str, others: Sequence[str] = ("",), **options: Any
) -> Talk:
    """New handshakes, with something said in between; `asks` is who asks for each, by c and s."""
    both = Both(version, wanted, **options)
    pair, client, server = both.pair()
    pair.handshake().chat(name)
    for number, who in enumerate(asks):
        if other := others[number % len(others)]:
            client.choose(other)
        (client if who == "c" else server).renegotiate()
        pair.pump()
        if client.shaking or server.shaking:
            raise NotPossibleError("the renegotiation does not end")
        pair.chat(f"{name}, after {number + 1}")
    return both.end(pair, name, ["ClientHello", "ServerHello", "Finished"])


def updated(name: str, wanted: str, updates: str) -> Talk:
    """Updates of keys: c and s by client and server, C and S if the other one should follow."""
    both = Both("TLSv13", wanted, psk=False)
    pair, client, server = both.pair()
    pair.handshake().chat(name)
    for number, who in enumerate(updates):
        (client if who in "cC" else server).update_keys(who in "CS")
        pair.pump()
        pair.chat(f"{name}, after {number + 1}")
    return both.end(pair, name, ["KeyUpdate"])


def authenticated(name: str, version: str, key: str, later: bool = False) -> Talk:
    """The client has a certificate, for which the server asks in the handshake, or later."""
    flags = libgnutls.POST_HANDSHAKE_AUTH if later else 0
    both = Both(
        version,
        some(),
        {"certificates": (key,), "flags": flags | libgnutls.FORCE_CLIENT_CERT},
        {"verify": not later, "flags": flags},
        psk=False,
    )
    pair, _, theirs = both.pair()
    pair.handshake().chat(name)
    if later:
        theirs.ask_for_certificate()
        pair.pump()
        pair.chat(f"{name}, afterwards")
    return both.end(pair, name, ["CertificateRequest", "Certificate"] if later else [])


def datagrams(
    name: str,
    version: str,
    mtu: int = 1200,
    lost: Sequence[int] = (),
    late: Sequence[int] = (),
) -> Talk:
    """DTLS where not every datagram arrives, or not in order."""
    both = Both(version, some("AES-128-CBC", "SHA1"))
    pair, _, _ = both.pair(wire=Wire(lost, late), mtu=mtu)
    pair.handshake()
    for number in range(6):
        pair.chat(f"{name}, line {number}")
    return both.end(pair, name)


def cases() -> Iterator[Made]:
    """What is not about suites."""
    stack = libgnutls.stack()

    def case(make: Any, name: str, version: str, *args: Any, **options: Any) -> list[Made]:
        name = f"{version} {name}"
        return attempt(name, stack, version, partial(make, name, version, *args, **options))

    def new(make: Any, name: str, *args: Any, **options: Any) -> list[Made]:
        name = f"TLSv13 {name}"
        return attempt(name, stack, "TLSv13", partial(make, name, *args, **options))

    cbc = some("AES-128-CBC", "SHA1")
    for version in ("TLSv10", "TLSv11", "TLSv12", "DTLSv10", "DTLSv12"):
        no_ems = cbc + ":%NO_SESSION_HASH"
        yield from case(simple, "no extended master secret", version, no_ems)
        yield from case(resumed, "resumed by session id", version, cbc, tickets=False)
        yield from case(resumed, "resumed by ticket", version, cbc)
        yield from case(resumed, "resumed by ticket, no extended master secret", version, no_ems)
        for asks in ("c", "s", "csc"):
            yield from case(renegotiated, f"renegotiation {asks}", version, cbc, asks)
    for cipher in ("AES-256-GCM", "CHACHA20-POLY1305", "CAMELLIA-128-GCM"):
        yield from case(renegotiated, f"renegotiation css {cipher}", "TLSv12", some(cipher), "css")
    # Not to NULL: GnuTLS crashes.
    others = [
        some("ARCFOUR-128", "SHA1"), some("AES-256-CCM-8"), some("3DES-CBC", "SHA1"),
        some("CHACHA20-POLY1305"), some("CAMELLIA-256-GCM"), some(),
    ]  # fmt: skip
    ciphers = (
        "+AES-128-CBC:+ARCFOUR-128:+AES-256-CCM-8:+3DES-CBC:+CHACHA20-POLY1305:+CAMELLIA-256-GCM"
    )
    every = f"{KX}:{ciphers}:+AES-128-GCM:+SHA1:+AEAD:{COMMON}"
    yield from case(
        renegotiated,
        "renegotiation to other suites",
        "TLSv12",
        every,
        "ccsscsc",
        others,
        certificates=("rsa",),
    )
    for version in ("TLSv12", "DTLSv12"):
        for key in ("rsa", "ec"):
            yield from case(authenticated, f"client certificate {key}", version, key)
    for cipher in (
        "AES-128-GCM",
        "AES-256-GCM",
        "CHACHA20-POLY1305",
        "AES-128-CCM",
        "AES-128-CCM-8",
    ):
        yield from case(resumed, f"resumed {cipher}", "TLSv13", some(cipher), psk=False)
        for updates in ("c", "S", "cscCSsc") if cipher == "AES-128-GCM" else ("cscCSsc",):
            yield from new(updated, f"key updates {updates} {cipher}", some(cipher), updates)
        yield from new(early, f"early data {cipher}", some(cipher))
    yield from new(early, "early data refused", some(), "unread")
    yield from new(early, "early data refused, hello retry", some(), "retry")
    retry = {"groups": "SECP384R1"}
    yield from case(simple, "hello retry", "TLSv13", some(), psk=False, server=retry)
    for modes in ("PSK", "DHE-PSK", "ECDHE-PSK"):
        wanted = f"+{modes}:+AES-128-GCM:+AEAD:{COMMON}"
        yield from case(simple, f"external {modes}", "TLSv13", wanted)
    for padding in (1, 100, 5000):
        yield from case(
            simple, f"padding of {padding}", "TLSv13", some(), psk=False, padding=padding
        )
    for key in ("rsa", "ec"):
        yield from case(authenticated, f"client certificate {key}", "TLSv13", key)
        yield from case(authenticated, f"post-handshake authentication {key}", "TLSv13", key, True)
    for version in ("TLSv10", "TLSv12", "TLSv13"):
        wanted = some() if version == "TLSv13" else cbc
        options = {"psk": version != "TLSv13"}
        yield from case(simple, "small records", version, wanted, 3000, record=512, **options)
        yield from case(simple, "pieces of a byte", version, wanted, 40, 1, **options)
    rc4 = some("ARCFOUR-128", "SHA1")
    for name, size in (("full records", 2**14 + 100), ("long", LONG)):
        yield from case(simple, f"{name}, RC4", "TLSv12", rc4, size)
    yield from case(simple, "pieces of a byte, RC4", "TLSv10", rc4, 40, 1)
    for version in ("DTLSv10", "DTLSv12"):
        yield from case(datagrams, "small datagrams", version, 300)
        yield from case(datagrams, "loss", version, lost=[1, 3, 6])
        yield from case(datagrams, "loss of small datagrams", version, 300, lost=[4, 7, 12])
        yield from case(datagrams, "out of order", version, late=[2, 8, 10, 13])


def make() -> Iterator[Made]:
    """All connections."""
    yield from all_suites()
    yield from cases()
