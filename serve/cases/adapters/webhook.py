"""Drafts as signed JSON to one address of the case system.

``POST url``
    The message. 2xx with ``{"id": …, "dedupe_key": …}`` takes it; 409 says that it is there
    already.
``GET url?dedupe_key=…&dedupe_key=…``
    The case system's cases with those keys: ``{"cases": [{"id", "dedupe_key", "state"}]}``.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

from serve.cases.adapters.answers import (
    AskedCase,
    Delivered,
    Message,
    Outcome,
    RefusedForGood,
    RemoteStatus,
    TryLater,
)  # fmt: skip
from serve.cases.adapters.http import Answer, TargetTrouble, call
from serve.cases.signing import IDEMPOTENCY_HEADER, signed_headers
from serve.cases.targets import Target
from serve.db.columns import utc_now

ASKED_AT_ONCE = 50
FOREIGN_ATTEMPTS = 3
"""Times that a "duplicate" which cannot be found is asked about: the list may lag behind."""
UNKNOWN_CASE = "unknown_case"


class Webhook:
    """Speaks to one case system."""

    def __init__(self, target: Target) -> None:
        """Take where and with which secret."""
        self._target = target

    def send(self, message: Message) -> Outcome:
        """Send a message, or find out what came of sending it before."""
        try:
            return self._send(message)
        except TargetTrouble as trouble:
            return trouble.as_outcome()

    def _send(self, message: Message) -> Outcome:
        if message.maybe_sent and message.action == "post" and self._target.lookup:
            # Not every case system heeds idempotency keys; all can be asked first.
            found = self._find(message.dedupe_key)
            if found is not None:
                return found
        body = json.dumps(message.payload, ensure_ascii=False, separators=(",", ":")).encode()
        answer = call(
            self._target,
            "POST",
            self._target.url,
            content=body,
            headers={
                "Content-Type": "application/json",
                IDEMPOTENCY_HEADER: message.idempotency_key,
                **signed_headers(self._target.secret, body, now=utc_now()),
            },
        )
        if answer.status == 409:
            return self._duplicate(message, answer)
        if answer.status == 404 and message.action == "withdraw" and _says_unknown(answer):
            return Delivered(None, note="the case system has no such case; nothing to withdraw")
        if not answer.ok:
            return answer.failure()
        return self._taken(message, answer)

    def _taken(self, message: Message, answer: Answer) -> Outcome:
        said = answer.json()
        said = said if isinstance(said, dict) else {}
        number, key = text_of(said.get("id")), text_of(said.get("dedupe_key"))
        if number and key == message.dedupe_key:
            return Delivered(number, text_of(said.get("state")))
        if not self._target.lookup:
            if number and key is None:
                return Delivered(number, text_of(said.get("state")))
            return TryLater("the case system answered 2xx without an id that is ours")
        # It says yes, but not to what; only its own list tells.
        found = self._find(message.dedupe_key)
        if found is not None:
            return found
        what = "another case's id" if number else "no id"
        return TryLater(f"the case system answered {answer.status} with {what}, and has no case")

    def _duplicate(self, message: Message, answer: Answer) -> Outcome:
        try:
            said = answer.json()
        except TargetTrouble:
            said = {}
        if isinstance(said, dict):
            number, key = text_of(said.get("id")), text_of(said.get("dedupe_key"))
            if number and key == message.dedupe_key:
                return Delivered(number, text_of(said.get("state")), "already there")
        if self._target.lookup:
            found = self._find(message.dedupe_key)
            if found is not None:
                return found
        return TryLater(
            f"the case system says duplicate, but of a case that is not ours{answer.excerpt()}",
            answer.retry_after_s(utc_now()),
            at_most=FOREIGN_ATTEMPTS,
            target_is_well=True,
        )

    def _find(self, dedupe_key: str) -> Delivered | None:
        for status in self._ask([dedupe_key]):
            if status.dedupe_key == dedupe_key and status.external_id:
                return Delivered(status.external_id, status.state, "found at the case system")
        return None

    def ask(self, cases: list[AskedCase]) -> list[RemoteStatus]:
        """Return the states of cases, as far as the case system tells them."""
        found: list[RemoteStatus] = []
        keys = [case.dedupe_key for case in cases]
        for start in range(0, len(keys), ASKED_AT_ONCE):
            found += self._ask(keys[start : start + ASKED_AT_ONCE])
        return found

    def _ask(self, keys: list[str]) -> list[RemoteStatus]:
        query = urlencode([("dedupe_key", key) for key in keys])
        url = f"{self._target.url}{'&' if urlsplit(self._target.url).query else '?'}{query}"
        parts = urlsplit(url)
        signed = f"{parts.path}?{parts.query}".encode()
        headers = signed_headers(self._target.secret, signed, now=utc_now())
        answer = call(self._target, "GET", url, headers=headers)
        if not answer.ok:
            failure = answer.failure()
            if isinstance(failure, RefusedForGood):
                raise TargetTrouble(
                    f"asked for a case by its dedupe key, {failure.problem}; where the case "
                    "system cannot be asked, set lookup: false in the targets file"
                )
            raise TargetTrouble(failure.problem, retry_after_s=failure.retry_after_s)
        said = answer.json()
        rows = said.get("cases") if isinstance(said, dict) else None
        if not isinstance(rows, list):
            raise TargetTrouble("the case system's list of cases holds no cases")
        return [status for row in rows if (status := _status(row)) is not None]


def _says_unknown(answer: Answer) -> bool:
    try:
        said = answer.json()
    except TargetTrouble:
        return False
    return isinstance(said, dict) and said.get("code") == UNKNOWN_CASE


def _status(row: object) -> RemoteStatus | None:
    if not isinstance(row, dict):
        return None
    key, state = text_of(row.get("dedupe_key")), text_of(row.get("state"))
    if not key or not state:
        return None
    return RemoteStatus(key, text_of(row.get("id")), state, time_of(row.get("at")))


def time_of(value: object) -> datetime | None:
    """Return an aware time that a case system wrote; none where it is not one."""
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return at if at is not None and at.tzinfo is not None else None


def text_of(value: Any) -> str | None:  # noqa: ANN401
    """Return what a case system wrote as an id or a word; none where it is neither."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = str(value).replace("\x00", "").strip()
    return text[:200] or None
