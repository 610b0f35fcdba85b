"""The true changes, measured on the painted scene, in the later survey's georeference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from shapely.geometry import MultiPolygon, Polygon
from shapely.ops import unary_union

from datasets.village.canvas import EXTENT_M, Canvas, Frame, Material
from datasets.village.roads import smooth_line
from datasets.village.scene import Scene
from datasets.village.site import HAUL, OUTLINE

MIN_DUST_M2: Final = 100.0
"""Smallest bare patch that counts as a dust hotspot."""


@dataclass(frozen=True)
class TrueChange:
    """One change with its measures.

    Attributes:
        kind: As in `vision.finding.FindingKind`.
        shape: Outline in scene metres (east, north of the centre).
        area_m2: Area of the outline.
        height_gain_m: Median rise of the surface inside it.
        name_en: What it is.
        name_zh: The same in Chinese.
        note: What a permit says about it.
        net_covered_before_m2: For dust, how much of it dust net still covered before; else None.
    """

    kind: str
    shape: Polygon
    area_m2: float
    height_gain_m: float
    name_en: str
    name_zh: str
    note: str
    net_covered_before_m2: float | None = None


def measure(scene: Scene, before: Canvas, after: Canvas) -> list[TrueChange]:
    """Return every true change of a scene painted on both dates."""
    gain = after.height - before.height
    found = []
    for change in scene.changes:
        shape = in_scene(scene.frame, change.shape)
        inside = _cells(scene.frame, shape.buffer(-0.4))
        found.append(
            TrueChange(
                change.kind,
                shape,
                shape.area,
                float(np.median(gain[inside])),
                change.name_en,
                change.name_zh,
                change.note,
            )
        )
    return found + _dust(scene, before, after, gain)


def in_scene(frame: Frame, shape: Polygon) -> Polygon:
    """Return a polygon of layout metres in scene metres."""
    return Polygon(
        frame.scene_from_layout(np.asarray(shape.exterior.coords)[:, :2]),
        [frame.scene_from_layout(np.asarray(hole.coords)[:, :2]) for hole in shape.interiors],
    )


def _cells(frame: Frame, shape: Polygon) -> NDArray[np.bool_]:
    """Return the cells inside a polygon of scene metres."""
    mask = np.zeros(frame.shape, np.uint8)
    for ring, value in ((shape.exterior, 1), *((hole, 0) for hole in shape.interiors)):
        points = np.asarray(ring.coords)[:, :2]
        grid = np.stack(
            [
                (points[:, 0] + EXTENT_M[0] / 2) / frame.cell_m - 0.5,
                (EXTENT_M[1] / 2 - points[:, 1]) / frame.cell_m - 0.5,
            ],
            axis=1,
        )
        cv2.fillPoly(mask, [np.rint(grid * 16).astype(np.int32)], value, shift=4)
    return mask > 0


def _dust(
    scene: Scene, before: Canvas, after: Canvas, gain: NDArray[np.float32]
) -> list[TrueChange]:
    """Return what lies bare on the site and its haul road at the later survey."""
    frame = scene.frame
    works = unary_union([OUTLINE.buffer(-0.3), smooth_line(HAUL).buffer(4.5)])
    allowed = _cells(frame, in_scene(frame, works if isinstance(works, Polygon) else OUTLINE))
    # Machines standing on soil do not cover it; on concrete the opening drops them.
    soil = (after.material == Material.SOIL) | (after.material == Material.VEHICLE)
    bare = (soil & allowed).astype(np.uint8)
    # Strips under 5 m between fence, pit and net join no two hotspots; small holes stay in.
    radius = max(1, round(2.5 / frame.cell_m))
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    bare = cv2.morphologyEx(bare, cv2.MORPH_OPEN, disk)
    found = []
    for shape in _polygons(bare, frame):
        if shape.area < MIN_DUST_M2:
            continue
        inside = _cells(frame, shape)
        netted = float(((before.material == Material.NET) & inside).sum()) * frame.cell_m**2
        found.append(
            TrueChange(
                "dust_hotspot",
                shape,
                shape.area,
                float(np.median(gain[inside])),
                "bare soil without dust net",
                "裸土未覆盖防尘网",
                "construction site; bare soil must be covered",
                netted,
            )
        )
    return sorted(found, key=lambda change: -change.area_m2)


def _polygons(mask: NDArray[Any], frame: Frame) -> list[Polygon]:
    """Return a mask's regions as polygons of scene metres, with their holes."""
    rings, tree = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    if tree is None:
        return []

    def metres(ring: NDArray[Any]) -> NDArray[np.float64]:
        points = ring.reshape(-1, 2).astype(np.float64)
        return np.stack(
            [
                (points[:, 0] + 0.5) * frame.cell_m - EXTENT_M[0] / 2,
                EXTENT_M[1] / 2 - (points[:, 1] + 0.5) * frame.cell_m,
            ],
            axis=1,
        )

    shapes: list[Polygon] = []
    for index, ring in enumerate(rings):
        if tree[0][index][3] >= 0 or len(ring) < 4:
            continue
        holes = [
            metres(rings[other])
            for other in range(len(rings))
            if tree[0][other][3] == index and len(rings[other]) >= 4
        ]
        holes = [hole for hole in holes if Polygon(hole).area >= 25.0]
        # Contours run through cell centres: half a cell is missing all round.
        shape = Polygon(metres(ring), holes).buffer(frame.cell_m / 2).simplify(0.35)
        parts = shape.geoms if isinstance(shape, MultiPolygon) else [shape]
        shapes.extend(part for part in parts if isinstance(part, Polygon) and not part.is_empty)
    return shapes
