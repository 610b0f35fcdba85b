"""Fit the weights by which colour alone tells structures from other change.

    python scripts/fit_surface_score.py
    python scripts/fit_surface_score.py --learned      with the learned cue

Plants change into the development places of scripts/evaluate_survey.py, collects the candidates
that the cues give, labels them by what was planted, and fits a logistic regression. Prints the
weights for ``vision/survey/resurfaced.py``, and recall and precision with each pair left out of its
own fit. The places and seeds that figures are quoted for take no part.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import rasterio
from numpy.typing import NDArray
from pyproj import CRS

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from datasets.planting import PlantOptions
from datasets.scoring import MATCH_IOU, iou
from models.registry import Registry
from scripts.evaluate_survey import (
    CROP_PX,
    DEV_CROPS,
    SHARED,
    Place,
    on_map,
    planted,
    read_buildings,
    read_place,
    write_pair,
)
from vision.finding import FindingKind
from vision.survey.align import align
from vision.survey.assessed import Assessed
from vision.survey.change import LearnedCue
from vision.survey.comparison import CompareOptions
from vision.survey.findings import assess_all, without_doubles
from vision.survey.learned import open_change_model
from vision.survey.pair import make_pair, working_grid
from vision.survey.raster import open_ortho
from vision.survey.scan import scan

SEEDS = (101, 102)
RIDGE = 1.5
LEVELS = (0.1, 0.15, 0.2, 0.22, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6)
STRUCTURES = (FindingKind.NEW_STRUCTURE, FindingKind.REMOVED_STRUCTURE)

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Case:
    """One planted pair: its candidates, which of them are real, and how much was planted.

    Attributes:
        found: candidates with the terms of their score.
        real: for each, whether a planted structure of its kind lies under it.
        planted: how many structures of each kind were planted.
    """

    found: list[Assessed]
    real: list[bool]
    planted: dict[FindingKind, int]


def collect(place: Place, seed: int, learned: LearnedCue | None) -> Case:
    """Plant into a place and return the candidates of a comparison without heights."""
    pair = planted(place, seed, PlantOptions(with_surfaces=False))
    with tempfile.TemporaryDirectory() as folder:
        paths = write_pair(pair, place, Path(folder))
        found = candidates(paths["before"], paths["after"], learned)
    truth = [(t.kind, on_map(t.polygon, place.transform)) for t in pair.truth]
    real = [
        any(
            kind == item.kind.value and iou(outline, item.outline) >= MATCH_IOU
            for kind, outline in truth
        )
        for item in found
    ]
    counts = {kind: sum(name == kind.value for name, _ in truth) for kind in STRUCTURES}
    return Case(found, real, counts)


def candidates(before: Path, after: Path, learned: LearnedCue | None) -> list[Assessed]:
    """Return everything that a comparison without heights looks at as a whole."""
    options = CompareOptions(min_score=0.0)
    with (
        open_ortho(before) as first,
        open_ortho(after) as second,
        ThreadPoolExecutor(2) as pool,
    ):
        grid = working_grid(first, second, options=options)
        alignment = align(first, second, grid, options=options)
        surveys = make_pair(
            grid,
            first,
            second,
            before_dsm=None,
            after_dsm=None,
            displacement=alignment.displacement,
            area=None,
        )
        scanned = scan(
            surveys,
            options=options,
            learned=learned,
            change_path=None,
            pool=pool,
            workers=2,
            progress=lambda _share: None,
        )
        found = assess_all(surveys, scanned, options, pool, lambda _share: None)
    return [item for item in found if item.terms]


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


def table(cases: Sequence[Case]) -> tuple[Floats, Floats, list[int]]:
    """Return the terms of all candidates, whether each is real, and the number of its case."""
    rows = [list(item.terms.values()) for case in cases for item in case.found]
    labels = [real for case in cases for real in case.real]
    numbers = [number for number, case in enumerate(cases) for _ in case.found]
    return np.array(rows), np.array(labels, float), numbers


def left_out(cases: Sequence[Case]) -> list[list[Assessed]]:
    """Return every case's candidates with the score of a fit that never saw the case."""
    x, y, numbers = table(cases)
    scored = []
    for number, case in enumerate(cases):
        own = np.array([n == number for n in numbers])
        chance = 1 / (1 + np.exp(-x[own] @ fit(x[~own], y[~own])))
        scored.append(
            [replace(item, score=float(p)) for item, p in zip(case.found, chance, strict=True)]
        )
    return scored


def report(cases: Sequence[Case]) -> None:
    """Print recall and precision at each level, each pair left out of its own fit."""
    kept: list[tuple[FindingKind, float, bool]] = []
    for case, items in zip(cases, left_out(cases), strict=True):
        real = {id(item): flag for item, flag in zip(items, case.real, strict=True)}
        kept += [(item.kind, item.score, real[id(item)]) for item in without_doubles(items)]
    for kind in STRUCTURES:
        total = sum(case.planted[kind] for case in cases)
        for level in LEVELS:
            said = [real for other, score, real in kept if other is kind and score >= level]
            print(
                f"{kind.value} from {level:.2f}: recall {sum(said) / max(total, 1):.3f}, "
                f"precision {sum(said) / max(len(said), 1):.3f}"
            )


def main() -> int:
    """Collect, fit, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--learned", action="store_true", help="with the learned cue's terms")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    cv2.setNumThreads(1)
    ortho = SHARED / "banepa_ortho.tif"
    if not ortho.exists():
        print(f"{ortho}: no such file; the fit needs the real orthophoto.", file=sys.stderr)
        return 3
    with rasterio.open(ortho) as source:
        crs = CRS.from_user_input(source.crs.to_wkt())
    buildings = read_buildings(SHARED / "banepa_labels" / "buildings.geojson", crs)
    learned = open_change_model(Registry()) if args.learned else None
    cases = []
    for corner in DEV_CROPS:
        place = read_place(ortho, corner, buildings, CROP_PX)
        for seed in SEEDS:
            cases.append(collect(place, seed, learned))
            count, real = len(cases[-1].found), sum(cases[-1].real)
            print(f"  {place.name} seed {seed}: {count} candidates, {real} real", flush=True)
    x, y, _ = table(cases)
    names = next(list(item.terms) for case in cases for item in case.found)
    for name, weight in zip(names, fit(x, y), strict=True):
        print(f'    "{name}": {weight:.2f},')
    report(cases)
    return 0


if __name__ == "__main__":
    sys.exit(main())
