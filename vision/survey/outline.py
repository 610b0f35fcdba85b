"""From a mask of pixels to the outline a surveyor would draw."""

from __future__ import annotations

import math
import warnings

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning
from rasterio.features import shapes
from shapely import affinity, make_valid
from shapely.geometry import MultiPolygon, Polygon, shape
from shapely.geometry.base import BaseGeometry
from shapely.ops import unary_union

# A rectangle stands for the mask when it covers it this well (intersection over union).
_RECTANGLE_IOU = 0.86
_SQUARED_IOU = 0.82
# Edges within this angle of the main direction or across it are drawn square to it.
_SQUARE_DEG = 30.0

# `shapes` holds the mask's own mask as a picture without a place on the map and warns of it.
warnings.filterwarnings("ignore", category=NotGeoreferencedWarning, module=r"rasterio\.features")


def mask_polygon(mask: NDArray[np.bool_], transform: Affine) -> BaseGeometry:
    """Return a mask's area as polygons along pixel edges, in map coordinates.

    Args:
        mask: bool, shape ``(rows, cols)``.
        transform: pixel corners ``(col, row)`` to map coordinates.
    """
    rings = shapes(np.asarray(mask, np.uint8), mask=mask, connectivity=4, transform=transform)
    # A ring that meets itself in a corner is no valid polygon until it is split there.
    return unary_union([make_valid(shape(ring)) for ring, _ in rings])


def simple_outline(
    mask: NDArray[np.bool_], transform: Affine, *, tolerance_m: float, min_hole_m2: float
) -> BaseGeometry:
    """Return a mask's area with smoothed edges and without small holes; for soil and clearings."""
    area = mask_polygon(mask, transform).simplify(tolerance_m)
    parts = []
    for part in getattr(area, "geoms", [area]):
        if part.geom_type == "Polygon" and not part.is_empty:
            holes = [ring for ring in part.interiors if Polygon(ring).area >= min_hole_m2]
            parts.append(Polygon(part.exterior, holes))
    joined = unary_union(parts).buffer(0)
    return joined if not joined.is_empty else area


def regular_outline(mask: NDArray[np.bool_], transform: Affine, *, tolerance_m: float) -> Polygon:
    """Return the outline of a built thing: a rectangle, or square corners, where that fits.

    Holes are filled and only the largest part is kept. A rectangle is used where it matches the
    mask (IoU at least 0.86); else edges are set parallel and square to the main direction where
    the result still matches (0.82); else the simplified outline is returned.

    Args:
        mask: bool, shape ``(rows, cols)``, at least one pixel set.
        transform: pixel corners ``(col, row)`` to map coordinates.
        tolerance_m: how far the outline may run from the mask's edge.
    """
    raw = _largest(mask_polygon(mask, transform))
    raw = Polygon(raw.exterior)
    rectangle = _fitted_rectangle(raw)
    if _iou(rectangle, raw) >= _RECTANGLE_IOU:
        return rectangle
    simple = _largest(raw.simplify(tolerance_m))
    squared = _squared(simple, _direction(rectangle))
    if squared is not None and _iou(squared, raw) >= _SQUARED_IOU:
        return squared
    return simple if simple.is_valid and not simple.is_empty else raw


def rectangle_fit(area: BaseGeometry) -> float:
    """Return how well a rectangle of the same area matches an outline (IoU): a disc gives 0.8."""
    outer = _largest(area)
    if outer.is_empty:
        return 0.0
    raw = Polygon(outer.exterior)
    return _iou(_fitted_rectangle(raw), raw)


def _largest(area: BaseGeometry) -> Polygon:
    if isinstance(area, MultiPolygon):
        area = max(area.geoms, key=lambda part: part.area)
    if not isinstance(area, Polygon):
        return Polygon()
    return area


def _iou(a: Polygon, b: Polygon) -> float:
    if a.is_empty or b.is_empty or not (a.is_valid and b.is_valid):
        return 0.0
    shared = a.intersection(b).area
    return float(shared / (a.area + b.area - shared))


def _fitted_rectangle(area: Polygon) -> Polygon:
    """Smallest rectangle around the outline, drawn in so that it has the outline's own area."""
    box = area.minimum_rotated_rectangle
    if not isinstance(box, Polygon) or box.area <= 0:
        return Polygon()
    xs, ys = (np.asarray(v) for v in box.exterior.coords.xy)
    sides = sorted(math.hypot(xs[i + 1] - xs[i], ys[i + 1] - ys[i]) for i in range(2))
    short, long = sides
    # Solve (short - 2d)(long - 2d) = area for the margin d: ragged edges stretch the box evenly.
    s = short + long
    root = math.sqrt(max(s * s - 4 * (short * long - area.area), 0.0))
    margin = (s - root) / 4
    inner = box.buffer(-margin, join_style="mitre", mitre_limit=5.0)
    return inner if isinstance(inner, Polygon) and not inner.is_empty else box


def _direction(rectangle: Polygon) -> float:
    """Direction of the longer side, radians."""
    points = np.asarray(rectangle.exterior.coords)
    edges = np.diff(points, axis=0)
    longest = edges[int(np.argmax((edges**2).sum(axis=1)))]
    return math.atan2(float(longest[1]), float(longest[0]))


def _squared(area: Polygon, direction: float) -> Polygon | None:
    """Set edges parallel or square to ``direction``; None where too few corners remain."""
    turn = affinity.rotate(area, -direction, origin=(0, 0), use_radians=True)
    points = np.asarray(turn.exterior.coords)[:-1]
    edges = np.diff(np.vstack([points, points[:1]]), axis=0)
    angle = np.degrees(np.abs(np.arctan2(edges[:, 1], edges[:, 0]))) % 180
    flat = (angle < _SQUARE_DEG) | (angle > 180 - _SQUARE_DEG)
    upright = np.abs(angle - 90) < _SQUARE_DEG
    if not bool((flat | upright).all()):
        return None
    # Runs of edges in one direction become one line at their length-weighted mean position.
    lines: list[tuple[bool, float, float]] = []
    for i, edge in enumerate(edges):
        length = float(np.hypot(*edge))
        middle = points[i] + edge / 2
        position = float(middle[1] if flat[i] else middle[0])
        if lines and lines[-1][0] == bool(flat[i]):
            kind, old, weight = lines[-1]
            total = weight + length
            lines[-1] = (kind, (old * weight + position * length) / total, total)
        else:
            lines.append((bool(flat[i]), position, length))
    if len(lines) > 1 and lines[0][0] == lines[-1][0]:
        kind, old, weight = lines.pop()
        _, first, first_weight = lines[0]
        total = weight + first_weight
        lines[0] = (kind, (old * weight + first * first_weight) / total, total)
    if len(lines) < 4:
        return None
    corners = []
    for (flat_a, at_a, _), (_, at_b, _) in zip(lines, [*lines[1:], lines[0]], strict=True):
        corners.append((at_b, at_a) if flat_a else (at_a, at_b))
    squared = Polygon(corners)
    if not squared.is_valid or squared.area <= 0:
        return None
    turned = affinity.rotate(squared, direction, origin=(0, 0), use_radians=True)
    return turned if isinstance(turned, Polygon) else None
