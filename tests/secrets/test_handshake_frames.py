"""The frames of decrypted Handshake packets of QUIC, in packets that are sealed here (RFC 9001 section 5)."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import events
import tlsgrammar
from events import KeyLog, QuicAnalyzer
from events.secrets.initial import initial_keys
from events.secrets.schedule import expand_label
from tlsgrammar import quic

from ..helpers.quic import CLIENT_CID, crypto, initial
from ..helpers.streams import client_hello, message, names, server_hello

SECRET = bytes(range(32))
CLIENT_RANDOM = (1).to_bytes(4, "big") + bytes(range(28))
LOG = [
    f"{label} {CLIENT_RANDOM.hex()} {SECRET.hex()}"
    for label in ("SERVER_HANDSHAKE_TRAFFIC_SECRET", "SERVER_TRAFFIC_SECRET_0")
]
HELLO = client_hello((43, bytes.fromhex("020304")))
ANSWER = server_hello((43, bytes.fromhex("0304")), cipher_suite=0x1301)
CLOSE = tlsgrammar.build(
    quic.Frame,
    {
        "type": "CONNECTION_CLOSE",
        "frame": {"error_code": 0x128, "frame_type": 6, "reason_phrase": b"no suite"},
    },
)


def sealed(first: int, behind_first: bytes, payload: bytes, number: int) -> bytes:
    """A packet of the server, whose packet number has four bytes."""
    key = expand_label("SHA256", SECRET, "quic key", 16)
    iv = expand_label("SHA256", SECRET, "quic iv", 12)
    mask_key = expand_label("SHA256", SECRET, "quic hp", 16)
    header = bytes([first | 3]) + behind_first + number.to_bytes(4, "big")
    nonce = (int.from_bytes(iv, "big") ^ number).to_bytes(12, "big")
    content = AESGCM(key).encrypt(nonce, payload, header)
    encryptor = Cipher(algorithms.AES(mask_key), modes.ECB()).encryptor()
    mask = encryptor.update(content[:16])
    at = len(header) - 4
    masked = bytes([header[0] ^ mask[0] & (0x0F if first & 0x80 else 0x1F)])
    hidden = bytes(a ^ b for a, b in zip(header[at:], mask[1:5], strict=True))
    return masked + header[1:at] + hidden + content


def handshake_packet(payload: bytes, number: int = 0) -> bytes:
    payload = payload.ljust(20, b"\0")
    size = 4 + len(payload) + 16
    ids = b"\x06client\x06server"
    behind = bytes.fromhex("00000001") + ids + (0x4000 | size).to_bytes(2, "big")
    return sealed(0xE0, behind, payload, number)


def short_packet(payload: bytes, number: int = 0) -> bytes:
    return sealed(0x40, b"client", payload.ljust(20, b"\0"), number)


def answer(hello: bytes = ANSWER) -> bytes:
    keys = initial_keys(quic.VERSION_1, CLIENT_CID)
    assert keys is not None
    fields = {
        "version": quic.VERSION_1,
        "destination_connection_id": b"client",
        "source_connection_id": b"server",
        "token": b"",
    }
    return keys.server.seal(fields, 0, crypto(0, hello))


def analyze(*packets: bytes, wanted: set[str]) -> list[events.Event]:
    analyzer = QuicAnalyzer(secrets=KeyLog(LOG), wanted=wanted)
    found = analyzer.deliver(initial(crypto(0, HELLO)), True)
    for packet in (answer(), *packets):
        found += analyzer.deliver(packet, False)
    return found + analyzer.end()


def test_a_connection_close_in_a_handshake_packet_is_an_event() -> None:
    [event] = analyze(handshake_packet(CLOSE), wanted={"QUIC::connection_close_frame"})
    assert isinstance(event, events.QUICConnectionCloseFrame)
    assert (event.is_orig, event.version) == (False, 1)
    assert (event.dcid, event.scid) == (b"client", b"server")
    assert (event.error_code, event.reason_phrase) == (0x128, b"no suite")


def test_crypto_frames_of_handshake_packets_are_messages() -> None:
    """However they are cut, and where each of them stood."""
    whole = message(8, b"\0\0") + message(20, bytes(32))
    packets = [
        handshake_packet(crypto(30, whole[30:]), 0),
        handshake_packet(crypto(0, whole[:10]) + CLOSE, 1),
        handshake_packet(crypto(10, whole[10:30]), 2),
    ]
    found = analyze(*packets, wanted={"ssl_handshake_message", "protocol_violation"})
    messages = [event for event in found if isinstance(event, events.SslHandshakeMessage)]
    assert [(each.is_orig, each.msg_type, each.length) for each in messages] == [
        (True, 1, len(HELLO) - 4),
        (False, 2, len(ANSWER) - 4),
        (False, 8, 2),
        (False, 20, 32),
    ]
    assert names(found).count("protocol_violation") == 0


@pytest.mark.parametrize("count", [1, 2])
def test_a_frame_that_is_not_known_is_told_of_once(count: int) -> None:
    """With its place: behind the bytes that came before, and the header of its packet."""
    packets = [handshake_packet(b"\x01\x3f" + bytes(30), number) for number in range(count)]
    found = analyze(*packets, wanted={"protocol_violation"})
    [violation] = [each for each in found if isinstance(each, events.ProtocolViolation)]
    header = len(packets[0]) - 32 - 16
    assert violation.offset == len(answer()) + header + 1
    assert not violation.is_orig


def test_what_is_wrong_with_a_message_is_told_with_its_place() -> None:
    """Behind the bytes that came before, a header, a PING and the head of a frame."""
    too_long = b"\x08\xff\xff\xff"
    payload = b"\x01" + crypto(0, too_long) + bytes(20)
    packet = handshake_packet(payload)
    [violation] = analyze(packet, wanted={"protocol_violation"})
    assert isinstance(violation, events.ProtocolViolation)
    assert violation.path == "Handshake.length"
    header = len(packet) - len(payload) - 16
    assert violation.offset == len(answer()) + header + payload.index(too_long) + 1


def test_a_suite_that_nothing_opens_is_told_of_once_with_the_place_of_the_packet() -> None:
    """One of GOST (RFC 9367)."""
    of_suite = server_hello((43, bytes.fromhex("0304")), cipher_suite=0xC103)
    analyzer = QuicAnalyzer(secrets=KeyLog(LOG), wanted={"protocol_violation"})
    analyzer.deliver(initial(crypto(0, HELLO)), True)
    begins = answer(of_suite)
    packets = [handshake_packet(CLOSE, number) for number in range(2)]
    found = analyzer.deliver(b"".join([begins, *packets]), False)
    [violation] = found + analyzer.deliver(packets[0], False)
    assert isinstance(violation, events.ProtocolViolation)
    assert (
        violation.reason
        == "nothing here opens what is encrypted with TLS_GOSTR341112_256_WITH_KUZNYECHIK_MGM_L"
    )
    assert violation.offset == len(begins)


def test_a_packet_that_does_not_authenticate_is_told_of_once_with_its_place() -> None:
    damaged = [handshake_packet(CLOSE, number)[:-1] + b"x" for number in range(2)]
    first = handshake_packet(CLOSE, 5)
    found = analyze(first + damaged[0], damaged[1], wanted={"protocol_violation"})
    [violation] = found
    assert isinstance(violation, events.ProtocolViolation)
    assert violation.reason == "a packet does not authenticate with the secrets that there are"
    assert violation.offset == len(answer()) + len(first)
    assert not violation.is_orig


def test_frames_of_packets_with_a_short_header_are_no_events() -> None:
    """But for the messages in them."""
    ticket = message(4, bytes(4) + bytes(4) + b"\0" + b"\0\1t" + b"\0\0")
    wanted = {"QUIC::connection_close_frame", "reporter_error", "ssl_handshake_message"}
    found = analyze(handshake_packet(CLOSE), short_packet(CLOSE + crypto(0, ticket)), wanted=wanted)
    assert names(found) == [
        "ssl_handshake_message",
        "ssl_handshake_message",
        "QUIC::connection_close_frame",
        "ssl_handshake_message",
    ]
    assert isinstance(found[-1], events.SslHandshakeMessage)
    assert (found[-1].msg_type, found[-1].is_orig) == (4, False)
