"""The commands as processes of their own: what is imported for them, and when.

What may live here: what pays for a process only, and is none of a library's business. It stands in no package, because
whoever imports a module of one imports the package first, and with it all that is to be put off here.

construct imports debuggers and the like, for those who debug their schemas. They take longer to import than construct
itself. A command has no use for them. So while it imports construct, something stands in their place, which construct
keeps. Whoever asks that for anything is given what the module itself has. Nobody else ever sees it: what else imports such
a module imports the module. (`importlib.util.LazyLoader` would leave its modules for all others to find, who may then be
two threads that load one at once.)

msgspec takes three functions of typing_extensions where that is installed, and otherwise those of `typing`, which are the
same from Python 3.11 on. It is not to find it here: it takes as long to import as msgspec.
"""

from __future__ import annotations

import contextlib
import gc
import sys
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any, NoReturn

__all__ = ["import_libraries", "put_off", "run", "tls_connections", "tls_events"]

_NOT_NEEDED = ("inspect", "pdb", "pickle", "traceback")
"""What construct imports, and a command does not use."""

_HAS_SAME = "typing_extensions"
"""What msgspec imports where it is there, and does as well without."""


class _Later(ModuleType):
    """Stands in the place of a module, which is imported when somebody asks it for something."""

    def __getattr__(self, name: str) -> Any:
        _give_way(self)
        return getattr(import_module(self.__name__), name)


def _give_way(later: _Later) -> None:
    if sys.modules.get(later.__name__) is later:
        del sys.modules[later.__name__]


@contextlib.contextmanager
def put_off(*names: str) -> Iterator[None]:
    """Have what is imported meanwhile import some modules only when it uses them.

    Args:
        names: theirs. Those that are imported already are left alone.
    """
    several = [_Later(name) for name in names if name not in sys.modules]
    sys.modules.update({later.__name__: later for later in several})
    try:
        yield
    finally:
        for later in several:
            _give_way(later)


def import_libraries() -> None:
    """Import what everything here is made with, and nothing that it does not need."""
    with put_off(*_NOT_NEEDED):
        import construct  # noqa: F401
    if _HAS_SAME in sys.modules or "msgspec" in sys.modules:
        return
    sys.modules[_HAS_SAME] = None  # type: ignore[assignment]  # as importlib has it: there is no such module
    try:
        import msgspec  # noqa: F401
    except ImportError:
        pass  # one that cannot do without is imported later, with all that it needs
    finally:
        del sys.modules[_HAS_SAME]


def run(module: str) -> NoReturn:
    """Run a command and end the process.

    Args:
        module: the one whose `main` it is.
    """
    # Importing makes much that stays, and nothing that the collector could free.
    gc.disable()
    import_libraries()
    main = import_module(module).main
    from tlsgrammar.tool.console import leave

    # What has been imported stays to the end: the collector need not look at it again, nor at exit.
    gc.freeze()
    # Nearly everything else ends with its packet, without the collector's help.
    gc.set_threshold(10_000)
    gc.enable()
    leave(main())


def tls_events() -> NoReturn:
    """The command `tls-events`."""
    run("events.cli.events")


def tls_connections() -> NoReturn:
    """The command `tls-connections`."""
    run("events.cli.connections")
