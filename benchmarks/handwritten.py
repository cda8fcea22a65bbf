"""Hand-written parsers of three messages: what the compiled grammar is measured against.

They return the same fields in the same kinds of objects as `tlsgrammar.parse(tlsgrammar.Handshake, ...)`, and check
the same bounds. They know the extensions that the benchmarks' messages have, and no others.
"""

from __future__ import annotations

from struct import Struct, unpack

from construct import Container, ListContainer

_HELLO = Struct(">BBHHL28s").unpack_from


def _check(condition: bool) -> None:
    if not condition:
        raise ValueError


def _uint16_list(data: bytes, p: int, end: int) -> ListContainer:
    length = data[p] << 8 | data[p + 1]
    _check(p + 2 + length == end and length % 2 == 0 and length >= 2)
    return ListContainer(unpack(f">{length // 2}H", data[p + 2 : end]))


def _server_name(data: bytes, p: int, end: int) -> Container:
    length = data[p] << 8 | data[p + 1]
    p += 2
    _check(p + length == end and length >= 1)
    names = ListContainer()
    while p < end:
        kind = data[p]
        size = data[p + 1] << 8 | data[p + 2]
        p += 3
        _check(kind == 0 and size >= 1 and p + size <= end)
        name = Container()
        name["name_type"] = kind
        name["name"] = data[p : p + size]
        names.append(name)
        p += size
    body = Container()
    body["server_name_list"] = names
    return body


def _named_groups(data: bytes, p: int, end: int) -> Container:
    body = Container()
    body["named_group_list"] = _uint16_list(data, p, end)
    return body


def _signature_algorithms(data: bytes, p: int, end: int) -> Container:
    body = Container()
    body["supported_signature_algorithms"] = _uint16_list(data, p, end)
    return body


def _uint8_list(field: str):  # type: ignore[no-untyped-def]
    def parse(data: bytes, p: int, end: int) -> Container:
        _check(p + 1 + data[p] == end and data[p] >= 1)
        body = Container()
        body[field] = ListContainer(data[p + 1 : end])
        return body

    return parse


def _protocols(data: bytes, p: int, end: int) -> Container:
    length = data[p] << 8 | data[p + 1]
    p += 2
    _check(p + length == end and length >= 2)
    names = ListContainer()
    while p < end:
        q = p + 1 + data[p]
        _check(data[p] >= 1 and q <= end)
        names.append(data[p + 1 : q])
        p = q
    body = Container()
    body["protocol_name_list"] = names
    return body


def _versions(data: bytes, p: int, end: int) -> Container:
    _check(p + 1 + data[p] == end and data[p] % 2 == 0 and 2 <= data[p] <= 254)
    body = Container()
    body["versions"] = ListContainer(unpack(f">{data[p] // 2}H", data[p + 1 : end]))
    return body


def _share(data: bytes, p: int, end: int) -> tuple[Container, int]:
    share = Container()
    share["group"] = data[p] << 8 | data[p + 1]
    size = data[p + 2] << 8 | data[p + 3]
    q = p + 4 + size
    _check(size >= 1 and q <= end)
    share["key_exchange"] = data[p + 4 : q]
    return share, q


def _client_shares(data: bytes, p: int, end: int) -> Container:
    length = data[p] << 8 | data[p + 1]
    p += 2
    _check(p + length == end)
    shares = ListContainer()
    while p < end:
        share, p = _share(data, p, end)
        shares.append(share)
    body = Container()
    body["client_shares"] = shares
    return body


def _server_share(data: bytes, p: int, end: int) -> Container:
    share, p = _share(data, p, end)
    _check(p == end)
    body = Container()
    body["server_share"] = share
    return body


def _selected_version(data: bytes, p: int, end: int) -> Container:
    _check(p + 2 == end)
    body = Container()
    body["selected_version"] = data[p] << 8 | data[p + 1]
    return body


def _empty(data: bytes, p: int, end: int) -> Container:
    _check(p == end)
    return Container()


def _ticket(data: bytes, p: int, end: int) -> Container:
    body = Container()
    body["ticket"] = data[p:end]
    return body


