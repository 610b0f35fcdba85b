"""Smooth maps from one survey's ground coordinates to another's, and fitting them robustly.

A map is an affine part plus a lattice of uniform cubic B-splines with a penalty on its second
differences (P-splines: Eilers and Marx, Statistical Science 11, 1996). A slight pull to zero makes
the local part fade where there are no points.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.sparse.linalg import splu
from scipy.spatial import cKDTree

from vision.survey.grid import Bounds

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

# Pull of the local part to zero, as a share of its smoothing: it fades over about four nodes.
_FADE = 3e-3
_STRENGTHS = tuple(10.0**e for e in (-2.5, -2, -1.5, -1, -0.5, 0, 1, 3))
_FOLDS = 4
_MARGIN_NODES = 3
# How far a point may lie from what the others say, round by round. Wide at first: at an edge or on
# the crest of a wave the others say it badly until the points there take part.
_LIMITS_PX = (4.0, 3.0, 2.0, 1.5)
# Standard deviations of what one survey's georeference is off by: turn and scale, shear.
_LIKELY_TURN = 0.006
_LIKELY_SHEAR = 0.001


@dataclass(frozen=True, slots=True)
class AffineMap:
    """``centre + offset + matrix @ (point - centre)``, in metres.

    Attributes:
        centre_m: x, y of the fixed point of ``matrix``.
        offset_m: x, y added.
        matrix: ``((xx, xy), (yx, yy))``.
    """

    centre_m: tuple[float, float]
    offset_m: tuple[float, float] = (0.0, 0.0)
    matrix: tuple[tuple[float, float], tuple[float, float]] = ((1.0, 0.0), (0.0, 1.0))

    def __call__(self, x_m: Floats, y_m: Floats) -> tuple[Floats, Floats]:
        """Map coordinates of any shape."""
        (xx, xy), (yx, yy) = self.matrix
        x, y = x_m - self.centre_m[0], y_m - self.centre_m[1]
        return (
            self.centre_m[0] + self.offset_m[0] + xx * x + xy * y,
            self.centre_m[1] + self.offset_m[1] + yx * x + yy * y,
        )

    @property
    def rotation_deg(self) -> float:
        """Turn, anticlockwise positive."""
        (xx, xy), (yx, yy) = self.matrix
        return math.degrees(math.atan2(yx - xy, xx + yy))

    @property
    def scale(self) -> float:
        """Mean scale: the root of the area's scale."""
        (xx, xy), (yx, yy) = self.matrix
        return math.sqrt(abs(xx * yy - xy * yx))


@dataclass(frozen=True, slots=True)
class SmoothWarp:
    """An affine map plus a local correction that fades to zero outside its lattice.

    Attributes:
        affine: the affine part.
        x0_m: x of the lattice's first column.
        y0_m: y of its first row; rows run north.
        pitch_m: distance of its nodes.
        coefficients: float64, shape ``(2, rows, cols)``; B-spline coefficients of dx and dy in
            metres.
    """

    affine: AffineMap
    x0_m: float
    y0_m: float
    pitch_m: float
    coefficients: Floats

    def __call__(self, x_m: Floats, y_m: Floats) -> tuple[Floats, Floats]:
        """Map coordinates of any shape."""
        to_x, to_y = self.affine(x_m, y_m)
        dx, dy = self.local(x_m, y_m)
        return to_x + dx, to_y + dy

    def local(self, x_m: Floats, y_m: Floats) -> tuple[Floats, Floats]:
        """Return the correction beyond the affine part, in metres."""
        shape = np.shape(x_m)
        at = np.stack([np.ravel(y_m) - self.y0_m, np.ravel(x_m) - self.x0_m]) / self.pitch_m
        dx, dy = (
            ndimage.map_coordinates(c, at, order=3, mode="grid-constant", prefilter=False)
            for c in self.coefficients
        )
        return dx.reshape(shape), dy.reshape(shape)


@dataclass(frozen=True, slots=True)
class WarpFit:
    """A fitted warp and what became of each point.

    Attributes:
        warp: the map.
        kept: bool, shape ``(n,)``.
        choice: int64, shape ``(n,)``; which candidate of each point was used.
        residual_m: float64, shape ``(n,)``; distance from the warp fitted without the point.
    """

    warp: SmoothWarp
    kept: Bools
    choice: NDArray[np.int64]
    residual_m: Floats


