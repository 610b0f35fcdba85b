"""Rendering the sample clip's street and the poses of its actors. Needs ``bpy``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np

from datasets.scenes.clip_poses import Border, Key, act_keys, placed
from datasets.scenes.clip_story import (
    SIZE_WH,
    SUN_AZIMUTH_DEG,
    SUN_ELEVATION_DEG,
    VIEW,
    WIDE_VIEW,
    actors,
    clip_street,
)
from datasets.scenes.shape import Paint, Vertices
from datasets.scenes.stage import Light, Stage
from datasets.scenes.view import View

_LIGHT = Light("day", SUN_AZIMUTH_DEG, SUN_ELEVATION_DEG)
_STREET_SAMPLES, _SPRITE_SAMPLES = 48, 6
_FRESH_STAGE_EVERY = 60


def render_street(out: Path) -> None:
    """Render the empty street with a green light, and the traffic lights once more in red."""
    for red in (False, True):
        path = out / ("red.png" if red else "street.png")
        street = clip_street(red=red)
        border = (0, 0, *SIZE_WH)
        if red:
            signals = [shape for shape in street.standing if _is_lit(shape.paints)]
            points = np.vstack([shape.points() for shape in signals])
            border = _around(points[points[:, 2] > 4.5])
        (out / f"{path.stem}.json").write_text(json.dumps(border))
        if path.exists():
            continue
        stage = _stage(_STREET_SAMPLES)
        stage.show_shape(street.flat)
        for shape in street.standing:
            stage.show_shape(shape)
        with _only(border, VIEW):
            stage.render(VIEW, path)


def _stage(samples: int) -> Stage:
    """Return a stage in the clip's light that smooths noise the quick way."""
    stage = Stage(samples=samples, denoise=True)
    bpy.context.scene.cycles.denoising_quality = "FAST"
    bpy.context.scene.cycles.denoising_prefilter = "FAST"
    stage.light(_LIGHT)
    return stage


def _is_lit(paints: list[Paint]) -> bool:
    return any(paint.glow > 0 for paint in paints)


def _around(points: Vertices) -> Border:
    pixels = VIEW.project(points)[0]
    low, high = pixels.min(axis=0) - 4, pixels.max(axis=0) + 4
    x0, x1 = (int(value) for value in np.clip((low[0], high[0]), 0, SIZE_WH[0]))
    y0, y1 = (int(value) for value in np.clip((low[1], high[1]), 0, SIZE_WH[1]))
    return x0, y0, x1, y1


def render_actors(out: Path, *, names: frozenset[str] | None = None) -> int:
    """Render the poses of all actors, or of some, that are not there yet; return how many."""
    made = 0
    for actor in actors():
        if names is not None and actor.id not in names:
            continue
        for number in range(len(actor.acts)):
            for key in act_keys(actor, number, WIDE_VIEW):
                if (out / key.name).exists():
                    continue
                if made % _FRESH_STAGE_EVERY == 0:
                    stage = _stage(_SPRITE_SAMPLES)
                _render_key(stage, key, out / key.name)
                made += 1
    return made


def _render_key(stage: Stage, key: Key, path: Path) -> None:
    """Render one pose; ground that is not at zero is brought there, and the camera with it."""
    stage.clear()
    stage.show([placed(key.look, key.pose, 0.0)])
    (x, y, z), (tx, ty, tz) = WIDE_VIEW.position, WIDE_VIEW.target
    view = replace(WIDE_VIEW, position=(x, y, z - key.z), target=(tx, ty, tz - key.z))
    with _only(key.border, view):
        stage.render(view, path, ground="catch")


@contextmanager
def _only(border: Border, view: View) -> Iterator[None]:
    """Render a part of the picture only, and write that part alone."""
    render = bpy.context.scene.render
    width, height = view.size_wh
    x0, y0, x1, y1 = border
    render.use_border = render.use_crop_to_border = True
    # A hundredth of a pixel keeps rounding from losing a row; Blender counts rows from below.
    render.border_min_x, render.border_max_x = (x0 + 0.01) / width, (x1 + 0.01) / width
    render.border_min_y = (height - y1 + 0.01) / height
    render.border_max_y = (height - y0 + 0.01) / height
    try:
        yield
    finally:
        render.use_border = render.use_crop_to_border = False
