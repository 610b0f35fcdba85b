"""Two surveys as one: windows of both on the working grid, aligned, in one tone and one datum."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS
from rasterio.features import rasterize
from shapely.geometry import box
from shapely.geometry.base import BaseGeometry

from vision.errors import BadRaster, NoOverlap
from vision.survey.change import PairWindow, smooth_colour_distance
from vision.survey.comparison import CompareOptions
from vision.survey.grid import Bounds, Grid, Window
from vision.survey.landcover import MAX_GSD_M, LandCover, SceneTone, classify, scene_tone
from vision.survey.radiometry import ToneMatch, fit_tone
from vision.survey.raster import Displacement, SurveyRaster
from vision.survey.surface import DatumShift, fit_datum

# Ground cover needs no finer pixels than this, and half the side costs a quarter of the time.
_COVER_GSD_M = 0.4
_OVERVIEW_SIDE_PX = 1400
_OVERVIEW_GSD_M = 1.0
_NOISE_SAMPLES = 24
_NOISE_SIDE_PX = 192
_LEAST_NOISE_PIXELS = 2000
_USUAL_NOISE = 1.0
# Windows start and end on multiples of this, so that steps at a half, a quarter … of the size fall
# on the same pixels in each: ground cover of 0.02 m pixels is told at a sixteenth.
_WINDOW_STEP_PX = 16


def even_window(window: Window) -> Window:
    """Return the least window around another that all looks at the ground take alike."""
    step = _WINDOW_STEP_PX
    row, col = window.row // step * step, window.col // step * step
    bottom = -(-(window.row + window.height) // step) * step
    right = -(-(window.col + window.width) // step) * step
    return Window(row, col, bottom - row, right - col)


def working_grid(
    before: SurveyRaster,
    after: SurveyRaster,
    *,
    options: CompareOptions,
    area: tuple[BaseGeometry, CRS] | None = None,
) -> Grid:
    """Return the grid over the ground that both surveys (and the area) cover.

    It is in the later survey's CRS where that is projected in metres, else in the UTM zone of its
    middle; its pixel is the working GSD, or the coarser survey's own where that is larger.

    Raises:
        NoOverlap: there is no such ground.
    """
    crs = working_crs(after)
    first, second = before.bounds_in(crs), after.bounds_in(crs)
    shared = _intersection(first, second)
    if shared is None:
        raise NoOverlap(
            f"The surveys do not overlap: {before.info.path.name} covers {_km(first)}, "
            f"{after.info.path.name} covers {_km(second)} (in {crs.name}). Check that both show "
            "the same site and that each names its right coordinate reference system."
        )
    if area is not None:
        wanted = _intersection(shared, area[0].bounds)
        if wanted is None:
            raise NoOverlap(
                "The area of interest lies outside the ground that both surveys cover. Check the "
                "area's coordinates (GeoJSON is longitude, latitude in WGS-84)."
            )
        shared = wanted
    gsd_m = max(options.working_gsd_m, before.info.gsd_m, after.info.gsd_m)
    return Grid.covering(crs, shared, gsd_m)


def working_crs(after: SurveyRaster) -> CRS:
    """Return the CRS to work in: the survey's own if projected in metres, else its UTM zone."""
    crs = after.info.crs
    if crs.is_projected and crs.axis_info and crs.axis_info[0].unit_conversion_factor == 1.0:
        return crs
    west, south, east, north = after.bounds_in(CRS.from_epsg(4326))
    lon, lat = (west + east) / 2, (south + north) / 2
    zone = min(60, max(1, math.floor((lon + 180) / 6) + 1))
    return CRS.from_epsg((32600 if lat >= 0 else 32700) + zone)


def _intersection(a: Bounds, b: Bounds) -> Bounds | None:
    left, bottom = max(a[0], b[0]), max(a[1], b[1])
    right, top = min(a[2], b[2]), min(a[3], b[3])
    return (left, bottom, right, top) if right > left and top > bottom else None


def _km(bounds: Bounds) -> str:
    return f"x {bounds[0]:.0f}–{bounds[2]:.0f}, y {bounds[1]:.0f}–{bounds[3]:.0f}"


