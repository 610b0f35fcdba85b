"""Vehicles and their loads: sizes, labels, load states, what a camera sees of a load."""

import numpy as np
import pytest

from datasets.classes import LOAD_STATES, STREET_CLASSES
from datasets.scenes import loads, muck_trucks, vehicles
from datasets.scenes.asset import Asset
from datasets.scenes.load_covers import covered
from datasets.scenes.muck_trucks import LOADED_STATES, load_seen, muck_truck, told_state
from datasets.scenes.shape import Paint, Shape
from datasets.scenes.vehicle_shell import HEADLAMP, TAIL_LAMP, Width, plate, switched_on
from datasets.scenes.view import View, part_boxes

TRUCKS = muck_trucks.TRAIN_DESIGNS + muck_trucks.TEST_DESIGNS
OTHERS = [
    (kind, design)
    for designs in (vehicles.TRAIN_DESIGNS, vehicles.TEST_DESIGNS)
    for kind, names in designs.items()
    for design in names
]


def _points(asset: Asset) -> np.ndarray:
    return np.vstack([part.shape.points() for part in asset.parts if part.shape.faces])


def _above(*, pitch_deg: float, yaw_deg: float = 180.0) -> View:
    pitch, yaw = np.radians(pitch_deg), np.radians(yaw_deg)
    reach = 30.0
    position = (
        -reach * np.cos(pitch) * np.cos(yaw),
        -reach * np.cos(pitch) * np.sin(yaw),
        1.5 + reach * np.sin(pitch),
    )
    return View(position, (0.0, 0.0, 1.5), 20.0, (320, 320))


@pytest.mark.parametrize("state", LOADED_STATES)
@pytest.mark.parametrize("design", TRUCKS)
def test_muck_truck_is_one_labelled_thing_that_stands_on_the_ground(design, state):
    asset = muck_truck(np.random.default_rng(3), design=design, load_state=state)
    assert asset.kind == "muck_truck" and asset.load_state == state
    assert [part.label for part in asset.parts if part.label] == ["muck_truck"]
    points = asset.parts[0].shape.points()
    low, high = points.min(axis=0), points.max(axis=0)
    assert low[2] == pytest.approx(0.0, abs=0.02)
    assert 4.0 < high[0] - low[0] < 13.0
    assert 1.5 < high[1] - low[1] < 3.5
    assert 1.8 < high[2] < 4.8
    assert abs(low[0] + high[0]) < 0.6 and abs(low[1] + high[1]) < 0.4
    assert sum(len(part.shape.faces) for part in asset.parts) < 6000


@pytest.mark.parametrize(("kind", "design"), OTHERS)
def test_vehicle_stands_on_the_ground_with_labels_of_the_detector(kind, design):
    asset = vehicles.vehicle(np.random.default_rng(5), kind, design=design)
    assert asset.kind == kind and asset.design == design and asset.load_state is None
    labels = {part.label for part in asset.parts}
    assert {"van": "car"}.get(kind, kind) in labels
    assert labels <= set(STREET_CLASSES)
    points = _points(asset)
    assert points[:, 2].min() == pytest.approx(0.0, abs=0.03)
    assert abs(points[:, 0].min() + points[:, 0].max()) < 1.0
    assert sum(len(part.shape.faces) for part in asset.parts) < 6000


def test_designs_of_training_and_testing_do_not_mix():
    assert not set(muck_trucks.TRAIN_DESIGNS) & set(muck_trucks.TEST_DESIGNS)
    rng = np.random.default_rng(1)
    train, test = muck_trucks.TRAIN_DESIGNS, muck_trucks.TEST_DESIGNS
    assert {muck_trucks.draw_design(rng, train) for _ in range(400)} == set(train)
    assert {muck_trucks.draw_design(rng, test) for _ in range(100)} == set(test)
    assert set(vehicles.TRAIN_DESIGNS) == set(vehicles.TEST_DESIGNS)
    for kind, names in vehicles.TRAIN_DESIGNS.items():
        assert not set(names) & set(vehicles.TEST_DESIGNS[kind])
    assert set(LOADED_STATES) | {"not_visible"} == set(LOAD_STATES)


