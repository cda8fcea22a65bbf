"""Captures: packets to connections to events."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .files import CaptureError
    from .many import read_captures
    from .one import LiveCapture, capture_live, read_capture

__all__ = ["CaptureError", "LiveCapture", "capture_live", "read_capture", "read_captures"]

_MODULE_OF = {"CaptureError": ".files", "read_captures": ".many"}


def __getattr__(name: str) -> object:
    # Who imports one module of these does not need them all.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_MODULE_OF.get(name, ".one"), __name__), name)
