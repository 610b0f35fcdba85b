"""Structures: what is built, how large, where, and how it is drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from shapely.geometry import Polygon

from datasets.planting.footprint import Footprint
from datasets.planting.noise import Field, rough_field
from datasets.planting.options import PlantOptions
from datasets.planting.placing import Ground
from datasets.planting.render import Canvas, Sprite, paint, raster_around, shadow_reach_m
from datasets.planting.roofs import (
    Face,
    RoofMaker,
    Site,
    concrete_roof,
    container,
    sheet_roof,
    tarpaulin,
    tile_roof,
)
from datasets.planting.scene import Scene, fill_polygons
from datasets.planting.truth import PlantedObject

_MAKERS: dict[str, RoofMaker] = {
    "sheet": sheet_roof,
    "concrete": concrete_roof,
    "tile": tile_roof,
    "tarpaulin": tarpaulin,
    "container": container,
}


@dataclass(frozen=True, slots=True)
class RealRoof:
    """A roof in the picture that may be cut out: its turned rectangle."""

    x_px: float
    y_px: float
    length_m: float
    width_m: float
    angle_rad: float


@dataclass(frozen=True, slots=True)
class Structure:
    """A structure to be drawn.

    Attributes:
        footprint: where.
        form: what its roof is: a key of the makers, or ``photo``.
        eave_m: height of its walls.
        rooftop: whether it stands on a building.
        real: the roof to copy where ``form`` is ``photo``.
        lean_xy: metres that its roof moves per metre of height.
    """

    footprint: Footprint
    form: str
    eave_m: float
    rooftop: bool
    real: RealRoof | None
    lean_xy: tuple[float, float]


def turned_rectangle(polygon: Polygon, gsd_m: float) -> RealRoof:
    """Return the smallest turned rectangle around a polygon."""
    outline = np.asarray(polygon.exterior.coords, np.float32)[:, :2]
    (x, y), (wide, tall), degrees = cv2.minAreaRect(outline)
    return RealRoof(x, y, wide * gsd_m, tall * gsd_m, math.radians(degrees))


def real_roofs(ground: Ground, buildings: Sequence[Polygon]) -> list[RealRoof]:
    """Return the roofs that can be copied: near-rectangular, in the picture, sunlit, no trees."""
    found = []
    scene = ground.scene
    rows, cols = scene.shape
    for polygon in buildings:
        left, top, right, bottom = polygon.bounds
        if left < 1 or top < 1 or right > cols - 1 or bottom > rows - 1:
            continue
        roof = turned_rectangle(polygon, scene.gsd_m)
        box_m2 = roof.length_m * roof.width_m
        area_m2 = polygon.area * scene.gsd_m**2
        if not 14.0 < area_m2 < 420.0 or area_m2 < 0.86 * box_m2:
            continue
        if min(roof.length_m, roof.width_m) < 3.0:
            continue
        shaded = ground.share(scene.shaded, polygon)
        green = ground.share(scene.vegetation, polygon)
        if shaded < 0.10 and green < 0.08 and ground.share(scene.valid, polygon) == 1.0:
            found.append(roof)
    return found


def plan_structure(
    rng: np.random.Generator,
    ground: Ground,
    options: PlantOptions,
    *,
    roofs: Sequence[RealRoof],
    buildings: Sequence[Polygon],
    rooftop: bool,
) -> Structure | None:
    """Choose a structure and find its place; None where there is no room."""
    lean = rng.uniform(0, 0.05)
    toward = rng.uniform(0, 2 * math.pi)
    lean_xy = (lean * math.cos(toward), lean * math.sin(toward))
    if rooftop:
        planned = _plan_rooftop(rng, ground, options, buildings)
        if planned is None:
            return None
        footprint, form, eave_m = planned
        return Structure(footprint, form, eave_m, True, None, lean_xy)
    for attempt in range(6):
        shrink = 0.85**attempt
        if roofs and rng.random() < options.real_roof_share:
            real = roofs[int(rng.integers(len(roofs)))]
            stretch = rng.uniform(0.8, 1.15, 2) * (1.0 if attempt < 3 else shrink)
            size = (real.length_m * float(stretch[0]), real.width_m * float(stretch[1]))
            if not options.min_structure_m2 <= size[0] * size[1] <= options.max_structure_m2:
                continue
            spot = ground.place_structure(rng, size, angle_rad=real.angle_rad)
            if spot is not None:
                tall = rng.uniform(3.0, 9.5) if size[0] * size[1] > 45 else rng.uniform(2.4, 5.5)
                return Structure(spot, "photo", float(tall), False, real, lean_xy)
            continue
        form, size, notch, eave_m = _draw_kind(rng, options, shrink)
        spot = ground.place_structure(rng, size, notch_m=notch)
        if spot is not None:
            return Structure(spot, form, eave_m, False, None, lean_xy)
    return None


def _draw_kind(
    rng: np.random.Generator, options: PlantOptions, shrink: float
) -> tuple[str, tuple[float, float], tuple[float, float] | None, float]:
    form = str(
        rng.choice(
            ("sheet", "concrete", "tile", "tarpaulin", "container"),
            p=(0.44, 0.28, 0.08, 0.1, 0.1),
        )
    )
    if form == "container":
        return form, (float(rng.choice((6.06, 12.19))), 2.44), None, 2.6
    # Log-normal about 45 m2: many sheds, some houses, few halls.
    area = float(np.exp(rng.normal(math.log(45.0), 0.85))) * shrink
    if form == "tarpaulin":
        area = min(area, 60.0)
    area = float(np.clip(area, options.min_structure_m2 * 1.05, options.max_structure_m2 * 0.98))
    ratio = float(rng.uniform(1.1, 2.2))
    notch = None
    size = (math.sqrt(area * ratio), math.sqrt(area / ratio))
    if area > 40 and form in ("sheet", "concrete") and rng.random() < 0.3:
        notch = (size[0] * float(rng.uniform(0.3, 0.6)), size[1] * float(rng.uniform(0.3, 0.55)))
        grow = math.sqrt(area / (area - notch[0] * notch[1]))
        size = (size[0] * grow, size[1] * grow)
        notch = (notch[0] * grow, notch[1] * grow)
    if form == "concrete":
        eave = rng.uniform(3.0, 9.8) if area > 35 else rng.uniform(2.5, 4.0)
    elif form == "tarpaulin":
        eave = rng.uniform(2.2, 3.0)
    else:
        eave = rng.uniform(2.3, 3.6) if area < 60 else rng.uniform(3.0, 7.0)
    return form, size, notch, float(eave)


def _plan_rooftop(
    rng: np.random.Generator,
    ground: Ground,
    options: PlantOptions,
    buildings: Sequence[Polygon],
) -> tuple[Footprint, str, float] | None:
    gsd_m = ground.scene.gsd_m
    for index in rng.permutation(len(buildings))[:60]:
        building = buildings[int(index)]
        if building.area * gsd_m**2 < 2.2 * options.min_structure_m2:
            continue
        roof = turned_rectangle(building, gsd_m)
        for _ in range(8):
            part = rng.uniform(0.4, 0.85, 2)
            size = (roof.length_m * float(part[0]), roof.width_m * float(part[1]))
            area = size[0] * size[1]
            if not options.min_structure_m2 * 1.05 <= area <= options.max_structure_m2:
                continue
            along = rng.choice((-1, 1)) * (roof.length_m - size[0]) / 2 * rng.uniform(0.6, 0.92)
            across = rng.choice((-1, 1)) * (roof.width_m - size[1]) / 2 * rng.uniform(0.6, 0.92)
            cos, sin = math.cos(roof.angle_rad), math.sin(roof.angle_rad)
            spot = Footprint(
                roof.x_px + (along * cos - across * sin) / gsd_m,
                roof.y_px + (along * sin + across * cos) / gsd_m,
                size[0],
                size[1],
                roof.angle_rad,
            )
            polygon = spot.polygon(gsd_m)
            if not building.buffer(0.15 / gsd_m).contains(polygon):
                continue
            if (
                ground.share(ground.taken, polygon) > 0
                or ground.share(ground.scene.valid, polygon) < 1
            ):
                continue
            rows, cols = ground.scene.shape
            left, top, right, bottom = polygon.bounds
            if left < 2 or top < 2 or right > cols - 2 or bottom > rows - 2:
                continue
            form = str(rng.choice(("sheet", "concrete", "tarpaulin"), p=(0.68, 0.22, 0.1)))
            return spot, form, float(rng.uniform(2.2, 3.2))
    return None


def draw_structure(canvas: Canvas, structure: Structure, rng: np.random.Generator) -> PlantedObject:
    """Draw a structure into one epoch and return it, with ``new_structure`` as its kind."""
    scene, foot = canvas.scene, structure.footprint
    polygon = foot.polygon(scene.gsd_m)
    tallest = structure.eave_m + 3.0
    sprite_raster = raster_around(
        polygon.bounds,
        gsd_m=scene.gsd_m,
        margin_m=1.0
        + min(25.0, shadow_reach_m(tallest + (9 if structure.rooftop else 0), canvas.sun)),
    )
    along, across = sprite_raster.frame(foot.x_px, foot.y_px, foot.angle_rad)
    site = Site(
        along=along,
        across=across,
        inside_m=foot.inside_m(along, across),
        footprint=foot,
        eave_m=structure.eave_m,
        pixel_m=sprite_raster.fine_m,
        gain_rgb=scene.gain_rgb,
    )
    if structure.real is not None:
        face = _copied(rng, site, scene, structure.real)
    else:
        face = _MAKERS[structure.form](rng, site)
    standing = face.alpha > 0.0
    sprite = Sprite(
        colour=np.clip(face.colour, 4, 250),
        alpha=face.alpha,
        height_m=np.where(standing, face.height_m, 0).astype(np.float32),
        relief_m=face.relief_m,
        left_px=sprite_raster.left_px,
        top_px=sprite_raster.top_px,
        fine=sprite_raster.fine,
        wall_rgb=face.wall_rgb,
        gloss=face.gloss,
    )
    ground_m = _standing_height(canvas, polygon, rooftop=structure.rooftop)
    paint(
        canvas,
        sprite,
        rng,
        base_m=ground_m,
        lean_xy=structure.lean_xy,
        shaded_already=structure.real is not None,
    )
    height = float(sprite.height_m[face.alpha > 0.5].mean())
    return PlantedObject(
        kind="new_structure",
        polygon=polygon,
        height_m=height,
        attributes={
            "form": structure.form,
            "standing_on": "roof" if structure.rooftop else "ground",
            "outline": "L" if foot.notch_m else "rectangle",
            "eave_m": round(structure.eave_m, 2),
        },
    )


def _standing_height(canvas: Canvas, polygon: Polygon, *, rooftop: bool) -> float:
    mask = fill_polygons([polygon], canvas.scene.shape)
    values = (canvas.height_m if rooftop else canvas.terrain_m)[mask]
    return float(np.median(values)) if values.size else 0.0


def _copied(rng: np.random.Generator, site: Site, scene: Scene, real: RealRoof) -> Face:
    """A roof of the picture, laid over a new footprint."""
    # The drawn outline is a little larger than the roof's flat part: leave out the rim's outside.
    inner = 0.96
    along = site.along * np.float32(inner * real.length_m / site.footprint.length_m)
    across = site.across * np.float32(inner * real.width_m / site.footprint.width_m)
    cos, sin = math.cos(real.angle_rad), math.sin(real.angle_rad)
    cols = real.x_px + (along * cos - across * sin) / scene.gsd_m - 0.5
    rows = real.y_px + (along * sin + across * cos) / scene.gsd_m - 0.5
    colour = cv2.remap(
        scene.rgb,
        cols.astype(np.float32),
        rows.astype(np.float32),
        cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    colour = np.asarray(colour, np.float32) * np.float32(rng.uniform(0.93, 1.07))
    height = np.full(site.shape, site.eave_m, np.float32)
    height += 0.05 * rough_field(rng, site.shape, 2.0 / site.pixel_m)
    if rng.random() < 0.6:
        height[(site.inside_m < 0.2) & (site.inside_m > -0.3)] += rng.uniform(0.3, 0.9)
    middle = (
        np.median(colour[site.inside_m > 0], axis=0) if (site.inside_m > 0).any() else (150,) * 3
    )
    wall = np.clip(np.asarray(middle, np.float32) * rng.uniform(0.8, 1.0), 60, 200)
    alpha: Field = np.clip(site.inside_m / np.float32(site.pixel_m) + 0.5, 0.0, 1.0)
    return Face(
        colour=colour,
        alpha=alpha,
        height_m=height,
        relief_m=np.zeros(site.shape, np.float32),
        wall_rgb=(float(wall[0]), float(wall[1]), float(wall[2])),
    )
