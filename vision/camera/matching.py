"""Which of the things seen now is which of the things known: one assignment over all of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from vision.camera.events import VEHICLES, VENDING, Box, Observation
from vision.camera.tracks import Track

REACH = 0.5
"""Own sizes from the last place within which the same thing is looked for."""
REACH_GROWTH_PER_S = 1.5
"""Own sizes a second that something may have moved further."""
PREDICTED_S = 3.0
"""Seconds unseen after which nothing is said about where a moving thing is."""
MOST_AREA_RATIO = 2.5
LEAST_SIMILARITY = 0.5
"""Looks less alike are two things. One car in 74 real stills, boxes of a detector: 99 % above 0.7;
other cars at the same place: half below 0.7."""
LEAST_SIMILARITY_MOVING = 0.35
"""The same for frames within `FILM_S`: turning and blur change the look, but hardly anything else
can have come to the same place."""
LEAST_SIMILARITY_THERE = 0.1
"""The same where a box is about where the thing is looked for: a lorry that drives into the frame
past the camera looks otherwise from one fifth of a second to the next."""
SAME_BOX_IOU = 0.5
"""Boxes that share this much are of one thing, taken for two; neither is before the other."""
FILM_S = 1.0
"""Seconds within which nothing leaves a place and something else comes to it."""
_DISTANCE_WEIGHT, _AREA_WEIGHT, _NAME_WEIGHT, _SCORE_WEIGHT = 1.0, 0.5, 0.15, 0.1
_FORBIDDEN = 1e6


def group_of(name: str) -> str:
    """Return what a class may be confused with: vehicles with vehicles, stalls with carts."""
    if name in VEHICLES:
        return "vehicle"
    return "vending" if name in VENDING else name


def assign(
    tracks: Sequence[Track],
    observations: Sequence[Observation],
    at: datetime,
    refused: Collection[tuple[int, int]] = (),
) -> dict[int, int]:
    """Match observations with tracks.

    Position in own sizes, size, look and class make the cost; what is out of reach, of another
    group of classes, of another size or of another look is no match at all. Of what stands and is
    partly covered, no more likeness is asked than the part that shows can have.

    Args:
        tracks: What is known.
        observations: What is seen at `at`.
        at: Time of the frame.
        refused: Pairs of a track's and an observation's index that are no match.

    Returns:
        Index of the observation by index of the track; some of either are left over.
    """
    if not tracks or not observations:
        return {}
    seen = np.array([observation.box_xyxy for observation in observations])
    expected = np.array([_expected(track, at) for track in tracks])
    anchors = np.array([track.anchor_xyxy for track in tracks])
    away, away_ratio = _distance(anchors, seen), _area_ratio(anchors, seen)
    distance = np.minimum(_distance(expected, seen), away)
    area_ratio = _area_ratio(expected, seen)
    alike = (
        np.stack([track.descriptor for track in tracks])
        @ np.stack([observation.descriptor for observation in observations]).T
    )
    unseen_s = np.array([(at - track.last_seen).total_seconds() for track in tracks])
    standing = np.array([track.standing for track in tracks])
    free = ~standing & (unseen_s <= PREDICTED_S)
    reach = REACH + np.where(free, REACH_GROWTH_PER_S * unseen_s, 0.0)
    film = free & (unseen_s <= FILM_S)
    least = np.where(film, LEAST_SIMILARITY_MOVING, LEAST_SIMILARITY)[:, None]
    there = film[:, None] & (_ious(expected, seen) >= SAME_BOX_IOU)
    least = np.where(there, LEAST_SIMILARITY_THERE, least)
    names = np.array([track.name for track in tracks])[:, None]
    seen_names = np.array([observation.name for observation in observations])[None]
    groups = np.array([group_of(track.name) for track in tracks])[:, None]
    seen_groups = np.array([group_of(observation.name) for observation in observations])[None]
    cover = np.where(standing[:, None], covered_by_others(anchors, seen), 0.0)
    # What stands is where it stands: another that passes close by may be in its last box.
    stands = standing[:, None]
    placed, placed_ratio = (
        np.where(stands, away, distance),
        np.where(stands, away_ratio, area_ratio),
    )
    cost = (
        _DISTANCE_WEIGHT * placed
        + (1 - alike)
        + _AREA_WEIGHT * placed_ratio
        + _NAME_WEIGHT * (names != seen_names)
        - _SCORE_WEIGHT * np.array([observation.score for observation in observations])[None]
    )
    forbidden = (
        (distance > reach[:, None])
        | (np.minimum(area_ratio, placed_ratio) > np.log(MOST_AREA_RATIO))
        | (alike < least * (1 - cover))
        | (groups != seen_groups)
    )
    for row, column in refused:
        forbidden[row, column] = True
    cost[forbidden] = _FORBIDDEN
    # Half a second that a service which watches no camera does not have to wait for.
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(cost)
    return {
        int(row): int(column)
        for row, column in zip(rows, columns, strict=True)
        if not forbidden[row, column]
    }


def _common(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Areas that boxes share, float64 (len(a), len(b))."""
    corner = np.maximum(a[:, None, :2], b[None, :, :2])
    other = np.minimum(a[:, None, 2:], b[None, :, 2:])
    return np.asarray(np.maximum(other - corner, 0.0).prod(axis=2))


