"""Cameras watched by real workers: moved when one is killed, each event once, dwell kept."""

import hashlib
import json
import signal

import pytest
import sqlalchemy as sa
from rtsp_server import RtspServer, require_rtsp_server

from serve.db.tables import CameraEvent, CameraRow, EvidenceRow, FindingRow, Sighting, Worker
from serve.service import Service
from tests.make_watch import film_of_one_parked_car, write_models
from tests.serve.conftest import drop_postgres, postgres_url, settings_for
from tests.serve.processes import cityeye, environment_for, wait_until
from tests.serve.watching.making import ZONE, add_camera

HIDDEN = "hunter2"
DWELL_S = 24


@pytest.fixture
def database_url():
    url, name = postgres_url()
    yield url
    drop_postgres(name)


@pytest.fixture
def place(tmp_path, database_url):
    """A service on PostgreSQL, and the environment of its workers."""
    more = {"models_dir": write_models(tmp_path / "models"), "camera_allow_loopback": True}
    service = Service(settings_for(tmp_path, database_url=database_url, **more))
    environment = environment_for(tmp_path, database_url=database_url, **more)
    yield service, environment
    service.close()


def row_of(service, camera_id):
    with service.database.read() as session:
        return session.get(CameraRow, camera_id)


def everything(service, table):
    with service.database.read() as session:
        return session.scalars(sa.select(table)).all()


def worker(tmp_path, environment):
    return cityeye("worker", "--queues", "camera,upkeep", folder=tmp_path, environment=environment)


def workers_alive(service):
    return len(everything(service, Worker))


def check_evidence(service, finding_id):
    """Every file is there, as it was sealed, and none twice."""
    rows = [row for row in everything(service, EvidenceRow) if row.finding_id == finding_id]
    assert len({(row.role, row.sha256) for row in rows}) == len(rows)
    roles = [row.role for row in rows]
    for role in ("scene_start", "scene_end", "clip", "manifest"):
        assert roles.count(role) == 1, roles
    for row in rows:
        content = service.storage.get(row.key)
        assert hashlib.sha256(content).hexdigest() == row.sha256
    return {row.role: row for row in rows}


def test_a_killed_worker_loses_nothing_and_the_dwell_goes_on(tmp_path, place):
    require_rtsp_server()
    service, environment = place
    film = film_of_one_parked_car(tmp_path / "film.mp4")
    # Long enough for a slow machine to notice that a worker is dead, and to take over.
    zone = {**ZONE, "dwell_s": DWELL_S, "grace_s": 180}
    with (
        RtspServer(film, user="viewer", password=HIDDEN) as server,
        worker(tmp_path, environment) as one,
        worker(tmp_path, environment) as other,
    ):
        # Both first: one that starts while the other watches may take as long as the dwell.
        wait_until(lambda: workers_alive(service) == 2, 60)
        camera_id, _ = add_camera(service, server.url, zones=[zone])
        wait_until(lambda: row_of(service, camera_id).state_key, 90)
        before = row_of(service, camera_id)
        holder = one if f"-{one.popen.pid}-" in before.watched_by else other
        holder.kill(signal.SIGKILL)
        killed_at = row_of(service, camera_id).last_frame_at
        assert everything(service, Sighting) == []
        wait_until(lambda: everything(service, Sighting), 90)
        wait_until(lambda: row_of(service, camera_id).health == "watching", 30)
        after = row_of(service, camera_id)
        log = one.output + other.output
    (finding,) = everything(service, FindingRow)
    (sighting,) = everything(service, Sighting)
    assert sighting.ended is False
    assert after.claim == before.claim + 1
    assert after.watched_by != before.watched_by
    # It stood since before the first worker died, which was too short for a finding.
    assert finding.first_seen < killed_at
    evidence = check_evidence(service, finding.id)
    apart = evidence["scene_end"].taken_at - evidence["scene_start"].taken_at
    assert apart.total_seconds() >= DWELL_S
    assert evidence["scene_start"].taken_at < killed_at
    assert row_of(service, camera_id).chain["finding_id"] == finding.document["id"]
    told = [e.detail["state"] for e in everything(service, CameraEvent) if e.kind == "finding"]
    assert told == ["ongoing"]
    assert HIDDEN not in log
    for file in service.settings.data_dir.rglob("*"):
        if file.is_file():
            assert HIDDEN.encode() not in file.read_bytes(), file


def test_a_paused_worker_that_comes_back_writes_nothing(tmp_path, place):
    require_rtsp_server()
    service, environment = place
    film = film_of_one_parked_car(tmp_path / "film.mp4")
    zone = {**ZONE, "dwell_s": 3600}
    with RtspServer(film) as server, worker(tmp_path, environment) as first:
        camera_id, _ = add_camera(service, server.url, zones=[zone])
        wait_until(lambda: row_of(service, camera_id).state_key, 90)
        before = row_of(service, camera_id)
        with worker(tmp_path, environment) as second:
            wait_until(lambda: workers_alive(service) == 2, 60)
            first.kill(signal.SIGSTOP)
            wait_until(lambda: row_of(service, camera_id).claim > before.claim, 90)
            wait_until(lambda: row_of(service, camera_id).health == "watching", 60)
            first.kill(signal.SIGCONT)
            taken = row_of(service, camera_id)
            wait_until(lambda: "camera_let_go" in first.output, 30)
            again = row_of(service, camera_id)
            assert (again.claim, again.watched_by) == (taken.claim, taken.watched_by)
            # The next saving is some seconds away; then only what the new holder wrote is left.
            ours = f"/watch/{taken.claim}/"
            wait_until(lambda: ours in row_of(service, camera_id).state_key, 60)
            assert second.alive()
            kept = f"cameras/{camera_id}/watch"
            wait_until(lambda: all(ours in s.key for s in service.storage.list(kept)), 60)


def test_a_worker_that_is_ended_in_order_leaves_its_cameras_to_the_next(tmp_path, place):
    require_rtsp_server()
    service, environment = place
    film = film_of_one_parked_car(tmp_path / "film.mp4")
    with RtspServer(film) as server:
        with worker(tmp_path, environment) as first:
            camera_id, _ = add_camera(service, server.url, zones=[{**ZONE, "dwell_s": 3600}])
            wait_until(lambda: row_of(service, camera_id).last_frame_at, 90)
            first.kill(signal.SIGTERM)
            assert first.wait(60) == 0
        state = json.loads(service.storage.get(row_of(service, camera_id).state_key))
        assert state["state"]["association"]
        with worker(tmp_path, environment):
            wait_until(lambda: row_of(service, camera_id).claim == 2, 90)
            wait_until(lambda: row_of(service, camera_id).health == "watching", 60)
    assert row_of(service, camera_id).watch_epoch == 1
