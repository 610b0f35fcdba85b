"""The one door: a picture in, two surveys of it with known change out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from shapely.geometry import Polygon, box

from datasets.planting.light import change_light, change_season, develop, turn_sun
from datasets.planting.misalign import (
    Misalignment,
    draw_misalignment,
    plan_resampling,
    resample_mask,
    resample_picture,
    resample_surface,
)
from datasets.planting.options import PlantOptions
from datasets.planting.placing import Ground
from datasets.planting.render import Canvas
from datasets.planting.scene import Mask, Scene, Sun, read_scene
from datasets.planting.stages import (
    Work,
    plant_crops,
    plant_earth,
    plant_small_things,
    plant_structures,
    plant_trees_and_heaps,
    plant_vehicles,
)
from datasets.planting.surface import (
    SurfaceShift,
    draw_shift,
    estimate_terrain,
    make_surface,
    photogrammetric,
)
from datasets.planting.truth import PlantedObject
from vision.errors import InputError

_MIN_SIDE_PX = 128


@dataclass(frozen=True, slots=True)
class PlantedPair:
    """Two surveys of one ground, and all that differs between them on purpose.

    The later survey lies in the picture's own frame. The earlier one is displaced by
    ``misalignment`` and may have another GSD; both rasters share their upper left corner.

    Attributes:
        before_rgb: uint8, ``(rows, cols, 3)``.
        after_rgb: uint8, as the picture.
        before_valid: bool, False where the earlier survey saw nothing.
        after_valid: bool.
        before_dsm_m: float32, NaN where nothing was seen; None without surfaces.
        after_dsm_m: float32; None without surfaces.
        gsd_m: of the later survey.
        before_gsd_m: of the earlier survey.
        truth: the change that a comparison should find.
        distractors: change that it should not report.
        misalignment: where the earlier survey shows the later one's ground, from origin (0, 0).
        surface_shift: height error of the earlier survey.
        before_sun: of the earlier survey.
        after_sun: of the later survey.
    """

    before_rgb: NDArray[np.uint8]
    after_rgb: NDArray[np.uint8]
    before_valid: NDArray[np.bool_]
    after_valid: NDArray[np.bool_]
    before_dsm_m: NDArray[np.float32] | None
    after_dsm_m: NDArray[np.float32] | None
    gsd_m: float
    before_gsd_m: float
    truth: tuple[PlantedObject, ...]
    distractors: tuple[PlantedObject, ...]
    misalignment: Misalignment
    surface_shift: SurfaceShift
    before_sun: Sun
    after_sun: Sun


def plant_pair(
    rgb: NDArray[np.uint8],
    *,
    gsd_m: float,
    seed: int,
    options: PlantOptions | None = None,
    buildings: Sequence[Polygon] = (),
    surface: NDArray[np.float32] | None = None,
    valid: NDArray[np.bool_] | None = None,
) -> PlantedPair:
    """Plant known change into a real orthophoto.

    Args:
        rgb: uint8, shape ``(rows, cols, 3)``, red first.
        gsd_m: ground sample distance in metres.
        seed: the same seed, picture and options give the same pair.
        options: counts and switches.
        buildings: outlines in pixels of ``rgb`` (x right, y down, pixel corners); used to keep
            clear of, to build on, to copy roofs from, and for the surface.
        surface: heights in metres, float32, shape of the picture; made up where None.
        valid: pixels with data; areas of pure black or white count as none where None.

    Raises:
        InputError: the picture, GSD or surface cannot be used.
    """
    options = options or PlantOptions()
    _check(rgb, gsd_m, surface, valid)
    rows, cols = rgb.shape[:2]
    outlines = [p for p in buildings if p.is_valid and p.intersects(box(0, 0, cols, rows))]
    sun = None
    if options.sun_azimuth_deg is not None and options.sun_elevation_deg is not None:
        sun = Sun(options.sun_azimuth_deg, options.sun_elevation_deg)
    scene = read_scene(rgb, gsd_m=gsd_m, valid=valid, buildings=outlines, sun=sun)
    if sun is None:
        scene = replace(
            scene,
            sun=Sun(
                options.sun_azimuth_deg
                if options.sun_azimuth_deg is not None
                else scene.sun.azimuth_deg,
                options.sun_elevation_deg
                if options.sun_elevation_deg is not None
                else scene.sun.elevation_deg,
            ),
        )
    work = _start(scene, seed, options, outlines, surface)
    plant_earth(work)
    plant_crops(work)
    plant_structures(work)
    plant_trees_and_heaps(work)
    plant_vehicles(work)
    plant_small_things(work)
    return _finish(work)


def _check(
    rgb: NDArray[np.uint8],
    gsd_m: float,
    surface: NDArray[np.float32] | None,
    valid: NDArray[np.bool_] | None,
) -> None:
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8:
        raise InputError(
            f"The picture must be uint8 of shape (rows, cols, 3), not {rgb.dtype} {rgb.shape}."
        )
    if min(rgb.shape[:2]) < _MIN_SIDE_PX:
        raise InputError(
            f"The picture is {rgb.shape[1]} × {rgb.shape[0]} pixels; give at least "
            f"{_MIN_SIDE_PX} × {_MIN_SIDE_PX}, or there is no room to plant anything."
        )
    if not 0.02 <= gsd_m <= 1.0:
        raise InputError(f"A GSD of {gsd_m} m is outside what can be planted: 0.02 to 1 m.")
    for name, values in (("surface", surface), ("mask", valid)):
        if values is not None and values.shape != rgb.shape[:2]:
            raise InputError(
                f"The {name} has the shape {values.shape}, the picture {rgb.shape[:2]}: "
                "resample one to the other first."
            )
    if surface is not None and not np.isfinite(surface).any():
        raise InputError("The surface holds no heights at all.")


def _start(
    scene: Scene,
    seed: int,
    options: PlantOptions,
    buildings: Sequence[Polygon],
    surface: NDArray[np.float32] | None,
) -> Work:
    rng = np.random.default_rng([seed, 1])
    if surface is None:
        height, terrain = make_surface(scene, rng, buildings)
    else:
        known = np.isfinite(surface)
        height = np.where(known, surface, np.median(surface[known])).astype(np.float32)
        terrain = estimate_terrain(height, scene.gsd_m)
    before_sun, before_rgb, before_shaded = scene.sun, scene.rgb.copy(), scene.shaded.copy()
    if options.turn_shadows and (len(buildings) > 0 or surface is not None):
        turn = float(rng.uniform(30, 75) * rng.choice((-1, 1)))
        before_sun = Sun(
            (scene.sun.azimuth_deg + turn) % 360,
            float(np.clip(scene.sun.elevation_deg + rng.uniform(-8, 8), 35, 72)),
        )
        # Bushes of a made-up surface are guesses: only buildings turn their shadows.
        standing = np.where(scene.structure, height, terrain) if surface is None else height
        before_rgb = turn_sun(
            before_rgb,
            np.asarray(standing, np.float32),
            scene.sun,
            before_sun,
            gsd_m=scene.gsd_m,
            strength=0.85,
            shaded=scene.shaded,
            shadow_rgb=scene.shadow_rgb,
        )

    def canvas(rgb: NDArray[np.float32], shaded: NDArray[np.float32], sun: Sun) -> Canvas:
        return Canvas(scene, rgb, height.copy(), terrain, shaded, sun)

    return Work(
        seed=seed,
        options=options,
        scene=scene,
        buildings=buildings,
        ground=Ground.of(scene),
        before=canvas(before_rgb, before_shaded, before_sun),
        after=canvas(scene.rgb.copy(), scene.shaded.copy(), scene.sun),
    )


def _finish(work: Work) -> PlantedPair:
    options, scene = work.options, work.scene
    gsd_m = scene.gsd_m
    rows, cols = scene.shape
    size_m = (cols * gsd_m, rows * gsd_m)
    misalignment = (
        draw_misalignment(work.stream(8), size_m, options.misalign)
        if options.misalign is not None
        else Misalignment(size_m=size_m)
    )
    before_gsd_m = options.before_gsd_m or gsd_m
    light = work.stream(9)
    before = change_light(work.before.rgb, light, strength=options.light_before, gsd_m=gsd_m)
    before = change_season(before, light, season=options.season_before, gsd_m=gsd_m)
    before_valid: Mask = scene.valid
    plan = None
    if options.misalign is not None or before_gsd_m != gsd_m:
        plan = plan_resampling(misalignment, scene.shape, gsd_m=gsd_m, to_gsd_m=before_gsd_m)
        before = resample_picture(before, plan)
        before_valid = resample_mask(scene.valid, plan)
    before_rgb = develop(
        before,
        light,
        strength=options.light_before,
        jpeg_quality=options.jpeg_quality,
        valid=before_valid,
    )
    light = work.stream(10)
    after = change_light(work.after.rgb, light, strength=options.light_after, gsd_m=gsd_m)
    after_rgb = develop(
        after,
        light,
        strength=options.light_after,
        jpeg_quality=options.jpeg_quality,
        valid=scene.valid,
    )
    shift = SurfaceShift()
    before_dsm = after_dsm = None
    if options.with_surfaces:
        rng = work.stream(11)
        shift = draw_shift(
            rng, size_m, offset_m=options.surface_offset_m, tilt_m=options.surface_tilt_m
        )
        noise_m = options.surface_noise_m
        before_dsm = photogrammetric(work.before.height_m, rng, gsd_m=gsd_m, noise_m=noise_m)
        before_dsm = np.asarray(before_dsm + shift.over(scene.shape, gsd_m), np.float32)
        after_dsm = photogrammetric(work.after.height_m, rng, gsd_m=gsd_m, noise_m=noise_m)
        if plan is not None:
            before_dsm = resample_surface(before_dsm, plan)
        before_dsm[~before_valid] = np.nan
        after_dsm[~scene.valid] = np.nan
    return PlantedPair(
        before_rgb=before_rgb,
        after_rgb=after_rgb,
        before_valid=before_valid,
        after_valid=scene.valid,
        before_dsm_m=before_dsm,
        after_dsm_m=after_dsm,
        gsd_m=gsd_m,
        before_gsd_m=before_gsd_m,
        truth=tuple(work.truth),
        distractors=tuple(work.distractors),
        misalignment=misalignment,
        surface_shift=shift,
        before_sun=work.before.sun,
        after_sun=work.after.sun,
    )
