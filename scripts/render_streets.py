"""Render whole street scenes as street cameras see them, with labels in YOLO form.

Runs where Blender's module is: ``python scripts/render_streets.py --split train --count 90 --out
DIR``. A split, a seed and a number fix a picture. Writes ``images/SPLIT``, ``labels/SPLIT`` and
``objects.jsonl`` with the load state of every muck truck that is labelled; pictures that are there
already are kept.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import zlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import bpy
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from datasets.classes import STREET_CLASSES  # noqa: E402
from datasets.scenes.asset import Asset  # noqa: E402
from datasets.scenes.catalogue import CATALOGUE, SPLITS, Split  # noqa: E402
from datasets.scenes.muck_trucks import told_state  # noqa: E402
from datasets.scenes.stage import Lamp, Light, LightKind, Stage  # noqa: E402
from datasets.scenes.street_placing import populate  # noqa: E402
from datasets.scenes.street_visible import Cast, SeenPart  # noqa: E402
from datasets.scenes.streets import build_street, camera_view, random_plan  # noqa: E402

SIZE_WH = (640, 384)
_KINDS: tuple[LightKind, ...] = ("day", "overcast", "dusk", "night")
_SHARES = (0.45, 0.25, 0.14, 0.16)
TRAIN_COUNTS = {"vending": (2, 7), "muck_truck": (0, 3), "truck": (0, 3), "lookalike": (1, 3)}
"""Streets to learn from hold more of what no public set has, and of what is taken for it."""
_FRESH_STAGE_EVERY = 10
"""Paints pile up on a stage; a new one starts without them."""
_ENOUGH_LABELS = 4
_CLEAR_M = 4.0


def draw_light(rng: np.random.Generator, kind: LightKind) -> Light:
    """Return a light without lamps; the sun stands low at dusk."""
    low, high = (4.0, 12.0) if kind == "dusk" else (22.0, 66.0)
    return Light(kind, float(rng.uniform(0, 360)), float(rng.uniform(low, high)))


def draw_asset(kind: str, *, rng: np.random.Generator, split: Split) -> Asset:
    """Return an asset of a kind from the designs of a split."""
    return CATALOGUE[kind](rng, split)


@dataclass(frozen=True, slots=True)
class Labels:
    """What a picture shows: a YOLO line for each part, and box and load state of muck trucks."""

    lines: tuple[str, ...]
    trucks: tuple[dict[str, object], ...]


def render_scene(
    stage: Stage, rng: np.random.Generator, *, split: Split, path: Path
) -> Labels | None:
    """Render one scene; return None instead if it shows too little."""
    kind = _KINDS[int(rng.choice(len(_KINDS), p=_SHARES))]
    dark = kind in ("dusk", "night")
    wet = kind != "day" and rng.uniform() < 0.4
    street = build_street(random_plan(rng, lit=dark, wet=wet), rng)
    light = draw_light(rng, kind)
    if dark:
        power = float(rng.uniform(900, 2400))
        lamps = tuple(Lamp(place, power_w=power) for place in street.lamps)
        light = Light(kind, light.sun_azimuth_deg, light.sun_elevation_deg, lamps)
    view = camera_view(street, rng, size_wh=SIZE_WH, split=split)
    counts = TRAIN_COUNTS if split == "train" else None
    make = partial(draw_asset, rng=rng, split=split)
    assets = populate(street, view, rng, make=make, counts=counts)
    stage.clear()
    stage.show_shape(street.flat)
    for shape in street.standing:
        # What the camera would look out of, a tree's crown say, is not there.
        if np.linalg.norm(shape.points() - view.position, axis=1).min() > _CLEAR_M:
            stage.show_shape(shape)
    cast = Cast(stage, assets)
    seen = cast.seen(view, path)
    if len(seen) < _ENOUGH_LABELS:
        path.unlink()
        return None
    stage.light(light)
    stage.render(view, path)
    trucks: tuple[dict[str, object], ...] = tuple(
        {"xyxy": part.xyxy, "load_state": told_state(assets[part.asset], view)}
        for part in seen
        if part.label == "muck_truck"
    )
    return Labels(tuple(yolo_line(part) for part in seen), trucks)


def yolo_line(part: SeenPart) -> str:
    """Return a part as a line of a YOLO label file."""
    x0, y0, x1, y1 = part.xyxy
    width, height = SIZE_WH
    numbers = ((x0 + x1) / 2 / width, (y0 + y1) / 2 / height, (x1 - x0) / width, (y1 - y0) / height)
    return " ".join([str(STREET_CLASSES.index(part.label)), *(f"{value:.6f}" for value in numbers)])


def quick_stage() -> Stage:
    """Return a stage that smooths noise the quick way."""
    stage = Stage(samples=4, denoise=True)
    bpy.context.scene.cycles.denoising_quality = "FAST"
    bpy.context.scene.cycles.denoising_prefilter = "FAST"
    return stage


def main() -> None:
    """Read the command line and render."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--split", choices=SPLITS, required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--start-index", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    images, labels = (options.out / word / options.split for word in ("images", "labels"))
    for folder in (images, labels):
        folder.mkdir(parents=True, exist_ok=True)
    started, made = time.monotonic(), 0
    for number in range(options.start_index, options.start_index + options.count):
        path = images / f"street_{options.seed:02d}_{number:05d}.png"
        if path.exists():
            continue
        if made % _FRESH_STAGE_EVERY == 0:
            stage = quick_stage()
        seed = zlib.crc32(options.split.encode())
        rng = np.random.default_rng((seed, options.seed, number))
        # Half a picture never lies among the others.
        draft = options.out / f"draft_{options.split}_{path.name}"
        found = None
        while found is None:
            found = render_scene(stage, rng, split=options.split, path=draft)
        made += 1
        with (options.out / "objects.jsonl").open("a", encoding="utf-8") as file:
            for truck in found.trucks:
                entry = {"image": f"{options.split}/{path.name}", "split": options.split, **truck}
                file.write(json.dumps(entry) + "\n")
        (labels / f"{path.stem}.txt").write_text("".join(f"{line}\n" for line in found.lines))
        draft.rename(path)
    print(f"{options.split}: {made} scenes in {time.monotonic() - started:.0f} s -> {options.out}")


if __name__ == "__main__":
    main()
