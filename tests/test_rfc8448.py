"""The handshake messages of RFC 8448, field by field, and built again byte for byte.

Numbers are written as they stand in the bytes; what is long is told by where it stands in its message.
"""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

import tlsgrammar

from .helpers.rfc8448 import MESSAGES, Message

Fields = dict[str, Any]

RSA, ECDSA_P256 = 0x0804, 0x0403  # rsa_pss_rsae_sha256, ecdsa_secp256r1_sha256
X25519, SECP256R1 = 0x001D, 0x0017


def random(data: str) -> Fields:
    value = bytes.fromhex(data)
    return {"gmt_unix_time": int.from_bytes(value[:4], "big"), "random_bytes": value[4:]}


def extension(extension_type: int, **body: Any) -> Fields:
    return {"extension_type": extension_type, "body": body}


SERVER_NAME = extension(0, server_name_list=[{"name_type": 0, "name": b"server"}])
# One without a name, with which a server says that it has looked at it.
SERVER_NAME_SEEN = {"extension_type": 0, "extension_data": b"", "body": None}
RENEGOTIATION_INFO = extension(0xFF01, renegotiated_connection=b"")
GROUPS = extension(
    10,
    named_group_list=[X25519, SECP256R1, 0x0018, 0x0019, 0x0100, 0x0101, 0x0102, 0x0103, 0x0104],
)
SUPPORTED_VERSIONS = extension(43, versions=[0x0304])
SELECTED_VERSION = extension(43, selected_version=0x0304)
SIGNATURE_ALGORITHMS = extension(
    13,
    supported_signature_algorithms=[
        *(ECDSA_P256, 0x0503, 0x0603, 0x0203),
        *(RSA, 0x0805, 0x0806),
        *(0x0401, 0x0501, 0x0601, 0x0201),
        *(0x0402, 0x0502, 0x0602, 0x0202),
    ],
)
PSK_WITH_DHE = extension(45, ke_modes=[1])
RECORD_SIZE_LIMIT = extension(28, record_size_limit=0x4001)
EARLY_DATA = extension(42)
SESSION_TICKET = extension(35, ticket=b"")


def client_share(group: int, key: str) -> Fields:
    share = {"group": group, "key_exchange": bytes.fromhex(key)}
    return extension(51, client_shares=[share])


def server_share(group: int, key: str) -> Fields:
    share = {"group": group, "key_exchange": bytes.fromhex(key)}
    return extension(51, server_share=share)


def padding(size: int) -> Fields:
    return extension(21, padding=bytes(size))


def client_hello(random_: str, *extensions: Fields, session_id: str = "") -> Fields:
    return {
        "legacy_version": 0x0303,
        "random": random(random_),
        "legacy_session_id": bytes.fromhex(session_id),
        "cookie": None,  # of DTLS
        "cipher_suites": [0x1301, 0x1303, 0x1302],
        "legacy_compression_methods": [0],
        "extensions": list(extensions),
    }


def server_hello(random_: str, *extensions: Fields, session_id: str = "") -> Fields:
    return {
        "legacy_version": 0x0303,
        "random": random(random_),
        "legacy_session_id_echo": bytes.fromhex(session_id),
        "cipher_suite": 0x1301,
        "legacy_compression_method": 0,
        "extensions": list(extensions),
    }


def encrypted_extensions(*extensions: Fields) -> Fields:
    return {"extensions": list(extensions)}


def certificate(data: bytes) -> Fields:
    """Of one, behind which there are no extensions. The lengths are of context, list and certificate."""
    entry = {"cert_data": data[4 + 1 + 3 + 3 : -2], "extensions": []}
    return {"certificate_request_context": b"", "certificate_list": [entry]}


def certificate_verify(data: bytes, algorithm: int) -> Fields:
    return {"algorithm": algorithm, "signature": data[4 + 2 + 2 :]}


def finished(data: bytes) -> Fields:
    return {"verify_data": data[4:]}


