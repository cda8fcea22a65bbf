"""`python -m tlsgrammar`: the grammar for people.

What may live here: the commands, each a module, and what they share. Nothing else imports them, but for `console` and
`one_line`, which `events` shares.
"""
