"""Known change planted into any orthophoto: two surveys, surfaces and the exact truth.

>>> from datasets.planting import PlantOptions, plant_pair
"""

from __future__ import annotations

from datasets.planting.light import relight
from datasets.planting.misalign import Misalignment, Wave
from datasets.planting.options import MisalignOptions, PlantOptions
from datasets.planting.pair import PlantedPair, plant_pair
from datasets.planting.scene import Sun
from datasets.planting.surface import SurfaceShift
from datasets.planting.truth import PlantedObject, truth_features, write_truth
from datasets.planting.writers import north_up, write_dsm, write_survey

__all__ = [
    "MisalignOptions",
    "Misalignment",
    "PlantOptions",
    "PlantedObject",
    "PlantedPair",
    "Sun",
    "SurfaceShift",
    "Wave",
    "north_up",
    "plant_pair",
    "relight",
    "truth_features",
    "write_dsm",
    "write_survey",
    "write_truth",
]
