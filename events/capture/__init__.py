"""Captures: packets to connections to events."""

from .files import CaptureError
from .many import read_captures
from .one import read_capture

__all__ = ["CaptureError", "read_capture", "read_captures"]
