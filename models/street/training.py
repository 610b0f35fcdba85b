"""Train a folded street network on YOLO folders.

Only training needs this module (extra `train`). The loop is our own: it keeps the folded network
as it is, warms all rates up from nothing, and writes no files; pictures, augmentation, label
assignment and loss are those of ultralytics.
"""

from __future__ import annotations

import math
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from torch import nn
from ultralytics.cfg import get_cfg
from ultralytics.data import build_dataloader, build_yolo_dataset
from ultralytics.nn.tasks import DetectionModel
from ultralytics.utils.torch_utils import init_seeds

LOG_EVERY_STEPS = 20
GRADIENT_NORM = 10.0


@dataclass(frozen=True)
class Recipe:
    """How the street network is trained; one YAML file.

    Attributes:
        size_px: Width and height of training pictures.
        epochs: Times every picture is shown.
        plain_epochs: Of these, the last ones without mosaics.
        batch: Pictures a step.
        frozen_layers: The first layers that keep their weights.
        rate: Peak learning rate of AdamW.
        row_rate_factor: How many times faster the output rows of the classes learn.
        weight_decay: Decay of weights, not of biases.
        warmup_share: Share of the way on which the rates rise from nothing.
        most_minutes: A slow machine stops here, its rates brought down by then.
        seed: Seed of order, augmentation and new rows.
        augment: Settings of ultralytics' augmentation.
    """

    size_px: int
    epochs: int
    plain_epochs: int
    batch: int
    frozen_layers: int
    rate: float
    row_rate_factor: float
    weight_decay: float
    warmup_share: float
    most_minutes: float
    seed: int
    augment: dict[str, float]


def read_recipe(path: Path) -> Recipe:
    """Read a recipe; unknown or missing fields are an error."""
    return Recipe(**yaml.safe_load(path.read_text(encoding="utf-8")))


def freeze(network: DetectionModel, layers: int) -> None:
    """Let only the layers from `layers` on learn."""
    for number, layer in enumerate(network.model):
        layer.requires_grad_(number >= layers)
    # Constants, see `surgery.network_from_onnx`.
    network.model[-1].dfl.requires_grad_(False)


def parameter_groups(network: DetectionModel, recipe: Recipe) -> list[dict[str, Any]]:
    """Groups for the optimiser: weights, biases, and the class rows, each with its peak rate."""
    rows = {
        id(parameter) for branch in network.model[-1].cv3 for parameter in branch[-1].parameters()
    }
    learning = [p for p in network.parameters() if p.requires_grad]
    slow = [p for p in learning if id(p) not in rows]
    groups = [
        ([p for p in slow if p.ndim > 1], recipe.rate, recipe.weight_decay),
        ([p for p in slow if p.ndim == 1], recipe.rate, 0.0),
        ([p for p in learning if id(p) in rows], recipe.rate * recipe.row_rate_factor, 0.0),
    ]
    return [
        {"params": params, "lr": rate, "peak": rate, "weight_decay": decay}
        for params, rate, decay in groups
        if params
    ]


def rate_share(progress: float, warmup_share: float) -> float:
    """Share of the peak rate at 0 to 1 of the way: up in a line, down in half a cosine to 2 %."""
    if progress < warmup_share:
        return max(0.02, progress / warmup_share)
    falling = min(1.0, (progress - warmup_share) / (1 - warmup_share))
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * falling))


def batches(
    images: Sequence[Path], classes: Sequence[str], recipe: Recipe
) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """Augmented batches of all epochs: (step, steps in all, batch)."""
    settings = get_cfg(overrides={"imgsz": recipe.size_px, "cache": "ram", **recipe.augment})
    names = dict(enumerate(classes))
    data = {"names": names, "nc": len(names), "channels": 3}
    with tempfile.TemporaryDirectory() as scratch:
        listed = Path(scratch) / "train.txt"
        listed.write_text("".join(f"{path.resolve()}\n" for path in images), encoding="utf-8")
        dataset = build_yolo_dataset(settings, str(listed), recipe.batch, data, mode="train")
    loader = build_dataloader(dataset, recipe.batch, workers=1, device="cpu", pin_memory=False)
    steps = len(loader) * recipe.epochs
    step = 0
    for epoch in range(recipe.epochs):
        if epoch == recipe.epochs - recipe.plain_epochs:
            dataset.close_mosaic(settings)
            loader.reset()
        for batch in loader:
            yield step, steps, batch
            step += 1
    loader.close()


def train(
    network: DetectionModel,
    images: Sequence[Path],
    *,
    classes: Sequence[str],
    recipe: Recipe,
    log: Callable[[str], None],
) -> None:
    """Train a network in place.

    Args:
        network: Folded network with one output row per class.
        images: Pictures to show in an epoch; their labels lie where YOLO expects them. One that
            is named twice is shown twice.
        classes: Class names, in the order of the network.
        recipe: How to train.
        log: Told now and then how it goes.
    """
    init_seeds(recipe.seed)
    random.seed(recipe.seed)
    np.random.seed(recipe.seed)
    network.args = get_cfg(overrides={"imgsz": recipe.size_px})
    network.criterion = None
    freeze(network, recipe.frozen_layers)
    optimiser = torch.optim.AdamW(parameter_groups(network, recipe), betas=(0.9, 0.999))
    network.to(memory_format=torch.channels_last).train()
    running = torch.zeros(3)
    began: float | None = None
    for step, steps, batch in batches(images, classes, recipe):
        # The clock of the rates starts when the pictures have been read, or they would not warm up.
        began = began or time.perf_counter()
        spent = (time.perf_counter() - began) / (60 * recipe.most_minutes)
        if spent >= 1:
            log(f"stopped after {step} of {steps} steps: {recipe.most_minutes} minutes are over")
            break
        progress = max(step / steps, spent)
        for group in optimiser.param_groups:
            group["lr"] = group["peak"] * rate_share(progress, recipe.warmup_share)
        batch["img"] = batch["img"].float().div(255).to(memory_format=torch.channels_last)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            predictions = network(batch["img"])
        # The loss is taken in float32: assignment and box distances need it.
        exact = {
            name: value.float() if torch.is_tensor(value) else value
            for name, value in predictions.items()
        }
        loss, parts = network.loss(batch, exact)
        optimiser.zero_grad(set_to_none=True)
        loss.sum().backward()
        nn.utils.clip_grad_norm_(network.parameters(), GRADIENT_NORM)
        optimiser.step()
        running += torch.stack([torch.as_tensor(value) for value in parts.values()])
        if (step + 1) % LOG_EVERY_STEPS == 0 or step + 1 == steps:
            seconds = time.perf_counter() - began
            mean = (running / LOG_EVERY_STEPS).tolist()
            log(f"step {step + 1}/{steps}, {seconds:.0f} s, box/class/dfl loss {mean}")
            running.zero_()
    network.to(memory_format=torch.contiguous_format).eval()
