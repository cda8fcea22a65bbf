"""How events and rows are written: a module for each format.

What may live here: that. What a value means is said by the declaration of its event or row.
"""

from .json import json_line, json_lines
from .text import text_line, text_lines

__all__ = ["json_line", "json_lines", "text_line", "text_lines"]
