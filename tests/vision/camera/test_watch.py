"""The door to watching: recordings, live cameras, restarts, many at once, cameras that are dead."""

from __future__ import annotations

import json
import socket
import threading
import time
from datetime import UTC, datetime, timedelta

import av
import pytest
from make_videos import numbered_picture, write_video
from rtsp_server import RtspServer, require_rtsp_server

from tests.make_watch import film_of_one_parked_car, registry, write_camera
from vision.camera.config import read_camera
from vision.camera.looking import open_street_models
from vision.camera.sources import ClipLost, Patience, open_source
from vision.camera.sources.files import VideoFile
from vision.camera.watch import Tell, station_of, watch, watch_stations
from vision.evidence import verify_evidence
from vision.finding import Finding, FindingKind

START = datetime(2026, 11, 22, tzinfo=UTC)
QUICK = Patience(connect_s=2.0, silence_s=2.0, first_retry_s=0.2, longest_retry_s=0.5)
HIDDEN = "hunter2"


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """20 s, 10 pictures a second, a key frame each second."""
    return write_video(tmp_path_factory.mktemp("film") / "film.mp4", count=200)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    camera = read_camera(write_camera(folder / "camera.yaml"))
    return open_street_models(registry(folder), [camera])


def camera_of(folder, **fields):
    return read_camera(write_camera(folder / "camera.yaml", **fields))


def station(folder, models, address, **fields):
    (folder / "cameras").mkdir(parents=True, exist_ok=True)
    camera = camera_of(folder / "cameras", **fields)
    patience = {"patience": QUICK} if "://" in address else {"start": START}
    return station_of(
        open_source(address, **patience), camera, model=models, folder=folder / camera.id
    )


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def states(path):
    return [line["attributes"]["state"] for line in lines(path / "findings.jsonl")]


def test_a_recording_gives_a_finding_with_evidence_and_its_end(tmp_path, film, models):
    source = open_source(str(film), start=START)
    found = list(watch(source, camera_of(tmp_path), model=models, folder=tmp_path / "out"))
    assert [finding.attributes["state"] for finding in found] == ["ongoing", "ended"]
    fired, ended = found
    assert fired.id == ended.id
    assert fired.kind is FindingKind.ILLEGAL_PARKING
    assert (fired.first_seen - START).total_seconds() == pytest.approx(0, abs=0.6)
    # The time runs from the first look; the two pictures must lie the dwell apart, and the first
    # is taken when it is clear that the car stands.
    assert 6 <= fired.measures["dwell_s"].value <= 10
    assert ended.measures["dwell_s"].value == pytest.approx(19.5, abs=0.6)
    assert fired.rule.thresholds["dwell_s"] == 6
    assert fired.model == models.detector.ref
    assert fired.bbox_xyxy == pytest.approx((0.375, 0.583, 0.625, 0.861), abs=0.01)
    assert {"scene_start", "scene_end", "close_up", "clip", "manifest"} <= {
        evidence.role for evidence in fired.evidence
    }
    assert "no_clip" not in fired.attributes
    assert verify_evidence(tmp_path / "out") == []
    assert states(tmp_path / "out") == ["ongoing", "ended"]
    assert [
        Finding.model_validate(line) for line in lines(tmp_path / "out" / "findings.jsonl")
    ] == [
        fired,
        ended,
    ]


def test_the_two_pictures_lie_the_dwell_apart_and_the_clip_shows_the_moment(tmp_path, film, models):
    source = open_source(str(film), start=START)
    fired = next(iter(watch(source, camera_of(tmp_path), model=models, folder=tmp_path / "out")))
    by_role = {evidence.role: evidence for evidence in fired.evidence}
    apart = by_role["scene_end"].taken_at - by_role["scene_start"].taken_at
    assert apart >= timedelta(seconds=6)
    clip = tmp_path / "out" / by_role["clip"].path
    with av.open(str(clip)) as container:
        assert container.streams.video[0].codec_context.name == "h264"
        seconds = float(container.duration / 1_000_000)
    assert 8 <= seconds <= 13


@pytest.mark.parametrize("why", ["nothing_kept", "reader_lost"])
def test_a_finding_without_its_clip_says_why(tmp_path, film, models, monkeypatch, why):
    def forgetful(*_, **__):
        if why == "reader_lost":
            raise ClipLost("the process that read the camera has broken down")

    monkeypatch.setattr(VideoFile, "clip", forgetful)
    source = open_source(str(film), start=START)
    found = list(watch(source, camera_of(tmp_path), model=models, folder=tmp_path / "out"))
    assert [finding.attributes["no_clip"] for finding in found] == [why, why]
    assert "clip" not in {evidence.role for evidence in found[0].evidence}
    assert verify_evidence(tmp_path / "out") == []


def test_the_same_recording_gives_the_same_findings_and_no_second_line(tmp_path, film, models):
    camera = camera_of(tmp_path)
    first, second = (
        [
            finding.model_dump(exclude={"evidence"})
            for finding in watch(
                open_source(str(film), start=START), camera, model=models, folder=tmp_path / "out"
            )
        ]
        for _ in range(2)
    )
    assert first == second
    assert states(tmp_path / "out") == ["ongoing", "ended"]
    assert verify_evidence(tmp_path / "out") == []