@pytest.mark.parametrize("design", ["cabover_6x4", "farm_4x2"])
def test_same_seed_gives_the_same_truck_and_another_seed_another(design):
    one, same, other = (
        muck_truck(np.random.default_rng(seed), design=design) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(_points(one), _points(same))
    assert _points(one).shape != _points(other).shape or not np.allclose(
        _points(one), _points(other)
    )


def test_the_same_truck_with_another_load_is_the_same_but_for_its_load():
    def truck(state, load_seed):
        rng, load_rng = np.random.default_rng(5), np.random.default_rng(load_seed)
        return muck_truck(rng, design="cabover_8x4", load_state=state, load_rng=load_rng)

    def corners(asset):
        return {tuple(point) for point in _points(asset).round(6)}

    empty, heaped, other = truck("empty", 1), truck("heaped", 1), truck("heaped", 2)
    shared = corners(heaped) & corners(other)
    assert shared and len(corners(heaped) - shared) > 100, "the heaps differ"
    assert shared <= corners(truck("level", 3)), "cab, chassis and box are one"
    assert len(corners(empty) & corners(heaped)) >= len(shared)


_ROOM = loads.Room(0.0, 5.0, 1.4, 2.4, Width(1.1, 1.4, 1.15, 2.4))


@pytest.mark.parametrize("seed", range(12))
def test_only_a_heap_stands_above_the_boards(seed):
    level = loads.level(np.random.default_rng(seed), _ROOM)
    heap = loads.heaped(np.random.default_rng(seed), _ROOM)
    empty = loads.residue(np.random.default_rng(seed), _ROOM)
    assert level.shape.points()[:, 2].max() < _ROOM.top_z + 0.2
    assert level.probes[:, 2].mean() > _ROOM.floor_z + 0.6 * _ROOM.deep
    assert _ROOM.top_z + 0.2 < heap.probes[:, 2].max() < _ROOM.top_z + 1.2
    if empty.shape.vertices:
        assert empty.shape.points()[:, 2].max() < _ROOM.floor_z + 0.35 * _ROOM.deep


@pytest.mark.parametrize("seed", range(12))
def test_cover_closes_the_whole_box(seed):
    points = covered(np.random.default_rng(seed), _ROOM).shape.points()
    low, high = points.min(axis=0), points.max(axis=0)
    assert low[0] < _ROOM.back_x and high[0] > _ROOM.front_x
    assert low[1] < -_ROOM.half_width(_ROOM.top_z) and high[1] > _ROOM.half_width(_ROOM.top_z)


@pytest.mark.parametrize(
    ("state", "pitch", "seen"),
    [
        *((state, 50.0, True) for state in LOADED_STATES),
        ("empty", -2.0, False),
        ("level", -2.0, False),
    ],
)
def test_load_is_seen_from_above_and_an_open_one_not_from_below_the_boards(state, pitch, seen):
    asset = muck_truck(np.random.default_rng(8), design="cabover_8x4", load_state=state)
    assert load_seen(asset, _above(pitch_deg=pitch)) is seen


@pytest.mark.parametrize(
    ("state", "pitch", "told"),
    [
        *((state, 50.0, state) for state in LOADED_STATES),
        *((state, 8.0, "not_visible") for state in ("empty", "level")),
        ("heaped", 8.0, "heaped"),
        ("covered", 8.0, "covered"),
    ],
)
def test_a_load_of_which_a_line_is_seen_is_not_told(state, pitch, told):
    asset = muck_truck(np.random.default_rng(8), design="cabover_8x4", load_state=state)
    view = _above(pitch_deg=pitch, yaw_deg=135.0)
    assert load_seen(asset, view)
    assert told_state(asset, view) == told


def test_the_inside_of_a_wall_is_not_seen_through_it():
    asset = muck_truck(np.random.default_rng(8), design="cabover_8x4", load_state="empty")
    assert told_state(asset, _above(pitch_deg=0.0, yaw_deg=90.0)) == "not_visible"


def test_turning_truck_and_camera_together_changes_nothing():
    asset = muck_truck(np.random.default_rng(4), design="light_4x2", load_state="level")
    view = View((0.0, -20.0, 8.0), (0.0, 0.0, 1.5), 20.0, (320, 320))
    turned = View((20.0, 0.0, 8.0), (0.0, 0.0, 1.5), 20.0, (320, 320))
    (one,) = part_boxes(asset, view)
    (two,) = part_boxes(asset.placed(0, 0, yaw_deg=90), turned)
    assert one[0] == two[0] == "muck_truck"
    assert one[1] == pytest.approx(two[1], abs=1e-3)


def test_rider_is_a_part_of_its_own():
    for ridden, labels in ((True, ["two_wheeler", "person"]), (False, ["two_wheeler"])):
        asset = vehicles.two_wheeler(np.random.default_rng(0), design="scooter", ridden=ridden)
        assert [part.label for part in asset.parts] == labels


def test_switching_on_lights_the_lamps_and_nothing_else():
    dark = vehicles.vehicle(np.random.default_rng(1), "car", design="sedan")
    lit = switched_on(dark)
    for before, after in zip(dark.parts[0].shape.paints, lit.parts[0].shape.paints, strict=True):
        if before in (HEADLAMP, TAIL_LAMP):
            assert after.glow > 0
        else:
            assert after == before


def test_plate_has_the_inner_paint_on_its_inner_face_only():
    inner, outer = Paint((0.1, 0.1, 0.1)), Paint((0.9, 0.9, 0.9))
    corners = [(0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (1.0, 1.0, 0.0), (0.0, 1.0, 0.0)]
    shape = plate(Shape(), corners, (0.0, 0.0, -0.1), (inner, outer))
    assert shape.paints.count(inner) == 1 and len(shape.faces) == 6
    assert shape.points()[:, 2].min() == pytest.approx(-0.1)
