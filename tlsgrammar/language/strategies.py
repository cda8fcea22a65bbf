"""Hypothesis strategies for the values of any schema, derived from the schema itself.

What may live here: drawing values that `build` accepts, by the shapes that schemas have. Needs hypothesis (the extra
`testing`).

The plan: a value is drawn as it is built, field by field, in a context like the one that it is built in, so that cases
are those that earlier fields decide for. Where a choice is open, its cases are drawn as often as each other, however
rare their code points are. What has a way of its own (adapters, padding, terminators) is drawn from what it is made of,
and kept where it comes back the same.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Collection
from functools import partial
from typing import Any

import construct
from construct import Construct, Container
from hypothesis import assume
from hypothesis import strategies as st

from .expressions import field_of_this
from .guard import guarded
from .open_types import OpenChoice, registry_of
from .parameters import given
from .presentation import MAXIMUM_DEPTH
from .shape import (
    Adapted,
    Around,
    Boolean,
    Check,
    Choice,
    Computed,
    Constant,
    Deferred,
    Float,
    Focus,
    Maybe,
    Named,
    Nothing,
    Number,
    Open,
    Raw,
    Record,
    Repeat,
    Row,
    Sealed,
    Select,
    Shape,
    Sized,
    Stop,
    Tell,
    Text,
    Unknown,
    evaluate,
    fixed_size,
    parts,
    shape,
    taken_apart,
)

__all__ = ["register", "values"]

_LONGEST = 40
"""How many bytes are drawn at most beyond those that a schema demands."""

_ENOUGH = 100
"""After how many bytes a list of structures has enough of them."""

_DEPTH = 4
"""How deep structures are drawn that contain themselves."""

_TRIES = 20
"""How often something is drawn that has to come back the same."""

Draw = Callable[[st.SearchStrategy[Any]], Any]

_HINT = "give a strategy for it with strategies.register()"

_GIVEN: dict[Any, Any] = {}


class NoStrategyError(TypeError):
    """A schema of which no values can be drawn."""


def register(
    construct_or_class: Construct | type[Construct],
    strategy: st.SearchStrategy[Any] | Callable[[Any], st.SearchStrategy[Any]],
) -> None:
    """Give a strategy for a construct of your own, or for all of a class.

    Args:
        construct_or_class: a construct, or a class of constructs.
        strategy: of its values; for a class, a function that takes the construct and gives it.

    Raises:
        TypeError: the first is neither a construct nor a class of constructs.
    """
    kind = construct_or_class
    if not isinstance(kind, Construct) and not (
        isinstance(kind, type) and issubclass(kind, Construct)
    ):
        raise TypeError(f"{kind!r} is neither a construct nor a class of constructs")
    _GIVEN[kind] = strategy


@st.composite
def values(draw: Draw, /, schema: Construct, **context: Any) -> Any:
    """Values of a schema.

    Args:
        draw: given by hypothesis.
        schema: the schema.
        context: as for `tlsgrammar.parse`.

    Raises:
        NoStrategyError: the schema holds a construct that no strategy is known for (see `register`), or reads what
            is not there; a TypeError.
    """
    check_drawable(schema)
    params = Container(given(context), _parsing=False, _building=True, _sizing=False)
    params["_params"] = params
    try:
        with taken_apart():
            return _value(draw, schema, params)
    except (KeyError, AttributeError) as error:  # of a function of the context
        raise NoStrategyError(
            f"{type(schema).__name__} reads {error} of what stands around it, or of what a caller gives: draw the "
            f"structure that it stands in, or give it as a keyword"
        ) from error


def check_drawable(schema: Construct) -> None:
    """That values of a schema can be drawn.

    Raises:
        TypeError: it holds a construct that no strategy is known for; the error says where.
    """
    _check(schema, type(schema).__name__, set())


def _check(schema: Construct, path: str, seen: set[Construct]) -> None:
    if schema in seen or _given(schema) is not None:
        return
    seen.add(schema)
    of = shape(schema)
    why = undrawable(schema)
    if why:
        what = type(schema).__name__
        raise NoStrategyError(f"no strategy is known for {what} at {path}: {why}; {_HINT}")
    if isinstance(of, Maybe) and of.when == "peek":
        return
    for part in parts(schema):
        _check(part, f"{path}.{part.name}" if part.name else path, seen)


def undrawable(schema: Construct) -> str:
    """Why no values of a construct can be drawn, whatever it is made of; empty where they can."""
    match shape(schema):
        case Sealed(why=why) | Around(undrawn=why):
            return why
        case Unknown():
            return "nothing is known of it"
        case Repeat(kept=False):
            return "its value does not hold its elements"
        case Record(keys=keys):
            named = [key for key in keys if key]
            return "two of its fields have the same name" if len(named) > len(set(named)) else ""
    return ""


def _given(schema: Construct) -> Any:
    """The strategy that was given for a construct, or for its class."""
    given = _GIVEN.get(schema)
    if given is not None:
        return given
    for kind in type(schema).__mro__:
        if kind in _GIVEN:
            return _GIVEN[kind](schema)
    return None


def _value(draw: Draw, schema: Construct, context: Any) -> Any:
    given = _given(schema)
    if given is not None:
        return draw(given)
    of = shape(schema)
    return _STRATEGIES[type(of)](draw, schema, of, context)


# Structures


def _scope(context: Any) -> Container:
    scope = Container(
        _=context,
        _params=context["_params"],
        _parsing=False,
        _building=True,
        _sizing=False,
        _index=context.get("_index"),
    )
    scope["_root"] = context.get("_root", scope)
    return scope


def _fields(draw: Draw, fields: Collection[Construct], context: Any, scope: Container) -> None:
    """Draw the fields of a structure into its context."""
    asked = _asked(fields)
    for field in fields:
        of = _of(field)
        if _says_again(field):
            scope[field.name] = None
        elif isinstance(of, Stop):
            if evaluate(of.function, scope):
                return
        elif isinstance(of, Open) and of.given is not None and not _is_known(of.choice, scope):
            scope[of.given] = _bytes(draw, 0, _LONGEST)
        elif isinstance(of, Named) and of.rebuilt:
            continue
        elif field.name in asked:
            scope[field.name] = _asked_for(draw, field, asked[field.name], scope)
        else:
            scope[field.name] = _value(draw, field, scope)


def _says_again(schema: Construct) -> bool:
    """Whether a field is made from others, or peeks at them."""
    of = _of(schema)
    return isinstance(of, Tell) or (isinstance(of, Maybe) and of.when == "peek")


def _of(schema: Construct) -> Shape:
    """The shape of a field behind what only names it."""
    of = shape(schema)
    while isinstance(of, Named) and not of.rebuilt:
        of = shape(of.part)
    return of


_Asker = Collection[Any] | str | OpenChoice


def _asked(fields: Collection[Construct]) -> dict[str, _Asker]:
    """What the fields after it ask of a field, by its name: a length, or one of some cases."""
    asked: dict[str, _Asker] = {}
    for field in fields:
        for of in _inside(field):
            if (isinstance(of, Raw | Sized) and (name := field_of_this(of.length))) or (
                isinstance(of, Repeat) and (name := field_of_this(of.count))
            ):
                asked[name] = "length"
            elif isinstance(of, Choice) and not of.truth and (name := field_of_this(of.key)):
                asked[name] = tuple(of.cases)
            elif isinstance(of, Open) and (name := field_of_this(of.choice.key)):
                asked[name] = of.choice
    return asked


def _inside(schema: Construct) -> list[Shape]:
    """The shapes of a field and of what it is made of, but for what has fields of its own."""
    of = shape(schema)
    if isinstance(of, Record | Row | Focus):
        return []
    return [of, *(x for part in parts(schema) for x in _inside(part))]


def _asked_for(draw: Draw, field: Construct, asker: _Asker, scope: Container) -> Any:
    of = _of(field)
    if not isinstance(of, Number):
        return _value(draw, field, scope)
    if asker == "length":
        return draw(st.integers(max(of.minimum, 0), min(_LONGEST, of.maximum)))
    cases: list[Any]
    if isinstance(asker, OpenChoice):
        cases = _known_codes(asker, scope)
    else:
        cases = [int(case) for case in asker if isinstance(case, int)]
    if cases and draw(st.integers(0, 7)):
        # Not sampled_from, which prefers the first of many.
        return cases[int.from_bytes(draw(st.binary(min_size=2, max_size=2)), "big") % len(cases)]
    return _value(draw, field, scope)


def _known_codes(choice: OpenChoice, scope: Any) -> list[Any]:
    where = evaluate(choice.where, scope)
    entries = registry_of(scope).entries(choice.kind)
    return sorted(
        code for code, entry in entries.items() if where in entry.schemas and type(code) is int
    )


def _is_known(choice: OpenChoice, scope: Any) -> bool:
    return choice.schema(scope) is not choice.default


def _record(draw: Draw, schema: Construct, of: Record, context: Any) -> dict[str, Any]:
    if of.overlay:
        named = [field for field in of.fields if field.name]
        field = draw(st.sampled_from(named))
        return {field.name: _value(draw, field, _scope(context))}
    if not of.scope:
        return {
            str(key): _value(draw, f, context) for key, f in zip(of.keys, of.fields, strict=True)
        }
    scope = _scope(context)
    _fields(draw, of.fields, context, scope)
    again = {field.name for field in of.fields if _says_again(field)}
    drawn: dict[str, Any] = {}
    for name in (field.name for field in of.fields):
        if name in scope and not (name in again and scope[name] is None):
            drawn[name] = scope[name]
    return drawn


def _row(draw: Draw, schema: Construct, of: Row, context: Any) -> list[Any]:
    scope = _scope(context)
    drawn: list[Any] = []
    for field in of.fields:
        inner = _of(field)
        if isinstance(inner, Stop):
            if evaluate(inner.function, scope):
                break
            drawn.append(None)
            continue
        drawn.append(_value(draw, field, scope))
        if field.name:
            scope[field.name] = drawn[-1]
    return drawn


def _focus(draw: Draw, schema: Construct, of: Focus, context: Any) -> Any:
    scope = _scope(context)
    _fields(draw, of.fields, context, scope)
    return scope[evaluate(of.name, scope)]


# Leaves


def _bytes(draw: Draw, minimum: int, maximum: int | None) -> bytes:
    longest = minimum + _LONGEST if maximum is None else min(maximum, minimum + _LONGEST)
    data: bytes = draw(st.binary(min_size=minimum, max_size=longest))
    return data


def _raw(draw: Draw, schema: Construct, of: Raw, context: Any) -> bytes:
    if of.lengthfield is not None or of.length is None:
        return _bytes(draw, of.minimum, of.maximum)
    length = _known_length(of.length, context)
    return _bytes(draw, 0, _LONGEST) if length is None else _bytes(draw, length, length)


def _known_length(length: Any, context: Any) -> int | None:
    """What a function of the context gives; None where it reads a field that is made from what is to be drawn."""
    try:
        found = evaluate(length, context)
    except (KeyError, AttributeError, TypeError):
        return None
    return found if isinstance(found, int) else None


def _number(draw: Draw, schema: Construct, of: Number, context: Any) -> int:
    if of.names is not None and (of.closed or draw(st.booleans())):
        registry = registry_of(context)
        codes = sorted({*of.names, *registry.added_names(of.names)})
        number: int = draw(st.sampled_from([code for code in codes if code <= of.maximum]))
        return number
    return int(draw(st.integers(of.minimum, of.maximum)))


def _float(draw: Draw, schema: Construct, of: Float, context: Any) -> float:
    width: Any = 8 * of.size
    return float(draw(st.floats(width=width, allow_nan=False)))


def _boolean(draw: Draw, schema: Construct, of: Boolean, context: Any) -> bool:
    return bool(draw(st.booleans()))


def _nothing(draw: Draw, schema: Construct, of: Shape, context: Any) -> None:
    return None


def _computed(draw: Draw, schema: Construct, of: Computed, context: Any) -> Any:
    return evaluate(of.function, context)


def _check_holds(draw: Draw, schema: Construct, of: Check, context: Any) -> None:
    assume(bool(evaluate(of.function, context)))


def _constant(draw: Draw, schema: Construct, of: Constant, context: Any) -> Any:
    return of.value


# What is made of a part


def _named(draw: Draw, schema: Construct, of: Named, context: Any) -> Any:
    return None if of.rebuilt else _value(draw, of.part, context)


def _sized(draw: Draw, schema: Construct, of: Sized, context: Any) -> Any:
    if of.lengthfield is not None or of.length is None:
        return _value(draw, of.part, context)
    length = _known_length(of.length, context)
    if length is None:
        return _value(draw, of.part, context)
    inner = shape(of.part)
    if isinstance(inner, Raw) and inner.length is None and inner.lengthfield is None:
        return _bytes(draw, length, length)
    return _fitting(draw, schema, context, lambda: _value(draw, of.part, context))


def _around(draw: Draw, schema: Construct, of: Around, context: Any) -> Any:
    if not of.apart:
        return _value(draw, of.part, context)
    return _fitting(draw, schema, context, lambda: _value(draw, of.part, context))


def _adapted(draw: Draw, schema: Construct, of: Adapted, context: Any) -> Any:
    if of.values is not None:
        return draw(st.sampled_from(of.values))

    def made_of(inner: Any) -> Any:
        return _parsed(schema, _built(of.part, inner, context), context)[0]

    number = _of(of.part)
    if isinstance(number, Number):
        # What a function lets through cannot be asked of it, but tried.
        fitting = [
            x for x in _candidates(number) if _comes_back(schema, partial(made_of, x), context)
        ]
        if not fitting:
            raise NoStrategyError(f"no value is found for {type(schema).__name__}; {_HINT}")
        if draw(st.booleans()):
            return made_of(draw(st.sampled_from(fitting)))
    return _fitting(draw, schema, context, lambda: made_of(_value(draw, of.part, context)))


def _candidates(of: Number) -> list[int]:
    ends = {of.minimum, of.maximum, *(1 << bit for bit in range(62)), *range(-16, 256)}
    return sorted(x for x in ends if of.minimum <= x <= of.maximum)


def _text(draw: Draw, schema: Construct, of: Text, context: Any) -> Any:
    letters = st.characters(codec=of.encoding, exclude_characters="\0")
    size = fixed_size(schema)
    longest = _LONGEST // 4 if size is None else size // 2
    text = st.text(letters, max_size=longest)
    return _fitting(draw, schema, context, lambda: draw(text))


def _fitting(draw: Draw, schema: Construct, context: Any, one: Callable[[], Any]) -> Any:
    """A value that comes back from the bytes that are built of it, as the same bytes."""
    for _ in range(_TRIES):
        found = _comes_back(schema, one, context)
        if found:
            return found[0]
    assume(False)
    raise AssertionError


def _comes_back(schema: Construct, one: Callable[[], Any], context: Any) -> list[Any]:
    """A value, where it comes back from its bytes; empty where it does not."""
    try:
        value = one()
        data = _built(schema, value, context)
        parsed, size = _parsed(schema, data, context)
        fits = size == len(data) and _built(schema, parsed, context) == data
    except (construct.ConstructError, ArithmeticError, LookupError, ValueError, AttributeError):
        return []
    return [value] if fits else []


def _maybe(draw: Draw, schema: Construct, of: Maybe, context: Any) -> Any:
    if of.when in ("length", "peek"):
        return None
    if context["_params"].get("_drawn", 0) >= _DEPTH or not draw(st.integers(0, 7)):
        return None
    return _value(draw, of.part, context)


def _deferred(draw: Draw, schema: Construct, of: Deferred, context: Any) -> Any:
    return _value(draw, of.function(), _deeper(context))


def _deeper(context: Any) -> Any:
    params = context["_params"]
    depth = params.get("_drawn", 0) + 1
    if depth >= MAXIMUM_DEPTH:
        raise NoStrategyError("a structure contains itself, and nothing in it ends that")
    inner = Container(context)
    inner["_params"] = Container(params, _drawn=depth)
    return inner


def _open(draw: Draw, schema: Construct, of: Open, context: Any) -> Any:
    found = of.choice.schema(context)
    return _value(draw, found, _deeper(context) if of.data is not None else context)


# One of several, and lists


def _choice(draw: Draw, schema: Construct, of: Choice, context: Any) -> Any:
    key = evaluate(of.key, context)
    return _value(draw, of.cases.get(bool(key) if of.truth else key, of.default), context)


def _select(draw: Draw, schema: Construct, of: Select, context: Any) -> Any:
    field = draw(st.sampled_from(of.fields))
    return _fitting(draw, schema, context, lambda: _value(draw, field, context))


def _repeat(draw: Draw, schema: Construct, of: Repeat, context: Any) -> Any:
    items: list[Any] = []
    count = None if of.count is None else _known_length(of.count, context)
    if of.ends == "count":
        ends = context["_params"].get("_drawn", 0) >= _DEPTH
        count = draw(st.integers(0, 0 if ends else 5)) if count is None else count
        for context["_index"] in range(count):
            items.append(_value(draw, of.part, context))
        return items
    if of.ends == "predicate":
        return _until(draw, schema, of, context)
    minimum = of.minimum
    maximum = minimum + _LONGEST if of.maximum is None else min(of.maximum, minimum + _LONGEST)
    ends = context["_params"].get("_drawn", 0) >= _DEPTH
    enough = maximum - minimum
    if isinstance(_of(of.part), Record):  # a few of them, however long each is
        enough = min(_ENOUGH, (_ENOUGH if of.maximum is None else of.maximum) - minimum)
    size = 0
    while size < minimum or (not ends and size < minimum + enough and draw(st.integers(0, 9))):
        context["_index"] = len(items)
        item = _value(draw, of.part, context)
        taken = len(_built(of.part, item, context))
        if of.maximum is not None and size + taken > of.maximum:
            break
        if not taken:
            break
        size += taken
        items.append(item)
    assume(size >= minimum)
    return items


def _until(draw: Draw, schema: Any, of: Repeat, context: Any) -> Any:
    def one() -> Any:
        items = construct.ListContainer()
        for context["_index"] in range(_LONGEST):
            data = _built(of.part, _value(draw, of.part, context), context)
            items.append(_parsed(of.part, data, context)[0])
            if schema.predicate(items[-1], items, context):
                return items
        raise construct.RepeatError("no element ends the list")

    return _fitting(draw, schema, context, one)


def _for_building(context: Any, *, parsing: bool) -> Container:
    scope = Container({**context})
    scope.update({"_parsing": parsing, "_building": not parsing, "_sizing": False})
    return scope


def _built(schema: Construct, value: Any, context: Any) -> bytes:
    stream = io.BytesIO()
    guarded(schema)._build(value, stream, _for_building(context, parsing=False), "(building)")
    return stream.getvalue()


def _parsed(schema: Construct, data: bytes, context: Any) -> tuple[Any, int]:
    stream = io.BytesIO(data)
    value = guarded(schema)._parsereport(stream, _for_building(context, parsing=True), "(parsing)")
    return value, stream.tell()


_STRATEGIES: dict[type[Shape], Callable[[Draw, Any, Any, Any], Any]] = {
    Number: _number,
    Float: _float,
    Boolean: _boolean,
    Raw: _raw,
    Text: _text,
    Constant: _constant,
    Nothing: _nothing,
    Tell: _nothing,
    Computed: _computed,
    Check: _check_holds,
    Stop: _nothing,
    Named: _named,
    Adapted: _adapted,
    Sized: _sized,
    Around: _around,
    Maybe: _maybe,
    Record: _record,
    Row: _row,
    Focus: _focus,
    Repeat: _repeat,
    Choice: _choice,
    Select: _select,
    Deferred: _deferred,
    Open: _open,
}
