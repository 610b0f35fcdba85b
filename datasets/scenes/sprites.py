"""Sprites: one asset each, seen from a surveillance camera's height, with alpha. Needs ``bpy``.

A sprite's picture holds the asset and the shadow that it throws; its record says what is in it and
how it was seen, so that it can be put where a real camera would see it so.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from datasets.scenes.asset import Asset
from datasets.scenes.catalogue import CATALOGUE, Split
from datasets.scenes.muck_trucks import told_state
from datasets.scenes.shape import Vertices
from datasets.scenes.stage import Lamp, Light, LightKind, Stage
from datasets.scenes.vehicle_shell import switched_on
from datasets.scenes.view import View, part_boxes

_FILL = 0.8
"""Share of the frame that the asset fills; the rest is for its shadow."""
_FADE = 0.07
"""Share of the frame over which a shadow fades out at the rim of what is rendered."""
_OPAQUE = 0.97
"""Alpha from which a pixel is the object's and not its shadow's."""
_FAINT = 0.05
"""Alpha below this is the renderer's noise on ground that lies in no shadow."""
Region = tuple[int, int, int, int]
"""Pixels ``x0, y0, x1, y1`` from the top left corner."""
_LIGHT_SHARES: tuple[tuple[LightKind, float], ...] = (
    ("day", 0.5),
    ("overcast", 0.25),
    ("dusk", 0.15),
    ("night", 0.1),
)


@dataclass(frozen=True, slots=True)
class Pose:
    """How a sprite is seen: angles in degrees, distance in metres.

    Attributes:
        pitch_deg: how far the camera looks down.
        yaw_deg: heading against the viewing direction; 0 goes away, 180 comes, 90 goes left.
        distance_m: from the lens to the asset's middle.
    """

    pitch_deg: float
    yaw_deg: float
    distance_m: float


def draw_pose(rng: np.random.Generator) -> Pose:
    """Return a pose as street cameras see traffic: mostly quarter views, 12 to 35° from above."""
    steep = rng.uniform(8, 50) if rng.random() < 0.2 else rng.triangular(12, 20, 35)
    yaw = rng.uniform(-180, 180)
    if rng.random() < 0.6:
        yaw = float(rng.choice((-150, -30, 30, 150))) + rng.normal(0, 16)
    turned = (yaw + 180) % 360 - 180
    return Pose(float(steep), float(turned), float(rng.uniform(12, 40)))


def draw_light(rng: np.random.Generator) -> Light:
    """Return a light; where street lamps burn, some stand near the asset."""
    kinds, shares = zip(*_LIGHT_SHARES, strict=True)
    kind = kinds[int(rng.choice(len(kinds), p=shares))]
    low, high = (3.0, 12.0) if kind == "dusk" else (20.0, 70.0)
    lamps: tuple[Lamp, ...] = ()
    if kind == "night" or (kind == "dusk" and rng.random() < 0.5):
        lamps = tuple(
            Lamp(
                (float(rng.uniform(-9, 2)), float(rng.uniform(-9, 9)), float(rng.uniform(6, 9))),
                ((1.0, 0.72, 0.42), (1.0, 0.95, 0.88))[int(rng.integers(2))],
                float(rng.uniform(900, 2600) if kind == "night" else rng.uniform(300, 900)),
            )
            for _ in range(int(rng.integers(1, 4)))
        )
    return Light(kind, float(rng.uniform(-180, 180)), float(rng.uniform(low, high)), lamps)


def frame(points: Vertices, pose: Pose, size: int) -> View:
    """Return the camera that looks along x and has all points in the middle of its picture.

    Args:
        points: of the asset in its place, shape ``(n, 3)``.
        pose: pitch and distance are used.
        size: of the picture's sides, pixels.
    """
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    reach = float(np.linalg.norm(points - middle, axis=1).max())
    distance = max(pose.distance_m, 2.2 * reach)
    pitch = math.radians(pose.pitch_deg)
    away = np.array([-math.cos(pitch), 0.0, math.sin(pitch)]) * distance
    position = middle + away
    fov = 40.0
    for _ in range(4):
        view = View(_triple(position), _triple(middle), fov, (size, size))
        pixels, _ = view.project(points)
        low, high = pixels.min(axis=0), pixels.max(axis=0)
        right, up, _ = view.axes()
        off = ((low + high) / 2 - size / 2) / view.focal_px * distance
        middle = middle + right * off[0] - up * off[1]
        tangent = math.tan(math.radians(fov) / 2) * float((high - low).max()) / (_FILL * size)
        fov = 2 * math.degrees(math.atan(tangent))
    return View(_triple(position), _triple(middle), fov, (size, size))


