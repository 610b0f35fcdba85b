"""Where the earlier survey lies at large: offset, turn and scale, from an overview.

Blocks of the overview are correlated, and their correlation surfaces added up under every turn and
scale that is tried, so that blocks too poor to be matched alone still count. How far the best sum
stands out of all the others tells whether the surveys show the same ground at all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vision.errors import AlignmentFailed
from vision.survey.grid import Grid, Window
from vision.survey.raster import SurveyRaster
from vision.survey.tiepoints import correlate, luminance, orientation, peaks, taper
from vision.survey.warp import AffineMap, fit_affine_robust

_BLOCK_PX = 128
_OVERVIEW_PX = 1600
_MIN_SIDE_PX = 16
_READ_PX = 1024
# Turn and scale looked through: twice what surveys are expected to have.
_TURN = math.radians(1.0)
_SCALE = 0.01
# What they usually are: about 0.4° and 0.7 %.
_LIKELY = 0.007
# On a small site, a shift that leaves less than half of it in common is not looked for: the little
# left always fits somewhere. 8 m holds any usual error of georeference.
_REACH_SHARE = 0.4
_LEAST_REACH_M = 8.0
# The best sum of correlations over the spread of all sums. Seen: 3.1 to 5.1 between 500 pairs of
# places, 20 to 270 m wide, that have nothing in common; 6.6 and more between dates of one place,
# real or simulated, but for plots under 40 m that a crop had wholly changed.
_MIN_CLARITY = 6.0


@dataclass(frozen=True, slots=True)
class _Blocks:
    """Correlation surfaces of blocks, the gradient energy that met in them, where they lie."""

    surface: NDArray[np.float32]
    energy: NDArray[np.float32]
    x_m: NDArray[np.float64]
    y_m: NDArray[np.float64]
    reach: int


def overview_grid(grid: Grid) -> Grid:
    """Return the grid of the coarse search: 400 to 1,600 pixels along the longer side."""
    length = max(grid.width, grid.height) * grid.gsd_m
    gsd = max(grid.gsd_m, length / _OVERVIEW_PX, min(1.0, length / 400))
    return grid.coarser(gsd)


def find_coarse(
    before: SurveyRaster, after: SurveyRaster, grid: Grid, max_shift_m: float
) -> AffineMap:
    """Find where the earlier survey shows the later one's ground, to about an overview pixel.

    Args:
        before: the earlier survey.
        after: the later survey.
        grid: the ground both cover.
        max_shift_m: how far off to look; on a small site not that far.

    Raises:
        AlignmentFailed: nothing stands out.
    """
    view = overview_grid(grid)
    short_m = min(view.width, view.height) * view.gsd_m
    reach_m = min(max_shift_m, max(_LEAST_REACH_M, _REACH_SHARE * short_m))
    reach = max(4, math.ceil(reach_m / view.gsd_m))
    if min(view.width, view.height) < _MIN_SIDE_PX:
        raise AlignmentFailed(
            f"The ground both surveys cover is only {view.width * view.gsd_m:.1f} × "
            f"{view.height * view.gsd_m:.1f} m: too small to be matched. Check that the surveys "
            "overlap."
        )
    blocks = _correlate_blocks(before, after, view, reach)
    centre = ((grid.bounds[0] + grid.bounds[2]) / 2, (grid.bounds[1] + grid.bounds[3]) / 2)
    start, clarity = _vote(blocks, view, centre)
    if clarity < _MIN_CLARITY:
        raise AlignmentFailed(
            f"No place within {reach_m:.3g} m makes the two surveys look alike (clarity "
            f"{clarity:.1f}, {_MIN_CLARITY:g} is needed). Check that both files show the same "
            "ground and name the right coordinate reference system; if one lies further off, raise "
            "max_shift_m."
        )
    return _polish(blocks, view, start)


def _correlate_blocks(before: SurveyRaster, after: SurveyRaster, view: Grid, reach: int) -> _Blocks:
    late = _overview(after, view, view.whole)
    early = _overview(before, view, view.whole.grown(reach))
    short = min(view.width, view.height)
    size = min(int(np.clip(short // 2, 32, _BLOCK_PX)), short)
    rows = _starts(view.height, size)
    cols = _starts(view.width, size)
    window = taper(size)
    surfaces, x_m, y_m = [], [], []
    wide = size + 2 * reach
    energy = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    for row in rows:
        corners = [(row, c) for c in cols if late[row : row + size, c : c + size].any()]
        if not corners:
            continue
        a = np.stack([late[r : r + size, c : c + size] for r, c in corners])
        b = np.stack([early[r : r + wide, c : c + wide] for r, c in corners])
        surfaces.append(correlate(a * window, b))
        # The tapers of overlapping blocks add up to about one.
        energy += correlate(_power(a) * window, _power(b)).sum(axis=0)
        x_m += [view.x0_m + (c + size / 2) * view.gsd_m for _, c in corners]
        y_m += [view.y0_m - (r + size / 2) * view.gsd_m for r, _ in corners]
    if not surfaces:
        raise AlignmentFailed(
            "The later survey has no data on the common ground. Check its nodata value or alpha "
            "band."
        )
    return _Blocks(np.concatenate(surfaces), energy, np.array(x_m), np.array(y_m), reach)


def _power(patches: NDArray[np.complex64]) -> NDArray[np.complex64]:
    return (patches * patches.conj()).astype(np.complex64, copy=False)


def _starts(length: int, size: int) -> list[int]:
    if length <= size:
        return [0]
    count = math.ceil((length - size) / (size / 2)) + 1
    return [int(v) for v in np.linspace(0, length - size, count).round()]


def _overview(survey: SurveyRaster, view: Grid, window: Window) -> NDArray[np.complex64]:
    """Gradient orientation of a window of the overview, read in parts."""
    grey = np.zeros((window.height, window.width), np.float32)
    valid = np.zeros(grey.shape, bool)
    for row in range(0, window.height, _READ_PX):
        for col in range(0, window.width, _READ_PX):
            part = Window(
                window.row + row,
                window.col + col,
                min(_READ_PX, window.height - row),
                min(_READ_PX, window.width - col),
            )
            ortho = survey.read_ortho(view, part)
            here = np.s_[row : row + part.height, col : col + part.width]
            grey[here] = luminance(ortho)
            valid[here] = ortho.valid
    return orientation(grey, valid)


def _vote(blocks: _Blocks, view: Grid, centre_m: tuple[float, float]) -> tuple[AffineMap, float]:
    """Offset, turn and scale under which the blocks' correlations add up highest.

    Returns:
        The map, and how far its sum stands out: in robust standard deviations of all the sums.
    """
    reach = blocks.reach
    # Chance makes sums as large as the root of the energy that meets, and that falls with overlap.
    floor = 0.1 * float(blocks.energy.max()) + 1e-6
    spread = np.sqrt(np.maximum(blocks.energy, floor) / 2)
    rx = (blocks.x_m - centre_m[0]) / view.gsd_m
    ry = (blocks.y_m - centre_m[1]) / view.gsd_m
    radius = max(float(np.hypot(rx, ry).max()), 1.0)
    step = 1.5 / radius
    turns = _steps(_TURN, step)
    scales = _steps(_SCALE, step)
    side = 2 * reach + 1
    best, where = -math.inf, (0.0, 0.0, 0, 0)
    typical: list[float] = []
    for turn in turns:
        for scale in scales:
            sx = np.round(scale * rx - turn * ry).astype(int)
            sy = np.round(-(turn * rx + scale * ry)).astype(int)
            total = np.zeros((side, side), np.float32)
            for plane, x, y in zip(blocks.surface, sx, sy, strict=True):
                _add_shifted(total, plane, x, y)
            total /= spread
            typical.append(float(np.median(np.abs(total))))
            row, col = divmod(int(total.argmax()), side)
            # Where turn and scale hardly show, as on a small site, none is the likelier.
            handicap = ((turn / _LIKELY) ** 2 + (scale / _LIKELY) ** 2) / 4
            if total[row, col] - handicap > best:
                best = float(total[row, col]) - handicap
                where = (turn, scale, col - reach, row - reach)
    # A Gaussian's median magnitude is 0.6745 standard deviations.
    clarity = 0.6745 * best / max(float(np.mean(typical)), 1e-6)
    turn, scale, dx, dy = where
    return (
        AffineMap(
            centre_m,
            (dx * view.gsd_m, -dy * view.gsd_m),
            ((1 + scale, -turn), (turn, 1 + scale)),
        ),
        clarity,
    )


def _steps(limit: float, step: float) -> NDArray[np.float64]:
    n = math.ceil(limit / step) if step < limit else 1
    return np.asarray(np.arange(-n, n + 1) * min(step, limit), np.float64)


def _add_shifted(total: NDArray[np.float32], plane: NDArray[np.float32], x: int, y: int) -> None:
    """Add ``plane`` so that its entry at offset (x, y) from the middle lands on the middle."""
    h, w = total.shape
    r0, r1 = max(0, -y), min(h, h - y)
    c0, c1 = max(0, -x), min(w, w - x)
    if r1 > r0 and c1 > c0:
        total[r0:r1, c0:c1] += plane[r0 + y : r1 + y, c0 + x : c1 + x]


def _polish(blocks: _Blocks, view: Grid, start: AffineMap) -> AffineMap:
    """Fit the affine map to the blocks' own peaks near what the vote says."""
    current = start
    for near in (4, 3):
        to_x, to_y = current(blocks.x_m, blocks.y_m)
        px = np.round((to_x - blocks.x_m) / view.gsd_m).astype(int)
        py = np.round(-(to_y - blocks.y_m) / view.gsd_m).astype(int)
        x, y, d, w = [], [], [], []
        for i, plane in enumerate(blocks.surface):
            row, col = blocks.reach + py[i], blocks.reach + px[i]
            cut = plane[max(row - near, 0) : row + near + 1, max(col - near, 0) : col + near + 1]
            if cut.shape != (2 * near + 1, 2 * near + 1):
                continue
            dx, dy, height = peaks(cut, 1)
            if math.isnan(dx[0]):
                continue
            x.append(blocks.x_m[i])
            y.append(blocks.y_m[i])
            d.append(((px[i] + dx[0]) * view.gsd_m, -(py[i] + dy[0]) * view.gsd_m))
            w.append(height[0])
        if len(x) < 4:
            return current
        current, _ = fit_affine_robust(
            np.array(x),
            np.array(y),
            np.array(d),
            weight=np.array(w),
            centre_m=current.centre_m,
            least_scale_m=0.3 * view.gsd_m,
            start=current,
        )
    return current
