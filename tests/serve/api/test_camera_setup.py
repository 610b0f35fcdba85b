"""Setting cameras up by real requests: an address tried before it is stored, camera files."""

import cv2
import numpy as np
import pytest
import sqlalchemy as sa
import yaml

from serve.api.access import Role
from serve.db.tables import CameraRow, LedgerEntry, utc_now
from serve.service import Service
from serve.watching.faring import Health
from tests.serve.api.test_cameras import HIDDEN, ZONE, created
from tests.serve.conftest import settings_for, sign_in

FIGURES = {"sampled_fps": 1.5, "needed_fps": 0.5, "lag_p95_s": 0.2, "faults": 1}
MASK = [[0, 0], [0.5, 0], [0.5, 0.5], [0, 0.5]]


@pytest.fixture
def service(tmp_path, any_database_url):
    made = Service(
        settings_for(
            tmp_path,
            camera_networks="10.0.0.0/8",
            database_url=any_database_url,
        )
    )
    yield made
    made.close()


@pytest.fixture
def integrator(service):
    return sign_in(service, Role.INTEGRATOR)


def test_an_address_is_tried_before_it_is_stored(service, integrator):
    answer = integrator.post(
        "cameras/test", json={"address": "sample:street", "privacy_masks": [MASK]}
    )
    assert answer.status_code == 200, answer.text
    trial = answer.json()
    assert trial["ok"]
    assert trial["size_wh"][0] > trial["size_wh"][1] > 0
    assert trial["snapshot_jpeg_base64"]
    assert integrator.get("cameras").json()["items"] == []
    with service.database.read() as session:
        entry = session.scalars(
            sa.select(LedgerEntry).where(LedgerEntry.action == "camera.test")
        ).one()
    assert "sample:street" in str(entry.detail)


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"address": f"rtsp://u:{HIDDEN}@8.8.8.8/x"}, "CITYEYE_CAMERA_NETWORKS"),
        ({"address": f"rtsp://u:{HIDDEN}@127.0.0.1/x"}, "this machine"),
        ({"address": "sample:street", "privacy_masks": [[[0, 0], [1, 1]]]}, "three corners"),
        ({"address": "sample:street", "zones": []}, "zones"),
    ],
)
def test_what_is_not_tried(integrator, body, word):
    answer = integrator.post("cameras/test", json=body)
    assert answer.status_code == 422
    assert word in answer.text
    assert HIDDEN not in answer.text


def test_a_camera_file_gives_the_camera_back(integrator):
    zone = {**ZONE, "active_hours": ["22:00-06:00", "11:30-13:00"], "dwell_s_by_class": {"bus": 30}}
    made = created(integrator, zones=[zone], privacy_masks=[MASK], direction="east 东")
    answer = integrator.get(f"cameras/{made['id']}/file")
    assert answer.headers["Content-Type"].startswith("application/yaml")
    assert f"{made['code']}.yaml" in answer.headers["Content-Disposition"]
    assert HIDDEN not in answer.text
    written = yaml.safe_load(answer.text)
    assert (written["id"], written["name"]) == (made["code"], made["name"])
    read = integrator.post("cameras/file", json={"yaml": answer.text}).json()
    assert {name: made[name] for name in read} == read


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("- a\n- b", "mapping"),
        ("id: a\n  name: b", "line 2"),
        ("id: x\nname: y\nzones: []", "zones"),
        ("id: x\nname: y\nzons: []", "zons"),
        ("a: &a [x, x]\nb: *a", "aliases"),
        ("id: !!python/object/apply:os.system [ls]", "not YAML"),
        ("id: 2026-99-99\nname: 1", "camera file"),
        ("[" * 3000, "not YAML"),
        ("1: 2", "mapping"),
        ('id: "\\0"', "control"),
    ],
)
def test_camera_files_that_are_refused(integrator, text, word):
    answer = integrator.post("cameras/file", json={"yaml": text})
    assert answer.status_code == 422, answer.text
    assert word in answer.text


def test_cameras_are_counted_and_found_by_their_fault(service, integrator):
    ids = [created(integrator, code=f"c{number}")["id"] for number in range(4)]
    faults = {ids[0]: "offline", ids[1]: "offline", ids[2]: "moved"}
    with service.database.write() as session:
        for camera_id, kind in faults.items():
            row = session.get(CameraRow, camera_id)
            row.enabled, row.health = True, Health.FAULTY
            row.fault = {"kind": kind, "since": utc_now().isoformat(), "message": "x"}
    assert integrator.get("cameras/counts").json() == {
        "total": 4,
        "enabled": 3,
        "health": {"faulty": 3, "unwatched": 1},
        "faults": {"offline": 2, "moved": 1},
    }
    found = integrator.get("cameras?fault=offline").json()["items"]
    assert {camera["id"] for camera in found} == set(ids[:2])
    assert integrator.get("cameras?fault=sleepy").status_code == 422


def test_what_stands_is_told_only_while_it_is_watched(service, integrator):
    made = created(integrator, enabled=True)
    now = utc_now().isoformat()
    standing = {
        "zone": "kerb", "name": "car", "box_xyxy": [0.1, 0.2, 0.3, 0.4], "first_seen": now,
        "last_seen": now, "dwell_s": 40.0, "allowed_s": 60.0, "fired": False,
    }  # fmt: skip
    path = f"cameras/{made['id']}/activity"
    for health, shown in ((Health.WATCHING, 1), (Health.ENDED, 0), (Health.UNWATCHED, 0)):
        with service.database.write() as session:
            row = session.get(CameraRow, made["id"])
            row.health = health
            row.figures = {**FIGURES, "standing": [standing]}
        activity = integrator.get(path).json()
        assert len(activity["standing"]) == shown
        assert activity["figures"] == FIGURES
        served = integrator.get(f"cameras/{made['id']}").json()["served"]
        assert served == (FIGURES if shown else None)


def test_lists_get_small_pictures(service, integrator):
    made = created(integrator)
    path = f"cameras/{made['id']}/snapshot"
    assert integrator.get(path, params={"width_px": 320}).status_code == 404
    picture = cv2.imencode(".jpg", np.full((540, 960, 3), 90, np.uint8))[1].tobytes()
    service.storage.put("cameras/x.jpg", picture)
    with service.database.write() as session:
        session.get(CameraRow, made["id"]).snapshot_key = "cameras/x.jpg"
    assert integrator.get(path).content == picture
    small = integrator.get(path, params={"width_px": 320})
    assert small.headers["Content-Type"] == "image/jpeg"
    pixels = cv2.imdecode(np.frombuffer(small.content, np.uint8), cv2.IMREAD_COLOR)
    assert pixels.shape == (180, 320, 3)
    assert integrator.get(path, params={"width_px": 5}).status_code == 422
