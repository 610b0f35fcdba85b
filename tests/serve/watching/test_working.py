"""Workers and the sweep in this process: room, faults, changes, disabling, and broken addresses."""

import socket
from datetime import timedelta

import pytest
import sqlalchemy as sa
from dbos import DBOS
from rtsp_server import RtspServer, require_rtsp_server

from serve.db.tables import CameraEvent, CameraRow, utc_now
from serve.service import Service
from serve.watching import registering
from serve.watching.public import CameraUpdate
from serve.workflows import camera as watching
from serve.workflows.queues import WorkQueue
from serve.workflows.runtime import Runtime
from tests.make_watch import film_of_one_parked_car, write_models
from tests.serve.conftest import settings_for
from tests.serve.processes import wait_until
from tests.serve.watching.making import ZONE, add_camera

pytestmark = pytest.mark.usefixtures("runtime")
HIDDEN = "hunter2"


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return write_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return film_of_one_parked_car(tmp_path_factory.mktemp("film") / "film.mp4")


@pytest.fixture
def service(tmp_path, models):
    made = Service(
        settings_for(tmp_path, models_dir=models, camera_allow_loopback=True, camera_capacity=1)
    )
    yield made
    made.close()


@pytest.fixture
def runtime(service):
    made = Runtime(service, queues=(WorkQueue.CAMERA,))
    made.launch()
    yield made
    made.close()


def row_of(service, camera_id):
    with service.database.read() as session:
        return session.get(CameraRow, camera_id)


def events(service, camera_id, kind):
    with service.database.read() as session:
        return session.scalars(
            sa.select(CameraEvent).where(
                CameraEvent.camera_id == camera_id, CameraEvent.kind == kind
            )
        ).all()


def unheard():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"rtsp://u:{HIDDEN}@127.0.0.1:{probe.getsockname()[1]}/x"


def sweep():
    watching.sweep_cameras(utc_now(), None)


def test_cameras_beyond_the_capacity_wait_and_say_so(service):
    first, _ = add_camera(service, unheard(), id="first")
    sweep()
    wait_until(lambda: row_of(service, first).health == "faulty", 60)
    assert row_of(service, first).fault["kind"] == "offline"
    (fault,) = events(service, first, "fault")
    assert HIDDEN not in str(fault.detail)
    second, _ = add_camera(service, unheard(), id="second")
    sweep()
    sweep()
    waiting = row_of(service, second)
    assert (waiting.health, waiting.fault["message"]) == ("waiting", "no worker has room")
    assert waiting.watched_by is None
    with service.database.write() as session:
        registering.disable(registering.row_of(session, first))
    wait_until(lambda: row_of(service, second).health == "faulty", 60)
    assert row_of(service, first).health == "unwatched"


def test_a_workflow_that_ended_too_early_is_begun_anew(service):
    camera_id, epoch = add_camera(service, unheard())
    sweep()
    wait_until(lambda: row_of(service, camera_id).claim == 1, 30)
    DBOS.cancel_workflow(watching.workflow_id(camera_id, epoch))
    sweep()
    renewed = row_of(service, camera_id)
    assert renewed.watch_epoch == epoch + 1
    wait_until(lambda: row_of(service, camera_id).claim == 2, 30)


def test_a_camera_goes_away_comes_back_and_is_changed(service, film):
    require_rtsp_server()
    with RtspServer(film, user="u", password=HIDDEN) as server:
        zones = [{**ZONE, "dwell_s": 3600}]
        camera_id, epoch = add_camera(service, server.url, zones=zones)
        port = server.port
        watching.begin([(camera_id, epoch)])
        wait_until(lambda: row_of(service, camera_id).health == "watching", 60)
        wait_until(lambda: row_of(service, camera_id).snapshot_key, 30)
        assert service.storage.get(row_of(service, camera_id).snapshot_key)[:2] == b"\xff\xd8"
        with service.database.write() as session:
            row = registering.row_of(session, camera_id)
            registering.change(row, CameraUpdate(name="Other name"), service.settings)
            changed = row.watch_epoch
        assert changed == epoch + 1
        watching.begin([(camera_id, changed)])
        wait_until(lambda: row_of(service, camera_id).claim == 2, 30)
        wait_until(lambda: row_of(service, camera_id).health == "watching", 60)
    wait_until(lambda: row_of(service, camera_id).health == "faulty", 60)
    with RtspServer(film, port=port, user="u", password=HIDDEN):
        wait_until(lambda: row_of(service, camera_id).health == "watching", 90)
        wait_until(lambda: events(service, camera_id, "recovered"), 30)
    row = row_of(service, camera_id)
    assert row.fault is None
    assert row.figures["served"] > 0
    assert row.figures["seen"][0]["classes"] == {"car": 1}


def test_an_address_that_is_refused_is_told_and_the_camera_can_be_mended(service):
    camera_id, epoch = add_camera(service, f"rtsp://u:{HIDDEN}@8.8.8.8/x")
    watching.begin([(camera_id, epoch)])
    wait_until(lambda: row_of(service, camera_id).health == "failed", 60)
    told = row_of(service, camera_id).fault["message"]
    assert "CITYEYE_CAMERA_NETWORKS" in told
    assert HIDDEN not in told
    with service.database.write() as session:
        row = registering.row_of(session, camera_id)
        registering.change(row, CameraUpdate(address=unheard()), service.settings)
        epoch = row.watch_epoch
    watching.begin([(camera_id, epoch)])
    wait_until(lambda: row_of(service, camera_id).health == "faulty", 60)


def test_of_a_deleted_camera_no_picture_stays(service):
    camera_id, _ = add_camera(service, "rtsp://127.0.0.1/x", enabled=False)
    keys = [f"cameras/{camera_id}/{name}" for name in ("watch/1/state.json", "snapshots/1-2.jpg",
                                                      "evidence/f/a.jpg")]  # fmt: skip
    for key in keys:
        service.storage.put(key, b"picture")
    with service.database.write() as session:
        row = session.get(CameraRow, camera_id)
        row.state_key, row.snapshot_key = keys[:2]
        registering.remove(row)
    sweep()
    assert all(service.storage.exists(key) for key in keys)
    with service.database.write() as session:
        session.get(CameraRow, camera_id).deleted_at = utc_now() - timedelta(minutes=2)
    sweep()
    assert [service.storage.exists(key) for key in keys] == [False, False, True]
