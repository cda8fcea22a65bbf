"""How events and rows are written: a module for each format.

What may live here: that. What a value means is said by the declaration of its event or row.
"""

from .lines import FORMATS, json_line, json_lines, text_line, text_lines

__all__ = ["FORMATS", "json_line", "json_lines", "text_line", "text_lines"]
