"""Sprites: poses, framing, the faded rim, and a rendered one where Blender is there."""

import numpy as np
import pytest

pytest.importorskip("bpy")

from datasets.scenes import sprites
from datasets.scenes.catalogue import CATALOGUE, SPLITS
from datasets.scenes.muck_trucks import LOADED_STATES
from datasets.scenes.stage import Light, Stage
from datasets.scenes.tipper_views import render_load_set
from datasets.scenes.view import View


@pytest.mark.parametrize("seed", range(5))
def test_framed_points_lie_in_the_middle_and_fill_most_of_the_frame(seed):
    rng = np.random.default_rng(seed)
    pose = sprites.draw_pose(rng)
    points = rng.uniform((-4, -1.2, 0), (4, 1.2, 3), (60, 3))
    view = sprites.frame(points, pose, 320)
    pixels, _ = view.project(points)
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    assert (low > 20).all() and (high < 300).all()
    assert 0.72 * 320 < (high - low).max() < 0.88 * 320
    assert view.pitch_deg == pytest.approx(pose.pitch_deg, abs=4)


def test_region_holds_the_asset_and_the_shadow_of_the_sun():
    view = View((-20.0, 0.0, 10.0), (0.0, 0.0, 1.0), 30.0, (320, 320))
    points = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 3.0]])
    # The sun stands on the left (+y), so the shadow falls to the right of the picture.
    sunny = sprites.region(points, Light("day", 90.0, 45.0), view)
    grey = sprites.region(points, Light("overcast", 90.0, 45.0), view)
    assert sunny[0] == grey[0] and sunny[2] > grey[2]


def test_fade_leaves_nothing_at_the_rim_and_the_opaque_middle_untouched():
    rgba = np.ones((100, 120, 4), np.float32)
    faded = sprites.fade_border(rgba, (10, 10, 110, 90))[..., 3]
    assert faded[50, 60] == 1.0
    assert faded[:10].max() == faded[90:].max() == 0.0
    assert faded[:, :10].max() == faded[:, 110:].max() == 0.0


def test_shadow_grain_is_smoothed_and_opaque_pixels_stay():
    grain = np.random.default_rng(0).uniform(0.2, 0.6, (60, 60)).astype(np.float32)
    grain[20:30, 20:30] = 1.0
    smooth = sprites.smooth_shadow(grain)
    assert smooth[40:, 40:].std() < 0.4 * grain[40:, 40:].std()
    np.testing.assert_array_equal(smooth[20:30, 20:30], 1.0)


def test_every_kind_can_be_made_for_both_splits():
    for kind, maker in CATALOGUE.items():
        for split in SPLITS:
            assert maker(sprites.sprite_rng(kind, split, 1), split).parts


def test_rendered_sprite_is_where_its_record_says(tmp_path):
    import bpy

    path = tmp_path / "one.png"
    record = sprites.render_sprite(
        Stage(samples=8), "muck_truck", split="train", seed=11, size=96, path=path
    )
    image = bpy.data.images.load(str(path))
    alpha = np.array(image.pixels[:]).reshape(96, 96, 4)[::-1, :, 3]
    (part,) = record["parts"]
    x0, y0, x1, y1 = (round(edge) for edge in part["xyxy"])
    # Grain of the shadow may be opaque here and there.
    rows, columns = (np.flatnonzero((alpha > 0.99).sum(axis=axis) >= 4) for axis in (1, 0))
    assert part["label"] == "muck_truck"
    assert abs(rows.min() - y0) < 5 and abs(columns.min() - x0) < 5
    assert columns.max() < x1 + 5
    assert (alpha[y0:y1, x0:x1] > 0.99).mean() > 0.3
    assert record["load_state"] in ("empty", "covered", "level", "heaped", "not_visible")
    assert (alpha[0] == 0).all() and (alpha[:, 0] == 0).all()


def test_the_pictures_of_a_load_set_differ_in_the_load_alone(tmp_path):
    paths = {state: tmp_path / f"{state}.png" for state in LOADED_STATES}
    records = render_load_set(Stage(samples=1), seed=3, size=96, paths=paths)
    assert all(path.exists() for path in paths.values())
    for state, record in zip(LOADED_STATES, records, strict=True):
        assert record["load_state"] in (state, "not_visible")
    assert len({record["load_state"] for record in records}) >= 3
    for key in ("design", "yaw_deg", "light", "split"):
        assert len({str(record[key]) for record in records}) == 1, key
    again = render_load_set(Stage(samples=1), seed=3, size=96, paths=paths)
    assert again == records
