"""Extension and the registry of what extensions hold (RFC 8446 section 4.2).

What belongs here: the `Extension` structure, the registry, and the one call that fills it. The
schemas of the extensions themselves stand in the modules beside this one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from construct import Construct, Peek, Struct

from ..errors import GrammarError
from ..names import EXTENSION_TYPES
from ..presentation import (
    Enumeration,
    Window,
    as_grammar_error,
    opaque,
    parse_whole,
    position,
    render_path,
    uint16,
)

__all__ = [
    "DEFAULT",
    "MESSAGES",
    "Extension",
    "ExtensionBody",
    "ExtensionRegistry",
    "ExtensionType",
    "register",
]

MESSAGES = (
    "client_hello",
    "server_hello",
    "hello_retry_request",
    "encrypted_extensions",
    "certificate",
    "certificate_request",
    "new_session_ticket",
)
"""The messages that extensions stand in, named as RFC 8446 section 4.2 does."""

_EXTENSION_DATA = opaque(0, 2**16 - 1)


@dataclass(frozen=True, slots=True)
class ExtensionType:
    """What a registry knows of one extension.

    Attributes:
        code: its code point.
        name: its name.
        schemas: the schema of its body, by the message that it stands in.
        reference: the document that defines it.
    """

    code: int
    name: str
    schemas: Mapping[str, Construct]
    reference: str = ""


class Attachment(NamedTuple):
    """Something that was left with an extension, and what it is, for people."""

    thing: Any
    label: str


class ExtensionRegistry:
    """The extensions that a parser knows, by code point.

    An extension that is not registered, or not for the message that it stands in, keeps its bytes
    (`extension_data`) and has no `body`.
    """

    def __init__(self) -> None:
        self._extensions: dict[int, ExtensionType] = {}
        self._attached: dict[int, tuple[Attachment, ...]] = {}
        self._entered: set[str] = set()
        # What is made from the schemas, by those who make it; it is theirs.
        self.derived: dict[str, Any] = {}

    def register(
        self,
        code: int,
        name: str,
        schema: Construct | Mapping[str, Construct],
        *,
        reference: str = "",
        replace: bool = False,
    ) -> None:
        """Make an extension known.

        Args:
            code: its code point, 0 to 65535.
            name: its name.
            schema: a construct for its body; or, where the body differs, one for each message that
                it can stand in, by the names in `MESSAGES`.
            reference: the document that defines it.
            replace: take the code point and the name from the extensions that hold them, with what was
                attached to those.

        Raises:
            ValueError: the code point is out of range, it or the name is taken, or a message has no such
                name.
            TypeError: a schema is not a construct.
        """
        if not 0 <= code < 2**16:
            raise ValueError(f"extension {name!r}: code point {code} is not in 0 to 65535")
        holder = self._extensions.get(code)
        if holder is not None and not replace:
            raise ValueError(
                f"extension {name!r}: code point {code} is held by {holder.name!r}; "
                f"pass replace=True to take it"
            )
        namesake = next((e for e in self if e.name == name and e.code != code), None)
        if namesake is not None and not replace:
            raise ValueError(
                f"extension {name!r}: the name is held by code point {namesake.code}; "
                f"pass replace=True to take it"
            )
        schemas = dict(schema) if isinstance(schema, Mapping) else dict.fromkeys(MESSAGES, schema)
        for message, body in schemas.items():
            if message not in MESSAGES:
                raise ValueError(
                    f"extension {name!r}: no message {message!r}; there are {', '.join(MESSAGES)}"
                )
            if not isinstance(body, Construct):
                raise TypeError(
                    f"extension {name!r}: the schema for {message} is not a construct but {body!r}"
                )
        for taken in filter(None, (holder, namesake)):
            del self._extensions[taken.code]
            self._attached.pop(taken.code, None)
        self._extensions[code] = ExtensionType(code, name, schemas, reference)
        self.derived.clear()

    def schema(self, code: int, message: str) -> Construct | None:
        """The schema of an extension's body in a message, or None where it has none."""
        extension = self._extensions.get(code)
        return extension.schemas.get(message) if extension is not None else None

    def name(self, code: int) -> str:
        """The name of an extension: the registered one, or the one of the IANA registry."""
        extension = self._extensions.get(code)
        return extension.name if extension is not None else EXTENSION_TYPES.name(code)

    def code(self, extension: int | str) -> int:
        """The code point of an extension, given that or its name.

        Raises:
            ValueError: no extension of that name is registered.
        """
        if isinstance(extension, int):
            return extension
        for known in self:
            if known.name == extension:
                return known.code
        raise ValueError(f"no extension {extension!r} is registered")

    def attach(self, code: int, thing: Any, label: str) -> None:
        """Leave something with an extension for whoever asks: what the body means to them.

        Args:
            code: the code point.
            thing: anything.
            label: what it is, for people.
        """
        self._attached[code] = (*self.attached(code), Attachment(thing, label))

    def attached(self, code: int) -> tuple[Attachment, ...]:
        """What was left with an extension, in order."""
        return self._attached.get(code, ())

    def enter(self, source: str) -> bool:
        """Note that the extensions of a source are being registered; False where they were before."""
        if self.has_entered(source):
            return False
        self._entered.add(source)
        return True

    def has_entered(self, source: str) -> bool:
        """Whether the extensions of a source have been registered."""
        return source in self._entered

    def copy(self) -> ExtensionRegistry:
        """A registry of the same extensions that can be changed by itself."""
        copied = ExtensionRegistry()
        copied._extensions.update(self._extensions)
        copied._attached.update(self._attached)
        copied._entered.update(self._entered)
        return copied

    def __iter__(self) -> Iterator[ExtensionType]:
        return iter(self._extensions.values())

    def __contains__(self, code: object) -> bool:
        return code in self._extensions

    def __getitem__(self, code: int) -> ExtensionType:
        return self._extensions[code]


