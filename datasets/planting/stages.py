"""The stages of planting: each puts one class of things into both epochs of a pair."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from shapely.geometry import Point, Polygon
from shapely.geometry.base import BaseGeometry

from datasets.planting import distractors as small
from datasets.planting.footprint import Footprint
from datasets.planting.options import PlantOptions
from datasets.planting.placing import Ground
from datasets.planting.render import Canvas
from datasets.planting.scene import Scene
from datasets.planting.soil import draw_earth, draw_net, place_earth, place_net, sample_earth
from datasets.planting.structures import draw_structure, plan_structure, real_roofs
from datasets.planting.truth import Attribute, PlantedObject


@dataclass(slots=True)
class Work:
    """What the stages of one planting share; its canvases and ground change as they go."""

    seed: int
    options: PlantOptions
    scene: Scene
    buildings: Sequence[Polygon]
    ground: Ground
    before: Canvas
    after: Canvas
    truth: list[PlantedObject] = field(default_factory=list)
    distractors: list[PlantedObject] = field(default_factory=list)

    def stream(self, stage: int) -> np.random.Generator:
        """Return randomness of a stage's own, so that one count does not move another stage."""
        return np.random.default_rng([self.seed, stage])

    def distract(
        self, kind: str, polygon: Polygon, height_m: float, **attributes: Attribute
    ) -> None:
        """Note a distractor."""
        self.distractors.append(PlantedObject(kind, polygon, height_m, attributes))


def plant_earth(work: Work) -> None:
    """Clearings and bare soil sites; each has a seed of its own for its looks in both epochs."""
    rng, ground, gsd_m = work.stream(2), work.ground, work.scene.gsd_m
    jobs = [True] * work.options.land_clearings + [False] * work.options.soil_sites
    for green in jobs:
        area_m2 = float(np.exp(rng.normal(math.log(420.0), 0.5)))
        outline = place_earth(rng, ground, area_m2=float(np.clip(area_m2, 140, 1800)), green=green)
        if outline is None:
            continue
        sample = sample_earth(work.scene, rng)
        green_share = ground.share(work.scene.vegetation, outline)
        grew = not green and rng.random() < 0.5
        looks = int(rng.integers(2**31))
        earlier_m2 = 0.0
        if grew:
            earlier = _inner_part(outline, rng)
            earlier_m2 = float(earlier.area) * gsd_m**2
            draw_earth(work.before, earlier, sample, np.random.default_rng(looks + 1))
        draw_earth(work.after, outline, sample, np.random.default_rng(looks))
        netted_m2 = 0.0
        net_text = ""
        net = place_net(rng, outline) if rng.random() < work.options.net_share else None
        if net is not None and not green:
            draw_net(work.after, net, np.random.default_rng(looks + 2))
            netted_m2 = float(net.area) * gsd_m**2
            net_text = net.wkt
        _heaps_on(
            work, outline if net is None or green else outline.difference(net), rng, sample.mean_rgb
        )
        ground.take(outline, 1.5)
        area = float(outline.area) * gsd_m**2
        if green_share >= 0.6 and not grew:
            work.truth.append(
                PlantedObject(
                    "land_clearing",
                    outline,
                    0.0,
                    {"green_share_before": round(green_share, 3), "netted_m2": round(netted_m2, 1)},
                )
            )
        exposed = area - netted_m2 >= 100.0
        if not exposed and green_share < 0.6:
            work.distract("netted_site", outline, 0.0, netted_m2=round(netted_m2, 1))
        if exposed:
            work.truth.append(
                PlantedObject(
                    "dust_hotspot",
                    outline,
                    0.0,
                    {
                        "trend": "grew" if grew else "new",
                        "exposed_m2": round(area - netted_m2, 1),
                        "exposed_before_m2": round(earlier_m2, 1),
                        "net_share": round(netted_m2 / area, 3),
                        "net_wkt_px": net_text,
                        "also_land_clearing": bool(green_share >= 0.6 and not grew),
                    },
                )
            )


