"""Vending spots, people, canopies and look-alikes of the rendered scenes."""

from __future__ import annotations

import numpy as np
import pytest

from datasets.classes import STREET_CLASSES
from datasets.scenes import canopies, goods, lookalikes, people, vending
from datasets.scenes.asset import Asset
from datasets.scenes.shape import Paint, Shape
from datasets.scenes.vending_paints import from_hex
from datasets.scenes.vending_solids import heap, loft, open_box, rod
from datasets.scenes.view import View, part_boxes

MAKERS = {
    "vending": (vending.vending, vending),
    "lookalike": (lookalikes.lookalike, lookalikes),
    "person": (people.person, people),
}
ALL = [
    (kind, design)
    for kind, (_, module) in MAKERS.items()
    for design in module.TRAIN_DESIGNS + module.TEST_DESIGNS
]
SEEDS = range(4)
GREY = Paint((0.5, 0.5, 0.5))


def made(kind: str, design: str, seed: int) -> Asset:
    maker, _ = MAKERS[kind]
    return maker(np.random.default_rng(seed), design=design)


def labels(asset: Asset) -> set[str]:
    return {part.label for part in asset.parts if part.label}


def extent(points: np.ndarray) -> np.ndarray:
    return points.max(axis=0) - points.min(axis=0)


@pytest.mark.parametrize(("kind", "design"), ALL)
def test_assets_stand_on_the_ground_small_and_known_to_the_detector(kind, design):
    for seed in SEEDS:
        asset = made(kind, design, seed)
        assert (asset.kind, asset.design, asset.load_state) == (kind, design, None)
        assert labels(asset) <= set(STREET_CLASSES)
        assert sum(len(part.shape.faces) for part in asset.parts) < 8000
        points = np.vstack([part.shape.points() for part in asset.parts if part.shape.vertices])
        assert np.isfinite(points).all()
        assert -0.1 < points[:, 2].min() < 0.02, "nothing floats or sinks"
        assert points[:, 2].max() < 3.1
        assert np.abs(points[:, :2]).max() < 5.5
        for part in asset.parts:
            assert len(part.shape.faces) == len(part.shape.paints)
            assert max((max(face) for face in part.shape.faces), default=-1) < len(
                part.shape.vertices
            )


@pytest.mark.parametrize("kind", MAKERS)
def test_designs_for_testing_are_never_for_training(kind):
    _, module = MAKERS[kind]
    assert set(module.TRAIN_DESIGNS).isdisjoint(module.TEST_DESIGNS)


def test_half_of_what_is_trained_on_is_put_together_at_random_and_nothing_that_is_tested():
    rng = np.random.default_rng(1)
    drawn = [vending.draw_design(rng, vending.TRAIN_DESIGNS) for _ in range(400)]
    free = sum(design.startswith("free_") for design in drawn)
    assert 160 < free < 240
    assert set(drawn) == set(vending.TRAIN_DESIGNS)
    drawn = [vending.draw_design(rng, vending.TEST_DESIGNS) for _ in range(100)]
    assert set(drawn) == set(vending.TEST_DESIGNS)


def test_every_lookalike_is_drawn_and_those_of_the_other_split_never():
    rng = np.random.default_rng(1)
    for designs in (lookalikes.TRAIN_DESIGNS, lookalikes.TEST_DESIGNS):
        assert {lookalikes.draw_design(rng, designs) for _ in range(500)} == set(designs)


@pytest.mark.parametrize("design", [*vending.TRAIN_DESIGNS, *vending.TEST_DESIGNS])
def test_what_one_trader_sells_from_side_by_side_is_one_thing(design):
    for seed in range(12):
        sold_from = [
            part
            for part in vending.joined(made("vending", design, seed)).parts
            if part.label in ("stall", "cart")
        ]
        for number, part in enumerate(sold_from):
            for other in sold_from[:number]:
                gap = ground_gap_m(part.shape.points(), other.shape.points())
                assert gap >= 0.6, f"{part.label} and {other.label} of {design} {seed}: {gap} m"


def ground_gap_m(a, b):
    apart = np.maximum(a.min(axis=0) - b.max(axis=0), b.min(axis=0) - a.max(axis=0))[:2]
    return float(np.hypot(*np.maximum(apart, 0.0)))


