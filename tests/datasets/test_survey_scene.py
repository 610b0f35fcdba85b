"""Survey scenes: what is decided before rendering, and, where Blender is there, the pictures."""

import numpy as np
import pytest

from datasets.scenes.survey_ground import paint_ground
from datasets.scenes.survey_layout import plan_place
from datasets.scenes.survey_mesh import NOTHING, Mesh, meshes_of, top_view
from datasets.scenes.survey_parts import (
    Building,
    Heap,
    Net,
    Pattern,
    Rect,
    Roof,
    Surface,
    Tree,
    Vehicle,
)

SIDE_M = 90.0
GREY = (0.5, 0.5, 0.5)


def building(**changed):
    values = {
        "id": 3,
        "area": Rect(0, 0, 12, 8, 0),
        "height": 6.0,
        "roof": Roof.GABLE,
        "rise": 2.0,
        "roof_tint": GREY,
        "wall_tint": GREY,
        "pattern": Pattern.TILE,
        "overhang": 0.0,
    }
    return Building(**(values | changed))


def seen(part, *, side_m=20.0, size_px=200):
    return top_view(meshes_of(part), side_m=side_m, size_px=size_px)


def test_the_same_seed_gives_the_same_place():
    assert plan_place(5, side_m=SIDE_M) == plan_place(5, side_m=SIDE_M)
    assert plan_place(5, side_m=SIDE_M) != plan_place(6, side_m=SIDE_M)


def test_places_hold_every_kind_of_change():
    places = [plan_place(seed, side_m=SIDE_M) for seed in range(24)]
    bases = [
        part.base
        for place in places
        for part in place.after.parts
        if isinstance(part, Building) and part.id in place.added
    ]
    assert any(base > 0 for base in bases), "no roof addition"
    assert any(base == 0 for base in bases), "no new building"
    assert any(place.removed for place in places), "no demolition"
    assert any(not place.added and not place.removed for place in places), "no unchanged pair"
    for kind in (Heap, Net, Vehicle, Tree):
        assert any(isinstance(part, kind) for place in places for part in place.after.parts)


def test_unchanged_places_differ_in_light_vehicles_and_crops():
    unchanged = [
        place
        for place in (plan_place(seed, side_m=SIDE_M) for seed in range(24))
        if not place.added and not place.removed
    ]
    for place in unchanged:
        assert place.before.sky != place.after.sky
        vehicles = [
            {part for part in date.parts if isinstance(part, Vehicle)}
            for date in (place.before, place.after)
        ]
        assert not vehicles[0] & vehicles[1]


def test_what_stays_keeps_its_shape_and_colour():
    for seed in range(8):
        place = plan_place(seed, side_m=SIDE_M)
        before = {part.id: part for part in place.before.parts if isinstance(part, Building)}
        after = {part.id: part for part in place.after.parts if isinstance(part, Building)}
        assert all(after[number] == before[number] for number in before.keys() & after.keys())


def test_roof_additions_stand_within_their_roof():
    for seed in range(8):
        place = plan_place(seed, side_m=SIDE_M)
        buildings = [part for part in place.after.parts if isinstance(part, Building)]
        for hut in (part for part in buildings if part.base > 0):
            under = [
                main
                for main in buildings
                if main.base == 0
                and main.height == pytest.approx(hut.base)
                and np.hypot(main.area.x - hut.area.x, main.area.y - hut.area.y)
                < max(main.area.length, main.area.width) / 2
            ]
            assert under, f"seed {seed}: a hut in the air"


