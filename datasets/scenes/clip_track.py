"""Where something is over time: a path on the ground and the way covered along it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

_ROUNDS = 4


@dataclass(frozen=True, slots=True)
class Pose:
    """A place on the ground, a heading, and how far along the path it is.

    Attributes:
        x: metres.
        y: metres.
        yaw_deg: counter-clockwise from x.
        along_m: from the path's start.
    """

    x: float
    y: float
    yaw_deg: float
    along_m: float


@dataclass(frozen=True)
class Track:
    """A rounded path and a timetable.

    Attributes:
        corners: of the path, metres.
        timetable: times in seconds and how far along the path, metres; a distance that is there
            twice in a row is a stop. Between them speed changes smoothly.
        wheelbase_m: the heading is that of a line this long with both ends on the path.
    """

    corners: tuple[tuple[float, float], ...]
    timetable: tuple[tuple[float, float], ...]
    wheelbase_m: float = 0.6
    _path: NDArray[np.float64] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Round the corners once."""
        object.__setattr__(self, "_path", _rounded(self.corners))

    @property
    def start_s(self) -> float:
        """When it begins."""
        return self.timetable[0][0]

    @property
    def end_s(self) -> float:
        """When it ends."""
        return self.timetable[-1][0]

    def at(self, time_s: float) -> Pose:
        """Return the pose at a time; before and after the timetable it stands."""
        along = smooth_way(self.timetable, time_s)
        half = self.wheelbase_m / 2
        front, back = self.point(along + half), self.point(along - half)
        middle = (front + back) / 2
        dx, dy = front - back
        return Pose(
            float(middle[0]), float(middle[1]), math.degrees(math.atan2(dy, dx)), float(along)
        )

    def stops(self) -> list[tuple[float, float]]:
        """Return from when to when it stands still, seconds."""
        return [
            (start, end) for (start, way), (end, then) in pairwise(self.timetable) if way == then
        ]

    def point(self, along: float) -> NDArray[np.float64]:
        """Return the path's point; straight on beyond its ends."""
        path = self._path
        reach = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
        if along <= 0 or along >= reach[-1]:
            end, inner = (path[0], path[1]) if along <= 0 else (path[-1], path[-2])
            over = -along if along <= 0 else along - reach[-1]
            way = (end - inner) / np.linalg.norm(end - inner)
            return np.asarray(end + way * over, np.float64)
        return np.array([np.interp(along, reach, path[:, axis]) for axis in (0, 1)])


def _rounded(corners: Sequence[tuple[float, float]]) -> NDArray[np.float64]:
    """Cut the corners of a path again and again (Chaikin 1974)."""
    path = np.asarray(corners, np.float64)
    for _ in range(_ROUNDS if len(path) > 2 else 0):
        first, second = path[:-1], path[1:]
        cut = np.empty((2 * len(first), 2))
        cut[0::2], cut[1::2] = 0.75 * first + 0.25 * second, 0.25 * first + 0.75 * second
        path = np.vstack([path[:1], cut, path[-1:]])
    return path


def smooth_way(timetable: Sequence[tuple[float, float]], time_s: float) -> float:
    """Return the way covered by a time, without going back or jerking.

    Cubic between the timetable's points, with slopes that keep it monotone (Fritsch and Butland
    1984).
    """
    times = np.array([time for time, _ in timetable])
    ways = np.array([way for _, way in timetable])
    if time_s <= times[0] or time_s >= times[-1]:
        return float(ways[0] if time_s <= times[0] else ways[-1])
    secants = np.diff(ways) / np.diff(times)
    slopes = np.concatenate([secants[:1], np.zeros(len(secants) - 1), secants[-1:]])
    for inner in range(1, len(secants)):
        before, after = secants[inner - 1], secants[inner]
        if before * after > 0:
            slopes[inner] = 2 * before * after / (before + after)
    step = int(np.searchsorted(times, time_s, side="right")) - 1
    width = times[step + 1] - times[step]
    u = (time_s - times[step]) / width
    return float(
        (2 * u**3 - 3 * u**2 + 1) * ways[step]
        + (u**3 - 2 * u**2 + u) * width * slopes[step]
        + (3 * u**2 - 2 * u**3) * ways[step + 1]
        + (u**3 - u**2) * width * slopes[step + 1]
    )