def test_pots_before_a_wagon_are_part_of_it():
    for seed in range(20):
        spot = vending.joined(made("vending", "flower_wagon", seed))
        labels = [part.label for part in spot.parts]
        assert [name for name in labels if name in ("stall", "cart")] == ["cart"]


@pytest.mark.parametrize("design", ["free_cart", "free_stall"])
def test_what_is_put_together_at_random_is_never_alike_and_always_whole(design):
    sizes = set()
    for seed in range(150):
        asset = made("vending", design, seed)
        goods_part = next(part for part in asset.parts if part.label in ("cart", "stall"))
        points = goods_part.shape.points()
        assert np.isfinite(points).all()
        assert points[:, 2].min() > -0.1
        sizes.add(tuple(np.round(extent(points), 1)))
    assert len(sizes) > 120


def test_the_same_seed_makes_the_same_spot_and_another_one_does_not():
    first, again, other = (made("vending", "table_food", seed) for seed in (5, 5, 6))
    assert [part.shape.vertices for part in first.parts] == [
        part.shape.vertices for part in again.parts
    ]
    assert first.parts[0].shape.vertices != other.parts[0].shape.vertices


@pytest.mark.parametrize(
    ("design", "always"),
    [
        ("table_food", {"stall"}),
        ("table_wares", {"stall"}),
        ("free_cart", {"cart"}),
        ("free_stall", {"stall"}),
        ("clothes", {"stall"}),
        ("ground_cloth", {"stall"}),
        ("ground_baskets", {"stall"}),
        ("tricycle_cart", {"cart"}),
        ("food_cart", {"cart"}),
        ("hand_barrow", {"cart"}),
        ("pickup", {"car", "stall"}),
        ("glass_trolley", {"cart"}),
        ("loaded_bicycle", {"cart"}),
        ("motor_tricycle", {"cart"}),
        ("grill_cart", {"cart"}),
        ("hanging_rack", {"stall"}),
        ("pots_on_stools", {"stall"}),
        ("tiered_stand", {"stall"}),
        ("corner_cloths", {"stall"}),
        ("kiosk_tricycle", {"cart"}),
        ("box_tricycle", {"cart"}),
        ("barrel_oven", {"cart"}),
        ("flower_wagon", {"cart"}),
        ("flatbed", {"truck", "stall"}),
    ],
)
def test_every_spot_holds_what_it_sells_from(design, always):
    for seed in SEEDS:
        assert always <= labels(made("vending", design, seed))


def test_spots_come_with_and_without_canopy_seller_and_customers():
    spots = [made("vending", "table_food", seed) for seed in range(30)]
    folk = [sum(part.label == "person" for part in spot.parts) for spot in spots]
    assert 0 in folk and max(folk) >= 3
    covered = sum("canopy" in labels(spot) for spot in spots)
    assert 10 <= covered <= 28


@pytest.mark.parametrize("design", lookalikes.TRAIN_DESIGNS + lookalikes.TEST_DESIGNS)
def test_look_alikes_sell_nothing(design):
    for seed in range(8):
        found = labels(made("lookalike", design, seed))
        assert found <= {"person", "canopy", "two_wheeler"}
        if "tricycle" in design:
            assert found == {"two_wheeler"}
        if design in ("umbrella", "empty_tent", "parasol"):
            assert "canopy" in found


@pytest.mark.parametrize(
    ("design", "low_m", "high_m"),
    [
        ("standing", 1.45, 1.97),
        ("walking", 1.4, 1.97),
        ("carrying", 1.4, 1.97),
        ("bending", 0.8, 1.7),
        ("sitting", 1.0, 1.55),
        ("squatting", 0.75, 1.3),
    ],
)
def test_people_are_as_tall_as_people(design, low_m, high_m):
    for seed in range(12):
        body = next(p for p in made("person", design, seed).parts if p.label == "person")
        size = extent(body.shape.points())
        assert low_m < size[2] < high_m
        assert size[1] < 0.9


@pytest.mark.parametrize("kind", canopies.TRAIN_KINDS + canopies.TEST_KINDS)
def test_a_canopy_covers_what_it_should_above_the_heads(kind):
    for seed in SEEDS:
        cloth, poles = canopies.canopy(np.random.default_rng(seed), kind, (2.4, 2.2))
        assert (cloth.label, poles.label) == ("canopy", None)
        points = cloth.shape.points()
        assert (extent(points)[:2] >= 1.9).all() and (extent(points)[:2] <= 3.4).all()
        assert points[:, 2].max() > 1.85
        assert poles.shape.points()[:, 2].min() < 0.02


