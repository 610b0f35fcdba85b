"""Planted pairs: deterministic, true to what they say, and plausible in picture and surface."""

from __future__ import annotations

import json
import math
import os
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.windows import Window
from shapely.geometry import Polygon, box, shape

from datasets.planting import (
    Misalignment,
    MisalignOptions,
    PlantedObject,
    PlantedPair,
    PlantOptions,
    Sun,
    Wave,
    north_up,
    plant_pair,
    relight,
    write_dsm,
    write_survey,
    write_truth,
)
from datasets.planting.footprint import Footprint
from datasets.planting.misalign import draw_misalignment, plan_resampling, resample_picture
from datasets.planting.noise import rough_field
from datasets.planting.render import cast_shadow
from datasets.planting.scene import fill_polygons, read_scene
from vision.errors import InputError

GSD_M = 0.2
ROWS, COLS = 420, 520
PLAIN = {
    "light_before": 0.0,
    "light_after": 0.0,
    "season_before": 0.0,
    "turn_shadows": False,
    "misalign": None,
    "jpeg_quality": 100,
}
NOTHING = {
    name: 0
    for name in (
        "new_structures",
        "removed_structures",
        "soil_sites",
        "land_clearings",
        "vehicles",
        "trees",
        "crop_parcels",
        "stockpiles",
        "clutter",
        "puddles",
        "laundry",
    )
}


@cache
def village() -> tuple[np.ndarray, tuple[Polygon, ...]]:
    """A green picture with an earth road, six roofs and their shadows to the lower right."""
    rng = np.random.default_rng(7)
    shape_ = (ROWS, COLS)
    texture = rough_field(rng, shape_, 12.0, octaves=4, gain=0.8)[..., None]
    image = np.array((92, 116, 66), np.float32) * (1 + 0.08 * texture)
    earth = np.array((172, 154, 128), np.float32) * (1 + 0.03 * texture)
    image[180:260] = earth[180:260]
    roofs = []
    for number, (col, row) in enumerate(
        ((40, 60), (170, 50), (330, 80), (60, 300), (240, 310), (400, 320))
    ):
        roof = box(col, row, col + 52, row + 40)
        shade = fill_polygons([box(col + 12, row + 12, col + 64, row + 52)], shape_)
        image[shade] *= 0.4
        colour = ((150, 147, 140), (60, 118, 168), (176, 90, 84))[number % 3]
        inside = fill_polygons([roof], shape_)
        image[inside] = (np.array(colour, np.float32) * (1 + 0.05 * texture))[inside]
        roofs.append(roof)
    return np.clip(image, 0, 255).astype(np.uint8), tuple(roofs)


@cache
def full_pair() -> PlantedPair:
    rgb, roofs = village()
    return plant_pair(rgb, gsd_m=GSD_M, seed=3, buildings=roofs)


def plain_pair(seed: int = 5, **counts: object) -> PlantedPair:
    rgb, roofs = village()
    options = PlantOptions(**{**NOTHING, **PLAIN, **counts})
    return plant_pair(rgb, gsd_m=GSD_M, seed=seed, options=options, buildings=roofs)


def kinds(objects: tuple[PlantedObject, ...], kind: str) -> list[PlantedObject]:
    return [planted for planted in objects if planted.kind == kind]


def test_same_seed_gives_the_same_pair_another_seed_another_and_the_input_stays() -> None:
    rgb, roofs = village()
    kept = rgb.copy()
    again = plant_pair(rgb, gsd_m=GSD_M, seed=3, buildings=roofs)
    first = full_pair()
    assert np.array_equal(rgb, kept)
    assert np.array_equal(first.before_rgb, again.before_rgb)
    assert np.array_equal(first.after_rgb, again.after_rgb)
    assert np.array_equal(first.before_dsm_m, again.before_dsm_m, equal_nan=True)
    assert first.truth == again.truth
    assert first.misalignment == again.misalignment
    assert plain_pair(seed=4, new_structures=2).truth != plain_pair(new_structures=2).truth


def test_every_class_is_planted_and_truth_is_kept_apart_from_distractors() -> None:
    pair = full_pair()
    wanted = {"new_structure", "removed_structure", "land_clearing", "dust_hotspot"}
    assert {planted.kind for planted in pair.truth} == wanted
    found = {planted.kind for planted in pair.distractors}
    assert {"vehicle", "tree", "stockpile", "clutter", "laundry"} <= found
    assert not found & wanted