DEFAULT = ExtensionRegistry()
"""The registry that is used where a caller names no other: `extensions=` in the context."""

register = DEFAULT.register


class ExtensionTypeField(Enumeration):
    """`ExtensionType extension_type`: the names are those of the registered extensions first."""

    def describe(self, code: int) -> str:
        return f"{DEFAULT.name(code)} ({code})"

    def look_up(self, name: str, context: Any) -> int:
        try:
            return registry_of(context).code(name)
        except ValueError:
            return EXTENSION_TYPES.code(name)


def registry_of(context: Any) -> ExtensionRegistry:
    """The registry that a schema is parsed or built with."""
    registry: ExtensionRegistry = context["_params"].get("extensions") or DEFAULT
    return registry


class ExtensionBody(Construct):  # type: ignore[misc]
    """`extension_data`, read by the schema that the registry has for its extension_type.

    Parsed: the value of the schema; None where there is no schema, or where (for a caller who asked
    for what can be read) the body is malformed. Built: from the value of `body`; where that is None
    from the bytes of `extension_data`.

    Attributes:
        message: the message that the extension stands in.
    """

    def __init__(self, message: str) -> None:
        super().__init__()
        self.message = message
        self.flagbuildnone = True

    def schema(self, context: Any) -> Construct | None:
        """The schema of the body, for a context that holds the `extension_type`."""
        return registry_of(context).schema(context["extension_type"], self.message)

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        base = position(stream)
        data = _EXTENSION_DATA._parsereport(stream, context, path)
        schema = self.schema(context)
        if schema is None:
            return None
        window = Window(data, base + 2)
        params = context["_params"]
        outer = params.get("defects")
        if outer is None:
            return _parse_body(schema, window, context, path)
        params["defects"] = inner = []
        try:
            value = _parse_body(schema, window, context, path)
        except GrammarError as error:
            inner.append(error)
            value = None
        finally:
            params["defects"] = outer
        # What is wrong inside a body costs the body; the message around it is sound.
        outer.extend(GrammarError(e.reason, e.offset, e.path) for e in inner)
        return value

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        data = context.get("extension_data")
        if obj is not None or data is None:
            schema = self.schema(context)
            if schema is None:
                raise GrammarError(
                    f"extension {context['extension_type']} has no schema here: "
                    f"give its bytes as extension_data",
                    position(stream),
                    render_path(path),
                )
            inner = Window(b"", position(stream))
            schema._build(obj, inner, context, path)
            data = inner.getvalue()
        _EXTENSION_DATA._build(data, stream, context, path)
        return obj


def _parse_body(schema: Construct, window: Window, context: Any, path: str) -> Any:
    name = registry_of(context).name(context["extension_type"])
    try:
        return parse_whole(schema, window, context, path, f" after the body of {name}")
    except GrammarError:
        raise
    except Exception as error:  # a user's schema may hold any function, and that may raise anything
        raise as_grammar_error(error, window, path) from error


def Extension(message: str) -> Construct:
    """`struct { ExtensionType extension_type; opaque extension_data<0..2^16-1>; } Extension;`

    as it stands in a message. The bytes of `extension_data` stay beside the parsed `body`.
    """
    return Struct(
        "extension_type" / ExtensionTypeField(uint16, EXTENSION_TYPES),
        "extension_data" / Peek(_EXTENSION_DATA),
        "body" / ExtensionBody(message),
    )
