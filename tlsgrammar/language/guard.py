"""Schemas as they are interpreted: the same constructs, watched.

What may live here: what construct itself does not look after when it parses and builds.

A guarded schema is a copy of a schema that parses and builds the same, and besides

- notes at an exception in which field and at which byte it was raised; within bits, or what is decompressed, that is the byte
  where they stand;
- gives up on structures that contain themselves too deep, and on lists of elements without a size;
- does not take what has a defect where a construct but tries whether the bytes follow it, for whatever reader;
- does not pass over what a value has and the schema has not, when it builds.

A trap: constructs tell each other things by exceptions (`Select`, `GreedyRange`, `StopIf`). So an exception goes its way
as it was raised, with a note on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import construct
from construct import Construct, Renamed

from .errors import GrammarError
from .open_types import OpenChoice, nearest
from .presentation import deeper, misfit, position, render_path
from .shape import Around, Choice, Maybe, Repeat, Select, bare, shape, with_parts

__all__ = ["MAXIMUM_KEPT", "guarded", "watched"]

MAXIMUM_KEPT = 4096
"""So many copies of schemas are kept, of a program that makes schemas as it runs."""

# So many elements of a list may be without a size.
_MAXIMUM_WITHOUT_SIZE = 4096


@lru_cache(maxsize=MAXIMUM_KEPT)
def guarded(schema: Construct) -> Construct:
    """A schema, watched; it is made at its first use."""
    return watched(schema, with_parts(schema, guarded))


def watched(schema: Construct, copied: Construct) -> Construct:
    """A copy of a construct that watches itself.

    Args:
        schema: the construct.
        copied: a copy of it whose parts watch themselves, or itself where they need not.
    """
    of = shape(schema)
    if isinstance(of, Choice):
        return with_parts(copied, _not_passed_over)
    if isinstance(of, Around) and of.elsewhere:
        return _Elsewhere(copied)
    if isinstance(of, Select) or (isinstance(of, Maybe) and of.when in ("fits", "peek")):
        return with_parts(copied, _Tried)
    if isinstance(of, Repeat) and type(schema).__module__.startswith("construct"):
        element = (lambda part: _Element(_Tried(part))) if of.ends == "misfit" else _Element
        return with_parts(copied, element)
    kind = _KINDS.get(type(schema))
    if kind is None:
        return copied
    clone: Construct = object.__new__(kind)
    clone.__dict__.update(vars(copied))
    return clone


def _not_passed_over(case: Construct) -> Construct:
    return _NOTHING if bare(case) is construct.Pass else case


class _Nothing(type(construct.Pass)):  # type: ignore[misc]
    """The case of a choice in which nothing is built."""

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        if obj:
            raise misfit("nothing", obj, stream, path)
        return obj


_NOTHING = _Nothing()


def _note(error: Exception, stream: Any, path: str) -> None:
    """Note at an exception where it was raised, if nobody has."""
    if not isinstance(error, GrammarError) and not hasattr(error, "_where"):
        error._where = (position(stream), path)  # type: ignore[attr-defined]


class _Field(Renamed):  # type: ignore[misc]
    _stands_in = True

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        path = f"{path} -> {self.name}" if self.name else path
        try:
            return self.subcon._parsereport(stream, context, path)
        except Exception as error:
            _note(error, stream, path)
            raise

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        path = f"{path} -> {self.name}" if self.name else path
        try:
            return self.subcon._build(obj, stream, context, path)
        except Exception as error:
            _note(error, stream, path)
            raise


class _Struct(construct.Struct):  # type: ignore[misc]
    _stands_in = True

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        if obj is not None:
            if not isinstance(obj, Mapping):
                raise misfit("a mapping of fields to values", obj, stream, path)
            names = {field.name for field in self.subcons}
            for name in obj:
                if name not in names and not str(name).startswith("_"):
                    reason = f"there is no field {name!r}{nearest(str(name), filter(None, names))}"
                    raise GrammarError(reason, position(stream), render_path(path))
        return super()._build(_Given(self, obj, stream, path), stream, context, path)


class _Given(dict[str, Any]):
    """The fields that are given; one that is needed and is not among them is an error that says where."""

    def __init__(self, schema: Construct, given: Any, stream: Any, path: str) -> None:
        super().__init__(given or ())
        self._stream = stream
        self._path = path

    def __missing__(self, name: str | None) -> Any:
        reason = (
            f"no value for the field {name!r}"
            if name
            else "a field without a name is needed to build it"
        )
        path = f"{self._path} -> {name}" if name else self._path
        raise GrammarError(reason, position(self._stream), render_path(path))


class _Sequence(construct.Sequence):  # type: ignore[misc]
    _stands_in = True

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        if obj is not None and (
            not isinstance(obj, (list, tuple)) or len(obj) != len(self.subcons)
        ):
            raise misfit(f"a list of {len(self.subcons)}", obj, stream, path)
        return super()._build(obj, stream, context, path)


class _LazyBound(construct.LazyBound):  # type: ignore[misc]
    _stands_in = True

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        context = deeper(context, stream, path)
        return guarded(self.subconfunc())._parsereport(stream, context, path)

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        context = deeper(context, stream, path)
        return guarded(self.subconfunc())._build(obj, stream, context, path)


class _OpenChoice(OpenChoice):
    def schema(self, context: Any) -> Construct:
        return guarded(super().schema(context))


class _Unbuffered(construct.Subconstruct):  # type: ignore[misc]
    """In the place of a Rebuffered, which would wait for bytes for ever; all there are are at hand."""


class _EndlessError(GrammarError, construct.ExplicitError):  # type: ignore[misc]
    """A list without end. What tries other ways at errors does not try any at this."""


class _Element(construct.Subconstruct):  # type: ignore[misc]
    """The element of a list of construct's, whose path says which it is."""

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        before = stream.tell()
        path = f"{path}[{context['_index']}]"
        try:
            value = self.subcon._parsereport(stream, context, path)
        except Exception as error:
            _note(error, stream, path)
            raise
        if stream.tell() == before and context["_index"] > _MAXIMUM_WITHOUT_SIZE:
            reason = f"more than {_MAXIMUM_WITHOUT_SIZE} elements without a size in a list"
            raise _EndlessError(reason, position(stream), render_path(path))
        return value

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        path = f"{path}[{context['_index']}]"
        try:
            return self.subcon._build(obj, stream, context, path)
        except Exception as error:
            _note(error, stream, path)
            raise


