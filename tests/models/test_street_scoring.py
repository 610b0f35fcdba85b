"""Detections held against labels: who is matched, what counts, what a curve is worth."""

from __future__ import annotations

import numpy as np
import pytest

from models.street.scoring import (
    Frame,
    average_precision,
    best_threshold,
    count,
    iou_matrix,
    matches,
    name_of,
    precision_at,
    share_called,
)

HERE = (0, 0, 10, 10)
NEAR = (0, 0, 10, 9)  # IoU 0.9 with HERE
HALF = (0, 0, 10, 6)  # IoU 0.6 with HERE
AWAY = (50, 50, 60, 60)
LEAST = {"car": 0.25, "truck": 0.25, "muck_truck": 0.25}


def boxes(*xyxy):
    return np.array(xyxy, np.float32).reshape(-1, 4)


def frame(truth=(), found=()):
    found = sorted(found, key=lambda item: -item[2])
    return Frame(
        truth_xyxy=boxes(*(xyxy for _, xyxy in truth)),
        truth_labels=tuple(label for label, _ in truth),
        found_xyxy=boxes(*(xyxy for _, xyxy, _ in found)),
        found_scores=np.array([score for *_, score in found], np.float32),
        found_labels=tuple(label for label, *_ in found),
    )


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (HERE, HERE, 1.0),
        (HERE, NEAR, 0.9),
        (HERE, AWAY, 0.0),
        (HERE, (5, 0, 15, 10), 1 / 3),
        (HERE, (10, 0, 20, 10), 0.0),
    ],
)
def test_overlap(a, b, expected):
    assert iou_matrix(boxes(a), boxes(b))[0, 0] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("truth", "found", "expected"),
    [
        ([HERE], [HERE], [0]),
        ([HERE], [HALF, HERE], [0, -1]),  # the surer takes the object, the better box comes late
        ([HERE, AWAY], [AWAY, HERE], [1, 0]),
        ([], [HERE], [-1]),
        ([HERE], [], []),
        ([HERE], [(0, 0, 10, 4)], [-1]),
    ],
)
def test_each_object_is_given_once(truth, found, expected):
    assert matches(boxes(*truth), boxes(*found)).tolist() == expected


def test_merging_joins_classes_and_counts_one_object_once():
    seen = frame(
        truth=[("car", HERE), ("person", AWAY)],
        found=[("truck", NEAR, 0.6), ("car", HERE, 0.8), ("car", AWAY, 0.2), ("person", AWAY, 0.9)],
    )
    counts = count([seen.merged({"car", "truck"}, LEAST)])
    assert (counts.right, counts.wrong, counts.missed) == (1, 0, 0)


def test_counts_tell_precision_from_recall():
    frames = [
        frame([("car", HERE), ("car", AWAY)], [("car", HERE, 0.9)]),
        frame([], [("car", HERE, 0.5), ("car", AWAY, 0.4)]),
    ]
    counts = count([one.merged({"car"}, LEAST) for one in frames])
    assert counts.precision == pytest.approx(1 / 3)
    assert counts.recall == pytest.approx(1 / 2)


def test_nothing_there_and_nothing_found_is_perfect():
    counts = count([frame()])
    assert (counts.precision, counts.recall) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        ([frame([("car", HERE)], [("car", HERE, 0.9)])], 1.0),
        ([frame([("car", HERE)], [])], 0.0),
        # Half is found before any false one.
        ([frame([("car", HERE), ("car", AWAY)], [("car", HERE, 0.9), ("car", HALF, 0.1)])], 0.5),
        # A false one surer than the only right one halves it.
        ([frame([("car", HERE)], [("car", AWAY, 0.9), ("car", HERE, 0.5)])], 0.5),
        # False ones in pictures without the class count as well.
        ([frame([("car", HERE)], [("car", HERE, 0.5)]), frame([], [("car", HERE, 0.9)])], 0.5),
        ([frame([("truck", HERE)], [("car", HERE, 0.9)])], None),
    ],
)
def test_average_precision(frames, expected):
    assert average_precision(frames, "car") == (
        None if expected is None else pytest.approx(expected)
    )


