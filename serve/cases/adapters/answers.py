"""What comes of sending a message, whichever way the case system is spoken to."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True)
class Message:
    """A message to deliver.

    Attributes:
        action: ``post`` or ``withdraw``.
        dedupe_key: Of the case.
        reference: Of this message; the case's dedupe key where it is the draft.
        payload: As in the outbox.
        maybe_sent: An earlier attempt may have been accepted without us hearing of it.
        first_sent_at: When the first attempt began.
        token: An Open311 token that was given for it.
        external_id: The case's number at the other side, where known.
    """

    action: str
    dedupe_key: str
    reference: str
    idempotency_key: str
    payload: dict[str, Any]
    maybe_sent: bool
    first_sent_at: datetime
    token: str | None = None
    external_id: str | None = None

    @property
    def draft(self) -> dict[str, Any]:
        """The draft that is posted."""
        draft: dict[str, Any] = self.payload["draft"]
        return draft


@dataclass(frozen=True)
class Delivered:
    """The case system has it, and it was made sure that it is ours."""

    external_id: str | None
    state: str | None = None
    note: str | None = None


@dataclass(frozen=True)
class TokenGiven:
    """Open311: accepted; the number is to be asked for with this token."""

    token: str


@dataclass(frozen=True)
class TryLater:
    """Not delivered this time.

    Attributes:
        problem: What went wrong, for the person who can mend it.
        retry_after_s: What the case system asked for.
        at_most: Give up after so many attempts already.
        target_is_well: The case system itself answered as it should; its breaker stays shut.
    """

    problem: str
    retry_after_s: float | None = None
    at_most: int | None = None
    target_is_well: bool = False


@dataclass(frozen=True)
class RefusedForGood:
    """Sending it again will not help before somebody changes something."""

    problem: str


Outcome = Delivered | TokenGiven | TryLater | RefusedForGood


@dataclass(frozen=True)
class RemoteStatus:
    """What a case system says of one of our cases."""

    dedupe_key: str
    external_id: str | None
    state: str
    at: datetime | None = None
    note: str | None = None


@dataclass(frozen=True)
class AskedCase:
    """A case whose state is asked for."""

    dedupe_key: str
    external_id: str | None
    created_at: datetime
    detail: dict[str, Any] = field(default_factory=dict)


class Adapter(Protocol):
    """One way of speaking to a case system. Nothing here raises for what the other side does."""

    def send(self, message: Message) -> Outcome:
        """Send a message, or find out what came of sending it before."""
        ...

    def ask(self, cases: list[AskedCase]) -> list[RemoteStatus]:
        """Return the states of cases, as far as the case system tells them.

        Raises:
            TargetTrouble: It does not answer, or not as it should.
        """
        ...
