"""From change to structures: what was built, what is gone, and what ground was cleared.

Candidates are connected regions of a mask (:func:`candidate_masks`); each is then looked at as a
whole (:func:`assess`): its outline, size, height, edges, ground cover before and after. A candidate
that looks like a tree, a heap or a vehicle gets a low score.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np
from affine import Affine
from numpy.typing import NDArray
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

from vision.finding import CueVote, FindingKind, Measure, Measures
from vision.survey.change import ChangeLayers, PairWindow
from vision.survey.comparison import CompareOptions
from vision.survey.grid import Grid
from vision.survey.outline import mask_polygon, rectangle_fit, regular_outline
from vision.survey.regions import Region, region_outline

RULE_VERSION = "1"

Mask = NDArray[np.bool_]


class Candidate(StrEnum):
    """What a region might be; decides how it is looked at."""

    RAISED = "raised"
    LOWERED = "lowered"
    RESURFACED = "resurfaced"
    CLEARED = "cleared"


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
    """

    kind: FindingKind
    outline: BaseGeometry
    score: float
    measures: Measures
    attributes: dict[str, str]
    cues: tuple[CueVote, ...]


def _ellipse(radius_m: float, gsd_m: float) -> NDArray[np.uint8]:
    radius = max(1, round(radius_m / gsd_m))
    return np.asarray(
        cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)), np.uint8
    )


def _tidy(mask: Mask, gsd_m: float, *, open_m: float, close_m: float) -> Mask:
    """Join what is a little apart, then drop what is thinner than twice ``open_m``."""
    closed = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, _ellipse(close_m, gsd_m))
    opened = cv2.morphologyEx(closed, cv2.MORPH_OPEN, _ellipse(open_m, gsd_m))
    return np.asarray(opened > 0)


def _overridden(
    vegetation: NDArray[np.float32], colour: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Vegetation, less where the colour cue is sure: it already forgives the growth of plants."""
    return np.asarray(vegetation * (1 - colour), np.float32)


def built_likeness(
    vegetation: NDArray[np.float32],
    soil: NDArray[np.float32],
    shadow: NDArray[np.float32],
    net: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Return how likely a surface is none of plants, shadow or dust net, and rather not soil.

    Tiles and weathered concrete have the colour of earth, so soil only weighs a little here; a
    candidate's shape and edges tell the rest.
    """
    return np.asarray(
        (1 - vegetation) * (1 - 0.4 * soil) * (1 - 0.7 * shadow) * (1 - 0.5 * net), np.float32
    )


def candidate_masks(pair: PairWindow, layers: ChangeLayers) -> dict[Candidate, Mask]:
    """Return where each kind of candidate may be on a window.

    With heights, buildings are seen by height alone where heights are known: a new roof on the
    same walls is not a new building, and a roof-top room in the colour of the roof is one. Colour
    then only looks for hard standing, which has no height.
    """
    before, after, gsd_m = pair.cover_before, pair.cover_after, pair.gsd_m
    built_after = built_likeness(
        _overridden(after.vegetation, layers.colour), after.soil, after.shadow, after.net
    )
    appeared = _surface_change(layers) * built_after > 0.4
    # What is gone left bare ground or plants; it is told from grown crops by not being either.
    built_before = (1 - before.vegetation) * (1 - before.soil) * (1 - before.shadow)
    vanished = layers.appearance * built_before > 0.5
    resurfaced = appeared | vanished
    cleared = (before.vegetation > 0.5) & (after.soil > 0.5) & pair.valid
    masks = {Candidate.CLEARED: _tidy(cleared, gsd_m, open_m=1.2, close_m=0.8)}
    if layers.rise is not None and layers.fall is not None:
        masks[Candidate.RAISED] = _tidy(layers.rise > 0.5, gsd_m, open_m=0.6, close_m=0.4)
        masks[Candidate.LOWERED] = _tidy(layers.fall > 0.5, gsd_m, open_m=0.6, close_m=0.4)
        near_height = cv2.dilate(
            (masks[Candidate.RAISED] | masks[Candidate.LOWERED]).astype(np.uint8),
            _ellipse(0.8, gsd_m),
        )
        resurfaced &= near_height == 0
    masks[Candidate.RESURFACED] = _tidy(resurfaced, gsd_m, open_m=0.6, close_m=0.6)
    return masks


def _surface_change(layers: ChangeLayers) -> NDArray[np.float32]:
    if layers.learned is None:
        return layers.colour
    return np.maximum(layers.colour, layers.learned)


def assess(
    candidate: Candidate,
    mask: Mask,
    pair: PairWindow,
    layers: ChangeLayers,
    *,
    transform: Affine,
    options: CompareOptions,
) -> Assessed | None:
    """Look at one candidate as a whole.

    Args:
        candidate: what it might be; not ``CLEARED``, see :func:`assess_clearing`.
        mask: bool, the window's shape: its pixels, with at least 3 m around them on the window.
        pair: both surveys on the window.
        layers: what the cues say on the window.
        transform: the window's pixel corners to map coordinates.
        options: thresholds.

    Returns:
        The candidate with outline, score and measures; None where it is too small or too low.
    """
    if candidate in (Candidate.RAISED, Candidate.LOWERED):
        return _assess_height(candidate, mask, pair, layers, transform, options)
    return _assess_surface(mask, pair, layers, transform, options)


@dataclass(frozen=True, slots=True)
class _Shape:
    area_m2: float
    perimeter_m: float
    width_m: float
    length_m: float
    rectangularity: float

    @property
    def aspect(self) -> float:
        return self.length_m / max(self.width_m, 1e-6)


def _shape_of(outline: Polygon) -> _Shape:
    box = outline.minimum_rotated_rectangle
    points = np.asarray(box.exterior.coords) if isinstance(box, Polygon) else np.zeros((5, 2))
    sides = sorted(math.hypot(*(points[i + 1] - points[i])) for i in range(2))
    return _Shape(
        outline.area,
        outline.length,
        sides[0],
        sides[1],
        outline.area / max(sides[0] * sides[1], 1e-6),
    )


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, x))))