def fit_affine(
    x_m: Floats,
    y_m: Floats,
    d_m: Floats,
    *,
    weight: Floats,
    centre_m: tuple[float, float],
    noise_m: float,
) -> AffineMap:
    """Fit an affine map to shifts by weighted least squares.

    Args:
        x_m: shape ``(n,)``.
        y_m: shape ``(n,)``.
        d_m: shape ``(n, 2)``; shifts.
        weight: shape ``(n,)``.
        centre_m: where the offset is told.
        noise_m: standard deviation of one shift; against it stands what is known beforehand of
            surveys' turn, scale and shear, so that few points or points in a row invent none.
    """
    x, y = x_m - centre_m[0], y_m - centre_m[1]
    radius = max(float(np.sqrt(np.average(x * x + y * y, weights=weight + 1e-12))), 1.0)
    x, y = x / radius, y / radius
    one, zero = np.ones_like(x), np.zeros_like(x)
    # Unknowns: offset x, y; scale; turn; stretch; shear.
    rows_x = np.stack([one, zero, x, -y, x, y], axis=1)
    rows_y = np.stack([zero, one, y, x, -y, x], axis=1)
    w = weight[:, None]
    normal = rows_x.T @ (rows_x * w) + rows_y.T @ (rows_y * w)
    right = rows_x.T @ (weight * d_m[:, 0]) + rows_y.T @ (weight * d_m[:, 1])
    typical = float(np.square(weight).sum() / max(weight.sum(), 1e-12)) + 1e-12
    known = noise_m / (
        radius * np.array([_LIKELY_TURN, _LIKELY_TURN, _LIKELY_SHEAR, _LIKELY_SHEAR])
    )
    normal += np.diag([1e-9, 1e-9, *known**2]) * typical
    ox, oy, scale, turn, stretch, shear = np.linalg.solve(normal, right)
    matrix = (
        (1 + (scale + stretch) / radius, (shear - turn) / radius),
        ((shear + turn) / radius, 1 + (scale - stretch) / radius),
    )
    return AffineMap(centre_m, (float(ox), float(oy)), _as_floats(matrix))


def _as_floats(
    m: tuple[tuple[float, float], tuple[float, float]],
) -> tuple[tuple[float, float], tuple[float, float]]:
    return (float(m[0][0]), float(m[0][1])), (float(m[1][0]), float(m[1][1]))


def tukey(residual: Floats, scale: float) -> Floats:
    """Tukey's biweight at 4.685 robust standard deviations."""
    u = residual / (4.685 * scale)
    return np.where(u < 1, (1 - u * u) ** 2, 0.0)


def fit_affine_robust(
    x_m: Floats,
    y_m: Floats,
    d_m: Floats,
    *,
    weight: Floats,
    centre_m: tuple[float, float],
    least_scale_m: float,
    start: AffineMap,
) -> tuple[AffineMap, Floats]:
    """Fit an affine map by reweighted least squares from a start near the truth.

    Returns:
        The map, and the final weights of shape ``(n,)``.
    """
    current = start
    w = weight
    scale = math.inf
    for _ in range(12):
        miss = _distance(current, x_m, y_m, d_m)
        # Rayleigh: the median distance is 1.18 standard deviations of one coordinate.
        scale = max(min(scale, float(np.median(miss)) / 1.18), least_scale_m)
        w = weight * tukey(miss, scale)
        if np.count_nonzero(w) < 3:
            break
        current = fit_affine(x_m, y_m, d_m, weight=w, centre_m=centre_m, noise_m=scale)
    return current, w


def _distance(warp: AffineMap | SmoothWarp, x_m: Floats, y_m: Floats, d_m: Floats) -> Floats:
    to_x, to_y = warp(x_m, y_m)
    return np.asarray(np.hypot(x_m + d_m[:, 0] - to_x, y_m + d_m[:, 1] - to_y))


