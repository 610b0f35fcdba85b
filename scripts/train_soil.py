"""Train the bare-earth classifier from hand-drawn polygons and write models/soil/weights.json.

    python scripts/train_soil.py --ortho banepa_ortho.tif \
        --keep-out banepa_soil --buildings buildings.geojson --buildings-area labelled_area.geojson

The orthophoto (Banepa, OpenAerialMap, CC BY 4.0) and the buildings (OpenStreetMap, ODbL) are not
part of the repository; the polygons are, in datasets/soil_labels. Needs numpy, scipy and OpenCV
only. Prints what held-out places score: the places are dealt into folds, each fold is predicted by
a network that never saw it. The shipped network is then trained on all places.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.features import rasterize
from rasterio.warp import transform_geom
from rasterio.windows import Window
from shapely.geometry import box, mapping, shape
from shapely.ops import unary_union

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from vision.survey.landcover import SceneTone, even_out, scene_tone
from vision.survey.soil_model import FEATURES, soil_features

ROOT = Path(__file__).resolve().parents[1]
LABELS = ROOT / "datasets" / "soil_labels" / "banepa_ground.geojson"
WEIGHTS = ROOT / "models" / "soil" / "weights.json"
SOIL_CLASSES = ("soil", "soil_shadow")
# How much a class counts beside its pixels: bare earth in shadow is seldom to be told from shaded
# paving, so it must not teach the network that all shade is earth.
CLASS_WEIGHT = {"soil_shadow": 0.3, "roof": 1.0, "osm_roof": 1.0, "paved": 1.5, "bricks": 0.7}
# Paving and roofs come in every grey, Banepa's are warm with dust: they are also shown colder.
GREY_CLASSES = ("roof", "osm_roof", "paved", "aggregate", "greenhouse")
COOL_ROUNDS = 2
COOL_WEIGHT = 0.4
MARGIN_M = 9.5
OVERVIEW_GSD_M = 1.0
LOCAL_TONE_M = 300.0
GSDS_M = (0.12, 0.15, 0.2, 0.2, 0.2, 0.25, 0.3, 0.4)
PIXELS_PER_POLYGON = 260
ROOF_WINDOW_M = 80.0
FOLDS = 5


@dataclass(frozen=True)
class Place:
    """One training picture: colours and class raster at the orthophoto's own GSD."""

    name: str
    rgb: NDArray[np.uint8]
    polygon_of: NDArray[np.int32]
    classes: tuple[str, ...]
    overviews: tuple[NDArray[np.uint8], ...]


@dataclass(frozen=True)
class Samples:
    """Rows for the fit: features (N, F), target (N,), weight (N,), fold (N,)."""

    features: NDArray[np.float32]
    target: NDArray[np.float32]
    weight: NDArray[np.float32]
    fold: NDArray[np.int64]
    clean: NDArray[np.bool_]


def read_window(
    source: rasterio.DatasetReader, window: Window, out_shape: tuple[int, int] | None = None
) -> NDArray[np.uint8]:
    """RGB (H, W, 3) of a window, zero outside the picture."""
    height, width = out_shape or (round(window.height), round(window.width))
    array = source.read(
        [1, 2, 3],
        window=window,
        out_shape=(3, height, width),
        boundless=True,
        fill_value=0,
        resampling=Resampling.average,
    )
    return np.ascontiguousarray(array.transpose(1, 2, 0))


def overview_of(source: rasterio.DatasetReader, window: Window | None = None) -> NDArray[np.uint8]:
    """The whole picture, or one window of it, at the size that tone is measured on."""
    window = window or Window(0, 0, source.width, source.height)
    step = OVERVIEW_GSD_M / source.res[0]
    return read_window(source, window, (int(window.height / step), int(window.width / step)))


def tone_of(overview: NDArray[np.uint8], original: NDArray[np.uint8]) -> SceneTone:
    """Tone of an overview, valid where the original is not black collar."""
    return scene_tone(overview, original.max(axis=2) > 0)


