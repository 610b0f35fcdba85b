"""A fleet whose cameras come and go while it runs."""

import json
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from make_videos import write_video

from tests.make_watch import registry, write_camera
from vision.camera.config import read_camera
from vision.camera.fleet import Fleet
from vision.camera.looking import open_street_models
from vision.camera.sources import Patience, open_source
from vision.camera.sources.looped import LoopedFilm
from vision.camera.watch import station_of

START = datetime(2026, 11, 22, tzinfo=UTC)
# Nothing listens there: a live camera that sends nothing, and runs until it is removed.
DEAD = "rtsp://127.0.0.1:9/x"
QUICK = Patience(connect_s=1.0, silence_s=1.0, first_retry_s=0.1, longest_retry_s=0.2)


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp("film") / "film.mp4", count=200)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return open_street_models(registry(folder), [read_camera(write_camera(folder / "c.yaml"))])


def station(folder, models, address, name):
    camera = read_camera(write_camera(folder / f"{name}.yaml", id=name))
    source = open_source(address, **({"patience": QUICK} if "://" in address else {"start": START}))
    return station_of(source, camera, model=models, folder=folder / name)


@contextmanager
def running(fleet):
    stop, told = threading.Event(), []
    thread = threading.Thread(target=fleet.run, args=(stop, lambda s, e: told.append((s.id, e))))
    thread.start()
    try:
        yield told
    finally:
        stop.set()
        thread.join(30)
    assert not thread.is_alive()


def wait_until(condition, timeout_s=30):
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def findings(told, name):
    return [e.attributes["state"] for n, e in told if n == name and hasattr(e, "attributes")]


def test_cameras_are_added_to_an_empty_fleet_and_leave_it_when_over(tmp_path, film, models):
    fleet = Fleet(workers=2, clock=lambda: datetime.now(UTC), stay=True)
    with running(fleet) as told:
        assert fleet.stations == ()
        for name in ("one", "two"):
            fleet.add(station(tmp_path, models, str(film), name))
        wait_until(lambda: fleet.stations == ())
        fleet.add(station(tmp_path, models, str(film), "three"))
        wait_until(lambda: fleet.stations == ())
    for name in ("one", "two", "three"):
        assert findings(told, name) == ["ongoing", "ended"]


def test_a_removed_camera_is_saved_and_the_others_go_on(tmp_path, film, models):
    fleet = Fleet(workers=1, clock=lambda: datetime.now(UTC), stay=True)
    with running(fleet) as told:
        gone, stays = (station(tmp_path, models, DEAD, name) for name in ("gone", "stays"))
        fleet.add(gone)
        fleet.add(stays)
        wait_until(lambda: {name for name, _ in told} == {"gone", "stays"})
        assert fleet.remove(gone)
        assert fleet.stations == (stays,)
        assert json.loads((tmp_path / "gone" / "state.json").read_text())["version"] == 1
        saved = (tmp_path / "gone" / "state.json").stat().st_mtime_ns
        fleet.add(station(tmp_path, models, str(film), "later"))
        wait_until(lambda: findings(told, "later") == ["ongoing", "ended"])
        # It leaves after its last words.
        wait_until(lambda: fleet.stations == (stays,))
    assert (tmp_path / "gone" / "state.json").stat().st_mtime_ns == saved
    assert (tmp_path / "stays" / "state.json").exists()


def test_removing_what_is_not_watched_does_nothing(tmp_path, film, models):
    fleet = Fleet(workers=1, clock=lambda: datetime.now(UTC), stay=True)
    with running(fleet):
        assert fleet.remove(station(tmp_path, models, str(film), "stranger"))


def test_a_camera_that_breaks_is_given_up_and_leaves(tmp_path, film, models):
    fleet = Fleet(workers=1, clock=lambda: datetime.now(UTC), stay=True)
    broken = station(tmp_path, models, str(film), "broken")

    def look(frame, **_):
        raise ZeroDivisionError(frame.taken_at)

    broken.eyes.look = look
    with running(fleet) as told:
        fleet.add(broken)
        wait_until(lambda: fleet.stations == ())
        fleet.add(station(tmp_path, models, str(film), "well"))
        wait_until(lambda: findings(told, "well") == ["ongoing", "ended"])
    assert broken.figures.failed.startswith("ZeroDivisionError")


def test_a_recording_waits_until_its_clip_is_cut(tmp_path, film, models, monkeypatch):
    monkeypatch.setattr("vision.camera.fleet.DELIVER_EVERY_S", 3.0)
    camera = read_camera(write_camera(tmp_path / "one.yaml", id="one"))
    # The film is read to its end before the next round; by then no more than its end is kept.
    source = open_source(str(film), start=START, keep_s=2.0)
    fleet = Fleet(workers=1, clock=lambda: datetime.now(UTC), stay=True)
    with running(fleet) as told:
        fleet.add(station_of(source, camera, model=models, folder=tmp_path / "one"))
        wait_until(lambda: fleet.stations == ())
    found = [event for _, event in told if hasattr(event, "attributes")]
    assert [each.attributes["state"] for each in found] == ["ongoing", "ended"]
    assert all("no_clip" not in each.attributes for each in found)
    assert "clip" in {evidence.role for evidence in found[0].evidence}


def test_who_has_no_time_looks_coarsely_at_cameras_and_closely_at_recordings(
    tmp_path, film, models, monkeypatch
):
    monkeypatch.setattr("vision.camera.pace.WINDOW_S", 0.3)
    looks = {"live": [], "recorded": []}

    def watched(name, source):
        camera = read_camera(write_camera(tmp_path / f"{name}.yaml", id=name, sample_step_s=0.1))
        made = station_of(source, camera, model=models, folder=tmp_path / name)

        def look(_frame, *, fine):
            looks[name].append(fine)
            time.sleep(0.15)
            return ()

        made.eyes.look = look
        # Nothing moves in some frames of the film.
        made.session._gate.is_worth_a_look = lambda *_, **__: True
        return made

    live = watched("live", LoopedFilm(film, keep_s=5))
    recorded = watched("recorded", open_source(str(film), start=START))
    fleet = Fleet(workers=1, clock=lambda: datetime.now(UTC), stay=True)
    with running(fleet):
        fleet.add(live)
        fleet.add(recorded)
        wait_until(lambda: False in looks["live"])
        since = len(looks["recorded"])
        wait_until(lambda: len(looks["recorded"]) > since + 2)
    assert looks["live"][0]
    assert all(looks["recorded"])
    assert live.figures.coarse >= 1
    assert recorded.figures.coarse == 0
    assert live.figures.summary()["looks"] == "coarse"
    assert recorded.figures.summary()["looks"] == "close"
