"""JA3, JA3S and JA4: the examples that their authors publish, each rule of theirs, and tshark as an oracle of JA3."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tlsgrammar
from events import (
    SslClientFingerprints,
    SslServerFingerprint,
    ja3,
    ja3s,
    ja4,
    ja4_r,
    ja4_ro,
    read_capture,
)
from tlsgrammar.language.strategies import values

DATA = Path(__file__).parent / "data"
GREASE = [0x0A0A + 0x1010 * index for index in range(16)]


def extension(code: int, body: object = None) -> dict[str, object]:
    """An extension; one whose body does not matter has no bytes."""
    if body is None:
        return {"extension_type": code, "extension_data": b""}
    return {"extension_type": code, "body": body}


def hello(
    ciphers: Sequence[int],
    extensions: Sequence[dict[str, object]] | None = None,
    version: int = 0x0303,
) -> Any:
    """A ClientHello, built and parsed again."""
    value: dict[str, object] = {
        "legacy_version": version,
        "random": {"gmt_unix_time": 0, "random_bytes": bytes(28)},
        "legacy_session_id": b"",
        "cipher_suites": list(ciphers),
        "legacy_compression_methods": [0],
    }
    if version >> 8 == 0xFE:
        value["cookie"] = b""
    if extensions is not None:
        value["extensions"] = list(extensions)
    dtls = {"dtls": True} if version >> 8 == 0xFE else {}
    data = tlsgrammar.build(tlsgrammar.ClientHello, value, **dtls)
    found, _ = tlsgrammar.read(tlsgrammar.ClientHello, data, **dtls)
    return found


def server_hello(cipher: int, codes: Sequence[int], version: int = 0x0303) -> Any:
    """A ServerHello, likewise."""
    value: dict[str, object] = {
        "legacy_version": version,
        "random": {"gmt_unix_time": 0, "random_bytes": bytes(28)},
        "legacy_session_id_echo": b"",
        "cipher_suite": cipher,
        "legacy_compression_method": 0,
    }
    if codes:
        value["extensions"] = [extension(code) for code in codes]
    found, _ = tlsgrammar.read(
        tlsgrammar.ServerHello, tlsgrammar.build(tlsgrammar.ServerHello, value)
    )
    return found


def alpn(*protocols: bytes) -> dict[str, object]:
    return extension(16, {"protocol_name_list": list(protocols)})


def versions(*codes: int) -> dict[str, object]:
    return extension(43, {"versions": list(codes)})


def groups(*codes: int) -> dict[str, object]:
    return extension(10, {"named_group_list": list(codes)})


def point_formats(*codes: int) -> dict[str, object]:
    return extension(11, {"ec_point_format_list": list(codes)})


def signatures(*codes: int) -> dict[str, object]:
    return extension(13, {"supported_signature_algorithms": list(codes)})


def of_raw(raw: str, protocol: bytes, supported: Sequence[int] = (0x0304, 0x0303)) -> Any:
    """The hello that a raw JA4 in the client's order is of."""
    _, ciphers, codes, algorithms = raw.split("_")
    bodies = {
        0x0010: alpn(protocol),
        0x002B: versions(*supported),
        0x000D: signatures(*codes_of(algorithms)),
    }
    extensions = [bodies.get(code) or extension(code) for code in codes_of(codes)]
    return hello(codes_of(ciphers), extensions)


def codes_of(joined: str) -> list[int]:
    return [int(code, 16) for code in joined.split(",")]


# JA4: what FoxIO publishes (technical_details/JA4.md, and what its own programs find in its captures)


