"""What happens to cameras, told over MQTT: status as it is, events and findings once they are kept.

The table of events is the outbox: an event counts as told when the broker has said that it has it
(QoS 1). What a broker that was away did not get is told when it is back, in order. After a crash
the latest events may be told twice, each under the same id; none is told that did not happen.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlsplit

import sqlalchemy as sa
import structlog
from paho.mqtt.client import Client, MQTTMessageInfo
from paho.mqtt.enums import CallbackAPIVersion
from sqlalchemy.orm import Session

from serve.db.tables import CameraEvent, CameraRow, utc_now
from serve.errors import ServiceError
from serve.metrics import PUBLISHED
from serve.service import Service
from serve.watching.events import FINDING
from serve.watching.leading import Leadership
from serve.workflows import stopping
from vision.errors import InputError

log = structlog.get_logger()

LOOK_EVERY_S = 1.0
STATUS_EVERY_S = 5.0
BATCH = 200
ANSWER_S = 10.0
AGAIN_S = (1.0, 2.0, 5.0, 10.0, 30.0)
_LOCK = 7266610
_PORTS = {"mqtt": 1883, "mqtts": 8883}


class BrokerAway(ServiceError, ConnectionError):
    """The broker does not answer, or did not confirm."""


class Publisher:
    """Tells one broker, from one process at a time."""

    def __init__(self, service: Service) -> None:
        """Prepare; nothing is connected yet.

        Raises:
            InputError: The broker's address cannot be used.
        """
        self._service = service
        self._topic = service.settings.mqtt_topic
        self._leads = Leadership(
            service.database, folder=service.settings.data_dir, name="mqtt", number=_LOCK
        )
        self._stop = threading.Event()
        self._told: dict[str, str] = {}
        self._parts = urlsplit(service.settings.mqtt_url)
        if self._parts.scheme not in _PORTS or not self._parts.hostname:
            raise InputError("CITYEYE_MQTT_URL is written mqtt://host:port or mqtts://host:port")
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)

    def start(self) -> None:
        """Begin to tell, as soon as no other process does."""
        self._thread.start()

    def close(self) -> None:
        """Say goodbye and leave it to others."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(2 * ANSWER_S)

    def _run(self) -> None:
        failures = 0
        while not self._stop.is_set():
            try:
                if self._leads.holds():
                    self._tell()
                failures = 0
                self._stop.wait(LOOK_EVERY_S)
            except Exception as error:
                # Whatever it is, what was not told is told later.
                PUBLISHED.labels("failed").inc()
                if failures == 0:
                    log.warning("mqtt_away", error=type(error).__name__)
                failures += 1
                self._stop.wait(AGAIN_S[min(failures, len(AGAIN_S)) - 1])
        self._leads.give_up()

    def _tell(self) -> None:
        """Connect, and tell until the broker or the right to tell is gone."""
        client, is_up = self._connected()
        self._told = {}
        status_in_s = 0.0
        try:
            self._confirmed([client.publish(self._service_topic, "online", qos=1, retain=True)])
            log.info("mqtt_connected", broker=self._parts.hostname)
            while self._leads.holds():
                if not is_up():
                    raise BrokerAway("the broker closed the connection")
                while self._tell_events(client) == BATCH:
                    pass
                if status_in_s <= 0:
                    self._tell_status(client)
                    status_in_s = STATUS_EVERY_S
                status_in_s -= LOOK_EVERY_S
                if self._stop.wait(LOOK_EVERY_S):
                    client.publish(self._service_topic, "offline", qos=1, retain=True)
                    return
        finally:
            client.disconnect()
            client.loop_stop()

    @property
    def _service_topic(self) -> str:
        return f"{self._topic}/service/status"

    def _connected(self) -> tuple[Client, Callable[[], bool]]:
        """Return a client of a session of its own: what was not confirmed is in our table."""
        client = Client(CallbackAPIVersion.VERSION2, reconnect_on_failure=False)
        if self._parts.username is not None:
            client.username_pw_set(
                unquote(self._parts.username), unquote(self._parts.password or "")
            )
        if self._parts.scheme == "mqtts":
            client.tls_set()
        client.will_set(self._service_topic, "offline", qos=1, retain=True)
        client.connect_timeout = ANSWER_S
        answered = threading.Event()
        refused: list[str] = []

        def on_connect(_client: Client, _data: Any, _flags: Any, reason: Any, _more: Any) -> None:  # noqa: ANN401
            if reason.is_failure:
                refused.append(str(reason))
            answered.set()

        client.on_connect = on_connect
        host = self._parts.hostname or ""
        client.connect(host, self._parts.port or _PORTS[self._parts.scheme], keepalive=20)
        client.loop_start()
        if not answered.wait(ANSWER_S) or refused:
            client.loop_stop()
            raise BrokerAway(f"the broker does not let us in: {', '.join(refused) or 'no answer'}")
        return client, client.is_connected

    def _tell_events(self, client: Client) -> int:
        with self._service.database.read() as session:
            rows = session.execute(
                sa.select(CameraEvent, CameraRow.code)
                .join(CameraRow, CameraRow.id == CameraEvent.camera_id)
                .where(CameraEvent.published_at.is_(None))
                .order_by(CameraEvent.at, CameraEvent.id)
                .limit(BATCH)
            ).all()
        sent = [
            client.publish(self._topic_of(event, code), _event_text(event, code), qos=1)
            for event, code in rows
        ]
        try:
            self._confirmed(sent)
        finally:
            confirmed = [
                row.CameraEvent.id
                for row, info in zip(rows, sent, strict=False)
                if _is_confirmed(info)
            ]
            if confirmed:
                with self._service.database.write() as session:
                    _mark(session, confirmed)
                PUBLISHED.labels("sent").inc(len(confirmed))
        return len(rows)

    def _topic_of(self, event: CameraEvent, code: str) -> str:
        if event.kind == FINDING:
            return f"{self._topic}/findings/{event.detail['kind']}"
        return f"{self._topic}/cameras/{code}/events"

    def _tell_status(self, client: Client) -> None:
        """Tell of every camera whose health is another than was told; retained by the broker."""
        with self._service.database.read() as session:
            rows = session.scalars(sa.select(CameraRow).where(CameraRow.deleted_at.is_(None))).all()
        texts = {row.code: _status_text(row) for row in rows}
        changed = {code: text for code, text in texts.items() if self._told.get(code) != text}
        # An empty message makes the broker forget a camera that was deleted.
        changed |= {code: "" for code in self._told if code not in texts}
        self._confirmed(
            [
                client.publish(f"{self._topic}/cameras/{code}/status", text, qos=1, retain=True)
                for code, text in changed.items()
            ]
        )
        self._told = texts

    @staticmethod
    def _confirmed(sent: list[MQTTMessageInfo]) -> None:
        for info in sent:
            info.wait_for_publish(ANSWER_S)
            if not info.is_published():
                raise BrokerAway("the broker did not confirm in time")


