"""Evaluation clips without pictures: the rules can be tried on them with the truth's boxes."""

from __future__ import annotations

import json

import av
import numpy as np
import pytest

from datasets.event_scoring import read_truth
from scripts import evaluate_camera, make_evaluation_clips

NUMBER = 12
"""A building site at dusk, two traders, and a car that stands there all along."""


@pytest.fixture(scope="module")
def painted(tmp_path_factory):
    out = tmp_path_factory.mktemp("painted")
    words = ["--painted", "--out", str(out), "--clips", str(NUMBER)]
    assert make_evaluation_clips.main(words) == 0
    return out


def test_each_thing_is_painted_where_it_is(painted):
    folder = painted / f"clip_{NUMBER}"
    truth = read_truth(folder)
    with av.open(str(folder / "street.mp4")) as container:
        first = next(container.decode(video=0)).to_ndarray(format="rgb24").astype(int)
    height, width = first.shape[:2]
    ((_, box),) = truth.presences["parked-1"].parts_at(0.0)
    x1, y1, x2, y2 = (round(v * side) for v, side in zip(box, (width, height) * 2, strict=True))
    car = first[y1 + 4 : y2 - 4, x1 + 4 : x2 - 4].mean((0, 1))
    road = first[-20:, width // 3 : width // 2].mean((0, 1))
    assert np.abs(road - 120).max() < 20
    assert np.abs(car - road).max() > 30


def test_the_rules_find_in_it_what_happens_and_nothing_else(painted, tmp_path):
    out = tmp_path / "figures.json"
    words = ["rendered", "--rendered", str(painted), "--truth-detections", "--out", str(out)]
    assert evaluate_camera.main(words) == 0
    figures = json.loads(out.read_text(encoding="utf-8"))["rendered"]
    assert {kind: (row["recall"], row["precision"]) for kind, row in figures["kinds"].items()} == {
        kind: (1.0, 1.0) for kind in evaluate_camera.KINDS
    }
    assert figures["errors"] == {f"clip_{NUMBER}": []}


def test_without_pictures_or_a_word_that_none_are_wanted_nothing_is_made(tmp_path, capsys):
    with pytest.raises(SystemExit):
        make_evaluation_clips.main(["--out", str(tmp_path / "clips")])
    assert "--painted" in capsys.readouterr().err
    words = ["--work", str(tmp_path), "--out", str(tmp_path / "clips"), "--clips", str(NUMBER)]
    assert make_evaluation_clips.main(words) == 3
    assert "render_evaluation_clips" in capsys.readouterr().err
