"""Land cover: generated ground of known kind, re-lit, cut into windows, at several GSDs."""

from __future__ import annotations

import json
import os
from dataclasses import fields
from pathlib import Path

import cv2
import numpy as np
import pytest

from vision.errors import InputError
from vision.survey.landcover import (
    CONTEXT_PX,
    NEUTRAL_TONE,
    LandCover,
    classify,
    even_out,
    net_probability,
    scene_tone,
    shadow_probability,
    soil_probability,
    vegetation_probability,
    water_probability,
)
from vision.survey.soil_model import FEATURES, parse_soil_model, reach_px, soil_features, soil_model

SHARED = Path(os.environ.get("CITYEYE_SHARED", Path(__file__).parents[4] / "shared"))

# Colour and grain (standard deviation of brightness at 0.2 m) of ground seen from the air.
GROUND = {
    "earth yard": ((176, 158, 140), 5),
    "red earth": ((180, 140, 115), 8),
    "grass": ((95, 115, 70), 10),
    "dark crop": ((60, 80, 45), 12),
    "straw": ((170, 155, 100), 14),
    "asphalt": ((105, 107, 108), 4),
    "blue roof": ((40, 110, 190), 3),
    "red roof": ((185, 65, 70), 3),
    "white roof": ((205, 208, 210), 4),
    "green net": ((45, 120, 85), 4),
    "shade": ((30, 35, 43), 3),
    "pond": ((50, 62, 60), 1),
}


def ground(name: str, size: int = 160, seed: int = 3) -> np.ndarray:
    """A patch of one ground: its colour under coarse and fine grain."""
    colour, grain = GROUND[name]
    rng = np.random.default_rng(seed)
    fine = cv2.GaussianBlur(rng.normal(0, 1, (size, size)).astype(np.float32), (0, 0), 0.6)
    fine /= fine.std()
    factor = 1 + grain / 100 * fine
    picture = np.array(colour, np.float32) * factor[..., None]
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def patchwork(size: int = 128) -> np.ndarray:
    """All grounds side by side, 4 × 3."""
    tiles = [ground(name, size, seed) for seed, name in enumerate(GROUND)]
    # The white that tone is measured on: concrete in the sun, slightly warm.
    tiles[list(GROUND).index("white roof")][:] = (222, 218, 212)
    return np.vstack([np.hstack(tiles[row * 4 : row * 4 + 4]) for row in range(3)])


def middle(plane: np.ndarray) -> float:
    """Mean of the part that has its whole context."""
    inside = plane[CONTEXT_PX:-CONTEXT_PX, CONTEXT_PX:-CONTEXT_PX]
    return float(inside.mean())


@pytest.mark.parametrize("gsd_m", [0.15, 0.2, 0.3])
@pytest.mark.parametrize(
    ("name", "is_soil"),
    [
        ("earth yard", True),
        ("red earth", True),
        ("grass", False),
        ("dark crop", False),
        ("asphalt", False),
        ("blue roof", False),
        ("red roof", False),
        ("white roof", False),
        ("green net", False),
        ("shade", False),
    ],
)
def test_soil_is_told_from_other_ground(name: str, is_soil: bool, gsd_m: float) -> None:
    probability = middle(soil_probability(ground(name), gsd_m=gsd_m))
    assert (probability > 0.6) if is_soil else (probability < 0.35)


@pytest.mark.parametrize(
    ("judge", "expected"),
    [
        (vegetation_probability, {"grass", "dark crop", "straw"}),
        (shadow_probability, {"shade"}),
        (net_probability, {"green net"}),
        (water_probability, {"pond", "shade"}),
    ],
)
def test_each_class_finds_its_own_ground(judge, expected) -> None:
    found = {name for name in GROUND if middle(judge(ground(name), gsd_m=0.2)) > 0.5}
    # A flat pond and a flat shade differ in nothing that a picture shows: both may be named.
    assert found - {"pond", "shade"} == expected - {"pond", "shade"}
    assert found & expected