def _triple(point: Vertices) -> tuple[float, float, float]:
    return float(point[0]), float(point[1]), float(point[2])


def region(points: Vertices, light: Light, view: View) -> Region:
    """Return the part of the picture that is worth rendering: the asset and its shadow, and a rim.

    Args:
        points: of the asset in its place, shape ``(n, 3)``.
        light: whose sun throws the shadow.
        view: the camera.
    """
    azimuth, elevation = math.radians(light.sun_azimuth_deg), math.radians(light.sun_elevation_deg)
    reach = points[:, 2:] / max(math.tan(elevation), 0.3)
    shadow = points - reach * np.array([math.cos(azimuth), math.sin(azimuth), 0.0])
    shadow[:, 2] = 0.0
    sharp = light.kind in ("day", "dusk")
    pixels, depth = view.project(np.vstack([points, shadow]) if sharp else points)
    seen = pixels[depth > 0.5]
    rim = _FADE * np.asarray(view.size_wh)
    low = np.clip(np.floor(seen.min(axis=0) - rim), 0, view.size_wh).astype(int)
    high = np.clip(np.ceil(seen.max(axis=0) + rim), 0, view.size_wh).astype(int)
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def fade_border(rgba: NDArray[np.float32], area: Region | None = None) -> NDArray[np.float32]:
    """Return a picture whose shadow runs out to nothing at an area's rim, faint noise taken away.

    Args:
        rgba: shape ``(height, width, 4)``, straight alpha, 0 to 1, first row on top.
        area: outside of which nothing stays; the whole picture where None.
    """
    faded = rgba.copy()
    height, width = rgba.shape[:2]
    x0, y0, x1, y1 = area or (0, 0, width, height)
    ramps = []
    for count, start, end in ((height, y0, y1), (width, x0, x1)):
        place = np.arange(count) + 0.5
        depth = np.minimum(place - start, end - place) / (_FADE * count)
        ramps.append(np.clip(depth, 0.0, 1.0))
    alpha = smooth_shadow(rgba[..., 3]) * np.outer(ramps[0], ramps[1])
    faded[..., 3] = np.where(alpha < _FAINT, 0.0, alpha)
    return faded


