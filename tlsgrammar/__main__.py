"""`python -m tlsgrammar`: the grammar for people. What it knows, what bytes mean, and bytes from JSON."""

from __future__ import annotations

import argparse
import difflib
import json
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from construct import Construct

import tlsgrammar
from tlsgrammar import extensions, names, sslv2

from .language import GrammarError, Names
from .language.tree import follow, render
from .plugins import load_extensions
from .registry import EXTENSION

__all__ = ["main"]

STRUCTURES = {
    **{name: getattr(tlsgrammar, name) for name in tlsgrammar.__all__},
    **{f"sslv2.{name}": getattr(sslv2, name) for name in sslv2.__all__},
}
STRUCTURES = {name: x for name, x in STRUCTURES.items() if isinstance(x, Construct)}

REGISTRIES = {
    name.lower(): x for name in names.__all__ if isinstance(x := getattr(names, name), Names)
}


class _Problem(Exception):
    """Something the user got wrong, in one line."""


def _look_up(kind: str, name: str, known: Iterable[str]) -> str:
    known = sorted(known)
    if name in known:
        return name
    close = difflib.get_close_matches(name, known, n=3)
    hint = f"did you mean {' or '.join(close)}?" if close else "there are: " + ", ".join(known)
    raise _Problem(f"no {kind} is named {name!r}; {hint}")


def _table(rows: Sequence[Sequence[str]]) -> Iterable[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


_ABBREVIATIONS = {
    "client_hello": "CH",
    "server_hello": "SH",
    "hello_retry_request": "HRR",
    "encrypted_extensions": "EE",
    "certificate": "CT",
    "certificate_request": "CR",
    "new_session_ticket": "NST",
}


def _extensions(options: argparse.Namespace) -> Iterable[str]:
    registry = extensions.DEFAULT
    rows = [("code", "name", "messages", "defined in", "event")]
    for code in sorted({*names.EXTENSION_TYPES, *registry.extensions}):
        if code in registry.extensions:
            known = registry.extensions[code]
            messages = ",".join(_ABBREVIATIONS[m] for m in _ABBREVIATIONS if m in known.schemas)
            events = ", ".join(attached.label for attached in registry.attached((EXTENSION, code)))
            rows.append((str(code), known.name, messages, known.reference, events))
        else:
            rows.append((str(code), names.EXTENSION_TYPES.name(code), "", "no schema: bytes", ""))
    yield from _table(rows)
    yield ""
    yield "Messages, as in RFC 8446 section 4.2: " + ", ".join(
        f"{short} {message}" for message, short in _ABBREVIATIONS.items()
    )


def _names(options: argparse.Namespace) -> Iterable[str]:
    registry = REGISTRIES[_look_up("registry", options.registry, REGISTRIES)]
    yield from _table(
        [(f"0x{code:0{registry.digits}x}", str(code), registry[code]) for code in sorted(registry)]
    )


def _context(options: argparse.Namespace) -> dict[str, Any]:
    try:
        context = {}
        if options.version:
            context["version"] = names.VERSIONS.code(options.version)
        if options.cipher_suite:
            context["cipher_suite"] = names.CIPHER_SUITES.code(options.cipher_suite)
    except KeyError as error:
        raise _Problem(error.args[0]) from None
    return context


def _input(source: str) -> bytes:
    if source == "-":
        return sys.stdin.buffer.read()
    try:
        return bytes.fromhex(source.removeprefix("0x"))
    except ValueError:
        pass
    try:
        return Path(source).read_bytes()
    except OSError as error:
        raise _Problem(f"{source!r} is neither hexadecimal nor a file: {error.strerror}") from None


def _parse(options: argparse.Namespace) -> Iterable[str]:
    name = _look_up("structure", options.structure, STRUCTURES)
    node, error = follow(name, STRUCTURES[name], _input(options.source), **_context(options))
    yield from render(node)
    if error is not None:
        raise _Problem(str(error))


def _from_json(value: Any) -> Any:
    """JSON has no bytes: strings that begin with 0x are hexadecimal. Other strings are names of code
    points, or text.
    """
    if isinstance(value, dict):
        return {key: _from_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_from_json(item) for item in value]
    if isinstance(value, str) and value.startswith("0x"):
        try:
            return bytes.fromhex(value[2:])
        except ValueError:
            raise _Problem(f"{value!r} is not hexadecimal") from None
    return value


def _build(options: argparse.Namespace) -> Iterable[str]:
    name = _look_up("structure", options.structure, STRUCTURES)
    try:
        text = sys.stdin.read() if options.file == "-" else Path(options.file).read_text()
        value = _from_json(json.loads(text))
    except OSError as error:
        raise _Problem(f"{options.file}: {error.strerror}") from None
    except ValueError as error:
        raise _Problem(f"{options.file}: not JSON: {error}") from None
    data = tlsgrammar.build(STRUCTURES[name], value, **_context(options))
    if sys.stdout.isatty():
        yield data.hex()
    else:
        sys.stdout.buffer.write(data)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tlsgrammar", description="What the grammar of TLS knows, reads and writes."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("extensions", help="list all known extensions")
    command.set_defaults(run=_extensions)

    command = commands.add_parser("names", help="list the names of a registry")
    command.add_argument("registry", metavar="REGISTRY", help=", ".join(sorted(REGISTRIES)))
    command.set_defaults(run=_names)

    parse = commands.add_parser(
        "parse",
        help="print a structure as a tree, each field with its offset",
        epilog="example: python -m tlsgrammar parse Alert 0228",
    )
    parse.add_argument("structure", metavar="STRUCTURE", help=", ".join(STRUCTURES))
    parse.add_argument(
        "source", nargs="?", default="-", metavar="FILE|-|HEX", help="default: standard input"
    )
    parse.set_defaults(run=_parse)

    build = commands.add_parser(
        "build",
        help="write the bytes of a structure",
        epilog="In the JSON, strings that begin with 0x are bytes; others are names or text.",
    )
    build.add_argument("structure", metavar="STRUCTURE", help=", ".join(STRUCTURES))
    build.add_argument("file", metavar="FILE.json", help="its fields; - is standard input")
    build.set_defaults(run=_build)

    for command in (parse, build):
        command.add_argument("--version", metavar="NAME", help="the negotiated version, as TLSv12")
        command.add_argument("--cipher-suite", metavar="NAME", help="the negotiated cipher suite")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: the command line after the program's name; that of the process where it is None.

    Returns:
        The exit status: 0; 1 where the bytes or the value do not fit, or a name is wrong; 2 for wrong usage.
    """
    options = _parser().parse_args(arguments)
    for error in load_extensions():
        print(f"tlsgrammar: {error}", file=sys.stderr)
    try:
        for line in options.run(options):
            print(line)
        sys.stdout.flush()
    except (_Problem, GrammarError) as problem:
        sys.stdout.flush()
        print(f"tlsgrammar: {problem}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


if __name__ == "__main__":
    sys.exit(main())