def test_structures_keep_to_their_limits_and_clear_of_buildings_and_each_other() -> None:
    _, roofs = village()
    pair = full_pair()
    structures = [p for p in pair.truth if p.kind.endswith("structure")]
    picture = box(0, 0, COLS, ROWS)
    for number, planted in enumerate(structures):
        assert 10.0 <= planted.area_m2(GSD_M) <= 500.0
        assert planted.height_m >= 2.0
        assert picture.contains(planted.polygon)
        for other in structures[:number]:
            assert planted.polygon.intersection(other.polygon).area < 1e-6
        overlap = sum(planted.polygon.intersection(roof).area for roof in roofs)
        on_roof = planted.attributes["standing_on"] == "roof"
        assert (overlap > 0.9 * planted.polygon.area) == on_roof
        assert on_roof or overlap == 0


@pytest.mark.parametrize("kind", ["new_structure", "removed_structure"])
def test_a_structure_shows_in_its_epoch_alone_in_picture_and_surface(kind: str) -> None:
    count = {"new_structures" if kind == "new_structure" else "removed_structures": 3}
    pair = plain_pair(**count, rooftop_share=0.0)
    assert pair.before_dsm_m is not None and pair.after_dsm_m is not None
    planted = kinds(pair.truth, kind)
    assert planted and len(planted) == len(pair.truth)
    rgb, _ = village()
    there, gone = pair.after_rgb, pair.before_rgb
    rise = pair.after_dsm_m - pair.before_dsm_m + pair.surface_shift.over((ROWS, COLS), GSD_M)
    if kind == "removed_structure":
        there, gone, rise = gone, there, -rise
    for one in planted:
        inside = fill_polygons([one.polygon.buffer(-2.5)], (ROWS, COLS))
        height = float(np.median(rise[inside]))
        # The eave is the lowest and a gable adds at most a third of the half width.
        assert one.attributes["eave_m"] - 0.5 < height < one.height_m + 2.5
        changed = np.abs(there.astype(float) - rgb).mean(axis=2)[inside].mean()
        same = np.abs(gone.astype(float) - rgb).mean(axis=2)[inside].mean()
        assert same < 4.0 < 8.0 < changed


def test_nothing_planted_leaves_picture_and_surface_as_they_were() -> None:
    pair = plain_pair()
    rgb, _ = village()
    assert pair.truth == () and pair.distractors == ()
    for image in (pair.before_rgb, pair.after_rgb):
        assert np.abs(image.astype(float) - rgb).mean() < 2.5
    rise = pair.after_dsm_m - pair.before_dsm_m + pair.surface_shift.over((ROWS, COLS), GSD_M)
    assert abs(float(np.median(rise))) < 0.05
    assert 0.02 < float(np.percentile(np.abs(rise), 68)) < 0.25


def test_far_from_anything_planted_the_picture_does_not_change() -> None:
    pair = plain_pair(new_structures=2, removed_structures=1, vehicles=4, stockpiles=2)
    reach_px = 26.0 / GSD_M
    near = fill_polygons(
        [p.polygon.buffer(reach_px) for p in (*pair.truth, *pair.distractors)], (ROWS, COLS)
    )
    rgb, _ = village()
    if (~near).any():
        assert np.abs(pair.after_rgb.astype(float) - rgb)[~near].mean() < 2.5
    assert near.any()


def test_shadow_falls_away_from_the_sun_and_is_as_long_as_the_sun_says() -> None:
    height = np.full((80, 80), -np.inf, np.float32)
    height[38:42, 38:42] = 5.0
    sun = Sun(azimuth_deg=270.0, elevation_deg=45.0)
    shadow = cast_shadow(height, np.zeros((80, 80), np.float32), sun, pixel_m=0.5, reach_m=8.0)
    columns = np.flatnonzero(shadow[40])
    assert not shadow[40, :38].any()
    assert columns.max() - 41 == pytest.approx(5.0 / 0.5, abs=1)
    assert not shadow[30].any() and not shadow[50].any()


