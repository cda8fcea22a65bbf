"""Captures: packets to connections to events."""

from .files import CaptureError
from .many import read_captures
from .one import LiveCapture, capture_live, read_capture

__all__ = ["CaptureError", "LiveCapture", "capture_live", "read_capture", "read_captures"]
