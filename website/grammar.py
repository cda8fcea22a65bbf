"""The pages of the grammar: every structure, as it is declared.

What may live here: what a page of structures says, and the page that lists them all. Where each stands is for
`structures`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Any

from construct import Construct

from tlsgrammar.catalogue import ALIASES, reference_of

from . import names
from .declared import declared
from .markdown import code, escaped, first_sentence, link, linked_documents, relative, table
from .structures import KINDS, PAGES, Listed, Role, Structures, names_of

__all__ = ["INDEX", "index", "page", "raised_on", "title_of", "written_role"]

INDEX = "grammar/index.md"

_FOR_AUTHORS = ("What may live here", "What belongs here", "What may be here")


def title_of(module: ModuleType) -> str:
    """What a page is called, where room is short: the name of its module."""
    return module.__name__.removeprefix("tlsgrammar.").removeprefix("extensions.")


def page(structures: Structures, path: str) -> str:
    """A page of structures.

    Args:
        structures: all there are.
        path: which page.
    """
    module = PAGES[path]
    written = [f"# {_heading(module)}\n", *_introduction(module, path)]
    for listed in structures.on(path):
        written += [
            f"## {escaped(listed.name)} {{: #{listed.name} }}\n",
            *_about(structures, listed),
        ]
        written.append(declared(structures, listed) + "\n")
        of_codes = names_of(listed.schema)
        if of_codes is not None:
            target = relative(names.target(of_codes), path)
            written.append(link(f"All {len(of_codes)} names", target) + "\n")
    return "\n".join(written)


def _heading(module: ModuleType) -> str:
    return escaped(first_sentence(module.__doc__ or "").partition(" (")[0].rstrip(".:"))


def _introduction(module: ModuleType, path: str) -> Iterator[str]:
    text = (module.__doc__ or "").strip()
    for paragraph in text.split("\n\n"):
        is_heading = " ".join(paragraph.split()).rstrip(".") == first_sentence(
            module.__doc__ or ""
        ).rstrip(".")
        if not paragraph.startswith(_FOR_AUTHORS) and not (is_heading and "(" not in paragraph):
            yield linked_documents(" ".join(paragraph.split())) + "\n"
    name = module.__name__
    yield f"{link('How to read a declaration', relative(INDEX, path))}. The module is `{name}`.\n"


def _about(structures: Structures, listed: Listed) -> Iterator[str]:
    lines = []
    reference = reference_of(listed.schema)
    if reference:
        lines.append(linked_documents(reference))
    roles = [*structures.roles(listed.schema)]
    lines += map(written_role, roles)
    raised = [*_labels(structures, listed.schema)]
    for role in roles:
        raised += _labels(structures, (role.kind, role.entry.code))
    if raised:
        events = ", ".join(
            link(code(name), f"{relative('events.md', listed.page)}#{name}")
            for name in dict.fromkeys(raised)
        )
        lines.append(f"raises {events}")
    if len(lines) > 1:
        yield "".join(f"- {line}\n" for line in lines)
    elif lines:
        yield f"{lines[0]}\n"


def written_role(role: Role) -> str:
    """What a structure is registered as, in words."""
    number = f" {role.entry.code}" if isinstance(role.entry.code, int) else ""
    where = f" in {', '.join(map(code, role.wheres))}" if role.wheres else ""
    if role.kind == "key exchange":
        where = f", {' and '.join(role.wheres)}"
    return f"{role.kind}{number} {code(role.entry.name)}{where}"


def raised_on(structures: Structures) -> dict[str, list[Listed | Role]]:
    """The structures, and the entries of the registry, that each event is raised on, by its name."""
    found: dict[str, list[Listed | Role]] = {}
    for listed in structures.listed.values():
        for name in _labels(structures, listed.schema):
            found.setdefault(name, []).append(listed)
    for kind in KINDS:
        for entry in structures.registry.entries(kind).values():
            for name in _labels(structures, (kind, entry.code)):
                found.setdefault(name, []).append(Role(kind, entry, ()))
    return found


def _labels(structures: Structures, to: Construct | tuple[str, Any]) -> Iterable[str]:
    return dict.fromkeys(attached.label for attached in structures.registry.attached(to))


def index(structures: Structures) -> str:
    """The page that says how to read the others, and lists every structure."""
    return "\n".join([_HEAD, *_pages(structures), *_alphabet(structures), *_aliases(structures)])


_HEAD = """# The grammar

These pages are made from the schemas. Each structure stands under the name that its document gives it, as
`python -m tlsgrammar show NAME` declares it: in the presentation language of
[RFC 8446 section 3](https://www.rfc-editor.org/rfc/rfc8446#section-3).

| in a declaration | what it says |
| --- | --- |
| `opaque legacy_session_id<0..32>;` | 0 to 32 bytes, behind their length |
| `CipherSuite cipher_suites<0..2^16-2>;` | a list, behind its length in bytes, which has these bounds |
| `opaque random_bytes[28];` | so many bytes |
| `opaque content[rest];` | all bytes to the end of what encloses the field |
| `select (this.msg_type) { ... }` | what follows depends on an earlier field; the condition is Python's |
| `/* may be missing */` | what the language has no words for |

All code points and what they stand for: [code points](code-points.md). The names of all others: [names](names.md).

## Pages
"""


def _pages(structures: Structures) -> Iterator[str]:
    rows = [
        (
            link(title_of(module), relative(path, INDEX)),
            str(len(structures.on(path))),
            _heading(module),
        )
        for path, module in PAGES.items()
    ]
    yield table(("page", "structures", "what is there"), rows)


def _alphabet(structures: Structures) -> Iterator[str]:
    yield "## Every structure\n"
    by_letter: dict[str, list[Listed]] = {}
    for listed in sorted(structures.listed.values(), key=lambda each: each.name.casefold()):
        by_letter.setdefault(listed.name[0].upper(), []).append(listed)
    for letter, several in by_letter.items():
        links = " · ".join(link(escaped(x.name), relative(x.target, INDEX)) for x in several)
        yield f"**{letter}**&ensp;{links}\n"


def _aliases(structures: Structures) -> Iterator[str]:
    yield "## Other names\n"
    yield "What documents call otherwise than it is called here.\n"
    rows = []
    for name, alias in sorted(ALIASES.items(), key=lambda item: item[0].casefold()):
        of = [structures.by_name[each] for each in alias.of]
        links = ", ".join(link(escaped(x.name), relative(x.target, INDEX)) for x in of)
        rows.append((escaped(name), links, escaped(alias.why)))
    yield table(("name", "here", "why"), rows)
