"""Dust hotspots: what is bare, what a net covers, and how that came about."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pyproj import CRS

from tests.make_scenes import EARTH, GSD_M, NET, PAVING, bare_cover, pair_window, village
from vision.survey.change import appearance_change, smooth_colour_distance
from vision.survey.comparison import CompareOptions
from vision.survey.dust import (
    GROUND_FEATURES,
    SITE_FEATURES,
    SiteFinder,
    covered_site,
    dust_masks,
    hotspot,
)
from vision.survey.grid import Grid, Window
from vision.survey.regions import Region

SITE = (16.0, 40.0, 48.0, 74.0)
GRID = Grid(CRS.from_epsg(32650), 500_000.0, 3_000_000.0, 0.5, 400, 400)
OPTIONS = CompareOptions(min_dust_area_m2=100)
ISOTROPIC = {"tensor_cos": 0.02, "tensor_sin": 0.02, "tensor_size": 1.0}


def masks(before, after):
    pair = pair_window(before, after)
    distance = smooth_colour_distance(pair.before, pair.after, gsd_m=GSD_M)
    return dust_masks(pair, appearance_change(pair, distance))


def share(mask, scene, box, inset_m=2.0):
    left, top, right, bottom = box
    return float(mask[scene.mask((left + inset_m, top + inset_m, right - inset_m,
                                  bottom - inset_m))].mean())  # fmt: skip


@pytest.fixture(scope="module")
def netted():
    """A yard that was bare; its western half is under a net now."""
    before, after = village(), village()
    before.field(SITE, EARTH)
    after.field(SITE, EARTH)
    after.field((16, 40, 32, 74), NET)
    return after, masks(before, after)


def test_bare_ground_is_told_from_what_a_net_covers(netted):
    scene, found = netted
    assert share(found.ground, scene, (32, 40, 48, 74), 3.0) > 0.85
    assert share(found.ground, scene, (16, 40, 32, 74)) < 0.05
    assert share(found.net_after, scene, (16, 40, 32, 74)) > 0.85
    assert share(found.soil_before, scene, SITE) > 0.85
    assert share(found.site, scene, SITE) > 0.85


def test_paving_and_grass_are_not_bare(netted):
    scene, found = netted
    for box in ((6, 6, 34, 32), (68, 34, 78, 58)):
        assert share(found.ground | found.road, scene, box) < 0.05
        assert share(found.site, scene, box) < 0.05


def test_the_features_of_a_site_add_up(netted):
    scene, found = netted
    features = found.site_features()
    assert tuple(features) == SITE_FEATURES
    west = (16, 40, 32, 74)
    assert share(features["netted_since"], scene, west) > 0.85
    assert share(features["netted_since"], scene, (32, 40, 48, 74)) < 0.05


def test_what_is_narrow_is_a_road():
    before, after = village(), village()
    after.field((40, 34, 43, 80), EARTH)
    after.field(SITE, PAVING)
    after.field((16, 40, 36, 74), EARTH)
    found = masks(before, after)
    assert share(found.ground, after, (16, 40, 36, 74)) > 0.9
    track = after.mask((40.8, 42, 42.2, 78))
    assert found.ground[track].mean() < 0.05


def test_classes_that_flicker_at_an_edge_do_not_change_where_the_picture_does_not():
    rng = np.random.default_rng(0)
    scene = village()
    scene.field(SITE, EARTH)
    pair = pair_window(scene, scene)
    shape = pair.valid.shape
    where = scene.mask(SITE)
    soil = np.where(where, 0.6, 0.0).astype(np.float32)
    less = np.where(where, 0.4, 0.0).astype(np.float32)
    pair = replace(
        pair, cover_after=bare_cover(shape, soil=soil), cover_before=bare_cover(shape, soil=less)
    )
    calm = dust_masks(pair, np.full(shape, 0.01, np.float32))
    assert np.array_equal(calm.soil_before, calm.soil_after)
    changed = dust_masks(pair, (0.9 + 0.1 * rng.random(shape)).astype(np.float32))
    assert not changed.soil_before.any()


def region(side_px=40, row=20, col=30, **means):
    mask = np.ones((side_px, side_px), bool)
    return Region(Window(row, col, side_px, side_px), mask, mask.size, means)


def ground(side_px=40, *, soil=0.9, soil_before=1.0, **tensor):
    made = region(side_px, soil=soil, soil_before=soil_before, **(ISOTROPIC | tensor))
    assert set(made.means) == set(GROUND_FEATURES)
    return made


def site(side_px=60, *, soil_before, soil_after, net_after=0.0, netted_since=0.0):
    return region(
        side_px,
        10,
        20,
        soil_before=soil_before,
        soil_after=soil_after,
        net_after=net_after,
        netted_since=netted_since,
    )


def described(piece, place):
    return hotspot(piece, place, form="ground", grid=GRID, options=OPTIONS)


@pytest.mark.parametrize(
    ("soil_here_before", "site_before", "site_after", "trend"),
    [
        (0.0, 0.0, 0.45, "new"),
        (0.1, 0.3, 0.45, "new"),
        (0.6, 0.2, 0.45, "grew"),
        (1.0, 0.44, 0.45, "same"),
        (1.0, 0.45, 0.44, "same"),
        (1.0, 0.9, 0.44, "shrank"),
    ],
)
def test_the_trend_says_how_the_site_went(soil_here_before, site_before, site_after, trend):
    place = site(soil_before=site_before, soil_after=site_after)
    item = described(ground(soil_before=soil_here_before), place)
    assert item.attributes == {"form": "ground", "trend": trend, "state": "exposed"}


def test_measures_of_a_hotspot():
    item = described(ground(), site(soil_before=0.9, soil_after=0.45, net_after=0.15))
    values = {name: measure.value for name, measure in item.measures.items()}
    assert values["exposed_area_m2"] == pytest.approx(400)
    assert values["area_m2"] == pytest.approx(400)
    assert values["covered_share"] == pytest.approx(0.25)
    assert values["site_exposed_before_m2"] == pytest.approx(810)
    assert values["site_exposed_after_m2"] == pytest.approx(405)
    assert item.outline.bounds == pytest.approx((500_015, 2_999_970, 500_035, 2_999_990))
    assert [(vote.cue, vote.probability) for vote in item.cues] == [("soil", 0.9)]
    assert {measure.unit for measure in item.measures.values()} == {"m2", "1"}


@pytest.mark.parametrize(("side_px", "found"), [(19, False), (20, True), (21, True)])
def test_a_hotspot_has_a_least_area(side_px, found):
    assert (described(ground(side_px), None) is not None) is found


def test_a_hotspot_without_a_site_still_has_a_trend():
    assert described(ground(soil_before=0.0), None).attributes["trend"] == "new"
    assert described(ground(soil_before=1.0), None).attributes["trend"] == "same"


def test_rows_of_a_field_take_the_score():
    assert described(ground(), None).score > 0.8
    assert described(ground(tensor_cos=0.4), None).score < 0.1


def test_a_site_covered_since_is_reported_so_that_its_case_can_be_closed():
    place = site(soil_before=0.9, soil_after=0.05, net_after=0.9, netted_since=0.85)
    item = covered_site(place, grid=GRID, options=OPTIONS)
    assert item.attributes == {"form": "ground", "trend": "covered_since", "state": "covered"}
    assert item.score == pytest.approx(0.85 / 0.9, abs=0.01)
    assert item.measures["covered_share"].value == pytest.approx(0.9 / 0.95, abs=0.01)


@pytest.mark.parametrize(
    "place",
    [
        site(soil_before=0.9, soil_after=0.5, net_after=0.4, netted_since=0.4),
        site(soil_before=0.0, soil_after=0.0, net_after=0.9, netted_since=0.0),
        site(10, soil_before=0.9, soil_after=0.0, net_after=0.9, netted_since=0.9),
    ],
    ids=["much still bare", "never bare", "tiny"],
)
def test_what_is_not_covered_since_is_not_reported_so(place):
    assert covered_site(place, grid=GRID, options=OPTIONS) is None


def test_the_site_of_a_piece_of_ground_is_found():
    near = site(soil_before=0.5, soil_after=0.5)
    far = region(30, 200, 200, **dict.fromkeys(SITE_FEATURES, 0.5))
    finder = SiteFinder((far, near))
    assert finder.of(ground()) is near
    assert finder.of(region(5, 210, 215)) is far
    assert finder.of(region(5, 120, 120)) is None
    holed = replace(near, mask=np.zeros_like(near.mask))
    assert SiteFinder((holed,)).of(ground()) is None