def _inner_part(outline: Polygon, rng: np.random.Generator) -> Polygon:
    """The site as it was earlier: smaller, off its middle, inside the later outline."""
    share = float(rng.uniform(0.5, 0.72))
    middle = np.array((outline.centroid.x, outline.centroid.y))
    coords = np.asarray(outline.exterior.coords)
    toward = coords[int(rng.integers(len(coords)))] - middle
    inner = Polygon((coords - middle) * share + middle + toward * (1 - share) * 0.8)
    part = inner.buffer(0).intersection(outline)
    return part if isinstance(part, Polygon) and not part.is_empty else inner


def _heaps_on(
    work: Work,
    area: BaseGeometry,
    rng: np.random.Generator,
    earth_rgb: NDArray[np.float32],
) -> None:
    """One or two heaps on a new site, as far as it has room."""
    if not isinstance(area, Polygon) or area.area * work.scene.gsd_m**2 < 150:
        return
    inner = area.buffer(-3.0 / work.scene.gsd_m)
    if inner.is_empty:
        return
    for _ in range(int(rng.integers(0, 3))):
        point: Point = inner.representative_point()
        left, top, right, bottom = inner.bounds
        for _ in range(20):
            x, y = rng.uniform(left, right), rng.uniform(top, bottom)
            if inner.contains(Point(x, y)):
                point = Point(x, y)
                break
        radius = float(rng.uniform(1.5, 3.2))
        heap = small.Blob(
            point.x, point.y, radius, radius * rng.uniform(0.5, 0.68), int(rng.integers(2**31))
        )
        tall = small.draw_heap(work.after, heap, earth_rgb)
        work.distract("stockpile", heap.polygon(work.scene.gsd_m), tall, epoch="after", on="site")


def plant_crops(work: Work) -> None:
    """Change the crop of some fields, in either epoch; truth does not count them."""
    rng = work.stream(3)
    changed = np.zeros(work.scene.shape, np.bool_)
    for _ in range(work.options.crop_parcels):
        parcel = small.pick_parcel(rng, work.ground, changed)
        if parcel is None:
            return
        canvas, epoch = (work.before, "before") if rng.random() < 0.5 else (work.after, "after")
        polygon = small.change_crop(canvas, parcel, int(rng.integers(2**31)))
        if polygon is not None:
            work.distract("crop", polygon, 0.3, epoch=epoch)
        # Two changes of one field would be one change with a seam in it.
        changed |= parcel


def plant_structures(work: Work) -> None:
    """New structures in the later epoch, demolished ones in the earlier."""
    rng, options = work.stream(4), work.options
    roofs = real_roofs(work.ground, work.buildings)
    on_top = round(options.rooftop_share * options.new_structures) if work.buildings else 0
    jobs = [(True, number < on_top) for number in range(options.new_structures)]
    jobs += [(False, False)] * options.removed_structures
    for is_new, rooftop in jobs:
        structure = plan_structure(
            rng, work.ground, options, roofs=roofs, buildings=work.buildings, rooftop=rooftop
        )
        looks = np.random.default_rng(int(rng.integers(2**31)))
        if structure is None:
            continue
        canvas = work.after if is_new else work.before
        planted = draw_structure(canvas, structure, looks)
        work.ground.take(planted.polygon, 1.2)
        work.truth.append(planted if is_new else replace(planted, kind="removed_structure"))


