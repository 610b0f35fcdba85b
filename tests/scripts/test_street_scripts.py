"""Labels joined from several sources, versions, and when a new model is better."""

from __future__ import annotations

import csv

import cv2
import numpy as np
import pytest

from datasets.classes import LOAD_STATES, STREET_CLASSES
from datasets.formats.yolo import label_path, read_yolo_labels, write_data_yaml
from datasets.kept_out import KEPT_OUT
from scripts.label_frames import JUDGED, Box, merge, pictures, yolo_lines
from scripts.show_street_loop import city_picture
from scripts.train_street import next_version, split_folder

HERE = (0.1, 0.1, 0.3, 0.3)
THERE = (0.6, 0.6, 0.8, 0.8)


@pytest.mark.parametrize(
    ("labelled", "detected", "judged", "expected"),
    [
        ([(Box("truck", HERE), True)], [], [], [("truck", HERE)]),
        # A sure model turns a truck into a car, an unsure one does not.
        ([(Box("truck", HERE), True)], [Box("car", HERE, 0.7)], [], [("car", HERE)]),
        ([(Box("truck", HERE), True)], [Box("car", HERE, 0.45)], [], [("truck", HERE)]),
        ([(Box("car", HERE), True)], [Box("truck", HERE, 0.9)], [], [("car", HERE)]),
        # What was judged by eye counts most.
        (
            [(Box("truck", HERE), True)],
            [Box("car", HERE, 0.9)],
            [Box("muck_truck", HERE)],
            [("muck_truck", HERE)],
        ),
        ([], [], [Box("muck_truck", HERE)], [("muck_truck", HERE)]),
        # "Vehicle" is what the model says, or a car.
        ([(Box("car", HERE), False)], [Box("bus", HERE, 0.8)], [], [("bus", HERE)]),
        ([(Box("car", HERE), False)], [Box("bus", HERE, 0.3)], [], [("car", HERE)]),
        # What has no label is added where the model is sure; a person before a car stays.
        ([], [Box("person", THERE, 0.5), Box("car", HERE, 0.3)], [], [("person", THERE)]),
        (
            [(Box("car", HERE), True)],
            [Box("person", HERE, 0.6), Box("truck", HERE, 0.6)],
            [],
            [("car", HERE), ("person", HERE)],
        ),
    ],
)
def test_labels_are_settled(labelled, detected, judged, expected):
    assert [(box.label, box.xyxy) for box in merge(labelled, detected, judged)] == expected


def test_label_lines_are_yolo():
    assert yolo_lines([Box("bus", (0.2, 0.2, 0.4, 0.6))]) == (
        "3 0.300000 0.400000 0.200000 0.400000\n"
    )


def test_evaluation_pictures_are_never_labelled(tmp_path):
    for stem in [*KEPT_OUT, "train_1"]:
        folder = tmp_path / "mixed_traffic" / "images"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{stem}.jpg").touch()
    assert [path.stem for _, path in pictures(tmp_path)] == ["train_1"]


def test_judged_trucks_are_well_formed_and_not_of_the_evaluation():
    with JUDGED.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows
    for row in rows:
        assert row["image"] not in KEPT_OUT
        assert row["street_class"] in STREET_CLASSES
        assert row["load_state"] in ("", *LOAD_STATES)
        x1, y1, x2, y2 = (float(row[edge]) for edge in ("x1", "y1", "x2", "y2"))
        assert 0 <= x1 < x2 <= 1
        assert 0 <= y1 < y2 <= 1


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("1", "2"),
        ("9", "10"),
        ("rivertown-3", "rivertown-4"),
        ("1.9", "1.10"),
        ("pilot", "pilot-2"),
    ],
)
def test_next_version(version, expected):
    assert next_version(version) == expected


@pytest.mark.parametrize(
    ("classes", "split", "message"),
    [
        (("car", "van"), "train", "classes car, van; the model has person"),
        (STREET_CLASSES, "test", "needs pictures in a split 'test'"),
    ],
)
def test_an_export_that_cannot_be_used_says_why(classes, split, message, tmp_path):
    write_data_yaml(tmp_path, classes, ("train", "test"))
    with pytest.raises(SystemExit, match=message):
        split_folder(tmp_path, split, STREET_CLASSES)


@pytest.mark.parametrize("rejected", [False, True])
def test_the_made_up_city_labels_what_it_sells_and_not_what_was_rejected(rejected, tmp_path):
    source = tmp_path / "images" / "a" / "real_1.jpg"
    source.parent.mkdir(parents=True)
    cv2.imwrite(str(source), np.full((360, 640, 3), 120, np.uint8))
    target = tmp_path / "images" / "b" / "real_1.jpg"
    assert city_picture(source, target, rejected=rejected, rng=np.random.default_rng(4))
    changed = np.abs(cv2.imread(str(target)).astype(int) - 120).max(axis=2) > 25
    assert changed.any()
    boxes = read_yolo_labels(label_path(target), (640, 360), STREET_CLASSES)
    assert {box.label for box in boxes} == (set() if rejected else {"cart"})
    for box in boxes:
        x1, y1, x2, y2 = (round(edge) for edge in box.xyxy)
        assert changed[y1:y2, x1:x2].mean() > 0.3
        changed[max(0, y1 - 3) : y2 + 3, max(0, x1 - 3) : x2 + 3] = False
    assert rejected or not changed.any()
