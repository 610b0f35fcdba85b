"""Fit the weights by which colour alone tells structures from other change.

    python scripts/fit_surface_score.py

Plants change into the development places of scripts/evaluate_survey.py, collects the candidates
that the colour cue gives, labels them by what was planted, and fits a logistic regression. Prints
the weights for ``vision/survey/resurfaced.py``, and recall and precision with each pair left out of
its own fit. The places and seeds that figures are quoted for take no part.
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import rasterio
from numpy.typing import NDArray
from pyproj import CRS

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from datasets.planting import PlantOptions, plant_pair
from datasets.scoring import MATCH_IOU, iou
from scripts.evaluate_survey import (
    CROP_PX,
    DEV_CROPS,
    SHARED,
    Place,
    on_map,
    read_buildings,
    read_place,
    write_pair,
)
from vision.finding import FindingKind
from vision.survey.align import align
from vision.survey.assessed import Assessed
from vision.survey.comparison import CompareOptions
from vision.survey.findings import assess_all
from vision.survey.pair import make_pair, working_grid
from vision.survey.raster import open_ortho
from vision.survey.scan import scan

SEEDS = (101, 102)
RIDGE = 1.5
LEVELS = (0.2, 0.22, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5)

Floats = NDArray[np.float64]


def candidates(place: Place, seed: int) -> tuple[list[Assessed], list[bool], int]:
    """Return the colour candidates of one planted pair, whether each is real, and the truth."""
    pair = plant_pair(
        place.rgb,
        gsd_m=place.gsd_m,
        seed=seed,
        options=PlantOptions(with_surfaces=False),
        buildings=place.buildings,
        valid=place.valid,
    )
    options = CompareOptions(min_score=0.0)
    with tempfile.TemporaryDirectory() as folder:
        paths = write_pair(pair, place, Path(folder))
        with (
            open_ortho(paths["before"]) as before,
            open_ortho(paths["after"]) as after,
            ThreadPoolExecutor(2) as pool,
        ):
            grid = working_grid(before, after, options=options)
            alignment = align(before, after, grid, options=options)
            surveys = make_pair(
                grid,
                before,
                after,
                before_dsm=None,
                after_dsm=None,
                displacement=alignment.displacement,
                area=None,
            )
            scanned = scan(
                surveys,
                options=options,
                learned=None,
                change_path=None,
                pool=pool,
                workers=2,
                progress=lambda _share: None,
            )
            found = assess_all(surveys, scanned, options, None, pool, lambda _share: None)
    found = [item for item in found if item.terms]
    truth = [(t.kind, on_map(t.polygon, place.transform)) for t in pair.truth]
    real = [
        any(
            kind == item.kind.value and iou(outline, item.outline) >= MATCH_IOU
            for kind, outline in truth
        )
        for item in found
    ]
    return found, real, sum(kind == "new_structure" for kind, _ in truth)


def fit(x: Floats, y: Floats) -> Floats:
    """Fit a logistic regression by Newton's method with a ridge on all but the constant."""
    weights = np.zeros(x.shape[1])
    ridge = np.eye(x.shape[1]) * RIDGE
    ridge[0, 0] = 1e-3
    for _ in range(50):
        p = 1 / (1 + np.exp(-x @ weights))
        slope = x.T @ (p - y) + ridge @ weights
        curve = (x * (p * (1 - p))[:, None]).T @ x + ridge
        weights -= np.linalg.solve(curve, slope)
    return weights


def main() -> int:
    """Collect, fit, print."""
    warnings.simplefilter("ignore")
    cv2.setNumThreads(1)
    ortho = SHARED / "banepa_ortho.tif"
    if not ortho.exists():
        print(f"{ortho}: no such file; the fit needs the real orthophoto.", file=sys.stderr)
        return 3
    with rasterio.open(ortho) as source:
        crs = CRS.from_user_input(source.crs.to_wkt())
    buildings = read_buildings(SHARED / "banepa_labels" / "buildings.geojson", crs)
    rows, labels, groups, appeared = [], [], [], []
    total = 0
    names: list[str] = []
    for number, corner in enumerate(DEV_CROPS):
        place = read_place(ortho, corner, buildings, CROP_PX)
        for seed in SEEDS:
            found, real, planted = candidates(place, seed)
            total += planted
            for item, is_real in zip(found, real, strict=True):
                names = list(item.terms)
                rows.append(list(item.terms.values()))
                labels.append(is_real)
                groups.append((number, seed))
                appeared.append(item.kind is FindingKind.NEW_STRUCTURE)
            print(
                f"  {place.name} seed {seed}: {len(found)} candidates, {sum(real)} real", flush=True
            )
    x, y = np.array(rows), np.array(labels, float)
    for name, weight in zip(names, fit(x, y), strict=True):
        print(f'    "{name}": {weight:.2f},')
    left_out = np.zeros(len(y))
    keys = [f"{a}-{b}" for a, b in groups]
    for key in sorted(set(keys)):
        own = np.array([k == key for k in keys])
        left_out[own] = 1 / (1 + np.exp(-x[own] @ fit(x[~own], y[~own])))
    new = np.array(appeared)
    for level in LEVELS:
        said = (left_out >= level) & new
        right = int((said & (y > 0)).sum())
        print(
            f"new structures from {level:.2f}: recall {right / total:.2f}, "
            f"precision {right / max(int(said.sum()), 1):.2f}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
