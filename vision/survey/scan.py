"""Going over the whole ground window by window: change raster, candidates, totals.

Every window is read with a margin and only its core is kept, so that a pixel's answer does not
depend on the window it is seen from. What is kept of a window is small, so memory does not grow
with the area.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.io import DatasetWriter
from rasterio.windows import Window as RasterWindow

from vision.errors import OutputError
from vision.survey.candidates import Candidate, candidate_masks
from vision.survey.change import ChangeLayers, LearnedCue, change_layers, margin_px
from vision.survey.comparison import CompareOptions, GroundSummary
from vision.survey.dust import GROUND_FEATURES, SITE_FEATURES, dust_masks
from vision.survey.grid import Grid, Window
from vision.survey.masks import Mask
from vision.survey.pair import SurveyPair, even_window
from vision.survey.regions import RegionCollector
from vision.survey.resurfaced import LEARNED_FEATURES
from vision.survey.tillage import TENSOR_FEATURES, reach_px, row_tensor

CLEARED_FEATURES = ("vegetation_before", "soil_after", "colour", "fall", *TENSOR_FEATURES)

# The change raster holds probability × 250 as a byte; 255 is no data.
CHANGE_SCALE = 250
CHANGE_NODATA = 255


@dataclass(frozen=True, slots=True)
class Scan:
    """What going over the ground gave.

    Attributes:
        candidates: regions by what they might be.
        ground, road: bare ground, wide and narrow.
        sites: ground that is bare or netted now or was bare before.
        totals: areas over everything.
    """

    candidates: dict[Candidate, RegionCollector]
    bare_ground: RegionCollector
    bare_road: RegionCollector
    sites: RegionCollector
    ground: GroundSummary


@dataclass(frozen=True, slots=True)
class _Tile:
    window: Window
    change: NDArray[np.uint8]
    masks: dict[Candidate, Mask]
    cleared: dict[str, NDArray[np.float32]]
    learned: dict[str, NDArray[np.float32]]
    ground: Mask
    road: Mask
    site: Mask
    soil: dict[str, NDArray[np.float32]]
    site_features: dict[str, NDArray[np.float32]]
    totals_px: NDArray[np.float64]


def scan(
    pair: SurveyPair,
    *,
    options: CompareOptions,
    learned: LearnedCue | None,
    change_path: Path | None,
    pool: Executor,
    workers: int,
    progress: Callable[[float], None],
) -> Scan:
    """Go over the ground once.

    Args:
        pair: the surveys.
        options: thresholds.
        learned: the learned cue, if there is one.
        change_path: where to write the change probability; not written if None.
        pool: runs windows; ``workers`` of them at a time.
        workers: threads of ``pool``.
        progress: told the share done.

    Raises:
        BadRaster: a survey's pixels cannot be decoded.
        OutputError: the change raster cannot be written.
    """
    pixel_m2 = pair.grid.gsd_m**2
    least = max(8, int(0.6 * options.min_area_m2 / pixel_m2))
    least_clearing = int(0.8 * options.min_clearing_area_m2 / pixel_m2)
    least_dust = int(0.8 * options.min_dust_area_m2 / pixel_m2)
    by_model = () if learned is None else LEARNED_FEATURES
    collected = {
        candidate: RegionCollector(
            CLEARED_FEATURES if candidate is Candidate.CLEARED else by_model,
            least_clearing if candidate is Candidate.CLEARED else least,
        )
        for candidate in Candidate
    }
    ground = RegionCollector(GROUND_FEATURES, least_dust)
    road = RegionCollector(GROUND_FEATURES, least_dust)
    sites = RegionCollector(SITE_FEATURES, least_dust)
    totals = np.zeros(6)
    windows = list(pair.grid.tiles(options.tile_px))
    with _change_writer(change_path, pair.grid) as write:
        for done, tile in enumerate(
            _in_order(pool, windows, lambda w: _tile(pair, w, options, learned), workers + 1), 1
        ):
            write(tile.window, tile.change)
            for candidate, mask in tile.masks.items():
                features = tile.cleared if candidate is Candidate.CLEARED else tile.learned
                collected[candidate].add(tile.window, mask, features)
            ground.add(tile.window, tile.ground, tile.soil)
            road.add(tile.window, tile.road, tile.soil)
            sites.add(tile.window, tile.site, tile.site_features)
            totals += tile.totals_px
            progress(done / len(windows))
    areas = [round(float(v) * pixel_m2, 1) for v in totals]
    summary = GroundSummary(
        compared_area_m2=areas[0],
        bare_soil_before_m2=areas[1],
        bare_soil_after_m2=areas[2],
        net_covered_after_m2=areas[3],
        vegetation_before_m2=areas[4],
        vegetation_after_m2=areas[5],
    )
    return Scan(collected, ground, road, sites, summary)


def _in_order(
    pool: Executor, windows: list[Window], work: Callable[[Window], _Tile], ahead: int
) -> Iterator[_Tile]:
    """Yield results in order with at most ``ahead`` windows in memory."""
    running: deque[Future[_Tile]] = deque()
    try:
        for window in windows:
            if len(running) >= ahead:
                yield running.popleft().result()
            running.append(pool.submit(work, window))
        while running:
            yield running.popleft().result()
    finally:
        for future in running:
            future.cancel()


def _tile(
    pair: SurveyPair, window: Window, options: CompareOptions, learned: LearnedCue | None
) -> _Tile:
    margin = margin_px(pair.grid.gsd_m)
    place = even_window(window.grown(margin))
    surroundings = pair.read(place)
    top, left = window.row - place.row, window.col - place.col
    core = np.s_[top : top + window.height, left : left + window.width]
    valid = surroundings.valid[core]
    if not valid.any():
        return _empty_tile(window)
    layers = change_layers(surroundings, min_height_m=options.min_height_m, learned=learned)
    masks = candidate_masks(surroundings, layers)
    dust = dust_masks(surroundings, layers.appearance).part(*core)
    before, after = surroundings.cover_before, surroundings.cover_after
    tensor = _core_tensor(surroundings.after, core, gsd_m=pair.grid.gsd_m)
    fall = np.zeros_like(layers.colour) if layers.loss_m is None else layers.loss_m
    change = np.rint(layers.fused[core] * CHANGE_SCALE).astype(np.uint8)
    # Faint noise says nothing and would only make the file large.
    change[change < CHANGE_SCALE // 20] = 0
    change[~valid] = CHANGE_NODATA
    sums = (
        valid,
        dust.soil_before,
        dust.soil_after,
        dust.net_after,
        (before.vegetation[core] > 0.5) & valid,
        (after.vegetation[core] > 0.5) & valid,
    )
    return _Tile(
        window=window,
        change=change,
        masks={candidate: mask[core] & valid for candidate, mask in masks.items()},
        cleared={
            "vegetation_before": before.vegetation[core],
            "soil_after": after.soil[core],
            "colour": layers.colour[core],
            "fall": fall[core],
        }
        | tensor,
        learned=_learned_features(layers, core),
        ground=dust.ground,
        road=dust.road,
        site=dust.site,
        soil={
            "soil": after.soil[core],
            "soil_before": dust.soil_before.astype(np.float32),
        }
        | tensor,
        site_features=dust.site_features(),
        totals_px=np.array([float(np.count_nonzero(v)) for v in sums]),
    )


def _learned_features(
    layers: ChangeLayers, core: tuple[slice, slice]
) -> dict[str, NDArray[np.float32]]:
    """What is averaged over candidates, so that judging them need not run the model again."""
    if layers.learned is None or layers.learned_gone is None:
        return {}
    built, razed = layers.learned[core], layers.learned_gone[core]
    return {
        "built": built,
        "razed": razed,
        "built_sure": (built > 0.5).astype(np.float32),
        "razed_sure": (razed > 0.5).astype(np.float32),
    }


def _core_tensor(
    rgb: NDArray[np.uint8], core: tuple[slice, slice], *, gsd_m: float
) -> dict[str, NDArray[np.float32]]:
    """The structure tensor of a window's core; what it looks at beyond that lies on the window."""
    reach = reach_px(gsd_m)
    # Where the window reaches less far around its core, the picture's own edge comes first.
    starts = [max(0, part.start - reach) for part in core]
    seen = rgb[starts[0] : core[0].stop + reach, starts[1] : core[1].stop + reach]
    own = tuple(
        slice(part.start - start, part.stop - start)
        for part, start in zip(core, starts, strict=True)
    )
    return {name: values[own] for name, values in row_tensor(seen, gsd_m=gsd_m).items()}