SUITES = "1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035"
CHROME = "0403,0804,0401,0503,0805,0501,0806,0601"
SORTED = "0005,000a,000b,000d,0012,0015,0017,001b,0023,002b,002d,0033,4469,ff01"
PUBLISHED = [
    (
        "JA4.md",
        f"t13d1516h2_{SUITES}_001b,0000,0033,0010,4469,0017,002d,000d,0005,0023,0012,002b,ff01,000b,000a,0015_{CHROME}",
        b"h2",
        "t13d1516h2_8daaf6152771_e5627efa2ab1",
    ),
    (
        "sigalg-grease.pcapng",
        f"t13d1517h2_{SUITES}_fe0d,0010,0017,0033,44cd,ff01,000a,000d,0023,002b,000b,ca34,002d,0000,0005,001b,0012"
        f"_0904,0905,0906,{CHROME}",
        b"h2",
        "t13d1517h2_8daaf6152771_cb7bf5808d99",
    ),
    (
        "badcurveball.pcap",
        f"t13d1615h2_{SUITES},000a_0000,0017,ff01,000a,000b,0023,0010,0005,000d,0012,0033,002d,002b,001b,0015"
        f"_{CHROME},0201",
        b"h2",
        "t13d1615h2_46e7e9700bed_45f260be83e2",
    ),
    (
        "latest.pcapng, stream 5",
        f"t13d1516h2_{SUITES}_000d,0010,0000,000b,0023,4469,ff01,0033,000a,002d,002b,0005,0017,0012,001b,0029_{CHROME}",
        b"h2",
        "t13d1516h2_8daaf6152771_9b887d9acb53",
    ),
]


@pytest.mark.parametrize(
    ("raw", "protocol", "expected"),
    [row[1:] for row in PUBLISHED],
    ids=[row[0] for row in PUBLISHED],
)
def test_ja4_is_what_its_authors_find(raw: str, protocol: bytes, expected: str) -> None:
    found = of_raw(raw, protocol)
    assert ja4(found) == expected
    assert ja4_ro(found) == raw


def test_ja4_of_tls_12_is_what_its_authors_find() -> None:
    """latest.pcapng, stream 3: no ALPN, and no supported_versions."""
    raw = (
        "t12d190800_c02c,c02b,c030,c02f,c024,c023,c028,c027,c00a,c009,c014,c013,009d,009c,003d,003c,0035,002f,000a"
        "_0000,0005,000a,000b,000d,0023,0017,ff01_0804,0805,0806,0401,0501,0201,0403,0503,0203,0202,0601,0603"
    )
    found = of_raw(raw, b"")
    assert ja4(found) == "t12d190800_d83cc789557e_7af1ed941c26"
    assert ja4_ro(found) == raw


def test_the_raw_form_is_sorted_but_for_the_signatures() -> None:
    found = of_raw(PUBLISHED[0][1], b"h2")
    ciphers = ",".join(sorted(SUITES.split(",")))
    assert ja4_r(found) == f"t13d1516h2_{ciphers}_{SORTED}_{CHROME}"


def test_without_signatures_there_is_no_underscore() -> None:
    """JA4.md has the hash of these extensions."""
    codes = [code for code in codes_of(SORTED) if code != 0x002B]
    found = hello([0x1301], [*(extension(code) for code in codes), versions(0x0304)])
    assert ja4(found).endswith("_6d807ffa2a79")
    assert ja4_r(found) == f"t13i011400_1301_{SORTED}"


# ALPN, as in JA4.md; where either end is no letter or digit of ASCII, its hexadecimal digits
ENDS = {
    b"http/1.1".hex(): "h1",
    "6832": "h2",
    "AB": "ab",
    "20": "20",
    "ABCD": "ad",
    "2061": "21",
    "30AB": "3b",
    "6120": "60",
    "3031ABCD": "3d",
    "30ABCD31": "01",
    "78": "xx",
    "5A39": "Z9",
    "C3A9": "c9",
    "612D62": "ab",
}


@pytest.mark.parametrize(("protocol", "ends"), ENDS.items())
def test_the_ends_of_the_first_protocol(protocol: str, ends: str) -> None:
    found = hello([0x1301], [alpn(bytes.fromhex(protocol), b"h2")])
    assert ja4(found)[8:10] == ends


def test_without_a_protocol_there_are_zeros() -> None:
    assert ja4(hello([0x1301], []))[8:10] == "00"
    assert ja4(hello([0x1301], [extension(16)]))[8:10] == "00"


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (0x0304, "13"),
        (0x0303, "12"),
        (0x0302, "11"),
        (0x0301, "10"),
        (0x0300, "s3"),
        (0x0002, "s2"),
        (0xFEFF, "d1"),
        (0xFEFD, "d2"),
        (0xFEFC, "d3"),
        (0x7F17, "00"),
        (0x0305, "00"),
    ],
)
def test_the_version(code: int, name: str) -> None:
    """That of the message, but for supported_versions."""
    assert ja4(hello([0x1301], [versions(code)]))[1:3] == name
    assert ja4(hello([0x1301], [], version=code))[1:3] == name


