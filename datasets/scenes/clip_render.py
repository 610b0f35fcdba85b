"""Rendering a clip's street and the poses of its actors. Needs ``bpy``."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np

from datasets.scenes.clip_poses import Border, Key, act_keys, placed
from datasets.scenes.clip_scene import Clip
from datasets.scenes.shape import Vertices
from datasets.scenes.stage import Lamp, Light, Stage
from datasets.scenes.view import View

_FRESH_STAGE_EVERY = 60
_HEADS_FROM_M = 4.5
"""Traffic lights' heads hang higher than this."""
_LEAST_PX = 16
"""Blender renders nothing smaller."""


def render_clip(clip: Clip, work: Path) -> str:
    """Render what a clip is put together from into its folder under another; return what to say."""
    started = time.monotonic()
    folder = work / clip.name
    folder.mkdir(parents=True, exist_ok=True)
    render_street(clip, folder)
    made = render_actors(clip, folder)
    return f"{clip.name}: {made} poses in {time.monotonic() - started:.0f} s"


def render_street(clip: Clip, out: Path) -> None:
    """Render the empty street with a green light, and the traffic lights once more in red."""
    for red in (False, True) if clip.red_s else (False,):
        path = out / ("red.png" if red else "street.png")
        street = clip.street(red=red)
        border = (0, 0, *clip.view.size_wh)
        if red:
            border = _around(_heads(clip), clip.view)
        (out / f"{path.stem}.json").write_text(json.dumps(border))
        if path.exists():
            continue
        stage = _stage(clip, clip.street_samples)
        stage.show_shape(street.flat)
        for shape in street.standing:
            stage.show_shape(shape)
        with _only(border, clip.view):
            stage.render(clip.view, path)


def _stage(clip: Clip, samples: int) -> Stage:
    """Return a stage in the clip's light that smooths noise the quick way."""
    stage = Stage(samples=samples, denoise=True)
    bpy.context.scene.cycles.denoising_quality = "FAST"
    bpy.context.scene.cycles.denoising_prefilter = "FAST"
    day = clip.daylight
    lamps: tuple[Lamp, ...] = ()
    if day.lamp_power_w:
        places = clip.street(red=False).lamps
        lamps = tuple(Lamp(place, power_w=day.lamp_power_w) for place in places)
    stage.light(Light(day.kind, day.sun_azimuth_deg, day.sun_elevation_deg, lamps))
    return stage


def _heads(clip: Clip) -> Vertices:
    """Return the corners of what is lit otherwise when the traffic lights are red."""
    green, red = (clip.street(red=red).standing for red in (False, True))
    signals = [one for one, other in zip(green, red, strict=True) if one.paints != other.paints]
    points = np.vstack([shape.points() for shape in signals])
    return points[points[:, 2] > _HEADS_FROM_M]


def _around(points: Vertices, view: View) -> Border:
    """Return the part of the frame around points; one at its edge where they are out of sight."""
    pixels = view.project(points)[0]
    low, high = pixels.min(axis=0) - 4, pixels.max(axis=0) + 4
    width, height = view.size_wh
    x0, x1 = _span(low[0], high[0], width)
    y0, y1 = _span(low[1], high[1], height)
    return x0, y0, x1, y1


def _span(low: float, high: float, size: int) -> tuple[int, int]:
    start = int(np.clip(low, 0, size - _LEAST_PX))
    return start, int(np.clip(high, start + _LEAST_PX, size))


def render_actors(clip: Clip, out: Path, *, names: frozenset[str] | None = None) -> int:
    """Render the poses of all actors, or of some, that are not there yet; return how many."""
    made = 0
    for actor in clip.actors:
        if actor.rendered_as or (names is not None and actor.id not in names):
            continue
        for number in range(len(actor.acts)):
            for key in act_keys(actor, number, clip):
                if (out / key.name).exists():
                    continue
                if made % _FRESH_STAGE_EVERY == 0:
                    stage = _stage(clip, clip.keying.samples)
                    if clip.keying.shadows == "drawn":
                        stage.hide_ground()
                _render_key(stage, key, clip.wide_view, out / key.name)
                made += 1
    return made


def _render_key(stage: Stage, key: Key, wide: View, path: Path) -> None:
    """Render one pose; ground that is not at zero is brought there, and the camera with it."""
    stage.clear()
    stage.show([placed(key.look, key.pose, 0.0)])
    (x, y, z), (tx, ty, tz) = wide.position, wide.target
    view = replace(wide, position=(x, y, z - key.z), target=(tx, ty, tz - key.z))
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
