"""What truly happens in the sample clip, and the camera's settings for it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datasets.scenes.clip_poses import frame_times, placed
from datasets.scenes.clip_story import (
    DURATION_S,
    FRAMES_PER_S,
    RED_S,
    SEED,
    SIZE_WH,
    VIEW,
    ZONES,
    Act,
    Actor,
    ZoneKind,
    actors,
)
from datasets.scenes.clip_track import Pose
from datasets.scenes.view import part_boxes

DWELL_S = 60
"""How long something has to stay in a zone of the sample; real zones wait longer."""
_SMALLEST_PX = 10.0
_STANDS_S = 2.0
_DIGITS = 1

Box = tuple[float, float, float, float]


def truth() -> dict[str, Any]:
    """Return the clip's truth as JSON values: times in seconds from its start, boxes in pixels."""
    return {
        "seed": SEED,
        "duration_s": DURATION_S,
        "frames_per_s": FRAMES_PER_S,
        "size_wh": list(SIZE_WH),
        "red_light_s": list(RED_S),
        "objects": [_object(actor) for actor in actors()],
    }


def _object(actor: Actor) -> dict[str, Any]:
    labels = [part.label for act in actor.acts for part in act.looks[0].parts if part.label]
    boxes = _by_seconds(actor)
    first, last = min(boxes), max(boxes)
    early = frame_times(first - 1, first + 1)
    late = frame_times(last, min(last + 1, DURATION_S))
    leaves = max(float(time) for time in late if boxes_at(actor, float(time)))
    entry: dict[str, Any] = {
        "id": actor.id,
        "class": labels[0],
        "classes": sorted(set(labels)),
        "does": actor.does,
        "enters_s": min(float(time) for time in early if boxes_at(actor, float(time))),
        "leaves_s": None if leaves >= DURATION_S - 1.5 / FRAMES_PER_S else leaves,
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


def _by_seconds(actor: Actor) -> dict[int, list[tuple[str, Box]]]:
    """Return an actor's boxes at every full second at which it has any."""
    start, end = actor.acts[0].track.start_s, actor.acts[-1].track.end_s
    boxes: dict[int, list[tuple[str, Box]]] = {}
    before: tuple[Act, Pose] | None = None
    for second in range(math.ceil(start), math.ceil(min(end, DURATION_S))):
        act = actor.act_at(second)
        here = None if act is None else (act, act.track.at(second))
        if before and here and here[0] is before[0] and here[1] == before[1]:
            found = boxes.get(second - 1, [])
        else:
            found = boxes_at(actor, second)
        if found:
            boxes[second] = found
        before = here
    return boxes


def boxes_at(actor: Actor, time_s: float) -> list[tuple[str, Box]]:
    """Return label and box of each part that the camera could see, were nothing before it."""
    act = actor.act_at(time_s)
    if act is None:
        return []
    pose = act.track.at(time_s)
    boxes = part_boxes(placed(act.looks[0], pose, act.z), VIEW)
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


def camera_settings() -> dict[str, Any]:
    """Return the settings of the clip's camera as they stand in its YAML file."""
    names: dict[ZoneKind, str] = {
        "no_parking": "kerb lane",
        "no_vending": "park pavement",
        "truck_gate": "site gate",
    }
    zones: list[dict[str, Any]] = []
    for kind, (x0, y0, x1, y1) in ZONES.items():
        zone: dict[str, Any] = {
            "name": names[kind],
            "kind": kind,
            "polygon": _relative([(x0, y0), (x1, y0), (x1, y1), (x0, y1)]),
        }
        if kind != "truck_gate":
            zone["dwell_s"] = DWELL_S
        if kind == "no_parking":
            zone["jurisdiction"] = "carriageway"
        zones.append(zone)
    return {
        "id": "44011500081320000001",
        "name": "Sample street, site gate",
        "location": {"lon": 113.53, "lat": 22.79},
        "zones": zones,
    }


def _relative(ground: list[tuple[float, float]]) -> list[list[float]]:
    """Return a polygon on the ground as shares of the picture, cut to the picture."""
    points = np.array([(x, y, 0.0) for x, y in ground])
    shares: NDArray[np.float64] = VIEW.project(points)[0] / np.array(SIZE_WH)
    return [[round(float(value), 4) for value in np.clip(point, 0.0, 1.0)] for point in shares]