@dataclass(frozen=True, slots=True)
class Overview:
    """Both surveys whole, on a coarse grid, before tones are matched."""

    grid: Grid
    before: NDArray[np.uint8]
    after: NDArray[np.uint8]
    valid: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class SurveyPair:
    """Two surveys of the same ground, ready to be read window by window.

    Attributes:
        grid: the working grid.
        before, after: the orthophotos.
        before_dsm, after_dsm: the surface models, both or neither.
        displacement: where the earlier survey shows the ground.
        area: area of interest in the working CRS; None for everything.
        tone: the earlier survey's colours to the later one's.
        tone_after: the later survey's own tone, for telling ground cover.
        datum: the vertical shift of the later DSM; None without DSMs.
        colour_noise: the colour distance that seven tenths of the ground stay below.
    """

    grid: Grid
    before: SurveyRaster
    after: SurveyRaster
    before_dsm: SurveyRaster | None
    after_dsm: SurveyRaster | None
    displacement: Displacement | None
    area: BaseGeometry | None
    tone: ToneMatch
    tone_after: SceneTone
    datum: DatumShift | None
    colour_noise: float

    @property
    def has_heights(self) -> bool:
        """Whether both surveys have a surface model."""
        return self.datum is not None

    def read(self, window: Window, *, grid: Grid | None = None) -> PairWindow:
        """Read a window of both surveys and tell its ground cover.

        Args:
            window: the part wanted; may reach outside the grid.
            grid: another grid over the same ground; the working grid by default.

        Raises:
            BadRaster: a file's pixels cannot be decoded.
        """
        grid = grid or self.grid
        before = self.before.read_ortho(grid, window, displacement=self.displacement)
        after = self.after.read_ortho(grid, window)
        valid = before.valid & after.valid
        if self.area is not None:
            valid &= area_mask(self.area, grid, window)
        before_m = after_m = None
        height_noise_m = 0.0
        if self.before_dsm is not None and self.after_dsm is not None and self.datum is not None:
            before_m = self.before_dsm.read_surface(
                grid, window, displacement=self.displacement
            ).height_m
            later_m = self.after_dsm.read_surface(grid, window).height_m
            after_m = self.datum.remove(later_m, grid, window)
            height_noise_m = self.datum.report.noise_m
        matched = self.tone.apply(before.rgb, grid, window)
        return PairWindow(
            before=matched,
            after=after.rgb,
            valid=valid,
            before_m=before_m,
            after_m=after_m,
            # In the later survey's colours the same ground gets the same class on both dates.
            cover_before=_cover(matched, grid.gsd_m, self.tone_after),
            cover_after=_cover(after.rgb, grid.gsd_m, self.tone_after),
            gsd_m=grid.gsd_m,
            colour_noise=self.colour_noise,
            height_noise_m=height_noise_m,
        )


def make_pair(
    grid: Grid,
    before: SurveyRaster,
    after: SurveyRaster,
    *,
    before_dsm: SurveyRaster | None,
    after_dsm: SurveyRaster | None,
    displacement: Displacement | None,
    area: BaseGeometry | None,
) -> SurveyPair:
    """Look at both aligned surveys as a whole and fit tone and datum.

    Raises:
        NoOverlap: the surveys, or their DSMs, share no ground that has data.
        BadRaster: a file's pixels cannot be decoded.
    """
    overview = read_overview(grid, before, after, displacement=displacement, area=area)
    datum = None
    if before_dsm is not None and after_dsm is not None:
        for dsm in (before_dsm, after_dsm):
            if _intersection(dsm.bounds_in(grid.crs), grid.bounds) is None:
                raise NoOverlap(
                    f"{dsm.info.path}: the DSM lies outside the compared ground. Check that it "
                    "belongs to its orthophoto and names the right coordinate reference system."
                )
        low = before_dsm.read_surface(
            overview.grid, overview.grid.whole, displacement=displacement
        ).height_m
        high = after_dsm.read_surface(overview.grid, overview.grid.whole).height_m
        datum = fit_datum(low, high, grid=overview.grid)
    tone = fit_tone(overview.before, overview.after, overview.valid, grid=overview.grid)
    tone_after = scene_tone(overview.after, overview.valid)
    return SurveyPair(
        grid=grid,
        before=before,
        after=after,
        before_dsm=before_dsm,
        after_dsm=after_dsm,
        displacement=displacement,
        area=area,
        tone=tone,
        tone_after=tone_after,
        datum=datum,
        colour_noise=_colour_noise(grid, before, after, displacement, tone, tone_after),
    )


