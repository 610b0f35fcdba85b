"""Make the blocks that the learned change cue is trained on, from a real orthophoto.

    python scripts/make_change_pairs.py --out change_pairs --rendered survey_pairs

Cuts pictures from the orthophoto, away from every place that anything is measured on, and makes
two dates of each: planted change (datasets.planting) and collages of real roofs
(datasets.change_pairs). Pairs rendered by scripts/render_survey_pairs.py join them. The recipe is
models/change/train.yaml. A block that is already there is not made again.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import rasterio
import yaml
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS
from shapely.affinity import scale as scaled
from shapely.geometry import Polygon, box

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from datasets.change_pairs import (  # noqa: E402
    APPEARED,
    VANISHED,
    ChangeBlock,
    Cutout,
    collage_block,
    cut_roofs,
    planted_block,
    read_blocks,
    rendered_block,
    write_block,
)
from datasets.formats.card import (  # noqa: E402
    DatasetCard,
    DataSource,
    SplitCounts,
    write_dataset_card,
)
from datasets.formats.change_pairs import list_change_pairs, read_change_pair  # noqa: E402
from scripts.evaluate_survey import (  # noqa: E402
    CROP_PX,
    DEV_CROPS,
    EVAL_CROPS,
    SHARED,
    Place,
    read_buildings,
    read_place,
)

RECIPE = ROOT / "models" / "change" / "train.yaml"
_LEAST_DATA = 0.98


def measured_places(
    transform: Affine, soil_crops: Iterable[Path], *, keep_out_m: float
) -> list[Polygon]:
    """Return, in pixels of the orthophoto, the places that no training picture may touch.

    The crops that survey comparison is measured on, with their neighbourhood; and the crops that
    bare earth is measured on.
    """
    margin = keep_out_m / abs(transform.a)
    places = [
        box(col - margin, row - margin, col + CROP_PX + margin, row + CROP_PX + margin)
        for col, row in (*DEV_CROPS, *EVAL_CROPS)
    ]
    inverse = ~transform
    for path in soil_crops:
        with rasterio.open(path) as crop:
            left, top = inverse @ (crop.bounds.left, crop.bounds.top)
            right, bottom = inverse @ (crop.bounds.right, crop.bounds.bottom)
        places.append(box(left, top, right, bottom))
    return places


def training_corners(
    seen: NDArray[np.bool_],
    places: Sequence[Polygon],
    *,
    size_wh: tuple[int, int],
    recipe: dict[str, Any],
) -> list[tuple[int, int]]:
    """Return the upper left corners (col, row) of pictures that touch none of the places.

    Args:
        seen: bool, where the orthophoto has data, at any coarse size.
        places: not to be touched, in pixels of the orthophoto.
        size_wh: of the orthophoto.
        recipe: the ``data`` part of the recipe.
    """
    side, step = int(recipe["side_px"]), int(recipe["step_px"])
    fx, fy = seen.shape[1] / size_wh[0], seen.shape[0] / size_wh[1]
    corners = []
    for row in range(0, size_wh[1] - side, step):
        for col in range(0, size_wh[0] - side, step):
            frame = box(col, row, col + side, row + side)
            if any(frame.intersects(place) for place in places):
                continue
            rows = slice(int(row * fy), int((row + side) * fy))
            part = seen[rows, int(col * fx) : int((col + side) * fx)]
            if part.mean() >= _LEAST_DATA:
                corners.append((col, row))
    return corners


def at_gsd(place: Place, gsd_m: float) -> tuple[NDArray[np.uint8], list[Polygon]]:
    """Return a place's picture and its buildings' outlines at another pixel size."""
    factor = place.gsd_m / gsd_m
    size = (round(place.rgb.shape[1] * factor), round(place.rgb.shape[0] * factor))
    rgb = np.asarray(cv2.resize(place.rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
    return rgb, [scaled(p, factor, factor, origin=(0, 0)) for p in place.buildings]


def roof_library(places: Sequence[Place], gsd_m: float) -> list[Cutout]:
    """Cut the roofs of every place; a roof on two pictures is taken twice."""
    roofs: list[Cutout] = []
    for place in places:
        if place.buildings:
            rgb, buildings = at_gsd(place, gsd_m)
            roofs += cut_roofs(rgb, buildings, gsd_m=gsd_m)
    return roofs


def add_rendered(folder: Path, out: Path, *, gsd_m: float, seed: int) -> None:
    """Take over a folder of rendered pairs: A, B, label (new) and label_removed."""
    for number, name in enumerate(list_change_pairs(folder)):
        pair = read_change_pair(folder, name)
        gone = cv2.imread(str(folder / "label_removed" / f"{name}.png"), cv2.IMREAD_GRAYSCALE)
        block = rendered_block(
            pair.before,
            pair.after,
            appeared=pair.changed,
            vanished=np.zeros(pair.changed.shape, np.bool_) if gone is None else gone > 0,
            gsd_m=gsd_m,
            seed=seed + number,
        )
        write_block(out / f"rendered_{number:04d}.npz", block)


def write_card(folder: Path, *, seed: int, command: str, rendered: bool) -> DatasetCard:
    """Count what a folder of blocks holds and write its card."""
    blocks, pixels = 0, {"new_structure_px": 0, "removed_structure_px": 0, "all_px": 0}
    for _, block in read_blocks(folder):
        blocks += 1
        pixels["new_structure_px"] += int((block.label == APPEARED).sum())
        pixels["removed_structure_px"] += int((block.label == VANISHED).sum())
        pixels["all_px"] += block.label.size
    sources = [
        DataSource(what="orthophoto of Banepa, Nepal (OpenAerialMap)", licence="CC BY 4.0"),
        DataSource(what="building outlines (OpenStreetMap contributors)", licence="ODbL"),
    ]
    if rendered:
        what = "pairs rendered by scripts/render_survey_pairs.py"
        sources.append(DataSource(what=what, licence="CC BY 4.0, CityEye contributors"))
    return write_dataset_card(
        folder,
        name="change pairs",
        command=command,
        seed=seed,
        splits={"train": SplitCounts(images=blocks, objects=pixels)},
        sources=sources,
        notes=[
            "All change is made up: nothing here shows one place on two real dates.",
            "Places that survey comparison or bare earth are measured on took no part.",
        ],
    )


def main() -> int:
    """Make what is missing and write the card."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--ortho", type=Path, default=SHARED / "banepa_ortho.tif")
    parser.add_argument(
        "--buildings", type=Path, default=SHARED / "banepa_labels" / "buildings.geojson"
    )
    parser.add_argument("--soil-crops", type=Path, default=SHARED / "banepa_soil")
    parser.add_argument("--recipe", type=Path, default=RECIPE)
    parser.add_argument("--rendered", type=Path, help="folder of pairs rendered at that pixel size")
    args = parser.parse_args()
    if not args.ortho.exists():
        print(f"{args.ortho}: no such file. Name a real orthophoto with --ortho.", file=sys.stderr)
        return 3
    cv2.setNumThreads(1)
    recipe = yaml.safe_load(args.recipe.read_text(encoding="utf-8"))
    data, gsd_m, seed = recipe["data"], float(recipe["gsd_m"]), int(recipe["seed"])
    args.out.mkdir(parents=True, exist_ok=True)
    with rasterio.open(args.ortho) as source:
        size_wh, transform = (source.width, source.height), source.transform
        crs = CRS.from_user_input(source.crs.to_wkt())
        thumb = source.read((1, 2, 3), out_shape=(3, source.height // 16, source.width // 16))
    seen = np.asarray((thumb.max(axis=0) > 8) & (thumb.min(axis=0) < 250), np.bool_)
    measured = measured_places(
        transform, sorted(args.soil_crops.glob("*.tif")), keep_out_m=data["keep_out_m"]
    )
    corners = training_corners(seen, measured, size_wh=size_wh, recipe=data)
    buildings = read_buildings(args.buildings, crs)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(corners))
    places = [read_place(args.ortho, corners[i], buildings, data["side_px"]) for i in order]
    roofs = roof_library(places, gsd_m)
    print(f"{len(places)} pictures, {len(roofs)} roof cut-outs", flush=True)
    start = time.perf_counter()
    if args.rendered is not None:
        add_rendered(args.rendered, args.out, gsd_m=gsd_m, seed=seed)
    for kind in ("collage", "planted"):
        for number in range(int(data[kind])):
            path = args.out / f"{kind}_{number:04d}.npz"
            if path.exists():
                continue
            place = places[number % len(places)]
            write_block(path, _block(kind, place, seed + number, roofs, gsd_m))
            if number % 20 == 0:
                print(f"{kind} {number}: {time.perf_counter() - start:.0f} s", flush=True)
    card = write_card(
        args.out,
        seed=seed,
        command=shlex.join(["python", "scripts/make_change_pairs.py", *sys.argv[1:]]),
        rendered=args.rendered is not None,
    )
    print(card.splits["train"])
    return 0


def _block(
    kind: str, place: Place, seed: int, roofs: Sequence[Cutout], gsd_m: float
) -> ChangeBlock:
    if kind == "planted":
        return planted_block(
            place.rgb,
            gsd_m=place.gsd_m,
            to_gsd_m=gsd_m,
            seed=seed,
            buildings=place.buildings,
        )
    rgb, buildings = at_gsd(place, gsd_m)
    return collage_block(rgb, gsd_m=gsd_m, seed=seed, roofs=roofs, buildings=buildings)


if __name__ == "__main__":
    sys.exit(main())
