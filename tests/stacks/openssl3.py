"""Connections between two sides of OpenSSL's library that this machine has."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from . import libssl
from .libssl import Context, Endpoint
from .talk import Made, NotPossibleError, Pair, Talk, Wire, attempt, words

OLD = ("TLSv10", "TLSv11", "DTLSv10")
ALL = "ALL:COMPLEMENTOFALL"
SERVER: dict[str, Any] = {"certificates": ("dss", "ec", "rsa"), "psk": True, "srp": True}
LONG = 200_000


def suites() -> list[tuple[str, str, str]]:
    """The cipher suites: OpenSSL's name, the lowest version, and the algorithms."""
    shown = subprocess.run(
        ["openssl", "ciphers", "-v", "-psk", "-srp", f"{ALL}:@SECLEVEL=0"],
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    # These are not in its list, for a client offers them on request only.
    more = "TLS_AES_128_CCM_SHA256 TLSv1.3 any\nTLS_AES_128_CCM_8_SHA256 TLSv1.3 any\n"
    return [
        (name, version, rest)
        for name, version, rest in (line.split(None, 2) for line in (shown + more).splitlines())
    ]


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
        self.client = Context(True, version, **{"psk": True, "srp": True, **both, **(client or {})})
        self.server = Context(False, version, **{**SERVER, **both, **(server or {})})

    def pair(
        self,
        *,
        wire: Wire | None = None,
        session: int | None = None,
        mtu: int = 1200,
        piece: int = 2**14,
    ) -> tuple[Pair, Endpoint, Endpoint]:
        wire = wire or Wire()
        self.client.keylog.clear()
        client = Endpoint(self.client, wire, session, mtu)
        server = Endpoint(self.server, wire, mtu=mtu)
        return Pair(client, server, wire, 1000 if self.proto == "udp" else piece), client, server

    def end(self, pair: Pair, name: str, messages: Sequence[str] = ()) -> Talk:
        # A client knows all secrets, those of early data that was not taken too.
        return pair.end(
            name, libssl.stack(), self.client.keylog, proto=self.proto, messages=messages
        )


def one_suite(name: str, version: str, ciphers: str, options: int = 0) -> Talk:
    is_new = version == "TLSv13"
    client: dict[str, Any] = {"suites": ciphers} if is_new else {"ciphers": ciphers}
    # A client of TLS 1.3 would use a secret that both know instead of the certificate.
    server = {"suites": ciphers} if is_new else {}
    client |= {"psk": not is_new, "srp": "SRP" in ciphers}
    both = Both(version, client, server, options=options | libssl.NO_TICKET)
    pair, _, _ = both.pair()
    return both.end(pair.handshake().chat(name), name)


def all_suites() -> Iterator[Made]:
    """Each suite in each version; those with CBC without encrypt-then-MAC too."""
    for version in libssl.VERSIONS:
        for ciphers, lowest, algorithms in suites():
            if (lowest == "TLSv1.3") != (version == "TLSv13"):
                continue
            if lowest == "TLSv1.2" and version in OLD:
                continue
            if version.startswith("D") and "RC4" in ciphers:
                continue
            name = f"{version} {ciphers}"
            case = partial(one_suite, name, version, ciphers)
            yield from attempt(name, libssl.stack(), version, case, True)
            if not any(mode in algorithms for mode in ("GCM", "CCM", "CHACHA", "None", "any")):
                name += " no encrypt-then-mac"
                case = partial(one_suite, name, version, ciphers, libssl.NO_ENCRYPT_THEN_MAC)
                yield from attempt(name, libssl.stack(), version, case, True)


def simple(name: str, version: str, size: int = 0, piece: int = 2**14, **options: Any) -> Talk:
    both = Both(version, **options)
    pair, _, _ = both.pair(piece=piece)
    return both.end(pair.handshake().chat(name, size), name)


def resumed(name: str, version: str, **options: Any) -> Talk:
    """The second of two connections."""
    both = Both(version, **options)
    pair, first, _ = both.pair()
    pair.handshake().chat("the first")
    session = first.session()
    both.end(pair, "the first")
    pair, second, _ = both.pair(session=session)
    pair.handshake().chat(name)
    if not second.resumed():
        raise NotPossibleError("not resumed")
    return both.end(pair, name, ["NewSessionTicket"] if version == "TLSv13" else [])


def early(name: str, refused: str = "", size: int = 0) -> Talk:
    """Early data; `refused` is why the server does not take it: "unread" or "retry", or nothing if it does."""
    both = Both("TLSv13", psk=False, server={"early": 2**14, "groups": "X25519:P-256"})
    pair, first, _ = both.pair()
    pair.handshake().chat("the first")
    session = first.session()
    both.end(pair, "the first")
    if refused == "retry":
        libssl.library().SSL_CTX_ctrl(both.server.pointer, 92, 0, b"P-256")
    pair, client, server = both.pair(session=session)
    said = words(True, f"early data of {name}", size)
    client.write_early(said)
    pair.said[True] += said
    if not refused:
        pair.heard[False] += server.read_early()
    else:
        pair.refused += said
    pair.handshake()
    pair.chat(name)
    return both.end(pair, name, ["EndOfEarlyData"] if not refused else [])


def renegotiated(
    name: str, version: str, asks: str, *, ciphers: Sequence[str] = ("",), **options: Any
) -> Talk:
    """New handshakes, with something said in between; `asks` is who asks for each, by c and s."""
    flags = libssl.ALLOW_CLIENT_RENEGOTIATION | options.pop("flags", 0)
    both = Both(version, options=flags, **options)
    pair, client, server = both.pair()
    pair.handshake().chat(name)
    for number, who in enumerate(asks):
        suite = ciphers[number % len(ciphers)]
        if who == "c":
            client.renegotiate(suite)
        else:
            if suite:
                client.choose(suite)
            server.renegotiate()
        pair.pump()
        pair.chat(f"{name}, after {number + 1}")
    return both.end(pair, name, ["ClientHello", "ServerHello", "Finished"])


def updated(name: str, updates: str, suite: str = "TLS_AES_128_GCM_SHA256") -> Talk:
    """Updates of keys: c and s by client and server, C and S if the other one should follow."""
    both = Both("TLSv13", suites=suite, psk=False)
    pair, client, server = both.pair()
    pair.handshake().chat(name)
    for number, who in enumerate(updates):
        (client if who in "cC" else server).update_keys(who in "CS")
        pair.pump()
        pair.chat(f"{name}, after {number + 1}")
    return both.end(pair, name, ["KeyUpdate"])


def authenticated(name: str, version: str, key: str, later: bool = False, **options: Any) -> Talk:
    """The client has a certificate, for which the server asks in the handshake, or later."""
    client = {"certificates": [key], "psk": False, "verify": 1}
    both = Both(version, client, {"verify": 0 if later else 3}, **options)
    pair, ours, theirs = both.pair()
    if later:
        ours.will_authenticate()
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
    wire = Wire(lost, late)
    both = Both(version, ciphers="ECDHE-RSA-AES128-SHA:ECDHE-RSA-AES128-GCM-SHA256")
    pair, _, _ = both.pair(wire=wire, mtu=mtu)
    pair.handshake()
    for number in range(6):
        pair.chat(f"{name}, line {number}")
    return both.end(pair, name)


def cases() -> Iterator[Made]:
    """What is not about suites."""
    stack = libssl.stack()

    def case(make: Any, name: str, version: str, *args: Any, **options: Any) -> list[Made]:
        name = f"{version} {name}"
        return attempt(name, stack, version, partial(make, name, version, *args, **options))

    def new(make: Any, name: str, *args: Any, **options: Any) -> list[Made]:
        name = f"TLSv13 {name}"
        return attempt(name, stack, "TLSv13", partial(make, name, *args, **options))

    no_ems = libssl.NO_EXTENDED_MASTER_SECRET
    for version in ("TLSv10", "TLSv11", "TLSv12", "DTLSv10", "DTLSv12"):
        yield from case(simple, "no extended master secret", version, options=no_ems)
        yield from case(resumed, "resumed by session id", version, options=libssl.NO_TICKET)
        yield from case(resumed, "resumed by ticket", version)
        yield from case(
            resumed, "resumed by session id, no extended master secret", version,
            options=libssl.NO_TICKET | no_ems,
        )  # fmt: skip
        yield from case(renegotiated, "renegotiation by the client", version, "c")
        yield from case(renegotiated, "renegotiation by the server", version, "s")
        yield from case(authenticated, "client certificate rsa", version, "rsa")
        yield from case(authenticated, "client certificate ec", version, "ec")
    for ciphers in ("AES128-SHA", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-CHACHA20-POLY1305"):
        for asks in ("cs", "scc", "sss") if ciphers == "AES128-SHA" else ("cs",):
            name = f"renegotiation {asks} {ciphers}"
            yield from case(
                renegotiated, name, "TLSv12", asks, ciphers=[""], client={"ciphers": ciphers}
            )
    changing = [
        "ECDHE-RSA-CHACHA20-POLY1305", "AES256-SHA256", "ECDHE-RSA-AES256-GCM-SHA384", "NULL-SHA256",
        "ECDHE-ECDSA-AES128-CCM8", "CAMELLIA128-SHA", "ARIA128-GCM-SHA256",
    ]  # fmt: skip
    for version in ("TLSv12", "DTLSv12"):
        for flags, what in ((0, ""), (libssl.NO_ENCRYPT_THEN_MAC, ", no encrypt-then-mac")):
            yield from case(
                renegotiated, f"renegotiation to other suites{what}", version, "cscscsc",
                ciphers=changing, client={"ciphers": "AES128-SHA"},
                flags=flags | libssl.NO_RESUMPTION_ON_RENEGOTIATION,
            )  # fmt: skip
    yield from case(
        renegotiated, "renegotiation to other suites", "TLSv10", "cs", ciphers=["AES256-SHA"],
        client={"ciphers": "ECDHE-RSA-AES128-SHA"}, flags=libssl.NO_RESUMPTION_ON_RENEGOTIATION,
    )  # fmt: skip

    for suite, *_ in (each for each in suites() if each[1] == "TLSv1.3"):
        yield from case(resumed, f"resumed {suite}", "TLSv13", suites=suite, psk=False)
        each = ("c", "s", "C", "S") if suite == "TLS_AES_128_GCM_SHA256" else ()
        for updates in (*each, "cscCSsc"):
            yield from new(updated, f"key updates {updates} {suite}", updates, suite)
    yield from new(early, "early data")
    yield from new(early, "early data, long", size=9000)
    yield from new(early, "early data refused", "unread")
    yield from new(early, "early data refused, hello retry", "retry")
    yield from case(simple, "external psk", "TLSv13")
    yield from case(simple, "hello retry", "TLSv13", psk=False, server={"groups": "P-384"})
    yield from case(simple, "padded to 64", "TLSv13", padding=64)
    yield from case(simple, "padded to 1000", "TLSv13", padding=1000)
    yield from case(simple, "no tickets", "TLSv13", psk=False, server={"tickets": 0})
    yield from case(simple, "five tickets", "TLSv13", psk=False, server={"tickets": 5})
    for key in ("rsa", "ec"):
        yield from case(authenticated, f"client certificate {key}", "TLSv13", key)
        yield from case(authenticated, f"post-handshake authentication {key}", "TLSv13", key, True)

    small = {"size": 3000, "fragment": 512}
    yield from case(simple, "small records", "TLSv10", client={"ciphers": "AES128-SHA"}, **small)
    yield from case(simple, "small records", "TLSv12", client={"ciphers": "AES128-SHA"}, **small)
    yield from case(simple, "small records", "TLSv13", psk=False, **small)
    no_empty = {"options": libssl.DONT_INSERT_EMPTY_FRAGMENTS}
    yield from case(
        simple, "no empty records", "TLSv10", client={"ciphers": "AES128-SHA"}, **no_empty
    )
    yield from case(simple, "pieces of a byte", "TLSv10", 40, 1, client={"ciphers": "AES128-SHA"})
    yield from case(simple, "pieces of a byte", "TLSv12", 40, 1, client={"ciphers": "AES128-SHA"})
    yield from case(simple, "pieces of a byte", "TLSv13", 40, 1, psk=False)
    yield from case(simple, "long", "TLSv10", LONG, client={"ciphers": "AES128-SHA"})
    yield from case(
        simple, "long", "TLSv12", LONG, client={"ciphers": "ECDHE-ECDSA-AES128-GCM-SHA256"}
    )  # fmt: skip
    yield from case(simple, "long", "TLSv13", LONG, psk=False, suites="TLS_AES_128_GCM_SHA256")

    for version in ("DTLSv10", "DTLSv12"):
        yield from case(datagrams, "small datagrams", version, 256)
        yield from case(datagrams, "loss", version, lost=[1, 3, 6])
        yield from case(datagrams, "loss of small datagrams", version, 256, lost=[2, 4, 11, 13])
        yield from case(datagrams, "out of order", version, late=[2, 8, 10, 13])


def make() -> Iterator[Made]:
    """All connections."""
    yield from all_suites()
    yield from cases()
