"""From candidates to structures and cleared ground: each is looked at as a whole.

Outline, size, height, edges and ground cover before and after tell what it is. What looks like a
tree, a heap or a vehicle gets a low score.
"""

from __future__ import annotations

import cv2
import numpy as np
from affine import Affine
from numpy.typing import NDArray

from vision.finding import CueVote, FindingKind, Measure
from vision.survey.assessed import (
    Assessed,
    ground_words,
    logistic,
    shape_of,
    structure_measures,
    vehicle_likeness,
    votes_of,
)
from vision.survey.candidates import Candidate
from vision.survey.change import ChangeLayers, PairWindow
from vision.survey.comparison import CompareOptions
from vision.survey.grid import Grid
from vision.survey.masks import Mask, disc, inside, main_part, tidy
from vision.survey.outline import regular_outline
from vision.survey.regions import Region, region_outline
from vision.survey.resurfaced import LearnedMeans, assess_resurfaced, learned_vote
from vision.survey.tillage import row_coherence, tilled

RULE_VERSION = "1"


def assess(
    candidate: Candidate,
    mask: Mask,
    pair: PairWindow,
    layers: ChangeLayers,
    *,
    transform: Affine,
    options: CompareOptions,
    learned: LearnedMeans | None = None,
) -> Assessed | None:
    """Look at one candidate as a whole.

    Args:
        candidate: what it might be; not ``CLEARED``, see :func:`assess_clearing`.
        mask: bool, the window's shape: its pixels, with at least 3 m around them on the window.
        pair: both surveys on the window.
        layers: what the cues say on the window.
        transform: the window's pixel corners to map coordinates.
        options: thresholds.
        learned: what the learned cue said of it, if there is one.

    Returns:
        The candidate with outline, score and measures; None where it is too small or too low.
    """
    if candidate in (Candidate.RAISED, Candidate.LOWERED):
        return _assess_height(candidate, mask, pair, layers, transform, options, learned)
    return assess_resurfaced(mask, pair, layers, transform, options, learned)


def _assess_height(
    candidate: Candidate,
    mask: Mask,
    pair: PairWindow,
    layers: ChangeLayers,
    transform: Affine,
    options: CompareOptions,
    learned: LearnedMeans | None,
) -> Assessed | None:
    if pair.before_m is None or pair.after_m is None:
        raise ValueError("a height candidate needs both surface models")
    rising = candidate is Candidate.RAISED
    step_m = layers.gain_m if rising else layers.loss_m
    cue = layers.rise if rising else layers.fall
    if step_m is None or cue is None:
        raise ValueError("a height candidate needs the height cue")
    difference = pair.after_m - pair.before_m if rising else pair.before_m - pair.after_m
    difference = np.nan_to_num(difference, nan=0.0)
    top = pair.after_m if rising else pair.before_m
    gsd_m = pair.gsd_m

    # The wall stands where the surface has half its step; DSMs draw walls as short slopes.
    typical_m = float(np.median(step_m[mask]))
    near = cv2.dilate(mask.astype(np.uint8), disc(0.8, gsd_m)) > 0
    body = main_part((difference > 0.5 * typical_m) & near, mask)
    body = tidy(body, gsd_m, open_m=0.4, close_m=0.2)
    if not body.any():
        body = mask
    outline = regular_outline(body, transform, tolerance_m=max(0.5, 1.5 * gsd_m))
    shape = shape_of(outline)
    core = cv2.erode(body.astype(np.uint8), disc(0.6, gsd_m)) > 0
    core = core if core.sum() >= 10 else body
    height_m = float(np.percentile(difference[core], 60))
    if shape.area_m2 < options.min_area_m2 or height_m < options.min_height_m - 0.1:
        return None

    cover = pair.cover_after if rising else pair.cover_before
    plants = inside(cover.vegetation, core)
    rough_m = _roughness_m(top, core, gsd_m)
    # A green roof is smooth and a rough roof is not green: a crown is both.
    tree = logistic(10 * (plants - 0.45)) * logistic(12 * (rough_m - 0.35))
    steep = _flank_ratio(difference, near, height_m)
    heap = logistic(3.0 * (steep - 2.1) + 2.0 * (inside(cover.soil, core) - 0.5))
    other = pair.cover_before if rising else pair.cover_after
    vehicle = vehicle_likeness(shape, height_m, on_plants=inside(other.vegetation, core))
    ragged = logistic(14 * (0.5 - shape.rectangularity))
    certain = inside(cue, mask)
    score = certain * (1 - tree) * (1 - heap) * (1 - vehicle) * (1 - 0.8 * ragged)
    name = "height_gain_m" if rising else "height_loss_m"
    measures = structure_measures(shape) | {
        name: Measure(value=round(height_m, 2), unit="m"),
        "roughness_m": Measure(value=round(rough_m, 2), unit="m"),
    }
    ground = ground_words(pair, core)
    base_m = float(np.nanmedian(pair.before_m[core])) if rising else 0.0
    attributes = ground | {"form": _form(pair, body, base_m, rising=rising)}
    return Assessed(
        FindingKind.NEW_STRUCTURE if rising else FindingKind.REMOVED_STRUCTURE,
        outline,
        round(score, 3),
        measures,
        attributes,
        votes_of(layers, mask, height=cue, learned=learned_vote(learned, appeared=rising)),
    )