def make_place(
    source: rasterio.DatasetReader,
    name: str,
    shapes: list[tuple[Any, str]],
    bounds: tuple[float, float, float, float],
    whole: NDArray[np.uint8],
) -> Place:
    """Read one picture around `bounds` (CRS units) and burn the polygons into it."""
    gsd = source.res[0]
    left, bottom, right, top = bounds
    col, row = ~source.transform * (left - MARGIN_M, top + MARGIN_M)
    window = Window(
        round(col),
        round(row),
        round((right - left + 2 * MARGIN_M) / gsd),
        round((top - bottom + 2 * MARGIN_M) / gsd),
    )
    polygon_of = rasterize(
        [(geometry, index + 1) for index, (geometry, _) in enumerate(shapes)],
        out_shape=(window.height, window.width),
        transform=source.window_transform(window),
        dtype="int32",
    )
    middle_col, middle_row = window.col_off + window.width / 2, window.row_off + window.height / 2
    half = LOCAL_TONE_M / gsd / 2
    local = Window(middle_col - half, middle_row - half, 2 * half, 2 * half)
    local = local.intersection(Window(0, 0, source.width, source.height))
    return Place(
        name=name,
        rgb=read_window(source, window),
        polygon_of=polygon_of,
        classes=tuple(kind for _, kind in shapes),
        overviews=(whole, overview_of(source, local)),
    )


def read_places(arguments: argparse.Namespace) -> list[Place]:
    """All training pictures: the drawn places, and windows of mapped roofs."""
    with rasterio.open(arguments.ortho) as source:
        whole = overview_of(source)[::4, ::4]
        keep_out = []
        for path in sorted(Path(arguments.keep_out).glob("*.tif")):
            with rasterio.open(path) as crop:
                keep_out.append(box(*crop.bounds))
        forbidden = unary_union(keep_out)
        by_place: dict[str, list[tuple[Any, str]]] = {}
        for feature in json.loads(LABELS.read_text(encoding="utf-8"))["features"]:
            geometry = shape(transform_geom("EPSG:4326", source.crs, feature["geometry"]))
            if geometry.intersects(forbidden):
                raise SystemExit(f"{LABELS.name}: a polygon lies in an evaluation crop")
            properties = feature["properties"]
            by_place.setdefault(properties["place"], []).append((geometry, properties["class"]))
        places = []
        for name, shapes in by_place.items():
            bounds = unary_union([geometry for geometry, _ in shapes]).bounds
            places.append(make_place(source, name, shapes, bounds, whole))

        def project(path: str) -> list[Any]:
            features = json.loads(Path(path).read_text(encoding="utf-8"))["features"]
            return [shape(transform_geom("EPSG:4326", source.crs, f["geometry"])) for f in features]

        area = unary_union(project(arguments.buildings_area))
        roofs = [roof.buffer(-1.2) for roof in project(arguments.buildings)]
        left, bottom, right, top = area.bounds
        number = 0
        for west in np.arange(left, right - ROOF_WINDOW_M, ROOF_WINDOW_M):
            for south in np.arange(bottom, top - ROOF_WINDOW_M, ROOF_WINDOW_M):
                cell = box(west, south, west + ROOF_WINDOW_M, south + ROOF_WINDOW_M)
                number += 1
                if number % 2 or not area.contains(cell) or cell.buffer(15).intersects(forbidden):
                    continue
                inside = [roof for roof in roofs if not roof.is_empty and cell.contains(roof)]
                if inside:
                    shapes = [(mapping(roof), "osm_roof") for roof in inside]
                    places.append(make_place(source, f"roofs{number}", shapes, cell.bounds, whole))
    return places


def relight_table(rng: np.random.Generator, cool_ln: float = 0.0) -> NDArray[np.uint8]:
    """A look-up table (256, 1, 3) that shows a place under other light: cast, gamma, haze."""
    gains = np.exp(rng.uniform(-0.09, 0.09, 3) + np.array([-cool_ln, 0.0, cool_ln]))
    levels = (np.arange(256) / 255.0) ** np.exp(rng.uniform(-0.22, 0.22))
    haze = max(0.0, rng.uniform(-0.12, 0.15))
    table = np.empty((256, 1, 3), np.uint8)
    for channel, veil in enumerate((0.86, 0.9, 0.95)):
        moved = levels * gains[channel] * (1 - haze) + haze * veil
        table[:, 0, channel] = np.clip(np.rint(moved * 255), 0, 255)
    return table


def cooler(place: Place, rng: np.random.Generator) -> NDArray[np.uint8]:
    """The place in colder colours than it has: what its paving and roofs could be elsewhere."""
    whole = place.overviews[0]
    even = even_out(place.rgb, tone_of(whole, whole))
    return np.asarray(cv2.LUT(even, relight_table(rng, rng.uniform(0.04, 0.2))), np.uint8)


