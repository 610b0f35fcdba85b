"""Writing the sample: two surveys, the truth, the permits and the area of interest."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import rasterio
import rasterio.shutil
import shapely
from affine import Affine
from numpy.typing import NDArray
from pyproj import Transformer
from rasterio.io import MemoryFile
from shapely.geometry import Polygon, mapping
from shapely.geometry.polygon import orient

from datasets.village.changes import Distractor, Permit
from datasets.village.scene import Scene, build_scene
from datasets.village.survey import Survey, fly
from datasets.village.truth import TrueChange, in_scene, measure
from vision.errors import OutputError

CRS: Final = "EPSG:4547"
"""CGCS2000 / 3-degree Gauss-Krueger, central meridian 114 E."""
CENTRE_LONLAT: Final = (113.53, 22.79)
AREA_INSET_M: Final = 9.0
"""How far the area of interest keeps inside what both surveys saw."""
JPEG_QUALITY: Final = 85
SAMPLE_SEED: Final = 7
"""Seed of the committed sample."""


def write_sample(
    out_dir: str | os.PathLike[str], *, seed: int = SAMPLE_SEED, scale: float = 1.0
) -> list[Path]:
    """Write the sample survey pair into a folder.

    Args:
        out_dir: Made where missing; files of the same name are replaced.
        seed: Scene seed; the same seed gives the same surveys.
        scale: Makes every cell that much coarser: 1 for the sample, 4 for a quick sketch.

    Returns:
        The files written.

    Raises:
        OutputError: If the folder cannot be written.
    """
    folder = Path(out_dir)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"cannot make the folder {folder}: {error.strerror}; name one you may write to"
        ) from error
    scene = build_scene(seed, cell_m=0.12 * scale)
    before, after = scene.paint("before"), scene.paint("after")
    truth = measure(scene, before, after)
    surveys = [fly(before, scale=scale), fly(after, scale=scale)]
    paths = []
    for survey in surveys:
        name = survey.flight.date
        paths.append(_write_ortho(folder / f"{name}.tif", survey))
        paths.append(_write_dsm(folder / f"{name}_dsm.tif", survey))
    both = surveys[0].outline.intersection(surveys[1].outline)
    area = both.buffer(-AREA_INSET_M).simplify(3.0)
    if not isinstance(area, Polygon):
        raise OutputError(f"seed {seed} gives surveys that share no one area; use another seed")
    layers: dict[str, Iterable[tuple[Polygon, dict[str, Any]]]] = {
        "truth": [_change_feature(change) for change in truth],
        "permits": [_permit_feature(permit, scene) for permit in scene.permits],
        "distractors": [_distractor_feature(item, scene) for item in scene.distractors],
        "area": [(area, {"name": "area of interest", "name_zh": "监测范围"})],
    }
    for layer, features in layers.items():
        paths.append(_write_geojson(folder / f"{layer}.geojson", features))
    readme = folder / "README.md"
    readme.write_text(_readme(seed, scale, truth, scene), encoding="utf-8")
    return [*paths, readme]


@cache
def _transformer(source: str, target: str) -> Transformer:
    """Return a longitude-first transformer; making one costs a fifth of a second."""
    return Transformer.from_crs(source, target, always_xy=True)


def centre_en() -> tuple[float, float]:
    """Return easting and northing of the scene's centre, on a whole metre."""
    to_grid = _transformer("EPSG:4326", CRS)
    east, north = to_grid.transform(*CENTRE_LONLAT)
    return float(round(east)), float(round(north))


def to_lonlat(shape: Polygon) -> Polygon:
    """Return a polygon of scene metres as WGS-84 longitude, latitude, wound as RFC 7946 asks."""
    east_0, north_0 = centre_en()
    # CGCS2000 and WGS 84 agree within centimetres; PROJ holds them equal.
    to_world = _transformer(CRS, "EPSG:4326")

    def placed(scene_m: NDArray[np.float64]) -> NDArray[np.float64]:
        east, north = scene_m.T
        return np.stack(to_world.transform(east + east_0, north + north_0), axis=1)

    return orient(shapely.transform(shape, placed), sign=1.0)


def _placed(local: Affine) -> Affine:
    east, north = centre_en()
    return Affine.translation(east, north) @ local


def _write_ortho(path: Path, survey: Survey) -> Path:
    profile = {
        "driver": "GTiff",
        "dtype": "uint8",
        "count": 3,
        "height": survey.rgb.shape[0],
        "width": survey.rgb.shape[1],
        "crs": CRS,
        "transform": _placed(survey.transform),
        "photometric": "RGB",
    }
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), MemoryFile() as memory:
        with memory.open(**profile) as plain:
            plain.write(survey.rgb.transpose(2, 0, 1))
            plain.write_mask(survey.mask)
            plain.update_tags(**_tags(survey))
        with memory.open() as plain:
            _copy(
                plain,
                path,
                COMPRESS="JPEG",
                QUALITY=str(JPEG_QUALITY),
                OVERVIEW_RESAMPLING="AVERAGE",
                OVERVIEW_QUALITY="80",
            )
    return path


