"""The result folder: complete, valid, replaced as a whole, untouched by what fails."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import fiona
import numpy as np
import pytest
import rasterio
from shapely.geometry import shape

from tests.make_scenes import BLUE_ROOF, EARTH, village, write_pair, write_polygons
from vision.errors import InputError, OutputError
from vision.survey.comparison import CompareOptions, SurveyComparison
from vision.survey.writers import (
    ComparisonInputs,
    compare_to_folder,
    comparison_document,
    feature_collection,
)

NAMES = {"findings.geojson", "comparison.json", "change.tif", "report.html"}
SIDE_PX = 200


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    before, after = village(side_px=SIDE_PX), village(side_px=SIDE_PX)
    after.block((10, 10, 16, 15), 3.0, BLUE_ROOF)
    after.field((20, 20, 42, 38), EARTH)
    folder = tmp_path_factory.mktemp("surveys")
    files = write_pair(folder, before, after)
    permits = write_polygons(
        folder / "permits.geojson",
        [(after.outline((9, 9, 17, 16)), {"permit_id": "许可-1", "valid_to": "2020-01-01"})],
    )
    return ComparisonInputs(files.before, files.after, **files.dsms, permits=permits)


@pytest.fixture(scope="module")
def written(inputs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("results") / "out"
    return compare_to_folder(inputs, folder)


def digests(folder):
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in Path(folder).iterdir()}


def test_the_folder_is_complete_and_holds_nothing_else(written):
    _, files = written
    assert {path.name for path in files.folder.iterdir()} == NAMES
    assert {path.name for path in files.folder.parent.iterdir()} == {"out"}
    for path in (files.findings, files.comparison, files.change, files.report):
        assert path.stat().st_size > 0


def test_findings_are_geojson_as_rfc_7946_has_it(written):
    comparison, files = written
    document = json.loads(files.findings.read_text(encoding="utf-8"))
    assert document["type"] == "FeatureCollection"
    assert "crs" not in document
    assert len(document["features"]) == len(comparison.findings) >= 2
    for number, feature in enumerate(document["features"], 1):
        assert feature["type"] == "Feature"
        assert feature["properties"]["number"] == number
        area = shape(feature["geometry"])
        assert area.is_valid
        for part in getattr(area, "geoms", [area]):
            assert part.exterior.is_ccw
            assert not any(ring.is_ccw for ring in part.interiors)
            for lon, lat in part.exterior.coords:
                assert 116.9 < lon < 117.1
                assert 22.5 < lat < 22.7
        assert not any(isinstance(v, dict | list) for v in feature["properties"].values())


def test_findings_open_in_gis_software(written):
    comparison, files = written
    with fiona.open(files.findings) as source:
        assert source.crs.to_epsg() == 4326
        rows = list(source)
    # GDAL keeps ids that are words in a field.
    ids = [finding.id for finding in comparison.findings]
    assert [row["properties"]["id"] for row in rows] == ids
    (shed,) = [row for row in rows if row["properties"]["kind"] == "new_structure"]
    assert shed["properties"]["permit_id"] == "许可-1"
    assert shed["properties"]["permit_note"] == "expired"
    assert shed["properties"]["height_gain_m"] == pytest.approx(3.0, abs=0.3)
    assert shed["properties"]["cue_height"] > 0.8
    assert shed["properties"]["first_seen"].startswith("2026-10-24T14:40")


def test_the_comparison_reads_back_as_it_was(written):
    comparison, files = written
    text = files.comparison.read_text(encoding="utf-8")
    assert SurveyComparison.model_validate_json(text) == comparison
    assert json.loads(text) == comparison_document(comparison)
    assert json.loads(files.findings.read_text(encoding="utf-8")) == json.loads(
        json.dumps(feature_collection(comparison))
    )


def test_the_change_raster_is_a_cloud_optimised_geotiff(written):
    comparison, files = written
    with rasterio.open(files.change) as source:
        assert source.driver == "GTiff"
        assert source.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert source.is_tiled
        assert (source.width, source.height) == (comparison.width, comparison.height)
        assert source.dtypes == ("uint8",)
        assert source.nodata == 255
        assert source.scales[0] == pytest.approx(1 / 250)
        assert source.descriptions == ("change probability",)
        assert source.crs.to_epsg() == 32650
        assert source.res == pytest.approx((comparison.gsd_m, comparison.gsd_m))
        values = source.read(1, masked=True)
    assert values.max() * source.scales[0] > 0.9
    assert values.max() <= 250


def test_the_report_stands_alone(written):
    comparison, files = written
    page = files.report.read_text(encoding="utf-8")
    assert page.lstrip().lower().startswith("<!doctype html>")
    assert page.count("data:image/jpeg;base64,") >= 2 + 2 * len(comparison.findings)
    assert 'src="http' not in page


def test_a_second_run_replaces_the_first_and_keeps_what_is_not_its_own(inputs, tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    (folder / "findings.geojson").write_text("old")
    comparison, _ = compare_to_folder(inputs, folder, options=CompareOptions(min_area_m2=50))
    assert {path.name for path in folder.iterdir()} == NAMES | {"notes.txt"}
    assert (folder / "notes.txt").read_text() == "mine"
    kinds = {
        f["properties"]["kind"]
        for f in json.loads((folder / "findings.geojson").read_text())["features"]
    }
    assert "new_structure" not in kinds
    assert comparison.options.min_area_m2 == 50
    assert {path.name for path in tmp_path.iterdir()} == {"out"}


class Stop(Exception):
    pass


@pytest.mark.parametrize(
    ("stage", "error"),
    [("align", KeyboardInterrupt), ("change", Stop), ("write", KeyboardInterrupt)],
)
def test_a_run_that_stops_half_way_leaves_what_was_there(inputs, tmp_path, stage, error):

    def stop(at, _share):
        if at == stage:
            raise error

    old = tmp_path / "old"
    old.mkdir()
    for name in NAMES:
        (old / name).write_text(name)
    before = digests(old)
    for folder in (old, tmp_path / "new" / "deep"):
        with pytest.raises(error):
            compare_to_folder(inputs, folder, progress=stop)
    assert digests(old) == before
    assert {path.name for path in tmp_path.iterdir()} == {"old"}


def test_a_run_with_bad_input_leaves_what_was_there(inputs, written, tmp_path):
    _, files = written
    before = digests(files.folder)
    bad = ComparisonInputs(inputs.before, tmp_path / "none.tif")
    with pytest.raises(InputError):
        compare_to_folder(bad, files.folder)
    assert digests(files.folder) == before
    assert {path.name for path in files.folder.parent.iterdir()} == {"out"}


def test_the_folder_may_not_be_a_file(inputs, tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(OutputError, match="is a file"):
        compare_to_folder(inputs, tmp_path / "out")
    assert (tmp_path / "out").read_text() == "mine"


def test_a_folder_below_a_file_is_an_output_error(inputs, tmp_path):
    (tmp_path / "a").write_text("mine")
    with pytest.raises(OutputError, match="cannot be written there"):
        compare_to_folder(inputs, tmp_path / "a" / "b")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_the_right_to_write_is_an_output_error(inputs, tmp_path):
    (tmp_path / "a").mkdir(mode=0o500)
    with pytest.raises(OutputError, match="cannot be written there"):
        compare_to_folder(inputs, tmp_path / "a" / "b")


def test_nothing_is_made_beside_a_folder_that_is_there(inputs, tmp_path):
    """It may be a mount: beside it may lie another disk, or a folder that is not ours to write."""
    folder = tmp_path / "mounted"
    folder.mkdir()
    seen = set()

    def look(_stage, _share):
        seen.update(path.name for path in tmp_path.iterdir())

    compare_to_folder(inputs, folder, progress=look)
    assert seen == {"mounted"}
    assert {path.name for path in folder.iterdir()} == NAMES


def test_progress_names_every_stage(inputs, tmp_path):
    told = []
    compare_to_folder(inputs, tmp_path / "out", progress=lambda *what: told.append(what))
    stages = list(dict.fromkeys(stage for stage, _ in told))
    assert stages == ["align", "change", "findings", "pictures", "write"]
    for stage in stages:
        shares = [share for name, share in told if name == stage]
        assert shares == sorted(shares)
        assert 0 <= shares[0]
        assert shares[-1] == 1.0


def test_no_finding_is_a_result_too(inputs, tmp_path):
    same = ComparisonInputs(inputs.before, inputs.before)
    comparison, files = compare_to_folder(
        same, tmp_path / "out", options=CompareOptions(min_dust_area_m2=5000)
    )
    assert comparison.findings == ()
    assert json.loads(files.findings.read_text()) == {"type": "FeatureCollection", "features": []}
    with rasterio.open(files.change) as source:
        assert np.all(source.read(1) < 0.5 * 250)
