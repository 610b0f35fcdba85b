"""Train the learned change cue and write models/change: the ONNX file and its card.

    python scripts/make_change_pairs.py --out change_pairs
    python scripts/train_change.py --pairs change_pairs --start yolo11n.pt

Needs the extra ``train``. The recipe is models/change/train.yaml. The encoder starts from the
first layers of YOLO11n (COCO), the decoder from nothing. A GPU is used where there is one; two
CPU cores take about half an hour. The weights are also left beside the pairs: ``--go-on`` takes
them up again for another round. Figures are put on the card by scripts/evaluate_change.py.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import json
import math
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import torch
import yaml
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from datasets.change_pairs import (  # noqa: E402
    APPEARED,
    UNKNOWN,
    VANISHED,
    ChangeBlock,
    read_blocks,
)
from datasets.formats.card import SplitCounts, read_dataset_card  # noqa: E402
from models.cards import InputSpec, ModelCard, TrainingData, write_card  # noqa: E402
from models.change.network import ChangeNetwork, Exported  # noqa: E402
from models.mixed_precision import half_where_quick  # noqa: E402

FOLDER = ROOT / "models" / "change"
RECIPE = FOLDER / "train.yaml"
OPSET = 17
# Every so many blocks one is kept back, to watch the training. It shows the same places.
_WATCHED = 20
_REPORT_EVERY = 50


@dataclass(frozen=True, slots=True)
class Batch:
    """float pictures ``[N, 3, H, W]``; label uint8 ``[N, H / 2, W / 2]``."""

    before: Tensor
    after: Tensor
    label: Tensor


def draw_sample(
    block: ChangeBlock, rng: np.random.Generator, train: dict[str, Any]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    """Cut a training picture out of a block: zoomed, turned, slightly misaligned."""
    side = int(train["side_px"])
    rows, cols = block.label.shape
    zoom = float(np.exp(rng.uniform(-1, 1) * math.log(train["zoom"])))
    span = min(side / zoom, rows - 4.0, cols - 4.0)
    zoom = side / span
    left, top = float(rng.uniform(2, cols - span - 2)), float(rng.uniform(2, rows - span - 2))
    keep = np.array(((zoom, 0, -left * zoom), (0, zoom, -top * zoom)), np.float32)
    shift = rng.uniform(-1, 1, 2) * train["max_shift_px"]
    turn = float(rng.normal(0, 0.002))
    swing = turn * side / 2
    aside = ((0, -turn * zoom, shift[0] + swing), (turn * zoom, 0, shift[1] - swing))
    moved = keep + np.array(aside, np.float32)
    size, edge = (side, side), cv2.BORDER_REFLECT_101
    before = cv2.warpAffine(block.before, moved, size, flags=cv2.INTER_LINEAR, borderMode=edge)
    after = cv2.warpAffine(block.after, keep, size, flags=cv2.INTER_LINEAR, borderMode=edge)
    label = cv2.warpAffine(block.label, keep, size, flags=cv2.INTER_NEAREST, borderMode=edge)
    if rng.random() < 0.25:
        # One of the two cameras saw less.
        soft = float(rng.uniform(0.4, 1.1))
        if rng.random() < 0.5:
            before = cv2.GaussianBlur(before, (0, 0), soft)
        else:
            after = cv2.GaussianBlur(after, (0, 0), soft)
    turns, mirrored = int(rng.integers(4)), bool(rng.random() < 0.5)

    def turned(picture: NDArray[Any]) -> NDArray[Any]:
        out = np.rot90(picture, turns)
        return out[:, ::-1] if mirrored else out

    return turned(before), turned(after), turned(label)


def as_batch(
    samples: Sequence[tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]],
    device: torch.device,
) -> Batch:
    """Stack samples; labels at half their size, as the network answers."""

    def pictures(index: int) -> Tensor:
        stack = np.stack([sample[index] for sample in samples])
        return torch.from_numpy(stack).to(device).permute(0, 3, 1, 2).float() / 255

    label = np.stack([sample[2][::2, ::2] for sample in samples])
    return Batch(pictures(0), pictures(1), torch.from_numpy(label).to(device))


def jittered(pictures: Tensor, rng: np.random.Generator) -> Tensor:
    """Return pictures each a little brighter or darker, of another tint and contrast."""
    count = len(pictures)

    def draw(spread: float, bands: int) -> Tensor:
        values = np.exp(rng.normal(0, spread, (count, bands, 1, 1)))
        return torch.from_numpy(values.astype(np.float32)).to(pictures.device)

    lit = pictures.clamp(0, 1) ** draw(0.06, 1) * draw(0.05, 1) * draw(0.03, 3)
    return lit.clamp(0, 1)


def change_loss(log_odds: Tensor, label: Tensor, wanted: int, positive_weight: float) -> Tensor:
    """Cross entropy and one minus Dice; pixels of unknown label count in neither."""
    score = log_odds[:, 0].float()
    known = (label != UNKNOWN).float()
    target = (label == wanted).float()
    weight = known * (1 + (positive_weight - 1) * target)
    entropy = functional.binary_cross_entropy_with_logits(score, target, reduction="none")
    chance = torch.sigmoid(score) * known
    shared = (chance * target).sum()
    dice = 1 - (2 * shared + 50) / (chance.sum() + target.sum() + 50)
    return (entropy * weight).sum() / weight.sum() + 0.5 * dice


def watch(network: ChangeNetwork, blocks: Sequence[ChangeBlock], device: torch.device) -> float:
    """Return pixel F1 of both directions on the blocks kept back."""
    network.eval()
    with torch.no_grad():
        return _pixel_f1(network, blocks, device)


def _pixel_f1(network: ChangeNetwork, blocks: Sequence[ChangeBlock], device: torch.device) -> float:
    hits = claimed = there = 0
    for block in blocks:
        rows, cols = (side // 16 * 16 for side in block.label.shape)
        batch = as_batch(
            [(block.before[:rows, :cols], block.after[:rows, :cols], block.label[:rows, :cols])],
            device,
        )
        for log_odds, wanted in zip(
            network(batch.before, batch.after), (APPEARED, VANISHED), strict=True
        ):
            said = (log_odds[:, 0] > 0) & (batch.label != UNKNOWN)
            truth = batch.label == wanted
            hits += int((said & truth).sum())
            claimed += int(said.sum())
            there += int(truth.sum())
    return 2 * hits / max(claimed + there, 1)


def optimiser_of(network: ChangeNetwork, train: dict[str, Any]) -> torch.optim.Optimizer:
    """AdamW; the encoder learns slower, norms and biases are not drawn to zero."""
    groups: dict[tuple[bool, bool], list[Tensor]] = {}
    for name, value in network.named_parameters():
        key = (name.startswith("encoder."), value.ndim > 1)
        groups.setdefault(key, []).append(value)
    return torch.optim.AdamW(
        [
            {
                "params": values,
                "lr": train["rate"] * (train["encoder_rate"] if known else 1.0),
                "weight_decay": train["weight_decay"] if heavy else 0.0,
            }
            for (known, heavy), values in groups.items()
        ]
    )


def fit(
    network: ChangeNetwork,
    blocks: Sequence[ChangeBlock],
    *,
    train: dict[str, Any],
    seed: int,
    device: torch.device,
) -> tuple[ChangeNetwork, dict[str, float]]:
    """Train; return the average of the last weights, and what it took."""
    rng = np.random.default_rng(seed)
    watched = list(blocks[::_WATCHED])
    taught = [block for number, block in enumerate(blocks) if number % _WATCHED]
    optimiser = optimiser_of(network, train)
    rates = [group["lr"] for group in optimiser.param_groups]
    average = copy.deepcopy(network)
    start, losses, step = time.perf_counter(), [], 0
    while step < train["steps"]:
        minutes = (time.perf_counter() - start) / 60
        done = max(step / train["steps"], minutes / train["minutes"])
        if done >= 1:
            break
        for group, rate in zip(optimiser.param_groups, rates, strict=True):
            group["lr"] = rate * min(1.0, (step + 1) / 100) * 0.5 * (1 + math.cos(math.pi * done))
        samples = [
            draw_sample(taught[int(rng.integers(len(taught)))], rng, train)
            for _ in range(train["batch"])
        ]
        batch = as_batch(samples, device)
        network.train()
        with half_where_quick(device.type):
            appeared, vanished = network(jittered(batch.before, rng), jittered(batch.after, rng))
        loss = change_loss(appeared, batch.label, APPEARED, train["positive_weight"])
        loss = loss + change_loss(vanished, batch.label, VANISHED, train["positive_weight"])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()
        step += 1
        _follow(average, network, min(train["average"], 1 - 1 / (1 + step / 5)))
        losses.append(float(loss.detach()))
        if step % _REPORT_EVERY == 0:
            recent = float(np.mean(losses[-_REPORT_EVERY:]))
            print(f"step {step}  {minutes:.1f} min  loss {recent:.4f}", flush=True)
        if step % (8 * _REPORT_EVERY) == 0:
            print(f"  F1 on blocks kept back {watch(average, watched, device):.3f}", flush=True)
    spent = (time.perf_counter() - start) / 60
    f1 = watch(average, watched, device)
    print(f"{step} steps in {spent:.1f} min; F1 on blocks kept back {f1:.3f}", flush=True)
    return average, {
        "steps": step,
        "minutes": round(spent, 1),
        "loss_at_end": round(float(np.mean(losses[-200:])), 4),
        "pixel_f1_on_blocks_kept_back": round(f1, 3),
    }


def _follow(average: ChangeNetwork, network: ChangeNetwork, keep: float) -> None:
    pairs = zip(average.state_dict().values(), network.state_dict().values(), strict=True)
    with torch.no_grad():
        for old, new in pairs:
            if old.dtype.is_floating_point:
                old.lerp_(new, 1 - keep)
            else:
                old.copy_(new)


def export(network: ChangeNetwork, path: Path, *, gsd_m: float) -> str:
    """Write the network as ONNX with dynamic sizes; return the file's SHA-256."""
    shipped = Exported(copy.deepcopy(network).cpu()).eval()
    sample = (torch.rand(1, 3, 64, 96), torch.rand(1, 3, 64, 96))
    free = {0: "batch", 2: "height", 3: "width"}
    names = ("before", "after", "probability")
    torch.onnx.export(
        shipped,
        sample,
        str(path),
        input_names=list(names[:2]),
        output_names=[names[2]],
        opset_version=OPSET,
        dynamo=False,
        dynamic_axes={name: free for name in names},
    )
    model = onnx.load(str(path))
    onnx.helper.set_model_props(
        model, {"task": "change", "gsd_m": str(gsd_m), "names": json.dumps(["new_structure"])}
    )
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def make_card(
    recipe: dict[str, Any],
    *,
    file: Path,
    sha256: str,
    pairs: SplitCounts,
    rounds: list[dict[str, Any]],
) -> ModelCard:
    """Return the card of a freshly trained network; evaluation adds the metrics."""
    return ModelCard(
        name="change",
        version=str(recipe["version"]),
        task="change",
        file=file.name,
        sha256=sha256,
        input=InputSpec(),
        classes=["new_structure"],
        thresholds={"new_structure": 0.5},
        licence="AGPL-3.0-or-later, as the rest of CityEye",
        trained_from="encoder: first seven layers of YOLO11n trained on COCO (Ultralytics, "
        "AGPL-3.0); decoder: from nothing",
        trained_on=[
            TrainingData(
                what="orthophoto of Banepa, Nepal, 0.15 m, one flight campaign (OpenAerialMap), "
                "without the places that anything is measured on and what is near; not included",
                licence="CC BY 4.0",
            ),
            TrainingData(
                what="building outlines there (OpenStreetMap contributors), to cut out, erase and "
                "build on; not included",
                licence="ODbL",
            ),
            TrainingData(
                what="change made of it: planted by datasets.planting, roofs cut out, pasted and "
                "erased by datasets.change_pairs",
                licence="AGPL-3.0-or-later, as the rest of CityEye",
            ),
            TrainingData(
                what="pairs of made-up villages and towns, rendered by datasets.scenes",
                licence="CC BY 4.0, CityEye contributors",
            ),
        ],
        recipe={
            "commands": [
                "python scripts/render_survey_pairs.py --seed 101 --out survey_pairs",
                "python scripts/make_change_pairs.py --out change_pairs --rendered survey_pairs",
                "python scripts/train_change.py --pairs change_pairs --start yolo11n.pt",
                "python scripts/fit_surface_score.py --learned",
                "python scripts/evaluate_change.py",
            ],
            "settings": recipe,
            "pairs": pairs.model_dump(),
            "rounds": rounds,
        },
        limits=[
            "it was taught with made-up change: real roofs moved to other places and drawn ones; "
            "no real pair of surveys of one town took part",
            "the planted pairs it is measured on are made by the program that made a part of what "
            "it learned from, on other places of the same town: expect less on real change; "
            "pilot, review, train on",
            "one city and one flight campaign: its roofs, its soil, its light",
            "satellite pictures of another country are beyond it, see the metric levir",
            "taught at 0.3 m a pixel; coarser surveys are enlarged and show less",
            "what is built on a roof in the roof's own colour is often missed",
            "a roof that was only replaced or repainted may count as new",
            "long vehicles and heaps are sometimes taken for structures",
            "it answers for built structure only, not for bare ground, clearings or nets",
            "near the edge of a processing window its answers differ a little between windows",
        ],
        never_tested=[
            "two real flights over one Chinese city",
            "snow, night, flood, fresh burn",
            "high-rise districts, where towers lean differently in two flights",
            "satellite pictures coarser than 0.5 m",
        ],
    )


