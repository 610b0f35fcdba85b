"""Structures seen by colour alone, where there is no surface model."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.make_scenes import (
    BLUE_ROOF,
    GREY_ROOF,
    RED_ROOF,
    RIPE,
    WHITE_ROOF,
    assessed,
    pair_window,
    village,
)
from vision.finding import FindingKind
from vision.survey.assessed import shape_of, vehicle_likeness
from vision.survey.candidates import Candidate
from vision.survey.change import change_layers
from vision.survey.comparison import CompareOptions
from vision.survey.resurfaced import (
    learned_terms,
    surface_features,
    surface_score,
    surface_terms,
)
from vision.survey.structures import assess

SHED = (10.0, 10.0, 16.0, 15.0)


def iou(a, b):
    return a.intersection(b).area / a.union(b).area


@pytest.mark.parametrize("colour", [BLUE_ROOF, RED_ROOF, WHITE_ROOF, GREY_ROOF])
@pytest.mark.parametrize("turn_deg", [0, 35])
def test_a_roof_on_grass_is_found_without_heights(colour, turn_deg):
    before, after = village(), village()
    after.block(SHED, 2.8, colour, turn_deg=turn_deg, shadow=False)
    (item, *rest) = assessed(before, after, heights=False)
    truth = after.outline(SHED, turn_deg=turn_deg)
    assert item.kind is FindingKind.NEW_STRUCTURE
    assert item.score > 0.5
    assert iou(item.outline, truth) > 0.75
    assert item.measures["area_m2"].value == pytest.approx(truth.area, rel=0.2)
    assert "height_gain_m" not in item.measures
    assert item.attributes["ground_before"] == "vegetation"
    assert not [other for other in rest if other.score > 0.5]


def test_its_shadow_does_not_hide_it():
    before, after = village(), village()
    after.block(SHED, 2.8, BLUE_ROOF)
    (item, *_) = assessed(before, after, heights=False)
    assert item.score > 0.5
    assert iou(item.outline, after.outline(SHED)) > 0.45


def test_a_roof_that_went_leaves_a_removed_structure():
    before, after = village(), village()
    before.block((18, 58, 28, 66), 2.8, BLUE_ROOF, shadow=False)
    (item, *_) = assessed(before, after, heights=False)
    assert item.kind is FindingKind.REMOVED_STRUCTURE
    assert iou(item.outline, after.outline((18, 58, 28, 66))) > 0.7
    assert item.score > 0.5


@pytest.mark.parametrize(
    ("least", "found"), [(20, True), (40, False)], ids=["below its area", "above its area"]
)
def test_the_least_area_holds_without_heights(least, found):
    before, after = village(), village()
    after.block(SHED, 2.8, BLUE_ROOF, shadow=False)  # 30 m²
    items = assessed(before, after, heights=False, options=CompareOptions(min_area_m2=least))
    assert bool(items) is found


def test_a_ripe_field_is_no_structure():
    before, after = village(), village()
    after.field((4, 4, 36, 34), RIPE)
    assert [i for i in assessed(before, after, heights=False) if i.score > 0.5] == []


def features(before, after, box):
    pair = pair_window(before, after)
    layers = change_layers(pair, min_height_m=2)
    return surface_features(after.mask(box), pair, layers, rectangularity=0.95)


def test_features_tell_what_stands_from_what_stood():
    empty, built = village(), village()
    built.block(SHED, 2.8, BLUE_ROOF)
    new, gone = features(empty, built, SHED), features(built, empty, SHED)
    assert new["edge_ratio"] + new["contrast_ratio"] > 0
    assert gone["edge_ratio"] + gone["contrast_ratio"] < 0
    assert new["edge_after"] == pytest.approx(gone["edge_before"], rel=0.1)
    assert new["contrast_after"] > 2 * new["contrast_before"]
    assert new["squareness_after"] > new["squareness_before"]
    assert new["shadow_gain"] > gone["shadow_gain"]
    assert gone["shadow_loss"] > new["shadow_loss"]
    assert new["vegetation_before"] > 0.9
    assert new["vegetation_after"] < 0.3
    assert new["area_log"] == pytest.approx(np.log10(30), abs=0.05)
    assert all(np.isfinite(value) for value in (*new.values(), *gone.values()))


def test_squareness_does_not_depend_on_the_direction():
    values = []
    for turn_deg in (0, 20, 45):
        built = village()
        built.block(SHED, 2.8, BLUE_ROOF, turn_deg=turn_deg, shadow=False)
        built.rgb = cv2.GaussianBlur(built.rgb, (0, 0), 0.8)  # a lens draws no stairs
        pair = pair_window(village(), built)
        layers = change_layers(pair, min_height_m=2)
        body = built.mask(SHED, turn_deg=turn_deg)
        values.append(surface_features(body, pair, layers, rectangularity=0.95)["squareness_after"])
    assert min(values) > 0.4
    assert max(values) - min(values) < 0.4


def score_of(values, vehicle=0.0, learned=None):
    terms = surface_terms(values, appeared=True, vehicle=vehicle)
    if learned is not None:
        terms |= learned_terms(learned, appeared=True)
    return surface_score(terms, appeared=True)


def test_the_score_falls_with_what_speaks_against_a_structure():
    built = village()
    built.block(SHED, 2.8, BLUE_ROOF)
    base = features(village(), built, SHED)
    score = score_of(base)
    assert score_of(base, vehicle=1.0) < score
    for name, worse in (
        ("rectangularity", 0.5),
        ("soil_after", 1.0),
        ("edge_after", 5.0),
        ("contrast_after", 1.0),
        ("squareness_after", 0.0),
        ("vegetation_before", 0.0),
    ):
        assert score_of(base | {name: worse}) < score, name


def test_the_learned_cue_speaks_for_or_against_a_structure():
    built = village()
    built.block(SHED, 2.8, BLUE_ROOF)
    base = features(village(), built, SHED)
    silent = {"built": 0.02, "razed": 0.02, "built_sure": 0.0, "razed_sure": 0.0}
    loud = silent | {"built": 0.95, "built_sure": 1.0}
    wrong_way = silent | {"razed": 0.95, "razed_sure": 1.0}
    assert score_of(base, learned=loud) > 0
    assert score_of(base, learned=loud) > score_of(base, learned=silent) + 2
    assert score_of(base, learned=wrong_way) == score_of(base, learned=silent)


def test_the_learned_cue_decides_the_direction_where_it_is_sure():
    before, after = village(), village()
    after.block(SHED, 2.8, BLUE_ROOF, shadow=False)
    pair = pair_window(before, after)
    layers = change_layers(pair, min_height_m=2)
    kinds = []
    for built, razed in ((0.9, 0.1), (0.1, 0.9), (0.1, 0.1)):
        learned = {"built": built, "razed": razed, "built_sure": built, "razed_sure": razed}
        item = assess(
            Candidate.BUILT,
            after.mask(SHED),
            pair,
            layers,
            transform=after.grid.transform,
            options=CompareOptions(),
            learned=learned,
        )
        kinds.append(item.kind)
        assert {v.cue: v.probability for v in item.cues}["learned"] == max(built, razed)
    new, removed = FindingKind.NEW_STRUCTURE, FindingKind.REMOVED_STRUCTURE
    assert kinds == [new, removed, new]


def test_a_long_narrow_thing_is_a_vehicle_without_heights_too():
    truck = shape_of(village().outline((20, 60, 31, 62.5)))
    shed = shape_of(village().outline(SHED))
    assert vehicle_likeness(truck, None, on_plants=0) > 0.5
    assert vehicle_likeness(shed, None, on_plants=0) < 0.1