def _empty_tile(window: Window) -> _Tile:
    shape = (window.height, window.width)
    nothing, zero = np.zeros(shape, np.bool_), np.zeros(shape, np.float32)
    return _Tile(
        window=window,
        change=np.full(shape, CHANGE_NODATA, np.uint8),
        masks={candidate: nothing for candidate in Candidate},
        cleared=dict.fromkeys(CLEARED_FEATURES, zero),
        learned=dict.fromkeys(LEARNED_FEATURES, zero),
        ground=nothing,
        road=nothing,
        site=nothing,
        soil=dict.fromkeys(GROUND_FEATURES, zero),
        site_features=dict.fromkeys(SITE_FEATURES, zero),
        totals_px=np.zeros(6),
    )


@contextmanager
def _change_writer(
    path: Path | None, grid: Grid
) -> Iterator[Callable[[Window, NDArray[np.uint8]], None]]:
    if path is None:
        yield lambda _window, _values: None
        return
    target: DatasetWriter | None = None
    try:
        target = rasterio.open(
            path,
            "w",
            driver="GTiff",
            width=grid.width,
            height=grid.height,
            count=1,
            dtype="uint8",
            crs=grid.crs.to_wkt(),
            transform=grid.transform,
            nodata=CHANGE_NODATA,
            tiled=True,
            blockxsize=512,
            blockysize=512,
            compress="lzw",
            bigtiff="if_safer",
        )
        target.scales = (1 / CHANGE_SCALE,)
        target.set_band_description(1, "change probability")

        def write(window: Window, values: NDArray[np.uint8]) -> None:
            place = RasterWindow(window.col, window.row, window.width, window.height)
            target.write(values, 1, window=place)

        yield write
        target.close()
    except (RasterioError, OSError) as error:
        raise OutputError(
            f"{path}: the change raster cannot be written ({error}). Is the disk full?"
        ) from error
    finally:
        if target is not None and not target.closed:
            target.close()
