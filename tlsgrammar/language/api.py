"""The way into the grammar: parse, read and build any schema, with one kind of error.

What may live here: choosing between the compiled schema and the schema itself, and the contexts that both start with.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

from construct import Construct, Container

from .compiler import GIVES_UP, NotAtHand, compiled_alone
from .errors import GrammarError
from .guard import guarded
from .parameters import given
from .presentation import Output, Window, as_grammar_error, parse_whole, without_streams

__all__ = [
    "NO_PARAMETERS",
    "build",
    "interpreted",
    "parameters",
    "parse",
    "parse_at",
    "read",
    "reader",
]

_INTERPRET = bool(os.environ.get("TLSGRAMMAR_INTERPRET"))
"""Whether schemas are always interpreted by construct, to find out whether something is the compiler's fault."""

_STRICT = bool(os.environ.get("TLSGRAMMAR_STRICT"))
"""Whether it is an error where a compiled schema gives up on bytes that follow the schema, or for a reason that the
schema itself does not give: for tests."""


class CompilerError(Exception):
    """A compiled schema and the schema itself do not agree. Raised in strict mode only."""


def parse(schema: Construct, data: bytes, **context: Any) -> Any:
    """The value of the structure that the bytes hold, all of them.

    Args:
        schema: any construct; of this library or not.
        data: the bytes of the whole structure.
        context: what the layout depends on beyond the bytes. For TLS: `version` (the negotiated one, such as
            0x0303 or its name; TLS 1.2 where it is not given), `cipher_suite` (likewise, for the messages of the key
            exchange), `extensions` (a `Registry`; the default one where it is not given), `dtls` (whether a
            ClientHello is that of DTLS, with a cookie), `cid_length` (of the connection ids in records of DTLS).
            What else is given is for schemas of your own, which read it as `context._params.name`.

    Returns:
        What the schema parses to: a `construct.Container` for a `Struct`, bytes, an integer, a list.

    Raises:
        GrammarError: the bytes do not follow the schema, or more follow.
        TypeError: the schema is no construct, or the data no bytes; or there is no such parameter, or its value
            has the wrong type.
        ValueError: a name is unknown.
    """
    if type(data) is not bytes:
        data = _bytes_of(data)
    params = _shared(context) if context else NO_PARAMETERS
    value = _well_formed(schema, data, params)
    if value is _DEVIATES:
        _check_schema(schema)
        value, error = interpreted(schema, data, parameters(params))
        if error is not None:
            raise error
    return value


def read(schema: Construct, data: bytes, **context: Any) -> tuple[Any, list[GrammarError]]:
    """The value of what can be read, and all that is wrong with the bytes.

    Where `parse` raises, this goes on as long as what follows is sure: an extension with a malformed
    body has the body None, bytes left over are left out, a value out of bounds is returned.

    Args:
        schema, data, context: as for `parse`.

    Returns:
        The value, None where nothing could be read; and an error for each defect, in order. Where one
        of them has `ends_early`, the structure ended before its own lengths say.
    """
    if type(data) is not bytes:
        data = _bytes_of(data)
    _check_schema(schema)
    params = _shared(context)
    value = _well_formed(schema, data, params)
    return _what_can_be_read(schema, data, params) if value is _DEVIATES else (value, [])


@lru_cache(maxsize=256)
def reader(schema: Construct) -> Callable[[bytes, Container], tuple[Any, Sequence[GrammarError]]]:
    """`read` for one schema, as a function of the bytes and of a context that `parameters` has made, for those who
    read much in the same one.
    """
    if _INTERPRET:
        return partial(_what_can_be_read, schema)
    if _STRICT:
        return partial(_strictly_read, schema)
    parser = compiled_alone(schema)

    def read_one(data: bytes, params: Container) -> tuple[Any, Sequence[GrammarError]]:
        try:
            value, end = parser(data, 0, len(data), 0, params)
            if end == len(data):
                return value, ()
        except Exception:  # whatever a function of the schema raises, as in `_well_formed`
            pass
        return _what_can_be_read(schema, data, params)

    return read_one


