"""How much of a thing a picture shows of what it could show, were nothing before it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from datasets.scenes.asset import Part
from datasets.scenes.view import View


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


def _near_side(part: Part, view: View) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return points in the picture spread over the faces turned to the camera, and their areas."""
    points = part.shape.points()
    pixels, depth = view.project(points)
    places, areas = [], []
    for face in part.shape.faces:
        corners = list(face)
        if depth[corners].min() <= 0.1:
            continue
        flat, ahead = pixels[corners], pixels[corners[1:] + corners[:1]]
        area = 0.5 * float(flat[:, 0] @ ahead[:, 1] - flat[:, 1] @ ahead[:, 0])
        # Counter-clockwise from outside is clockwise in a picture whose rows run down.
        if area >= 0:
            continue
        middle = flat.mean(axis=0)
        spots = [middle, *(middle + 0.7 * (flat - middle))]
        places.extend(spots)
        areas.extend([-area / len(spots)] * len(spots))
    return np.asarray(places, np.float64).reshape(-1, 2), np.asarray(areas, np.float64)
