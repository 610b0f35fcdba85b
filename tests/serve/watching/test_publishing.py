"""Events and status over MQTT, by a real broker that goes away and comes back."""

import json
import threading
from collections import Counter
from datetime import timedelta

import paho.mqtt.client as mqtt
import pytest
import sqlalchemy as sa

from serve.db.tables import CameraEvent, CameraRow, utc_now
from serve.service import Service
from serve.watching.events import add_event
from serve.watching.publishing import Publisher
from tests.serve.conftest import settings_for
from tests.serve.processes import wait_until
from tests.serve.watching.broker import Broker
from tests.serve.watching.making import add_camera


class Listener:
    """Somebody who hears everything, also what was said while they were away."""

    def __init__(self, port, name="listener"):
        self.heard = []
        self._lock = threading.Lock()
        self._client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id=name, clean_session=False
        )
        self._client.on_connect = lambda client, *_: client.subscribe("city/#", qos=1)
        self._client.on_message = self._hear
        self._client.reconnect_delay_set(0.2, 0.5)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def _hear(self, _client, _data, message):
        with self._lock:
            self.heard.append((message.topic, message.payload.decode(), message.retain))

    def of(self, topic):
        with self._lock:
            return [text for each, text, _ in self.heard if each == topic]

    def close(self):
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def broker(tmp_path):
    made = Broker(tmp_path / "broker")
    made.start()
    yield made
    made.end()


@pytest.fixture
def service(tmp_path, broker, any_database_url):
    made = Service(
        settings_for(
            tmp_path, mqtt_url=broker.url, mqtt_topic="city", database_url=any_database_url
        )
    )
    yield made
    made.close()


@pytest.fixture
def listener(broker):
    made = Listener(broker.port)
    yield made
    made.close()


def say(service, camera_id, numbers, kind="fault"):
    with service.database.write() as session:
        for number in numbers:
            at = utc_now() + timedelta(milliseconds=number)
            detail = {"number": number, "kind": "offline"}
            assert add_event(session, camera_id, kind=kind, at=at, detail=detail)


def unpublished(service):
    with service.database.read() as session:
        return session.scalar(sa.select(sa.func.count()).where(CameraEvent.published_at.is_(None)))


def test_events_findings_and_status_are_told(service, listener):
    camera_id, _ = add_camera(service, "rtsp://10.0.0.8/s")
    say(service, camera_id, range(5))
    say(service, camera_id, [9], kind="finding")
    publisher = Publisher(service)
    publisher.start()
    try:
        wait_until(lambda: listener.of("city/findings/offline"), 30)
        wait_until(lambda: listener.of("city/cameras/gate-1/status"), 30)
        wait_until(lambda: unpublished(service) == 0, 30)
        events = [json.loads(text) for text in listener.of("city/cameras/gate-1/events")]
        assert [event["detail"]["number"] for event in events] == list(range(5))
        assert listener.of("city/service/status")[-1] == "online"
        with service.database.write() as session:
            session.get(CameraRow, camera_id).health = "faulty"
        wait_until(
            lambda: json.loads(listener.of("city/cameras/gate-1/status")[-1])["health"] == "faulty",
            30,
        )
        with service.database.write() as session:
            session.get(CameraRow, camera_id).deleted_at = utc_now()
        wait_until(lambda: listener.of("city/cameras/gate-1/status")[-1] == "", 30)
    finally:
        publisher.close()
    wait_until(lambda: listener.of("city/service/status")[-1] == "offline", 30)


def test_a_broker_that_is_away_loses_nothing_and_invents_nothing(service, broker, listener):
    camera_id, _ = add_camera(service, "rtsp://10.0.0.8/s")
    publisher = Publisher(service)
    publisher.start()
    try:
        say(service, camera_id, range(100))
        wait_until(lambda: unpublished(service) < 100, 30)
        broker.end()
        say(service, camera_id, range(100, 300))
        broker.start()
        say(service, camera_id, range(300, 400))
        wait_until(lambda: unpublished(service) == 0, 60)
        wait_until(lambda: len(set(numbers(listener))) == 400, 60)
    finally:
        publisher.close()
    heard = Counter(numbers(listener))
    assert set(heard) == set(range(400))
    # At least once: what the broker got and could not confirm any more may come again.
    ids = Counter(json.loads(t)["id"] for t in listener.of("city/cameras/gate-1/events"))
    assert len(ids) == 400
    firsts = list(dict.fromkeys(numbers(listener)))
    assert firsts == sorted(firsts)


def numbers(listener):
    texts = listener.of("city/cameras/gate-1/events")
    return [json.loads(text)["detail"]["number"] for text in texts]


def test_two_processes_tell_each_event_once(service, listener):
    camera_id, _ = add_camera(service, "rtsp://10.0.0.8/s")
    publishers = [Publisher(service) for _ in range(2)]
    for publisher in publishers:
        publisher.start()
    try:
        say(service, camera_id, range(50))
        wait_until(lambda: unpublished(service) == 0, 30)
        publishers[0].close()
        say(service, camera_id, range(50, 80))
        wait_until(lambda: unpublished(service) == 0, 30)
        wait_until(lambda: len(numbers(listener)) >= 80, 30)
    finally:
        for publisher in publishers:
            publisher.close()
    assert numbers(listener) == list(range(80))


def test_status_is_there_for_who_comes_later(service, broker, listener):
    add_camera(service, "rtsp://10.0.0.8/s")
    publisher = Publisher(service)
    publisher.start()
    try:
        wait_until(lambda: listener.of("city/cameras/gate-1/status"), 30)
    finally:
        publisher.close()
    later = Listener(broker.port, name="later")
    try:
        wait_until(lambda: ("city/service/status", "offline", True) in later.heard, 30)
        assert any(t == "city/cameras/gate-1/status" and kept for t, _, kept in later.heard)
    finally:
        later.close()