def _ious(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intersections over unions of boxes, float64 (len(a), len(b))."""
    common = _common(a, b)
    return np.asarray(common / (_area(a)[:, None] + _area(b)[None] - common))


def covered_by_others(
    places: NDArray[np.float64], seen: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return how much of each place is covered when each box in turn is what belongs there.

    Args:
        places: float64 (n, 4), xyxy.
        seen: float64 (m, 4), boxes of one frame.

    Returns:
        float64 (n, m): the largest share of a place that a nearer box covers which is neither the
        box of that column nor about the place itself.
    """
    common = _common(places, seen)
    own = _area(places)[:, None]
    doubled = common >= SAME_BOX_IOU * (own + _area(seen)[None] - common)
    nearer = seen[None, :, 3] > places[:, None, 3]
    share = np.where(nearer & ~doubled, common / own, 0.0)
    result = np.repeat(share.max(axis=1, initial=0.0)[:, None], len(seen), axis=1)
    if len(seen):
        # The largest of the others: for the column of the largest itself, the second.
        rows, first = np.arange(len(places)), share.argmax(axis=1)
        without = share.copy()
        without[rows, first] = 0.0
        result[rows, first] = without.max(axis=1, initial=0.0)
    return np.asarray(result)


def _expected(track: Track, at: datetime) -> Box:
    """Where a track is looked for: moved on as it last moved, for a short time."""
    box = track.box_xyxy
    ahead_s = (at - track.last_seen).total_seconds()
    if track.standing or len(track.recent) < 2 or ahead_s > PREDICTED_S:
        return box
    (before_at, before), (last_at, last) = track.recent[-2:]
    between_s = (last_at - before_at).total_seconds()
    if not 0 < between_s <= PREDICTED_S:
        return box
    # No further than it went last time: a car that brakes must not be looked for beyond the light.
    share = min(ahead_s / between_s, 1.0)
    x1, y1, x2, y2 = (new + share * (new - old) for old, new in zip(before, last, strict=True))
    return (x1, y1, x2, y2) if x2 > x1 and y2 > y1 else box


def _area(boxes_xyxy: NDArray[np.float64]) -> NDArray[np.float64]:
    sizes = np.maximum(boxes_xyxy[:, 2:] - boxes_xyxy[:, :2], 1e-6)
    return np.asarray(sizes.prod(axis=1))


def _area_ratio(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logarithms, without sign, of how many times larger one is, float64 (len(a), len(b))."""
    return np.asarray(np.abs(np.log(_area(a)[:, None] / _area(b)[None])))


def _distance(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distances between box centres in mean own sizes, float64 (len(a), len(b))."""
    centres = [(boxes[:, :2] + boxes[:, 2:]) / 2 for boxes in (a, b)]
    sizes = [np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-6) for boxes in (a, b)]
    apart = np.abs(centres[0][:, None] - centres[1][None])
    mean = (sizes[0][:, None] + sizes[1][None]) / 2
    return np.asarray(np.linalg.norm(apart / mean, axis=2))