@pytest.mark.parametrize("kind", goods.TRAIN_KINDS + goods.TEST_KINDS)
@pytest.mark.parametrize("size", [(0.72, 0.68), (1.0, 0.6), (2.2, 0.9)])
def test_goods_fill_their_rectangle_and_little_more(kind, size):
    points = goods.lay(np.random.default_rng(1), kind, size).points()
    assert (extent(points)[:2] > 0.6 * np.asarray(size)).all()
    assert (extent(points)[:2] < np.asarray(size) + 0.45).all()
    assert -0.16 < points[:, 2].min() and points[:, 2].max() < 0.85


def test_customers_stand_before_the_table_and_the_seller_behind():
    for seed in range(20):
        spot = made("vending", "table_wares", seed)
        folk = [part.shape.points().mean(axis=0) for part in spot.parts if part.label == "person"]
        assert all(abs(middle[1]) > 0.3 for middle in folk), "nobody stands in the goods"


def test_the_boxes_of_a_spot_lie_where_its_parts_are_seen():
    spot = made("vending", "table_food", 0)
    view = View((-14, -8, 7), (0, 0, 1), 22, (640, 480))
    boxes = part_boxes(spot, view)
    assert {label for label, _ in boxes} == labels(spot)
    by_label = dict(boxes)
    if "canopy" in by_label:
        assert by_label["canopy"][1] < by_label["stall"][1], "the canopy is above the stall"


@pytest.mark.parametrize(
    ("code", "linear"),
    [("#000000", (0, 0, 0)), ("#ffffff", (1, 1, 1)), ("#808080", (0.2159, 0.2159, 0.2159))],
)
def test_screen_colours_become_linear_light(code, linear):
    assert from_hex(code) == pytest.approx(linear, abs=1e-4)


@pytest.mark.parametrize(
    ("start", "end"), [((0, 0, 0), (0, 0, 2)), ((1, 2, 3), (1, 5, 3)), ((0, 0, 1), (2, 1, 0))]
)
def test_a_rod_reaches_from_end_to_end_and_looks_outward(start, end):
    shape = rod(Shape(), start, end, 0.1, GREY, sides=8)
    points = shape.points()
    near, far = points[:8].mean(axis=0), points[8:].mean(axis=0)
    assert near == pytest.approx(start) and far == pytest.approx(end)
    middle = points.mean(axis=0)
    for face in shape.faces:
        a, b, c = (points[index] for index in face[:3])
        assert np.dot(np.cross(b - a, c - a), points[list(face)].mean(axis=0) - middle) > 0


def test_a_rod_without_length_adds_nothing():
    assert rod(Shape(), (1, 1, 1), (1, 1, 1), 0.1, GREY).faces == []


def test_a_loft_an_open_box_and_a_heap_have_their_measures():
    rings = [((0, 0, 0), 0.2, 0.3), ((0, 0, 1), 0.1, 0.1)]
    assert extent(loft(Shape(), rings, GREY).points()) == pytest.approx([0.4, 0.6, 1.0])
    crate = open_box(Shape(), (0.5, 0.3, 0.25), (1, 2, 3), GREY).points()
    assert crate.min(axis=0) == pytest.approx([0.75, 1.85, 3])
    assert crate.max(axis=0) == pytest.approx([1.25, 2.15, 3.25])
    rng = np.random.default_rng(0)
    pile = heap(Shape(), rng, size=(1, 1, 0.2), centre=(0, 0, 0.5), paint=GREY).points()
    assert pile[:, 2].min() == pytest.approx(0.5) and 0.6 < pile[:, 2].max() < 0.73


@pytest.mark.parametrize("design", ["food_cart", "motor_tricycle", "free_cart", "kiosk_tricycle"])
def test_the_roof_of_a_cart_is_a_canopy_and_no_part_of_the_cart(design):
    roofed = 0
    for seed in range(60):
        spot = made("vending", design, seed)
        cart = next(part for part in spot.parts if part.label == "cart").shape.points()
        for canopy in (part.shape.points() for part in spot.parts if part.label == "canopy"):
            roofed += 1
            assert canopy[:, 2].min() > 1.2
            assert cart[:, 2].max() <= canopy[:, 2].max()
    assert roofed >= 5
