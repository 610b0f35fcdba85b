"""Train a folded street network on YOLO folders.

Only training needs this module (extra `train`). The loop is our own: it keeps the folded network
as it is, warms all rates up from nothing, and writes no files; label assignment and loss are those
of ultralytics, the windows that are shown come from :mod:`models.street.views`.
"""

from __future__ import annotations

import copy
import math
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import yaml
from torch import Tensor, multiprocessing, nn
from torch.nn import functional
from ultralytics.cfg import get_cfg
from ultralytics.nn.tasks import DetectionModel
from ultralytics.utils.tal import make_anchors
from ultralytics.utils.torch_utils import init_seeds

from models.mixed_precision import half_where_quick
from models.street.views import Views, batches

LOG_EVERY_STEPS = 20
GRADIENT_NORM = 10.0


@dataclass(frozen=True)
class Recipe:
    """How the street network is trained; one YAML file.

    Attributes:
        epochs: Times every picture is shown.
        batch: Pictures a step.
        frozen_layers: The first layers that keep their weights.
        rate: Peak learning rate of AdamW.
        row_rate_factor: How many times faster the output rows of the classes learn.
        weight_decay: Decay of weights, not of biases.
        warmup_share: Share of the way on which the rates rise from nothing.
        most_minutes: A slow machine stops here, its rates brought down by then.
        seed: Seed of order and windows.
        views: How windows are cut out of the pictures.
        class_weights: What a class counts in the loss; 1 where it is not named.
        keep: What the network's own scores from before count as a second target (Li and Hoiem,
            Learning without Forgetting, 2016), against the loss of the labels' classes.
        learned_anew: Classes in whose boxes labels alone count.
        share: Of the weights that come of it, what the trained ones count; the rest is as before.
            Half-way between two trainings of one start a detector keeps what the one knows of real
            streets and the other of rendered ones (Wortsman et al., Robust fine-tuning of
            zero-shot models, CVPR 2022).
    """

    epochs: int
    batch: int
    frozen_layers: int
    rate: float
    row_rate_factor: float
    weight_decay: float
    warmup_share: float
    most_minutes: float
    seed: int
    views: Views
    class_weights: dict[str, float] = field(default_factory=dict)
    keep: float = 0.0
    learned_anew: tuple[str, ...] = ()
    share: float = 1.0


def read_recipe(path: Path) -> Recipe:
    """Read a recipe; unknown or missing fields are an error."""
    fields = yaml.safe_load(path.read_text(encoding="utf-8"))
    views: dict[str, Any] = fields.pop("views")
    pairs: dict[str, Any] = {name: tuple(views[name]) for name in ("size_wh", "zoom")}
    fields["learned_anew"] = tuple(fields.get("learned_anew", ()))
    return Recipe(**fields, views=Views(**{**views, **pairs}))


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


class Keeping:
    """A second target: what the network said before it was trained."""

    def __init__(self, network: DetectionModel, learned_anew: Sequence[str]) -> None:
        """Keep a copy of the network; in boxes of the named classes it may say something else."""
        before = copy.deepcopy(network).requires_grad_(False).train()
        self._before = before.to(memory_format=torch.channels_last)
        anew = [number for number, name in network.names.items() if name in learned_anew]
        self._anew = torch.tensor(anew)

    def loss(self, pictures: Tensor, truth: Tensor, scores: Tensor) -> Tensor:
        """Binary cross-entropy to the scores from before, over their sum: as labels count.

        Args:
            pictures: float (N, 3, H, W), as they were shown.
            truth: float (n, 6): number of the picture, class, centre and size in shares of it.
            scores: Logits now, float (N, classes, anchors).
        """
        with torch.no_grad(), half_where_quick():
            said = self._before(pictures)
        before = said["scores"].float().sigmoid()
        cells, strides = make_anchors(said["feats"], self._before.model[-1].stride, 0.5)
        height, width = pictures.shape[2:]
        places = cells.float() * strides.float() / torch.tensor([width, height])
        boxes = truth[torch.isin(truth[:, 1].long(), self._anew)]
        away = (places[None] - boxes[:, None, 2:4]).abs()
        inside = (away <= boxes[:, None, 4:6] / 2).all(dim=2).float()
        kept = torch.zeros(len(pictures), len(places)).index_add_(0, boxes[:, 0].long(), inside) < 1
        wrong = functional.binary_cross_entropy_with_logits(scores, before, reduction="none")
        weight = kept[:, None].float()
        return (wrong * weight).sum() / (before * weight).sum().clamp(min=1.0)


def average_gradients(network: DetectionModel, workers: int) -> None:
    """Give all workers the mean of their gradients."""
    held = [p.grad for p in network.parameters() if p.grad is not None]
    flat = torch.cat([gradient.reshape(-1) for gradient in held])
    dist.all_reduce(flat)
    for gradient, mean in zip(held, flat.split([g.numel() for g in held]), strict=True):
        gradient.copy_(mean.view_as(gradient) / workers)


