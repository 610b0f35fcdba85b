"""Measure what the learned change cue adds, and write the tables onto its card.

    python scripts/evaluate_change.py

On the evaluation split of scripts/evaluate_survey.py every planted pair is compared twice from
colour alone: without the learned cue and with it. Then the same on unchanged ground, moved and
re-lit; the network alone on four LEVIR-CD pairs; and its speed.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import rasterio
from pyproj import CRS

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from datasets.change_pairs.blocks import match_tone  # noqa: E402
from datasets.formats.change_pairs import list_change_pairs, read_change_pair  # noqa: E402
from datasets.planting import PlantOptions  # noqa: E402
from models.cards import CARD_FILE, Metric, record_metric  # noqa: E402
from models.registry import Registry  # noqa: E402
from scripts.bench_survey import machine  # noqa: E402
from scripts.evaluate_survey import (  # noqa: E402
    CROP_PX,
    DEV_CROPS,
    DEV_SEEDS,
    EVAL_CROPS,
    EVAL_SEEDS,
    KINDS,
    SHARED,
    UNCHANGED,
    Place,
    Tally,
    false_findings,
    planted,
    read_buildings,
    read_place,
    run_pair,
    score_case,
)
from vision.survey.learned import NAME, ChangeModel, open_change_model  # noqa: E402

WAYS = ("without", "with")
LEVIR_GSD_M = 0.5
_SPEED_SIDE_PX = 1024
_SPEED_RUNS = 5


def numbers(tally: Tally) -> dict[str, float]:
    """Return counts, recall and precision."""
    truth, claimed = tally.found + tally.missed, tally.found + tally.false
    return {
        "recall": round(tally.found / max(truth, 1), 3),
        "precision": round(tally.found / max(claimed, 1), 3),
        "found": tally.found,
        "planted": truth,
        "reported": claimed,
    }


def measure_structures(
    places: Sequence[Place], seeds: Sequence[int], model: ChangeModel, *, verbose: bool
) -> dict[str, Any]:
    """Compare planted pairs from colour alone, without and with the cue."""
    tallies = {way: {kind: Tally() for kind in KINDS} for way in WAYS}
    for place in places:
        for seed in seeds:
            pair = planted(place, seed, PlantOptions(with_surfaces=False))
            for way in WAYS:
                learned = model if way == "with" else None
                result = run_pair(pair, place, with_dsm=False, learned=learned)
                line = score_case(result, pair, place, tallies[way], verbose=verbose)
                print(f"  {place.name} seed {seed} {way}: {line}", flush=True)
    for way, by_kind in tallies.items():
        for kind, tally in by_kind.items():
            print(f"{way:8} {kind:18} {tally.line()}")
            print(f"    missed: {dict(tally.missed_forms)}  false: {dict(tally.false_of)}")
    return {
        f"{way}_learned_cue": {kind: numbers(tally) for kind, tally in by_kind.items()}
        for way, by_kind in tallies.items()
    }


def measure_unchanged(
    places: Sequence[Place], seeds: Sequence[int], model: ChangeModel
) -> dict[str, Any]:
    """Count findings on unchanged ground, without and with the cue."""
    false: dict[str, Counter[str]] = {way: Counter() for way in WAYS}
    hectares = 0.0
    for place in places:
        for seed in seeds:
            pair = planted(place, seed, UNCHANGED.model_copy(update={"with_surfaces": False}))
            for way in WAYS:
                learned = model if way == "with" else None
                result = run_pair(pair, place, with_dsm=False, learned=learned)
                false[way] += false_findings(result)
            print(f"  {place.name} seed {seed}: {dict(false['with'])} so far", flush=True)
            hectares += result.ground.compared_area_m2 / 10_000
    measured: dict[str, Any] = {"hectares": round(hectares, 1)}
    for way, counts in false.items():
        total = sum(counts.values())
        measured[f"{way}_learned_cue"] = {
            "false_per_10_ha": round(total / max(hectares, 1) * 10, 2),
            "by_kind": dict(counts),
        }
    print(measured)
    return measured


def measure_levir(folder: Path, model: ChangeModel) -> dict[str, Any]:
    """Pixel scores of the network alone on LEVIR-CD pairs; change in either direction counts."""
    hits = claimed = there = 0
    by_pair = {}
    for name in list_change_pairs(folder):
        pair = read_change_pair(folder, name)
        before = match_tone(pair.before, pair.after, np.ones(pair.changed.shape, bool), share=1.0)
        scale = LEVIR_GSD_M / model.gsd_m
        size = (round(before.shape[1] * scale), round(before.shape[0] * scale))
        first, second = (
            np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC), np.uint8)
            for picture in (before, pair.after)
        )
        said = np.maximum(model(first, second), model(second, first))
        said = cv2.resize(said, pair.changed.shape[::-1], interpolation=cv2.INTER_AREA) > 0.5
        hit = int((said & pair.changed).sum())
        by_pair[name] = round(2 * hit / max(int(said.sum()) + int(pair.changed.sum()), 1), 3)
        hits, claimed, there = (
            hits + hit,
            claimed + int(said.sum()),
            there + int(pair.changed.sum()),
        )
    measured = {
        "f1": round(2 * hits / max(claimed + there, 1), 3),
        "precision": round(hits / max(claimed, 1), 3),
        "recall": round(hits / max(there, 1), 3),
        "f1_by_pair": by_pair,
    }
    print(measured)
    return measured


def measure_speed(model: ChangeModel) -> dict[str, float]:
    """Time both directions on one thread."""
    rng = np.random.default_rng(1)
    pictures = rng.integers(0, 255, (2, _SPEED_SIDE_PX, _SPEED_SIDE_PX, 3), dtype=np.uint8)
    seconds = []
    for _ in range(_SPEED_RUNS):
        start = time.perf_counter()
        model(pictures[0], pictures[1])
        model(pictures[1], pictures[0])
        seconds.append(time.perf_counter() - start)
    best = min(seconds) / _SPEED_SIDE_PX**2
    hectare = 10_000 / model.gsd_m**2
    measured = {
        "seconds_per_megapixel": round(best * 1e6, 3),
        "seconds_per_hectare": round(best * hectare, 4),
        "gsd_m": model.gsd_m,
    }
    print(measured)
    return measured


_WHAT = {
    "structures": "objects found on planted pairs of the {split} split of "
    "scripts/evaluate_survey.py, colour only, IoU 0.3; made-up change in real pictures, "
    "{places} places of 5.8 ha × {seeds} seeds",
    "unchanged": "findings on unchanged ground of the {split} split, moved by up to 5 m, turned, "
    "re-lit, another season; colour only",
    "levir": "pixel scores of the network alone on four LEVIR-CD pairs (0.5 m, satellite, Texas; "
    "enlarged, tone matched, probability over 0.5 in either direction); never trained on",
    "speed": "the network alone, both directions, one thread, ONNX Runtime, best of five",
}


def main() -> int:
    """Measure the parts asked for and put them on the card."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--ortho", type=Path, default=SHARED / "banepa_ortho.tif")
    parser.add_argument(
        "--buildings", type=Path, default=SHARED / "banepa_labels" / "buildings.geojson"
    )
    parser.add_argument("--levir", type=Path, default=SHARED / "levir_train_crops")
    parser.add_argument("--split", choices=("dev", "eval"), default="eval")
    parser.add_argument("--parts", nargs="*", default=tuple(_WHAT), choices=tuple(_WHAT))
    parser.add_argument("--verbose", action="store_true", help="name every miss and false finding")
    parser.add_argument("--no-card", action="store_true", help="only print")
    args = parser.parse_args()
    for path in (args.ortho, args.levir):
        if not path.exists():
            print(f"{path}: no such file. The evaluation needs the real data.", file=sys.stderr)
            return 3
    cv2.setNumThreads(1)
    registered = Registry().find(NAME)
    model = open_change_model(Registry())
    with rasterio.open(args.ortho) as source:
        crs = CRS.from_user_input(source.crs.to_wkt())
    buildings = read_buildings(args.buildings, crs) if args.buildings.exists() else []
    corners = DEV_CROPS if args.split == "dev" else EVAL_CROPS
    seeds = DEV_SEEDS if args.split == "dev" else EVAL_SEEDS
    places = [read_place(args.ortho, corner, buildings, CROP_PX) for corner in corners]
    for part in args.parts:
        if part == "structures":
            measured = measure_structures(places, seeds, model, verbose=args.verbose)
        elif part == "unchanged":
            measured = measure_unchanged(places, seeds, model)
        elif part == "levir":
            measured = measure_levir(args.levir, model)
        else:
            measured = dict(measure_speed(model))
        metric = Metric(
            key=part if part in ("levir", "speed") else f"{part}_{args.split}",
            what=_WHAT[part].format(split=args.split, places=len(places), seeds=len(seeds)),
            measured=measured,
            command=f"python scripts/evaluate_change.py --split {args.split} --parts {part}",
            machine=f"{os.cpu_count()} shared cores of {machine()['cpu']}, no GPU",
        )
        if not args.no_card:
            record_metric(registered.folder / CARD_FILE, metric)
    return 0


if __name__ == "__main__":
    sys.exit(main())