def parse_at(
    schema: Construct, data: bytes | bytearray, at: int, params: Container
) -> tuple[Any, int]:
    """The value of a structure that begins somewhere in the bytes, and where it ends.

    Raises:
        GrammarError: the bytes there do not follow the schema.
    """
    gave_up: Exception | None = None
    if not _INTERPRET:
        try:
            return compiled_alone(schema)(data, at, len(data), at, params)
        except Exception as error:  # likewise
            gave_up = error
    window = Window(data, at, at)
    try:
        value = without_streams(
            guarded(schema)._parsereport(window, parameters(params), "(parsing)")
        )
    except Exception as error:
        if _STRICT and gave_up is not None:
            _must_agree(schema, gave_up, error)
        raise as_grammar_error(error, window, "(parsing)") from error
    if _STRICT and gave_up is not None:
        _must_agree(schema, gave_up, None)
    return value, at + window.tell()


def well_formed_at(
    schema: Construct, data: bytes | bytearray, at: int, params: Container
) -> tuple[Any, int] | None:
    """As `parse_at`, for schemas of the library and for those who do not ask what is wrong: None where the bytes do not
    follow the schema, which takes no longer to find out than that they do.
    """
    if _INTERPRET or _STRICT:
        try:
            return parse_at(schema, data, at, params)
        except GrammarError:
            return None
    try:
        return compiled_alone(schema)(data, at, len(data), at, params)
    except Exception:  # of whatever kind: the bytes do not follow the schema
        return None


# Stands for the value of bytes that do not follow their schema, or that may not.
_DEVIATES = object()


def _well_formed(schema: Construct, data: bytes, params: Container) -> Any:
    if _STRICT:
        return _strictly_well_formed(schema, data, params)
    if not _INTERPRET:
        try:
            value, end = compiled_alone(schema)(data, 0, len(data), 0, params)
            if end == len(data):
                return value
        except Exception:
            # Not only those in GIVES_UP: a function of the schema may raise anything, and the schema itself says what
            # is wrong then. What only a fault of the compiler can raise is found in strict mode, in which all tests run.
            pass
    return _DEVIATES


def _strictly_well_formed(schema: Construct, data: bytes, params: Container) -> Any:
    if _INTERPRET:
        return _DEVIATES
    gave_up: Exception | None = None
    try:
        value, end = compiled_alone(schema)(data, 0, len(data), 0, params)
        if end == len(data):
            return value
    except Exception as error:
        gave_up = error
    _, failed = _interpreted(schema, data, parameters(params))
    _must_agree(schema, gave_up, failed)
    return _DEVIATES


def _strictly_read(
    schema: Construct, data: bytes, params: Container
) -> tuple[Any, Sequence[GrammarError]]:
    value = _strictly_well_formed(schema, data, params)
    return _what_can_be_read(schema, data, params) if value is _DEVIATES else (value, ())


def _must_agree(schema: Construct, gave_up: Exception | None, failed: Exception | None) -> None:
    """That a compiled parser gave up for a declared reason, or for the schema's own, and that the schema fails too; or
    that it gave up because only the schema can do it.
    """
    if isinstance(gave_up, NotAtHand):
        return
    if failed is None:
        raise CompilerError(f"{schema!r}, compiled, does not parse what follows it") from gave_up
    if gave_up is None or isinstance(gave_up, GIVES_UP):
        return
    cause: BaseException | None = failed
    while cause is not None and type(cause) is not type(gave_up):
        cause = cause.__cause__ or cause.__context__
    if cause is None:
        raise CompilerError(f"{schema!r}, compiled, fails otherwise than the schema") from gave_up