def train_together(
    network: DetectionModel, images: Sequence[Path], *, recipe: Recipe, processes: int
) -> None:
    """Train a network in place with several processes, one thread each, on their shares of a batch.

    On a busy machine threads spend most of their time waiting for each other, processes do not.

    Args:
        network: See `train`.
        images: See `train`.
        recipe: See `train`; its batch is shared out.
        processes: How many; a divisor of the batch.
    """
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with tempfile.TemporaryDirectory() as scratch:
        multiprocessing.spawn(
            _train_a_share, (processes, scratch, network, list(images), recipe), nprocs=processes
        )
        trained = torch.load(Path(scratch) / "weights.pt")
    weights = {n: before[n].lerp(trained[n], recipe.share) for n in network.state_dict()}
    network.load_state_dict(weights)
    network.eval()


def _train_a_share(
    rank: int,
    processes: int,
    scratch: str,
    network: DetectionModel,
    images: list[Path],
    recipe: Recipe,
) -> None:
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"file://{scratch}/meeting", rank=rank, world_size=processes
    )
    log: Callable[[str], None] = partial(print, flush=True) if rank == 0 else lambda _: None
    train(network, images, recipe=recipe, log=log)
    if rank == 0:
        torch.save(network.state_dict(), Path(scratch) / "weights.pt")
    dist.destroy_process_group()


def train(
    network: DetectionModel,
    images: Sequence[Path],
    *,
    recipe: Recipe,
    log: Callable[[str], None],
) -> None:
    """Train a network in place.

    Args:
        network: Folded network with one output row per class.
        images: Pictures to show in an epoch; their labels lie where YOLO expects them. One that
            is named twice is shown twice.
        recipe: How to train.
        log: Told now and then how it goes.
    """
    together = dist.is_initialized()
    rank, workers = (dist.get_rank(), dist.get_world_size()) if together else (0, 1)
    init_seeds(recipe.seed)
    network.args = get_cfg()
    network.class_weights = torch.tensor(
        [recipe.class_weights.get(name, 1.0) for name in network.names.values()]
    )
    network.criterion = None
    keeping = Keeping(network, recipe.learned_anew) if recipe.keep else None
    freeze(network, recipe.frozen_layers)
    optimiser = torch.optim.AdamW(parameter_groups(network, recipe), betas=(0.9, 0.999))
    network.to(memory_format=torch.channels_last).train()
    running = torch.zeros(4)
    began = time.perf_counter()
    # A city's first export may hold fewer pictures than a batch.
    own = max(1, min(recipe.batch, len(images)) // workers)
    steps = max(1, len(images) // (own * workers)) * recipe.epochs
    shown = batches(
        images[rank::workers],
        recipe.views,
        batch=own,
        # The shares of the pictures differ by one at most: the longest way ends the shortest.
        epochs=recipe.epochs + 1,
        seed=recipe.seed + rank,
    )
    for step, (windows, labels) in zip(range(steps), shown, strict=False):
        spent = (time.perf_counter() - began) / (60 * recipe.most_minutes)
        if together:
            # All must stop at the same step, or those that go on wait for ever.
            slowest = torch.tensor(spent)
            dist.all_reduce(slowest, dist.ReduceOp.MAX)
            spent = float(slowest)
        if spent >= 1:
            log(f"stopped after {step} of {steps} steps: {recipe.most_minutes} minutes are over")
            break
        progress = max(step / steps, spent)
        for group in optimiser.param_groups:
            group["lr"] = group["peak"] * rate_share(progress, recipe.warmup_share)
        # Rows of pixels with their colours side by side are what channels_last means.
        pictures = torch.from_numpy(windows).permute(0, 3, 1, 2).float().div(255)
        truth = torch.from_numpy(labels)
        batch = {"batch_idx": truth[:, 0], "cls": truth[:, 1:2], "bboxes": truth[:, 2:]}
        with half_where_quick():
            predictions = network(pictures)
        # The loss is taken in float32: assignment and box distances need it.
        exact = {
            name: value.float() if torch.is_tensor(value) else value
            for name, value in predictions.items()
        }
        loss, parts = network.loss(batch, exact)
        total = loss.sum()
        if keeping is not None:
            kept = keeping.loss(pictures, truth, exact["scores"])
            total = total + recipe.keep * network.args.cls * len(pictures) * kept
            running[3] += kept.detach()
        optimiser.zero_grad(set_to_none=True)
        total.backward()
        if together:
            average_gradients(network, workers)
        nn.utils.clip_grad_norm_(network.parameters(), GRADIENT_NORM)
        optimiser.step()
        running[:3] += torch.stack([torch.as_tensor(value) for value in parts.values()])
        if (step + 1) % LOG_EVERY_STEPS == 0 or step + 1 == steps:
            seconds = time.perf_counter() - began
            mean = (running / LOG_EVERY_STEPS).tolist()
            log(f"step {step + 1}/{steps}, {seconds:.0f} s, box/class/dfl/kept loss {mean}")
            running.zero_()
    shown.close()
    network.to(memory_format=torch.contiguous_format).eval()
