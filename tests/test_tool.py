"""`python -m tlsgrammar`, the examples, and packages that bring extensions along."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
import venv
import zipfile
from pathlib import Path

import pytest
from construct import Struct

import tlsgrammar
from events.testing.captures import payloads
from tlsgrammar import sslv2
from tlsgrammar.language import uint8
from tlsgrammar.language.tree import render
from tlsgrammar.tool import lists
from tlsgrammar.tool.look import Look

from .helpers.structures import HELLO

ROOT = Path(__file__).parent.parent
DATA = ROOT / "tests" / "data"


def run(*arguments: str, stdin: bytes = b"", python: str = sys.executable) -> tuple[int, str, str]:
    result = subprocess.run(
        [python, *arguments], input=stdin, capture_output=True, check=False, cwd=ROOT
    )
    return result.returncode, result.stdout.decode(errors="replace"), result.stderr.decode()


def tool(*arguments: str, stdin: bytes = b"") -> tuple[int, str, str]:
    return run("-m", "tlsgrammar", *arguments, stdin=stdin)


def test_extensions() -> None:
    status, out, _ = tool("extensions")
    assert status == 0
    assert re.search(
        r"^0 +server_name +CH,SH,EE +RFC 6066 section 3 +ssl_extension_server_name$", out, re.M
    )
    assert re.search(
        r"^51 +key_share +CH,SH,HRR +RFC 8446 section 4.2.8 +ssl_extension_key_share$", out, re.M
    )
    assert re.search(r"^29 +pwd_protect +no schema: bytes$", out, re.M)


def test_what_else_is_registered() -> None:
    status, out, _ = tool("messages")
    assert status == 0
    assert re.search(r"^1 +client_hello +RFC 8446 section 4.1.2 +ssl_client_hello, ", out, re.M)
    assert re.search(
        r"^4 +new_session_ticket +tls12,tls13 +RFC 8446 .* ssl_session_ticket", out, re.M
    )
    assert re.search(r"^10 +new_connection_id +tls13 +RFC 9147 section 9$", out, re.M)
    status, out, _ = tool("content-types")
    assert status == 0
    assert re.search(r"^21 +alert +stream,datagram +RFC 8446 section 6 +ssl_alert$", out, re.M)
    assert re.search(r"^22 +handshake +read by the record layer$", out, re.M)
    status, out, _ = tool("key-exchanges")
    assert status == 0
    assert re.search(
        r"^dhe_psk +server,client +identity +RFC 4279 section 2 to 4 +ssl_dh_", out, re.M
    )
    assert re.search(r"^ecdhe_rsa +server,client +signature +RFC 8422", out, re.M)


def test_names() -> None:
    status, out, _ = tool("names", "cipher_suites")
    assert status == 0
    assert re.search(r"^0x1301 +4865 +TLS_AES_128_GCM_SHA256$", out, re.M)
    status, out, _ = tool("names")
    assert status == 0
    assert re.search(r"^supported_groups +\d+ +group$", out, re.M)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("x25519mlkem768",), r"supported_groups  0x11ec  4588 .*768"),
        (("MLKEM",), r"supported_groups  0x11ec  4588 .*768"),
        (("0x11ec",), r"supported_groups  0x11ec  4588 .*768"),
        (("4588",), r"supported_groups  0x11ec  4588 .*768"),
        (("cipher_suites", "AES", "ccm_8"), r"0x1305  4869   TLS_AES_128_CCM_8_SHA256"),
        (("CIPHER-SUITES", "0x1301"), r"0x1301  4865  TLS_AES_128_GCM_SHA256"),
        (("handshake", "failure"), r"alert_descriptions  0x28  40  handshake_failure"),
        (("0x1a1a",), r"cipher_suites      0x1a1a  6682  GREASE-0x1a1a"),
    ],
)
def test_names_are_found(words: tuple[str, ...], line: str) -> None:
    status, out, err = tool("names", *words)
    assert (status, err) == (0, "")
    assert re.search(f"^{line}$", out, re.M)


def test_names_that_were_added() -> None:
    mine = tlsgrammar.extensions.DEFAULT.copy()
    own = tlsgrammar.language.Names("colour", 2, lambda: {1: "red"})
    mine.register_name(tlsgrammar.names.SUPPORTED_GROUPS, 0xF123, "my_group")
    mine.register_name(own, 2, "green")
    mine.register(0xFE42, "my_extension", uint8)
    mine.register_message(251, "my_message", uint8)

    def found(*words: str) -> list[str]:
        return [line.split()[-1] for line in lists.code_points([*words], mine)]

    assert found("my_group") == ["my_group"]
    assert found("supported_groups", "0xf123") == ["my_group"]
    assert found("colour") == ["red", "green"]
    assert found("my") == ["my_extension", "my_message", "my_group"]
    assert any("my_extension" in line for line in lists.extensions(mine))
    assert any("my_message" in line for line in lists.messages(mine))


def test_show() -> None:
    status, out, err = tool("show", "KeyShareEntry")
    assert (status, err) == (0, "")
    assert out == (
        "RFC 8446 section 4.2.8\nstruct {\n    NamedGroup group;\n"
        "    opaque key_exchange<1..2^16-1>;\n} KeyShareEntry;\n"
    )
    _, out, _ = tool("show", "NamedGroup")
    assert "} NamedGroup;" in out
    assert out.endswith("in 2 bytes; all names: names supported_groups\n")
    _, out, _ = tool("show", "PreSharedKeyExtension")
    assert out.startswith("PreSharedKeyExtension: OfferedPsks and SelectedPsk here; one structure")
    assert "} OfferedPsks;" in out
    assert "} SelectedPsk;" in out
    _, out, _ = tool("show", "key_share")
    assert re.findall(r"^} (\w+);", out, re.M) == [
        *("KeyShareClientHello", "KeyShareServerHello", "KeyShareHelloRetryRequest"),
    ]
    _, out, _ = tool("show", "HostName")
    assert out == "opaque HostName<1..2^16-1>;\n"


def test_parse() -> None:
    data = tlsgrammar.build(tlsgrammar.Handshake, {"msg_type": "client_hello", "body": HELLO})
    status, out, err = tool("parse", "Handshake", "-", stdin=data)
    assert (status, err) == (0, "")
    lines = [line.split(maxsplit=1) for line in out.splitlines()]
    assert ["0", "msg_type: client_hello (1)"] in lines
    assert ["39", "cipher_suites: TLS_AES_128_GCM_SHA256 (4865), GREASE-0x1a1a (6682)"] in lines
    # the offset of a name is that of its length
    assert [str(data.index(b"a.example") - 2), "name: 612e6578616d706c65 'a.example'"] in lines
    assert [str(data.index(b"grease") - 2), "extension_data: 677265617365 'grease'"] in lines


def test_parse_needs_context() -> None:
    status, out, _ = tool(
        *("parse", "ServerKeyExchange", "03001d20" + "11" * 32 + "080400021234"),
        *("--cipher-suite", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "--version", "TLSv12"),
    )
    assert status == 0
    assert "namedcurve: x25519 (29)" in out
    assert "signature: 1234" in out


def test_parse_shows_what_it_could_read() -> None:
    status, out, err = tool("parse", "Alert", "02")
    assert status == 1
    assert out.splitlines() == [
        "     0  Alert",
        "     0    level: fatal (2)",
        "     1    description",
    ]
    assert err == "tlsgrammar: Alert.description, offset 1: ends early: expected 1, found 0\n"


@pytest.mark.parametrize(
    "source",
    [
        "0228",
        "0x0228",
        "02 28",
        "02:28",
        "0x02, 0x28",
        "\\x02\\x28",
        "02\n28\n",
    ],
)
def test_hexadecimal_digits(source: str, tmp_path: Path) -> None:
    path = tmp_path / "alert.txt"
    path.write_text(source)
    expected = (
        0,
        "     0  Alert\n     0    level: fatal (2)\n     1    description: handshake_failure (40)\n",
        "",
    )
    assert tool("parse", "Alert", source) == expected
    assert tool("parse", "Alert", str(path)) == expected
    assert tool("parse", "Alert", stdin=source.encode()) == expected
    assert tool("parse", "Alert", *source.split()) == expected


@pytest.mark.parametrize(
    "dump",
    [
        "00000000  02 28                                             |.(|\n00000002\n",
        "00000000: 0228                                     .(\n",
        "0000   02 28                                             .(\n",
        "000000 02 28                                            >.(<\n000002\n",
        "\t0x0000:  0228                                     .(\n",
    ],
    ids=["hexdump -C", "xxd", "Wireshark", "od", "tcpdump -x"],
)
def test_dumps(dump: str) -> None:
    assert tool("parse", "Alert", stdin=dump.encode()) == tool("parse", "Alert", "0228")
    longer = dump.splitlines()[0] + "\n"
    assert tool("parse", stdin=longer.encode())[0] == 0


def test_text_beside_a_dump_is_no_part_of_it() -> None:
    """Though it may look like digits."""
    data = b"0123456789abcdef0123"
    dump = (
        "00000000: 3031 3233 3435 3637 3839 6162 6364 6566  0123456789abcdef\n"
        "00000010: 3031 3233                                0123\n"
    )
    assert tool("parse", "SessionTicket", stdin=dump.encode())[1].endswith(
        tool("parse", "SessionTicket", data.hex())[1].splitlines()[-1] + "\n"
    )
    one = dump.splitlines()[0].encode()
    assert tool("parse", "SessionTicket", stdin=one) == tool(
        "parse", "SessionTicket", data[:16].hex()
    )


def test_lines_that_a_dump_leaves_out() -> None:
    data = bytes(64) + b"\x01\x02"
    dump = "00000000  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|\n*\n"
    dump += "00000040  01 02                                             |..|\n00000042\n"
    assert tool("parse", "SessionTicket", stdin=dump.encode()) == tool(
        "parse", "SessionTicket", data.hex()
    )


@pytest.mark.parametrize("text", ["19:31:35 IP 10.0.0.1.443 > 10.0.0.2.1024\n", "b'abc'", "hello"])
def test_text_that_is_no_dump_is_not_taken_for_bytes(text: str) -> None:
    status, out, err = tool("parse", "ClientHello", stdin=text.encode())
    assert (status, out) == (1, "")
    assert err.startswith("tlsgrammar: neither bytes nor hexadecimal digits")


def test_a_dump_of_several_lines(tmp_path: Path) -> None:
    data = b"\x15\x03\x03\x00\x02\x02\x28" * 5
    lines = [f"{at:08x}: {data[at : at + 16].hex(' ', 2)}  text" for at in range(0, len(data), 16)]
    assert tool("parse", stdin="\n".join(lines).encode()) == tool("parse", data.hex())
    assert tool("parse", stdin=lines[1].encode())[0] == 1  # it does not begin at the beginning


@pytest.mark.parametrize("arguments", [("extensions",), ("parse", "0228"), ("names", "mlkem")])
def test_what_cannot_be_written_is_said(arguments: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "tlsgrammar", *arguments]
    with open("/dev/full", "w") as full:
        result = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False, cwd=ROOT)
    assert (result.returncode, result.stderr) == (
        1,
        b"tlsgrammar: cannot write: No space left on device\n",
    )
    closed = subprocess.run(
        ["bash", "-c", f"{' '.join(command)} >&-"], capture_output=True, check=False, cwd=ROOT
    )
    assert (closed.returncode, closed.stderr) == (
        1,
        b"tlsgrammar: cannot write: standard output is closed\n",
    )


def test_bytes_themselves(tmp_path: Path) -> None:
    path = tmp_path / "alert.bin"
    path.write_bytes(b"\x02\x28")
    for status, out, _ in (
        tool("parse", "Alert", str(path)),
        tool("parse", "Alert", "-", stdin=b"\x02\x28"),
        tool("parse", str(path)),
        tool("parse", stdin=b"\x02\x28"),
    ):
        assert status == 0
        assert "level: fatal (2)" in out


def test_structures_by_all_their_names() -> None:
    entry = "001d0002aabb"
    for name in ("KeyShareEntry", "DTLSCiphertext", "TransportParameters", "sslv2.RecordHeader"):
        status, out, _ = tool("parse", name, entry if name == "KeyShareEntry" else "ffff")
        assert out.startswith(f"     0  {name}\n"), (status, out)
    assert "group: x25519 (29)" in tool("parse", "KeyShareEntry", entry)[1]
    status, out, _ = tool("parse", "NamedCurve", "001d")
    assert (status, out) == (0, "     0  NamedGroup: x25519 (29)\n")


def looked_at(data: bytes, **context: object) -> tuple[str, list[str], list[str]]:
    """What bytes look like, the tree of what is in them without the offsets, and what is wrong with them."""
    looked = Look(data, context)
    lines = [line for node in looked.nodes() for line in render(node)]
    return looked.kind, lines, [str(error) for error in looked.errors]


def messages_of(lines: list[str]) -> list[str]:
    return [match[1] for line in lines if (match := re.search(r"msg_type: (\w+)", line))]


STREAMS = sorted(
    path for path in DATA.glob("*.pcap") if not path.stem.startswith(("starttls", "proxy"))
)


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)
def test_real_records(path: Path) -> None:
    """Both sides of a conversation, one after the other and by turns, from records into the bodies of messages."""
    chunks = payloads(path)
    by_turns = b"".join(data for _, data in chunks)
    kind, lines, errors = looked_at(by_turns)
    assert kind == "TLS records"
    assert errors == []
    assert messages_of(lines)[0] == "client_hello"
    assert "server_hello" in messages_of(lines) or any("level: fatal" in line for line in lines)
    server = b"".join(data for is_orig, data in chunks if not is_orig)
    kind, lines, errors = looked_at(server)
    assert (kind, errors) == ("TLS records", [])
    assert messages_of(lines)[:1] in (["server_hello"], [])


@pytest.mark.parametrize("path", sorted((DATA / "dtls").glob("*.pcap")), ids=lambda path: path.stem)
def test_real_datagrams(path: Path) -> None:
    for _, data in payloads(path):
        kind, lines, errors = looked_at(data)
        if not kind and "cid" in path.stem:
            continue  # who has not seen the hellos cannot tell where a connection id ends
        assert kind == "DTLS records"
        assert errors == []
        assert lines[0].endswith(("DTLSPlaintext", "DTLSCiphertext"))


def test_offsets_are_those_of_the_whole() -> None:
    """Of a message in several records too."""
    message = tlsgrammar.build(tlsgrammar.Handshake, {"msg_type": "client_hello", "body": HELLO})
    records = b"".join(
        tlsgrammar.build(
            tlsgrammar.TLSPlaintext,
            {"type": 22, "legacy_record_version": 0x301, "fragment": message[at : at + 20]},
        )
        for at in range(0, len(message), 20)
    )
    kind, lines, errors = looked_at(b"\x15\x03\x01\x00\x02\x01\x00" + records)
    assert (kind, errors) == ("TLS records", [])
    found = {line.split(":")[0].split()[-1]: int(line.split()[0]) for line in lines}
    assert found["msg_type"] == 7 + 5
    at = message.index(b"\x00\x04\x13\x01\x1a\x1a")
    assert found["cipher_suites"] == 7 + at + 5 * (1 + at // 20)


def test_what_bytes_look_like() -> None:
    hello = tlsgrammar.build(tlsgrammar.ClientHello, HELLO)
    message = tlsgrammar.build(tlsgrammar.Handshake, {"msg_type": "client_hello", "body": HELLO})
    done = tlsgrammar.build(tlsgrammar.Handshake, {"msg_type": "server_hello_done", "body": {}})
    assert looked_at(hello)[0] == "a ClientHello"
    assert looked_at(message)[0] == "handshake messages"
    assert messages_of(looked_at(message + done)[1]) == ["client_hello", "server_hello_done"]
    server = {
        "legacy_version": 0x303,
        "random": HELLO["random"],
        "legacy_session_id_echo": b"",
        "cipher_suite": 0x1301,
        "legacy_compression_method": 0,
    }
    assert looked_at(tlsgrammar.build(tlsgrammar.ServerHello, server))[0] == "a ServerHello"
    datagram_hello = tlsgrammar.build(
        tlsgrammar.ClientHello, {**HELLO, "legacy_version": 0xFEFD, "cookie": b"c"}, dtls=True
    )
    kind, lines, errors = looked_at(datagram_hello)
    assert (kind, errors) == ("a ClientHello", [])
    assert any("cookie: 63" in line for line in lines)
    fragment = tlsgrammar.build(
        tlsgrammar.dtls.DTLSHandshake,
        {
            "msg_type": "client_hello",
            "length": len(datagram_hello),
            "message_seq": 0,
            "fragment_offset": 0,
            "fragment": datagram_hello,
        },
    )
    kind, lines, errors = looked_at(fragment)
    assert (kind, errors) == ("DTLS handshake messages", [])
    assert any("cookie: 63" in line for line in lines)
    assert looked_at(b"\x02\x28")[0] == "an alert"
    assert looked_at(b"GET / HTTP/1.1\r\n\r\n")[0] == ""
    assert looked_at(b"")[0] == ""


def test_ssl20() -> None:
    body = tlsgrammar.build(
        sslv2.Message,
        {
            "msg_type": 1,
            "body": {
                "version": 0x301,
                "cipher_specs": [0x2F],
                "session_id": b"",
                "challenge": bytes(16),
            },
        },
    )
    hello = tlsgrammar.build(sslv2.RecordHeader, {"length": len(body)}) + body
    kind, lines, errors = looked_at(hello + b"\x15\x03\x01\x00\x02\x01\x00")
    assert (kind, errors) == ("SSL 2.0 records", [])
    assert "     0  RecordHeader" in lines
    assert "     2  Message" in lines
    assert any("cipher_specs: " in line for line in lines)
    assert any(line.endswith("close_notify (0)") for line in lines)


def test_what_records_hold_besides_messages() -> None:
    kind, lines, errors = looked_at(bytes.fromhex("15030300040100 0228"))
    assert (kind, errors) == ("TLS records", [])
    assert [line.strip() for line in lines[4:]] == [
        *("3    fragment", "5      Alert", "5        level: warning (1)"),
        *("6        description: close_notify (0)", "7      Alert"),
        *("7        level: fatal (2)", "8        description: handshake_failure (40)"),
    ]
    mine = tlsgrammar.extensions.DEFAULT.copy()
    mine.register_content_type(30, "counter", Struct("count" / uint8))
    looked = Look(bytes.fromhex("1e0303000107"), {"extensions": mine}, mine)
    [node] = looked.nodes()
    assert "     5        count: 7" in list(render(node, extensions=mine))


def test_what_is_encrypted_is_no_message() -> None:
    record = tlsgrammar.TLSPlaintext
    encrypted = [
        {"type": 20, "legacy_record_version": 0x303, "fragment": b"\x01"},
        {"type": 22, "legacy_record_version": 0x303, "fragment": bytes(range(200, 240))},
        {"type": 21, "legacy_record_version": 0x303, "fragment": bytes(range(26))},
    ]
    data = b"".join(tlsgrammar.build(record, value) for value in encrypted)
    _, lines, errors = looked_at(data)
    assert errors == []
    assert sum("fragment: " in line for line in lines) == 2


def test_what_is_wrong_comes_after_what_could_be_parsed() -> None:
    message = tlsgrammar.build(tlsgrammar.Handshake, {"msg_type": "client_hello", "body": HELLO})
    data = tlsgrammar.build(
        tlsgrammar.TLSPlaintext,
        {"type": 22, "legacy_record_version": 0x301, "fragment": message},
    )
    status, out, err = tool("parse", stdin=data[:60])
    assert status == 1
    assert out.startswith("looks like TLS records\n")
    assert "cipher_suites: TLS_AES_128_GCM_SHA256" in out
    assert err == (
        f"tlsgrammar: TLSPlaintext.fragment, offset 60: ends early: {len(message)} bytes expected, "
        f"55 found\n"
    )
    wrong = bytearray(data + data)
    wrong[5 + 4 + 34] = 0xFF
    status, out, err = tool("parse", stdin=bytes(wrong))
    assert status == 1
    assert out.count("TLSPlaintext") == 2
    assert out.count("extensions") == 1
    assert err.startswith("tlsgrammar: ClientHello.legacy_session_id, offset ")


def test_a_version_of_old_is_told_by_the_record() -> None:
    message = tlsgrammar.build(
        tlsgrammar.Handshake,
        {
            "msg_type": "certificate_request",
            "body": {
                "certificate_types": [1],
                "supported_signature_algorithms": None,
                "certificate_authorities": [],
            },
        },
        version=0x301,
    )
    data = tlsgrammar.build(
        tlsgrammar.TLSPlaintext, {"type": 22, "legacy_record_version": 0x301, "fragment": message}
    )
    assert looked_at(data)[2] == []
    assert looked_at(data, version=0x303)[2] != []


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (
            ("parse", "ClientHelo", "00"),
            "no structure is named 'ClientHelo'; did you mean 'ClientHello'",
        ),
        (
            ("names", "cipher_suits"),
            "no registry is named 'cipher_suits'; did you mean cipher_suites",
        ),
        (
            ("parse", "Alert", "zz"),
            "'zz' is neither hexadecimal nor a file: No such file or directory",
        ),
        (("parse", "Alert", "022800"), "offset 2: 1 byte left over"),
        (("parse", "Alert", "0228", "--version", "TLS"), "no protocol version is named 'TLS'"),
        (("parse", "ClientHelo"), "'ClientHelo' is neither hexadecimal nor a file: No such"),
        (
            ("parse", "ClientHelo"),
            "; no structure is named 'ClientHelo'; did you mean 'ClientHello'",
        ),
        (("parse", "022"), "an odd number of hexadecimal digits: 3"),
        (
            ("parse", "474554"),
            "these 3 bytes could not be recognised; give the name of a structure",
        ),
        (
            ("show", "clienthello"),
            "no structure is named 'clienthello'; did you mean 'ClientHello'?",
        ),
        (("names", "cipher_suites", "nonsense"), "no cipher suite has 'nonsense' in its name"),
        (("names", "cipher_suits", "AES"), "no registry is named 'cipher_suits'"),
        (("build", "Alert", "/nonexistent"), "/nonexistent: No such file or directory"),
        (("build", "Alert", "{"), "not JSON: "),
        (("build", "Alrt", "{}"), "no structure is named 'Alrt'; did you mean 'Alert'"),
    ],
)
def test_what_a_user_gets_wrong(arguments: tuple[str, ...], problem: str) -> None:
    status, _, err = tool(*arguments)
    assert status == 1
    assert err.startswith("tlsgrammar: ")
    assert problem in err
    assert err.count("\n") == 1


def test_build(tmp_path: Path) -> None:
    value = json.loads(json.dumps(HELLO, default=lambda data: "0x" + data.hex()))
    path = tmp_path / "hello.json"
    path.write_text(json.dumps(value))
    result = subprocess.run(
        [sys.executable, "-m", "tlsgrammar", "build", "ClientHello", str(path)],
        capture_output=True,
        check=True,
    )
    assert result.stdout == tlsgrammar.build(tlsgrammar.ClientHello, HELLO)
    path.write_text('{"level": "fatal"}')
    status, _, err = tool("build", "Alert", str(path))
    assert (status, err) == (
        1,
        "tlsgrammar: Alert.description, offset 1: no value for the field 'description'\n",
    )
    given = '{"level": "fatal", "description": "handshake_failure"}'
    assert tool("build", "Alert", given)[:2] == (0, "\x02(")
    assert tool("build", "Alert", "-", stdin=given.encode())[:2] == (0, "\x02(")
    path.write_text("{")
    assert tool("build", "Alert", str(path))[2].startswith(f"tlsgrammar: {path}: not JSON")


def test_the_example_of_an_extension() -> None:
    status, out, err = run("examples/extension.py")
    assert (status, err) == (0, "")
    assert "ssl_extension_greeting is_orig=true words=[68656c6c6f,776f726c64]" in out
    assert "ssl_extension is_orig=true code=greeting val=01" in out


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl program")
def test_a_real_server_accepts_the_client_hello_of_the_example(tmp_path: Path) -> None:
    subprocess.run(
        "openssl req -x509 -nodes -newkey rsa:2048 -keyout key.pem -out cert.pem -subj /CN=localhost",
        shell=True,
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = str(probe.getsockname()[1])
    command = f"openssl s_server -accept {port} -key key.pem -cert cert.pem -alpn h2 -tls1_2 -quiet"
    server = subprocess.Popen(command.split(), cwd=tmp_path, stdin=subprocess.PIPE)
    try:
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", int(port))).close()
                break
            except OSError:
                time.sleep(0.05)
        status, out, err = run("examples/client_hello.py", "127.0.0.1", port)
    finally:
        server.kill()
        server.wait()
    assert (status, err) == (0, "")
    assert "cipher=TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256" in out
    assert "protocols=[h2]" in out
    assert "ssl_server_curve curve=x25519" in out
    assert out.splitlines()[-1].endswith("msg_type=server_hello_done length=0")


PLUGIN = """
from construct import Struct
from tlsgrammar.language import uint8
import events