class _Lattice:
    """B-spline lattice over some bounds, with its design matrix for given points."""

    def __init__(self, bounds: Bounds, pitch_m: float, x_m: Floats, y_m: Floats) -> None:
        margin = _MARGIN_NODES * pitch_m
        self.pitch_m = pitch_m
        self.x0_m, self.y0_m = bounds[0] - margin, bounds[1] - margin
        self.cols = math.ceil((bounds[2] - self.x0_m + margin) / pitch_m) + 1
        self.rows = math.ceil((bounds[3] - self.y0_m + margin) / pitch_m) + 1
        self.design = self._design(x_m, y_m)
        self.penalty = self._penalty()

    def _design(self, x_m: Floats, y_m: Floats) -> sparse.csr_array:
        iy, wy = _cubic((y_m - self.y0_m) / self.pitch_m)
        ix, wx = _cubic((x_m - self.x0_m) / self.pitch_m)
        n = len(x_m)
        index = (iy[:, :, None] * self.cols + ix[:, None, :]).reshape(n, 16)
        value = (wy[:, :, None] * wx[:, None, :]).reshape(n, 16)
        return sparse.csr_array(
            (value.ravel(), index.ravel(), np.arange(0, 16 * n + 1, 16)),
            shape=(n, self.rows * self.cols),
        )

    def _penalty(self) -> sparse.csr_array:
        def second(n: int) -> sparse.csr_array:
            return sparse.diags_array([1.0, -2.0, 1.0], offsets=[0, 1, 2], shape=(n - 2, n))

        def first(n: int) -> sparse.csr_array:
            return sparse.diags_array([-1.0, 1.0], offsets=[0, 1], shape=(n - 1, n))

        eye_r, eye_c = sparse.eye_array(self.rows), sparse.eye_array(self.cols)
        xx = sparse.kron(eye_r, second(self.cols))
        yy = sparse.kron(second(self.rows), eye_c)
        xy = sparse.kron(first(self.rows), first(self.cols))
        return sparse.csr_array(xx.T @ xx + yy.T @ yy + 2 * (xy.T @ xy))

    def solve(self, value: Floats, weight: Floats, strength: float) -> Floats:
        """Coefficients, shape ``(nodes, 2)``, for values of shape ``(n, 2)``."""
        weighted = self.design.T.multiply(weight).tocsr()
        normal = weighted @ self.design + self.penalty * strength
        normal = normal + sparse.eye_array(normal.shape[0]) * (_FADE * strength + 1e-6)
        factor = splu(normal.tocsc(), permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True})
        return np.asarray(factor.solve(weighted @ value))

    def warp(self, affine: AffineMap, coefficients: Floats) -> SmoothWarp:
        shaped = coefficients.T.reshape(2, self.rows, self.cols)
        return SmoothWarp(affine, self.x0_m, self.y0_m, self.pitch_m, np.ascontiguousarray(shaped))


def _cubic(u: Floats) -> tuple[NDArray[np.int64], Floats]:
    """Nodes and weights of the uniform cubic B-spline at positions ``u``, each ``(n, 4)``."""
    base = np.floor(u).astype(np.int64)
    t = u - base
    weights = np.stack(
        [
            (1 - t) ** 3 / 6,
            (3 * t**3 - 6 * t**2 + 4) / 6,
            (-3 * t**3 + 3 * t**2 + 3 * t + 1) / 6,
            t**3 / 6,
        ],
        axis=1,
    )
    return base[:, None] + np.arange(-1, 3), weights


