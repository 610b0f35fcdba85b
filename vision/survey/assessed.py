"""What a candidate is found to be when it is looked at as a whole: shape, ground, votes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

from vision.finding import CueVote, FindingKind, Measure, Measures
from vision.survey.change import ChangeLayers, PairWindow
from vision.survey.masks import Mask, inside


@dataclass(frozen=True, slots=True)
class Assessed:
    """A candidate after it was looked at as a whole.

    Attributes:
        kind: what it is taken for.
        outline: polygon in map coordinates of the working CRS.
        score: 0 to 1.
        measures: area, height and shape with units.
        attributes: words: ``form``, ``ground_before``, ``ground_after``.
        cues: what each cue said inside the outline.
        terms: the terms of a colour candidate's score.
    """

    kind: FindingKind
    outline: BaseGeometry
    score: float
    measures: Measures
    attributes: dict[str, str]
    cues: tuple[CueVote, ...]
    terms: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Shape:
    """Size and form of an outline; width and length are those of its smallest rectangle."""

    area_m2: float
    perimeter_m: float
    width_m: float
    length_m: float
    rectangularity: float

    @property
    def aspect(self) -> float:
        """Length over width."""
        return self.length_m / max(self.width_m, 1e-6)


def shape_of(outline: Polygon) -> Shape:
    """Measure an outline in metres."""
    box = outline.minimum_rotated_rectangle
    points = np.asarray(box.exterior.coords) if isinstance(box, Polygon) else np.zeros((5, 2))
    sides = sorted(math.hypot(*(points[i + 1] - points[i])) for i in range(2))
    return Shape(
        outline.area,
        outline.length,
        sides[0],
        sides[1],
        outline.area / max(sides[0] * sides[1], 1e-6),
    )


def logistic(x: float) -> float:
    """Return the logistic function, safe for large values."""
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, x))))


def votes_of(
    layers: ChangeLayers, mask: Mask, *, height: NDArray[np.float32] | None, learned: float | None
) -> tuple[CueVote, ...]:
    """Return what each cue says inside a mask.

    Args:
        layers: what the cues say on the window.
        mask: bool, the window's shape.
        height: the cue for rise or for fall.
        learned: what the learned cue says of it, in that direction.
    """
    votes = []
    if height is not None:
        votes.append(CueVote(cue="height", probability=round(inside(height, mask), 3)))
    votes.append(CueVote(cue="colour", probability=round(inside(layers.colour, mask), 3)))
    if learned is not None:
        votes.append(CueVote(cue="learned", probability=round(learned, 3)))
    return tuple(votes)


def _ground_word(cover_vegetation: float, cover_soil: float) -> str:
    if cover_vegetation >= 0.5:
        return "vegetation"
    if cover_soil >= 0.5:
        return "bare_soil"
    return "built_or_paved" if cover_vegetation + cover_soil < 0.5 else "mixed"


def ground_words(pair: PairWindow, mask: Mask) -> dict[str, str]:
    """Return in words what the ground was and is inside a mask."""
    before, after = pair.cover_before, pair.cover_after
    return {
        "ground_before": _ground_word(inside(before.vegetation, mask), inside(before.soil, mask)),
        "ground_after": _ground_word(inside(after.vegetation, mask), inside(after.soil, mask)),
    }


def structure_measures(shape: Shape) -> Measures:
    """Return the measures that every structure carries."""
    return {
        "area_m2": Measure(value=round(shape.area_m2, 1), unit="m2"),
        "perimeter_m": Measure(value=round(shape.perimeter_m, 1), unit="m"),
        "length_m": Measure(value=round(shape.length_m, 1), unit="m"),
        "width_m": Measure(value=round(shape.width_m, 1), unit="m"),
    }


def vehicle_likeness(shape: Shape, height_m: float | None, *, on_plants: float) -> float:
    """Vehicles are at most 2.6 m wide and, beyond vans, long for their width (GB 1589-2016).

    A 20-foot container (6.1 × 2.4 m, aspect 2.5) is a common illegal office, so only what is
    longer for its width, or low, counts fully as a vehicle; and where plants grew at the earlier
    date, a vehicle is less likely than a thing that was put there.
    """
    width_m = shape.area_m2 / max(shape.length_m, 1e-6)
    narrow = logistic(8 * (2.85 - width_m))
    long = logistic(6 * (shape.length_m / max(width_m, 1e-6) - 2.7))
    small_car = logistic(4 * (14.0 - shape.area_m2)) * logistic(6 * (shape.aspect - 1.75))
    if height_m is not None:
        small_car *= logistic(8 * (2.3 - height_m))
    return narrow * max(long, small_car) * (1 - 0.7 * on_plants)
