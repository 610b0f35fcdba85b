"""Trying cameras out by the API: real streams, real refusals, nothing told twice or too much."""

import base64
import socket

import cv2
import numpy as np
import pytest
from make_videos import write_video
from rtsp_server import RtspServer, require_rtsp_server

from serve.api.access import Role
from serve.service import Service
from tests.serve.conftest import settings_for, sign_in
from tests.serve.watching.making import add_camera

HIDDEN = "hunter2"


@pytest.fixture
def service(tmp_path):
    made = Service(settings_for(tmp_path, camera_allow_loopback=True))
    yield made
    made.close()


@pytest.fixture
def integrator(service):
    return sign_in(service, Role.INTEGRATOR)


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp("film") / "film.mp4", count=200)


def test_a_stream_is_described_with_a_masked_picture(service, integrator, film):
    require_rtsp_server()
    mask = [[0.0, 0.0], [0.5, 0.0], [0.5, 0.5], [0.0, 0.5]]
    with RtspServer(film, user="viewer", password=HIDDEN) as server:
        camera_id, _ = add_camera(service, server.url, privacy_masks=[mask], enabled=False)
        answer = integrator.post(f"cameras/{camera_id}/test")
    told = answer.json()
    assert told["ok"], told
    assert told["size_wh"] == [320, 180]
    assert told["codec"] == "h264"
    assert told["fps"] == pytest.approx(10, abs=1)
    assert told["key_gap_s"] == pytest.approx(1, abs=0.2)
    jpeg = np.frombuffer(base64.b64decode(told["snapshot_jpeg_base64"]), np.uint8)
    picture = cv2.imdecode(jpeg, cv2.IMREAD_COLOR)
    assert picture[4:84, 4:154].max() < 40
    assert picture[100:].max() > 100
    assert HIDDEN not in answer.text


def test_a_wrong_password_is_told_without_it(service, integrator, film):
    require_rtsp_server()
    with RtspServer(film, user="viewer", password="right") as server:  # noqa: S106
        camera_id, _ = add_camera(service, server.url.replace("right", HIDDEN), enabled=False)
        answer = integrator.post(f"cameras/{camera_id}/test")
    told = answer.json()
    assert (told["ok"], told["problem_kind"]) == (False, "refused")
    assert "password" in told["problem"]
    assert HIDDEN not in answer.text


def test_nothing_that_listens_and_nothing_allowed(service, integrator):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    camera_id, _ = add_camera(service, f"rtsp://a:{HIDDEN}@127.0.0.1:{port}/x", enabled=False)
    told = integrator.post(f"cameras/{camera_id}/test").json()
    assert (told["ok"], told["problem_kind"]) == (False, "offline")
    outside, _ = add_camera(service, f"rtsp://a:{HIDDEN}@8.8.8.8/x", id="b", enabled=False)
    answer = integrator.post(f"cameras/{outside}/test")
    assert answer.status_code == 422
    assert HIDDEN not in answer.text
    unknown, _ = add_camera(service, "rtsp://camera.invalid/x", id="c", enabled=False)
    assert integrator.post(f"cameras/{unknown}/test").status_code == 409


def test_a_stored_clip(service, integrator):
    camera_id, _ = add_camera(service, "sample:street", enabled=False)
    told = integrator.post(f"cameras/{camera_id}/test").json()
    assert (told["ok"], told["size_wh"]) == (True, [960, 540])