def test_planted_shadows_lie_on_the_side_away_from_the_sun() -> None:
    pair = plain_pair(
        new_structures=3, rooftop_share=0.0, sun_azimuth_deg=270.0, sun_elevation_deg=40.0
    )
    rgb, _ = village()
    darker = rgb.astype(float).mean(axis=2) - pair.after_rgb.astype(float).mean(axis=2)
    for planted in kinds(pair.truth, "new_structure"):
        left, top, right, bottom = (int(v) for v in planted.polygon.bounds)
        middle = (top + bottom) // 2
        east = darker[middle - 3 : middle + 3, right + 2 : right + 6].mean()
        west = darker[middle - 3 : middle + 3, max(0, left - 10) : left - 6].mean()
        assert east > 20 > abs(west)


def test_the_sun_is_read_from_the_shadows_beside_buildings() -> None:
    rgb, roofs = village()
    scene = read_scene(rgb, gsd_m=GSD_M, buildings=roofs)
    # Shadows to the lower right: sun in the upper left, which is north-west.
    off = (scene.sun.azimuth_deg - 315.0 + 180.0) % 360.0 - 180.0
    assert abs(off) < 20.0


def test_cleared_ground_loses_its_green_and_becomes_earth() -> None:
    pair = plain_pair(land_clearings=2)
    cleared = kinds(pair.truth, "land_clearing")
    assert cleared
    for planted in cleared:
        inside = fill_polygons([planted.polygon.buffer(-6)], (ROWS, COLS))

        def green_share(image: np.ndarray, inside: np.ndarray = inside) -> float:
            values = image[inside].astype(float)
            excess = 2 * values[:, 1] - values[:, 0] - values[:, 2]
            return float((excess > 0.04 * values.sum(axis=1)).mean())

        assert planted.attributes["green_share_before"] >= 0.6
        assert green_share(pair.before_rgb) > 0.7
        assert green_share(pair.after_rgb) < 0.25


def test_dust_says_how_much_is_bare_and_how_much_under_net() -> None:
    pair = plain_pair(soil_sites=3, net_share=1.0, seed=12)
    sites = kinds(pair.truth, "dust_hotspot")
    assert sites
    for site in sites:
        area = site.area_m2(GSD_M)
        exposed = float(site.attributes["exposed_m2"])
        assert exposed >= 100.0
        assert exposed == pytest.approx(area * (1 - float(site.attributes["net_share"])), rel=0.02)
        assert site.attributes["trend"] in {"new", "grew"}
        earlier = float(site.attributes["exposed_before_m2"])
        assert (earlier > 0) == (site.attributes["trend"] == "grew")
        assert earlier < area


def test_misaligned_pair_shows_the_same_thing_where_displacement_says() -> None:
    rgb, roofs = village()
    options = PlantOptions(
        **{**NOTHING, **PLAIN, "misalign": MisalignOptions(max_offset_m=4.0, max_rotation_deg=0.5)}
    )
    pair = plant_pair(rgb, gsd_m=GSD_M, seed=2, options=options, buildings=roofs)
    moved = pair.misalignment.at_origin(5000.0, 9000.0)
    for roof in roofs:
        col, row = roof.centroid.x, roof.centroid.y
        x, y = moved.displacement(
            np.array([5000.0 + col * GSD_M]), np.array([9000.0 - row * GSD_M])
        )
        to_col, to_row = (x[0] - 5000.0) / GSD_M, (9000.0 - y[0]) / GSD_M
        half = 34
        patch = pair.after_rgb[
            int(row) - half : int(row) + half, int(col) - half : int(col) + half
        ].astype(np.float32)
        # cv2 samples at pixel centres, which lie half a pixel inside pixel corners.
        shift_x, shift_y = to_col - col, to_row - row
        window = pair.before_rgb.astype(np.float32)
        seen = cv2.warpAffine(
            window, np.float32([[1, 0, -shift_x], [0, 1, -shift_y]]), (COLS, ROWS)
        )[int(row) - half : int(row) + half, int(col) - half : int(col) + half]
        unmoved = window[int(row) - half : int(row) + half, int(col) - half : int(col) + half]
        assert np.abs(seen - patch).mean() < 6.0 < np.abs(unmoved - patch).mean()


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    x=st.floats(0, 300),
    y=st.floats(-200, 0),
    left=st.floats(-1e5, 1e6),
)
def test_undo_is_the_inverse_of_displacement(seed: int, x: float, y: float, left: float) -> None:
    options = MisalignOptions(
        max_offset_m=5, max_rotation_deg=0.5, max_scale_error=0.005, max_distortion_m=0.6
    )
    moved = draw_misalignment(np.random.default_rng(seed), (300.0, 200.0), options)
    moved = moved.at_origin(left, 3e6)
    there = moved.displacement(np.array([left + x]), np.array([3e6 + y]))
    back_x, back_y = moved.undo(*there)
    assert back_x[0] == pytest.approx(left + x, abs=1e-3)
    assert back_y[0] == pytest.approx(3e6 + y, abs=1e-3)


