"""Captures for tests: of this library, and of what you add to it (extra `testing`).

What may live here: making packets of what two sides say to each other. `captures` needs dpkt, `quic` aioquic.
"""
