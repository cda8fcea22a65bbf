"""Records in datagrams: which keys open them.

What may live here: that, for the two sides of one flow of DTLS. A record says its epoch, or some bits of it, and its
number, so that nothing is lost with one that is missing or comes late.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tlsgrammar.framing import DatagramRecord
from tlsgrammar.framing.protected import ProtectedRecord, dtls_number
from tlsgrammar.versions import DTLS13

from .agreement import APPLICATION, EARLY, Agreement, Secrets, TrafficSecrets
from .records import Content, DatagramProtection, Unsupported, Version

__all__ = ["DatagramOpener", "Opened"]

# What is held until its secrets come, in bytes; and so much is held for each record besides.
_MAXIMUM_HELD = 2**15
_RECORD_SIZE = 300
# The epochs of DTLS 1.3 (RFC 9147 section 6.1): early data has 1, the handshake 2, application data 3 and what follows.
_FIRST_EPOCH = 1
_EPOCH_BITS = 4


class Opened(NamedTuple):
    """What has become of a record.

    Attributes:
        is_client: whether the client sent it.
        record: it.
        offset: where its fragment stands in the direction.
        content: what it holds; None where it does not authenticate, although its secret is known.
    """

    is_client: bool
    record: DatagramRecord
    offset: int
    content: Content | None


class _Numbered(NamedTuple):
    """What a record holds, and which one it is."""

    epoch: int
    number: int
    content: Content


_WINDOW = 1024


class _Window:
    """Which of the last records of an epoch have been seen (RFC 6347 section 4.1.2.6). Those before them count as new:
    rather twice than not at all.
    """

    __slots__ = ("_highest", "_seen")

    def __init__(self) -> None:
        self._highest = -1
        self._seen = 0  # a bit for each record: the lowest for the highest number

    def is_new(self, number: int) -> bool:
        """Whether a record has not been seen; it has from now on."""
        ahead = number - self._highest
        if ahead > 0:
            self._highest = number
            self._seen = ((self._seen << ahead) | 1) & (2**_WINDOW - 1) if ahead < _WINDOW else 1
            return True
        bit = 1 << -ahead
        if ahead <= -_WINDOW:
            return True
        is_new = not self._seen & bit
        self._seen |= bit
        return is_new


class _Held(NamedTuple):
    """A record that waits for its secret, and the epoch that its side had reached when it came."""

    is_client: bool
    record: DatagramRecord
    offset: int
    since: int


class DatagramOpener:
    """Opens the records of a flow.

    Args:
        secrets: those of its conversation.

    Attributes:
        waits: whether everything is held so far that waits for its secrets.
    """

    __slots__ = (
        "_epochs",
        "_held",
        "_held_size",
        "_secrets",
        "_seen",
        "_sides",
        "_tried_with",
        "waits",
    )

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        # Up to DTLS 1.2, what was agreed upon before an epoch; in DTLS 1.3, the keys of each side.
        self._epochs: dict[int, Agreement] = {}
        self._sides: dict[bool, _Epochs] = {}
        self.waits = True
        self._held: list[_Held] = []
        self._held_size = 0
        self._tried_with: object = None  # what was known when those were tried last
        self._seen: dict[tuple[bool, int], _Window] = {}

    @property
    def held(self) -> int:
        """How many bytes of memory are held, about."""
        return self._held_size

    def let_go(self) -> None:
        """Hold nothing any more of what waits for its secrets."""
        self.waits = False
        self._held, self._held_size = [], 0

    def take(self, is_client: bool, record: DatagramRecord, offset: int) -> Iterator[Opened]:
        """Take a record. Others may have waited for the same secrets as it.

        Args:
            is_client: whether the client sent it.
            record: it.
            offset: where its fragment stands in the direction.
        """
        yield from self.late()
        known, content = self._open(is_client, record, offset)
        if known:
            yield from self._once(is_client, record, offset, content)
        elif self.waits and not self._secrets.unsupported:
            if not self._held:
                self._secrets.keylog.may_wait(self)
            side = self._sides.get(is_client)
            since = _FIRST_EPOCH if side is None else side.last
            self._hold(_Held(is_client, record, offset, since))
            if self._held_size > _MAXIMUM_HELD:
                self.let_go()

    def late(self) -> Iterator[Opened]:
        """What has become of records that have waited for secrets, if those have come."""
        if not self._held or not self._secrets.known():
            return
        known_now = self._secrets.known_now
        if known_now == self._tried_with:
            return
        self._tried_with = known_now
        held, self._held, self._held_size = self._held, [], 0
        for each in held:
            known, content = self._open(*each)
            if known:
                yield from self._once(each.is_client, each.record, each.offset, content)
            else:
                self._hold(each)

    def _hold(self, held: _Held) -> None:
        self._held.append(held)
        self._held_size += _RECORD_SIZE + len(held.record.fragment)

    def _once(
        self, is_client: bool, record: DatagramRecord, offset: int, numbered: _Numbered | None
    ) -> Iterator[Opened]:
        """What has become of a record, unless it is one that a network has sent twice."""
        if numbered is None:
            yield Opened(is_client, record, offset, None)
            return
        key = is_client, numbered.epoch
        window = self._seen.get(key)
        if window is None:
            # Of the last epochs something may come late.
            recent = numbered.epoch - _EPOCH_BITS
            self._seen = {
                (side, epoch): seen
                for (side, epoch), seen in self._seen.items()
                if side is not is_client or epoch > recent
            }
            window = self._seen[key] = _Window()
        if window.is_new(numbered.number):
            yield Opened(is_client, record, offset, numbered.content)

    def _open(
        self, is_client: bool, record: DatagramRecord, offset: int, since: int | None = None
    ) -> tuple[bool, _Numbered | None]:
        """Whether the secret of a record is known, and what it holds.

        Args:
            is_client, record, offset: as of `take`.
            since: of one that has been held, the epoch that its side had reached when it came.
        """
        if record.unified or self._secrets.version is None:
            side = self._sides.get(is_client)
            if side is None:
                side = self._sides[is_client] = _Epochs(self._secrets, is_client)
            return side.open(record, offset, side.last if since is None else since)
        agreement = self._epochs.get(record.epoch, self._secrets.agreement)
        protection = None if agreement is None else agreement.protection(is_client)
        if agreement is None or protection is None:
            return False, None
        number = dtls_number(record.epoch, record.sequence_number)
        protected = ProtectedRecord(
            record.type, record.version, record.fragment, offset, record.cid
        )
        content = protection.open(protected, number)
        if content is None:
            return True, None
        if record.epoch not in self._epochs:
            self._epochs = {
                **{epoch: of for epoch, of in self._epochs.items() if epoch == record.epoch - 1},
                record.epoch: agreement,
            }
        return True, _Numbered(record.epoch, record.sequence_number, content)


class _Epochs:
    """What protects the records of one side of DTLS 1.3, by epoch.

    Attributes:
        last: the highest that a record has been opened of.
    """

    __slots__ = ("_first", "_made", "_secrets", "_traffic", "last")

    def __init__(self, secrets: Secrets, is_client: bool) -> None:
        self._secrets = secrets
        self._traffic = TrafficSecrets(secrets, is_client)
        self.last = _FIRST_EPOCH
        self._first = _FIRST_EPOCH if is_client else _FIRST_EPOCH + 1  # early data is the client's
        # By epoch; of early data those of each suite that may be meant.
        self._made: dict[int, list[DatagramProtection]] = {}

    def open(
        self, record: DatagramRecord, offset: int, since: int
    ) -> tuple[bool, _Numbered | None]:
        """Whether the secret of a record is known, whichever epoch it is of, and what it holds.

        Args:
            record: it.
            offset: where its fragment stands in the direction.
            since: the highest epoch that a record had been opened of when it came.
        """
        known = True
        for epoch in self._may_be(record.epoch, min(since, self.last)):
            protections = self._protections(epoch)
            known = known and bool(protections)
            for protection in protections:
                content = protection.open(record, offset)
                if content is None:
                    continue
                if epoch > self.last:
                    self.last = epoch
                    self._traffic.reach(_level(epoch))
                    recent = epoch - _EPOCH_BITS
                    self._made = {at: made for at, made in self._made.items() if at > recent}
                return True, _Numbered(epoch, protection.last_number, content)
        return known, None

    def _may_be(self, bits: int, since: int) -> list[int]:
        """The epochs that a record may be of, of whose epoch there are two bits; the likeliest first."""
        near = range(max(self._first, since - 2), self.last + 6)
        same = [epoch for epoch in near if epoch % _EPOCH_BITS == bits % _EPOCH_BITS]
        return sorted(same, key=lambda epoch: abs(epoch - self.last))

    def _protections(self, epoch: int) -> list[DatagramProtection]:
        """What may protect the records of an epoch; nothing while its secret is not known."""
        made = self._made.get(epoch)
        if made is not None or self._secrets.unsupported:
            return made or []
        level, version = _level(epoch), self._secrets.version
        secret = self._traffic.of(level)
        if secret is None:
            return []
        if level == EARLY:
            suites = list(self._secrets.suites_of_early_data(secret))
            version = version or Version.of(DTLS13, True, dtls=True)
        else:
            suites = [] if self._secrets.suite is None else [self._secrets.suite]
        if version is None or not version.is_tls13:
            return []
        try:
            made = [DatagramProtection(suite, secret, version) for suite in suites]
        except (Unsupported, ValueError) as error:
            self._secrets.unsupported = f"nothing here opens the records: {error}"
            return []
        self._made[epoch] = made
        return made


def _level(epoch: int) -> int:
    """The level of the keys of an epoch."""
    return epoch - _FIRST_EPOCH + EARLY


assert _level(3) == APPLICATION
