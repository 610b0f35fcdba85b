"""`cityeye watch` as a process: what it prints, how it ends, what a kill leaves behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from make_videos import write_video
from rtsp_server import RtspServer, require_rtsp_server

from tests.make_watch import CAR, film_of_one_parked_car, write_camera, write_models
from vision.evidence import verify_evidence

ROOT = Path(__file__).parents[2]
HIDDEN = "hunter2"


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return write_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp("film") / "film.mp4", count=150)


def command(*arguments):
    return [sys.executable, "-m", "serve.cli", "watch", *map(str, arguments)]


def environment(models, **more):
    return {**os.environ, "CITYEYE_MODELS_DIR": str(models), "PYTHONPATH": str(ROOT), **more}


def run(models, *arguments, **more):
    return subprocess.run(  # noqa: S603 - our own program
        command(*arguments),
        env=environment(models, **more),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_recording_is_told_as_a_table_and_a_report(tmp_path, models, film):
    camera = write_camera(tmp_path / "camera.yaml")
    start = "2026-11-22T08:00:00+08:00"
    done = run(models, film, "--camera", camera, "--out", tmp_path / "out", "--start", start)
    assert done.returncode == 0, done.stderr
    assert "illegal_parking" in done.stdout
    assert "2026-11-22 08:00:0" in done.stdout
    assert "suspected illegal_parking (ongoing)" in done.stderr
    assert (tmp_path / "out" / "report.html").stat().st_size > 10_000
    states = [line["attributes"]["state"] for line in lines(tmp_path / "out" / "findings.jsonl")]
    assert states == ["ongoing", "ended"]


def test_machines_get_one_json_object(tmp_path, models, film):
    camera = write_camera(tmp_path / "camera.yaml")
    done = run(
        models, film, "--camera", camera, "--out", tmp_path / "out", "--max-seconds", 9, "--json"
    )
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert told["findings"] == {"illegal_parking": 1}
    assert told["cameras"]["gate-1"]["frames"]["frames"] in range(17, 21)
    assert told == told | {"reports": [str(tmp_path / "out" / "report.html")]}


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["{film}", "--out", "{out}"], 2, "give SOURCE and --camera, or --fleet"),
        (["--camera", "{camera}", "--out", "{out}"], 2, "give SOURCE and --camera"),
        (["{film}", "--camera", "{camera}", "--fleet", "{out}", "--out", "{out}"], 2, "--fleet"),
        (["gone.mp4", "--camera", "{camera}", "--out", "{out}"], 3, "gone.mp4"),
        (["{film}", "--camera", "gone.yaml", "--out", "{out}"], 3, "gone.yaml: cannot be read"),
        (["{camera}", "--camera", "{camera}", "--out", "{out}"], 3, "camera.yaml"),
        (["ftp://host/x", "--camera", "{camera}", "--out", "{out}"], 3, "ftp"),
        (["{film}", "--camera", "{camera}", "--out", "{camera}"], 4, "cannot be written"),
        (["--fleet", "{empty}", "--out", "{out}"], 3, "holds no camera files"),
    ],
)
def test_what_cannot_be_done_is_one_line(tmp_path, models, film, arguments, code, words):
    (tmp_path / "empty").mkdir()
    places = {
        "film": film,
        "camera": write_camera(tmp_path / "camera.yaml"),
        "out": tmp_path / "out",
        "empty": tmp_path / "empty",
    }
    done = run(models, *(argument.format(**places) for argument in arguments))
    assert done.returncode == code, done.stderr
    assert words in " ".join(done.stderr.replace("│", " ").split())
    assert "Traceback" not in done.stderr


def write_fleet(folder, *sources):
    folder.mkdir()
    for number, source in enumerate(sources, 1):
        fields = {**CAR, "id": f"camera-{number}", "source": source}
        (folder / f"{number}.yaml").write_text(yaml.safe_dump(fields), encoding="utf-8")
    return folder


def test_a_fleet_has_a_folder_for_each_camera(tmp_path, models, film):
    fleet = write_fleet(tmp_path / "cameras", str(film), "${FILM}")
    done = run(models, "--fleet", fleet, "--out", tmp_path / "out", FILM=str(film))
    assert done.returncode == 0, done.stderr
    for name in ("camera-1", "camera-2"):
        assert len(lines(tmp_path / "out" / name / "findings.jsonl")) == 2
        assert (tmp_path / "out" / name / "report.html").exists()
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert sorted(metrics) == ["camera-1", "camera-2"]
    assert metrics["camera-1"]["needed_fps"] == 2


@pytest.mark.parametrize(
    ("sources", "words"),
    [
        (["${GONE_VARIABLE}"], "environment variable GONE_VARIABLE, which is not set"),
        ([None], "name the camera's stream under the key source"),
    ],
)
def test_a_fleet_that_cannot_be_read_is_told(tmp_path, models, sources, words):
    fleet = write_fleet(tmp_path / "cameras", *sources)
    done = run(models, "--fleet", fleet, "--out", tmp_path / "out")
    assert done.returncode == 3
    assert words in done.stderr


def test_two_cameras_of_one_id_are_an_error(tmp_path, models, film):
    fleet = write_fleet(tmp_path / "cameras", str(film))
    (fleet / "twin.yaml").write_text((fleet / "1.yaml").read_text())
    done = run(models, "--fleet", fleet, "--out", tmp_path / "out")
    assert done.returncode == 3
    assert "has the id camera-1 of 1.yaml" in done.stderr


def wait_for(condition, deadline_s=180):
    """Wait until something holds, and return it."""
    until = time.monotonic() + deadline_s
    while not (result := condition()):
        assert time.monotonic() < until, f"not within {deadline_s} s"
        time.sleep(0.05)
    return result


def remembered(out):
    """What a watch remembers: what it would go on from, or None before it was first written."""
    try:
        return json.loads((out / "state.json").read_text("utf-8"))
    except FileNotFoundError:
        return None


def parked(state):
    """Whether each vehicle that stands in the zone has fired, oldest first."""
    return [one["fired"] for one in state["book"]["kerb"]["rule"]["parked"]] if state else []


@contextmanager
def watching(models, *arguments, ended_by):
    """A watch as a process; yields a list that holds what it told once it has ended."""
    told = []
    process = subprocess.Popen(  # noqa: S603 - our own program
        command(*arguments),
        env=environment(models),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        yield told
        process.send_signal(ended_by)
        told.append(process.communicate(timeout=300)[0])
        assert process.returncode == (0 if ended_by is signal.SIGTERM else -ended_by), told
    finally:
        process.kill()
        process.wait()


def test_a_kill_loses_and_doubles_nothing_and_no_password_is_written(tmp_path, models):
    """Killed while the car's time runs, killed again as soon as it was reported, then stopped."""
    require_rtsp_server()
    out, found = tmp_path / "out", tmp_path / "out" / "findings.jsonl"
    zone = {**CAR["zones"][0], "dwell_s": 20}
    camera = write_camera(tmp_path / "camera.yaml", zones=[zone])
    film = film_of_one_parked_car(tmp_path / "film.mp4", count=150)
    with RtspServer(film, user="viewer", password=HIDDEN) as server:
        arguments = (server.url, "--camera", camera, "--out", out)

        with watching(models, *arguments, ended_by=signal.SIGKILL) as first:
            wait_for(lambda: parked(remembered(out)) == [False])

        with watching(models, *arguments, ended_by=signal.SIGKILL) as second:
            wait_for(lambda: found.exists() and found.read_bytes().endswith(b"\n"))
        (fired,) = lines(found)
        before = (out / "state.json").stat().st_mtime_ns

        def reported_and_saved_again():
            state = remembered(out)
            newer = (out / "state.json").stat().st_mtime_ns > before
            return newer and any(case["finding"] for case in state["cases"].values()) and state

        with watching(models, *arguments, ended_by=signal.SIGTERM) as third:
            state = wait_for(reported_and_saved_again)
    # The third watch goes on with the same event: nothing else has begun that would fire later.
    assert parked(state) == [True]
    assert [case["finding"]["id"] for case in state["cases"].values()] == [fired["id"]]
    assert lines(found) == [fired]
    assert fired["attributes"]["state"] == "ongoing"
    assert verify_evidence(out) == []
    assert (out / "report.html").exists()
    assert HIDDEN.encode() not in b"".join((*first, *second, *third))
    for path in (path for path in out.rglob("*") if path.is_file()):
        assert HIDDEN.encode() not in path.read_bytes(), path