def test_watching_may_be_stopped_by_time_and_from_outside(tmp_path, film, models):
    short = station(tmp_path / "short", models, str(film))
    assert list(watch_stations([short], most_s=3)) == []
    assert short.figures.seen_s == pytest.approx(3, abs=0.6)
    stop = threading.Event()
    stop.set()
    stopped = station(tmp_path / "stopped", models, str(film))
    assert list(watch_stations([stopped], stop=stop)) == []


def test_privacy_masks_are_burnt_into_sealed_pictures_and_clip(tmp_path, film, models):
    mask = [[0.0, 0.0], [0.4, 0.0], [0.4, 0.3], [0.0, 0.3]]
    camera = camera_of(tmp_path, privacy_masks=[mask])
    source = open_source(str(film), start=START)
    fired = next(iter(watch(source, camera, model=models, folder=tmp_path / "out")))
    by_role = {evidence.role: evidence for evidence in fired.evidence}
    with av.open(str(tmp_path / "out" / by_role["clip"].path)) as container:
        for picture in container.decode(video=0):
            assert picture.to_ndarray(format="rgb24")[4:44, 4:110].max() < 40
    with av.open(str(tmp_path / "out" / by_role["sealed_scene_start"].path)) as container:
        (picture,) = container.decode(video=0)
        assert picture.to_ndarray(format="rgb24")[4:44, 4:110].max() < 40


def test_many_recordings_at_once_give_what_each_gives_alone(tmp_path, film, models):
    stations = [station(tmp_path, models, str(film), id=f"camera-{number}") for number in range(3)]
    found = list(watch_stations(stations, workers=2))
    assert sorted((f.source.camera_id, f.attributes["state"]) for f in found) == [
        (f"camera-{number}", state) for number in range(3) for state in ("ended", "ongoing")
    ]
    for each in stations:
        assert each.figures.replaced == 0
        assert states(each.folder.folder) == ["ongoing", "ended"]


def test_a_dead_camera_is_told_and_holds_up_no_other(tmp_path, film, models):
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
    dead = station(tmp_path, models, f"rtsp://viewer:{HIDDEN}@127.0.0.1:{port}/x", id="dead")
    alive = station(tmp_path, models, str(film), id="alive")
    stop, told = threading.Event(), []
    found = []
    for finding in watch_stations(
        [dead, alive], stop=stop, tell=Tell(trouble=lambda name, event: told.append((name, event)))
    ):
        found.append(finding)
        if len(found) == 2:
            deadline = time.monotonic() + 15
            while not told and time.monotonic() < deadline:
                time.sleep(0.05)
            stop.set()
    assert [finding.source.camera_id for finding in found] == ["alive", "alive"]
    assert [(name, event.kind.value) for name, event in told] == [("dead", "offline")]
    (line,) = lines(tmp_path / "dead" / "events.jsonl")
    assert (line["event"], line["kind"]) == ("fault", "offline")
    for path in (path for path in tmp_path.rglob("*") if path.is_file()):
        assert HIDDEN.encode() not in path.read_bytes(), path


def test_dwell_goes_on_over_a_restart(tmp_path, models):
    require_rtsp_server()
    # Longer than a busy machine takes: where a film begins again, another event may.
    film = film_of_one_parked_car(tmp_path / "film.mp4", count=900)
    with RtspServer(film) as server:
        zone = {
            "name": "kerb", "kind": "no_parking", "dwell_s": 9, "grace_s": 3,
            "polygon": [[0.2, 0.4], [0.8, 0.4], [0.8, 1.0], [0.2, 1.0]],
        }  # fmt: skip
        first = station(tmp_path, models, server.url, zones=[zone])
        assert list(watch_stations([first], most_s=5)) == []
        first_at = first.figures.first_at
        assert first_at is not None
        second = station(tmp_path, models, server.url, zones=[zone])
        stop, found = threading.Event(), []
        for finding in watch_stations([second], most_s=60, stop=stop):
            found.append(finding)
            stop.set()
    (fired,) = found
    assert abs((fired.first_seen - first_at).total_seconds()) < 1
    # From the beginning it would take 12 s of dwell; what had been seen before counts.
    assert (fired.last_seen - second.figures.first_at).total_seconds() < 12
    assert states(tmp_path / "gate-1") == ["ongoing"]


def test_a_state_of_another_version_is_told_and_begun_anew(tmp_path, film, models):
    require_rtsp_server()
    folder = tmp_path / "gate-1"
    folder.mkdir(parents=True)
    (folder / "state.json").write_text('{"version": 999}')
    with RtspServer(film) as server:
        again = station(tmp_path, models, server.url)
        list(watch_stations([again], most_s=1))
    assert lines(folder / "events.jsonl")[0]["event"] == "begun anew"


def test_a_frozen_picture_is_no_parked_car(tmp_path, models):
    """After the picture froze nothing is known of the street, whatever it still shows."""
    moving = 30

    def picture(number, size_wh):
        return numbered_picture(min(number, moving), size_wh)

    path = write_video(tmp_path / "frozen.mp4", count=600, picture=picture)
    zone = {
        "name": "kerb", "kind": "no_parking", "dwell_s": 40,
        "polygon": [[0.2, 0.4], [0.8, 0.4], [0.8, 1.0], [0.2, 1.0]],
    }  # fmt: skip
    frozen = station(tmp_path, models, str(path), zones=[zone])
    assert list(watch_stations([frozen])) == []
    (line,) = lines(tmp_path / "gate-1" / "events.jsonl")
    assert (line["event"], line["kind"]) == ("fault", "frozen")