def _form(pair: PairWindow, body: Mask, base_m: float, *, rising: bool) -> str:
    """Tell a roof addition from a building on the ground by the lowest ground close by."""
    if not rising or pair.before_m is None:
        return "building"
    around = cv2.dilate(body.astype(np.uint8), disc(8.0, pair.gsd_m)) > 0
    ground_m = float(np.nanpercentile(pair.before_m[around], 10))
    return "roof_addition" if base_m - ground_m > 2.0 else "building"


def _roughness_m(height_m: NDArray[np.float32], core: Mask, gsd_m: float) -> float:
    """Deviation of heights from their mean within 0.9 m: roofs are smooth, crowns are not.

    Only pixels of ``core`` take part in the means, so that walls do not count.
    """
    inside = (core & np.isfinite(height_m)).astype(np.float32)
    if inside.sum() < 4:
        return 0.0
    values = np.where(inside > 0, height_m, 0).astype(np.float32)
    level = np.float32(values.sum() / inside.sum())
    side = max(3, 2 * round(0.9 / gsd_m) + 1)
    share = np.maximum(cv2.blur(inside, (side, side)), 1e-3)
    mean = cv2.blur((values - level) * inside, (side, side)) / share
    rest = np.abs(values - level - mean)[inside > 0]
    return float(np.percentile(rest, 75)) * 1.5


def _flank_ratio(difference: NDArray[np.float32], near: Mask, height_m: float) -> float:
    """Area above a quarter of the height over area above three quarters: 1 for a box, 9 a cone."""
    low = float(((difference > 0.25 * height_m) & near).sum())
    high = float(((difference > 0.75 * height_m) & near).sum())
    return low / max(high, 1.0)


def assess_clearing(region: Region, *, grid: Grid, options: CompareOptions) -> Assessed | None:
    """Describe a region of plants turned into bare earth; None where it is too small.

    Args:
        region: with the features that ``scan.CLEARED_FEATURES`` names.
        grid: the working grid.
        options: thresholds.
    """
    outline = region_outline(region, grid, tolerance_m=max(0.5, 2 * grid.gsd_m))
    area_m2 = float(outline.area)
    if area_m2 < options.min_clearing_area_m2:
        return None
    lost = region.means["vegetation_before"]
    bare = region.means["soil_after"]
    changed = region.means["colour"]
    score = logistic(6 * (lost - 0.6) + 6 * (bare - 0.6) + 3 * (changed - 0.5))
    # A harvested field is bare too, but its rows show; where trees stood, rows do not excuse.
    trees = logistic(6 * (region.means["fall"] - 0.7))
    score *= 1 - tilled(region.means) * (1 - trees)
    votes = (
        CueVote(cue="colour", probability=round(changed, 3)),
        CueVote(cue="soil", probability=round(bare, 3)),
    )
    return Assessed(
        FindingKind.LAND_CLEARING,
        outline,
        round(score, 3),
        {
            "area_m2": Measure(value=round(area_m2, 1), unit="m2"),
            "perimeter_m": Measure(value=round(float(outline.length), 1), unit="m"),
            "vegetation_lost_share": Measure(value=round(lost, 3), unit="1"),
            "row_coherence": Measure(value=round(row_coherence(region.means), 3), unit="1"),
        },
        {"ground_before": "vegetation", "ground_after": "bare_soil"},
        votes,
    )