def test_drawn_misalignment_keeps_its_limits() -> None:
    options = MisalignOptions(max_offset_m=3.0, max_distortion_m=0.5)
    for seed in range(40):
        moved = draw_misalignment(np.random.default_rng(seed), (200.0, 100.0), options)
        assert 1.5 <= math.hypot(*moved.offset_m) <= 3.0
        assert abs(moved.rotation_deg) <= options.max_rotation_deg
        assert abs(moved.scale - 1) <= options.max_scale_error
        assert sum(wave.amplitude_m for wave in moved.waves) <= 0.5 + 1e-9
        assert all(wave.wavelength_m >= options.min_wavelength_m for wave in moved.waves)


def test_plain_offset_moves_by_whole_pixels() -> None:
    rng = np.random.default_rng(1)
    image = rng.uniform(0, 255, (60, 70, 3)).astype(np.float32)
    moved = Misalignment(size_m=(7.0, 6.0), offset_m=(0.5, -0.3))
    plan = plan_resampling(moved, (60, 70), gsd_m=0.1, to_gsd_m=0.1)
    out = resample_picture(image, plan)
    # 0.5 m east is 5 columns right, 0.3 m south is 3 rows down.
    assert np.abs(out[13:50, 15:60] - image[10:47, 10:55]).max() < 0.6
    assert not plan.inside[:3].any() and not plan.inside[:, :5].any()


def test_waves_bend_the_ground() -> None:
    wave = Wave(
        amplitude_m=0.5, wavelength_m=120.0, along_rad=0.0, toward_rad=math.pi / 2, phase_rad=0.0
    )
    moved = Misalignment(size_m=(240.0, 100.0), waves=(wave,))
    x, y = moved.displacement(np.array([30.0, 90.0]), np.array([0.0, 0.0]))
    assert x == pytest.approx([30.0, 90.0])
    assert y == pytest.approx([0.5, -0.5])


@pytest.mark.parametrize("before_gsd_m", [0.3, 0.15])
def test_the_earlier_survey_may_have_another_gsd(before_gsd_m: float) -> None:
    pair = plain_pair(before_gsd_m=before_gsd_m)
    assert pair.before_gsd_m == before_gsd_m
    assert pair.before_rgb.shape[:2] == (
        round(ROWS * GSD_M / before_gsd_m),
        round(COLS * GSD_M / before_gsd_m),
    )
    assert pair.before_rgb.shape[:2] == pair.before_valid.shape == pair.before_dsm_m.shape
    rgb, _ = village()
    small = cv2.resize(
        rgb, (pair.before_rgb.shape[1], pair.before_rgb.shape[0]), interpolation=cv2.INTER_AREA
    )
    inside = pair.before_valid
    assert np.abs(small.astype(float) - pair.before_rgb)[inside].mean() < 4.0


def test_relight_changes_the_look_but_not_the_scene() -> None:
    rgb, _ = village()
    weak = relight(rgb, seed=1, strength=0.0, gsd_m=GSD_M)
    strong = relight(rgb, seed=1, strength=1.0, gsd_m=GSD_M, season=0.5)
    assert np.array_equal(strong, relight(rgb, seed=1, strength=1.0, gsd_m=GSD_M, season=0.5))
    moved_little = np.abs(weak.astype(float) - rgb).mean()
    moved_much = np.abs(strong.astype(float) - rgb).mean()
    assert moved_little < 4.0 < moved_much

    def lines(image: np.ndarray) -> np.ndarray:
        grey = cv2.GaussianBlur(image.astype(np.float32).mean(axis=2), (0, 0), 1.5)
        return cv2.Laplacian(grey, cv2.CV_32F).ravel()

    assert np.corrcoef(lines(rgb), lines(strong))[0, 1] > 0.85


