"""The camera evaluation, from a clip to the figures, with the truth in a detector's place."""

import json

import numpy as np
import pytest
import yaml

from datasets.clip.video import write_video
from scripts.evaluate_camera import main

SIZE_WH = (320, 180)
SECONDS, FRAMES_PER_S = 40, 5
CAR = (120, 80, 190, 130)
CAMERA = {
    "id": "made-up",
    "name": "made-up street",
    "zones": [
        {
            "name": "kerb",
            "kind": "no_parking",
            "polygon": [[0.2, 0.3], [0.8, 0.3], [0.8, 0.9], [0.2, 0.9]],
            "dwell_s": 12,
            "grace_s": 4,
        }
    ],
}


def frames(comes_s):
    """A grainy road on which a red block comes to stand."""
    rng = np.random.default_rng(1)
    road = rng.integers(60, 110, (SIZE_WH[1] // 6, SIZE_WH[0] // 8, 1)).repeat(6, 0).repeat(8, 1)
    for number in range(SECONDS * FRAMES_PER_S):
        frame = np.broadcast_to(road, (*road.shape[:2], 3)).astype(np.float64).copy()
        if number / FRAMES_PER_S >= comes_s:
            x1, y1, x2, y2 = CAR
            frame[y1:y2, x1:x2] = (30, 30, 190)
            frame[y1 + 8 : y1 + 20, x1 + 10 : x2 - 10] = 20
        frame += rng.normal(0, 2, frame.shape)
        yield np.clip(frame, 0, 255).astype(np.uint8)


def write_clip(folder, *, comes_s, told):
    folder.mkdir(parents=True)
    write_video(
        folder / "street.mp4", frames(comes_s), size_wh=SIZE_WH, frames_per_s=FRAMES_PER_S,
        quality=20, preset="ultrafast",
    )  # fmt: skip
    box = {"class": "car", "xyxy": list(CAR)}
    boxes = {str(second): [box] for second in range(comes_s, SECONDS)}
    objects = [{"id": "car-1", "boxes": boxes, "leaves_s": None}]
    truth = {"size_wh": list(SIZE_WH), "duration_s": SECONDS, "objects": objects}
    (folder / "truth.json").write_text(json.dumps(truth))
    (folder / "events.json").write_text(json.dumps(told))
    (folder / "camera.yaml").write_text(yaml.safe_dump(CAMERA))


def told(*, began_s=None, harmless=()):
    event = {"kind": "illegal_parking", "zone": "kerb", "actor": "car-1", "began_s": began_s}
    nothing = {"ended_s": None, "load_state": None, "direction": None}
    return {
        "events": [] if began_s is None else [{**event, **nothing}],
        "harmless": [{"kind": "illegal_parking", "actor": "car-1", "why": why} for why in harmless],
    }


def run(tmp_path, *arguments, part="rendered"):
    out = tmp_path / "figures.json"
    folders = ["--rendered", str(tmp_path / "clips"), "--out", str(out)]
    assert main([part, "--truth-detections", *folders, *arguments]) == 0
    return json.loads(out.read_text(encoding="utf-8"))[part]


def test_what_is_found_missed_and_false_is_counted_and_named(tmp_path, capsys):
    # The first clip is told as it is, of the second an earlier event is told that is not there.
    write_clip(tmp_path / "clips" / "clip_01", comes_s=8, told=told(began_s=8.0))
    other = told(harmless=("queue",))
    other["events"].append({**told(began_s=1.0)["events"][0], "ended_s": 3.0})
    write_clip(tmp_path / "clips" / "clip_02", comes_s=9, told=other)
    figures = run(tmp_path, "--verbose")
    row = figures["kinds"]["illegal_parking"]
    assert figures["seen_by"] == "the truth's boxes"
    assert (row["events"], row["found"], row["false"]) == (2, 1, 1)
    assert (row["recall"], row["precision"]) == (0.5, 0.5)
    assert row["start_error_s_median"] <= 1.0
    assert figures["kinds"]["street_vending"]["recall"] is None
    assert figures["errors"]["clip_01"] == []
    missed, false = figures["errors"]["clip_02"]
    assert missed == "missed illegal_parking of car-1 from 1 s"
    assert false.startswith("false illegal_parking in kerb, 9-")
    told_of = capsys.readouterr().out
    assert "found illegal_parking of car-1 from 8 s, +0." in told_of
    assert "clip_02: 0 found" in told_of


def test_some_clips_can_be_picked_and_none_is_an_error(tmp_path):
    for number in (1, 2):
        write_clip(tmp_path / "clips" / f"clip_0{number}", comes_s=30, told=told())
    assert run(tmp_path, "--clips", "2")["clips"] == 1
    with pytest.raises(SystemExit, match="make_evaluation_clips"):
        run(tmp_path, "--clips", "3")


def test_clips_that_were_mended_by_are_told_apart_from_the_others(tmp_path):
    for number in (1, 42, 43):
        write_clip(tmp_path / "clips" / f"clip_{number:02d}", comes_s=30, told=told())
    assert list(run(tmp_path)["errors"]) == ["clip_01", "clip_42"]
    assert list(run(tmp_path, part="unfitted")["errors"]) == ["clip_43"]


def test_a_soak_is_run_and_told(tmp_path):
    out = tmp_path / "soak.json"
    assert main(["soak", "--soak-hours", "0.5", "--out", str(out)]) == 0
    figures = json.loads(out.read_text(encoding="utf-8"))["soak"]
    assert figures["hours"] == 0.5
    assert figures["found_once"] == figures["events"]
    assert figures["lost"] == figures["doubled"] == figures["false"] == []
