"""Captures: packets to connections to events."""

from .files import CaptureError
from .many import read_captures
from .one import NotRead, read_capture

__all__ = ["CaptureError", "NotRead", "read_capture", "read_captures"]
