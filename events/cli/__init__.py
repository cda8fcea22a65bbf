"""The command lines: a module for each command, and what they share.

What may live here: what a command is asked for, and what it says. What is printed is made in `output`.
"""
