"""Extension (RFC 8446 section 4.2).

What may live here: the structure that all extensions have. What they hold stands in the modules beside this one.
"""

from __future__ import annotations

from construct import Construct, Pass, Peek, this

from .. import names
from ..language import enumeration, opaque, structure, uint16
from ..language.open_types import OpenBody, OpenChoice
from ..registry import DEFAULT, EXTENSION

__all__ = ["Extension", "ExtensionType", "register"]

register = DEFAULT.register

_EXTENSION_DATA = opaque(0, 2**16 - 1)

ExtensionType = enumeration(uint16, names.EXTENSION_TYPES)


def Extension(message: str) -> Construct:
    """`struct { ExtensionType extension_type; opaque extension_data<0..2^16-1>; } Extension;`

    as it stands in a message. The bytes of `extension_data` stay beside the parsed `body`, which is None where nothing
    is registered, and may be given instead of it to build.
    """
    body = OpenChoice(EXTENSION, message, this.extension_type, Pass)
    return structure(
        "Extension",
        "RFC 8446 section 4.2",
        "extension_type" / ExtensionType,
        "extension_data" / Peek(_EXTENSION_DATA),
        "body" / OpenBody(body, _EXTENSION_DATA, "extension_data"),
    )
