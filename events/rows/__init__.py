"""From events to rows: a row per connection, as Zeek's logs have it.

What may live here: events in, rows out. How rows are printed is for `output`.
"""

from .model import CertificateRow, ConnectionRow, QuicRow, Row
from .rows import Rows
from .weak import WEAKNESSES, Weakness, weaknesses

__all__ = [
    "CertificateRow",
    "ConnectionRow",
    "QuicRow",
    "Row",
    "Rows",
    "WEAKNESSES",
    "Weakness",
    "weaknesses",
]
