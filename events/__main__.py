"""`python -m events`, which is `tls-events`."""

from tlsgrammar_commands import tls_events as run

__all__ = ["run"]

if __name__ == "__main__":
    run()
