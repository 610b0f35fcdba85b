"""Shapes, assets and cameras of the rendered scenes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.scenes.asset import Asset, Part
from datasets.scenes.shape import Paint, Shape, rotation
from datasets.scenes.view import View, part_boxes

GREY = Paint((0.5, 0.5, 0.5))
SOLIDS = {
    "box": Shape().box((4, 2, 1), (1, 2, 3), GREY),
    "tapered box": Shape().box((4, 2, 1), (0, 0, 0), GREY, top_scale=(0.5, 0.8)),
    "turned box": Shape().box((4, 2, 1), (0, 0, 0), GREY, turn=rotation(yaw_deg=30, pitch_deg=20)),
    "cylinder z": Shape().cylinder(1, 2, (0, 0, 1), GREY),
    "cylinder x": Shape().cylinder(1, 2, (0, 0, 1), GREY, axis="x"),
    "cylinder y": Shape().cylinder(1, 2, (0, 0, 1), GREY, axis="y"),
    "cone": Shape().cylinder(1, 2, (0, 0, 1), GREY, end_radius=0.2),
    "ball": Shape().ball((1, 2, 3), (0, 0, 0), GREY),
    "prism": Shape().prism([(0, 0), (2, 0), (2, 1), (0, 2)], 3, GREY),
}


def signed_volume(shape: Shape) -> float:
    """Volume by the divergence theorem: positive only if the faces look outward."""
    points = shape.points()
    total = 0.0
    for face in shape.faces:
        a = points[face[0]]
        for second, third in pairwise(face[1:]):
            total += float(np.dot(a, np.cross(points[second], points[third]))) / 6
    return total


@pytest.mark.parametrize(
    ("name", "volume", "tolerance"),
    [
        ("box", 8.0, 1e-9),
        # A frustum with a 4 x 2 base and a 2 x 1.6 top.
        ("tapered box", (8 + 4 * 3 * 1.8 + 3.2) / 6, 1e-6),
        ("turned box", 8.0, 1e-9),
        ("cylinder z", 2 * np.pi, 0.25),
        ("cylinder x", 2 * np.pi, 0.25),
        ("cylinder y", 2 * np.pi, 0.25),
        ("cone", 2 * np.pi / 3 * (1 + 0.2 + 0.04), 0.15),
        ("ball", 4 / 3 * np.pi * 6, 4.5),
        ("prism", 9.0, 1e-9),
    ],
)
def test_solids_are_closed_and_look_outward(name, volume, tolerance):
    assert signed_volume(SOLIDS[name]) == pytest.approx(volume, abs=tolerance)


def test_every_face_has_a_paint_and_chaining_adds_up():
    red = Paint((1, 0, 0))
    shape = Shape().box((1, 1, 1), (0, 0, 0), GREY).add(Shape().ball((1, 1, 1), (5, 0, 0), red))
    assert len(shape.faces) == len(shape.paints)
    assert shape.paints.count(GREY) == 6
    assert max(max(face) for face in shape.faces) == len(shape.vertices) - 1


def test_a_height_field_stands_where_it_was_put():
    heights = np.arange(12, dtype=float).reshape(3, 4)
    shape = Shape().surface(heights, (2.0, 3.0), (10, 20, 1), GREY)
    points = shape.points()
    assert points[:, 0].min() == 9 and points[:, 0].max() == 11
    assert points[:, 1].min() == 18.5 and points[:, 1].max() == 21.5
    assert points[-1].tolist() == [11, 21.5, 12]
    # The faces of a field look up.
    a, b, c = (points[index] for index in shape.faces[0][:3])
    assert np.cross(b - a, c - a)[2] > 0


def test_an_asset_turns_about_its_origin_before_it_moves():
    asset = Asset("car", "a", (Part("car", Shape().box((4, 2, 1), (0, 0, 0.5), GREY)),))
    points = asset.placed(10, 5, yaw_deg=90).parts[0].shape.points()
    assert points.min(axis=0) == pytest.approx([9, 3, 0])
    assert points.max(axis=0) == pytest.approx([11, 7, 1])
    assert asset.parts[0].shape.points()[:, 0].max() == 2, "the asset itself stays"


def test_paint_gets_lighter_up_to_white():
    assert Paint((0.2, 0.5, 0.9)).tinted(2).rgb == (0.4, 1.0, 1.0)


@given(st.floats(-20, 20), st.floats(-20, 20), st.floats(2, 12), st.floats(20, 90))
def test_the_target_is_in_the_middle_and_up_is_up(x, y, height, fov):
    if abs(x) + abs(y) < 1:
        x = 5.0
    view = View((x, y, height), (0, 0, 0), fov, (640, 360))
    pixels, depth = view.project(np.array([(0, 0, 0), (0, 0, 0.5)]))
    assert pixels[0] == pytest.approx([320, 180], abs=1e-6)
    assert pixels[1, 1] < pixels[0, 1]
    assert depth[0] == pytest.approx(np.sqrt(x * x + y * y + height * height))
    assert 0 < view.pitch_deg < 90


def test_boxes_hold_labelled_parts_only_and_stay_inside_the_picture():
    asset = Asset(
        "vending",
        "table",
        (
            Part("stall", Shape().box((2, 1, 1), (0, 0, 0.5), GREY)),
            Part(None, Shape().box((9, 9, 0.1), (0, 0, 0), GREY)),
            Part("canopy", Shape().box((60, 60, 0.1), (0, 0, 2.5), GREY)),
        ),
    )
    view = View((-40, 0, 8), (0, 0, 0.5), 10, (320, 200))
    boxes = dict(part_boxes(asset, view))
    assert set(boxes) == {"stall", "canopy"}
    # 1 m wide across the view at 39 m: focal 1829 px.
    width = boxes["stall"][2] - boxes["stall"][0]
    assert width == pytest.approx(view.focal_px / np.hypot(39, 7.5), rel=0.03)
    for x0, y0, x1, y1 in boxes.values():
        assert 0 <= x0 < x1 <= 320 and 0 <= y0 < y1 <= 200


def test_what_is_behind_the_camera_has_no_box():
    asset = Asset("car", "a", (Part("car", Shape().box((4, 2, 1), (0, 0, 0.5), GREY)),))
    view = View((-10, 0, 5), (0, 0, 0.5), 40, (320, 200))
    assert part_boxes(asset.placed(-30, 0), view) == []