class SslExtensionBrought(events.Event, frozen=True):
    name = "ssl_extension_brought"
    c: events.Connection
    is_orig: bool
    value: int

def register(registry):
    registry.register(0xFE77, "brought_along", Struct("value" / uint8), reference="the package")

    @events.raises(SslExtensionBrought, on_extension="brought_along", registry=registry)
    def ssl_extension_brought(body, at):
        return SslExtensionBrought(at.c, at.is_orig, body.value, ts=at.ts)
"""


def wheel(path: Path, name: str, module: str, target: str) -> Path:
    """A wheel of one module with an entry point for extensions."""
    info = f"{name}-1.0.dist-info"
    files = {
        f"{name}.py": module,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[tlsgrammar.extensions]\n{name} = {target}\n",
    }
    record = "".join(f"{file},,\n" for file in [*files, f"{info}/RECORD"])
    archive = path / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(archive, "w") as out:
        for file, text in {**files, f"{info}/RECORD": record}.items():
            out.writestr(file, text)
    return archive


def test_packages_bring_extensions_along(tmp_path: Path) -> None:
    """Installed in a fresh environment, which sees the libraries of this one."""
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=True)
    python = str(environment / "bin" / "python")
    site = next((environment / "lib").glob("python*/site-packages"))
    (site / "this.pth").write_text(f"{sysconfig.get_path('purelib')}\n{ROOT}\n")
    wheels = [
        wheel(tmp_path, "brought", PLUGIN, "brought:register"),
        wheel(tmp_path, "broken", "", "broken:no_such_function"),
    ]
    for each in wheels:
        pip = [python, "-m", "pip", "install", "-q", "--no-index", "--no-deps", str(each)]
        subprocess.run(pip, check=True, capture_output=True)

    status, out, err = run("-m", "tlsgrammar", "extensions", python=python)
    assert status == 1
    assert re.search(r"^65143 +brought_along .* the package +ssl_extension_brought$", out, re.M)
    assert err.startswith(
        "tlsgrammar: extensions of 'broken' (broken:no_such_function) cannot be loaded"
    )
    assert err.count("\n") == 1

    status, out, _ = run("-m", "events", "--list-events", python=python)
    assert "ssl_extension_brought" in out

    script = (
        "import tlsgrammar; [error] = tlsgrammar.load_extensions(); "
        "assert [e.name for e in tlsgrammar.load_extensions()] == []; "
        "print(error.name, tlsgrammar.extensions.DEFAULT.name(0xFE77))"
    )
    assert run("-c", script, python=python) == (0, "broken brought_along\n", "")


@pytest.mark.parametrize("path", sorted((DATA / "quic").glob("*.pcap")), ids=lambda path: path.stem)
def test_datagrams_of_quic(path: Path) -> None:
    """All that is in them is shown: packets, what is behind them, and padding."""
    for _, datagram in payloads(path):
        if datagram[0] < 0x80:
            continue
        look = Look(datagram, {})
        assert look.kind == "QUIC packets"
        nodes = list(look.nodes())
        assert [node.start for node in nodes] == [0, *(node.end for node in nodes[:-1])]
        assert nodes[-1].end == len(datagram)
        assert not look.errors
    status, out, _ = tool("show", "InitialPacket")
    assert (status, "opaque protected<0..2^62-1>;" in out) == (0, True)