def _inside(values: NDArray[np.float32], mask: Mask) -> float:
    return float(values[mask].mean()) if mask.any() else 0.0


def _votes(
    layers: ChangeLayers, mask: Mask, *, height: NDArray[np.float32] | None
) -> tuple[CueVote, ...]:
    votes = []
    if height is not None:
        votes.append(CueVote(cue="height", probability=round(_inside(height, mask), 3)))
    votes.append(CueVote(cue="colour", probability=round(_inside(layers.colour, mask), 3)))
    if layers.learned is not None:
        votes.append(CueVote(cue="learned", probability=round(_inside(layers.learned, mask), 3)))
    return tuple(votes)


def _ground_word(cover_vegetation: float, cover_soil: float) -> str:
    if cover_vegetation >= 0.5:
        return "vegetation"
    if cover_soil >= 0.5:
        return "bare_soil"
    return "built_or_paved" if cover_vegetation + cover_soil < 0.5 else "mixed"


def _ground(pair: PairWindow, mask: Mask) -> dict[str, str]:
    before, after = pair.cover_before, pair.cover_after
    return {
        "ground_before": _ground_word(_inside(before.vegetation, mask), _inside(before.soil, mask)),
        "ground_after": _ground_word(_inside(after.vegetation, mask), _inside(after.soil, mask)),
    }


def _polygon_mask(outline: BaseGeometry, transform: Affine, shape: tuple[int, int]) -> Mask:
    picture = np.zeros(shape, np.uint8)
    inverse = ~transform
    for part in getattr(outline, "geoms", [outline]):
        ring = np.asarray(part.exterior.coords)
        col = inverse.a * ring[:, 0] + inverse.b * ring[:, 1] + inverse.c
        row = inverse.d * ring[:, 0] + inverse.e * ring[:, 1] + inverse.f
        points = np.rint(np.column_stack([col, row]) * 16 - 8).astype(np.int32)
        cv2.fillPoly(picture, [points], 1, shift=4)
    return np.asarray(picture > 0)