def test_season_turns_vegetation_and_leaves_the_rest() -> None:
    rgb, _ = village()
    yellow = relight(rgb, seed=2, strength=0.0, gsd_m=GSD_M, season=1.0, jpeg_quality=100)
    green, road = (slice(0, 40), slice(0, 500)), (slice(200, 240), slice(0, 500))

    def redness(image: np.ndarray, part: tuple[slice, slice]) -> float:
        values = image[part].astype(float)
        return float((values[..., 0] / values[..., 1]).mean())

    assert redness(yellow, green) > 1.1 * redness(rgb, green)
    assert redness(yellow, road) == pytest.approx(redness(rgb, road), rel=0.03)


def test_relight_with_a_surface_moves_shadows() -> None:
    rgb = np.full((160, 160, 3), 150, np.uint8)
    surface = np.zeros((160, 160), np.float32)
    surface[60:100, 60:100] = 8.0
    out = relight(rgb, seed=4, strength=1.0, gsd_m=0.3, surface=surface)
    flat = relight(rgb, seed=4, strength=1.0, gsd_m=0.3)
    dark = out.astype(float).mean(axis=2) < 0.7 * np.median(out.astype(float))
    assert 100 < dark.sum() < 4000
    assert not (flat.astype(float).mean(axis=2) < 0.7 * np.median(flat.astype(float))).any()
    assert not dark[62:98, 62:98].any()


def test_files_come_back_as_they_were_written(tmp_path: Path) -> None:
    pair = full_pair()
    transform = north_up(353400.0, 3058000.0, GSD_M)
    survey, dsm, truth = tmp_path / "a.tif", tmp_path / "d.tif", tmp_path / "t.geojson"
    write_survey(
        survey, pair.before_rgb, valid=pair.before_valid, transform=transform, crs="EPSG:32645"
    )
    write_dsm(dsm, pair.before_dsm_m, transform=transform, crs="EPSG:32645")
    write_truth(truth, pair.truth, transform=transform, crs="EPSG:32645", gsd_m=GSD_M)
    with rasterio.open(survey) as source:
        assert source.profile["tiled"] and source.crs.to_epsg() == 32645
        assert source.transform == transform
        assert np.array_equal(np.moveaxis(source.read(), 0, 2), pair.before_rgb)
        assert np.array_equal(source.dataset_mask() > 0, pair.before_valid)
    with rasterio.open(dsm) as source:
        masked = source.read(1, masked=True)
        assert np.array_equal(~np.ma.getmaskarray(masked), np.isfinite(pair.before_dsm_m))
        assert np.allclose(masked.compressed(), pair.before_dsm_m[np.isfinite(pair.before_dsm_m)])
    features = json.loads(truth.read_text())["features"]
    assert len(features) == len(pair.truth)
    for feature, planted in zip(features, pair.truth, strict=True):
        lon, lat = shape(feature["geometry"]).centroid.coords[0]
        assert 85.4 < lon < 85.6 and 27.5 < lat < 27.7
        assert feature["properties"]["kind"] == planted.kind
    jpeg = tmp_path / "j.tif"
    write_survey(jpeg, pair.after_rgb, transform=transform, crs="EPSG:32645", compression="jpeg")
    with rasterio.open(jpeg) as source:
        assert np.abs(np.moveaxis(source.read(), 0, 2).astype(float) - pair.after_rgb).mean() < 6


@pytest.mark.parametrize(
    ("gsd_m", "size", "with_buildings"),
    [(0.3, (300, 420), True), (0.15, (260, 400), False), (0.5, (200, 200), False)],
)
def test_other_scales_and_shapes_and_no_buildings(
    gsd_m: float, size: tuple[int, int], with_buildings: bool
) -> None:
    rgb, roofs = village()
    crop = np.ascontiguousarray(rgb[: size[0], : size[1]])
    options = PlantOptions(new_structures=3, removed_structures=1, soil_sites=1, land_clearings=1)
    outlines = roofs if with_buildings else ()
    pair = plant_pair(crop, gsd_m=gsd_m, seed=1, options=options, buildings=outlines)
    assert pair.after_rgb.shape == crop.shape
    assert pair.before_dsm_m.shape == size
    assert kinds(pair.truth, "new_structure")
    if not with_buildings:
        assert all(p.attributes.get("standing_on") != "roof" for p in pair.truth)