def _what_can_be_read(
    schema: Construct, data: bytes, params: Container
) -> tuple[Any, list[GrammarError]]:
    if not _INTERPRET:
        from .salvage import salvaged  # here, because most never meet malformed bytes

        defects: list[GrammarError] = []
        found = salvaged(schema, data, parameters({**params, "defects": defects}))
        if found is not None:
            if _STRICT:
                _must_say_the_same(
                    schema, (found[0], defects), _interpreted_read(schema, data, params)
                )
            return found[0], defects
    return _interpreted_read(schema, data, params)


def _interpreted_read(
    schema: Construct, data: bytes, params: Container
) -> tuple[Any, list[GrammarError]]:
    defects: list[GrammarError] = []
    value, error = interpreted(schema, data, parameters({**params, "defects": defects}))
    if error is not None:
        defects.append(error)
    return value, defects


def _must_say_the_same(schema: Construct, *results: tuple[Any, list[GrammarError]]) -> None:
    """That compiled code gives the value and the defects that the schema itself gives."""
    one, other = (
        (repr(value), [(d.reason, d.offset, d.path, d.ends_early) for d in defects])
        for value, defects in results
    )
    if one != other:
        raise CompilerError(f"{schema!r}, compiled, says {one}, and itself {other}")


def interpreted(
    schema: Construct, data: bytes, params: Container
) -> tuple[Any, GrammarError | None]:
    """The value that the schema itself parses, or the error that ends it. What a schema does besides parsing
    is done once.
    """
    window = Window(data, 0)
    value, error = _interpreted(schema, data, params, window)
    return value, None if error is None else as_grammar_error(error, window, "(parsing)")


def _interpreted(
    schema: Construct, data: bytes, params: Container, window: Window | None = None
) -> tuple[Any, Exception | None]:
    try:
        value = parse_whole(guarded(schema), window or Window(data, 0), params, "(parsing)")
        return without_streams(value), None
    except Exception as error:  # a user's schema may hold any function, and that may raise anything
        return None, error


def build(schema: Construct, value: Any, **context: Any) -> bytes:
    """The bytes of a value: the inverse of `parse`, with the same arguments.

    Lengths need not be given. A code point can be given by its name.

    Raises:
        GrammarError: the value lacks a field, has one that the schema does not have, or does not fit the schema;
            `offset` counts the bytes that come before what could not be built, and `path` says what that is.
    """
    _check_schema(schema)
    stream = Output(0)
    params = parameters(given(context), parsing=False)
    try:
        guarded(schema)._build(value, stream, params, "(building)")
    except GrammarError:
        raise
    except Exception as error:  # as above; and values of a wrong type raise whatever they raise
        raise as_grammar_error(error, stream, "(building)") from error
    return stream.getvalue()


def _check_schema(schema: object) -> None:
    if not isinstance(schema, Construct):
        what = f"{schema!r} is not a construct"
        raise TypeError(f"{what}; call it with its argument" if callable(schema) else what)


def _bytes_of(data: object) -> bytes:
    if isinstance(data, (bytearray, memoryview)):
        return bytes(data)
    raise TypeError(f"bytes expected, not {type(data).__name__}")


def _shared(context: dict[str, Any]) -> Container:
    """The context of a structure, which those that are parsed alike share."""
    changeable = (
        context.get("extensions") is not None  # the registry would be kept alive
        or any(isinstance(value, str) for value in context.values())  # a name may get another code
    )
    if not changeable:
        try:
            return _kept(**context)
        except TypeError:  # something in it cannot be a key; or `given` raises it again
            pass
    return parameters(given(context))


def parameters(context: Mapping[str, Any], *, parsing: bool = True) -> Container:
    """The context of a structure that stands in no other, as construct makes it."""
    params = Container(context)
    params.setdefault("extensions", None)  # a compiled parser looks for its registry without asking
    params["_parsing"] = parsing
    params["_building"] = not parsing
    params["_sizing"] = False
    params["_params"] = params
    return params


NO_PARAMETERS = parameters({})
"""The context of a structure of which nothing more is told, which all of those share."""


@lru_cache(maxsize=256, typed=True)
def _kept(**context: Any) -> Container:
    return parameters(given(context))
