"""Candidates seen by colour alone: what appeared or vanished, told by edges, shape and contrast."""

from __future__ import annotations

import math
from collections.abc import Mapping

import cv2
import numpy as np
from affine import Affine

from vision.finding import FindingKind
from vision.survey.assessed import (
    Assessed,
    ground_words,
    logistic,
    shape_of,
    structure_measures,
    vehicle_likeness,
    votes_of,
)
from vision.survey.change import ChangeLayers, PairWindow
from vision.survey.comparison import CompareOptions
from vision.survey.masks import Mask, disc, inside, main_part
from vision.survey.outline import mask_polygon, rectangle_fit, regular_outline

LEARNED_FEATURES = ("built", "razed", "built_sure", "razed_sure")
"""What the learned cue says of a candidate: its mean probability of new and of removed structure
inside, and the shares of it that are more likely than not."""

LearnedMeans = Mapping[str, float]
"""A value for each of :data:`LEARNED_FEATURES`."""

# Log-odds of a colour candidate being a structure: a logistic regression on candidates from the
# development split, with a weak pull to zero, by scripts/fit_surface_score.py. Each feature is
# centred where the comment says; "now" is the date at which the thing stands.
_SURFACE_WEIGHTS = {
    "one": -2.37,
    "rectangle": 0.87,  # rectangularity - 0.85
    "soil": -0.25,  # soil now - 0.3
    "plants_then": 3.08,
    "area": 0.61,  # log10 of the area - 1.5
    "edge": 1.26,  # ln(edge now / 100 + 0.2)
    "shadow": 0.83,  # shadow that came with it
    "contrast": 0.10,  # ln(contrast now / 15 + 0.2)
    "large_soil": -1.73,  # soil now × (log10 of the area - 1.5, at least 0)
    "square": 2.60,  # squareness now - 0.5
    "square_gain": 1.98,  # squareness now - then
    "vehicle": -1.82,
}
# The same where a learned cue takes part, by the same script with --learned.
_LEARNED_WEIGHTS = {
    "one": -0.20,
    "rectangle": 0.67,
    "soil": -0.45,
    "plants_then": 1.29,
    "area": 0.13,
    "edge": 0.90,
    "shadow": 0.29,
    "contrast": 0.18,
    "large_soil": -0.64,
    "square": 1.03,
    "square_gain": 0.42,
    "vehicle": -1.57,
    "learned": 2.96,  # its mean inside - 0.5
    "learned_sure": 2.84,  # the share of it that is more likely than not - 0.5
}
# Concrete and asphalt are grey: CIE a*, b* within this of neutral. Dry crops are not.
_GREY_CHROMA = 10.0
_SHADE_L = 12.0
# Below this in both directions the learned cue says nothing about which it is.
_LEARNED_SILENT = 0.25
# Where findings start: what appeared is worth more false alarms than what vanished, for which a
# case is closed. Likewise where a learned cue takes part.
_APPEARED_FROM, _VANISHED_FROM = math.log(0.22 / 0.78), math.log(0.45 / 0.55)
_LEARNED_APPEARED_FROM, _LEARNED_VANISHED_FROM = math.log(0.18 / 0.82), math.log(0.3 / 0.7)