def _padding(data: bytes, p: int, end: int) -> Container:
    body = Container()
    body["padding"] = data[p:end]
    return body


def _renegotiation(data: bytes, p: int, end: int) -> Container:
    _check(p + 1 + data[p] == end)
    body = Container()
    body["renegotiated_connection"] = data[p + 1 : end]
    return body


_CLIENT = {
    0: _server_name,
    10: _named_groups,
    11: _uint8_list("ec_point_format_list"),
    13: _signature_algorithms,
    16: _protocols,
    21: _padding,
    22: _empty,
    23: _empty,
    35: _ticket,
    43: _versions,
    45: _uint8_list("ke_modes"),
    51: _client_shares,
    65281: _renegotiation,
}
_SERVER = {
    0: _empty,
    11: _uint8_list("ec_point_format_list"),
    16: _protocols,
    23: _empty,
    35: _empty,
    43: _selected_version,
    51: _server_share,
    65281: _renegotiation,
}


def _extensions(data: bytes, p: int, end: int, known):  # type: ignore[no-untyped-def]
    if p == end:
        return None
    length = data[p] << 8 | data[p + 1]
    p += 2
    _check(p + length == end)
    extensions = ListContainer()
    while p < end:
        kind = data[p] << 8 | data[p + 1]
        q = p + 4 + (data[p + 2] << 8 | data[p + 3])
        _check(q <= end)
        extension = Container()
        extension["extension_type"] = kind
        extension["extension_data"] = data[p + 4 : q]
        parse = known.get(kind)
        extension["body"] = None if parse is None else parse(data, p + 4, q)
        extensions.append(extension)
        p = q
    return extensions


def _begin(data: bytes) -> tuple[Container, Container]:
    kind, high, low, version, time, random = _HELLO(data)
    message = Container()
    message["msg_type"] = kind
    message["length"] = high << 16 | low
    _check(high << 16 | low == len(data) - 4)
    hello = Container()
    hello["legacy_version"] = version
    hello["random"] = both = Container()
    both["gmt_unix_time"] = time
    both["random_bytes"] = random
    return message, hello


def client_hello(data: bytes) -> Container:
    """A Handshake with a ClientHello."""
    message, hello = _begin(data)
    end = len(data)
    q = 39 + data[38]
    _check(data[38] <= 32 and q <= end)
    hello["legacy_session_id"] = data[39:q]
    hello["cookie"] = None
    length = data[q] << 8 | data[q + 1]
    p, q = q + 2, q + 2 + length
    _check(q <= end and length % 2 == 0)
    hello["cipher_suites"] = ListContainer(unpack(f">{length // 2}H", data[p:q]))
    p, q = q + 1, q + 1 + data[q]
    _check(q <= end)
    hello["legacy_compression_methods"] = ListContainer(data[p:q])
    hello["extensions"] = _extensions(data, q, end, _CLIENT)
    message["body"] = hello
    return message


def server_hello(data: bytes) -> Container:
    """A Handshake with a ServerHello."""
    message, hello = _begin(data)
    end = len(data)
    q = 39 + data[38]
    _check(data[38] <= 32 and q + 3 <= end)
    hello["legacy_session_id_echo"] = data[39:q]
    hello["cipher_suite"] = data[q] << 8 | data[q + 1]
    hello["legacy_compression_method"] = data[q + 2]
    hello["extensions"] = _extensions(data, q + 3, end, _SERVER)
    message["body"] = hello
    return message


def certificate(data: bytes) -> Container:
    """A Handshake with a Certificate of TLS 1.2."""
    message = Container()
    message["msg_type"] = data[0]
    length = int.from_bytes(data[1:4], "big")
    message["length"] = length
    end = len(data)
    _check(length == end - 4 and int.from_bytes(data[4:7], "big") == end - 7)
    certificates = ListContainer()
    p = 7
    while p < end:
        size = data[p] << 16 | data[p + 1] << 8 | data[p + 2]
        q = p + 3 + size
        _check(size >= 1 and q <= end)
        certificates.append(data[p + 3 : q])
        p = q
    body = Container()
    body["certificate_list"] = certificates
    message["body"] = body
    return message
