"""Types that may be added to at run time: which structure a code point stands for is what a registry says.

What may live here: the registry, as far as it knows nothing of any protocol, and the constructs that look things up in
it. What can be registered, and by which call, is for those who declare an open type.

Other threads may read a registry while it changes. So its tables are never changed but replaced, by one thread at a time
(`changing`); who reads has the old one or the new one. What is made of the entries is kept by way of `OpenTypes.keep`, so
that nothing stays that was made of the old ones.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar, NamedTuple, Protocol
from weakref import WeakSet

from construct import Construct, Container

from .errors import GrammarError
from .names import Names
from .presentation import (
    Opaque,
    Output,
    Window,
    after_the_body_of,
    as_grammar_error,
    deeper,
    parse_whole,
    position,
    render_path,
)
from .shape import Deferred, Open, Shape, bare, evaluate, kept, least_size, parts, shape

__all__ = [
    "Attachment",
    "Entry",
    "OpenBody",
    "OpenChoice",
    "OpenTypes",
    "changing",
    "registry_of",
    "use_by_default",
]


changing = threading.RLock()
"""Held while a registry changes: by one for all, so that registries can be copied and sent to other processes."""


class Entry(NamedTuple):
    """What a registry knows of one code point.

    Attributes:
        code: the code point.
        name: its name.
        schemas: the schema of what it stands for, by where that stands.
        reference: the document that defines it.
    """

    code: Any
    name: str
    schemas: Mapping[str, Construct]
    reference: str = ""


class Attachment(NamedTuple):
    """Something that was left with a structure or an entry, and what it is, for people."""

    thing: Any
    label: str


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint at what may have been meant by a name that is not known; empty where nothing is near."""
    import difflib  # here, because it is for errors only

    close = difflib.get_close_matches(name, sorted(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


class Walk(Protocol):
    """Something that is made from the entries of a registry and from what is attached to them."""

    def forget(self) -> None:
        """Make it anew: the registry has changed."""


class OpenTypes:
    """The entries of open types, by the type and the code point.

    Attributes:
        derived: tables of what others have made from the entries and names, under keys of their own. Each change
            empties the tables; they stay the same objects.
        generation: another object after each change.
    """

    def __init__(self) -> None:
        self._entries: dict[str, dict[Any, Entry]] = {}
        self._attached: dict[Any, tuple[Attachment, ...]] = {}
        self._entered: set[str] = set()
        self._names: dict[Names, tuple[dict[int, str], dict[str, int]]] = {}
        self.derived: dict[Any, dict[Any, Any]] = {}
        self.generation = object()
        self._walks: WeakSet[Walk] = WeakSet()

    def __repr__(self) -> str:
        counts = {kind: len(known) for kind, known in self._entries.items()}
        # Those that their tables have not.
        counts["name"] = sum(
            of.get(code) != name
            for of, (by_code, _) in self._names.items()
            for code, name in by_code.items()
        )
        some = [f"{n} {kind}{'s' if n > 1 else ''}" for kind, n in counts.items() if n]
        return f"<{type(self).__name__}: {', '.join(some) or 'empty'}>"

    # Entries

    def enter_type(
        self, kind: str, entry: Entry, *, replace: bool, places: str, wheres: Iterable[str]
    ) -> None:
        """Make a code point of an open type known.

        Args:
            kind: the open type, such as `extension`; for people too.
            entry: what is to be known.
            replace: take the code point and the name from the entries that hold them, with what was attached to those.
            places: what structures of the type stand in, in the singular.
            wheres: which of those there are.

        Raises:
            ValueError: the code point or the name is taken, the name or the schemas are empty, or nothing stands
                where a schema is given for.
            TypeError: a schema is not a construct, or the name is no string.
        """
        what = f"{kind} {entry.name!r}"
        if not isinstance(entry.name, str):
            raise TypeError(f"the name of {kind} {entry.code!r} is not a string but {entry.name!r}")
        if not entry.name:
            raise ValueError(f"{kind} {entry.code!r}: its name is empty")
        if not entry.schemas:
            raise ValueError(f"{what}: there is no schema in {dict(entry.schemas)!r}")
        wheres = tuple(wheres)
        for where, schema in entry.schemas.items():
            if where not in wheres:
                hint = nearest(str(where), wheres)
                raise ValueError(
                    f"{what}: no {places} {where!r}{hint}; there are {', '.join(wheres)}"
                )
            if not isinstance(schema, Construct):
                raise TypeError(f"{what}: the schema for {where} is not a construct but {schema!r}")
        with changing:
            known = dict(self._entries.get(kind, {}))
            holder = known.get(entry.code)
            if holder is not None and not replace:
                raise ValueError(
                    f"{what}: code point {entry.code} is held by {holder.name!r}; pass replace=True to take it"
                )
            namesake = next(
                (e for e in known.values() if e.name == entry.name and e.code != entry.code), None
            )
            if namesake is not None and not replace:
                raise ValueError(
                    f"{what}: the name is held by code point {namesake.code}; pass replace=True to take it"
                )
            attached = dict(self._attached)
            for taken in filter(None, (holder, namesake)):
                del known[taken.code]
                attached.pop((kind, taken.code), None)
            known[entry.code] = entry
            self._attached = attached
            self._entries = {**self._entries, kind: known}
            self.changed()
        self._warn_of_hidden(entry)

    def _warn_of_hidden(self, entry: Entry) -> None:
        """Say so where what others want to hear of stands in a new entry where nobody can see it."""
        attached = [to for to in self._attached if isinstance(to, Construct)]
        if not attached:
            return
        from .sight import hidden  # which is about registries too

        try:
            found = hidden([(entry.name, schema) for schema in entry.schemas.values()], self)
        except Exception as error:  # of a LazyBound, which may name what is not there yet
            warnings.warn(
                f"{entry.name}: whether events are missing in it is not known: {error}",
                stacklevel=4,
            )
            return
        for schema in attached:
            if schema in found:
                path, why = found[schema]
                labels = ", ".join(attachment.label for attachment in self._attached[schema])
                warnings.warn(f"{labels} is not raised in {path}, inside {why}", stacklevel=4)

    def schema(self, kind: str, code: Any, where: str) -> Construct | None:
        """The schema of what a code point stands for, or None where it has none there."""
        entry = self._entries.get(kind, {}).get(code)
        return entry.schemas.get(where) if entry is not None else None

    def entries(self, kind: str) -> Mapping[Any, Entry]:
        """All entries of an open type, by code point."""
        return self._entries.get(kind, {})

    def everything(self) -> Iterator[tuple[str, Any, Entry]]:
        """All entries: the open type, the code point, and the entry."""
        for kind, known in self._entries.items():
            for code, entry in known.items():
                yield kind, code, entry

    def changed(self) -> None:
        """Take note that what was made of the entries holds no more."""
        self.generation = object()  # before they are emptied, as `keep` has it
        for table in self.derived.copy().values():
            table.clear()
        self._tell_walks()

    def keep(self, table: dict[Any, Any], key: Any, value: Any, since: object) -> None:
        """Keep in a table of `derived` what was made from the entries and names.

        Args:
            table, key, value: what is kept.
            since: the `generation` before anything was looked up for it. Where there is another one by now, nothing is
                kept: it may have been made of what holds no more.
        """
        table[key] = value
        if self.generation is not since:
            table.pop(key, None)

    # Names

    def add_name(self, names: Names, code: int, name: str, *, replace: bool) -> None:
        """Give a code point a name, for those who look with this registry.

        Raises:
            ValueError: the code point has another name, or the name stands for another, and `replace` is not given; or
                the name is empty, or the code point is too large.
            TypeError: the code point is no integer, or the name no string.
        """
        what = f"{names.title} {name!r}"
        if type(code) is not int:
            raise TypeError(f"{what}: a code point is an integer, not {code!r}")
        if not isinstance(name, str):
            raise TypeError(f"a name is a string, not {name!r}")
        if not name or not 0 <= code < 16**names.digits:
            raise ValueError(
                f"{what}: the name is empty, or {code} has more than {names.digits} hexadecimal digits"
            )
        with changing:
            by_code, by_name = self._names.get(names, ({}, {}))
            known = by_code.get(code, names.get(code))
            if known is not None and known != name and not replace:
                raise ValueError(
                    f"{what}: code point {code} is named {known!r}; pass replace=True to rename it"
                )
            try:
                other = by_name[name] if name in by_name else names.code(name)
            except KeyError:
                other = code
            if other != code and not replace:
                raise ValueError(
                    f"{what}: the name is held by code point {other}; pass replace=True to take it"
                )
            by_code, by_name = dict(by_code), dict(by_name)
            by_code[code], by_name[name] = name, code
            self._names = {**self._names, names: (by_code, by_name)}
            self.changed()

    def name_of(self, names: Names, code: int) -> str:
        """The name of a code point: the one that this registry was told, or `names.name(code)`."""
        added = self._names.get(names)
        return names.name(code) if added is None or code not in added[0] else added[0][code]

    def code_of(self, names: Names, name: str) -> int:
        """The code point of a name, likewise.

        Raises:
            KeyError: there is no such name.
        """
        added = self._names.get(names)
        if added is not None and name in added[1]:
            return added[1][name]
        try:
            return names.code(name)
        except KeyError as error:
            every = {*names.values(), *(added[1] if added is not None else ())}
            raise KeyError(f"{error.args[0]}{nearest(name, every)}") from None

    def added_names(self, names: Names) -> Mapping[int, str]:
        """The names that were added, by code point."""
        return self._names.get(names, ({}, {}))[0]

    def named(self) -> Iterable[Names]:
        """The names that others were added to."""
        return self._names.keys()

    # What others leave here

    def attach(self, to: Construct | tuple[str, Any], thing: Any, label: str) -> None:
        """Leave something with a structure, or with an entry, for whoever asks: what it means to them.

        Args:
            to: the schema of the structure; or the open type and code point of the entry.
            thing: anything.
            label: what it is, for people.
        """
        key = bare(to) if isinstance(to, Construct) else to
        with changing:
            several = (*self.attached(key), Attachment(thing, label))
            self._attached = {**self._attached, key: several}
            self._tell_walks()

    def tell(self, walk: Walk) -> None:
        """Tell a walk of each change, as long as it is there."""
        with changing:
            self._walks.add(walk)

    def _tell_walks(self) -> None:
        with changing:
            walks = tuple(self._walks)
        for walk in walks:
            walk.forget()

    def attached(self, to: Construct | tuple[str, Any]) -> tuple[Attachment, ...]:
        """What was left with a structure or an entry, in order."""
        return self._attached.get(bare(to) if isinstance(to, Construct) else to, ())

    def attachments(self) -> Iterator[tuple[Any, Attachment]]:
        """All that was left, with what it was left with."""
        for to, several in self._attached.items():
            for attachment in several:
                yield to, attachment

    def enter(self, source: str) -> bool:
        """Note that what a source brings along is being registered; False where it was before."""
        with changing:
            if self.has_entered(source):
                return False
            self._entered = {*self._entered, source}
            return True

    def has_entered(self, source: str) -> bool:
        """Whether what a source brings along has been registered."""
        return source in self._entered

    def copy_to(self, other: OpenTypes) -> None:
        """Make another registry, which is new, one of the same entries."""
        other._entries.update((kind, dict(known)) for kind, known in self._entries.items())
        other._attached.update(self._attached)
        other._entered.update(self._entered)
        other._names.update(self._names)


_default: OpenTypes = OpenTypes()


def use_by_default(registry: OpenTypes) -> None:
    """Say which registry is used where a caller names no other."""
    global _default
    _default = registry


def registry_of(context: Any) -> Any:
    """The registry that a schema is parsed or built with: the parameter `extensions` of its context."""
    return context["_params"].get("extensions") or _default


@kept
def nests(schema: Construct, kind: str | None = None) -> bool:
    """Whether a structure may hold another of its kind, by way of a registry or of a `LazyBound`, so that its depth has
    to be counted.

    Args:
        schema: that of the structure.
        kind: the open type by way of which; any where it is None.
    """
    of = shape(schema)
    if isinstance(of, Deferred) or (isinstance(of, Open) and kind in (None, of.choice.kind)):
        return True
    return any(nests(part, kind) for part in parts(schema))


class OpenChoice(Construct):  # type: ignore[misc]
    """What a registry has for a code point: a `Switch` that can be added to.

    Attributes:
        kind: the open type.
        where: where the structure stands, which its schema may depend on; or a function of the context that gives it.
        key: the function of the context that gives the code point.
        default: the construct for a code point that the registry does not have.
    """

    _part_names: ClassVar[tuple[str, ...]] = ("default",)

    def __init__(
        self,
        kind: str,
        where: str | Callable[[Any], str],
        key: Callable[[Any], Any],
        default: Construct,
    ) -> None:
        super().__init__()
        self.kind = kind
        self.where = where
        self.key = key
        self.default = default

    def _shape(self) -> Shape:
        return Open(self)

    def schema(self, context: Any) -> Construct:
        """The schema as it is parsed and built, for the context of a structure that holds the code point."""
        return self.found(context)

    def look_up(self, registry: OpenTypes, code: Any, where: str) -> Construct:
        """The schema that a registry has."""
        found = registry.schema(self.kind, code, where)
        return self.default if found is None else found

    def found(self, context: Any) -> Construct:
        """The schema as it was registered, for a context of that kind."""
        code, where = evaluate(self.key, context), evaluate(self.where, context)
        return self.look_up(registry_of(context), code, where)

    def _inside(self, stream: Any, context: Any, path: str) -> Any:
        return deeper(context, stream, path) if nests(self.found(context), self.kind) else context

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        inside = self._inside(stream, context, path)
        return self.schema(context)._parsereport(stream, inside, path)

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        inside = self._inside(stream, context, path)
        return self.schema(context)._build(obj, stream, inside, path)


class OpenBody(Construct):  # type: ignore[misc]
    """A structure in as many bytes as the length before it says, by what a registry has for a code point.

    Parsed: the value of the schema; None where there is no schema, or where (for a caller who asked for what can be
    read) the bytes do not follow it. Built: from the value; where that is None from the bytes in the field `given`.

    Attributes:
        choice: says how the schema is looked up.
        data: the construct of the bytes with their length.
        given: the name of the field with the bytes.
    """

    def __init__(self, choice: OpenChoice, data: Opaque, given: str) -> None:
        super().__init__()
        self.choice = choice
        self.data = data
        self.given = given
        self.flagbuildnone = True

    _part_names: ClassVar[tuple[str, ...]] = ("choice",)

    def _shape(self) -> Shape:
        return Open(self.choice, self.data, self.given)

    def schema(self, context: Any) -> Construct | None:
        """The schema, for the context of a structure that holds the code point; None where there is none."""
        found = self.choice.schema(context)
        return None if bare(found) is self.choice.default else found

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        start = position(stream)
        data = self.data._parsereport(stream, context, path)
        schema = self.schema(context)
        if schema is None:
            return None
        window = Window(data, start + least_size(self.data) - self.data.minimum)
        outer = context["_params"].get("defects")
        inner: list[GrammarError] | None = None if outer is None else []
        inside = Container(context)
        inside["_params"] = Container(context["_params"], defects=inner)
        try:
            value = self._parse_body(schema, window, self._inside(inside, window, path), path)
        except GrammarError as error:
            if inner is None or outer is None:
                raise
            inner.append(error)
            value = None
        # What is wrong inside a body costs the body; the structure around it is sound.
        if inner and outer is not None:
            outer.extend(GrammarError(e.reason, e.offset, e.path) for e in inner)
        return value

    def _inside(self, context: Any, stream: Any, path: str) -> Any:
        return deeper(context, stream, path) if nests(self.choice.found(context)) else context

    def _parse_body(self, schema: Construct, window: Window, context: Any, path: str) -> Any:
        code = evaluate(self.choice.key, context)
        entry = registry_of(context).entries(self.choice.kind).get(code)
        name = "" if entry is None else entry.name  # it has just been replaced
        try:
            return parse_whole(schema, window, context, path, after_the_body_of(name))
        except GrammarError:
            raise
        except (
            Exception
        ) as error:  # a user's schema may hold any function, and that may raise anything
            raise as_grammar_error(error, window, path) from error

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        data = context.get(self.given)
        if obj is not None or data is None:
            schema = self.schema(context)
            if schema is None:
                code = evaluate(self.choice.key, context)
                raise GrammarError(
                    f"{self.choice.kind} {code} has no schema here: give its bytes as {self.given}",
                    position(stream),
                    render_path(path),
                )
            inner = Output(position(stream) + least_size(self.data) - self.data.minimum)
            schema._build(obj, inner, self._inside(context, stream, path), path)
            data = inner.getvalue()
        self.data._build(data, stream, context, path)
        return obj
