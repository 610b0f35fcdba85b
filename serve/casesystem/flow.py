"""The life of cases: 立案 → 派遣 → 处置 → 反馈 → 核查 → 结案, each told by a signed callback."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime

import httpx
import structlog
from pydantic import SecretStr

from serve.cases.signing import signed_headers
from serve.casesystem.modes import Mode
from serve.casesystem.store import Event, Store
from serve.casesystem.trouble import Troubles

log = structlog.get_logger()

TICK_S = 0.2
CALLBACK_TIMEOUT_S = 10.0


class Flow:
    """A thread that moves cases on and tells of it."""

    def __init__(
        self, store: Store, secret: SecretStr, troubles: Troubles, *, step_s: float
    ) -> None:
        """Prepare.

        Args:
            store: Whose cases.
            secret: Signs callbacks.
            troubles: May make callbacks double, lost, or out of order.
            step_s: Seconds of each step of a case's life.
        """
        self._store, self._secret, self._troubles, self._step_s = store, secret, troubles, step_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="case-flow", daemon=True)
        self._client = httpx.Client(
            timeout=CALLBACK_TIMEOUT_S, follow_redirects=False, trust_env=False
        )

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End."""
        self._stop.set()
        self._thread.join(timeout=CALLBACK_TIMEOUT_S + 5)
        self._client.close()

    def _run(self) -> None:
        while not self._stop.wait(TICK_S):
            self._store.step(step_s=self._step_s)
            events = self._store.untold()
            odd = self._troubles.choose(
                frozenset({Mode.CALLBACKS_DOUBLED, Mode.CALLBACKS_SHUFFLED, Mode.CALLBACKS_LOST})
            ) if events else None  # fmt: skip
            mode = odd[0] if odd else None
            if mode is Mode.CALLBACKS_SHUFFLED:
                events.reverse()
            for event in events:
                if self._stop.is_set():
                    return
                success = mode is Mode.CALLBACKS_LOST or self._tell(event)
                if success and mode is Mode.CALLBACKS_DOUBLED:
                    self._tell(event)
                self._store.told(event, success=success)

    def _tell(self, event: Event) -> bool:
        if event.callback_url is None:
            return True
        body = json.dumps(
            {
                "event_id": f"{event.number}-{event.serial}",
                "id": event.number,
                "dedupe_key": event.dedupe_key,
                "state": event.state,
                "at": event.at,
            }
        ).encode()
        headers = signed_headers(self._secret, body, now=datetime.now(UTC))
        try:
            answer = self._client.post(
                event.callback_url,
                content=body,
                headers={"Content-Type": "application/json", **headers},
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            log.info("callback_failed", number=event.number, error=type(error).__name__)
            return False
        # A refusal will not get better by repeating it; a failure may.
        return answer.status_code < 500 and answer.status_code != 429