def _assess_height(
    candidate: Candidate,
    mask: Mask,
    pair: PairWindow,
    layers: ChangeLayers,
    transform: Affine,
    options: CompareOptions,
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
    near = cv2.dilate(mask.astype(np.uint8), _ellipse(0.8, gsd_m)) > 0
    body = _main_part((difference > 0.5 * typical_m) & near, mask)
    body = _tidy(body, gsd_m, open_m=0.4, close_m=0.2)
    if not body.any():
        body = mask
    outline = regular_outline(body, transform, tolerance_m=max(0.5, 1.5 * gsd_m))
    shape = _shape_of(outline)
    core = cv2.erode(body.astype(np.uint8), _ellipse(0.6, gsd_m)) > 0
    core = core if core.sum() >= 10 else body
    height_m = float(np.percentile(difference[core], 60))
    if shape.area_m2 < options.min_area_m2 or height_m < options.min_height_m - 0.1:
        return None

    cover = pair.cover_after if rising else pair.cover_before
    plants = _inside(cover.vegetation, core)
    rough_m = _roughness_m(top, core, gsd_m)
    # A green roof is smooth and a rough roof is not green: a crown is both.
    tree = _sigmoid(10 * (plants - 0.45)) * _sigmoid(12 * (rough_m - 0.35))
    steep = _flank_ratio(difference, near, height_m)
    heap = _sigmoid(3.0 * (steep - 2.1) + 2.0 * (_inside(cover.soil, core) - 0.5))
    other = pair.cover_before if rising else pair.cover_after
    vehicle = _vehicle_likeness(shape, height_m, on_plants=_inside(other.vegetation, core))
    ragged = _sigmoid(14 * (0.5 - shape.rectangularity))
    certain = _inside(cue, mask)
    score = certain * (1 - tree) * (1 - heap) * (1 - vehicle) * (1 - 0.8 * ragged)
    name = "height_gain_m" if rising else "height_loss_m"
    measures = _structure_measures(shape) | {
        name: Measure(value=round(height_m, 2), unit="m"),
        "roughness_m": Measure(value=round(rough_m, 2), unit="m"),
    }
    ground = _ground(pair, core)
    base_m = float(np.nanmedian(pair.before_m[core])) if rising else 0.0
    attributes = ground | {"form": _form(pair, body, base_m, rising=rising)}
    return Assessed(
        FindingKind.NEW_STRUCTURE if rising else FindingKind.REMOVED_STRUCTURE,
        outline,
        round(score, 3),
        measures,
        attributes,
        _votes(layers, mask, height=cue),
    )


def _form(pair: PairWindow, body: Mask, base_m: float, *, rising: bool) -> str:
    """Tell a roof addition from a building on the ground by the lowest ground close by."""
    if not rising or pair.before_m is None:
        return "building"
    around = cv2.dilate(body.astype(np.uint8), _ellipse(8.0, pair.gsd_m)) > 0
    ground_m = float(np.nanpercentile(pair.before_m[around], 10))
    return "roof_addition" if base_m - ground_m > 2.0 else "building"


def _structure_measures(shape: _Shape) -> Measures:
    return {
        "area_m2": Measure(value=round(shape.area_m2, 1), unit="m2"),
        "perimeter_m": Measure(value=round(shape.perimeter_m, 1), unit="m"),
        "length_m": Measure(value=round(shape.length_m, 1), unit="m"),
        "width_m": Measure(value=round(shape.width_m, 1), unit="m"),
    }


def _main_part(mask: Mask, seed: Mask) -> Mask:
    """Return the connected part that shares most pixels with ``seed``, its holes filled."""
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    if count <= 1:
        return seed
    votes = np.bincount(labels[seed], minlength=count)
    votes[0] = 0
    if votes.max() == 0:
        return seed
    part = (labels == int(votes.argmax())).astype(np.uint8)
    contours, _ = cv2.findContours(part, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(part, contours, -1, 1, thickness=cv2.FILLED)
    return np.asarray(part > 0)


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


def _vehicle_likeness(shape: _Shape, height_m: float | None, *, on_plants: float) -> float:
    """Vehicles are at most 2.6 m wide and, beyond vans, long for their width (GB 1589-2016).

    A 20-foot container (6.1 × 2.4 m, aspect 2.5) is a common illegal office, so only what is
    longer for its width, or low, counts fully as a vehicle; and where plants grew at the earlier
    date, a vehicle is less likely than a thing that was put there.
    """
    width_m = shape.area_m2 / max(shape.length_m, 1e-6)
    narrow = _sigmoid(8 * (2.85 - width_m))
    long = _sigmoid(6 * (shape.length_m / max(width_m, 1e-6) - 2.7))
    small_car = _sigmoid(4 * (14.0 - shape.area_m2)) * _sigmoid(6 * (shape.aspect - 1.75))
    if height_m is not None:
        small_car *= _sigmoid(8 * (2.3 - height_m))
    return narrow * max(long, small_car) * (1 - 0.7 * on_plants)


def _assess_surface(
    mask: Mask,
    pair: PairWindow,
    layers: ChangeLayers,
    transform: Affine,
    options: CompareOptions,
) -> Assessed | None:
    gsd_m = pair.gsd_m
    body = _main_part(mask, mask)
    outline = regular_outline(body, transform, tolerance_m=max(0.6, 2 * gsd_m))
    shape = _shape_of(outline)
    with_heights = layers.height_known is not None and bool(layers.height_known[body].mean() > 0.5)
    if shape.area_m2 < options.min_area_m2 * (5.0 if with_heights else 1.0):
        return None
    raw = mask_polygon(body, transform)
    features = surface_features(body, pair, layers, rectangularity=rectangle_fit(raw))
    appeared = features["edge_ratio"] + features["contrast_ratio"] > 0
    then = "before" if appeared else "after"
    vehicle = _vehicle_likeness(shape, None, on_plants=features[f"vegetation_{then}"])
    score = _sigmoid(surface_score(features, appeared=appeared, vehicle=vehicle))
    form = "unknown"
    if with_heights:
        # Heights say that nothing stands here: what remains is ground that was paved.
        paved = features["vegetation_after"] + features["soil_after"] < 0.3
        ground = features["vegetation_before"] + features["soil_before"]
        if not (appeared and paved and ground > 0.6 and shape.rectangularity > 0.6):
            return None
        form = "hard_standing"
    return Assessed(
        FindingKind.NEW_STRUCTURE if appeared else FindingKind.REMOVED_STRUCTURE,
        outline,
        round(score, 3),
        _structure_measures(shape),
        _ground(pair, body) | {"form": form},
        _votes(layers, body, height=layers.rise if appeared else layers.fall),
    )


def surface_features(
    body: Mask, pair: PairWindow, layers: ChangeLayers, *, rectangularity: float
) -> dict[str, float]:
    """Return what colour tells about a candidate; the terms of :func:`surface_score`.

    ``edge_gain`` is how much stronger the picture's edges along the outline are after than
    before; ``squareness`` how far edges there run parallel or square to each other (0 to 1);
    ``shadow_gain`` the share of the 3 m around it that a new shadow covers; ``contrast``
    the colour distance of inside to around; all other terms are means inside.
    """
    gsd_m = pair.gsd_m
    band_radius = max(1, round(0.4 / gsd_m))
    kernel = np.ones((2 * band_radius + 1, 2 * band_radius + 1), np.uint8)
    picture = body.astype(np.uint8)
    rim = (
        cv2.morphologyEx(picture, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    ) & pair.valid
    around = (cv2.dilate(picture, _ellipse(3.0, gsd_m)) > 0) & (
        cv2.dilate(picture, _ellipse(0.6, gsd_m)) == 0
    )
    around &= pair.valid
    core = cv2.erode(picture, _ellipse(0.4, gsd_m)) > 0
    core = core if core.sum() >= 10 else body
    edge = {}
    contrast = {}
    spread = {}
    squareness = {}
    band = cv2.dilate(rim.astype(np.uint8), kernel) > 0
    for name, rgb in (("before", pair.before), ("after", pair.after)):
        lab = cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB).astype(np.float32)
        strongest = np.zeros(body.shape, np.float32)
        turned = np.zeros(body.shape, np.complex64)
        for channel, weight in ((0, 0.6), (1, 1.2), (2, 1.2)):
            dx = weight * cv2.Sobel(lab[..., channel], cv2.CV_32F, 1, 0, ksize=3)
            dy = weight * cv2.Sobel(lab[..., channel], cv2.CV_32F, 0, 1, ksize=3)
            size = cv2.magnitude(dx, dy)
            stronger = size > strongest
            strongest = np.where(stronger, size, strongest)
            turned = np.where(stronger, (dx + 1j * dy) ** 4, turned)
        reach = cv2.dilate(strongest, kernel)
        # Directions times four fall together for edges parallel or square to each other.
        weights = strongest[band]
        unit = turned[band] / np.maximum(np.abs(turned[band]), 1e-6)
        squareness[name] = float(np.abs((weights * unit).sum()) / max(float(weights.sum()), 1e-6))
        edge[name] = float(np.median(reach[rim])) if rim.any() else 0.0
        inside_mean = lab[core].mean(axis=0)
        around_mean = lab[around].mean(axis=0) if around.any() else inside_mean
        gap = (inside_mean - around_mean) * (0.5 / 1.275, 1.0, 1.0)
        contrast[name] = float(np.sqrt((gap**2).sum()))
        spread[name] = float(lab[core][:, 0].std())
    shadow_gain = np.clip(pair.cover_after.shadow - pair.cover_before.shadow, 0, 1)
    shadow_loss = np.clip(pair.cover_before.shadow - pair.cover_after.shadow, 0, 1)
    return {
        "change": _inside(layers.fused if layers.rise is None else layers.colour, body),
        "edge_ratio": math.log((edge["after"] + 20) / (edge["before"] + 20)),
        "contrast_ratio": math.log((contrast["after"] + 4) / (contrast["before"] + 4)),
        "squareness_before": squareness["before"],
        "squareness_after": squareness["after"],
        "edge_before": edge["before"],
        "edge_after": edge["after"],
        "contrast_before": contrast["before"],
        "contrast_after": contrast["after"],
        "spread_before": spread["before"],
        "spread_after": spread["after"],
        "shadow_gain": _inside(shadow_gain, around),
        "shadow_loss": _inside(shadow_loss, around),
        "vegetation_before": _inside(pair.cover_before.vegetation, core),
        "vegetation_after": _inside(pair.cover_after.vegetation, core),
        "soil_before": _inside(pair.cover_before.soil, core),
        "soil_after": _inside(pair.cover_after.soil, core),
        "shadow_before": _inside(pair.cover_before.shadow, core),
        "shadow_after": _inside(pair.cover_after.shadow, core),
        "rectangularity": rectangularity,
        "area_log": math.log10(max(float(body.sum()) * gsd_m**2, 1.0)),
    }


# Log-odds of a colour candidate being a structure: a logistic regression on candidates from the
# development split of scripts/evaluate_survey.py, with a weak pull to zero. Each feature is centred
# where the comment says; "now" is the date at which the thing stands.
_SURFACE_WEIGHTS = {
    "one": -2.06,
    "rectangle": 1.01,  # rectangularity - 0.85
    "soil": -0.92,  # soil now - 0.3
    "plants_then": 2.22,
    "area": 1.19,  # log10 of the area - 1.5
    "edge": 0.99,  # ln(edge now / 100 + 0.2)
    "shadow": 0.41,  # shadow that came with it
    "contrast": 0.55,  # ln(contrast now / 15 + 0.2)
    "large_soil": -1.49,  # soil now × (log10 of the area - 1.5, at least 0)
    "square": 2.35,  # squareness now - 0.5
    "square_gain": 1.96,  # squareness now - then
    "vehicle": -1.38,
}
# Where findings start: what appeared is worth more false alarms than what vanished, for which a
# case is closed.
_APPEARED_FROM, _VANISHED_FROM = math.log(0.28 / 0.72), math.log(0.45 / 0.55)


def surface_score(features: dict[str, float], *, appeared: bool, vehicle: float) -> float:
    """Return a candidate's log-odds of being a finding; 0 is where findings start.

    Args:
        features: of :func:`surface_features`.
        appeared: whether it stands at the later date, else at the earlier.
        vehicle: how much its size is a vehicle's, 0 to 1.
    """
    now, then = ("after", "before") if appeared else ("before", "after")
    soil, area = features[f"soil_{now}"], features["area_log"] - 1.5
    terms = {
        "one": 1.0,
        "rectangle": features["rectangularity"] - 0.85,
        "soil": soil - 0.3,
        "plants_then": features[f"vegetation_{then}"],
        "area": area,
        "edge": math.log(features[f"edge_{now}"] / 100 + 0.2),
        "shadow": features["shadow_gain" if appeared else "shadow_loss"],
        "contrast": math.log(features[f"contrast_{now}"] / 15 + 0.2),
        "large_soil": soil * max(0.0, area),
        "square": features[f"squareness_{now}"] - 0.5,
        "square_gain": features[f"squareness_{now}"] - features[f"squareness_{then}"],
        "vehicle": vehicle,
    }
    log_odds = sum(_SURFACE_WEIGHTS[name] * value for name, value in terms.items())
    return log_odds - (_APPEARED_FROM if appeared else _VANISHED_FROM)


def assess_clearing(region: Region, *, grid: Grid, options: CompareOptions) -> Assessed | None:
    """Describe a region of plants turned into bare earth; None where it is too small.

    Args:
        region: with the features ``vegetation_before``, ``soil_after`` and ``colour``.
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
    score = _sigmoid(6 * (lost - 0.6) + 6 * (bare - 0.6) + 3 * (changed - 0.5))
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
        },
        {"ground_before": "vegetation", "ground_after": "bare_soil"},
        votes,
    )
