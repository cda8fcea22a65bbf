"""How events and rows are written: a module for each format.

What may live here: that. What a value means is said by the declaration of its event or row.
"""
