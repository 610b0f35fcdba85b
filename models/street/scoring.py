"""Hold detections against labelled boxes: matches, precision and recall, average precision."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MATCH_IOU = 0.5
"""Least overlap of a detection with the object it is taken for (PASCAL VOC, COCO's mAP50)."""

SAME_OBJECT_IOU = 0.7
"""Of two detections of merged classes that overlap by more, the weaker is the same object again."""


@dataclass(frozen=True, eq=False)
class Frame:
    """What is in one picture and what was found in it; boxes in its pixels.

    Attributes:
        truth_xyxy: float32 (m, 4).
        truth_labels: m class names.
        found_xyxy: float32 (n, 4), the surest first.
        found_scores: float32 (n,).
        found_labels: n class names.
    """

    truth_xyxy: NDArray[np.float32]
    truth_labels: tuple[str, ...]
    found_xyxy: NDArray[np.float32]
    found_scores: NDArray[np.float32]
    found_labels: tuple[str, ...]

    def merged(self, labels: Collection[str], least: dict[str, float]) -> Frame:
        """The frame with only some classes, all called by one name, one object found once.

        Args:
            labels: Classes to keep.
            least: Least score of each of them.
        """
        truth = [i for i, label in enumerate(self.truth_labels) if label in labels]
        found = [
            i
            for i, label in enumerate(self.found_labels)
            if label in labels and self.found_scores[i] >= least[label]
        ]
        found = _first_of_each(found, self.found_xyxy)
        return Frame(
            truth_xyxy=self.truth_xyxy[truth],
            truth_labels=("merged",) * len(truth),
            found_xyxy=self.found_xyxy[found],
            found_scores=self.found_scores[found],
            found_labels=("merged",) * len(found),
        )

    def without_small(self, least_px: float) -> Frame:
        """The frame without its small objects, and without what was found of them.

        As COCO counts by size: a detection goes where it is a small object's, or small itself and
        no large object's.

        Args:
            least_px: Longer side of the smallest object that stays.
        """
        large = _longer_sides(self.truth_xyxy) >= least_px
        of_large = self._hits(large)
        of_small = self._hits(~large)
        fair = of_large | (~of_small & (_longer_sides(self.found_xyxy) >= least_px))
        kept, found = np.flatnonzero(large), np.flatnonzero(fair)
        return Frame(
            truth_xyxy=self.truth_xyxy[kept],
            truth_labels=tuple(self.truth_labels[i] for i in kept),
            found_xyxy=self.found_xyxy[found],
            found_scores=self.found_scores[found],
            found_labels=tuple(self.found_labels[i] for i in found),
        )

    def _hits(self, among: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """For each detection, whether it overlaps one of some objects of its class enough, (n,)."""
        alike = np.array(self.found_labels)[:, None] == np.array(self.truth_labels)[None]
        overlap = iou_matrix(self.found_xyxy, self.truth_xyxy) >= MATCH_IOU
        return np.asarray((alike & overlap & among[None]).any(axis=1), np.bool_)


def _longer_sides(xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray((xyxy[:, 2:] - xyxy[:, :2]).max(axis=1, initial=0.0), np.float32)


def _first_of_each(rows: list[int], xyxy: NDArray[np.float32]) -> list[int]:
    """Rows, surest first, without those that lie on a surer one."""
    overlap = iou_matrix(xyxy[rows], xyxy[rows])
    kept: list[int] = []
    for position in range(len(rows)):
        if all(overlap[position, other] <= SAME_OBJECT_IOU for other in kept):
            kept.append(position)
    return [rows[position] for position in kept]


@dataclass(frozen=True)
class Counts:
    """Detections that are right and wrong, and objects that were missed."""

    right: int
    wrong: int
    missed: int

    @property
    def precision(self) -> float:
        """Share of the detections that are right; 1 where there are none."""
        found = self.right + self.wrong
        return self.right / found if found else 1.0

    @property
    def recall(self) -> float:
        """Share of the objects that were found; 1 where there are none."""
        there = self.right + self.missed
        return self.right / there if there else 1.0

    def f_score(self, beta: float) -> float:
        """F score; `beta` below 1 weighs precision more."""
        weight = beta**2
        below = weight * self.precision + self.recall
        return (1 + weight) * self.precision * self.recall / below if below else 0.0


def iou_matrix(a_xyxy: NDArray[np.float32], b_xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
    """Intersection over union of every box of `a` (m, 4) with every box of `b` (n, 4): (m, n)."""
    low = np.maximum(a_xyxy[:, None, :2], b_xyxy[None, :, :2])
    high = np.minimum(a_xyxy[:, None, 2:], b_xyxy[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    area_a = (a_xyxy[:, 2:] - a_xyxy[:, :2]).prod(axis=1)
    area_b = (b_xyxy[:, 2:] - b_xyxy[:, :2]).prod(axis=1)
    union = area_a[:, None] + area_b[None] - shared
    return np.asarray(shared / np.maximum(union, 1e-9), np.float32)


def matches(
    truth_xyxy: NDArray[np.float32], found_xyxy: NDArray[np.float32], min_iou: float = MATCH_IOU
) -> NDArray[np.int64]:
    """For every detection, surest first, the object that it is: its index, or -1.

    Each object is given once, to the surest detection that overlaps it enough.
    """
    taken = np.full(len(found_xyxy), -1, np.int64)
    if not len(truth_xyxy):
        return taken
    overlap = iou_matrix(found_xyxy, truth_xyxy)
    for row in range(len(found_xyxy)):
        best = int(overlap[row].argmax())
        if overlap[row, best] >= min_iou:
            taken[row] = best
            overlap[:, best] = 0
    return taken


def count(frames: Iterable[Frame]) -> Counts:
    """Right, wrong and missed over frames of one class (see `Frame.merged`)."""
    right = wrong = missed = 0
    for frame in frames:
        hits = int((matches(frame.truth_xyxy, frame.found_xyxy) >= 0).sum())
        right += hits
        wrong += len(frame.found_xyxy) - hits
        missed += len(frame.truth_xyxy) - hits
    return Counts(right, wrong, missed)


def curve(frames: Sequence[Frame]) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Precision and recall as the least score falls.

    Args:
        frames: Frames of one class (see `Frame.merged`), with detections down to a low score.

    Returns:
        The best precision that each recall or more can be had with, and the recalls, rising;
        None where the class is in no frame.
    """
    there = sum(len(frame.truth_xyxy) for frame in frames)
    if not there:
        return None
    scores = np.concatenate([frame.found_scores for frame in frames])
    right = np.concatenate([matches(f.truth_xyxy, f.found_xyxy) >= 0 for f in frames])
    hits = np.cumsum(right[np.argsort(-scores, kind="stable")].astype(np.float64))
    precision = hits / np.arange(1, len(hits) + 1)
    return np.maximum.accumulate(precision[::-1])[::-1], hits / there


def average_precision(frames: Sequence[Frame], *labels: str) -> float | None:
    """Area under the precision-recall curve at IoU 0.5 of one class, or of several taken for one.

    Args:
        frames: Frames with detections down to a low score.
        labels: The class, or the classes.

    Returns:
        The area with precision made monotone (PASCAL VOC 2010 on); None where none of the classes
        is in any frame.
    """
    every = dict.fromkeys(labels, 0.0)
    curves = curve([frame.merged(labels, every) for frame in frames])
    if curves is None:
        return None
    precision, recall = curves
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


def precision_at(frames: Sequence[Frame], wanted_recall: float) -> float:
    """Best precision at a recall, of frames of one class; 0 where the recall is never reached."""
    curves = curve(frames)
    if curves is None:
        return 0.0
    precision, recall = curves
    reached = np.flatnonzero(recall >= wanted_recall)
    return float(precision[reached[0]]) if len(reached) else 0.0


def best_threshold(
    frames: Sequence[Frame], label: str, *, candidates: Sequence[float], beta: float
) -> float:
    """The least score at which a class has its best F score, the lower of equal ones."""
    scored = [
        (count([frame.merged({label}, {label: least}) for frame in frames]).f_score(beta), -least)
        for least in candidates
    ]
    return -max(scored)[1]


def share_called(
    frames: Sequence[Frame],
    *,
    truth: Collection[str],
    among: Collection[str],
    called: str,
    least: dict[str, float],
) -> tuple[int, int]:
    """How many found objects of some classes are called by one name.

    Args:
        frames: Frames with truth and detections.
        truth: Classes of the objects asked about.
        among: Classes a detection may have; the surest that overlaps an object names it.
        called: The name counted.
        least: Least score of each class of `among`.

    Returns:
        Objects called so, and objects found at all.
    """
    so_called = found = 0
    for frame in frames:
        wanted = [i for i, label in enumerate(frame.truth_labels) if label in truth]
        for index in wanted:
            name = name_of(frame, frame.truth_xyxy[index], among=among, least=least)
            found += name is not None
            so_called += name == called
    return so_called, found


def name_of(
    frame: Frame,
    place_xyxy: NDArray[np.float32],
    *,
    among: Collection[str],
    least: dict[str, float],
    min_iou: float = MATCH_IOU,
) -> str | None:
    """What the surest detection calls the object at a place (4,); None where there is none."""
    overlap = iou_matrix(place_xyxy[None], frame.found_xyxy)[0]
    for row in np.argsort(-frame.found_scores, kind="stable"):
        label = frame.found_labels[row]
        if label in among and overlap[row] >= min_iou and frame.found_scores[row] >= least[label]:
            return str(label)
    return None
