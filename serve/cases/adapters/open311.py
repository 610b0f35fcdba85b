"""Drafts as service requests by Open311 GeoReport v2 (http://wiki.open311.org/GeoReport_v2/).

GeoReport knows no idempotency keys, so each request carries our reference in its description, and
before anything is sent again the case system is asked for a request that carries it.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from serve.cases.adapters.answers import (
    AskedCase,
    Delivered,
    Message,
    Outcome,
    RefusedForGood,
    RemoteStatus,
    TokenGiven,
    TryLater,
)  # fmt: skip
from serve.cases.adapters.http import Answer, TargetTrouble, call
from serve.cases.adapters.webhook import FOREIGN_ATTEMPTS, text_of, time_of
from serve.cases.signing import IDEMPOTENCY_HEADER
from serve.cases.targets import Target
from serve.db.columns import utc_now

SERVICES_KEPT_S = 600.0
MOST_PAGES = 20
ASKED_AT_ONCE = 50
CLOCKS_APART = timedelta(hours=1)
LONGEST_DESCRIPTION = 3900

Services = dict[str, frozenset[str] | None]
"""Attributes that a service requires, by service code; none while that was not asked yet."""

_discovered: dict[tuple[str, str | None], tuple[float, Services]] = {}
_discovering = threading.Lock()


class Open311:
    """Speaks to one case system."""

    def __init__(self, target: Target) -> None:
        """Take where and with which key."""
        self._target = target
        self._base = target.url.rstrip("/")

    def send(self, message: Message) -> Outcome:
        """Send a message, or find out what came of sending it before."""
        try:
            if message.token is not None:
                return self._exchange(message, message.token)
            if message.maybe_sent:
                found = self._find(message)
                if found is not None:
                    return found
            return self._post(message)
        except TargetTrouble as trouble:
            return trouble.as_outcome()

    def _post(self, message: Message) -> Outcome:
        fields = self._fields(message)
        service_code = fields["service_code"]
        services = self._services(service_code)
        if service_code not in services:
            return RefusedForGood(
                f"the case system offers no service {service_code}; map the event code in "
                "service_codes of the targets file, or leave the kind out of the target's kinds"
            )
        required = services[service_code]
        if required is None:
            required = services[service_code] = self._required(service_code)
        missing = sorted(name for name in required if f"attribute[{name}]" not in fields)
        if missing:
            return RefusedForGood(
                f"service {service_code} requires attributes that a draft does not have: "
                f"{', '.join(missing)[:300]}"
            )
        if "lat" not in fields and "address_string" not in fields:
            return RefusedForGood("the draft has no position, and Open311 requires one")
        answer = call(
            self._target,
            "POST",
            f"{self._base}/requests.json",
            content=urlencode(fields).encode(),
            headers={
                "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
                IDEMPOTENCY_HEADER: message.idempotency_key,
            },
        )
        if answer.status in (400, 409) and _says_duplicate(answer):
            return self._duplicate(message, answer)
        if not answer.ok:
            return answer.failure()
        return self._taken(message, answer)

    def _taken(self, message: Message, answer: Answer) -> Outcome:
        first = _first(answer.json())
        number, token = text_of(first.get("service_request_id")), text_of(first.get("token"))
        if number:
            if not self._target.lookup or self._is_ours(number, message):
                return Delivered(number)
            found = self._find(message)
            return found or TryLater(
                f"the case system answered with the id {number[:40]}, which is not of our request"
            )
        if token:
            return TokenGiven(token)
        found = self._find(message) if self._target.lookup else None
        return found or TryLater(
            f"the case system answered {answer.status} without id or token, and has no request"
        )

    def _duplicate(self, message: Message, answer: Answer) -> Outcome:
        found = self._find(message) if self._target.lookup else None
        return found or TryLater(
            f"the case system says duplicate, but of a request that is not ours{answer.excerpt()}",
            at_most=FOREIGN_ATTEMPTS,
            target_is_well=True,
        )

    def _exchange(self, message: Message, token: str) -> Outcome:
        answer = self._get(f"tokens/{quote(token, safe='')}.json", {})
        if answer.ok:
            number = text_of(_first(answer.json()).get("service_request_id"))
            if number:
                return Delivered(number)
        elif answer.status >= 500 or answer.status == 429:
            return answer.failure()
        found = self._find(message) if self._target.lookup else None
        # The case system accepted; sending again could make two of it.
        return found or TryLater(
            "the case system has given a token that yields no id yet; some never do where they "
            "do not accept the position",
            target_is_well=True,
        )

    def _find(self, message: Message) -> Delivered | None:
        if not self._target.lookup:
            return None
        query = {
            "start_date": _w3c(message.first_sent_at - CLOCKS_APART),
            "end_date": _w3c(utc_now() + CLOCKS_APART),
        }
        for row in self._requests(query):
            number = text_of(row.get("service_request_id"))
            if number and _carries(row, message.reference):
                return Delivered(number, text_of(row.get("status")), "found at the case system")
        return None

    def _requests(self, query: Mapping[str, str]) -> Iterable[dict[str, Any]]:
        # Paging is no part of the standard; who does not know it sends the same page again.
        known: set[str] = set()
        for page in range(1, MOST_PAGES + 1):
            answer = self._get("requests.json", {**query, "page": str(page)})
            if not answer.ok:
                raise TargetTrouble(
                    f"asked for its requests, the case system answered {answer.status}",
                    retry_after_s=answer.retry_after_s(utc_now()),
                )
            rows = _rows(answer.json())
            fresh = [row for row in rows if text_of(row.get("service_request_id")) not in known]
            if not fresh:
                return
            known |= {text_of(row.get("service_request_id")) or "" for row in fresh}
            yield from fresh

    def _is_ours(self, number: str, message: Message) -> bool:
        answer = self._get(f"requests/{quote(number, safe='')}.json", {})
        if answer.status == 404:
            return False
        if not answer.ok:
            raise TargetTrouble(
                f"asked for the request it had just given, the case system answered "
                f"{answer.status}",
                retry_after_s=answer.retry_after_s(utc_now()),
            )
        return any(_carries(row, message.reference) for row in _rows(answer.json()))

    def _get(self, path: str, query: Mapping[str, str]) -> Answer:
        more = {"api_key": self._target.secret.get_secret_value()}
        if self._target.jurisdiction_id:
            more["jurisdiction_id"] = self._target.jurisdiction_id
        return call(self._target, "GET", f"{self._base}/{path}?{urlencode({**query, **more})}")

    def ask(self, cases: list[AskedCase]) -> list[RemoteStatus]:
        """Return the states of cases: Open311 knows open and closed."""
        by_number = {case.external_id: case.dedupe_key for case in cases if case.external_id}
        numbers = list(by_number)
        found: list[RemoteStatus] = []
        for start in range(0, len(numbers), ASKED_AT_ONCE):
            some = ",".join(numbers[start : start + ASKED_AT_ONCE])
            answer = self._get("requests.json", {"service_request_id": some})
            if not answer.ok:
                raise TargetTrouble(
                    f"asked for states, the case system answered {answer.status}",
                    retry_after_s=answer.retry_after_s(utc_now()),
                )
            for row in _rows(answer.json()):
                number, state = text_of(row.get("service_request_id")), text_of(row.get("status"))
                if number in by_number and state:
                    found.append(
                        RemoteStatus(
                            by_number[number], number, state, time_of(row.get("updated_datetime")),
                            text_of(row.get("status_notes")),
                        )
                    )  # fmt: skip
        return found

    def _services(self, wanted: str) -> Services:
        key = (self._base, self._target.jurisdiction_id)
        with _discovering:
            at, known = _discovered.get(key, (0.0, {}))
        # A city that just added the service need not wait for the cache to run out.
        if wanted in known and time.monotonic() - at < SERVICES_KEPT_S:
            return known
        answer = self._get("services.json", {})
        if not answer.ok:
            raise TargetTrouble(
                f"asked for its services, the case system answered {answer.status}",
                retry_after_s=answer.retry_after_s(utc_now()),
            )
        found: Services = {}
        for row in _rows(answer.json()):
            code = text_of(row.get("service_code"))
            if code:
                found[code] = None if row.get("metadata") in (True, "true") else frozenset()
        with _discovering:
            _discovered[key] = (time.monotonic(), found)
        return found

    def _required(self, code: str) -> frozenset[str]:
        answer = self._get(f"services/{quote(code, safe='')}.json", {})
        if not answer.ok:
            raise TargetTrouble(
                f"asked what service {code} requires, the case system answered {answer.status}",
                retry_after_s=answer.retry_after_s(utc_now()),
            )
        attributes = _first(answer.json()).get("attributes")
        return frozenset(
            str(row.get("code"))
            for row in attributes or ()
            if isinstance(row, dict) and row.get("required") in (True, "true")
        )

    def _fields(self, message: Message) -> dict[str, str]:
        fields = {"api_key": self._target.secret.get_secret_value()}
        if self._target.jurisdiction_id:
            fields["jurisdiction_id"] = self._target.jurisdiction_id
        if message.action == "withdraw":
            return {**fields, **self._withdrawal(message)}
        draft = message.draft
        code = draft["event"]["code"]
        position, address = draft.get("position"), draft.get("address")
        text = draft["text"][:LONGEST_DESCRIPTION]
        fields |= {
            "service_code": self._target.service_codes.get(code, code),
            "description": f"{text}\n{mark(message.reference)}",
        }
        if position:
            asked = position["asked"]
            fields |= {"lat": str(asked["latitude"]), "long": str(asked["longitude"])}
        if address:
            fields["address_string"] = address[draft["language"]]
        pictures = [item["url"] for item in draft["evidence"] if item.get("url")]
        if pictures:
            fields["media_url"] = pictures[0]
        attributes = {
            "dedupe_key": message.reference,
            "title": draft["title"],
            "event_code": code,
            "table_version": draft["event"]["table_version"],
            "kind": draft["kind"],
            "status": draft["status"],
            "score": str(draft["score"]),
            "cell_code": draft.get("cell_code"),
            "unit": draft.get("unit"),
            "first_seen": (draft.get("first_seen") or {}).get("at"),
            "last_seen": (draft.get("last_seen") or {}).get("at"),
            "due_at": draft["limit"]["due_at"],
            "reviewer": draft["review"]["reviewer"],
            "callback_url": draft["callback_url"],
            "draft": json.dumps(draft, ensure_ascii=False, separators=(",", ":")),
        }
        return fields | {f"attribute[{name}]": str(v) for name, v in attributes.items() if v}

    def _withdrawal(self, message: Message) -> dict[str, str]:
        number = message.external_id or ""
        return {
            "service_code": self._target.withdraw_service_code or "",
            "description": f"{message.payload['reason']}\n{mark(message.reference)}",
            "address_string": number or message.dedupe_key,
            "attribute[dedupe_key]": message.reference,
            "attribute[withdraws]": message.dedupe_key,
            "attribute[service_request_id]": number,
        }


def mark(reference: str) -> str:
    """Return how a description says whose it is; brackets keep one from holding another."""
    return f"[CityEye {reference}]"


def _carries(row: Mapping[str, Any], reference: str) -> bool:
    return mark(reference) in str(row.get("description") or "")


def _says_duplicate(answer: Answer) -> bool:
    return b"duplicate" in answer.body[:10_000].lower()


def _rows(said: object) -> list[dict[str, Any]]:
    if isinstance(said, dict):
        said = [said]
    if not isinstance(said, list):
        raise TargetTrouble("the case system's answer is not a list")
    return [row for row in said if isinstance(row, dict)]


def _first(said: object) -> dict[str, Any]:
    rows = _rows(said)
    return rows[0] if rows else {}


def _w3c(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
