"""Whether a new street detector is better than the one it came from, as far as pictures can say.

Both are held against each other on the same pictures. How much of a difference is chance is found
by drawing the pictures anew, with replacement (paired bootstrap; Efron and Tibshirani, An
Introduction to the Bootstrap, 1993): a class with forty objects moves by several hundredths from
one draw to the next, one with thousands does not.

A new model is taken when it surely gained on the reviewers' pictures and surely lost nowhere:

* gained: on the export, the mean average precision, or that of one class, rose, or detections in
  pictures without objects became fewer, and so in all but `CHANCE` of the draws;
* lost: on any set, the mean or a class fell, or such detections became more, and so in as many.

Of several classes one would seem to have changed by chance alone: the classes of a set share the
chance (Bonferroni). The mean by itself would not do for a gain: where reviewers teach one class,
it is drowned by the others, of which some are few.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.street.scoring import Frame, matches

CHANCE = 0.05
DRAWS = 2000
SEED = 1

EXPORT = "export"
"""Name of the set that holds the reviewers' pictures."""


@dataclass(frozen=True)
class Change:
    """How a figure changed from the old model to the new one.

    Attributes:
        old: The figure of the old model.
        new: The figure of the new one.
        draws: float64 (DRAWS,), the differences that other pictures might have shown.
    """

    old: float
    new: float
    draws: NDArray[np.float64]

    def rose(self, chance: float = CHANCE) -> bool:
        """Whether it surely rose."""
        return bool(np.quantile(self.draws, chance) > 0)

    def fell(self, chance: float = CHANCE) -> bool:
        """Whether it surely fell."""
        return bool(np.quantile(self.draws, 1 - chance) < 0)


@dataclass(frozen=True)
class Comparison:
    """Two models on one set of pictures.

    Attributes:
        classes: Average precision at IoU 0.5 of each class that is in the set.
        mean: Their mean.
        false_per_100: Detections in a hundred pictures that hold no object.
    """

    classes: dict[str, Change]
    mean: Change
    false_per_100: Change


@dataclass(frozen=True, eq=False)
class _Tally:
    """Detections of one class over all frames, surest first, and the objects of each frame."""

    frame: NDArray[np.int64]
    hit: NDArray[np.bool_]
    there: NDArray[np.int64]

    def precision(self, weights: NDArray[np.int64]) -> float:
        """Average precision where frame i counts `weights[i]` times; 0 where no object is left."""
        there = int(weights @ self.there)
        if not there:
            return 0.0
        counted = weights[self.frame]
        right = np.cumsum(counted * self.hit)
        every = np.cumsum(counted)
        precision = right / np.maximum(every, 1)
        best = np.maximum.accumulate(precision[::-1])[::-1]
        return float(np.sum(np.diff(right / there, prepend=0.0) * best))


def _tally(frames: Sequence[Frame], label: str) -> _Tally:
    scores, hits, owners, there = [], [], [], []
    for number, frame in enumerate(frames):
        one = frame.merged({label}, {label: 0.0})
        scores.append(one.found_scores)
        hits.append(matches(one.truth_xyxy, one.found_xyxy) >= 0)
        owners.append(np.full(len(one.found_scores), number, np.int64))
        there.append(len(one.truth_xyxy))
    order = np.argsort(-np.concatenate(scores), kind="stable")
    return _Tally(
        np.concatenate(owners)[order], np.concatenate(hits)[order], np.array(there, np.int64)
    )


def _false(frames: Sequence[Frame], least: Mapping[str, float]) -> NDArray[np.int64]:
    """Detections, at the card's thresholds, in each frame without objects; -1 in the others."""
    return np.array(
        [
            -1
            if frame.truth_labels
            else sum(
                score >= least[label]
                for score, label in zip(frame.found_scores, frame.found_labels, strict=True)
            )
            for frame in frames
        ],
        np.int64,
    )


def compare(
    old: Sequence[Frame], new: Sequence[Frame], *, least: Mapping[str, float]
) -> Comparison:
    """Hold two models against each other on one set.

    Args:
        old: What the old model found in each picture, down to low scores.
        new: What the new one found in the same pictures.
        least: Thresholds of the card, for detections where nothing is.
    """
    weights = _draws(len(old))
    labels = sorted({label for frame in old for label in frame.truth_labels})
    classes = {}
    for label in labels:
        before, after = _tally(old, label), _tally(new, label)
        differences = [after.precision(w) - before.precision(w) for w in weights]
        once = np.ones(len(old), np.int64)
        classes[label] = Change(
            before.precision(once), after.precision(once), np.array(differences, np.float64)
        )
    mean = Change(
        _mean([change.old for change in classes.values()]),
        _mean([change.new for change in classes.values()]),
        np.mean([change.draws for change in classes.values()], axis=0)
        if classes
        else np.zeros(DRAWS),
    )
    return Comparison(classes, mean, _false_change(_false(old, least), _false(new, least), weights))


def _mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else 0.0


def _draws(pictures: int) -> NDArray[np.int64]:
    """How often each picture is in each draw, int64 (DRAWS, pictures)."""
    shares = np.full(pictures, 1 / pictures)
    return np.random.default_rng(SEED).multinomial(pictures, shares, size=DRAWS)


def _false_change(
    old: NDArray[np.int64], new: NDArray[np.int64], weights: NDArray[np.int64]
) -> Change:
    empty = old >= 0
    if not empty.any():
        return Change(0.0, 0.0, np.zeros(len(weights)))
    counted = weights[:, empty]
    drawn = np.maximum(counted.sum(axis=1), 1)
    differences = 100 * (counted @ (new[empty] - old[empty])) / drawn
    return Change(100 * float(old[empty].mean()), 100 * float(new[empty].mean()), differences)


def reasons_against(comparisons: Mapping[str, Comparison]) -> list[str]:
    """Say why a new model is not taken; nothing where it is.

    Args:
        comparisons: By set; one of them is `EXPORT`.
    """
    export = comparisons[EXPORT]
    against = []
    taught = any(change.rose(CHANCE / len(export.classes)) for change in export.classes.values())
    if not (taught or export.mean.rose() or export.false_per_100.fell()):
        against.append(f"{EXPORT}: no sure gain, mean {_said(export.mean)}")
    for name, one in comparisons.items():
        if one.mean.fell():
            against.append(f"{name}: mean {_said(one.mean)}")
        for label, change in one.classes.items():
            if change.fell(CHANCE / len(one.classes)):
                against.append(f"{name}: {label} {_said(change)}")
        if one.false_per_100.rose():
            against.append(f"{name}: false in 100 empty pictures {_said(one.false_per_100)}")
    return against


def _said(change: Change) -> str:
    return f"{change.old:.3f} -> {change.new:.3f}"