TICKET_SIZE = 0xB2
TICKET_AT = 4 + 4 + 4 + 3 + 2
TICKET = MESSAGES[3][-1].data[TICKET_AT : TICKET_AT + TICKET_SIZE]
COOKIE_SIZE = 0x72
# Behind its header, version, random, session id, cipher suite, compression, the length of the extensions, the six bytes of
# key_share, and two lengths and a type.
COOKIE_AT = 4 + 2 + 32 + 1 + 2 + 1 + 2 + 6 + 6
COOKIE = MESSAGES[5][1].data[COOKIE_AT : COOKIE_AT + COOKIE_SIZE]
FIRST_OF_SECTION_5 = "b0b1c5a5aa37c5919f2ed1d5c6fff7fcb7849716945a2b8cee9258a346677b6f"
HELLO_RETRY_REQUEST = "cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c"
FEWER_GROUPS = [X25519, SECP256R1, 0x0018]
SESSION_ID = "a80c165581a8e0d06c0018d54d3a06dd32cfd4051eb026fad3fd0ba99269e6ef"

HELLOS: dict[int, list[Fields]] = {
    3: [
        client_hello(
            "cb34ecb1e78163ba1c38c6dacb196a6dffa21a8d9912ec18a2ef6283024dece7",
            SERVER_NAME,
            RENEGOTIATION_INFO,
            GROUPS,
            SESSION_TICKET,
            client_share(
                X25519, "99381de560e4bd43d23d8e435a7dbafeb3c06e51c13cae4d5413691e529aaf2c"
            ),
            SUPPORTED_VERSIONS,
            SIGNATURE_ALGORITHMS,
            PSK_WITH_DHE,
            RECORD_SIZE_LIMIT,
        ),
        server_hello(
            "a6af06a4121860dc5e6e60249cd34c95930c8ac5cb1434dac155772ed3e26928",
            server_share(
                X25519, "c9828876112095fe66762bdbf7c672e156d6cc253b833df1dd69b1b04e751f0f"
            ),
            SELECTED_VERSION,
        ),
    ],
    4: [
        client_hello(
            "1bc3ceb6bbe39cff938355b5a50adb6db21b7a6af649d7b4bc419d7876487d95",
            SERVER_NAME,
            RENEGOTIATION_INFO,
            GROUPS,
            client_share(
                X25519, "e4ffb68ac05f8d96c99da26698346c6be16482badddafe051a66b4f18d668f0b"
            ),
            EARLY_DATA,
            SUPPORTED_VERSIONS,
            SIGNATURE_ALGORITHMS,
            PSK_WITH_DHE,
            RECORD_SIZE_LIMIT,
            padding(0x57),
            extension(
                41,
                identities=[{"identity": TICKET, "obfuscated_ticket_age": 0xFAD6AACB}],
                binders=[
                    bytes.fromhex(
                        "3add4fb2d8fdf822a0ca3cf7678ef5e88dae990141c5924d57bb6fa31b9e5f9d"
                    )
                ],
            ),
        ),
        server_hello(
            "3ccfd2dec890222763472ae8136777c9d7358777bb66e91ea5122495f559ea2d",
            extension(41, selected_identity=0),
            server_share(
                X25519, "121761ee42c333e1b9e77b60dd57c2053cd94512ab47f115e86eff50942cea31"
            ),
            SELECTED_VERSION,
        ),
    ],
    5: [
        client_hello(
            FIRST_OF_SECTION_5,
            SERVER_NAME,
            RENEGOTIATION_INFO,
            extension(10, named_group_list=FEWER_GROUPS),
            client_share(
                X25519, "e8e8e3f3b93a25ed97a14a7dcacb8a272c6288e585c6484d05262fcad062ad1f"
            ),
            SUPPORTED_VERSIONS,
            SIGNATURE_ALGORITHMS,
            PSK_WITH_DHE,
            RECORD_SIZE_LIMIT,
        ),
        server_hello(
            HELLO_RETRY_REQUEST,
            extension(51, selected_group=SECP256R1),
            extension(44, cookie=COOKIE),
            SELECTED_VERSION,
        ),
        client_hello(
            FIRST_OF_SECTION_5,
            SERVER_NAME,
            RENEGOTIATION_INFO,
            extension(10, named_group_list=FEWER_GROUPS),
            client_share(
                SECP256R1,
                "04a6da7392ec591e17abfd535964b99894d13befb221b3def2ebe3830eac8f0151"
                "812677c4d6d2237e85cf01d6910cfb83954e76ba7352830534159897e8065780",
            ),
            SUPPORTED_VERSIONS,
            SIGNATURE_ALGORITHMS,
            extension(44, cookie=COOKIE),
            PSK_WITH_DHE,
            RECORD_SIZE_LIMIT,
            padding(0xAF),
        ),
        server_hello(
            "bb341d847fd789c47c387172dc0c9bf147fccacb5043d86ca4c598d3ff571b98",
            server_share(
                SECP256R1,
                "04583e054b7a66672ae020ad9d2686fcc85b5ad41a134a0f03ee72b893052bd85b"
                "4c8de6776f5b04ac07d83540eab3e3d9c547bc6528c4317d294686093a6cad7d",
            ),
            SELECTED_VERSION,
        ),
    ],
    6: [
        client_hello(
            "6a472236328b83af40386d3a3e1f1ce624fa4ed89ab865a4ff0f4144ce3ae233",
            SERVER_NAME,
            RENEGOTIATION_INFO,
            GROUPS,
            client_share(
                X25519, "089cc2671f738d9a671e5b2e464981d05b76e361aa22aea91f1d49ca10a7a362"
            ),
            SUPPORTED_VERSIONS,
            SIGNATURE_ALGORITHMS,
            PSK_WITH_DHE,
            RECORD_SIZE_LIMIT,
        ),
        server_hello(
            "3b50fdf1c3d572e40e68953e7fff4e2758459c59afa0582c0ea032874255fe6e",
            server_share(
                X25519, "6c2e50e865919a6b5a12dfaf918f92b442567b0f89bc54478c6921366658f062"
            ),
            SELECTED_VERSION,
        ),
    ],
    7: [
        client_hello(
            "4e640a3f2c2738f09c9418bd78edccd7559d0531199276d4d92a0e9ee9d77d09",
            SERVER_NAME,
            RENEGOTIATION_INFO,
            GROUPS,
            client_share(
                X25519, "8e7292cf3056dbb0d25fcbe55c107dc9bbf83dd9708f39203ba341249a7d9b63"
            ),
            SUPPORTED_VERSIONS,
            SIGNATURE_ALGORITHMS,
            PSK_WITH_DHE,
            RECORD_SIZE_LIMIT,
            session_id=SESSION_ID,
        ),
        server_hello(
            "e5dd5948c435f7a38f0f0130708dc322d9df09abd4838117c183a7bb6d994f2c",
            server_share(
                X25519, "3e30f0f4ba551afd62768341175f5265e4daf0c8841617aa4fafdd2142320c22"
            ),
            SELECTED_VERSION,
            session_id=SESSION_ID,
        ),
    ],
}
ENCRYPTED_EXTENSIONS: dict[int, Fields] = {
    3: encrypted_extensions(GROUPS, RECORD_SIZE_LIMIT, SERVER_NAME_SEEN),
    4: encrypted_extensions(GROUPS, RECORD_SIZE_LIMIT, SERVER_NAME_SEEN, EARLY_DATA),
    5: encrypted_extensions(
        extension(10, named_group_list=[SECP256R1, 0x0018, X25519]),
        RECORD_SIZE_LIMIT,
        SERVER_NAME_SEEN,
    ),
    6: encrypted_extensions(GROUPS, RECORD_SIZE_LIMIT, SERVER_NAME_SEEN),
    7: encrypted_extensions(GROUPS, RECORD_SIZE_LIMIT, SERVER_NAME_SEEN),
}
FLIGHT = ["encrypted_extensions", "certificate", "certificate_verify", "finished"]
ENCRYPTED: dict[int, list[str]] = {
    3: [*FLIGHT, "finished", "new_session_ticket"],
    4: ["encrypted_extensions", "finished", "end_of_early_data", "finished"],
    5: [*FLIGHT, "finished"],
    6: [
        *("encrypted_extensions", "certificate_request", "certificate", "certificate_verify"),
        *("finished", "certificate", "certificate_verify", "finished"),
    ],
    7: [*FLIGHT, "finished"],
}
NEW_SESSION_TICKET: Fields = {
    "ticket_lifetime": 30,
    "ticket_age_add": 0xFAD6AAC5,
    "ticket_nonce": b"\x00\x00",
    "ticket": TICKET,
    "extensions": [extension(42, max_early_data_size=1024)],
}
CERTIFICATE_REQUEST: Fields = {
    "certificate_request_context": b"",
    "extensions": [SIGNATURE_ALGORITHMS],
}


