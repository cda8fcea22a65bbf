"""The secrets that a capture itself holds: Decryption Secrets Blocks of pcapng.

What may live here: handing them to those who use secrets.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from tlsgrammar.tool.one_line import on_one_line

from ..options import Options
from .packets import Capture

if TYPE_CHECKING:  # most captures hold none
    from ..secrets.keylog import KeyLog

__all__ = ["Embedded"]

# The secrets type of a TLS Key Log (draft-ietf-opsawg-pcapng, section 4.7).
_TLS_KEY_LOG = 0x544C534B


class Embedded:
    """The secrets in a capture, beside those that the caller has.

    Args:
        name: of the capture.
        capture: it.
        options: what the caller has chosen.
        warn: told of what cannot be used.
        kind: of the key log that holds them, if it is to be another than `KeyLog`.

    Attributes:
        options: those with which both are used.
    """

    def __init__(
        self,
        name: str,
        capture: Capture,
        options: Options,
        warn: Callable[[str], None],
        kind: type[KeyLog] | None = None,
    ) -> None:
        self._name = on_one_line(name)
        self._capture = capture
        self._warn = warn
        self._keylog: KeyLog | None = None
        self._told = False
        self.options = options
        may_hold_some = capture.link_type is None and options.embedded_secrets  # only pcapng does
        if not may_hold_some and options.key_log is None:
            return
        from ..secrets.keylog import KeyLog

        own = () if options.key_log is None else options.key_log
        # Also of one that holds none: the sessions that are remembered are those of one capture.
        keylog = (kind or KeyLog)(also=own, name=f"the secrets in {self._name}", on_error=warn)
        try:
            self.options = msgspec.structs.replace(options, secrets=keylog)
        except ImportError:
            return
        if may_hold_some:
            self._keylog = keylog

    def take(self) -> None:
        """Take the secrets that have been read since, before the packets that come after them."""
        secrets, self._capture.secrets = self._capture.secrets, []
        keylog = self._keylog
        for secrets_type, data in secrets:
            if secrets_type == _TLS_KEY_LOG and keylog is not None:
                keylog.add(data)
            elif secrets_type == _TLS_KEY_LOG and self.options.embedded_secrets:
                self._tell("the library cryptography is not installed; pip install cryptography")

    def end(self) -> None:
        """Take note that there are no more, and that what a key log lacks has not come."""
        if self.options.key_log is not None:
            self.options.key_log.end()
        left_out = self._capture.secrets_left_out
        if left_out and self._keylog is not None:
            self._told = False
            self._tell(f"{left_out} blocks of them are beyond what is kept")

    def _tell(self, reason: str) -> None:
        if not self._told:
            self._told = True
            self._warn(f"{self._name}: secrets were skipped: {reason}")
