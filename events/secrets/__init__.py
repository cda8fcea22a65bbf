"""Keys, and what is protected with them.

What may live here: the only cryptography there is, by the library cryptography. Nothing imports this before there is
something to decrypt.
"""