def plant_trees_and_heaps(work: Work) -> None:
    """Trees grown, felled or planted, and heaps that come or go."""
    rng, ground, gsd_m = work.stream(5), work.ground, work.scene.gsd_m
    for _ in range(work.options.trees):
        radius = float(rng.uniform(1.0, 3.2))
        spot = ground.place_blob(rng, ground.open_, radius * 0.8)
        looks = int(rng.integers(2**31))
        happens = str(rng.choice(("grown", "felled", "planted"), p=(0.5, 0.25, 0.25)))
        if spot is None:
            continue
        tree = small.Blob(*spot, radius, float(min(8.0, radius * rng.uniform(1.5, 2.4))), looks)
        if happens == "grown":
            small.draw_tree(work.before, tree, grown=float(rng.uniform(0.3, 0.6)))
        if happens == "felled":
            small.draw_tree(work.before, tree)
        else:
            small.draw_tree(work.after, tree)
        ground.take(tree.polygon(gsd_m), 0.5)
        work.distract("tree", tree.polygon(gsd_m), tree.height_m, change=happens)
    earth = sample_earth(work.scene, rng).mean_rgb
    for _ in range(work.options.stockpiles):
        radius = float(rng.uniform(1.3, 3.8))
        spot = ground.place_blob(rng, small.clear_of_roofs(ground), radius)
        looks = int(rng.integers(2**31))
        in_after = rng.random() < 0.7
        tall = float(np.clip(radius * rng.uniform(0.5, 0.7), 0.8, 4.0))
        if spot is None:
            continue
        heap = small.Blob(*spot, radius, tall, looks)
        small.draw_heap(work.after if in_after else work.before, heap, earth)
        ground.take(heap.polygon(gsd_m), 0.5)
        work.distract(
            "stockpile", heap.polygon(gsd_m), tall, epoch="after" if in_after else "before"
        )


def plant_vehicles(work: Work) -> None:
    """Vehicles that came, left or moved."""
    rng, ground, gsd_m = work.stream(6), work.ground, work.scene.gsd_m
    for _ in range(work.options.vehicles):
        form = str(rng.choice(("car", "van", "truck"), p=(0.65, 0.15, 0.2)))
        lengths, widths = small.VEHICLE_SIZES_M[form]
        size = (float(rng.uniform(*lengths)), float(rng.uniform(*widths)))
        looks = int(rng.integers(2**31))
        happens = str(rng.choice(("came", "left", "moved"), p=(0.35, 0.35, 0.3)))
        for epoch in ("before", "after"):
            if (epoch, happens) in (("before", "came"), ("after", "left")):
                continue
            spot = ground.place_vehicle(rng, size)
            if spot is None:
                continue
            canvas = work.before if epoch == "before" else work.after
            tall = small.draw_vehicle(canvas, spot, form, looks)
            ground.take(spot.polygon(gsd_m), 0.4)
            work.distract(
                "vehicle", spot.polygon(gsd_m), tall, form=form, epoch=epoch, change=happens
            )


def plant_small_things(work: Work) -> None:
    """Clutter, washing and puddles in either epoch."""
    rng, ground, gsd_m = work.stream(7), work.ground, work.scene.gsd_m
    lying = small.clear_of_roofs(ground)
    for number in range(work.options.clutter + work.options.laundry):
        washing = number >= work.options.clutter
        size = (
            (float(rng.uniform(2.0, 6.0)), float(rng.uniform(0.7, 1.4)))
            if washing
            else (float(rng.uniform(0.5, 3.4)), float(rng.uniform(0.4, 2.4)))
        )
        spot = ground.place_blob(rng, lying, max(size) / 2)
        looks, turn = int(rng.integers(2**31)), float(rng.uniform(0, math.pi))
        tall, in_after = float(rng.uniform(0.3, 1.8)), bool(rng.random() < 0.5)
        if spot is None:
            continue
        foot = Footprint(*spot, size[0], size[1], turn)
        canvas = work.after if in_after else work.before
        if washing:
            small.draw_washing(canvas, foot, looks)
        else:
            small.draw_clutter(canvas, foot, tall, looks)
        ground.take(foot.polygon(gsd_m), 0.2)
        work.distract(
            "laundry" if washing else "clutter",
            foot.polygon(gsd_m),
            0.0 if washing else tall,
            epoch="after" if in_after else "before",
        )
    for _ in range(work.options.puddles):
        radius = float(rng.uniform(1.0, 3.0))
        spot = ground.place_blob(rng, ground.paved | work.scene.soil, radius, min_share=0.9)
        looks, in_after = int(rng.integers(2**31)), bool(rng.random() < 0.5)
        if spot is None:
            continue
        puddle = small.Blob(*spot, radius, 0.0, looks)
        outline = small.draw_puddle(work.after if in_after else work.before, puddle)
        if outline is not None:
            work.distract("puddle", outline, 0.0, epoch="after" if in_after else "before")
            ground.take(outline, 0.2)
