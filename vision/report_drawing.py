"""What a report draws over its pictures: outlines, numbers, scale bars, tie-point arrows.

Everything here is in the pixels of a picture, x to the right and y down, which is also the
coordinate system of the SVG laid over it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from shapely.affinity import affine_transform
from shapely.geometry import LineString, MultiPolygon, Point, Polygon
from shapely.geometry.base import BaseGeometry

from vision.survey.comparison import Picture, TiePoint


@dataclass(frozen=True, slots=True)
class Pin:
    """A numbered mark: where it stands, and the spot on the ground that it points to."""

    x: float
    y: float
    spot_x: float
    spot_y: float
    apart: bool


@dataclass(frozen=True, slots=True)
class ScaleBar:
    """A round length on the ground and the share of the picture's width that it takes."""

    length_m: float
    width_share: float


@dataclass(frozen=True, slots=True)
class Arrows:
    """Tie-point arrows as SVG paths over a panel of ``size_wh``.

    Attributes:
        kept: path of the arrows of kept tie points.
        rejected: path of those that were thrown out.
        factor: how many times longer than the ground the arrows are drawn.
        key_m: a round displacement.
        key_px: the length of its arrow in the panel.
    """

    size_wh: tuple[float, float]
    kept: str
    rejected: str
    factor: float
    key_m: float
    key_px: float


def in_picture(geometry: BaseGeometry, transform: Affine) -> BaseGeometry:
    """Return a map geometry in the pixels of a picture with ``transform``."""
    inverse = ~transform
    return affine_transform(
        geometry, [inverse.a, inverse.b, inverse.d, inverse.e, inverse.c, inverse.f]
    )


def svg_path(geometry: BaseGeometry) -> str:
    """Return the SVG path of all rings of a geometry, to a tenth of a pixel."""
    rings: list[BaseGeometry] = []
    for part in shapely.get_parts(geometry):
        if isinstance(part, Polygon) and not part.is_empty:
            rings += [part.exterior, *part.interiors]
    pieces = []
    for ring in rings:
        points = np.round(shapely.get_coordinates(ring)[:-1], 1)
        pieces.append("M" + "L".join(f"{x:g},{y:g}" for x, y in points.tolist()) + "Z")
    return "".join(pieces)


def round_length(limit: float) -> float:
    """Return the largest of 1, 2, 5 times a power of ten that is not above ``limit``."""
    power = 10.0 ** math.floor(math.log10(limit))
    return max(step * power for step in (1.0, 2.0, 5.0) if step * power <= limit * (1 + 1e-9))


def scale_bar(picture: Picture, *, share: float = 0.25) -> ScaleBar:
    """Return a scale bar at most ``share`` of a picture's width long."""
    width_m = picture.size_wh[0] * math.hypot(picture.transform.a, picture.transform.d)
    length_m = round_length(width_m * share)
    return ScaleBar(length_m, length_m / width_m)


def north_angle_deg(transform: Affine) -> float:
    """Return how far grid north is turned clockwise from the top of a picture, in degrees."""
    inverse = ~transform
    return math.degrees(math.atan2(inverse.b, -inverse.e))


def _spot(outline: BaseGeometry) -> tuple[float, float, float, float]:
    """Return a point well inside an outline, its distance to the edge and the outline's reach."""
    parts = [part for part in shapely.get_parts(outline) if isinstance(part, Polygon)]
    largest = max(parts, key=lambda part: part.area, default=None)
    if largest is None or largest.area <= 0:
        middle = outline.centroid if not outline.is_empty else Point(0, 0)
        return middle.x, middle.y, 0.0, 0.0
    radius: LineString = shapely.maximum_inscribed_circle(largest, tolerance=0.5)
    left, top, right, bottom = largest.bounds
    x, y = radius.coords[0]
    return x, y, radius.length, math.hypot(right - left, bottom - top) / 2