def _write_dsm(path: Path, survey: Survey) -> Path:
    profile = {
        "driver": "GTiff",
        "dtype": "float32",
        "count": 1,
        "height": survey.dsm.shape[0],
        "width": survey.dsm.shape[1],
        "crs": CRS,
        "transform": _placed(survey.dsm_transform),
        "nodata": -9999.0,
    }
    heights: NDArray[np.float32] = np.where(np.isnan(survey.dsm), -9999.0, survey.dsm)
    with MemoryFile() as memory:
        with memory.open(**profile) as plain:
            plain.write(heights.astype(np.float32), 1)
            plain.update_tags(**_tags(survey))
        with memory.open() as plain:
            _copy(
                plain,
                path,
                COMPRESS="DEFLATE",
                PREDICTOR="YES",
                LEVEL="9",
                OVERVIEW_RESAMPLING="AVERAGE",
            )
    return path


def _copy(source: rasterio.DatasetReader, path: Path, **options: str) -> None:
    try:
        rasterio.shutil.copy(
            source, path, driver="COG", BLOCKSIZE="512", NUM_THREADS="1", **options
        )
    except rasterio.errors.RasterioError as error:
        raise OutputError(f"cannot write {path}: {error}") from error


def _tags(survey: Survey) -> dict[str, str]:
    return {
        "TIFFTAG_DATETIME": survey.flight.taken_at.strftime("%Y:%m:%d %H:%M:%S"),
        "TIFFTAG_SOFTWARE": "CityEye datasets.village",
        "TIFFTAG_IMAGEDESCRIPTION": "Procedural sample survey; no real place",
    }


def _change_feature(change: TrueChange) -> tuple[Polygon, dict[str, Any]]:
    properties: dict[str, Any] = {
        "kind": change.kind,
        "area_m2": round(change.area_m2, 1),
        "height_gain_m": round(change.height_gain_m, 2),
        "name_en": change.name_en,
        "name_zh": change.name_zh,
        "note": change.note,
    }
    if change.net_covered_before_m2 is not None:
        properties["net_covered_before_m2"] = round(change.net_covered_before_m2, 1)
    return change.shape, properties


def _permit_feature(permit: Permit, scene: Scene) -> tuple[Polygon, dict[str, Any]]:
    return in_scene(scene.frame, permit.shape), {
        "permit_id": permit.permit_id,
        "valid_from": permit.valid_from,
        "valid_to": permit.valid_to,
        "max_height_m": permit.max_height_m,
        "name_en": permit.name_en,
        "name_zh": permit.name_zh,
    }


def _distractor_feature(item: Distractor, scene: Scene) -> tuple[Polygon, dict[str, Any]]:
    return in_scene(scene.frame, item.shape), {"name_en": item.name_en, "name_zh": item.name_zh}


def _write_geojson(path: Path, features: Iterable[tuple[Polygon, dict[str, Any]]]) -> Path:
    collection = {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "id": index,
                "properties": properties,
                "geometry": _rounded(mapping(to_lonlat(shape))),
            }
            for index, (shape, properties) in enumerate(features, start=1)
        ],
    }
    text = json.dumps(collection, ensure_ascii=False, indent=1)
    path.write_text(text + "\n", encoding="utf-8")
    return path


def _rounded(geometry: dict[str, Any]) -> dict[str, Any]:
    """Return a geometry with 8 decimals: a millimetre."""
    rings = [
        [[round(lon, 8), round(lat, 8)] for lon, lat, *_ in ring]
        for ring in geometry["coordinates"]
    ]
    return {"type": geometry["type"], "coordinates": rings}


def _readme(seed: int, scale: float, truth: list[TrueChange], scene: Scene) -> str:
    """Return the folder's own description."""
    command = f"python scripts/make_sample_survey.py --seed {seed}"
    if scale != 1.0:
        command += f" --scale {scale:g}"
    rows = "\n".join(
        f"| {change.kind} | {change.name_en} | {change.name_zh} | {change.area_m2:.0f} "
        f"| {change.height_gain_m:+.1f} | {change.note} |"
        for change in truth
    )
    tricks = "\n".join(
        f"- {name}"
        for name in (
            *dict.fromkeys(item.name_en for item in scene.distractors),
            "crops sown, ripened and harvested",
            "trees a little taller",
            "all shadows moved: another sun",
            "washing, site materials and tyre tracks moved",
        )
    )
    return f"""# Sample survey pair

Two drone surveys of one village edge with a construction site, seven weeks apart. The place does
not exist: everything is computed (heights, colours, sun, shadows, camera), nothing is taken from
real imagery. Free to use under the project's licence.

Made by `{command}` (seed {seed}).

| file | what |
|---|---|
| before.tif, after.tif | orthophotos, 3 September 2026 10:20 (0.20 m) and 24 October 2026 14:40 \
(0.18 m); COG, JPEG, internal mask, {CRS} |
| before_dsm.tif, after_dsm.tif | surface models, 0.40 m, float32 metres, nodata -9999 |
| truth.geojson | what truly changed, WGS-84, drawn in the later survey's georeference |
| distractors.geojson | differences that are no findings |
| permits.geojson | building permits: one holds, one has run out |
| area.geojson | area of interest, inside both surveys |

The earlier survey is misplaced the way real ones are: about 1.9 m east and 1.4 m south, turned by
0.15 degrees, 0.1 % too large, bent by up to 0.3 m, its heights 0.6 m too high and tilted by 0.1 m
in 100 m.

## What changed

| kind | what | 中文 | m² | height m | permit |
|---|---|---|---|---|---|
{rows}

`net_covered_before_m2` of a dust hotspot says how much of it lay under dust net at the earlier
survey. The cleared orchard is bare soil too, but lies off the site.

## What must not be found

{tricks}
"""