def _is_confirmed(info: MQTTMessageInfo) -> bool:
    try:
        return info.is_published()
    except (ValueError, RuntimeError):
        return False


def _mark(session: Session, ids: list[str]) -> None:
    session.execute(
        sa.update(CameraEvent)
        .where(CameraEvent.id.in_(ids))
        .values(published_at=utc_now())
        .execution_options(synchronize_session=False)
    )


def _event_text(event: CameraEvent, code: str) -> str:
    content = {
        "id": event.id, "camera": code, "kind": event.kind, "at": event.at.isoformat(),
        "detail": event.detail,
    }  # fmt: skip
    return json.dumps(content, ensure_ascii=False)


def _status_text(row: CameraRow) -> str:
    content = {
        "camera": row.code, "name": row.name, "health": row.health, "enabled": row.enabled,
        "fault": row.fault,
    }  # fmt: skip
    return json.dumps(content, ensure_ascii=False)


_publishers: dict[int, Publisher] = {}
_publishers_lock = threading.Lock()


def ensure_published(service: Service) -> None:
    """Have this process tell the broker, where one is set and no other process does.

    A broker's address that cannot be used is told in the log: cameras are watched all the same.
    """
    if not service.settings.mqtt_url:
        return
    with _publishers_lock:
        if id(service) in _publishers:
            return
        try:
            publisher = _publishers[id(service)] = Publisher(service)
        except InputError as error:
            log.error("mqtt_not_told", reason=str(error))
            return

    def close() -> None:
        with _publishers_lock:
            _publishers.pop(id(service), None)
        publisher.close()

    publisher.start()
    stopping.when_stopping(close)