def render(place: Place, rng: np.random.Generator) -> NDArray[np.uint8]:
    """The place under other light, brought back to the common tone as a survey would be."""
    table = relight_table(rng)
    choice = int(rng.choice(3, p=(0.55, 0.3, 0.15)))
    out = np.asarray(cv2.LUT(place.rgb, table), np.uint8)
    if choice < 2:
        overview = place.overviews[choice]
        out = even_out(out, tone_of(np.asarray(cv2.LUT(overview, table), np.uint8), overview))
    else:
        # No tone given: the light is as the camera left it, within reason.
        out = place.rgb
    if rng.random() < 0.3:
        out = np.asarray(cv2.GaussianBlur(out, (0, 0), rng.uniform(0.4, 0.9)), np.uint8)
    if rng.random() < 0.3:
        noise = rng.normal(0, rng.uniform(1, 4), out.shape)
        out = np.clip(out + noise, 0, 255).astype(np.uint8)
    return out


def draw_samples(places: list[Place], gsd_m: float, rounds: int, seed: int) -> Samples:
    """Features of random pixels of every polygon, in several renderings of every place."""
    rng = np.random.default_rng(seed)
    rows, targets, weights, folds, cleans = [], [], [], [], []
    drawn = [place for place in places if not place.name.startswith("roofs")]
    fold_of = {place.name: index % FOLDS for index, place in enumerate(drawn)}
    for index, place in enumerate(places):
        fold = fold_of.get(place.name, index % FOLDS)
        for turn in range(rounds + COOL_ROUNDS + 1):
            clean, cool = turn == 0, turn > rounds
            target_gsd = 0.2 if clean else float(rng.choice(GSDS_M))
            scale = gsd_m / target_gsd
            size = (round(place.rgb.shape[1] * scale), round(place.rgb.shape[0] * scale))
            if clean:
                whole = place.overviews[0]
                rgb = even_out(place.rgb, tone_of(whole, whole))
            else:
                rgb = cooler(place, rng) if cool else render(place, rng)
            rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
            polygon_of = cv2.resize(
                place.polygon_of.astype(np.float32), size, interpolation=cv2.INTER_NEAREST
            ).astype(np.int32)
            features = soil_features(rgb, gsd_m=target_gsd).reshape(len(FEATURES), -1)
            flat = polygon_of.ravel()
            order = np.argsort(flat, kind="stable")
            cuts = np.searchsorted(flat[order], np.arange(1, len(place.classes) + 2))
            for number, kind in enumerate(place.classes):
                pool = order[cuts[number] : cuts[number + 1]]
                if not len(pool) or (cool and kind not in GREY_CLASSES):
                    continue
                # Large areas say more, but not in proportion to their size.
                limit = PIXELS_PER_POLYGON if kind != "osm_roof" else PIXELS_PER_POLYGON // 3
                count = min(len(pool), limit)
                chosen = rng.choice(pool, count, replace=False)
                rows.append(features[:, chosen].T.copy())
                targets.append(np.full(count, kind in SOIL_CLASSES, np.float32))
                weight = CLASS_WEIGHT.get(kind, 1.0) * (COOL_WEIGHT if cool else 1.0)
                weights.append(np.full(count, weight, np.float32))
                folds.append(np.full(count, fold))
                cleans.append(np.full(count, clean))
    return Samples(
        np.concatenate(rows),
        np.concatenate(targets),
        np.concatenate(weights),
        np.concatenate(folds),
        np.concatenate(cleans),
    )


Layers = list[tuple[NDArray[np.float32], NDArray[np.float32]]]


