"""The one door to survey comparison."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from pyproj import CRS, Transformer
from rasterio.warp import Resampling, calculate_default_transform, reproject
from shapely.geometry import shape
from shapely.ops import transform as move_shape

from datasets.scoring import match
from models.registry import Registry
from tests.make_rasters import GROUND_CRS
from tests.make_scenes import (
    BLUE_ROOF,
    EARTH,
    GREY_ROOF,
    RED_ROOF,
    to_ground,
    village,
    write_pair,
    write_polygons,
)
from vision.errors import AlignmentFailed, BadRaster, InputError, NoOverlap
from vision.finding import FindingKind, ModelRef
from vision.survey.compare import compare
from vision.survey.comparison import CompareOptions, SurveyComparison
from vision.survey.learned import open_change_model
from vision.survey.writers import ComparisonInputs, compare_to_folder

SAMPLE = Path(__file__).parents[3] / "datasets" / "samples" / "survey"
SHED, ROOM = (10.0, 10.0, 16.0, 15.0), (46.0, 8.0, 51.0, 13.0)
GONE, YARD = (22.0, 44.0, 30.0, 52.0), (38.0, 36.0, 62.0, 54.0)
EXPECTED = {
    (FindingKind.NEW_STRUCTURE, SHED),
    (FindingKind.NEW_STRUCTURE, ROOM),
    (FindingKind.REMOVED_STRUCTURE, GONE),
    (FindingKind.DUST_HOTSPOT, YARD),
}
SIDE_PX = 272


def scenes():
    before, after = village(side_px=SIDE_PX), village(side_px=SIDE_PX)
    after.block(SHED, 3.0, BLUE_ROOF)
    after.block(ROOM, 2.8, GREY_ROOF)
    before.block(GONE, 3.2, RED_ROOF)
    after.field(YARD, EARTH)
    return before, after


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write_pair(tmp_path_factory.mktemp("surveys"), *scenes())


@pytest.fixture(scope="module")
def compared(files):
    return compare(files.before, files.after, **files.dsms)


def places(comparison):
    """Kind and planted box of every finding; None for a finding on no planted box."""
    scene = village(side_px=SIDE_PX)
    found = set()
    for finding in comparison.findings:
        outline = to_ground(finding.geometry.to_shape())
        hits = [
            planted
            for planted in (SHED, ROOM, GONE, YARD)
            if outline.intersection(scene.outline(planted)).area
            > 0.6 * outline.union(scene.outline(planted)).area
        ]
        found.add((finding.kind, hits[0] if hits else None))
    return found


def test_what_changed_is_found_and_nothing_else(compared):
    assert places(compared) == EXPECTED
    assert len(compared.findings) == len(EXPECTED)


def test_the_result_says_how_it_came_about(compared, files):
    assert compared.cues == ("height", "colour")
    assert compared.alignment.matched
    assert compared.alignment.residual_rmse_m < 0.1
    assert compared.height_datum.offset_m == pytest.approx(0.7, abs=0.05)
    assert compared.gsd_m == pytest.approx(0.25)
    assert compared.ground.compared_area_m2 == pytest.approx((SIDE_PX * 0.25) ** 2, rel=0.01)
    assert [item.role for item in compared.inputs] == [
        "before", "after", "before_dsm", "after_dsm",
    ]  # fmt: skip
    assert [item.file_bytes for item in compared.inputs[:2]] == [
        files.before.stat().st_size,
        files.after.stat().st_size,
    ]
    assert compared.started_at < compared.finished_at
    assert {"open", "align", "change", "findings"} <= set(compared.timings_s)
    assert {"numpy", "rasterio", "cityeye"} <= set(compared.versions)
    assert compared.findings[0].source.after_sha256 == compared.inputs[1].sha256
    assert compared.findings[0].first_seen.date().isoformat() == "2026-10-24"


def test_the_result_survives_json(compared):
    assert SurveyComparison.model_validate_json(compared.model_dump_json()) == compared


def test_the_same_input_gives_the_same_findings_whatever_the_windows(compared, files):
    options = CompareOptions(tile_px=256, workers=1)
    again = compare(files.before, files.after, **files.dsms, options=options)
    assert again.findings == compared.findings
    assert again.ground == compared.ground


BRIGHTNESS = ModelRef(name="brightness", version="1", sha256="ab" * 32)


@dataclass
class BrightnessModel:
    """Says that what got brighter or darker changed."""

    gsd_m: float = 0.5
    model: ModelRef = BRIGHTNESS

    def __call__(self, before, after):
        apart = np.abs(before.astype(np.float32) - after).mean(axis=-1)
        return np.clip(apart / 90, 0, 1).astype(np.float32)


def test_a_learned_cue_takes_part_and_is_named(files, tmp_path):
    with_model = compare(
        files.before, files.after, learned=BrightnessModel(), change_path=tmp_path / "with.tif"
    )
    without = compare(files.before, files.after, change_path=tmp_path / "without.tif")
    assert with_model.cues == ("colour", "learned")
    structures = [f for f in with_model.findings if "structure" in f.kind.value]
    assert structures
    for finding in structures:
        assert finding.model.name == "brightness"
        assert "learned" in {vote.cue for vote in finding.cues}
    for finding in without.findings:
        # Bare ground is told by the soil classifier, structures by no model at all.
        by_soil = finding.kind.value in ("dust_hotspot", "land_clearing")
        assert (finding.model.name if finding.model else None) == ("soil" if by_soil else None)
    maps = []
    for name in ("with", "without"):
        with rasterio.open(tmp_path / f"{name}.tif") as source:
            maps.append(source.read(1).astype(int))
    assert (maps[0] != maps[1]).mean() > 0.01
    assert without.height_datum is None
    assert {kind for kind, _ in places(without)} >= {FindingKind.NEW_STRUCTURE}


def warped(source_path, path, crs, gsd):
    """The same survey in another reference system and pixel size."""
    with rasterio.open(source_path) as source:
        wkt = crs.to_wkt()
        transform, width, height = calculate_default_transform(
            source.crs, wkt, source.width, source.height, *source.bounds, resolution=gsd
        )
        profile = source.profile | {
            "crs": wkt, "transform": transform, "width": width, "height": height, "nodata": None,
        }  # fmt: skip
        if source.count == 1:
            profile["nodata"] = -9999.0
        with rasterio.open(path, "w+", **profile) as target:
            for band in range(1, source.count + 1):
                out = np.full((height, width), profile["nodata"] or 0, source.dtypes[0])
                reproject(
                    source.read(band),
                    out,
                    src_transform=source.transform,
                    src_crs=source.crs,
                    dst_transform=transform,
                    dst_crs=wkt,
                    dst_nodata=profile["nodata"],
                    resampling=Resampling.bilinear,
                )
                target.write(out, band)
            if source.count == 3:
                target.write_mask(target.read().max(axis=0) > 0)
    return path


def test_surveys_in_different_reference_systems_and_pixel_sizes(files, tmp_path):
    gauss_kruger = CRS.from_epsg(4547)
    before = warped(files.before, tmp_path / "b.tif", gauss_kruger, 0.3)
    dsm = warped(files.before_dsm, tmp_path / "d.tif", CRS.from_epsg(4326), 5e-6)
    result = compare(before, files.after, before_dsm=dsm, after_dsm=files.after_dsm)
    assert result.gsd_m == pytest.approx(0.3, rel=0.01)
    assert CRS.from_user_input(result.crs) == GROUND_CRS
    assert places(result) == EXPECTED


def test_only_the_area_of_interest_is_compared(files, tmp_path):
    scene = village(side_px=SIDE_PX)
    parts = [scene.outline((4, 4, 24, 24)), scene.outline((36, 34, 66, 57))]
    area = write_polygons(tmp_path / "area.geojson", [(part, {}) for part in parts])
    result = compare(files.before, files.after, **files.dsms, area=area)
    assert (FindingKind.NEW_STRUCTURE, SHED) in places(result)
    assert {f.kind for f in result.findings} == {
        FindingKind.NEW_STRUCTURE,
        FindingKind.DUST_HOTSPOT,
    }
    assert len(result.findings) == 2
    for finding in result.findings:
        outline = to_ground(finding.geometry.to_shape())
        assert any(part.buffer(0.3).contains(outline) for part in parts)
    assert result.ground.compared_area_m2 == pytest.approx(400 + 30 * 23, rel=0.02)
    (hotspot,) = [f for f in result.findings if f.kind is FindingKind.DUST_HOTSPOT]
    outline = to_ground(hotspot.geometry.to_shape())
    assert hotspot.measures["distance_to_edge_m"].value == pytest.approx(
        outline.distance(parts[1].boundary), abs=0.1
    )


def test_permits_and_roads_are_read(files, tmp_path):
    scene = village(side_px=SIDE_PX)
    permits = write_polygons(
        tmp_path / "permits.geojson",
        [(scene.outline((9, 9, 17, 16)), {"permit_id": "A-1", "valid_to": "2026-12-31"})],
    )
    roads = write_polygons(tmp_path / "roads.geojson", [(scene.outline((66, 0, 67, 68)), {})])
    result = compare(files.before, files.after, **files.dsms, permits=permits, roads=roads)
    notes = {f.permit.permit_id for f in result.findings if f.permit is not None}
    assert notes == {"A-1"}
    assert [f.assessment.value for f in result.findings].count("permitted") == 1
    (hotspot,) = [f for f in result.findings if f.kind is FindingKind.DUST_HOTSPOT]
    road = scene.outline((66, 0, 67, 68))
    expected_m = to_ground(hotspot.geometry.to_shape()).distance(road)
    assert 2 < expected_m < 9
    assert hotspot.measures["distance_to_road_m"].value == pytest.approx(expected_m, abs=0.1)


def test_ground_without_data_holds_no_finding(files, tmp_path):
    _, after = scenes()
    left, top, right, bottom = SHED
    hidden = after.mask((left - 4, top - 4, right + 4, bottom + 4))
    path = after.write(tmp_path / "holed.tif", noise_seed=12, hidden=hidden)
    result = compare(files.before, path, **files.dsms, change_path=tmp_path / "change.tif")
    assert places(result) == EXPECTED - {(FindingKind.NEW_STRUCTURE, SHED)}
    with rasterio.open(tmp_path / "change.tif") as source:
        assert (source.read(1)[44:76, 32:72] == source.nodata).all()


# What cannot be compared


def _one_dsm(files, _folder):
    return {"before_dsm": files.before_dsm}, InputError, "both DSMs or neither"


def _missing(_files, folder):
    return {"after": folder / "none.tif"}, BadRaster, r"none\.tif"


def _far(_files, folder):
    scene = village(side_px=SIDE_PX)
    moved = Affine.translation(10_000, 0) @ scene.grid.transform
    return (
        {"after": scene.write(folder / "far.tif", noise_seed=1, transform=moved)},
        NoOverlap,
        "do not overlap",
    )


def _empty(_files, folder):
    scene = village(side_px=SIDE_PX)
    path = scene.write(folder / "empty.tif", noise_seed=1, hidden=scene.mask((-9, -9, 99, 99)))
    return {"before": path}, BadRaster, r"empty\.tif.*no data"


def _dsm_elsewhere(files, folder):
    scene = village(side_px=SIDE_PX)
    moved = Affine.translation(10_000, 0) @ scene.grid.transform
    path = scene.write_dsm(folder / "far_dsm.tif", noise_seed=1, transform=moved)
    return {**files.dsms, "after_dsm": path}, NoOverlap, r"far_dsm\.tif"


def _dsm_is_a_picture(files, _folder):
    return {**files.dsms, "after_dsm": files.after}, BadRaster, "DSM"


def _other_ground(_files, folder):
    rng = np.random.default_rng(5)
    scene = village(side_px=SIDE_PX, seed=40)
    scene.rgb = rng.uniform(60, 200, scene.rgb.shape).astype(np.float32)
    return {"after": scene.write(folder / "other.tif", noise_seed=1)}, AlignmentFailed, "alike"


def _area_elsewhere(_files, folder):
    away = village(side_px=SIDE_PX).outline((2000, 2000, 2100, 2100))
    return (
        {"area": write_polygons(folder / "away.geojson", [(away, {})])},
        NoOverlap,
        "area of interest",
    )


def _too_large(_files, _folder):
    limits = {"max_pixels": 1000}
    options = CompareOptions.model_validate({"limits": limits})
    return {"options": options}, InputError, "max_pixels"


BAD = [_one_dsm, _missing, _far, _empty, _dsm_elsewhere, _dsm_is_a_picture, _other_ground,
       _area_elsewhere, _too_large]  # fmt: skip


@pytest.mark.parametrize("make", BAD, ids=lambda make: make.__name__.strip("_"))
def test_what_cannot_be_compared_is_said_and_nothing_is_written(files, tmp_path, make):
    (tmp_path / "in").mkdir()
    fields, error, words = make(files, tmp_path / "in")
    fields = {"before": files.before, "after": files.after, **fields}
    out = tmp_path / "deep" / "out"
    options = fields.pop("options", None)
    with pytest.raises(error, match=words) as caught:
        compare_to_folder(ComparisonInputs(**fields), out, options=options)
    assert isinstance(caught.value, InputError)
    assert {path.name for path in tmp_path.iterdir()} == {"in"}
    assert "\n" not in str(caught.value)


def test_surveys_that_do_not_match_can_be_forced(files, tmp_path):
    fields, _, _ = _other_ground(files, tmp_path)
    result = compare(files.before, fields["after"], options=CompareOptions(force_alignment=True))
    assert not result.alignment.matched
    assert result.alignment.tie_points_kept == 0


# The committed sample


def truth_of(comparison, kind):
    crs = CRS.from_user_input(comparison.crs)
    to_map = Transformer.from_crs(4326, crs, always_xy=True).transform
    features = json.loads((SAMPLE / "truth.geojson").read_text())["features"]
    true = [
        move_shape(to_map, shape(f["geometry"]))
        for f in features
        if f["properties"]["kind"] == kind
    ]
    found = [
        move_shape(to_map, f.geometry.to_shape())
        for f in comparison.findings
        if f.kind.value == kind
    ]
    return match(true, found)


def test_the_sample_with_surface_models(tmp_path):
    inputs = ComparisonInputs(
        SAMPLE / "before.tif", SAMPLE / "after.tif", SAMPLE / "before_dsm.tif",
        SAMPLE / "after_dsm.tif", permits=SAMPLE / "permits.geojson",
    )  # fmt: skip
    comparison, files = compare_to_folder(inputs, tmp_path / "out")
    new, gone = truth_of(comparison, "new_structure"), truth_of(comparison, "removed_structure")
    assert len(new.pairs) == 7
    assert len(gone.pairs) == 2
    assert len(new.false) + len(gone.false) <= 2
    notes = {f.permit.permit_id: f.permit.note for f in comparison.findings if f.permit}
    assert notes == {"CE-2026-0042": "covered", "CE-2025-0117": "expired"}
    assert {f.kind for f in comparison.findings} >= {
        FindingKind.LAND_CLEARING,
        FindingKind.DUST_HOTSPOT,
    }
    assert comparison.alignment.offset_x_m == pytest.approx(1.9, abs=0.4)
    assert comparison.alignment.residual_rmse_m < 0.15
    with rasterio.open(files.change) as source:
        assert source.overviews(1)
        assert source.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"


def test_the_sample_without_surface_models():
    comparison = compare(SAMPLE / "before.tif", SAMPLE / "after.tif")
    assert len(truth_of(comparison, "new_structure").pairs) >= 4
    assert comparison.height_datum is None


def test_the_sample_by_colour_and_the_model_that_ships():
    comparison = compare(
        SAMPLE / "before.tif", SAMPLE / "after.tif", learned=open_change_model(Registry())
    )
    new, gone = truth_of(comparison, "new_structure"), truth_of(comparison, "removed_structure")
    assert len(new.pairs) >= 6
    assert len(gone.pairs) == 2
    assert len(new.false) + len(gone.false) <= 16
    votes = {v.cue for f in comparison.findings if "structure" in f.kind.value for v in f.cues}
    assert votes == {"colour", "learned"}
