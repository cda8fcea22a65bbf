"""Events for people and for programs: text lines and JSON lines."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import cache, lru_cache, partial
from typing import Any

import msgspec

from tlsgrammar import names
from tlsgrammar.registry import DEFAULT

from .model import Connection, Event
from .modern import SignatureAndHashAlgorithm

__all__ = ["FORMATS", "json_line", "json_lines", "text_line", "text_lines"]

_PRINTABLE = {
    byte: "\\\\" if byte == 0x5C else chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}"
    for byte in range(256)
}


def _text(data: bytes) -> str:
    r"""Bytes that are meant as text: a backslash is doubled, and what is not printable ASCII is `\xNN`."""
    text = data.decode("latin-1")
    if data.isascii() and text.isprintable() and "\\" not in text:
        return text
    return "".join(_PRINTABLE[byte] for byte in data)


# The parameters that are text on the wire. Other bytes are printed in hexadecimal.
_TEXT_PARAMETERS = {"names", "protocols"}


def _plain(parameter: str, value: Any) -> Any:
    if isinstance(value, bytes):
        return _text(value) if parameter in _TEXT_PARAMETERS else value.hex()
    if isinstance(value, list):
        if value and isinstance(value[0], int):
            return value
        return [_plain(parameter, item) for item in value]
    if isinstance(value, msgspec.Struct):
        return {name: _plain(name, item) for name, item in msgspec.structs.asdict(value).items()}
    return value


_encode = msgspec.json.Encoder().encode


@cache
def _parameters(kind: type[Event]) -> list[str]:
    """The names of the parameters of a class of events."""
    return [field for field in kind.__struct_fields__ if field not in ("c", "ts")]


@lru_cache(maxsize=1024)
def _of_connection(c: Connection) -> str:
    """The part of a line that all events of a connection share."""
    parameters = {
        "uid": c.uid,
        "proto": c.proto,
        "id.orig_h": c.orig_h,
        "id.orig_p": c.orig_p,
        "id.resp_h": c.resp_h,
        "id.resp_p": c.resp_p,
    }
    return _json(parameters)[1:-1]


def _json(value: Any) -> str:
    return _encode(value).decode()


_BOOLEANS = {True: "true", False: "false"}

# How a value is written that is declared as of a type, as a part of an f-string: much faster than to look at each
# value.
_WRITTEN: dict[str, str] = {
    "int": "{event.%s:d}",
    "bool": "{BOOLEANS[event.%s]}",
    "bytes": '"{event.%s.hex()}"',
    "list[int]": "{json(event.%s)}",
}


def _declared(kind: type[Event], field: str) -> str:
    """The type that a field is declared with, as it is written."""
    for each in kind.__mro__:
        declared = inspect.get_annotations(each).get(field)
        if declared is not None:
            return declared.__name__ if type(declared) is type else str(declared)
    return ""


_LineFunction = Callable[[Event, str], str]


def _line_function(kind: type[Event]) -> _LineFunction:
    """A function that writes an event of a class behind what is the same for several."""
    line = "{head}{name}"
    names: dict[str, Any] = {"BOOLEANS": _BOOLEANS, "json": _json, "name": _json(kind.name)}
    for field in _parameters(kind):
        written = _WRITTEN.get(_declared(kind, field)) if field not in _TEXT_PARAMETERS else None
        if written is None:
            names[f"plain_{field}"] = partial(_plain, field)
            written = f"{{json(plain_{field}(event.%s))}}"
        line += f',"{field}":{written % field}'
    source = f"lambda event, head: f{line + '}}'!r}"
    function: _LineFunction = eval(source, names)
    return function


class _LineFunctions(dict[type[Event], _LineFunction]):
    def __missing__(self, kind: type[Event]) -> _LineFunction:
        function = self[kind] = _line_function(kind)
        return function


_line_functions = _LineFunctions()


# Events come in groups of the same connection and time: those of the last one, what stands for the connection,
# and what stands for both.
_last_head: tuple[Connection | None, float | None, str, str] = (None, None, "", "")


def json_line(event: Event) -> bytes:
    r"""An event as a JSON object, without the end of the line.

    Its keys are `ts` (seconds since the epoch), `uid`, `proto`, `id.orig_h`, `id.orig_p`, `id.resp_h`,
    `id.resp_p`, `event`, and the documented parameters. Bytes are lowercase hexadecimal; `names` and
    `protocols` are text, with `\\` for a backslash and `\xNN` for what is not printable ASCII.
    """
    return json_lines((event,))[:-1]


def json_lines(events: Iterable[Event]) -> bytes:
    """Several events as `json_line` prints them, each with the end of its line; faster than one by one."""
    global _last_head
    c, ts, of_connection, head = _last_head
    lines = []
    for event in events:
        if event.c is not c or event.ts != ts:
            if event.c is not c:
                c = event.c
                of_connection = _of_connection(c)
            ts = event.ts
            head = f'{{"ts":{_json(ts)},{of_connection},"event":'
        try:
            lines.append(_line_functions[type(event)](event, head))
        except (AttributeError, KeyError, TypeError, ValueError):
            lines.append(_any_line(event, head))
    _last_head = (c, ts, of_connection, head)
    lines.append("")
    return "\n".join(lines).encode()


def _any_line(event: Event, head: str) -> str:
    """The line of an event with a value that is not of the type that its class declares."""
    rest = {field: _plain(field, getattr(event, field)) for field in _parameters(type(event))}
    return head + _json(event.name) + ("," + _json(rest)[1:] if rest else "}")


def _hello_time(value: int) -> str:
    return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


_NAMED: dict[str, Callable[[int], str]] = {
    "version": names.VERSIONS.name,
    "level": names.ALERT_LEVELS.name,
    "desc": names.ALERT_DESCRIPTIONS.name,
    "content_type": names.CONTENT_TYPES.name,
    "code": DEFAULT.name,
    "point_formats": names.EC_POINT_FORMATS.name,
    "curves": names.SUPPORTED_GROUPS.name,
    "curve": names.SUPPORTED_GROUPS.name,
    "msg_type": names.HANDSHAKE_TYPES.name,
    "heartbeat_type": names.HEARTBEAT_MESSAGE_TYPES.name,
    "comp_method": names.COMPRESSION_METHODS.name,
    "ciphers": names.cipher_name,
    "cipher": names.cipher_name,
    "possible_ts": _hello_time,
    "versions": names.VERSIONS.name,
    "record_version": names.VERSIONS.name,
    "signature_schemes": names.SIGNATURE_SCHEMES.name,
    "modes": names.PSK_KEY_EXCHANGE_MODES.name,
    "certificate_types": names.CLIENT_CERTIFICATE_TYPES.name,
    "kdf_id": names.HPKE_KDFS.name,
    "aead_id": names.HPKE_AEADS.name,
}
"""How the numbers in a parameter are read by people."""


def _readable(parameter: str, value: Any) -> str:
    if isinstance(value, list):
        return "[" + ",".join(_readable(parameter, item) for item in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and parameter in _NAMED:
        return _NAMED[parameter](value)
    if isinstance(value, SignatureAndHashAlgorithm):
        return names.SIGNATURE_SCHEMES.name(value.HashAlgorithm << 8 | value.SignatureAlgorithm)
    if isinstance(value, msgspec.Struct):
        fields = msgspec.structs.asdict(value)
        return "{" + ",".join(f"{name}={_readable(name, x)}" for name, x in fields.items()) + "}"
    value = _plain(parameter, value)
    if isinstance(value, str) and " " in value:
        return f'"{value}"'
    return str(value)


def _address(host: str | None, port: int | None) -> str:
    if host is None:
        return "-"
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def text_line(event: Event) -> bytes:
    """An event as a line for people, with names instead of numbers, without the end of the line."""
    c = event.c
    time = "-"
    if event.ts is not None:
        time = datetime.fromtimestamp(event.ts, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    parameters = " ".join(
        f"{field}={_readable(field, getattr(event, field))}" for field in _parameters(type(event))
    )
    line = (
        f"{time} {c.uid or '-'} {_address(c.orig_h, c.orig_p)} > {_address(c.resp_h, c.resp_p)} "
        f"{event.name} {parameters}"
    )
    return line.rstrip().encode()


def text_lines(events: Iterable[Event]) -> bytes:
    """Several events as `text_line` prints them, each with the end of its line."""
    return b"".join(text_line(event) + b"\n" for event in events)


FORMATS: dict[str, Callable[[Iterable[Event]], bytes]] = {"text": text_lines, "json": json_lines}
"""The formats of the command line, by name."""
