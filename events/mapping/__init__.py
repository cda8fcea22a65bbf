"""Which structure raises which event: the one place that knows.

What may live here: tables. A structure in, events out; no state, no I/O, no bytes. Each protocol has a module; that of TLS
is filled in when it is imported, the others when they are met.
"""