def assess_resurfaced(
    mask: Mask,
    pair: PairWindow,
    layers: ChangeLayers,
    transform: Affine,
    options: CompareOptions,
    learned: LearnedMeans | None,
) -> Assessed | None:
    """Look at a candidate whose surface changed; see :func:`structures.assess` for the arguments.

    Edges and contrast along the outline tell whether it stands now or stood then.
    """
    gsd_m = pair.gsd_m
    body = main_part(mask, mask)
    outline = regular_outline(body, transform, tolerance_m=max(0.6, 2 * gsd_m))
    shape = shape_of(outline)
    with_heights = layers.height_known is not None and bool(layers.height_known[body].mean() > 0.5)
    if shape.area_m2 < options.min_area_m2 * (5.0 if with_heights else 1.0):
        return None
    raw = mask_polygon(body, transform)
    features = surface_features(body, pair, layers, rectangularity=rectangle_fit(raw))
    if with_heights:
        # What is looked for is paved ground, and that is not what the cue learned.
        learned = None
    appeared = features["edge_ratio"] + features["contrast_ratio"] > 0
    if learned is not None and max(learned["built"], learned["razed"]) > _LEARNED_SILENT:
        appeared = learned["built"] > learned["razed"]
    then = "before" if appeared else "after"
    vehicle = vehicle_likeness(shape, None, on_plants=features[f"vegetation_{then}"])
    terms = surface_terms(features, appeared=appeared, vehicle=vehicle)
    if learned is not None:
        terms |= learned_terms(learned, appeared=appeared)
    score = logistic(surface_score(terms, appeared=appeared))
    form = "unknown"
    if with_heights:
        # Heights say that nothing stands here: what remains is ground that was paved.
        paved = features["vegetation_after"] + features["soil_after"] < 0.3
        ground = features["vegetation_before"] + features["soil_before"]
        # What is much darker than before is rather the shade of something that rose beside it.
        grey = features["chroma_after"] < _GREY_CHROMA and features["darkening"] < _SHADE_L
        if not (appeared and paved and grey and ground > 0.6 and shape.rectangularity > 0.6):
            return None
        form = "hard_standing"
    return Assessed(
        FindingKind.NEW_STRUCTURE if appeared else FindingKind.REMOVED_STRUCTURE,
        outline,
        round(score, 3),
        structure_measures(shape),
        ground_words(pair, body) | {"form": form},
        votes_of(
            layers,
            body,
            height=layers.rise if appeared else layers.fall,
            learned=learned_vote(learned, appeared=appeared),
        ),
        terms,
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
    around = (cv2.dilate(picture, disc(3.0, gsd_m)) > 0) & (
        cv2.dilate(picture, disc(0.6, gsd_m)) == 0
    )
    around &= pair.valid
    core = cv2.erode(picture, disc(0.4, gsd_m)) > 0
    core = core if core.sum() >= 10 else body
    edge = {}
    contrast = {}
    spread = {}
    chroma = {}
    lightness = {}
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
        lightness[name] = float(inside_mean[0])
        chroma[name] = float(np.hypot(*(inside_mean[1:] - 128)))
    shadow_gain = np.clip(pair.cover_after.shadow - pair.cover_before.shadow, 0, 1)
    shadow_loss = np.clip(pair.cover_before.shadow - pair.cover_after.shadow, 0, 1)
    return {
        "change": inside(layers.fused if layers.rise is None else layers.colour, body),
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
        "chroma_after": chroma["after"],
        "darkening": (lightness["before"] - lightness["after"]) / 2.55,
        "shadow_gain": inside(shadow_gain, around),
        "shadow_loss": inside(shadow_loss, around),
        "vegetation_before": inside(pair.cover_before.vegetation, core),
        "vegetation_after": inside(pair.cover_after.vegetation, core),
        "soil_before": inside(pair.cover_before.soil, core),
        "soil_after": inside(pair.cover_after.soil, core),
        "shadow_before": inside(pair.cover_before.shadow, core),
        "shadow_after": inside(pair.cover_after.shadow, core),
        "rectangularity": rectangularity,
        "area_log": math.log10(max(float(body.sum()) * gsd_m**2, 1.0)),
    }


def learned_vote(learned: LearnedMeans | None, *, appeared: bool) -> float | None:
    """Return the learned cue's mean probability inside a candidate, in one direction."""
    return None if learned is None else learned["built" if appeared else "razed"]


def surface_terms(
    features: dict[str, float], *, appeared: bool, vehicle: float
) -> dict[str, float]:
    """Return the terms of :func:`surface_score` by colour, each centred near what is usual.

    Args:
        features: of :func:`surface_features`.
        appeared: whether it stands at the later date, else at the earlier.
        vehicle: how much its size is a vehicle's, 0 to 1.
    """
    now, then = ("after", "before") if appeared else ("before", "after")
    soil, area = features[f"soil_{now}"], features["area_log"] - 1.5
    return {
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


def learned_terms(learned: LearnedMeans, *, appeared: bool) -> dict[str, float]:
    """Return the terms of :func:`surface_score` by the learned cue."""
    name = "built" if appeared else "razed"
    return {"learned": learned[name] - 0.5, "learned_sure": learned[f"{name}_sure"] - 0.5}


def surface_score(terms: dict[str, float], *, appeared: bool) -> float:
    """Return a candidate's log-odds of being a finding; 0 is where findings start.

    Args:
        terms: of :func:`surface_terms`, with those of :func:`learned_terms` if there is a model.
        appeared: whether it stands at the later date, else at the earlier.
    """
    weights, start = _SURFACE_WEIGHTS, _APPEARED_FROM if appeared else _VANISHED_FROM
    if "learned" in terms:
        weights = _LEARNED_WEIGHTS
        start = _LEARNED_APPEARED_FROM if appeared else _LEARNED_VANISHED_FROM
    return sum(weights[name] * value for name, value in terms.items()) - start
