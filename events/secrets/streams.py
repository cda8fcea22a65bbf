"""Records in a stream: which keys open them, and which number each has.

What may live here: that, for the two directions of one connection. Records come in order; whoever reads them says which
message changes the keys.

The goal: every record is opened for which there is a secret, whatever is missing around it. The plan: each direction has
keys and the number of its next record. Where those do not open a record, the next keys may (a message that says so is
missing), or another number (records are missing). Trying is paid for: each try costs what it takes, a direction has so
much to spend, and earns more with what arrives, so that the time stays in proportion to the bytes. The traps: secrets may
come late, so that records are held, a few, and with them what was missing between them; early data may be refused, and
nobody says so; the keys of early data do not say which cipher they are for.
"""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from operator import itemgetter
from typing import NamedTuple

from tlsgrammar.framing import begins_hello
from tlsgrammar.framing.protected import ProtectedRecord
from tlsgrammar.names import ContentType, HandshakeType
from tlsgrammar.versions import TLS13

from .agreement import APPLICATION, EARLY, HANDSHAKE, Agreement, Secrets, TrafficSecrets
from .records import Content, Protection, Unsupported, Version, tls13

__all__ = ["Opened", "StreamOpener"]

_APPLICATION_DATA = ContentType.application_data.value
_ALERT = ContentType.alert.value
_HANDSHAKE_TYPE = ContentType.handshake.value
_FINISHED = HandshakeType.finished.value
_END_OF_EARLY_DATA = HandshakeType.end_of_early_data.value
_KEY_UPDATE = HandshakeType.key_update.value

# What a direction may spend on tries, in the time that AES-GCM takes for a byte: at first and at most; for each try,
# besides its bytes; and how much of the cost of what arrives it earns.
_MAXIMUM_BUDGET = 2**27
_FIXED_COST = 8192
_EARNED = 4
_MAXIMUM_DOUBT = 2048
_LEAST_SIZE = 22  # of a record and its header, in bytes
_GENERATIONS = 4  # so many updates of keys may be missing in a row
# What is held of a direction until its secrets come, in bytes; and so much is held for each record besides.
_MAXIMUM_HELD = 2**14
_RECORD_SIZE = 200


class Opened(NamedTuple):
    """What has become of a record.

    Attributes:
        is_client: whether the client sent it.
        record: it.
        content: what it holds; None where it does not authenticate, although all secrets that it may take are known.
    """

    is_client: bool
    record: ProtectedRecord
    content: Content | None


