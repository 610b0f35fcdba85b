"""Structures by their height: what stands there now, what no longer does, and what is neither."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pyproj import CRS
from shapely.geometry import Polygon

from tests.make_scenes import (
    BLUE_ROOF,
    EARTH,
    GREY_ROOF,
    PAVING,
    RED_ROOF,
    WHITE_ROOF,
    Scene,
    assessed,
    pair_window,
    village,
)
from vision.finding import FindingKind
from vision.survey.assessed import logistic, shape_of, vehicle_likeness
from vision.survey.candidates import Candidate
from vision.survey.change import change_layers
from vision.survey.comparison import CompareOptions
from vision.survey.grid import Grid, Window
from vision.survey.regions import Region
from vision.survey.structures import assess, assess_clearing

FROM = 0.5


def certain(items):
    return [item for item in items if item.score >= FROM]


def iou(a, b):
    return a.intersection(b).area / a.union(b).area


def one_new(before, after, **options):
    """The only finding of a pair with surface models; fails where there is another number."""
    (item,) = certain(assessed(before, after, heights=True, options=CompareOptions(**options)))
    return item


@pytest.mark.parametrize(
    ("box", "height_m", "colour", "turn_deg", "form"),
    [
        ((10, 10, 16, 14.5), 2.8, BLUE_ROOF, 0, "building"),
        ((10, 10, 18, 16), 3.4, RED_ROOF, 27, "building"),
        ((20, 56, 34, 70), 6.0, WHITE_ROOF, 60, "building"),
        ((46, 8, 51, 13), 2.8, GREY_ROOF, 0, "roof_addition"),
        ((64, 21.5, 69, 25.5), 2.6, RED_ROOF, 0, "roof_addition"),
        ((24, 60, 30.1, 62.4), 2.6, WHITE_ROOF, 0, None),
    ],
    ids=["shed on grass", "turned", "large", "roof addition", "red on red", "container"],
)
def test_what_was_built_is_found_with_its_size(box, height_m, colour, turn_deg, form):
    before, after = village(), village()
    after.block(box, height_m, colour, turn_deg=turn_deg)
    found = assessed(before, after, heights=True)
    truth = after.outline(box, turn_deg=turn_deg)
    item = max(found, key=lambda item: iou(item.outline, truth))
    assert item.kind is FindingKind.NEW_STRUCTURE
    assert iou(item.outline, truth) > 0.8
    assert item.measures["area_m2"].value == pytest.approx(truth.area, rel=0.15)
    assert item.measures["height_gain_m"].value == pytest.approx(height_m, abs=0.3)
    if form is not None:
        assert item.score > FROM
        assert item.attributes["form"] == form
        assert len(certain(found)) == 1


@pytest.mark.parametrize("on", [BLUE_ROOF, GREY_ROOF])
def test_what_was_pulled_down_is_a_removed_structure(on):
    before, after = village(), village()
    before.block((20, 58, 28, 66), 3.5, on)
    item = one_new(before, after)
    assert item.kind is FindingKind.REMOVED_STRUCTURE
    assert item.measures["height_loss_m"].value == pytest.approx(3.5, abs=0.3)
    assert "height_gain_m" not in item.measures
    assert item.measures["area_m2"].value == pytest.approx(64, rel=0.15)


def tree(scene):
    scene.tree(26, 62, 2.6, 4.5)


def large_tree(scene):
    scene.tree(26, 62, 4.5, 8.0)


def heap(scene):
    scene.field((14, 46, 40, 78), EARTH)
    scene.cone(27, 62, 7.0, 4.5)


def car(scene):
    scene.block((20, 60, 24.4, 61.8), 1.5, WHITE_ROOF)


def van(scene):
    scene.block((20, 60, 25.2, 62.0), 2.2, WHITE_ROOF)


def truck(scene):
    scene.block((20, 60, 29.0, 62.5), 3.4, BLUE_ROOF)


def kiosk(scene):
    scene.block((20, 60, 22.4, 62.5), 2.5, RED_ROOF)


def low_platform(scene):
    scene.block((20, 60, 28, 66), 1.2, WHITE_ROOF)


@pytest.mark.parametrize(
    "put", [tree, large_tree, heap, car, van, truck, kiosk, low_platform], ids=lambda f: f.__name__
)
@pytest.mark.parametrize("appears", [True, False], ids=["appears", "vanishes"])
def test_what_is_no_structure_is_none(put, appears):
    empty, filled = village(), village()
    if put is heap:
        empty.field((14, 46, 40, 78), EARTH)
    put(filled)
    scenes = (empty, filled) if appears else (filled, empty)
    assert certain(assessed(*scenes, heights=True)) == []


@pytest.mark.parametrize(("radius_m", "height_m"), [(4, 3), (5, 3), (8, 5)])
def test_a_heap_is_less_of_a_structure_than_a_block_of_its_size(radius_m, height_m):
    before, cone, block = village(), village(), village()
    cone.cone(27, 62, radius_m, height_m)
    half = radius_m * 0.62
    block.block((27 - half, 62 - half, 27 + half, 62 + half), height_m * 0.7, GREY_ROOF)
    (heap_item,) = assessed(before, cone, heights=True)[:1]
    (block_item,) = assessed(before, block, heights=True)[:1]
    assert heap_item.score < 0.75 * block_item.score


def test_a_new_roof_on_the_same_walls_is_no_new_building():
    before, after = village(), village()
    after.field((62, 20, 72, 28), BLUE_ROOF)
    assert certain(assessed(before, after, heights=True)) == []


def test_paving_laid_on_grass_is_hard_standing():
    before, after = village(), village()
    after.field((12, 12, 26, 24), PAVING)
    item = one_new(before, after)
    assert item.kind is FindingKind.NEW_STRUCTURE
    assert item.attributes["form"] == "hard_standing"
    assert item.attributes["ground_before"] == "vegetation"
    assert iou(item.outline, after.outline((12, 12, 26, 24))) > 0.7
    assert "height_gain_m" not in item.measures


def test_a_little_paving_is_not_reported():
    before, after = village(), village()
    after.field((12, 12, 18, 17), PAVING)
    assert certain(assessed(before, after, heights=True)) == []


@pytest.mark.parametrize(("least", "found"), [(35, 1), (44, 0), (10, 1), (60, 0)])
def test_the_least_area_is_where_findings_begin(least, found):
    before, after = village(), village()
    after.block((20, 58, 28, 63), 3.0, RED_ROOF)  # 40 m²
    options = CompareOptions(min_area_m2=least)
    items = certain(assessed(before, after, heights=True, options=options))
    assert len(items) == found


@pytest.mark.parametrize(("least", "found"), [(2.0, 1), (2.7, 1), (2.9, 1), (3.3, 0), (4.0, 0)])
def test_the_least_height_is_where_findings_begin(least, found):
    before, after = village(), village()
    after.block((20, 58, 28, 66), 3.0, RED_ROOF)
    items = assessed(before, after, heights=True, options=CompareOptions(min_height_m=least))
    high = [item for item in items if "height_gain_m" in item.measures]
    assert len(high) == found


def test_a_little_low_things_become_findings_where_wanted():
    before, after = village(), village()
    low_platform(after)
    item = one_new(before, after, min_height_m=1.0)
    assert item.measures["height_gain_m"].value == pytest.approx(1.2, abs=0.3)


def test_every_cue_votes():
    before, after = village(), village()
    after.block((10, 10, 16, 15), 3.0, BLUE_ROOF)
    item = one_new(before, after)
    votes = {vote.cue: vote.probability for vote in item.cues}
    assert set(votes) == {"height", "colour"}
    assert votes["height"] > 0.9
    assert votes["colour"] > 0.5


def test_missing_heights_inside_a_shed_do_not_spoil_it():
    before, after = village(), village()
    after.block((20, 58, 28, 66), 3.0, RED_ROOF)
    after.height_m[after.mask((23, 61, 24, 62))] = np.nan
    item = one_new(before, after)
    assert item.measures["height_gain_m"].value == pytest.approx(3.0, abs=0.3)
    assert item.measures["area_m2"].value == pytest.approx(64, rel=0.15)


def test_a_height_candidate_without_heights_is_a_mistake_of_the_caller():
    pair = pair_window(village(), village())
    layers = change_layers(pair, min_height_m=2)
    with pytest.raises(ValueError, match="surface models"):
        assess(
            Candidate.RAISED,
            pair.valid,
            pair,
            layers,
            transform=Scene().grid.transform,
            options=CompareOptions(),
        )


# What is put together from numbers


GRID = Grid(CRS.from_epsg(32650), 500_000.0, 3_000_000.0, 0.5, 200, 200)
CLEARED = {
    "vegetation_before": 0.95,
    "soil_after": 0.9,
    "colour": 0.9,
    "fall": 0.0,
    "tensor_cos": 0.05,
    "tensor_sin": 0.0,
    "tensor_size": 1.0,
}


def cleared(side_px=60, **means):
    mask = np.ones((side_px, side_px), bool)
    region = Region(Window(10, 20, side_px, side_px), mask, mask.size, CLEARED | means)
    options = CompareOptions(min_clearing_area_m2=300)
    return assess_clearing(region, grid=GRID, options=options)


def test_cleared_land_is_described():
    item = cleared()
    assert item.kind is FindingKind.LAND_CLEARING
    assert item.score > 0.8
    assert item.measures["area_m2"].value == pytest.approx(900)
    assert item.measures["vegetation_lost_share"].value == pytest.approx(0.95)
    assert item.outline.bounds == pytest.approx((500_010, 2_999_965, 500_040, 2_999_995))


@pytest.mark.parametrize(("side_px", "found"), [(34, False), (36, True)])
def test_cleared_land_has_a_least_area(side_px, found):
    assert (cleared(side_px) is not None) is found  # 289 m² and 324 m²


def test_a_harvested_field_is_no_clearing_but_a_felled_wood_is():
    rows = {"tensor_cos": 0.5, "tensor_size": 1.0}
    assert cleared(**rows).score < 0.1
    assert cleared(**rows, fall=2.5).score > 0.8


@pytest.mark.parametrize(
    ("size", "height_m", "vehicle"),
    [
        ((4.4, 1.8), 1.5, True),
        ((9.0, 2.5), 3.4, True),
        ((12.0, 2.5), None, True),
        ((6.0, 4.5), 2.8, False),
        ((12.0, 6.0), 4.0, False),
    ],
)
def test_vehicles_are_told_by_their_size(size, height_m, vehicle):
    length, width = size
    shape = shape_of(Polygon([(0, 0), (length, 0), (length, width), (0, width)]))
    assert (vehicle_likeness(shape, height_m, on_plants=0.0) > 0.5) is vehicle
    assert vehicle_likeness(shape, height_m, on_plants=1.0) < 0.5


def test_shape_is_measured_along_the_thing():
    shape = shape_of(Polygon([(0, 0), (6, 8), (2, 11), (-4, 3)]))  # 10 × 5 m, turned
    assert (shape.length_m, shape.width_m) == pytest.approx((10, 5))
    assert shape.area_m2 == pytest.approx(50)
    assert shape.rectangularity == pytest.approx(1)
    assert shape.aspect == pytest.approx(2)
    assert replace(shape, width_m=0.0).aspect > 1e6


@pytest.mark.parametrize(("x", "y"), [(0, 0.5), (1e9, 1.0), (-1e9, 0.0)])
def test_logistic_is_safe(x, y):
    assert logistic(x) == pytest.approx(y, abs=1e-9)


def test_earth_is_not_paving():
    before, after = village(), village()
    after.field((12, 12, 26, 24), EARTH)
    assert certain(assessed(before, after, heights=True)) == []
