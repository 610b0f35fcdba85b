"""Cameras beyond the first few are read by other processes, which learn nothing they need not."""

from pathlib import Path

import pytest
from make_videos import write_video
from rtsp_server import RtspServer, require_rtsp_server

from serve.db.tables import CameraRow
from serve.service import Service
from serve.watching import room as rooms
from serve.workflows import camera as watching
from serve.workflows.queues import WorkQueue
from serve.workflows.runtime import Runtime
from tests.make_watch import write_models
from tests.serve.conftest import settings_for
from tests.serve.processes import wait_until
from tests.serve.watching.making import ZONE, add_camera
from vision.camera.sources.readers import RemoteSource

HIDDEN = "hunter2"
SECRET = "a secret of this service, long enough"  # noqa: S105
CAMERAS = rooms.READ_HERE + 2


@pytest.fixture
def service(tmp_path, monkeypatch):
    # As a worker has it: from the environment, which its children would get too.
    monkeypatch.setenv("CITYEYE_SECRET", SECRET)
    made = Service(
        settings_for(
            tmp_path,
            models_dir=write_models(tmp_path / "models"),
            camera_allow_loopback=True,
            camera_capacity=CAMERAS,
        )
    )
    runtime = Runtime(made, queues=(WorkQueue.CAMERA,))
    runtime.launch()
    yield made
    runtime.close()
    made.close()


def rows(service, ids):
    with service.database.read() as session:
        return [session.get(CameraRow, camera_id) for camera_id in ids]


def descendants_that_read(room):
    """What the system shows of the processes that read."""
    for pid in room._readers.pids:
        for place in ("cmdline", "environ"):
            yield Path(f"/proc/{pid}/{place}").read_bytes()


def test_the_first_are_read_here_and_others_elsewhere_without_secrets(service, tmp_path, capfd):
    require_rtsp_server()
    film = write_video(tmp_path / "film.mp4", count=200)
    with RtspServer(film, user="u", password=HIDDEN) as server:
        zones = [{**ZONE, "dwell_s": 3600}]
        cameras = [
            add_camera(service, server.url, id=f"camera-{number}", zones=zones)
            for number in range(CAMERAS)
        ]
        watching.begin(cameras)
        ids = [camera_id for camera_id, _ in cameras]
        wait_until(lambda: all(r.health == "watching" for r in rows(service, ids)), 120)
        room = rooms.room_of(service)
        sources = {camera: guest.faring.station.source for camera, guest in room._guests.items()}
        remote = [camera for camera, s in sources.items() if isinstance(s, RemoteSource)]
        assert len(remote) == CAMERAS - rooms.READ_HERE
        for camera in remote:
            # What the other process connects to is what was checked here, not a name.
            assert sources[camera]._make.keywords["through"].address.connect_to == "127.0.0.1"
        shown = list(descendants_that_read(room))
        assert any(b"vision.camera.sources.reading" in told for told in shown)
        for told in shown:
            assert HIDDEN.encode() not in told
            assert SECRET.encode() not in told
            assert server.url.rpartition("@")[2].encode() not in told
        wait_until(lambda: all(row.snapshot_key for row in rows(service, remote)), 60)
    # The server is gone: who reads elsewhere says so, and not with the password.
    wait_until(lambda: all(row.health == "faulty" for row in rows(service, remote)), 60)
    assert {row.fault["kind"] for row in rows(service, remote)} == {"offline"}
    assert all(HIDDEN not in str(row.fault) for row in rows(service, remote))
    assert all(HIDDEN not in text for text in capfd.readouterr())
