"""What truly happens in a clip, what a watcher is to find in it, and its camera's settings."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datasets.scenes.clip_cast import Act, Actor
from datasets.scenes.clip_poses import placed
from datasets.scenes.clip_scene import Clip, Point
from datasets.scenes.clip_track import Pose
from datasets.scenes.view import View, part_boxes

CAMERA_ID = "44011500081320000001"
_SMALLEST_PX = 10.0
_STANDS_S = 2.0
_DIGITS = 1

Box = tuple[float, float, float, float]


def truth(clip: Clip) -> dict[str, Any]:
    """Return a clip's truth as JSON values: times in seconds from its start, boxes in pixels."""
    return {
        "seed": clip.seed,
        "duration_s": clip.duration_s,
        "frames_per_s": clip.frames_per_s,
        "size_wh": list(clip.view.size_wh),
        "red_light_s": None if clip.red_s is None else list(clip.red_s),
        "objects": [_object(actor, clip) for actor in clip.actors],
    }


def events(clip: Clip) -> dict[str, Any]:
    """Return what is to be found in a clip, and who must not be found, as JSON values."""
    return {
        "events": [asdict(event) for event in clip.events],
        "harmless": [asdict(other) for other in clip.harmless],
    }


def _object(actor: Actor, clip: Clip) -> dict[str, Any]:
    labels = [part.label for act in actor.acts for part in act.looks[0].parts if part.label]
    boxes = _by_seconds(actor, clip)
    enters, leaves = _span(actor, boxes, clip)
    stays = leaves >= clip.duration_s - 1.5 / clip.frames_per_s
    entry: dict[str, Any] = {
        "id": actor.id,
        "class": labels[0] if labels else None,
        "classes": sorted(set(labels)),
        "does": actor.does,
        "enters_s": enters,
        "leaves_s": None if stays else leaves,
        "stands_s": [list(span) for span in _standing(actor)],
        "boxes": {
            str(second): [
                {"class": label, "xyxy": [round(value, _DIGITS) for value in box]}
                for label, box in found
            ]
            for second, found in boxes.items()
        },
    }
    if actor.load_state is not None:
        entry["load_state"] = actor.load_state
    return entry


def _span(actor: Actor, boxes: dict[int, list[tuple[str, Box]]], clip: Clip) -> tuple[float, float]:
    """Return the times of the first and the last frame with a box; of the acts without one."""
    if not boxes:
        return actor.acts[0].track.start_s, actor.acts[-1].track.end_s
    first, last = min(boxes), max(boxes)
    early = clip.frame_times(max(first - 1, 0), first + 1)
    late = clip.frame_times(last, min(last + 1, clip.duration_s))
    return (
        min(float(time) for time in early if boxes_at(actor, float(time), clip.view)),
        max(float(time) for time in late if boxes_at(actor, float(time), clip.view)),
    )


def _by_seconds(actor: Actor, clip: Clip) -> dict[int, list[tuple[str, Box]]]:
    """Return an actor's boxes at every full second at which it has any."""
    start, end = actor.acts[0].track.start_s, actor.acts[-1].track.end_s
    boxes: dict[int, list[tuple[str, Box]]] = {}
    before: tuple[Act, Pose] | None = None
    for second in range(max(math.ceil(start), 0), math.ceil(min(end, clip.duration_s))):
        act = actor.act_at(second)
        here = None if act is None else (act, act.track.at(second))
        if before and here and here[0] is before[0] and here[1] == before[1]:
            found = boxes.get(second - 1, [])
        else:
            found = boxes_at(actor, second, clip.view)
        if found:
            boxes[second] = found
        before = here
    return boxes


def boxes_at(actor: Actor, time_s: float, view: View) -> list[tuple[str, Box]]:
    """Return label and box of each part that the camera could see, were nothing before it."""
    act = actor.act_at(time_s)
    if act is None:
        return []
    pose = act.track.at(time_s)
    boxes = part_boxes(placed(act.looks[0], pose, act.z), view)
    return [
        (label, box)
        for label, box in boxes
        if min(box[2] - box[0], box[3] - box[1]) >= _SMALLEST_PX
    ]


def _standing(actor: Actor) -> list[tuple[float, float]]:
    """Return from when to when an actor stands still; acts that follow each other are joined."""
    spans: list[tuple[float, float]] = []
    for act in actor.acts:
        for start, end in act.track.stops():
            if spans and abs(spans[-1][1] - start) < 1e-6:
                spans[-1] = (spans[-1][0], end)
            else:
                spans.append((start, end))
    return [span for span in spans if span[1] - span[0] >= _STANDS_S]


def camera_settings(clip: Clip) -> dict[str, Any]:
    """Return the settings of the clip's camera as they stand in its YAML file."""
    zones: list[dict[str, Any]] = []
    for ground in clip.zones:
        zone: dict[str, Any] = {
            "name": ground.name,
            "kind": ground.kind,
            "polygon": _relative(ground.outline, clip.view),
            **ground.settings,
        }
        if ground.inward is not None:
            (zone["inward"],) = _relative((ground.inward,), clip.view)
        zones.append(zone)
    return {
        "id": CAMERA_ID,
        "name": clip.place,
        "location": {"lon": 113.53, "lat": 22.79},
        "zones": zones,
    }


def _relative(ground: tuple[Point, ...], view: View) -> list[list[float]]:
    """Return places on the ground as shares of the picture, cut to the picture."""
    points = np.array([(x, y, 0.0) for x, y in ground])
    shares: NDArray[np.float64] = view.project(points)[0] / np.array(view.size_wh)
    return [[round(float(value), 4) for value in np.clip(point, 0.0, 1.0)] for point in shares]