def _colour_noise(
    grid: Grid,
    before: SurveyRaster,
    after: SurveyRaster,
    displacement: Displacement | None,
    tone: ToneMatch,
    tone_after: SceneTone,
) -> float:
    """Measure how far colours lie apart on samples over the whole ground.

    Plants and shadows change with the season and the hour, so ground without them is looked at
    where there is enough. Less than three tenths of it are taken to have changed; the rest tells
    how well light and alignment were taken out.
    """
    steady: list[NDArray[np.float32]] = []
    any_ground: list[NDArray[np.float32]] = []
    step = max(1, math.ceil(math.sqrt(grid.width * grid.height / _NOISE_SAMPLES)))
    for row in range(step // 2, grid.height, step):
        for col in range(step // 2, grid.width, step):
            half = _NOISE_SIDE_PX // 2
            window = Window(row - half, col - half, _NOISE_SIDE_PX, _NOISE_SIDE_PX)
            first = before.read_ortho(grid, window, displacement=displacement)
            second = after.read_ortho(grid, window)
            valid = first.valid & second.valid
            if valid.mean() < 0.5:
                continue
            matched = tone.apply(first.rgb, grid, window)
            distance = smooth_colour_distance(matched, second.rgb, gsd_m=grid.gsd_m)
            bare = valid.copy()
            for rgb in (matched, second.rgb):
                cover = _cover(rgb, grid.gsd_m, tone_after)
                bare &= (cover.vegetation < 0.3) & (cover.shadow < 0.3) & (cover.net < 0.3)
            steady.append(distance[bare][::7])
            any_ground.append(distance[valid][::7])
    for samples in (steady, any_ground):
        seen = np.concatenate(samples) if samples else np.zeros(0, np.float32)
        if len(seen) >= _LEAST_NOISE_PIXELS:
            return float(np.percentile(seen, 70))
    return _USUAL_NOISE


def read_overview(
    grid: Grid,
    before: SurveyRaster,
    after: SurveyRaster,
    *,
    displacement: Displacement | None,
    area: BaseGeometry | None,
) -> Overview:
    """Read both surveys whole at a coarse pixel size.

    Raises:
        NoOverlap: there is no pixel where both have data.
    """
    longest_m = max(grid.width, grid.height) * grid.gsd_m
    coarse = grid.coarser(max(grid.gsd_m, _OVERVIEW_GSD_M, longest_m / _OVERVIEW_SIDE_PX))
    first = before.read_ortho(coarse, coarse.whole, displacement=displacement)
    second = after.read_ortho(coarse, coarse.whole)
    for survey, seen in ((before, first.valid), (after, second.valid)):
        if not seen.any():
            raise BadRaster(
                f"{survey.info.path}: has no data at all on the ground that both surveys cover: "
                "every pixel there is marked as no data. Export it again with its data, or mend "
                "its nodata value or alpha band."
            )
    valid = first.valid & second.valid
    if area is not None:
        valid &= area_mask(area, coarse, coarse.whole)
    if not valid.any():
        raise NoOverlap(
            "The surveys share no ground on which both have data (inside the area of interest, "
            "if one is given). Their frames overlap, their pictures do not."
        )
    return Overview(coarse, first.rgb, second.rgb, valid)


def area_mask(area: BaseGeometry, grid: Grid, window: Window) -> NDArray[np.bool_]:
    """Return which pixels of a window have their centre inside an area."""
    transform: Affine = grid.window_transform(window)
    corner = transform @ Affine.translation(window.width, window.height)
    frame = box(transform.c, corner.f, corner.c, transform.f)
    if area.contains(frame):
        return np.ones((window.height, window.width), np.bool_)
    if not area.intersects(frame):
        return np.zeros((window.height, window.width), np.bool_)
    burnt = rasterize(
        [(area, 1)], out_shape=(window.height, window.width), transform=transform, dtype="uint8"
    )
    return np.asarray(burnt, np.uint8) > 0


def _cover(rgb: NDArray[np.uint8], gsd_m: float, tone: SceneTone) -> LandCover:
    """Ground cover of a window, told at the pixel size nearest to 0.4 m by halving or doubling."""
    rows, cols = rgb.shape[:2]
    factor = 1.0
    while gsd_m * factor <= _COVER_GSD_M * 0.75:
        factor *= 2
    while gsd_m * factor > MAX_GSD_M:
        factor /= 2
    if factor == 1.0:
        return classify(rgb, gsd_m=gsd_m, tone=tone)
    size = (max(1, round(cols / factor)), max(1, round(rows / factor)))
    how = cv2.INTER_AREA if factor > 1 else cv2.INTER_LINEAR
    resized = np.asarray(cv2.resize(rgb, size, interpolation=how), np.uint8)
    cover = classify(resized, gsd_m=gsd_m * factor, tone=tone)

    def back(values: NDArray[np.float32]) -> NDArray[np.float32]:
        how = cv2.INTER_LINEAR if factor > 1 else cv2.INTER_AREA
        return np.asarray(cv2.resize(values, (cols, rows), interpolation=how), np.float32)

    return LandCover(
        soil=back(cover.soil),
        vegetation=back(cover.vegetation),
        shadow=back(cover.shadow),
        net=back(cover.net),
        water=back(cover.water),
    )