def main() -> int:
    """Train, export, write the card."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--pairs", type=Path, required=True, help="folder of blocks")
    parser.add_argument("--start", type=Path, required=True, help="YOLO11n weights (.pt)")
    parser.add_argument("--go-on", action="store_true", help="from the weights of the round before")
    parser.add_argument("--recipe", type=Path, default=RECIPE)
    parser.add_argument("--out", type=Path, default=FOLDER)
    parser.add_argument("--minutes", type=float, help="instead of the recipe's")
    parser.add_argument("--threads", type=int, help="CPU threads; all by default")
    args = parser.parse_args()
    if not args.start.exists():
        print(f"{args.start}: no such file. Get yolo11n.pt from Ultralytics.", file=sys.stderr)
        return 3
    recipe = yaml.safe_load(args.recipe.read_text(encoding="utf-8"))
    if args.minutes is not None:
        recipe["train"]["minutes"] = args.minutes
    cv2.setNumThreads(1)
    if args.threads:
        torch.set_num_threads(args.threads)
    torch.manual_seed(recipe["seed"])
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    blocks = [block for _, block in read_blocks(args.pairs)]
    if not blocks:
        print(f"{args.pairs}: no blocks; run scripts/make_change_pairs.py first", file=sys.stderr)
        return 3
    network = ChangeNetwork()
    network.start_from(args.start)
    kept = args.pairs.with_name(f"{args.pairs.name}-weights")
    weights, past = kept / "weights.pt", kept / "rounds.json"
    rounds: list[dict[str, Any]] = []
    if args.go_on:
        network.load_state_dict(torch.load(weights, weights_only=True))
        rounds = json.loads(past.read_text(encoding="utf-8"))
    print(
        f"{len(blocks)} blocks, {sum(p.numel() for p in network.parameters())} weights, {device}",
        flush=True,
    )
    network, spent = fit(
        network.to(device), blocks, train=recipe["train"], seed=recipe["seed"], device=device
    )
    machine = f"{platform.machine()}, {torch.get_num_threads()} threads, {device}"
    rounds.append(spent | {"blocks": len(blocks), "machine": machine})
    kept.mkdir(exist_ok=True)
    torch.save(network.state_dict(), weights)
    past.write_text(json.dumps(rounds, indent=1) + "\n", encoding="utf-8")
    args.out.mkdir(parents=True, exist_ok=True)
    file = args.out / f"change-{recipe['version']}.onnx"
    sha256 = export(network, file, gsd_m=recipe["gsd_m"])
    pairs = read_dataset_card(args.pairs).splits["train"]
    card = make_card(recipe, file=file, sha256=sha256, pairs=pairs, rounds=rounds)
    write_card(card, args.out / "card.yaml")
    print(f"{file}  {file.stat().st_size / 1e6:.2f} MB  {sha256[:12]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
