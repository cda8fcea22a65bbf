"""What the page is told of a connection: its steps, and pictures of their structures.

What may live here: making that of a ladder. The page draws it (`parts/ladder.js`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from construct import Construct

from tlsgrammar import Certificate, Handshake, Registry, sslv2
from tlsgrammar.dtls import DTLSHandshake
from tlsgrammar.handshake import is_hello_retry_request
from tlsgrammar.language import read, repeated
from tlsgrammar.language.presentation import Structure
from tlsgrammar.names import HANDSHAKE_TYPES
from tlsgrammar.picture import Fields, Picture
from tlsgrammar.quic import PACKETS, LongHeader
from tlsgrammar.registry import CONTENT_TYPE

from ...certificate import CertificateInfo
from ...model import SslStructure
from .ladder import Encrypted, Note, Plain, Seen, Step, body_of, in_words, layout_of

__all__ = ["Drawing"]

# A longer structure has no picture, in bytes; nor has any, once all pictures together take so many bytes of the page.
_MAXIMUM_SIZE = 2**15
_MAXIMUM_ALL = 2**23

_FRAGMENTS = repeated(DTLSHandshake)

_SCHEMAS: Mapping[str, Construct] = {
    "Handshake": Handshake,
    "DTLSHandshake": _FRAGMENTS,
    "Certificate": Certificate,
    "SSL 2.0": sslv2.Message,
    **{
        schema.title: schema
        for schema in (LongHeader, *PACKETS.values())
        if isinstance(schema, Structure)
    },
}


class Drawing:
    """Makes what the page is told, in lists that are small as JSON.

    A step is `[kind, seconds, is_orig, label, about, picture, wrong, certificates]`. Its kind is `structure`, `decrypted` (a
    structure that was encrypted), `encrypted`, `data`, `note` or `wrong`; is_orig is None where it is about both sides; the picture
    is the number of one in `pictures`. Of the last three, those that say nothing are left out.

    Args:
        registry: has the schemas and the names.

    Attributes:
        fields: has the texts of the pictures.
        pictures: they.
    """

    def __init__(self, registry: Registry) -> None:
        self.fields = Fields(registry)
        self._registry = registry
        self.pictures: list[Picture] = []
        self._numbers: dict[tuple[Any, ...], int] = {}

    def steps(self, seen: Seen) -> list[list[Any]]:
        """The steps of a connection.

        Args:
            seen: what was seen of it.
        """
        steps = [made for step in seen.steps for made in self._step(step, seen.start)]
        if seen.left_out:
            steps.append(["note", None, None, f"{seen.left_out} more steps are not shown", ""])
        return steps

    def _step(
        self, step: Step | Encrypted | Plain | Note, start: float | None
    ) -> Iterator[list[Any]]:
        ts = step.of.ts if isinstance(step, Step) else step.ts
        seconds = None if ts is None or start is None else round(ts - start, 6)
        if seconds is not None and not math.isfinite(seconds):
            seconds = None  # JSON has no such numbers
        match step:
            case Step():
                yield from self._structure(step, seconds)
            case Encrypted(is_orig=is_orig, count=count, size=size):
                yield ["encrypted", seconds, is_orig, _records(count, size), ""]
            case Plain(is_orig=is_orig, count=count, size=size, data=data):
                label = f"application data, {_records(count, size)}"
                self.pictures.append(self.fields.drawn([], data, size=size))
                yield ["data", seconds, is_orig, label, "", len(self.pictures) - 1]
            case Note(is_orig=is_orig, text=text, is_wrong=is_wrong):
                yield ["wrong" if is_wrong else "note", seconds, is_orig, text, ""]

    def _structure(self, step: Step, seconds: float | None) -> Iterator[list[Any]]:
        of = step.of
        label, about = step.label or of.structure, of.structure if step.label else ""
        if of.structure == "DTLSHandshake":
            fragments = self._fragments(of)
            if fragments is None and not step.wrong:
                return
            label, about = fragments or "fragments", ""
        if label == "server_hello" and self._is_retry(of):
            label = "server_hello (HelloRetryRequest)"
        if step.record:
            about = f"{about}, in a record of {step.record:,} bytes"
        picture = self._picture(of)
        told = set() if picture is None else {path for _, path, _ in self.pictures[picture].wrong}
        wrong = [each for each in step.wrong if not each.path or each.path not in told]
        made: list[Any] = [
            "decrypted" if of.is_encrypted else "structure",
            *(seconds, of.is_orig, label, about),
            picture,
            [*map(in_words, wrong), *_and_more(step.more_wrong)],
            [*map(_certificate, step.certificates)],
        ]
        made[7] += [[["certificates", words]] for words in _and_more(step.more_certificates)]
        while made[-1] is None or made[-1] == []:
            made.pop()
        yield made

    def _is_retry(self, of: SslStructure) -> bool:
        try:
            return is_hello_retry_request(body_of(of, self._registry))
        except (AttributeError, KeyError, TypeError):  # a registry has another schema for it
            return False

    def _fragments(self, of: SslStructure) -> str | None:
        """What the fragments in a record of DTLS are of; None where each is a whole message, which is shown itself."""
        found, _ = read(_FRAGMENTS, of.data)
        parts = [
            f"{self._registry.name_of(HANDSHAKE_TYPES, each['msg_type'])} "
            f"{each['fragment_offset']} to {each['fragment_offset'] + each['fragment_length']} of {each['length']}"
            for each in found or ()
            if each["fragment_length"] != each["length"]
        ]
        return f"fragments: {', '.join(parts)}" if parts else None

    def _picture(self, of: SslStructure) -> int | None:
        """The number of the picture of a structure; None where it has none."""
        schema = self._schema(of)
        if schema is None or len(of.data) > _MAXIMUM_SIZE:
            return None
        context = layout_of(of)
        key = (of.structure, of.data, *context.values())
        known = self._numbers.get(key)
        if known is None and self.fields.size < _MAXIMUM_ALL:
            known = self._numbers[key] = len(self.pictures)
            self.pictures.append(self.fields.picture(of.structure, schema, of.data, **context))
        return known

    def _schema(self, of: SslStructure) -> Construct | None:
        if of.structure in _SCHEMAS:
            return _SCHEMAS[of.structure]
        where = "datagram" if of.dtls else "stream"
        for code, entry in self._registry.content_types.items():
            if entry.name == of.structure:
                return self._registry.schema(CONTENT_TYPE, code, where)
        return None


def _and_more(count: int) -> list[str]:
    return [f"and {count:,} more"] if count else []


def _records(count: int, size: int) -> str:
    return f"{count:,} record{'' if count == 1 else 's'}, {size:,} bytes"


def _certificate(info: CertificateInfo | None) -> list[list[str]]:
    """What a certificate says, as names and texts."""
    if info is None:
        return [["certificate", "it cannot be read"]]
    names = [*info.san_dns, *info.san_ip, *info.san_uri, *info.san_email]
    key = " ".join(str(x) for x in (info.key_type, info.key_length, info.curve) if x is not None)
    told = {
        "subject": info.subject,
        "issuer": info.issuer,
        "for": ", ".join(names),
        "valid": _validity(info),
        "key": key,
        "signed with": info.sig_alg,
        "serial": info.serial,
        "authority": None if info.ca is None else "yes" if info.ca else "no",
    }
    return [[name, text] for name, text in told.items() if text]


def _validity(info: CertificateInfo) -> str:
    words = [_day(at) for at in (info.not_valid_before, info.not_valid_after)]
    return " to ".join(words) if any(words) else ""


def _day(at: float | None) -> str:
    if at is None:
        return "?"
    try:
        return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}"
    except (OverflowError, ValueError, OSError):
        return "?"
