"""`python -m tlsgrammar`: the grammar for people. What it knows, what bytes mean, and bytes from JSON."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import names
from .language import GrammarError, Names, build
from .language.shape import Named, Number, shape
from .plugins import load_extensions
from .registry import DEFAULT
from .tool import console, lists
from .tool.text import Problem, bytes_from, bytes_of_hex

if TYPE_CHECKING:  # what only some commands need
    from .language.tree import Node

__all__ = ["main"]


# What only some commands need they import themselves.


def _show(options: argparse.Namespace) -> Iterable[str]:
    from .catalogue import ALIASES, Catalogue, NotFound, reference_of
    from .language.declaration import declaration

    catalogue = Catalogue()
    name = options.structure
    several = [name]
    if name not in catalogue.structures and name in ALIASES:
        several = list(ALIASES[name].of)
        yield f"{name}: {' and '.join(several)} here; {ALIASES[name].why}"
        yield ""
    several += [each for each in catalogue.structures if each.startswith(f"{name}.")]
    try:
        schemas = dict.fromkeys(catalogue.find(each)[1] for each in several)
    except NotFound as error:
        raise Problem(str(error)) from None
    for i, schema in enumerate(schemas):
        if i:
            yield ""
        reference = reference_of(schema)
        if reference:
            yield reference
        yield from declaration(schema, catalogue.titles).splitlines()
        of = shape(schema)
        while isinstance(of, Named):
            of = shape(of.part)
        if isinstance(of, Number) and of.names is not None:
            yield f"in {of.size} bytes; all names: names {_registry_name(of.names)}"


def _registry_name(of: Names) -> str:
    return next(name for name, known in lists.registries().items() if known is of)


def _context(options: argparse.Namespace) -> dict[str, Any]:
    context: dict[str, Any] = {}
    try:
        if options.version:
            context["version"] = _code_point(names.VERSIONS, options.version)
        if options.cipher_suite:
            context["cipher_suite"] = _code_point(names.CIPHER_SUITES, options.cipher_suite)
    except KeyError as error:
        raise Problem(error.args[0]) from None
    if options.dtls:
        context["dtls"] = True
    return context


def _code_point(of: Names, word: str) -> int:
    """A code point, by its name or its number."""
    try:
        return int(word, 0)
    except ValueError:
        return DEFAULT.code_of(of, word)


def _parse(options: argparse.Namespace) -> Iterable[str]:
    from .catalogue import Catalogue, NotFound
    from .language.tree import follow

    context = _context(options)
    words = options.words
    source = " ".join(words)
    try:
        name, schema = Catalogue().find(words[0] if words else "")
    except NotFound as error:
        # No structure is named in hexadecimal digits.
        if len(words) > 1 and bytes_of_hex(source) is None:
            raise Problem(str(error)) from None
        try:
            data = bytes_from(source or "-")
        except Problem as problem:
            hint = f"; {error}" if source.isidentifier() else ""
            raise Problem(f"{problem}{hint}") from None
        yield from _looked_at(data, context, options.html)
        return
    data = bytes_from(" ".join(words[1:]) or "-")
    node, wrong = follow(name, schema, data, **context)
    yield from _told(name, [node], data, wrong, options.html)
    if wrong:
        raise Problem(*map(str, wrong))


def _told(
    title: str, nodes: Iterable[Node], data: bytes, wrong: list[GrammarError], page: str | None
) -> Iterable[str]:
    """What was parsed, line by line or as a page in a file.

    Args:
        title: what it is called.
        nodes: its trees.
        data: its bytes.
        wrong: takes what is wrong with them, until the last of the trees.
        page: the file, if any.
    """
    from .language.tree import render

    if page is None:
        for node in nodes:
            yield from render(node)
        return
    from .picture import Fields, structure_page
    from .tool.replaced import replaced

    fields = Fields()
    picture = fields.drawn(list(nodes), data, wrong)
    try:
        text = structure_page(title, f"{len(data):,} bytes", picture, fields)
        with replaced(page) as file:
            file.write(text)
    except ImportError as error:
        raise Problem(str(error)) from None
    except OSError as error:
        raise Problem(f"{page}: {error.strerror}") from None


def _looked_at(data: bytes, context: dict[str, Any], page: str | None) -> Iterable[str]:
    from .tool.look import Look

    looked = Look(data, context)
    if not looked.kind:
        raise Problem(
            f"these {len(data)} bytes could not be recognised; give the name of a structure"
        )
    yield f"looks like {looked.kind}"
    yield from _told(looked.kind, looked.nodes(), data, looked.errors, page)
    if looked.errors:
        raise Problem(*map(str, looked.errors))


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
            raise Problem(f"{value!r} is not hexadecimal") from None
    return value


def _build(options: argparse.Namespace) -> Iterable[str | bytes]:
    from .catalogue import Catalogue, NotFound

    try:
        _, schema = Catalogue().find(options.structure)
    except NotFound as error:
        raise Problem(str(error)) from None
    given = options.value
    is_file = given != "-" and given.lstrip()[:1] not in ("{", "[", '"')
    try:
        text = Path(given).read_text() if is_file else sys.stdin.read() if given == "-" else given
        value = _from_json(json.loads(text))
    except OSError as error:
        raise Problem(f"{given}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        where = f"{given}: " if is_file else ""
        raise Problem(f"{where}not JSON: {error}") from None
    data = build(schema, value, **_context(options))
    yield data.hex() if sys.stdout.isatty() else data


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tlsgrammar", description="What the grammar of TLS knows, reads and writes."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    parse = commands.add_parser(
        "parse",
        help="print bytes as a tree, each field with its offset",
        description="Print bytes as a tree, each field with its offset. Without a STRUCTURE, records and messages are "
        "recognised, and all that is in them is printed.",
        epilog="examples: parse 15 03 03 00 02 02 28; parse Alert 0228; parse ClientHello hello.bin",
    )
    parse.add_argument(
        "words",
        nargs="*",
        metavar="STRUCTURE|SOURCE",
        help="STRUCTURE: its name in the RFC. SOURCE: hexadecimal digits, or a file or - (standard input, the default) "
        "with digits, a dump or the bytes themselves",
    )
    parse.add_argument(
        "--html",
        metavar="FILE",
        help="write a page that shows each field beside its bytes, and needs nothing else",
    )
    parse.set_defaults(run=_parse)

    command = commands.add_parser("show", help="show how a structure is declared")
    command.add_argument("structure", metavar="STRUCTURE", help="the name that its RFC gives it")
    command.set_defaults(run=_show)

    build = commands.add_parser(
        "build",
        help="write the bytes of a structure",
        epilog='In the JSON, strings that begin with 0x are bytes; others are names or text. example: build Alert \'{"level": '
        '"fatal", "description": "handshake_failure"}\'',
    )
    build.add_argument("structure", metavar="STRUCTURE", help="the name that its RFC gives it")
    build.add_argument("value", metavar="JSON|FILE|-", help="its fields; - is standard input")
    build.set_defaults(run=_build)

    command = commands.add_parser(
        "names",
        help="find code points and their names",
        description="List the code points of a registry, or find them in all registries by their number or by a part "
        "of their name, whatever its capitals.",
        epilog="examples: names; names supported_groups; names cipher_suites AES CCM; names mlkem; names 0x11ec",
    )
    command.add_argument(
        "words", nargs="*", metavar="REGISTRY|WORD", help="without any, the registries"
    )
    command.set_defaults(run=lambda options: lists.code_points(options.words))

    for name, run, what in (
        ("extensions", lists.extensions, "extensions"),
        ("messages", lists.messages, "handshake messages"),
        ("content-types", lists.content_types, "content types of records"),
        ("key-exchanges", lists.key_exchanges, "key exchanges"),
    ):
        command = commands.add_parser(name, help=f"list all known {what}")
        command.set_defaults(run=lambda options, run=run: run())

    for command in (parse, build):
        command.add_argument(
            "--version", metavar="NAME", help="the negotiated version, such as TLSv12"
        )
        command.add_argument("--cipher-suite", metavar="NAME", help="the negotiated cipher suite")
        command.add_argument(
            "--dtls", action="store_true", help="a ClientHello is that of DTLS, with a cookie"
        )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: the command line after the program's name; that of the process where it is None.

    Returns:
        The exit status: 0; 1 where the bytes or the value do not fit, a name is wrong, extensions could not be loaded
        or nothing can be written; 2 for wrong usage; 128 and the number of the signal that ended it.
    """
    return console.run("tlsgrammar", partial(_main, arguments))


def _main(arguments: Sequence[str] | None, output: console.Console) -> None:
    options = _parser().parse_args(arguments)
    for error in load_extensions():
        output.tell(error)
    try:
        for line in options.run(options):
            if isinstance(line, bytes):
                output.write(line)
            else:
                output.line(line)
    except (Problem, GrammarError) as problem:
        for line in str(problem).splitlines():
            output.tell(line)


if __name__ == "__main__":
    console.leave(main())
