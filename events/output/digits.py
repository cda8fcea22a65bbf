"""Integers of any size.

What may live here: how many digits Python writes.
"""

__all__ = ["MANY_BITS"]

# Decimal digits take time that grows with the square of their number, so that Python refuses more than 4300 at first
# (`sys.set_int_max_str_digits`).
MANY_BITS = 4300 * 3