def expected(section: int, index: int) -> Fields:
    """The body of a message."""
    is_client, name, data = MESSAGES[section][index]
    match name:
        case "client_hello" | "server_hello":
            return HELLOS[section][index]
        case "encrypted_extensions":
            return ENCRYPTED_EXTENSIONS[section]
        case "certificate_request":
            return CERTIFICATE_REQUEST
        case "certificate":
            return certificate(data)
        case "certificate_verify":
            is_ecdsa = section == 6 and not is_client
            return certificate_verify(data, ECDSA_P256 if is_ecdsa else RSA)
        case "finished":
            return finished(data)
        case "new_session_ticket":
            return NEW_SESSION_TICKET
        case "end_of_early_data":
            return {}
    raise AssertionError(name)


def plain(value: Any) -> Any:
    """What was parsed, as plain dictionaries and lists; of an extension, its bytes only where it has no body."""
    if isinstance(value, dict):
        has_body = value.get("body") is not None
        return {
            key: plain(each)
            for key, each in value.items()
            if not (key == "extension_data" and has_body)
        }
    return [plain(each) for each in value] if isinstance(value, list) else value


EVERY_MESSAGE = pytest.mark.parametrize(
    ("section", "index"),
    [
        pytest.param(section, index, id=f"{section}-{index} {message.name}")
        for section, messages in MESSAGES.items()
        for index, message in enumerate(messages)
    ],
)
TLS13 = {"version": "TLSv13", "cipher_suite": "TLS_AES_128_GCM_SHA256"}