def fit_warp(
    x_m: Floats,
    y_m: Floats,
    candidates_m: Floats,
    score: Floats,
    *,
    bounds: Bounds,
    pitch_m: float,
    pixel_m: float,
    start: AffineMap | SmoothWarp,
) -> WarpFit:
    """Fit a smooth warp to tie points, many of which may be wrong.

    Args:
        x_m: shape ``(n,)``.
        y_m: shape ``(n,)``.
        candidates_m: shape ``(n, k, 2)``; candidate shifts, NaN where there is none.
        score: shape ``(n, k)``; how good each candidate is, 0 to 1.
        bounds: the ground the warp is for.
        pitch_m: distance of the tie points, and so of the lattice.
        pixel_m: pixel the tie points were measured in.
        start: what was known before.
    """
    centre = ((bounds[0] + bounds[2]) / 2, (bounds[1] + bounds[3]) / 2)
    n = len(x_m)
    everyone = np.arange(n)
    choice = np.zeros(n, np.int64)
    d = candidates_m[everyone, choice]
    trust = np.clip(score[:, 0], 0.02, 0.6) ** 2
    second = np.where(np.isnan(candidates_m[:, 1, 0]), 0.0, score[:, 1])
    distinct = 1 - np.minimum(second / np.maximum(score[:, 0], 1e-6), 1)
    trust = trust * (0.02 + distinct)

    affine = start if isinstance(start, AffineMap) else start.affine
    kept = _agrees_with_neighbours(x_m, y_m, d, trust, affine, least_m=_LIMITS_PX[0] * pixel_m)
    if np.count_nonzero(kept) >= 6:
        affine, _ = fit_affine_robust(
            x_m[kept],
            y_m[kept],
            d[kept],
            weight=trust[kept],
            centre_m=centre,
            least_scale_m=0.5 * pixel_m,
            start=affine,
        )
    lattice = _Lattice(bounds, pitch_m, x_m, y_m)
    fold = np.random.default_rng(0).permutation(n) % _FOLDS
    strength = _STRENGTHS[-1]
    left_out = np.full(n, np.inf)
    weight = _levelled(np.where(kept, trust, 0.0))
    for turn, least_px in enumerate(_LIMITS_PX):
        values = d - _affine_shift(affine, x_m, y_m)
        if turn in (0, 2):
            at = _STRENGTHS.index(strength)
            tried = _STRENGTHS if turn == 0 else _STRENGTHS[max(at - 1, 0) : at + 2]
            strength = _best_strength(lattice, values, weight, fold, tried, cap_m=3 * pixel_m)
        predicted = _left_out(lattice, values, weight, fold, strength)
        # Each point may take the candidate nearest to what the others say.
        options = candidates_m - _affine_shift(affine, x_m, y_m)[:, None, :]
        miss = np.hypot(*np.moveaxis(options - predicted[:, None, :], -1, 0))
        miss = np.where(np.isnan(miss), np.inf, miss)
        choice = miss.argmin(axis=1)
        left_out = miss[everyone, choice]
        d = candidates_m[everyone, choice]
        core = np.sort(left_out[kept]) if kept.any() else np.sort(left_out)
        scale = max(float(core[len(core) // 2]) / 1.18, 0.12 * pixel_m) if n else pixel_m
        limit = min(max(4.0 * scale, least_px * pixel_m), _LIMITS_PX[0] * pixel_m)
        kept = left_out < limit
        weight = _levelled(np.where(kept, trust * tukey(left_out, limit / 4.685 * 1.2), 0.0))
        if not kept.any():
            break
        affine = fit_affine(
            x_m[kept], y_m[kept], d[kept], weight=weight[kept], centre_m=centre, noise_m=scale
        )
    values = d - _affine_shift(affine, x_m, y_m)
    warp = lattice.warp(affine, lattice.solve(np.nan_to_num(values), weight, strength))
    return WarpFit(warp, kept, choice, left_out)


def _levelled(weight: Floats) -> Floats:
    """Weights scaled to a mean of one, so that smoothing means the same on every pair."""
    total = float(weight.sum())
    return weight * (np.count_nonzero(weight) / total) if total > 0 else weight


def _affine_shift(affine: AffineMap, x_m: Floats, y_m: Floats) -> Floats:
    to_x, to_y = affine(x_m, y_m)
    return np.stack([to_x - x_m, to_y - y_m], axis=1)


def _agrees_with_neighbours(
    x_m: Floats,
    y_m: Floats,
    d_m: Floats,
    trust: Floats,
    affine: AffineMap,
    *,
    least_m: float,
) -> Bools:
    """Tell which points lie near the weighted median of their eight neighbours' shifts."""
    n = len(x_m)
    if n < 9:
        return np.ones(n, bool)
    rest = d_m - _affine_shift(affine, x_m, y_m)
    _, near = cKDTree(np.stack([x_m, y_m], axis=1)).query(np.stack([x_m, y_m], axis=1), k=9)
    near = near[:, 1:]
    median = np.stack([_weighted_median(rest[near, axis], trust[near]) for axis in (0, 1)], axis=1)
    miss = np.hypot(*(rest - median).T)
    # Half of the neighbourhoods of a matching pair agree: their spread sets the limit.
    limit = max(least_m, 2.5 * float(np.percentile(miss, 30)))
    return np.asarray(miss < limit)


def _weighted_median(values: Floats, weight: Floats) -> Floats:
    order = np.argsort(values, axis=1)
    total = np.cumsum(np.take_along_axis(weight, order, axis=1), axis=1)
    at = (total < total[:, -1:] / 2).sum(axis=1)
    return np.take_along_axis(np.take_along_axis(values, order, axis=1), at[:, None], axis=1)[:, 0]


def _left_out(
    lattice: _Lattice, values: Floats, weight: Floats, fold: NDArray[np.int64], strength: float
) -> Floats:
    """Predict each point's value from a fit without its fold, shape ``(n, 2)``."""
    out = np.zeros_like(values)
    for k in range(_FOLDS):
        held = fold == k
        if held.any():
            c = lattice.solve(values, np.where(held, 0.0, weight), strength)
            out[held] = lattice.design[held] @ c
    return out


def _best_strength(
    lattice: _Lattice,
    values: Floats,
    weight: Floats,
    fold: NDArray[np.int64],
    tried: tuple[float, ...],
    *,
    cap_m: float,
) -> float:
    """Return the smoothing that predicts left-out points best; the strongest for too few."""
    taking_part = weight > 0
    if np.count_nonzero(taking_part) < 8:
        return tried[-1]
    # One fold is sample enough on a large site, and a fit is dear there.
    few = np.count_nonzero(taking_part) < 150
    held = taking_part if few else taking_part & (fold == 0)
    errors = []
    for strength in tried:
        if few:
            predicted = _left_out(lattice, values, weight, fold, strength)
        else:
            fitted = lattice.solve(values, np.where(fold == 0, 0.0, weight), strength)
            predicted = lattice.design @ fitted
        miss = np.minimum(np.hypot(*(values - predicted)[held].T), cap_m)
        errors.append(float(np.average(miss**2, weights=weight[held])))
    return tried[int(np.argmin(errors))]