def test_the_highest_version_counts_wherever_it_stands() -> None:
    assert ja4(hello([0x1301], [versions(0x0303, 0x0304, 0x0301)]))[1:3] == "13"
    assert ja4(hello([0x1301], [versions(0xFEFD, 0xFEFC)]))[1:3] == "d3"
    assert ja4(hello([0x1301], [extension(43)]))[1:3] == "12"


def test_what_the_client_speaks_over() -> None:
    """QUIC has its transport parameters, DTLS its versions."""
    assert ja4(hello([0x1301], []))[0] == "t"
    assert ja4(hello([0x1301], [extension(57)]))[0] == "q"
    assert ja4(hello([0x1301], [extension(0xFFA5)]))[0] == "q"
    assert ja4(hello([0x1301], [], version=0xFEFD))[:3] == "dd2"
    for folder, letter in (("quic", "q"), ("dtls", "d"), (".", "t")):
        for path in sorted((DATA / folder).glob("*.pcap")):
            for event in read_capture(path, wanted={"ssl_client_fingerprints"}):
                assert isinstance(event, SslClientFingerprints)
                assert event.ja4[0] == letter, path


def test_counts_have_two_digits() -> None:
    ciphers = [code for code in range(200) if code not in GREASE]
    codes = [extension(code) for code in range(1000, 1150)]
    assert ja4(hello(ciphers, codes))[4:8] == "9999"
    assert ja4(hello(ciphers[:9], codes[:1]))[4:8] == "0901"
    # SCSVs count like cipher suites.
    assert ja4(hello([0x00FF, 0x5600, 0xFE00], []))[4:8] == "0300"


def test_where_there_is_nothing_there_are_zeros() -> None:
    zeros = "000000000000"
    assert ja4(hello([GREASE[0]])) == f"t12i000000_{zeros}_{zeros}"
    assert ja4_r(hello([GREASE[0]])) == ja4_ro(hello([GREASE[0]])) == "t12i000000__"
    name = extension(0, {"server_name_list": [{"name_type": 0, "name": "a.example"}]})
    assert ja4(hello([GREASE[0]], [name, alpn(b"h2")])) == f"t12d0002h2_{zeros}_{zeros}"


@pytest.mark.parametrize("grease", GREASE)
def test_grease_is_nowhere(grease: int) -> None:
    """In cipher suites, extensions, groups, versions, signatures and protocols (RFC 8701)."""
    protocol = grease.to_bytes(2, "big")

    def made(*more: int) -> Any:
        unknown = [extension(code) for code in more]
        protocols = [protocol, b"h2"] if more else [b"h2"]
        return hello(
            [*more, 0x1301, 0x1302],
            [
                *unknown,
                groups(*more, 29, 23),
                point_formats(0),
                versions(*more, 0x0304, 0x0303),
                signatures(*more, 0x0403),
                alpn(*protocols),
            ],
        )

    with_it, without = made(grease), made()
    for fingerprint in (ja3, ja4, ja4_r, ja4_ro):
        assert fingerprint(with_it) == fingerprint(without)


def test_what_looks_like_grease_is_none() -> None:
    near = [0x0A1A, 0x1A0A, 0x0B0B, 0x0A0B]
    assert ja4_ro(hello(near, [])) == "t12i040000_0a1a,1a0a,0b0b,0a0b_"


# JA3


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def test_ja3_is_what_its_authors_find() -> None:
    """The examples of its README."""
    ciphers = [47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4]
    found = hello(ciphers, [extension(0), groups(23, 24, 25), point_formats(0)], version=769)
    assert ja3(found) == "ada70206e40642a3e4461f35503241d5"
    without = hello([4, 5, 10, 9, 100, 98, 3, 6, 19, 18, 99], version=769)
    assert ja3(without) == "de350869b8c85de67a350c8d186f11e6"