def parsed(message: Message) -> Any:
    return tlsgrammar.parse(tlsgrammar.Handshake, message.data, **TLS13)


@pytest.mark.parametrize("section", MESSAGES)
def test_the_messages_of_a_section(section: int) -> None:
    hellos = ["client_hello", "server_hello"] * (len(HELLOS[section]) // 2)
    assert [each.name for each in MESSAGES[section]] == hellos + ENCRYPTED[section]
    for message in MESSAGES[section]:
        assert tlsgrammar.names.HANDSHAKE_TYPES.name(message.data[0]) == message.name


@EVERY_MESSAGE
def test_every_field_is_read(section: int, index: int) -> None:
    message = MESSAGES[section][index]
    assert plain(parsed(message)) == {
        "msg_type": message.data[0],
        "length": len(message.data) - 4,
        "body": expected(section, index),
    }


@EVERY_MESSAGE
def test_the_same_bytes_are_built_of_these_fields(section: int, index: int) -> None:
    """And of what was parsed."""
    message = MESSAGES[section][index]
    value = {"msg_type": message.name, "body": expected(section, index)}
    assert tlsgrammar.build(tlsgrammar.Handshake, value, **TLS13) == message.data
    assert tlsgrammar.build(tlsgrammar.Handshake, parsed(message), **TLS13) == message.data


def test_a_hello_retry_request_is_a_server_hello_with_a_random_of_its_own() -> None:
    """RFC 8446 section 4.1.3: the SHA-256 of its name. The cookie comes back as it was sent."""
    retry, again = parsed(MESSAGES[5][1]).body, parsed(MESSAGES[5][2]).body
    of_name = hashlib.sha256(b"HelloRetryRequest").digest()
    assert plain(retry.random) == random(of_name.hex())
    [sent] = [each.body.cookie for each in retry.extensions if each.extension_type == 44]
    [returned] = [each.body.cookie for each in again.extensions if each.extension_type == 44]
    assert sent == returned


def test_the_ticket_of_one_connection_is_the_identity_of_the_next() -> None:
    [ticket] = [each for each in MESSAGES[3] if each.name == "new_session_ticket"]
    extensions = parsed(MESSAGES[4][0]).body.extensions
    [offered] = [each.body for each in extensions if each.extension_type == 41]
    assert offered.identities[0].identity == parsed(ticket).body.ticket


@EVERY_MESSAGE
def test_a_message_that_is_cut_is_an_error_where_it_ends(section: int, index: int) -> None:
    """Whatever is cut: the length in its header counts it."""
    message = MESSAGES[section][index]
    for size in {len(message.data) - 1, len(message.data) // 2, 4} - {len(message.data)}:
        with pytest.raises(tlsgrammar.GrammarError) as error:
            tlsgrammar.parse(tlsgrammar.Handshake, message.data[:size], **TLS13)
        assert error.value.offset == size