def _squared_distances(
    these: NDArray[np.float64], those: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the squared distances of ``(n, 2)`` to ``(m, 2)`` points, ``(n, m)``."""
    across = these[:, 0, None] - those[None, :, 0]
    down = these[:, 1, None] - those[None, :, 1]
    return across * across + down * down


def place_pins(
    outlines: Sequence[BaseGeometry],
    *,
    size_wh: tuple[int, int],
    radius: float,
    keep_clear: Sequence[tuple[float, float, float, float]] = (),
) -> list[Pin]:
    """Place one numbered disc per outline so that no disc covers another where there is room.

    A large outline carries its number inside. A small one keeps its ground visible: the number
    stands beside it, and a line leads to it where it had to move away. Small outlines choose
    first, for large ones have room to give.

    Args:
        outlines: polygons in pixels.
        size_wh: of the picture, in pixels.
        radius: of a disc, in pixels.
        keep_clear: rectangles ``(left, top, right, bottom)`` where a disc would be hidden.

    Returns:
        The pins in the order of ``outlines``.
    """
    if not outlines:
        return []
    spots = np.array([_spot(outline) for outline in outlines])
    width, height = size_wh
    points: NDArray[np.float64] = np.clip(spots[:, :2], 0, (width, height))
    angles = np.arange(16) * (2 * math.pi / 16) - math.pi / 4
    around = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    placed = np.empty((0, 2))
    pins: dict[int, Pin] = {}
    for index in np.argsort(spots[:, 3], kind="stable").tolist():
        point = points[index]
        inscribed, reach = spots[index, 2:]
        inside = inscribed >= 1.5 * radius
        nearest = min(reach, 3 * radius) + 1.4 * radius
        away = np.array([nearest + 0.9 * radius * step for step in range(14)])
        candidates = np.concatenate(
            [point[None], (point + away[:, None, None] * around).reshape(-1, 2)]
        )
        cost = np.hypot(*(candidates - point).T)
        cost[0] = 0 if inside else 40 * radius
        others = np.delete(points, index, axis=0)
        covered = _squared_distances(candidates, others) < (1.3 * radius) ** 2
        cost += 3 * radius * covered.sum(axis=1)
        off = ((candidates < radius) | (candidates > np.array(size_wh) - radius)).any(axis=1)
        for left, top, right, bottom in keep_clear:
            corner = np.array((left, top)) - radius, np.array((right, bottom)) + radius
            off |= ((candidates > corner[0]) & (candidates < corner[1])).all(axis=1)
        gaps = np.sqrt(_squared_distances(candidates, placed).min(axis=1, initial=np.inf))
        # Overlap is the worst, leaving the picture the next; both only where nothing else is left.
        cost += 1e6 * np.clip(2.15 * radius - gaps, 0, None) + 1e5 * radius * off
        best = int(np.argmin(cost))
        x, y = np.clip(candidates[best], radius, np.array(size_wh) - radius).tolist()
        placed = np.vstack([placed, (x, y)])
        pins[index] = Pin(
            x, y, float(point[0]), float(point[1]), math.dist((x, y), point.tolist()) > radius
        )
    return [pins[index] for index in range(len(outlines))]


def _arrow(x: float, y: float, dx: float, dy: float) -> str:
    """Return the path of an arrow from ``(x, y)`` with a head that suits its length."""
    length = math.hypot(dx, dy)
    path = f"M{x:.1f},{y:.1f}l{dx:.1f},{dy:.1f}"
    if length < 3:
        return path + f"M{x - 1:.1f},{y:.1f}h2M{x:.1f},{y - 1:.1f}v2"
    head = min(5.0, length * 0.4) / length
    for turn in (150, -150):
        cos, sin = math.cos(math.radians(turn)), math.sin(math.radians(turn))
        path += (
            f"M{x + dx:.1f},{y + dy:.1f}"
            f"l{head * (dx * cos - dy * sin):.1f},{head * (dx * sin + dy * cos):.1f}"
        )
    return path


def tie_point_arrows(
    tie_points: Sequence[TiePoint], picture: Picture, *, panel_wh: tuple[float, float]
) -> Arrows | None:
    """Draw tie points as arrows from which the common offset is taken away.

    Args:
        tie_points: kept and rejected ones.
        picture: its ground is the ground of the panel.
        panel_wh: the largest panel, in pixels.

    Returns:
        None where there are no tie points.
    """
    if not tie_points:
        return None
    places = np.array([(tie.x_m, tie.y_m) for tie in tie_points])
    moves = np.array([(tie.dx_m, tie.dy_m) for tie in tie_points])
    kept = np.array([tie.kept for tie in tie_points])
    moves = moves - np.median(moves[kept] if kept.any() else moves, axis=0)
    width, height = picture.size_wh
    zoom = min(panel_wh[0] / width, panel_wh[1] / height)
    panel_px_per_m = zoom / picture.gsd_m
    lengths_m = np.hypot(*(moves[kept] if kept.any() else moves).T)
    typical_m = max(float(np.percentile(lengths_m, 90)), 1e-3)
    # A typical long arrow takes a sixteenth of the panel; none takes more than an eighth.
    longest_px = max(width, height) * zoom / 8
    factor = max(round_length(longest_px / 2 / (typical_m * panel_px_per_m)), 1e-3)
    to_pixel = ~picture.transform
    linear = np.array([[to_pixel.a, to_pixel.b], [to_pixel.d, to_pixel.e]]) * zoom
    starts = places @ linear.T + np.array([to_pixel.c, to_pixel.f]) * zoom
    arrows = moves @ linear.T * factor
    lengths = np.maximum(np.hypot(*arrows.T), 1e-9)
    arrows *= np.minimum(1.0, longest_px / lengths)[:, None]
    drawn = [
        _arrow(x, y, dx, dy)
        for (x, y), (dx, dy) in zip(starts.tolist(), arrows.tolist(), strict=True)
    ]
    key_m = round_length(longest_px / (panel_px_per_m * factor))
    return Arrows(
        size_wh=(width * zoom, height * zoom),
        kept="".join(compress(drawn, kept.tolist())),
        rejected="".join(compress(drawn, (~kept).tolist())),
        factor=factor,
        key_m=key_m,
        key_px=key_m * panel_px_per_m * factor,
    )


def polygons_of(geometry: BaseGeometry, *, tolerance_px: float) -> BaseGeometry:
    """Return the polygons of a geometry, with no more corners than can be seen."""
    simple = geometry.simplify(tolerance_px)
    parts = [part for part in shapely.get_parts(simple) if isinstance(part, Polygon)]
    return MultiPolygon(parts) if parts else geometry