@pytest.mark.parametrize(
    ("part", "highest", "area_m2"),
    [
        (building(), 8.0, 96),
        (building(area=Rect(1, -2, 12, 8, 0.6)), 8.0, 96),
        (building(roof=Roof.HIP), 8.0, 96),
        (building(roof=Roof.FLAT, base=3.0), 9.05, 96),
        (building(roof=Roof.FLAT, overhang=0.3), 6.9, 96),
        (building(roof=Roof.LEAN_TO), 8.0, 96),
        (building(roof=Roof.BARE_FRAME), 8.0, 96),
        (Vehicle(id=3, area=Rect(0, 0, 4.5, 1.8, 1), height=1.5, tint=GREY, cargo=False), 1.5, 8.1),
        (Net(id=3, area=Rect(0, 0, 9, 6, 0), tint=GREY), None, 54),
    ],
)
def test_heights_seen_from_above(part, highest, area_m2):
    view = seen(part)
    assert (view.part_id == 3).mean() * 400 == pytest.approx(area_m2, rel=0.05)
    if highest is not None:
        assert view.height.max() == pytest.approx(highest, abs=0.06)
    assert (view.height[view.part_id == NOTHING] == 0).all()


def test_a_gable_is_highest_along_its_middle():
    view = seen(building())
    middle = view.height[100, 50:150]
    assert middle == pytest.approx(8.0, abs=0.05)
    assert view.height[61, 100] == pytest.approx(6.0, abs=0.1)


def test_the_higher_part_hides_the_lower_whatever_the_order():
    low, high = building(id=1), building(id=2, area=Rect(0, 0, 3, 3, 0), base=8.0)
    for parts in ((low, high), (high, low)):
        meshes = [mesh for part in parts for mesh in meshes_of(part)]
        view = top_view(meshes, side_m=20.0, size_px=100)
        assert view.part_id[50, 50] == 2
        assert view.part_id[50, 25] == 1


def test_the_picture_has_north_up():
    corner = np.array([[8.0, 8.0, 1.0], [9.0, 8.0, 1.0], [9.0, 9.0, 1.0]])
    mesh = Mesh(corner, np.array([[0, 1, 2]]), corner[:, :2], GREY, Pattern.PLAIN, 7)
    rows, columns = np.nonzero(top_view([mesh], side_m=20.0, size_px=100).part_id == 7)
    assert rows.max() < 15
    assert columns.min() > 85


def test_ground_is_painted_where_its_patches_lie():
    place = plan_place(3, side_m=SIDE_M)
    picture = paint_ground(place.before, side_m=SIDE_M, size_px=300)
    assert picture.shape == (300, 300, 3)
    assert np.isfinite(picture).all()
    assert 0 <= picture.min() < picture.max() <= 1
    roads = [
        patch
        for patch in place.before.ground
        if patch.surface is Surface.ASPHALT and abs(patch.area.x) < 40 and abs(patch.area.y) < 40
    ]
    for patch in roads:
        column = int((patch.area.x + SIDE_M / 2) / SIDE_M * 300)
        row = int((SIDE_M / 2 - patch.area.y) / SIDE_M * 300)
        assert np.ptp(picture[row, column]) < 0.1, "asphalt is grey"


def test_rendered_pictures_agree_with_the_heights(tmp_path):
    bpy = pytest.importorskip("bpy")
    from datasets.scenes.survey_scene import SurveyStage

    place = plan_place(2, side_m=SIDE_M)
    meshes = [mesh for part in place.after.parts for mesh in meshes_of(part)]
    path = tmp_path / "after.png"
    SurveyStage(samples=4).render(place.after, meshes, path, side_m=SIDE_M, size_px=96)
    picture = bpy.data.images.load(str(path))
    assert tuple(picture.size) == (96, 96)
    pixels = np.array(picture.pixels).reshape(96, 96, -1)[::-1, :, :3]
    assert 0.1 < pixels.mean() < 0.9
    leaves = {part.id for part in place.after.parts if isinstance(part, Tree)}
    view = top_view(meshes, side_m=SIDE_M, size_px=96)
    crowns = np.isin(view.part_id, list(leaves))
    if crowns.any():
        assert pixels[crowns].mean() < pixels.mean(), "tree crowns are darker than the rest"
