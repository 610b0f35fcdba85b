"""Which kinds of assets there are, and how one of a kind is made for training or for testing."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

import numpy as np

from datasets.scenes import lookalikes, muck_trucks, people, vehicles, vending
from datasets.scenes.asset import Asset

Split = Literal["train", "test"]
SPLITS: tuple[Split, ...] = ("train", "test")
Maker = Callable[[np.random.Generator, Split], Asset]


def _muck_truck(rng: np.random.Generator, split: Split) -> Asset:
    designs = muck_trucks.TRAIN_DESIGNS if split == "train" else muck_trucks.TEST_DESIGNS
    return muck_trucks.muck_truck(rng, design=muck_trucks.draw_design(rng, designs))


def _vehicle(rng: np.random.Generator, split: Split, *, kind: str) -> Asset:
    designs = vehicles.TRAIN_DESIGNS if split == "train" else vehicles.TEST_DESIGNS
    return vehicles.vehicle(rng, kind, design=str(rng.choice(designs[kind])))


def _vending(rng: np.random.Generator, split: Split) -> Asset:
    designs = vending.TRAIN_DESIGNS if split == "train" else vending.TEST_DESIGNS
    return vending.joined(vending.vending(rng, design=vending.draw_design(rng, designs)))


def _lookalike(rng: np.random.Generator, split: Split) -> Asset:
    designs = lookalikes.TRAIN_DESIGNS if split == "train" else lookalikes.TEST_DESIGNS
    return lookalikes.lookalike(rng, design=lookalikes.draw_design(rng, designs))


def _person(rng: np.random.Generator, split: Split) -> Asset:
    designs = people.TRAIN_DESIGNS if split == "train" else people.TEST_DESIGNS
    return people.person(rng, design=str(rng.choice(designs)))


CATALOGUE: dict[str, Maker] = {
    "muck_truck": _muck_truck,
    **{kind: partial(_vehicle, kind=kind) for kind in vehicles.TRAIN_DESIGNS},
    "vending": _vending,
    "lookalike": _lookalike,
    "person": _person,
}
"""Kind to the function that makes one; designs of the two splits never mix."""