def test_a_given_surface_is_kept_and_no_data_stays_no_data() -> None:
    rgb, roofs = village()
    rgb = rgb.copy()
    rgb[:, :60] = 255
    surface = np.full((ROWS, COLS), 30.0, np.float32)
    surface[fill_polygons(roofs, (ROWS, COLS))] = 36.0
    options = PlantOptions(**{**NOTHING, **PLAIN})
    pair = plant_pair(rgb, gsd_m=GSD_M, seed=1, options=options, buildings=roofs, surface=surface)
    assert not pair.after_valid[:, :58].any() and pair.after_valid[:, 70:].all()
    assert np.isnan(pair.after_dsm_m[:, :58]).all()
    inside = fill_polygons([roofs[2].buffer(-4)], (ROWS, COLS))
    assert float(np.median(pair.after_dsm_m[inside])) == pytest.approx(36.0, abs=0.2)


def test_without_surfaces_none_is_made() -> None:
    pair = plain_pair(with_surfaces=False, new_structures=1)
    assert pair.before_dsm_m is None and pair.after_dsm_m is None


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"rgb": np.zeros((200, 200), np.uint8)}, "uint8 of shape"),
        ({"rgb": np.zeros((200, 200, 3), np.float32)}, "float32"),
        ({"rgb": np.zeros((40, 200, 3), np.uint8)}, "at least"),
        ({"gsd_m": 30.0}, "GSD"),
        ({"surface": np.zeros((10, 10), np.float32)}, "resample"),
        ({"surface": np.full((ROWS, COLS), np.nan, np.float32)}, "no heights"),
    ],
)
def test_bad_input_is_named(change: dict[str, object], word: str) -> None:
    rgb, _ = village()
    given_ = {"rgb": rgb, "gsd_m": GSD_M, "surface": None, **change}
    with pytest.raises(InputError, match=word):
        plant_pair(given_.pop("rgb"), seed=1, **given_)


@settings(max_examples=40, deadline=None)
@given(
    length=st.floats(3, 30),
    width=st.floats(3, 30),
    angle=st.floats(-7, 7),
    cut=st.none() | st.floats(0.2, 0.6),
)
def test_footprint_polygon_and_area_agree(
    length: float, width: float, angle: float, cut: float | None
) -> None:
    notch = None if cut is None else (length * cut, width * cut)
    foot = Footprint(100.0, 80.0, length, width, angle, notch)
    polygon = foot.polygon(0.2)
    assert polygon.is_valid
    assert polygon.area * 0.2**2 == pytest.approx(foot.area_m2, rel=1e-6)
    filled = fill_polygons([polygon], (400, 400))
    grown = fill_polygons([polygon], (400, 400), left_px=-100, top_px=-100)
    assert abs(int(grown.sum()) - polygon.area) < 0.08 * polygon.area + 4 * polygon.length / 4
    assert filled.sum() <= grown.sum()


@pytest.mark.real
def test_real_town_gets_its_change() -> None:
    root = Path(os.environ.get("CITYEYE_SHARED", Path(__file__).resolve().parents[3] / "shared"))
    path = root / "data" / "ortho" / "banepa_ortho.tif"
    if not path.is_file():
        pytest.skip(f"real data is missing: {path}; set CITYEYE_SHARED to where it lies")
    with rasterio.open(path) as source:
        rgb = np.moveaxis(source.read([1, 2, 3], window=Window(8500, 2800, 700, 600)), 0, 2)
    options = PlantOptions(new_structures=5, removed_structures=1, vehicles=4, clutter=4)
    pair = plant_pair(np.ascontiguousarray(rgb), gsd_m=0.15, seed=1, options=options)
    assert len(kinds(pair.truth, "new_structure")) >= 2
    assert kinds(pair.truth, "land_clearing") or kinds(pair.truth, "dust_hotspot")
    sharp = [
        cv2.Laplacian(image.mean(axis=2), cv2.CV_32F)
        for image in (rgb.astype(np.float32), pair.after_rgb.astype(np.float32))
    ]
    inside = fill_polygons(
        [p.polygon.buffer(-3) for p in pair.truth if p.kind == "new_structure"], rgb.shape[:2]
    )
    ratio = float(np.abs(sharp[1][inside]).mean() / np.abs(sharp[0]).mean())
    assert 0.3 < ratio < 1.5, "planted roofs are as sharp as the picture, neither flat nor noisy"