def fit(
    samples: Samples, rows: NDArray[np.int64], *, hidden: int, epochs: int, seed: int
) -> Layers:
    """Fit features → hidden ReLU → one log-odds value by Adam on weighted cross-entropy.

    Returns:
        `(weight, bias)` of both layers, with standardisation folded into the first.
    """
    rng = np.random.default_rng(seed)
    mean = samples.features[rows].mean(axis=0)
    deviation = samples.features[rows].std(axis=0) + 1e-6
    x = ((samples.features[rows] - mean) / deviation).astype(np.float32)
    y, weight = samples.target[rows], samples.weight[rows].copy()
    # Earth counts less than a third, however many polygons: a false hotspot costs a walk.
    soil_share = (weight * y).sum() / weight.sum()
    weight *= np.where(y > 0, 0.3 / soil_share, 0.7 / (1 - soil_share)).astype(np.float32)
    width = x.shape[1]
    parts = [
        rng.normal(0, np.sqrt(2 / width), (hidden, width)).astype(np.float32),
        np.zeros(hidden, np.float32),
        rng.normal(0, np.sqrt(1 / hidden), (1, hidden)).astype(np.float32),
        np.zeros(1, np.float32),
    ]
    first = [np.zeros_like(p) for p in parts]
    second = [np.zeros_like(p) for p in parts]
    step, batch = 0, 1024
    total = epochs * (len(x) // batch + 1)
    for _ in range(epochs):
        order = rng.permutation(len(x))
        for start in range(0, len(x), batch):
            pick = order[start : start + batch]
            xb, yb, wb = x[pick], y[pick], weight[pick]
            h = np.maximum(xb @ parts[0].T + parts[1], 0)
            z = (h @ parts[2].T + parts[3])[:, 0]
            p = 1 / (1 + np.exp(-np.clip(z, -30, 30)))
            # Labels are drawn by eye: smoothing keeps the network from certainty.
            dz = ((p - (0.03 + 0.94 * yb)) * wb / len(pick))[:, None].astype(np.float32)
            dh = (dz @ parts[2]) * (h > 0)
            gradients = [
                dh.T @ xb + 1e-4 * parts[0],
                dh.sum(axis=0),
                dz.T @ h + 1e-4 * parts[2],
                dz.sum(axis=0),
            ]
            step += 1
            rate = 4e-3 * 0.5 * (1 + np.cos(np.pi * step / total))
            for k, gradient in enumerate(gradients):
                first[k] = 0.9 * first[k] + 0.1 * gradient
                second[k] = 0.999 * second[k] + 0.001 * gradient**2
                parts[k] -= (
                    rate
                    * (first[k] / (1 - 0.9**step))
                    / (np.sqrt(second[k] / (1 - 0.999**step)) + 1e-8)
                ).astype(np.float32)
    scaled = parts[0] / deviation
    bias = parts[1] - scaled @ mean
    return [(scaled.astype(np.float32), bias.astype(np.float32)), (parts[2], parts[3])]


def predict(layers: Layers, features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probability of bare earth of each row."""
    (w0, b0), (w1, b1) = layers
    z = (np.maximum(features @ w0.T + b0, 0) @ w1.T + b1)[:, 0]
    return np.asarray(1 / (1 + np.exp(-z)), np.float32)


def scores(p: NDArray[np.float32], y: NDArray[np.float32]) -> dict[str, float]:
    """Share of earth found, share of the rest called earth, IoU, at 0.5."""
    found, soil = p > 0.5, y > 0.5
    return {
        "soil_found": round(float(found[soil].mean()), 4),
        "rest_called_soil": round(float(found[~soil].mean()), 4),
        "iou": round(float((found & soil).sum() / (found | soil).sum()), 4),
    }


def main() -> None:
    """Read, train, print the held-out scores, write the weights."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--ortho", required=True, help="banepa_ortho.tif")
    parser.add_argument("--keep-out", required=True, help="folder of the evaluation crops")
    parser.add_argument("--buildings", required=True, help="building polygons, GeoJSON")
    parser.add_argument("--buildings-area", required=True, help="where they are complete, GeoJSON")
    parser.add_argument("--rounds", type=int, default=8, help="renderings of every place")
    parser.add_argument("--hidden", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", default=str(WEIGHTS))
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    began = time.perf_counter()
    places = read_places(arguments)
    with rasterio.open(arguments.ortho) as source:
        gsd_m = float(source.res[0])
    samples = draw_samples(places, gsd_m, arguments.rounds, arguments.seed)
    print(f"{len(places)} places, {len(samples.target)} rows, {time.perf_counter() - began:.0f} s")
    options = {"hidden": arguments.hidden, "epochs": arguments.epochs, "seed": arguments.seed}
    held_out = np.zeros(len(samples.target), np.float32)
    for fold in range(FOLDS):
        rows = np.flatnonzero(samples.fold != fold)
        test = np.flatnonzero(samples.fold == fold)
        held_out[test] = predict(fit(samples, rows, **options), samples.features[test])
    for name, pick in (("as flown", samples.clean), ("re-lit", ~samples.clean)):
        print(name, scores(held_out[pick], samples.target[pick]))
    layers = fit(samples, np.arange(len(samples.target)), **options)
    weights = {
        "version": "soil-1",
        "features": list(FEATURES),
        "layers": [
            {
                "weight": [[float(f"{v:.6g}") for v in row] for row in weight],
                "bias": [float(f"{v:.6g}") for v in bias],
            }
            for weight, bias in layers
        ],
    }
    Path(arguments.out).write_text(json.dumps(weights) + "\n", encoding="utf-8")
    print(f"wrote {arguments.out} after {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