def test_classify_agrees_with_each_function() -> None:
    picture = patchwork(64)
    cover = classify(picture, gsd_m=0.2)
    for name, judge in (
        ("soil", soil_probability),
        ("vegetation", vegetation_probability),
        ("shadow", shadow_probability),
        ("net", net_probability),
        ("water", water_probability),
    ):
        plane = getattr(cover, name)
        assert plane.shape == picture.shape[:2]
        assert plane.dtype == np.float32
        assert plane.min() >= 0.0
        assert plane.max() <= 1.0
        np.testing.assert_array_equal(plane, judge(picture, gsd_m=0.2))


@pytest.mark.parametrize("gsd_m", [0.1, 0.13, 0.2, 0.5])
@pytest.mark.parametrize(("top", "left"), [(0, 0), (61, 37), (130, 201)])
def test_a_window_with_halo_gives_the_same_answer(gsd_m: float, top: int, left: int) -> None:
    picture = patchwork()
    rows, columns = picture.shape[:2]
    whole = classify(picture, gsd_m=gsd_m)
    bottom, right = top + 150, left + 170
    first_row, first_column = max(0, top - CONTEXT_PX), max(0, left - CONTEXT_PX)
    cut = picture[
        first_row : min(rows, bottom + CONTEXT_PX), first_column : min(columns, right + CONTEXT_PX)
    ]
    part = classify(np.ascontiguousarray(cut), gsd_m=gsd_m)
    for field in fields(LandCover):
        inner = getattr(part, field.name)[
            top - first_row : bottom - first_row, left - first_column : right - first_column
        ]
        np.testing.assert_allclose(
            inner, getattr(whole, field.name)[top:bottom, left:right], atol=2e-3
        )


def test_strips_leave_no_seam() -> None:
    # Wide enough for several internal strips; a strip must not see its own edge.
    picture = np.tile(ground("earth yard", 256), (2, 12, 1))
    picture[200:330] = (95, 115, 70)
    narrow = np.ascontiguousarray(picture[:, :400])
    wide = soil_probability(picture, gsd_m=0.1)[:, : 400 - CONTEXT_PX]
    np.testing.assert_allclose(
        soil_probability(narrow, gsd_m=0.1)[:, : 400 - CONTEXT_PX], wide, atol=2e-3
    )


@pytest.mark.parametrize("gsd_m", [0.1, 0.15, 0.2, 0.5])
def test_reach_stays_in_the_halo(gsd_m: float) -> None:
    assert reach_px(gsd_m) <= CONTEXT_PX
    flat = np.full((160, 160, 3), 128, np.uint8)
    dotted = flat.copy()
    dotted[80, 80] = (255, 0, 0)
    moved = np.abs(soil_features(dotted, gsd_m=gsd_m) - soil_features(flat, gsd_m=gsd_m)).max(
        axis=0
    )
    rows, columns = np.nonzero(moved > 1e-4)
    assert max(np.abs(rows - 80).max(), np.abs(columns - 80).max()) <= reach_px(gsd_m)


def relit(picture: np.ndarray, gains=(1.0, 1.0, 1.0), gamma=1.0, haze=0.0) -> np.ndarray:
    out = (picture / 255.0) ** gamma * np.array(gains) * (1 - haze) + haze * np.array(
        [0.86, 0.9, 0.95]
    )
    return np.clip(np.rint(out * 255), 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    "light",
    [
        {"gains": (1.08, 1.0, 0.92)},
        {"gains": (0.92, 1.0, 1.08)},
        {"gamma": 0.8},
        {"gamma": 1.25},
        {"haze": 0.15},
    ],
    ids=str,
)
def test_soil_stays_soil_in_another_light(light) -> None:
    picture = patchwork()
    valid = np.ones(picture.shape[:2], bool)
    before = soil_probability(picture, gsd_m=0.2, tone=scene_tone(picture, valid)) > 0.5
    other = relit(picture, **light)
    after = soil_probability(other, gsd_m=0.2, tone=scene_tone(other, valid)) > 0.5
    assert before.sum() > 1000
    assert (before & after).sum() / (before | after).sum() > 0.8


