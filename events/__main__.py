"""`python -m events` and `tls-events`: the command line as a process of its own."""

import gc

from tlsgrammar.tool.console import leave

from .cli.events import main

__all__ = ["run"]


def run() -> None:
    """Run the command and end the process."""
    # What has been imported stays to the end: the collector need not look at it again, nor at exit.
    gc.freeze()
    # Nearly everything else ends with its packet, without the collector's help.
    gc.set_threshold(10_000)
    leave(main())


if __name__ == "__main__":
    run()