@pytest.mark.parametrize(("recall", "expected"), [(0.5, 1.0), (1.0, 2 / 3), (1.1, 0.0)])
def test_precision_at_a_recall(recall, expected):
    found = [("car", HERE, 0.9), ("car", (90, 90, 99, 99), 0.5), ("car", AWAY, 0.3)]
    merged = frame([("car", HERE), ("car", AWAY)], found).merged({"car"}, {"car": 0.0})
    assert precision_at([merged], recall) == pytest.approx(expected)


def test_threshold_stands_where_the_false_ones_end():
    frames = [
        frame([("car", HERE)], [("car", HERE, 0.62), ("car", AWAY, 0.42)]),
        frame([("car", HERE)], [("car", HERE, 0.55), ("car", AWAY, 0.31)]),
    ]
    chosen = best_threshold(frames, "car", candidates=(0.2, 0.3, 0.4, 0.5, 0.6), beta=1.0)
    assert chosen == 0.5


def test_the_surest_detection_names_an_object():
    seen = frame([("car", HERE)], [("muck_truck", NEAR, 0.7), ("car", HERE, 0.5)])
    among = ("car", "muck_truck")
    assert name_of(seen, boxes(HERE)[0], among=among, least=LEAST) == "muck_truck"
    assert name_of(seen, boxes(AWAY)[0], among=among, least=LEAST) is None
    stricter = {**LEAST, "muck_truck": 0.8}
    assert name_of(seen, boxes(HERE)[0], among=among, least=stricter) == "car"


def test_share_called_leaves_out_what_was_not_found():
    frames = [
        frame([("car", HERE), ("car", AWAY)], [("muck_truck", HERE, 0.7)]),
        frame([("car", HERE), ("truck", AWAY)], [("car", HERE, 0.7), ("muck_truck", AWAY, 0.9)]),
    ]
    called = share_called(
        frames, truth={"car"}, among=("car", "muck_truck"), called="muck_truck", least=LEAST
    )
    assert called == (1, 2)


def test_classes_taken_for_one_forgive_the_name():
    shown = [frame([("car", HERE), ("truck", AWAY)], [("truck", HERE, 0.9), ("truck", AWAY, 0.8)])]
    assert average_precision(shown, "car") == 0.0
    assert average_precision(shown, "truck") == pytest.approx(0.5)
    assert average_precision(shown, "car", "truck") == pytest.approx(1.0)


LARGE = (100, 100, 160, 140)
NEARLY_LARGE = (100, 100, 158, 140)
SMALL = (10, 10, 40, 40)


@pytest.mark.parametrize(
    ("truth", "found", "kept", "left"),
    [
        # A small object is neither missed nor, where it is found, a mistake.
        ([("car", SMALL)], [("car", SMALL, 0.9)], [], []),
        ([("car", SMALL), ("car", LARGE)], [("car", LARGE, 0.9)], [LARGE], [LARGE]),
        # A detection a little smaller than the limit still is the large object's.
        ([("car", LARGE)], [("car", NEARLY_LARGE, 0.9)], [LARGE], [NEARLY_LARGE]),
        # Something large where nothing is stays wrong; something small there does not count.
        (
            [("car", LARGE)],
            [("car", AWAY, 0.9), ("car", (0, 0, 90, 90), 0.8)],
            [LARGE],
            [(0, 0, 90, 90)],
        ),
        # Another class at a small object's place is not its detection.
        ([("car", SMALL)], [("truck", (8, 8, 68, 68), 0.9)], [], [(8, 8, 68, 68)]),
    ],
)
def test_small_objects_do_not_count(truth, found, kept, left):
    fair = frame(truth, found).without_small(60)
    assert [tuple(box) for box in fair.truth_xyxy] == kept
    assert [tuple(box) for box in fair.found_xyxy] == left
    assert len(fair.found_labels) == len(fair.found_scores) == len(left)
    assert len(fair.truth_labels) == len(kept)
