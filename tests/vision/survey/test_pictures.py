"""Pictures of a report: the same ground in both, at the same scale, where the finding lies."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace

import cv2
import numpy as np
import pytest
from shapely.geometry import box

from tests.make_scenes import BLUE_ROOF, village, write_pair
from vision.survey.comparison import CompareOptions
from vision.survey.pair import make_pair, working_grid
from vision.survey.pictures import HEIGHT_RANGE_M, height_colours, survey_pictures
from vision.survey.raster import open_ortho, open_surface

SHED = (30.0, 30.0, 40.0, 36.0)
HIDDEN = (10.0, 40.0, 20.0, 48.0)
SIDE_PX = 200


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    before, after = village(side_px=SIDE_PX), village(side_px=SIDE_PX)
    after.block(SHED, 4.0, BLUE_ROOF, shadow=False)
    files = write_pair(tmp_path_factory.mktemp("pictures"), before, after)
    after.write(files.after, noise_seed=12, hidden=after.mask(HIDDEN))
    with ExitStack() as stack:
        first, second = (stack.enter_context(open_ortho(p)) for p in (files.before, files.after))
        dsms = [stack.enter_context(open_surface(p)) for p in files.dsms.values()]
        yield make_pair(
            working_grid(first, second, options=CompareOptions()), first, second,
            before_dsm=dsms[0], after_dsm=dsms[1], displacement=None, area=None,
        )  # fmt: skip


def decoded(picture):
    rgb = cv2.imdecode(np.frombuffer(picture.jpeg, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    assert rgb.shape[1::-1] == picture.size_wh
    return rgb


def colour_at(picture, x, y):
    col, row = ~picture.transform @ (x, y)
    part = decoded(picture)[int(row) - 2 : int(row) + 3, int(col) - 2 : int(col) + 3]
    return part.reshape(-1, 3).mean(axis=0)


def test_crops_show_the_same_ground_with_the_thing_in_its_place(pair):
    outline = village(side_px=SIDE_PX).outline(SHED)
    pictures = survey_pictures(pair, {"a": outline, "b": outline}, pictured=["a"])
    assert set(pictures.by_finding) == {"a"}
    crop = pictures.by_finding["a"]
    assert crop.before.size_wh == crop.after.size_wh == crop.height.size_wh
    assert crop.before.transform == crop.after.transform == crop.height.transform
    middle = outline.centroid
    red, _, blue = colour_at(crop.after, middle.x, middle.y)
    assert blue - red > 60
    red, _, blue = colour_at(crop.before, middle.x, middle.y)
    assert abs(blue - red) < 30
    red, _, blue = colour_at(crop.height, middle.x, middle.y)
    assert red - blue > 60
    calm = colour_at(crop.height, middle.x - 9, middle.y)
    assert calm.min() > 200


def test_a_picture_knows_which_ground_it_shows(pair):
    outline = village(side_px=SIDE_PX).outline(SHED)
    crop = survey_pictures(pair, {"a": outline}, pictured=["a"]).by_finding["a"]
    left, bottom, right, top = crop.after.bounds
    width, height = crop.after.size_wh
    assert (right - left) / width == pytest.approx((top - bottom) / height)
    assert box(left, bottom, right, top).contains(outline)
    assert ~crop.after.transform @ (left, top) == pytest.approx((0, 0), abs=1e-6)
    assert ~crop.after.transform @ (right, bottom) == pytest.approx((width, height), abs=1e-6)


def test_a_picture_knows_how_far_its_own_survey_is_off(pair):
    outline = village(side_px=SIDE_PX).outline(SHED)
    off = replace(pair, displacement=lambda x, y: (x + 1.5, y - 0.25))
    crop = survey_pictures(off, {"a": outline}, pictured=["a"]).by_finding["a"]
    assert crop.shift_m == (1.5, -0.25)
    straight = replace(pair, displacement=None)
    assert survey_pictures(straight, {"a": outline}, pictured=["a"]).by_finding["a"].shift_m == (
        0,
        0,
    )


def test_a_crop_is_wide_enough_to_know_the_place(pair):
    tiny = village(side_px=SIDE_PX).outline((24, 24, 26, 26))
    crop = survey_pictures(pair, {"a": tiny}, pictured=["a"]).by_finding["a"]
    assert crop.after.size_wh[0] * crop.after.gsd_m >= 24
    large = village(side_px=SIDE_PX).outline((2, 2, 48, 48))
    crop = survey_pictures(pair, {"a": large}, pictured=["a"]).by_finding["a"]
    assert crop.after.size_wh[0] * crop.after.gsd_m > 46
    assert max(crop.after.size_wh) <= 421


def test_without_surface_models_there_is_no_height_picture(pair):
    flat = replace(pair, before_dsm=None, after_dsm=None, datum=None)
    outline = village(side_px=SIDE_PX).outline(SHED)
    assert survey_pictures(flat, {"a": outline}, pictured=["a"]).by_finding["a"].height is None


def test_ground_without_data_is_white(pair):
    pictures = survey_pictures(pair, {}, pictured=[])
    place = village(side_px=SIDE_PX).outline(HIDDEN).centroid
    assert colour_at(pictures.after, place.x, place.y).min() > 250
    assert colour_at(pictures.before, place.x, place.y).max() < 240
    assert pictures.by_finding == {}


@pytest.mark.parametrize(
    ("metres", "channel"), [(HEIGHT_RANGE_M, 0), (1.0, 0), (-1.0, 2), (-HEIGHT_RANGE_M, 2)]
)
def test_what_rose_is_red_and_what_fell_is_blue(metres, channel):
    rgb = height_colours(np.full((2, 2), metres, np.float32))[0, 0].astype(int)
    assert rgb.argmax() == channel
    assert rgb[channel] - rgb[2 - channel] > 20


def test_more_height_is_stronger_and_unknown_is_grey():
    rise = np.array([[0.0, 0.5, 2.0, 6.0, 60.0, np.nan]], np.float32)
    rgb = height_colours(rise)[0].astype(int)
    assert rgb[0].min() > 240
    strength = rgb[:5, 0] - rgb[:5, 2]
    assert (np.diff(strength[:4]) > 0).all()
    assert strength[4] == strength[3]
    assert rgb[5].tolist() == [200, 200, 200]