class _Elsewhere(construct.Subconstruct):  # type: ignore[misc]
    """What is made of other bytes than those that are parsed: what is wrong in it is told of where it stands in these."""

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        where = position(stream)
        defects = context["_params"].get("defects")
        before = 0 if defects is None else len(defects)
        try:
            return self.subcon._parsereport(stream, context, path)
        except Exception as error:
            _note_again(error, where, path)
            raise
        finally:
            for defect in () if defects is None else defects[before:]:
                defect.offset = where

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        where = position(stream)
        try:
            return self.subcon._build(obj, stream, context, path)
        except Exception as error:
            _note_again(error, where, path)
            raise


def _note_again(error: Exception, where: int, path: str) -> None:
    """Note at an exception that it was raised at another byte than it says."""
    if isinstance(error, GrammarError):
        error.offset = where
    else:
        noted = getattr(error, "_where", None)
        error._where = (where, path if noted is None else noted[1])  # type: ignore[attr-defined]


class _Tried(construct.Subconstruct):  # type: ignore[misc]
    """What the bytes need not follow: what has a defect does not."""

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        params = context["_params"]
        defects = params.get("defects")
        if defects is None:
            return self.subcon._parsereport(stream, context, path)
        params["defects"] = None
        try:
            return self.subcon._parsereport(stream, context, path)
        finally:
            params["defects"] = defects


_KINDS: dict[type[Construct], type[Construct]] = {
    Renamed: _Field,
    construct.Struct: _Struct,
    construct.Sequence: _Sequence,
    construct.LazyBound: _LazyBound,
    construct.Rebuffered: _Unbuffered,
    OpenChoice: _OpenChoice,
}