class StreamOpener:
    """Opens the records of a connection.

    Args:
        secrets: those of its conversation.
    """

    __slots__ = ("_client", "_secrets", "_server")

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._client: _Line | None = None
        self._server: _Line | None = None

    @property
    def held(self) -> int:
        """How many bytes of memory are held, about."""
        return sum([line.held_size for line in (self._client, self._server) if line is not None])

    @property
    def waits(self) -> bool:
        """Whether everything is held so far that waits for its secrets."""
        return all(line is None or line.holds for line in (self._client, self._server))

    def let_go(self) -> None:
        """Hold nothing any more of what waits for its secrets."""
        for line in (self._client, self._server):
            if line is not None:
                line.let_go()

    def wants(self, is_client: bool) -> bool:
        """Whether what the next record of a direction holds may be of use."""
        line = self._line(is_client)
        return line is None or line.wants()

    def take(
        self, is_client: bool, record: ProtectedRecord | None, length: int, tail: bytes = b""
    ) -> Iterator[Opened]:
        """Take the next record of a direction. Others may have waited for the same secrets as it.

        Args:
            is_client: whether the client sent it.
            record: it; None where bytes of it are missing, or it was not wanted.
            length: how long its fragment is.
            tail: the last bytes of a fragment of which others are missing.
        """
        yield from self.late()
        line = self._line(is_client)
        if line is None:
            return
        if record is None:
            line.skip(length, tail)
        else:
            yield from line.take(record)

    def late(self) -> Iterator[Opened]:
        """What has become of records that have waited for secrets, if those have come."""
        waiting = [
            (each.arrival, line, each)
            for line in (self._client, self._server)
            if line is not None
            for each in line.late()
        ]
        for _, line, each in sorted(waiting, key=itemgetter(0)):
            if each.record is not None:
                yield from line.take(each.record)
            else:
                line.miss(each)

    def change_cipher_spec(self, is_client: bool) -> None:
        """Take note of a ChangeCipherSpec, up to TLS 1.2: what comes next is protected with what was agreed upon last."""
        line = self._line(is_client)
        if isinstance(line, _Line12):
            line.change()

    def message(self, is_client: bool, msg_type: int) -> None:
        """Take note of a handshake message that a record held; it may change the keys."""
        line = self._line(is_client)
        if line is not None:
            line.message(msg_type)

    def _line(self, is_client: bool) -> _Line | None:
        """What is known of a direction; None before there is a hello that tells."""
        line = self._client if is_client else self._server
        version = self._secrets.version
        if version is None and not (is_client and self._secrets.offers_early_data):
            return None
        kind = _Line13 if version is None or version.is_tls13 else _Line12
        if type(line) is not kind:
            line = kind(self._secrets, is_client)
            if is_client:
                self._client = line
            else:
                self._server = line
        return line

    def lose(self, is_client: bool, length: int) -> None:
        """Take note that bytes of a direction are missing, and that it is not known which records they were.

        Args:
            is_client: whether the client sent them.
            length: how many bytes.
        """
        line = self._line(is_client)
        if line is not None:
            line.lose(length // _LEAST_SIZE + 1)

    def earn(self, is_client: bool, length: int) -> None:
        """Take note that bytes of a direction have arrived in which a record is looked for.

        Args:
            is_client: whether the client sent them.
            length: how many bytes.
        """
        line = self._line(is_client)
        if line is not None:
            line.earn(length)

    def find(self, is_client: bool, record: ProtectedRecord, before: bytes) -> Opened | None:
        """Open what may be the next record, after bytes that are missing; None where it is not, as far as is known.

        Args:
            is_client: whether the client sent it.
            record: it.
            before: what stands in front of its header.
        """
        line = self._line(is_client)
        return None if line is None else line.find(record, before)


class _Held(NamedTuple):
    """A record that waits for its secret, or what was missing among those.

    Attributes:
        arrival: which one it is of all that are held in both directions.
        record: it; None for what is missing.
        length: of the fragment of a record that is missing.
        tail: the last bytes of that, as many as there are.
        lost: how many records are missing at most; 0 where it is one, of this length.
    """

    arrival: int
    record: ProtectedRecord | None
    length: int = 0
    tail: bytes = b""
    lost: int = 0


class _Position(NamedTuple):
    """Where a direction is."""

    low: int
    high: int
    unseen: int
    missed: int | None


class _Line(ABC):
    """One direction.

    Attributes:
        low, high: the number of its next record is between these; nearly always they are the same.
        unseen: how many of its last records have not been opened, so that the keys may have changed in them.
        held: what waits for a secret.
        holds: whether any more is held.
    """

    __slots__ = (
        "_budget",
        "_held_from",
        "_is_client",
        "_missed",
        "_secrets",
        "_tried_with",
        "held",
        "held_size",
        "high",
        "holds",
        "low",
        "unseen",
    )

    def __init__(self, secrets: Secrets, is_client: bool) -> None:
        self._secrets = secrets
        self._is_client = is_client
        self._budget = _MAXIMUM_BUDGET
        self.low = self.high = 0
        self.unseen = 0
        # The bytes that went by with the keys that are expected, before those were known; None where nobody knows.
        self._missed: int | None = 0
        self.holds = True
        self.held: list[_Held] = []
        self.held_size = 0
        self._held_from = _Position(0, 0, 0, 0)  # where the first of those was
        self._tried_with: object = None  # what was known when it came

    # The keys, which differ by version

    @abstractmethod
    def current(self) -> Protection | None:
        """The protection that is expected; None while its secret is not known."""

    @abstractmethod
    def following(self) -> Iterator[Protection | None]:
        """Those that may follow it, in order; None for one whose secret is not known."""

    @abstractmethod
    def follow(self, index: int) -> None:
        """Go on with one of those that may follow."""

    @abstractmethod
    def message(self, msg_type: int) -> None:
        """Take note of a handshake message."""

    # Records

    def wants(self) -> bool:
        """Whether there is a secret for the next record, or it may be held."""
        return self.holds or self._secrets.known()

    def take(self, record: ProtectedRecord) -> Iterator[Opened]:
        """Take the next record."""
        content, certain = None, False
        if not self._secrets.keylog.is_empty:  # as it is for most captures that may hold secrets
            self.earn(len(record.fragment))
            content, certain = self._open(record, is_next=True)
        if content is not None:
            self._drop_held()  # what opens it is not what they wait for
            yield Opened(self._is_client, record, content)
            return
        if not certain and not self._secrets.unsupported:
            self._hold(_Held(self._secrets.arrival(), record))
        self._skip(len(record.fragment), record.fragment, counted=not certain)
        if certain:
            yield Opened(self._is_client, record, None)

    def skip(self, length: int, tail: bytes) -> None:
        """Take note of a record that is missing.

        Args:
            length: of its fragment.
            tail: the last bytes of that, as many as there are.
        """
        if self.held:
            self._hold(_Held(self._secrets.arrival(), None, length, tail))
        self._skip(length, tail)

    def lose(self, records: int) -> None:
        """Take note that so many records are missing at most."""
        if self.held:
            self._hold(_Held(self._secrets.arrival(), None, lost=records))
        current = self.current()
        if current is not None:
            current.lose()
        else:
            self._missed = None
        self.high = min(self.high + records, self.low + _MAXIMUM_DOUBT)
        self.unseen = min(self.unseen + records, _MAXIMUM_DOUBT)

    def miss(self, held: _Held) -> None:
        """Take note of what was missing, once what was held before it has been taken."""
        if held.lost:
            self.lose(held.lost)
        else:
            self.skip(held.length, held.tail)

    def find(self, record: ProtectedRecord, before: bytes) -> Opened | None:
        """Open what may be the next record."""
        current = self.current()
        if current is not None:
            current.pass_by(len(before), before)  # the IV of a record may be there
        content, _ = self._open(record, is_next=False)
        return None if content is None else Opened(self._is_client, record, content)

    def changed(self) -> None:
        """The keys have changed: numbers begin again."""
        self.low = self.high = self.unseen = 0
        self._missed = 0

    # What waits for its secret

    def late(self) -> list[_Held]:
        """What has waited, if its secret has come; the first of it is what comes next then."""
        if not self.held or self._secrets.keylog.is_empty:
            return []
        known_now = self._secrets.known_now
        if known_now == self._tried_with or not self._may_be_read_now():
            return []
        held, self.held, self.held_size = self.held, [], 0
        self.low, self.high, self.unseen, self._missed = self._held_from
        return held

    def _may_be_read_now(self) -> bool:
        """Whether anything of what has waited may be read."""
        return self.current() is not None

    def let_go(self) -> None:
        """Hold nothing, from now on."""
        self.holds = False
        self._drop_held()

    def _drop_held(self) -> None:
        self.held, self.held_size = [], 0

    def _hold(self, what: _Held) -> None:
        size = _RECORD_SIZE + (0 if what.record is None else len(what.record.fragment))
        if self.held_size + size > _MAXIMUM_HELD:
            self.let_go()
        if not self.holds:
            return
        if not self.held:
            self._secrets.keylog.may_wait(self)
            self._held_from = _Position(self.low, self.high, self.unseen, self._missed)
            self._tried_with = self._secrets.known_now
        self.held.append(what)
        self.held_size += size

    def _skip(self, length: int, tail: bytes, *, counted: bool = True) -> None:
        """Take note of a record that is not opened.

        Args:
            length: of its fragment.
            tail: the last bytes of that, as many as there are.
            counted: whether it had a number; it may have none where it does not authenticate.
        """
        current = None if self._secrets.keylog.is_empty else self.current()
        if current is not None:
            current.pass_by(length, tail)
        elif self._missed is not None:
            self._missed += length
        self.high += 1
        if counted or self.high - self.low > _MAXIMUM_DOUBT:
            self.low += 1
        self.unseen = min(self.unseen + 1, _MAXIMUM_DOUBT)

    # Opening

    def _open(self, record: ProtectedRecord, *, is_next: bool) -> tuple[Content | None, bool]:
        """What a record holds; None where nothing opens it. And whether that is so although there are all secrets.

        Args:
            record: it.
            is_next: whether it is known to be a record of the direction, and the next one.
        """
        current = self.current()
        certain = current is not None and current.ready
        # What one record may not have is left for others.
        keep = self._budget // 2
        if current is not None and current.ready:
            free = is_next and self.low == self.high
            numbers = (self.high, *range(self.low, self.high))
            for number in numbers:
                content = self._try(current, record, number, keep, free=free)
                if content is not None:
                    self._opened(current, record, number)
                    return content, True
                if self._budget <= keep:
                    break
        for index, protection in enumerate(self.following()):
            if protection is None:
                certain = False
                continue
            for number in range(self.unseen + 1):
                content = self._try(protection, record, number, keep)
                if content is not None:
                    self.follow(index)
                    self._opened(protection, record, number)
                    return content, True
                if self._budget <= keep:
                    break
        return None, certain

    def _opened(self, protection: Protection, record: ProtectedRecord, number: int) -> None:
        protection.pass_by(len(record.fragment), record.fragment)
        self.low = self.high = number + 1
        self.unseen = 0

    def _try(
        self,
        protection: Protection,
        record: ProtectedRecord,
        number: int,
        keep: int,
        *,
        free: bool = False,
    ) -> Content | None:
        if not free:
            if self._budget <= keep or not protection.ready:
                return None
            self._budget -= _FIXED_COST + len(record.fragment) * protection.cost
        return protection.open(record, number)

    def earn(self, length: int) -> None:
        """Take note that so many bytes have arrived."""
        if self._budget < _MAXIMUM_BUDGET:
            current = self.current()
            cost = 1 if current is None else current.cost
            earned = _EARNED * (_FIXED_COST + length * cost)
            self._budget = min(self._budget + earned, _MAXIMUM_BUDGET)


class _Line13(_Line):
    """One direction, since TLS 1.3: each level has keys of its own (RFC 8446 section 7.3)."""

    __slots__ = ("_level", "_made", "_traffic")

    def __init__(self, secrets: Secrets, is_client: bool) -> None:
        super().__init__(secrets, is_client)
        self._level = EARLY if is_client and secrets.offers_early_data else HANDSHAKE
        self._traffic = TrafficSecrets(secrets, is_client)
        # The protection of levels, once it has been made.
        self._made: dict[int, Protection] = {}

    def current(self) -> Protection | None:
        return self._protection(self._level)

    def following(self) -> Iterator[Protection | None]:
        for level in self._levels():
            yield self._protection(level)

    def follow(self, index: int) -> None:
        self._go_to(self._levels()[index])

    def take(self, record: ProtectedRecord) -> Iterator[Opened]:
        if record.type == _APPLICATION_DATA:
            yield from super().take(record)
        elif self._level < APPLICATION and _is_plain(record):
            # Not encrypted, although what came before is: refused early data, or an alert before there are keys.
            if self._secrets.known():
                content = Content(record.type, record.fragment, record.offset)
                yield Opened(self._is_client, record, content)
            else:
                # Without secrets nobody can tell it from what is encrypted.
                self._hold(_Held(self._secrets.arrival(), record))

    def _may_be_read_now(self) -> bool:
        if super()._may_be_read_now():
            return True
        is_plain = any(
            each.record is not None and each.record.type != _APPLICATION_DATA for each in self.held
        )
        return is_plain and self._secrets.known()

    def message(self, msg_type: int) -> None:
        ends = (
            msg_type == _END_OF_EARLY_DATA
            if self._level == EARLY
            else msg_type == _FINISHED
            if self._level == HANDSHAKE
            else msg_type == _KEY_UPDATE
        )
        if ends:
            self._go_to(self._level + 1)
            self.changed()

    def _levels(self) -> range:
        missing = _GENERATIONS if self.unseen else 1
        return range(self._level + 1, max(self._level + 1, APPLICATION) + missing)

    def _go_to(self, level: int) -> None:
        self._traffic.reach(level)
        self._level = level
        self._made = {at: made for at, made in self._made.items() if at >= level}

    def _protection(self, level: int) -> Protection | None:
        made = self._made.get(level)
        if self._secrets.unsupported:
            return made
        if isinstance(made, _OfEarlyData) and made.secret != self._traffic.of(level):
            made = None  # it was made of the beginning of a secret whose line had not come whole
        if made is not None:
            return made
        secret = self._traffic.of(level)
        if secret is None:
            return None
        if level == EARLY:
            made = _OfEarlyData(self._secrets, secret)
        elif self._secrets.suite is None or self._secrets.version is None:
            return None
        else:
            try:
                made = tls13(self._secrets.suite, secret, self._secrets.version)
            except (Unsupported, ValueError) as error:
                self._secrets.unsupported = f"nothing here opens the records: {error}"
                return None
        self._made[level] = made
        return made


def _is_plain(record: ProtectedRecord) -> bool:
    """Whether a record of TLS 1.3 whose type is not that of encrypted ones holds something (RFC 8446 section 5)."""
    if record.type == _ALERT:
        return len(record.fragment) == 2
    return record.type == _HANDSHAKE_TYPE and bool(begins_hello(record.fragment))


class _OfEarlyData:
    """What protects early data: one of the ciphers that the client offers, as the first record tells."""

    ready = True

    @property
    def cost(self) -> int:
        return sum([each.cost for each in self._candidates])

    def __init__(self, secrets: Secrets, secret: bytes) -> None:
        self.secret = secret
        self._candidates: list[Protection] = []
        version = secrets.version or Version.of(TLS13, True)
        for suite in secrets.suites_of_early_data(secret):
            with contextlib.suppress(Unsupported, ValueError):
                self._candidates.append(tls13(suite, secret, version))

    def open(self, record: ProtectedRecord, number: int) -> Content | None:
        for candidate in self._candidates:
            content = candidate.open(record, number)
            if content is not None:
                self._candidates = [candidate]
                return content
        return None

    def pass_by(self, length: int, tail: bytes) -> None:
        pass

    def lose(self) -> None:
        pass


class _Line12(_Line):
    """One direction, up to TLS 1.2: a ChangeCipherSpec has the keys change to those that were agreed upon last."""

    __slots__ = ("_agreement",)

    def __init__(self, secrets: Secrets, is_client: bool) -> None:
        super().__init__(secrets, is_client)
        self._agreement: Agreement | None = None

    def change(self) -> None:
        """Take note of a ChangeCipherSpec."""
        self._agreement = self._secrets.agreement
        self._drop_held()
        self.changed()

    def message(self, msg_type: int) -> None:
        """Take note of a handshake message; none changes the keys, a ChangeCipherSpec does."""

    def current(self) -> Protection | None:
        if self._agreement is None:
            return None
        protection = self._agreement.protection(self._is_client)
        if protection is not None and self._missed != 0:
            if self._missed is None:
                protection.lose()
            elif not self.held:
                protection.pass_by(self._missed, b"")
            self._missed = 0
        return protection

    def following(self) -> Iterator[Protection | None]:
        last = self._secrets.agreement
        if last is not None and last is not self._agreement:
            yield last.protection(self._is_client)

    def follow(self, index: int) -> None:
        self._agreement = self._secrets.agreement
