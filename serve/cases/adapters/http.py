"""HTTP to a case system: no redirects, bounded answers, bounded time, and words for failures."""

from __future__ import annotations

import json
import logging
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any

import httpx

from serve.cases.adapters.answers import RefusedForGood, TryLater
from serve.cases.targets import Target
from serve.db.columns import utc_now
from serve.errors import ServiceError

MAX_ANSWER_BYTES = 8 * 2**20
MAX_RETRY_AFTER_S = 3600.0
"""A case system that asks for more is asked again after this."""
TRY_AGAIN = frozenset({408, 409, 425, 429})
"""4xx answers that are no refusal for good."""
USER_AGENT = "CityEye"

# It would write whole addresses, and Open311 has its key in them.
logging.getLogger("httpx").setLevel(logging.WARNING)


class TargetTrouble(ServiceError, ConnectionError):
    """A case system did not answer, or not as it should."""

    def __init__(self, problem: str, *, retry_after_s: float | None = None) -> None:
        """Say what was wrong."""
        super().__init__(problem)
        self.retry_after_s = retry_after_s

    def as_outcome(self) -> TryLater:
        """Return what that means for a message."""
        return TryLater(str(self), self.retry_after_s)


@dataclass(frozen=True)
class Answer:
    """A whole answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def ok(self) -> bool:
        """Whether it is a 2xx."""
        return 200 <= self.status < 300

    def json(self) -> Any:  # noqa: ANN401
        """Return the body as JSON.

        Raises:
            TargetTrouble: It is none.
        """
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise TargetTrouble(
                f"the case system answered {self.status} with something that is no JSON"
            ) from error

    def failure(self) -> TryLater | RefusedForGood:
        """Return what an answer other than 2xx means for a message."""
        said = f"the case system answered {self.status}{self.excerpt()}"
        if 300 <= self.status < 400:
            return RefusedForGood(
                f"the case system answered {self.status}, a redirect; redirects are not followed: "
                "write the final address into the targets file"
            )
        if self.status in TRY_AGAIN or self.status >= 500:
            return TryLater(said, self.retry_after_s(utc_now()))
        return RefusedForGood(said)

    def excerpt(self) -> str:
        """Return the beginning of the body, as part of a sentence."""
        text = " ".join(self.body[:600].decode("utf-8", "replace").replace("\x00", "").split())
        return f": {text[:300]}" if text else ""

    def retry_after_s(self, now: datetime) -> float | None:
        """Return what the answer says about coming again, in seconds; bounded."""
        said = self.headers.get("retry-after", "").strip()
        if not said:
            return None
        if said.isascii() and said.isdigit():
            return min(float(said[:9]), MAX_RETRY_AFTER_S)
        try:
            at = parsedate_to_datetime(said)
            wait_s = (at - now).total_seconds()
        except (ValueError, TypeError, OverflowError):
            return None
        return min(max(wait_s, 0.0), MAX_RETRY_AFTER_S)


def call(
    target: Target,
    method: str,
    url: str,
    *,
    content: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Make one request.

    Raises:
        TargetTrouble: There is no whole answer.
    """
    client = _client(target.retry.connect_timeout_s, target.retry.answer_timeout_s)
    # Reading has its time-out for every piece; one that drips is cut off by the clock.
    ends = time.monotonic() + target.retry.connect_timeout_s + target.retry.answer_timeout_s
    body = bytearray()
    try:
        with client.stream(method, url, content=content, headers=dict(headers or {})) as answer:
            for chunk in answer.iter_bytes():
                body += chunk
                if len(body) > MAX_ANSWER_BYTES:
                    raise TargetTrouble(
                        f"the case system's answer is longer than {MAX_ANSWER_BYTES} bytes"
                    )
                if time.monotonic() > ends:
                    raise TargetTrouble("the case system did not finish its answer in time")
            return Answer(answer.status_code, answer.headers, bytes(body))
    except httpx.TimeoutException as error:
        raise TargetTrouble(
            f"the case system did not answer in time ({type(error).__name__})"
        ) from error
    except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError) as error:
        # The text of an error may repeat the address with its key; its kind is enough.
        raise TargetTrouble(
            f"the case system cannot be reached ({type(error).__name__})"
        ) from error


@lru_cache(maxsize=32)
def _client(connect_timeout_s: float, answer_timeout_s: float) -> httpx.Client:
    return httpx.Client(
        timeout=httpx.Timeout(answer_timeout_s, connect=connect_timeout_s),
        follow_redirects=False,
        trust_env=False,
        verify=_tls(),
        limits=httpx.Limits(max_connections=100, max_keepalive_connections=20),
        headers={"User-Agent": USER_AGENT, "Accept": "application/json"},
    )


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()
