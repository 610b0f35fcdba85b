"""Train the load-state classifier and write models/load: ONNX file and card.

    python scripts/train_load.py --sprites out/sprites out/tipper_views out/load_sets \
        --frames data/cctv --weights yolo11n_coco.pt

Rendered tippers (scripts that render sprites and load sets make them) are put into real road
pictures; a few real crops judged by eye (datasets/truck_labels) are shown with them. Starts from
the first layers of YOLO11n. The recipe is models/load/train.yaml. Needs the extra `train`; runs on
one thread of a CPU.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import sys
import time
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import yaml
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from datasets.classes import LOAD_STATES
from datasets.composing.sprites import Sprite, read_sprites
from datasets.load_crops import (
    LoadExample,
    LoadExamples,
    RealCrop,
    background_paths,
    for_validation,
    read_backgrounds,
    read_real_crops,
)
from models.cards import InputSpec, ModelCard, TrainingData, write_card
from models.load.network import LoadNetwork, export_onnx, stem_of
from models.mixed_precision import half_where_quick
from vision.camera.letterbox import fit
from vision.camera.load_state import crop

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "models" / "load"
JUDGED = ROOT / "datasets" / "truck_labels" / "openimages_trucks.csv"
OTHER_KINDS = frozenset({"car", "van", "bus", "truck"})
GRADIENT_NORM = 5.0


@dataclass(frozen=True)
class Recipe:
    """How the classifier is trained: the fields of models/load/train.yaml."""

    version: str
    seed: int
    size_px: int
    crops: int
    epochs: int
    batch: int
    rate: float
    tuned_rate: float
    weight_decay: float
    dropout: float
    style_share: float
    label_smoothing: float
    average: float
    stretch: float
    recoloured: float
    shares: dict[str, float]


@dataclass(frozen=True)
class Sources:
    """What examples are made from; states and others hold rendered vehicles."""

    states: dict[str, list[Sprite]]
    others: list[Sprite]
    real: list[RealCrop]
    maker: LoadExamples


class Draw:
    """Draws training crops by the shares of the recipe."""

    def __init__(self, sources: Sources, recipe: Recipe) -> None:
        """Prepare to draw; kinds without any example are left out."""
        self._sources = sources
        self._size = (recipe.size_px, recipe.size_px)
        there = {
            **{state: bool(sprites) for state, sprites in sources.states.items()},
            "others": bool(sources.others),
            "real": bool(sources.real),
        }
        self._kinds = [kind for kind in recipe.shares if there.get(kind)]
        weights = np.array([recipe.shares[kind] for kind in self._kinds])
        self._weights = weights / weights.sum()
        self._rng = np.random.default_rng(recipe.seed)

    def crops(self, count: int) -> tuple[Tensor, Tensor]:
        """Return crops, uint8 ``[N, 3, H, W]``, RGB, and their states, int ``[N]``."""
        crops = np.empty((count, 3, *self._size), np.uint8)
        states = np.empty(count, np.int64)
        for number in range(count):
            example = self._one()
            picture = crop(example.picture_rgb, example.box_xyxy)
            crops[number] = fit(picture, self._size)[0].transpose(2, 0, 1)
            states[number] = example.state
        return torch.from_numpy(crops), torch.from_numpy(states)

    def _one(self) -> LoadExample:
        sources, rng = self._sources, self._rng
        kind = self._kinds[int(rng.choice(len(self._kinds), p=self._weights))]
        if kind == "real":
            return sources.maker.varied(sources.real[int(rng.integers(len(sources.real)))], rng)
        sprites = sources.others if kind == "others" else sources.states[kind]
        state = "not_visible" if kind == "others" else kind
        sprite = sprites[int(rng.integers(len(sprites)))]
        return sources.maker.composed(sprite, LOAD_STATES.index(state), rng)


def main() -> None:
    """Train, export, write the card."""
    asked = _parse()
    recipe = read_recipe(asked.recipe)
    _fix_randomness(recipe.seed)
    sprites = [
        sprite
        for folder in asked.sprites
        for sprite in read_sprites(folder)
        if sprite.split == "train" and sprite.parts
    ]
    backgrounds = [path for path in background_paths(asked.frames) if not for_validation(path)]
    maker = LoadExamples(
        read_backgrounds(backgrounds),
        occluders=[sprite for sprite in sprites if sprite.kind == "car"],
        stretch=recipe.stretch,
        recoloured=recipe.recoloured,
    )
    sources = Sources(
        states=by_state(sprites),
        others=[sprite for sprite in sprites if sprite.kind in OTHER_KINDS],
        # Other real vehicles hide their load, if any: they would teach "real" to mean that.
        real=[real for real in read_real_crops(JUDGED, asked.frames) if real.tipper],
        maker=maker,
    )
    counts = {state: len(group) for state, group in sources.states.items()}
    print(f"tippers {counts}, others {len(sources.others)}, real {len(sources.real)}")
    network = LoadNetwork(
        stem_of(asked.weights),
        classes=len(LOAD_STATES),
        size_px=recipe.size_px,
        style_share=recipe.style_share,
        dropout=recipe.dropout,
    )
    started = time.monotonic()
    crops, states = Draw(sources, recipe).crops(recipe.crops)
    print(f"{len(states)} crops in {time.monotonic() - started:.0f} s", flush=True)
    trained = train(network, crops, states, recipe)
    minutes = (time.monotonic() - started) / 60
    asked.out.mkdir(parents=True, exist_ok=True)
    path = asked.out / f"load-{recipe.version}.onnx"
    export_onnx(trained, path, size_px=recipe.size_px, classes=LOAD_STATES)
    real = Counter(LOAD_STATES[one.state] for one in sources.real)
    facts = {
        "rendered_tippers": counts,
        "rendered_others": len(sources.others),
        "real_crops": dict(real),
        "backgrounds": len(backgrounds),
        "minutes": round(minutes, 1),
        "machine": "one thread of a CPU that other work was done on too, no GPU",
    }
    write_card(make_card(path, recipe, facts), asked.out / "card.yaml")
    print(f"{minutes:.1f} min: {path}")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--sprites", type=Path, nargs="+", required=True, help="folders with sprites.jsonl"
    )
    parser.add_argument("--frames", type=Path, required=True, help="folder with the road pictures")
    parser.add_argument("--weights", type=Path, required=True, help="YOLO11n checkpoint")
    parser.add_argument("--recipe", type=Path, default=FOLDER / "train.yaml")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder of the model")
    return parser.parse_args()


def read_recipe(path: Path) -> Recipe:
    """Read a recipe.

    Raises:
        TypeError: A field is missing or unknown.
    """
    return Recipe(**yaml.safe_load(path.read_text(encoding="utf-8")))


def _fix_randomness(seed: int) -> None:
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    random.seed(seed)
    os.environ["PYTHONHASHSEED"] = str(seed)


def by_state(sprites: list[Sprite]) -> dict[str, list[Sprite]]:
    """Sort muck trucks by their load state."""
    groups: dict[str, list[Sprite]] = defaultdict(list)
    for sprite in sprites:
        if sprite.kind == "muck_truck" and sprite.load_state is not None:
            groups[sprite.load_state].append(sprite)
    return {state: groups[state] for state in LOAD_STATES}


def train(network: LoadNetwork, crops: Tensor, states: Tensor, recipe: Recipe) -> LoadNetwork:
    """Train a network; returns it with the average of its weights over the last steps.

    Args:
        network: What to train.
        crops: uint8 ``[N, 3, H, W]``, RGB.
        states: int ``[N]``.
        recipe: How.
    """
    steps = len(states) // recipe.batch
    rates = [recipe.rate, recipe.rate * recipe.tuned_rate]
    optimizer = torch.optim.AdamW(
        [{"params": network.head_parameters()}, {"params": network.tuned_parameters()}],
        weight_decay=recipe.weight_decay,
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, rates, total_steps=steps * recipe.epochs, pct_start=0.15
    )
    average = torch.optim.swa_utils.AveragedModel(
        network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(recipe.average)
    )
    loss_of = nn.CrossEntropyLoss(label_smoothing=recipe.label_smoothing)
    network.to(memory_format=torch.channels_last).train()
    for epoch in range(1, recipe.epochs + 1):
        order = torch.randperm(len(states))[: steps * recipe.batch].view(steps, recipe.batch)
        losses, right = [], []
        for chosen in order:
            shown = varied(crops[chosen].float() / 255).to(memory_format=torch.channels_last)
            with half_where_quick():
                logits = network(shown).float()
            loss = loss_of(logits, states[chosen])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), GRADIENT_NORM)
            optimizer.step()
            schedule.step()
            average.update_parameters(network)
            losses.append(loss.item())
            right.append((logits.argmax(1) == states[chosen]).float().mean().item())
        print(f"epoch {epoch}: loss {np.mean(losses):.3f}, right {np.mean(right):.3f}", flush=True)
    trained: LoadNetwork = average.module.to(memory_format=torch.contiguous_format)
    return trained


def varied(crops: Tensor) -> Tensor:
    """Return crops, float ``[N, 3, H, W]``, 0 to 1, half of them mirrored, in another light."""
    mirrored = torch.rand(len(crops)) < 0.5
    crops = torch.where(mirrored[:, None, None, None], crops.flip(3), crops)
    gain = 1 + 0.15 * torch.randn(len(crops), 1, 1, 1) + 0.05 * torch.randn(len(crops), 3, 1, 1)
    return (crops * gain).clamp(0, 1)


def make_card(path: Path, recipe: Recipe, facts: dict[str, Any]) -> ModelCard:
    """Return the card of a freshly trained model; measurements of an old card do not carry over."""
    return ModelCard(
        name="load",
        version=recipe.version,
        task="classify",
        file=path.name,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        input=InputSpec(size_wh=(recipe.size_px, recipe.size_px), letterbox=True),
        classes=list(LOAD_STATES),
        licence="AGPL-3.0-or-later",
        trained_from="YOLO11n, COCO weights (Ultralytics, AGPL-3.0): its first nine layers",
        trained_on=[
            TrainingData(
                what="rendered tippers and other vehicles (datasets/scenes)",
                licence="CC BY 4.0, CityEye contributors",
            ),
            TrainingData(
                what="backgrounds: road pictures of mixed_traffic and topview_vehicle (Roboflow)",
                licence="CC BY 4.0",
            ),
            TrainingData(
                what="real tippers judged by eye (datasets/truck_labels), of Open Images: two "
                "empty, one whose load is not visible, none loaded",
                licence="Open Images, CC BY",
            ),
        ],
        recipe={
            "command": "python scripts/train_load.py --sprites SPRITES TIPPER_VIEWS LOAD_SETS "
            "--frames CCTV --weights yolo11n_coco.pt",
            "settings": asdict(recipe),
            **facts,
        },
        limits=LIMITS,
        never_tested=NEVER_TESTED,
    )


LIMITS = [
    "Loads were learned from rendered trucks put into real pictures, not from real loads: no real "
    "loaded truck was trained on. On a city's own cameras expect more errors than on the rendered "
    "test set.",
    "For a city that means: run it as a pilot first, let people review every finding, and train "
    "again on what they decide, before anything follows from a finding.",
    "Use it for trucks that the street detector calls muck_truck, and vote over the frames of a "
    "track; a single crop is no evidence.",
    "Level and heaped differ by what stands above the boards; seen from afar or from the front "
    "they are mixed up most.",
]
NEVER_TESTED = [
    "real trucks in a Chinese city; no such pictures were at hand",
    "night, rain and snow on real pictures",
    "real covered trucks other than one high-sided body under a blue tarpaulin",
]


if __name__ == "__main__":
    main()
