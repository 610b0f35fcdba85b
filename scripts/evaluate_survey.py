"""Measure survey comparison on change planted into a real drone orthophoto.

    python scripts/evaluate_survey.py --ortho banepa_ortho.tif --buildings buildings.geojson

Each case cuts a crop from the orthophoto, plants change into it (datasets.planting), writes both
surveys as GeoTIFF, compares them as a user would, and holds the findings against the truth. The
crops and seeds of ``--split dev`` are for development, those of ``eval`` for the figures quoted.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from rasterio.windows import Window
from shapely import wkt
from shapely.affinity import affine_transform
from shapely.geometry import Polygon, box, shape
from shapely.geometry.base import BaseGeometry
from shapely.ops import unary_union

from datasets.planting import PlantedObject, PlantedPair, PlantOptions, plant_pair
from datasets.planting.options import MisalignOptions
from datasets.planting.writers import north_up, write_dsm, write_survey
from datasets.scoring import Score, area_agreement, match
from models.registry import Registry
from vision.finding import Finding
from vision.survey.align import align
from vision.survey.change import LearnedCue
from vision.survey.compare import compare
from vision.survey.comparison import CompareOptions, SurveyComparison
from vision.survey.learned import open_change_model
from vision.survey.pair import working_grid
from vision.survey.raster import open_ortho

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("CITYEYE_SHARED", ROOT.parent / "shared")) / "data" / "ortho"

CROP_PX = 1600
# Upper left corners (col, row) in the Banepa orthophoto: town, edge of town, fields, hillside.
DEV_CROPS = ((3350, 3350), (900, 5900), (7000, 1800), (300, 300), (3650, 1950), (7950, 5950))
EVAL_CROPS = ((4150, 5050), (2000, 1900), (5100, 300), (8400, 3450), (1500, 3200), (6300, 5900))
DEV_SEEDS = (101, 102)
EVAL_SEEDS = (1, 2)
FULL_MISALIGNMENT = MisalignOptions(
    max_offset_m=5.0, max_rotation_deg=0.5, max_scale_error=0.005, max_distortion_m=0.6
)
NOTHING = dict.fromkeys(
    (
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
    ),
    0,
)

UNCHANGED = PlantOptions(**NOTHING, light_before=1.0, misalign=FULL_MISALIGNMENT)


@dataclass(frozen=True, slots=True)
class Place:
    """A crop of a real orthophoto with its building outlines in crop pixels."""

    name: str
    rgb: NDArray[np.uint8]
    valid: NDArray[np.bool_]
    buildings: tuple[Polygon, ...]
    transform: Affine
    gsd_m: float
    crs: CRS


@dataclass(slots=True)
class Tally:
    """Counts over all cases of one measure."""

    found: int = 0
    missed: int = 0
    false: int = 0
    missed_forms: Counter[str] = field(default_factory=Counter)
    false_of: Counter[str] = field(default_factory=Counter)

    def line(self) -> str:
        """Return recall and precision in words."""
        truth, claimed = self.found + self.missed, self.found + self.false
        return (
            f"recall {self.found / max(truth, 1):.3f} ({self.found}/{truth})  "
            f"precision {self.found / max(claimed, 1):.3f} ({self.found}/{claimed})"
        )


def read_place(
    ortho: Path, corner: tuple[int, int], buildings: Sequence[BaseGeometry], side_px: int
) -> Place:
    """Cut a crop and bring the building outlines into its pixels."""
    col, row = corner
    with rasterio.open(ortho) as source:
        window = Window(col, row, side_px, side_px)
        rgb = np.ascontiguousarray(np.moveaxis(source.read((1, 2, 3), window=window), 0, -1))
        valid = source.dataset_mask(window=window) > 0
        transform = source.window_transform(window)
        crs = CRS.from_user_input(source.crs.to_wkt())
    inverse = ~transform
    matrix = [inverse.a, inverse.b, inverse.d, inverse.e, inverse.c, inverse.f]
    frame = box(0, 0, rgb.shape[1], rgb.shape[0])
    ground = on_map(frame, transform)
    inside = []
    for outline in buildings:
        if not outline.intersects(ground):
            continue
        polygon = affine_transform(outline, matrix)
        if isinstance(polygon, Polygon) and polygon.intersects(frame):
            inside.append(polygon)
    return Place(f"{col},{row}", rgb, valid, tuple(inside), transform, abs(transform.a), crs)


def read_buildings(path: Path, crs: CRS) -> list[BaseGeometry]:
    """Read building outlines (GeoJSON, WGS-84) in another CRS."""
    to_map = Transformer.from_crs(4326, crs, always_xy=True)
    outlines: list[BaseGeometry] = []
    for feature in json.loads(path.read_text(encoding="utf-8"))["features"]:
        outline = shape(feature["geometry"])
        for part in getattr(outline, "geoms", [outline]):
            xy = np.column_stack(to_map.transform(*np.asarray(part.exterior.coords).T[:2]))
            outlines.append(Polygon(xy))
    return outlines


def write_pair(pair: PlantedPair, place: Place, folder: Path) -> dict[str, Path]:
    """Write both surveys as a drone operator would deliver them."""
    left, top = place.transform.c, place.transform.f
    paths = {}
    for epoch, rgb, valid, dsm, gsd_m in (
        ("before", pair.before_rgb, pair.before_valid, pair.before_dsm_m, pair.before_gsd_m),
        ("after", pair.after_rgb, pair.after_valid, pair.after_dsm_m, pair.gsd_m),
    ):
        transform = north_up(left, top, gsd_m)
        paths[epoch] = folder / f"{epoch}.tif"
        write_survey(paths[epoch], rgb, valid=valid, transform=transform, crs=place.crs)
        if dsm is not None:
            paths[f"{epoch}_dsm"] = folder / f"{epoch}_dsm.tif"
            write_dsm(paths[f"{epoch}_dsm"], dsm, transform=transform, crs=place.crs)
    return paths


def on_map(polygon: BaseGeometry, transform: Affine) -> BaseGeometry:
    """Bring crop pixels to map coordinates."""
    t = transform
    return affine_transform(polygon, [t.a, t.b, t.d, t.e, t.c, t.f])


def outlines_of(findings: Sequence[Finding], kind: str, crs: CRS) -> list[BaseGeometry]:
    """Return the outlines of one kind in map coordinates."""
    to_map = Transformer.from_crs(4326, crs, always_xy=True)
    outlines = []
    for finding in findings:
        if finding.kind.value == kind and finding.geometry is not None:
            outlines.append(_moved(finding.geometry.to_shape(), to_map))
    return outlines


def _moved(outline: BaseGeometry, to_map: Transformer) -> BaseGeometry:
    parts = []
    for part in getattr(outline, "geoms", [outline]):
        shell = np.column_stack(to_map.transform(*np.asarray(part.exterior.coords).T[:2]))
        holes = [
            np.column_stack(to_map.transform(*np.asarray(ring.coords).T[:2]))
            for ring in part.interiors
        ]
        parts.append(Polygon(shell, holes))
    return unary_union(parts)


def planted(place: Place, seed: int, options: PlantOptions) -> PlantedPair:
    """Plant into a place."""
    return plant_pair(
        place.rgb,
        gsd_m=place.gsd_m,
        seed=seed,
        options=options,
        buildings=place.buildings,
        valid=place.valid,
    )


KINDS = ("new_structure", "removed_structure", "land_clearing")


def run_pair(
    pair: PlantedPair, place: Place, *, with_dsm: bool, learned: LearnedCue | None
) -> SurveyComparison:
    """Write a pair and compare it as a user would."""
    with tempfile.TemporaryDirectory() as folder:
        paths = write_pair(pair, place, Path(folder))
        return compare(
            paths["before"],
            paths["after"],
            before_dsm=paths["before_dsm"] if with_dsm else None,
            after_dsm=paths["after_dsm"] if with_dsm else None,
            learned=learned,
        )


def evaluate_structures(
    places: Sequence[Place], seeds: Sequence[int], *, learned: LearnedCue | None, verbose: bool
) -> None:
    """Recall and precision of structures, and area agreement of dust hotspots."""
    tallies = {with_dsm: {kind: Tally() for kind in KINDS} for with_dsm in (True, False)}
    shared_m2 = union_m2 = 0.0
    for place in places:
        for seed in seeds:
            pair = planted(place, seed, PlantOptions())
            for with_dsm in (True, False):
                result = run_pair(pair, place, with_dsm=with_dsm, learned=learned)
                line = score_case(result, pair, place, tallies[with_dsm], verbose=verbose)
                name = "with DSM" if with_dsm else "colour only"
                print(f"  {place.name} seed {seed} {name}: {line}", flush=True)
            a, b = _dust(result.findings, pair, place)
            shared_m2, union_m2 = shared_m2 + a, union_m2 + b
    for with_dsm in (True, False):
        name = "with DSM" if with_dsm else "without DSM"
        cue = "no learned cue" if learned is None else "with the learned cue"
        print(f"structures {name}, {cue}, {len(places)} places × {len(seeds)} seeds")
        for kind, tally in tallies[with_dsm].items():
            print(f"  {kind:18} {tally.line()}")
            print(f"    missed: {dict(tally.missed_forms)}  false: {dict(tally.false_of)}")
    print(f"dust hotspots on planted ground: area IoU {shared_m2 / max(union_m2, 1):.3f}")


def score_case(
    result: SurveyComparison,
    pair: PlantedPair,
    place: Place,
    tallies: dict[str, Tally],
    *,
    verbose: bool,
) -> str:
    """Hold a comparison against what was planted; add to the tallies and return a line."""
    words = []
    for kind, tally in tallies.items():
        truth = [t for t in pair.truth if t.kind == kind]
        if kind == "land_clearing":
            least_m2 = CompareOptions().min_clearing_area_m2
            truth = [t for t in truth if t.area_m2(place.gsd_m) >= least_m2]
        found = outlines_of(result.findings, kind, place.crs)
        score = match([on_map(t.polygon, place.transform) for t in truth], found)
        tally.found += len(score.pairs)
        tally.missed += len(score.missed)
        tally.false += len(score.false)
        for i in score.missed:
            what = truth[i].attributes
            tally.missed_forms[f"{what.get('form', '-')} on {what.get('standing_on', '-')}"] += 1
        for i in score.false:
            tally.false_of[_what_is(found[i], pair, place)] += 1
        if verbose:
            _tell(kind, score, truth, result.findings, pair, place)
        words.append(f"{kind} {len(score.pairs)}/{len(truth)} +{len(score.false)}")
    return ", ".join(words)


def _tell(
    kind: str,
    score: Score,
    truth: Sequence[PlantedObject],
    findings: Sequence[Finding],
    pair: PlantedPair,
    place: Place,
) -> None:
    """Name every miss and false finding."""
    same = [f for f in findings if f.kind.value == kind]
    found = outlines_of(findings, kind, place.crs)
    for i in score.missed:
        missed = truth[i]
        middle = missed.polygon.centroid
        print(
            f"    missed {kind} at {middle.x:.0f},{middle.y:.0f}: "
            f"{missed.area_m2(place.gsd_m):.0f} m2 h {missed.height_m:.1f} "
            f"{dict(missed.attributes)}"
        )
    for i in score.false:
        finding = same[i]
        middle = affine_transform(found[i].centroid, _matrix(~place.transform))
        print(
            f"    false {kind} at {middle.x:.0f},{middle.y:.0f} score {finding.score} "
            f"{ {k: m.value for k, m in finding.measures.items()} } {finding.attributes} "
            f"{[(v.cue, v.probability) for v in finding.cues]} "
            f"near {_what_is(found[i], pair, place)}"
        )


def _matrix(t: Affine) -> list[float]:
    return [t.a, t.b, t.d, t.e, t.c, t.f]


def _what_is(outline: BaseGeometry, pair: PlantedPair, place: Place) -> str:
    """Name the planted thing that lies under a false finding."""
    best, name = 0.2 * outline.area, "nothing planted"
    for thing in (*pair.truth, *pair.distractors):
        shared = on_map(thing.polygon, place.transform).intersection(outline).area
        if shared > best:
            best, name = shared, thing.kind
    return name


def _dust(findings: Sequence[Finding], pair: PlantedPair, place: Place) -> tuple[float, float]:
    """Agreement on planted bare ground: only there is the truth known."""
    sites = [t for t in pair.truth if t.kind == "dust_hotspot"]
    if not sites:
        return 0.0, 0.0
    exposed = []
    for thing in sites:
        text = str(thing.attributes.get("net_wkt_px", ""))
        outline = thing.polygon.difference(wkt.loads(text)) if text else thing.polygon
        exposed.append(on_map(outline, place.transform))
    # Real bare soil lies around the planted one; it is neither right nor wrong here. What is
    # claimed in the planted ground's own surroundings counts where the picture was not soil.
    around = unary_union([on_map(t.polygon, place.transform).buffer(3.0) for t in sites])
    heaps = unary_union(
        [on_map(t.polygon, place.transform) for t in pair.distractors if t.kind == "stockpile"]
    )
    found = outlines_of(findings, "dust_hotspot", place.crs)
    return area_agreement(exposed, found, within=around.difference(heaps))


def false_findings(result: SurveyComparison) -> Counter[str]:
    """Count the findings of an unchanged scene, by kind.

    Bare ground is there whether or not anything changed: a hotspot is false only where it is said
    to be new, grown or covered.
    """
    return Counter(
        f.kind.value
        for f in result.findings
        if f.kind.value != "dust_hotspot"
        or f.attributes["trend"] in ("new", "grew", "covered_since")
    )


def evaluate_unchanged(
    places: Sequence[Place], seeds: Sequence[int], *, learned: LearnedCue | None
) -> None:
    """Count findings where nothing changed but light, season and place."""
    false: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
    hectares = 0.0
    for place in places:
        for seed in seeds:
            pair = planted(place, seed, UNCHANGED)
            for with_dsm in (True, False):
                result = run_pair(pair, place, with_dsm=with_dsm, learned=learned)
                here = false_findings(result)
                false[with_dsm] += here
                name = "with DSM" if with_dsm else "colour only"
                print(f"  {place.name} seed {seed} {name}: {dict(here)}", flush=True)
            hectares += result.ground.compared_area_m2 / 10_000
    for with_dsm, counts in false.items():
        total = sum(counts.values())
        print(
            f"unchanged, moved and re-lit, {'with' if with_dsm else 'without'} DSM: "
            f"{hectares:.0f} ha, {total} false = {total / max(hectares, 1) * 10:.2f} per 10 ha  "
            f"{dict(counts)}"
        )


def evaluate_alignment(places: Sequence[Place], seeds: Sequence[int]) -> None:
    """RMSE of the estimated displacement against the known one."""
    all_px: list[float] = []
    for place in places:
        for seed in seeds:
            moved = PlantOptions(misalign=FULL_MISALIGNMENT, with_surfaces=False)
            pair = planted(place, seed, moved)
            with tempfile.TemporaryDirectory() as folder:
                paths = write_pair(pair, place, Path(folder))
                options = CompareOptions()
                with open_ortho(paths["before"]) as before, open_ortho(paths["after"]) as after:
                    grid = working_grid(before, after, options=options)
                    start = time.perf_counter()
                    alignment = align(before, after, grid, options=options)
                    seconds = time.perf_counter() - start
            truth = pair.misalignment.at_origin(place.transform.c, place.transform.f)
            x_m, y_m = grid.centres(grid.whole, 40)
            tx, ty = truth.displacement(x_m, y_m)
            ex, ey = alignment.displacement(x_m, y_m)
            # Only where both surveys have data can anything be aligned.
            rows = ((place.transform.f - y_m) / place.gsd_m).astype(int)
            cols = ((x_m - place.transform.c) / place.gsd_m).astype(int)
            height, width = pair.after_valid.shape
            inside = (rows >= 0) & (cols >= 0) & (rows < height) & (cols < width)
            seen = np.zeros(inside.shape, np.bool_)
            seen[inside] = pair.after_valid[rows[inside], cols[inside]]
            frame = box(*before.bounds_in(grid.crs))
            seen &= (tx > frame.bounds[0]) & (tx < frame.bounds[2])
            seen &= (ty > frame.bounds[1]) & (ty < frame.bounds[3])
            error_px = np.hypot(ex - tx, ey - ty)[seen] / grid.gsd_m
            rmse = float(np.sqrt((error_px**2).mean()))
            all_px.append(rmse)
            m = truth
            print(
                f"  {place.name} seed {seed}: RMSE {rmse:.3f} px, p99 "
                f"{np.percentile(error_px, 99):.2f} px, reported "
                f"{alignment.report.residual_rmse_px:.3f} px, kept "
                f"{alignment.report.tie_points_kept}/{alignment.report.tie_points_tried}, "
                f"{seconds:.1f} s (offset {np.hypot(*m.offset_m):.1f} m, "
                f"{m.rotation_deg:+.2f} deg, scale {m.scale - 1:+.4f})",
                flush=True,
            )
    pooled = float(np.sqrt(np.mean(np.square(all_px))))
    print(f"alignment: RMSE {pooled:.3f} px of 0.2 m, worst case {max(all_px):.3f} px")


def main() -> int:
    """Run the parts asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--ortho", type=Path, default=SHARED / "banepa_ortho.tif")
    parser.add_argument(
        "--buildings", type=Path, default=SHARED / "banepa_labels" / "buildings.geojson"
    )
    parser.add_argument("--split", choices=("dev", "eval"), default="eval")
    parser.add_argument("--seeds", type=int, nargs="*")
    parser.add_argument("--places", type=int, nargs="*", help="numbers of the split's places")
    parser.add_argument("--side-px", type=int, default=CROP_PX)
    parts = ("alignment", "structures", "unchanged")
    parser.add_argument("--parts", nargs="*", default=parts, choices=parts)
    parser.add_argument("--learned", action="store_true", help="with the learned change cue")
    parser.add_argument("--verbose", action="store_true", help="name every miss and false finding")
    args = parser.parse_args()
    if not args.ortho.exists():
        print(f"{args.ortho}: no such file. Name a real orthophoto with --ortho.", file=sys.stderr)
        return 3
    cv2.setNumThreads(1)
    with rasterio.open(args.ortho) as source:
        crs = CRS.from_user_input(source.crs.to_wkt())
    buildings = read_buildings(args.buildings, crs) if args.buildings.exists() else []
    corners: tuple[tuple[int, int], ...] = DEV_CROPS if args.split == "dev" else EVAL_CROPS
    if args.places is not None:
        corners = tuple(corners[i] for i in args.places)
    seeds = args.seeds or (DEV_SEEDS if args.split == "dev" else EVAL_SEEDS)
    places = [read_place(args.ortho, corner, buildings, args.side_px) for corner in corners]
    learned = open_change_model(Registry()) if args.learned else None
    for part in args.parts:
        if part == "alignment":
            evaluate_alignment(places, seeds)
        elif part == "structures":
            evaluate_structures(places, seeds, learned=learned, verbose=args.verbose)
        else:
            evaluate_unchanged(places, seeds, learned=learned)
    return 0


if __name__ == "__main__":
    sys.exit(main())