def test_scene_tone_takes_a_cast_out() -> None:
    picture = patchwork()
    valid = np.ones(picture.shape[:2], bool)
    plain = even_out(picture, scene_tone(picture, valid)).astype(int)
    cast = relit(picture, gains=(1.08, 1.0, 0.92))
    mended = even_out(cast, scene_tone(cast, valid)).astype(int)
    assert np.abs(mended - plain).mean() < 0.4 * np.abs(cast.astype(int) - picture).mean()


def test_scene_tone_ignores_what_is_not_valid() -> None:
    picture = patchwork()
    valid = np.ones(picture.shape[:2], bool)
    collar = np.hstack([picture, np.full((picture.shape[0], 100, 3), (250, 10, 10), np.uint8)])
    mask = np.hstack([valid, np.zeros((picture.shape[0], 100), bool)])
    assert scene_tone(collar, mask) == scene_tone(picture, valid)
    assert scene_tone(picture, ~valid) == NEUTRAL_TONE


def test_scene_tone_is_limited_where_nothing_is_white() -> None:
    field = np.tile(ground("red earth"), (2, 2, 1))
    tone = scene_tone(field, np.ones(field.shape[:2], bool))
    assert middle(soil_probability(field, gsd_m=0.2, tone=tone)) > 0.5


@pytest.mark.parametrize(
    ("picture", "gsd_m", "says"),
    [
        (np.zeros((8, 8), np.uint8), 0.2, "uint8 \\(H, W, 3\\)"),
        (np.zeros((8, 8, 3), np.float32), 0.2, "float32"),
        (np.zeros((8, 8, 3), np.uint8), 0.05, "0.1–0.5"),
        (np.zeros((8, 8, 3), np.uint8), 1.0, "resample"),
    ],
)
def test_bad_input_is_named(picture, gsd_m: float, says: str) -> None:
    with pytest.raises(InputError, match=says):
        classify(picture, gsd_m=gsd_m)


def test_scene_tone_names_a_mask_of_another_size() -> None:
    with pytest.raises(InputError, match="differ in size"):
        scene_tone(np.zeros((8, 8, 3), np.uint8), np.zeros((8, 9), bool))


def test_weights_for_other_features_are_refused() -> None:
    text = json.dumps({"version": "x", "features": ["one"], "layers": []})
    with pytest.raises(InputError, match=r"train_soil\.py"):
        parse_soil_model(text)


def test_network_is_what_its_weights_say() -> None:
    model = soil_model()
    rows = np.random.default_rng(5).normal(0, 0.3, (len(FEATURES), 20_001)).astype(np.float32)
    (w0, b0), (w1, b1) = model.layers
    expected = (w1 @ np.maximum(w0 @ rows + b0, 0) + b1)[0]
    np.testing.assert_allclose(model.log_odds(rows), expected, rtol=1e-4, atol=1e-4)


def test_one_pixel_and_odd_sizes_work() -> None:
    for shape in ((1, 1), (1, 700), (333, 2)):
        cover = classify(np.full((*shape, 3), 120, np.uint8), gsd_m=0.2)
        assert cover.soil.shape == shape
        assert np.isfinite(cover.soil).all()


@pytest.mark.real
def test_hand_labelled_crops_reach_the_target() -> None:
    folder = SHARED / "data" / "ortho"
    if not (folder / "banepa_soil").is_dir():
        pytest.skip(f"hand-labelled crops not found under {folder}; set CITYEYE_SHARED")
    from scripts.evaluate_soil import NEAR_NEGATIVE, counts, overview, read_crop

    view = overview(str(folder / "banepa_ortho.tif"))
    tone = scene_tone(view, view.max(axis=2) > 0)
    total, near = np.zeros(4, np.int64), np.zeros(4, np.int64)
    for path in sorted((folder / "banepa_soil").glob("*.tif")):
        crop = read_crop(path, 0.2)
        c = counts(crop, soil_probability(crop.rgb, gsd_m=0.2, tone=tone) > 0.5)
        total += c
        near += c if crop.name in NEAR_NEGATIVE else 0
    assert total[0] / total[:3].sum() >= 0.65
    assert near[2] / near[2:].sum() <= 0.03
