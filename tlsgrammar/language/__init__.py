r"""A language for layouts, on top of construct: what schemas are written in, and what is derived from them.

Knows nothing of TLS, nor of any protocol. What a schema is written with stands here, and how it is parsed and built:

    >>> from construct import Struct
    >>> from tlsgrammar.language import build, opaque, parse, uint8, vector
    >>> Words = Struct("priority" / uint8, "words" / vector(opaque(1, 255), 2, 2**16 - 1))
    >>> build(Words, {"priority": 1, "words": [b"hi"]})
    b'\x01\x00\x03\x02hi'
    >>> parse(Words, b"\x01\x00\x03\x02hi").words
    ListContainer([b'hi'])
"""

from .api import build, parse, read
from .errors import GrammarError
from .expressions import reads
from .names import Names
from .presentation import (
    MAXIMUM_DEPTH,
    Bytes,
    Empty,
    block,
    enumeration,
    if_present,
    message,
    opaque,
    optional_length,
    remaining,
    repeated,
    structure,
    uint8,
    uint16,
    uint24,
    uint32,
    uint48,
    uint64,
    varint,
    vector,
)

__all__ = [
    "MAXIMUM_DEPTH",
    "Bytes",
    "Empty",
    "GrammarError",
    "Names",
    "block",
    "build",
    "enumeration",
    "if_present",
    "message",
    "opaque",
    "optional_length",
    "parse",
    "read",
    "reads",
    "remaining",
    "repeated",
    "structure",
    "uint8",
    "uint16",
    "uint24",
    "uint32",
    "uint48",
    "uint64",
    "varint",
    "vector",
]
