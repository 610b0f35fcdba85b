"""Traffic beside the muck trucks: which designs there are of each kind, and how they are made."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from datasets.scenes.asset import Asset
from datasets.scenes.vehicle_buses import bus
from datasets.scenes.vehicle_cars import car
from datasets.scenes.vehicle_lorries import lorry
from datasets.scenes.vehicle_two_wheelers import two_wheeler

TRAIN_DESIGNS: dict[str, tuple[str, ...]] = {
    "car": ("sedan", "hatchback", "suv", "pickup"),
    "van": ("panel_van", "minibus"),
    "bus": ("city_bus", "coach"),
    "truck": ("box_lorry", "flatbed", "mixer", "skip_lorry"),
    "two_wheeler": ("bicycle", "scooter", "motorcycle", "tricycle_bed", "tricycle_box"),
}
TEST_DESIGNS: dict[str, tuple[str, ...]] = {
    "car": ("fastback", "estate"),
    "van": ("high_roof_van",),
    "bus": ("midi_bus",),
    "truck": ("curtain_side", "tanker"),
    "two_wheeler": ("folding_bicycle", "sports_motorcycle"),
}
_BUILDERS: dict[str, Callable[..., Asset]] = {
    "car": car,
    "van": car,
    "bus": bus,
    "truck": lorry,
    "two_wheeler": two_wheeler,
}


def vehicle(rng: np.random.Generator, kind: str, *, design: str) -> Asset:
    """Return a vehicle.

    Args:
        rng: source of chance.
        kind: ``car``, ``van``, ``bus``, ``truck`` or ``two_wheeler``.
        design: one of the kind's designs.
    """
    return _BUILDERS[kind](rng, design=design)
