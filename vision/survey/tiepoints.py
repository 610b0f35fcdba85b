"""Finding the same ground in two surveys: gradient-orientation correlation of patches.

Two flights differ in sun, haze, season and camera, so grey values do not compare. The direction of
the local gradient, its strength capped, survives most of that (orientation correlation: Fitch,
Kadyrov, Christmas and Kittler, BMVC 2002). Patches of it are correlated by FFT. The later survey's
patch alone is tapered, so the peak is not drawn towards zero shift.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from vision.survey.grid import Grid, Window
from vision.survey.raster import Displacement, Ortho, SurveyRaster

PATCH_PX = 128
SEARCH_PX = 16
CANDIDATES = 3

_BLUR_PX = 1.0
# Gradients below this many grey levels a pixel are sensor noise and JPEG blocks, not ground.
_NOISE_LEVEL = 1.5
_MIN_VALID_SHARE = 0.4
_STRIP_PX = 1024
# Two peaks of one patch lie at least this far apart.
_PEAK_RADIUS_PX = 3


@dataclass(frozen=True, slots=True)
class Matches:
    """Places tried in both surveys, each with its best candidate shifts.

    Attributes:
        x_m: float64, shape ``(n,)``; place in the later survey.
        y_m: float64, shape ``(n,)``.
        dx_m: float64, shape ``(n, CANDIDATES)``; way to where the earlier survey shows it, best
            candidate first, NaN where there are fewer.
        dy_m: float64, shape ``(n, CANDIDATES)``.
        score: float64, shape ``(n, CANDIDATES)``; normalised correlation, 0 to 1.
    """

    x_m: NDArray[np.float64]
    y_m: NDArray[np.float64]
    dx_m: NDArray[np.float64]
    dy_m: NDArray[np.float64]
    score: NDArray[np.float64]

    @property
    def count(self) -> int:
        """How many places could be tried."""
        return len(self.x_m)


def orientation(
    grey: NDArray[np.float32], valid: NDArray[np.bool_], *, floor: float | None = None
) -> NDArray[np.complex64]:
    """Return the gradient as complex numbers with capped magnitude.

    Args:
        grey: shape ``(rows, cols)``, 0 to 255.
        valid: same shape; False where there is no data.
        floor: gradient at which the magnitude becomes 0.7; None takes the median of this picture.

    Returns:
        complex64, same shape, magnitude below 1, zero where a gradient would reach into no data.
    """
    smooth = cv2.GaussianBlur(grey, (0, 0), _BLUR_PX)
    dx = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=3, scale=0.125)
    dy = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=3, scale=0.125)
    power = dx * dx + dy * dy
    inside = valid
    if not valid.all():
        inside = cv2.erode(valid.astype(np.uint8), np.ones((9, 9), np.uint8), borderValue=1).astype(
            bool
        )
    if floor is None:
        floor = median_gradient(power, inside)
    power += np.float32(floor * floor)
    np.sqrt(power, out=power)
    out = np.empty(grey.shape, np.complex64)
    np.divide(dx, power, out=out.real)
    np.divide(dy, power, out=out.imag)
    out[~inside] = 0
    return out


def median_gradient(power: NDArray[np.float32], inside: NDArray[np.bool_]) -> float:
    """Return the median gradient, never less than what noise makes."""
    sample = power[::2, ::2][inside[::2, ::2]]
    median = math.sqrt(float(np.median(sample))) if sample.size else 0.0
    return max(_NOISE_LEVEL, median)


def luminance(ortho: Ortho) -> NDArray[np.float32]:
    """Return grey values, float32, shape ``(rows, cols)``."""
    return cv2.cvtColor(ortho.rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)


def taper(size_px: int) -> NDArray[np.float32]:
    """Return a Hann window, float32, shape ``(size_px, size_px)``, zero just outside."""
    edge = np.hanning(size_px + 2)[1:-1]
    return np.outer(edge, edge).astype(np.float32)


def correlate(after: NDArray[np.complex64], before: NDArray[np.complex64]) -> NDArray[np.float32]:
    """Correlate patches with larger surroundings.

    Args:
        after: shape ``(n, size, size)``, tapered.
        before: shape ``(n, size + 2 * reach, size + 2 * reach)``, same centres.

    Returns:
        float32, shape ``(n, 2 * reach + 1, 2 * reach + 1)``; entry ``[i, reach + dy, reach + dx]``
        tells how well ``after`` fits ``before`` shifted by ``(dx, dy)`` pixels.
    """
    size, wide = after.shape[-1], before.shape[-1]
    side = fft.next_fast_len(wide)
    padded = np.zeros((2, len(after), side, side), np.complex64)
    padded[0, :, :wide, :wide] = before
    padded[1, :, :size, :size] = after
    spectrum, other = fft.fft2(padded, overwrite_x=True)
    spectrum *= np.conj(other)
    surface = fft.ifft2(spectrum, overwrite_x=True)
    span = wide - size + 1
    return np.ascontiguousarray(surface[:, :span, :span].real)


def peaks(
    surface: NDArray[np.float32], count: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Find the highest peaks of one correlation surface, to a part of a pixel.

    Args:
        surface: shape ``(2 * reach + 1, 2 * reach + 1)``.
        count: how many to find.

    Returns:
        ``dx_px``, ``dy_px``, ``height``, each of shape ``(count,)``; NaN (height 0) where there are
        fewer. Peaks on the border do not count: the true one may lie beyond.
    """
    reach = surface.shape[0] // 2
    dx, dy = np.full(count, np.nan), np.full(count, np.nan)
    height = np.zeros(count)
    left = surface.copy()
    found = 0
    for _ in range(2 * count):
        row, col = divmod(int(left.argmax()), left.shape[1])
        top = float(left[row, col])
        if found == count or top <= 0:
            break
        r = _PEAK_RADIUS_PX
        left[max(row - r, 0) : row + r + 1, max(col - r, 0) : col + r + 1] = -np.inf
        if not (0 < row < 2 * reach and 0 < col < 2 * reach):
            continue
        shift = _parabola(surface[row - 1 : row + 2, col - 1 : col + 2])
        if shift is None:
            continue
        dx[found], dy[found] = col + shift[0] - reach, row + shift[1] - reach
        height[found] = top
        found += 1
    return dx, dy, height


