"""Laying the earlier survey onto the later one: coarse search, tie points, smooth warp."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vision.errors import AlignmentFailed
from vision.survey.coarse import find_coarse, overview_grid
from vision.survey.comparison import AlignmentReport, CompareOptions, TiePoint
from vision.survey.grid import Grid
from vision.survey.raster import SurveyRaster
from vision.survey.tiepoints import PATCH_PX, SEARCH_PX, Matches, match_grid
from vision.survey.warp import AffineMap, SmoothWarp, WarpFit, fit_warp

# What a smooth local distortion may add up to, in metres.
_LOCAL_M = 1.5
_POINTS = 1500
# Distortion 120 m long needs a point at least this often.
_MAX_SPACING_M = 45.0
_MIN_SPACING_PX = 48
_MIN_KEPT = 4
_MIN_KEPT_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class Alignment:
    """Where the earlier survey shows the ground of the later one, and how well that is known.

    Attributes:
        report: the figures.
        warp: later to earlier ground coordinates.
    """

    report: AlignmentReport
    warp: SmoothWarp | AffineMap

    def displacement(
        self, x_m: NDArray[np.float64], y_m: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Map ground coordinates of the later survey to where the earlier one shows them.

        Args:
            x_m: float64, any shape; working CRS.
            y_m: same shape.

        Returns:
            x and y, same shape.
        """
        return self.warp(x_m, y_m)


def align(
    before: SurveyRaster,
    after: SurveyRaster,
    grid: Grid,
    *,
    options: CompareOptions,
    progress: Callable[[float], None] | None = None,
) -> Alignment:
    """Find where the earlier survey shows the ground of the later one.

    Args:
        before: the earlier survey.
        after: the later survey; its georeference stands.
        grid: the working grid over the ground both cover.
        options: ``max_shift_m``, ``max_residual_px``, ``force_alignment`` and ``workers`` apply.
        progress: called with 0 to 1.

    Raises:
        AlignmentFailed: the surveys do not match, unless ``options.force_alignment``.
        BadRaster: a file's pixels cannot be decoded.
    """
    tell = progress or _silent
    try:
        coarse = find_coarse(before, after, grid, options.max_shift_m)
        tell(0.1)
        fit, matches = _refine(before, after, grid, coarse, options, tell)
        report = _report(grid, fit, matches)
        _check(report, options)
    except AlignmentFailed:
        if not options.force_alignment:
            raise
        tell(1.0)
        return _unmatched(grid)
    tell(1.0)
    return Alignment(report, fit.warp)


def _silent(_: float) -> None:
    return None


def _refine(
    before: SurveyRaster,
    after: SurveyRaster,
    grid: Grid,
    coarse: AffineMap,
    options: CompareOptions,
    tell: Callable[[float], None],
) -> tuple[WarpFit, Matches]:
    """Fit the warp to tie points of the working grid, by way of coarser ones where it is fine."""
    gsds = [grid.gsd_m]
    while gsds[0] * SEARCH_PX < 1.6 * _LOCAL_M:
        gsds.insert(0, gsds[0] * 4)
    current: AffineMap | SmoothWarp = coarse
    known_m = overview_grid(grid).gsd_m
    share = 0.85 / len(gsds)
    for i, gsd in enumerate(gsds):
        level = grid if gsd == grid.gsd_m else grid.coarser(gsd)
        spacing_m = _spacing(level)
        matches = match_grid(
            before,
            after,
            level,
            displacement=current,
            spacing_px=max(1, round(spacing_m / gsd)),
            patch_px=int(np.clip(min(level.width, level.height) // 3 * 2, 32, PATCH_PX)),
            search_px=int(np.clip(math.ceil((_LOCAL_M + 1.5 * known_m) / gsd), 6, SEARCH_PX)),
            workers=options.workers or os.cpu_count() or 1,
            progress=_part(tell, 0.1 + share * i, share),
        )
        if matches.count < _MIN_KEPT:
            raise AlignmentFailed(
                f"Only {matches.count} places have data and texture in both surveys; {_MIN_KEPT} "
                "are needed. Check that the surveys overlap with data, not only with their frames."
            )
        fit = fit_warp(
            matches.x_m,
            matches.y_m,
            np.stack([matches.dx_m, matches.dy_m], axis=-1),
            matches.score,
            bounds=grid.bounds,
            pitch_m=spacing_m,
            pixel_m=gsd,
            start=current,
        )
        current, known_m = fit.warp, gsd
    return fit, matches


def _part(tell: Callable[[float], None], start: float, share: float) -> Callable[[float], None]:
    return lambda done: tell(start + share * done)


def _spacing(grid: Grid) -> float:
    """Distance of tie points: 1,500 on a site, yet close enough for local distortion."""
    wanted = math.sqrt(grid.area_m2 / _POINTS)
    least = _MIN_SPACING_PX * grid.gsd_m
    return float(np.clip(wanted, least, max(_MAX_SPACING_M, 2 * least)))


def _report(grid: Grid, fit: WarpFit, matches: Matches) -> AlignmentReport:
    affine = fit.warp.affine
    kept = fit.kept
    rmse = local = 0.0
    if kept.any():
        rmse = float(np.sqrt(np.mean(fit.residual_m[kept] ** 2)))
        local = float(np.hypot(*fit.warp.local(matches.x_m[kept], matches.y_m[kept])).max())
    points = tuple(
        TiePoint(
            x_m=float(matches.x_m[i]),
            y_m=float(matches.y_m[i]),
            dx_m=float(matches.dx_m[i, chosen]),
            dy_m=float(matches.dy_m[i, chosen]),
            residual_m=float(fit.residual_m[i]),
            kept=bool(kept[i]),
        )
        for i, chosen in enumerate(fit.choice)
    )
    return AlignmentReport(
        matched=True,
        offset_x_m=affine.offset_m[0],
        offset_y_m=affine.offset_m[1],
        rotation_deg=affine.rotation_deg,
        scale=affine.scale,
        local_warp_max_m=local,
        tie_points_tried=matches.count,
        tie_points_kept=int(np.count_nonzero(kept)),
        residual_rmse_m=rmse,
        residual_rmse_px=rmse / grid.gsd_m,
        tie_points=points,
    )


def _check(report: AlignmentReport, options: CompareOptions) -> None:
    tried, kept = report.tie_points_tried, report.tie_points_kept
    if kept < max(_MIN_KEPT, _MIN_KEPT_SHARE * tried):
        raise AlignmentFailed(
            f"Of {tried} places tried, only {kept} agree on where the earlier survey lies. Check "
            "that both files show the same ground; force_alignment compares them as they are."
        )
    if report.residual_rmse_px > options.max_residual_px:
        raise AlignmentFailed(
            f"The surveys match only to {report.residual_rmse_m:.2f} m "
            f"({report.residual_rmse_px:.1f} working pixels; max_residual_px allows "
            f"{options.max_residual_px:g}). Check that both are orthophotos of the same ground, or "
            "work with a larger working_gsd_m."
        )


def _unmatched(grid: Grid) -> Alignment:
    """Leave the georeference as it is."""
    left, bottom, right, top = grid.bounds
    report = AlignmentReport(
        matched=False,
        offset_x_m=0.0,
        offset_y_m=0.0,
        rotation_deg=0.0,
        scale=1.0,
        local_warp_max_m=0.0,
        tie_points_tried=0,
        tie_points_kept=0,
        residual_rmse_m=0.0,
        residual_rmse_px=0.0,
    )
    return Alignment(report, AffineMap(((left + right) / 2, (bottom + top) / 2)))
