"""How much of a thing a picture shows of what it could show, were nothing before it."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from datasets.scenes.asset import Part
from datasets.scenes.shape import Shape
from datasets.scenes.view import View

_SMALLEST_SHARE = 0.3
"""Of a labelled part: what is hidden or cut off by more than this leaves is not labelled."""
_SMALLEST_PX = 8.0


def seen_box(
    part: Part, view: View, shown_by: NDArray[np.bool_]
) -> tuple[float, float, float, float] | None:
    """Return the box around what a picture shows of a part; None if that is not worth a label.

    Args:
        part: where it stands.
        view: the camera.
        shown_by: shape ``(height, width)``: which pixels show the part.
    """
    rows, columns = (np.flatnonzero(shown_by.any(axis=axis)) for axis in (1, 0))
    if not len(rows) or seen_share(part, view, shown_by) < _SMALLEST_SHARE:
        return None
    x0, y0 = float(columns[0]), float(rows[0])
    x1, y1 = float(columns[-1] + 1), float(rows[-1] + 1)
    return (x0, y0, x1, y1) if min(x1 - x0, y1 - y0) >= _SMALLEST_PX else None


def seen_share(part: Part, view: View, shown_by: NDArray[np.bool_]) -> float:
    """Return how much of a part's near side a picture shows, 0 to 1, by area in the picture.

    Args:
        part: where it stands.
        view: the camera.
        shown_by: shape ``(height, width)``: which pixels show the part.
    """
    places, areas = _near_side(part, view)
    if not len(places) or areas.sum() <= 0:
        return 0.0
    width, height = view.size_wh
    columns = np.floor(places[:, 0]).astype(np.int64)
    rows = np.floor(places[:, 1]).astype(np.int64)
    inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    # A pixel off still counts: spokes and poles are thinner than a pixel.
    mine = np.pad(shown_by, 1)
    near = mine[1:-1, 1:-1] | mine[:-2, 1:-1] | mine[2:, 1:-1] | mine[1:-1, :-2] | mine[1:-1, 2:]
    shown = np.zeros(len(places), bool)
    shown[inside] = near[rows[inside], columns[inside]]
    return float(areas[shown].sum() / areas.sum())


def faces_by_corners(shape: Shape) -> list[NDArray[np.int64]]:
    """Return a shape's faces, those with as many corners together: each ``(faces, corners)``."""
    faces: defaultdict[int, list[tuple[int, ...]]] = defaultdict(list)
    for face in shape.faces:
        faces[len(face)].append(face)
    return [np.array(alike, np.int64) for alike in faces.values()]


def _near_side(part: Part, view: View) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return points in the picture spread over the faces turned to the camera, and their areas."""
    pixels, depth = view.project(part.shape.points())
    places, areas = [np.empty((0, 2))], [np.empty(0)]
    for corners in faces_by_corners(part.shape):
        count = corners.shape[1]
        flat = pixels[corners]
        ahead = np.roll(flat, -1, axis=1)
        area = 0.5 * (flat[..., 0] * ahead[..., 1] - flat[..., 1] * ahead[..., 0]).sum(axis=1)
        # Counter-clockwise from outside is clockwise in a picture whose rows run down.
        near = (depth[corners].min(axis=1) > 0.1) & (area < 0)
        middle = flat[near].mean(axis=1, keepdims=True)
        spots = np.concatenate([middle, middle + 0.7 * (flat[near] - middle)], axis=1)
        places.append(spots.reshape(-1, 2))
        areas.append(np.repeat(-area[near] / (count + 1), count + 1))
    return np.concatenate(places), np.concatenate(areas)