def _parabola(z: NDArray[np.float32]) -> tuple[float, float] | None:
    """Vertex of the least-squares paraboloid through 3×3 values; None where there is none."""
    v = z.astype(np.float64)
    gx = (v[:, 2] - v[:, 0]).sum() / 6
    gy = (v[2] - v[0]).sum() / 6
    gxx = (v[:, 0] - 2 * v[:, 1] + v[:, 2]).sum() / 3
    gyy = (v[0] - 2 * v[1] + v[2]).sum() / 3
    gxy = (v[0, 0] + v[2, 2] - v[0, 2] - v[2, 0]) / 4
    det = gxx * gyy - gxy * gxy
    if gxx >= 0 or gyy >= 0 or det <= 0:
        return None
    x, y = (gxy * gy - gyy * gx) / det, (gxy * gx - gxx * gy) / det
    if abs(x) > 1 or abs(y) > 1:
        return None
    return float(x), float(y)


def match_grid(
    before: SurveyRaster,
    after: SurveyRaster,
    grid: Grid,
    *,
    displacement: Displacement,
    spacing_px: int,
    patch_px: int = PATCH_PX,
    search_px: int = SEARCH_PX,
    workers: int = 1,
    progress: Callable[[float], None] | None = None,
) -> Matches:
    """Match patches on a regular lattice over ``grid``.

    Args:
        before: the earlier survey.
        after: the later survey.
        grid: where and how finely to look.
        displacement: later to earlier ground coordinates, as far as it is known.
        spacing_px: distance of the patches.
        patch_px: side of a patch.
        search_px: how far beyond ``displacement`` to look.
        workers: threads.
        progress: called with 0 to 1.

    Returns:
        Every place with enough data in both surveys and some texture.
    """
    rows = _centres(grid.height, spacing_px, patch_px)
    cols = _centres(grid.width, spacing_px, patch_px)
    # A strip holds several patches: one read, one gradient.
    per_strip = max(1, (_STRIP_PX - patch_px) // spacing_px + 1)
    if spacing_px > 2 * patch_px:
        per_strip = 1
    # Tall jobs, as a tile row that two threads share is decoded twice; enough for all threads.
    rows_per_job = max(1, min(2048 // spacing_px, math.ceil(len(rows) / (4 * workers))))
    jobs = [rows[i : i + rows_per_job] for i in range(0, len(rows), rows_per_job)]
    window = taper(patch_px)

    def work(job: NDArray[np.int64]) -> list[NDArray[np.float64]]:
        return [
            _match_strip(
                before,
                after,
                grid,
                row=int(row),
                cols=cols[i : i + per_strip],
                displacement=displacement,
                window=window,
                search_px=search_px,
            )
            for row in job
            for i in range(0, len(cols), per_strip)
        ]

    parts: list[NDArray[np.float64]] = []
    with ThreadPoolExecutor(max_workers=workers) as pool:
        for done, strips in enumerate(pool.map(work, jobs), 1):
            parts.extend(strips)
            if progress is not None:
                progress(done / len(jobs))
    table = np.concatenate(parts) if parts else np.empty((0, 2 + 3 * CANDIDATES))
    k = CANDIDATES
    return Matches(
        table[:, 0],
        table[:, 1],
        table[:, 2 : 2 + k],
        table[:, 2 + k : 2 + 2 * k],
        table[:, 2 + 2 * k :],
    )


def _centres(length_px: int, spacing_px: int, patch_px: int) -> NDArray[np.int64]:
    """Patch centres along one side; the outer patches reach past the edge, to know it better."""
    first = min(patch_px // 4, length_px // 2)
    last = max(first, length_px - first)
    count = max(1, math.ceil((last - first) / spacing_px) + 1)
    return np.round(np.linspace(first, last, count)).astype(np.int64)


def _match_strip(
    before: SurveyRaster,
    after: SurveyRaster,
    grid: Grid,
    *,
    row: int,
    cols: NDArray[np.int64],
    displacement: Displacement,
    window: NDArray[np.float32],
    search_px: int,
) -> NDArray[np.float64]:
    """Match the patches centred on ``cols`` of one row; rows of x, y, dx…, dy…, score…."""
    size = window.shape[0]
    half = size // 2
    strip = Window(row - half, int(cols[0]) - half, size, int(cols[-1] - cols[0]) + size)
    nothing = np.empty((0, 2 + 3 * CANDIDATES))
    late = after.read_ortho(grid, strip)
    if not late.valid.any():
        return nothing
    early = before.read_ortho(grid, strip.grown(search_px), displacement=displacement)
    if not early.valid.any():
        return nothing
    a = orientation(luminance(late), late.valid)
    b = orientation(luminance(early), early.valid)
    starts = (cols - cols[0]).astype(int)
    inner = early.valid[search_px:-search_px, search_px:-search_px]
    least = _MIN_VALID_SHARE * size * size
    both = late.valid & inner
    fit = [s for s in starts if np.count_nonzero(both[:, s : s + size]) >= least]
    if not fit:
        return nothing
    wide = size + 2 * search_px
    patches = np.stack([a[:, s : s + size] for s in fit]) * window
    around = np.stack([b[:, s : s + wide] for s in fit])
    surface = correlate(patches, around)
    # Energy of what lies under the taper, so that a strong edge nearby does not win by itself.
    energy_a = (np.square(patches.real) + np.square(patches.imag)).sum(axis=(1, 2))
    side = size // 2 + 1
    power = cv2.boxFilter(np.square(b.real) + np.square(b.imag), -1, (side, side))
    span = 2 * search_px + 1
    local = np.stack([power[half : half + span, s + half : s + half + span] for s in fit])
    energy_b = local * float(np.square(window).sum())
    norm = np.sqrt(np.maximum(energy_a[:, None, None] * energy_b, 1e-6))
    surface /= norm.astype(np.float32) + np.float32(1e-3)
    found = []
    for s, plane in zip(fit, surface, strict=True):
        dx_px, dy_px, height = peaks(plane, CANDIDATES)
        if math.isnan(dx_px[0]):
            continue
        # What was measured lies where the data is: at its middle, not the patch's.
        col, row_in = _centroid(window, both[:, s : s + size])
        x_m = grid.x0_m + (strip.col + s + col) * grid.gsd_m
        y_m = grid.y0_m - (strip.row + row_in) * grid.gsd_m
        found.append((x_m, y_m, dx_px, dy_px, height))
    if not found:
        return nothing
    x, y = np.array([f[0] for f in found]), np.array([f[1] for f in found])
    # The earlier survey was read through the displacement: the peak says where to ask it.
    ask_x = x[:, None] + np.stack([f[2] for f in found]) * grid.gsd_m
    ask_y = y[:, None] - np.stack([f[3] for f in found]) * grid.gsd_m
    to_x, to_y = displacement(ask_x, ask_y)
    heights = np.stack([f[4] for f in found])
    return np.column_stack([x, y, to_x - x[:, None], to_y - y[:, None], heights])


def _centroid(window: NDArray[np.float32], valid: NDArray[np.bool_]) -> tuple[float, float]:
    """Middle (col, row) of a tapered patch's data, counted from the patch's outer corner."""
    size = window.shape[0]
    if valid.all():
        return size / 2, size / 2
    weight = window * valid
    at = np.arange(size) + 0.5
    total = float(weight.sum())
    return float(weight.sum(axis=0) @ at) / total, float(weight.sum(axis=1) @ at) / total