def test_ja3_has_all_fields_in_the_order_of_the_client() -> None:
    found = hello([2, 1], [point_formats(2, 0), extension(9), groups(24, 23)], version=0x0302)
    assert ja3(found) == md5("770,2-1,11-9-10,24-23,2-0")
    assert ja3(hello([1], [])) == md5("771,1,,,")
    # The version is that of the message; what cannot be read is not there.
    assert ja3(hello([1], [versions(0x0304), extension(10)])) == md5("771,1,43-10,,")


def test_ja3s() -> None:
    assert ja3s(server_hello(47, [65281, 11, 35], 769)) == md5("769,47,65281-11-35")
    assert ja3s(server_hello(47, [])) == md5("771,47,")


@given(data=st.data())
def test_any_hello_has_fingerprints(data: st.DataObject) -> None:
    client = data.draw(values(tlsgrammar.ClientHello))
    found, _ = tlsgrammar.read(
        tlsgrammar.ClientHello, tlsgrammar.build(tlsgrammar.ClientHello, client)
    )
    assert len(ja3(found)) == 32
    head, ciphers, extensions = ja4(found).split("_")
    assert (len(head), len(ciphers), len(extensions)) == (10, 12, 12)
    assert ja4_r(found).startswith(head)
    assert ja4_ro(found).startswith(head)
    server = data.draw(values(tlsgrammar.ServerHello))
    answer, _ = tlsgrammar.read(
        tlsgrammar.ServerHello, tlsgrammar.build(tlsgrammar.ServerHello, server)
    )
    assert len(ja3s(answer)) == 32


# tshark


CAPTURES = sorted(DATA.rglob("*.pcap"))
if "TLSGRAMMAR_CONFORMANCE" in os.environ:
    CAPTURES += sorted((Path(os.environ["TLSGRAMMAR_CONFORMANCE"]) / "traces").glob("*.pcap"))

FIELDS = ["tls.handshake.ja3", "tls.handshake.ja3s", "dtls.handshake.ja3", "dtls.handshake.ja3s"]

# What tshark 4.0 does not read: hellos on these ports, and what it loses of a connection.
NOT_READ_BY_TSHARK = {
    "edge-tls-port8443": "it looks for TLS on some ports only",
    "irc-starttls": "likewise",
    "rdp__rdp-to-ssl": "likewise",
    "ssl-to-http-server": "likewise",
    "quicdoq": "likewise",
    "hrr": "the ServerHello after a HelloRetryRequest",
    "retry": "the ClientHello after a Retry of QUIC",
    "aioquic-retry": "likewise",
    "aioquic-v2-retry": "likewise",
    "ngtcp2-retry": "likewise",
    "aioquic-version-negotiation": "the ClientHello after a Version Negotiation",
}
# It lists the groups of both supported_groups extensions of a hello that has two. No hello may (RFC 8446 section 4.2), and
# the authors do not say which counts; here it is the first.
DIFFERENT = {
    "edge-ext-dup": ("d88d36cd21a08ff4453461591d82ccf7", "607b0b3ac764c3348dbd347a5304f98b")
}


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_ja3_and_ja3s_are_those_of_tshark(path: Path) -> None:
    wanted = {"ssl_client_fingerprints", "ssl_server_fingerprint"}
    ours: Counter[str] = Counter()
    for event in read_capture(path, wanted=wanted, disable_analyzer_after_detection=False):
        if isinstance(event, SslClientFingerprints):
            ours[event.ja3] += 1
        elif isinstance(event, SslServerFingerprint):
            ours[event.ja3s] += 1
    command = ["tshark", "-n", "-r", str(path), "-T", "fields", "-E", "separator=,"]
    fields = [part for field in FIELDS for part in ("-e", field)]
    result = subprocess.run([*command, *fields], capture_output=True, text=True, check=False)
    theirs = Counter(result.stdout.replace("\n", ",").split(","))
    del theirs[""]
    if path.stem in DIFFERENT:
        mine, other = DIFFERENT[path.stem]
        ours[mine] -= 1
        theirs[other] -= 1
    assert not theirs - ours
    if path.stem not in NOT_READ_BY_TSHARK:
        assert not ours - theirs
