"""Alignment against known transforms, on generated ground."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pytest
import rasterio
from pyproj import CRS
from rasterio.transform import from_origin

from vision.errors import AlignmentFailed
from vision.survey.align import Alignment, align
from vision.survey.comparison import CompareOptions
from vision.survey.grid import Grid
from vision.survey.raster import SurveyRaster, open_ortho
from vision.survey.tiepoints import correlate, orientation, peaks, taper
from vision.survey.warp import AffineMap, SmoothWarp, fit_affine, fit_warp

UTM = CRS.from_epsg(32645)
X0, Y0 = 353_400.0, 3_058_000.0
GSD = 0.25
MARGIN_M = 12.0


@dataclass(frozen=True)
class Truth:
    """Later to earlier coordinates, exactly."""

    centre: tuple[float, float] = (0.0, 0.0)
    offset: tuple[float, float] = (0.0, 0.0)
    turn_deg: float = 0.0
    scale: float = 1.0
    wave_m: float = 0.0
    length_m: float = 120.0

    def __call__(self, x, y):
        dx, dy = x - self.centre[0], y - self.centre[1]
        c = self.scale * math.cos(math.radians(self.turn_deg))
        s = self.scale * math.sin(math.radians(self.turn_deg))
        k = 2 * math.pi / self.length_m
        return (
            self.centre[0] + self.offset[0] + c * dx - s * dy + self.wave_m * np.sin(k * dy + 1),
            self.centre[1] + self.offset[1] + s * dx + c * dy + self.wave_m * np.sin(k * dx + 2),
        )

    def inverse(self, x, y):
        at_x, at_y = x.copy(), y.copy()
        for _ in range(8):
            to_x, to_y = self(at_x, at_y)
            at_x, at_y = at_x + x - to_x, at_y + y - to_y
        return at_x, at_y


def ground(
    seed: int, width_m: float, height_m: float, *, gsd: float = GSD, contrast: float = 1.0
) -> np.ndarray:
    """Roofs, lanes and rough soil; float32 RGB 0–255 with a margin all around."""
    rng = np.random.default_rng(seed)
    cols, rows = (round((v + 2 * MARGIN_M) / gsd) for v in (width_m, height_m))
    picture = np.full((rows, cols, 3), 120, np.float32)
    for cell_m, strength in ((1.0, 8), (4.0, 12), (15.0, 15)):
        shape = (math.ceil(rows * gsd / cell_m) + 3, math.ceil(cols * gsd / cell_m) + 3)
        noise = rng.normal(0, strength, shape).astype(np.float32)
        picture += cv2.resize(noise, (cols, rows), interpolation=cv2.INTER_CUBIC)[..., None]
    for _ in range(round(rows * cols * gsd * gsd / 250)):
        middle = (float(rng.uniform(0, cols)), float(rng.uniform(0, rows)))
        sides = (float(rng.uniform(3, 12) / gsd), float(rng.uniform(3, 9) / gsd))
        corners = cv2.boxPoints((middle, sides, float(rng.uniform(0, 90))))
        colour = tuple(float(v) for v in rng.uniform(50, 220, 3))
        cv2.fillPoly(picture, [corners.astype(np.int32)], colour)
    # Roofs and lanes have a grain of their own.
    grain = rng.normal(0, 5, (rows // 3 + 1, cols // 3 + 1)).astype(np.float32)
    picture += cv2.resize(grain, (cols, rows), interpolation=cv2.INTER_CUBIC)[..., None]
    picture = 120 + contrast * (picture - 120)
    return cv2.GaussianBlur(picture, (0, 0), 0.8)


def relit(picture: np.ndarray, seed: int) -> np.ndarray:
    """The same ground by another camera on another day."""
    rng = np.random.default_rng(seed)
    cast = 1 + rng.uniform(-0.12, 0.12, 3)
    out = 255 * (np.clip(picture, 1, 255) / 255) ** rng.uniform(0.75, 1.3) * cast
    out = 0.85 * out + 30
    return out + rng.normal(0, 3, picture.shape)


def change(picture: np.ndarray, seed: int, share: float, gsd: float = GSD) -> np.ndarray:
    """Build over a share of the ground."""
    rng = np.random.default_rng(seed)
    rows, cols = picture.shape[:2]
    out = picture.copy()
    for _ in range(round(share * rows * cols * gsd * gsd / 200)):
        middle = (float(rng.uniform(0, cols)), float(rng.uniform(0, rows)))
        box = cv2.boxPoints((middle, (20 / gsd, 10 / gsd), float(rng.uniform(0, 90))))
        colour = tuple(float(v) for v in rng.uniform(30, 230, 3))
        cv2.fillPoly(out, [box.astype(np.int32)], colour)
    return out


def write(path: Path, picture: np.ndarray, gsd: float, valid: np.ndarray | None = None) -> Path:
    rgb = np.clip(picture, 0, 255).astype(np.uint8)
    rows, cols = rgb.shape[:2]
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=cols,
        height=rows,
        count=4,
        dtype="uint8",
        crs="EPSG:32645",
        transform=from_origin(X0, Y0, gsd, gsd),
        tiled=True,
        blockxsize=256,
        blockysize=256,
        compress="deflate",
        photometric="rgb",
        alpha="yes",
    ) as target:
        target.write(np.moveaxis(rgb, -1, 0), [1, 2, 3])
        seen = np.ones((rows, cols), bool) if valid is None else valid
        target.write(seen.astype(np.uint8) * 255, 4)
    return path


@dataclass
class Site:
    """Two surveys on disk, and the truth between them."""

    before: SurveyRaster
    after: SurveyRaster
    grid: Grid
    truth: Truth
    options: CompareOptions = field(default_factory=lambda: CompareOptions(workers=1))

    def align(self, **options: object) -> Alignment:
        return align(
            self.before,
            self.after,
            self.grid,
            options=self.options.model_copy(update=options),
        )

    def error_px(self, alignment: Alignment, edge_m: float = 1.0) -> np.ndarray:
        left, bottom, right, top = self.grid.bounds
        x, y = np.meshgrid(
            np.linspace(left + edge_m, right - edge_m, 60),
            np.linspace(bottom + edge_m, top - edge_m, 50),
        )
        to_x, to_y = alignment.displacement(x, y)
        true_x, true_y = self.truth(x, y)
        return np.hypot(to_x - true_x, to_y - true_y) / self.grid.gsd_m


@pytest.fixture(scope="module")
def make(tmp_path_factory) -> Iterator[Callable[..., Site]]:
    tmp_path = tmp_path_factory.mktemp("surveys")
    opened: list[SurveyRaster] = []

    def build(
        *,
        seed: int = 1,
        size_m: tuple[float, float] = (110.0, 90.0),
        gsd: float = GSD,
        truth: Truth | None = None,
        earlier: Callable[[np.ndarray], np.ndarray] = lambda p: p,
        later: Callable[[np.ndarray], np.ndarray] = lambda p: p,
        contrast: float = 1.0,
        hole: bool = False,
        other_place: bool = False,
    ) -> Site:
        width_m, height_m = size_m
        middle = (X0 + width_m / 2, Y0 - height_m / 2)
        true = truth or Truth()
        true = Truth(middle, true.offset, true.turn_deg, true.scale, true.wave_m, true.length_m)
        source = ground(seed, width_m, height_m, gsd=gsd, contrast=contrast)
        shown = (
            ground(seed + 1000, width_m, height_m, gsd=gsd, contrast=contrast)
            if other_place
            else source
        )
        rows, cols = round(height_m / gsd), round(width_m / gsd)
        pad = round(MARGIN_M / gsd)
        late = relit(later(source), seed + 1)[pad : pad + rows, pad : pad + cols]
        x, y = np.meshgrid(X0 + (np.arange(cols) + 0.5) * gsd, Y0 - (np.arange(rows) + 0.5) * gsd)
        ask_x, ask_y = true.inverse(x, y)
        early = cv2.remap(
            relit(earlier(shown), seed + 2).astype(np.float32),
            ((ask_x - X0) / gsd - 0.5 + pad).astype(np.float32),
            ((Y0 - ask_y) / gsd - 0.5 + pad).astype(np.float32),
            cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REPLICATE,
        )
        seen = None
        if hole:
            seen = np.ones((rows, cols), bool)
            seen[rows // 3 : rows // 2, cols // 4 : cols // 2] = False
            seen[:, : cols // 10] = False
            late[~seen] = 0
        before = open_ortho(write(tmp_path / f"before{len(opened)}.tif", early, gsd))
        after = open_ortho(write(tmp_path / f"after{len(opened)}.tif", late, gsd, seen))
        opened.extend((before, after))
        grid = Grid.covering(UTM, (X0, Y0 - height_m, X0 + width_m, Y0), gsd)
        return Site(before, after, grid, true)

    yield build
    for survey in opened:
        survey.close()


EVERYTHING = Truth(offset=(3.0, -4.0), turn_deg=0.5, scale=1.005, wave_m=0.4)


@pytest.fixture(scope="module")
def site(make) -> Site:
    """A pair with everything wrong at once."""
    return make(truth=EVERYTHING)


@pytest.fixture(scope="module")
def found(site) -> Alignment:
    return site.align()


@pytest.mark.parametrize(
    ("truth", "limit_px"),
    [
        (Truth(), 0.1),
        (Truth(offset=(-3.3, 2.1)), 0.15),
        (Truth(offset=(1.0, 1.0), turn_deg=-0.5, scale=0.995), 0.2),
        (Truth(wave_m=0.5), 0.35),
    ],
    ids=["as it is", "offset", "offset, turn, scale", "wave"],
)
def test_finds_known_transform(make, truth, limit_px):
    site = make(truth=truth)
    found = site.align()
    assert math.sqrt(float(np.mean(site.error_px(found) ** 2))) <= limit_px
    report = found.report
    assert report.matched
    assert report.residual_rmse_px <= 0.5
    assert report.residual_rmse_m == pytest.approx(report.residual_rmse_px * GSD)


def test_reports_what_the_earlier_georeference_is_off_by(make):
    report = make(truth=Truth(offset=(3.0, -4.0), turn_deg=0.4, scale=0.996)).align().report
    assert report.offset_x_m == pytest.approx(3.0, abs=0.05)
    assert report.offset_y_m == pytest.approx(-4.0, abs=0.05)
    assert report.rotation_deg == pytest.approx(0.4, abs=0.02)
    assert report.scale == pytest.approx(0.996, abs=0.0005)
    assert report.local_warp_max_m < 0.15


def test_reports_local_distortion(make):
    report = make(truth=Truth(wave_m=0.6)).align().report
    assert 0.3 < report.local_warp_max_m < 1.2


def test_everything_at_once(site, found):
    error = site.error_px(found)
    assert math.sqrt(float(np.mean(error**2))) <= 0.3
    assert float(error.max()) <= 2.0


def test_tie_points_tell_the_truth_where_they_are(site, found):
    report = found.report
    kept = [p for p in report.tie_points if p.kept]
    assert len(report.tie_points) == report.tie_points_tried
    assert len(kept) == report.tie_points_kept >= 20
    x, y = np.array([p.x_m for p in kept]), np.array([p.y_m for p in kept])
    to_x, to_y = site.truth(x, y)
    miss = np.hypot(
        np.array([p.dx_m for p in kept]) - (to_x - x), np.array([p.dy_m for p in kept]) - (to_y - y)
    )
    assert np.median(miss) < 0.3 * GSD
    rmse = math.sqrt(sum(p.residual_m**2 for p in kept) / len(kept))
    assert report.residual_rmse_m == pytest.approx(rmse)


def test_real_change_does_not_pull(make):
    site = make(
        truth=Truth(offset=(2.0, 3.0), turn_deg=0.3),
        later=lambda p: change(p, 5, 0.3),
        earlier=lambda p: change(p, 6, 0.15),
    )
    found = site.align()
    assert math.sqrt(float(np.mean(site.error_px(found) ** 2))) <= 0.35


def test_a_moved_thing_is_left_out(make):
    """A hall put up elsewhere on the plot must not drag its surroundings along."""

    def moved(picture):
        out = picture.copy()
        out[200:300, 200:330] = picture[206:306, 208:338]
        return out

    site = make(later=moved)
    found = site.align()
    assert float(site.error_px(found).max()) < 2.0
    assert any(not p.kept for p in found.report.tie_points)


def test_missing_data(make):
    site = make(truth=EVERYTHING, hole=True)
    found = site.align()
    assert float(np.sqrt(np.mean(site.error_px(found) ** 2))) <= 0.8
    assert float(np.median(site.error_px(found))) <= 0.3


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("size_m", [(60.0, 45.0), (110.0, 90.0)])
def test_refuses_another_place(make, seed, size_m):
    with pytest.raises(AlignmentFailed, match="same ground"):
        make(seed=seed, size_m=size_m, other_place=True).align()


def test_refuses_what_lies_too_far_off(make):
    site = make(truth=Truth(offset=(9.0, 0.0)))
    with pytest.raises(AlignmentFailed, match="max_shift_m"):
        site.align(max_shift_m=4.0)
    assert site.align(max_shift_m=15.0).report.offset_x_m == pytest.approx(9.0, abs=0.1)


def test_refuses_a_sliver(site):
    grid = Grid(UTM, X0, Y0, GSD, 200, 6)
    with pytest.raises(AlignmentFailed, match="too small"):
        align(site.before, site.after, grid, options=site.options)


def test_force_leaves_the_georeference(make):
    found = make(other_place=True).align(force_alignment=True)
    assert not found.report.matched
    assert found.report.tie_points_kept == 0
    x, y = np.array([X0, X0 + 55.5]), np.array([Y0, Y0 - 31.0])
    to_x, to_y = found.displacement(x, y)
    np.testing.assert_allclose(to_x, x)
    np.testing.assert_allclose(to_y, y)


def test_force_changes_nothing_where_surveys_match(site, found):
    assert site.align(force_alignment=True).report == found.report


@pytest.mark.parametrize("contrast", [0.3, 0.15])
def test_low_texture_is_matched(make, contrast):
    site = make(truth=Truth(offset=(2.0, -1.5), turn_deg=0.2), contrast=contrast)
    found = site.align()
    assert math.sqrt(float(np.mean(site.error_px(found) ** 2))) <= 0.5


@pytest.mark.parametrize(
    ("size_m", "gsd"),
    [((100.0, 80.0), 0.27), ((20.0, 72.0), 0.27), ((40.0, 30.0), 0.05)],
    ids=["small", "strip", "fine"],
)
def test_small_and_fine_sites(make, size_m, gsd):
    site = make(size_m=size_m, gsd=gsd, truth=Truth(offset=(1.5, -1.0), turn_deg=0.3))
    found = site.align()
    # Within the earlier survey's data: it lies 1.5 m further east.
    assert math.sqrt(float(np.mean(site.error_px(found, edge_m=2.0) ** 2))) <= 0.3


@pytest.mark.parametrize("workers", [1, 2, 0])
def test_same_result_every_time_and_with_threads(site, found, workers):
    again = site.align(workers=workers)
    assert again.report == found.report
    x, y = np.array([X0 + 50.0]), np.array([Y0 - 50.0])
    assert again.displacement(x, y) == found.displacement(x, y)


def test_progress_rises_to_one(site):
    seen: list[float] = []
    align(site.before, site.after, site.grid, options=site.options, progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    assert len(seen) >= 3


@pytest.mark.parametrize("shape", [(), (5,), (3, 4), (2, 0)])
def test_displacement_takes_any_shape(found, shape):
    to_x, to_y = found.displacement(np.full(shape, X0 + 40.0), np.full(shape, Y0 - 40.0))
    assert to_x.shape == to_y.shape == shape
    assert to_x.dtype == np.float64


def test_far_outside_the_map_is_affine(found):
    assert isinstance(found.warp, SmoothWarp)
    x, y = np.array([X0 - 5000.0]), np.array([Y0 + 5000.0])
    assert found.displacement(x, y) == found.warp.affine(x, y)


# ------------------------------------------------------------------------------------- pieces


@pytest.mark.parametrize(("dx", "dy"), [(0.0, 0.0), (3.4, -2.7), (-5.5, 0.25)])
def test_peak_is_found_to_a_part_of_a_pixel(dx, dy):
    source = ground(3, 60.0, 60.0).mean(axis=2)
    rows, cols = np.mgrid[0:160, 0:160].astype(np.float32)
    shifted = cv2.remap(source, cols + np.float32(40 - dx), rows + np.float32(40 - dy), 2)
    still = source[40:200, 40:200].copy()
    everywhere = np.ones((160, 160), bool)
    a = orientation(still, everywhere)[16:144, 16:144] * taper(128)
    b = orientation(shifted, everywhere)
    found_x, found_y, height = peaks(correlate(a[None], b[None])[0], 1)
    assert found_x[0] == pytest.approx(dx, abs=0.06)
    assert found_y[0] == pytest.approx(dy, abs=0.06)
    assert height[0] > 0


def test_affine_map_tells_turn_and_scale():
    turn, scale = math.radians(0.7), 1.003
    c, s = scale * math.cos(turn), scale * math.sin(turn)
    true = AffineMap((100.0, 200.0), (2.0, -1.0), ((c, -s), (s, c)))
    assert true.rotation_deg == pytest.approx(0.7)
    assert true.scale == pytest.approx(scale)
    x, y = (v.ravel() for v in np.meshgrid(np.linspace(0, 300, 8), np.linspace(50, 350, 7)))
    to_x, to_y = true(x, y)
    found = fit_affine(
        x,
        y,
        np.stack([to_x - x, to_y - y], axis=1),
        weight=np.ones(len(x)),
        centre_m=(100.0, 200.0),
        noise_m=0.01,
    )
    np.testing.assert_allclose(found.matrix, true.matrix, atol=1e-6)
    np.testing.assert_allclose(found.offset_m, true.offset_m, atol=1e-4)


@pytest.mark.parametrize("wrong", [0.0, 0.2, 0.4])
def test_warp_leaves_wrong_points_out(wrong):
    rng = np.random.default_rng(4)
    truth = Truth((200.0, 200.0), (1.0, 2.0), 0.2, 1.001, 0.5, 150.0)
    x, y = (v.ravel() for v in np.meshgrid(np.linspace(10, 390, 18), np.linspace(10, 390, 18)))
    to_x, to_y = truth(x, y)
    shift = np.stack([to_x - x, to_y - y], axis=1) + rng.normal(0, 0.02, (len(x), 2))
    bad = rng.random(len(x)) < wrong
    shift[bad] += rng.uniform(-3, 3, (np.count_nonzero(bad), 2))
    fit = fit_warp(
        x,
        y,
        np.stack([shift, np.full_like(shift, np.nan)], axis=1),
        np.column_stack([np.full(len(x), 0.5), np.zeros(len(x))]),
        bounds=(0.0, 0.0, 400.0, 400.0),
        pitch_m=22.0,
        pixel_m=0.2,
        start=AffineMap((200.0, 200.0), (1.0, 2.0)),
    )
    far = np.hypot(*(shift - np.stack([to_x - x, to_y - y], axis=1)).T) > 0.8
    assert not fit.kept[far].any()
    assert fit.kept[~bad].mean() > 0.9
    found_x, found_y = fit.warp(x, y)
    assert float(np.sqrt(np.mean((found_x - to_x) ** 2 + (found_y - to_y) ** 2))) < (
        0.06 if wrong < 0.3 else 0.1
    )


def test_warp_takes_the_second_candidate_where_the_others_say_so():
    x, y = (v.ravel() for v in np.meshgrid(np.arange(0.0, 200, 20), np.arange(0.0, 200, 20)))
    shift = np.tile([1.0, -1.0], (len(x), 1))
    candidates = np.stack([shift, np.full_like(shift, np.nan)], axis=1)
    candidates[::7, 1] = candidates[::7, 0]
    candidates[::7, 0] = [3.0, 0.5]
    score = np.where(np.isnan(candidates[..., 0]), 0.0, [0.6, 0.5])
    fit = fit_warp(
        x,
        y,
        candidates,
        score,
        bounds=(0.0, 0.0, 200.0, 200.0),
        pitch_m=20.0,
        pixel_m=0.2,
        start=AffineMap((100.0, 100.0)),
    )
    assert fit.kept.all()
    assert (fit.choice[::7] == 1).all()