def smooth_shadow(alpha: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return alpha with its half-transparent pixels averaged with those around them.

    With few light paths a soft shadow is grainy; the object itself is opaque and stays as it is.

    Args:
        alpha: shape ``(height, width)``, 0 to 1.
    """
    height, width = alpha.shape
    clear = (alpha < _OPAQUE).astype(np.float32)
    reach = 2
    padded = np.pad(np.stack([alpha * clear, clear]), ((0, 0), (reach, reach), (reach, reach)))
    total = np.zeros((2, height, width), np.float32)
    for row in range(2 * reach + 1):
        for column in range(2 * reach + 1):
            total += padded[:, row : row + height, column : column + width]
    mean = total[0] / np.maximum(total[1], 1.0)
    return np.where(clear > 0, mean, alpha).astype(np.float32)


def _render_only(area: Region, size: int) -> None:
    """Let the renderer leave everything outside of an area empty: a third of the work is saved."""
    settings = bpy.context.scene.render
    settings.use_border, settings.use_crop_to_border = True, False
    settings.border_min_x, settings.border_max_x = area[0] / size, area[2] / size
    # Blender counts rows from below.
    settings.border_min_y, settings.border_max_y = 1 - area[3] / size, 1 - area[1] / size


def fade_file(path: Path, area: Region | None = None) -> None:
    """Let shadows in a rendered PNG run out at its border, or at that of an area of it."""
    image = bpy.data.images.load(str(path), check_existing=False)
    width, height = image.size
    pixels = np.empty(width * height * 4, np.float32)
    image.pixels.foreach_get(pixels)
    # Blender keeps pictures from the lowest row up.
    faded = fade_border(pixels.reshape(height, width, 4)[::-1], area)[::-1]
    image.pixels.foreach_set(faded.ravel())
    image.save()
    bpy.data.images.remove(image)


def sprite_rng(kind: str, split: Split, seed: int) -> np.random.Generator:
    """Return the source of chance of one sprite; the splits' never meet."""
    return np.random.default_rng([seed, zlib.crc32(f"{kind}/{split}".encode())])


def render_sprite(
    stage: Stage, kind: str, *, split: Split, seed: int, size: int, path: Path
) -> dict[str, Any]:
    """Render one sprite and return its record.

    Args:
        stage: to render on; what it shows is taken off.
        kind: a key of the catalogue.
        split: whose designs and draws are used.
        seed: of this sprite alone.
        size: of the picture's sides, pixels.
        path: of the PNG.
    """
    rng = sprite_rng(kind, split, seed)
    pose, light = draw_pose(rng), draw_light(rng)
    maker: Callable[[np.random.Generator, Split], Asset] = CATALOGUE[kind]
    asset = maker(rng, split).placed(0, 0, yaw_deg=pose.yaw_deg)
    if light.kind == "night" or (light.kind == "dusk" and rng.random() < 0.5):
        asset = switched_on(asset)
    points = faced_points(asset)
    view = frame(points, pose, size)
    area = region(points, light, view)
    stage.clear()
    stage.light(light)
    stage.show([asset])
    _render_only(area, size)
    stage.render(view, path, ground="catch")
    fade_file(path, area)
    state = None if asset.load_state is None else told_state(asset, view)
    return sprite_record(
        asset, view, kind=kind, split=split, seed=seed, pose=pose, light=light, load_state=state
    )


def sprite_record(
    asset: Asset,
    view: View,
    *,
    kind: str,
    split: Split,
    seed: int,
    pose: Pose,
    light: Light,
    load_state: str | None,
) -> dict[str, Any]:
    """Return what is put on record of a rendered sprite.

    Args:
        asset: as it stands on the stage.
        view: the camera it was rendered with.
        kind: a key of the catalogue.
        split: whose designs and draws were used.
        seed: of this sprite alone.
        pose: it was rendered in.
        light: it was rendered in.
        load_state: as the camera can tell it; None where there is no load.
    """
    ground, depth = view.project(np.zeros((1, 3)))
    return {
        "size_wh": list(view.size_wh),
        "split": split,
        "kind": kind,
        "design": asset.design,
        "seed": seed,
        "parts": [
            {"label": label, "xyxy": [round(edge, 1) for edge in box]}
            for label, box in part_boxes(asset, view)
        ],
        "load_state": load_state,
        "pitch_deg": round(view.pitch_deg, 2),
        "yaw_deg": round(pose.yaw_deg, 2),
        "distance_m": round(math.dist(view.position, view.target), 2),
        "fov_deg": round(view.fov_deg, 3),
        "px_per_m": round(view.focal_px / float(depth[0]), 3),
        "ground_xy": [round(float(value), 1) for value in ground[0]],
        "light": {
            "kind": light.kind,
            "sun_azimuth_deg": round(light.sun_azimuth_deg, 1),
            "sun_elevation_deg": round(light.sun_elevation_deg, 1),
        },
    }


def recorded(records: Path) -> set[str]:
    """Return the names of the pictures that are on record in a file, which need not be there."""
    if not records.exists():
        return set()
    return {json.loads(line)["file"] for line in records.read_text(encoding="utf-8").splitlines()}


def put_on_record(records: Path, made: Mapping[str, Mapping[str, Any]]) -> None:
    """Append to a file of records what was rendered, by the names of the pictures."""
    with records.open("a", encoding="utf-8") as file:
        file.writelines(
            json.dumps({"file": name, **record}) + "\n" for name, record in made.items()
        )


def faced_points(asset: Asset) -> Vertices:
    """Return the corner points of all pieces that have faces, shape ``(n, 3)``."""
    return np.vstack([part.shape.points() for part in asset.parts if part.shape.faces])
